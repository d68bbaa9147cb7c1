/**
 * Faults at times: what is planned (`world.at`, `world.faults`), what chance chooses, and the timeline of all that happened.
 *
 * Called by world.ts. Every planned fault has a number, and a run can leave any of them out by it (`simulate({ leaveOut })`): all
 * others are drawn as before and come at the same times, so that fewer faults that still fail can be looked for.
 */
import { described } from '../base/arguments.ts';
import { below, type SeededRandom } from '../base/random.ts';
import { Host } from '../host.ts';
import type { Cable } from '../link/cable.ts';
import type { World } from './world.ts';

/** Something that was done to the world. */
export interface TimelineEntry {
  /** Virtual time in microseconds. */
  readonly atUs: number;
  /** In words, whose it is first: `client--server: cut`. */
  readonly what: string;
  /** The number of the planned fault that did it; null for what the body did by itself. */
  readonly fault: number | null;
}

/** A planned fault. */
export interface Fault {
  /** What `leaveOut` names it by: faults are numbered from 0 as they are planned. */
  readonly index: number;
  readonly atUs: number;
  readonly what: string;
  readonly isLeftOut: boolean;
}

/** What chance may choose from. The end of each (mended, thawed, restarted, healed) belongs to it. */
export const FAULT_KINDS = [
  'cut', 'block', 'one-way', 'slow', 'lossy', 'reorder', 'corrupt', 'freeze', 'freeze-machine', 'crash', 'partition', 'forget',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface RandomFaults {
  /** How many; 3. Fewer, when the hosts and cables have no time left for as many: one has one fault at a time. */
  readonly count?: number;
  /** All kinds but `corrupt` (which TCP's checksum lets through once in 65,536 times) and `forget` (which wants a firewall). */
  readonly kinds?: readonly FaultKind[];
  /** When they may begin, in microseconds from now: the first moment and the last; 0 and a minute. */
  readonly fromUs?: number;
  readonly untilUs?: number;
  /** How long they last, at least and at most; 0.1 and 30 seconds. */
  readonly lastsUs?: readonly [number, number];
  /** Which hosts and cables; all that there are now. */
  readonly hosts?: readonly Host[];
  readonly cables?: readonly Cable[];
}
const RANDOM_WORDS = ['count', 'kinds', 'fromUs', 'untilUs', 'lastsUs', 'hosts', 'cables'] as const satisfies readonly (keyof RandomFaults)[];
const USUAL_KINDS = FAULT_KINDS.filter((kind) => kind !== 'corrupt' && kind !== 'forget');
const CABLE_KINDS: readonly FaultKind[] = ['cut', 'block', 'one-way', 'slow', 'lossy', 'reorder', 'corrupt'];
/** How often another time, kind and place is drawn when a place has a fault already. */
const TRIES = 20;
/** Limit of what is planned. */
const MOST_FAULTS = 100_000;

interface Drawn {
  readonly what: string;
  readonly begin: () => void;
  readonly end: () => void;
}

export class Faults {
  readonly timeline: TimelineEntry[] = [];
  /** All that was planned so far, those that are left out included. */
  readonly planned: Fault[] = [];
  private readonly world: World;
  private readonly random: SeededRandom;
  private readonly leaveOut: ReadonlySet<number>;
  private readonly schedule: (atUs: number, fn: () => unknown) => void;
  private running: number | null = null;
  /** When the last planned fault of a host or cable is over. */
  private readonly busyUntil: Map<object, number> = new Map();

  constructor(
    world: World, random: SeededRandom, leaveOut: readonly number[], schedule: (atUs: number, fn: () => unknown) => void,
  ) {
    this.world = world;
    this.random = random;
    this.leaveOut = new Set(leaveOut);
    this.schedule = schedule;
  }

  /** Something was done: by the fault that runs, or by the body. */
  record(what: string): void {
    this.timeline.push({ atUs: this.world.now, what, fault: this.running });
  }

  /** Plans `fn` for `atUs` (of the world's clock); it is called then, unless it is left out. */
  at(atUs: number, fn: () => unknown, what: string): Fault {
    const fault = this.plan(atUs, what);
    if (!fault.isLeftOut) this.schedule(atUs, () => this.run(fault, fn));
    return fault;
  }

  /** Plans faults that the seed chooses: see RandomFaults. They are the same whatever is left out. */
  drawSome(options: RandomFaults = {}): Fault[] {
    for (const name of Object.keys(options)) {
      if (!(RANDOM_WORDS as readonly string[]).includes(name)) throw new TypeError(`world.faults.random: unknown option ${name}; there are ${RANDOM_WORDS.join(', ')}`);
    }
    const { count = 3, kinds = USUAL_KINDS, fromUs = 0, untilUs = 60e6, lastsUs: [least, most] = [100_000, 30e6] } = options;
    for (const kind of kinds) if (!FAULT_KINDS.includes(kind)) throw new TypeError(`world.faults.random: no kind of fault: ${String(kind)}; there are ${FAULT_KINDS.join(', ')}`);
    if (!(fromUs >= 0 && untilUs >= fromUs && least >= 0 && most >= least)) throw new RangeError('world.faults.random: times are not negative, and the later is not before the earlier');
    const hosts = options.hosts ?? [...this.world.hosts];
    const cables = options.cables ?? [...this.world.cables];
    const possible = kinds.filter((kind) => (CABLE_KINDS.includes(kind) ? cables.length > 0 : kind === 'partition' ? hosts.length > 1 : hosts.length > 0));
    const made: Fault[] = [];
    for (let n = 0; n < count && possible.length > 0; n++) {
      for (let tries = 0; tries < TRIES; tries++) {
        const fault = this.draw(possible, hosts, cables, [fromUs, untilUs], [least, most]);
        if (fault === null) continue;
        made.push(fault);
        break;
      }
    }
    return made;
  }

  /** One of them; null when its place has another fault at that time. Every draw is made, whatever comes of it. */
  private draw(
    kinds: readonly FaultKind[], hosts: readonly Host[], cables: readonly Cable[], when: readonly [number, number],
    lasts: readonly [number, number],
  ): Fault | null {
    const { random } = this;
    const between = ([low, high]: readonly [number, number]): number => low + below(random, Math.floor(high - low) + 1);
    const kind = kinds[below(random, kinds.length)] as FaultKind;
    const from = this.world.now + between(when);
    const until = from + between(lasts);
    const size = below(random, 1000) / 1000;
    const place = below(random, CABLE_KINDS.includes(kind) ? cables.length : hosts.length);
    const drawn = CABLE_KINDS.includes(kind)
      ? ofCable(kind, cables[place] as Cable, size)
      : kind === 'partition' ? this.partition(hosts, place, size) : ofHost(kind, hosts[place] as Host);
    const target = CABLE_KINDS.includes(kind) ? (cables[place] as Cable) : kind === 'partition' ? this : (hosts[place] as Host);
    if (from < (this.busyUntil.get(target) ?? 0)) return null;
    this.busyUntil.set(target, until);
    const fault = this.plan(from, `${drawn.what} for ${(until - from) / 1e6} s`);
    if (!fault.isLeftOut) {
      this.schedule(from, () => this.run(fault, drawn.begin));
      this.schedule(until, () => this.run(fault, drawn.end));
    }
    return fault;
  }

  /** Some of the hosts on one side, at least one on each. */
  private partition(hosts: readonly Host[], place: number, size: number): Drawn {
    const count = 1 + Math.floor(size * (hosts.length - 1));
    const one = hosts.map((_, i) => hosts[(place + i) % hosts.length] as Host).slice(0, count);
    const other = hosts.filter((host) => !one.includes(host));
    let heal: () => void = () => {};
    return {
      what: `partition ${groupWords([one, other])}`,
      begin: () => {
        const partition = this.world.partition([one, other]);
        heal = () => partition.heal();
      },
      end: () => heal(),
    };
  }

  private plan(atUs: number, what: string): Fault {
    if (this.planned.length >= MOST_FAULTS) throw new RangeError(`a world has at most ${MOST_FAULTS} planned faults`);
    const index = this.planned.length;
    const fault: Fault = { index, atUs, what, isLeftOut: this.leaveOut.has(index) };
    this.planned.push(fault);
    return fault;
  }

  /** What it does at once is its own in the timeline; so is that it ran, if nothing else was said. */
  private run({ index, what }: Fault, fn: () => unknown): unknown {
    const { length } = this.timeline;
    this.running = index;
    try {
      return fn();
    } finally {
      if (this.timeline.length === length) this.record(what);
      this.running = null;
    }
  }
}

function ofCable(kind: FaultKind, cable: Cable, size: number): Drawn {
  const direction = size < 0.5 ? 'aToB' : 'bToA';
  const mend = (): void => cable.mend();
  switch (kind) {
    case 'cut': return { what: 'cut', begin: () => cable.cut(), end: mend };
    case 'block': return { what: 'blocked', begin: () => cable.block(), end: mend };
    case 'one-way': return { what: `blocked ${direction}`, begin: () => cable.block(direction), end: mend };
    default: return weather(kind, cable, size);
  }
}

/** The cable's weather changes, and is what it was afterwards. */
function weather(kind: FaultKind, cable: Cable, size: number): Drawn {
  const usual = [cable.aToB, cable.bToA].map(({ conditions }) => ({ ...conditions }));
  const [there, back] = usual as [(typeof usual)[0], (typeof usual)[0]];
  const words: Record<string, () => void> = {
    slow: () => {
      const extra = Math.round(10_000 + size * 2e6);
      cable.set({ aToB: { delayUs: there.delayUs + extra }, bToA: { delayUs: back.delayUs + extra } });
    },
    lossy: () => cable.set({ loss: 0.05 + size * 0.6 }),
    reorder: () => cable.set({ reorder: { probability: 0.05 + size * 0.5, extraUs: 50_000 } }),
    corrupt: () => cable.set({ corrupt: 0.01 + size * 0.2 }),
  };
  const ended = ({ delayUs, loss, corrupt, reorder, reorderUs }: (typeof usual)[0]): object => (
    { delayUs, loss, corrupt, reorder: { probability: reorder, extraUs: reorderUs } }
  );
  return {
    what: kind, begin: words[kind] as () => void, end: () => cable.set({ aToB: ended(there), bToA: ended(back) }),
  };
}

function ofHost(kind: FaultKind, host: Host): Drawn {
  switch (kind) {
    case 'freeze': return { what: `${host.name}: programs freeze`, begin: () => host.freeze(), end: () => host.thaw() };
    case 'freeze-machine': return { what: `${host.name}: freezes`, begin: () => host.freeze('machine'), end: () => host.thaw() };
    case 'forget': return { what: `${host.name}: forgets its flows`, begin: () => host.firewall.forget(), end: () => {} };
    default: return { what: `${host.name}: crashes`, begin: () => host.crash(), end: () => host.restart() };
  }
}

/** `a, b | c`. */
export function groupWords(groups: readonly (readonly Host[])[]): string {
  return groups.map((group) => group.map(({ name }) => name).join(', ')).join(' | ');
}

/** Groups of hosts that do not hear each other: each drops what comes from the others, as `iptables -A INPUT -s ... -j DROP` does. */
export class Partition {
  private undo: (() => void)[] = [];
  private readonly healed: () => void;

  constructor(groups: readonly (readonly Host[])[], healed: () => void) {
    this.healed = healed;
    const known = new Set<Host>();
    for (const host of groups.flat()) {
      if (!(host instanceof Host)) throw new TypeError(`world.partition: takes groups of hosts ([[a, b], [c]]), not ${described(host)}`);
      if (known.has(host)) throw new TypeError(`world.partition: ${host.name} is named twice`);
      known.add(host);
    }
    for (const group of groups) {
      const from = groups.filter((other) => other !== group).flat().flatMap((host) => addressesOf(host));
      if (from.length === 0) continue;
      for (const { firewall } of group) {
        const entry = quietly(firewall, () => firewall.insert('input', { from, action: 'drop' }));
        this.undo.push(() => quietly(firewall, () => entry.remove()));
      }
    }
  }

  heal(): void {
    if (this.undo.length === 0) return;
    for (const undo of this.undo.splice(0)) undo();
    this.healed();
  }
}

function addressesOf(host: Host): string[] {
  return host.addresses().map((cidr) => cidr.split('/')[0] as string).filter((address) => !address.startsWith('127.') && address !== '::1');
}

/** A partition is one thing in the timeline, and not a rule for each host. */
function quietly<T>(firewall: Host['firewall'], fn: () => T): T {
  const { onChange } = firewall;
  firewall.onChange = null;
  try {
    return fn();
  } finally {
    firewall.onChange = onChange;
  }
}
