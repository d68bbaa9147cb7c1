/**
 * SCM_RIGHTS with cycles: rings of every length, and random passings against a model (rights-walk.ts): after every step
 * whatever can be reached from a descriptor is open, and nothing else is.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { receivedDescriptors, rightsMessage } from '../../src/socket/control.ts';
import { Process } from '../../src/api/posix/process.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import type { UnixSocket } from '../../src/socket/family/unix.ts';
import { isFull, recordResult, seed as baseSeed } from '../results.ts';
import { RightsWalk } from './rights-walk.ts';

const PASSINGS = isFull ? 10_000 : 1_500;
const PASSINGS_PER_WORLD = 100;

for (const length of [1, 2, 3, 4, 7, 20]) {
  test(`SCM_RIGHTS: a ring of ${length} queues, each with the next one's socket in it, is kept by one descriptor and goes with the last`, () =>
    simulate({ seed: baseSeed }, async (world) => {
      const host = world.host('a');
      const process = new Process(host, 'ring');
      for (const kept of [-1, 0, length - 1]) {
        const pairs: [number, number][] = [];
        for (let i = 0; i < length; i++) pairs.push(await process.socketpair(AF.UNIX, SOCK.STREAM, 0));
        const sockets = pairs.map(([, fd]) => process.core.descriptors.file(fd)?.socket as UnixSocket);
        for (const [i, [sender]] of pairs.entries()) {
          const [, next] = pairs[(i + 1) % length] as [number, number];
          await process.sendmsg(sender, { iov: [Uint8Array.of(i)], control: rightsMessage(next) }, 0);
        }
        for (const [i, [sender, receiver]] of pairs.entries()) {
          await process.close(sender);
          if (i !== kept) await process.close(receiver);
        }
        if (kept >= 0) {
          deepEqual(sockets.map(({ isReleased }) => isReleased), sockets.map(() => false), 'somebody can read them all');
          const [, fd] = pairs[kept] as [number, number];
          if (length > 1) {
            // What was in the queue is the reader's now, and the ring is open.
            const { control } = await process.recvmsg(fd, [new Uint8Array(1)], 0, 0, 64);
            const [next] = receivedDescriptors(control);
            equal(process.core.descriptors.file(next as number)?.socket, sockets[(kept + 1) % length]);
            await process.close(fd);
            equal(host.kernel.unix.flights.total, length - 1);
            await process.close(next as number);
          } else await process.close(fd);
        }
        deepEqual(sockets.map(({ isReleased }) => isReleased), sockets.map(() => true));
        equal(host.kernel.unix.flights.total, 0);
      }
      process.exit();
      deepEqual(world.leftovers(), []);
    }));
}

const NAME = `SCM_RIGHTS: ${PASSINGS} random passings among processes: all that is unreachable is closed, nothing that is reachable`;

test(NAME, { timeout: 3_600_000 }, async () => {
  let passings = 0;
  let events = 0;
  const passed: Record<string, number> = {};
  const collected: Record<string, number> = {};
  for (let i = 0; passings < PASSINGS; i++) {
    const seed = baseSeed + i;
    await simulate({ seed }, async (world) => {
      const host = world.host('a');
      const walk = new RightsWalk(new Process(host, 'walker'), new SeededRandom(`rights/${seed}`));
      try {
        while (walk.passings < PASSINGS_PER_WORLD) await walk.step();
        await walk.end(i % 2 === 0);
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
      passings += walk.passings;
      events += walk.events;
      addTo(passed, walk.passed);
      addTo(collected, walk.collected);
      deepEqual(world.leftovers(), [], `seed ${seed}`);
    });
  }
  // Otherwise nothing of what the name says was tried.
  for (const kind of ['socket', 'listener', 'pipe', 'epoll', 'file', 'eventfd', 'inet']) ok((passed[kind] ?? 0) > 0, `no ${kind} was passed`);
  for (const kind of ['socket', 'pipe', 'epoll']) ok((collected[kind] ?? 0) > 0, `no ${kind} was collected`);
  ok((collected.socket ?? 0) > PASSINGS / 20, `${collected.socket} sockets were collected`);
  ok(events > 0, 'no epoll had to tell of anything');
  recordResult('unix-rights', { passings, passed, collected, events, firstSeed: baseSeed });
});

function addTo(sums: Record<string, number>, more: Record<string, number>): void {
  for (const [what, n] of Object.entries(more)) sums[what] = (sums[what] ?? 0) + n;
}
