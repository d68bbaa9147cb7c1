/** signalfd: signals as something to read. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { EPOLL_CTL } from '../../../src/kernel/epoll.ts';
import { SIGEV } from '../../../src/kernel/posix-timers.ts';
import { AF, F, MSG, O, SA, SHUT, SIG, SIG_MASK, SO, SOCK, SOL, W } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { INET, ints, listener, POLL, PORT, room, silently, state, text, wait } from '../toolkit.ts';

const SIZE = 128;
const REAL_TIME = 40;

/** Which signals there are to read; how often Linux says the same of one event is its own affair. */
async function distinctSignals(env: ProgramEnvironment, p: Syscalls, fd: number): Promise<void> {
  const buffer = room(20 * SIZE);
  const count = await silently(p).read(fd, buffer).catch(() => 0);
  const view = new DataView(buffer.buffer);
  const all = Array.from({ length: count / SIZE }, (_, i) => [0, 8, 20, 28].map((offset) => view.getInt32(i * SIZE + offset, true)).join(' '));
  env.note('signals, codes, descriptors, bands', [...new Set(all)].join(', '));
}

/** Reads signals, and compares their fields; who sent them by name. */
async function readSignals(env: ProgramEnvironment, p: Syscalls, fd: number, bytes: number, known: ReadonlyMap<number, string>): Promise<void> {
  const buffer = room(bytes).fill(0xa5);
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
  program('signalfd-timers', async (env) => {
    const p = await env.signalProcess();
    const pid = await p.getpid();
    const known = new Map([[pid, 'self']]);
    const set = [SIG.SIGUSR1, SIG.SIGALRM, REAL_TIME];
    await p.sigprocmask(SIG_MASK.BLOCK, set);
    const fd = await p.signalfd(-1, set, O.NONBLOCK);
    const event = (signo: number, value: number): { notify: number; signo: number; value: number } => ({ notify: SIGEV.SIGNAL, signo, value });
    // Their numbers, and the value; without an event the value is the number.
    const timers = [await p.timer_create(1, event(SIG.SIGUSR1, 7)), await p.timer_create(1, null), await p.timer_create(0, event(REAL_TIME, -2))];
    for (const timer of timers) await p.timer_settime(timer, 0, { valueUs: 1000, intervalUs: 0 });
    await env.settle(30);
    await readSignals(env, p, fd, 4 * SIZE, known);
    // A periodic one that nobody hears in time: how often besides.
    await p.timer_settime(timers[2] as number, 0, { valueUs: 1000, intervalUs: 1000 });
    await env.settle(60);
    const buffer = room(SIZE);
    env.note('bytes', await silently(p).read(fd, buffer));
    const overrun = new DataView(buffer.buffer).getUint32(32, true);
    env.note('it expired more than once', overrun >= 40 && overrun < 5000);
    env.note('as the call says', (await silently(p).timer_getoverrun(timers[2] as number)) === overrun);
    await p.timer_settime(timers[2] as number, 0, { valueUs: 0, intervalUs: 0 });
    await readSignals(env, p, fd, SIZE, known);
  }),
  program('signalfd-descriptors', async (env) => {
    const p = await env.signalProcess();
    const pid = await p.getpid();
    const known = new Map([[pid, 'self']]);
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGIO, REAL_TIME]);
    const fd = await p.signalfd(-1, [SIG.SIGIO, REAL_TIME], O.NONBLOCK);
    const [a, b] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
    // The descriptor is the one that asked, whatever number it has later.
    const asking = await p.fcntl(b, F.DUPFD, 20);
    await p.fcntl(asking, F.SETOWN, pid);
    await p.fcntl(asking, F.SETSIG, REAL_TIME);
    await p.fcntl(asking, F.SETFL, O.ASYNC);
    await p.send(a, text('x'), 0);
    await env.settle();
    await readSignals(env, p, fd, 4 * SIZE, known);
    await p.close(a);
    await env.settle();
    await readSignals(env, p, fd, 4 * SIZE, known);
    const [reading, writing] = await p.pipe();
    await p.fcntl(reading, F.SETOWN, pid);
    await p.fcntl(reading, F.SETFL, O.ASYNC | O.NONBLOCK);
    await p.write(writing, text('x'));
    await env.settle();
    await readSignals(env, p, fd, 4 * SIZE, known);
    await p.fcntl(reading, F.SETSIG, SIG.SIGIO);
    await p.write(writing, text('y'));
    await env.settle();
    await readSignals(env, p, fd, 4 * SIZE, known);
  }),
  program('signalfd-urgent', async (env) => {
    const p = await env.signalProcess();
    const other = await env.process();
    const pid = await p.getpid();
    const known = new Map([[pid, 'self']]);
    const set = [SIG.SIGIO, SIG.SIGURG, REAL_TIME];
    await p.sigprocmask(SIG_MASK.BLOCK, set);
    const fd = await p.signalfd(-1, set, O.NONBLOCK);
    const ask = async (socket: number): Promise<void> => {
      await p.fcntl(socket, F.SETOWN, pid);
      await p.fcntl(socket, F.SETSIG, REAL_TIME);
      await p.fcntl(socket, F.SETFL, O.ASYNC | O.NONBLOCK);
    };
    const [a, b] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
    await ask(b);
    await p.send(a, text('x'), 0);
    await readSignals(env, p, fd, 6 * SIZE, known);
    await p.send(a, text('!'), MSG.OOB);
    await readSignals(env, p, fd, 6 * SIZE, known);
    const step = async (): Promise<void> => {
      await env.settle();
      await distinctSignals(env, p, fd);
    };
    const listening = await listener(p, INET, PORT);
    for (const ending of ['fin', 'reset'] as const) {
      const client = await other.socket(AF.INET, SOCK.STREAM, 0);
      await other.connect(client, INET.loopback(PORT));
      const { fd: server } = await p.accept(listening);
      await ask(server);
      await other.send(client, text('x'), 0);
      await step();
      await other.send(client, text('!'), MSG.OOB);
      await step();
      if (ending === 'fin') {
        await other.shutdown(client, SHUT.WR);
        await step();
      } else {
        await other.setsockopt(client, SOL.SOCKET, SO.LINGER, ints(1, 0));
        await other.close(client);
        await step();
      }
      await p.close(server);
    }
  }),
  program('signalfd-users', async (env) => {
    const p = await env.signalProcess();
    const pid = await p.getpid();
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1, REAL_TIME, SIG.SIGCHLD]);
    const fd = await p.signalfd(-1, [SIG.SIGUSR1, REAL_TIME, SIG.SIGCHLD], O.NONBLOCK);
    const child = await env.fork(p);
    const known = new Map([[pid, 'self'], [await child.getpid(), 'child']]);
    // The sender's real user, for kill and sigqueue; the child's, of its end.
    await child.setresuid(1000, 0, 0);
    await child.kill(pid, SIG.SIGUSR1);
    await child.sigqueue(pid, REAL_TIME, 0x12345678);
    await readSignals(env, p, fd, 4 * SIZE, known);
    await env.exit(child, 200);
    await wait(p, fd, POLL.IN);
    await readSignals(env, p, fd, 4 * SIZE, known);
    await p.waitpid(-1);
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
