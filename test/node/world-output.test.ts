/** What programs of a world print, and what worlds hear of errors that nobody catches. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { type NodeWorld, simulate, WorldLog } from '../../src/entry/sim.node.ts';

async function logOf(body: (world: NodeWorld) => Promise<void>): Promise<string[]> {
  const log = new WorldLog();
  await simulate({ seed: 1, log }, body);
  return log.text().split('\n');
}

test('a log has what each host prints, at its virtual time, by console and by the streams', async () => {
  const lines = await logOf(async (world) => {
    const [a, b] = [world.host('a'), world.host('b')];
    await a.run(async () => {
      console.log('one %d', 1);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      console.error({ two: 2 });
      process.stdout.write('half a line');
    });
    await b.run(() => {
      console.group('group');
      console.log('inside');
      console.groupEnd();
      console.count('calls');
      process.stdout.write(Buffer.from('whole\nand begun'));
    }, { name: 'other' });
    await a.run(() => console.count('calls'));
    console.log('the body');
  });
  assert.deepEqual(lines, [
    '       0.000000 a        program node begins',
    '       0.000000 a        stdout  one 1',
    '       1.500000 a        stderr  { two: 2 }',
    '       1.500000 b        program other begins',
    '       1.500000 b        stdout  group',
    '       1.500000 b        stdout    inside',
    '       1.500000 b        stdout  calls: 1',
    '       1.500000 b        stdout  whole',
    '       1.500000 a        program node begins',
    '       1.500000 a        stdout  calls: 1',
    '       1.500000 world    stdout  the body',
    '       1.500000 a        stdout  half a line',
    '       1.500000 a        program node ends with 0',
    '       1.500000 a        program node ends with 0',
    '       1.500000 b        stdout  and begun',
    '       1.500000 b        program other ends with 0',
    '',
  ]);
});

test('console.time tells the time of the world', async () => {
  const lines = await logOf(async (world) => {
    await world.host('a').run(async () => {
      console.time('t');
      await new Promise((resolve) => setTimeout(resolve, 250));
      console.timeEnd('t');
      console.timeEnd('t');
    });
  });
  assert.match(lines[1] as string, / stdout {2}t: 250\.000ms$/);
  assert.match(lines[2] as string, / stderr {2}Warning: No such label 't'/);
});

test('an exception in a callback, a tick, a microtask or a timer fails its world once, and no other listener hears of it', async () => {
  const heard: unknown[] = [];
  const listener = (reason: unknown): void => void heard.push(reason);
  process.on('unhandledRejection', listener).on('uncaughtException', listener);
  const oops = (): never => {
    throw new Error('oops');
  };
  try {
    for (const begin of [
      () => process.nextTick(oops), () => queueMicrotask(oops), () => setTimeout(oops, 10), () => setImmediate(oops), () => void Promise.resolve().then(oops),
      () => {
        const server = net.createServer(oops).listen(80, () => net.connect(80, '127.0.0.1'));
        void server;
      },
    ]) {
      await assert.rejects(simulate({ seed: 3 }, async (world) => {
        await world.host('a').run(begin);
        await world.sleep(1e6);
      }), /^Error: oops \(seed 3\)$/, String(begin));
    }
    // What goes wrong after that follows from it.
    await assert.rejects(simulate({ seed: 4 }, async () => {
      void Promise.reject(new Error('a second one'));
      throw new Error('the first one');
    }), /the first one/);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(heard, []);
  } finally {
    process.off('unhandledRejection', listener).off('uncaughtException', listener);
  }
});

test('a world whose programs spin at one instant ends by its limit of turns', async () => {
  for (const body of [
    async (world: NodeWorld) => {
      await world.host('a').run(() => {
        const again = (): void => void setImmediate(again);
        again();
      });
    },
    async (world: NodeWorld) => {
      const spin = async (): Promise<void> => {
        for (;;) await new Promise((resolve) => setImmediate(resolve));
      };
      void world.host('b').run(spin);
      await world.sleep(1e6);
    },
  ]) {
    await assert.rejects(simulate({ seed: 1, turnLimit: 1000 }, body), /WorldError: the world ran 1000 turns of user code, all at 0 s of its time, without an end/);
  }
});

test('a stuck world says which sockets its hosts have', async () => {
  await assert.rejects(simulate({ seed: 1 }, async (world) => {
    const [a, b] = [world.host('a'), world.host('b')];
    world.cable(a, b, { delayUs: 1000 });
    await b.run(() => void net.createServer(() => {}).listen(80));
    await a.run(async () => {
      const socket = net.connect(80, '10.0.1.2');
      await once(socket, 'data');
    });
  }), /the world is stuck \(seed 1\): .*a has 10\.0\.1\.1:\d+ to 10\.0\.1\.2:80 in ESTABLISHED; b has .*:80 in LISTEN.*10\.0\.1\.2:80 to 10\.0\.1\.1:\d+ in ESTABLISHED/);
});
