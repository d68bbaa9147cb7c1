/** Directories of /proc, for programs that walk through it. */
import { O_CLOEXEC, O_DIRECTORY, O_RDONLY } from '../api/posix/constants.ts';
import type { Syscalls } from '../api/posix/syscalls.ts';

/** The names in a directory without `.` and `..`. Rejects as open(2) does. */
export async function listDirectory(process: Syscalls, path: string): Promise<string[]> {
  const fd = await process.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const names: string[] = [];
  try {
    for (let some = await process.getdents(fd); some.length > 0; some = await process.getdents(fd)) {
      for (const { name } of some) if (name !== '.' && name !== '..') names.push(name);
    }
  } finally {
    await process.close(fd);
  }
  return names;
}
