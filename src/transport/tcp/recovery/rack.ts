/**
 * RACK (RFC 8985): a record is lost when one that was sent later has been delivered and a reordering window has passed.
 *
 * Called by recovery.ts for each acknowledgement and by the reordering timer. Walks records in the order of sending.
 */
import { Mib } from '../../../base/counters.ts';
import { type Seq, seqGt } from '../../../base/seq.ts';
import type { TcpEndpoint } from '../endpoint.ts';
import { packetsInFlight, removeSent } from '../send-queue.ts';
import { RecordFlag, type SendRecord } from '../send-record.ts';
import { Bit, CaState, ownRecovery, RexmtKind } from '../tcb.ts';
import { armReorder, rearmRto } from '../timers.ts';
import { cwndReduction } from './prr.ts';
import { enterRecovery } from './recovery.ts';
import { xmitRetransmitQueue } from './retransmit.ts';

/** A record, sent at `sentUs`, was delivered (RFC 8985 6.2 step 2). */
export function rackAdvance(t: TcpEndpoint, flags: number, end: Seq, sentUs: number): void {
  const rtt = (t.tcp.nowUs - sentUs) | 0;
  // A retransmission that is acknowledged faster than any round trip was not needed: the original arrived.
  if (rtt < t.minRttUs && (flags & RecordFlag.EverRetransmitted) !== 0) return;
  t.bits |= Bit.RackAdvanced;
  t.rackRttUs = rtt;
  if (t.rackSentUs === 0 || sentAfter(sentUs, t.rackSentUs, end, t.rackEnd)) {
    t.rackSentUs = sentUs === 0 ? 1 : sentUs;
    t.rackEnd = end;
  }
}

function sentAfter(aUs: number, bUs: number, aEnd: Seq, bEnd: Seq): boolean {
  const delta = (aUs - bUs) | 0;
  return delta > 0 || (delta === 0 && seqGt(aEnd, bEnd));
}

/** How much reordering is waited for (RFC 8985 6.2 step 4). */
function reorderingWindow(t: TcpEndpoint): number {
  if ((t.bits & Bit.ReorderingSeen) === 0) {
    if (t.caState >= CaState.Recovery) return 0;
    if (t.sackedOut >= t.reordering && (t.tcp.context.settings.tcpRecovery & 4) === 0) return 0;
  }
  const most = t.srttUs >> 3;
  const window = (t.minRttUs >> 2) * t.recovery.rackSteps;
  return window < most ? window : most;
}

/** Marks what is lost; returns the microseconds until the next may be, 0 when there is none (step 5). */
function detectLoss(t: TcpEndpoint): number {
  const window = reorderingWindow(t);
  const nowUs = t.tcp.nowUs;
  let timeout = 0;
  let record = t.firstSent;
  while (record !== null) {
    const next: SendRecord | null = record.nextSent;
    const flags = record.flags;
    // Lost and not yet sent again: nothing new to say.
    if ((flags & RecordFlag.Lost) !== 0 && (flags & RecordFlag.Retransmitted) === 0) {
      record = next;
      continue;
    }
    if (!sentAfter(t.rackSentUs, record.sentUs, t.rackEnd, record.end)) break;
    const left = t.rackRttUs + window - ((nowUs - record.sentUs) | 0);
    if (left <= 0) {
      markRecordLost(t, record);
      removeSent(t, record);
    } else if (left > timeout) {
      timeout = left;
    }
    record = next;
  }
  return timeout;
}

export function markRecordLost(t: TcpEndpoint, record: SendRecord): void {
  const flags = record.flags;
  if ((flags & RecordFlag.Sacked) !== 0) return;
  if ((flags & RecordFlag.Lost) !== 0) {
    if ((flags & RecordFlag.Retransmitted) !== 0) {
      // Its retransmission is lost as well.
      record.flags &= ~RecordFlag.Retransmitted;
      t.retransOut -= record.segs;
      t.tcp.counters[Mib.TcpExtTCPLostRetransmit] += record.segs;
    }
    return;
  }
  t.lostOut += record.segs;
  record.flags |= RecordFlag.Lost;
  if ((flags & RecordFlag.Retransmitted) !== 0) {
    record.flags &= ~RecordFlag.Retransmitted;
    t.retransOut -= record.segs;
  }
}

/** Looks for losses after an acknowledgement that delivered something. True when the reordering timer was armed. */
export function rackMarkLost(t: TcpEndpoint): boolean {
  if ((t.bits & Bit.RackAdvanced) === 0) return false;
  t.bits &= ~Bit.RackAdvanced;
  const timeout = detectLoss(t);
  if (timeout === 0) return false;
  // A little later than exactly then: Linux adds its timer's grain.
  armReorder(t, timeout + 2000);
  return true;
}

export function rackReorderTimeout(t: TcpEndpoint): void {
  t.rexmtKind = RexmtKind.None;
  const prior = packetsInFlight(t);
  const lost = t.lostOut;
  const timeout = detectLoss(t);
  if (prior !== packetsInFlight(t)) {
    if (t.caState !== CaState.Recovery) {
      enterRecovery(t, false);
      if (t.tcp.context.settings.tcpRecovery !== 0) cwndReduction(t, 1, t.lostOut - lost, false);
    }
    xmitRetransmitQueue(t);
  }
  if (timeout > 0) armReorder(t, timeout + 2000);
  if (t.rexmtKind === RexmtKind.None) rearmRto(t);
}

/** RFC 8985 6.2 step 4: duplicates that a DSACK tells widen the window for a while. */
export function rackUpdateSteps(t: TcpEndpoint, priorDelivered: number): void {
  if ((t.tcp.context.settings.tcpRecovery & 2) !== 0) return;
  if (((priorDelivered - t.recovery.rackLastDelivered) | 0) < 0) t.bits &= ~Bit.DsackSeen;
  if ((t.bits & Bit.DsackSeen) !== 0) {
    if (t.recovery.rackSteps < 255) ownRecovery(t).rackSteps++;
    t.bits &= ~Bit.DsackSeen;
    ownRecovery(t).rackLastDelivered = t.delivered;
    ownRecovery(t).rackPersist = 16;
  } else if (t.recovery.rackPersist === 0) {
    if (t.recovery.rackSteps !== 1) ownRecovery(t).rackSteps = 1;
  }
}
