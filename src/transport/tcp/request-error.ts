/**
 * ICMP errors about SYN-ACKs of half-open requests, and which errors mean that a segment found no way (Linux's
 * tcp_req_err, and the conditions of tcp_v4_err and tcp_v6_err).
 *
 * Called by Tcp.icmpError.
 */
import { Mib } from '../../base/counters.ts';
import type { Seq } from '../../base/seq.ts';
import type { IcmpErrorReport } from '../../net/transport-input.ts';
import { IcmpCode, IcmpType } from '../../wire/icmp.ts';
import { Icmp6Code, Icmp6Type } from '../../wire/icmp6.ts';
import { dropRequest, type Request } from './request.ts';

/** `seq` is the sequence number that the error quotes. */
export function requestError(request: Request, report: IcmpErrorReport, seq: Seq): void {
  const { counters } = request.listener.tcp;
  // RFC 5927 4.1: whoever does not know the SYN-ACK's number is not on its way.
  if (seq !== request.iss) {
    counters[Mib.TcpExtOutOfWindowIcmps]++;
    return;
  }
  if (!endsRequest(report)) return;
  // POSIX knows no way to tell accept(2) of it.
  dropRequest(request);
  counters[Mib.TcpExtListenDrops]++;
}

/** Over IPv4 not what icmp_err_convert calls fatal, but what says that no SYN-ACK will arrive. */
function endsRequest(report: IcmpErrorReport): boolean {
  if (!report.isV4) return report.fatal;
  return report.icmpType === IcmpType.ParameterProblem || report.icmpType === IcmpType.TimeExceeded || saysNoWay(report);
}

/** Is it that a router had no way for the segment? Such loss is no congestion (RFC 6069). */
export function saysNoWay({ isV4, icmpType, icmpCode }: IcmpErrorReport): boolean {
  if (!isV4) return icmpType === Icmp6Type.DestinationUnreachable && icmpCode === Icmp6Code.UnreachableNoRoute;
  if (icmpType !== IcmpType.DestinationUnreachable) return false;
  return icmpCode === IcmpCode.UnreachableNet || icmpCode === IcmpCode.UnreachableHost;
}
