/** The entry `sockscape/sim`: worlds whose hosts run Node programs in virtual time. */
import { prepareNode } from '../platform/node/virtual/node-world.ts';

export { WorldCapture } from '../sim/capture.ts';
export { FAULT_KINDS, type Fault, type FaultKind, Partition, type RandomFaults, type TimelineEntry } from '../sim/faults.ts';
export { type ProgramWords, WorldTcpdump } from '../sim/host-programs.ts';
export { WorldLog } from '../sim/world-log.ts';
export { World, type WorldCableOptions, WorldError, type WorldHostOptions } from '../sim/world.ts';
export type { Escape } from '../platform/node/virtual/escapes.ts';
export type { Gateway, GatewayOptions } from '../platform/node/virtual/gateway.ts';
export { NodeHost, type RunOptions } from '../platform/node/virtual/node-host.ts';
export { HostCrash, ProgramError } from '../platform/node/virtual/program-error.ts';
export { type SpawnEnd, SpawnedProgram, type SpawnOptions } from '../platform/node/spawned/spawned-program.ts';
export { NodeWorld, simulate, type SimulateOptions } from '../platform/node/virtual/node-world.ts';

prepareNode();
