/**
 * A connection's timers: three deadlines in one Timer.
 *
 *   rexmtAt   retransmission, loss probe, RACK's reordering, zero-window probe: one at a time, `rexmtKind` says which
 *   delackAt  the delayed acknowledgement
 *   slowAt    keepalive, or an orphan's stay in FIN_WAIT2
 *
 * Arming only writes a deadline; Timer.deadline is the earliest. What happens at expiry is in recovery/timeout.ts,
 * recovery/loss-probe.ts, recovery/rack.ts, window-probe.ts, delayed-ack.ts and keepalive.ts.
 */
import { TIMEOUT_MIN_US } from './constants.ts';
import { delayedAckExpired } from './delayed-ack.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { finWait2Expired, keepaliveExpired } from './keepalive.ts';
import { sendLossProbe } from './recovery/loss-probe.ts';
import { rackReorderTimeout } from './recovery/rack.ts';
import { retransmissionTimeout } from './recovery/timeout.ts';
import type { SendRecord } from './send-record.ts';
import { RexmtKind, SlowKind } from './tcb.ts';
import { probeTimeout } from './window-probe.ts';

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

export function setRexmt(t: TcpEndpoint, kind: RexmtKind, us: number): void {
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
export function rtoDelta(t: TcpEndpoint): number {
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
