/**
 * Plants mistakes in copies of the source, one at a time, and runs the tests that ought to notice (test/mutations/).
 *
 *   node scripts/mutations.mjs              all of them (a step of npm run test:full); writes docs/results/mutations.json
 *   node scripts/mutations.mjs WORD...      those whose list, file or replacement holds one of the words; writes nothing
 *   node scripts/mutations.mjs --check      only whether each still has its place in the source
 *
 * Exit 1 when a mistake was not noticed, when one has no place any more, or when a test fails without any mistake.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeRecord } from './records.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
/** A mistake may make a test wait for ever: that is noticed too. */
const LONGEST_MS = 90_000;
const WORKERS = 2;
const LISTS = 'test/mutations';

/**
 * Every mutation: `{ file, search, replacement, tests }`. `tests` are command lines as one would type them, without
 * `scripts/` and `.mjs`; a list's own `tests` are for those that name none.
 */
export function readLists(folder = join(root, LISTS)) {
  return readdirSync(folder).filter((name) => name.endsWith('.json')).sort().flatMap((name) => {
    const { tests, mutations } = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    return mutations.map((mutation) => ({ list: name.slice(0, -'.json'.length), tests, ...mutation }));
  });
}

/** What is wrong with a mutation's place, or ''. */
export function faultOf({ file, search, replacement, tests }, folder = root) {
  if (!existsSync(join(folder, file))) return 'there is no such file';
  if (!Array.isArray(tests) || tests.length === 0) return 'no tests are named';
  if (search === replacement) return 'it changes nothing';
  const pieces = readFileSync(join(folder, file), 'utf8').split(search).length;
  return pieces === 2 ? '' : pieces === 1 ? 'it stands there no more' : 'it stands there more than once';
}

/** The environment of a test: the totals of the step that runs this are not its own. */
function quietEnvironment() {
  const env = { ...process.env };
  for (const name of ['SOCKSCAPE_TOTALS', 'SOCKSCAPE_STEP', 'SOCKSCAPE_FULL', 'SOCKSCAPE_FRAMES_DIR', 'SOCKSCAPE_ROOT']) delete env[name];
  return env;
}

/** The first thing that a test said was wrong: a test's name or an oracle program's. */
function firstFailure(output) {
  const found = /^unexplained (\S+)|^broken program ([^:\s]+)|^not ok \d+ - (.*)|^\s*✖ (.*?)(?: \([\d.]+ms\))?$/m.exec(output);
  return found?.slice(1).find((word) => word !== undefined)?.trim() ?? '';
}

/**
 * Runs a command line in a copy: null when all is well, else what failed first. It has a process group of its own, which
 * is ended when it takes too long.
 */
function failureOf(copy, line) {
  return new Promise((done) => {
    const [name, ...rest] = line.split(' ');
    const child = spawn(process.execPath, [`scripts/${name}.mjs`, ...rest], {
      cwd: copy, stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: quietEnvironment(),
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => { output += bytes; });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      process.kill(-child.pid, 'SIGKILL');
    }, LONGEST_MS);
    child.on('close', (status) => {
      clearTimeout(timer);
      done(late ? `it took more than ${LONGEST_MS / 1000} s` : status === 0 ? null : firstFailure(output));
    });
  });
}

let interop = Promise.resolve();

/** Tests with real peers use names of the whole machine: one of them at a time. */
function failureInTurn(copy, line) {
  if (!line.includes('test/interop')) return failureOf(copy, line);
  const own = interop.then(() => failureOf(copy, line));
  interop = own;
  return own;
}

function makeCopy(folder, number) {
  const copy = join(folder, String(number));
  mkdirSync(copy);
  // With what a test needs that builds the package.
  const settings = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
  for (const name of ['src', 'test', 'scripts', 'docs', ...settings]) cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** The tests that noticed, up to the first: `{ test, failure }` or null. */
async function noticedBy(copy, { file, search, replacement, tests }) {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace(search, () => replacement));
  try {
    for (const test of tests) {
      const failure = await failureInTurn(copy, test);
      if (failure !== null) return { test, failure };
    }
    return null;
  } finally {
    writeFileSync(path, text);
  }
}

/** Calls `work(copy, item)` for all items, in as many copies as there are workers. */
async function share(copies, items, work) {
  const left = [...items];
  await Promise.all(copies.map(async (copy) => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(copy, item);
  }));
}

async function plant(chosen, wrong) {
  mkdirSync(join(root, 'build'), { recursive: true });
  const folder = mkdtempSync(join(root, 'build/run-mutations-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
  const copies = Array.from({ length: WORKERS }, (_, i) => makeCopy(folder, i));
  // What fails anyhow notices nothing.
  const failing = new Set();
  await share(copies, new Set(chosen.flatMap(({ tests }) => tests)), async (copy, test) => {
    const failure = await failureInTurn(copy, test);
    if (failure === null) return;
    failing.add(test);
    wrong.push(`fails without any mistake: ${test}: ${failure}`);
  });
  const rows = [];
  await share(copies, chosen.filter(({ tests }) => !tests.some((test) => failing.has(test))), async (copy, mutation) => {
    const { list, file, search, replacement } = mutation;
    const notice = await noticedBy(copy, mutation);
    rows.push({ list, file, search, replacement, noticedBy: notice?.test ?? null, failure: notice?.failure ?? null });
    const change = `${file}: ${search.trim().split('\n')[0]}  =>  ${replacement.trim().split('\n')[0]}`;
    if (notice === null) wrong.push(`not noticed by ${mutation.tests.join(', ')}: ${change}`);
    console.log(notice === null ? `NOT NOTICED: ${change}` : `noticed by ${notice.test} (${notice.failure}): ${change}`);
  });
  return rows.sort((a, b) => chosen.findIndex((c) => c.search === a.search && c.replacement === a.replacement && c.file === a.file) -
    chosen.findIndex((c) => c.search === b.search && c.replacement === b.replacement && c.file === b.file));
}

async function main(args) {
  const checkOnly = args.includes('--check');
  const words = args.filter((arg) => arg !== '--check');
  const chosen = readLists().filter(({ list, file, replacement }) =>
    words.length === 0 || words.some((word) => list.includes(word) || file.includes(word) || replacement.includes(word)));
  const wrong = [];
  for (const mutation of chosen) {
    const fault = faultOf(mutation);
    if (fault !== '') wrong.push(`${mutation.list}: ${mutation.file}: ${fault}: ${mutation.search}`);
  }
  const rows = checkOnly || wrong.length > 0 ? [] : await plant(chosen, wrong);
  for (const line of wrong) console.log(line);
  const noticed = rows.filter((row) => row.noticedBy !== null).length;
  console.log(`${chosen.length} mutations, ${checkOnly ? 'places looked at' : `${noticed} noticed`}, ${wrong.length} wrong`);
  if (words.length === 0 && rows.length > 0) {
    writeRecord('mutations', 'node scripts/mutations.mjs', { mutations: rows.length, noticed, rows });
  }
  return wrong.length === 0 && chosen.length > 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(await main(process.argv.slice(2)));
