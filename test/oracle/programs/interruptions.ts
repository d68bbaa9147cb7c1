/** What signals do to calls on pipes, files, event descriptors and queues that wait. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { IPC } from '../../../src/kernel/ipc/ipc-object.ts';
import { AF, MSG, O, SA, SHUT, SIG, SOCK, W } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { POLL, room, silently, text } from '../toolkit.ts';

const RESTARTS = [['plain', 0], ['restart', SA.RESTART]] as const;
const SIG_IGN = 1;

async function watch(p: Syscalls, signo: number, flags: number): Promise<number[]> {
  const list: number[] = [];
  await p.sigaction(signo, { handler: (got) => void list.push(got), flags });
  return list;
}

/**
 * Makes a call on `p` that waits; SIGSTOP and SIGCONT come without a handler, then a signal with one. `end` lets a call
 * that goes on come to its end.
 */
async function interrupted(
  env: ProgramEnvironment, p: Syscalls, other: Syscalls, list: number[], call: () => Promise<unknown>, end: () => Promise<unknown>,
): Promise<void> {
  const pid = await p.getpid();
  let returned = false;
  const waiting = env.begin(call().finally(() => {
    returned = true;
  }));
  await env.settle();
  await other.kill(pid, SIG.SIGSTOP);
  await env.settle();
  await other.kill(pid, SIG.SIGCONT);
  await env.settle();
  env.note('goes on without a handler', !returned);
  await other.kill(pid, SIG.SIGUSR1);
  await env.settle();
  env.note('goes on', !returned);
  if (!returned) await end();
  await env.attempt(waiting);
  await p.getpid();
  env.note('caught', list.splice(0).length);
}

const waits: Program[] = RESTARTS.flatMap(([kind, flags]) => [
  program(`interrupt-pipe-${kind}`, async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const list = await watch(p, SIG.SIGUSR1, flags);
    const [reading, writing] = await p.pipe();
    const child = await env.fork(p);
    await interrupted(env, p, other, list, () => p.read(reading, room(8)), () => child.write(writing, text('x')));
    await silently(p).write(writing, room(65536));
    await interrupted(env, p, other, list, () => p.write(writing, text('y')), () => silently(child).read(reading, room(65536)));
    // More than fits: what went in is the result.
    await interrupted(env, p, other, list, async () => {
      const sent = await silently(p).write(writing, room(200_000));
      env.note('a part was written', sent > 0 && sent < 200_000);
    }, async () => {});
  }),
  program(`interrupt-fifo-${kind}`, async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const list = await watch(p, SIG.SIGUSR1, flags);
    await p.mkfifo('fifo', 0o600);
    for (const [mine, theirs] of [[O.RDONLY, O.RDWR], [O.WRONLY, O.RDWR]] as const) {
      let partner = -1;
      await interrupted(env, p, other, list, () => p.open('fifo', mine), async () => {
        partner = await other.open('fifo', theirs);
      });
      if (partner >= 0) await other.close(partner);
    }
  }),
  program(`interrupt-events-${kind}`, async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const list = await watch(p, SIG.SIGUSR1, flags);
    const [reading, writing] = await p.pipe();
    await p.close(0);
    await p.close(1);
    const counter = await p.eventfd(0, 0);
    const timer = await p.timerfd_create(1, 0);
    const child = await env.fork(p);
    const epoll = await p.epoll_create1(0);
    await p.epoll_ctl(epoll, 1, reading, POLL.IN, 5);
    await interrupted(env, p, other, list, () => p.epoll_wait(epoll, 4, -1), () => child.write(writing, text('x')));
    await interrupted(env, p, other, list, () => p.epoll_wait(epoll, 4, 2000), () => child.write(writing, text('x')));
    const none = await p.pipe();
    const set = Uint8Array.of(1 << none[0], 0, 0, 0, 0, 0, 0, 0);
    if (none[0] > 7) throw new Error('one byte holds the descriptor');
    await interrupted(env, p, other, list, () => p.select(8, set, null, null, 300_000), async () => {});
    await interrupted(env, p, other, list, () => p.read(counter, room(8)), () => child.write(counter, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)));
    await interrupted(
      env, p, other, list, () => p.read(timer, room(8)),
      () => child.timerfd_settime(timer, 0, { valueUs: 1000, intervalUs: 0 }),
    );
  }),
  program(`interrupt-ipc-${kind}`, async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const list = await watch(p, SIG.SIGUSR1, flags);
    const queue = await p.msgget(IPC.PRIVATE, 0o600);
    await interrupted(env, p, other, list, () => p.msgrcv(queue, 8, 0, 0), () => other.msgsnd(queue, 1, text('m'), 0));
    const set = await p.semget(IPC.PRIVATE, 1, 0o600);
    const down = [{ num: 0, op: -1, flg: 0 }];
    const up = [{ num: 0, op: 1, flg: 0 }];
    await interrupted(env, p, other, list, () => p.semop(set, down), () => other.semop(set, up));
    await interrupted(env, p, other, list, () => p.semop(set, down, 2_000_000), () => other.semop(set, up));
    const opened = await p.mq_open('/interrupted', O.RDWR | O.CREAT, 0o600, { maxMessages: 1, messageSize: 8 });
    const theirs = await other.mq_open('/interrupted', O.RDWR);
    await interrupted(env, p, other, list, () => p.mq_receive(opened, 8), () => other.mq_send(theirs, text('m'), 1));
    await env.attempt(p.mq_send(opened, text('n'), 1, 10_000));
    await interrupted(env, p, other, list, () => p.mq_send(opened, text('o'), 1), () => other.mq_receive(theirs, 8));
    await p.mq_unlink('/interrupted');
  }),
]);

const pipes: Program[] = [
  program('sigpipe-pipe', async (env) => {
    const p = await env.signalProcess();
    const list = await watch(p, SIG.SIGPIPE, 0);
    const [reading, writing] = await p.pipe();
    const [source, feeding] = await p.pipe();
    await p.write(feeding, text('data'));
    await p.close(reading);
    await env.attempt(p.write(writing, text('a')));
    await env.attempt(p.writev(writing, [text('a'), text('b')]));
    await env.attempt(p.write(writing, room(0)));
    await p.getpid();
    env.note('caught', list.splice(0).length);
    await env.attempt(p.splice(source, null, writing, null, 4, 0));
    await env.attempt(p.tee(source, writing, 4, 0));
    await p.getpid();
    env.note('caught', list.splice(0).length);
    await p.sigaction(SIG.SIGPIPE, { handler: SIG_IGN });
    await env.attempt(p.write(writing, text('a')));
    await p.sigaction(SIG.SIGPIPE, { handler: 0 });
    const child = await env.fork(p);
    env.mayDie(child);
    void env.begin(child.write(writing, text('a')));
    await p.waitpid(-1);
  }),
  ...[SOCK.STREAM, SOCK.DGRAM, SOCK.SEQPACKET].map((type) => program(`sigpipe-unix-${type}`, async (env) => {
    const p = await env.signalProcess();
    const list = await watch(p, SIG.SIGPIPE, 0);
    const [a, b] = await p.socketpair(AF.UNIX, type, 0);
    await p.close(b);
    await env.attempt(p.write(a, text('a')));
    await env.attempt(p.send(a, text('a'), 0));
    await env.attempt(p.sendmsg(a, { iov: [text('a')] }, 0));
    await env.attempt(p.send(a, text('a'), MSG.NOSIGNAL));
    await p.getpid();
    env.note('caught', list.splice(0).length);
    const [c] = await p.socketpair(AF.UNIX, type, 0);
    await p.shutdown(c, SHUT.WR);
    await env.attempt(p.write(c, text('a')));
    await p.getpid();
    env.note('caught', list.splice(0).length);
  })),
  ...RESTARTS.map(([kind, flags]) => program(`interrupt-unix-${kind}`, async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const list = await watch(p, SIG.SIGUSR1, flags);
    const [a, b] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
    const child = await env.fork(p);
    await interrupted(env, p, other, list, () => p.recv(a, room(8), 0), () => child.write(b, text('x')));
    await child.write(b, text('part'));
    await interrupted(env, p, other, list, () => p.recv(a, room(8), MSG.WAITALL), async () => {});
    // A full backlog: connect waits in the kernel.
    const listening = await child.socket(AF.UNIX, SOCK.STREAM, 0);
    const address = new Uint8Array([1, 0, ...text('backlog'), 0]);
    await child.bind(listening, address);
    await child.listen(listening, 0);
    await child.connect(await child.socket(AF.UNIX, SOCK.STREAM, 0), address);
    const fd = await p.socket(AF.UNIX, SOCK.STREAM, 0);
    await interrupted(env, p, other, list, () => p.connect(fd, address), () => child.accept(listening));
  })),
  program('sigpipe-reader-goes', async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    const list = await watch(p, SIG.SIGPIPE, SA.RESTART);
    await p.mkfifo('fifo', 0o600);
    const reading = await other.open('fifo', O.RDWR);
    const writing = await p.open('fifo', O.WRONLY);
    await silently(p).write(writing, room(65536));
    const waiting = env.begin(p.write(writing, text('a')));
    await env.settle();
    await other.close(reading);
    await env.attempt(waiting);
    await p.getpid();
    env.note('caught', list.length);
  }),
  program('child-files', async (env) => {
    const p = await env.signalProcess();
    await p.mkdir('inside', 0o700);
    await p.chdir('inside');
    await p.umask(0o27);
    const fd = await p.open('file', O.RDWR | O.CREAT, 0o666);
    await p.write(fd, text('shared position'));
    const child = await env.fork(p);
    await child.umask(0o77);
    await child.lseek(fd, 7, 0);
    await p.read(fd, room(16));
    await child.stat('file');
    await child.chdir('..');
    await env.attempt(child.stat('file'));
    await p.stat('file');
    await p.umask(0);
    await env.exit(child, 6);
    await p.waitpid(-1, W.UNTRACED);
  }),
];

export const programs: readonly Program[] = [...waits, ...pipes];
