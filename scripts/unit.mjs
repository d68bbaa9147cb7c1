/**
 * Compiles test files (TypeScript) with esbuild and runs them under node:test.
 *
 *   node scripts/unit.mjs                            every *.test.ts under src/, test/conformance, test/contract
 *   node scripts/unit.mjs src/wire test/x.test.ts    the files and folders named
 *
 * Tests of scripts (*.test.mjs) run as they stand: bundled together with the script that they test, its `import.meta.url` would be
 * that of the test, and it would take itself for the command that was started.
 *
 * Options after `--` go to node, for example `-- --test-name-pattern=SYN` or `-- --test-reporter=spec`.
 * Tests find the repository in SOCKSCAPE_ROOT and their seed in SOCKSCAPE_SEED (test.mjs derives it from the commit).
 *
 * With SOCKSCAPE_FRAMES_DIR, what the hosts of the tests send is recorded there (test/tools/frame-recorder.ts); so is
 * what a `sockscape` command sends that a test starts: it runs from a bundle made here instead of dist/cli.js.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleForNode, root } from './bundle.mjs';
import { errnoWatchPlugin } from './errno-watch.mjs';

function testFilesUnder(path) {
  if (!statSync(path, { throwIfNoEntry: false })) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** Lets every Node below here load `script` where it would load dist/cli.js. */
function recordingEnv(script) {
  const hook = pathToFileURL(join(root, 'test/tools/recorded-command.mjs')).href;
  const options = [process.env.NODE_OPTIONS, `--import=${hook}`].filter(Boolean).join(' ');
  return { NODE_OPTIONS: options, SOCKSCAPE_RECORDED_COMMAND: script };
}

const args = process.argv.slice(2);
const split = args.indexOf('--');
const nodeArgs = split < 0 ? [] : args.slice(split + 1);
const named = split < 0 ? args : args.slice(0, split);
const places = named.length > 0 ? named : ['src', 'test/conformance', 'test/contract'];
const files = places.flatMap((place) => testFilesUnder(resolve(root, place)));
if (files.length === 0) {
  console.error(`unit: no test files under ${places.join(', ')}`);
  process.exit(2);
}

const recording = Boolean(process.env.SOCKSCAPE_FRAMES_DIR);
const command = join(root, 'src/cli/main.ts');
const sources = files.filter((file) => file.endsWith('.ts'));
const bundled = recording && existsSync(command) ? [...sources, command] : sources;
const inject = recording ? [join(root, 'test/tools/frame-recorder.ts')] : [];

let outputs;
let recordedCommand;
try {
  outputs = bundled.length > 0 ? await bundleForNode(bundled, inject, [errnoWatchPlugin(root)]) : [];
  if (bundled !== sources) recordedCommand = outputs.pop();
  outputs.push(...files.filter((file) => !file.endsWith('.ts')));
} catch (error) {
  // esbuild has printed its own words.
  if (!error.errors) console.error(error);
  process.exit(1);
}
const ownTotals = sources.length > 0 ? join(dirname(outputs[0]), 'totals.json') : join(tmpdir(), `sockscape-totals-${process.pid}.json`);
process.on('exit', () => rmSync(ownTotals, { force: true }));
const totalsFile = process.env.SOCKSCAPE_TOTALS ?? ownTotals;
const reporter = nodeArgs.some((arg) => arg.startsWith('--test-reporter'))
  ? []
  : [`--test-reporter=${pathToFileURL(join(root, 'scripts/reporter.mjs')).href}`, '--test-reporter-destination=stdout'];
// In Node 20 and 22 this ends a whole file, whatever longer time its tests ask for; the steps of the long tier have limits.
const fileTimeout = process.env.SOCKSCAPE_FULL === '1' ? 7_200_000 : 300_000;
const run = spawn(
  process.execPath,
  [
    '--enable-source-maps',
    '--expose-gc',
    '--test',
    '--test-concurrency=2',
    `--test-timeout=${fileTimeout}`,
    ...reporter,
    ...nodeArgs,
    ...outputs,
  ],
  {
    stdio: 'inherit',
    cwd: root,
    env: {
      TZ: 'UTC',
      SOCKSCAPE_SEED: '1',
      ...process.env,
      SOCKSCAPE_ROOT: root,
      SOCKSCAPE_TOTALS: totalsFile,
      ...(recordedCommand ? recordingEnv(recordedCommand) : {}),
    },
  },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => run.kill(signal));
run.on('exit', (status) => {
  const failed = existsSync(totalsFile) ? JSON.parse(readFileSync(totalsFile, 'utf8')).failed : 0;
  process.exit(status || (failed > 0 ? 1 : status === null ? 1 : 0));
});
