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
}

const owners: AsyncLocalStorage<Owner> = new AsyncLocalStorage();
const watching: Set<Owner> = new Set();
/** Worlds that have failed a moment ago. */
const failed: Set<Owner> = new Set();
const { setImmediate: later } = globalThis;

type Emit = (this: NodeJS.Process, event: string | symbol, ...args: unknown[]) => boolean;

let machineEmit: Emit | null = null;

/**
 * Node emits both events in the async context of the promise that was rejected, or of the callback that threw. They are
 * taken on their way out, before any listener: test runners listen, too, and would fail the file for what a world has told.
 */
const emit: Emit = function (event, ...args) {
  if (event === 'unhandledRejection' || event === 'uncaughtException') {
    const owner = owners.getStore();
    if (owner !== undefined && watching.has(owner)) {
      owner.listener(args[0]);
      return true;
    }
    // What else goes wrong in a world that has failed follows from that, and is not told a second time.
    if (owner !== undefined && failed.has(owner)) return true;
    // It belongs to no world, or to one that has ended: Node tells the listeners, or ends the process.
  }
  return (machineEmit as Emit).call(this, event, ...args);
};

function install(): void {
  if (process.emit === (emit as unknown as typeof process.emit)) return;
  // Somebody may have put his own over ours, which then stays below and hands everything on.
  if (machineEmit !== null) return;
  machineEmit = process.emit as unknown as Emit;
  process.emit = emit as unknown as typeof process.emit;
}

function uninstall(): void {
  if (watching.size > 0 || failed.size > 0 || process.emit !== (emit as unknown as typeof process.emit)) return;
  process.emit = machineEmit as unknown as typeof process.emit;
  machineEmit = null;
}

/**
 * Hears of rejected promises that nobody looks at, and of exceptions that nobody catches: of those alone which came up in
 * the watch's `run` or in what that started. Others are left to Node.
 */
export function watchRejections(name: string, listener: (reason: unknown) => void): {
  run<T>(fn: () => T): T;
  stop(hasFailed?: boolean): void;
} {
  const owner: Owner = { listener, name };
  install();
  watching.add(owner);
  return {
    run: (fn) => owners.run(owner, fn),
    stop: (hasFailed = false) => {
      watching.delete(owner);
      if (hasFailed) {
        failed.add(owner);
        later(() => later(() => {
          failed.delete(owner);
          uninstall();
        }));
      } else uninstall();
    },
  };
}

/** The name of the watch that the caller runs in, or null. */
export function watchedBy(): string | null {
  const owner = owners.getStore();
  return owner !== undefined && watching.has(owner) ? owner.name : null;
}
