/**
 * npm's `prepare`: runs in a clone after `npm install` and `npm ci`, before `npm pack` and `npm publish`, for a dependency
 * from git, and for `npm install ../sockscape` elsewhere, which only links to the clone. All of them get bundles and
 * declarations; build.mjs does nothing when dist/ fits the sources.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, installing } from './install.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');

function prepare() {
  // The script that installs builds afterwards, as much as it needs, and says so itself.
  if (installing()) return 0;
  const tools = ['esbuild', 'acorn', 'typescript'].map((name) => join(root, 'node_modules', name, 'package.json'));
  if (!tools.every((file) => existsSync(file))) {
    if (/\bdev\b/.test(process.env.npm_config_omit ?? '') || process.env.NODE_ENV === 'production') {
      process.stderr.write('sockscape: without its development packages dist/ cannot be built; it is left as it is\n');
      return 0;
    }
    // `npm install ../sockscape` in another project does not install what the clone needs to build.
    try {
      ensureInstalled();
    } catch (error) {
      process.stderr.write(`sockscape: ${error.message}\n`);
      return 1;
    }
  }
  const build = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { cwd: root, stdio: ['ignore', 2, 2] });
  return build.status ?? 1;
}

process.exitCode = prepare();
