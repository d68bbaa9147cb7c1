/** What calls begin and end with that are about no descriptor. */
import { Errno } from '../../base/errno.ts';
import type { KernelProcess } from '../process.ts';

/** The beginning of a call: time is current from here on. -ESRCH for a process that is gone, which nothing calls any more. */
export function begin(process: KernelProcess): number {
  if (process.exited) return -Errno.ESRCH;
  process.kernel.loop.enter();
  return 0;
}

/** The end of a call that may have sent something, woken somebody or set a timer: the run loop looks at it. */
export function end(process: KernelProcess, result: number): number {
  process.kernel.loop.drain();
  return result;
}
