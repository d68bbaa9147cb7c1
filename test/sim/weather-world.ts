/**
 * The world of bad weather: TCP over a cable that loses, duplicates, reorders and corrupts, IPv4 and IPv6 at once, a MiB
 * each way at once.
 *
 * Run by weather.test.ts, and by weather-hashes.ts under other Nodes.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Process } from '../../src/api/posix/process.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import type { Cable } from '../../src/link/cable.ts';
import type { LinkConditions } from '../../src/link/wire-conditions.ts';
import type { WorldCapture } from '../../src/sim/capture.ts';
import type { World } from '../../src/sim/world.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn, sockaddrIn6 } from '../../src/socket/sockaddr.ts';
import { root } from '../results.ts';

const MIB = 1 << 20;
const PORT = 9502;

const WEATHER: LinkConditions = {
  delayUs: 10_000,
  loss: 0.05,
  duplicate: 0.01,
  reorder: { probability: 0.05, extraUs: 50_000 },
  corrupt: 0.005,
};

/** Rounds of both families after which a fault that has not struck is taken for one that never does. */
const MAX_ROUNDS = 4;

const FAMILIES = [
  { name: 'IPv4', family: AF.INET, any: () => sockaddrIn('0.0.0.0', PORT), server: () => sockaddrIn('10.0.1.2', PORT) },
  { name: 'IPv6', family: AF.INET6, any: () => sockaddrIn6('::', PORT), server: () => sockaddrIn6('fd00:1::2', PORT) },
] as const;
type Family = (typeof FAMILIES)[number];

/** A stream of bytes that follows from a label. */
class Pattern {
  private readonly random: SeededRandom;

  constructor(label: string) {
    this.random = new SeededRandom(label);
  }

  next(length: number): Uint8Array {
    const words = new Int32Array(length / 4);
    for (let i = 0; i < words.length; i++) words[i] = this.random.int32();
    return new Uint8Array(words.buffer);
  }
}

/** Writes a MiB and its end, in calls of many sizes. */
async function speak(process: Process, fd: number, label: string): Promise<void> {
  const bytes = new Pattern(label).next(MIB);
  const sizes = new SeededRandom(`sizes of ${label}`);
  for (let at = 0; at < MIB; ) {
    const length = Math.min(MIB - at, 1 + ((sizes.int32() >>> 0) % 65536));
    at += await process.write(fd, bytes.subarray(at, at + length));
  }
  await process.shutdown(fd, 1);
}

/** Reads until the end and compares each byte. */
async function hear(process: Process, fd: number, label: string): Promise<void> {
  const expected = new Pattern(label).next(MIB);
  const buffer = new Uint8Array(50_000);
  let at = 0;
  for (;;) {
    const count = await process.read(fd, buffer);
    if (count === 0) break;
    ok(at + count <= MIB, `${label}: more bytes than were sent`);
    equal(Buffer.compare(buffer.subarray(0, count), expected.subarray(at, at + count)), 0, `${label}: wrong bytes near ${at}`);
    at += count;
  }
  equal(at, MIB, `${label}: every byte arrives`);
}

async function converse(process: Process, fd: number, says: string, hears: string): Promise<void> {
  await Promise.all([speak(process, fd, says), hear(process, fd, hears)]);
  await process.close(fd);
}

/** One connection, a MiB each way at once. */
async function exchange(client: Host, server: Host, family: Family, label: string): Promise<void> {
  const here = new Process(client, `${family.name} client`);
  const there = new Process(server, `${family.name} server`);
  const listener = await there.socket(family.family, SOCK.STREAM, 0);
  if (family.family === AF.INET6) await there.setsockopt(listener, 41, 26, Uint8Array.of(1, 0, 0, 0));
  await there.setsockopt(listener, 1, 2, Uint8Array.of(1, 0, 0, 0));
  await there.bind(listener, family.any());
  await there.listen(listener, 5);
  const up = `${label} ${family.name} up`;
  const down = `${label} ${family.name} down`;
  await Promise.all([
    (async () => {
      const { fd } = await there.accept(listener);
      await there.close(listener);
      await converse(there, fd, down, up);
    })(),
    (async () => {
      const fd = await here.socket(family.family, SOCK.STREAM, 0);
      await here.connect(fd, family.server());
      await converse(here, fd, up, down);
    })(),
  ]);
  here.exit();
  there.exit();
}

/** The faults that have not struck yet, by direction. */
function calm(cable: Cable): string[] {
  return ([['a to b', cable.aToB], ['b to a', cable.bToA]] as const).flatMap(([direction, { statistics: s }]) =>
    (['lost', 'duplicated', 'corrupted', 'heldBack', 'overtaken'] as const).filter((fault) => s[fault] === 0).map((fault) => `${fault} ${direction}`),
  );
}

export interface Outcome {
  capture: WorldCapture;
  seconds: number;
  frames: number;
  faults: number;
}

/** `keep` hears of the capture at once, so that a run that fails still has it. */
async function weatherWorld(world: World, keep: (capture: WorldCapture) => void): Promise<Outcome> {
  const client = world.host('client');
  const server = world.host('server');
  // Three probes are lost in such weather once in 500 resolutions, and Linux then fails connect with EHOSTUNREACH, too.
  // This test is about TCP: its hosts ask more often, in the same weather.
  for (const host of [client, server]) {
    host.sysctl('net.ipv4.neigh.default.mcast_solicit', 12);
    host.sysctl('net.ipv4.neigh.default.ucast_solicit', 12);
  }
  const cable = world.cable(client, server, WEATHER);
  const capture = world.capture([cable.a, cable.b]);
  keep(capture);
  let round = 0;
  do {
    round++;
    await Promise.all(FAMILIES.map((family) => exchange(client, server, family, `seed ${world.seed} round ${round}`)));
  } while (calm(cable).length > 0 && round < MAX_ROUNDS);
  deepEqual(calm(cable), [], 'each fault struck in each direction');
  for (const host of [client, server]) {
    equal(host.network.interfaces().some(({ device }) => device.mtuBytes !== 1500 && !device.isLoopback), false);
  }
  const seconds = world.now / 1e6;
  await world.sleep(120e6);
  deepEqual(world.leftovers(), [], 'nothing is left after 120 seconds');
  const { aToB, bToA } = cable;
  const sum = (pick: (s: typeof aToB.statistics) => number): number => pick(aToB.statistics) + pick(bToA.statistics);
  return {
    capture,
    seconds,
    frames: sum((s) => s.offered),
    faults: sum((s) => s.lost + s.duplicated + s.corrupted + s.heldBack),
  };
}

/** One seed's world; one that fails is named and leaves its capture in build/. */
export async function runSeed(seed: number): Promise<Outcome> {
  let capture: WorldCapture | null = null;
  try {
    return await simulate({ seed }, (world) => weatherWorld(world, (kept) => {
      capture = kept;
    }));
  } catch (error) {
    const path = join(root, 'build', `weather-${seed}.pcapng`);
    mkdirSync(join(root, 'build'), { recursive: true });
    writeFileSync(path, (capture as WorldCapture | null)?.bytes() ?? new Uint8Array(0));
    if (error instanceof Error) error.message = `seed ${seed}, capture in ${path}: ${error.message}`;
    throw error;
  }
}
