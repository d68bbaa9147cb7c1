/** Calls that wait for several descriptors, or for time alone. */
import * as waiting from '../../kernel/calls/waiting.ts';
import { PENDING } from '../../kernel/operation.ts';
import { PollOperation, SleepOperation } from '../../kernel/poll.ts';
import { SignalSet } from '../../kernel/signal-set.ts';
import { described, signalsFault } from './arguments.ts';
import { BatchCalls } from './batch-calls.ts';
import { Call, FAILED } from './call.ts';
import { countOf } from './face.ts';
import type { PollRequest } from './syscalls.ts';

export abstract class WaitingCalls extends BatchCalls {
  /** poll(2): resolves to the number of ready descriptors and fills in `revents`; the timeout in ms, -1 for ever. */
  poll(fds: PollRequest[], timeoutMs: number): Promise<number> {
    const fault = entriesFault('poll', fds);
    if (fault !== null) return Promise.reject(fault);
    const operation = new PollOperation(this.core);
    return this.polled('poll', fds, operation, waiting.preparePoll(this.core, operation, fds, timeoutMs));
  }

  /** ppoll(2): poll in microseconds (Infinity: for ever), with a mask that holds while it waits; null leaves it. EINVAL, EINTR. */
  ppoll(fds: PollRequest[], timeoutUs: number, mask: Iterable<number> | null): Promise<number> {
    const fault = entriesFault('ppoll', fds) ?? signalsFault('ppoll', mask);
    if (fault !== null) return Promise.reject(fault);
    const operation = new PollOperation(this.core);
    const set = mask === null ? null : SignalSet.of(mask);
    return this.polled('ppoll', fds, operation, waiting.prepareMaskedPoll(this.core, operation, fds, timeoutUs, set));
  }

  private polled(name: string, fds: PollRequest[], operation: PollOperation, bad: number): Promise<number> {
    const result = bad < 0 ? bad : operation.start();
    if (result !== PENDING) {
      if (result >= 0) tell(operation, fds);
      return this.value(result, name);
    }
    const finish = (call: { readonly operation: PollOperation }): number | typeof FAILED => {
      if (operation.result >= 0) tell(operation, fds);
      return countOf(call);
    };
    return new Call<PollOperation, number>(operation, finish).pending(name);
  }

  /** nanosleep(2), in microseconds: the host's time, virtual in a world. Infinity is pause(2). */
  sleep(us: number): Promise<void> {
    const operation = new SleepOperation(this.core);
    const bad = waiting.prepareSleep(this.core, operation, us);
    const result = bad < 0 ? bad : operation.start();
    if (result !== PENDING) return this.done(result, 'nanosleep');
    const finish = (): void | typeof FAILED => (operation.result < 0 ? FAILED : undefined);
    return new Call<SleepOperation, void>(operation, finish).pending('nanosleep');
  }
}

/** The fault of what is no list of poll's records; null when it will do. */
function entriesFault(call: string, fds: unknown): TypeError | null {
  if (!Array.isArray(fds)) return new TypeError(`${call}: fds must be an array of { fd, events }, not ${described(fds)}`);
  for (const entry of fds as unknown[]) {
    if (typeof entry !== 'object' || entry === null) {
      return new TypeError(`${call}: every entry must be { fd, events }, not ${described(entry)}`);
    }
  }
  return null;
}

/** Fills in what was found, where the caller's records still are. */
function tell(operation: PollOperation, fds: PollRequest[]): void {
  for (let i = 0; i < fds.length; i++) {
    const entry: unknown = fds[i];
    if (typeof entry === 'object' && entry !== null) Reflect.set(entry, 'revents', operation.revents(i));
  }
}
