/**
 * `npm run oracle -- [--json] [--list] [--trace] [PROGRAM...]`: the programs on our kernel and on Linux.
 *
 * Prints what was compared, what is equal, which deviations docs/deviations.md lists, and every other difference.
 * Exit 0 when no difference is unexplained, 1 when one is, 2 when the Linux side cannot run here.
 */
import { resolve } from 'node:path';
import { OracleUnavailable } from '../../src/platform/node/oracle/linux-host.ts';
import { compareAll } from './oracle.ts';
import type { OracleReport } from './oracle.ts';
import { PROGRAMS } from './programs/all.ts';
import { BLOCKED } from './trace.ts';

const USAGE = 'usage: npm run oracle -- [--json] [--list] [--trace] [PROGRAM...]';

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
  console.log(`programs                 ${report.programs}`);
  console.log(`compared                 ${comparison.compared}`);
  console.log(`equal                    ${comparison.equal}`);
  console.log(`distinct results         ${distinct.all} (call, family, outcome)`);
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
    broken: comparison.broken, unseen: report.unseen,
  }, null, 1));
}

const args = process.argv.slice(2);
const wanted = args.filter((arg) => !arg.startsWith('-'));
const options = new Set(args.filter((arg) => arg.startsWith('-')));
for (const option of options) {
  if (!['--json', '--list', '--trace'].includes(option)) {
    console.error(`oracle: unknown option ${option}\n${USAGE}`);
    process.exit(2);
  }
}
const programs = PROGRAMS.filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)));
if (programs.length === 0) {
  console.error(`oracle: no program is called ${wanted.join(', ')}\n${USAGE}`);
  process.exit(2);
}
if (options.has('--list')) {
  for (const { name } of programs) console.log(name);
  process.exit(0);
}
try {
  const report = await compareAll(resolve(process.env['SOCKSCAPE_ROOT'] ?? '.'), programs, (program, linux, ours) => {
    if (!options.has('--trace')) return;
    console.log(`== ${program.name}${linux.failure === null ? '' : ` (Linux: ${linux.failure})`}`);
    const own = ours.normalized();
    linux.normalized().forEach((entry, i) => {
      const other = own[i]?.outcome ?? BLOCKED;
      console.log(`  ${entry.request} = ${entry.outcome}${other === entry.outcome ? '' : `   | ours: ${other}`}`);
    });
  });
  if (options.has('--json')) printJson(report);
  else print(report);
  // Not process.exit: a pipe may still have most of the report before it.
  process.exitCode = report.unexplained.length > 0 || report.comparison.broken.length > 0 ? 1 : 0;
} catch (error) {
  if (!(error instanceof OracleUnavailable)) throw error;
  console.error(`oracle: ${error.message}`);
  process.exitCode = 2;
}
