/**
 * timer_create(2): timers that send a signal of their own. At most one signal of a timer is pending; how often it expired
 * until that one was taken is the signal's overrun (posix_timer_fn, posixtimer_rearm).
 */
import { Errno } from '../base/errno.ts';
import { Timer } from '../base/timer-queue.ts';
import type { KernelProcess } from './process.ts';
import { SignalInfo, type SignalSource } from './signal-info.ts';
import { isSignal, Signal, SignalCode } from './signal-numbers.ts';
import type { TimerSetting } from './timerfd.ts';

/** How a timer or a queue tells (struct sigevent). SIGEV_THREAD is the C library's: the kernel sends a signal. */
export const SIGEV = { SIGNAL: 0, NONE: 1, THREAD: 2 } as const;

/** What of `struct sigevent` counts. */
export interface SignalEvent {
  readonly notify: number;
  readonly signo: number;
  readonly value: number;
}

/** good_sigevent. */
function tells({ notify, signo }: SignalEvent): boolean {
  return notify === SIGEV.NONE || ((notify === SIGEV.SIGNAL || notify === SIGEV.THREAD) && isSignal(signo));
}

/** DELAYTIMER_MAX. */
const MOST_OVERRUNS = 0x7fffffff;

class PosixTimer extends Timer implements SignalSource {
  private readonly process: KernelProcess;
  private readonly id: number;
  private readonly event: SignalEvent;
  /** Where its clock has its zero, in the loop's time. */
  private readonly clockZeroUs: number;
  private intervalUs = 0;
  private nextAt = Infinity;
  /** Its signal, which nobody has taken yet. */
  private pending: SignalInfo | null = null;
  /** Of the signal that was taken last. */
  overrun = 0;

  constructor(process: KernelProcess, id: number, event: SignalEvent, clockZeroUs: number) {
    super();
    this.process = process;
    this.id = id;
    this.event = event;
    this.clockZeroUs = clockZeroUs;
  }

  private get now(): number {
    return this.process.kernel.loop.now;
  }

  private get isSilent(): boolean {
    return this.event.notify === SIGEV.NONE;
  }

  /** What is left, and the interval. */
  get setting(): TimerSetting {
    const { intervalUs, nextAt } = this;
    if (nextAt === Infinity) return { valueUs: 0, intervalUs };
    const { now } = this;
    const next = nextAt <= now && intervalUs > 0 ? nextAt + (this.missed + 1) * intervalUs : nextAt;
    if (next > now) return { valueUs: next - now, intervalUs };
    // One that is about to expire is not off; one that tells nobody is.
    return { valueUs: this.isSilent ? 0 : 1, intervalUs };
  }

  /** How many whole intervals have gone by since it was to expire. */
  private get missed(): number {
    return Math.max(0, Math.floor((this.now - this.nextAt) / this.intervalUs));
  }

  set({ valueUs, intervalUs }: TimerSetting, absolute: boolean): void {
    this.stop();
    this.overrun = 0;
    this.intervalUs = valueUs === 0 ? 0 : intervalUs;
    this.nextAt = valueUs === 0 ? Infinity : absolute ? this.clockZeroUs + valueUs : this.now + valueUs;
    this.arm();
  }

  /** It is off, and a signal that waits is forgotten. */
  stop(): void {
    this.process.kernel.timers.disarm(this);
    this.nextAt = Infinity;
    if (this.pending !== null) this.process.signals.withdraw(this.pending);
    this.pending = null;
  }

  private arm(): void {
    if (this.isSilent || this.nextAt === Infinity) return;
    this.deadline = this.nextAt;
    this.process.kernel.timers.arm(this);
  }

  expired(): void {
    const info = new SignalInfo(this.event.signo, SignalCode.TIMER);
    info.timer = this.id;
    info.value = this.event.value;
    info.source = this;
    this.pending = info;
    if (this.intervalUs === 0) this.nextAt = Infinity;
    this.process.signals.send(info);
  }

  taken(info: SignalInfo): void {
    if (this.goOn()) info.overrun = this.overrun;
  }

  lost(): void {
    this.goOn();
  }

  /** Its signal is out of the way: the next one, if there is to be one, comes at the next whole interval. */
  private goOn(): boolean {
    this.pending = null;
    if (this.intervalUs === 0) {
      this.nextAt = Infinity;
      return false;
    }
    const { missed } = this;
    this.overrun = Math.min(missed, MOST_OVERRUNS);
    this.nextAt += (missed + 1) * this.intervalUs;
    this.arm();
    return true;
  }
}

/** The timers of one process. Each counts as a pending signal of its user for RLIMIT_SIGPENDING, whatever it does. */
export class PosixTimers {
  private readonly process: KernelProcess;
  private readonly timers: Map<number, { readonly timer: PosixTimer; readonly user: number }> = new Map();
  private nextId = 0;

  constructor(process: KernelProcess) {
    this.process = process;
  }

  /** A timer's number; -EAGAIN at the limit (`mostOfUser`: RLIMIT_SIGPENDING), -EINVAL for what is no event, which costs a number. */
  create(event: SignalEvent | null, clockZeroUs: number, mostOfUser: number): number {
    const { process } = this;
    const user = process.credentials.uid;
    if (process.kernel.pendingSignals.of(user) >= mostOfUser || process.kernel.pendingSignals.lacksMemory) return -Errno.EAGAIN;
    const id = this.nextId++;
    if (event !== null && !tells(event)) return -Errno.EINVAL;
    const timer = new PosixTimer(process, id, event ?? { notify: SIGEV.SIGNAL, signo: Signal.SIGALRM, value: id }, clockZeroUs);
    process.kernel.pendingSignals.add(user, 1);
    this.timers.set(id, { timer, user });
    return id;
  }

  find(id: number): PosixTimer | null {
    return this.timers.get(id)?.timer ?? null;
  }

  delete(id: number): void {
    const found = this.timers.get(id);
    if (found === undefined) return;
    found.timer.stop();
    this.process.kernel.pendingSignals.add(found.user, -1);
    this.timers.delete(id);
  }

  /** Its process has ended, or begins another program. */
  clear(): void {
    for (const id of [...this.timers.keys()]) this.delete(id);
  }
}
