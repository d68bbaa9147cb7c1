/**
 * Ethernet II frames, with and without an 802.1Q tag, and MAC addresses.
 *
 * Called by net/, by link/ (switch, loopback, offload) and by packet and netlink sockets. On the packet path a MAC address is
 * two numbers, so that nothing is allocated: the first two bytes as an unsigned 16-bit `hi`, the last four as an int32
 * `lo`. MacAddress bundles them for configuration and tables.
 * Read IEEE 802.3 clause 3 and 802.1Q clause 9 before changing this file.
 */
import { EtherType } from './protocols.ts';

export { EtherType } from './protocols.ts';

export const ETHERNET_HEADER_LEN = 14;
export const VLAN_TAG_LEN = 4;
const DST = 0, SRC = 6, TYPE = 12, TAG = 14, TAGGED_TYPE = 16;

/** A parsed frame header. One per stack, re-filled per frame. */
export class EthernetHeader {
  dstHi = 0;
  dstLo = 0;
  srcHi = 0;
  srcLo = 0;
  /** Type of the payload, behind any tag (EtherType); below 0x0600 it is an 802.3 length. */
  etherType = 0;
  /** Bytes in front of the payload: 14, or 18 with a tag. */
  headerLen = 0;
  /** VLAN identifier 0..4095, or -1 for an untagged frame; priority and drop eligibility of the tag. */
  vlan = -1;
  priority = 0;
  dropEligible = false;

  /** Fills this from the frame at `at`; false when it is cut off. `len` is the whole frame's length. */
  parse(view: DataView, at: number, headEnd: number, len: number): boolean {
    if (headEnd - at < ETHERNET_HEADER_LEN || len < ETHERNET_HEADER_LEN) return false;
    this.dstHi = view.getUint16(at + DST);
    this.dstLo = view.getInt32(at + DST + 2);
    this.srcHi = view.getUint16(at + SRC);
    this.srcLo = view.getInt32(at + SRC + 2);
    const type = view.getUint16(at + TYPE);
    if (type !== EtherType.Vlan) {
      this.etherType = type;
      this.headerLen = ETHERNET_HEADER_LEN;
      this.vlan = -1;
      this.priority = 0;
      this.dropEligible = false;
      return true;
    }
    const taggedLen = ETHERNET_HEADER_LEN + VLAN_TAG_LEN;
    if (headEnd - at < taggedLen || len < taggedLen) return false;
    const tag = view.getUint16(at + TAG);
    this.vlan = tag & 0xfff;
    this.priority = tag >>> 13;
    this.dropEligible = (tag & 0x1000) !== 0;
    this.etherType = view.getUint16(at + TAGGED_TYPE);
    this.headerLen = taggedLen;
    return true;
  }
}

/** Writes the 14 bytes of an untagged header at `at`. */
export function writeEthernetHeader(
  view: DataView, at: number, dstHi: number, dstLo: number, srcHi: number, srcLo: number, etherType: number,
): void {
  view.setUint16(at + DST, dstHi);
  view.setInt32(at + DST + 2, dstLo);
  view.setUint16(at + SRC, srcHi);
  view.setInt32(at + SRC + 2, srcLo);
  view.setUint16(at + TYPE, etherType);
}

/** Writes the 18 bytes of a tagged header at `at`; `tag` is priority << 13 | drop eligible << 12 | VLAN identifier. */
export function writeVlanHeader(
  view: DataView, at: number, dstHi: number, dstLo: number, srcHi: number, srcLo: number, tag: number, etherType: number,
): void {
  writeEthernetHeader(view, at, dstHi, dstLo, srcHi, srcLo, EtherType.Vlan);
  view.setUint16(at + TAG, tag);
  view.setUint16(at + TAGGED_TYPE, etherType);
}

/** ff:ff:ff:ff:ff:ff as `hi` and `lo`. */
export const BROADCAST_MAC_HI = 0xffff;
export const BROADCAST_MAC_LO = -1;

/** A MAC address as an object; immutable. */
export class MacAddress {
  /** The first two bytes, unsigned. */
  readonly hi: number;
  /** The last four bytes, int32. */
  readonly lo: number;

  constructor(hi: number, lo: number) {
    this.hi = hi & 0xffff;
    this.lo = lo | 0;
  }

  static fromBytes(bytes: Uint8Array, at = 0): MacAddress {
    return new MacAddress(
      (bytes[at] << 8) | bytes[at + 1],
      (bytes[at + 2] << 24) | (bytes[at + 3] << 16) | (bytes[at + 4] << 8) | bytes[at + 5],
    );
  }

  /** Reads `02:00:00:00:00:01` (also with dashes, also single digits); null when malformed. */
  static parse(text: string): MacAddress | null {
    const parts = text.split(text.includes('-') ? '-' : ':');
    if (parts.length !== 6 || !parts.every((part) => /^[0-9a-fA-F]{1,2}$/.test(part))) return null;
    const bytes = parts.map((part) => Number.parseInt(part, 16));
    return MacAddress.fromBytes(Uint8Array.from(bytes));
  }

  get isMulticast(): boolean {
    return isMulticastMac(this.hi);
  }

  get isBroadcast(): boolean {
    return isBroadcastMac(this.hi, this.lo);
  }

  equals(other: MacAddress): boolean {
    return this.lo === other.lo && this.hi === other.hi;
  }

  toBytes(): Uint8Array {
    const { hi, lo } = this;
    return Uint8Array.of(hi >>> 8, hi, lo >>> 24, lo >>> 16, lo >>> 8, lo);
  }

  toString(): string {
    return formatMac(this.hi, this.lo);
  }
}

export const BROADCAST_MAC = new MacAddress(BROADCAST_MAC_HI, BROADCAST_MAC_LO);

/** The group bit: set in multicast addresses and in the broadcast address. */
export function isMulticastMac(hi: number): boolean {
  return (hi & 0x0100) !== 0;
}

export function isBroadcastMac(hi: number, lo: number): boolean {
  return hi === BROADCAST_MAC_HI && lo === BROADCAST_MAC_LO;
}

/** RFC 1112 section 6.4: 01:00:5e and the group's last 23 bits. The result is the MAC's `lo`. */
export const MULTICAST4_MAC_HI = 0x0100;
export function multicast4MacLo(group: number): number {
  return 0x5e000000 | (group & 0x7fffff);
}

/** RFC 2464 section 7: 33:33 and the group's last 32 bits. */
export const MULTICAST6_MAC_HI = 0x3333;
export function multicast6MacLo(groupD: number): number {
  return groupD | 0;
}

/** `02:00:00:00:00:01` */
export function formatMac(hi: number, lo: number): string {
  return (
    `${hexByte(hi >>> 8)}:${hexByte(hi)}:${hexByte(lo >>> 24)}:${hexByte(lo >>> 16)}:${hexByte(lo >>> 8)}:${hexByte(lo)}`
  );
}

/** First word of the interface identifier that EUI-64 makes of a MAC (RFC 4291 appendix A): its `lo` half follows. */
export function interfaceIdHigh(hi: number, lo: number): number {
  return (((hi ^ 0x0200) & 0xffff) << 16) | ((lo >>> 16) & 0xff00) | 0xff;
}

/** Second word of the interface identifier. */
export function interfaceIdLow(lo: number): number {
  return 0xfe000000 | (lo & 0xffffff);
}

function hexByte(value: number): string {
  const byte = value & 0xff;
  return byte < 16 ? `0${byte.toString(16)}` : byte.toString(16);
}
