/**
 * A world's macrotask: time moves only when Node has nothing left to do for its programs. Microtasks and ticks run before
 * any macrotask; what is looked at here are immediates of programs, events on their way to handles, and real work that
 * Node does outside of its thread (files, crypto, compression).
 */
import { handleEvents } from '../../../api/node/node-program.ts';
import { immediates } from './immediates.ts';
import { workInFlight } from './work.ts';

const { setImmediate: later } = globalThis;

/**
 * Runs `fn` in a later turn, when nothing is left to do. Asks `mayGoOn` for each turn that programs take before; what Node
 * does outside of its thread takes as long as it takes.
 */
export function idleTurn(fn: () => void, mayGoOn: () => boolean): void {
  const look = (): void => {
    if (workInFlight()) later(look);
    else if (immediates.pending === 0 && handleEvents.pending === 0) fn();
    else if (mayGoOn()) later(look);
  };
  later(look);
}
