/**
 * Mutated frames into a live host: connections in every TCP state, listeners, UDP sockets, reassembly, ARP and neighbour
 * discovery. No exception, every frame accounted for (ledger.ts), memory flat, and afterwards the connections that an
 * honest peer holds still carry data both ways.
 *
 * SOCKSCAPE_FRAMES says how many (npm test: a sample; the long tier: 1,000,000). A failure names the seed and leaves the
 * last frames in build/.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { getHeapCodeStatistics } from 'node:v8';
import { SeededRandom } from '../../src/base/random.ts';
import { CHUNK_SIZE, ChunkWriter, slabStatistics } from '../../src/base/slab.ts';
import { IpAddress } from '../../src/base/inet-address.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import { CaptureTee, type FrameSink } from '../../src/link/capture-tee.ts';
import type { Nic } from '../../src/link/nic.ts';
import { type Packet, packetStatistics, takePacket } from '../../src/link/packet.ts';
import type { World } from '../../src/sim/world.ts';
import { AF } from '../../src/socket/constants.ts';
import { sockaddrIn, sockaddrIn6 } from '../../src/socket/sockaddr.ts';
import type { DemuxNode } from '../../src/transport/tcp/demux.ts';
import { TcpEndpoint, stateName } from '../../src/transport/tcp/tcp.ts';
import { TimeWaitRecord } from '../../src/transport/tcp/time-wait.ts';
import { Draw } from '../tools/packet-bytes.ts';
import { recordResult, seed } from '../results.ts';
import { Attack } from './attack.ts';
import { frameCount, RecentFrames } from './failing-frames.ts';
import { type FrameLayout, layoutOf } from './frame-layout.ts';
import { type Flow, flowKey, Ghost, GHOST_V4, GHOST_V6, PLANS, type Plan, portOf, type VictimAddresses, Watch } from './ghost.ts';
import { Ledger } from './ledger.ts';
import { KEPT_PORT, Victim } from './victim.ts';

const FRAMES = frameCount(100_000, 1_000_000);
/** Frames between two looks at which connections are still there, and between two moments of time. */
const CENSUS = 200, BATCH = 20;
const ADDRESSES: VictimAddresses = {
  mac: [0x02, 0, 0, 0, 0, 2], v4: [10, 0, 1, 2], v6: [0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
};
/** States that an attack must reach. */
const STATES = [
  'LISTEN', 'SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT', 'LAST-ACK', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSING', 'TIME-WAIT', 'CLOSED',
];

/** The part of a packet that lies in its head varies, as it does from device to device; the rest is in ranges. */
function packetOf(frame: Uint8Array, draw: Draw, writer: ChunkWriter): Packet {
  const p = takePacket();
  const linear = frame.length <= 256 && draw.chance(0.5) ? frame.length : Math.min(frame.length, draw.int(0, 128));
  const at = p.put(linear);
  p.bytes.set(frame.subarray(0, linear), at);
  p.addBytes(frame, linear, frame.length - linear, writer);
  return p;
}

/** What a segment that is taken changes. */
function connectionState(t: TcpEndpoint): string {
  const { state, rcvNxt, sndUna, sndNxt, sndWnd, sndWl1, tsRecent, bits, receivedBytes } = t;
  return [state, rcvNxt, sndUna, sndNxt, sndWnd, sndWl1, tsRecent, bits, receivedBytes, t.ofo?.blocks, t.urgent?.seq].join(' ');
}

class Siege {
  readonly reached = new Map<string, number>();
  optionParser = 0;
  /** All frames that were injected, and those of them that the fuzzer damaged. */
  injected = 0;
  damaged = 0;
  private readonly world: World;
  private readonly host: Host;
  private readonly device: Nic;
  private readonly victim: Victim;
  private readonly draw: Draw;
  private readonly ghost = new Ghost(ADDRESSES);
  private readonly watch = new Watch(this.ghost);
  readonly attack: Attack;
  readonly ledger: Ledger;
  readonly recent = new RecentFrames();
  private readonly writer = new ChunkWriter();
  /** Addresses by their text, so that the census need not make them again. */
  private readonly addresses = new Map<string, IpAddress>();

  constructor(world: World, host: Host, device: Nic, victim: Victim) {
    this.world = world;
    this.host = host;
    this.device = device;
    this.victim = victim;
    this.draw = new Draw(new SeededRandom(`siege ${seed}`));
    this.attack = new Attack(this.draw, ADDRESSES);
    this.ledger = new Ledger(host.stack.counters);
    new CaptureTee(device, world.loop, this.sink((bytes) => this.watch.hostSent(bytes, bytes.length)), 'out');
  }

  private sink(take: (bytes: Uint8Array) => void): FrameSink {
    return { captured: (_device, _timeUs, bytes) => take(bytes) };
  }

  /** Collects what the host receives while `honest` goes on. */
  async learn(honest: () => Promise<void>): Promise<void> {
    const tee = new CaptureTee(this.device, this.world.loop, this.sink((bytes) => void this.attack.corpus.push(bytes)), 'in');
    await honest();
    tee.detach();
    this.watch.stopLearning();
    this.attack.setKept([...this.watch.flows.values()].filter((flow) => flow.localPort === KEPT_PORT || flow.remotePort === KEPT_PORT));
    equal(this.attack.kept.length, this.victim.kept.length);
  }

  /** Only frames that are `damaged` count among those that reached something. */
  private inject(frame: Uint8Array, damaged = false): void {
    this.recent.add(frame);
    const layout = layoutOf(frame);
    this.node = null;
    const state = layout.protocol === 6 && !layout.isFragment && layout.l4 > 0 ? this.stateFor(frame, layout) : null;
    const node = this.node as DemuxNode | null;
    const before = node instanceof TcpEndpoint ? connectionState(node) : '';
    this.ledger.open();
    this.device.arrived(packetOf(frame, this.draw, this.writer));
    const fate = this.ledger.close(damaged);
    this.injected++;
    if (damaged && (fate === 'TCP discard' || fate === 'TCP')) this.sayWhatHappened(fate, frame, layout, state, node, before);
  }

  private sayWhatHappened(fate: string, frame: Uint8Array, layout: FrameLayout, state: string | null, node: DemuxNode | null, before: string): void {
    // A segment with data or flags that was neither discarded nor left a trace would be a drop that nobody counted.
    const flags = frame[layout.l4 + 13];
    const isPureAck = (flags & 0x17) === 0x10 && layout.end - layout.l4 === (frame[layout.l4 + 12] >> 4) * 4;
    if (fate === 'TCP' && node instanceof TcpEndpoint && !isPureAck && !this.ledger.changedAnything() && connectionState(node) === before) {
      throw new Error(`a segment with flags ${flags} vanished in state ${state}`);
    }
    if (state !== null) {
      this.reached.set(state, (this.reached.get(state) ?? 0) + 1);
      if (frame[layout.l4 + 12] >> 4 > 5) this.optionParser++;
    }
  }

  /** The state of the connection that a segment is for. */
  private stateFor(frame: Uint8Array, { l3, l4, version }: FrameLayout): string | null {
    if (l4 + 4 > frame.length) return null;
    const at = version === 4 ? l3 + 12 : l3 + 8;
    const length = version === 4 ? 4 : 16;
    const remote = this.address(frame.subarray(at, at + length));
    const local = this.address(frame.subarray(at + length, at + 2 * length));
    const localPort = (frame[l4 + 2] << 8) | frame[l4 + 3];
    const { tcp } = this.host.stack;
    const node = this.node = tcp.connections.findTuple(local, localPort, remote, (frame[l4] << 8) | frame[l4 + 1]);
    if (node instanceof TcpEndpoint || node instanceof TimeWaitRecord) return stateName(node.state);
    if (node !== null) return 'SYN-RECEIVED';
    return this.listening.has(localPort) ? 'LISTEN' : 'CLOSED';
  }

  /** The connection that `stateFor` found. */
  private node: DemuxNode | null = null;
  private readonly listening = new Set<number>([KEPT_PORT, ...PLANS.filter((plan) => plan !== 'syn-sent').map(portOf)]);

  private address(bytes: Uint8Array): IpAddress {
    const key = bytes.join('.');
    let address = this.addresses.get(key);
    if (address === undefined) {
      // Attackers' addresses are many.
      if (this.addresses.size > 1000) this.addresses.clear();
      address = bytes.length === 4 ? IpAddress.from(key) : IpAddress.readV6(new DataView(Uint8Array.from(bytes).buffer), 0);
      this.addresses.set(key, address);
    }
    return address;
  }

  /** Which connections with the ghost live, by state; what a plan lacks is opened again. */
  private async census(): Promise<void> {
    const byState = new Map<string, Flow[]>();
    const alive = new Map<string, Flow>();
    const lacking = new Set<Plan>(PLANS);
    const count = new Map<string, number>();
    for (const node of this.host.stack.tcp.connections) {
      const remote = node.remoteAddress as IpAddress;
      const bytes = remote.isV4 ? [remote.d >>> 24, (remote.d >>> 16) & 255, (remote.d >>> 8) & 255, remote.d & 255] : GHOST_V6;
      if (remote.isV4 ? !GHOST_V4.every((byte, i) => bytes[i] === byte) : remote.d !== 0x50) continue;
      const key = flowKey(bytes, node.remotePort, node.localPort);
      const flow = this.ghost.flows.get(key);
      if (flow === undefined) continue;
      alive.set(key, flow);
      const state = node instanceof TcpEndpoint || node instanceof TimeWaitRecord ? stateName(node.state) : 'SYN-RECEIVED';
      byState.set(state, [...(byState.get(state) ?? []), flow]);
      count.set(state, (count.get(state) ?? 0) + 1);
    }
    this.ghost.flows.clear();
    for (const [key, flow] of alive) this.ghost.flows.set(key, flow);
    this.attack.targets = [...byState.values()];
    for (const plan of lacking) {
      if ((count.get(plan.toUpperCase()) ?? 0) >= 4) continue;
      for (const version of [4, 6]) {
        if (plan !== 'syn-sent') this.ghost.open(plan, version, this.draw.chance(0.5));
        else if (version === 4) await this.victim.connectToGhost(sockaddrIn(GHOST_V4.join('.'), portOf(plan)), AF.INET);
        else await this.victim.connectToGhost(sockaddrIn6('fd00:1::50', portOf(plan)), AF.INET6);
      }
    }
    await this.settle();
  }

  /** Lets the ghost and the host finish what they say to each other. */
  private async settle(): Promise<void> {
    for (let round = 0; round < 6; round++) {
      for (const frame of this.ghost.reactions.splice(0)) this.inject(frame);
      await this.world.sleep(1000);
    }
  }

  /** Injects `frames` mutated frames, and between them some that are not. */
  async lay(frames: number): Promise<void> {
    const until = this.damaged + frames;
    for (let i = 0; this.damaged < until; i++) {
      if (i % CENSUS === 0) await this.census();
      const frame = this.attack.frame((this.damaged & 1) === 0);
      if (this.attack.damaged) this.damaged++;
      this.inject(frame, this.attack.damaged);
      if (i % BATCH !== BATCH - 1) continue;
      for (const frame of this.ghost.reactions.splice(0)) this.inject(frame);
      await this.world.sleep(this.draw.chance(0.01) ? this.draw.int(0, 3_000_000) : this.draw.int(0, 4000));
    }
  }

  /** Ends every connection with the ghost and waits until all that an attack can leave behind has timed out. */
  async lift(): Promise<Memory> {
    await this.victim.letGo();
    this.ghost.flows.clear();
    this.ghost.reactions.length = 0;
    // Neither orphans in FIN-WAIT-1 nor reassembly nor neighbours live longer.
    await this.world.sleep(600_000_000);
    this.ghost.reactions.length = 0;
    this.writer.release();
    globalThis.gc?.();
    globalThis.gc?.();
    const { tcp } = this.host.stack;
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    const { code_and_metadata_size: machineCode, bytecode_and_metadata_size: bytecode } = getHeapCodeStatistics();
    return {
      heap: heapUsed - machineCode - bytecode,
      buffers: arrayBuffers - slabStatistics.chunks * CHUNK_SIZE,
      chunks: slabStatistics.chunksInUse,
      ranges: slabStatistics.rangesInUse,
      packets: packetStatistics.packetsInUse,
      connections: [...tcp.connections].map((node) => `${node.localPort} to ${node.remotePort}`).sort().join(' and '),
      timers: [...this.host.stack.context.timers.queue].filter((timer) => timer.constructor.name !== 'Neighbour').length,
      neighbours: [true, false].map((isV4) => [...this.host.network.neighbours()].filter(({ address }) => address.isV4 === isV4).length),
    };
  }
}

interface Memory {
  /** Bytes of JavaScript objects, without code: V8 goes on compiling for as long as the siege lasts. */
  readonly heap: number;
  /** Bytes of buffers, without the slabs that chunks are cut from: those stay when a busy moment has made them. */
  readonly buffers: number;
  readonly chunks: number;
  readonly ranges: number;
  readonly packets: number;
  /** Those that are left: the kept ones. */
  readonly connections: string;
  readonly timers: number;
  /** Of each family: gc_thresh3 is a table's, and they have one each. */
  readonly neighbours: readonly number[];
}

/** Share of frames that may go with a wrong checksum because a kept connection would have had to believe them. */
const MOST_SPARED = 0.05;
/**
 * What objects may grow by from the middle of a siege to its end: notes of V8 about the code it compiles, and neighbours
 * while their table fills. The smallest object that a frame could leave behind has 24 bytes, and 8 are needed to refer to
 * it; so one for every frame of a sample's second half (40,000), or for every twelfth of the long tier's (400,000), is
 * over the limit.
 */
const HEAP_MAY_GROW = 1_000_000;
/**
 * What buffers may grow by meanwhile: the last frames, which are kept here, and slabs of packet heads. A packet whose head
 * had to grow leaves its slab, which stays for the sake of the others; there are never more slabs than packets in the pool.
 */
const BUFFERS_MAY_GROW = 800_000;

async function besiege(world: World, t: TestContext, keep: (siege: Siege) => void): Promise<void> {
  const peer = world.host('peer');
  const host = world.host('victim');
  const cable = world.cable(peer, host, { delayUs: 200, offload: false });
  const victim = new Victim(world, host, peer);
  const siege = new Siege(world, host, cable.b, victim);
  keep(siege);
  await siege.learn(async () => {
    await world.sleep(3_000_000);
    await victim.open();
    await victim.visit();
    await victim.datagrams([0, 1, 100, 4000]);
    cable.set({ loss: 0.05, reorder: { probability: 0.05, extraUs: 5000 } });
    await victim.exchange(40_000, 'in bad weather');
    cable.set({ loss: 0, reorder: { probability: 0, extraUs: 0 } });
    await world.sleep(60_000_000);
  });
  const corpus = siege.attack.corpus.length;
  ok(corpus > 100, `${corpus} frames to learn from`);

  // Memory is looked at when everything has been compiled and filled once, and then twice more.
  const half = Math.floor(FRAMES * 0.4);
  await siege.lay(FRAMES - 2 * half);
  const before = await siege.lift();
  await victim.exchange(20_000, 'after the first assault');
  await siege.lay(half);
  const middle = await siege.lift();
  await siege.lay(half);
  const after = await siege.lift();

  const fates = Object.fromEntries([...siege.ledger.fates].sort());
  const reached = Object.fromEntries(STATES.map((state) => [state, siege.reached.get(state) ?? 0]));
  const { neighbourDiscovery, reassembly } = siege.ledger;
  const spared = siege.attack.spoiled;
  t.diagnostic(`${siege.damaged} mutated frames and ${siege.injected - siege.damaged} others, ${corpus} to learn from; their fates: ${words(fates)}`);
  t.diagnostic('what the mutated ones reached:');
  t.diagnostic(`TCP states: ${words(reached)}`);
  t.diagnostic(`option parser ${siege.optionParser}, reassembly ${reassembly}, neighbour discovery ${neighbourDiscovery}`);
  t.diagnostic(`spared: ${spared} frames that a kept connection would have had to believe`);
  const grown = { heap: after.heap - middle.heap, buffers: after.buffers - middle.buffers };
  const heapBytesPerFrame = Number((grown.heap / half).toFixed(2));
  const heaps = [before, middle, after].map(({ heap }) => heap).join(', ');
  t.diagnostic(`bytes of objects after the first fifth, in the middle and at the end: ${heaps}`);
  t.diagnostic(`in the second half objects grew by ${heapBytesPerFrame} bytes a frame, buffers by ${grown.buffers} bytes`);

  // The connections still carry data both ways, and new ones can be made.
  await victim.exchange(50_000, 'after the siege');
  await victim.visit();
  await victim.datagrams([100, 4000]);

  equal(siege.damaged, FRAMES);
  equal([...siege.ledger.fates.values()].reduce((sum, count) => sum + count, 0), siege.injected, 'every frame is accounted for');
  ok(spared <= siege.injected * MOST_SPARED, `${spared} of ${siege.injected} frames were spared`);
  equal(host.stack.counters.get('TcpInSegs') >= (fates.TCP ?? 0), true);
  for (const memory of [middle, after]) deepEqual(leftovers(memory), leftovers(before), 'nothing is left of the frames');
  equal(after.connections.split(' and ').length, victim.kept.length);
  ok(grown.heap < HEAP_MAY_GROW, `objects grew by ${grown.heap} bytes in the second half`);
  ok(grown.buffers <= BUFFERS_MAY_GROW, `buffers grew by ${grown.buffers} bytes in the second half`);
  for (const { neighbours } of [before, middle, after]) ok(Math.max(...neighbours) <= host.stack.settings.neighGcThresh3, `${neighbours} neighbours`);
  // In the long tier at least 1,000 each, in a sample its share.
  const least = Math.min(1000, FRAMES / 1000);
  for (const [state, count] of Object.entries(reached)) ok(count >= least, `${state} was reached by ${count} frames`);
  for (const [what, count] of Object.entries({ options: siege.optionParser, reassembly, neighbourDiscovery }))
    ok(count >= least, `${what} was reached by ${count} frames`);
  recordResult('fuzz-live-host', {
    mutated: siege.damaged, others: siege.injected - siege.damaged, spared, fates, reached,
    optionParser: siege.optionParser, reassembly, neighbourDiscovery, memory: { before, middle, after }, heapBytesPerFrame,
  });
}

/** What must be the same whenever all has timed out. */
function leftovers({ chunks, ranges, packets, connections, timers }: Memory): object {
  return { chunks, ranges, packets, connections, timers };
}

function words(counts: object): string {
  return Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', ');
}

test('mutated frames into a live host', { timeout: 7_200_000 }, async (t) => {
  let siege: Siege | null = null;
  try {
    await simulate({ seed: `siege ${seed}`, eventLimit: Infinity }, (world) => besiege(world, t, (made) => {
      siege = made;
    }));
  } catch (error) {
    const where = (siege as Siege | null)?.recent.save('live-host') ?? `seed ${seed}`;
    throw new Error(`${(error as Error).message}: ${where}`, { cause: error });
  }
});
