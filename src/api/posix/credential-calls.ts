/** Calls about user and group ids. Where nothing stands over a call: process-syscalls.ts. */
import * as credentials from '../../kernel/calls/credentials.ts';
import { ProcessCalls } from './process-calls.ts';
import type { CredentialSyscalls } from './process-syscalls.ts';

export abstract class CredentialCalls extends ProcessCalls implements CredentialSyscalls {
  getuid(): Promise<number> {
    return this.value(this.core.credentials.uid, 'getuid');
  }

  geteuid(): Promise<number> {
    return this.value(this.core.credentials.euid, 'geteuid');
  }

  getgid(): Promise<number> {
    return this.value(this.core.credentials.gid, 'getgid');
  }

  getegid(): Promise<number> {
    return this.value(this.core.credentials.egid, 'getegid');
  }

  /** getresuid(2): real, effective and saved. */
  getresuid(): Promise<[number, number, number]> {
    const { uid, euid, suid } = this.core.credentials;
    return Promise.resolve([uid, euid, suid]);
  }

  getresgid(): Promise<[number, number, number]> {
    const { gid, egid, sgid } = this.core.credentials;
    return Promise.resolve([gid, egid, sgid]);
  }

  /** setuid(2): as root all ids, else the effective one, to the real or the saved. EPERM, EINVAL. */
  setuid(uid: number): Promise<void> {
    return this.done(credentials.setuid(this.core, uid), 'setuid');
  }

  setgid(gid: number): Promise<void> {
    return this.done(credentials.setgid(this.core, gid), 'setgid');
  }

  /** seteuid(3): the effective id alone. EPERM. */
  seteuid(euid: number): Promise<void> {
    return this.done(credentials.setresuid(this.core, -1, euid, -1), 'seteuid');
  }

  setegid(egid: number): Promise<void> {
    return this.done(credentials.setresgid(this.core, -1, egid, -1), 'setegid');
  }

  /** setreuid(2): -1 leaves an id as it is. EPERM. */
  setreuid(ruid: number, euid: number): Promise<void> {
    return this.done(credentials.setreuid(this.core, ruid, euid), 'setreuid');
  }

  setregid(rgid: number, egid: number): Promise<void> {
    return this.done(credentials.setregid(this.core, rgid, egid), 'setregid');
  }

  /** setresuid(2): -1 leaves an id as it is. EPERM. */
  setresuid(ruid: number, euid: number, suid: number): Promise<void> {
    return this.done(credentials.setresuid(this.core, ruid, euid, suid), 'setresuid');
  }

  setresgid(rgid: number, egid: number, sgid: number): Promise<void> {
    return this.done(credentials.setresgid(this.core, rgid, egid, sgid), 'setresgid');
  }

  /** getgroups(2): the supplementary groups, sorted. */
  getgroups(): Promise<number[]> {
    return Promise.resolve([...this.core.credentials.groups]);
  }

  /** setgroups(2). EPERM, EINVAL. */
  setgroups(groups: readonly number[]): Promise<void> {
    return this.done(credentials.setgroups(this.core, groups), 'setgroups');
  }
}
