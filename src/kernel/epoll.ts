/**
 * epoll(7): a list of what is of interest, and a list of what may be ready.
 *
 * An item waits on its description's queue for as long as it is in the list. A wake puts it among the ready ones; whether
 * it really is, epoll_wait finds out by asking (ep_send_events). Level-triggered items stay among them until they are not.
 */
import { Errno } from '../base/errno.ts';
import type { FileOperations } from '../base/file-operations.ts';
import { Poll, Waiter, WaitQueue } from '../base/wait-queue.ts';
import { O } from '../socket/constants.ts';
import type { OpenFile } from './open-file.ts';
import { Operation, Restart } from './operation.ts';
import type { KernelProcess } from './process.ts';
import type { UserCounts } from './user-counts.ts';
import type { SignalSet } from './signal-set.ts';

export const EPOLL_CTL = { ADD: 1, DEL: 2, MOD: 3 } as const;

/** What epoll has besides poll(2)'s bits. */
export const EPOLL = { EXCLUSIVE: 1 << 28, WAKEUP: 1 << 29, ONESHOT: 1 << 30, ET: 1 << 31 } as const;
const PRIVATE = EPOLL.EXCLUSIVE | EPOLL.WAKEUP | EPOLL.ONESHOT | EPOLL.ET;
/** What EPOLLEXCLUSIVE may stand beside (EPOLLEXCLUSIVE_OK_BITS). */
const WITH_EXCLUSIVE =
  Poll.IN | Poll.OUT | Poll.ERR | Poll.HUP | Poll.RDNORM | Poll.WRNORM | Poll.RDBAND | Poll.WRBAND |
  EPOLL.WAKEUP | EPOLL.ET | EPOLL.EXCLUSIVE;
const ALWAYS = Poll.ERR | Poll.HUP;
/** How deep epolls may lie in epolls (EP_MAX_NESTS). */
const MAX_NESTS = 4;
/** How many ways a wake may take through so many epolls, from what is watched to one that nobody watches (path_limits); one is free. */
const MOST_WAYS: readonly number[] = [Infinity, 500, 100, 50, 10];

/** One event, as epoll_wait(2) gives it. */
export interface EpollEvent {
  events: number;
  /** What epoll_ctl(2) was given for it. */
  data: number;
}

class EpollItem extends Waiter {
  readonly epoll: Epoll;
  readonly file: OpenFile;
  readonly fd: number;
  data = 0;
  /** What was asked for, with the private bits; a one-shot item that has fired has only those. */
  asked = 0;
  /** Its place among the ready ones. */
  listed = false;
  nextInEpoll: EpollItem | null = null;
  previousInEpoll: EpollItem | null = null;

  constructor(epoll: Epoll, file: OpenFile, fd: number) {
    super();
    this.epoll = epoll;
    this.file = file;
    this.fd = fd;
  }

  /** What holds of what was asked for. */
  get revents(): number {
    const wanted = this.asked & ~PRIVATE;
    return wanted === 0 ? 0 : this.file.operations.readiness() & wanted;
  }

  wake(events: number): void {
    if ((this.asked & ~PRIVATE & events) !== 0) this.epoll.mayBeReady(this);
  }

  attempt(): void {}
  deliver(): void {}

  /** Its description is gone. */
  closed(): void {
    this.epoll.forget(this);
  }
}

/** fs.epoll.max_user_watches: how many descriptors the epolls of one user may watch, all together. */
export const MAX_USER_WATCHES = 262144;

export class Epoll implements FileOperations {
  readonly waiters: WaitQueue = new WaitQueue();
  readonly accessMode: number = O.RDWR;
  /** By descriptor and description: a number may have been given to another file since. */
  private readonly items = new Map<OpenFile, Map<number, EpollItem>>();
  /** How much each user's epolls watch, and whose this one is. */
  private readonly watches: UserCounts;
  private readonly uid: number;
  private firstReady: EpollItem | null = null;
  private lastReady: EpollItem | null = null;

  constructor(watches: UserCounts, uid: number) {
    this.watches = watches;
    this.uid = uid;
  }

  get anonymousName(): string {
    return 'eventpoll';
  }

  /** It takes any position and has none (noop_llseek). */
  seek(): number {
    return 0;
  }

  /** How many items there are, for leak tests. */
  get size(): number {
    let count = 0;
    for (const ofFile of this.items.values()) count += ofFile.size;
    return count;
  }

  // The list of interest.

  add(file: OpenFile, fd: number, events: number, data: number): number {
    const nested = file.operations instanceof Epoll ? file.operations : null;
    if ((events & EPOLL.EXCLUSIVE) !== 0 && (nested !== null || (events & ~WITH_EXCLUSIVE) !== 0)) return -Errno.EINVAL;
    if (nested !== null && (nested.contains(this) || nested.depth() + this.height() - 1 > MAX_NESTS)) return -Errno.ELOOP;
    if (this.items.get(file)?.has(fd)) return -Errno.EEXIST;
    if (this.watches.of(this.uid) >= MAX_USER_WATCHES) return -Errno.ENOSPC;
    if (this.watches.lacksMemory) return -Errno.ENOMEM;
    this.watches.add(this.uid, 1);
    const item = new EpollItem(this, file, fd);
    item.exclusive = (events & EPOLL.EXCLUSIVE) !== 0;
    this.ask(item, events, data);
    let ofFile = this.items.get(file);
    if (ofFile === undefined) {
      ofFile = new Map();
      this.items.set(file, ofFile);
    }
    ofFile.set(fd, item);
    file.watch(item);
    file.operations.waiters.add(item);
    if ((nested !== null || this.isWatched) && !this.hasFewWays(file)) {
      this.forget(item);
      return -Errno.EINVAL;
    }
    if (item.revents !== 0) this.mayBeReady(item);
    return 0;
  }

  modify(file: OpenFile, fd: number, events: number, data: number): number {
    const item = this.items.get(file)?.get(fd);
    if (item === undefined) return -Errno.ENOENT;
    if (item.exclusive) return -Errno.EINVAL;
    this.ask(item, events, data);
    if (item.revents !== 0) this.mayBeReady(item);
    return 0;
  }

  private ask(item: EpollItem, events: number, data: number): void {
    item.asked = events | ALWAYS;
    item.events = item.asked & ~PRIVATE;
    item.data = data;
  }

  remove(file: OpenFile, fd: number): number {
    const item = this.items.get(file)?.get(fd);
    if (item === undefined) return -Errno.ENOENT;
    this.forget(item);
    return 0;
  }

  forget(item: EpollItem): void {
    const ofFile = this.items.get(item.file);
    if (ofFile?.delete(item.fd) === true) this.watches.add(this.uid, -1);
    if (ofFile?.size === 0) this.items.delete(item.file);
    item.file.unwatch(item);
    item.queue?.remove(item);
    if (item.listed) this.withoutReady(item);
  }

  // Epolls in epolls. Each is looked at once, however many ways lead there.

  /** Is `other` this one, or in it? */
  private contains(other: Epoll, seen: Set<Epoll> = new Set()): boolean {
    if (this === other) return true;
    if (seen.has(this)) return false;
    seen.add(this);
    for (const { operations } of this.items.keys()) if (operations instanceof Epoll && operations.contains(other, seen)) return true;
    return false;
  }

  /** How many epolls lie one in another from here down. */
  private depth(known: Map<Epoll, number> = new Map()): number {
    let most = known.get(this) ?? 0;
    if (most > 0) return most;
    for (const { operations } of this.items.keys()) if (operations instanceof Epoll) most = Math.max(most, operations.depth(known));
    known.set(this, most + 1);
    return most + 1;
  }

  /** And from here up. */
  private height(known: Map<Epoll, number> = new Map()): number {
    let most = known.get(this) ?? 0;
    if (most > 0) return most;
    this.waiters.each((waiter) => {
      if (waiter instanceof EpollItem) most = Math.max(most, waiter.epoll.height(known));
    });
    known.set(this, most + 1);
    return most + 1;
  }

  /** By another epoll. */
  get isWatched(): boolean {
    let isWatched = false;
    this.waiters.each((waiter) => {
      if (waiter instanceof EpollItem) isWatched = true;
    });
    return isWatched;
  }

  /** Of what is watched by way of `file`: do few enough ways lead from there to the epolls that nobody watches (reverse_path_check)? */
  private hasFewWays(file: OpenFile): boolean {
    const sources = new Set<OpenFile>();
    collectSources(file, sources, new Set());
    for (const source of sources) if (!waysAreFew(source.operations, source, 0, [0, 0, 0, 0, 0])) return false;
    return true;
  }

  /** Whom it watches. */
  get watched(): Iterable<OpenFile> {
    return this.items.keys();
  }

  // The list of what may be ready.

  mayBeReady(item: EpollItem): void {
    if (!item.listed) this.list(item);
    this.waiters.wake(Poll.IN | Poll.RDNORM);
  }

  private list(item: EpollItem): void {
    item.listed = true;
    item.nextInEpoll = null;
    item.previousInEpoll = this.lastReady;
    if (this.lastReady === null) this.firstReady = item;
    else this.lastReady.nextInEpoll = item;
    this.lastReady = item;
  }

  private withoutReady(item: EpollItem): void {
    const { nextInEpoll: next, previousInEpoll: previous } = item;
    if (previous === null) this.firstReady = next;
    else previous.nextInEpoll = next;
    if (next === null) this.lastReady = previous;
    else next.previousInEpoll = previous;
    item.listed = false;
    item.nextInEpoll = null;
    item.previousInEpoll = null;
  }

  /** Up to `most` events, into `events`; returns how many. */
  collect(events: EpollEvent[], most: number): number {
    // Those that stay ready go behind the others, so that all get their turn; each is looked at once.
    const last = this.lastReady;
    let item = this.firstReady;
    while (item !== null && events.length < most) {
      const next: EpollItem | null = item === last ? null : item.nextInEpoll;
      this.withoutReady(item);
      const { revents } = item;
      if (revents !== 0) {
        events.push({ events: revents, data: item.data });
        if ((item.asked & EPOLL.ONESHOT) !== 0) item.asked &= PRIVATE;
        else if ((item.asked & EPOLL.ET) === 0) this.list(item);
      }
      item = next;
    }
    return events.length;
  }

  // FileOperations.

  read(): number {
    return -Errno.EINVAL;
  }

  write(): number {
    return -Errno.EINVAL;
  }

  readiness(): number {
    // One that is not ready after all leaves the list (__ep_eventpoll_poll).
    while (this.firstReady !== null) {
      if (this.firstReady.revents !== 0) return Poll.IN | Poll.RDNORM;
      this.withoutReady(this.firstReady);
    }
    return 0;
  }

  /** Its requests are about busy polling alone, and it words an unknown one otherwise (ep_eventpoll_ioctl). */
  control(): number {
    return -Errno.EINVAL;
  }

  release(): void {
    for (const ofFile of [...this.items.values()]) for (const item of [...ofFile.values()]) this.forget(item);
  }
}

/** epoll_wait(2). */
export class EpollWaitOperation extends Operation {
  found: EpollEvent[] = [];
  private epoll: Epoll | null = null;
  private most = 0;
  private timeoutUs = 0;

  constructor(process: KernelProcess) {
    super(process);
    this.exclusive = true;
  }

  /** Microseconds, Infinity for ever; `mask` holds meanwhile. */
  prepare(file: OpenFile, most: number, timeoutUs: number, mask: SignalSet | null): void {
    this.file = file;
    this.epoll = file.operations as Epoll;
    this.found = [];
    this.most = most;
    this.timeoutUs = timeoutUs;
    this.temporaryMask = mask;
    this.mayBlock = this.timeoutUs !== 0;
  }

  protected step(): number {
    const count = (this.epoll as Epoll).collect(this.found, this.most);
    return count > 0 || !this.mayBlock ? count : -Errno.EAGAIN;
  }

  protected waitFor(): number {
    this.events = Poll.IN;
    return this.timeoutUs;
  }

  protected timeoutResult(): number {
    return 0;
  }

  /** signal(7): never restarted. */
  protected override get restart(): Restart {
    return Restart.Never;
  }
}

/** What is no epoll, in `file` or in what it watches. */
function collectSources(file: OpenFile, sources: Set<OpenFile>, seen: Set<Epoll>): void {
  const { operations } = file;
  if (!(operations instanceof Epoll)) {
    sources.add(file);
    return;
  }
  if (seen.has(operations)) return;
  seen.add(operations);
  for (const one of operations.watched) collectSources(one, sources, seen);
}

/** reverse_path_check_proc: `file` is null for an epoll, which is one whatever its descriptions are. */
function waysAreFew({ waiters }: FileOperations, file: OpenFile | null, nests: number, ways: number[]): boolean {
  if (nests > MAX_NESTS) return false;
  let areFew = true;
  waiters.each((waiter) => {
    if (!areFew || !(waiter instanceof EpollItem) || (file !== null && waiter.file !== file)) return;
    const { epoll } = waiter;
    if (epoll.isWatched) areFew = waysAreFew(epoll, null, nests + 1, ways);
    else {
      const count = (ways[nests] as number) + 1;
      ways[nests] = count;
      areFew = count <= (MOST_WAYS[nests] as number);
    }
  });
  return areFew;
}
