/**
 * IPv6 on its way out: header, fragments by the source host, then the link.
 *
 * Called by Network.output and outputWith with packets whose head is at the transport header, and by mld.ts and raw
 * endpoints (outputWhole) with packets that have their IP header.
 */
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import type { IpAddress } from '../base/inet-address.ts';
import { ChecksumState, HEADROOM, type Packet } from '../link/packet.ts';
import { completeChecksum, cutSegments, segmentHeaderLen } from '../link/segment.ts';
import {
  IPV6_FRAGMENT_HEADER_LEN, IPV6_HEADER_LEN, IPV6_MAX_PAYLOAD, IPV6_MIN_MTU, IpProto, writeIpv6FragmentHeader, writeIpv6Header,
} from '../wire/ipv6.ts';
import { type Destination, DestinationKind } from './destination.ts';
import type { HeaderExtras } from './header-extras.ts';
import type { Network } from './network.ts';
import { packetPart } from './packet-part.ts';

const NO_HEADER = new Uint8Array(0);
const NEXT_HEADER_AT = 6, HOP_LIMIT_AT = 7;

export class Ipv6Output {
  private readonly network: Network;
  private nextId: number;
  private cutFor: Destination | null = null;
  private readonly piece = (p: Packet): void => this.sendPiece(p);

  constructor(network: Network) {
    this.network = network;
    this.nextId = network.context.random.int32();
  }

  /** Takes over `p`. 0, -EMSGSIZE, -ENOBUFS. */
  output(
    p: Packet, d: Destination, from: IpAddress, to: IpAddress, protocol: number, hopLimit: number, trafficClass: number,
    dontFragment: boolean,
  ): number {
    const { network } = this;
    const values = network.counters.values;
    const payload = p.length;
    const hops = hopLimit >= 0 ? hopLimit : network.settings.ipv6HopLimit;
    values[Mib.Ip6OutRequests]++;
    p.l4 = p.head;
    p.protocol = protocol;
    if (payload > IPV6_MAX_PAYLOAD || (p.gsoSize === 0 && payload + IPV6_HEADER_LEN > d.mtuBytes)) {
      if (payload > IPV6_MAX_PAYLOAD || (dontFragment && d.mtuBytes >= IPV6_MIN_MTU)) {
        values[Mib.Ip6FragFails]++;
        p.release();
        return -Errno.EMSGSIZE;
      }
      return this.fragment(p, d, from, to, protocol, hops, trafficClass);
    }
    if (p.checksumState === ChecksumState.Partial && !d.device.checksumOffload && p.gsoSize === 0) completeChecksum(p);
    this.header(p, payload, from, to, protocol, hops, trafficClass);
    if (p.gsoSize !== 0) {
      // The device takes no segments of this length, or the path's MTU has become smaller than the pieces.
      const pieceLen = IPV6_HEADER_LEN + segmentHeaderLen(p) + p.gsoSize;
      if (p.length > d.device.gsoMaxBytes + IPV6_HEADER_LEN || pieceLen > d.mtuBytes) {
        this.cutFor = d;
        cutSegments(p, this.piece);
        return 0;
      }
    }
    return this.send(p, d, hops);
  }

  /** `output` of a packet that has extension headers, a flow label or a size for its fragments. Takes over `p`. */
  outputWith(
    p: Packet, d: Destination, from: IpAddress, to: IpAddress, protocol: number, hopLimit: number, trafficClass: number,
    dontFragment: boolean, { hopOptions, destinationOptions, fragmentMtu, flowLabel }: HeaderExtras,
  ): number {
    const { network } = this;
    const { values } = network.counters;
    const hops = hopLimit >= 0 ? hopLimit : network.settings.ipv6HopLimit;
    values[Mib.Ip6OutRequests]++;
    p.l4 = p.head;
    p.protocol = protocol;
    let nextHeader = protocol;
    if (destinationOptions.length > 0) {
      this.push(p, destinationOptions, nextHeader);
      nextHeader = IpProto.DestinationOptions;
    }
    const mtuBytes = fragmentMtu !== 0 ? Math.min(fragmentMtu, d.mtuBytes) : d.mtuBytes;
    const total = p.length + hopOptions.length;
    if (total > IPV6_MAX_PAYLOAD || (dontFragment && total + IPV6_HEADER_LEN > mtuBytes && mtuBytes >= IPV6_MIN_MTU)) {
      values[Mib.Ip6FragFails]++;
      p.release();
      return -Errno.EMSGSIZE;
    }
    // A size for fragments is none for packets that the way takes whole (ip6_finish_output).
    if (total + IPV6_HEADER_LEN > d.mtuBytes) {
      return this.fragment(p, d, from, to, nextHeader, hops, trafficClass, mtuBytes, hopOptions, flowLabel);
    }
    if (p.checksumState === ChecksumState.Partial && !d.device.checksumOffload) completeChecksum(p);
    if (hopOptions.length > 0) {
      this.push(p, hopOptions, nextHeader);
      nextHeader = IpProto.HopByHop;
    }
    this.header(p, total, from, to, nextHeader, hops, trafficClass, flowLabel);
    return this.send(p, d, hops);
  }

  private push(p: Packet, header: Uint8Array, nextHeader: number): void {
    // The longest have 2,048 bytes; what comes in front of them needs room too.
    p.growHeadroom(header.length + HEADROOM);
    const at = p.push(header.length);
    p.bytes.set(header, at);
    p.bytes[at] = nextHeader;
  }

  /** A packet that has its header: `head` is there (IPV6_HDRINCL, MLD). It fits the device. Takes over `p`. */
  outputWhole(p: Packet, d: Destination): number {
    const { head, bytes } = p;
    this.network.counters.values[Mib.Ip6OutRequests]++;
    p.l3 = head;
    p.l4 = head + IPV6_HEADER_LEN;
    p.protocol = bytes[head + NEXT_HEADER_AT] as number;
    return this.send(p, d, bytes[head + HOP_LIMIT_AT] as number);
  }

  /** A piece of a super-segment that this host had to cut itself. Takes over `p`. */
  private sendPiece(p: Packet): void {
    const d = this.cutFor as Destination;
    if (!d.device.checksumOffload) completeChecksum(p);
    if (p.length > d.mtuBytes) {
      this.network.counters.values[Mib.Ip6FragFails]++;
      p.release();
      return;
    }
    this.send(p, d, -1);
  }

  private header(
    p: Packet, payload: number, from: IpAddress, to: IpAddress, nextHeader: number, hops: number, trafficClass: number,
    flowLabel = 0,
  ): void {
    const at = p.push(IPV6_HEADER_LEN);
    p.l3 = at;
    writeIpv6Header(
      p.view, at, payload, trafficClass, flowLabel, nextHeader, hops, from.a, from.b, from.c, from.d, to.a, to.b, to.c, to.d,
    );
  }

  private send(p: Packet, d: Destination, hops: number): number {
    const { network } = this;
    const values = network.counters.values;
    if (d.kind === DestinationKind.Multicast) {
      values[Mib.Ip6OutMcastPkts]++;
      network.link.loopBack(p, d);
      // Hop limit 0 keeps a multicast on its host (ip6_finish_output2).
      if (hops === 0) {
        p.release();
        return 0;
      }
    }
    values[Mib.Ip6OutTransmits]++;
    values[Mib.Ip6OutOctets] += p.length;
    return network.link.output(p, d);
  }

  private fragment(
    p: Packet, d: Destination, from: IpAddress, to: IpAddress, protocol: number, hops: number, trafficClass: number,
    mtuBytes: number = d.mtuBytes, hopOptions: Uint8Array = NO_HEADER, flowLabel = 0,
  ): number {
    const values = this.network.counters.values;
    const most = (mtuBytes - IPV6_HEADER_LEN - hopOptions.length - IPV6_FRAGMENT_HEADER_LEN) & ~7;
    // Linux's ip6_fragment: no room for eight bytes. Without this the loop below would not end.
    if (!(most > 0)) {
      values[Mib.Ip6FragFails]++;
      p.release();
      return -Errno.EMSGSIZE;
    }
    completeChecksum(p);
    const payload = p.length;
    this.nextId = (this.nextId + 1) | 0;
    let result = 0;
    for (let offset = 0; offset < payload; offset += most) {
      const n = Math.min(most, payload - offset);
      const part = packetPart(p, offset, n);
      if (offset === 0) {
        // Behind the destination options that may stand in front of it.
        part.l4 = part.head + (p.l4 - p.head);
        part.protocol = p.protocol;
      }
      part.mark = p.mark;
      part.priority = p.priority;
      if (offset + n === payload) {
        part.owner = p.owner;
        part.truesize = p.truesize;
        p.owner = null;
      }
      const at = part.push(IPV6_FRAGMENT_HEADER_LEN);
      writeIpv6FragmentHeader(part.view, at, protocol, offset, offset + n < payload, this.nextId);
      const hasHop = hopOptions.length > 0;
      if (hasHop) this.push(part, hopOptions, IpProto.Fragment);
      const next = hasHop ? IpProto.HopByHop : IpProto.Fragment;
      this.header(part, n + IPV6_FRAGMENT_HEADER_LEN + hopOptions.length, from, to, next, hops, trafficClass, flowLabel);
      values[Mib.Ip6FragCreates]++;
      const sent = this.send(part, d, hops);
      if (sent < 0) result = sent;
    }
    values[result < 0 ? Mib.Ip6FragFails : Mib.Ip6FragOKs]++;
    p.release();
    return result;
  }
}
