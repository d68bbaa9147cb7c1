/**
 * What the generator of random programs believes to be open: enough to make mostly meaningful calls, no judge of them.
 *
 * A name is a descriptor of one process; names made by dup, fork and SCM_RIGHTS share their `Thing`.
 */
import type { SeededRandom } from '../../../src/base/random.ts';
import { below } from '../../../src/base/random.ts';
import type { Choose } from './generator.ts';

export type Kind =
  | 'tcp' | 'udp' | 'raw' | 'packet' | 'unix-stream' | 'unix-dgram' | 'unix-seqpacket' | 'read-end' | 'write-end' | 'file'
  | 'folder' | 'fifo' | 'event' | 'timer' | 'epoll' | 'queue' | 'signals' | 'ping' | 'ping6' | 'packet-raw'
  | 'netlink' | 'diag' | 'usersock';

export class Thing {
  readonly kind: Kind;
  readonly domain: number;
  /** Its calls may wait. */
  waits: boolean;
  address: Uint8Array | null = null;
  isListening = false;
  /** Of a packet socket: frames come to it. */
  hears = false;
  /** Of an AF_INET6 stream: the first connect was to an IPv4-mapped address. Linux speaks nothing else from then on. */
  isMapped: boolean | null = null;
  isConnected = false;
  peer: Thing | null = null;
  /** Connections that wait, or messages. */
  pending = 0;
  /** Of a listener: the sockets whose connections wait, so that accept knows its peer. */
  clients: Thing[] = [];
  /** Descriptors in the messages that wait here. */
  cargo: Thing[][] = [];

  constructor(kind: Kind, domain: number, waits: boolean) {
    this.kind = kind;
    this.domain = domain;
    this.waits = waits;
  }

  get isSocket(): boolean {
    return this.domain !== 0;
  }

  get isUnix(): boolean {
    return this.kind.startsWith('unix');
  }

  get isStream(): boolean {
    return this.kind === 'tcp' || this.kind === 'unix-stream' || this.kind === 'unix-seqpacket';
  }
}

export interface Name {
  readonly name: string;
  readonly process: 'p1' | 'p2';
  readonly thing: Thing;
}

export class Model {
  readonly random: SeededRandom;
  names: Name[] = [];
  /** System V identifiers, by the call that made them; how many messages wait there. */
  readonly identifiers: { name: string; call: string; sent?: number }[] = [];
  hasChild = false;
  /** A child could not begin any more, or not as this model has it. */
  forksNoMore = false;
  /** What a process has set, so that it knows what it will be told: `p1 groups`, `p1 limit 7`. */
  readonly known = new Set<string>();
  /** Processes that have changed their user ids: what they may do is left to the kernels. */
  readonly others = new Set<'p1' | 'p2'>();
  /** What may be there under these names. */
  readonly paths: string[] = [];
  /** What the next call is chosen from. */
  topic: readonly Choose[] = [];
  /** Calls may wait: each process has many tasks. */
  readonly mayWait: boolean;
  private made = 0;
  private ports = 0;

  constructor(random: SeededRandom, mayWait: boolean) {
    this.random = random;
    this.mayWait = mayWait;
  }

  below(n: number): number {
    return below(this.random, n);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** Another one each time, below the range of automatic ports. */
  port(): number {
    return 5000 + this.ports++;
  }

  fresh(): string {
    return `d${++this.made}`;
  }

  add(process: 'p1' | 'p2', thing: Thing): Name {
    const name = { name: this.fresh(), process, thing };
    this.names.push(name);
    return name;
  }

  of(process: 'p1' | 'p2'): Name[] {
    return this.names.filter((each) => each.process === process);
  }

  /** A name of the process whose thing fits; now and then any. */
  find(process: 'p1' | 'p2', fits: (thing: Thing) => boolean, senseless = 4): Name | null {
    const own = this.of(process);
    if (own.length === 0) return null;
    if (this.chance(senseless)) return this.pick(own);
    const fitting = own.filter(({ thing }) => fits(thing));
    return fitting.length > 0 ? this.pick(fitting) : null;
  }

  /** What a name stands for; null when nobody has it any more. */
  thingOf(name: string): Thing | null {
    return this.names.find((each) => each.name === name)?.thing ?? null;
  }

  /** The child has what its parent has: descriptors under the same names, limits, ids. */
  fork(): void {
    this.hasChild = true;
    this.known.add('p1 child');
    for (const { name, thing } of this.of('p1')) this.names.push({ name, process: 'p2', thing });
    for (const each of this.known) if (each.startsWith('p1 ')) this.known.add(`p2 ${each.slice(3)}`);
    if (this.others.has('p1')) this.others.add('p2');
  }

  /** The child has ended. */
  childEnded(): void {
    this.hasChild = false;
    this.names = this.names.filter(({ process }) => process !== 'p2');
    for (const each of this.known) if (each.startsWith('p2 ')) this.known.delete(each);
    this.others.delete('p2');
  }

  drop(name: string): void {
    this.names = this.names.filter((each) => each.name !== name);
  }

  things(): Set<Thing> {
    return new Set(this.names.map(({ thing }) => thing));
  }
}
