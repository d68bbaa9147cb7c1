/**
 * The sending side of a wire with a rate: one frame is being sent, the others wait in a drop-tail queue.
 *
 *   enqueue -> | waiting ... waiting | -> being sent (bytes * 8 / rate) -> wire.travel
 *
 * Times follow from the end of the frame before, not from when the loop got round to it: a late real clock does not
 * lower the rate.
 */
import { EventSource, type Loop } from '../base/loop.ts';
import type { Packet } from './packet.ts';
import type { Wire } from './wire.ts';
import type { WireConditions } from './wire-conditions.ts';

export class Transmitter extends EventSource {
  private readonly loop: Loop;
  private readonly wire: Wire;
  private sending: Packet | null = null;
  private first: Packet | null = null;
  private last: Packet | null = null;
  private waitingPackets = 0;
  private waitingBytes = 0;

  constructor(loop: Loop, wire: Wire) {
    super();
    this.loop = loop;
    this.wire = wire;
  }

  get busy(): boolean {
    return this.sending !== null;
  }

  /** Takes over `p`; false when the queue is full (`p` is released). */
  enqueue(p: Packet, conditions: WireConditions): boolean {
    p.next = null;
    if (this.sending === null) {
      this.start(p, conditions, this.loop.now);
      this.loop.update(this);
      return true;
    }
    const { queuePackets, queueBytes } = conditions;
    const length = p.length;
    if (
      (queuePackets !== 0 && this.waitingPackets >= queuePackets) ||
      (queueBytes !== 0 && this.waitingBytes + length > queueBytes)
    ) {
      p.release();
      return false;
    }
    this.waitingPackets++;
    this.waitingBytes += length;
    if (this.last === null) this.first = p;
    else this.last.next = p;
    this.last = p;
    return true;
  }

  override run(): void {
    const p = this.sending as Packet;
    const departedAt = this.at;
    const next = this.first;
    if (next === null) {
      this.sending = null;
      this.at = Infinity;
    } else {
      this.first = next.next;
      if (this.first === null) this.last = null;
      next.next = null;
      this.waitingPackets--;
      this.waitingBytes -= next.length;
      this.start(next, this.wire.conditions, departedAt);
    }
    this.loop.update(this);
    orphan(p);
    this.wire.departedAt = departedAt;
    this.wire.travel(p);
  }

  /** Drops everything; returns how many frames that were. */
  clear(): number {
    let gone = 0;
    if (this.sending !== null) {
      this.sending.release();
      this.sending = null;
      gone++;
    }
    while (this.first !== null) {
      const p: Packet = this.first;
      this.first = p.next;
      p.release();
      gone++;
    }
    this.last = null;
    this.waitingPackets = 0;
    this.waitingBytes = 0;
    this.at = Infinity;
    this.loop.update(this);
    return gone;
  }

  private start(p: Packet, conditions: WireConditions, from: number): void {
    const rate = conditions.rateBitsPerSecond;
    this.sending = p;
    // A rate that was lifted while frames wait lets them go at once.
    this.at = rate === 0 ? from : from + (p.length * 8e6) / rate;
    this.order = ++this.loop.sequence;
  }
}

/**
 * Tells the sender that its memory is free: from here on the frame is the network's. Linux's drivers do the same when a
 * frame has left the card, so that a long path does not use up the send buffer.
 */
export function orphan(p: Packet): void {
  const owner = p.owner;
  if (owner === null) return;
  p.owner = null;
  owner.released(p.truesize);
}
