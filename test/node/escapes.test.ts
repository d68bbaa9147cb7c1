/** What leaves a world is told by name: every kind that docs/virtual-time.md names, once as a warning and in `world.escapes()`. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SimFolder } from './sim-process.ts';

const folder = new SimFolder();
const GUIDE = readFileSync(join(process.env.SOCKSCAPE_ROOT as string, 'docs/virtual-time.md'), 'utf8');

/** Kinds that are no call of a program's; other tests are about them. */
const ELSEWHERE = ['gateway', 'loaded early', 'thread pool'];

/** Code of a program, by what it is told as. */
const DOORS: Record<string, readonly string[]> = {
  socket: ["outer.write('x')", "outerUdp.send('x', 9, '127.0.0.1'); await new Promise((done) => setTimeout(done, 1000))"],
  child_process: [
    "child.spawn('true')", "child.spawnSync('true')", "child.execSync('true')",
    "child.execFile('true', () => {})", "child.execFileSync('true')",
  ],
  worker_threads: ["void new threads.Worker('', { eval: true }).terminate()", "new BroadcastChannel('x').close()"],
  'process.kill': ["try { process.kill(2 ** 22 + 1, 'SIGTERM') } catch {}"],
  vm: ['vm.createContext({})', "vm.runInNewContext('1')", "new vm.Script('1').runInNewContext()"],
  FinalizationRegistry: ['new FinalizationRegistry(() => {}).register({}, 1)'],
  WeakRef: ['new WeakRef({}).deref()'],
  tls: ["tls.connect({ port: 1, host: '10.0.1.2' }).on('error', () => {})"],
  performance: [
    'performance.timerify(() => {})()', 'perf.monitorEventLoopDelay()',
    "const o = new perf.PerformanceObserver(() => {}); o.observe({ entryTypes: ['gc'] }); o.disconnect()",
    'perf.createHistogram().recordDelta()',
  ],
  'process.report': ['process.report.getReport()', "try { process.report.writeReport(5) } catch {}"],
  wasi: ["const { WASI } = await import('node:wasi'); new WASI({ version: 'preview1' })"],
  'Atomics.wait': [
    'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)', "Atomics.waitAsync(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)",
  ],
  'fs.mkdtemp': [
    "fs.rmdirSync(fs.mkdtempSync('./t-'))", "fs.rmdirSync(await new Promise((done) => fs.mkdtemp('./t-', (_, path) => done(path))))",
    "fs.rmdirSync(await fs.promises.mkdtemp('./t-'))", "fs.mkdtempDisposableSync?.('./t-').remove()", "await (await fs.promises.mkdtempDisposable?.('./t-'))?.remove()",
  ],
  'timers.enroll': [
    "const o = { _onTimeout() {} }; timers.enroll?.(o, 5); timers.unenroll?.(o)", "const o = { _onTimeout() {}, _idleTimeout: 5 }; timers.active?.(o); timers.unenroll?.(o)",
    "const o = { _onTimeout() {}, _idleTimeout: 5 }; timers._unrefActive?.(o); timers.unenroll?.(o)",
  ],
  crypto: [
    "crypto.generateKeyPairSync('ed25519')", "crypto.generateKeySync('hmac', { length: 64 })", 'crypto.generatePrimeSync(16)', "crypto.createECDH('secp256k1').generateKeys()",
    "await crypto.webcrypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, true, ['encrypt'])",
    "await new Promise((done) => crypto.generateKeyPair('ed25519', {}, done))", "await new Promise((done) => crypto.generateKey('hmac', { length: 64 }, done))",
    'await new Promise((done) => crypto.generatePrime(16, done))', 'crypto.createDiffieHellman(crypto.getDiffieHellman("modp5").getPrime()).generateKeys()',
    "crypto.getDiffieHellman('modp5').generateKeys()", "crypto.createSign('sha256').update('x').sign(pairs.ec.privateKey)", "crypto.sign('sha256', Buffer.from('x'), pairs.ec.privateKey)",
    "crypto.publicEncrypt(pairs.rsa.publicKey, Buffer.from('x'))", "await crypto.webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pairs.sign.privateKey, Buffer.from('x'))",
    "await crypto.webcrypto.subtle.encrypt({ name: 'RSA-OAEP' }, pairs.oaep.publicKey, Buffer.from('x'))", "await crypto.webcrypto.subtle.encrypt('rsa-oaep', pairs.oaep.publicKey, Buffer.from('x'))",
    "await crypto.webcrypto.subtle.wrapKey('raw', pairs.aes, pairs.oaep.publicKey, { name: 'RSA-OAEP' })",
    "await crypto.encapsulate?.(pairs.kem?.publicKey)", "await crypto.webcrypto.subtle.encapsulateBits?.({ name: 'ML-KEM-768' }, pairs.kemWeb?.publicKey)",
    "await crypto.webcrypto.subtle.encapsulateKey?.({ name: 'ML-KEM-768' }, pairs.kemWeb?.publicKey, 'HKDF', false, ['deriveBits'])",
  ],
  'fs.watch': ["fs.watch('.').close()", "const stop = new AbortController(); fs.promises.watch('.', { signal: stop.signal }).next().catch(() => {}); stop.abort()", "fs.watchFile('x', () => {}); fs.unwatchFile('x')"],
  'process.binding': ["process.binding('uv')"],
};
/** Code that is no escape: nothing is told of it. */
const INSIDE = [
  "net.createServer((c) => c.end('x')).listen(5); await once(net.connect(5), 'connect')", 'setTimeout(() => {}, 5)', 'crypto.randomBytes(5)', 'process.kill(process.pid, 0)',
  "fs.readFileSync('/etc/hostname')", "await fs.promises.readFile('/etc/hostname')", "vm.runInThisContext('1')", "console.error.name", "new vm.Script('1').runInThisContext()",
  "crypto.createHash('sha1').update('x').digest()", "const o = new perf.PerformanceObserver(() => {}); o.observe({ entryTypes: ['mark'] }); o.disconnect()",
  "udp.createSocket('udp4').send('x', 9, '127.0.0.1')", "(await fetch('http://127.0.0.1:5/').catch(() => 0))",
];

const BEFORE = `
  import net from 'node:net'; import udp from 'node:dgram'; import fs from 'node:fs'; import vm from 'node:vm'; import tls from 'node:tls';
  import child from 'node:child_process'; import threads from 'node:worker_threads'; import crypto from 'node:crypto'; import perf from 'node:perf_hooks';
  import timers from 'node:timers';
  import { once } from 'node:events';
  import { doors, simulate } from './sim.mjs';
  const pair = async (algorithm, usages) => await crypto.webcrypto.subtle.generateKey(algorithm, true, usages);
  const pairs = {
    ec: crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }), rsa: crypto.generateKeyPairSync('rsa', { modulusLength: 1024 }),
    sign: await pair({ name: 'ECDSA', namedCurve: 'P-256' }, ['sign']),
    oaep: await pair({ name: 'RSA-OAEP', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-1' }, ['encrypt', 'wrapKey', 'decrypt', 'unwrapKey']),
    aes: await pair({ name: 'AES-GCM', length: 128 }, ['encrypt']),
    kem: crypto.encapsulate ? crypto.generateKeyPairSync('ml-kem-768') : undefined,
    kemWeb: crypto.webcrypto.subtle.encapsulateBits ? await pair({ name: 'ML-KEM-768' }, ['encapsulateBits', 'encapsulateKey', 'decapsulateBits', 'decapsulateKey']) : undefined,
  };
  const warnings = [];
  process.on('warning', ({ code, name, message }) => { if (code === 'SOCKSCAPE_ESCAPE') warnings.push([name, message]); });
  const told = {};
  const server = net.createServer((c) => c.resume()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const outer = net.connect(server.address().port, '127.0.0.1');
  await once(outer, 'connect');
  const outerUdp = udp.createSocket('udp4').bind(0, '127.0.0.1');
  await once(outerUdp, 'listening');
  const inWorld = (program) => simulate({ seed: 1 }, async (world) => {
    const client = world.host('client');
    world.cable(client, world.host('server'));
    await client.run(program);
    return world.escapes();
  });`;
const AFTER = `
  outer.destroy(); server.close(); outerUdp.close();
  await new Promise((done) => setImmediate(done));
  told.warnings = warnings;
  console.log(JSON.stringify(told));`;

interface Told {
  readonly name: string;
  readonly what: string;
  readonly where: string;
}

test('each door out of a world is told by name, with its place', () => {
  const codes = Object.entries(DOORS).flatMap(([name, doors]) => doors.map((code) => ({ name, code })));
  const { all, warnings, watched } = folder.result<{ all: Told[][]; warnings: [string, string][]; watched: string[] }>(`${BEFORE}
    told.all = [];
    told.watched = [...doors];
    ${codes.map(({ code }) => `told.all.push(await inWorld(async () => { ${code}; }));`).join('\n')}
    ${AFTER}`, ['--no-warnings']);
  codes.forEach(({ name, code }, i) => {
    const escapes = all[i] as Told[];
    // What this Node does not have, its doors do not have either (below).
    if (code.includes('?.') && escapes.length === 0) return;
    deepEqual([...new Set(escapes.map(({ name: kind }) => kind))], [name], code);
    for (const { where, what } of escapes) {
      match(where, /(main-\d+\.mjs|^node:\S+):\d+:\d+$/, code);
      ok(what.length > 10, code);
    }
  });
  // Every door of this Node has been drawn.
  const drawn = new Set(all.flat().map(({ what }) => what));
  deepEqual(watched.filter((what) => !drawn.has(what)), []);
  ok(watched.length > 50, `${watched.length} doors`);
  // One line for each kind, however often.
  equal(new Set(warnings.map(([, message]) => message.split(' leaves ')[0])).size, warnings.length);
  deepEqual(warnings.map(([, message]) => message.split(' leaves ')[0]).sort(), [...new Set(all.flat().map(({ name }) => name))].sort());
  for (const [name] of warnings) equal(name, 'EscapeWarning');
});

test('what stays inside is not told of', () => {
  const { all, warnings } = folder.result<{ all: Told[][]; warnings: unknown[] }>(`${BEFORE}
    told.all = [];
    ${INSIDE.map((code) => `told.all.push(await inWorld(async () => { ${code}; }));`).join('\n')}
    ${AFTER}`, ['--no-warnings']);
  INSIDE.forEach((code, i) => deepEqual(all[i], [], code));
  deepEqual(warnings, []);
});

test('the same calls outside of every world are nobody\'s business', () => {
  const { warnings } = folder.result<{ warnings: unknown[] }>(`${BEFORE}
    const going = { on: true };
    const world = simulate({ seed: 1 }, async (world) => { while (going.on) await world.sleep(1000); return world.escapes(); });
    ${[DOORS['child_process'], DOORS['vm'], DOORS['crypto'], DOORS['WeakRef'], DOORS['socket']].flat().map((code) => `${code};`).join('\n')}
    going.on = false;
    told.world = await world;
    ${AFTER}`, ['--no-warnings']);
  deepEqual(warnings, []);
});

test('a CommonJS module that took a clock or a generator for itself before sockscape is named', () => {
  folder.write('early-time.cjs', 'const now = Date.now();\nconst D = Date;\nexports.when = () => new D();\n');
  folder.write('early-chance.cjs', "const { randomBytes, createHash } = require('crypto');\nexports.draw = () => randomBytes(4);\n");
  folder.write('early-good.cjs', "const { readFile } = require('fs');\nconst t = setTimeout, now = Date.now();\nexports.f = () => new Date();\n");
  const escapes = folder.result<Told[]>(`
    import './early-time.cjs'; import './early-chance.cjs'; import './early-good.cjs';
    const { simulate } = await import('./sim.mjs');
    console.log(JSON.stringify(await simulate({ seed: 1 }, async (world) => world.escapes())));`, ['--no-warnings']);
  deepEqual(escapes.map(({ name, what, where }) => [name, / took (\S+) /.exec(what)?.[1], where.split('/').at(-1)]), [
    ['loaded early', 'Date', 'early-time.cjs'], ['loaded early', 'randomBytes', 'early-chance.cjs'],
  ]);
});

test('each way in which a CommonJS module takes a clock or a generator before sockscape', () => {
  const WAYS: Record<string, string> = {
    'const r = Math.random;': 'Math.random', 'const h = process.hrtime;': 'process.hrtime', 'const h = process.hrtime.bigint;': 'process.hrtime.bigint',
    'const u = process.uptime;': 'process.uptime', 'const n = performance.now;': 'performance.now', 'const D = globalThis.Date;': 'Date', 'const { Date: D } = globalThis;': 'Date',
    'const { random } = Math;': 'random', 'const { hrtime } = process;': 'hrtime', "const { uptime } = require('node:process');": 'uptime',
    ...Object.fromEntries(['randomBytes', 'randomInt', 'randomUUID', 'randomFill', 'randomFillSync', 'getRandomValues'].map((name) => [`const { ${name} } = require('node:crypto');`, name])),
  };
  const names = Object.keys(WAYS).map((text, i) => {
    folder.write(`way-${i}.cjs`, `${text}\nexports.x = 1;\n`);
    return `way-${i}.cjs`;
  });
  const escapes = folder.result<Told[]>(`
    ${names.map((name) => `import './${name}';`).join(' ')}
    const { simulate } = await import('./sim.mjs');
    console.log(JSON.stringify(await simulate({ seed: 1 }, async (world) => world.escapes())));`, ['--no-warnings']);
  const told = new Map(escapes.map(({ what, where }) => [where.split('/').at(-1), / took (\S+) /.exec(what)?.[1]]));
  deepEqual(names.map((name) => told.get(name)), Object.values(WAYS));
});

test('what was open before sockscape was loaded is the machine\'s: standard streams that are pipes, and sockets, which are told of', () => {
  const { stdout, stderr, status } = folder.run(`
    import net from 'node:net';
    import { once } from 'node:events';
    process.stderr.hasColors?.();
    process.stdout.hasColors?.();
    const server = net.createServer((c) => c.pipe(c)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const outer = net.connect(server.address().port, '127.0.0.1');
    await once(outer, 'connect');
    const { simulate } = await import('./sim.mjs');
    const escapes = await simulate({ seed: 1 }, async (world) => {
      await world.host('a').run(async () => {
        process.stderr.write('to stderr');
        process.stdout.write('to stdout ');
        outer.write('over the machine');
      });
      return world.escapes();
    });
    const [bytes] = await once(outer, 'data');
    console.log(String(bytes), escapes.map(({ name }) => name).join());
    outer.destroy();
    server.close();`, ['--no-warnings']);
  deepEqual([stdout, stderr, status], ['to stdout over the machine socket\n', 'to stderr', 0]);
});

test('a pool of several threads is told of when a program has work for two', () => {
  const run = (size: string): Told[] => folder.result<Told[]>(`
    import crypto from 'node:crypto';
    import { simulate } from './sim.mjs';
    const work = (n) => new Promise((done) => crypto.pbkdf2('a', 'b', n, 20, 'sha256', done));
    await work(1);
    await work(100000);
    console.log(JSON.stringify(await simulate({ seed: 1 }, async (world) => {
      await world.host('a').run(() => Promise.all([work(50000), work(50000)]));
      return world.escapes();
    })));`, ['--no-warnings'], { UV_THREADPOOL_SIZE: size });
  deepEqual(run('1'), []);
  deepEqual(run('4').map(({ name }) => name), ['thread pool']);
});

test('docs/virtual-time.md names every kind, and its epoch is the world\'s', () => {
  const section = GUIDE.split('## What escapes')[1]?.split('\n## ')[0] ?? '';
  const rows = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name);
  deepEqual(rows.sort(), [...Object.keys(DOORS), ...ELSEWHERE].sort());
  ok(GUIDE.includes('2026-01-01T00:00:00Z'));
});

for (const isFirst of [true, false]) {
  test(`the boundary of a form that fetch sends follows the seed, or is told of: ${isFirst ? 'sockscape' : 'node:http'} first`, () => {
    const told = folder.result<{ boundaries: string[][]; escapes: Told[] }>(`
      ${isFirst ? '' : "import 'node:http';"}
      const { simulate } = await import('./sim.mjs');
      await import('node:http');
      const draw = (seed) => simulate({ seed }, async (world) => {
        const boundaries = await world.host('a').run(() => [0, 1].map(() => {
          const form = new FormData();
          form.append('a', 'b');
          return new Response(form).headers.get('content-type');
        }));
        return { boundaries, escapes: world.escapes() };
      });
      const all = [await draw(1), await draw(1), await draw(2)];
      console.log(JSON.stringify({ boundaries: all.map(({ boundaries }) => boundaries), escapes: all[0].escapes }));`, ['--no-warnings']);
    const [first, again, other] = told.boundaries as [string[], string[], string[]];
    const follows = first.join() === again.join();
    ok(follows || !isFirst, 'who comes first sees nothing of the machine\'s');
    deepEqual(told.escapes.map(({ name, what }) => [name, what.split(':')[0]]), follows ? [] : [['loaded early', 'the boundary of a FormData']]);
    ok(first[0] !== first[1] && first[0] !== other[0]);
  });
}

test('a WebSocket of a Node whose fetch was loaded before sockscape is told of where its masks are the machine\'s', (t) => {
  if (typeof WebSocket === 'undefined') return t.diagnostic('this Node has no WebSocket');
  const escapes = folder.result<Told[]>(`
    import 'node:http';
    const { simulate } = await import('./sim.mjs');
    const escapes = await simulate({ seed: 1 }, async (world) => {
      await world.host('a').run(() => new Promise((resolve) => {
        new FormData();
        new WebSocket('ws://127.0.0.1:5').onerror = resolve;
      }));
      return world.escapes();
    });
    console.log(JSON.stringify(escapes));`, ['--no-warnings']);
  const kinds = escapes.map(({ what }) => what.split(':')[0]);
  ok(kinds.length === 0 || kinds.join() === 'the boundary of a FormData,the masks of a WebSocket', kinds.join());
});
