/**
 * A call that may block: its operation and, once it waits, the end of its promise that settles it.
 *
 * Process keeps a spare one of each frequent kind and uses it again, executor and handler included, so that a call that
 * blocks allocates the promise and nothing else (a closure a call was a third of a ping-pong's garbage).
 */
import { Completion, type Loop } from '../../base/loop.ts';
import type { Operation } from '../../kernel/operation.ts';
import { SignalDelivery } from '../../kernel/signal-delivery.ts';
import { systemError } from './errors.ts';

const ignore = (): void => {};

/** What `finish` returns for an operation that failed. */
export const FAILED: unique symbol = Symbol('failed');

/**
 * Rejects with the error of a call that waited. An Error that the run loop makes has none of the user's code on its
 * stack. Made here, after the promise of this function has been followed by the one that the user awaits, V8 walks from
 * promise to promise and names who awaits (`at async main`). That takes two turns of the microtask queue: the first one
 * joins the promises. Time does not move meanwhile, in a world neither: it waits for a macrotask (base/loop.ts).
 */
async function failure(errno: number, name: string): Promise<never> {
  await undefined;
  await undefined;
  throw systemError(errno, name);
}

export class Call<O extends Operation, T> {
  readonly operation: O;
  /** The call's name for errors: one kind serves read and recv. */
  name = '';
  private readonly finish: (call: Call<O, T>) => T | typeof FAILED;
  private resolve: (value: T | Promise<never>) => void = ignore;
  private readonly executor = (resolve: (value: T | Promise<never>) => void): void => {
    this.resolve = resolve;
  };
  private readonly settled = (): void => {
    const { resolve } = this;
    this.resolve = ignore;
    const outcome = this.finish(this);
    if (outcome === FAILED) resolve(failure(this.operation.result, this.name));
    else resolve(outcome);
  };

  /**
   * `finish` makes the value from the operation's result, which is settled, or says that it FAILED; it may give the call
   * back as a spare.
   */
  constructor(operation: O, finish: (call: Call<O, T>) => T | typeof FAILED) {
    this.operation = operation;
    this.finish = finish;
  }

  /** The promise of an operation whose `start` returned PENDING. */
  pending(name: string): Promise<T> {
    this.name = name;
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

/**
 * The promise of a call that has its result already: for the next turn (Loop.holdsBack), or for when the handlers of a
 * signal have run.
 */
export function heldBack<T>(until: Loop | SignalDelivery, outcome: T | Error): Promise<T> {
  const held = new HeldBack(outcome);
  if (until instanceof SignalDelivery) until.follow(held);
  else until.complete(held);
  return held.promise;
}
