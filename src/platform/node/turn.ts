/** What a world in virtual time needs of Node: a macrotask, and the errors that nobody looks at. */
import { AsyncLocalStorage } from 'node:async_hooks';

/** A macrotask: what virtual time takes before it moves. */
export function turn(fn: () => void): void {
  setImmediate(fn);
}

/** Whose errors they are: what runs in a watch, and all that it starts, has this as its async context. */
interface Owner {
  readonly listener: (reason: unknown) => void;
  readonly name: string;
  /** The world has failed: what else goes wrong in it follows from that, and is not told a second time. */
  hasFailed: boolean;
}

const owners: AsyncLocalStorage<Owner> = new AsyncLocalStorage();
const watching: Set<Owner> = new Set();
let isInstalled = false;

type Emit = (this: NodeJS.Process, event: string | symbol, ...args: unknown[]) => boolean;

/**
 * Node emits both events in the async context of the promise that was rejected, or of the callback that threw. They are
 * taken on their way out, before any listener: test runners listen, too, and would fail the file for what a world has told.
 */
function install(): void {
  if (isInstalled) return;
  isInstalled = true;
  const machineEmit = process.emit as unknown as Emit;
  const emit: Emit = function (event, ...args) {
    if (event === 'unhandledRejection' || event === 'uncaughtException') {
      const owner = owners.getStore();
      if (owner !== undefined && watching.has(owner)) {
        owner.listener(args[0]);
        return true;
      }
      if (owner?.hasFailed === true) return true;
      // It belongs to no world, or to one that has ended well: Node tells the listeners, or ends the process.
    }
    return machineEmit.call(this, event, ...args);
  };
  process.emit = emit as unknown as typeof process.emit;
}

/**
 * Hears of rejected promises that nobody looks at, and of exceptions that nobody catches: of those alone which came up in
 * the watch's `run` or in what that started. Others are left to Node.
 */
export function watchRejections(name: string, listener: (reason: unknown) => void): {
  run<T>(fn: () => T): T;
  stop(hasFailed?: boolean): void;
} {
  const owner: Owner = { listener, name, hasFailed: false };
  install();
  watching.add(owner);
  return {
    run: (fn) => owners.run(owner, fn),
    stop: (hasFailed = false) => {
      owner.hasFailed = hasFailed;
      watching.delete(owner);
    },
  };
}

/** The name of the watch that the caller runs in, or null. */
export function watchedBy(): string | null {
  const owner = owners.getStore();
  return owner !== undefined && watching.has(owner) ? owner.name : null;
}
