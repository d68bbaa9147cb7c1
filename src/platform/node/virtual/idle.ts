/**
 * A world's macrotask: time moves only when Node has nothing left to do for its programs. Microtasks and ticks run before
 * any macrotask; what is looked at here are immediates of programs, events on their way to handles, messages between ports,
 * and real work that Node does outside of its thread (files, crypto, compression).
 */
import { machineImmediate } from '../../../api/node/machine-timers.ts';
import { handleEvents } from '../../../api/node/node-program.ts';
import { immediates } from './timers.ts';
import { workInFlight } from './work.ts';

/** Turns without any, after work has been seen in flight: what it leads to may begin in the turn after its end. */
const QUIET_TURNS = 2;
/** Once more in any case: what ran last may have left something to C++ (http2 sends what it has in an immediate of its own). */
const LAST_LOOK = 1;

/**
 * Turns of programs in processes of their own: one at a time, each when nobody else has anything to do. Each runs to the end of
 * what its program has to do, while this process waits.
 */
export const outsideTurns: (() => void)[] = [];

/**
 * Runs `fn` in a later turn, when nothing is left to do. Asks `mayGoOn` for each turn that programs take before; what Node
 * does outside of its thread takes as long as it takes.
 */
export function idleTurn(fn: () => void, mayGoOn: () => boolean): void {
  let quiet = LAST_LOOK;
  const look = (): void => {
    handleEvents.isInCheck = false;
    const isBusy = immediates.pending > 0 || handleEvents.pending > 0;
    if (workInFlight()) quiet = QUIET_TURNS;
    else if (isBusy) {
      if (!mayGoOn()) return;
      quiet = Math.max(quiet, LAST_LOOK);
    } else if (quiet > 0) quiet--;
    else {
      const next = outsideTurns.shift();
      if (next === undefined) return fn();
      if (!mayGoOn()) return;
      next();
      quiet = LAST_LOOK;
    }
    machineImmediate(look);
  };
  machineImmediate(look);
}
