/**
 * `npm test`: installs and builds when that is due, then runs the steps below one after another: everything that this
 * machine allows, within 20 minutes. It ends with one line `N passed, N failed, N skipped`, before it the names and
 * reasons of what was left out. With CI=true nothing may be left out. `npm run test:full` is the long tier.
 *
 * Options: USAGE below.
 *
 * Seeds follow from the commit (SOCKSCAPE_SEED), so that each commit tries other ones and a failure can be repeated.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ensureInstalled } from './install.mjs';
import { writeRecord } from './records.mjs';

const USAGE = `usage: npm test [-- OPTION ...]

  --list             names the steps
  --only STEP[,...]  runs these steps alone
  --quick            layers, bans, package, types and lint: what npm run check runs
  --full             the long tier: all seeds, all mutations, other versions of Node (npm run test:full)

  CI=true npm test   nothing may be left out
  SOCKSCAPE_SEED=7   another seed than the commit's

  npm test -- --only unit,sim
  npm run unit -- src/transport -- --test-name-pattern=SYN    single files and tests`;

const root = resolve(fileURLToPath(import.meta.url), '../..');
const args = process.argv.slice(2);
const full = args.includes('--full');
const ci = Boolean(process.env.CI) && process.env.CI !== 'false' && process.env.CI !== '0';

/** A run of node with a script of ours. */
const script = (name, ...rest) => [`scripts/${name}`, ...rest];
/** A run of the tests under the folders named, as far as they exist. */
const tests = (folders, ...nodeArgs) => {
  const there = folders.filter(hasTests);
  return there.length > 0 ? script('unit.mjs', ...there, '--', ...nodeArgs) : null;
};
const reporter = () => `--test-reporter=${pathToFileURL(join(root, 'scripts/reporter.mjs')).href}`;
const UNIT = ['src', 'test/conformance', 'test/contract'];
const onNode = (version) => () => {
  const command = tests([...UNIT, 'test/sim', 'test/node']);
  return command && script('with-node.mjs', version, '--', 'node', ...command);
};

/**
 * The steps: what node is given (null: nothing there yet), after how many seconds a step counts as stuck (in the long
 * tier twenty times that), and whether it belongs to `npm run check` or to the long tier alone. What the hosts of a step
 * with `frames` send is recorded, and judged by the step of that name; the steps that measure time or memory are not, nor
 * is what the README's programs send, which run in a clone with the package as it is.
 */
const STEPS = [
  { name: 'layers', quick: true, seconds: 30, command: () => script('check-layers.mjs') },
  { name: 'bans', quick: true, seconds: 30, command: () => script('check-bans.mjs') },
  { name: 'package', quick: true, seconds: 30, command: () => script('check-package.mjs') },
  { name: 'types', quick: true, seconds: 120, command: () => script('check-types.mjs') },
  {
    name: 'lint',
    quick: true,
    seconds: 60,
    command: () => ['node_modules/@biomejs/biome/bin/biome', 'lint', '--diagnostic-level=error'],
  },
  { name: 'build', seconds: 120, command: () => script('build.mjs') },
  {
    name: 'scripts',
    seconds: 180,
    command: () => [
      '--test',
      reporter(),
      ...readdirSync(join(root, 'scripts'))
        .filter((name) => name.endsWith('.test.mjs'))
        .map((name) => `scripts/${name}`),
    ],
  },
  { name: 'unit', frames: true, seconds: 300, command: () => tests([...UNIT, 'test/tools']) },
  { name: 'fuzz', frames: true, seconds: 240, command: () => tests(['test/fuzz']) },
  { name: 'sim', frames: true, seconds: 360, command: () => tests(['test/sim']) },
  { name: 'node', frames: true, seconds: 480, command: () => tests(['test/node']) },
  { name: 'interop', frames: true, seconds: 600, command: () => tests(['test/interop'], `--test-concurrency=${full ? 1 : 2}`) },
  { name: 'oracle', frames: true, seconds: 360, command: () => tests(['test/oracle'], '--test-concurrency=1') },
  { name: 'perf', seconds: 180, command: () => tests(['test/perf'], '--test-concurrency=1') },
  { name: 'browser', seconds: 180, command: () => tests(['test/browser'], '--test-concurrency=1') },
  { name: 'docs', seconds: 240, command: () => tests(['test/docs'], '--test-concurrency=1') },
  {
    name: 'frames',
    seconds: 300,
    // Of a run without hosts there is nothing to judge.
    command: () => (chosenSteps().some((step) => step.frames) ? script('frames.mjs', framesFolder, ...wholeSteps) : null),
  },
  { name: 'nodes', seconds: 240, command: () => script('compare-nodes.mjs') },
  { name: 'mutations', full: true, seconds: 300, command: () => script('mutations.mjs') },
  { name: 'node-20.19', full: true, seconds: 300, command: onNode('20.19') },
  { name: 'node-22', full: true, seconds: 300, command: onNode('22') },
  { name: 'node-24', full: true, seconds: 300, command: onNode('24') },
];

function hasTests(folder) {
  const path = join(root, folder);
  return existsSync(path) && readdirSync(path, { recursive: true }).some((name) => String(name).endsWith('.test.ts'));
}

function seedOfCommit() {
  const run = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' });
  const commit = run.status === 0 ? run.stdout.trim() : '';
  return { seed: String(commit === '' ? 1 : Number.parseInt(commit.slice(0, 8), 16)), commit };
}

/** The whole short tier's time, in seconds: a step gets at most what is left of it. */
const WHOLE = 20 * 60;
const startedAt = Date.now();
/** Where this run's frames are kept until they are judged: a folder for each step. */
const framesFolder = join(root, 'build', `run-frames-${process.pid}`);
/** Steps with frames that passed and left nothing out: how many frames there must be can be said of these alone. */
const wholeSteps = [];
function clock() {
  const seconds = Math.floor((Date.now() - startedAt) / 1000);
  return `[${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}]`;
}

/** Runs node with `command` in a process group of its own; the group is ended when it takes too long. */
function run(command, seconds, env) {
  return new Promise((done) => {
    const child = spawn(process.execPath, command, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env,
      detached: true,
    });
    const end = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // The group is gone already.
      }
    };
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      end('SIGTERM');
      setTimeout(() => end('SIGKILL'), 5000).unref();
    }, seconds * 1000);
    const stop = () => {
      end('SIGTERM');
      process.exit(130);
    };
    process.once('SIGINT', stop).once('SIGTERM', stop);
    child.on('exit', (status) => {
      clearTimeout(timer);
      process.off('SIGINT', stop).off('SIGTERM', stop);
      done({ status: status ?? 1, late });
    });
  });
}

/** What is no option, or null. */
function unknownArgument() {
  const known = ['--list', '--only', '--quick', '--full'];
  return args.find((arg, i) => !known.includes(arg) && args[i - 1] !== '--only') ?? null;
}

function chosenSteps() {
  if (args.includes('--quick')) return STEPS.filter((step) => step.quick);
  const only = args.indexOf('--only');
  if (only < 0) return STEPS.filter((step) => full || !step.full);
  const names = (args[only + 1] ?? '').split(',');
  const unknown = names.filter((name) => !STEPS.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`test: no step ${unknown.join(', ')}; steps are ${STEPS.map((step) => step.name).join(', ')}`);
    process.exit(2);
  }
  return STEPS.filter((step) => names.includes(step.name));
}

async function main() {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(USAGE);
    return 0;
  }
  const unknown = unknownArgument();
  if (unknown !== null) {
    console.error(`test: unknown option '${unknown}'\n${USAGE}`);
    return 2;
  }
  const steps = chosenSteps();
  if (args.includes('--list')) {
    for (const step of steps) console.log(`${step.name}${step.command() === null ? ' (nothing there)' : ''}`);
    return 0;
  }
  ensureInstalled();
  const { seed, commit } = seedOfCommit();
  mkdirSync(join(root, 'build'), { recursive: true });
  const folder = mkdtempSync(join(root, 'build/run-totals-'));
  const env = { SOCKSCAPE_SEED: seed, ...process.env, ...(full ? { SOCKSCAPE_FULL: '1' } : {}) };
  if (!args.includes('--quick'))
    console.log(`seed ${env.SOCKSCAPE_SEED}${commit ? ` (commit ${commit.slice(0, 12)})` : ''}`);

  let passed = 0;
  let failed = 0;
  const leftOut = [];
  const figures = {};
  const broken = [];
  try {
    for (const step of steps) {
      const command = step.command();
      if (command === null) continue;
      const totalsFile = join(folder, `${step.name}.json`);
      console.log(`${clock()} ${step.name}`);
      const stepStarted = Date.now();
      const left = Math.max(1, WHOLE - (Date.now() - startedAt) / 1000);
      const limit = full ? step.seconds * 20 : Math.min(step.seconds, left);
      const { status, late } = await run(command, limit, {
        ...env,
        SOCKSCAPE_TOTALS: totalsFile,
        SOCKSCAPE_STEP: step.name,
        ...(step.frames ? { SOCKSCAPE_FRAMES_DIR: join(framesFolder, step.name) } : {}),
      });
      const totals = existsSync(totalsFile) ? JSON.parse(readFileSync(totalsFile, 'utf8')) : null;
      // A check without tests of its own counts as one; so does a run of tests that ended before its totals.
      passed += totals ? totals.passed : status === 0 ? 1 : 0;
      const failures = Math.max(totals?.failed ?? 0, status === 0 ? 0 : 1);
      failed += failures;
      figures[step.name] = {
        passed: totals ? totals.passed : status === 0 ? 1 : 0,
        failed: failures,
        skipped: totals?.skipped.length ?? 0,
        seconds: Math.round((Date.now() - stepStarted) / 1000),
      };
      leftOut.push(...(totals?.skipped ?? []).map((skip) => ({ ...skip, step: step.name })));
      if (step.frames && failures === 0 && figures[step.name].skipped === 0) wholeSteps.push(step.name);
      if (failures > 0) broken.push(`${step.name}${late ? ` (ended after ${Math.round(limit)} s)` : ''}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    // What failed stays for a look.
    if (!broken.some((name) => name.startsWith('frames'))) rmSync(framesFolder, { recursive: true, force: true });
  }
  for (const { step, name, reason } of leftOut) console.log(`left out: ${step}: ${name}: ${reason}`);
  if (broken.length > 0) console.log(`failed: ${broken.join(', ')}`);
  if (ci && leftOut.length > 0) console.log('CI is set, so nothing may be left out');
  console.log(`${clock()} done`);
  if (full) {
    process.env.SOCKSCAPE_SEED = env.SOCKSCAPE_SEED;
    if (args.includes('--only')) renewRecord(figures);
    else writeRecord('test-full', 'npm run test:full', { passed, failed, skipped: leftOut.length, steps: figures });
  }
  console.log(`${passed} passed, ${failed} failed, ${leftOut.length} skipped`);
  return failed > 0 || (ci && leftOut.length > 0) ? 1 : 0;
}

/** Steps that were run again by themselves take their places in the record of the whole, each with the commit that it ran on. */
function renewRecord(figures) {
  const place = join(root, 'docs/results/test-full.json');
  if (!existsSync(place)) return;
  const record = JSON.parse(readFileSync(place, 'utf8'));
  const { steps } = record.figures;
  for (const [name, figure] of Object.entries(figures)) steps[name] = { ...figure, commit: seedOfCommit().commit, seed: Number(process.env.SOCKSCAPE_SEED) };
  for (const count of ['passed', 'failed', 'skipped']) record.figures[count] = Object.values(steps).reduce((sum, step) => sum + step[count], 0);
  writeFileSync(place, `${JSON.stringify(record, null, 2)}\n`);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`test: ${error.message}`);
  process.exitCode = 1;
}
