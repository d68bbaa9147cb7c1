import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CHUNK_SIZE, type Chunk, ChunkWriter, type Range, releaseRanges, slabStatistics, takeRange } from './slab.ts';
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
  fc.record({ kind: fc.constant('keep' as const), length: size, piece: fc.integer({ min: 1, max: 3000 }) }),
  fc.record({ kind: fc.constant('read' as const), length: size }),
  fc.record({ kind: fc.constant('peek' as const), length: size, skip: size }),
  fc.record({ kind: fc.constant('give' as const), length: fc.constantFrom(CHUNK_SIZE, 40_000, 100) }),
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
      const keeper = new ChunkWriter();
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
          case 'keep': {
            const bytes = fresh(step.length + 1);
            buffer.keepRanges(rangesOf(bytes, step.piece, writer) as Range, bytes.length, keeper);
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
          case 'give': {
            const length = Math.min(step.length, model.length);
            const bytes = buffer.give(length);
            if (bytes === null) break;
            deepEqual(new Uint8Array(bytes), model.slice(0, length));
            model = model.slice(length);
            // It belongs to whoever has it: nothing that is left may change with it.
            new Uint8Array(bytes.buffer).fill(0xee);
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
      keeper.release();
      equal(slabStatistics.chunksInUse, chunks);
      equal(slabStatistics.rangesInUse, ranges);
    }),
    { numRuns: 80 },
  );
});

test('a front that fills its chunk, which nobody else holds, is given with its memory', () => {
  const writer = new ChunkWriter();
  const buffer = new StreamBuffer();
  const given = slabStatistics.given;
  const [a, b, c] = [fresh(CHUNK_SIZE), fresh(CHUNK_SIZE), fresh(CHUNK_SIZE)];
  for (const bytes of [a, b, c]) buffer.append(bytes, 0, bytes.length, writer);
  equal(buffer.give(CHUNK_SIZE - 1), null, 'not less than is in it');
  const held = takeRange(buffer.first?.chunk as Chunk, 5, 5);
  equal(buffer.give(CHUNK_SIZE), null, 'somebody holds it');
  releaseRanges(held);
  deepEqual(buffer.give(CHUNK_SIZE), a);
  equal(buffer.length, 2 * CHUNK_SIZE);
  buffer.drop(1);
  equal(buffer.first?.chunk?.refs, 1);
  equal(buffer.give(CHUNK_SIZE - 1), null, 'not all of the memory');
  equal(buffer.give(CHUNK_SIZE), null, 'nor across two');
  buffer.drop(CHUNK_SIZE - 1);
  equal(buffer.give(CHUNK_SIZE), null, 'the writer may go on in it');
  writer.release();
  deepEqual(buffer.give(CHUNK_SIZE), c);
  equal(buffer.first, null);
  equal(slabStatistics.given - given, 2);
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

test('DESIGN 3: small payloads are copied together; a stream that goes on in one piece is referred to', () => {
  const keeper = new ChunkWriter();
  const buffer = new StreamBuffer();
  const before = slabStatistics.chunksInUse;
  const arrive = (chunk: Chunk, offset: number, length: number): void => {
    buffer.keepRanges(takeRange(chunk, offset, length), length, keeper);
  };
  // One byte each in chunks of their own: all of them end up in one.
  for (let i = 0; i < 50; i++) {
    const writer = new ChunkWriter();
    writer.reserve(1);
    arrive(writer.chunk as Chunk, 7, 1);
    writer.release();
  }
  equal(slabStatistics.chunksInUse - before, 1);
  equal(buffer.first?.length, 50, 'in one range');
  // Segments of 1448 that follow each other where they lie: the first is copied, the others are not.
  const writer = new ChunkWriter();
  writer.reserve(1);
  const chunk = writer.chunk as Chunk;
  for (let i = 0; i < 40; i++) arrive(chunk, i * 1448, 1448);
  equal(buffer.length, 50 + 40 * 1448);
  equal(buffer.first?.length, 50 + 1448);
  equal(buffer.first?.next?.chunk, chunk);
  equal(buffer.first?.next?.length, 39 * 1448);
  buffer.clear();
  writer.release();
  keeper.release();
  equal(slabStatistics.chunksInUse, before);
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
