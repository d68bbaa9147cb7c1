/**
 * Cuts an IPv4 packet into fragments (RFC 791 section 3.2, Linux's ip_do_fragment): of this host's own packets and of
 * those that it forwards, which may be fragments themselves.
 *
 * Called by ipv4-output.ts and ipv4-forward.ts.
 */
import { completeChecksum } from '../link/segment.ts';
import type { Packet } from '../link/packet.ts';
import {
  IPV4_HEADER_LEN, Ipv4Fragment, Ipv4OptionKind, Ipv4OptionWalker, isCopiedOption, rewriteIpv4Lengths,
} from '../wire/ipv4.ts';
import { packetPart } from './packet-part.ts';

const options = new Ipv4OptionWalker();

/**
 * Hands the fragments of `p`, whose head is at its IP header, to `emit`, which takes them over; the last inherits the
 * owner. False when `mtuBytes` has no room for eight bytes of payload: then `p` is still the caller's. Else takes it over.
 */
export function fragmentIpv4(p: Packet, headerLen: number, mtuBytes: number, emit: (part: Packet) => void): boolean {
  const most = (mtuBytes - headerLen) & ~7;
  // A device whose MTU has no room for eight bytes carries no fragment; without this the loop below would not end.
  if (!(most > 0)) return false;
  completeChecksum(p);
  const { view, head } = p;
  const id = view.getUint16(head + 4);
  const word = view.getUint16(head + 6);
  const firstOffset = word & Ipv4Fragment.OffsetMask;
  const payload = p.length - headerLen;
  for (let offset = 0; offset < payload; offset += most) {
    const isLast = offset + most >= payload;
    const n = isLast ? payload - offset : most;
    const part = packetPart(p, headerLen + offset, n);
    if (offset === 0 && firstOffset === 0) part.l4 = part.head;
    part.protocol = p.protocol;
    if (isLast) {
      part.owner = p.owner;
      part.truesize = p.truesize;
      p.owner = null;
    }
    const at = part.push(headerLen);
    part.l3 = at;
    for (let i = 0; i < headerLen; i += 4) part.view.setInt32(at + i, view.getInt32(head + i));
    if (offset > 0 && headerLen > IPV4_HEADER_LEN) blankOptions(part.view, at, headerLen);
    const more = isLast ? word & Ipv4Fragment.MoreFragments : Ipv4Fragment.MoreFragments;
    rewriteIpv4Lengths(part.view, at, headerLen, headerLen + n, id, more | (firstOffset + (offset >> 3)));
    // Should the neighbour not answer, the sender of a forwarded packet hears of it.
    part.device = p.device;
    part.isV4 = true;
    part.tos = p.tos;
    part.mark = p.mark;
    part.priority = p.priority;
    emit(part);
  }
  p.release();
  return true;
}

/** ip_options_fragment: what only the first fragment carries becomes "no operation" in the others. */
function blankOptions(view: DataView, at: number, headerLen: number): void {
  options.begin(at, headerLen);
  while (options.next(view)) {
    if (isCopiedOption(options.kind)) continue;
    for (let i = 0; i < options.length; i++) view.setUint8(options.at + i, Ipv4OptionKind.NoOperation);
  }
}
