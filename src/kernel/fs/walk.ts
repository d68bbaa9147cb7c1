/** Looking paths up for a process: from its root and its working directory, with its credentials. */
import type { Credentials } from '../../base/credentials.ts';
import type { KernelProcess } from '../process.ts';
import { lookUp, type Place } from './path.ts';

/** `lookUp` for a process; `who` is somebody else for access(2) alone. /proc is told who asks: /proc/self leads to him. */
export function walk(
  process: KernelProcess, path: string, follow: boolean, place: Place, toMake = false, who: Credentials = process.credentials,
): number {
  const { kernel } = process;
  kernel.proc.asker = process;
  return lookUp(kernel.fileSystem.root, process.files.cwd, path, who, follow, place, toMake);
}
