/**
 * Replaces, once for the whole process, everything that tells the time or waits: from then on each call follows the world
 * of the program that makes it, by its async context, and the machine's clock where none runs.
 *
 * Loaded before what takes these functions for itself (`http` takes setInterval from node:timers when it loads).
 */
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import { promisify } from 'node:util';
import { installClocks, virtualProgram } from './clocks.ts';
import { clearProgramImmediate, setProgramImmediate } from './immediates.ts';
import { installOutput } from './output.ts';
import { installRandomness } from './randomness.ts';
import { installSocketTimeouts } from './socket-timeouts.ts';
import { clearVirtual, VirtualTimeout } from './timers.ts';

type Callback = (...args: unknown[]) => void;
type Waiting = { ref?: boolean; signal?: AbortSignal } | undefined;

let isInstalled = false;

export function installVirtualTime(): void {
  if (isInstalled) return;
  isInstalled = true;
  installClocks();
  installTimers();
  installRandomness();
  installSocketTimeouts();
  installOutput();
  installMicrotasks();
  syncBuiltinESMExports();
}

/** Node 20 and 22 have forgotten the async context when a microtask throws: the program is asked for it before. */
function installMicrotasks(): void {
  const machine = globalThis.queueMicrotask;
  globalThis.queueMicrotask = (callback) => {
    const program = virtualProgram();
    if (program === null || typeof callback !== 'function') return machine(callback);
    machine(() => {
      try {
        callback();
      } catch (error) {
        if (program.onError === null) throw error;
        program.onError(error);
      }
    });
  };
}

function installTimers(): void {
  const machine = { ...timers };
  const { promises } = timers;
  const waitMachine = { ...timersPromises };

  function checkCallback(callback: unknown): asserts callback is Callback {
    // Node's own words: its setTimeout throws before it does anything.
    if (typeof callback !== 'function') machine.setTimeout(callback as Callback, 0);
  }
  function setTimeout(callback: Callback, ms?: number, ...args: unknown[]): unknown {
    const program = virtualProgram();
    if (program === null) return machine.setTimeout(callback, ms, ...args);
    checkCallback(callback);
    return new VirtualTimeout(program, callback, ms, args, false, true);
  }
  function setInterval(callback: Callback, ms?: number, ...args: unknown[]): unknown {
    const program = virtualProgram();
    if (program === null) return machine.setInterval(callback, ms, ...args);
    checkCallback(callback);
    return new VirtualTimeout(program, callback, ms, args, true, true);
  }
  function setImmediate(callback: Callback, ...args: unknown[]): NodeJS.Immediate {
    const program = virtualProgram();
    if (program === null || typeof callback !== 'function') return machine.setImmediate(callback, ...args);
    return setProgramImmediate(program, callback, args);
  }
  const clear = (clearMachine: (timeout: never) => void) => (timeout: unknown) => {
    if (!clearVirtual(timeout)) clearMachine(timeout as never);
  };

  /** timers/promises, over the functions above. */
  function wait(ms: number | undefined, value: unknown, options: Waiting): Promise<unknown> {
    return cancellable(options, (done) => {
      const timeout = new VirtualTimeout(virtualProgram() as never, done, ms, [], false, options?.ref !== false);
      return () => timeout.close();
    }, value);
  }
  function setTimeoutPromise(ms?: number, value?: unknown, options?: Waiting): Promise<unknown> {
    if (virtualProgram() === null) return waitMachine.setTimeout(ms, value, options);
    return wait(ms, value, options);
  }
  function setImmediatePromise(value?: unknown, options?: Waiting): Promise<unknown> {
    if (virtualProgram() === null) return waitMachine.setImmediate(value, options);
    return cancellable(options, (done) => {
      const immediate = setImmediate(done);
      return () => clearProgramImmediate(immediate);
    }, value);
  }
  async function* ticks(ms: number | undefined, value: unknown, options: Waiting): AsyncGenerator<unknown> {
    const program = virtualProgram() as never;
    let due = 0;
    let wake: () => void = () => {};
    const interval = new VirtualTimeout(program, () => {
      due++;
      wake();
    }, ms, [], true, options?.ref !== false);
    const abort = (): void => wake();
    options?.signal?.addEventListener('abort', abort, { once: true });
    try {
      for (;;) {
        if (options?.signal?.aborted) throw abortError(options.signal);
        if (due === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        due--;
        yield value;
      }
    } finally {
      interval.close();
      options?.signal?.removeEventListener('abort', abort);
    }
  }
  function setIntervalPromise(ms?: number, value?: unknown, options?: Waiting): AsyncIterable<unknown> {
    return virtualProgram() === null ? waitMachine.setInterval(ms, value, options) : ticks(ms, value, options);
  }

  const replaced = {
    setTimeout, setInterval, setImmediate,
    clearTimeout: clear(machine.clearTimeout), clearInterval: clear(machine.clearInterval),
    clearImmediate: clearProgramImmediate,
  };
  Object.defineProperty(setTimeout, promisify.custom, { enumerable: true, get: () => setTimeoutPromise });
  Object.defineProperty(setImmediate, promisify.custom, { enumerable: true, get: () => setImmediatePromise });
  Object.assign(timers, replaced);
  Object.assign(promises, { setTimeout: setTimeoutPromise, setImmediate: setImmediatePromise, setInterval: setIntervalPromise });
  const { scheduler } = promises;
  const machineWait = scheduler.wait.bind(scheduler);
  const machineYield = scheduler.yield.bind(scheduler);
  Object.defineProperty(scheduler, 'wait', {
    configurable: true, writable: true,
    value: (ms: number, options?: Waiting) => (virtualProgram() === null ? machineWait(ms, options) : wait(ms, undefined, options)),
  });
  Object.defineProperty(scheduler, 'yield', {
    configurable: true, writable: true,
    value: () => (virtualProgram() === null ? machineYield() : setImmediatePromise()),
  });
  for (const [name, value] of Object.entries(replaced)) {
    Object.defineProperty(globalThis, name, { configurable: true, enumerable: true, writable: true, value });
  }
  const machineTimeout = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (ms: number) => {
    const program = virtualProgram();
    if (program === null) return machineTimeout(ms);
    const controller = new AbortController();
    new VirtualTimeout(program, () => {
      controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
    }, ms, [], false, false);
    return controller.signal;
  };
}

/** A promise of `begin`'s end, which a signal ends before. */
function cancellable(options: Waiting, begin: (done: () => void) => () => void, value: unknown): Promise<unknown> {
  const signal = options?.signal;
  if (signal?.aborted) return Promise.reject(abortError(signal));
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      cancel();
      reject(abortError(signal as AbortSignal));
    };
    const cancel = begin(() => {
      signal?.removeEventListener('abort', abort);
      resolve(value);
    });
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** Node's AbortError. */
function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason });
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
}
