/**
 * What a filter can ask about a packet beside its bytes: Linux's negative offsets (SKF_AD_OFF, SKF_NET_OFF, SKF_LL_OFF
 * of <linux/filter.h>).
 *
 * Filled by whoever runs a filter: packet sockets per packet, readers of capture files hardly at all. Asked by machine.ts;
 * check.ts knows from here which ancillary offsets exist. Meanings: the kernel's Documentation/networking/filter.rst.
 */
import type { ByteSource } from '../base/byte-source.ts';
import type { RandomSource } from '../base/random.ts';

/** Offsets from here up are relative to the link header; from NETWORK_AREA up, to the network header. Signed. */
export const LINK_AREA = -0x200000;
export const NETWORK_AREA = -0x100000;
/** From here up an offset names a fact, not a place. */
export const ANCILLARY_AREA = -0x1000;

/** Offsets of the facts from ANCILLARY_AREA. */
export const Ancillary = {
  Protocol: 0,
  PacketType: 4,
  InterfaceIndex: 8,
  NetlinkAttribute: 12,
  NetlinkAttributeNested: 16,
  Mark: 20,
  Queue: 24,
  HardwareType: 28,
  ReceiveHash: 32,
  Cpu: 36,
  /** A ^= X, from before there was an instruction for it. */
  XorX: 40,
  VlanTag: 44,
  VlanTagPresent: 48,
  PayloadOffset: 52,
  Random: 56,
  VlanProtocol: 60,
} as const;
const LAST_FACT = Ancillary.VlanProtocol;

/** Whether an absolute load at `k` (signed) reads a fact that Linux knows. */
export function isAncillary(k: number): boolean {
  return k >= ANCILLARY_AREA && k <= ANCILLARY_AREA + LAST_FACT && ((k - ANCILLARY_AREA) & 3) === 0;
}

/** One per filter's user, filled anew per packet. What is not known stays as it is here. */
export class PacketFacts {
  /** How long the packet is (`len`); a capture may hold fewer bytes. */
  length = 0;
  /** Where in the source the program's offset 0 lies, and where the headers begin; -1 when there is none. */
  dataAt = 0;
  linkAt = 0;
  networkAt = -1;
  /** The EtherType, as a packet socket's sll_protocol (host order). */
  protocol = 0;
  /** PACKET_HOST, PACKET_BROADCAST ... */
  packetType = 0;
  interfaceIndex = 0;
  hardwareType = 0;
  mark = 0;
  queue = 0;
  receiveHash = 0;
  cpu = 0;
  /** The tag that a device took out of the frame: identifier, priority and drop bit in one. */
  vlanTag = 0;
  vlanTagPresent = false;
  vlanProtocol = 0;
  /** Where the payload behind all headers begins, from the program's offset 0. */
  payloadOffset = 0;
  random: RandomSource | null = null;
}

/**
 * The fact at ancillary offset `k` (signed, one that `isAncillary` accepts); `a` and `x` are the machine's registers.
 * Never fails: what a packet does not have is 0. (Linux ends the program where a packet has no interface.)
 */
export function ancillary(k: number, source: ByteSource, facts: PacketFacts, a: number, x: number): number {
  switch (k - ANCILLARY_AREA) {
    case Ancillary.Protocol:
      return facts.protocol;
    case Ancillary.PacketType:
      return facts.packetType;
    case Ancillary.InterfaceIndex:
      return facts.interfaceIndex;
    case Ancillary.NetlinkAttribute:
      return netlinkAttribute(source, facts.dataAt, a, x, false);
    case Ancillary.NetlinkAttributeNested:
      return netlinkAttribute(source, facts.dataAt, a, x, true);
    case Ancillary.Mark:
      return facts.mark;
    case Ancillary.Queue:
      return facts.queue;
    case Ancillary.HardwareType:
      return facts.hardwareType;
    case Ancillary.ReceiveHash:
      return facts.receiveHash;
    case Ancillary.Cpu:
      return facts.cpu;
    case Ancillary.XorX:
      return a ^ x;
    case Ancillary.VlanTag:
      return facts.vlanTag;
    case Ancillary.VlanTagPresent:
      return facts.vlanTagPresent ? 1 : 0;
    case Ancillary.PayloadOffset:
      return facts.payloadOffset;
    case Ancillary.Random:
      return facts.random === null ? 0 : facts.random.int32();
    case Ancillary.VlanProtocol:
      return facts.vlanProtocol;
    default:
      return 0;
  }
}

const ATTRIBUTE_HEADER_LEN = 4;
/** NLA_TYPE_MASK: the two bits above are flags. */
const ATTRIBUTE_TYPE_MASK = 0x3fff;

/**
 * Where the netlink attribute of type `type` begins that comes first at or behind offset `from`, or inside the attribute
 * at `from` when `nested`; 0 when there is none. Netlink is in host order: little endian here.
 */
function netlinkAttribute(source: ByteSource, dataAt: number, from: number, type: number, nested: boolean): number {
  const length = source.length - dataAt;
  const start = from >>> 0;
  if (length < ATTRIBUTE_HEADER_LEN || start > length - ATTRIBUTE_HEADER_LEN) return 0;
  let at = start;
  let end = length;
  if (nested) {
    const outer = littleEndian16(source, dataAt + at);
    if (outer < ATTRIBUTE_HEADER_LEN || outer > length - at) return 0;
    end = at + outer;
    at += ATTRIBUTE_HEADER_LEN;
  }
  while (end - at >= ATTRIBUTE_HEADER_LEN) {
    const attributeLen = littleEndian16(source, dataAt + at);
    if (attributeLen < ATTRIBUTE_HEADER_LEN || attributeLen > end - at) return 0;
    if ((littleEndian16(source, dataAt + at + 2) & ATTRIBUTE_TYPE_MASK) === type >>> 0) return at;
    at += (attributeLen + 3) & ~3;
  }
  return 0;
}

function littleEndian16(source: ByteSource, at: number): number {
  const value = source.uint16At(at);
  return ((value & 0xff) << 8) | (value >>> 8);
}
