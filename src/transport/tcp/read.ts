/**
 * Reading: what recv(2) takes out of the receive buffer, urgent data, and the window update that reading may be worth
 * (Linux's tcp_recvmsg_locked, tcp_recv_urg, __tcp_cleanup_rbuf). How data gets into the buffer is in receive.ts.
 */
import { Errno } from '../../base/errno.ts';
import { seqGt } from '../../base/seq.ts';
import { Msg, type ReceiveResult } from '../endpoint.ts';
import { NO_RARE, rareOf } from '../rare-options.ts';
import { sendAck } from './delayed-ack.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { TcpState } from './state.ts';
import { Bit, URGENT_READ, URGENT_VALID } from './tcb.ts';
import { countQueues } from './memory.ts';
import { adjustReceiveSpace, bestWindow, receiveWindow } from './window.ts';

/** recv(2): a count, 0 at the end of the stream, or a negative errno (tcp_recvmsg_locked). */
export function readStream(t: TcpEndpoint, to: Uint8Array, at: number, length: number, flags: number, result: ReceiveResult): number {
  result.flags = 0;
  result.address = null;
  if ((flags & Msg.ERRQUEUE) !== 0) return -Errno.EAGAIN;
  if (t.state === TcpState.Listen) return -Errno.ENOTCONN;
  if ((flags & Msg.OOB) !== 0) return receiveUrgent(t, to, at, length, flags, result);
  const { rcvBuf, urgent } = t;
  const peek = (flags & Msg.PEEK) !== 0;
  let available = rcvBuf.length;
  let skip = 0;
  if (urgent !== null && urgent.data !== 0 && available > 0) {
    const offset = (urgent.seq - t.copiedSeq) | 0;
    if (offset === 0 && length > 0 && !t.settledOptions.oobInline) {
      // At the mark: the urgent byte is not part of the stream. A peek steps over it and leaves it there; who wants nothing stays.
      if (peek) {
        skip = 1;
      } else {
        rcvBuf.drop(1);
        t.receivedBytes--;
        t.copiedSeq = (t.copiedSeq + 1) | 0;
        urgent.data = 0;
      }
      available = rcvBuf.length - skip;
    } else if (offset > 0 && offset < available) {
      available = offset;
    }
  }
  const { rare } = t.settledOptions;
  const peeksFrom = rare === NO_RARE ? -1 : rare.peekOffset;
  if (peek && peeksFrom > 0) {
    skip += peeksFrom;
    available = Math.max(0, available - peeksFrom);
  }
  if (available === 0) {
    if ((t.bits & Bit.Done) !== 0) {
      if (!peek) passFin(t);
      return 0;
    }
    if (t.errno !== 0) return -t.takeError();
    if ((t.bits & Bit.ShutRead) !== 0) return 0;
    if (t.state === TcpState.Closed) return -Errno.ENOTCONN;
    return -Errno.EAGAIN;
  }
  const want = length < available ? length : available;
  if (peek) {
    if (peeksFrom >= 0) rareOf(t.options).peekOffset = peeksFrom + want;
    return (flags & Msg.TRUNC) !== 0 ? want : rcvBuf.peek(to, at, want, skip);
  }
  if (peeksFrom > 0) rareOf(t.options).peekOffset = Math.max(0, peeksFrom - want);
  t.tcp.refreshClock();
  let n = want;
  if ((flags & Msg.TRUNC) !== 0) rcvBuf.drop(n);
  else if (!result.takesMemory || (result.given = rcvBuf.give(want)) === null) n = rcvBuf.read(to, at, want);
  t.copiedSeq = (t.copiedSeq + n) | 0;
  t.receivedBytes -= n;
  if (urgent !== null && urgent.data !== 0 && seqGt(t.copiedSeq, urgent.seq)) urgent.data = 0;
  countQueues(t);
  adjustReceiveSpace(t);
  passFin(t);
  acknowledgeRead(t, n);
  return n;
}

/** The peer's FIN is read with the last byte before it, or by who finds nothing else (tcp_recvmsg_locked's found_fin_ok). */
function passFin(t: TcpEndpoint): void {
  if ((t.bits & Bit.Done) !== 0 && t.rcvBuf.length === 0 && ((t.rcvNxt - t.copiedSeq) | 0) === 1) t.copiedSeq = t.rcvNxt;
}

/** recv(2) with MSG_OOB (tcp_recv_urg). */
function receiveUrgent(t: TcpEndpoint, to: Uint8Array, at: number, length: number, flags: number, result: ReceiveResult): number {
  const { urgent } = t;
  if (t.settledOptions.oobInline || urgent === null || urgent.data === 0 || urgent.data === URGENT_READ) return -Errno.EINVAL;
  if (t.state === TcpState.Closed && (t.bits & Bit.Done) === 0) return -Errno.ENOTCONN;
  if ((urgent.data & URGENT_VALID) !== 0) {
    const byte = urgent.data & 0xff;
    if ((flags & Msg.PEEK) === 0) urgent.data = URGENT_READ;
    result.flags |= Msg.OOB;
    if (length > 0) {
      if ((flags & Msg.TRUNC) === 0) to[at] = byte;
      return 1;
    }
    result.flags |= Msg.TRUNC;
    return 0;
  }
  if (t.state === TcpState.Closed || (t.bits & Bit.ShutRead) !== 0) return 0;
  return -Errno.EAGAIN;
}

/** Reading may open the window, or answer for data that waits for its acknowledgement (__tcp_cleanup_rbuf). */
function acknowledgeRead(t: TcpEndpoint, copied: number): void {
  if (t.state === TcpState.Closed) return;
  let now = false;
  if ((t.bits & Bit.AckScheduled) !== 0) {
    const { bits } = t;
    const unacked = (t.rcvNxt - t.rcvWup) | 0;
    if (
      unacked > t.rcvMss ||
      (copied > 0 && ((bits & Bit.AckPushed2) !== 0 || ((bits & Bit.AckPushed) !== 0 && t.pingPong < 1)) && t.rcvBuf.length === 0)
    ) now = true;
  }
  if (!now && copied > 0 && (t.bits & Bit.ShutRead) === 0) {
    const open = receiveWindow(t);
    if (2 * open <= t.windowClamp) {
      const next = bestWindow(t);
      if (next !== 0 && next >= 2 * open) now = true;
    }
  }
  if (now) sendAck(t);
}
