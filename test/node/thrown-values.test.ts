/**
 * Programs throw values that cannot be looked at: objects that are no string whatever one does, Proxies that throw or were
 * revoked, Errors whose getters throw. Each ends its world and nothing else: `simulate` rejects, with the value or with a
 * WorldError. In a process of its own, since what the test is about would end the test's.
 */
import { equal, match, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { buildSync } from 'esbuild';

const BEFORE = `
  import { EventEmitter } from 'node:events';
  import { simulate } from './src/entry/sim.node.ts';
  import { Process } from './src/api/posix/process.ts';
  import { SIGUSR1 } from './src/api/posix/constants.ts';
  const mine = () => { throw new Error('mine'); };
  const traps = { get: mine, has: mine, ownKeys: mine, getPrototypeOf: mine, apply: mine, getOwnPropertyDescriptor: mine };
  const revoked = () => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy; };
  const bent = (name) => Object.defineProperty(new Error('bent'), name, { get: mine });
  const VALUES = {
    'an object without a prototype': Object.create(null),
    'a function whose traps throw': new Proxy(() => {}, traps),
    'an object whose traps throw': new Proxy({}, traps),
    'a revoked Proxy': revoked(),
    'an object that throws at who reads it': { get stack() { return mine(); }, get message() { return mine(); }, toString: mine, [Symbol.toPrimitive]: mine },
    'an Error that does not tell its stack': bent('stack'),
    'an Error that does not tell its message': bent('message'),
    'an Error whose traps throw': new Proxy(new Error('inside'), { ...traps, getPrototypeOf: () => Error.prototype }),
    'a symbol': Symbol('mine'), 'null': null, 'nothing': undefined,
  };
  const PLACES = {
    body: (f) => f(),
    'world.at': async (f, { world }) => void world.at(5, f),
    'world.at, late': async (f, { world }) => void world.at(5, async () => f()),
    'host.run': (f, { host }) => host.run(f),
    'host.run that nobody awaits': (f, { host }) => void host.run(f),
    'a program': (f, { process }) => process.spawn(() => f()),
    'a program, late': (f, { process }) => process.spawn(async (child) => { await child.sleep(10); f(); }),
    'what a program returns': (f, { process }) => process.spawn(async () => ({ get then() { return f(); } })),
    'a signal handler': async (f, { process }) => { await process.signal(SIGUSR1, f); await process.raise(SIGUSR1); },
    'a signal handler, late': async (f, { process }) => { await process.signal(SIGUSR1, async () => { await null; f(); }); await process.raise(SIGUSR1); },
    'a task of the body': (f) => { void (async () => { await null; f(); })(); },
    timer: (f, { host }) => host.run(() => { setTimeout(f, 5); }),
    immediate: (f, { host }) => host.run(() => { setImmediate(f); }),
    tick: (f, { host }) => host.run(() => { process.nextTick(f); }),
    microtask: (f, { host }) => host.run(() => { queueMicrotask(f); }),
    emitter: (f, { host }) => host.run(() => { const e = new EventEmitter(); e.on('x', f); setTimeout(() => e.emit('x'), 1); }),
  };
  const told = {};
  const world = (act) => simulate({ seed: 1 }, async (world) => {
    const host = world.host('a');
    await act({ world, host, process: new Process(host, 'program') });
    await world.sleep(1e6);
    return 'resolved';
  });
  // Not by the error's own fields: they may throw.
  const outcome = (run, value) => Promise.race([
    run.then((result) => result, (error) => {
      if (Object.is(error, value)) return 'the value';
      return error?.name + ': ' + error?.message;
    }),
    new Promise((resolve) => globalThis.setTimeout(resolve, 20_000, 'not settled').unref()),
  ]);`;
const AFTER = 'console.log(JSON.stringify(told));';

function told(program: string): Record<string, string> {
  const stdin = { contents: BEFORE + program + AFTER, resolveDir: process.env.SOCKSCAPE_ROOT as string };
  const built = buildSync({ stdin, bundle: true, write: false, format: 'esm', platform: 'node', target: 'node20.19' });
  const env = { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' };
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module'], { input: built.outputFiles[0]?.text as string, encoding: 'utf8', env });
  equal(`${stderr}${status}`, '0');
  return JSON.parse(stdout) as Record<string, string>;
}

test('whatever is thrown, and wherever: the world ends with it, and the process goes on', () => {
  const results = told(`
    for (const [what, value] of Object.entries(VALUES)) for (const [place, run] of Object.entries(PLACES)) {
      told[place + ': ' + what] = await outcome(world((about) => run(() => { throw value; }, about)), value);
    }`);
  ok(Object.keys(results).length > 150);
  for (const [which, result] of Object.entries(results)) match(result, /^the value$|^WorldError: .*cannot be made a string|^WorldError: .* (null|undefined|Symbol\(mine\)) /, which);
});

test('whatever a program resolves to: a number is its exit code, nothing is 0, all else an error that names the program', () => {
  const results = told(`
    const RESULTS = { ...VALUES, bigint: 5n, text: '5', object: {}, number: 259, half: 3.9, 'not a number': NaN };
    for (const [what, value] of Object.entries(RESULTS)) {
      let status = 'none';
      const ended = await outcome(world(async ({ process }) => {
        await process.spawn(() => value, [], { name: 'odd' });
        status = (await process.wait()).status;
      }), value);
      told[what] = status + ' ' + ended;
    }`);
  // What `await` itself cannot read fails as it is, like every promise of such a value.
  equal(results['a revoked Proxy'], "256 TypeError: Cannot perform 'get' on a proxy that has been revoked (seed 1)");
  for (const name of ['a function whose traps throw', 'an object whose traps throw', 'an Error whose traps throw']) equal(results[name], '256 Error: mine (seed 1)', name);
  equal(results['number'], `${3 << 8} resolved`);
  equal(results['half'], `${3 << 8} resolved`);
  equal(results['not a number'], '0 resolved');
  equal(results['nothing'], '0 resolved');
  const refused = { bigint: 'a bigint', text: 'a string', object: 'an object', null: 'null', 'a symbol': 'a symbol', 'an object without a prototype': 'an object' };
  for (const [what, words] of Object.entries(refused)) {
    equal(results[what], `256 TypeError: spawn: the result of the program odd must be a number (its exit code) or nothing, not ${words} (seed 1)`);
  }
});

test('the name of a program may be anything: it has that of its parent then', () => {
  const results = told(`
    const named = (name) => Object.defineProperty(async () => 0, 'name', name);
    for (const [what, name] of Object.entries({ symbol: { value: Symbol('x') }, getter: { get: mine }, empty: { value: '' }, text: { value: 'child' } })) {
      told[what] = await outcome(world(async ({ process }) => {
        const pid = await process.spawn(named(name));
        const buffer = new Uint8Array(64);
        const fd = await process.open('/proc/' + pid + '/comm', 0, 0);
        throw new Error(new TextDecoder().decode(buffer.subarray(0, await process.read(fd, buffer))).trim());
      }));
    }`);
  equal(JSON.stringify(results), JSON.stringify({
    symbol: 'Error: program (seed 1)', getter: 'Error: program (seed 1)', empty: 'Error: program (seed 1)', text: 'Error: child (seed 1)',
  }));
});

test('a handler that returns a promise of its own kind: one that throws when it is asked, or answers twice', () => {
  const results = told(`
    class Asked extends Promise { then() { return mine(); } }
    class Twice extends Promise { then(f, g) { return super.then((value) => { f?.(value); f?.(value); }, g); } }
    const odd = { then: Asked, twice: Twice };
    for (const [name, Kind] of Object.entries(odd)) {
      told[name] = await outcome(world(async ({ process }) => {
        let count = 0;
        await process.signal(SIGUSR1, () => { count++; return new Kind((resolve) => resolve(0)); });
        await process.raise(SIGUSR1);
        await process.sleep(5);
        await process.raise(SIGUSR1);
        await process.sleep(5);
        throw new Error('handled ' + count);
      }));
    }
    told.returned = await outcome(world(async ({ process }) => {
      await process.signal(SIGUSR1, () => revoked());
      await process.raise(SIGUSR1);
    }));`);
  equal(results['then'], 'Error: mine (seed 1)');
  equal(results['twice'], 'Error: handled 2 (seed 1)');
  equal(results['returned'], 'resolved');
});
