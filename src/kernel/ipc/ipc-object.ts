/**
 * What System V message queues, semaphores and shared memory have in common (sysvipc(7)): keys, identifiers, permissions.
 */
import { Capability, type Credentials } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { Poll, WaitQueue } from '../../base/wait-queue.ts';

export const IPC = { PRIVATE: 0, CREAT: 0o1000, EXCL: 0o2000, NOWAIT: 0o4000, RMID: 0, SET: 1, STAT: 2 } as const;

/** Access bits as in a file's mode. */
export const READ = 4;
export const WRITE = 2;

/** `struct ipc_perm`. */
export interface IpcPermissions {
  key: number;
  uid: number;
  gid: number;
  cuid: number;
  cgid: number;
  mode: number;
}

/** Tasks that wait for it are in its own queue. */
export abstract class IpcObject extends WaitQueue {
  readonly id: number;
  readonly permissions: IpcPermissions;
  /** IPC_RMID: whoever waits hears EIDRM. */
  removed = false;

  constructor(id: number, key: number, mode: number, owner: Credentials) {
    super();
    this.id = id;
    this.permissions = { key, uid: owner.euid, gid: owner.egid, cuid: owner.euid, cgid: owner.egid, mode: mode & 0o777 };
  }

  /** May somebody do what `wanted` (READ, WRITE) says? 0 or -EACCES (ipcperms). */
  permits(who: Credentials, wanted: number): number {
    const { uid, gid, cuid, cgid, mode } = this.permissions;
    let granted = mode;
    if (who.euid === uid || who.euid === cuid) granted >>= 6;
    else if ([gid, cgid].some((group) => who.egid === group || who.groups.includes(group))) granted >>= 3;
    return (wanted & ~granted & 7) !== 0 && !who.has(Capability.IPC_OWNER) ? -Errno.EACCES : 0;
  }

  /** May somebody change or remove it? 0 or -EPERM (ipcctl_obtain_check). */
  permitsControl(who: Credentials): number {
    const { uid, cuid } = this.permissions;
    return who.euid === uid || who.euid === cuid || who.has(Capability.SYS_ADMIN) ? 0 : -Errno.EPERM;
  }

  /** IPC_SET's part that is everybody's. */
  setPermissions({ uid, gid, mode }: Pick<IpcPermissions, 'uid' | 'gid' | 'mode'>): void {
    this.permissions.uid = uid;
    this.permissions.gid = gid;
    this.permissions.mode = (this.permissions.mode & ~0o777) | (mode & 0o777);
  }

  /** Something has changed that somebody may wait for. */
  changed(): void {
    this.wake(Poll.IN);
  }

  /** IPC_RMID: it is gone for everybody. */
  destroy(): void {
    this.removed = true;
    this.changed();
  }
}

/** How many places an identifier can name, and its step from one object in a place to the next (IPCMNI, ipc_buildid). */
const PLACES = 32768;
/** A place is not used again before so many others were (ipc_min_cycle). */
const CYCLE = 64;
const SEQUENCES = 65536;

/** A host's objects of one kind. */
export class IpcTable<T extends IpcObject> {
  private readonly objects = new Map<number, T>();
  private readonly byKey = new Map<number, T>();
  /** Where objects are. */
  private readonly places = new Set<number>();
  private nextPlace = 0;
  private lastPlace = -1;
  private sequence = 0;
  /** msgmni, semmni, shmmni. */
  most: number;

  constructor(most: number) {
    this.most = most;
  }

  get size(): number {
    return this.objects.size;
  }

  /** Every object, by the places that their identifiers name. */
  *[Symbol.iterator](): IterableIterator<T> {
    yield* [...this.objects.values()].sort((a, b) => (a.id % PLACES) - (b.id % PLACES));
  }

  find(id: number): T | null {
    return this.objects.get(id) ?? null;
  }

  /** The object, or why there is none: -EINVAL for a number that never was one or is none any more. */
  get(id: number): T | number {
    return this.objects.get(id) ?? -Errno.EINVAL;
  }

  /**
   * msgget(2) and its kin: the identifier, or a negative errno. `check` says whether an object that is there will do,
   * `make` makes another.
   */
  obtain(
    key: number, flags: number, who: Credentials, check: (object: T) => number, make: (id: number) => T | number,
  ): number {
    const known = key === IPC.PRIVATE ? undefined : this.byKey.get(key);
    if (known !== undefined) {
      if ((flags & IPC.CREAT) !== 0 && (flags & IPC.EXCL) !== 0) return -Errno.EEXIST;
      const unfit = check(known);
      if (unfit < 0) return unfit;
      // The mode that is asked for is what the caller wants to do (ipc_check_perms).
      const wanted = ((flags >> 6) | (flags >> 3) | flags) & 7;
      const denied = known.permits(who, wanted);
      return denied < 0 ? denied : known.id;
    }
    if (key !== IPC.PRIVATE && (flags & IPC.CREAT) === 0) return -Errno.ENOENT;
    if (this.objects.size >= this.most) return -Errno.ENOSPC;
    const place = this.freePlace();
    // Begun anew: what had the place before had another identifier (ipc_idr_alloc).
    const sequence = place <= this.lastPlace ? (this.sequence + 1) % SEQUENCES : this.sequence;
    const id = sequence * PLACES + place;
    const made = make(id);
    if (typeof made === 'number') return made;
    this.sequence = sequence;
    this.lastPlace = place;
    this.nextPlace = place + 1;
    this.objects.set(id, made);
    this.places.add(place);
    if (key !== IPC.PRIVATE) this.byKey.set(key, made);
    return id;
  }

  /** The next place that is free, round and round (idr_alloc_cyclic). */
  private freePlace(): number {
    const end = Math.min(Math.max(Math.floor((this.objects.size * 3) / 2), CYCLE), this.most);
    for (let place = this.nextPlace; place < end; place++) if (!this.places.has(place)) return place;
    for (let place = 0; place < end; place++) if (!this.places.has(place)) return place;
    return end;
  }

  /** Takes an object out: its key is free, its identifier names nothing. */
  drop(object: T): void {
    if (!this.objects.delete(object.id)) return;
    this.places.delete(object.id % PLACES);
    this.forgetKey(object);
  }

  /** Nobody finds it by its key any more. */
  forgetKey(object: T): void {
    if (this.byKey.get(object.permissions.key) === object) this.byKey.delete(object.permissions.key);
  }
}
