/**
 * IPv4 on its way in: checks the header, decides whether the packet is for us, reassembles, hands it to its protocol.
 *
 * Called by Network.frameInput. Read RFC 1122 section 3.2.1 and Linux's ip_rcv first; drops are counted under the names
 * that nstat uses.
 */
import { Mib } from '../base/counters.ts';
import { V4_MAPPED } from '../base/inet-address.ts';
import type { Packet } from '../link/packet.ts';
import { IPV4_HEADER_LEN, ipv4ChecksumOk, Ipv4Header, Ipv4OptionKind, Ipv4OptionWalker, IpProto, rewriteIpv4Lengths } from '../wire/ipv4.ts';
import { IcmpErrorKind } from './icmp-error.ts';
import { LinkType, type Network } from './network.ts';
import { FragmentResult, type ReassemblyOwner, ReassemblyTable } from './reassembly.ts';

export class Ipv4Input implements ReassemblyOwner {
  private readonly network: Network;
  private readonly header = new Ipv4Header();
  private readonly options = new Ipv4OptionWalker();
  private readonly reassembly: ReassemblyTable;

  constructor(network: Network) {
    this.network = network;
    this.reassembly = new ReassemblyTable(network.context, this);
  }

  get timeoutUs(): number {
    return this.network.settings.ipfragTime * 1e6;
  }

  get memoryLimit(): number {
    return this.network.settings.ipfragHighThresh;
  }

  /** `head` is at the IP header. Takes over `p`. */
  input(p: Packet): void {
    const { header, network } = this;
    const values = network.counters.values;
    values[Mib.IpInReceives]++;
    if (!p.pull(IPV4_HEADER_LEN) || !p.pull(((p.bytes[p.head] as number) & 0xf) << 2) || !header.parse(p.view, p.head, p.headEnd, p.length)) {
      return this.drop(p, Mib.IpInHdrErrors);
    }
    if (!ipv4ChecksumOk(p.view, p.head, header.headerLen)) {
      values[Mib.IpExtInCsumErrors]++;
      return this.drop(p, Mib.IpInHdrErrors);
    }
    p.trimTo(header.totalLen);
    p.l3 = p.head;
    p.isV4 = true;
    p.protocol = header.protocol;
    p.ttl = header.ttl;
    p.tos = header.tos;
    p.srcA = 0;
    p.srcB = 0;
    p.srcC = V4_MAPPED;
    p.srcD = header.src;
    p.dstA = 0;
    p.dstB = 0;
    p.dstC = V4_MAPPED;
    p.dstD = header.dst;
    if (header.headerLen > IPV4_HEADER_LEN && !this.optionsOk(p)) return;
    if (!this.sourceOk(p) || !this.isForUs(p)) return this.drop(p, Mib.IpInAddrErrors);
    if (header.isFragment) return this.fragment(p);
    this.deliver(p, header.headerLen);
  }

  /** A broadcast or multicast of our own, come back. Takes over `p`. */
  inputLooped(p: Packet): void {
    this.input(p);
  }

  private drop(p: Packet, counter: number): void {
    (this.network.counters.values[counter] as number)++;
    p.release();
  }

  /** Source routes are refused and malformed options answered (RFC 1122 3.2.1.8, Linux's ip_options_compile). */
  private optionsOk(p: Packet): boolean {
    const { options, header, network } = this;
    options.begin(p.head, header.headerLen);
    while (options.next(p.view)) {
      if (options.kind === Ipv4OptionKind.LooseSourceRoute || options.kind === Ipv4OptionKind.StrictSourceRoute) {
        this.drop(p, Mib.IpInHdrErrors);
        return false;
      }
    }
    if (options.malformedAt === 0) return true;
    network.sendIcmpError(p, IcmpErrorKind.ParameterProblem, options.malformedAt);
    this.drop(p, Mib.IpInHdrErrors);
    return false;
  }

  /** Martians: sources that no packet may have (RFC 1122 3.2.1.3, ip_route_input_slow). */
  private sourceOk(p: Packet): boolean {
    const { srcD } = p;
    const top = srcD >>> 24;
    if (srcD === -1 || top >>> 4 === 0xe) return false;
    const device = p.device;
    if (device === null || device.isLoopback) return true;
    if (top === 127 || p.dstD >>> 24 === 127) return false;
    // 0.0.0.0 is for hosts that have no address yet, towards everybody.
    if (top === 0) return srcD === 0 && p.dstD === -1;
    return true;
  }

  private isForUs(p: Packet): boolean {
    const { network } = this;
    const { dstD, device } = p;
    if (network.localWords(0, 0, V4_MAPPED, dstD)) return p.linkType === LinkType.Host;
    if (device === null) return false;
    if (dstD === -1) return true;
    const owner = network.interfaceOf(device);
    if (owner === null) return false;
    if (dstD >>> 28 === 0xe) return owner.isMember(0, 0, V4_MAPPED, dstD);
    const list = owner.addresses;
    for (let i = 0; i < list.length; i++) {
      const broadcast = (list[i] as (typeof list)[number]).broadcast;
      if (broadcast !== 0 && broadcast === dstD) return true;
    }
    return false;
  }

  private fragment(p: Packet): void {
    const { header, network } = this;
    const values = network.counters.values;
    const { src, dst, id, protocol, fragmentOffset, moreFragments, headerLen } = header;
    values[Mib.IpReasmReqds]++;
    p.head += headerLen;
    p.l4 = p.head;
    const key = `${src} ${dst} ${id} ${protocol}`;
    const result = this.reassembly.add(p, key, fragmentOffset, moreFragments);
    if (result === FragmentResult.Kept) return;
    if (result === FragmentResult.Dropped) {
      values[Mib.IpReasmFails]++;
      return;
    }
    const whole = this.reassembly.completed as Packet;
    this.reassembly.completed = null;
    const wholeHeader = ((whole.bytes[whole.l3] as number) & 0xf) << 2;
    whole.head = whole.l3;
    if (whole.length > 65535) {
      values[Mib.IpReasmFails]++;
      whole.release();
      return;
    }
    values[Mib.IpReasmOKs]++;
    rewriteIpv4Lengths(whole.view, whole.l3, wholeHeader, whole.length, id, 0);
    this.deliver(whole, wholeHeader);
  }

  reassemblyTimedOut(first: Packet | null): void {
    const values = this.network.counters.values;
    values[Mib.IpReasmTimeout]++;
    values[Mib.IpReasmFails]++;
    if (first !== null) this.network.sendIcmpError(first, IcmpErrorKind.ReassemblyTimeExceeded);
  }

  private deliver(p: Packet, headerLen: number): void {
    const { network } = this;
    const values = network.counters.values;
    p.l4 = p.l3 + headerLen;
    p.head = p.l4;
    p.l4Len = p.length;
    const { transport } = network;
    switch (p.protocol) {
      case IpProto.Tcp:
        values[Mib.IpInDelivers]++;
        if (transport === null) return p.release();
        return transport.tcpInput(p);
      case IpProto.Udp:
        values[Mib.IpInDelivers]++;
        if (transport === null) return p.release();
        return transport.udpInput(p);
      case IpProto.Icmp:
        values[Mib.IpInDelivers]++;
        return network.icmp.input(p);
      case IpProto.Igmp:
        // We join no routed IPv4 group yet, so there is nothing to report; the query is taken notice of.
        values[Mib.IpInDelivers]++;
        return p.release();
      default:
        if (transport?.rawInput(p) !== true) {
          network.sendIcmpError(p, IcmpErrorKind.ProtocolUnreachable);
          values[Mib.IpInUnknownProtos]++;
        }
        p.release();
    }
  }
}
