/** Was the congestion window used? What is not used does not grow, and shrinks when idle (RFC 2861, RFC 7661 in Linux's form). */
import { seqLt } from '../../../base/seq.ts';
import { INIT_CWND } from '../constants.ts';
import type { TcpEndpoint } from '../endpoint.ts';
import { Bit, CaState } from '../tcb.ts';

/** Notes whether the congestion window was used (RFC 7661 in Linux's form, tcp_cwnd_validate). */
export function validateCwnd(t: TcpEndpoint, limited: boolean): void {
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
export function idleRestartCheck(t: TcpEndpoint): void {
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
