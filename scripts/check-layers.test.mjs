/** The layer check can fail: one planted violation per row of the table, and harmless neighbours that must pass. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkFile, checkRooms, PLANNED, ROOMS } from './check-layers.mjs';
import { importsOf } from './scan.mjs';

const script = fileURLToPath(new URL('./check-layers.mjs', import.meta.url));

/** file, imported path, and the complaint (null: none). */
const ROWS = [
  ['src/base/a.ts', '../wire/b.ts', 'base imports wire'],
  ['src/wire/a.ts', '../base/b.ts', null],
  ['src/wire/a.ts', '../link/b.ts', 'wire imports link'],
  ['src/bpf/a.ts', '../wire/b.ts', null],
  ['src/bpf/a.ts', '../link/b.ts', 'bpf imports link'],
  ['src/link/a.ts', '../bpf/b.ts', 'link imports bpf'],
  ['src/link/a.ts', '../net/b.ts', 'link imports net'],
  ['src/net/a.ts', '../link/b.ts', null],
  ['src/net/a.ts', '../transport/endpoint.ts', 'net imports transport'],
  ['src/transport/tcp/a.ts', '../endpoint.ts', null],
  ['src/transport/tcp/a.ts', '../../net/b.ts', null],
  ['src/transport/tcp/a.ts', './deep/b.ts', null],
  ['src/transport/tcp/a.ts', '../udp/b.ts', 'transport/tcp imports transport/udp'],
  ['src/transport/raw/a.ts', '../tcp/b.ts', 'transport/raw imports transport/tcp'],
  ['src/transport/demux.ts', './tcp/b.ts', 'transport imports transport/tcp'],
  ['src/transport/tcp/a.ts', '../../stack/b.ts', 'transport/tcp imports stack'],
  ['src/stack/a.ts', '../transport/tcp/b.ts', null],
  ['src/stack/a.ts', '../socket/b.ts', 'stack imports socket'],
  ['src/socket/a.ts', '../stack/b.ts', null],
  ['src/socket/a.ts', '../transport/udp/b.ts', null],
  ['src/socket/a.ts', '../bpf/b.ts', null],
  ['src/socket/a.ts', '../link/b.ts', 'socket imports link'],
  ['src/socket/family/inet.ts', '../../net/b.ts', 'socket/family imports net'],
  ['src/socket/family/packet.ts', '../../link/b.ts', null],
  ['src/socket/family/netlink/a.ts', '../../../net/b.ts', null],
  ['src/socket/family/packets-of-inet.ts', '../../net/b.ts', 'socket/family imports net'],
  ['src/socket/a.test.ts', '../link/b.ts', null],
  ['src/socket/a.ts', '../kernel/b.ts', 'socket imports kernel'],
  ['src/kernel/a.ts', '../socket/family/inet.ts', null],
  ['src/kernel/a.ts', '../host.ts', 'kernel imports host'],
  ['src/host.ts', './kernel/b.ts', null],
  ['src/host.ts', './api/posix/b.ts', 'host imports api/posix'],
  ['src/api/posix/a.ts', '../../host.ts', null],
  ['src/api/posix/a.ts', '../node/b.ts', 'api/posix imports api/node'],
  ['src/api/web/a.ts', '../posix/b.ts', 'api/web imports api/posix'],
  ['src/capture/a.ts', '../bpf/b.ts', null],
  ['src/capture/a.ts', '../link/b.ts', 'capture imports link'],
  ['src/programs/a.ts', '../api/posix/b.ts', null],
  ['src/programs/a.ts', '../capture/b.ts', null],
  ['src/programs/a.ts', '../kernel/b.ts', 'programs imports kernel'],
  ['src/programs/a.ts', '../wire/b.ts', 'programs imports wire'],
  ['src/sim/a.ts', '../programs/b.ts', null],
  ['src/sim/a.ts', '../api/node/b.ts', 'sim imports api/node'],
  ['src/sim/a.ts', '../platform/node/b.ts', 'sim imports platform/node'],
  ['src/packetdrill/a.ts', '../sim/b.ts', null],
  ['src/sim/a.ts', '../packetdrill/b.ts', 'sim imports packetdrill'],
  ['src/platform/node/a.ts', '../../api/node/b.ts', null],
  ['src/platform/browser/a.ts', '../node/b.ts', 'platform/browser imports platform/node'],
  ['src/platform/node/a.ts', '../../cli/b.ts', 'platform/node imports cli'],
  ['src/cli/a.ts', '../platform/node/b.ts', null],
  ['src/cli/a.ts', '../entry/node.ts', 'cli imports entry'],
  ['src/entry/node.ts', '../platform/node/b.ts', null],
  ['src/wire/a.test.ts', '../link/b.ts', 'wire imports link'],
  ['src/wire/a.test.ts', '../base/test-packets.ts', null],
  ['src/wire/a.test.ts', '../../test/needs.ts', null],
  ['src/wire/a.ts', '../base/test-packets.ts', "'../base/test-packets.ts' is for tests only"],
  ['src/wire/a.ts', './b.test.ts', "'./b.test.ts' is for tests only"],
  ['src/wire/a.ts', '../../test/needs.ts', "import '../../test/needs.ts' leads out of the rooms"],
  ['src/wire/a.ts', './b.js', "import './b.js' names no .ts file"],
  ['src/wire/a.ts', 'node:fs', "wire imports 'node:fs'"],
  ['src/wire/a.ts', 'fs', "write 'node:fs'"],
  ['src/wire/a.ts', 'koffi', "wire imports 'koffi'"],
  ['src/wire/a.ts', 'sockscape/sim', "import of 'sockscape/sim'"],
  ['src/wire/a.test.ts', 'node:test', null],
  ['src/wire/a.test.ts', 'fast-check', null],
  ['src/wire/a.test.ts', 'koffi', "wire imports 'koffi'"],
  ['src/platform/node/tap.ts', 'koffi', null],
  ['src/platform/browser/a.ts', 'node:fs', "platform/browser imports 'node:fs'"],
  ['src/api/node/a.ts', 'node:stream', null],
  ['src/entry/node.ts', 'node:fs', null],
  ['src/entry/sim.node.ts', 'node:fs', null],
  ['src/entry/sim.ts', 'node:fs', "entry imports 'node:fs'"],
  ['src/cli/main.ts', 'node:process', null],
  ['src/attic/a.ts', './b.ts', 'no room of this name'],
  ['src/stray.ts', './b.ts', 'no room of this name'],
  ['src/api/stray.ts', './b.ts', 'no room of this name'],
  ['src/api/other/a.ts', './b.ts', 'no room of this name'],
  ['lab/main.tsx', 'sockscape/sim', null],
  ['lab/main.tsx', 'preact', null],
  ['lab/main.tsx', './view.tsx', null],
  ['lab/main.tsx', '../src/host.ts', "lab imports '../src/host.ts'"],
];

test('the table: what each room may import, and what it may not', () => {
  for (const [file, name, expected] of ROWS) {
    const complaints = checkFile(file, `import { x } from '${name}';\n`);
    const shown = `${file} importing ${name}: ${complaints.join(' | ')}`;
    if (expected === null) deepEqual(complaints, [], shown);
    else {
      equal(complaints.length, 1, shown);
      equal(complaints[0].startsWith(`${file}:1: ${expected}`), true, shown);
    }
  }
});

test('sockets ask Stack, not its network; AF_PACKET and AF_NETLINK are about the network', () => {
  for (const line of ['const d = socket.stack.network.deviceAt(1);', 'const { network } = this.stack;']) {
    for (const file of ['src/socket/options.ts', 'src/socket/family/inet.ts']) {
      deepEqual(checkFile(file, `// first\n${line}\n`), [`${file}:2: ${file.includes('family') ? 'socket/family' : 'socket'} reaches into the network: ask Stack (src/stack/stack.ts)`]);
    }
    for (const file of ['src/socket/family/packet.ts', 'src/socket/family/netlink-route.ts', 'src/socket/family/inet.test.ts', 'src/kernel/a.ts'])
      deepEqual(checkFile(file, line), []);
  }
});

const FORMS = [
  "import '../link/b.ts';",
  "import b from '../link/b.ts';",
  "import * as b from '../link/b.ts';",
  "import { from as b,\n  type c } from '../link/b.ts';",
  "import type { B } from '../link/b.ts';",
  "import data from '../link/b.ts' with { type: 'x' };",
  "export * from '../link/b.ts';",
  "export * as b from '../link/b.ts';",
  "export { b as 'x-y' } from '../link/b.ts';",
  "export type { B } from '../link/b.ts';",
  "export type * from '../link/b.ts';",
  "const b = await import('../link/b.ts');",
  'const b = await import(`../link/b.ts`);',
  "type B = import('../link/b.ts').B;",
  "const s = `${await import('../link/b.ts')}`;",
  "const w = new URL('../link/b.ts', import.meta.url);",
  "const c = /[/'\"`]/.test(s); import '../link/b.ts';",
  "const c = a / b; const d = '/'; import '../link/b.ts';",
  "require('../link/b.ts');",
];

test('every form of import is seen', () => {
  for (const form of FORMS) {
    const complaints = checkFile('src/wire/a.ts', `// first\n${form}\n`);
    equal(complaints.length, 1, `${form}: ${complaints}`);
    match(complaints[0], /^src\/wire\/a\.ts:[23]: wire imports link/, form);
  }
});

const NOT_IMPORTS = [
  "// import '../link/b.ts';",
  "/* export * from '../link/b.ts'; */",
  'const s = "import \'../link/b.ts\'";',
  "const s = `import '../link/b.ts'`;",
  "const o = { import: '../link/b.ts', from: '../link/b.ts' };",
  "o.import('../link/b.ts');",
  "const r = /import '..\\/link\\/b.ts'/;",
  "const here = import.meta.url; const from = '../link/b.ts';",
  "export const from = 1; const t = '../link/b.ts';",
  "export { a }; const from = '../link/b.ts';",
  "export function f() {} list.from('../link/b.ts');",
];

test('text that only looks like an import is passed over', () => {
  for (const form of NOT_IMPORTS) deepEqual(checkFile('src/wire/a.ts', `${form}\n`), [], form);
});

test('computed names and reference directives are refused in the core, and allowed in the rooms of Node', () => {
  equal(checkFile('src/wire/a.ts', 'await import(name);').length, 1);
  equal(checkFile('src/platform/node/a.ts', 'await import(name);').length, 0);
  equal(checkFile('src/wire/a.ts', '/// <reference types="node" />\n').length, 1);
});

test('line numbers survive comments, templates and strings that go on', () => {
  const source = "/* a\n b */\nconst t = `x\n${y}\nz`;\nimport 'm';\n";
  deepEqual(
    importsOf(source).map(({ name, line }) => [name, line]),
    [['m', 6]],
  );
});

test('a room without files, and a planned one that is there', () => {
  const fileIn = (room) => (room === 'host' ? 'src/host.ts' : room === 'lab' ? 'lab/a.ts' : room.startsWith('socket/family/') ? `src/${room}-a.ts` : `src/${room.replace('*', 'tcp')}/a.ts`);
  const there = Object.keys(ROOMS).filter((room) => !(room in PLANNED)).map(fileIn);
  deepEqual(checkRooms(there), []);
  deepEqual(checkRooms(there.filter((file) => file !== 'src/bpf/a.ts')), ['bpf: a room without files; PLANNED in scripts/check-layers.mjs names those to come']);
  deepEqual(checkRooms(there.filter((file) => file !== 'src/transport/tcp/a.ts')).map((line) => line.split(':')[0]), ['transport/*']);
  deepEqual(checkRooms([...there, 'lab/a.ts']), ['lab: the room is there, and still called planned (PLANNED in scripts/check-layers.mjs)']);
});

test('the command exits 1 on a planted violation and 0 without it', () => {
  const root = mkdtempSync(join(tmpdir(), 'sockscape-layers-'));
  try {
    const plant = (file, text) => {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    };
    const run = () => spawnSync(process.execPath, [script, root], { encoding: 'utf8' });
    equal(run().status, 1, 'an empty tree is not a clean one');
    plant('src/wire/a.ts', "import type { B } from '../base/b.ts';\n");
    equal(run().status, 0);
    plant('src/net/ipv4/deep/a.ts', "\nimport type { B } from '../../../stack/b.ts';\n");
    const failed = run();
    equal(failed.status, 1);
    match(failed.stderr, /^src\/net\/ipv4\/deep\/a\.ts:2: net imports stack/m);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
