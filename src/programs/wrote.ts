/**
 * The demo's server: answers each line with `You wrote: LINE`, over TCP.
 */
import { runService, sendAll } from './service.ts';
import type { Syscalls } from '../api/posix/syscalls.ts';

export const WROTE_PORT = 9502;
/** A line longer than this is answered in parts. */
const LONGEST_LINE = 8192;
const NEWLINE = 0x0a;
const PREFIX = new TextEncoder().encode('You wrote: ');

/** `wrote [PORT]`: serves until its process ends. */
export function wrote(process: Syscalls, args: readonly string[], listening?: () => void): Promise<number> {
  const converse = async (fd: number): Promise<void> => {
    const line = new Uint8Array(LONGEST_LINE);
    let held = 0;
    for (;;) {
      const n = await process.recv(fd, held === 0 ? line : line.subarray(held), 0);
      held += n;
      let from = 0;
      for (;;) {
        const newline = line.indexOf(NEWLINE, from);
        if (newline < 0 || newline >= held) break;
        await sendAll(process, fd, answerTo(line.subarray(from, newline + 1)));
        from = newline + 1;
      }
      // The end of input, or a line that fills the buffer, ends a line too.
      const ends = n === 0 || (from === 0 && held === LONGEST_LINE);
      if (ends && from < held) {
        await sendAll(process, fd, answerTo(line.subarray(from, held)));
        from = held;
      }
      if (n === 0) return;
      line.copyWithin(0, from, held);
      held -= from;
    }
  };
  return runService(process, 'wrote', args, WROTE_PORT, listening, converse, null);
}

/** One piece, so that it leaves in one segment. */
function answerTo(line: Uint8Array): Uint8Array {
  const answer = new Uint8Array(PREFIX.length + line.length);
  answer.set(PREFIX);
  answer.set(line, PREFIX.length);
  return answer;
}
