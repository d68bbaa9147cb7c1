/**
 * The package's manifest fits the tree: `exports` names exactly the entries of src/entry/, and package-lock.json names
 * no registry host (each machine fetches from the registry that it is set up for). Run by `npm run check:package`.
 *
 *   node scripts/check-package.mjs [--write] [FOLDER]     --write brings `exports` up to date; another root is for the tests
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exportsOf, findEntries } from './entries.mjs';

const root = resolve(process.argv.slice(2).find((arg) => arg !== '--write') ?? resolve(fileURLToPath(import.meta.url), '../..'));
const file = join(root, 'package.json');
const manifest = JSON.parse(readFileSync(file, 'utf8'));
const complaints = [];

const wanted = exportsOf(findEntries(root));
if (JSON.stringify(manifest.exports) !== JSON.stringify(wanted)) {
  if (process.argv.includes('--write')) {
    manifest.exports = wanted;
    writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
  } else {
    complaints.push('package.json: `exports` does not fit src/entry/; run `node scripts/check-package.mjs --write`');
  }
}
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
for (const [place, { resolved }] of Object.entries(lock.packages)) {
  if (resolved)
    complaints.push(`package-lock.json: ${place} is resolved to ${resolved}; .npmrc leaves such addresses out`);
}
for (const complaint of complaints) console.error(complaint);
console.log(`package: ${Object.keys(wanted).length} entries, ${complaints.length} complaints`);
process.exitCode = complaints.length > 0 ? 1 : 0;
