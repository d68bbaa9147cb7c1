/**
 * Times that callers hand in, in microseconds, as the structure holds them that C has for the call: the rule for all timers,
 * sleeps and timeouts.
 *
 *   struct timespec   down to a nanosecond      nanosleep, ppoll, pselect, epoll_pwait2, timerfd, timer_settime, sigtimedwait,
 *                                               semtimedop, mq_timedsend, mq_timedreceive, recvmmsg
 *   struct timeval    down to a microsecond     select, setitimer
 *   int               milliseconds, seconds     poll, epoll_wait, epoll_pwait; alarm (int.ts)
 *
 * What is smaller is cut off, as by a cast. What is negative, or NaN, is no time: -1 here, EINVAL to the caller. What is larger than
 * 2^63 - 1 ns counts as that (timespec64_to_ktime, KTIME_MAX): 292 years. Infinity stands for the null pointer with which C
 * says that a call waits for ever; timers have no such thing.
 */
const NANOSECONDS = 1000;
/** KTIME_MAX: the nearest double. */
export const MOST_US: number = 0x8000000000000000 / NANOSECONDS;

/** A `struct timespec`: whole nanoseconds, or -1. */
export function timespecUs(us: number): number {
  return us >= 0 ? Math.min(Math.floor(us * NANOSECONDS) / NANOSECONDS, MOST_US) : -1;
}

/** A `struct timeval`: whole microseconds, or -1. */
export function timevalUs(us: number): number {
  return us >= 0 ? Math.min(Math.floor(us), MOST_US) : -1;
}

/** The time of a timer, which cannot be for ever: as `hold` has it, or -1. */
export function timerTime(us: number, hold: (us: number) => number): number {
  return us === Infinity ? -1 : hold(us);
}

/** How long a call with a `struct timespec *` waits: Infinity for ever, -1 for what is no time. */
export function waitUs(us: number): number {
  return us === Infinity ? us : timespecUs(us);
}

/** As `waitUs`, with a `struct timeval *`. */
export function waitWholeUs(us: number): number {
  return us === Infinity ? us : timevalUs(us);
}
