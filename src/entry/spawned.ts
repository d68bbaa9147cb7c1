/** The preload `sockscape/spawned` of programs that `host.spawn` has started: see platform/node/spawned/program.ts. */
import { LINE_VARIABLE } from '../platform/node/spawned/frames.ts';
import { beginSpawned } from '../platform/node/spawned/program.ts';

beginSpawned(LINE_VARIABLE);
