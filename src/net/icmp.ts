/**
 * ICMPv4 (RFC 792, RFC 1122 section 3.2.2): answers echoes, tells transports of errors, sends errors.
 *
 * Called by ipv4-input.ts and by Network.sendIcmpError.
 */
import { updateChecksum } from '../base/checksum.ts';
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import { IpAddress, V4_MAPPED } from '../base/inet-address.ts';
import { packetSum } from '../link/packet-checksum.ts';
import { ChecksumState, type Packet, takePacket } from '../link/packet.ts';
import { completeChecksum } from '../link/segment.ts';
import { ICMP_HEADER_LEN, IcmpCode, IcmpHeader, IcmpQuote, IcmpType, isIcmpError, writeIcmpHeader } from '../wire/icmp.ts';
import { IpProto } from '../wire/ipv4.ts';
import { IcmpErrorKind } from './icmp-error.ts';
import { LinkType, type Network } from './network.ts';

/** RFC 1812 4.3.2.3 and Linux: an error is at most 576 bytes long. */
const MAX_ERROR_LEN = 576;
const IPV4_HEADER = 20;
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

  constructor(network: Network) {
    this.network = network;
  }

  /** An ICMP message for us: `head` at its header. Takes over `p`. */
  input(p: Packet): void {
    const { header, network } = this;
    const values = network.counters.values;
    values[Mib.IcmpInMsgs]++;
    if (packetSum(p, p.head, 0) !== 0xffff) {
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
      case IcmpType.Redirect:
        // Deviation: redirects are counted and ignored; a host on one link gains nothing from them.
        values[Mib.IcmpInRedirects]++;
        return p.release();
      case IcmpType.Timestamp:
        values[Mib.IcmpInTimestamps]++;
        return p.release();
      default:
        p.release();
    }
  }

  /** RFC 1122 3.2.2.6: the same packet goes back, its payload untouched. */
  private answerEcho(p: Packet): void {
    const { network } = this;
    const { settings } = network;
    const toGroup = p.linkType !== LinkType.Host || p.dstD >>> 28 === 0xe;
    if (settings.icmpEchoIgnoreAll !== 0 || (toGroup && settings.icmpEchoIgnoreBroadcasts !== 0)) return p.release();
    const to = IpAddress.fromV4(p.srcD);
    const from = toGroup ? null : IpAddress.fromV4(p.dstD);
    const way = network.lookup(to, from, null);
    if (way === null) return p.release();
    const { tos } = p;
    orphan(p);
    const { view, head } = p;
    const checksum = view.getUint16(head + 2);
    view.setUint16(head + 2, updateChecksum(checksum, IcmpType.Echo << 8, IcmpType.EchoReply << 8));
    view.setUint8(head, IcmpType.EchoReply);
    p.checksumState = ChecksumState.Full;
    p.gsoSize = 0;
    const values = network.counters.values;
    values[Mib.IcmpOutMsgs]++;
    values[Mib.IcmpOutEchoReps]++;
    network.output(p, way, from ?? way.source, to, IpProto.Icmp, -1, tos, false);
  }

  private errorInput(p: Packet): void {
    const { header, quote, network } = this;
    const { transport } = network;
    p.pull(Math.min(p.length, MAX_ERROR_LEN));
    if (!quote.parse(p.view, p.head + ICMP_HEADER_LEN, p.headEnd) || quote.ip.fragmentOffset !== 0 || transport === null) {
      if (quote.ip.fragmentOffset === 0) network.counters.values[Mib.IcmpInErrors]++;
      return p.release();
    }
    const report = network.errorReport;
    report.protocol = quote.ip.protocol;
    report.isV4 = true;
    report.localA = report.localB = report.remoteA = report.remoteB = 0;
    report.localC = report.remoteC = V4_MAPPED;
    report.localD = quote.ip.src;
    report.remoteD = quote.ip.dst;
    report.bytes = p.bytes;
    report.view = p.view;
    report.at = quote.transportAt;
    report.available = quote.available;
    report.icmpType = header.type;
    report.icmpCode = header.code;
    report.mtuBytes = 0;
    if (header.type === IcmpType.DestinationUnreachable) {
      if (header.code >= UNREACHABLE.length) return p.release();
      const [errno, fatal] = UNREACHABLE[header.code] as readonly [number, boolean];
      report.errno = errno;
      report.fatal = fatal;
      if (header.code === IcmpCode.UnreachableFragmentationNeeded) {
        report.mtuBytes = header.mtuBytes > 0 ? header.mtuBytes : plateauBelow(quote.ip.totalLen);
      }
    } else if (header.type === IcmpType.TimeExceeded) {
      report.errno = Errno.EHOSTUNREACH;
      report.fatal = false;
    } else {
      report.errno = Errno.EPROTO;
      report.fatal = true;
    }
    transport.icmpError(report);
    p.release();
  }

  /** Sends an error about a packet that arrived (RFC 1122 3.2.2 says about which none may go). Borrows `p`. */
  sendError(p: Packet, kind: IcmpErrorKind, info: number): void {
    const { network } = this;
    const { settings } = network;
    const values = network.counters.values;
    const { view, l3 } = p;
    if (p.linkType !== LinkType.Host || p.dstD >>> 28 === 0xe || p.dstD === -1) return;
    if (p.srcD === 0 || p.srcD === -1 || p.srcD >>> 28 === 0xe) return;
    if ((view.getUint16(l3 + 6) & 0x1fff) !== 0) return;
    const headerLen = (view.getUint8(l3) & 0xf) << 2;
    if (p.protocol === IpProto.Icmp && p.headEnd > l3 + headerLen && isIcmpError(view.getUint8(l3 + headerLen))) return;
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
      default: return;
    }
    const to = IpAddress.fromV4(p.srcD);
    const local = network.localWords(0, 0, V4_MAPPED, p.dstD) ? IpAddress.fromV4(p.dstD) : null;
    const way = network.lookup(to, local, null);
    if (way === null) return;
    // Linux does not limit what stays on the machine, nor "fragmentation needed".
    const masked = (settings.icmpRatemask & (1 << type)) !== 0 && kind !== IcmpErrorKind.PacketTooBig;
    if (masked && !way.device.isLoopback && !network.rateLimit.allow(to, settings.icmpRatelimit)) return;
    if (p.checksumState === ChecksumState.Partial) completeChecksum(p);
    const before = p.head;
    p.head = l3;
    const error = takePacket();
    const room = Math.min(MAX_ERROR_LEN, way.mtuBytes) - IPV4_HEADER - ICMP_HEADER_LEN;
    const quoted = Math.min(p.length, room);
    const at = error.put(ICMP_HEADER_LEN + quoted);
    p.copyOut(0, error.bytes, at + ICMP_HEADER_LEN, quoted);
    p.head = before;
    writeIcmpHeader(error.view, at, type, code, rest, error.headEnd);
    values[Mib.IcmpOutMsgs]++;
    if (type === IcmpType.DestinationUnreachable) values[Mib.IcmpOutDestUnreachs]++;
    else if (type === IcmpType.TimeExceeded) values[Mib.IcmpOutTimeExcds]++;
    else values[Mib.IcmpOutParmProbs]++;
    // RFC 1812 4.3.2.5: precedence "internetwork control", the packet's own type of service.
    network.output(error, way, local ?? way.source, to, IpProto.Icmp, -1, (p.tos & 0x1e) | 0xc0, false);
  }
}

/** Ends the sender's account: the packet goes on as ours. */
export function orphan(p: Packet): void {
  const owner = p.owner;
  if (owner === null) return;
  p.owner = null;
  owner.released(p.truesize);
}

/** RFC 1191 section 7.1: the next plateau below a length, for routers that tell no MTU. */
function plateauBelow(length: number): number {
  for (const plateau of [32000, 17914, 8166, 4352, 2002, 1492, 576, 296]) if (length > plateau) return plateau;
  return 68;
}
