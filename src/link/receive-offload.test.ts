/** Receive offload: what is merged, what is left alone, and that merging undoes cutting byte for byte. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { below, SeededRandom } from '../base/random.ts';
import { ChunkWriter, slabStatistics } from '../base/slab.ts';
import { virtualLoop } from '../base/test-environment.ts';
import { writeIpv4Header } from '../wire/ipv4.ts';
import { Cable } from './cable.ts';
import { Device, type NetInput } from './device.ts';
import { type Packet, packetStatistics, takePacket } from './packet.ts';
import { ReceiveOffload } from './receive-offload.ts';
import { completeChecksum, cutSegments } from './segment.ts';
import { DST, SRC, wrapSegment } from './testing.ts';

const FIN = 1, PSH = 8, ACK = 16;

interface Shape {
  isV4: boolean;
  payload: number;
  mss: number;
  optionWords: number;
  flags: number;
  seq: number;
}

const writer = new ChunkWriter();

/** A frame with a TCP segment, its payload in ranges, its checksum partial: as it leaves a host of ours. */
function frameOf({ isV4, payload, mss, optionWords, flags, seq }: Shape): Packet {
  const p = takePacket();
  p.addBytes(Uint8Array.from({ length: payload }, (_, i) => (i * 7 + seq) & 0xff), 0, payload, writer);
  const headerLen = 20 + 4 * optionWords;
  const l4 = p.push(headerLen);
  const { view } = p;
  p.bytes.fill(0, l4, l4 + headerLen);
  view.setUint32(l4, 0x12345678);
  view.setUint32(l4 + 4, seq);
  view.setUint32(l4 + 8, 0x89abcdef);
  view.setUint8(l4 + 12, headerLen << 2);
  view.setUint8(l4 + 13, flags);
  view.setUint16(l4 + 14, 4321);
  for (let i = 0; i < optionWords; i++) view.setInt32(l4 + 20 + 4 * i, 0x01010101 * (i + 1));
  wrapSegment(p, l4, isV4, 0xfff0, mss);
  return p;
}

function pieces(p: Packet): Packet[] {
  const list: Packet[] = [];
  cutSegments(p, (piece) => list.push(piece));
  return list;
}

class Above extends Device implements NetInput {
  readonly frames: Packet[] = [];
  override transmit(): void {}
  frameInput(_device: Device, p: Packet): void {
    this.frames.push(p);
  }
  deviceChanged(): void {}
}

/** What goes up when `frames` arrive together. */
function merge(frames: Packet[]): Packet[] {
  const above = new Above('above');
  above.input = above;
  const offload = new ReceiveOffload(above);
  for (const p of frames) offload.take(p);
  offload.flush();
  return above.frames;
}

/** Bytes with the checksum completed; releases the packet. */
function bytesOf(p: Packet): Uint8Array {
  completeChecksum(p);
  const bytes = p.toBytes();
  p.release();
  return bytes;
}

test('merging undoes cutting, and what was merged can be cut into the same frames again', () => {
  const random = new SeededRandom(7);
  const ranges = slabStatistics.rangesInUse;
  const packets = packetStatistics.packetsInUse;
  let merged = 0;
  for (let i = 0; i < 500; i++) {
    const shape: Shape = {
      isV4: below(random, 2) === 0,
      payload: 1 + below(random, 60000),
      mss: 100 + below(random, 1400),
      optionWords: below(random, 11),
      flags: ACK | (below(random, 2) === 0 ? PSH : 0) | (below(random, 4) === 0 ? FIN : 0),
      seq: random.int32() >>> 0,
    };
    const whole = frameOf(shape);
    const expected = whole.clone();
    const up = merge(pieces(whole));
    assert.equal(up.length, 1, JSON.stringify(shape));
    const p = up[0] as Packet;
    assert.equal(p.gsoSize, shape.payload > shape.mss ? shape.mss : 0);
    if (p.gsoSize !== 0) merged++;
    const again = pieces(p.clone());
    const first = pieces(expected.clone());
    assert.deepEqual(again.map(bytesOf), first.map(bytesOf), 'cut again');
    expected.gsoSize = 0;
    assert.deepEqual(bytesOf(p), bytesOf(expected), JSON.stringify(shape));
  }
  assert.ok(merged > 300, `${merged} were merged`);
  writer.release();
  assert.equal(slabStatistics.rangesInUse, ranges);
  assert.equal(packetStatistics.packetsInUse, packets);
});

for (const isV4 of [true, false]) {
  const shape: Shape = { isV4, payload: 3000, mss: 1000, optionWords: 3, flags: ACK | PSH, seq: 1000 };
  const family = isV4 ? 'IPv4' : 'IPv6';

  test(`${family}: one bit more or less anywhere in the second frame's headers, and it is not merged`, () => {
    const headers = 14 + (isV4 ? 20 : 40) + 32;
    // What differs between the pieces anyway: lengths, identification, checksums and the flags that may end a stretch.
    const free = new Set<number>();
    const tcp = headers - 32;
    for (const at of isV4 ? [16, 17, 24, 25] : [18, 19]) free.add(at);
    for (const at of [tcp + 16, tcp + 17, tcp + 13, tcp + 12]) free.add(at);
    for (let at = 0; at < headers; at++) {
      if (free.has(at)) continue;
      for (let bit = 0; bit < 8; bit++) {
        const frames = pieces(frameOf(shape));
        const second = frames[1] as Packet;
        const byte = second.head + at;
        second.bytes[byte] = (second.bytes[byte] as number) ^ (1 << bit);
        const up = merge(frames);
        assert.ok(up.length >= 2, `byte ${at}, bit ${bit}: merged`);
        assert.equal((up[0] as Packet).rangesLen, 1000);
        for (const p of up) p.release();
      }
    }
    writer.release();
  });

  test(`${family}: flags other than ACK, PSH and FIN, empty segments and whole checksums are left alone`, () => {
    for (const change of [
      (p: Packet) => p.view.setUint8(p.l4 + 13, ACK | 2),
      (p: Packet) => p.view.setUint8(p.l4 + 13, ACK | 4),
      (p: Packet) => p.view.setUint8(p.l4 + 13, ACK | 32),
      (p: Packet) => p.view.setUint8(p.l4 + 13, ACK | 64),
      (p: Packet) => p.view.setUint8(p.l4 + 13, ACK | 128),
      (p: Packet) => p.view.setUint8(p.l4 + 13, 0),
      (p: Packet) => completeChecksum(p),
      (p: Packet) => p.trimTo(p.length - p.rangesLen),
    ]) {
      const frames = pieces(frameOf(shape));
      for (const p of frames) change(p);
      const up = merge(frames);
      assert.equal(up.length, 3, change.toString());
      for (const p of up) {
        assert.equal(p.gsoSize, 0);
        p.release();
      }
    }
    writer.release();
  });

  test(`${family}: a gap, a repetition and another order end a stretch`, () => {
    for (const [order, expected] of [
      [[0, 2], [1000, 1000]],
      [[0, 0, 1], [1000, 2000]],
      [[1, 0, 2], [1000, 1000, 1000]],
      [[0, 1, 2], [3000]],
    ] as [number[], number[]][]) {
      const frames = pieces(frameOf(shape));
      const up = merge(order.map((i) => (frames[i] as Packet).clone()));
      assert.deepEqual(up.map((p) => p.rangesLen), expected, order.join());
      for (const p of [...frames, ...up]) p.release();
    }
    writer.release();
  });

  test(`${family}: a shorter segment is the last one, a longer one begins anew`, () => {
    const parts = (lengths: number[]): Packet[] => {
      let seq = 5000;
      return lengths.map((payload, i) => {
        const p = frameOf({ ...shape, payload, mss: 0, flags: ACK, seq });
        if (isV4) {
          // Each as the next of its sender.
          writeIpv4Header(p.view, p.l3, p.length - 14, 0, 0x100 + i, 0x4000, 64, 6, SRC, DST);
        }
        seq += payload;
        return p;
      });
    };
    for (const [lengths, expected] of [
      [[1000, 500, 1000], [1500, 1000]],
      [[500, 1000, 1000], [500, 2000]],
      [[1, 1, 1], [3]],
    ] as [number[], number[]][]) {
      const up = merge(parts(lengths));
      assert.deepEqual(up.map((p) => p.rangesLen), expected, lengths.join());
      for (const p of up) p.release();
    }
    writer.release();
  });
}

test('a merged packet stays within an IP packet\'s 65,535 bytes', () => {
  let seq = 1;
  const frames = Array.from({ length: 60 }, (_, i) => {
    const p = frameOf({ isV4: true, payload: 1448, mss: 0, optionWords: 3, flags: ACK, seq });
    writeIpv4Header(p.view, p.l3, p.length - 14, 0, i, 0x4000, 64, 6, SRC, DST);
    seq += 1448;
    return p;
  });
  const up = merge(frames);
  assert.deepEqual(up.map((p) => p.rangesLen), [45 * 1448, 15 * 1448]);
  for (const p of up) p.release();
  writer.release();
});

test('a cable: one super-segment cut at the door goes up as one again; `receiveOffload: false` shows every frame', () => {
  for (const receiveOffload of [true, false]) {
    const loop = virtualLoop();
    const cable = new Cable(loop, new SeededRandom(1), { offload: false, receiveOffload });
    const above = new Above('above');
    cable.b.input = above;
    cable.a.transmit(frameOf({ isV4: true, payload: 5000, mss: 1000, optionWords: 0, flags: ACK | PSH, seq: 1 }));
    loop.drain();
    assert.equal(cable.b.statistics.rxPackets, 5);
    assert.deepEqual(above.frames.map((p) => p.rangesLen), receiveOffload ? [5000] : [1000, 1000, 1000, 1000, 1000]);
    for (const p of above.frames) p.release();
  }
  writer.release();
});
