/**
 * Sending: what of the queue may go now, and in which pieces (RFC 9293 3.8.6, 3.7.4; Linux's tcp_write_xmit).
 *
 *   send() -> queueBytes -> pushPending -> writeXmit -> sendSegment -> network
 *   acknowledgements and timers call pushPending too
 *
 * Read send-record.ts first. The queue itself is in send-queue.ts, Nagle's rule in nagle.ts, retransmission in
 * recovery/retransmit.ts, the building of segments in segment-out.ts.
 */
import { Mib } from '../../base/counters.ts';
import { seqGt } from '../../base/seq.ts';
import { EMPTY_STREAM, StreamBuffer } from '../../base/stream-buffer.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import { congestionSendAfterIdle } from './congestion/congestion.ts';
import { idleRestartCheck, validateCwnd } from './congestion/window-use.ts';
import { NO_LOW_WATER, RECORD_OVERHEAD } from './constants.ts';
import { ackSent } from './delayed-ack.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { currentMss, largestSegment, largestSegmentCount } from './mss.ts';
import { deferredByCwnd, Nagle, nagleAllows, nagleOf, shouldDefer, splitPoint } from './nagle.ts';
import { scheduleLossProbe } from './recovery/loss-probe.ts';
import { sendSegment } from './segment-out.ts';
import { appendRecord, appendSent, packetsInFlight, splitRecord } from './send-queue.ts';
import { RecordFlag, type SendRecord, takeRecord } from './send-record.ts';
import { TcpState } from './state.ts';
import { Bit, CaState, ownRecovery, RexmtKind } from './tcb.ts';
import { armRto } from './timers.ts';
import { checkProbeTimer } from './window-probe.ts';

/**
 * Copies up to `length` bytes into the queue, as far as the buffer has room (a record that was begun is filled).
 * Returns the count; 0 when there is none.
 */
export function queueBytes(t: TcpEndpoint, from: Uint8Array, at: number, length: number, endOfRecord: boolean): number {
  const mss = currentMss(t);
  const sndBuf = t.sendBufferBytes;
  // A record that was begun is filled, whatever the buffer: but not when the host has no memory for it.
  const largest = largestSegment(t, mss);
  const goal = largest > sndBuf && t.tcp.context.tcpMemory.isShort ? sndBuf : largest;
  let copied = 0;
  // A whole array that certainly fits is copied in one piece: V8 needs no view for it, as it does for each part.
  const most = length + RECORD_OVERHEAD * (length / goal + 3);
  const whole = at === 0 && length === from.length && t.notSentLowWater === NO_LOW_WATER && t.queuedBytes + most < sndBuf;
  if (t.sndBuf === EMPTY_STREAM) t.sndBuf = new StreamBuffer();
  if (whole) t.sndBuf.append(from, 0, length, t.tcp.context.writer);
  // What is full goes early so that the wire is busy while we copy; with everything copied, and no window in the way, all
  // of it goes in one pass at the end of the write.
  const early = !whole || seqGt((t.writeSeq + length) | 0, (t.sndUna + t.sndWnd) | 0) || (t.cwnd - packetsInFlight(t)) * mss < 2 * length;
  while (copied < length) {
    let record = t.sendHead === null ? null : t.lastRecord;
    let room = 0;
    if (record !== null && (record.flags & (RecordFlag.EndOfRecord | RecordFlag.Fin | RecordFlag.Syn)) === 0) {
      room = goal - ((record.end - record.seq) | 0);
    }
    if (room <= 0) {
      if (t.queuedBytes >= sndBuf || !belowNotSent(t)) break;
      idleRestartCheck(t);
      record = takeRecord(t.writeSeq, t.writeSeq, 0);
      appendRecord(t, record);
      room = goal;
    }
    const rest = length - copied;
    const n = rest < room ? rest : room;
    if (!whole) t.sndBuf.append(from, at + copied, n, t.tcp.context.writer);
    t.queuedBytes += n;
    t.writeSeq = (t.writeSeq + n) | 0;
    (record as SendRecord).end = t.writeSeq;
    copied += n;
    if (copied < length) {
      // More follows than fits one record.
      if (seqGt(t.writeSeq, (t.pushedSeq + (t.maxWindow >> 1)) | 0)) {
        markPush(t, record as SendRecord);
        pushPending(t, Nagle.Push);
      } else if (early && record === t.sendHead) {
        pushOne(t);
      }
    }
  }
  if (copied > 0 && copied === length && endOfRecord && t.sendHead !== null) {
    (t.lastRecord as SendRecord).flags |= RecordFlag.EndOfRecord;
  }
  return copied;
}

/** TCP_NOTSENT_LOWAT: is there little enough unsent data? */
export function belowNotSent(t: TcpEndpoint): boolean {
  const low = t.notSentLowWater;
  return low === NO_LOW_WATER || ((t.writeSeq - t.sndNxt) | 0) < low;
}

export function markPush(t: TcpEndpoint, record: SendRecord): void {
  record.flags |= RecordFlag.Push;
  t.pushedSeq = t.writeSeq;
}

/** The end of a write: PSH goes on the last record, unless more is promised and the window is not half full. */
export function pushAfterWrite(t: TcpEndpoint, more: boolean): void {
  if (t.sendHead === null) return;
  const last = t.lastRecord as SendRecord;
  if (!more || seqGt(t.writeSeq, (t.pushedSeq + (t.maxWindow >> 1)) | 0)) markPush(t, last);
  pushPending(t, more ? Nagle.Cork : nagleOf(t));
}

/** Queues our FIN and sends what may be sent. */
export function sendFin(t: TcpEndpoint): void {
  t.bits |= Bit.FinQueued;
  let last = t.lastRecord;
  if (t.sendHead === null || last === null) {
    last = takeRecord(t.writeSeq, t.writeSeq, 0);
    appendRecord(t, last);
  }
  last.flags |= RecordFlag.Fin;
  t.writeSeq = (t.writeSeq + 1) | 0;
  last.end = t.writeSeq;
  pushPending(t, Nagle.Off);
}

/** Sends what may go. */
export function pushPending(t: TcpEndpoint, nonagle: number): void {
  if (t.sendHead === null || t.state === TcpState.Closed) return;
  if (writeXmit(t, nonagle, Amount.AsMuchAsMay)) checkProbeTimer(t);
}

function pushOne(t: TcpEndpoint): void {
  writeXmit(t, Nagle.Push, Amount.One);
}

/** One segment, whatever the congestion window says: a tail loss probe with new data. True when it went. */
export function pushLossProbe(t: TcpEndpoint): boolean {
  const before = t.packetsOut;
  writeXmit(t, Nagle.Off, Amount.Probe);
  return t.packetsOut > before;
}

/** How much `writeXmit` sends: what may go; one (super-)segment of it; one segment, even beyond the congestion window. */
const Amount = { AsMuchAsMay: 0, One: 1, Probe: 2 } as const;

/**
 * Sends records from the send head on. True when nothing is in flight and yet something is left, so that a window probe
 * is due.
 */
function writeXmit(t: TcpEndpoint, nonagle: number, amount: (typeof Amount)[keyof typeof Amount]): boolean {
  let sent = 0;
  let cwndLimited = false;
  let timerDue = false;
  const mss = currentMss(t);
  if (t.destination === null && t.route() === null) return t.packetsOut === 0 && t.sendHead !== null;
  const maxSegs = amount === Amount.Probe ? 1 : largestSegmentCount(t, mss);
  let record = t.sendHead;
  while (record !== null) {
    const length = (record.end - record.seq - ((record.flags >>> 5) & 1)) | 0;
    const segs = length <= mss ? 1 : Math.ceil(length / mss);
    const inFlight = packetsInFlight(t);
    let quota = t.cwnd - inFlight;
    if (quota <= 0) {
      if (amount !== Amount.Probe) break;
      quota = 1;
    } else {
      const half = t.cwnd >> 1 || 1;
      if (quota > half) quota = half;
    }
    const windowEnd = (t.sndUna + t.sndWnd) | 0;
    if (seqGt(length > mss ? (record.seq + mss) | 0 : record.end, windowEnd)) break;
    let limit = mss;
    if (segs === 1) {
      const nagle = record.next === null ? nonagle : Nagle.Push;
      if (!nagleAllows(t, record, length, mss, nagle)) break;
    } else {
      if (amount === Amount.AsMuchAsMay && shouldDefer(t, record, length, mss, maxSegs)) {
        cwndLimited = deferredByCwnd;
        break;
      }
      if (t.sndUp === t.sndUna) limit = splitPoint(t, record, length, mss, quota < maxSegs ? quota : maxSegs, nonagle);
    }
    if (limit <= 0) break;
    if (length > limit) splitRecord(t, record, limit, mss);
    record.segs = length <= mss ? 1 : Math.ceil((length < limit ? length : limit) / mss);
    if (!transmitRecord(t, record)) break;
    if (t.packetsOut === 0 || t.rexmtKind === RexmtKind.LossProbe) timerDue = true;
    newDataSent(t, record);
    const size = (record.end - record.seq) | 0;
    if (size < mss * record.segs) t.smallSeq = record.end;
    sent += record.segs;
    if (amount !== Amount.AsMuchAsMay) break;
    record = t.sendHead;
  }
  if (packetsInFlight(t) >= t.cwnd) cwndLimited = true;
  if (sent > 0 || cwndLimited) validateCwnd(t, cwndLimited);
  if (sent > 0) {
    if (t.caState === CaState.Recovery || t.caState === CaState.Cwr) ownRecovery(t).prrOut += sent;
    // A loss probe takes the place of the retransmission timer that new data starts.
    if ((amount === Amount.Probe || !scheduleLossProbe(t)) && timerDue) armRto(t);
    return false;
  }
  return t.packetsOut === 0 && t.sendHead !== null;
}

/** Hands a record's segment down and keeps the time. False when there is no way out: the queue stays as it is. */
export function transmitRecord(t: TcpEndpoint, record: SendRecord): boolean {
  const flags = record.flags;
  let bits: number = TcpFlag.Ack;
  let length = (record.end - record.seq) | 0;
  if ((flags & RecordFlag.Fin) !== 0) {
    bits |= TcpFlag.Fin;
    length--;
  }
  // Linux ends every super-segment with PSH, so that a receiver that merges segments hands it on.
  if (record.segs > 1) record.flags |= RecordFlag.Push;
  if ((record.flags & RecordFlag.Push) !== 0) bits |= TcpFlag.Psh;
  const tcp = t.tcp;
  record.sentUs = tcp.nowUs;
  const idle = packetsInFlight(t) === 0;
  const result = sendSegment(t, record.seq, length, bits, record.segs);
  if (result < 0) return false;
  ackSent(t);
  if (length > 0) {
    if (idle) congestionSendAfterIdle(t);
    const nowMs = tcp.nowMs;
    t.lastSendMs = nowMs;
    // An answer within the delayed-ACK time: the connection looks like question and answer.
    if (((nowMs - t.lastReceiveMs) | 0) * 1000 < t.atoUs) {
      if (t.pingPong < 255) t.pingPong++;
    }
  }
  if (seqGt(record.end, t.sndNxt)) tcp.counters[Mib.TcpExtTCPOrigDataSent] += record.segs;
  return true;
}

/** The record that was just sent leaves the unsent part of the queue. */
function newDataSent(t: TcpEndpoint, record: SendRecord): void {
  t.sendHead = record.next;
  t.sndNxt = record.end;
  t.packetsOut += record.segs;
  appendSent(t, record);
}
