/**
 * IP addresses: one immutable class for both families, predicates over address words, prefixes.
 *
 * Called by every layer above wire/. An address is four int32 words a, b, c, d in network order; an IPv4 address is
 * its v4-mapped form (0, 0, 0xffff, address), so that one demultiplexer, one route table and one socket serve both
 * families. The packet path passes the words themselves and allocates nothing; IpAddress is for configuration, sockets
 * and results. Text forms are read and written by inet-text.ts.
 */
import { formatV4, formatV6, parseV4, parseV6 } from './inet-text.ts';

/** The third word of a v4-mapped address. */
export const V4_MAPPED = 0x0000ffff;

/** What every packet's way asks of an address, found out once: getters of one test are so short that they are always inlined. */
const IS_V4 = 1, IS_UNSPECIFIED = 2, IS_MULTICAST = 4, IS_LINK_LOCAL = 8;

/** Four int32 words in network order; immutable. Equal addresses are not one object: compare with `equals`. */
export class IpAddress {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  private readonly kinds: number;

  constructor(a: number, b: number, c: number, d: number) {
    this.a = a | 0;
    this.b = b | 0;
    this.c = c | 0;
    this.d = d | 0;
    this.kinds = kindsOf(this.a, this.b, this.c, this.d);
  }

  /** From an IPv4 address as one 32-bit number in network order (0x7f000001 is 127.0.0.1). */
  static fromV4(word: number): IpAddress {
    return new IpAddress(0, 0, V4_MAPPED, word);
  }

  /** From 4 bytes (IPv4) or 16 bytes (IPv6, v4-mapped included) in network order. */
  static fromBytes(bytes: Uint8Array, at = 0, length = bytes.length - at): IpAddress {
    if (length === 4) return IpAddress.fromV4(wordAt(bytes, at));
    if (length !== 16) throw new RangeError(`an IP address has 4 or 16 bytes, not ${length}`);
    return new IpAddress(wordAt(bytes, at), wordAt(bytes, at + 4), wordAt(bytes, at + 8), wordAt(bytes, at + 12));
  }

  /** Reads an IPv6 address of 16 bytes at `at`. */
  static readV6(view: DataView, at: number): IpAddress {
    return new IpAddress(view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12));
  }

  /** Reads `192.0.2.1` or `2001:db8::1` as inet_pton does; null when the text is neither. */
  static parse(text: string): IpAddress | null {
    const bytes = text.includes(':') ? parseV6(text) : parseV4(text);
    return bytes === null ? null : IpAddress.fromBytes(bytes);
  }

  /** As `parse`, for constants and configuration that was checked before: throws a sentence. */
  static from(text: string): IpAddress {
    const address = IpAddress.parse(text);
    if (address === null) throw new TypeError(`not an IP address: ${text}`);
    return address;
  }

  /** Whether this is an IPv4 address (in its v4-mapped form). */
  get isV4(): boolean {
    return (this.kinds & IS_V4) !== 0;
  }

  /** The IPv4 address as int32; meaningful when `isV4`. */
  get v4(): number {
    return this.d;
  }

  /** 0.0.0.0 or ::. */
  get isUnspecified(): boolean {
    return (this.kinds & IS_UNSPECIFIED) !== 0;
  }

  /** 127.0.0.0/8 or ::1. */
  get isLoopback(): boolean {
    return isLoopback(this.a, this.b, this.c, this.d);
  }

  /** 224.0.0.0/4 or ff00::/8. */
  get isMulticast(): boolean {
    return (this.kinds & IS_MULTICAST) !== 0;
  }

  /** 169.254.0.0/16 or fe80::/10. */
  get isLinkLocal(): boolean {
    return (this.kinds & IS_LINK_LOCAL) !== 0;
  }

  /** Nothing without an interface (RFC 4007): fe80::/10, and IPv6 groups of an interface or a link. */
  get needsScope(): boolean {
    return !this.isV4 && (this.isLinkLocal || (this.isMulticast && multicastScope(this.a) <= 2));
  }

  /** 255.255.255.255, the limited broadcast. */
  get isBroadcast(): boolean {
    return this.d === -1 && this.isV4;
  }

  equals(other: IpAddress): boolean {
    return this.d === other.d && this.c === other.c && this.b === other.b && this.a === other.a;
  }

  /** Whether these words are this address. */
  is(a: number, b: number, c: number, d: number): boolean {
    return this.d === d && this.c === c && this.b === b && this.a === a;
  }

  /** Whether this address lies in `prefix/length`; the length counts in the prefix's own family (0..32 or 0..128). */
  isIn(prefix: IpAddress, length: number): boolean {
    const bits = prefix.isV4 ? length + 96 : length;
    return prefixMatches(this.a, this.b, this.c, this.d, prefix.a, prefix.b, prefix.c, prefix.d, bits);
  }

  /** 4 bytes for IPv4, 16 for IPv6. */
  toBytes(): Uint8Array {
    return this.isV4 ? v4Bytes(this.d) : this.toBytes6();
  }

  /** Always 16 bytes, as in a sockaddr_in6. */
  toBytes6(): Uint8Array {
    const bytes = new Uint8Array(16);
    writeWord(bytes, 0, this.a);
    writeWord(bytes, 4, this.b);
    writeWord(bytes, 8, this.c);
    writeWord(bytes, 12, this.d);
    return bytes;
  }

  /** Dotted quad for IPv4, the text of RFC 5952 for IPv6. */
  toString(): string {
    return this.isV4 ? formatV4(this.toBytes()) : formatV6(this.toBytes6());
  }

  /** As an AF_INET6 socket shows it: `::ffff:192.0.2.1` for IPv4. */
  toString6(): string {
    return formatV6(this.toBytes6());
  }
}

export const ANY4 = new IpAddress(0, 0, V4_MAPPED, 0);
export const ANY6 = new IpAddress(0, 0, 0, 0);
export const LOOPBACK4 = new IpAddress(0, 0, V4_MAPPED, 0x7f000001);
export const LOOPBACK6 = new IpAddress(0, 0, 0, 1);
export const BROADCAST4 = new IpAddress(0, 0, V4_MAPPED, 0xffffffff);
/** 224.0.0.1 */
export const ALL_HOSTS4 = new IpAddress(0, 0, V4_MAPPED, 0xe0000001);
/** 224.0.0.2 */
export const ALL_ROUTERS4 = new IpAddress(0, 0, V4_MAPPED, 0xe0000002);
/** 224.0.0.22, where IGMPv3 reports go. */
export const IGMPV3_ROUTERS4 = new IpAddress(0, 0, V4_MAPPED, 0xe0000016);
/** ff02::1 */
export const ALL_NODES = new IpAddress(0xff020000, 0, 0, 1);
/** ff02::2 */
export const ALL_ROUTERS = new IpAddress(0xff020000, 0, 0, 2);
/** ff02::16, where MLDv2 reports go. */
export const MLDV2_ROUTERS = new IpAddress(0xff020000, 0, 0, 0x16);

/** The solicited-node multicast group of an IPv6 address (RFC 4291 section 2.7.1); its last word, for the wire. */
export function solicitedNode(address: IpAddress): IpAddress {
  return new IpAddress(0xff020000, 0, 1, 0xff000000 | (address.d & 0xffffff));
}

export function isV4Mapped(a: number, b: number, c: number): boolean {
  return c === V4_MAPPED && b === 0 && a === 0;
}

export function isUnspecified(a: number, b: number, c: number, d: number): boolean {
  return d === 0 && (c === 0 || c === V4_MAPPED) && b === 0 && a === 0;
}

export function isLoopback(a: number, b: number, c: number, d: number): boolean {
  if (b !== 0 || a !== 0) return false;
  return c === V4_MAPPED ? d >>> 24 === 127 : c === 0 && d === 1;
}

export function isMulticast(a: number, b: number, c: number, d: number): boolean {
  return isV4Mapped(a, b, c) ? d >>> 28 === 0xe : a >>> 24 === 0xff;
}

export function isLinkLocal(a: number, b: number, c: number, d: number): boolean {
  return isV4Mapped(a, b, c) ? d >>> 16 === 0xa9fe : a >>> 22 === 0x3fa;
}

/** The scope of an IPv6 multicast address (1 interface, 2 link, 5 site, 14 global); from its first word. */
export function multicastScope(a: number): number {
  return (a >>> 16) & 0xf;
}

/** A mask of `bits` leading ones, 0..32, as int32. */
export function maskWord(bits: number): number {
  // A shift by 32 is a shift by 0 in JavaScript.
  return bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits);
}

/** Whether the first `bits` (0..128) of two addresses agree. An IPv4 prefix of length n has 96 + n bits. */
export function prefixMatches(
  a: number, b: number, c: number, d: number,
  prefixA: number, prefixB: number, prefixC: number, prefixD: number,
  bits: number,
): boolean {
  if (bits <= 32) return ((a ^ prefixA) & maskWord(bits)) === 0;
  if (a !== prefixA) return false;
  if (bits <= 64) return ((b ^ prefixB) & maskWord(bits - 32)) === 0;
  if (b !== prefixB) return false;
  if (bits <= 96) return ((c ^ prefixC) & maskWord(bits - 64)) === 0;
  return c === prefixC && ((d ^ prefixD) & maskWord(bits - 96)) === 0;
}

/** Number of leading bits that two addresses share, 0..128 (RFC 6724 section 2.2). */
export function commonPrefixLength(x: IpAddress, y: IpAddress): number {
  if (x.a !== y.a) return Math.clz32(x.a ^ y.a);
  if (x.b !== y.b) return 32 + Math.clz32(x.b ^ y.b);
  if (x.c !== y.c) return 64 + Math.clz32(x.c ^ y.c);
  return 96 + Math.clz32(x.d ^ y.d);
}

/** The address with all bits after `length` (of its own family) cleared. */
export function networkOf(address: IpAddress, length: number): IpAddress {
  const bits = address.isV4 ? length + 96 : length;
  return new IpAddress(
    address.a & maskWord(bits), address.b & maskWord(bits - 32),
    address.c & maskWord(bits - 64), address.d & maskWord(bits - 96),
  );
}

/** An address and the length of its prefix, in the address's own family. */
export class Cidr {
  readonly address: IpAddress;
  readonly prefixLength: number;

  constructor(address: IpAddress, prefixLength: number) {
    this.address = address;
    this.prefixLength = prefixLength;
  }

  toString(): string {
    return `${this.address}/${this.prefixLength}`;
  }
}

/** Reads `192.0.2.1/24` or `2001:db8::1/64`; without a slash the whole address is the prefix. Null when malformed. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  const address = IpAddress.parse(slash < 0 ? text : text.slice(0, slash));
  if (address === null) return null;
  const longest = address.isV4 ? 32 : 128;
  if (slash < 0) return new Cidr(address, longest);
  const digits = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(digits) || Number(digits) > longest) return null;
  return new Cidr(address, Number(digits));
}

/** Dotted quad of an IPv4 address in one word. */
export function formatV4Word(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

function kindsOf(a: number, b: number, c: number, d: number): number {
  return (isV4Mapped(a, b, c) ? IS_V4 : 0) | (isUnspecified(a, b, c, d) ? IS_UNSPECIFIED : 0) |
    (isMulticast(a, b, c, d) ? IS_MULTICAST : 0) | (isLinkLocal(a, b, c, d) ? IS_LINK_LOCAL : 0);
}

function v4Bytes(word: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeWord(bytes, 0, word);
  return bytes;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

export {
  AF_INET, AF_INET6, INADDR_NONE, inet_addr, inet_aton, inet_lnaof, inet_makeaddr, inet_netof, inet_network, inet_ntoa, inet_ntop, inet_pton,
} from './inet-text.ts';
