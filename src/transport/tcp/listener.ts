/**
 * Listening: half-open requests, the accept queue, and what Linux does when they are full (tcp_conn_request,
 * tcp_check_req, inet_csk_reqsk_queue_*).
 *
 *   SYN -> Request (in the table of connections, answers with SYN-ACK) -> ACK -> endpoint -> accept queue -> accept()
 */
import { Mib } from '../../base/counters.ts';
import { Cost } from '../../base/kernel-memory.ts';
import { type IpAddress, isLinkLocal } from '../../base/inet-address.ts';
import type { Seq } from '../../base/seq.ts';
import { FrameFor, type Packet } from '../../link/packet.ts';
import { TcpFlag, type TcpHeader } from '../../wire/tcp.ts';
import { connectionDone, freeEndpoint, sendActiveReset } from './close.ts';
import { MSS_DEFAULT, MSS_DEFAULT_V6 } from './constants.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { initialSequence, timestampOffset } from './isn.ts';
import { routeMss } from './mss.ts';
import { armRequest, dropRequest, Request, sendSynAck } from './request.ts';
import { setState, TcpState } from './state.ts';
import type { SynGate } from './syn-gate.ts';
import { Bit } from './tcb.ts';
import { initialWindow, selectInitialWindow } from './window.ts';

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
  /** Who is asked before a SYN is answered; null when nobody is. */
  gate: SynGate | null = null;
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
  const { gate } = t.listener as Listener;
  if (gate !== null && !gate.admits(p, segment)) return;
  if (synArrives(t, segment, p, reusedIss)) p.release();
  else tcp.discard(p);
}

/** False when the SYN opens nothing. Borrows `p`. */
function synArrives(t: TcpEndpoint, segment: TcpHeader, p: Packet, reusedIss: Seq): boolean {
  const { tcp } = t;
  const settings = tcp.context.settings;
  const listener = t.listener as Listener;
  // Broadcasts and multicasts open nothing.
  if (p.frameFor !== FrameFor.Host || (p.isV4 ? p.dstD >>> 28 === 0xe : p.dstA >>> 24 === 0xff)) return false;
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
