/**
 * Software offload: completes partial checksums, and cuts super-segments into segments of real size.
 *
 * Called at every wire's door, by IPv4 and IPv6 output for devices without offload, and by whoever shows frames to
 * somebody who checks them (captures, TAP without offload). Works for any packet whose `l3` and `l4` are set, at
 * whatever header `head` stands.
 */
import { fold, pseudoHeaderSum4, pseudoHeaderSum6, updateChecksum, wordSum } from '../base/checksum.ts';
import type { Chunk, Range } from '../base/slab.ts';
import { packetSum } from './packet-checksum.ts';
import { ChecksumState, type Packet, takePacket } from './packet.ts';

/** Offsets in IPv4 and IPv6 headers, for this file and receive-offload.ts, which undoes what this one does. */
export const IP = {
  V4_TOTAL_LENGTH: 2, V4_ID: 4, V4_FRAGMENT: 6, V4_TTL: 8, V4_PROTOCOL: 9, V4_CHECKSUM: 10, V4_SRC: 12, V4_DST: 16,
  V6_PAYLOAD_LENGTH: 4, V6_SRC: 8, V6_DST: 24, V6_HEADER_LEN: 40,
} as const;
/** Offsets in TCP headers, and the flags that cutting and merging look at. */
export const TCP = {
  SEQ: 4, ACK: 8, OFFSET_FLAGS: 12, FLAGS: 13, CHECKSUM: 16, URGENT: 18, HEADER_LEN: 20, FIN: 0x01, PSH: 0x08, ACK_FLAG: 0x10, CWR: 0x80,
} as const;
const IPPROTO_TCP = 6;
/** Where UDP has its length and its checksum, and how long its header is. */
export const UDP = { LENGTH: 4, CHECKSUM: 6, HEADER_LEN: 8 } as const;

/** Turns a partial checksum into a full one. A super-segment's pieces have checksums of their own: cut it first. */
export function completeChecksum(p: Packet): void {
  if (p.checksumState !== ChecksumState.Partial) return;
  // The field holds the pseudo-header's sum and is part of what is added up.
  const checksum = ~packetSum(p, p.l4, 0) & 0xffff;
  // RFC 768: a computed zero goes out as all ones. For TCP both mean the same, and RFC 1624 wants zero; Linux, when it
  // completes a checksum itself, writes all ones for every protocol (skb_checksum_help).
  const value = checksum === 0 && p.checksumOffset === UDP.CHECKSUM ? 0xffff : checksum;
  p.view.setUint16(p.l4 + p.checksumOffset, value);
  p.checksumState = ChecksumState.Full;
}

/** Is this super-segment one of datagrams (UDP_SEGMENT)? Its checksum is partial, and where that stands tells. */
export function isDatagrams(p: Packet): boolean {
  return p.checksumOffset === UDP.CHECKSUM;
}

/** Bytes of the TCP or UDP header of a super-segment. */
export function segmentHeaderLen(p: Packet): number {
  if (isDatagrams(p)) return UDP.HEADER_LEN;
  return ((p.bytes[p.l4 + TCP.OFFSET_FLAGS] as number) >> 4) << 2;
}

/** How many segments `cutSegments` would make. */
export function segmentCount(p: Packet): number {
  if (p.gsoSize === 0) return 1;
  const payload = p.length - (p.l4 - p.head) - segmentHeaderLen(p);
  return payload <= p.gsoSize ? 1 : Math.ceil(payload / p.gsoSize);
}

/**
 * Cuts a super-segment at `gsoSize` and hands the pieces to `emit`, which takes them over, in order. Takes over
 * `p`. TCP's sequence numbers advance, FIN and PSH stay with the last piece and CWR with the first (RFC 3168 6.1.2), IPv4
 * identifications count up; payload is shared. Checksums of the pieces are partial. The last piece inherits the owner.
 */
export function cutSegments(p: Packet, emit: (piece: Packet) => void): void {
  const headerEnd = p.l4 + segmentHeaderLen(p);
  const headerLen = headerEnd - p.head;
  const size = p.gsoSize;
  const payload = p.length - headerLen;
  if (size === 0 || payload <= size) {
    p.gsoSize = 0;
    emit(p);
    return;
  }
  const isV4 = (p.bytes[p.l3] as number) >> 4 === 4;
  const wholeL4 = p.length - (p.l4 - p.head);
  const isUdp = isDatagrams(p);
  const checksumOffset = isUdp ? UDP.CHECKSUM : TCP.CHECKSUM;
  const pseudo = p.checksumState === ChecksumState.Partial ? p.view.getUint16(p.l4 + checksumOffset) : pseudoSum(p, isV4, wholeL4);
  const withoutLength = fold(pseudo + (~fold(wordSum(wholeL4)) & 0xffff));
  const flags = isUdp ? 0 : (p.bytes[p.l4 + TCP.FLAGS] as number);
  const firstSeq = isUdp ? 0 : p.view.getInt32(p.l4 + TCP.SEQ);
  let linearAt = headerEnd;
  let range: Range | null = p.ranges;
  let into = 0;

  for (let done = 0; done < payload; done += size) {
    const n = payload - done < size ? payload - done : size;
    const isLast = done + n === payload;
    const q = takePacket();
    q.ensureHead(headerEnd);
    copyHeaders(p, q, headerEnd);
    // Payload: what lies in the head is copied, the ranges are shared.
    let left = n;
    if (linearAt < p.headEnd) {
      const take = p.headEnd - linearAt < left ? p.headEnd - linearAt : left;
      q.ensureHead(headerEnd + take);
      for (let i = 0; i < take; i++) q.bytes[headerEnd + i] = p.bytes[linearAt + i] as number;
      q.headEnd += take;
      linearAt += take;
      left -= take;
    }
    while (left > 0) {
      const from = range as Range;
      const here = from.length - into;
      const take = left < here ? left : here;
      q.addRange(from.chunk as Chunk, from.offset + into, take);
      left -= take;
      into += take;
      if (into === from.length) {
        range = from.next;
        into = 0;
      }
    }
    const view = q.view;
    if (isUdp) view.setUint16(q.l4 + UDP.LENGTH, UDP.HEADER_LEN + n);
    else {
      view.setInt32(q.l4 + TCP.SEQ, (firstSeq + done) | 0);
      let pieceFlags = flags;
      if (!isLast) pieceFlags &= ~(TCP.FIN | TCP.PSH);
      if (done > 0) pieceFlags &= ~TCP.CWR;
      view.setUint8(q.l4 + TCP.FLAGS, pieceFlags);
    }
    setIpLength(q, isV4, q.length - (q.l3 - q.head), done / size);
    view.setUint16(q.l4 + checksumOffset, fold(withoutLength + wordSum(headerEnd - p.l4 + n)));
    q.checksumState = ChecksumState.Partial;
    q.checksumOffset = checksumOffset;
    if (isLast) {
      q.owner = p.owner;
      q.truesize = p.truesize;
      p.owner = null;
    }
    emit(q);
  }
  p.release();
}

/** The head up to `headerEnd` at the same place in `q`, by words: 54 to 94 bytes are too few for a view. */
function copyHeaders(p: Packet, q: Packet, headerEnd: number): void {
  const from = p.view;
  const to = q.view;
  let i = p.head;
  for (const end = headerEnd - 3; i < end; i += 4) to.setInt32(i, from.getInt32(i));
  for (; i < headerEnd; i++) to.setUint8(i, from.getUint8(i));
  q.head = p.head;
  q.headEnd = headerEnd;
  q.l2 = p.l2;
  q.l3 = p.l3;
  q.l4 = p.l4;
  q.l4Len = 0;
  q.device = p.device;
  q.frameFor = p.frameFor;
  q.isV4 = p.isV4;
  q.protocol = p.protocol;
  q.ttl = p.ttl;
  q.tos = p.tos;
}

/** Writes the IP length (and for IPv4 the identification of piece `index`). `length` counts from the IP header on. */
export function setIpLength(q: Packet, isV4: boolean, length: number, index: number): void {
  const view = q.view;
  const at = q.l3;
  if (!isV4) {
    view.setUint16(at + IP.V6_PAYLOAD_LENGTH, length - IP.V6_HEADER_LEN);
    return;
  }
  const oldLength = view.getUint16(at + IP.V4_TOTAL_LENGTH);
  const oldId = view.getUint16(at + IP.V4_ID);
  const id = (oldId + index) & 0xffff;
  const checksum = updateChecksum(view.getUint16(at + IP.V4_CHECKSUM), oldLength, length);
  view.setUint16(at + IP.V4_TOTAL_LENGTH, length);
  view.setUint16(at + IP.V4_ID, id);
  view.setUint16(at + IP.V4_CHECKSUM, updateChecksum(checksum, oldId, id));
}

function pseudoSum(p: Packet, isV4: boolean, length: number): number {
  const view = p.view;
  const at = p.l3;
  if (isV4) {
    return pseudoHeaderSum4(
      view.getInt32(at + IP.V4_SRC), view.getInt32(at + IP.V4_DST), view.getUint8(at + IP.V4_PROTOCOL), length,
    );
  }
  const src = at + IP.V6_SRC;
  const dst = at + IP.V6_DST;
  return pseudoHeaderSum6(
    view.getInt32(src), view.getInt32(src + 4), view.getInt32(src + 8), view.getInt32(src + 12),
    view.getInt32(dst), view.getInt32(dst + 4), view.getInt32(dst + 8), view.getInt32(dst + 12),
    IPPROTO_TCP, length,
  );
}
