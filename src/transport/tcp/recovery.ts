/**
 * Loss recovery: the congestion states (Open, Disorder, CWR, Recovery, Loss), proportional rate reduction (RFC 6937 and
 * its successor's bound), F-RTO (RFC 5682), undo by DSACK and timestamps (RFC 3708, RFC 4015). Linux's
 * tcp_fastretrans_alert and what belongs to it; detection itself is in rack.ts.
 */
import { Mib } from '../../base/counters.ts';
import { type Seq, seqGt, seqLt } from '../../base/seq.ts';
import { AckFlag, ackState, Rexmit } from './ack-state.ts';
import { congestionLoss, congestionSsthresh } from './congestion/congestion.ts';
import { INFINITE_SSTHRESH } from './constants.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { currentSsthresh, packetsInFlight } from './output.ts';
import { markRecordLost, newRenoMarkLost, rackMarkLost } from './rack.ts';
import { highestSacked } from './sack.ts';
import { RecordFlag, type SendRecord } from './send-record.ts';
import { Bit, CaState, forgetRetransmissionTime, ownRecovery } from './tcb.ts';
import { armRto } from './timers.ts';

function isReno(t: TcpEndpoint): boolean {
  return (t.bits & Bit.SackOk) === 0;
}

export function inCwndReduction(t: TcpEndpoint): boolean {
  return t.caState === CaState.Cwr || t.caState === CaState.Recovery;
}

function anyRetransmissionDone(t: TcpEndpoint): boolean {
  if (t.retransOut > 0) return true;
  const head = t.firstRecord;
  return head !== null && head !== t.sendHead && (head.flags & RecordFlag.EverRetransmitted) !== 0;
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

function initCwndReduction(t: TcpEndpoint): void {
  t.highSeq = t.sndNxt;
  t.tlpHighSeq = 0;
  t.cwndCount = 0;
  const recovery = ownRecovery(t);
  recovery.priorCwnd = t.cwnd;
  recovery.prrDelivered = 0;
  recovery.prrOut = 0;
  t.ssthresh = congestionSsthresh(t);
}

function endCwndReduction(t: TcpEndpoint): void {
  if (t.ssthresh < INFINITE_SSTHRESH && (t.caState === CaState.Cwr || t.recovery.undoMarker !== 0)) {
    t.cwnd = t.ssthresh;
    t.cwndStampMs = t.tcp.nowMs;
  }
}

function initUndo(t: TcpEndpoint): void {
  const recovery = ownRecovery(t);
  recovery.undoMarker = t.sndUna === 0 ? 1 : t.sndUna;
  recovery.undoRetrans = t.retransOut;
  if (t.tlpHighSeq !== 0 && (t.bits & Bit.TlpRetransmitted) !== 0) recovery.undoRetrans++;
  // 0 would mean "every retransmission was reported as duplicate".
  if (recovery.undoRetrans === 0) recovery.undoRetrans = -1;
}

export function enterRecovery(t: TcpEndpoint, ece: boolean): void {
  t.tcp.counters[isReno(t) ? Mib.TcpExtTCPRenoRecovery : Mib.TcpExtTCPSackRecovery]++;
  if (t.recovery.priorSsthresh !== 0) ownRecovery(t).priorSsthresh = 0;
  initUndo(t);
  if (!inCwndReduction(t)) {
    if (!ece) ownRecovery(t).priorSsthresh = currentSsthresh(t);
    initCwndReduction(t);
  }
  t.caState = CaState.Recovery;
}

/** The retransmission timer struck: everything old enough is lost, the window starts at one (tcp_enter_loss). */
export function adjustForLossTimeout(t: TcpEndpoint): void {
  const newRecovery = t.caState < CaState.Recovery;
  markAllLost(t);
  if (t.caState <= CaState.Disorder || !seqGt(t.highSeq, t.sndUna) || (t.caState === CaState.Loss && t.retransmits === 0)) {
    ownRecovery(t).priorSsthresh = currentSsthresh(t);
    ownRecovery(t).priorCwnd = t.cwnd;
    t.ssthresh = congestionSsthresh(t);
    congestionLoss(t);
    initUndo(t);
  }
  t.cwnd = packetsInFlight(t) + 1;
  t.cwndCount = 0;
  t.cwndStampMs = t.tcp.nowMs;
  const settings = t.tcp.context.settings;
  if (t.caState <= CaState.Disorder && t.sackedOut >= settings.tcpReordering && t.reordering > settings.tcpReordering) {
    t.reordering = settings.tcpReordering;
  }
  t.caState = CaState.Loss;
  t.highSeq = t.sndNxt;
  t.tlpHighSeq = 0;
  if (settings.tcpFrto !== 0 && (newRecovery || t.retransmits > 0)) t.bits |= Bit.Frto;
  else t.bits &= ~Bit.Frto;
}

function markAllLost(t: TcpEndpoint): void {
  const head = t.firstRecord;
  if (head === null || head === t.sendHead) return;
  const reneged = (head.flags & RecordFlag.Sacked) !== 0;
  if (reneged) {
    t.tcp.counters[Mib.TcpExtTCPSACKReneging]++;
    t.sackedOut = 0;
  } else if (isReno(t)) {
    t.sackedOut = 0;
  }
  for (let record: SendRecord | null = head; record !== null && record !== t.sendHead; record = record.next) {
    if (reneged) {
      record.flags &= ~RecordFlag.Sacked;
    } else if (record !== head && (t.rackRttUs - ((t.tcp.nowUs - record.sentUs) | 0)) > 0) {
      // Sent so recently that its acknowledgement may well be on the way.
      continue;
    }
    markRecordLost(t, record);
  }
}

// Reno's emulated scoreboard: every duplicate acknowledgement counts as one segment SACKed.

function limitRenoSacked(t: TcpEndpoint): boolean {
  let holes = t.lostOut > 1 ? t.lostOut : 1;
  if (holes > t.packetsOut) holes = t.packetsOut;
  if (t.sackedOut + holes > t.packetsOut) {
    t.sackedOut = t.packetsOut - holes;
    return true;
  }
  return false;
}

function checkRenoReordering(t: TcpEndpoint, addend: number): void {
  if (!limitRenoSacked(t)) return;
  t.reordering = Math.min(t.packetsOut + addend, t.tcp.context.settings.tcpMaxReordering);
  t.bits |= Bit.ReorderingSeen;
  t.tcp.counters[Mib.TcpExtTCPRenoReorder]++;
}

function addRenoSack(t: TcpEndpoint, duplicates: number): void {
  if (duplicates === 0) return;
  const prior = t.sackedOut;
  t.sackedOut += duplicates;
  checkRenoReordering(t, 0);
  const delivered = t.sackedOut - prior;
  if (delivered > 0) t.delivered = (t.delivered + delivered) | 0;
}

export function removeRenoSacks(t: TcpEndpoint, acked: number): void {
  if (acked > 0) {
    t.delivered = (t.delivered + Math.max(acked - t.sackedOut, 1)) | 0;
    t.sackedOut = acked - 1 >= t.sackedOut ? 0 : t.sackedOut - (acked - 1);
  }
  checkRenoReordering(t, acked);
}

/** Something below what was SACKed arrived late: reordering, `byTimestamp` when an echo told (tcp_check_sack_reordering). */
export function checkSackReordering(t: TcpEndpoint, low: Seq, byTimestamp: boolean): void {
  const highest = highestSacked(t);
  if (!seqLt(low, highest)) return;
  const distance = (highest - low) | 0;
  if (distance > t.reordering * t.mss) {
    t.reordering = Math.min(Math.ceil(distance / t.mss), t.tcp.context.settings.tcpMaxReordering);
  }
  t.bits |= Bit.ReorderingSeen;
  t.tcp.counters[byTimestamp ? Mib.TcpExtTCPTSReorder : Mib.TcpExtTCPSACKReorder]++;
}

// Undo: the reduction was not deserved.

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

function tryUndoRecovery(t: TcpEndpoint): boolean {
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

function tryUndoDsack(t: TcpEndpoint): boolean {
  if (t.recovery.undoMarker === 0 || t.recovery.undoRetrans !== 0) return false;
  if (t.recovery.rackPersist < 16) ownRecovery(t).rackPersist++;
  undoCwndReduction(t, false);
  t.tcp.counters[Mib.TcpExtTCPDSACKUndo]++;
  return true;
}

function tryUndoLoss(t: TcpEndpoint, frto: boolean): boolean {
  if (!frto && !mayUndo(t)) return false;
  undoCwndReduction(t, true);
  t.tcp.counters[Mib.TcpExtTCPLossUndo]++;
  if (frto) t.tcp.counters[Mib.TcpExtTCPSpuriousRTOs]++;
  t.retransmits = 0;
  if (renoHoldsState(t)) return true;
  if (frto || !isReno(t)) t.caState = CaState.Open;
  return true;
}

function tryUndoPartial(t: TcpEndpoint, priorUna: Seq): boolean {
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

function tryKeepOpen(t: TcpEndpoint): void {
  const state = t.sackedOut + t.lostOut > 0 || anyRetransmissionDone(t) ? CaState.Disorder : CaState.Open;
  if (t.caState !== state) {
    t.caState = state;
    t.highSeq = t.sndNxt;
  }
}

function tryToOpen(t: TcpEndpoint): void {
  if (!anyRetransmissionDone(t)) forgetRetransmissionTime(t);
  if (t.caState !== CaState.Cwr) tryKeepOpen(t);
}

function identifyLoss(t: TcpEndpoint): void {
  if (t.firstRecord === null || t.firstRecord === t.sendHead) return;
  if (isReno(t)) {
    newRenoMarkLost(t, (ackState.flag & AckFlag.UnaAdvanced) !== 0);
    return;
  }
  const priorRetrans = t.retransOut;
  if (rackMarkLost(t)) ackState.flag &= ~AckFlag.SetTimer;
  if (priorRetrans > t.retransOut) ackState.flag |= AckFlag.LostRetransmission;
}

/** The peer took back what it SACKed (RFC 2018 section 8): an RTO will come, soon (tcp_check_sack_reneging). */
function checkReneging(t: TcpEndpoint): boolean {
  if ((ackState.flag & AckFlag.SackReneging) === 0 || (ackState.flag & AckFlag.UnaAdvanced) === 0) return false;
  const rto = t.rtoUs;
  t.rtoUs = Math.max(t.srttUs >> 4, 10000);
  armRto(t);
  t.rtoUs = rto;
  ackState.flag &= ~AckFlag.SetTimer;
  return true;
}

/** An acknowledgement that is not plain progress: the state machine of loss recovery. */
export function fastRetransmitAlert(t: TcpEndpoint, duplicates: number): void {
  const flag = ackState.flag;
  const priorUna = ackState.priorUna;
  const advanced = (flag & AckFlag.UnaAdvanced) !== 0;
  if (t.packetsOut === 0 && t.sackedOut !== 0) t.sackedOut = 0;
  if (checkReneging(t)) return;
  if (t.caState === CaState.Open) {
    forgetRetransmissionTime(t);
  } else if (!seqLt(t.sndUna, t.highSeq)) {
    if (t.caState === CaState.Cwr) {
      if (t.sndUna !== t.highSeq) {
        endCwndReduction(t);
        t.caState = CaState.Open;
      }
    } else if (t.caState === CaState.Recovery) {
      if (isReno(t)) t.sackedOut = 0;
      if (tryUndoRecovery(t)) return;
      endCwndReduction(t);
    }
  }
  switch (t.caState) {
    case CaState.Recovery:
      if (!advanced) {
        if (isReno(t)) addRenoSack(t, duplicates);
      } else if (tryUndoPartial(t, priorUna)) {
        return;
      }
      if (tryUndoDsack(t)) tryToOpen(t);
      identifyLoss(t);
      if (t.caState !== CaState.Recovery) {
        if (t.lostOut === 0) return;
        enterRecovery(t, false);
      }
      break;
    case CaState.Loss:
      processLoss(t, duplicates);
      identifyLoss(t);
      if ((t.caState as CaState) !== CaState.Open && (ackState.flag & AckFlag.LostRetransmission) === 0) return;
      if (!openOrDisorder(t, duplicates, advanced)) return;
      break;
    default:
      if (!openOrDisorder(t, duplicates, advanced)) return;
      break;
  }
  ackState.rexmit = Rexmit.Lost;
}

/** The rules of Open, Disorder and CWR. True when recovery begins. */
function openOrDisorder(t: TcpEndpoint, duplicates: number, advanced: boolean): boolean {
  if (isReno(t)) {
    if (advanced) t.sackedOut = 0;
    addRenoSack(t, duplicates);
  }
  if (t.caState <= CaState.Disorder) tryUndoDsack(t);
  identifyLoss(t);
  if (t.lostOut === 0) {
    tryToOpen(t);
    return false;
  }
  enterRecovery(t, false);
  return true;
}

/** After a timeout, with F-RTO's question whether it was spurious (RFC 5682 section 3.1). */
function processLoss(t: TcpEndpoint, duplicates: number): void {
  const flag = ackState.flag;
  const recovered = !seqLt(t.sndUna, t.highSeq);
  const advanced = (flag & AckFlag.UnaAdvanced) !== 0;
  if (advanced && tryUndoLoss(t, false)) return;
  if ((t.bits & Bit.Frto) !== 0) {
    if ((flag & AckFlag.OriginalSacked) !== 0 && tryUndoLoss(t, true)) return;
    if (seqGt(t.sndNxt, t.highSeq)) {
      if ((flag & AckFlag.DataSacked) !== 0 || duplicates > 0) t.bits &= ~Bit.Frto;
    } else if (advanced && !recovered) {
      t.highSeq = t.sndNxt;
      if (t.sendHead !== null && seqGt((t.sndUna + t.sndWnd) | 0, t.sndNxt)) {
        ackState.rexmit = Rexmit.New;
        return;
      }
      t.bits &= ~Bit.Frto;
    }
  }
  if (recovered) {
    tryUndoRecovery(t);
    return;
  }
  if (isReno(t)) {
    if (seqGt(t.sndNxt, t.highSeq) && duplicates > 0) addRenoSack(t, duplicates);
    else if (advanced) t.sackedOut = 0;
  }
  ackState.rexmit = Rexmit.Lost;
}

/** What an acknowledgement says about a loss probe in flight (RFC 8985 7.4). */
export function processProbeAck(t: TcpEndpoint, ack: Seq): void {
  if (seqLt(ack, t.tlpHighSeq)) return;
  const flag = ackState.flag;
  if ((t.bits & Bit.TlpRetransmitted) === 0 || (flag & AckFlag.DsackOfProbe) !== 0) {
    t.tlpHighSeq = 0;
  } else if (seqGt(ack, t.tlpHighSeq)) {
    // The probe filled a hole: there was a loss, and nobody reduced the window for it yet.
    initCwndReduction(t);
    t.caState = CaState.Cwr;
    endCwndReduction(t);
    tryKeepOpen(t);
    t.tcp.counters[Mib.TcpExtTCPLossProbeRecovery]++;
  } else if ((flag & (AckFlag.UnaAdvanced | AckFlag.NotDuplicate | AckFlag.DataSacked)) === 0) {
    t.tlpHighSeq = 0;
  }
}
