/**
 * Captures whose packets begin with IP, with nothing or with a BSD address family in front.
 *
 * Called by capture/tcpdump-printer.ts.
 */
import type { Dissection } from './dissection.ts';
import { dumpUnknown } from './hex-dump.ts';
import { printIpv4 } from './ipv4.ts';
import { printIpv6 } from './ipv6.ts';

const FAMILY_LEN = 4;
/** The families as the BSDs number them; each has its own number for IPv6. */
const FAMILIES: ReadonlyMap<number, string> = new Map([
  [2, 'IPv4'],
  [6, 'NS'],
  [7, 'ISO'],
  [16, 'Appletalk'],
  [23, 'IPX'],
  [24, 'IPv6'],
  [28, 'IPv6'],
  [30, 'IPv6'],
]);

export function printRaw(d: Dissection, length: number): number {
  d.protocol = 'raw';
  if (d.options.linkHeader) d.put('ip: ');
  d.protocol = 'ipn';
  const version = d.u8(0) >> 4;
  if (version === 4) printIpv4(d, 0, length);
  else if (version === 6) printIpv6(d, 0, length);
  else d.put(`unknown ip ${version}`);
  return 0;
}

/** Returns the length of the header, even when the packet is cut off later. */
export function printNull(d: Dissection, length: number, captured: number): number {
  d.protocol = 'null';
  d.need(0, FAMILY_LEN);
  // The number is in the byte order of whoever captured it; a family fits 16 bits, so the order shows.
  let family = (d.u16le(0) | (d.u16le(2) << 16)) >>> 0;
  if (family > 0xffff) family = d.u32(0);
  if (d.options.linkHeader) printFamily(d, family, length);
  const name = FAMILIES.get(family);
  if (name === 'IPv4') printIpv4(d, FAMILY_LEN, length - FAMILY_LEN);
  else if (name === 'IPv6') printIpv6(d, FAMILY_LEN, length - FAMILY_LEN);
  else {
    if (!d.options.linkHeader) printFamily(d, family, length);
    dumpUnknown(d, FAMILY_LEN, captured - FAMILY_LEN);
  }
  return FAMILY_LEN;
}

function printFamily(d: Dissection, family: number, length: number): void {
  const name = FAMILIES.get(family);
  d.put(d.options.quiet ? (name ?? `Unknown AF ${family}`) : `AF ${name ?? 'Unknown'} (${family})`);
  d.put(`, length ${length}: `);
}
