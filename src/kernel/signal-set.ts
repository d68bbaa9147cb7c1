/**
 * Sets of signals: sigset_t, as a value. The 64 bits are two words, so that none of it needs a BigInt.
 */
import { isSignal, Signal } from './signal-numbers.ts';

export class SignalSet {
  static readonly none: SignalSet = new SignalSet(0, 0);
  static readonly all: SignalSet = new SignalSet(-1, -1);
  /** SIGKILL and SIGSTOP, which nobody can block. */
  static readonly unblockable: SignalSet = SignalSet.of([Signal.SIGKILL, Signal.SIGSTOP]);
  /** Signals 1 to 32, and 33 to 64. */
  private readonly low: number;
  private readonly high: number;

  private constructor(low: number, high: number) {
    this.low = low;
    this.high = high;
  }

  /** The set of these signals; what is no signal is left out, as bits beyond the 64th are in C. */
  static of(signals: Iterable<number>): SignalSet {
    let low = 0;
    let high = 0;
    for (const signo of signals) {
      if (!isSignal(signo)) continue;
      if (signo <= 32) low |= 1 << (signo - 1);
      else high |= 1 << (signo - 33);
    }
    return new SignalSet(low, high);
  }

  has(signo: number): boolean {
    return signo <= 32 ? ((this.low >>> (signo - 1)) & 1) !== 0 : ((this.high >>> (signo - 33)) & 1) !== 0;
  }

  with(other: SignalSet): SignalSet {
    return new SignalSet(this.low | other.low, this.high | other.high);
  }

  without(other: SignalSet): SignalSet {
    return new SignalSet(this.low & ~other.low, this.high & ~other.high);
  }

  and(other: SignalSet): SignalSet {
    return new SignalSet(this.low & other.low, this.high & other.high);
  }

  get isEmpty(): boolean {
    return (this.low | this.high) === 0;
  }

  /** The lowest signal of the set; 0 when there is none. */
  get lowest(): number {
    if (this.low !== 0) return 32 - Math.clz32(this.low & -this.low);
    return this.high === 0 ? 0 : 64 - Math.clz32(this.high & -this.high);
  }

  /** The signals of the set, the lowest first. */
  toArray(): number[] {
    const signals: number[] = [];
    for (let signo = 1; signo <= 64; signo++) if (this.has(signo)) signals.push(signo);
    return signals;
  }
}
