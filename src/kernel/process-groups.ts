/**
 * Process groups and sessions (setpgid(2), setsid(2), credentials(7)): a group is the processes whose `pgid` is its
 * number, a session those whose `sid` is.
 */
import { Errno } from '../base/errno.ts';
import type { Kernel } from './kernel.ts';
import type { KernelProcess } from './process.ts';
import { SignalInfo } from './signal-info.ts';
import { Signal } from './signal-numbers.ts';

/** The members of a group, ended ones that nobody has waited for included, the oldest first. */
export function groupMembers(kernel: Kernel, pgid: number): KernelProcess[] {
  return kernel.everyProcess().filter((process) => process.pgid === pgid);
}

/** setpgid(2), in the order of Linux's checks. */
export function setGroup(caller: KernelProcess, pid: number, pgid: number): number {
  const target = pid === 0 ? caller : caller.kernel.find(pid);
  // A group that is the process's own has its number, though there be no such process.
  const group = pgid !== 0 ? pgid : pid !== 0 ? pid : caller.pid;
  if (group < 0) return -Errno.EINVAL;
  if (target === null) return -Errno.ESRCH;
  if (target.parent === caller) {
    if (target.sid !== caller.sid) return -Errno.EPERM;
    // The child's program has begun: what spawn does is fork and exec.
    return -Errno.EACCES;
  }
  if (target !== caller) return -Errno.ESRCH;
  if (target.pid === target.sid) return -Errno.EPERM;
  if (group !== target.pid && !groupMembers(caller.kernel, group).some(({ sid }) => sid === caller.sid)) return -Errno.EPERM;
  target.pgid = group;
  return 0;
}

/** setsid(2): a new session with a new group, both of the caller's number. */
export function newSession(caller: KernelProcess): number {
  if (groupMembers(caller.kernel, caller.pid).length > 0) return -Errno.EPERM;
  caller.pgid = caller.pid;
  caller.sid = caller.pid;
  return caller.pid;
}

/**
 * A group is orphaned when no member has a parent in the same session but in another group. POSIX 3.3.2.2: the members of
 * one that becomes orphaned while some are stopped get SIGHUP and SIGCONT (kill_orphaned_pgrp). `ending` is about to leave
 * its parent and its children.
 */
export function hangUpOrphans(ending: KernelProcess): void {
  const { kernel, parent } = ending;
  const watched = new Set<number>();
  if (parent !== null && parent.pgid !== ending.pgid && parent.sid === ending.sid) watched.add(ending.pgid);
  for (const child of ending.children) {
    if (child.pgid !== ending.pgid && child.sid === ending.sid) watched.add(child.pgid);
  }
  for (const pgid of watched) {
    const members = groupMembers(kernel, pgid).filter((member) => member !== ending && !member.exited);
    if (!members.some(({ isStopped }) => isStopped)) continue;
    if (!isOrphaned(kernel, pgid, ending)) continue;
    for (const member of members) {
      member.signals.send(SignalInfo.ofKernel(Signal.SIGHUP));
      member.signals.send(SignalInfo.ofKernel(Signal.SIGCONT));
    }
  }
}

/** Is nobody there who would continue the group's stopped members (will_become_orphaned_pgrp)? `ending` does not count. */
export function isOrphaned(kernel: Kernel, pgid: number, ending: KernelProcess | null): boolean {
  return !groupMembers(kernel, pgid).some((member) => member !== ending && !member.exited && isWatched(member, ending));
}

function isWatched({ parent, pgid, sid }: KernelProcess, ending: KernelProcess | null): boolean {
  return parent !== null && parent !== ending && !parent.isInit && parent.pgid !== pgid && parent.sid === sid;
}
