/** getsockopt(2) and setsockopt(2): values, limits, lengths, and which options a socket has. */
import { AF, IP, IPPROTO, IPV6, SO, SOCK, SOL, TCP } from '../numbers.ts';
import { in6 } from '../address.ts';
import { program } from '../program.ts';
import type { Program, ProgramEnvironment } from '../program.ts';
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { FAMILIES, INET, INET6, PORT, dgram, ints, pair, stream, text, timeval } from '../toolkit.ts';
import type { Family } from '../toolkit.ts';

type Make = (p: Syscalls, family: Family) => Promise<number>;

const KINDS: readonly { name: string; make: Make }[] = [
  { name: 'stream', make: (p, family) => stream(p, family) },
  { name: 'dgram', make: (p, family) => dgram(p, family) },
];

function each(
  name: string, run: (env: ProgramEnvironment, p: Syscalls, make: () => Promise<number>, family: Family, isStream: boolean) => Promise<void>,
): Program[] {
  return FAMILIES.flatMap((family) => KINDS.map((kind) => (
    program(`${name}-${family.name}-${kind.name}`, async (env) => {
      const p = await env.process();
      await run(env, p, () => kind.make(p, family), family, kind.name === 'stream');
    }))));
}

/** Sets each value and reads back what the kernel made of it. */
async function setAndGet(
  env: ProgramEnvironment, p: Syscalls, fd: number, level: number, option: number, values: readonly number[],
): Promise<void> {
  await env.attempt(p.getsockopt(fd, level, option, 4));
  for (const value of values) {
    if ((await env.attempt(p.setsockopt(fd, level, option, ints(value)))) === 'ENOPROTOOPT') break;
    await env.attempt(p.getsockopt(fd, level, option, 4));
  }
}

const switches = each('options-socket-switches', async (env, p, make) => {
  const fd = await make();
  for (const option of [SO.REUSEADDR, SO.REUSEPORT, SO.KEEPALIVE, SO.BROADCAST, SO.OOBINLINE, SO.DONTROUTE]) {
    await setAndGet(env, p, fd, SOL.SOCKET, option, [1, 0, 5, -1, 256]);
  }
});

const numbers = each('options-socket-numbers', async (env, p, make) => {
  const fd = await make();
  await setAndGet(env, p, fd, SOL.SOCKET, SO.PRIORITY, [0, 6, 3]);
  await setAndGet(env, p, fd, SOL.SOCKET, SO.MARK, [0, 17]);
  await setAndGet(env, p, fd, SOL.SOCKET, SO.RCVLOWAT, [0, 1, 100, -1]);
  await setAndGet(env, p, fd, SOL.SOCKET, SO.SNDLOWAT, [5]);
  await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
  await p.getsockopt(fd, SOL.SOCKET, SO.ACCEPTCONN, 4);
});

const buffers = each('options-buffer-sizes', async (env, p, make) => {
  const fd = await make();
  for (const option of [SO.RCVBUF, SO.SNDBUF]) {
    await setAndGet(env, p, fd, SOL.SOCKET, option, [0, 1, 1000, 2304, 4608, 10_000, 100_000, 212_992, 4_194_304, 10_000_000, 0x7fffffff, -1]);
  }
  // The administrator may go beyond the limit.
  for (const [force, option] of [[SO.RCVBUFFORCE, SO.RCVBUF], [SO.SNDBUFFORCE, SO.SNDBUF]] as const) {
    await env.attempt(p.setsockopt(fd, SOL.SOCKET, force, ints(6_000_000)));
    await p.getsockopt(fd, SOL.SOCKET, option, 4);
    await env.attempt(p.getsockopt(fd, SOL.SOCKET, force, 4));
  }
});

const timeouts = each('options-timeouts', async (env, p, make) => {
  const fd = await make();
  for (const option of [SO.RCVTIMEO, SO.SNDTIMEO]) {
    await p.getsockopt(fd, SOL.SOCKET, option, 16);
    for (const value of [timeval(1, 0), timeval(0, 500_000), timeval(2, 40_000), timeval(0, 0), timeval(-1, 0), timeval(3, 0)]) {
      await env.attempt(p.setsockopt(fd, SOL.SOCKET, option, value));
      await p.getsockopt(fd, SOL.SOCKET, option, 16);
    }
    await env.attempt(p.setsockopt(fd, SOL.SOCKET, option, timeval(0, 1_000_000)));
    await env.attempt(p.setsockopt(fd, SOL.SOCKET, option, timeval(0, -1)));
    await env.attempt(p.setsockopt(fd, SOL.SOCKET, option, timeval(1, 0).subarray(0, 8)));
    await env.attempt(p.setsockopt(fd, SOL.SOCKET, option, timeval(1, 0).subarray(0, 15)));
    await env.attempt(p.getsockopt(fd, SOL.SOCKET, option, 8));
    await p.getsockopt(fd, SOL.SOCKET, option, 32);
  }
});

const lingers = each('options-linger', async (env, p, make) => {
  const fd = await make();
  await p.getsockopt(fd, SOL.SOCKET, SO.LINGER, 8);
  for (const value of [ints(1, 5), ints(0, 9), ints(1, 0), ints(7, 3), ints(0, 0)]) {
    await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.LINGER, value));
    await p.getsockopt(fd, SOL.SOCKET, SO.LINGER, 8);
  }
  // What comes back for a negative time depends on how the kernel was built (HZ).
  await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.LINGER, ints(1, -1)));
  await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.LINGER, ints(1, 4)));
  await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.LINGER, ints(1)));
  await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.LINGER, ints(1, 2, 3)));
  await env.attempt(p.getsockopt(fd, SOL.SOCKET, SO.LINGER, 4));
  await env.attempt(p.getsockopt(fd, SOL.SOCKET, SO.LINGER, 5));
  await p.getsockopt(fd, SOL.SOCKET, SO.LINGER, 16);
});

const lengths = each('options-lengths', async (env, p, make, family, isStream) => {
  const fd = await make();
  const options: [number, number][] = [
    [SOL.SOCKET, SO.KEEPALIVE], [SOL.SOCKET, SO.TYPE],
    ...(family === INET ? [[IPPROTO.IP, IP.TTL], [IPPROTO.IP, IP.TOS]] : [[IPPROTO.IPV6, IPV6.UNICAST_HOPS], [IPPROTO.IPV6, IPV6.V6ONLY]]) as [number, number][],
    ...(isStream ? [[IPPROTO.TCP, TCP.NODELAY], [IPPROTO.TCP, TCP.MAXSEG]] : []) as [number, number][],
  ];
  for (const [level, option] of options) {
    for (const length of [0, 1, 2, 3, 4, 5, 8, -1]) {
      await env.attempt(p.getsockopt(fd, level, option, length));
    }
    for (const length of [0, 1, 2, 3]) await env.attempt(p.setsockopt(fd, level, option, ints(1).subarray(0, length)));
    await env.attempt(p.setsockopt(fd, level, option, ints(1, 2)));
    await env.attempt(p.getsockopt(fd, level, option, 4));
  }
});

const unknown = each('options-unknown', async (env, p, make) => {
  const fd = await make();
  for (const [level, option] of [
    [SOL.SOCKET, 9999], [SOL.SOCKET, -1], [IPPROTO.IP, 9999], [IPPROTO.IPV6, 9999], [IPPROTO.TCP, 9999],
    [IPPROTO.UDP, 9999], [77, 1], [-1, 1], [IPPROTO.ICMP, 1], [SOL.SOCKET, 0],
  ] as const) {
    await env.attempt(p.getsockopt(fd, level, option, 4));
    await env.attempt(p.setsockopt(fd, level, option, ints(1)));
  }
});

const ipv4 = each('options-ip', async (env, p, make, family) => {
  const fd = await make();
  await setAndGet(env, p, fd, IPPROTO.IP, IP.TTL, [1, 255, 0, 256, -1, 64]);
  await setAndGet(env, p, fd, IPPROTO.IP, IP.TOS, [0x10, 0xff, 0x100, 3, 0]);
  await setAndGet(env, p, fd, IPPROTO.IP, IP.MTU_DISCOVER, [0, 1, 2, 3, 6, -1]);
  await setAndGet(env, p, fd, IPPROTO.IP, IP.FREEBIND, [1, 0]);
  await setAndGet(env, p, fd, IPPROTO.IP, IP.RECVERR, [1, 0]);
  await env.attempt(p.getsockopt(fd, IPPROTO.IP, IP.MTU, 4));
  // One byte is enough for these.
  await env.attempt(p.setsockopt(fd, IPPROTO.IP, IP.TTL, ints(9).subarray(0, 1)));
  await env.attempt(p.getsockopt(fd, IPPROTO.IP, IP.TTL, 1));
  await env.attempt(p.getsockopt(fd, IPPROTO.IP, IP.TTL, 4));
  if (family === INET6) await setAndGet(env, p, fd, IPPROTO.IPV6, IPV6.V6ONLY, [1, 0]);
});

const freebind = program('options-free-bind', async (env) => {
  const p = await env.process();
  for (const family of FAMILIES) {
    for (const make of [stream, dgram]) {
      const fd = await make(p, family);
      if (family === INET) await p.setsockopt(fd, IPPROTO.IP, IP.FREEBIND, ints(1));
      else await p.setsockopt(fd, IPPROTO.IPV6, IPV6.FREEBIND, ints(1));
      await env.attempt(p.bind(fd, family.elsewhere(PORT)));
      await p.getsockname(fd);
    }
  }
});

const ipv6 = each('options-ipv6', async (env, p, make, family) => {
  const fd = await make();
  await setAndGet(env, p, fd, IPPROTO.IPV6, IPV6.V6ONLY, [1, 0, 5]);
  await setAndGet(env, p, fd, IPPROTO.IPV6, IPV6.UNICAST_HOPS, [1, 255, 256, -1, 0, -2]);
  await setAndGet(env, p, fd, IPPROTO.IPV6, IPV6.TCLASS, [0x20, 0xff, 256, -1, -2]);
  await setAndGet(env, p, fd, IPPROTO.IPV6, IPV6.MTU_DISCOVER, [0, 1, 2, 3, 6, -1]);
  await setAndGet(env, p, fd, IPPROTO.IPV6, IPV6.RECVERR, [1, 0]);
  if (family === INET6) {
    await env.attempt(p.setsockopt(fd, IPPROTO.IPV6, IPV6.UNICAST_HOPS, ints(9).subarray(0, 1)));
    // Too late once the socket is bound.
    await p.bind(fd, family.loopback(PORT));
    await env.attempt(p.setsockopt(fd, IPPROTO.IPV6, IPV6.V6ONLY, ints(1)));
    await env.attempt(p.setsockopt(fd, IPPROTO.IPV6, IPV6.V6ONLY, ints(0)));
    await p.getsockopt(fd, IPPROTO.IPV6, IPV6.V6ONLY, 4);
  }
});

const multicast = each('options-multicast', async (env, p, make, family, isStream) => {
  const fd = await make();
  if (family === INET) {
    await setAndGet(env, p, fd, IPPROTO.IP, IP.MULTICAST_TTL, [5, 255, 256, -1, 0]);
    if (!isStream) await setAndGet(env, p, fd, IPPROTO.IP, IP.MULTICAST_LOOP, [0, 1, 7]);
  } else {
    await setAndGet(env, p, fd, IPPROTO.IPV6, IPV6.MULTICAST_HOPS, [5, 255, 256, -1, 0]);
    if (!isStream) await setAndGet(env, p, fd, IPPROTO.IPV6, IPV6.MULTICAST_LOOP, [0, 1, 7]);
  }
});

const tcpNumbers = FAMILIES.map((family) => program(`options-tcp-${family.name}`, async (env) => {
  const p = await env.process();
  const fd = await stream(p, family);
  await setAndGet(env, p, fd, IPPROTO.TCP, TCP.NODELAY, [1, 0, 7]);
  await setAndGet(env, p, fd, IPPROTO.TCP, TCP.CORK, [1, 0]);
  await setAndGet(env, p, fd, IPPROTO.TCP, TCP.MAXSEG, [100, 87, 88, 1400, 32767, 32768, 0, -1]);
  await setAndGet(env, p, fd, IPPROTO.TCP, TCP.KEEPIDLE, [1, 100, 32767, 32768, 0, -1]);
  await setAndGet(env, p, fd, IPPROTO.TCP, TCP.KEEPINTVL, [1, 100, 32767, 32768, 0, -1]);
  await setAndGet(env, p, fd, IPPROTO.TCP, TCP.KEEPCNT, [1, 100, 127, 128, 0, -1]);
  await setAndGet(env, p, fd, IPPROTO.TCP, TCP.SYNCNT, [1, 100, 127, 128, 0, -1]);
  await setAndGet(env, p, fd, IPPROTO.TCP, TCP.LINGER2, [5, 60, 120, 121, 0, -1]);
  await setAndGet(env, p, fd, IPPROTO.TCP, TCP.DEFER_ACCEPT, [1, 2, 3, 10, 1000, 100_000, -1, 0]);
  await setAndGet(env, p, fd, IPPROTO.TCP, TCP.WINDOW_CLAMP, [0, 1000, 10_000, 100_000]);
  await setAndGet(env, p, fd, IPPROTO.TCP, TCP.QUICKACK, [0, 1, 2]);
  await setAndGet(env, p, fd, IPPROTO.TCP, TCP.USER_TIMEOUT, [0, 1000, 60_000, -1]);
  await setAndGet(env, p, fd, IPPROTO.TCP, TCP.NOTSENT_LOWAT, [0, 1000, -1]);
}));

const congestion = FAMILIES.map((family) => program(`options-tcp-congestion-${family.name}`, async (env) => {
  const p = await env.process();
  const fd = await stream(p, family);
  for (const name of ['reno', 'cubic', 'nosuch', '']) {
    await env.attempt(p.setsockopt(fd, IPPROTO.TCP, TCP.CONGESTION, text(name)));
    if (name === 'reno' || name === 'cubic') {
      for (const length of [16, 5, 3, 1, 0, 64]) await env.attempt(p.getsockopt(fd, IPPROTO.TCP, TCP.CONGESTION, length));
    }
  }
}));

const onConnected = FAMILIES.map((family) => program(`options-tcp-connected-${family.name}`, async (env) => {
  const p = await env.process();
  const { listening, client, server } = await pair(p, family);
  for (const fd of [listening, client, server]) {
    await p.getsockopt(fd, IPPROTO.TCP, TCP.MAXSEG, 4);
    await env.attempt(p.setsockopt(fd, IPPROTO.TCP, TCP.MAXSEG, ints(1000)));
    await p.getsockopt(fd, SOL.SOCKET, SO.ACCEPTCONN, 4);
    await p.getsockopt(fd, SOL.SOCKET, SO.ERROR, 4);
    if (family === INET) await env.attempt(p.getsockopt(fd, IPPROTO.IP, IP.MTU, 4));
    else await env.attempt(p.getsockopt(fd, IPPROTO.IPV6, IPV6.MTU, 4));
    await p.getsockopt(fd, IPPROTO.TCP, TCP.NODELAY, 4);
    await env.attempt(p.setsockopt(fd, IPPROTO.TCP, TCP.CONGESTION, text('reno')));
    await p.getsockopt(fd, IPPROTO.TCP, TCP.CONGESTION, 16);
    // The first byte of struct tcp_info is the state.
    await p.getsockopt(fd, IPPROTO.TCP, TCP.INFO, 1);
    await p.getsockopt(fd, IPPROTO.TCP, TCP.INFO, 5);
  }
  if (family === INET6) await env.attempt(p.setsockopt(client, IPPROTO.IPV6, IPV6.V6ONLY, ints(1)));
  await p.close(server);
  await env.settle();
  await p.getsockopt(client, IPPROTO.TCP, TCP.INFO, 1);
  const fresh = await stream(p, family);
  await p.getsockopt(fresh, IPPROTO.TCP, TCP.INFO, 1);
}));

const wrongFamily = program('options-of-another-protocol', async (env) => {
  const p = await env.process();
  const udp = await dgram(p, INET);
  await env.attempt(p.getsockopt(udp, IPPROTO.TCP, TCP.NODELAY, 4));
  await env.attempt(p.setsockopt(udp, IPPROTO.TCP, TCP.NODELAY, ints(1)));
  const tcp = await stream(p, INET);
  await env.attempt(p.getsockopt(tcp, IPPROTO.UDP, 1, 4));
  await env.attempt(p.setsockopt(tcp, IPPROTO.UDP, 1, ints(1)));
  await env.attempt(p.getsockopt(tcp, IPPROTO.IPV6, IPV6.V6ONLY, 4));
  await env.attempt(p.setsockopt(tcp, IPPROTO.IPV6, IPV6.V6ONLY, ints(1)));
  const six = await p.socket(AF.INET6, SOCK.STREAM, 0);
  await p.getsockopt(six, IPPROTO.IP, IP.TTL, 4);
  await env.attempt(p.setsockopt(six, IPPROTO.IP, IP.TTL, ints(7)));
  await p.getsockopt(six, IPPROTO.IP, IP.TTL, 4);
  await p.setsockopt(udp, IPPROTO.UDP, 1, ints(1));
  await p.getsockopt(udp, IPPROTO.UDP, 1, 4);
  await p.setsockopt(udp, IPPROTO.UDP, 1, ints(0));
});

const boundOnly = program('options-v6only-by-bind', async (env) => {
  const p = await env.process();
  // Binding an address of its own makes the socket IPv6 only.
  for (const make of [stream, dgram]) {
    for (const address of [INET6.loopback(PORT), INET6.any(PORT), in6('::ffff:127.0.0.1', PORT)]) {
      const fd = await make(p, INET6);
      await env.attempt(p.bind(fd, address));
      await p.getsockopt(fd, IPPROTO.IPV6, IPV6.V6ONLY, 4);
      await env.attempt(p.connect(fd, in6('::ffff:127.0.0.1', PORT + 1)));
      await env.attempt(p.getpeername(fd));
      await p.close(fd);
    }
  }
});

const device = program('options-bind-to-device', async (env) => {
  const p = await env.process();
  const fd = await dgram(p, INET);
  await p.getsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, 16);
  await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, text('lo\0')));
  await p.getsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, 16);
  await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, text('nosuch0')));
  await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, text('\0')));
  await p.getsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, 16);
});

export const programs: Program[] = [
  ...switches, ...numbers, ...buffers, ...timeouts, ...lingers, ...lengths, ...unknown, ...ipv4, freebind, ...ipv6,
  ...multicast, ...tcpNumbers, ...congestion, ...onConnected, wrongFamily, boundOnly, device,
];
