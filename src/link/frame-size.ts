/**
 * Does a frame fit a wire? Called at each wire's door.
 */
import { ETHERNET_HEADER_LEN, EthernetHeader, VLAN_TAG_LEN } from '../wire/ethernet.ts';
import type { Packet } from './packet.ts';
import { segmentHeaderLen } from './segment.ts';

const header = new EthernetHeader();

/** Is what follows the Ethernet header (and one VLAN tag) at most `mtuBytes` long? Of a segment to be cut, each piece. */
export function frameFits(p: Packet, mtuBytes: number): boolean {
  const length = p.length;
  const limit = mtuBytes + ETHERNET_HEADER_LEN;
  if (length <= limit) return true;
  const tagged = header.parse(p.view, p.head, p.headEnd, length) && header.vlan >= 0;
  const room = tagged ? limit + VLAN_TAG_LEN : limit;
  if (p.gsoSize === 0) return length <= room;
  // Headers up to the end of TCP's or UDP's, as the sender wrote them, and one piece of payload.
  return p.l4 - p.head + segmentHeaderLen(p) + p.gsoSize <= room;
}
