/**
 * `npm run bench -- [--json] [--rounds N] [CASE...]`: our figures and the kernel's, taken in turn in the same process, one
 * process a case.
 *
 * Prints a table, or with --json one object `{"case": {"value", "unit", "kernel", "ratio", ...}}`. The kernel is reached
 * through node:net and node:dgram on 127.0.0.1 with plain callbacks; ours through `Process`, its promise face.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fairness, tcpPingPong, unixPingPong } from './cases/tcp-pingpong.ts';
import { idle10k } from './cases/idle.ts';
import { nodeProgram, packageProgram } from './cases/node-programs.ts';
import { tapCase, tapHost } from './cases/tap.ts';
import { pipeBulk, tcpBulk, unixBulk } from './cases/tcp-bulk.ts';
import { tcpConnect } from './cases/tcp-connect.ts';
import { udp512 } from './cases/udp-512.ts';
import { writeRecord } from '../../scripts/records.mjs';
import type { Figure } from './rounds.ts';

/** What each case must reach; printed beside the figure, judged by people and by the long tier. */
const CASES: Record<string, { goal: string; root?: boolean; run: (rounds: number) => Promise<Figure> }> = {
  'tcp-bulk': { goal: 'ratio >= 4', run: (rounds) => tcpBulk(1, true, rounds) },
  'tcp-bulk-mtu1500': { goal: 'ratio >= 1.3', run: (rounds) => tcpBulk(1, false, rounds) },
  'tcp-streams-100': { goal: 'ratio >= 2.5', run: (rounds) => tcpBulk(100, true, rounds) },
  'tcp-connect': { goal: 'ratio >= 8', run: tcpConnect },
  'tcp-pingpong-64': { goal: 'ratio >= 4', run: tcpPingPong },
  'udp-512': { goal: 'ratio >= 5', run: udp512 },
  'unix-bulk': { goal: 'ratio >= 3', run: unixBulk },
  'pipe-bulk': { goal: 'ratio >= 3', run: pipeBulk },
  'unix-pingpong-64': { goal: 'ratio >= 3', run: unixPingPong },
  'idle-10k': { goal: 'value <= 3072', run: () => idle10k() },
  fairness: { goal: 'ratio >= 0.8', run: fairness },
  'sim-hour': { goal: 'value >= 1000', run: (rounds) => packageProgram('sim-hour.mjs', 'virtual s/s', Math.min(rounds, 5)) },
  'spawn-calls': { goal: 'value >= 10000', run: (rounds) => packageProgram('spawn-calls.mjs', 'calls/s', rounds) },
  'spawn-turns': { goal: 'value >= 2000', run: (rounds) => packageProgram('spawn-turns.mjs', 'turns/s', rounds) },
  'sim-day': { goal: 'value <= 1', run: (rounds) => packageProgram('sim-day.mjs', 's', Math.min(rounds, 5)) },
  'node-http': { goal: 'ratio >= 1', run: (rounds) => nodeProgram('node-http.mjs', 'requests/s', rounds) },
  'node-tcp-bulk': { goal: 'ratio >= 2', run: (rounds) => nodeProgram('node-tcp-bulk.mjs', 'Gbit/s', rounds) },
  'tap-tx': { goal: 'ratio >= 1', root: true, run: (rounds) => tapCase('tx', rounds) },
  'tap-rx': { goal: 'ratio >= 0.6', root: true, run: (rounds) => tapCase('rx', rounds) },
};

const USAGE = `usage: npm run bench -- [--json] [--rounds N] [--record | --as NAME] [CASE...]

cases: ${Object.keys(CASES).join(' ')}
Without a case all run; tap-tx and tap-rx need root and are left out (and named) without it.
--record writes docs/results/bench.json, --as NAME docs/results/NAME.json.
--against REVISION measures that version and this one in turn (npm run bench -- --against REVISION --help).

examples:
  npm run bench -- tcp-bulk tcp-pingpong-64
  npm run bench -- --json --rounds 15 > bench.json`;

/** Runs one case here and prints its figure for the process that asked. */
async function runCase(name: string, rounds: number): Promise<void> {
  const entry = CASES[name] as (typeof CASES)[string];
  const figure = await entry.run(rounds);
  process.send?.(figure);
}

/**
 * Each case in a process of its own, ours and the kernel's side together in it: what one case leaves behind (a warm or a
 * full heap, code compiled for other shapes) is not measured by the next.
 */
function figureOf(name: string, rounds: number): Promise<Figure> {
  return new Promise((resolve, reject) => {
    const child = fork(process.argv[1] as string, ['--case', name, String(rounds)], { execArgv: process.execArgv });
    let figure: Figure | null = null;
    child.on('message', (message) => {
      figure = message as Figure;
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      running = null;
      if (figure !== null && code === 0) resolve(figure);
      else reject(new Error(`bench: ${name} ended with ${signal ?? code} and no figure`));
    });
    running = child;
  });
}
let running: ChildProcess | null = null;

async function main(argv: string[]): Promise<number> {
  const names: string[] = [];
  let json = false;
  let rounds = 9;
  let record: string | null = null;
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i] as string;
    if (arg === '--json') json = true;
    else if (arg === '--record') record ??= 'bench';
    else if (arg === '--as') {
      record = argv[++i] ?? '';
      if (!/^[a-z-]+$/.test(record)) {
        console.error('bench: --as wants the name of a record: small letters and hyphens');
        return 2;
      }
    }
    else if (arg === '--help' || arg === '-h') {
      console.log(USAGE);
      return 0;
    } else if (arg === '--rounds') {
      rounds = Number(argv[++i]);
      if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000) {
        console.error('bench: --rounds wants a whole number from 1 to 1000');
        return 2;
      }
    } else if (arg in CASES) names.push(arg);
    else {
      console.error(`bench: no case '${arg}'; there are ${Object.keys(CASES).join(', ')}`);
      return 2;
    }
  }
  const isRoot = process.getuid?.() === 0;
  const chosen = names.length > 0 ? names : Object.keys(CASES);
  const figures: Record<string, Figure> = {};
  if (!json) console.log(`${'case'.padEnd(18)}${'ours'.padStart(12)}${'kernel'.padStart(12)}  ${'unit'.padEnd(15)}${'ratio'.padStart(7)}  spread          goal`);
  for (const name of chosen) {
    const entry = CASES[name] as (typeof CASES)[string];
    if (entry.root === true && !isRoot) {
      console.error(`bench: ${name} left out: it needs root`);
      continue;
    }
    const figure = await figureOf(name, rounds).catch((error: Error) => {
      console.error(error.message);
      return null;
    });
    if (figure === null) return 1;
    figures[name] = figure;
    if (!json) {
      const number = (n: number | null): string => (n === null ? '-' : n >= 100 ? n.toFixed(0) : n.toFixed(2));
      const spread = figure.ratioMin === null ? '' : `${number(figure.ratioMin)} to ${number(figure.ratioMax)}`;
      console.log(
        `${name.padEnd(18)}${number(figure.value).padStart(12)}${number(figure.kernel).padStart(12)}  ${figure.unit.padEnd(15)}${number(figure.ratio).padStart(7)}  ${spread.padEnd(15)} ${entry.goal}${figure.note === undefined ? '' : `  (${figure.note})`}`,
      );
    }
  }
  if (json) console.log(JSON.stringify(figures, null, 2));
  else console.log("kernel: node:net and node:dgram with plain callbacks on the kernel's loopback (tap-tx, tap-rx: Python over a veth pair)");
  if (record !== null) writeRecord(record, `npm run bench -- ${argv.join(' ')}`, figures as unknown as Record<string, unknown>);
  return 0;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    running?.kill(signal);
    process.exit(signal === 'SIGINT' ? 130 : 143);
  });
}
if (process.argv[2] === '--tap-host') {
  await tapHost();
} else if (process.argv[2] === '--case') {
  await runCase(process.argv[3] as string, Number(process.argv[4]));
  process.exit(0);
} else {
  process.exit(await main(process.argv.slice(2)));
}
