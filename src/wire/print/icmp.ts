/**
 * ICMP for IPv4 in words, with the packet that an error quotes and the extensions after it (RFC 4884, RFC 4950).
 *
 * Called by ip-payload.ts.
 */
import { hex } from './addresses.ts';
import { expectedChecksum, residue } from './checksum.ts';
import type { Dissection } from './dissection.ts';
import { dumpWhatIsThere } from './hex-dump.ts';
import { printIpv4 } from './ipv4.ts';
import { IpProtocol } from './protocol-names.ts';

const IcmpType = {
  EchoReply: 0,
  Unreachable: 3,
  SourceQuench: 4,
  Redirect: 5,
  Echo: 8,
  RouterAdvertisement: 9,
  RouterSolicitation: 10,
  TimeExceeded: 11,
  ParameterProblem: 12,
  Timestamp: 13,
  TimestampReply: 14,
  InformationRequest: 15,
  InformationReply: 16,
  MaskRequest: 17,
  MaskReply: 18,
} as const;

/** Where the quoted packet begins, and in it protocol and destination. */
const QUOTED = 8;
const QUOTED_PROTOCOL = QUOTED + 9;
const QUOTED_DESTINATION = QUOTED + 16;
/** Longest text of a router advertisement; the rest of its addresses is not printed. */
const MOST_TEXT = 163;
/** Header and padded quotation before the extensions. */
const EXTENSION_AT = 136;

const PLAIN_NAMES: ReadonlyMap<number, string> = new Map([
  [IcmpType.SourceQuench, 'source quench'],
  [IcmpType.RouterSolicitation, 'router solicitation'],
  [IcmpType.InformationRequest, 'information request'],
  [IcmpType.InformationReply, 'information reply'],
  [IcmpType.MaskRequest, 'address mask request'],
]);

/** Words around the destination, by code; those that need more of the packet are made in `unreachableText`. */
const UNREACHABLE: ReadonlyMap<number, readonly [string, string]> = new Map([
  [0, ['net ', ' unreachable']],
  [1, ['host ', ' unreachable']],
  [5, ['', ' unreachable - source route failed']],
  [6, ['net ', ' unreachable - unknown']],
  [7, ['host ', ' unreachable - unknown']],
  [8, ['', ' unreachable - source host isolated']],
  [9, ['net ', ' unreachable - admin prohibited']],
  [10, ['host ', ' unreachable - admin prohibited']],
  [11, ['net ', ' unreachable - tos prohibited']],
  [12, ['host ', ' unreachable - tos prohibited']],
  [13, ['host ', ' unreachable - admin prohibited filter']],
  [14, ['host ', ' unreachable - host precedence violation']],
  [15, ['host ', ' unreachable - precedence cutoff']],
]);

export function printIcmp(d: Dissection, at: number, length: number, fragment: boolean): void {
  d.protocol = 'icmp';
  const type = d.u8(at);
  const code = d.u8(at + 1);
  const words = messageText(d, at, type, code);
  if (words === null) return d.truncated();
  d.put(`ICMP ${words}, length ${length}`);
  if (d.options.verbose === 0) return;
  if (!fragment && d.has(at, length)) {
    const left = residue(d, at, length);
    if (left !== 0) {
      const field = d.u16(at + 2);
      d.put(` (wrong icmp cksum ${field.toString(16)} (->${expectedChecksum(field, left).toString(16)})!)`);
    }
  }
  if (
    type === IcmpType.Unreachable ||
    type === IcmpType.SourceQuench ||
    type === IcmpType.Redirect ||
    type === IcmpType.TimeExceeded ||
    type === IcmpType.ParameterProblem
  ) {
    printQuotedPacket(d, at + QUOTED);
  }
  if (
    length > EXTENSION_AT &&
    (type === IcmpType.Unreachable || type === IcmpType.TimeExceeded || type === IcmpType.ParameterProblem)
  ) {
    printExtensions(d, at, length);
  }
}

/** What the message says, without its length; null when what it needs was cut off. */
function messageText(d: Dissection, at: number, type: number, code: number): string | null {
  switch (type) {
    case IcmpType.Echo:
    case IcmpType.EchoReply:
      return `echo ${type === IcmpType.Echo ? 'request' : 'reply'}, id ${d.u16(at + 4)}, seq ${d.u16(at + 6)}`;
    case IcmpType.Unreachable:
      return unreachableText(d, at, code);
    case IcmpType.Redirect: {
      const from = d.host4(at + QUOTED_DESTINATION);
      const gateway = d.host4(at + 4);
      if (code > 3) return `redirect-#${code} ${from} to ${gateway}`;
      return `redirect${code >= 2 ? '-tos' : ''} ${from} to ${(code & 1) === 0 ? 'net' : 'host'} ${gateway}`;
    }
    case IcmpType.RouterAdvertisement:
      return routerAdvertisementText(d, at);
    case IcmpType.TimeExceeded:
      if (!d.has(at + QUOTED_DESTINATION, 4)) return null;
      if (code > 1) return `time exceeded-#${code}`;
      return code === 0 ? 'time exceeded in-transit' : 'ip reassembly time exceeded';
    case IcmpType.ParameterProblem:
      return code !== 0 ? `parameter problem - code ${code}` : `parameter problem - octet ${d.u8(at + 4)}`;
    case IcmpType.MaskReply:
      return `address mask is 0x${hex(d.u32(at + 8), 8)}`;
    case IcmpType.Timestamp:
      return `time stamp query id ${d.u16(at + 4)} seq ${d.u16(at + 6)}`;
    case IcmpType.TimestampReply:
      if (!d.has(at + 16, 4)) return null;
      return (
        `time stamp reply id ${d.u16(at + 4)} seq ${d.u16(at + 6)}: org ${timeOfDay(d.u32(at + 8))}` +
        `, recv ${timeOfDay(d.u32(at + 12))}, xmit ${timeOfDay(d.u32(at + 16))}`
      );
    default:
      return PLAIN_NAMES.get(type) ?? `type-#${type}`;
  }
}

function unreachableText(d: Dissection, at: number, code: number): string | null {
  if (code === 3) {
    if (!d.has(at + QUOTED_PROTOCOL, 1)) return null;
    const portAt = at + QUOTED + (d.u8(at + QUOTED) & 0x0f) * 4 + 2;
    const port = d.u16(portAt);
    const protocol = d.u8(at + QUOTED_PROTOCOL);
    const host = d.host4(at + QUOTED_DESTINATION);
    if (protocol === IpProtocol.Tcp) return `${host} tcp port ${d.port('tcp', port)} unreachable`;
    if (protocol === IpProtocol.Udp) return `${host} udp port ${d.port('udp', port)} unreachable`;
    return `${host} protocol ${protocol} port ${port} unreachable`;
  }
  const host = d.host4(at + QUOTED_DESTINATION);
  if (code === 2) return `${host} protocol ${d.u8(at + QUOTED_PROTOCOL)} unreachable`;
  if (code === 4) {
    const mtu = d.u16(at + 6);
    return `${host} unreachable - need to frag${mtu !== 0 ? ` (mtu ${mtu})` : ''}`;
  }
  const around = UNREACHABLE.get(code);
  return around === undefined ? `${host} unreachable - #${code}` : around[0] + host + around[1];
}

/** Milliseconds since midnight. */
function timeOfDay(ms: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(seconds % 60)}.${String(ms % 1000).padStart(3, '0')}`;
}

function routerAdvertisementText(d: Dissection, at: number): string | null {
  if (!d.has(at + 4, 4)) return null;
  const two = (value: number): string => String(value).padStart(2, '0');
  const lifetime = d.u16(at + 6);
  const count = d.u8(at + 4);
  let text = 'router advertisement lifetime ';
  if (lifetime < 60) text += lifetime;
  else if (lifetime < 3600) text += `${Math.floor(lifetime / 60)}:${two(lifetime % 60)}`;
  else text += `${Math.floor(lifetime / 3600)}:${two(Math.floor((lifetime % 3600) / 60))}:${two(lifetime % 60)}`;
  text += ` ${count}:`;
  const size = d.u8(at + 5);
  if (size !== 2) return `${text} [size ${size}]`;
  for (let i = 0; i < count; i++) {
    const entry = at + 8 + 8 * i;
    if (!d.has(entry, 8)) return null;
    text += ` {${d.host4(entry)} ${d.u32(entry + 4)}}`;
  }
  return text.slice(0, MOST_TEXT);
}

/** The quoted packet may say that it is longer than what is quoted, but not where our own bytes end. */
function printQuotedPacket(d: Dissection, at: number): void {
  d.put('\n\t');
  const outerEnd = d.snapEnd;
  const quotedLength = d.u16(at + 2);
  d.snapEnd = Math.min(at + quotedLength, outerEnd);
  // A packet that claims to end before its own length field has none: the message counts as cut off.
  d.need(at + 2, 2);
  printIpv4(d, at, quotedLength);
  d.snapEnd = outerEnd;
  d.protocol = 'icmp';
}

function printExtensions(d: Dissection, at: number, length: number): void {
  // The fixed part of the extension, with its first data byte.
  if (!d.has(at, EXTENSION_AT + 5)) return d.truncated();
  const start = at + EXTENSION_AT;
  let left = length - EXTENSION_AT;
  // Older routers leave the length field zero; then only a right checksum tells that an extension is there.
  if (d.u8(at + 5) === 0 && d.has(start, left) && residue(d, start, left) !== 0) return;
  const version = d.u8(start) >> 4;
  d.put(`\n\tICMP Multi-Part extension v${version}`);
  if (version !== 2) return d.put(' packet not supported');
  if (d.has(start, left)) {
    const verdict = residue(d, start, left) !== 0 ? 'in' : '';
    d.put(`, checksum 0x${hex(d.u16(start + 2), 4)} (${verdict}correct), length ${left}`);
  }
  left = (left - 4) >>> 0;
  let object = start + 4;
  while (left > 4) {
    if (!d.has(object, 4)) return d.truncated();
    const objectLength = d.u16(object);
    const objectClass = d.u8(object + 2);
    const objectType = d.u8(object + 3);
    object += 4;
    left -= 4;
    const name = objectClass === 1 ? 'MPLS Stack Entry' : objectClass === 2 ? 'Interface Identification' : 'unknown';
    d.put(`\n\t  ${name} Object (${objectClass}), Class-Type: ${objectType}, length ${objectLength}`);
    if (objectClass === 0 || objectLength < 4) return;
    const bodyLength = objectLength - 4;
    if (objectClass === 1 && objectType === 1) {
      const entry = d.u32(object);
      d.put(`\n\t    label ${entry >>> 12}, tc ${(entry >>> 9) & 7}`);
      if ((entry & 0x100) !== 0) d.put(', [S]');
      d.put(`, ttl ${entry & 0xff}`);
    } else {
      dumpWhatIsThere(d, '\n\t    ', object, bodyLength);
    }
    if (left < bodyLength) break;
    left -= bodyLength;
    object += bodyLength;
  }
}
