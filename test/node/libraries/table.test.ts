/** docs/node-compat.md names every library of this folder, in the version that is tested, and every one of them is loaded by a test. */
import { deepEqual } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = process.env.SOCKSCAPE_ROOT as string;
const FOLDER = join(ROOT, 'test/node/libraries');

test('docs/node-compat.md names the libraries and their versions, and each has its test', () => {
  const guide = readFileSync(join(ROOT, 'docs/node-compat.md'), 'utf8');
  const { dependencies } = JSON.parse(readFileSync(join(FOLDER, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  const tests = readdirSync(FOLDER).filter((name) => name.endsWith('.test.ts')).map((name) => readFileSync(join(FOLDER, name), 'utf8')).join('\n');
  const loaded = new Set([...tests.matchAll(/^libraryTest\('[^']+', \[([^\]]*)\]/gm)].flatMap(([, list]) => [...(list as string).matchAll(/'([^']+)'/g)].map(([, name]) => name)));
  for (const [, name] of tests.matchAll(/^serverTest\('[^']+', \[[^\]]*\], '([^']+)'/gm)) loaded.add(name);
  const unnamed = Object.entries(dependencies).filter(([name, version]) => !guide.includes(`\`${name}\` ${version}`));
  const untested = Object.keys(dependencies).filter((name) => !loaded.has(name) && !loaded.has(`${name}/promise`));
  deepEqual([unnamed, untested], [[], []]);
});
