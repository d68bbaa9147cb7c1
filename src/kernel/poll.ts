/**
 * poll(2): waits on several descriptions at once.
 */
import { Errno } from '../base/errno.ts';
import { Cost } from '../base/kernel-memory.ts';
import { Poll, Waiter } from '../base/wait-queue.ts';
import type { OpenFile } from './open-file.ts';
import { Operation, Restart } from './operation.ts';
import { pollTimeoutUs } from './int.ts';
import type { SignalSet } from './signal-set.ts';
import { waitUs } from './times.ts';

/** One descriptor of a poll call; a negative one is ignored. */
export interface PollEntry {
  fd: number;
  events: number;
  revents: number;
}

/** Errors and hang-ups are reported whether they were asked for or not. */
const ALWAYS = Poll.ERR | Poll.HUP;

/** So many descriptors cost a poll that waits nothing beside itself. */
const SHORT_LIST = 16;

/** A poll's place in one description's wait queue. */
class PollWaiter extends Waiter {
  private readonly operation: PollOperation;
  readonly file: OpenFile;

  constructor(operation: PollOperation, file: OpenFile, events: number) {
    super();
    this.operation = operation;
    this.file = file;
    this.events = events | ALWAYS;
  }

  wake(events: number): void {
    this.operation.wake(events);
  }

  attempt(): void {}
  deliver(): void {}
}

export class PollOperation extends Operation {
  private entries: PollEntry[] = [];
  private timeoutUs = 0;
  private pollWaiters: PollWaiter[] = [];

  /**
   * A negative timeout waits for ever, as does Infinity (`pollTimeoutUs`). The entries are copied, as the kernel copies them
   * from user space: what becomes of the caller's is no concern of the call that waits.
   */
  prepare(entries: readonly { fd: number; events: number }[], timeoutMs: number): void {
    this.prepareUs(entries.map(({ fd, events }) => ({ fd, events, revents: 0 })), pollTimeoutUs(timeoutMs));
  }

  /** ppoll(2): microseconds, and the mask that holds meanwhile. */
  prepareMasked(entries: readonly { fd: number; events: number }[], timeoutUs: number, mask: SignalSet | null): void {
    this.temporaryMask = mask;
    this.prepareUs(entries.map(({ fd, events }) => ({ fd, events, revents: 0 })), timeoutUs);
  }

  /** What was found, for the entry of that number. */
  revents(index: number): number {
    return (this.entries[index] as PollEntry).revents;
  }

  protected prepareUs(entries: PollEntry[], timeoutUs: number): void {
    this.entries = entries;
    this.timeoutUs = timeoutUs;
    // Without any time too, the mask lets signals in that wait already (do_poll looks for them before it looks at the clock).
    this.mayBlock = timeoutUs !== 0 || this.isExpected();
  }

  protected step(): number {
    let ready = 0;
    for (let i = 0; i < this.entries.length; i++) {
      const entry = this.entries[i] as PollEntry;
      // Looked up at each look: a descriptor that another task closed meanwhile is POLLNVAL (do_pollfd).
      const file = this.fileOf(entry);
      if (entry.fd < 0) entry.revents = 0;
      else if (file === null) entry.revents = Poll.NVAL;
      else entry.revents = file.operations.readiness() & (entry.events | ALWAYS);
      if (entry.revents !== 0) ready++;
    }
    return ready > 0 || this.looksOnce ? ready : -Errno.EAGAIN;
  }

  /** Nothing is ready, and it is not to wait. Once a signal without a handler has passed, the time of none is over. */
  protected get looksOnce(): boolean {
    return !this.mayBlock || (this.timeoutUs === 0 && this.isWaiting);
  }

  /** Does the mask let in a signal that is pending? */
  private isExpected(): boolean {
    return this.temporaryMask !== null && this.process.signals.hasPendingBeside(this.temporaryMask);
  }

  private fileOf(entry: PollEntry): OpenFile | null {
    return entry.fd < 0 ? null : this.process.descriptors.file(entry.fd);
  }

  protected override joinQueues(): void {
    for (let i = 0; i < this.entries.length; i++) {
      const file = this.fileOf(this.entries[i] as PollEntry);
      if (file === null) continue;
      const waiter = new PollWaiter(this, file, (this.entries[i] as PollEntry).events);
      file.hold();
      file.operations.waiters.add(waiter);
      this.pollWaiters.push(waiter);
    }
  }

  /** A short list is part of the call. */
  protected override get listBytes(): number {
    return this.entries.length <= SHORT_LIST ? 0 : this.entries.length * Cost.POLLED;
  }

  protected override stopWaiting(): void {
    for (const waiter of this.pollWaiters) {
      if (waiter.queue !== null) waiter.queue.remove(waiter);
      waiter.file.letGo();
    }
    this.pollWaiters = [];
  }

  protected waitFor(): number {
    return this.timeoutUs === 0 ? Infinity : this.timeoutUs;
  }

  protected timeoutResult(): number {
    return 0;
  }

  protected override get restart(): Restart {
    return Restart.WithoutHandler;
  }
}

/** nanosleep(2): waits for nothing but time; Infinity is until the process ends (pause(2)). */
export class SleepOperation extends Operation {
  private sleepUs = 0;

  /** 0, or -EINVAL for what is no number of microseconds. */
  prepare(us: number): number {
    const waits = waitUs(us);
    if (waits < 0) return -Errno.EINVAL;
    this.sleepUs = waits;
    this.mayBlock = true;
    return 0;
  }

  protected step(): number {
    return -Errno.EAGAIN;
  }

  protected waitFor(): number {
    return this.sleepUs;
  }

  protected timeoutResult(): number {
    return 0;
  }

  protected override get restart(): Restart {
    return Restart.WithoutHandler;
  }
}
