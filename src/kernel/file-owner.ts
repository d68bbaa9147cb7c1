/**
 * Signals about a description: SIGURG for urgent data, and SIGIO with O_ASYNC (fcntl(2), F_SETOWN, F_SETSIG; socket(7)).
 *
 * The owner waits in the description's wait queue as poll does, for as long as there is one.
 */
import { Errno } from '../base/errno.ts';
import { Poll, SILENT, Waiter } from '../base/wait-queue.ts';
import { O } from '../socket/constants.ts';
import type { OpenFile } from './open-file.ts';
import type { KernelProcess } from './process.ts';
import { groupMembers } from './process-groups.ts';
import { SignalInfo } from './signal-info.ts';
import { Signal, SignalCode } from './signal-numbers.ts';

export class FileOwner extends Waiter {
  private readonly file: OpenFile;
  /** As F_GETOWN tells it: a pid, a group as its negative number, 0 for nobody. */
  owner = 0;
  /** F_SETSIG: what is sent instead of SIGIO, with the descriptor in it; 0 for SIGIO. */
  signo = 0;
  /** O_ASYNC. */
  isAsync = false;
  /** Who set the owner, and by which descriptor: only whom they may signal is told (sigio_perm). */
  private uid = 0;
  private euid = 0;
  private kernel: KernelProcess['kernel'] | null = null;
  private fd = 0;
  private happened = 0;

  constructor(file: OpenFile) {
    super();
    this.file = file;
    this.events = Poll.IN | Poll.OUT | Poll.PRI | Poll.ERR | Poll.HUP;
    file.operations.waiters.add(this);
  }

  /** F_SETOWN: 0, or -ESRCH, -EINVAL. */
  set(caller: KernelProcess, owner: number, fd: number): number {
    if (!(owner > -0x80000000)) return -Errno.EINVAL;
    const { kernel, credentials } = caller;
    if (owner > 0 && kernel.find(owner) === null) return -Errno.ESRCH;
    if (owner < 0 && groupMembers(kernel, -owner).length === 0) return -Errno.ESRCH;
    this.owner = owner;
    this.uid = credentials.uid;
    this.euid = credentials.euid;
    this.kernel = kernel;
    this.fd = fd;
    return 0;
  }

  release(): void {
    if (this.queue !== null) this.queue.remove(this);
  }

  wake(events: number): void {
    if (this.owner === 0 || this.kernel === null || (events & SILENT) !== 0) return;
    // The two ends of a pipe have one queue: each hears of what it could do.
    const { accessMode } = this.file.operations;
    let news = events & ~(accessMode === O.RDONLY ? Poll.OUT : accessMode === O.WRONLY ? Poll.IN : 0);
    // Some say of ordinary data too that it could be urgent; what is urgent is told alone.
    if (events !== Poll.PRI) news &= ~Poll.PRI;
    if ((news & this.events) === 0) return;
    this.happened |= news;
    this.kernel.loop.ready(this);
  }

  attempt(): void {
    const { kernel, happened } = this;
    this.happened = 0;
    if (kernel === null || this.queue === null) return;
    const owners = this.owner < 0 ? groupMembers(kernel, -this.owner) : [kernel.find(this.owner)];
    for (const process of owners) {
      if (process === null || !this.maySignal(process)) continue;
      if ((happened & Poll.PRI) !== 0) {
        process.signals.send(SignalInfo.ofKernel(Signal.SIGURG));
        if (this.isAsync) this.tell(process, SignalCode.POLL_PRI);
      }
      if (!this.isAsync || happened === Poll.PRI) continue;
      this.tell(process, codeOf(happened));
      // A peer's end is told twice: as a change of state, and as something to read (tcp_fin, tcp_data_ready).
      if ((happened & (Poll.RDHUP | Poll.ERR)) === Poll.RDHUP) this.tell(process, SignalCode.POLL_IN);
    }
  }

  deliver(): void {}

  private maySignal({ credentials: { uid, suid } }: KernelProcess): boolean {
    return this.euid === 0 || this.euid === suid || this.euid === uid || this.uid === suid || this.uid === uid;
  }

  private tell(process: KernelProcess, code: number): void {
    if (this.signo !== 0) {
      const info = new SignalInfo(this.signo, code);
      info.band = BANDS[code - SignalCode.POLL_IN] as number;
      info.fd = this.fd;
      // Without room for it there is SIGIO, which coalesces (send_sigio_to_task).
      if (process.signals.send(info) === 0) return;
    }
    process.signals.send(SignalInfo.ofKernel(Signal.SIGIO));
  }
}

/** What si_band says for each code, from POLL_IN on: of the event, not of the descriptor (band_table of fs/fcntl.c). */
const BANDS: readonly number[] = [
  Poll.IN | Poll.RDNORM, Poll.OUT | Poll.WRNORM | Poll.WRBAND, Poll.IN | Poll.RDNORM | 0x400, Poll.ERR, Poll.PRI | Poll.RDBAND,
  Poll.HUP | Poll.ERR,
];

function codeOf(events: number): number {
  if ((events & Poll.ERR) !== 0) return SignalCode.POLL_ERR;
  if ((events & Poll.HUP) !== 0) return SignalCode.POLL_HUP;
  return (events & Poll.IN) !== 0 ? SignalCode.POLL_IN : SignalCode.POLL_OUT;
}
