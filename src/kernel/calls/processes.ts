/** System calls about processes: their children, groups, sessions and limits. */
import { Capability } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { toInt } from '../int.ts';
import type { KernelProcess } from '../process.ts';
import * as groups from '../process-groups.ts';
import { isResource, Resource, type ResourceLimit } from '../resource-limits.ts';
import { type WaitChildOperation, WaitFlag, WaitKind } from '../wait-child.ts';
import { exitedStatus } from '../wait-status.ts';

export function exit(process: KernelProcess, code: number): void {
  process.end(exitedStatus(toInt(code)));
}

/** waitpid(2). */
export function prepareWait(process: KernelProcess, operation: WaitChildOperation, pid: number, flags: number): number {
  if (process.exited) return -Errno.ESRCH;
  if ((flags & ~(WaitFlag.NOHANG | WaitFlag.UNTRACED | WaitFlag.CONTINUED)) !== 0) return -Errno.EINVAL;
  // INT_MIN has no positive counterpart (kernel_wait4).
  if (toInt(pid) === -0x80000000) return -Errno.ESRCH;
  operation.prepare(toInt(pid), flags | WaitFlag.EXITED);
  return 0;
}

/** waitid(2): `kind` says what `id` is. There are no pidfds that one could name. */
export function prepareWaitId(process: KernelProcess, operation: WaitChildOperation, kind: number, id: number, flags: number): number {
  if (process.exited) return -Errno.ESRCH;
  const { NOHANG, UNTRACED, CONTINUED, EXITED, NOWAIT } = WaitFlag;
  if ((flags & ~(NOHANG | UNTRACED | CONTINUED | EXITED | NOWAIT)) !== 0) return -Errno.EINVAL;
  if ((flags & (UNTRACED | CONTINUED | EXITED)) === 0) return -Errno.EINVAL;
  const number = toInt(id);
  switch (kind) {
    case WaitKind.ALL: operation.prepare(-1, flags); return 0;
    case WaitKind.PID:
      if (number <= 0) return -Errno.EINVAL;
      operation.prepare(number, flags);
      return 0;
    case WaitKind.PGID:
      if (number < 0) return -Errno.EINVAL;
      // Group 1 is init's: as waitpid's argument it would mean all.
      if (number === 1) return -Errno.ECHILD;
      operation.prepare(-number, flags);
      return 0;
    case WaitKind.PIDFD: return number < 0 ? -Errno.EINVAL : -Errno.EBADF;
    default: return -Errno.EINVAL;
  }
}

/** getppid(2): 1 for orphans and for what the machine started. */
export function getppid(process: KernelProcess): number {
  return process.parent === null ? 0 : process.parent.pid;
}

export function getpgid(process: KernelProcess, pid: number): number {
  if (process.exited) return -Errno.ESRCH;
  const target = pid === 0 ? process : process.kernel.find(toInt(pid));
  return target === null ? -Errno.ESRCH : target.pgid;
}

export function getsid(process: KernelProcess, pid: number): number {
  if (process.exited) return -Errno.ESRCH;
  const target = pid === 0 ? process : process.kernel.find(toInt(pid));
  return target === null ? -Errno.ESRCH : target.sid;
}

export function setpgid(process: KernelProcess, pid: number, pgid: number): number {
  return process.exited ? -Errno.ESRCH : groups.setGroup(process, toInt(pid), toInt(pgid));
}

export function setsid(process: KernelProcess): number {
  return process.exited ? -Errno.ESRCH : groups.newSession(process);
}

export function getLimit(process: KernelProcess, resource: number): ResourceLimit | number {
  if (process.exited) return -Errno.ESRCH;
  return isResource(resource) ? process.limits.get(resource) : -Errno.EINVAL;
}

export function setLimit(process: KernelProcess, resource: number, limit: ResourceLimit): number {
  if (process.exited) return -Errno.ESRCH;
  const result = process.limits.set(resource, limit, process.credentials.has(Capability.SYS_RESOURCE));
  if (result === 0 && resource === Resource.NOFILE) process.descriptors.max = process.limits.get(resource).soft;
  return result;
}
