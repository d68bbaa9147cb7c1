/**
 * Node's own net, dgram and dns over our sockets behave as over the kernel's: the same programs (behaviours.ts) run in a
 * network namespace without any interface under `--import register`, once on the bindings and once in place, and, where
 * root may make namespaces, over the real loopback, which proves the programs themselves.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { needs } from '../needs.ts';
import { root } from '../results.ts';

const isRoot = needs('root', 'namespaces').skip === undefined || needs('root', 'namespaces').skip === false;

/** How the program is given its sockets. */
const WAYS = {
  bindings: { register: true, loadsBefore: false },
  'in place': { register: true, loadsBefore: true },
  kernel: { register: false, loadsBefore: false },
} as const;

let folder = '';

before(async () => {
  mkdirSync(join(root, 'build'), { recursive: true });
  folder = mkdtempSync(join(root, 'build', 'handles-'));
  await build({
    entryPoints: { register: join(root, 'src/entry/register.ts'), behaviours: join(root, 'test/node/behaviours.ts') },
    outdir: folder, outExtension: { '.js': '.mjs' }, bundle: true, format: 'esm', platform: 'node', target: 'node20.19', logLevel: 'warning',
  });
  writeFileSync(join(folder, 'load.cjs'), "require('net'); require('dgram'); require('dns');\n");
});

after(() => rmSync(folder, { recursive: true, force: true }));

interface Output {
  readonly lines: { name: string; error: string | null }[];
  readonly rest: string;
  readonly code: number | null;
}

function run(way: keyof typeof WAYS): Promise<Output> {
  const { loadsBefore, register } = WAYS[way];
  const words = [
    process.execPath,
    ...(loadsBefore ? ['-r', join(folder, 'load.cjs')] : []),
    ...(register ? ['--import', pathToFileURL(join(folder, 'register.mjs')).href] : []),
    join(folder, 'behaviours.mjs'),
  ];
  const script = register ? 'exec "$@"' : 'ip link set lo up && ip route add multicast 224.0.0.0/4 dev lo 2>/dev/null; exec "$@"';
  const [command, ...args] = isRoot ? ['unshare', '--net', 'sh', '-c', script, 'sh', ...words] : words;
  const child = spawn(command as string, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let rest = '';
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (rest += text));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      resolve({ code, rest, lines: out.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line)) });
    });
  });
}

for (const way of Object.keys(WAYS) as (keyof typeof WAYS)[]) {
  const options = way === 'kernel' ? needs('root', 'namespaces', 'ip') : {};
  describe(`net, dgram and dns, ${way}`, { ...options, timeout: 120_000 }, () => {
    test('every behaviour', async () => {
      const { code, lines, rest } = await run(way);
      deepEqual(lines.filter(({ error }) => error !== null), [], rest);
      ok(lines.length >= 30, `only ${lines.length} behaviours ran\n${rest}`);
      equal(code, 0, rest);
    });
  });
}
