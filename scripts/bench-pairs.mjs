/**
 * `npm run bench -- --against REVISION [--pairs N] [--most-pairs N] [--rounds N] [--record] [CASE...]`: has a change made us
 * slower?
 *
 * Runs each case of both versions in turn, the order of a pair changing, so that a machine whose speed drifts slows both
 * alike; prints the median of new / old over the pairs (above 1: better than before) and the interval that holds the true
 * median with at least 95 %, from the ranks of the pairs (no distribution is assumed).
 *
 * A wide interval shows nothing, a slowdown least of all. So a case has not become slower when its whole interval lies above
 * 0.95; as long as that is not so, and the interval is not wholly below 1 either, more pairs are run. Each look at the pairs
 * has its share of the 5 % (Bonferroni), since who looks often enough sees everything once.
 *
 * Exit status 1 when a case is slower, 3 when one could not be shown not to be.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeRecord } from './records.mjs';

const USAGE = `usage: npm run bench -- --against REVISION [--pairs N] [--most-pairs N] [--rounds N] [--record] [CASE...]

  --against REVISION  a commit, tag or branch: that version and this one are measured in turn
  --pairs N           so many pairs of runs before the first look, and between looks (7 or more; default 9)
  --most-pairs N      no more than so many when nothing is shown yet (default 4 times --pairs)
  --rounds N          rounds of each run (default 3)
  --record            writes docs/results/bench-pairs.json

  npm run bench -- --against v0.1.0 tcp-bulk tcp-pingpong-64`;

const root = resolve(fileURLToPath(import.meta.url), '../..');
/** Where the benchmark itself stands. */
const BENCHMARK = ['test/bench', 'scripts/bench.mjs', 'scripts/run-program.mjs', 'scripts/bundle.mjs'];
/** Cases where a smaller figure is the better one. */
const LESS_IS_BETTER = ['idle-10k'];
/** Fewer pairs have no interval of 95 %. */
const LEAST_PAIRS = 7;
/** What may be outside of an interval of 95 %, on each side. */
const TAIL = 0.025;
/** A median that may be smaller than this has not been shown not to be slower. */
const NOT_SLOWER = 0.95;

export const Verdict = { Slower: 'slower', NotShown: 'not shown', NotSlower: 'not slower', Better: 'better' };

/**
 * Ranks (from 0) of the sorted values between which the median lies with at least 95 % (or what `most` leaves on each side):
 * each value is above it or below it with one half, so the number below is binomial.
 */
export function medianRanks(n, most = TAIL) {
  let term = 0.5 ** n;
  let tail = 0;
  let rank = -1;
  for (let i = 0; i < n; i++) {
    if (tail + term > most) break;
    tail += term;
    rank = i;
    term = (term * (n - i)) / (i + 1);
  }
  if (rank < 0) throw new RangeError(`${n} pairs have no interval of 95 %`);
  return [rank, n - 1 - rank];
}

/** Median and interval; `looks`: how often one means to look at the pairs. */
export function intervalOf(ratios, looks = 1) {
  const sorted = [...ratios].sort((a, b) => a - b);
  const [low, high] = medianRanks(sorted.length, TAIL / looks);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { ratio: median, low: sorted[low], high: sorted[high] };
}

export function verdictOf({ low, high }) {
  if (high < 1) return Verdict.Slower;
  if (low < NOT_SLOWER) return Verdict.NotShown;
  return low > 1 ? Verdict.Better : Verdict.NotSlower;
}

/**
 * Runs pairs until they show something, or `most` have been run. `pairOf(i)` resolves to new / old of pair `i`, or to
 * null when there is nothing to compare: then so does this.
 */
export async function runPairs(pairOf, pairs, most) {
  // The first look wants enough pairs for its share of the 5 %.
  let looks = Math.ceil(most / pairs);
  while (0.5 ** Math.min(pairs, most) > TAIL / looks) looks--;
  const ratios = [];
  for (let look = 1; ; look++) {
    const until = look === looks ? most : Math.min(most, look * pairs);
    while (ratios.length < until) {
      const ratio = await pairOf(ratios.length);
      if (ratio === null) return null;
      ratios.push(ratio);
    }
    const interval = intervalOf(ratios, looks);
    const verdict = verdictOf(interval);
    if (verdict !== Verdict.NotShown || look >= looks) return { ...interval, verdict, pairs: ratios.length };
  }
}

/** The exit status that a list of verdicts leads to. */
export function statusOf(verdicts) {
  if (verdicts.includes(Verdict.Slower)) return 1;
  return verdicts.includes(Verdict.NotShown) ? 3 : 0;
}

/** A wrong call, or a revision that cannot be measured: one sentence and an exit status. */
class PairsError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

function optionsOf(args) {
  const found = { revision: '', pairs: 9, most: 0, rounds: 3, record: false, names: [] };
  const number = (name, text, least) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > 1000) throw new PairsError(`${name} wants a whole number from ${least} to 1000`, 2);
    return value;
  };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === '--against') found.revision = args[++i] ?? '';
    else if (arg === '--pairs') found.pairs = number(arg, args[++i], LEAST_PAIRS);
    else if (arg === '--most-pairs') found.most = number(arg, args[++i], LEAST_PAIRS);
    else if (arg === '--rounds') found.rounds = number(arg, args[++i], 1);
    else if (arg === '--record') found.record = true;
    else if (arg.startsWith('-')) throw new PairsError(`there is no option ${arg} beside --against`, 2);
    else found.names.push(arg);
  }
  if (found.revision === '') throw new PairsError('--against wants a revision', 2);
  if (found.most === 0) found.most = 4 * found.pairs;
  if (found.most < found.pairs) throw new PairsError(`--most-pairs ${found.most} is less than --pairs ${found.pairs}`, 2);
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

/** One case; the word for the version that has no such case when one has not. */
async function compare(old, name, { pairs, most, rounds }) {
  let unit = '';
  let without = '';
  const found = await runPairs(async (i) => {
    const figures = {};
    for (const side of i % 2 === 0 ? ['old', 'new'] : ['new', 'old']) {
      figures[side] = await measure(side === 'old' ? old : root, name, rounds);
      if (figures[side] !== null) continue;
      without = side;
      return null;
    }
    unit = figures.new.unit;
    const ratio = figures.new.value / figures.old.value;
    if (process.stderr.isTTY) process.stderr.write(`\r${name}: pair ${i + 1} of ${pairs} to ${most} `);
    return LESS_IS_BETTER.includes(name) ? 1 / ratio : ratio;
  }, pairs, most);
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  return found === null ? without : { ...found, unit };
}

function git(folder, ...args) {
  return spawnSync('git', args, { cwd: folder, encoding: 'utf8' }).stdout.split('\n').filter((line) => line !== '');
}

/** What of the benchmark itself is not the same in both versions: each runs its own. */
export function benchmarkChanges(commit, folder = root) {
  return [
    ...git(folder, 'diff', '--name-only', commit, '--', ...BENCHMARK),
    ...git(folder, 'ls-files', '--others', '--exclude-standard', '--', ...BENCHMARK),
  ];
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
    const verdicts = [];
    const isClean = git(root, 'status', '--porcelain', 'src', 'test', 'scripts').length === 0;
    const benchmark = benchmarkChanges(commit);
    console.log(`new (${git(root, 'rev-parse', 'HEAD')[0]?.slice(0, 12)}${isClean ? '' : ' and changes'}) against ${commit.slice(0, 12)}; above 1 is better`);
    console.log(`${options.pairs} pairs, up to ${options.most} while an interval begins below ${NOT_SLOWER} and does not end below 1`);
    if (benchmark.length > 0) console.log(`warning: the benchmark itself differs, and so may what is measured: ${benchmark.join(', ')}`);
    for (const name of options.names.length > 0 ? options.names : known) {
      const found = await compare(folder, name, options);
      if (typeof found === 'string') {
        console.log(`${name.padEnd(18)}left out: the ${found} version has no such case`);
        continue;
      }
      figures[name] = found;
      verdicts.push(found.verdict);
      const interval = `95 %: ${found.low.toFixed(3)} to ${found.high.toFixed(3)}`;
      console.log(`${name.padEnd(18)}${found.ratio.toFixed(3)}  ${interval}  ${String(found.pairs).padStart(3)} pairs  ${found.verdict}`);
    }
    if (options.record) {
      writeRecord('bench-pairs', `npm run bench -- ${args.join(' ')}`, { against: commit, isClean, benchmarkDiffers: benchmark, ...figures });
    }
    return statusOf(verdicts);
  } catch (error) {
    if (!(error instanceof PairsError)) throw error;
    console.error(`bench: ${error.message}`);
    return error.status;
  }
}
