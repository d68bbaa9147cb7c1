/**
 * Super-segments and partial checksums on their way through a router: what must be known before a packet is cut, completed
 * or passed on.
 *
 * Called by ipv4-forward.ts and ipv6-forward.ts.
 */
import { ChecksumState, type Packet } from '../link/packet.ts';
import { completeChecksum, isDatagrams, segmentHeaderLen, TCP, UDP } from '../link/segment.ts';

/**
 * Makes the headers of a super-segment linear up to the end of TCP's or UDP's: whoever cuts it or describes it to a device reads
 * them there, and a device may have left a part in the ranges. False when the packet is none, or when what the device says of
 * it puts that header into IP's, which is `ipHeaderLen` long at least.
 */
export function linearSegment(p: Packet, ipHeaderLen: number): boolean {
  const transportAt = p.l4 - p.head;
  if (p.checksumState !== ChecksumState.Partial || transportAt < ipHeaderLen) return false;
  if (isDatagrams(p)) return p.pull(transportAt + UDP.HEADER_LEN);
  return (
    p.checksumOffset === TCP.CHECKSUM &&
    p.pull(transportAt + TCP.HEADER_LEN) && segmentHeaderLen(p) >= TCP.HEADER_LEN && p.pull(transportAt + segmentHeaderLen(p))
  );
}

/**
 * The same for one packet: the field of a partial checksum is linear, and a checksum that a device has verified is simply
 * full from here on. False when the packet ends before the field, or the field is in IP's header.
 */
export function readyToSend(p: Packet, ipHeaderLen: number, checksumOffload: boolean): boolean {
  if (p.checksumState === ChecksumState.Verified) p.checksumState = ChecksumState.Full;
  if (p.checksumState !== ChecksumState.Partial) return true;
  if (p.l4 - p.head < ipHeaderLen || !p.pull(p.l4 - p.head + p.checksumOffset + 2)) return false;
  if (!checksumOffload) completeChecksum(p);
  return true;
}

/** Length of the longest packet that the device's wire will see of this one; `head` is at the IP header. */
export function pieceLen(p: Packet): number {
  return p.gsoSize === 0 ? p.length : Math.min(p.length, p.l4 - p.head + segmentHeaderLen(p) + p.gsoSize);
}
