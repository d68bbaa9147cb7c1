/**
 * ICMPv6 in words (RFC 4443), with neighbour discovery (RFC 4861) and the discovery of home agents (RFC 6275).
 *
 * Called by ip-payload.ts. Neighbour discovery's options are in nd-options.ts, multicast listener discovery in mld.ts.
 */
import { bitNames, hex } from './addresses.ts';
import { expectedChecksum, residue6 } from './checksum.ts';
import type { Dissection } from './dissection.ts';
import { dumpWhatIsThere } from './hex-dump.ts';
import { printMld, printMld2Query, printMld2Report } from './mld.ts';
import { preferenceName, printNdOptions } from './nd-options.ts';
import { IpProtocol } from './protocol-names.ts';

const Icmp6Type = {
  Unreachable: 1,
  TooBig: 2,
  TimeExceeded: 3,
  ParameterProblem: 4,
  Echo: 128,
  EchoReply: 129,
  ListenerQuery: 130,
  ListenerReport: 131,
  ListenerDone: 132,
  RouterSolicitation: 133,
  RouterAdvertisement: 134,
  NeighbourSolicitation: 135,
  NeighbourAdvertisement: 136,
  Redirect: 137,
  InverseSolicitation: 141,
  InverseAdvertisement: 142,
  ListenerReport2: 143,
  HomeAgentRequest: 144,
  HomeAgentReply: 145,
  MobilePrefixSolicitation: 146,
  MobilePrefixAdvertisement: 147,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map([
  [Icmp6Type.Unreachable, 'destination unreachable'],
  [Icmp6Type.TooBig, 'packet too big'],
  [Icmp6Type.TimeExceeded, 'time exceeded in-transit'],
  [Icmp6Type.ParameterProblem, 'parameter problem'],
  [Icmp6Type.Echo, 'echo request'],
  [Icmp6Type.EchoReply, 'echo reply'],
  [Icmp6Type.ListenerQuery, 'multicast listener query'],
  [Icmp6Type.ListenerReport, 'multicast listener report'],
  [Icmp6Type.ListenerDone, 'multicast listener done'],
  [Icmp6Type.RouterSolicitation, 'router solicitation'],
  [Icmp6Type.RouterAdvertisement, 'router advertisement'],
  [Icmp6Type.NeighbourSolicitation, 'neighbor solicitation'],
  [Icmp6Type.NeighbourAdvertisement, 'neighbor advertisement'],
  [Icmp6Type.Redirect, 'redirect'],
  [138, 'router renumbering'],
  [139, 'who-are-you request'],
  [140, 'who-are-you reply'],
  [Icmp6Type.InverseSolicitation, 'inverse neighbor solicitation'],
  [Icmp6Type.InverseAdvertisement, 'inverse neighbor advertisement'],
  [Icmp6Type.ListenerReport2, 'multicast listener report v2'],
  [Icmp6Type.HomeAgentRequest, 'ha discovery request'],
  [Icmp6Type.HomeAgentReply, 'ha discovery reply'],
  [Icmp6Type.MobilePrefixSolicitation, 'mobile router solicitation'],
  [Icmp6Type.MobilePrefixAdvertisement, 'mobile router advertisement'],
  [155, 'RPL'],
  [200, 'mtrace response'],
  [201, 'mtrace message'],
]);

/** With -v these give their length before their details instead of at the end. */
const LENGTH_FIRST: readonly number[] = [
  Icmp6Type.RouterSolicitation,
  Icmp6Type.RouterAdvertisement,
  Icmp6Type.NeighbourAdvertisement,
  Icmp6Type.NeighbourSolicitation,
  Icmp6Type.Redirect,
  Icmp6Type.HomeAgentReply,
  Icmp6Type.MobilePrefixAdvertisement,
];

/** The second one begins with a space in tcpdump's table too. */
const UNREACHABLE = [
  'unreachable route',
  ' unreachable prohibited',
  'beyond scope',
  'unreachable address',
  'unreachable port',
];
const PROBLEMS = ['erroneous', 'next header', 'option', 'incomplete header chain'];
const ROUTER_FLAGS: readonly (readonly [number, string])[] = [
  [0x80, 'managed'],
  [0x40, 'other stateful'],
  [0x20, 'home agent'],
  [0x02, 'ipv6 only'],
];
const NEIGHBOUR_FLAGS: readonly (readonly [number, string])[] = [
  [0x80, 'router'],
  [0x40, 'solicited'],
  [0x20, 'override'],
];

/** Where the packet that an error quotes begins, and in it the addresses. */
const QUOTED = 8;
const QUOTED_SOURCE = QUOTED + 8;
const QUOTED_DESTINATION = QUOTED + 24;

export function printIcmp6(d: Dissection, at: number, length: number, ip6At: number, fragment: boolean): void {
  d.protocol = 'icmp6';
  if (length === 0) {
    d.put('ICMP6, length 0');
    return d.invalid();
  }
  const verbose = d.options.verbose > 0;
  if (verbose && !fragment && d.has(at, length)) {
    const field = d.u16(at + 2);
    const left = residue6(d, ip6At, at, length, IpProtocol.Icmp6);
    if (left === 0) d.put('[icmp6 sum ok] ');
    else d.put(`[bad icmp6 cksum 0x${hex(field, 4)} -> 0x${hex(expectedChecksum(field, left), 4)}!] `);
  }
  const type = d.u8(at);
  d.put(`ICMP6, ${NAMES.get(type) ?? `unknown icmp6 type (${type})`}`);
  if (verbose && LENGTH_FIRST.includes(type)) d.put(`, length ${length}`);
  if (printBody(d, at, length, type, d.u8(at + 1)) && !verbose) d.put(`, length ${length}`);
}

/** False when the text ends here, without the length. */
function printBody(d: Dissection, at: number, length: number, type: number, code: number): boolean {
  const verbose = d.options.verbose > 0;
  switch (type) {
    case Icmp6Type.Unreachable:
      return printUnreachable(d, at, length, code);
    case Icmp6Type.TooBig:
      d.put(`, mtu ${d.u32(at + 4)}`);
      return true;
    case Icmp6Type.TimeExceeded:
      if (code === 0) d.put(` for ${d.host6(at + QUOTED_DESTINATION)}`);
      else d.put(code === 1 ? ' (reassembly)' : `, unknown code (${code})`);
      return true;
    case Icmp6Type.ParameterProblem:
      if (!d.has(at + QUOTED_DESTINATION, 16)) return cutOff(d);
      d.put(code < PROBLEMS.length ? `, ${PROBLEMS[code]} - octet ${d.u32(at + 4)}` : `, code-#${code}`);
      return true;
    case Icmp6Type.Echo:
    case Icmp6Type.EchoReply:
      d.put(`, id ${d.u16(at + 4)}, seq ${d.u16(at + 6)}`);
      return true;
    case Icmp6Type.ListenerQuery:
      if (length === 24) printMld(d, at);
      else if (length >= 28) printMld2Query(d, at, length);
      else d.put(` unknown-version (len ${length}) `);
      return true;
    case Icmp6Type.ListenerReport:
    case Icmp6Type.ListenerDone:
      printMld(d, at);
      return true;
    case Icmp6Type.ListenerReport2:
      printMld2Report(d, at, length);
      return true;
    case Icmp6Type.RouterSolicitation:
      return !verbose || printNdOptions(d, at + 8, length - 8) || cutOff(d);
    case Icmp6Type.RouterAdvertisement:
      if (!verbose) return true;
      // All or nothing: a message cut off within these fields shows none of them.
      d.need(at, 16);
      d.put(`\n\thop limit ${d.u8(at + 4)}, Flags [${bitNames(ROUTER_FLAGS, d.u8(at + 5), 'none', ', ')}]`);
      d.put(`, pref ${preferenceName(d.u8(at + 5))}, router lifetime ${d.u16(at + 6)}s`);
      d.put(`, reachable time ${d.u32(at + 8)}ms, retrans timer ${d.u32(at + 12)}ms`);
      return printNdOptions(d, at + 16, length - 16) || cutOff(d);
    case Icmp6Type.NeighbourSolicitation:
      d.put(`, who has ${d.host6(at + 8)}`);
      return !verbose || printNdOptions(d, at + 24, length - 24) || cutOff(d);
    case Icmp6Type.NeighbourAdvertisement:
      d.put(`, tgt is ${d.host6(at + 8)}`);
      if (!verbose) return true;
      d.put(`, Flags [${bitNames(NEIGHBOUR_FLAGS, d.u8(at + 4), 'none', ', ')}]`);
      return printNdOptions(d, at + 24, length - 24) || cutOff(d);
    case Icmp6Type.Redirect:
      d.put(`, ${d.host6(at + 24)} to ${d.host6(at + 8)}`);
      return !verbose || printNdOptions(d, at + 40, length - 40) || cutOff(d);
    case Icmp6Type.InverseSolicitation:
    case Icmp6Type.InverseAdvertisement:
      return true;
    case Icmp6Type.HomeAgentRequest:
    case Icmp6Type.MobilePrefixSolicitation:
      d.put(`, id 0x${hex(d.u16(at + 4), 4)}`);
      return true;
    case Icmp6Type.HomeAgentReply:
      if (!verbose) return true;
      d.put(`, id 0x${hex(d.u16(at + 4), 4)}`);
      for (let i = 8; i < length; i += 16) d.put(`, ${d.host6(at + i)}`);
      return true;
    case Icmp6Type.MobilePrefixAdvertisement: {
      if (!verbose) return true;
      d.put(`, id 0x${hex(d.u16(at + 4), 4)}`);
      const flags = d.u16(at + 6);
      if ((flags & 0xc000) !== 0) d.put(' ');
      if ((flags & 0x8000) !== 0) d.put('M');
      if ((flags & 0x4000) !== 0) d.put('O');
      return printNdOptions(d, at + 8, length - 8) || cutOff(d);
    }
    default:
      d.put(`, length ${length}`);
      if (d.options.verbose <= 1) dumpWhatIsThere(d, '\n\t', at, length);
      return false;
  }
}

function cutOff(d: Dissection): false {
  d.truncated();
  return false;
}

function printUnreachable(d: Dissection, at: number, length: number, code: number): boolean {
  d.put(`, ${UNREACHABLE[code] ?? `unknown unreach code (${code})`}`);
  const destination = at + QUOTED_DESTINATION;
  switch (code) {
    case 0:
    case 1:
    case 3:
      d.put(` ${d.host6(destination)}`);
      return true;
    case 2:
      d.put(` ${d.host6(destination)}, source address ${d.host6(at + QUOTED_SOURCE)}`);
      return true;
    case 4: {
      const quoted = findQuotedPorts(d, at + QUOTED);
      if (quoted === null) return cutOff(d);
      const name = quoted.protocol === IpProtocol.Tcp ? 'tcp' : 'udp';
      const port = d.u16(quoted.at + 2);
      d.put(`, ${d.host6(destination)} ${name} port ${d.port(name, port)}`);
      return true;
    }
    default:
      if (d.options.verbose > 1) return true;
      dumpWhatIsThere(d, '\n\t', at, length);
      return false;
  }
}

/** Where in the quoted packet the ports of UDP or TCP stand; null when there are none, or not captured. */
function findQuotedPorts(d: Dissection, ip6At: number): { at: number; protocol: number } | null {
  if (!d.has(ip6At + 6, 1)) return null;
  let next = d.u8(ip6At + 6);
  let at = ip6At;
  let headerLen = 40;
  while (at < d.snapEnd) {
    at += headerLen;
    switch (next) {
      case IpProtocol.Udp:
      case IpProtocol.Tcp:
        return d.has(at + 2, 2) ? { at, protocol: next } : null;
      case IpProtocol.HopByHop:
      case IpProtocol.DestinationOptions:
      case IpProtocol.Routing:
        if (!d.has(at + 1, 1)) return null;
        next = d.u8(at);
        headerLen = (d.u8(at + 1) + 1) << 3;
        break;
      case IpProtocol.Fragment:
        if (!d.has(at + 2, 2) || (d.u16(at + 2) & 0xfff8) !== 0) return null;
        next = d.u8(at);
        headerLen = 8;
        break;
      case IpProtocol.Ah:
        if (!d.has(at + 1, 1)) return null;
        next = d.u8(at);
        headerLen = (d.u8(at + 1) + 2) << 2;
        break;
      default:
        return null;
    }
  }
  return null;
}
