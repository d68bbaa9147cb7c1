/** bind(2): addresses, ports, conflicts; listen(2). */
import { AF, IPPROTO, IPV6, SHUT, SO, SOCK, SOL } from '../numbers.ts';
import { familyOnly, in4, in6, portOf } from '../address.ts';
import { program } from '../program.ts';
import type { Program, ProgramEnvironment } from '../program.ts';
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { FAMILIES, INET, INET6, MAPPED, PORT, dgram, ints, state, stream, silently } from '../toolkit.ts';
import type { Family } from '../toolkit.ts';

const TYPES = [SOCK.STREAM, SOCK.DGRAM] as const;
const TYPE_NAMES: Record<number, string> = { [SOCK.STREAM]: 'stream', [SOCK.DGRAM]: 'dgram' };

function each(name: string, run: (env: ProgramEnvironment, family: Family, type: number) => Promise<void>): Program[] {
  return FAMILIES.flatMap((family) => TYPES.map((type) => (
    program(`${name}-${family.name}-${TYPE_NAMES[type]}`, (env) => run(env, family, type))
  )));
}

const addresses = each('bind', async (env, family, type) => {
  const p = await env.process();
  const make = (): Promise<number> => p.socket(family.domain, type, 0);
  const fd = await make();
  await env.attempt(p.bind(fd, family.elsewhere(PORT)));
  await env.attempt(p.bind(fd, new Uint8Array(0)));
  await env.attempt(p.bind(fd, family.loopback(PORT).subarray(0, 1)));
  await env.attempt(p.bind(fd, family.loopback(PORT).subarray(0, 8)));
  await env.attempt(p.bind(fd, family.loopback(PORT).subarray(0, 15)));
  if (family === INET6) {
    await env.attempt(p.bind(fd, family.loopback(PORT).subarray(0, 23)));
    // Without the scope (RFC 2133) an address is still one.
    await env.attempt(p.bind(await make(), family.loopback(PORT + 1).subarray(0, 24)));
  }
  await env.attempt(p.bind(fd, familyOnly(AF.UNSPEC, 2)));
  await env.attempt(p.bind(fd, familyOnly(AF.UNIX, 28)));
  await env.attempt(p.bind(fd, familyOnly(99, 28)));
  await env.attempt(p.bind(fd, in4('127.0.0.1', PORT, AF.UNSPEC)));
  await env.attempt(p.bind(await make(), in6('::', PORT + 2, 0, AF.UNSPEC)));
  // AF_UNSPEC with the zero address passes for AF_INET on an IPv4 socket.
  await env.attempt(p.bind(await make(), in4('0.0.0.0', PORT + 3, AF.UNSPEC)));
  await env.attempt(p.bind(await make(), (family === INET ? INET6 : INET).loopback(PORT)));
  await p.getsockname(fd);
  await p.bind(fd, family.loopback(PORT));
  await p.getsockname(fd);
  await env.attempt(p.bind(fd, family.loopback(PORT)));
  await env.attempt(p.bind(fd, family.loopback(PORT + 5)));
  await env.attempt(p.bind(await make(), family.loopback(PORT)));
  await env.attempt(p.bind(await make(), family.any(PORT)));
  // A longer sockaddr than needed is fine.
  const long = new Uint8Array(64);
  long.set(family.loopback(PORT + 6));
  await env.attempt(p.bind(await make(), long));
  await env.attempt(p.bind(await make(), new Uint8Array(200)));
});

const automatic = each('bind-port-zero', async (env, family, type) => {
  const p = await env.process();
  const ports = new Set<number>();
  for (let i = 0; i < 6; i++) {
    const fd = await p.socket(family.domain, type, 0);
    await p.bind(fd, i % 2 === 0 ? family.loopback(0) : family.any(0));
    ports.add(portOf(await p.getsockname(fd)));
  }
  env.note('distinct ports', ports.size);
  env.note('in range', [...ports].every((port) => port >= 32768 && port <= 60999));
  // Again on the same socket: bound already.
  const fd = await p.socket(family.domain, type, 0);
  await p.bind(fd, family.any(0));
  await env.attempt(p.bind(fd, family.any(0)));
});

const special = program('bind-special-addresses', async (env) => {
  const p = await env.process();
  for (const make of [stream, dgram]) {
    for (const host of ['127.0.0.2', '127.255.255.254', '127.255.255.255', '255.255.255.255', '224.0.0.1', '0.0.0.1', '10.1.2.3', '240.0.0.1']) {
      const fd = await make(p, INET);
      await env.attempt(p.bind(fd, in4(host, PORT)));
      await p.getsockname(fd);
      await p.close(fd);
    }
    for (const host of ['ff02::1', 'fe80::1', '::2', '::ffff:127.0.0.1', '::ffff:0.0.0.0', '::ffff:192.0.2.1', '::127.0.0.1', '::ffff:224.0.0.1']) {
      const fd = await make(p, INET6);
      await env.attempt(p.bind(fd, in6(host, PORT)));
      await p.getsockname(fd);
      await p.close(fd);
    }
    for (const scope of [1, 77]) {
      for (const host of ['::1', 'fe80::1', 'ff02::1']) {
        const fd = await make(p, INET6);
        await env.attempt(p.bind(fd, in6(host, PORT, scope)));
        await p.getsockname(fd);
        await p.close(fd);
      }
    }
  }
});

/** How the first of two sockets is set up, and how the second. */
interface Side {
  family: Family;
  address: Uint8Array;
  reuse?: boolean;
  reusePort?: boolean;
  only?: boolean;
  listens?: boolean;
}

async function place(env: ProgramEnvironment, p: Syscalls, type: number, side: Side): Promise<void> {
  const fd = await p.socket(side.family.domain, type, 0);
  if (side.reuse) await p.setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, ints(1));
  if (side.reusePort) await p.setsockopt(fd, SOL.SOCKET, SO.REUSEPORT, ints(1));
  if (side.only) await p.setsockopt(fd, IPPROTO.IPV6, IPV6.V6ONLY, ints(1));
  await env.attempt(p.bind(fd, side.address));
  if (side.listens) await env.attempt(p.listen(fd, 1));
}

const conflicts = TYPES.map((type) => program(`bind-conflicts-${TYPE_NAMES[type]}`, async (env) => {
  const p = await env.process();
  let port = PORT;
  const variants: [boolean, boolean][] = [[false, false], [true, false], [true, true]];
  for (const which of ['reuse', 'reusePort'] as const) {
    for (const [first, second] of variants) {
      for (const listens of type === SOCK.STREAM ? [false, true] : [false]) {
        for (const specific of [0, 1, 2]) {
          port++;
          const one = specific === 1 ? INET.any(port) : INET.loopback(port);
          const other = specific === 2 ? INET.any(port) : specific === 1 ? INET.loopback(port) : INET.loopback(port);
          await place(env, p, type, { family: INET, address: one, [which]: first, listens });
          await place(env, p, type, { family: INET, address: other, [which]: second, listens: false });
        }
      }
    }
  }
  // One with SO_REUSEADDR, one with SO_REUSEPORT.
  port++;
  await place(env, p, type, { family: INET, address: INET.loopback(port), reuse: true });
  await place(env, p, type, { family: INET, address: INET.loopback(port), reusePort: true });
  // Different addresses never conflict.
  port++;
  await place(env, p, type, { family: INET, address: in4('127.0.0.1', port), listens: true });
  await place(env, p, type, { family: INET, address: in4('127.0.0.2', port), listens: true });
  await place(env, p, type, { family: INET, address: INET.any(port), listens: true });
}));

const dualStack = TYPES.map((type) => program(`bind-dual-stack-${TYPE_NAMES[type]}`, async (env) => {
  const p = await env.process();
  let port = PORT;
  const four = (address: Uint8Array, more: Partial<Side> = {}): Side => ({ family: INET, address, ...more });
  const six = (address: Uint8Array, more: Partial<Side> = {}): Side => ({ family: INET6, address, ...more });
  const cases: (() => [Side, Side])[] = [
    () => [four(INET.any(port)), six(INET6.any(port))],
    () => [six(INET6.any(port)), four(INET.any(port))],
    () => [six(INET6.any(port)), four(INET.loopback(port))],
    () => [four(INET.loopback(port)), six(INET6.any(port))],
    () => [four(INET.any(port)), six(INET6.any(port), { only: true })],
    () => [six(INET6.any(port), { only: true }), four(INET.any(port))],
    () => [six(INET6.loopback(port)), four(INET.any(port))],
    () => [six(INET6.loopback(port)), six(INET6.any(port))],
    () => [six(MAPPED.loopback(port)), four(INET.loopback(port))],
    () => [six(MAPPED.loopback(port)), six(INET6.any(port))],
    () => [six(MAPPED.loopback(port)), six(INET6.loopback(port))],
    () => [six(MAPPED.loopback(port), { only: true }), four(INET.loopback(port))],
    () => [four(INET.any(port), { reuse: true }), six(INET6.any(port), { reuse: true })],
    () => [four(INET.any(port), { reusePort: true }), six(INET6.any(port), { reusePort: true })],
    () => [four(INET.any(port), { reuse: true, listens: true }), six(INET6.any(port), { reuse: true, listens: true })],
    () => [four(INET.any(port), { listens: true }), six(INET6.any(port), { only: true, listens: true })],
  ];
  for (const both of cases) {
    port++;
    const [first, second] = both();
    await place(env, p, type, { ...first, listens: (first.listens ?? false) && type === SOCK.STREAM });
    await place(env, p, type, { ...second, listens: (second.listens ?? false) && type === SOCK.STREAM });
  }
}));

const crossProtocol = program('bind-tcp-and-udp-apart', async (env) => {
  const p = await env.process();
  for (const family of FAMILIES) {
    const a = await stream(p, family);
    const b = await dgram(p, family);
    await p.bind(a, family.loopback(PORT));
    await p.bind(b, family.loopback(PORT));
    await p.close(a);
    await p.close(b);
  }
});

const twoProcesses = each('bind-two-processes', async (env, family, type) => {
  const p = await env.process();
  const q = await env.process();
  const fd = await p.socket(family.domain, type, 0);
  const other = await q.socket(family.domain, type, 0);
  await p.bind(fd, family.loopback(PORT));
  await env.attempt(q.bind(other, family.loopback(PORT)));
  await env.exit(p);
  await env.settle();
  await env.attempt(q.bind(other, family.loopback(PORT)));
  await q.getsockname(other);
});

const listening = FAMILIES.map((family) => program(`listen-${family.name}`, async (env) => {
  const p = await env.process();
  const unbound = await stream(p, family);
  await p.listen(unbound, 0);
  await p.getsockname(unbound);
  await p.getsockopt(unbound, SOL.SOCKET, SO.ACCEPTCONN, 4);
  await state(p, unbound);
  // Once more changes the backlog only.
  await p.listen(unbound, 5);
  await p.listen(unbound, -1);
  const fd = await stream(p, family);
  await p.bind(fd, family.loopback(PORT));
  await env.attempt(p.accept(fd));
  await p.listen(fd, 3);
  await env.attempt(p.bind(fd, family.loopback(PORT + 1)));
  await env.attempt(p.connect(fd, family.loopback(PORT)));
  await env.attempt(p.read(fd, new Uint8Array(4)));
  await env.attempt(p.write(fd, new Uint8Array(4)));
  await env.attempt(p.recv(fd, new Uint8Array(4), 0));
  await env.attempt(p.send(fd, new Uint8Array(4), 0));
  await env.attempt(p.getpeername(fd));
  const second = await stream(p, family);
  await p.setsockopt(second, SOL.SOCKET, SO.REUSEADDR, ints(1));
  await env.attempt(p.bind(second, family.loopback(PORT)));
  const udp = await dgram(p, family);
  await env.attempt(p.listen(udp, 1));
  await env.attempt(p.accept(udp));
  await env.attempt(p.accept4(udp, SOCK.NONBLOCK));
}));

const acceptedPort = [INET, INET6, MAPPED].flatMap((family) => (['any', 'loopback'] as const).map((where) => (
  program(`accepted-port-${family.name}-${where}`, async (env) => {
    const p = await env.process();
    const listening = await stream(p, family);
    await p.bind(listening, family[where](PORT));
    await p.listen(listening, 8);
    const accepted = async (): Promise<{ client: number; fd: number }> => {
      const client = await stream(p, family);
      await p.connect(client, family.loopback(PORT));
      return { client, fd: (await p.accept(listening)).fd };
    };
    const reset = await accepted();
    const left = await accepted();
    // A connection that was reset, and one that was disconnected: each goes on to show its name.
    await p.setsockopt(reset.client, SOL.SOCKET, SO.LINGER, ints(1, 0));
    await p.close(reset.client);
    await p.connect(left.fd, new Uint8Array(28));
    await env.settle();
    await p.getsockname(reset.fd);
    await p.getsockname(left.fd);
    await p.close(listening);
    // Neither holds the port.
    const other = await stream(p, family);
    await p.bind(other, family[where](PORT));
    await p.listen(other, 8);
    // As clients they get ports like anybody's.
    await p.connect(left.fd, family.loopback(PORT));
    await p.getsockname(left.fd);
    await p.connect(reset.fd, new Uint8Array(28));
    await p.connect(reset.fd, family.loopback(PORT));
    await p.getsockname(reset.fd);
  }))));

const timeWaitPort = FAMILIES.map((family) => program(`time-wait-port-${family.name}`, async (env) => {
  const p = await env.process();
  const listening = await stream(p, family);
  await p.bind(listening, family.loopback(PORT));
  await p.listen(listening, 8);
  const client = await stream(p, family);
  await p.connect(client, family.loopback(PORT));
  const { fd } = await p.accept(listening);
  // The socket stays open while its connection is in TIME-WAIT, and is used again.
  await p.shutdown(fd, SHUT.RDWR);
  await env.settle();
  await p.close(client);
  await env.settle();
  await p.getsockname(fd);
  await p.connect(fd, new Uint8Array(28));
  await p.connect(fd, family.loopback(PORT));
  await p.getsockname(fd);
  await p.close(listening);
  await env.attempt(p.bind(await stream(p, family), family.loopback(PORT)));
}));

const sharedStreams = FAMILIES.map((family) => program(`reuseport-listeners-${family.name}`, async (env) => {
  const p = await env.process();
  const listeners: number[] = [];
  for (let i = 0; i < 2; i++) {
    const fd = await stream(p, family, SOCK.NONBLOCK);
    await p.setsockopt(fd, SOL.SOCKET, SO.REUSEPORT, ints(1));
    await p.bind(fd, family.loopback(PORT));
    await p.listen(fd, 100);
    listeners.push(fd);
  }
  // One that fits less well gets nothing.
  const any = await stream(p, family, SOCK.NONBLOCK);
  await p.setsockopt(any, SOL.SOCKET, SO.REUSEPORT, ints(1));
  await p.bind(any, family.any(PORT));
  await p.listen(any, 100);
  const silent = silently(p);
  for (let i = 0; i < 40; i++) await silent.connect(await silent.socket(family.domain, SOCK.STREAM, 0), family.loopback(PORT));
  await env.settle();
  const counts: number[] = [];
  for (const fd of [...listeners, any]) {
    let count = 0;
    while (await silent.accept(fd).then(() => true, () => false)) count++;
    counts.push(count);
  }
  const [one, two, none] = counts as [number, number, number];
  env.note('both are given connections', one > 3 && two > 3);
  env.note('all of them', one + two);
  env.note('the wildcard', none);
  // Alone, one gets everything.
  await p.close(listeners[0] as number);
  for (let i = 0; i < 10; i++) await silent.connect(await silent.socket(family.domain, SOCK.STREAM, 0), family.loopback(PORT));
  let count = 0;
  while (await silent.accept(listeners[1] as number).then(() => true, () => false)) count++;
  env.note('the last one', count);
}));

const sharedDatagrams = FAMILIES.map((family) => program(`reuseport-datagrams-${family.name}`, async (env) => {
  const p = await env.process();
  const sockets: number[] = [];
  for (let i = 0; i < 2; i++) {
    const fd = await dgram(p, family, SOCK.NONBLOCK);
    await p.setsockopt(fd, SOL.SOCKET, SO.REUSEPORT, ints(1));
    await p.bind(fd, family.loopback(PORT));
    sockets.push(fd);
  }
  const silent = silently(p);
  const sender = async (): Promise<number> => {
    const fd = await silent.socket(family.domain, SOCK.DGRAM, 0);
    await silent.bind(fd, family.loopback(0));
    return fd;
  };
  const drained = async (fd: number): Promise<number> => {
    let count = 0;
    while (await silent.recv(fd, new Uint8Array(4), 0).then(() => true, () => false)) count++;
    return count;
  };
  for (let i = 0; i < 40; i++) await silent.sendto(await sender(), new Uint8Array(1), 0, family.loopback(PORT));
  const one = await drained(sockets[0] as number);
  const two = await drained(sockets[1] as number);
  env.note('both are given datagrams', one > 3 && two > 3);
  env.note('all of them', one + two);
  // What one socket sends goes to one socket.
  const from = await sender();
  for (let i = 0; i < 10; i++) await silent.sendto(from, new Uint8Array(1), 0, family.loopback(PORT));
  const rest = [await drained(sockets[0] as number), await drained(sockets[1] as number)];
  env.note('they stay together', Math.max(...rest));
  // A connected one has its peer's before anybody, and nothing of others.
  await p.connect(sockets[0] as number, family.loopback(portOf(await silent.getsockname(from))));
  for (let i = 0; i < 10; i++) {
    await silent.sendto(from, new Uint8Array(1), 0, family.loopback(PORT));
    await silent.sendto(await sender(), new Uint8Array(1), 0, family.loopback(PORT));
  }
  env.note('the connected one', await drained(sockets[0] as number));
  env.note('the other', await drained(sockets[1] as number));
}));

/** Addresses that are nobody's: net.ipv4.ip_nonlocal_bind is about IPv4's, for every kind of socket. */
const nonlocal = FAMILIES.map((family) => program(`bind-nonlocal-${family.name}`, async (env) => {
  const p = await env.process();
  for (const value of ['1', '0']) {
    await env.sysctl('net.ipv4.ip_nonlocal_bind', value);
    for (const [type, protocol] of [[SOCK.STREAM, 0], [SOCK.DGRAM, 0], [SOCK.RAW, 253]] as const) {
      const fd = await p.socket(family.domain, type, protocol);
      await env.attempt(p.bind(fd, family.elsewhere(type === SOCK.RAW ? 0 : PORT)));
      await env.attempt(p.getsockname(fd));
      await p.close(fd);
    }
  }
}));

export const programs: Program[] = [
  ...nonlocal,
  ...addresses, ...automatic, special, ...conflicts, ...dualStack, crossProtocol, ...twoProcesses, ...listening,
  ...acceptedPort, ...timeWaitPort, ...sharedStreams, ...sharedDatagrams,
];
