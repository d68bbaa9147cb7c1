/**
 * Folders for files that no run outlives: whoever makes one removes it, and what a process left that was killed (SIGKILL, no memory)
 * goes when the next one makes its first.
 *
 * Called by sim-test/children.ts and spawned/output-files.ts.
 */
import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'sockscape-run-';
/** `sockscape-run-NAMESPACE-PID-RANDOM`. */
const NAME = /^sockscape-run-(\w+)-(\d+)-\w+$/;

let isSwept = false;

/** Throws what node:fs throws: no room, no right. */
export function makeScratchFolder(): string {
  const owner = `${namespaceOfPids()}-`;
  if (!isSwept) sweep(owner);
  isSwept = true;
  return mkdtempSync(join(tmpdir(), `${PREFIX}${owner}${process.pid}-`));
}

/** Numbers of processes mean something among those alone that share them: a container may share the folder, and not the numbers. */
function namespaceOfPids(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
  } catch {
    return 'all';
  }
}

/** Removes the folders of processes that are gone, if they are this user's. What cannot be removed stays: somebody else is at it. */
function sweep(owner: string): void {
  const folder = tmpdir();
  for (const name of namesIn(folder)) {
    const [, namespace, pid] = NAME.exec(name) ?? [];
    if (pid === undefined || `${namespace}-` !== owner || isThere(Number(pid))) continue;
    const path = join(folder, name);
    try {
      const found = lstatSync(path);
      // Others may have put whatever they like under that name.
      if (found.isDirectory() && found.uid === (process.getuid?.() ?? found.uid)) rmSync(path, { recursive: true, force: true });
    } catch {
      // Swept by another process meanwhile.
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: there is one, of another user.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
