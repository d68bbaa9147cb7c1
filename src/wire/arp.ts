/**
 * ARP for IPv4 over Ethernet (RFC 826): the one packet layout that is in use.
 *
 * Called by net/'s neighbour code. RARP and other hardware types are refused, as Linux does on Ethernet.
 */
import { EtherType } from './protocols.ts';

export const ARP_LEN = 28;
const HARDWARE = 0, PROTOCOL = 2, HARDWARE_LEN = 4, PROTOCOL_LEN = 5, OPERATION = 6;
const SENDER_MAC = 8, SENDER_IP = 14, TARGET_MAC = 18, TARGET_IP = 24;
const HARDWARE_ETHERNET = 1;
/** Linux's arp_process also takes IEEE 802 (6) for Ethernet. */
const HARDWARE_IEEE802 = 6;

export const ArpOperation = { Request: 1, Reply: 2 } as const;
export type ArpOperation = (typeof ArpOperation)[keyof typeof ArpOperation];

/** A parsed ARP packet. One per stack, re-filled per packet. */
export class ArpPacket {
  operation = 0;
  /** MAC addresses as in ethernet.ts; IPv4 addresses as int32. */
  senderMacHi = 0;
  senderMacLo = 0;
  senderIp = 0;
  targetMacHi = 0;
  targetMacLo = 0;
  targetIp = 0;

  /** Fills this from the packet at `at`; false when it is cut off or not IPv4 over Ethernet. Padding may follow. */
  parse(view: DataView, at: number, headEnd: number, len: number): boolean {
    if (headEnd - at < ARP_LEN || len < ARP_LEN) return false;
    const hardware = view.getUint16(at + HARDWARE);
    if (hardware !== HARDWARE_ETHERNET && hardware !== HARDWARE_IEEE802) return false;
    if (view.getUint16(at + PROTOCOL) !== EtherType.Ipv4) return false;
    if (view.getUint8(at + HARDWARE_LEN) !== 6 || view.getUint8(at + PROTOCOL_LEN) !== 4) return false;
    this.operation = view.getUint16(at + OPERATION);
    this.senderMacHi = view.getUint16(at + SENDER_MAC);
    this.senderMacLo = view.getInt32(at + SENDER_MAC + 2);
    this.senderIp = view.getInt32(at + SENDER_IP);
    this.targetMacHi = view.getUint16(at + TARGET_MAC);
    this.targetMacLo = view.getInt32(at + TARGET_MAC + 2);
    this.targetIp = view.getInt32(at + TARGET_IP);
    return true;
  }
}

/** Writes the 28 bytes of an ARP packet at `at`. */
export function writeArp(
  view: DataView, at: number, operation: number,
  senderMacHi: number, senderMacLo: number, senderIp: number,
  targetMacHi: number, targetMacLo: number, targetIp: number,
): void {
  view.setUint16(at + HARDWARE, HARDWARE_ETHERNET);
  view.setUint16(at + PROTOCOL, EtherType.Ipv4);
  view.setUint8(at + HARDWARE_LEN, 6);
  view.setUint8(at + PROTOCOL_LEN, 4);
  view.setUint16(at + OPERATION, operation);
  view.setUint16(at + SENDER_MAC, senderMacHi);
  view.setInt32(at + SENDER_MAC + 2, senderMacLo);
  view.setInt32(at + SENDER_IP, senderIp);
  view.setUint16(at + TARGET_MAC, targetMacHi);
  view.setInt32(at + TARGET_MAC + 2, targetMacLo);
  view.setInt32(at + TARGET_IP, targetIp);
}
