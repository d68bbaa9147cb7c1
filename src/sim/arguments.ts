/**
 * What a world is given, looked at before anything is made of it: for programs without types, whose mistakes would otherwise
 * end deep inside. Called by world.ts.
 */
import { described } from '../base/arguments.ts';
import { type Cidr, parseCidr } from '../base/inet-address.ts';
import { Host } from '../host.ts';
import { Device } from '../link/device.ts';
import { Switch } from '../link/switch.ts';
import type { LinkConditions } from '../link/wire-conditions.ts';
import type { SimulateOptions, WorldCableOptions, WorldHostOptions } from './world.ts';

export const CONDITIONS = ['delayUs', 'jitterUs', 'rateBitsPerSecond', 'queuePackets', 'queueBytes', 'loss', 'duplicate', 'reorder', 'corrupt'] as const satisfies readonly (keyof LinkConditions)[];
export const HOST_OPTIONS = ['memoryBytes'] as const satisfies readonly (keyof WorldHostOptions)[];
export const CABLE_OPTIONS = [
  'addressA', 'addressB', ...CONDITIONS, 'aToB', 'bToA', 'mtuBytes', 'offload', 'receiveOffload', 'nameA', 'nameB',
] as const satisfies readonly (keyof WorldCableOptions)[];
export const SIMULATE_OPTIONS = ['seed', 'timeLimitUs', 'eventLimit', 'turn', 'watchRejections', 'watchedBy', 'worldClass', 'leaveOut'] as const satisfies readonly (keyof SimulateOptions)[];
/** Those that the entries bind: no program gives them, so no complaint offers them. */
const BOUND: readonly string[] = ['turn', 'watchRejections', 'watchedBy', 'worldClass'];

/** For programs without types: `latencyMs: 5` would be fair weather without a word. */
export function onlyKnown(what: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new TypeError(`${what}: unknown option ${name}; there are ${known.filter((each) => !BOUND.includes(each)).join(', ')}`);
  }
}

/** Reads the addresses of one end; null when they are left out. As in `tap`, each says how long its prefix is. */
export function addressesOf(option: string, texts: string | readonly string[] | undefined): Cidr[] | null {
  if (texts === undefined) return null;
  return (typeof texts === 'string' ? [texts] : texts).map((text) => {
    const parsed = typeof text === 'string' && text.includes('/') ? parseCidr(text) : null;
    if (parsed !== null) return parsed;
    throw new TypeError(`world.cable: ${option} takes an address with its prefix length, such as 192.0.2.1/24, not '${String(text)}'`);
  });
}

export function limit(name: string, value: number): number {
  if (!(value >= 0)) throw new RangeError(`${name} must be 0 or more, not ${value}`);
  return value;
}

/** A host's name: its random choices follow from it. */
export function checkHostName(name: unknown): void {
  if (typeof name !== 'string' || name === '') throw new TypeError(`world.host: the name must be a string with something in it, not ${described(name)}`);
}

export function checkEnd(which: string, end: unknown): void {
  if (end instanceof Host || end instanceof Switch) return;
  throw new TypeError(`world.cable: ${which} end must be a host (world.host('a')) or a switch, not ${described(end)}`);
}

export function checkDevices(devices: unknown): void {
  if (!Array.isArray(devices)) throw new TypeError(`world.capture: takes an array of devices ([cable.a]), not ${described(devices)}`);
  for (const device of devices) {
    if (!(device instanceof Device)) throw new TypeError(`world.capture: each of the devices must be one (cable.a), not ${described(device)}`);
  }
}

export function checkRun(options: unknown, body: unknown): void {
  if (typeof body !== 'function') {
    throw new TypeError(`simulate: takes options and a function, simulate({ seed: 1 }, async (world) => ...), not ${described(body)}`);
  }
  const { seed } = options as { seed?: unknown };
  if (typeof seed !== 'string' && typeof seed !== 'number') throw new TypeError(`simulate: the seed must be a text or a number, not ${described(seed)}`);
}
