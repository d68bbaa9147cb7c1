/**
 * The README in the hands of a stranger: a clean clone, an empty npm cache and a HOME of its own. Every `sh` block runs
 * as it stands, every `js` block is a program of a project that has installed the clone, and imports the package by its name.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

const root = process.env['SOCKSCAPE_ROOT'] ?? process.cwd();

function blocks(file: string, language: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map((match) => match[1] as string);
}

/** What the js blocks of README.md print, one after the other. */
const BLOCKS = [
  [/You wrote: hello/],
  [/^hello$/m, /^TimeoutError 5$/m],
  [/connect: ECONNREFUSED/, /^\S+ ARP, Request who-has 10\.0\.1\.2 /m, /> 10\.0\.1\.2\.80: Flags \[S\], /, /10\.0\.1\.2\.80 > .* Flags \[R\.\], /],
  [/^10\.0\.1\.2:443$/m],
  [/^a signal\nEINTR\npipe: hello\n\nsocket: my output \[ \d+ \] true 3$/m],
  [/^10\.1\.0\.2 after 100 ms$/m],
];

let folder = '';
let clone = '';
let environment: Record<string, string> = {};

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sockscape-readme-'));
  clone = join(folder, 'clone');
  const home = join(folder, 'home');
  mkdirSync(home);
  // What npm needs to reach its registry on this machine stays; everything else of the user's is left behind.
  const userconfig = process.env['npm_config_userconfig'] ?? join(process.env['HOME'] ?? '', '.npmrc');
  environment = { PATH: process.env['PATH'] ?? '', HOME: home, npm_config_cache: join(folder, 'cache'), npm_config_userconfig: userconfig };
  for (const [name, value] of Object.entries(process.env)) {
    if (/^(npm_config_registry|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|https?_proxy|no_proxy)$/i.test(name) && value !== undefined) environment[name] = value;
  }
  const cloned = spawnSync('git', ['clone', '-q', root, clone], { encoding: 'utf8' });
  assert.equal(cloned.status, 0, cloned.stderr);
});

after(() => rmSync(folder, { recursive: true, force: true }));

for (const file of ['README.md', 'README.zh-CN.md']) {
  test(`${file}: every sh block runs in a clean clone`, () => {
    const found = blocks(file, 'sh');
    assert.ok(found.length > 0, 'there is no sh block');
    for (const block of found) {
      const run = spawnSync('sh', ['-e', '-c', block], { cwd: clone, env: environment, encoding: 'utf8', timeout: 300_000 });
      assert.equal(run.status, 0, `${block}\n${run.stdout}\n${run.stderr}`);
      assert.match(run.stdout, /seq 1:8, ack 1/);
      assert.match(run.stdout, /seq 1:19, ack 8/);
    }
  });
}

for (const file of ['README.md', 'README.zh-CN.md']) {
  test(`${file}: the first run is what it shows`, () => {
    const [shown] = blocks(file, 'console') as [string];
    const [command, ...lines] = shown.trimEnd().split('\n') as [string, ...string[]];
    const run = spawnSync('sh', ['-c', command.replace('$ ', '')], { cwd: clone, env: environment, encoding: 'utf8', timeout: 300_000 });
    assert.equal(run.status, 0, run.stderr);
    // Options are left out, it says, and so is what `...` stands for.
    const printed = run.stdout.replace(/, options \[[^\]]*\]/g, '').split('\n');
    let at = 0;
    for (const line of lines.filter((one) => one !== '...')) {
      at = printed.indexOf(line, at) + 1;
      assert.ok(at > 0, `${line}\nis not in\n${run.stdout}`);
    }
  });
}

test('README.md: every js block runs against the built package', () => {
  const found = blocks('README.md', 'js');
  assert.equal(found.length, BLOCKS.length, 'each js block has its words in BLOCKS');
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true }');
  // As the section "Install" says: the folder of the clone, which is built on the way.
  const installed = spawnSync('npm', ['install', '../clone'], { cwd: project, env: environment, encoding: 'utf8', timeout: 300_000 });
  assert.equal(installed.status, 0, installed.stderr);
  for (const name of ['index', 'sim', 'capture']) {
    assert.ok(existsSync(join(project, 'node_modules/sockscape/dist/node', `${name}.d.ts`)), `declarations of ${name}`);
  }
  const command = spawnSync('npx', ['sockscape', '--version'], { cwd: clone, env: environment, encoding: 'utf8', timeout: 60_000 });
  assert.match(command.stdout, /^sockscape \d+\.\d+\.\d+\n$/, command.stderr);
  found.forEach((block, i) => {
    const path = join(project, `block-${i}.mjs`);
    writeFileSync(path, block);
    const run = spawnSync(process.execPath, [path], { cwd: project, env: environment, encoding: 'utf8', timeout: 60_000 });
    assert.equal(run.status, 0, `${block}\n${run.stdout}\n${run.stderr}`);
    for (const words of BLOCKS[i] ?? []) assert.match(run.stdout, words);
  });
});

test("README.md: the speeds are the record's", () => {
  const run = spawnSync(process.execPath, [join(root, 'scripts/figures.mjs')], { encoding: 'utf8', env: { ...process.env, SOCKSCAPE_ROOT: root } });
  assert.equal(run.status, 0, run.stderr);
});
