/**
 * Opens a capture file of either format by its first bytes.
 *
 * Called by `sockscape tcpdump -r` and by tests; the formats themselves are in pcapng-reader.ts and pcap.ts.
 */
import { CaptureError } from './capture-error.ts';
import type { CapturedPacket, CaptureInterface } from './capture-record.ts';
import { isPcapMagic, readPcap, readPcapInterface } from './pcap.ts';
import { readPcapng } from './pcapng-reader.ts';
import { BLOCK_SECTION } from './pcapng-writer.ts';

/**
 * The packets of a pcap or pcapng file, in file order, as views into `bytes`. Packets before a damaged place are
 * still delivered; the CaptureError comes when the reader reaches it.
 */
export function readCapture(bytes: Uint8Array): Generator<CapturedPacket, void, undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length >= 4 && view.getUint32(0, false) === BLOCK_SECTION) return readPcapng(bytes);
  if (isPcapMagic(view)) return readPcap(bytes);
  throw new CaptureError(0, bytes.length < 4 ? `${bytes.length} bytes are no capture file` : 'neither pcap nor pcapng');
}

/**
 * The first interface of a file, whether or not it has packets; null where none is described. What a filter is compiled
 * for before the first packet is read. Throws CaptureError, as reading does.
 */
export function firstInterface(bytes: Uint8Array): CaptureInterface | null {
  if (isPcapMagic(new DataView(bytes.buffer, bytes.byteOffset, bytes.length))) return readPcapInterface(bytes);
  const first = readCapture(bytes).next();
  return first.done ? null : first.value.interface;
}
