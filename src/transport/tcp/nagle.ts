/**
 * Is it better to wait? Nagle's rule with Minshall's change, TCP_CORK, and whether more window soon makes one large segment
 * of two (tcp_nagle_test, tcp_tso_should_defer). Asked by writeXmit in output.ts.
 */
import { seqGt } from '../../base/seq.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { packetsInFlight } from './send-queue.ts';
import { RecordFlag, type SendRecord } from './send-record.ts';
import { Bit, CaState } from './tcb.ts';

/** Nagle's answers (Linux's tp->nonagle). */
export const Nagle = { On: 0, Off: 1, Cork: 2, Push: 4 } as const;

export function nagleOf(t: TcpEndpoint): number {
  return (t.bits & Bit.NoDelay ? Nagle.Off : 0) | (t.bits & Bit.Cork ? Nagle.Cork : 0);
}

export function nagleAllows(t: TcpEndpoint, record: SendRecord, length: number, mss: number, nonagle: number): boolean {
  if ((nonagle & Nagle.Push) !== 0) return true;
  if (t.sndUp !== t.sndUna || (record.flags & RecordFlag.Fin) !== 0) return true;
  return !nagleHolds(t, length < mss, nonagle);
}

function nagleHolds(t: TcpEndpoint, partial: boolean, nonagle: number): boolean {
  if (!partial) return false;
  if ((nonagle & Nagle.Cork) !== 0) return true;
  if (nonagle !== 0 || t.packetsOut === 0) return false;
  // Minshall: only an earlier *small* segment that is not acknowledged holds back the next.
  return seqGt(t.smallSeq, t.sndUna) && !seqGt(t.smallSeq, t.sndNxt);
}

/** Bytes of a long record that may go in one piece. */
export function splitPoint(t: TcpEndpoint, record: SendRecord, length: number, mss: number, segs: number, nonagle: number): number {
  const window = (t.sndUna + t.sndWnd - record.seq) | 0;
  const most = mss * segs;
  if (most <= window && record.next !== null && most <= length) return most;
  const needed = length < window ? length : window;
  if (most <= needed) return most;
  const partial = needed % mss;
  return nagleHolds(t, partial !== 0, record.next === null ? nonagle : Nagle.Push) ? needed - partial : needed;
}

export let deferredByCwnd = false;

/** Is it better to wait for more window, so that one large segment goes instead of two (tcp_tso_should_defer)? */
export function shouldDefer(t: TcpEndpoint, record: SendRecord, length: number, mss: number, maxSegs: number): boolean {
  deferredByCwnd = false;
  if (t.caState >= CaState.Recovery || maxSegs <= 1) return false;
  if (((t.tcp.nowMs - t.lastSendMs) | 0) > 1) return false;
  const sendWindow = (t.sndUna + t.sndWnd - record.seq) | 0;
  const cwndWindow = (t.cwnd - packetsInFlight(t)) * mss;
  const limit = sendWindow < cwndWindow ? sendWindow : cwndWindow;
  if (limit >= maxSegs * mss) return false;
  if (record.next !== null && limit >= length) return false;
  const divisor = t.tcp.context.settings.tcpTsoWinDivisor;
  if (divisor > 0) {
    const whole = t.cwnd * mss;
    if (limit >= Math.floor((t.sndWnd < whole ? t.sndWnd : whole) / divisor)) return false;
  } else if (limit > 3 * mss) {
    return false;
  }
  const head = t.firstRecord;
  if (head === null || head === t.sendHead) return false;
  // The next acknowledgement is likely to be late.
  if (((t.tcp.nowUs - head.sentUs) | 0) < t.srttUs >> 4) return false;
  if (cwndWindow < sendWindow) {
    if (cwndWindow <= length) {
      deferredByCwnd = true;
      return true;
    }
  } else if (sendWindow <= length) {
    return true;
  }
  return (record.flags & (RecordFlag.Fin | RecordFlag.EndOfRecord)) === 0;
}
