/**
 * Interleaved rounds: ours, the kernel's, ours, the kernel's ... so that a machine whose speed drifts slows both alike.
 * What is reported is the median of each side and the median and spread of the ratio round by round.
 */
export interface Figure {
  /** Median of ours. */
  value: number;
  unit: string;
  /** Median of the kernel's, or null where the kernel has nothing to compare. */
  kernel: number | null;
  /** Median of the ratios of the rounds; above 1 we are better. */
  ratio: number | null;
  /** Smallest and largest ratio of a round. */
  ratioMin: number | null;
  ratioMax: number | null;
  rounds: number;
  /** What else a round has counted, for those who read the figure. */
  note?: string;
}

export interface Side {
  /** Runs one round and returns its figure (more is better, unless the case says otherwise). */
  round(): Promise<number>;
  close(): Promise<void>;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Runs `rounds` pairs after one uncounted warm-up pair. `lessIsBetter` turns the ratio round. */
export async function interleave(ours: Side, kernel: Side, rounds: number, unit: string, lessIsBetter = false): Promise<Figure> {
  await ours.round();
  await kernel.round();
  const mine: number[] = [];
  const theirs: number[] = [];
  const ratios: number[] = [];
  for (let i = 0; i < rounds; i++) {
    // The order alternates, so that neither side always runs on the garbage of the other.
    const first = i % 2 === 0 ? ours : kernel;
    const second = i % 2 === 0 ? kernel : ours;
    const a = await first.round();
    const b = await second.round();
    const [m, t] = i % 2 === 0 ? [a, b] : [b, a];
    mine.push(m);
    theirs.push(t);
    ratios.push(lessIsBetter ? t / m : m / t);
  }
  return {
    value: median(mine), unit, kernel: median(theirs), ratio: median(ratios),
    ratioMin: Math.min(...ratios), ratioMax: Math.max(...ratios), rounds,
  };
}
