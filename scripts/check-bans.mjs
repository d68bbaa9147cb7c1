/**
 * Bans in the core rooms that neither the types nor the linter express: hidden time, and arithmetic whose last bits
 * engines may choose (Math.pow and its kin, and `**`: Node 20, 24 and Chromium disagree), which would let one seed mean
 * different runs. Tests are exempt. Run by `npm run check:bans`.
 *
 *   node scripts/check-bans.mjs [FOLDER]
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isTestFile } from './check-layers.mjs';
import { tokens } from './scan.mjs';

const repository = resolve(fileURLToPath(import.meta.url), '../..');

/** Exact by the language's definition, so the same everywhere. All other members of Math are refused. */
const EXACT_MATH = new Set('abs ceil clz32 floor fround imul max min round sign sqrt trunc PI'.split(' '));
const GLOBALS = new Set(
  `setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate queueMicrotask performance eval globalThis`.split(
    ' ',
  ),
);

/** Files outside the core: they may use what their environment has. */
export function isCore(file) {
  return (
    file.startsWith('src/') &&
    !/^src\/(platform|cli|entry|api\/node)\//.test(file) &&
    !isTestFile(file) &&
    !file.endsWith('.d.ts')
  );
}

/** The complaints about one core file, as strings `file:line: sentence`. */
export function checkFile(file, source) {
  const all = tokens(source);
  const complaints = [];
  const text = (i) => (all[i]?.kind === 'word' || all[i]?.kind === 'punct' ? all[i].text : '');
  all.forEach(({ kind, text: word, line }, i) => {
    const complain = (sentence) => complaints.push(`${file}:${line}: ${sentence}`);
    if (kind === 'punct' && (word === '**' || word === '**=')) {
      complain(`'${word}': its last bits differ between engines; use shifts, a loop or a table`);
    }
    if (kind !== 'word' || text(i - 1) === '.' || text(i - 1) === '?.') return;
    if (word === 'Math') {
      // Only `Math.member` is readable here: an alias or Math[...] would hide what is used.
      const member = text(i + 1) === '.' ? text(i + 2) : '';
      if (member === 'random') complain('Math.random: draw from the random source that was handed in');
      else if (!EXACT_MATH.has(member)) {
        complain(`Math.${member || '...'}: engines may choose its last bits; use integers or a table`);
      }
    } else if (word === 'Date') {
      const called = text(i + 1) === '(';
      const constructed = text(i - 1) === 'new';
      const arguments_ = called && text(i + 2) !== ')';
      if (text(i + 1) === '.' && text(i + 2) === 'now') complain('Date.now: time is handed in (loop.now)');
      else if (constructed ? !arguments_ : called)
        complain('Date without a time reads the real clock; time is handed in');
    } else if (GLOBALS.has(word) && text(i + 1) !== ':' && text(i + 1) !== '?') {
      const declared = text(i - 1) === 'function' || text(i - 1) === 'get' || text(i - 1) === 'set';
      if (!declared) complain(`${word}: the environment is handed in (base/environment.ts)`);
    }
  });
  return complaints;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const root = resolve(process.argv[2] ?? repository);
  let files = 0;
  let complaints = 0;
  const entries = existsSync(join(root, 'src')) ? readdirSync(join(root, 'src'), { recursive: true }) : [];
  for (const entry of entries.sort()) {
    const file = relative(root, join(root, 'src', entry))
      .split(sep)
      .join('/');
    if (!/\.tsx?$/.test(file) || !isCore(file)) continue;
    files++;
    for (const complaint of checkFile(file, readFileSync(join(root, file), 'utf8'))) {
      complaints++;
      console.error(complaint);
    }
  }
  if (files === 0) console.error('check-bans: found no source files');
  console.log(`bans: ${files} files, ${complaints} complaints`);
  process.exitCode = complaints > 0 || files === 0 ? 1 : 0;
}
