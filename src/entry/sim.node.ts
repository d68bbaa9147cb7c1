/** The entry `sockscape/sim`, bound to the macrotask of Node. */
import { turn, watchedBy, watchRejections } from '../platform/node/turn.ts';
import { simulate as simulateWith, type SimulateOptions as Options, type World } from '../sim/world.ts';

export { WorldCapture } from '../sim/capture.ts';
export { World, type WorldCableOptions, WorldError, type WorldHostOptions } from '../sim/world.ts';

export type SimulateOptions = Omit<Options, 'turn' | 'watchRejections' | 'watchedBy'>;

/** Runs `body` in a fresh world in virtual time: see sim/world.ts. */
export function simulate<T>(options: SimulateOptions, body: (world: World) => Promise<T>): Promise<T> {
  return simulateWith({ ...options, turn, watchRejections, watchedBy }, body);
}
