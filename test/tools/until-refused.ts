/** Asks for more until there is no more: what the tests of limits do. */
import type { SystemError } from '../../src/api/posix/syscalls.ts';

const NEVER = 3_000_000;

/** Calls until one fails: the error's name, and how many succeeded; null when it never does. */
export async function untilRefused(call: (i: number) => Promise<unknown>, most = NEVER): Promise<{ code: string | null; count: number }> {
  for (let count = 0; count < most; count++) {
    try {
      await call(count);
    } catch (error) {
      const { code } = error as SystemError;
      if (code === undefined) throw error;
      return { code, count };
    }
  }
  return { code: null, count: most };
}
