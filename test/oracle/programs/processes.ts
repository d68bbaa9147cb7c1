/** Processes: children and what waits for them, stopping, groups and sessions, limits. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { AF, CLOSE_RANGE, F, FD_CLOEXEC, O, RLIMIT, SA, SIG, SIG_MASK, SOCK, W } from '../numbers.ts';
import { type Program, program } from '../program.ts';
import { caught, watch } from '../signal-watch.ts';
import { INET, pair, room, silently, text } from '../toolkit.ts';

const SIG_DFL = 0;
const SIG_IGN = 1;

const endings: Program[] = [
  program('waitpid-exited', async (env) => {
    const p = await env.signalProcess();
    await env.attempt(p.waitpid(-1));
    await env.attempt(p.waitpid(-1, W.NOHANG));
    for (const code of [0, 1, 77, 255, 256 + 3]) {
      const child = await env.fork(p);
      const pid = await child.getpid();
      await p.waitpid(pid, W.NOHANG);
      await env.exit(child, code);
      await env.settle();
      await p.waitpid(pid);
      await env.attempt(p.waitpid(pid));
    }
  }),
  program('waitpid-killed', async (env) => {
    const p = await env.signalProcess();
    const fatal = [
      SIG.SIGHUP, SIG.SIGINT, SIG.SIGKILL, SIG.SIGUSR1, SIG.SIGPIPE, SIG.SIGALRM, SIG.SIGTERM, SIG.SIGIO, SIG.SIGQUIT, SIG.SIGSEGV, 40,
    ];
    for (const signo of fatal) {
      const child = await env.fork(p);
      const pid = await child.getpid();
      env.mayDie(child);
      await p.kill(pid, signo);
      await p.waitpid(-1);
    }
    // These do nothing by themselves.
    const child = await env.fork(p);
    const pid = await child.getpid();
    for (const signo of [SIG.SIGCHLD, SIG.SIGURG, SIG.SIGWINCH, SIG.SIGCONT]) await p.kill(pid, signo);
    await env.settle();
    await p.waitpid(pid, W.NOHANG);
    await child.sigpending();
  }),
  program('waitpid-waits', async (env) => {
    const p = await env.signalProcess();
    const a = await env.fork(p);
    const b = await env.fork(p);
    const pids = [await a.getpid(), await b.getpid()];
    const waiting = env.begin(p.waitpid(-1));
    await env.settle();
    await env.exit(b, 4);
    await waiting;
    const rest = env.begin(p.waitpid(pids[0] as number));
    await env.settle();
    await env.exit(a, 5);
    await rest;
    await env.attempt(p.waitpid(-1, W.NOHANG | W.UNTRACED));
  }),
  program('waitpid-whom', async (env) => {
    const p = await env.signalProcess();
    const a = await env.fork(p);
    const b = await env.fork(p);
    await p.getpid();
    const pids = [await a.getpid(), await b.getpid()] as const;
    await b.setpgid(0, 0);
    for (const code of [0x10, 4, 0x40, -1]) await env.attempt(p.waitpid(-1, code));
    await env.attempt(p.waitpid(4_000_000));
    await env.attempt(p.waitpid(-4_000_000));
    await env.attempt(p.waitpid(-0x80000000));
    await env.attempt(a.waitpid(pids[1]));
    await p.waitpid(0, W.NOHANG);
    await env.exit(b, 9);
    await env.settle();
    // b has a group of its own.
    await p.waitpid(0, W.NOHANG);
    await p.kill(pids[1], 0);
    await p.getpgid(pids[1]);
    await p.waitpid(-pids[1]);
    await env.attempt(p.waitpid(-pids[1]));
    await env.attempt(p.kill(pids[1], 0));
    await env.attempt(p.getpgid(pids[1]));
    await env.exit(a, 1);
    await env.settle();
    await p.waitpid(0);
  }),
  program('waitpid-interrupted', async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const child = await env.fork(p);
    const pid = await p.getpid();
    for (const flags of [0, SA.RESTART]) {
      const list = await watch(p, SIG.SIGUSR1, flags);
      const waiting = env.begin(p.waitpid(-1));
      await env.settle();
      await other.kill(pid, SIG.SIGUSR1);
      await env.settle();
      if (flags !== 0) await env.exit(child, 2);
      await env.attempt(waiting);
      await caught(env, p, list);
    }
  }),
  program('sigchld', async (env) => {
    const p = await env.signalProcess();
    const list = await watch(p, SIG.SIGCHLD);
    const a = await env.fork(p);
    await env.exit(a, 3);
    await env.settle();
    await caught(env, p, list);
    await p.waitpid(-1);
    const b = await env.fork(p);
    const pid = await b.getpid();
    env.mayDie(b);
    for (const signo of [SIG.SIGSTOP, SIG.SIGCONT, SIG.SIGTERM]) {
      await p.kill(pid, signo);
      await env.settle();
      await caught(env, p, list);
    }
    await p.waitpid(-1);
    await watch(p, SIG.SIGCHLD, SA.NOCLDSTOP);
    const c = await env.fork(p);
    await p.kill(await c.getpid(), SIG.SIGSTOP);
    await env.settle();
    await p.waitpid(-1, W.UNTRACED);
    await caught(env, p, list);
  }),
  program('sigchld-nobody-waits', async (env) => {
    const p = await env.signalProcess();
    await p.sigaction(SIG.SIGCHLD, { handler: SIG_IGN });
    const a = await env.fork(p);
    const waiting = env.begin(p.waitpid(-1));
    await env.settle();
    await env.exit(a, 3);
    await env.attempt(waiting);
    const list = await watch(p, SIG.SIGCHLD, SA.NOCLDWAIT);
    const b = await env.fork(p);
    const pid = await b.getpid();
    await env.exit(b, 4);
    await env.settle();
    await caught(env, p, list);
    await env.attempt(p.waitpid(pid));
    await env.attempt(p.kill(pid, 0));
    // An ended child that was there before is still waited for.
    await p.sigaction(SIG.SIGCHLD, { handler: SIG_DFL });
    const c = await env.fork(p);
    await env.exit(c, 5);
    await env.settle();
    await p.sigaction(SIG.SIGCHLD, { handler: SIG_IGN });
    await p.waitpid(-1);
  }),
  program('orphan', async (env) => {
    const p = await env.signalProcess();
    const child = await env.fork(p);
    const grandchild = await env.fork(child);
    const parent = await child.getpid();
    await grandchild.getppid();
    await env.exit(child, 0);
    await env.settle();
    await p.waitpid(-1);
    env.note('another parent', (await silentParent(grandchild)) !== parent);
    await env.attempt(p.waitpid(-1));
  }),
];

async function silentParent(p: Syscalls): Promise<number> {
  return silently(p).getppid();
}

const stopping: Program[] = [
  program('stop-and-continue', async (env) => {
    const p = await env.signalProcess();
    const child = await env.fork(p);
    const pid = await child.getpid();
    // An orphaned group is not stopped from a terminal.
    for (const signo of [SIG.SIGTSTP, SIG.SIGTTIN, SIG.SIGTTOU]) await p.kill(pid, signo);
    await env.settle();
    await p.waitpid(pid, W.NOHANG | W.UNTRACED);
    await child.setpgid(0, 0);
    for (const signo of [SIG.SIGSTOP, SIG.SIGTSTP, SIG.SIGTTIN, SIG.SIGTTOU]) {
      await p.kill(pid, signo);
      await env.settle();
      await p.waitpid(pid, W.NOHANG);
      await p.waitpid(pid, W.NOHANG | W.CONTINUED);
      await p.waitpid(pid, W.UNTRACED);
      await p.waitpid(pid, W.NOHANG | W.UNTRACED);
      await p.kill(pid, SIG.SIGCONT);
      await env.settle();
      await p.waitpid(pid, W.NOHANG | W.UNTRACED);
      await p.waitpid(pid, W.CONTINUED);
      await p.waitpid(pid, W.NOHANG | W.CONTINUED);
    }
    // Two stops are one, and what was not waited for is replaced.
    await p.kill(pid, SIG.SIGSTOP);
    await p.kill(pid, SIG.SIGSTOP);
    await env.settle();
    await p.kill(pid, SIG.SIGCONT);
    await env.settle();
    await p.waitpid(pid, W.NOHANG | W.UNTRACED | W.CONTINUED);
    await p.waitpid(pid, W.NOHANG | W.UNTRACED | W.CONTINUED);
    await p.kill(pid, SIG.SIGSTOP);
    await env.settle();
    env.mayDie(child);
    await p.kill(pid, SIG.SIGTERM);
    await env.settle();
    await p.waitpid(pid, W.NOHANG);
    await p.kill(pid, SIG.SIGCONT);
    await p.waitpid(pid);
  }),
  program('stopped-killed', async (env) => {
    const p = await env.signalProcess();
    const child = await env.fork(p);
    const pid = await child.getpid();
    env.mayDie(child);
    await p.kill(pid, SIG.SIGSTOP);
    await env.settle();
    await p.kill(pid, SIG.SIGKILL);
    await p.waitpid(pid, W.UNTRACED | W.CONTINUED);
  }),
  program('stop-caught-and-blocked', async (env) => {
    const p = await env.signalProcess();
    const child = await env.fork(p);
    const pid = await child.getpid();
    const list = await watch(child, SIG.SIGTSTP);
    await p.kill(pid, SIG.SIGTSTP);
    await env.settle();
    await caught(env, child, list);
    await p.waitpid(pid, W.NOHANG | W.UNTRACED);
    await child.sigaction(SIG.SIGTSTP, { handler: SIG_DFL });
    await child.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGTSTP, SIG.SIGCONT, SIG.SIGTTIN]);
    await p.kill(pid, SIG.SIGTSTP);
    await p.kill(pid, SIG.SIGTTIN);
    await child.sigpending();
    await p.kill(pid, SIG.SIGCONT);
    await child.sigpending();
    await watch(child, SIG.SIGCONT);
    await p.kill(pid, SIG.SIGCONT);
    await child.sigpending();
    await p.kill(pid, SIG.SIGTSTP);
    await child.sigpending();
    await p.waitpid(pid, W.NOHANG | W.UNTRACED | W.CONTINUED);
  }),
  program('stopped-while-waiting', async (env) => {
    const p = await env.signalProcess();
    const child = await env.fork(p);
    const pid = await child.getpid();
    const { client, server } = await pair(child, INET);
    const list = await watch(child, SIG.SIGUSR1);
    const waiting = env.begin(child.recv(server, room(8), 0));
    await env.settle();
    await p.kill(pid, SIG.SIGSTOP);
    await env.settle();
    await p.waitpid(pid, W.UNTRACED);
    await p.kill(pid, SIG.SIGUSR1);
    await env.settle();
    await p.waitpid(pid, W.NOHANG | W.UNTRACED);
    await p.kill(pid, SIG.SIGCONT);
    await env.attempt(waiting);
    await caught(env, child, list);
    // Without a handler the call goes on.
    const again = env.begin(child.poll([{ fd: server, events: 1, revents: 0 }], 150));
    await env.settle();
    await p.kill(pid, SIG.SIGSTOP);
    await env.settle();
    await p.kill(pid, SIG.SIGCONT);
    await env.attempt(again);
    const slept = env.begin(child.sleep(100_000));
    await env.settle();
    await p.kill(pid, SIG.SIGSTOP);
    await env.settle();
    await p.kill(pid, SIG.SIGCONT);
    await env.attempt(slept);
    await child.write(client, text('x'));
    await child.recv(server, room(8), 0);
  }),
];

const groups: Program[] = [
  program('groups', async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const a = await env.fork(p);
    const b = await env.fork(p);
    const [pid, aPid, bPid, otherPid] = [await p.getpid(), await a.getpid(), await b.getpid(), await other.getpid()] as const;
    for (const each of [p, a, b]) {
      await each.getpgid(0);
      await each.getsid(0);
    }
    await p.getpgid(aPid);
    await p.getsid(otherPid);
    await env.attempt(p.getpgid(4_000_000));
    await env.attempt(p.getsid(4_000_000));
    await env.attempt(p.getpgid(-1));
    await env.attempt(p.setsid());
    await env.attempt(p.setpgid(0, 0));
    await env.attempt(p.setpgid(0, -1));
    await env.attempt(p.setpgid(4_000_000, 0));
    await env.attempt(p.setpgid(otherPid, 0));
    await env.attempt(p.setpgid(aPid, aPid));
    await env.attempt(a.setpgid(0, otherPid));
    await env.attempt(a.setpgid(0, bPid));
    await env.attempt(a.setpgid(bPid, 0));
    await env.attempt(a.setpgid(0, 4_000_000));
    await a.setpgid(0, 0);
    await a.getpgid(0);
    await b.setpgid(0, aPid);
    await p.getpgid(bPid);
    await b.setpgid(bPid, pid);
    await b.getpgid(0);
    await env.attempt(a.setsid());
    await a.setpgid(0, pid);
    await a.setsid();
    await a.getsid(0);
    await a.getpgid(0);
    await env.attempt(a.setpgid(0, pid));
    await env.attempt(b.setpgid(0, aPid));
    await env.attempt(p.setpgid(aPid, 0));
    await env.attempt(a.setpgid(aPid, aPid));
  }),
  program('kill-group', async (env) => {
    const p = await env.signalProcess();
    const a = await env.fork(p);
    const b = await env.fork(p);
    await p.getpid();
    const aPid = await a.getpid();
    await b.getpid();
    await a.setpgid(0, 0);
    await b.setpgid(0, aPid);
    const list = await watch(a, SIG.SIGUSR1);
    env.mayDie(b);
    await p.kill(-aPid, SIG.SIGUSR1);
    await p.waitpid(-1);
    await caught(env, a, list);
    await p.waitpid(-aPid, W.NOHANG);
    await a.kill(0, SIG.SIGUSR1);
    await caught(env, a, list);
  }),
  program('orphaned-group', async (env) => {
    const p = await env.signalProcess();
    const child = await env.fork(p);
    const grandchild = await env.fork(child);
    const pid = await grandchild.getpid();
    await grandchild.setpgid(0, 0);
    const list = await watch(grandchild, SIG.SIGHUP);
    await p.kill(pid, SIG.SIGTSTP);
    await env.settle();
    await env.exit(child, 0);
    await env.settle(60);
    await caught(env, grandchild, list);
  }),
];

const inheritance: Program[] = [
  program('child-descriptors', async (env) => {
    const p = await env.signalProcess();
    const { client, server } = await pair(p, INET);
    await p.fcntl(client, F.SETFD, FD_CLOEXEC);
    const shared = await p.dup3(server, 20, 0);
    await p.dup3(server, 21, O.CLOEXEC);
    const child = await env.fork(p);
    for (const fd of [client, server, shared, 21]) await env.attempt(child.fcntl(fd, F.GETFD));
    await p.write(client, text('for the child'));
    await env.settle();
    await child.read(shared, room(32));
    await child.fcntl(server, F.SETFL, O.NONBLOCK);
    await p.fcntl(server, F.GETFL);
    await env.exit(child);
    await env.settle();
    await p.waitpid(-1);
    await p.fcntl(server, F.GETFD);
  }),
  program('child-signals', async (env) => {
    const p = await env.signalProcess();
    await watch(p, SIG.SIGUSR1, SA.RESTART);
    await p.sigaction(SIG.SIGUSR2, { handler: SIG_IGN, flags: SA.NODEFER, mask: [SIG.SIGINT] });
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGHUP, SIG.SIGTERM]);
    await p.kill(await p.getpid(), SIG.SIGHUP);
    await p.alarm(100);
    await p.umask(0o27);
    const child = await env.fork(p);
    await child.sigaction(SIG.SIGUSR1, null);
    await child.sigaction(SIG.SIGUSR2, null);
    await child.sigprocmask(SIG_MASK.BLOCK, null);
    await child.sigpending();
    await child.alarm(0);
    await child.umask(0);
  }),
  program('limits', async (env) => {
    const p = await env.signalProcess();
    await env.attempt(p.getrlimit(16));
    await env.attempt(p.getrlimit(-1));
    await p.setrlimit(RLIMIT.NOFILE, { soft: 1000, hard: 1010 });
    const child = await env.fork(p);
    await child.getrlimit(RLIMIT.NOFILE);
    await p.setrlimit(RLIMIT.NOFILE, { soft: 10, hard: 20 });
    await p.getrlimit(RLIMIT.NOFILE);
    for (let i = 0; i < 8; i++) await env.attempt(p.socket(AF.INET, SOCK.DGRAM, 0));
    await env.attempt(p.dup2(3, 10));
    await env.attempt(p.dup2(3, 9));
    await env.attempt(p.dup3(3, 10, 0));
    await env.attempt(p.fcntl(3, F.DUPFD, 10));
    await env.attempt(p.setrlimit(RLIMIT.NOFILE, { soft: 21, hard: 20 }));
    await p.setrlimit(RLIMIT.NOFILE, { soft: 5, hard: 20 });
    await p.fcntl(9, F.GETFD);
    await env.attempt(p.setrlimit(RLIMIT.NOFILE, { soft: 5, hard: Infinity }));
    await p.setgid(77);
    await p.setuid(54322);
    await env.attempt(p.setrlimit(RLIMIT.NOFILE, { soft: 5, hard: 21 }));
    await p.setrlimit(RLIMIT.NOFILE, { soft: 6, hard: 19 });
    await env.attempt(p.setrlimit(RLIMIT.NOFILE, { soft: 6, hard: 20 }));
    await p.getrlimit(RLIMIT.NOFILE);
  }),
  program('dup3-and-close-range', async (env) => {
    const p = await env.signalProcess();
    const fd = await p.socket(AF.INET, SOCK.DGRAM, 0);
    await env.attempt(p.dup3(fd, fd, 0));
    await env.attempt(p.dup3(99, 99, 0));
    await env.attempt(p.dup3(fd, 10, 1));
    await env.attempt(p.dup3(99, 10, 0));
    await env.attempt(p.dup3(fd, -1, 0));
    await p.dup3(fd, 10, O.CLOEXEC);
    await p.fcntl(10, F.GETFD);
    await p.dup3(fd, 10, 0);
    await p.fcntl(10, F.GETFD);
    for (const to of [11, 12, 13, 20]) await p.dup2(fd, to);
    await env.attempt(p.close_range(12, 11, 0));
    await env.attempt(p.close_range(11, 12, 1));
    await env.attempt(p.close_range(11, 12, 8));
    await p.close_range(11, 12, CLOSE_RANGE.CLOEXEC);
    for (const each of [10, 11, 12, 13]) await p.fcntl(each, F.GETFD);
    await p.close_range(12, 15, 0);
    await p.close_range(12, 15, CLOSE_RANGE.UNSHARE);
    for (const each of [11, 12, 13, 20]) await env.attempt(p.fcntl(each, F.GETFD));
  }),
];

export const programs: readonly Program[] = [...endings, ...stopping, ...groups, ...inheritance];
