/**
 * What happens when the retransmission timer strikes: everything old enough is lost, the window starts at one, the timeout
 * doubles, and at some time the connection is given up (RFC 6298, RFC 9293 3.8.3; Linux's tcp_retransmit_timer and
 * tcp_write_timeout).
 */
import { Mib } from '../../../base/counters.ts';
import { Errno } from '../../../base/errno.ts';
import { seqGt } from '../../../base/seq.ts';
import { endWithError, outOfResources } from '../close.ts';
import { congestionLoss, congestionSsthresh } from '../congestion/congestion.ts';
import { currentSsthresh } from '../congestion/window-use.ts';
import { TIMEOUT_INIT_US } from '../constants.ts';
import type { TcpEndpoint } from '../endpoint.ts';
import { setRto } from '../rtt.ts';
import { packetsInFlight } from '../send-queue.ts';
import { RecordFlag, type SendRecord } from '../send-record.ts';
import { TcpState } from '../state.ts';
import { Bit, CaState, ownRecovery, RexmtKind } from '../tcb.ts';
import { rtoDelta, setRexmt } from '../timers.ts';
import { markRecordLost } from './rack.ts';
import { retransmitRecord } from './retransmit.ts';
import { initUndo } from './undo.ts';
import { isReno } from './without-sack.ts';

export function retransmissionTimeout(t: TcpEndpoint): void {
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

export function orphanRetries(t: TcpEndpoint, alive: boolean): number {
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

/** TCP_USER_TIMEOUT ends before the next expiry? Then expire at it. */
export function clampToUserTimeout(t: TcpEndpoint, us: number, sinceMs: number): number {
  const user = t.userTimeoutMs;
  if (user === 0 || sinceMs === 0) return us;
  const left = user - ((t.tcp.nowMs - sinceMs) | 0);
  if (left <= 0) return 1000;
  return left * 1000 < us ? left * 1000 : us;
}

export function writeError(t: TcpEndpoint): void {
  t.tcp.counters[Mib.TcpExtTCPAbortOnTimeout]++;
  endWithError(t, t.softErrno !== 0 ? t.softErrno : Errno.ETIMEDOUT);
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
  if (left > 0) setRexmt(t, RexmtKind.Rto, left);
  // Now, and not by the timer: a router that gives up a neighbour answers all that waited for it at once, and what the reports
  // after this one take back counts from the new retransmission.
  else retransmissionTimeout(t);
}

/** The retransmission timer struck: everything old enough is lost, the window starts at one (tcp_enter_loss). */
export function adjustForLossTimeout(t: TcpEndpoint): void {
  const newRecovery = t.caState < CaState.Recovery;
  markAllLost(t);
  if (t.caState <= CaState.Disorder || !seqGt(t.highSeq, t.sndUna) || (t.caState === CaState.Loss && t.retransmits === 0)) {
    ownRecovery(t).priorSsthresh = currentSsthresh(t);
    ownRecovery(t).priorCwnd = t.cwnd;
    t.ssthresh = congestionSsthresh(t);
    congestionLoss(t);
    initUndo(t);
  }
  t.cwnd = packetsInFlight(t) + 1;
  t.cwndCount = 0;
  t.cwndStampMs = t.tcp.nowMs;
  const settings = t.tcp.context.settings;
  if (t.caState <= CaState.Disorder && t.sackedOut >= settings.tcpReordering && t.reordering > settings.tcpReordering) {
    t.reordering = settings.tcpReordering;
  }
  t.caState = CaState.Loss;
  t.highSeq = t.sndNxt;
  t.tlpHighSeq = 0;
  if (settings.tcpFrto !== 0 && (newRecovery || t.retransmits > 0)) t.bits |= Bit.Frto;
  else t.bits &= ~Bit.Frto;
}

function markAllLost(t: TcpEndpoint): void {
  const head = t.firstRecord;
  if (head === null || head === t.sendHead) return;
  const reneged = (head.flags & RecordFlag.Sacked) !== 0;
  if (reneged) {
    t.tcp.counters[Mib.TcpExtTCPSACKReneging]++;
    t.sackedOut = 0;
  } else if (isReno(t)) {
    t.sackedOut = 0;
  }
  for (let record: SendRecord | null = head; record !== null && record !== t.sendHead; record = record.next) {
    if (reneged) {
      record.flags &= ~RecordFlag.Sacked;
    } else if (record !== head && (t.rackRttUs - ((t.tcp.nowUs - record.sentUs) | 0)) > 0) {
      // Sent so recently that its acknowledgement may well be on the way.
      continue;
    }
    markRecordLost(t, record);
  }
}
