/** How a handle hears of its socket, and what it has to tell: entries of wait queues, of the loop and of the program's events. */
import { Completion } from '../../base/loop.ts';
import { Poll, Waiter } from '../../base/wait-queue.ts';
import type { HandleEvent, NodeProgram } from './node-program.ts';

/** Something that C++ or net.js waits for, told in an event of its own. */
export class Told implements HandleEvent {
  private readonly tell: () => void;

  constructor(tell: () => void) {
    this.tell = tell;
  }

  runEvent(): void {
    this.tell();
  }
}

interface Looking {
  readonly program: NodeProgram;
  /** The socket has changed. */
  look(): void;
}

/** The handle's place in its description's wait queue. */
export class HandleWaiter extends Waiter {
  private readonly handle: Looking;
  private isNotified = false;

  constructor(handle: Looking) {
    super();
    this.handle = handle;
    this.events = Poll.IN | Poll.OUT | Poll.ERR | Poll.HUP | Poll.RDHUP;
  }

  wake(): void {
    if (this.isNotified) return;
    this.isNotified = true;
    this.handle.program.host.loop.complete(this);
  }

  attempt(): void {}

  deliver(): void {
    this.isNotified = false;
    this.handle.look();
  }
}

/**
 * Lets a connect be told behind what its handshake has told others: over loopback the listener's side is ready within the
 * call, and libuv, which begins to watch the client afterwards, tells of it first.
 */
export class ConnectTurn extends Completion {
  private readonly tell: () => void;

  constructor(tell: () => void) {
    super();
    this.tell = tell;
  }

  deliver(): void {
    this.tell();
  }
}
