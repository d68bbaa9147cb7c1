/**
 * Line 4: nothing stays. Hosts of this folder's tests are asked at their end, none can be forgotten, and a leak of any kind
 * is noticed: in a world, on a host by itself, on TAP devices, and in a command.
 */
import { deepEqual, match, ok, rejects, throws } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { Loop } from '../../src/base/loop.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { releaseChunk, takeChunk } from '../../src/base/slab.ts';
import { Timer } from '../../src/base/timer-queue.ts';
import { VirtualClock } from '../../src/base/virtual-clock.ts';
import { Poll, Waiter, WaitQueue } from '../../src/base/wait-queue.ts';
import { CommandHosts } from '../../src/cli/leftovers.ts';
import type { Host } from '../../src/host.ts';
import { Running, root, run } from './command.ts';
import { HostReports } from './host-reports.ts';
import { interopWorld, VirtualHost } from './hosts.ts';

class LostTimer extends Timer {
  override expired(): void {}
}

class LostWaiter extends Waiter {
  override events = Poll.IN;
  override wake(): void {}
  override deliver(): void {}
  override attempt(): void {}
}

/** What is done to a host that must be noticed at its end, the words for it, and how to undo it. */
interface Leak {
  readonly what: string;
  readonly words: RegExp;
  plant(host: Host): Promise<() => void>;
}

const LEAKS: readonly Leak[] = [
  {
    what: 'a descriptor', words: /\b1 open file descriptions/,
    async plant(host) {
      const process = new Process(host, 'leaks');
      const fd = await process.open('/dev/null', 0);
      const file = process.core.descriptors.file(fd);
      ok(file !== null);
      // Somebody who takes a reference, and whom no close reaches.
      file.hold();
      return () => file.letGo();
    },
  },
  {
    what: 'a chunk', words: /\b1 chunks/,
    async plant() {
      const chunk = takeChunk();
      return () => releaseChunk(chunk);
    },
  },
  {
    what: 'a timer', words: /: timer of LostTimer at \d+/,
    async plant({ stack: { context } }) {
      const timer = new LostTimer();
      timer.deadline = context.loop.now + 1e12;
      context.timers.arm(timer);
      return () => context.timers.disarm(timer);
    },
  },
  {
    what: 'an endpoint', words: /: raw endpoint of protocol 17/,
    async plant({ stack }) {
      const endpoint = stack.raw.create(true, 17);
      return () => stack.raw.remove(endpoint);
    },
  },
  {
    what: 'a wait-queue entry', words: /\b1 wait-queue entries/,
    async plant() {
      const queue = new WaitQueue(), waiter = new LostWaiter();
      queue.add(waiter);
      return () => queue.remove(waiter);
    },
  },
];

for (const { what, words, plant } of LEAKS) {
  test(`${what} that stays is noticed in a world`, async () => {
    let undo = (): void => {};
    await rejects(interopWorld({ seed: 1 }, async (world) => {
      world.host('quiet');
      undo = await plant(world.host('leaking'));
    }), words);
    undo();
    await interopWorld({ seed: 1 }, async (world) => (await plant(world.host('leaking')))());
  });

  test(`${what} that stays is noticed on a host by itself`, async () => {
    const own = new VirtualHost('own');
    const undo = await plant(own.host);
    await rejects(own.end(), words);
    undo();
  });

  test(`${what} that stays is noticed on a command's host`, async () => {
    const hosts = new CommandHosts();
    const random = new SeededRandom('leaks');
    const host = hosts.make({ name: 'command', loop: new Loop(new VirtualClock(random, (fn) => setImmediate(fn))), random });
    let undo = (): void => {};
    // A timer or an endpoint that was there before is ended with the host: what comes after it is what a device may do.
    const process = new Process(host, 'before');
    await process.getpid();
    if (/descriptor/.test(what)) undo = await plant(host);
    let later: Promise<() => void> | null = null;
    const left = hosts.end(() => {
      if (!/descriptor/.test(what)) later = plant(host);
    });
    match(left, words);
    if (later !== null) undo = await later;
    undo();
  });
}

test('of a child, what its hosts left fails the test, and so does one that was not asked', async () => {
  const child = (lines: string, status: number): string[] => [
    process.execPath, '-e', `require('fs').appendFileSync(process.env.SOCKSCAPE_LEFTOVERS, ${JSON.stringify(lines)}); process.exit(${status})`,
  ];
  const [good, bad, unasked] = ['1 begins\n1 nothing\n2 begins\n2 nothing\n', '1 begins\n1 2 chunks\n2 begins\n2 nothing\n', '1 begins\n1 nothing\n2 begins\n'];
  run(child(good, 0));
  await new Running(child(good, 0)).ended();
  throws(() => run(child(bad, 3)), /its hosts left behind: 2 chunks/);
  await rejects(new Running(child(bad, 0)).ended(), /its hosts left behind: 2 chunks/);
  throws(() => run(child(unasked, 0)), /its hosts were not asked/);
  await rejects(new Running(child(unasked, 0)).ended(), /its hosts were not asked/);
  run(child(unasked, 1));
  deepEqual(new HostReports().problems(true), []);
});

/** Where a host may be made, or a command started, in this folder and by commands. */
const MAKERS = new Set(['test/interop/hosts.ts', 'src/cli/leftovers.ts']);
const MAKES_HOSTS = /\bnew (Host|World)\(|\bsimulate\(|[^.\w]simulate\b.*\bfrom\b/;
/** A command may be started where its hosts are asked. */
const STARTERS = new Set(['test/interop/command.ts']);
const STARTS_COMMANDS = /\b(spawn|exec|execFile|fork)(Sync)?\(.*(commandLine|launcher|sockscape|cli\.js)/;

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => `${folder}/${name}`);
}

function breaches(names: readonly string[], allowed: ReadonlySet<string>, pattern: RegExp): string[] {
  const self = 'test/interop/hosts.test.ts';
  return names.filter((name) => name !== self && !allowed.has(name)).filter((name) =>
    readFileSync(join(root, name), 'utf8').split('\n').some((line) => !/^\s*(\*|\/\/|\/\*)/.test(line) && pattern.test(line)));
}

test('no test of this folder and no command makes a host that nobody asks', () => {
  const tests = sources('test/interop');
  const commands = sources('src/cli').filter((name) => !name.endsWith('.test.ts'));
  ok(tests.length > 30 && commands.length > 15);
  deepEqual(breaches([...tests, ...commands], MAKERS, MAKES_HOSTS), []);
  deepEqual(breaches(tests, STARTERS, STARTS_COMMANDS), []);
  // They would be found.
  for (const line of ['const host = new Host({ name, loop });', "import { simulate } from '../../src/entry/sim.node.ts';", '  simulate({ seed: 1 }, body)']) {
    match(line, MAKES_HOSTS);
  }
  for (const line of ["execFileSync(join(root, 'bin/sockscape.cjs'))", 'spawn(commandLine("demo"))', 'spawnSync(node, commandLine(x))']) match(line, STARTS_COMMANDS);
});
