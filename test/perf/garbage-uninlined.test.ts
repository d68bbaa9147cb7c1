/**
 * The same where V8 inlines nothing and remembers every class that a line has met from its first run on. Whether a number
 * that crosses a call, or a field that many classes have, costs a box is otherwise up to what V8 happens to inline and to
 * have seen: one run in thirty would tell.
 */
import { setFlagsFromString } from 'node:v8';
import { testSteadyPaths } from './steady-paths.ts';

setFlagsFromString('--max-inlined-bytecode-size=0');
setFlagsFromString('--always-sparkplug');

testSteadyPaths(Number(process.env['SOCKSCAPE_SEGMENTS'] ?? 500_000));
