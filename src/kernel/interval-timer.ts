/** ITIMER_REAL (setitimer(2), alarm(2)): SIGALRM after a time, and again after each interval. */
import { Timer } from '../base/timer-queue.ts';
import type { KernelProcess } from './process.ts';
import { SignalInfo } from './signal-info.ts';
import { Signal } from './signal-numbers.ts';

export class IntervalTimer extends Timer {
  private readonly process: KernelProcess;
  /** Microseconds from one SIGALRM to the next; 0 for one alone. */
  intervalUs = 0;

  constructor(process: KernelProcess) {
    super();
    this.process = process;
  }

  /** Microseconds until the next SIGALRM; 0 when none is to come. */
  get remainingUs(): number {
    if (this.deadline === Infinity) return 0;
    // A timer that is about to expire still has a microsecond: 0 would say that it is off (itimer_get_remtime).
    return Math.max(this.deadline - this.process.kernel.loop.now, 1);
  }

  set(valueUs: number, intervalUs: number): void {
    const { timers, loop } = this.process.kernel;
    timers.disarm(this);
    // Without a first time there is no later one (do_setitimer).
    this.intervalUs = valueUs > 0 ? intervalUs : 0;
    if (valueUs <= 0) return;
    this.deadline = loop.now + valueUs;
    timers.arm(this);
  }

  expired(): void {
    const { timers, loop } = this.process.kernel;
    if (this.intervalUs > 0) {
      this.deadline = loop.now + this.intervalUs;
      timers.arm(this);
    }
    this.process.signals.send(SignalInfo.ofKernel(Signal.SIGALRM));
  }
}
