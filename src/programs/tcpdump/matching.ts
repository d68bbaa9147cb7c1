/** The packets of a capture file that pass a filter. Used by tcpdump.ts and by src/cli/tcpdump.ts. */
import { decimalListing, initialiserListing, readableListing } from '../../bpf/listing.ts';
import { compileFilter } from '../../bpf/compile.ts';
import type { FilterNames } from '../../bpf/names.ts';
import { firstInterface, readCapture } from '../../capture/capture-file.ts';
import { type CapturedPacket, type CaptureInterface, LinkType } from '../../capture/capture-record.ts';
import { compileForInterface, PacketFilter } from '../../capture/packet-filter.ts';
import type { TcpdumpWords } from './options.ts';
import { ANY } from './packet-capture.ts';

/**
 * Reads the file's head and compiles the filter, both at once, so that what is wrong with either is known before any output
 * is opened. Throws CaptureError and FilterError; so may the packets that follow.
 */
export function matchingPackets(bytes: Uint8Array, filter: string, names: FilterNames, count: number): IterableIterator<CapturedPacket> {
  const packets = readCapture(bytes);
  const next = packets.next();
  const first = next.done ? firstInterface(bytes) : next.value.interface;
  if (first !== null) compileForInterface(filter, first, names);
  return matching(next, packets, new PacketFilter(filter, names), count);
}

function* matching(
  first: IteratorResult<CapturedPacket>, packets: Iterator<CapturedPacket>, filter: PacketFilter, count: number,
): IterableIterator<CapturedPacket> {
  let next = first;
  for (let seen = 0; !next.done && seen < count;) {
    if (filter.passes(next.value)) {
      seen++;
      yield next.value;
    }
    if (seen < count) next = packets.next();
  }
}

const UNLIMITED_ETHERNET: CaptureInterface = { linkType: LinkType.Ethernet, snapLen: 0, name: '', description: '', littleEndian: true };

/**
 * The program of a filter, in the form that -d, -dd or -ddd asks for: for the file's link type or, without a file, as a packet
 * socket on the device gets it.
 */
export function filterListing({ listing: form, filter, device, snapLen }: TcpdumpWords, bytes: Uint8Array | null, names: FilterNames): string {
  const program =
    bytes === null
      ? compileFilter(filter, { isLive: true, linkType: device === ANY ? LinkType.LinuxSll2 : LinkType.Ethernet, snapLen, names })
      : compileForInterface(filter, firstInterface(bytes) ?? UNLIMITED_ETHERNET, names);
  return form === 1 ? readableListing(program) : form === 2 ? initialiserListing(program) : decimalListing(program);
}
