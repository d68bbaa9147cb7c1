/** The entry `sockscape/test`: tests that run in worlds, for node:test and vitest. */
import { prepareNode } from '../platform/node/virtual/node-world.ts';

export type { RegisterTest, SimTestOptions } from '../platform/node/sim-test/options.ts';
export { LoopError } from '../platform/node/sim-test/run-seed.ts';
export { simTest } from '../platform/node/sim-test/sim-test.ts';
export { NodeHost, type RunOptions } from '../platform/node/virtual/node-host.ts';
export { NodeWorld } from '../platform/node/virtual/node-world.ts';
export { World, type WorldCableOptions, WorldError, type WorldHostOptions } from '../sim/world.ts';

prepareNode();
