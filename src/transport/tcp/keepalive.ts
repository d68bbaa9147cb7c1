/** The slow timer: keepalive (RFC 9293 3.8.4), and how long an orphan stays in FIN_WAIT2. */
import { Mib } from '../../base/counters.ts';
import { connectionDone, finWait2Us, sendActiveReset } from './close.ts';
import { TIME_WAIT_US } from './constants.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { writeError } from './recovery/timeout.ts';
import { TcpState } from './state.ts';
import { Bit, SlowKind } from './tcb.ts';
import { enterFinWait2Record } from './time-wait.ts';
import { rearm } from './timers.ts';
import { sendWakeup } from './window-probe.ts';

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

export function keepaliveTime(t: TcpEndpoint): number {
  const user = t.user;
  return user !== null && user.keepIdleUs !== 0 ? user.keepIdleUs : t.tcp.context.settings.tcpKeepaliveTime * 1000000;
}

export function keepaliveExpired(t: TcpEndpoint): void {
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
export function finWait2Expired(t: TcpEndpoint): void {
  if (t.state !== TcpState.FinWait2 || (t.bits & Bit.Orphan) === 0) return;
  if (finWait2Us(t) > TIME_WAIT_US) {
    enterFinWait2Record(t);
    return;
  }
  sendActiveReset(t);
  connectionDone(t);
}
