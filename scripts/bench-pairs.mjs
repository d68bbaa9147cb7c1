/**
 * `npm run bench -- --against REVISION [--pairs N] [--rounds N] [--record] [CASE...]`: has a change made us slower?
 *
 * Runs each case of both versions in turn, the order of a pair changing, so that a machine whose speed drifts slows both
 * alike; prints the median of new / old over the pairs (above 1: better than before) and the interval that holds the true
 * median with at least 95 %, from the ranks of the pairs (no distribution is assumed). Exit status 1 when the whole interval
 * of a case lies below 1.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeRecord } from './records.mjs';

const USAGE = `usage: npm run bench -- --against REVISION [--pairs N] [--rounds N] [--record] [CASE...]

  --against REVISION  a commit, tag or branch: that version and this one are measured in turn
  --pairs N           so many pairs of runs (7 or more; default 9)
  --rounds N          rounds of each run (default 3)
  --record            writes docs/results/bench-pairs.json

  npm run bench -- --against v0.1.0 tcp-bulk tcp-pingpong-64`;

const root = resolve(fileURLToPath(import.meta.url), '../..');
/** Cases where a smaller figure is the better one. */
const LESS_IS_BETTER = ['idle-10k'];
/** Fewer pairs have no interval of 95 %. */
const LEAST_PAIRS = 7;

/**
 * Ranks (from 0) of the sorted values between which the median lies with at least 95 %: each value is above it or below
 * it with one half, so the number below is binomial.
 */
export function medianRanks(n) {
  let term = 0.5 ** n;
  let tail = 0;
  let rank = -1;
  for (let i = 0; i < n; i++) {
    if (tail + term > 0.025) break;
    tail += term;
    rank = i;
    term = (term * (n - i)) / (i + 1);
  }
  if (rank < 0) throw new RangeError(`${n} pairs have no interval of 95 %`);
  return [rank, n - 1 - rank];
}

export function intervalOf(ratios) {
  const sorted = [...ratios].sort((a, b) => a - b);
  const [low, high] = medianRanks(sorted.length);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { ratio: median, low: sorted[low], high: sorted[high] };
}

/** A wrong call, or a revision that cannot be measured: one sentence and an exit status. */
class PairsError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

function optionsOf(args) {
  const found = { revision: '', pairs: 9, rounds: 3, record: false, names: [] };
  const number = (name, text, least) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > 1000) throw new PairsError(`${name} wants a whole number from ${least} to 1000`, 2);
    return value;
  };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === '--against') found.revision = args[++i] ?? '';
    else if (arg === '--pairs') found.pairs = number(arg, args[++i], LEAST_PAIRS);
    else if (arg === '--rounds') found.rounds = number(arg, args[++i], 1);
    else if (arg === '--record') found.record = true;
    else if (arg.startsWith('-')) throw new PairsError(`there is no option ${arg} beside --against`, 2);
    else found.names.push(arg);
  }
  if (found.revision === '') throw new PairsError('--against wants a revision', 2);
  return found;
}

/** That version's files, in a folder of their own; with our packages where it asks for the same ones. */
function checkOut(revision) {
  const named = spawnSync('git', ['rev-parse', '--verify', '--quiet', `${revision}^{commit}`], { cwd: root, encoding: 'utf8' });
  if (named.status !== 0) throw new PairsError(`there is no revision '${revision}'`, 2);
  const commit = named.stdout.trim();
  const folder = join(root, 'build', `against-${commit.slice(0, 12)}-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const archive = spawnSync('git', ['archive', commit], { cwd: root, maxBuffer: 1 << 28 });
  const unpacked = spawnSync('tar', ['-x', '-C', folder], { input: archive.stdout });
  if (archive.status !== 0 || unpacked.status !== 0) throw new PairsError(`the files of ${revision} cannot be unpacked`, 1);
  if (!existsSync(join(folder, 'scripts/bench.mjs'))) throw new PairsError(`${revision} has no benchmark`, 2);
  const lock = (place) => readFileSync(join(place, 'package-lock.json'), 'utf8');
  if (lock(folder) === lock(root)) symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return { folder, commit };
}

let running = null;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    running?.kill(signal);
    process.exit(signal === 'SIGINT' ? 130 : 143);
  });
}

/** One run of one case in one version: its figure, or null where that version has no such case. */
async function measure(folder, name, rounds) {
  const env = { ...process.env };
  delete env.SOCKSCAPE_ROOT;
  const child = spawn(process.execPath, ['scripts/bench.mjs', '--json', '--rounds', String(rounds), name], { cwd: folder, env });
  running = child;
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (err += text));
  const status = await new Promise((done, failed) => {
    child.on('error', failed);
    child.on('close', done);
  });
  running = null;
  if (status === 2) return null;
  const figure = status === 0 ? JSON.parse(out)[name] : undefined;
  if (figure === undefined) throw new PairsError(`${name} gave no figure: ${err.trim()}`, 1);
  return figure;
}

async function compare(old, name, { pairs, rounds }) {
  const ratios = [];
  let unit = '';
  for (let i = 0; i < pairs; i++) {
    const figures = {};
    for (const side of i % 2 === 0 ? ['old', 'new'] : ['new', 'old']) {
      figures[side] = await measure(side === 'old' ? old : root, name, rounds);
      if (figures[side] === null) return side;
    }
    unit = figures.new.unit;
    const ratio = figures.new.value / figures.old.value;
    ratios.push(LESS_IS_BETTER.includes(name) ? 1 / ratio : ratio);
    if (process.stderr.isTTY) process.stderr.write(`\r${name}: pair ${i + 1} of ${pairs} `);
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  return { ...intervalOf(ratios), unit, pairs };
}

export async function benchPairs(args) {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(USAGE);
    return 0;
  }
  try {
    const options = optionsOf(args);
    const { folder, commit } = checkOut(options.revision);
    const all = spawnSync(process.execPath, ['scripts/bench.mjs', '--help'], { cwd: root, encoding: 'utf8' }).stdout;
    const known = /^cases: (.*)$/m.exec(all)[1].split(' ');
    const unknown = options.names.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new PairsError(`no case '${unknown}'; there are ${known.join(', ')}`, 2);
    const figures = {};
    let slower = false;
    console.log(`new against ${commit.slice(0, 12)}, ${options.pairs} pairs; above 1 is better`);
    for (const name of options.names.length > 0 ? options.names : known) {
      const found = await compare(folder, name, options);
      if (typeof found === 'string') {
        console.log(`${name.padEnd(18)}left out: the ${found} version has no such case`);
        continue;
      }
      figures[name] = found;
      const verdict = found.high < 1 ? 'slower' : found.low > 1 ? 'better' : 'no difference shown';
      slower ||= found.high < 1;
      console.log(`${name.padEnd(18)}${found.ratio.toFixed(3)}  95 %: ${found.low.toFixed(3)} to ${found.high.toFixed(3)}  ${verdict}`);
    }
    if (options.record) writeRecord('bench-pairs', `npm run bench -- ${args.join(' ')}`, { against: commit, ...figures });
    return slower ? 1 : 0;
  } catch (error) {
    if (!(error instanceof PairsError)) throw error;
    console.error(`bench: ${error.message}`);
    return error.status;
  }
}
