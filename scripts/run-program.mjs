/** Runs one TypeScript program of the repository in this Node, its arguments behind it. Called by bench.mjs and oracle.mjs. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled } from './install.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');

export async function runProgram(file, args) {
  if (!existsSync(join(root, file))) {
    console.error(`sockscape: ${file} is not there`);
    process.exit(1);
  }
  ensureInstalled();
  // Imported late: esbuild is there only now.
  const { bundleForNode } = await import('./bundle.mjs');
  const [script] = await bundleForNode([join(root, file)]);
  const run = spawn(process.execPath, ['--enable-source-maps', '--expose-gc', script, ...args], {
    stdio: 'inherit',
    cwd: root,
    env: { TZ: 'UTC', ...process.env, SOCKSCAPE_ROOT: root },
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => run.kill(signal));
  process.exit(await new Promise((done) => run.on('exit', (status) => done(status ?? 1))));
}
