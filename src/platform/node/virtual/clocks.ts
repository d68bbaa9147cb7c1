/**
 * What tells the time: Date, Intl.DateTimeFormat, performance, process.hrtime and uptime, os.uptime, console.time, the
 * times of events. Each tells the world's to a program of a world, and the machine's to everybody else.
 */
import { createRequire } from 'node:module';
import os from 'node:os';
import { type MarkOptions, performance } from 'node:perf_hooks';
import { NodeProgram } from '../../../api/node/node-program.ts';

const require = createRequire(import.meta.url);
const buffer = require('node:buffer') as object;
const hooks = require('node:perf_hooks') as object;

/** The program of a world that runs now; null where the machine's time is told. */
export function virtualProgram(): NodeProgram | null {
  const program = NodeProgram.current();
  return program !== null && program.isVirtual ? program : null;
}

const started: WeakMap<NodeProgram, number> = new WeakMap();

/** Microseconds since the program began: what performance.now and process.uptime count from. */
function sinceStartUs(program: NodeProgram): number {
  return program.host.loop.now - (started.get(program) ?? 0);
}

/** The program begins now. */
export function startClock(program: NodeProgram): void {
  started.set(program, program.host.loop.now);
}

/** Milliseconds since 1970 by the clock of the host that the program runs on; null where it is the machine's. */
export function virtualMs(): number | null {
  const program = virtualProgram();
  return program === null ? null : Math.floor(program.host.clock.nowUs / 1000);
}

/** performance.now of the program that runs; null where it is the machine's. */
export function virtualNow(): number | null {
  const program = virtualProgram();
  return program === null ? null : sinceStartUs(program) / 1000;
}

export function installClocks(): void {
  installDate();
  installIntl();
  installPerformance();
  installLoopTimes();
  installStamps();
  installProcessClocks();
  installConsole();
}

function put(holder: object, name: string, value: unknown): void {
  const { enumerable = true } = Object.getOwnPropertyDescriptor(holder, name) ?? {};
  Object.defineProperty(holder, name, { configurable: true, writable: true, enumerable, value });
}

/** Date without arguments, and Date.now; everything else of it is the engine's. */
function installDate(): void {
  const MachineDate = globalThis.Date;
  const machineNow = MachineDate.now;
  const now = { now: () => virtualMs() ?? machineNow() }.now;
  const VirtualDate = new Proxy(MachineDate, {
    construct(target, args, newTarget) {
      const ms = args.length === 0 ? virtualMs() : null;
      return Reflect.construct(target, ms === null ? args : [ms], newTarget) as object;
    },
    apply(target) {
      const ms = virtualMs();
      return ms === null ? target() : new target(ms).toString();
    },
  });
  // Also for whoever took Date itself before us.
  put(MachineDate, 'now', now);
  MachineDate.prototype.constructor = VirtualDate;
  put(globalThis, 'Date', VirtualDate);
}

/** `format()` of no date is of now. */
function installIntl(): void {
  const { prototype } = Intl.DateTimeFormat;
  const { get } = Object.getOwnPropertyDescriptor(prototype, 'format') as { get(): (date?: Date | number) => string };
  const known: WeakMap<object, (date?: Date | number) => string> = new WeakMap();
  Object.defineProperty(prototype, 'format', {
    configurable: true,
    enumerable: false,
    get(this: Intl.DateTimeFormat) {
      const format = get.call(this);
      // One and the same function at each look, as the engine's.
      let ours = known.get(format);
      if (ours === undefined) {
        ours = (date) => format(date === undefined ? (virtualMs() ?? undefined) : date);
        Object.defineProperty(ours, 'name', { value: format.name });
        known.set(format, ours);
      }
      return ours;
    },
  });
  const { formatToParts } = prototype;
  put(prototype, 'formatToParts', function (this: Intl.DateTimeFormat, date?: Date | number) {
    return formatToParts.call(this, date === undefined ? (virtualMs() ?? undefined) : date);
  });
}

function installPerformance(): void {
  const now = performance.now.bind(performance);
  const { timeOrigin } = performance;
  // On the prototype, which is another way to the same functions.
  const prototype = Object.getPrototypeOf(performance) as object;
  put(prototype, 'now', { now: () => virtualNow() ?? now() }.now);
  Object.defineProperty(prototype, 'timeOrigin', {
    configurable: true,
    enumerable: true,
    get() {
      const program = virtualProgram();
      return program === null ? timeOrigin : (program.host.loop.environment.epochUs + (started.get(program) ?? 0)) / 1000;
    },
  });
  const mark = performance.mark.bind(performance);
  put(prototype, 'mark', (name: string, options?: MarkOptions) => {
    const startTime = virtualNow();
    return startTime === null ? mark(name, options) : mark(name, { startTime, ...options });
  });
  const measure = performance.measure.bind(performance) as (name: string, from?: unknown, to?: unknown) => unknown;
  put(prototype, 'measure', (name: string, from?: unknown, to?: unknown) => {
    const end = virtualNow();
    if (end === null) return measure(name, from, to);
    if (typeof from === 'object' && from !== null) {
      const options = from as { end?: unknown; duration?: unknown };
      return options.end === undefined && options.duration === undefined ? measure(name, { start: 0, ...options, end }) : measure(name, options);
    }
    return to === undefined ? measure(name, { start: from ?? 0, end }) : measure(name, from, to);
  });
  // An event is told of where it happens, so what it says first is the time of that.
  const { get } = Object.getOwnPropertyDescriptor(Event.prototype, 'timeStamp') as { get(): number };
  const times: WeakMap<object, number> = new WeakMap();
  Object.defineProperty(Event.prototype, 'timeStamp', {
    configurable: true,
    enumerable: true,
    get(this: Event) {
      const machine = get.call(this);
      const known = times.get(this) ?? virtualNow();
      if (known === null) return machine;
      times.set(this, known);
      return known;
    },
  });
}

interface Utilization {
  readonly idle: number;
  readonly active: number;
  readonly utilization: number;
}

/**
 * What performance tells of Node's start and of its loop: a program starts at 0 and is ready then, and all of its time goes
 * by in waiting, for code takes none of it.
 */
function installLoopTimes(): void {
  const prototype = Object.getPrototypeOf(performance) as object;
  const utilization = (from?: Utilization, to?: Utilization): Utilization | null => {
    const now = virtualNow();
    if (now === null) return null;
    const [end, start] = to === undefined ? [{ idle: now, active: 0 }, from] : [from, to];
    const idle = (end?.idle ?? 0) - (start?.idle ?? 0);
    const active = (end?.active ?? 0) - (start?.active ?? 0);
    return { idle, active, utilization: active === 0 ? 0 : active / (idle + active) };
  };
  for (const holder of [prototype, hooks]) {
    const machine = (holder as Record<string, ((from?: Utilization, to?: Utilization) => Utilization) | undefined>)['eventLoopUtilization'];
    if (machine === undefined) continue;
    put(holder, 'eventLoopUtilization', (from?: Utilization, to?: Utilization) => utilization(from, to) ?? machine.call(performance, from, to));
  }
  const { nodeTiming } = performance;
  const VALUES: Record<string, unknown> = {
    name: nodeTiming.name, entryType: nodeTiming.entryType, loopExit: -1, uvMetricsInfo: { loopCount: 0, events: 0, eventsWaiting: 0 },
  };
  Object.defineProperty(prototype, 'nodeTiming', {
    configurable: true,
    enumerable: true,
    get() {
      const program = virtualProgram();
      if (program === null) return nodeTiming;
      const descriptor = (name: string): PropertyDescriptor => {
        if (name === 'duration' || name === 'idleTime') return { enumerable: true, get: () => sinceStartUs(program) / 1000 };
        return { enumerable: true, value: VALUES[name] ?? 0 };
      };
      const names = Object.getOwnPropertyNames(nodeTiming);
      return Object.create(Object.getPrototypeOf(nodeTiming) as object, Object.fromEntries(names.map((name) => [name, descriptor(name)])));
    },
  });
}

/** Objects that are given the time at which they are made, in their last argument where that does not say another. */
function installStamps(): void {
  const stamp = (holders: readonly object[], name: string, at: number, option: string, time: () => number | null): void => {
    const machine = (holders[0] as Record<string, { readonly prototype: object } | undefined>)[name];
    if (machine === undefined) return;
    const value = new Proxy(machine, {
      construct(target, args: unknown[], newTarget) {
        const options = args[at];
        const ms = time();
        const isOurs = ms !== null && args.length >= at && (options === undefined || options === null || typeof options === 'object');
        if (isOurs && (options as Record<string, unknown> | null | undefined)?.[option] === undefined) {
          args = [...args.slice(0, at), { ...options, [option]: ms }, ...args.slice(at + 1)];
        }
        return Reflect.construct(target as never, args, newTarget) as object;
      },
    });
    put(machine.prototype, 'constructor', value);
    for (const holder of holders) put(holder, name, value);
  };
  stamp([buffer, globalThis], 'File', 2, 'lastModified', virtualMs);
  stamp([hooks, globalThis], 'PerformanceMark', 1, 'startTime', virtualNow);
}

function installProcessClocks(): void {
  const { hrtime } = process;
  const { bigint } = hrtime;
  const uptime = process.uptime.bind(process);
  const hostUptime = os.uptime;
  const virtualHrtime = (before?: [number, number]): [number, number] => {
    const program = virtualProgram();
    if (program === null) return hrtime.call(process, before);
    const us = program.host.loop.now;
    let seconds = Math.floor(us / 1e6);
    let nanos = Math.round((us - seconds * 1e6) * 1000);
    if (before !== undefined) {
      // Node checks what it is given: it throws as it does for everybody.
      hrtime.call(process, before);
      seconds -= before[0];
      nanos -= before[1];
      if (nanos < 0) {
        seconds--;
        nanos += 1e9;
      }
    }
    return [seconds, nanos];
  };
  process.hrtime = Object.assign(virtualHrtime, {
    bigint: () => {
      const program = virtualProgram();
      return program === null ? bigint() : BigInt(Math.round(program.host.loop.now * 1000));
    },
  });
  process.uptime = () => {
    const program = virtualProgram();
    return program === null ? uptime() : sinceStartUs(program) / 1e6;
  };
  os.uptime = () => {
    const program = virtualProgram();
    return program === null ? hostUptime() : program.host.loop.now / 1e6;
  };
}

/** console.time and its kin measure by a clock that nobody can replace. */
function installConsole(): void {
  const { time, timeEnd, timeLog } = console;
  const labels: WeakMap<NodeProgram, Map<string, number>> = new WeakMap();
  const tell = (program: NodeProgram, method: string, label: string, words: unknown[]): boolean => {
    const began = labels.get(program)?.get(label);
    if (began === undefined) process.emitWarning(`No such label '${label}' for console.${method}()`);
    else console.log('%s: %sms', label, (program.host.loop.now - began) / 1000, ...words);
    return began !== undefined;
  };
  console.time = (label = 'default') => {
    const program = virtualProgram();
    if (program === null) return time.call(console, label);
    const known = labels.get(program) ?? new Map<string, number>();
    labels.set(program, known);
    if (known.has(`${label}`)) process.emitWarning(`Label '${label}' already exists for console.time()`);
    else known.set(`${label}`, program.host.loop.now);
  };
  console.timeLog = (label = 'default', ...words) => {
    const program = virtualProgram();
    if (program === null) timeLog.call(console, label, ...words);
    else tell(program, 'timeLog', `${label}`, words);
  };
  console.timeEnd = (label = 'default') => {
    const program = virtualProgram();
    if (program === null) timeEnd.call(console, label);
    else if (tell(program, 'timeEnd', `${label}`, [])) labels.get(program)?.delete(`${label}`);
  };
}
