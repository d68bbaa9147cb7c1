/**
 * Segments for connections, in the order of RFC 9293 section 3.10.7.4, with Linux's answers where the RFC leaves a
 * choice (tcp_rcv_established, tcp_rcv_state_process, tcp_validate_incoming).
 *
 * Called by Tcp.input and, for the first segment of a new connection, by listener.ts. Before working on this file read
 * RFC 9293 3.10.7, RFC 5961 and RFC 7323 section 5.
 */
import { Mib } from '../../base/counters.ts';
import { type Seq, seqGt, seqLeq, seqLt } from '../../base/seq.ts';
import type { Packet } from '../../link/packet.ts';
import { TcpFlag, type TcpHeader } from '../../wire/tcp.ts';
import { AckResult, handleAck, pushAfterAck } from './ack.ts';
import { mayAnswer, sendChallengeAck } from './challenge.ts';
import { closeState } from './close.ts';
import { sendFin } from './output.ts';
import { connectionDone, connectionReset, finWait2Us, orphanInFinWait2 } from './close.ts';
import { PAWS_DAYS_24, TIME_WAIT_US } from './constants.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { ackSendCheck } from './delayed-ack.ts';
import { checkUrgent, duplicateAck, queueData } from './receive.ts';
import { setState, TcpState } from './state.ts';
import { established, synSentInput } from './syn.ts';
import { Bit } from './tcb.ts';
import { enterTimeWait } from './time-wait.ts';
import { armFinWait2 } from './keepalive.ts';
import { receiveWindow } from './window.ts';

/** tcp_segs_in: segments that came as one count by themselves. */
function countSegment(t: TcpEndpoint, segment: TcpHeader, p: Packet): void {
  const { dataLen } = segment;
  const segs = p.gsoSize === 0 || dataLen <= p.gsoSize ? 1 : Math.ceil(dataLen / p.gsoSize);
  t.segsIn = (t.segsIn + segs) | 0;
  if (dataLen > 0) t.dataSegsIn = (t.dataSegsIn + segs) | 0;
}

/** A segment for `t`, `p.head` at its TCP header. Takes over `p`. */
export function segmentArrives(t: TcpEndpoint, segment: TcpHeader, p: Packet): void {
  countSegment(t, segment, p);
  if (isPlainData(t, segment)) return takePlainData(t, segment, p);
  if (t.state === TcpState.SynSent) return synSentInput(t, segment, p);
  if (t.state === TcpState.Closed) {
    t.tcp.sendReset(segment, p);
    return t.tcp.discard(p);
  }
  const { flags, seq } = segment;
  const end = (seq + segment.segLen) | 0;
  // First: sequence number, and before it PAWS (RFC 7323 5.3).
  if (!isAcceptable(t, segment, seq, end)) return t.tcp.discard(p);
  // Second: RST (RFC 5961 3.2: only one that hits RCV.NXT exactly).
  if ((flags & TcpFlag.Rst) !== 0) {
    if (seq === t.rcvNxt || isResetAfterFin(t, seq) || isResetBySack(t, seq)) {
      connectionReset(t);
      return p.release();
    }
    sendChallengeAck(t);
    return t.tcp.discard(p);
  }
  // Fourth: SYN (RFC 5961 4.2).
  if ((flags & TcpFlag.Syn) !== 0 && !(t.state === TcpState.SynReceived && seq === t.irs)) {
    t.tcp.counters[Mib.TcpExtTCPSYNChallenge]++;
    sendChallengeAck(t);
    return t.tcp.discard(p);
  }
  // Fifth: ACK.
  if ((flags & TcpFlag.Ack) === 0) return t.tcp.discard(p);
  const completes = t.state === TcpState.SynReceived;
  if (completes && !completeHandshake(t, segment)) {
    t.tcp.sendReset(segment, p);
    return t.tcp.discard(p);
  }
  updateTimestamp(t, segment, seq);
  const result = handleAck(t, segment, end);
  // What was shut down before goes out now (tcp_rcv_state_process).
  if (completes && (t.bits & Bit.ShutWrite) !== 0 && t.state === TcpState.Established && closeState(t)) sendFin(t);
  if (result === AckResult.Bad || result === AckResult.Challenged) {
    if (result === AckResult.Bad) sendChallengeAck(t);
    return t.tcp.discard(p);
  }
  if (!ourFinAcknowledged(t, segment, p)) return;
  // Sixth, seventh, eighth: URG, data, FIN.
  checkUrgent(t, p, segment);
  if (t.state === TcpState.Established || t.state === TcpState.FinWait1 || t.state === TcpState.FinWait2) {
    const refused = (t.bits & (t.state === TcpState.Established ? Bit.Orphan : Bit.ShutRead)) !== 0;
    if (refused && isAfterReceived(t, segment, end)) {
      // RFC 1122 4.2.2.13: data for a socket that nobody holds.
      t.tcp.counters[Mib.TcpExtTCPAbortOnData]++;
      connectionReset(t);
      t.tcp.sendReset(segment, p);
      return p.release();
    }
    p.trimFront(segment.headerLen);
    queueData(t, p, segment, seq, end);
  } else {
    // Their FIN has been: what is behind it means nothing, what is before it is old and acknowledged at once.
    if (segment.segLen > 0 && seqLeq(end, t.rcvNxt)) queueData(t, p, segment, seq, end);
    else if (segment.segLen > 0) t.tcp.discard(p);
    else p.release();
  }
  if ((t.state as TcpState) === TcpState.Closed) return;
  pushAfterAck(t);
  ackSendCheck(t);
}

/**
 * Header prediction (Van Jacobson's; Linux's tcp_rcv_established): is this the next data of a one-way stream, about which
 * every step below has nothing to say? SEG.ACK is SND.UNA, nothing of ours is in flight or waits, the window is as it was.
 */
function isPlainData(t: TcpEndpoint, segment: TcpHeader): boolean {
  return (
    segment.seq === t.rcvNxt && segment.dataLen > 0 && t.state === TcpState.Established &&
    (segment.flags & ~TcpFlag.Psh) === TcpFlag.Ack && segment.ack === t.sndUna && t.firstRecord === null &&
    segment.window * (1 << t.sndScale) === t.sndWnd && segment.sackCount === 0 && t.ofo === null && t.urgent === null &&
    (t.bits & (Bit.Orphan | Bit.ShutRead)) === 0 &&
    (!segment.hasTimestamps || (t.bits & Bit.TimestampsOk) === 0 || ((segment.tsVal - t.tsRecent) | 0) >= 0)
  );
}

function takePlainData(t: TcpEndpoint, segment: TcpHeader, p: Packet): void {
  const { seq } = segment;
  updateTimestamp(t, segment, seq);
  t.sndWl1 = seq;
  t.softErrno = 0;
  t.probesOut = 0;
  t.lastAckMs = t.tcp.nowMs;
  p.trimFront(segment.headerLen);
  queueData(t, p, segment, seq, (seq + segment.dataLen) | 0);
  ackSendCheck(t);
}

function isAcceptable(t: TcpEndpoint, segment: TcpHeader, seq: Seq, end: Seq): boolean {
  const { tcp } = t;
  const { flags } = segment;
  const isReset = (flags & TcpFlag.Rst) !== 0;
  const data = segment.segLen > 0 && (flags & TcpFlag.Syn) === 0;
  if (segment.hasTimestamps && (t.bits & Bit.TimestampsOk) !== 0 && pawsRejects(t, segment) && !isReset) {
    tcp.counters[Mib.TcpExtPAWSEstab]++;
    if (mayAnswer(t, data, Mib.TcpExtTCPACKSkippedPAWS)) duplicateAck(t, seq, end);
    return false;
  }
  if (!seqLt(end, t.rcvWup) && !seqGt(seq, (t.rcvNxt + receiveWindow(t)) | 0)) return true;
  if (isReset) return isResetAfterFin(t, seq);
  if ((flags & TcpFlag.Syn) !== 0) {
    tcp.counters[Mib.TcpExtTCPSYNChallenge]++;
    sendChallengeAck(t);
    return false;
  }
  if (seqGt(seq, t.rcvNxt)) tcp.counters[Mib.TcpExtBeyondWindow]++;
  if (mayAnswer(t, data, Mib.TcpExtTCPACKSkippedSeq)) duplicateAck(t, seq, end);
  return false;
}

/** RFC 7323 5.3 R1, with Linux's patience for acknowledgements that were only overtaken (tcp_disordered_ack). */
function pawsRejects(t: TcpEndpoint, segment: TcpHeader): boolean {
  const behind = (t.tsRecent - segment.tsVal) | 0;
  if (behind <= 0) return false;
  const seconds = Math.floor(t.tcp.context.loop.now / 1e6);
  if (seconds - t.tsRecentSeconds >= PAWS_DAYS_24) return false;
  const pureAck = segment.segLen === 0 && segment.seq === t.rcvNxt && (segment.flags & TcpFlag.Ack) !== 0;
  const sameWindow = segment.ack === t.sndUna && segment.window * (1 << t.sndScale) === t.sndWnd;
  return !(pureAck && sameWindow && behind <= Math.floor((t.rtoUs * 1024) / 1e6));
}

/** RFC 7323 4.3: remember the stamp of the segment that advances, or would advance, the window's left edge. */
function updateTimestamp(t: TcpEndpoint, segment: TcpHeader, seq: Seq): void {
  if (!segment.hasTimestamps || (t.bits & Bit.TimestampsOk) === 0 || seqGt(seq, t.rcvWup)) return;
  // An equal stamp is of the same millisecond: what is kept already is as good.
  if (((segment.tsVal - t.tsRecent) | 0) > 0) {
    t.tsRecent = segment.tsVal;
    t.tsRecentSeconds = Math.floor(t.tcp.context.loop.now / 1e6);
  }
}

/** Linux: some peers forget to count their own FIN, and reset from where it stood (tcp_reset_check). */
function isResetAfterFin(t: TcpEndpoint, seq: Seq): boolean {
  const { state } = t;
  if (state !== TcpState.CloseWait && state !== TcpState.Closing && state !== TcpState.LastAck) return false;
  return seq === ((t.rcvNxt - 1) | 0);
}

/** Linux: a RST at the right edge of the last SACK block counts, since the peer's RCV.NXT may stand there. */
function isResetBySack(t: TcpEndpoint, seq: Seq): boolean {
  const queue = t.ofo;
  if (queue === null || queue.blocks === 0) return false;
  let right = queue.edges[1] as number;
  for (let i = 1; i < queue.blocks; i++) {
    const edge = queue.edges[2 * i + 1] as number;
    if (seqGt(edge, right)) right = edge;
  }
  return seq === right;
}

/** SYN-RECEIVED after a simultaneous open: is our SYN acknowledged? */
function completeHandshake(t: TcpEndpoint, segment: TcpHeader): boolean {
  if (seqLeq(segment.ack, t.sndUna) || seqGt(segment.ack, t.sndNxt)) return false;
  t.sndWnd = segment.window * (1 << t.sndScale);
  t.maxWindow = t.sndWnd;
  t.sndWl1 = segment.seq;
  established(t);
  t.upcalls?.connected();
  return true;
}

/** Whether a segment holds data that has not come before, or a FIN behind some that is missing (as Linux asks it). */
function isAfterReceived(t: TcpEndpoint, segment: TcpHeader, end: number): boolean {
  return segment.segLen > 0 && seqGt((end - (segment.flags & TcpFlag.Fin)) | 0, t.rcvNxt);
}

/** FIN-WAIT-1, CLOSING, LAST-ACK: what the acknowledgement of our FIN changes. False when `p` has been released. */
function ourFinAcknowledged(t: TcpEndpoint, segment: TcpHeader, p: Packet): boolean {
  const { state } = t;
  if (state < TcpState.FinWait1 || (t.bits & Bit.FinQueued) === 0 || t.sndUna !== t.writeSeq) return true;
  if (state === TcpState.FinWait1) {
    setState(t, TcpState.FinWait2);
    t.bits |= Bit.ShutWrite;
    t.confirmRoute();
    if ((t.bits & Bit.Orphan) === 0) {
      t.upcalls?.writable();
      return true;
    }
    // Who lingered in close(2) may go on.
    t.upcalls?.writable();
    const end = (segment.seq + segment.segLen) | 0;
    const noWait = t.user !== null && t.user.linger2Us < 0;
    if (noWait || isAfterReceived(t, segment, end)) {
      t.tcp.counters[Mib.TcpExtTCPAbortOnData]++;
      t.tcp.sendReset(segment, p);
      connectionDone(t);
      p.release();
      return false;
    }
    // The FIN may be in this very segment: then there is no waiting.
    if ((segment.flags & TcpFlag.Fin) === 0) {
      orphanInFinWait2(t);
      p.release();
      return false;
    }
    // An old segment's FIN ends nothing. In absence of this timer the orphan would wait for ever.
    const stay = finWait2Us(t);
    armFinWait2(t, stay > TIME_WAIT_US ? stay - TIME_WAIT_US : stay);
    return true;
  }
  if (state === TcpState.Closing) {
    enterTimeWait(t);
    p.release();
    return false;
  }
  if (state === TcpState.LastAck) {
    t.upcalls?.writable();
    connectionDone(t);
    p.release();
    return false;
  }
  // FIN-WAIT-2: it was acknowledged before.
  return true;
}
