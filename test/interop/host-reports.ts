/**
 * What hosts of ours in child processes say at their end (src/cli/leftovers.ts): asked after every command of this folder.
 */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BEGINS, NOTHING } from '../../src/cli/leftovers.ts';

let folder: string | null = null;
let count = 0;

/** Where the next child's hosts write. One folder a test process. */
function nextFile(): string {
  if (folder === null) {
    const made = mkdtempSync(join(tmpdir(), 'sockscape-hosts-'));
    // Commands run as other users, too.
    chmodSync(made, 0o777);
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return join(folder, String(count++));
}

export class HostReports {
  private readonly file = nextFile();

  /** What a child gets. */
  environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    return { ...env, SOCKSCAPE_LEFTOVERS: this.file };
  }

  /**
   * What is wrong, each in a sentence, after the child's end. `endedWell`: it ended by itself, so its hosts must have been
   * asked; those of a child that was killed could not.
   */
  problems(endedWell: boolean): string[] {
    return problemsIn(this.lines(), endedWell);
  }

  private lines(): string[] {
    try {
      return readFileSync(this.file, 'utf8').split('\n').filter((line) => line !== '');
    } catch {
      // No command of ours, or one that had no host.
      return [];
    }
  }
}

function problemsIn(lines: readonly string[], endedWell: boolean): string[] {
  const unasked = new Set<string>();
  const problems: string[] = [];
  for (const line of lines) {
    const at = line.indexOf(' ');
    const pid = line.slice(0, at), what = line.slice(at + 1);
    if (what === BEGINS) {
      unasked.add(pid);
      continue;
    }
    unasked.delete(pid);
    if (what !== NOTHING) problems.push(`its hosts left behind: ${what}`);
  }
  if (endedWell && unasked.size > 0) problems.push('it ended, and its hosts were not asked what is left');
  return problems;
}
