/** simTest as a user's file has it: its seeds, its failures, and every way in which a world can fail to end. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { root } from '../results.ts';
import { BURN, buildPackage, cleanEnvironment, type FileOptions, type FileRun, runTestFile, scratchFolder } from './sim-test-file.ts';

const scratch = scratchFolder();
const failures = join(scratch.path, 'failures');
after(scratch.remove);
let files = 0;

const BEFORE = `
  import assert from 'node:assert/strict';
  import { appendFileSync } from 'node:fs';
  import net from 'node:net';
  import { describe, test } from 'node:test';
  import { simTest } from 'sockscape/test';
  const failures = ${JSON.stringify(failures)};
  ${BURN}
`;

function run(text: string, options: FileOptions = {}): FileRun {
  return runTestFile(scratch.write(`${++files}.test.mjs`, BEFORE + text), options);
}

function passes(text: string, options?: FileOptions): string {
  const { output, status } = run(text, options);
  assert.equal(status, 0, output);
  return output;
}

function fails(text: string, words: RegExp, options?: FileOptions): string {
  const { output, status } = run(text, options);
  assert.equal(status, 1, output);
  assert.match(output, words);
  assert.match(output, /^# fail 1$/m);
  return output;
}

const seedsOf = (name: string): string[] => readFileSync(join(scratch.path, name), 'utf8').trim().split('\n');
const note = (name: string): string => `appendFileSync(${JSON.stringify(join(scratch.path, name))}, world.seed + '\\n')`;

test('seeds are numbers of the name: as many as asked for, a range, one, or those that the environment names', () => {
  passes(`simTest('a', { seeds: 3 }, async (world) => ${note('a')}); simTest('b', { seeds: [7, 8] }, async (world) => ${note('b')});
    simTest('c', { seed: 5 }, async (world) => ${note('c')}); simTest('d', { seed: 'as it is' }, async (world) => ${note('d')});`);
  assert.deepEqual(['a', 'b', 'c', 'd'].map(seedsOf), [['a/1', 'a/2', 'a/3'], ['b/7', 'b/8'], ['c/5'], ['as it is']]);
  passes(`simTest('e', { seeds: 3 }, async (world) => ${note('e')});`, { env: { SOCKSCAPE_SEED: '5..9' } });
  assert.deepEqual(seedsOf('e'), ['e/5', 'e/6', 'e/7', 'e/8', 'e/9']);
  passes(`simTest('f', { seeds: 3 }, async (world) => ${note('f')});`, { env: { SOCKSCAPE_SEED: '17' } });
  assert.deepEqual(seedsOf('f'), ['f/17']);
});

test('the line that replays has the options that were typed, and no others', () => {
  const loaded = scratch.write('loaded.mjs', 'globalThis.isLoaded = true;\n');
  const output = fails(`simTest('fails', { seeds: 2, shrink: false, failures }, async () => assert.ok(!globalThis.isLoaded, 'loaded'));`, /seed 1: loaded/, { args: ['--import', loaded] });
  const [, options] = /replay: SOCKSCAPE_SEED=1 node (.*)--test '--test-name-pattern=fails\$' /.exec(output) as unknown as [string, string];
  assert.equal(options.replace('=', ' '), `--import ${loaded} `);
});

test('long runs go to processes of their own: every seed once, and the lowest that fails is told', () => {
  const busy = 'burn(60);';
  const text = (body: string): string => `test('other', () => appendFileSync(${JSON.stringify(join(scratch.path, 'other'))}, 'x\\n'));
    describe('group', () => { simTest('on all cores', { seeds: 24, jobs: 3, failures: ${JSON.stringify(failures)} }, async (world) => { ${note('shared')}; ${body} }); });`;
  passes(text(`appendFileSync(${JSON.stringify(join(scratch.path, 'pids'))}, process.pid + '\\n'); ${busy}`));
  const numbers = seedsOf('shared').map((seed) => Number(seed.split('/')[1])).sort((a, b) => a - b);
  assert.deepEqual(numbers, Array.from({ length: 24 }, (_, i) => i + 1));
  assert.equal(new Set(seedsOf('pids')).size, 4, 'the first process, and three more');
  assert.deepEqual(seedsOf('other'), ['x'], 'other tests of the file run once');
  const output = fails(text(`${busy} if (world.seed.split('/')[1] >= 19) throw new Error('from nineteen on');`), /seed 19: from nineteen on/);
  assert.match(output, /seeds that passed before: 18/);
  assert.match(output, /at file:.*\.test\.mjs:\d+:\d+|file:.*\.test\.mjs:\d+:\d+/);
});

test('a world that is stuck ends at once, and says who waits', () => {
  fails(`simTest('stuck', { seeds: 2, failures }, async (world) => {
      await world.host('a').run(() => new Promise((resolve) => net.createServer(resolve).listen(80)));
    });`, /seed 1: the world is stuck: .*a has .*:80 in LISTEN/);
});

test('worlds that spin end: by a day of virtual time, by turns at one instant', () => {
  fails(`simTest('clock', { seeds: 1, failures }, async (world) => { for (;;) await world.sleep(3600e6); });`, /seed 1: the world ran \d+ events and 8[56]\d{3}\.?\d* s of its time without an end/);
  fails(`simTest('turns', { seeds: 1, turnLimit: 5000, failures }, async (world) => {
      await world.host('a').run(async () => { for (;;) await new Promise((resolve) => setImmediate(resolve)); });
    });`, /seed 1: the world ran 5000 turns of user code, all at 0 s of its time, without an end/);
});

test('code that never comes back ends its process, which says where it was', () => {
  const where = /seed 1: the world's code ran for 500 ms of the machine's time without coming back, at\n#?\s+at spinning \(.*\.test\.mjs:\d+:\d+\)[\s\S]*2\.000000 s +it failed[\s\S]*replay: SOCKSCAPE_SEED=1 node --test/;
  const spinning = 'await world.sleep(2e6); await world.host("a").run(function spinning() { for (;;); });';
  fails(`simTest('loop', { seeds: 3, loopLimitMs: 500, failures }, async (world) => { ${spinning} });`, where);
  fails(`simTest('microtasks', { seeds: 1, loopLimitMs: 500, failures }, async (world) => { for (;;) await null; });`, /seed 1: the world's code ran for 500 ms/);
  // In a process of its own it is that process which is lost: the test fails, and what is behind it runs.
  const output = fails(`simTest('loop far', { seeds: 30, jobs: 2, loopLimitMs: 500, failures }, async (world) => {
      burn(50);
      if (world.seed === 'loop far/25') { ${spinning} }
    });
    test('behind it', () => {});`, /seed 25: the world's code ran for 500 ms[\s\S]*files: \S*loop-far-25\.pcapng, /);
  assert.match(output, /^# pass 1$/m);
});

test('a pause of the debugger is no loop, and its process runs all seeds', () => {
  const text = `simTest('paused', { seeds: 2, loopLimitMs: 300, failures }, async (world) => {
      burn(1200);
    });`;
  fails(text, /without coming back/);
  const file = scratch.write('paused.test.mjs', BEFORE + text);
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--inspect=127.0.0.1:0', file], { cwd: root, encoding: 'utf8', env: cleanEnvironment(), timeout: 60_000 });
  assert.equal(status, 0, stdout + stderr);
});

test('an error that nobody catches is told once: a rejection, a callback, one that follows from another', () => {
  for (const [body, words] of [
    ["void Promise.reject(new Error('nobody looks')); await world.sleep(1e6);", /seed 1: nobody looks/],
    ["await world.host('a').run(() => void setTimeout(() => { throw new Error('in a timer'); }, 5)); await world.sleep(1e6);", /seed 1: in a timer/],
    ["void Promise.reject(new Error('the second')); throw new Error('the first');", /seed 1: the first/],
    ['assert.deepEqual({ a: 1 }, { a: 2 });', /seed 1: Expected values to be strictly deep-equal/],
  ] as const) {
    const output = fails(`simTest('told once', { seeds: 2, failures }, async (world) => { ${body} });`, words);
    assert.match(output, /^# tests 1$/m);
  }
});

test('what depends on the seeds before it in the same process is called so', () => {
  fails(`let runs = 0; simTest('state', { seeds: 5, failures }, async () => { if (++runs === 3) throw new Error('the third run'); });`,
    /seed 3: the third run[\s\S]*in a process of its own the seed does not fail[\s\S]*replay: SOCKSCAPE_SEED=1\.\.3 node/);
});

test('a failure leaves its files in the folder asked for, and none is made by what passes', () => {
  const folder = join(scratch.path, 'elsewhere');
  passes(`simTest('fine', { seeds: 3, failures: ${JSON.stringify(folder)} }, async () => {});`);
  assert.ok(!existsSync(folder));
  fails(`simTest('a/b c', { seeds: 3, failures: ${JSON.stringify(folder)} }, async (world) => {
      world.cable(world.host('a'), world.host('b'));
      await world.hosts[0].run(() => console.log('hello'));
      throw new TypeError('no');
    });`, /seed 1: no/);
  assert.deepEqual(readdirSync(folder).sort(), ['a-b-c-1.log', 'a-b-c-1.pcapng']);
  assert.equal(readFileSync(join(folder, 'a-b-c-1.log'), 'utf8'), [
    '       0.000000 a        program node begins', '       0.000000 a        stdout  hello', '       0.000000 a        program node ends with 0',
    '       0.000000 world    failed  TypeError: no (seed a/b c/1)', '',
  ].join('\n'));
});

test('Ctrl-C ends the run and every process of it', async () => {
  buildPackage();
  const mark = `mark-${process.pid}-${Date.now()}`;
  const file = scratch.write('long.test.mjs', `${BEFORE} simTest('long', { seeds: 100000, jobs: 2 }, async (world) => { await world.sleep(1e6); });`);
  const child = spawn(process.execPath, ['--test', file], { cwd: root, detached: true, stdio: 'ignore', env: cleanEnvironment({ SOCKSCAPE_MARK: mark }) });
  const alive = (): number => readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark) && !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
    } catch {
      return false;
    }
  }).length;
  const until = async (condition: () => boolean): Promise<boolean> => {
    for (const end = Date.now() + 20_000; Date.now() < end; ) {
      if (condition()) return true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  };
  assert.ok(await until(() => alive() === 4), 'the runner, the file, two shares');
  process.kill(-(child.pid as number), 'SIGINT');
  assert.ok(await until(() => alive() === 0), 'all of them have ended');
});

test('what cannot work says so: options, other runners', () => {
  fails(`simTest('x', { seed: 1, seeds: 2 }, async () => {});`, /seed and seeds are both given/);
  fails(`simTest('x', { seedz: 2 }, async () => {});`, /unknown option seedz; there are seeds, seed,/);
  fails(`simTest('x', { seeds: 0 }, async () => {});`, /no range of seeds: 1\.\.0/);
  fails(`simTest('x', async () => {});`, /SOCKSCAPE_LEAVE_OUT: takes numbers of faults, 0,3,4, not x/, { env: { SOCKSCAPE_LEAVE_OUT: 'x' } });
  fails(`simTest('x', async () => {});`, /simTest does not run under jest.*node --test.*vitest/, { env: { JEST_WORKER_ID: '1' } });
});

test('a world with a gateway says that no seed replays it, and looks for no fewer faults', () => {
  const output = fails(`simTest('gateway', { seeds: 1, failures }, async (world) => {
      world.host('door').gateway('127.0.0.1:9');
      world.at(1000, () => {}, 'one');
      world.at(2000, () => {}, 'two');
      await world.sleep(5000);
      throw new Error('as planned');
    });`, /seed 1: as planned\n/);
  assert.match(output, /no seed replays it \(port 9 of door is 127\.0\.0\.1:9, in real time\); run again: SOCKSCAPE_SEED=1 node /);
  assert.doesNotMatch(output, /faults are enough|without any of its/);
});

test('a seed that throws what cannot be looked at fails like any other: with its words, its file and how to replay it', () => {
  const values = {
    bare: ['Object.create(null)', /seed 1: something that is no Error was thrown: \[Object: null prototype\] \{\}/],
    inspected: ["{ [Symbol.for('nodejs.util.inspect.custom')]() { throw new Error('mine'); } }", /seed 1: something that is no Error was thrown: \[object Object\]/],
    revoked: ['(() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy; })()', /seed 1: something that is no Error was thrown: <Revoked Proxy>/],
    stack: ["Object.defineProperty(new Error('bent'), 'stack', { get() { throw new Error('mine'); } })", /seed 1: bent/],
    message: ["Object.defineProperty(new Error('bent'), 'message', { get() { throw new Error('mine'); } })", /seed 1: an Error whose message cannot be read/],
    field: ["Object.defineProperty(new Error('bent'), 'more', { enumerable: true, get() { throw new Error('mine'); } })", /seed 1: bent/],
    name: ["Object.defineProperty(new Error('bent'), 'name', { value: Symbol('mine') })", /seed 1: bent/],
    traps: ["new Proxy(new Error('bent'), { get() { throw new Error('mine'); }, ownKeys() { throw new Error('mine'); } })", /seed 1: an Error whose message cannot be read/],
  } as const;
  for (const [name, [value, words]] of Object.entries(values)) {
    const output = fails(`simTest('${name}', { seeds: 2, failures }, async () => { throw ${value}; });`, words);
    assert.match(output, /replay: SOCKSCAPE_SEED=1 /, name);
  }
});
