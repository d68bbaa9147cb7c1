/**
 * TCP segments as a test writes and reads them: frames from plain values, and plain values from frames.
 *
 * Used by tcp-trace.ts. Sequence numbers are absolute here.
 */
import { finish, pseudoHeaderSum4, pseudoHeaderSum6, sumView } from '../../src/base/checksum.ts';
import type { IpAddress } from '../../src/base/inet-address.ts';
import { ETHERNET_HEADER_LEN, EtherType, writeEthernetHeader } from '../../src/wire/ethernet.ts';
import { Ipv4Fragment, Ipv4Header, ipv4ChecksumOk, writeIpv4Header } from '../../src/wire/ipv4.ts';
import { Ipv6Header, writeIpv6Header } from '../../src/wire/ipv6.ts';
import { IpProto } from '../../src/wire/protocols.ts';
import { TCP_HEADER_LEN, TcpHeader, TcpOptions, writeTcpHeader } from '../../src/wire/tcp.ts';
import { PEER_MAC_HI, PEER_MAC_LO } from './scripted-device.ts';

/** The letters that tcpdump prints, in its order, with their bits. */
const FLAG_LETTERS = 'FSRP.UEW';

/** Flag bits of letters: 'S.' is SYN and ACK. */
export function flagBits(letters: string): number {
  let bits = 0;
  for (const letter of letters) {
    const at = FLAG_LETTERS.indexOf(letter);
    if (at < 0) throw new TypeError(`no such flag: ${letter}`);
    bits |= 1 << at;
  }
  return bits;
}

export function flagLetters(bits: number): string {
  return [...FLAG_LETTERS].filter((_, at) => (bits & (1 << at)) !== 0).join('');
}

/** Options of a segment; what is left out is not sent. */
export interface SegmentOptions {
  mss?: number;
  wscale?: number;
  sackOk?: boolean;
  /** Value and echo; null leaves the option out where it would be sent. */
  ts?: readonly [number, number] | null;
  /** Blocks, left and right edge. */
  sack?: readonly (readonly [number, number])[];
  /** Bytes that stand in place of all of these. */
  raw?: Uint8Array;
}

export interface FrameShape {
  from: IpAddress;
  to: IpAddress;
  fromPort: number;
  toPort: number;
  toMacHi: number;
  toMacLo: number;
  seq: number;
  ack: number;
  flags: number;
  window: number;
  urgent: number;
  options: SegmentOptions;
  data: Uint8Array;
  /** Leaves the checksum wrong by one. */
  badChecksum: boolean;
}

const NO_BYTES = new Uint8Array(0);

function optionBytes(options: SegmentOptions): Uint8Array {
  if (options.raw !== undefined) return options.raw;
  const o = new TcpOptions();
  o.clear();
  o.mss = options.mss ?? 0;
  o.windowScale = options.wscale ?? -1;
  o.sackPermitted = options.sackOk ?? false;
  if (options.ts) {
    o.timestamps = true;
    [o.tsVal, o.tsEcr] = options.ts as [number, number];
  }
  (options.sack ?? []).forEach(([left, right], i) => {
    o.sackEdges[2 * i] = left;
    o.sackEdges[2 * i + 1] = right;
    o.sackCount = i + 1;
  });
  if (o.length === 0) return NO_BYTES;
  const bytes = new Uint8Array(o.length);
  o.write(new DataView(bytes.buffer), 0);
  return bytes;
}

/** An Ethernet frame with one segment. */
export function tcpFrame(shape: FrameShape): Uint8Array {
  const options = optionBytes(shape.options);
  const isV4 = shape.from.isV4;
  const ipLen = isV4 ? 20 : 40;
  const headerLen = TCP_HEADER_LEN + options.length;
  const l4Len = headerLen + shape.data.length;
  const l3 = ETHERNET_HEADER_LEN;
  const l4 = l3 + ipLen;
  const bytes = new Uint8Array(l4 + l4Len);
  const view = new DataView(bytes.buffer);
  const { from, to } = shape;
  writeEthernetHeader(view, 0, shape.toMacHi, shape.toMacLo, PEER_MAC_HI, PEER_MAC_LO, isV4 ? EtherType.Ipv4 : EtherType.Ipv6);
  if (isV4) writeIpv4Header(view, l3, ipLen + l4Len, 0, 0, Ipv4Fragment.DontFragment, 64, IpProto.Tcp, from.d, to.d);
  else writeIpv6Header(view, l3, l4Len, 0, 0, IpProto.Tcp, 64, from.a, from.b, from.c, from.d, to.a, to.b, to.c, to.d);
  bytes.set(options, l4 + TCP_HEADER_LEN);
  bytes.set(shape.data, l4 + headerLen);
  const pseudo = isV4
    ? pseudoHeaderSum4(from.d, to.d, IpProto.Tcp, l4Len)
    : pseudoHeaderSum6(from.a, from.b, from.c, from.d, to.a, to.b, to.c, to.d, IpProto.Tcp, l4Len);
  const dataSum = sumView(view, l4 + headerLen, bytes.length, 0);
  writeTcpHeader(
    view, l4, shape.fromPort, shape.toPort, shape.seq, shape.ack, headerLen, shape.flags, shape.window, shape.urgent,
    pseudo, dataSum,
  );
  if (shape.badChecksum) view.setUint16(l4 + 16, view.getUint16(l4 + 16) ^ 1);
  return bytes;
}

/** A segment that the host sent, absolute numbers. */
export interface SentSegment {
  fromPort: number;
  toPort: number;
  seq: number;
  ack: number;
  flags: string;
  window: number;
  urgent: number;
  mss: number;
  wscale: number;
  sackOk: boolean;
  ts: [number, number] | null;
  sack: [number, number][];
  data: Uint8Array;
  /** The bytes of the options, as they stand. */
  optionBytes: Uint8Array;
  ttl: number;
  dontFragment: boolean;
}

/** Reads a frame; null when it is not TCP. Throws when anything about it is unsound. */
export function readTcpFrame(bytes: Uint8Array): SentSegment | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const l3 = ETHERNET_HEADER_LEN;
  const type = view.getUint16(12);
  let l4: number;
  let l4Len: number;
  let pseudo: number;
  let ttl: number;
  let dontFragment = true;
  if (type === EtherType.Ipv4) {
    const ip = new Ipv4Header();
    if (!ip.parse(view, l3, bytes.length, bytes.length - l3)) throw new Error('a malformed IPv4 header was sent');
    if (!ipv4ChecksumOk(view, l3, ip.headerLen)) throw new Error('a wrong IPv4 checksum was sent');
    if (ip.protocol !== IpProto.Tcp) return null;
    l4 = l3 + ip.headerLen;
    l4Len = ip.payloadLen;
    pseudo = pseudoHeaderSum4(ip.src, ip.dst, IpProto.Tcp, l4Len);
    ttl = ip.ttl;
    dontFragment = ip.dontFragment;
  } else if (type === EtherType.Ipv6) {
    const ip = new Ipv6Header();
    if (!ip.parse(view, l3, bytes.length, bytes.length - l3)) throw new Error('a malformed IPv6 header was sent');
    if (ip.nextHeader !== IpProto.Tcp) return null;
    l4 = l3 + 40;
    l4Len = ip.payloadLen;
    pseudo = pseudoHeaderSum6(
      ip.srcA, ip.srcB, ip.srcC, ip.srcD, ip.dstA, ip.dstB, ip.dstC, ip.dstD, IpProto.Tcp, l4Len,
    );
    ttl = ip.hopLimit;
  } else {
    return null;
  }
  if (finish(sumView(view, l4, l4 + l4Len, pseudo)) !== 0) throw new Error('a wrong TCP checksum was sent');
  const tcp = new TcpHeader();
  if (!tcp.parse(view, l4, bytes.length, l4Len)) throw new Error('a malformed TCP header was sent');
  const sack: [number, number][] = [];
  for (let i = 0; i < tcp.sackCount; i++) {
    sack.push([tcp.sackEdges[2 * i] as number, tcp.sackEdges[2 * i + 1] as number]);
  }
  return {
    fromPort: tcp.srcPort,
    toPort: tcp.dstPort,
    seq: tcp.seq,
    ack: tcp.ack,
    flags: flagLetters(tcp.flags),
    window: tcp.window,
    urgent: tcp.urgent,
    mss: tcp.mss,
    wscale: tcp.windowScale,
    sackOk: tcp.sackPermitted,
    ts: tcp.hasTimestamps ? [tcp.tsVal, tcp.tsEcr] : null,
    sack,
    data: bytes.slice(l4 + tcp.headerLen, l4 + l4Len),
    optionBytes: bytes.slice(l4 + TCP_HEADER_LEN, l4 + tcp.headerLen),
    ttl,
    dontFragment,
  };
}
