/**
 * Frames for the tests of wires, devices and switches.
 */
import { finish, pseudoHeaderSum4, fold, sumView } from '../base/checksum.ts';
import { ChunkWriter } from '../base/slab.ts';
import { ETHERNET_HEADER_LEN, writeEthernetHeader } from '../wire/ethernet.ts';
import type { Device, NetInput } from './device.ts';
import { ChecksumState, type Packet, takePacket } from './packet.ts';

const writer = new ChunkWriter();

/** Lets the shared writer's chunk go, before chunks are counted. */
export function releaseTestWriter(): void {
  writer.release();
}

export interface FrameShape {
  /** Whole length with the Ethernet header. */
  length?: number;
  from?: number;
  /** The destination's last four bytes; -1 (with `toHi` 0xffff) is broadcast. */
  to?: number;
  toHi?: number;
  /** Fills the payload and numbers the frame. */
  number?: number;
}

/** A frame of a made-up type whose payload lies in a range; its first four payload bytes are `number`. */
export function frame(shape: FrameShape = {}): Packet {
  const { length = 100, from = 1, to = 2, toHi = to === -1 ? 0xffff : 0x0200, number = 0 } = shape;
  const p = takePacket();
  const payload = new Uint8Array(Math.max(0, length - ETHERNET_HEADER_LEN)).fill(number & 0xff);
  if (payload.length >= 4) new DataView(payload.buffer).setInt32(0, number);
  p.addBytes(payload, 0, payload.length, writer);
  p.l3 = p.head;
  p.l2 = p.push(ETHERNET_HEADER_LEN);
  writeEthernetHeader(p.view, p.l2, toHi, to, 0x0200, from, 0x88b5);
  return p;
}

/** The number of a frame made by `frame`. */
export function numberOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(ETHERNET_HEADER_LEN);
}

const IP_LEN = 20;
const TCP_LEN = 20;
const SRC = 0x0a000001;
const DST = 0x0a000002;

/** An Ethernet, IPv4 and TCP segment with `payload` in ranges and a partial checksum; to be cut when `gsoSize` is set. */
export function tcpSegment(payload: Uint8Array, gsoSize = 0, seq = 1000): Packet {
  const p = takePacket();
  p.addBytes(payload, 0, payload.length, writer);
  p.l4 = p.push(TCP_LEN);
  const { view } = p;
  for (let i = 0; i < TCP_LEN; i++) view.setUint8(p.l4 + i, 0);
  view.setUint16(p.l4, 4000);
  view.setUint16(p.l4 + 2, 5000);
  view.setInt32(p.l4 + 4, seq);
  view.setUint8(p.l4 + 12, (TCP_LEN / 4) << 4);
  view.setUint8(p.l4 + 13, 0x18);
  view.setUint16(p.l4 + 14, 1000);
  view.setUint16(p.l4 + 16, fold(pseudoHeaderSum4(SRC, DST, 6, TCP_LEN + payload.length)));
  p.checksumState = ChecksumState.Partial;
  p.checksumOffset = 16;
  p.l3 = p.push(IP_LEN);
  for (let i = 0; i < IP_LEN; i++) view.setUint8(p.l3 + i, 0);
  view.setUint8(p.l3, 0x45);
  view.setUint16(p.l3 + 2, IP_LEN + TCP_LEN + payload.length);
  view.setUint8(p.l3 + 8, 64);
  view.setUint8(p.l3 + 9, 6);
  view.setInt32(p.l3 + 12, SRC);
  view.setInt32(p.l3 + 16, DST);
  view.setUint16(p.l3 + 10, finish(sumView(view, p.l3, p.l3 + IP_LEN, 0)));
  p.isV4 = true;
  p.l2 = p.push(ETHERNET_HEADER_LEN);
  writeEthernetHeader(view, p.l2, 0x0200, 2, 0x0200, 1, 0x0800);
  p.gsoSize = gsoSize;
  return p;
}

/** Is the TCP checksum of these frame bytes right? */
export function tcpChecksumHolds(bytes: Uint8Array): boolean {
  const l4 = ETHERNET_HEADER_LEN + IP_LEN;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return finish(sumView(view, l4, bytes.length, pseudoHeaderSum4(SRC, DST, 6, bytes.length - l4))) === 0;
}

/** What stands above a device in a test: keeps every frame as bytes, with its time. */
export class Receiver implements NetInput {
  readonly frames: { device: Device; bytes: Uint8Array; at: number; gsoSize: number; checksumState: number }[] = [];
  readonly changes: Device[] = [];
  private readonly now: () => number;
  /** Looks at a packet before it is released. */
  look: ((p: Packet) => void) | null = null;

  constructor(now: () => number, ...devices: Device[]) {
    this.now = now;
    for (const device of devices) {
      device.input = this;
      // Frames as they came; receive-offload.test.ts looks at merging.
      device.receiveOffload = false;
    }
  }

  frameInput(device: Device, p: Packet): void {
    const { gsoSize, checksumState } = p;
    this.look?.(p);
    this.frames.push({ device, bytes: p.toBytes(), at: this.now(), gsoSize, checksumState });
    p.release();
  }

  deviceChanged(device: Device): void {
    this.changes.push(device);
  }

  get numbers(): number[] {
    return this.frames.map(({ bytes }) => numberOf(bytes));
  }
}

/** Counts and drops: for measuring. */
export class CountingSink implements NetInput {
  count = 0;

  frameInput(_device: Device, p: Packet): void {
    this.count++;
    p.release();
  }

  deviceChanged(): void {}
}
