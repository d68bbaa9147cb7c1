/** Calls about processes and their limits. `spawn` is Process's own, since it makes one. */
import * as descriptors from '../../kernel/calls/descriptors.ts';
import * as processes from '../../kernel/calls/processes.ts';
import { PENDING } from '../../kernel/operation.ts';
import { WaitChildOperation } from '../../kernel/wait-child.ts';
import { Call, FAILED } from './call.ts';
import { systemError } from './errors.ts';
import type { Rlimit, WaitResult } from './process-syscalls.ts';
import { SignalCalls } from './signal-calls.ts';
import type { SignalInformation } from './signal-syscalls.ts';

export abstract class ProcessCalls extends SignalCalls {
  /** waitpid(2): resolves to the pid and the status of a child that has ended. ECHILD, EINTR, EINVAL. */
  waitpid(pid: number, options = 0): Promise<WaitResult> {
    const operation = new WaitChildOperation(this.core);
    const bad = processes.prepareWait(this.core, operation, pid, options);
    const result = bad < 0 ? bad : operation.start();
    const made = (): WaitResult => ({ pid: operation.result, status: operation.status });
    if (result !== PENDING) return this.outcome<WaitResult>(result < 0 ? systemError(result, 'waitpid') : made());
    const finish = (): WaitResult | typeof FAILED => (operation.result < 0 ? FAILED : made());
    return new Call<WaitChildOperation, WaitResult>(operation, finish).pending('waitpid');
  }

  /** waitid(2): resolves to what became of a child, as SIGCHLD says it. ECHILD, EINTR, EINVAL. */
  waitid(kind: number, id: number, options: number): Promise<SignalInformation> {
    const operation = new WaitChildOperation(this.core);
    const bad = processes.prepareWaitId(this.core, operation, kind, id, options);
    const result = bad < 0 ? bad : operation.start();
    if (result !== PENDING) return this.outcome<SignalInformation>(result < 0 ? systemError(result, 'waitid') : operation.told());
    const finish = (): SignalInformation | typeof FAILED => (operation.result < 0 ? FAILED : operation.told());
    return new Call<WaitChildOperation, SignalInformation>(operation, finish).pending('waitid');
  }

  /** wait(2): waitpid for any child. ECHILD, EINTR. */
  wait(): Promise<WaitResult> {
    return this.waitpid(-1);
  }

  getpid(): Promise<number> {
    return this.value(this.core.pid, 'getpid');
  }

  /** getppid(2): 1 once the parent has ended. */
  getppid(): Promise<number> {
    return this.value(processes.getppid(this.core), 'getppid');
  }

  /** getpgid(2): the group of a process, 0 for the caller. ESRCH. */
  getpgid(pid: number): Promise<number> {
    return this.value(processes.getpgid(this.core, pid), 'getpgid');
  }

  /** getpgrp(2): the caller's group. */
  getpgrp(): Promise<number> {
    return this.getpgid(0);
  }

  /** setpgid(2). EPERM, EACCES, ESRCH, EINVAL. */
  setpgid(pid: number, pgid: number): Promise<void> {
    return this.done(processes.setpgid(this.core, pid, pgid), 'setpgid');
  }

  /** getsid(2): the session of a process, 0 for the caller. ESRCH. */
  getsid(pid: number): Promise<number> {
    return this.value(processes.getsid(this.core, pid), 'getsid');
  }

  /** setsid(2): resolves to the new session. EPERM. */
  setsid(): Promise<number> {
    return this.value(processes.setsid(this.core), 'setsid');
  }

  /** getrlimit(2). EINVAL. */
  getrlimit(resource: number): Promise<Rlimit> {
    const limit = processes.getLimit(this.core, resource);
    return this.outcome<Rlimit>(typeof limit === 'number' ? systemError(limit, 'getrlimit') : { ...limit });
  }

  /** setrlimit(2): RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_SIGPENDING and RLIMIT_MSGQUEUE are obeyed. EPERM, EINVAL. */
  setrlimit(resource: number, limit: Rlimit): Promise<void> {
    return this.done(processes.setLimit(this.core, resource, limit), 'setrlimit');
  }

  /** dup3(2): dup2 with O_CLOEXEC. EBADF, EINVAL. */
  dup3(fd: number, to: number, flags: number): Promise<number> {
    return this.value(descriptors.dup3(this.core, fd, to, flags), 'dup3');
  }

  /** close_range(2): closes `first` to `last`, or marks them with CLOSE_RANGE_CLOEXEC. EINVAL. */
  close_range(first: number, last: number, flags: number): Promise<void> {
    return this.done(descriptors.closeRange(this.core, first, last, flags), 'close_range');
  }
}
