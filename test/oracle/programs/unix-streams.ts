/** AF_UNIX streams and sequenced packets: connections, backlog, data, half-close, ends. */
import { un } from '../address.ts';
import { AF, F, IOCTL, MSG, O, SHUT, SO, SOCK, SOL } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import { ints, pattern, POLL, room, state, text, timeval, wait } from '../toolkit.ts';

const CONNECTED = [SOCK.STREAM, SOCK.SEQPACKET] as const;
const nameOf = (type: number): string => (type === SOCK.STREAM ? 'stream' : 'seqpacket');

const connect = CONNECTED.map((type) => program(`unix-connect-${nameOf(type)}`, async (env) => {
  const p = await env.process();
  const listening = await p.socket(AF.UNIX, type, 0);
  await env.attempt(p.listen(listening, 1));
  await p.bind(listening, un('sock'));
  const early = await p.socket(AF.UNIX, type, 0);
  await env.attempt(p.connect(early, un('sock')));
  await p.listen(listening, 5);
  await state(p, listening);
  await env.attempt(p.connect(listening, un('sock')));
  await env.attempt(p.recv(listening, room(4), 0));
  await env.attempt(p.send(listening, text('x'), 0));
  await p.getsockopt(listening, SOL.SOCKET, SO.ACCEPTCONN, 4);
  await p.getsockopt(listening, SOL.SOCKET, SO.PEERCRED, 12);
  for (const request of [IOCTL.FIONREAD, IOCTL.SIOCOUTQ]) await env.attempt(p.ioctl(listening, request));
  await p.connect(early, un('sock'));
  await state(p, early);
  await state(p, listening);
  await p.getsockname(early);
  await p.getpeername(early);
  await env.attempt(p.connect(early, un('sock')));
  await env.attempt(p.connect(early, un('none')));
  await env.attempt(p.connect(early, un('', 0)));
  await env.attempt(p.listen(early, 1));
  await env.attempt(p.accept(early));
  await p.send(early, text('before accept'), 0);
  const { fd } = await p.accept(listening);
  await state(p, fd);
  await p.getsockname(fd);
  await p.getpeername(fd);
  await p.getsockopt(fd, SOL.SOCKET, SO.PEERCRED, 12);
  await p.getsockopt(early, SOL.SOCKET, SO.PEERCRED, 12);
  await p.recvfrom(fd, room(40), 0);
  await p.sendto(fd, text('back'), 0, null);
  await p.recvfrom(early, room(40), 0);
  await env.attempt(p.sendto(fd, text('x'), 0, un('sock')));
  await env.attempt(p.sendto(fd, text('x'), 0, un('none')));
  await env.attempt(p.bind(fd, un('second')));
  await env.attempt(p.bind(early, un('second')));
  await env.attempt(p.getsockname(fd));
  await p.send(early, text('named'), 0);
  await env.attempt(p.recvfrom(fd, room(40), 0));
  // A client with a name of its own.
  const named = await p.socket(AF.UNIX, type, 0);
  await p.bind(named, un('\0client'));
  await p.connect(named, un('sock'));
  const accepted = await p.accept4(listening, SOCK.NONBLOCK | SOCK.CLOEXEC);
  await p.getpeername(accepted.fd);
  await p.fcntl(accepted.fd, F.GETFL);
  await p.fcntl(accepted.fd, F.GETFD);
  await env.attempt(p.recv(accepted.fd, room(4), 0));
  await p.send(named, text('hello'), 0);
  await p.recvfrom(accepted.fd, room(40), 0);
  await p.close(named);
  await p.getpeername(accepted.fd);
  await state(p, accepted.fd);
  await env.attempt(p.recv(accepted.fd, room(4), 0));
  await env.attempt(p.send(accepted.fd, text('x'), MSG.NOSIGNAL));
  await p.close(listening);
  const late = await p.socket(AF.UNIX, type, 0);
  await env.attempt(p.connect(late, un('sock')));
  await state(p, late);
}));

const backlog = CONNECTED.map((type) => program(`unix-backlog-${nameOf(type)}`, async (env) => {
  const p = await env.process();
  for (const [i, most] of [0, 1, 3, -1].entries()) {
    const name = un(`\0l${i}`);
    const listening = await p.socket(AF.UNIX, type, 0);
    await p.bind(listening, name);
    await p.listen(listening, most);
    const clients: number[] = [];
    for (let n = 0; n < 6; n++) {
      const fd = await p.socket(AF.UNIX, type | SOCK.NONBLOCK, 0);
      await env.attempt(p.connect(fd, name));
      await state(p, fd);
      clients.push(fd);
    }
    await env.attempt(p.connect(clients[5] as number, name));
    await p.accept(listening);
    await env.attempt(p.connect(clients[5] as number, name));
    await env.attempt(p.connect(clients[4] as number, name));
    await p.listen(listening, 20);
    await env.attempt(p.connect(clients[4] as number, name));
    await p.close(listening);
    for (const fd of clients) await state(p, fd);
    for (const fd of clients) await env.attempt(p.recv(fd, room(4), 0));
    for (const fd of clients) await env.attempt(p.getpeername(fd));
  }
}));

const blockedConnect = program('unix-connect-blocks', async (env) => {
  const p = await env.process();
  const name = un('busy');
  const listening = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  await p.bind(listening, name);
  await p.listen(listening, 0);
  const first = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  await p.connect(first, name);
  const second = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  const third = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  const waitsSecond = env.begin(p.connect(second, name));
  await env.settle();
  const waitsThird = env.begin(p.connect(third, name));
  await env.settle();
  await state(p, second);
  await p.accept(listening);
  await waitsSecond;
  await env.settle();
  await p.accept(listening);
  await waitsThird;
  // SO_SNDTIMEO ends the wait.
  const fourth = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  await p.setsockopt(fourth, SOL.SOCKET, SO.SNDTIMEO, timeval(0, 60000));
  const start = env.now();
  await env.attempt(p.connect(fourth, name));
  env.note('waited', env.now() - start >= 55);
  await p.setsockopt(fourth, SOL.SOCKET, SO.SNDTIMEO, timeval(0, 0));
  const waitsFourth = env.begin(p.connect(fourth, name));
  await env.settle();
  await p.close(listening);
  await env.attempt(waitsFourth);
  // Shutting the listener down ends the waits too.
  const other = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  await p.bind(other, un('\0other'));
  await p.listen(other, 5);
  const accepting = env.begin(p.accept(other));
  await env.settle();
  await p.shutdown(other, SHUT.RD);
  await env.attempt(accepting);
  await state(p, other);
  await env.attempt(p.accept(other));
  await p.fcntl(other, F.SETFL, O.NONBLOCK);
  await env.attempt(p.accept(other));
  await env.attempt(p.connect(await p.socket(AF.UNIX, SOCK.STREAM, 0), un('\0other')));
});

const data = program('unix-stream-data', async (env) => {
  const p = await env.process();
  const [a, b] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  await p.write(a, text('one'));
  await p.writev(a, [text('two'), text(''), text('three')]);
  await p.send(a, text(''), 0);
  await p.ioctl(b, IOCTL.FIONREAD);
  await p.ioctl(a, IOCTL.SIOCOUTQ);
  await p.recv(b, room(5), MSG.PEEK);
  await p.recv(b, room(50), MSG.PEEK);
  await p.recv(b, room(50), MSG.PEEK | MSG.WAITALL);
  await p.recv(b, room(0), 0);
  await p.read(b, room(0));
  await p.read(b, room(4));
  await p.ioctl(a, IOCTL.SIOCOUTQ);
  await p.readv(b, [room(2), room(0), room(3)]);
  await p.ioctl(a, IOCTL.SIOCOUTQ);
  await p.recv(b, room(50), MSG.TRUNC);
  await p.ioctl(b, IOCTL.FIONREAD);
  await env.attempt(p.recv(b, room(4), MSG.DONTWAIT));
  await env.attempt(p.recv(b, room(4), MSG.DONTWAIT | MSG.PEEK));
  await p.send(a, text('eor'), 0x80);
  await p.recvmsg(b, [room(8)], 0, 128, 0);
  await p.send(a, text('name'), 0);
  await p.recvmsg(b, [room(2), room(8)], MSG.PEEK, 128, 64);
  await p.recvfrom(b, room(8), MSG.TRUNC);
  // MSG_WAITALL goes on until all of it is there, or the end.
  const all = env.begin(p.recv(b, room(10), MSG.WAITALL));
  await env.settle();
  await p.write(a, text('12345'));
  await env.settle();
  await p.write(a, text('67890abc'));
  await all;
  const rest = env.begin(p.recv(b, room(10), MSG.WAITALL));
  await env.settle();
  await p.shutdown(a, SHUT.WR);
  await rest;
  await p.recv(b, room(4), 0);
  await p.write(b, text('still open'));
  await p.read(a, room(20));
  await p.close(a);
  await p.recv(b, room(4), 0);
  await env.attempt(p.write(b, text('x')));
});

const lowWater = program('unix-stream-waits', async (env) => {
  const p = await env.process();
  const [a, b] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  await p.setsockopt(b, SOL.SOCKET, SO.RCVTIMEO, timeval(0, 50000));
  const start = env.now();
  await env.attempt(p.read(b, room(4)));
  env.note('waited', env.now() - start >= 45);
  await p.write(a, text('ab'));
  await p.recv(b, room(4), MSG.WAITALL);
  await p.setsockopt(b, SOL.SOCKET, SO.RCVTIMEO, timeval(0, 0));
  await p.setsockopt(b, SOL.SOCKET, SO.RCVLOWAT, ints(5));
  await p.write(a, text('ab'));
  await state(p, b);
  const low = env.begin(p.read(b, room(10)));
  await env.settle();
  await p.write(a, text('cde'));
  await low;
  const short = env.begin(p.read(b, room(2)));
  await p.write(a, text('xyz'));
  await short;
  const polled = env.begin(wait(p, b, POLL.RDHUP | POLL.IN));
  await env.settle();
  await polled;
  await p.read(b, room(1));
  const hangup = env.begin(wait(p, b, POLL.RDHUP));
  await env.settle();
  await p.shutdown(a, SHUT.WR);
  await hangup;
});

const shut = CONNECTED.map((type) => program(`unix-shutdown-${nameOf(type)}`, async (env) => {
  const p = await env.process();
  for (const how of [SHUT.RD, SHUT.WR, SHUT.RDWR]) {
    const [a, b] = await p.socketpair(AF.UNIX, type, 0);
    await p.send(a, text('to b'), 0);
    await p.send(b, text('to a'), 0);
    await p.shutdown(a, how);
    for (const fd of [a, b]) {
      await state(p, fd);
      await env.attempt(p.send(fd, text('more'), MSG.DONTWAIT));
      await env.attempt(p.recv(fd, room(40), MSG.DONTWAIT));
      await env.attempt(p.recv(fd, room(40), MSG.DONTWAIT));
      await state(p, fd);
      await env.attempt(p.getpeername(fd));
      await env.attempt(p.shutdown(fd, SHUT.WR));
    }
    for (const fd of [a, b]) await env.attempt(p.recv(fd, room(40), MSG.DONTWAIT));
    for (const fd of [a, b]) await state(p, fd);
    await p.close(a);
    await state(p, b);
    await p.getsockopt(b, SOL.SOCKET, SO.ERROR, 4);
  }
}));

const ends = CONNECTED.map((type) => program(`unix-close-${nameOf(type)}`, async (env) => {
  const p = await env.process();
  // With unread data the peer hears of a reset, once.
  const [a, b] = await p.socketpair(AF.UNIX, type, 0);
  await p.send(b, text('unread'), 0);
  await p.close(a);
  await state(p, b);
  await env.attempt(p.recv(b, room(4), 0));
  await env.attempt(p.recv(b, room(4), 0));
  await env.attempt(p.send(b, text('x'), 0));
  await state(p, b);
  await env.attempt(p.getpeername(b));
  // The same, told by SO_ERROR, by send.
  for (const ask of ['option', 'send', 'data']) {
    const [c, d] = await p.socketpair(AF.UNIX, type, 0);
    await p.send(d, text('unread'), 0);
    await p.send(c, text('data'), 0);
    await p.close(c);
    if (ask === 'option') await p.getsockopt(d, SOL.SOCKET, SO.ERROR, 4);
    if (ask === 'send') await env.attempt(p.send(d, text('x'), 0));
    await env.attempt(p.recv(d, room(40), 0));
    await env.attempt(p.recv(d, room(40), 0));
    await env.attempt(p.recv(d, room(40), 0));
    await state(p, d);
    await env.attempt(p.ioctl(d, IOCTL.SIOCOUTQ));
  }
  // A reader and a poll that wait when the other end goes.
  const [e, f] = await p.socketpair(AF.UNIX, type, 0);
  const reading = env.begin(p.read(f, room(4)));
  const polling = env.begin(wait(p, f, POLL.IN));
  await env.settle();
  await p.close(e);
  await reading;
  await polling;
  // A close while another task reads: its description stays.
  const [g, h] = await p.socketpair(AF.UNIX, type, 0);
  const still = env.begin(p.read(h, room(4)));
  await env.settle();
  await p.close(h);
  await env.settle();
  await env.attempt(p.send(g, text('late'), 0));
  await still;
  await env.attempt(p.send(g, text('x'), MSG.DONTWAIT));
}));

const buffers = CONNECTED.map((type) => program(`unix-send-buffer-${nameOf(type)}`, async (env) => {
  const p = await env.process();
  const sizes = [
    0, 1, 64, 192, 193, 256, 500, 704, 705, 1000, 1728, 1729, 2048, 3776, 3777, 4000, 8000, 10000, 16064, 16065, 36544, 36545, 65536,
    100000, 106432, 106433, 200000,
  ];
  for (const size of sizes) {
    const [a, b] = await p.socketpair(AF.UNIX, type | SOCK.NONBLOCK, 0);
    await env.attempt(p.send(a, pattern(size), 0));
    await p.ioctl(a, IOCTL.SIOCOUTQ);
    await p.ioctl(b, IOCTL.FIONREAD);
    await state(p, a);
    await env.attempt(p.recv(b, room(1000), MSG.PEEK));
    await env.attempt(p.recv(b, room(size >> 1), 0));
    await p.ioctl(a, IOCTL.SIOCOUTQ);
    await env.attempt(p.recv(b, room(size), MSG.TRUNC));
    await p.ioctl(a, IOCTL.SIOCOUTQ);
    await p.close(a);
    await p.close(b);
  }
  for (const buffer of [1, 4608, 10000, 40000]) {
    const [a, b] = await p.socketpair(AF.UNIX, type | SOCK.NONBLOCK, 0);
    await p.setsockopt(a, SOL.SOCKET, SO.SNDBUF, ints(buffer));
    await p.getsockopt(a, SOL.SOCKET, SO.SNDBUF, 4);
    for (const size of [100000, 20000, 9000, 4000, 2000, 300, 1, 1, 1, 1, 1, 1, 1]) {
      await env.attempt(p.send(a, pattern(size), 0));
      await p.ioctl(a, IOCTL.SIOCOUTQ);
      await state(p, a);
    }
    for (let i = 0; i < 12; i++) {
      if (await env.attempt(p.recv(b, room(6000), 0)) !== null) break;
      await p.ioctl(a, IOCTL.SIOCOUTQ);
      await state(p, a);
    }
  }
}));

const blockedSend = CONNECTED.map((type) => program(`unix-send-blocks-${nameOf(type)}`, async (env) => {
  const p = await env.process();
  const [a, b] = await p.socketpair(AF.UNIX, type, 0);
  const block = pattern(20000);
  let sent = 0;
  while (await env.attempt(p.send(a, block, MSG.DONTWAIT)) === null) sent++;
  env.note('sent', sent);
  const waiting = env.begin(p.send(a, pattern(5000), 0));
  const writable = env.begin(wait(p, a, POLL.OUT));
  await env.settle();
  for (let i = 0; i < sent; i++) {
    await p.recv(b, room(20000), 0);
    await env.settle(15);
    await p.ioctl(a, IOCTL.SIOCOUTQ);
  }
  await waiting;
  await writable;
  await p.recv(b, room(20000), 0);
  // SO_SNDTIMEO: what is done counts.
  await p.setsockopt(a, SOL.SOCKET, SO.SNDTIMEO, timeval(0, 50000));
  const large = pattern(200000);
  await env.attempt(p.send(a, large, 0));
  await env.attempt(p.send(a, large, 0));
  await env.attempt(p.send(a, large, 0));
  await p.ioctl(b, IOCTL.FIONREAD);
  // The reader goes away while the writer waits.
  await p.setsockopt(a, SOL.SOCKET, SO.SNDTIMEO, timeval(0, 0));
  const last = env.begin(p.send(a, large, 0));
  await env.settle();
  await p.close(b);
  await env.attempt(last);
  await env.attempt(p.send(a, text('x'), 0));
  // Or the writer's own socket is shut.
  const [c, d] = await p.socketpair(AF.UNIX, type, 0);
  while (await env.attempt(p.send(c, block, MSG.DONTWAIT)) === null);
  const shutting = env.begin(p.send(c, block, 0));
  await env.settle();
  await p.shutdown(d, SHUT.RD);
  await env.attempt(shutting);
}));

const packets = program('unix-seqpacket-messages', async (env) => {
  const p = await env.process();
  const [a, b] = await p.socketpair(AF.UNIX, SOCK.SEQPACKET, 0);
  await p.send(a, text('first'), 0);
  await p.send(a, text('second'), 0x80);
  await p.send(a, text(''), 0);
  await p.sendto(a, text('third'), 0, un('ignored'));
  await p.sendmsg(a, { iov: [text('fo'), text('urth')], name: un('\0ignored') }, 0);
  await p.ioctl(b, IOCTL.FIONREAD);
  await p.ioctl(a, IOCTL.SIOCOUTQ);
  await p.recv(b, room(3), MSG.PEEK);
  await p.recv(b, room(3), MSG.PEEK | MSG.TRUNC);
  await p.recvmsg(b, [room(3)], 0, 128, 0);
  await p.recvmsg(b, [room(30)], MSG.WAITALL, 128, 0);
  await p.recvmsg(b, [room(30)], 0, 128, 0);
  await p.recv(b, room(3), MSG.TRUNC);
  await p.recvmsg(b, [room(1), room(2), room(20)], 0, 128, 0);
  await env.attempt(p.recv(b, room(3), MSG.DONTWAIT));
  await env.attempt(p.send(a, text('x'), MSG.OOB));
  await env.attempt(p.recv(b, room(3), MSG.OOB));
  await env.attempt(p.send(a, pattern(300000), 0));
  for (let i = 0; i < 20; i++) await p.send(a, text(`n${i}`), 0);
  await p.close(a);
  for (let i = 0; i < 20; i++) await p.recv(b, room(4), 0);
  await p.recv(b, room(4), 0);
});

const urgent = program('unix-urgent', async (env) => {
  const p = await env.process();
  const marks = async (fd: number): Promise<void> => {
    await state(p, fd);
    await p.ioctl(fd, IOCTL.SIOCATMARK);
  };
  const look = async (fd: number): Promise<void> => {
    await marks(fd);
    await p.ioctl(fd, IOCTL.FIONREAD);
  };
  const pair = (): Promise<[number, number]> => p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const [a, b] = await pair();
  await env.attempt(p.recv(b, room(4), MSG.OOB));
  await env.attempt(p.send(a, text(''), MSG.OOB));
  await p.send(a, text('abc'), MSG.OOB);
  await p.ioctl(a, IOCTL.SIOCOUTQ);
  await look(b);
  await p.recv(b, room(4), MSG.OOB | MSG.PEEK);
  await p.recvmsg(b, [room(4)], MSG.OOB, 128, 64);
  await env.attempt(p.recv(b, room(4), MSG.OOB));
  await look(b);
  await p.send(a, text('def'), 0);
  await p.recv(b, room(10), 0);
  await look(b);
  await p.recv(b, room(10), 0);
  await look(b);
  // Not asked for: passed by, and lost.
  await p.send(a, text('12'), MSG.OOB);
  await p.send(a, text('34'), 0);
  await p.recv(b, room(10), MSG.PEEK);
  await p.recv(b, room(10), 0);
  await marks(b);
  await p.recv(b, room(10), MSG.PEEK);
  await p.recv(b, room(10), 0);
  await marks(b);
  // A second one: the first is ordinary data from then on.
  await p.send(a, text('x'), MSG.OOB);
  await p.send(a, text('y'), MSG.OOB);
  await p.send(a, text('z'), 0);
  await p.recv(b, room(10), 0);
  await marks(b);
  await p.recv(b, room(1), MSG.OOB);
  await p.recv(b, room(10), 0);
  // In line.
  const [c, d] = await pair();
  await p.setsockopt(d, SOL.SOCKET, SO.OOBINLINE, ints(1));
  await p.send(c, text('in line'), MSG.OOB);
  await env.attempt(p.recv(d, room(10), MSG.OOB));
  await look(d);
  await p.recv(d, room(10), MSG.PEEK);
  await p.recv(d, room(10), 0);
  await look(d);
  await p.recv(d, room(10), 0);
  await look(d);
  // MSG_WAITALL stops at the mark.
  const [e, f] = await pair();
  await p.send(e, text('ab'), 0);
  const all = env.begin(p.recv(f, room(10), MSG.WAITALL));
  await env.settle();
  await p.send(e, text('!'), MSG.OOB);
  await env.settle();
  await all;
  await p.send(e, text('cd'), 0);
  const more = env.begin(p.recv(f, room(3), MSG.WAITALL));
  await env.settle();
  await p.send(e, text('e'), 0);
  await more;
  // Whether an urgent byte that was read counts as unread at close.
  for (const isRead of [true, false]) {
    const [g, h] = await pair();
    await p.send(g, text('u'), MSG.OOB);
    if (isRead) await p.recv(h, room(1), MSG.OOB);
    await p.close(h);
    await env.attempt(p.recv(g, room(1), 0));
  }
  // Polls wait for it.
  const [i, j] = await pair();
  const polling = env.begin(wait(p, j, POLL.PRI));
  await env.settle();
  await p.send(i, text('u'), MSG.OOB);
  await polling;
  await p.send(i, text('v'), 0);
  await p.recv(j, room(1), MSG.OOB);
  await p.send(i, text('w'), MSG.OOB);
  await p.recv(j, room(1), MSG.OOB);
  await look(j);
  await p.recv(j, room(9), MSG.PEEK);
  await p.recv(j, room(9), 0);
  await env.attempt(p.recv(j, room(9), MSG.DONTWAIT));
  await look(j);
});

const urgentPassed = program('unix-urgent-passed', async (env) => {
  const p = await env.process();
  const [a, b] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  await p.send(a, text('ab'), MSG.OOB);
  await p.send(a, text('cd'), 0);
  await p.recv(b, room(10), 0);
  await p.recv(b, room(10), 0);
  await p.ioctl(b, IOCTL.FIONREAD);
});

const peekOffset = program('unix-peek-offset', async (env) => {
  const p = await env.process();
  for (const type of [SOCK.STREAM, SOCK.SEQPACKET, SOCK.DGRAM]) {
    const [a, b] = await p.socketpair(AF.UNIX, type, 0);
    await p.send(a, text('hello'), 0);
    await p.send(a, text('world'), 0);
    const offset = (): Promise<Uint8Array> => p.getsockopt(b, SOL.SOCKET, SO.PEEK_OFF, 4);
    await p.setsockopt(b, SOL.SOCKET, SO.PEEK_OFF, ints(0));
    await p.recv(b, room(2), MSG.PEEK);
    await offset();
    await p.recv(b, room(2), MSG.PEEK);
    await offset();
    await p.recv(b, room(4), MSG.PEEK);
    await offset();
    await p.recv(b, room(3), 0);
    await offset();
    await p.recv(b, room(10), MSG.PEEK | MSG.DONTWAIT).catch(() => {});
    await offset();
    await env.attempt(p.recv(b, room(10), MSG.PEEK | MSG.DONTWAIT));
    await p.setsockopt(b, SOL.SOCKET, SO.PEEK_OFF, ints(-1));
    await p.recv(b, room(10), MSG.PEEK);
    await offset();
    await p.setsockopt(b, SOL.SOCKET, SO.PEEK_OFF, ints(1));
    await p.recv(b, room(10), MSG.PEEK);
    await offset();
    await p.recv(b, room(10), 0);
    await offset();
  }
});

const reused = program('unix-path-reuse', async (env) => {
  const server = await env.process();
  const client = await env.process();
  const first = await server.socket(AF.UNIX, SOCK.STREAM, 0);
  await server.bind(first, un('server'));
  await server.listen(first, 4);
  const a = await client.socket(AF.UNIX, SOCK.STREAM, 0);
  await client.connect(a, un('server'));
  await client.getsockopt(a, SOL.SOCKET, SO.PEERCRED, 12);
  await server.unlink('server');
  await env.attempt(client.connect(await client.socket(AF.UNIX, SOCK.STREAM, 0), un('server')));
  const second = await server.socket(AF.UNIX, SOCK.STREAM, 0);
  await server.bind(second, un('server'));
  await server.listen(second, 4);
  const b = await client.socket(AF.UNIX, SOCK.STREAM, 0);
  await client.connect(b, un('server'));
  const { fd } = await server.accept(first);
  await server.getsockopt(fd, SOL.SOCKET, SO.PEERCRED, 12);
  const other = await server.accept(second);
  await client.send(a, text('to the first'), 0);
  await client.send(b, text('to the second'), 0);
  await server.recv(fd, room(20), 0);
  await server.recv(other.fd, room(20), 0);
  await env.exit(client);
  await env.settle();
  await server.recv(fd, room(20), 0);
  await env.attempt(server.send(other.fd, text('x'), 0));
});

export const programs: readonly Program[] = [
  ...connect, ...backlog, blockedConnect, data, lowWater, ...shut, ...ends, ...buffers, ...blockedSend, packets, urgent, urgentPassed,
  peekOffset, reused,
];
