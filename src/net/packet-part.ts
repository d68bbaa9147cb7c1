/**
 * A stretch of a packet as a packet of its own: fragments on their way out.
 */
import type { Chunk } from '../base/slab.ts';
import { type Packet, takePacket } from '../link/packet.ts';

/** `length` bytes from `offset` behind `p.head` on: what lies in the head is copied, ranges are shared. Borrows `p`. */
export function packetPart(p: Packet, offset: number, length: number): Packet {
  const part = takePacket();
  part.staysOut = p.staysOut;
  const linear = p.headEnd - p.head;
  let skip = offset;
  let left = length;
  if (skip < linear) {
    const n = Math.min(left, linear - skip);
    const at = part.put(n);
    p.copyOut(skip, part.bytes, at, n);
    left -= n;
    skip = 0;
  } else {
    skip -= linear;
  }
  for (let range = p.ranges; range !== null && left > 0; range = range.next) {
    if (skip >= range.length) {
      skip -= range.length;
      continue;
    }
    const n = Math.min(left, range.length - skip);
    part.addRange(range.chunk as Chunk, range.offset + skip, n);
    left -= n;
    skip = 0;
  }
  return part;
}
