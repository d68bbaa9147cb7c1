/**
 * IPv6 on its way out: header, fragments by the source host, then the link.
 *
 * Called by Network.output with packets whose head is at the transport header.
 */
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import type { IpAddress } from '../base/inet-address.ts';
import { ChecksumState, type Packet } from '../link/packet.ts';
import { completeChecksum, cutSegments, segmentHeaderLen } from '../link/segment.ts';
import {
  IPV6_FRAGMENT_HEADER_LEN, IPV6_HEADER_LEN, IPV6_MAX_PAYLOAD, IPV6_MIN_MTU, IpProto, writeIpv6FragmentHeader, writeIpv6Header,
} from '../wire/ipv6.ts';
import { type Destination, DestinationKind } from './destination.ts';
import type { Network } from './network.ts';
import { packetPart } from './packet-part.ts';

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
  ): void {
    const at = p.push(IPV6_HEADER_LEN);
    p.l3 = at;
    writeIpv6Header(
      p.view, at, payload, trafficClass, 0, nextHeader, hops, from.a, from.b, from.c, from.d, to.a, to.b, to.c, to.d,
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
  ): number {
    const values = this.network.counters.values;
    const most = (d.mtuBytes - IPV6_HEADER_LEN - IPV6_FRAGMENT_HEADER_LEN) & ~7;
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
        part.l4 = part.head;
        part.protocol = protocol;
      }
      if (offset + n === payload) {
        part.owner = p.owner;
        part.truesize = p.truesize;
        p.owner = null;
      }
      const at = part.push(IPV6_FRAGMENT_HEADER_LEN);
      writeIpv6FragmentHeader(part.view, at, protocol, offset, offset + n < payload, this.nextId);
      this.header(part, n + IPV6_FRAGMENT_HEADER_LEN, from, to, IpProto.Fragment, hops, trafficClass);
      values[Mib.Ip6FragCreates]++;
      const sent = this.send(part, d, hops);
      if (sent < 0) result = sent;
    }
    values[result < 0 ? Mib.Ip6FragFails : Mib.Ip6FragOKs]++;
    p.release();
    return result;
  }
}
