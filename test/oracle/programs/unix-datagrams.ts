/** AF_UNIX datagrams: peers, queues, who may send to whom. */
import { familyOnly, un } from '../address.ts';
import { AF, IOCTL, MSG, SHUT, SO, SOCK, SOL } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import { ints, pattern, POLL, room, state, text, timeval, wait } from '../toolkit.ts';
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';

async function bound(p: Syscalls, name: string, flags = 0): Promise<number> {
  const fd = await p.socket(AF.UNIX, SOCK.DGRAM | flags, 0);
  await p.bind(fd, un(name));
  return fd;
}

const sending = program('unix-dgram-send', async (env) => {
  const p = await env.process();
  const a = await bound(p, 'a');
  const b = await bound(p, '\0b');
  const nameless = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
  await p.sendto(nameless, text('from nobody'), 0, un('a'));
  await p.sendto(b, text('from b'), 0, un('a'));
  await p.sendto(a, text('from a'), 0, un('\0b'));
  await p.sendto(a, text(''), 0, un('\0b'));
  await p.ioctl(a, IOCTL.FIONREAD);
  await p.ioctl(b, IOCTL.SIOCOUTQ);
  await state(p, a);
  await p.recvfrom(a, room(4), MSG.PEEK);
  await p.recvmsg(a, [room(4)], MSG.TRUNC, 128, 0);
  await p.recvmsg(a, [room(4), room(40)], 0, 128, 0);
  await env.attempt(p.recv(a, room(4), MSG.DONTWAIT));
  await p.recvmsg(b, [room(40)], 0, 3, 0);
  await p.recvfrom(b, room(40), 0);
  await env.attempt(p.sendto(a, text('x'), 0, un('none')));
  await env.attempt(p.sendto(a, text('x'), 0, un('\0none')));
  await env.attempt(p.sendto(a, text('x'), 0, un('none/x')));
  await env.attempt(p.sendto(a, text('x'), MSG.OOB, un('\0b')));
  await env.attempt(p.recv(a, room(4), MSG.OOB | MSG.DONTWAIT));
  await env.attempt(p.listen(a, 1));
  await env.attempt(p.accept(a));
  const other = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  await p.bind(other, un('stream'));
  await env.attempt(p.sendto(a, text('x'), 0, un('stream')));
  await env.attempt(p.connect(a, un('stream')));
  await p.close(b);
  await env.attempt(p.sendto(a, text('x'), 0, un('\0b')));
  // What was sent by a socket that is closed keeps its name.
  const c = await bound(p, '\0c');
  await p.sendto(c, text('last words'), 0, un('a'));
  await p.close(c);
  await p.recvfrom(a, room(40), 0);
});

const connecting = program('unix-dgram-connect', async (env) => {
  const p = await env.process();
  const a = await bound(p, '\0a');
  const b = await bound(p, '\0b');
  const c = await bound(p, '\0c');
  await p.connect(a, un('\0b'));
  await p.getpeername(a);
  await env.attempt(p.getpeername(b));
  await state(p, a);
  await p.send(a, text('to b'), 0);
  await p.sendto(a, text('to c'), 0, un('\0c'));
  await p.recvfrom(b, room(9), 0);
  await p.recvfrom(c, room(9), 0);
  // Whoever is connected takes from his peer alone.
  await env.attempt(p.sendto(c, text('x'), 0, un('\0a')));
  await env.attempt(p.connect(c, un('\0a')));
  await p.sendto(b, text('to a'), 0, un('\0a'));
  await p.connect(b, un('\0a'));
  await p.send(b, text('again'), 0);
  await p.getsockopt(b, SOL.SOCKET, SO.PEERCRED, 12);
  // Another peer: what the old one sent is lost, and he hears of it.
  await p.connect(a, un('\0c'));
  await env.attempt(p.recv(a, room(9), MSG.DONTWAIT));
  await state(p, b);
  await env.attempt(p.send(b, text('x'), 0));
  await env.attempt(p.send(b, text('x'), 0));
  await env.attempt(p.recv(b, room(9), MSG.DONTWAIT));
  await p.getpeername(a);
  await p.send(a, text('c?'), 0);
  await p.recvfrom(c, room(9), 0);
  for (const address of [familyOnly(0, 2), familyOnly(0, 16), room(1), familyOnly(0, 128)]) {
    await env.attempt(p.connect(a, address));
    await env.attempt(p.getpeername(a));
    await env.attempt(p.send(a, text('x'), 0));
  }
  // The peer closes.
  await p.connect(a, un('\0c'));
  await p.sendto(c, text('left'), 0, un('\0a'));
  await p.close(c);
  await state(p, a);
  await env.attempt(p.getpeername(a));
  await env.attempt(p.send(a, text('x'), 0));
  await env.attempt(p.send(a, text('x'), 0));
  await env.attempt(p.getpeername(a));
  await env.attempt(p.recv(a, room(9), MSG.DONTWAIT));
  // With itself.
  await p.connect(a, un('\0a'));
  await p.send(a, text('me'), 0);
  await p.recvfrom(a, room(9), 0);
});

const pairs = program('unix-dgram-pair', async (env) => {
  const p = await env.process();
  const [a, b] = await p.socketpair(AF.UNIX, SOCK.DGRAM, 0);
  await p.send(a, text('one'), 0);
  await p.send(a, text('two'), 0x80);
  await p.recvmsg(b, [room(9)], 0, 128, 0);
  for (const how of [SHUT.WR, SHUT.RD]) {
    await p.shutdown(a, how);
    for (const fd of [a, b]) {
      await state(p, fd);
      await env.attempt(p.send(fd, text('x'), 0));
      await env.attempt(p.recv(fd, room(9), MSG.DONTWAIT));
      await env.attempt(p.recv(fd, room(9), MSG.DONTWAIT));
    }
  }
  await env.attempt(p.recv(a, room(9), 0));
  await p.close(a);
  await state(p, b);
  await env.attempt(p.send(b, text('x'), 0));
  await env.attempt(p.send(b, text('x'), 0));
  await env.attempt(p.recv(b, room(9), MSG.DONTWAIT));
  const [c, d] = await p.socketpair(AF.UNIX, SOCK.DGRAM, 0);
  const reading = env.begin(p.recv(d, room(9), 0));
  await env.settle();
  await p.shutdown(d, SHUT.RD);
  await reading;
  await p.shutdown(c, SHUT.RDWR);
  await state(p, c);
  await env.attempt(p.write(c, text('x')));
});

const queue = program('unix-dgram-queue', async (env) => {
  const p = await env.process();
  const a = await bound(p, '\0a');
  const sender = await p.socket(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK, 0);
  for (let i = 0; i < 13; i++) await env.attempt(p.sendto(sender, text(`n${i}`), 0, un('\0a')));
  await state(p, sender);
  const connected = await p.socket(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK, 0);
  await p.connect(connected, un('\0a'));
  await state(p, connected);
  await env.attempt(p.send(connected, text('x'), 0));
  const polling = env.begin(wait(p, connected, POLL.OUT));
  await env.settle();
  await p.recv(a, room(9), 0);
  await polling;
  await p.send(connected, text('fits'), 0);
  await env.attempt(p.send(connected, text('x'), 0));
  // The peer that one is connected to both ways may send on.
  await p.connect(a, un('\0a'));
  const [c, d] = await p.socketpair(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK, 0);
  for (let i = 0; i < 30; i++) await p.send(c, text(`n${i}`), 0);
  await state(p, c);
  await p.ioctl(c, IOCTL.SIOCOUTQ);
  await p.recv(d, room(9), 0);
});

const blocking = program('unix-dgram-blocks', async (env) => {
  const p = await env.process();
  const a = await bound(p, '\0a');
  const one = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
  const two = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
  await p.connect(two, un('\0a'));
  for (let i = 0; i < 11; i++) await p.sendto(one, text(`n${i}`), 0, un('\0a'));
  await p.setsockopt(one, SOL.SOCKET, SO.SNDTIMEO, timeval(0, 40000));
  await env.attempt(p.sendto(one, text('late'), 0, un('\0a')));
  await p.setsockopt(one, SOL.SOCKET, SO.SNDTIMEO, timeval(0, 0));
  const first = env.begin(p.sendto(one, text('first'), 0, un('\0a')));
  await env.settle();
  const second = env.begin(p.send(two, text('second'), 0));
  await env.settle();
  await p.recv(a, room(9), 0);
  await first;
  await env.settle();
  await p.recv(a, room(9), 0);
  await second;
  for (let i = 0; i < 11; i++) await p.recv(a, room(9), 0);
  // The receiver goes away, or does not receive any more.
  for (let i = 0; i < 11; i++) await p.send(two, text('x'), 0);
  const third = env.begin(p.send(two, text('third'), 0));
  await env.settle();
  await p.close(a);
  await env.attempt(third);
  const b = await bound(p, '\0b');
  await p.connect(two, un('\0b'));
  for (let i = 0; i < 11; i++) await p.send(two, text('x'), 0);
  const fourth = env.begin(p.send(two, text('fourth'), 0));
  await env.settle();
  await p.shutdown(b, SHUT.RD);
  await env.settle();
  await p.recv(b, room(9), 0);
  await env.attempt(fourth);
  await env.attempt(p.send(two, text('x'), 0));
  // The sender's own buffer.
  const [c, d] = await p.socketpair(AF.UNIX, SOCK.DGRAM, 0);
  let sent = 0;
  while (await env.attempt(p.send(c, pattern(30000), MSG.DONTWAIT)) === null) sent++;
  env.note('sent', sent);
  const fifth = env.begin(p.send(c, text('fifth'), 0));
  await env.settle();
  for (let i = 0; i < sent; i++) {
    await p.recv(d, room(10), 0);
    await env.settle(15);
  }
  await fifth;
  await p.recv(d, room(10), 0);
});

const sizes = program('unix-dgram-sizes', async (env) => {
  const p = await env.process();
  const lengths = [
    0, 1, 192, 193, 704, 705, 1728, 1729, 3776, 3777, 8000, 16064, 16065, 36545, 65536, 100000, 106432, 200000, 212960, 212961,
  ];
  for (const size of lengths) {
    const [a, b] = await p.socketpair(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK, 0);
    await env.attempt(p.send(a, pattern(size), 0));
    await p.ioctl(a, IOCTL.SIOCOUTQ);
    await p.ioctl(b, IOCTL.FIONREAD);
    await env.attempt(p.recv(b, room(size), MSG.TRUNC));
    await p.close(a);
    await p.close(b);
  }
  const [a] = await p.socketpair(AF.UNIX, SOCK.DGRAM | SOCK.NONBLOCK, 0);
  await p.setsockopt(a, SOL.SOCKET, SO.SNDBUF, ints(1));
  for (const size of [5000, 4577, 4576, 4000, 1]) await env.attempt(p.send(a, pattern(size), 0));
  await p.ioctl(a, IOCTL.SIOCOUTQ);
});

export const programs: readonly Program[] = [sending, connecting, pairs, queue, blocking, sizes];
