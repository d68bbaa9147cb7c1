/**
 * CUBIC (RFC 9438) as Linux has it, with HyStart: window growth by the cube of the time since the last loss.
 *
 *   W(t) = C (t - K)^3 + Wmax        C = 0.4 (410 / 1024), t in 1/1024 s, K = cubeRoot(Wmax (1 - beta) / C)
 *
 * Integer arithmetic only, so that a seed means the same run on every engine. Called through congestion.ts.
 */
import { Mib } from '../../../base/counters.ts';
import { type Seq, seqGt } from '../../../base/seq.ts';
import type { TcpEndpoint } from '../endpoint.ts';
import { additiveIncrease, slowStart } from './reno.ts';

/** beta = 717 / 1024, about 0.7. */
const BETA = 717;
const BETA_SCALE = 1024;
const CUBE_RTT_SCALE = 410;
/** 2^40 / 410, rounded down: turns a window difference into K^3. */
const CUBE_FACTOR = 2681735677;
/** Reno-friendly region: 8 (1 + beta) / 3 / (1 - beta). */
const FRIENDLY_SCALE = 15;

const HYSTART_LOW_WINDOW = 16;
const HYSTART_MIN_SAMPLES = 8;
const HYSTART_ACK_DELTA_US = 2000;
const HYSTART_DELAY_MIN_US = 4000;
const HYSTART_DELAY_MAX_US = 16000;

/** Made when a connection first has something acknowledged. */
export class CubicState {
  /** Segments to be acknowledged per segment of growth. */
  count = 0;
  lastMaxCwnd = 0;
  lastCwnd = 0;
  lastTimeMs = 0;
  originPoint = 0;
  k = 0;
  delayMinUs = 0;
  epochStartMs = 0;
  inEpoch = false;
  ackCount = 0;
  friendlyCwnd = 0;
  // HyStart: one round is a window of data.
  found = false;
  samples = 0;
  endSeq: Seq = 0;
  roundStartUs = 0;
  lastAckUs = 0;
  roundMinRttUs = 0x7fffffff;
}

/** The integer cube root: the largest r with r^3 <= a, for 0 <= a < 2^53. */
export function cubeRoot(a: number): number {
  let root = 0;
  for (let bit = 131072; bit >= 1; bit /= 2) {
    const r = root + bit;
    if (r * r * r <= a) root = r;
  }
  return root;
}

export function cubicOf(t: TcpEndpoint): CubicState {
  if (t.cubic === null) {
    t.cubic = new CubicState();
    hystartReset(t, t.cubic);
  }
  return t.cubic;
}

export function cubicAvoid(t: TcpEndpoint, acked: number): void {
  const c = cubicOf(t);
  let left = acked;
  if (t.cwnd < t.ssthresh) {
    left = slowStart(t, acked);
    if (left === 0) return;
  }
  update(t, c, left);
  additiveIncrease(t, c.count, left);
}

/** A loss: remember where, and go to 70 %. */
export function cubicSsthresh(t: TcpEndpoint): number {
  const c = cubicOf(t);
  c.inEpoch = false;
  // Fast convergence: a window that did not get as far as last time leaves room for newcomers.
  if (t.cwnd < c.lastMaxCwnd) c.lastMaxCwnd = Math.floor((t.cwnd * (BETA_SCALE + BETA)) / (2 * BETA_SCALE));
  else c.lastMaxCwnd = t.cwnd;
  return Math.max(Math.floor((t.cwnd * BETA) / BETA_SCALE), 2);
}

/** A timeout starts CUBIC over. */
export function cubicLoss(t: TcpEndpoint): void {
  if (t.cubic === null) return;
  t.cubic = new CubicState();
  hystartReset(t, t.cubic);
}

/** An RTT sample of `rttUs` came with an acknowledgement. */
export function cubicAcked(t: TcpEndpoint, rttUs: number): void {
  const c = cubicOf(t);
  // The first second of an epoch has the queue of the loss in it.
  if (c.inEpoch && ((t.tcp.nowMs - c.epochStartMs) | 0) < 1000) return;
  const delay = rttUs > 0 ? rttUs : 1;
  if (c.delayMinUs === 0 || c.delayMinUs > delay) c.delayMinUs = delay;
  if (!c.found && t.cwnd < t.ssthresh && t.cwnd >= HYSTART_LOW_WINDOW) hystartUpdate(t, c, delay);
}

/** Data is sent after an idle time: the epoch moves by that time, so that the pause does not count as growth. */
export function cubicSendAfterIdle(t: TcpEndpoint, c: CubicState): void {
  const idle = (t.tcp.nowMs - t.lastSendMs) | 0;
  if (c.inEpoch && idle > 0) {
    c.epochStartMs = (c.epochStartMs + idle) | 0;
    if (((c.epochStartMs - t.tcp.nowMs) | 0) > 0) c.epochStartMs = t.tcp.nowMs;
  }
}

function update(t: TcpEndpoint, c: CubicState, acked: number): void {
  const cwnd = t.cwnd;
  const nowMs = t.tcp.nowMs;
  c.ackCount += acked;
  if (c.lastCwnd === cwnd && ((nowMs - c.lastTimeMs) | 0) <= 31) return;
  if (!c.inEpoch || nowMs !== c.lastTimeMs) {
    c.lastCwnd = cwnd;
    c.lastTimeMs = nowMs;
    if (!c.inEpoch) {
      c.inEpoch = true;
      c.epochStartMs = nowMs;
      c.ackCount = acked;
      c.friendlyCwnd = cwnd;
      if (c.lastMaxCwnd <= cwnd) {
        c.k = 0;
        c.originPoint = cwnd;
      } else {
        c.k = cubeRoot(CUBE_FACTOR * (c.lastMaxCwnd - cwnd));
        c.originPoint = c.lastMaxCwnd;
      }
    }
    const elapsedMs = ((nowMs - c.epochStartMs) | 0) + Math.floor(c.delayMinUs / 1000);
    const time = Math.floor((elapsedMs * 1024) / 1000);
    const offset = time < c.k ? c.k - time : time - c.k;
    // 2^40: ten bits of C's scale and three times ten of the time's.
    const delta = Math.floor((CUBE_RTT_SCALE * offset * offset * offset) / 1099511627776);
    const target = time < c.k ? c.originPoint - delta : c.originPoint + delta;
    c.count = target > cwnd ? Math.floor(cwnd / (target - cwnd)) : 100 * cwnd;
    // Without a loss so far there is nothing to be careful about.
    if (c.lastMaxCwnd === 0 && c.count > 20) c.count = 20;
  }
  // RFC 9438 4.3: never slower than Reno would be.
  const step = (cwnd * FRIENDLY_SCALE) >> 3;
  if (c.ackCount > step && step > 0) {
    const steps = Math.floor((c.ackCount - 1) / step);
    c.ackCount -= steps * step;
    c.friendlyCwnd += steps;
  }
  if (c.friendlyCwnd > cwnd) {
    const most = Math.floor(cwnd / (c.friendlyCwnd - cwnd));
    if (c.count > most) c.count = most;
  }
  if (c.count < 2) c.count = 2;
}

function hystartReset(t: TcpEndpoint, c: CubicState): void {
  c.roundStartUs = t.tcp.nowUs;
  c.lastAckUs = t.tcp.nowUs;
  c.endSeq = t.sndNxt;
  c.roundMinRttUs = 0x7fffffff;
  c.samples = 0;
}

/** HyStart: leave slow start when ACK trains grow as long as half an RTT, or the RTT itself grows. */
function hystartUpdate(t: TcpEndpoint, c: CubicState, delayUs: number): void {
  if (seqGt(t.sndUna, c.endSeq)) hystartReset(t, c);
  const nowUs = t.tcp.nowUs;
  const counters = t.tcp.counters;
  if (((nowUs - c.lastAckUs) | 0) <= HYSTART_ACK_DELTA_US) {
    c.lastAckUs = nowUs;
    // Half the RTT: pacing, which would stretch a train up to that, is not done here.
    if (((nowUs - c.roundStartUs) | 0) > (c.delayMinUs + ackTrainAllowance(t)) >> 1) {
      c.found = true;
      counters[Mib.TcpExtTCPHystartTrainDetect]++;
      counters[Mib.TcpExtTCPHystartTrainCwnd] += t.cwnd;
      t.ssthresh = t.cwnd;
      return;
    }
  }
  if (c.roundMinRttUs > delayUs) c.roundMinRttUs = delayUs;
  if (c.samples < HYSTART_MIN_SAMPLES) {
    c.samples++;
    return;
  }
  const threshold = Math.min(Math.max(c.delayMinUs >> 3, HYSTART_DELAY_MIN_US), HYSTART_DELAY_MAX_US);
  if (c.roundMinRttUs > c.delayMinUs + threshold) {
    c.found = true;
    counters[Mib.TcpExtTCPHystartDelayDetect]++;
    counters[Mib.TcpExtTCPHystartDelayCwnd] += t.cwnd;
    t.ssthresh = t.cwnd;
  }
}

/** Room for what offloading adds to an ACK train: four 64 KiB segments at the present rate, at most a millisecond. */
function ackTrainAllowance(t: TcpEndpoint): number {
  return Math.min(1000, Math.floor(((t.srttUs >> 3) * 131072) / (t.cwnd * t.mss)));
}
