/**
 * Inodes of the in-memory file system: what a name in a directory leads to (inode(7)).
 *
 *   Inode <- Directory, RegularFile, Symlink, Fifo, SocketNode, Device
 */
import { Capability, type Credentials } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import type { Pipe } from '../pipe.ts';

/** st_mode's type bits. */
export const S = {
  IFMT: 0o170000, IFSOCK: 0o140000, IFLNK: 0o120000, IFREG: 0o100000, IFBLK: 0o060000, IFDIR: 0o040000, IFCHR: 0o020000,
  IFIFO: 0o010000, ISUID: 0o4000, ISGID: 0o2000, ISVTX: 0o1000, PERMISSIONS: 0o7777,
} as const;

/** st_dev of the file system itself; those of /proc, sockets, pipes and the rest have others (kernel/anonymous.ts). */
export const MAIN_DEVICE = 1;

/** access(2)'s questions. */
export const Access = { F: 0, X: 1, W: 2, R: 4 } as const;

const DAY_US = 86_400_000_000;

/** What an inode needs from the file system that it is part of. */
export interface FileSystemLimits {
  /** Microseconds, for the times of a file. */
  now(): number;
  /** Takes `bytes` more of the file system's room (fewer when negative): 0 or -ENOSPC, -ENOMEM. */
  take(bytes: number): number;
  /** An inode is gone. */
  gone(): void;
}

export abstract class Inode {
  readonly number: number;
  readonly type: number;
  mode: number;
  uid: number;
  gid: number;
  /** Names that lead here. */
  links = 0;
  /** Descriptions that are open: a file without a name lives as long as one of them. */
  opens = 0;
  private isForgotten = false;
  accessedUs: number;
  modifiedUs: number;
  changedUs: number;
  protected readonly limits: FileSystemLimits;

  constructor(number: number, type: number, mode: number, owner: Credentials, limits: FileSystemLimits) {
    this.number = number;
    this.type = type;
    this.mode = mode & S.PERMISSIONS;
    this.uid = owner.fsuid;
    this.gid = owner.fsgid;
    this.limits = limits;
    this.accessedUs = limits.now();
    this.modifiedUs = this.accessedUs;
    this.changedUs = this.accessedUs;
  }

  /** st_size. */
  get size(): number {
    return 0;
  }

  /** st_blocks: units of 512 bytes. */
  get sectors(): number {
    return 0;
  }

  /** st_rdev: which device it stands for. */
  get rdev(): number {
    return 0;
  }

  /** truncate(2): 0 when it may be cut, or why not. */
  get truncating(): number {
    return -Errno.EINVAL;
  }

  /** Cuts it, or makes it longer. Of what is made when it is read, nothing can be cut off (proc_notify_change). */
  truncate(_length: number): void {}

  /** Somebody has read it: its time changes when it tells nothing new otherwise (relative_atime). */
  accessed(): void {
    const now = this.limits.now();
    const { accessedUs } = this;
    if (accessedUs <= this.modifiedUs || accessedUs <= this.changedUs || now - accessedUs >= DAY_US) this.accessedUs = now;
  }

  /** utimensat(2): microseconds, null for now, -Infinity for what stays. */
  setTimes(accessedUs: number | null, modifiedUs: number | null): void {
    const now = this.limits.now();
    if (accessedUs !== -Infinity) this.accessedUs = accessedUs ?? now;
    if (modifiedUs !== -Infinity) this.modifiedUs = modifiedUs ?? now;
    this.changedUs = now;
  }

  /** st_blksize. */
  get blockBytes(): number {
    return 4096;
  }

  /** st_dev: which file system it is part of. */
  get device(): number {
    return MAIN_DEVICE;
  }

  /** May somebody do what mode and owner allow or refuse? For files of /proc, which know who asks. */
  permits(ordinarily: boolean): boolean {
    return ordinarily;
  }

  /** Contents have changed, and so have the times that tell of it. */
  modified(): void {
    this.modifiedUs = this.limits.now();
    this.changedUs = this.modifiedUs;
  }

  /** Ownership, permissions or links have changed. */
  changed(): void {
    this.changedUs = this.limits.now();
  }

  /** A name is gone, or a description: without either, so is the inode. */
  unlinked(): void {
    this.links--;
    this.changed();
    this.forgetIfUnused();
  }

  closed(): void {
    this.opens--;
    this.forgetIfUnused();
  }

  private forgetIfUnused(): void {
    if (this.links > 0 || this.opens > 0 || this.isForgotten) return;
    this.isForgotten = true;
    this.forget();
    this.limits.gone();
  }

  /** Nothing leads here any more: what it holds is free. */
  protected forget(): void {}
}

/** May somebody do `wanted` (`Access` bits) with this inode? 0 or -EACCES (generic_permission). */
export function permission(inode: Inode, who: Credentials, wanted: number): number {
  return inode.permits(isPermitted(inode, who, wanted)) ? 0 : -Errno.EACCES;
}

function isPermitted(inode: Inode, who: Credentials, wanted: number): boolean {
  let granted = inode.mode;
  if (who.fsuid === inode.uid) granted >>= 6;
  else if (who.fsgid === inode.gid || who.groups.includes(inode.gid)) granted >>= 3;
  if ((granted & wanted & 7) === wanted) return true;
  const isDirectory = inode.type === S.IFDIR;
  if (who.has(Capability.DAC_OVERRIDE)) {
    // Even root executes only what somebody may.
    if (isDirectory || (wanted & Access.X) === 0 || (inode.mode & 0o111) !== 0) return true;
  }
  const onlyLooks = (wanted & Access.W) === 0 && (isDirectory || wanted === Access.R);
  return onlyLooks && who.has(Capability.DAC_READ_SEARCH);
}

/** Does somebody own it, or may act as if (inode_owner_or_capable)? */
export function owns(inode: { readonly uid: number }, who: Credentials): boolean {
  return who.fsuid === inode.uid || who.has(Capability.FOWNER);
}

export class Directory extends Inode {
  parent: Directory;
  private readonly names = new Map<string, Inode>();

  /** `parent` is null for a root, which is its own. */
  constructor(number: number, mode: number, owner: Credentials, limits: FileSystemLimits, parent: Directory | null) {
    super(number, S.IFDIR, mode, owner, limits);
    this.parent = parent ?? this;
    // Its '.', and a root's '..' (its name counts when it gets one).
    this.links = parent === null ? 2 : 1;
  }

  override get size(): number {
    return 40 + this.names.size * 20;
  }

  override get truncating(): number {
    return -Errno.EISDIR;
  }

  get isEmpty(): boolean {
    return this.names.size === 0;
  }

  /** Does the kernel alone say which names there are, as in /proc? */
  get isFixed(): boolean {
    return false;
  }

  find(name: string): Inode | null {
    if (name === '.') return this;
    if (name === '..') return this.parent;
    return this.names.get(name) ?? null;
  }

  /** Names in the order of their making, without '.' and '..'. */
  entries(): [string, Inode][] {
    return [...this.names];
  }

  nameOf(inode: Inode): string | null {
    for (const [name, entry] of this.names) if (entry === inode) return name;
    return null;
  }

  add(name: string, inode: Inode): void {
    this.names.set(name, inode);
    inode.links++;
    if (inode instanceof Directory) {
      inode.parent = this;
      this.links++;
    }
    inode.changed();
    this.modified();
  }

  remove(name: string): void {
    const inode = this.names.get(name);
    if (inode === undefined) return;
    this.names.delete(name);
    if (inode instanceof Directory) {
      this.links--;
      // Its own '.' goes with its name.
      inode.links--;
    }
    inode.unlinked();
    this.modified();
  }
}

/** A target that is short lies in the inode, a longer one takes a page (shmem_symlink). */
export function roomOf(targetBytes: number): number {
  return targetBytes < 128 ? 0 : 4096;
}

/** Whoever makes one has taken `roomOf` its target. */
export class Symlink extends Inode {
  private readonly text: string;
  private readonly targetBytes: number;

  get target(): string {
    return this.text;
  }

  /** readlink(2): the target, or a negative errno. */
  read(_who: Credentials): string | number {
    return this.target;
  }

  /** Where it leads without a look at its text (/proc/PID/fd): an inode, or a negative errno; null for where the text says. */
  follow(_who: Credentials): Inode | number | null {
    return null;
  }

  constructor(number: number, target: string, owner: Credentials, limits: FileSystemLimits) {
    super(number, S.IFLNK, 0o777, owner, limits);
    this.text = target;
    this.targetBytes = new TextEncoder().encode(target).length;
  }

  override get size(): number {
    return this.targetBytes;
  }

  protected override forget(): void {
    this.limits.take(-roomOf(this.targetBytes));
  }
}

/** A named pipe: its pipe lives as long as somebody has it open. */
export class Fifo extends Inode {
  /** Made by whoever opens it first. */
  pipe: Pipe | null;

  /** `pipe`: of what pipe2(2) has made, which has no name. */
  constructor(number: number, mode: number, owner: Credentials, limits: FileSystemLimits, pipe: Pipe | null = null) {
    super(number, S.IFIFO, mode, owner, limits);
    this.pipe = pipe;
  }

  override closed(): void {
    super.closed();
    this.unused();
  }

  /** Without anybody who has it open there is no pipe. */
  unused(): void {
    if (this.opens > 0 || this.pipe === null) return;
    this.pipe.forget();
    this.pipe = null;
  }
}
