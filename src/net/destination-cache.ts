/**
 * Results of route lookups, so that answers (echo replies, resets, ICMP errors) and new endpoints share them, and a
 * learnt path MTU finds every Destination it concerns.
 *
 * A full bucket lets the one go that was asked for least recently. Whoever keeps that one goes on to use it, since it is
 * as good as before: a flood of spoofed addresses costs nobody else a lookup. It is marked, and looks after its path MTU
 * itself (RouteLookup.refreshPathMtu).
 */
import type { IpAddress } from '../base/inet-address.ts';
import type { Device } from '../link/device.ts';
import type { Packet } from '../link/packet.ts';
import type { Destination } from './destination.ts';

const BUCKETS = 64;
/** 2,048 destinations in all. Also the longest walk that an attacker who knows the hash can force. */
const PER_BUCKET = 32;

export class DestinationCache {
  private readonly buckets: (Destination | null)[] = new Array<Destination | null>(BUCKETS).fill(null);
  private readonly counts = new Uint8Array(BUCKETS);
  private generation = 0;

  /** Forgets everything when the network has changed since. */
  refresh(generation: number): void {
    if (generation === this.generation) return;
    this.generation = generation;
    this.buckets.fill(null);
    this.counts.fill(0);
  }

  get size(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  find(to: IpAddress, from: IpAddress | null, bound: Device | null, onLink: boolean): Destination | null {
    let before: Destination | null = null;
    for (let d = this.buckets[hash(to)]; d !== null; before = d, d = d.nextCached) {
      if (!d.to.equals(to) || d.askedDevice !== bound || d.askedOnLink !== onLink) continue;
      const asked = d.askedFrom;
      if (asked === from || (asked !== null && from !== null && asked.equals(from))) return this.touch(d, before);
    }
    return null;
  }

  /** As `find` for words, with any source and device: for packets that answer. Null when nothing was looked up yet. */
  findAny(a: number, b: number, c: number, d: number): Destination | null {
    let before: Destination | null = null;
    for (let here = this.buckets[hashWords(b, d)]; here !== null; before = here, here = here.nextCached) {
      if (here.askedFrom !== null || here.askedDevice !== null || here.askedOnLink) continue;
      if (here.to.is(a, b, c, d)) return this.touch(here, before);
    }
    return null;
  }

  /** As `find` for the words of a packet's source and destination: the way back from where it came to. */
  findBack(p: Packet, bound: Device | null, onLink: boolean): Destination | null {
    let before: Destination | null = null;
    for (let d = this.buckets[hashWords(p.srcB, p.srcD)]; d !== null; before = d, d = d.nextCached) {
      const from = d.askedFrom;
      if (d.askedDevice !== bound || d.askedOnLink !== onLink || from === null) continue;
      if (d.to.is(p.srcA, p.srcB, p.srcC, p.srcD) && from.is(p.dstA, p.dstB, p.dstC, p.dstD)) return this.touch(d, before);
    }
    return null;
  }

  /** `pathEpoch` is the time of path MTUs that a Destination which has to go has seen (PathMtuTable.epoch). */
  add(d: Destination, from: IpAddress | null, bound: Device | null, onLink: boolean, pathEpoch: number): void {
    const at = hash(d.to);
    d.askedFrom = from;
    d.askedDevice = bound;
    d.askedOnLink = onLink;
    if (this.counts[at] === PER_BUCKET) this.dropLast(at, pathEpoch);
    this.counts[at]++;
    d.nextCached = this.buckets[at];
    this.buckets[at] = d;
  }

  /** First destination of the bucket in which all those to `to` are; follow `nextCached` and compare. */
  first(to: IpAddress): Destination | null {
    return this.buckets[hash(to)];
  }

  /** Moves what was found behind `before` to the front of its bucket. */
  private touch(d: Destination, before: Destination | null): Destination {
    if (before === null) return d;
    const at = hash(d.to);
    before.nextCached = d.nextCached;
    d.nextCached = this.buckets[at];
    this.buckets[at] = d;
    return d;
  }

  private dropLast(at: number, pathEpoch: number): void {
    let before: Destination | null = null;
    let last = this.buckets[at] as Destination;
    while (last.nextCached !== null) {
      before = last;
      last = last.nextCached;
    }
    (before as Destination).nextCached = null;
    last.isCached = false;
    last.pathEpoch = pathEpoch;
    this.counts[at]--;
  }
}

function hash(to: IpAddress): number {
  return hashWords(to.b, to.d);
}

function hashWords(b: number, d: number): number {
  const mixed = d ^ b ^ (d >>> 16);
  return (mixed ^ (mixed >>> 8)) & (BUCKETS - 1);
}
