/**
 * The scoreboard: SACK blocks of a segment marked on the records in flight (RFC 2018, RFC 2883, RFC 6675's names).
 */
import { Mib } from '../../../base/counters.ts';
import { type Seq, seqGeq, seqGt, seqLeq, seqLt } from '../../../base/seq.ts';
import type { TcpHeader } from '../../../wire/tcp.ts';
import { AckFlag, ackState } from '../ack-state.ts';
import type { TcpEndpoint } from '../endpoint.ts';
import { removeSent, splitRecord } from '../send-queue.ts';
import { RecordFlag, type SendRecord } from '../send-record.ts';
import { Bit, ownRecovery } from '../tcb.ts';
import { rackAdvance } from './rack.ts';

/** Block edges in ascending order, for one walk over the queue. */
const sorted = new Int32Array(8);
const sortedIsDsack = new Uint8Array(4);

/** One past the highest sequence number that is SACKed; SND.UNA when nothing is. */
export function highestSacked(t: TcpEndpoint): Seq {
  return t.sackedOut === 0 ? t.sndUna : t.recovery.highestSack;
}

/** Marks what the segment's blocks cover; results in `ackState`. `ack` is its acknowledgement number. */
export function tagSackBlocks(t: TcpEndpoint, segment: TcpHeader, ack: Seq): void {
  const edges = segment.sackEdges;
  const priorUna = ackState.priorUna;
  let dsack = false;
  if (t.sackedOut === 0) ownRecovery(t).highestSack = t.sndUna;
  const left0 = edges[0] as number;
  const right0 = edges[1] as number;
  if (seqLt(left0, ack)) dsack = true;
  else if (segment.sackCount > 1 && seqLeq(right0, edges[3] as number) && seqGeq(left0, edges[2] as number)) dsack = true;
  if (dsack) noteDsack(t, left0, right0, ack, priorUna);
  // RFC 5961 style: an acknowledgement from long ago says nothing about what is in flight.
  if (seqLt(ack, (priorUna - t.maxWindow) | 0) || t.packetsOut === 0) return;
  let count = 0;
  for (let i = 0; i < segment.sackCount; i++) {
    const left = edges[2 * i] as number;
    const right = edges[2 * i + 1] as number;
    const isDsack = dsack && i === 0;
    if (!isValidBlock(t, isDsack, left, right)) {
      if (isDsack) t.tcp.counters[t.recovery.undoMarker === 0 ? Mib.TcpExtTCPDSACKIgnoredNoUndo : Mib.TcpExtTCPDSACKIgnoredOld]++;
      continue;
    }
    if (seqLeq(right, t.sndUna)) continue;
    let place = count++;
    while (place > 0 && seqLt(left, sorted[2 * place - 2] as number)) {
      sorted[2 * place] = sorted[2 * place - 2] as number;
      sorted[2 * place + 1] = sorted[2 * place - 1] as number;
      sortedIsDsack[place] = sortedIsDsack[place - 1] as number;
      place--;
    }
    sorted[2 * place] = left;
    sorted[2 * place + 1] = right;
    sortedIsDsack[place] = isDsack ? 1 : 0;
  }
  let record = t.firstRecord;
  for (let i = 0; i < count && record !== null; i++) {
    record = walk(t, record, sorted[2 * i] as number, sorted[2 * i + 1] as number, sortedIsDsack[i] !== 0);
  }
}

/** Marks the records inside [left, right); returns where the next block's walk may begin. */
function walk(t: TcpEndpoint, from: SendRecord, left: Seq, right: Seq, dsack: boolean): SendRecord | null {
  let record: SendRecord | null = from;
  while (record !== null && record !== t.sendHead && seqLt(record.seq, right)) {
    if (seqLeq(record.end, left)) {
      record = record.next;
      continue;
    }
    let inside = seqLeq(left, record.seq) && seqGeq(right, record.end);
    if (!inside && record.segs > 1) inside = cutToBlock(t, record, left, right);
    if (inside) tagRecord(t, record, dsack);
    else if (seqGt(record.end, right)) break;
    record = record.next;
  }
  return record;
}

/** A block covers part of a super-segment: cut at whole segments. True when `record` is inside now. */
function cutToBlock(t: TcpEndpoint, record: SendRecord, left: Seq, right: Seq): boolean {
  const length = (record.end - record.seq) | 0;
  // The MSS it was sent with: its segments but the last are equal.
  let mss = t.mss;
  if (Math.ceil(length / mss) !== record.segs) mss = Math.ceil(length / record.segs);
  const startsInside = seqLeq(left, record.seq);
  let size = ((startsInside ? right : left) - record.seq) | 0;
  if (startsInside) {
    if (size < mss) return false;
    size -= size % mss;
  } else {
    if (size < mss) size = mss;
    else if (size % mss !== 0) size += mss - (size % mss);
  }
  if (size >= length) return startsInside;
  splitRecord(t, record, size, mss);
  return startsInside;
}

function tagRecord(t: TcpEndpoint, record: SendRecord, dsack: boolean): void {
  let flags = record.flags;
  const segs = record.segs;
  if (dsack && (flags & (RecordFlag.EverRetransmitted | RecordFlag.Retransmitted)) !== 0) {
    if (t.recovery.undoMarker !== 0 && t.recovery.undoRetrans > 0 && seqGt(record.end, t.recovery.undoMarker)) {
      ownRecovery(t).undoRetrans = t.recovery.undoRetrans > segs ? t.recovery.undoRetrans - segs : 0;
    }
    if ((flags & RecordFlag.Sacked) !== 0 && seqLt(record.seq, ackState.reorder)) ackState.reorder = record.seq;
  }
  if ((flags & RecordFlag.Sacked) === 0) {
    rackAdvance(t, flags, record.end, record.sentUs);
    if ((flags & RecordFlag.Retransmitted) !== 0) {
      // Not marked lost: its retransmission is still believed to be in flight.
      if ((flags & RecordFlag.Lost) !== 0) {
        flags &= ~(RecordFlag.Lost | RecordFlag.Retransmitted);
        t.lostOut -= segs;
        t.retransOut -= segs;
      }
    } else {
      if ((flags & RecordFlag.EverRetransmitted) === 0) {
        // Never sent again and yet below what is SACKed already: reordering.
        if (seqLt(record.seq, highestSacked(t)) && seqLt(record.seq, ackState.reorder)) ackState.reorder = record.seq;
        if (!seqGt(record.end, t.highSeq)) ackState.flag |= AckFlag.OriginalSacked;
        if (!ackState.hasSackTime) {
          ackState.hasSackTime = true;
          ackState.firstSackUs = record.sentUs;
        }
        ackState.lastSackUs = record.sentUs;
      }
      if ((flags & RecordFlag.Lost) !== 0) {
        flags &= ~RecordFlag.Lost;
        t.lostOut -= segs;
      }
    }
    flags |= RecordFlag.Sacked;
    ackState.flag |= AckFlag.DataSacked;
    t.sackedOut += segs;
    t.delivered = (t.delivered + segs) | 0;
    if (seqGt(record.end, t.recovery.highestSack)) ownRecovery(t).highestSack = record.end;
    removeSent(t, record);
  }
  if (dsack && (flags & RecordFlag.Retransmitted) !== 0) {
    flags &= ~RecordFlag.Retransmitted;
    t.retransOut -= segs;
  }
  record.flags = flags;
}

/** RFC 2883: the first block reports something that arrived twice. */
function noteDsack(t: TcpEndpoint, left: Seq, right: Seq, ack: Seq, priorUna: Seq): void {
  const counters = t.tcp.counters;
  counters[seqLt(left, ack) ? Mib.TcpExtTCPDSACKRecv : Mib.TcpExtTCPDSACKOfoRecv]++;
  const length = (right - left) | 0;
  if (length <= 0 || length > t.maxWindow) return;
  const segs = length > t.mss ? Math.ceil(length / t.mss) : 1;
  if (segs === 1 && t.tlpHighSeq !== 0 && t.tlpHighSeq === right) ackState.flag |= AckFlag.DsackOfProbe;
  // The network duplicated it, not we.
  if (t.recovery.totalRetrans === 0) return;
  ackState.flag |= AckFlag.DsackSeen;
  if ((t.bits & Bit.ReorderingSeen) !== 0 && (ackState.flag & AckFlag.DsackOfProbe) === 0) t.bits |= Bit.DsackSeen;
  if (seqLeq(right, priorUna) && t.recovery.undoMarker !== 0 && seqGt(right, t.recovery.undoMarker) && t.recovery.undoRetrans > 0) {
    ownRecovery(t).undoRetrans = t.recovery.undoRetrans > segs ? t.recovery.undoRetrans - segs : 0;
  }
}

function isValidBlock(t: TcpEndpoint, dsack: boolean, left: Seq, right: Seq): boolean {
  if (seqGt(right, t.sndNxt) || !seqLt(left, right) || !seqLt(left, t.sndNxt)) return false;
  if (seqGt(left, t.sndUna)) return true;
  if (!dsack || t.recovery.undoMarker === 0) return false;
  if (seqGt(right, t.sndUna)) return false;
  if (!seqLt(left, t.recovery.undoMarker)) return true;
  if (!seqGt(right, t.recovery.undoMarker)) return false;
  return !seqLt(left, (right - t.maxWindow) | 0);
}

/** Something below what was SACKed arrived late: reordering, `byTimestamp` when an echo told (tcp_check_sack_reordering). */
export function checkSackReordering(t: TcpEndpoint, low: Seq, byTimestamp: boolean): void {
  const highest = highestSacked(t);
  if (!seqLt(low, highest)) return;
  const distance = (highest - low) | 0;
  if (distance > t.reordering * t.mss) {
    t.reordering = Math.min(Math.ceil(distance / t.mss), t.tcp.context.settings.tcpMaxReordering);
  }
  t.bits |= Bit.ReorderingSeen;
  t.tcp.counters[byTimestamp ? Mib.TcpExtTCPTSReorder : Mib.TcpExtTCPSACKReorder]++;
}
