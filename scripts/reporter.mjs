/**
 * A reporter for node:test: what tests print, what they have to say (`t.diagnostic`) under their names, every failure in
 * full, and the totals. Used by unit.mjs and test.mjs.
 *
 * The totals go as JSON into the file that SOCKSCAPE_TOTALS names: `{ passed, failed, skipped: [{ name, reason }] }`.
 * A suite is not counted, its tests are; a test file that holds no test counts as failed, since it could never fail.
 */
import { writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { inspect } from 'node:util';

function isFile({ name, file, nesting }) {
  return nesting === 0 && /\.m?[jt]s$/.test(name) && (file === undefined || resolve(name) === resolve(file));
}

function indented(text) {
  return text.replace(/^/gm, '    ');
}

function placeOf(data) {
  return data.file ? ` (${basename(data.file).replace(/\.mjs$/, '')}${isFile(data) ? '' : `:${data.line ?? '?'}`})` : '';
}

export default async function* reporter(events) {
  const totals = { passed: 0, failed: 0, skipped: [] };
  const started = Date.now();
  let ended = null;
  let heading = null;
  for await (const { type, data } of events) {
    if (type === 'test:stdout' || type === 'test:stderr') yield data.message;
    // A test's diagnostics follow its end. Those without a file are Node's own totals, for which there are ours.
    if (type === 'test:diagnostic' && data.file !== undefined) {
      if (heading !== ended) yield `ℹ ${ended.name}${placeOf(ended)}\n`;
      heading = ended;
      yield `${indented(data.message)}\n`;
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    ended = data;
    const where = placeOf(data);
    const reason = data.skip ?? data.todo;
    if (type === 'test:fail' && data.todo === undefined) {
      const { error } = data.details;
      // A suite or a test that failed only because of tests in it adds nothing to them.
      if (error?.failureType === 'subtestsFailed') continue;
      totals.failed++;
      const cause = error?.cause ?? error;
      yield `✖ ${data.name}${where}\n${indented(cause instanceof Error ? inspect(cause) : inspect(cause ?? error))}\n`;
    } else if (reason !== undefined) {
      totals.skipped.push({
        name: data.name,
        reason: typeof reason === 'string' ? reason : data.todo ? 'to do' : 'no reason given',
      });
      yield `﹣ ${data.name}${where}: left out, ${typeof reason === 'string' ? reason : 'no reason given'}\n`;
    } else if (isFile(data)) {
      totals.failed++;
      yield `✖ ${data.name} holds no test\n`;
    } else if (data.details.type !== 'suite') {
      totals.passed++;
    }
  }
  if (process.env.SOCKSCAPE_TOTALS) writeFileSync(process.env.SOCKSCAPE_TOTALS, JSON.stringify(totals));
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  yield `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped.length} skipped in ${seconds} s\n`;
}
