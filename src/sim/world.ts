/**
 * Worlds: hosts, cables and switches in virtual time, from one seed. One seed is one run, byte for byte.
 *
 *   await simulate({ seed: 7, turn }, async (world) => {
 *     const a = world.host('a'), b = world.host('b');
 *     world.cable(a, b, { delayUs: 10_000, loss: 0.01 });
 *     ...
 *   });
 *
 * Every host draws from a generator that is forked from the seed under its name, every cable from one under its number;
 * a switch leaves nothing to chance. So another host, or another cable behind the others, leaves their choices alone; a
 * cable between them shifts those of the cables (and the MAC and automatic addresses) behind it.
 *
 * Time moves when user code has nothing left to do (base/loop.ts).
 */
import { Process } from '../api/posix/process.ts';
import { Errno } from '../base/errno.ts';
import { type Cidr, formatV4Word } from '../base/inet-address.ts';
import { Loop } from '../base/loop.ts';
import { SeededRandom } from '../base/random.ts';
import { slabStatistics } from '../base/slab.ts';
import { errorOf, isKind } from '../base/thrown.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { Host, type HostOptions } from '../host.ts';
import { Cable, type CableOptions } from '../link/cable.ts';
import type { Device } from '../link/device.ts';
import { packetStatistics } from '../link/packet.ts';
import { Switch, type SwitchOptions } from '../link/switch.ts';
import { ss } from '../programs/ss.ts';
import { tcpdump } from '../programs/tcpdump/tcpdump.ts';
import { stateName } from '../transport/tcp/state.ts';
import {
  addressesOf, CABLE_OPTIONS, checkRun, checkDevices, checkEnd, checkHostName, CONDITIONS, HOST_OPTIONS, limit, onlyKnown, SIMULATE_OPTIONS,
} from './arguments.ts';
import { WorldCapture } from './capture.ts';
import { type Fault, Faults, groupWords, Partition, type RandomFaults, type TimelineEntry } from './faults.ts';
import { type ProgramWords, readWords, runOn, WorldTcpdump } from './host-programs.ts';
import { leftoversOf } from './leftovers.ts';
import { type NameOptions, WorldNames } from './names.ts';
import { WorldRoutes } from './routers.ts';
import type { WorldLog } from './world-log.ts';

/** Virtual time after which a world is taken for one that spins: ten years. */
const TIME_LIMIT_US = 10 * 365 * 86400 * 1e6;
/** Events between two turns of user code after which a world is taken for one that spins. */
const EVENT_LIMIT = 50_000_000;
/** Turns of user code in a row, without the clock moving on, after which a world is taken for one that spins. */
const TURN_LIMIT = 300_000;

/** Listens for the rejections of what runs in it, where the platform can tell whose they are; else for all. */
export interface RejectionWatch {
  run<T>(fn: () => T): T;
  /** `hasFailed`: what is rejected from now on follows from that, where the platform can tell whose it is. */
  stop(hasFailed?: boolean): void;
}

export interface SimulateOptions {
  /** Any text or number; the same one gives the same run. */
  readonly seed: string | number;
  /**
   * A macrotask of the platform (setImmediate, MessageChannel). One that waits until its user code is at rest asks `mayGoOn`
   * each time that it is not, and gives up when that is false. Bound by the entry.
   */
  readonly turn: (fn: () => void, mayGoOn: () => boolean) => void;
  /**
   * Hears of promises that were rejected and that nobody looks at, so that a task which the body does not await cannot
   * fail unseen. Bound by the entry.
   */
  readonly watchRejections?: (name: string, listener: (reason: unknown) => void) => RejectionWatch;
  /** The name of the watch that the caller runs in, where the platform can tell. Bound by the entry. */
  readonly watchedBy?: () => string | null;
  /** The platform's kind of world, whose hosts can do more; `World` when it has none. Bound by the entry. */
  readonly worldClass?: new (options: SimulateOptions, fail: (error: Error) => void) => World;
  /** The world fails when its clock passes this; ten years. */
  readonly timeLimitUs?: number;
  /** The world fails after this many events; fifty million. */
  readonly eventLimit?: number;
  /** The world fails after this many turns of user code without its clock moving on; 300,000. */
  readonly turnLimit?: number;
  /** Planned faults that do not happen, by their numbers (`world.faults`): everything else is as it was with them. */
  readonly leaveOut?: readonly number[];
  /** Gets what happens in the world, and what its programs print, which otherwise goes where the process prints. */
  readonly log?: WorldLog;
  /** Captures at both ends of every cable, from its first frame on: `world.recording`. */
  readonly record?: boolean;
}

export interface WorldHostOptions {
  /** What the host's kernel may use, all its processes together; 512 MiB. Beyond it calls fail with ENOMEM, ENOBUFS, ENFILE. */
  readonly memoryBytes?: number;
}

export interface WorldCableOptions extends CableOptions {
  /**
   * Addresses of the two ends, `192.0.2.1/24`: of every end that is a host, or of none. When left out they are chosen, and
   * `host.addresses()` tells them. Two hosts on a cable of their own get the Nth /24 of 10.0.0.0/8, 10.H.L.1 and .2 with
   * H = N >> 8 and L = N & 255 (10.0.1.1/24 and 10.0.1.2/24 for the first), and fd00:N::1/64 and ::2, N in hexadecimal.
   * The hosts of a switch get those of a /20 one after the other, 10.0.1.1/20 and on for a world's first switch; a later
   * one takes the place of sixteen /24 that are free, and begins with the second of these.
   */
  readonly addressA?: string | readonly string[];
  readonly addressB?: string | readonly string[];
}

/** How many of the /24 networks a switch's network takes the place of: a /20 has room for 3,838 hosts from its second on. */
const SWITCH_NETWORKS = 16;

/** An automatic network: hands out the addresses of its hosts one by one. */
class Segment {
  private readonly network: number;
  private readonly prefixLength: number;
  private hosts = 0;

  constructor(network: number, prefixLength: number) {
    this.network = network;
    this.prefixLength = prefixLength;
  }

  next(): string[] {
    const host = ++this.hosts;
    const word = 0x0a000000 + this.network * 256 + host;
    const size = 1 << (32 - this.prefixLength);
    // The last address of the prefix is its broadcast address.
    if (word % size === size - 1) throw new WorldError(`a switch has automatic addresses for ${host - 1} hosts`);
    return [`${formatV4Word(word)}/${this.prefixLength}`, `fd00:${this.network.toString(16)}::${host.toString(16)}/64`];
  }
}

/** What a world ends with when it cannot go on: nothing will ever happen, or too much does. */
export class WorldError extends Error {
  override readonly name = 'WorldError';
}

/** What a world fails with when this was thrown in it. */
export function worldErrorOf(thrown: unknown): Error {
  return errorOf(thrown, (words) => new WorldError(`something that is no Error was thrown: ${words}`));
}

export class World {
  readonly seed: string;
  readonly loop: Loop;
  readonly random: SeededRandom;
  readonly hosts: Host[] = [];
  /** Of all cables, when `record` asks for it. */
  readonly recording: WorldCapture | null;
  /** Why the same seed may give another run; null when it gives this one again. */
  notReplayable: string | null = null;
  /** Gets what happens; null when nobody wants it. */
  readonly log: WorldLog | null;
  private readonly plan: Faults;
  private readonly turnLimit: number;
  /** Turns since the clock moved, and when that was. */
  private turns = 0;
  private turnsAt = -1;
  private readonly namesOfHosts: WorldNames = new WorldNames(this.hosts);
  private readonly routes: WorldRoutes = new WorldRoutes(this.hosts);
  private readonly partitions: Set<Partition> = new Set();
  private readonly clock: VirtualClock;
  /** Ends the run with this error. */
  protected readonly fail: (error: Error) => void;
  private readonly captures: WorldCapture[] = [];
  /** In the order in which they were made. */
  readonly cables: Cable[] = [];
  private readonly cableNames: Set<string> = new Set();
  /** Which of the automatic networks a switch's ports are in. */
  private readonly segments: Map<Switch, Segment> = new Map();
  private networks = 0;
  private nextMac = 1;
  /** A host that no cable reaches: the world's own. */
  protected readonly keeper: Host;
  private readonly timekeeper: Process;
  private readonly chunksBefore = slabStatistics.chunksInUse;
  private readonly packetsBefore = packetStatistics.packetsInUse;

  constructor(options: SimulateOptions, fail: (error: Error) => void) {
    onlyKnown('simulate', options, SIMULATE_OPTIONS);
    this.fail = fail;
    this.seed = String(options.seed);
    this.log = options.log ?? null;
    this.random = new SeededRandom(options.seed);
    this.turnLimit = limit('turnLimit', options.turnLimit ?? TURN_LIMIT);
    this.clock = new VirtualClock(this.random, (fn) => {
      options.turn(() => {
        try {
          if (this.mayGoOn()) fn();
        } catch (error) {
          // Thrown by the stack itself, or by a callback that it calls: there is no promise to carry it.
          this.loop.stop();
          fail(worldErrorOf(error));
        }
      }, this.mayGoOn);
    });
    this.loop = new Loop(this.clock);
    this.loop.eventLimit = limit('eventLimit', options.eventLimit ?? EVENT_LIMIT);
    this.loop.timeLimit = limit('timeLimitUs', options.timeLimitUs ?? TIME_LIMIT_US);
    this.loop.onLimit = () => {
      this.loop.stop();
      const { eventCount, now } = this.loop;
      const spent = `${Math.floor(eventCount)} events and ${now / 1e6} s of its time`;
      fail(new WorldError(`the world ran ${spent} without an end (seed ${this.seed}): ${this.whoWaits()}`));
    };
    this.loop.onIdle = () => {
      this.loop.stop();
      const hint = 'does the body await something outside of the world (setTimeout, fs, fetch)?';
      fail(new WorldError(`the world is stuck (seed ${this.seed}): ${this.whoWaits()}; ${hint}`));
    };
    this.recording = options.record === true ? this.capture([]) : null;
    this.plan = new Faults(this, new SeededRandom(`${this.seed}/faults`), options.leaveOut ?? [], (atUs, fn) => this.callAt(atUs, fn));
    // `world.sleep` is a process of a host that no cable reaches.
    this.keeper = new Host({ name: 'world', loop: this.loop, random: new SeededRandom(`${this.seed}/world`) });
    this.timekeeper = new Process(this.keeper, 'world');
  }

  /** Virtual time in microseconds. */
  get now(): number {
    return this.loop.now;
  }

  /** A machine with loopback; cables give it more. Its name is its own: its random choices follow from it. */
  host(name: string, options: WorldHostOptions = {}): Host {
    checkHostName(name);
    onlyKnown('world.host', options, HOST_OPTIONS);
    if (this.hosts.some((host) => host.name === name)) throw new TypeError(`there is a host named ${name} already`);
    const host = this.makeHost({ name, loop: this.loop, random: new SeededRandom(`${this.seed}/host/${name}`), ...options });
    this.hosts.push(host);
    this.namesOfHosts.provideFor(host);
    host.onFault = (what) => this.plan.record(`${name}: ${what}`);
    return host;
  }

  /** Counts a turn of user code; false, and the world fails, when there have been too many at this instant. */
  readonly mayGoOn = (): boolean => {
    const { now } = this.loop;
    if (now !== this.turnsAt) {
      this.turnsAt = now;
      this.turns = 0;
    }
    if (++this.turns <= this.turnLimit) return true;
    this.loop.stop();
    const spent = `${this.turnLimit} turns of user code, all at ${now / 1e6} s of its time`;
    this.fail(new WorldError(`the world ran ${spent}, without an end (seed ${this.seed}): ${this.whoWaits()}`));
    return false;
  };
  /**
   * A host that forwards IPv4 and IPv6. Hosts with a cable to it, and to its switches, get a default route by it, routers a
   * route to each other's networks: everybody reaches everybody.
   */
  router(name: string, options: WorldHostOptions = {}): Host {
    const host = this.host(name, options);
    this.routes.add(host);
    return host;
  }

  /**
   * Every host finds every other one by its name, in its /etc/hosts; here is said what stands there. A host whose file was
   * written by somebody keeps what it has.
   */
  names(options: NameOptions): void {
    onlyKnown('world.names', options, ['ipv6']);
    this.namesOfHosts.includesIpv6 = options.ipv6 === true;
  }

  /** The platform's kind of host. */
  protected makeHost(options: HostOptions): Host {
    return new Host(options);
  }

  /** Runs the world's body: the platform gives it a context. */
  runBody<T>(body: () => Promise<T>): Promise<T> {
    return body();
  }

  /** Joins two hosts (or a host and a switch, or two switches) and gives the ends their addresses. */
  cable(a: Host | Switch, b: Host | Switch, options: WorldCableOptions = {}): Cable {
    checkEnd('the first', a);
    checkEnd('the second', b);
    onlyKnown('world.cable', options, CABLE_OPTIONS);
    for (const direction of ['aToB', 'bToA'] as const) onlyKnown(`world.cable, ${direction}`, options[direction] ?? {}, CONDITIONS);
    if (a instanceof Host && b instanceof Host && (options.addressA === undefined) !== (options.addressB === undefined)) {
      const [there, missing] = options.addressA === undefined ? ['addressB', 'addressA'] : ['addressA', 'addressB'];
      throw new TypeError(`world.cable: ${there} is given and ${missing} is not; give both, or neither to have them chosen`);
    }
    // Looked at before anything is made: a cable that fails leaves no half of itself.
    const chosenA = addressesOf('addressA', options.addressA);
    const chosenB = addressesOf('addressB', options.addressB);
    const n = this.cables.length + 1;
    for (const one of chosenB ?? []) {
      if ((chosenA ?? []).some((other) => other.address.equals(one.address))) throw new TypeError(`both ends of a cable have the address ${one}`);
    }
    const cable = new Cable(this.loop, new SeededRandom(`${this.seed}/cable/${n}`), {
      nameA: deviceName(a, n), nameB: deviceName(b, n), ...options,
    });
    this.cables.push(cable);
    const segment = this.segmentOf(a, b);
    this.plug(a, cable.a, chosenA ?? (a instanceof Host ? addressesOf('addressA', segment.next()) : null));
    this.plug(b, cable.b, chosenB ?? (b instanceof Host ? addressesOf('addressB', segment.next()) : null));
    if (this.recording !== null) {
      if (a instanceof Host) this.recording.add(cable.a);
      if (b instanceof Host) this.recording.add(cable.b);
    }
    const ends = [[a, cable.a], [b, cable.b]] as const;
    const hosts = ends.flatMap(([end, device]) => (end instanceof Host ? [[end, device] as const] : []));
    this.routes.plugged(hosts, [a, b].filter((end) => end instanceof Switch));
    const name = [a, b].map((end) => (end instanceof Host ? end.name : 'switch')).join('--');
    const isAnother = this.cableNames.has(name);
    this.cableNames.add(name);
    cable.onFault = (what) => this.plan.record(`${isAnother ? `${name} (cable ${n})` : name}: ${what}`);
    return cable;
  }

  // Faults.

  /** What was done to the world so far, by planned faults and by the body, in order. */
  get timeline(): TimelineEntry[] {
    return this.plan.timeline;
  }

  /** What is planned, and faults that the seed chooses. */
  get faults(): { readonly planned: readonly Fault[]; random(options?: RandomFaults): Fault[] } {
    const { plan } = this;
    return { planned: plan.planned, random: (options) => plan.drawSome(options) };
  }

  /**
   * Calls `fn` when the clock says `atUs` (at once when it says so now); what it throws or rejects with fails the world. A
   * planned fault, with a number, that a run can leave out.
   */
  at(atUs: number, fn: () => unknown, what = 'planned'): Fault {
    if (typeof fn !== 'function') throw new TypeError(`world.at: takes a time and a function, not ${typeof fn}`);
    if (!(atUs >= this.now && atUs < Infinity)) throw new RangeError(`world.at: ${atUs} is no time to come: the clock says ${this.now}`);
    return this.plan.at(atUs, fn, what);
  }

  private callAt(atUs: number, fn: () => unknown): void {
    this.sleep(atUs - this.now).then(fn).catch((error: unknown) => {
      this.loop.stop();
      this.fail(worldErrorOf(error));
    });
  }

  /**
   * Groups of hosts that do not hear each other: what comes from another group is dropped without a word, in both directions. Hosts
   * that are in no group hear all. The end of it: `heal` of what is returned, or of the world.
   */
  partition(groups: readonly (readonly Host[])[]): Partition {
    const words = groupWords(groups);
    const partition: Partition = new Partition(groups, () => {
      this.partitions.delete(partition);
      this.plan.record(`healed: ${words}`);
    });
    this.partitions.add(partition);
    this.plan.record(`partition: ${words}`);
    return partition;
  }

  /** Every partition is over. */
  heal(): void {
    for (const partition of [...this.partitions]) partition.heal();
  }

  /** The automatic network of a cable: of its switch, when it has one; two switches that are joined share theirs. */
  private segmentOf(a: Host | Switch, b: Host | Switch): Segment {
    const bridges = [a, b].filter((end) => end instanceof Switch);
    if (bridges.length === 0) return new Segment(++this.networks, 24);
    let segment = bridges.map((bridge) => this.segments.get(bridge)).find((known) => known !== undefined);
    if (segment === undefined) {
      // Room for more than 254 hosts: the next sixteen networks that are all free. Cables begin at 1, so 0 is at first.
      const first = this.networks === 0 ? 0 : (Math.floor(this.networks / SWITCH_NETWORKS) + 1) * SWITCH_NETWORKS;
      segment = new Segment(first + 1, 20);
      this.networks = first + SWITCH_NETWORKS - 1;
    }
    for (const bridge of bridges) if (!this.segments.has(bridge)) this.segments.set(bridge, segment);
    return segment;
  }

  switch(options: SwitchOptions = {}): Switch {
    return new Switch(this.loop, options);
  }

  private plug(end: Host | Switch, device: Device, addresses: readonly Cidr[] | null): void {
    device.macHi = 0x0200;
    device.macLo = this.nextMac++;
    if (end instanceof Switch) {
      end.attach(device);
      return;
    }
    end.attach(device);
    for (const cidr of addresses ?? []) {
      // `nodad`: a world's addresses can be used at once. Hosts that shall test theirs get them by `host.addAddress`.
      const result = end.network.addAddress(device, cidr.address, cidr.prefixLength, { nodad: true });
      if (result === -Errno.EEXIST) throw new TypeError(`the address ${cidr} is given twice`);
      if (result < 0) throw new TypeError(`no interface can have the address ${cidr}`);
    }
  }

  /** Records what the devices send (before any fault of a wire) and receive, as pcapng; its interfaces are called `HOST:DEVICE`. */
  capture(devices: readonly Device[]): WorldCapture {
    checkDevices(devices);
    const hostOf = (device: Device): string | null =>
      this.hosts.find(({ network }) => network.interfaces().some((one) => one.device === device))?.name ?? null;
    const capture = new WorldCapture(this.loop, devices, hostOf);
    this.captures.push(capture);
    return capture;
  }

  /**
   * Runs our tcpdump on a host, `-n` unless told otherwise: resolves when it listens, so that it sees what comes after. Its lines
   * come as frames pass; `stop()` ends it. Rejects with a WorldError when it refuses: an expression that is none, no such interface.
   */
  async tcpdump(host: Host, words: ProgramWords = '-n'): Promise<WorldTcpdump> {
    const args = readWords('world.tcpdump', this.hosts, host, words);
    return WorldTcpdump.start(host, tcpdump, args, (us) => this.sleep(us), worldFault);
  }

  /** Runs our ss on a host, `-tan` unless told otherwise: its lines. Rejects with a WorldError when it complains. */
  async ss(host: Host, words: ProgramWords = '-tan'): Promise<string[]> {
    return runOn(host, 'ss', ss, readWords('world.ss', this.hosts, host, words), worldFault);
  }

  /** Resolves after so many microseconds of virtual time. */
  sleep(us: number): Promise<void> {
    return this.timekeeper.sleep(us);
  }

  /** Resolves once `condition` holds, looked at every millisecond; fails when it does not within `limitUs`. */
  async until(condition: () => boolean, limitUs = 60e6): Promise<void> {
    const end = this.now + limitUs;
    while (!condition()) {
      if (!(this.now < end)) throw new WorldError(`the condition did not hold within ${limitUs / 1e6} s`);
      await this.sleep(1000);
    }
  }

  /** What still exists besides neighbour entries: nothing may, some time after the last close. */
  leftovers(): string[] {
    const left = this.hosts.flatMap(leftoversOf);
    const chunks = slabStatistics.chunksInUse - this.chunksBefore;
    const packets = packetStatistics.packetsInUse - this.packetsBefore;
    if (chunks !== 0) left.push(`${chunks} chunks`);
    if (packets !== 0) left.push(`${packets} packets`);
    return left;
  }

  /** Who waits for what, for a world that does not go on. */
  protected whoWaits(): string {
    const waits: string[] = [];
    for (const host of [this.keeper, ...this.hosts]) {
      for (const process of host.kernel.processes()) {
        const what = process.waitingFor();
        if (what.length > 0) waits.push(`${process.name} on ${host.name} waits in ${what.join(', ')}`);
      }
      const sockets = socketWords(host);
      if (sockets.length > 0) waits.push(`${host.name} has ${sockets.join(', ')}`);
    }
    return waits.length > 0 ? waits.join('; ') : 'no process waits for anything';
  }

  /** Ends the world: no event runs any more, and everything that its hosts and wires hold is let go. Called by `simulate`. */
  end(): void {
    this.loop.stop();
    for (const capture of this.captures) capture.stop();
    for (const cable of this.cables) cable.sever();
    for (const host of [this.keeper, ...this.hosts]) host.powerOff();
  }
}

function worldFault(sentence: string): WorldError {
  return new WorldError(sentence);
}

function deviceName(end: Host | Switch, n: number): string {
  if (end instanceof Switch) return `port${end.ports.length}`;
  const taken = end.network.interfaces().filter((entry) => entry.device.name.startsWith('eth')).length;
  return taken < n ? `eth${taken}` : `eth${n}`;
}

/** How many sockets of a host are named. */
const SOCKETS_NAMED = 8;

/** The TCP sockets of a host, in words: where something is waited for. */
function socketWords({ stack }: Host): string[] {
  const words: string[] = [];
  let more = 0;
  for (const { localAddress, localPort, remoteAddress, remotePort, state } of stack.tcp.endpoints()) {
    const peer = remoteAddress === null ? '' : ` to ${remoteAddress}:${remotePort}`;
    if (words.length < SOCKETS_NAMED) words.push(`${localAddress}:${localPort}${peer} in ${stateName(state)}`);
    else more++;
  }
  if (more > 0) words.push(`and ${more} more`);
  return words;
}

/** What stands in the messages of errors of a world. */
export function seedMark(seed: string, notReplayable: string | null): string {
  return notReplayable === null ? `(seed ${seed})` : `(seed ${seed}, which does not replay it: ${notReplayable})`;
}

/** The error with the mark in its message. Where that cannot be written (a DOMException, a frozen error) it stays as it is. */
function withSeed(error: unknown, mark: string): unknown {
  if (!isKind(error, Error)) return error;
  try {
    if (!error.message.includes(mark)) error.message += ` ${mark}`;
  } catch {
    // What the body threw matters more than the mark: callers look at its class and its fields.
    try {
      if (error.cause === undefined) Object.defineProperty(error, 'cause', { value: new WorldError(`thrown in a world ${mark}`), configurable: true });
    } catch {
      // Frozen.
    }
  }
  return error;
}

/**
 * Runs `body` in a fresh world and resolves to what it returns. Rejects with what it throws, the seed in the message,
 * or with a WorldError when nothing can happen any more or the limits are passed.
 *
 * Worlds may run beside each other: what is thrown or rejected in one, by the body or by what it started, fails that one
 * alone (in Node; a page cannot tell them apart). A world in the body of another is refused with a WorldError: the outer
 * one cannot tell that it waits for the inner one's time.
 */
export async function simulate<T>(options: SimulateOptions, body: (world: World) => Promise<T>): Promise<T> {
  checkRun(options, body);
  const outer = options.watchedBy?.() ?? null;
  if (outer !== null) throw new WorldError(`simulate inside of the world with ${outer}: worlds run beside each other, not in each other`);
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  const { turn } = options;
  let watch: RejectionWatch | undefined;
  // A turn can be asked for from outside (a program that closes a descriptor of this world): its work is this world's.
  const owned = (fn: () => void, mayGoOn: () => boolean): void =>
    watch === undefined ? turn(fn, mayGoOn) : watch.run(() => turn(fn, mayGoOn));
  const world = new (options.worldClass ?? World)({ ...options, turn: owned }, (error) => fail(error));
  watch = options.watchRejections?.(`seed ${world.seed}`, (reason) => {
    world.loop.stop();
    fail(errorOf(reason, (words) => new WorldError(`a promise was rejected with ${words}`)));
  });
  world.loop.userStarted();
  let hasFailed = true;
  try {
    const run = (): Promise<T> => world.runBody(() => body(world));
    const result = await Promise.race([watch === undefined ? run() : watch.run(run), failed]);
    // What the last call of the body left behind (a handler of a signal that threw) is heard of in the turn after it.
    world.loop.stop();
    if (watch !== undefined) await Promise.race([new Promise<void>((resolve) => turn(resolve, world.mayGoOn)), failed]);
    hasFailed = false;
    return result;
  } catch (error) {
    throw withSeed(error, seedMark(world.seed, world.notReplayable));
  } finally {
    watch?.stop(hasFailed);
    world.end();
  }
}
