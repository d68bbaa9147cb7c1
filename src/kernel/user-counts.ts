/** How much of something each user has, for the limits that count over all of his processes. */
import type { KernelMemory } from '../base/kernel-memory.ts';

export class UserCounts {
  private readonly counts: Map<number, number> = new Map();
  private readonly memory: KernelMemory | null;
  private readonly bytesEach: number;

  /** Each takes `bytesEach` of the host's memory; null for what takes none. */
  constructor(memory: KernelMemory | null = null, bytesEach = 0) {
    this.memory = memory;
    this.bytesEach = bytesEach;
  }

  /** Has the host no memory for another one? */
  get lacksMemory(): boolean {
    return this.memory !== null && this.memory.lacks(this.bytesEach);
  }

  /** Of all users together. */
  get total(): number {
    let total = 0;
    for (const count of this.counts.values()) total += count;
    return total;
  }

  of(uid: number): number {
    return this.counts.get(uid) ?? 0;
  }

  add(uid: number, change: number): void {
    const count = this.of(uid) + change;
    if (this.memory !== null) this.memory.hold(change * this.bytesEach);
    if (count === 0) this.counts.delete(uid);
    else this.counts.set(uid, count);
  }
}
