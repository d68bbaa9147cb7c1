/**
 * Without end, as root and with RLIMIT_NOFILE at its hard limit: what a host's memory (`memoryBytes`) ends. Each kind of object is
 * made, and filled as far as it takes anything, until the call that makes it fails. The host stays below its bound, and so does
 * Node; a process that runs already goes on with what it has, other hosts do not notice, and at the end all is given back.
 *
 * Errors are those of Linux where an allocation fails: ENFILE of sock_alloc_file, do_accept and get_pipe_inode (fs/pipe.c,
 * net/socket.c), ENOBUFS of inet_create, packet_create and sock_alloc_send_pskb, ENOMEM of alloc_empty_file, unix_create1,
 * netlink_create, copy_process, alloc_fdtable, ep_insert and anon_pipe_write.
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { SIG_IGN } from '../../src/api/posix/constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import type { SystemError } from '../../src/api/posix/syscalls.ts';
import { IpAddress } from '../../src/base/inet-address.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import { EPOLL_CTL } from '../../src/kernel/epoll.ts';
import { IPC } from '../../src/kernel/ipc/ipc-object.ts';
import { MOST_DESCRIPTORS, Resource } from '../../src/kernel/resource-limits.ts';
import { MaskHow, Signal } from '../../src/kernel/signal-numbers.ts';
import { filterBytes } from '../../src/socket/socket-filter.ts';
import { rightsMessage } from '../../src/socket/control.ts';
import { AF, F, O, PACKET, SO, SOCK, SOL } from '../../src/socket/constants.ts';
import { sockaddrIn, sockaddrUn } from '../../src/socket/sockaddr.ts';
import { Msg } from '../../src/transport/endpoint.ts';
import { seed } from '../results.ts';

const MEGABYTE = 1 << 20;
const MEMORY = 48 * MEGABYTE;
/**
 * What Node may use for a host of `MEMORY`: the memory itself, twice, since an object may be charged half of what the engine has
 * for it while it is young, and udp_mem and tcp_mem of what came from elsewhere.
 */
/** Beyond its memory a host has no more than a little of each socket and pipe (base/kernel-memory.ts). */
const MOST_USED_BYTES = 2 * MEMORY;
const MOST_NODE_BYTES = 2 * MEMORY + 48 * MEGABYTE;
/** What the call that fails may have asked for: 20,000 variables of an environment. */
const LARGEST_BYTES = 3 * MEGABYTE;
const NEVER = 3_000_000;

const codeOf = (error: unknown): string => {
  const { code } = error as SystemError;
  if (code === undefined) throw error;
  return code;
};

/** Calls until one fails: the error's name, and how many succeeded. */
async function untilRefused(call: (i: number) => Promise<unknown>): Promise<{ code: string; count: number }> {
  for (let count = 0; count < NEVER; count++) {
    try {
      await call(count);
    } catch (error) {
      return { code: codeOf(error), count };
    }
  }
  return { code: 'none', count: NEVER };
}

/** Fills something; what ends it has to be one of `ends`. */
async function fill(write: () => Promise<unknown>, ends: readonly string[]): Promise<void> {
  const { code } = await untilRefused(write);
  ok(ends.includes(code), `filling ended with ${code}`);
}

const page = new Uint8Array(65_536);
const FULL = ['EAGAIN', 'ENOBUFS', 'ENOMEM'];

/** A call that waits has begun, or was refused. */
const begun = (call: Promise<unknown>): Promise<unknown> => Promise.race([call, new Promise(setImmediate)]);

/** Makes what makes another one each time it is called. */
type Maker = (process: Process, host: Host) => Promise<(i: number) => Promise<unknown>>;

/** What, the errors that may end it, and how to go on. Of two errors it depends on where memory ends. */
const CASES: readonly (readonly [what: string, codes: readonly string[], make: Maker])[] = [
  ['event counters', ['ENOMEM'], async (p) => () => p.eventfd(0, 0)],
  ['timers', ['ENOMEM'], async (p) => () => p.timerfd_create(1, 0)],
  ['signal descriptors', ['ENOMEM'], async (p) => () => p.signalfd(-1, [40], 0)],
  ['open files', ['ENOMEM'], async (p) => () => p.open('/dev/null', O.RDWR)],
  ['duplicates', ['ENOMEM', 'EMFILE'], async (p) => () => p.dup(0)],
  ['sockets of TCP', ['ENOBUFS'], async (p) => () => p.socket(AF.INET, SOCK.STREAM, 0)],
  ['sockets of UDP', ['ENOBUFS'], async (p) => () => p.socket(AF.INET6, SOCK.DGRAM, 0)],
  ['raw sockets', ['ENOBUFS'], async (p) => () => p.socket(AF.INET, SOCK.RAW, 200)],
  ['packet sockets', ['ENOBUFS'], async (p) => () => p.socket(AF.PACKET, SOCK.RAW, 0)],
  ['netlink sockets', ['ENOMEM'], async (p) => () => p.socket(AF.NETLINK, SOCK.RAW, 0)],
  ['AF_UNIX sockets', ['ENOMEM'], async (p) => () => p.socket(AF.UNIX, SOCK.DGRAM, 0)],
  ['epolls that watch', ['ENOMEM'], async (p) => async () => {
    const epfd = await p.epoll_create1(0);
    for (let i = 0; i < 3; i++) await p.epoll_ctl(epfd, EPOLL_CTL.ADD, await p.eventfd(1, 0), 1, i);
  }],
  ['full pipes', ['ENFILE'], async (p) => async () => {
    const [, writing] = await p.pipe(O.NONBLOCK);
    await fill(() => p.write(writing, page), FULL);
  }],
  ['pipes with a byte each', ['ENFILE'], async (p) => async () => {
    const [, writing] = await p.pipe(O.NONBLOCK);
    await p.write(writing, Uint8Array.of(1));
  }],
  ['pipes of a megabyte', ['ENFILE', 'ENOMEM'], async (p) => async () => {
    const [, writing] = await p.pipe(O.NONBLOCK);
    await p.fcntl(writing, F.SETPIPE_SZ, 16 * MEGABYTE);
    await fill(() => p.write(writing, page), FULL);
  }],
  ['full pairs of AF_UNIX streams', ['ENOMEM'], async (p) => async () => {
    const [one, other] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
    for (const fd of [one, other]) await fill(() => p.send(fd, page, Msg.DONTWAIT), FULL);
  }],
  ['pairs of AF_UNIX with single bytes', ['ENOMEM'], async (p) => async () => {
    const [one] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
    await fill(() => p.send(one, Uint8Array.of(1), Msg.DONTWAIT), FULL);
  }],
  ['pairs of AF_UNIX, and then a little in each', ['ENOMEM'], async (p) => {
    const ones: number[] = [];
    return async () => {
      try {
        ones.push((await p.socketpair(AF.UNIX, SOCK.STREAM, 0))[0]);
      } catch (error) {
        for (const one of ones) for (const n of [2048, 1]) await p.send(one, page.subarray(0, n), Msg.DONTWAIT).catch((e: unknown) => equal(codeOf(e), 'ENOBUFS'));
        throw error;
      }
    };
  }],
  ['AF_UNIX datagrams in large buffers', ['ENOMEM'], async (p) => async () => {
    const [one] = await p.socketpair(AF.UNIX, SOCK.DGRAM, 0);
    await p.setsockopt(one, SOL.SOCKET, SO.SNDBUFFORCE, Uint8Array.of(0, 0, 0, 16));
    await fill(() => p.send(one, page, Msg.DONTWAIT), FULL);
  }],
  ['descriptors in flight', ['ENOMEM'], async (p) => async () => {
    const [one] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
    const control = rightsMessage(...new Array<number>(250).fill(0));
    await fill(() => p.sendmsg(one, { iov: [Uint8Array.of(1)], control }, Msg.DONTWAIT), [...FULL, 'ETOOMANYREFS']);
  }],
  ['connections of AF_UNIX that nobody accepts', ['ENOMEM'], async (p) => {
    return async (i) => {
      const listener = await p.socket(AF.UNIX, SOCK.STREAM, 0);
      await p.bind(listener, sockaddrUn(`\0${i}`));
      await p.listen(listener, 1000);
      for (let n = 0; n < 1000; n++) await p.connect(await p.socket(AF.UNIX, SOCK.STREAM, 0), sockaddrUn(`\0${i}`));
    };
  }],
  ['TCP connections, both ends full', ['ENOBUFS', 'ENFILE'], async (p) => {
    const listener = await p.socket(AF.INET, SOCK.STREAM, 0);
    await p.bind(listener, sockaddrIn('127.0.0.1', 80));
    await p.listen(listener, 5);
    return async () => {
      const client = await p.socket(AF.INET, SOCK.STREAM, 0);
      await p.connect(client, sockaddrIn('127.0.0.1', 80));
      const { fd } = await p.accept(listener);
      for (const end of [client, fd]) await fill(() => p.send(end, page, Msg.DONTWAIT), ['EAGAIN']);
    };
  }],
  ['TCP connections that nobody accepts', ['ENOBUFS'], async (p) => {
    return async (i) => {
      const listener = await p.socket(AF.INET, SOCK.STREAM, 0);
      await p.bind(listener, sockaddrIn(`127.0.1.${i}`, 80));
      await p.listen(listener, 1000);
      for (let n = 0; n < 1000; n++) {
        const client = await p.socket(AF.INET, SOCK.STREAM | SOCK.NONBLOCK, 0);
        await p.connect(client, sockaddrIn(`127.0.1.${i}`, 80)).catch((error: unknown) => equal(codeOf(error), 'EINPROGRESS'));
      }
    };
  }],
  ['UDP sockets, full', ['ENOBUFS'], async (p) => {
    const from = await p.socket(AF.INET, SOCK.DGRAM, 0);
    return async () => {
      const fd = await p.socket(AF.INET, SOCK.DGRAM, 0);
      await p.bind(fd, sockaddrIn('127.0.0.1', 0)).catch((error: unknown) => equal(codeOf(error), 'EADDRINUSE'));
      const name = await p.getsockname(fd);
      for (let i = 0; i < 300; i++) {
        await p.sendto(from, page.subarray(0, 10), 0, name).catch((error: unknown) => ok(['ENOBUFS', 'EINVAL'].includes(codeOf(error)), codeOf(error)));
      }
    };
  }],
  ['packet sockets that see everything', ['ENOBUFS'], async (p) => {
    const from = await p.socket(AF.INET, SOCK.DGRAM, 0);
    let sockets = 0;
    return async () => {
      await p.socket(AF.PACKET, SOCK.RAW, 0x0300);
      if (++sockets > 200) return p.socket(AF.PACKET, SOCK.RAW, 0);
      for (let i = 0; i < 50; i++) await p.sendto(from, page.subarray(0, 1000), 0, sockaddrIn('127.0.0.1', 9)).catch(codeOf);
      return 0;
    };
  }],
  ['System V messages', ['ENOMEM'], async (p) => async () => {
    const id = await p.msgget(IPC.PRIVATE, IPC.CREAT | 0o600);
    for (let i = 0; i < 2; i++) await p.msgsnd(id, 1, page.subarray(0, 8192), IPC.NOWAIT);
  }],
  ['shared memory', ['ENOMEM'], async (p) => () => p.shmget(IPC.PRIVATE, MEGABYTE, IPC.CREAT | 0o600)],
  ['bytes of files', ['ENOMEM'], async (p) => async (i) => {
    const fd = await p.open(`/tmp/${i}`, O.RDWR | O.CREAT, 0o600);
    for (let n = 0; n < 10; n++) await p.write(fd, page);
    await p.close(fd);
  }],
  ['POSIX queues, their limit raised', ['ENOMEM', 'ENOSPC'], async (p) => {
    await p.setrlimit(Resource.MSGQUEUE, { soft: Infinity, hard: Infinity });
    return async (i) => p.close(await p.mq_open(`/q${i}`, O.RDWR | O.CREAT, 0o600, { maxMessages: 60_000, messageSize: 8 }));
  }],
  ['signals that are blocked, their limit raised', ['EAGAIN'], async (p) => {
    await p.setrlimit(Resource.SIGPENDING, { soft: Infinity, hard: Infinity });
    await p.sigprocmask(MaskHow.BLOCK, [40]);
    const pid = await p.getpid();
    return (i) => p.sigqueue(pid, 40, i);
  }],
  ['calls that wait', ['ENOMEM'], async (p) => {
    const [reading] = await p.pipe();
    return () => begun(p.read(reading, page.subarray(0, 1)));
  }],
  ['polls of long lists that wait', ['ENOMEM'], async (p) => {
    const [reading] = await p.pipe();
    const list = Array.from({ length: 1000 }, () => ({ fd: reading, events: 1, revents: 0 }));
    return () => begun(p.poll(list, -1));
  }],
  ['texts of /proc', ['ENOMEM'], async (p) => {
    for (let i = 0; i < 2000; i++) await p.socket(AF.UNIX, SOCK.DGRAM, 0);
    return async () => p.read(await p.open('/proc/net/unix', O.RDONLY), page.subarray(0, 1));
  }],
  ['lists of names', ['ENOMEM'], async (p) => {
    await p.mkdir('/tmp/many', 0o700);
    for (let i = 0; i < 2000; i++) await p.close(await p.open(`/tmp/many/${i}`, O.RDWR | O.CREAT, 0o600));
    return async () => p.getdents(await p.open('/tmp/many', O.RDONLY));
  }],
  ['dumps that nobody reads', ['ENOMEM'], async (p, host) => {
    const { network } = host;
    for (let i = 0; i < 4000; i++) equal(network.addRoute(IpAddress.fromV4(0x30000000 + i * 256), 24, { device: network.loopback }), 0);
    // struct nlmsghdr, RTM_GETROUTE with NLM_F_REQUEST and NLM_F_DUMP, and struct rtmsg.
    const question = Uint8Array.of(28, 0, 0, 0, 26, 0, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, AF.INET, ...new Array<number>(11).fill(0));
    return async () => p.send(await p.socket(AF.NETLINK, SOCK.RAW, 0), question, 0);
  }],
  ['filters', ['ENOMEM', 'ENOBUFS'], async (p) => {
    const filter = filterBytes(Array.from({ length: 4096 }, () => ({ code: 6, jt: 0, jf: 0, k: 0 })));
    return async () => p.setsockopt(await p.socket(AF.PACKET, SOCK.RAW, 0), SOL.SOCKET, SO.ATTACH_FILTER, filter);
  }],
  ['memberships', ['ENOBUFS'], async (p) => {
    const fd = await p.socket(AF.PACKET, SOCK.RAW, 0);
    // struct packet_mreq of lo, PACKET_MR_MULTICAST.
    return (i) => p.setsockopt(fd, SOL.PACKET, PACKET.ADD_MEMBERSHIP, Uint8Array.of(1, 0, 0, 0, 0, 0, 6, 0, 3, 0, 0, i >> 16, (i >> 8) & 255, i & 255, 0, 0));
  }],
  ['processes of the machine', ['ENOMEM'], async (_p, host) => async () => new Process(host, 'another')],
  ['processes with the same descriptors', ['ENOMEM'], async (p, host) => {
    await p.fcntl(0, F.DUPFD, 60_000);
    return async () => new Process(host, 'another', { inherit: p });
  }],
  ['children', ['ENOMEM'], async (p) => () => p.spawn(() => new Promise(() => {}))],
  ['children with large tables', ['ENOMEM'], async (p) => {
    await p.fcntl(0, F.DUPFD, 60_000);
    return () => p.spawn(() => new Promise(() => {}));
  }],
  ['children with an environment', ['ENOMEM'], async (p) => {
    const env = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, `v${i}`]));
    return () => p.spawn(() => new Promise(() => {}), [], { env });
  }],
  ['children that fill pipes, sockets and connections', ['ENOMEM'], async (p) => () => p.spawn(async (child) => {
    await untilRefused(async () => {
      const [, writing] = await child.pipe(O.NONBLOCK);
      await fill(() => child.write(writing, page), FULL);
      const [one] = await child.socketpair(AF.UNIX, SOCK.SEQPACKET, 0);
      await fill(() => child.send(one, page, Msg.DONTWAIT), FULL);
      await child.timerfd_create(1, 0);
    });
    return new Promise(() => {});
  })],
];

interface Pair {
  readonly process: Process;
  readonly from: number;
  readonly to: number;
}

/** A process that has a connection, datagrams, a pair and a pipe before anybody else has taken the memory. */
async function ordinary(host: Host, port = 8080): Promise<{ process: Process; pairs: Pair[] }> {
  const process = new Process(host, 'ordinary');
  const listener = await process.socket(AF.INET, SOCK.STREAM, 0);
  await process.bind(listener, sockaddrIn('127.0.0.1', port));
  await process.listen(listener, 5);
  const client = await process.socket(AF.INET, SOCK.STREAM, 0);
  await process.connect(client, sockaddrIn('127.0.0.1', port));
  const { fd } = await process.accept(listener);
  const [reading, writing] = await process.pipe();
  const [one, other] = await process.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const datagrams = await process.socket(AF.INET, SOCK.DGRAM, 0);
  await process.bind(datagrams, sockaddrIn('127.0.0.1', port));
  const sender = await process.socket(AF.INET, SOCK.DGRAM, 0);
  await process.connect(sender, sockaddrIn('127.0.0.1', port));
  return { process, pairs: [[client, fd], [writing, reading], [one, other], [sender, datagrams]].map(([from, to]) => ({ process, from: from as number, to: to as number })) };
}

/** It goes on: what is written by a thousand bytes is read, as often as one likes. */
async function goesOn({ process, from, to }: Pair): Promise<void> {
  const room = new Uint8Array(2000);
  for (let i = 1; i <= 20; i++) {
    const sent = new Uint8Array(1000).fill(i);
    equal(await process.write(from, sent), 1000);
    for (let got = 0; got < 1000; ) got += await process.read(to, room.subarray(got, 1000));
    deepEqual(room.subarray(0, 1000), sent);
  }
}

function nodeBytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

for (const [what, codes, make] of CASES) {
  test(`a host's memory ends: ${what}: ${codes.join(' or ')}`, { timeout: 600_000 }, async (t) => {
    await simulate({ seed, eventLimit: 500_000_000 }, async (world) => {
      const host = world.host('a', { memoryBytes: MEMORY });
      const another = world.host('b');
      world.cable(host, another);
      const { memory } = host.kernel;
      const before = nodeBytes();
      const atFirst = memory.usedBytes;
      const files = host.kernel.fileTable.count;
      const quiet = await ordinary(host);
      const elsewhere = await ordinary(another);
      const greedy = new Process(host, 'greedy');
      await greedy.sigaction(Signal.SIGPIPE, { handler: SIG_IGN });
      equal((await greedy.getrlimit(Resource.NOFILE)).hard, MOST_DESCRIPTORS);
      await greedy.setrlimit(Resource.NOFILE, { soft: MOST_DESCRIPTORS, hard: MOST_DESCRIPTORS });
      const { code, count } = await untilRefused(await make(greedy, host));
      await world.sleep(1e6);
      t.diagnostic(`${code} after ${count}; ${(memory.usedBytes / MEGABYTE).toFixed(1)} MiB of ${MEMORY / MEGABYTE}; ` +
        `Node has ${((nodeBytes() - before) / MEGABYTE).toFixed(1)} MiB more`);
      ok(codes.includes(code), `${code} after ${count}`);
      ok(memory.usedBytes <= MOST_USED_BYTES, `${memory.usedBytes} bytes`);
      if (code !== 'EMFILE') ok(memory.usedBytes > MEMORY - LARGEST_BYTES, `only ${memory.usedBytes} bytes`);
      ok(nodeBytes() - before <= MOST_NODE_BYTES, 'Node');
      for (const pair of [...quiet.pairs, ...elsewhere.pairs]) await goesOn(pair);
      (await ordinary(another, 8081)).process.exit();
      await (TIDY[what] ?? (() => {}))(quiet.process, count);
      for (const machine of [host, another]) for (const process of machine.kernel.processes()) process.end(0);
      await world.sleep(3600e6);
      deepEqual(world.leftovers(), []);
      if (!KEPT.has(what)) deepEqual([memory.usedBytes, host.kernel.fileTable.count], [atFirst, files], 'given back');
    });
  });
}

/** What outlives every process, and can go: by one that runs already. */
const TIDY: Readonly<Record<string, (process: Process, count: number) => Promise<void> | void>> = {
  'lists of names': async (p) => {
    for (let i = 0; i < 2000; i++) await p.unlink(`/tmp/many/${i}`);
    await p.rmdir('/tmp/many');
  },
  'bytes of files': async (p, count) => {
    for (let i = 0; i <= count; i++) await p.unlink(`/tmp/${i}`).catch(codeOf);
  },
  'dumps that nobody reads': ({ host: { network } }) => {
    for (let i = 0; i < 4000; i++) equal(network.deleteRoute(IpAddress.fromV4(0x30000000 + i * 256), 24, {}), 0);
  },
};
/** What outlives every process, and stays. */
const KEPT: ReadonlySet<string> = new Set(['System V messages', 'shared memory', 'POSIX queues, their limit raised']);

test('host.run of a host without memory for a process: ENOMEM, and then it runs again', async () => {
  await simulate({ seed }, async (world) => {
    const host = world.host('a', { memoryBytes: 4 * MEGABYTE });
    await untilRefused(async () => new Process(host, 'another'));
    await rejects(host.run(() => 1), { code: 'ENOMEM', syscall: 'spawn' });
    for (const process of host.kernel.processes()) process.end(0);
    equal(await host.run(() => 1), 1);
  });
});
