/**
 * Data and FINs on their way in: RFC 9293 3.10.7.4 steps 6 to 8, and when an acknowledgement goes (Linux's
 * tcp_data_queue, tcp_event_data_recv, __tcp_ack_snd_check).
 *
 *   queueData -> receive buffer -> upcalls.readable()          read by TcpEndpoint.receive (endpoint.ts)
 *             \-> out-of-order queue (out-of-order.ts)
 */
import { Mib } from '../../base/counters.ts';
import { type Seq, seqGeq, seqGt, seqLeq, seqLt } from '../../base/seq.ts';
import { EMPTY_STREAM, StreamBuffer } from '../../base/stream-buffer.ts';
import type { Packet } from '../../link/packet.ts';
import { TcpFlag, type TcpHeader } from '../../wire/tcp.ts';
import { DELACK_MIN_US, MAX_QUICKACKS, MIN_MSS, MSS_DEFAULT } from './constants.ts';
import { enterQuickAck, increaseQuick, sendAck } from './delayed-ack.ts';
import type { TcpEndpoint } from './endpoint.ts';
import {
  extendDsack, purgeOutOfOrder, queueOutOfOrder, recycleNode, removeCoveredBlocks, setDsack, takeInOrder,
} from './out-of-order.ts';
import { setState, TcpState } from './state.ts';
import { Bit, URGENT_NOT_YET, URGENT_VALID, UrgentState } from './tcb.ts';
import { enterTimeWait } from './time-wait.ts';
import { growWindow, measureReceiveRtt, receiveWindow } from './window.ts';

/**
 * Takes the segment's data and FIN; takes over `p`, whose head is at the first byte of data. `seq` and `end` count the
 * FIN, and the SYN is taken off already.
 */
export function queueData(t: TcpEndpoint, p: Packet, segment: TcpHeader, seq: Seq, end: Seq): void {
  if (seq === end) {
    p.release();
    return;
  }
  const fin = (segment.flags & TcpFlag.Fin) !== 0;
  const counters = t.tcp.counters;
  if (seqLeq(seq, t.rcvNxt)) {
    if (seqLeq(end, t.rcvNxt)) {
      // All of it is old: a retransmission whose acknowledgement was lost.
      counters[Mib.TcpExtDelayedACKLost]++;
      setDsack(t, seq, end);
      return outOfWindow(t, p);
    }
    const bareFin = fin && seq === t.rcvNxt && segment.dataLen === 0;
    if (seq !== t.rcvNxt) setDsack(t, seq, t.rcvNxt);
    if (receiveWindow(t) === 0 && !bareFin) {
      counters[Mib.TcpExtTCPZeroWindowDrop]++;
      return outOfWindow(t, p);
    }
    if (segment.dataLen > 0 && t.rcvBuf.length > 0 && t.tcp.context.tcpMemory.isShort) return withoutMemory(t, p, Mib.TcpExtTCPRcvQDrop);
    const old = (t.rcvNxt - seq) | 0;
    if (old > 0) p.trimFront(old);
    appendInOrder(t, p, end, fin, false);
    if (segment.dataLen > 0) dataReceived(t, segment, segment.dataLen, p.gsoSize);
    p.release();
    if (fin) handleFin(t);
    if (t.ofo !== null) {
      drainOutOfOrder(t);
      // RFC 5681 4.2: a gap that is filled is told at once.
      if (t.ofo === null) t.bits |= Bit.AckNow;
    }
    if ((t.bits & Bit.Orphan) === 0) signalReadable(t);
    return;
  }
  if (seqGeq(seq, (t.rcvNxt + receiveWindow(t)) | 0)) return outOfWindow(t, p);
  if (t.tcp.context.tcpMemory.isShort) return withoutMemory(t, p, Mib.TcpExtTCPOFODrop);
  if (t.receivedBytes > t.receiveBufferBytes) {
    counters[Mib.TcpExtTCPOFODrop]++;
    t.tcp.discard(p);
    return;
  }
  t.bits |= Bit.AckScheduled;
  const gso = p.gsoSize;
  if (queueOutOfOrder(t, p, seq, end, fin)) {
    measureSegment(t, segment, gso);
    if ((t.bits & Bit.SackOk) !== 0) growWindow(t, segment.dataLen);
  }
}

/**
 * The host has no memory for it (tcp_try_rmem_schedule): who reads has to read first. What comes to an empty queue is taken
 * all the same, so that every connection goes on.
 */
function withoutMemory(t: TcpEndpoint, p: Packet, counter: number): void {
  t.tcp.counters[counter]++;
  t.bits |= Bit.AckScheduled | Bit.AckNow;
  signalReadable(t);
  t.tcp.discard(p);
}

function outOfWindow(t: TcpEndpoint, p: Packet): void {
  enterQuickAck(t);
  t.bits |= Bit.AckScheduled;
  t.tcp.discard(p);
}

/** Moves the packet's payload to the receive buffer and RCV.NXT to `end`. `kept`: the queue it was in has copied it. */
function appendInOrder(t: TcpEndpoint, p: Packet, end: Seq, fin: boolean, kept: boolean): void {
  const length = (end - t.rcvNxt - (fin ? 1 : 0)) | 0;
  if (length > 0) {
    if (p.length > length) p.trimTo(length);
    // shutdown(SHUT_RD) does not refuse data: Linux still queues and acknowledges it.
    t.receivedBytes += p.length;
    if (t.rcvBuf === EMPTY_STREAM) t.rcvBuf = new StreamBuffer();
    const { rcvBuf } = t;
    const { keeper } = t.tcp.context;
    const { rangesLen } = p;
    // What a device has put into the head has to be copied in any case.
    rcvBuf.append(p.bytes, p.head, p.headEnd - p.head, keeper);
    const ranges = p.takeRanges();
    if (kept) rcvBuf.takeRanges(ranges);
    else if (ranges !== null) rcvBuf.keepRanges(ranges, rangesLen, keeper);
    t.bytesReceived += length;
  }
  // As Linux counts it, with RCV.NXT.
  if (fin) t.bytesReceived++;
  t.rcvNxt = end;
}

/** Tells the user, when there is enough for SO_RCVLOWAT or the stream has ended. */
export function signalReadable(t: TcpEndpoint): void {
  const upcalls = t.upcalls;
  if (upcalls === null) return;
  if (t.rcvBuf.length >= t.settledOptions.receiveLowWater || (t.bits & (Bit.Done | Bit.ShutRead)) !== 0) upcalls.readable();
  else if (t.receivedBytes > t.receiveBufferBytes >> 1) upcalls.readable();
}

/** The queue's data that became in-order follows. */
function drainOutOfOrder(t: TcpEndpoint): void {
  let ended = false;
  for (;;) {
    if (t.ofo === null) return;
    const node = takeInOrder(t);
    if (node === null) break;
    const p = node.packet as Packet;
    const fin = node.fin;
    const end = node.end;
    recycleNode(node);
    if (seqGt(end, t.rcvNxt)) {
      appendInOrder(t, p, end, fin, true);
      if (fin) ended = true;
    }
    p.release();
    if (ended) {
      handleFin(t);
      break;
    }
  }
  removeCoveredBlocks(t);
}

/** The peer's FIN is in order: step 8. */
function handleFin(t: TcpEndpoint): void {
  t.bits |= Bit.AckScheduled | Bit.ShutRead | Bit.Done;
  switch (t.state) {
    case TcpState.SynReceived:
    case TcpState.Established:
      setState(t, TcpState.CloseWait);
      // The acknowledgement may wait for our own data or FIN.
      t.pingPong = 1;
      break;
    case TcpState.FinWait1:
      sendAck(t);
      setState(t, TcpState.Closing);
      break;
    case TcpState.FinWait2:
      sendAck(t);
      purgeOutOfOrder(t);
      enterTimeWait(t);
      break;
    default:
      break;
  }
  purgeOutOfOrder(t);
  if ((t.bits & Bit.Orphan) === 0 && t.upcalls !== null) t.upcalls.peerClosed();
}

/** New data was queued in order: estimates, quick acknowledgements, window (tcp_event_data_recv). */
export function dataReceived(t: TcpEndpoint, segment: TcpHeader, length: number, gsoSize: number): void {
  t.bits |= Bit.AckScheduled;
  measureSegment(t, segment, gsoSize);
  measureReceiveRtt(t, length, segment.hasTimestamps, segment.tsEcr);
  const nowMs = t.tcp.nowMs;
  if (t.atoUs === 0) {
    // The first data: the sender is in slow start and wants every acknowledgement.
    increaseQuick(t, MAX_QUICKACKS);
    t.atoUs = DELACK_MIN_US;
  } else {
    const gapUs = ((nowMs - t.lastReceiveMs) | 0) * 1000;
    if (gapUs <= DELACK_MIN_US / 2) {
      t.atoUs = (t.atoUs >> 1) + DELACK_MIN_US / 2;
    } else if (gapUs < t.atoUs) {
      t.atoUs = (t.atoUs >> 1) + gapUs;
      if (t.atoUs > t.rtoUs) t.atoUs = t.rtoUs;
    } else if (gapUs > t.rtoUs) {
      // A long pause: the sender restarted with a small window.
      increaseQuick(t, MAX_QUICKACKS);
    }
  }
  t.lastReceiveMs = nowMs;
  if (length >= 128) growWindow(t, length);
}

/** Estimates the peer's segment size, which says when "two full segments" have arrived (tcp_measure_rcv_mss). */
function measureSegment(t: TcpEndpoint, segment: TcpHeader, gsoSize: number): void {
  const last = t.lastSegmentLen;
  t.lastSegmentLen = 0;
  let length = gsoSize !== 0 ? gsoSize : segment.dataLen;
  if (length >= t.rcvMss) {
    t.rcvMss = length < t.advMss ? length : t.advMss;
    if ((segment.flags & TcpFlag.Psh) !== 0) t.bits |= Bit.AckPushed;
    return;
  }
  length += segment.headerLen;
  if (length >= MSS_DEFAULT + 20 || (length >= MIN_MSS + 20 && (segment.flags & (TcpFlag.Psh | TcpFlag.Fin | TcpFlag.Urg | TcpFlag.Syn)) === 0)) {
    length -= t.headerLen;
    t.lastSegmentLen = length;
    if (length === last) {
      t.rcvMss = length;
      return;
    }
  }
  if ((t.bits & Bit.AckPushed) !== 0) t.bits |= Bit.AckPushed2;
  t.bits |= Bit.AckPushed;
}

/** Step 6: the URG bit. Linux keeps the last urgent byte apart (RFC 6093 explains how that came to be). */
export function checkUrgent(t: TcpEndpoint, p: Packet, segment: TcpHeader): void {
  if ((segment.flags & TcpFlag.Urg) !== 0) noteUrgentPointer(t, segment);
  const urgent = t.urgent;
  if (urgent === null || urgent.data !== URGENT_NOT_YET) return;
  const offset = (urgent.seq - segment.seq - ((segment.flags & TcpFlag.Syn) !== 0 ? 1 : 0)) | 0;
  if (offset < 0 || offset >= segment.dataLen) return;
  urgentByte[0] = 0;
  // `p.head` is still at the TCP header.
  p.copyOut(segment.headerLen + offset, urgentByte, 0, 1);
  urgent.data = URGENT_VALID | (urgentByte[0] as number);
  if (t.upcalls !== null) {
    t.upcalls.urgent();
    t.upcalls.readable();
  }
}

const urgentByte = new Uint8Array(1);

function noteUrgentPointer(t: TcpEndpoint, segment: TcpHeader): void {
  let pointer = segment.urgent;
  // BSD's reading, which everybody follows: the pointer names the byte behind the urgent one.
  if (pointer !== 0 && t.tcp.context.settings.tcpStdurg === 0) pointer--;
  const seq = (segment.seq + pointer) | 0;
  if (seqGt(t.copiedSeq, seq) || seqLt(seq, t.rcvNxt)) return;
  let urgent = t.urgent;
  if (urgent !== null && urgent.data !== 0 && !seqGt(seq, urgent.seq)) return;
  if (urgent === null) {
    urgent = new UrgentState();
    t.urgent = urgent;
  }
  if (t.upcalls !== null) t.upcalls.urgent();
  // The last byte read was just before an urgent one that nobody took: it must not come as ordinary data now.
  if (
    urgent.data !== 0 && urgent.seq === t.copiedSeq && !t.settledOptions.oobInline && t.copiedSeq !== t.rcvNxt &&
    t.rcvBuf.length > 0
  ) {
    t.copiedSeq = (t.copiedSeq + 1) | 0;
    t.rcvBuf.drop(1);
    t.receivedBytes--;
  }
  urgent.data = URGENT_NOT_YET;
  urgent.seq = seq;
}

/** Reports a duplicate below RCV.NXT that was dropped before its data was looked at (tcp_send_dupack). */
export function duplicateAck(t: TcpEndpoint, seq: Seq, end: Seq): void {
  if (seq !== end && seqLt(seq, t.rcvNxt)) {
    t.tcp.counters[Mib.TcpExtDelayedACKLost]++;
    enterQuickAck(t);
    if ((t.bits & Bit.SackOk) !== 0) {
      const right = seqGt(end, t.rcvNxt) ? t.rcvNxt : end;
      if (t.recovery.dsackStart === t.recovery.dsackEnd) setDsack(t, seq, right);
      else extendDsack(t, seq, right);
    }
  }
  sendAck(t);
}
