/**
 * The world of bad weather: TCP over a cable that loses, duplicates, reorders and corrupts, IPv4 and IPv6 at once, a MiB
 * each way at once. Each kind of fault strikes in each direction, and the host at that end has noticed it (`Notice`).
 *
 * Its hosts differ from the defaults in one thing: they ask 12 times for a neighbour, not 3 (mcast_solicit,
 * ucast_solicit). Three questions or their answers are all lost once in 500 resolutions in this weather, and then connect
 * fails with EHOSTUNREACH, on Linux too; what is tested here is TCP.
 *
 * Run by weather.test.ts, and by weather-hashes.ts under other Nodes.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Process } from '../../src/api/posix/process.ts';
import type { MibName } from '../../src/base/counters.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import type { Cable } from '../../src/link/cable.ts';
import type { Device } from '../../src/link/device.ts';
import type { Wire } from '../../src/link/wire.ts';
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

/** Where a host refuses a frame with a wrong bit; each such frame counts in one of these. */
const REFUSALS: readonly MibName[] = [
  'LinkInTruncated', 'LinkInUnknownProtocol', 'ArpInMalformed',
  'IpInHdrErrors', 'IpInAddrErrors', 'IpInUnknownProtos', 'IpInMartians', 'IpExtInTruncatedPkts',
  'Ip6InHdrErrors', 'Ip6InAddrErrors', 'Ip6InTruncatedPkts', 'Ip6InUnknownProtos', 'TcpInCsumErrors', 'Icmp6InCsumErrors',
];

/** What a host noticed of the faults on the way to it, from its own counters. */
export interface Notice {
  /** Frames with a wrong bit that were refused, of which those that TCP's checksum gave away. */
  refused: number;
  tcpChecksums: number;
  /** Data that came twice, told to the sender (D-SACK): duplicates, and what was sent again in vain. */
  cameTwice: number;
  /** Segments that had to wait for earlier ones, and how often the sender saw that they had only been overtaken. */
  waited: number;
  overtaken: number;
}

function noticeOf({ stack }: Host): Notice {
  const sum = (...names: readonly MibName[]): number => names.reduce((total, name) => total + stack.counters.get(name), 0);
  return {
    refused: sum(...REFUSALS),
    tcpChecksums: sum('TcpInCsumErrors'),
    cameTwice: sum('TcpExtTCPDSACKOldSent', 'TcpExtTCPDSACKOfoSent'),
    waited: sum('TcpExtTCPOFOQueue'),
    overtaken: sum('TcpExtTCPSACKReorder', 'TcpExtTCPTSReorder'),
  };
}

export function addNotices(a: Notice, b: Notice): Notice {
  return {
    refused: a.refused + b.refused,
    tcpChecksums: a.tcpChecksums + b.tcpChecksums,
    cameTwice: a.cameTwice + b.cameTwice,
    waited: a.waited + b.waited,
    overtaken: a.overtaken + b.overtaken,
  };
}

/** Compares what a host noticed with what its card and the wire to it counted. */
function checkNotice(host: Host, card: Device, { statistics: wire }: Wire): Notice {
  const notice = noticeOf(host);
  const { refused, cameTwice, waited, overtaken } = notice;
  const words = `${host.name}: ${JSON.stringify(notice)}, on the wire ${JSON.stringify(wire)}`;
  equal(card.statistics.rxPackets, wire.offered - wire.lost + wire.duplicated, `every frame arrives but those that were lost; ${words}`);
  // A wrong bit goes unseen in the source's MAC, in IPv6's hop limit and flow label and in ARP, which have no checksum. In
  // the destination's MAC it makes a frame somebody else's, but so does whoever believed an ARP reply with a wrong bit.
  ok(refused <= wire.corrupted, `no sound frame is refused; ${words}`);
  const atMost = Math.max(2, wire.corrupted / 2);
  ok(refused + host.stack.counters.get('LinkInOtherHost') >= wire.corrupted - atMost, `wrong bits are noticed; ${words}`);
  // Half of the frames or more carry no data; what happens to them leaves no trace in TCP.
  ok(cameTwice >= wire.duplicated / 5, `duplicates are noticed; ${words}`);
  ok(waited >= wire.overtaken / 4, `what overtook waits; ${words}`);
  ok(overtaken > 0, `the sender notices that nothing was lost; ${words}`);
  return notice;
}

export interface Outcome {
  capture: WorldCapture;
  seconds: number;
  frames: number;
  faults: number;
  corrupted: number;
  /** Of both hosts together. */
  notice: Notice;
}

/** `keep` hears of the capture at once, so that a run that fails still has it. */
async function weatherWorld(world: World, keep: (capture: WorldCapture) => void): Promise<Outcome> {
  const client = world.host('client');
  const server = world.host('server');
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
  const there = checkNotice(server, cable.b, aToB);
  const here = checkNotice(client, cable.a, bToA);
  const sum = (pick: (s: typeof aToB.statistics) => number): number => pick(aToB.statistics) + pick(bToA.statistics);
  return {
    capture,
    seconds,
    frames: sum((s) => s.offered),
    faults: sum((s) => s.lost + s.duplicated + s.corrupted + s.heldBack),
    corrupted: sum((s) => s.corrupted),
    notice: addNotices(there, here),
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
