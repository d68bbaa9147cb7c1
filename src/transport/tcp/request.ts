/**
 * Half-open connections: a SYN was answered, its third ACK is awaited (Linux's request_sock). What the listener does with
 * SYNs, and its accept queue, are in listener.ts.
 */
import { Mib } from '../../base/counters.ts';
import { Cost } from '../../base/kernel-memory.ts';
import type { IpAddress } from '../../base/inet-address.ts';
import { type Seq, seqGt, seqLt } from '../../base/seq.ts';
import { Timer } from '../../base/timer-queue.ts';
import type { Packet } from '../../link/packet.ts';
import type { Destination } from '../../net/destination.ts';
import { TcpFlag, type TcpHeader, TcpOptions } from '../../wire/tcp.ts';
import { closeState } from './close.ts';
import { type DemuxNode, NodeKind } from './demux.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { segmentArrives } from './input.ts';
import { sendFin } from './output.ts';
import { rttSample, setRto, updateMinRtt } from './rtt.ts';
import { bare, sendBare } from './segment-out.ts';
import { TcpState } from './state.ts';
import { established } from './syn.ts';
import { Bit } from './tcb.ts';
import type { Tcp } from './tcp.ts';
import { receiveWindow } from './window.ts';

const options = new TcpOptions();
const FIRST_TIMEOUT_US = 1_000_000;

/** A SYN that has been answered and not yet acknowledged (Linux's request_sock). */
export class Request extends Timer implements DemuxNode {
  readonly kind = NodeKind.Request;
  readonly listener: TcpEndpoint;
  localAddress: IpAddress;
  localPort: number;
  remoteAddress: IpAddress | null;
  remotePort: number;
  scopeId = 0;
  nextNode: DemuxNode | null = null;
  readonly irs: Seq;
  readonly iss: Seq;
  peerMss = 0;
  /** -1 when the peer did not offer to scale. */
  peerScale = -1;
  sackOk = false;
  timestamps = false;
  tsRecent = 0;
  tsOffset = 0;
  advMss = 0;
  rcvWnd = 0;
  rcvScale = 0;
  windowClamp = 0;
  /** Timeouts so far, and SYN-ACKs sent again: not the same while accepting is deferred. */
  timeouts = 0;
  retransmits = 0;
  /** The handshake is complete, but for data (TCP_DEFER_ACCEPT) or room in the queue it became no connection. */
  acked = false;
  /** When the first SYN-ACK went. */
  sentUs = 0;
  outOfWindowMs = 0;
  destination: Destination;

  constructor(listener: TcpEndpoint, segment: TcpHeader, iss: Seq, local: IpAddress, remote: IpAddress, d: Destination) {
    super();
    this.listener = listener;
    this.localAddress = local;
    this.localPort = listener.localPort;
    this.remoteAddress = remote;
    this.remotePort = segment.srcPort;
    this.irs = segment.seq;
    this.iss = iss;
    this.destination = d;
  }

  override expired(): void {
    requestTimeout(this);
  }
}

export function armRequest(request: Request): void {
  const { context } = request.listener.tcp;
  // Ten doublings are more than any limit; deferring may count further.
  const wait = Math.min(FIRST_TIMEOUT_US * (1 << Math.min(request.timeouts, 10)), context.settings.tcpRtoMaxMs * 1000);
  request.deadline = context.loop.now + wait;
  context.timers.arm(request);
}

export function sendSynAck(request: Request): void {
  const { tcp } = request.listener;
  const settled = request.listener.settledOptions;
  options.clear();
  options.mss = request.advMss;
  options.sackPermitted = request.sackOk;
  if (request.timestamps) {
    options.timestamps = true;
    options.tsVal = (tcp.nowMs + request.tsOffset) | 0;
    options.tsEcr = request.tsRecent;
  }
  if (request.peerScale >= 0) options.windowScale = request.rcvScale;
  bare.seq = request.iss;
  bare.ack = (request.irs + 1) | 0;
  bare.flags = TcpFlag.Syn | TcpFlag.Ack;
  bare.window = Math.min(request.rcvWnd, 65535);
  bare.tos = request.destination.isV4 ? settled.tos : settled.trafficClass;
  bare.ttl = settled.ttl;
  sendBare(
    tcp, request.destination, request.localAddress, request.localPort, request.remoteAddress as IpAddress, request.remotePort, options,
  );
}

/** tcp_rtx_synack. */
function resendSynAck(request: Request): void {
  const { counters } = request.listener.tcp;
  request.retransmits++;
  counters[Mib.TcpRetransSegs]++;
  counters[Mib.TcpExtTCPSynRetrans]++;
  sendSynAck(request);
}

/** reqsk_timer_handler, syn_ack_recalc. */
function requestTimeout(request: Request): void {
  const { listener, timeouts } = request;
  const { tcp, user } = listener;
  tcp.refreshClock();
  const most = user !== null && user.synCount !== 0 ? user.synCount : tcp.context.settings.tcpSynackRetries;
  const defer = user === null ? 0 : user.deferAccept;
  tcp.counters[Mib.TcpExtTCPTimeouts]++;
  // A peer that has answered is waited for until the deferring is over, however long that is.
  const waits = defer > 0 && request.acked;
  if (timeouts >= most && !(waits && timeouts < defer)) {
    dropRequest(request);
    return;
  }
  // It is silent meanwhile; the last SYN-ACK asks for another ACK, which makes the connection with or without data.
  if (!waits || timeouts >= defer - 1) resendSynAck(request);
  request.timeouts++;
  armRequest(request);
}

export function dropRequest(request: Request): void {
  const { tcp } = request.listener;
  tcp.context.timers.disarm(request);
  tcp.connections.remove(request);
  tcp.context.memory.letGo(Cost.REQUEST);
  if (request.listener.listener !== null) request.listener.listener.requests--;
}

/** A segment for a half-open request (tcp_check_req). Takes over `p`. */
export function requestInput(request: Request, segment: TcpHeader, p: Packet): void {
  const t = request.listener;
  const { tcp } = t;
  const { flags, seq } = segment;
  const expected = (request.irs + 1) | 0;
  let pawsReject = false;
  if (segment.hasTimestamps && request.timestamps) pawsReject = ((segment.tsVal - request.tsRecent) | 0) < 0;
  if (seq === request.irs && (flags & (TcpFlag.Syn | TcpFlag.Ack | TcpFlag.Rst)) === TcpFlag.Syn && !pawsReject) {
    // The peer's SYN again: our answer was lost.
    if (mayAnswerRequest(request, tcp)) {
      resendSynAck(request);
      armRequest(request);
    }
    return tcp.discard(p);
  }
  // RFC 9293 3.10.7.4: an acknowledgement of something else than our SYN is reset.
  if ((flags & TcpFlag.Ack) !== 0 && (flags & TcpFlag.Rst) === 0 && segment.ack !== ((request.iss + 1) | 0)) {
    tcp.sendReset(segment, p);
    return tcp.discard(p);
  }
  const end = (seq + segment.segLen) | 0;
  const windowEnd = (expected + request.rcvWnd) | 0;
  if (pawsReject || seqLt(end, expected) || seqGt(seq, windowEnd)) {
    if ((flags & TcpFlag.Rst) === 0 && mayAnswerRequest(request, tcp)) sendRequestAck(request);
    if (pawsReject) tcp.counters[Mib.TcpExtPAWSEstab]++;
    return tcp.discard(p);
  }
  if ((flags & (TcpFlag.Rst | TcpFlag.Syn)) !== 0) {
    tcp.counters[Mib.TcpAttemptFails]++;
    tcp.counters[Mib.TcpExtEmbryonicRsts]++;
    if ((flags & TcpFlag.Rst) === 0) tcp.sendReset(segment, p);
    if (seq === expected || (flags & TcpFlag.Syn) !== 0) dropRequest(request);
    return p.release();
  }
  if ((flags & TcpFlag.Ack) === 0) return tcp.discard(p);
  const listener = t.listener;
  if (listener === null || t.state !== TcpState.Listen) {
    dropRequest(request);
    return p.release();
  }
  // TCP_DEFER_ACCEPT: an ACK with nothing in it is noted, no more.
  if (end === expected && t.user !== null && request.timeouts < t.user.deferAccept) {
    request.acked = true;
    tcp.counters[Mib.TcpExtTCPDeferAcceptDrop]++;
    return tcp.discard(p);
  }
  // No memory for a connection counts as no room for it (tcp_v4_syn_recv_sock).
  if (listener.accepted > listener.backlog || tcp.context.memory.lacks(Cost.TCP_ENDPOINT)) {
    tcp.counters[Mib.TcpExtListenOverflows]++;
    tcp.counters[Mib.TcpExtListenDrops]++;
    if (tcp.context.settings.tcpAbortOnOverflow !== 0) {
      tcp.sendReset(segment, p);
      dropRequest(request);
    }
    // Otherwise the ACK is as if lost: the SYN-ACK goes again, and the peer's data with it.
    request.acked = true;
    return tcp.discard(p);
  }
  if (segment.hasTimestamps && request.timestamps && !seqGt(seq, expected)) request.tsRecent = segment.tsVal;
  const child = childOf(request, segment);
  dropRequest(request);
  tcp.connections.add(child);
  child.bits |= Bit.Hashed;
  tcp.counters[Mib.TcpPassiveOpens]++;
  if (listener.last === null) listener.first = child;
  else listener.last.nextAccept = child;
  listener.last = child;
  listener.accepted++;
  established(child);
  child.sndWl1 = segment.seq;
  if (request.retransmits === 0) {
    const rtt = (tcp.nowUs - request.sentUs) | 0;
    const sample = rtt > 0 ? rtt : 1;
    updateMinRtt(child, sample);
    rttSample(child, sample);
    setRto(child);
  }
  // The listener was shut down for sending before it listened: its children are so from the start (tcp_rcv_state_process).
  if ((child.bits & Bit.ShutWrite) !== 0 && closeState(child)) sendFin(child);
  if (t.upcalls !== null) t.upcalls.acceptable();
  segmentArrives(child, segment, p);
}

function mayAnswerRequest(request: Request, tcp: Tcp): boolean {
  const { nowMs } = tcp;
  if (request.outOfWindowMs !== 0) {
    const elapsed = (nowMs - request.outOfWindowMs) | 0;
    if (elapsed >= 0 && elapsed < tcp.context.settings.tcpInvalidRatelimit) {
      tcp.counters[Mib.TcpExtTCPACKSkippedSynRecv]++;
      return false;
    }
  }
  request.outOfWindowMs = nowMs === 0 ? 1 : nowMs;
  return true;
}

function sendRequestAck(request: Request): void {
  const { tcp } = request.listener;
  options.clear();
  if (request.timestamps) {
    options.timestamps = true;
    options.tsVal = (tcp.nowMs + request.tsOffset) | 0;
    options.tsEcr = request.tsRecent;
  }
  bare.seq = (request.iss + 1) | 0;
  bare.ack = (request.irs + 1) | 0;
  bare.flags = TcpFlag.Ack;
  bare.window = request.rcvWnd >> (request.peerScale >= 0 ? request.rcvScale : 0);
  bare.tos = 0;
  bare.ttl = -1;
  sendBare(
    tcp, request.destination, request.localAddress, request.localPort, request.remoteAddress as IpAddress, request.remotePort,
    request.timestamps ? options : null,
  );
}

/** The connection that a completed handshake makes: the listener's options, the request's numbers. */
function childOf(request: Request, segment: TcpHeader): TcpEndpoint {
  const t = request.listener;
  const { tcp } = t;
  const child = tcp.createChild(t);
  child.localAddress = request.localAddress;
  child.remoteAddress = request.remoteAddress;
  child.remotePort = request.remotePort;
  child.scopeId = request.scopeId !== 0 ? request.scopeId : t.scopeId;
  child.destination = request.destination;
  tcp.ports.join(child, t.localPort);
  // That bind(2) chose the port is the listener's alone (sk_clone_lock): the child gives it back when it is closed.
  child.bits |= Bit.InPorts | (t.bits & (Bit.NoDelay | Bit.Cork | Bit.Reno | Bit.AddressBound | Bit.ShutRead | Bit.ShutWrite));
  child.irs = request.irs;
  // The SYN has come, and our SYN-ACK has arrived.
  child.segsIn = 1;
  child.delivered = 1;
  child.rcvNxt = (request.irs + 1) | 0;
  child.rcvWup = child.rcvNxt;
  child.copiedSeq = child.rcvNxt;
  child.iss = request.iss;
  const first = (request.iss + 1) | 0;
  child.sndUna = first;
  child.sndNxt = first;
  child.sndUp = first;
  child.smallSeq = first;
  child.writeSeq = first;
  child.pushedSeq = first;
  child.sndBufSeq = first;
  child.rcvWnd = request.rcvWnd;
  child.rcvSsthresh = request.rcvWnd;
  child.windowClamp = request.windowClamp;
  child.advMss = request.advMss;
  child.mssClamp = request.peerMss;
  if (request.timestamps) {
    child.bits |= Bit.TimestampsOk;
    child.headerLen = 32;
    child.tsRecent = request.tsRecent;
    child.tsRecentSeconds = Math.floor(tcp.context.loop.now / 1e6);
    child.tsOffset = request.tsOffset;
  }
  if (request.sackOk) child.bits |= Bit.SackOk;
  if (request.peerScale >= 0) {
    child.bits |= Bit.WindowScaleOk;
    child.sndScale = request.peerScale;
    child.rcvScale = request.rcvScale;
  } else if (child.windowClamp > 65535) {
    child.windowClamp = 65535;
  }
  child.sndWnd = segment.window * (1 << child.sndScale);
  child.maxWindow = child.sndWnd;
  if (receiveWindow(child) < 0) child.rcvWnd = 0;
  return child;
}
