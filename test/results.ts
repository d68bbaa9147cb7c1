/**
 * Records of the long tier: docs/results/NAME.json with command, commit, the machine in words, and the figures. Claims in
 * documents quote these files. Outside `npm run test:full` nothing is written.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';

/** The repository; tests run from a bundle, so their own place does not tell it. */
export const root: string = process.env.SOCKSCAPE_ROOT ?? process.cwd();

/** The seed that this run's random choices follow from; it changes with the commit. */
export const seed: number = Number(process.env.SOCKSCAPE_SEED ?? 1) >>> 0;

/** Whether this is the long tier. */
export const isFull: boolean = process.env.SOCKSCAPE_FULL === '1';

/** Writes docs/results/`name`.json in the long tier. `figures` holds what was counted or measured. */
export function recordResult(name: string, figures: Record<string, unknown>): void {
  if (!isFull) return;
  const commit = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout.trim();
  const dirty = spawnSync('git', ['status', '--porcelain', 'src', 'test'], { cwd: root, encoding: 'utf8' }).stdout !== '';
  const processors = cpus();
  const record = {
    command: 'npm run test:full',
    commit: dirty ? `${commit} and changes` : commit,
    machine: `${processors.length} x ${processors[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}, Node ${process.versions.node}`,
    date: new Date().toISOString().slice(0, 10),
    seed,
    figures,
  };
  const folder = join(root, 'docs/results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(record, null, 2)}\n`);
}
