/** SOCK_RAW: which can be made, what they hear, what they send, their options. */
import { AF, IP, IPPROTO, IPV6, MSG, SO, SOCK, SOL } from '../numbers.ts';
import { in4, in6 } from '../address.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import { FAMILIES, INET, POLL, PORT, dgram, ints, room, state, text, wait } from '../toolkit.ts';

/** A number of its own for experiments (RFC 3692). */
const TEST = 253;

const making = program('raw-making', async (env) => {
  const p = await env.process();
  for (const family of [AF.INET, AF.INET6]) {
    for (const protocol of [0, 1, 6, 17, 58, TEST, 255, 263, -1]) {
      const fd = await p.socket(family, SOCK.RAW, protocol).catch(() => -1);
      if (fd < 0) continue;
      await p.getsockname(fd);
      await env.attempt(p.getpeername(fd));
      await state(p, fd);
      await env.attempt(p.listen(fd, 1));
      await env.attempt(p.recv(fd, room(8), MSG.DONTWAIT));
      await env.attempt(p.send(fd, text('x'), 0));
      await p.close(fd);
    }
  }
});

const exchange = FAMILIES.map((family) => program(`raw-exchange-${family.name}`, async (env) => {
  const p = await env.process();
  const a = await p.socket(family.domain, SOCK.RAW, TEST);
  const b = await p.socket(family.domain, SOCK.RAW, TEST);
  if (family === INET) await p.setsockopt(b, IPPROTO.IP, IP.RECVTTL, ints(1));
  else await p.setsockopt(b, IPPROTO.IPV6, IPV6.RECVHOPLIMIT, ints(1));
  await p.connect(b, family.loopback(0));
  await env.attempt(p.getpeername(b));
  await p.sendto(a, text('payload'), 0, family.loopback(0));
  await wait(p, b, POLL.IN);
  const bytes = room(64);
  const silent = (p as unknown as { silent: typeof p }).silent;
  const got = await silent.recvfrom(b, bytes, 0);
  // The identification is the sender's choice, and with it the checksum.
  if (family === INET) bytes.fill(0, 4, 6).fill(0, 10, 12);
  env.note('bytes', `${got.count} ${[...bytes.subarray(0, got.count)].join(' ')}`);
  await env.attempt(p.send(b, text('back'), 0));
  await p.shutdown(b, 1);
  await env.attempt(p.send(b, text('x'), 0));
  await env.attempt(p.bind(b, family.loopback(0)));
  await env.attempt(p.bind(a, family.elsewhere(0)));
  await p.bind(a, family.loopback(PORT));
  await p.getsockname(a);
}));

const options = FAMILIES.map((family) => program(`raw-options-${family.name}`, async (env) => {
  const p = await env.process();
  const [icmp, level] = family === INET ? [IPPROTO.ICMP, SOL.RAW] : [IPPROTO.ICMPV6, SOL.ICMPV6];
  for (const protocol of [icmp, TEST]) {
    const fd = await p.socket(family.domain, SOCK.RAW, protocol);
    for (const length of [0, 1, 4, 32, 64]) await env.attempt(p.getsockopt(fd, level, 1, length));
    for (const value of [ints(5), Uint8Array.of(9), ints(1, 2, 3, 4, 5, 6, 7, 8)]) {
      await env.attempt(p.setsockopt(fd, level, 1, value));
      await env.attempt(p.getsockopt(fd, level, 1, 32));
    }
    await env.attempt(p.getsockopt(fd, IPPROTO.IP, IP.HDRINCL, 4));
    if (family === INET) {
      await env.attempt(p.setsockopt(fd, IPPROTO.IP, IP.HDRINCL, ints(7)));
      await env.attempt(p.getsockopt(fd, IPPROTO.IP, IP.HDRINCL, 4));
      continue;
    }
    for (const at of [SOL.RAW, IPPROTO.IPV6]) {
      for (const value of [2, 3, 0, -1]) {
        await env.attempt(p.setsockopt(fd, at, IPV6.CHECKSUM, ints(value)));
        await env.attempt(p.getsockopt(fd, at, IPV6.CHECKSUM, 4));
      }
    }
  }
}));

const copies = program('raw-copies', async (env) => {
  const p = await env.process();
  const udp = await dgram(p, INET);
  await p.bind(udp, in4('127.0.0.1', PORT));
  const raw = await p.socket(AF.INET, SOCK.RAW, IPPROTO.UDP);
  const six = await p.socket(AF.INET6, SOCK.RAW, IPPROTO.UDP);
  await p.sendto(udp, text('self'), 0, in4('127.0.0.1', PORT));
  await wait(p, raw, POLL.IN);
  await state(p, udp);
  await state(p, six);
  await p.sendto(udp, text('nobody'), 0, in4('127.0.0.1', PORT + 1));
  const udp6 = await p.socket(AF.INET6, SOCK.DGRAM, 0);
  await p.bind(udp6, in6('::1', PORT));
  await p.sendto(udp6, text('six'), 0, in6('::1', PORT));
  await wait(p, six, POLL.IN);
  await p.recvfrom(udp6, room(16), 0);
});

/** SO_PEEK_OFF is the streams' and the datagrams', and no raw socket's, whatever protocol it is of. */
const rawPeek = FAMILIES.map((family) => program(`raw-peek-offset-${family.name}`, async (env) => {
  const p = await env.process();
  for (const protocol of [IPPROTO.UDP, IPPROTO.TCP]) {
    const fd = await p.socket(family.domain, SOCK.RAW, protocol);
    await env.attempt(p.getsockopt(fd, SOL.SOCKET, SO.PEEK_OFF, 4));
    await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.PEEK_OFF, ints(3)));
    await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.ZEROCOPY, ints(1)));
  }
}));

/** What a raw socket of AF_INET6 says of IPv4-mapped addresses: no route leads there, once the port is no fault. */
const rawMapped = program('raw-mapped', async (env) => {
  const p = await env.process();
  for (const protocol of [IPPROTO.UDP, 255]) {
    const fd = await p.socket(AF.INET6, SOCK.RAW, protocol);
    for (const port of [0, protocol, 5, 300]) await env.attempt(p.sendto(fd, room(60), 0, in6('::ffff:127.0.0.1', port)));
    await env.attempt(p.bind(fd, in6('::ffff:127.0.0.1', 0)));
  }
});

export const programs: Program[] = [making, ...exchange, ...options, ...rawPeek, rawMapped, copies];
