/**
 * Acknowledgements: RFC 9293 3.10.7.4 step 5, with Linux's bookkeeping (tcp_ack and tcp_clean_rtx_queue).
 *
 * Called by input.ts for every segment of a synchronized connection that has ACK set.
 */
import { Mib } from '../../base/counters.ts';
import { type Seq, seqGt, seqLeq, seqLt } from '../../base/seq.ts';
import { TcpFlag, type TcpHeader } from '../../wire/tcp.ts';
import { AckFlag, ackState, Rexmit } from './ack-state.ts';
import { sendChallengeAck } from './challenge.ts';
import { congestionAcked, congestionAvoid } from './congestion/congestion.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { Nagle, nagleOf } from './nagle.ts';
import { pushPending } from './output.ts';
import { dropRecord, packetsInFlight } from './send-queue.ts';
import { rackAdvance, rackUpdateSteps } from './recovery/rack.ts';
import { processProbeAck } from './recovery/loss-probe.ts';
import { cwndReduction, inCwndReduction } from './recovery/prr.ts';
import { fastRetransmitAlert } from './recovery/recovery.ts';
import { checkSackReordering } from './recovery/sack.ts';
import { removeRenoSacks } from './recovery/without-sack.ts';
import { xmitRetransmitQueue } from './recovery/retransmit.ts';
import { rttSample, setRto, updateMinRtt } from './rtt.ts';
import { highestSacked, tagSackBlocks } from './recovery/sack.ts';
import { RecordFlag, type SendRecord } from './send-record.ts';
import { Bit, CaState, forgetRetransmissionTime } from './tcb.ts';
import { armLossProbe } from './recovery/loss-probe.ts';
import { rearmRto } from './timers.ts';
import { ackProbe } from './window-probe.ts';
import { syncMss } from './mss.ts';

/** What handleAck answers. */
export const AckResult = { Old: 0, Ok: 1, /** Drop the segment. */ Bad: -1, /** Drop it, a challenge was sent. */ Challenged: -2 } as const;

/** Handles SEG.ACK, SEG.WND and the SACK blocks. The segment passed the sequence checks. */
export function handleAck(t: TcpEndpoint, segment: TcpHeader, segEnd: Seq): number {
  const ack = segment.ack;
  const priorUna = t.sndUna;
  const state = ackState;
  state.flag = 0;
  state.rexmit = Rexmit.None;
  state.priorUna = priorUna;
  state.hasSackTime = false;
  state.hasEcho = segment.hasTimestamps && (t.bits & Bit.TimestampsOk) !== 0;
  state.echo = segment.tsEcr;
  state.caRttUs = -1;
  if (seqLt(ack, priorUna)) {
    // RFC 5961 5.2: older than any window we had is somebody's guess.
    const window = t.bytesAcked < t.maxWindow ? t.bytesAcked | 0 : t.maxWindow;
    if (seqLt(ack, (priorUna - window) | 0)) {
      sendChallengeAck(t);
      return AckResult.Challenged;
    }
    return oldAck(t, segment, ack);
  }
  if (seqGt(ack, t.sndNxt)) return AckResult.Bad;
  const priorPackets = t.packetsOut;
  const sack = (t.bits & Bit.SackOk) !== 0;
  state.priorHighest = sack ? highestSacked(t) : t.sndUna;
  state.reorder = state.priorHighest;
  const priorDelivered = t.delivered;
  const priorLost = t.lostOut;
  const counters = t.tcp.counters;
  if (seqGt(ack, priorUna)) {
    state.flag |= AckFlag.UnaAdvanced;
    t.retransmits = 0;
  }
  if (segment.seq !== segEnd) state.flag |= AckFlag.Data;
  else counters[Mib.TcpExtTCPPureAcks]++;
  updateWindow(t, segment, ack);
  if (segment.sackCount > 0 && sack) tagSackBlocks(t, segment, ack);
  t.softErrno = 0;
  t.probesOut = 0;
  t.lastAckMs = t.tcp.nowMs;
  if (priorPackets === 0) {
    if ((state.flag & AckFlag.DsackSeen) !== 0) fastRetransmitAlert(t, 0);
    ackProbe(t);
    if (t.tlpHighSeq !== 0) processProbeAck(t, ack);
    return AckResult.Ok;
  }
  cleanQueue(t, priorUna);
  if (t.reordering > 0 && sack) rackUpdateSteps(t, priorDelivered);
  if (t.tlpHighSeq !== 0) processProbeAck(t, ack);
  const flag = state.flag;
  if ((flag & AckFlag.NotDuplicate) === 0 || (flag & AckFlag.CaAlert) !== 0 || t.caState !== CaState.Open) {
    const duplicate = (flag & (AckFlag.UnaAdvanced | AckFlag.NotDuplicate | AckFlag.DsackSeen)) === 0;
    fastRetransmitAlert(t, duplicate ? 1 : 0);
  }
  if ((state.flag & AckFlag.SetTimer) !== 0 && !armLossProbe(t, true)) rearmRto(t);
  if ((flag & AckFlag.ForwardProgress) !== 0 || (flag & AckFlag.NotDuplicate) === 0) t.confirmRoute();
  const delivered = (t.delivered - priorDelivered) | 0;
  if (delivered !== 0) counters[Mib.TcpExtTCPDelivered] += delivered;
  if (inCwndReduction(t)) {
    cwndReduction(t, delivered, t.lostOut > priorLost ? t.lostOut - priorLost : 0, (flag & AckFlag.UnaAdvanced) !== 0);
  } else {
    const raises = t.reordering > t.tcp.context.settings.tcpReordering ? AckFlag.ForwardProgress : AckFlag.DataAcked;
    if ((flag & raises) !== 0) congestionAvoid(t, delivered);
  }
  transmitRecovery(t);
  return AckResult.Ok;
}

/** An acknowledgement below SND.UNA still may carry news in its SACK blocks. */
function oldAck(t: TcpEndpoint, segment: TcpHeader, ack: Seq): number {
  if (segment.sackCount > 0 && (t.bits & Bit.SackOk) !== 0) {
    ackState.priorHighest = highestSacked(t);
    ackState.reorder = ackState.priorHighest;
    tagSackBlocks(t, segment, ack);
    fastRetransmitAlert(t, 0);
    transmitRecovery(t);
  }
  return AckResult.Old;
}

function transmitRecovery(t: TcpEndpoint): void {
  if (ackState.rexmit === Rexmit.None) return;
  if (ackState.rexmit === Rexmit.New) {
    pushPending(t, Nagle.Off);
    if (seqGt(t.sndNxt, t.highSeq)) return;
    t.bits &= ~Bit.Frto;
  }
  xmitRetransmitQueue(t);
}

/** SND.WND, SND.WL1 and SND.UNA (step 5, ESTABLISHED). */
function updateWindow(t: TcpEndpoint, segment: TcpHeader, ack: Seq): void {
  let window = segment.window;
  if ((segment.flags & TcpFlag.Syn) === 0) window = window * (1 << t.sndScale);
  if (
    seqGt(ack, t.sndUna) || seqGt(segment.seq, t.sndWl1) ||
    (segment.seq === t.sndWl1 && (window > t.sndWnd || window === 0))
  ) {
    ackState.flag |= AckFlag.WindowUpdate;
    t.sndWl1 = segment.seq;
    if (t.sndWnd !== window) {
      t.sndWnd = window;
      if (window > t.maxWindow) {
        t.maxWindow = window;
        syncMss(t);
      }
    }
  }
  if (ack !== t.sndUna) {
    t.bytesAcked += (ack - t.sndUna) | 0;
    t.sndUna = ack;
  }
}

/** Takes what is acknowledged off the queue, measures the round trip, feeds RACK. */
function cleanQueue(t: TcpEndpoint, priorUna: Seq): void {
  const state = ackState;
  const una = t.sndUna;
  const sack = (t.bits & Bit.SackOk) !== 0;
  const nowUs = t.tcp.nowUs;
  let acked = 0;
  let hasTime = false;
  let firstUs = 0;
  let lastUs = 0;
  let record = t.firstRecord;
  while (record !== null && record !== t.sendHead) {
    const flags = record.flags;
    let segs = record.segs;
    const whole = seqLeq(record.end, una);
    if (!whole) {
      if (segs === 1 || seqLeq(una, record.seq)) break;
      segs = trimAcked(t, record, una);
      if (segs === 0) break;
    }
    if ((flags & (RecordFlag.EverRetransmitted | RecordFlag.Retransmitted)) !== 0) {
      if ((flags & RecordFlag.Retransmitted) !== 0) t.retransOut -= segs;
      state.flag |= AckFlag.RetransmittedAcked;
    } else if ((flags & RecordFlag.Sacked) === 0) {
      lastUs = record.sentUs;
      if (!hasTime) {
        hasTime = true;
        firstUs = lastUs;
      }
      if (seqLt(record.seq, state.reorder)) state.reorder = record.seq;
      if (!seqGt(record.end, t.highSeq)) state.flag |= AckFlag.OriginalSacked;
    }
    if ((flags & RecordFlag.Sacked) !== 0) {
      t.sackedOut -= segs;
    } else if (sack) {
      t.delivered = (t.delivered + segs) | 0;
      if (!spuriousRetransmission(t, flags)) rackAdvance(t, flags, record.end, record.sentUs);
    }
    if ((flags & RecordFlag.Lost) !== 0) t.lostOut -= segs;
    t.packetsOut -= segs;
    acked += segs;
    if ((flags & RecordFlag.Syn) !== 0) {
      state.flag |= AckFlag.SynAcked;
      forgetRetransmissionTime(t);
    } else {
      state.flag |= AckFlag.DataAcked;
    }
    if (!whole) break;
    const next: SendRecord | null = record.next;
    dropRecord(t, record);
    record = next;
  }
  dropAckedBytes(t);
  if (t.sndUp !== t.sndUna) {
    // The urgent byte is acknowledged; outside urgent mode the pointer follows SND.UNA.
    if (((t.sndUp - priorUna) | 0) >= 0 && seqLeq(t.sndUp, una)) t.sndUp = una;
  }
  if (record !== null && record !== t.sendHead && (record.flags & RecordFlag.Sacked) !== 0) state.flag |= AckFlag.SackReneging;
  let seqRtt = -1;
  if (hasTime && (state.flag & AckFlag.RetransmittedAcked) === 0) {
    seqRtt = (nowUs - firstUs) | 0;
    state.caRttUs = (nowUs - lastUs) | 0;
  }
  let sackRtt = -1;
  if (state.hasSackTime) {
    sackRtt = (nowUs - state.firstSackUs) | 0;
    state.caRttUs = (nowUs - state.lastSackUs) | 0;
  }
  const sampled = updateRtt(t, seqRtt, sackRtt);
  if ((state.flag & AckFlag.Acked) !== 0) {
    state.flag |= AckFlag.SetTimer;
    if (!sack) {
      removeRenoSacks(t, acked);
      if ((state.flag & AckFlag.RetransmittedAcked) !== 0) state.flag &= ~AckFlag.OriginalSacked;
    } else if (seqLt(state.reorder, state.priorHighest)) {
      checkSackReordering(t, state.reorder, false);
    }
    t.roomMade();
  } else if (record !== null && sampled && sackRtt >= 0 && sackRtt > ((nowUs - record.sentUs) | 0)) {
    state.flag |= AckFlag.SetTimer;
  }
  if (acked > 0 && state.caRttUs >= 0) congestionAcked(t, state.caRttUs);
}

/** A retransmission is acknowledged with an echo older than itself: the original did it (tcp_skb_spurious_retrans). */
function spuriousRetransmission(t: TcpEndpoint, flags: number): boolean {
  if ((flags & RecordFlag.Retransmitted) === 0 || !ackState.hasEcho || ackState.echo === 0) return false;
  return t.recovery.retransStampMs !== 0 && ((ackState.echo - t.tsOffset - t.recovery.retransStampMs) | 0) < 0;
}

/** Cuts whole acknowledged segments off the front of a super-segment; returns how many (tcp_tso_acked). */
function trimAcked(t: TcpEndpoint, record: SendRecord, una: Seq): number {
  const length = (record.end - record.seq) | 0;
  const segs = record.segs;
  let mss = t.mss;
  if (Math.ceil(length / mss) !== segs) mss = Math.ceil(length / segs);
  const rest = Math.ceil(((record.end - una) | 0) / mss);
  t.queuedBytes -= (una - record.seq) | 0;
  record.seq = una;
  record.segs = rest > 0 ? rest : 1;
  return segs - record.segs;
}

/** The send buffer begins at SND.UNA again. */
function dropAckedBytes(t: TcpEndpoint): void {
  let bytes = (t.sndUna - t.sndBufSeq) | 0;
  if (bytes <= 0) return;
  if (bytes > t.sndBuf.length) bytes = t.sndBuf.length;
  if (bytes > 0) t.sndBuf.drop(bytes);
  t.sndBufSeq = (t.sndBufSeq + bytes) | 0;
}

function updateRtt(t: TcpEndpoint, seqRtt: number, sackRtt: number): boolean {
  let rtt = seqRtt >= 0 ? seqRtt : sackRtt;
  const state = ackState;
  if (rtt < 0 && state.hasEcho && state.echo !== 0 && (state.flag & AckFlag.Acked) !== 0) {
    // RFC 7323 4.1: the echo tells even for retransmitted data.
    const ms = (t.tcp.nowMs + t.tsOffset - state.echo) | 0;
    if (ms >= 0 && ms < 2000000) {
      rtt = ms === 0 ? 1000 : ms * 1000;
      state.caRttUs = rtt;
    }
  }
  if (rtt < 0) return false;
  // A clock that stood still (virtual time) must not make the estimate zero.
  if (rtt === 0) rtt = 1;
  updateMinRtt(t, state.caRttUs > 0 ? state.caRttUs : rtt);
  rttSample(t, rtt);
  setRto(t);
  t.backoff = 0;
  return true;
}

/** After an acknowledgement: send what it made room for. */
export function pushAfterAck(t: TcpEndpoint): void {
  if (t.sendHead !== null && packetsInFlight(t) < t.cwnd) pushPending(t, nagleOf(t));
  else if (t.sendHead !== null && t.packetsOut === 0) pushPending(t, nagleOf(t));
}
