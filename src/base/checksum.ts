/**
 * The Internet checksum: one's complement sums of 16-bit words (RFC 1071), updated in place as RFC 1624 says.
 *
 * Called by every protocol that has a checksum field. A *sum* here is an un-folded number in network order: the sum of
 * `getUint16(at)` over a range, modulo 65,535. Header fields can therefore be added to it as they are, in any order:
 *
 *   checksum = finish(sumView(view, at, end, pseudoHeaderSum4(src, dst, IpProto.Udp, length)))
 *
 * Sums stay below 2^30 (a small integer everywhere) as long as fewer than 2,000 ranges are added up without a fold.
 */

/** Above this length a range is worth the look-up of its buffer's DataView (measured: 48 to 80 bytes break even). */
const BYTEWISE_LIMIT = 64;

/**
 * Adds the bytes [from, to) of `view` to `sum`. The range counts as starting on an even byte of the message; an odd
 * last byte is padded with zero (RFC 1071 section 4.1). For messages in several ranges of odd length see
 * ChecksumAccumulator. A range is at most 128 KiB long.
 */
export function sumView(view: DataView, from: number, to: number, sum: number): number {
  // Two int32 counters per 32-bit word are the fastest plain JavaScript found (1,460 bytes: 270 to 440 ns on Node 20,
  // against 550 for a Uint16Array and 1,200 for bytes). `all` sums whole words modulo 2^32 and `high` their upper
  // halves, so that `all - (high << 16)` is the exact sum of the lower halves: below 2^32 for 128 KiB.
  let all = 0;
  let high = 0;
  let i = from;
  for (const end = to - 15; i < end; i += 16) {
    const a = view.getInt32(i);
    const b = view.getInt32(i + 4);
    const c = view.getInt32(i + 8);
    const d = view.getInt32(i + 12);
    all = (all + a + b + c + d) | 0;
    high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0;
  }
  const low = (all - (high << 16)) | 0;
  let rest = 0;
  for (const end = to - 1; i < end; i += 2) rest += view.getUint16(i);
  if (i < to) rest += view.getUint8(i) << 8;
  return sum + (low >>> 16) + (low & 0xffff) + (high >>> 16) + (high & 0xffff) + rest;
}

/**
 * Adds the bytes [from, to) of `bytes` to `sum`, as sumView does; for callers that hold no DataView (payload chunks).
 * Costs about 30 ns more.
 */
export function sumBytes(bytes: Uint8Array, from: number, to: number, sum: number): number {
  if (to - from > BYTEWISE_LIMIT) {
    const base = bytes.byteOffset;
    return sumView(viewOf(bytes.buffer), base + from, base + to, sum);
  }
  let high = 0;
  let low = 0;
  let i = from;
  for (const end = to - 1; i < end; i += 2) {
    high += bytes[i];
    low += bytes[i + 1];
  }
  if (i < to) high += bytes[i];
  return sum + (high << 8) + low;
}

/** Folds a sum to 16 bits: end-around carry. The result is 0 only when every word was 0. */
export function fold(sum: number): number {
  const once = (sum >>> 16) + (sum & 0xffff);
  return (once >>> 16) + (once & 0xffff);
}

/** The value of a checksum field: the complement of the folded sum. */
export function finish(sum: number): number {
  return ~fold(sum) & 0xffff;
}

/** The sum of a range that begins on an odd byte of its message: its bytes change places (RFC 1071 section 2 B). */
export function swapSum(sum: number): number {
  const folded = fold(sum);
  return ((folded & 0xff) << 8) | (folded >>> 8);
}

/**
 * Adds a message that lies in several ranges, some of odd length. Keep one and `reset` it per message.
 */
export class ChecksumAccumulator {
  private sum = 0;
  private odd = false;

  /** Starts a new message; `sum` is what to add to, such as a pseudo-header's sum. */
  reset(sum: number): void {
    this.sum = sum;
    this.odd = false;
  }

  addView(view: DataView, from: number, to: number): void {
    this.append(sumView(view, from, to, 0), to - from);
  }

  addBytes(bytes: Uint8Array, from: number, to: number): void {
    this.append(sumBytes(bytes, from, to, 0), to - from);
  }

  /** The folded sum so far, for verification (0xffff is a good checksum) or a partial checksum field. */
  folded(): number {
    return fold(this.sum);
  }

  /** The value for a checksum field. */
  finish(): number {
    return finish(this.sum);
  }

  private append(rangeSum: number, length: number): void {
    this.sum = fold(this.sum) + (this.odd ? swapSum(rangeSum) : rangeSum);
    if ((length & 1) !== 0) this.odd = !this.odd;
  }
}

/** Sum of the IPv4 pseudo-header (RFC 9293 section 3.1): addresses as int32, protocol, length of the transport part. */
export function pseudoHeaderSum4(src: number, dst: number, protocol: number, length: number): number {
  return wordSum(src) + wordSum(dst) + protocol + (length >>> 16) + (length & 0xffff);
}

/** Sum of the IPv6 pseudo-header (RFC 8200 section 8.1). `nextHeader` is the transport's, whatever headers precede. */
export function pseudoHeaderSum6(
  srcA: number, srcB: number, srcC: number, srcD: number,
  dstA: number, dstB: number, dstC: number, dstD: number,
  nextHeader: number, length: number,
): number {
  return (
    wordSum(srcA) + wordSum(srcB) + wordSum(srcC) + wordSum(srcD) +
    wordSum(dstA) + wordSum(dstB) + wordSum(dstC) + wordSum(dstD) +
    nextHeader + (length >>> 16) + (length & 0xffff)
  );
}

/** The sum of one 32-bit word's halves, for adding words (addresses, sequence numbers) to a sum. */
export function wordSum(word: number): number {
  return (word >>> 16) + (word & 0xffff);
}

/**
 * The new value of a checksum field after one 16-bit word of its message changed (RFC 1624 equation 3, which unlike
 * equation 2 never yields 0xffff from a message that is not all zero).
 */
export function updateChecksum(checksum: number, oldWord: number, newWord: number): number {
  return ~fold((~checksum & 0xffff) + (~oldWord & 0xffff) + (newWord & 0xffff)) & 0xffff;
}

/** As updateChecksum, for a 32-bit word at an even offset (an address, a sequence number). */
export function updateChecksum32(checksum: number, oldWord: number, newWord: number): number {
  return ~fold((~checksum & 0xffff) + wordSum(~oldWord) + wordSum(newWord)) & 0xffff;
}

// DataViews over whole buffers. Slabs of 1 MiB hold many chunks, so the last buffer is usually the next one too; the
// map is weak, so that it keeps no buffer alive but the last.
const views = new WeakMap<ArrayBufferLike, DataView>();
let lastBuffer: ArrayBufferLike = new ArrayBuffer(0);
let lastView: DataView<ArrayBufferLike> = new DataView(lastBuffer);

function viewOf(buffer: ArrayBufferLike): DataView {
  if (buffer === lastBuffer) return lastView;
  let view = views.get(buffer);
  if (view === undefined) {
    view = new DataView(buffer);
    views.set(buffer, view);
  }
  lastBuffer = buffer;
  lastView = view;
  return view;
}
