/**
 * Runs Node's own tests of net, dgram, http, https and tls over our sockets. The tests are not part of this repository: their
 * folder (Node's sources, or their `test`) is handed in, of the version that runs them.
 *
 *   node scripts/node-suite.mjs FOLDER [--only net,dgram] [--match TEXT] [--jobs 2] [--record NAME] [--fresh] [--list] [--in-place] [--all]
 *
 * Each test runs in network namespaces of its own: with loopback up and without sockscape ("real"), with no network at all
 * ("none"), and with no network and sockscape/register in NODE_OPTIONS, which children inherit ("ours"). Counted is a test that passes
 * on the real network and fails without one: it shows something. (With --all those that need no network run too: they must pass as
 * well, and are told beside the rest.) The first two do not depend on us, and are remembered for each version of Node in build/.
 * A record of some groups (--only) keeps what the same Node said of the others. Needs root, unshare(1) and ip(8). Runs are in real time.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const REGISTER = join(root, 'dist/node/register.js');
const GROUPS = ['net', 'dgram', 'http', 'https', 'tls'];
/** Of one run of one test. */
const LIMIT_MS = 30_000;
/** Without a network many tests wait for ever: more than this, and three times as long as with one, says nothing new. */
const NONE_LIMIT_MS = 2_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    match: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    record: { type: 'string' },
    fresh: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    'in-place': { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || positionals.length !== 1) {
  console.error('usage: node scripts/node-suite.mjs FOLDER [--only net,dgram] [--match TEXT] [--jobs N] [--record NAME] [--fresh] [--list] [--in-place] [--all]');
  console.error('example: node scripts/node-suite.mjs ~/node-20.20.2 --only net,dgram');
  process.exit(values.help ? 0 : 2);
}
const given = resolve(positionals[0]);
const tests = existsSync(join(given, 'parallel')) ? given : join(given, 'test');
if (!existsSync(join(tests, 'parallel'))) {
  console.error(`${given} has no folder test/parallel: hand in Node's sources, or their test folder`);
  process.exit(2);
}
if (!existsSync(REGISTER)) {
  console.error('dist/ is not built: run npm run build first');
  process.exit(2);
}

const groups = values.only === undefined ? GROUPS : values.only.split(',');
/** `test-net-socket.js` is of net, `test-http2-...` of nobody here. */
function groupOf(file) {
  return groups.find((name) => file.startsWith(`test-${name}-`)) ?? null;
}
const files = ['parallel', 'sequential']
  .filter((folder) => existsSync(join(tests, folder)))
  .flatMap((folder) => readdirSync(join(tests, folder)).map((file) => join(folder, file)))
  .filter((path) => /\.m?js$/.test(path) && groupOf(path.split('/')[1]) !== null)
  .filter((path) => values.match === undefined || path.includes(values.match))
  .sort();

const cacheFile = join(root, 'build', `node-suite-${process.version}.json`);
const known = !values.fresh && existsSync(cacheFile) ? JSON.parse(readFileSync(cacheFile, 'utf8')) : {};

function flagsOf(path) {
  const line = /^\/\/ Flags:(.*)$/m.exec(readFileSync(join(tests, path), 'utf8'));
  return line === null ? [] : line[1].trim().split(/\s+/);
}

/** Runs a test: `{ passed, output }`. `mode` is real, none or ours. */
function run(path, mode, slot, limitMs = LIMIT_MS) {
  const scratch = join(root, 'build', `node-suite-${process.pid}-${slot}`);
  mkdirSync(scratch, { recursive: true });
  // Loaded before us, net and dgram have Node's own handles, and ours stand behind them.
  const before = values['in-place'] ? '--require=net --require=dgram ' : '';
  const program = [process.execPath, ...flagsOf(path), join(tests, path)];
  const options = mode === 'ours' ? { NODE_OPTIONS: `${before}--import=${pathToFileURL(REGISTER).href}` } : {};
  const quoted = program.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const script = `${mode === 'real' ? 'ip link set lo up; ' : ''}exec ${quoted}`;
  // A child of a namespace of pids dies with its first process: nothing of a test stays.
  const child = spawn('unshare', ['--net', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', script], {
    cwd: tests,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_TEST_DIR: scratch, TEST_THREAD_ID: String(slot), TEST_SERIAL_ID: String(slot), NO_COLOR: '1', ...options },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => {
      if (output.length < 100_000) output += bytes;
    });
  }
  return new Promise((done) => {
    const timer = setTimeout(() => {
      output += `\n[still running after ${limitMs / 1000} s]`;
      child.kill('SIGKILL');
    }, limitMs);
    child.on('close', (code) => {
      clearTimeout(timer);
      rmSync(scratch, { recursive: true, force: true });
      done({ passed: code === 0, output, skipped: /^1\.\.0 # Skipped/m.test(output) });
    });
  });
}

/** The last line of an output that says something: what the list of failures shows. */
function reasonOf(output) {
  const lines = output.split('\n').map((line) => line.trim());
  return (
    lines.find((line) => /^(\w*Error|AssertionError)\b/.test(line)) ??
    lines.find((line) => /still running|Mismatched|Assertion .* failed|FATAL/.test(line)) ??
    lines.filter((line) => line !== '').at(-1) ??
    ''
  ).slice(0, 160);
}

const results = [];
let next = 0;
let finished = 0;
async function worker(slot) {
  while (next < files.length) {
    const path = files[next++];
    known[path] ??= {};
    const facts = known[path];
    if (facts.real === undefined || (facts.real && facts.none === undefined)) {
      const began = performance.now();
      const real = await run(path, 'real', slot);
      facts.real = real.passed && !real.skipped;
      const noneMs = Math.min(LIMIT_MS, NONE_LIMIT_MS + 3 * (performance.now() - began));
      if (facts.real) facts.none = (await run(path, 'none', slot, noneMs)).passed;
    }
    const counts = facts.real && !facts.none;
    if (counts || (facts.real && values.all)) {
      let ours = await run(path, 'ours', slot);
      results.push({ path, counts, group: groupOf(path.split('/')[1]), passed: ours.passed && !ours.skipped, reason: reasonOf(ours.output) });
      if (values.list && !ours.passed) console.log(`${path}: ${reasonOf(ours.output)}`);
      ours = null;
    }
    finished++;
    if (process.stderr.isTTY) process.stderr.write(`\r${finished}/${files.length} `);
    if (finished % 25 === 0) save();
  }
}

function save() {
  mkdirSync(dirname(cacheFile), { recursive: true });
  writeFileSync(cacheFile, `${JSON.stringify(known, null, 1)}\n`);
}

await Promise.all(Array.from({ length: Number(values.jobs) }, (_, slot) => worker(slot)));
save();
if (process.stderr.isTTY) process.stderr.write('\r');
const summary = {};
for (const group of groups) {
  const of = results.filter((result) => result.group === group && result.counts);
  if (of.length === 0) continue;
  const passed = of.filter((result) => result.passed).length;
  summary[group] = { counted: of.length, passed, percent: Math.round((1000 * passed) / of.length) / 10 };
  console.log(`${group}: ${passed} of ${of.length} (${summary[group].percent} %)`);
}
if (values.all) {
  const others = results.filter((result) => !result.counts);
  const passed = others.filter((result) => result.passed).length;
  summary.others = { counted: others.length, passed, percent: Math.round((1000 * passed) / others.length) / 10 };
  console.log(`that need no network: ${passed} of ${others.length} (${summary.others.percent} %)`);
}
const failed = results.filter((result) => !result.passed).map(({ counts, path, reason }) => ({ path, counts, reason }));
if (!values.list) for (const { path, reason } of failed) console.log(`  ${path}: ${reason}`);
if (values.record !== undefined) {
  const file = join(root, 'docs/results', `${values.record}.json`);
  const before = values.only !== undefined && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  // Other groups keep what the same Node said of them.
  const isSame = before.node === process.version;
  const others = isSame ? before.failed.filter(({ path }) => groupOf(path.split('/')[1]) === null) : [];
  const all = { ...(isSame && before.summary), ...summary };
  const record = {
    command: 'node scripts/node-suite.mjs FOLDER', node: process.version, summary: Object.fromEntries([...GROUPS, 'others'].flatMap((name) => (name in all ? [[name, all[name]]] : []))),
    failed: [...others, ...failed].sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
  writeFileSync(file, `${JSON.stringify(record, null, 2)}\n`);
}
