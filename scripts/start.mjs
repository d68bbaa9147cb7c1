/**
 * `npm start [-- OPTIONS]`: installs and builds when that is due, then runs `sockscape demo OPTIONS` in this process.
 * What installing and building have to say goes to stderr.
 */
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ensureInstalled } from './install.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
try {
  ensureInstalled();
} catch (error) {
  process.stderr.write(`sockscape: ${error.message}\n`);
  process.exit(1);
}
const build = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], {
  cwd: root,
  stdio: ['ignore', 2, 2],
});
if (build.status !== 0) process.exit(1);

const command = join(root, 'bin/sockscape.cjs');
const options = process.argv.slice(2);
// `npm start --once`, without the `--`: npm takes the option for its own and hands it down in the environment.
if (process.env.npm_lifecycle_event === 'start' && process.env.npm_config_once === 'true' && !options.includes('--once')) options.push('--once');
process.argv = [process.argv[0], command, 'demo', ...options];
await import(pathToFileURL(command).href);
