/** Frames as they leave a host of ours, for tests of what cuts and joins segments. */
import { fold, pseudoHeaderSum4, pseudoHeaderSum6 } from '../base/checksum.ts';
import { writeEthernetHeader } from '../wire/ethernet.ts';
import { writeIpv4Header } from '../wire/ipv4.ts';
import { writeIpv6Header } from '../wire/ipv6.ts';
import { ChecksumState, type Packet } from './packet.ts';

export const SRC: number = 0xc0000201 | 0;
export const DST: number = 0xc0000202 | 0;

/**
 * Puts the headers of IP and Ethernet in front of a TCP segment whose header stands at `l4`, and leaves its checksum
 * partial. `mss` is where it is cut, 0 for one segment.
 */
export function wrapSegment(p: Packet, l4: number, isV4: boolean, id: number, mss: number): void {
  const { length, view } = p;
  const pseudo = isV4 ? pseudoHeaderSum4(SRC, DST, 6, length) : pseudoHeaderSum6(1, 2, 3, SRC, 1, 2, 3, DST, 6, length);
  view.setUint16(l4 + 16, fold(pseudo));
  p.l4 = l4;
  p.checksumState = ChecksumState.Partial;
  p.checksumOffset = 16;
  if (isV4) {
    p.l3 = p.push(20);
    writeIpv4Header(view, p.l3, length + 20, 0, id, 0x4000, 64, 6, SRC, DST);
  } else {
    p.l3 = p.push(40);
    writeIpv6Header(view, p.l3, length, 0, 0, 6, 64, 1, 2, 3, SRC, 1, 2, 3, DST);
  }
  p.l2 = p.push(14);
  writeEthernetHeader(view, p.l2, 1, 2, 3, 4, isV4 ? 0x0800 : 0x86dd);
  p.gsoSize = mss;
}
