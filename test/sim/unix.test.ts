/** AF_UNIX inside a world: users, limits, ends of processes and machines, and what must not take quadratic time. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { below, SeededRandom } from '../../src/base/random.ts';
import { slabStatistics } from '../../src/base/slab.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import type { World } from '../../src/sim/world.ts';
import { AF, SO, SOCK, SOL } from '../../src/socket/constants.ts';
import { controlData, credentialsMessage, receivedDescriptors, rightsMessage } from '../../src/socket/control.ts';
import { sockaddrUn } from '../../src/socket/sockaddr.ts';
import { Msg } from '../../src/transport/endpoint.ts';
import { seed } from '../results.ts';
import { cpuMs } from '../tools/cpu-time.ts';

const X = Uint8Array.of(0x78);
const ignore = (): void => {};

function inWorld(body: (world: World, process: (name?: string) => Process) => Promise<void>): Promise<void> {
  return simulate({ seed }, async (world) => {
    const host = world.host('a');
    await body(world, (name = 'p') => new Process(host, name));
  });
}

/** No capabilities, and another user's ids. */
function becomeUser(process: Process, uid: number): void {
  Object.assign(process.core.credentials, {
    uid, euid: uid, suid: uid, fsuid: uid, gid: uid, egid: uid, sgid: uid, fsgid: uid, effective: 0,
  });
}

test('unix(7): connecting and sending need write permission to the path, unlinking ownership', () => inWorld(async (_world, process) => {
  const root = process();
  const user = process();
  becomeUser(user, 1000);
  const server = await root.socket(AF.UNIX, SOCK.DGRAM, 0);
  await root.bind(server, sockaddrUn('/tmp/log'));
  const fd = await user.socket(AF.UNIX, SOCK.DGRAM, 0);
  await rejects(user.connect(fd, sockaddrUn('/tmp/log')), { code: 'EACCES' });
  await rejects(user.sendto(fd, X, 0, sockaddrUn('/tmp/log')), { code: 'EACCES' });
  await rejects(user.unlink('/tmp/log'), { code: 'EPERM' });
  const own = await user.socket(AF.UNIX, SOCK.DGRAM, 0);
  await user.bind(own, sockaddrUn('/tmp/own'));
  await user.connect(fd, sockaddrUn('/tmp/own'));
  await root.sendto(server, X, 0, sockaddrUn('/tmp/own'));
  await user.unlink('/tmp/own');
}));

test('scm_check_creds: who has no privileges says what he is', () => inWorld(async (_world, process) => {
  const user = process();
  becomeUser(user, 1000);
  const [a] = await user.socketpair(AF.UNIX, SOCK.DGRAM, 0);
  const say = (pid: number, uid: number, gid: number): Promise<number> => (
    user.sendmsg(a, { iov: [X], control: credentialsMessage(pid, uid, gid) }, 0)
  );
  equal(await say(user.pid, 1000, 1000), 1);
  await rejects(say(process().pid, 1000, 1000), { code: 'EPERM' });
  await rejects(say(user.pid, 0, 1000), { code: 'EPERM' });
  await rejects(say(user.pid, 1000, 0), { code: 'EPERM' });
}));

test('too_many_unix_fds: a user has no more in flight than a process may open', () => inWorld(async (_world, process) => {
  const user = process();
  becomeUser(user, 1000);
  user.core.descriptors.max = 16;
  const [a, b] = await user.socketpair(AF.UNIX, SOCK.DGRAM, 0);
  const send = (): Promise<number> => user.sendmsg(a, { iov: [X], control: rightsMessage(0, 1) }, 0);
  for (let i = 0; i < 9; i++) await send();
  await rejects(send(), { code: 'ETOOMANYREFS' });
  // Other messages may go, and one that is received makes room.
  await user.send(a, X, 0);
  await user.recv(b, new Uint8Array(1), 0);
  await send();
  await rejects(send(), { code: 'ETOOMANYREFS' });
}));

test('nothing is left of a process that ends while it sends, receives, connects and accepts', () => inWorld(async (world, process) => {
  const p = process();
  const server = process();
  const listener = await server.socket(AF.UNIX, SOCK.STREAM, 0);
  await server.bind(listener, sockaddrUn('/tmp/busy'));
  await server.listen(listener, 0);
  const [a, b] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const [c, d] = await p.socketpair(AF.UNIX, SOCK.SEQPACKET, 0);
  const waits: Promise<unknown>[] = [
    p.write(a, new Uint8Array(1e6)),
    p.sendmsg(b, { iov: [new Uint8Array(1e6)], control: rightsMessage(a, b, c) }, 0),
    p.recvmsg(d, [X], 0, 0, 64), server.accept(listener),
  ];
  await p.connect(await p.socket(AF.UNIX, SOCK.STREAM, 0), sockaddrUn('/tmp/busy'));
  await p.connect(await p.socket(AF.UNIX, SOCK.STREAM, 0), sockaddrUn('/tmp/busy'));
  waits.push(p.connect(await p.socket(AF.UNIX, SOCK.STREAM, 0), sockaddrUn('/tmp/busy')));
  for (const wait of waits) wait.catch(ignore);
  await world.sleep(1000);
  p.exit();
  server.exit();
  await Promise.allSettled(waits);
  deepEqual(world.leftovers(), []);
}));

test('a machine without power keeps nothing of its sockets', async () => {
  const before = [slabStatistics.chunksInUse, slabStatistics.rangesInUse];
  await inWorld(async (_world, process) => {
    const p = process();
    const [a, b] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
    await p.sendmsg(a, { iov: [new Uint8Array(100000)], control: rightsMessage(a, b) }, 0);
    await p.send(b, X, Msg.OOB);
  });
  deepEqual([slabStatistics.chunksInUse, slabStatistics.rangesInUse], before);
});

test('a chain of 20,000 sockets, each in the queue of the next, ends with the last descriptor, and on no deep stack', () => (
  inWorld(async (world, process) => {
    const p = process();
    let [outer, inner] = await p.socketpair(AF.UNIX, SOCK.DGRAM, 0);
    for (let i = 0; i < 20_000; i++) {
      const [a, b] = await p.socketpair(AF.UNIX, SOCK.DGRAM, 0);
      await p.sendmsg(a, { iov: [X], control: rightsMessage(outer, inner) }, 0);
      await p.close(outer);
      await p.close(inner);
      [outer, inner] = [a, b];
    }
    equal(world.hosts[0]?.kernel.unix.socketCount, 40_002);
    await p.close(outer);
    await p.close(inner);
    equal(world.hosts[0]?.kernel.unix.socketCount, 0);
    p.exit();
    deepEqual(world.leftovers(), []);
  })
));

test('sockets sent one by one and closed: each close looks at one queue, not at all in flight', () => inWorld(async (_world, process) => {
  const p = process();
  const many = async (count: number): Promise<number> => {
    const [a, b] = await p.socketpair(AF.UNIX, SOCK.DGRAM, 0);
    await p.setsockopt(a, SOL.SOCKET, SO.SNDBUF, Uint8Array.of(0, 0, 0x40, 0));
    const start = cpuMs();
    for (let i = 0; i < count; i++) {
      const [c, d] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
      await p.sendmsg(a, { iov: [X], control: rightsMessage(c) }, 0);
      await p.close(c);
      await p.close(d);
    }
    const took = cpuMs() - start;
    await p.close(a);
    await p.close(b);
    return took;
  };
  await many(1000);
  const [few, more] = [await many(1000), await many(8000)];
  // Eight times as many take eight times as long; 64 times would be quadratic.
  ok(more < few * 32 + 200, `1,000 in ${few} ms, 8,000 in ${more} ms`);
}));

test('a full listener: every accept lets one of those who wait connect, in their order', () => inWorld(async (world, process) => {
  const p = process();
  const listener = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  await p.bind(listener, sockaddrUn('\0l'));
  await p.listen(listener, 0);
  const order: number[] = [];
  const connecting: Promise<void>[] = [];
  for (let i = 0; i < 200; i++) {
    const fd = await p.socket(AF.UNIX, SOCK.STREAM, 0);
    connecting.push(p.connect(fd, sockaddrUn('\0l')).then(() => {
      order.push(i);
    }));
  }
  await world.sleep(10);
  deepEqual(order, [0]);
  for (let i = 0; i < 200; i++) {
    await p.accept(listener);
    await world.sleep(10);
    equal(order.length, Math.min(i + 2, 200));
  }
  await Promise.all(connecting);
  deepEqual(order, order.map((_each, i) => i));
}));

test('a stream carries what was written, however it is cut', () => inWorld(async (world, process) => {
  const p = process();
  const random = new SeededRandom(`unix/${seed}`);
  const [a, b] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const all = new Uint8Array(3_000_000).map((_zero, i) => (i * 31 + (i >> 8)) & 0xff);
  const length = (): number => 1 + (below(random, 3) === 0 ? below(random, 100_000) : below(random, 300));
  const writing = (async () => {
    for (let at = 0; at < all.length;) at += await p.write(a, all.subarray(at, at + length()));
    await p.close(a);
  })();
  let got = 0;
  for (;;) {
    const into = new Uint8Array(length());
    const peeked = below(random, 4) === 0 ? await p.recv(b, into.slice(), Msg.PEEK) : 0;
    const n = await p.recv(b, into, below(random, 3) === 0 ? Msg.WAITALL : 0);
    ok(n >= peeked, `${n} after a look at ${peeked}`);
    if (n === 0) break;
    ok(n === into.length || n > 0);
    deepEqual(into.subarray(0, n), all.subarray(got, got + n));
    got += n;
  }
  equal(got, all.length);
  await writing;
  p.exit();
  deepEqual(world.leftovers(), []);
}));

test('descriptors that came with urgent data go with it when nobody takes them', () => inWorld(async (world, process) => {
  const p = process();
  const [a, b] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const { flights } = (world.hosts[0] as Host).kernel.unix;
  const urgent = (): Promise<number> => p.sendmsg(a, { iov: [X], control: rightsMessage(a) }, Msg.OOB);
  await urgent();
  await p.recv(b, new Uint8Array(1), Msg.OOB);
  await urgent();
  await p.recv(b, new Uint8Array(1), Msg.OOB);
  equal(flights.total, 1);
  await urgent();
  await p.write(a, X);
  equal(await p.read(b, new Uint8Array(9)), 1);
  equal(flights.total, 0);
}));

test('all senders that wait for a receiver hear of its end', () => inWorld(async (world, process) => {
  const p = process();
  const receiver = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
  await p.bind(receiver, sockaddrUn('\0r'));
  const filler = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
  for (let i = 0; i < 11; i++) await p.sendto(filler, X, 0, sockaddrUn('\0r'));
  const outcomes: Promise<string>[] = [];
  for (let i = 0; i < 30; i++) {
    const fd = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
    const sink = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
    await p.bind(sink, sockaddrUn(`\0sink${i}`));
    // Not writable by its own buffer, so that it passes no wake on.
    await p.setsockopt(fd, SOL.SOCKET, SO.SNDBUF, Uint8Array.of(0, 0, 0, 0));
    for (let n = 0; n < 2; n++) await p.sendto(fd, X, 0, sockaddrUn(`\0sink${i}`));
    const sending = p.sendto(fd, X, 0, sockaddrUn('\0r'));
    outcomes.push(sending.then(() => 'sent', (error: Error & { code: string }) => error.code));
  }
  await world.sleep(10);
  await p.close(receiver);
  deepEqual(new Set(await Promise.all(outcomes)), new Set(['ECONNREFUSED']));
}));

test('control data of any bytes is taken or refused with an errno, and nothing of it stays', () => inWorld(async (world, process) => {
  const p = process();
  const random = new SeededRandom(`control/${seed}`);
  const [a, b] = await p.socketpair(AF.UNIX, SOCK.DGRAM, 0);
  let taken = 0;
  for (let i = 0; i < 3000; i++) {
    const control = controlData(rightsMessage(0, 1, 2), credentialsMessage(p.pid, 0, 0), rightsMessage(0)).slice(0, below(random, 90));
    for (let n = below(random, 4); n > 0 && control.length > 0; n--) control[below(random, control.length)] = below(random, 256);
    const failure = await p.sendmsg(a, { iov: [X], control }, 0).then(() => null, (error: Error & { code: string }) => error.code);
    if (failure === null) {
      taken++;
      const message = await p.recvmsg(b, [new Uint8Array(1)], 0, 0, below(random, 64));
      for (const fd of receivedDescriptors(message.control)) await p.close(fd);
    } else ok(['EINVAL', 'EBADF', 'EPERM', 'ESRCH'].includes(failure), failure);
  }
  ok(taken > 300, `${taken} were taken`);
  p.exit();
  deepEqual(world.leftovers(), []);
}));

test('a description that comes back to who sent it is one more descriptor of the same', () => inWorld(async (_world, process) => {
  const p = process();
  const [a, b] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  await p.sendmsg(a, { iov: [X], control: rightsMessage(b) }, 0);
  const { control } = await p.recvmsg(b, [new Uint8Array(1)], 0, 0, 24);
  const [again] = receivedDescriptors(control) as [number];
  await p.close(b);
  await p.write(a, X);
  equal(await p.read(again, new Uint8Array(4)), 1);
}));
