/**
 * Results of route lookups, so that answers (echo replies, resets, ICMP errors) and new endpoints share them, and a
 * learnt path MTU finds every Destination it concerns.
 */
import type { IpAddress } from '../base/inet-address.ts';
import type { Device } from '../link/device.ts';
import type { Packet } from '../link/packet.ts';
import type { Destination } from './destination.ts';

const BUCKETS = 64;
/** More remote addresses than this start the cache afresh (which raises the generation). */
const MAX_DESTINATIONS = 2048;

export class DestinationCache {
  private readonly buckets: (Destination | null)[] = new Array<Destination | null>(BUCKETS).fill(null);
  private count = 0;
  private generation = 0;

  /** Forgets everything when the network has changed since. */
  refresh(generation: number): void {
    if (generation === this.generation) return;
    this.generation = generation;
    if (this.count === 0) return;
    this.buckets.fill(null);
    this.count = 0;
  }

  get full(): boolean {
    return this.count >= MAX_DESTINATIONS;
  }

  find(to: IpAddress, from: IpAddress | null, bound: Device | null, onLink: boolean): Destination | null {
    for (let d = this.buckets[hash(to)]; d !== null; d = d.nextCached) {
      if (!d.to.equals(to) || d.askedDevice !== bound || d.askedOnLink !== onLink) continue;
      const asked = d.askedFrom;
      if (asked === from || (asked !== null && from !== null && asked.equals(from))) return d;
    }
    return null;
  }

  /** As `find` for words, with any source and device: for packets that answer. Null when nothing was looked up yet. */
  findAny(a: number, b: number, c: number, d: number): Destination | null {
    for (let here = this.buckets[hashWords(b, d)]; here !== null; here = here.nextCached) {
      if (here.askedFrom === null && here.askedDevice === null && !here.askedOnLink && here.to.is(a, b, c, d)) return here;
    }
    return null;
  }

  /** As `find` for the words of a packet's source and destination: the way back from where it came to. */
  findBack(p: Packet, bound: Device | null, onLink: boolean): Destination | null {
    for (let d = this.buckets[hashWords(p.srcB, p.srcD)]; d !== null; d = d.nextCached) {
      const from = d.askedFrom;
      if (d.askedDevice !== bound || d.askedOnLink !== onLink || from === null || !d.to.is(p.srcA, p.srcB, p.srcC, p.srcD)) continue;
      if (from.is(p.dstA, p.dstB, p.dstC, p.dstD)) return d;
    }
    return null;
  }

  add(d: Destination, from: IpAddress | null, bound: Device | null, onLink: boolean): void {
    const at = hash(d.to);
    d.askedOnLink = onLink;
    d.askedFrom = from;
    d.askedDevice = bound;
    d.nextCached = this.buckets[at];
    this.buckets[at] = d;
    this.count++;
  }

  /** First destination of the bucket in which all those to `to` are; follow `nextCached` and compare. */
  first(to: IpAddress): Destination | null {
    return this.buckets[hash(to)];
  }
}

function hash(to: IpAddress): number {
  return hashWords(to.b, to.d);
}

function hashWords(b: number, d: number): number {
  const mixed = d ^ b ^ (d >>> 16);
  return (mixed ^ (mixed >>> 8)) & (BUCKETS - 1);
}
