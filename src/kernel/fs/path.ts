/**
 * From a path to an inode (path_resolution(7)): a component at a time, through symbolic links, where the caller may search.
 */
import type { Credentials } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { Access, Directory, type Inode, permission, Symlink } from './inode.ts';

/** PATH_MAX with its final NUL, NAME_MAX, and how many symbolic links a path may lead through (MAXSYMLINKS). */
export const PATH_MAX = 4096;
const NAME_MAX = 255;
const LINKS_MAX = 40;

/** A path that has been looked up. One per file system, re-filled by each look. */
export class Place {
  /** The directory that the last component is, or would be, in. */
  directory: Directory | null = null;
  /** The last component; '' for the root. */
  name = '';
  /** What is there; null when nothing is. */
  inode: Inode | null = null;
  /** The path ends in a slash: it must be a directory. */
  slash = false;
}

/** Length in UTF-8. */
export function bytesIn(text: string): number {
  let bytes = 0;
  for (const letter of text) {
    const code = letter.codePointAt(0) as number;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** A path's components, the last one first: they are taken from the end. */
function backwards(path: string): string[] {
  return path.split('/').filter((name) => name !== '').reverse();
}

/**
 * Looks `path` up: 0, with `place.inode` null when only the last component is missing, or a negative errno. A symbolic
 * link at the end is followed when `follow` says so, or when a slash comes after it. What is `toMake` hears of a file that is
 * there already before it hears that the file is no directory.
 */
export function lookUp(
  root: Directory, from: Directory, path: string, who: Credentials, follow: boolean, place: Place, toMake = false,
): number {
  if (path === '') return -Errno.ENOENT;
  if (path.includes('\0')) return -Errno.EINVAL;
  if (bytesIn(path) >= PATH_MAX) return -Errno.ENAMETOOLONG;
  let links = 0;
  let at: Directory = path.startsWith('/') ? root : from;
  const rest = backwards(path);
  place.slash = path.endsWith('/') || rest[0] === '.' || rest[0] === '..';
  place.directory = at;
  place.name = '';
  place.inode = at;
  while (rest.length > 0) {
    const name = rest.pop() as string;
    const isLast = rest.length === 0;
    const denied = permission(at, who, Access.X);
    if (denied < 0) return denied;
    if (name.length > NAME_MAX / 4 && bytesIn(name) > NAME_MAX) return -Errno.ENAMETOOLONG;
    const inode = at.find(name);
    place.directory = at;
    place.name = name;
    place.inode = inode;
    if (inode === null) return isLast ? 0 : -Errno.ENOENT;
    if (inode instanceof Symlink && (!isLast || follow || place.slash)) {
      if (++links > LINKS_MAX) return -Errno.ELOOP;
      inode.accessed();
      const led = inode.follow(who);
      if (typeof led === 'number') return led;
      if (led !== null) {
        place.inode = led;
        if (isLast) break;
        if (!(led instanceof Directory)) return -Errno.ENOTDIR;
        at = led;
        continue;
      }
      if (inode.target.startsWith('/')) at = root;
      rest.push(...backwards(inode.target));
      place.directory = at;
      place.name = '';
      place.inode = at;
      continue;
    }
    if (isLast) break;
    if (!(inode instanceof Directory)) return -Errno.ENOTDIR;
    at = inode;
  }
  return !toMake && place.slash && place.inode !== null && !(place.inode instanceof Directory) ? -Errno.ENOTDIR : 0;
}

/** The absolute path of a directory, as getcwd(2) has it; null when it is not under the root any more. */
export function pathOf(root: Directory, directory: Directory): string | null {
  const names: string[] = [];
  for (let at = directory; at !== root; at = at.parent) {
    if (at.links < 2 || at.parent === at) return null;
    const name = at.parent.nameOf(at);
    if (name === null) return null;
    names.push(name);
  }
  return `/${names.reverse().join('/')}`;
}
