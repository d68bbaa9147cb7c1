/**
 * Loss recovery: the congestion states (Open, Disorder, CWR, Recovery, Loss) and what an acknowledgement does to them, with
 * F-RTO (RFC 5682). Linux's tcp_fastretrans_alert.
 *
 * What is lost: sack.ts (the scoreboard), rack.ts, without-sack.ts. How fast to go on: prr.ts. Was it needless: undo.ts.
 * What is sent again: retransmit.ts, loss-probe.ts. When nothing is heard at all: timeout.ts.
 */
import { Mib } from '../../../base/counters.ts';
import { seqGt, seqLt } from '../../../base/seq.ts';
import { AckFlag, ackState, Rexmit } from '../ack-state.ts';
import { currentSsthresh } from '../congestion/window-use.ts';
import type { TcpEndpoint } from '../endpoint.ts';
import { RecordFlag } from '../send-record.ts';
import { Bit, CaState, forgetRetransmissionTime, ownRecovery } from '../tcb.ts';
import { armRto } from '../timers.ts';
import { endCwndReduction, inCwndReduction, initCwndReduction } from './prr.ts';
import { rackMarkLost } from './rack.ts';
import { initUndo, tryUndoDsack, tryUndoLoss, tryUndoPartial, tryUndoRecovery } from './undo.ts';
import { addRenoSack, isReno, newRenoMarkLost } from './without-sack.ts';

export function anyRetransmissionDone(t: TcpEndpoint): boolean {
  if (t.retransOut > 0) return true;
  const head = t.firstRecord;
  return head !== null && head !== t.sendHead && (head.flags & RecordFlag.EverRetransmitted) !== 0;
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

export function tryKeepOpen(t: TcpEndpoint): void {
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
