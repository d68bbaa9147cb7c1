/** System V IPC: keys and identifiers, queues of messages, semaphores with their waits and undos, shared memory. */
import { SEMCTL } from '../../../src/kernel/calls/ipc.ts';
import { IPC } from '../../../src/kernel/ipc/ipc-object.ts';
import { MSG as MESSAGE } from '../../../src/kernel/ipc/message-queue.ts';
import { SEM_UNDO } from '../../../src/kernel/ipc/semaphores.ts';
import { SHM_RDONLY } from '../../../src/kernel/ipc/shared-memory.ts';
import { F, O, RLIMIT } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import { pattern, silently, state, text } from '../toolkit.ts';

const NEW = IPC.CREAT | 0o600;

const keys = program('ipc-keys', async (env) => {
  const p = await env.process();
  const q = await env.process();
  for (const get of [
    (key: number, flags: number) => p.msgget(key, flags), (key: number, flags: number) => p.semget(key, 2, flags),
    (key: number, flags: number) => p.shmget(key, 100, flags),
  ]) {
    await env.attempt(get(42, 0));
    await get(42, NEW);
    await get(42, 0);
    await get(42, NEW);
    await env.attempt(get(42, NEW | IPC.EXCL));
    await get(IPC.PRIVATE, NEW);
    await get(IPC.PRIVATE, NEW);
    await get(-1, NEW);
    await get(-1, 0);
  }
  await q.msgget(42, 0);
  for (const id of [-1, 77, 123_456_789]) {
    await env.attempt(p.msgctl(id, IPC.STAT));
    await env.attempt(p.msgsnd(id, 1, text('x'), 0));
    await env.attempt(p.msgrcv(id, 10, 0, 0));
    await env.attempt(p.semctl(id, 0, IPC.STAT));
    await env.attempt(p.semop(id, [{ num: 0, op: 1, flg: 0 }]));
    await env.attempt(p.shmctl(id, IPC.STAT));
    await env.attempt(p.shmat(id, 0));
  }
  const id = await p.msgget(7, NEW);
  await p.msgctl(id, IPC.RMID);
  await env.attempt(p.msgctl(id, IPC.RMID));
  await env.attempt(p.msgget(7, 0));
  const again = await p.msgget(7, NEW);
  env.note('another identifier', again !== id);
  await env.attempt(p.msgctl(again, 99));
});

const messages = program('ipc-messages', async (env) => {
  const p = await env.process();
  const id = await p.msgget(IPC.PRIVATE, NEW);
  await p.msgctl(id, IPC.STAT);
  for (const type of [0, -1]) await env.attempt(p.msgsnd(id, type, text('x'), 0));
  await env.attempt(p.msgsnd(id, 1, pattern(8193), 0));
  for (const [type, what] of [[3, 'three'], [1, 'one'], [2, 'two'], [1, 'one again'], [5, ''], [9, 'nine']] as const) {
    await p.msgsnd(id, type, text(what), 0);
  }
  await p.msgctl(id, IPC.STAT);
  await p.msgrcv(id, 100, 1, IPC.NOWAIT | MESSAGE.COPY);
  await env.attempt(p.msgrcv(id, 100, 99, IPC.NOWAIT | MESSAGE.COPY));
  await env.attempt(p.msgrcv(id, 100, 0, MESSAGE.COPY));
  await env.attempt(p.msgrcv(id, 100, 0, IPC.NOWAIT | MESSAGE.COPY | MESSAGE.EXCEPT));
  await p.msgrcv(id, 100, 1, 0);
  await p.msgrcv(id, 100, -3, 0);
  await p.msgrcv(id, 100, 3, MESSAGE.EXCEPT);
  await env.attempt(p.msgrcv(id, 3, 3, 0));
  await p.msgrcv(id, 3, 3, MESSAGE.NOERROR);
  await p.msgrcv(id, 0, 5, 0);
  await env.attempt(p.msgrcv(id, 100, 4, IPC.NOWAIT));
  await env.attempt(p.msgrcv(id, 100, -4, IPC.NOWAIT));
  await env.attempt(p.msgrcv(id, -1, 0, IPC.NOWAIT));
  await p.msgrcv(id, 100, 0, 0);
  await env.attempt(p.msgrcv(id, 100, 0, IPC.NOWAIT));
  await p.msgctl(id, IPC.STAT);
});

const fullQueue = program('ipc-full-queue', async (env) => {
  const p = await env.process();
  const id = await p.msgget(IPC.PRIVATE, NEW);
  let count = 0;
  while ((await env.attempt(silently(p).msgsnd(id, 1, pattern(1000), IPC.NOWAIT))) === null) count++;
  env.note('messages of 1000', count);
  await p.msgctl(id, IPC.STAT);
  await env.attempt(p.msgsnd(id, 1, pattern(385), IPC.NOWAIT));
  await p.msgsnd(id, 1, pattern(384), IPC.NOWAIT);
  await p.msgsnd(id, 2, text(''), IPC.NOWAIT);
  const waits = env.begin(p.msgsnd(id, 1, text('late'), 0));
  await env.settle();
  await p.msgrcv(id, 2000, 0, 0);
  await waits;
  await p.msgctl(id, IPC.SET, { uid: 5, gid: 6, mode: 0o640, mostBytes: 100 });
  await p.msgctl(id, IPC.STAT);
  await env.attempt(p.msgsnd(id, 1, text('x'), IPC.NOWAIT));
  await env.attempt(p.msgctl(id, IPC.SET, { uid: 0, gid: 0, mode: 0o600, mostBytes: 100_000 }));
  await p.msgctl(id, IPC.SET, { uid: 0, gid: 0, mode: 0o600, mostBytes: 16_384 });
  for (let i = 0; i < 16; i++) await p.msgrcv(id, 2000, 0, IPC.NOWAIT);
  const receives = env.begin(p.msgrcv(id, 10, 77, 0));
  const second = env.begin(p.msgrcv(id, 10, 78, 0));
  await env.settle();
  await p.msgsnd(id, 78, text('for two'), 0);
  await second;
  await p.msgctl(id, IPC.RMID);
  await env.attempt(receives);
});

/** What a value set from outside makes of adjustments that are still to be taken back. */
const forgotten = program('ipc-semaphore-adjustments', async (env) => {
  const p = await env.process();
  const q = await env.process();
  const id = await p.semget(7, 2, NEW);
  await q.semop(id, [{ num: 0, op: 4, flg: SEM_UNDO }, { num: 1, op: 3, flg: SEM_UNDO }]);
  await p.semctl(id, 0, SEMCTL.SETVAL, 9);
  await p.semop(id, [{ num: 1, op: 1, flg: 0 }]);
  await env.exit(q);
  await env.settle();
  await p.semctl(id, 0, SEMCTL.GETALL);
  await p.semctl(id, 1, SEMCTL.GETPID);
});

/** Who made an object keeps its owner's rights when it has another one; IPC_EXCL without IPC_CREAT says nothing. */
const creator = program('ipc-creator', async (env) => {
  const root = await env.signalProcess();
  const p = await env.fork(root);
  await p.setresuid(1000, 1000, 1000);
  const id = await p.semget(8, 1, NEW);
  await p.semctl(id, 0, IPC.SET, { uid: 2000, gid: 2000, mode: 0o600 });
  await env.attempt(p.semctl(id, 0, SEMCTL.GETVAL));
  await env.attempt(p.semop(id, [{ num: 0, op: 1, flg: 0 }]));
  await env.attempt(p.semget(8, 1, IPC.EXCL | 0o600));
  await env.attempt(p.semget(8, 1, IPC.EXCL | IPC.CREAT | 0o600));
  // The places of objects that are gone come again, with other identifiers.
  const ids = new Set<number>();
  for (let i = 0; i < 200; i++) {
    const another = await silently(p).semget(IPC.PRIVATE, 1, 0o600);
    ids.add(another);
    await silently(p).semctl(another, 0, IPC.RMID);
  }
  env.note('different identifiers', ids.size);
  await p.semctl(id, 0, IPC.RMID);
});

const semaphores = program('ipc-semaphores', async (env) => {
  const p = await env.process();
  for (const count of [0, -1, 32_001]) await env.attempt(p.semget(IPC.PRIVATE, count, NEW));
  const id = await p.semget(5, 3, NEW);
  for (const count of [0, 2, 3, 4]) await env.attempt(p.semget(5, count, 0));
  await p.semctl(id, 0, IPC.STAT);
  await p.semctl(id, 0, SEMCTL.GETALL);
  await p.semctl(id, 1, SEMCTL.GETPID);
  await p.semctl(id, 0, SEMCTL.SETALL, [1, 2, 3]);
  await p.semctl(id, 1, SEMCTL.SETVAL, 7);
  await p.semctl(id, 0, SEMCTL.GETALL);
  await p.semctl(id, 1, SEMCTL.GETPID);
  for (const value of [-1, 32_768, 32_767]) await env.attempt(p.semctl(id, 2, SEMCTL.SETVAL, value));
  for (const num of [-1, 3]) await env.attempt(p.semctl(id, num, SEMCTL.GETVAL));
  await env.attempt(p.semctl(id, 0, SEMCTL.SETALL, [1, 40_000, 3]));
  await env.attempt(p.semop(id, []));
  await env.attempt(p.semop(id, new Array(501).fill({ num: 0, op: 1, flg: 0 })));
  await env.attempt(p.semop(id, [{ num: 3, op: 1, flg: 0 }]));
  await env.attempt(p.semop(id, [{ num: 2, op: 1, flg: 0 }]));
  await p.semop(id, [{ num: 0, op: 1, flg: 0 }, { num: 1, op: -2, flg: 0 }]);
  await p.semctl(id, 0, SEMCTL.GETALL);
  // All or nothing.
  await env.attempt(p.semop(id, [{ num: 0, op: -1, flg: 0 }, { num: 1, op: -99, flg: IPC.NOWAIT }]));
  await p.semctl(id, 0, SEMCTL.GETALL);
  await env.attempt(p.semop(id, [{ num: 0, op: 0, flg: IPC.NOWAIT }]));
  await p.semop(id, [{ num: 0, op: -2, flg: 0 }, { num: 0, op: 0, flg: IPC.NOWAIT }]);
  await env.attempt(p.semop(id, [{ num: 0, op: -1, flg: 0 }], 20_000));
  await p.semctl(id, 0, IPC.SET, { uid: 3, gid: 4, mode: 0o604 });
  await p.semctl(id, 0, IPC.STAT);
  await p.semctl(id, 0, IPC.RMID);
  await env.attempt(p.semctl(id, 0, SEMCTL.GETVAL));
});

const semaphoreWaits = program('ipc-semaphore-waits', async (env) => {
  const p = await env.process();
  const q = await env.process();
  const id = await p.semget(IPC.PRIVATE, 2, NEW);
  const one = env.begin(p.semop(id, [{ num: 0, op: -1, flg: 0 }]));
  await env.settle();
  const two = env.begin(q.semop(id, [{ num: 0, op: -2, flg: 0 }]));
  await env.settle();
  await p.semctl(id, 0, SEMCTL.GETNCNT);
  await p.semctl(id, 0, SEMCTL.GETZCNT);
  await p.semop(id, [{ num: 0, op: 1, flg: 0 }]);
  await one;
  await p.semctl(id, 0, SEMCTL.GETNCNT);
  await p.semctl(id, 0, SEMCTL.SETVAL, 5);
  await two;
  await p.semctl(id, 0, SEMCTL.GETVAL);
  const zero = env.begin(q.semop(id, [{ num: 0, op: 0, flg: 0 }]));
  await env.settle();
  await p.semctl(id, 0, SEMCTL.GETZCNT);
  await p.semop(id, [{ num: 0, op: -3, flg: 0 }]);
  await zero;
  // What a process leaves behind is taken back.
  await q.semop(id, [{ num: 0, op: 4, flg: SEM_UNDO }, { num: 1, op: 2, flg: 0 }]);
  await q.semop(id, [{ num: 0, op: -1, flg: SEM_UNDO }]);
  await p.semctl(id, 0, SEMCTL.GETALL);
  await env.exit(q);
  await env.settle();
  await p.semctl(id, 0, SEMCTL.GETALL);
  const gone = env.begin(p.semop(id, [{ num: 0, op: -1, flg: 0 }]));
  await env.settle();
  await p.semctl(id, 0, IPC.RMID);
  await env.attempt(gone);
});

const shared = program('ipc-shared-memory', async (env) => {
  const p = await env.process();
  const q = await env.process();
  await env.attempt(p.shmget(9, 0, NEW));
  const id = await p.shmget(9, 20, NEW);
  for (const size of [0, 20, 21]) await env.attempt(q.shmget(9, size, 0));
  await p.shmctl(id, IPC.STAT);
  const ours = await p.shmat(id, 0);
  const theirs = await q.shmat(id, 0);
  ours.set(text('hello'), 3);
  await env.store(p, ours);
  await env.load(q, theirs);
  env.note('seen', String.fromCharCode(...theirs.subarray(3, 8)));
  await p.shmctl(id, IPC.STAT);
  const again = await p.shmat(id, SHM_RDONLY);
  await p.shmctl(id, IPC.STAT);
  await p.shmdt(again);
  await env.attempt(p.shmdt(again));
  await p.shmctl(id, IPC.SET, { uid: 8, gid: 9, mode: 0o644 });
  await p.shmctl(id, IPC.RMID);
  await p.shmctl(id, IPC.STAT);
  await env.attempt(p.shmget(9, 20, 0));
  const late = await q.shmat(id, 0);
  await q.shmdt(late);
  await p.shmdt(ours);
  await p.shmctl(id, IPC.STAT);
  await env.exit(q);
  await env.settle();
  await env.attempt(p.shmctl(id, IPC.STAT));
});

const posixQueues = program('posix-queues', async (env) => {
  const p = await env.process();
  const q = await env.process();
  await env.attempt(p.mq_open('/q', O.RDWR));
  for (const name of ['q', '/', '/a/b', `/${'n'.repeat(256)}`]) {
    await env.attempt(p.mq_open(name, O.RDWR | O.CREAT, 0o600));
    await env.attempt(p.mq_unlink(name));
  }
  for (const [maxMessages, messageSize] of [[0, 10], [-1, 10], [2, 0], [2, -5], [100_000, 10], [2, 100_000_000]] as const) {
    await env.attempt(p.mq_open('/q', O.RDWR | O.CREAT, 0o600, { maxMessages, messageSize }));
  }
  const fd = await p.mq_open('/q', O.RDWR | O.CREAT | O.NONBLOCK, 0o600, { maxMessages: 3, messageSize: 20 });
  await env.attempt(p.mq_open('/q', O.RDWR | O.CREAT | O.EXCL, 0o600));
  const again = await q.mq_open('/q', O.RDWR | O.CREAT, 0o600, { maxMessages: 9, messageSize: 99 });
  const reading = await p.mq_open('/q', O.RDONLY);
  const writing = await p.mq_open('/q', O.WRONLY);
  await p.fcntl(fd, F.GETFD);
  await p.fcntl(fd, F.GETFL);
  await p.mq_getattr(fd);
  await q.mq_getattr(again);
  await state(p, fd);
  await env.attempt(p.mq_receive(fd, 20));
  await env.attempt(p.mq_send(reading, text('x'), 0));
  await env.attempt(p.mq_receive(writing, 20));
  await env.attempt(p.mq_send(fd, pattern(21), 0));
  await env.attempt(p.mq_send(fd, text('x'), 32_768));
  await env.attempt(p.mq_send(99, text('x'), 0));
  await p.mq_send(fd, text('low'), 1);
  await p.mq_send(fd, text('high'), 9);
  await p.mq_send(fd, text('high again'), 9);
  await env.attempt(p.mq_send(fd, text('full'), 9));
  await state(p, fd);
  await p.mq_getattr(fd);
  await env.attempt(p.mq_receive(fd, 19));
  await p.mq_receive(fd, 20);
  await p.mq_receive(fd, 100);
  await state(p, fd);
  await p.read(fd, new Uint8Array(100));
  await env.attempt(p.write(fd, text('x')));
  await p.mq_receive(fd, 20);
  await p.mq_setattr(fd, 0);
  await p.mq_getattr(fd);
  await env.attempt(p.mq_setattr(fd, O.APPEND));
  const waits = env.begin(p.mq_receive(fd, 20));
  await env.settle();
  await q.mq_send(again, text(''), 32_767);
  await waits;
  await env.attempt(p.mq_receive(fd, 20, 20_000));
  for (let i = 0; i < 3; i++) await p.mq_send(fd, text(`${i}`), 0);
  await env.attempt(p.mq_send(fd, text('late'), 0, 20_000));
  const sends = env.begin(p.mq_send(fd, text('patient'), 0));
  await env.settle();
  await q.mq_receive(again, 20);
  await sends;
  await p.mq_unlink('/q');
  await env.attempt(p.mq_unlink('/q'));
  await q.mq_receive(again, 20);
  const file = await p.open('f', O.RDWR | O.CREAT, 0o600);
  await env.attempt(p.mq_getattr(file));
  await env.attempt(p.mq_send(file, text('x'), 0));
});

/** RLIMIT_MSGQUEUE is the user's, over all processes: one of its own, so that nobody else's queues count. */
const queuesWithoutEnd = program('ipc-posix-queues-without-end', async (env) => {
  const p = await env.signalProcess();
  await p.getrlimit(RLIMIT.MSGQUEUE);
  await p.setresgid(4242, 4242, 4242);
  await p.setresuid(4242, 4242, 4242);
  const open = (name: string, attributes: { maxMessages: number; messageSize: number } | null = null): Promise<string | null> => (
    env.attempt(p.mq_open(name, O.RDWR | O.CREAT | O.NONBLOCK, 0o600, attributes))
  );
  for (let i = 0; i < 12; i++) await open(`/default${i}`);
  // What is left is enough for smaller ones.
  for (let i = 0; i < 4; i++) await open(`/small${i}`, { maxMessages: 10, messageSize: 2500 });
  await open('/one', { maxMessages: 1, messageSize: 8192 });
  for (let i = 0; i < 4; i++) await open(`/least${i}`, { maxMessages: 1, messageSize: 4000 });
  // The room comes back with the last descriptor.
  await p.mq_unlink('/default0');
  await open('/again');
  await p.close(3);
  await open('/again');
  await p.setrlimit(RLIMIT.MSGQUEUE, { soft: 1000, hard: 819200 });
  await p.mq_unlink('/default1');
  await p.close(4);
  await open('/too-large', { maxMessages: 1, messageSize: 905 });
  await open('/default2');
});

export const programs: readonly Program[] = [
  keys, messages, fullQueue, semaphores, forgotten, creator, semaphoreWaits, shared, posixQueues, queuesWithoutEnd,
];
