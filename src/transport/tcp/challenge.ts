/**
 * Answers to segments that prove nothing: challenge ACKs (RFC 5961) and duplicate ACKs, both rate-limited.
 */
import { Mib } from '../../base/counters.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { ownRecovery } from './tcb.ts';
import { sendAck } from './delayed-ack.ts';
import type { Tcp } from './tcp.ts';

/**
 * May an answer to an out-of-window segment go now? One per tcp_invalid_ratelimit milliseconds; `skipped` counts the
 * others. Segments with data are answered always: their sender is no blind attacker's echo.
 */
export function mayAnswer(t: TcpEndpoint, hasData: boolean, skipped: number): boolean {
  if (hasData) return true;
  const nowMs = t.tcp.nowMs === 0 ? 1 : t.tcp.nowMs;
  if (t.recovery.outOfWindowMs !== 0) {
    const elapsed = (nowMs - t.recovery.outOfWindowMs) | 0;
    if (elapsed >= 0 && elapsed < t.tcp.context.settings.tcpInvalidRatelimit) {
      t.tcp.counters[skipped]++;
      return false;
    }
  }
  ownRecovery(t).outOfWindowMs = nowMs;
  return true;
}

/** RFC 5961: an ACK that makes an honest peer prove itself. Limited per connection and per host and second. */
export function sendChallengeAck(t: TcpEndpoint): void {
  if (!mayAnswer(t, false, Mib.TcpExtTCPACKSkippedChallenge)) return;
  if (!t.tcp.takeChallenge()) return;
  t.tcp.counters[Mib.TcpExtTCPChallengeACK]++;
  sendAck(t);
}

/** A host's budget of challenge ACKs, tcp_challenge_ack_limit a second. */
export class ChallengeBudget {
  private second = -1;
  private left = 0;

  take(tcp: Tcp): boolean {
    const limit = tcp.context.settings.tcpChallengeAckLimit;
    if (limit === 2147483647) return true;
    const second = Math.floor(tcp.context.loop.now / 1000000);
    if (second !== this.second) {
      this.second = second;
      this.left = (limit >> 1) + tcp.belowRandom(limit > 0 ? limit : 1);
    }
    if (this.left <= 0) return false;
    this.left--;
    return true;
  }
}
