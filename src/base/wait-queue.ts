/**
 * Who waits for what: plain callbacks with an event mask, first in first out; the exclusive ones behind all others.
 *
 * A wake only marks a waiter's operation runnable (`Loop.ready`); nothing of the waiter runs inside the waker's call.
 */
import { Runnable } from './loop.ts';

/** poll(2)'s event bits, as on Linux. */
export const Poll = {
  IN: 0x001, PRI: 0x002, OUT: 0x004, ERR: 0x008, HUP: 0x010, NVAL: 0x020, RDNORM: 0x040, RDBAND: 0x080,
  WRNORM: 0x100, WRBAND: 0x200, RDHUP: 0x2000,
} as const;

/**
 * Goes with poll(2)'s bits in a wake: the socket was disconnected under its waiters, and what they wait for is not theirs
 * any more, whatever it is connected to by the time they look (Linux's sk_disconnects).
 */
export const DISCONNECTED = 0x10000;

/** Goes with poll(2)'s bits in a wake: those who wait look again, and SIGIO tells nobody (Linux's sock_def_wakeup). */
export const SILENT = 0x20000;

/** One entry in a wait queue. */
export abstract class Waiter extends Runnable {
  /** Events (`Poll`) this waiter is woken for. */
  declare events: number;
  /** An exclusive waiter uses up the wake: of several, only the first is woken (accept, one reader). Not changed while it waits. */
  declare exclusive: boolean;
  declare queue: WaitQueue | null;
  declare previousWaiter: Waiter | null;
  declare nextWaiter: Waiter | null;

  constructor() {
    super();
    this.events = 0;
    this.exclusive = false;
    this.queue = null;
    this.previousWaiter = null;
    this.nextWaiter = null;
  }

  /** Something of `events` happened. Must only mark work as runnable. */
  abstract wake(events: number): void;
}

/** How many places in wait queues are taken, of all hosts: for leak tests. */
class WaitStatistics {
  entries = 0;
}

export const waitStatistics: WaitStatistics = new WaitStatistics();

export class WaitQueue {
  private first: Waiter | null = null;
  private last: Waiter | null = null;

  get empty(): boolean {
    return this.first === null;
  }

  add(waiter: Waiter): void {
    if (waiter.queue !== null) throw new Error('waiter is queued already');
    waiter.queue = this;
    waitStatistics.entries++;
    let before = this.last;
    if (!waiter.exclusive) while (before !== null && before.exclusive) before = before.previousWaiter;
    const after = before === null ? this.first : before.nextWaiter;
    waiter.previousWaiter = before;
    waiter.nextWaiter = after;
    if (before === null) this.first = waiter;
    else before.nextWaiter = waiter;
    if (after === null) this.last = waiter;
    else after.previousWaiter = waiter;
  }

  remove(waiter: Waiter): void {
    if (waiter.queue !== this) return;
    waiter.queue = null;
    waitStatistics.entries--;
    if (waiter.previousWaiter === null) this.first = waiter.nextWaiter;
    else waiter.previousWaiter.nextWaiter = waiter.nextWaiter;
    if (waiter.nextWaiter === null) this.last = waiter.previousWaiter;
    else waiter.nextWaiter.previousWaiter = waiter.previousWaiter;
    waiter.previousWaiter = null;
    waiter.nextWaiter = null;
  }

  each(look: (waiter: Waiter) => void): void {
    for (let waiter = this.first; waiter !== null; waiter = waiter.nextWaiter) look(waiter);
  }

  /**
   * Wakes every waiter that asked for one of `events`, and of the exclusive ones the first, after all others: a poll
   * behind a blocked accept hears of the connection too, as on Linux (add_wait_queue_exclusive). Of thousands that wait
   * exclusively no more are looked at than those that want something else.
   */
  wake(events: number): void {
    let waiter = this.first;
    while (waiter !== null) {
      const next = waiter.nextWaiter;
      if ((waiter.events & events) !== 0) {
        const { exclusive } = waiter;
        waiter.wake(events);
        if (exclusive) return;
      }
      waiter = next;
    }
  }

  /** Wakes every waiter that asked for one of `events`, exclusive or not: what they wait for will never come, or for all. */
  wakeAll(events: number): void {
    let waiter = this.first;
    while (waiter !== null) {
      const next = waiter.nextWaiter;
      if ((waiter.events & events) !== 0) waiter.wake(events);
      waiter = next;
    }
  }
}
