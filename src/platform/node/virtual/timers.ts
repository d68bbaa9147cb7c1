/**
 * Timers of programs in a world: what setTimeout and its kin give, on the world's clock.
 *
 *   setTimeout -> VirtualTimeout -> HostTimers (an event source of the loop) -> a delivery -> a macrotask -> the callback
 *
 * Those that are `unref`ed stand in a queue of their own, which alone does not keep a world going (base/loop.ts).
 */
import { AsyncResource } from 'node:async_hooks';
import { inspect } from 'node:util';
import type { HandleEvent, NodeProgram, ProgramPart } from '../../../api/node/node-program.ts';
import { HostTimers } from '../../../base/host-timers.ts';
import { Completion, type Loop } from '../../../base/loop.ts';
import { Timer } from '../../../base/timer-queue.ts';

/** Node's TIMEOUT_MAX: longer ones are one millisecond. */
const LONGEST_MS = 0x7fffffff;

/** The two queues of each world. */
const queues: WeakMap<Loop, { strong: HostTimers; weak: HostTimers }> = new WeakMap();

function queuesOf(loop: Loop): { strong: HostTimers; weak: HostTimers } {
  let pair = queues.get(loop);
  if (pair === undefined) {
    pair = { strong: new HostTimers(loop), weak: new HostTimers(loop) };
    pair.weak.isWeak = true;
    queues.set(loop, pair);
  }
  return pair;
}

class Expiry extends Timer {
  private readonly timeout: VirtualTimeout;

  constructor(timeout: VirtualTimeout) {
    super();
    this.timeout = timeout;
  }

  expired(): void {
    this.timeout.expired();
  }
}

class Delivery extends Completion {
  private readonly timeout: VirtualTimeout;

  constructor(timeout: VirtualTimeout) {
    super();
    this.timeout = timeout;
  }

  deliver(): void {
    this.timeout.program.later(this.timeout);
  }
}

/** Every one that clearTimeout may be given the number of. */
const numbered: Map<number, VirtualTimeout> = new Map();
let lastNumber = 0;

/** What setTimeout and setInterval return: Node's `Timeout`, method for method. */
export class VirtualTimeout extends AsyncResource implements HandleEvent, ProgramPart {
  readonly program: NodeProgram;
  private readonly callback: (...args: unknown[]) => void;
  private readonly args: readonly unknown[];
  private readonly delayMs: number;
  private readonly repeats: boolean;
  private readonly expiry: Expiry = new Expiry(this);
  private readonly delivery: Delivery = new Delivery(this);
  private isReferenced = true;
  private isOver = false;
  /** It has run, or is on its way to run, and does not stand in a queue. */
  private isOnItsWay = false;
  private number = 0;

  constructor(
    program: NodeProgram, callback: (...args: unknown[]) => void, delayMs: unknown, args: readonly unknown[], repeats: boolean,
    isReferenced: boolean,
  ) {
    super('Timeout', { requireManualDestroy: true });
    this.program = program;
    this.callback = callback;
    this.args = args;
    const ms = Number(delayMs);
    this.delayMs = ms >= 1 && ms <= LONGEST_MS ? Math.trunc(ms) : 1;
    this.repeats = repeats;
    this.isReferenced = isReferenced;
    program.adopt(this);
    this.start();
  }

  private get loop(): Loop {
    return this.program.host.loop;
  }

  private get queue(): HostTimers {
    const { strong, weak } = queuesOf(this.loop);
    return this.isReferenced ? strong : weak;
  }

  private start(): void {
    this.expiry.deadline = this.loop.now + this.delayMs * 1000;
    this.queue.arm(this.expiry);
    this.loop.drain();
  }

  expired(): void {
    this.isOnItsWay = true;
    this.loop.complete(this.delivery);
  }

  /** Its macrotask. */
  runEvent(): void {
    this.isOnItsWay = false;
    if (this.isOver) return;
    if (!this.repeats) this.finish();
    try {
      this.runInAsyncScope(this.callback, this, ...this.args);
    } finally {
      if (this.repeats && !this.isOver) this.start();
    }
  }

  private finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.queue.disarm(this.expiry);
    this.program.drop(this);
    if (this.number !== 0) numbered.delete(this.number);
    this.emitDestroy();
  }

  abandon(): void {
    this.finish();
  }

  close(): this {
    this.finish();
    return this;
  }

  /** Begins anew, also after it has run. */
  refresh(): this {
    if (this.isOnItsWay && !this.isOver) return this;
    this.queue.disarm(this.expiry);
    if (this.isOver) {
      this.isOver = false;
      this.program.adopt(this);
    }
    this.start();
    return this;
  }

  ref(): this {
    return this.setReferenced(true);
  }

  unref(): this {
    return this.setReferenced(false);
  }

  hasRef(): boolean {
    return this.isReferenced;
  }

  private setReferenced(on: boolean): this {
    if (on === this.isReferenced) return this;
    const { deadline } = this.expiry;
    if (deadline !== Infinity) this.queue.disarm(this.expiry);
    this.isReferenced = on;
    if (deadline !== Infinity) {
      this.expiry.deadline = deadline;
      this.queue.arm(this.expiry);
    }
    return this;
  }

  [Symbol.toPrimitive](): number {
    if (this.number === 0) {
      this.number = ++lastNumber;
      numbered.set(this.number, this);
    }
    return this.number;
  }

  [Symbol.dispose](): void {
    this.finish();
  }

  [inspect.custom](): string {
    return `Timeout { _idleTimeout: ${this.delayMs}, _repeat: ${this.repeats ? this.delayMs : null} }`;
  }
}

/** clearTimeout and clearInterval: true when it was one of ours. */
export function clearVirtual(timeout: unknown): boolean {
  if (timeout instanceof VirtualTimeout) {
    timeout.close();
    return true;
  }
  if (typeof timeout !== 'number' && typeof timeout !== 'string') return false;
  const found = numbered.get(Number(timeout));
  found?.close();
  return found !== undefined;
}
