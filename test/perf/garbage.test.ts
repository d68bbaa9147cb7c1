/**
 * STYLE rule 14: heap growth per segment on the steady path, below the promise face, over 10^6 segments.
 *
 * The growth is measured while no collection runs (the test asserts that), so nothing that was allocated can hide. What
 * may be allocated is in EXCEPTIONS, with reasons; the limits below say what each scenario may cost beyond them.
 */
import assert from 'node:assert/strict';
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { Process } from '../../src/api/posix/process.ts';
import { IpAddress } from '../../src/base/inet-address.ts';
import { Loop } from '../../src/base/loop.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Host } from '../../src/host.ts';
import { Cable } from '../../src/link/cable.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';
import { ReceiveResult } from '../../src/transport/endpoint.ts';
import { SteppedEnvironment } from './stepped-environment.ts';

/** What the path may allocate, with reasons. At most three. */
const EXCEPTIONS = {
  'one view per copy of more than 64 bytes that is not a whole array': 'V8 has no ranged TypedArray copy; subarray costs about 100 bytes',
  'one double each time the loop looks at a real clock (every 32 events and once a turn)': 'Environment.now() returns a number that V8 boxes: 16 bytes',
} as const;
const VIEW_BYTES = 128;
const LOOK_BYTES = 16;

const SEGMENTS = Number(process.env['SOCKSCAPE_SEGMENTS'] ?? 1_000_000);
/** The heap is measured in spans, a collection between them and none inside. */
const SPANS = 50;

interface Bed {
  environment: SteppedEnvironment;
  loop: Loop;
  cable: Cable;
  client: Process;
  server: Process;
  clientFd: number;
  serverFd: number;
}

async function bed(offload: boolean): Promise<Bed> {
  const environment = new SteppedEnvironment();
  const loop = new Loop(environment);
  const left = new Host({ name: 'left', loop, random: new SeededRandom(1) });
  const right = new Host({ name: 'right', loop, random: new SeededRandom(2) });
  const cable = new Cable(loop, new SeededRandom(3), { offload });
  left.attach(cable.a);
  right.attach(cable.b);
  left.addAddress(cable.a, IpAddress.from('192.0.2.1'), 24);
  right.addAddress(cable.b, IpAddress.from('192.0.2.2'), 24);
  const client = new Process(left, 'client');
  const server = new Process(right, 'server');
  const listener = await server.socket(AF.INET, SOCK.STREAM, 0);
  const address = sockaddrIn('192.0.2.2', 7);
  await server.bind(listener, address);
  await server.listen(listener, 8);
  const clientFd = await client.socket(AF.INET, SOCK.STREAM, 0);
  const accepting = server.accept(listener);
  const connecting = client.connect(clientFd, address);
  environment.runTurns(50);
  await connecting;
  const { fd: serverFd } = await accepting;
  return { environment, loop, cable, client, server, clientFd, serverFd };
}

/** Heap growth in bytes while `work` runs; fails when a collection ran, since it would hide garbage. */
async function growth(work: () => void): Promise<number> {
  let collections = 0;
  let start = Infinity;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().filter((entry) => entry.startTime >= start).length;
  });
  observer.observe({ entryTypes: ['gc'] });
  (globalThis as { gc?: () => void }).gc?.();
  await new Promise((resolve) => setTimeout(resolve, 10));
  start = performance.now();
  const before = process.memoryUsage().heapUsed;
  work();
  const after = process.memoryUsage().heapUsed;
  await new Promise((resolve) => setTimeout(resolve, 10));
  observer.disconnect();
  assert.equal(collections, 0, 'a collection ran while the heap was measured');
  return after - before;
}

/**
 * Goes on warming up until V8 has compiled what it wants to: code counts as heap, and on a busy machine it comes late.
 * `span` returns its bytes a segment. What is measured afterwards is measured whole.
 */
async function settled(span: () => Promise<number>): Promise<void> {
  for (let quiet = 0, spans = 0; quiet < 5 && spans < 100; spans++) quiet = (await span()) < 1 ? quiet + 1 : 0;
}

setFlagsFromString('--semi-space-growth-factor=16');
setFlagsFromString('--min-semi-space-size=256');
setFlagsFromString('--max-semi-space-size=256');

function pump(b: Bed, block: Uint8Array, into: Uint8Array, result: ReceiveResult, until: number): number {
  const { client, server, environment } = b;
  const wire = b.cable.a.statistics;
  let views = 0;
  while (wire.rxPackets < until) {
    for (;;) {
      const n = server.core.trySend(b.serverFd, block, 0, block.length, 0);
      if (n < 0) break;
      if (n !== block.length) views++;
    }
    for (;;) {
      const n = client.core.tryReceive(b.clientFd, into, 0, into.length, 0, result);
      if (n < 0) break;
      if (n !== into.length) views += 2;
    }
    environment.step(20);
  }
  return views;
}

for (const [name, offload] of [['64 KiB segments', true], ['MTU 1500', false]] as const) {
  test(`bulk, ${name}: below 1 byte of heap a segment beyond the listed exceptions`, async () => {
    const b = await bed(offload);
    const block = new Uint8Array(65536);
    const into = new Uint8Array(65536);
    const result = new ReceiveResult();
    const wire = b.cable.a.statistics;
    pump(b, block, into, result, wire.rxPackets + 300_000);
    await settled(async () => {
      const looks = b.environment.looks;
      let views = 0;
      const grown = await growth(() => {
        views = pump(b, block, into, result, wire.rxPackets + SEGMENTS / SPANS);
      });
      return (grown - views * VIEW_BYTES - (b.environment.looks - looks) * LOOK_BYTES) / (SEGMENTS / SPANS);
    });
    const from = wire.rxPackets;
    let views = 0;
    let bytes = 0;
    const looksBefore = b.environment.looks;
    for (let span = 0; span < SPANS; span++) {
      bytes += await growth(() => {
        views += pump(b, block, into, result, wire.rxPackets + SEGMENTS / SPANS);
      });
    }
    const segments = wire.rxPackets - from;
    const looks = b.environment.looks - looksBefore;
    const perSegment = (bytes - views * VIEW_BYTES - looks * LOOK_BYTES) / segments;
    console.log(`bulk ${name}: ${segments} segments, ${(bytes / segments).toFixed(3)} bytes each, ${views} views`);
    assert.ok(perSegment < 1, `${perSegment.toFixed(3)} bytes a segment beyond ${Object.keys(EXCEPTIONS).join(', ')}`);
    b.loop.stop();
  });
}

test('ping-pong of 64 bytes: below 1 byte of heap a segment', async () => {
  const b = await bed(true);
  const { client, server, environment } = b;
  const message = new Uint8Array(64);
  const into = new Uint8Array(64);
  const result = new ReceiveResult();
  const wire = b.cable.a.statistics;
  const run = (trips: number): void => {
    for (let i = 0; i < trips; i++) {
      if (client.core.trySend(b.clientFd, message, 0, 64, 0) !== 64) throw new Error('ping not sent');
      if (server.core.tryReceive(b.serverFd, into, 0, 64, 0, result) !== 64) throw new Error('ping not there');
      if (server.core.trySend(b.serverFd, message, 0, 64, 0) !== 64) throw new Error('pong not sent');
      if (client.core.tryReceive(b.clientFd, into, 0, 64, 0, result) !== 64) throw new Error('pong not there');
      if ((i & 15) === 0) environment.step(20);
    }
  };
  run(400_000);
  await settled(async () => {
    const looks = environment.looks;
    const grown = await growth(() => run(SEGMENTS / 2 / SPANS));
    return (grown - (environment.looks - looks) * LOOK_BYTES) / (SEGMENTS / SPANS);
  });
  const from = wire.rxPackets + wire.txPackets;
  let bytes = 0;
  const looksBefore = environment.looks;
  for (let span = 0; span < SPANS; span++) bytes += await growth(() => run(SEGMENTS / 2 / SPANS));
  const segments = wire.rxPackets + wire.txPackets - from;
  console.log(`ping-pong: ${segments} segments, ${(bytes / segments).toFixed(3)} bytes each`);
  const perSegment = (bytes - (environment.looks - looksBefore) * LOOK_BYTES) / segments;
  assert.ok(perSegment < 1, `${perSegment.toFixed(3)} bytes a segment`);
  b.loop.stop();
});

test('forwarding: below 1 byte of heap a packet that a router sends on', async () => {
  const environment = new SteppedEnvironment();
  const loop = new Loop(environment);
  const names = ['left', 'router', 'right'];
  const [left, router, right] = names.map((name, i) => new Host({ name, loop, random: new SeededRandom(i) })) as [Host, Host, Host];
  const cables = [1, 2].map((n) => new Cable(loop, new SeededRandom(n), { offload: false })) as [Cable, Cable];
  const ip = (text: string): IpAddress => IpAddress.from(text);
  for (const [host, device, address] of [
    [left, cables[0].a, '192.0.2.1'], [router, cables[0].b, '192.0.2.2'], [router, cables[1].a, '198.51.100.2'],
    [right, cables[1].b, '198.51.100.1'],
  ] as const) {
    host.attach(device);
    host.addAddress(device, ip(address), 24);
  }
  router.sysctl('net.ipv4.ip_forward', 1);
  left.addRoute('default', { via: '192.0.2.2' });
  right.addRoute('default', { via: '198.51.100.2' });
  const [sender, receiver] = [new Process(left, 'sender'), new Process(right, 'receiver')];
  const from = await sender.socket(AF.INET, SOCK.DGRAM, 0);
  const to = await receiver.socket(AF.INET, SOCK.DGRAM, 0);
  await receiver.bind(to, sockaddrIn('198.51.100.1', 7));
  await sender.connect(from, sockaddrIn('198.51.100.1', 7));
  const message = new Uint8Array(64);
  const into = new Uint8Array(64);
  const result = new ReceiveResult();
  const run = (packets: number): void => {
    for (let i = 0; i < packets; i++) {
      if (sender.core.trySend(from, message, 0, 64, 0) !== 64) throw new Error('not sent');
      if (receiver.core.tryReceive(to, into, 0, 64, 0, result) !== 64) throw new Error('not there');
      if ((i & 63) === 0) environment.step(20);
    }
  };
  // The first packet waits for two answers of ARP.
  sender.core.trySend(from, message, 0, 64, 0);
  environment.step(20);
  environment.runTurns(50);
  while (receiver.core.tryReceive(to, into, 0, 64, 0, result) > 0);
  run(200_000);
  const perPacket = async (packets: number): Promise<number> => {
    const { looks } = environment;
    const grown = await growth(() => run(packets));
    return (grown - (environment.looks - looks) * LOOK_BYTES) / packets;
  };
  await settled(() => perPacket(SEGMENTS / SPANS));
  let sum = 0;
  for (let span = 0; span < SPANS; span++) sum += await perPacket(SEGMENTS / SPANS);
  console.log(`forwarding: ${SEGMENTS} packets, ${(sum / SPANS).toFixed(3)} bytes each`);
  assert.ok(sum / SPANS < 1, `${(sum / SPANS).toFixed(3)} bytes a packet`);
  loop.stop();
});
