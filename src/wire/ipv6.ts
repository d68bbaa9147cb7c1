/**
 * IPv6 headers (RFC 8200): the fixed header, extension headers and their options, the fragment header.
 *
 * Called by net/'s IPv6 input and output, by ICMPv6 for quoted packets, and by capture. Bytes only.
 * Read RFC 8200 sections 3 and 4 before changing this file.
 */
import { IpProto } from './protocols.ts';

export { IpProto } from './protocols.ts';

export const IPV6_HEADER_LEN = 40;
/** Every link carries packets of this size (RFC 8200 section 5). */
export const IPV6_MIN_MTU = 1280;
export const IPV6_MAX_PAYLOAD = 65535;
const FIRST_WORD = 0, PAYLOAD_LENGTH = 4, NEXT_HEADER = 6, HOP_LIMIT = 7, SRC = 8, DST = 24;

/** A parsed fixed header. One per stack, re-filled per packet. */
export class Ipv6Header {
  trafficClass = 0;
  flowLabel = 0;
  /** Bytes behind the fixed header, extension headers included. */
  payloadLen = 0;
  nextHeader = 0;
  hopLimit = 0;
  /** Addresses as int32 words. */
  srcA = 0;
  srcB = 0;
  srcC = 0;
  srcD = 0;
  dstA = 0;
  dstB = 0;
  dstC = 0;
  dstD = 0;

  /**
   * Fills this from the header at `at`; false when the packet is malformed or cut off (Linux's InHdrErrors and
   * InTruncatedPkts). `len` is what the link delivered, padding included. Jumbograms (RFC 2675) are not supported:
   * a payload length of zero means no payload.
   */
  parse(view: DataView, at: number, headEnd: number, len: number): boolean {
    return this.parseQuoted(view, at, headEnd) && IPV6_HEADER_LEN + this.payloadLen <= len;
  }

  /** As `parse`, for a packet quoted in an ICMPv6 error, whose end may be missing. */
  parseQuoted(view: DataView, at: number, headEnd: number): boolean {
    if (headEnd - at < IPV6_HEADER_LEN) return false;
    const first = view.getInt32(at + FIRST_WORD);
    if (first >>> 28 !== 6) return false;
    this.trafficClass = (first >>> 20) & 0xff;
    this.flowLabel = first & 0xfffff;
    this.payloadLen = view.getUint16(at + PAYLOAD_LENGTH);
    this.nextHeader = view.getUint8(at + NEXT_HEADER);
    this.hopLimit = view.getUint8(at + HOP_LIMIT);
    this.srcA = view.getInt32(at + SRC);
    this.srcB = view.getInt32(at + SRC + 4);
    this.srcC = view.getInt32(at + SRC + 8);
    this.srcD = view.getInt32(at + SRC + 12);
    this.dstA = view.getInt32(at + DST);
    this.dstB = view.getInt32(at + DST + 4);
    this.dstC = view.getInt32(at + DST + 8);
    this.dstD = view.getInt32(at + DST + 12);
    return true;
  }
}

/** Writes the fixed header at `at`. */
export function writeIpv6Header(
  view: DataView, at: number, payloadLen: number, trafficClass: number, flowLabel: number, nextHeader: number,
  hopLimit: number,
  srcA: number, srcB: number, srcC: number, srcD: number,
  dstA: number, dstB: number, dstC: number, dstD: number,
): void {
  view.setInt32(at + FIRST_WORD, 0x60000000 | (trafficClass << 20) | flowLabel);
  view.setUint16(at + PAYLOAD_LENGTH, payloadLen);
  view.setUint8(at + NEXT_HEADER, nextHeader);
  view.setUint8(at + HOP_LIMIT, hopLimit);
  view.setInt32(at + SRC, srcA);
  view.setInt32(at + SRC + 4, srcB);
  view.setInt32(at + SRC + 8, srcC);
  view.setInt32(at + SRC + 12, srcD);
  view.setInt32(at + DST, dstA);
  view.setInt32(at + DST + 4, dstB);
  view.setInt32(at + DST + 8, dstC);
  view.setInt32(at + DST + 12, dstD);
}

/** Rewrites the payload length; for cut segments and reassembled packets. */
export function setIpv6PayloadLen(view: DataView, at: number, payloadLen: number): void {
  view.setUint16(at + PAYLOAD_LENGTH, payloadLen);
}

/** Rewrites the next header field of the fixed header. */
export function setIpv6NextHeader(view: DataView, at: number, nextHeader: number): void {
  view.setUint8(at + NEXT_HEADER, nextHeader);
}

/** Takes one off the hop limit, for forwarding; returns what is left. */
export function decrementIpv6HopLimit(view: DataView, at: number): number {
  const left = (view.getUint8(at + HOP_LIMIT) - 1) & 0xff;
  view.setUint8(at + HOP_LIMIT, left);
  return left;
}

/** Sets the ECN bits of the traffic class. */
export function setIpv6Ecn(view: DataView, at: number, ecn: number): void {
  view.setUint16(at, (view.getUint16(at) & ~0x30) | (ecn << 4));
}

/** Whether `nextHeader` names an extension header that the walker can step over. */
export function isIpv6Extension(nextHeader: number): boolean {
  switch (nextHeader) {
    case IpProto.HopByHop:
    case IpProto.Routing:
    case IpProto.Fragment:
    case IpProto.Ah:
    case IpProto.DestinationOptions:
      return true;
    default:
      return false;
  }
}

/**
 * Walks the extension headers: `begin`, then `next` once per header. When `next` returns false, either `malformed` is
 * true (the chain is cut off), or `protocol` and `payloadAt` say what comes after the chain (IpProto.NoNext: nothing).
 * The caller handles each header as it comes, since their order is also the order of processing.
 */
export class Ipv6ExtensionWalker {
  /** The header found by the last `next` (IpProto), where it begins, and its length in bytes. */
  kind = 0;
  at = 0;
  length = 0;
  /** Upper-layer protocol, or the one that comes next. */
  protocol = 0;
  payloadAt = 0;
  /** Where the next header field stands that named `protocol`: a parameter problem points at it. */
  nextHeaderAt = 0;
  malformed = false;
  /** Routing type and segments left of the last routing header. */
  routingType = 0;
  segmentsLeft = 0;
  private headEnd = 0;
  private done = false;

  /** Begins at the fixed header at `headerAt`; `headEnd` ends the chain's bytes: of the head, or of the packet. */
  begin(view: DataView, headerAt: number, headEnd: number): void {
    this.nextHeaderAt = headerAt + NEXT_HEADER;
    this.protocol = view.getUint8(this.nextHeaderAt);
    this.payloadAt = headerAt + IPV6_HEADER_LEN;
    this.headEnd = headEnd;
    this.malformed = false;
    this.done = false;
  }

  next(view: DataView): boolean {
    const kind = this.protocol;
    if (this.done || !isIpv6Extension(kind)) return false;
    const at = this.payloadAt;
    const available = this.headEnd - at;
    const length = available < 8 ? 0 : kind === IpProto.Fragment ? 8 : extensionLen(kind, view.getUint8(at + 1));
    if (length === 0 || length > available) {
      this.malformed = true;
      this.done = true;
      return false;
    }
    if (kind === IpProto.Routing) {
      this.routingType = view.getUint8(at + 2);
      this.segmentsLeft = view.getUint8(at + 3);
    }
    // Behind a fragment header of a later fragment there are no headers, but bytes from the middle of the payload.
    if (kind === IpProto.Fragment && (view.getUint16(at + 2) & 0xfff8) !== 0) this.done = true;
    this.kind = kind;
    this.at = at;
    this.length = length;
    this.nextHeaderAt = at;
    this.protocol = view.getUint8(at);
    this.payloadAt = at + length;
    return true;
  }
}

/** Bytes of an extension header by its length octet: units of 8 beyond the first 8; AH counts words minus 2. */
function extensionLen(kind: number, octet: number): number {
  return kind === IpProto.Ah ? (octet + 2) << 2 : (octet + 1) << 3;
}

/** Option types of hop-by-hop and destination headers. */
export const Ipv6OptionKind = { Pad1: 0, PadN: 1, RouterAlert: 0x05, Calipso: 0x07, Jumbo: 0xc2, HomeAddress: 0xc9 } as const;
export type Ipv6OptionKind = (typeof Ipv6OptionKind)[keyof typeof Ipv6OptionKind];

/** What the highest two bits of an unknown option's type demand (RFC 8200 section 4.2). */
export const Ipv6UnknownOption = {
  Skip: 0,
  Discard: 1,
  DiscardAndReport: 2,
  /** Report only when the destination was not a multicast address. */
  DiscardAndReportUnicast: 3,
} as const;
export type Ipv6UnknownOption = (typeof Ipv6UnknownOption)[keyof typeof Ipv6UnknownOption];

export function unknownOptionAction(kind: number): Ipv6UnknownOption {
  return ((kind >>> 6) & 3) as Ipv6UnknownOption;
}

/** Walks the options of a hop-by-hop or destination header; padding is stepped over. */
export class Ipv6OptionWalker {
  kind = 0;
  /** Where the option's type octet stands, and the length of its data, which begins two bytes later. */
  at = 0;
  dataLen = 0;
  malformed = false;
  private nextAt = 0;
  private end = 0;

  /** Begins in the extension header at `headerAt` of `length` bytes, as Ipv6ExtensionWalker found it. */
  begin(headerAt: number, length: number): void {
    this.nextAt = headerAt + 2;
    this.end = headerAt + length;
    this.malformed = false;
  }

  next(view: DataView): boolean {
    while (this.nextAt < this.end) {
      const at = this.nextAt;
      const kind = view.getUint8(at);
      if (kind === Ipv6OptionKind.Pad1) {
        this.nextAt++;
        continue;
      }
      const dataLen = at + 2 <= this.end ? view.getUint8(at + 1) : 255;
      if (dataLen > this.end - at - 2) {
        this.malformed = true;
        return false;
      }
      this.nextAt = at + 2 + dataLen;
      if (kind === Ipv6OptionKind.PadN) continue;
      this.kind = kind;
      this.at = at;
      this.dataLen = dataLen;
      return true;
    }
    return false;
  }
}

export const IPV6_FRAGMENT_HEADER_LEN = 8;

/** A parsed fragment header. */
export class Ipv6FragmentHeader {
  nextHeader = 0;
  /** Offset of the fragment's data in bytes, a multiple of 8. */
  offset = 0;
  moreFragments = false;
  /** Identification, int32. */
  id = 0;

  parse(view: DataView, at: number, headEnd: number, len: number): boolean {
    if (headEnd - at < IPV6_FRAGMENT_HEADER_LEN || len < IPV6_FRAGMENT_HEADER_LEN) return false;
    const word = view.getUint16(at + 2);
    this.nextHeader = view.getUint8(at);
    this.offset = word & 0xfff8;
    this.moreFragments = (word & 1) !== 0;
    this.id = view.getInt32(at + 4);
    return true;
  }
}

/** Writes a fragment header at `at`; `offset` in bytes, a multiple of 8. */
export function writeIpv6FragmentHeader(
  view: DataView, at: number, nextHeader: number, offset: number, moreFragments: boolean, id: number,
): void {
  view.setUint8(at, nextHeader);
  view.setUint8(at + 1, 0);
  view.setUint16(at + 2, offset | (moreFragments ? 1 : 0));
  view.setInt32(at + 4, id);
}

export const IPV6_ROUTER_ALERT_LEN = 8;

/** Writes a hop-by-hop header with a router alert for MLD (RFC 2711, value 0), padded to 8 bytes. */
export function writeIpv6RouterAlert(view: DataView, at: number, nextHeader: number): void {
  view.setInt32(at, (nextHeader << 24) | (Ipv6OptionKind.RouterAlert << 8) | 2);
  view.setInt32(at + 4, Ipv6OptionKind.PadN << 8);
}
