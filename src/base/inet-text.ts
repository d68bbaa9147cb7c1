/**
 * Internet addresses as text, exactly as glibc reads and writes them: inet_pton, inet_ntop, inet_aton and their kin.
 *
 * Called by inet-address.ts, by programs and by the resolver. The rules differ from function to function, on purpose:
 * inet_pton takes four decimal parts without leading zeros and nothing else; inet_aton takes one to four parts,
 * octal and hexadecimal ones, and ignores whatever follows a space. inet_network is a third grammar.
 *
 * Where C has `struct in_addr`, the value of s_addr here is the number that network order means: inet_addr('127.0.0.1')
 * is 0x7f000001 on every machine. In C on a little-endian machine the same s_addr prints as 0x0100007f; `htonl` of
 * byte-order.ts converts.
 */
import { readBytes, readText, wrongKind } from './arguments.ts';

export const AF_INET = 2;
export const AF_INET6 = 10;
const EAFNOSUPPORT = 97;

/** What inet_addr returns for text that is no address; also the value of 255.255.255.255. */
export const INADDR_NONE = 0xffffffff;

/**
 * Text to address bytes: 4 for AF_INET, 16 for AF_INET6; null when the text is not an address of that family (C: 0).
 * Throws EAFNOSUPPORT for another family (C: -1).
 */
export function inet_pton(af: number, text: string): Uint8Array | null {
  readText('inet_pton: text', text);
  if (af === AF_INET) return parseV4(text);
  if (af === AF_INET6) return parseV6(text);
  throw unsupportedFamily('inet_pton');
}

/** Address bytes to text. Throws EAFNOSUPPORT for an unknown family. */
export function inet_ntop(af: number, bytes: Uint8Array): string {
  if (af !== AF_INET && af !== AF_INET6) throw unsupportedFamily('inet_ntop');
  const plain = readBytes('inet_ntop: bytes', bytes);
  return af === AF_INET ? formatV4(plain) : formatV6(plain);
}

/** Reads an IPv4 address of one to four parts (`127.1`, `0x7f.0.0.1`); null when it is none. Unsigned. */
export function inet_aton(text: string): number | null {
  readText('inet_aton: text', text);
  let value = 0;
  let at = 0;
  for (let part = 0; ; part++) {
    if (!isDigit(text.charCodeAt(at))) return null;
    const end = integerEnd(text, at);
    // Number() reads hexadecimal as C does, octal only when it is spelled 0o.
    const digits = text.slice(at, end);
    const number = isOctal(digits) ? Number(`0o${digits.slice(1)}`) : Number(digits);
    at = end;
    if (text.charCodeAt(at) === DOT) {
      if (part === 3 || number > 255) return null;
      value += number * POWERS_OF_256[3 - part];
      at++;
      continue;
    }
    // The last part fills all bytes that are left.
    if (number >= POWERS_OF_256[4 - part]) return null;
    if (at < text.length && !isSpace(text.charCodeAt(at)) && text.charCodeAt(at) !== 0) return null;
    return value + number;
  }
}

/** As inet_aton, with INADDR_NONE (0xffffffff) for failure, indistinguishable from the broadcast address. */
export function inet_addr(text: string): number {
  const value = inet_aton(text);
  return value === null ? INADDR_NONE : value;
}

/** Dotted quad of an address in one number. */
export function inet_ntoa(address: number): string {
  if (typeof address !== 'number') throw wrongKind('inet_ntoa: address', 'a number', address);
  return `${(address >>> 24) & 255}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/**
 * Reads a network number: up to four parts of one byte each, the last one in the lowest byte (`10.1` is 0x0a01).
 * INADDR_NONE when malformed. Unlike inet_aton, nothing but white space may follow.
 */
export function inet_network(text: string): number {
  readText('inet_network: text', text);
  let value = 0;
  let at = 0;
  for (let part = 0; part < 4; part++) {
    let base = 10;
    let digits = 0;
    if (text.charCodeAt(at) === 0x30) {
      base = 8;
      digits = 1;
      at++;
    }
    // glibc takes the x without a 0 in front, too: x10 is 16.
    if ((text.charCodeAt(at) | 0x20) === 0x78) {
      base = 16;
      digits = 0;
      at++;
    }
    let number = 0;
    for (; at < text.length; at++, digits++) {
      const digit = hexDigit(text.charCodeAt(at));
      if (digit < 0 || (base < 16 && digit > 9)) break;
      if (digit >= base) return INADDR_NONE;
      // uint32_t in C, and it wraps.
      number = (Math.imul(number, base) + digit) >>> 0;
    }
    if (digits === 0 || number > 255) return INADDR_NONE;
    value = value * 256 + number;
    if (text.charCodeAt(at) === DOT) {
      at++;
      continue;
    }
    while (isSpace(text.charCodeAt(at))) at++;
    return at === text.length ? value : INADDR_NONE;
  }
  return INADDR_NONE;
}

/** An address from a classful network number and a host number. */
export function inet_makeaddr(net: number, host: number): number {
  const network = net >>> 0;
  if (network < 128) return ((network << 24) | (host & 0xffffff)) >>> 0;
  if (network < 65536) return ((network << 16) | (host & 0xffff)) >>> 0;
  if (network < 16777216) return ((network << 8) | (host & 0xff)) >>> 0;
  return (network | host) >>> 0;
}

/** The host part of an address, by its class. */
export function inet_lnaof(address: number): number {
  return (address & ~classMask(address)) >>> 0;
}

/** The network number of an address, by its class, in the lowest bits. */
export function inet_netof(address: number): number {
  const mask = classMask(address);
  return mask === 0xff000000 ? address >>> 24 : mask === 0xffff0000 ? address >>> 16 : address >>> 8;
}

/** Exactly four decimal numbers up to 255 without leading zeros. */
export function parseV4(text: string): Uint8Array | null {
  const bytes = new Uint8Array(4);
  return readQuad(text, 0, bytes, 0) ? bytes : null;
}

export function formatV4(bytes: Uint8Array): string {
  return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
}

/** Up to eight groups of one to four hexadecimal digits, one `::`, the last 32 bits possibly as a dotted quad. */
export function parseV6(text: string): Uint8Array | null {
  const bytes = new Uint8Array(16);
  let filled = 0;
  /** Where the zeros of `::` belong, or -1. */
  let gap = -1;
  let at = 0;
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return null;
    gap = 0;
    at = 2;
  }
  while (at < text.length) {
    const start = at;
    let group = 0;
    for (let digit = hexDigit(text.charCodeAt(at)); digit >= 0; digit = hexDigit(text.charCodeAt(++at))) {
      if (at - start === 4) return null;
      group = group * 16 + digit;
    }
    if (text.charCodeAt(at) === DOT) {
      if (filled > 12 || !readQuad(text, start, bytes, filled)) return null;
      filled += 4;
      break;
    }
    if (at > start) {
      if (filled === 16) return null;
      bytes[filled++] = group >> 8;
      bytes[filled++] = group;
      if (at === text.length) break;
      if (text.charCodeAt(at) !== COLON || ++at === text.length) return null;
      if (text.charCodeAt(at) !== COLON) continue;
    }
    // Here a second colon follows a first one, or the text has something that is neither digit nor colon.
    if (text.charCodeAt(at) !== COLON || gap >= 0) return null;
    gap = filled;
    at++;
  }
  if (gap < 0) return filled === 16 ? bytes : null;
  // glibc: a `::` must stand for at least one group.
  if (filled === 16) return null;
  bytes.copyWithin(16 - (filled - gap), gap, filled);
  bytes.fill(0, gap, 16 - (filled - gap));
  return bytes;
}

/** The longest run of two or more zero groups becomes `::`; v4-mapped and v4-compatible addresses end in a quad. */
export function formatV6(bytes: Uint8Array): string {
  let runStart = -1;
  let runLength = 1;
  for (let i = 0; i < 8; i++) {
    let j = i;
    while (j < 8 && bytes[2 * j] === 0 && bytes[2 * j + 1] === 0) j++;
    if (j - i > runLength) {
      runStart = i;
      runLength = j - i;
    }
    if (j > i) i = j;
  }
  // RFC 5952 section 5. ::1 and :: have a longer run than six and stay hexadecimal.
  const mapped = runStart === 0 && runLength === 5 && bytes[10] === 0xff && bytes[11] === 0xff;
  const compatible = runStart === 0 && runLength === 6;
  const groups = mapped || compatible ? 6 : 8;
  let text = '';
  for (let i = 0; i < groups; i++) {
    if (i === runStart) {
      text += '::';
      i += runLength - 1;
      continue;
    }
    if (text !== '' && !text.endsWith(':')) text += ':';
    text += ((bytes[2 * i] << 8) | bytes[2 * i + 1]).toString(16);
  }
  if (groups === 8) return text;
  if (!text.endsWith(':')) text += ':';
  return `${text}${bytes[12]}.${bytes[13]}.${bytes[14]}.${bytes[15]}`;
}

const DOT = 0x2e;
const COLON = 0x3a;
const POWERS_OF_256 = [1, 0x100, 0x10000, 0x1000000, 0x100000000];

/** Reads a dotted quad that must reach to the end of `text`. */
function readQuad(text: string, from: number, bytes: Uint8Array, at: number): boolean {
  let i = from;
  for (let part = 0; part < 4; part++) {
    if (part > 0 && text.charCodeAt(i++) !== DOT) return false;
    const start = i;
    let value = 0;
    while (isDigit(text.charCodeAt(i))) {
      // A zero may only stand alone: 01 is refused, and so is 00.
      if (i > start && value === 0) return false;
      value = value * 10 + text.charCodeAt(i++) - 0x30;
      if (value > 255) return false;
    }
    if (i === start) return false;
    bytes[at + part] = value;
  }
  return i === text.length;
}

/** Where the number that strtoul (base 0) would read ends. */
function integerEnd(text: string, from: number): number {
  const hexadecimal = /0[xX][0-9a-fA-F]+/y;
  const octal = /0[0-7]*/y;
  const decimal = /[0-9]+/y;
  for (const form of [hexadecimal, octal, decimal]) {
    form.lastIndex = from;
    if (form.test(text)) return form.lastIndex;
  }
  return from;
}

function isOctal(digits: string): boolean {
  return digits.length > 1 && digits.charCodeAt(0) === 0x30 && isDigit(digits.charCodeAt(1));
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

/** 0..15, or -1 (also for the NaN behind the end of a string). */
function hexDigit(code: number): number {
  if (isDigit(code)) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function classMask(address: number): number {
  const top = address >>> 30;
  return top < 2 ? 0xff000000 : top === 2 ? 0xffff0000 : 0xffffff00;
}

function unsupportedFamily(syscall: string): Error {
  const error = new Error(`EAFNOSUPPORT: address family not supported by protocol, ${syscall}`);
  return Object.assign(error, { code: 'EAFNOSUPPORT', errno: EAFNOSUPPORT, syscall });
}
