/** Calls that wait for several descriptors, or for time alone. */
import * as waiting from '../../kernel/calls/waiting.ts';
import { PENDING } from '../../kernel/operation.ts';
import { PollOperation, SleepOperation } from '../../kernel/poll.ts';
import { described } from './arguments.ts';
import { Call, FAILED } from './call.ts';
import { countOf } from './face.ts';
import { SocketCalls } from './socket-calls.ts';
import type { PollRequest } from './syscalls.ts';

export abstract class WaitingCalls extends SocketCalls {
  /** poll(2): resolves to the number of ready descriptors and fills in `revents`; the timeout in ms, -1 for ever. */
  poll(fds: PollRequest[], timeoutMs: number): Promise<number> {
    const fault = entriesFault(fds);
    if (fault !== null) return Promise.reject(fault);
    const operation = new PollOperation(this.core);
    const bad = waiting.preparePoll(this.core, operation, fds, timeoutMs);
    const result = bad < 0 ? bad : operation.start();
    if (result !== PENDING) {
      if (result >= 0) tell(operation, fds);
      return this.value(result, 'poll');
    }
    const finish = (call: { readonly operation: PollOperation }): number | typeof FAILED => {
      if (operation.result >= 0) tell(operation, fds);
      return countOf(call);
    };
    return new Call<PollOperation, number>(operation, finish).pending('poll');
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
function entriesFault(fds: unknown): TypeError | null {
  if (!Array.isArray(fds)) return new TypeError(`poll: fds must be an array of { fd, events }, not ${described(fds)}`);
  for (const entry of fds as unknown[]) {
    if (typeof entry !== 'object' || entry === null) {
      return new TypeError(`poll: every entry must be { fd, events }, not ${described(entry)}`);
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
