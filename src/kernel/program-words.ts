/**
 * The words that a program is begun with, its arguments and its environment: how many there may be (execve(2), "Limits on
 * size of arguments and environment"), and what the host's memory is charged for them as long as the process runs.
 *
 * Called by KernelProcess.execute.
 */
import { Errno } from '../base/errno.ts';
import { Cost } from '../base/kernel-memory.ts';

/** MAX_ARG_STRLEN: a word with its NUL. */
const MOST_WORD_BYTES = 131072;
/** bprm_stack_limits: three quarters of _STK_LIM, whatever RLIMIT_STACK is; and ARG_MAX, which every program may have. */
const MOST_BYTES = 6 * 1024 * 1024;
const LEAST_BYTES = 131072;
/** Of the stack, the part that words may have. */
const STACK_PART = 4;
const POINTER_BYTES = 8;
/** The engine's text takes two bytes for each unit of UTF-16, where one of them needs it. */
const UNIT_BYTES = 2;

/** As many words as can be, and one more: who reads them need not look at others. */
export const MOST_WORDS: number = MOST_BYTES / POINTER_BYTES + 1;

/**
 * What the host is charged for a program's words: bytes, or -E2BIG. `stackBytes` is the soft RLIMIT_STACK. Counted as Linux
 * counts, but without the path of a file, which a program has none of: each word with its NUL, and its pointer.
 */
export function chargeOfWords(name: string, args: readonly string[], environment: Readonly<Record<string, string>>, stackBytes: number): number {
  let left = Math.max(LEAST_BYTES, Math.min(MOST_BYTES, Math.floor(stackBytes / STACK_PART)));
  const variables = Object.keys(environment);
  const words = 1 + args.length + variables.length;
  left -= words * POINTER_BYTES;
  // Pointers alone may not fill it.
  if (left <= 0) return -Errno.E2BIG;
  let units = 0;
  const fits = (word: string, more: string): boolean => {
    // As many bytes as units, or more: the length of a text is there, its bytes have to be counted.
    if (word.length + more.length >= MOST_WORD_BYTES) return false;
    const bytes = utf8Bytes(word) + utf8Bytes(more) + 1;
    left -= bytes;
    units += word.length + more.length;
    return bytes <= MOST_WORD_BYTES && left >= 0;
  };
  if (!fits(name, '')) return -Errno.E2BIG;
  for (const word of args) if (!fits(word, '')) return -Errno.E2BIG;
  for (const variable of variables) if (!fits(`${variable}=`, environment[variable] as string)) return -Errno.E2BIG;
  return words * Cost.WORD + units * UNIT_BYTES;
}

/** How long a text is in UTF-8; half of a pair counts as U+FFFD, which takes its place. */
function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    // A pair is four bytes for its two units: the second one adds nothing of its own.
    if ((unit & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++;
  }
  return bytes;
}
