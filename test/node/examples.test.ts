/**
 * `node --import sockscape/register app.js`: the example programs of examples/ run unchanged in processes of their own, as CommonJS, ES
 * modules and TypeScript, with worker threads and children, in each way of registering, and print what they print on the machine's own sockets.
 *
 * Ours run in a network namespace without any interface where root may make one, so that nothing else can answer them.
 */
import { deepEqual, equal, match } from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { transformSync } from 'esbuild';
import { needs } from '../needs.ts';
import { root } from '../results.ts';
import { buildPackage, cleanEnvironment, scratchFolder } from './sim-test-file.ts';

const REGISTER = 'sockscape/register';
const WAYS: Record<string, { readonly args: readonly string[]; readonly env?: Readonly<Record<string, string>> }> = {
  '--import': { args: ['--import', REGISTER] },
  '-r': { args: ['-r', REGISTER] },
  'NODE_OPTIONS with --import': { args: [], env: { NODE_OPTIONS: `--import=${REGISTER}` } },
  'NODE_OPTIONS with -r': { args: [], env: { NODE_OPTIONS: `-r ${REGISTER}` } },
};
const MACHINE = { args: [] };

const isRoot = !needs('root', 'namespaces').skip;
const folder = scratchFolder();

before(() => {
  buildPackage();
  const examples = join(root, 'test/node/examples');
  for (const name of readdirSync(examples)) copyFileSync(join(examples, name), join(folder.path, name));
  // What all of them do is written once, in TypeScript.
  const text = readFileSync(join(examples, 'two-ends.ts'), 'utf8');
  for (const [name, format] of [['two-ends.cjs', 'cjs'], ['two-ends.mjs', 'esm']] as const) {
    folder.write(name, transformSync(text, { loader: 'ts', format, target: 'node20.19' }).code);
  }
});
after(() => folder.remove());

/** What a program prints; it ends by itself, with status 0 and nothing on standard error. */
function run(words: readonly string[], env: Readonly<Record<string, string>>, onMachine: boolean): Promise<string[]> {
  // Warnings about what Node calls experimental, its own stripping of types, are no business of ours.
  const all = [process.execPath, '--disable-warning=ExperimentalWarning', ...words];
  const [command, ...args] = isRoot && !onMachine ? ['unshare', '--net', ...all] : all;
  const child = spawn(command as string, args, { cwd: folder.path, env: cleanEnvironment(env), stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let rest = '';
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (rest += text));
  const limit = setTimeout(() => child.kill('SIGKILL'), 60_000);
  return new Promise((resolve, reject) => {
    child.on('close', (status, signal) => {
      clearTimeout(limit);
      if (status === 0 && rest === '') resolve(out.trimEnd().split('\n'));
      else reject(new Error(`${all.join(' ')}: status ${status ?? signal}\n${rest}\n${out}`));
    });
  });
}

/** The same on the machine's sockets and in each way on ours. `before`: options of Node that the program itself needs. */
async function compare(program: string, lines: number, options: readonly string[] = []): Promise<void> {
  const expected = await run([...options, ...MACHINE.args, program], {}, true);
  equal(expected.length, lines, expected.join('\n'));
  match(expected.join('\n'), /net: the server says: 3200000 bytes from 127\.0\.0\.1, \w{16}\n[\s\S]*http: \/post 200 on the same connection: A BODY A BODY[\s\S]*fetch: 200 \{"path":"\/fetched"/);
  for (const [name, { args, env = {} }] of Object.entries(WAYS)) {
    deepEqual(await run([...options, ...args, program], env, false), expected, name);
  }
}

/** What one call of twoEnds says. */
const LINES = 11;

describe('example programs run unchanged', { timeout: 300_000 }, () => {
  for (const kind of ['cjs', 'mjs']) {
    test(`app.${kind}`, () => compare(`app.${kind}`, LINES));
    test(`worker.${kind}`, () => compare(`worker.${kind}`, 2 * LINES));
    test(`fork.${kind}`, () => compare(`fork.${kind}`, 2 * LINES + 1));
  }

  // Node 22.18 and later strip types unasked, earlier ones of 22 with an option. Node 20 cannot: it is tsx's alone there.
  const strips = Boolean((process.features as { typescript?: unknown }).typescript);
  if (strips || process.allowedNodeEnvironmentFlags.has('--experimental-strip-types')) {
    test('app.ts, by Node itself', () => compare('app.ts', LINES, strips ? [] : ['--experimental-strip-types']));
  }

  test('app.ts, by tsx', () => compare('app.ts', LINES, ['--import', pathToFileURL(tsx()).href]));
});

/** The loader of tsx, from npm, kept in .cache/. */
function tsx(): string {
  const home = join(root, '.cache/loaders');
  const loader = join(home, 'node_modules/tsx/dist/loader.mjs');
  if (!existsSync(loader)) {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'package.json'), '{"private":true}\n');
    const npm = spawnSync('npm', ['install', '--no-fund', '--no-audit', '--loglevel=error', '--no-package-lock', 'tsx@4'], { cwd: home, encoding: 'utf8' });
    equal(npm.status, 0, npm.stderr);
  }
  return loader;
}
