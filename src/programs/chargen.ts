/**
 * chargen (RFC 864): over TCP an endless pattern of lines, over UDP one line for each datagram.
 */
import { runService, sendAll, swallow } from './service.ts';
import type { Syscalls } from '../api/posix/syscalls.ts';

const CHARGEN_PORT = 19;
const LINE_CHARACTERS = 72;
const FIRST_CHARACTER = 0x20;
const CHARACTERS = 95;
const LINE_BYTES = LINE_CHARACTERS + 2;

/** One turn of the pattern: 95 lines, each beginning one printable character further on than the one before. */
function pattern(): Uint8Array {
  const lines = new Uint8Array(CHARACTERS * LINE_BYTES);
  for (let line = 0; line < CHARACTERS; line++) {
    const at = line * LINE_BYTES;
    for (let i = 0; i < LINE_CHARACTERS; i++) lines[at + i] = FIRST_CHARACTER + ((line + i) % CHARACTERS);
    lines[at + LINE_CHARACTERS] = 0x0d;
    lines[at + LINE_CHARACTERS + 1] = 0x0a;
  }
  return lines;
}

/** `chargen [PORT]`: serves until its process ends. */
export function chargen(process: Syscalls, args: readonly string[], listening?: () => void): Promise<number> {
  const lines = pattern();
  const buffer = new Uint8Array(4096);
  const converse = async (fd: number): Promise<void> => {
    // Input is thrown away (RFC 864), but it must be read, or closing would answer it with a reset.
    const input = swallow(process, fd, buffer);
    input.catch(() => {});
    for (;;) await sendAll(process, fd, lines);
  };
  return runService(process, 'chargen', args, CHARGEN_PORT, listening, converse, () => lines.subarray(0, LINE_BYTES));
}
