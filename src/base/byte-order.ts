/**
 * Host and network byte order: the four functions every socket program calls before it fills a sockaddr.
 *
 * Called by programs and by sockaddr code; the stack itself reads headers through DataView and never needs these.
 * The host is little endian, as x86 and ARM Linux are, so these swap; a machine with the other order would return its
 * argument. JavaScript numbers have no byte order of their own: the order shows once the value is stored in memory.
 */
import { wrongKind } from './arguments.ts';

/** Host to network order, 16 bits: `htons(0x1234) === 0x3412`. Higher bits are cut off, as by C's uint16_t. */
export function htons(value: number): number {
  return swapped16(numeric('htons', value));
}

function swapped16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

/** Host to network order, 32 bits; the result is unsigned, as uint32_t. */
export function htonl(value: number): number {
  return swapped32(numeric('htonl', value));
}

function swapped32(value: number): number {
  return ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}

function numeric(name: string, value: unknown): number {
  if (typeof value !== 'number') throw wrongKind(`${name}: value`, 'a number', value);
  return value;
}

/** Network to host order, 16 bits. */
export function ntohs(value: number): number {
  return swapped16(numeric('ntohs', value));
}

/** Network to host order, 32 bits; the result is unsigned. */
export function ntohl(value: number): number {
  return swapped32(numeric('ntohl', value));
}
