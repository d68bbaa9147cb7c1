/**
 * Runs a command with another Node first in PATH; that Node comes from the npm package `node` and stays in .cache/.
 *
 *   node scripts/with-node.mjs 24 -- node scripts/unit.mjs src/wire
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = process.env.SOCKSCAPE_ROOT ?? resolve(fileURLToPath(import.meta.url), '../..');

/** The folder that holds the `node` of `version` (20.19, 22, 24 ...), fetched when it is not there yet. */
export function nodeFolder(version) {
  if (!/^\d+(\.\d+){0,2}$/.test(version)) throw new Error(`no version of Node: ${version}`);
  const home = join(root, '.cache', `node-${version}`);
  const folder = join(home, 'node_modules/node/bin');
  if (!existsSync(join(folder, 'node'))) {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'package.json'), '{"private":true}\n');
    const npm = spawnSync(
      'npm',
      ['install', '--no-fund', '--no-audit', '--loglevel=error', '--no-package-lock', `node@${version}`],
      {
        cwd: home,
        encoding: 'utf8',
      },
    );
    if (npm.status !== 0 || !existsSync(join(folder, 'node'))) {
      throw new Error(`cannot fetch Node ${version}: ${(npm.stderr || npm.error?.message || '').trim()}`);
    }
  }
  return folder;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [version, dashes, command, ...rest] = process.argv.slice(2);
  if (dashes !== '--' || !command) {
    console.error('usage: node scripts/with-node.mjs VERSION -- COMMAND ...');
    process.exit(2);
  }
  try {
    const env = { ...process.env, PATH: `${nodeFolder(version)}${delimiter}${process.env.PATH}` };
    const child = spawn(command, rest, { stdio: 'inherit', env });
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    child.on('error', (error) => {
      console.error(`with-node: ${error.message}`);
      process.exit(1);
    });
    child.on('exit', (status) => process.exit(status ?? 1));
  } catch (error) {
    console.error(`with-node: ${error.message}`);
    process.exit(1);
  }
}
