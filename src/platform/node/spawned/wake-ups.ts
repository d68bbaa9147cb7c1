/** What has a program in a process of its own want a turn: entries of the world's timers, of its deliveries and of wait queues. */
import { Completion, type Loop } from '../../../base/loop.ts';
import { Timer } from '../../../base/timer-queue.ts';
import { Waiter } from '../../../base/wait-queue.ts';
import { CHILD_CHANGED } from '../../../kernel/wait-child.ts';

/** The next of its timers. */
export class NextTimer extends Timer {
  private readonly wakeUp: () => void;

  constructor(wakeUp: () => void) {
    super();
    this.wakeUp = wakeUp;
  }

  expired(): void {
    this.wakeUp();
  }
}

/** A wake in the stack, on its way to a turn. */
export class WakeUp extends Completion {
  isQueued = false;
  private readonly wantTurn: () => void;

  constructor(wantTurn: () => void) {
    super();
    this.wantTurn = wantTurn;
  }

  deliver(): void {
    this.isQueued = false;
    this.wantTurn();
  }
}

/** Hears that another process of the host has ended it. */
export class EndWaiter extends Waiter {
  private readonly ended: () => void;
  private readonly loop: Loop;

  constructor(loop: Loop, ended: () => void) {
    super();
    this.loop = loop;
    this.events = CHILD_CHANGED;
    this.ended = ended;
  }

  wake(): void {
    this.queue?.remove(this);
    this.loop.complete(this);
  }

  attempt(): void {}

  deliver(): void {
    this.ended();
  }
}
