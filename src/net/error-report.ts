/**
 * A packet that went nowhere, since its neighbour does not answer: tells the transport that sent it, as an ICMP error
 * would, or the host that it was forwarded for (Linux's ipv4_link_failure and ip6_link_failure).
 */
import { V4_MAPPED } from '../base/inet-address.ts';
import type { Packet } from '../link/packet.ts';
import { IpProto } from '../wire/ipv4.ts';
import { IcmpErrorKind } from './icmp-error.ts';
import type { Network } from './network.ts';

/** Called by arp.ts and nd.ts. `p` has its head at the IP header, `l4` and `protocol` set; a later fragment has no `l4`. Borrows `p`. */
export function reportUnreachable(
  network: Network, p: Packet, isV4: boolean, type: number, code: number, errno: number,
): void {
  // What has an address of ours by now may have been translated on its way: whoever did it knows whom to tell.
  if (p.device !== null && (!hasSourceOfOurs(network, p, isV4) || network.hooks !== null)) return network.sendIcmpError(p, IcmpErrorKind.HostUnreachable);
  // To raw sockets an error is a packet like any other: it goes to ourselves (icmp_send does so for all of them).
  if (p.protocol === (isV4 ? IpProto.Icmp : IpProto.Icmp6) && hasSourceOfOurs(network, p, isV4)) {
    return network.sendIcmpError(p, IcmpErrorKind.HostUnreachable);
  }
  const transport = network.transport;
  if (transport === null || p.l4 < 0 || p.headEnd - p.l4 < 8) return;
  const report = network.errorReport;
  const { view, l3 } = p;
  report.protocol = p.protocol;
  report.isV4 = isV4;
  if (isV4) {
    report.localA = report.localB = report.remoteA = report.remoteB = 0;
    report.localC = report.remoteC = V4_MAPPED;
    report.localD = view.getInt32(l3 + 12);
    report.remoteD = view.getInt32(l3 + 16);
  } else {
    report.localA = view.getInt32(l3 + 8);
    report.localB = view.getInt32(l3 + 12);
    report.localC = view.getInt32(l3 + 16);
    report.localD = view.getInt32(l3 + 20);
    report.remoteA = view.getInt32(l3 + 24);
    report.remoteB = view.getInt32(l3 + 28);
    report.remoteC = view.getInt32(l3 + 32);
    report.remoteD = view.getInt32(l3 + 36);
  }
  report.packet = p;
  report.bytes = p.bytes;
  report.view = view;
  report.at = p.l4;
  report.networkAt = l3;
  report.available = p.headEnd - p.l4;
  report.icmpType = type;
  report.icmpCode = code;
  report.errno = errno;
  report.fatal = false;
  report.mtuBytes = 0;
  report.info = 0;
  transport.icmpError(report);
}

/** Did this host send the packet? Fills in the packet's addresses, which pieces and fragments do not carry along. */
function hasSourceOfOurs(network: Network, p: Packet, isV4: boolean): boolean {
  const { view, l3 } = p;
  p.isV4 = isV4;
  if (isV4) {
    p.srcA = p.srcB = p.dstA = p.dstB = 0;
    p.srcC = p.dstC = V4_MAPPED;
    p.srcD = view.getInt32(l3 + 12);
    p.dstD = view.getInt32(l3 + 16);
  } else {
    p.srcA = view.getInt32(l3 + 8);
    p.srcB = view.getInt32(l3 + 12);
    p.srcC = view.getInt32(l3 + 16);
    p.srcD = view.getInt32(l3 + 20);
    p.dstA = view.getInt32(l3 + 24);
    p.dstB = view.getInt32(l3 + 28);
    p.dstC = view.getInt32(l3 + 32);
    p.dstD = view.getInt32(l3 + 36);
  }
  return network.localWords(p.srcA, p.srcB, p.srcC, p.srcD);
}
