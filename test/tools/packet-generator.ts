/**
 * A seeded generator of packets in every format that the printer puts into words, well-formed and not: one maker per
 * class, drawn in turn, so that each class comes equally often.
 *
 * Used by tcpdump-words.test.ts. Ports and protocols that tcpdump decodes further are avoided (docs/tcpdump.md).
 */
import { SeededRandom } from '../../src/base/random.ts';
import { TcpdumpPrinter } from '../../src/capture/tcpdump-printer.ts';
import { ENDS4, ENDS6, Draw, checksum, ethernet, icmp, ipv4, ipv6, tcp, u16, u32, udp } from './packet-bytes.ts';
import type { Bytes, Ends, Ipv4Fields, TcpFields } from './packet-bytes.ts';
import { leadsElsewhere } from '../interop/undecoded.ts';

/** `length` beyond the bytes: the packet was longer than what was captured. */
export interface MadePacket {
  readonly bytes: Bytes;
  readonly length: number;
  /** Packets that were drawn before this one and left out, since tcpdump would have gone on where we do not. */
  readonly leftOut?: number;
}

export interface GeneratedPacket extends MadePacket {
  readonly className: string;
  readonly linkType: number;
  readonly timeUs: number;
}

type Maker = (draw: Draw) => MadePacket | Bytes;

interface PacketClass {
  readonly name: string;
  readonly linkType: number;
  readonly make: Maker;
}

const PORTS = [1, 7, 9, 9500, 9501, 9502, 20000, 32768, 40000, 40001, 50505, 60999, 65535];
const TCP_FLAGS = [0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x00, 0x30, 0x38, 0x52, 0xc2, 0x3f, 0xff, 0x19, 0x01];
/** IP protocols that nobody decodes. */
const UNKNOWN_PROTOCOLS = [3, 5, 7, 12, 20, 38, 61, 63, 99, 115, 138, 200, 253, 254, 255];
const UNKNOWN_ETHER_TYPES = [0x0600, 0x1234, 0x22f0, 0x6001, 0x6002, 0x6004, 0x6007, 0x6558, 0x8038, 0x88b5, 0x893a, 0xffff];
const ADDRESSES4 = [[10, 0, 0, 1], [10, 0, 0, 2], [127, 0, 0, 1], [192, 168, 1, 255], [255, 255, 255, 255], [224, 0, 0, 251], [0, 0, 0, 0]];
const ADDRESSES6 = [
  ENDS6.source,
  ENDS6.destination,
  [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1],
  [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1],
  [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 9],
  [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 1, 2, 3],
  [0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
  [0x20, 1, 0xd, 0xb8, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6],
];

function address6(draw: Draw): Bytes {
  return draw.chance(0.3) ? draw.bytes(16) : [...draw.pick(ADDRESSES6)];
}

function ends4(draw: Draw): Ends {
  return draw.chance(0.6) ? ENDS4 : { source: [...draw.pick(ADDRESSES4)], destination: [...draw.pick(ADDRESSES4)] };
}

function ends6(draw: Draw): Ends {
  return draw.chance(0.6) ? ENDS6 : { source: address6(draw), destination: address6(draw) };
}

/** What -v and the header line show, drawn for every IPv4 packet. */
function fields4(draw: Draw, ends: Ends): Ipv4Fields {
  return {
    source: ends.source,
    destination: ends.destination,
    tos: draw.chance(0.6) ? 0 : draw.int(0, 255),
    id: draw.int(0, 65535),
    fragment: draw.pick([0, 0x4000, 0x4000, 0x8000]),
    ttl: draw.pick([64, 255, 1, 0]),
    badChecksum: draw.chance(0.1),
  };
}

function overIpv4(draw: Draw, protocol: number, payload: Bytes, ends: Ends = ENDS4, more: Ipv4Fields = {}): Bytes {
  return ipv4(protocol, payload, { ...fields4(draw, ends), ...more });
}

function overIpv6(draw: Draw, next: number, payload: Bytes, ends: Ends = ENDS6): Bytes {
  return ipv6(next, payload, {
    source: ends.source,
    destination: ends.destination,
    trafficClass: draw.chance(0.7) ? 0 : draw.int(0, 255),
    flow: draw.chance(0.7) ? 0 : draw.int(0, 0xfffff),
    hopLimit: draw.pick([64, 255, 1, 0]),
  });
}

/** A packet in a frame, padded to the least length of one now and then. */
function framed(draw: Draw, type: number, payload: Bytes): Bytes {
  const frame = ethernet(type, payload);
  if (draw.chance(0.2) && frame.length < 60) frame.push(...new Array<number>(60 - frame.length).fill(0));
  return frame;
}

/** The same transport packet over either version, in a frame. */
function overEither(draw: Draw, protocol: number, make: (ends: Ends) => Bytes): Bytes {
  if (draw.chance(0.5)) {
    const ends = ends4(draw);
    return framed(draw, 0x0800, overIpv4(draw, protocol, make(ends), ends));
  }
  const ends = ends6(draw);
  return framed(draw, 0x86dd, overIpv6(draw, protocol, make(ends), ends));
}

function cut(bytes: Bytes, kept: number): MadePacket {
  return { bytes: bytes.slice(0, Math.max(1, kept)), length: bytes.length };
}

/** Sequence numbers stay near each other, so that relative ones show. */
function segmentFields(draw: Draw): TcpFields {
  return {
    sourcePort: draw.pick(PORTS),
    destinationPort: draw.pick(PORTS),
    seq: (0xfffff000 + draw.int(0, 20000)) >>> 0,
    ack: (0x12345000 + draw.int(0, 20000)) >>> 0,
    flags: draw.pick(TCP_FLAGS),
    window: draw.int(0, 65535),
    urgent: draw.int(0, 5),
    badChecksum: draw.chance(0.15),
  };
}

function segment(draw: Draw, ends: Ends, options: Bytes = [], more: Partial<TcpFields> = {}): Bytes {
  return tcp(ends, { ...segmentFields(draw), options, ...more }, draw.letters(draw.chance(0.4) ? 0 : draw.int(1, 60)));
}

function datagram(draw: Draw, ends: Ends): Bytes {
  const sum = draw.pick(['right', 'right', 'wrong', 'none'] as const);
  const ports = { sourcePort: draw.pick(PORTS), destinationPort: draw.pick(PORTS) };
  return udp(ends, { ...ports, checksum: sum }, draw.letters(draw.int(0, 60)));
}

/* ---- ARP ---- */

function arp(draw: Draw, more: Partial<Record<'hardware' | 'protocol' | 'hardwareLen' | 'protocolLen' | 'operation', number>> = {}): Bytes {
  const hardwareLen = more.hardwareLen ?? 6;
  const protocolLen = more.protocolLen ?? 4;
  return [
    ...u16(more.hardware ?? 1),
    ...u16(more.protocol ?? 0x0800),
    hardwareLen,
    protocolLen,
    ...u16(more.operation ?? draw.pick([1, 2])),
    ...draw.bytes(hardwareLen),
    ...draw.bytes(protocolLen),
    ...(draw.chance(0.5) ? new Array<number>(hardwareLen).fill(0) : draw.bytes(hardwareLen)),
    ...draw.bytes(protocolLen),
  ];
}

const ARP_CLASSES: Record<string, Maker> = {
  'arp request, reply': (draw) => framed(draw, 0x0806, arp(draw)),
  'arp other operations': (draw) => framed(draw, 0x0806, arp(draw, { operation: draw.pick([3, 4, 8, 9, 10, 0, 77]) })),
  'arp reverse': (draw) => framed(draw, 0x8035, arp(draw, { operation: draw.pick([3, 4]) })),
  'arp other hardware': (draw) => framed(draw, 0x0806, arp(draw, { hardware: draw.pick([6, 7, 23, 24, 32, 99]) })),
  'arp wrong lengths': (draw) =>
    framed(draw, 0x0806, arp(draw, { hardwareLen: draw.pick([0, 1, 5, 6, 8, 20]), protocolLen: draw.pick([0, 3, 4, 6, 16]) })),
  'arp wrong protocol': (draw) => framed(draw, 0x0806, arp(draw, { protocol: draw.pick([0x0806, 0x1000, 0x86dd, 0x1234]) })),
  'arp cut': (draw) => cut(ethernet(0x0806, arp(draw)), draw.int(14, 41)),
};

/* ---- Ethernet ---- */

function inner(draw: Draw): { type: number; payload: Bytes } {
  switch (draw.int(0, 3)) {
    case 0:
      return { type: 0x0806, payload: arp(draw) };
    case 1:
      return { type: 0x0800, payload: overIpv4(draw, 17, datagram(draw, ENDS4)) };
    case 2:
      return { type: 0x86dd, payload: overIpv6(draw, 6, segment(draw, ENDS6)) };
    default:
      return { type: draw.pick(UNKNOWN_ETHER_TYPES), payload: draw.bytes(draw.int(0, 40)) };
  }
}

function tagged(draw: Draw, tags: number): Bytes {
  const { type, payload } = inner(draw);
  const types = Array.from({ length: tags }, () => draw.pick([0x8100, 0x8100, 0x88a8, 0x9100, 0x9200]));
  let frame = [...u16(type), ...payload];
  for (const tag of types.slice(1).reverse()) frame = [...u16(tag), ...u16(draw.int(0, 65535)), ...frame];
  return ethernet(types[0], [...u16(draw.int(0, 65535)), ...frame]);
}

const SAPS = [0x00, 0x02, 0x04, 0x0e, 0x4e, 0x7e, 0x8e, 0x10, 0x11, 0x45, 0x7f];

function llc(draw: Draw): Bytes {
  const same = draw.pick(SAPS);
  const saps = draw.chance(0.5) ? [same, same] : [draw.pick(SAPS), draw.pick(SAPS)];
  const control = draw.pick([[0x03], [0x13], [0xaf], [0xbf], [0xe3], [0x63], [0x43], [0x0f], [0x6f], [0x87], [0x33], draw.bytes(2).map((b, i) => (i === 0 ? b & 0xfc : b)), [0x01, 0x04], [0x05, 0x05], [0x09, 0x00], [0x0d, 0x01]]);
  const body = control[0] === 0xaf || control[0] === 0xbf ? draw.pick([[], [0x81, 1, 2], [0x81, 1], [0x55, 1]]) : draw.letters(draw.int(0, 20));
  return [...saps, ...control, ...body];
}

function snap(draw: Draw): Bytes {
  const vendor = draw.pick([[0, 0, 0], [0, 0, 0], [0, 0, 0xf8], [0, 0, 0x0c], [0, 0x80, 0xc2], [8, 0, 7], [1, 2, 3], [0, 0x12, 0xbb]]);
  const { type, payload } = inner(draw);
  const protocol = vendor[2] === 0x0c ? 0x1111 : vendor[2] === 0xc2 ? draw.pick([2, 6, 8, 0x77]) : type;
  return [0xaa, 0xaa, 3, ...vendor, ...u16(protocol), ...payload];
}

const ETHERNET_CLASSES: Record<string, Maker> = {
  'ethernet unknown type': (draw) => ethernet(draw.pick(UNKNOWN_ETHER_TYPES), draw.bytes(draw.int(0, 60))),
  '802.1Q': (draw) => tagged(draw, 1),
  '802.1Q twice': (draw) => tagged(draw, draw.int(2, 3)),
  '802.1Q cut': (draw) => {
    const frame = tagged(draw, draw.int(1, 3));
    return cut(frame, draw.int(12, Math.min(frame.length, 34)));
  },
  '802.3 llc': (draw) => {
    const body = llc(draw);
    return framed(draw, body.length, body);
  },
  '802.3 snap': (draw) => {
    const body = snap(draw);
    return framed(draw, body.length, body);
  },
  '802.3 ip': (draw) => {
    const body = [6, 6, 3, ...overIpv4(draw, 17, datagram(draw, ENDS4))];
    return framed(draw, body.length, body);
  },
  '802.3 wrong length': (draw) => framed(draw, draw.int(0, 60), draw.chance(0.5) ? llc(draw) : snap(draw)),
  '802.3 cut': (draw) => {
    const body = draw.chance(0.5) ? llc(draw) : snap(draw);
    return cut(ethernet(body.length, body), draw.int(14, 26));
  },
  'ethernet jumbo type': (draw) => ethernet(0x8870, draw.chance(0.5) ? llc(draw) : snap(draw)),
  'ethernet cut': (draw) => cut(framed(draw, 0x0800, overIpv4(draw, 6, segment(draw, ENDS4))), draw.int(1, 15)),
};

/* ---- IPv4 ---- */

function option4(kind: number, body: Bytes, length = body.length + 2): Bytes {
  return [kind, length, ...body];
}

function withOptions4(draw: Draw, options: Bytes): Bytes {
  const udpToo = draw.chance(0.5);
  const payload = udpToo ? datagram(draw, ENDS4) : segment(draw, ENDS4);
  return framed(draw, 0x0800, overIpv4(draw, udpToo ? 17 : 6, payload, ENDS4, { options: options.slice(0, 40) }));
}

function addresses4(draw: Draw, count: number): Bytes {
  return Array.from({ length: count }, () => draw.pick(ADDRESSES4)).flat();
}

const IPV4_CLASSES: Record<string, Maker> = {
  'ipv4 unknown protocol': (draw) => framed(draw, 0x0800, overIpv4(draw, draw.pick(UNKNOWN_PROTOCOLS), draw.letters(draw.int(0, 40)), ends4(draw))),
  'ipv4 rare protocols': (draw) => framed(draw, 0x0800, overIpv4(draw, draw.pick([50, 51, 59, 77, 108, 143, 58]), rarePayload(draw))),
  'ipv4 rare protocols cut': (draw) => cut(ethernet(0x0800, overIpv4(draw, draw.pick([50, 50, 51, 51, 108]), rarePayload(draw))), draw.int(34, 64)),
  'ipv4 tunnel': (draw) =>
    framed(draw, 0x0800, draw.chance(0.5) ? overIpv4(draw, 4, overIpv4(draw, 6, segment(draw, ENDS4))) : overIpv4(draw, 41, overIpv6(draw, 17, datagram(draw, ENDS6)))),
  'ipv4 first fragment': (draw) => {
    const protocol = draw.pick([1, 6, 17, 253]);
    return framed(draw, 0x0800, overIpv4(draw, protocol, transport4(draw, protocol), ENDS4, { fragment: 0x2000 | (draw.chance(0.2) ? 0xc000 : 0) }));
  },
  'ipv4 later fragment': (draw) => {
    const fields = { fragment: draw.int(1, 0x1fff) | draw.pick([0, 0x2000, 0x4000, 0x8000]) };
    return framed(draw, 0x0800, overIpv4(draw, draw.pick([1, 6, 17, 253]), draw.bytes(draw.int(0, 60)), ENDS4, fields));
  },
  'ipv4 option nop, eol': (draw) => withOptions4(draw, draw.pick([[1, 1, 1, 1], [0, 0, 0, 0], [1, 0, 5, 5], [1, 1, 1, 0, 9, 9, 9, 9]])),
  'ipv4 option record route': (draw) => {
    const count = draw.int(0, 9);
    return withOptions4(draw, option4(7, [draw.pick([4, 4 + 4 * count, 5, 0, 255, 8]), ...addresses4(draw, count), ...draw.pick([[], [], [1]])]));
  },
  'ipv4 option source route': (draw) => {
    const count = draw.int(0, 4);
    return withOptions4(draw, option4(draw.pick([131, 137]), [draw.pick([4, 4 + 4 * count, 3]), ...addresses4(draw, count), ...draw.pick([[], [], [1, 2]])]));
  },
  'ipv4 option timestamp': (draw) => {
    const kind = draw.pick([0, 1, 3, 2]);
    const stamps = draw.int(0, kind === 0 ? 8 : 4);
    const body = Array.from({ length: stamps }, () => (kind === 0 ? u32(draw.u32()) : [...draw.pick(ADDRESSES4), ...u32(draw.u32())])).flat();
    return withOptions4(draw, option4(68, [draw.pick([5, 5 + body.length, 9, 0, 13]), (draw.pick([0, 0, 3]) << 4) | kind, ...body, ...draw.pick([[], [], [1]])]));
  },
  'ipv4 option router alert': (draw) => withOptions4(draw, draw.pick([option4(148, [0, 0]), option4(148, u16(draw.int(0, 65535))), option4(148, [0], 3)])),
  'ipv4 option others': (draw) => withOptions4(draw, [...option4(draw.pick([130, 82, 136, 77, 200]), draw.bytes(draw.int(0, 10))), 1]),
  'ipv4 option wrong length': (draw) =>
    withOptions4(draw, option4(draw.pick([7, 68, 131, 137, 148, 130, 99]), draw.bytes(draw.int(0, 6)), draw.pick([0, 1, 2, 3, 4, 30, 255]))),
  'ipv4 option cut': (draw) => {
    const frame = ethernet(0x0800, overIpv4(draw, 17, datagram(draw, ENDS4), ENDS4, { options: [...option4(7, [4, ...addresses4(draw, 3)]), ...option4(68, [5, 0, ...draw.bytes(8)])] }));
    return cut(frame, draw.int(34, 64));
  },
  'ipv4 length beyond the frame': (draw) => {
    const protocol = draw.pick([1, 6, 17, 253]);
    const payload = transport4(draw, protocol);
    return ethernet(0x0800, overIpv4(draw, protocol, payload, ENDS4, { totalLength: 20 + payload.length + draw.int(1, 2000) }));
  },
  'ipv4 length too short': (draw) => {
    const protocol = draw.pick([1, 6, 17, 253]);
    const payload = transport4(draw, protocol);
    return framed(draw, 0x0800, overIpv4(draw, protocol, payload, ENDS4, { totalLength: draw.pick([0, 0, 1, 19, 20, 21, 24, 27, 28, 30, 39, 40, 44]) }));
  },
  'ipv4 wrong header length': (draw) => framed(draw, 0x0800, overIpv4(draw, 253, draw.letters(draw.int(0, 60)), ENDS4, { headerWords: draw.int(0, 15) })),
  'ipv4 wrong version': (draw) => framed(draw, 0x0800, overIpv4(draw, 6, segment(draw, ENDS4), ENDS4, { version: draw.pick([0, 3, 5, 6, 15]) })),
  'ipv4 cut': (draw) => {
    const protocol = draw.pick([1, 6, 17, 253]);
    return cut(ethernet(0x0800, overIpv4(draw, protocol, transport4(draw, protocol))), draw.int(14, 36));
  },
};

function transport4(draw: Draw, protocol: number): Bytes {
  if (protocol === 1) return echo(draw, null);
  if (protocol === 6) return segment(draw, ENDS4, draw.chance(0.4) ? [2, 4, 5, 0xb4] : []);
  return protocol === 17 ? datagram(draw, ENDS4) : draw.letters(draw.int(0, 40));
}

function transport6(draw: Draw, protocol: number): Bytes {
  if (protocol === 58) return echo(draw, ENDS6);
  if (protocol === 6) return segment(draw, ENDS6, draw.chance(0.4) ? [2, 4, 5, 0xa0] : []);
  return protocol === 17 ? datagram(draw, ENDS6) : draw.letters(draw.int(0, 40));
}

/** An authentication header with a segment, or as many bytes as the others look at. */
function rarePayload(draw: Draw): Bytes {
  return [6, draw.pick([4, 4, 4, 1, 200]), 0, draw.pick([0, 0, 7]), ...draw.bytes(8), ...draw.bytes(12), ...segment(draw, ENDS4)];
}

/* ---- IPv6 ---- */

function extension(next: number, body: Bytes): Bytes {
  const padded = [...body];
  while ((padded.length + 2) % 8 !== 0) padded.push(0);
  return [next, (padded.length + 2) / 8 - 1, ...padded];
}

function fragmentHeader(draw: Draw, next: number, offset: number, more: boolean): Bytes {
  return [next, 0, ...u16((offset << 3) | (more ? 1 : 0)), ...u32(draw.u32())];
}

function options6(draw: Draw): Bytes {
  return draw.pick([
    [5, 2, 0, draw.int(0, 3)],
    [5, 2, 0, 0, 1, 0],
    [1, 4, 0, 0, 0, 0],
    [1, 0, 0, 0],
    [0, 0, 0, 0],
    [draw.pick([4, 0x26, 0x63, 0xfe]), 2, 1, 2],
    [0xc9, 16, ...address6(draw)],
    [0xc9, 20, ...address6(draw), 1, 2, 0, 0],
    [0xc9, 22, ...address6(draw), 0, 9, 2, 1, 1, 0],
    [0xc2, 4, ...u32(draw.pick([0, 70000, 65535]))],
    [0xc2, 4, ...u32(70000), 0xc2, 4, ...u32(70000)],
    [5, 3, 0, 0, 0],
    [5, 200, 0, 0],
    [0xc2, 3, 0, 0, 0],
    [0xc9, 3, 0, 0, 0],
    [9],
  ]);
}

function routing(draw: Draw, next: number): Bytes {
  const type = draw.pick([0, 2, 4, 4, 3, 9]);
  const hops = draw.int(0, 3);
  const rest = type === 4 ? [draw.int(0, 3), draw.pick([0, 8]), ...u16(draw.int(0, 65535))] : u32(draw.pick([0, 0, 9]));
  const header = [next, hops * 2, type, draw.int(0, 3), ...rest, ...Array.from({ length: hops }, () => address6(draw)).flat()];
  if (draw.chance(0.15)) header[1] += 1;
  return header;
}

function after6(draw: Draw): { protocol: number; payload: Bytes } {
  const protocol = draw.pick([6, 17, 58, 59, 253]);
  return { protocol, payload: protocol === 59 ? [] : transport6(draw, protocol) };
}

const IPV6_CLASSES: Record<string, Maker> = {
  'ipv6 unknown protocol': (draw) => framed(draw, 0x86dd, overIpv6(draw, draw.pick(UNKNOWN_PROTOCOLS), draw.letters(draw.int(0, 40)), ends6(draw))),
  'ipv6 rare protocols': (draw) => framed(draw, 0x86dd, overIpv6(draw, draw.pick([50, 51, 59, 77, 108, 1, 2]), rarePayload(draw))),
  'ipv6 rare protocols cut': (draw) =>
    staying(() => cut(ethernet(0x86dd, overIpv6(draw, draw.pick([50, 51, 108, 143]), rarePayload(draw))), draw.int(54, 84))),
  'ipv6 ethernet inside': (draw) => framed(draw, 0x86dd, overIpv6(draw, 143, ethernet(0x0806, arp(draw)))),
  'ipv6 tunnel': (draw) =>
    framed(draw, 0x86dd, draw.chance(0.5) ? overIpv6(draw, 4, overIpv4(draw, 17, datagram(draw, ENDS4))) : overIpv6(draw, 41, overIpv6(draw, 6, segment(draw, ENDS6)))),
  'ipv6 hop-by-hop': (draw) => {
    const { protocol, payload } = after6(draw);
    return framed(draw, 0x86dd, overIpv6(draw, 0, [...extension(protocol, options6(draw)), ...payload], ends6(draw)));
  },
  'ipv6 destination options': (draw) => {
    const { protocol, payload } = after6(draw);
    return framed(draw, 0x86dd, overIpv6(draw, 60, [...extension(protocol, options6(draw)), ...payload]));
  },
  'ipv6 routing': (draw) => {
    const { protocol, payload } = after6(draw);
    return framed(draw, 0x86dd, overIpv6(draw, 43, [...routing(draw, protocol), ...payload]));
  },
  'ipv6 first fragment': (draw) => {
    const { protocol, payload } = after6(draw);
    return framed(draw, 0x86dd, overIpv6(draw, 44, [...fragmentHeader(draw, protocol, 0, draw.chance(0.8)), ...payload]));
  },
  'ipv6 later fragment': (draw) =>
    framed(draw, 0x86dd, overIpv6(draw, 44, [...fragmentHeader(draw, draw.pick([6, 17, 58]), draw.int(1, 8191), draw.chance(0.5)), ...draw.bytes(draw.int(0, 40))])),
  'ipv6 chain': (draw) => {
    const { protocol, payload } = after6(draw);
    let chain = payload;
    let next = protocol;
    for (const kind of draw.pick([[0, 60], [0, 43, 60], [60, 0], [0, 0], [60, 44], [43, 44, 60], [0, 44]] as const).slice().reverse()) {
      const header = kind === 43 ? routing(draw, next) : kind === 44 ? fragmentHeader(draw, next, 0, true) : extension(next, options6(draw));
      chain = [...header, ...chain];
      next = kind;
    }
    return framed(draw, 0x86dd, overIpv6(draw, next, chain));
  },
  'ipv6 length zero': (draw) => {
    const { protocol, payload } = after6(draw);
    const jumbo = draw.chance(0.5);
    const body = jumbo ? [...extension(protocol, [0xc2, 4, ...u32(draw.pick([65536, 70000, 65535]))]), ...payload] : payload;
    return framed(draw, 0x86dd, ipv6(jumbo ? 0 : protocol, body, { payloadLength: 0 }));
  },
  'ipv6 length beyond the frame': (draw) => {
    const { protocol, payload } = after6(draw);
    return ethernet(0x86dd, ipv6(protocol, payload, { payloadLength: payload.length + draw.int(1, 2000) }));
  },
  'ipv6 length too short': (draw) => {
    const { protocol, payload } = after6(draw);
    const withHeader = draw.chance(0.4);
    const body = withHeader ? [...extension(protocol, [1, 12, ...new Array<number>(12).fill(0)]), ...payload] : payload;
    return framed(draw, 0x86dd, ipv6(withHeader ? 60 : protocol, body, { payloadLength: draw.int(1, 24) }));
  },
  'ipv6 wrong version': (draw) => framed(draw, 0x86dd, ipv6(17, datagram(draw, ENDS6), { version: draw.pick([0, 4, 5, 7, 15]) })),
  'ipv6 cut': (draw) => {
    const kind = draw.pick([0, 60, 43, 44, 17]);
    const { protocol, payload } = after6(draw);
    const header = kind === 43 ? routing(draw, protocol) : kind === 44 ? fragmentHeader(draw, protocol, 0, true) : extension(protocol, options6(draw));
    const packet = kind === 17 ? overIpv6(draw, 17, datagram(draw, ENDS6)) : overIpv6(draw, kind, [...header, ...payload]);
    return cut(ethernet(0x86dd, packet), draw.int(14, 80));
  },
};

/* ---- ICMP ---- */

function echo(draw: Draw, ends: Ends | null): Bytes {
  const type = ends === null ? draw.pick([0, 8]) : draw.pick([128, 129]);
  return icmp(ends, type, 0, [...u16(draw.int(0, 65535)), ...u16(draw.int(0, 65535)), ...draw.letters(draw.int(0, 56))], draw.chance(0.15));
}

/** A packet as an error quotes it: whole, or its beginning. */
function quoted4(draw: Draw): Bytes {
  const protocol = draw.pick([6, 17, 17, 1, 253]);
  const packet = overIpv4(draw, protocol, transport4(draw, protocol), ends4(draw));
  return draw.chance(0.5) ? packet.slice(0, 28) : packet;
}

function quoted6(draw: Draw): Bytes {
  const protocol = draw.pick([6, 17, 17, 58, 253]);
  const payload = transport6(draw, protocol);
  const packet = draw.chance(0.3) ? overIpv6(draw, 60, [...extension(protocol, [1, 4, 0, 0, 0, 0]), ...payload]) : overIpv6(draw, protocol, payload, ends6(draw));
  return draw.chance(0.3) ? packet.slice(0, draw.int(40, 60)) : packet;
}

function icmp4(draw: Draw, type: number, code: number, rest: Bytes): Bytes {
  return framed(draw, 0x0800, overIpv4(draw, 1, icmp(null, type, code, rest, draw.chance(0.1)), ends4(draw)));
}

/** RFC 4884: the quotation padded to 128 bytes, then objects under a checksum of their own. */
function extended(draw: Draw): Bytes {
  const quotation = quoted4(draw).slice(0, 128);
  const padded = [...quotation, ...new Array<number>(128 - quotation.length).fill(0)];
  const objects = Array.from({ length: draw.int(0, 3) }, () => {
    const kind = draw.pick([1, 1, 2, 3, 0]);
    const body = kind === 1 ? u32(draw.u32()) : draw.bytes(4 * draw.int(0, 3));
    return [...u16(draw.chance(0.9) ? body.length + 4 : draw.int(0, 40)), kind, draw.pick([1, 1, 1, 2]), ...body];
  }).flat();
  const extension4 = [draw.pick([0x20, 0x20, 0x20, 0x10]), 0, 0, 0, ...objects];
  const sum = draw.chance(0.8) ? checksum(extension4) : 0x1111;
  extension4[2] = sum >> 8;
  extension4[3] = sum & 0xff;
  return [0, draw.pick([0, 32]), 0, 0, ...padded, ...extension4];
}

const ICMP_CLASSES: Record<string, Maker> = {
  'icmp echo': (draw) => framed(draw, 0x0800, overIpv4(draw, 1, echo(draw, null), ends4(draw))),
  'icmp unreachable': (draw) => icmp4(draw, 3, draw.int(0, 17), [0, 0, ...u16(draw.pick([0, 1280, 1500])), ...quoted4(draw)]),
  'icmp port unreachable': (draw) => icmp4(draw, 3, 3, [0, 0, 0, 0, ...quoted4(draw)]),
  'icmp redirect': (draw) => icmp4(draw, 5, draw.int(0, 5), [...draw.pick(ADDRESSES4), ...quoted4(draw)]),
  'icmp time exceeded': (draw) => icmp4(draw, 11, draw.int(0, 3), [0, 0, 0, 0, ...quoted4(draw)]),
  'icmp parameter problem, quench': (draw) => icmp4(draw, draw.pick([4, 12]), draw.int(0, 2), [draw.int(0, 40), 0, 0, 0, ...quoted4(draw)]),
  'icmp router advertisement': (draw) => {
    const count = draw.int(0, 10);
    const entries = Array.from({ length: count }, () => [...draw.pick(ADDRESSES4), ...u32(draw.u32())]).flat();
    return icmp4(draw, draw.pick([9, 9, 9, 10]), 0, [count, draw.pick([2, 2, 2, 3]), ...u16(draw.pick([5, 61, 1800, 9000])), ...entries]);
  },
  'icmp timestamp, mask': (draw) => icmp4(draw, draw.pick([13, 14, 15, 16, 17, 18]), 0, [...u16(draw.int(0, 65535)), ...u16(7), ...u32(draw.u32()), ...u32(draw.int(0, 86399999)), ...u32(draw.u32())]),
  'icmp unknown type': (draw) => icmp4(draw, draw.pick([1, 2, 6, 7, 19, 40, 42, 43, 255]), draw.int(0, 3), draw.bytes(draw.int(4, 20))),
  'icmp extensions': (draw) => icmp4(draw, draw.pick([3, 11, 12]), draw.pick([0, 1]), extended(draw)),
  'icmp wrong quotation': (draw) => {
    const quotation = quoted4(draw);
    const field = draw.pick([0, 2, 3]);
    quotation[field] = draw.int(0, 255);
    return icmp4(draw, draw.pick([3, 11]), draw.pick([0, 1, 3]), [0, 0, 0, 0, ...quotation]);
  },
  'icmp cut': (draw) => {
    const message = icmp(null, draw.pick([0, 3, 3, 5, 9, 11, 12, 14, 18]), draw.int(0, 4), [2, 2, 0, 9, ...quoted4(draw)]);
    return cut(ethernet(0x0800, overIpv4(draw, 1, message)), draw.int(34, 80));
  },
  'icmp extensions cut': (draw) => {
    const frame = ethernet(0x0800, overIpv4(draw, 1, icmp(null, draw.pick([3, 11]), 1, extended(draw))));
    return cut(frame, draw.int(160, frame.length));
  },
};

/* ---- ICMPv6 ---- */

function icmp6(draw: Draw, type: number, code: number, rest: Bytes): Bytes {
  const ends = ends6(draw);
  return framed(draw, 0x86dd, overIpv6(draw, 58, icmp(ends, type, code, rest, draw.chance(0.1)), ends));
}

function ndOption(type: number, body: Bytes): Bytes {
  const padded = [...body];
  while ((padded.length + 2) % 8 !== 0) padded.push(0);
  return [type, (padded.length + 2) / 8, ...padded];
}

function domainName(draw: Draw): Bytes {
  const labels = Array.from({ length: draw.int(1, 3) }, () => draw.letters(draw.int(1, 12)));
  return [...labels.flatMap((label) => [label.length, ...label]), 0];
}

/** Draws a flag, so that each kind of option can be asked for by name. */
const ND_OPTIONS: Record<string, (draw: Draw) => Bytes> = {
  'source, target address': (draw) => ndOption(draw.pick([1, 2]), draw.bytes(draw.pick([6, 6, 14]))),
  prefix: (draw) => [3, draw.pick([4, 4, 4, 5]), draw.int(0, 128), draw.pick([0, 0xc0, 0xe0, 0x80]), ...u32(draw.pick([0xffffffff, 3600])), ...u32(draw.u32()), 0, 0, 0, 0, ...address6(draw)],
  'redirected header': (draw) => ndOption(4, [0, 0, 0, 0, 0, 0, ...quoted6(draw)]),
  mtu: (draw) => [5, draw.pick([1, 1, 2]), 0, 0, ...u32(draw.int(1280, 9000)), ...new Array<number>(8).fill(0)].slice(0, 16),
  'advertisement interval': (draw) => [7, 1, 0, 0, ...u32(draw.u32())],
  'home agent': (draw) => [8, 1, 0, 0, ...u16(draw.int(0, 65535)), ...u16(draw.int(0, 65535))],
  route: (draw) => {
    const units = draw.pick([1, 2, 3, 3, 4]);
    return [24, units, draw.int(0, 128), draw.pick([0, 8, 0x18, 0x10]), ...u32(draw.pick([0xffffffff, 1800])), ...address6(draw), ...draw.bytes(8)].slice(0, 8 * units);
  },
  'name servers': (draw) => [25, ...((count) => [1 + 2 * count, 0, 0, ...u32(draw.u32()), ...Array.from({ length: count }, () => address6(draw)).flat()])(draw.int(1, 2))],
  'search list': (draw) => {
    const names = Array.from({ length: draw.int(1, 3) }, () => domainName(draw)).flat();
    const broken = draw.pick([[], [], [], [0xc0, 8], [0xc0, 200], [0x80, 1], [0x42, 1], [0x41, 12, 0xab, 0xcd, 0]]);
    return ndOption(31, [0, 0, ...u32(draw.u32()), ...broken, ...names]);
  },
  unknown: (draw) => ndOption(draw.pick([6, 9, 14, 38, 200]), draw.bytes(draw.int(1, 20))),
  'without length': () => [1, 0, 0, 0, 0, 0, 0, 0],
};

/** The message that an option travels in, with another option after it now and then. */
function ndMessage(draw: Draw, option: Bytes): Bytes {
  const options = draw.chance(0.4) ? [...option, ...ndOption(1, draw.bytes(6))] : option;
  const type = draw.int(133, 137);
  const flags = draw.int(0, 255);
  switch (type) {
    case 133:
      return icmp6(draw, type, 0, [0, 0, 0, 0, ...options]);
    case 134:
      return icmp6(draw, type, 0, [draw.int(0, 255), flags, ...u16(draw.int(0, 65535)), ...u32(draw.u32()), ...u32(draw.u32()), ...options]);
    case 137:
      return icmp6(draw, type, 0, [0, 0, 0, 0, ...address6(draw), ...address6(draw), ...options]);
    default:
      return icmp6(draw, type, 0, [flags, 0, 0, 0, ...address6(draw), ...options]);
  }
}

function mldReport(draw: Draw): Bytes {
  const groups = Array.from({ length: draw.int(0, 3) }, () => {
    const sources = Array.from({ length: draw.int(0, 2) }, () => address6(draw));
    const count = draw.chance(0.9) ? sources.length : 99;
    return [draw.int(0, 7), 0, ...u16(count), ...address6(draw), ...sources.flat()];
  });
  return icmp6(draw, 143, 0, [0, 0, ...u16(draw.chance(0.9) ? groups.length : 50), ...groups.flat()]);
}

const ICMP6_CLASSES: Record<string, Maker> = {
  'icmp6 echo': (draw) => framed(draw, 0x86dd, overIpv6(draw, 58, echo(draw, ENDS6))),
  'icmp6 unreachable': (draw) => icmp6(draw, 1, draw.int(0, 7), [0, 0, 0, 0, ...quoted6(draw)]),
  'icmp6 port unreachable': (draw) => icmp6(draw, 1, 4, [0, 0, 0, 0, ...quoted6(draw)]),
  'icmp6 too big': (draw) => icmp6(draw, 2, 0, [...u32(draw.int(0, 9000)), ...quoted6(draw)]),
  'icmp6 time exceeded': (draw) => icmp6(draw, 3, draw.int(0, 3), [0, 0, 0, 0, ...quoted6(draw)]),
  'icmp6 parameter problem': (draw) => icmp6(draw, 4, draw.int(0, 5), [...u32(draw.int(0, 100)), ...quoted6(draw)]),
  'icmp6 home agents': (draw) =>
    draw.chance(0.5)
      ? icmp6(draw, draw.pick([144, 146]), 0, [...u16(draw.int(0, 65535)), 0, 0])
      : icmp6(draw, draw.pick([145, 147]), 0, [...u16(draw.int(0, 65535)), ...u16(draw.pick([0, 0x8000, 0xc000])), ...draw.pick([[], ndOption(1, draw.bytes(6)), address6(draw)])]),
  'icmp6 inverse discovery': (draw) => icmp6(draw, draw.pick([141, 142]), 0, draw.bytes(12)),
  'icmp6 unknown type': (draw) => icmp6(draw, draw.pick([0, 5, 100, 127, 148, 160, 200, 201, 255]), draw.int(0, 3), draw.bytes(draw.int(0, 40))),
  'icmp6 empty': (draw) => framed(draw, 0x86dd, overIpv6(draw, 58, [])),
  'mld 1': (draw) => icmp6(draw, draw.pick([130, 131, 132]), 0, [...u16(draw.int(0, 20000)), 0, 0, ...address6(draw)].slice(0, draw.pick([20, 20, 20, 12]))),
  'mld 2 query': (draw) => {
    const sources = Array.from({ length: draw.int(0, 2) }, () => address6(draw));
    const count = draw.chance(0.9) ? sources.length : 77;
    return icmp6(draw, 130, 0, [...u16(draw.int(0, 65535)), 0, 0, ...address6(draw), draw.int(0, 255), draw.int(0, 255), ...u16(count), ...sources.flat()]);
  },
  'mld 2 report': mldReport,
  'nd without options': (draw) => ndMessage(draw, []),
  'nd wrong option length': (draw) => {
    const option = ND_OPTIONS[draw.pick(Object.keys(ND_OPTIONS))](draw);
    option[1] = draw.int(0, 9);
    return ndMessage(draw, option);
  },
  'nd cut': (draw) => {
    const frame = ndMessage(draw, ND_OPTIONS[draw.pick(Object.keys(ND_OPTIONS))](draw));
    return cut(frame, draw.int(54, frame.length));
  },
  'icmp6 cut': (draw) => {
    const frame = icmp6(draw, draw.pick([1, 1, 2, 3, 4, 128, 130, 131, 143, 145]), draw.int(0, 4), [0, 0, 0, 1, ...quoted6(draw)]);
    return cut(frame, draw.int(54, Math.min(frame.length, 120)));
  },
};
for (const [name, make] of Object.entries(ND_OPTIONS)) ICMP6_CLASSES[`nd option ${name}`] = (draw) => ndMessage(draw, make(draw));

/* ---- IGMP ---- */

function igmp(draw: Draw, type: number, code: number, rest: Bytes): Bytes {
  return framed(draw, 0x0800, overIpv4(draw, 2, icmp(null, type, code, rest, draw.chance(0.1)), ENDS4));
}

const IGMP_CLASSES: Record<string, Maker> = {
  'igmp 1, 2': (draw) => igmp(draw, draw.pick([0x11, 0x11, 0x12, 0x16, 0x17]), draw.pick([0, 100, 50]), [...draw.pick(ADDRESSES4), ...draw.pick([[], [], [1, 2]])]),
  'igmp 3 query': (draw) => {
    const sources = draw.int(0, 2);
    return igmp(draw, 0x11, draw.int(0, 255), [...draw.pick(ADDRESSES4), 0, 5, ...u16(draw.chance(0.9) ? sources : 9), ...addresses4(draw, sources), ...draw.pick([[], [], [1]])]);
  },
  'igmp 3 report': (draw) => {
    const groups = Array.from({ length: draw.int(1, 3) }, () => {
      const sources = draw.int(0, 2);
      return [draw.int(0, 7), 0, ...u16(draw.chance(0.9) ? sources : 33), ...draw.pick(ADDRESSES4), ...addresses4(draw, sources)];
    });
    return igmp(draw, 0x22, 0, [0, 0, ...u16(draw.chance(0.9) ? groups.length : 9), ...groups.flat()]);
  },
  'igmp others': (draw) => igmp(draw, draw.pick([0x1e, 0x1f, 0x30, 0]), 0, [...draw.pick(ADDRESSES4), ...addresses4(draw, 3), draw.int(0, 255), ...draw.bytes(3)].slice(0, draw.pick([20, 20, 8]))),
  'igmp cut': (draw) => cut(igmp(draw, draw.pick([0x11, 0x12, 0x16, 0x22, 0x1f]), 20, [...draw.bytes(28)]), draw.int(34, 58)),
};

/* ---- UDP ---- */

const UDP_CLASSES: Record<string, Maker> = {
  udp: (draw) => overEither(draw, 17, (ends) => datagram(draw, ends)),
  'udp wrong length': (draw) =>
    overEither(draw, 17, (ends) => udp(ends, { sourcePort: draw.pick(PORTS), destinationPort: draw.pick(PORTS), length: draw.pick([0, 1, 7, 8, 9, 20, 100, 65535]) }, draw.letters(draw.int(0, 30)))),
  'udp too short': (draw) => overEither(draw, 17, (ends) => datagram(draw, ends).slice(0, draw.int(0, 7))),
  'udp cut': (draw) => {
    const frame = overEither(draw, 17, (ends) => datagram(draw, ends));
    return cut(frame, draw.int(34, Math.min(70, frame.length)));
  },
};

/* ---- TCP ---- */

function tcpOption(kind: number, body: Bytes, length = body.length + 2): Bytes {
  return [kind, length, ...body];
}

const TCP_OPTIONS: Record<string, (draw: Draw) => Bytes> = {
  'eol, nop': (draw) => draw.pick([[1], [1, 1], [0], [1, 0, 7, 7], [0, 1, 1, 1]]),
  mss: (draw) => tcpOption(2, u16(draw.int(0, 65535))),
  wscale: (draw) => tcpOption(3, [draw.int(0, 255)]),
  'sack ok': () => tcpOption(4, []),
  sack: (draw) => tcpOption(5, Array.from({ length: draw.int(0, 4) }, () => [...u32((0x12345000 + draw.int(0, 9999)) >>> 0), ...u32((0x12345000 + draw.int(0, 9999)) >>> 0)]).flat()),
  'sack odd': (draw) => tcpOption(5, draw.bytes(draw.int(1, 20))),
  'echo, cc': (draw) => tcpOption(draw.pick([6, 7, 11, 12, 13]), u32(draw.u32())),
  timestamps: (draw) => tcpOption(8, [...u32(draw.u32()), ...u32(draw.u32())]),
  md5: (draw) => tcpOption(19, draw.bytes(16)),
  scps: (draw) => tcpOption(20, draw.bytes(2)),
  'user timeout': (draw) => tcpOption(28, u16(draw.int(0, 65535))),
  'tcp-ao': (draw) => tcpOption(29, draw.bytes(draw.int(0, 18))),
  'fast open': (draw) => tcpOption(34, draw.bytes(draw.pick([0, 4, 8, 16, 3, 18, 7]))),
  'fast open experimental': (draw) => tcpOption(254, [0xf9, 0x89, ...draw.bytes(draw.pick([0, 4, 8, 16, 5]))]),
  experimental: (draw) => tcpOption(254, draw.bytes(draw.int(0, 8))),
  mptcp: (draw) => {
    const subtype = draw.int(0, 9);
    const length = draw.pick([1, 2, 6, 8, 10, 14, 16, 18, 20, 22, 26, 28]);
    return tcpOption(30, [(subtype << 4) | draw.int(0, 7), ...draw.bytes(length - 1)]);
  },
  'mptcp signal': (draw) => {
    const wide = draw.int(0, 3);
    const mapping = draw.chance(0.5);
    const flags = (draw.chance(0.3) ? 0x10 : 0) | 1 | ((wide & 1) << 1) | (mapping ? 4 | ((wide & 2) << 2) : 0);
    return tcpOption(30, [0x20, flags, ...draw.bytes((wide & 1) !== 0 ? 8 : 4), ...(mapping ? draw.bytes(((wide & 2) !== 0 ? 8 : 4) + draw.pick([6, 8])) : [])]);
  },
  unknown: (draw) => tcpOption(draw.pick([9, 10, 14, 27, 31, 99, 253, 255]), draw.bytes(draw.int(0, 12))),
};

function withTcpOption(draw: Draw, option: Bytes): Bytes {
  const options = [...(draw.chance(0.5) ? [1] : []), ...option, ...(draw.chance(0.4) ? tcpOption(3, [7]) : [])].slice(0, 40);
  return overEither(draw, 6, (ends) => segment(draw, ends, options));
}

const TCP_CLASSES: Record<string, Maker> = {
  tcp: (draw) => overEither(draw, 6, (ends) => segment(draw, ends)),
  'tcp conversation': (draw) => overEither(draw, 6, () => segment(draw, ENDS4, [1, 1, ...tcpOption(8, draw.bytes(8))], { sourcePort: 40000, destinationPort: 9502 })),
  'tcp syn': (draw) =>
    overEither(draw, 6, (ends) => segment(draw, ends, [2, 4, 5, 0xb4, 4, 2, 8, 10, ...draw.bytes(4), 0, 0, 0, 0, 1, 3, 3, 7], { flags: draw.pick([2, 0x12]) })),
  'tcp reset text': (draw) => overEither(draw, 6, (ends) => tcp(ends, { ...segmentFields(draw), flags: draw.pick([4, 0x14]) }, draw.bytes(draw.int(1, 50)))),
  'tcp wrong header length': (draw) => overEither(draw, 6, (ends) => segment(draw, ends, draw.pick([[], [2, 4, 5, 0xb4]]), { dataOffset: draw.int(0, 15) })),
  'tcp wrong option length': (draw) => {
    const option = TCP_OPTIONS[draw.pick(Object.keys(TCP_OPTIONS))](draw);
    if (option.length > 1) option[1] = draw.pick([0, 1, 2, 3, 4, 5, 9, 12, 40, 255]);
    return withTcpOption(draw, option);
  },
  'tcp too short': (draw) => overEither(draw, 6, (ends) => segment(draw, ends).slice(0, draw.int(0, 19))),
  'tcp cut': (draw) => {
    const frame = overEither(draw, 6, (ends) => segment(draw, ends));
    return cut(frame, draw.int(34, Math.min(90, frame.length)));
  },
  'tcp options cut': (draw) => {
    const frame = withTcpOption(draw, TCP_OPTIONS[draw.pick(Object.keys(TCP_OPTIONS))](draw));
    return cut(frame, draw.int(54, Math.min(110, frame.length)));
  },
};
for (const [name, make] of Object.entries(TCP_OPTIONS)) TCP_CLASSES[`tcp option ${name}`] = (draw) => withTcpOption(draw, make(draw));

/* ---- Other link types ---- */

function cooked(draw: Draw): Bytes {
  const { type, payload } = cookedPayload(draw);
  return [...u16(draw.int(0, 5)), 0, 1, ...u16(draw.pick([6, 6, 0])), ...draw.bytes(6), 0, 0, ...u16(type), ...payload];
}

function cooked2(draw: Draw): Bytes {
  const { type, payload } = cookedPayload(draw);
  return [...u16(type), 0, 0, ...u32(draw.pick([0, 4000000])), 0, 1, draw.int(0, 5), draw.pick([6, 6, 0]), ...draw.bytes(6), 0, 0, ...payload];
}

function cookedPayload(draw: Draw): { type: number; payload: Bytes } {
  switch (draw.int(0, 5)) {
    case 0: {
      const { type, payload } = inner(draw);
      return { type: 0x8100, payload: [...u16(draw.int(0, 65535)), ...u16(type), ...payload] };
    }
    case 1:
      return { type: draw.pick([4, 4, 0, 9]), payload: draw.chance(0.5) ? llc(draw) : snap(draw) };
    default:
      return inner(draw);
  }
}

function rawPacket(draw: Draw): Bytes {
  const frame = draw.chance(0.5) ? overIpv4(draw, 6, segment(draw, ENDS4)) : overIpv6(draw, 17, datagram(draw, ENDS6));
  if (draw.chance(0.1)) frame[0] = draw.int(0, 255);
  return frame;
}

function withFamily(draw: Draw): Bytes {
  const family = draw.pick([2, 2, 24, 28, 30, 0, 99, 6]);
  const packet = family === 2 ? overIpv4(draw, 17, datagram(draw, ENDS4)) : overIpv6(draw, 6, segment(draw, ENDS6));
  const order = u32(family);
  return [...(draw.chance(0.5) ? order : order.reverse()), ...packet];
}

function cutSometimes(draw: Draw, bytes: Bytes, least: number): MadePacket | Bytes {
  return draw.chance(0.25) ? cut(bytes, draw.int(1, Math.min(least, bytes.length))) : bytes;
}

/** A packet of any class with a few wrong bytes. */
function damaged(draw: Draw, makers: Record<string, Maker>): MadePacket {
  const names = Object.keys(makers);
  return staying(() => {
    const made = makers[draw.pick(names)](draw);
    const packet = Array.isArray(made) ? { bytes: made, length: made.length } : made;
    for (let i = draw.int(1, 4); i > 0; i--) packet.bytes[draw.int(0, packet.bytes.length - 1)] = draw.int(0, 255);
    return packet;
  });
}

/** A packet drawn again while its random bytes wander into a protocol that is left out. */
function staying(drawPacket: () => MadePacket): MadePacket {
  for (let leftOut = 0; ; leftOut++) {
    const packet = drawPacket();
    // With -v a header whose options are wrong is the end; without, they are not looked at, and what follows is.
    const texts = [0, 1].map((verbose) => new TcpdumpPrinter({ verbose, linkHeader: true }).format(1, 0, Uint8Array.from(packet.bytes), packet.length));
    if (!texts.some(leadsElsewhere)) return { ...packet, leftOut };
  }
}

function classesOf(linkType: number, makers: Record<string, Maker>): PacketClass[] {
  return Object.entries(makers).map(([name, make]) => ({ name, linkType, make }));
}

const DAMAGED_CLASSES: Record<string, Maker> = Object.fromEntries(
  Object.entries({ ethernet: ETHERNET_CLASSES, arp: ARP_CLASSES, ipv4: IPV4_CLASSES, ipv6: IPV6_CLASSES, icmp: ICMP_CLASSES, icmp6: ICMP6_CLASSES, igmp: IGMP_CLASSES, udp: UDP_CLASSES, tcp: TCP_CLASSES }).map(
    ([name, makers]): [string, Maker] => [`${name} with wrong bytes`, (draw) => damaged(draw, makers)],
  ),
);

export const PACKET_CLASSES: readonly PacketClass[] = [
  ...classesOf(1, { ...ETHERNET_CLASSES, ...ARP_CLASSES, ...IPV4_CLASSES, ...IPV6_CLASSES }),
  ...classesOf(1, { ...ICMP_CLASSES, ...ICMP6_CLASSES, ...IGMP_CLASSES, ...UDP_CLASSES, ...TCP_CLASSES }),
  ...classesOf(1, DAMAGED_CLASSES),
  ...classesOf(113, { cooked: (draw) => cutSometimes(draw, cooked(draw), 40) }),
  ...classesOf(276, { 'cooked 2': (draw) => cutSometimes(draw, cooked2(draw), 44) }),
  ...classesOf(101, { raw: (draw) => cutSometimes(draw, rawPacket(draw), 60) }),
  ...classesOf(228, { 'raw ipv4': (draw) => overIpv4(draw, 6, segment(draw, ENDS4)) }),
  ...classesOf(229, { 'raw ipv6': (draw) => overIpv6(draw, 17, datagram(draw, ENDS6)) }),
  ...classesOf(0, { 'null family': (draw) => cutSometimes(draw, withFamily(draw), 60) }),
  ...classesOf(108, { 'loop family': (draw) => cutSometimes(draw, withFamily(draw), 60) }),
];

/** Cuts the frame's own length too now and then: then lengths disagree rather than bytes being missing. */
function shorten(draw: Draw, made: MadePacket | Bytes): MadePacket {
  const packet = Array.isArray(made) ? { bytes: made, length: made.length } : made;
  return draw.chance(0.05) ? { ...packet, length: packet.bytes.length } : packet;
}

/** `count` packets, the classes in turn; the same seed gives the same packets. */
export function generatePackets(seed: string, count: number): GeneratedPacket[] {
  const draw = new Draw(new SeededRandom(seed));
  const packets: GeneratedPacket[] = [];
  let timeUs = 1_700_000_000_000_000;
  for (let i = 0; i < count; i++) {
    const { name, linkType, make } = PACKET_CLASSES[i % PACKET_CLASSES.length];
    // Time goes back now and then, as it does in captures of several interfaces.
    timeUs += draw.chance(0.05) ? -draw.int(0, 2_000_000) : draw.int(0, 3_000_000);
    packets.push({ className: name, linkType, timeUs, ...shorten(draw, make(draw)) });
  }
  return packets;
}
