/**
 * Signals that wait: for each number those of it in the order of their arrival, so that taking the next one costs the same
 * however many there are.
 */
import type { SignalInfo } from './signal-info.ts';
import { isSynchronous, LAST_SIGNAL } from './signal-numbers.ts';
import { SignalSet } from './signal-set.ts';

const SYNCHRONOUS = SignalSet.of(Array.from({ length: LAST_SIGNAL }, (_, i) => i + 1).filter(isSynchronous));

export class PendingSignals {
  /** The numbers of which there are some. */
  set: SignalSet = SignalSet.none;
  private readonly first: (SignalInfo | null)[] = [];
  private readonly last: (SignalInfo | null)[] = [];

  has(signo: number): boolean {
    return this.set.has(signo);
  }

  push(info: SignalInfo): void {
    const { signo } = info;
    const before = this.last[signo] ?? null;
    info.next = null;
    if (before === null) {
      this.first[signo] = info;
      this.set = this.set.with(SignalSet.of([signo]));
    } else before.next = info;
    this.last[signo] = info;
  }

  /** Takes the next signal of `wanted`: faults first, then the lowest number, of several the oldest; null when there is none. */
  take(wanted: SignalSet): SignalInfo | null {
    const there = this.set.and(wanted);
    const signo = there.and(SYNCHRONOUS).lowest || there.lowest;
    if (signo === 0) return null;
    const info = this.first[signo] as SignalInfo;
    this.first[signo] = info.next;
    if (info.next === null) this.emptied(signo);
    info.next = null;
    return info;
  }

  private emptied(signo: number): void {
    this.last[signo] = null;
    this.set = this.set.without(SignalSet.of([signo]));
  }

  /** Takes one of them out, wherever it stands among those of its number: false when it is not here. */
  remove(info: SignalInfo): boolean {
    const { signo } = info;
    let before: SignalInfo | null = null;
    for (let at = this.first[signo] ?? null; at !== null; at = at.next) {
      if (at === info) {
        if (before === null) this.first[signo] = at.next;
        else before.next = at.next;
        if (at.next === null) this.last[signo] = before;
        if (this.first[signo] === null) this.emptied(signo);
        at.next = null;
        return true;
      }
      before = at;
    }
    return false;
  }
}
