/** `npm run oracle -- [--json]`: the programs of test/oracle/ on our kernel and on Linux, compared. */
import { runProgram } from './run-program.mjs';

await runProgram('test/oracle/main.ts', process.argv.slice(2));
