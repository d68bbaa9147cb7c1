/**
 * Packets ordered by (dueAt, order): what a wire holds when its frames do not arrive in the order they left.
 *
 * Used by wire.ts, and only for frames that jitter or reordering has moved; the others go through a plain list.
 */
import type { Packet } from './packet.ts';

export class PacketHeap {
  private readonly packets: Packet[] = [];

  get size(): number {
    return this.packets.length;
  }

  /** The packet that is due first; null when there is none. */
  get first(): Packet | null {
    return this.packets.length > 0 ? (this.packets[0] as Packet) : null;
  }

  /** Takes over `p`. */
  push(p: Packet): void {
    const heap = this.packets;
    let at = heap.length;
    heap.push(p);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const above = heap[up] as Packet;
      if (!dueBefore(p, above)) break;
      heap[at] = above;
      at = up;
    }
    heap[at] = p;
  }

  /** Takes the first packet off; the heap must not be empty. */
  shift(): Packet {
    const heap = this.packets;
    const first = heap[0] as Packet;
    const last = heap.pop() as Packet;
    const size = heap.length;
    if (size === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && dueBefore(heap[child + 1] as Packet, heap[child] as Packet)) child++;
      const below = heap[child] as Packet;
      if (!dueBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

/** Does `a` arrive before `b`? Equal times keep the order in which the frames were sent. */
export function dueBefore(a: Packet, b: Packet): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);
}
