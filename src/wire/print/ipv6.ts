/**
 * IPv6 headers in words, then their chain of extension headers, then whatever they carry.
 *
 * Called by ether-payload.ts and raw.ts, and by ip-payload.ts for tunnels. The extension headers themselves are
 * in ipv6-extensions.ts.
 */
import { hex, hex2 } from './addresses.ts';
import type { Dissection } from './dissection.ts';
import { printIpPayload } from './ip-payload.ts';
import { printDestinationOptions, printFragmentHeader, printHopByHop, printRoutingHeader } from './ipv6-extensions.ts';
import type { Jumbo } from './ipv6-extensions.ts';
import { IpProtocol, ipProtocolName } from './protocol-names.ts';

const HEADER_LEN = 40;

/** `length` is how long the packet claims to be from outside. */
export function printIpv6(d: Dissection, at: number, length: number): void {
  d.protocol = 'ip6';
  if (!d.has(at, HEADER_LEN)) return d.truncated();
  if (length < HEADER_LEN) return d.put(`truncated-ip6 ${length}`);
  if (!d.options.linkHeader) d.put('IP6 ');
  const version = d.u8(at) >> 4;
  if (version !== 6) return d.put(`version error: ${version} != 6`);
  const payloadLength = d.u16(at + 4);
  // A length of zero announces a jumbo payload option (RFC 2675); until that is found, everything belongs to us.
  const total = (payloadLength !== 0 ? payloadLength : length) + HEADER_LEN;
  if (payloadLength !== 0 && length < total) d.put(`truncated-ip6 - ${total - length} bytes missing!`);
  if (d.options.verbose > 0) printHeader(d, at, payloadLength);
  const outerEnd = d.narrow(at, total);
  printChain(d, at, length, total, payloadLength, outerEnd);
  d.snapEnd = outerEnd;
}

function printHeader(d: Dissection, at: number, payloadLength: number): void {
  const first = d.u32(at);
  const trafficClass = (first >>> 20) & 0xff;
  const flow = first & 0xfffff;
  const next = d.u8(at + 6);
  d.put('(');
  if (trafficClass !== 0) d.put(`class 0x${hex2(trafficClass)}, `);
  if (flow !== 0) d.put(`flowlabel 0x${hex(flow, 5)}, `);
  d.put(`hlim ${d.u8(at + 7)}, next-header ${ipProtocolName(next)} (${next}) payload length: ${payloadLength}) `);
}

/** Walks the extension headers from the fixed one on; `outerEnd` is how far could be read before this packet. */
function printChain(
  d: Dissection,
  ip6At: number,
  frameLength: number,
  total: number,
  payloadField: number,
  outerEnd: number,
): void {
  const jumbo: Jumbo = { found: false, payloadLength: payloadField };
  let next = d.u8(ip6At + 6);
  let at = ip6At;
  let left = total;
  let advance = HEADER_LEN;
  let fragment = false;
  let hopByHopSeen = false;
  let extensions = 0;
  while (at < d.snapEnd && advance > 0) {
    if (left < advance) return d.truncated();
    at += advance;
    left -= advance;
    // UDP and TCP print the addresses themselves, with their ports.
    if (at === ip6At + HEADER_LEN && next !== IpProtocol.Tcp && next !== IpProtocol.Udp) {
      d.put(`${d.host6(ip6At + 8)} > ${d.host6(ip6At + 24)}: `);
    }
    switch (next) {
      case IpProtocol.HopByHop:
        if (hopByHopSeen) {
          d.put('[The Hop-by-Hop Options header was already found]');
          return d.invalid();
        }
        if (extensions > 0) {
          d.put("[The Hop-by-Hop Options header don't follow the IPv6 header]");
          return d.invalid();
        }
        advance = printHopByHop(d, at, jumbo);
        if (jumbo.payloadLength === 0 && !jumbo.found) {
          d.put('[No valid Jumbo Payload Hop-by-Hop option found]');
          return d.invalid();
        }
        hopByHopSeen = true;
        break;
      case IpProtocol.DestinationOptions:
        advance = printDestinationOptions(d, at);
        break;
      case IpProtocol.Fragment:
        advance = printFragmentHeader(d, at, ip6At);
        if (d.snapEnd <= at + advance) return;
        fragment = true;
        break;
      case IpProtocol.Routing:
        if (!d.has(at, 1)) return d.truncated();
        advance = printRoutingHeader(d, at);
        break;
      default: {
        let payload = left;
        if (jumbo.found) {
          const whole = jumbo.payloadLength + HEADER_LEN;
          const walked = at - ip6At;
          if (whole < walked) return d.truncated();
          if (frameLength < whole) d.put(`truncated-ip6 - ${whole - frameLength} bytes missing!`);
          widen(d, ip6At, whole, outerEnd);
          payload = whole - walked;
        } else if (jumbo.payloadLength === 0) {
          if (extensions > 0) return d.truncated();
          widen(d, ip6At, HEADER_LEN, outerEnd);
          payload = 0;
        }
        return printIpPayload(d, at, payload, 6, fragment, next, ip6At);
      }
    }
    if (advance < 0) return;
    extensions++;
    next = d.u8(at);
    d.protocol = 'ip6';
  }
}

/** Sets the readable end `length` after `at` unless that is beyond what could be read before. */
function widen(d: Dissection, at: number, length: number, outerEnd: number): void {
  if (length <= outerEnd - at) d.snapEnd = at + length;
}
