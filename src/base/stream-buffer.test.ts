import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Chunk, ChunkWriter, type Range, releaseRanges, slabStatistics, takeRange } from './slab.ts';
import { StreamBuffer } from './stream-buffer.ts';

let counter = 0;
function fresh(length: number): Uint8Array {
  return Uint8Array.from({ length }, () => (counter = (counter * 31 + 7) & 0xff));
}

/** Ranges over a copy of `bytes`, cut into pieces of `piece` bytes. */
function rangesOf(bytes: Uint8Array, piece: number, writer: ChunkWriter): Range | null {
  const buffer = new StreamBuffer();
  buffer.append(bytes, 0, bytes.length, writer);
  let first: Range | null = null;
  let last: Range | null = null;
  for (let range = buffer.first; range !== null; range = range.next) {
    for (let at = 0; at < range.length; at += piece) {
      const cut: Range = takeRange(range.chunk as Chunk, range.offset + at, Math.min(piece, range.length - at));
      if (last === null) first = cut;
      else last.next = cut;
      last = cut;
    }
  }
  buffer.clear();
  return first;
}

const size = fc.oneof(fc.nat(100), fc.nat(5000), fc.nat(140000));
const command = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), length: size, skip: fc.nat(9) }),
  fc.record({ kind: fc.constant('take' as const), length: size, piece: fc.integer({ min: 1, max: 3000 }) }),
  fc.record({ kind: fc.constant('read' as const), length: size }),
  fc.record({ kind: fc.constant('peek' as const), length: size, skip: size }),
  fc.record({ kind: fc.constant('drop' as const), part: fc.nat(100) }),
  fc.record({ kind: fc.constant('seek' as const), part: fc.nat(99) }),
  fc.record({ kind: fc.constant('clear' as const) }),
);

test('StreamBuffer behaves as a byte array does (model), and gives all memory back', () => {
  const chunks = slabStatistics.chunksInUse;
  const ranges = slabStatistics.rangesInUse;
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
      const writer = new ChunkWriter();
      const buffer = new StreamBuffer();
      let model = new Uint8Array(0);
      for (const step of commands) {
        switch (step.kind) {
          case 'append': {
            const bytes = fresh(step.length + step.skip);
            buffer.append(bytes, step.skip, step.length, writer);
            model = Uint8Array.from([...model, ...bytes.subarray(step.skip)]);
            break;
          }
          case 'take': {
            const bytes = fresh(step.length);
            buffer.takeRanges(rangesOf(bytes, step.piece, writer));
            model = Uint8Array.from([...model, ...bytes]);
            break;
          }
          case 'read':
          case 'peek': {
            const skip = step.kind === 'peek' ? step.skip : 0;
            const into = new Uint8Array(step.length + 3);
            const count =
              step.kind === 'peek' ? buffer.peek(into, 3, step.length, skip) : buffer.read(into, 3, step.length);
            const expected = model.subarray(skip, skip + step.length);
            equal(count, expected.length);
            deepEqual(into.subarray(3, 3 + count), new Uint8Array(expected));
            if (step.kind === 'read') model = model.slice(count);
            break;
          }
          case 'drop': {
            const n = Math.floor((model.length * step.part) / 100);
            buffer.drop(n);
            model = model.slice(n);
            break;
          }
          case 'seek': {
            if (model.length === 0) break;
            const at = Math.floor((model.length * step.part) / 100);
            const range = buffer.seek(at);
            equal((range.chunk as Chunk).bytes[range.offset + buffer.seekInto], model[at]);
            break;
          }
          default:
            buffer.clear();
            model = new Uint8Array(0);
        }
        equal(buffer.length, model.length);
      }
      const rest = new Uint8Array(model.length);
      buffer.peek(rest, 0, rest.length, 0);
      deepEqual(rest, model);
      buffer.clear();
      writer.release();
      equal(slabStatistics.chunksInUse, chunks);
      equal(slabStatistics.rangesInUse, ranges);
    }),
    { numRuns: 80 },
  );
});

test('contiguous ranges merge: many small appends make one range', () => {
  const writer = new ChunkWriter();
  const buffer = new StreamBuffer();
  const before = slabStatistics.rangesInUse;
  for (let i = 0; i < 1000; i++) buffer.append(Uint8Array.of(i), 0, 1, writer);
  equal(slabStatistics.rangesInUse, before + 1);
  buffer.clear();
  writer.release();
});

test('an empty range in a taken list is no end of the stream: reading goes on behind it', () => {
  const writer = new ChunkWriter();
  const buffer = new StreamBuffer();
  writer.reserve(1);
  const chunk = writer.chunk as Chunk;
  chunk.bytes.set([1, 2, 3]);
  const empty = takeRange(chunk, 100, 0);
  empty.next = takeRange(chunk, 0, 3);
  buffer.takeRanges(empty);
  const out = new Uint8Array(3);
  equal(buffer.read(out, 0, 3), 3);
  deepEqual(out, Uint8Array.of(1, 2, 3));
  releaseRanges(buffer.first);
  writer.release();
});

test('a cursor that lies behind the front survives a drop, and one in front of it does not', () => {
  const writer = new ChunkWriter();
  const buffer = new StreamBuffer();
  const bytes = fresh(200000);
  buffer.append(bytes, 0, bytes.length, writer);
  buffer.seek(150000);
  buffer.drop(70000);
  for (const at of [80000, 79999, 0, 129999]) {
    const range = buffer.seek(at);
    equal((range.chunk as Chunk).bytes[range.offset + buffer.seekInto], bytes[70000 + at]);
  }
  buffer.clear();
  writer.release();
});
