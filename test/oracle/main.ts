/**
 * `npm run oracle -- [--json] [--list] [--trace] [--errors] [PROGRAM...]`: the programs on our kernel and on Linux.
 * `npm run oracle -- --random SEED [COUNT [FIRST]]`: random programs.
 *
 * Prints what was compared, what is equal, which deviations docs/deviations.md lists, and every other difference.
 * Exit 0 when no difference is unexplained, 1 when one is, 2 when the Linux side cannot run here.
 */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { OracleUnavailable } from '../../src/platform/node/oracle/linux-host.ts';
import { syscalls } from '../docs/declarations.ts';
import { errorsPage, errorTable, falseCellsAmong } from './errors/table.ts';
import { compareAll } from './oracle.ts';
import type { OracleReport } from './oracle.ts';
import { PROGRAMS } from './programs/all.ts';
import { distribution, mostUnsteady, RandomPrograms, reportText } from './random/run-random.ts';
import { BLOCKED } from './trace.ts';

const USAGE = 'usage: npm run oracle -- [--json] [--list] [--trace] [--errors] [PROGRAM...] | --random SEED [COUNT [FIRST]]';
const HELP = `${USAGE}

Runs the same small programs on our kernel and on the real Linux kernel of this machine (in a network namespace of their
own; needs root and a C compiler), and compares the result of every call: counts, bytes, addresses, errnos.
Prints what was compared, what is equal, the deviations that docs/deviations.md lists, and every other difference.

  PROGRAM   only programs whose name holds this word; all without
  --list    names them and runs none
  --trace   prints every call with its result
  --json    the report as JSON
  --errors  writes docs/errors.md, which errno of which call was compared; all programs run
  --random  COUNT (100) random programs of a seed, from the one numbered FIRST (0) on; what differs is made as short as it
            gets, and printed as a program for test/oracle/programs

Exit status: 0 when no difference is unexplained, 1 when one is, 2 when the Linux side cannot run here.

examples:
  npm run oracle
  npm run oracle -- --list
  npm run oracle -- --trace bind-inet
`;

function print(report: OracleReport): void {
  const { comparison, unexplained, listed } = report;
  for (const { program, failure } of comparison.broken) console.log(`broken program ${program}: ${failure}`);
  for (const { difference, name } of listed) {
    console.log(`listed (${name}): ${difference.program}: ${difference.request}`);
    console.log(`    ours  ${difference.ours}\n    linux ${difference.linux}`);
  }
  for (const difference of unexplained) {
    console.log(`unexplained ${difference.id} [${difference.family}]: ${difference.request}`);
    console.log(`    ours  ${difference.ours}\n    linux ${difference.linux}`);
  }
  const distinct = comparison.distinct();
  for (const name of report.unsteady) console.log(`unsteady ${name}: asked again, Linux gave another answer, which is ours`);
  console.log(`programs                 ${report.programs}`);
  console.log(`compared                 ${comparison.compared}`);
  console.log(`equal                    ${comparison.equal}`);
  console.log(`distinct results         ${distinct.all} (call, family, outcome)`);
  console.log(`  of these, strictly     ${distinct.strict} (call and errno alone)`);
  console.log(`  not errors             ${distinct.successes}`);
  console.log(`  bytes or addresses     ${distinct.deliveries} (${distinct.comparedDeliveries} results in all)`);
  console.log(`listed deviations        ${listed.length}`);
  console.log(`unexplained differences  ${unexplained.length}`);
  for (const name of report.unseen) console.log(`deviation \`oracle:${name}\` did not occur`);
}

function printJson(report: OracleReport): void {
  const { comparison, unexplained, listed } = report;
  console.log(JSON.stringify({
    kernel: report.kernel, programs: report.programs, compared: comparison.compared, equal: comparison.equal,
    distinct: comparison.distinct(), results: comparison.distinctResults(),
    listed: listed.map(({ difference, name }) => ({ ...difference, name })), unexplained,
    broken: comparison.broken, unseen: report.unseen, unsteady: report.unsteady,
  }, null, 1));
}

/** docs/errors.md, and what it must not have. */
function writeErrors(root: string, { comparison }: OracleReport): void {
  const calls = [...syscalls().keys()];
  const { faults } = errorTable(calls, comparison.errnos);
  for (const fault of [...faults, ...falseCellsAmong(comparison.returned)]) console.log(`errors: ${fault}`);
  writeFileSync(join(root, 'docs/errors.md'), errorsPage(calls, comparison.errnos));
  console.log('docs/errors.md is written');
}

const args = process.argv.slice(2);
const wanted = args.filter((arg) => !arg.startsWith('-'));
const options = new Set(args.filter((arg) => arg.startsWith('-')));
if (options.has('--help') || options.has('-h')) {
  process.stdout.write(HELP);
  process.exit(0);
}
/** One line that is written over, where somebody sees it. */
const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};
for (const option of options) {
  if (!['--json', '--list', '--trace', '--errors', '--random'].includes(option)) {
    console.error(`oracle: unknown option ${option}\n${USAGE}`);
    process.exit(2);
  }
}
async function random([seed = '1', count = '100', first = '0']: readonly string[]): Promise<number> {
  const programs = await RandomPrograms.open(resolve(process.env['SOCKSCAPE_ROOT'] ?? '.'));
  const report = await programs.run(seed, Number(first), Number(count), (done) => progress(`oracle: ${done} of ${count}`));
  progress('');
  console.log(distribution(report.outcomes));
  console.log(reportText(report));
  console.log(`${report.programs} programs of ${report.steps} calls, ${report.comparison.compared} results compared`);
  console.log(`differences ${report.differences.length}, unsteady ${report.unsteady.length} (at most ${mostUnsteady(report.programs)} may be)`);
  return report.differences.length > 0 ? 1 : 0;
}

const programs = options.has('--random') ? PROGRAMS : PROGRAMS.filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)));
if (programs.length === 0) {
  console.error(`oracle: no program is called ${wanted.join(', ')}\n${USAGE}`);
  process.exit(2);
}
if (options.has('--errors') && wanted.length > 0) {
  console.error(`oracle: --errors is about all programs; leave ${wanted.join(', ')} out`);
  process.exit(2);
}
if (options.has('--list')) {
  for (const { name } of programs) console.log(name);
  process.exit(0);
}
try {
  if (options.has('--random')) process.exitCode = await random(wanted);
  else await compare();
} catch (error) {
  progress('');
  if (!(error instanceof OracleUnavailable)) throw error;
  console.error(`oracle: ${error.message}`);
  process.exitCode = 2;
}

async function compare(): Promise<void> {
  const root = resolve(process.env['SOCKSCAPE_ROOT'] ?? '.');
  const report = await compareAll(root, programs, (program, linux, ours) => {
    if (!options.has('--trace')) return;
    progress('');
    console.log(`== ${program.name}${linux.failure === null ? '' : ` (Linux: ${linux.failure})`}`);
    const own = ours.normalized();
    linux.normalized().forEach((entry, i) => {
      const other = own[i]?.outcome ?? BLOCKED;
      console.log(`  ${entry.request} = ${entry.outcome}${other === entry.outcome ? '' : `   | ours: ${other}`}`);
    });
  }, (program, number) => progress(`oracle: ${number} of ${programs.length}, ${program.name}`));
  progress('');
  if (options.has('--json')) printJson(report);
  else print(report);
  if (options.has('--errors')) writeErrors(root, report);
  // Not process.exit: a pipe may still have most of the report before it.
  for (const name of report.tooWide) console.log(`deviation \`oracle:${name}\` covers more than a hundredth of the results`);
  process.exitCode = report.unexplained.length + report.comparison.broken.length + report.tooWide.length > 0 ? 1 : 0;
}
