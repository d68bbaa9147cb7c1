/**
 * Frames that a packet socket has seen and nobody has read. Each is a copy with a head of its own, the payload shared, and
 * charged against SO_RCVBUF. Records are used again.
 */
import { inPages, LARGEST_HEAD, LEAST_TRUESIZE, linearTruesize, SHARED_INFO } from '../../base/buffer-size.ts';
import type { HostContext } from '../../base/host-context.ts';
import type { KernelMemory } from '../../base/kernel-memory.ts';
import type { ChunkWriter } from '../../base/slab.ts';
import type { Packet } from '../../link/packet.ts';

export class SeenFrame {
  /** From the link header on, or for SOCK_DGRAM from what follows it. */
  packet: Packet | null = null;
  /** Length before a filter cut it. */
  wholeLength = 0;
  interfaceIndex = 0;
  hardwareType = 0;
  protocol = 0;
  packetType = 0;
  sourceHi = 0;
  sourceLo = 0;
  /** Where the network header begins, from the packet's head. */
  networkAt = 0;
  status = 0;
  vlanTag = 0;
  vlanProtocol = 0;
  truesize = 0;
  /** When it came, in the loop's time, and how many were lost before; 0 for sockets that do not ask. */
  arrivedUs = 0;
  lost = 0;
  next: SeenFrame | null = null;
}

let spare: SeenFrame | null = null;

export function takeSeenFrame(): SeenFrame {
  const frame = spare;
  if (frame === null) return new SeenFrame();
  spare = frame.next;
  frame.next = null;
  return frame;
}

/** What senders leave free in front. */
const RESERVED = 16;

/** What Linux charges for a frame of this length in one block of memory; beyond the largest block it lies in pages. */
export function frameTruesize(length: number): number {
  const linear = length + RESERVED;
  return linear + SHARED_INFO <= LARGEST_HEAD ? linearTruesize(linear) : LEAST_TRUESIZE + inPages(length);
}

export class FrameQueue {
  first: SeenFrame | null = null;
  private last: SeenFrame | null = null;
  /** sk_rmem_alloc. */
  charged = 0;
  private readonly keeper: ChunkWriter;
  private readonly memory: KernelMemory;

  constructor({ keeper, memory }: HostContext) {
    this.keeper = keeper;
    this.memory = memory;
  }

  /** The host has no memory for another frame; one alone is kept all the same. */
  get lacksMemory(): boolean {
    return this.memory.refuses(this.charged, 0);
  }

  put(frame: SeenFrame): void {
    // Unread for long, a small payload must not hold a sender's whole chunk.
    (frame.packet as Packet).keepRanges(this.keeper);
    this.charged += frame.truesize;
    this.memory.hold(frame.truesize);
    if (this.last === null) this.first = frame;
    else this.last.next = frame;
    this.last = frame;
  }

  dropFirst(): void {
    const frame = this.first as SeenFrame;
    this.first = frame.next;
    if (this.first === null) this.last = null;
    this.charged -= frame.truesize;
    this.memory.letGo(frame.truesize);
    (frame.packet as Packet).release();
    frame.packet = null;
    frame.next = spare;
    spare = frame;
  }

  clear(): void {
    while (this.first !== null) this.dropFirst();
  }
}
