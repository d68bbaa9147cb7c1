/**
 * Frames for an attack on a live host: damaged copies of what it received from an honest peer, segments aimed at its
 * connections by what they said last, and messages that an honest peer never sends.
 *
 * Used by live-host.test.ts.
 */
import { type Bytes, type Draw, type Ends, ethernet, icmp, ipv4, ipv6, tcp, u16, u32, udp } from '../tools/packet-bytes.ts';
import { get32, layoutOf, transportChecksumRight } from './frame-layout.ts';
import { type Flow, flowKey, FIRST_PLAN_PORT, GHOST_MAC, GHOST_V4, GHOST_V6, PLANS, type VictimAddresses } from './ghost.ts';
import { mutated } from './mutations.ts';
import { ECHO_PORT, KEPT_PORT, SINK_PORT } from './victim.ts';

export const PEER_MAC = [0x02, 0, 0, 0, 0, 1];
export const PEER = { v4: [10, 0, 1, 1], v6: [0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] };
const ALL_NODES = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const SYN = 2, RST = 4, FIN = 1;

export class Attack {
  private readonly draw: Draw;
  private readonly victim: VictimAddresses;
  /** Frames that the host received while nobody attacked it. */
  readonly corpus: Uint8Array[] = [];
  /** Connections with the ghost, by the state they are in. */
  targets: Flow[][] = [];
  /** Connections that must survive. */
  kept: Flow[] = [];
  private readonly keptByKey = new Map<string, Flow>();
  /** Whether the last frame was damaged, or went as it was. */
  damaged = false;
  /** Frames whose checksum was broken because a kept connection would have had to believe them. */
  spoiled = 0;

  constructor(draw: Draw, victim: VictimAddresses) {
    this.draw = draw;
    this.victim = victim;
  }

  setKept(flows: readonly Flow[]): void {
    this.kept = [...flows];
    this.keptByKey.clear();
    for (const flow of flows) this.keptByKey.set(flowKey(flow.remote, flow.remotePort, flow.localPort), flow);
  }

  /** The next frame; `repair` makes its checksums right. */
  frame(repair: boolean): Uint8Array {
    const { draw } = this;
    const base = this.base();
    // Some go as they are: the state machine must also move on.
    this.damaged = draw.chance(0.9);
    const frame = this.damaged ? mutated(base, draw.pick(this.corpus), draw, repair) : base;
    this.spare(frame);
    return frame;
  }

  private base(): Uint8Array {
    const { draw } = this;
    const kind = draw.int(0, 99);
    if (kind < 25) return draw.pick(this.corpus);
    if (kind < 62 && this.targets.length > 0) return this.segmentFor(draw.pick(draw.pick(this.targets)), GHOST_MAC, true);
    if (kind < 70) return this.segmentFor(draw.pick(this.kept), PEER_MAC, false);
    if (kind < 76) return this.stray();
    if (kind < 84) return this.errorAbout(draw.chance(0.3) || this.targets.length === 0 ? draw.pick(this.kept) : draw.pick(draw.pick(this.targets)));
    if (kind < 91) return this.fragment();
    return this.resolution();
  }

  private framed(version: number, packet: Bytes, mac: Bytes): Uint8Array {
    return Uint8Array.from(ethernet(version === 4 ? 0x0800 : 0x86dd, packet, mac, this.victim.mac));
  }

  private overIp(version: number, protocol: number, payload: Bytes, ends: Ends, mac: Bytes, hopLimit = 64): Uint8Array {
    const fields = { ...ends, id: this.draw.int(0, 0xffff), ttl: hopLimit, hopLimit };
    return this.framed(version, version === 4 ? ipv4(protocol, payload, fields) : ipv6(protocol, payload, fields), mac);
  }

  /** A segment that fits what the host said last on this connection. */
  private segmentFor(flow: Flow, mac: Bytes, gentle: boolean): Uint8Array {
    const { draw, victim } = this;
    const ends = { source: flow.remote, destination: flow.version === 4 ? victim.v4 : victim.v6 };
    const stamps = flow.hasTimestamps && draw.chance(0.8);
    const options = stamps ? [1, 1, 8, 10, ...u32((flow.tsEcr + draw.pick([0, 0, 0, 1, 1000, -1])) >>> 0), ...u32(flow.tsVal >>> 0)] : [];
    // Resets and FINs move connections out of their states: seldom, or there is soon nothing to attack.
    const flags = draw.pick(gentle ? [0x10, 0x10, 0x10, 0x10, 0x18, 0x18, 0x38, 0x11, 0x02, 0x12, 0x14] : [0x10, 0x18, 0x11, 0x02, 0x12, 0x04, 0x14]);
    const far = draw.chance(0.6) ? 0 : draw.pick([1, -1, 1448, -1448, 100, 30000, 65535, 200000, -200000, 0x7fffffff]);
    const fields = {
      sourcePort: flow.remotePort, destinationPort: flow.localPort, seq: (flow.acked + far) | 0,
      ack: (flow.sentEnd + (draw.chance(0.8) ? 0 : draw.pick([1, -1, -1000, 100000]))) | 0, flags, window: draw.pick([0, 1, 1000, 65535]),
      urgent: draw.pick([0, 0, 1, 5, 2000]), options,
    };
    const data = draw.chance(0.5) ? [] : new Array<number>(draw.pick([1, 2, 100, 536, 1400])).fill(draw.int(0, 255));
    return this.overIp(flow.version, 6, tcp(ends, fields, data), ends, mac);
  }

  /** Somebody new, or nobody. */
  private strangerEnds(version: number): Ends {
    const { draw, victim } = this;
    if (version === 4) {
      const source = draw.pick([[10, 0, 1, draw.int(3, 250)], PEER.v4, GHOST_V4, [192, 0, 2, draw.int(1, 254)], victim.v4]);
      return { source, destination: victim.v4 };
    }
    const source = draw.pick([[...GHOST_V6.slice(0, 15), draw.int(3, 250)], PEER.v6, GHOST_V6, [0xfe, 0x80, ...draw.bytes(14)], victim.v6]);
    return { source, destination: victim.v6 };
  }

  /** A SYN to a listener, a segment or datagram to an open or a closed port, an echo, a group message. */
  private stray(): Uint8Array {
    const { draw } = this;
    const version = draw.pick([4, 6]);
    const ends = this.strangerEnds(version);
    const mac = draw.pick([GHOST_MAC, PEER_MAC, [2, 0, 0, 0, 1, draw.int(0, 255)]]);
    const port = draw.pick([KEPT_PORT, FIRST_PLAN_PORT + draw.int(1, PLANS.length - 1), draw.int(1, 65535)]);
    switch (draw.int(0, 4)) {
      case 0:
        return this.overIp(version, 17, udp(ends, { sourcePort: draw.int(0, 65535), destinationPort: draw.pick([SINK_PORT, ECHO_PORT, port]) }, draw.bytes(draw.int(0, 400))), ends, mac);
      case 1:
        return this.overIp(version, version === 4 ? 1 : 58, icmp(version === 4 ? null : ends, version === 4 ? 8 : 128, 0, [0, 1, 0, 2, ...draw.bytes(draw.int(0, 300))]), ends, mac);
      case 2:
        if (version === 4) return this.overIp(4, 2, icmp(null, draw.pick([0x11, 0x12, 0x16, 0x17, 0x22]), 100, [224, 0, 0, draw.int(0, 255), ...draw.bytes(draw.pick([0, 4, 12]))]), { ...ends, destination: [224, 0, 0, 1] }, mac, 1);
        return this.overIp(6, 58, icmp({ ...ends, destination: ALL_NODES }, draw.pick([130, 130, 131, 132, 143]), 0, [0, 100, 0, 0, ...new Array<number>(16).fill(0), ...draw.bytes(draw.pick([0, 4, 20]))]), { ...ends, destination: ALL_NODES }, mac, 1);
      default: {
        const flags = draw.pick([2, 2, 2, 2, 0x10, 0x12, 4, 0x11]);
        const options = [2, 4, ...u16(draw.int(0, 9000)), 4, 2, 8, 10, ...draw.bytes(8), 1, 3, 3, draw.int(0, 20)];
        const fields = { sourcePort: draw.int(1, 65535), destinationPort: port, seq: draw.u32(), ack: draw.u32(), flags, options: draw.chance(0.7) ? options : [] };
        return this.overIp(version, 6, tcp(ends, fields, draw.chance(0.2) ? draw.bytes(20) : []), ends, mac);
      }
    }
  }

  /** An ICMP error that quotes a segment of the host's. */
  private errorAbout(flow: Flow): Uint8Array {
    const { draw, victim } = this;
    const { version } = flow;
    const ours = version === 4 ? victim.v4 : victim.v6;
    const seq = (flow.sentEnd + draw.pick([-1, 0, 1, -100, 100_000])) | 0;
    const header = [...u16(flow.localPort), ...u16(flow.remotePort), ...u32(seq >>> 0), ...draw.bytes(12)].slice(0, draw.pick([8, 8, 20, 4]));
    const quoteEnds = { source: ours, destination: flow.remote };
    const ends = { source: draw.chance(0.5) ? flow.remote : version === 4 ? PEER.v4 : PEER.v6, destination: ours };
    if (version === 4) {
      const [type, code] = draw.pick([[3, 0], [3, 1], [3, 2], [3, 3], [3, 4], [3, 9], [3, 13], [11, 0], [11, 1], [12, 0], [4, 0], [5, 1]]);
      const rest = type === 3 && code === 4 ? [0, 0, ...u16(draw.pick([0, 68, 552, 1000, 1400, 1500, 9000]))] : type === 5 ? draw.bytes(4) : [0, 0, 0, 0];
      const quote = ipv4(6, header, { ...quoteEnds, totalLength: draw.pick([40, 1500, 20]) });
      return this.overIp(4, 1, icmp(null, type, code, [...rest, ...quote]), ends, PEER_MAC);
    }
    const [type, code] = draw.pick([[1, 0], [1, 1], [1, 3], [1, 4], [2, 0], [3, 0], [3, 1], [4, 0], [4, 1]]);
    const rest = type === 2 ? u32(draw.pick([0, 1000, 1279, 1280, 1400, 1500, 100_000])) : u32(draw.int(0, 60));
    const quote = ipv6(6, header, { ...quoteEnds, payloadLength: draw.pick([20, 1440]) });
    return this.overIp(6, 58, icmp(ends, type, code, [...rest, ...quote]), ends, PEER_MAC);
  }

  /** A piece of a datagram to a port that is open; pieces of few datagrams, so that some meet. */
  private fragment(): Uint8Array {
    const { draw, victim } = this;
    const version = draw.pick([4, 6]);
    const id = draw.int(1, 12);
    const ends = version === 4 ? { source: GHOST_V4, destination: victim.v4 } : { source: GHOST_V6, destination: victim.v6 };
    const length = 400 + 8 * id;
    // Over IPv4 without a checksum, so that whoever meets becomes a datagram; over IPv6 there must be a right one.
    const datagram = udp(ends, { sourcePort: 5000 + id, destinationPort: SINK_PORT, checksum: version === 4 ? 'none' : 'right' }, new Array<number>(length).fill(id));
    const piece = draw.pick([64, 128, 200]);
    const at = piece * draw.int(0, Math.floor((datagram.length - 1) / piece));
    const part = datagram.slice(at, at + piece);
    const more = at + part.length < datagram.length;
    if (version === 4) return this.framed(4, ipv4(17, part, { ...ends, id, fragment: (more ? 0x2000 : 0) | (at >> 3) }), GHOST_MAC);
    return this.framed(6, ipv6(44, [17, 0, ...u16(at | (more ? 1 : 0)), ...u32(id), ...part], ends), GHOST_MAC);
  }

  /** ARP and neighbour discovery: questions and answers, claims and announcements. */
  private resolution(): Uint8Array {
    const { draw, victim } = this;
    const mac = draw.pick([GHOST_MAC, GHOST_MAC, [2, 0, 0, 0, 9, draw.int(0, 255)]]);
    if (draw.chance(0.25)) {
      const target = draw.pick([victim.v4, victim.v4, GHOST_V4, [10, 0, 1, draw.int(3, 250)]]);
      const sender = draw.pick([GHOST_V4, [10, 0, 1, draw.int(3, 250)], victim.v4, PEER.v4, [0, 0, 0, 0]]);
      const packet = [0, 1, 8, 0, 6, 4, 0, draw.pick([1, 1, 2]), ...mac, ...sender, ...victim.mac, ...target];
      return Uint8Array.from(ethernet(0x0806, packet, mac, draw.chance(0.5) ? [255, 255, 255, 255, 255, 255] : victim.mac));
    }
    const source = draw.pick([GHOST_V6, PEER.v6, [0xfe, 0x80, ...draw.bytes(14)], new Array<number>(16).fill(0), [...GHOST_V6.slice(0, 15), draw.int(3, 250)]]);
    const ends = { source, destination: draw.chance(0.7) ? victim.v6 : ALL_NODES };
    const own = [draw.pick([1, 2]), 1, ...mac];
    const target = draw.pick([victim.v6, victim.v6, GHOST_V6, source]);
    const messages: Bytes[] = [
      icmp(ends, 135, 0, [0, 0, 0, 0, ...target, 1, 1, ...mac]),
      icmp(ends, 136, 0, [draw.pick([0, 0x20, 0x40, 0x60, 0xe0]), 0, 0, 0, ...target, 2, 1, ...mac]),
      icmp(ends, 133, 0, [0, 0, 0, 0, ...own]),
      icmp(ends, 134, 0, [draw.int(0, 255), draw.int(0, 255), ...u16(draw.int(0, 9000)), ...u32(0), ...u32(0), ...own, 5, 1, 0, 0, ...u32(draw.pick([0, 1280, 1500, 70000])), 3, 4, 64, 0xc0, ...u32(3600), ...u32(1800), 0, 0, 0, 0, ...GHOST_V6]),
      icmp(ends, 137, 0, [0, 0, 0, 0, ...target, ...GHOST_V6, 2, 1, ...mac, 4, 6, 0, 0, 0, 0, 0, 0, ...ipv6(6, [], { source: victim.v6, destination: GHOST_V6 })]),
    ];
    return this.overIp(6, 58, draw.pick(messages), ends, mac, 255);
  }

  /**
   * Whoever is not on the path must not harm a connection; who knows its sequence numbers may. So a frame that a kept
   * connection would have to believe (right checksum, inside its window, or a reset at its very edge) gets a wrong
   * checksum.
   */
  private spare(frame: Uint8Array): void {
    const layout = layoutOf(frame);
    const { l3, l4, version } = layout;
    if (layout.protocol !== 6 || l4 < 0 || l4 + 20 > layout.end || layout.isFragment) return;
    const remote = version === 4 ? frame.subarray(l3 + 12, l3 + 16) : frame.subarray(l3 + 8, l3 + 24);
    const flow = this.keptByKey.get(flowKey(remote, (frame[l4] << 8) | frame[l4 + 1], (frame[l4 + 2] << 8) | frame[l4 + 3]));
    if (flow === undefined || transportChecksumRight(frame) !== true) return;
    const flags = frame[l4 + 13];
    const seq = get32(frame, l4 + 4);
    if ((flags & RST) !== 0 ? seq !== flow.acked : (flags & SYN) !== 0) return;
    const length = layout.end - l4 - (frame[l4 + 12] >> 4) * 4 + (flags & FIN);
    const isBefore = ((seq + length - flow.acked) | 0) < 0;
    // The window may have been scaled by up to 14 bits.
    const isBeyond = ((seq - flow.acked) | 0) > flow.window << 14;
    if ((flags & RST) === 0 && (isBefore || isBeyond)) return;
    frame[l4 + 16] ^= 0x55;
    this.spoiled++;
  }
}
