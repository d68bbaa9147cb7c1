/**
 * A UDP endpoint: a queue of datagrams in, packets out.
 *
 * Received packets are kept, payload in the head's rest and ranges (small ones in the host's own chunk), and accounted
 * by true size against SO_RCVBUF; sent ones are accounted against SO_SNDBUF until they have left the card (`released`).
 */
import { pseudoHeaderSum4, pseudoHeaderSum6 } from '../../base/checksum.ts';
import { Mib } from '../../base/counters.ts';
import { Errno } from '../../base/errno.ts';
import { type IpAddress, LOOPBACK4, LOOPBACK6 } from '../../base/inet-address.ts';
import { packetSum } from '../../link/packet-checksum.ts';
import { ChecksumState, type Packet, takePacket } from '../../link/packet.ts';
import { type Destination, DestinationKind } from '../../net/destination.ts';
import type { IcmpErrorReport } from '../../net/transport-input.ts';
import { IPV4_HEADER_LEN, IpProto } from '../../wire/ipv4.ts';
import { IPV6_HEADER_LEN } from '../../wire/ipv6.ts';
import { UDP_HEADER_LEN, writeUdpHeader } from '../../wire/udp.ts';
import { boundSource, carriesDf, chosenDevice, datagramTruesize, mustNotFragment, ownSource, sourceAddress } from '../datagram.ts';
import { DatagramEndpoint } from '../datagram-endpoint.ts';
import { type Endpoint, Msg, type ReceiveResult } from '../endpoint.ts';
import { queuedIcmpError } from '../error-queue.ts';
import { PortFlag, type PortHolder } from '../ports.ts';
import { mayBindHere } from '../may-bind.ts';
import { NO_RARE, portRangeOf, rareOf } from '../rare-options.ts';
import { extrasOf, markPacket, type SendChoices } from '../send-choices.ts';
import { Tell } from '../tell.ts';
import { tellOf } from '../told.ts';
import type { Udp } from './udp.ts';

const MAX_PAYLOAD_V4 = 65507;
const MAX_PAYLOAD_V6 = 65527;
const CHECKSUM_OFFSET = 6;
/** UDP_MAX_SEGMENTS: no send becomes more datagrams. */
const MAX_SEGMENTS = 128;
const NO_BYTES = new Uint8Array(0);

interface PathMtuNews {
  readonly to: IpAddress;
  readonly mtuBytes: number;
}

/** What MSG_MORE or UDP_CORK has collected so far, where it will go and how: all of it is the first write's choice. */
interface Pending {
  /** With room for more behind `length`. */
  bytes: Uint8Array;
  length: number;
  readonly to: IpAddress;
  readonly port: number;
  readonly scopeId: number;
  /** MSG_DONTROUTE or 0. */
  readonly flags: number;
  readonly choices: SendChoices | null;
}

export class UdpEndpoint extends DatagramEndpoint implements Endpoint, PortHolder {
  nextHolder: PortHolder | null = null;
  previousHolder: PortHolder | null = null;
  private readonly udp: Udp;
  private destination: Destination | null = null;
  /** IPV6_RECVPATHMTU: where a message was too long to go, and what the way takes; the latest waits to be read. */
  private pathMtuNews: PathMtuNews | null = null;
  private portFromBind = false;
  private cork = false;
  private pending: Pending | null = null;
  /** What `pending` takes of the send buffer. */
  private pendingTruesize = 0;
  /** What was collected goes out: it has its room already. */
  private isFlushing = false;

  constructor(udp: Udp, isV4: boolean) {
    super(udp.context, isV4);
    this.udp = udp;
    this.options.v6Only = !isV4 && udp.context.settings.ipv6Bindv6only !== 0;
  }

  // Naming.

  bind(address: IpAddress, port: number, scopeId: number): number {
    if (this.localPort !== 0) return -Errno.EINVAL;
    const { network, context } = this.udp;
    const isForMany = address.isMulticast || address.isBroadcast;
    if (!isForMany && !mayBindHere(network, context.settings, this.options, address)) return -Errno.EADDRNOTAVAIL;
    if (port !== 0 || !this.options.rare.bindAddressNoPort) {
      const result = this.takePort(address, port);
      if (result < 0) return result;
    }
    this.localAddress = address;
    this.addressFromConnect = false;
    this.scopeId = scopeId;
    this.portFromBind = port !== 0;
    return 0;
  }

  private takePort(address: IpAddress, wanted: number): number {
    const before = this.localAddress;
    this.localAddress = address;
    const result = this.udp.ports.bind(this, wanted);
    if (result < 0) this.localAddress = before;
    return result;
  }

  /** What others on the port ask of this holder (transport/ports.ts). */
  get portRange(): number {
    return portRangeOf(this.options);
  }

  get portFlags(): number {
    const { reuseAddress, reusePort, v6Only } = this.options;
    return (reuseAddress ? PortFlag.ReuseAddress : 0) | (reusePort ? PortFlag.ReusePort : 0) | (v6Only ? PortFlag.V6Only : 0);
  }

  connect(address: IpAddress, port: number, scopeId: number): number {
    const scope = scopeId !== 0 ? scopeId : this.scopeId;
    if (address.needsScope && scope === 0 && this.options.boundDevice === null) return -Errno.EINVAL;
    if (this.localPort === 0) {
      const result = this.takePort(this.localAddress, 0);
      if (result < 0) return result;
    }
    const route = this.route(address, scope, this.options.dontRoute);
    if (route === null) return -this.udp.network.lookupErrno;
    if (route.kind === DestinationKind.Broadcast && !this.options.broadcast) return -Errno.EACCES;
    if (this.localAddress.isUnspecified || (this.addressFromConnect && this.localAddress.isV4 === route.source.isV4)) {
      this.localAddress = route.source;
      this.addressFromConnect = true;
    }
    this.remoteAddress = address;
    this.remotePort = port;
    this.scopeId = scope;
    this.destination = route;
    return 0;
  }

  /** connect(2) with AF_UNSPEC: forgets the peer, and the port unless bind chose it. */
  disconnect(): number {
    this.forgetPeer();
    this.destination = null;
    if (!this.portFromBind && this.localPort !== 0) {
      this.udp.ports.release(this);
      this.localPort = 0;
    }
    return 0;
  }

  private route(address: IpAddress, scopeId: number, onLink: boolean): Destination | null {
    const cached = this.destination;
    const network = this.udp.network;
    const { options } = this;
    // Most sockets choose none.
    const choosesNone = scopeId === 0 && options.rare === NO_RARE && options.boundDevice === null && !address.isMulticast;
    const device = choosesNone ? null : chosenDevice(network, options, address, scopeId);
    // The source of what goes to a group is an option, and may have changed.
    if (
      cached !== null && cached.generation === network.generation && cached.askedOnLink === onLink && cached.to.equals(address) &&
      cached.askedDevice === device && cached.kind !== DestinationKind.Multicast
    ) return cached;
    if (this.hasNoWay(address)) return null;
    const found = network.lookupToSend(address, this.wayFrom(address), device, onLink);
    this.destination = found;
    return found;
  }

  /** IPV6_PKTINFO may name an interface that there is not. */
  private hasNoWay(address: IpAddress): boolean {
    const { stickyIndex } = this.options.rare;
    const { network } = this.udp;
    if (stickyIndex === 0 || address.isV4 || network.deviceAt(stickyIndex) !== null) return false;
    network.lookupErrno = Errno.ENETUNREACH;
    return true;
  }

  /** The source that the way must be right for. */
  private wayFrom(address: IpAddress): IpAddress | null {
    return boundSource(this.udp.network, this.options, ownSource(this.options, this.localAddress, address));
  }

  /** The way of a message that chooses its source or interface itself: nothing that is kept for others. */
  private chosenRoute(address: IpAddress, scopeId: number, onLink: boolean, { source, device }: SendChoices): Destination | null {
    if (source === null && device === null) return this.route(address, scopeId, onLink);
    const { network } = this.udp;
    const own = device ?? chosenDevice(network, this.options, address, scopeId);
    return network.lookupToSend(address, source ?? this.wayFrom(address), own, onLink);
  }

  // Sending.

  /** Whoever sends has a port, even if nothing is sent in the end (inet_send_prepare). */
  autobind(): number {
    return this.localPort === 0 ? this.takePort(this.localAddress, 0) : 0;
  }

  send(from: Uint8Array, at: number, length: number, flags: number, choices: SendChoices | null = null): number {
    if (this.pending !== null) return this.append(this.pending, from, at, length, flags);
    if (this.remoteAddress === null) {
      const unbound = this.autobind();
      if (unbound < 0) return unbound;
      // What no datagram can be is said before who shall get it (udp_sendmsg).
      if (this.isV4 && length > 65535) return -Errno.EMSGSIZE;
      if (this.isV4 && (flags & Msg.OOB) !== 0) return -Errno.EOPNOTSUPP;
      const error = this.takeError();
      return error !== 0 ? -error : -Errno.EDESTADDRREQ;
    }
    return this.sendTo(from, at, length, flags, this.remoteAddress, this.remotePort, this.scopeId, choices, false);
  }

  sendTo(
    from: Uint8Array, at: number, length: number, flags: number, address: IpAddress, port: number, scopeId: number,
    choices: SendChoices | null = null, isNamed = true,
  ): number {
    if (this.localPort === 0) {
      const unbound = this.autobind();
      if (unbound < 0) return unbound;
    }
    if (length > 65535 && address.isV4) return -Errno.EMSGSIZE;
    // Datagrams know no urgent data; over IPv6 Linux does not even say so (udpv6_sendmsg).
    if ((flags & Msg.OOB) !== 0 && address.isV4) return -Errno.EOPNOTSUPP;
    if (this.pending !== null) return this.append(this.pending, from, at, length, flags);
    // The port of an address that comes with the message is looked at; a peer's was by nobody when it was connected to (udp_sendmsg),
    // and that of a mapped one is given anew with each datagram (udpv6_sendmsg).
    if (port === 0 && (isNamed || address.isV4 !== this.isV4)) return -Errno.EINVAL;
    if (choices !== null && choices.error !== 0) return choices.error;
    const { options } = this;
    const to = address.isUnspecified ? (address.isV4 ? LOOPBACK4 : LOOPBACK6) : address;
    const onLink = options.dontRoute || (flags & Msg.DONTROUTE) !== 0;
    const scope = scopeId !== 0 ? scopeId : this.scopeId;
    const route = choices === null ? this.route(to, scope, onLink) : this.chosenRoute(to, scope, onLink, choices);
    if (route === null) return -this.udp.network.lookupErrno;
    if (route.kind === DestinationKind.Broadcast && !options.broadcast) return -Errno.EACCES;
    if (length > (to.isV4 ? MAX_PAYLOAD_V4 : MAX_PAYLOAD_V6)) return this.tooLong(to, port, route);
    // Not before memory is asked for (sock_alloc_send_pskb).
    if (this.error !== 0) return -this.takeError();
    if ((this.shut & 2) !== 0) return -Errno.EPIPE;
    // Linux admits a datagram while anything is left of the buffer (sock_alloc_send_pskb).
    if (this.sendQueued >= options.sendBufferBytes && !this.isFlushing) return this.noRoom();
    if (this.memory.refusesToSend(this.sendQueued, length)) return -Errno.ENOBUFS;
    if (this.cork || (flags & Msg.MORE) !== 0) {
      this.pending = { bytes: from.slice(at, at + length), length, to, port, scopeId, flags: flags & Msg.DONTROUTE, choices };
      this.chargePending(datagramTruesize(length, to.isV4));
      return length;
    }
    const size = choices !== null && choices.segmentBytes >= 0 ? choices.segmentBytes : this.segmentBytes;
    if (size !== 0) {
      const fault = this.segmentFault(length, size, to.isV4, route);
      if (fault < 0) return fault;
    }
    const truesize = datagramTruesize(length, to.isV4);
    const p = takePacket();
    p.addBytes(from, at, length, this.udp.context.writer);
    if (length > size) p.gsoSize = size;
    p.owner = this;
    p.truesize = truesize;
    this.sendQueued += truesize;
    this.memory.sent(truesize);
    return this.transmit(p, route, to, port, length, choices);
  }

  /** Sends the datagram with that payload. Apart from `sendTo`: V8 inlines so much into one function and no more. Takes over `p`. */
  private transmit(p: Packet, route: Destination, to: IpAddress, port: number, length: number, choices: SendChoices | null): number {
    const { udp, options } = this;
    const own = ownSource(options, this.localAddress, to) ?? route.source;
    const source = choices === null || choices.source === null ? own : choices.source;
    this.writeHeader(p, route, source, to, port, length);
    let { ttl } = options;
    if (route.kind === DestinationKind.Multicast) {
      const { multicast } = options;
      p.staysOut = !(this.isV4 ? multicast.loops : multicast.loops6);
      ttl = to.isV4 ? multicast.ttl : multicast.hops;
    }
    let tos = to.isV4 ? options.tos : options.trafficClass;
    const extras = extrasOf(options, choices);
    let dontFragment: boolean;
    if (to.isV4) {
      udp.network.refreshPathMtu(route);
      const headers = UDP_HEADER_LEN + IPV4_HEADER_LEN + (extras === null ? 0 : extras.ipOptions.length);
      dontFragment = carriesDf(options, route, length + headers);
    } else dontFragment = mustNotFragment(options, false);
    markPacket(p, options, choices);
    if (choices !== null) {
      if (choices.ttl >= 0) ttl = choices.ttl;
      if (choices.tos >= 0) tos = choices.tos;
      if (choices.dontFragment) dontFragment = true;
    }
    const result = extras === null
      ? udp.network.output(p, route, source, to, IpProto.Udp, ttl, tos, dontFragment)
      : udp.network.outputWith(p, route, source, to, IpProto.Udp, ttl, tos, dontFragment, extras);
    if (result < 0) return this.notSent(result, to, port, length, route, choices);
    udp.count(to.isV4, Mib.UdpOutDatagrams, Mib.Udp6OutDatagrams);
    return length;
  }

  private notSent(result: number, to: IpAddress, port: number, length: number, route: Destination, choices: SendChoices | null): number {
    if (result === -Errno.EMSGSIZE) {
      if (this.options.dontFragment6 || (choices !== null && choices.dontFragment)) this.keepPathMtu(to, route);
      return this.tooLong(to, port, route);
    }
    if (result === -Errno.ENOBUFS) this.udp.count(to.isV4, Mib.UdpSndbufErrors, Mib.Udp6SndbufErrors);
    return this.refused(result, length, to.isV4);
  }

  /** UDP_SEGMENT: a send is cut into datagrams of so many bytes; 0 is off. UDP_GRO: those that come together are received as one. */
  segmentBytes = 0;
  takesSegments = false;

  /** What udp_send_skb asks of one send that is to become several datagrams: 0 or a negative errno. */
  private segmentFault(length: number, size: number, isV4: boolean, route: Destination): number {
    const headers = (isV4 ? IPV4_HEADER_LEN : IPV6_HEADER_LEN) + UDP_HEADER_LEN;
    const discover = isV4 ? this.options.mtuDiscover : this.options.mtuDiscover6;
    const mtuBytes = discover < 3 ? route.mtuBytes : route.device.mtuBytes;
    if (headers + Math.min(length, size) > mtuBytes) return -Errno.EMSGSIZE;
    return length > size * MAX_SEGMENTS || (isV4 && this.options.noCheck) ? -Errno.EINVAL : 0;
  }

  /** UDP_CORK: while it is on, writes collect into one datagram; turning it off sends what there is. */
  get corked(): boolean {
    return this.cork;
  }

  setCork(on: boolean): void {
    this.cork = on;
    if (!on && this.pending !== null) this.append(this.pending, NO_BYTES, 0, 0, 0);
  }

  /**
   * A write behind one with MSG_MORE: joins its datagram, destination and control data, whatever it was given itself. Where there is no
   * room for it now, what was collected stays, and it may come again.
   */
  private append(pending: Pending, from: Uint8Array, at: number, length: number, own: number): number {
    const { to, port, scopeId, flags, choices } = pending;
    const total = pending.length + length;
    if (total > (to.isV4 ? MAX_PAYLOAD_V4 : MAX_PAYLOAD_V6)) return this.lose(-Errno.EMSGSIZE);
    if (length > 0 && this.sendQueued - this.pendingTruesize >= this.options.sendBufferBytes) return this.noRoom();
    const goesOn = this.cork || (own & Msg.MORE) !== 0;
    if (goesOn && this.error !== 0) return this.lose(-this.takeError());
    if (goesOn && (this.shut & 2) !== 0) return this.lose(-Errno.EPIPE);
    if (goesOn && this.memory.refusesToSend(this.sendQueued, length)) return this.lose(-Errno.ENOBUFS);
    if (total > pending.bytes.length) {
      const larger = new Uint8Array(Math.max(total, Math.min(2 * pending.bytes.length, MAX_PAYLOAD_V6)));
      larger.set(pending.bytes.subarray(0, pending.length));
      pending.bytes = larger;
    }
    pending.bytes.set(from.subarray(at, at + length), pending.length);
    pending.length = total;
    if (goesOn) {
      // Behind the head they lie in pages, which count by their bytes.
      this.chargePending(length);
      return length;
    }
    this.dropPending();
    this.isFlushing = true;
    const result = this.sendTo(pending.bytes, 0, total, flags, to, port, scopeId, choices, false);
    this.isFlushing = false;
    return result < 0 ? result : length;
  }

  /** A write has failed, and all that was collected goes with it (udp_flush_pending_frames). */
  private lose(result: number): number {
    this.dropPending();
    return result;
  }

  private chargePending(truesize: number): void {
    this.pendingTruesize += truesize;
    this.sendQueued += truesize;
    this.memory.sent(truesize);
  }

  /** What was collected is sent, or lost: nothing is told, since whoever calls goes on with it, or is gone. */
  private dropPending(): void {
    this.pending = null;
    this.sendQueued -= this.pendingTruesize;
    this.memory.released(this.pendingTruesize);
    this.pendingTruesize = 0;
  }

  private writeHeader(p: Packet, route: Destination, source: IpAddress, to: IpAddress, port: number, length: number): void {
    const udpLen = UDP_HEADER_LEN + length;
    const pseudo = to.isV4
      ? pseudoHeaderSum4(source.d, to.d, IpProto.Udp, udpLen)
      : pseudoHeaderSum6(source.a, source.b, source.c, source.d, to.a, to.b, to.c, to.d, IpProto.Udp, udpLen);
    // One that is to be cut has its pieces' sums completed by whoever cuts it.
    const offload = route.device.checksumOffload || p.gsoSize !== 0;
    const head = p.push(UDP_HEADER_LEN);
    p.l4 = head;
    const hasNone = to.isV4 ? this.options.noCheck : this.options.rare.noChecksum6Out;
    // One call, which is inlined as three would not be.
    writeUdpHeader(p.view, head, this.localPort, port, length, pseudo, hasNone || offload ? -1 : packetSum(p, p.headEnd, 0));
    if (hasNone) {
      p.view.setUint16(head + CHECKSUM_OFFSET, 0);
    } else if (offload) {
      p.checksumState = ChecksumState.Partial;
      p.checksumOffset = CHECKSUM_OFFSET;
    }
  }

  // Receiving.

  /** How well a received packet fits; -1 when it does not. */
  score(p: Packet, srcPort: number): number {
    let score = 0;
    if (this.isV4 && !p.isV4) return -1;
    if (!this.isV4 && p.isV4 && this.options.v6Only) return -1;
    if (this.isV4 === p.isV4) score++;
    const local = this.localAddress;
    if (!local.isUnspecified) {
      if (local.d !== p.dstD || local.a !== p.dstA || local.b !== p.dstB || local.c !== p.dstC) return -1;
      score += 4;
    } else if (!this.isV4 && local.isV4 && !p.isV4) {
      return -1;
    }
    const remote = this.remoteAddress;
    if (remote !== null) {
      if (remote.d !== p.srcD || remote.a !== p.srcA || remote.b !== p.srcB || remote.c !== p.srcC) return -1;
      score += 4;
      // A peer at port 0 stands for all ports of its address.
      if (this.remotePort !== 0) {
        if (this.remotePort !== srcPort) return -1;
        score += 4;
      }
    }
    const bound = this.options.boundDevice;
    if (bound !== null) {
      if (bound !== p.device) return -1;
      score += 4;
    }
    return score;
  }

  /** Does it hear the group to which the packet goes, and its source? */
  hears(p: Packet): boolean {
    if (!p.isV4 ? p.dstA >>> 24 !== 0xff : p.dstD >>> 28 !== 0xe) return true;
    const { hearsAll, hearsAll6 } = this.options.multicast;
    const byDefault = p.isV4 ? hearsAll : hearsAll6;
    return this.memberships === null ? byDefault : this.memberships.hears(p, byDefault);
  }

  /**
   * Queues what came (`head` at its UDP header): one datagram, or several that were sent or arrived together, whole for who
   * asked for it and cut for all others (udp_rcv_segment). Returns how many; those beyond the buffer are lost. Takes over `p`.
   */
  deliver(p: Packet, srcPort: number): number {
    const size = p.gsoSize;
    if (size === 0 || this.takesSegments) return this.enqueue(p, srcPort) ? 1 : 0;
    return this.deliverPieces(p, srcPort, size);
  }

  private deliverPieces(p: Packet, srcPort: number, size: number): number {
    const payload = p.length - UDP_HEADER_LEN;
    let count = 0;
    for (let done = 0; done < payload; done += size) {
      const piece = p.clone();
      piece.gsoSize = 0;
      piece.trimTo(UDP_HEADER_LEN + Math.min(done + size, payload));
      // What is in front of it goes as well as the header does.
      piece.trimFront(done);
      if (this.enqueue(piece, srcPort)) count++;
    }
    p.release();
    return count;
  }

  private enqueue(p: Packet, srcPort: number): boolean {
    const truesize = datagramTruesize(p.length - UDP_HEADER_LEN, p.isV4);
    if (this.receiveQueued + truesize > this.options.receiveBufferBytes && this.receiveQueued > 0) {
      this.drops++;
      this.udp.count(p.isV4, Mib.UdpRcvbufErrors, Mib.Udp6RcvbufErrors);
      this.udp.count(p.isV4, Mib.UdpInErrors, Mib.Udp6InErrors);
      p.release();
      return false;
    }
    if (this.memory.refuses(this.receiveQueued)) return this.loseForMemory(p);
    p.trimFront(UDP_HEADER_LEN);
    p.keepRanges(this.udp.context.keeper);
    // The sender's account ends here, as skb_orphan has it; the receiver's begins.
    const owner = p.owner;
    if (owner !== null) {
      p.owner = null;
      owner.released(p.truesize);
    }
    p.truesize = truesize;
    p.srcPort = srcPort;
    p.order = this.drops;
    p.dueAt = (this.options.tell & Tell.Time) !== 0 ? this.udp.context.loop.now : 0;
    this.queue(p);
    return true;
  }

  /** The sockets of the host hold too much together (udp_mem). Takes over `p`. */
  private loseForMemory(p: Packet): boolean {
    this.drops++;
    this.udp.count(p.isV4, Mib.UdpMemErrors, Mib.Udp6MemErrors);
    this.udp.count(p.isV4, Mib.UdpInErrors, Mib.Udp6InErrors);
    p.release();
    return false;
  }

  receive(to: Uint8Array, at: number, length: number, flags: number, result: ReceiveResult): number {
    result.flags = 0;
    if ((flags & Msg.ERRQUEUE) !== 0) return this.receiveError(to, at, length, result);
    if (this.pathMtuNews !== null && (this.options.tell & Tell.PathMtu6) !== 0) return this.tellPathMtu(this.pathMtuNews, result);
    if (this.error !== 0) return -this.takeError();
    const peek = (flags & Msg.PEEK) !== 0;
    const { rare } = this.options;
    if (rare !== NO_RARE && rare.peekOffset >= 0) return this.receiveFrom(rare.peekOffset, to, at, length, flags, result);
    const p = this.first;
    // Nothing to wait for after SHUT_RD, but only who would have waited is told so: others get EAGAIN on Linux.
    if (p === null) return -Errno.EAGAIN;
    const whole = p.length;
    const n = p.copyOut(0, to, at, length < whole ? length : whole);
    if (n < whole) result.flags |= Msg.TRUNC;
    this.tellOfDatagram(p, result);
    if (!peek) this.taken(p);
    return (flags & Msg.TRUNC) !== 0 ? whole : n;
  }

  /** SO_PEEK_OFF: a peek passes over `offset` bytes of what waits, and each call moves it (udp_recvmsg). */
  private receiveFrom(offset: number, to: Uint8Array, at: number, length: number, flags: number, result: ReceiveResult): number {
    const peek = (flags & Msg.PEEK) !== 0;
    let skip = peek ? offset : 0;
    let p = this.first;
    for (; p !== null && skip > 0 && skip >= p.length; p = p.next) skip -= p.length;
    if (p === null) return -Errno.EAGAIN;
    const whole = p.length;
    const n = Math.min(length, whole - skip);
    p.copyOut(skip, to, at, n);
    if (length <= whole - skip && length < whole) result.flags |= Msg.TRUNC;
    const told = (flags & Msg.TRUNC) !== 0 ? whole : n;
    rareOf(this.options).peekOffset = peek ? offset + told : Math.max(0, offset - told);
    this.tellOfDatagram(p, result);
    if (!peek) this.taken(p);
    return told;
  }

  /** Linux counts what is read, not what comes (udp_recvmsg). */
  private taken(p: Packet): void {
    this.udp.count(p.isV4, Mib.UdpInDatagrams, Mib.Udp6InDatagrams);
    this.takeFirst(p);
  }

  private tellOfDatagram(p: Packet, result: ReceiveResult): void {
    result.datagramLen = p.length;
    result.address = sourceAddress(p, result.address);
    result.port = p.srcPort;
    result.scopeId = result.address.isLinkLocal && !p.isV4 && p.device !== null ? p.device.index : 0;
    const { tell } = this.options;
    result.told = tell & ~Tell.PathMtu6;
    if (tell !== 0) tellOf(this.udp.network, p, this.localPort, result);
    result.segmentBytes = this.takesSegments ? p.gsoSize : 0;
  }

  // Errors and the end.

  /** An error about something of ours (Linux's __udp4_lib_err): who is connected learns of it, others only with IP_RECVERR. */
  icmpError(report: IcmpErrorReport, remotePort: number): void {
    const { isV4, mtuBytes, packet } = report;
    if (this.remoteAddress === null && !this.wantsErrors(isV4)) return;
    const discover = isV4 ? this.options.mtuDiscover : this.options.mtuDiscover6;
    if (mtuBytes > 0 && isV4 && discover === 0) return;
    if (this.wantsErrors(isV4)) {
      this.queueError(queuedIcmpError(report, UDP_HEADER_LEN, remotePort, datagramTruesize(packet.length, isV4)));
    } else if (!report.fatal && (mtuBytes === 0 || discover === 0)) {
      return;
    }
    this.error = report.errno;
    if (this.upcalls !== null) this.upcalls.failed(report.errno);
  }

  /** ipv6_local_rxpmtu. Only who forbids fragments and asked for it hears of it (RFC 3542 section 11.3). */
  private keepPathMtu(to: IpAddress, route: Destination): void {
    if (to.isV4 || (this.options.tell & Tell.PathMtu6) === 0) return;
    const { fragmentMtu } = this.options.rare;
    this.pathMtuNews = { to, mtuBytes: fragmentMtu === 0 ? route.mtuBytes : Math.min(fragmentMtu, route.mtuBytes) };
  }

  /** recvmsg(2) of such news: an empty message from where the other was to go (ipv6_recv_rxpmtu). */
  private tellPathMtu({ to, mtuBytes }: PathMtuNews, result: ReceiveResult): number {
    this.pathMtuNews = null;
    result.datagramLen = 0;
    result.address = to;
    result.port = 0;
    result.scopeId = 0;
    result.told = Tell.PathMtu6;
    result.destination = to;
    result.pathMtuBytes = mtuBytes;
    return 0;
  }

  /** A message that is longer than it may be (ip_local_error, ipv6_local_error). */
  private tooLong(to: IpAddress, port: number, route: Destination): number {
    const { isV4 } = to;
    // Linux names the connected peer's port over IPv4, whatever port it was sent to.
    const named = isV4 ? (this.remoteAddress === null ? 0 : this.remotePort) : port;
    // PROBE and what is above take no notice of the path's MTU (ip_sk_use_pmtu).
    const mtuBytes = (isV4 ? this.options.mtuDiscover : this.options.mtuDiscover6) < 3 ? route.mtuBytes : route.device.mtuBytes;
    return this.refuseTooLong(to, isV4, named, mtuBytes);
  }

  close(): void {
    if (this.localPort !== 0) this.udp.ports.release(this);
    this.letGoOfQueues();
    this.dropPending();
    this.localPort = 0;
  }
}
