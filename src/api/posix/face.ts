/**
 * What all calls of `Process` have in common: whose they are, and how a result becomes a promise.
 *
 *   Face <- DescriptorCalls <- SocketCalls <- BatchCalls <- WaitingCalls <- FileCalls <- FileStateCalls <- EventCalls <- IpcCalls <- SpliceCalls
 *        <- MachineCalls <- SignalCalls <- ProcessCalls <- CredentialCalls <- Process
 */
import type { Host } from '../../host.ts';
import type { Operation } from '../../kernel/operation.ts';
import type { KernelProcess } from '../../kernel/process.ts';
import { Signal } from '../../kernel/signal-numbers.ts';
import { WIFSIGNALED, WTERMSIG } from '../../kernel/wait-status.ts';
import { FAILED, heldBack } from './call.ts';
import { systemError } from './errors.ts';
import type { SystemError } from './syscalls.ts';

const FULFILLED: Promise<void> = Promise.resolve();

export abstract class Face {
  readonly host: Host;
  /** The synchronous core below this face. */
  readonly core: KernelProcess;
  private settledCount = 0;
  private settledPromise: Promise<number> = Promise.resolve(0);

  constructor(host: Host, core: KernelProcess) {
    this.host = host;
    this.core = core;
  }

  /** The error of a failed call. It says when a signal has ended the process, whose JavaScript may still run and would wonder. */
  private failure(errno: number, name: string): SystemError {
    const error = systemError(errno, name);
    const { exited, status, name: program, pid } = this.core;
    if (exited && WIFSIGNALED(status)) error.message += ` (${signalWord(WTERMSIG(status))} has ended ${program}, process ${pid})`;
    return error;
  }

  /** A count, or a descriptor. */
  protected value(result: number, name: string): Promise<number> {
    if (this.host.loop.holdsBack()) return heldBack<number>(this.host.loop, result < 0 ? this.failure(result, name) : result);
    if (result < 0) return Promise.reject(this.failure(result, name));
    // Calls that do not wait mostly have the count of the call before: the same resolved promise serves again.
    if (result !== this.settledCount) {
      this.settledCount = result;
      this.settledPromise = Promise.resolve(result);
    }
    return this.settledPromise;
  }

  /** The count of an operation that may have raised SIGPIPE: its handler runs before the call returns. */
  protected written(operation: Operation, result: number, name: string): Promise<number> {
    const { delivery } = operation;
    if (delivery === null) return this.value(result, name);
    operation.delivery = null;
    return delivery.isFinished ? this.value(result, name) : heldBack<number>(delivery, this.failure(result, name));
  }

  /** Nothing but that it is done. */
  protected done(result: number, name: string): Promise<void> {
    if (this.host.loop.holdsBack()) return heldBack<void>(this.host.loop, result < 0 ? this.failure(result, name) : undefined);
    return result < 0 ? Promise.reject(this.failure(result, name)) : FULFILLED;
  }

  /** Anything else, or why there is none. */
  protected outcome<T>(outcome: T | Error): Promise<T> {
    if (this.host.loop.holdsBack()) return heldBack<T>(this.host.loop, outcome);
    return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
  }

  protected made<T>(result: T | number, name: string): Promise<T> {
    return this.outcome<T>(typeof result === 'number' ? this.failure(result, name) : result);
  }

  protected bytes(result: Uint8Array | number, name: string): Promise<Uint8Array> {
    return this.outcome<Uint8Array>(typeof result === 'number' ? this.failure(result, name) : result);
  }
}

function signalWord(signo: number): string {
  return Object.entries(Signal).find(([, number]) => number === signo)?.[0] ?? `signal ${signo}`;
}

/** The count an operation ended with. */
export function countOf(call: { readonly operation: Operation }): number | typeof FAILED {
  const { result } = call.operation;
  return result < 0 ? FAILED : result;
}
