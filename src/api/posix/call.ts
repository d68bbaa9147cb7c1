/**
 * A call that may block: its operation and, once it waits, the two ends of its promise.
 *
 * Process keeps a spare one of each frequent kind and uses it again, executor and handler included, so that a call that
 * blocks allocates the promise and nothing else (a closure a call was a third of a ping-pong's garbage).
 */
import { Completion, type Loop } from '../../base/loop.ts';
import type { KernelProcess } from '../../kernel/process.ts';
import type { Operation } from '../../kernel/operation.ts';

const ignore = (): void => {};

export class Call<O extends Operation, T> {
  readonly operation: O;
  /** The call's name for errors: one kind serves read and recv. */
  name = '';
  private readonly core: KernelProcess;
  private readonly finish: (call: Call<O, T>) => T | Error;
  private resolve: (value: T) => void = ignore;
  private reject: (reason: Error) => void = ignore;
  private readonly executor = (resolve: (value: T) => void, reject: (reason: Error) => void): void => {
    this.resolve = resolve;
    this.reject = reject;
  };
  private readonly settled = (): void => {
    this.core.settled(this.operation);
    const { resolve, reject } = this;
    this.resolve = ignore;
    this.reject = ignore;
    const outcome = this.finish(this);
    if (outcome instanceof Error) reject(outcome);
    else resolve(outcome);
  };

  /** `finish` reads the operation's result, which is settled, and may give the call back as a spare. */
  constructor(core: KernelProcess, operation: O, finish: (call: Call<O, T>) => T | Error) {
    this.core = core;
    this.operation = operation;
    this.finish = finish;
  }

  /** The promise of an operation whose `start` returned PENDING. */
  pending(name: string): Promise<T> {
    this.name = name;
    this.core.began(this.operation);
    this.operation.onSettled = this.settled;
    return new Promise(this.executor);
  }
}

class HeldBack<T> extends Completion {
  private readonly outcome: T | Error;
  private resolve: (value: T) => void = ignore;
  private reject: (reason: Error) => void = ignore;
  readonly promise: Promise<T>;

  constructor(outcome: T | Error) {
    super();
    this.outcome = outcome;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  deliver(): void {
    if (this.outcome instanceof Error) this.reject(this.outcome);
    else this.resolve(this.outcome);
  }
}

/** The promise of a call that has its result already, for the next turn (Loop.holdsBack). */
export function heldBack<T>(loop: Loop, outcome: T | Error): Promise<T> {
  const held = new HeldBack(outcome);
  loop.complete(held);
  return held.promise;
}
