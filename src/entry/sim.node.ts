/** The entry `sockscape/sim`: worlds whose hosts run Node programs in virtual time. */
import { prepareNode } from '../platform/node/virtual/node-world.ts';

export { WorldCapture } from '../sim/capture.ts';
export { World, type WorldCableOptions, WorldError, type WorldHostOptions } from '../sim/world.ts';
export { HostCrash, NodeHost, type RunOptions } from '../platform/node/virtual/node-host.ts';
export { NodeWorld, simulate, type SimulateOptions } from '../platform/node/virtual/node-world.ts';

prepareNode();
