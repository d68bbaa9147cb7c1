/**
 * IPv4 headers (RFC 791): reading, validating and writing, with options.
 *
 * Called by net/'s IPv4 input and output, by ICMP for quoted packets, and by capture. Bytes only: no routes, no
 * reassembly. Read RFC 791 section 3 and RFC 1122 section 3.2.1 before changing this file.
 */
import { finish, fold, sumView, updateChecksum, wordSum } from '../base/checksum.ts';

export { IpProto } from './protocols.ts';

export const IPV4_HEADER_LEN = 20;
export const IPV4_MAX_HEADER_LEN = 60;
/** Largest total length. */
export const IPV4_MAX_LEN = 65535;
const VERSION_IHL = 0, TOS = 1, TOTAL_LENGTH = 2, ID = 4, FRAGMENT = 6, TTL = 8, PROTOCOL = 9, CHECKSUM = 10;
const SRC = 12, DST = 16;

/** Bits of the flags-and-offset word. */
export const Ipv4Fragment = { Evil: 0x8000, DontFragment: 0x4000, MoreFragments: 0x2000, OffsetMask: 0x1fff } as const;

/** Option type octets, with their copied flag (RFC 791 section 3.1, RFC 2113). */
export const Ipv4OptionKind = {
  End: 0,
  NoOperation: 1,
  RecordRoute: 7,
  Timestamp: 68,
  Security: 130,
  LooseSourceRoute: 131,
  CommercialSecurity: 134,
  StreamId: 136,
  StrictSourceRoute: 137,
  RouterAlert: 148,
} as const;
export type Ipv4OptionKind = (typeof Ipv4OptionKind)[keyof typeof Ipv4OptionKind];

/** ECN codepoints in the lowest two bits of TOS and traffic class (RFC 3168). */
export const Ecn = { NotEct: 0, Ect1: 1, Ect0: 2, CongestionExperienced: 3 } as const;
export type Ecn = (typeof Ecn)[keyof typeof Ecn];

/** A parsed header. One per stack, re-filled per packet. */
export class Ipv4Header {
  /** Header length in bytes with options, 20..60. */
  headerLen = 0;
  tos = 0;
  /** Length of the packet by its header; link padding may follow it. */
  totalLen = 0;
  id = 0;
  dontFragment = false;
  moreFragments = false;
  /** Offset of the payload in the unfragmented packet, in bytes. */
  fragmentOffset = 0;
  ttl = 0;
  protocol = 0;
  /** Checksum field as it stands. */
  checksum = 0;
  /** Addresses as int32. */
  src = 0;
  dst = 0;

  /**
   * Fills this from the header at `at`; false when the packet is malformed (RFC 1122 3.2.1.1, Linux's InHdrErrors).
   * `len` is what the link delivered from `at` on, padding included. The checksum is not looked at: see
   * `ipv4ChecksumOk`.
   */
  parse(view: DataView, at: number, headEnd: number, len: number): boolean {
    if (headEnd - at < IPV4_HEADER_LEN) return false;
    const totalLen = view.getUint16(at + TOTAL_LENGTH);
    return this.fill(view, at, headEnd, totalLen) && totalLen <= len && totalLen >= this.headerLen;
  }

  /**
   * As `parse`, for a packet quoted in an ICMP error: most of it may be missing, so that its total length is not
   * compared with anything. The whole header must be there.
   */
  parseQuoted(view: DataView, at: number, headEnd: number): boolean {
    return headEnd - at >= IPV4_HEADER_LEN && this.fill(view, at, headEnd, view.getUint16(at + TOTAL_LENGTH));
  }

  /** Whether this is a fragment of a larger packet. */
  get isFragment(): boolean {
    return this.moreFragments || this.fragmentOffset !== 0;
  }

  /** Bytes behind the header, by the total length. */
  get payloadLen(): number {
    return this.totalLen - this.headerLen;
  }

  private fill(view: DataView, at: number, headEnd: number, totalLen: number): boolean {
    const first = view.getUint8(at + VERSION_IHL);
    const headerLen = (first & 0xf) << 2;
    if (first >>> 4 !== 4 || headerLen < IPV4_HEADER_LEN || headEnd - at < headerLen) return false;
    const fragment = view.getUint16(at + FRAGMENT);
    this.headerLen = headerLen;
    this.tos = view.getUint8(at + TOS);
    this.totalLen = totalLen;
    this.id = view.getUint16(at + ID);
    this.dontFragment = (fragment & Ipv4Fragment.DontFragment) !== 0;
    this.moreFragments = (fragment & Ipv4Fragment.MoreFragments) !== 0;
    this.fragmentOffset = (fragment & Ipv4Fragment.OffsetMask) << 3;
    this.ttl = view.getUint8(at + TTL);
    this.protocol = view.getUint8(at + PROTOCOL);
    this.checksum = view.getUint16(at + CHECKSUM);
    this.src = view.getInt32(at + SRC);
    this.dst = view.getInt32(at + DST);
    return true;
  }
}

/** Whether the header's checksum is right. `headerLen` bytes must be there: call it after `parse`. */
export function ipv4ChecksumOk(view: DataView, at: number, headerLen: number): boolean {
  return fold(sumView(view, at, at + headerLen, 0)) === 0xffff;
}

/**
 * Writes a header without options, checksum included. `fragment` is the flags-and-offset word: Ipv4Fragment bits and
 * the offset in units of 8 bytes. `totalLen` counts the header.
 */
export function writeIpv4Header(
  view: DataView, at: number, totalLen: number, tos: number, id: number, fragment: number, ttl: number,
  protocol: number, src: number, dst: number,
): void {
  const first = 0x4500 | tos;
  const ttlProtocol = (ttl << 8) | protocol;
  view.setUint16(at + VERSION_IHL, first);
  view.setUint16(at + TOTAL_LENGTH, totalLen);
  view.setUint16(at + ID, id);
  view.setUint16(at + FRAGMENT, fragment);
  view.setUint16(at + TTL, ttlProtocol);
  view.setUint16(at + CHECKSUM, finish(first + totalLen + id + fragment + ttlProtocol + wordSum(src) + wordSum(dst)));
  view.setInt32(at + SRC, src);
  view.setInt32(at + DST, dst);
}

/**
 * As writeIpv4Header, with the options that the caller has put at `at + 20`, padded with zeros to a multiple of four:
 * `headerLen` is 20 and their length.
 */
export function writeIpv4HeaderWithOptions(
  view: DataView, at: number, headerLen: number, totalLen: number, tos: number, id: number, fragment: number,
  ttl: number, protocol: number, src: number, dst: number,
): void {
  writeIpv4Header(view, at, totalLen, tos, id, fragment, ttl, protocol, src, dst);
  view.setUint8(at + VERSION_IHL, 0x40 | (headerLen >>> 2));
  completeIpv4Checksum(view, at, headerLen);
}

/** Computes the header checksum anew, after fields or options changed. */
export function completeIpv4Checksum(view: DataView, at: number, headerLen: number): void {
  view.setUint16(at + CHECKSUM, 0);
  view.setUint16(at + CHECKSUM, finish(sumView(view, at, at + headerLen, 0)));
}

/** Takes one off the time to live and repairs the checksum (RFC 1624); for forwarding. Returns what is left. */
export function decrementIpv4Ttl(view: DataView, at: number): number {
  const before = view.getUint16(at + TTL);
  const after = (before - 0x100) & 0xffff;
  view.setUint16(at + TTL, after);
  view.setUint16(at + CHECKSUM, updateChecksum(view.getUint16(at + CHECKSUM), before, after));
  return after >>> 8;
}

/** Sets the ECN bits and repairs the checksum: a queue that marks instead of dropping. */
export function setIpv4Ecn(view: DataView, at: number, ecn: number): void {
  const before = view.getUint16(at + VERSION_IHL);
  const after = (before & ~3) | ecn;
  view.setUint16(at + VERSION_IHL, after);
  view.setUint16(at + CHECKSUM, updateChecksum(view.getUint16(at + CHECKSUM), before, after));
}

/** Rewrites total length, identification and flags, and the checksum with them; for fragments and cut segments. */
export function rewriteIpv4Lengths(
  view: DataView, at: number, headerLen: number, totalLen: number, id: number, fragment: number,
): void {
  view.setUint16(at + TOTAL_LENGTH, totalLen);
  view.setUint16(at + ID, id);
  view.setUint16(at + FRAGMENT, fragment);
  completeIpv4Checksum(view, at, headerLen);
}

/**
 * Walks the options of a header: `begin`, then `next` until it returns false; afterwards `malformedAt` is the offset
 * (from the header) that a parameter problem points at, or 0 when all was well.
 */
export class Ipv4OptionWalker {
  /** Option type (Ipv4OptionKind). */
  kind = 0;
  /** Offset of the option in the view, and its length with type and length octets. */
  at = 0;
  length = 0;
  malformedAt = 0;
  private headerAt = 0;
  private nextAt = 0;
  private end = 0;

  begin(headerAt: number, headerLen: number): void {
    this.headerAt = headerAt;
    this.nextAt = headerAt + IPV4_HEADER_LEN;
    this.end = headerAt + headerLen;
    this.malformedAt = 0;
  }

  next(view: DataView): boolean {
    for (;;) {
      const at = this.nextAt;
      if (at >= this.end) return false;
      const kind = view.getUint8(at);
      if (kind === Ipv4OptionKind.End) return false;
      if (kind === Ipv4OptionKind.NoOperation) {
        this.nextAt++;
        continue;
      }
      const length = at + 1 < this.end ? view.getUint8(at + 1) : 0;
      if (length < 2 || length > this.end - at) {
        this.malformedAt = at - this.headerAt;
        return false;
      }
      this.kind = kind;
      this.at = at;
      this.length = length;
      this.nextAt = at + length;
      return true;
    }
  }
}

/** Whether an option goes into every fragment and not only into the first (RFC 791: the copied flag). */
export function isCopiedOption(kind: number): boolean {
  return (kind & 0x80) !== 0;
}

/** Length of the router alert option, a multiple of four. */
export const IPV4_ROUTER_ALERT_LEN = 4;

/** Writes the router alert option (RFC 2113) that IGMP messages carry. */
export function writeIpv4RouterAlert(view: DataView, at: number): void {
  view.setInt32(at, (Ipv4OptionKind.RouterAlert << 24) | (IPV4_ROUTER_ALERT_LEN << 16));
}
