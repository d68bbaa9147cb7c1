/** UDP_SEGMENT and UDP_GRO: one send that becomes several datagrams, and several that are received as one. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { UDP } from '../../../src/socket/constants.ts';
import { IP, IPPROTO, IPV6, MSG, SO, SOCK, SOL } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { ALL_FAMILIES, dgramPair, type Family, INET, INET6, ints, pattern, PORT, room, silently, text } from '../toolkit.ts';

const message = (level: number, type: number, data: Uint8Array): Uint8Array => {
  const bytes = room((16 + data.length + 7) & ~7);
  bytes.set(ints(16 + data.length, 0, level, type));
  bytes.set(data, 16);
  return bytes;
};
const segment = (size: number): Uint8Array => message(SOL.UDP, UDP.SEGMENT, new Uint8Array(Uint16Array.of(size).buffer));

/** Receives all that is there. */
async function received(env: ProgramEnvironment, p: Syscalls, fd: number): Promise<void> {
  for (let i = 0; i < 12; i++) {
    const { error, code } = await p.recvmsg(fd, [room(70_000)], MSG.DONTWAIT, 28, 128).then(
      () => ({ error: false, code: '' }), (failure: { code?: string }) => ({ error: true, code: failure.code ?? '' }));
    if (error) return env.note('nothing more', code);
  }
}

const each: Program[] = ALL_FAMILIES.flatMap((family: Family) => [
  program(`udp-segment-${family.name}`, async (env) => {
    const p = await env.process();
    const { a, b } = await dgramPair(p, family);
    await p.getsockopt(a, SOL.UDP, UDP.SEGMENT, 4);
    await p.setsockopt(a, SOL.UDP, UDP.SEGMENT, ints(100));
    await p.getsockopt(a, SOL.UDP, UDP.SEGMENT, 4);
    for (const length of [0, 1, 99, 100, 101, 200, 350]) {
      await p.send(a, pattern(length), 0);
      await received(env, p, b);
    }
    // A message may choose for itself.
    await p.sendmsg(a, { iov: [pattern(300)], control: segment(150) }, 0);
    await received(env, p, b);
    await p.sendmsg(a, { iov: [pattern(300)], control: segment(0) }, 0);
    await received(env, p, b);
    await p.setsockopt(a, SOL.UDP, UDP.SEGMENT, ints(0));
    await p.sendmsg(a, { iov: [text('abc'), text('defg')], control: segment(3) }, 0);
    await received(env, p, b);
    await p.sendto(a, pattern(10), 0, family.loopback(PORT + 1));
    await p.sendmsg(a, { iov: [pattern(10)], name: family.loopback(PORT + 1), control: segment(4) }, 0);
    await received(env, p, b);
    // 128 at most.
    await env.attempt(p.sendmsg(a, { iov: [pattern(128)], control: segment(1) }, 0));
    env.note('length of the first', (await silently(p).recv(b, room(9), MSG.DONTWAIT)) === 1);
    for (let i = 1; i < 128; i++) await silently(p).recv(b, room(9), MSG.DONTWAIT);
    await received(env, p, b);
    await env.attempt(p.sendmsg(a, { iov: [pattern(129)], control: segment(1) }, 0));
    await env.attempt(p.sendmsg(a, { iov: [pattern(1281)], control: segment(10) }, 0));
    await received(env, p, b);
    await env.attempt(p.send(a, room(66_000), 0));
    await env.attempt(p.sendmsg(a, { iov: [room(66_000)], control: segment(1000) }, 0));
    await env.attempt(p.sendmsg(a, { iov: [pattern(65_507)], control: segment(65_000) }, 0));
    await received(env, p, b);
    await env.attempt(p.sendmsg(a, { iov: [pattern(60_000)], control: segment(0xffff) }, 0));
    await received(env, p, b);
  }),
  program(`udp-gro-${family.name}`, async (env) => {
    const p = await env.process();
    const { a, b } = await dgramPair(p, family);
    await p.getsockopt(b, SOL.UDP, UDP.GRO, 4);
    await p.setsockopt(b, SOL.UDP, UDP.GRO, ints(5));
    await p.getsockopt(b, SOL.UDP, UDP.GRO, 4);
    for (const [length, size] of [[10, 3], [9, 3], [3, 3], [2, 3], [0, 3], [5, 0], [4000, 1400]] as const) {
      await p.sendmsg(a, { iov: [pattern(length)], control: segment(size) }, 0);
      await received(env, p, b);
    }
    // Too little room, a look without taking, no room for control data.
    await p.sendmsg(a, { iov: [pattern(10)], control: segment(3) }, 0);
    await p.recvmsg(b, [room(4)], MSG.PEEK, 28, 64);
    await p.recvmsg(b, [room(4)], 0, 28, 8);
    await p.sendmsg(a, { iov: [pattern(10)], control: segment(3) }, 0);
    await p.ioctl(b, 0x541b);
    await p.recv(b, room(20), 0);
    // Beside what else is told.
    await p.setsockopt(b, SOL.SOCKET, SO.TIMESTAMP, ints(1));
    if (family === INET) await p.setsockopt(b, IPPROTO.IP, IP.RECVTTL, ints(1));
    else await p.setsockopt(b, IPPROTO.IPV6, IPV6.RECVHOPLIMIT, ints(1));
    await p.sendmsg(a, { iov: [pattern(10)], control: segment(3) }, 0);
    await received(env, p, b);
    // Datagrams that were sent one by one stay so.
    await p.send(a, text('1'), 0);
    await p.send(a, text('2'), 0);
    await received(env, p, b);
    await p.setsockopt(b, SOL.UDP, UDP.GRO, ints(0));
    await p.sendmsg(a, { iov: [pattern(10)], control: segment(3) }, 0);
    await received(env, p, b);
  }),
  program(`udp-segment-faults-${family.name}`, async (env) => {
    const p = await env.process();
    const { a, b } = await dgramPair(p, family);
    for (const value of [-1, 65535, 65536, 0x7fffffff]) await env.attempt(p.setsockopt(a, SOL.UDP, UDP.SEGMENT, ints(value)));
    await p.getsockopt(a, SOL.UDP, UDP.SEGMENT, 2);
    await p.setsockopt(a, SOL.UDP, UDP.SEGMENT, ints(0));
    for (const option of [UDP.SEGMENT, UDP.GRO]) {
      await env.attempt(p.setsockopt(a, SOL.UDP, option, room(2)));
      await env.attempt(p.getsockopt(a, SOL.UDP, option, -1));
    }
    for (const data of [room(0), room(1), room(3), room(4), room(8)]) {
      await env.attempt(p.sendmsg(a, { iov: [text('x')], control: message(SOL.UDP, UDP.SEGMENT, data) }, 0));
    }
    await env.attempt(p.sendmsg(a, { iov: [text('x')], control: message(SOL.UDP, UDP.GRO, ints(1)) }, 0));
    // UDP's is read before IP's.
    const both = room(64);
    both.set(message(IPPROTO.IP, IP.TTL, ints(0)));
    both.set(message(SOL.UDP, UDP.SEGMENT, room(3)), 24);
    await env.attempt(p.sendmsg(a, { iov: [text('x')], control: both.subarray(0, 48) }, 0));
    // The first piece must fit the path, and checksums must be there.
    await p.setsockopt(a, SOL.SOCKET, SO.NO_CHECK, ints(1));
    await env.attempt(p.sendmsg(a, { iov: [pattern(10)], control: segment(3) }, 0));
    await env.attempt(p.sendmsg(a, { iov: [pattern(2)], control: segment(3) }, 0));
    await received(env, p, b);
    const stream = await p.socket(family.domain, SOCK.STREAM, 0);
    await env.attempt(p.setsockopt(stream, SOL.UDP, UDP.SEGMENT, ints(3)));
    await env.attempt(p.getsockopt(stream, SOL.UDP, UDP.GRO, 4));
    const many = await p.socket(family.domain, SOCK.DGRAM, 0);
    await p.setsockopt(many, SOL.UDP, UDP.SEGMENT, ints(2));
    await env.attempt(p.sendmmsg(many, [1, 2].map((n) => ({ name: family.loopback(PORT + 5 + n), iov: [text('abcde')] })), 0));
  }),
]);

const cork: Program[] = [INET, INET6].map((family) => program(`udp-segment-cork-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  await p.setsockopt(a, SOL.UDP, UDP.SEGMENT, ints(4));
  await p.send(a, text('abc'), MSG.MORE);
  await p.send(a, text('defgh'), MSG.MORE);
  await p.send(a, text('i'), 0);
  await received(env, p, b);
  await p.setsockopt(a, SOL.UDP, UDP.CORK, ints(1));
  await p.send(a, text('123456'), 0);
  await p.setsockopt(a, SOL.UDP, UDP.CORK, ints(0));
  await received(env, p, b);
}));

export const programs: readonly Program[] = [...each, ...cork];
