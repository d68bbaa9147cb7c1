/**
 * Puts in place, once for the whole process, what makes everything that tells the time, waits or draws follow the world of
 * the program that asks, by its async context; outside of every world it is the machine's, as before.
 */
import { syncBuiltinESMExports } from 'node:module';
import { installClocks } from './clocks.ts';
import { noteEarlyModules } from './early.ts';
import { watchEscapes } from './escape-doors.ts';
import { installHttpTime } from './http-time.ts';
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
  syncBuiltinESMExports();
}
