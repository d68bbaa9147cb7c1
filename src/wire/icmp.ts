/**
 * ICMP for IPv4 (RFC 792, 1191, 1812): messages and the packet that an error quotes.
 *
 * Called by net/ (icmp.ts; arp.ts and firewall/ for the names of types) and by transport/ (TCP's errors, ping sockets).
 * Read RFC 792 and RFC 1122 section 3.2.2 before changing this file.
 */
import { finish, fold, sumView } from '../base/checksum.ts';
import { Ipv4Header } from './ipv4.ts';

export const ICMP_HEADER_LEN = 8;
const TYPE = 0, CODE = 1, CHECKSUM = 2, REST = 4, SEQUENCE = 6;

export const IcmpType = {
  EchoReply: 0,
  DestinationUnreachable: 3,
  SourceQuench: 4,
  Redirect: 5,
  Echo: 8,
  RouterAdvertisement: 9,
  RouterSolicitation: 10,
  TimeExceeded: 11,
  ParameterProblem: 12,
  Timestamp: 13,
  TimestampReply: 14,
  InformationRequest: 15,
  InformationReply: 16,
  AddressMask: 17,
  AddressMaskReply: 18,
  ExtendedEcho: 42,
  ExtendedEchoReply: 43,
} as const;
export type IcmpType = (typeof IcmpType)[keyof typeof IcmpType];

/** Codes of all types; the first word of a name says whose. */
export const IcmpCode = {
  UnreachableNet: 0,
  UnreachableHost: 1,
  UnreachableProtocol: 2,
  UnreachablePort: 3,
  UnreachableFragmentationNeeded: 4,
  UnreachableSourceRouteFailed: 5,
  UnreachableNetUnknown: 6,
  UnreachableHostUnknown: 7,
  UnreachableHostIsolated: 8,
  UnreachableNetProhibited: 9,
  UnreachableHostProhibited: 10,
  UnreachableNetTos: 11,
  UnreachableHostTos: 12,
  UnreachableFiltered: 13,
  UnreachablePrecedenceViolation: 14,
  UnreachablePrecedenceCutoff: 15,
  RedirectNet: 0,
  RedirectHost: 1,
  RedirectNetTos: 2,
  RedirectHostTos: 3,
  ExceededTtl: 0,
  ExceededReassembly: 1,
  ParameterPointer: 0,
  ParameterOptionMissing: 1,
  ParameterLength: 2,
} as const;
export type IcmpCode = (typeof IcmpCode)[keyof typeof IcmpCode];

/** A parsed message. One per stack, re-filled per message. Fields that its type does not have are 0. */
export class IcmpHeader {
  type = 0;
  code = 0;
  checksum = 0;
  /** The second word as int32: its meaning depends on the type. */
  rest = 0;
  /** Echo, timestamp, information and mask messages and their replies. */
  id = 0;
  sequence = 0;
  /** Next-hop MTU of "fragmentation needed" (0 from routers before RFC 1191). */
  mtuBytes = 0;
  /** Offset of the wrong byte, of a parameter problem. */
  pointer = 0;
  /** Router of a redirect, int32. */
  gateway = 0;
  /** Where the data begins (echo data, or the quoted packet), and how long it is, beyond the head too. */
  dataAt = 0;
  dataLen = 0;

  /** Fills this from the message at `at`; false when it is cut off. The checksum is not looked at. */
  parse(view: DataView, at: number, headEnd: number, len: number): boolean {
    if (headEnd - at < ICMP_HEADER_LEN || len < ICMP_HEADER_LEN) return false;
    const type = view.getUint8(at + TYPE);
    const code = view.getUint8(at + CODE);
    const rest = view.getInt32(at + REST);
    this.type = type;
    this.code = code;
    this.checksum = view.getUint16(at + CHECKSUM);
    this.rest = rest;
    this.dataAt = at + ICMP_HEADER_LEN;
    this.dataLen = len - ICMP_HEADER_LEN;
    const isError = isIcmpError(type);
    this.id = isError ? 0 : rest >>> 16;
    this.sequence = isError ? 0 : rest & 0xffff;
    this.mtuBytes =
      type === IcmpType.DestinationUnreachable && code === IcmpCode.UnreachableFragmentationNeeded ? rest & 0xffff : 0;
    this.pointer = type === IcmpType.ParameterProblem ? rest >>> 24 : 0;
    this.gateway = type === IcmpType.Redirect ? rest : 0;
    return true;
  }
}

/** Whether a type is an error, which quotes a packet and is never answered by another error (RFC 1122 3.2.2). */
export function isIcmpError(type: number): boolean {
  switch (type) {
    case IcmpType.DestinationUnreachable:
    case IcmpType.SourceQuench:
    case IcmpType.Redirect:
    case IcmpType.TimeExceeded:
    case IcmpType.ParameterProblem:
      return true;
    default:
      return false;
  }
}

/** Whether the checksum over the linear bytes [at, end) is right; `rangesSum` is that of payload beyond the head. */
export function icmpChecksumOk(view: DataView, at: number, end: number, rangesSum = 0): boolean {
  return fold(sumView(view, at, end, rangesSum)) === 0xffff;
}

/**
 * Writes the 8 bytes in front of data that already stands in [at + 8, end), and the checksum over both. `rangesSum` is
 * the sum of data beyond the head (as swapSum makes it when [at, end) has an odd length).
 */
export function writeIcmpHeader(
  view: DataView, at: number, type: number, code: number, rest: number, end: number, rangesSum = 0,
): void {
  view.setUint8(at + TYPE, type);
  view.setUint8(at + CODE, code);
  view.setUint16(at + CHECKSUM, 0);
  view.setInt32(at + REST, rest);
  view.setUint16(at + CHECKSUM, finish(sumView(view, at, end, rangesSum)));
}

/** Writes an echo request or reply (`type`); as writeIcmpHeader. */
export function writeIcmpEcho(
  view: DataView, at: number, type: number, id: number, sequence: number, end: number, rangesSum = 0,
): void {
  writeIcmpHeader(view, at, type, 0, (id << 16) | sequence, end, rangesSum);
}

/** Sequence number of an echo message, for ping sockets that fill it in. */
export function icmpSequence(view: DataView, at: number): number {
  return view.getUint16(at + SEQUENCE);
}

/** The packet inside an ICMP error: its IP header and the beginning of its transport header. */
export class IcmpQuote {
  readonly ip: Ipv4Header = new Ipv4Header();
  /** Where the transport header begins, and how many of its bytes are there (at least 8). */
  transportAt = 0;
  available = 0;

  /**
   * Fills this from the quoted packet at `at`; false when less than its header and 8 bytes (RFC 792) are there. For a
   * later fragment (`ip.fragmentOffset`) these are not the transport header.
   */
  parse(view: DataView, at: number, headEnd: number): boolean {
    if (!this.ip.parseQuoted(view, at, headEnd)) return false;
    this.transportAt = at + this.ip.headerLen;
    this.available = headEnd - this.transportAt;
    return this.available >= 8;
  }
}
