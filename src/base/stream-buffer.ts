/**
 * A byte stream as a list of ranges: TCP's two directions, AF_UNIX streams and pipes.
 *
 * Payload is copied once from the sender (`append`) and once to the receiver (`read`); between them only ranges move.
 * A cursor remembers where the last `seek` ended, so a sender that walks forward through a long buffer does not start
 * from its front each time.
 */
import {
  CHUNK_SIZE, type Chunk, type ChunkWriter, copyBytes, giveRangeAway, KEEP_COPY_BYTES, type Range, releaseRange, releaseRanges, takeRange,
} from './slab.ts';

export class StreamBuffer {
  /** Bytes held. */
  length = 0;
  first: Range | null = null;
  private last: Range | null = null;
  private cursor: Range | null = null;
  /** Distance of the cursor range's first byte from the front. */
  private cursorAt = 0;
  /** Where the payload that `keepRanges` saw last ended at its sender's, and how many bytes came in one piece up to there. */
  private runChunk: Chunk | null = null;
  private runEnd = 0;
  private runBytes = 0;

  /** Copies `length` bytes of `from` to the end. */
  append(from: Uint8Array, fromAt: number, length: number, writer: ChunkWriter): void {
    let at = fromAt;
    let left = length;
    if (left <= 0) return;
    writer.rewind();
    while (left > 0) {
      const room = writer.reserve(left);
      const n = left < room ? left : room;
      const chunk = writer.chunk as Chunk;
      copyBytes(from, at, chunk.bytes, writer.used, n);
      this.link(chunk, writer.used, n);
      writer.used += n;
      at += n;
      left -= n;
    }
  }

  private link(chunk: Chunk, offset: number, length: number): void {
    const last = this.last;
    this.length += length;
    if (last !== null && last.chunk === chunk && last.offset + last.length === offset) {
      last.length += length;
      return;
    }
    this.push(takeRange(chunk, offset, length));
  }

  private push(range: Range): void {
    if (this.last === null) this.first = range;
    else this.last.next = range;
    this.last = range;
  }

  /** Takes over a list of ranges (with their references); contiguous neighbours merge, empty ones are let go. */
  takeRanges(first: Range | null): void {
    let range = first;
    while (range !== null) {
      const next = range.next;
      range.next = null;
      const last = this.last;
      this.length += range.length;
      if (last !== null && last.chunk === range.chunk && last.offset + last.length === range.offset) {
        last.length += range.length;
        releaseRange(range);
      } else if (range.length === 0) {
        // An empty range would look like the end of the data to whoever walks the list.
        releaseRange(range);
      } else {
        this.push(range);
      }
      range = next;
    }
  }

  /**
   * As `takeRanges`, for the receiving side: `length` (> 0) bytes that may stay unread for long. What would hold a whole
   * chunk for a small payload's sake is copied into `writer`'s. A stream that goes on where the payload before it ended
   * is no small one, however short its segments: their ranges merge.
   */
  keepRanges(first: Range, length: number, writer: ChunkWriter): void {
    let bytes = length;
    if (this.runChunk === first.chunk && this.runEnd === first.offset) bytes += this.runBytes;
    let last = first;
    while (last.next !== null) last = last.next;
    this.runChunk = last.chunk;
    this.runEnd = last.offset + last.length;
    this.runBytes = bytes > KEEP_COPY_BYTES ? KEEP_COPY_BYTES + 1 : bytes;
    if (bytes <= KEEP_COPY_BYTES) writer.keep(first);
    this.takeRanges(first);
  }

  /** Finds the range that holds the byte at `offset` (< length) and leaves the offset inside it in `seekInto`. */
  seek(offset: number): Range {
    let range = this.cursor;
    let at = this.cursorAt;
    if (range === null || at > offset) {
      range = this.first as Range;
      at = 0;
    }
    while (offset >= at + range.length) {
      at += range.length;
      range = range.next as Range;
    }
    this.cursor = range;
    this.cursorAt = at;
    this.seekInto = offset - at;
    return range;
  }

  /** Second result of `seek`. */
  seekInto = 0;

  /** Copies up to `length` bytes from `skip` bytes behind the front without taking them. Returns the count. */
  peek(to: Uint8Array, toAt: number, length: number, skip: number): number {
    let left = this.length - skip;
    if (left > length) left = length;
    if (left <= 0) return 0;
    const total = left;
    let range: Range | null = this.seek(skip);
    let into = this.seekInto;
    let at = toAt;
    while (left > 0 && range !== null) {
      const here = range.length - into;
      const n = left < here ? left : here;
      copyBytes((range.chunk as Chunk).bytes, range.offset + into, to, at, n);
      at += n;
      left -= n;
      into = 0;
      range = range.next;
    }
    return total;
  }

  /** Copies up to `length` bytes from the front and takes them. Returns the count. */
  read(to: Uint8Array, toAt: number, length: number): number {
    let left = this.length < length ? this.length : length;
    const total = left;
    let at = toAt;
    while (left > 0) {
      const range = this.first as Range;
      const n = left < range.length ? left : range.length;
      copyBytes((range.chunk as Chunk).bytes, range.offset, to, at, n);
      at += n;
      left -= n;
      this.drop(n);
    }
    return total;
  }

  /**
   * Takes `length` bytes (<= this.length) from the front with the memory that they are in, where they fill it and nobody else
   * holds it (the sender has let go what was acknowledged, nobody captures): it is the caller's then, who may write it. Null
   * where they have to be copied.
   */
  give(length: number): Uint8Array | null {
    const range = this.first;
    if (range === null || length !== CHUNK_SIZE || range.length !== CHUNK_SIZE) return null;
    const { refs, isAlone } = range.chunk as Chunk;
    if (refs !== 1 || !isAlone) return null;
    if (this.runChunk === range.chunk) this.runChunk = null;
    this.takeFirst();
    this.passed(length);
    return giveRangeAway(range);
  }

  /** Takes `n` bytes (<= length) from the front. */
  drop(n: number): void {
    let left = n;
    this.passed(n);
    while (left > 0) {
      const range = this.first as Range;
      if (range.length > left) {
        range.offset += left;
        range.length -= left;
        return;
      }
      left -= range.length;
      this.takeFirst();
      releaseRange(range);
    }
  }

  /** The front has moved by `n` bytes. */
  private passed(n: number): void {
    this.length -= n;
    if (this.cursorAt < n) this.cursor = null;
    else this.cursorAt -= n;
  }

  private takeFirst(): void {
    this.first = (this.first as Range).next;
    if (this.first === null) this.last = null;
  }

  /** Lets everything go. */
  clear(): void {
    releaseRanges(this.first);
    this.first = null;
    this.last = null;
    this.cursor = null;
    this.cursorAt = 0;
    this.length = 0;
  }
}

/** A buffer that is always empty and never appended to: what idle sockets share. */
export const EMPTY_STREAM: StreamBuffer = new StreamBuffer();
