/** The machine's C library as a side of the comparison: linux-names.c, in a namespace whose /etc is of the test's making. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, run } from '../command.ts';

export class LinuxNames {
  private readonly folder = mkdtempSync(join(tmpdir(), 'sockscape-names-'));

  /** Builds the program; `files` are the texts of /etc, by name. */
  constructor(files: Readonly<Record<string, string>>) {
    const built = run(['gcc', '-O1', '-Wall', '-o', this.program, join(root, 'test/interop/names/linux-names.c')]);
    if (built.status !== 0) throw new Error(built.stderr);
    run(['mkdir', join(this.folder, 'etc')]);
    this.write('host.conf', 'multi on\n');
    this.write('nsswitch.conf', 'hosts: files dns\nservices: files\nprotocols: files\n');
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  /** Puts a file into the /etc of the runs from now on. */
  write(name: string, text: string): void {
    writeFileSync(join(this.folder, 'etc', name), text);
  }

  /** What it answers, line by line. `prefix` are the words that lead into a namespace, `commands` are run there first. */
  answers(prefix: readonly string[], commands: readonly string[], lines: readonly string[]): string[] {
    const script = ['set -e', 'mount -t tmpfs none /etc', `cp ${this.folder}/etc/* /etc/`, ...commands, `exec ${this.program}`].join('\n');
    const ended = run([...prefix, 'unshare', '--mount', 'sh', '-c', script], `${lines.join('\n')}\n`, 120);
    if (ended.status !== 0) throw new Error(ended.stderr);
    return ended.stdout.trimEnd().split('\n');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  private get program(): string {
    return join(this.folder, 'linux-names');
  }
}

/** The questions whose answers differ, with both answers; the first forty. */
export function showDifferences(lines: readonly string[], linux: readonly string[], ours: readonly string[]): string[] {
  const counts = [lines.length, linux.length, ours.length];
  if (new Set(counts).size > 1) return [`questions, Linux's answers, ours: ${counts.join(', ')}`];
  const differ = lines.map((line, i) => `${line}\tLinux: ${linux[i]}\tours:  ${ours[i]}`).filter((_, i) => linux[i] !== ours[i]);
  return differ.slice(0, 40);
}
