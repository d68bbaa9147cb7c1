/** waitpid(2): waits until a child has ended, stopped or continued. */
import { Errno } from '../base/errno.ts';
import { Operation } from './operation.ts';
import type { KernelProcess } from './process.ts';

/** Third argument of waitpid(2). */
export const WaitFlag = { NOHANG: 1, UNTRACED: 2, CONTINUED: 8 } as const;

/** The result is the child's pid, or 0 with WNOHANG. */
export class WaitChildOperation extends Operation {
  private pid = -1;
  private flags = 0;
  /** What became of the child, after a result > 0. */
  status = 0;

  /** `pid` as waitpid takes it: a child's, -1 for any, 0 for any of the caller's group, -PGID for any of that group. */
  prepare(pid: number, flags: number): void {
    this.pid = pid === 0 ? -this.process.pgid : pid;
    this.flags = flags;
    this.mayBlock = true;
  }

  protected step(): number {
    let hasChild = false;
    for (const child of this.process.children) {
      if (!this.isMeant(child)) continue;
      hasChild = true;
      if (child.exited) {
        this.status = child.status;
        child.reap();
        return child.pid;
      }
      const report = child.takeReport((this.flags & WaitFlag.UNTRACED) !== 0, (this.flags & WaitFlag.CONTINUED) !== 0);
      if (report < 0) continue;
      this.status = report;
      return child.pid;
    }
    if (!hasChild) return -Errno.ECHILD;
    return (this.flags & WaitFlag.NOHANG) !== 0 ? 0 : -Errno.EAGAIN;
  }

  private isMeant(child: KernelProcess): boolean {
    return this.pid === -1 || child.pid === this.pid || (this.pid < -1 && child.pgid === -this.pid);
  }

  protected override joinQueues(): void {
    this.process.childWaiters.add(this);
  }

  protected waitFor(): number {
    this.events = CHILD_CHANGED;
    return Infinity;
  }

  protected timeoutResult(): number {
    return 0;
  }
}

/** The event for which `childWaiters` are woken. */
export const CHILD_CHANGED = 1;
