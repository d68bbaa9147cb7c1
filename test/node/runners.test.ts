/** simTest under other runners than node:test: vitest and mocha, from npm, kept in .cache/. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../results.ts';
import { BURN, buildPackage, cleanEnvironment, type FileRun } from './sim-test-file.ts';

const home = join(root, '.cache/runners');
const modules = join(home, 'node_modules');

function install(): void {
  buildPackage();
  if (!existsSync(join(modules, 'vitest/vitest.mjs')) || !existsSync(join(modules, 'mocha/bin/mocha.js'))) {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'package.json'), '{"private":true,"type":"module"}\n');
    const npm = spawnSync('npm', ['install', '--no-fund', '--no-audit', '--loglevel=error', '--no-package-lock', 'vitest@4', 'mocha@11'], { cwd: home, encoding: 'utf8' });
    assert.equal(npm.status, 0, npm.stderr);
  }
  rmSync(join(modules, 'sockscape'), { force: true });
  symlinkSync(root, join(modules, 'sockscape'));
}

function run(name: string, text: string, args: readonly string[]): FileRun {
  install();
  writeFileSync(join(home, name), text);
  const child = spawnSync(process.execPath, [...args, name], {
    cwd: home, encoding: 'utf8', env: cleanEnvironment({ NO_COLOR: '1', CI: '1' }), timeout: 150_000, maxBuffer: 1 << 26,
  });
  return { status: child.status, output: child.stdout + child.stderr };
}

const TESTS = `
  ${BURN}
  simTest('talks', { seeds: 3 }, async (world) => {
    const [a, b] = [world.host('a'), world.host('b')];
    world.cable(a, b);
    await b.run(() => void net.createServer((socket) => socket.end('hi')).listen(80));
    assert.equal(await a.run(() => new Promise((resolve) => {
      let text = '';
      net.connect(80, '10.0.1.2').on('data', (data) => { text += data; }).on('close', () => resolve(text));
    })), 'hi');
  });
  simTest('fails late', { seeds: 12, jobs: 2 }, async (world) => {
    burn(150);
    assert.notEqual(world.seed, 'fails late/9');
  });
  simTest('rejects', { seeds: 1 }, async (world) => {
    void Promise.reject(new Error('nobody looks'));
    await world.sleep(1e6);
  });`;

test('vitest: passes and failures, in processes of its own, and a rejection that is told once', { timeout: 300_000 }, () => {
  const { output, status } = run('vitest.test.mjs', `
    import assert from 'node:assert/strict';
    import net from 'node:net';
    import { test } from 'vitest';
    import { simTest } from 'sockscape/test';
    test('other', () => {});${TESTS}`, ['node_modules/vitest/vitest.mjs', 'run']);
  assert.equal(status, 1, output);
  assert.match(output, /Tests +2 failed \| 2 passed \(4\)/);
  assert.match(output, /seed 9: [\s\S]*replay: SOCKSCAPE_SEED=9 npx vitest run -t 'fails late\$' vitest\.test\.mjs/);
  assert.match(output, /seed 1: nobody looks/);
  assert.doesNotMatch(output, /Unhandled/);
});

test('mocha: the same', { timeout: 300_000 }, () => {
  const { output, status } = run('mocha.test.mjs', `
    import assert from 'node:assert/strict';
    import net from 'node:net';
    import { simTest } from 'sockscape/test';
    it('other', () => {});${TESTS}`, ['node_modules/mocha/bin/mocha.js']);
  assert.equal(status, 2, output);
  assert.match(output, /2 passing[\s\S]*2 failing/);
  assert.match(output, /seed 9: [\s\S]*replay: SOCKSCAPE_SEED=9 npx mocha --grep 'fails late\$' mocha\.test\.mjs/);
  assert.match(output, /seed 1: nobody looks/);
});
