/**
 * The steady paths make no garbage (STYLE rule 14), over 10^6 segments each.
 */
import { testSteadyPaths } from './steady-paths.ts';

testSteadyPaths(Number(process.env['SOCKSCAPE_SEGMENTS'] ?? 1_000_000));
