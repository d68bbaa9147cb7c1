/** ppoll, pselect, epoll_pwait and epoll_pwait2: waits under a signal mask. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { EPOLL_CTL } from '../../../src/kernel/epoll.ts';
import { O, SA, SIG, SIG_MASK } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { POLL, room, text } from '../toolkit.ts';

type Mask = readonly number[] | null;
interface Way {
  name: string;
  /** Waits until `fd` is readable; microseconds. */
  wait(p: Syscalls, epfd: number, fd: number, timeoutUs: number, mask: Mask): Promise<unknown>;
}

const setOf = (fd: number): Uint8Array => {
  const set = room(16);
  set[fd >> 3] = 1 << (fd & 7);
  return set;
};

const WAYS: readonly Way[] = [
  { name: 'ppoll', wait: (p, _epfd, fd, us, mask) => p.ppoll([{ fd, events: POLL.IN }], us, mask) },
  { name: 'pselect', wait: (p, _epfd, fd, us, mask) => p.pselect(fd + 1, setOf(fd), null, null, us, mask) },
  { name: 'epoll_pwait', wait: (p, epfd, _fd, us, mask) => p.epoll_pwait(epfd, 4, us === Infinity ? -1 : us / 1000, mask) },
  { name: 'epoll_pwait2', wait: (p, epfd, _fd, us, mask) => p.epoll_pwait2(epfd, 4, us, mask) },
];

async function watch(p: Syscalls, list: number[], flags = 0): Promise<void> {
  for (const signo of [SIG.SIGUSR1, SIG.SIGUSR2]) await p.sigaction(signo, { handler: (got) => void list.push(got), flags });
}

/** What is blocked and pending, and what was caught. */
async function state(env: ProgramEnvironment, p: Syscalls, list: number[]): Promise<void> {
  await p.sigprocmask(SIG_MASK.BLOCK, null);
  await p.sigpending();
  env.note('caught', list.splice(0).join(' '));
}

const masked: Program[] = WAYS.flatMap(({ name, wait }) => [
  program(`masked-${name}`, async (env) => {
    const p = await env.signalProcess();
    const list: number[] = [];
    await watch(p, list);
    const [reading, writing] = await p.pipe();
    const epfd = await p.epoll_create1(0);
    await p.epoll_ctl(epfd, EPOLL_CTL.ADD, reading, POLL.IN, 7);
    const pid = await p.getpid();
    await p.sigprocmask(SIG_MASK.SETMASK, [SIG.SIGUSR1, SIG.SIGUSR2]);
    await p.kill(pid, SIG.SIGUSR1);
    await state(env, p, list);
    // Nothing is ready: what the mask lets in interrupts at once, also when there is no time to wait.
    for (const us of [Infinity, 20_000, 0]) {
      await p.kill(pid, SIG.SIGUSR1);
      await env.attempt(wait(p, epfd, reading, us, []));
      await state(env, p, list);
      await p.kill(pid, SIG.SIGUSR1);
      await env.attempt(wait(p, epfd, reading, us === Infinity ? 20_000 : us, [SIG.SIGUSR1]));
      await env.attempt(wait(p, epfd, reading, us === Infinity ? 20_000 : us, null));
      await state(env, p, list);
    }
    // Two signals: while the handler of the one runs the other is blocked only by its own action.
    await p.kill(pid, SIG.SIGUSR1);
    await p.kill(pid, SIG.SIGUSR2);
    await env.attempt(wait(p, epfd, reading, Infinity, []));
    await state(env, p, list);
    // Something is ready: that counts, and the signal waits on.
    await p.kill(pid, SIG.SIGUSR1);
    await p.write(writing, text('x'));
    await env.attempt(wait(p, epfd, reading, Infinity, []));
    await env.attempt(wait(p, epfd, reading, 0, []));
    await state(env, p, list);
    await p.read(reading, room(4));
    // SIGKILL and SIGSTOP cannot be in it.
    await env.attempt(wait(p, epfd, reading, 10_000, [SIG.SIGUSR1, SIG.SIGUSR2, SIG.SIGKILL, SIG.SIGSTOP]));
    await state(env, p, list);
    // A signal that does nothing goes by.
    await p.sigprocmask(SIG_MASK.SETMASK, [SIG.SIGUSR1, SIG.SIGUSR2, SIG.SIGCHLD, SIG.SIGURG]);
    await p.kill(pid, SIG.SIGURG);
    await env.attempt(wait(p, epfd, reading, 10_000, [SIG.SIGUSR1]));
    await p.kill(pid, SIG.SIGURG);
    await env.attempt(wait(p, epfd, reading, 0, [SIG.SIGUSR1]));
    await state(env, p, list);
  }),
  ...([['plain', 0], ['restart', SA.RESTART]] as const).map(([kind, flags]) => program(`masked-${name}-later-${kind}`, async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const list: number[] = [];
    await watch(p, list, flags);
    const [reading, writing] = await p.pipe();
    const epfd = await p.epoll_create1(0);
    await p.epoll_ctl(epfd, EPOLL_CTL.ADD, reading, POLL.IN, 7);
    const pid = await p.getpid();
    const child = await env.fork(p);
    await p.sigprocmask(SIG_MASK.SETMASK, [SIG.SIGUSR1]);
    const masks: readonly Mask[] = [[], [SIG.SIGUSR2], [SIG.SIGUSR1], null];
    for (const mask of masks) {
      // One that the mask lets in.
      const first = env.begin(wait(p, epfd, reading, Infinity, mask));
      await env.settle();
      await other.kill(pid, SIG.SIGUSR1);
      await env.settle();
      await child.write(writing, text('x'));
      await env.attempt(first);
      await p.sigprocmask(SIG_MASK.BLOCK, null);
      await p.sigpending();
      env.note('caught', list.splice(0).join(' '));
      await p.read(reading, room(8));
      if (mask === null || mask.includes(SIG.SIGUSR1)) await p.sigtimedwait([SIG.SIGUSR1], 0);
    }
    // SIGSTOP and SIGCONT come without a handler.
    const second = env.begin(wait(p, epfd, reading, 200_000, [SIG.SIGUSR1]));
    await env.settle();
    await other.kill(pid, SIG.SIGSTOP);
    await env.settle();
    await other.kill(pid, SIG.SIGCONT);
    await env.settle();
    await child.write(writing, text('y'));
    await env.attempt(second);
    await p.sigprocmask(SIG_MASK.BLOCK, null);
  })),
]);

const faults: Program[] = [
  program('masked-faults', async (env) => {
    const p = await env.signalProcess();
    const epfd = await p.epoll_create1(0);
    const [reading] = await p.pipe();
    for (const us of [-1, -1_000_000]) {
      await env.attempt(p.ppoll([], us, []));
      await env.attempt(p.pselect(0, null, null, null, us, []));
      await env.attempt(p.epoll_pwait2(epfd, 1, us, []));
    }
    await env.attempt(p.epoll_pwait(epfd, 0, 0, []));
    await env.attempt(p.epoll_pwait(epfd, -1, 0, []));
    await env.attempt(p.epoll_pwait2(epfd, 0, 0, []));
    for (const bad of [-1, 99, reading]) {
      await env.attempt(p.epoll_pwait(bad, 1, 0, []));
      await env.attempt(p.epoll_pwait2(bad, 1, 0, []));
    }
    await env.attempt(p.pselect(-1, null, null, null, 0, []));
    await env.attempt(p.pselect(64, setOf(63), null, null, 0, []));
    await p.ppoll([{ fd: 99, events: POLL.IN }, { fd: -1, events: POLL.IN }], 0, []);
    await p.ppoll([], 1500, null);
    await p.pselect(0, null, null, null, 1500, null);
    const start = env.now();
    await p.epoll_pwait2(epfd, 1, 30_500, null);
    env.noteTime('fractions of a millisecond', start, 30, 60);
    await p.sigprocmask(SIG_MASK.BLOCK, null);
    await p.fcntl(epfd, 2, O.CLOEXEC);
  }),
];

export const programs: readonly Program[] = [...masked, ...faults];
