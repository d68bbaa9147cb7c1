/**
 * Listening: half-open requests, the accept queue, and what Linux does when they are full (tcp_conn_request,
 * tcp_check_req, inet_csk_reqsk_queue_*).
 *
 *   SYN -> Request (in the table of connections, answers with SYN-ACK) -> ACK -> endpoint -> accept queue -> accept()
 */
import { Mib } from '../../base/counters.ts';
import { Cost } from '../../base/kernel-memory.ts';
import { type IpAddress, isLinkLocal } from '../../base/inet-address.ts';
import { seqGt, seqLt, type Seq } from '../../base/seq.ts';
import { Timer } from '../../base/timer-queue.ts';
import type { Packet } from '../../link/packet.ts';
import type { Destination } from '../../net/destination.ts';
import { TcpFlag, type TcpHeader, TcpOptions } from '../../wire/tcp.ts';
import { connectionDone, freeEndpoint, sendActiveReset } from './close.ts';
import { MSS_DEFAULT, MSS_DEFAULT_V6 } from './constants.ts';
import { type DemuxNode, NodeKind } from './demux.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { segmentArrives } from './input.ts';
import { initialSequence, timestampOffset } from './isn.ts';
import { routeMss } from './mss.ts';
import { closeState, sendFin } from './output.ts';
import { bare, sendBare } from './segment-out.ts';
import { setState, TcpState } from './state.ts';
import { established } from './syn.ts';
import { Bit } from './tcb.ts';
import type { Tcp } from './tcp.ts';
import { rttSample, setRto, updateMinRtt } from './rtt.ts';
import { initialWindow, receiveWindow, selectInitialWindow } from './window.ts';

const options = new TcpOptions();
const FIRST_TIMEOUT_US = 1_000_000;

/** What only a listening endpoint has. */
export class Listener {
  backlog = 0;
  /** Connections that wait for accept(2). */
  accepted = 0;
  first: TcpEndpoint | null = null;
  last: TcpEndpoint | null = null;
  /** Half-open requests. */
  requests = 0;
  nextListener: TcpEndpoint | null = null;
}

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

/** listen(2): the endpoint is bound. */
export function beginListening(t: TcpEndpoint, backlog: number): void {
  const most = t.tcp.context.settings.somaxconn;
  const limit = backlog < 0 || backlog > most ? most : backlog;
  if (t.listener !== null && t.state === TcpState.Listen) {
    t.listener.backlog = limit;
    return;
  }
  t.listener = new Listener();
  t.listener.backlog = limit;
  setState(t, TcpState.Listen);
  t.tcp.listeners.add(t);
}

/** Ends listening: requests are forgotten, connections that nobody accepted are reset. */
export function stopListening(t: TcpEndpoint): void {
  const listener = t.listener;
  if (listener === null) return;
  const { tcp } = t;
  tcp.listeners.remove(t);
  if (listener.requests > 0) {
    for (const node of [...tcp.connections]) if (node instanceof Request && node.listener === t) dropRequest(node);
  }
  setState(t, TcpState.Closed);
  for (;;) {
    const child = takeAccepted(listener);
    if (child === null) break;
    child.bits |= Bit.Orphan;
    if (child.state !== TcpState.Closed) {
      sendActiveReset(child);
      connectionDone(child);
    } else {
      freeEndpoint(child);
    }
  }
  t.listener = null;
  t.bits |= Bit.ShutRead | Bit.ShutWrite;
}

export function takeAccepted(listener: Listener): TcpEndpoint | null {
  const child = listener.first;
  if (child === null) return null;
  listener.first = child.nextAccept;
  if (listener.first === null) listener.last = null;
  child.nextAccept = null;
  listener.accepted--;
  return child;
}

/**
 * A segment for a listener (RFC 9293 3.10.7.2). `reusedIss` is the ISS for a SYN that takes the place of a TIME_WAIT
 * record, else 0. Takes over `p`.
 */
export function listenInput(t: TcpEndpoint, segment: TcpHeader, p: Packet, reusedIss: Seq): void {
  const { tcp } = t;
  const { flags } = segment;
  if ((flags & TcpFlag.Rst) !== 0) return tcp.discard(p);
  if ((flags & TcpFlag.Ack) !== 0) {
    tcp.sendReset(segment, p);
    return tcp.discard(p);
  }
  // A SYN with FIN is dropped as Linux does: nobody honest sends one.
  if ((flags & TcpFlag.Syn) === 0 || (flags & TcpFlag.Fin) !== 0) return tcp.discard(p);
  if (synArrives(t, segment, p, reusedIss)) p.release();
  else tcp.discard(p);
}

/** False when the SYN opens nothing. Borrows `p`. */
function synArrives(t: TcpEndpoint, segment: TcpHeader, p: Packet, reusedIss: Seq): boolean {
  const { tcp } = t;
  const settings = tcp.context.settings;
  const listener = t.listener as Listener;
  // Broadcasts and multicasts open nothing.
  if (p.linkType !== 0 || (p.isV4 ? p.dstD >>> 28 === 0xe : p.dstA >>> 24 === 0xff)) return false;
  // Deviation: Linux answers SYNs beyond the backlog with cookies (tcp_syncookies). Cookies come later; until then
  // requests are kept up to tcp_max_syn_backlog, and dropped beyond it.
  const most = settings.tcpSyncookies !== 0 ? Math.max(listener.backlog, settings.tcpMaxSynBacklog) : listener.backlog;
  if (listener.requests > most && reusedIss === 0) {
    tcp.counters[Mib.TcpExtTCPReqQFullDrop]++;
    tcp.counters[Mib.TcpExtListenDrops]++;
    return false;
  }
  if (listener.accepted > listener.backlog) {
    tcp.counters[Mib.TcpExtListenOverflows]++;
    tcp.counters[Mib.TcpExtListenDrops]++;
    return false;
  }
  if (tcp.context.memory.lacks(Cost.REQUEST)) {
    tcp.counters[Mib.TcpExtListenDrops]++;
    return false;
  }
  const onLink = !p.isV4 && isLinkLocal(p.srcA, p.srcB, p.srcC, p.srcD);
  const way = tcp.network.lookupBack(p, onLink ? p.device : t.settledOptions.boundDevice, t.settledOptions.dontRoute);
  if (way === null) {
    tcp.counters[Mib.TcpExtListenDrops]++;
    return false;
  }
  const local = way.askedFrom as IpAddress;
  const remote = way.to;
  const iss = reusedIss !== 0 ? reusedIss
    : initialSequence(tcp.isnHash, tcp.context.loop.now, local, t.localPort, remote, segment.srcPort);
  const request = new Request(t, segment, iss, local, remote, way);
  if (onLink && p.device !== null) request.scopeId = p.device.index;
  const { isV4 } = p;
  request.peerMss = segment.mss === 0 ? (isV4 ? MSS_DEFAULT : MSS_DEFAULT_V6) : segment.mss;
  const user = t.user;
  if (user !== null && user.maxSegment !== 0 && user.maxSegment < request.peerMss) request.peerMss = user.maxSegment;
  if (settings.tcpWindowScaling !== 0) request.peerScale = segment.windowScale;
  request.sackOk = settings.tcpSack !== 0 && segment.sackPermitted;
  request.timestamps = settings.tcpTimestamps !== 0 && segment.hasTimestamps;
  request.tsRecent = segment.tsVal;
  request.tsOffset = request.timestamps ? timestampOffset(tcp.timestampHash, local, remote) : 0;
  request.advMss = routeMss(way, settings.tcpMinSndMss);
  if (user !== null && user.maxSegment !== 0 && user.maxSegment < request.advMss) request.advMss = user.maxSegment;
  selectInitialWindow(
    t.receiveBufferBytes >> 1, request.advMss - (request.timestamps ? 12 : 0), user === null ? 0 : user.windowClamp,
    request.peerScale >= 0, settings.tcpRmemMax, settings.rmemMax,
  );
  request.rcvWnd = initialWindow.window;
  request.rcvScale = initialWindow.scale;
  request.windowClamp = initialWindow.clamp;
  tcp.connections.add(request);
  tcp.context.memory.hold(Cost.REQUEST);
  listener.requests++;
  armRequest(request);
  request.sentUs = tcp.nowUs;
  sendSynAck(request);
  return true;
}

function armRequest(request: Request): void {
  const { context } = request.listener.tcp;
  // Ten doublings are more than any limit; deferring may count further.
  const wait = Math.min(FIRST_TIMEOUT_US * (1 << Math.min(request.timeouts, 10)), context.settings.tcpRtoMaxMs * 1000);
  request.deadline = context.loop.now + wait;
  context.timers.arm(request);
}

function sendSynAck(request: Request): void {
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
