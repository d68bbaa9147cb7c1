/**
 * Work that grows with how many there are, and not with the square of it: each case is run for a number and for eight times as
 * many. What is linear takes eight times as long, what is quadratic sixty-four times; the limit lies between, and the best
 * of some tries counts, since a busy machine only ever makes things slower.
 */
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import * as C from '../../src/api/posix/constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { cpuMs } from '../tools/cpu-time.ts';

const TIMES = 8;
const LIMIT = 40;

type Case = (process: Process, count: number) => Promise<void>;

const CASES: Readonly<Record<string, readonly [count: number, run: Case]>> = {
  'children that end in the reverse order of their birth, waited for one by one': [1000, async (process, count) => {
    const pids: number[] = [];
    for (let i = 0; i < count; i++) {
      pids.push(await process.spawn(async (child) => {
        await child.sleep((count - i) * 10);
        return 0;
      }));
    }
    for (let i = 0; i < count; i++) ok((await process.waitpid(-1)).pid > 0);
    equal(process.core.children.size, 0);
    ok(pids.length === count);
  }],
  'tasks that wait for a child each': [500, async (process, count) => {
    const waits: Promise<unknown>[] = [];
    for (let i = 0; i < count; i++) {
      waits.push(process.waitpid(await process.spawn(async (child) => {
        await child.sleep((count - i) * 10);
        return 0;
      })));
    }
    await Promise.all(waits);
  }],
  'real-time signals that queue': [8000, async (process, count) => {
    await process.sigprocmask(C.SIG_BLOCK, [40, 41]);
    for (let i = 0; i < count; i++) await process.sigqueue(process.pid, 40 + (i & 1), i);
    for (let i = 0; i < count; i++) equal((await process.sigwaitinfo([40, 41])).signo, i < count / 2 ? 40 : 41);
  }],
  'ready descriptors in an epoll, taken one at a time, closed in reverse': [2000, async (process, count) => {
    const epfd = await process.epoll_create1(0);
    const fds: number[] = [];
    for (let i = 0; i < count; i++) {
      const fd = await process.eventfd(1, 0);
      await process.epoll_ctl(epfd, C.EPOLL_CTL_ADD, fd, C.EPOLLIN | 0, i);
      fds.push(fd);
    }
    const seen = new Set<number>();
    for (let i = 0; i < count; i++) seen.add((await process.epoll_wait(epfd, 1, 0))[0]?.data as number);
    equal(seen.size, count);
    for (const fd of fds.reverse()) await process.close(fd);
    equal((await process.epoll_wait(epfd, 1, 0)).length, 0);
  }],
  'messages of all priorities': [8000, async (process, count) => {
    const fd = await process.mq_open('/q', C.O_RDWR | C.O_CREAT, 0o600, { maxMessages: count, messageSize: 8 });
    for (let i = 0; i < count; i++) await process.mq_send(fd, new Uint8Array(1), (i * 7919) % 32768);
    let last = 32768;
    for (let i = 0; i < count; i++) {
      const { priority } = await process.mq_receive(fd, 8);
      ok(priority <= last);
      last = priority;
    }
  }],
  'a file cut off page by page': [2000, async (process, count) => {
    const fd = await process.open('/tmp/f', C.O_RDWR | C.O_CREAT, 0o600);
    for (let i = 0; i < count; i++) await process.pwrite(fd, Uint8Array.of(1), i * 4096);
    for (let i = count - 1; i >= 0; i--) await process.ftruncate(fd, i * 4096);
  }],
  'tiny writes to a pipe': [4000, async (process, count) => {
    const [reading, writing] = await process.pipe();
    await process.fcntl(writing, C.F_SETPIPE_SZ, 1048576);
    const byte = new Uint8Array(1);
    for (let i = 0; i < count; i++) await process.write(writing, byte);
    for (let i = 0; i < count; i++) await process.read(reading, byte);
  }],
  'tasks that wait while signals come': [1000, async (process, count) => {
    await process.sigaction(C.SIGUSR1, { handler: () => {}, flags: C.SA_RESTART });
    const [reading, writing] = await process.pipe();
    const reads: Promise<number>[] = [];
    for (let i = 0; i < count; i++) reads.push(process.read(reading, new Uint8Array(1)));
    const other = new Process(process.host, 'other');
    for (let i = 0; i < count; i++) await other.kill(process.pid, C.SIGUSR1);
    await process.close(writing);
    await Promise.all(reads);
  }],
  'the lowest descriptor closed and opened again': [2000, async (process, count) => {
    const fds: number[] = [];
    for (let i = 0; i < count; i++) fds.push(await process.eventfd(0, 0));
    for (let i = 0; i < count; i++) {
      await process.close(fds[0] as number);
      equal(await process.eventfd(0, 0), fds[0]);
    }
  }],
};

async function took(count: number, run: Case): Promise<number> {
  let ms = 0;
  await simulate({ seed: 1 }, async (world) => {
    const process = new Process(world.host('a'), 'p');
    for (const resource of [C.RLIMIT_MSGQUEUE, C.RLIMIT_SIGPENDING]) await process.setrlimit(resource, { soft: Infinity, hard: Infinity });
    const start = cpuMs();
    await run(process, count);
    ms = cpuMs() - start;
  });
  return ms;
}

for (const [name, [count, run]] of Object.entries(CASES)) {
  test(name, { timeout: 120_000 }, async () => {
    await took(count, run);
    let ratio = Infinity;
    for (let i = 0; i < 8 && ratio >= LIMIT; i++) ratio = Math.min(ratio, (await took(count * TIMES, run)) / (await took(count, run)));
    console.log(`${name}: ${ratio.toFixed(1)}`);
    ok(ratio < LIMIT, `${TIMES} times as many took ${ratio.toFixed(1)} times as long`);
  });
}
