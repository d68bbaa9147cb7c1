/** Errnos of System V IPC, processes and credentials that the other programs do not come by: permissions, limits, what is gone. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { SEMCTL } from '../../../src/kernel/calls/ipc.ts';
import { IPC } from '../../../src/kernel/ipc/ipc-object.ts';
import { SHM_RDONLY } from '../../../src/kernel/ipc/shared-memory.ts';
import { O, SA, SIG } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { room, silently, text } from '../toolkit.ts';

const NEW = IPC.CREAT | 0o600;
const USER = 1000;
const STEP = { num: 0, op: 1, flg: 0 };

async function asUser(env: ProgramEnvironment, root: Syscalls): Promise<Syscalls> {
  const p = await env.fork(root);
  await silently(p).setresgid(USER, USER, USER);
  await silently(p).setresuid(USER, USER, USER);
  return p;
}

const permissions = program('errors-of-ipc-permissions', async (env) => {
  const root = await env.signalProcess();
  for (const mode of [0o600, 0o644]) {
    const [queue, set, segment] = [
      await root.msgget(mode, IPC.CREAT | mode), await root.semget(mode, 1, IPC.CREAT | mode), await root.shmget(mode, 100, IPC.CREAT | mode),
    ];
    const p = await asUser(env, root);
    for (const call of [
      () => p.msgget(mode, 0o600), () => p.semget(mode, 1, 0o600), () => p.shmget(mode, 100, 0o600),
      () => p.msgsnd(queue, 1, text('x'), 0), () => p.msgrcv(queue, 1, 0, IPC.NOWAIT), () => p.msgctl(queue, IPC.STAT),
      () => p.msgctl(queue, IPC.SET, { uid: 0, gid: 0, mode: 0o600, mostBytes: 100 }), () => p.msgctl(queue, IPC.RMID),
      () => p.semop(set, [STEP]), () => p.semop(set, [{ num: 0, op: 0, flg: 0 }]), () => p.semctl(set, 0, IPC.STAT),
      () => p.semctl(set, 0, SEMCTL.GETVAL), () => p.semctl(set, 0, SEMCTL.GETALL), () => p.semctl(set, 0, SEMCTL.SETVAL, 1),
      () => p.semctl(set, 0, SEMCTL.SETALL, [1]), () => p.semctl(set, 0, IPC.SET, { uid: 0, gid: 0, mode: 0o600 }),
      () => p.semctl(set, 0, IPC.RMID), () => p.shmat(segment, 0), () => p.shmat(segment, SHM_RDONLY), () => p.shmctl(segment, IPC.STAT),
      () => p.shmctl(segment, IPC.SET, { uid: 0, gid: 0, mode: 0o600 }), () => p.shmctl(segment, IPC.RMID),
    ]) await env.attempt(call());
    await env.exit(p);
  }
  // Nobody but root lets a queue hold more than the default.
  const p = await asUser(env, root);
  const own = await p.msgget(IPC.PRIVATE, NEW);
  await env.attempt(p.msgctl(own, IPC.SET, { uid: USER, gid: USER, mode: 0o600, mostBytes: 1 << 20 }));
  await env.attempt(p.msgctl(own, IPC.SET, { uid: USER, gid: USER, mode: 0o600, mostBytes: 100 }));
  await p.msgsnd(own, 1, room(100), 0);
  await env.attempt(p.msgsnd(own, 1, text('x'), IPC.NOWAIT));
  await p.mq_open('/mine', O.RDWR | O.CREAT, 0o600);
});

/** Its place has been given to another object: the old identifier is known to be one that is gone. */
const places = program('errors-of-ipc-gone', async (env) => {
  const p = await env.process();
  const silent = silently(p);
  const queue = await p.msgget(IPC.PRIVATE, NEW);
  const set = await p.semget(IPC.PRIVATE, 1, NEW);
  const segment = await p.shmget(IPC.PRIVATE, 100, NEW);
  await p.msgctl(queue, IPC.RMID);
  await p.semctl(set, 0, IPC.RMID);
  await p.shmctl(segment, IPC.RMID);
  for (const round of ['gone', 'replaced']) {
    env.note('now it is', round);
    for (const call of [
      () => p.msgsnd(queue, 1, text('x'), 0), () => p.msgrcv(queue, 1, 0, IPC.NOWAIT), () => p.msgctl(queue, IPC.STAT), () => p.msgctl(queue, IPC.RMID),
      () => p.msgctl(queue, IPC.SET, { uid: 0, gid: 0, mode: 0o600, mostBytes: 100 }),
      () => p.semop(set, [STEP]), () => p.semctl(set, 0, IPC.STAT), () => p.semctl(set, 0, SEMCTL.GETVAL), () => p.semctl(set, 0, SEMCTL.SETVAL, 1),
      () => p.semctl(set, 0, SEMCTL.GETALL), () => p.semctl(set, 0, IPC.RMID), () => p.semctl(set, 0, IPC.SET, { uid: 0, gid: 0, mode: 0o600 }),
      () => p.shmat(segment, 0), () => p.shmctl(segment, IPC.STAT), () => p.shmctl(segment, IPC.RMID),
      () => p.shmctl(segment, IPC.SET, { uid: 0, gid: 0, mode: 0o600 }),
    ]) await env.attempt(call());
    if (round === 'replaced') break;
    for (let i = 0; i < 64; i++) {
      const q = await silent.msgget(IPC.PRIVATE, NEW);
      const s = await silent.semget(IPC.PRIVATE, 1, NEW);
      const m = await silent.shmget(IPC.PRIVATE, 100, NEW);
      env.note('same place', [q % 32768 === queue % 32768, s % 32768 === set % 32768, m % 32768 === segment % 32768].join(' '));
      if (i === 63) break;
      await silent.msgctl(q, IPC.RMID);
      await silent.semctl(s, 0, IPC.RMID);
      await silent.shmctl(m, IPC.RMID);
    }
  }
});

const removed = program('errors-of-ipc-removed-while-waiting', async (env) => {
  const p = await env.process();
  const queue = await p.msgget(IPC.PRIVATE, NEW);
  await p.msgctl(queue, IPC.SET, { uid: 0, gid: 0, mode: 0o600, mostBytes: 1 });
  await p.msgsnd(queue, 1, text('x'), 0);
  const waiting = env.begin(p.msgsnd(queue, 1, text('y'), 0));
  await env.settle();
  await p.msgctl(queue, IPC.RMID);
  await env.attempt(waiting);
});

const interrupted = program('errors-of-ipc-interrupted', async (env) => {
  const p = await env.signalProcess();
  const other = await env.signalProcess();
  await p.sigaction(SIG.SIGUSR1, { handler: () => {}, flags: SA.RESTART });
  const queue = await p.msgget(IPC.PRIVATE, NEW);
  await p.msgctl(queue, IPC.SET, { uid: 0, gid: 0, mode: 0o600, mostBytes: 1 });
  await p.msgsnd(queue, 1, text('x'), 0);
  const waiting = env.begin(p.msgsnd(queue, 1, text('y'), 0));
  await env.settle();
  await other.kill(env.pidOf(p), SIG.SIGUSR1);
  await env.attempt(waiting);
});

const limits = (['msgget', 'semget', 'shmget'] as const).map((call) => program(`errors-of-${call}-limit`, async (env) => {
  const p = await env.process();
  const silent = silently(p);
  const make = (q: Syscalls): Promise<number> =>
    call === 'msgget' ? q.msgget(IPC.PRIVATE, NEW) : call === 'semget' ? q.semget(IPC.PRIVATE, 1, NEW) : q.shmget(IPC.PRIVATE, 1, NEW);
  const ids: number[] = [];
  for (let full = false; !full; ) full = (await env.attempt(make(silent).then((id) => ids.push(id)))) !== null;
  env.note('made', ids.length);
  env.note('in the places', ids.map((id) => id % 32768).join(' '));
  await env.attempt(make(p));
}));

const queues = program('errors-of-mq-limits', async (env) => {
  const root = await env.signalProcess();
  const p = await asUser(env, root);
  let made = 0;
  while ((await env.attempt(silently(p).mq_open(`/q${made}`, O.RDWR | O.CREAT, 0o600, { maxMessages: 1, messageSize: 1 }))) === null) made++;
  env.note('queues', made);
  await env.attempt(p.mq_open('/one-more', O.RDWR | O.CREAT, 0o600, { maxMessages: 1, messageSize: 1 }));
});

const ids = program('errors-of-ids', async (env) => {
  const p = await env.signalProcess();
  await env.attempt(p.seteuid(-1));
  await env.attempt(p.setegid(-1));
  await env.attempt(p.setgroups(Array.from({ length: 65537 }, () => 5)));
  await env.attempt(p.getpgid(-1));
  await env.attempt(p.getsid(-1));
  await env.attempt(p.sigtimedwait([SIG.SIGUSR1], -1));
  await env.attempt(p.sleep(-1));
  await env.attempt(p.waitpid(-1, 0x77));
});

export const programs: Program[] = [permissions, places, removed, interrupted, ...limits, queues, ids];
