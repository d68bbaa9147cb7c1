/**
 * Numbers of <signal.h> on x86-64 Linux, and what a signal does to a process that has said nothing about it (signal(7)).
 */

export const Signal = {
  SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGILL: 4, SIGTRAP: 5, SIGABRT: 6, SIGBUS: 7, SIGFPE: 8, SIGKILL: 9, SIGUSR1: 10,
  SIGSEGV: 11, SIGUSR2: 12, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15, SIGSTKFLT: 16, SIGCHLD: 17, SIGCONT: 18, SIGSTOP: 19,
  SIGTSTP: 20, SIGTTIN: 21, SIGTTOU: 22, SIGURG: 23, SIGXCPU: 24, SIGXFSZ: 25, SIGVTALRM: 26, SIGPROF: 27, SIGWINCH: 28,
  SIGIO: 29, SIGPWR: 30, SIGSYS: 31,
} as const;

/** The first real-time signal: it and those above it queue, those below coalesce. glibc keeps 32 and 33 for itself. */
export const FIRST_REAL_TIME = 32;
export const LAST_SIGNAL = 64;

/** SA_: flags of sigaction(2). */
export const ActionFlag = {
  NOCLDSTOP: 1, NOCLDWAIT: 2, SIGINFO: 4, RESTART: 0x10000000, NODEFER: 0x40000000, RESETHAND: 0x80000000,
} as const;

/** First argument of sigprocmask(2). */
export const MaskHow = { BLOCK: 0, UNBLOCK: 1, SETMASK: 2 } as const;

/** si_code: who generated a signal. */
export const SignalCode = {
  USER: 0, KERNEL: 0x80, QUEUE: -1, TIMER: -2, MESGQ: -3,
  CLD_EXITED: 1, CLD_KILLED: 2, CLD_STOPPED: 5, CLD_CONTINUED: 6,
  POLL_IN: 1, POLL_OUT: 2, POLL_ERR: 4, POLL_PRI: 5, POLL_HUP: 6,
} as const;

export const DefaultAction = { Terminate: 0, Ignore: 1, Stop: 2, Continue: 3 } as const;
export type DefaultAction = (typeof DefaultAction)[keyof typeof DefaultAction];

export function defaultAction(signo: number): DefaultAction {
  switch (signo) {
    case Signal.SIGCHLD: case Signal.SIGURG: case Signal.SIGWINCH: return DefaultAction.Ignore;
    case Signal.SIGCONT: return DefaultAction.Continue;
    case Signal.SIGSTOP: case Signal.SIGTSTP: case Signal.SIGTTIN: case Signal.SIGTTOU: return DefaultAction.Stop;
    default: return DefaultAction.Terminate;
  }
}

/** Is this a signal, 1 to 64? */
export function isSignal(signo: number): boolean {
  return Number.isInteger(signo) && signo >= 1 && signo <= LAST_SIGNAL;
}

/** Signals that tell of a fault of the program itself are taken before all others (SYNCHRONOUS_MASK). */
export function isSynchronous(signo: number): boolean {
  switch (signo) {
    case Signal.SIGSEGV: case Signal.SIGBUS: case Signal.SIGILL: case Signal.SIGTRAP: case Signal.SIGFPE: case Signal.SIGSYS:
      return true;
    default:
      return false;
  }
}
