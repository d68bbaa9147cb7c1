/** System calls on the timers of a process: timer_create and its kin. */
import { Errno } from '../../base/errno.ts';
import type { SignalEvent } from '../posix-timers.ts';
import type { KernelProcess } from '../process.ts';
import { Resource } from '../resource-limits.ts';
import type { TimerSetting } from '../timerfd.ts';
import { timerTime, timespecUs } from '../times.ts';
import { end } from './edges.ts';
import { CLOCK } from './events.ts';

/** timer_settime's flag: the value is a time of the clock. */
export const TIMER_ABSTIME = 1;
/** Clocks that are there and have no timers (CLOCK_MONOTONIC_RAW, and the coarse ones). */
const WITHOUT_TIMERS: ReadonlySet<number> = new Set([4, 5, 6]);
const CLOCK_TAI = 11;

/** timer_create(2): the timer's number. */
export function timerCreate(process: KernelProcess, clock: number, event: SignalEvent | null): number {
  if (process.exited) return -Errno.ESRCH;
  if (WITHOUT_TIMERS.has(clock)) return -Errno.EOPNOTSUPP;
  const isReal = clock === CLOCK.REALTIME || clock === CLOCK_TAI;
  if (!isReal && clock !== CLOCK.MONOTONIC && clock !== CLOCK.BOOTTIME) return -Errno.EINVAL;
  const zero = isReal ? -process.kernel.loop.environment.epochUs : 0;
  return process.timers.create(event, zero, process.limits.get(Resource.SIGPENDING).soft);
}

/** timer_settime(2): the setting before, or a negative errno. */
export function timerSet(process: KernelProcess, id: number, flags: number, setting: TimerSetting): TimerSetting | number {
  if (process.exited) return -Errno.ESRCH;
  const valueUs = timerTime(setting.valueUs, timespecUs), intervalUs = timerTime(setting.intervalUs, timespecUs);
  if (valueUs < 0 || intervalUs < 0) return -Errno.EINVAL;
  const timer = process.timers.find(id);
  if (timer === null) return -Errno.EINVAL;
  process.kernel.loop.enter();
  const before = timer.setting;
  timer.set({ valueUs, intervalUs }, (flags & TIMER_ABSTIME) !== 0);
  end(process, 0);
  return before;
}

export function timerGet(process: KernelProcess, id: number): TimerSetting | number {
  process.kernel.loop.enter();
  return process.timers.find(id)?.setting ?? -Errno.EINVAL;
}

/** timer_getoverrun(2): of the signal that was taken last. */
export function timerOverrun(process: KernelProcess, id: number): number {
  return process.timers.find(id)?.overrun ?? -Errno.EINVAL;
}

export function timerDelete(process: KernelProcess, id: number): number {
  if (process.timers.find(id) === null) return -Errno.EINVAL;
  process.timers.delete(id);
  return 0;
}
