/** siginfo_t: what is known of one signal. */
import { SignalCode } from './signal-numbers.ts';

/** What a handler is told: siginfo_t. */
export type SignalFacts = Readonly<Omit<SignalInfo, 'source' | 'user' | 'next'>>;

/** What the caller may know of a signal, in an object of its own: nothing in it reaches the kernel's queue. */
export function signalFacts({ signo, code, pid, uid, status, value, band, fd, timer, overrun }: SignalInfo): SignalFacts {
  return { signo, code, pid, uid, status, value, band, fd, timer, overrun };
}

/** What has to know what becomes of its signals. */
export interface SignalSource {
  /** It was taken: by a handler, sigtimedwait or signalfd. */
  taken(info: SignalInfo): void;
  /** It was forgotten: its signal is ignored now, or its process has ended. */
  lost(info: SignalInfo): void;
}

export class SignalInfo {
  readonly signo: number;
  /** si_code: SI_USER (kill), SI_QUEUE (sigqueue), SI_KERNEL, CLD_EXITED ..., POLL_IN ... */
  readonly code: number;
  /** Who sent it, or which child it is about; 0 when the kernel itself did. */
  pid = 0;
  /** The sender's real user id. */
  uid = 0;
  /** SIGCHLD: the exit code, or the signal that ended, stopped or continued the child. */
  status = 0;
  /** sigqueue(3)'s value. */
  value = 0;
  /** SIGIO: `Poll` bits of what happened, and the descriptor it is about. */
  band = 0;
  fd = 0;
  /** timer_create's timer, and how often it expired besides. */
  timer = 0;
  overrun = 0;
  /** The timer behind it; null for every other signal. */
  source: SignalSource | null = null;
  /** Whose RLIMIT_SIGPENDING it counts for while it waits; -1 for nobody's. */
  user = -1;
  /** The next one of its number (pending-signals.ts). */
  next: SignalInfo | null = null;

  constructor(signo: number, code: number) {
    this.signo = signo;
    this.code = code;
  }

  /** A signal that some process sent. */
  static from(sender: { readonly pid: number; readonly credentials: { readonly uid: number } }, signo: number, code: number): SignalInfo {
    const info = new SignalInfo(signo, code);
    info.pid = sender.pid;
    info.uid = sender.credentials.uid;
    return info;
  }

  /** A signal of the kernel's own: SIGALRM, SIGPIPE, SIGHUP for an orphaned group. */
  static ofKernel(signo: number): SignalInfo {
    return new SignalInfo(signo, SignalCode.KERNEL);
  }
}
