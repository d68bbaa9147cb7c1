/**
 * Sending: what of the queue may go now, and in which pieces (RFC 9293 3.8.6, 3.7.4; Linux's tcp_write_xmit).
 *
 *   send() -> queueBytes -> pushPending -> writeXmit -> sendSegment -> network
 *   acknowledgements and timers call pushPending too
 *
 * Read send-record.ts first. Retransmission is in retransmit.ts, the building of segments in segment-out.ts.
 */
import { Mib } from '../../base/counters.ts';
import { seqGt, seqLt, type Seq } from '../../base/seq.ts';
import { EMPTY_STREAM, StreamBuffer } from '../../base/stream-buffer.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import { congestionSendAfterIdle } from './congestion/congestion.ts';
import { DELACK_MAX_US, DELACK_MIN_US, INIT_CWND, MAX_SEGMENT, NO_LOW_WATER, RECORD_OVERHEAD } from './constants.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { headerLenNow, sendSegment } from './segment-out.ts';
import { RecordFlag, releaseRecord, type SendRecord, takeRecord } from './send-record.ts';
import { setState, stateAfterClose, TcpState } from './state.ts';
import { Bit, CaState, ownRecovery, RexmtKind } from './tcb.ts';
import {
  armDelayedAck, armRto, checkProbeTimer, clearDelayedAck, scheduleLossProbe,
} from './timers.ts';

/** Nagle's answers (Linux's tp->nonagle). */
export const Nagle = { On: 0, Off: 1, Cork: 2, Push: 4 } as const;

export function nagleOf(t: TcpEndpoint): number {
  return (t.bits & Bit.NoDelay ? Nagle.Off : 0) | (t.bits & Bit.Cork ? Nagle.Cork : 0);
}

export function packetsInFlight(t: TcpEndpoint): number {
  return t.packetsOut - t.sackedOut - t.lostOut + t.retransOut;
}

/** The payload of one segment as of now: the path may have changed, SACK blocks may take room. */
export function currentMss(t: TcpEndpoint): number {
  t.route();
  return t.mss - (headerLenNow(t) - t.headerLen);
}

// The last answer of largestSegment: two divisions of integers cost 30 ns, and the question is mostly the same.
let knownMost = 0;
let knownMss = 0;
let knownLargest = 0;
let knownSegs = 1;

/** Payload of the largest (super-)segment that may be sent: a multiple of `mss`. */
export function largestSegment(t: TcpEndpoint, mss: number): number {
  const d = t.destination;
  if (d === null) return mss;
  const gso = d.device.gsoMaxBytes;
  let most = (gso < 65535 ? gso : 65535) - (d.isV4 ? 20 : 40) - headerLenNow(t);
  if (most > MAX_SEGMENT) most = MAX_SEGMENT;
  if (most <= mss) return mss;
  if (most !== knownMost || mss !== knownMss) {
    knownMost = most;
    knownMss = mss;
    knownSegs = Math.floor(most / mss);
    knownLargest = knownSegs * mss;
  }
  return knownLargest;
}

/** The same, in segments of `mss`. */
function largestSegmentCount(t: TcpEndpoint, mss: number): number {
  return largestSegment(t, mss) === mss ? 1 : knownSegs;
}

/** Adds a record to the end of the queue. */
export function appendRecord(t: TcpEndpoint, record: SendRecord): void {
  const last = t.lastRecord;
  record.previous = last;
  if (last === null) t.firstRecord = record;
  else last.next = record;
  t.lastRecord = record;
  if (t.sendHead === null) t.sendHead = record;
  t.queuedBytes += RECORD_OVERHEAD;
}

/**
 * Copies up to `length` bytes into the queue, as far as the buffer has room (a record that was begun is filled).
 * Returns the count; 0 when there is none.
 */
export function queueBytes(t: TcpEndpoint, from: Uint8Array, at: number, length: number, endOfRecord: boolean): number {
  const mss = currentMss(t);
  const sndBuf = t.sendBufferBytes;
  // A record that was begun is filled: not beyond a buffer that is small.
  const largest = largestSegment(t, mss);
  const goal = largest > sndBuf ? sndBuf : largest;
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
  if (writeXmit(t, nonagle, 0)) checkProbeTimer(t);
}

function pushOne(t: TcpEndpoint): void {
  writeXmit(t, Nagle.Push, 1);
}

/** One segment, whatever the congestion window says: a tail loss probe with new data. True when it went. */
export function pushLossProbe(t: TcpEndpoint): boolean {
  const before = t.packetsOut;
  writeXmit(t, Nagle.Off, 2);
  return t.packetsOut > before;
}

/**
 * Sends records from the send head on. `mode`: 0 as much as may go, 1 one (super-)segment, 2 one segment beyond the
 * congestion window. True when nothing is in flight and yet something is left, so that a window probe is due.
 */
function writeXmit(t: TcpEndpoint, nonagle: number, mode: number): boolean {
  let sent = 0;
  let cwndLimited = false;
  let timerDue = false;
  const mss = currentMss(t);
  if (t.destination === null && t.route() === null) return t.packetsOut === 0 && t.sendHead !== null;
  const maxSegs = mode === 2 ? 1 : largestSegmentCount(t, mss);
  let record = t.sendHead;
  while (record !== null) {
    const length = (record.end - record.seq - ((record.flags >>> 5) & 1)) | 0;
    const segs = length <= mss ? 1 : Math.ceil(length / mss);
    const inFlight = packetsInFlight(t);
    let quota = t.cwnd - inFlight;
    if (quota <= 0) {
      if (mode !== 2) break;
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
      if (mode === 0 && shouldDefer(t, record, length, mss, maxSegs)) {
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
    if (mode !== 0) break;
    record = t.sendHead;
  }
  if (packetsInFlight(t) >= t.cwnd) cwndLimited = true;
  if (sent > 0 || cwndLimited) validateCwnd(t, cwndLimited);
  if (sent > 0) {
    if (t.caState === CaState.Recovery || t.caState === CaState.Cwr) ownRecovery(t).prrOut += sent;
    // A loss probe takes the place of the retransmission timer that new data starts.
    if ((mode === 2 || !scheduleLossProbe(t)) && timerDue) armRto(t);
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

/** A segment with our acknowledgement is out: none is owed any more (tcp_event_ack_sent). */
export function ackSent(t: TcpEndpoint): void {
  if (t.quick > 0) {
    const sent = (t.bits & Bit.AckScheduled) !== 0 ? 1 : 0;
    if (sent >= t.quick) {
      t.quick = 0;
      t.atoUs = DELACK_MIN_US;
    } else {
      t.quick -= sent;
    }
  }
  if ((t.bits & (Bit.AckScheduled | Bit.AckNow | Bit.AckPushed | Bit.AckPushed2)) !== 0) clearDelayedAck(t);
}

/** Sends a segment without data. */
export function sendAck(t: TcpEndpoint): void {
  if (t.state === TcpState.Closed) return;
  if (sendSegment(t, acceptableSeq(t), 0, TcpFlag.Ack, 1) < 0) {
    // Try again soon (the neighbour or route may be there then).
    t.bits |= Bit.AckScheduled;
    armDelayedAck(t, DELACK_MAX_US);
    return;
  }
  ackSent(t);
}

/** SND.NXT, or the window's end when the peer took back part of it: a segment beyond would be dropped. */
export function acceptableSeq(t: TcpEndpoint): Seq {
  const windowEnd = (t.sndUna + t.sndWnd) | 0;
  if (!seqLt(windowEnd, t.sndNxt)) return t.sndNxt;
  // Scaling may have cut off less than one unit of it.
  if ((t.bits & Bit.WindowScaleOk) !== 0 && ((t.sndNxt - windowEnd) | 0) < 1 << t.sndScale) return t.sndNxt;
  return windowEnd;
}

/** The record that was just sent leaves the unsent part of the queue. */
function newDataSent(t: TcpEndpoint, record: SendRecord): void {
  t.sendHead = record.next;
  t.sndNxt = record.end;
  t.packetsOut += record.segs;
  appendSent(t, record);
}

/** Puts a record last in the list by time of sending. */
export function appendSent(t: TcpEndpoint, record: SendRecord): void {
  if (record.isInSent) {
    if (t.lastSent === record) return;
    removeSent(t, record);
  }
  const last = t.lastSent;
  record.isInSent = true;
  record.previousSent = last;
  record.nextSent = null;
  if (last === null) t.firstSent = record;
  else last.nextSent = record;
  t.lastSent = record;
}

export function removeSent(t: TcpEndpoint, record: SendRecord): void {
  if (!record.isInSent) return;
  record.isInSent = false;
  if (record.previousSent === null) t.firstSent = record.nextSent;
  else record.previousSent.nextSent = record.nextSent;
  if (record.nextSent === null) t.lastSent = record.previousSent;
  else record.nextSent.previousSent = record.previousSent;
  record.previousSent = null;
  record.nextSent = null;
}

/**
 * Cuts a record after `length` bytes; the rest becomes a record of its own behind it. PSH and FIN belong to the rest.
 * Scoreboard flags are inherited, counts of segments made anew with `mss` when the record was sent before.
 */
export function splitRecord(t: TcpEndpoint, record: SendRecord, length: number, mss: number): SendRecord {
  const at = (record.seq + length) | 0;
  const rest = takeRecord(at, record.end, record.flags & ~RecordFlag.Syn);
  const oldSegs = record.segs;
  record.end = at;
  record.flags &= ~(RecordFlag.Push | RecordFlag.Fin | RecordFlag.EndOfRecord);
  rest.sentUs = record.sentUs;
  rest.previous = record;
  rest.next = record.next;
  if (record.next === null) t.lastRecord = rest;
  else record.next.previous = rest;
  record.next = rest;
  t.queuedBytes += RECORD_OVERHEAD;
  if (record.isInSent) {
    rest.isInSent = true;
    rest.previousSent = record;
    rest.nextSent = record.nextSent;
    if (record.nextSent === null) t.lastSent = rest;
    else record.nextSent.previousSent = rest;
    record.nextSent = rest;
  }
  if (oldSegs > 0 && seqLt(record.seq, t.sndNxt)) {
    record.segs = Math.ceil(length / mss) || 1;
    rest.segs = Math.ceil(((rest.end - rest.seq) | 0) / mss) || 1;
    const delta = oldSegs - record.segs - rest.segs;
    if (delta !== 0) adjustCounts(t, record.flags, delta);
  }
  return rest;
}

/** A sent record's number of segments fell by `delta`. */
export function adjustCounts(t: TcpEndpoint, flags: number, delta: number): void {
  t.packetsOut -= delta;
  if ((flags & RecordFlag.Sacked) !== 0) t.sackedOut -= delta;
  if ((flags & RecordFlag.Retransmitted) !== 0) t.retransOut -= delta;
  if ((flags & RecordFlag.Lost) !== 0) t.lostOut -= delta;
}

/** Takes a record out of every list and returns it to the pool. */
export function dropRecord(t: TcpEndpoint, record: SendRecord): void {
  const { previous, next } = record;
  if (previous === null) t.firstRecord = next;
  else previous.next = next;
  if (next === null) t.lastRecord = previous;
  else next.previous = previous;
  if (t.sendHead === record) t.sendHead = next;
  removeSent(t, record);
  let length = (record.end - record.seq) | 0;
  if ((record.flags & (RecordFlag.Fin | RecordFlag.Syn)) !== 0) length--;
  t.queuedBytes -= RECORD_OVERHEAD + length;
  releaseRecord(record);
}

export function purgeSendQueue(t: TcpEndpoint): void {
  while (t.firstRecord !== null) dropRecord(t, t.firstRecord);
  t.sndBuf.clear();
  t.queuedBytes = 0;
  t.packetsOut = 0;
  t.sackedOut = 0;
  t.lostOut = 0;
  t.retransOut = 0;
}

function nagleAllows(t: TcpEndpoint, record: SendRecord, length: number, mss: number, nonagle: number): boolean {
  if ((nonagle & Nagle.Push) !== 0) return true;
  if (t.sndUp !== t.sndUna || (record.flags & RecordFlag.Fin) !== 0) return true;
  return !nagleHolds(t, length < mss, nonagle);
}

function nagleHolds(t: TcpEndpoint, partial: boolean, nonagle: number): boolean {
  if (!partial) return false;
  if ((nonagle & Nagle.Cork) !== 0) return true;
  if (nonagle !== 0 || t.packetsOut === 0) return false;
  // Minshall: only an earlier *small* segment that is not acknowledged holds back the next.
  return seqGt(t.smallSeq, t.sndUna) && !seqGt(t.smallSeq, t.sndNxt);
}

/** Bytes of a long record that may go in one piece. */
function splitPoint(t: TcpEndpoint, record: SendRecord, length: number, mss: number, segs: number, nonagle: number): number {
  const window = (t.sndUna + t.sndWnd - record.seq) | 0;
  const most = mss * segs;
  if (most <= window && record.next !== null && most <= length) return most;
  const needed = length < window ? length : window;
  if (most <= needed) return most;
  const partial = needed % mss;
  return nagleHolds(t, partial !== 0, record.next === null ? nonagle : Nagle.Push) ? needed - partial : needed;
}

let deferredByCwnd = false;

/** Is it better to wait for more window, so that one large segment goes instead of two (tcp_tso_should_defer)? */
function shouldDefer(t: TcpEndpoint, record: SendRecord, length: number, mss: number, maxSegs: number): boolean {
  deferredByCwnd = false;
  if (t.caState >= CaState.Recovery || maxSegs <= 1) return false;
  if (((t.tcp.nowMs - t.lastSendMs) | 0) > 1) return false;
  const sendWindow = (t.sndUna + t.sndWnd - record.seq) | 0;
  const cwndWindow = (t.cwnd - packetsInFlight(t)) * mss;
  const limit = sendWindow < cwndWindow ? sendWindow : cwndWindow;
  if (limit >= maxSegs * mss) return false;
  if (record.next !== null && limit >= length) return false;
  const divisor = t.tcp.context.settings.tcpTsoWinDivisor;
  if (divisor > 0) {
    const whole = t.cwnd * mss;
    if (limit >= Math.floor((t.sndWnd < whole ? t.sndWnd : whole) / divisor)) return false;
  } else if (limit > 3 * mss) {
    return false;
  }
  const head = t.firstRecord;
  if (head === null || head === t.sendHead) return false;
  // The next acknowledgement is likely to be late.
  if (((t.tcp.nowUs - head.sentUs) | 0) < t.srttUs >> 4) return false;
  if (cwndWindow < sendWindow) {
    if (cwndWindow <= length) {
      deferredByCwnd = true;
      return true;
    }
  } else if (sendWindow <= length) {
    return true;
  }
  return (record.flags & (RecordFlag.Fin | RecordFlag.EndOfRecord)) === 0;
}

/** Notes whether the congestion window was used (RFC 7661 in Linux's form, tcp_cwnd_validate). */
function validateCwnd(t: TcpEndpoint, limited: boolean): void {
  const was = (t.bits & Bit.CwndLimited) !== 0;
  if (!seqLt(t.sndUna, t.cwndUsageSeq) || limited || (!was && t.packetsOut > t.maxPacketsOut)) {
    if (limited) t.bits |= Bit.CwndLimited;
    else t.bits &= ~Bit.CwndLimited;
    t.maxPacketsOut = t.packetsOut;
    t.cwndUsageSeq = t.sndNxt;
  }
  const nowMs = t.tcp.nowMs;
  if ((t.bits & Bit.CwndLimited) !== 0 || (t.cwnd < t.ssthresh && t.cwnd < 2 * t.maxPacketsOut)) {
    t.cwndUsed = 0;
    t.cwndStampMs = nowMs;
    return;
  }
  if (t.packetsOut > t.cwndUsed) t.cwndUsed = t.packetsOut;
  if (t.tcp.context.settings.tcpSlowStartAfterIdle !== 0 && ((nowMs - t.cwndStampMs) | 0) * 1000 >= t.rtoUs) {
    if (t.caState === CaState.Open && (t.bits & Bit.NoSpace) === 0) {
      const used = t.cwndUsed > INIT_CWND ? t.cwndUsed : INIT_CWND;
      if (used < t.cwnd) {
        t.ssthresh = currentSsthresh(t);
        t.cwnd = (t.cwnd + used) >> 1;
      }
      t.cwndUsed = 0;
    }
    t.cwndStampMs = nowMs;
  }
}

export function currentSsthresh(t: TcpEndpoint): number {
  if (t.caState === CaState.Cwr || t.caState === CaState.Recovery) return t.ssthresh;
  return Math.max(t.ssthresh, (t.cwnd >> 1) + (t.cwnd >> 2));
}

/** RFC 2861 as Linux does it: after more than an RTO of silence the window halves per RTO, down to the initial one. */
function idleRestartCheck(t: TcpEndpoint): void {
  if (t.packetsOut > 0 || t.tcp.context.settings.tcpSlowStartAfterIdle === 0) return;
  let idle = ((t.tcp.nowMs - t.lastSendMs) | 0) * 1000;
  if (idle <= t.rtoUs || t.srttUs === 0) return;
  const restart = INIT_CWND < t.cwnd ? INIT_CWND : t.cwnd;
  t.ssthresh = currentSsthresh(t);
  let cwnd = t.cwnd;
  while ((idle -= t.rtoUs) > 0 && cwnd > restart) cwnd >>= 1;
  t.cwnd = cwnd > restart ? cwnd : restart;
  t.cwndStampMs = t.tcp.nowMs;
  t.cwndUsed = 0;
}

/** Enters the state after close(2) or shutdown(2) of the sending side. True when a FIN has to go (tcp_close_state). */
export function closeState(t: TcpEndpoint): boolean {
  const next = stateAfterClose(t.state);
  const changes = next !== t.state && next !== TcpState.Closed;
  setState(t, next);
  return changes;
}
