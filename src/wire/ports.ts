/**
 * The two ports with which TCP, UDP and their kin begin, and what a translator of addresses changes: an address and a port,
 * with the checksums of both headers brought up to date (RFC 3022 section 4.1, RFC 1624).
 *
 * Called by net/firewall/.
 */
import { fold, updateChecksum, updateChecksum32, wordSum } from '../base/checksum.ts';

const SRC_PORT = 0, DST_PORT = 2;
const V4_CHECKSUM = 10, V4_SRC = 12, V4_DST = 16;

/** Fills the ports from the transport header at `at`. */
export function readPorts(into: { srcPort: number; dstPort: number }, view: DataView, at: number): void {
  into.srcPort = view.getUint16(at + SRC_PORT);
  into.dstPort = view.getUint16(at + DST_PORT);
}

/** Which of a packet's two ends is written. */
export const End = { Source: 0, Destination: 1 } as const;
export type End = (typeof End)[keyof typeof End];

/** Puts another address into the IPv4 header at `at`, whose checksum stays right. */
export function setIpv4Address(view: DataView, at: number, end: End, address: number): void {
  const field = at + (end === End.Source ? V4_SRC : V4_DST);
  const before = view.getInt32(field);
  view.setInt32(field, address);
  view.setUint16(at + V4_CHECKSUM, updateChecksum32(view.getUint16(at + V4_CHECKSUM), before, address));
}

/** Puts another port into the header at `at`; returns the one before. */
export function setPort(view: DataView, at: number, end: End, port: number): number {
  const field = at + (end === End.Source ? SRC_PORT : DST_PORT);
  const before = view.getUint16(field);
  view.setUint16(field, port);
  return before;
}

/**
 * The checksum field at `field` of a transport header, after an address of its pseudo-header and a word of its own have
 * changed. `isPartial`: the field holds the pseudo-header's sum, and a device completes it.
 */
export function repairChecksum(
  view: DataView, field: number, isPartial: boolean, addressBefore: number, address: number, wordBefore: number, word: number,
): void {
  const value = view.getUint16(field);
  if (isPartial) {
    // What a device adds up has the port in it already; the pseudo-header's sum has the address.
    view.setUint16(field, fold(value + wordSum(~addressBefore) + wordSum(address)));
    return;
  }
  view.setUint16(field, updateChecksum(updateChecksum32(value, addressBefore, address), wordBefore, word));
}
