/**
 * System calls that change who a process is (kernel/sys.c of Linux): each in the order of its checks. -1 leaves an id as it
 * is where a call takes several; a single one of -1 is EINVAL, since it is nobody's.
 */
import { Capability } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import type { KernelProcess } from '../process.ts';

/** NGROUPS_MAX. */
const MOST_GROUPS = 65536;
const UNCHANGED = -1;

/** An id as C's unsigned int; -1 for (uid_t)-1. */
function idOf(n: number): number {
  const id = n >>> 0;
  return id === 0xffffffff ? UNCHANGED : id;
}

/** The ids whose change makes a process one that others may not look into (commit_creds). */
function effectiveIds({ credentials: { euid, egid, fsuid, fsgid } }: KernelProcess): string {
  return [euid, egid, fsuid, fsgid].join();
}

function noteChange(process: KernelProcess, before: string): void {
  if (effectiveIds(process) !== before) process.isDumpable = false;
}

/** setuid(2): with CAP_SETUID all ids, else the effective one, to the real or the saved. */
export function setuid(process: KernelProcess, uid: number): number {
  const id = idOf(uid);
  if (process.exited) return -Errno.ESRCH;
  if (id === UNCHANGED) return -Errno.EINVAL;
  const credentials = process.credentials;
  const before = effectiveIds(process);
  const { uid: real, euid, suid } = credentials;
  if (credentials.has(Capability.SETUID)) {
    credentials.uid = id;
    credentials.suid = id;
  } else if (id !== real && id !== suid) return -Errno.EPERM;
  credentials.euid = id;
  credentials.changedFrom({ uid: real, euid, suid });
  noteChange(process, before);
  return 0;
}

/** setreuid(2). */
export function setreuid(process: KernelProcess, ruid: number, euid: number): number {
  if (process.exited) return -Errno.ESRCH;
  const credentials = process.credentials;
  const before = effectiveIds(process);
  const old = { uid: credentials.uid, euid: credentials.euid, suid: credentials.suid };
  const real = idOf(ruid);
  const effective = idOf(euid);
  const mayAll = credentials.has(Capability.SETUID);
  if (real !== UNCHANGED && real !== old.uid && real !== old.euid && !mayAll) return -Errno.EPERM;
  const isKnown = effective === UNCHANGED || effective === old.uid || effective === old.euid || effective === old.suid;
  if (!isKnown && !mayAll) return -Errno.EPERM;
  if (real !== UNCHANGED) credentials.uid = real;
  if (effective !== UNCHANGED) credentials.euid = effective;
  if (real !== UNCHANGED || (effective !== UNCHANGED && effective !== old.uid)) credentials.suid = credentials.euid;
  credentials.changedFrom(old);
  noteChange(process, before);
  return 0;
}

/** setresuid(2); seteuid(3) is setresuid(-1, euid, -1). */
export function setresuid(process: KernelProcess, ruid: number, euid: number, suid: number): number {
  if (process.exited) return -Errno.ESRCH;
  const credentials = process.credentials;
  const before = effectiveIds(process);
  const old = { uid: credentials.uid, euid: credentials.euid, suid: credentials.suid };
  const wanted = [idOf(ruid), idOf(euid), idOf(suid)] as const;
  const isKnown = (id: number): boolean => id === UNCHANGED || id === old.uid || id === old.euid || id === old.suid;
  if (!wanted.every(isKnown) && !credentials.has(Capability.SETUID)) return -Errno.EPERM;
  if (wanted[0] !== UNCHANGED) credentials.uid = wanted[0];
  if (wanted[1] !== UNCHANGED) credentials.euid = wanted[1];
  if (wanted[2] !== UNCHANGED) credentials.suid = wanted[2];
  credentials.changedFrom(old);
  noteChange(process, before);
  return 0;
}

/** setgid(2): the same for groups, which no capability follows. */
export function setgid(process: KernelProcess, gid: number): number {
  const id = idOf(gid);
  if (process.exited) return -Errno.ESRCH;
  if (id === UNCHANGED) return -Errno.EINVAL;
  const credentials = process.credentials;
  const before = effectiveIds(process);
  if (credentials.has(Capability.SETGID)) {
    credentials.gid = id;
    credentials.sgid = id;
  } else if (id !== credentials.gid && id !== credentials.sgid) return -Errno.EPERM;
  credentials.egid = id;
  credentials.fsgid = id;
  noteChange(process, before);
  return 0;
}

/** setregid(2). */
export function setregid(process: KernelProcess, rgid: number, egid: number): number {
  if (process.exited) return -Errno.ESRCH;
  const credentials = process.credentials;
  const before = effectiveIds(process);
  const { gid: oldReal, egid: oldEffective, sgid: oldSaved } = credentials;
  const real = idOf(rgid);
  const effective = idOf(egid);
  const mayAll = credentials.has(Capability.SETGID);
  if (real !== UNCHANGED && real !== oldReal && real !== oldEffective && !mayAll) return -Errno.EPERM;
  const isKnown = effective === UNCHANGED || effective === oldReal || effective === oldEffective || effective === oldSaved;
  if (!isKnown && !mayAll) return -Errno.EPERM;
  if (real !== UNCHANGED) credentials.gid = real;
  if (effective !== UNCHANGED) credentials.egid = effective;
  if (real !== UNCHANGED || (effective !== UNCHANGED && effective !== oldReal)) credentials.sgid = credentials.egid;
  credentials.fsgid = credentials.egid;
  noteChange(process, before);
  return 0;
}

/** setresgid(2). */
export function setresgid(process: KernelProcess, rgid: number, egid: number, sgid: number): number {
  if (process.exited) return -Errno.ESRCH;
  const credentials = process.credentials;
  const before = effectiveIds(process);
  const { gid: oldReal, egid: oldEffective, sgid: oldSaved } = credentials;
  const wanted = [idOf(rgid), idOf(egid), idOf(sgid)] as const;
  const isKnown = (id: number): boolean => id === UNCHANGED || id === oldReal || id === oldEffective || id === oldSaved;
  if (!wanted.every(isKnown) && !credentials.has(Capability.SETGID)) return -Errno.EPERM;
  if (wanted[0] !== UNCHANGED) credentials.gid = wanted[0];
  if (wanted[1] !== UNCHANGED) credentials.egid = wanted[1];
  if (wanted[2] !== UNCHANGED) credentials.sgid = wanted[2];
  credentials.fsgid = credentials.egid;
  noteChange(process, before);
  return 0;
}

/** setgroups(2): the kernel keeps them sorted (groups_sort), and getgroups shows it. */
export function setgroups(process: KernelProcess, groups: readonly number[]): number {
  if (process.exited) return -Errno.ESRCH;
  if (!process.credentials.has(Capability.SETGID)) return -Errno.EPERM;
  if (groups.length > MOST_GROUPS) return -Errno.EINVAL;
  const ids = groups.map(idOf);
  if (ids.includes(UNCHANGED)) return -Errno.EINVAL;
  return process.changeGroups(ids.sort((a, b) => a - b));
}
