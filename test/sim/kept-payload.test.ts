/**
 * DESIGN section 3: a small payload that would pin a whole chunk for long is copied.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { slabStatistics } from '../../src/base/slab.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Cable } from '../../src/link/cable.ts';
import type { World } from '../../src/sim/world.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';

interface Bed {
  world: World;
  cable: Cable;
  server: Process;
  client: Process;
  /** Connects; both descriptors. */
  stream(): Promise<{ ours: number; theirs: number }>;
}

function run(body: (bed: Bed) => Promise<void>): Promise<void> {
  return simulate({ seed: 1 }, async (world) => {
    const [a, b] = [world.host('a'), world.host('b')];
    const cable = world.cable(a, b, { delayUs: 100 });
    const [client, server] = [new Process(a, 'client'), new Process(b, 'server')];
    const listener = await server.socket(AF.INET, SOCK.STREAM, 0);
    await server.bind(listener, sockaddrIn('0.0.0.0', 80));
    await server.listen(listener, 8);
    const stream = async (): Promise<{ ours: number; theirs: number }> => {
      const ours = await client.socket(AF.INET, SOCK.STREAM, 0);
      await client.connect(ours, sockaddrIn('10.0.1.2', 80));
      return { ours, theirs: (await server.accept(listener)).fd };
    };
    await body({ world, cable, server, client, stream });
  });
}

/** Reads whatever comes, for ever. */
async function drain(process: Process, fd: number): Promise<void> {
  const buffer = new Uint8Array(65536);
  while ((await process.recv(fd, buffer, 0)) > 0);
}

/** Chunks that payload holds, without the ones that hosts write into next. */
const chunks = (): number => slabStatistics.chunksInUse;

test('256 unread datagrams of one byte, each with 64 KiB for somebody else behind it, hold two chunks at most', () => run(async (bed) => {
  const { world, server, client } = bed;
  const [unread, read] = [await server.socket(AF.INET, SOCK.DGRAM, 0), await server.socket(AF.INET, SOCK.DGRAM, 0)];
  await server.bind(unread, sockaddrIn('0.0.0.0', 5000));
  await server.bind(read, sockaddrIn('0.0.0.0', 5001));
  const from = await client.socket(AF.INET, SOCK.DGRAM, 0);
  void drain(server, read);
  const before = chunks();
  for (let i = 0; i < 256; i++) {
    await client.sendto(from, Uint8Array.of(i), 0, sockaddrIn('10.0.1.2', 5000));
    await client.sendto(from, new Uint8Array(65_000), 0, sockaddrIn('10.0.1.2', 5001));
    await world.sleep(1000);
  }
  ok(chunks() - before <= 2 + 1, `${chunks() - before} chunks, the client's own among them`);
  for (let i = 0; i < 256; i++) {
    const buffer = new Uint8Array(2);
    equal(await server.recv(unread, buffer, 0x40), 1);
    equal(buffer[0], i);
  }
}));

test('200 unread segments of one byte beside a bulk stream hold two chunks at most', () => run(async (bed) => {
  const { world, server, client } = bed;
  const [slow, bulk] = [await bed.stream(), await bed.stream()];
  void drain(server, bulk.theirs);
  const before = chunks();
  for (let i = 0; i < 200; i++) {
    await client.send(slow.ours, Uint8Array.of(i), 0);
    await client.send(bulk.ours, new Uint8Array(65536), 0);
    await world.sleep(1000);
  }
  await world.sleep(1e6);
  ok(chunks() - before <= 2 + 1, `${chunks() - before} chunks, the client's own among them`);
  const buffer = new Uint8Array(300);
  equal(await server.recv(slow.theirs, buffer, 0), 200);
  deepEqual(buffer.subarray(0, 200), Uint8Array.from({ length: 200 }, (_, i) => i));
}));

test('the same behind a lost segment: what waits out of order is small too', () => run(async (bed) => {
  const { world, cable, server, client } = bed;
  const [slow, bulk] = [await bed.stream(), await bed.stream()];
  void drain(server, bulk.theirs);
  await client.setsockopt(slow.ours, 6, 1, Uint8Array.of(1, 0, 0, 0));
  const before = chunks();
  cable.set({ aToB: { loss: 1 } });
  await client.send(slow.ours, Uint8Array.of(0), 0);
  cable.set({ aToB: { loss: 0 }, bToA: { loss: 1 } });
  // Nothing comes back, so the window of the slow stream's beginning is all there is.
  for (let i = 1; i < 9; i++) {
    await client.send(slow.ours, Uint8Array.of(i), 0);
    await client.send(bulk.ours, new Uint8Array(65536), 0x40).catch(() => 0);
    await world.sleep(100);
  }
  const held = [...server.host.stack.tcp.endpoints()].find((t) => t.ofo !== null)?.ofo?.first;
  ok(held !== undefined && held !== null);
  let last = held;
  for (let node: typeof last | null = held; node !== null; node = node.next) {
    equal(node.packet?.ranges?.chunk, server.host.stack.context.keeper.chunk);
    last = node;
  }
  equal((last.end - held.seq) | 0, 8);
  ok(chunks() > before);
  cable.set({ bToA: { loss: 0 } });
  await world.sleep(10e6);
  const buffer = new Uint8Array(20);
  equal(await server.recv(slow.theirs, buffer, 0), 9);
  deepEqual(buffer.subarray(0, 9), Uint8Array.from({ length: 9 }, (_, i) => i));
}));
