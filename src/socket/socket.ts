/**
 * Sockets: what an open file description of a socket points at. Translates socket addresses and options for one
 * endpoint below, and turns the endpoint's upcalls into wakes above. Nothing here waits: blocking is the kernel's
 * (`kernel/operation.ts`).
 *
 * Called by kernel/; calls transport endpoints. Read transport/endpoint.ts first.
 */
import { Errno } from '../base/errno.ts';
import type { FileOperations } from '../base/file-operations.ts';
import { ANY4, LOOPBACK4, LOOPBACK6, IpAddress } from '../base/inet-address.ts';
import { DISCONNECTED, Poll, WaitQueue } from '../base/wait-queue.ts';
import type { Stack } from '../stack/stack.ts';
import { type Endpoint, type EndpointUpcalls, type ReceiveResult, Shut } from '../transport/endpoint.ts';
import { type TcpEndpoint, TcpState } from '../transport/tcp/tcp.ts';
import type { UdpEndpoint } from '../transport/udp/udp.ts';
import { AF, IOCTL, IPPROTO, O, SOCK } from './constants.ts';
import { ParsedSockaddr, parseSockaddr, sockaddrBytes, sockaddrFamily } from './sockaddr.ts';

/** Linux's socket_state: what connect(2) answers a second time depends on it. */
export const ConnectState = {
  Unconnected: 0, Connecting: 1, Connected: 2,
  /** shutdown(2) came before connect(2) was told how it ended: only AF_UNSPEC leads out (inet_shutdown). */
  Disconnecting: 3,
} as const;
export type ConnectState = (typeof ConnectState)[keyof typeof ConnectState];

/** Re-filled by every call that takes an address; none keeps it. */
const parsed = new ParsedSockaddr();

/** A socket is its own wait queue: one object less for each of ten thousand idle ones. */
export class Socket extends WaitQueue implements FileOperations, EndpointUpcalls {
  readonly stack: Stack;
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
  /** Exactly one of the two is set. */
  readonly tcp: TcpEndpoint | null;
  readonly udp: UdpEndpoint | null;
  connectState: ConnectState = ConnectState.Unconnected;

  constructor(stack: Stack, family: number, type: number, protocol: number, tcp: TcpEndpoint | null, udp: UdpEndpoint | null) {
    super();
    this.stack = stack;
    this.family = family;
    this.type = type;
    this.protocol = protocol;
    this.tcp = tcp;
    this.udp = udp;
    this.endpoint.upcalls = this;
  }

  get waiters(): WaitQueue {
    return this;
  }

  get accessMode(): number {
    return O.RDWR;
  }

  get endpoint(): Endpoint {
    return this.tcp !== null ? this.tcp : (this.udp as UdpEndpoint);
  }

  private get isV4(): boolean {
    return this.family === AF.INET;
  }

  // Upcalls: what happened below becomes a wake above.

  connected(): void {
    this.wake(Poll.OUT | Poll.WRNORM | Poll.IN);
  }

  readable(): void {
    this.wake(Poll.IN | Poll.RDNORM);
  }

  writable(): void {
    this.wake(Poll.OUT | Poll.WRNORM);
  }

  acceptable(): void {
    this.wake(Poll.IN | Poll.RDNORM);
  }

  peerClosed(): void {
    this.wake(Poll.IN | Poll.RDNORM | Poll.RDHUP | Poll.HUP);
  }

  urgent(): void {
    this.wake(Poll.PRI);
  }

  failed(_errno: number): void {
    this.wake(Poll.ERR | Poll.HUP | Poll.IN | Poll.OUT | Poll.RDNORM | Poll.WRNORM | Poll.RDHUP);
  }

  // Naming.

  /** bind(2) with the address's bytes. */
  bind(address: Uint8Array): number {
    const result = parseSockaddr(address, parsed);
    if (this.isV4) {
      if (result === -Errno.EINVAL || address.length < 16) return -Errno.EINVAL;
      if (parsed.family !== AF.INET) {
        // Linux: AF_UNSPEC is taken for AF_INET only with INADDR_ANY (inet_bind_sk).
        const any = parsed.family === AF.UNSPEC && new DataView(address.buffer, address.byteOffset).getInt32(4) === 0;
        if (!any) return -Errno.EAFNOSUPPORT;
        parsed.address = ANY4;
        parsed.port = new DataView(address.buffer, address.byteOffset).getUint16(2);
      }
    } else {
      if (address.length < 24) return -Errno.EINVAL;
      if (parsed.family !== AF.INET6) return -Errno.EAFNOSUPPORT;
      if (result < 0) return result;
      const { boundDevice, v6Only } = this.endpoint.settledOptions;
      if (parsed.address.isV4 && v6Only) return -Errno.EINVAL;
      if (parsed.address.needsScope) {
        if (parsed.scopeId === 0 && boundDevice === null) return -Errno.EINVAL;
        if (this.tcp !== null && parsed.address.isMulticast) return -Errno.EINVAL;
        if (parsed.scopeId !== 0 && this.stack.network.deviceAt(parsed.scopeId) === null) return -Errno.ENODEV;
      }
    }
    const bound = this.endpoint.bind(parsed.address, parsed.port, parsed.scopeId);
    // An IPv6 address of its own makes a socket IPv6 only, IPV6_V6ONLY included (__inet6_bind).
    if (bound === 0 && !parsed.address.isV4 && !parsed.address.isUnspecified) this.endpoint.options.v6Only = true;
    return bound;
  }

  /** getsockname(2). */
  localName(): Uint8Array {
    const endpoint = this.endpoint;
    return sockaddrBytes(this.isV4, endpoint.localAddress, endpoint.localPort, linkScope(endpoint.localAddress, endpoint.scopeId));
  }

  /** getpeername(2): the bytes, or a negative errno. */
  peerName(): Uint8Array | number {
    const endpoint = this.endpoint;
    if (endpoint.remoteAddress === null || endpoint.remotePort === 0) return -Errno.ENOTCONN;
    if (this.tcp !== null && (this.tcp.state === TcpState.Closed || this.tcp.state === TcpState.SynSent)) return -Errno.ENOTCONN;
    return this.remoteName();
  }

  /** Who is, or was, at the other end: accept(2) tells it of a connection that has been reset too (inet_getname). */
  remoteName(): Uint8Array {
    const { remoteAddress, remotePort, scopeId } = this.endpoint;
    const address = remoteAddress as IpAddress;
    return sockaddrBytes(this.isV4, address, remotePort, linkScope(address, scopeId));
  }

  // Connecting.

  /** connect(2), first half: 0, -EINPROGRESS (wait for `connectResult`), or an error. */
  connect(address: Uint8Array): number {
    if (address.length < 2) return -Errno.EINVAL;
    if (sockaddrFamily(address) === AF.UNSPEC) {
      this.connectState = ConnectState.Unconnected;
      if (this.tcp === null) return (this.udp as UdpEndpoint).disconnect();
      this.disconnect(this.tcp);
      return 0;
    }
    if (this.tcp !== null) {
      if (this.connectState === ConnectState.Connected) return -Errno.EISCONN;
      if (this.connectState === ConnectState.Connecting) return this.connectResult(-Errno.EALREADY);
      if (this.connectState === ConnectState.Disconnecting) return -Errno.EINVAL;
      if (this.tcp.state !== TcpState.Closed) return -Errno.EISCONN;
    }
    const bad = this.parsePeer(address);
    if (bad < 0) return bad;
    const result = this.endpoint.connect(parsed.address, parsed.port, parsed.scopeId);
    if (this.tcp === null) return result;
    if (result === -Errno.EINPROGRESS) this.connectState = ConnectState.Connecting;
    return result;
  }

  /** connect(2), second half: `waiting` while the handshake goes on, else 0 or why it failed. */
  connectResult(waiting: number): number {
    const tcp = this.tcp as TcpEndpoint;
    if (tcp.state === TcpState.SynSent || tcp.state === TcpState.SynReceived) return waiting;
    if (tcp.state === TcpState.Closed) {
      this.connectState = ConnectState.Unconnected;
      const errno = tcp.takeError();
      // Whoever hears of the failure here gets a socket as good as new (__inet_stream_connect).
      this.disconnect(tcp);
      return errno === 0 ? -Errno.ECONNABORTED : -errno;
    }
    this.connectState = ConnectState.Connected;
    return 0;
  }

  /** Whoever else waits on the socket hears of it too. */
  private disconnect(tcp: TcpEndpoint): void {
    tcp.disconnect();
    this.wake(DISCONNECTED | Poll.ERR | Poll.HUP | Poll.IN | Poll.OUT);
  }

  private parsePeer(address: Uint8Array): number {
    const result = parseSockaddr(address, parsed);
    if (this.isV4) {
      if (address.length < 16) return -Errno.EINVAL;
      if (parsed.family !== AF.INET) return -Errno.EAFNOSUPPORT;
    } else {
      if (this.tcp === null && parsed.family === AF.INET && result === 0) {
        // A datagram socket of AF_INET6 takes an AF_INET address too (udpv6_sendmsg, __ip6_datagram_connect).
        if (this.endpoint.settledOptions.v6Only) return -Errno.EAFNOSUPPORT;
        return 0;
      }
      if (address.length < 24) return -Errno.EINVAL;
      if (parsed.family !== AF.INET6) return -Errno.EAFNOSUPPORT;
    }
    if (result < 0) return result;
    // RFC 1122 and Linux: connecting to "any" means this host.
    if (parsed.address.isUnspecified) parsed.address = parsed.address.isV4 ? LOOPBACK4 : LOOPBACK6;
    if (!this.isV4 && parsed.address.isV4 && this.endpoint.settledOptions.v6Only) return -Errno.ENETUNREACH;
    return 0;
  }

  // Listening.

  /** listen(2). */
  listen(backlog: number): number {
    if (this.tcp === null) return -Errno.EOPNOTSUPP;
    if (this.connectState !== ConnectState.Unconnected) return -Errno.EINVAL;
    return this.tcp.listen(backlog);
  }

  /** accept(2): a connected socket, or a negative errno. */
  accept(): Socket | number {
    const tcp = this.tcp;
    if (tcp === null) return -Errno.EOPNOTSUPP;
    if (tcp.state !== TcpState.Listen) return -Errno.EINVAL;
    const child = tcp.accept();
    if (child === null) return -Errno.EAGAIN;
    const socket = new Socket(this.stack, this.family, this.type, this.protocol, child, null);
    socket.connectState = ConnectState.Connected;
    return socket;
  }

  // Moving data.

  receive(to: Uint8Array, at: number, length: number, flags: number, result: ReceiveResult): number {
    return this.tcp !== null
      ? this.tcp.receive(to, at, length, flags, result)
      : (this.udp as UdpEndpoint).receive(to, at, length, flags, result);
  }

  send(from: Uint8Array, at: number, length: number, flags: number): number {
    return this.tcp !== null
      ? this.tcp.send(from, at, length, flags)
      : (this.udp as UdpEndpoint).send(from, at, length, flags);
  }

  /** sendto(2) with an address. A stream that is connected ignores it, as Linux does. */
  sendTo(from: Uint8Array, at: number, length: number, flags: number, address: Uint8Array): number {
    if (this.tcp !== null) return this.tcp.send(from, at, length, flags);
    const udp = this.udp as UdpEndpoint;
    if (sockaddrFamily(address) === AF.UNSPEC && address.length >= 2) {
      // Linux: AF_INET takes it for AF_INET, AF_INET6 for "no address" (udp_sendmsg, udpv6_sendmsg).
      if (!this.isV4) return udp.send(from, at, length, flags);
      if (address.length < 16) return -Errno.EINVAL;
      const view = new DataView(address.buffer, address.byteOffset);
      return udp.sendTo(from, at, length, flags, IpAddress.fromV4(view.getInt32(4)), view.getUint16(2), 0);
    }
    const bad = this.parsePeer(address);
    // sendto(2) words a wrong family otherwise than connect(2) does (udpv6_sendmsg).
    if (bad < 0) return bad === -Errno.EAFNOSUPPORT && !this.isV4 && parsed.family !== AF.INET ? -Errno.EINVAL : bad;
    return udp.sendTo(from, at, length, flags, parsed.address, parsed.port, parsed.scopeId);
  }

  shutdown(how: number): number {
    if (how !== Shut.RD && how !== Shut.WR && how !== Shut.RDWR) return -Errno.EINVAL;
    if (this.connectState === ConnectState.Connecting) this.settleConnect(this.tcp as TcpEndpoint);
    const result = this.endpoint.shutdown(how);
    if (result === 0 || result === -Errno.ENOTCONN) this.wake(Poll.IN | Poll.OUT | Poll.HUP | Poll.RDHUP);
    return result;
  }

  /** What shutdown(2) makes of a connect(2) that nobody has asked about again (inet_shutdown). */
  private settleConnect({ state }: TcpEndpoint): void {
    // In SYN-SENT the endpoint is disconnected, and as good as new.
    if (state === TcpState.SynSent) this.connectState = ConnectState.Unconnected;
    else if (state === TcpState.SynReceived || state === TcpState.Closed) this.connectState = ConnectState.Disconnecting;
    else this.connectState = ConnectState.Connected;
  }

  /** sockatmark(3): is the next byte the urgent one? */
  atMark(): number {
    return this.tcp === null ? -Errno.ENOTTY : this.tcp.atUrgentMark() ? 1 : 0;
  }

  // FileOperations.

  private static readonly ignored: ReceiveResult = {
    flags: 0, datagramLen: 0, address: null, port: 0, scopeId: 0, interfaceIndex: 0, destination: null, ttl: 0, tos: 0,
  };

  read(to: Uint8Array, at: number, length: number): number {
    return this.receive(to, at, length, 0, Socket.ignored);
  }

  write(from: Uint8Array, at: number, length: number): number {
    return this.send(from, at, length, 0);
  }

  readiness(): number {
    return this.endpoint.readiness();
  }

  control(request: number): number {
    switch (request) {
      case IOCTL.FIONREAD:
        if (this.tcp !== null) return this.tcp.state === TcpState.Listen ? -Errno.EINVAL : this.tcp.inqBytes;
        return (this.udp as UdpEndpoint).nextDatagramLength;
      case IOCTL.SIOCOUTQ:
        if (this.tcp !== null) return this.tcp.state === TcpState.Listen ? -Errno.EINVAL : this.tcp.outqBytes;
        return (this.udp as UdpEndpoint).outqBytes;
      case IOCTL.SIOCATMARK:
        return this.atMark();
      default:
        return -Errno.ENOTTY;
    }
  }

  /** The last reference is gone. A lingering close has called `endpoint.close` before. */
  release(): void {
    this.endpoint.close();
  }
}

function linkScope(address: IpAddress, scopeId: number): number {
  return address.needsScope ? scopeId : 0;
}

/** What socket(2) checks before anything is made: the protocol to use, or a negative errno, as Linux's order has it. */
export function resolveProtocol(family: number, type: number, protocol: number): number {
  if (family < 0 || family >= AF.MAX) return -Errno.EAFNOSUPPORT;
  if (type < 0 || type > 10) return -Errno.EINVAL;
  if (family !== AF.INET && family !== AF.INET6) return -Errno.EAFNOSUPPORT;
  if (protocol < 0 || protocol >= 263) return -Errno.EINVAL;
  if (type === SOCK.STREAM) {
    if (protocol === 0 || protocol === IPPROTO.TCP) return IPPROTO.TCP;
    return -Errno.EPROTONOSUPPORT;
  }
  if (type === SOCK.DGRAM) {
    if (protocol === 0 || protocol === IPPROTO.UDP) return IPPROTO.UDP;
    // Ping sockets: `net.ipv4.ping_group_range` admits nobody by default.
    if (protocol === (family === AF.INET ? IPPROTO.ICMP : IPPROTO.ICMPV6)) return -Errno.EACCES;
    return -Errno.EPROTONOSUPPORT;
  }
  if (type === SOCK.RAW) return -Errno.EPROTONOSUPPORT;
  return -Errno.ESOCKTNOSUPPORT;
}
