/**
 * A host's timer queue as one event source of the loop.
 *
 * Owners set `timer.deadline` and call `arm(timer)`; `disarm` forgets it. One timer fires per loop event, so wires are
 * drained between two expired timers and a slow machine does not invent losses.
 */
import { EventSource, type Loop } from './loop.ts';
import { type Timer, TimerQueue } from './timer-queue.ts';

export class HostTimers extends EventSource {
  readonly queue: TimerQueue = new TimerQueue();
  readonly loop: Loop;

  constructor(loop: Loop) {
    super();
    this.loop = loop;
  }

  /** Takes notice of `timer.deadline` (Infinity disarms). */
  arm(timer: Timer): void {
    this.queue.update(timer);
    if (this.queue.nextAt !== this.at) this.refresh();
  }

  /** Forgets the timer. */
  disarm(timer: Timer): void {
    timer.deadline = Infinity;
    this.queue.remove(timer);
    if (this.queue.nextAt !== this.at) this.refresh();
  }

  run(): void {
    this.queue.fireOne(this.loop.now);
    if (this.queue.nextAt !== this.at) this.refresh();
  }

  private refresh(): void {
    this.at = this.queue.nextAt;
    this.order = this.loop.nextSeq;
    this.loop.update(this);
  }
}
