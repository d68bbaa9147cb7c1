/** The calls about processes, limits and credentials: a part of `Syscalls`. */

import type { SignalInformation } from './signal-syscalls.ts';

/** What waitpid(2) tells; `WIFEXITED(status)` and its kin read the status. */
export interface WaitResult {
  /** The child's pid; 0 with WNOHANG when there is nothing to tell. */
  pid: number;
  status: number;
}

/** A `struct rlimit`; Infinity is RLIM_INFINITY. */
export interface Rlimit {
  soft: number;
  hard: number;
}

export interface ProcessSyscalls {
  /**
   * waitpid(2): waits until a child has ended (WUNTRACED: or stopped, WCONTINUED: or was continued) and resolves to its pid
   * and status. `pid` of a child, -1 for any, 0 for any of the caller's group, -PGID for any of that group.
   *
   * Errors: ECHILD (no such child, or SIGCHLD is ignored), EINTR, EINVAL, ESRCH.
   */
  waitpid(pid: number, options?: number): Promise<WaitResult>;
  /**
   * waitid(2): `kind` P_PID, P_PGID or P_ALL, of which `id` (0 with P_PGID: the caller's group); `options` WEXITED, WSTOPPED,
   * WCONTINUED, at least one, with WNOHANG and WNOWAIT, which leaves the child for another wait. Resolves to what SIGCHLD
   * would say; with WNOHANG and nothing to tell, `pid` and `signo` are 0. Errors: ECHILD, EINTR, EINVAL, EBADF (P_PIDFD).
   */
  waitid(kind: number, id: number, options: number): Promise<SignalInformation>;
  getpid(): Promise<number>;
  /** getppid(2): 1 once the parent has ended. */
  getppid(): Promise<number>;
  /** getpgid(2): the group of a process, 0 for the caller. Errors: ESRCH. */
  getpgid(pid: number): Promise<number>;
  /** setpgid(2). Errors: EPERM, EACCES (a child that runs its program already), ESRCH, EINVAL. */
  setpgid(pid: number, pgid: number): Promise<void>;
  /** getsid(2). Errors: ESRCH. */
  getsid(pid: number): Promise<number>;
  /** setsid(2): resolves to the new session. Errors: EPERM (a group leader). */
  setsid(): Promise<number>;
  /** getrlimit(2). Errors: EINVAL. */
  getrlimit(resource: number): Promise<Rlimit>;
  /** setrlimit(2). RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_SIGPENDING and RLIMIT_MSGQUEUE are obeyed. Errors: EPERM, EINVAL. */
  setrlimit(resource: number, limit: Rlimit): Promise<void>;
}

export interface CredentialSyscalls {
  /** getuid(2): the real user id. */
  getuid(): Promise<number>;
  /** geteuid(2): the effective one. */
  geteuid(): Promise<number>;
  /** getgid(2): the real group id. */
  getgid(): Promise<number>;
  /** getegid(2): the effective one. */
  getegid(): Promise<number>;
  /** getresuid(2): real, effective and saved. */
  getresuid(): Promise<[number, number, number]>;
  /** getresgid(2): the group ids: real, effective and saved. */
  getresgid(): Promise<[number, number, number]>;
  /** setuid(2): as root all ids, else the effective one, to the real or the saved. Errors: EPERM, EINVAL. */
  setuid(uid: number): Promise<void>;
  /** setgid(2): with CAP_SETGID all group ids, else the effective one, to the real or the saved. Errors: EPERM, EINVAL. */
  setgid(gid: number): Promise<void>;
  /** seteuid(3): the effective id alone. Errors: EPERM. */
  seteuid(euid: number): Promise<void>;
  /** setegid(3): the effective group id alone. Errors: EPERM. */
  setegid(egid: number): Promise<void>;
  /** setreuid(2): -1 leaves an id as it is. Errors: EPERM. */
  setreuid(ruid: number, euid: number): Promise<void>;
  /** setregid(2): -1 leaves a group id as it is. Errors: EPERM. */
  setregid(rgid: number, egid: number): Promise<void>;
  /** setresuid(2): -1 leaves an id as it is. Errors: EPERM. */
  setresuid(ruid: number, euid: number, suid: number): Promise<void>;
  /** setresgid(2): -1 leaves a group id as it is. Errors: EPERM. */
  setresgid(rgid: number, egid: number, sgid: number): Promise<void>;
  /** getgroups(2): the supplementary groups, sorted. */
  getgroups(): Promise<number[]>;
  /** setgroups(2). Errors: EPERM, EINVAL. */
  setgroups(groups: readonly number[]): Promise<void>;
}
