/**
 * Records of what was measured or counted: docs/results/NAME.json with command, commit, the machine in words, and the
 * figures. Claims in documents quote these files.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = process.env.SOCKSCAPE_ROOT ?? resolve(fileURLToPath(import.meta.url), '../..');
const git = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.trim();

function machine() {
  const processors = cpus();
  return `${processors.length} x ${processors[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}, Node ${process.versions.node}`;
}

export function recordOf(command, figures) {
  const commit = git('rev-parse', 'HEAD');
  const record = {
    command,
    commit: git('status', '--porcelain', 'src', 'test', 'scripts') === '' ? commit : `${commit} and changes`,
    machine: machine(),
    date: new Date().toISOString().slice(0, 10),
    seed: Number(process.env.SOCKSCAPE_SEED ?? 1) >>> 0,
    figures,
  };
  return `${JSON.stringify(record, null, 2)}\n`;
}

export function writeRecord(name, command, figures) {
  const folder = join(root, 'docs/results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), recordOf(command, figures));
}
