/**
 * Blocking, the one mechanism: an operation that can be resumed.
 *
 * An operation tries; if it would block and may, it queues on the description's wait queue and is tried again after a
 * wake, from where it got to. It keeps its progress (MSG_WAITALL, a long write), its deadline (SO_RCVTIMEO, poll's
 * timeout) and a reference to its description, so that a `close` by another task sends the FIN when the operation ends.
 *
 *   start() -> step() --EAGAIN--> wait queue --wake--> loop.ready --> attempt() -> step() ... --> finish --> deliver()
 *
 * Who starts an operation sets `onSettled`; it is called from `Loop`'s deliveries, never from inside the stack. An
 * operation that settles within `start` returns its result there and calls nobody. On a stopped loop nothing waits: what
 * would is ESRCH. A call that waits is charged to the host's memory, and ENOMEM where there is none.
 */
import { Errno } from '../base/errno.ts';
import { Cost } from '../base/kernel-memory.ts';
import type { Loop } from '../base/loop.ts';
import { Timer } from '../base/timer-queue.ts';
import { DISCONNECTED, Waiter } from '../base/wait-queue.ts';
import type { OpenFile } from './open-file.ts';
import type { KernelProcess } from './process.ts';
import type { SignalDelivery } from './signal-delivery.ts';
import type { SignalSet } from './signal-set.ts';

/** So many calls of a process may wait at once without being charged: they are part of what the process costs. */
const PAID_WAITS = 4;

/** What `start` returns when the operation waits: no count and no errno has this value. */
export const PENDING = -0x40000000;

/**
 * What becomes of a call that a signal interrupts before it has done anything (signal(7), "Interruption of system calls and
 * library functions by signal handlers"): ERESTARTSYS, ERESTARTNOHAND and EINTR of the Linux kernel.
 */
export const Restart = {
  /** It goes on after a handler with SA_RESTART, and when there is no handler (SIGCONT after SIGSTOP). */
  ByFlag: 0,
  /** It goes on only when there is no handler. */
  WithoutHandler: 1,
  /** It never goes on. */
  Never: 2,
} as const;
export type Restart = (typeof Restart)[keyof typeof Restart];

export class OperationTimer extends Timer {
  private readonly operation: Operation;

  constructor(operation: Operation) {
    super();
    this.operation = operation;
  }

  /** Whose call ends with it. */
  get process(): KernelProcess {
    return this.operation.process;
  }

  expired(): void {
    this.operation.timedOut = true;
    this.operation.wake(0);
  }
}

export abstract class Operation extends Waiter {
  /** Whose call this is. */
  readonly process: KernelProcess;
  readonly loop: Loop;
  /** The description this operation works on; held while it waits. */
  file: OpenFile | null = null;
  /** May it wait? False for O_NONBLOCK and MSG_DONTWAIT. */
  mayBlock = false;
  /** The count or negative errno it ended with. */
  result = 0;
  /** Set by the deadline's timer; the next step ends the wait. */
  timedOut = false;
  /** Its socket was disconnected while it waited. */
  protected disconnected = false;
  onSettled: (() => void) | null = null;
  /** Links of the process's list of what waits. */
  nextOfProcess: Operation | null = null;
  previousOfProcess: Operation | null = null;
  /** The mask that holds while it waits (sigsuspend, ppoll, pselect, epoll_pwait); mostly null. */
  temporaryMask: SignalSet | null = null;
  /** The delivery of a signal that this call waits for before it returns or goes on (signal-delivery.ts); mostly null. */
  delivery: SignalDelivery | null = null;
  private timer: OperationTimer | null = null;
  /** Bytes of the host's memory that it is charged for while it waits. */
  private charged = 0;
  private waiting = false;
  /** It waits and tries nothing: its process is stopped, or a handler runs after which it goes on. */
  private paused = false;
  private settledInside = false;

  constructor(process: KernelProcess) {
    super();
    this.process = process;
    this.loop = process.kernel.loop;
  }

  /** One try: a count >= 0, a negative errno, or -EAGAIN when it would block. Keeps its progress in fields. */
  protected abstract step(): number;
  /** What it returns when its deadline passes with nothing done. */
  protected abstract timeoutResult(): number;
  /** What it returns when a signal interrupts it. */
  protected interruptResult(): number {
    return -Errno.EINTR;
  }
  /** Does it go on after a signal? */
  protected get restart(): Restart {
    return Restart.ByFlag;
  }
  /** Events to wait for, and how long; called once, when it first blocks. Returns microseconds or Infinity. */
  protected abstract waitFor(): number;

  /** Runs the call: its result, or PENDING when it waits (then `onSettled` is called later). */
  start(): number {
    this.loop.enter();
    // Nobody would end the wait of a process that is gone.
    if (this.process.exited) {
      this.result = -Errno.ESRCH;
      return this.result;
    }
    this.process.kernel.current = this.process;
    this.timedOut = false;
    this.disconnected = false;
    this.settledInside = false;
    const result = this.step();
    if (result === -Errno.EAGAIN && this.mayBlock) return this.beginWait();
    this.result = result;
    this.loop.drain();
    return result;
  }

  /** Apart from `start`, which most calls end with, so that V8 finds that one short enough to inline. */
  private beginWait(): number {
    const { process } = this;
    if (this.loop.isStopped) return this.cannotWait(-Errno.ESRCH);
    const charge = (process.waitCount < PAID_WAITS ? 0 : Cost.WAIT) + this.listBytes;
    if (charge > 0 && !process.kernel.memory.take(charge)) return this.cannotWait(-Errno.ENOMEM);
    this.charged = charge;
    const timeout = this.waitFor();
    if (timeout <= 0) {
      this.letGoOfCharge();
      this.stopWaiting();
      this.result = this.timeoutResult();
      this.loop.drain();
      return this.result;
    }
    this.waiting = true;
    process.began(this);
    if (this.file !== null) this.file.hold();
    this.joinQueues();
    if (this.temporaryMask !== null) process.signals.suspend(this.temporaryMask);
    this.setDeadline(timeout);
    const handler = this.onSettled;
    this.onSettled = null;
    this.loop.drain();
    if (this.settledInside) return this.result;
    this.onSettled = handler;
    return PENDING;
  }

  /** Its time begins, or begins anew: so many microseconds from now on, or Infinity. */
  protected setDeadline(us: number): void {
    this.timedOut = false;
    if (this.timer !== null) this.process.kernel.timers.disarm(this.timer);
    if (us === Infinity) return;
    if (this.timer === null) this.timer = new OperationTimer(this);
    this.timer.deadline = this.loop.now + us;
    this.process.kernel.timers.arm(this.timer);
  }

  /**
   * What is done counts; else it is `errno`: ENOMEM, or ESRCH on a loop that is stopped (its world has ended), where nothing
   * would ever end this wait: as for a process that has exited, and not EINTR, after which programs try again.
   */
  private cannotWait(errno: number): number {
    const done = this.interruptResult();
    this.result = done === -Errno.EINTR ? errno : done;
    this.loop.drain();
    return this.result;
  }

  /** What it takes while it waits beside itself, in bytes: a poll's list. */
  protected get listBytes(): number {
    return 0;
  }

  private letGoOfCharge(): void {
    if (this.charged === 0) return;
    this.process.kernel.memory.letGo(this.charged);
    this.charged = 0;
  }

  /** Joins the wait queue of the description. Poll joins several. */
  protected joinQueues(): void {
    if (this.file !== null) this.file.operations.waiters.add(this);
  }

  /** A try found nothing to do: it waits on. */
  protected waitsOn(): void {}

  /** Leaves every queue it joined. */
  protected stopWaiting(): void {
    if (this.queue !== null) this.queue.remove(this);
  }

  wake(events: number): void {
    if (!this.waiting) return;
    if ((events & DISCONNECTED) !== 0) this.disconnected = true;
    this.loop.ready(this);
  }

  attempt(): void {
    if (!this.waiting || this.paused) return;
    this.process.kernel.current = this.process;
    let result = this.step();
    if (result === -Errno.EAGAIN) {
      if (!this.timedOut) return this.waitsOn();
      result = this.timeoutResult();
    }
    this.settle(result);
  }

  /** Ends the wait: everything is let go, and the result is on its way to whoever started it. */
  private settle(result: number): void {
    this.waiting = false;
    this.process.settled(this);
    this.letGoOfCharge();
    const queue = this.queue;
    this.stopWaiting();
    // An exclusive waiter used up its wake; what is left over is the next one's. Whether another socket has room left, only
    // a try tells.
    if (this.exclusive && queue !== null && this.file !== null) {
      const { operations } = this.file;
      const left = queue === operations.waiters ? operations.readiness() & this.events : this.events;
      if (left !== 0) queue.wake(left);
    }
    if (this.timer !== null) this.process.kernel.timers.disarm(this.timer);
    this.result = result;
    this.ended();
    if (this.temporaryMask !== null) this.process.signals.resume();
    // A call returns after the handlers of the signals that its task has to take.
    const { delivery } = this;
    this.delivery = null;
    if (delivery === null) this.loop.complete(this);
    else delivery.follow(this);
  }

  /** The operation is over and about to let its description go. */
  protected ended(): void {
    const file = this.file;
    if (file !== null) file.letGo();
  }

  deliver(): void {
    const handler = this.onSettled;
    if (handler === null) {
      this.settledInside = true;
      return;
    }
    this.onSettled = null;
    handler();
  }

  /**
   * Ends the wait with EINTR or the partial count (a signal, a process that exits), without another try: nothing is sent
   * or taken for somebody who is gone.
   */
  interrupt(): void {
    if (!this.waiting) return;
    this.paused = false;
    this.settle(this.interruptResult());
  }

  /** Does it go on after a signal, with or without a handler, with or without SA_RESTART? One that has done something returns. */
  goesOnAfter(hasHandler: boolean, restarts: boolean): boolean {
    if (this.interruptResult() !== -Errno.EINTR) return false;
    switch (this.restart) {
      case Restart.ByFlag: return !hasHandler || restarts;
      case Restart.WithoutHandler: return !hasHandler;
      default: return false;
    }
  }

  /** Tries nothing until `goOn`; wakes and the deadline are noticed then. */
  pause(): void {
    if (this.waiting) this.paused = true;
  }

  goOn(): void {
    this.paused = false;
    if (this.waiting) this.loop.ready(this);
  }

  get isWaiting(): boolean {
    return this.waiting;
  }
}
