import type * as Package from '../../../src/entry/index.ts';
import type { simulate } from '../../../src/entry/sim.node.ts';
import type { Host } from '../../../src/host.ts';

interface Bounds {
  readonly least: number;
  readonly most: number;
}

export const HOUR_S: number;
export function eventBounds(hosts: readonly Host[]): { readonly probes: Bounds; readonly questions: Bounds; readonly events: Bounds };
export function idleHour<T>(
  api: typeof Package & { readonly simulate: typeof simulate }, seed: number, begins: (hosts: readonly Host[]) => void,
  ends: (events: number, hosts: readonly Host[]) => T,
): Promise<T>;
