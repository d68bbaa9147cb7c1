/**
 * Limits of a host that can be set: fs.file-max (alloc_empty_file), fs.pipe-user-pages-* (pipe(7); the soft one is compared with
 * Linux by the oracle's `pipes-of-a-user`), net.ipv4.udp_mem and tcp_mem (__sk_mem_raise_allocated). On Linux these are the
 * machine's, so that a test cannot set them there without harm to others.
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import type { SystemError } from '../../src/api/posix/syscalls.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { Resource } from '../../src/kernel/resource-limits.ts';
import { AF, F, O, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';
import { Msg } from '../../src/transport/endpoint.ts';
import { seed } from '../results.ts';

async function contents(process: Process, path: string): Promise<string> {
  const fd = await process.open(path, O.RDONLY);
  const room = new Uint8Array(4096);
  const n = await process.read(fd, room);
  await process.close(fd);
  return new TextDecoder().decode(room.subarray(0, n));
}

async function codeAfter(call: () => Promise<unknown>, most: number): Promise<[code: string, count: number]> {
  for (let count = 0; count < most; count++) {
    try {
      await call();
    } catch (error) {
      return [(error as SystemError).code, count];
    }
  }
  return ['none', most];
}

test('fs.file-max: ENFILE for whoever is not root, and file-nr counts', async () => {
  await simulate({ seed }, async (world) => {
    const host = world.host('a', { memoryBytes: 64 << 20 });
    const root = new Process(host, 'root');
    // The least is NR_FILE, whatever the memory.
    equal(await contents(root, '/proc/sys/fs/file-max'), '8192\n');
    host.sysctl('fs.file-max', 100);
    const user = new Process(host, 'user');
    await user.setresuid(1000, 1000, 1000);
    const calls: [string, () => Promise<unknown>][] = [
      ['eventfd', () => user.eventfd(0, 0)], ['socket', () => user.socket(AF.UNIX, SOCK.STREAM, 0)], ['pipe', () => user.pipe()],
      ['socketpair', () => user.socketpair(AF.UNIX, SOCK.DGRAM, 0)], ['open', () => user.open('/nowhere', O.RDONLY)],
    ];
    const open = host.kernel.fileTable.count;
    deepEqual(await codeAfter(() => user.eventfd(0, 0), 1000), ['ENFILE', 100 - open]);
    for (const [what, call] of calls) await rejects(call, { code: 'ENFILE' }, what);
    await user.dup(0);
    await root.eventfd(0, 0);
    const [there, free, most] = (await contents(root, '/proc/sys/fs/file-nr')).trim().split('\t').map(Number);
    // Those of the user, root's that no limit holds for, and the one that is read.
    deepEqual([there, free, most], [102, 0, 100]);
    // A connection that waits is not lost for want of a description (do_accept).
    const listener = await root.socket(AF.INET, SOCK.STREAM, 0);
    await root.bind(listener, sockaddrIn('127.0.0.1', 80));
    await root.listen(listener, 5);
    const client = await root.socket(AF.INET, SOCK.STREAM, 0);
    await root.connect(client, sockaddrIn('127.0.0.1', 80));
    await root.spawn(async (child) => {
      await child.setresuid(1000, 1000, 1000);
      await rejects(child.accept(listener), { code: 'ENFILE' });
      host.sysctl('fs.file-max', 1000);
      ok((await child.accept(listener)).fd >= 0);
      return 0;
    });
    equal((await root.waitpid(-1)).status, 0);
    await rejects(() => user.open('/proc/sys/fs/file-max', O.WRONLY), { code: 'EACCES' });
  });
});

test('fs.pipe-user-pages-hard: ENFILE, EPERM; a user\'s limit is not root\'s', async () => {
  await simulate({ seed }, async (world) => {
    const host = world.host('a');
    host.sysctl('fs.pipe-user-pages-hard', 64);
    const user = new Process(host, 'user');
    await user.setresuid(1000, 1000, 1000);
    const pipes: number[] = [];
    for (let i = 0; i < 4; i++) pipes.push(...await user.pipe());
    await rejects(user.pipe(), { code: 'ENFILE' });
    await rejects(user.fcntl(pipes[0] as number, F.SETPIPE_SZ, 131_072), { code: 'EPERM' });
    equal(await user.fcntl(pipes[0] as number, F.SETPIPE_SZ, 4096), 4096);
    await rejects(user.pipe(), { code: 'ENFILE' });
    for (const fd of pipes.slice(6)) await user.close(fd);
    await user.pipe();
    await new Process(host, 'root').pipe();
  });
});

test('net.ipv4.udp_mem: what all sockets hold is bounded, UdpMemErrors counts, and each keeps udp_rmem_min', async () => {
  await simulate({ seed }, async (world) => {
    const host = world.host('a');
    host.sysctl('net.ipv4.udp_mem', '100 100 200');
    const p = new Process(host, 'p');
    const from = await p.socket(AF.INET, SOCK.DGRAM, 0);
    const sockets: number[] = [];
    for (let port = 1000; port < 1020; port++) {
      const fd = await p.socket(AF.INET, SOCK.DGRAM, 0);
      await p.bind(fd, sockaddrIn('127.0.0.1', port));
      for (let i = 0; i < 200; i++) await p.sendto(from, new Uint8Array(1000), 0, sockaddrIn('127.0.0.1', port));
      sockets.push(fd);
    }
    const { usedBytes } = host.stack.context.datagramMemory;
    // Each is charged 2,304 bytes. The first socket takes what its buffer holds (212,992 bytes), the second until there are more than a
    // hundred pages; each of the others has two, since with one it is below udp_rmem_min (4,096).
    const [first, second, others] = [92, 86, 18 * 2];
    equal(usedBytes, (first + second + others) * 2304);
    equal(host.nstat().UdpMemErrors, 19 * 200 - second - others);
    equal(host.nstat().UdpRcvbufErrors, 200 - first);
    // The last one has its least all the same.
    equal(await p.recv(sockets.at(-1) as number, new Uint8Array(2000), Msg.DONTWAIT), 1000);
    ok((await contents(p, '/proc/net/sockstat')).includes(`\nUDP: inuse 21 mem ${Math.ceil((usedBytes - 2304) / 4096)}\n`));
    for (const fd of sockets) await p.close(fd);
    equal(host.stack.context.datagramMemory.usedBytes, 0);
  });
});

test('net.ipv4.tcp_mem: connections together stay below the third limit, go on, and all data arrives', async () => {
  await simulate({ seed, eventLimit: 100_000_000 }, async (world) => {
    const a = world.host('a');
    const b = world.host('b');
    world.cable(a, b, { delayUs: 1000 });
    const PAGES = 500;
    for (const host of [a, b]) host.sysctl('net.ipv4.tcp_mem', `${PAGES / 4} ${PAGES / 2} ${PAGES}`);
    const server = new Process(b, 'server');
    const client = new Process(a, 'client');
    const address = sockaddrIn('10.0.1.2', 80);
    const listener = await server.socket(AF.INET, SOCK.STREAM, 0);
    await server.bind(listener, address);
    await server.listen(listener, 100);
    const ends: [number, number][] = [];
    for (let i = 0; i < 50; i++) {
      const fd = await client.socket(AF.INET, SOCK.STREAM, 0);
      await client.connect(fd, address);
      ends.push([fd, (await server.accept(listener)).fd]);
    }
    const LENGTH = 300_000;
    const sent = new Uint8Array(LENGTH).map((_, i) => i * 7);
    const sends = ends.map(([fd]) => client.send(fd, sent, 0));
    await world.sleep(20e6);
    for (const host of [a, b]) {
      const { usedBytes } = host.stack.context.tcpMemory;
      // Beyond it there is what each connection has always: a buffer of its least, or one segment.
      ok(usedBytes <= PAGES * 4096 + 50 * 65_536, `${usedBytes} bytes`);
    }
    ok((b.nstat().TcpExtTCPMemoryPressures as number) > 0);
    await Promise.all(ends.map(async ([, fd]) => {
      const got = new Uint8Array(LENGTH);
      for (let n = 0; n < LENGTH; ) n += await server.recv(fd, got.subarray(n), 0);
      ok(got.every((byte, i) => byte === sent[i]));
    }));
    equal((await Promise.all(sends)).reduce((sum, n) => sum + n, 0), 50 * LENGTH);
    await world.sleep(1e6);
    client.exit();
    server.exit();
    await world.sleep(300e6);
    for (const host of [a, b]) equal(host.stack.context.tcpMemory.usedBytes, 0);
  });
});

test('POSIX queues: how many there may be, how long and how large, for a user and for whoever has CAP_SYS_RESOURCE', async () => {
  await simulate({ seed }, async (world) => {
    const host = world.host('a');
    const [root, user] = [new Process(host, 'root'), new Process(host, 'user')];
    for (const process of [root, user]) await process.setrlimit(Resource.MSGQUEUE, { soft: Infinity, hard: Infinity });
    await user.setresuid(1000, 1000, 1000);
    let made = 0;
    const make = async (process: Process, maxMessages: number, messageSize: number): Promise<void> => {
      await process.close(await process.mq_open(`/q${made}`, O.RDWR | O.CREAT, 0o600, { maxMessages, messageSize }));
      made++;
    };
    // fs.mqueue.msg_max and msgsize_max, HARD_MSGMAX and HARD_MSGSIZEMAX (mq_overview(7)).
    await make(user, 10, 8192);
    for (const [length, size] of [[11, 8192], [10, 8193], [0, 1], [1, 0]] as const) await rejects(make(user, length, size), { code: 'EINVAL' });
    await make(root, 65_536, 1);
    await make(root, 1, 16_777_216);
    for (const [length, size] of [[65_537, 1], [1, 16_777_217]] as const) await rejects(make(root, length, size), { code: 'EINVAL' });
    // fs.mqueue.queues_max.
    const [code, count] = await codeAfter(() => make(user, 1, 1), 1000);
    equal(code, 'ENOSPC');
    equal(count, 256 - 3);
    await make(root, 1, 1);
    await user.mq_unlink('/q0');
    await rejects(make(user, 1, 1), { code: 'ENOSPC' });
    await root.mq_unlink('/q1');
    await make(user, 1, 1);
  });
});

test('NGROUPS_MAX: 65,536 supplementary groups, and EINVAL beyond', async () => {
  await simulate({ seed }, async (world) => {
    const p = new Process(world.host('a'), 'p');
    const groups = Array.from({ length: 65_537 }, (_, i) => i);
    await rejects(p.setgroups(groups), { code: 'EINVAL' });
    await p.setgroups(groups.slice(1));
    equal((await p.getgroups()).length, 65_536);
  });
});

test('memoryBytes: what a host has is what /proc/meminfo and its limits say', async () => {
  await simulate({ seed }, async (world) => {
    const p = new Process(world.host('a', { memoryBytes: 256 << 20 }), 'p');
    ok((await contents(p, '/proc/meminfo')).startsWith('MemTotal:         262144 kB\n'));
    equal(await contents(p, '/proc/sys/net/ipv4/tcp_mem'), '3072\t4096\t6144\n');
    equal(await contents(p, '/proc/sys/net/ipv4/udp_mem'), '6144\t8192\t12288\n');
    equal(await contents(p, '/proc/sys/fs/file-max'), '26214\n');
    for (const memoryBytes of [0, 1000, 2 ** 31, 1.5e7 + 0.5]) {
      try {
        world.host(`b${memoryBytes}`, { memoryBytes });
        ok(false, `${memoryBytes}`);
      } catch (error) {
        ok(error instanceof RangeError);
      }
    }
  });
});
