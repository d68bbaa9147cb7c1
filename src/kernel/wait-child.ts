/** waitpid(2) and waitid(2): wait until a child has ended, stopped or been continued. */
import { Errno } from '../base/errno.ts';
import { Operation } from './operation.ts';
import type { KernelProcess } from './process.ts';
import { type SignalFacts, SignalInfo, signalFacts } from './signal-info.ts';
import { Signal, SignalCode } from './signal-numbers.ts';
import { WEXITSTATUS, WIFCONTINUED, WIFEXITED, WIFSTOPPED, WSTOPSIG, WTERMSIG } from './wait-status.ts';

/** Third argument of waitpid(2); waitid(2) has the others too. */
export const WaitFlag = { NOHANG: 1, UNTRACED: 2, CONTINUED: 8, EXITED: 4, NOWAIT: 0x1000000 } as const;

/** What waitid(2) waits for (idtype_t). */
export const WaitKind = { ALL: 0, PID: 1, PGID: 2, PIDFD: 3 } as const;

/** The result is the child's pid, or 0 with WNOHANG. */
export class WaitChildOperation extends Operation {
  private pid = -1;
  private flags = 0;
  /** What became of the child, and whose it was, after a result > 0. */
  status = 0;
  uid = 0;

  /**
   * `pid` as waitpid takes it: a child's, -1 for any, 0 for any of the caller's group, -PGID for any of that group. WEXITED is
   * among the flags when ends are waited for.
   */
  prepare(pid: number, flags: number): void {
    this.pid = pid === 0 ? -this.process.pgid : pid;
    this.flags = flags;
    this.mayBlock = true;
  }

  protected step(): number {
    const child = this.find();
    if (child !== null) return this.tell(child);
    if (!this.hasChild()) return -Errno.ECHILD;
    return (this.flags & WaitFlag.NOHANG) !== 0 ? 0 : -Errno.EAGAIN;
  }

  /** The oldest child that is meant and has something to tell. */
  private find(): KernelProcess | null {
    const { children } = this.process;
    if (this.pid === -1) return children.oldest((child) => this.tells(child));
    if (this.pid > 0) {
      const child = children.find(this.pid);
      return child !== null && this.tells(child) ? child : null;
    }
    for (const child of children) if (child.pgid === -this.pid && this.tells(child)) return child;
    return null;
  }

  private tells(child: KernelProcess): boolean {
    const { flags } = this;
    if (child.exited) return (flags & WaitFlag.EXITED) !== 0;
    return child.hasReportOf((flags & WaitFlag.UNTRACED) !== 0, (flags & WaitFlag.CONTINUED) !== 0);
  }

  /** One that has ended is none when ends are not waited for (wait_consider_child). */
  private hasChild(): boolean {
    const { children } = this.process;
    const counts = (child: KernelProcess): boolean => !child.exited || (this.flags & WaitFlag.EXITED) !== 0;
    if (this.pid > 0) {
      const child = children.find(this.pid);
      return child !== null && counts(child);
    }
    for (const child of children) if ((this.pid === -1 || child.pgid === -this.pid) && counts(child)) return true;
    return false;
  }

  private tell(child: KernelProcess): number {
    const keeps = (this.flags & WaitFlag.NOWAIT) !== 0;
    this.uid = child.credentials.uid;
    this.status = child.exited ? child.status : child.report;
    if (!keeps && child.exited) child.reap();
    else if (!keeps) child.report = NO_REPORT;
    return child.pid;
  }

  /** What waitid(2) tells: siginfo_t as SIGCHLD has it, or zeros when there was nothing to tell. */
  told(): SignalFacts {
    if (this.result <= 0) return signalFacts(new SignalInfo(0, 0));
    const { code, status } = endOf(this.status);
    const info = new SignalInfo(Signal.SIGCHLD, code);
    info.pid = this.result;
    info.uid = this.uid;
    info.status = status;
    return signalFacts(info);
  }

  /** Who waits for one child is woken for that one alone. */
  protected override joinQueues(): void {
    const child = this.pid > 0 ? this.process.children.find(this.pid) : null;
    (child === null ? this.process.childWaiters : child.endWaiters).add(this);
  }

  protected waitFor(): number {
    this.events = CHILD_CHANGED;
    return Infinity;
  }

  protected timeoutResult(): number {
    return 0;
  }
}

/** si_code and si_status of a wait status. */
function endOf(status: number): { code: number; status: number } {
  if (WIFEXITED(status)) return { code: SignalCode.CLD_EXITED, status: WEXITSTATUS(status) };
  if (WIFCONTINUED(status)) return { code: SignalCode.CLD_CONTINUED, status: Signal.SIGCONT };
  if (WIFSTOPPED(status)) return { code: SignalCode.CLD_STOPPED, status: WSTOPSIG(status) };
  return { code: SignalCode.CLD_KILLED, status: WTERMSIG(status) };
}

/** The event for which `childWaiters` and `endWaiters` are woken. */
export const CHILD_CHANGED = 1;
/** `report` of a process that has nothing to tell but its end. */
export const NO_REPORT = -1;
