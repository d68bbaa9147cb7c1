/**
 * IPv4 options of packets that came in: checks them (ip_options_compile), and fills in what a router adds (RFC 791:
 * record route, timestamps; ip_forward_options).
 *
 * Called by ipv4-input.ts and ipv4-forward.ts. Source routes are refused, as with Linux's accept_source_route 0.
 */
import { IPV4_HEADER_LEN, IPV4_MAX_HEADER_LEN, Ipv4OptionKind, Ipv4OptionWalker, completeIpv4Checksum } from '../wire/ipv4.ts';

/** The low four bits of a timestamp's fourth byte: times alone, with addresses, or with addresses that the sender chose. */
const TimestampForm = { Only: 0, WithAddress: 1, Prespecified: 3 } as const;

export class Ipv4Options {
  /** Offset in the header that a parameter problem points at; 0 when all is well. */
  badAt = 0;
  hasSourceRoute = false;
  private readonly walker = new Ipv4OptionWalker();

  /** False when an option is malformed (`badAt`) or must be refused (`hasSourceRoute`). */
  check(view: DataView, at: number, headerLen: number): boolean {
    const { walker } = this;
    this.badAt = 0;
    this.hasSourceRoute = false;
    let recordRoutes = 0;
    let timestamps = 0;
    walker.begin(at, headerLen);
    while (this.badAt === 0 && walker.next(view)) {
      const { kind, length } = walker;
      const offset = walker.at - at;
      if (kind === Ipv4OptionKind.LooseSourceRoute || kind === Ipv4OptionKind.StrictSourceRoute) {
        if (this.hasSourceRoute) this.badAt = offset;
        else this.checkPointer(view, walker.at, offset, length, 3, 4, 4);
        this.hasSourceRoute = true;
      } else if (kind === Ipv4OptionKind.RecordRoute) {
        if (++recordRoutes > 1) this.badAt = offset;
        else this.checkPointer(view, walker.at, offset, length, 3, 4, 4);
      } else if (kind === Ipv4OptionKind.Timestamp) {
        if (++timestamps > 1) this.badAt = offset;
        else this.checkTimestamp(view, walker.at, offset, length);
      } else if (kind === Ipv4OptionKind.RouterAlert && length < 4) {
        this.badAt = offset + 1;
      }
    }
    if (this.badAt === 0) this.badAt = walker.malformedAt;
    return this.badAt === 0 && !this.hasSourceRoute;
  }

  /** The pointer counts from 1; it may stand behind the option, when that is full, but not where no entry has room. */
  private checkPointer(view: DataView, at: number, offset: number, length: number, least: number, first: number, room: number): void {
    const pointer = length < least ? 0 : view.getUint8(at + 2);
    if (length < least) this.badAt = offset + 1;
    else if (pointer < first || (pointer <= length && pointer + room - 1 > length)) this.badAt = offset + 2;
  }

  private checkTimestamp(view: DataView, at: number, offset: number, length: number): void {
    const form = length < 4 ? 0 : view.getUint8(at + 3) & 0xf;
    const room = form === TimestampForm.WithAddress || form === TimestampForm.Prespecified ? 8 : 4;
    this.checkPointer(view, at, offset, length, 4, 5, room);
    if (this.badAt !== 0 || form === TimestampForm.Prespecified) return;
    // Fifteen routers found no room, and that is as far as one can count.
    if (view.getUint8(at + 2) > length && view.getUint8(at + 3) >>> 4 === 15) this.badAt = offset + 3;
  }

  /**
   * This host forwards the packet: `address` is that of the interface by which it leaves, `now` milliseconds since
   * midnight, and `isOurs` tells our addresses. The header's checksum is computed anew.
   */
  forward(view: DataView, at: number, headerLen: number, address: number, now: number, isOurs: (address: number) => boolean): void {
    if (headerLen === IPV4_HEADER_LEN) return;
    const { walker } = this;
    walker.begin(at, headerLen);
    while (walker.next(view)) {
      const { kind, length } = walker;
      const option = walker.at;
      const pointer = length < 3 ? 0 : view.getUint8(option + 2);
      if (kind === Ipv4OptionKind.RecordRoute && pointer <= length) {
        view.setInt32(option + pointer - 1, address);
        view.setUint8(option + 2, pointer + 4);
      } else if (kind === Ipv4OptionKind.Timestamp) {
        stamp(view, option, length, pointer, address, now, isOurs);
      }
    }
    completeIpv4Checksum(view, at, headerLen);
  }
}

const MAX_OPTIONS_LEN = IPV4_MAX_HEADER_LEN - IPV4_HEADER_LEN;
const checker = new Ipv4Options();

/**
 * Options that a program gives for its own packets (ip_options_compile): padded with zeros to a multiple of four, and nothing
 * but zeros behind the end of the list. Null when they will not do; source routes do not, as on their way in.
 */
export function readOwnOptions(value: Uint8Array): Uint8Array | null {
  if (value.length > MAX_OPTIONS_LEN) return null;
  const padded = (value.length + 3) & ~3;
  const header = new Uint8Array(IPV4_HEADER_LEN + padded);
  header.set(value, IPV4_HEADER_LEN);
  if (!checker.check(new DataView(header.buffer), 0, header.length)) return null;
  const bytes = header.slice(IPV4_HEADER_LEN);
  for (let at = 0; at < bytes.length; at += bytes[at] === Ipv4OptionKind.NoOperation ? 1 : (bytes[at + 1] as number)) {
    if (bytes[at] !== Ipv4OptionKind.End) continue;
    bytes.fill(0, at);
    break;
  }
  return bytes;
}

function stamp(
  view: DataView, option: number, length: number, pointer: number, address: number, now: number, isOurs: (address: number) => boolean,
): void {
  const flags = view.getUint8(option + 3);
  const form = flags & 0xf;
  const entry = option + pointer - 1;
  if (pointer > length) {
    if (form !== TimestampForm.Prespecified) view.setUint8(option + 3, form | (((flags >>> 4) + 1) << 4));
    return;
  }
  switch (form) {
    case TimestampForm.Only:
      view.setInt32(entry, now);
      view.setUint8(option + 2, pointer + 4);
      return;
    case TimestampForm.WithAddress:
      view.setInt32(entry, address);
      view.setInt32(entry + 4, now);
      view.setUint8(option + 2, pointer + 8);
      return;
    case TimestampForm.Prespecified:
      if (!isOurs(view.getInt32(entry))) return;
      view.setInt32(entry + 4, now);
      view.setUint8(option + 2, pointer + 8);
      return;
    default:
  }
}
