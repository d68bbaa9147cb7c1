/**
 * Timers of programs in a world, on the world's clock.
 *
 *   new Timeout (Node's) -> VirtualTimer -> HostTimers (an event source of the loop) -> a delivery -> a macrotask -> the callback
 *
 * Whatever waits in Node makes an object of one of two classes, Timeout and Immediate: setTimeout and its kin, those of
 * timers/promises, AbortSignal.timeout, the timeouts of sockets, of http and http2, and everybody who took any of these
 * functions for himself long ago. Their constructors set `_destroyed`, and timers that have run or were cleared are told
 * so by the same property: an accessor of ours on the two prototypes hears of both. The object stays Node's own (its class,
 * arguments, errors, ref, clearTimeout by number); Node's list has it for as long as its lists go, and the world runs it.
 *
 * Those that are `unref`ed stand in a queue of their own, which alone does not keep a world going (base/loop.ts): they run when
 * anything else does, or while programs have sockets, which keep a process of Node's going (`runUnreferenced`).
 */
import { AsyncResource } from 'node:async_hooks';
import { liveness } from '../../../api/node/liveness.ts';
import { ownCalls } from '../../../api/node/machine-timers.ts';
import { type HandleEvent, handleEvents, type NodeProgram, type ProgramPart } from '../../../api/node/node-program.ts';
import { HostTimers } from '../../../base/host-timers.ts';
import { Completion, type Loop } from '../../../base/loop.ts';
import { Timer } from '../../../base/timer-queue.ts';
import { virtualProgram } from './clocks.ts';

/** Node's TIMEOUT_MAX: it makes longer ones one millisecond before we see them. */
const LONGEST_MS = 0x7fffffff;

/** So many unreferenced timers run with nothing in between before a world is taken for stuck: servers of http look round for ever. */
const ALONE_LIMIT = 10_000;

/** What Node's constructor has set when it comes to `_destroyed`. */
interface NodeTimeout {
  _idleTimeout: number;
  _onTimeout: ((...args: unknown[]) => void) | null | undefined;
  _timerArgs: readonly unknown[] | undefined;
  _repeat: number | null;
  _destroyed: boolean;
  _idlePrev: { _idleNext: unknown } | null;
  _idleNext: { _idlePrev: unknown } | null;
  hasRef(): boolean;
  [kTimer]?: VirtualTimer;
}

interface NodeImmediate {
  _onImmediate: ((...args: unknown[]) => void) | null;
  _destroyed: boolean;
  [kIsOver]?: boolean;
}

const kTimer = Symbol('sockscape timer');
const kIsOver = Symbol('sockscape immediate is over');

const nothing = (): void => {};

class ImmediateCounts {
  /** Immediates of programs that have not run yet: time stands still while there are some. */
  pending = 0;
}

export const immediates: ImmediateCounts = new ImmediateCounts();

/** The two queues of each world. */
const queues: WeakMap<Loop, { strong: HostTimers; weak: WeakTimers }> = new WeakMap();

/** Those that are unreferenced. */
class WeakTimers extends HostTimers {
  override isWeak = true;
  /** Events of the loop when one was last run for itself, and how many have been run so with nothing in between. */
  private events = 0;
  private alone = 0;

  override run(): void {
    this.isWeak = true;
    super.run();
  }

  /** Lets the next one run although nothing else happens; false when there is none, or there has been no end of it. */
  letOneRun(): boolean {
    const { eventCount } = this.loop;
    this.alone = eventCount - this.events > 1 ? 0 : this.alone + 1;
    this.events = eventCount;
    if (this.queue.size === 0 || this.alone > ALONE_LIMIT) return false;
    this.isWeak = false;
    this.loop.userStarted();
    return true;
  }
}

/** Nothing else happens in the world: runs the next unreferenced timer. False when the world is stuck. */
export function runUnreferenced(loop: Loop): boolean {
  return liveness.isActive && (queues.get(loop)?.weak.letOneRun() ?? false);
}

function queuesOf(loop: Loop): { strong: HostTimers; weak: WeakTimers } {
  let pair = queues.get(loop);
  if (pair === undefined) {
    pair = { strong: new HostTimers(loop), weak: new WeakTimers(loop) };
    queues.set(loop, pair);
  }
  return pair;
}

/** Sets a timer of somebody else's, beside those of programs here; Infinity for never. */
export function setTimer(loop: Loop, timer: Timer, at: number, isReferenced: boolean): void {
  const { strong, weak } = queuesOf(loop);
  const queue = isReferenced ? strong : weak;
  if (at === Infinity) return queue.disarm(timer);
  timer.deadline = at;
  queue.arm(timer);
}

/** When the next timers are due that keep a process going, and those that do not; Infinity for never. */
export function nextTimers(loop: Loop): { readonly strong: number; readonly weak: number } {
  const { strong, weak } = queuesOf(loop);
  return { strong: strong.queue.nextAt, weak: weak.queue.nextAt };
}

class Expiry extends Timer {
  private readonly timer: VirtualTimer;

  constructor(timer: VirtualTimer) {
    super();
    this.timer = timer;
  }

  expired(): void {
    this.timer.expired();
  }
}

/** One expiry on its way to the callback; a later `refresh` makes it void. */
class Delivery extends Completion implements HandleEvent {
  private readonly timer: VirtualTimer;

  constructor(timer: VirtualTimer) {
    super();
    this.timer = timer;
  }

  deliver(): void {
    this.timer.program.later(this);
  }

  runEvent(): void {
    this.timer.run(this);
  }
}

function newScope(): AsyncResource {
  return new AsyncResource('Timeout', { requireManualDestroy: true });
}

/** What runs a Timeout of Node's in the world. */
export class VirtualTimer implements ProgramPart {
  program: NodeProgram;
  delayMs = 1;
  private readonly timeout: NodeTimeout;
  /** The async context that it was begun in. */
  private scope: AsyncResource = newScope();
  private readonly expiry: Expiry = new Expiry(this);
  /** The expiry that has happened and not run. */
  private due: Delivery | null = null;
  private isReferenced = true;
  /** It waits, or runs. */
  private isOpen = false;
  /** Node's `_destroyed`. */
  isDestroyed = false;

  constructor(program: NodeProgram, timeout: NodeTimeout) {
    this.program = program;
    this.timeout = timeout;
  }

  waitsFor(): string {
    const { timeout, delayMs } = this;
    return `${this.isReferenced ? 'a' : 'an unreferenced'} ${timeout._repeat === null ? 'timeout' : 'interval'} of ${delayMs} ms`;
  }

  private get loop(): Loop {
    return this.program.host.loop;
  }

  private get queue(): HostTimers {
    const { strong, weak } = queuesOf(this.loop);
    return this.isReferenced ? strong : weak;
  }

  /** Waits for its time from now on: also when it has run or was about to. */
  start(): void {
    this.due = null;
    if (!this.isOpen) {
      this.isOpen = true;
      this.program.adopt(this);
    } else {
      this.queue.disarm(this.expiry);
    }
    this.expiry.deadline = this.loop.now + this.delayMs * 1000;
    this.queue.arm(this.expiry);
    this.loop.drain();
  }

  expired(): void {
    this.due = new Delivery(this);
    this.loop.complete(this.due);
  }

  /** Its macrotask: what Node's listOnTimeout does. */
  run(delivery: Delivery): void {
    if (delivery !== this.due || !this.isOpen) return;
    this.due = null;
    const { timeout } = this;
    const { _onTimeout: callback, _timerArgs: args } = timeout;
    if (callback === null || callback === undefined) return this.leaveNode();
    try {
      if (args === undefined) this.scope.runInAsyncScope(callback, timeout);
      else this.scope.runInAsyncScope(callback, timeout, ...args);
    } finally {
      // Cleared by its callback, or begun anew by it?
      if (this.isOpen && this.expiry.deadline === Infinity) {
        if (timeout._repeat === null) this.leaveNode();
        else this.start();
      }
    }
  }

  /** It has run, and Node's list lets go of it; `refresh` can still begin it anew. */
  private leaveNode(): void {
    const { timeout } = this;
    const { _onTimeout: callback, _timerArgs: args } = timeout;
    // Node takes one without a callback for one that is cleared already, and would keep it.
    timeout._onTimeout = nothing;
    clearTimeout(timeout as never);
    timeout._onTimeout = callback;
    timeout._timerArgs = args;
    timeout._idleTimeout = LONGEST_MS;
  }

  /** It will not run. */
  close(): void {
    this.due = null;
    if (!this.isOpen) return;
    this.isOpen = false;
    this.queue.disarm(this.expiry);
    this.program.drop(this);
    this.scope.emitDestroy();
  }

  /** Its program is gone: Node's list lets go of it, too. */
  abandon(): void {
    this.leaveNode();
    this.close();
  }

  /** Takes the delay from Node's object, whose list has it from then on for longer than anybody waits. */
  takeDelay(): void {
    this.delayMs = Math.trunc(this.timeout._idleTimeout);
    this.timeout._idleTimeout = LONGEST_MS;
    // Whether it is `ref`ed, which keeps a process alive, is said after this; time does not move before.
    process.nextTick(() => this.follow());
  }

  /** Node has begun it anew after its end: by `refresh`, or for another use with another delay. */
  revive(): void {
    this.isDestroyed = false;
    this.scope = newScope();
    const { timeout } = this;
    if (timeout._idleTimeout !== LONGEST_MS) {
      // It stands in the list of that delay, which would run it in real time.
      const { _idlePrev: previous, _idleNext: next } = timeout;
      if (next) next._idlePrev = previous;
      if (previous) previous._idleNext = next;
      timeout._idlePrev = null;
      timeout._idleNext = null;
      this.takeDelay();
    }
    this.refresh();
  }

  /** `refresh()` of Node's. Modules keep timers for longer than a world lives: whoever refreshes it takes it over then. */
  refresh(): void {
    if (this.program.isOver) {
      const program = virtualProgram();
      if (program === null) return;
      this.program = program;
    }
    this.start();
  }

  /** Follows what Node's object says. */
  follow(): void {
    const on = this.timeout.hasRef();
    if (on === this.isReferenced) return;
    const { deadline } = this.expiry;
    if (deadline !== Infinity) this.queue.disarm(this.expiry);
    this.isReferenced = on;
    if (deadline === Infinity) return;
    this.expiry.deadline = deadline;
    this.queue.arm(this.expiry);
  }
}

/** A program has made a timer: `timeout` is being constructed. */
function begin(program: NodeProgram, timeout: NodeTimeout): void {
  const timer = new VirtualTimer(program, timeout);
  Object.defineProperty(timeout, kTimer, { value: timer });
  timer.takeDelay();
  timer.start();
}

type Method = (this: NodeTimeout, ...args: unknown[]) => unknown;

/** Node's constructors tell us of every timer and immediate from now on. Throws where this Node's do not. */
export function installTimers(): void {
  watchTimeouts();
  watchImmediates();
}

/** The property becomes one of the object's own, as if we were not here. */
function leave(object: object, isDestroyed: boolean): void {
  Object.defineProperty(object, '_destroyed', { configurable: true, enumerable: true, writable: true, value: isDestroyed });
}

function checkProbe(probe: object): void {
  if (!Object.hasOwn(probe, '_destroyed')) throw new Error(`sockscape/sim: the timers of Node ${process.version} do not tell of themselves`);
}

function watchTimeouts(): void {
  const prototype = Object.getPrototypeOf(own(() => setTimeout(() => {}, LONGEST_MS))) as Record<string, Method>;
  Object.defineProperty(prototype, '_destroyed', {
    configurable: true,
    get(this: NodeTimeout) {
      return this[kTimer]?.isDestroyed ?? false;
    },
    set(this: NodeTimeout, isDestroyed: boolean) {
      const timer = this[kTimer];
      if (timer !== undefined) {
        if (isDestroyed) timer.close();
        else if (timer.isDestroyed) timer.revive();
        timer.isDestroyed = isDestroyed;
        return;
      }
      const program = ownCalls.isMaking ? null : virtualProgram();
      if (program === null) leave(this, isDestroyed);
      else begin(program, this);
    },
  });
  const { refresh, ref, unref } = prototype as Record<'refresh' | 'ref' | 'unref', Method>;
  const replaced: Record<string, Method> = {
    refresh() {
      refresh.call(this);
      if (!this._destroyed) this[kTimer]?.refresh();
      return this;
    },
    ref() {
      ref.call(this);
      this[kTimer]?.follow();
      return this;
    },
    unref() {
      unref.call(this);
      this[kTimer]?.follow();
      return this;
    },
  };
  for (const [name, value] of Object.entries(replaced)) {
    Object.defineProperty(prototype, name, { configurable: true, writable: true, enumerable: false, value });
  }
  checkProbe(own(() => setTimeout(() => {}, LONGEST_MS)));
}

function watchImmediates(): void {
  const prototype = Object.getPrototypeOf(setImmediate(() => {})) as object;
  Object.defineProperty(prototype, '_destroyed', {
    configurable: true,
    get(this: NodeImmediate) {
      return this[kIsOver] ?? false;
    },
    set(this: NodeImmediate, isDestroyed: boolean) {
      if (this[kIsOver] !== undefined) {
        if (!isDestroyed || this[kIsOver]) return;
        this[kIsOver] = true;
        immediates.pending--;
        return;
      }
      const program = ownCalls.isMaking ? null : virtualProgram();
      if (program === null) leave(this, isDestroyed);
      else beginImmediate(program, this);
    },
  });
  const probe = own(() => setImmediate(() => {}));
  clearImmediate(probe);
  checkProbe(probe);
}

/** Makes one that is nobody's; a timer is cleared at once. */
function own<T extends NodeJS.Timeout | NodeJS.Immediate>(make: () => T): T {
  ownCalls.isMaking = true;
  const made = make();
  ownCalls.isMaking = false;
  clearTimeout(made as NodeJS.Timeout);
  return made;
}

function beginImmediate(program: NodeProgram, immediate: NodeImmediate): void {
  Object.defineProperty(immediate, kIsOver, { writable: true, value: false });
  immediates.pending++;
  const { _onImmediate: callback } = immediate;
  immediate._onImmediate = function (this: NodeImmediate, ...args: unknown[]) {
    handleEvents.isInCheck = true;
    if (program.isStopped) program.later({ runEvent: () => callback?.apply(this, args) });
    else if (!program.isOver) callback?.apply(this, args);
  };
}
