/**
 * Building and handing down one segment: header, options, payload by reference, checksum.
 *
 * `sendSegment` is the only way out for connections (output.ts, recovery/retransmit.ts, window-probe.ts, delayed-ack.ts call it); `sendBare` for
 * segments without a connection block: resets, SYN-ACKs of half-open requests, TIME_WAIT answers.
 */
import { ChecksumAccumulator, pseudoHeaderSum4, pseudoHeaderSum6 } from '../../base/checksum.ts';
import { Mib } from '../../base/counters.ts';
import type { IpAddress } from '../../base/inet-address.ts';
import { seqGt, seqLt, type Seq } from '../../base/seq.ts';
import type { Chunk } from '../../base/slab.ts';
import { ChecksumState, type Packet, takePacket } from '../../link/packet.ts';
import type { Destination } from '../../net/destination.ts';
import { IpProto } from '../../wire/protocols.ts';
import {
  TCP_CHECKSUM, TCP_HEADER_LEN, TCP_MAX_OPTIONS_LEN, TCP_TIMESTAMPS_LEN, TcpFlag, type TcpOptions, writeTcpHeader,
  writeTcpSack, writeTcpTimestamps,
} from '../../wire/tcp.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { fillSackBlocks } from './out-of-order.ts';
import { selectWindow } from './window.ts';
import { Bit } from './tcb.ts';
import type { Tcp } from './tcp.ts';

const accumulator = new ChecksumAccumulator();
const sackEdges = new Int32Array(8);

/** Length of the header that the next segment of data will have. */
export function headerLenNow(t: TcpEndpoint): number {
  const blocks = sackBlockCount(t);
  return blocks === 0 ? t.headerLen : t.headerLen + 4 + 8 * blocks;
}

/** SACK blocks that the next segment carries, a DSACK included. */
function sackBlockCount(t: TcpEndpoint): number {
  if ((t.bits & Bit.SackOk) === 0) return 0;
  let count = t.recovery.dsackStart !== t.recovery.dsackEnd ? 1 : 0;
  if (t.ofo !== null) count += t.ofo.blocks;
  if (count === 0) return 0;
  const room = (TCP_MAX_OPTIONS_LEN - (t.headerLen - TCP_HEADER_LEN) - 4) >> 3;
  return count < room ? count : room;
}

/**
 * Sends one segment of a synchronized connection, with `length` bytes of the send buffer from `seq` on. Returns what
 * the network layer says: 0, or a negative errno when there is no way.
 */
export function sendSegment(t: TcpEndpoint, seq: Seq, length: number, flags: number, segs: number): number {
  const d = t.route();
  if (d === null) return -t.tcp.network.lookupErrno;
  const tcp = t.tcp;
  const p = takePacket();
  const view = p.view;
  let headerLen = t.headerLen;
  const blocks = sackBlockCount(t);
  if (blocks > 0) headerLen += 4 + 8 * blocks;
  const at = p.push(headerLen);
  let option = at + TCP_HEADER_LEN;
  if (t.headerLen > TCP_HEADER_LEN) {
    writeTcpTimestamps(view, option, (tcp.nowMs + t.tsOffset) | 0, t.tsRecent);
    option += TCP_TIMESTAMPS_LEN;
  }
  if (blocks > 0) {
    fillSackBlocks(t, sackEdges, blocks);
    writeTcpSack(view, option, sackEdges, blocks);
  }
  if (length > 0) p.refer(t.sndBuf, (seq - t.sndBufSeq) | 0, length);
  let urgent = 0;
  let bits = flags;
  if (t.sndUp !== t.sndUna && seqLt(seq, t.sndUp)) {
    // RFC 9293 3.8.5 with RFC 6093: the pointer names the byte behind the urgent one, or as far as it reaches.
    if (seqLt(t.sndUp, (seq + 0x10000) | 0)) {
      urgent = (t.sndUp - seq) | 0;
      bits |= TcpFlag.Urg;
    } else if (seqGt((seq + 0xffff) | 0, t.sndNxt)) {
      urgent = 0xffff;
      bits |= TcpFlag.Urg;
    }
  }
  const window = selectWindow(t);
  p.l4 = at;
  p.l4Len = headerLen + length;
  if (segs > 1) p.gsoSize = t.mss - (headerLen - t.headerLen);
  finishSegment(p, d, t.localAddress, t.remoteAddress as IpAddress, t.localPort, t.remotePort, seq, t.rcvNxt, headerLen, bits, window, urgent);
  tcp.counters[Mib.TcpOutSegs] += segs;
  t.segsOut = (t.segsOut + segs) | 0;
  if (length > 0) {
    t.dataSegsOut = (t.dataSegsOut + segs) | 0;
    t.bytesSent += length;
  }
  const options = t.settledOptions;
  return tcp.network.output(
    p, d, t.localAddress, t.remoteAddress as IpAddress, IpProto.Tcp, options.ttl,
    d.isV4 ? options.tos : options.trafficClass, options.mtuDiscover !== 0,
  );
}

/** Header and checksum of a segment whose options and payload stand already; `p.l4` and `p.l4Len` are set. */
function finishSegment(
  p: Packet, d: Destination, from: IpAddress, to: IpAddress, srcPort: number, dstPort: number, seq: Seq, ack: Seq,
  headerLen: number, flags: number, window: number, urgent: number,
): void {
  const length = p.l4Len;
  const pseudo = d.isV4
    ? pseudoHeaderSum4(from.d, to.d, IpProto.Tcp, length)
    : pseudoHeaderSum6(from.a, from.b, from.c, from.d, to.a, to.b, to.c, to.d, IpProto.Tcp, length);
  let data = -1;
  if (d.device.checksumOffload) {
    p.checksumState = ChecksumState.Partial;
    p.checksumOffset = TCP_CHECKSUM;
  } else if (p.ranges === null) {
    data = 0;
  } else {
    accumulator.reset(0);
    for (let range = p.ranges; range !== null; range = range.next as typeof p.ranges) {
      accumulator.addBytes((range.chunk as Chunk).bytes, range.offset, range.offset + range.length);
    }
    data = accumulator.folded();
  }
  writeTcpHeader(p.view, p.l4, srcPort, dstPort, seq, ack, headerLen, flags, window, urgent, pseudo, data);
}

/** A segment's facts for `sendBare`; one per process, re-filled. */
export class BareSegment {
  seq: Seq = 0;
  ack: Seq = 0;
  flags = 0;
  /** As it goes into the header: scaled already. */
  window = 0;
  tos = 0;
  ttl = -1;
}
export const bare = new BareSegment();

/** Sends `bare` with `options` (or none) from a place that has no connection block. */
export function sendBare(
  tcp: Tcp, d: Destination, from: IpAddress, srcPort: number, to: IpAddress, dstPort: number, options: TcpOptions | null,
): number {
  const p = takePacket();
  const headerLen = TCP_HEADER_LEN + (options === null ? 0 : options.length);
  const at = p.push(headerLen);
  if (options !== null) options.write(p.view, at + TCP_HEADER_LEN);
  p.l4 = at;
  p.l4Len = headerLen;
  finishSegment(p, d, from, to, srcPort, dstPort, bare.seq, bare.ack, headerLen, bare.flags, bare.window, 0);
  tcp.counters[Mib.TcpOutSegs]++;
  return tcp.network.output(p, d, from, to, IpProto.Tcp, bare.ttl, bare.tos, true);
}
