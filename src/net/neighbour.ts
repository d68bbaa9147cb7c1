/**
 * Neighbour entries and their states, as Linux's NUD machine (RFC 4861 7.3.3; ARP uses the same).
 *
 *   none --packet--> incomplete --answer--> reachable --30 s--> stale --packet--> delay --5 s--> probe --answer--> reachable
 *                        `--3 probes--> failed <--3 probes---------------------------------------'
 *
 * Called by LinkOutput with packets to send, and by arp.ts and nd.ts with what they hear. Reachable and stale entries
 * have no timer: whether an entry is still reachable is computed when it is used.
 */
import { packetTruesize } from '../base/buffer-size.ts';
import { Mib } from '../base/counters.ts';
import type { HostContext } from '../base/host-context.ts';
import type { IpAddress } from '../base/inet-address.ts';
import { Cost } from '../base/kernel-memory.ts';
import { below } from '../base/random.ts';
import { Timer } from '../base/timer-queue.ts';
import type { Device } from '../link/device.ts';
import type { Packet } from '../link/packet.ts';
import { ETHERNET_HEADER_LEN, type MacAddress, writeEthernetHeader } from '../wire/ethernet.ts';
import type { NetworkObserver } from './network-observer.ts';

/** Linux's NUD_ bits. */
export const NeighbourState = {
  None: 0x00, Incomplete: 0x01, Reachable: 0x02, Stale: 0x04, Delay: 0x08, Probe: 0x10, Failed: 0x20, NoArp: 0x40, Permanent: 0x80,
} as const;
export type NeighbourState = (typeof NeighbourState)[keyof typeof NeighbourState];

const VALID = NeighbourState.Permanent | NeighbourState.NoArp | NeighbourState.Reachable | NeighbourState.Probe | NeighbourState.Stale | NeighbourState.Delay;
/** Is the hardware address known, and not to be wrong? */
export function hasKnownMac(neighbour: Neighbour): boolean {
  return (neighbour.state & VALID) !== 0;
}

const CONNECTED = NeighbourState.Permanent | NeighbourState.NoArp | NeighbourState.Reachable;
const IN_TIMER = NeighbourState.Incomplete | NeighbourState.Delay | NeighbourState.Probe;
/** Forced collection spares entries that changed within this time (Linux's neigh_forced_gc). */
const COLLECT_AFTER_US = 5e6;
/** A full table is searched for something to drop at most this often. */
const COLLECT_EVERY_US = 1e5;

/** How a family asks for a neighbour's hardware address. Implemented by arp.ts and nd.ts. */
export interface NeighbourProtocol {
  readonly etherType: number;
  /** Sends a probe: to the known hardware address, or to all who may be meant. */
  solicit(neighbour: Neighbour, unicast: boolean): void;
  /** The neighbour does not answer: tells the sender of a packet that waited. Borrows `p`. */
  unreachable(neighbour: Neighbour, p: Packet): void;
}

/** What an advertisement may change (RFC 4861 7.2.5; Linux's NEIGH_UPDATE_F_ flags). */
export const Override = { None: 0, Weak: 1, Yes: 2 } as const;
export type Override = (typeof Override)[keyof typeof Override];

export class Neighbour extends Timer {
  readonly table: NeighbourTable;
  readonly device: Device;
  readonly address: IpAddress;
  /** Times as doubles from birth. When it was last confirmed that packets arrive; when the entry changed. */
  confirmedAt = -1e15 - 0.5;
  updatedAt = 0.5;
  /** When a packet last asked whether it is still there. */
  usedAt = 0.5;
  /** As stored: see `stateNow`. */
  state: number = NeighbourState.None;
  macHi = 0;
  macLo = 0;
  isRouter = false;
  /** The table has dropped this entry: look it up again. */
  dead = false;
  next: Neighbour | null = null;
  private probes = 0;
  private first: Packet | null = null;
  private last: Packet | null = null;
  private waitingBytes = 0;

  constructor(table: NeighbourTable, device: Device, address: IpAddress) {
    super();
    this.table = table;
    this.device = device;
    this.address = address;
  }

  /** The state that `ip neigh` would show. */
  get stateNow(): number {
    if (this.state !== NeighbourState.Reachable) return this.state;
    return this.table.loop.now <= this.confirmedAt + this.table.reachableUs ? this.state : NeighbourState.Stale;
  }

  get hasWaiting(): boolean {
    return this.first !== null;
  }

  /** The packet that came last of those that wait; probes are sent from its source. */
  get waiting(): Packet | null {
    return this.last;
  }

  /** Sends a packet whose head is at its IP header, now or when the address is known. Takes over `p`. */
  output(p: Packet): void {
    const { table } = this;
    if (this.state === NeighbourState.Reachable && table.loop.now <= this.confirmedAt + table.reachableUs) return this.send(p);
    switch (this.state) {
      case NeighbourState.Reachable:
      case NeighbourState.Stale:
        // Linux's timer looks whether a reachable entry was in use when its time ran out; here its use is this packet.
        this.setState(NeighbourState.Delay);
        this.usedAt = this.updatedAt;
        this.wait(table.settings.neighDelayFirstProbeTime * 1e6);
        return this.send(p);
      case NeighbourState.Delay:
      case NeighbourState.Probe:
      case NeighbourState.NoArp:
      case NeighbourState.Permanent:
        return this.send(p);
      case NeighbourState.Incomplete:
        return this.enqueue(p);
      default:
        // The first probes of an unknown neighbour are multicast: they count on from the unicast ones.
        this.probes = table.settings.neighUcastSolicit;
        this.usedAt = table.loop.now;
        this.setState(NeighbourState.Incomplete);
        this.enqueue(p);
        this.wait(table.settings.neighRetransTimeMs * 1000);
        this.probe();
    }
  }

  /**
   * Takes notice of a hardware address that was heard (`hasMac`), or only of a sign of life (neigh_update).
   * `state` is Reachable for an answer to our question and Stale for anything else.
   */
  update(hasMac: boolean, macHi: number, macLo: number, state: NeighbourState, override: Override): boolean {
    const old = this.stateNow;
    const wasValid = (old & VALID) !== 0;
    if (old === NeighbourState.Permanent || old === NeighbourState.NoArp || (!hasMac && !wasValid)) return false;
    let next: NeighbourState = state;
    let changesMac = hasMac && !(wasValid && macHi === this.macHi && macLo === this.macLo);
    if (next === NeighbourState.Reachable) this.confirmedAt = this.table.loop.now;
    if (wasValid) {
      if (changesMac && override !== Override.Yes) {
        // RFC 4861 7.2.5: another address without the override flag only makes a reachable entry doubtful.
        if (override !== Override.Weak || (old & CONNECTED) === 0) return false;
        changesMac = false;
        next = NeighbourState.Stale;
      } else if (!changesMac && next === NeighbourState.Stale) {
        next = old as NeighbourState;
      }
    }
    if (changesMac) {
      this.macHi = macHi;
      this.macLo = macLo;
      if (next !== NeighbourState.Reachable) this.confirmedAt = this.table.loop.now - 2 * this.table.reachableUs;
    }
    if (next !== old || changesMac) this.updatedAt = this.table.loop.now;
    if (next !== old) {
      this.table.timers.disarm(this);
      this.probes = 0;
      this.state = next;
    }
    if (!wasValid) this.sendWaiting();
    if (next !== old || changesMac) this.table.changed(this, true);
    return true;
  }

  /**
   * `ip neigh add` and its kin: the entry gets a state and, unless `mac` is null, a hardware address, whatever it had
   * (neigh_update with NEIGH_UPDATE_F_ADMIN). States that are left by a timer are left at once.
   */
  administer(mac: MacAddress | null, state: number): void {
    const wasValid = (this.state & VALID) !== 0;
    this.table.timers.disarm(this);
    this.probes = 0;
    if (mac !== null) {
      this.macHi = mac.hi;
      this.macLo = mac.lo;
    }
    this.table.changesPermanence(this, (state & NeighbourState.Permanent) !== 0);
    this.setState(state as NeighbourState);
    if (state === NeighbourState.Reachable) this.confirmedAt = this.table.loop.now;
    if ((state & IN_TIMER) !== 0) this.wait(0);
    if (!wasValid && (state & VALID) !== 0) this.sendWaiting();
    this.table.changed(this, true);
  }

  /** How often the neighbour was asked for in vain. */
  get probesSent(): number {
    return this.probes;
  }

  override expired(): void {
    const { table } = this;
    if (this.state === NeighbourState.Delay) {
      if (table.loop.now <= this.confirmedAt + table.settings.neighDelayFirstProbeTime * 1e6) {
        this.setState(NeighbourState.Reachable);
        return this.table.changed(this, true);
      }
      this.setState(NeighbourState.Probe);
      this.probes = 0;
    }
    const { settings } = table;
    const most = settings.neighUcastSolicit + (this.state === NeighbourState.Probe ? 0 : settings.neighMcastSolicit);
    if (this.probes >= most) return this.fail();
    this.wait(settings.neighRetransTimeMs * 1000);
    this.probe();
  }

  /** The table drops the entry: what waits is lost. */
  kill(): void {
    this.dead = true;
    this.table.timers.disarm(this);
    this.table.changesPermanence(this, false);
    this.state = NeighbourState.None;
    while (this.first !== null) this.dropFirst();
  }

  private setState(state: NeighbourState): void {
    this.state = state;
    this.updatedAt = this.table.loop.now;
  }

  private wait(us: number): void {
    this.deadline = this.table.loop.now + us;
    this.table.timers.arm(this);
  }

  private probe(): void {
    const unicast = this.probes < this.table.settings.neighUcastSolicit;
    this.probes++;
    this.table.protocol.solicit(this, unicast && (this.state & VALID) !== 0);
  }

  private fail(): void {
    this.setState(NeighbourState.Failed);
    this.table.changed(this, true);
    for (;;) {
      const p = this.takeFirst();
      if (p === null) return;
      this.table.protocol.unreachable(this, p);
      p.release();
    }
  }

  private send(p: Packet): void {
    const { device } = this;
    const at = p.push(ETHERNET_HEADER_LEN);
    p.l2 = at;
    writeEthernetHeader(p.view, at, this.macHi, this.macLo, device.macHi, device.macLo, this.table.protocol.etherType);
    device.transmit(p);
  }

  private sendWaiting(): void {
    for (;;) {
      const p = this.takeFirst();
      if (p === null) return;
      this.output(p);
    }
  }

  private enqueue(p: Packet): void {
    const limit = this.table.settings.neighUnresQlenBytes;
    const weight = weightOf(p);
    const { memory } = this.table;
    while (this.first !== null && (this.waitingBytes + weight > limit || memory.isShort)) this.dropFirst();
    if (!memory.take(weight)) {
      this.table.countDrop();
      p.release();
      return;
    }
    p.next = null;
    if (this.last === null) this.first = p;
    else this.last.next = p;
    this.last = p;
    this.waitingBytes += weight;
  }

  private dropFirst(): void {
    const p = this.takeFirst() as Packet;
    this.table.countDrop();
    p.release();
  }

  private takeFirst(): Packet | null {
    const p = this.first;
    if (p === null) return null;
    this.first = p.next;
    if (this.first === null) this.last = null;
    p.next = null;
    const weight = weightOf(p);
    this.waitingBytes -= weight;
    this.table.memory.letGo(weight);
    return p;
  }
}

/** Its truesize; of those that no socket is charged for, what one head for all of it would take, and pages beyond the largest. */
function weightOf(p: Packet): number {
  const bytes = packetTruesize(p.length);
  return p.truesize > bytes ? p.truesize : bytes;
}

/** At first; there are more when permanent entries have filled them. */
const BUCKETS = 64;

/** All neighbours of one family. */
export class NeighbourTable {
  readonly protocol: NeighbourProtocol;
  readonly settings: HostContext['settings'];
  readonly timers: HostContext['timers'];
  /** What waits for addresses is charged here: nobody's socket has to pay for the answers to a flood. */
  readonly memory: HostContext['memory'];
  /** Time is read as `loop.now`: a function's result would be boxed. */
  readonly loop: HostContext['loop'];
  /** How long an answer counts, drawn once from [0.5, 1.5) of the base (RFC 4861 6.3.2). */
  readonly reachableUs: number;
  size = 0;
  /** Those among them that do not count for gc_thresh3 (neigh_update_gc_list). */
  private permanent = 0;
  private readonly context: HostContext;
  private readonly observers: readonly NetworkObserver[];
  private buckets: (Neighbour | null)[] = new Array<Neighbour | null>(BUCKETS).fill(null);
  /** Odd, so that nobody on the link knows which addresses meet in a bucket. */
  private readonly secret: number;
  private collectedAt = -1e15 - 0.5;

  constructor(context: HostContext, protocol: NeighbourProtocol, observers: readonly NetworkObserver[] = []) {
    this.context = context;
    this.observers = observers;
    this.settings = context.settings;
    this.timers = context.timers;
    this.memory = context.memory;
    this.loop = context.loop;
    this.protocol = protocol;
    const base = context.settings.neighBaseReachableTimeMs;
    this.reachableUs = (base / 2 + below(context.random, base)) * 1000 + 0.5;
    this.secret = context.random.int32() | 1;
  }

  countDrop(): void {
    this.context.counters.values[Mib.NeighUnresolvedDrops]++;
  }

  find(device: Device, a: number, b: number, c: number, d: number): Neighbour | null {
    for (let n = this.buckets[this.slot(a, b, c, d)]; n !== null; n = n.next) {
      if (n.address.is(a, b, c, d) && n.device === device) return n;
    }
    return null;
  }

  /**
   * The entry of an address, made when it is missing; null when the table is full (Linux's "table overflow"). Whoever makes it
   * permanent (`isExempt`) has asked whether there is memory.
   */
  get(device: Device, address: IpAddress, isExempt = false): Neighbour | null {
    const known = this.find(device, address.a, address.b, address.c, address.d);
    if (known !== null) return known;
    if (!isExempt && this.isFull && !this.collect()) {
      this.context.counters.values[Mib.NeighTableFulls]++;
      return null;
    }
    const neighbour = new Neighbour(this, device, address);
    neighbour.updatedAt = this.loop.now;
    if (this.size >= 2 * this.buckets.length && this.size >= this.settings.neighGcThresh3) this.grow();
    this.insert(neighbour);
    this.size++;
    return neighbour;
  }

  private get isFull(): boolean {
    return this.size - this.permanent >= this.settings.neighGcThresh3;
  }

  private insert(neighbour: Neighbour): void {
    const { a, b, c, d } = neighbour.address;
    const at = this.slot(a, b, c, d);
    neighbour.next = this.buckets[at];
    this.buckets[at] = neighbour;
  }

  private grow(): void {
    const all = [...this];
    this.buckets = new Array<Neighbour | null>(4 * this.buckets.length).fill(null);
    for (const neighbour of all) this.insert(neighbour);
  }

  /** An entry is about to become permanent, or not to be any more. */
  changesPermanence(neighbour: Neighbour, isPermanent: boolean): void {
    if (((neighbour.state & NeighbourState.Permanent) !== 0) === isPermanent) return;
    this.permanent += isPermanent ? 1 : -1;
    if (isPermanent) this.memory.hold(Cost.NEIGHBOUR);
    else this.memory.letGo(Cost.NEIGHBOUR);
  }

  /** Tells who watches. */
  changed(neighbour: Neighbour, isThere: boolean): void {
    for (const observer of this.observers) observer.neighbourChanged(neighbour, isThere);
  }

  /** `ip neigh del`. */
  remove(gone: Neighbour): void {
    const { a, b, c, d } = gone.address;
    this.removeFrom(this.slot(a, b, c, d), (neighbour) => neighbour === gone);
  }

  /** Forgets all entries of a device. */
  flush(device: Device): void {
    this.removeWhere((neighbour) => neighbour.device === device);
  }

  *[Symbol.iterator](): IterableIterator<Neighbour> {
    for (const first of this.buckets) {
      for (let neighbour = first; neighbour !== null; neighbour = neighbour.next) yield neighbour;
    }
  }

  /** Entries of the longest bucket: for tests of the hash. */
  get longest(): number {
    let most = 0;
    for (const first of this.buckets) {
      let n = 0;
      for (let neighbour = first; neighbour !== null; neighbour = neighbour.next) n++;
      if (n > most) most = n;
    }
    return most;
  }

  /** Every word counts: whoever is on the link may take any address of its prefix. */
  private slot(a: number, b: number, c: number, d: number): number {
    const { secret } = this;
    let h = Math.imul(a ^ secret, 0x85ebca6b);
    h = Math.imul((h ^ (h >>> 16)) + b, secret);
    h = Math.imul((h ^ (h >>> 15)) + c, secret);
    h = Math.imul((h ^ (h >>> 16)) + d, secret);
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
    return (h ^ (h >>> 16)) & (this.buckets.length - 1);
  }

  /** Makes room by dropping entries that nobody uses now; true when there is some. */
  private collect(): boolean {
    const { now } = this.loop;
    if (now - this.collectedAt < COLLECT_EVERY_US) return false;
    this.collectedAt = now;
    this.removeWhere((neighbour) => {
      const state = neighbour.stateNow;
      if (state === NeighbourState.Failed || state === NeighbourState.None) return true;
      return (state & (IN_TIMER | CONNECTED)) === 0 && now - neighbour.updatedAt > COLLECT_AFTER_US;
    });
    return !this.isFull;
  }

  private removeWhere(gone: (neighbour: Neighbour) => boolean): void {
    for (let at = 0; at < this.buckets.length; at++) this.removeFrom(at, gone);
  }

  private removeFrom(at: number, gone: (neighbour: Neighbour) => boolean): void {
    let before: Neighbour | null = null;
    let here = this.buckets[at];
    while (here !== null) {
      const following: Neighbour | null = here.next;
      if (gone(here)) {
        if (before === null) this.buckets[at] = following;
        else before.next = following;
        this.size--;
        this.changed(here, false);
        here.kill();
      } else {
        before = here;
      }
      here = following;
    }
  }
}
