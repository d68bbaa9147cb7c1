/** The checks of the manifest and of the types can fail: one planted violation of each kind. */
import { equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const repository = resolve(fileURLToPath(import.meta.url), '../..');

function inFolder(body) {
  const root = mkdtempSync(join(tmpdir(), 'sockscape-check-'));
  const plant = (file, text) => {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  };
  try {
    body(root, plant);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

test('package: exports that do not fit the entries, and a lock file with addresses', () => inFolder((root, plant) => {
  const run = (...args) => spawnSync(process.execPath, [join(repository, 'scripts/check-package.mjs'), ...args, root], { encoding: 'utf8' });
  plant('src/entry/index.ts', 'export {};\n');
  plant('package.json', '{ "exports": {} }\n');
  plant('package-lock.json', '{ "packages": { "": {}, "node_modules/a": { "version": "1.0.0" } } }\n');
  let result = run();
  equal(result.status, 1);
  match(result.stderr, /^package\.json: `exports` does not fit src\/entry\//);
  equal(run('--write').status, 0);
  equal(run().status, 0);
  plant('src/entry/other.ts', 'export {};\n');
  equal(run().status, 1, 'another entry');
  equal(run('--write').status, 0);
  plant('package-lock.json', '{ "packages": { "node_modules/a": { "resolved": "https://registry.example/a.tgz" } } }\n');
  result = run();
  equal(result.status, 1);
  match(result.stderr, /^package-lock\.json: node_modules\/a is resolved to https:\/\/registry\.example\/a\.tgz/);
}));

test('types: an error of types, Node in the core, the page in the rooms of Node, in each of the three configurations', { timeout: 120_000 }, () => inFolder((root, plant) => {
  const run = (...prefixes) => spawnSync(process.execPath, [join(repository, 'scripts/check-types.mjs'), ...prefixes], {
    encoding: 'utf8', env: { ...process.env, SOCKSCAPE_TYPES_ROOT: root },
  });
  for (const config of ['tsconfig.json', 'tsconfig.node.json', 'tsconfig.browser.json']) copyFileSync(join(repository, config), join(root, config));
  symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'));
  plant('package.json', '{ "type": "module" }\n');
  plant('src/wire/a.ts', 'export const a: number = 1;\n');
  plant('src/platform/node/b.ts', "import { readFileSync } from 'node:fs';\nexport const b: string = readFileSync('x', 'utf8');\n");
  plant('src/platform/browser/c.ts', 'export const c: string = document.title;\n');
  const clean = run();
  equal(clean.status, 0, clean.stderr);
  for (const [file, text, words] of [
    ['src/wire/a.ts', "export const a: number = '1';\n", /^src\/wire\/a\.ts\(1,14\): error TS2322/m],
    ['src/wire/a.ts', "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;\n", /^src\/wire\/a\.ts\(1,\d+\): error TS/m],
    ['src/wire/a.ts', 'export const a: string = document.title;\n', /^src\/wire\/a\.ts\(1,\d+\): error TS/m],
    ['src/platform/node/b.ts', 'export const b: string = document.title;\n', /^src\/platform\/node\/b\.ts\(1,\d+\): error TS/m],
    ['src/platform/browser/c.ts', 'export const c = process.pid;\n', /^src\/platform\/browser\/c\.ts\(1,\d+\): error TS/m],
  ]) {
    plant(file, text);
    const failed = run();
    equal(failed.status, 1, `${file}: ${text}`);
    match(failed.stderr, words);
    if (file === 'src/wire/a.ts') {
      equal(run('src/platform').status, 0, 'complaints about other files are left out');
      plant(file, 'export const a: number = 1;\n');
    }
  }
}));
