/**
 * The ends of a connection: errors, resets, orphans, and what is freed when (Linux's tcp_done, tcp_reset, tcp_close,
 * inet_csk_destroy_sock).
 */
import { Mib } from '../../base/counters.ts';
import { Errno } from '../../base/errno.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import { Shut } from '../endpoint.ts';
import { TIME_WAIT_US } from './constants.ts';
import { acceptableSeq } from './delayed-ack.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { armFinWait2 } from './keepalive.ts';
import { stopListening, takeAccepted } from './listener.ts';
import { countQueues, dischargeEndpoint } from './memory.ts';
import { purgeOutOfOrder } from './out-of-order.ts';
import { sendFin } from './output.ts';
import { sendSegment } from './segment-out.ts';
import { purgeSendQueue } from './send-queue.ts';
import { setState, stateAfterClose, TcpState } from './state.ts';
import { Bit } from './tcb.ts';
import { enterTimeWait } from './time-wait.ts';
import { stopTimers } from './timers.ts';

/** The connection is over (tcp_done): no timer, no segments; what was received stays readable. */
export function connectionDone(t: TcpEndpoint): void {
  const { state } = t;
  if (state === TcpState.SynSent || state === TcpState.SynReceived) t.tcp.counters[Mib.TcpAttemptFails]++;
  stopTimers(t);
  purgeSendQueue(t);
  purgeOutOfOrder(t);
  t.leaveTable();
  setState(t, TcpState.Closed);
  countQueues(t);
  t.bits |= Bit.ShutRead | Bit.ShutWrite;
  if ((t.bits & Bit.Orphan) !== 0) freeEndpoint(t);
  else if ((t.bits & Bit.PortBound) === 0) t.leavePort();
}

/** Everything goes: nobody refers to the endpoint any more. */
export function freeEndpoint(t: TcpEndpoint): void {
  stopTimers(t);
  purgeSendQueue(t);
  purgeOutOfOrder(t);
  t.rcvBuf.clear();
  t.leaveTable();
  t.leavePort();
  if ((t.bits & Bit.Counted) !== 0) {
    t.bits &= ~Bit.Counted;
    t.tcp.orphans--;
  }
  t.upcalls = null;
  dischargeEndpoint(t);
}

/**
 * An orphan that still wants something of the network: are there too many (tcp_out_of_resources)? One whose peer is
 * silent or complained of counts for more of them, and may end without a reset. True when this was its end.
 */
export function outOfResources(t: TcpEndpoint, mustReset: boolean): boolean {
  const { tcp } = t;
  const { settings } = tcp.context;
  const silentMs = (tcp.nowMs - t.lastSendMs) | 0;
  let shift = silentMs > 2 * settings.tcpRtoMaxMs || !mustReset ? 1 : 0;
  if (t.softErrno !== 0) shift++;
  if (tcp.orphans << shift <= settings.tcpMaxOrphans) return false;
  if (mustReset || silentMs * 1000 <= TIME_WAIT_US || (t.sndWnd === 0 && t.packetsOut === 0)) sendActiveReset(t);
  connectionDone(t);
  tcp.counters[Mib.TcpExtTCPAbortOnMemory]++;
  return true;
}

/** The machine has lost its power: the endpoint ends as it stands, without a segment to anybody. */
export function vanish(t: TcpEndpoint): void {
  const { listener } = t;
  if (listener !== null) {
    t.tcp.listeners.remove(t);
    t.listener = null;
    // Those that were reset before anybody accepted them are in no other table.
    for (let child = takeAccepted(listener); child !== null; child = takeAccepted(listener)) vanish(child);
  }
  t.nextAccept = null;
  setState(t, TcpState.Closed);
  freeEndpoint(t);
}

/** Ends with an errno that the user will see (tcp_write_err, hard ICMP errors). */
export function endWithError(t: TcpEndpoint, errno: number): void {
  t.errno = errno;
  const { upcalls } = t;
  connectionDone(t);
  upcalls?.failed(errno);
}

/** The peer's RST was accepted (tcp_reset). */
export function connectionReset(t: TcpEndpoint): void {
  let errno: number = Errno.ECONNRESET;
  if (t.state === TcpState.SynSent) errno = Errno.ECONNREFUSED;
  else if (t.state === TcpState.CloseWait) errno = Errno.EPIPE;
  else if (t.state === TcpState.Closed) return;
  endWithError(t, errno);
}

/** Sends our own RST (tcp_send_active_reset). */
export function sendActiveReset(t: TcpEndpoint): void {
  t.tcp.counters[Mib.TcpOutRsts]++;
  sendSegment(t, acceptableSeq(t), 0, TcpFlag.Rst | TcpFlag.Ack, 1);
}

/** The connection ends now, with a RST where one is due: SO_LINGER of zero, connect(2) with AF_UNSPEC. */
export function abortConnection(t: TcpEndpoint): void {
  const { state } = t;
  if (state === TcpState.Listen) {
    stopListening(t);
    return;
  }
  const mustReset = state === TcpState.Established || state === TcpState.CloseWait || state === TcpState.FinWait1 ||
    state === TcpState.FinWait2 || state === TcpState.SynReceived;
  const leftUnsent = t.sndNxt !== t.writeSeq && (state === TcpState.Closing || state === TcpState.LastAck);
  if (mustReset || leftUnsent) sendActiveReset(t);
  if (mustReset || leftUnsent || state === TcpState.SynSent) t.errno = Errno.ECONNRESET;
  connectionDone(t);
}

/** The last descriptor is gone (tcp_close). */
export function closeEndpoint(t: TcpEndpoint): void {
  const counters = t.tcp.counters;
  if (t.state === TcpState.Listen) {
    stopListening(t);
    freeEndpoint(t);
    return;
  }
  const unread = t.rcvBuf.length > 0;
  t.bits |= Bit.Orphan | Bit.ShutRead;
  t.rcvBuf.clear();
  t.receivedBytes = 0;
  countQueues(t);
  if (t.state === TcpState.Closed) {
    freeEndpoint(t);
    return;
  }
  if (unread) {
    // RFC 2525 2.17: data that nobody will read is answered with a reset.
    counters[Mib.TcpExtTCPAbortOnClose]++;
    sendActiveReset(t);
    connectionDone(t);
    return;
  }
  if (t.settledOptions.lingerSeconds === 0) {
    counters[Mib.TcpExtTCPAbortOnData]++;
    abortConnection(t);
    return;
  }
  const { state } = t;
  if (state === TcpState.Established || state === TcpState.CloseWait || state === TcpState.SynReceived || state === TcpState.SynSent) {
    if (closeState(t)) sendFin(t);
  }
  if ((t.state as TcpState) === TcpState.Closed) {
    connectionDone(t);
    return;
  }
  t.bits |= Bit.Counted;
  t.tcp.orphans++;
  orphanInFinWait2(t);
  if ((t.bits & Bit.Counted) === 0 || t.tcp.orphans <= t.tcp.context.settings.tcpMaxOrphans) return;
  counters[Mib.TcpExtTCPAbortOnMemory]++;
  sendActiveReset(t);
  connectionDone(t);
}

/** How long an orphan waits in FIN_WAIT2 (tcp_fin_time). */
export function finWait2Us(t: TcpEndpoint): number {
  const { user } = t;
  return user !== null && user.linger2Us > 0 ? user.linger2Us : t.tcp.context.settings.tcpFinTimeout * 1e6;
}

/** An orphan in FIN_WAIT2 waits tcp_fin_timeout for the peer's FIN, as a record when that is short enough. */
export function orphanInFinWait2(t: TcpEndpoint): void {
  if (t.state !== TcpState.FinWait2 || (t.bits & Bit.Orphan) === 0) return;
  const user = t.user;
  if (user !== null && user.linger2Us < 0) {
    t.tcp.counters[Mib.TcpExtTCPAbortOnLinger]++;
    sendActiveReset(t);
    connectionDone(t);
    return;
  }
  const stay = finWait2Us(t);
  if (stay > TIME_WAIT_US) armFinWait2(t, stay - TIME_WAIT_US);
  else enterTimeWait(t, TcpState.FinWait2, stay);
}

/** shutdown(2) (inet_shutdown, tcp_shutdown). */
export function shutdownEndpoint(t: TcpEndpoint, how: number): number {
  const { state } = t;
  const bits = how === Shut.RD ? Bit.ShutRead : how === Shut.WR ? Bit.ShutWrite : Bit.ShutRead | Bit.ShutWrite;
  if (state === TcpState.Closed) {
    // Linux says no and does it all the same.
    t.bits |= bits;
    return -Errno.ENOTCONN;
  }
  if (state === TcpState.SynSent || (state === TcpState.Listen && how !== Shut.WR)) {
    t.disconnect();
    return 0;
  }
  if (state === TcpState.Listen) {
    t.bits |= bits;
    return 0;
  }
  if (how !== Shut.WR) t.bits |= Bit.ShutRead;
  if (how !== Shut.RD && (t.bits & Bit.ShutWrite) === 0) {
    t.bits |= Bit.ShutWrite;
    // In SYN-RECEIVED the FIN waits until the connection stands.
    if ((state === TcpState.Established || state === TcpState.CloseWait) && closeState(t)) sendFin(t);
  }
  return 0;
}

/** Enters the state after close(2) or shutdown(2) of the sending side. True when a FIN has to go (tcp_close_state). */
export function closeState(t: TcpEndpoint): boolean {
  const next = stateAfterClose(t.state);
  const changes = next !== t.state && next !== TcpState.Closed;
  setState(t, next);
  return changes;
}
