/** `npm run bench -- [--json] [CASE...]`: the benchmark cases of test/bench/. */
import { runProgram } from './run-program.mjs';

await runProgram('test/bench/main.ts', process.argv.slice(2));
