/** Children, groups, limits and credentials of a process on the Linux side. */
import type { CredentialSyscalls, ProcessSyscalls, Rlimit, WaitResult } from '../../../api/posix/process-syscalls.ts';
import type { SignalInformation } from '../../../api/posix/signal-syscalls.ts';
import { LinuxSignalCalls, readInfo, SIGINFO_BYTES } from './linux-signal-calls.ts';

export abstract class LinuxProcessCalls extends LinuxSignalCalls implements ProcessSyscalls, CredentialSyscalls {
  async waitpid(pid: number, options = 0): Promise<WaitResult> {
    const status = new Int32Array(1);
    const bytes = new Uint8Array(status.buffer);
    const ended = await this.callNamed('waitpid', 'wait4', pid, bytes, options, null);
    return { pid: ended, status: status[0] as number };
  }

  async waitid(kind: number, id: number, options: number): Promise<SignalInformation> {
    const info = new Uint8Array(SIGINFO_BYTES);
    await this.syscall('waitid', kind, id, info, options, null);
    return readInfo(new DataView(info.buffer));
  }

  getpid(): Promise<number> {
    return this.syscall('getpid');
  }

  getppid(): Promise<number> {
    return this.syscall('getppid');
  }

  getpgid(pid: number): Promise<number> {
    return this.syscall('getpgid', pid);
  }

  async setpgid(pid: number, pgid: number): Promise<void> {
    await this.syscall('setpgid', pid, pgid);
  }

  getsid(pid: number): Promise<number> {
    return this.syscall('getsid', pid);
  }

  setsid(): Promise<number> {
    return this.syscall('setsid');
  }

  async getrlimit(resource: number): Promise<Rlimit> {
    const bytes = new Uint8Array(16);
    await this.callNamed('getrlimit', 'prlimit64', 0, resource, null, bytes);
    const [soft, hard] = new BigUint64Array(bytes.buffer);
    return { soft: fromLimit(soft as bigint), hard: fromLimit(hard as bigint) };
  }

  async setrlimit(resource: number, { soft, hard }: Rlimit): Promise<void> {
    const bytes = new Uint8Array(BigUint64Array.from([toLimit(soft), toLimit(hard)]).buffer);
    await this.callNamed('setrlimit', 'prlimit64', 0, resource, bytes, null);
  }

  dup3(fd: number, to: number, flags: number): Promise<number> {
    return this.syscall('dup3', fd, to, flags);
  }

  async close_range(first: number, last: number, flags: number): Promise<void> {
    await this.syscall('close_range', first, last, flags);
  }

  getuid(): Promise<number> {
    return this.syscall('getuid');
  }

  geteuid(): Promise<number> {
    return this.syscall('geteuid');
  }

  getgid(): Promise<number> {
    return this.syscall('getgid');
  }

  getegid(): Promise<number> {
    return this.syscall('getegid');
  }

  getresuid(): Promise<[number, number, number]> {
    return this.three('getresuid');
  }

  getresgid(): Promise<[number, number, number]> {
    return this.three('getresgid');
  }

  private async three(name: string): Promise<[number, number, number]> {
    const ids = new Uint32Array(3);
    const parts = [0, 1, 2].map((i) => new Uint8Array(ids.buffer, i * 4, 4));
    await this.syscall(name, ...parts);
    return [ids[0] as number, ids[1] as number, ids[2] as number];
  }

  async setuid(uid: number): Promise<void> {
    await this.syscall('setuid', uid);
  }

  async setgid(gid: number): Promise<void> {
    await this.syscall('setgid', gid);
  }

  async seteuid(euid: number): Promise<void> {
    await this.callNamed('seteuid', 'setresuid', -1, euid, -1);
  }

  async setegid(egid: number): Promise<void> {
    await this.callNamed('setegid', 'setresgid', -1, egid, -1);
  }

  async setreuid(ruid: number, euid: number): Promise<void> {
    await this.syscall('setreuid', ruid, euid);
  }

  async setregid(rgid: number, egid: number): Promise<void> {
    await this.syscall('setregid', rgid, egid);
  }

  async setresuid(ruid: number, euid: number, suid: number): Promise<void> {
    await this.syscall('setresuid', ruid, euid, suid);
  }

  async setresgid(rgid: number, egid: number, sgid: number): Promise<void> {
    await this.syscall('setresgid', rgid, egid, sgid);
  }

  async getgroups(): Promise<number[]> {
    const groups = new Uint32Array(64);
    const count = await this.syscall('getgroups', groups.length, new Uint8Array(groups.buffer));
    return [...groups.subarray(0, count)];
  }

  async setgroups(groups: readonly number[]): Promise<void> {
    await this.syscall('setgroups', groups.length, new Uint8Array(Uint32Array.from(groups).buffer));
  }
}

const RLIM_INFINITY = 0xffffffffffffffffn;

function toLimit(n: number): bigint {
  return n === Infinity ? RLIM_INFINITY : BigInt(n);
}

function fromLimit(n: bigint): number {
  return n === RLIM_INFINITY ? Infinity : Number(n);
}
