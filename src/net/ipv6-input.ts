/**
 * IPv6 on its way in: checks the header, decides whether the packet is for us, walks the extension headers, reassembles,
 * hands it to its protocol. What is for others goes on to ipv6-forward.ts.
 *
 * Called by Network.frameInput. Read RFC 8200 section 4 first.
 */
import { Mib } from '../base/counters.ts';
import { isLinkLocal, multicastScope } from '../base/inet-address.ts';
import { FrameFor, type Packet } from '../link/packet.ts';
import {
  IPV6_FRAGMENT_HEADER_LEN, IPV6_HEADER_LEN, IPV6_MAX_PAYLOAD, IPV6_MIN_MTU, IpProto, Ipv6ExtensionWalker, Ipv6FragmentHeader, Ipv6Header,
  Ipv6OptionKind, Ipv6OptionWalker, Ipv6UnknownOption, isIpv6Extension, setIpv6Ecn, setIpv6PayloadLen, unknownOptionAction,
} from '../wire/ipv6.ts';
import { IcmpErrorKind } from './icmp-error.ts';
import type { Network } from './network.ts';
import type { Onward } from './onward.ts';
import { FragmentResult, type ReassemblyOwner, ReassemblyTable } from './reassembly.ts';

/** Bytes that hold the headers of nearly every packet with extension headers. */
const USUAL_HEADERS = 128;

export class Ipv6Input implements ReassemblyOwner {
  private readonly network: Network;
  private readonly header = new Ipv6Header();
  private readonly walker = new Ipv6ExtensionWalker();
  private readonly options = new Ipv6OptionWalker();
  private readonly fragmentHeader = new Ipv6FragmentHeader();
  readonly reassembly: ReassemblyTable;
  readonly maxDistance = 0;
  readonly cutsOddLengths = false;

  constructor(network: Network) {
    this.network = network;
    this.reassembly = new ReassemblyTable(network.context, this);
  }

  get timeoutUs(): number {
    return this.network.settings.ip6fragTime * 1e6;
  }

  get memoryLimit(): number {
    return this.network.settings.ip6fragHighThresh;
  }

  /** `head` is at the IP header. Takes over `p`. */
  input(p: Packet): void {
    const { header, network } = this;
    const values = network.counters.values;
    values[Mib.Ip6InReceives]++;
    values[Mib.Ip6InOctets] += p.length;
    if (!p.pull(IPV6_HEADER_LEN) || !header.parseQuoted(p.view, p.head, p.headEnd)) return this.drop(p, Mib.Ip6InHdrErrors);
    if (IPV6_HEADER_LEN + header.payloadLen > p.length) return this.drop(p, Mib.Ip6InTruncatedPkts);
    p.trimTo(IPV6_HEADER_LEN + header.payloadLen);
    values[Mib.Ip6InNoECTPkts + (header.trafficClass & 3)]++;
    p.l3 = p.head;
    p.isV4 = false;
    p.protocol = header.nextHeader;
    p.ttl = header.hopLimit;
    p.tos = header.trafficClass;
    p.srcA = header.srcA;
    p.srcB = header.srcB;
    p.srcC = header.srcC;
    p.srcD = header.srcD;
    p.dstA = header.dstA;
    p.dstB = header.dstB;
    p.dstC = header.dstC;
    p.dstD = header.dstD;
    if (!this.addressesOk(p)) return this.drop(p, Mib.Ip6InHdrErrors);
    if (network.hooks !== null && !network.hooks.arrived(p)) return;
    if (network.onward.inUse) {
      const onward = network.onward.cached(p);
      if (onward !== null) return this.forward(p, onward);
    }
    if (!this.isForUs(p)) return this.notOurs(p);
    if (header.dstA >>> 24 === 0xff) values[Mib.Ip6InMcastPkts]++;
    if (isIpv6Extension(header.nextHeader)) return this.extensions(p);
    this.deliver(p, p.l3 + IPV6_HEADER_LEN);
  }

  /** A multicast of our own, come back. Takes over `p`. */
  inputLooped(p: Packet): void {
    this.input(p);
  }

  private drop(p: Packet, counter: number): void {
    (this.network.counters.values[counter] as number)++;
    p.release();
  }

  /** RFC 4291 2.5.3, 2.7: the loopback address stays on loopback, a source is never multicast (ip6_rcv_core). */
  private addressesOk(p: Packet): boolean {
    if (p.srcA >>> 24 === 0xff) return false;
    // Multicast scope 0 is reserved; scope 1 never leaves its interface.
    if (p.dstA >>> 24 === 0xff && multicastScope(p.dstA) === 0) return false;
    if (p.device === null || p.device.isLoopback) return true;
    const fromLoopback = (p.srcA | p.srcB | p.srcC) === 0 && p.srcD === 1;
    const toLoopback = (p.dstA | p.dstB | p.dstC) === 0 && p.dstD === 1;
    return !fromLoopback && !toLoopback && !(p.dstA >>> 24 === 0xff && multicastScope(p.dstA) === 1);
  }

  private isForUs(p: Packet): boolean {
    const { configuration } = this.network;
    const { dstA, dstB, dstC, dstD, device } = p;
    if (device === null) return false;
    if (dstA >>> 24 === 0xff || (isLinkLocal(dstA, dstB, dstC, dstD) && !device.isLoopback)) {
      // Groups and link-local addresses belong to the link on which the packet came.
      const owner = configuration.interfaceOf(device);
      if (owner === null) return false;
      if (dstA >>> 24 === 0xff) return owner.isMember(dstA, dstB, dstC, dstD);
      const entry = owner.findWords(dstA, dstB, dstC, dstD);
      return entry !== null && entry.usable;
    }
    const entry = configuration.local.find(dstA, dstB, dstC, dstD);
    return entry !== null && entry.usable;
  }

  /** A packet for somebody else: a router sends it on, a host drops it. */
  private notOurs(p: Packet): void {
    if (p.dstA >>> 24 === 0xff) return this.drop(p, Mib.LinkInUnwantedGroup);
    const onward = this.network.ipv6Forward.find(p);
    if (onward !== null) this.forward(p, onward);
  }

  /** RFC 8200 4.3: of the extension headers the hop-by-hop options alone are for those on the way. */
  private forward(p: Packet, onward: Onward): void {
    if (this.network.settings.interfaces.ipv6.all.forwarding === 0) return this.drop(p, Mib.Ip6InAddrErrors);
    if (this.header.nextHeader === IpProto.HopByHop) {
      const { walker } = this;
      p.pull(Math.min(p.length, USUAL_HEADERS));
      walker.begin(p.view, p.l3, p.headEnd);
      if (!walker.next(p.view)) {
        p.pull(Math.min(p.length, IPV6_MIN_MTU));
        walker.begin(p.view, p.l3, p.headEnd);
        if (!walker.next(p.view)) return this.drop(p, Mib.Ip6InHdrErrors);
      }
      if (!this.optionsOk(p)) return;
    }
    this.network.ipv6Forward.send(p, onward);
  }

  /** RFC 8200 section 4: each extension header in turn, in the order in which they stand. */
  private extensions(p: Packet): void {
    const { walker } = this;
    p.pull(Math.min(p.length, USUAL_HEADERS));
    walker.begin(p.view, p.l3, p.headEnd);
    // A chain that does not end in those bytes is looked at once more with all that a chain may have.
    while (walker.next(p.view) && walker.kind !== IpProto.Fragment);
    if (walker.malformed) p.pull(Math.min(p.length, IPV6_MIN_MTU));
    walker.begin(p.view, p.l3, p.headEnd);
    let previousAt = walker.nextHeaderAt;
    let isFirst = true;
    while (walker.next(p.view)) {
      switch (walker.kind) {
        case IpProto.HopByHop:
          // 4.1: only directly behind the fixed header.
          if (!isFirst) return this.unknownHeader(p, previousAt);
          if (!this.optionsOk(p)) return;
          break;
        case IpProto.DestinationOptions:
          if (!this.optionsOk(p)) return;
          break;
        case IpProto.Routing:
          // RFC 5095 and 8200 4.4: type 0 is gone and others are not for hosts; one that is used up is skipped.
          if (walker.segmentsLeft > 0) {
            this.network.sendIcmpError(p, IcmpErrorKind.ParameterProblem, walker.at + 2 - p.l3);
            return this.drop(p, Mib.Ip6InHdrErrors);
          }
          break;
        case IpProto.Fragment:
          return this.fragment(p, previousAt);
        default:
          return this.unknownHeader(p, previousAt);
      }
      previousAt = walker.nextHeaderAt;
      isFirst = false;
    }
    if (walker.malformed) return this.drop(p, Mib.Ip6InHdrErrors);
    p.protocol = walker.protocol;
    this.deliver(p, walker.payloadAt, previousAt);
  }

  /** Options of the header that the walker stands at; false when the packet has been dropped for one. */
  private optionsOk(p: Packet): boolean {
    const { options, walker, network } = this;
    options.begin(walker.at, walker.length);
    while (options.next(p.view)) {
      const { kind, at } = options;
      if (kind === Ipv6OptionKind.RouterAlert) continue;
      const action = unknownOptionAction(kind);
      if (action === Ipv6UnknownOption.Skip) continue;
      const report = action === Ipv6UnknownOption.DiscardAndReport ||
        (action === Ipv6UnknownOption.DiscardAndReportUnicast && p.dstA >>> 24 !== 0xff);
      if (report) network.sendIcmpError(p, IcmpErrorKind.UnknownOption, at - p.l3);
      this.drop(p, Mib.Ip6InHdrErrors);
      return false;
    }
    if (!options.malformed) return true;
    this.drop(p, Mib.Ip6InHdrErrors);
    return false;
  }

  private unknownHeader(p: Packet, at: number): void {
    this.network.sendIcmpError(p, IcmpErrorKind.ProtocolUnreachable, at - p.l3);
    this.drop(p, Mib.Ip6InUnknownProtos);
  }

  /** `previousAt`: where the next header field stands that named the fragment header. */
  private fragment(p: Packet, previousAt: number): void {
    const { walker, fragmentHeader, network } = this;
    const values = network.counters.values;
    values[Mib.Ip6ReasmReqds]++;
    fragmentHeader.parse(p.view, walker.at, p.headEnd, walker.length);
    const { offset, moreFragments, id, nextHeader } = fragmentHeader;
    const payloadAt = walker.at + IPV6_FRAGMENT_HEADER_LEN;
    const payloadLen = p.length - (payloadAt - p.head);
    if (moreFragments && (payloadLen & 7) !== 0) {
      // RFC 8200 4.5: the length of all but the last is a multiple of eight.
      network.sendIcmpError(p, IcmpErrorKind.ParameterProblem, 4);
      return this.drop(p, Mib.Ip6InHdrErrors);
    }
    if (offset + payloadLen + (payloadAt - p.l3 - IPV6_HEADER_LEN - IPV6_FRAGMENT_HEADER_LEN) > IPV6_MAX_PAYLOAD) {
      network.sendIcmpError(p, IcmpErrorKind.ParameterProblem, walker.at + 2 - p.l3);
      return this.drop(p, Mib.Ip6InHdrErrors);
    }
    // RFC 6946: an "atomic" fragment is whole by itself.
    const isAtomic = offset === 0 && !moreFragments;
    p.head = payloadAt;
    if (isAtomic) return this.reassembled(p, payloadAt, previousAt, nextHeader);
    if (offset === 0) p.l4 = payloadAt;
    // The reassembled packet is rebuilt from its first fragment: that one keeps what is needed for it.
    p.previousHeaderAt = previousAt;
    const link = p.device === null ? 0 : p.device.index;
    const key = `${p.srcA} ${p.srcB} ${p.srcC} ${p.srcD} ${p.dstA} ${p.dstB} ${p.dstC} ${p.dstD} ${id} ${link}`;
    const result = this.reassembly.add(p, key, '', offset, moreFragments);
    if (result === FragmentResult.Kept) return;
    if (result === FragmentResult.Dropped) {
      values[Mib.Ip6ReasmFails]++;
      return;
    }
    const whole = this.reassembly.completed as Packet;
    this.reassembly.completed = null;
    const firstPayload = whole.head;
    this.reassembled(whole, firstPayload, whole.previousHeaderAt, whole.view.getUint8(firstPayload - IPV6_FRAGMENT_HEADER_LEN));
  }

  /** Takes the fragment header out: what stands before it moves up by its eight bytes. */
  private reassembled(p: Packet, payloadAt: number, previousAt: number, nextHeader: number): void {
    const values = this.network.counters.values;
    const from = p.l3;
    const unfragmentable = payloadAt - IPV6_FRAGMENT_HEADER_LEN - from;
    p.view.setUint8(previousAt, nextHeader);
    p.bytes.copyWithin(from + IPV6_FRAGMENT_HEADER_LEN, from, from + unfragmentable);
    p.l3 = from + IPV6_FRAGMENT_HEADER_LEN;
    p.head = p.l3;
    const payloadLen = p.length - IPV6_HEADER_LEN;
    if (payloadLen > 65535) {
      values[Mib.Ip6ReasmFails]++;
      return p.release();
    }
    setIpv6PayloadLen(p.view, p.l3, payloadLen);
    if ((p.tos & 3) === 3) setIpv6Ecn(p.view, p.l3, 3);
    values[Mib.Ip6ReasmOKs]++;
    p.protocol = p.view.getUint8(p.l3 + 6);
    if (isIpv6Extension(p.protocol)) return this.extensions(p);
    this.deliver(p, p.l3 + IPV6_HEADER_LEN);
  }

  reassemblyTimedOut(first: Packet | null): void {
    const values = this.network.counters.values;
    values[Mib.Ip6ReasmTimeout]++;
    values[Mib.Ip6ReasmFails]++;
    if (first !== null) this.network.sendIcmpError(first, IcmpErrorKind.ReassemblyTimeExceeded);
  }

  private deliver(p: Packet, payloadAt: number, namedAt = p.l3 + 6): void {
    const { network } = this;
    const { transport } = network;
    const values = network.counters.values;
    p.l4 = payloadAt;
    p.head = payloadAt;
    p.l4Len = p.length;
    if (network.hooks !== null && !network.hooks.input(p)) return;
    const tookRaw = transport !== null && transport.rawInput(p);
    switch (p.protocol) {
      case IpProto.Tcp:
        values[Mib.Ip6InDelivers]++;
        // Linux's tcp_v6_rcv: no connection speaks to groups.
        if (transport === null || p.frameFor !== FrameFor.Host || p.dstA >>> 24 === 0xff) return p.release();
        return transport.tcpInput(p);
      case IpProto.Udp:
        values[Mib.Ip6InDelivers]++;
        if (transport === null) return p.release();
        return transport.udpInput(p);
      case IpProto.Icmp6:
        values[Mib.Ip6InDelivers]++;
        return network.icmp6.input(p);
      case IpProto.NoNext:
        // RFC 8200 4.7: nothing follows, and nothing is said.
        values[Mib.Ip6InDelivers]++;
        return p.release();
      default:
        if (tookRaw) {
          values[Mib.Ip6InDelivers]++;
        } else {
          values[Mib.Ip6InUnknownProtos]++;
          network.sendIcmpError(p, IcmpErrorKind.ProtocolUnreachable, namedAt - p.l3);
        }
        p.release();
    }
  }
}
