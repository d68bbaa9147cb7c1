/** System calls that wait for several descriptors, or for time alone. */
import { Errno } from '../../base/errno.ts';
import type { PollEntry, PollOperation, SleepOperation } from '../poll.ts';
import type { KernelProcess } from '../process.ts';

export function preparePoll(process: KernelProcess, operation: PollOperation, entries: PollEntry[], timeoutMs: number): number {
  if (process.exited) return -Errno.ESRCH;
  if (entries.length > process.descriptors.max) return -Errno.EINVAL;
  operation.prepare(entries, timeoutMs);
  return 0;
}

export function prepareSleep(process: KernelProcess, operation: SleepOperation, us: number): number {
  return process.exited ? -Errno.ESRCH : operation.prepare(us);
}
