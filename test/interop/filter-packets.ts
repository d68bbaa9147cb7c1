/**
 * Packets for filters to judge: the generator's, changed where filters look, on every link type.
 *
 * Used by filter-verdicts.test.ts, and with captured packets by filter-captures.test.ts. The generator keeps clear of what tcpdump decodes further (ports, protocols); filters
 * ask for just that, so that here such numbers are written into its packets. Each packet's time is its number.
 */
import { SeededRandom } from '../../src/base/random.ts';
import { PcapWriter } from '../../src/capture/pcap.ts';
import { joinBlocks } from '../../src/capture/pcapng-writer.ts';
import { LinkType } from '../../src/wire/link-type.ts';
import { Draw, u16, u32, type Bytes } from '../tools/packet-bytes.ts';
import { generatePackets } from '../tools/packet-generator.ts';

export interface FilteredPacket {
  readonly bytes: Uint8Array;
  readonly length: number;
}

export const FILTER_LINK_TYPES: readonly number[] = [
  LinkType.Ethernet,
  LinkType.LinuxSll,
  LinkType.LinuxSll2,
  LinkType.Raw,
  LinkType.RawBsd,
  LinkType.Ipv4,
  LinkType.Ipv6,
  LinkType.Null,
  LinkType.Loop,
];

const TYPES = [
  0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x8035, 0x8100, 0x88a8, 0x9100, 0x8863, 0x8137, 0x809b, 0x80f3, 0x6003, 0x05dc, 0x0005,
];
const PROTOCOLS = [6, 6, 17, 17, 132, 1, 2, 9, 44, 50, 51, 58, 103, 112, 0, 255];
const PORTS = [20, 21, 22, 25, 53, 80, 443, 8080, 6000, 6008, 9502, 65535, 0];
const STATIONS = [[255, 255, 255, 255, 255, 255], [1, 0, 0x5e, 0, 0, 1], [2, 0, 0, 0, 0, 1]];
const ADDRESSES = [
  [10, 0, 0, 1], [10, 0, 0, 2], [10, 1, 2, 3], [192, 168, 1, 7], [224, 0, 0, 1], [255, 255, 255, 255], [0, 0, 0, 0], [127, 0, 0, 1],
];
const GROUP6 = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/** `count` packets of a link type; the same seed gives the same packets. */
export function filterPackets(seed: string, linkType: number, count: number): FilteredPacket[] {
  const draw = new Draw(new SeededRandom(`${seed}/${linkType}`));
  const own = generatePackets(seed, count).filter((packet) => packet.linkType === linkType);
  const frames = generatePackets(`${seed}/frames`, 2 * count).filter((packet) => packet.linkType === LinkType.Ethernet);
  const packets: FilteredPacket[] = [];
  for (let i = 0; i < count; i++) {
    const isOwn = own.length > 0 && (linkType === LinkType.Ethernet || draw.chance(0.2));
    const made = isOwn ? draw.pick(own) : onLinkType(draw, linkType, draw.pick(frames).bytes);
    const bytes = 'bytes' in made ? [...made.bytes] : made;
    if (draw.chance(0.6)) change(draw, linkType, bytes, networkOffset(linkType));
    packets.push(perhapsCut(draw, linkType, bytes, 'length' in made && 'bytes' in made ? made.length : 0));
  }
  return packets;
}

/** `count` packets made of others, every one of them changed where filters look, and some of them cut. */
export function mutatedPackets(seed: string, linkType: number, originals: readonly FilteredPacket[], count: number): FilteredPacket[] {
  const draw = new Draw(new SeededRandom(`${seed}/mutated/${linkType}`));
  return Array.from({ length: count }, () => {
    const original = draw.pick(originals);
    const bytes = [...original.bytes];
    change(draw, linkType, bytes, networkOffset(linkType));
    return perhapsCut(draw, linkType, bytes, original.length);
  });
}

function perhapsCut(draw: Draw, linkType: number, bytes: Bytes, length: number): FilteredPacket {
  const kept = draw.chance(0.3) ? draw.int(1, Math.min(bytes.length, networkOffset(linkType) + 70)) : bytes.length;
  return { bytes: Uint8Array.from(bytes.slice(0, Math.max(1, kept))), length: Math.max(1, length, bytes.length) };
}

/** A capture of one link type. */
export function filterFile(linkType: number, packets: readonly FilteredPacket[], bigEndian = false): Uint8Array {
  const blocks: Uint8Array[] = [];
  const writer = new PcapWriter((bytes) => void blocks.push(bytes), { linkType, bigEndian });
  packets.forEach(({ bytes, length }, i) => writer.packet(i, bytes, length));
  return joinBlocks(blocks);
}

function networkOffset(linkType: number): number {
  switch (linkType) {
    case LinkType.Ethernet:
      return 14;
    case LinkType.LinuxSll:
      return 16;
    case LinkType.LinuxSll2:
      return 20;
    case LinkType.Null:
    case LinkType.Loop:
      return 4;
    default:
      return 0;
  }
}

/** What an Ethernet frame carries, in another link type's wrapping. */
function onLinkType(draw: Draw, linkType: number, frame: Bytes): Bytes {
  const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
  const payload = frame.slice(14);
  switch (linkType) {
    case LinkType.Ethernet:
      return frame;
    case LinkType.LinuxSll: {
      const protocol = type < 0x600 ? draw.pick([1, 4, 4]) : type;
      return [...u16(draw.int(0, 5)), 0, 1, 0, 6, ...draw.bytes(6), 0, 0, ...u16(protocol), ...payload];
    }
    case LinkType.LinuxSll2: {
      const protocol = type < 0x600 ? draw.pick([1, 4, 4]) : type;
      return [...u16(protocol), 0, 0, ...u32(draw.int(1, 3)), 0, 1, draw.int(0, 5), 6, ...draw.bytes(6), 0, 0, ...payload];
    }
    case LinkType.Null:
    case LinkType.Loop: {
      const family = u32(type === 0x86dd ? draw.pick([10, 24, 28, 30]) : draw.pick([2, 2, 2, 7]));
      return [...(draw.chance(0.5) ? family : family.reverse()), ...payload];
    }
    default:
      return payload.length > 0 ? payload : [0x45];
  }
}

/** Writes numbers that filters ask for where they look. */
function change(draw: Draw, linkType: number, bytes: Bytes, networkAt: number): void {
  const put = (at: number, values: Bytes): void => {
    if (at + values.length <= bytes.length) bytes.splice(at, values.length, ...values);
  };
  const isV6 = ((bytes[networkAt] ?? 0) >> 4) === 6;
  for (let times = draw.int(1, 3); times > 0; times--) {
    switch (draw.int(0, 9)) {
      case 0:
        if (linkType === LinkType.Ethernet) put(12, u16(draw.pick(TYPES)));
        break;
      case 1:
        if (linkType === LinkType.Ethernet && bytes.length > 14) tag(draw, bytes);
        break;
      case 2:
        put(networkAt + (isV6 ? 6 : 9), [draw.pick(PROTOCOLS)]);
        break;
      case 3:
        if (!isV6) put(networkAt + 6, u16(draw.pick([0, 0x2000, 1, 0x1fff, 0x4000])));
        break;
      case 4:
        if (!isV6) put(networkAt, [0x40 | draw.pick([5, 5, 6, 15, 0])]);
        break;
      case 5:
      case 6: {
        const transportAt = networkAt + (isV6 ? 40 : 4 * ((bytes[networkAt] ?? 0) & 15));
        put(transportAt + draw.pick([0, 2]), u16(draw.pick(PORTS)));
        break;
      }
      case 7:
        if (isV6) put(networkAt + draw.pick([8, 24]), draw.pick([GROUP6, [0x20, 1, 0xd, 0xb8]]));
        else put(networkAt + draw.pick([12, 16]), draw.pick(ADDRESSES));
        break;
      case 8:
        if (linkType === LinkType.Ethernet) put(0, draw.pick(STATIONS));
        break;
      default:
        put(draw.int(0, bytes.length - 1), [draw.int(0, 255)]);
    }
  }
}

function tag(draw: Draw, bytes: Bytes): void {
  const tags = draw.int(1, 2);
  for (let i = 0; i < tags; i++) {
    const type = draw.pick([0x8100, 0x8100, 0x88a8, 0x9100]);
    bytes.splice(12, 0, ...u16(type), ...u16(draw.pick([5, 100, 200, 0x2064, 4095])));
  }
}
