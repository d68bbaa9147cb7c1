/** The entry `sockscape/sim`, bound to the macrotask of a page or worker. */
import { turn, watchRejections } from '../platform/browser/turn.ts';
import { simulate as simulateWith, type SimulateOptions as Options, type World } from '../sim/world.ts';

export { WorldCapture } from '../sim/capture.ts';
export { FAULT_KINDS, type Fault, type FaultKind, Partition, type RandomFaults, type TimelineEntry } from '../sim/faults.ts';
export { type ProgramWords, WorldTcpdump } from '../sim/host-programs.ts';
export { WorldLog } from '../sim/world-log.ts';
export { World, type WorldCableOptions, WorldError, type WorldHostOptions } from '../sim/world.ts';

export type SimulateOptions = Omit<Options, 'turn' | 'watchRejections' | 'watchedBy'>;

/**
 * Runs `body` in a fresh world in virtual time: see sim/world.ts. A page cannot tell which of several worlds a promise
 * belongs to: one that is rejected and that nobody looks at fails all worlds which run at that time.
 */
export function simulate<T>(options: SimulateOptions, body: (world: World) => Promise<T>): Promise<T> {
  return simulateWith({ ...options, turn, watchRejections }, body);
}
