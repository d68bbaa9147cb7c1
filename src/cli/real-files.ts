/**
 * Programs whose files are those of this machine when the command runs them, not those of their host: whoever types
 * `tcpdump -w FILE` wants the file.
 *
 * Called by command-words.ts.
 */
import type { Program } from '../api/posix/program.ts';
import { HOST_FILES, tcpdump, type TcpdumpFiles } from '../programs/tcpdump/tcpdump.ts';
import { readFile } from './input.ts';
import { openForWriting, writeAll } from './output.ts';

const MACHINE_FILES: TcpdumpFiles = {
  read: async (process, path) => (path === '-' ? HOST_FILES.read(process, path) : readFile(path)),
  create: async (process, path) => {
    if (path === '-') return HOST_FILES.create(process, path);
    const file = openForWriting(path);
    return async (piece) => writeAll(file, piece);
  },
};

export const realFiles: ReadonlyMap<string, Program> = new Map([
  ['tcpdump', (process, args) => tcpdump(process, args, MACHINE_FILES)],
]);
