/** /proc/PID: what one process is, and what it has open. */
import { Errno } from '../../base/errno.ts';
import { O } from '../../socket/constants.ts';
import { flagsOf, inodeBehind, linkText } from '../anonymous.ts';
import type { Inode } from '../fs/inode.ts';
import { pathOf } from '../fs/path.ts';
import type { OpenFile } from '../open-file.ts';
import type { KernelProcess } from '../process.ts';
import { LiveDirectory, ProcDirectory, ProcFile, ProcLink } from './nodes.ts';
import type { ProcFileSystem } from './proc.ts';
import { limitsText, shortName, statText, statusText } from './process-words.ts';

const MOUNTS = 'tmpfs / tmpfs rw 0 0\nproc /proc proc rw 0 0\n';
/** mnt_id of what is on no mount that anybody sees, and of the root. */
const HIDDEN_MOUNT = 10, ROOT_MOUNT = 20;

export class ProcessDirectory extends ProcDirectory {
  private readonly process: KernelProcess;
  private readonly files: [string, Inode][];

  constructor(proc: ProcFileSystem, process: KernelProcess, root: ProcDirectory) {
    const { numbers } = proc;
    super(numbers, String(process.pid), root);
    this.process = process;
    const lookInto = (path: () => string | number) => (): string | number => {
      const refused = proc.inspection(process);
      return refused < 0 ? refused : path();
    };
    const { fileSystem } = process.kernel;
    const workingDirectory = (): string | number => process.exited
      ? -Errno.ENOENT : (pathOf(fileSystem.root, process.files.cwd) ?? '(unreachable)');
    const goTo = (inode: () => Inode) => (): Inode | number => {
      const refused = proc.inspection(process);
      return refused < 0 ? refused : process.exited ? -Errno.ENOENT : inode();
    };
    this.files = [
      ['fd', new DescriptorsDirectory(proc, process, this)],
      ['fdinfo', new DescriptorTexts(proc, process, this)],
      ['net', proc.net],
      ['environ', new ProcFile(numbers, lookInto(() => environText(process)), 0o400)],
      ['status', new ProcFile(numbers, () => this.alive(statusText(process)))],
      ['limits', new ProcFile(numbers, () => this.alive(limitsText(process)))],
      ['comm', new ProcFile(numbers, () => this.alive(`${shortName(process)}\n`))],
      ['cmdline', new ProcFile(numbers, () => this.alive(commandLine(process)))],
      ['stat', new ProcFile(numbers, () => this.alive(statText(process, shortName(process))))],
      ['cwd', new ProcLink(numbers, lookInto(workingDirectory), goTo(() => process.files.cwd))],
      ['root', new ProcLink(numbers, lookInto(() => '/'), goTo(() => fileSystem.root))],
      // Programs are functions: there is no file, as for a thread of the kernel.
      ['exe', new ProcLink(numbers, lookInto(() => -Errno.ENOENT), () => -Errno.ENOENT)],
      ['mounts', new ProcFile(numbers, () => MOUNTS)],
    ];
  }

  /** Whoever holds a file of a process that is gone hears so. */
  private alive(text: string): string | number {
    return this.process.kernel.find(this.process.pid) === this.process ? text : -Errno.ESRCH;
  }

  /** Owners follow the process's ids; of one that nobody may look into, all is root's (task_dump_owner). */
  ownedByProcess(): void {
    const { credentials: { euid, egid }, isDumpable, exited } = this.process;
    // Two directories stay the process's own, whatever becomes of the rest.
    this.uid = euid;
    this.gid = egid;
    for (const [name, inode] of this.files) {
      if (name === 'net') continue;
      inode.uid = isDumpable && !exited ? euid : 0;
      inode.gid = isDumpable && !exited ? egid : 0;
    }
  }

  override find(name: string): Inode | null {
    for (const [known, inode] of this.files) if (known === name) return inode;
    return super.find(name);
  }

  override entries(): [string, Inode][] {
    return this.files;
  }

  override get isEmpty(): boolean {
    return false;
  }
}

function commandLine(process: KernelProcess): string {
  return process.exited ? '' : [process.name, ...process.args].map((word) => `${word}\0`).join('');
}

function environText({ environment, exited }: KernelProcess): string {
  return exited ? '' : Object.entries(environment).map(([name, value]) => `${name}=${value}\0`).join('');
}

abstract class Descriptors extends LiveDirectory {
  protected readonly proc: ProcFileSystem;
  protected readonly process: KernelProcess;

  constructor(proc: ProcFileSystem, process: KernelProcess, name: string, parent: ProcDirectory, mode: number) {
    super(proc.numbers, name, parent, mode);
    this.proc = proc;
    this.process = process;
  }

  protected listNames(): string[] {
    return [...this.process.descriptors.entries()].map(([fd]) => String(fd));
  }

  protected has(name: string): boolean {
    return this.fileAt(name) !== null;
  }

  protected fileAt(name: string): OpenFile | null {
    return /^(0|[1-9]\d*)$/.test(name) ? this.process.descriptors.file(Number(name)) : null;
  }
}

class DescriptorsDirectory extends Descriptors {
  constructor(proc: ProcFileSystem, process: KernelProcess, parent: ProcDirectory) {
    super(proc, process, 'fd', parent, 0o500);
  }

  override get size(): number {
    return this.listNames().length;
  }

  /** A process finds its own descriptors, whosever they are now (proc_fd_permission). */
  override permits(ordinarily: boolean): boolean {
    return ordinarily || this.proc.asker === this.process;
  }

  protected make(name: string): Inode {
    const { proc, process } = this;
    const behind = <T>(tell: (file: OpenFile) => T) => (): T | number => {
      const refused = proc.inspection(process);
      const file = this.fileAt(name);
      return refused < 0 ? refused : file === null ? -Errno.ENOENT : tell(file);
    };
    return new ProcLink(
      proc.numbers, behind((file) => linkText(process.kernel, file)), behind((file) => inodeBehind(process.kernel, file)),
    );
  }

  /** The link's mode shows how the description was opened (tid_fd_update_inode). */
  protected override refresh(name: string, inode: Inode): void {
    const mode = (this.fileAt(name) as OpenFile).operations.accessMode;
    inode.mode = (mode === O.WRONLY ? 0 : 0o500) | (mode === O.RDONLY ? 0 : 0o300);
    inode.uid = this.uid;
    inode.gid = this.gid;
  }
}

class DescriptorTexts extends Descriptors {
  constructor(proc: ProcFileSystem, process: KernelProcess, parent: ProcDirectory) {
    super(proc, process, 'fdinfo', parent, 0o555);
  }

  override permits(ordinarily: boolean): boolean {
    return ordinarily && this.proc.mayInspect(this.process);
  }

  protected make(name: string): Inode {
    return new ProcFile(this.proc.numbers, () => {
      const file = this.fileAt(name);
      return file === null ? -Errno.ENOENT : this.text(file, Number(name));
    });
  }

  private text(file: OpenFile, fd: number): string {
    const { kernel, descriptors } = this.process;
    const { operations, found } = file;
    const position = (operations as { position?: number }).position ?? 0;
    const flags = flagsOf(file, descriptors.closesOnExec(fd));
    const more = operations.describe?.() ?? '';
    return `pos:\t${position}\nflags:\t0${flags.toString(8)}\nmnt_id:\t${(found?.directory ?? null) === null ? HIDDEN_MOUNT : ROOT_MOUNT}\n` +
      `ino:\t${inodeBehind(kernel, file).number}\n${more}`;
  }
}
