/**
 * What ICMP errors are called by ping, and how an error quotes the packet that it is about.
 *
 * Called by ping/ and traceroute/. RFC 792, RFC 1122 3.2.2, RFC 4443.
 */

export const ICMP_ECHOREPLY = 0;
export const ICMP_UNREACHABLE = 3;
const ICMP_SOURCE_QUENCH = 4;
const ICMP_REDIRECT = 5;
export const ICMP_ECHO = 8;
export const ICMP_TIME_EXCEEDED = 11;
const ICMP_PARAMETER_PROBLEM = 12;
export const ICMP6_UNREACHABLE = 1;
const ICMP6_TOO_BIG = 2;
export const ICMP6_TIME_EXCEEDED = 3;
const ICMP6_PARAMETER_PROBLEM = 4;
export const ICMP6_ECHO = 128;
export const ICMP6_ECHOREPLY = 129;

export const ICMP_HEADER_LEN = 8;

const UNREACHABLE = [
  'Destination Net Unreachable', 'Destination Host Unreachable', 'Destination Protocol Unreachable', 'Destination Port Unreachable',
  'Frag needed and DF set', 'Source Route Failed', 'Destination Net Unknown', 'Destination Host Unknown', 'Source Host Isolated',
  'Destination Net Prohibited', 'Destination Host Prohibited', 'Destination Net Unreachable for Type of Service',
  'Destination Host Unreachable for Type of Service', 'Packet filtered', 'Precedence Violation', 'Precedence Cutoff',
];
const REDIRECT = ['Network', 'Host', 'Type of Service and Network', 'Type of Service and Host'];
const UNREACHABLE6 = [
  'No route', 'Administratively prohibited', 'Beyond scope of source address', 'Address unreachable', 'Port unreachable',
];
const PROBLEM6 = ['Wrong header field ', 'Unknown header ', 'Unknown option '];

/** An ICMP error's name; `info` is the second word of its header. */
export function icmpErrorWords(type: number, code: number, info: number): string {
  switch (type) {
    case ICMP_UNREACHABLE:
      if (code === 4) return `Frag needed and DF set (mtu = ${info & 0xffff})`;
      return UNREACHABLE[code] ?? `Dest Unreachable, Bad Code: ${code}`;
    case ICMP_SOURCE_QUENCH: return 'Source Quench';
    case ICMP_REDIRECT: return REDIRECT[code] === undefined ? `Redirect, Bad Code: ${code}` : `Redirect ${REDIRECT[code]}`;
    case ICMP_TIME_EXCEEDED:
      if (code > 1) return `Time exceeded, Bad Code: ${code}`;
      return code === 0 ? 'Time to live exceeded' : 'Frag reassembly time exceeded';
    case ICMP_PARAMETER_PROBLEM: return `Parameter problem: pointer = ${info >>> 24}`;
    default: return `Bad ICMP type: ${type}`;
  }
}

/** The same of ICMPv6. */
export function icmp6ErrorWords(type: number, code: number, info: number): string {
  switch (type) {
    case ICMP6_UNREACHABLE: return `Destination unreachable: ${UNREACHABLE6[code] ?? `Unknown code ${code}`}`;
    case ICMP6_TOO_BIG: return `Packet too big: mtu=${info >>> 0}${code === 0 ? '' : `, code=${code}`}`;
    case ICMP6_TIME_EXCEEDED:
      return `Time exceeded: ${code === 0 ? 'Hop limit' : code === 1 ? 'Defragmentation failure' : `code ${code}`}`;
    case ICMP6_PARAMETER_PROBLEM: return `Parameter problem: ${PROBLEM6[code] ?? `code ${code} `}at ${info >>> 0} `;
    default: return `unknown icmp type: ${type}`;
  }
}

export function isIcmpError(type: number): boolean {
  return type === ICMP_UNREACHABLE || type === ICMP_SOURCE_QUENCH || type === ICMP_REDIRECT || type === ICMP_TIME_EXCEEDED ||
    type === ICMP_PARAMETER_PROBLEM;
}

export function isIcmp6Error(type: number): boolean {
  return type >= ICMP6_UNREACHABLE && type <= ICMP6_PARAMETER_PROBLEM;
}

/** Where the header of `protocol` begins in the IPv4 packet at `at`; -1 when there is another one, or less of it than eight bytes. */
export function quotedHeader4(view: DataView, at: number, end: number, protocol: number): number {
  if (end - at < 20) return -1;
  const header = at + (view.getUint8(at) & 15) * 4;
  return view.getUint8(at + 9) === protocol && header >= at + 20 && end - header >= 8 ? header : -1;
}

/** The same of IPv6; packets of programs like these have at most a fragment header between. */
export function quotedHeader6(view: DataView, at: number, end: number, protocol: number): number {
  if (end - at < 40) return -1;
  let next = view.getUint8(at + 6);
  let header = at + 40;
  if (next === 44 && end - header >= 8) {
    next = view.getUint8(header);
    header += 8;
  }
  return next === protocol && end - header >= 8 ? header : -1;
}
