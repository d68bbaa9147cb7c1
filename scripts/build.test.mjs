/** Builds at the same time as each other and as whoever loads what they build: dist/ is whole at any moment. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '../..');

/** A copy of what a build needs, so that its sources can change. */
function copyOfRepository() {
  mkdirSync(join(root, 'build'), { recursive: true });
  const copy = mkdtempSync(join(root, 'build/run-copy-'));
  for (const name of ['src', 'scripts', 'bin', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** Runs node; resolves to the status and all that was said. */
function node(...args) {
  const env = { ...process.env };
  delete env.NODE_OPTIONS;
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', fail).on('close', (status) => done({ status, output }));
  });
}

/** Everything that `file` imports, and so on, is read; throws where a file is missing or ends in the middle. */
function readWhole(file, seen = new Set()) {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  ok(text.trimEnd().split('\n').at(-1)?.startsWith('//# sourceMappingURL='), `${file} ends in the middle`);
  for (const [, name] of text.matchAll(/^(?:import|\} from|import .* from|export .* from) ?"(\.[^"]+)";$/gm)) {
    readWhole(join(dirname(file), name), seen);
  }
  return seen;
}

test('three builds at once, sources that change, and others that load dist/ all the while', { timeout: 90_000 }, async () => {
  const copy = copyOfRepository();
  try {
    const script = join(copy, 'scripts/build.mjs');
    deepEqual((await node(script, '--no-types')).status, 0);
    const files = readWhole(join(copy, 'dist/cli.js'));
    ok(files.size > 2, 'the command has chunks');
    let building = true;
    let looks = 0;
    const looking = (async () => {
      for (; building; looks++, await delay(1)) readWhole(join(copy, 'dist/cli.js'));
    })();
    let starts = 0;
    const starting = (async () => {
      for (; building; starts++) {
        const { status, output } = await node(join(copy, 'bin/sockscape.cjs'), '--version');
        equal(status, 0, output);
      }
    })();
    const builds = (async () => {
      // In a file that many share, so that chunks change their names.
      appendFileSync(join(copy, 'src/base/errno.ts'), '\n(globalThis as { generation?: number }).generation = 1;\n');
      const runs = await Promise.all([1, 2, 3].map(() => node(script, '--no-types', '--force')));
      for (const { status, output } of runs) equal(status, 0, output);
    })().finally(() => (building = false));
    await Promise.all([looking, starting, builds]);
    ok(looks > 20 && starts > 3, `${looks} looks, ${starts} starts`);
    ok([...readWhole(join(copy, 'dist/cli.js'))].some((file) => !files.has(file)), 'chunks have changed their names');
    deepEqual(readdirSync(join(copy, 'build')), []);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});

test('of builds at once one works; one that was killed holds nobody up; what is stale goes', { timeout: 60_000 }, async () => {
  const copy = copyOfRepository();
  try {
    const script = join(copy, 'scripts/build.mjs');
    mkdirSync(join(copy, 'build/dist.4194305'), { recursive: true });
    appendFileSync(join(copy, 'build/dist.lock'), '4194305');
    mkdirSync(join(copy, 'dist/node'), { recursive: true });
    for (const name of ['chunk-OLD.js', 'chunk-NEWER.js']) appendFileSync(join(copy, 'dist/node', name), '');
    appendFileSync(join(copy, 'dist/.bundles-stale-stamp'), JSON.stringify({ 'node/chunk-OLD.js': Date.now() - 120_000 }));
    const runs = await Promise.all([1, 2, 3].map(() => node(script, '--no-types')));
    deepEqual(runs.map(({ status }) => status), [0, 0, 0]);
    equal(runs.filter(({ output }) => output.includes('build: bundles in')).length, 1);
    deepEqual(readdirSync(join(copy, 'build')), []);
    equal(existsSync(join(copy, 'dist/node/chunk-OLD.js')), false);
    equal(existsSync(join(copy, 'dist/node/chunk-NEWER.js')), true);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});
