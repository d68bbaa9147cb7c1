/**
 * Programs whose files are those of this machine when the command runs them, not those of their host: whoever types
 * `tcpdump -w FILE` wants the file.
 *
 * Called by command-words.ts.
 */
import { systemError } from '../api/posix/errors.ts';
import type { Program } from '../api/posix/program.ts';
import { Errno } from '../base/errno.ts';
import { PlatformError } from '../platform/node/libc.ts';
import { HOST_FILES, tcpdump, type TcpdumpFiles } from '../programs/tcpdump/tcpdump.ts';
import { readFile } from './input.ts';
import { openForWriting, writeAll } from './output.ts';

const MACHINE_FILES: TcpdumpFiles = {
  read: async (process, path) => (path === '-' ? HOST_FILES.read(process, path) : asCall('open', () => readFile(path))),
  create: async (process, path) => {
    if (path === '-') return HOST_FILES.create(process, path);
    const file = asCall('open', () => openForWriting(path));
    return async (piece) => asCall('write', () => writeAll(file, piece));
  },
};

/** What this machine refuses, a program hears as from its own host: as the error of a call. */
function asCall<T>(syscall: string, attempt: () => T): T {
  try {
    return attempt();
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    const { code } = error.cause as { code?: string };
    throw systemError(Errno[code as keyof typeof Errno] ?? Errno.EIO, syscall);
  }
}

export const realFiles: ReadonlyMap<string, Program> = new Map([
  ['tcpdump', (process, args) => tcpdump(process, args, MACHINE_FILES)],
]);
