/**
 * IPv4 on its way out: header, fragments, then the link.
 *
 * Called by Network.output with packets whose head is at the transport header.
 */
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import { completeChecksum } from '../link/segment.ts';
import { ChecksumState, type Packet } from '../link/packet.ts';
import { IPV4_HEADER_LEN, IPV4_MAX_LEN, Ipv4Fragment, writeIpv4Header } from '../wire/ipv4.ts';
import { type Destination, DestinationKind } from './destination.ts';
import type { Network } from './network.ts';
import { packetPart } from './packet-part.ts';

export class Ipv4Output {
  private readonly network: Network;
  private nextId: number;

  constructor(network: Network) {
    this.network = network;
    this.nextId = network.context.random.int32() & 0xffff;
  }

  /** Takes over `p`. 0, -EMSGSIZE, -ENOBUFS. */
  output(
    p: Packet, d: Destination, from: number, to: number, protocol: number, ttl: number, tos: number, dontFragment: boolean,
  ): number {
    const { network } = this;
    const values = network.counters.values;
    const total = p.length + IPV4_HEADER_LEN;
    const hops = ttl >= 0 ? ttl : network.settings.ipDefaultTtl;
    const df = dontFragment && !d.mtuLocked;
    values[Mib.IpOutRequests]++;
    p.l4 = p.head;
    p.protocol = protocol;
    if (total > IPV4_MAX_LEN || (p.gsoSize === 0 && total > d.mtuBytes)) {
      if (df || total > IPV4_MAX_LEN) {
        values[Mib.IpFragFails]++;
        p.release();
        return -Errno.EMSGSIZE;
      }
      return this.fragment(p, d, from, to, protocol, hops, tos);
    }
    if (p.checksumState === ChecksumState.Partial && !d.device.checksumOffload) completeChecksum(p);
    const id = this.nextId;
    // Each segment that a super-segment is cut into takes an identification.
    this.nextId = (id + (p.gsoSize === 0 ? 1 : Math.ceil(p.length / p.gsoSize))) & 0xffff;
    const at = p.push(IPV4_HEADER_LEN);
    p.l3 = at;
    writeIpv4Header(p.view, at, total, tos, id, df ? Ipv4Fragment.DontFragment : 0, hops, protocol, from, to);
    if (d.kind >= DestinationKind.Broadcast) network.link.loopBack(p, d);
    return network.link.output(p, d);
  }

  private fragment(p: Packet, d: Destination, from: number, to: number, protocol: number, ttl: number, tos: number): number {
    const { network } = this;
    const values = network.counters.values;
    completeChecksum(p);
    const payload = p.length;
    const most = (d.mtuBytes - IPV4_HEADER_LEN) & ~7;
    const id = this.nextId;
    this.nextId = (id + 1) & 0xffff;
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
      const at = part.push(IPV4_HEADER_LEN);
      part.l3 = at;
      const more = offset + n < payload ? Ipv4Fragment.MoreFragments : 0;
      writeIpv4Header(part.view, at, IPV4_HEADER_LEN + n, tos, id, more | (offset >> 3), ttl, protocol, from, to);
      values[Mib.IpFragCreates]++;
      if (d.kind >= DestinationKind.Broadcast) network.link.loopBack(part, d);
      network.link.output(part, d);
    }
    values[Mib.IpFragOKs]++;
    p.release();
    return 0;
  }
}
