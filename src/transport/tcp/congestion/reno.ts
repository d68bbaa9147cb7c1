/**
 * Slow start and additive increase (RFC 5681), shared by every algorithm, and Reno itself.
 */
import type { TcpEndpoint } from '../endpoint.ts';

/** Slow start: one segment per segment acknowledged, up to ssthresh. Returns what is left of `acked`. */
export function slowStart(t: TcpEndpoint, acked: number): number {
  const cwnd = Math.min(t.cwnd + acked, t.ssthresh);
  const left = acked - (cwnd - t.cwnd);
  t.cwnd = cwnd;
  return left;
}

/** Additive increase: one segment per `w` segments acknowledged. */
export function additiveIncrease(t: TcpEndpoint, w: number, acked: number): void {
  // A credit that was gathered at a larger w is spent at once, gently.
  if (t.cwndCount >= w) {
    t.cwndCount = 0;
    t.cwnd++;
  }
  t.cwndCount += acked;
  if (t.cwndCount >= w) {
    const delta = Math.floor(t.cwndCount / w);
    t.cwndCount -= delta * w;
    t.cwnd += delta;
  }
}

export function renoAvoid(t: TcpEndpoint, acked: number): void {
  let left = acked;
  if (t.cwnd < t.ssthresh) {
    left = slowStart(t, acked);
    if (left === 0) return;
  }
  additiveIncrease(t, t.cwnd, left);
}

export function renoSsthresh(t: TcpEndpoint): number {
  return Math.max(t.cwnd >> 1, 2);
}
