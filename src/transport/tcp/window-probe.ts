/**
 * Zero-window probes (RFC 9293 3.8.6.1): something waits to be sent, nothing is in flight, and the peer's window is shut.
 * Keepalive sends the same segment (`sendWakeup`).
 */
import { Mib } from '../../base/counters.ts';
import { seqLeq, seqLt } from '../../base/seq.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import { outOfResources } from './close.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { currentMss } from './mss.ts';
import { transmitRecord } from './output.ts';
import { clampToUserTimeout, orphanRetries, writeError } from './recovery/timeout.ts';
import { sendSegment } from './segment-out.ts';
import { appendSent, splitRecord } from './send-queue.ts';
import { RecordFlag } from './send-record.ts';
import { Bit, forgetProbeTime, ownRecovery, RexmtKind } from './tcb.ts';
import { armRto, clearRexmt, setRexmt } from './timers.ts';

/** Something waits to be sent, nothing is in flight: ask for the window. */
export function checkProbeTimer(t: TcpEndpoint): void {
  if (t.packetsOut === 0 && t.rexmtKind === RexmtKind.None) setRexmt(t, RexmtKind.Probe, probeBase(t));
}

function probeBase(t: TcpEndpoint): number {
  const floor = t.tcp.context.settings.tcpRtoMinUs;
  return t.rtoUs > floor ? t.rtoUs : floor;
}

function probeWhen(t: TcpEndpoint): number {
  const settings = t.tcp.context.settings;
  const most = settings.tcpRtoMaxMs * 1000;
  let when = probeBase(t);
  for (let i = 0; i < t.backoff && when < most; i++) when *= 2;
  return clampToUserTimeout(t, when < most ? when : most, t.recovery.probesStampMs);
}

/** An acknowledgement while nothing is in flight: has the window opened? (tcp_ack_probe) */
export function ackProbe(t: TcpEndpoint): void {
  const head = t.sendHead;
  if (head === null) return;
  if (seqLeq(head.end, (t.sndUna + t.sndWnd) | 0)) {
    t.backoff = 0;
    forgetProbeTime(t);
    if (t.rexmtKind === RexmtKind.Probe) clearRexmt(t);
  } else {
    setRexmt(t, RexmtKind.Probe, probeWhen(t));
  }
}

export function probeTimeout(t: TcpEndpoint): void {
  if (t.packetsOut > 0 || t.sendHead === null) {
    t.probesOut = 0;
    forgetProbeTime(t);
    return;
  }
  const tcp = t.tcp;
  const settings = tcp.context.settings;
  if (t.recovery.probesStampMs === 0) ownRecovery(t).probesStampMs = tcp.nowMs === 0 ? 1 : tcp.nowMs;
  else if (t.userTimeoutMs !== 0 && ((tcp.nowMs - t.recovery.probesStampMs) | 0) >= t.userTimeoutMs) return writeError(t);
  let most = settings.tcpRetries2;
  if ((t.bits & Bit.Orphan) !== 0) {
    const alive = probeWhen(t) < settings.tcpRtoMaxMs * 1000;
    most = orphanRetries(t, alive);
    if (!alive && t.backoff >= most) return writeError(t);
    if (outOfResources(t, true)) return;
  }
  // RFC 1122 4.2.2.17: probes go on for ever while the peer answers, which sets probesOut back to 0.
  if (t.probesOut >= most) return writeError(t);
  sendWakeup(t, Mib.TcpExtTCPWinProbe);
  if (t.packetsOut > 0 || t.sendHead === null) {
    t.probesOut = 0;
    t.backoff = 0;
    forgetProbeTime(t);
    return;
  }
  t.probesOut++;
  if (t.backoff < settings.tcpRetries2) t.backoff++;
  setRexmt(t, RexmtKind.Probe, probeWhen(t));
}

/** A segment that makes the peer answer: data if a little fits, else an old sequence number (tcp_write_wakeup). */
export function sendWakeup(t: TcpEndpoint, mib: number): void {
  const head = t.sendHead;
  const windowEnd = (t.sndUna + t.sndWnd) | 0;
  if (head !== null && seqLt(head.seq, windowEnd)) {
    const mss = currentMss(t);
    let size = (windowEnd - head.seq) | 0;
    const length = (head.end - head.seq) | 0;
    if (seqLt(t.pushedSeq, head.end)) t.pushedSeq = head.end;
    if (size < length || length > mss) {
      if (size > mss) size = mss;
      splitRecord(t, head, size, mss);
    }
    head.flags |= RecordFlag.Push;
    head.segs = 1;
    if (transmitRecord(t, head)) {
      t.sendHead = head.next;
      t.sndNxt = head.end;
      t.packetsOut += 1;
      appendSent(t, head);
      armRto(t);
    }
    return;
  }
  t.tcp.counters[mib]++;
  if (t.sndUp !== t.sndUna && ((t.sndUp - t.sndUna) | 0) > 0 && ((t.sndUp - t.sndUna) | 0) <= 0xffff) {
    sendSegment(t, t.sndUna, 0, TcpFlag.Ack, 1);
  }
  sendSegment(t, (t.sndUna - 1) | 0, 0, TcpFlag.Ack, 1);
}
