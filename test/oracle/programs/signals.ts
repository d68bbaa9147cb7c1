/** Signals: actions, masks, what is pending, the order of handlers, what they interrupt. */
import type { SignalInformation } from '../../../src/api/posix/signal-syscalls.ts';
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { signalName } from '../names.ts';
import { AF, MSG, RLIMIT, SA, SIG, SIG_MASK, SO, SOCK, SOL } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { INET, ints, listener, pair, POLL, PORT, room, silently, text, timeval } from '../toolkit.ts';

const SIG_DFL = 0;
const SIG_IGN = 1;
const RT = 34;

/** Installs a handler that writes down what it gets; returns the list. */
async function watch(p: Syscalls, signo: number, flags = 0, mask: readonly number[] = [], list: string[] = []): Promise<string[]> {
  const handler = (got: number, { code, value }: SignalInformation): void => {
    list.push(`${signalName(got)} ${code} ${value}`);
  };
  await p.sigaction(signo, { handler, flags, mask });
  return list;
}

/** What was caught so far; a call that does nothing comes first, so that the other kernel has told it. */
async function caught(env: ProgramEnvironment, p: Syscalls, list: string[]): Promise<void> {
  await p.getpid();
  env.note('caught', list.splice(0).join(', ') || 'nothing');
}

/** Sends until nothing more fits, however long it waits. */
async function fill(p: Syscalls, fd: number, env: ProgramEnvironment): Promise<void> {
  const block = room(1000);
  for (let refusals = 0; refusals < 3; ) {
    try {
      await p.send(fd, refusals === 0 ? block : room(1), MSG.DONTWAIT);
    } catch {
      refusals++;
      await env.settle(50);
    }
  }
}

/** Reads everything that is there. */
async function swallow(p: Syscalls, fd: number): Promise<void> {
  const buffer = room(1 << 20);
  for (;;) {
    try {
      await p.recv(fd, buffer, MSG.DONTWAIT);
    } catch {
      return;
    }
  }
}

/** Makes a call on `p` that waits, lets the signal come, and notes what the call made of it. */
async function interrupted(
  env: ProgramEnvironment, p: Syscalls, other: Syscalls, signo: number, list: string[], call: () => Promise<unknown>,
): Promise<void> {
  const pid = await p.getpid();
  const waiting = env.begin(call());
  await env.settle();
  await other.kill(pid, signo);
  await env.settle();
  await env.attempt(waiting);
  await caught(env, p, list);
}

const actions: Program[] = [
  program('sigaction-old', async (env) => {
    const p = await env.signalProcess();
    for (const signo of [SIG.SIGHUP, SIG.SIGUSR1, SIG.SIGCHLD, RT, 64]) {
      await p.sigaction(signo, null);
      await p.sigaction(signo, { handler: () => {}, flags: SA.RESTART, mask: [SIG.SIGUSR2, RT] });
      await p.sigaction(signo, { handler: SIG_IGN, flags: SA.NODEFER });
      await p.sigaction(signo, { handler: SIG_DFL });
      await p.sigaction(signo, null);
    }
    await p.sigaction(SIG.SIGUSR1, { handler: () => {}, mask: [SIG.SIGKILL, SIG.SIGSTOP, SIG.SIGINT] });
    await p.sigaction(SIG.SIGUSR1, null);
    await p.sigaction(SIG.SIGUSR1, { handler: () => {}, flags: SA.RESETHAND | SA.SIGINFO | SA.NOCLDSTOP });
    await p.sigaction(SIG.SIGUSR1, null);
  }),
  program('sigaction-refused', async (env) => {
    const p = await env.signalProcess();
    for (const signo of [0, -1, 65, 1000]) await env.attempt(p.sigaction(signo, null));
    for (const signo of [SIG.SIGKILL, SIG.SIGSTOP]) {
      await env.attempt(p.sigaction(signo, null));
      await env.attempt(p.sigaction(signo, { handler: SIG_IGN }));
      await env.attempt(p.sigaction(signo, { handler: () => {} }));
      await env.attempt(p.sigaction(signo, { handler: SIG_DFL }));
    }
  }),
  program('sigaction-resethand', async (env) => {
    const p = await env.signalProcess();
    const pid = await p.getpid();
    const list = await watch(p, SIG.SIGURG, SA.RESETHAND);
    await p.kill(pid, SIG.SIGURG);
    await p.kill(pid, SIG.SIGURG);
    await caught(env, p, list);
    await p.sigaction(SIG.SIGURG, null);
  }),
  program('handler-runs-before-kill-returns', async (env) => {
    const p = await env.signalProcess();
    const pid = await p.getpid();
    const list = await watch(p, SIG.SIGUSR1);
    await p.kill(pid, SIG.SIGUSR1);
    env.note('caught', list.join(', '));
    await p.sigqueue(pid, SIG.SIGUSR1, -7);
    env.note('caught', list.join(', '));
  }),
  program('ignoring-forgets-pending', async (env) => {
    const p = await env.signalProcess();
    const pid = await p.getpid();
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1, SIG.SIGCHLD]);
    await p.kill(pid, SIG.SIGUSR1);
    await p.kill(pid, SIG.SIGCHLD);
    await p.sigpending();
    await p.sigaction(SIG.SIGUSR1, { handler: SIG_IGN });
    await p.sigpending();
    await p.sigaction(SIG.SIGCHLD, { handler: SIG_DFL });
    await p.sigpending();
    await p.kill(pid, SIG.SIGUSR1);
    await p.sigpending();
    await p.sigprocmask(SIG_MASK.SETMASK, []);
    await p.sigpending();
  }),
];

const masks: Program[] = [
  program('sigprocmask', async (env) => {
    const p = await env.signalProcess();
    await p.sigprocmask(SIG_MASK.BLOCK, null);
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1, SIG.SIGKILL, SIG.SIGSTOP, 64]);
    await p.sigprocmask(SIG_MASK.UNBLOCK, [64, SIG.SIGINT]);
    await p.sigprocmask(SIG_MASK.SETMASK, [SIG.SIGINT, 32, 33, RT]);
    await p.sigprocmask(SIG_MASK.SETMASK, null);
    for (const how of [3, -1, 77]) {
      await env.attempt(p.sigprocmask(how, [SIG.SIGINT]));
      await env.attempt(p.sigprocmask(how, null));
    }
    await p.sigpending();
  }),
  program('pending-coalesces-and-queues', async (env) => {
    const p = await env.signalProcess();
    const pid = await p.getpid();
    const list: string[] = [];
    for (const signo of [SIG.SIGUSR1, RT, RT + 1]) await watch(p, signo, 0, [], list);
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1, RT, RT + 1]);
    for (let i = 1; i <= 3; i++) {
      await p.sigqueue(pid, RT, i);
      await p.sigqueue(pid, SIG.SIGUSR1, i);
      await p.kill(pid, RT + 1);
    }
    await p.sigpending();
    await caught(env, p, list);
    await p.sigprocmask(SIG_MASK.UNBLOCK, [SIG.SIGUSR1]);
    await caught(env, p, list);
    await p.sigprocmask(SIG_MASK.UNBLOCK, [RT]);
    await caught(env, p, list);
    await p.sigprocmask(SIG_MASK.SETMASK, []);
    await caught(env, p, list);
    await p.sigpending();
  }),
  program('handlers-of-several-pending', async (env) => {
    const p = await env.signalProcess();
    const pid = await p.getpid();
    const list: string[] = [];
    const all = [SIG.SIGHUP, SIG.SIGUSR1, SIG.SIGUSR2, SIG.SIGSEGV, SIG.SIGTERM, RT, RT + 3];
    for (const signo of all) await watch(p, signo, 0, [], list);
    await p.sigprocmask(SIG_MASK.BLOCK, all);
    for (const signo of [...all].reverse()) await p.kill(pid, signo);
    await p.sigprocmask(SIG_MASK.SETMASK, []);
    await caught(env, p, list);
    // The lower one's mask keeps the higher one out until it has run.
    await watch(p, SIG.SIGHUP, 0, all, list);
    await p.sigprocmask(SIG_MASK.BLOCK, all);
    for (const signo of all) await p.kill(pid, signo);
    await p.sigprocmask(SIG_MASK.SETMASK, []);
    await caught(env, p, list);
    await p.sigprocmask(SIG_MASK.SETMASK, null);
  }),
  program('queue-limit', async (env) => {
    const p = await env.signalProcess();
    await p.setgid(4321);
    // A user of its own: the limit counts what is pending for all processes of a user.
    await p.setuid(54321);
    const pid = await p.getpid();
    const list: string[] = [];
    for (const signo of [SIG.SIGUSR1, SIG.SIGUSR2, RT, RT + 1]) await watch(p, signo, 0, [], list);
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1, SIG.SIGUSR2, RT, RT + 1]);
    await p.setrlimit(RLIMIT.SIGPENDING, { soft: 2, hard: 5 });
    await p.getrlimit(RLIMIT.SIGPENDING);
    for (let i = 1; i <= 3; i++) await env.attempt(p.sigqueue(pid, RT, i));
    await p.kill(pid, RT + 1);
    await p.kill(pid, RT + 1);
    await p.kill(pid, SIG.SIGUSR1);
    await env.attempt(p.sigqueue(pid, SIG.SIGUSR2, 9));
    await p.sigpending();
    await p.sigprocmask(SIG_MASK.SETMASK, []);
    await caught(env, p, list);
    await p.sigqueue(pid, RT, 4);
    await caught(env, p, list);
  }),
];

const taking: Program[] = [
  program('sigtimedwait', async (env) => {
    const p = await env.signalProcess();
    const pid = await p.getpid();
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1, SIG.SIGUSR2, SIG.SIGCHLD, RT]);
    await env.attempt(p.sigtimedwait([SIG.SIGUSR1], 0));
    await env.attempt(p.sigtimedwait([SIG.SIGUSR1], 20_000));
    await env.attempt(p.sigtimedwait([], 1000));
    await p.sigqueue(pid, RT, 5);
    await p.sigqueue(pid, RT, 6);
    await p.kill(pid, SIG.SIGUSR2);
    await p.kill(pid, SIG.SIGCHLD);
    await p.sigtimedwait([RT, SIG.SIGUSR2], 0);
    await p.sigtimedwait([RT], 0);
    await p.sigwaitinfo([RT, SIG.SIGUSR1]);
    await p.sigpending();
    await p.sigtimedwait([SIG.SIGCHLD], Infinity);
    await env.attempt(p.sigtimedwait([RT, SIG.SIGUSR1, SIG.SIGUSR2, SIG.SIGCHLD], 0));
  }),
  program('sigtimedwait-waits', async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const pid = await p.getpid();
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1, SIG.SIGURG]);
    for (const signo of [SIG.SIGUSR1, SIG.SIGURG]) {
      const waiting = env.begin(p.sigwaitinfo([signo]));
      await env.settle();
      await other.kill(pid, signo);
      await waiting;
      await p.sigpending();
    }
    // Not blocked, and to be ignored: it is taken all the same.
    await p.sigprocmask(SIG_MASK.SETMASK, []);
    const waiting = env.begin(p.sigtimedwait([SIG.SIGURG], 500_000));
    await env.settle();
    await other.sigqueue(pid, SIG.SIGURG, 11);
    await env.attempt(waiting);
  }),
  program('sigtimedwait-interrupted', async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    for (const flags of [0, SA.RESTART]) {
      const list = await watch(p, SIG.SIGUSR2, flags);
      await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1]);
      await interrupted(env, p, other, SIG.SIGUSR2, list, () => p.sigtimedwait([SIG.SIGUSR1], 300_000));
    }
  }),
  program('sigsuspend-and-pause', async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const pid = await p.getpid();
    for (const flags of [0, SA.RESTART]) {
      const list = await watch(p, SIG.SIGUSR1, flags);
      await interrupted(env, p, other, SIG.SIGUSR1, list, () => p.pause());
      await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1]);
      await p.kill(pid, SIG.SIGUSR1);
      await env.attempt(p.sigsuspend([SIG.SIGUSR2]));
      await caught(env, p, list);
      await p.sigprocmask(SIG_MASK.SETMASK, null);
      await interrupted(env, p, other, SIG.SIGUSR1, list, () => p.sigsuspend([]));
      await p.sigprocmask(SIG_MASK.SETMASK, []);
    }
  }),
  program('sigsuspend-keeps-others-out', async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const pid = await p.getpid();
    const list = await watch(p, SIG.SIGUSR1);
    await watch(p, SIG.SIGUSR2, 0, [], list);
    const waiting = env.begin(p.sigsuspend([SIG.SIGUSR1]));
    await env.settle();
    await other.kill(pid, SIG.SIGUSR1);
    await env.settle();
    await other.kill(pid, SIG.SIGUSR2);
    await env.attempt(waiting);
    await caught(env, p, list);
    await p.sigpending();
  }),
];

const RESTARTS = [['plain', 0], ['restart', SA.RESTART]] as const;

/** Calls that wait, interrupted by a handler; what would end a restarted one comes afterwards. */
const interruptions: Program[] = RESTARTS.flatMap(([kind, flags]) => [
  program(`interrupt-recv-${kind}`, async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const peer = await env.process();
    const listening = await listener(peer, INET);
    const fd = await p.socket(AF.INET, SOCK.STREAM, 0);
    await p.connect(fd, INET.loopback(PORT));
    const server = (await peer.accept(listening)).fd;
    const list = await watch(p, SIG.SIGUSR1, flags);
    for (const call of ['recv', 'read', 'recvfrom'] as const) {
      const later = env.settle(100).then(() => peer.write(server, text('later')));
      await interrupted(env, p, other, SIG.SIGUSR1, list, () => (call === 'read' ? p.read(fd, room(8)) : p[call](fd, room(8), 0)));
      await later;
      if (flags === 0) await p.recv(fd, room(8), 0);
    }
    // A part is there: it is the result, whatever SA_RESTART says.
    await peer.write(server, text('part'));
    await interrupted(env, p, other, SIG.SIGUSR1, list, () => p.recv(fd, room(8), MSG.WAITALL));
    await p.setsockopt(fd, SOL.SOCKET, SO.RCVTIMEO, timeval(0, 200_000));
    await interrupted(env, p, other, SIG.SIGUSR1, list, () => p.recv(fd, room(8), 0));
    await env.attempt(p.recv(fd, room(8), 0));
  }),
  program(`interrupt-recv-dgram-${kind}`, async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const fd = await p.socket(AF.INET, SOCK.DGRAM, 0);
    await p.bind(fd, INET.loopback(PORT));
    const from = await other.socket(AF.INET, SOCK.DGRAM, 0);
    const list = await watch(p, SIG.SIGUSR1, flags);
    const later = env.settle(100).then(() => other.sendto(from, text('late'), 0, INET.loopback(PORT)));
    await interrupted(env, p, other, SIG.SIGUSR1, list, () => p.recvmsg(fd, [room(2), room(6)], 0));
    await later;
    await p.setsockopt(fd, SOL.SOCKET, SO.RCVTIMEO, timeval(0, 200_000));
    if (flags === 0) await p.recv(fd, room(8), 0);
    await interrupted(env, p, other, SIG.SIGUSR1, list, () => p.recv(fd, room(8), 0));
  }),
  program(`interrupt-accept-${kind}`, async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const fd = await listener(p, INET);
    const list = await watch(p, SIG.SIGUSR1, flags);
    const client = await other.socket(AF.INET, SOCK.STREAM, 0);
    const later = env.settle(100).then(() => other.connect(client, INET.loopback(PORT)));
    await interrupted(env, p, other, SIG.SIGUSR1, list, () => p.accept(fd));
    await later;
    if (flags === 0) await p.accept(fd);
    await p.setsockopt(fd, SOL.SOCKET, SO.RCVTIMEO, timeval(0, 200_000));
    await interrupted(env, p, other, SIG.SIGUSR1, list, () => p.accept(fd));
    await env.attempt(p.accept(fd));
  }),
  program(`interrupt-connect-${kind}`, async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const peer = await env.process();
    // A full accept queue: the SYN of one more connection is not answered.
    const listening = await listener(peer, INET, PORT, 0);
    const first = await peer.socket(AF.INET, SOCK.STREAM, 0);
    await peer.connect(first, INET.loopback(PORT));
    const fd = await p.socket(AF.INET, SOCK.STREAM, 0);
    const list = await watch(p, SIG.SIGUSR1, flags);
    await p.setsockopt(fd, SOL.SOCKET, SO.SNDTIMEO, timeval(0, 400_000));
    await interrupted(env, p, other, SIG.SIGUSR1, list, () => p.connect(fd, INET.loopback(PORT)));
    await p.close(fd);
    const again = await p.socket(AF.INET, SOCK.STREAM, 0);
    const later = env.settle(100).then(() => peer.accept(listening));
    await interrupted(env, p, other, SIG.SIGUSR1, list, () => p.connect(again, INET.loopback(PORT)));
    await later;
    await env.attempt(p.connect(again, INET.loopback(PORT)));
    await env.attempt(p.connect(again, INET.loopback(PORT)));
  }),
  program(`interrupt-send-${kind}`, async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const peer = await env.process();
    const listening = await listener(peer, INET);
    await peer.setsockopt(listening, SOL.SOCKET, SO.RCVBUF, ints(20_000));
    const fd = await p.socket(AF.INET, SOCK.STREAM, 0);
    await p.setsockopt(fd, SOL.SOCKET, SO.SNDBUF, ints(20_000));
    await p.connect(fd, INET.loopback(PORT));
    const server = (await peer.accept(listening)).fd;
    const list = await watch(p, SIG.SIGUSR1, flags);
    // More than both buffers hold: what went in is the result.
    const much = new Uint8Array(1 << 20);
    await interrupted(env, p, other, SIG.SIGUSR1, list, async () => {
      const sent = await silently(p).send(fd, much, 0);
      env.note('a part was sent', sent > 0 && sent < much.length);
    });
    await fill(silently(p), fd, env);
    const read = env.settle(100).then(() => swallow(silently(peer), server));
    await interrupted(env, p, other, SIG.SIGUSR1, list, () => p.write(fd, text('byte')));
    await read;
    await p.setsockopt(fd, SOL.SOCKET, SO.SNDTIMEO, timeval(0, 300_000));
    await fill(silently(p), fd, env);
    await interrupted(env, p, other, SIG.SIGUSR1, list, () => p.write(fd, text('byte')));
    await env.attempt(p.write(fd, text('byte')));
  }),
  program(`interrupt-poll-${kind}`, async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const { client } = await pair(p, INET);
    const list = await watch(p, SIG.SIGUSR1, flags);
    for (const timeout of [-1, 1000]) {
      await interrupted(env, p, other, SIG.SIGUSR1, list, () => p.poll([{ fd: client, events: POLL.IN, revents: 0 }], timeout));
    }
    await interrupted(env, p, other, SIG.SIGUSR1, list, () => p.poll([], 1000));
    await interrupted(env, p, other, SIG.SIGUSR1, list, () => p.sleep(1_000_000));
  }),
]);

export const programs: readonly Program[] = [...actions, ...masks, ...taking, ...interruptions];
