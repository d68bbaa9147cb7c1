/** shutdown(2) and close(2) of TCP: every direction and state, resets, lingering. */
import { F, MSG, O, SHUT, SO, SOL } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program, ProgramEnvironment } from '../program.ts';
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { ALL_FAMILIES, FAMILIES, INET, INET6, MAPPED, POLL, PORT, ints, pair, pattern, room, state, stream, text, wait } from '../toolkit.ts';
import type { Family } from '../toolkit.ts';

/** Programs about connections run on loopback of each family; the mapped one listens on the wildcard address. */
function each(name: string, run: (env: ProgramEnvironment, p: Syscalls, family: Family) => Promise<void>): Program[] {
  return FAMILIES.map((family) => program(`${name}-${family.name}`, async (env) => run(env, await env.process(), family)));
}

const halfClose = each('shutdown-write', async (env, p, family) => {
  const { client, server } = await pair(p, family);
  await p.write(client, text('request'));
  await p.shutdown(client, SHUT.WR);
  await p.shutdown(client, SHUT.WR);
  await env.settle();
  await state(p, client);
  await state(p, server);
  await env.attempt(p.write(client, text('x')));
  await env.attempt(p.send(client, text('x'), MSG.NOSIGNAL));
  await env.attempt(p.send(client, text('x'), MSG.OOB));
  await env.attempt(p.send(client, room(0), 0));
  await p.read(server, room(16));
  await p.read(server, room(16));
  await p.recv(server, room(16), MSG.DONTWAIT);
  await state(p, server);
  // The other direction goes on.
  await p.write(server, text('answer'));
  await wait(p, client, POLL.IN);
  await p.read(client, room(16));
  await p.close(server);
  await wait(p, client, POLL.IN);
  await p.read(client, room(16));
  await state(p, client);
  await env.attempt(p.getpeername(client));
  await p.getsockname(client);
  await env.attempt(p.shutdown(client, SHUT.RD));
  await env.attempt(p.shutdown(client, SHUT.WR));
  await p.getsockopt(client, SOL.SOCKET, SO.ERROR, 4);
});

const readShut = each('shutdown-read', async (env, p, family) => {
  const { client, server } = await pair(p, family);
  await p.write(server, text('waiting'));
  await env.settle();
  await p.shutdown(client, SHUT.RD);
  await state(p, client);
  await p.read(client, room(16));
  await p.read(client, room(16));
  // The peer does not notice; its data still comes in.
  await state(p, server);
  await p.write(server, text('late'));
  await env.settle();
  await state(p, client);
  await p.read(client, room(16));
  await p.read(client, room(16));
  await p.write(client, text('this way is open'));
  await wait(p, server, POLL.IN);
  await p.read(server, room(32));
  await p.shutdown(client, SHUT.RD);
});

const bothShut = each('shutdown-both', async (env, p, family) => {
  const { client, server } = await pair(p, family);
  await p.shutdown(client, SHUT.RDWR);
  await env.settle();
  await state(p, client);
  await state(p, server);
  await p.read(client, room(4));
  await env.attempt(p.write(client, text('x')));
  await p.read(server, room(4));
  await p.write(server, text('into the void'));
  await env.settle();
  await state(p, server);
  await state(p, client);
  await env.attempt(p.read(client, room(4)));
  await env.attempt(p.write(server, text('more')));
  await env.attempt(p.write(server, text('more')));
  await env.attempt(p.getpeername(server));
  await env.attempt(p.shutdown(server, SHUT.WR));
});

const bothSides = each('shutdown-both-sides', async (env, p, family) => {
  const { client, server } = await pair(p, family);
  await p.write(client, text('a'));
  await p.write(server, text('b'));
  await p.shutdown(client, SHUT.WR);
  await p.shutdown(server, SHUT.WR);
  await env.settle();
  await state(p, client);
  await state(p, server);
  await p.read(client, room(4));
  await p.read(client, room(4));
  await p.read(server, room(4));
  await p.read(server, room(4));
  await env.attempt(p.getpeername(client));
  await env.attempt(p.getpeername(server));
  await p.getsockname(server);
  await env.attempt(p.shutdown(client, SHUT.RDWR));
  await env.attempt(p.shutdown(server, SHUT.RDWR));
});

const wrongHow = each('shutdown-wrong-how', async (env, p, family) => {
  const { listening, client } = await pair(p, family);
  for (const how of [3, -1, 100]) {
    await env.attempt(p.shutdown(client, how));
    await env.attempt(p.shutdown(listening, how));
  }
  await state(p, client);
});

const closed = each('close-with-everything-read', async (env, p, family) => {
  const { client, server } = await pair(p, family);
  await p.write(client, text('bye'));
  await p.close(client);
  await env.settle();
  await state(p, server);
  await p.read(server, room(8));
  await p.read(server, room(8));
  // Writing to somebody who is gone: the first goes out and draws a reset, the next one fails.
  await p.write(server, text('x'));
  await env.settle();
  await state(p, server);
  await env.attempt(p.write(server, text('x')));
  await env.attempt(p.write(server, text('x')));
  await env.attempt(p.read(server, room(8)));
  await p.getsockopt(server, SOL.SOCKET, SO.ERROR, 4);
  await env.attempt(p.close(client));
});

const resetRead = each('reset-after-fin-then-read', async (env, p, family) => {
  const { client, server } = await pair(p, family);
  await p.close(client);
  await env.settle();
  await p.write(server, text('x'));
  await env.settle();
  await env.attempt(p.read(server, room(8)));
  await p.getsockopt(server, SOL.SOCKET, SO.ERROR, 4);
  await env.attempt(p.write(server, text('x')));
});

const unread = each('close-with-data-unread', async (env, p, family) => {
  const { client, server } = await pair(p, family);
  await p.write(server, text('nobody reads this'));
  await env.settle();
  await p.close(client);
  await env.settle();
  await state(p, server);
  await env.attempt(p.read(server, room(8)));
  await env.attempt(p.read(server, room(8)));
  await env.attempt(p.write(server, text('x')));
  await p.getsockopt(server, SOL.SOCKET, SO.ERROR, 4);
  await env.attempt(p.getpeername(server));
  await p.getsockname(server);
});

const resetWithData = each('reset-with-data-waiting', async (env, p, family) => {
  const { client, server } = await pair(p, family);
  await p.write(client, text('last words'));
  await env.settle();
  await p.setsockopt(client, SOL.SOCKET, SO.LINGER, ints(1, 0));
  await p.close(client);
  await env.settle();
  await state(p, server);
  await env.attempt(p.write(server, text('x')));
  await env.attempt(p.read(server, room(16)));
  await env.attempt(p.read(server, room(16)));
});

const lingerZero = each('linger-zero', async (env, p, family) => {
  const { client, server } = await pair(p, family);
  await p.setsockopt(client, SOL.SOCKET, SO.LINGER, ints(1, 0));
  await p.close(client);
  await env.settle();
  await state(p, server);
  await p.getsockopt(server, SOL.SOCKET, SO.ERROR, 4);
  await state(p, server);
  await env.attempt(p.read(server, room(4)));
  await env.attempt(p.write(server, text('x')));
  await env.attempt(p.shutdown(server, SHUT.WR));
  await env.attempt(p.connect(server, family.loopback(PORT)));
});

const lingering = each('linger-waits', async (env, p, family) => {
  // With an answering peer close returns as soon as the FIN is acknowledged.
  const { listening, client, server } = await pair(p, family);
  await p.setsockopt(client, SOL.SOCKET, SO.LINGER, ints(1, 5));
  await p.write(client, text('x'));
  const start = env.now();
  await p.close(client);
  env.noteTime('returned at once', start, 0, 1000);
  await p.read(server, room(4));
  await p.read(server, room(4));
  // With a peer that takes nothing it gives up after the time.
  const slow = await stream(p, family);
  await p.connect(slow, family.loopback(PORT));
  const { fd } = await p.accept(listening);
  await p.setsockopt(fd, SOL.SOCKET, SO.RCVBUF, ints(3000));
  await p.setsockopt(slow, SOL.SOCKET, SO.SNDBUF, ints(2_000_000));
  await p.setsockopt(slow, SOL.SOCKET, SO.LINGER, ints(1, 1));
  await p.write(slow, pattern(1_000_000));
  const second = env.now();
  await p.close(slow);
  env.noteTime('took about a second', second, 900, 1500);
  await env.attempt(p.getsockname(slow));
});

const lingeringNonblocking = each('linger-nonblocking', async (env, p, family) => {
  // O_NONBLOCK changes nothing about it.
  const { client, server } = await pair(p, family);
  await p.setsockopt(server, SOL.SOCKET, SO.RCVBUF, ints(3000));
  await p.setsockopt(client, SOL.SOCKET, SO.SNDBUF, ints(2_000_000));
  await p.setsockopt(client, SOL.SOCKET, SO.LINGER, ints(1, 1));
  await p.write(client, pattern(1_000_000));
  await p.fcntl(client, F.SETFL, O.NONBLOCK);
  const start = env.now();
  await p.close(client);
  env.noteTime('took about a second', start, 900, 1500);
});

const processEnd = each('exit-closes', async (env, p, family) => {
  const q = await env.process();
  const { listening } = await pair(p, family);
  const fd = await stream(q, family);
  await q.connect(fd, family.loopback(PORT));
  const { fd: server } = await p.accept(listening);
  await q.write(fd, text('will'));
  await env.exit(q);
  await env.settle();
  await state(p, server);
  await p.read(server, room(8));
  await p.read(server, room(8));
});

const reuse = each('address-in-time-wait', async (env, p, family) => {
  const { listening, client, server } = await pair(p, family);
  // The side that closes first keeps the port in TIME-WAIT.
  await p.close(server);
  await env.settle();
  await p.close(client);
  await env.settle();
  await p.close(listening);
  const plain = await stream(p, family);
  await env.attempt(p.bind(plain, family.loopback(PORT)));
  await env.attempt(p.bind(plain, family.any(PORT)));
  const daring = await stream(p, family);
  await p.setsockopt(daring, SOL.SOCKET, SO.REUSEADDR, ints(1));
  await env.attempt(p.bind(daring, family.loopback(PORT)));
  await env.attempt(p.listen(daring, 1));
});

const mapped = program('shutdown-and-reset-mapped', async (env) => {
  const p = await env.process();
  const listening = await stream(p, INET6);
  await p.bind(listening, INET6.any(PORT));
  await p.listen(listening, 4);
  for (const [one, other] of [[INET, MAPPED], [MAPPED, INET]] as const) {
    const client = await stream(p, one);
    await p.connect(client, one.loopback(PORT));
    const { fd } = await p.accept(listening);
    await p.shutdown(client, SHUT.WR);
    await wait(p, fd, POLL.RDHUP);
    await p.read(fd, room(4));
    await p.setsockopt(fd, SOL.SOCKET, SO.LINGER, ints(1, 0));
    await p.close(fd);
    await env.settle();
    await env.attempt(p.read(client, room(4)));
    const second = await stream(p, other);
    await p.connect(second, other.loopback(PORT));
    await p.close(second);
    await p.accept(listening);
  }
  env.note('families', ALL_FAMILIES.length);
});

const notConnected = program('shutdown-after-refusal', async (env) => {
  const p = await env.process();
  const fd = await stream(p, INET);
  await env.attempt(p.connect(fd, INET.loopback(PORT)));
  for (const how of [SHUT.RD, SHUT.WR, SHUT.RDWR]) await env.attempt(p.shutdown(fd, how));
  await state(p, fd);
  await p.close(fd);
});

export const programs: Program[] = [
  ...halfClose, ...readShut, ...bothShut, ...bothSides, ...wrongHow, ...closed, ...resetRead, ...unread,
  ...resetWithData, ...lingerZero, ...lingering, ...lingeringNonblocking, ...processEnd, ...reuse, mapped, notConnected,
];
