/**
 * /proc of one host (proc(5)): processes, the network, settings, System V objects.
 *
 *   ProcFileSystem.root -> PID/ (process-directory.ts), net -> self/net, sys/ (settings.ts), sysvipc/ (sysvipc.ts)
 *
 * Everything in it follows from the kernel's state when it is asked for; nothing is kept but inodes.
 */
import { Capability } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import type { KernelMemory } from '../../base/kernel-memory.ts';
import { type Inode, Symlink } from '../fs/inode.ts';
import type { Kernel } from '../kernel.ts';
import type { KernelProcess } from '../process.ts';
import { netDirectory } from './net.ts';
import { LiveDirectory, type ProcDirectory, ProcEntry, ProcLink, ProcNumbers } from './nodes.ts';
import { Pointers } from './pointers.ts';
import { ProcessDirectory } from './process-directory.ts';
import { SettingsDirectory } from './settings.ts';
import { ipcDirectory } from './sysvipc.ts';

class ProcRoot extends LiveDirectory {
  private readonly proc: ProcFileSystem;
  private readonly fixed: Map<string, Inode> = new Map();

  constructor(proc: ProcFileSystem) {
    super(proc.numbers, 'proc', null);
    this.proc = proc;
  }

  addFixed(name: string, inode: Inode): void {
    this.fixed.set(name, inode);
  }

  /** A number as the kernel writes it: no sign, no zeros in front (name_to_int). */
  private processOf(name: string): KernelProcess | null {
    return /^[1-9]\d{0,9}$/.test(name) ? this.proc.kernel.find(Number(name)) : null;
  }

  protected listNames(): string[] {
    return [...this.fixed.keys(), ...this.proc.kernel.everyProcess().map(({ pid }) => String(pid))];
  }

  protected has(name: string): boolean {
    return this.fixed.has(name) || this.processOf(name) !== null;
  }

  protected make(name: string): Inode {
    return this.fixed.get(name) ?? new ProcessDirectory(this.proc, this.processOf(name) as KernelProcess, this);
  }

  /** Another process may have the number by now. */
  override find(name: string): Inode | null {
    const process = this.processOf(name);
    return process === null ? super.find(name) : this.proc.directoryOf(process, this);
  }
}

export class ProcFileSystem {
  readonly kernel: Kernel;
  readonly numbers: ProcNumbers;
  readonly pointers: Pointers = new Pointers();
  readonly root: ProcDirectory;
  /** /proc/PID/net, the same for all. */
  readonly net: ProcDirectory;
  /** Who looked a path up, or reads, right now: whom /proc/self is, and whose rights count (set by `walk`, `mayAccess` and reads). */
  asker: KernelProcess;
  private readonly directories: WeakMap<KernelProcess, ProcessDirectory> = new WeakMap();

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.asker = kernel.init;
    this.numbers = new ProcNumbers(() => kernel.realtimeUs);
    const root = new ProcRoot(this);
    this.root = root;
    this.net = netDirectory(this);
    const { numbers } = this;
    root.addFixed('self', new ProcLink(numbers, () => this.self()));
    root.addFixed('net', new Symlink(numbers.next(), 'self/net', kernel.init.credentials, numbers));
    root.addFixed('sys', new SettingsDirectory(this, '', 'sys', root));
    root.addFixed('sysvipc', ipcDirectory(this, root));
    root.addFixed('uptime', new ProcEntry(numbers, () => `${seconds(kernel.loop.now)} ${seconds(0)}\n`));
    root.addFixed('meminfo', new ProcEntry(numbers, () => memoryText(kernel.memory)));
    root.addFixed('filesystems', new ProcEntry(numbers, () => 'nodev\tproc\nnodev\tsockfs\nnodev\tpipefs\nnodev\ttmpfs\n'));
    root.addFixed('mounts', new Symlink(numbers.next(), 'self/mounts', kernel.init.credentials, numbers));
  }

  /** The asker's number, as /proc/self shows it. */
  private self(): string {
    return this.asker.exited ? '' : String(this.asker.pid);
  }

  directoryOf(process: KernelProcess, root: ProcDirectory): ProcessDirectory {
    let directory = this.directories.get(process);
    if (directory === undefined) {
      directory = new ProcessDirectory(this, process, root);
      this.directories.set(process, directory);
    }
    directory.ownedByProcess();
    return directory;
  }

  /**
   * May the asker look into a process (ptrace_may_access with PTRACE_MODE_READ_FSCREDS)? His own always; another one when
   * ids agree, it has no capability that he lacks and has not changed its ids since its program began; root's all.
   */
  mayInspect(process: KernelProcess): boolean {
    const { asker } = this;
    if (asker === process) return true;
    const who = asker.credentials;
    const its = process.credentials;
    if (who.has(Capability.SYS_PTRACE)) return true;
    const sameUser = [its.uid, its.euid, its.suid].every((id) => id === who.fsuid);
    const sameGroup = [its.gid, its.egid, its.sgid].every((id) => id === who.fsgid);
    return sameUser && sameGroup && process.isDumpable && (its.permitted & ~who.effective) === 0;
  }

  /** 0, or why the asker may not look into a process. */
  inspection(process: KernelProcess): number {
    return this.mayInspect(process) ? 0 : -Errno.EACCES;
  }
}

/** meminfo: what the host has, and what of it nobody uses. */
function memoryText({ totalBytes, usedBytes }: KernelMemory): string {
  const line = (name: string, bytes: number): string => `${`${name}:`.padEnd(16)}${String(Math.max(0, Math.floor(bytes / 1024))).padStart(8)} kB\n`;
  return line('MemTotal', totalBytes) + line('MemFree', totalBytes - usedBytes) + line('MemAvailable', totalBytes - usedBytes);
}

/** Hundredths are written, as of USER_HZ. */
function seconds(us: number): string {
  return (Math.floor(us / 1e4) / 100).toFixed(2);
}
