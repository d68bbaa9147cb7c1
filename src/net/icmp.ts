/**
 * ICMPv4 (RFC 792, RFC 1122 section 3.2.2): answers echoes, tells transports of errors, sends errors.
 *
 * Called by ipv4-input.ts and by Network.sendIcmpError. Read Linux's icmp.c beside it.
 */
import { updateChecksum } from '../base/checksum.ts';
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import { IpAddress, V4_MAPPED } from '../base/inet-address.ts';
import { packetSum } from '../link/packet-checksum.ts';
import { ChecksumState, FrameFor, type Packet, takePacket } from '../link/packet.ts';
import { completeChecksum } from '../link/segment.ts';
import { orphan } from '../link/transmitter.ts';
import { ICMP_HEADER_LEN, IcmpCode, IcmpHeader, IcmpQuote, IcmpType, isIcmpError, writeIcmpHeader } from '../wire/icmp.ts';
import { IpProto } from '../wire/ipv4.ts';
import { IcmpErrorKind } from './icmp-error.ts';
import type { Network } from './network.ts';

/** RFC 1812 4.3.2.3 and Linux: an error is at most 576 bytes long. */
const MAX_ERROR_LEN = 576;
const IPV4_HEADER = 20;
/** What the parser of an error needs: its header, an IP header with options, the beginning of a transport header. */
const QUOTE_PULL = ICMP_HEADER_LEN + 60 + 20;
/** RFC 791: every link carries this much. */
const LEAST_MTU = 68;
const MS_PER_DAY = 86_400_000;
const TIMESTAMP_LEN = 20;
/** Errno and "fatal" of the unreachable codes 0 to 15 (Linux's icmp_err_convert). */
const UNREACHABLE: readonly (readonly [number, boolean])[] = [
  [Errno.ENETUNREACH, false], [Errno.EHOSTUNREACH, false], [Errno.ENOPROTOOPT, true], [Errno.ECONNREFUSED, true],
  [Errno.EMSGSIZE, false], [Errno.EOPNOTSUPP, false], [Errno.ENETUNREACH, true], [Errno.EHOSTDOWN, true],
  [64, true], [Errno.ENETUNREACH, true], [Errno.EHOSTUNREACH, true], [Errno.ENETUNREACH, false],
  [Errno.EHOSTUNREACH, false], [Errno.EHOSTUNREACH, true], [Errno.EHOSTUNREACH, true], [Errno.EHOSTUNREACH, true],
];

export class Icmp {
  private readonly network: Network;
  private readonly header = new IcmpHeader();
  private readonly quote = new IcmpQuote();
  private readonly scratch = new Uint8Array(MAX_ERROR_LEN);

  constructor(network: Network) {
    this.network = network;
  }

  /** An ICMP message for us: `head` at its header. Takes over `p`. */
  input(p: Packet): void {
    const { header, network } = this;
    const values = network.counters.values;
    values[Mib.IcmpInMsgs]++;
    if (p.checksumState !== ChecksumState.Verified && packetSum(p, p.head, 0) !== 0xffff) {
      values[Mib.IcmpInCsumErrors]++;
      values[Mib.IcmpInErrors]++;
      return p.release();
    }
    if (!p.pull(ICMP_HEADER_LEN) || !header.parse(p.view, p.head, p.headEnd, p.length)) {
      values[Mib.IcmpInErrors]++;
      return p.release();
    }
    switch (header.type) {
      case IcmpType.Echo:
        values[Mib.IcmpInEchos]++;
        return this.answerEcho(p);
      case IcmpType.EchoReply:
        values[Mib.IcmpInEchoReps]++;
        if (this.network.transport !== null) this.network.transport.echoReply(p);
        return p.release();
      case IcmpType.DestinationUnreachable:
        values[Mib.IcmpInDestUnreachs]++;
        return this.errorInput(p);
      case IcmpType.TimeExceeded:
        values[Mib.IcmpInTimeExcds]++;
        return this.errorInput(p);
      case IcmpType.ParameterProblem:
        values[Mib.IcmpInParmProbs]++;
        return this.errorInput(p);
      case IcmpType.SourceQuench:
        values[Mib.IcmpInSrcQuenchs]++;
        return this.errorInput(p);
      case IcmpType.Redirect:
        values[Mib.IcmpInRedirects]++;
        return this.redirectInput(p);
      case IcmpType.Timestamp:
        values[Mib.IcmpInTimestamps]++;
        return this.answerTimestamp(p);
      default:
        // RFC 1122 3.2.2: unknown types are dropped in silence. Linux counts those above its last one as errors.
        if (header.type > IcmpType.AddressMaskReply) values[Mib.IcmpInErrors]++;
        p.release();
    }
  }

  /** RFC 1122 3.2.2.6: the same packet goes back, its payload untouched. */
  private answerEcho(p: Packet): void {
    const { settings } = this.network;
    if (settings.icmpEchoIgnoreAll !== 0 || (this.isToGroup(p) && settings.icmpEchoIgnoreBroadcasts !== 0)) return p.release();
    const { view, head } = p;
    const before = view.getUint16(head);
    const after = (IcmpType.EchoReply << 8) | (before & 0xff);
    view.setUint16(head, after);
    let checksum = updateChecksum(view.getUint16(head + 2), before, after);
    if (checksum === 0) {
      // Zero may be right, or the message has become all zero: RFC 1624's equation cannot tell, and the sum of nothing is 0.
      view.setUint16(head + 2, 0);
      checksum = ~packetSum(p, head, 0) & 0xffff;
    }
    view.setUint16(head + 2, checksum);
    this.network.counters.values[Mib.IcmpOutEchoReps]++;
    this.sendBack(p);
  }

  /** RFC 792: milliseconds since midnight, of receiving and of sending. */
  private answerTimestamp(p: Packet): void {
    const { network } = this;
    if (this.isToGroup(p) && network.settings.icmpEchoIgnoreBroadcasts !== 0) return p.release();
    if (p.length < TIMESTAMP_LEN || !p.pull(TIMESTAMP_LEN)) {
      network.counters.values[Mib.IcmpInErrors]++;
      return p.release();
    }
    const now = this.timestamp();
    const { view, head } = p;
    p.trimTo(TIMESTAMP_LEN);
    view.setUint16(head, IcmpType.TimestampReply << 8);
    view.setUint16(head + 2, 0);
    view.setInt32(head + 12, now);
    view.setInt32(head + 16, now);
    view.setUint16(head + 2, ~packetSum(p, head, 0) & 0xffff);
    network.counters.values[Mib.IcmpOutTimestampReps]++;
    this.sendBack(p);
  }

  /** Milliseconds since midnight, universal time. */
  timestamp(): number {
    const { loop } = this.network.context;
    return Math.floor((loop.environment.epochUs + loop.now) / 1000) % MS_PER_DAY;
  }

  /**
   * icmp_redirect: network and host redirects count for the host that we sent to. Takes over `p`.
   * Deviation: Linux also wants a socket that sent the quoted packet; here it is enough that its source is ours.
   */
  private redirectInput(p: Packet): void {
    const { header, quote, network } = this;
    p.pull(Math.min(p.length, QUOTE_PULL));
    if (!quote.parse(p.view, p.head + ICMP_HEADER_LEN, p.headEnd)) {
      network.counters.values[Mib.IcmpInErrors]++;
    } else if (header.code <= IcmpCode.RedirectHostTos && network.localWords(0, 0, V4_MAPPED, quote.ip.src)) {
      network.redirects.heard4(p, IpAddress.fromV4(header.gateway), IpAddress.fromV4(quote.ip.dst));
      return this.errorInput(p);
    }
    p.release();
  }

  private isToGroup(p: Packet): boolean {
    return p.frameFor !== FrameFor.Host || p.dstD >>> 28 === 0xe;
  }

  /** A message that was changed into its answer goes back to its sender. Takes over `p`. */
  private sendBack(p: Packet): void {
    const { network } = this;
    const to = IpAddress.fromV4(p.srcD);
    const from = this.isToGroup(p) ? null : IpAddress.fromV4(p.dstD);
    const way = p.srcD === 0 ? null : network.lookup(to, from, null);
    if (way === null) return p.release();
    const { tos } = p;
    orphan(p);
    p.checksumState = ChecksumState.Full;
    p.gsoSize = 0;
    network.counters.values[Mib.IcmpOutMsgs]++;
    network.output(p, way, from ?? way.source, to, IpProto.Icmp, -1, tos, false);
  }

  /** icmp_unreach, icmp_socket_deliver: what is wrong with something we sent goes to its transport. Takes over `p`. */
  private errorInput(p: Packet): void {
    const { header, quote, network } = this;
    const { transport } = network;
    p.pull(Math.min(p.length, QUOTE_PULL));
    if (!quote.parse(p.view, p.head + ICMP_HEADER_LEN, p.headEnd)) {
      network.counters.values[Mib.IcmpInErrors]++;
      return p.release();
    }
    // What does not begin with a transport header tells nobody anything, nor does what we cannot have sent.
    const isOurs = quote.ip.fragmentOffset === 0 && network.localWords(0, 0, V4_MAPPED, quote.ip.src);
    const isLateFragment = header.type === IcmpType.TimeExceeded && header.code === IcmpCode.ExceededReassembly;
    if (transport === null || !isOurs || isLateFragment) return p.release();
    const report = network.errorReport;
    report.protocol = quote.ip.protocol;
    report.isV4 = true;
    report.localA = report.localB = report.remoteA = report.remoteB = 0;
    report.localC = report.remoteC = V4_MAPPED;
    report.localD = quote.ip.src;
    report.remoteD = quote.ip.dst;
    report.packet = p;
    report.bytes = p.bytes;
    report.view = p.view;
    report.at = quote.transportAt;
    report.networkAt = p.head + ICMP_HEADER_LEN;
    report.available = quote.available;
    report.icmpType = header.type;
    report.icmpCode = header.code;
    report.mtuBytes = 0;
    report.info = header.mtuBytes | header.pointer;
    if (header.type === IcmpType.DestinationUnreachable) {
      if (header.code >= UNREACHABLE.length) return p.release();
      const [errno, fatal] = UNREACHABLE[header.code] as readonly [number, boolean];
      report.errno = errno;
      report.fatal = fatal;
      if (header.code === IcmpCode.UnreachableFragmentationNeeded) {
        if (network.settings.ipNoPmtuDisc === 1) return p.release();
        // Linux takes a router that tells no MTU (before RFC 1191) as one that claims less than min_pmtu.
        report.mtuBytes = header.mtuBytes > 0 ? header.mtuBytes : LEAST_MTU;
        // TCP believes a path MTU only for a segment in flight and says so itself; for others there is no such check.
        if (quote.ip.protocol !== IpProto.Tcp) network.setPathMtu(IpAddress.fromV4(quote.ip.dst), report.mtuBytes);
      }
    } else if (header.type === IcmpType.TimeExceeded) {
      report.errno = Errno.EHOSTUNREACH;
      report.fatal = false;
    } else if (header.type === IcmpType.ParameterProblem) {
      report.errno = Errno.EPROTO;
      report.fatal = true;
    } else {
      report.errno = Errno.EREMOTEIO;
      report.fatal = false;
      report.info = header.gateway;
      transport.icmpAdvice(report);
      return p.release();
    }
    transport.icmpError(report);
    p.release();
  }

  /** Sends an error about a packet that arrived (RFC 1122 3.2.2 says about which none may go). Borrows `p`. */
  sendError(p: Packet, kind: IcmpErrorKind, info: number): void {
    const { network } = this;
    const { settings } = network;
    const values = network.counters.values;
    const { l3 } = p;
    if (!mayComplain(p) || network.configuration.isBroadcast4(p.dstD)) return;
    let type: number = IcmpType.DestinationUnreachable;
    let code = 0;
    let rest = 0;
    switch (kind) {
      case IcmpErrorKind.NetUnreachable: code = IcmpCode.UnreachableNet; break;
      case IcmpErrorKind.HostUnreachable: code = IcmpCode.UnreachableHost; break;
      case IcmpErrorKind.ProtocolUnreachable: code = IcmpCode.UnreachableProtocol; break;
      case IcmpErrorKind.PortUnreachable: code = IcmpCode.UnreachablePort; break;
      case IcmpErrorKind.PacketTooBig: code = IcmpCode.UnreachableFragmentationNeeded; rest = info; break;
      case IcmpErrorKind.TimeExceeded: type = IcmpType.TimeExceeded; break;
      case IcmpErrorKind.ReassemblyTimeExceeded: type = IcmpType.TimeExceeded; code = IcmpCode.ExceededReassembly; break;
      case IcmpErrorKind.ParameterProblem: type = IcmpType.ParameterProblem; rest = info << 24; break;
      case IcmpErrorKind.Prohibited: code = IcmpCode.UnreachableFiltered; break;
      case IcmpErrorKind.Redirect: type = IcmpType.Redirect; code = IcmpCode.RedirectHost; rest = info; break;
      default: return;
    }
    const to = IpAddress.fromV4(p.srcD);
    const local = network.localWords(0, 0, V4_MAPPED, p.dstD) ? IpAddress.fromV4(p.dstD) : null;
    const way = network.lookup(to, local, null);
    if (way === null) return;
    // Linux does not limit what stays on the machine, nor "fragmentation needed".
    const isLimited = (settings.icmpRatemask & (1 << type)) !== 0 && kind !== IcmpErrorKind.PacketTooBig;
    if (isLimited && !way.device.isLoopback && !network.rateLimit.allow(to, settings.icmpRatelimit)) return;
    // A super-segment goes on its way after a redirect, and has no checksum of its own.
    if (p.checksumState === ChecksumState.Partial && p.gsoSize === 0) completeChecksum(p);
    const before = p.head;
    p.head = l3;
    const error = takePacket();
    const room = Math.min(MAX_ERROR_LEN, way.mtuBytes) - IPV4_HEADER - ICMP_HEADER_LEN;
    const quoted = p.copyOut(0, this.scratch, 0, room);
    p.head = before;
    const at = error.put(ICMP_HEADER_LEN);
    error.addBytes(this.scratch, 0, quoted, network.context.writer);
    writeIcmpHeader(error.view, at, type, code, rest, error.headEnd, packetSum(error, error.headEnd, 0));
    values[Mib.IcmpOutMsgs]++;
    if (type === IcmpType.DestinationUnreachable) values[Mib.IcmpOutDestUnreachs]++;
    else if (type === IcmpType.TimeExceeded) values[Mib.IcmpOutTimeExcds]++;
    else if (type === IcmpType.Redirect) values[Mib.IcmpOutRedirects]++;
    else values[Mib.IcmpOutParmProbs]++;
    // RFC 1812 4.3.2.5: precedence "internetwork control", the packet's own type of service.
    network.output(error, way, local ?? way.source, to, IpProto.Icmp, -1, (p.tos & 0x1e) | 0xc0, false);
  }
}

/** RFC 1122 3.2.2: no error about a group, a later fragment or an error, and none to a sender that is no single host. */
function mayComplain(p: Packet): boolean {
  const { view, l3 } = p;
  if (p.frameFor !== FrameFor.Host || p.dstD >>> 28 === 0xe || p.dstD === -1) return false;
  if (p.srcD === 0 || p.srcD === -1 || p.srcD >>> 28 === 0xe) return false;
  if ((view.getUint16(l3 + 6) & 0x1fff) !== 0) return false;
  if (view.getUint8(l3 + 9) !== IpProto.Icmp) return true;
  // Of a message whose type is not there nobody can tell. It may lie in what the sender's memory holds.
  const at = l3 + ((view.getUint8(l3) & 0xf) << 2);
  if (!p.pull(at + 1 - p.head)) return false;
  const type = p.view.getUint8(at);
  return type <= IcmpType.AddressMaskReply && !isIcmpError(type);
}
