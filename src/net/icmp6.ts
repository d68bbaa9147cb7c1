/**
 * ICMPv6 (RFC 4443): answers echoes, tells transports of errors, sends errors, passes neighbour discovery on.
 *
 * Called by ipv6-input.ts and by Network.sendIcmpError.
 */
import { pseudoHeaderSum6, updateChecksum } from '../base/checksum.ts';
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import { IpAddress } from '../base/inet-address.ts';
import { packetPseudoSum, packetSum } from '../link/packet-checksum.ts';
import { ChecksumState, FrameFor, type Packet, takePacket } from '../link/packet.ts';
import { completeChecksum } from '../link/segment.ts';
import { orphan } from '../link/transmitter.ts';
import {
  ICMP6_HEADER_LEN, Icmp6Code, Icmp6Header, Icmp6Quote, Icmp6Type, isIcmp6Error, writeIcmp6Header,
} from '../wire/icmp6.ts';
import { IPV6_HEADER_LEN, IPV6_MIN_MTU, IpProto, Ipv6ExtensionWalker } from '../wire/ipv6.ts';
import { IcmpErrorKind } from './icmp-error.ts';
import type { Network } from './network.ts';

/** Errno and "fatal" of the unreachable codes 0 to 6 (Linux's tab_unreach). */
const UNREACHABLE: readonly (readonly [number, boolean])[] = [
  [Errno.ENETUNREACH, false], [Errno.EACCES, true], [Errno.EHOSTUNREACH, false], [Errno.EHOSTUNREACH, false],
  [Errno.ECONNREFUSED, true], [Errno.EACCES, true], [Errno.EACCES, true],
];

/** What the parser of an error usually needs: its header, an IPv6 header, the beginning of a transport header. */
const QUOTE_PULL = ICMP6_HEADER_LEN + IPV6_HEADER_LEN + 40;

export class Icmp6 {
  private readonly network: Network;
  private readonly header = new Icmp6Header();
  private readonly quote = new Icmp6Quote();
  private readonly scratch = new Uint8Array(IPV6_MIN_MTU);

  constructor(network: Network) {
    this.network = network;
  }

  /** A message for us: `head` at its header. Takes over `p`. */
  input(p: Packet): void {
    const { header, network } = this;
    const values = network.counters.values;
    values[Mib.Icmp6InMsgs]++;
    if (p.checksumState !== ChecksumState.Verified && packetSum(p, p.head, packetPseudoSum(p)) !== 0xffff) {
      values[Mib.Icmp6InCsumErrors]++;
      values[Mib.Icmp6InErrors]++;
      return p.release();
    }
    if (!p.pull(ICMP6_HEADER_LEN) || !header.parse(p.view, p.head, p.headEnd, p.length)) {
      values[Mib.Icmp6InErrors]++;
      return p.release();
    }
    switch (header.type) {
      case Icmp6Type.Echo:
        values[Mib.Icmp6InEchos]++;
        return this.answerEcho(p);
      case Icmp6Type.EchoReply:
        values[Mib.Icmp6InEchoReplies]++;
        if (network.transport !== null) network.transport.echoReply(p);
        return p.release();
      case Icmp6Type.DestinationUnreachable:
        values[Mib.Icmp6InDestUnreachs]++;
        return this.errorInput(p);
      case Icmp6Type.PacketTooBig:
        values[Mib.Icmp6InPktTooBigs]++;
        return this.errorInput(p);
      case Icmp6Type.TimeExceeded:
        values[Mib.Icmp6InTimeExcds]++;
        return this.errorInput(p);
      case Icmp6Type.ParameterProblem:
        values[Mib.Icmp6InParmProblems]++;
        return this.errorInput(p);
      case Icmp6Type.RouterSolicitation:
        values[Mib.Icmp6InRouterSolicits]++;
        return network.discovery.input(p);
      case Icmp6Type.RouterAdvertisement:
        values[Mib.Icmp6InRouterAdvertisements]++;
        return network.discovery.input(p);
      case Icmp6Type.NeighbourSolicitation:
        values[Mib.Icmp6InNeighborSolicits]++;
        return network.discovery.input(p);
      case Icmp6Type.NeighbourAdvertisement:
        values[Mib.Icmp6InNeighborAdvertisements]++;
        return network.discovery.input(p);
      case Icmp6Type.Redirect:
        values[Mib.Icmp6InRedirects]++;
        return network.discovery.input(p);
      case Icmp6Type.MldQuery:
        values[Mib.Icmp6InGroupMembQueries]++;
        return network.groups.mld.input(p);
      case Icmp6Type.MldReport:
        values[Mib.Icmp6InGroupMembResponses]++;
        return network.groups.mld.reportInput(p);
      case Icmp6Type.MldDone:
        values[Mib.Icmp6InGroupMembReductions]++;
        return p.release();
      case Icmp6Type.Mld2Report:
        values[Mib.Icmp6InMLDv2Reports]++;
        return p.release();
      default:
        if (isIcmp6Error(header.type)) return this.errorInput(p);
        p.release();
    }
  }

  /** RFC 4443 4.2: the same packet goes back; from a group's address by one of ours. */
  private answerEcho(p: Packet): void {
    const { network } = this;
    const toGroup = p.dstA >>> 24 === 0xff;
    const to = new IpAddress(p.srcA, p.srcB, p.srcC, p.srcD);
    const from = toGroup ? null : new IpAddress(p.dstA, p.dstB, p.dstC, p.dstD);
    // A source that stands for IPv4 (RFC 4291 2.5.5.2) is none in an IPv6 packet.
    const way = to.isV4 ? null : network.lookup(to, from, to.isLinkLocal || toGroup ? p.device : null);
    if (way === null) return p.release();
    const { tos, head, view } = p;
    const source = from ?? way.source;
    orphan(p);
    let checksum = updateChecksum(view.getUint16(head + 2), Icmp6Type.Echo << 8, Icmp6Type.EchoReply << 8);
    view.setUint8(head, Icmp6Type.EchoReply);
    if (toGroup) {
      view.setUint16(head + 2, 0);
      const pseudo = pseudoHeaderSum6(source.a, source.b, source.c, source.d, to.a, to.b, to.c, to.d, IpProto.Icmp6, p.l4Len);
      checksum = ~packetSum(p, head, pseudo) & 0xffff;
    }
    view.setUint16(head + 2, checksum);
    p.checksumState = ChecksumState.Full;
    p.gsoSize = 0;
    const values = network.counters.values;
    values[Mib.Icmp6OutMsgs]++;
    values[Mib.Icmp6OutEchoReplies]++;
    network.output(p, way, source, to, IpProto.Icmp6, -1, tos, false);
  }

  private errorInput(p: Packet): void {
    const { header, quote, network } = this;
    const { transport } = network;
    p.pull(Math.min(p.length, QUOTE_PULL));
    let isSound = quote.parse(p.view, p.head + ICMP6_HEADER_LEN, p.headEnd);
    if ((!isSound || quote.available < 8) && p.length > QUOTE_PULL) {
      // A long chain of extension headers.
      p.pull(Math.min(p.length, IPV6_MIN_MTU));
      isSound = quote.parse(p.view, p.head + ICMP6_HEADER_LEN, p.headEnd);
    }
    if (!isSound) {
      network.counters.values[Mib.Icmp6InErrors]++;
      return p.release();
    }
    const { ip } = quote;
    const isOurs = network.localWords(ip.srcA, ip.srcB, ip.srcC, ip.srcD);
    if (quote.isLaterFragment || quote.available < 8 || transport === null || !isOurs) return p.release();
    const report = network.errorReport;
    report.protocol = quote.protocol;
    report.isV4 = false;
    report.localA = ip.srcA;
    report.localB = ip.srcB;
    report.localC = ip.srcC;
    report.localD = ip.srcD;
    report.remoteA = ip.dstA;
    report.remoteB = ip.dstB;
    report.remoteC = ip.dstC;
    report.remoteD = ip.dstD;
    report.packet = p;
    report.bytes = p.bytes;
    report.view = p.view;
    report.at = quote.transportAt;
    report.networkAt = p.head + ICMP6_HEADER_LEN;
    report.available = quote.available;
    report.icmpType = header.type;
    report.icmpCode = header.code;
    report.mtuBytes = 0;
    report.info = header.rest >>> 0;
    report.fatal = false;
    if (header.type === Icmp6Type.DestinationUnreachable) {
      const [errno, fatal] = UNREACHABLE[header.code] ?? [Errno.EPROTO, true];
      report.errno = errno;
      report.fatal = fatal;
    } else if (header.type === Icmp6Type.PacketTooBig) {
      report.errno = Errno.EMSGSIZE;
      report.mtuBytes = header.mtuBytes;
      // As in icmp.ts: TCP checks and says so itself.
      if (quote.protocol !== IpProto.Tcp) {
        network.setPathMtu(new IpAddress(ip.dstA, ip.dstB, ip.dstC, ip.dstD), header.mtuBytes);
      }
    } else if (header.type === Icmp6Type.TimeExceeded) {
      report.errno = Errno.EHOSTUNREACH;
    } else {
      // An error of a type that nobody knows is one all the same (RFC 4443 2.4 a).
      report.errno = Errno.EPROTO;
      report.fatal = header.type === Icmp6Type.ParameterProblem;
    }
    transport.icmpError(report);
    p.release();
  }

  /** Sends an error about a packet that arrived (RFC 4443 2.4 e says about which none may go). Borrows `p`. */
  sendError(p: Packet, kind: IcmpErrorKind, info: number): void {
    const { network } = this;
    const values = network.counters.values;
    const { l3 } = p;
    let type: number = Icmp6Type.DestinationUnreachable;
    let code = 0;
    let rest = 0;
    switch (kind) {
      case IcmpErrorKind.NetUnreachable: code = Icmp6Code.UnreachableNoRoute; break;
      case IcmpErrorKind.HostUnreachable: code = Icmp6Code.UnreachableAddress; break;
      case IcmpErrorKind.Prohibited: code = Icmp6Code.UnreachableProhibited; break;
      case IcmpErrorKind.BeyondScope: code = Icmp6Code.UnreachableBeyondScope; break;
      case IcmpErrorKind.PortUnreachable: code = Icmp6Code.UnreachablePort; break;
      case IcmpErrorKind.PacketTooBig: type = Icmp6Type.PacketTooBig; rest = info; break;
      case IcmpErrorKind.TimeExceeded: type = Icmp6Type.TimeExceeded; break;
      case IcmpErrorKind.ReassemblyTimeExceeded: type = Icmp6Type.TimeExceeded; code = Icmp6Code.ExceededReassembly; break;
      case IcmpErrorKind.ParameterProblem: type = Icmp6Type.ParameterProblem; rest = info; break;
      case IcmpErrorKind.UnknownOption: type = Icmp6Type.ParameterProblem; code = Icmp6Code.ParameterOption; rest = info; break;
      case IcmpErrorKind.ProtocolUnreachable:
        type = Icmp6Type.ParameterProblem;
        code = Icmp6Code.ParameterNextHeader;
        rest = info;
        break;
      default: return;
    }
    // e.3: not about multicasts, but for packet too big and options that must be reported.
    if (!mayComplain(p)) return;
    const toGroup = p.dstA >>> 24 === 0xff;
    const evenForGroups = kind === IcmpErrorKind.PacketTooBig || kind === IcmpErrorKind.UnknownOption;
    if ((toGroup || p.frameFor !== FrameFor.Host) && !evenForGroups) return;
    const to = new IpAddress(p.srcA, p.srcB, p.srcC, p.srcD);
    const local = network.localWords(p.dstA, p.dstB, p.dstC, p.dstD) ? new IpAddress(p.dstA, p.dstB, p.dstC, p.dstD) : null;
    const way = to.isV4 ? null : network.lookup(to, local, to.isLinkLocal ? p.device : null);
    if (way === null) return;
    if (type !== Icmp6Type.PacketTooBig && !way.device.isLoopback) {
      // Linux: the wider the prefix of the route, the more errors may go there.
      const interval = network.settings.icmp6Ratelimit >> ((128 - way.prefixLength) >> 5);
      if (!network.rateLimit.allow(to, interval)) return;
    }
    if (p.checksumState === ChecksumState.Partial && p.gsoSize === 0) completeChecksum(p);
    const before = p.head;
    p.head = l3;
    const error = takePacket();
    const quoted = p.copyOut(0, this.scratch, 0, IPV6_MIN_MTU - IPV6_HEADER_LEN - ICMP6_HEADER_LEN);
    p.head = before;
    const at = error.put(ICMP6_HEADER_LEN);
    error.addBytes(this.scratch, 0, quoted, network.context.writer);
    const from = local ?? way.source;
    const length = ICMP6_HEADER_LEN + quoted;
    const pseudo = pseudoHeaderSum6(from.a, from.b, from.c, from.d, to.a, to.b, to.c, to.d, IpProto.Icmp6, length);
    const sum = packetSum(error, error.headEnd, pseudo);
    writeIcmp6Header(error.view, at, type, code, rest, error.headEnd, sum);
    values[Mib.Icmp6OutMsgs]++;
    if (type === Icmp6Type.DestinationUnreachable) values[Mib.Icmp6OutDestUnreachs]++;
    else if (type === Icmp6Type.PacketTooBig) values[Mib.Icmp6OutPktTooBigs]++;
    else if (type === Icmp6Type.TimeExceeded) values[Mib.Icmp6OutTimeExcds]++;
    else values[Mib.Icmp6OutParmProblems]++;
    network.output(error, way, from, to, IpProto.Icmp6, -1, 0, false);
  }
}

const walker = new Ipv6ExtensionWalker();

/** RFC 4443 2.4 e: no error about an error or a redirect, and none to a sender that is no single host. */
function mayComplain(p: Packet): boolean {
  if ((p.srcA | p.srcB | p.srcC | p.srcD) === 0 || p.srcA >>> 24 === 0xff) return false;
  const { view, l3, headEnd } = p;
  walker.begin(view, l3, headEnd);
  while (walker.next(view));
  if (walker.malformed || walker.protocol !== IpProto.Icmp6) return true;
  // Linux: of a message whose type is not there nobody can tell, so it may be an error.
  if (!p.pull(walker.payloadAt + 1 - p.head)) return false;
  const type = p.view.getUint8(walker.payloadAt);
  return !isIcmp6Error(type) && type !== Icmp6Type.Redirect;
}
