/** timer_create and its kin, and waitid. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { SIGEV } from '../../../src/kernel/posix-timers.ts';
import { WaitKind } from '../../../src/kernel/wait-child.ts';
import { O, RLIMIT, SA, SIG, SIG_MASK, W } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { room, silently } from '../toolkit.ts';

const REALTIME = 0;
const MONOTONIC = 1;
const event = (signo: number, value = 0, notify: number = SIGEV.SIGNAL): { notify: number; signo: number; value: number } =>
  ({ notify, signo, value });
const off = { valueUs: 0, intervalUs: 0 };
const once = (valueUs: number): { valueUs: number; intervalUs: number } => ({ valueUs, intervalUs: 0 });

const timers: Program[] = [
  program('timer-signals', async (env) => {
    const p = await env.signalProcess();
    const set = [SIG.SIGUSR1, SIG.SIGALRM, 40];
    await p.sigprocmask(SIG_MASK.BLOCK, set);
    const a = await p.timer_create(MONOTONIC, event(SIG.SIGUSR1, 7));
    const b = await p.timer_create(REALTIME, null);
    const c = await p.timer_create(MONOTONIC, event(40, -1));
    await p.timer_gettime(a);
    await p.timer_settime(a, 0, once(5000));
    await p.timer_gettime(a);
    await p.sigtimedwait(set, 1_000_000);
    await p.timer_gettime(a);
    await p.timer_getoverrun(a);
    await p.timer_settime(b, 0, once(1000));
    await p.sigtimedwait(set, 1_000_000);
    await p.timer_settime(c, 0, { valueUs: 1000, intervalUs: 400_000 });
    await p.sigtimedwait(set, 1_000_000);
    await p.timer_gettime(c);
    await p.timer_settime(c, 0, off);
    await p.timer_gettime(c);
    // A signal that was not taken before the timer is set anew or deleted is gone.
    await p.timer_settime(a, 0, once(1000));
    await env.settle(30);
    await p.timer_settime(a, 0, off);
    await env.attempt(p.sigtimedwait(set, 0));
    await p.timer_settime(c, 0, once(1000));
    await env.settle(30);
    await p.timer_delete(c);
    await env.attempt(p.sigtimedwait(set, 0));
    for (const bad of [c, -1, 1000]) {
      await env.attempt(p.timer_delete(bad));
      await env.attempt(p.timer_gettime(bad));
      await env.attempt(p.timer_getoverrun(bad));
      await env.attempt(p.timer_settime(bad, 0, once(1)));
    }
    // Numbers are not given out again at once.
    await p.timer_create(MONOTONIC, event(SIG.SIGUSR1));
  }),
  program('timer-overruns', async (env) => {
    const p = await env.signalProcess();
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1]);
    const timer = await p.timer_create(MONOTONIC, event(SIG.SIGUSR1, 3));
    await p.timer_settime(timer, 0, { valueUs: 1000, intervalUs: 1000 });
    await env.settle(50);
    await p.sigpending();
    const info = await silently(p).sigtimedwait([SIG.SIGUSR1], 1_000_000);
    env.note('expired more than once', info.overrun >= 40 && info.overrun < 2000);
    env.note('the call says the same', (await silently(p).timer_getoverrun(timer)) === info.overrun);
    env.note('one signal', (await silently(p).sigtimedwait([SIG.SIGUSR1], 1_000_000)).overrun < 2000);
    await p.timer_settime(timer, 0, off);
    await p.timer_getoverrun(timer);
    // Of a periodic timer whose signal waits, what is left is until the next whole interval.
    await p.timer_settime(timer, 0, { valueUs: 1000, intervalUs: 10_000_000 });
    await env.settle(30);
    await p.timer_gettime(timer);
  }),
  program('timer-silent', async (env) => {
    const p = await env.signalProcess();
    const timer = await p.timer_create(MONOTONIC, event(0, 0, SIGEV.NONE));
    await p.timer_settime(timer, 0, once(20_000));
    await p.timer_gettime(timer);
    await env.settle(40);
    await p.timer_gettime(timer);
    await p.timer_settime(timer, 0, { valueUs: 1000, intervalUs: 1_000_000 });
    await env.settle(30);
    await p.timer_gettime(timer);
    await p.timer_getoverrun(timer);
    await p.sigpending();
  }),
  program('timer-absolute', async (env) => {
    const p = await env.signalProcess();
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1]);
    for (const clock of [MONOTONIC, REALTIME, 7]) {
      const timer = await p.timer_create(clock, event(SIG.SIGUSR1));
      // Long ago: at once.
      await p.timer_settime(timer, 1, once(1000));
      await p.sigtimedwait([SIG.SIGUSR1], 1_000_000);
    }
  }),
  program('timer-handlers', async (env) => {
    const p = await env.signalProcess();
    const list: string[] = [];
    await p.sigaction(SIG.SIGUSR1, { handler: (_signo, info) => void list.push(`${info.code} ${info.timer} ${info.value}`), flags: SA.SIGINFO });
    const timer = await p.timer_create(MONOTONIC, event(SIG.SIGUSR1, 12));
    await p.timer_settime(timer, 0, once(10_000));
    await env.attempt(p.pause());
    env.note('told', list.splice(0).join());
    // Ignored: nothing comes, and it goes on.
    await p.sigaction(SIG.SIGUSR1, { handler: 1 });
    await p.timer_settime(timer, 0, once(1000));
    await env.attempt(p.sleep(20_000));
    await p.timer_gettime(timer);
    // A child has none.
    const child = await env.fork(p);
    await env.attempt(child.timer_gettime(timer));
    await child.timer_create(MONOTONIC, event(0, 0, SIGEV.NONE));
  }),
  program('timer-faults', async (env) => {
    const p = await env.signalProcess();
    for (const clock of [4, 5, 6, 99, 15]) await env.attempt(p.timer_create(clock, event(SIG.SIGUSR1)));
    for (const [signo, notify] of [[0, SIGEV.SIGNAL], [65, SIGEV.SIGNAL], [-1, SIGEV.SIGNAL], [SIG.SIGUSR1, 3], [SIG.SIGUSR1, -1], [0, SIGEV.THREAD]] as const) {
      await env.attempt(p.timer_create(MONOTONIC, event(signo, 0, notify)));
    }
    const timer = await p.timer_create(MONOTONIC, event(SIG.SIGUSR1, 0, SIGEV.THREAD));
    for (const setting of [once(-1), { valueUs: 1, intervalUs: -1 }]) await env.attempt(p.timer_settime(timer, 0, setting));
    await p.timer_settime(timer, 0x100, off);
    await p.timer_delete(timer);
  }),
  program('timer-limit', async (env) => {
    const p = await env.signalProcess();
    // A user whom nobody else here is.
    await p.setresuid(4711, 4711, 4711);
    await p.setrlimit(RLIMIT.SIGPENDING, { soft: 3, hard: 3 });
    await p.sigprocmask(SIG_MASK.BLOCK, [40, SIG.SIGUSR1]);
    const pid = await p.getpid();
    const first = await p.timer_create(MONOTONIC, event(40));
    await p.timer_create(MONOTONIC, event(0, 0, SIGEV.NONE));
    await p.sigqueue(pid, 40, 1);
    await env.attempt(p.sigqueue(pid, 40, 2));
    await env.attempt(p.timer_create(MONOTONIC, event(40)));
    // What a timer sends is paid for.
    await p.timer_settime(first, 0, once(1000));
    await env.settle(30);
    await p.sigtimedwait([40], 1_000_000);
    await p.sigtimedwait([40], 1_000_000);
    await p.timer_delete(first);
    await p.timer_create(MONOTONIC, event(40));
    await p.timer_create(MONOTONIC, event(40));
    await env.attempt(p.timer_create(MONOTONIC, event(40)));
  }),
];

async function children(env: ProgramEnvironment): Promise<{ p: Syscalls; one: Syscalls; two: Syscalls; onePid: number; twoPid: number }> {
  const p = await env.signalProcess();
  const one = await env.fork(p);
  const two = await env.fork(p);
  return { p, one, two, onePid: env.pidOf(one), twoPid: env.pidOf(two) };
}

const waits: Program[] = [
  program('waitid-ends', async (env) => {
    const { p, one, two, onePid, twoPid } = await children(env);
    await p.waitid(WaitKind.ALL, 0, W.EXITED | W.NOHANG);
    await p.waitid(WaitKind.PID, onePid, W.EXITED | W.NOHANG);
    await env.exit(one, 300);
    await p.waitid(WaitKind.ALL, 0, W.EXITED | W.NOWAIT);
    await p.waitid(WaitKind.PID, onePid, W.EXITED | W.NOWAIT);
    // One that has ended is none for who waits for other things alone.
    await env.attempt(p.waitid(WaitKind.PID, onePid, W.UNTRACED | W.NOHANG));
    await env.attempt(p.waitid(WaitKind.ALL, 0, W.CONTINUED | W.NOHANG));
    await p.waitid(WaitKind.PID, onePid, W.EXITED);
    await env.attempt(p.waitid(WaitKind.PID, onePid, W.EXITED));
    env.mayDie(two);
    const waiting = env.begin(p.waitid(WaitKind.PGID, 0, W.EXITED));
    await env.settle();
    const killer = await env.signalProcess();
    await killer.kill(twoPid, SIG.SIGTERM);
    await waiting;
    await env.attempt(p.waitid(WaitKind.ALL, 0, W.EXITED));
    await env.attempt(p.waitid(WaitKind.PGID, 0, W.EXITED | W.NOHANG));
  }),
  program('waitid-stops', async (env) => {
    const { p, two, onePid, twoPid } = await children(env);
    await two.getpid();
    await p.kill(onePid, SIG.SIGSTOP);
    await p.waitid(WaitKind.ALL, 0, W.UNTRACED | W.NOWAIT);
    await p.waitid(WaitKind.ALL, 0, W.CONTINUED | W.NOHANG);
    await p.waitid(WaitKind.PID, onePid, W.UNTRACED | W.EXITED);
    await p.waitid(WaitKind.PID, onePid, W.UNTRACED | W.NOHANG);
    await p.kill(onePid, SIG.SIGCONT);
    await p.waitid(WaitKind.PID, onePid, W.CONTINUED);
    await p.kill(twoPid, SIG.SIGTSTP);
    await p.kill(onePid, SIG.SIGSTOP);
    // The oldest that has something to tell.
    await p.waitid(WaitKind.ALL, 0, W.UNTRACED);
    await env.settle();
    await p.waitpid(-1, W.UNTRACED | W.NOHANG);
    await p.waitid(WaitKind.ALL, 0, W.UNTRACED | W.NOHANG);
  }),
  program('waitid-order', async (env) => {
    const p = await env.signalProcess();
    const list: Syscalls[] = [];
    for (let i = 0; i < 5; i++) list.push(await env.fork(p));
    // They end in another order than they were born.
    for (const i of [3, 1, 4]) {
      await env.exit(list[i] as Syscalls, i);
      await p.waitid(WaitKind.PID, env.pidOf(list[i] as Syscalls), W.EXITED | W.NOWAIT);
    }
    await p.waitpid(-1);
    await p.waitpid(-1);
    await env.exit(list[0] as Syscalls, 0);
    await p.waitid(WaitKind.PID, env.pidOf(list[0] as Syscalls), W.EXITED | W.NOWAIT);
    await p.waitid(WaitKind.ALL, 0, W.EXITED);
    await p.waitpid(0);
    await p.waitpid(-1, W.NOHANG);
  }),
  program('waitid-faults', async (env) => {
    const { p, onePid } = await children(env);
    for (const options of [0, W.NOHANG, W.NOWAIT, W.EXITED | 0x10, -1]) await env.attempt(p.waitid(WaitKind.ALL, 0, options));
    for (const [kind, id] of [[1, 0], [1, -5], [2, -5], [3, -1], [4, 0], [-1, 0]] as const) await env.attempt(p.waitid(kind, id, W.EXITED | W.NOHANG));
    await env.attempt(p.waitid(WaitKind.PIDFD, 99, W.EXITED | W.NOHANG));
    const fd = await p.eventfd(0, O.NONBLOCK);
    await env.attempt(p.waitid(WaitKind.PIDFD, fd, W.EXITED | W.NOHANG));
    await env.attempt(p.waitid(WaitKind.PGID, onePid, W.EXITED | W.NOHANG));
    await env.attempt(p.waitid(WaitKind.PGID, 1, W.EXITED | W.NOHANG));
    await env.attempt(p.waitid(WaitKind.PID, await p.getpid(), W.EXITED | W.NOHANG));
    await p.read(fd, room(8)).catch(() => {});
  }),
  ...([['plain', 0], ['restart', SA.RESTART]] as const).map(([kind, flags]) => program(`waitid-interrupted-${kind}`, async (env) => {
    const { p, one, onePid } = await children(env);
    const other = await env.signalProcess();
    const list: number[] = [];
    await p.sigaction(SIG.SIGUSR1, { handler: (signo) => void list.push(signo), flags });
    const waiting = env.begin(p.waitid(WaitKind.PID, onePid, W.EXITED));
    await env.settle();
    await other.kill(env.pidOf(p), SIG.SIGUSR1);
    await env.settle();
    await env.exit(one, 1);
    await env.attempt(waiting);
    env.note('caught', list.length);
  })),
];

export const programs: readonly Program[] = [...timers, ...waits];
