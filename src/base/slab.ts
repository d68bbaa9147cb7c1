/**
 * Payload memory: chunks of fixed size cut from slabs, and ranges that refer to them.
 *
 * Everything that holds payload (a send buffer, a packet on a slow wire, a receive buffer) holds *ranges*; each range
 * owns one reference to its chunk, and a chunk returns to the free list when the last one lets go. Chunks and range
 * nodes are process-wide, so nothing is allocated per packet once the pools are warm.
 *
 *   slab (1 MiB)   | chunk 64 KiB | chunk | chunk | ...
 *   range          { chunk, offset, length, next }
 *
 * What a stream writes in one piece of a chunk's size or more goes into chunks whose memory is their own: their last holder
 * may give it away (`giveAway`), so that a reader who would keep a copy keeps the memory itself.
 */

import type { KernelMemory } from './kernel-memory.ts';

export const CHUNK_SIZE = 65536;
const CHUNKS_PER_SLAB = 16;

/**
 * Payloads up to this length are copied when a receiver queues them, since whoever reads them may take his time: one
 * byte would hold a chunk of the sender's, 65,536 times its size. Beyond it the factor is below 32. Up to it a copy
 * takes 20 to 60 ns (Node 20), of the 900 or so that a datagram's whole way takes.
 */
export const KEEP_COPY_BYTES = 2048;

/** A fixed-size buffer that never moves. `bytes` is its whole memory. */
export class Chunk {
  readonly bytes: Uint8Array;
  /** The memory of the slab, and where this chunk begins in it. */
  readonly slab: Uint8Array;
  readonly at: number;
  /** Number of ranges (and writers) that hold this chunk. */
  refs = 0;
  next: Chunk | null = null;
  /** The host that is charged for it while somebody holds it; null for nobody's. */
  memory: KernelMemory | null = null;

  constructor(slab: Uint8Array, at: number) {
    this.bytes = slab.length === CHUNK_SIZE ? slab : new Uint8Array(slab.buffer, at, CHUNK_SIZE);
    this.slab = slab;
    this.at = at;
  }

  /** Is its memory no part of a slab that others are cut from? */
  get isAlone(): boolean {
    return this.slab === this.bytes;
  }
}

/** A stretch of payload inside one chunk. Owns one reference to it. */
export class Range {
  chunk: Chunk | null = null;
  offset = 0;
  length = 0;
  next: Range | null = null;
}

/** Counts for leak tests and `/proc`-like output. */
export class SlabStatistics {
  /** Chunks that somebody holds. */
  chunksInUse = 0;
  /** Chunks that exist. */
  chunks = 0;
  /** Range nodes that somebody holds. */
  rangesInUse = 0;
  /** Chunks that were given away, in all. */
  given = 0;
}

export const slabStatistics = new SlabStatistics();
let freeChunks: Chunk | null = null;
/** Those whose memory is their own. */
let freeAlone: Chunk | null = null;
let freeRanges: Range | null = null;

/** Takes a chunk with one reference, which belongs to the caller; charged to `memory` until nobody holds it any more. */
export function takeChunk(memory: KernelMemory | null = null): Chunk {
  if (freeChunks === null) {
    const slab = new Uint8Array(CHUNK_SIZE * CHUNKS_PER_SLAB);
    for (let i = CHUNKS_PER_SLAB - 1; i >= 0; i--) {
      const chunk = new Chunk(slab, i * CHUNK_SIZE);
      chunk.next = freeChunks;
      freeChunks = chunk;
    }
    slabStatistics.chunks += CHUNKS_PER_SLAB;
  }
  const chunk = freeChunks as Chunk;
  freeChunks = chunk.next;
  return taken(chunk, memory);
}

/** Likewise one whose memory is its own. */
function takeChunkAlone(memory: KernelMemory | null): Chunk {
  let chunk = freeAlone;
  if (chunk === null) {
    chunk = new Chunk(new Uint8Array(CHUNK_SIZE), 0);
    slabStatistics.chunks++;
  } else {
    freeAlone = chunk.next;
  }
  return taken(chunk, memory);
}

function taken(chunk: Chunk, memory: KernelMemory | null): Chunk {
  chunk.next = null;
  chunk.refs = 1;
  chunk.memory = memory;
  if (memory !== null) memory.hold(CHUNK_SIZE);
  slabStatistics.chunksInUse++;
  return chunk;
}

/** Gives one reference back. */
export function releaseChunk(chunk: Chunk): void {
  if (--chunk.refs > 0) return;
  if (chunk.refs < 0) throw new Error('chunk released more often than it was taken');
  letGo(chunk);
  if (chunk.isAlone) {
    chunk.next = freeAlone;
    freeAlone = chunk;
  } else {
    chunk.next = freeChunks;
    freeChunks = chunk;
  }
}

/** Nobody holds it any more. */
function letGo(chunk: Chunk): void {
  slabStatistics.chunksInUse--;
  const { memory } = chunk;
  if (memory !== null) memory.letGo(CHUNK_SIZE);
  chunk.memory = null;
}

/** Its only holder gives a chunk out of our hands, with its memory, which must be its own: nobody here will write it again. */
export function giveAway(chunk: Chunk): Uint8Array {
  if (chunk.refs !== 1 || !chunk.isAlone) throw new Error('a chunk that others hold cannot be given away');
  letGo(chunk);
  slabStatistics.chunks--;
  slabStatistics.given++;
  return chunk.bytes;
}

/** A range of `length` bytes at `offset`; takes a reference to the chunk. */
export function takeRange(chunk: Chunk, offset: number, length: number): Range {
  let range = freeRanges;
  if (range === null) range = new Range();
  else freeRanges = range.next;
  chunk.refs++;
  range.chunk = chunk;
  range.offset = offset;
  range.length = length;
  range.next = null;
  slabStatistics.rangesInUse++;
  return range;
}

/** Frees one range node and its reference. */
export function releaseRange(range: Range): void {
  releaseChunk(range.chunk as Chunk);
  freeRange(range);
}

/** Frees one range node, and gives its chunk, which it fills and nobody else holds, away. */
export function giveRangeAway(range: Range): Uint8Array {
  const bytes = giveAway(range.chunk as Chunk);
  freeRange(range);
  return bytes;
}

function freeRange(range: Range): void {
  range.chunk = null;
  range.next = freeRanges;
  freeRanges = range;
  slabStatistics.rangesInUse--;
}

/** Frees a whole list of ranges. */
export function releaseRanges(first: Range | null): void {
  let range = first;
  while (range !== null) {
    const next = range.next;
    releaseRange(range);
    range = next;
  }
}

/** Below this a loop is faster than a call of `copyWithin` or `set`. */
const LOOP_BYTES = 16;

/**
 * Copies `length` bytes. V8 has no copy between arrays without making a view: a whole source array is set at once (20 ns),
 * else up to 64 bytes go by a loop (a nanosecond each, below the 50 to 100 ns of a `subarray`), the rest through a view
 * (measured on Node 20; look again when engines offer a ranged `set`).
 */
export function copyBytes(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, length: number): void {
  if (length > LOOP_BYTES && length === from.length) {
    // From its start, then: there is no more of it.
    to.set(from, toAt);
    return;
  }
  if (length <= 64) {
    let i = fromAt;
    let j = toAt;
    const end = fromAt + length;
    const end8 = end - 7;
    while (i < end8) {
      to[j] = from[i];
      to[j + 1] = from[i + 1];
      to[j + 2] = from[i + 2];
      to[j + 3] = from[i + 3];
      to[j + 4] = from[i + 4];
      to[j + 5] = from[i + 5];
      to[j + 6] = from[i + 6];
      to[j + 7] = from[i + 7];
      i += 8;
      j += 8;
    }
    while (i < end) to[j++] = from[i++];
    return;
  }
  to.set(from.subarray(fromAt, fromAt + length), toAt);
}

/** By a name of its own, which is 18 ns for 64 bytes and not 23 (Node 20). */
const { copyWithin } = Uint8Array.prototype;

/** Copies from chunk to chunk. Within a slab it takes no view, and a third of the time of one that does. */
function copyChunkBytes(from: Chunk, fromAt: number, to: Chunk, toAt: number, length: number): void {
  if (length <= LOOP_BYTES || from.slab !== to.slab) return copyBytes(from.bytes, fromAt, to.bytes, toAt, length);
  const start = from.at + fromAt;
  copyWithin.call(from.slab, to.at + toAt, start, start + length);
}

/**
 * The chunk that new payload is written into. One per host: all its sockets append to the same chunk, so an idle
 * socket owns no memory.
 */
export class ChunkWriter {
  chunk: Chunk | null = null;
  used = 0;
  private readonly memory: KernelMemory | null;

  /** `memory`: of the host that is charged. */
  constructor(memory: KernelMemory | null = null) {
    this.memory = memory;
  }

  /**
   * Makes room for at least one byte and returns how many bytes fit at `used`. A request for a whole chunk or more
   * starts a fresh one when the current is more than half full, so that large writes stay in one piece.
   */
  reserve(wanted: number): number {
    if (this.chunk !== null) {
      const room = CHUNK_SIZE - this.used;
      if (room > 0 && (wanted <= room || room >= CHUNK_SIZE / 2)) return room;
      if (room > 0 && wanted < CHUNK_SIZE / 2) return room;
      releaseChunk(this.chunk);
    }
    this.chunk = wanted >= CHUNK_SIZE ? takeChunkAlone(this.memory) : takeChunk(this.memory);
    this.used = 0;
    return CHUNK_SIZE;
  }

  /** Copies what fits into the current chunk of `length` bytes of another; returns the count. They end at `used`. */
  private copyFrom(from: Chunk, fromAt: number, length: number): number {
    const room = this.reserve(length);
    const n = length < room ? length : room;
    copyChunkBytes(from, fromAt, this.chunk as Chunk, this.used, n);
    this.used += n;
    return n;
  }

  /** Copies what a list of ranges refers to, and makes them refer to the copy; one that does not fit becomes two. */
  keep(first: Range): void {
    this.rewind();
    for (let range: Range | null = first; range !== null; range = range.next) {
      const from = range.chunk as Chunk;
      const n = this.copyFrom(from, range.offset, range.length);
      if (n < range.length) {
        const rest = takeRange(from, range.offset + n, range.length - n);
        rest.next = range.next;
        range.next = rest;
        range.length = n;
      }
      const chunk = this.chunk as Chunk;
      chunk.refs++;
      range.chunk = chunk;
      range.offset = this.used - n;
      releaseChunk(from);
    }
  }

  /** Drops the current chunk when nobody else refers to it or the host goes away. */
  release(): void {
    if (this.chunk !== null) releaseChunk(this.chunk);
    this.chunk = null;
    this.used = 0;
  }

  /** Starts over in the same chunk when every range in it is gone: keeps a quiet ping-pong in the cache. */
  rewind(): void {
    if (this.chunk !== null && this.chunk.refs === 1) this.used = 0;
  }
}
