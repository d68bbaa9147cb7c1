/**
 * Transport checksums over whole packets: the head's rest and every range.
 *
 * Called by transport inputs (verify) and by whoever must complete a partial checksum (`segment.ts`).
 */
import { ChecksumAccumulator, pseudoHeaderSum4, pseudoHeaderSum6 } from '../base/checksum.ts';
import type { Chunk } from '../base/slab.ts';
import { ChecksumState, type Packet } from './packet.ts';

const accumulator = new ChecksumAccumulator();

/** The folded sum of `sum` and everything from `at` (absolute in the head) to the packet's end. */
export function packetSum(p: Packet, at: number, sum: number): number {
  accumulator.reset(sum);
  accumulator.addView(p.view, at, p.headEnd);
  for (let range = p.ranges; range !== null; range = range.next) {
    accumulator.addBytes((range.chunk as Chunk).bytes, range.offset, range.offset + range.length);
  }
  return accumulator.folded();
}

/** The pseudo-header's sum for a received packet, from the words the IP layer left in it. */
export function packetPseudoSum(p: Packet): number {
  return p.isV4
    ? pseudoHeaderSum4(p.srcD, p.dstD, p.protocol, p.l4Len)
    : pseudoHeaderSum6(p.srcA, p.srcB, p.srcC, p.srcD, p.dstA, p.dstB, p.dstC, p.dstD, p.protocol, p.l4Len);
}

/**
 * Is the transport checksum of a received packet right? Packets that a device or an in-process wire vouches for are
 * taken at their word. The packet must begin at its transport header and be `l4Len` long.
 */
export function transportChecksumOk(p: Packet): boolean {
  if (p.checksumState !== ChecksumState.Full) return true;
  return packetSum(p, p.head, packetPseudoSum(p)) === 0xffff;
}
