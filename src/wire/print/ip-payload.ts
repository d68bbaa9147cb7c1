/**
 * From a protocol number to the printer of that protocol, for both IP versions.
 *
 * Called by ipv4.ts and ipv6.ts. Protocols that have no printer here are named by number; which of those tcpdump
 * itself would decode is listed in docs/tcpdump.md.
 */
import { hex, hex2 } from './addresses.ts';
import type { Dissection } from './dissection.ts';
import { printEthernet } from './ethernet.ts';
import { printIcmp } from './icmp.ts';
import { printIcmp6 } from './icmp6.ts';
import { printIgmp } from './igmp.ts';
import { printIpv4 } from './ipv4.ts';
import { printIpv6 } from './ipv6.ts';
import { IpProtocol, ipProtocolName } from './protocol-names.ts';
import { printTcp } from './tcp.ts';
import { printUdp } from './udp.ts';

/** `ipAt` is the header of IP version `version` before it; `fragment` says that more of the payload travels elsewhere. */
export function printIpPayload(
  d: Dissection,
  payloadAt: number,
  payloadLength: number,
  version: 4 | 6,
  fragment: boolean,
  protocolNumber: number,
  ipAt: number,
): void {
  let at = payloadAt;
  let length = payloadLength;
  let protocol = protocolNumber;
  while (protocol === IpProtocol.Ah) {
    if (!d.has(at, 1)) {
      d.protocol = 'ah';
      d.truncated();
      return;
    }
    protocol = d.u8(at);
    const headerLen = printAuthenticationHeader(d, at);
    at += headerLen;
    length = (length - headerLen) >>> 0;
  }
  switch (protocol) {
    case IpProtocol.Tcp:
      return printTcp(d, at, length, ipAt, fragment);
    case IpProtocol.Udp:
      return printUdp(d, at, length, ipAt, fragment);
    case IpProtocol.Icmp:
      return version === 4 ? printIcmp(d, at, length, fragment) : wrongVersion(d, protocol, 4);
    case IpProtocol.Icmp6:
      return version === 6 ? printIcmp6(d, at, length, ipAt, fragment) : wrongVersion(d, protocol, 6);
    case IpProtocol.Igmp:
      return version === 4 ? printIgmp(d, at, length) : wrongVersion(d, protocol, 4);
    case IpProtocol.Ipv4:
      return printIpv4(d, at, length);
    case IpProtocol.Ipv6:
      return printIpv6(d, at, length);
    case IpProtocol.Ethernet:
      if (version !== 6) return wrongVersion(d, protocol, 6);
      printEthernet(d, at, length, d.left(at));
      return;
    case IpProtocol.Esp:
      d.protocol = 'esp';
      // A header with nothing after it counts as cut off.
      if (!d.has(at, 9)) return d.truncated();
      d.put(`ESP(spi=0x${hex(d.u32(at), 8)}`);
      return d.put(`,seq=0x${d.u32(at + 4).toString(16)}), length ${length}`);
    case IpProtocol.IpComp:
      d.protocol = 'ipcomp';
      return d.put(`IPComp(cpi=0x${hex(d.u16(at + 2), 4)})`);
    case IpProtocol.SunNd:
      return d.put(` nd ${length}`);
    case IpProtocol.None:
      return d.put('no next header');
    default:
      return d.put(` ip-proto-${protocol} ${length}`);
  }
}

function wrongVersion(d: Dissection, protocol: number, version: 4 | 6): void {
  d.put(`[${ipProtocolName(protocol)} requires IPv${version}]`);
  d.invalid();
}

/** Returns the header's length. */
function printAuthenticationHeader(d: Dissection, at: number): number {
  d.protocol = 'ah';
  d.put('AH');
  const words = d.u8(at + 1);
  const headerLen = (words + 2) * 4;
  d.put('(');
  if (d.options.verbose > 0) d.put(`length=${words}(${headerLen}-bytes),`);
  const reserved = d.u16(at + 2);
  if (reserved !== 0) d.put(`reserved=0x${reserved.toString(16)}[MustBeZero],`);
  d.put(`spi=0x${hex(d.u32(at + 4), 8)},`);
  d.put(`seq=0x${d.u32(at + 8).toString(16)},`);
  d.put('icv=0x');
  for (let i = at + 12; i < at + headerLen; i++) d.put(hex2(d.u8(i)));
  d.put('): ');
  return headerLen;
}
