/**
 * A world's macrotask: time moves only when Node has nothing left to do for its programs. Microtasks and ticks run before
 * any macrotask; what is looked at here are immediates of programs, events on their way to handles, and real work that
 * Node does outside of its thread (files, crypto, compression).
 */
import { handleEvents } from '../../../api/node/node-program.ts';
import { immediates } from './immediates.ts';
import { workInFlight } from './work.ts';

const { setImmediate: later } = globalThis;

/** Runs `fn` in a later turn, when nothing is left to do. */
export function idleTurn(fn: () => void): void {
  const look = (): void => {
    if (immediates.pending > 0 || handleEvents.pending > 0 || workInFlight()) later(look);
    else later(again);
  };
  // Once more: what ran just before may have left something to C++ (http2 sends what it has in an immediate of its own).
  const again = (): void => {
    if (immediates.pending > 0 || handleEvents.pending > 0 || workInFlight()) later(look);
    else fn();
  };
  later(look);
}
