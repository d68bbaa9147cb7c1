/**
 * Calls on a host whose loop was stopped: nothing can ever end their wait, so they do not begin one.
 */
import { equal, rejects, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { Loop } from '../../src/base/loop.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { VirtualClock } from '../../src/base/virtual-clock.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { Host } from '../../src/host.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';

test('on a stopped loop a call that would wait is ESRCH, and one that need not wait goes on', async () => {
  const loop = new Loop(new VirtualClock(new SeededRandom(1), (fn) => void setImmediate(fn)));
  const process = new Process(new Host({ name: 'h', loop, random: new SeededRandom(2) }), 'p');
  const listener = await process.socket(AF.INET, SOCK.STREAM, 0);
  await process.bind(listener, sockaddrIn('127.0.0.1', 80));
  await process.listen(listener, 8);
  const client = await process.socket(AF.INET, SOCK.STREAM, 0);
  await process.connect(client, sockaddrIn('127.0.0.1', 80));
  const { fd } = await process.accept(listener);
  await process.write(fd, new Uint8Array(5));
  await process.sleep(1000);
  loop.stop();
  const refused = { code: 'ESRCH' };
  const buffer = new Uint8Array(10);
  await rejects(process.recv(fd, buffer, 0), refused);
  await rejects(process.accept(listener), refused);
  await rejects(process.poll([{ fd, events: 1, revents: 0 }], -1), refused);
  await rejects(process.sleep(1000), refused);
  const other = await process.socket(AF.INET, SOCK.STREAM, 0);
  await rejects(process.connect(other, sockaddrIn('127.0.0.1', 80)), refused);
  equal(await process.recv(client, buffer, 0), 5);
  // As much as there is room for is the count.
  const half = await process.write(fd, new Uint8Array(64 << 20));
  equal(half > 0 && half < 64 << 20, true);
  await rejects(process.write(fd, new Uint8Array(1 << 20)), refused);
  // SO_LINGER.
  await process.setsockopt(fd, 1, 13, Uint8Array.of(1, 0, 0, 0, 9, 0, 0, 0));
  await process.close(fd);
});

test('a world that has ended answers every call', async () => {
  let process: Process | null = null;
  let world: { sleep(us: number): Promise<void> } | null = null;
  await simulate({ seed: 1 }, async (w) => {
    world = w;
    process = new Process(w.host('a'), 'p');
  });
  const p = process as unknown as Process;
  await rejects(p.sleep(10), { code: 'ESRCH' });
  await rejects(p.recv(3, new Uint8Array(1), 0), { code: 'EBADF' });
  await rejects((world as unknown as { sleep(us: number): Promise<void> }).sleep(10), { code: 'ESRCH' });
  throws(() => new Process(p.host, 'late'), /the host a is off/);
});
