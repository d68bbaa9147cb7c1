/** A process that has ended: every call of it fails at once, and nobody's wait outlives it. Clocks are read when a call begins. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { IPC_CREAT, IPC_PRIVATE, O_CREAT, O_RDWR } from '../../src/api/posix/constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { Loop } from '../../src/base/loop.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { VirtualClock } from '../../src/base/virtual-clock.ts';
import { Host } from '../../src/host.ts';
import { NodeEnvironment } from '../../src/platform/node/environment.ts';

function machine(): Host {
  const random = new SeededRandom('after exit');
  return new Host({ name: 'host', loop: new Loop(new VirtualClock(random, (fn) => setImmediate(fn))), random });
}

test('calls of a process that has ended fail with ESRCH or EBADF', async () => {
  const host = machine();
  const other = new Process(host, 'other');
  const queue = await other.msgget(IPC_PRIVATE, IPC_CREAT | 0o666);
  const p = new Process(host, 'ended');
  const fd = await p.open('/tmp/f', O_RDWR | O_CREAT, 0o600);
  p.exit();
  const bytes = new Uint8Array(4);
  const calls: Record<string, () => Promise<unknown>> = {
    open: () => p.open('/tmp/f', 0), stat: () => p.stat('/tmp/f'), mkdir: () => p.mkdir('/tmp/d', 0o700), unlink: () => p.unlink('/tmp/f'),
    umask: () => p.umask(0), getcwd: () => p.getcwd(), chdir: () => p.chdir('/tmp'), pipe: () => p.pipe(),
    msgget: () => p.msgget(1, IPC_CREAT), msgrcv: () => p.msgrcv(queue, 10, 0, 0), semget: () => p.semget(1, 1, IPC_CREAT),
    shmget: () => p.shmget(1, 10, IPC_CREAT), mq_open: () => p.mq_open('/q', O_CREAT), mq_unlink: () => p.mq_unlink('/q'),
    epoll_create1: () => p.epoll_create1(0), eventfd: () => p.eventfd(0, 0), socket: () => p.socket(2, 1, 0),
    read: () => p.read(fd, bytes), write: () => p.write(fd, bytes), fstat: () => p.fstat(fd), lseek: () => p.lseek(fd, 0, 0),
    poll: () => p.poll([], 1000), select: () => p.select(0, null, null, null, 1000), sleep: () => p.sleep(1000), getpgid: () => p.getpgid(0),
  };
  const codes: Record<string, string> = {};
  for (const [name, call] of Object.entries(calls)) {
    codes[name] = await call().then(() => 'done', ({ code }: { code: string }) => code);
  }
  deepEqual(Object.entries(codes).filter(([, code]) => code !== 'ESRCH' && code !== 'EBADF'), []);
});

test('what is no path and no buffer is a TypeError of a rejected promise, and no descriptor is lost', async () => {
  const p = new Process(machine(), 'p');
  const none = undefined as unknown as string;
  for (const call of [
    () => p.open(none, 0), () => p.stat(none), () => p.rename('/tmp/a', none), () => p.mq_open(none, 0),
    () => p.msgsnd(0, 1, 'text' as unknown as Uint8Array, 0), () => p.mq_send(0, 'text' as unknown as Uint8Array, 0),
  ]) {
    await rejects(call(), TypeError);
  }
  equal(await p.open('/tmp/f', O_RDWR | O_CREAT, 0o600), 3);
});

test('in real time a call reads the clock: times of files, what is left of timers', async () => {
  const environment = new NodeEnvironment();
  const host = new Host({ name: 'host', loop: new Loop(environment), random: environment.entropy });
  const p = new Process(host, 'p');
  const fd = await p.timerfd_create(1, 0);
  await p.timerfd_settime(fd, 0, { valueUs: 10_000_000, intervalUs: 0 });
  await p.mkdir('/tmp/before', 0o700);
  await new Promise((resolve) => setTimeout(resolve, 60));
  await p.mkdir('/tmp/after', 0o700);
  ok((await p.stat('/tmp/after')).mtimeUs - (await p.stat('/tmp/before')).mtimeUs >= 50_000);
  await new Promise((resolve) => setTimeout(resolve, 60));
  ok((await p.timerfd_gettime(fd)).valueUs <= 9_890_000);
  host.loop.stop();
});
