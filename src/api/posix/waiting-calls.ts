/** Calls that wait for several descriptors, or for time alone. */
import * as waiting from '../../kernel/calls/waiting.ts';
import { PENDING } from '../../kernel/operation.ts';
import { PollOperation, SleepOperation } from '../../kernel/poll.ts';
import { SignalSet } from '../../kernel/signal-set.ts';
import { BatchCalls } from './batch-calls.ts';
import { Call, FAILED } from './call.ts';
import { countOf } from './face.ts';
import type { PollTarget } from './signatures.ts';
import type { PollRequest } from './syscalls.ts';

export abstract class WaitingCalls extends BatchCalls {
  /** poll(2): resolves to the number of ready descriptors and fills in `revents`; the timeout in ms, -1 for ever. */
  poll(fds: PollRequest[], timeoutMs: number): Promise<number> {
    const operation = new PollOperation(this.core);
    return this.polled('poll', fds, operation, waiting.preparePoll(this.core, operation, fds, timeoutMs));
  }

  /** ppoll(2): poll in microseconds (Infinity: for ever), with a mask that holds while it waits; null leaves it. EINVAL, EINTR. */
  ppoll(fds: PollRequest[], timeoutUs: number, mask: Iterable<number> | null): Promise<number> {
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


/** Fills in what was found, in the caller's records (the entries are copies). One that cannot be written is its owner's business. */
function tell(operation: PollOperation, fds: readonly PollRequest[]): void {
  for (let i = 0; i < fds.length; i++) {
    try {
      Reflect.set((fds[i] as unknown as PollTarget).target, 'revents', operation.revents(i));
    } catch {
      // A setter or a Proxy of the caller's that throws, as C's program would fault on its own page.
    }
  }
}
