/** Control data: descriptors and credentials on their way (SCM_RIGHTS, SCM_CREDENTIALS), and what becomes of them. */
import { hex, in4, un } from '../address.ts';
import { AF, F, IOCTL, MSG, SHUT, SO, SOCK, SOL } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program, ProgramEnvironment } from '../program.ts';
import { ints, joined, PORT, room, state, text } from '../toolkit.ts';
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';

const TYPES = [SOCK.STREAM, SOCK.DGRAM, SOCK.SEQPACKET] as const;

/** One control message, written apart from the project's own; `length` is what cmsg_len says. */
function cmsg(level: number, type: number, data: Uint8Array, length = 16 + data.length): Uint8Array {
  const bytes = new Uint8Array(16 + ((data.length + 7) & ~7));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(length), true);
  view.setInt32(8, level, true);
  view.setInt32(12, type, true);
  bytes.set(data, 16);
  return bytes;
}

export function rightsMessage(...fds: number[]): Uint8Array {
  return cmsg(SOL.SOCKET, 1, ints(...fds));
}

const rights = rightsMessage;
const credentials = (pid: number, uid: number, gid: number): Uint8Array => cmsg(SOL.SOCKET, 2, ints(pid, uid, gid));

/** The descriptors in received control data. */
export function fdsIn(control: Uint8Array): number[] {
  const view = new DataView(control.buffer, control.byteOffset, control.length);
  const fds: number[] = [];
  for (let at = 0; at + 16 <= control.length;) {
    const length = view.getUint32(at, true);
    if (length < 16) break;
    if (view.getInt32(at + 8, true) === SOL.SOCKET && view.getInt32(at + 12, true) === 1) {
      for (let i = at + 16; i + 4 <= at + length; i += 4) fds.push(view.getInt32(i, true));
    }
    at += (length + 7) & ~7;
  }
  return fds;
}

const passing = program('unix-rights', async (env) => {
  const giver = await env.process();
  const taker = await env.process();
  for (const type of TYPES) {
    const name = un(`\0s${type}`);
    const server = await taker.socket(AF.UNIX, type, 0);
    await taker.bind(server, name);
    let to = server;
    if (type !== SOCK.DGRAM) await taker.listen(server, 1);
    const from = await giver.socket(AF.UNIX, type, 0);
    await giver.connect(from, name);
    if (type !== SOCK.DGRAM) to = (await taker.accept(server)).fd;
    const [one, other] = await giver.socketpair(AF.UNIX, SOCK.STREAM, 0);
    const inet = await giver.socket(AF.INET, SOCK.DGRAM, 0);
    await giver.bind(inet, in4('127.0.0.1', PORT + type));
    await giver.sendmsg(from, { iov: [text('take these')], control: rights(one, inet) }, 0);
    await giver.close(one);
    await giver.close(inet);
    const message = await taker.recvmsg(to, [room(20)], MSG.CMSG_CLOEXEC, 128, 64);
    const [taken, datagrams] = fdsIn(message.control) as [number, number];
    await taker.fcntl(taken, F.GETFD);
    await taker.fcntl(taken, F.GETFL);
    await taker.getsockname(datagrams);
    await taker.write(taken, text('hello from the taker'));
    await giver.read(other, room(40));
    // O_NONBLOCK belongs to the description, and travels with it.
    const [shared, rest] = await giver.socketpair(AF.UNIX, SOCK.STREAM | SOCK.NONBLOCK | SOCK.CLOEXEC, 0);
    await giver.sendmsg(from, { iov: [text('x')], control: rights(shared) }, 0);
    const second = await taker.recvmsg(to, [room(20)], 0, 128, 64);
    const [copy] = fdsIn(second.control) as [number];
    await taker.fcntl(copy, F.GETFD);
    await taker.fcntl(copy, F.GETFL);
    await env.attempt(taker.read(copy, room(4)));
    await taker.close(copy);
    await state(giver, rest);
    await giver.close(shared);
    await state(giver, rest);
    await taker.close(taken);
    await giver.read(other, room(4));
    for (const fd of [from, other, rest]) await giver.close(fd);
    for (const fd of new Set([server, to, datagrams])) await taker.close(fd);
  }
});

const truncating = program('unix-rights-truncated', async (env) => {
  const p = await env.process();
  for (const type of TYPES) {
    const [a, b] = await p.socketpair(AF.UNIX, type, 0);
    const fd = await p.dup(0);
    const send = (): Promise<number> => p.sendmsg(a, { iov: [text('data')], control: rights(fd, fd, fd) }, 0);
    for (const size of [0, 1, 8, 15, 16, 17, 19, 20, 21, 23, 24, 25, 27, 28, 29, 31, 32, 40, 64]) {
      await send();
      const { control } = await p.recvmsg(b, [room(9)], 0, 0, size);
      for (const each of fdsIn(control)) await p.close(each);
    }
    // Other calls take the data, and drop the descriptors.
    await send();
    await p.read(b, room(9));
    await send();
    await p.recvfrom(b, room(9), 0);
    await p.close(await p.dup(0));
    // No more descriptors than the process may have.
    await send();
    const next = await p.dup(0);
    await p.close(next);
    await env.limitDescriptors(p, next + 2);
    const { control } = await p.recvmsg(b, [room(9)], 0, 0, 64);
    await send();
    await p.recvmsg(b, [room(9)], 0, 0, 64);
    for (const each of fdsIn(control)) await p.close(each);
    await env.limitDescriptors(p, 100);
    await p.close(a);
    await p.close(b);
    await p.close(fd);
  }
});

const malformed = program('unix-control-errors', async (env) => {
  const p = await env.process();
  for (const type of TYPES) {
    const [a, b] = await p.socketpair(AF.UNIX, type, 0);
    const send = async (control: Uint8Array): Promise<void> => {
      if (await env.attempt(p.sendmsg(a, { iov: [text('x')], control }, 0)) !== null) return;
      const message = await p.recvmsg(b, [room(4)], 0, 0, 2000);
      for (const fd of fdsIn(message.control)) await p.close(fd);
    };
    await send(room(0));
    await send(room(8));
    await send(room(16));
    await send(room(24));
    await send(rights());
    await send(rights(99));
    await send(rights(-1));
    await send(rights(0, 99));
    await send(rights(0).subarray(0, 20));
    await send(rights(0).subarray(0, 19));
    await send(rights(0, 1).subarray(0, 20));
    await send(cmsg(SOL.SOCKET, 1, ints(0, 1), 20));
    await send(cmsg(SOL.SOCKET, 1, ints(0, 1), 21));
    await send(cmsg(SOL.SOCKET, 1, ints(0, 1), 15));
    await send(cmsg(SOL.SOCKET, 1, ints(0, 1), 0));
    await send(cmsg(SOL.SOCKET, 1, ints(0, 1), 25));
    await send(cmsg(SOL.SOCKET, 1, ints(0), 2 ** 40));
    await send(cmsg(SOL.SOCKET, 3, ints(0)));
    await send(cmsg(SOL.SOCKET, 4, ints(0)));
    await send(cmsg(SOL.SOCKET, 99, ints(0)));
    await send(cmsg(SOL.IP, 8, ints(0)));
    await send(cmsg(SOL.IP, 1, ints(0)));
    await send(cmsg(99, 99, ints(0)));
    await send(joined(rights(0), rights(1)));
    await send(joined(rights(0), cmsg(99, 99, ints(7)), rights(1, 2)));
    await send(joined(rights(0), cmsg(SOL.SOCKET, 99, ints(7))));
    await send(joined(rights(0), room(8)));
    await send(joined(rights(0, 1), cmsg(SOL.SOCKET, 1, ints(2), 12)));
    await send(rights(...Array.from({ length: 253 }, () => 0)));
    await send(rights(...Array.from({ length: 254 }, () => 0)));
    await send(joined(rights(...Array.from({ length: 200 }, () => 0)), rights(...Array.from({ length: 54 }, () => 0))));
    await send(credentials(env.pidOf(p), 0, 0));
    await send(credentials(env.pidOf(p), 1, 2));
    await send(credentials(999999, 0, 0));
    await send(credentials(0, 0, 0));
    await send(credentials(env.pidOf(p), -1, 0));
    await send(credentials(env.pidOf(p), 0, -1));
    await send(cmsg(SOL.SOCKET, 2, ints(0, 0)));
    await send(cmsg(SOL.SOCKET, 2, ints(env.pidOf(p), 0, 0, 0)));
    // Control data is looked at before anything else.
    const unconnected = await p.socket(AF.UNIX, type, 0);
    await env.attempt(p.sendmsg(unconnected, { iov: [text('x')], control: rights(99) }, 0));
    await env.attempt(p.sendmsg(unconnected, { iov: [text('x')], control: rights(0) }, 0));
    await env.attempt(p.sendmsg(a, { iov: [text('')], control: rights(0) }, 0));
    await env.attempt(p.recvmsg(b, [room(4)], MSG.DONTWAIT, 0, 64));
    await p.shutdown(a, SHUT.WR);
    await env.attempt(p.sendmsg(a, { iov: [text('x')], control: rights(0) }, 0));
    await env.attempt(p.sendmsg(a, { iov: [text('x')], control: rights(99) }, 0));
  }
  const udp = await p.socket(AF.INET, SOCK.DGRAM, 0);
  await p.bind(udp, in4('127.0.0.1', PORT));
  const tcp = await p.socket(AF.INET, SOCK.STREAM, 0);
  for (const control of [rights(0), rights(99), cmsg(SOL.SOCKET, 99, ints(0)), cmsg(SOL.SOCKET, 1, ints(0), 3), credentials(1, 2, 3)]) {
    await env.attempt(p.sendmsg(udp, { name: in4('127.0.0.1', PORT), iov: [text('x')], control }, 0));
    await env.attempt(p.recvmsg(udp, [room(4)], MSG.DONTWAIT | MSG.CMSG_CLOEXEC, 0, 64));
    await env.attempt(p.sendmsg(tcp, { iov: [text('x')], control }, MSG.NOSIGNAL));
  }
  await env.attempt(p.sendmsg(0, { iov: [text('x')], control: rights(0) }, 0));
  await env.attempt(p.sendmsg(77, { iov: [text('x')], control: rights(0) }, 0));
});

const gluing = program('unix-rights-in-streams', async (env) => {
  const p = await env.process();
  const [a, b] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const take = async (length: number, flags = 0): Promise<void> => {
    const message = await p.recvmsg(b, [room(length)], flags, 128, 64);
    for (const fd of fdsIn(message.control)) await p.close(fd);
  };
  await p.write(a, text('plain '));
  await p.sendmsg(a, { iov: [text('first ')], control: rights(0) }, 0);
  await p.sendmsg(a, { iov: [text('second ')], control: rights(1, 2) }, 0);
  await p.write(a, text('rest'));
  await take(40);
  await take(40);
  await take(40);
  // Descriptors come with the first byte of their message.
  await p.sendmsg(a, { iov: [text('abcdef')], control: rights(0) }, 0);
  await p.write(a, text('gh'));
  await take(2);
  await take(40);
  // MSG_PEEK shows copies, again and again.
  await p.write(a, text('before'));
  await p.sendmsg(a, { iov: [text('peek')], control: rights(0, 1) }, 0);
  await p.write(a, text('after'));
  await take(40, MSG.PEEK);
  await take(40, MSG.PEEK);
  await take(3, MSG.PEEK);
  await take(40);
  await take(40);
  // MSG_WAITALL ends at descriptors.
  await p.sendmsg(a, { iov: [text('ab')], control: rights(0) }, 0);
  await take(9, MSG.WAITALL);
  const all = env.begin(take(9, MSG.WAITALL));
  await env.settle();
  await p.write(a, text('one'));
  await env.settle();
  await p.sendmsg(a, { iov: [text('two')], control: rights(0) }, 0);
  await all;
  // Skipped with their bytes by calls that cannot take them.
  await p.sendmsg(a, { iov: [text('lost')], control: rights(0) }, 0);
  await p.write(a, text(' and found'));
  await p.read(b, room(40));
  await p.read(b, room(40));
  // A long write carries them once.
  const large = new Uint8Array(100000);
  await p.sendmsg(a, { iov: [large], control: rights(0) }, 0);
  for (let i = 0; i < 3; i++) await take(40000);
  // MSG_OOB carries them with its first part.
  await p.sendmsg(a, { iov: [text('xyz')], control: rights(0) }, MSG.OOB);
  await take(1);
  await take(9);
  await p.recvmsg(b, [room(2)], MSG.OOB, 0, 64);
  await p.sendmsg(a, { iov: [text('!')], control: rights(0) }, MSG.OOB);
  await p.recvmsg(b, [room(2)], MSG.OOB | MSG.PEEK, 0, 64);
  await p.recvmsg(b, [room(2)], MSG.OOB, 0, 64);
});

const who = program('unix-credentials', async (env) => {
  const p = await env.process();
  const q = await env.process();
  for (const type of TYPES) {
    const server = await q.socket(AF.UNIX, type, 0);
    const name = un(`\0who${type}`);
    await q.bind(server, name);
    let to = server;
    if (type !== SOCK.DGRAM) await q.listen(server, 2);
    const from = await p.socket(AF.UNIX, type, 0);
    await p.connect(from, name);
    await p.send(from, text('early'), 0);
    if (type !== SOCK.DGRAM) to = (await q.accept(server)).fd;
    await p.send(from, text('unasked'), 0);
    const take = (size = 64, flags = 0): Promise<unknown> => q.recvmsg(to, [room(20)], flags, 0, size);
    await take();
    if (type !== SOCK.STREAM) await take();
    await p.send(from, text('before'), 0);
    await q.setsockopt(to, SOL.SOCKET, SO.PASSCRED, ints(1));
    await take();
    await p.send(from, text('after'), 0);
    await take();
    for (const size of [0, 8, 16, 20, 27, 28, 31, 32, 33, 40]) {
      await p.send(from, text('cut'), 0);
      await take(size);
    }
    await p.sendmsg(from, { iov: [text('with rights')], control: rights(0, 1) }, 0);
    await take(50);
    await p.sendmsg(from, { iov: [text('said')], control: credentials(env.pidOf(p), 7, 8) }, 0);
    await take();
    await p.sendmsg(from, { iov: [text('other')], control: credentials(env.pidOf(q), 0, 0) }, 0);
    await p.send(from, text('own'), 0);
    await take();
    await take();
    await p.sendmsg(from, { iov: [text('both')], control: joined(credentials(env.pidOf(p), 0, 0), rights(0)) }, 0);
    await take(128, MSG.PEEK);
    await take(128);
    await p.send(from, text('plain'), 0);
    await q.read(to, room(9));
    await env.attempt(q.recvmsg(to, [room(9)], MSG.DONTWAIT, 0, 64));
    await q.setsockopt(to, SOL.SOCKET, SO.PASSCRED, ints(0));
    await p.setsockopt(from, SOL.SOCKET, SO.PASSCRED, ints(1));
    await p.send(from, text('sender asks'), 0);
    await q.setsockopt(to, SOL.SOCKET, SO.PASSCRED, ints(1));
    await take();
    await p.close(from);
    if (type !== SOCK.DGRAM) await take();
    await q.close(server);
  }
});

const gluedSenders = program('unix-credentials-in-streams', async (env) => {
  const p = await env.process();
  const q = await env.process();
  const [a, b] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  // Two processes that share a socket write into one stream.
  const [way, out] = await p.socketpair(AF.UNIX, SOCK.DGRAM, 0);
  const gate = await q.socket(AF.UNIX, SOCK.DGRAM, 0);
  await q.bind(gate, un('\0gate'));
  await p.sendmsg(out, { name: un('\0gate'), iov: [text('x')], control: rights(a) }, 0);
  const [theirs] = fdsIn((await q.recvmsg(gate, [room(4)], 0, 0, 64)).control) as [number];
  await p.close(way);
  await p.write(a, text('unknown'));
  await p.setsockopt(b, SOL.SOCKET, SO.PASSCRED, ints(1));
  await p.write(a, text('p1'));
  await q.write(theirs, text('q1'));
  await q.write(theirs, text('q2'));
  await p.write(a, text('p2'));
  for (let i = 0; i < 4; i++) await p.recvmsg(b, [room(40)], 0, 0, 64);
  await p.write(a, text('p3'));
  await q.write(theirs, text('q3'));
  await p.recvmsg(b, [room(40)], MSG.PEEK, 0, 64);
  await p.recv(b, room(40), 0);
  const all = env.begin(p.recvmsg(b, [room(9)], MSG.WAITALL, 0, 64));
  await env.settle();
  await q.write(theirs, text('q4'));
  await env.settle();
  await p.write(a, text('p4'));
  await all;
  await p.recvmsg(b, [room(9)], 0, 0, 64);
});

/** Does the other end of `a` still exist? A stream whose peer is gone reads as ended. */
async function isAlive(env: ProgramEnvironment, p: Syscalls, fd: number): Promise<boolean> {
  return (await env.attempt(p.send(fd, text('?'), MSG.DONTWAIT | MSG.NOSIGNAL))) === null;
}

const cycles = program('unix-rights-cycles', async (env) => {
  const p = await env.process();
  const q = await env.process();
  const send = (from: number, ...fds: number[]): Promise<number> => p.sendmsg(from, { iov: [text('x')], control: rights(...fds) }, 0);
  // Linux collects a moment after the next close of such a socket, whichever it is.
  const collected = async (watch: number): Promise<void> => {
    await p.close(await p.socket(AF.UNIX, SOCK.DGRAM, 0));
    await env.settle(60);
    env.note('alive', await isAlive(env, p, watch));
    await p.close(watch);
  };
  // A socket in its own queue.
  const [a, b] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  await send(a, b);
  env.note('alive', await isAlive(env, p, a));
  await p.close(b);
  await collected(a);
  // Two in each other's, watched through a third that lies there too.
  const [c, d] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const [e, f] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const [watch, inside] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  await send(c, e, inside);
  await send(e, c);
  await send(f, d);
  await p.close(inside);
  await p.close(c);
  await p.close(d);
  await env.settle(30);
  env.note('alive while somebody holds one', await isAlive(env, p, watch));
  await p.close(f);
  await p.close(e);
  await collected(watch);
  // A cycle that somebody can still receive stays.
  const [g, h] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const [watch2, inside2] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const [door, key] = await p.socketpair(AF.UNIX, SOCK.DGRAM, 0);
  await send(g, h, inside2);
  await send(door, h);
  await p.close(inside2);
  await p.close(h);
  await p.close(g);
  await env.settle(30);
  env.note('alive behind the door', await isAlive(env, p, watch2));
  const message = await p.recvmsg(key, [room(4)], 0, 0, 64);
  const [back] = fdsIn(message.control) as [number];
  const again = await p.recvmsg(back, [room(4)], 0, 0, 64);
  for (const fd of [...fdsIn(again.control), back, door, key]) await p.close(fd);
  await collected(watch2);
  // In the queue of a connection that nobody has accepted.
  const listening = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  await p.bind(listening, un('\0cycle'));
  await p.listen(listening, 4);
  const client = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  await p.connect(client, un('\0cycle'));
  const [watch3, inside3] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  await send(client, listening, inside3);
  await p.close(inside3);
  await env.settle(30);
  env.note('alive in the listener', await isAlive(env, p, watch3));
  await p.close(listening);
  await p.close(await p.socket(AF.UNIX, SOCK.DGRAM, 0));
  await env.settle(60);
  await env.attempt(p.send(client, text('x'), 0));
  await collected(watch3);
  await env.attempt(p.connect(await p.socket(AF.UNIX, SOCK.STREAM, 0), un('\0cycle')));
  // A process ends with descriptors on their way to nobody.
  const [watch4, inside4] = await q.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const [i, j] = await q.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const gate = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
  await p.bind(gate, un('\0gate'));
  const way = await q.socket(AF.UNIX, SOCK.DGRAM, 0);
  await q.sendmsg(way, { name: un('\0gate'), iov: [text('x')], control: rights(watch4) }, 0);
  const [watching] = fdsIn((await p.recvmsg(gate, [room(4)], 0, 0, 64)).control) as [number];
  await q.sendmsg(i, { iov: [text('x')], control: rights(j, inside4) }, 0);
  await q.sendmsg(j, { iov: [text('x')], control: rights(i) }, 0);
  await env.exit(q);
  await env.settle(60);
  await state(p, watching);
  await collected(watching);
});

const inFlight = program('unix-rights-closed', async (env) => {
  const p = await env.process();
  // A description lives in flight, and dies with the queue it is in.
  const [a, b] = await p.socketpair(AF.UNIX, SOCK.DGRAM, 0);
  const [c, d] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  await p.sendmsg(a, { iov: [text('x')], control: rights(d) }, 0);
  await p.close(d);
  await p.write(c, text('kept'));
  await state(p, c);
  await p.ioctl(a, IOCTL.SIOCOUTQ);
  await p.close(b);
  await state(p, c);
  await env.attempt(p.read(c, room(4)));
  await p.close(a);
  // Taken over by a poll and a read under way.
  const [e, f] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const [g, h] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const reading = env.begin(p.read(h, room(9)));
  await env.settle();
  await p.sendmsg(e, { iov: [text('x')], control: rights(h) }, 0);
  await p.close(h);
  await p.write(g, text('for whom?'));
  await reading;
  await p.write(g, text('next'));
  const message = await p.recvmsg(f, [room(4)], 0, 0, 24);
  env.note('control', hex(message.control.subarray(0, 16)));
  await p.read(fdsIn(message.control)[0] as number, room(9));
  // A listener travels, and its connections with it.
  const listening = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  await p.bind(listening, un('\0listener'));
  await p.listen(listening, 2);
  const client = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  await p.connect(client, un('\0listener'));
  await p.sendmsg(e, { iov: [text('x')], control: rights(listening) }, 0);
  await p.close(listening);
  await p.write(client, text('to the listener'));
  const [moved] = fdsIn((await p.recvmsg(f, [room(4)], 0, 0, 24)).control) as [number];
  const { fd } = await p.accept(moved);
  await p.read(fd, room(20));
});

export const programs: readonly Program[] = [passing, truncating, malformed, gluing, who, gluedSenders, cycles, inFlight];
