/** `npm run bench -- [--json] [CASE...]`: the benchmark cases of test/bench/; with `--against REVISION`, two versions in turn. */
import { ensureInstalled } from './install.mjs';
import { benchPairs } from './bench-pairs.mjs';
import { runProgram } from './run-program.mjs';

const args = process.argv.slice(2);
if (args.includes('--against')) {
  ensureInstalled();
  process.exitCode = await benchPairs(args);
} else {
  await runProgram('test/bench/main.ts', args);
}
