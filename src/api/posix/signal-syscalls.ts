/**
 * The calls about signals: a part of `Syscalls`. A set of signals is the list of their numbers.
 *
 * A handler is a function; it runs between two steps of the program, never inside a call of the stack, and before the call
 * that it interrupted settles. It may be async: as long as its promise is pending, its signals stay blocked and the
 * interrupted call does not return. Which task of a process a signal interrupts stands in kernel/signals.ts.
 */

/** What is known of a signal: siginfo_t. */
export interface SignalInformation {
  readonly signo: number;
  /** SI_USER (kill), SI_QUEUE (sigqueue), SI_KERNEL, CLD_EXITED ..., POLL_IN ... */
  readonly code: number;
  /** Who sent it, or the child it is about. */
  readonly pid: number;
  readonly uid: number;
  /** SIGCHLD: the exit code, or the signal that ended, stopped or continued the child. */
  readonly status: number;
  /** What sigqueue sent along. */
  readonly value: number;
  /** SIGIO: `POLLIN` and its kin, and the descriptor they are about. */
  readonly band: number;
  readonly fd: number;
  /** SI_TIMER: the timer, and how often it expired besides. */
  readonly timer: number;
  readonly overrun: number;
}

/** SIG_DFL, SIG_IGN, or the function to call. */
export type SignalDisposition = 0 | 1 | ((signo: number, info: SignalInformation) => void | Promise<void>);

/** A `struct sigaction`. */
export interface Sigaction {
  handler: SignalDisposition;
  /** SA_RESTART, SA_NODEFER, SA_RESETHAND, SA_NOCLDSTOP, SA_NOCLDWAIT; the handler always gets its SA_SIGINFO. */
  flags?: number;
  /** Signals that are blocked while the handler runs, besides its own. */
  mask?: Iterable<number>;
}

/** A `struct itimerval`, in microseconds. */
export interface IntervalTimerValue {
  /** Until the next signal; 0 is off. */
  valueUs: number;
  /** From one signal to the next; 0 for one alone. */
  intervalUs: number;
}

/** What of a `struct sigevent` counts here. */
export interface Sigevent {
  /** SIGEV_SIGNAL or SIGEV_NONE. */
  notify: number;
  signo: number;
  /** What the signal takes along (sival_int). */
  value: number;
}

export interface SignalSyscalls {
  /** sigaction(2): sets what a signal does; null only asks. Resolves to what it did before. Errors: EINVAL. */
  sigaction(signo: number, action: Sigaction | null): Promise<Required<Sigaction>>;
  /** sigprocmask(2): SIG_BLOCK, SIG_UNBLOCK or SIG_SETMASK; null only asks. Resolves to the mask before. Errors: EINVAL. */
  sigprocmask(how: number, set: Iterable<number> | null): Promise<number[]>;
  /** sigpending(2): the signals that are blocked and wait. */
  sigpending(): Promise<number[]>;
  /** sigsuspend(2): waits with another mask until a handler has run. Always fails, with EINTR. */
  sigsuspend(mask: Iterable<number>): Promise<void>;
  /** pause(2): waits until a handler has run. Always fails, with EINTR. */
  pause(): Promise<void>;
  /**
   * sigtimedwait(2): takes a pending signal of `set` (block them first), or waits for one; the time in microseconds,
   * Infinity for ever. Errors: EAGAIN (time over), EINTR, EINVAL.
   */
  sigtimedwait(set: Iterable<number>, timeoutUs: number): Promise<SignalInformation>;
  /** sigwaitinfo(2): sigtimedwait without a limit. Errors: EINTR. */
  sigwaitinfo(set: Iterable<number>): Promise<SignalInformation>;
  /**
   * kill(2): `pid` of a process, 0 for the caller's group, -1 for all, -PGID for a group; signal 0 only asks.
   *
   * To itself it resolves after the handler has run. Errors: ESRCH, EPERM, EINVAL.
   */
  kill(pid: number, signo: number): Promise<void>;
  /** sigqueue(3): kill with an int for the receiver. Errors: EAGAIN (RLIMIT_SIGPENDING), ESRCH, EPERM, EINVAL. */
  sigqueue(pid: number, signo: number, value: number): Promise<void>;
  /** alarm(2): SIGALRM after so many seconds, 0 for none; resolves to the seconds that were left of the one before. */
  alarm(seconds: number): Promise<number>;
  /** setitimer(2): ITIMER_REAL; resolves to the value before. Errors: EINVAL. */
  setitimer(which: number, value: IntervalTimerValue): Promise<IntervalTimerValue>;
  /** getitimer(2). Errors: EINVAL. */
  getitimer(which: number): Promise<IntervalTimerValue>;
  /**
   * timer_create(2): a timer of CLOCK_MONOTONIC or CLOCK_REALTIME that sends `event`'s signal, null for SIGALRM with its own
   * number; resolves to that number. Errors: EINVAL, EAGAIN (RLIMIT_SIGPENDING), EOPNOTSUPP (a clock without timers).
   */
  timer_create(clock: number, event: Sigevent | null): Promise<number>;
  /** timer_settime(2), microseconds; `flags`: TIMER_ABSTIME. Resolves to the setting before. Errors: EINVAL. */
  timer_settime(timer: number, flags: number, setting: IntervalTimerValue): Promise<IntervalTimerValue>;
  /** timer_gettime(2). Errors: EINVAL. */
  timer_gettime(timer: number): Promise<IntervalTimerValue>;
  /** timer_getoverrun(2): how often it expired before its last signal was taken, without that one. Errors: EINVAL. */
  timer_getoverrun(timer: number): Promise<number>;
  /** timer_delete(2). Errors: EINVAL. */
  timer_delete(timer: number): Promise<void>;
  /** nanosleep(2), in microseconds. Errors: EINTR, EINVAL. */
  sleep(us: number): Promise<void>;
}
