/**
 * Keeps Node's event loop alive while a handle of ours has something to wait for, as an active handle of libuv does: Node
 * does not know of sockets that are none of its own.
 */

import { machineInterval } from './machine-timers.ts';

/** The longest time that a timer of Node can have. */
const LONGEST_MS = 0x7fffffff;

class Liveness {
  private active = 0;
  private timer: NodeJS.Timeout | null = null;

  /** Does any handle keep its program alive? */
  get isActive(): boolean {
    return this.active > 0;
  }

  /** One handle more, or one less, that keeps the program alive. */
  change(by: 1 | -1): void {
    this.active += by;
    if (this.active > 0) this.timer ??= machineInterval(() => {}, LONGEST_MS);
    else if (this.timer !== null) {
      clearInterval(this.timer);
      this.timer = null;
    }
  }
}

export const liveness: Liveness = new Liveness();
