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
  /** The queue's first time for which `at` stands. */
  private shown = Infinity;
  private isHeld = false;

  constructor(loop: Loop) {
    super();
    this.loop = loop;
  }

  /** Takes notice of `timer.deadline` (Infinity disarms). */
  arm(timer: Timer): void {
    this.queue.update(timer);
    if (this.queue.nextAt !== this.shown) this.refresh();
  }

  /** Forgets the timer. */
  disarm(timer: Timer): void {
    timer.deadline = Infinity;
    this.queue.remove(timer);
    if (this.queue.nextAt !== this.shown) this.refresh();
  }

  override run(): void {
    this.queue.fireOne(this.loop.now);
    this.refresh();
  }

  /** The machine stands still: nothing expires. What was due meanwhile does so when it goes on. */
  hold(on: boolean): void {
    this.isHeld = on;
    this.refresh();
  }

  private refresh(): void {
    const { loop, queue } = this;
    this.shown = queue.nextAt;
    // An overdue timer stands behind what the wires have for now, also behind what the timer before it has just sent:
    // with its own, earlier time all overdue timers would fire before a single frame is looked at.
    this.at = this.isHeld ? Infinity : this.shown < loop.now ? loop.now : this.shown;
    this.order = ++loop.sequence;
    loop.update(this);
  }
}
