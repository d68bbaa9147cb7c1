/**
 * A small keyed hash for everything a stranger must not be able to predict: initial sequence numbers, timestamp
 * offsets, port choice, and the order inside hash tables.
 *
 * HalfSipHash-2-4 (Aumasson and Bernstein's SipHash on 32-bit words; Linux uses it on 32-bit machines for the same
 * purposes). Words are mixed in by `add`; nothing is allocated.
 */
import type { RandomSource } from '../base/random.ts';

export class KeyedHash {
  private readonly keyA: number;
  private readonly keyB: number;
  private v0 = 0;
  private v1 = 0;
  private v2 = 0;
  private v3 = 0;
  private count = 0;

  constructor(random: RandomSource) {
    this.keyA = random.int32();
    this.keyB = random.int32();
  }

  /** Starts a new message. */
  begin(): void {
    this.v0 = this.keyA;
    this.v1 = this.keyB;
    this.v2 = this.keyA ^ 0x6c796765;
    this.v3 = this.keyB ^ 0x74656462;
    this.count = 0;
  }

  add(word: number): void {
    this.v3 ^= word;
    this.round();
    this.round();
    this.v0 ^= word;
    this.count++;
  }

  /** The hash of the words added since `begin`: an int32. */
  end(): number {
    const last = this.count << 26;
    this.v3 ^= last;
    this.round();
    this.round();
    this.v0 ^= last;
    this.v2 ^= 0xff;
    this.round();
    this.round();
    this.round();
    this.round();
    return this.v1 ^ this.v3;
  }

  private round(): void {
    let v0 = this.v0;
    let v1 = this.v1;
    let v2 = this.v2;
    let v3 = this.v3;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    this.v0 = v0;
    this.v1 = v1;
    this.v2 = v2;
    this.v3 = v3;
  }
}
