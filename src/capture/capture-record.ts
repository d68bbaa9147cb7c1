/**
 * What a capture file says, whichever format it has: interfaces and packets.
 *
 * Filled by pcapng-reader.ts and pcap.ts, read by tcpdump-printer.ts and programs.
 */

/** Link types by their registered numbers (https://www.tcpdump.org/linktypes.html); those the printer knows. */
export const LinkType = {
  Null: 0,
  Ethernet: 1,
  /** The number that BSD-derived systems other than OpenBSD used for raw IP. */
  RawBsd: 12,
  /** OpenBSD's number for raw IP. */
  RawOpenBsd: 14,
  Raw: 101,
  Loop: 108,
  LinuxSll: 113,
  Ipv4: 228,
  Ipv6: 229,
  LinuxSll2: 276,
} as const;

/** An interface as the file describes it; a pcap file has one, without a name. */
export interface CaptureInterface {
  readonly linkType: number;
  /** Most bytes kept of a packet; 0 when the file sets no limit. */
  readonly snapLen: number;
  readonly name: string;
  readonly description: string;
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
