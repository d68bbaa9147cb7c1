import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { Program } from '../api/posix/program.ts';
import { Loop } from '../base/loop.ts';
import { Host } from '../host.ts';
import { NodeEnvironment } from '../platform/node/environment.ts';
import { runPrograms, type Task } from './program-run.ts';

/** Runs programs on a host in real time; which of them have begun, and the status. */
async function run(...programs: readonly Program[]): Promise<{ begun: number[]; status: number }> {
  const environment = new NodeEnvironment();
  const loop = new Loop(environment);
  const host = new Host({ name: 'a', loop, random: environment.entropy });
  const begun: number[] = [];
  try {
    const tasks = programs.map((program, i): Task => ({
      host, name: `p${i}`, args: [], readsInput: false,
      run: (process, args) => {
        begun.push(i);
        return program(process, args);
      },
    }));
    return { status: await runPrograms(tasks), begun };
  } finally {
    loop.stop();
  }
}

/** Asks the command to end, and waits for nothing of its host: the next program is not begun before it has ended. */
const asks = (signal: NodeJS.Signals): Program => (child) => {
  process.kill(process.pid, signal);
  return new Promise((resolve) => {
    const look = (): void => void (child.core.exited ? resolve(0) : setImmediate(look));
    look();
  });
};

test('a signal that comes before all programs are started ends them: the others are not begun, the status tells the signal', async () => {
  deepEqual(await run(asks('SIGTERM'), async () => 0), { begun: [0], status: 128 + 15 });
  deepEqual(await run(asks('SIGHUP'), async () => 0, async () => 0), { begun: [0], status: 128 + 1 });
});

test('else the status is that of the last one, also when a signal ends it', async () => {
  deepEqual(await run(async (child) => child.pause().then(() => 0), async () => 3), { begun: [0, 1], status: 3 });
  equal((await run(asks('SIGTERM'))).status, 128 + 15);
});
