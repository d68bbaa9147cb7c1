/** connect(2) and accept(2): outcomes in every state, non-blocking progress, addresses. */
import { AF, F, IPPROTO, IPV6, O, SHUT, SO, SOCK, SOL } from '../numbers.ts';
import { familyOnly, in4, in6 } from '../address.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import {
  ALL_FAMILIES, FAMILIES, INET, INET6, MAPPED, POLL, PORT, dgram, ints, listener, pair, room, state, stream, text, timeval, wait,
} from '../toolkit.ts';

const names = ALL_FAMILIES.map((family) => program(`connect-names-${family.name}`, async (env) => {
  const p = await env.process();
  const listening = await stream(p, family);
  await p.setsockopt(listening, SOL.SOCKET, SO.REUSEADDR, ints(1));
  await p.bind(listening, family.any(PORT));
  await p.getsockname(listening);
  await p.listen(listening, 8);
  await p.getsockname(listening);
  const client = await stream(p, family);
  await env.attempt(p.getpeername(client));
  await p.connect(client, family.loopback(PORT));
  await p.getsockname(client);
  await p.getpeername(client);
  const { fd } = await p.accept(listening);
  await p.getsockname(fd);
  await p.getpeername(fd);
  await env.attempt(p.connect(client, family.loopback(PORT)));
  await env.attempt(p.connect(fd, family.loopback(PORT)));
  await env.attempt(p.listen(client, 1));
  await env.attempt(p.bind(client, family.loopback(PORT + 1)));
  await env.attempt(p.accept(client));
  await state(p, client);
  await state(p, fd);
  await state(p, listening);
  await env.attempt(p.getpeername(listening));
  // To the wildcard address means to this host.
  const other = await stream(p, family);
  await p.connect(other, family === MAPPED ? in6('::ffff:0.0.0.0', PORT) : family.any(PORT));
  await p.getpeername(other);
  await p.getsockname(other);
  await p.accept(listening);
}));

const dual = program('connect-dual-stack', async (env) => {
  const p = await env.process();
  const listening = await stream(p, INET6);
  await p.bind(listening, INET6.any(PORT));
  await p.listen(listening, 8);
  for (const family of [INET, INET6, MAPPED]) {
    const client = await stream(p, family);
    await p.connect(client, family.loopback(PORT));
    await p.getsockname(client);
    const { fd } = await p.accept(listening);
    await p.getsockname(fd);
    await p.getpeername(fd);
    await p.getsockopt(fd, SOL.SOCKET, SO.DOMAIN, 4);
    await p.getsockopt(fd, IPPROTO.IPV6, IPV6.V6ONLY, 4);
    await p.write(client, text(family.name));
    await wait(p, fd, POLL.IN);
    await p.read(fd, room(16));
  }
  const only = await stream(p, INET6);
  await p.setsockopt(only, IPPROTO.IPV6, IPV6.V6ONLY, ints(1));
  await p.bind(only, INET6.any(PORT + 1));
  await p.listen(only, 8);
  await env.attempt(p.connect(await stream(p, INET), INET.loopback(PORT + 1)));
  await env.attempt(p.connect(await stream(p, INET6), MAPPED.loopback(PORT + 1)));
  await env.attempt(p.connect(await stream(p, INET6), INET6.loopback(PORT + 1)));
  const client = await stream(p, INET6);
  await p.setsockopt(client, IPPROTO.IPV6, IPV6.V6ONLY, ints(1));
  await env.attempt(p.connect(client, MAPPED.loopback(PORT)));
});

const refused = ALL_FAMILIES.map((family) => program(`connect-refused-${family.name}`, async (env) => {
  const p = await env.process();
  const fd = await stream(p, family);
  await env.attempt(p.connect(fd, family.loopback(PORT)));
  await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  await state(p, fd);
  await env.attempt(p.getpeername(fd));
  await p.getsockname(fd);
  await env.attempt(p.write(fd, text('x')));
  await env.attempt(p.read(fd, room(4)));
  await env.attempt(p.shutdown(fd, SHUT.RDWR));
  // The same socket may try again, and succeed.
  await env.attempt(p.connect(fd, family.loopback(PORT)));
  const listening = await stream(p, family);
  await p.bind(listening, family.any(PORT));
  await p.listen(listening, 1);
  await env.attempt(p.connect(fd, family.loopback(PORT)));
  await env.attempt(p.getpeername(fd));
}));

const badAddresses = [SOCK.STREAM, SOCK.DGRAM].flatMap((type) => FAMILIES.map((family) => (
  program(`connect-bad-address-${family.name}-${type === SOCK.STREAM ? 'stream' : 'dgram'}`, async (env) => {
    const p = await env.process();
    const attempt = async (address: Uint8Array): Promise<void> => {
      const fd = await p.socket(family.domain, type | SOCK.NONBLOCK, 0);
      await env.attempt(p.connect(fd, address));
      await env.attempt(p.getpeername(fd));
      await p.close(fd);
    };
    await attempt(new Uint8Array(0));
    await attempt(new Uint8Array(1));
    await attempt(family.loopback(PORT).subarray(0, 2));
    await attempt(family.loopback(PORT).subarray(0, 8));
    await attempt(family.loopback(PORT).subarray(0, 15));
    if (family === INET6) await attempt(family.loopback(PORT).subarray(0, 23));
    await attempt(familyOnly(AF.UNSPEC));
    await attempt(familyOnly(AF.UNIX, 28));
    await attempt((family === INET ? INET6 : INET).loopback(PORT));
    await attempt(family.elsewhere(PORT));
    await attempt(new Uint8Array(200));
    if (family === INET) {
      await attempt(in4('255.255.255.255', PORT));
      await attempt(in4('224.0.0.1', PORT));
    } else {
      await attempt(in6('ff02::1', PORT));
      await attempt(in6('ff02::1', PORT, 1));
      await attempt(in6('fe80::1', PORT));
      await attempt(in6('fe80::1', PORT, 1));
      await attempt(in6('::ffff:192.0.2.1', PORT));
    }
    await attempt(family.loopback(0));
  }))));

const unreachable = ALL_FAMILIES.map((family) => program(`connect-unreachable-${family.name}`, async (env) => {
  const p = await env.process();
  const tcp = await stream(p, family);
  await env.attempt(p.connect(tcp, family.elsewhere(PORT)));
  await p.getsockopt(tcp, SOL.SOCKET, SO.ERROR, 4);
  await state(p, tcp);
  await p.getsockname(tcp);
  const udp = await dgram(p, family);
  await env.attempt(p.connect(udp, family.elsewhere(PORT)));
  await env.attempt(p.sendto(udp, text('x'), 0, family.elsewhere(PORT)));
  await p.getsockname(udp);
  await state(p, udp);
  // Bound to loopback.
  const bound = await dgram(p, family);
  await p.bind(bound, family.loopback(PORT));
  await env.attempt(p.connect(bound, family.elsewhere(PORT)));
  await env.attempt(p.sendto(bound, text('x'), 0, family.elsewhere(PORT)));
}));

const nonblocking = FAMILIES.map((family) => program(`connect-nonblocking-${family.name}`, async (env) => {
  const p = await env.process();
  // Refused: the error waits in SO_ERROR and is taken by whoever asks first.
  const fd = await stream(p, family, SOCK.NONBLOCK);
  await env.attempt(p.connect(fd, family.loopback(PORT)));
  await wait(p, fd, POLL.OUT);
  await state(p, fd);
  await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  await state(p, fd);
  const again = await stream(p, family, SOCK.NONBLOCK);
  await env.attempt(p.connect(again, family.loopback(PORT)));
  await wait(p, again, POLL.OUT);
  await env.attempt(p.connect(again, family.loopback(PORT)));
  const reader = await stream(p, family, SOCK.NONBLOCK);
  await env.attempt(p.connect(reader, family.loopback(PORT)));
  await wait(p, reader, POLL.OUT);
  await env.attempt(p.read(reader, room(4)));
  await env.attempt(p.read(reader, room(4)));
  await env.attempt(p.write(reader, text('x')));
  const writer = await stream(p, family, SOCK.NONBLOCK);
  await env.attempt(p.connect(writer, family.loopback(PORT)));
  await wait(p, writer, POLL.OUT);
  await env.attempt(p.write(writer, text('x')));
  await env.attempt(p.write(writer, text('x')));
  // Accepted by the kernel.
  const listening = await listener(p, family);
  const good = await stream(p, family, SOCK.NONBLOCK);
  await env.attempt(p.connect(good, family.loopback(PORT)));
  await wait(p, good, POLL.OUT);
  await p.getsockopt(good, SOL.SOCKET, SO.ERROR, 4);
  await env.attempt(p.connect(good, family.loopback(PORT)));
  await env.attempt(p.connect(good, family.loopback(PORT)));
  await env.attempt(p.read(good, room(4)));
  await p.write(good, text('x'));
  await wait(p, listening, POLL.IN);
  const { fd: server } = await p.accept(listening);
  await p.read(server, room(4));
}));

const inProgress = FAMILIES.map((family) => program(`connect-in-progress-${family.name}`, async (env) => {
  const p = await env.process();
  // A full accept queue leaves further clients in SYN-SENT.
  const listening = await stream(p, family);
  await p.bind(listening, family.loopback(PORT));
  await p.listen(listening, 0);
  const first = await stream(p, family);
  await p.connect(first, family.loopback(PORT));
  await env.settle();
  const fd = await stream(p, family, SOCK.NONBLOCK);
  await env.attempt(p.connect(fd, family.loopback(PORT)));
  await env.settle();
  await env.attempt(p.connect(fd, family.loopback(PORT)));
  await state(p, fd);
  await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  await env.attempt(p.getpeername(fd));
  await env.attempt(p.read(fd, room(4)));
  await env.attempt(p.write(fd, text('x')));
  await env.attempt(p.shutdown(fd, SHUT.WR));
  await state(p, fd);
}));

const queueOverflow = FAMILIES.map((family) => program(`accept-queue-overflow-${family.name}`, async (env) => {
  const p = await env.process();
  const listening = await stream(p, family);
  await p.bind(listening, family.loopback(PORT));
  await p.listen(listening, 1);
  for (let i = 0; i < 4; i++) {
    const fd = await stream(p, family, SOCK.NONBLOCK);
    await env.attempt(p.connect(fd, family.loopback(PORT)));
    await env.settle();
    await state(p, fd);
  }
  await p.accept(listening);
  await p.accept(listening);
  await p.fcntl(listening, F.SETFL, O.NONBLOCK);
  await env.attempt(p.accept(listening));
}));

const dissolve = FAMILIES.map((family) => program(`connect-unspec-${family.name}`, async (env) => {
  const p = await env.process();
  // UDP: the association ends, an address that connect chose goes, one that bind chose stays.
  const fd = await dgram(p, family);
  await p.connect(fd, family.loopback(PORT));
  await p.getsockname(fd);
  await p.getpeername(fd);
  await p.connect(fd, familyOnly(AF.UNSPEC));
  await env.attempt(p.getpeername(fd));
  await p.getsockname(fd);
  await env.attempt(p.send(fd, text('x'), 0));
  await p.connect(fd, familyOnly(AF.UNSPEC));
  const bound = await dgram(p, family);
  await p.bind(bound, family.loopback(PORT + 1));
  await p.connect(bound, family.loopback(PORT));
  await p.connect(bound, familyOnly(AF.UNSPEC));
  await p.getsockname(bound);
  await env.attempt(p.getpeername(bound));
  // Another association replaces the first.
  await p.connect(bound, family.loopback(PORT + 2));
  await p.getpeername(bound);
  await p.connect(bound, family.loopback(PORT + 3));
  await p.getpeername(bound);
  // TCP: the connection is thrown away.
  const { client, server } = await pair(p, family, PORT + 4);
  await p.connect(client, familyOnly(AF.UNSPEC));
  await env.settle();
  await env.attempt(p.getpeername(client));
  await p.getsockname(client);
  await state(p, client);
  await env.attempt(p.write(client, text('x')));
  await env.attempt(p.read(client, room(4)));
  await state(p, server);
  await env.attempt(p.read(server, room(4)));
  await p.connect(client, family.loopback(PORT + 4));
  await p.getpeername(client);
  const fresh = await stream(p, family);
  await env.attempt(p.connect(fresh, familyOnly(AF.UNSPEC)));
}));

const twice = FAMILIES.map((family) => program(`connect-same-pair-twice-${family.name}`, async (env) => {
  const p = await env.process();
  await listener(p, family);
  const first = await stream(p, family);
  await p.setsockopt(first, SOL.SOCKET, SO.REUSEADDR, ints(1));
  await p.bind(first, family.loopback(PORT + 1));
  await p.connect(first, family.loopback(PORT));
  const second = await stream(p, family);
  await p.setsockopt(second, SOL.SOCKET, SO.REUSEADDR, ints(1));
  await p.bind(second, family.loopback(PORT + 1));
  await env.attempt(p.connect(second, family.loopback(PORT)));
  await env.attempt(p.listen(second, 1));
}));

const self = FAMILIES.map((family) => program(`connect-to-itself-${family.name}`, async (env) => {
  const p = await env.process();
  // Simultaneous open with oneself.
  const fd = await stream(p, family);
  await p.bind(fd, family.loopback(PORT));
  await p.connect(fd, family.loopback(PORT));
  await p.getsockname(fd);
  await p.getpeername(fd);
  await p.write(fd, text('to myself'));
  await wait(p, fd, POLL.IN);
  await p.read(fd, room(32));
  await p.shutdown(fd, SHUT.WR);
  await env.settle();
  await state(p, fd);
  await p.read(fd, room(32));
  const udp = await dgram(p, family);
  await p.bind(udp, family.loopback(PORT));
  await p.connect(udp, family.loopback(PORT));
  await p.send(udp, text('me'), 0);
  await wait(p, udp, POLL.IN);
  await p.recvfrom(udp, room(8), 0);
}));

const abandoned = FAMILIES.map((family) => program(`accept-abandoned-${family.name}`, async (env) => {
  const p = await env.process();
  const listening = await listener(p, family);
  // Closed before accept: the connection is delivered all the same, with its data.
  const polite = await stream(p, family);
  await p.connect(polite, family.loopback(PORT));
  await p.write(polite, text('gone'));
  await p.close(polite);
  const rude = await stream(p, family);
  await p.connect(rude, family.loopback(PORT));
  await p.setsockopt(rude, SOL.SOCKET, SO.LINGER, ints(1, 0));
  await p.close(rude);
  await env.settle();
  const { fd } = await p.accept(listening);
  await p.getpeername(fd);
  await state(p, fd);
  await p.read(fd, room(8));
  await p.read(fd, room(8));
  const { fd: reset } = await p.accept(listening);
  await env.attempt(p.getpeername(reset));
  await p.getsockname(reset);
  await state(p, reset);
  await env.attempt(p.read(reset, room(8)));
  await env.attempt(p.read(reset, room(8)));
}));

const listenerGone = FAMILIES.map((family) => program(`listener-closed-${family.name}`, async (env) => {
  const p = await env.process();
  const listening = await listener(p, family);
  const client = await stream(p, family);
  await p.connect(client, family.loopback(PORT));
  await p.close(listening);
  await env.settle();
  // A connection that nobody accepted is reset.
  await state(p, client);
  await env.attempt(p.read(client, room(4)));
  await env.attempt(p.read(client, room(4)));
  await env.attempt(p.write(client, text('x')));
  await env.attempt(p.getpeername(client));
}));

const listenerShutdown = FAMILIES.map((family) => program(`listener-shutdown-${family.name}`, async (env) => {
  const p = await env.process();
  const listening = await listener(p, family);
  await p.shutdown(listening, SHUT.WR);
  await state(p, listening);
  await p.shutdown(listening, SHUT.RD);
  await state(p, listening);
  await env.attempt(p.accept(listening));
  await env.attempt(p.connect(await stream(p, family), family.loopback(PORT)));
  await p.getsockopt(listening, SOL.SOCKET, SO.ACCEPTCONN, 4);
  // It may listen again.
  await env.attempt(p.listen(listening, 3));
  await env.attempt(p.connect(await stream(p, family), family.loopback(PORT)));
  await env.attempt(p.accept(listening));
}));

const inherited = FAMILIES.map((family) => program(`accept-inherits-${family.name}`, async (env) => {
  const p = await env.process();
  const listening = await stream(p, family);
  await p.setsockopt(listening, SOL.SOCKET, SO.KEEPALIVE, ints(1));
  await p.setsockopt(listening, SOL.SOCKET, SO.OOBINLINE, ints(1));
  await p.setsockopt(listening, SOL.SOCKET, SO.LINGER, ints(1, 7));
  await p.setsockopt(listening, SOL.SOCKET, SO.RCVLOWAT, ints(3));
  await p.setsockopt(listening, SOL.SOCKET, SO.REUSEADDR, ints(1));
  await p.setsockopt(listening, SOL.SOCKET, SO.RCVBUF, ints(30000));
  await p.setsockopt(listening, SOL.SOCKET, SO.SNDBUF, ints(40000));
  await p.setsockopt(listening, IPPROTO.TCP, 1, ints(1));
  await p.setsockopt(listening, IPPROTO.TCP, 4, ints(77));
  await p.bind(listening, family.loopback(PORT));
  await p.listen(listening, 1);
  const client = await stream(p, family);
  await p.connect(client, family.loopback(PORT));
  const { fd } = await p.accept(listening);
  for (const option of [
    SO.KEEPALIVE, SO.OOBINLINE, SO.RCVLOWAT, SO.REUSEADDR, SO.RCVBUF, SO.SNDBUF, SO.TYPE, SO.ACCEPTCONN, SO.DOMAIN,
    SO.PROTOCOL,
  ]) await p.getsockopt(fd, SOL.SOCKET, option, 4);
  await p.getsockopt(fd, SOL.SOCKET, SO.LINGER, 8);
  await p.getsockopt(fd, IPPROTO.TCP, 1, 4);
  await p.getsockopt(fd, IPPROTO.TCP, 4, 4);
}));

const shutdownFirst = FAMILIES.map((family) => program(`shutdown-before-connected-${family.name}`, async (env) => {
  const p = await env.process();
  const full = await stream(p, family);
  await p.bind(full, family.loopback(PORT));
  await p.listen(full, 0);
  await p.connect(await stream(p, family), family.loopback(PORT));
  await listener(p, family, PORT + 1, 32);
  for (const how of [SHUT.RD, SHUT.WR, SHUT.RDWR]) {
    // Nobody answers yet: the socket is as good as new afterwards.
    const waiting = await stream(p, family, SOCK.NONBLOCK);
    await env.attempt(p.connect(waiting, family.loopback(PORT)));
    await p.shutdown(waiting, how);
    await state(p, waiting);
    await p.getsockname(waiting);
    await env.attempt(p.connect(waiting, family.loopback(PORT + 1)));
    await env.settle();
    await p.getpeername(waiting);
    await p.getsockopt(waiting, SOL.SOCKET, SO.ERROR, 4);
    // Somebody has answered, but connect(2) was not asked again.
    const unasked = await stream(p, family, SOCK.NONBLOCK);
    await env.attempt(p.connect(unasked, family.loopback(PORT + 1)));
    await env.settle();
    await p.shutdown(unasked, how);
    await env.attempt(p.connect(unasked, family.loopback(PORT + 1)));
    // It was refused, and nobody heard of it.
    const refusedOne = await stream(p, family, SOCK.NONBLOCK);
    await env.attempt(p.connect(refusedOne, family.loopback(PORT + 2)));
    await env.settle();
    await env.attempt(p.shutdown(refusedOne, how));
    await env.attempt(p.connect(refusedOne, family.loopback(PORT + 1)));
    await env.attempt(p.listen(refusedOne, 1));
    await p.getsockopt(refusedOne, SOL.SOCKET, SO.ERROR, 4);
    await p.connect(refusedOne, new Uint8Array(28));
    await env.attempt(p.connect(refusedOne, family.loopback(PORT + 1)));
  }
  // A blocking connect hears of the other task's shutdown.
  const fd = await stream(p, family);
  const connecting = env.begin(p.connect(fd, family.loopback(PORT)));
  await env.settle();
  await p.shutdown(fd, SHUT.RDWR);
  await env.attempt(connecting);
  await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  await p.connect(fd, family.loopback(PORT + 1));
}));

const descriptorLimit = FAMILIES.map((family) => program(`accept-descriptor-limit-${family.name}`, async (env) => {
  const p = await env.process();
  const listening = await listener(p, family);
  const client = await stream(p, family);
  await p.connect(client, family.loopback(PORT));
  await env.limitDescriptors(p, 5);
  // Without a number the connection stays where it is.
  await env.attempt(p.accept(listening));
  await env.settle();
  await state(p, client);
  await state(p, listening);
  // What else is wrong is not looked at, but for the descriptor and the flags.
  await env.attempt(p.accept(client));
  await env.attempt(p.accept(1));
  await env.attempt(p.accept(99));
  await env.attempt(p.accept4(99, 1));
  await env.attempt(p.accept4(listening, 1));
  await env.limitDescriptors(p, 6);
  await p.accept(listening);
  // Nothing waits and no number is free: the call does not wait either.
  await env.attempt(p.accept(listening));
  await env.attempt(p.socket(family.domain, SOCK.STREAM, 0));
  await env.attempt(p.dup(client));
}));

const reserved = FAMILIES.map((family) => program(`accept-reserves-${family.name}`, async (env) => {
  const p = await env.process();
  const listening = await listener(p, family);
  // An accept that waits has its descriptor already; until it returns the number is nobody's.
  const accepting = env.begin(p.accept4(listening, SOCK.CLOEXEC));
  await env.settle();
  const client = await stream(p, family);
  const next = client - 1;
  await env.attempt(p.dup2(client, next));
  await env.attempt(p.close(next));
  await env.attempt(p.getsockname(next));
  await state(p, next);
  await p.connect(client, family.loopback(PORT));
  const { fd } = await accepting;
  await p.fcntl(fd, F.GETFD);
  await p.dup2(client, fd);
  // One that fails gives it back.
  await p.setsockopt(listening, SOL.SOCKET, SO.RCVTIMEO, timeval(0, 20_000));
  await env.attempt(p.accept(listening));
  await p.fcntl(listening, F.SETFL, O.NONBLOCK);
  await env.attempt(p.accept(listening));
  await env.attempt(p.accept(client));
  await stream(p, family);
}));

export const programs: Program[] = [
  ...names, dual, ...refused, ...badAddresses, ...unreachable, ...nonblocking, ...inProgress, ...queueOverflow,
  ...dissolve, ...twice, ...self, ...abandoned, ...listenerGone, ...listenerShutdown, ...inherited, ...shutdownFirst,
  ...descriptorLimit, ...reserved,
];
