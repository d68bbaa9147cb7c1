/** Tasks that never wait leave room for everything else of the process, and a world notices when they only spin. */
import { equal, match, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { IpAddress } from '../../src/base/inet-address.ts';
import { Loop } from '../../src/base/loop.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { Host } from '../../src/host.ts';
import { NodeEnvironment } from '../../src/platform/node/environment.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';
import { Process } from '../../src/api/posix/process.ts';

test('real time: a task whose calls all succeed at once lets timers fire', async () => {
  const environment = new NodeEnvironment();
  const loop = new Loop(environment);
  const host = new Host({ name: 'busy', loop, random: environment.entropy });
  const process = new Process(host, 'busy');
  let fired = 0;
  const timer = setInterval(() => fired++, 1);
  let calls = 0;
  // Without a turn in between the timer never fires and this never ends.
  while (fired < 20) {
    await process.dup2(1, 2);
    await process.poll([{ fd: 1, events: 4, revents: 0 }], 0);
    calls += 2;
  }
  clearInterval(timer);
  ok(calls > 100, `${calls} calls`);
  loop.stop();
});

test('real time: two tasks that move data without ever waiting let timers fire', async () => {
  const environment = new NodeEnvironment();
  const loop = new Loop(environment);
  const host = new Host({ name: 'busy', loop, random: environment.entropy });
  const process = new Process(host, 'busy');
  const to = await process.socket(AF.INET, SOCK.DGRAM, 0);
  await process.bind(to, sockaddrIn(IpAddress.from('127.0.0.1'), 9));
  const from = await process.socket(AF.INET, SOCK.DGRAM, 0);
  await process.connect(from, sockaddrIn('127.0.0.1', 9));
  let fired = 0;
  const timer = setInterval(() => fired++, 1);
  const bytes = new Uint8Array(32);
  while (fired < 20) {
    await process.send(from, bytes, 0);
    equal(await process.recv(to, bytes, 0), 32);
  }
  clearInterval(timer);
  loop.stop();
});

test('virtual time: a task that spins without waiting meets the event limit instead of hanging', async () => {
  for (const spin of [
    async (process: Process) => void (await process.poll([], 0)),
    async (process: Process) => void (await process.read(9, new Uint8Array(1)).catch(() => {})),
    async (process: Process) => void (await process.dup2(1, 2)),
    async (process: Process) => void (await process.getsockname(9).catch(() => {})),
  ]) {
    await rejects(
      simulate({ seed: 1, eventLimit: 100_000 }, async (world) => {
        const process = new Process(world.host('a'), 'spinner');
        for (;;) await spin(process);
      }),
      (error: Error) => {
        match(error.message, /events/);
        return true;
      },
    );
  }
});
