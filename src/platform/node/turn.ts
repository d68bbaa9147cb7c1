/** What a world in virtual time needs of Node: a macrotask, and the errors of what runs in it that nobody catches. */
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

type Emit = (this: NodeJS.Process, event: string | symbol, ...args: unknown[]) => boolean;

const owners: AsyncLocalStorage<Owner> = new AsyncLocalStorage();
const watching: Set<Owner> = new Set();
let machineEmit: Emit | null = null;

/**
 * Node tells of what nobody has caught by `process.emit`, in the async context of the promise that was rejected or of the
 * callback that threw. It is asked there and not by a listener: a test runner's own listeners would fail the test that runs
 * with an error that the world has been told of, and without any listener an error that is no world's takes Node's own way.
 */
const emit: Emit = function (event, ...args) {
  if (event === 'unhandledRejection' || event === 'uncaughtException') {
    const owner = owners.getStore();
    if (owner !== undefined && watching.has(owner)) {
      owner.listener(args[0]);
      return true;
    }
  }
  return (machineEmit as Emit).call(this, event, ...args);
};

/**
 * Hears of rejected promises that nobody looks at and of exceptions that nobody catches, of those alone which come from the
 * watch's `run` or from what that started.
 */
export function watchRejections(name: string, listener: (reason: unknown) => void): {
  run<T>(fn: () => T): T;
  stop(): void;
} {
  const owner: Owner = { listener, name };
  if (watching.size === 0 && process.emit !== (emit as typeof process.emit)) {
    machineEmit = process.emit as Emit;
    process.emit = emit as typeof process.emit;
  }
  watching.add(owner);
  return {
    run: (fn) => owners.run(owner, fn),
    stop: () => {
      watching.delete(owner);
      // Somebody may have put his own over ours, which then stays below and hands everything on.
      if (watching.size > 0 || process.emit !== (emit as typeof process.emit)) return;
      process.emit = machineEmit as typeof process.emit;
    },
  };
}

/** The name of the watch that the caller runs in, or null. */
export function watchedBy(): string | null {
  const owner = owners.getStore();
  return owner !== undefined && watching.has(owner) ? owner.name : null;
}
