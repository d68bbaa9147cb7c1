/**
 * IPv6 neighbour discovery (RFC 4861): solicitations, advertisements, redirects, and their options.
 *
 * Called by net/'s neighbour and router discovery code, and by capture. Checks what the bytes alone can tell: lengths,
 * code, options. The hop limit of 255, the addresses and the checksum are net/'s business.
 * Read RFC 4861 sections 4, 6.1 and 7.1 before changing this file.
 */
import { completeIcmp6Checksum, Icmp6Type } from './icmp6.ts';

const TYPE = 0, CODE = 1, FLAGS = 4, TARGET = 8, DESTINATION = 24;
const RA_HOP_LIMIT = 4, RA_FLAGS = 5, RA_LIFETIME = 6, RA_REACHABLE = 8, RA_RETRANS = 12;

/** Where the options begin, by message. */
export const ND_SOLICITATION_LEN = 24;
export const ND_ROUTER_SOLICITATION_LEN = 8;
export const ND_ROUTER_ADVERTISEMENT_LEN = 16;
export const ND_REDIRECT_LEN = 40;
/** Length of a link-layer address option on Ethernet, and of the nonce option that Linux sends. */
export const ND_MAC_OPTION_LEN = 8;
export const ND_NONCE_OPTION_LEN = 8;

export const NdOptionKind = {
  SourceLinkLayerAddress: 1,
  TargetLinkLayerAddress: 2,
  PrefixInformation: 3,
  RedirectedHeader: 4,
  Mtu: 5,
  Nonce: 14,
  RouteInformation: 24,
  RecursiveDnsServer: 25,
  DnsSearchList: 31,
  CaptivePortal: 37,
  Pref64: 38,
} as const;
export type NdOptionKind = (typeof NdOptionKind)[keyof typeof NdOptionKind];

/** Flags of a neighbour advertisement, as bits of the second word's highest byte. */
export const NdFlag = { Router: 0x80, Solicited: 0x40, Override: 0x20 } as const;
export type NdFlag = (typeof NdFlag)[keyof typeof NdFlag];

/** Length of the fixed part of a neighbour discovery message; 0 for other types. */
export function ndFixedLen(type: number): number {
  switch (type) {
    case Icmp6Type.RouterSolicitation:
      return ND_ROUTER_SOLICITATION_LEN;
    case Icmp6Type.RouterAdvertisement:
      return ND_ROUTER_ADVERTISEMENT_LEN;
    case Icmp6Type.NeighbourSolicitation:
    case Icmp6Type.NeighbourAdvertisement:
      return ND_SOLICITATION_LEN;
    case Icmp6Type.Redirect:
      return ND_REDIRECT_LEN;
    default:
      return 0;
  }
}

/**
 * A parsed message with the options that the stack uses; of repeated ones the first counts, as in Linux. Others
 * (prefixes, DNS servers, routes), which may come several times, are found by NdOptionWalker in
 * [optionsAt, optionsEnd). One per stack, re-filled per message.
 */
export class NdMessage {
  /** Icmp6Type. */
  type = 0;
  /** Target of a solicitation, advertisement or redirect; all zero in the router messages. */
  targetA = 0;
  targetB = 0;
  targetC = 0;
  targetD = 0;
  /** Destination of a redirect. */
  destinationA = 0;
  destinationB = 0;
  destinationC = 0;
  destinationD = 0;
  /** Flags of a neighbour advertisement. */
  router = false;
  solicited = false;
  override = false;
  /** Router advertisement. */
  hopLimit = 0;
  managed = false;
  otherConfiguration = false;
  /** Default router preference (RFC 4191): 0 medium, 1 high, -1 low. */
  preference = 0;
  lifetimeSeconds = 0;
  reachableMs = 0.5;
  retransMs = 0.5;
  /** Link-layer address options, as in ethernet.ts. */
  hasSourceMac = false;
  sourceMacHi = 0;
  sourceMacLo = 0;
  hasTargetMac = false;
  targetMacHi = 0;
  targetMacLo = 0;
  /** MTU option; 0 when absent. */
  mtuBytes = 0;
  /** Where the nonce's bytes are (RFC 3971), or -1, and their number. */
  nonceAt = -1;
  nonceLen = 0;
  /** Where the redirected packet begins, or -1, and its length. */
  redirectedAt = -1;
  redirectedLen = 0;
  optionsAt = 0;
  optionsEnd = 0;
  private readonly walker = new NdOptionWalker();

  /**
   * Fills this from the message at `at`; false when it is no neighbour discovery message, or malformed: cut off, code
   * not zero, an option of length zero or reaching beyond the end (RFC 4861 6.1, 7.1), a link-layer address that is
   * not Ethernet's. The whole message must be in the head.
   */
  parse(view: DataView, at: number, headEnd: number, len: number): boolean {
    if (len < ND_ROUTER_SOLICITATION_LEN || headEnd - at < len) return false;
    const type = view.getUint8(at + TYPE);
    const fixedLen = ndFixedLen(type);
    if (fixedLen === 0 || len < fixedLen || view.getUint8(at + CODE) !== 0) return false;
    this.type = type;
    const hasTarget = fixedLen >= ND_SOLICITATION_LEN;
    this.targetA = hasTarget ? view.getInt32(at + TARGET) : 0;
    this.targetB = hasTarget ? view.getInt32(at + TARGET + 4) : 0;
    this.targetC = hasTarget ? view.getInt32(at + TARGET + 8) : 0;
    this.targetD = hasTarget ? view.getInt32(at + TARGET + 12) : 0;
    const isRedirect = type === Icmp6Type.Redirect;
    this.destinationA = isRedirect ? view.getInt32(at + DESTINATION) : 0;
    this.destinationB = isRedirect ? view.getInt32(at + DESTINATION + 4) : 0;
    this.destinationC = isRedirect ? view.getInt32(at + DESTINATION + 8) : 0;
    this.destinationD = isRedirect ? view.getInt32(at + DESTINATION + 12) : 0;
    const flags = type === Icmp6Type.NeighbourAdvertisement ? view.getUint8(at + FLAGS) : 0;
    this.router = (flags & NdFlag.Router) !== 0;
    this.solicited = (flags & NdFlag.Solicited) !== 0;
    this.override = (flags & NdFlag.Override) !== 0;
    this.parseRouterFields(view, at, type === Icmp6Type.RouterAdvertisement);
    return this.parseOptions(view, at + fixedLen, at + len);
  }

  private parseRouterFields(view: DataView, at: number, present: boolean): void {
    const flags = present ? view.getUint8(at + RA_FLAGS) : 0;
    this.hopLimit = present ? view.getUint8(at + RA_HOP_LIMIT) : 0;
    this.managed = (flags & 0x80) !== 0;
    this.otherConfiguration = (flags & 0x40) !== 0;
    this.preference = routerPreference(flags);
    this.lifetimeSeconds = present ? view.getUint16(at + RA_LIFETIME) : 0;
    this.reachableMs = present ? view.getUint32(at + RA_REACHABLE) : 0;
    this.retransMs = present ? view.getUint32(at + RA_RETRANS) : 0;
  }

  private parseOptions(view: DataView, from: number, end: number): boolean {
    this.optionsAt = from;
    this.optionsEnd = end;
    this.hasSourceMac = false;
    this.sourceMacHi = 0;
    this.sourceMacLo = 0;
    this.hasTargetMac = false;
    this.targetMacHi = 0;
    this.targetMacLo = 0;
    this.mtuBytes = 0;
    this.nonceAt = -1;
    this.nonceLen = 0;
    this.redirectedAt = -1;
    this.redirectedLen = 0;
    const { walker } = this;
    walker.begin(from, end);
    while (walker.next(view)) {
      const { at, length } = walker;
      switch (walker.kind) {
        case NdOptionKind.SourceLinkLayerAddress:
          if (length !== ND_MAC_OPTION_LEN) return false;
          if (this.hasSourceMac) break;
          this.hasSourceMac = true;
          this.sourceMacHi = view.getUint16(at + 2);
          this.sourceMacLo = view.getInt32(at + 4);
          break;
        case NdOptionKind.TargetLinkLayerAddress:
          if (length !== ND_MAC_OPTION_LEN) return false;
          if (this.hasTargetMac) break;
          this.hasTargetMac = true;
          this.targetMacHi = view.getUint16(at + 2);
          this.targetMacLo = view.getInt32(at + 4);
          break;
        case NdOptionKind.Mtu:
          if (length === 8 && this.mtuBytes === 0) this.mtuBytes = view.getUint32(at + 4);
          break;
        case NdOptionKind.Nonce:
          if (this.nonceAt >= 0) break;
          this.nonceAt = at + 2;
          this.nonceLen = length - 2;
          break;
        case NdOptionKind.RedirectedHeader:
          if (this.redirectedAt >= 0) break;
          this.redirectedAt = at + 8;
          this.redirectedLen = length - 8;
          break;
        default:
          break;
      }
    }
    return !walker.malformed;
  }
}

/** Walks options: `begin`, then `next` until false; then `malformed` tells whether the list was sound. */
export class NdOptionWalker {
  /** NdOptionKind, where the option begins, and its length in bytes with type and length octet. */
  kind = 0;
  at = 0;
  length = 0;
  malformed = false;
  private nextAt = 0;
  private end = 0;

  begin(from: number, end: number): void {
    this.nextAt = from;
    this.end = end;
    this.malformed = false;
  }

  next(view: DataView): boolean {
    const at = this.nextAt;
    if (at >= this.end) return false;
    const length = this.end - at < 2 ? 0 : view.getUint8(at + 1) << 3;
    if (length === 0 || length > this.end - at) {
      this.malformed = true;
      this.nextAt = this.end;
      return false;
    }
    this.kind = view.getUint8(at);
    this.at = at;
    this.length = length;
    this.nextAt = at + length;
    return true;
  }
}

/** A prefix information option (RFC 4861 section 4.6.2), where NdOptionWalker found it. */
export class NdPrefixInformation {
  prefixLength = 0;
  onLink = false;
  autonomous = false;
  /** Seconds; 0xffffffff is for ever. */
  validSeconds = 0.5;
  preferredSeconds = 0.5;
  a = 0;
  b = 0;
  c = 0;
  d = 0;

  /** Fills this from the option at `at`; false when its length is wrong. */
  parse(view: DataView, at: number, length: number): boolean {
    if (length !== ND_PREFIX_OPTION_LEN) return false;
    const flags = view.getUint8(at + 3);
    this.prefixLength = view.getUint8(at + 2);
    this.onLink = (flags & 0x80) !== 0;
    this.autonomous = (flags & 0x40) !== 0;
    this.validSeconds = view.getUint32(at + 4);
    this.preferredSeconds = view.getUint32(at + 8);
    this.a = view.getInt32(at + 16);
    this.b = view.getInt32(at + 20);
    this.c = view.getInt32(at + 24);
    this.d = view.getInt32(at + 28);
    return this.prefixLength <= 128;
  }
}

export const ND_PREFIX_OPTION_LEN = 32;

/** RFC 4191 section 2.1: two bits, signed; the reserved value counts as medium. */
function routerPreference(flags: number): number {
  const bits = (flags >>> 3) & 3;
  return bits === 1 ? 1 : bits === 3 ? -1 : 0;
}

/**
 * Writes the 24 fixed bytes of a neighbour solicitation at `at`. Options follow it; then completeIcmp6Checksum.
 */
export function writeNeighbourSolicitation(view: DataView, at: number, a: number, b: number, c: number, d: number): void {
  writeFixed(view, at, Icmp6Type.NeighbourSolicitation, 0);
  writeAddress(view, at + TARGET, a, b, c, d);
}

/** Writes the 24 fixed bytes of a neighbour advertisement; `flags` are NdFlag bits. Options and checksum follow. */
export function writeNeighbourAdvertisement(
  view: DataView, at: number, flags: number, a: number, b: number, c: number, d: number,
): void {
  writeFixed(view, at, Icmp6Type.NeighbourAdvertisement, flags << 24);
  writeAddress(view, at + TARGET, a, b, c, d);
}

/** Writes the 8 fixed bytes of a router solicitation. Options and checksum follow. */
export function writeRouterSolicitation(view: DataView, at: number): void {
  writeFixed(view, at, Icmp6Type.RouterSolicitation, 0);
}

/** Writes the 16 fixed bytes of a router advertisement. Options and checksum follow. */
export function writeRouterAdvertisement(
  view: DataView, at: number, hopLimit: number, managed: boolean, otherConfiguration: boolean, preference: number,
  lifetimeSeconds: number, reachableMs: number, retransMs: number,
): void {
  const flags = (managed ? 0x80 : 0) | (otherConfiguration ? 0x40 : 0) | ((preference & 3) << 3);
  writeFixed(view, at, Icmp6Type.RouterAdvertisement, (hopLimit << 24) | (flags << 16) | lifetimeSeconds);
  view.setUint32(at + RA_REACHABLE, reachableMs);
  view.setUint32(at + RA_RETRANS, retransMs);
}

/** Writes the 40 fixed bytes of a redirect: better next hop, then destination. Options and checksum follow. */
export function writeNdRedirect(
  view: DataView, at: number,
  targetA: number, targetB: number, targetC: number, targetD: number,
  destinationA: number, destinationB: number, destinationC: number, destinationD: number,
): void {
  writeFixed(view, at, Icmp6Type.Redirect, 0);
  writeAddress(view, at + TARGET, targetA, targetB, targetC, targetD);
  writeAddress(view, at + DESTINATION, destinationA, destinationB, destinationC, destinationD);
}

/** Writes a link-layer address option of 8 bytes (`kind`: source or target); returns where it ends. */
export function writeNdMacOption(view: DataView, at: number, kind: number, macHi: number, macLo: number): number {
  view.setUint16(at, (kind << 8) | 1);
  view.setUint16(at + 2, macHi);
  view.setInt32(at + 4, macLo);
  return at + ND_MAC_OPTION_LEN;
}

/** Writes a nonce option of 8 bytes, 6 of them the nonce, as Linux's duplicate address detection sends (RFC 7527). */
export function writeNdNonceOption(view: DataView, at: number, nonceHi: number, nonceLo: number): number {
  return writeNdMacOption(view, at, NdOptionKind.Nonce, nonceHi, nonceLo);
}

/** Writes an MTU option of 8 bytes; returns where it ends. */
export function writeNdMtuOption(view: DataView, at: number, mtuBytes: number): number {
  view.setInt32(at, (NdOptionKind.Mtu << 24) | 0x10000);
  view.setUint32(at + 4, mtuBytes);
  return at + 8;
}

/** Writes a prefix information option of 32 bytes; returns where it ends. */
export function writeNdPrefixOption(view: DataView, at: number, prefix: NdPrefixInformation): number {
  const flags = (prefix.onLink ? 0x80 : 0) | (prefix.autonomous ? 0x40 : 0);
  view.setInt32(at, (NdOptionKind.PrefixInformation << 24) | (4 << 16) | (prefix.prefixLength << 8) | flags);
  view.setUint32(at + 4, prefix.validSeconds);
  view.setUint32(at + 8, prefix.preferredSeconds);
  view.setInt32(at + 12, 0);
  writeAddress(view, at + 16, prefix.a, prefix.b, prefix.c, prefix.d);
  return at + ND_PREFIX_OPTION_LEN;
}

/**
 * Writes the 8 bytes in front of a redirected packet that already stands at `at + 8`, padded with zeros to a multiple
 * of 8; `length` counts all of it.
 */
export function writeNdRedirectedHeader(view: DataView, at: number, length: number): number {
  view.setInt32(at, (NdOptionKind.RedirectedHeader << 24) | ((length >>> 3) << 16));
  view.setInt32(at + 4, 0);
  return at + length;
}

/** Completes a message whose options end at `end`; `pseudo` is the pseudo-header's sum. */
export function completeNdMessage(view: DataView, at: number, end: number, pseudo: number): void {
  completeIcmp6Checksum(view, at, end, pseudo);
}

function writeFixed(view: DataView, at: number, type: number, secondWord: number): void {
  view.setInt32(at, type << 24);
  view.setInt32(at + 4, secondWord);
}

function writeAddress(view: DataView, at: number, a: number, b: number, c: number, d: number): void {
  view.setInt32(at, a);
  view.setInt32(at + 4, b);
  view.setInt32(at + 8, c);
  view.setInt32(at + 12, d);
}
