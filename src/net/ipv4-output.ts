/**
 * IPv4 on its way out: header, fragments, then the link.
 *
 * Called by Network.output with packets whose head is at the transport header.
 */
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import { completeChecksum, cutSegments, segmentCount, segmentHeaderLen } from '../link/segment.ts';
import { ChecksumState, type Packet } from '../link/packet.ts';
import { IPV4_HEADER_LEN, IPV4_MAX_LEN, Ipv4Fragment, writeIpv4Header } from '../wire/ipv4.ts';
import { type Destination, DestinationKind } from './destination.ts';
import type { Network } from './network.ts';
import { packetPart } from './packet-part.ts';

export class Ipv4Output {
  private readonly network: Network;
  private nextId: number;
  private cutFor: Destination | null = null;
  private readonly piece = (p: Packet): void => this.sendPiece(p);

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
    if (p.checksumState === ChecksumState.Partial && !d.device.checksumOffload && p.gsoSize === 0) completeChecksum(p);
    const id = this.nextId;
    // Each segment that a super-segment is cut into takes an identification.
    this.nextId = (id + segmentCount(p)) & 0xffff;
    const at = p.push(IPV4_HEADER_LEN);
    p.l3 = at;
    writeIpv4Header(p.view, at, total, tos, id, df ? Ipv4Fragment.DontFragment : 0, hops, protocol, from, to);
    if (d.kind >= DestinationKind.Broadcast && !this.toGroup(p, d, hops)) return 0;
    if (p.gsoSize !== 0 && this.mustCut(p, d, total)) {
      this.cutFor = d;
      cutSegments(p, this.piece);
      return 0;
    }
    this.count(total);
    return network.link.output(p, d);
  }

  /** Does the device take no segments of this length, or has the path's MTU become smaller than the pieces? */
  private mustCut(p: Packet, d: Destination, total: number): boolean {
    return total > d.device.gsoMaxBytes || IPV4_HEADER_LEN + segmentHeaderLen(p) + p.gsoSize > d.mtuBytes;
  }

  /** A piece of a super-segment that this host had to cut itself. Takes over `p`. */
  private sendPiece(p: Packet): void {
    const d = this.cutFor as Destination;
    const values = this.network.counters.values;
    if (!d.device.checksumOffload) completeChecksum(p);
    if (p.length > d.mtuBytes) {
      // The path's MTU shrank while this was queued: TCP learns of it and sends again, smaller.
      values[Mib.IpFragFails]++;
      p.release();
      return;
    }
    this.count(p.length);
    this.network.link.output(p, d);
  }

  /** Groups: this host may be among the receivers. False when the packet stays here (it is released). */
  private toGroup(p: Packet, d: Destination, hops: number): boolean {
    const { network } = this;
    const isBroadcast = d.kind === DestinationKind.Broadcast;
    network.counters.values[isBroadcast ? Mib.IpExtOutBcastPkts : Mib.IpExtOutMcastPkts]++;
    network.link.loopBack(p, d);
    // RFC 1112 section 4: TTL 0 keeps a multicast on its host.
    if (hops !== 0 || isBroadcast) return true;
    p.release();
    return false;
  }

  private count(length: number): void {
    const values = this.network.counters.values;
    values[Mib.IpOutTransmits]++;
    values[Mib.IpExtOutOctets] += length;
  }

  private fragment(p: Packet, d: Destination, from: number, to: number, protocol: number, ttl: number, tos: number): number {
    const { network } = this;
    const values = network.counters.values;
    const most = (d.mtuBytes - IPV4_HEADER_LEN) & ~7;
    // A device whose MTU has no room for eight bytes carries no fragment; without this the loop below would not end.
    if (!(most > 0)) {
      values[Mib.IpFragFails]++;
      p.release();
      return -Errno.EMSGSIZE;
    }
    completeChecksum(p);
    const payload = p.length;
    let result = 0;
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
      if (d.kind >= DestinationKind.Broadcast && !this.toGroup(part, d, ttl)) continue;
      this.count(IPV4_HEADER_LEN + n);
      const sent = network.link.output(part, d);
      if (sent < 0) result = sent;
    }
    values[result < 0 ? Mib.IpFragFails : Mib.IpFragOKs]++;
    p.release();
    return result;
  }
}
