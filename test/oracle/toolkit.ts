/** What the programs share: families, bytes, option values, connected pairs. */
import type { Syscalls } from '../../src/api/posix/syscalls.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { in4, in6 } from './address.ts';
import { POLL } from './names.ts';

export { POLL } from './names.ts';

/** An address family as the programs use it, so that one program serves both. */
export interface Family {
  name: string;
  domain: number;
  loopback(port: number): Uint8Array;
  any(port: number): Uint8Array;
  /** An address that no interface has and no route leads to. */
  elsewhere(port: number): Uint8Array;
}

export const INET: Family = {
  name: 'inet', domain: AF.INET,
  loopback: (port) => in4('127.0.0.1', port),
  any: (port) => in4('0.0.0.0', port),
  elsewhere: (port) => in4('192.0.2.1', port),
};

export const INET6: Family = {
  name: 'inet6', domain: AF.INET6,
  loopback: (port) => in6('::1', port),
  any: (port) => in6('::', port),
  elsewhere: (port) => in6('2001:db8::1', port),
};

export const FAMILIES: readonly Family[] = [INET, INET6];

/** An IPv6 socket that speaks IPv4. */
export const MAPPED: Family = {
  name: 'mapped', domain: AF.INET6,
  loopback: (port) => in6('::ffff:127.0.0.1', port),
  any: (port) => in6('::', port),
  elsewhere: (port) => in6('::ffff:192.0.2.1', port),
};

export const ALL_FAMILIES: readonly Family[] = [INET, INET6, MAPPED];

export function text(value: string): Uint8Array {
  return Uint8Array.from(value, (letter) => letter.charCodeAt(0));
}

export function room(length: number): Uint8Array {
  return new Uint8Array(length);
}

/** `length` bytes that differ from place to place. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0, x = seed; i < length; i++) {
    x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
    bytes[i] = x >> 16;
  }
  return bytes;
}

/** Pieces of bytes behind each other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Option values: consecutive C ints. */
export function ints(...values: number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

export function intOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getInt32(0, true);
}

/** `struct timeval`. */
export function timeval(seconds: number, microseconds: number): Uint8Array {
  return new Uint8Array(BigInt64Array.from([BigInt(seconds), BigInt(microseconds)]).buffer);
}

export const linger = ints;

/** The port that the listening programs use; below the range of automatic ports. */
export const PORT = 5000;

export function stream(p: Syscalls, family: Family, flags = 0): Promise<number> {
  return p.socket(family.domain, SOCK.STREAM | flags, 0);
}

export function dgram(p: Syscalls, family: Family, flags = 0): Promise<number> {
  return p.socket(family.domain, SOCK.DGRAM | flags, 0);
}

export async function listener(p: Syscalls, family: Family, port = PORT, backlog = 8): Promise<number> {
  const fd = await stream(p, family);
  await p.bind(fd, family.loopback(port));
  await p.listen(fd, backlog);
  return fd;
}

export interface Pair {
  listening: number;
  client: number;
  server: number;
}

/** A connected pair inside one process; the listening socket stays open. */
export async function pair(p: Syscalls, family: Family, port = PORT): Promise<Pair> {
  const listening = await listener(p, family, port);
  const client = await stream(p, family);
  await p.connect(client, family.loopback(port));
  const { fd } = await p.accept(listening);
  return { listening, client, server: fd };
}

/** Two UDP sockets bound to `port` and `port + 1`, each connected to the other. */
export async function dgramPair(p: Syscalls, family: Family, port = PORT): Promise<{ a: number; b: number }> {
  const a = await dgram(p, family);
  const b = await dgram(p, family);
  await p.bind(a, family.loopback(port));
  await p.bind(b, family.loopback(port + 1));
  await p.connect(a, family.loopback(port + 1));
  await p.connect(b, family.loopback(port));
  return { a, b };
}

/** Waits until one descriptor has the events (and records what poll said). */
export async function wait(p: Syscalls, fd: number, events: number, timeoutMs = 2000): Promise<number> {
  const fds = [{ fd, events, revents: 0 }];
  await p.poll(fds, timeoutMs);
  return fds[0]?.revents ?? 0;
}

/** poll(2) of one descriptor for everything, without waiting. */
export function state(p: Syscalls, fd: number): Promise<number> {
  return wait(p, fd, POLL.IN | POLL.PRI | POLL.OUT | POLL.RDHUP | POLL.RDNORM | POLL.RDBAND | POLL.WRNORM | POLL.WRBAND, 0);
}

/** Reads exactly `length` bytes by repeated read(2) without recording how they were cut; resolves to what came. */
export async function drain(p: Syscalls, fd: number, length: number): Promise<Uint8Array> {
  const all = new Uint8Array(length);
  let have = 0;
  while (have < length) {
    const part = all.subarray(have);
    const n = await p.read(fd, part);
    if (n === 0) break;
    have += n;
  }
  return all.subarray(0, have);
}

/** The process without its recorder, for loops whose steps depend on sizes that are not compared. */
export function silently(p: Syscalls): Syscalls {
  return (p as unknown as { silent: Syscalls }).silent;
}
