/**
 * A raw endpoint: whole packets of one protocol in, payloads or whole packets out (net/ipv4/raw.c, net/ipv6/raw.c; raw(7),
 * RFC 3542 section 3). Over IPv4 the IP header belongs to what is received; over IPv6 it does not.
 */
import { pseudoHeaderSum6 } from '../../base/checksum.ts';
import { Errno } from '../../base/errno.ts';
import type { IpAddress } from '../../base/inet-address.ts';
import type { HostContext } from '../../base/host-context.ts';
import { ChecksumState, type Packet, takePacket } from '../../link/packet.ts';
import { packetSum } from '../../link/packet-checksum.ts';
import { completeChecksum } from '../../link/segment.ts';
import { type Destination, DestinationKind } from '../../net/destination.ts';
import type { Network } from '../../net/network.ts';
import type { IcmpErrorReport } from '../../net/transport-input.ts';
import { completeIpv4Checksum, IPV4_HEADER_LEN, IpProto } from '../../wire/ipv4.ts';
import { IPV6_HEADER_LEN } from '../../wire/ipv6.ts';
import { boundSource, carriesDf, chosenDevice, datagramTruesize, mustNotFragment, ownSource, sourceAddress } from '../datagram.ts';
import { DatagramEndpoint } from '../datagram-endpoint.ts';
import { type Endpoint, Msg, type ReceiveResult } from '../endpoint.ts';
import { queuedIcmpError } from '../error-queue.ts';
import { mayBindHere } from '../may-bind.ts';
import { extrasOf, markPacket, type SendChoices } from '../send-choices.ts';
import { Tell } from '../tell.ts';
import { tellOf } from '../told.ts';

const MAX_LEN = 65535;
/** Where ICMPv6 has its checksum; the kernel computes it without being asked (RFC 3542 section 3.1). */
const ICMP6_CHECKSUM_AT = 2;
const SOURCE_AT = 12, TOTAL_LENGTH_AT = 2, ID_AT = 4;

/** The table that an endpoint is in: raw sockets', or ping sockets'. */
export interface RawTable {
  readonly context: HostContext;
  readonly network: Network;
  /** The endpoint hears nothing any more. */
  remove(endpoint: RawEndpoint): void;
}

export class RawEndpoint extends DatagramEndpoint implements Endpoint {
  readonly protocol: number;
  next: RawEndpoint | null = null;
  /** IP_HDRINCL: what is sent begins with its IPv4 header. */
  headerIncluded: boolean;
  /** Types of ICMP messages that it does not want: ICMP_FILTER's 32 bits, ICMP6_FILTER's 256. */
  readonly blockedTypes: Int32Array;
  /** IPV6_CHECKSUM: where the checksum is that the kernel computes and verifies; -1 for none. */
  checksumAt: number;
  protected readonly raw: RawTable;
  /** Does what is received begin with its IP header? */
  protected givesHeader: boolean;

  constructor(raw: RawTable, isV4: boolean, protocol: number) {
    super(raw.context, isV4);
    this.raw = raw;
    this.protocol = protocol;
    // The protocol stands where others have their port.
    this.localPort = protocol;
    this.givesHeader = isV4;
    this.headerIncluded = isV4 && protocol === IpProto.Raw;
    this.blockedTypes = new Int32Array(isV4 ? 1 : 8);
    this.checksumAt = !isV4 && protocol === IpProto.Icmp6 ? ICMP6_CHECKSUM_AT : -1;
    // Raw sockets share everything (INET_PROTOSW_REUSE).
    this.options.reuseAddress = true;
  }

  // Naming.

  /** As often as one likes, until it is connected. There are no ports. */
  bind(address: IpAddress, _port: number, scopeId: number): number {
    if (this.remoteAddress !== null) return -Errno.EINVAL;
    const { network, context } = this.raw;
    const isForMany = address.isMulticast || address.isBroadcast;
    if (!isForMany && !mayBindHere(network, context.settings, this.options, address)) return -Errno.EADDRNOTAVAIL;
    this.localAddress = address;
    this.addressFromConnect = false;
    this.scopeId = scopeId;
    return 0;
  }

  connect(address: IpAddress, port: number, scopeId: number): number {
    const scope = scopeId !== 0 ? scopeId : this.scopeId;
    if (address.needsScope && scope === 0 && this.options.boundDevice === null) return -Errno.EINVAL;
    const route = this.route(address, scope, this.options.dontRoute, null);
    if (route === null) return -this.raw.network.lookupErrno;
    if (route.kind === DestinationKind.Broadcast && !this.options.broadcast) return -Errno.EACCES;
    if (this.localAddress.isUnspecified || this.addressFromConnect) {
      this.localAddress = route.source;
      this.addressFromConnect = true;
    }
    this.remoteAddress = address;
    this.remotePort = port;
    this.scopeId = scope;
    return 0;
  }

  /** connect(2) with AF_UNSPEC. Linux takes it from its table, and it never hears anything again (__udp_disconnect). */
  disconnect(): number {
    this.forgetPeer();
    this.raw.remove(this);
    this.localPort = 0;
    return 0;
  }

  protected route(to: IpAddress, scopeId: number, onLink: boolean, choices: SendChoices | null): Destination | null {
    const { network } = this.raw;
    const local = boundSource(network, this.options, ownSource(this.options, this.localAddress, to));
    const own = chosenDevice(network, this.options, to, scopeId);
    return network.lookupToSend(to, choices?.source ?? local, choices?.device ?? own, onLink);
  }

  // Sending.

  send(from: Uint8Array, at: number, length: number, flags: number, choices: SendChoices | null = null): number {
    const { remoteAddress } = this;
    if (length > MAX_LEN) return -Errno.EMSGSIZE;
    if ((flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
    if (remoteAddress === null) return -Errno.EDESTADDRREQ;
    return this.sendTo(from, at, length, flags, remoteAddress, this.protocol, this.scopeId, choices);
  }

  /** `protocol` is the one that the packet says it is: another than the endpoint's with IPPROTO_RAW over IPv6. */
  sendTo(
    from: Uint8Array, at: number, length: number, flags: number, to: IpAddress, protocol: number, scopeId: number,
    choices: SendChoices | null,
  ): number {
    if (length > MAX_LEN) return -Errno.EMSGSIZE;
    if ((flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
    if (choices !== null && choices.error !== 0) return choices.error;
    const { network, context } = this.raw;
    const { options } = this;
    const onLink = options.dontRoute || (flags & Msg.DONTROUTE) !== 0;
    const route = this.route(to, scopeId !== 0 ? scopeId : this.scopeId, onLink, choices);
    if (route === null) return -network.lookupErrno;
    if (route.kind === DestinationKind.Broadcast && !options.broadcast) return -Errno.EACCES;
    if (this.headerIncluded && length > route.device.mtuBytes) return this.refuseTooLong(to, this.isV4, this.remotePort, route.device.mtuBytes);
    if (this.headerIncluded && length < (this.isV4 ? IPV4_HEADER_LEN : IPV6_HEADER_LEN)) return -Errno.EINVAL;
    if (this.checksumAt >= length - 1 && this.checksumAt >= 0) return -Errno.EINVAL;
    const sourceByDefault = this.localAddress.isUnspecified || this.localAddress.isMulticast ? route.source : this.localAddress;
    const source = choices?.source ?? sourceByDefault;
    if (this.headerIncluded) {
      if (this.error !== 0) return -this.takeError();
      if ((this.shut & 2) !== 0) return -Errno.EPIPE;
      if (this.sendQueued >= options.sendBufferBytes) return this.noRoom();
      if (this.memory.refusesToSend(this.sendQueued, length)) return -Errno.ENOBUFS;
      return this.isV4 ? this.sendWhole(from, at, length, route, source) : this.sendWhole6(from, at, length, route);
    }
    const full = this.roomFor();
    if (full < 0) return full;
    if (this.memory.refusesToSend(this.sendQueued, length)) return -Errno.ENOBUFS;
    const p = takePacket();
    p.addBytes(from, at, length, context.writer);
    this.complete(p, source, to, protocol);
    const isGroup = route.kind === DestinationKind.Multicast;
    this.own(p, length, isGroup);
    const ttl = choices !== null && choices.ttl >= 0 ? choices.ttl : !isGroup ? options.ttl : to.isV4 ? options.multicast.ttl : options.multicast.hops;
    const tos = choices !== null && choices.tos >= 0 ? choices.tos : to.isV4 ? options.tos : options.trafficClass;
    const extras = extrasOf(options, choices);
    let whole = mustNotFragment(options, to.isV4) || (choices !== null && choices.dontFragment);
    if (to.isV4) {
      network.refreshPathMtu(route);
      whole = carriesDf(options, route, p.length + IPV4_HEADER_LEN + (extras === null ? 0 : extras.ipOptions.length));
    }
    markPacket(p, options, choices);
    const result = network.outputWith(p, route, source, to, protocol, ttl, tos, whole, extras);
    if (result === -Errno.EMSGSIZE) {
      // Over IPv6 an ICMP message's type and code stand where others have a port (struct flowi_uli).
      const word = protocol === IpProto.Icmp6 && length > 1 ? ((from[at] as number) << 8) | (from[at + 1] as number) : 0;
      return this.refuseTooLong(to, this.isV4, this.isV4 ? this.remotePort : word, route.mtuBytes);
    }
    return result < 0 ? this.refused(result, length, to.isV4) : length;
  }

  /** Without a header nobody waits for room, and neither errors nor SHUT_WR count (__ip_append_data, sock_wmalloc). */
  protected roomFor(): number {
    return this.sendQueued > 2 * this.options.sendBufferBytes ? -Errno.ENOBUFS : 0;
  }

  /** The kernel's part of the payload: IPV6_CHECKSUM, over the pseudo-header and all of it (RFC 3542 section 3.1). */
  protected complete(p: Packet, source: IpAddress, to: IpAddress, protocol: number): void {
    if (this.checksumAt < 0) return;
    p.pull(Math.min(p.length, this.checksumAt + 2));
    const { view, head } = p;
    view.setUint16(head + this.checksumAt, 0);
    const pseudo = pseudoHeaderSum6(source.a, source.b, source.c, source.d, to.a, to.b, to.c, to.d, protocol, p.length);
    const checksum = ~packetSum(p, head, pseudo) & 0xffff;
    view.setUint16(head + this.checksumAt, checksum === 0 ? 0xffff : checksum);
  }

  /** The packet takes room of the send buffer until it has left. */
  protected own(p: Packet, length: number, isGroup: boolean): void {
    p.owner = this;
    p.truesize = datagramTruesize(length, this.isV4);
    this.sendQueued += p.truesize;
    this.memory.sent(p.truesize);
    const { loops, loops6 } = this.options.multicast;
    p.staysOut = isGroup && !(this.isV4 ? loops : loops6);
  }

  /** raw_send_hdrinc: the kernel fills in the length, the checksum, and source and identification when they are 0. */
  private sendWhole(from: Uint8Array, at: number, length: number, route: Destination, source: IpAddress): number {
    const { context, network } = this.raw;
    const headerLen = ((from[at] as number) & 0xf) << 2;
    if (headerLen > length) return -Errno.EINVAL;
    const inHead = Math.max(headerLen, IPV4_HEADER_LEN);
    const p = takePacket();
    const head = p.put(inHead);
    p.bytes.set(from.subarray(at, at + inHead), head);
    p.addBytes(from, at + inHead, length - inHead, context.writer);
    if (headerLen >= IPV4_HEADER_LEN) {
      if (p.view.getInt32(head + SOURCE_AT) === 0) p.view.setInt32(head + SOURCE_AT, source.d);
      p.view.setUint16(head + TOTAL_LENGTH_AT, length);
      if (p.view.getUint16(head + ID_AT) === 0) p.view.setUint16(head + ID_AT, network.ipv4Out.takeId());
      completeIpv4Checksum(p.view, head, headerLen);
    }
    this.own(p, length, route.kind === DestinationKind.Multicast);
    const result = network.ipv4Out.outputWhole(p, route);
    return result < 0 ? this.refused(result, length, true) : length;
  }

  /** rawv6_send_hdrinc: everything is the program's. */
  private sendWhole6(from: Uint8Array, at: number, length: number, route: Destination): number {
    const { context, network } = this.raw;
    const p = takePacket();
    const head = p.put(IPV6_HEADER_LEN);
    p.bytes.set(from.subarray(at, at + IPV6_HEADER_LEN), head);
    p.addBytes(from, at + IPV6_HEADER_LEN, length - IPV6_HEADER_LEN, context.writer);
    this.own(p, length, route.kind === DestinationKind.Multicast);
    const result = network.ipv6Out.outputWhole(p, route);
    return result < 0 ? this.refused(result, length, false) : length;
  }

  // Receiving.

  /** raw_v4_match, raw_v6_match. */
  matches(p: Packet): boolean {
    if (p.isV4 !== this.isV4) return false;
    const { remoteAddress: remote, localAddress: local } = this;
    const { boundDevice } = this.options;
    if (remote !== null && !remote.is(p.srcA, p.srcB, p.srcC, p.srcD)) return false;
    if (boundDevice !== null && boundDevice !== p.device) return false;
    if (local.isUnspecified || local.is(p.dstA, p.dstB, p.dstC, p.dstD)) return true;
    // Over IPv6 a socket with an address of its own hears its groups besides.
    return !this.isV4 && p.dstA >>> 24 === 0xff && this.hearsGroup(p, this.options.multicast.hearsAll6);
  }

  /** IPv4's source filters, and which groups it hears (raw_v4_input). IPv6 asks in `matches` alone, as Linux does. */
  hears(p: Packet): boolean {
    return !this.isV4 || p.dstD >>> 28 !== 0xe || this.hearsGroup(p, this.options.multicast.hearsAll);
  }

  private hearsGroup(p: Packet, byDefault: boolean): boolean {
    return this.memberships === null ? byDefault : this.memberships.hears(p, byDefault);
  }

  /** ICMP_FILTER, ICMP6_FILTER: does it want messages of this type? */
  passes(p: Packet): boolean {
    if (p.protocol !== (this.isV4 ? IpProto.Icmp : IpProto.Icmp6) || !p.pull(1)) return true;
    const type = p.bytes[p.head] as number;
    if (this.isV4 && type > 31) return true;
    return ((this.blockedTypes[type >> 5] as number) & (1 << (type & 31))) === 0;
  }

  /** Queues a copy, from its IPv4 header on. Borrows `p`. */
  deliver(p: Packet): void {
    if (this.receiveQueued >= this.options.receiveBufferBytes || this.memory.refuses(this.receiveQueued)) {
      this.drops++;
      return;
    }
    const { head } = p;
    if (p.checksumState === ChecksumState.Partial) completeChecksum(p);
    if (this.givesHeader) p.head = p.l3;
    const copy = p.clone();
    p.head = head;
    if (this.checksumAt >= 0 && !this.isSound(copy)) {
      this.drops++;
      copy.release();
      return;
    }
    copy.keepRanges(this.raw.context.keeper);
    copy.truesize = datagramTruesize(copy.length, this.isV4);
    copy.order = this.drops;
    copy.dueAt = (this.options.tell & Tell.Time) !== 0 ? this.raw.context.loop.now : 0;
    this.queue(copy);
  }

  protected isSound(p: Packet): boolean {
    if (p.checksumState === ChecksumState.Verified) return true;
    const pseudo = pseudoHeaderSum6(p.srcA, p.srcB, p.srcC, p.srcD, p.dstA, p.dstB, p.dstC, p.dstD, p.protocol, p.length);
    return packetSum(p, p.head, pseudo) === 0xffff;
  }

  receive(to: Uint8Array, at: number, length: number, flags: number, result: ReceiveResult): number {
    result.flags = 0;
    if ((flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
    if ((flags & Msg.ERRQUEUE) !== 0) return this.receiveError(to, at, length, result);
    if (this.error !== 0) return -this.takeError();
    const p = this.first;
    if (p === null) return -Errno.EAGAIN;
    const whole = p.length;
    const n = p.copyOut(0, to, at, Math.min(length, whole));
    result.datagramLen = whole;
    if (n < whole) result.flags |= Msg.TRUNC;
    result.address = sourceAddress(p, result.address);
    result.port = 0;
    result.scopeId = result.address.isLinkLocal && !p.isV4 && p.device !== null ? p.device.index : 0;
    result.told = this.options.tell & ~Tell.PathMtu6;
    if (result.told !== 0) tellOf(this.raw.network, p, portOf(p), result);
    if ((flags & Msg.PEEK) === 0) this.takeFirst(p);
    return (flags & Msg.TRUNC) !== 0 ? whole : n;
  }

  // Errors and the end.

  /** raw_err, rawv6_err: connected ones hear of hard errors, all with IP_RECVERR or IPV6_RECVERR. */
  icmpError(report: IcmpErrorReport): void {
    const { remoteAddress: remote, localAddress: local } = this;
    if (report.isV4 !== this.isV4) return;
    if (remote === null) {
      if (!this.wantsErrors(this.isV4)) return;
    } else if (!remote.is(report.remoteA, report.remoteB, report.remoteC, report.remoteD)) {
      return;
    }
    if (!local.isUnspecified && !local.is(report.localA, report.localB, report.localC, report.localD)) return;
    const isHard = report.mtuBytes > 0 ? this.minds(report) : report.fatal;
    const quotedFrom = this.headerIncluded ? report.networkAt - report.at : 0;
    this.heard(report, isHard, quotedFrom);
  }

  /** Is "too long" an error here? Over IPv6 only for who forbids fragments. */
  private minds({ isV4 }: IcmpErrorReport): boolean {
    return isV4 ? this.options.mtuDiscover !== 0 : this.options.mtuDiscover6 === 2;
  }

  /** `skip`: where the quoted bytes begin that the reader gets, counted from the transport header. */
  protected heard(report: IcmpErrorReport, isHard: boolean, skip: number): void {
    if (this.wantsErrors(this.isV4)) this.queueError(queuedIcmpError(report, skip, 0, datagramTruesize(report.packet.length, report.isV4)));
    else if (!isHard) return;
    this.error = report.errno;
    if (this.upcalls !== null) this.upcalls.failed(report.errno);
  }

  close(): void {
    this.raw.remove(this);
    this.letGoOfQueues();
  }
}

/** IP_ORIGDSTADDR takes the third and fourth byte for a port, whatever the protocol (ip_cmsg_recv_dstaddr). */
function portOf(p: Packet): number {
  return p.headEnd - p.l4 >= 4 ? p.view.getUint16(p.l4 + 2) : 0;
}
