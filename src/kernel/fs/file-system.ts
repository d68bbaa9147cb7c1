/**
 * A host's in-memory file system: one tree with room for so many bytes and so many inodes.
 *
 * Called by calls/files.ts. Nothing here knows of descriptors; names and permissions are this room's, contents are the
 * inodes' (regular-file.ts, device.ts).
 */
import { Credentials } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { Cost, type KernelMemory } from '../../base/kernel-memory.ts';
import type { RandomSource } from '../../base/random.ts';
import { Device, FULL, NULL, randomDriver, ZERO } from './device.ts';
import { Access, Directory, Fifo, type FileSystemLimits, type Inode, owns, permission, roomOf, S, Symlink } from './inode.ts';
import { bytesIn, lookUp, PATH_MAX, type Place } from './path.ts';
import { RegularFile } from './regular-file.ts';

/** What a small machine's tmpfs would hold. */
const DEFAULT_ROOM_BYTES = 64 * 1024 * 1024;
const DEFAULT_INODES = 65536;

const ROOT = new Credentials();

export class FileSystem implements FileSystemLimits {
  readonly root: Directory;
  /** Bytes that files may still take. */
  roomBytes = DEFAULT_ROOM_BYTES;
  readonly capacityBytes: number = DEFAULT_ROOM_BYTES;
  readonly mostInodes: number = DEFAULT_INODES;
  /** Inodes that there may still be. As on tmpfs, each further name of a file counts as one. */
  roomInodes: number = DEFAULT_INODES;
  private nextInode = 1;
  private readonly clock: () => number;
  private memory: KernelMemory;

  /** `clock` gives microseconds; `random` feeds /dev/random; what is written takes `memory`. */
  constructor(clock: () => number, random: RandomSource, memory: KernelMemory) {
    this.clock = clock;
    this.memory = memory;
    this.root = this.counted(new Directory(this.nextInode++, 0o755, ROOT, this, null));
    for (const name of ['dev', 'etc', 'run', 'var']) this.root.add(name, this.counted(this.directory(0o755, ROOT, this.root)));
    this.root.add('tmp', this.counted(this.directory(0o1777, ROOT, this.root)));
    const dev = this.root.find('dev') as Directory;
    const device = (name: string, driver: Device['driver'], major: number, minor: number): void =>
      dev.add(name, this.counted(new Device(this.nextInode++, driver, major, minor, ROOT, this)));
    device('null', NULL, 1, 3);
    device('zero', ZERO, 1, 5);
    device('full', FULL, 1, 7);
    device('random', randomDriver(random), 1, 8);
    device('urandom', randomDriver(random), 1, 9);
  }

  /** Another kernel runs on the machine: what is written takes its memory. */
  moveTo(memory: KernelMemory): void {
    memory.hold(this.capacityBytes - this.roomBytes + (this.mostInodes - this.roomInodes) * Cost.INODE);
    this.memory = memory;
  }

  /** Puts another file system's root under a name of the root directory. */
  mount(name: string, root: Directory): void {
    if (this.root.find(name) !== null) this.root.remove(name);
    this.root.add(name, root);
  }

  now(): number {
    return this.clock();
  }

  take(bytes: number): number {
    if (bytes > this.roomBytes) return -Errno.ENOSPC;
    if (bytes > 0 && this.memory.lacks(bytes)) return -Errno.ENOMEM;
    this.memory.hold(bytes);
    this.roomBytes -= bytes;
    return 0;
  }

  gone(): void {
    this.roomInodes++;
    this.memory.letGo(Cost.INODE);
  }

  private counted<T extends Inode>(inode: T): T {
    this.roomInodes--;
    this.memory.hold(Cost.INODE);
    return inode;
  }

  /** Why there can be no inode, or no name of one, more; 0 when there can. */
  private get full(): number {
    if (this.roomInodes <= 0) return -Errno.ENOSPC;
    return this.memory.lacks(Cost.INODE) ? -Errno.ENOMEM : 0;
  }

  private directory(mode: number, owner: Credentials, parent: Directory): Directory {
    return new Directory(this.nextInode++, mode, owner, this, parent);
  }

  // What makes a name. `place` has been looked up, and nothing is there.

  /** A regular file: the inode, or a negative errno. */
  create(place: Place, mode: number, who: Credentials): RegularFile | number {
    return this.put(place, who, () => new RegularFile(this.nextInode++, mode, who, this));
  }

  fifo(place: Place, mode: number, who: Credentials): Fifo | number {
    return this.put(place, who, () => new Fifo(this.nextInode++, mode, who, this));
  }

  mkdir(place: Place, mode: number, who: Credentials): Directory | number {
    if (place.inode !== null) return -Errno.EEXIST;
    const kept = mode & S.PERMISSIONS & ~(S.ISUID | S.ISGID);
    return this.put(place, who, () => this.directory(kept, who, place.directory as Directory), true);
  }

  symlink(place: Place, target: string, who: Credentials): Symlink | number {
    const bytes = bytesIn(target);
    if (bytes >= PATH_MAX) return -Errno.ENAMETOOLONG;
    const refused = this.take(roomOf(bytes));
    if (refused < 0) return refused;
    const made = this.put(place, who, () => new Symlink(this.nextInode++, target, who, this));
    if (typeof made === 'number') this.take(-roomOf(bytes));
    return made;
  }

  /** A node of another kind, such as a socket's. */
  node<T extends Inode>(place: Place, who: Credentials, make: (number: number) => T): T | number {
    return this.put(place, who, () => make(this.nextInode++));
  }

  private put<T extends Inode>(place: Place, who: Credentials, make: () => T, mayEndInSlash = false): T | number {
    const directory = place.directory as Directory;
    if (place.inode !== null) return -Errno.EEXIST;
    // What there is no name for in /proc is not found even by whoever wants to make it.
    if (directory.isFixed || (place.slash && !mayEndInSlash)) return -Errno.ENOENT;
    const denied = this.mayChange(directory, who);
    if (denied < 0) return denied;
    if (this.full < 0) return this.full;
    const inode = this.counted(make());
    // A directory with S_ISGID hands its group on.
    if ((directory.mode & S.ISGID) !== 0) {
      inode.gid = directory.gid;
      if (inode instanceof Directory) inode.mode |= S.ISGID;
    }
    directory.add(place.name, inode);
    return inode;
  }

  /** May somebody make and remove names in a directory? A directory that is gone has room for none. */
  private mayChange(directory: Directory, who: Credentials): number {
    const denied = permission(directory, who, Access.W | Access.X);
    if (denied < 0) return denied;
    return directory.links < 2 ? -Errno.ENOENT : 0;
  }

  /** May somebody take `inode`'s name out of `directory` (may_delete)? */
  private mayRemove(directory: Directory, inode: Inode, who: Credentials): number {
    const denied = permission(directory, who, Access.W | Access.X);
    if (denied < 0) return denied;
    if (directory.isFixed) return -Errno.EPERM;
    const isSticky = (directory.mode & S.ISVTX) !== 0;
    return isSticky && !owns(inode, who) && !owns(directory, who) ? -Errno.EPERM : 0;
  }

  // What removes or moves one.

  unlink(place: Place, who: Credentials): number {
    const { inode, name } = place;
    const directory = place.directory as Directory;
    if (inode === null) return -Errno.ENOENT;
    if (name === '') return -Errno.EISDIR;
    if (inode instanceof Directory) {
      const denied = this.mayRemove(directory, inode, who);
      return denied < 0 ? denied : -Errno.EISDIR;
    }
    const denied = this.mayRemove(directory, inode, who);
    if (denied < 0) return denied;
    this.takeName(directory, name, inode);
    return 0;
  }

  /** Takes a name out. One of several leaves the room that it took; the last one's is the inode's. */
  private takeName(directory: Directory, name: string, inode: Inode): void {
    if (!(inode instanceof Directory) && inode.links > 1) this.gone();
    directory.remove(name);
  }

  rmdir(place: Place, who: Credentials): number {
    const { inode, name } = place;
    const directory = place.directory as Directory;
    if (inode === null) return -Errno.ENOENT;
    if (name === '') return -Errno.EBUSY;
    if (name === '.') return -Errno.EINVAL;
    if (name === '..') return -Errno.ENOTEMPTY;
    const denied = this.mayRemove(directory, inode, who);
    if (denied < 0) return denied;
    if (!(inode instanceof Directory)) return -Errno.ENOTDIR;
    if (isMountPoint(directory, inode)) return -Errno.EBUSY;
    if (!inode.isEmpty) return -Errno.ENOTEMPTY;
    directory.remove(name);
    return 0;
  }

  /** `isSafe`: whether the one who asks may give this file another name (may_linkat). */
  link(inode: Inode, place: Place, who: Credentials, isSafe: boolean): number {
    if (place.inode !== null) return -Errno.EEXIST;
    const isNowhere = (place.directory as Directory).isFixed;
    if (place.slash || isNowhere) return -Errno.ENOENT;
    const directory = place.directory as Directory;
    if (inode.device !== directory.device) return -Errno.EXDEV;
    if (!isSafe) return -Errno.EPERM;
    const denied = this.mayChange(directory, who);
    if (denied < 0) return denied;
    if (inode instanceof Directory) return -Errno.EPERM;
    if (inode.links === 0) return -Errno.ENOENT;
    if (this.full < 0) return this.full;
    this.counted(inode);
    directory.add(place.name, inode);
    return 0;
  }

  rename(from: Place, to: Place, who: Credentials): number {
    const moved = from.inode;
    const target = to.inode;
    const source = from.directory as Directory;
    const destination = to.directory as Directory;
    if (source.device !== destination.device) return -Errno.EXDEV;
    for (const name of [from.name, to.name]) if (name === '' || name === '.' || name === '..') return -Errno.EBUSY;
    if (moved === null) return -Errno.ENOENT;
    const isDirectory = moved instanceof Directory;
    if (!isDirectory && (from.slash || (target === null && to.slash))) return -Errno.ENOTDIR;
    if (isDirectory && isWithin(destination, moved)) return -Errno.EINVAL;
    if (target instanceof Directory && isWithin(source, target)) return -Errno.ENOTEMPTY;
    if (moved === target) return 0;
    const denied = this.mayRemove(source, moved, who);
    if (denied < 0) return denied;
    if (isMountPoint(source, moved)) return -Errno.EBUSY;
    if (target === null) {
      const refused = this.mayChange(destination, who);
      if (refused < 0) return refused;
    } else {
      const refused = this.mayRemove(destination, target, who);
      if (refused < 0) return refused;
      if (isDirectory && !(target instanceof Directory)) return -Errno.ENOTDIR;
      if (!isDirectory && target instanceof Directory) return -Errno.EISDIR;
      if (isMountPoint(destination, target)) return -Errno.EBUSY;
      if (target instanceof Directory && !target.isEmpty) return -Errno.ENOTEMPTY;
    }
    if (target !== null) this.takeName(destination, to.name, target);
    // The new name first: without one it would be forgotten.
    destination.add(to.name, moved);
    if (isDirectory) moved.links++;
    source.remove(from.name);
    if (isDirectory) moved.parent = destination;
    return 0;
  }

  /** A file whose text is `source`'s whenever it is opened, until somebody writes into it. Makes or replaces it. */
  provideFrom(path: string, source: () => string): void {
    this.ownFile(path).keepFrom(source);
  }

  private ownFile(path: string): RegularFile {
    const place = this.place(path);
    const file = place.inode ?? this.create(place, 0o644, ROOT);
    if (!(file instanceof RegularFile)) throw new Error(`${path} cannot be written`);
    return file;
  }

  /** What a host has in a file of its own making: `/etc/hosts` and the like. Makes or replaces it. */
  provide(path: string, text: string): void {
    const file = this.ownFile(path);
    const bytes = new TextEncoder().encode(text);
    file.truncate(0);
    file.writeAt(0, bytes, 0, bytes.length);
  }

  private place(path: string): Place {
    const place: Place = { directory: null, name: '', inode: null, slash: false };
    const bad = lookUp(this.root, this.root, path, ROOT, true, place);
    if (bad < 0) throw new Error(`there is no ${path}`);
    return place;
  }
}

/** Is `directory` `other`, or somewhere below it? */
function isWithin(directory: Directory, other: Directory): boolean {
  for (let at = directory; ; at = at.parent) {
    if (at === other) return true;
    if (at.parent === at) return false;
  }
}

/** Does another file system begin there (is_local_mountpoint)? */
function isMountPoint(directory: Directory, inode: Inode): boolean {
  return inode.device !== directory.device;
}
