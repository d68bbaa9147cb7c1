/**
 * Puts in place, once for the whole process, what makes everything that tells the time, waits or draws follow the world of
 * the program that asks, by its async context; outside of every world it is the machine's, as before.
 */
import { syncBuiltinESMExports } from 'node:module';
import { installClocks, virtualProgram } from './clocks.ts';
import { noteEarlyModules } from './early.ts';
import { watchEscapes } from './escape-doors.ts';
import { installHttpTime } from './http-time.ts';
import { installOutput } from './output.ts';
import { installRandomness } from './randomness.ts';
import { installTimers } from './timers.ts';
import { installWork } from './work.ts';

let isInstalled = false;

export function installVirtualTime(): void {
  if (isInstalled) return;
  isInstalled = true;
  noteEarlyModules();
  installClocks();
  installTimers();
  installHttpTime();
  installRandomness();
  installWork();
  watchEscapes();
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
