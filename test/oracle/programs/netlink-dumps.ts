/** Dumps of netlink that do not fit into one datagram: how they are cut, how they end, what a reader who is too slow hears. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { attribute, F, ifaddr, lines, LO, message, nl, T } from '../netlink-text.ts';
import { AF, MSG, SO, SOCK, SOL } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { ints, joined, room, silently, state } from '../toolkit.ts';

const NETLINK = 270, NO_ENOBUFS = 5, STRICT = 12;
const ADDRESSES = 900;
const HOST_SCOPE = 254;

async function open(p: Syscalls, port: number): Promise<number> {
  const fd = await p.socket(AF.NETLINK, SOCK.RAW, 0);
  await p.bind(fd, nl(port));
  return fd;
}

function addressMessage(type: number, i: number): Uint8Array {
  const address = Uint8Array.of(127, 1, i >> 8, i & 255);
  return message(type, F.REQUEST, 1, joined(ifaddr(AF.INET, 32, LO, 0, HOST_SCOPE), attribute(2, address), attribute(1, address)));
}

/** So many changes by one datagram; nothing is answered unless one fails. */
async function change(p: Syscalls, fd: number, type: number, from: number, to: number): Promise<void> {
  await silently(p).send(fd, joined(...Array.from({ length: to - from }, (_, i) => addressMessage(type, from + i))), 0);
}

const addAddresses = (p: Syscalls, fd: number): Promise<void> => change(p, fd, T.NEWADDR, 0, ADDRESSES);

/** Each datagram of a dump: how many messages, which kinds and flags; whether the last one is only the end. */
async function readDump(env: ProgramEnvironment, p: Syscalls, fd: number, bytes: number, what: string): Promise<void> {
  const quiet = silently(p);
  const buffer = room(bytes);
  for (let i = 0; i < 100; i++) {
    let found: { count: number; flags: number } | null = null;
    const failed = await env.attempt(quiet.recvmsg(fd, [buffer], MSG.DONTWAIT | MSG.TRUNC).then(({ count, flags }) => {
      found = { count, flags };
    }));
    if (found === null) return env.note(`${what}: datagram ${i}`, failed ?? '');
    const { count, flags } = found as { count: number; flags: number };
    const all = lines(buffer.subarray(0, Math.min(bytes, count)));
    const heads = all.map((line) => line.replace(/^(\w+ flags \w+ seq \d+).*$/s, '$1'));
    const kinds = [...new Set(heads)].map((head) => `${heads.filter((other) => other === head).length} ${head}`);
    env.note(`${what}: datagram ${i}`, `${count} bytes, flags ${flags}: ${kinds.join(', ')}`);
    if (all.some((line) => line.startsWith('DONE'))) return;
  }
}

const question = (sequence: number, flags = 0): Uint8Array => message(T.GETADDR, F.REQUEST | F.DUMP | flags, sequence, ifaddr(AF.INET, 0, 0));

const sizes = [100, 3775, 4096, 8192, 16384, 32448, 32768, 65536].map((bytes) => program(`netlink-dump-read-${bytes}`, async (env) => {
  const p = await env.process();
  const fd = await open(p, 410);
  await addAddresses(p, fd);
  const fresh = await open(p, 411);
  await p.send(fresh, question(7), 0);
  await readDump(env, p, fresh, bytes, 'first');
  // The second one's first datagram knows already how large a buffer there is.
  await p.send(fresh, question(8, F.ACK), 0);
  await readDump(env, p, fresh, bytes, 'second');
  await p.setsockopt(fresh, NETLINK, STRICT, ints(1));
  await p.send(fresh, question(9), 0);
  await readDump(env, p, fresh, bytes, 'strict');
  await state(p, fresh);
}));

const busy = program('netlink-dump-busy', async (env) => {
  const p = await env.process();
  const fd = await open(p, 420);
  await addAddresses(p, fd);
  const quiet = silently(p);
  const buffer = room(4096);
  // Another dump has to wait, a question has not.
  await p.send(fd, question(1), 0);
  await p.send(fd, question(2), 0);
  const loopback = Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 1 : 0));
  await p.send(fd, message(T.GETADDR, F.REQUEST, 3, joined(ifaddr(AF.INET6, 128, LO), attribute(1, loopback))), 0);
  await readDump(env, p, fd, 4096, 'all of it');
  // The reader looks at it and does not take it.
  await p.send(fd, question(5), 0);
  env.note('a look', lines(buffer.subarray(0, await quiet.recv(fd, buffer, MSG.PEEK))).length);
  env.note('a look again', lines(buffer.subarray(0, await quiet.recv(fd, buffer, MSG.PEEK))).length);
  await readDump(env, p, fd, 4096, 'after a look');
});

const overruns = [false, true].map((quietly) => program(`netlink-overrun-${quietly ? 'unreported' : 'reported'}`, async (env) => {
  const p = await env.process();
  const quiet = silently(p);
  const listening = await p.socket(AF.NETLINK, SOCK.RAW, 0);
  const RTMGRP_IPV4_IFADDR = 0x10;
  await p.bind(listening, nl(430, RTMGRP_IPV4_IFADDR));
  await p.setsockopt(listening, SOL.SOCKET, SO.RCVBUF, ints(2304));
  if (quietly) await p.setsockopt(listening, NETLINK, NO_ENOBUFS, ints(1));
  const fd = await open(p, 431);
  await addAddresses(p, fd);
  await state(p, listening);
  await env.attempt(p.getsockopt(listening, SOL.SOCKET, SO.ERROR, 4));
  await state(p, listening);
  let heard = 0;
  const outcomes: string[] = [];
  for (let i = 0; i < 100 && outcomes.length < 2; i++) {
    const failed = await env.attempt(quiet.recv(listening, room(4000), MSG.DONTWAIT).then(() => void heard++));
    if (failed !== null) outcomes.push(`${failed} after ${heard}`);
  }
  env.note('until there is no more', outcomes.join(', '));
  // Read out, it hears again.
  await change(p, fd, T.DELADDR, 5, 6);
  const heardOne = await env.attempt(quiet.recv(listening, room(4000), MSG.DONTWAIT));
  env.note('a change', heardOne ?? 'heard');
  // An error that is waiting comes before what is queued.
  await change(p, fd, T.DELADDR, 10, 60);
  const next = await env.attempt(quiet.recv(listening, room(4000), MSG.DONTWAIT));
  env.note('after fifty', next ?? 'heard');
  env.note('and then', (await env.attempt(quiet.recv(listening, room(4000), MSG.DONTWAIT))) ?? 'heard');
  // There is room again, but as long as something waits nothing more is heard.
  await change(p, fd, T.DELADDR, 70, 71);
  let rest = 0;
  while ((await env.attempt(quiet.recv(listening, room(4000), MSG.DONTWAIT))) === null) rest++;
  env.note('the rest', rest);
}));

const truncated = program('netlink-truncated', async (env) => {
  const p = await env.process();
  const fd = await open(p, 440);
  for (const flags of [0, MSG.TRUNC, MSG.PEEK, MSG.PEEK | MSG.TRUNC]) {
    await p.send(fd, message(T.GETADDR, F.REQUEST | F.DUMP, 9, ifaddr(AF.INET, 0, 0)), 0);
    const { flags: got, count } = await silently(p).recvmsg(fd, [room(10)], flags);
    env.note(`ten bytes with flags ${flags}`, `${count} ${got}`);
    while ((await env.attempt(silently(p).recv(fd, room(5000), MSG.DONTWAIT))) === null);
  }
});

/** A receiver whose queue is full refuses a sender, or makes him wait: how many messages of a size there is room for. */
const queued = program('netlink-queue-sizes', async (env) => {
  const p = await env.process();
  const quiet = silently(p);
  const [from, to] = [await open(p, 450), await open(p, 451)];
  await p.setsockopt(to, SOL.SOCKET, SO.RCVBUF, ints(20_000));
  for (const bytes of [1, 192, 193, 256, 257, 704, 705, 1728, 1729, 3776, 3777, 3840, 3841, 8000]) {
    let count = 0;
    while (count < 100 && (await env.attempt(quiet.sendto(from, room(bytes), MSG.DONTWAIT, nl(451)))) === null) count++;
    env.note(`messages of ${bytes} bytes`, count);
    while ((await env.attempt(quiet.recv(to, room(1), MSG.DONTWAIT))) === null);
  }
});

export const programs: readonly Program[] = [...sizes, busy, ...overruns, truncated, queued];
