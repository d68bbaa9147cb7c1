/** System calls that wait for several descriptors, or for time alone. */
import { Errno } from '../../base/errno.ts';
import type { PollOperation, SleepOperation } from '../poll.ts';
import type { DescriptorSet, SelectOperation } from '../select.ts';
import type { KernelProcess } from '../process.ts';
import type { SignalSet } from '../signal-set.ts';
import { waitUs } from '../times.ts';

interface Asked {
  readonly fd: number;
  readonly events: number;
}

export function preparePoll(process: KernelProcess, operation: PollOperation, entries: readonly Asked[], timeoutMs: number): number {
  if (process.exited) return -Errno.ESRCH;
  if (entries.length > process.descriptors.max) return -Errno.EINVAL;
  operation.prepare(entries, timeoutMs);
  return 0;
}

/** ppoll(2): microseconds, Infinity for ever; the mask that holds meanwhile, or null. */
export function prepareMaskedPoll(
  process: KernelProcess, operation: PollOperation, entries: readonly Asked[], timeoutUs: number, mask: SignalSet | null,
): number {
  if (process.exited) return -Errno.ESRCH;
  const waits = waitUs(timeoutUs);
  if (waits < 0 || entries.length > process.descriptors.max) return -Errno.EINVAL;
  operation.prepareMasked(entries, waits, mask);
  return 0;
}

/** Prepares select(2) and pselect(2), whose times `waitWholeUs` and `waitUs` make; the sets hold what is ready once it is over (`operation.fill`). */
export function prepareSelect(
  process: KernelProcess, operation: SelectOperation, count: number, sets: readonly (DescriptorSet | null)[], timeoutUs: number,
  mask: SignalSet | null,
): number {
  return process.exited ? -Errno.ESRCH : operation.prepareMaskedSets(count, sets, timeoutUs, mask);
}

export function prepareSleep(process: KernelProcess, operation: SleepOperation, us: number): number {
  return process.exited ? -Errno.ESRCH : operation.prepare(us);
}
