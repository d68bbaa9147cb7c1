/**
 * What a capture file says, whichever format it has: interfaces and packets.
 *
 * Filled by pcapng-reader.ts and pcap.ts, read by tcpdump-printer.ts and programs.
 */

export { LinkType } from '../wire/link-type.ts';

/** An interface as the file describes it; a pcap file has one, without a name. */
export interface CaptureInterface {
  readonly linkType: number;
  /** Most bytes kept of a packet; 0 when the file sets no limit. */
  readonly snapLen: number;
  readonly name: string;
  readonly description: string;
  /** The byte order of the file: packets of LinkType.Null begin with a number in it. */
  readonly littleEndian: boolean;
}

/** Which way a packet went at the interface, where the file says so. */
export type PacketDirection = 'in' | 'out' | null;

export interface CapturedPacket {
  readonly interface: CaptureInterface;
  /** Index of the interface within its section. */
  readonly interfaceId: number;
  /** Whole microseconds since 1970, rounded down. */
  readonly timeUs: number;
  /** Nanoseconds beyond `timeUs`, 0 to 999: a double has no room for both. */
  readonly nanoseconds: number;
  /** The bytes kept: a view into the file, not a copy. */
  readonly bytes: Uint8Array;
  /** How long the packet was on the wire. */
  readonly originalLength: number;
  readonly comments: readonly string[];
  readonly direction: PacketDirection;
}

/** What captures of several hosts call an interface: all of them have an `eth0`. `host` null: it is nobody's, a switch's perhaps. */
export function interfaceWords(host: string | null, device: string): { readonly name: string; readonly description?: string } {
  return host === null ? { name: device } : { name: `${host}:${device}`, description: `${device} of ${host}` };
}
