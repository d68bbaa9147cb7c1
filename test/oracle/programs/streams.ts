/** TCP data: read, write and their kin, flags, urgent data, counts in the queues. */
import { F, IOCTL, IPPROTO, MSG, O, SHUT, SO, SOCK, SOL, TCP } from '../numbers.ts';
import { familyOnly } from '../address.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import {
  ALL_FAMILIES, FAMILIES, INET, INET6, POLL, PORT, drain, ints, pair, pattern, room, state, stream, text, wait, silently } from '../toolkit.ts';

const transfer = FAMILIES.map((family) => program(`stream-read-write-${family.name}`, async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, family);
  await p.write(client, text('hello'));
  await wait(p, server, POLL.IN);
  await p.read(server, room(2));
  await p.read(server, room(16));
  // Writes run together, a read may cut anywhere.
  await p.write(server, text('one'));
  await p.write(server, text('two'));
  await env.settle();
  await p.ioctl(client, IOCTL.FIONREAD);
  await p.read(client, room(4));
  await p.ioctl(client, IOCTL.FIONREAD);
  await p.read(client, room(4));
  await p.write(client, room(0));
  await p.send(client, room(0), 0);
  await p.read(client, room(0));
  await env.attempt(p.recv(client, room(0), MSG.DONTWAIT));
  await p.writev(client, [text('a'), text('bc'), room(0), text('def')]);
  await wait(p, server, POLL.IN);
  await p.readv(server, [room(2), room(0), room(1), room(10)]);
  await p.writev(client, []);
  await p.readv(server, []);
  await p.send(client, text('sent'), MSG.NOSIGNAL);
  await p.send(client, text(' more'), MSG.MORE);
  await p.send(client, text(' end'), 0);
  await env.settle();
  await p.recv(server, room(64), 0);
  await p.sendto(client, text('addressed'), 0, null);
  await wait(p, server, POLL.IN);
  await p.recvfrom(server, room(64), 0);
  // A destination on a connected stream is ignored or refused.
  await env.attempt(p.sendto(client, text('x'), 0, family.loopback(PORT)));
  await env.attempt(p.sendto(client, text('y'), 0, family.elsewhere(PORT)));
  await env.settle();
  await p.recv(server, room(64), 0);
  await p.sendmsg(client, { iov: [text('mes'), text('sage')] }, 0);
  await wait(p, server, POLL.IN);
  await p.recvmsg(server, [room(3), room(8)], 0, 128, 64);
  await p.sendmsg(client, { name: family.loopback(PORT), iov: [text('named')] }, 0);
  await wait(p, server, POLL.IN);
  await p.recvmsg(server, [room(8)], 0);
}));

const large = FAMILIES.map((family) => program(`stream-large-${family.name}`, async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, family);
  for (const size of [1000, 20000, 65483, 65484, 100000]) {
    await p.write(client, pattern(size, size));
    await env.settle(40);
    // Beyond the first window it is a matter of timing how much has arrived.
    if (size <= 20000) await p.ioctl(server, IOCTL.FIONREAD);
    await p.recv(server, room(size), MSG.WAITALL);
  }
  // Bigger than both buffers: the write blocks until the reader made room.
  const size = 8_000_000;
  const writing = env.begin(p.write(client, pattern(size)));
  const all = room(size);
  await p.recv(server, all, MSG.WAITALL);
  await writing;
  await p.writev(client, [pattern(30000, 3), pattern(30000, 4)]);
  await env.settle(40);
  await p.readv(server, [room(10000), room(50000)]);
}));

const flags = FAMILIES.map((family) => program(`stream-flags-${family.name}`, async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, family);
  await env.attempt(p.recv(server, room(4), MSG.DONTWAIT));
  await env.attempt(p.recv(server, room(4), MSG.DONTWAIT | MSG.PEEK));
  await env.attempt(p.recv(server, room(4), MSG.DONTWAIT | MSG.WAITALL));
  await p.write(client, text('abcdef'));
  await wait(p, server, POLL.IN);
  await p.recv(server, room(3), MSG.PEEK);
  await p.recv(server, room(16), MSG.PEEK);
  await p.recv(server, room(16), MSG.PEEK | MSG.DONTWAIT);
  await p.recvfrom(server, room(16), MSG.PEEK);
  await p.recvmsg(server, [room(2), room(2)], MSG.PEEK, 128);
  await p.recv(server, room(16), MSG.DONTWAIT | MSG.WAITALL);
  await p.write(client, text('123456'));
  await wait(p, server, POLL.IN);
  // MSG_TRUNC throws stream data away.
  await p.recv(server, room(2), MSG.TRUNC);
  await p.recv(server, room(2), MSG.TRUNC | MSG.PEEK);
  await p.recv(server, room(16), 0);
  // MSG_WAITALL waits over several writes.
  const waiting = env.begin(p.recv(server, room(6), MSG.WAITALL));
  await env.settle();
  await p.write(client, text('abc'));
  await env.settle();
  await p.write(client, text('defgh'));
  await waiting;
  await p.recv(server, room(8), 0);
  // ... and is content with less at the end of the stream.
  const ending = env.begin(p.recv(server, room(6), MSG.WAITALL));
  await env.settle();
  await p.write(client, text('xy'));
  await env.settle();
  await p.shutdown(client, SHUT.WR);
  await ending;
  await p.recv(server, room(6), MSG.WAITALL);
  await p.recv(server, room(6), MSG.PEEK);
  await env.attempt(p.recv(server, room(6), MSG.ERRQUEUE));
}));

const lowWater = program('stream-low-water', async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, INET);
  await p.setsockopt(server, SOL.SOCKET, SO.RCVLOWAT, ints(4));
  await p.getsockopt(server, SOL.SOCKET, SO.RCVLOWAT, 4);
  await p.write(client, text('ab'));
  await env.settle();
  await state(p, server);
  const reading = env.begin(p.read(server, room(16)));
  await env.settle();
  // Linux wakes the reader only once the queue alone has as much as the mark, whatever the read has taken already.
  await p.write(client, text('cdxy'));
  await reading;
  await p.write(client, text('efgh'));
  await env.settle();
  await state(p, server);
  // A buffer smaller than the mark, and a call that must not wait.
  await p.read(server, room(2));
  await p.recv(server, room(16), MSG.DONTWAIT);
  await p.write(client, text('z'));
  await env.settle();
  await state(p, server);
  await p.shutdown(client, SHUT.WR);
  await env.settle();
  await state(p, server);
  await p.read(server, room(16));
  for (const value of [0, -1, 1]) {
    await env.attempt(p.setsockopt(server, SOL.SOCKET, SO.RCVLOWAT, ints(value)));
    await p.getsockopt(server, SOL.SOCKET, SO.RCVLOWAT, 4);
  }
});

const lowWaterParts = program('stream-low-water-parts', async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, INET);
  await p.setsockopt(server, SOL.SOCKET, SO.RCVLOWAT, ints(4));
  await p.write(client, text('ab'));
  await env.settle();
  let returned = false;
  const reading = env.begin(p.read(server, room(16)).then((count) => {
    returned = true;
    return count;
  }));
  await env.settle();
  // The mark is reached with what the read has taken already, but not by what is queued alone.
  await p.write(client, text('cd'));
  await env.settle();
  env.note('the read has returned', returned);
  await p.shutdown(client, SHUT.WR);
  await reading;
});

const queues = FAMILIES.map((family) => program(`stream-queue-sizes-${family.name}`, async (env) => {
  const p = await env.process();
  const fd = await stream(p, family);
  await env.attempt(p.ioctl(fd, IOCTL.FIONREAD));
  await env.attempt(p.ioctl(fd, IOCTL.SIOCOUTQ));
  await env.attempt(p.ioctl(fd, IOCTL.SIOCATMARK));
  await env.attempt(p.ioctl(fd, 0x1234));
  const { listening, client, server } = await pair(p, family);
  await env.attempt(p.ioctl(listening, IOCTL.FIONREAD));
  await env.attempt(p.ioctl(listening, IOCTL.SIOCOUTQ));
  await env.attempt(p.ioctl(listening, IOCTL.SIOCATMARK));
  await p.ioctl(client, IOCTL.SIOCOUTQ);
  await p.write(client, text('12345'));
  await env.settle(60);
  await p.ioctl(client, IOCTL.SIOCOUTQ);
  await p.ioctl(server, IOCTL.FIONREAD);
  await p.shutdown(client, SHUT.WR);
  await env.settle(60);
  await p.ioctl(client, IOCTL.SIOCOUTQ);
  await p.ioctl(server, IOCTL.FIONREAD);
  await p.read(server, room(8));
  await p.ioctl(server, IOCTL.FIONREAD);
}));

/** SIOCOUTQ where there is no connection any more: what Linux subtracts from what, then. */
const queuesOfTheClosed = FAMILIES.map((family) => program(`stream-queue-of-closed-${family.name}`, async (env) => {
  const p = await env.process();
  const outq = (fd: number): Promise<number> => p.ioctl(fd, IOCTL.SIOCOUTQ);
  const fd = await stream(p, family);
  await env.attempt(p.connect(fd, family.loopback(9)));
  await outq(fd);
  await p.connect(fd, familyOnly(0));
  await outq(fd);
  const waiting = await stream(p, family, SOCK.NONBLOCK);
  await env.attempt(p.connect(waiting, family.loopback(9)));
  await env.settle(10);
  await outq(waiting);
  await env.attempt(p.connect(waiting, family.loopback(9)));
  await outq(waiting);
  const { listening, client, server } = await pair(p, family);
  await p.write(client, text('12345'));
  await env.settle(60);
  await p.close(server);
  await env.settle(10);
  await outq(client);
  await p.connect(client, familyOnly(0));
  await outq(client);
  await p.connect(client, familyOnly(0));
  await outq(client);
  await p.connect(listening, familyOnly(0));
  await outq(listening);
  // A FIN behind what the peer has no room for.
  const full = await pair(p, family, PORT + 1);
  await p.fcntl(full.client, F.SETFL, O.NONBLOCK);
  while ((await silently(p).write(full.client, room(50_000)).catch(() => 0)) > 0);
  await env.settle(300);
  const before = await silently(p).ioctl(full.client, IOCTL.SIOCOUTQ);
  await p.shutdown(full.client, SHUT.WR);
  env.note('a FIN counts as', String((await silently(p).ioctl(full.client, IOCTL.SIOCOUTQ)) - before));
}));

const clampForgotten = FAMILIES.map((family) => program(`stream-window-clamp-forgotten-${family.name}`, async (env) => {
  const p = await env.process();
  const clamp = (fd: number): Promise<Uint8Array> => p.getsockopt(fd, IPPROTO.TCP, TCP.WINDOW_CLAMP, 4);
  const fd = await stream(p, family);
  await clamp(fd);
  await env.attempt(p.connect(fd, family.loopback(9)));
  await clamp(fd);
  await p.setsockopt(fd, IPPROTO.TCP, TCP.WINDOW_CLAMP, ints(20_000));
  await clamp(fd);
  await p.connect(fd, familyOnly(0));
  await clamp(fd);
  await p.setsockopt(fd, IPPROTO.TCP, TCP.MAXSEG, ints(1000));
  await p.connect(fd, familyOnly(0));
  await p.getsockopt(fd, IPPROTO.TCP, TCP.MAXSEG, 4);
  const { client } = await pair(p, family);
  await p.connect(client, familyOnly(0));
  await clamp(client);
  await p.getsockopt(client, IPPROTO.TCP, TCP.MAXSEG, 4);
}));

const urgent = FAMILIES.flatMap((family) => [false, true].map((inline) => (
  program(`urgent-${inline ? 'inline' : 'apart'}-${family.name}`, async (env) => {
    const p = await env.process();
    const { client, server } = await pair(p, family);
    if (inline) await p.setsockopt(server, SOL.SOCKET, SO.OOBINLINE, ints(1));
    await env.attempt(p.recv(server, room(4), MSG.OOB | MSG.DONTWAIT));
    await p.ioctl(server, IOCTL.SIOCATMARK);
    await p.send(client, text('abc'), MSG.OOB);
    await env.settle();
    await state(p, server);
    await p.ioctl(server, IOCTL.SIOCATMARK);
    await p.ioctl(server, IOCTL.FIONREAD);
    await env.attempt(p.recv(server, room(4), MSG.OOB | MSG.PEEK));
    await env.attempt(p.recv(server, room(4), MSG.OOB));
    await env.attempt(p.recv(server, room(4), MSG.OOB));
    await state(p, server);
    // A read stops at the mark.
    await p.write(client, text('after'));
    await env.settle();
    await p.recv(server, room(16), 0);
    await p.ioctl(server, IOCTL.SIOCATMARK);
    await state(p, server);
    await p.recv(server, room(16), 0);
    await p.ioctl(server, IOCTL.SIOCATMARK);
    await state(p, server);
    // A second urgent byte replaces the first one.
    await p.send(client, text('1'), MSG.OOB);
    await env.settle();
    await p.send(client, text('2'), MSG.OOB);
    await env.settle();
    await state(p, server);
    await env.attempt(p.recv(server, room(4), MSG.OOB));
    await p.ioctl(server, IOCTL.SIOCATMARK);
    await env.attempt(p.recv(server, room(16), MSG.DONTWAIT));
    await p.ioctl(server, IOCTL.SIOCATMARK);
    await env.attempt(p.recv(server, room(16), MSG.DONTWAIT));
    await env.attempt(p.recv(server, room(16), MSG.DONTWAIT));
    // Urgent data and the end of the stream.
    await p.send(client, text('x!'), MSG.OOB);
    await p.shutdown(client, SHUT.WR);
    await env.settle();
    await state(p, server);
    await p.recvmsg(server, [room(8)], inline ? 0 : MSG.OOB, 128);
    await p.recv(server, room(8), 0);
    await env.attempt(p.recv(server, room(8), 0));
    await env.attempt(p.recv(server, room(8), MSG.OOB));
    await state(p, server);
  }))));

const unconnected = ALL_FAMILIES.map((family) => program(`stream-not-connected-${family.name}`, async (env) => {
  const p = await env.process();
  const fd = await stream(p, family);
  await env.attempt(p.read(fd, room(4)));
  await env.attempt(p.write(fd, text('x')));
  await env.attempt(p.recv(fd, room(4), MSG.PEEK));
  await env.attempt(p.recv(fd, room(4), MSG.OOB));
  await env.attempt(p.recv(fd, room(4), MSG.DONTWAIT));
  await env.attempt(p.send(fd, text('x'), 0));
  await env.attempt(p.send(fd, text('x'), MSG.OOB));
  await env.attempt(p.send(fd, text('x'), MSG.DONTWAIT));
  await env.attempt(p.recvfrom(fd, room(4), 0));
  await env.attempt(p.recvmsg(fd, [room(4)], 0, 128));
  await env.attempt(p.sendto(fd, text('x'), 0, family.loopback(PORT)));
  await env.attempt(p.sendmsg(fd, { iov: [text('x')] }, 0));
  await env.attempt(p.readv(fd, [room(4)]));
  await env.attempt(p.writev(fd, [text('x')]));
  await env.attempt(p.read(fd, room(0)));
  await env.attempt(p.write(fd, room(0)));
  for (const how of [SHUT.RD, SHUT.WR, SHUT.RDWR, 3, -1]) await env.attempt(p.shutdown(fd, how));
  await env.attempt(p.accept(fd));
  await env.attempt(p.getpeername(fd));
  await state(p, fd);
}));

const full = FAMILIES.map((family) => program(`stream-full-${family.name}`, async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, family);
  await p.fcntl(client, F.SETFL, O.NONBLOCK);
  // How much goes in before EAGAIN is the buffers' business; what matters is that it ends, and comes out again.
  let sent = 0;
  const block = pattern(60000);
  for (;;) {
    const before = sent;
    for (let i = 0; i < 4; i++) {
      const fds = [{ fd: client, events: POLL.OUT, revents: 0 }];
      if ((await silently(p).poll(fds, 0)) === 0) break;
      sent += await silently(p).write(client, block);
    }
    if (sent === before) break;
    await env.settle(1);
  }
  await wait(p, client, POLL.OUT, 0);
  env.note('more than 100 kB were taken', sent > 100_000);
  const all = await drain(silently(p), server, sent);
  env.note('all came out', all.length === sent);
  // The blocks were cut where the buffer was full, so only the first one is known byte for byte.
  env.note('the first block is whole', block.every((byte, i) => all[i] === byte));
  await env.settle();
  await wait(p, client, POLL.OUT, 1000);
  await p.write(client, text('and on'));
  await wait(p, server, POLL.IN);
  await p.read(server, room(16));
}));

const smallBuffers = program('stream-small-buffers', async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, INET6);
  await p.setsockopt(client, SOL.SOCKET, SO.SNDBUF, ints(5000));
  await p.setsockopt(server, SOL.SOCKET, SO.RCVBUF, ints(5000));
  const size = 300_000;
  const writing = env.begin(p.write(client, pattern(size, 9)));
  await env.settle();
  await p.recv(server, room(size), MSG.WAITALL);
  await writing;
  const sending = env.begin(p.writev(client, [pattern(100_000, 1), pattern(100_000, 2)]));
  await p.recv(server, room(200_000), MSG.WAITALL);
  await sending;
});

const twoReaders = program('stream-two-readers', async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, INET);
  // Each writing serves one of them; which one is the scheduler's choice on Linux.
  const got: string[] = [];
  const read = async (): Promise<void> => {
    const buffer = room(8);
    const count = await silently(p).read(server, buffer);
    got.push(String.fromCharCode(...buffer.subarray(0, count)));
  };
  const both = env.begin(Promise.all([read(), read()]));
  await env.settle();
  await p.write(client, text('one'));
  // On a busy machine Linux's side takes its time; a second reader that wakes in vain would still be seen below.
  for (let i = 0; i < 40 && got.length === 0; i++) await env.settle();
  await env.settle();
  env.note('after the first', got.join());
  await p.write(client, text('two'));
  await both;
  env.note('after the second', got.join());
});

export const programs: Program[] = [
  ...transfer, ...large, ...flags, lowWater, lowWaterParts, ...queues, ...queuesOfTheClosed, ...clampForgotten, ...urgent, ...unconnected, ...full, smallBuffers, twoReaders,
];
