/**
 * What the tests of the parsers share: bytes from hexadecimal text, every truncation, seeded mutations.
 */
import { equal, ok } from 'node:assert/strict';
import { below, SeededRandom } from '../base/random.ts';

/** A parser as rule 3 wants it, bound to its record. */
export type Parse = (view: DataView, at: number, headEnd: number, len: number) => boolean;

/** Bytes of hexadecimal text; white space is ignored. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replace(/\s+/g, '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Hexadecimal text of [from, to). */
export function shown(view: DataView, from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) text += view.getUint8(i).toString(16).padStart(2, '0');
  return text;
}

/** A view on `bytes` at an odd offset whose memory ends where the bytes do: a read beyond them throws. */
function tight(bytes: Uint8Array, length: number): { view: DataView; at: number } {
  const at = 3;
  const memory = new Uint8Array(at + length);
  memory.set(bytes.subarray(0, length), at);
  return { view: viewOf(memory), at };
}

/** Checks that the whole is taken and every truncation refused: of the packet, of the head, and of the length. */
export function refusesTruncations(parse: Parse, bytes: Uint8Array, needed = bytes.length): void {
  const whole = tight(bytes, bytes.length);
  equal(parse(whole.view, whole.at, whole.at + bytes.length, bytes.length), true, 'the whole is taken');
  for (let cut = 0; cut < needed; cut++) {
    const { view, at } = tight(bytes, cut);
    equal(parse(view, at, at + cut, cut), false, `${cut} bytes of ${bytes.length}`);
    equal(parse(view, at, at + cut, bytes.length), false, `${cut} bytes in the head, the rest beyond it`);
    equal(parse(whole.view, whole.at, whole.at + bytes.length, cut), false, `${cut} bytes long, padding behind them`);
  }
}

/**
 * Runs `parse` over `count` mutations of `bytes` (flipped bits, random bytes, cuts), with memory that ends where the
 * bytes do. `check` is called for those that are taken. Returns how many were taken and how many refused.
 */
export function mutations(
  seed: string, bytes: Uint8Array, count: number, parse: Parse,
  check: (view: DataView, at: number, headEnd: number, len: number) => void = () => {},
): { taken: number; refused: number } {
  const random = new SeededRandom(seed);
  let taken = 0;
  for (let round = 0; round < count; round++) {
    const copy = bytes.slice();
    for (let strokes = 1 + below(random, 4); strokes > 0; strokes--) {
      const i = below(random, copy.length);
      if (below(random, 2) === 0) copy[i] ^= 1 << below(random, 8);
      else copy[i] = random.int32();
    }
    const length = below(random, 4) === 0 ? below(random, copy.length + 1) : copy.length;
    const { view, at } = tight(copy, length);
    // Sometimes part of the packet lies beyond the head.
    const len = length + (below(random, 4) === 0 ? below(random, 2000) : 0);
    try {
      if (!parse(view, at, at + length, len)) continue;
      taken++;
      check(view, at, at + length, len);
    } catch (error) {
      throw new Error(`seed ${seed}, round ${round}: ${shown(view, at, at + length)}`, { cause: error });
    }
  }
  ok(taken > 0, `seed ${seed}: no mutation was taken, so the check checked nothing`);
  return { taken, refused: count - taken };
}
