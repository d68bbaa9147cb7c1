/**
 * Errors of calls that had to wait: whose line they name, when they arrive, and who has to handle them.
 */
import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { timeval } from '../../src/api/posix/option-values.ts';
import { Process } from '../../src/api/posix/process.ts';
import type { SystemError } from '../../src/api/posix/syscalls.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { World } from '../../src/sim/world.ts';
import { AF, SO, SOCK, SOL } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';

const REFUSING = sockaddrIn('10.0.1.2', 9);

/** Two hosts, 10 ms apart, and a process on the first; nobody listens on the other. */
function run(body: (process: Process, world: World) => Promise<void>): Promise<void> {
  return simulate({ seed: 1 }, async (world) => {
    const a = world.host('a');
    world.cable(a, world.host('b'), { delayUs: 10_000 });
    await body(new Process(a, 'p'), world);
  });
}

test('the stack of an error that came late names the functions that awaited the call', () => run(async (process) => {
  async function dialTheOtherSide(): Promise<void> {
    const fd = await process.socket(AF.INET, SOCK.STREAM, 0);
    await process.connect(fd, REFUSING);
  }
  async function readWhatNeverComes(): Promise<void> {
    const fd = await process.socket(AF.INET, SOCK.DGRAM, 0);
    await process.setsockopt(fd, SOL.SOCKET, SO.RCVTIMEO, timeval(1));
    await process.recvfrom(fd, new Uint8Array(1), 0);
  }
  async function callerOfBoth(call: () => Promise<void>): Promise<void> {
    await call();
  }
  for (const [call, code] of [[dialTheOtherSide, 'ECONNREFUSED'], [readWhatNeverComes, 'EAGAIN']] as const) {
    await rejects(callerOfBoth(call), (error: SystemError) => {
      equal(error.code, code);
      match(String(error.stack), new RegExp(`at async ${call.name} .*late-errors[\\s\\S]*at async callerOfBoth`));
      return true;
    });
  }
}));

test('time stands still between the event and the error that tells of it', () => run(async (process, world) => {
  const times: number[] = [];
  const sleeper = (async () => {
    // The refusal arrives after address resolution and one round trip; other processes wake up around it.
    for (let i = 0; i < 8; i++) await world.sleep(5000.25);
  })();
  for (let i = 0; i < 2; i++) {
    const fd = await process.socket(AF.INET, SOCK.STREAM, 0);
    const began = world.now;
    await rejects(process.connect(fd, REFUSING), { code: 'ECONNREFUSED' });
    times.push(world.now - began);
  }
  deepEqual(times, [40_000, 20_000]);
  await sleeper;
}));

test('a late error is unhandled exactly when nobody handles it, and then the world alone hears of it', async () => {
  const heard: unknown[] = [];
  const listener = (reason: unknown): void => void heard.push(reason);
  // The runner listens as well, and would fail this test for what it hears.
  process.on('unhandledRejection', listener);
  try {
    await run(async (ours, world) => {
      const fd = await ours.socket(AF.INET, SOCK.STREAM, 0);
      await ours.connect(fd, REFUSING).catch(() => {});
      const other = await ours.socket(AF.INET, SOCK.STREAM, 0);
      const awaitedLater = ours.connect(other, REFUSING).then(() => 'connected', () => 'refused');
      await world.sleep(1e6);
      equal(await awaitedLater, 'refused');
    });
    await rejects(run(async (ours, world) => {
      const fd = await ours.socket(AF.INET, SOCK.STREAM, 0);
      void ours.connect(fd, REFUSING);
      await world.sleep(1e6);
    }), /^Error: connect: ECONNREFUSED: .*\(seed 1\)$/);
    deepEqual(heard, []);
  } finally {
    process.off('unhandledRejection', listener);
  }
});
