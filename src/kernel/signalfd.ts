/**
 * signalfd(2): signals as something to read. What is read, and what poll(2) finds, are the signals of whoever makes the
 * call, also where the description came from another process: `kernel.current`.
 */
import { Errno } from '../base/errno.ts';
import type { FileOperations } from '../base/file-operations.ts';
import { Poll, type WaitQueue } from '../base/wait-queue.ts';
import { O } from '../socket/constants.ts';
import type { KernelProcess } from './process.ts';
import type { SignalInfo } from './signal-info.ts';
import { Signal, SignalCode } from './signal-numbers.ts';
import type { SignalSet } from './signal-set.ts';

/** struct signalfd_siginfo. */
const SIGNAL_INFO_BYTES = 128;
const SIGNO = 0, CODE = 8, PID = 12, UID = 16, FD = 20, TIMER_ID = 24, BAND = 28, OVERRUN = 32, STATUS = 40, INT = 44, PTR = 48;

export class SignalDescriptor implements FileOperations {
  readonly accessMode: number = O.RDWR;
  /** The signals that it takes. */
  set: SignalSet;
  private readonly maker: KernelProcess;

  constructor(maker: KernelProcess, set: SignalSet) {
    this.maker = maker;
    this.set = set;
  }

  get anonymousName(): string {
    return 'signalfd';
  }

  /** It takes any position and has none (noop_llseek). */
  seek(): number {
    return 0;
  }

  private get caller(): KernelProcess {
    return this.maker.kernel.current ?? this.maker;
  }

  get waiters(): WaitQueue {
    return this.caller.signals.descriptors;
  }

  /** As many signals as there are and fit. */
  read(to: Uint8Array, at: number, length: number): number {
    const room = Math.floor(length / SIGNAL_INFO_BYTES);
    if (room === 0) return -Errno.EINVAL;
    const { signals } = this.caller;
    let count = 0;
    while (count < room) {
      const info = signals.dequeue(this.set);
      if (info === null) break;
      writeInfo(to, at + count * SIGNAL_INFO_BYTES, info);
      count++;
    }
    return count > 0 ? count * SIGNAL_INFO_BYTES : -Errno.EAGAIN;
  }

  write(): number {
    return -Errno.EINVAL;
  }

  readiness(): number {
    return this.caller.signals.hasPendingIn(this.set) ? Poll.IN : 0;
  }

  control(): number {
    return -Errno.ENOTTY;
  }

  release(): void {}
}

/** signalfd_copyinfo: which fields there are follows from the signal and from who generated it (siginfo_layout). */
function writeInfo(to: Uint8Array, at: number, info: SignalInfo): void {
  to.fill(0, at, at + SIGNAL_INFO_BYTES);
  const view = new DataView(to.buffer, to.byteOffset + at, SIGNAL_INFO_BYTES);
  const { signo, code } = info;
  view.setUint32(SIGNO, signo, true);
  view.setInt32(CODE, code, true);
  if (code === SignalCode.TIMER) {
    view.setUint32(TIMER_ID, info.timer, true);
    view.setUint32(OVERRUN, info.overrun, true);
    writeValue(view, info.value);
    return;
  }
  const isOfDescriptor = code > 0 && code < SignalCode.KERNEL && signo !== Signal.SIGCHLD;
  if (isOfDescriptor) {
    view.setUint32(BAND, info.band, true);
    view.setInt32(FD, info.fd, true);
    return;
  }
  view.setUint32(PID, info.pid, true);
  view.setUint32(UID, info.uid, true);
  if (signo === Signal.SIGCHLD && code > 0) view.setInt32(STATUS, info.status, true);
  if (code < 0) writeValue(view, info.value);
}

/** union sigval, as it is and as the int in it. */
function writeValue(view: DataView, value: number): void {
  view.setInt32(INT, value, true);
  view.setUint32(PTR, value, true);
}
