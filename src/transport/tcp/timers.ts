/**
 * A connection's timers: three deadlines in one Timer.
 *
 *   rexmtAt   retransmission, loss probe, RACK's reordering, zero-window probe: one at a time, `rexmtKind` says which
 *   delackAt  the delayed acknowledgement
 *   slowAt    keepalive, or an orphan's stay in FIN_WAIT2
 *
 * Arming only writes a deadline; Timer.deadline is the earliest. What happens at expiry follows Linux's tcp_timer.c.
 */
import { Mib } from '../../base/counters.ts';
import { Errno } from '../../base/errno.ts';
import { seqLt, seqGt, seqLeq } from '../../base/seq.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import { DELACK_MAX_US, DELACK_MIN_US, TIME_WAIT_US, TIMEOUT_INIT_US, TIMEOUT_MIN_US } from './constants.ts';
import { connectionDone, endWithError, finWait2Us, outOfResources, sendActiveReset } from './close.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { adjustForLossTimeout } from './recovery.ts';
import { setRto } from './rtt.ts';
import { appendSent, currentMss, pushLossProbe, sendAck, splitRecord, transmitRecord } from './output.ts';
import { rackReorderTimeout } from './rack.ts';
import { retransmitRecord } from './retransmit.ts';
import { sendSegment } from './segment-out.ts';
import { dataBytes, RecordFlag, type SendRecord } from './send-record.ts';
import { TcpState } from './state.ts';
import { Bit, CaState, forgetProbeTime, ownRecovery, RexmtKind, SlowKind } from './tcb.ts';
import { enterFinWait2Record } from './time-wait.ts';

/** Something changed among the deadlines. */
export function rearm(t: TcpEndpoint): void {
  let at = t.rexmtAt;
  if (t.delackAt < at) at = t.delackAt;
  if (t.slowAt < at) at = t.slowAt;
  if (t.deadline === at) return;
  t.deadline = at;
  // The queue need not hear of a deadline that moves later, as most do. Asked here, of one class: the queue meets timers of
  // many, and from the fifth on V8 reads a field of doubles as a boxed number, 16 bytes of garbage a segment.
  if (t.queuedAt <= at && at !== Infinity) return;
  t.tcp.context.timers.arm(t);
}

/** Every deadline is off. */
export function stopTimers(t: TcpEndpoint): void {
  t.rexmtKind = RexmtKind.None;
  t.rexmtAt = Infinity;
  t.delackAt = Infinity;
  t.slowAt = Infinity;
  t.slowKind = SlowKind.None;
  t.tcp.context.timers.disarm(t);
}

// The retransmission timer.

function setRexmt(t: TcpEndpoint, kind: RexmtKind, us: number): void {
  t.rexmtKind = kind;
  t.rexmtAt = t.tcp.context.loop.now + us;
  rearm(t);
}

export function clearRexmt(t: TcpEndpoint): void {
  if (t.rexmtKind === RexmtKind.None) return;
  t.rexmtKind = RexmtKind.None;
  t.rexmtAt = Infinity;
  // `deadline` stays as an early look, when nothing is due: taking it out of the heap on every acknowledgement costs more.
}

export function armRto(t: TcpEndpoint): void {
  setRexmt(t, RexmtKind.Rto, t.rtoUs);
}

/** As soon as a timeout may be. */
export function armRtoSoon(t: TcpEndpoint): void {
  setRexmt(t, RexmtKind.Rto, TIMEOUT_MIN_US);
}

export function armReorder(t: TcpEndpoint, us: number): void {
  setRexmt(t, RexmtKind.Reorder, us);
}

/** Microseconds until the oldest record in flight has waited for an RTO. */
function rtoDelta(t: TcpEndpoint): number {
  const head = t.firstRecord as SendRecord;
  return (head.sentUs + t.rtoUs - t.tcp.nowUs) | 0;
}

/** After an acknowledgement or a probe: the timeout of what is in flight (tcp_rearm_rto). */
export function rearmRto(t: TcpEndpoint): void {
  if (t.packetsOut === 0) {
    clearRexmt(t);
    return;
  }
  let us = t.rtoUs;
  if (t.rexmtKind === RexmtKind.Reorder || t.rexmtKind === RexmtKind.LossProbe) {
    const left = rtoDelta(t);
    us = left > 1 ? left : 1;
  }
  setRexmt(t, RexmtKind.Rto, us);
}

/** RFC 8985 7.2: arms the probe timeout when the connection may use one. */
export function scheduleLossProbe(t: TcpEndpoint): boolean {
  return armLossProbe(t, false);
}

export function armLossProbe(t: TcpEndpoint, advancingRto: boolean): boolean {
  const early = t.tcp.context.settings.tcpEarlyRetrans;
  if (early !== 3 && early !== 4) return false;
  if (t.packetsOut === 0 || (t.bits & Bit.SackOk) === 0) return false;
  if (t.caState !== CaState.Open && t.caState !== CaState.Cwr) return false;
  let us = TIMEOUT_INIT_US;
  if (t.srttUs !== 0) {
    us = t.srttUs >> 2;
    // One segment alone may meet a delayed acknowledgement.
    us += t.packetsOut === 1 ? t.tcp.context.settings.tcpRtoMinUs : TIMEOUT_MIN_US;
  }
  const rto = advancingRto ? t.rtoUs : rtoDelta(t);
  if (rto > 0 && rto < us) us = rto;
  setRexmt(t, RexmtKind.LossProbe, us);
  return true;
}

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

/** TCP_USER_TIMEOUT ends before the next expiry? Then expire at it. */
function clampToUserTimeout(t: TcpEndpoint, us: number, sinceMs: number): number {
  const user = t.userTimeoutMs;
  if (user === 0 || sinceMs === 0) return us;
  const left = user - ((t.tcp.nowMs - sinceMs) | 0);
  if (left <= 0) return 1000;
  return left * 1000 < us ? left * 1000 : us;
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

/**
 * RFC 6069: a router says that a retransmission did not get through. The path is broken, not congested, so one doubling
 * of the timeout is taken back; what is left of it counts from when the segment went (tcp_ld_RTO_revert).
 */
export function revertBackoff(t: TcpEndpoint, seq: number): void {
  const head = t.firstRecord;
  if (t.retransmits === 0 || t.backoff === 0 || seq !== t.sndUna || t.rexmtKind !== RexmtKind.Rto || head === null) return;
  const most = t.tcp.context.settings.tcpRtoMaxMs * 1000;
  t.backoff--;
  let rto = t.srttUs !== 0 ? (t.srttUs >> 3) + t.rttvarUs : TIMEOUT_INIT_US;
  for (let i = 0; i < t.backoff && rto < most; i++) rto *= 2;
  t.rtoUs = rto < most ? rto : most;
  const left = rtoDelta(t);
  setRexmt(t, RexmtKind.Rto, left > 1 ? left : 1);
}

// The delayed acknowledgement.

export function armDelayedAck(t: TcpEndpoint, us: number): void {
  t.bits |= Bit.AckScheduled;
  t.delackAt = t.tcp.context.loop.now + us;
  rearm(t);
}

export function clearDelayedAck(t: TcpEndpoint): void {
  t.bits &= ~(Bit.AckScheduled | Bit.AckNow | Bit.AckPushed | Bit.AckPushed2);
  t.delackAt = Infinity;
}

/** tcp_send_delayed_ack: how long this acknowledgement may wait. */
export function sendDelayedAck(t: TcpEndpoint): void {
  let ato = t.atoUs;
  if (ato > DELACK_MIN_US) {
    let most = 500000;
    if (t.pingPong >= 1 || (t.bits & Bit.AckPushed) !== 0) most = DELACK_MAX_US;
    if (t.srttUs !== 0) {
      let rtt = t.srttUs >> 3;
      if (rtt < DELACK_MIN_US) rtt = DELACK_MIN_US;
      if (rtt < most) most = rtt;
    }
    if (most < ato) ato = most;
  }
  if (ato > DELACK_MAX_US) ato = DELACK_MAX_US;
  const now = t.tcp.context.loop.now;
  if (t.delackAt !== Infinity) {
    if (t.delackAt <= now + (ato >> 2)) {
      sendAck(t);
      return;
    }
    if (t.delackAt <= now + ato) {
      t.bits |= Bit.AckScheduled;
      return;
    }
  }
  armDelayedAck(t, ato);
}

// Keepalive and FIN_WAIT2.

export function armKeepalive(t: TcpEndpoint, us: number): void {
  t.slowKind = SlowKind.Keepalive;
  t.slowAt = t.tcp.context.loop.now + us;
  rearm(t);
}

export function armFinWait2(t: TcpEndpoint, us: number): void {
  t.slowKind = SlowKind.FinWait2;
  t.slowAt = t.tcp.context.loop.now + us;
  rearm(t);
}

export function clearSlow(t: TcpEndpoint): void {
  t.slowKind = SlowKind.None;
  t.slowAt = Infinity;
  rearm(t);
}

/** Timer.expired: the earliest deadline has come; look which. */
export function timerExpired(t: TcpEndpoint): void {
  t.tcp.refreshClock();
  const now = t.tcp.context.loop.now;
  if (t.delackAt <= now) {
    t.delackAt = Infinity;
    delayedAckExpired(t);
  }
  if (t.rexmtAt <= now) {
    const kind = t.rexmtKind;
    t.rexmtAt = Infinity;
    switch (kind) {
      case RexmtKind.Rto:
        t.rexmtKind = RexmtKind.None;
        retransmissionTimeout(t);
        break;
      case RexmtKind.LossProbe:
        sendLossProbe(t);
        break;
      case RexmtKind.Reorder:
        rackReorderTimeout(t);
        break;
      case RexmtKind.Probe:
        t.rexmtKind = RexmtKind.None;
        probeTimeout(t);
        break;
      default:
        break;
    }
  }
  if (t.slowAt <= now) {
    const kind = t.slowKind;
    t.slowAt = Infinity;
    if (kind === SlowKind.Keepalive) keepaliveExpired(t);
    else if (kind === SlowKind.FinWait2) finWait2Expired(t);
  }
  rearm(t);
}

function delayedAckExpired(t: TcpEndpoint): void {
  if ((t.bits & Bit.AckScheduled) === 0 || t.state < TcpState.Established) return;
  if (t.pingPong < 1) {
    // The peer did not send a second segment in time: wait longer for it, up to the RTO.
    t.atoUs = t.atoUs * 2 < t.rtoUs ? t.atoUs * 2 : t.rtoUs;
  } else {
    t.pingPong = 0;
    t.atoUs = DELACK_MIN_US;
  }
  sendAck(t);
  t.tcp.counters[Mib.TcpExtDelayedACKs]++;
}

function retransmissionTimeout(t: TcpEndpoint): void {
  if (t.packetsOut === 0) return;
  const tcp = t.tcp;
  const counters = tcp.counters;
  const syn = t.state === TcpState.SynSent || t.state === TcpState.SynReceived;
  const head = t.firstRecord as SendRecord;
  if (t.sndWnd === 0 && (t.bits & Bit.Orphan) === 0 && !syn) {
    // RFC 9293 3.8.6.1: the peer took its window back. Our retransmission is a probe now, and only a peer that says
    // nothing at all for the longest time is given up.
    const silentMs = (tcp.nowMs - t.lastAckMs) | 0;
    const limitMs = t.userTimeoutMs !== 0 ? t.userTimeoutMs : tcp.context.settings.tcpRtoMaxMs * 2;
    if (t.recovery.retransStampMs !== 0 && silentMs > limitMs && ((tcp.nowMs - t.recovery.retransStampMs) | 0) > limitMs) {
      writeError(t);
      return;
    }
    adjustForLossTimeout(t);
    retransmitRecord(t, head, 1);
  } else {
    counters[Mib.TcpExtTCPTimeouts]++;
    if (writeTimedOut(t, syn)) return;
    if (t.retransmits === 0) {
      if (t.caState === CaState.Recovery) {
        counters[(t.bits & Bit.SackOk) !== 0 ? Mib.TcpExtTCPSackRecoveryFail : Mib.TcpExtTCPRenoRecoveryFail]++;
      } else if (t.caState === CaState.Loss) {
        counters[Mib.TcpExtTCPLossFailures]++;
      } else if (t.caState === CaState.Disorder || t.sackedOut > 0) {
        counters[(t.bits & Bit.SackOk) !== 0 ? Mib.TcpExtTCPSackFailures : Mib.TcpExtTCPRenoFailures]++;
      }
    }
    adjustForLossTimeout(t);
    t.retransmits++;
    ownRecovery(t).totalRto++;
    retransmitRecord(t, t.firstRecord as SendRecord, 1);
  }
  if (isThin(t)) {
    t.backoff = 0;
    setRto(t);
  } else if (t.state !== TcpState.SynSent || t.recovery.totalRto > tcp.context.settings.tcpSynLinearTimeouts) {
    t.backoff++;
    const most = tcp.context.settings.tcpRtoMaxMs * 1000;
    t.rtoUs = t.rtoUs * 2 < most ? t.rtoUs * 2 : most;
  }
  setRexmt(t, RexmtKind.Rto, clampToUserTimeout(t, t.rtoUs, t.recovery.retransStampMs));
  // RFC 1122 4.2.3.5 R1: the way may have changed.
  if (retransmitsTimedOut(t, tcp.context.settings.tcpRetries1 + 1, 0, false)) t.destination = null;
}

/** TCP_INFINITE_SSTHRESH: nothing has been lost yet. And for how many timeouts a thin stream is patient. */
const NO_THRESHOLD = 0x7fffffff;
const THIN_RETRIES = 6;

/** TCP_THIN_LINEAR_TIMEOUTS: few segments under way, beyond the first slow start, and not for long yet (tcp_stream_is_thin). */
function isThin(t: TcpEndpoint): boolean {
  if (t.user === null || !t.user.thinLinear || t.state !== TcpState.Established) return false;
  return t.packetsOut < 4 && t.ssthresh < NO_THRESHOLD && t.retransmits <= THIN_RETRIES;
}

/** Is it time to give up? Ends the connection and returns true (tcp_write_timeout). */
function writeTimedOut(t: TcpEndpoint, syn: boolean): boolean {
  const settings = t.tcp.context.settings;
  let expired = false;
  let until = 0;
  if (syn) {
    until = t.synRetries;
    // As many as that and the linear ones, or as long as that many doubling timeouts take.
    expired = t.retransmits >= until + (t.state === TcpState.SynSent ? settings.tcpSynLinearTimeouts : 0) ||
      retransmitsTimedOut(t, until, t.userTimeoutMs, syn);
  } else {
    if (retransmitsTimedOut(t, settings.tcpRetries1, 0, false)) t.destination = null;
    until = settings.tcpRetries2;
    if ((t.bits & Bit.Orphan) !== 0) {
      const alive = t.rtoUs < settings.tcpRtoMaxMs * 1000;
      until = orphanRetries(t, alive);
      if (outOfResources(t, alive || !retransmitsTimedOut(t, until, 0, false))) return true;
    }
    expired = retransmitsTimedOut(t, until, t.userTimeoutMs, false);
  }
  if (expired) writeError(t);
  return expired;
}

function orphanRetries(t: TcpEndpoint, alive: boolean): number {
  let retries = t.tcp.context.settings.tcpOrphanRetries;
  if (t.softErrno !== 0 && !alive) retries = 0;
  if (retries === 0 && alive) retries = 8;
  return retries;
}

/** Has more time passed since the first retransmission than `boundary` doubling timeouts take? */
function retransmitsTimedOut(t: TcpEndpoint, boundary: number, timeoutMs: number, syn: boolean): boolean {
  const since = syn ? t.synStampMs : t.recovery.retransStampMs;
  if (t.retransmits === 0 || (since === 0 && !syn)) return false;
  let ms = timeoutMs;
  if (ms === 0) {
    const settings = t.tcp.context.settings;
    // TCP_RTO_MIN, whatever tcp_rto_min_us says (retransmits_timed_out).
    const base = syn ? 1000 : 200;
    const most = settings.tcpRtoMaxMs;
    const doublings = 31 - Math.clz32(Math.floor(most / base));
    ms = boundary <= doublings ? (2 * (1 << boundary) - 1) * base : (2 * (1 << doublings) - 1) * base + (boundary - doublings) * most;
  }
  return ((t.tcp.nowMs - since) | 0) >= ms;
}

function writeError(t: TcpEndpoint): void {
  t.tcp.counters[Mib.TcpExtTCPAbortOnTimeout]++;
  endWithError(t, t.softErrno !== 0 ? t.softErrno : Errno.ETIMEDOUT);
}

/** RFC 8985 7.3: one probe, new data if there is some and the window allows, else the last segment again. */
function sendLossProbe(t: TcpEndpoint): void {
  if (t.packetsOut === 0) {
    t.rexmtKind = RexmtKind.None;
    return;
  }
  // At most one probe at a time.
  if (t.tlpHighSeq === 0) {
    t.bits &= ~Bit.TlpRetransmitted;
    const mss = currentMss(t);
    const head = t.sendHead;
    let sent = false;
    const windowEnd = (t.sndUna + t.sndWnd) | 0;
    if (head !== null && !seqGt(((head.end - head.seq) | 0) > mss ? (head.seq + mss) | 0 : head.end, windowEnd)) {
      sent = pushLossProbe(t);
    } else {
      let last = head === null ? t.lastRecord : head.previous;
      if (last !== null) {
        const length = (last.end - last.seq) | 0;
        if (last.segs > 1 && length > (last.segs - 1) * mss) last = splitRecord(t, last, (last.segs - 1) * mss, mss);
        if (retransmitProbe(t, last)) {
          t.bits |= Bit.TlpRetransmitted;
          sent = true;
        }
      }
    }
    if (sent) {
      t.tlpHighSeq = t.sndNxt;
      t.tcp.counters[Mib.TcpExtTCPLossProbes]++;
      t.rexmtKind = RexmtKind.None;
    }
  }
  rearmRto(t);
}

/** A retransmission that the scoreboard does not count, as Linux's __tcp_retransmit_skb. */
function retransmitProbe(t: TcpEndpoint, record: SendRecord): boolean {
  if (!transmitRecord(t, record)) return false;
  t.tcp.counters[Mib.TcpRetransSegs] += record.segs;
  t.totalRetrans += record.segs;
  t.bytesRetrans += dataBytes(record);
  record.flags |= RecordFlag.EverRetransmitted;
  appendSent(t, record);
  return true;
}

function probeTimeout(t: TcpEndpoint): void {
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
function sendWakeup(t: TcpEndpoint, mib: number): void {
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

export function keepaliveTime(t: TcpEndpoint): number {
  const user = t.user;
  return user !== null && user.keepIdleUs !== 0 ? user.keepIdleUs : t.tcp.context.settings.tcpKeepaliveTime * 1000000;
}

function keepaliveExpired(t: TcpEndpoint): void {
  if (!t.settledOptions.keepAlive || t.state === TcpState.Closed || t.state === TcpState.SynSent) return;
  const tcp = t.tcp;
  const settings = tcp.context.settings;
  const user = t.user;
  const idle = keepaliveTime(t);
  // Data in flight or waiting has timers of its own.
  if (t.packetsOut > 0 || t.sendHead !== null) return armKeepalive(t, idle);
  const last = ((t.lastAckMs - t.lastReceiveMs) | 0) > 0 ? t.lastAckMs : t.lastReceiveMs;
  const elapsed = ((tcp.nowMs - last) | 0) * 1000;
  if (elapsed < idle) return armKeepalive(t, idle - elapsed);
  const count = user !== null && user.keepCount !== 0 ? user.keepCount : settings.tcpKeepaliveProbes;
  const timeout = t.userTimeoutMs * 1000;
  if (timeout !== 0 ? elapsed >= timeout && t.probesOut > 0 : t.probesOut >= count) {
    sendActiveReset(t);
    writeError(t);
    return;
  }
  sendWakeup(t, Mib.TcpExtTCPKeepAlive);
  t.probesOut++;
  const interval = user !== null && user.keepIntervalUs !== 0 ? user.keepIntervalUs : settings.tcpKeepaliveIntvl * 1000000;
  armKeepalive(t, interval);
}

/** An orphan waited longer than TIME_WAIT lasts: the rest of tcp_fin_timeout is spent as a record, if there is any. */
function finWait2Expired(t: TcpEndpoint): void {
  if (t.state !== TcpState.FinWait2 || (t.bits & Bit.Orphan) === 0) return;
  if (finWait2Us(t) > TIME_WAIT_US) {
    enterFinWait2Record(t);
    return;
  }
  sendActiveReset(t);
  connectionDone(t);
}
