/**
 * A host's deadlines: an indexed heap of timers.
 *
 * A timer is a field, not a callback in a list: its owner sets `deadline` and calls `queue.update(timer)`. The queue
 * keeps its own copy `queuedAt`; a deadline that moves *later* leaves the heap untouched and is looked at again when
 * the old one comes up, so re-arming a retransmission timer on every segment costs one comparison. A timer that dies
 * leaves the heap at once: lazy deletion put a third of the time into the garbage collector (tap-and-costs).
 */

/**
 * Something with a deadline. Endpoints extend it, so that a timer costs no object of its own.
 *
 * Its fields are set in the constructor: V8 defines initialized ones by a function of its own, which sees the shapes of all
 * classes that extend this one, and takes the slow way with more than four (docs/decisions/fields-of-base-classes.md).
 */
export abstract class Timer {
  /** When to call `expired`, in microseconds; Infinity when unarmed. */
  declare deadline: number;
  /** The time under which the queue has it; never later than `deadline` while queued. */
  declare queuedAt: number;
  /** Position in the heap, -1 when it is not queued. */
  declare heapIndex: number;
  /** Order of arming among equal times. */
  declare timerSeq: number;

  constructor() {
    this.deadline = Infinity;
    this.queuedAt = Infinity;
    this.heapIndex = -1;
    this.timerSeq = 0;
  }

  /** The deadline has passed; the timer is unarmed (`deadline` is Infinity) when this is called. */
  abstract expired(): void;
}

export class TimerQueue {
  private readonly heap: Timer[] = [];
  private nextSeq = 0;

  /** Time of the first entry; Infinity when empty. May be earlier than any real deadline, never later. */
  nextAt = Infinity;

  get size(): number {
    return this.heap.length;
  }

  /**
   * Takes notice of `timer.deadline`. Returns true when the queue's first time became earlier. A deadline that is no
   * number throws: it compares false with everything, and the queue would stand still behind it.
   */
  update(timer: Timer): boolean {
    if (timer.heapIndex >= 0) {
      if (timer.deadline >= timer.queuedAt) {
        if (timer.deadline === Infinity) this.remove(timer);
        return false;
      }
      if (Number.isNaN(timer.deadline)) noDeadline(timer);
      timer.queuedAt = timer.deadline;
      timer.timerSeq = this.nextSeq++;
      this.siftUp(timer.heapIndex, timer);
    } else {
      if (timer.deadline === Infinity) return false;
      if (Number.isNaN(timer.deadline)) noDeadline(timer);
      timer.queuedAt = timer.deadline;
      timer.timerSeq = this.nextSeq++;
      this.heap.push(timer);
      this.siftUp(this.heap.length - 1, timer);
    }
    const first = (this.heap[0] as Timer).queuedAt;
    const earlier = first < this.nextAt;
    this.nextAt = first;
    return earlier;
  }

  /** Forgets the timer. */
  remove(timer: Timer): void {
    const at = timer.heapIndex;
    if (at < 0) return;
    timer.heapIndex = -1;
    timer.queuedAt = Infinity;
    const last = this.heap.pop() as Timer;
    if (last !== timer) {
      this.siftUp(at, last);
      if (last.heapIndex === at) this.siftDown(at, last);
    }
    this.nextAt = this.heap.length > 0 ? (this.heap[0] as Timer).queuedAt : Infinity;
  }

  /** Fires the first timer if its time has come; one call fires at most one. Returns false when nothing was due. */
  fireOne(now: number): boolean {
    while (this.nextAt <= now) {
      const timer = this.heap[0] as Timer;
      if (timer.deadline > timer.queuedAt) {
        // It moved later since it was queued: put it where it belongs now. Even when it is due, others may be due before it.
        timer.queuedAt = timer.deadline;
        timer.timerSeq = this.nextSeq++;
        this.siftDown(0, timer);
        this.nextAt = (this.heap[0] as Timer).queuedAt;
        continue;
      }
      timer.deadline = Infinity;
      this.remove(timer);
      timer.expired();
      return true;
    }
    return false;
  }

  /** Every queued timer, in no order: for leak tests and `ss -o`. */
  *[Symbol.iterator](): IterableIterator<Timer> {
    yield* this.heap;
  }

  private siftUp(from: number, timer: Timer): void {
    const heap = this.heap;
    let at = from;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const above = heap[up] as Timer;
      if (!before(timer, above)) break;
      heap[at] = above;
      above.heapIndex = at;
      at = up;
    }
    heap[at] = timer;
    timer.heapIndex = at;
  }

  private siftDown(from: number, timer: Timer): void {
    const heap = this.heap;
    const size = heap.length;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && before(heap[child + 1] as Timer, heap[child] as Timer)) child++;
      const below = heap[child] as Timer;
      if (!before(below, timer)) break;
      heap[at] = below;
      below.heapIndex = at;
      at = child;
    }
    heap[at] = timer;
    timer.heapIndex = at;
  }
}

function noDeadline(timer: Timer): never {
  throw new Error(`the deadline of a ${timer.constructor.name} is no number`);
}

function before(a: Timer, b: Timer): boolean {
  return a.queuedAt < b.queuedAt || (a.queuedAt === b.queuedAt && a.timerSeq < b.timerSeq);
}
