/**
 * What the pipes of each user may hold (pipe(7): /proc/sys/fs/pipe-*), and what they take of the host's memory. Linux counts
 * the slots of all pipes that a user has made or made larger, full or not (account_pipe_buffers).
 */
import { Capability, type Credentials } from '../base/credentials.ts';
import { Errno } from '../base/errno.ts';
import { Cost, type KernelMemory, PAGE_BYTES } from '../base/kernel-memory.ts';
import type { Settings } from '../base/settings.ts';
import type { ChunkWriter } from '../base/slab.ts';
import { UserCounts } from './user-counts.ts';

const DEFAULT_SLOTS = 16;
/** PIPE_MIN_DEF_BUFFERS: of a user who has too many already. */
const FEW_SLOTS = 2;

export class PipePages {
  readonly memory: KernelMemory;
  /** For a little that is unread: many pipes share a chunk. */
  readonly keeper: ChunkWriter;
  private readonly settings: Settings;
  /** Slots of each user's pipes. */
  private readonly slots: UserCounts = new UserCounts();

  constructor(memory: KernelMemory, settings: Settings, keeper: ChunkWriter) {
    this.memory = memory;
    this.settings = settings;
    this.keeper = keeper;
  }

  /** Slots of all pipes that there are. */
  get inUse(): number {
    return this.slots.total;
  }

  /** How many slots a new pipe of `who` gets, now counted; 0 when he may have none, or there is no memory (alloc_pipe_info). */
  take(who: Credentials): number {
    const { pipeMaxSize } = this.settings;
    let slots = DEFAULT_SLOTS;
    if (slots * PAGE_BYTES > pipeMaxSize && !who.has(Capability.SYS_RESOURCE)) slots = Math.floor(pipeMaxSize / PAGE_BYTES);
    const before = this.slots.of(who.uid);
    if (this.isTooMany(before + slots, this.settings.pipeUserPagesSoft, who)) slots = FEW_SLOTS;
    if (this.isTooMany(before + slots, this.settings.pipeUserPagesHard, who)) return 0;
    if (this.memory.lacks(Cost.PIPE + slots * Cost.PIPE_SLOT)) return 0;
    this.memory.hold(Cost.PIPE);
    this.count(who.uid, slots);
    return slots;
  }

  /**
   * May `who` give a pipe of `uid`'s, which has `from` slots and has had `most` in use, `to` of them? 0 or -EPERM, -ENOMEM
   * (pipe_set_size).
   */
  resize(who: Credentials, uid: number, from: number, to: number, most: number): number {
    const isMore = to > most;
    if (isMore && to * PAGE_BYTES > this.settings.pipeMaxSize && !who.has(Capability.SYS_RESOURCE)) return -Errno.EPERM;
    const after = this.slots.of(uid) - from + to;
    const { pipeUserPagesSoft, pipeUserPagesHard } = this.settings;
    if (isMore && (this.isTooMany(after, pipeUserPagesSoft, who) || this.isTooMany(after, pipeUserPagesHard, who))) return -Errno.EPERM;
    return this.count(uid, to - from) ? 0 : -Errno.ENOMEM;
  }

  /** A pipe of `uid`'s has `slots` more, or fewer; false when there is no memory for them. */
  count(uid: number, slots: number): boolean {
    if (slots > 0 && this.memory.lacks(slots * Cost.PIPE_SLOT)) return false;
    this.memory.hold(slots * Cost.PIPE_SLOT);
    this.slots.add(uid, slots);
    return true;
  }

  /** A pipe with so many slots is gone. */
  giveBack(uid: number, slots: number): void {
    this.memory.letGo(Cost.PIPE);
    this.count(uid, -slots);
  }

  private isTooMany(slots: number, limit: number, who: Credentials): boolean {
    return limit !== 0 && slots > limit && !who.has(Capability.SYS_RESOURCE) && !who.has(Capability.SYS_ADMIN);
  }
}
