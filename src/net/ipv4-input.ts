/**
 * IPv4 on its way in: checks the header, decides whether the packet is for us, reassembles, hands it to its protocol. What
 * is for others goes on to ipv4-forward.ts.
 *
 * Called by Network.frameInput. Read RFC 1122 section 3.2.1 and Linux's ip_rcv first; drops are counted under the names
 * that nstat uses.
 */
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import { V4_MAPPED } from '../base/inet-address.ts';
import type { Device } from '../link/device.ts';
import { ChecksumState, FrameFor, type Packet } from '../link/packet.ts';
import { DestinationKind } from './destination.ts';
import {
  IPV4_HEADER_LEN, ipv4ChecksumOk, Ipv4Header, IpProto, rewriteIpv4Lengths, setIpv4Ecn,
} from '../wire/ipv4.ts';
import { IcmpErrorKind } from './icmp-error.ts';
import { Ipv4Options } from './ipv4-options.ts';
import type { Network } from './network.ts';
import type { Onward } from './onward.ts';
import { FragmentResult, type ReassemblyOwner, ReassemblyTable } from './reassembly.ts';

/** 127.255.255.255, the broadcast address of 127.0.0.1/8. */
const LOOPBACK_BROADCAST = 0x7fffffff;

/** What `classify` says of an address that this host does not listen to. */
const NOT_OURS = -1;

export class Ipv4Input implements ReassemblyOwner {
  private readonly network: Network;
  private readonly header = new Ipv4Header();
  private readonly options = new Ipv4Options();
  readonly reassembly: ReassemblyTable;
  readonly cutsOddLengths = true;
  // The last packet that was for an address of ours and no martian: the next one mostly has the same addresses.
  private knownGeneration = -1;
  private knownDevice: Device | null = null;
  private knownSrc = 0;
  private knownDst = 0;

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

  get maxDistance(): number {
    return this.network.settings.ipfragMaxDist;
  }

  /** `head` is at the IP header. Takes over `p`. */
  input(p: Packet): void {
    this.accept(p, false);
  }

  /** A broadcast or multicast of our own, come back. Takes over `p`. */
  inputLooped(p: Packet): void {
    this.accept(p, true);
  }

  private accept(p: Packet, looped: boolean): void {
    const { header, network } = this;
    const values = network.counters.values;
    const length = p.length;
    values[Mib.IpInReceives]++;
    values[Mib.IpExtInOctets] += length;
    if (!p.pull(IPV4_HEADER_LEN) || !p.pull(((p.bytes[p.head] as number) & 0xf) << 2)) return this.drop(p, Mib.IpInHdrErrors);
    if (!header.parse(p.view, p.head, p.headEnd, length)) {
      return this.drop(p, isCutOff(p, length) ? Mib.IpExtInTruncatedPkts : Mib.IpInHdrErrors);
    }
    if (!ipv4ChecksumOk(p.view, p.head, header.headerLen)) {
      values[Mib.IpExtInCsumErrors]++;
      return this.drop(p, Mib.IpInHdrErrors);
    }
    // Ethernet pads short frames.
    if (length > header.totalLen) p.trimTo(header.totalLen);
    values[Mib.IpExtInNoECTPkts + (header.tos & 3)]++;
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
    if (network.hooks !== null) {
      if (!network.hooks.arrived(p)) return;
      header.src = p.srcD;
      header.dst = p.dstD;
    }
    const device = p.device as Device;
    let kind: number = DestinationKind.Local;
    if (
      header.dst !== this.knownDst || header.src !== this.knownSrc || device !== this.knownDevice ||
      network.generation !== this.knownGeneration
    ) {
      if (network.onward.inUse) {
        const onward = network.onward.cached(p);
        if (onward !== null) return this.forward(p, onward);
      }
      kind = this.classify(header, device);
      if (!looped && !device.isLoopback && !this.maySend(p, kind)) return;
      if (kind === NOT_OURS) return this.notOurs(p);
      if (kind === DestinationKind.Local && !looped) {
        this.knownGeneration = network.generation;
        this.knownDevice = device;
        this.knownSrc = header.src;
        this.knownDst = header.dst;
      }
    }
    if (kind === DestinationKind.Multicast) {
      values[Mib.IpExtInMcastPkts]++;
      values[Mib.IpExtInMcastOctets] += header.totalLen;
    } else if (kind === DestinationKind.Broadcast) {
      values[Mib.IpExtInBcastPkts]++;
      values[Mib.IpExtInBcastOctets] += header.totalLen;
      // UDP and ICMP look here: a broadcast address in a frame to us alone is still a broadcast.
      p.frameFor = FrameFor.Broadcast;
    }
    if (header.headerLen > IPV4_HEADER_LEN) {
      if (!this.optionsOk(p)) return;
      if (kind === DestinationKind.Local) this.recordHere(p);
    }
    if (header.isFragment) return this.fragment(p);
    this.deliver(p, header.headerLen);
  }

  private drop(p: Packet, counter: number): void {
    (this.network.counters.values[counter] as number)++;
    p.release();
  }

  /** The receiver is a station of recorded routes and timestamps too (ip_options_compile, RFC 1122 3.2.1.8). */
  private recordHere(p: Packet): void {
    const { options, header, network } = this;
    options.forward(p.view, p.l3, header.headerLen, header.dst, network.icmp.timestamp(), network.isLocal4);
  }

  /** Refuses what is malformed, and source routes (accept_source_route 0). */
  private optionsOk(p: Packet): boolean {
    const { options, header, network } = this;
    if (options.check(p.view, p.l3, header.headerLen)) return true;
    p.l4 = p.l3 + header.headerLen;
    if (options.badAt !== 0) network.sendIcmpError(p, IcmpErrorKind.ParameterProblem, options.badAt);
    this.drop(p, Mib.IpInHdrErrors);
    return false;
  }

  /** DestinationKind, or NOT_OURS. Linux is a "weak end system": any address of the host counts on any device. */
  private classify({ dst, src, protocol }: Ipv4Header, device: Device): number {
    const { configuration } = this.network;
    if (configuration.local.find(0, 0, V4_MAPPED, dst) !== null) return DestinationKind.Local;
    if (dst >>> 28 === 0xe) {
      const owner = configuration.interfaceOf(device);
      const member = owner === null ? null : owner.findGroup(0, 0, V4_MAPPED, dst);
      // Filters are no concern of IGMP (ip_check_mc_rcu).
      const isWanted = member !== null && (protocol === IpProto.Igmp || member.accepts(0, 0, V4_MAPPED, src));
      return isWanted ? DestinationKind.Multicast : NOT_OURS;
    }
    if (dst === -1) return DestinationKind.Broadcast;
    if (dst >>> 24 === 127) {
      if (!device.isLoopback) return NOT_OURS;
      return dst === LOOPBACK_BROADCAST ? DestinationKind.Broadcast : DestinationKind.Local;
    }
    return configuration.isBroadcast4(dst) ? DestinationKind.Broadcast : NOT_OURS;
  }

  /** RFC 1122 3.2.1.3, RFC 1812 5.3.7 and 5.3.8: drops what no packet from a wire can be, and what rp_filter refuses. */
  private maySend(p: Packet, kind: number): boolean {
    const { network } = this;
    const { srcD, dstD } = p;
    let isMartian = this.isMartian(srcD, dstD, kind);
    if (!isMartian && srcD !== 0 && kind !== NOT_OURS) {
      const owner = network.onward.interfaceOf(p.device as Device);
      const onLink = owner === null ? 0 : network.onward.validateSource(srcD, owner, null);
      if (onLink === -Errno.EXDEV) {
        this.drop(p, Mib.TcpExtIPReversePathFilter);
        return false;
      }
      isMartian = onLink < 0;
    }
    if (isMartian) this.drop(p, Mib.IpInMartians);
    return !isMartian;
  }

  /** ip_route_input_slow: addresses that are none. Whether the source is one of ours: `validateSource`. */
  private isMartian(src: number, dst: number, kind: number): boolean {
    const top = src >>> 24;
    if (src >>> 28 === 0xe || src === -1 || top === 127) return true;
    // DHCP's first packets come from nowhere, and go to everybody.
    if (top === 0) return !(src === 0 && kind >= DestinationKind.Broadcast);
    return dst >>> 24 === 127 || dst >>> 24 === 0;
  }

  /** A packet for somebody else: a router sends it on, a host drops it. */
  private notOurs(p: Packet): void {
    if (p.dstD >>> 28 === 0xe) return this.drop(p, Mib.LinkInUnwantedGroup);
    const onward = this.network.ipv4Forward.find(p);
    if (onward !== null) this.forward(p, onward);
  }

  private forward(p: Packet, onward: Onward): void {
    const { headerLen } = this.header;
    if (headerLen > IPV4_HEADER_LEN && !this.optionsOk(p)) return;
    // Whoever completes a checksum needs to know where; a device or the sender has said so when it is partial.
    if (p.checksumState !== ChecksumState.Partial) p.l4 = p.l3 + headerLen;
    this.network.ipv4Forward.send(p, onward, headerLen);
  }

  private fragment(p: Packet): void {
    const { header, network } = this;
    const values = network.counters.values;
    const { src, dst, id, protocol, fragmentOffset, moreFragments, headerLen } = header;
    values[Mib.IpReasmReqds]++;
    p.head += headerLen;
    p.l4 = p.head;
    const key = `${src} ${dst} ${id} ${protocol}`;
    const result = this.reassembly.add(p, key, String(src), fragmentOffset, moreFragments);
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
    if ((whole.tos & 3) === 3) setIpv4Ecn(whole.view, whole.l3, 3);
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
    if (network.hooks !== null && !network.hooks.input(p)) return;
    const { transport } = network;
    const tookRaw = transport !== null && transport.rawInput(p);
    switch (p.protocol) {
      case IpProto.Tcp:
        values[Mib.IpInDelivers]++;
        // Linux's tcp_v4_rcv: no connection speaks through broadcast frames.
        if (transport === null || p.frameFor !== FrameFor.Host) return p.release();
        return transport.tcpInput(p);
      case IpProto.Udp:
        values[Mib.IpInDelivers]++;
        if (transport === null) return p.release();
        return transport.udpInput(p);
      case IpProto.Icmp:
        values[Mib.IpInDelivers]++;
        return network.icmp.input(p);
      case IpProto.Igmp:
        values[Mib.IpInDelivers]++;
        return network.groups.igmp.input(p);
      default:
        if (tookRaw) {
          values[Mib.IpInDelivers]++;
        } else {
          values[Mib.IpInUnknownProtos]++;
          network.sendIcmpError(p, IcmpErrorKind.ProtocolUnreachable);
        }
        p.release();
    }
  }
}

/** The header is sound but says more than came. */
function isCutOff(p: Packet, length: number): boolean {
  const first = p.bytes[p.head] as number;
  return first >> 4 === 4 && (first & 0xf) >= 5 && p.view.getUint16(p.head + 2) > length;
}
