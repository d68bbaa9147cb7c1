/** Calls that wait for signals: pause(2), sigsuspend(2), sigtimedwait(2). */
import { Errno } from '../base/errno.ts';
import { Operation, Restart } from './operation.ts';
import type { SignalInfo } from './signal-info.ts';
import type { SignalSet } from './signal-set.ts';

/** pause(2), and sigsuspend(2) when it has a mask: waits until a handler has run, then is EINTR. */
export class SuspendOperation extends Operation {
  prepare(mask: SignalSet | null): void {
    this.temporaryMask = mask;
    this.mayBlock = true;
  }

  protected step(): number {
    return -Errno.EAGAIN;
  }

  protected waitFor(): number {
    return Infinity;
  }

  protected timeoutResult(): number {
    return -Errno.EINTR;
  }

  protected override get restart(): Restart {
    return Restart.WithoutHandler;
  }
}

/** sigtimedwait(2): takes a pending signal of a set, or waits for one. The result is its number. */
export class SignalWaitOperation extends Operation {
  set: SignalSet;
  /** The signal taken, after a result > 0. */
  info: SignalInfo | null = null;
  private timeoutUs = Infinity;

  constructor(process: Operation['process'], set: SignalSet, timeoutUs: number) {
    super(process);
    this.set = set;
    this.timeoutUs = timeoutUs;
    this.mayBlock = true;
  }

  protected step(): number {
    this.info = this.process.signals.dequeue(this.set);
    return this.info === null ? -Errno.EAGAIN : this.info.signo;
  }

  protected waitFor(): number {
    return this.timeoutUs;
  }

  protected override joinQueues(): void {
    this.process.signals.waiters.push(this);
  }

  protected override stopWaiting(): void {
    const { waiters } = this.process.signals;
    const at = waiters.indexOf(this);
    if (at >= 0) waiters.splice(at, 1);
  }

  protected timeoutResult(): number {
    return -Errno.EAGAIN;
  }

  /** signal(7): never restarted, whatever SA_RESTART says. */
  protected override get restart(): Restart {
    return Restart.Never;
  }
}
