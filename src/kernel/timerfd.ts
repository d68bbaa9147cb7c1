/** timerfd_create(2): a timer as a descriptor. */
import { Errno } from '../base/errno.ts';
import type { FileOperations } from '../base/file-operations.ts';
import type { HostTimers } from '../base/host-timers.ts';
import { Timer } from '../base/timer-queue.ts';
import { Poll, WaitQueue } from '../base/wait-queue.ts';
import { O } from '../socket/constants.ts';

const VALUE_BYTES = 8;

/** `struct itimerspec` in microseconds: when it next expires, and how often from then on; 0 is never. */
export interface TimerSetting {
  valueUs: number;
  intervalUs: number;
}

export class TimerDescriptor extends Timer implements FileOperations {
  readonly waiters: WaitQueue = new WaitQueue();
  readonly accessMode: number = O.RDWR;
  private readonly timers: HostTimers;
  private readonly clockZeroUs: number;
  private intervalUs = 0;
  private nextAt = Infinity;
  /** How often it has expired since the last read. */
  private expirations = 0;

  /** `clockZeroUs`: where the timer's clock has its zero, in the loop's time. */
  constructor(timers: HostTimers, clockZeroUs: number) {
    super();
    this.timers = timers;
    this.clockZeroUs = clockZeroUs;
  }

  get anonymousName(): string {
    return 'timerfd';
  }

  /** It takes any position and has none (noop_llseek). */
  seek(): number {
    return 0;
  }

  /** What is left, and the interval. */
  get setting(): TimerSetting {
    this.countMissed();
    const left = this.nextAt === Infinity ? 0 : Math.max(this.nextAt - this.timers.loop.now, 1);
    return { valueUs: left, intervalUs: this.intervalUs };
  }

  /** Sets it anew; `valueUs` is from now on, or a time of the clock when `absolute` says so. */
  set({ valueUs, intervalUs }: TimerSetting, absolute: boolean): void {
    this.timers.disarm(this);
    this.expirations = 0;
    this.intervalUs = intervalUs;
    this.nextAt = valueUs === 0 ? Infinity : absolute ? this.clockZeroUs + valueUs : this.timers.loop.now + valueUs;
    this.arm();
  }

  private arm(): void {
    this.deadline = this.nextAt;
    if (this.nextAt !== Infinity) this.timers.arm(this);
  }

  /** It wakes the host once; further expirations are counted when somebody looks (timerfd_read). */
  expired(): void {
    this.expirations++;
    this.nextAt = this.intervalUs > 0 ? this.nextAt + this.intervalUs : Infinity;
    this.waiters.wake(Poll.IN);
  }

  private countMissed(): void {
    const { now } = this.timers.loop;
    if (this.expirations === 0 || this.nextAt > now) return;
    const missed = Math.floor((now - this.nextAt) / this.intervalUs) + 1;
    this.expirations += missed;
    this.nextAt += missed * this.intervalUs;
  }

  read(to: Uint8Array, at: number, length: number): number {
    if (length < VALUE_BYTES) return -Errno.EINVAL;
    if (this.expirations === 0) return -Errno.EAGAIN;
    this.countMissed();
    new DataView(to.buffer, to.byteOffset + at).setBigUint64(0, BigInt(this.expirations), true);
    this.expirations = 0;
    this.arm();
    return VALUE_BYTES;
  }

  write(): number {
    return -Errno.EINVAL;
  }

  readiness(): number {
    return this.expirations > 0 ? Poll.IN : 0;
  }

  control(): number {
    return -Errno.ENOTTY;
  }

  release(): void {
    this.timers.disarm(this);
  }
}
