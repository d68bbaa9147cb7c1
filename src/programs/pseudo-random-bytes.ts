/**
 * The fixed sequence that http's `/bytes/N` serves, so that anyone can check what arrived without a copy of it.
 *
 * The sequence is 32-bit words in little-endian order; word k (from 0) is MurmurHash3's finalizer of k + 0x9e3779b9:
 *
 *   h = k + 0x9e3779b9;  h ^= h >>> 16;  h *= 0x85ebca6b;  h ^= h >>> 13;  h *= 0xc2b2ae35;  h ^= h >>> 16    (mod 2^32)
 *
 * Each word follows from its place alone, so a lost, doubled or exchanged piece shows wherever it is; it repeats after
 * 16 GiB.
 */

/** Fills `words` with the sequence from word `first` on. (A typed array is little-endian wherever JavaScript runs.) */
export function fillPseudoRandom(words: Int32Array, first: number): void {
  for (let i = 0, k = (first + 0x9e3779b9) | 0; i < words.length; i++, k = (k + 1) | 0) {
    let h = k ^ (k >>> 16);
    h = Math.imul(h, 0x85ebca6b);
    h ^= h >>> 13;
    h = Math.imul(h, 0xc2b2ae35);
    words[i] = h ^ (h >>> 16);
  }
}
