/** Looking paths up for a process, from its root and its working directory with its credentials; and asking what it may. */
import type { Credentials } from '../../base/credentials.ts';
import type { KernelProcess } from '../process.ts';
import { type Inode, permission } from './inode.ts';
import { lookUp, type Place } from './path.ts';

/** `lookUp` for a process; `who` is somebody else for access(2) alone. /proc is told who asks: /proc/self leads to him. */
export function walk(
  process: KernelProcess, path: string, follow: boolean, place: Place, toMake = false, who: Credentials = process.credentials,
): number {
  const { kernel } = process;
  kernel.proc.asker = process;
  return lookUp(kernel.fileSystem.root, process.files.cwd, path, who, follow, place, toMake);
}

/**
 * `permission` for a process: 0 or -EACCES. Nothing need have been looked up before, as with descriptors: /proc is told here
 * too who asks.
 */
export function mayAccess(process: KernelProcess, inode: Inode, wanted: number, who: Credentials = process.credentials): number {
  process.kernel.proc.asker = process;
  return permission(inode, who, wanted);
}
