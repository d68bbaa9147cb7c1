/** The generator's calls about what is known of files (owners, times, room) and about where a process is. */
import { UTIME_NOW, UTIME_OMIT } from '../../../src/kernel/calls/file-state.ts';
import { S } from '../../../src/kernel/fs/inode.ts';
import type { Choose } from './generator.ts';
import type { Model } from './model.ts';
import type { Argument } from './steps.ts';

const FILES = ['f1', 'f2', 'dir', 'dir/a', 'fifo', 'link', 'hard1', 'dir/nowhere/x', ''];
const IDS = [0, 0, 1000, 1001, -1];
const NOFOLLOW = 0x100;

const fd = (name: string): Argument => ({ fd: name });

function pathFor(m: Model): string {
  return m.paths.length > 0 && m.chance(75) ? m.pick(m.paths) : m.pick(FILES);
}

/** Times that were or will be, now, or none: the result does not say which. */
function times(m: Model): Argument {
  if (m.chance(20)) return null;
  const one = (): number => m.pick([0, 1e15, 1_500_000_000_123_456, UTIME_NOW, UTIME_OMIT]);
  return { record: { atimeUs: one(), mtimeUs: one() } };
}

/** Owners, times and nodes. */
export const owner: Choose = (m, process) => {
  const path = pathFor(m);
  const found = m.find(process, ({ kind }) => ['file', 'folder', 'fifo'].includes(kind), 15);
  switch (m.below(7)) {
    case 0: return { call: 'chown', args: [path, m.pick(IDS), m.pick(IDS)] };
    case 1: return { call: 'lchown', args: [path, m.pick(IDS), m.pick(IDS)] };
    case 2: return found && { call: 'fchown', args: [fd(found.name), m.pick(IDS), m.pick(IDS)] };
    case 3: return { call: 'utimensat', args: [path, times(m), m.pick([0, 0, NOFOLLOW, 1])] };
    case 4: return found && { call: 'futimens', args: [fd(found.name), times(m)] };
    default: {
      // Devices and sockets' nodes are not made so; see docs/deviations.md.
      const type = m.pick([0, S.IFREG, S.IFIFO, S.IFDIR, S.IFMT]);
      const name = m.pick(['f1', 'f2', 'fifo', 'dir/a', path]);
      if ([0, S.IFREG, S.IFIFO].includes(type)) m.paths.push(name);
      return { call: 'mknod', args: [name, type | m.pick([0o644, 0o600, 0o4755])] };
    }
  }
};

/** Where the process is, and what file systems say of themselves. */
export const place: Choose = (m, process) => {
  const found = m.find(process, () => true);
  const folder = m.find(process, ({ kind }) => kind === 'folder', 10);
  if (folder?.thing.kind === 'folder' && m.chance(40)) return { call: 'fchdir', args: [fd(folder.name)] };
  switch (m.below(6)) {
    // Never above /tmp: what is there is the machine's own on Linux's side.
    case 0: return { call: 'chdir', args: [m.pick(['dir', '/tmp', '/tmp/dir', 'dir/../dir', pathFor(m)])] };
    case 1: return folder && { call: 'fchdir', args: [fd(folder.name)] };
    case 2: return { call: 'statfs', args: [m.pick(['/tmp', pathFor(m)])] };
    case 3: return found && { call: 'fstatfs', args: [fd(found.name)] };
    default: return { call: 'getcwd', args: [] };
  }
};
