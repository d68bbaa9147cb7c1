/**
 * Which congestion control an endpoint has: CUBIC or Reno. A bit decides, not a table of methods: a call through one
 * branch costs 3 ns, through several classes 33. Nobody else asks which it is: a further algorithm gets its file beside
 * these and its branches here.
 */
import { Errno } from '../../../base/errno.ts';
import { CONGESTION_CONTROLS } from '../../../base/settings.ts';
import type { TcpEndpoint } from '../endpoint.ts';
import { TcpState } from '../state.ts';
import { Bit } from '../tcb.ts';
import { cubicAcked, cubicAvoid, cubicLoss, cubicSendAfterIdle, cubicSsthresh } from './cubic.ts';
import { renoAvoid, renoSsthresh } from './reno.ts';

/** TCP_CONGESTION. */
export function congestionName(t: TcpEndpoint): string {
  return (t.bits & Bit.Reno) !== 0 ? 'reno' : 'cubic';
}

/** 0, or -ENOENT for an algorithm that there is not. */
export function chooseCongestion(t: TcpEndpoint, name: string): number {
  if (!CONGESTION_CONTROLS.includes(name)) return -Errno.ENOENT;
  if (name === 'reno') t.bits |= Bit.Reno;
  else t.bits &= ~Bit.Reno;
  return 0;
}

/** `acked` segments were newly delivered while the window was used up. */
export function congestionAvoid(t: TcpEndpoint, acked: number): void {
  if ((t.bits & Bit.CwndLimited) === 0 && !isSlowStartLimited(t)) return;
  if ((t.bits & Bit.Reno) !== 0) renoAvoid(t, acked);
  else cubicAvoid(t, acked);
}

export function congestionSsthresh(t: TcpEndpoint): number {
  return (t.bits & Bit.Reno) !== 0 ? renoSsthresh(t) : cubicSsthresh(t);
}

export function congestionAcked(t: TcpEndpoint, rttUs: number): void {
  // Linux initialises the algorithm when the handshake is over: what the SYN measured is forgotten (tcp_init_transfer).
  if ((t.bits & Bit.Reno) === 0 && t.state >= TcpState.Established) cubicAcked(t, rttUs);
}

/** The retransmission timer struck. */
export function congestionLoss(t: TcpEndpoint): void {
  if ((t.bits & Bit.Reno) === 0) cubicLoss(t);
}

/** The first segment after a time with nothing in flight goes out. */
export function congestionSendAfterIdle(t: TcpEndpoint): void {
  if (t.cubic !== null) cubicSendAfterIdle(t, t.cubic);
}

/** In slow start the window grows while it is less than twice what was used (RFC 7661 in Linux's words). */
function isSlowStartLimited(t: TcpEndpoint): boolean {
  return t.cwnd < t.ssthresh && t.cwnd < 2 * t.maxPacketsOut;
}
