/**
 * Does a frame fit a wire? Called at each wire's door.
 */
import { ETHERNET_HEADER_LEN, EthernetHeader, VLAN_TAG_LEN } from '../wire/ethernet.ts';
import type { Packet } from './packet.ts';
import { segmentHeaderLen } from './segment.ts';

const header = new EthernetHeader();

/** Is what follows the Ethernet header (and one VLAN tag) at most `mtuBytes` long? Of a segment to be cut, each piece. */
export function frameFits(p: Packet, mtuBytes: number): boolean {
  const limit = mtuBytes + ETHERNET_HEADER_LEN;
  if (p.length <= limit) return true;
  // Headers up to the end of TCP's or UDP's, as the sender wrote them, and one piece of payload.
  const length = p.gsoSize === 0 ? p.length : p.l4 - p.head + segmentHeaderLen(p) + p.gsoSize;
  if (length <= limit) return true;
  return length <= limit + VLAN_TAG_LEN && header.parse(p.view, p.head, p.headEnd, p.length) && header.vlan >= 0;
}
