/**
 * Sending again what was lost: one record (timeouts), or as many as the congestion window admits (recovery).
 */
import { Mib } from '../../../base/counters.ts';
import { seqGeq } from '../../../base/seq.ts';
import type { TcpEndpoint } from '../endpoint.ts';
import { currentMss, largestSegment } from '../mss.ts';
import { transmitRecord } from '../output.ts';
import { appendSent, mergeRecord, packetsInFlight, splitRecord } from '../send-queue.ts';
import { dataBytes, RecordFlag, type SendRecord } from '../send-record.ts';
import { sendSyn } from '../syn.ts';
import { CaState, ownRecovery, RexmtKind } from '../tcb.ts';
import { rearmRto } from '../timers.ts';

/** Retransmits up to `segs` segments of a record. False when it may not or cannot go. */
export function retransmitRecord(t: TcpEndpoint, record: SendRecord, segs: number): boolean {
  const went = retransmit(t, record, segs);
  // The attempt counts, not whether it left this host (tcp_retransmit_skb): where the device or the path's MTU takes
  // nothing, a stamp of successes alone would never let the connection time out.
  const recovery = ownRecovery(t);
  if (recovery.retransStampMs === 0) recovery.retransStampMs = t.tcp.nowMs === 0 ? 1 : t.tcp.nowMs;
  if (recovery.undoRetrans < 0) recovery.undoRetrans = 0;
  recovery.undoRetrans += record.segs;
  return went;
}

function retransmit(t: TcpEndpoint, record: SendRecord, segs: number): boolean {
  const counters = t.tcp.counters;
  if ((record.flags & RecordFlag.Syn) !== 0) {
    if (!sendSyn(t, record)) return false;
    counters[Mib.TcpExtTCPSynRetrans]++;
  } else {
    const mss = currentMss(t);
    const acked = (t.sndUna - record.seq) | 0;
    if (acked > 0) {
      // Its front is acknowledged, and gone from the buffer.
      record.seq = t.sndUna;
      t.queuedBytes -= acked;
    }
    let room = (t.sndUna + t.sndWnd - record.seq) | 0;
    // A window that shrank to nothing leaves one segment, as a probe.
    if (room <= 0) {
      if (record.seq !== t.sndUna) return false;
      room = mss;
    }
    let limit = mss * segs;
    if (limit > room) limit = room >= mss ? room - (room % mss) : room;
    const length = dataBytes(record);
    if (length > limit) {
      splitRecord(t, record, limit, mss);
    } else if (length > mss || record.segs > 1) {
      // The MSS may have changed since it was cut.
      const now = Math.ceil(length / mss) || 1;
      const delta = record.segs - now;
      if (delta !== 0) recount(t, record, now);
    } else if (length < mss) {
      collapseNext(t, record, length, mss);
    }
    if (!transmitRecord(t, record)) {
      counters[Mib.TcpExtTCPRetransFail]++;
      record.flags |= RecordFlag.EverRetransmitted;
      return false;
    }
  }
  counters[Mib.TcpRetransSegs] += record.segs;
  const recovery = ownRecovery(t);
  recovery.totalRetrans += record.segs;
  recovery.bytesRetrans += dataBytes(record);
  if ((record.flags & RecordFlag.Retransmitted) === 0) t.retransOut += record.segs;
  record.flags |= RecordFlag.Retransmitted | RecordFlag.EverRetransmitted;
  appendSent(t, record);
  return true;
}

function recount(t: TcpEndpoint, record: SendRecord, segs: number): void {
  const delta = record.segs - segs;
  record.segs = segs;
  t.packetsOut -= delta;
  if ((record.flags & RecordFlag.Sacked) !== 0) t.sackedOut -= delta;
  if ((record.flags & RecordFlag.Retransmitted) !== 0) t.retransOut -= delta;
  if ((record.flags & RecordFlag.Lost) !== 0) t.lostOut -= delta;
}

/** Small neighbours that were sent apart go again as one segment (tcp_retrans_try_collapse). */
function collapseNext(t: TcpEndpoint, record: SendRecord, length: number, mss: number): void {
  let have = length;
  for (;;) {
    const next = record.next;
    if (next === null || next === t.sendHead || ((record.flags | next.flags) & RecordFlag.Syn) !== 0) return;
    if (((record.flags | next.flags) & RecordFlag.EndOfRecord) !== 0) return;
    if ((next.flags & RecordFlag.Sacked) !== 0 || record.segs !== 1 || next.segs !== 1) return;
    const more = dataBytes(next);
    if (have + more > mss || !seqGeq((t.sndUna + t.sndWnd) | 0, next.end)) return;
    have += more;
    // The merged record counts as one segment; its neighbour's marks go with it.
    t.packetsOut--;
    if ((next.flags & RecordFlag.Lost) !== 0) t.lostOut--;
    if ((next.flags & RecordFlag.Retransmitted) !== 0) t.retransOut--;
    record.flags |= next.flags & (RecordFlag.Push | RecordFlag.Fin | RecordFlag.EverRetransmitted);
    record.end = next.end;
    mergeRecord(t, next);
  }
}

/** Retransmits what is marked lost, oldest first, as far as the congestion window allows (tcp_xmit_retransmit_queue). */
export function xmitRetransmitQueue(t: TcpEndpoint): void {
  if (t.packetsOut === 0 || t.lostOut === 0) return;
  const head = t.firstRecord as SendRecord;
  const counters = t.tcp.counters;
  const mss = currentMss(t);
  const most = Math.floor(largestSegment(t, mss) / mss);
  let rearmTimer = false;
  let record: SendRecord | null = head;
  while (record !== null && record !== t.sendHead) {
    let segs = t.cwnd - packetsInFlight(t);
    if (segs <= 0 || t.retransOut >= t.lostOut) break;
    if (segs > most) segs = most;
    const flags = record.flags;
    if ((flags & RecordFlag.Lost) !== 0 && (flags & (RecordFlag.Sacked | RecordFlag.Retransmitted)) === 0) {
      counters[t.caState !== CaState.Loss ? Mib.TcpExtTCPFastRetrans : Mib.TcpExtTCPSlowStartRetrans]++;
      if (!retransmitRecord(t, record, segs)) break;
      if (t.caState === CaState.Recovery || t.caState === CaState.Cwr) ownRecovery(t).prrOut += record.segs;
      if (record === head && t.rexmtKind !== RexmtKind.Reorder) rearmTimer = true;
    }
    record = record.next;
  }
  if (rearmTimer) rearmRto(t);
}

