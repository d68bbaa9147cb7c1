/**
 * For tests of this room: a host with a device whose frames the test writes and reads itself, and a clock that the test
 * moves.
 */
import { HostContext } from '../base/host-context.ts';
import { IpAddress } from '../base/inet-address.ts';
import { Loop } from '../base/loop.ts';
import { SeededRandom } from '../base/random.ts';
import type { ChunkWriter } from '../base/slab.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { Device } from '../link/device.ts';
import { ChecksumState, type Packet, takePacket } from '../link/packet.ts';
import { completeChecksum } from '../link/segment.ts';
import { BROADCAST_MAC_HI, BROADCAST_MAC_LO, EtherType, writeEthernetHeader } from '../wire/ethernet.ts';
import { writeIpv4Header } from '../wire/ipv4.ts';
import { writeIpv6Header } from '../wire/ipv6.ts';
import { writeArp } from '../wire/arp.ts';
import { finish, fold, pseudoHeaderSum4, pseudoHeaderSum6, sumView } from '../base/checksum.ts';
import { NeighbourState, Override } from './neighbour.ts';
import { Network } from './network.ts';
import type { IcmpErrorReport, TransportInput } from './transport-input.ts';

const TCP_CHECKSUM = 16;

/** Keeps what it should send, as bytes. */
export class ProbeDevice extends Device {
  readonly sent: { at: number; bytes: Uint8Array }[] = [];
  private readonly loop: Loop;

  constructor(loop: Loop, name = 'eth0') {
    super(name);
    this.loop = loop;
  }

  override transmit(p: Packet): void {
    if (!this.sending(p)) return;
    if (p.gsoSize === 0) completeChecksum(p);
    this.sent.push({ at: this.loop.now, bytes: p.toBytes() });
    p.release();
  }

  /** A frame arrives. */
  inject(bytes: Uint8Array): void {
    const p = takePacket();
    p.ensureHead(p.head + bytes.length);
    p.bytes.set(bytes, p.put(bytes.length));
    this.received(p);
  }

  /**
   * A TCP super-segment arrives as from a device with offload: `linear` bytes in the head, the rest in ranges, the
   * transport header (whose checksum field holds the pseudo-header's sum) at `l4`.
   */
  injectSegment(bytes: Uint8Array, linear: number, l4: number, gsoSize: number, writer: ChunkWriter): void {
    const p = takePacket();
    p.bytes.set(bytes.subarray(0, linear), p.put(linear));
    p.addBytes(bytes, linear, bytes.length - linear, writer);
    p.l4 = p.head + l4;
    p.checksumState = ChecksumState.Partial;
    p.checksumOffset = TCP_CHECKSUM;
    p.gsoSize = gsoSize;
    this.received(p);
  }
}

export interface SeenDatagram {
  readonly bytes: Uint8Array;
  readonly tos: number;
  readonly frameFor: number;
}

/** Stands where the transports are, and has none of those that hear of every packet. */
export abstract class BareTransport {
  icmpAdvice(): void {}

  echoReply(): boolean {
    return false;
  }

  rawInput(): boolean {
    return false;
  }
}

/** Stands where the transports are: keeps what comes up. `answer` sees a datagram before it is released. */
export class ProbeTransport extends BareTransport implements TransportInput {
  readonly udp: SeenDatagram[] = [];
  readonly tcp: Uint8Array[] = [];
  readonly errors: { errno: number; fatal: boolean; mtu: number; protocol: number; local: string; remote: string }[] = [];
  answer: ((p: Packet) => void) | null = null;

  tcpInput(p: Packet): void {
    this.tcp.push(p.toBytes());
    p.release();
  }

  udpInput(p: Packet): void {
    this.udp.push({ bytes: p.toBytes(), tos: p.tos, frameFor: p.frameFor });
    if (this.answer !== null) this.answer(p);
    p.release();
  }

  icmpError(report: IcmpErrorReport): void {
    this.errors.push({
      errno: report.errno, fatal: report.fatal, mtu: report.mtuBytes, protocol: report.protocol,
      local: new IpAddress(report.localA, report.localB, report.localC, report.localD).toString(),
      remote: new IpAddress(report.remoteA, report.remoteB, report.remoteC, report.remoteD).toString(),
    });
  }
}

/** The host's MAC is 02:00:00:00:00:01, the peer's (that the test plays) 02:00:00:00:00:99. */
export const HOST_MAC = 1;
export const PEER_MAC = 0x99;

export interface Probe {
  readonly loop: Loop;
  readonly network: Network;
  readonly device: ProbeDevice;
  readonly transport: ProbeTransport;
  run(us: number): void;
  /** What was sent since the last call. */
  take(): Uint8Array[];
}

/** A host with 192.0.2.1/24 and 2001:db8::1/64, without duplicate address detection. */
export function probe(seed = 'net', configure: (network: Network) => void = () => {}): Probe {
  const clock = new VirtualClock(new SeededRandom(seed), () => {});
  const loop = new Loop(clock);
  const network = new Network(new HostContext(loop, new SeededRandom(seed)));
  const device = new ProbeDevice(loop);
  const transport = new ProbeTransport();
  configure(network);
  network.transport = transport;
  device.macHi = 0x0200;
  device.macLo = HOST_MAC;
  network.settings.ipv6AcceptDad = 0;
  network.attach(device);
  network.addAddress(device, IpAddress.from('192.0.2.1'), 24);
  network.addAddress(device, IpAddress.from('2001:db8::1'), 64);
  const run = (us: number): void => runUntil(loop, clock, loop.now + us);
  const take = (): Uint8Array[] => device.sent.splice(0).map((frame) => frame.bytes);
  // The memberships' first reports.
  run(3e6);
  take();
  return { loop, network, device, transport, run, take };
}

/** A host between two networks: 192.0.2.0/24 and 2001:db8::/64 on eth0, 198.51.100.0/24 and 2001:db8:2::/64 on eth1. */
export interface RouterProbe extends Probe {
  readonly second: ProbeDevice;
  /** What left by eth1 since the last call. */
  takeSecond(): Uint8Array[];
}

/** The peers .9 and ::9 on both links are known; forwarding is on. */
export function routerProbe(seed = 'router'): RouterProbe {
  const t = probe(seed);
  const { network, loop } = t;
  const second = new ProbeDevice(loop, 'eth1');
  second.macHi = 0x0200;
  second.macLo = HOST_MAC + 1;
  network.attach(second);
  network.addAddress(second, IpAddress.from('198.51.100.1'), 24);
  network.addAddress(second, IpAddress.from('2001:db8:2::1'), 64);
  for (const name of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding']) network.settings.set(name, 1);
  const peers = [[t.device, '192.0.2.9', '2001:db8::9'], [second, '198.51.100.9', '2001:db8:2::9']] as const;
  for (const [device, four, six] of peers) {
    for (const [table, text] of [[network.neighbours4, four], [network.neighbours6, six]] as const) {
      const neighbour = table.get(device, IpAddress.from(text));
      if (neighbour !== null) neighbour.update(true, 0x0200, PEER_MAC, NeighbourState.Permanent, Override.Yes);
    }
  }
  t.run(3e6);
  t.take();
  second.sent.length = 0;
  return { ...t, second, takeSecond: () => second.sent.splice(0).map((frame) => frame.bytes) };
}

/** Runs the events up to `end` and leaves the clock there. */
export function runUntil(loop: Loop, clock: VirtualClock, end: number): void {
  for (;;) {
    let next = Infinity;
    for (const source of loop.pending()) if (source.at < next) next = source.at;
    if (next > end) break;
    if (next > loop.now) {
      clock.advanceTo(next);
      loop.now = next;
    }
    loop.drain();
  }
  clock.advanceTo(end);
  loop.now = end;
}

// Frames.

export interface Ipv4Fields {
  src?: string;
  dst?: string;
  protocol?: number;
  id?: number;
  /** Flags and offset word. */
  fragment?: number;
  ttl?: number;
  tos?: number;
  options?: number[];
  macHi?: number;
  macLo?: number;
}

/** An Ethernet frame with an IPv4 packet from 192.0.2.9 to 192.0.2.1. */
export function ipv4Frame(payload: Uint8Array, fields: Ipv4Fields = {}): Uint8Array {
  const options = fields.options ?? [];
  const headerLen = 20 + options.length;
  const bytes = new Uint8Array(14 + headerLen + payload.length);
  const view = new DataView(bytes.buffer);
  writeEthernetHeader(view, 0, fields.macHi ?? 0x0200, fields.macLo ?? HOST_MAC, 0x0200, PEER_MAC, EtherType.Ipv4);
  const src = IpAddress.from(fields.src ?? '192.0.2.9').d;
  const dst = IpAddress.from(fields.dst ?? '192.0.2.1').d;
  writeIpv4Header(
    view, 14, headerLen + payload.length, fields.tos ?? 0, fields.id ?? 1, fields.fragment ?? 0, fields.ttl ?? 64,
    fields.protocol ?? 17, src, dst,
  );
  if (options.length > 0) {
    bytes[14] = 0x40 | (headerLen / 4);
    bytes.set(options, 34);
    view.setUint16(24, 0);
    view.setUint16(24, finish(sumView(view, 14, 14 + headerLen, 0)));
  }
  bytes.set(payload, 14 + headerLen);
  return bytes;
}

export interface Ipv6Fields {
  src?: string;
  dst?: string;
  nextHeader?: number;
  hopLimit?: number;
  trafficClass?: number;
  macHi?: number;
  macLo?: number;
}

/** An Ethernet frame with an IPv6 packet from 2001:db8::9 to 2001:db8::1. */
export function ipv6Frame(payload: Uint8Array, fields: Ipv6Fields = {}): Uint8Array {
  const bytes = new Uint8Array(54 + payload.length);
  const view = new DataView(bytes.buffer);
  const src = IpAddress.from(fields.src ?? '2001:db8::9');
  const dst = IpAddress.from(fields.dst ?? '2001:db8::1');
  writeEthernetHeader(view, 0, fields.macHi ?? 0x0200, fields.macLo ?? HOST_MAC, 0x0200, PEER_MAC, EtherType.Ipv6);
  writeIpv6Header(
    view, 14, payload.length, fields.trafficClass ?? 0, 0, fields.nextHeader ?? 17, fields.hopLimit ?? 64,
    src.a, src.b, src.c, src.d, dst.a, dst.b, dst.c, dst.d,
  );
  bytes.set(payload, 54);
  return bytes;
}

/** Fills the checksum of an ICMPv6 message in a frame without extension headers (or with `extensions` bytes of them). */
export function completeIcmp6(frame: Uint8Array, extensions = 0): Uint8Array {
  const view = new DataView(frame.buffer);
  const at = 54 + extensions;
  const words: number[] = [];
  for (let i = 22; i < 54; i += 4) words.push(view.getInt32(i));
  const [a, b, c, d, e, f, g, h] = words as [number, number, number, number, number, number, number, number];
  view.setUint16(at + 2, 0);
  view.setUint16(at + 2, finish(sumView(view, at, frame.length, pseudoHeaderSum6(a, b, c, d, e, f, g, h, 58, frame.length - at))));
  return frame;
}

/** Length of the TCP header of `superSegment`. */
export const SEGMENT_HEADER = 32;

/**
 * A frame with a TCP segment of `payload` bytes as a device with offload gives it, from peer to peer of a `routerProbe`:
 * ports 1000 and 2000, sequence number 5000, PSH and ACK; the checksum field holds the pseudo-header's sum.
 */
export function superSegment(isV4: boolean, payload: number, fragment = 0x4000): Uint8Array {
  const segment = new Uint8Array(SEGMENT_HEADER + payload);
  const view = new DataView(segment.buffer);
  const [from, to] = isV4 ? ['192.0.2.9', '198.51.100.9'] : ['2001:db8::9', '2001:db8:2::9'];
  const [a, b] = [IpAddress.from(from as string), IpAddress.from(to as string)];
  view.setUint32(0, (1000 << 16) | 2000);
  view.setUint32(4, 5000);
  view.setUint16(12, (8 << 12) | 0x18);
  segment.set(pattern(payload), SEGMENT_HEADER);
  const pseudo = isV4 ? pseudoHeaderSum4(a.d, b.d, 6, segment.length)
    : pseudoHeaderSum6(a.a, a.b, a.c, a.d, b.a, b.b, b.c, b.d, 6, segment.length);
  view.setUint16(TCP_CHECKSUM, fold(pseudo));
  const dst = to as string;
  return isV4 ? ipv4Frame(segment, { dst, protocol: 6, fragment, id: 500 }) : ipv6Frame(segment, { dst, nextHeader: 6 });
}

/** An ICMP message with its checksum. */
export function icmpMessage(type: number, code: number, rest: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + data.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = type;
  bytes[1] = code;
  view.setInt32(4, rest);
  bytes.set(data, 8);
  view.setUint16(2, finish(sumView(view, 0, bytes.length, 0)));
  return bytes;
}

export interface ArpFields {
  operation: number;
  senderIp: string;
  targetIp: string;
  senderMac?: number;
  /** To the host alone, instead of everybody. */
  unicast?: boolean;
}

export function arpFrame(fields: ArpFields): Uint8Array {
  const bytes = new Uint8Array(42);
  const view = new DataView(bytes.buffer);
  const mac = fields.senderMac ?? PEER_MAC;
  const toHost = fields.unicast === true;
  writeEthernetHeader(view, 0, toHost ? 0x0200 : BROADCAST_MAC_HI, toHost ? HOST_MAC : BROADCAST_MAC_LO, 0x0200, mac, EtherType.Arp);
  writeArp(
    view, 14, fields.operation, 0x0200, mac, IpAddress.from(fields.senderIp).d, toHost ? 0x0200 : 0, toHost ? HOST_MAC : 0,
    IpAddress.from(fields.targetIp).d,
  );
  return bytes;
}

/** Bytes that tell their place. */
export function pattern(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (from + i) & 0xff);
}

/** Sends `payload` from the host; the result of Network.output. */
export function sendFrom(
  network: Network, to: string, payload: Uint8Array, protocol = 17, dontFragment = false, ttl = -1,
): number {
  const address = IpAddress.from(to);
  const way = network.lookup(address, null, null);
  if (way === null) return -network.lookupErrno;
  const p = takePacket();
  p.bytes.set(payload.subarray(0, 64), p.put(Math.min(64, payload.length)));
  if (payload.length > 64) p.addBytes(payload, 64, payload.length - 64, network.context.writer);
  return network.output(p, way, way.source, way.to, protocol, ttl, 0, dontFragment);
}
