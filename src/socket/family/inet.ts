/**
 * What all sockets of AF_INET and AF_INET6 share (TCP, UDP, raw, ping): addresses, names, and the upcalls of their endpoint.
 *
 * Called by kernel/; calls transport endpoints. Read transport/endpoint.ts first.
 */
import { Capability } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { ANY4, type IpAddress, LOOPBACK4, LOOPBACK6 } from '../../base/inet-address.ts';
import { Poll, SILENT } from '../../base/wait-queue.ts';
import { type Endpoint, type EndpointOptions, type EndpointUpcalls, Shut } from '../../transport/endpoint.ts';
import type { Memberships } from '../../transport/memberships.ts';
import type { Caller } from '../caller.ts';
import { mayBindHere } from '../../transport/may-bind.ts';
import { AF, SOCK } from '../constants.ts';
import { ParsedSockaddr, parseSockaddr, sockaddrBytes } from '../sockaddr.ts';
import { Socket } from '../socket.ts';
import { getInetOption, setInetOption } from './inet-options.ts';
import { getTold, setTold } from './inet-tell-options.ts';

/** Re-filled by every call that takes an address; none keeps it. */
export const parsed = new ParsedSockaddr();

export abstract class InetSocket extends Socket implements EndpointUpcalls {
  abstract readonly endpoint: Endpoint;
  private memberships: Memberships | null = null;

  get isV4(): boolean {
    return this.family === AF.INET;
  }

  get options(): EndpointOptions {
    return this.endpoint.options;
  }

  get settledOptions(): EndpointOptions {
    return this.endpoint.settledOptions;
  }

  /** The groups that this socket has joined, to join more. */
  get groups(): Memberships {
    this.memberships ??= this.stack.newMemberships();
    this.membershipsMade(this.memberships);
    return this.memberships;
  }

  /** The endpoint delivers by them. */
  protected membershipsMade(_memberships: Memberships): void {}

  takeError(): number {
    return this.endpoint.takeError();
  }

  override memory(): number[] {
    return this.endpoint.memoryUse();
  }

  override keepError(errno: number): void {
    this.endpoint.keepError(errno);
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

  roomier(): void {
    this.wake(Poll.OUT | Poll.WRNORM | Poll.WRBAND | SILENT);
  }

  acceptable(): void {
    this.wake(Poll.IN | Poll.RDNORM);
  }

  peerClosed(): void {
    // POLL_HUP is for both directions (tcp_fin).
    this.wake(Poll.IN | Poll.RDNORM | Poll.RDHUP | (this.readiness() & Poll.HUP));
  }

  urgent(): void {
    this.wake(Poll.PRI);
  }

  failed(_errno: number): void {
    this.wake(Poll.ERR | Poll.HUP | Poll.IN | Poll.OUT | Poll.RDNORM | Poll.WRNORM | Poll.RDHUP);
  }

  // Naming.

  /** bind(2) with the address's bytes. */
  bind(address: Uint8Array, caller: Caller): number {
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
        if (this.type === SOCK.STREAM && parsed.address.isMulticast) return -Errno.EINVAL;
        if (parsed.scopeId !== 0 && this.stack.deviceAt(parsed.scopeId) === null) return -Errno.ENODEV;
      }
    }
    // AF_INET looks at the address first, AF_INET6 at the port and at what is bound already (__inet_bind, __inet6_bind).
    if (this.isV4 && !this.mayBind(parsed.address)) return -Errno.EADDRNOTAVAIL;
    if (this.isReserved(parsed.port) && !caller.credentials.has(Capability.NET_BIND_SERVICE)) return -Errno.EACCES;
    const bound = this.endpoint.bind(parsed.address, parsed.port, parsed.scopeId);
    // An IPv6 address of its own makes a socket IPv6 only, IPV6_V6ONLY included (__inet6_bind).
    if (bound === 0 && !parsed.address.isV4 && !parsed.address.isUnspecified) this.endpoint.options.v6Only = true;
    return bound;
  }

  /** Is this a port that only CAP_NET_BIND_SERVICE may bind (inet_port_requires_bind_service)? */
  private isReserved(port: number): boolean {
    return port !== 0 && port < this.stack.settings.ipUnprivilegedPortStart;
  }

  protected mayBind(address: IpAddress): boolean {
    const { stack } = this;
    return address.isMulticast || address.isBroadcast || mayBindHere(stack, stack.settings, this.endpoint.settledOptions, address);
  }

  shutdown(how: number): number {
    if (how !== Shut.RD && how !== Shut.WR && how !== Shut.RDWR) return -Errno.EINVAL;
    const result = this.endpoint.shutdown(how);
    if (result === 0 || result === -Errno.ENOTCONN) this.wake(Poll.IN | Poll.OUT | Poll.HUP | Poll.RDHUP | SILENT);
    return result;
  }

  /** getsockname(2). */
  localName(): Uint8Array {
    const endpoint = this.endpoint;
    return sockaddrBytes(this.isV4, endpoint.localAddress, endpoint.localPort, linkScope(endpoint.localAddress, endpoint.scopeId));
  }

  /** Who is, or was, at the other end: accept(2) tells it of a connection that has been reset too (inet_getname). */
  override remoteName(): Uint8Array {
    const { remoteAddress, remotePort, scopeId } = this.endpoint;
    const address = remoteAddress as IpAddress;
    return sockaddrBytes(this.isV4, address, remotePort, linkScope(address, scopeId));
  }

  // Connecting.

  /** Reads a peer's address into `parsed`: 0 or a negative errno. */
  protected parsePeer(address: Uint8Array): number {
    const result = parseSockaddr(address, parsed);
    if (this.isV4) {
      if (address.length < 16) return -Errno.EINVAL;
      if (parsed.family !== AF.INET) return -Errno.EAFNOSUPPORT;
    } else {
      if (this.type === SOCK.DGRAM && parsed.family === AF.INET && result === 0) {
        // A datagram socket of AF_INET6 takes an AF_INET address too (udpv6_sendmsg, __ip6_datagram_connect).
        if (this.endpoint.settledOptions.v6Only) return -Errno.EAFNOSUPPORT;
      } else {
        if (address.length < 24) return -Errno.EINVAL;
        if (parsed.family !== AF.INET6) return -Errno.EAFNOSUPPORT;
      }
    }
    if (result < 0) return result;
    // RFC 1122 and Linux: connecting to "any" means this host, by IPv4 where the socket's own address is one.
    if (parsed.address.isUnspecified) {
      const { localAddress: own } = this.endpoint;
      // IPv4 means the socket's own address then, where it has one (ip_route_output_key_hash_rcu).
      if (!parsed.address.isV4 && !own.isV4) parsed.address = LOOPBACK6;
      else parsed.address = parsed.address.isV4 && own.isV4 && !own.isUnspecified && !own.isMulticast ? own : LOOPBACK4;
    }
    if (!this.isV4 && parsed.address.isV4 && this.endpoint.settledOptions.v6Only) return -Errno.ENETUNREACH;
    return 0;
  }

  // Options.

  override getSocketOption(option: number, length: number): Uint8Array | number | null {
    return getTold(this.settledOptions, option, length);
  }

  override setSocketOption(option: number, value: number): number | null {
    return setTold(this.options, option, value !== 0);
  }

  getLevelOption(level: number, option: number, length: number, given: Uint8Array): Uint8Array | number {
    return getInetOption(this, level, option, length, given);
  }

  setLevelOption(level: number, option: number, value: Uint8Array, caller: Caller): number {
    return setInetOption(this, level, option, value, caller);
  }

  /** Nobody wants to read errors any more (MSG_ERRQUEUE). */
  forgetErrors(): void {}

  /** IPPROTO_TCP's or IPPROTO_UDP's options; null when `level` is not this socket's own. */
  abstract getTransportOption(level: number, option: number, length: number): Uint8Array | number | null;
  abstract setTransportOption(level: number, option: number, value: Uint8Array): number | null;

  // FileOperations.

  readiness(): number {
    return this.endpoint.readiness();
  }

  release(): void {
    if (this.memberships !== null) this.memberships.clear();
    this.endpoint.close();
  }
}

function linkScope(address: IpAddress, scopeId: number): number {
  return address.needsScope ? scopeId : 0;
}
