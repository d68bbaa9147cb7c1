/** Stream sockets of AF_INET and AF_INET6: TCP. */
import { Errno } from '../../base/errno.ts';
import { DISCONNECTED, Poll, SILENT } from '../../base/wait-queue.ts';
import type { Stack } from '../../stack/stack.ts';
import { Msg, Shut } from '../../transport/endpoint.ts';
import { type TcpEndpoint, TcpState } from '../../transport/tcp/tcp.ts';
import type { Caller } from '../caller.ts';
import { AF, IOCTL, IPPROTO, SO, TCP } from '../constants.ts';
import { type ControlWriter, ints } from '../control.ts';
import { intBytes, readInt, readName } from '../option-bytes.ts';
import type { Received } from '../received.ts';
import { sockaddrFamily } from '../sockaddr.ts';
import { type Ancillary, NEVER_WAITS, NOTHING_BESIDE } from '../socket.ts';
import { InetSocket, parsed } from './inet.ts';

/** Linux's socket_state: what connect(2) answers a second time depends on it. */
export const ConnectState = {
  Unconnected: 0, Connecting: 1, Connected: 2,
  /** shutdown(2) came before connect(2) was told how it ended: only AF_UNSPEC leads out (inet_shutdown). */
  Disconnecting: 3,
} as const;
export type ConnectState = (typeof ConnectState)[keyof typeof ConnectState];

export class InetStream extends InetSocket {
  readonly tcp: TcpEndpoint;
  connectState: ConnectState = ConnectState.Unconnected;

  constructor(stack: Stack, family: number, type: number, protocol: number, tcp: TcpEndpoint) {
    super(stack, family, type, protocol);
    this.tcp = tcp;
    tcp.upcalls = this;
  }

  get endpoint(): TcpEndpoint {
    return this.tcp;
  }

  override takeSoftError(): number {
    const { softErrno } = this.tcp;
    this.tcp.softErrno = 0;
    return softErrno;
  }

  // Connecting.

  connect(address: Uint8Array): number {
    if (address.length < 2) return -Errno.EINVAL;
    if (sockaddrFamily(address) === AF.UNSPEC) {
      this.connectState = ConnectState.Unconnected;
      this.disconnect();
      return 0;
    }
    if (this.connectState === ConnectState.Connected) return -Errno.EISCONN;
    if (this.connectState === ConnectState.Connecting) return this.connectResult(-Errno.EALREADY);
    if (this.connectState === ConnectState.Disconnecting) return -Errno.EINVAL;
    if (this.tcp.state !== TcpState.Closed) return -Errno.EISCONN;
    const bad = this.parsePeer(address);
    if (bad < 0) return bad;
    const result = this.tcp.connect(parsed.address, parsed.port, parsed.scopeId);
    if (result === -Errno.EINPROGRESS) this.connectState = ConnectState.Connecting;
    return result;
  }

  /** connect(2), second half: `waiting` while the handshake goes on, else 0 or why it failed. */
  override connectResult(waiting: number): number {
    const { tcp } = this;
    if (tcp.state === TcpState.SynSent || tcp.state === TcpState.SynReceived) return waiting;
    if (tcp.state === TcpState.Closed) {
      this.connectState = ConnectState.Unconnected;
      const errno = tcp.takeError();
      // Whoever hears of the failure here gets a socket as good as new (__inet_stream_connect).
      this.disconnect();
      return errno === 0 ? -Errno.ECONNABORTED : -errno;
    }
    this.connectState = ConnectState.Connected;
    return 0;
  }

  /** Whoever else waits on the socket hears of it too. */
  private disconnect(): void {
    this.tcp.disconnect();
    this.wake(DISCONNECTED | Poll.ERR | Poll.HUP | Poll.IN | Poll.OUT);
  }

  peerName(): Uint8Array | number {
    const { remoteAddress, remotePort, state } = this.tcp;
    if (remoteAddress === null || remotePort === 0) return -Errno.ENOTCONN;
    return state === TcpState.Closed || state === TcpState.SynSent ? -Errno.ENOTCONN : this.remoteName();
  }

  override listen(backlog: number): number {
    return this.connectState !== ConnectState.Unconnected ? -Errno.EINVAL : this.tcp.listen(backlog);
  }

  override accept(): InetStream | number {
    if (!this.isListening) return -Errno.EINVAL;
    const child = this.tcp.accept();
    if (child === null) return -Errno.EAGAIN;
    const socket = new InetStream(this.stack, this.family, this.type, this.protocol, child);
    socket.connectState = ConnectState.Connected;
    return socket;
  }

  // Moving data.

  receive(to: Uint8Array, at: number, length: number, flags: number, result: Received): number {
    return this.tcp.receive(to, at, length, flags, result);
  }

  /** TCP_INQ: what is left to read; one more than nothing at the end of the stream (tcp_inq_hint). */
  override writeControl(_received: Received, writer: ControlWriter, flags: number): void {
    const { tcp } = this;
    if (!tcp.tellsRest || (flags & Msg.ERRQUEUE) !== 0) return;
    const rest = tcp.inqBytes;
    const isOver = rest === 0 && (tcp.readiness() & Poll.RDHUP) !== 0;
    writer.put(IPPROTO.TCP, TCP.INQ, ints([isOver ? 1 : rest]));
  }

  override receiveTarget(length: number, flags: number): number {
    // Urgent data is there or not (tcp_recv_urg).
    if ((flags & Msg.OOB) !== 0) return NEVER_WAITS;
    return (flags & Msg.WAITALL) !== 0 ? length : Math.min(this.tcp.settledOptions.receiveLowWater, length);
  }

  send(from: Uint8Array, at: number, length: number, flags: number): number {
    return this.tcp.send(from, at, length, flags);
  }

  /** Control data is read once the connection stands (tcp_sendmsg_locked); before that, sending fails for another reason. */
  override prepareAncillary(control: Uint8Array, caller: Caller): Ancillary | number {
    const { state } = this.tcp;
    if (state !== TcpState.Established && state !== TcpState.CloseWait) return NOTHING_BESIDE;
    return super.prepareAncillary(control, caller);
  }

  /** A stream that is connected ignores the address, as Linux does. */
  sendTo(from: Uint8Array, at: number, length: number, flags: number, _address: Uint8Array): number {
    return this.tcp.send(from, at, length, flags);
  }

  override shutdown(how: number): number {
    if (this.connectState === ConnectState.Connecting && how >= Shut.RD && how <= Shut.RDWR) this.settleConnect();
    const isListening = this.tcp.state === TcpState.Listen;
    const result = super.shutdown(how);
    // A listener is disconnected, which is an error to SIGIO (tcp_disconnect).
    if (isListening && how !== Shut.WR) this.wake(Poll.ERR);
    return result;
  }

  /** Room that nobody can use any more is no news (sk_stream_write_space). */
  override writable(): void {
    this.wake(this.tcp.isWriteShut ? Poll.OUT | Poll.WRNORM | SILENT : Poll.OUT | Poll.WRNORM);
  }

  /** What shutdown(2) makes of a connect(2) that nobody has asked about again (inet_shutdown). */
  private settleConnect(): void {
    const { state } = this.tcp;
    // In SYN-SENT the endpoint is disconnected, and as good as new.
    if (state === TcpState.SynSent) this.connectState = ConnectState.Unconnected;
    else if (state === TcpState.SynReceived || state === TcpState.Closed) this.connectState = ConnectState.Disconnecting;
    else this.connectState = ConnectState.Connected;
  }

  override get lingerSeconds(): number {
    return this.tcp.settledOptions.lingerSeconds;
  }

  override get isLingering(): boolean {
    return this.tcp.isLingering;
  }

  // Options.

  override get isListening(): boolean {
    return this.tcp.state === TcpState.Listen;
  }

  override get sendBufferBytes(): number {
    return this.tcp.sendBufferBytes;
  }

  override get receiveBufferBytes(): number {
    return this.tcp.receiveBufferBytes;
  }

  /** At most half of what the buffer may become, or nobody would ever be woken (tcp_set_rcvlowat). */
  override get mostLowWater(): number {
    const { receiveBufferLocked, receiveBufferBytes } = this.settledOptions;
    return (receiveBufferLocked ? receiveBufferBytes : this.stack.settings.tcpRmemMax) >> 1;
  }

  override optionChanged(option: number): void {
    if (option === SO.KEEPALIVE) this.tcp.keepAliveChanged();
    else if (option === SO.RCVLOWAT) this.tcp.lowWaterChanged();
  }

  override lockBuffers(send: boolean, receive: boolean): void {
    this.tcp.lockBuffers(send, receive);
  }

  getTransportOption(level: number, option: number, length: number): Uint8Array | number | null {
    if (level !== IPPROTO.TCP) return null;
    if (length < 0) return -Errno.EINVAL;
    if (option === TCP.CONGESTION) {
      const name = this.tcp.congestionName;
      const bytes = new Uint8Array(16);
      for (let i = 0; i < name.length; i++) bytes[i] = name.charCodeAt(i);
      return bytes.subarray(0, Math.min(16, length));
    }
    if (option === TCP.INFO) {
      const info = this.tcp.infoBytes();
      return info.subarray(0, Math.min(info.length, length));
    }
    const value = this.tcp.getOption(option);
    return value === -Errno.ENOPROTOOPT ? value : intBytes(value, length);
  }

  setTransportOption(level: number, option: number, value: Uint8Array): number | null {
    if (level !== IPPROTO.TCP) return null;
    if (option === TCP.CONGESTION) return value.length < 1 ? -Errno.EINVAL : this.tcp.setCongestion(readName(value));
    return value.length < 4 ? -Errno.EINVAL : this.tcp.setOption(option, readInt(value));
  }

  control(request: number): number {
    switch (request) {
      case IOCTL.FIONREAD: return this.isListening ? -Errno.EINVAL : this.tcp.inqBytes;
      case IOCTL.SIOCOUTQ: return this.isListening ? -Errno.EINVAL : this.tcp.outqBytes;
      case IOCTL.SIOCATMARK: return this.tcp.atUrgentMark() ? 1 : 0;
      default: return -Errno.ENOTTY;
    }
  }
}
