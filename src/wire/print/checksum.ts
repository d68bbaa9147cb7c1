/**
 * Internet checksums of what a packet holds, for the verdicts that -v prints.
 *
 * Called by the printers of IP, ICMP, UDP, TCP and IGMP. Plain and byte-wise on purpose: the packet path has its own,
 * fast sums in base, and a printer must also sum ranges that begin at odd addresses.
 */
import type { Dissection } from './dissection.ts';

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 65536);
  return folded;
}

/** Unfolded sum of the big-endian words at `at`; an odd last byte counts as the upper half of a word. */
function sumOf(bytes: Uint8Array, at: number, length: number): number {
  let sum = 0;
  const even = at + (length & ~1);
  for (let i = at; i < even; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  if ((length & 1) !== 0) sum += bytes[even] << 8;
  return sum;
}

/** 0 when the checksum inside the range is right. The range must have been captured. */
export function residue(d: Dissection, at: number, length: number): number {
  return ~fold(sumOf(d.bytes, at, length)) & 0xffff;
}

/** What the checksum field should have held, given what it held and the residue. */
export function expectedChecksum(field: number, left: number): number {
  return fold(field + left);
}

/** As `residue`, over the IPv4 pseudo-header too. `length` enters the pseudo-header modulo 2^16. */
export function residue4(d: Dissection, ipAt: number, at: number, length: number, protocol: number): number {
  d.need(ipAt, 20);
  const destination = (d.u8(ipAt) & 0x0f) === 5 ? ipAt + 16 : finalDestination4(d, ipAt);
  const pseudo = sumOf(d.bytes, ipAt + 12, 4) + sumOf(d.bytes, destination, 4) + protocol + (length & 0xffff);
  return ~fold(pseudo + sumOf(d.bytes, at, length)) & 0xffff;
}

/** Where the last address of a source route stands, or else the destination address. */
function finalDestination4(d: Dissection, ipAt: number): number {
  const destination = ipAt + 16;
  let left = (d.u8(ipAt) & 0x0f) * 4 - 20;
  let at = ipAt + 20;
  while (left > 0) {
    const kind = d.u8(at);
    if (kind === 0) break;
    const length = kind === 1 ? 1 : d.u8(at + 1);
    if (kind !== 1 && length < 2) break;
    if (left < length || !d.has(at, length)) break;
    // Strict and loose source routes end in the address that the transport checksum was made for.
    if ((kind === 137 || kind === 131) && length >= 7) return at + length - 4;
    at += length;
    left -= length;
  }
  return destination;
}

/** As `residue`, over the IPv6 pseudo-header too. */
export function residue6(d: Dissection, ip6At: number, at: number, length: number, protocol: number): number {
  d.need(ip6At, 40);
  const next = d.bytes[ip6At + 6];
  const extended = next === 0 || next === 60 || next === 62 || next === 135 || next === 44 || next === 43;
  const destination = extended ? finalDestination6(d, ip6At) : ip6At + 24;
  const pseudo = sumOf(d.bytes, ip6At + 8, 16) + sumOf(d.bytes, destination, 16) + protocol;
  const lengthWords = (length & 0xffff) + Math.floor(length / 65536);
  return ~fold(pseudo + lengthWords + sumOf(d.bytes, at, length)) & 0xffff;
}

/** Where the last hop of a routing header stands, or else the destination address. */
function finalDestination6(d: Dissection, ip6At: number): number {
  let destination = ip6At + 24;
  let next = d.bytes[ip6At + 6];
  let at = ip6At;
  let advance = 40;
  while (at < d.snapEnd) {
    at += advance;
    if (next === 0 || next === 60 || next === 62 || next === 135) {
      advance = (d.u8(at + 1) + 1) << 3;
      next = d.u8(at);
    } else if (next === 44) {
      advance = 8;
      next = d.u8(at);
    } else {
      if (next !== 43 || !d.has(at, 4)) break;
      const length = d.u8(at + 1);
      const type = d.u8(at + 2);
      if (length % 2 === 1) break;
      // Segment routing lists its hops last to first; the older types first to last.
      const count = type === 4 ? 1 : type === 0 || type === 2 ? length >> 1 : 0;
      for (let i = 0; i < count && d.has(at + 8 + 16 * i, 16); i++) destination = at + 8 + 16 * i;
      break;
    }
  }
  d.need(destination, 16);
  return destination;
}
