/**
 * Programs whose files are those of this machine when the command runs them, not those of their host.
 *
 * Called by command-words.ts.
 */
import type { Program } from '../api/posix/program.ts';

export const realFiles: ReadonlyMap<string, Program> = new Map();
