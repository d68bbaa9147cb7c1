/**
 * One direction of a cable: frames go in at one end's `transmit` and come out at the other end as events of the loop.
 *
 *   accept: cut at gsoSize -> MTU -> (rate: Transmitter, queue) -> travel: loss, duplicate, corrupt -> delay -> arrived
 *
 * The faults strike what is on the wire, behind the transmitter: a lost frame has used its share of the rate, and a
 * duplicate uses none. Nothing of the receiver runs inside the sender's call, and nothing is allocated per frame.
 * Frames in order form a list; those that jitter or reordering moved wait in a heap beside it.
 */
import { EventSource, type Loop } from '../base/loop.ts';
import { below, chance, type RandomSource } from '../base/random.ts';
import { frameFits } from './frame-size.ts';
import { dueBefore, PacketHeap } from './packet-heap.ts';
import { ChecksumState, type Packet } from './packet.ts';
import { completeChecksum, cutSegments } from './segment.ts';
import { orphan, Transmitter } from './transmitter.ts';
import { WireConditions, WireStatistics } from './wire-conditions.ts';

/** Where a wire ends. */
export interface WireEnd {
  /** A frame arrived. Takes over `p`. */
  arrived(p: Packet): void;
  /** Several frames arrived one right behind the other: a list by `next`. Takes them over. */
  burst(first: Packet): void;
}

export class Wire extends EventSource {
  readonly conditions: WireConditions = new WireConditions();
  readonly statistics: WireStatistics = new WireStatistics();
  /** Longest frame without its Ethernet header. */
  mtuBytes: number;
  /** When the frame that is about to travel left the transmitter. A double from birth. */
  departedAt = 0.5;

  private readonly loop: Loop;
  private readonly random: RandomSource;
  private readonly end: WireEnd;
  private readonly transmitter: Transmitter;
  private readonly passesSegments: boolean;
  private cuts = false;
  private blocked = false;
  private first: Packet | null = null;
  private last: Packet | null = null;
  private readonly moved = new PacketHeap();
  /** `order` of the latest-sent frame that has arrived. */
  private newestArrived = 0.5;
  private readonly piece = (p: Packet): void => this.enter(p);

  /** `offload`: 64 KiB segments may pass while the wire is perfect. */
  constructor(loop: Loop, random: RandomSource, end: WireEnd, mtuBytes: number, offload: boolean) {
    super();
    this.loop = loop;
    this.random = random;
    this.end = end;
    this.mtuBytes = mtuBytes;
    this.passesSegments = offload;
    this.transmitter = new Transmitter(loop, this);
    this.conditionsChanged();
  }

  /** Takes notice of changed conditions; frames on their way keep what they had. */
  conditionsChanged(): void {
    this.cuts = !this.passesSegments || !this.conditions.perfect;
  }

  get isBlocked(): boolean {
    return this.blocked;
  }

  /** Nothing arrives any more, what is on the way included; or all is well again. */
  block(on: boolean): void {
    if (on && !this.blocked) this.sever();
    this.blocked = on;
  }

  /** The wire's door. Takes over `p`. */
  accept(p: Packet): void {
    if (p.gsoSize !== 0 && this.cuts) {
      this.statistics.cutApart++;
      cutSegments(p, this.piece);
    } else {
      this.enter(p);
    }
  }

  override run(): void {
    const first = this.takeFirst();
    let last = first;
    this.count(first);
    // Frames of one instant between which nothing else happened anywhere come together, as from a card's ring.
    for (let p = this.first; p !== null && this.moved.size === 0; p = this.first) {
      if (p.dueAt !== first.dueAt || p.order !== last.order + 1) break;
      this.count(p);
      last.next = this.takeFirst();
      last = p;
    }
    this.showNext();
    if (last === first) this.end.arrived(first);
    else this.end.burst(first);
  }

  private count(p: Packet): void {
    const { statistics } = this;
    statistics.delivered++;
    if (p.order < this.newestArrived) statistics.overtaken++;
    else this.newestArrived = p.order;
  }

  /** The frame has left the transmitter, at `departedAt`. Takes over `p`. */
  travel(p: Packet): void {
    const { conditions, statistics, random } = this;
    if (this.blocked) {
      statistics.lost++;
      p.release();
      return;
    }
    if (conditions.loss !== 0 && chance(random, conditions.loss)) {
      statistics.lost++;
      p.release();
      return;
    }
    const twice = conditions.duplicate !== 0 && chance(random, conditions.duplicate);
    if (twice) {
      statistics.duplicated++;
      this.depart(p.clone());
    }
    if (conditions.corrupt !== 0 && chance(random, conditions.corrupt)) {
      statistics.corrupted++;
      flipOneBit(p, random);
    }
    this.depart(p);
  }

  /** The cable was cut, or its world ends: everything on the way is gone. */
  sever(): void {
    let gone = this.transmitter.clear();
    while (this.first !== null || this.moved.size > 0) {
      this.takeFirst().release();
      gone++;
    }
    this.statistics.severed += gone;
    this.showNext();
  }

  /** The sender has lost its power: what has not left its transmitter never will. */
  dropQueued(): void {
    this.statistics.severed += this.transmitter.clear();
  }

  private enter(p: Packet): void {
    const statistics = this.statistics;
    statistics.offered++;
    if (!frameFits(p, this.mtuBytes)) {
      statistics.tooBig++;
      p.release();
    } else if (this.conditions.rateBitsPerSecond !== 0 || this.transmitter.busy) {
      if (!this.transmitter.enqueue(p, this.conditions)) statistics.queueDropped++;
    } else {
      orphan(p);
      this.departedAt = this.loop.now;
      this.travel(p);
    }
  }

  private depart(p: Packet): void {
    const { conditions, random } = this;
    let delayUs = conditions.delayUs;
    let inOrder = true;
    if (conditions.jitterUs !== 0) {
      inOrder = false;
      delayUs += below(random, 2 * conditions.jitterUs + 1) - conditions.jitterUs;
      if (delayUs < 0) delayUs = 0;
    }
    if (conditions.reorder !== 0 && chance(random, conditions.reorder)) {
      inOrder = false;
      this.statistics.heldBack++;
      delayUs += 1 + below(random, conditions.reorderUs);
    }
    p.dueAt = this.departedAt + delayUs;
    p.order = ++this.loop.sequence;
    p.next = null;
    const last = this.last;
    // A frame that is due before one ahead of it (its delay was shortened meanwhile) does not belong in the list.
    if (!inOrder || (last !== null && p.dueAt < last.dueAt)) {
      this.moved.push(p);
      if (this.moved.first === p) this.showNext();
      return;
    }
    if (last === null) this.first = p;
    else last.next = p;
    this.last = p;
    if (this.first === p) this.showNext();
  }

  /** The next frame to arrive; null when nothing is on the way. */
  private peek(): Packet | null {
    const listed = this.first;
    const moved = this.moved.first;
    if (moved === null) return listed;
    return listed === null || dueBefore(moved, listed) ? moved : listed;
  }

  private takeFirst(): Packet {
    const p = this.peek() as Packet;
    if (p !== this.first) return this.moved.shift();
    this.first = p.next;
    if (this.first === null) this.last = null;
    p.next = null;
    return p;
  }

  private showNext(): void {
    const next = this.peek();
    if (next === null) {
      this.at = Infinity;
    } else {
      this.at = next.dueAt;
      this.order = next.order;
    }
    this.loop.update(this);
  }
}

/**
 * Inverts one bit, anywhere from the Ethernet header to the last byte. The payload may still be the sender's (a
 * retransmission will need it unharmed), so all of it moves into the head first.
 */
function flipOneBit(p: Packet, random: RandomSource): void {
  completeChecksum(p);
  p.checksumState = ChecksumState.Full;
  const length = p.length;
  p.ensureHead(p.head + length);
  p.pull(length);
  const bit = below(random, length * 8);
  const at = p.head + (bit >> 3);
  p.bytes[at] = (p.bytes[at] as number) ^ (1 << (bit & 7));
}
