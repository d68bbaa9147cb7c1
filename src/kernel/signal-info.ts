/** siginfo_t: what is known of one signal. */
import { SignalCode } from './signal-numbers.ts';

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
  /** SIGIO: `Poll` bits, and the descriptor they are about. */
  band = 0;
  fd = 0;

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
