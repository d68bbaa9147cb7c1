/** How much of something each user has, for the limits that count over all of his processes. */
export class UserCounts {
  private readonly counts: Map<number, number> = new Map();

  of(uid: number): number {
    return this.counts.get(uid) ?? 0;
  }

  add(uid: number, change: number): void {
    const count = this.of(uid) + change;
    if (count === 0) this.counts.delete(uid);
    else this.counts.set(uid, count);
  }
}
