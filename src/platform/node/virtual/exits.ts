/**
 * How a program of a world ends itself: process.exit, process.abort and signals to its own process end that program and leave
 * the process, which is that of the test and of all other programs, alone.
 */
import { constants } from 'node:os';
import { WorldError } from '../../../sim/world.ts';
import { virtualProgram } from './clocks.ts';
import { NodeHost, ProgramExit } from './node-host.ts';

export function installExits(): void {
  installMicrotasks();
  const exit = process.exit.bind(process);
  const abort = process.abort.bind(process);
  const kill = process.kill.bind(process);
  process.exit = ((code?: number | string | null) => {
    if (virtualProgram() === null) return exit(code);
    end(`process.exit(${code ?? ''})`, Number(code ?? process.exitCode ?? 0));
  }) as typeof process.exit;
  process.abort = () => {
    if (virtualProgram() === null) return abort();
    return endBySignal('process.abort()', constants.signals.SIGABRT);
  };
  process.kill = (pid: number, signal: string | number = 'SIGTERM') => {
    if ((pid !== process.pid && pid !== 0) || virtualProgram() === null || signal === 0) return kill(pid, signal as number);
    const number = typeof signal === 'number' ? signal : (constants.signals as Record<string, number>)[signal];
    // Node's own words.
    if (number === undefined) return kill(pid, signal as number);
    return endBySignal(`process.kill(process.pid, ${signal})`, number);
  };
}

/** What a microtask throws, Node tells of without its async context: it goes to its program from here. */
function installMicrotasks(): void {
  const queue = globalThis.queueMicrotask;
  Object.defineProperty(globalThis, 'queueMicrotask', {
    configurable: true, enumerable: true, writable: true,
    value: function queueMicrotask(callback: () => void) {
      const onError = virtualProgram()?.onError ?? null;
      if (onError === null || typeof callback !== 'function') return queue(callback);
      queue(() => {
        try {
          callback();
        } catch (error) {
          onError(error);
        }
      });
    },
  });
}

function endBySignal(how: string, signal: number): never {
  return end(how, 128 + signal, signal);
}

/** Ends the program that runs; nothing behind the call is run. `signal`: that ended it, or 0; its status is as a shell tells it. */
function end(how: string, status: number, signal = 0): never {
  const program = virtualProgram();
  const host = program?.host;
  if (program === null || !(host instanceof NodeHost)) throw new WorldError(`${how} in the body of a world: it ends when its body returns`);
  host.exit(program, status, how, signal);
  throw new ProgramExit(status);
}
