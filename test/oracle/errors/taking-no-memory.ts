/**
 * Calls whose man pages list ENOMEM, and which take nothing of a host's memory: each of them made in the way of its that could need most.
 * test/sim/occurring-errors.test.ts makes them on a host without any; impossible.ts has their reason.
 */
import { O } from '../../../src/socket/constants.ts';
import type { Process } from '../../../src/api/posix/process.ts';
import { IPC } from '../../../src/kernel/ipc/ipc-object.ts';
import type { Prepare } from './occurring.ts';

/** A call about a file that is there. */
const about = (call: (p: Process) => Promise<unknown>): Prepare => async (p) => {
  await p.close(await p.open('/tmp/file', O.RDWR | O.CREAT, 0o600));
  await p.symlink('/tmp/file', '/tmp/link');
  await p.mkdir('/tmp/folder', 0o700);
  return () => call(p);
};

export const TAKING_NO_MEMORY: Readonly<Record<string, Prepare>> = {
  access: about((p) => p.access('/tmp/link', 4)),
  chdir: about((p) => p.chdir('/tmp/folder')),
  chmod: about((p) => p.chmod('/tmp/link', 0o644)),
  chown: about((p) => p.chown('/tmp/link', 1, 1)),
  lchown: about((p) => p.lchown('/tmp/link', 1, 1)),
  stat: about((p) => p.stat('/tmp/link')),
  lstat: about((p) => p.lstat('/tmp/link')),
  fstat: about((p) => p.fstat(0)),
  statfs: about((p) => p.statfs('/tmp/link')),
  fstatfs: about((p) => p.fstatfs(0)),
  readlink: about((p) => p.readlink('/tmp/link')),
  rename: about((p) => p.rename('/tmp/file', '/tmp/folder/file')),
  rmdir: about((p) => p.rmdir('/tmp/folder')),
  unlink: about((p) => p.unlink('/tmp/file')),
  utimensat: about((p) => p.utimensat('/tmp/link', { atimeUs: 1, mtimeUs: 1 })),
  getcwd: about((p) => p.getcwd()),
  shmat: async (p) => {
    const id = await p.shmget(IPC.PRIVATE, 100_000, IPC.CREAT | 0o600);
    return () => p.shmat(id, 0);
  },
};
