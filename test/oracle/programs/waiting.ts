/** Blocking: poll(2) in every state, time-outs, calls that one task or process wakes for another. */
import type { PollFd } from '../../../src/api/posix/syscalls.ts';
import { F, MSG, O, SHUT, SO, SOCK, SOL } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import {
  FAMILIES, INET, POLL, PORT, dgram, dgramPair, ints, listener, pair, pattern, room, silently, state, stream, text, timeval, wait,
} from '../toolkit.ts';

function asked(fd: number, events: number): PollFd {
  return { fd, events, revents: 0 };
}

const ALL = POLL.IN | POLL.OUT | POLL.PRI | POLL.RDHUP;

const many = FAMILIES.map((family) => program(`poll-many-${family.name}`, async (env) => {
  const p = await env.process();
  const { listening, client, server } = await pair(p, family);
  const udp = await dgram(p, family);
  const fresh = await stream(p, family);
  const all = (): PollFd[] => [listening, client, server, udp, fresh, -1, 77].map((fd) => asked(fd, ALL));
  await p.poll(all(), 0);
  await p.write(client, text('x'));
  await env.settle();
  await p.poll(all(), 0);
  // Errors and hang-ups are reported without being asked for.
  await p.poll([asked(fresh, 0), asked(server, 0), asked(77, 0), asked(-5, ALL)], 0);
  await p.poll([asked(server, POLL.IN), asked(server, POLL.OUT), asked(server, POLL.IN | POLL.OUT)], 0);
  await p.poll([], 0);
  await p.poll([], 10);
  await p.poll([asked(client, POLL.IN)], 10);
  await p.poll([asked(client, POLL.RDNORM | POLL.RDBAND)], 0);
  await p.poll([asked(server, POLL.RDNORM | POLL.WRNORM | POLL.WRBAND | POLL.RDBAND)], 0);
  await p.poll([asked(udp, POLL.WRNORM | POLL.WRBAND | POLL.OUT)], 0);
}));

const timeouts = program('poll-timeout', async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, INET);
  for (const ms of [0, 1, 60]) {
    const start = env.now();
    await p.poll([asked(client, POLL.IN)], ms);
    env.noteTime(`waited ${ms} ms`, start, ms, ms + 50);
  }
  // For ever means until something happens.
  const waiting = env.begin(p.poll([asked(client, POLL.IN), asked(server, POLL.IN)], -1));
  await env.settle(60);
  await p.write(server, text('now'));
  await waiting;
  // A time-out that is not reached.
  const other = env.begin(p.poll([asked(server, POLL.IN)], 5000));
  await env.settle();
  await p.write(client, text('early'));
  await other;
});

const wakes = FAMILIES.map((family) => program(`poll-wakes-${family.name}`, async (env) => {
  const p = await env.process();
  const q = await env.process();
  const listening = await listener(p, family);
  // Each kind of event wakes a waiting poll of another process.
  const accepting = env.begin(p.poll([asked(listening, POLL.IN)], -1));
  await env.settle();
  const client = await stream(q, family);
  await q.connect(client, family.loopback(PORT));
  await accepting;
  const { fd } = await p.accept(listening);
  const reading = env.begin(p.poll([asked(fd, POLL.IN | POLL.RDHUP)], -1));
  await env.settle();
  await q.write(client, text('data'));
  await reading;
  await p.read(fd, room(8));
  const urgent = env.begin(p.poll([asked(fd, POLL.PRI)], -1));
  await env.settle();
  await q.send(client, text('!'), MSG.OOB);
  await urgent;
  await p.recv(fd, room(1), MSG.OOB);
  const end = env.begin(p.poll([asked(fd, POLL.RDHUP)], -1));
  await env.settle();
  await q.shutdown(client, SHUT.WR);
  await end;
  const own = env.begin(p.poll([asked(fd, 0)], -1));
  await env.settle();
  await p.shutdown(fd, SHUT.WR);
  await own;
  await p.close(fd);
  const second = await stream(q, family);
  await q.connect(second, family.loopback(PORT));
  const { fd: server } = await p.accept(listening);
  const hangup = env.begin(p.poll([asked(server, 0)], -1));
  await env.settle();
  await q.setsockopt(second, SOL.SOCKET, SO.LINGER, ints(1, 0));
  await q.close(second);
  await hangup;
  const udp = await dgram(p, family);
  await p.bind(udp, family.loopback(PORT));
  const datagram = env.begin(p.poll([asked(udp, POLL.IN)], -1));
  await env.settle();
  const from = await dgram(q, family);
  await q.sendto(from, text('d'), 0, family.loopback(PORT));
  await datagram;
}));

const receiveTimeout = FAMILIES.map((family) => program(`receive-timeout-${family.name}`, async (env) => {
  const p = await env.process();
  const { listening, client, server } = await pair(p, family);
  const { a } = await dgramPair(p, family, PORT + 1);
  for (const fd of [server, a, listening]) await p.setsockopt(fd, SOL.SOCKET, SO.RCVTIMEO, timeval(0, 60_000));
  const timed = async (what: string, call: () => Promise<unknown>): Promise<void> => {
    const start = env.now();
    await env.attempt(call());
    env.noteTime(`${what} took its time`, start, 55, 200);
  };
  await timed('read', () => p.read(server, room(4)));
  await timed('recv', () => p.recv(server, room(4), 0));
  await timed('recvmsg', () => p.recvmsg(server, [room(4)], 0, 128));
  await timed('datagram recv', () => p.recv(a, room(4), 0));
  await timed('datagram recvfrom', () => p.recvfrom(a, room(4), 0));
  await timed('accept', () => p.accept(listening));
  // A part of what MSG_WAITALL wants is returned when the time is over.
  await p.write(client, text('part'));
  await env.settle();
  await timed('MSG_WAITALL', () => p.recv(server, room(16), MSG.WAITALL));
  // MSG_DONTWAIT and O_NONBLOCK do not wait at all.
  const start = env.now();
  await env.attempt(p.recv(server, room(4), MSG.DONTWAIT));
  await p.fcntl(server, F.SETFL, O.NONBLOCK);
  await env.attempt(p.read(server, room(4)));
  env.noteTime('at once', start, 0, 50);
}));

const sendTimeout = FAMILIES.map((family) => program(`send-timeout-${family.name}`, async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, family);
  await p.setsockopt(server, SOL.SOCKET, SO.RCVBUF, ints(5000));
  await p.setsockopt(client, SOL.SOCKET, SO.SNDBUF, ints(5000));
  await p.setsockopt(client, SOL.SOCKET, SO.SNDTIMEO, timeval(0, 60_000));
  // The first call returns what it could hand over, the next one nothing.
  const silent = silently(p);
  const start = env.now();
  const count = await silent.write(client, pattern(2_000_000));
  env.noteTime('after the time', start, 55, 500);
  env.note('a part was written', count > 0 && count < 2_000_000);
  await env.attempt(p.write(client, pattern(1_000_000)));
  await wait(p, client, POLL.OUT, 0);
  // connect(2) obeys it too: a full queue does not answer.
  const listening = await stream(p, family);
  await p.bind(listening, family.loopback(PORT + 1));
  await p.listen(listening, 0);
  await p.connect(await stream(p, family), family.loopback(PORT + 1));
  const late = await stream(p, family);
  await p.setsockopt(late, SOL.SOCKET, SO.SNDTIMEO, timeval(0, 60_000));
  await env.attempt(p.connect(late, family.loopback(PORT + 1)));
  await env.attempt(p.connect(late, family.loopback(PORT + 1)));
}));

const closeWhileReading = FAMILIES.map((family) => program(`close-while-reading-${family.name}`, async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, family);
  // Another task closes the descriptor: the read goes on, since it holds the description.
  const reading = env.begin(p.read(server, room(16)));
  await env.settle();
  await p.close(server);
  await env.attempt(p.getsockname(server));
  await env.settle();
  // ... and so no FIN has left.
  await state(p, client);
  await env.attempt(p.recv(client, room(4), MSG.DONTWAIT));
  // The number is free for another socket, which the reader does not see.
  const fresh = await stream(p, family);
  env.note('the number is used again', fresh === server);
  await p.write(client, text('to the old one'));
  await reading;
  // Now the last holder is gone.
  await wait(p, client, POLL.IN | POLL.RDHUP);
  await p.read(client, room(4));
}));

const closeWhileReadingUdp = FAMILIES.map((family) => program(`close-while-receiving-${family.name}`, async (env) => {
  const p = await env.process();
  const { a, b } = await dgramPair(p, family);
  const reading = env.begin(p.recvfrom(b, room(16), 0));
  await env.settle();
  await p.close(b);
  await env.settle();
  // The port stays taken while the call is under way.
  const other = await dgram(p, family);
  await env.attempt(p.bind(other, family.loopback(PORT + 1)));
  await p.send(a, text('still there'), 0);
  await reading;
  await env.settle();
  await env.attempt(p.bind(other, family.loopback(PORT + 1)));
}));

const closeWhileAccepting = FAMILIES.map((family) => program(`close-while-accepting-${family.name}`, async (env) => {
  const p = await env.process();
  const listening = await listener(p, family);
  const accepting = env.begin(p.accept(listening));
  await env.settle();
  await p.close(listening);
  await env.settle();
  const client = await stream(p, family);
  await env.attempt(p.connect(client, family.loopback(PORT)));
  await accepting;
  await env.settle();
  await env.attempt(p.connect(await stream(p, family), family.loopback(PORT)));
}));

const closeWhilePolling = program('close-while-polling', async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, INET);
  const polling = env.begin(p.poll([asked(server, POLL.IN)], -1));
  await env.settle();
  await p.close(server);
  await env.settle();
  await state(p, client);
  await p.write(client, text('x'));
  await polling;
  await wait(p, client, POLL.HUP);
  await env.attempt(p.read(client, room(4)));
});

const shutdownWakes = FAMILIES.map((family) => program(`shutdown-wakes-${family.name}`, async (env) => {
  const p = await env.process();
  const { listening, client, server } = await pair(p, family);
  const reading = env.begin(p.read(server, room(4)));
  await env.settle();
  await p.shutdown(server, SHUT.RD);
  await reading;
  const other = env.begin(p.read(client, room(4)));
  await env.settle();
  await p.shutdown(server, SHUT.WR);
  await other;
  // A blocked accept ends with the listener.
  const accepting = env.begin(p.accept(listening));
  await env.settle();
  await p.shutdown(listening, SHUT.RD);
  await env.attempt(accepting);
}));

const resetWakes = FAMILIES.map((family) => program(`reset-wakes-${family.name}`, async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, family);
  const reading = env.begin(p.read(server, room(4)));
  await env.settle();
  await p.setsockopt(client, SOL.SOCKET, SO.LINGER, ints(1, 0));
  await p.close(client);
  await env.attempt(reading);
  await env.attempt(p.read(server, room(4)));
  // A blocked writer, too.
  const again = await pair(p, family, PORT + 1);
  // It had handed over as much as the buffers take, which is not compared.
  const silent = silently(p);
  const writing = env.begin(silent.write(again.client, pattern(16_000_000)));
  await env.settle(100);
  await p.setsockopt(again.server, SOL.SOCKET, SO.LINGER, ints(1, 0));
  await p.close(again.server);
  const result = await (writing as Promise<unknown>).then(() => 'count', (error: { code: string }) => error.code);
  env.note('blocked write ends with', result);
}));

const disconnectWakes = FAMILIES.map((family) => program(`disconnect-wakes-${family.name}`, async (env) => {
  const p = await env.process();
  const error = (fd: number): Promise<unknown> => p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  const unspec = new Uint8Array(28);
  const receiving = await pair(p, family, PORT);
  const reading = env.begin(p.recv(receiving.client, room(4), 0));
  await env.settle();
  await p.connect(receiving.client, unspec);
  await env.attempt(reading);
  await error(receiving.client);
  // What is there already is returned.
  const half = await pair(p, family, PORT + 1);
  const filling = env.begin(p.recv(half.client, room(8), MSG.WAITALL));
  await p.write(half.server, text('abc'));
  await env.settle();
  await p.connect(half.client, unspec);
  await filling;
  await error(half.client);
  const polled = await pair(p, family, PORT + 2);
  const polling = env.begin(p.poll([asked(polled.client, POLL.IN)], -1));
  await env.settle();
  await p.connect(polled.client, unspec);
  await polling;
  // A writer that found no room hears of the reset itself.
  const sending = await pair(p, family, PORT + 3);
  const silent = silently(p);
  await p.fcntl(sending.client, F.SETFL, O.NONBLOCK);
  for (let full = false; !full;) full = await silent.write(sending.client, pattern(100_000)).then(() => false, () => true);
  await p.fcntl(sending.client, F.SETFL, 0);
  const writing = env.begin(p.write(sending.client, text('x')));
  await env.settle();
  await p.connect(sending.client, unspec);
  await env.attempt(writing);
  await error(sending.client);
  // One that had handed over a part gets its count.
  const partly = await pair(p, family, PORT + 4);
  const part = env.begin(silent.write(partly.client, pattern(16_000_000)));
  await env.settle(100);
  await p.connect(partly.client, unspec);
  env.note('a part was written', (await part) > 0);
  const accepting = env.begin(p.accept(receiving.listening));
  await env.settle();
  await p.connect(receiving.listening, unspec);
  await env.attempt(accepting);
  await error(receiving.listening);
  await env.attempt(p.connect(await stream(p, family), family.loopback(PORT)));
}));

const disconnectConnect = FAMILIES.map((family) => program(`disconnect-ends-connect-${family.name}`, async (env) => {
  const p = await env.process();
  const listening = await stream(p, family);
  await p.bind(listening, family.loopback(PORT));
  await p.listen(listening, 0);
  await p.connect(await stream(p, family), family.loopback(PORT));
  // The queue is full: both wait for one handshake.
  const fd = await stream(p, family);
  const first = env.begin(p.connect(fd, family.loopback(PORT)));
  await env.settle();
  const second = env.begin(p.connect(fd, family.loopback(PORT)));
  await env.settle();
  await p.connect(fd, new Uint8Array(28));
  await env.attempt(first);
  await env.attempt(second);
  await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  await p.accept(listening);
  await p.connect(fd, family.loopback(PORT));
  await p.getpeername(fd);
}));

const accepts = FAMILIES.map((family) => program(`accept-two-processes-${family.name}`, async (env) => {
  const p = await env.process();
  const q = await env.process();
  const listening = await listener(p, family);
  // Two tasks wait for one connection each.
  const first = env.begin(p.accept(listening));
  await env.settle();
  const second = env.begin(p.accept(listening));
  await env.settle();
  const one = await stream(q, family);
  await q.connect(one, family.loopback(PORT));
  await first;
  const two = await stream(q, family);
  await q.connect(two, family.loopback(PORT));
  await second;
  await q.getsockname(one);
  await q.getsockname(two);
}));

const blockingConnect = FAMILIES.map((family) => program(`connect-blocks-${family.name}`, async (env) => {
  const p = await env.process();
  const q = await env.process();
  // The queue is full; when there is room, a retransmitted SYN gets its answer.
  const listening = await stream(p, family);
  await p.bind(listening, family.loopback(PORT));
  await p.listen(listening, 0);
  await q.connect(await stream(q, family), family.loopback(PORT));
  const late = await stream(q, family);
  const connecting = env.begin(q.connect(late, family.loopback(PORT)));
  await env.settle(50);
  // A second blocking connect on the same socket waits for the same handshake.
  const second = env.begin(q.connect(late, family.loopback(PORT)));
  await env.settle(50);
  await p.accept(listening);
  await connecting;
  await env.attempt(second);
  await p.accept(listening);
  await q.getpeername(late);
}));

const echo = FAMILIES.map((family) => program(`echo-between-processes-${family.name}`, async (env) => {
  const server = await env.process();
  const client = await env.process();
  const listening = await listener(server, family);
  const accepting = env.begin(server.accept(listening));
  await env.settle();
  const fd = await stream(client, family);
  await client.connect(fd, family.loopback(PORT));
  const { fd: session } = await accepting;
  for (const line of ['hello\r\n', 'a second line\r\n', 'x'.repeat(3000)]) {
    const buffer = room(4096);
    const reading = env.begin(server.read(session, buffer));
    await env.settle();
    await client.write(fd, text(line));
    const count = await reading;
    await server.write(session, text('You wrote: '));
    await server.write(session, buffer.subarray(0, count));
    await env.settle();
    await client.recv(fd, room(count + 11), MSG.WAITALL);
  }
  await client.shutdown(fd, SHUT.WR);
  await server.read(session, room(8));
  await server.close(session);
  await client.read(fd, room(8));
}));

const exitWhileBlocked = program('exit-while-blocked', async (env) => {
  const p = await env.process();
  const q = await env.process();
  const listening = await listener(p, INET);
  const fd = await stream(q, INET);
  await q.connect(fd, INET.loopback(PORT));
  const { fd: server } = await p.accept(listening);
  void env.begin(q.read(fd, room(4)));
  await env.settle();
  await env.exit(q);
  await env.settle();
  await state(p, server);
  await p.read(server, room(4));
});

const lowWater = FAMILIES.map((family) => program(`receive-low-water-wakes-${family.name}`, async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, family);
  await p.setsockopt(server, SOL.SOCKET, SO.RCVLOWAT, ints(100));
  await p.write(client, text('hello'));
  await env.settle();
  await state(p, server);
  // Five bytes are not enough for poll, until the mark is lowered.
  const polling = env.begin(p.poll([asked(server, POLL.IN)], -1));
  await env.settle();
  await p.setsockopt(server, SOL.SOCKET, SO.RCVLOWAT, ints(6));
  await env.settle();
  await p.setsockopt(server, SOL.SOCKET, SO.RCVLOWAT, ints(5));
  await polling;
  await p.read(server, room(8));
}));

const nonblockingAccept = program('nonblocking-set-while-blocked', async (env) => {
  const p = await env.process();
  const { client, server } = await pair(p, INET);
  // O_NONBLOCK counts when the call begins; one that waits already goes on waiting.
  const reading = env.begin(p.read(server, room(8)));
  await env.settle();
  await p.fcntl(server, F.SETFL, O.NONBLOCK);
  await env.settle();
  await p.write(client, text('wakes'));
  await reading;
  await env.attempt(p.read(server, room(8)));
  await p.socket(INET.domain, SOCK.STREAM, 0);
});

export const programs: Program[] = [
  ...many, timeouts, ...wakes, ...receiveTimeout, ...sendTimeout, ...closeWhileReading, ...closeWhileReadingUdp,
  ...closeWhileAccepting, closeWhilePolling, ...shutdownWakes, ...resetWakes, ...disconnectWakes,
  ...disconnectConnect, ...accepts, ...blockingConnect, ...echo, exitWhileBlocked, nonblockingAccept,
  ...lowWater,
];
