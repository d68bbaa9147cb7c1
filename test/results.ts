/**
 * What every test may ask of its run: the repository, the seed, the tier; and the records of the long tier
 * (scripts/records.mjs). Outside `npm run test:full` nothing is written.
 */
import { writeRecord } from '../scripts/records.mjs';

/** The repository; tests run from a bundle, so their own place does not tell it. */
export const root: string = process.env.SOCKSCAPE_ROOT ?? process.cwd();

/** The seed that this run's random choices follow from; it changes with the commit. */
export const seed: number = Number(process.env.SOCKSCAPE_SEED ?? 1) >>> 0;

/** Whether this is the long tier. */
export const isFull: boolean = process.env.SOCKSCAPE_FULL === '1';

/** Writes docs/results/`name`.json in the long tier. `figures` holds what was counted or measured. */
export function recordResult(name: string, figures: Record<string, unknown>): void {
  // The steps that run the tests again under another Node have records of their own.
  const step = process.env.SOCKSCAPE_STEP ?? '';
  if (isFull) writeRecord(step.startsWith('node-') ? `${name}-${step}` : name, 'npm run test:full', figures);
}
