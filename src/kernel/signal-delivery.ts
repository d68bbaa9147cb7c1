/**
 * One delivery of signals: what Linux does on a task's way back from the kernel to user space (exit_to_user_mode_loop,
 * arch_do_signal_or_restart), as a completion of the loop. So it never runs inside the stack, and the call that it
 * interrupted returns only after its handlers have.
 *
 *   take every signal that is not blocked: default actions act at once, handlers become frames
 *   decide from the first one whether the interrupted call goes on afterwards or ends (EINTR, or its partial count)
 *   run the frames, the last one first: each frame interrupts the one below before its first instruction, as on Linux
 *   let the interrupted call, and what waits for the handlers (`follow`), return
 */
import { Completion } from '../base/loop.ts';
import { isKind } from '../base/thrown.ts';
import type { Operation } from './operation.ts';
import type { KernelProcess } from './process.ts';
import { isOrphaned } from './process-groups.ts';
import { signalFacts } from './signal-info.ts';
import { ActionFlag, DefaultAction, defaultAction, Signal } from './signal-numbers.ts';
import { SIG_DFL, SIG_IGN, type SignalAction, type SignalFrame } from './signals.ts';

export class SignalDelivery extends Completion {
  private readonly process: KernelProcess;
  /** The call it interrupts; null when no task waited, or none is to be disturbed. */
  private readonly operation: Operation | null;
  private readonly frames: SignalFrame[] = [];
  /** Results that user code gets after the handlers have run. */
  private readonly followers: Completion[] = [];
  /** The action of the first signal that was caught: it decides what becomes of the call. */
  private first: SignalAction | null = null;
  private isDecided = false;
  /** Its handlers have run. */
  isFinished = false;

  constructor(process: KernelProcess, operation: Operation | null) {
    super();
    this.process = process;
    this.operation = operation;
    if (operation !== null) operation.delivery = this;
  }

  /** `completion` is delivered when the handlers have run. */
  follow(completion: Completion): void {
    if (this.isFinished) this.process.kernel.loop.complete(completion);
    else this.followers.push(completion);
  }

  deliver(): void {
    this.process.signals.deliveryBegan(this);
    this.goOn();
  }

  private goOn(): void {
    for (;;) {
      this.takeSignals();
      if (this.process.isStopped) {
        this.process.whenContinued(this);
        return;
      }
      if (!this.isDecided) this.decide();
      const frame = this.frames.pop();
      if (frame === undefined) break;
      const running = this.run(frame);
      if (running === null) {
        this.process.signals.leave(frame);
        continue;
      }
      const { awaited } = this.process.signals;
      awaited.add(this);
      const returned = (): void => {
        awaited.delete(this);
        this.process.signals.leave(frame);
        this.goOn();
        this.process.kernel.loop.drain();
      };
      running.then(returned, (reason: unknown) => {
        returned();
        unhandled(reason);
      });
      return;
    }
    this.finish();
  }

  /** Takes what is pending and not blocked. */
  private takeSignals(): void {
    const { process } = this;
    const { signals } = process;
    while (!process.exited && !process.isStopped) {
      const info = signals.dequeueDeliverable();
      if (info === null) break;
      const action = signals.action(info.signo);
      if (action.handler === SIG_IGN) continue;
      if (action.handler !== SIG_DFL) {
        this.frames.push(signals.enter(info, action));
        this.first ??= action;
        continue;
      }
      const standard = defaultAction(info.signo);
      if (process.isInit) continue;
      if (standard === DefaultAction.Terminate) process.end(info.signo);
      else if (standard === DefaultAction.Stop && mayStop(process, info.signo)) process.stop(info);
    }
  }

  private decide(): void {
    this.isDecided = true;
    const { first, operation } = this;
    if (operation === null || !operation.isWaiting) return;
    const restarts = operation.goesOnAfter(first !== null, first !== null && (first.flags & ActionFlag.RESTART) !== 0);
    // One that goes on takes nothing while the handler runs: on Linux it begins anew after it.
    if (restarts) operation.pause();
    else operation.interrupt();
  }

  /** Calls the handler; the promise of one that is async, else null. What it throws fails like any rejection nobody handles. */
  private run({ handler, info }: SignalFrame): Promise<void> | null {
    if (this.process.exited) return null;
    try {
      const result: unknown = handler(info.signo, signalFacts(info));
      return isKind(result, Promise) ? settled(result) : null;
    } catch (error) {
      unhandled(error);
      return null;
    }
  }

  /** Its process has ended: nobody waits for a handler that still runs. */
  abandon(): void {
    this.finish();
  }

  private finish(): void {
    if (this.isFinished) return;
    const { operation, process } = this;
    const { loop } = process.kernel;
    this.isFinished = true;
    if (operation !== null && operation.delivery === this) {
      operation.delivery = null;
      operation.goOn();
    }
    for (const completion of this.followers) loop.complete(completion);
    this.followers.length = 0;
  }
}

/** Signals of a terminal do not stop a group that nobody would continue (get_signal). */
function mayStop(process: KernelProcess, signo: number): boolean {
  return signo === Signal.SIGSTOP || !isOrphaned(process.kernel, process.pgid, null);
}

/** A promise of our own: that of a subclass may throw when it is asked, or answer twice. */
async function settled(promise: Promise<unknown>): Promise<void> {
  await promise;
}

/** An error that no call can carry: the platform hears of it as of every rejection that nobody looks at. */
function unhandled(reason: unknown): void {
  void Promise.reject(reason);
}
