/** Proportional rate reduction (RFC 6937 and its successor's bound): how the window comes down to ssthresh during a recovery. */
import { congestionSsthresh } from '../congestion/congestion.ts';
import { INFINITE_SSTHRESH } from '../constants.ts';
import type { TcpEndpoint } from '../endpoint.ts';
import { packetsInFlight } from '../send-queue.ts';
import { CaState, ownRecovery } from '../tcb.ts';

export function inCwndReduction(t: TcpEndpoint): boolean {
  return t.caState === CaState.Cwr || t.caState === CaState.Recovery;
}

export function initCwndReduction(t: TcpEndpoint): void {
  t.highSeq = t.sndNxt;
  t.tlpHighSeq = 0;
  t.cwndCount = 0;
  const recovery = ownRecovery(t);
  recovery.priorCwnd = t.cwnd;
  recovery.prrDelivered = 0;
  recovery.prrOut = 0;
  t.ssthresh = congestionSsthresh(t);
}

/** PRR: how much may be sent for what this acknowledgement delivered. */
export function cwndReduction(t: TcpEndpoint, delivered: number, lost: number, unaAdvanced: boolean): void {
  if (delivered <= 0 || t.recovery.priorCwnd === 0) return;
  const inFlight = packetsInFlight(t);
  const delta = t.ssthresh - inFlight;
  let count = 0;
  ownRecovery(t).prrDelivered += delivered;
  if (delta < 0) {
    count = Math.floor((t.ssthresh * t.recovery.prrDelivered + t.recovery.priorCwnd - 1) / t.recovery.priorCwnd) - t.recovery.prrOut;
  } else {
    count = Math.max(t.recovery.prrDelivered - t.recovery.prrOut, delivered);
    if (unaAdvanced && lost === 0) count++;
    if (count > delta) count = delta;
  }
  // The first acknowledgement of a recovery always lets one retransmission out.
  const least = t.recovery.prrOut !== 0 ? 0 : 1;
  if (count < least) count = least;
  t.cwnd = inFlight + count;
}

export function endCwndReduction(t: TcpEndpoint): void {
  if (t.ssthresh < INFINITE_SSTHRESH && (t.caState === CaState.Cwr || t.recovery.undoMarker !== 0)) {
    t.cwnd = t.ssthresh;
    t.cwndStampMs = t.tcp.nowMs;
  }
}
