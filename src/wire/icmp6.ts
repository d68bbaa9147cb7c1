/**
 * ICMPv6 (RFC 4443): echo, errors, and the packet that an error quotes.
 *
 * Called by net/ (icmp6.ts, nd.ts, mld.ts; firewall/ for the names of types) and by transport/ (TCP's errors, ping sockets).
 * Neighbour discovery is in nd.ts, group membership in mld.ts; both end with completeIcmp6Checksum. Read RFC 4443 before changing this file.
 */
import { finish, fold, sumView } from '../base/checksum.ts';
import { Ipv6ExtensionWalker, Ipv6FragmentHeader, Ipv6Header } from './ipv6.ts';
import { IpProto } from './protocols.ts';

export const ICMP6_HEADER_LEN = 8;
const TYPE = 0, CODE = 1, CHECKSUM = 2, REST = 4;

export const Icmp6Type = {
  DestinationUnreachable: 1,
  PacketTooBig: 2,
  TimeExceeded: 3,
  ParameterProblem: 4,
  Echo: 128,
  EchoReply: 129,
  MldQuery: 130,
  MldReport: 131,
  MldDone: 132,
  RouterSolicitation: 133,
  RouterAdvertisement: 134,
  NeighbourSolicitation: 135,
  NeighbourAdvertisement: 136,
  Redirect: 137,
  Mld2Report: 143,
} as const;
export type Icmp6Type = (typeof Icmp6Type)[keyof typeof Icmp6Type];

/** Codes of all types; the first word of a name says whose. */
export const Icmp6Code = {
  UnreachableNoRoute: 0,
  UnreachableProhibited: 1,
  UnreachableBeyondScope: 2,
  UnreachableAddress: 3,
  UnreachablePort: 4,
  UnreachablePolicy: 5,
  UnreachableRejectRoute: 6,
  ExceededHopLimit: 0,
  ExceededReassembly: 1,
  ParameterHeader: 0,
  ParameterNextHeader: 1,
  ParameterOption: 2,
} as const;
export type Icmp6Code = (typeof Icmp6Code)[keyof typeof Icmp6Code];

/** A parsed message. One per stack, re-filled per message. Fields that its type does not have are 0. */
export class Icmp6Header {
  type = 0;
  code = 0;
  checksum = 0;
  /** The second word as int32: its meaning depends on the type. */
  rest = 0;
  /** Echo and its reply. */
  id = 0;
  sequence = 0;
  /** Packet too big. */
  mtuBytes = 0;
  /** Parameter problem: offset of what was wrong. */
  pointer = 0;
  /** Where the data begins (echo data, or the quoted packet), and how long it is, beyond the head too. */
  dataAt = 0;
  dataLen = 0;

  /**
   * Fills this from the message at `at`; false when it is cut off. The checksum, which covers a pseudo-header and all
   * `len` bytes, is not looked at.
   */
  parse(view: DataView, at: number, headEnd: number, len: number): boolean {
    if (headEnd - at < ICMP6_HEADER_LEN || len < ICMP6_HEADER_LEN) return false;
    const type = view.getUint8(at + TYPE);
    const rest = view.getInt32(at + REST);
    this.type = type;
    this.code = view.getUint8(at + CODE);
    this.checksum = view.getUint16(at + CHECKSUM);
    this.rest = rest;
    this.dataAt = at + ICMP6_HEADER_LEN;
    this.dataLen = len - ICMP6_HEADER_LEN;
    const isEcho = type === Icmp6Type.Echo || type === Icmp6Type.EchoReply;
    this.id = isEcho ? rest >>> 16 : 0;
    this.sequence = isEcho ? rest & 0xffff : 0;
    this.mtuBytes = type === Icmp6Type.PacketTooBig ? rest >>> 0 : 0;
    this.pointer = type === Icmp6Type.ParameterProblem ? rest >>> 0 : 0;
    return true;
  }
}

/** Whether a type is an error message: those have the highest bit clear (RFC 4443 section 2.1). */
export function isIcmp6Error(type: number): boolean {
  return (type & 0x80) === 0;
}

/** Whether the checksum over the linear bytes [at, end) is right; `pseudo` may include the sum of ranges. */
export function icmp6ChecksumOk(view: DataView, at: number, end: number, pseudo: number): boolean {
  return fold(sumView(view, at, end, pseudo)) === 0xffff;
}

/** Fills the checksum field of the message in [at, end); `pseudo` is the pseudo-header's sum, with that of ranges. */
export function completeIcmp6Checksum(view: DataView, at: number, end: number, pseudo: number): void {
  view.setUint16(at + CHECKSUM, 0);
  view.setUint16(at + CHECKSUM, finish(sumView(view, at, end, pseudo)));
}

/**
 * Writes the 8 bytes in front of data that already stands in [at + 8, end), and the checksum. `pseudo` is the
 * pseudo-header's sum (its length counts ranges), with the sum of data beyond the head.
 */
export function writeIcmp6Header(
  view: DataView, at: number, type: number, code: number, rest: number, end: number, pseudo: number,
): void {
  view.setUint8(at + TYPE, type);
  view.setUint8(at + CODE, code);
  view.setInt32(at + REST, rest);
  completeIcmp6Checksum(view, at, end, pseudo);
}

/** Writes an echo request or reply (`type`); as writeIcmp6Header. */
export function writeIcmp6Echo(
  view: DataView, at: number, type: number, id: number, sequence: number, end: number, pseudo: number,
): void {
  writeIcmp6Header(view, at, type, 0, (id << 16) | sequence, end, pseudo);
}

/** The packet inside an ICMPv6 error, with its extension headers stepped over. */
export class Icmp6Quote {
  readonly ip: Ipv6Header = new Ipv6Header();
  /** Transport protocol (IpProto), where its header begins, and how many of its bytes are there (perhaps none). */
  protocol = 0;
  transportAt = 0;
  available = 0;
  /** The packet was a fragment behind the first: what stands at `transportAt` is no transport header. */
  isLaterFragment = false;
  private readonly walker = new Ipv6ExtensionWalker();
  private readonly fragment = new Ipv6FragmentHeader();

  /** Fills this from the quoted packet at `at`; false when its header or extension headers are cut off. */
  parse(view: DataView, at: number, headEnd: number): boolean {
    if (!this.ip.parseQuoted(view, at, headEnd)) return false;
    this.isLaterFragment = false;
    const { walker, fragment } = this;
    walker.begin(view, at, headEnd);
    while (walker.next(view)) {
      if (walker.kind !== IpProto.Fragment) continue;
      fragment.parse(view, walker.at, headEnd, walker.length);
      if (fragment.offset !== 0) this.isLaterFragment = true;
    }
    if (walker.malformed) return false;
    this.protocol = walker.protocol;
    this.transportAt = walker.payloadAt;
    this.available = headEnd - walker.payloadAt;
    return true;
  }
}
