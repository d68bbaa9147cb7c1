/** Calls that wait for several descriptors, or for time alone. */
import * as waiting from '../../kernel/calls/waiting.ts';
import { PENDING } from '../../kernel/operation.ts';
import { PollOperation, SleepOperation } from '../../kernel/poll.ts';
import { Call, FAILED } from './call.ts';
import { countOf } from './face.ts';
import { SocketCalls } from './socket-calls.ts';
import type { PollFd, PollRequest } from './syscalls.ts';

export abstract class WaitingCalls extends SocketCalls {
  /** poll(2): resolves to the number of ready descriptors and fills in `revents`; the timeout in ms, -1 for ever. */
  poll(fds: PollRequest[], timeoutMs: number): Promise<number> {
    const operation = new PollOperation(this.core);
    const bad = waiting.preparePoll(this.core, operation, fds as PollFd[], timeoutMs);
    const result = bad < 0 ? bad : operation.start();
    if (result !== PENDING) return this.value(result, 'poll');
    return new Call<PollOperation, number>(operation, countOf).pending('poll');
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
