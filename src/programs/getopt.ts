/**
 * getopt(3) and what network programs do with its results: options by letter, numbers between bounds, sentences on
 * standard error, text on standard output.
 *
 * Called by the programs of this room that have options.
 */
import type { Syscalls } from '../api/posix/syscalls.ts';
import { strerror } from '../base/errno.ts';

const STDOUT = 1;
const STDERR = 2;
const encoder = new TextEncoder();

/** A program was called wrongly: the sentence, without the program's name, and whether its usage follows. */
export class UsageFault extends Error {
  readonly showsUsage: boolean;

  constructor(message: string, showsUsage = false) {
    super(message);
    this.showsUsage = showsUsage;
  }
}

/** What getopt(3) finds: options in their order, then the operands. */
export interface Words {
  readonly options: readonly (readonly [letter: string, value: string])[];
  readonly operands: readonly string[];
}

/**
 * Reads `args` by a string of letters, `:` behind those that take a value. Options may stand behind operands, as in GNU
 * getopt, unless `letters` begins with `+`. Throws UsageFault.
 */
export function getopt(args: readonly string[], letters: string): Words {
  const options: [string, string][] = [];
  const operands: string[] = [];
  const stopsAtOperand = letters.startsWith('+');
  for (let i = 0; i < args.length; i++) {
    const word = args[i];
    if (word === '--') {
      operands.push(...args.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      if (stopsAtOperand) {
        operands.push(...args.slice(i));
        break;
      }
      operands.push(word);
      continue;
    }
    for (let at = 1; at < word.length; at++) {
      const letter = word[at];
      const place = letter === ':' || letter === '+' ? -1 : letters.indexOf(letter);
      if (place < 0) throw new UsageFault(`invalid option -- '${letter}'`, true);
      if (letters[place + 1] !== ':') {
        options.push([letter, '']);
        continue;
      }
      const value = at + 1 < word.length ? word.slice(at + 1) : args[++i];
      if (value === undefined) throw new UsageFault(`option requires an argument -- '${letter}'`, true);
      options.push([letter, value]);
      break;
    }
  }
  return { options, operands };
}

/** Runs a program; a call's error that it does not expect ends it as perror(3) and exit(3) would: `NAME: CALL: REASON`. */
export async function guarded(process: Syscalls, name: string, status: number, run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    const { errno, syscall } = error as { errno?: unknown; syscall?: unknown };
    if (typeof errno !== 'number') throw error;
    await warn(process, `${name}: ${syscall}: ${strerror(-errno)}\n`).catch(() => {});
    return status;
  }
}

/** Writes a text to standard output. */
export function say(process: Syscalls, text: string): Promise<unknown> {
  return process.write(STDOUT, encoder.encode(text));
}

/** Writes a text to standard error. */
export function warn(process: Syscalls, text: string): Promise<unknown> {
  return process.write(STDERR, encoder.encode(text));
}
