/**
 * What tells the time: Date, performance.now, process.hrtime and uptime. Each tells the world's to a program of a world, and
 * the machine's to everybody else.
 */
import { performance } from 'node:perf_hooks';
import { NodeProgram } from '../../../api/node/node-program.ts';

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

function epochMs(program: NodeProgram): number {
  return Math.floor(program.host.clock.nowUs / 1000);
}

export function installClocks(): void {
  installDate();
  const now = performance.now.bind(performance);
  const timeOrigin = performance.timeOrigin;
  Object.defineProperty(performance, 'now', {
    configurable: true, writable: true, enumerable: true,
    value: () => {
      const program = virtualProgram();
      return program === null ? now() : sinceStartUs(program) / 1000;
    },
  });
  Object.defineProperty(performance, 'timeOrigin', {
    configurable: true, enumerable: true,
    get: () => {
      const program = virtualProgram();
      return program === null ? timeOrigin : (program.host.loop.environment.epochUs + (started.get(program) ?? 0)) / 1000;
    },
  });
  const { hrtime } = process;
  const { bigint } = hrtime;
  const uptime = process.uptime.bind(process);
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
}

/** Date without arguments, and Date.now; everything else of it is the engine's. */
function installDate(): void {
  const MachineDate = globalThis.Date;
  const now = (): number => {
    const program = virtualProgram();
    return program === null ? MachineDate.now() : epochMs(program);
  };
  const VirtualDate = new Proxy(MachineDate, {
    construct(target, args, newTarget) {
      return Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object;
    },
    apply: () => new MachineDate(now()).toString(),
    get: (target, key, receiver) => (key === 'now' ? now : Reflect.get(target, key, receiver)),
  });
  MachineDate.prototype.constructor = VirtualDate;
  globalThis.Date = VirtualDate;
}
