/** What a world in virtual time needs of Node: a macrotask, and the rejections that nobody looks at. */
import { AsyncLocalStorage } from 'node:async_hooks';

/** A macrotask: what virtual time takes before it moves. */
export function turn(fn: () => void): void {
  setImmediate(fn);
}

/** Whose errors they are: what runs in a watch, and all that it starts, has this as its async context. */
interface Owner {
  readonly listener: (reason: unknown) => void;
  readonly name: string;
}

const owners: AsyncLocalStorage<Owner> = new AsyncLocalStorage();
const watching: Set<Owner> = new Set();

/** Node calls this in the async context of the promise that was rejected. */
function heard(reason: unknown): void {
  const owner = owners.getStore();
  if (owner !== undefined && watching.has(owner)) owner.listener(reason);
  // It belongs to no world, or to one that has ended. Were this listener not here, Node would end the process with it.
  else if (process.listenerCount('unhandledRejection') === 1) throw reason;
}

/**
 * Hears of rejected promises that nobody looks at, of those alone which were made in the watch's `run` or by what that
 * started. Others are left to the listeners of the program, or raised as uncaught exceptions when it has none.
 */
export function watchRejections(name: string, listener: (reason: unknown) => void): {
  run<T>(fn: () => T): T;
  stop(): void;
} {
  const owner: Owner = { listener, name };
  if (watching.size === 0) process.on('unhandledRejection', heard);
  watching.add(owner);
  return {
    run: (fn) => owners.run(owner, fn),
    stop: () => {
      if (watching.delete(owner) && watching.size === 0) process.off('unhandledRejection', heard);
    },
  };
}

/** The name of the watch that the caller runs in, or null. */
export function watchedBy(): string | null {
  const owner = owners.getStore();
  return owner !== undefined && watching.has(owner) ? owner.name : null;
}
