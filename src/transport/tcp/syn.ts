/**
 * Opening actively: our SYN, and what comes back in SYN-SENT (RFC 9293 3.10.7.3, simultaneous open included).
 */
import { Mib } from '../../base/counters.ts';
import { seqGt, seqLeq } from '../../base/seq.ts';
import type { Packet } from '../../link/packet.ts';
import { TcpFlag, type TcpHeader, TcpOptions } from '../../wire/tcp.ts';
import { handleAck } from './ack.ts';
import { connectionReset } from './close.ts';
import { MSS_DEFAULT, MSS_DEFAULT_V6, TIMEOUT_FALLBACK_US } from './constants.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { advertisedMss, syncMss } from './mss.ts';
import { ackSent, sendAck } from './delayed-ack.ts';
import { nagleOf } from './nagle.ts';
import { pushPending } from './output.ts';
import { appendRecord, appendSent } from './send-queue.ts';
import { enterQuickAck } from './delayed-ack.ts';
import { bare, sendBare } from './segment-out.ts';
import { RecordFlag, type SendRecord, takeRecord } from './send-record.ts';
import { setState, TcpState } from './state.ts';
import { Bit, ownRecovery } from './tcb.ts';
import { armDelayedAck } from './delayed-ack.ts';
import { armKeepalive, keepaliveTime } from './keepalive.ts';
import { armRto, armRtoSoon } from './timers.ts';
import { initBufferSpace, initialWindow, selectInitialWindow } from './window.ts';
import { DELACK_MAX_US } from './constants.ts';
import { segmentArrives } from './input.ts';

const options = new TcpOptions();

/** Buffers, window and scale of a connection that begins; the route is known. */
export function initReceiver(t: TcpEndpoint): void {
  const settings = t.tcp.context.settings;
  const d = t.route();
  t.advMss = d === null ? (t.isV4 ? MSS_DEFAULT : MSS_DEFAULT_V6) : advertisedMss(t, d);
  const space = t.receiveBufferBytes >> 1;
  const clamp = t.user === null ? 0 : t.user.windowClamp;
  selectInitialWindow(
    // Whether the peer has timestamps is not known yet: Linux counts in whole segments here.
    space, t.advMss, clamp, settings.tcpWindowScaling !== 0,
    settings.tcpRmemMax, settings.rmemMax,
  );
  t.rcvWnd = initialWindow.window;
  t.rcvScale = initialWindow.scale;
  t.windowClamp = initialWindow.clamp;
  t.rcvSsthresh = t.rcvWnd;
}

/** connect(2), last step: the SYN goes out and waits for its acknowledgement like data. */
export function beginHandshake(t: TcpEndpoint): void {
  const { tcp } = t;
  const settings = tcp.context.settings;
  initReceiver(t);
  t.rcvNxt = 0;
  t.rcvWup = 0;
  t.copiedSeq = 0;
  t.sndUna = t.iss;
  t.sndUp = t.iss;
  t.smallSeq = t.iss;
  t.writeSeq = t.iss;
  t.sndNxt = t.iss;
  t.pushedSeq = t.iss;
  t.sndBufSeq = (t.iss + 1) | 0;
  // Until the peer has said what it takes (tcp_v4_connect, tcp_v6_connect).
  t.mssClamp = t.isV4 || t.remoteAddress?.isV4 === true ? MSS_DEFAULT : MSS_DEFAULT_V6;
  t.headerLen = settings.tcpTimestamps !== 0 ? 32 : 20;
  t.rtoUs = 1000000;
  t.retransmits = 0;
  if (t.recovery.totalRto !== 0) ownRecovery(t).totalRto = 0;
  t.srttUs = 0;
  syncMss(t);
  setState(t, TcpState.SynSent);
  tcp.counters[Mib.TcpActiveOpens]++;
  const record = takeRecord(t.iss, (t.iss + 1) | 0, RecordFlag.Syn);
  record.segs = 1;
  appendRecord(t, record);
  t.writeSeq = record.end;
  t.pushedSeq = record.end;
  record.sentUs = tcp.nowUs;
  sendSyn(t, record);
  t.sendHead = null;
  t.sndNxt = record.end;
  t.packetsOut = 1;
  appendSent(t, record);
  armRto(t);
}

/** Sends the SYN of `record`, or the SYN-ACK after a simultaneous open. False when there is no way. */
export function sendSyn(t: TcpEndpoint, record: SendRecord): boolean {
  const { tcp } = t;
  const settings = tcp.context.settings;
  const d = t.route();
  if (d === null || t.remoteAddress === null) return false;
  const passive = t.state === TcpState.SynReceived;
  options.clear();
  options.mss = t.advMss;
  const stamps = passive ? (t.bits & Bit.TimestampsOk) !== 0 : settings.tcpTimestamps !== 0;
  if (stamps) {
    options.timestamps = true;
    options.tsVal = (tcp.nowMs + t.tsOffset) | 0;
    options.tsEcr = t.tsRecent;
  }
  options.sackPermitted = passive ? (t.bits & Bit.SackOk) !== 0 : settings.tcpSack !== 0;
  if (passive ? (t.bits & Bit.WindowScaleOk) !== 0 : settings.tcpWindowScaling !== 0) options.windowScale = t.rcvScale;
  bare.seq = record.seq;
  bare.ack = passive ? t.rcvNxt : 0;
  bare.flags = passive ? TcpFlag.Syn | TcpFlag.Ack : TcpFlag.Syn;
  bare.window = Math.min(t.rcvWnd, 65535);
  bare.tos = d.isV4 ? t.settledOptions.tos : t.settledOptions.trafficClass;
  bare.ttl = t.settledOptions.ttl;
  record.sentUs = tcp.nowUs;
  t.rcvWup = t.rcvNxt;
  sendBare(tcp, d, t.localAddress, t.localPort, t.remoteAddress, t.remotePort, options);
  t.segsOut = (t.segsOut + 1) | 0;
  if (passive) ackSent(t);
  return true;
}

/** Takes over the peer's options of a SYN or SYN-ACK. */
export function takePeerOptions(t: TcpEndpoint, segment: TcpHeader): void {
  const { tcp } = t;
  const settings = tcp.context.settings;
  if (settings.tcpWindowScaling !== 0 && segment.windowScale >= 0) {
    t.bits |= Bit.WindowScaleOk;
    t.sndScale = segment.windowScale;
  } else {
    t.sndScale = 0;
    t.rcvScale = 0;
    if (t.windowClamp > 65535) t.windowClamp = 65535;
  }
  if (settings.tcpTimestamps !== 0 && segment.hasTimestamps) {
    t.bits |= Bit.TimestampsOk;
    t.headerLen = 32;
    t.tsRecent = segment.tsVal;
    t.tsRecentSeconds = Math.floor(tcp.context.loop.now / 1e6);
  } else {
    t.headerLen = 20;
  }
  if (settings.tcpSack !== 0 && segment.sackPermitted) t.bits |= Bit.SackOk;
  let mss = segment.mss === 0 ? (t.isV4 || t.remoteAddress?.isV4 === true ? MSS_DEFAULT : MSS_DEFAULT_V6) : segment.mss;
  const user = t.user === null ? 0 : t.user.maxSegment;
  if (user !== 0 && user < mss) mss = user;
  t.mssClamp = mss;
}

/** Everything that becomes true when the handshake is over (tcp_finish_connect, tcp_init_transfer). */
export function established(t: TcpEndpoint): void {
  const { tcp } = t;
  syncMss(t);
  initBufferSpace(t);
  t.lastSendMs = tcp.nowMs;
  t.lastReceiveMs = tcp.nowMs;
  t.lastAckMs = tcp.nowMs;
  t.rcvMss = Math.max(88, Math.min(t.advMss - (t.headerLen - 20), t.mss, MSS_DEFAULT, t.rcvWnd >> 1));
  t.cwnd = t.recovery.totalRto > 0 ? 1 : 10;
  if (t.recovery.totalRto > 0) t.rtoUs = Math.max(t.rtoUs, TIMEOUT_FALLBACK_US);
  if (t.recovery.totalRto !== 0) ownRecovery(t).totalRto = 0;
  setState(t, TcpState.Established);
  if (t.settledOptions.keepAlive) armKeepalive(t, keepaliveTime(t));
}

/** A segment in SYN-SENT. Takes over `p`. */
export function synSentInput(t: TcpEndpoint, segment: TcpHeader, p: Packet): void {
  const { tcp } = t;
  const { flags } = segment;
  const hasAck = (flags & TcpFlag.Ack) !== 0;
  // First and second check: ACK and RST.
  if (hasAck) {
    if (seqLeq(segment.ack, t.sndUna) || seqGt(segment.ack, t.sndNxt)) {
      // The peer answers for an older connection, which our RST ends: ask again at once, but only once.
      if (t.retransmits === 0) armRtoSoon(t);
      tcp.sendReset(segment, p);
      return tcp.discard(p);
    }
    if (segment.hasTimestamps && segment.tsEcr !== 0 && tcp.context.settings.tcpTimestamps !== 0) {
      const first = ((t.synStampMs + t.tsOffset) | 0);
      const now = ((tcp.nowMs + t.tsOffset) | 0);
      if (((segment.tsEcr - first) | 0) < 0 || ((segment.tsEcr - now) | 0) > 0) {
        tcp.counters[Mib.TcpExtPAWSActive]++;
        tcp.sendReset(segment, p);
        return tcp.discard(p);
      }
    }
    if ((flags & TcpFlag.Rst) !== 0) {
      connectionReset(t);
      return p.release();
    }
  } else if ((flags & TcpFlag.Rst) !== 0) {
    return tcp.discard(p);
  }
  // Fourth check: SYN.
  if ((flags & TcpFlag.Syn) === 0) return tcp.discard(p);
  t.irs = segment.seq;
  t.rcvNxt = (segment.seq + 1) | 0;
  t.rcvWup = t.rcvNxt;
  t.copiedSeq = t.rcvNxt;
  takePeerOptions(t, segment);
  t.sndWl1 = segment.seq;
  if (!hasAck) {
    // Simultaneous open: our SYN is answered by theirs.
    setState(t, TcpState.SynReceived);
    t.sndWnd = segment.window;
    t.maxWindow = t.sndWnd;
    syncMss(t);
    const record = t.firstRecord;
    if (record !== null) sendSyn(t, record);
    return p.release();
  }
  handleAck(t, segment, (segment.seq + segment.segLen) | 0);
  t.sndWnd = segment.window;
  t.maxWindow = segment.window;
  established(t);
  t.upcalls?.connected();
  // Data takes our ACK along: that which has waited, or that which a socket with TCP_DEFER_ACCEPT or without TCP_QUICKACK is
  // said to send soon (tcp_rcv_synsent_state_process).
  const comesSoon = t.pingPong >= 1 || (t.user !== null && t.user.deferAccept > 0);
  if (t.sendHead !== null || comesSoon) {
    enterQuickAck(t);
    armDelayedAck(t, DELACK_MAX_US);
    pushPending(t, nagleOf(t));
  }
  if (comesSoon && t.sendHead === null && segment.segLen <= 1) return p.release();
  if ((t.bits & Bit.AckScheduled) !== 0 || t.sndNxt === t.sndUna) sendAck(t);
  // Data or FIN on the SYN-ACK (RFC 9293: "continue processing at the sixth step").
  if (segment.segLen > 1) {
    segment.flags &= ~TcpFlag.Syn;
    segment.seq = t.rcvNxt;
    return segmentArrives(t, segment, p);
  }
  p.release();
}
