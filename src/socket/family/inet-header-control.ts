/**
 * recvmsg(2)'s control data that is read from a datagram's network header: IPv4's options (IP_RECVOPTS, IP_RETOPTS), IPv6's
 * flow label and extension headers (RFC 3542 section 8; RFC 2292 had other numbers for them).
 *
 * Called by inet-control.ts, which keeps the order.
 */
import type { ReceiveResult } from '../../transport/endpoint.ts';
import { Tell } from '../../transport/tell.ts';
import { IpProto } from '../../wire/ipv4.ts';
import { IP, IPV6, SOL } from '../constants.ts';
import type { ControlWriter } from '../control.ts';

export const TELL_NEW_HEADERS = Tell.HopOptions6 | Tell.DestinationOptions6 | Tell.Routing6;
export const TELL_OLD_HEADERS = Tell.OldHopOptions6 | Tell.OldDestinationOptions6 | Tell.OldRouting6;

const IPV4_HEADER_LEN = 20, IPV6_HEADER_LEN = 40;
const NEXT_HEADER_AT = 6;
const END = 0, NO_OPERATION = 1, RECORD_ROUTE = 7, TIMESTAMP = 68;

/** IP_RECVOPTS: as they came. */
export function putOptions(header: Uint8Array, writer: ControlWriter): void {
  if (header.length > IPV4_HEADER_LEN) writer.put(SOL.IP, IP.RECVOPTS, header.slice(IPV4_HEADER_LEN));
}

/** IP_RETOPTS: what an answer would carry: recorded routes and timestamps, to be filled up (__ip_options_echo). */
export function putReturnOptions(header: Uint8Array, writer: ControlWriter): void {
  if (header.length <= IPV4_HEADER_LEN) return;
  const kept: number[] = [];
  for (let at = IPV4_HEADER_LEN; at < header.length;) {
    const kind = header[at] as number;
    if (kind === END) break;
    const length = kind === NO_OPERATION ? 1 : (header[at + 1] as number);
    if (length < 1) break;
    if (kind === RECORD_ROUTE || kind === TIMESTAMP) kept.push(...header.subarray(at, at + length));
    at += length;
  }
  while ((kept.length & 3) !== 0) kept.push(END);
  writer.put(SOL.IP, IP.RETOPTS, Uint8Array.from(kept));
}

/** IPV6_FLOWINFO: traffic class and flow label, unless both are 0. */
export function putFlow(header: Uint8Array, writer: ControlWriter): void {
  if (header.length < IPV6_HEADER_LEN) return;
  const info = Uint8Array.of((header[0] as number) & 0xf, header[1] as number, header[2] as number, header[3] as number);
  if (info.some((byte) => byte !== 0)) writer.put(SOL.IPV6, IPV6.FLOWINFO, info);
}

/** Calls `each` for every extension header, in their order. */
function walk(header: Uint8Array, each: (kind: number, bytes: Uint8Array) => void): void {
  let kind = header[NEXT_HEADER_AT] as number;
  for (let at = IPV6_HEADER_LEN; at + 2 <= header.length;) {
    const length = kind === IpProto.Ah ? ((header[at + 1] as number) + 2) << 2 : ((header[at + 1] as number) + 1) << 3;
    if (at + length > header.length) return;
    each(kind, header.slice(at, at + length));
    kind = header[at] as number;
    at += length;
  }
}

/** ip6_datagram_recv_specific_ctl: hop-by-hop options come first wherever they stand. */
export function putExtensions({ told, header }: ReceiveResult, writer: ControlWriter): void {
  walk(header, (kind, bytes) => {
    if (kind === IpProto.HopByHop && (told & Tell.HopOptions6) !== 0) writer.put(SOL.IPV6, IPV6.HOPOPTS, bytes);
    else if (kind === IpProto.DestinationOptions && (told & Tell.DestinationOptions6) !== 0) writer.put(SOL.IPV6, IPV6.DSTOPTS, bytes);
    else if (kind === IpProto.Routing && (told & Tell.Routing6) !== 0) writer.put(SOL.IPV6, IPV6.RTHDR, bytes);
  });
}

export function putOldExtensions({ told, header }: ReceiveResult, writer: ControlWriter): void {
  walk(header, (kind, bytes) => {
    if (kind === IpProto.HopByHop && (told & Tell.OldHopOptions6) !== 0) writer.put(SOL.IPV6, IPV6['2292HOPOPTS'], bytes);
    else if (kind === IpProto.DestinationOptions && (told & Tell.OldDestinationOptions6) !== 0) writer.put(SOL.IPV6, IPV6['2292DSTOPTS'], bytes);
    else if (kind === IpProto.Routing && (told & Tell.OldRouting6) !== 0) writer.put(SOL.IPV6, IPV6['2292RTHDR'], bytes);
  });
}
