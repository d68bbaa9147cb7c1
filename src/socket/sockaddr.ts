/**
 * Socket addresses as bytes: `struct sockaddr_in` (16) and `struct sockaddr_in6` (28), exactly as C lays them out on a
 * little-endian machine: the family in host order, port and address in network order.
 *
 *   sockaddr_in   | family 2 LE | port 2 BE | addr 4 | zero 8 |
 *   sockaddr_in6  | family 2 LE | port 2 BE | flowinfo 4 BE | addr 16 | scope_id 4 LE |
 *   sockaddr_un   | family 2 LE | path up to 108 |   (family/unix-address.ts)
 */
import { quoted, readBytes, readWhole, wrongKind } from '../base/arguments.ts';
import { Errno } from '../base/errno.ts';
import { ANY4, IpAddress } from '../base/inet-address.ts';
import { isKind } from '../base/thrown.ts';
import { AF } from './constants.ts';
import { isAbstract, pathOf, SUN_PATH, SUN_PATH_MAX } from './family/unix-address.ts';

export const SOCKADDR_IN_LEN = 16;
export const SOCKADDR_IN6_LEN = 28;
/** RFC 2133's shorter form without scope, which Linux still takes. */
const SOCKADDR_IN6_RFC2133 = 24;

/** A parsed address. One per caller, re-filled. */
export class ParsedSockaddr {
  family = 0;
  address: IpAddress = ANY4;
  port = 0;
  scopeId = 0;
  /** sin6_flowinfo, as a number. */
  flowInfo = 0;
}

/** sa_family of address bytes; AF_UNSPEC for fewer than two bytes. */
export function sockaddrFamily(bytes: Uint8Array): number {
  return bytes.length < 2 ? AF.UNSPEC : (bytes[0] as number) | ((bytes[1] as number) << 8);
}

/** Whoever makes an address is a program: what is wrong in it is the program's fault, not a failed call. */
function ipOf(helper: string, address: unknown, isV4: boolean): IpAddress {
  const isText = typeof address === 'string';
  if (!isText && !isKind(address, IpAddress)) throw wrongKind(`${helper}: address`, 'a string or an IpAddress', address);
  const ip = isText ? IpAddress.parse(address) : address;
  if (ip !== null && (ip.isV4 || !isV4)) return ip;
  throw new TypeError(`${helper}: address is not an ${isV4 ? 'IPv4' : 'IP'} address: ${ip === null ? quoted(address as string) : ip}`);
}

/** A `struct sockaddr_in` for a dotted quad (or an IpAddress) and a port in host order. */
export function sockaddrIn(address: string | IpAddress, port: number): Uint8Array {
  const ip = ipOf('sockaddrIn', address, true);
  readWhole('sockaddrIn: port', port, 0, 65535);
  const bytes = new Uint8Array(SOCKADDR_IN_LEN);
  writeSockaddr(bytes, true, ip, port, 0);
  return bytes;
}

/** A `struct sockaddr_in6`; an IPv4 address becomes its mapped form. */
export function sockaddrIn6(address: string | IpAddress, port: number, scopeId = 0): Uint8Array {
  const ip = ipOf('sockaddrIn6', address, false);
  readWhole('sockaddrIn6: port', port, 0, 65535);
  readWhole('sockaddrIn6: scopeId', scopeId, 0, 0xffffffff);
  const bytes = new Uint8Array(SOCKADDR_IN6_LEN);
  writeSockaddr(bytes, false, ip, port, scopeId);
  return bytes;
}

/**
 * A `struct sockaddr_un` for a path (`/run/log`), for an abstract name when it begins with a NUL (`'\0name'`), and of the
 * family alone for an empty one: bind(2) then gives it a name. Text is UTF-8; bytes are taken as they are.
 */
export function sockaddrUn(path: string | Uint8Array): Uint8Array {
  const name = typeof path === 'string' ? new TextEncoder().encode(path) : readBytes('sockaddrUn: path', path, 'a string or a Uint8Array');
  if (name.length > SUN_PATH_MAX) throw new RangeError(`sockaddrUn: path must have at most ${SUN_PATH_MAX} bytes, not ${name.length}`);
  const isPath = name.length > 0 && name[0] !== 0;
  if (isPath && name.includes(0)) throw new RangeError('sockaddrUn: path must have no NUL inside');
  // The final NUL is part of a path's address, where there is room for it.
  const bytes = new Uint8Array(SUN_PATH + Math.min(name.length + (isPath ? 1 : 0), SUN_PATH_MAX));
  bytes[0] = AF.UNIX;
  bytes.set(name, SUN_PATH);
  return bytes;
}

/**
 * The path or abstract name (with its NUL in front) of a `struct sockaddr_un`, empty for an unnamed socket; null for another
 * family. Abstract names that are no UTF-8 lose bytes in the text.
 */
export function readSockaddrUn(bytes: Uint8Array): string | null {
  const plain = readBytes('readSockaddrUn: address', bytes);
  if (sockaddrFamily(plain) !== AF.UNIX) return null;
  if (plain.length <= SUN_PATH) return '';
  return new TextDecoder().decode(isAbstract(plain) ? plain.subarray(SUN_PATH) : pathOf(plain));
}

/**
 * Writes an address in the form of the socket's family at the front of `to`, whose bytes are zero; returns the length of
 * the whole structure. Byte by byte, since a view costs more than all of it (100 ns against 10, Node 20).
 */
export function writeSockaddr(to: Uint8Array, isV4: boolean, address: IpAddress, port: number, scopeId: number): number {
  to[0] = isV4 ? AF.INET : AF.INET6;
  to[2] = port >> 8;
  to[3] = port;
  if (isV4) {
    putWord(to, 4, address.isV4 ? address.d : 0);
    return SOCKADDR_IN_LEN;
  }
  putWord(to, 8, address.a);
  putWord(to, 12, address.b);
  putWord(to, 16, address.c);
  putWord(to, 20, address.d);
  to[24] = scopeId;
  to[25] = scopeId >> 8;
  to[26] = scopeId >> 16;
  to[27] = scopeId >> 24;
  return SOCKADDR_IN6_LEN;
}

function putWord(to: Uint8Array, at: number, word: number): void {
  to[at] = word >> 24;
  to[at + 1] = word >> 16;
  to[at + 2] = word >> 8;
  to[at + 3] = word;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

/** An address as bytes, in the socket's family. */
export function sockaddrBytes(isV4: boolean, address: IpAddress, port: number, scopeId: number): Uint8Array {
  const bytes = new Uint8Array(isV4 ? SOCKADDR_IN_LEN : SOCKADDR_IN6_LEN);
  writeSockaddr(bytes, isV4, address, port, scopeId);
  return bytes;
}

/**
 * Reads an address that a user handed in: 0, -EINVAL when it is too short, -EAFNOSUPPORT for a family the socket does
 * not take. What AF_UNSPEC means is the caller's business: `family` is set even then.
 */
export function parseSockaddr(bytes: Uint8Array, into: ParsedSockaddr): number {
  into.family = sockaddrFamily(bytes);
  into.scopeId = 0;
  into.flowInfo = 0;
  if (into.family === AF.INET) {
    if (bytes.length < SOCKADDR_IN_LEN) return -Errno.EINVAL;
    into.port = (bytes[2] << 8) | bytes[3];
    into.address = IpAddress.fromV4(word(bytes, 4));
    return 0;
  }
  if (into.family === AF.INET6) {
    if (bytes.length < SOCKADDR_IN6_RFC2133) return -Errno.EINVAL;
    into.port = (bytes[2] << 8) | bytes[3];
    into.flowInfo = word(bytes, 4);
    into.address = new IpAddress(word(bytes, 8), word(bytes, 12), word(bytes, 16), word(bytes, 20));
    if (bytes.length >= SOCKADDR_IN6_LEN) {
      into.scopeId = (bytes[24] | (bytes[25] << 8) | (bytes[26] << 16) | (bytes[27] << 24)) >>> 0;
    }
    return 0;
  }
  return -Errno.EAFNOSUPPORT;
}

/** A socket address as people write it: `192.0.2.1:80`, `[2001:db8::1]:80`, `/run/log`, `@abstract`, and `*` for unnamed. */
export function formatSockaddr(bytes: Uint8Array): string {
  const plain = readBytes('formatSockaddr: address', bytes);
  const path = readSockaddrUn(plain);
  if (path !== null) return path === '' ? '*' : path.replaceAll('\0', '@');
  const parsed = new ParsedSockaddr();
  if (parseSockaddr(plain, parsed) < 0) return `family ${parsed.family}`;
  const text = parsed.address.toString();
  return parsed.family === AF.INET ? `${text}:${parsed.port}` : `[${text}]:${parsed.port}`;
}

/** Port and address text of a socket address; null when it is neither AF_INET nor AF_INET6. */
export function readSockaddr(bytes: Uint8Array): { family: number; address: string; port: number; scopeId: number } | null {
  const parsed = new ParsedSockaddr();
  if (parseSockaddr(readBytes('readSockaddr: address', bytes), parsed) < 0) return null;
  return { family: parsed.family, address: parsed.address.toString(), port: parsed.port, scopeId: parsed.scopeId };
}
