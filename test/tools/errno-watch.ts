/**
 * What the calls of our kernel fail with, in any test, held against docs/errors.md: an errno that its row says cannot occur, and that came none the less,
 * is a mistake of the page. The test's process then ends with status 1, whatever its tests say.
 *
 * Bundled into every test by scripts/errno-watch.mjs, which lets src/api/posix/errors.ts call `errnoReturned`.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readErrorsPage } from '../oracle/errors/page.ts';

/** What every call of a process that has ended fails with: it stands in no row, and says nothing of a cell. */
const OF_THE_ENDED = 'ESRCH';
/** Call -> errno -> where the first one came from. */
const returned = new Map<string, Map<string, string>>();

/** A call has failed so. */
export function errnoReturned(call: string, errno: string): void {
  if (errno === OF_THE_ENDED) return;
  let ofCall = returned.get(call);
  if (ofCall === undefined) {
    ofCall = new Map();
    returned.set(call, ofCall);
    if (returned.size === 1) process.once('exit', judge);
  }
  if (!ofCall.has(errno)) ofCall.set(errno, new Error(`${call} failed with ${errno}`).stack ?? '');
}

/** What the page says cannot occur and has occurred, each with its place. */
export function falseCells(page: string): string[] {
  const rows = readErrorsPage(page);
  return [...returned].flatMap(([call, errnos]) => (
    (rows.get(call)?.impossible ?? []).flatMap((errno) => (
      errnos.has(errno) ? [`docs/errors.md says that ${call} cannot fail with ${errno} here, and it did\n${errnos.get(errno)}`] : []
    ))
  ));
}

function judge(): void {
  const found = falseCells(readFileSync(join(resolve(process.env['SOCKSCAPE_ROOT'] ?? '.'), 'docs/errors.md'), 'utf8'));
  if (found.length === 0) return;
  process.exitCode = 1;
  console.error(found.join('\n'));
}
