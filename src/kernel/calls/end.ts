import type { KernelProcess } from '../process.ts';

/** The end of a call that may have sent something, woken somebody or set a timer: the run loop looks at it. */
export function end(process: KernelProcess, result: number): number {
  process.kernel.loop.drain();
  return result;
}
