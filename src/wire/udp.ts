/**
 * UDP datagrams (RFC 768): reading and writing the eight-octet header.
 *
 * Called by transport/udp/. Knows bytes only: no sockets, no routes.
 * Read RFC 768 and RFC 1122 section 4.1 before changing this file.
 */
import { fold } from '../base/checksum.ts';

export const UDP_HEADER_LEN = 8;
/** Offset of the checksum field, for packets whose checksum a device completes. */
export const UDP_CHECKSUM = 6;
const SRC_PORT = 0, DST_PORT = 2, LENGTH = 4, CHECKSUM = UDP_CHECKSUM;

/** A parsed datagram header. One per stack, re-filled per packet; whoever keeps it copies it. */
export class UdpHeader {
  srcPort = 0;
  dstPort = 0;
  /** Length of the data in bytes; it begins right after the header and may go on beyond the head. */
  dataLen = 0;
  /** Checksum field as it stands; 0 means that the sender computed none. */
  checksum = 0;

  /**
   * Fills this from the header at `at`; false when the datagram is malformed.
   * `headEnd` is where the head's bytes end; `l4Len` the length of the whole IP payload, ranges included.
   */
  parse(view: DataView, at: number, headEnd: number, l4Len: number): boolean {
    if (headEnd - at < UDP_HEADER_LEN) return false;
    return this.fill(view, at, view.getUint16(at + LENGTH), l4Len);
  }

  /** As `parse`, over IPv6, where a length of zero means the rest of the packet (RFC 2675; Linux takes it always). */
  parse6(view: DataView, at: number, headEnd: number, l4Len: number): boolean {
    if (headEnd - at < UDP_HEADER_LEN) return false;
    const length = view.getUint16(at + LENGTH);
    return this.fill(view, at, length === 0 ? l4Len : length, l4Len);
  }

  private fill(view: DataView, at: number, length: number, l4Len: number): boolean {
    // The length field, not the IP length, bounds the data: Ethernet padding may follow it.
    if (length < UDP_HEADER_LEN || length > l4Len) return false;
    this.srcPort = view.getUint16(at + SRC_PORT);
    this.dstPort = view.getUint16(at + DST_PORT);
    this.dataLen = length - UDP_HEADER_LEN;
    this.checksum = view.getUint16(at + CHECKSUM);
    return true;
  }
}

/**
 * Writes the header at `at`. `pseudo` is the un-folded sum of the pseudo-header, `data` that of the data,
 * or -1 when the device will complete the checksum (packet's checksumState: partial).
 */
export function writeUdpHeader(
  view: DataView, at: number, srcPort: number, dstPort: number, dataLen: number, pseudo: number, data: number,
): void {
  const length = UDP_HEADER_LEN + dataLen;
  view.setUint16(at + SRC_PORT, srcPort);
  view.setUint16(at + DST_PORT, dstPort);
  view.setUint16(at + LENGTH, length);
  if (data < 0) return view.setUint16(at + CHECKSUM, fold(pseudo));
  const checksum = ~fold(pseudo + data + srcPort + dstPort + length) & 0xffff;
  // RFC 768: zero means "no checksum", so a computed zero is sent as all ones (equal in one's complement).
  view.setUint16(at + CHECKSUM, checksum === 0 ? 0xffff : checksum);
}
