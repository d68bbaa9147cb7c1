/**
 * IPv6 extension headers in words: hop-by-hop and destination options, fragment, routing.
 *
 * Called by ipv6.ts. Each returns the header's length, or -1 when the packet's text ends with it.
 */
import { hex, hex2 } from './addresses.ts';
import type { Dissection } from './dissection.ts';

const PAD1 = 0;
const PADN = 1;
const ROUTER_ALERT = 5;
const JUMBO = 0xc2;
const HOME_ADDRESS = 0xc9;
const FRAGMENT_LEN = 8;

/** What the hop-by-hop options say about the payload's length. */
export interface Jumbo {
  found: boolean;
  payloadLength: number;
}

export function printHopByHop(d: Dissection, at: number, jumbo: Jumbo): number {
  d.protocol = 'hbhopt';
  const length = (d.u8(at + 1) + 1) << 3;
  if (d.has(at, length)) {
    d.put('HBH ');
    if (printOptions(d, at + 2, length - 2, jumbo)) return length;
  }
  d.truncated();
  return -1;
}

export function printDestinationOptions(d: Dissection, at: number): number {
  d.protocol = 'dstopt';
  const length = (d.u8(at + 1) + 1) << 3;
  if (d.has(at, length)) {
    d.put('DSTOPT ');
    if (d.options.verbose === 0 || printOptions(d, at + 2, length - 2, null)) return length;
  }
  d.truncated();
  return -1;
}

/** False when an option runs over the end; `jumbo` is null where the jumbo payload option has no place. */
function printOptions(d: Dissection, start: number, length: number, jumbo: Jumbo | null): boolean {
  const end = start + length;
  const verbose = d.options.verbose > 0;
  let seenJumbo = false;
  let at = start;
  while (at < end) {
    const type = d.u8(at);
    if (type === PAD1) {
      if (verbose) d.put('(pad1)');
      at++;
      continue;
    }
    if (at + 1 >= end) return false;
    const size = d.u8(at + 1);
    if (at + size + 2 > end) return false;
    switch (type) {
      case PADN:
        if (verbose) d.put('(padn)');
        break;
      case ROUTER_ALERT:
        if (!sized(d, 'rtalert', end - at, size, 2)) return false;
        if (verbose) d.put(`(rtalert: 0x${hex(d.u16(at + 2), 4)}) `);
        break;
      case JUMBO: {
        if (!sized(d, 'jumbo', end - at, size, 4)) return false;
        const verdict = judgeJumbo(d.u32(at + 2), jumbo, seenJumbo);
        seenJumbo = true;
        if (verbose) d.put(`(jumbo: ${d.u32(at + 2)}${verdict}) `);
        break;
      }
      case HOME_ADDRESS:
        if (end - at < 18) {
          d.put('(homeaddr: trunc)');
          return false;
        }
        if (size < 16) {
          d.put(`(homeaddr: invalid len ${size})`);
          return false;
        }
        if (verbose) {
          d.put(`(homeaddr: ${d.host6(at + 2)}`);
          if (size > 16 && !printSubOptions(d, at + 18, size - 16)) return false;
          d.put(')');
        }
        break;
      default:
        if (verbose) d.put(`(opt_type 0x${hex2(type)}: len=${size})`);
    }
    at += size + 2;
  }
  if (verbose) d.put(' ');
  return true;
}

/** Whether an option of fixed size has it; says so if not. */
function sized(d: Dissection, name: string, left: number, size: number, wanted: number): boolean {
  if (left < wanted + 2) d.put(`(${name}: trunc)`);
  else if (size !== wanted) d.put(`(${name}: invalid len ${size})`);
  else return true;
  return false;
}

/** Takes the jumbo length if RFC 2675 allows it; otherwise says what is wrong with it. */
function judgeJumbo(length: number, jumbo: Jumbo | null, seen: boolean): string {
  if (seen) return ' - already seen';
  if (jumbo === null) return ' - not a hop-by-hop option';
  if (jumbo.payloadLength !== 0) return ' - payload len != 0';
  if (length < 65536) return ' - < 65536';
  jumbo.found = true;
  jumbo.payloadLength = length;
  return '';
}

function printSubOptions(d: Dissection, start: number, length: number): boolean {
  const end = start + length;
  let at = start;
  while (at < end) {
    const type = d.u8(at);
    if (type === PAD1) {
      d.put(', pad1');
      at++;
      continue;
    }
    if (at + 1 >= end) return false;
    const size = d.u8(at + 1);
    if (at + size + 2 > end) return false;
    d.put(type === PADN ? ', padn' : `, sopt_type 0x${hex2(type)}: len=${size}`);
    at += size + 2;
  }
  return true;
}

export function printFragmentHeader(d: Dissection, at: number, ip6At: number): number {
  d.protocol = 'frag6';
  const offset = d.u16(at + 2) & 0xfff8;
  const identification = d.options.verbose > 0 ? `0x${hex(d.u32(at + 4), 8)}:` : '';
  // How much of the original this fragment carries. In a packet whose length is wrong this is negative, and shows as
  // the 64-bit number that it is in C.
  const carried = 40 + d.u16(ip6At + 4) - (at - ip6At) - FRAGMENT_LEN;
  d.put(`frag (${identification}${offset}|${carried < 0 ? BigInt.asUintN(64, BigInt(carried)) : carried})`);
  // Only the first fragment begins with a header that can be read.
  if (offset !== 0) return -1;
  d.put(' ');
  return FRAGMENT_LEN;
}

export function printRoutingHeader(d: Dissection, at: number): number {
  d.protocol = 'rt6';
  d.put('RT6');
  const units = d.u8(at + 1);
  d.put(` (len=${units}`);
  const type = d.u8(at + 2);
  d.put(`, type=${type}`);
  if (type === 0) d.put(' [Deprecated]');
  d.put(`, segleft=${d.u8(at + 3)}`);
  if (type === 0 || type === 2) {
    const reserved = d.u32(at + 4);
    if (reserved !== 0 || d.options.verbose > 0) d.put(`, rsv=0x${reserved.toString(16)}`);
  } else if (type === 4) {
    d.put(`, last-entry=${d.u8(at + 4)}`);
    const flags = d.u8(at + 5);
    if (flags !== 0 || d.options.verbose > 0) d.put(`, flags=0x${flags.toString(16)}`);
    d.put(`, tag=${d.u16(at + 6).toString(16)}`);
  } else {
    d.put(' (unknown type)');
    d.invalid();
    return -1;
  }
  if (units % 2 === 1) {
    d.put(` (invalid length ${units})`);
    d.invalid();
    return -1;
  }
  for (let i = 0; i < units >> 1; i++) d.put(`, [${i}]${d.host6(at + 8 + 16 * i)}`);
  d.put(') ');
  return (d.u8(at + 1) + 1) << 3;
}
