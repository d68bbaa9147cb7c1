/**
 * A TCP endpoint as sockets see it: the operations of transport/endpoint.ts over the control block.
 *
 * Sending is in output.ts, receiving in receive.ts and read.ts, opening in syn.ts, listener.ts and request.ts, ends in
 * close.ts, options in options.ts; this file is the face: bind, connect, send, receive, readiness.
 */
import { Errno } from '../../base/errno.ts';
import type { IpAddress } from '../../base/inet-address.ts';
import { Poll } from '../../base/wait-queue.ts';
import type { Device } from '../../link/device.ts';
import { type Destination, DestinationKind } from '../../net/destination.ts';
import { type Endpoint, EndpointOptions, Msg, type ReceiveResult } from '../endpoint.ts';
import { PortFlag, type PortHolder, type TupleCheck } from '../ports.ts';
import { mayBindHere } from '../may-bind.ts';
import { portRangeOf } from '../rare-options.ts';
import { abortConnection, closeEndpoint, freeEndpoint, shutdownEndpoint } from './close.ts';
import { chooseCongestion, congestionName } from './congestion/congestion.ts';
import { NO_LOW_WATER } from './constants.ts';
import { TcpInfo } from './info.ts';
import { initialSequence, timestampOffset } from './isn.ts';
import { armKeepalive, clearSlow, keepaliveTime } from './keepalive.ts';
import { beginListening, takeAccepted } from './listener.ts';
import { syncMss } from './mss.ts';
import { getTcpOption, setTcpOption } from './options.ts';
import { belowNotSent, pushAfterWrite, queueBytes } from './output.ts';
import { readStream } from './read.ts';
import { signalReadable } from './receive.ts';
import { TcpState } from './state.ts';
import { beginHandshake } from './syn.ts';
import { Bit, ownUser, Tcb, URGENT_VALID } from './tcb.ts';
import { removeTimeWait, TimeWaitRecord } from './time-wait.ts';
import { timerExpired } from './timers.ts';
import { countQueues } from './memory.ts';
import { expandSendBuffer } from './window.ts';

export class TcpEndpoint extends Tcb implements Endpoint, PortHolder, TupleCheck {
  override expired(): void {
    timerExpired(this);
  }

  // Options and buffers.

  get options(): EndpointOptions {
    if ((this.bits & Bit.OwnOptions) === 0) {
      this.settledOptions = Object.assign(new EndpointOptions(this.isV4), this.settledOptions);
      this.bits |= Bit.OwnOptions;
    }
    return this.settledOptions;
  }

  /** SO_SNDBUF as it stands: the user's, or what auto-tuning made of it. */
  get sendBufferBytes(): number {
    const settled = this.settledOptions;
    const bytes = settled.sendBufferLocked ? settled.sendBufferBytes : this.sndBufBytes;
    const { tcpMemory } = this.tcp.context;
    // The host has no memory left for this: as small as it can be (sk_stream_moderate_sndbuf), until there is some again.
    return tcpMemory.isShort && bytes > tcpMemory.leastSendBytes ? tcpMemory.leastSendBytes : bytes;
  }

  get receiveBufferBytes(): number {
    const settled = this.settledOptions;
    return settled.receiveBufferLocked ? settled.receiveBufferBytes : this.rcvBufBytes;
  }

  /** SO_BUF_LOCK: the buffers are as large as they have become, and stay so, or grow on from there. */
  lockBuffers(send: boolean, receive: boolean): void {
    const { options } = this;
    if (send && !options.sendBufferLocked) options.sendBufferBytes = this.sndBufBytes;
    if (!send && options.sendBufferLocked) this.sndBufBytes = options.sendBufferBytes;
    if (receive && !options.receiveBufferLocked) options.receiveBufferBytes = this.rcvBufBytes;
    if (!receive && options.receiveBufferLocked) this.rcvBufBytes = options.receiveBufferBytes;
    options.sendBufferLocked = send;
    options.receiveBufferLocked = receive;
  }

  /** TCP_SYNCNT, or the host's. */
  get synRetries(): number {
    const { user } = this;
    return user !== null && user.synCount !== 0 ? user.synCount : this.tcp.context.settings.tcpSynRetries;
  }

  /** TCP_USER_TIMEOUT in milliseconds; 0 when it is not set. */
  get userTimeoutMs(): number {
    return this.user === null ? 0 : this.user.userTimeoutMs;
  }

  set userTimeoutMs(ms: number) {
    if (ms !== 0 || this.user !== null) ownUser(this).userTimeoutMs = ms;
  }

  /** TCP_NOTSENT_LOWAT in bytes: the socket's, or the host's. */
  get notSentLowWater(): number {
    const { user } = this;
    const bytes = user !== null && user.notSentLowWater !== 0 ? user.notSentLowWater : this.tcp.context.settings.tcpNotsentLowat;
    // Linux's "no limit" is 2^32 - 1, which V8 would box on every return; no buffer comes near the smaller one.
    return bytes > NO_LOW_WATER ? NO_LOW_WATER : bytes;
  }

  // Routes and ports.

  /** The way to the peer, looked up again when routes changed; null when there is none. */
  route(): Destination | null {
    const known = this.destination;
    const { network } = this.tcp;
    const { boundDevice, dontRoute } = this.settledOptions;
    if (known !== null && known.generation === network.generation && known.askedOnLink === dontRoute) {
      network.refreshPathMtu(known);
      if (known.mtuBytes !== this.pathMtu) {
        this.pathMtu = known.mtuBytes;
        syncMss(this);
      }
      return known;
    }
    if (this.remoteAddress === null) return null;
    const bound = boundDevice ?? (this.scopeId !== 0 ? network.deviceAt(this.scopeId) : null);
    const from = this.localAddress.isUnspecified ? null : this.localAddress;
    this.destination = network.lookupToSend(this.remoteAddress, from, bound, dontRoute);
    if (this.destination !== null) {
      this.pathMtu = this.destination.mtuBytes;
      syncMss(this);
    }
    return this.destination;
  }

  /** The peer answers: its neighbour entry needs no probe. */
  confirmRoute(): void {
    if (this.destination !== null) this.tcp.network.confirmNeighbour(this.destination);
  }

  get portRange(): number {
    return portRangeOf(this.settledOptions);
  }

  get portFlags(): number {
    const { reuseAddress, reusePort, v6Only } = this.settledOptions;
    return (reuseAddress ? PortFlag.ReuseAddress : 0) | (reusePort ? PortFlag.ReusePort : 0) | (v6Only ? PortFlag.V6Only : 0) |
      (this.state === TcpState.Listen ? PortFlag.Listening : 0) | ((this.bits & Bit.PortByConnect) !== 0 ? PortFlag.ByConnect : 0);
  }

  get boundDevice(): Device | null {
    return this.settledOptions.boundDevice;
  }

  leaveTable(): void {
    if ((this.bits & Bit.Hashed) === 0) return;
    this.bits &= ~Bit.Hashed;
    this.tcp.connections.remove(this);
  }

  get hasPort(): boolean {
    return (this.bits & Bit.InPorts) !== 0 || this.state !== TcpState.Closed;
  }

  leavePort(): void {
    if ((this.bits & Bit.InPorts) === 0) return;
    this.bits &= ~Bit.InPorts;
    this.tcp.ports.release(this);
  }

  free(): void {
    freeEndpoint(this);
  }

  bind(address: IpAddress, port: number, scopeId: number): number {
    if (this.state !== TcpState.Closed || (this.bits & Bit.InPorts) !== 0) return -Errno.EINVAL;
    // Linux lets a stream have a group's or the broadcast address of IPv4: nothing ever comes there.
    const isGroup4 = address.isV4 && (address.isMulticast || address.d === -1);
    if (address.isMulticast && !address.isV4) return -Errno.EINVAL;
    const { network, context } = this.tcp;
    if (!isGroup4 && !mayBindHere(network, context.settings, this.settledOptions, address)) return -Errno.EADDRNOTAVAIL;
    if (address.isLinkLocal && !address.isV4 && scopeId === 0 && this.settledOptions.boundDevice === null) return -Errno.EINVAL;
    const before = this.localAddress;
    this.localAddress = address;
    if (port === 0 && this.settledOptions.rare.bindAddressNoPort) {
      this.bits |= address.isUnspecified ? 0 : Bit.AddressBound;
      this.scopeId = scopeId;
      return 0;
    }
    const result = this.tcp.ports.bind(this, port);
    if (result < 0) {
      this.localAddress = before;
      return result;
    }
    this.bits |= Bit.InPorts | (address.isUnspecified ? 0 : Bit.AddressBound) | (port !== 0 ? Bit.PortBound : 0);
    this.scopeId = scopeId;
    return 0;
  }

  /** Is the 4-tuple with this port free? A TIME_WAIT record may give way (tcp_tw_reuse). */
  tupleIsFree(_holder: PortHolder, port: number): boolean {
    const remote = this.remoteAddress as IpAddress;
    const node = this.tcp.connections.findTuple(this.localAddress, port, remote, this.remotePort);
    if (node === null) return true;
    if (!(node instanceof TimeWaitRecord) || !node.timestamps) return false;
    const reuse = this.tcp.context.settings.tcpTwReuse;
    if (reuse === 0 || (reuse === 2 && !remote.isLoopback)) return false;
    if (Math.floor(this.tcp.context.loop.now / 1e6) - node.tsRecentSeconds < 1) return false;
    removeTimeWait(node);
    return true;
  }

  connect(address: IpAddress, port: number, scopeId: number): number {
    const { tcp } = this;
    if (this.state !== TcpState.Closed) return -Errno.EISCONN;
    if (address.isMulticast) return -Errno.ENETUNREACH;
    const scope = scopeId !== 0 ? scopeId : this.scopeId;
    if (address.isLinkLocal && !address.isV4 && scope === 0 && this.settledOptions.boundDevice === null) return -Errno.EINVAL;
    tcp.refreshClock();
    this.remoteAddress = address;
    this.remotePort = port;
    this.scopeId = scope;
    this.destination = null;
    const way = this.route();
    if (way === null || way.kind === DestinationKind.Broadcast) {
      this.forgetPeer();
      return way === null ? -tcp.network.lookupErrno : -Errno.ENETUNREACH;
    }
    // The same address as an object that all connections to it share.
    if (way.to.equals(address)) this.remoteAddress = way.to;
    const before = this.localAddress;
    if (before.isUnspecified) this.localAddress = way.source;
    let result = 0;
    if ((this.bits & Bit.InPorts) === 0) {
      result = tcp.ports.bindForConnect(this, address, port, this);
      if (result === 0) this.bits |= Bit.InPorts | Bit.PortByConnect;
    } else if (!this.tupleIsFree(this, this.localPort)) {
      result = -Errno.EADDRNOTAVAIL;
    }
    if (result < 0) {
      this.localAddress = before;
      this.forgetPeer();
      return result;
    }
    tcp.connections.add(this);
    // What was shut down before stays so: nothing of Linux's connect looks at it.
    this.bits = (this.bits & ~(Bit.Done | Bit.FinQueued)) | Bit.Hashed;
    this.iss = initialSequence(tcp.isnHash, tcp.context.loop.now, this.localAddress, this.localPort, address, port);
    this.tsOffset = timestampOffset(tcp.timestampHash, this.localAddress, address);
    this.synStampMs = tcp.nowMs;
    this.errno = 0;
    this.softErrno = 0;
    beginHandshake(this);
    return -Errno.EINPROGRESS;
  }

  private forgetPeer(): void {
    this.remoteAddress = null;
    this.remotePort = 0;
    this.destination = null;
  }

  /** connect(2) with AF_UNSPEC (tcp_disconnect). */
  disconnect(): number {
    if (this.state !== TcpState.Closed) abortConnection(this);
    // Nothing but SIOCOUTQ shows it: Linux moves on past all that the peer may take for the old connection's.
    this.writeSeq = (this.writeSeq + this.maxWindow + 2) | 0;
    // These two are a connection's, whoever set them (rx_opt, window_clamp).
    this.windowClamp = 0;
    if (this.user !== null) {
      this.user.maxSegment = 0;
      this.user.windowClamp = 0;
    }
    this.rcvBuf.clear();
    this.receivedBytes = 0;
    countQueues(this);
    this.forgetPeer();
    if ((this.bits & Bit.AddressBound) === 0) this.localAddress = this.tcp.anyFor(this.isV4);
    // getsockname goes on to show the port, although it is given back (inet_put_port leaves inet_sport).
    if ((this.bits & Bit.PortBound) === 0) this.leavePort();
    this.bits &= Bit.OwnOptions | Bit.NoDelay | Bit.Cork | Bit.Reno | Bit.AddressBound | Bit.PortBound | Bit.InPorts | Bit.Charged;
    return 0;
  }

  listen(backlog: number): number {
    if (this.state !== TcpState.Closed && this.state !== TcpState.Listen) return -Errno.EINVAL;
    if (this.state === TcpState.Closed) {
      if ((this.bits & Bit.InPorts) === 0) {
        const result = this.tcp.ports.bind(this, 0);
        if (result < 0) return result;
        this.bits |= Bit.InPorts;
      } else if (this.tcp.ports.recheck(this) < 0) {
        return -Errno.EADDRINUSE;
      }
    }
    beginListening(this, backlog);
    return 0;
  }

  accept(): TcpEndpoint | null {
    return this.listener === null ? null : takeAccepted(this.listener);
  }

  // Sending.

  send(from: Uint8Array, at: number, length: number, flags: number): number {
    this.tcp.refreshClock();
    const { state } = this;
    if (state !== TcpState.Established && state !== TcpState.CloseWait) {
      if (state === TcpState.SynSent || state === TcpState.SynReceived) return -Errno.EAGAIN;
      if (this.errno !== 0) return -this.takeError();
      return -Errno.EPIPE;
    }
    if (this.errno !== 0) return -this.takeError();
    if ((this.bits & Bit.ShutWrite) !== 0) return -Errno.EPIPE;
    if (length === 0) return 0;
    const more = (flags & Msg.MORE) !== 0;
    const n = queueBytes(this, from, at, length, (flags & Msg.EOR) !== 0);
    if (n > 0) {
      if ((flags & Msg.OOB) !== 0 && n === length) this.sndUp = this.writeSeq;
      pushAfterWrite(this, more);
    }
    if (n < length) this.bits |= Bit.NoSpace;
    countQueues(this);
    return n === 0 ? -Errno.EAGAIN : n;
  }

  private get writeable(): boolean {
    const free = this.sendBufferBytes - this.queuedBytes;
    return free >= this.queuedBytes >> 1 && free > 0 && belowNotSent(this);
  }

  /** Acknowledgements freed memory: tell writers when it is worth their while (tcp_new_space, sk_stream_write_space). */
  roomMade(): void {
    if ((this.bits & Bit.NoSpace) === 0) return;
    if (this.packetsOut < this.cwnd) {
      expandSendBuffer(this);
      this.cwndStampMs = this.tcp.nowMs;
    }
    if (!this.writeable) return;
    this.bits &= ~Bit.NoSpace;
    this.upcalls?.writable();
  }

  // Receiving.

  receive(to: Uint8Array, at: number, length: number, flags: number, result: ReceiveResult): number {
    return readStream(this, to, at, length, flags, result);
  }

  /** FIONREAD: bytes that can be read, up to the urgent mark. */
  get inqBytes(): number {
    const { urgent } = this;
    const available = this.rcvBuf.length;
    if (urgent === null || urgent.data === 0 || this.settledOptions.oobInline) return available;
    const offset = (urgent.seq - this.copiedSeq) | 0;
    return offset >= 0 && offset < available ? offset : available;
  }

  /**
   * SIOCOUTQ: what is not acknowledged (tcp_ioctl). A FIN counts as a byte, and so does a SYN that was refused; what a reset
   * threw away is counted until the next connect.
   */
  get outqBytes(): number {
    return this.state === TcpState.SynSent || this.state === TcpState.SynReceived ? 0 : (this.writeSeq - this.sndUna) | 0;
  }

  memoryUse(): number[] {
    return [this.receivedBytes, this.receiveBufferBytes, 0, this.sendBufferBytes, 0, this.queuedBytes, 0, 0, 0];
  }

  atUrgentMark(): boolean {
    const { urgent } = this;
    return urgent !== null && urgent.data !== 0 && urgent.seq === this.copiedSeq;
  }

  // The end.

  shutdown(how: number): number {
    this.tcp.refreshClock();
    return shutdownEndpoint(this, how);
  }

  close(): void {
    this.tcp.refreshClock();
    closeEndpoint(this);
  }

  /** After close: is there still something that the peer has not acknowledged? */
  get isLingering(): boolean {
    const { state } = this;
    return state === TcpState.FinWait1 || state === TcpState.Closing || state === TcpState.LastAck;
  }

  /** shutdown(2) has ended what goes out. */
  get isWriteShut(): boolean {
    return (this.bits & Bit.ShutWrite) !== 0;
  }

  readiness(): number {
    const { state, bits } = this;
    if (state === TcpState.Listen) return this.listener !== null && this.listener.first !== null ? Poll.IN | Poll.RDNORM : 0;
    let events = 0;
    const shut = bits & (Bit.ShutRead | Bit.ShutWrite);
    if (shut === (Bit.ShutRead | Bit.ShutWrite) || state === TcpState.Closed) events |= Poll.HUP;
    if ((bits & Bit.ShutRead) !== 0) events |= Poll.IN | Poll.RDNORM | Poll.RDHUP;
    if (state !== TcpState.SynSent && state !== TcpState.SynReceived) {
      const { urgent } = this;
      const atMark = urgent !== null && urgent.data !== 0 && urgent.seq === this.copiedSeq && !this.settledOptions.oobInline;
      const least = Math.min(this.settledOptions.receiveLowWater, this.receiveBufferBytes >> 1);
      if (this.rcvBuf.length - (atMark ? 1 : 0) >= Math.max(least, 1)) events |= Poll.IN | Poll.RDNORM;
      if ((bits & Bit.ShutWrite) !== 0 || this.writeable) events |= Poll.OUT | Poll.WRNORM;
      else this.bits |= Bit.NoSpace;
      if (urgent !== null && (urgent.data & URGENT_VALID) !== 0) events |= Poll.PRI;
    }
    if (this.errno !== 0) events |= Poll.ERR;
    return events;
  }

  takeError(): number {
    const { errno } = this;
    this.errno = 0;
    return errno;
  }

  keepError(errno: number): void {
    this.errno = errno;
  }

  // IPPROTO_TCP options.

  get congestionName(): string {
    return congestionName(this);
  }

  setCongestion(name: string): number {
    return chooseCongestion(this, name);
  }

  /** SO_RCVLOWAT was set: what is there may be enough now (tcp_set_rcvlowat). */
  lowWaterChanged(): void {
    signalReadable(this);
  }

  /** SO_KEEPALIVE was set or cleared. */
  keepAliveChanged(): void {
    if (this.state < TcpState.Established) return;
    if (this.settledOptions.keepAlive) armKeepalive(this, keepaliveTime(this));
    else clearSlow(this);
  }

  getOption(option: number): number {
    return getTcpOption(this, option);
  }

  setOption(option: number, value: number): number {
    return setTcpOption(this, option, value);
  }

  /** TCP_INQ: does recvmsg(2) tell how many bytes it has left? */
  get tellsRest(): boolean {
    return this.user !== null && this.user.tellsRest;
  }

  /** TCP_INFO's structure. */
  infoBytes(): Uint8Array {
    return new TcpInfo(this).bytes();
  }
}
