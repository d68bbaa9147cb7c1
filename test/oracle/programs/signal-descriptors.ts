/** signalfd: signals as something to read. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { EPOLL_CTL } from '../../../src/kernel/epoll.ts';
import { O, SA, SIG, SIG_MASK, W } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { POLL, room, silently, state, text, wait } from '../toolkit.ts';

const SIZE = 128;
const REAL_TIME = 40;

/** Reads signals, and compares their fields; who sent them by name. */
async function readSignals(env: ProgramEnvironment, p: Syscalls, fd: number, bytes: number, known: ReadonlyMap<number, string>): Promise<void> {
  const buffer = room(bytes);
  let count = 0;
  const failed = await env.attempt(silently(p).read(fd, buffer).then((n) => {
    count = n;
  }));
  env.note('read', failed ?? count);
  const view = new DataView(buffer.buffer);
  for (let at = 0; at < count; at += SIZE) {
    const u32 = (offset: number): number => view.getUint32(at + offset, true);
    const fields = [0, 4, 8, 16, 20, 24, 28, 32, 36, 40, 44].map((offset) => view.getInt32(at + offset, true));
    env.note('signal', `${fields.join(' ')} from ${known.get(u32(12)) ?? u32(12)} ptr ${view.getBigUint64(at + 48, true)}`);
    env.note('rest is zero', buffer.subarray(at + 72, at + SIZE).every((byte) => byte === 0));
  }
}

const programs_: Program[] = [
  program('signalfd-read', async (env) => {
    const p = await env.signalProcess();
    const pid = await p.getpid();
    const known = new Map([[pid, 'self']]);
    const set = [SIG.SIGUSR1, SIG.SIGUSR2, SIG.SIGTERM, REAL_TIME];
    await p.sigprocmask(SIG_MASK.BLOCK, set);
    const fd = await p.signalfd(-1, set, O.NONBLOCK | O.CLOEXEC);
    await p.fcntl(fd, 1);
    await p.fcntl(fd, 3);
    await readSignals(env, p, fd, SIZE, known);
    await state(p, fd);
    await p.kill(pid, SIG.SIGUSR1);
    await state(p, fd);
    for (const length of [0, 1, 127]) await env.attempt(p.read(fd, room(length)));
    await readSignals(env, p, fd, SIZE, known);
    await state(p, fd);
    // Standard signals are one, real-time ones queue; lowest number first.
    await p.sigqueue(pid, REAL_TIME, -3);
    await p.sigqueue(pid, REAL_TIME, 4);
    await p.kill(pid, REAL_TIME);
    await p.kill(pid, SIG.SIGUSR2);
    await p.kill(pid, SIG.SIGUSR2);
    await p.sigqueue(pid, SIG.SIGUSR1, 77);
    await readSignals(env, p, fd, 2 * SIZE, known);
    await p.sigpending();
    await readSignals(env, p, fd, 10 * SIZE + 5, known);
    await readSignals(env, p, fd, SIZE, known);
    // Signals of another set wait on.
    await p.kill(pid, SIG.SIGTERM);
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGHUP]);
    await p.kill(pid, SIG.SIGHUP);
    await readSignals(env, p, fd, 4 * SIZE, known);
    await p.sigpending();
    await p.signalfd(fd, [SIG.SIGHUP], 0);
    await state(p, fd);
    await readSignals(env, p, fd, 4 * SIZE, known);
    for (const [request] of [[0x541b]] as const) await env.attempt(p.ioctl(fd, request));
    await env.attempt(p.write(fd, text('x')));
    await env.attempt(p.lseek(fd, 0, 0));
    await env.attempt(p.recv(fd, room(SIZE), 0));
    await p.readv(fd, [room(64), room(64)]).catch(() => {});
    await p.close(fd);
  }),
  program('signalfd-faults', async (env) => {
    const p = await env.signalProcess();
    await env.attempt(p.signalfd(-1, [SIG.SIGUSR1], 1));
    await env.attempt(p.signalfd(-1, [SIG.SIGUSR1], O.APPEND));
    await env.attempt(p.signalfd(-2, [SIG.SIGUSR1], 0));
    await env.attempt(p.signalfd(99, [SIG.SIGUSR1], 0));
    const [reading] = await p.pipe();
    await env.attempt(p.signalfd(reading, [SIG.SIGUSR1], 0));
    await env.attempt(p.signalfd(reading, [SIG.SIGUSR1], 1));
    await p.signalfd(-1, [], 0);
    const all = await p.signalfd(-1, [SIG.SIGKILL, SIG.SIGSTOP], 0);
    await p.close(all);
    await env.limitDescriptors(p, 3);
    await env.attempt(p.signalfd(-1, [SIG.SIGUSR1], 0));
  }),
  program('signalfd-child', async (env) => {
    const p = await env.signalProcess();
    const pid = await p.getpid();
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGCHLD, SIG.SIGUSR1]);
    const fd = await p.signalfd(-1, [SIG.SIGCHLD, SIG.SIGUSR1], O.NONBLOCK);
    const child = await env.fork(p);
    const known = new Map([[pid, 'parent'], [await child.getpid(), 'child']]);
    // Each reads its own signals through the shared description.
    await child.kill(pid, SIG.SIGUSR1);
    await state(child, fd);
    await state(p, fd);
    await readSignals(env, child, fd, SIZE, known);
    await p.kill(await child.getpid(), SIG.SIGUSR1);
    await readSignals(env, p, fd, 2 * SIZE, known);
    await state(child, fd);
    await readSignals(env, child, fd, 2 * SIZE, known);
    await env.exit(child, 9);
    await wait(p, fd, POLL.IN);
    await readSignals(env, p, fd, SIZE, known);
    await p.waitpid(-1);
    const other = await env.fork(p);
    known.set(await other.getpid(), 'other');
    env.mayDie(other);
    await p.kill(env.pidOf(other), SIG.SIGKILL);
    await wait(p, fd, POLL.IN);
    await readSignals(env, p, fd, SIZE, known);
    await p.waitpid(-1, W.NOHANG);
  }),
  ...([['plain', 0], ['restart', SA.RESTART]] as const).map(([kind, flags]) => program(`signalfd-waits-${kind}`, async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const pid = await p.getpid();
    const known = new Map([[pid, 'self'], [await other.getpid(), 'other']]);
    const list: number[] = [];
    await p.sigaction(SIG.SIGUSR2, { handler: (signo) => void list.push(signo), flags });
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1]);
    const fd = await p.signalfd(-1, [SIG.SIGUSR1], 0);
    const first = env.begin(readSignals(env, p, fd, SIZE, known));
    await env.settle();
    await other.kill(pid, SIG.SIGUSR2);
    await env.settle();
    await other.kill(pid, SIG.SIGUSR1);
    await first;
    await p.sigpending();
    env.note('caught', list.length);
    // poll, and a mask that has changed meanwhile.
    await env.attempt(p.sigtimedwait([SIG.SIGUSR1], 0));
    const second = env.begin(wait(p, fd, POLL.IN, 5000));
    await env.settle();
    await other.sigqueue(pid, SIG.SIGUSR1, 5);
    await second;
    await readSignals(env, p, fd, SIZE, known);
    // Who takes it first: sigtimedwait leaves nothing.
    await other.kill(pid, SIG.SIGUSR1);
    await p.sigtimedwait([SIG.SIGUSR1], 0);
    await wait(p, fd, POLL.IN, 0);
  })),
  program('signalfd-epoll', async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const pid = await p.getpid();
    const known = new Map([[await other.getpid(), 'other']]);
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1]);
    const fd = await p.signalfd(-1, [SIG.SIGUSR1], O.NONBLOCK);
    const epfd = await p.epoll_create1(0);
    await p.epoll_ctl(epfd, EPOLL_CTL.ADD, fd, POLL.IN, 1);
    await p.epoll_wait(epfd, 4, 0);
    const waiting = env.begin(p.epoll_wait(epfd, 4, 5000));
    await env.settle();
    await other.kill(pid, SIG.SIGUSR1);
    await waiting;
    await p.epoll_wait(epfd, 4, 0);
    await readSignals(env, p, fd, SIZE, known);
    await p.epoll_wait(epfd, 4, 0);
    const set = room(16);
    set[fd >> 3] = 1 << (fd & 7);
    await other.kill(pid, SIG.SIGUSR1);
    await p.select(fd + 1, set, null, null, 0);
    const copy = await p.dup(fd);
    await p.close(fd);
    await p.epoll_wait(epfd, 4, 0);
    await readSignals(env, p, copy, SIZE, known);
  }),
  program('signalfd-sigpipe', async (env) => {
    const p = await env.signalProcess();
    const pid = await p.getpid();
    const set = [SIG.SIGPIPE, SIG.SIGALRM, SIG.SIGCHLD];
    await p.sigprocmask(SIG_MASK.BLOCK, set);
    const fd = await p.signalfd(-1, set, 0);
    const [reading, writing] = await p.pipe();
    await p.close(reading);
    await env.attempt(p.write(writing, text('x')));
    await readSignals(env, p, fd, 3 * SIZE, new Map([[pid, 'self']]));
    await p.setitimer(0, { valueUs: 5000, intervalUs: 0 });
    await readSignals(env, p, fd, 3 * SIZE, new Map([[pid, 'self']]));
    const child = await env.fork(p);
    await child.getpid();
    const known = new Map([[env.pidOf(child), 'child'], [pid, 'self']]);
    await p.kill(env.pidOf(child), SIG.SIGSTOP);
    await readSignals(env, p, fd, 3 * SIZE, known);
    await p.kill(env.pidOf(child), SIG.SIGCONT);
    await readSignals(env, p, fd, 3 * SIZE, known);
  }),
];

export const programs: readonly Program[] = programs_;
