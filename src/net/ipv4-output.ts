/**
 * IPv4 on its way out: header, fragments, then the link.
 *
 * Called by Network.output and outputWith with packets whose head is at the transport header, and by igmp.ts and raw
 * endpoints (outputWhole) with packets that have their IP header.
 */
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import { completeChecksum, cutSegments, segmentCount, segmentHeaderLen } from '../link/segment.ts';
import { ChecksumState, type Packet } from '../link/packet.ts';
import { IPV4_HEADER_LEN, IPV4_MAX_LEN, Ipv4Fragment, writeIpv4Header } from '../wire/ipv4.ts';
import { type Destination, DestinationKind } from './destination.ts';
import { fragmentIpv4 } from './ipv4-fragment.ts';
import { Ipv4Options } from './ipv4-options.ts';
import type { Network } from './network.ts';

export class Ipv4Output {
  private readonly network: Network;
  private nextId: number;
  private cutFor: Destination | null = null;
  private hops = 0;
  private fragmentResult = 0;
  private readonly options = new Ipv4Options();
  private readonly piece = (p: Packet): void => this.sendPiece(p);
  private readonly part = (p: Packet): void => this.sendFragment(p);

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
    const isTooLong = p.gsoSize === 0 && total > d.mtuBytes;
    if (total > IPV4_MAX_LEN || (isTooLong && df)) {
      values[Mib.IpFragFails]++;
      p.release();
      return -Errno.EMSGSIZE;
    }
    if (p.checksumState === ChecksumState.Partial && !d.device.checksumOffload && p.gsoSize === 0) completeChecksum(p);
    const id = this.nextId;
    // Each segment that a super-segment is cut into takes an identification.
    this.nextId = (id + (p.gsoSize === 0 ? 1 : segmentCount(p))) & 0xffff;
    const at = p.push(IPV4_HEADER_LEN);
    p.l3 = at;
    writeIpv4Header(p.view, at, total, tos, id, df ? Ipv4Fragment.DontFragment : 0, hops, protocol, from, to);
    if (isTooLong) return this.fragment(p, d, hops);
    if (d.kind >= DestinationKind.Broadcast && !this.toGroup(p, d, hops)) return 0;
    if (p.gsoSize !== 0 && this.mustCut(p, d, total)) {
      this.cutFor = d;
      cutSegments(p, this.piece);
      return 0;
    }
    this.count(total);
    return network.link.output(p, d);
  }

  /** `output` of a packet whose header has options; no super-segment has. Takes over `p`. */
  outputWith(
    p: Packet, d: Destination, from: number, to: number, protocol: number, ttl: number, tos: number, dontFragment: boolean,
    options: Uint8Array,
  ): number {
    if (options.length === 0) return this.output(p, d, from, to, protocol, ttl, tos, dontFragment);
    const { network } = this;
    const { values } = network.counters;
    const headerLen = IPV4_HEADER_LEN + options.length;
    const total = p.length + headerLen;
    const hops = ttl >= 0 ? ttl : network.settings.ipDefaultTtl;
    const df = dontFragment && !d.mtuLocked;
    values[Mib.IpOutRequests]++;
    p.l4 = p.head;
    p.protocol = protocol;
    const isTooLong = total > d.mtuBytes;
    if (total > IPV4_MAX_LEN || (isTooLong && df)) {
      values[Mib.IpFragFails]++;
      p.release();
      return -Errno.EMSGSIZE;
    }
    if (p.checksumState === ChecksumState.Partial && !d.device.checksumOffload) completeChecksum(p);
    const at = p.push(headerLen);
    p.l3 = at;
    writeIpv4Header(p.view, at, total, tos, this.takeId(), df ? Ipv4Fragment.DontFragment : 0, hops, protocol, from, to);
    p.view.setUint8(at, 0x40 | (headerLen >> 2));
    p.bytes.set(options, at + IPV4_HEADER_LEN);
    // Routes and times that are recorded begin with this host's (ip_options_build).
    this.options.forward(p.view, at, headerLen, from, network.icmp.timestamp(), network.isLocal4);
    if (isTooLong) return this.fragment(p, d, hops, headerLen);
    if (d.kind >= DestinationKind.Broadcast && !this.toGroup(p, d, hops)) return 0;
    this.count(total);
    return network.link.output(p, d);
  }

  /** An identification, for a packet whose header is its sender's own work. */
  takeId(): number {
    const id = this.nextId;
    this.nextId = (id + 1) & 0xffff;
    return id;
  }

  /** A packet that has its header: `head` is there (IP_HDRINCL). It fits the device. Takes over `p`. */
  outputWhole(p: Packet, d: Destination): number {
    const { head, bytes } = p;
    p.l3 = head;
    p.l4 = head + (((bytes[head] as number) & 0xf) << 2);
    p.protocol = bytes[head + 9] as number;
    const total = p.length;
    if (d.kind >= DestinationKind.Broadcast && !this.toGroup(p, d, bytes[head + 8] as number)) return 0;
    this.count(total);
    return this.network.link.output(p, d);
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
    if (hops !== 0 || isBroadcast || d.device.isLoopback) return true;
    p.release();
    return false;
  }

  private count(length: number): void {
    const values = this.network.counters.values;
    values[Mib.IpOutTransmits]++;
    values[Mib.IpExtOutOctets] += length;
  }

  /** Takes over `p`, whose header says that it may be fragmented. */
  private fragment(p: Packet, d: Destination, hops: number, headerLen: number = IPV4_HEADER_LEN): number {
    const { values } = this.network.counters;
    this.cutFor = d;
    this.hops = hops;
    this.fragmentResult = 0;
    if (!fragmentIpv4(p, headerLen, d.mtuBytes, this.part)) {
      values[Mib.IpFragFails]++;
      p.release();
      return -Errno.EMSGSIZE;
    }
    const result = this.fragmentResult;
    values[result < 0 ? Mib.IpFragFails : Mib.IpFragOKs]++;
    return result;
  }

  private sendFragment(p: Packet): void {
    const { network } = this;
    const d = this.cutFor as Destination;
    network.counters.values[Mib.IpFragCreates]++;
    if (d.kind >= DestinationKind.Broadcast && !this.toGroup(p, d, this.hops)) return;
    this.count(p.length);
    const sent = network.link.output(p, d);
    if (sent < 0) this.fragmentResult = sent;
  }
}
