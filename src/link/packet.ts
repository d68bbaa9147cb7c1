/**
 * Packets: one model for every layer, in both directions.
 *
 * A packet is a linear *head* (headers, with headroom in front) and a list of payload *ranges* in chunks:
 *
 *   bytes   | headroom ........ | head .......... headEnd | (tail room) |      ranges -> {chunk, offset, length} -> ...
 *                                 l2   l3   l4
 *
 * Output pushes headers into the headroom and refers to payload where it lies; input moves `head` forward. A packet has
 * one owner: doc lines say "takes over `p`" or "borrows `p`". Packets and their head buffers are pooled per process.
 */
import type { ByteSource } from '../base/byte-source.ts';
import {
  type Chunk, type ChunkWriter, copyBytes, KEEP_COPY_BYTES, type Range, releaseRange, releaseRanges, takeRange,
} from '../base/slab.ts';
import type { StreamBuffer } from '../base/stream-buffer.ts';
import type { Device } from './device.ts';

/** Room in front of a fresh packet's head: Ethernet with a VLAN tag, IPv6 with extension headers or IPv4, TCP options. */
export const HEADROOM = 144;
/** Size of a pooled head buffer. `ensureHead` gives a larger one to the rare packet that needs it. */
export const HEAD_SIZE = 512;

/** Where a packet's transport checksum stands (TCP, UDP; ICMP is always full). */
export const ChecksumState = {
  /** Output: the field holds the whole checksum. Input: not yet verified. */
  Full: 0,
  /** The field holds the folded, un-inverted pseudo-header sum; the last device completes it. */
  Partial: 1,
  /** Input: a device or an earlier layer has verified it. */
  Verified: 2,
} as const;
export type ChecksumState = (typeof ChecksumState)[keyof typeof ChecksumState];

/**
 * Who sent a packet and waits for room: told when it has left the card (`orphan`) or is gone. UDP senders; TCP's account
 * goes by what is acknowledged, and its packets have no owner.
 */
export interface PacketOwner {
  released(truesize: number): void;
}

/** Whom a frame was sent to, as in sockaddr_ll's sll_pkttype. */
export const FrameFor = { Host: 0, Broadcast: 1, Multicast: 2, OtherHost: 3 } as const;

export class PacketStatistics {
  packetsInUse = 0;
}
export const packetStatistics = new PacketStatistics();

export class Packet implements ByteSource {
  /** The head's memory. One view of each kind is made with it and kept. */
  bytes: Uint8Array;
  view: DataView;
  /** First byte of the head that still counts, and the byte after its last. */
  head = HEADROOM;
  headEnd = HEADROOM;
  /** Where the Ethernet, IP and transport headers begin (absolute in `bytes`); -1 when not known. */
  l2 = -1;
  l3 = -1;
  l4 = -1;
  /** Length of the transport header and payload, as the IP layer knows it. */
  l4Len = 0;
  /** Payload behind the head. */
  ranges: Range | null = null;
  private lastRange: Range | null = null;
  /** Bytes in `ranges`. */
  rangesLen = 0;

  /** The MSS to cut at; 0 when this is one segment. */
  gsoSize = 0;
  checksumState: ChecksumState = ChecksumState.Full;
  /** Offset of the checksum field from `l4` (16 TCP, 6 UDP); meaningful when the state is Partial. */
  checksumOffset = 0;
  owner: PacketOwner | null = null;
  truesize = 0;

  /** Input: device it came from; addresses as int32 words in network order, IPv4 as ::ffff:a.b.c.d. */
  device: Device | null = null;
  isV4 = false;
  protocol = 0;
  ttl = 0;
  tos = 0;
  srcA = 0;
  srcB = 0;
  srcC = 0;
  srcD = 0;
  dstA = 0;
  dstB = 0;
  dstC = 0;
  dstD = 0;
  /** A datagram in a receive queue: the port it came from. */
  srcPort = 0;
  /** A fragment that waits for others: where its bytes belong, and where the header in front of IPv6's fragment header is. */
  fragmentOffset = 0;
  previousHeaderAt = 0;
  /** Whom the frame was sent to: one of `FrameFor`. */
  frameFor = 0;
  /** SO_MARK and SO_PRIORITY of its sender, for receivers on the same host. */
  mark = 0;
  priority = 0;
  /** Put together from fragments: how long the longest of them was, header included; 0 for one that came whole. */
  largestFragment = 0;
  /** Output to a group: no copy comes back to this host (IP_MULTICAST_LOOP is off). */
  staysOut = false;
  /**
   * Wires: when it arrives, and its place among equal times. In a receive queue: when it came (0: nobody asked), and how many
   * were lost before it. Doubles from birth.
   */
  dueAt = 0.5;
  order = 0.5;
  next: Packet | null = null;

  constructor(buffer: ArrayBuffer, at: number, size: number) {
    this.bytes = new Uint8Array(buffer, at, size);
    this.view = new DataView(buffer, at, size);
  }

  /** Bytes from `head` to the end of the last range. */
  get length(): number {
    return this.headEnd - this.head + this.rangesLen;
  }

  // ByteSource, from `head` on: what filters read. Most of it lies in the head; callers stay below `length`.

  byteAt(at: number): number {
    const linear = this.headEnd - this.head;
    if (at < linear) return this.bytes[this.head + at] as number;
    let left = at - linear;
    let range = this.ranges as Range;
    while (left >= range.length) {
      left -= range.length;
      range = range.next as Range;
    }
    return (range.chunk as Chunk).bytes[range.offset + left] as number;
  }

  uint16At(at: number): number {
    if (at + 2 <= this.headEnd - this.head) return this.view.getUint16(this.head + at);
    return (this.byteAt(at) << 8) | this.byteAt(at + 1);
  }

  int32At(at: number): number {
    if (at + 4 <= this.headEnd - this.head) return this.view.getInt32(this.head + at);
    return (this.byteAt(at) << 24) | (this.byteAt(at + 1) << 16) | (this.byteAt(at + 2) << 8) | this.byteAt(at + 3);
  }

  /** Makes room for `n` header bytes in front of the head and returns where they begin. */
  push(n: number): number {
    this.head -= n;
    if (this.head < 0) throw new Error(`no headroom for ${n} bytes`);
    return this.head;
  }

  /** Makes room for `n` bytes behind the head (before any ranges) and returns where they begin. */
  put(n: number): number {
    if (this.headEnd + n > this.bytes.length) this.ensureHead(this.headEnd + n);
    const at = this.headEnd;
    this.headEnd += n;
    return at;
  }

  /** Grows the head buffer to at least `size` bytes. Rare: its memory is not pooled. */
  ensureHead(size: number): void {
    if (size <= this.bytes.length) return;
    const bytes = new Uint8Array(size);
    bytes.set(this.bytes);
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }

  /** Makes room for `n` bytes in front of the head, more than HEADROOM may have left. Rare: the memory is not pooled. */
  growHeadroom(n: number): void {
    if (this.head >= n) return;
    const more = n - this.head;
    const bytes = new Uint8Array(this.bytes.length + more);
    bytes.set(this.bytes, more);
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
    this.head += more;
    this.headEnd += more;
    if (this.l2 >= 0) this.l2 += more;
    if (this.l3 >= 0) this.l3 += more;
    if (this.l4 >= 0) this.l4 += more;
  }

  /**
   * Makes at least `n` bytes from `head` on linear, pulling them out of the ranges; false when the packet is shorter.
   * Parsers call it before they read a header.
   */
  pull(n: number): boolean {
    let missing = n - (this.headEnd - this.head);
    if (missing <= 0) return true;
    if (missing > this.rangesLen) return false;
    while (missing > 0) {
      const range = this.ranges as Range;
      const take = missing < range.length ? missing : range.length;
      const at = this.put(take);
      copyBytes((range.chunk as Chunk).bytes, range.offset, this.bytes, at, take);
      this.dropRanges(take);
      missing -= take;
    }
    return true;
  }

  /** Appends a range (takes a reference to its chunk). */
  addRange(chunk: Chunk, offset: number, length: number): void {
    // An empty range would stop whoever walks the list.
    if (length === 0) return;
    const last = this.lastRange;
    this.rangesLen += length;
    if (last !== null && last.chunk === chunk && last.offset + last.length === offset) {
      last.length += length;
      return;
    }
    const range = takeRange(chunk, offset, length);
    if (last === null) this.ranges = range;
    else last.next = range;
    this.lastRange = range;
  }

  /** Refers to `length` bytes of a stream buffer from `offset` on; nothing is copied. */
  refer(buffer: StreamBuffer, offset: number, length: number): void {
    let left = length;
    if (left <= 0) return;
    let range: Range | null = buffer.seek(offset);
    let into = buffer.seekInto;
    while (left > 0 && range !== null) {
      const here = range.length - into;
      const n = left < here ? left : here;
      this.addRange(range.chunk as Chunk, range.offset + into, n);
      left -= n;
      into = 0;
      range = range.next;
    }
  }

  /** Appends a copy of user bytes as payload. */
  addBytes(from: Uint8Array, fromAt: number, length: number, writer: ChunkWriter): void {
    let at = fromAt;
    let left = length;
    writer.rewind();
    while (left > 0) {
      const room = writer.reserve(left);
      const n = left < room ? left : room;
      const chunk = writer.chunk as Chunk;
      copyBytes(from, at, chunk.bytes, writer.used, n);
      this.addRange(chunk, writer.used, n);
      writer.used += n;
      at += n;
      left -= n;
    }
  }

  /** Cuts `n` bytes off the front (head first, then ranges). */
  trimFront(n: number): void {
    const linear = this.headEnd - this.head;
    if (n <= linear) {
      this.head += n;
      return;
    }
    this.head = this.headEnd;
    this.dropRanges(n - linear);
  }

  /** Cuts the packet to `length` bytes from `head` on. */
  trimTo(length: number): void {
    const linear = this.headEnd - this.head;
    if (length <= linear) {
      this.headEnd = this.head + length;
      if (this.ranges !== null) this.dropRanges(this.rangesLen);
      return;
    }
    let keep = length - linear;
    if (keep >= this.rangesLen) return;
    this.rangesLen = keep;
    let range = this.ranges as Range;
    while (range.length < keep) {
      keep -= range.length;
      range = range.next as Range;
    }
    range.length = keep;
    releaseRanges(range.next);
    range.next = null;
    this.lastRange = range;
  }

  /** Gives the ranges away (with their references): a receive buffer takes them over. */
  takeRanges(): Range | null {
    const first = this.ranges;
    this.ranges = null;
    this.lastRange = null;
    this.rangesLen = 0;
    return first;
  }

  /** Before the packet waits for long: small payload in ranges moves into `writer`'s chunk. The head stays as it is. */
  keepRanges(writer: ChunkWriter): void {
    if (this.rangesLen === 0 || this.rangesLen > KEEP_COPY_BYTES) return;
    let last = this.ranges as Range;
    writer.keep(last);
    while (last.next !== null) last = last.next;
    this.lastRange = last;
  }

  /** Copies what is left of the head in front of the ranges into chunk memory, so that all payload is in ranges. */
  headToRanges(writer: ChunkWriter): void {
    const linear = this.headEnd - this.head;
    if (linear === 0) return;
    const rest = this.ranges;
    const restLast = this.lastRange;
    const restLen = this.rangesLen;
    this.ranges = null;
    this.lastRange = null;
    this.rangesLen = 0;
    this.addBytes(this.bytes, this.head, linear, writer);
    this.head = this.headEnd;
    if (rest !== null) {
      (this.lastRange as Range | null as Range).next = rest;
      this.lastRange = restLast;
      this.rangesLen += restLen;
    }
  }

  /** Copies `length` bytes from `offset` behind `head` on into an array; returns the count that was there. */
  copyOut(offset: number, to: Uint8Array, toAt: number, length: number): number {
    let skip = offset;
    let at = toAt;
    let left = Math.min(length, this.length - offset);
    if (left <= 0) return 0;
    const total = left;
    const linear = this.headEnd - this.head;
    if (skip < linear) {
      const n = Math.min(left, linear - skip);
      copyBytes(this.bytes, this.head + skip, to, at, n);
      at += n;
      left -= n;
      skip = 0;
    } else {
      skip -= linear;
    }
    let range = this.ranges;
    while (left > 0 && range !== null) {
      if (skip >= range.length) {
        skip -= range.length;
      } else {
        const n = Math.min(left, range.length - skip);
        copyBytes((range.chunk as Chunk).bytes, range.offset + skip, to, at, n);
        at += n;
        left -= n;
        skip = 0;
      }
      range = range.next;
    }
    return total;
  }

  /** The whole packet from `head` on as one fresh array (captures, tests, quotes in errors). */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.length);
    this.copyOut(0, bytes, 0, bytes.length);
    return bytes;
  }

  /** A copy with a head of its own and the same ranges: duplication, flooding, taps. Has no owner. */
  clone(): Packet {
    const copy = takePacket();
    copy.ensureHead(this.bytes.length);
    copyBytes(this.bytes, this.head, copy.bytes, this.head, this.headEnd - this.head);
    copy.head = this.head;
    copy.headEnd = this.headEnd;
    copy.l2 = this.l2;
    copy.l3 = this.l3;
    copy.l4 = this.l4;
    copy.l4Len = this.l4Len;
    for (let range = this.ranges; range !== null; range = range.next) {
      copy.addRange(range.chunk as Chunk, range.offset, range.length);
    }
    copy.gsoSize = this.gsoSize;
    copy.checksumState = this.checksumState;
    copy.checksumOffset = this.checksumOffset;
    copy.device = this.device;
    copy.frameFor = this.frameFor;
    copy.isV4 = this.isV4;
    copy.protocol = this.protocol;
    copy.ttl = this.ttl;
    copy.tos = this.tos;
    copy.mark = this.mark;
    copy.priority = this.priority;
    copy.largestFragment = this.largestFragment;
    copy.srcA = this.srcA;
    copy.srcB = this.srcB;
    copy.srcC = this.srcC;
    copy.srcD = this.srcD;
    copy.dstA = this.dstA;
    copy.dstB = this.dstB;
    copy.dstC = this.dstC;
    copy.dstD = this.dstD;
    return copy;
  }

  /** The end of this packet: its ranges, its owner's account and its head go back. */
  release(): void {
    if (this.ranges !== null) {
      releaseRanges(this.ranges);
      this.ranges = null;
      this.lastRange = null;
      this.rangesLen = 0;
    }
    const owner = this.owner;
    if (owner !== null) {
      this.owner = null;
      owner.released(this.truesize);
    }
    packetStatistics.packetsInUse--;
    // A grown head's memory is left to the collector; pooled packets all have the same size.
    if (this.bytes.length !== HEAD_SIZE) return;
    this.device = null;
    this.next = freePackets;
    freePackets = this;
  }

  private dropRanges(n: number): void {
    let left = n;
    this.rangesLen -= n;
    while (left > 0) {
      const range = this.ranges as Range;
      if (range.length > left) {
        range.offset += left;
        range.length -= left;
        return;
      }
      left -= range.length;
      this.ranges = range.next;
      if (this.ranges === null) this.lastRange = null;
      releaseRange(range);
    }
  }
}

const PACKETS_PER_SLAB = 64;
let freePackets: Packet | null = null;

/** A fresh packet: empty head at HEADROOM, no ranges. Belongs to the caller. */
export function takePacket(): Packet {
  if (freePackets === null) {
    const slab = new ArrayBuffer(HEAD_SIZE * PACKETS_PER_SLAB);
    for (let i = PACKETS_PER_SLAB - 1; i >= 0; i--) {
      const packet = new Packet(slab, i * HEAD_SIZE, HEAD_SIZE);
      packet.next = freePackets;
      freePackets = packet;
    }
  }
  const p = freePackets as Packet;
  freePackets = p.next;
  p.next = null;
  p.head = HEADROOM;
  p.headEnd = HEADROOM;
  p.l2 = -1;
  p.l3 = -1;
  p.l4 = -1;
  p.l4Len = 0;
  p.gsoSize = 0;
  p.checksumState = ChecksumState.Full;
  p.checksumOffset = 0;
  p.truesize = 0;
  p.frameFor = FrameFor.Host;
  p.staysOut = false;
  p.mark = 0;
  p.priority = 0;
  p.largestFragment = 0;
  packetStatistics.packetsInUse++;
  return p;
}
