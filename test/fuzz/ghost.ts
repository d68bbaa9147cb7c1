/**
 * A peer that exists only as a script: it drives connections of the attacked host into every TCP state and leaves them
 * there, which no honest peer would. It sees what the host sends to it and answers by plan.
 *
 * Used by live-host.test.ts. The plan of a connection follows from the host's port (PLANS); the host's side of a plan is
 * in victim.ts.
 */
import { type Ends, ethernet, icmp, ipv4, ipv6, tcp, u16, type Bytes } from '../tools/packet-bytes.ts';
import { get32, type FrameLayout, layoutOf } from './frame-layout.ts';

const FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10;

/** States to be held, each on a port of its own. `syn-sent` is opened by the host towards this port of the ghost. */
export const PLANS = [
  'syn-sent', 'syn-received', 'established', 'close-wait', 'last-ack', 'fin-wait-1', 'fin-wait-2', 'closing', 'time-wait',
] as const;
export type Plan = (typeof PLANS)[number];
export const FIRST_PLAN_PORT = 7000;

export function portOf(plan: Plan): number {
  return FIRST_PLAN_PORT + PLANS.indexOf(plan);
}

export const GHOST_MAC = [0x02, 0, 0, 0, 0, 0x50];
export const GHOST_V4 = [10, 0, 1, 50];
export const GHOST_V6 = [0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50];

/** What the host's own segments say about a connection, as far as it concerns who wants to send into it. */
export class Flow {
  readonly version: number;
  readonly localPort: number;
  readonly remotePort: number;
  /** The other side's address. */
  readonly remote: Bytes;
  /** Behind the last byte that the host sent; what it acknowledged last, and its window there. */
  sentEnd = 0;
  acked = 0;
  window = 0;
  /** Its last timestamp, and whether it sends them. */
  hasTimestamps = false;
  tsVal = 0;
  tsEcr = 0;

  constructor(version: number, localPort: number, remotePort: number, remote: Bytes) {
    this.version = version;
    this.localPort = localPort;
    this.remotePort = remotePort;
    this.remote = remote;
  }

  /** Takes notice of a segment of the host's. `length` is its length in sequence space. */
  sent(frame: Uint8Array, l4: number, length: number): void {
    const flags = frame[l4 + 13];
    if ((flags & RST) !== 0) return;
    const end = (get32(frame, l4 + 4) + length) | 0;
    if ((flags & SYN) !== 0 || ((end - this.sentEnd) | 0) > 0) this.sentEnd = end;
    if ((flags & ACK) !== 0) this.acked = get32(frame, l4 + 8);
    this.window = (frame[l4 + 14] << 8) | frame[l4 + 15];
    const options = l4 + 20;
    const headerLen = (frame[l4 + 12] >> 4) * 4;
    if (headerLen === 32 && get32(frame, options) === 0x0101080a) {
      this.hasTimestamps = true;
      this.tsVal = get32(frame, options + 4);
      this.tsEcr = get32(frame, options + 8);
    } else if ((flags & SYN) !== 0 && headerLen >= 36 && frame[options + 6] === 8) {
      this.hasTimestamps = true;
      this.tsVal = get32(frame, options + 8);
      this.tsEcr = get32(frame, options + 12);
    }
  }
}

/** The host under attack, as its segments name it. */
export interface VictimAddresses {
  readonly mac: Bytes;
  readonly v4: Bytes;
  readonly v6: Bytes;
}

export class Ghost {
  private readonly victim: VictimAddresses;
  /** Frames that wait for being sent to the host. */
  readonly reactions: Uint8Array[] = [];
  /** Connections with the ghost, by `flowKey`. */
  readonly flows = new Map<string, Flow>();
  private nextPort = 20000;

  constructor(victim: VictimAddresses) {
    this.victim = victim;
  }

  private ends(version: number): Ends {
    return version === 4
      ? { source: GHOST_V4, destination: this.victim.v4 }
      : { source: GHOST_V6, destination: this.victim.v6 };
  }

  /** A frame with a TCP segment from the ghost, its checksums right. */
  private segment(flow: Flow, seq: number, flags: number, ack: number, options: Bytes = []): Uint8Array {
    const ends = this.ends(flow.version);
    const stamps = flow.hasTimestamps ? [1, 1, 8, 10, 0, 0, 0, 1, ...word(flow.tsVal)] : [];
    const fields = {
      sourcePort: flow.remotePort, destinationPort: flow.localPort, seq, ack, flags, window: 60000, options: options.length > 0 ? options : stamps,
    };
    const bytes = tcp(ends, fields);
    const packet = flow.version === 4 ? ipv4(6, bytes, ends) : ipv6(6, bytes, ends);
    return Uint8Array.from(ethernet(flow.version === 4 ? 0x0800 : 0x86dd, packet, GHOST_MAC, this.victim.mac));
  }

  /** Begins a connection with the host's port of `plan`. */
  open(plan: Plan, version: number, withTimestamps: boolean): void {
    const port = this.nextPort;
    this.nextPort = port >= 60000 ? 20000 : port + 1;
    const flow = new Flow(version, portOf(plan), port, version === 4 ? GHOST_V4 : GHOST_V6);
    this.flows.set(flowKey(flow.remote, flow.remotePort, flow.localPort), flow);
    const stamps = withTimestamps ? [4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0] : [1, 1, 4, 2];
    this.reactions.push(this.segment(flow, port * 1000, SYN, 0, [2, 4, 5, 0xb4, ...stamps, 1, 3, 3, 7]));
  }

  /** The host sent a segment to the ghost. */
  segmentFromHost(flow: Flow, frame: Uint8Array, l4: number, length: number): void {
    const flags = frame[l4 + 13];
    const plan = PLANS[flow.localPort - FIRST_PLAN_PORT];
    if (plan === undefined || (flags & RST) !== 0) return;
    const end = (get32(frame, l4 + 4) + length) | 0;
    const reply = (seq: number, replyFlags: number, ack: number): void => void this.reactions.push(this.segment(flow, seq, replyFlags, ack));
    const next = flow.acked;
    if ((flags & SYN) !== 0) {
      if (plan === 'syn-received') return;
      reply(next, ACK, end);
      // What the other side's end does to a connection: the host's own close comes when its process finds out.
      if (plan === 'close-wait' || plan === 'last-ack') reply(next, FIN | ACK, end);
      return;
    }
    if ((flags & FIN) === 0) return;
    if (plan === 'fin-wait-2') reply(next, ACK, end);
    else if (plan === 'time-wait') reply(next, FIN | ACK, end);
    // Its FIN crosses ours: neither is acknowledged yet.
    else if (plan === 'closing') reply(next, FIN | ACK, (end - 1) | 0);
  }

  /** Answers the questions who has the ghost's addresses. */
  resolutionFromHost(frame: Uint8Array, layout: FrameLayout): void {
    const { mac, v4, v6 } = this.victim;
    const { l3, l4 } = layout;
    if (layout.etherType === 0x0806) {
      if (frame[l3 + 7] !== 1 || !same(frame, l3 + 24, GHOST_V4)) return;
      this.reactions.push(Uint8Array.from(ethernet(0x0806, [0, 1, 8, 0, 6, 4, 0, 2, ...GHOST_MAC, ...GHOST_V4, ...mac, ...v4], GHOST_MAC, mac)));
      return;
    }
    if (layout.protocol !== 58 || l4 < 0 || frame[l4] !== 135 || !same(frame, l4 + 8, GHOST_V6)) return;
    const source = Array.from(frame.subarray(l3 + 8, l3 + 24));
    const to = source.every((byte) => byte === 0) ? v6 : source;
    const ends = { source: GHOST_V6, destination: to };
    const advertisement = icmp(ends, 136, 0, [0x60, 0, 0, 0, ...GHOST_V6, 2, 1, ...GHOST_MAC]);
    this.reactions.push(Uint8Array.from(ethernet(0x86dd, ipv6(58, advertisement, { ...ends, hopLimit: 255 }), GHOST_MAC, mac)));
  }
}

/** Watches what the host sends: knows its connections, and lets the ghost answer. */
export class Watch {
  readonly flows = new Map<string, Flow>();
  private readonly ghost: Ghost;
  private learning = true;

  constructor(ghost: Ghost) {
    this.ghost = ghost;
  }

  /** From now on only the ghost's connections may be new: what a siege brings about with others is not followed. */
  stopLearning(): void {
    this.learning = false;
  }

  /** `frame` holds the headers at least; `wholeLen` is the whole frame's length. */
  hostSent(frame: Uint8Array, wholeLen: number): void {
    const layout = layoutOf(frame);
    if (layout.protocol !== 6 || layout.l4 < 0 || layout.l4 + 20 > frame.length || layout.isFragment) {
      this.ghost.resolutionFromHost(frame, layout);
      return;
    }
    const { l3, l4, version } = layout;
    const remote = Array.from(version === 4 ? frame.subarray(l3 + 16, l3 + 20) : frame.subarray(l3 + 24, l3 + 40));
    const localPort = (frame[l4] << 8) | frame[l4 + 1];
    const remotePort = (frame[l4 + 2] << 8) | frame[l4 + 3];
    const isGhost = same(frame, version === 4 ? l3 + 16 : l3 + 24, version === 4 ? GHOST_V4 : GHOST_V6);
    const flows = isGhost ? this.ghost.flows : this.flows;
    const key = flowKey(remote, remotePort, localPort);
    let flow = flows.get(key);
    const flags = frame[l4 + 13];
    if (flow === undefined) {
      // Only a SYN begins a connection; what a reset answers is none.
      if ((flags & SYN) === 0 || (!isGhost && !this.learning)) return;
      flow = new Flow(version, localPort, remotePort, remote);
      flows.set(key, flow);
    }
    const length = wholeLen - l4 - (frame[l4 + 12] >> 4) * 4 + ((flags & SYN) >> 1) + (flags & FIN);
    flow.sent(frame, l4, length);
    if (isGhost) this.ghost.segmentFromHost(flow, frame, l4, length);
  }
}

export function flowKey(remote: ArrayLike<number>, remotePort: number, localPort: number): string {
  return `${Array.from(remote).join('.')} ${remotePort} ${localPort}`;
}

function same(frame: Uint8Array, at: number, bytes: Bytes): boolean {
  return bytes.every((byte, i) => frame[at + i] === byte);
}

function word(value: number): Bytes {
  return [...u16((value >>> 16) & 0xffff), ...u16(value & 0xffff)];
}
