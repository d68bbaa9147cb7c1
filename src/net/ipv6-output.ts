/**
 * IPv6 on its way out: header, fragments by the source host, then the link.
 *
 * Called by Network.output with packets whose head is at the transport header.
 */
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import type { IpAddress } from '../base/inet-address.ts';
import { ChecksumState, type Packet } from '../link/packet.ts';
import { completeChecksum } from '../link/segment.ts';
import {
  IPV6_FRAGMENT_HEADER_LEN, IPV6_HEADER_LEN, IPV6_MAX_PAYLOAD, IPV6_MIN_MTU, IpProto, writeIpv6FragmentHeader, writeIpv6Header,
} from '../wire/ipv6.ts';
import { type Destination, DestinationKind } from './destination.ts';
import type { Network } from './network.ts';
import { packetPart } from './packet-part.ts';

export class Ipv6Output {
  private readonly network: Network;
  private nextId: number;

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
    if (p.checksumState === ChecksumState.Partial && !d.device.checksumOffload) completeChecksum(p);
    this.header(p, payload, from, to, protocol, hops, trafficClass);
    return this.send(p, d);
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

  private send(p: Packet, d: Destination): number {
    if (d.kind === DestinationKind.Multicast) {
      this.network.counters.values[Mib.Ip6OutMcastPkts]++;
      this.network.link.loopBack(p, d);
    }
    return this.network.link.output(p, d);
  }

  private fragment(
    p: Packet, d: Destination, from: IpAddress, to: IpAddress, protocol: number, hops: number, trafficClass: number,
  ): number {
    const values = this.network.counters.values;
    completeChecksum(p);
    const payload = p.length;
    const most = (d.mtuBytes - IPV6_HEADER_LEN - IPV6_FRAGMENT_HEADER_LEN) & ~7;
    this.nextId = (this.nextId + 1) | 0;
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
      this.send(part, d);
    }
    values[Mib.Ip6FragOKs]++;
    p.release();
    return 0;
  }
}
