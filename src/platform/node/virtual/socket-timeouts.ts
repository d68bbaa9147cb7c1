/**
 * Timeouts inside Node's own net (`socket.setTimeout`, the idle timeouts of http) use timers that no program can replace.
 * One door leads there: a socket keeps its timer under a symbol of its own and calls `refresh()` on what it finds, so what it
 * finds can be one of ours.
 *
 * net must not be loaded before our handles are in place: it is looked at when it has been loaded by whoever needs it.
 */
import { createRequire } from 'node:module';
import { virtualProgram } from './clocks.ts';
import { VirtualTimeout } from './timers.ts';

const require = createRequire(import.meta.url);

interface TimedSocket {
  [key: symbol]: unknown;
  timeout?: number;
  destroyed: boolean;
  _onTimeout(): void;
  once(event: 'timeout', callback: () => void): unknown;
  removeListener(event: 'timeout', callback: () => void): unknown;
}

export function installSocketTimeouts(): void {
  const { Socket } = require('node:net') as { Socket: { prototype: { setTimeout(ms: number, callback?: () => void): unknown } } };
  const { prototype } = Socket;
  const machineSetTimeout = prototype.setTimeout;
  /** Node's Symbol(timeout): found at the first socket that has a timer. */
  let kTimeout: symbol | null = null;

  prototype.setTimeout = function setTimeout(this: TimedSocket, ms: number, callback?: () => void) {
    const program = virtualProgram();
    if (program === null) return machineSetTimeout.call(this, ms, callback);
    // Node checks the arguments, sets the field, and makes a timer of the machine's, in whose place one of ours goes.
    const before = kTimeout === null ? null : this[kTimeout];
    if (before instanceof VirtualTimeout) {
      before.close();
      this[kTimeout as symbol] = null;
    }
    const result = machineSetTimeout.call(this, ms, callback);
    kTimeout ??= Object.getOwnPropertySymbols(this).find((key) => key.description === 'timeout') ?? null;
    if (kTimeout === null || this.destroyed) return result;
    const made = this[kTimeout] as NodeJS.Timeout | null;
    if (made !== null && made !== undefined && !(made instanceof VirtualTimeout)) {
      clearTimeout(made);
      this[kTimeout] = new VirtualTimeout(program, this._onTimeout.bind(this), this.timeout, [], false, false);
    }
    return result;
  } as typeof prototype.setTimeout;
}
