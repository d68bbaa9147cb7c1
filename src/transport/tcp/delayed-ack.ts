/**
 * When our acknowledgements go: at once, with the next data, or by the timer (RFC 9293 3.8.6.3, RFC 5681 4.2; Linux's quick
 * acknowledgements and "ping-pong").
 */
import { Mib } from '../../base/counters.ts';
import { type Seq, seqLt } from '../../base/seq.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import { DELACK_MAX_US, DELACK_MIN_US, MAX_QUICKACKS, TICK_US } from './constants.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { sendSegment } from './segment-out.ts';
import { TcpState } from './state.ts';
import { Bit } from './tcb.ts';
import { rearm } from './timers.ts';
import { bestWindow } from './window.ts';

/** A few acknowledgements go at once: the sender is in slow start, or something is wrong (tcp_enter_quickack_mode). */
export function enterQuickAck(t: TcpEndpoint): void {
  increaseQuick(t, MAX_QUICKACKS);
  t.pingPong = 0;
  t.atoUs = DELACK_MIN_US;
}

export function increaseQuick(t: TcpEndpoint, most: number): void {
  let quick = Math.floor(t.rcvWnd / (2 * t.rcvMss));
  if (quick === 0) quick = 2;
  if (quick > most) quick = most;
  if (quick > t.quick) t.quick = quick;
}

function inQuickAck(t: TcpEndpoint): boolean {
  return t.quick > 0 && t.pingPong < 1;
}

/** The segment is dealt with: acknowledge now, later, or not at all. */
export function ackSendCheck(t: TcpEndpoint): void {
  if ((t.bits & Bit.AckScheduled) === 0) return;
  const unacked = (t.rcvNxt - t.rcvWup) | 0;
  if (
    (unacked > t.rcvMss &&
      (((t.rcvNxt - t.copiedSeq) | 0) < t.settledOptions.receiveLowWater || bestWindow(t) >= t.rcvWnd)) ||
    inQuickAck(t) || (t.bits & Bit.AckNow) !== 0 || t.ofo !== null
  ) {
    sendAck(t);
    return;
  }
  sendDelayedAck(t);
}

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
  // Before anything came there is no estimate; a timer that is due at once waits for the kernel's next tick.
  armDelayedAck(t, ato < TICK_US ? TICK_US : ato);
}

export function delayedAckExpired(t: TcpEndpoint): void {
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
