/**
 * One rule for the times of all timers, sleeps and timeouts (src/kernel/times.ts): what C's structure for the call cannot hold is cut
 * off, what is none is EINVAL, what is too long is KTIME_MAX, and Infinity waits for ever.
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import * as C from '../../src/api/posix/constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { MOST_US } from '../../src/kernel/times.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';

const run = (body: (process: Process, sleep: (us: number) => Promise<void>, now: () => number) => Promise<void>): Promise<void> =>
  simulate({ seed: 1 }, (world) => body(new Process(world.host('a'), 'p'), (us) => world.sleep(us), () => world.now));

/** Calls that wait with nothing to wait for: each with the smallest time that its structure holds. */
interface Wait {
  readonly smallestUs: number;
  readonly call: (process: Process, us: number) => Promise<unknown>;
}

const WAITS: Record<string, Wait> = {
  sleep: { smallestUs: 0.001, call: (p, us) => p.sleep(us) },
  ppoll: { smallestUs: 0.001, call: (p, us) => p.ppoll([], us, null) },
  pselect: { smallestUs: 0.001, call: (p, us) => p.pselect(0, null, null, null, us, null) },
  select: { smallestUs: 1, call: (p, us) => p.select(0, null, null, null, us) },
  epoll_pwait2: { smallestUs: 0.001, call: async (p, us) => p.epoll_pwait2(await p.epoll_create1(0), 1, us, null) },
  sigtimedwait: { smallestUs: 0.001, call: (p, us) => p.sigtimedwait([C.SIGUSR1], us) },
  semtimedop: { smallestUs: 0.001, call: async (p, us) => p.semop(await p.semget(C.IPC_PRIVATE, 1, 0o600), [{ num: 0, op: -1, flg: 0 }], us) },
  mq_timedreceive: {
    smallestUs: 0.001,
    call: async (p, us) => p.mq_receive(await p.mq_open('/q', C.O_RDONLY | C.O_CREAT, 0o600, { maxMessages: 1, messageSize: 8 }), 8, us),
  },
};

test('waits: the smallest time of the structure, and nothing for less', () => run(async (process, _sleep, now) => {
  for (const [name, { smallestUs, call }] of Object.entries(WAITS)) {
    const lasts = async (us: number): Promise<number> => {
      const from = now();
      await call(process, us).catch((error: { code?: string }) => ok(['EAGAIN', 'ETIMEDOUT'].includes(error.code ?? ''), `${name}: ${String(error)}`));
      return now() - from;
    };
    for (const us of [0, 1e-300, 5e-324, smallestUs / 2]) equal(await lasts(us), 0, `${name} ${us}`);
    for (const count of [1, 500, 1500]) {
      const us = smallestUs * count;
      for (const given of [us, us + smallestUs / 2]) ok(Math.abs((await lasts(given)) - us) < smallestUs / 4, `${name} ${given}`);
    }
  }
}));

test('waits: a time that is none is EINVAL, the longest are longer than anybody waits', () => run(async (process, sleep) => {
  for (const [name, { call }] of Object.entries(WAITS)) {
    for (const us of [-1, -1e-9, Number.NaN, -Infinity]) await rejects(call(process, us), { code: 'EINVAL' }, `${name} ${us}`);
    for (const us of [2 ** 53, MOST_US, 1e300, Infinity]) {
      const child = new Process(process.host, name);
      const waits = call(child, us).then(() => 'ended', (error: { code?: string }) => error.code);
      equal(await Promise.race([waits, sleep(30 * 86_400e6).then(() => 'waits')]), 'waits', `${name} ${us}`);
      child.exit();
      await waits;
      if (name === 'mq_timedreceive') await process.mq_unlink('/q');
    }
  }
}));

interface Timer {
  readonly smallestUs: number;
  readonly set: (process: Process, valueUs: number, intervalUs: number) => Promise<unknown>;
  readonly get: (process: Process) => Promise<{ valueUs: number; intervalUs: number }>;
}

async function timers(process: Process): Promise<Record<string, Timer>> {
  await process.signal(C.SIGALRM, C.SIG_IGN);
  const fd = await process.timerfd_create(C.CLOCK_MONOTONIC, 0);
  const timer = await process.timer_create(C.CLOCK_MONOTONIC, null);
  return {
    timerfd: { smallestUs: 0.001, set: (p, valueUs, intervalUs) => p.timerfd_settime(fd, 0, { valueUs, intervalUs }), get: (p) => p.timerfd_gettime(fd) },
    timer: { smallestUs: 0.001, set: (p, valueUs, intervalUs) => p.timer_settime(timer, 0, { valueUs, intervalUs }), get: (p) => p.timer_gettime(timer) },
    itimer: { smallestUs: 1, set: (p, valueUs, intervalUs) => p.setitimer(C.ITIMER_REAL, { valueUs, intervalUs }), get: (p) => p.getitimer(C.ITIMER_REAL) },
  };
}

test('timers: less than the smallest time is off, the rest is cut off, more than KTIME_MAX is that', () => run(async (process) => {
  const off = { valueUs: 0, intervalUs: 0 };
  for (const [name, { smallestUs, set, get }] of Object.entries(await timers(process))) {
    for (const us of [0, 1e-300, 5e-324, smallestUs / 2]) {
      await set(process, us, us);
      deepEqual(await get(process), off, `${name} ${us}`);
    }
    await set(process, 10 + smallestUs / 2, 20 + smallestUs / 2);
    deepEqual(await get(process), { valueUs: 10, intervalUs: 20 }, name);
    for (const us of [-1, Number.NaN, Infinity, -Infinity]) {
      await rejects(set(process, us, 1), { code: 'EINVAL' }, `${name} ${us}`);
      await rejects(set(process, 1, us), { code: 'EINVAL' }, `${name} ${us}`);
    }
    for (const us of [2 ** 53, MOST_US, 2 ** 62, 1e300]) {
      await set(process, us, us);
      const { valueUs, intervalUs } = await get(process);
      const most = Math.min(us, MOST_US);
      ok(Math.abs(valueUs - most) <= 2 && Math.abs(intervalUs - most) <= 2, `${name} ${us}: ${valueUs}, ${intervalUs}`);
    }
    await set(process, 0, 0);
  }
}));

test('whole numbers: milliseconds of poll and epoll_wait, seconds of alarm, which are unsigned', () => run(async (process, _sleep, now) => {
  const epoll = await process.epoll_create1(0);
  for (const wait of [(ms: number) => process.poll([], ms), (ms: number) => process.epoll_wait(epoll, 1, ms)]) {
    for (const [ms, us] of [[0.9, 0], [1.9, 1000], [Number.NaN, 0], [-0.5, 0]] as const) {
      const from = now();
      await wait(ms);
      equal(now() - from, us, String(ms));
    }
  }
  const left = async (seconds: number): Promise<number> => {
    await process.alarm(seconds);
    return process.alarm(0);
  };
  // As of Linux: alarm(-1), and 4e9 seconds.
  for (const [seconds, whole] of [[0.9, 0], [1.9, 1], [Number.NaN, 0], [-1, 0xffffffff], [4e9, 4e9], [1e300, 0xffffffff]] as const) {
    equal(await left(seconds), whole, String(seconds));
  }
}));

test('recvmmsg: a time that is none is EINVAL', () => run(async (process) => {
  const fd = await process.socket(AF.INET, SOCK.DGRAM, 0);
  for (const us of [-1, Number.NaN]) await rejects(process.recvmmsg(fd, [], 0, us), { code: 'EINVAL' });
  equal((await process.recvmmsg(fd, [], 0, 1e300)).length, 0);
}));
