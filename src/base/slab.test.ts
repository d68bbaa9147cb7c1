import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Chunk, CHUNK_SIZE, ChunkWriter, copyBytes, giveAway, type Range, releaseChunk, releaseRange, releaseRanges, slabStatistics, takeChunk, takeRange,
} from './slab.ts';

test('a chunk returns to the pool with its last reference, and is used again', () => {
  const before = slabStatistics.chunksInUse;
  const chunk = takeChunk();
  equal(chunk.bytes.length, CHUNK_SIZE);
  const one = takeRange(chunk, 0, 10);
  const two = takeRange(chunk, 10, 10);
  equal(chunk.refs, 3);
  releaseChunk(chunk);
  releaseRange(one);
  equal(slabStatistics.chunksInUse, before + 1, 'a range still holds it');
  releaseRange(two);
  equal(slabStatistics.chunksInUse, before);
  equal(takeChunk(), chunk, 'the chunk freed last is the first to go out again');
  releaseChunk(chunk);
});

test('releasing a chunk too often is our own bug and throws', () => {
  const chunk = takeChunk();
  releaseChunk(chunk);
  throws(() => releaseChunk(chunk), /more often/);
  // Puts the count right for the tests behind this one.
  takeChunk().refs = 1;
  releaseChunk(chunk);
});

test('memory is given away by the last holder alone, and never used again; only memory of its own', () => {
  const before = { ...slabStatistics };
  const writer = new ChunkWriter();
  writer.reserve(CHUNK_SIZE);
  const chunk = writer.chunk as Chunk;
  const range = takeRange(chunk, 0, 10);
  throws(() => giveAway(chunk), /others hold/);
  releaseRange(range);
  const bytes = giveAway(chunk);
  equal(bytes.length, CHUNK_SIZE);
  equal(bytes.buffer.byteLength, CHUNK_SIZE);
  equal(slabStatistics.chunksInUse, before.chunksInUse);
  equal(slabStatistics.given, before.given + 1);
  writer.chunk = null;
  writer.reserve(CHUNK_SIZE);
  ok(writer.chunk !== chunk && (writer.chunk as unknown as Chunk).bytes !== bytes);
  writer.release();
  const cut = takeChunk();
  throws(() => giveAway(cut), /cannot be given/);
  releaseChunk(cut);
});

test('no two chunks in use share memory', () => {
  const chunks: Chunk[] = [];
  for (let i = 0; i < 40; i++) {
    const chunk = takeChunk();
    chunk.bytes.fill(i);
    chunks.push(chunk);
  }
  chunks.forEach((chunk, i) => ok(chunk.bytes.every((byte) => byte === i), `chunk ${i}`));
  for (const chunk of chunks) releaseChunk(chunk);
});

test('copyBytes copies any stretch to any place, and nothing else', () => {
  fc.assert(
    fc.property(fc.nat(40), fc.nat(40), fc.nat(300), (fromAt, toAt, length) => {
      const from = Uint8Array.from({ length: fromAt + length + 9 }, (_, i) => (i * 7 + 1) & 0xff);
      const to = new Uint8Array(toAt + length + 9).fill(0xee);
      copyBytes(from, fromAt, to, toAt, length);
      const expected = new Uint8Array(to.length).fill(0xee);
      for (let i = 0; i < length; i++) expected[toAt + i] = from[fromAt + i] as number;
      deepEqual(to, expected);
    }),
  );
  const whole = Uint8Array.from({ length: 100 }, (_, i) => i);
  const copy = new Uint8Array(100);
  copyBytes(whole, 0, copy, 0, 100);
  deepEqual(copy, whole);
});

/** The model: each live range keeps the bytes it was given, until it is released. */
test('ChunkWriter: what was written stays as long as a range refers to it (model)', () => {
  const chunksBefore = slabStatistics.chunksInUse;
  const rangesBefore = slabStatistics.rangesInUse;
  const command = fc.oneof(
    fc.record({ kind: fc.constant('write' as const), length: fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 150000 })) }),
    fc.record({ kind: fc.constant('release' as const), which: fc.nat() }),
    fc.record({ kind: fc.constant('rewind' as const) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const writer = new ChunkWriter();
      const live: { ranges: Range[]; fill: number }[] = [];
      let fill = 0;
      for (const step of commands) {
        if (step.kind === 'rewind') {
          writer.rewind();
        } else if (step.kind === 'release') {
          const [gone] = live.splice(step.which % (live.length || 1), 1);
          for (const range of gone?.ranges ?? []) releaseRange(range);
        } else {
          fill = (fill + 1) & 0xff;
          const ranges: Range[] = [];
          let left = step.length;
          writer.rewind();
          while (left > 0) {
            const room = writer.reserve(left);
            ok(room >= 1, 'reserve makes room for at least one byte');
            const n = Math.min(room, left);
            const chunk = writer.chunk as Chunk;
            ok(writer.used + n <= CHUNK_SIZE);
            chunk.bytes.fill(fill, writer.used, writer.used + n);
            ranges.push(takeRange(chunk, writer.used, n));
            writer.used += n;
            left -= n;
          }
          live.push({ ranges, fill });
        }
        for (const { ranges, fill: expected } of live) {
          for (const { chunk, offset, length } of ranges) {
            ok((chunk as Chunk).bytes.subarray(offset, offset + length).every((byte) => byte === expected));
          }
        }
      }
      for (const { ranges } of live) for (const range of ranges) releaseRange(range);
      writer.release();
      equal(slabStatistics.chunksInUse, chunksBefore);
      equal(slabStatistics.rangesInUse, rangesBefore);
    }),
    { numRuns: 60 },
  );
});

test('ChunkWriter: a large write takes at most one range more than it must', () => {
  const writer = new ChunkWriter();
  writer.reserve(1);
  writer.used = 40000;
  const hold = takeRange(writer.chunk as Chunk, 0, 40000);
  equal(writer.reserve(CHUNK_SIZE), CHUNK_SIZE, 'more than half full: a fresh chunk');
  releaseRange(hold);
  writer.used = 20000;
  equal(writer.reserve(CHUNK_SIZE), CHUNK_SIZE - 20000, 'less than half full: the rest is used first');
  writer.release();
});

test('releaseRanges frees a whole list', () => {
  const before = slabStatistics.rangesInUse;
  const chunk = takeChunk();
  let first: Range | null = null;
  for (let i = 0; i < 5; i++) {
    const range = takeRange(chunk, i, 1);
    range.next = first;
    first = range;
  }
  releaseChunk(chunk);
  releaseRanges(first);
  releaseRanges(null);
  equal(slabStatistics.rangesInUse, before);
  equal(chunk.refs, 0);
});
