/**
 * Worlds beside each other in one process: the errors of each are its own. In processes without node:test, which listens
 * for rejections itself and would fail the test with them.
 */
import { deepEqual, equal, match } from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { buildSync } from 'esbuild';

const BEFORE = `
  import { simulate as simulateWith } from './src/sim/world.ts';
  import { Process } from './src/api/posix/process.ts';
  import { SIGUSR1 } from './src/api/posix/constants.ts';
  import { turn, watchedBy, watchRejections } from './src/platform/node/turn.ts';
  const simulate = (seed, body) => simulateWith({ seed, turn, watchRejections, watchedBy }, body);
  const fail = async (message) => { throw new Error(message); };
  // Lives on for 40 turns of its own, each in virtual time.
  const live = async (world) => {
    for (let i = 0; i < 40; i++) await world.sleep(1000);
    return 'lived';
  };
  const tell = async (...worlds) => {
    for (const { value, reason } of await Promise.allSettled(worlds)) console.log(value ?? String(reason));
  };`;

function run(program: string): SpawnSyncReturns<string> {
  const stdin = { contents: BEFORE + program, resolveDir: process.env.SOCKSCAPE_ROOT as string };
  const built = buildSync({ stdin, bundle: true, write: false, format: 'esm', platform: 'node', target: 'es2022' });
  // Without the options of a run under test: what is looked at is Node's own way with rejections.
  const env = { ...process.env, NODE_OPTIONS: '' };
  return spawnSync(process.execPath, ['--input-type=module'], { input: built.outputFiles[0]?.text as string, encoding: 'utf8', env });
}

function told(program: string): string[] {
  const { stdout, stderr } = run(program);
  equal(stderr, '');
  return stdout.trimEnd().split('\n');
}

test('a promise that nobody looks at fails the world it was made in, and no other', () => {
  deepEqual(told(`await tell(simulate('before', live), simulate('one', async (world) => {
    await world.sleep(5000);
    void fail('a task of one world');
    return live(world);
  }), simulate('after', live));`), ['lived', 'Error: a task of one world (seed one)', 'lived']);
});

test('what a task of a world starts belongs to it, also where a process waits in between', () => {
  deepEqual(told(`await tell(simulate('deep', async (world) => {
    const process = new Process(world.host('a'), 'a');
    void (async () => {
      await process.sleep(3000);
      void (async () => {
        await process.sleep(3000);
        await fail('deep in a task');
      })();
    })();
    return live(world);
  }), simulate('other', live));`), ['Error: deep in a task (seed deep)', 'lived']);
});

test('a handler that throws in the last call of a body fails that world, not the next one', () => {
  deepEqual(told(`
    await tell(simulate('handler', async (world) => {
      const process = new Process(world.host('a'), 'a');
      await process.sigaction(SIGUSR1, { handler: () => { throw new Error('by a handler'); } });
      await process.kill(process.pid, SIGUSR1);
      return 'not seen';
    }));
    await tell(simulate('next', live));`), ['Error: by a handler (seed handler)', 'lived']);
});

test('a world in the body of another is refused with its reason, and one after it is not', () => {
  deepEqual(told(`
    await simulate('outer', async (world) => {
      await world.sleep(1000);
      await tell(simulate('inner', live));
    });
    await tell(simulate('inner', live));`), [
    'WorldError: simulate inside of the world with seed outer: worlds run beside each other, not in each other', 'lived',
  ]);
});

test('a rejection of no world, and one of a world that has ended, ends the process, as without worlds', () => {
  const none = run(`const world = simulate('w', live); void fail('of no world'); await tell(world);`);
  equal(none.status, 1);
  match(none.stderr, /Error: of no world\n/);
  const late = run(`
    await simulate('first', async () => { setTimeout(() => void fail('too late'), 20); });
    await tell(simulate('second', async (world) => { for (let i = 0; i < 1e6; i++) await world.sleep(1000); }));`);
  equal(late.status, 1);
  match(late.stderr, /Error: too late\n/);
});

test('a rejection of no world is left to the listener of the program when it has one', () => {
  deepEqual(told(`
    process.on('unhandledRejection', (error) => console.log('heard', error.message));
    const world = simulate('w', live);
    void fail('of no world');
    await tell(world);`), ['heard of no world', 'lived']);
});
