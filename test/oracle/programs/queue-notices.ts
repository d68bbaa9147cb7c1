/** mq_notify and RLIMIT_MSGQUEUE. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { SIGEV } from '../../../src/kernel/posix-timers.ts';
import { O, RLIMIT, SIG, SIG_MASK } from '../numbers.ts';
import { program, type Program, type ProgramEnvironment } from '../program.ts';
import { room, silently, text } from '../toolkit.ts';

const event = (signo: number, value = 0, notify: number = SIGEV.SIGNAL): { notify: number; signo: number; value: number } =>
  ({ notify, signo, value });

/** The line that a queue tells of itself, without the pid. */
async function line(env: ProgramEnvironment, p: Syscalls, name: string): Promise<void> {
  const fd = await silently(p).mq_open(name, O.RDONLY | O.NONBLOCK);
  const buffer = room(200);
  const count = await silently(p).read(fd, buffer);
  env.note('line', String.fromCharCode(...buffer.subarray(0, count)).replace(/NOTIFY_PID:(\d+)/, (_all, pid) => (pid === '0' ? 'nobody' : 'somebody')).replace(/ +/g, ' '));
}

const programs_: Program[] = [
  program('queue-notify', async (env) => {
    const p = await env.signalProcess();
    const set = [SIG.SIGUSR1, 40];
    await p.sigprocmask(SIG_MASK.BLOCK, set);
    const fd = await p.mq_open('/q', O.RDWR | O.CREAT | O.NONBLOCK, 0o600, { maxMessages: 4, messageSize: 16 });
    await p.mq_notify(fd, event(SIG.SIGUSR1, 7));
    await env.attempt(p.mq_notify(fd, event(SIG.SIGUSR1, 8)));
    await p.mq_send(fd, text('one'), 1);
    await p.sigtimedwait(set, 1_000_000);
    // Once, and only of an empty queue.
    await p.mq_send(fd, text('two'), 1);
    await env.attempt(p.sigtimedwait(set, 0));
    await p.mq_notify(fd, event(40, -1));
    await p.mq_send(fd, text('three'), 1);
    await env.attempt(p.sigtimedwait(set, 0));
    for (let i = 0; i < 3; i++) await p.mq_receive(fd, 16);
    await p.mq_send(fd, text('four'), 1);
    await p.sigtimedwait(set, 1_000_000);
    await p.mq_receive(fd, 16);
    // Taken back; and by another process.
    await p.mq_notify(fd, event(SIG.SIGUSR1));
    await p.mq_notify(fd, null);
    await p.mq_notify(fd, null);
    await p.mq_send(fd, text('five'), 1);
    await env.attempt(p.sigtimedwait(set, 0));
    await p.mq_receive(fd, 16);
    await p.mq_notify(fd, event(0, 0, SIGEV.NONE));
    await env.attempt(p.mq_notify(fd, event(SIG.SIGUSR1)));
    await p.mq_send(fd, text('six'), 1);
    await p.mq_receive(fd, 16);
    await p.mq_notify(fd, event(SIG.SIGUSR1));
    // Any close of the process ends it.
    const other = await p.mq_open('/q', O.RDONLY);
    await p.close(other);
    await p.mq_send(fd, text('seven'), 1);
    await env.attempt(p.sigtimedwait(set, 0));
  }),
  program('queue-notify-others', async (env) => {
    const p = await env.signalProcess();
    const other = await env.signalProcess();
    await p.sigprocmask(SIG_MASK.BLOCK, [SIG.SIGUSR1]);
    const fd = await p.mq_open('/q', O.RDWR | O.CREAT, 0o600, { maxMessages: 4, messageSize: 16 });
    const theirs = await other.mq_open('/q', O.RDWR);
    await line(env, other, '/q');
    await p.mq_notify(fd, event(SIG.SIGUSR1, 3));
    await line(env, other, '/q');
    await env.attempt(other.mq_notify(theirs, event(SIG.SIGUSR1)));
    await other.mq_notify(theirs, null);
    // A receiver that waits takes it, and nobody is told.
    const waiting = env.begin(other.mq_receive(theirs, 16));
    await env.settle();
    await p.mq_send(fd, text('x'), 0);
    await waiting;
    await env.attempt(p.sigtimedwait([SIG.SIGUSR1], 0));
    await other.mq_send(theirs, text('y'), 0);
    await p.sigtimedwait([SIG.SIGUSR1], 1_000_000);
    await line(env, other, '/q');
    await p.mq_notify(fd, event(0, 0, SIGEV.NONE));
    await line(env, other, '/q');
    await env.exit(p);
    await other.mq_notify(theirs, event(SIG.SIGUSR1));
    await line(env, await env.signalProcess(), '/q');
  }),
  program('queue-notify-faults', async (env) => {
    const p = await env.signalProcess();
    const fd = await p.mq_open('/q', O.RDWR | O.CREAT, 0o600, { maxMessages: 4, messageSize: 16 });
    for (const [signo, notify] of [[65, SIGEV.SIGNAL], [-1, SIGEV.SIGNAL], [1, 3], [1, -1], [1, 7]] as const) {
      await env.attempt(p.mq_notify(fd, event(signo, 0, notify)));
    }
    await p.mq_notify(fd, event(0));
    await p.mq_send(fd, text('x'), 0);
    const [one] = await p.pipe();
    for (const bad of [-1, 99, one]) {
      await env.attempt(p.mq_notify(bad, event(SIG.SIGUSR1)));
      await env.attempt(p.mq_notify(bad, null));
      await env.attempt(p.mq_notify(bad, event(SIG.SIGUSR1, 0, 3)));
    }
    const reader = await p.mq_open('/q', O.RDONLY);
    await p.mq_notify(reader, event(SIG.SIGUSR1));
  }),
  program('queue-priorities', async (env) => {
    const p = await env.process();
    const fd = await p.mq_open('/q', O.RDWR | O.CREAT | O.NONBLOCK, 0o600, { maxMessages: 10, messageSize: 16 });
    const priorities = [5, 1, 9, 5, 0, 32767, 9, 1, 5, 0];
    for (const [i, priority] of priorities.entries()) await p.mq_send(fd, text(String(i)), priority);
    for (let i = 0; i < 4; i++) await p.mq_receive(fd, 16);
    await p.mq_send(fd, text('late'), 5);
    await p.mq_send(fd, text('last'), 0);
    for (let i = 0; i < 9; i++) await env.attempt(p.mq_receive(fd, 16));
  }),
  program('queue-limit', async (env) => {
    const p = await env.signalProcess();
    await p.getrlimit(RLIMIT.MSGQUEUE);
    await p.setresuid(4712, 4712, 4712);
    await p.setrlimit(RLIMIT.MSGQUEUE, { soft: 3000, hard: 3000 });
    const make = (name: string, maxMessages: number, messageSize: number): Promise<number> =>
      p.mq_open(name, O.RDWR | O.CREAT, 0o600, { maxMessages, messageSize });
    // 96 bytes beside each message.
    await env.attempt(make('/a', 10, 205));
    const a = await make('/a', 10, 204);
    await env.attempt(make('/b', 1, 1));
    await p.mq_unlink('/a');
    await env.attempt(make('/b', 1, 1));
    await p.close(a);
    const b = await make('/b', 5, 204);
    await make('/c', 5, 204);
    await env.attempt(make('/d', 1, 1));
    await p.close(b);
    await env.attempt(make('/d', 1, 1));
    await p.mq_unlink('/b');
    await p.mq_unlink('/c');
    await make('/d', 5, 204);
  }),
];

export const programs: readonly Program[] = programs_;
