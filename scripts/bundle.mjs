/**
 * Bundles TypeScript files for running them here, in a folder of their own under build/ that goes away with the process.
 * Called by unit.mjs (tests), bench.mjs and oracle.mjs.
 */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { keepConstPlugin } from './keep-const.mjs';

export const root = resolve(fileURLToPath(import.meta.url), '../..');

/** Folders that a killed run left behind. */
function sweep(folder) {
  const old = Date.now() - 2 * 3600 * 1000;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const found = name.startsWith('run-') ? statSync(path, { throwIfNoEntry: false }) : undefined;
    if (found && found.mtimeMs < old) rmSync(path, { recursive: true, force: true });
  }
}

/**
 * Compiles `files` (absolute paths) and returns the scripts to run, in the same order. Each of them imports the files of
 * `inject` first. `plugins`: esbuild's, besides the one of all bundles.
 */
export async function bundleForNode(files, inject = [], plugins = []) {
  const folder = join(root, 'build');
  mkdirSync(folder, { recursive: true });
  sweep(folder);
  const outdir = mkdtempSync(join(folder, 'run-'));
  // Commands of ours run as another user, too.
  chmodSync(outdir, 0o755);
  process.on('exit', () => rmSync(outdir, { recursive: true, force: true }));
  const names = files.map((file) => relative(root, file).replace(/\.ts$/, ''));
  await build({
    entryPoints: Object.fromEntries(names.map((name, i) => [name, files[i]])),
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    inject,
    // What package.json says about side effects is about dist/; an injected file is nothing but one.
    ignoreAnnotations: inject.length > 0,
    sourcemap: 'inline',
    outExtension: { '.js': '.mjs' },
    logLevel: 'warning',
    plugins: [...plugins, keepConstPlugin],
  });
  writeFileSync(join(outdir, 'package.json'), '{"type":"module"}');
  return names.map((name) => join(outdir, `${name}.mjs`));
}
