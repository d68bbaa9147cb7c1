/**
 * Random sources. Whoever needs chance is handed one: entropy in real use, the seed in a world.
 */
export interface RandomSource {
  /** A uniformly distributed int32. */
  int32(): number;
}

/** A uniform integer in [0, n), n <= 2^31, without modulo bias worth speaking of (multiply-shift, Lemire 2019). */
export function below(random: RandomSource, n: number): number {
  return Math.floor(((random.int32() >>> 0) / 4294967296) * n);
}

/** True with the given probability (0 to 1), at a resolution of 2^-32. */
export function chance(random: RandomSource, probability: number): boolean {
  return probability > 0 && (random.int32() >>> 0) < probability * 4294967296;
}

/** sfc32 (Doty-Humphrey's small fast counting generator), seeded from any string or number; period about 2^127. */
export class SeededRandom implements RandomSource {
  private a = 0;
  private b = 0;
  private c = 0;
  private counter = 1;

  constructor(seed: string | number) {
    const text = String(seed);
    // FNV-1a over the seed's text gives the three start words; 15 rounds mix them.
    let h = 0x811c9dc5 | 0;
    const word = (salt: number): number => {
      for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
      h = Math.imul(h ^ salt, 0x01000193);
      return h ^ (h >>> 15);
    };
    this.a = word(1);
    this.b = word(2);
    this.c = word(3);
    for (let i = 0; i < 15; i++) this.int32();
  }

  int32(): number {
    const t = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + t) | 0;
    return t;
  }

  /** An independent generator derived from this one and a label: adding a drawer does not disturb the others. */
  fork(label: string): SeededRandom {
    return new SeededRandom(`${this.int32()}/${label}`);
  }
}
