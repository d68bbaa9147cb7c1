/**
 * A process's descriptor table: small integers to open file descriptions, the lowest free one first.
 *
 *   fd -> OpenFile (shared, counted) -> FileOperations
 */
import { Errno } from '../base/errno.ts';
import { Cost, type KernelMemory } from '../base/kernel-memory.ts';
import type { OpenFile } from './open-file.ts';
import { MOST_DESCRIPTORS } from './resource-limits.ts';

/** What every table has room for. */
const FREE_SLOTS = 256;
const FD_SETSIZE = 1024;

export class DescriptorTable {
  /** RLIMIT_NOFILE's soft limit. */
  max = MOST_DESCRIPTORS;
  /** Null is free. Undefined is reserved by a call under way: nobody else gets the number, and it is not open. */
  private readonly files: (OpenFile | null | undefined)[] = [];
  private readonly closeOnExec: boolean[] = [];
  /** No descriptor below this one is free: keeps "lowest free number" cheap. */
  private lowestFree = 0;
  /** The process has ended: nothing is opened any more. */
  private isClosed = false;
  /** Whose table it is: what a queue notifies ends with any close of its process (mqueue_flush_file). */
  private readonly pid: number;

  private readonly memory: KernelMemory;
  /** Slots that the host is charged for; the first ones are part of what a process costs. */
  private slots = FREE_SLOTS;

  constructor(pid: number, memory: KernelMemory) {
    this.pid = pid;
    this.memory = memory;
  }

  /** What select(2) looks at: fd_set's size at least, and no more than the table has grown to (max_select_fd). */
  get mostSelected(): number {
    return Math.max(FD_SETSIZE, this.slots);
  }

  /** What the table of a child will take of the host's memory. */
  get tableBytes(): number {
    return (this.slots - FREE_SLOTS) * Cost.DESCRIPTOR;
  }

  /** Makes room for the descriptor `fd`: false when there is no memory (alloc_fdtable). */
  private growTo(fd: number): boolean {
    if (fd < this.slots) return true;
    let slots = this.slots;
    while (slots <= fd) slots *= 2;
    if (!this.memory.take((slots - this.slots) * Cost.DESCRIPTOR)) return false;
    this.slots = slots;
    return true;
  }

  /** Takes over every descriptor of another table, as fork(2) does. */
  inherit(other: DescriptorTable): void {
    this.memory.hold(other.tableBytes);
    this.slots = other.slots;
    for (let fd = 0; fd < other.files.length; fd++) {
      const file = other.file(fd);
      this.files.push(file);
      this.closeOnExec.push(other.closesOnExec(fd));
      if (file !== null) file.hold();
    }
    // Whatever is free among them is found by who looks for it.
    this.lowestFree = 0;
  }

  /** The description behind a descriptor; null is EBADF. */
  file(fd: number): OpenFile | null {
    // Only whole numbers are descriptors: '1' would find one too, and 'length' something that is none.
    return fd >>> 0 === fd && fd < this.files.length ? (this.files[fd] ?? null) : null;
  }

  closesOnExec(fd: number): boolean {
    return this.closeOnExec[fd] === true;
  }

  setCloseOnExec(fd: number, on: boolean): void {
    this.closeOnExec[fd] = on;
  }

  /** Open descriptors, for `/proc/PID/fd` and leak tests. */
  *entries(): IterableIterator<[number, OpenFile]> {
    for (let fd = 0; fd < this.files.length; fd++) {
      const file = this.files[fd];
      if (file !== null && file !== undefined) yield [fd, file];
    }
  }

  /** Puts a description into the lowest free descriptor >= `from`, or -EMFILE, -ENOMEM, -ESRCH. Takes a reference. */
  install(file: OpenFile, closeOnExec: boolean, from = 0): number {
    const fd = this.reserve(from);
    if (fd >= 0) this.fill(fd, file, closeOnExec);
    return fd;
  }

  /** Takes the lowest free descriptor >= `from` off the market, or -EMFILE, -ENOMEM. Ends with `fill` or `giveBack`. */
  reserve(from = 0): number {
    if (this.isClosed) return -Errno.ESRCH;
    let fd = from > this.lowestFree ? from : this.lowestFree;
    while (fd < this.files.length && this.files[fd] !== null) fd++;
    if (fd >= this.max) return -Errno.EMFILE;
    if (!this.growTo(fd)) return -Errno.ENOMEM;
    while (this.files.length < fd) this.files.push(null);
    this.files[fd] = undefined;
    if (from <= this.lowestFree) this.lowestFree = fd + 1;
    return fd;
  }

  /** A reserved descriptor gets its description. Takes a reference. */
  fill(fd: number, file: OpenFile, closeOnExec: boolean): void {
    this.files[fd] = file;
    this.closeOnExec[fd] = closeOnExec;
    file.hold();
  }

  /** A reserved descriptor is free again. */
  giveBack(fd: number): void {
    if (this.isClosed) return;
    this.files[fd] = null;
    if (fd < this.lowestFree) this.lowestFree = fd;
  }

  /** Takes an open descriptor out of the table; its reference is the caller's now. */
  remove(fd: number): OpenFile {
    const file = this.files[fd] as OpenFile;
    this.giveBack(fd);
    file.operations.closedBy?.(this.pid);
    return file;
  }

  /** Puts a description into the descriptor `to`, whatever it was; -EBUSY for a reserved one, -ENOMEM. Takes a reference. */
  replace(to: number, file: OpenFile, closeOnExec: boolean): number {
    if (!this.growTo(to)) return -Errno.ENOMEM;
    while (this.files.length <= to) this.files.push(null);
    if (this.files[to] === undefined) return -Errno.EBUSY;
    const old = this.file(to);
    this.fill(to, file, closeOnExec);
    if (to === this.lowestFree) this.lowestFree = to + 1;
    if (old !== null) {
      old.operations.closedBy?.(this.pid);
      old.letGo();
    }
    return to;
  }

  /** Closes what is marked close-on-exec, as execve(2) does. */
  closeOnExecution(): void {
    for (let fd = 0; fd < this.files.length; fd++) if (this.closesOnExec(fd)) this.closeIfOpen(fd);
  }

  /** Closes a descriptor, if it is one. */
  closeIfOpen(fd: number): void {
    if (this.file(fd) !== null) this.remove(fd).letGo();
  }

  /** The highest descriptor that may be open. */
  get highest(): number {
    return this.files.length - 1;
  }

  /** Closes every descriptor, and lets nobody open another. */
  closeAll(): void {
    this.isClosed = true;
    for (let fd = 0; fd < this.files.length; fd++) {
      const file = this.files[fd];
      if (file === null || file === undefined) continue;
      this.files[fd] = null;
      file.operations.closedBy?.(this.pid);
      file.letGo();
    }
    this.lowestFree = 0;
    this.files.length = 0;
    this.closeOnExec.length = 0;
    this.memory.letGo(this.tableBytes);
    this.slots = FREE_SLOTS;
  }
}
