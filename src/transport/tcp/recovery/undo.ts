/** Undo: a reduction that DSACKs or timestamps prove needless is taken back (RFC 3708, RFC 4015). */
import { Mib } from '../../../base/counters.ts';
import type { Seq } from '../../../base/seq.ts';
import { ackState } from '../ack-state.ts';
import type { TcpEndpoint } from '../endpoint.ts';
import { RecordFlag } from '../send-record.ts';
import { Bit, CaState, forgetRetransmissionTime, ownRecovery } from '../tcb.ts';
import { anyRetransmissionDone, tryKeepOpen } from './recovery.ts';
import { checkSackReordering } from './sack.ts';
import { isReno } from './without-sack.ts';

export function initUndo(t: TcpEndpoint): void {
  const recovery = ownRecovery(t);
  recovery.undoMarker = t.sndUna === 0 ? 1 : t.sndUna;
  recovery.undoRetrans = t.retransOut;
  if (t.tlpHighSeq !== 0 && (t.bits & Bit.TlpRetransmitted) !== 0) recovery.undoRetrans++;
  // 0 would mean "every retransmission was reported as duplicate".
  if (recovery.undoRetrans === 0) recovery.undoRetrans = -1;
}

/** RFC 4015 (Eifel): the echo is older than our first retransmission, so the original arrived. */
function packetDelayed(t: TcpEndpoint): boolean {
  if (t.recovery.retransStampMs === 0 || !ackState.hasEcho || ackState.echo === 0) return false;
  return ((ackState.echo - t.tsOffset - t.recovery.retransStampMs) | 0) < 0;
}

function mayUndo(t: TcpEndpoint): boolean {
  return t.recovery.undoMarker !== 0 && (t.recovery.undoRetrans === 0 || packetDelayed(t));
}

function undoCwndReduction(t: TcpEndpoint, unmarkLoss: boolean): void {
  if (unmarkLoss) {
    for (let record = t.firstRecord; record !== null && record !== t.sendHead; record = record.next) {
      record.flags &= ~RecordFlag.Lost;
    }
    t.lostOut = 0;
  }
  if (t.recovery.priorSsthresh !== 0) {
    if (t.recovery.priorCwnd > t.cwnd) t.cwnd = t.recovery.priorCwnd;
    if (t.recovery.priorSsthresh > t.ssthresh) t.ssthresh = t.recovery.priorSsthresh;
  }
  t.cwndStampMs = t.tcp.nowMs;
  if (t.recovery.undoMarker !== 0) ownRecovery(t).undoMarker = 0;
  // RACK looks again with the losses taken back.
  t.bits |= Bit.RackAdvanced;
}

/** RFC 6582: without SACK the state is held until something above `highSeq` is acknowledged. */
function renoHoldsState(t: TcpEndpoint): boolean {
  if (t.sndUna !== t.highSeq || !isReno(t)) return false;
  if (!anyRetransmissionDone(t)) forgetRetransmissionTime(t);
  return true;
}

export function tryUndoRecovery(t: TcpEndpoint): boolean {
  if (mayUndo(t)) {
    const loss = t.caState === CaState.Loss;
    undoCwndReduction(t, false);
    t.tcp.counters[loss ? Mib.TcpExtTCPLossUndo : Mib.TcpExtTCPFullUndo]++;
  } else if (t.recovery.rackPersist > 0) {
    ownRecovery(t).rackPersist--;
  }
  if (renoHoldsState(t)) return true;
  t.caState = CaState.Open;
  return false;
}

export function tryUndoDsack(t: TcpEndpoint): boolean {
  if (t.recovery.undoMarker === 0 || t.recovery.undoRetrans !== 0) return false;
  if (t.recovery.rackPersist < 16) ownRecovery(t).rackPersist++;
  undoCwndReduction(t, false);
  t.tcp.counters[Mib.TcpExtTCPDSACKUndo]++;
  return true;
}

export function tryUndoLoss(t: TcpEndpoint, frto: boolean): boolean {
  if (!frto && !mayUndo(t)) return false;
  undoCwndReduction(t, true);
  t.tcp.counters[Mib.TcpExtTCPLossUndo]++;
  if (frto) t.tcp.counters[Mib.TcpExtTCPSpuriousRTOs]++;
  t.retransmits = 0;
  if (renoHoldsState(t)) return true;
  if (frto || !isReno(t)) t.caState = CaState.Open;
  return true;
}

export function tryUndoPartial(t: TcpEndpoint, priorUna: Seq): boolean {
  if (t.recovery.undoMarker === 0 || !packetDelayed(t)) return false;
  checkSackReordering(t, priorUna, true);
  // Retransmissions are out: send new data, mark nothing more as lost.
  if (t.retransOut > 0) return true;
  if (!anyRetransmissionDone(t)) forgetRetransmissionTime(t);
  undoCwndReduction(t, true);
  t.tcp.counters[Mib.TcpExtTCPPartialUndo]++;
  tryKeepOpen(t);
  return false;
}
