import { deepEqual, equal, notEqual, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Chunk, ChunkWriter, KEEP_COPY_BYTES, slabStatistics } from '../base/slab.ts';
import { StreamBuffer } from '../base/stream-buffer.ts';
import { ChecksumState, HEAD_SIZE, HEADROOM, type Packet, packetStatistics, takePacket } from './packet.ts';

const command = fc.oneof(
  fc.record({ kind: fc.constant('push' as const), n: fc.nat(40) }),
  fc.record({ kind: fc.constant('put' as const), n: fc.nat(700) }),
  fc.record({ kind: fc.constant('addBytes' as const), n: fc.oneof(fc.nat(3000), fc.nat(140000)) }),
  fc.record({ kind: fc.constant('refer' as const), from: fc.nat(99), n: fc.nat(100) }),
  fc.record({ kind: fc.constant('pull' as const), n: fc.nat(1000) }),
  fc.record({ kind: fc.constant('trimFront' as const), part: fc.nat(100) }),
  fc.record({ kind: fc.constant('trimTo' as const), part: fc.nat(120) }),
  fc.record({ kind: fc.constant('headToRanges' as const) }),
  fc.record({ kind: fc.constant('keepRanges' as const) }),
  fc.record({ kind: fc.constant('clone' as const) }),
  fc.record({ kind: fc.constant('copyOut' as const), from: fc.nat(110), n: fc.nat(3000) }),
);

test('a packet holds the bytes that a plain array would (model), and gives all memory back', () => {
  const writer = new ChunkWriter();
  const source = new StreamBuffer();
  const sourceBytes = Uint8Array.from({ length: 150000 }, (_, i) => (i * 7) & 0xff);
  source.append(sourceBytes, 0, sourceBytes.length, writer);
  let next = 0;
  const fresh = (n: number): Uint8Array => Uint8Array.from({ length: n }, () => (next = (next * 5 + 3) & 0xff));

  fc.assert(
    fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
      const before = { ...slabStatistics, packets: packetStatistics.packetsInUse };
      const writerHere = new ChunkWriter();
      const keeper = new ChunkWriter();
      let p = takePacket();
      let model: number[] = [];
      for (const step of commands) {
        switch (step.kind) {
          case 'push': {
            if (p.head < step.n) break;
            const bytes = fresh(step.n);
            p.bytes.set(bytes, p.push(step.n));
            model = [...bytes, ...model];
            break;
          }
          case 'put': {
            const linear = p.headEnd - p.head;
            const bytes = fresh(step.n);
            // `put` may replace `bytes`.
            const at = p.put(step.n);
            p.bytes.set(bytes, at);
            model.splice(linear, 0, ...bytes);
            break;
          }
          case 'addBytes': {
            const bytes = fresh(step.n + 2);
            p.addBytes(bytes, 2, step.n, writerHere);
            model = model.concat([...bytes.subarray(2)]);
            break;
          }
          case 'refer': {
            const from = Math.floor((source.length * step.from) / 100);
            const n = Math.floor(((source.length - from) * step.n) / 100);
            p.refer(source, from, n);
            model = model.concat([...sourceBytes.subarray(from, from + n)]);
            break;
          }
          case 'pull':
            equal(p.pull(step.n), step.n <= model.length);
            if (step.n <= model.length) ok(p.headEnd - p.head >= step.n);
            break;
          case 'trimFront': {
            const n = Math.floor((model.length * step.part) / 100);
            p.trimFront(n);
            model = model.slice(n);
            break;
          }
          case 'trimTo': {
            const n = Math.floor((model.length * step.part) / 100);
            p.trimTo(n);
            model = model.slice(0, n);
            break;
          }
          case 'headToRanges':
            p.headToRanges(writerHere);
            equal(p.headEnd, p.head);
            break;
          case 'keepRanges': {
            const sent = p.ranges?.chunk;
            p.keepRanges(keeper);
            const small = p.rangesLen > 0 && p.rangesLen <= KEEP_COPY_BYTES;
            if (small) ok(p.ranges?.chunk === keeper.chunk || p.ranges?.next?.chunk === keeper.chunk);
            else equal(p.ranges?.chunk, sent);
            break;
          }
          case 'clone': {
            const copy = p.clone();
            notEqual(copy.bytes, p.bytes);
            if (p.headEnd > p.head) {
              // The original's head is its own.
              p.bytes[p.head] = (p.bytes[p.head] as number) ^ 0xff;
            }
            p.release();
            p = copy;
            break;
          }
          default: {
            const from = Math.floor((model.length * step.from) / 100);
            const into = new Uint8Array(step.n + 1);
            const count = p.copyOut(from, into, 1, step.n);
            deepEqual([...into.subarray(1, 1 + count)], model.slice(from, from + step.n));
          }
        }
        equal(p.length, model.length);
      }
      deepEqual(p.toBytes(), Uint8Array.from(model));
      p.release();
      writerHere.release();
      keeper.release();
      equal(packetStatistics.packetsInUse, before.packets);
      equal(slabStatistics.rangesInUse, before.rangesInUse);
      equal(slabStatistics.chunksInUse, before.chunksInUse);
    }),
    { numRuns: 150 },
  );
  source.clear();
  writer.release();
});

test('a taken packet is as good as new, whatever its last owner did', () => {
  const writer = new ChunkWriter();
  const p = takePacket();
  p.push(20);
  p.l2 = p.l3 = p.l4 = 5;
  p.l4Len = 9;
  p.gsoSize = 1460;
  p.checksumState = ChecksumState.Verified;
  p.checksumOffset = 16;
  p.truesize = 7;
  p.frameFor = 3;
  p.addBytes(new Uint8Array(10), 0, 10, writer);
  p.release();
  const again = takePacket();
  equal(again, p, 'the pool hands out what came back last');
  deepEqual(
    [again.head, again.headEnd, again.l2, again.l3, again.l4, again.l4Len, again.gsoSize, again.checksumState],
    [HEADROOM, HEADROOM, -1, -1, -1, 0, 0, ChecksumState.Full],
  );
  deepEqual([again.checksumOffset, again.truesize, again.frameFor, again.owner, again.device, again.next], [0, 0, 0, null, null, null]);
  deepEqual([again.ranges, again.rangesLen, again.length], [null, 0, 0]);
  again.release();
  writer.release();
});

test('no two packets in use share head memory', () => {
  const packets: Packet[] = [];
  for (let i = 0; i < 200; i++) {
    const p = takePacket();
    p.bytes.fill(i & 0xff);
    packets.push(p);
  }
  packets.forEach((p, i) => ok(p.bytes.every((byte) => byte === (i & 0xff))));
  for (const p of packets) p.release();
});

test('push beyond the headroom is our own bug and throws', () => {
  const p = takePacket();
  p.push(HEADROOM);
  throws(() => p.push(1), /no headroom/);
  p.head = p.headEnd;
  p.release();
});

test('the owner is told once, with the size it was charged', () => {
  const told: number[] = [];
  const p = takePacket();
  p.owner = { released: (truesize) => told.push(truesize) };
  p.truesize = 768;
  const copy = p.clone();
  equal(copy.owner, null, 'a clone is not charged');
  copy.release();
  deepEqual(told, []);
  p.release();
  deepEqual(told, [768]);
});

test('a head that grew is not put back among the pooled ones', () => {
  const p = takePacket();
  p.put(HEAD_SIZE * 2);
  ok(p.bytes.length > HEAD_SIZE);
  equal(p.view.byteLength, p.bytes.length, 'the view grew with it');
  p.release();
  const next = takePacket();
  equal(next.bytes.length, HEAD_SIZE);
  next.release();
});

test('takeRanges gives the payload and its references away', () => {
  const writer = new ChunkWriter();
  const buffer = new StreamBuffer();
  const p = takePacket();
  p.addBytes(Uint8Array.of(1, 2, 3), 0, 3, writer);
  const chunk = writer.chunk as Chunk;
  const refs = chunk.refs;
  buffer.takeRanges(p.takeRanges());
  equal(p.length, 0);
  p.release();
  equal(chunk.refs, refs);
  const out = new Uint8Array(3);
  buffer.read(out, 0, 3);
  deepEqual(out, Uint8Array.of(1, 2, 3));
  equal(chunk.refs, 1);
  writer.release();
});

test('contiguous ranges merge, so a segment of one write is one range', () => {
  const writer = new ChunkWriter();
  const p = takePacket();
  for (let i = 0; i < 10; i++) p.addBytes(new Uint8Array(100), 0, 100, writer);
  equal(p.ranges?.length, 1000);
  equal(p.ranges?.next, null);
  p.release();
  writer.release();
});
