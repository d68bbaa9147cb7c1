/** Calls about signals. */
import { Errno } from '../../base/errno.ts';
import * as signals from '../../kernel/calls/signals.ts';
import * as timers from '../../kernel/calls/timers.ts';
import { PENDING } from '../../kernel/operation.ts';
import type { SignalDelivery } from '../../kernel/signal-delivery.ts';
import { type SignalInfo, signalFacts } from '../../kernel/signal-info.ts';
import { ActionFlag } from '../../kernel/signal-numbers.ts';
import { SignalWaitOperation, SuspendOperation } from '../../kernel/signal-operations.ts';
import { SignalSet } from '../../kernel/signal-set.ts';
import { SignalAction } from '../../kernel/signals.ts';
import { waitUs } from '../../kernel/times.ts';
import { Call, FAILED, heldBack } from './call.ts';
import { systemError } from './errors.ts';
import type { IntervalTimerValue, Sigaction, Sigevent, SignalDisposition, SignalInformation } from './signal-syscalls.ts';
import { MachineCalls } from './machine-calls.ts';

export abstract class SignalCalls extends MachineCalls {
  /** sigaction(2): sets what a signal does; null only asks. Resolves to what it did before. EINVAL. */
  sigaction(signo: number, action: Sigaction | null): Promise<Required<Sigaction>> {
    const next = action === null ? null : new SignalAction(action.handler, (action.flags ?? 0) >>> 0, SignalSet.of(action.mask ?? []));
    const old = signals.sigaction(this.core, signo, next);
    if (typeof old === 'number') return Promise.reject(systemError(old, 'sigaction'));
    return Promise.resolve({ handler: old.handler, flags: old.flags, mask: old.mask.toArray() });
  }

  /** signal(2), as glibc has it: a handler stays, and the calls that it interrupts go on (SA_RESTART). EINVAL. */
  async signal(signo: number, handler: SignalDisposition): Promise<SignalDisposition> {
    const old = await this.sigaction(signo, { handler, flags: ActionFlag.RESTART });
    return old.handler;
  }

  /** sigprocmask(2): SIG_BLOCK, SIG_UNBLOCK or SIG_SETMASK. Resolves to the mask before, and after the handlers. EINVAL. */
  sigprocmask(how: number, set: Iterable<number> | null): Promise<number[]> {
    const before = this.core.signals.latest;
    const old = signals.sigprocmask(this.core, how, set === null ? null : SignalSet.of(set));
    return this.afterSignals<number[]>(before, typeof old === 'number' ? systemError(old, 'sigprocmask') : old.toArray());
  }

  /** sigpending(2): the signals that are blocked and wait. */
  sigpending(): Promise<number[]> {
    return Promise.resolve(this.core.signals.pending.toArray());
  }

  /** sigsuspend(2): waits with another mask until a handler has run. Always fails, with EINTR. */
  sigsuspend(mask: Iterable<number>): Promise<void> {
    return this.suspended(SignalSet.of(mask), 'sigsuspend');
  }

  /** pause(2): waits until a handler has run. Always fails, with EINTR. */
  pause(): Promise<void> {
    return this.suspended(null, 'pause');
  }

  private suspended(mask: SignalSet | null, name: string): Promise<void> {
    const operation = new SuspendOperation(this.core);
    const bad = signals.prepareSuspend(this.core, operation, mask);
    const result = bad < 0 ? bad : operation.start();
    if (result !== PENDING) return this.done(result, name);
    const finish = (): void | typeof FAILED => (operation.result < 0 ? FAILED : undefined);
    return new Call<SuspendOperation, void>(operation, finish).pending(name);
  }

  /** sigtimedwait(2): takes a pending signal of `set`, or waits for one; microseconds, Infinity for ever. EAGAIN, EINTR. */
  sigtimedwait(set: Iterable<number>, timeoutUs: number): Promise<SignalInformation> {
    return this.taken(set, timeoutUs, 'sigtimedwait');
  }

  /** sigwaitinfo(2): sigtimedwait without a limit. EINTR. */
  sigwaitinfo(set: Iterable<number>): Promise<SignalInformation> {
    return this.taken(set, Infinity, 'sigwaitinfo');
  }

  private taken(set: Iterable<number>, timeoutUs: number, name: string): Promise<SignalInformation> {
    const operation = new SignalWaitOperation(this.core, SignalSet.of(set), waitUs(timeoutUs));
    const bad = signals.prepareSignalWait(this.core, timeoutUs);
    const result = bad < 0 ? bad : operation.start();
    const made = (): SignalInformation => signalFacts(operation.info as SignalInfo);
    if (result !== PENDING) return this.outcome<SignalInformation>(result < 0 ? systemError(result, name) : made());
    const finish = (): SignalInformation | typeof FAILED => (operation.result < 0 ? FAILED : made());
    return new Call<SignalWaitOperation, SignalInformation>(operation, finish).pending(name);
  }

  /** sigwait(3): takes a signal of `set`, or waits for one; no handler of another signal ends that wait. */
  async sigwait(set: Iterable<number>): Promise<number> {
    for (;;) {
      try {
        return (await this.sigwaitinfo(set)).signo;
      } catch (error) {
        if (this.core.exited || (error as { errno?: number }).errno !== -Errno.EINTR) throw error;
      }
    }
  }

  /** kill(2): a pid, 0 for the caller's group, -1 for all, -PGID for a group; signal 0 only asks. ESRCH, EPERM, EINVAL. */
  kill(pid: number, signo: number): Promise<void> {
    const before = this.core.signals.latest;
    return this.sent(before, signals.kill(this.core, pid, signo), 'kill');
  }

  /** killpg(3): to all of a group, 0 for the caller's. ESRCH, EPERM, EINVAL. */
  killpg(pgid: number, signo: number): Promise<void> {
    if (pgid < 0) return this.done(-Errno.EINVAL, 'killpg');
    return this.kill(-pgid, signo);
  }

  /** raise(3): a signal to itself; resolves after its handler has run. EINVAL. */
  raise(signo: number): Promise<void> {
    return this.kill(this.core.pid, signo);
  }

  /** sigqueue(3): kill with an int for the receiver. EAGAIN, ESRCH, EPERM, EINVAL. */
  sigqueue(pid: number, signo: number, value: number): Promise<void> {
    const before = this.core.signals.latest;
    return this.sent(before, signals.sigqueue(this.core, pid, signo, value), 'sigqueue');
  }

  /** alarm(2): SIGALRM after so many seconds, 0 for none; resolves to what was left of the one before. */
  alarm(seconds: number): Promise<number> {
    return this.value(signals.alarm(this.core, seconds), 'alarm');
  }

  /** setitimer(2): ITIMER_REAL; resolves to the value before. EINVAL. */
  setitimer(which: number, value: IntervalTimerValue): Promise<IntervalTimerValue> {
    this.host.loop.enter();
    const old = this.timerValue();
    const result = signals.setTimer(this.core, which, value.valueUs, value.intervalUs);
    return this.outcome<IntervalTimerValue>(result < 0 ? systemError(result, 'setitimer') : old);
  }

  /** getitimer(2). EINVAL. */
  getitimer(which: number): Promise<IntervalTimerValue> {
    this.host.loop.enter();
    return this.outcome<IntervalTimerValue>(which === signals.ITIMER_REAL ? this.timerValue() : systemError(-Errno.EINVAL, 'getitimer'));
  }

  /** timer_create(2): a timer that sends a signal; resolves to its number. EINVAL, EAGAIN. */
  timer_create(clock: number, event: Sigevent | null): Promise<number> {
    return this.value(timers.timerCreate(this.core, clock, event), 'timer_create');
  }

  /** timer_settime(2), microseconds; resolves to the setting before. EINVAL. */
  timer_settime(timer: number, flags: number, setting: IntervalTimerValue): Promise<IntervalTimerValue> {
    return this.made<IntervalTimerValue>(timers.timerSet(this.core, timer, flags, setting), 'timer_settime');
  }

  /** timer_gettime(2). EINVAL. */
  timer_gettime(timer: number): Promise<IntervalTimerValue> {
    return this.made<IntervalTimerValue>(timers.timerGet(this.core, timer), 'timer_gettime');
  }

  /** timer_getoverrun(2): how often it expired before its last signal was taken, without that one. EINVAL. */
  timer_getoverrun(timer: number): Promise<number> {
    return this.value(timers.timerOverrun(this.core, timer), 'timer_getoverrun');
  }

  /** timer_delete(2). EINVAL. */
  timer_delete(timer: number): Promise<void> {
    return this.done(timers.timerDelete(this.core, timer), 'timer_delete');
  }

  private timerValue(): IntervalTimerValue {
    const { alarm } = this.core;
    return { valueUs: alarm.remainingUs, intervalUs: alarm.intervalUs };
  }

  private sent(before: SignalDelivery | null, result: number, name: string): Promise<void> {
    return this.afterSignals<void>(before, result < 0 ? systemError(result, name) : undefined);
  }

  /** The result of a call that may have sent its own process a signal: user code gets it after the handlers have run. */
  private afterSignals<T>(before: SignalDelivery | null, outcome: T | Error): Promise<T> {
    const delivery = this.core.signals.deliverySince(before);
    return delivery === null ? this.outcome(outcome) : heldBack(delivery, outcome);
  }
}
