/**
 * The signals of one process (signal(7)): its actions, its mask, what is pending, and the frames of handlers that run.
 *
 *   send() --ignored--> gone
 *      |----blocked---> pending, or taken by a task in sigtimedwait
 *      `--deliverable-> SignalDelivery, a completion of the loop: default actions, handlers, then the interrupted call
 *
 * A process has one mask, whatever number of JavaScript tasks it has: they are like the threads of a program that never
 * calls pthread_sigmask. **Which task a signal interrupts**: the one in sigsuspend if there is one, else the one that has
 * waited longest in a call; nobody when the process sent the signal itself, since then the sender's task takes it before
 * its call returns, as POSIX has it for kill(2). Read signal-delivery.ts next.
 */
import { Errno } from '../base/errno.ts';
import { Poll, WaitQueue } from '../base/wait-queue.ts';
import type { KernelProcess } from './process.ts';
import { PendingSignals } from './pending-signals.ts';
import { Resource } from './resource-limits.ts';
import { SignalDelivery } from './signal-delivery.ts';
import { type SignalFacts, SignalInfo } from './signal-info.ts';
import { ActionFlag, defaultAction, DefaultAction, FIRST_REAL_TIME, Signal, SignalCode } from './signal-numbers.ts';
import type { SignalWaitOperation } from './signal-operations.ts';
import { SignalSet } from './signal-set.ts';

/** A function that runs when a signal is delivered. It may be async: its signals stay blocked until its promise settles. */
export type SignalHandler = (signo: number, info: SignalFacts) => void | Promise<void>;

export const SIG_DFL = 0;
export const SIG_IGN = 1;

/** struct sigaction. */
export class SignalAction {
  readonly handler: typeof SIG_DFL | typeof SIG_IGN | SignalHandler;
  readonly flags: number;
  readonly mask: SignalSet;

  constructor(handler: typeof SIG_DFL | typeof SIG_IGN | SignalHandler, flags: number, mask: SignalSet) {
    this.handler = handler;
    this.flags = flags;
    this.mask = mask.without(SignalSet.unblockable);
  }
}

const DEFAULT = new SignalAction(SIG_DFL, 0, SignalSet.none);

/** A handler that was called and has not returned: what the mask was before it. */
export class SignalFrame {
  readonly handler: SignalHandler;
  readonly info: SignalInfo;
  savedMask: SignalSet;

  constructor(handler: SignalHandler, info: SignalInfo, savedMask: SignalSet) {
    this.handler = handler;
    this.info = info;
    this.savedMask = savedMask;
  }
}

const STOPS = SignalSet.of([Signal.SIGSTOP, Signal.SIGTSTP, Signal.SIGTTIN, Signal.SIGTTOU]);
const CONTINUES = SignalSet.of([Signal.SIGCONT]);

export class Signals {
  private readonly process: KernelProcess;
  private readonly actions: Map<number, SignalAction> = new Map();
  private mask: SignalSet = SignalSet.none;
  /** The mask to go back to after sigsuspend's handler; null outside of sigsuspend. */
  private suspendedMask: SignalSet | null = null;
  private readonly queue: PendingSignals = new PendingSignals();
  /** Handlers under way, the innermost last. */
  private frames: SignalFrame[] = [];
  /** Deliveries that wait for an async handler. */
  readonly awaited: Set<SignalDelivery> = new Set();
  /** Tasks in sigtimedwait. */
  readonly waiters: SignalWaitOperation[] = [];
  /** What waits for a signal by signalfd. */
  readonly descriptors: WaitQueue = new WaitQueue();
  /** A delivery that is queued and has not begun; it takes what arrives meanwhile too. */
  delivery: SignalDelivery | null = null;
  /** The newest delivery, which may be over. */
  latest: SignalDelivery | null = null;

  constructor(process: KernelProcess) {
    this.process = process;
  }

  // What sigaction(2) and sigprocmask(2) ask and change.

  action(signo: number): SignalAction {
    return this.actions.get(signo) ?? DEFAULT;
  }

  setAction(signo: number, action: SignalAction): void {
    if (action.handler === SIG_DFL && action.flags === 0) this.actions.delete(signo);
    else this.actions.set(signo, action);
    // POSIX 3.3.1.3: to ignore a signal forgets those that are pending, blocked or not (do_sigaction).
    if (this.isIgnored(signo)) this.forget(SignalSet.of([signo]));
  }

  get blocked(): SignalSet {
    return this.mask;
  }

  /** Changes the mask; what it lets through now is delivered before the caller's call returns. */
  setBlocked(mask: SignalSet): void {
    this.mask = mask.without(SignalSet.unblockable);
    if (this.hasDeliverable) this.deliver(true);
  }

  /** sigsuspend(2) begins: another mask until a handler has run. */
  suspend(mask: SignalSet): void {
    if (this.suspendedMask === null) this.suspendedMask = this.mask;
    this.mask = mask.without(SignalSet.unblockable);
    if (this.hasDeliverable) this.deliver(false);
  }

  /** sigsuspend(2) ends, whatever ended it. */
  resume(): void {
    if (this.suspendedMask === null) return;
    const mask = this.suspendedMask;
    this.suspendedMask = null;
    this.setBlocked(mask);
  }

  /** sigpending(2): those that are blocked and wait. */
  get pending(): SignalSet {
    return this.queue.set.and(this.mask);
  }

  /** What a child has after fork and exec: ignored signals stay ignored, handlers are gone, the mask is the parent's. */
  inherit(other: Signals): void {
    this.mask = other.mask;
    for (const [signo, { handler }] of other.actions) {
      if (handler === SIG_IGN) this.actions.set(signo, new SignalAction(SIG_IGN, 0, SignalSet.none));
    }
  }

  // Generation.

  /**
   * Generates a signal for the process: 0, or -EAGAIN when sigqueue finds the queue full (__send_signal_locked). `bySelf`:
   * the process did it to itself, by kill(2) or by writing to a broken pipe.
   */
  send(info: SignalInfo, bySelf = false): number {
    const { process } = this;
    if (process.exited) return 0;
    const { signo } = info;
    // Stopping and continuing undo each other, whether they are blocked, caught or ignored (prepare_signal).
    if (STOPS.has(signo)) this.forget(CONTINUES);
    else if (signo === Signal.SIGCONT) {
      this.forget(STOPS);
      process.continueAll(true);
    }
    // One that is blocked may get another action before it is taken (sig_ignored).
    if (!this.mask.has(signo) && this.isIgnored(signo)) {
      info.source?.lost(info);
      return 0;
    }
    // Standard signals coalesce (legacy_queue).
    const isPending = this.queue.has(signo);
    if (signo >= FIRST_REAL_TIME || !isPending || info.source !== null) {
      const full = this.limitReached(info);
      if (full && info.code !== SignalCode.USER && signo >= FIRST_REAL_TIME) return -Errno.EAGAIN;
      // Without room kill's signal is still delivered, once, and tells nothing of its sender.
      if (!full) this.enqueue(info);
      else if (!isPending) this.queue.push(new SignalInfo(signo, SignalCode.USER));
    }
    this.descriptors.wake(Poll.IN);
    const waiter = this.waiters.find(({ set }) => set.has(signo));
    if (waiter !== undefined) waiter.wake(0);
    else if (!this.mask.has(signo)) this.deliver(bySelf);
    if (signo === Signal.SIGKILL) process.continueAll(false);
    return 0;
  }

  /** RLIMIT_SIGPENDING: what all processes of the same real user have pending. Standard signals of kill(2) are exempt. */
  private limitReached(info: SignalInfo): boolean {
    if (info.source !== null || (info.signo < FIRST_REAL_TIME && info.code >= 0)) return false;
    const { credentials, kernel, limits } = this.process;
    return kernel.pendingSignals.of(credentials.uid) >= limits.get(Resource.SIGPENDING).soft || kernel.pendingSignals.lacksMemory;
  }

  /** Its user is charged for it until it is taken; a timer's is paid for by the timer (sigqueue_alloc). */
  private enqueue(info: SignalInfo): void {
    if (info.source === null) {
      info.user = this.process.credentials.uid;
      this.process.kernel.pendingSignals.add(info.user, 1);
    }
    this.queue.push(info);
  }

  private dequeued(info: SignalInfo): void {
    if (info.user >= 0) this.process.kernel.pendingSignals.add(info.user, -1);
    info.user = -1;
  }

  /** A timer takes back its signal, which nobody has taken yet. */
  withdraw(info: SignalInfo): void {
    if (this.queue.remove(info)) this.dequeued(info);
  }

  /** Would a signal that is not blocked do nothing? init takes no harm from what it does not catch (SIGNAL_UNKILLABLE). */
  private isIgnored(signo: number): boolean {
    const { handler } = this.action(signo);
    if (handler === SIG_IGN) return true;
    if (handler !== SIG_DFL) return false;
    if (this.process.isInit) return true;
    const action = defaultAction(signo);
    return action === DefaultAction.Ignore || action === DefaultAction.Continue;
  }

  private forget(signals: SignalSet): void {
    for (;;) {
      const info = this.queue.take(signals);
      if (info === null) return;
      this.dequeued(info);
      info.source?.lost(info);
    }
  }

  // Delivery.

  private get hasDeliverable(): boolean {
    return this.hasPendingBeside(this.mask);
  }

  /** Is a signal pending that is not in this set? */
  hasPendingBeside(mask: SignalSet): boolean {
    return !this.queue.set.without(mask).isEmpty;
  }

  /** Is one pending that is? */
  hasPendingIn(set: SignalSet): boolean {
    return !this.queue.set.and(set).isEmpty;
  }

  /** Sees to it that handlers run. `bySelf`: in the task that makes the call, so that no other one is interrupted. */
  private deliver(bySelf: boolean): void {
    if (this.delivery !== null) return;
    this.delivery = new SignalDelivery(this.process, bySelf ? null : this.process.interruptible());
    this.latest = this.delivery;
    this.process.kernel.loop.complete(this.delivery);
  }

  /** What a call that began when `latest` was `before` has to wait for before it returns: the handlers of its own signals. */
  deliverySince(before: SignalDelivery | null): SignalDelivery | null {
    if (this.delivery !== null) return this.delivery;
    const { latest } = this;
    return latest === null || latest === before || latest.isFinished ? null : latest;
  }

  /** A delivery begins: what arrives from now on makes another one. */
  deliveryBegan(delivery: SignalDelivery): void {
    if (this.delivery === delivery) this.delivery = null;
  }

  /** Takes the next signal of `set`: faults first, then the lowest number, of several the oldest; null when there is none. */
  dequeue(set: SignalSet): SignalInfo | null {
    const info = this.queue.take(set);
    if (info === null) return null;
    this.dequeued(info);
    info.source?.taken(info);
    return info;
  }

  /** Takes the next signal that is not blocked. */
  dequeueDeliverable(): SignalInfo | null {
    if (this.queue.set.isEmpty) return null;
    return this.dequeue(SignalSet.all.without(this.mask));
  }

  /**
   * A handler is about to be called (setup_rt_frame, signal_setup_done): its action's signals are blocked meanwhile.
   * Returns the frame, which `leave` takes back.
   */
  enter(info: SignalInfo, action: SignalAction): SignalFrame {
    const frame = new SignalFrame(action.handler as SignalHandler, info, this.suspendedMask ?? this.mask);
    this.suspendedMask = null;
    let blocked = this.mask.with(action.mask);
    if ((action.flags & ActionFlag.NODEFER) === 0) blocked = blocked.with(SignalSet.of([info.signo]));
    this.mask = blocked.without(SignalSet.unblockable);
    if ((action.flags & ActionFlag.RESETHAND) !== 0) this.actions.set(info.signo, new SignalAction(SIG_DFL, action.flags, action.mask));
    this.frames.push(frame);
    return frame;
  }

  /**
   * A handler has returned (rt_sigreturn): the mask is what it was. Async handlers may end in another order than that of a
   * stack; then the mask to go back to is passed on to the frame above.
   */
  leave(frame: SignalFrame): void {
    const at = this.frames.indexOf(frame);
    if (at < 0) return;
    this.frames.splice(at, 1);
    const above = this.frames[at];
    if (above === undefined) this.mask = frame.savedMask;
    else above.savedMask = frame.savedMask;
  }

  /** The process has ended. */
  clear(): void {
    this.forget(SignalSet.all);
    this.frames = [];
    this.actions.clear();
    for (const delivery of this.awaited) delivery.abandon();
    this.awaited.clear();
  }
}
