/** Directories, files and links of /proc: names and contents follow from what the kernel has at the moment. */
import { Credentials } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { Device } from '../anonymous.ts';
import { GeneratedFile } from '../fs/generated-file.ts';
import { Directory, type FileSystemLimits, type Inode, Symlink } from '../fs/inode.ts';
import type { KernelProcess } from '../process.ts';

export const ROOT: Credentials = new Credentials();

/** Counts the inodes of a /proc, and is their file system. */
export class ProcNumbers implements FileSystemLimits {
  private last = 4026531840;
  private readonly clock: () => number;

  constructor(clock: () => number) {
    this.clock = clock;
  }

  next(): number {
    return ++this.last;
  }

  now(): number {
    return this.clock();
  }

  take(): number {
    return 0;
  }

  gone(): void {}
}

export class ProcDirectory extends Directory {
  /** Its own name, as getcwd(2) tells it. */
  private readonly ownName: string;

  constructor(numbers: ProcNumbers, name: string, parent: Directory | null, mode = 0o555) {
    super(numbers.next(), mode, ROOT, numbers, parent);
    this.ownName = name;
    this.links = 2;
  }

  override get device(): number {
    return Device.PROC;
  }

  override get isFixed(): boolean {
    return true;
  }

  override get size(): number {
    return 0;
  }

  override add(name: string, inode: Inode): void {
    super.add(name, inode);
    if (!(inode instanceof Directory)) inode.links = 1;
  }

  override nameOf(inode: Inode): string | null {
    return inode instanceof ProcDirectory && inode.parent === this ? inode.ownName : super.nameOf(inode);
  }
}

/** A directory whose names come and go. What was found once is the same inode the next time. */
export abstract class LiveDirectory extends ProcDirectory {
  private readonly known = new Map<string, Inode>();
  protected readonly numbers: ProcNumbers;

  constructor(numbers: ProcNumbers, name: string, parent: Directory | null, mode = 0o555) {
    super(numbers, name, parent, mode);
    this.numbers = numbers;
  }

  /** Names that are there now. */
  protected abstract listNames(): string[];
  /** Is this name there now? */
  protected abstract has(name: string): boolean;
  protected abstract make(name: string): Inode;
  /** Before an inode that was found before is given again. */
  protected refresh(_name: string, _inode: Inode): void {}

  override find(name: string): Inode | null {
    if (name === '.' || name === '..' || !this.has(name)) return name === '.' || name === '..' ? super.find(name) : null;
    let inode = this.known.get(name);
    if (inode === undefined) {
      this.forgetGone();
      inode = this.make(name);
      inode.links = Math.max(inode.links, 1);
      this.known.set(name, inode);
    }
    this.refresh(name, inode);
    return inode;
  }

  private forgetGone(): void {
    if (this.known.size < 64) return;
    for (const name of [...this.known.keys()]) if (!this.has(name)) this.known.delete(name);
  }

  override entries(): [string, Inode][] {
    return this.listNames().map((name) => [name, this.find(name) as Inode]);
  }

  override get isEmpty(): boolean {
    return this.listNames().length === 0;
  }
}

/** A file that a function writes. */
export class ProcFile extends GeneratedFile {
  private readonly write: (reader: KernelProcess) => string | number;

  constructor(numbers: ProcNumbers, write: (reader: KernelProcess) => string | number, mode = 0o444) {
    super(numbers.next(), mode, ROOT, numbers);
    this.write = write;
    this.links = 1;
  }

  override get device(): number {
    return Device.PROC;
  }

  override get writesInOrder(): boolean {
    return true;
  }

  contents(reader: KernelProcess): string | number {
    return this.write(reader);
  }
}

/** One that any driver might have made (proc_create): what cannot be written to says so in other words than PID's files. */
export class ProcEntry extends ProcFile {
  override store(): number {
    return -Errno.EIO;
  }
}

/** One of a network's (proc_create_net): nobody opens it for writing. */
export class ProcNetFile extends ProcFile {
  override get writing(): number {
    return -Errno.EACCES;
  }
}

/** A link whose text a function knows; `lead` takes whoever follows it somewhere without a look at the text. */
export class ProcLink extends Symlink {
  private readonly tell: () => string | number;
  private readonly lead: (() => Inode | number) | null;

  constructor(numbers: ProcNumbers, tell: () => string | number, lead: (() => Inode | number) | null = null) {
    super(numbers.next(), '', ROOT, numbers);
    this.tell = tell;
    this.lead = lead;
    this.links = 1;
  }

  override get device(): number {
    return Device.PROC;
  }

  override get size(): number {
    return this.lead === null ? 0 : 64;
  }

  override get target(): string {
    const text = this.tell();
    return typeof text === 'number' ? '' : text;
  }

  override read(): string | number {
    return this.tell();
  }

  override follow(): Inode | number | null {
    return this.lead === null ? null : this.lead();
  }
}
