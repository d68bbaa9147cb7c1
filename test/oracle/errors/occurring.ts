/**
 * Errnos of man pages that occur here and cannot be compared: on Linux they need a machine without memory, fs.file-max reached,
 * or a file system as large as a file may be, which a test cannot give it without harm to others; or a value that C's types cannot have.
 *
 * Each cell has a call that fails so; test/sim/occurring-errors.test.ts makes it, and docs/errors.md (table.ts) lists what stands here:
 * neither has a cell that the other has not. `WITHOUT_MEMORY` is the counterpart: calls whose pages list ENOMEM and which take none.
 */
import { Process } from '../../../src/api/posix/process.ts';
import type { Host } from '../../../src/host.ts';
import { EPOLL_CTL } from '../../../src/kernel/epoll.ts';
import { MAX_OFFSET } from '../../../src/kernel/fs/regular-file.ts';
import { S } from '../../../src/kernel/fs/inode.ts';
import { IPC } from '../../../src/kernel/ipc/ipc-object.ts';
import { SEM_UNDO } from '../../../src/kernel/ipc/semaphores.ts';
import { SEMCTL } from '../../../src/kernel/calls/ipc.ts';
import { AF, O, SEEK, SOCK } from '../../../src/socket/constants.ts';
import { sockaddrIn, sockaddrUn } from '../../../src/socket/sockaddr.ts';
import { Msg } from '../../../src/transport/endpoint.ts';

/** What is made scarce between `prepare` and the call: a host's memory, its descriptions (fs.file-max; the caller is not root), or nothing. */
export type Scarce = 'memory' | 'descriptions' | 'nothing';
/** Does what the call needs, and gives the call. */
export type Prepare = (process: Process, host: Host) => Promise<() => Promise<unknown>>;
/** The table of the first 256 descriptors is full: another one needs a larger table (alloc_fdtable). */
const fullTable = async (p: Process): Promise<void> => {
  for (let fd = await p.dup(0); fd < 255; ) fd = await p.dup(0);
};
const withFullTable = (call: (p: Process) => Promise<unknown>): Prepare => async (p) => {
  await fullTable(p);
  return () => call(p);
};
const simply = (call: (p: Process) => Promise<unknown>): Prepare => async (p) => () => call(p);

/** A connection that waits at a listener on port 80. */
async function waiting(p: Process, host: Host): Promise<number> {
  // Somebody else's: the caller may have no right to the port, and his table stays as it is.
  const root = new Process(host, 'server');
  const listener = await p.socket(AF.INET, SOCK.STREAM, 0);
  await p.bind(listener, sockaddrIn('127.0.0.1', 8080));
  await p.listen(listener, 5);
  await root.connect(await root.socket(AF.INET, SOCK.STREAM, 0), sockaddrIn('127.0.0.1', 8080));
  return listener;
}

const page = new Uint8Array(8192);
/** A datagram longer than what a socket may send without memory. */
async function datagrams(p: Process): Promise<number> {
  const fd = await p.socket(AF.INET, SOCK.DGRAM, 0);
  await p.connect(fd, sockaddrIn('127.0.0.1', 9));
  return fd;
}

/** A pipe that has bytes to give, and one that holds some already. */
async function pipes(p: Process): Promise<[from: number, to: number]> {
  const [from, fill] = await p.pipe();
  await p.write(fill, page);
  const [, to] = await p.pipe(O.NONBLOCK);
  await p.write(to, page);
  return [from, to];
}

async function file(p: Process, flags: number = O.RDWR): Promise<number> {
  const fd = await p.open('/tmp/file', flags | O.CREAT, 0o666);
  await p.write(fd, page);
  return fd;
}

/** The process has four calls that wait: the next one that waits takes memory. */
async function busy(p: Process): Promise<void> {
  const [reading] = await p.pipe();
  for (let i = 0; i < 4; i++) p.read(reading, new Uint8Array(1)).catch(() => {});
}
const waitingFor = (call: (p: Process) => Promise<unknown>): Prepare => async (p) => {
  await busy(p);
  return () => call(p);
};
/** What it waits for comes, where it may wait. */
const receivingAfter = (call: (p: Process, fd: number) => Promise<unknown>): Prepare => async (p) => {
  await busy(p);
  const [one, other] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  return () => Promise.all([call(p, other), p.send(one, new Uint8Array(1), 0)]);
};
const bits = (): Uint8Array => new Uint8Array(128);
const TEN_MS = 10_000;

const MEMORY: Readonly<Record<string, Readonly<Record<string, Prepare>>>> = {
  accept: { ENOMEM: async (p, host) => {
    const listener = await waiting(p, host);
    await fullTable(p);
    return () => p.accept(listener);
  } },
  accept4: { ENOMEM: async (p, host) => {
    const listener = await waiting(p, host);
    await fullTable(p);
    return () => p.accept4(listener, SOCK.NONBLOCK);
  } },
  bind: { ENOMEM: async (p) => {
    const fd = await p.socket(AF.UNIX, SOCK.STREAM, 0);
    return () => p.bind(fd, sockaddrUn('/tmp/socket'));
  } },
  dup: { ENOMEM: withFullTable((p) => p.dup(0)) },
  dup2: { ENOMEM: simply((p) => p.dup2(0, 700)) },
  dup3: { ENOMEM: simply((p) => p.dup3(0, 700, O.CLOEXEC)) },
  epoll_create1: { ENOMEM: simply((p) => p.epoll_create1(0)) },
  epoll_ctl: { ENOMEM: async (p) => {
    const [epfd, fd] = [await p.epoll_create1(0), await p.eventfd(0, 0)];
    return () => p.epoll_ctl(epfd, EPOLL_CTL.ADD, fd, 1, 0);
  } },
  eventfd: { ENOMEM: simply((p) => p.eventfd(0, 0)) },
  link: { ENOMEM: async (p) => {
    await file(p);
    return () => p.link('/tmp/file', '/tmp/other');
  } },
  mkdir: { ENOMEM: simply((p) => p.mkdir('/tmp/folder', 0o755)) },
  mknod: { ENOMEM: simply((p) => p.mknod('/tmp/node', S.IFREG | 0o644)) },
  mq_open: { ENOMEM: simply((p) => p.mq_open('/queue', O.RDWR | O.CREAT, 0o600)) },
  msgget: { ENOMEM: simply((p) => p.msgget(IPC.PRIVATE, IPC.CREAT | 0o600)) },
  msgsnd: { ENOMEM: async (p) => {
    const id = await p.msgget(IPC.PRIVATE, IPC.CREAT | 0o600);
    return () => p.msgsnd(id, 1, page.subarray(0, 1000), IPC.NOWAIT);
  } },
  open: { ENOMEM: simply((p) => p.open('/tmp/new', O.RDWR | O.CREAT, 0o600)) },
  poll: { ENOMEM: waitingFor((p) => p.poll([], 10)) },
  ppoll: { ENOMEM: waitingFor((p) => p.ppoll([], TEN_MS, null)) },
  select: { ENOMEM: waitingFor((p) => p.select(0, bits(), bits(), bits(), TEN_MS)) },
  pselect: { ENOMEM: waitingFor((p) => p.pselect(0, bits(), bits(), bits(), TEN_MS, null)) },
  recv: { ENOMEM: receivingAfter((p, fd) => p.recv(fd, new Uint8Array(1), 0)) },
  recvfrom: { ENOMEM: receivingAfter((p, fd) => p.recvfrom(fd, new Uint8Array(1), 0)) },
  recvmsg: { ENOMEM: receivingAfter((p, fd) => p.recvmsg(fd, [new Uint8Array(1)], 0)) },
  recvmmsg: { ENOMEM: receivingAfter((p, fd) => p.recvmmsg(fd, [{ iov: [new Uint8Array(1)] }], 0)) },
  semget: { ENOMEM: simply((p) => p.semget(IPC.PRIVATE, 1, IPC.CREAT | 0o600)) },
  semop: { ENOMEM: async (p) => {
    const id = await p.semget(IPC.PRIVATE, 1, IPC.CREAT | 0o600);
    return () => p.semop(id, [{ num: 0, op: 1, flg: SEM_UNDO }]);
  } },
  send: { ENOBUFS: async (p) => {
    const fd = await datagrams(p);
    return () => p.send(fd, page, 0);
  } },
  sendto: { ENOBUFS: async (p) => {
    const fd = await p.socket(AF.INET, SOCK.DGRAM, 0);
    return () => p.sendto(fd, page, 0, sockaddrIn('127.0.0.1', 9));
  } },
  sendfile: { ENOMEM: async (p) => {
    const [, to] = await pipes(p);
    const fd = await file(p);
    return () => p.sendfile(to, fd, 0, 4096);
  } },
  shmget: { ENOMEM: simply((p) => p.shmget(IPC.PRIVATE, 4096, IPC.CREAT | 0o600)) },
  setgroups: { ENOMEM: simply((p) => p.setgroups(Array.from({ length: 65_536 }, (_, i) => i))) },
  signalfd: { ENOMEM: simply((p) => p.signalfd(-1, [40], 0)) },
  socket: {
    ENOBUFS: simply((p) => p.socket(AF.INET, SOCK.STREAM, 0)),
    ENOMEM: simply((p) => p.socket(AF.UNIX, SOCK.STREAM, 0)),
  },
  splice: { ENOMEM: async (p) => {
    const [, to] = await pipes(p);
    const fd = await file(p);
    return () => p.splice(fd, 0, to, null, 4096, 0);
  } },
  symlink: { ENOMEM: simply((p) => p.symlink('/tmp/file', '/tmp/name')) },
  tee: { ENOMEM: async (p) => {
    const [from, to] = await pipes(p);
    return () => p.tee(from, to, 4096, 0);
  } },
  timerfd_create: { ENOMEM: simply((p) => p.timerfd_create(1, 0)) },
};

const DESCRIPTIONS: Readonly<Record<string, Readonly<Record<string, Prepare>>>> = {
  accept: { ENFILE: async (p, host) => {
    const listener = await waiting(p, host);
    return () => p.accept(listener);
  } },
  accept4: { ENFILE: async (p, host) => {
    const listener = await waiting(p, host);
    return () => p.accept4(listener, 0);
  } },
  epoll_create1: { ENFILE: simply((p) => p.epoll_create1(0)) },
  eventfd: { ENFILE: simply((p) => p.eventfd(0, 0)) },
  mq_open: { ENFILE: simply((p) => p.mq_open('/queue', O.RDWR | O.CREAT, 0o600)) },
  open: { ENFILE: simply((p) => p.open('/dev/null', O.RDONLY)) },
  pipe: { ENFILE: simply((p) => p.pipe()) },
  shmget: { ENFILE: simply((p) => p.shmget(IPC.PRIVATE, 4096, IPC.CREAT | 0o600)) },
  signalfd: { ENFILE: simply((p) => p.signalfd(-1, [40], 0)) },
  socket: { ENFILE: simply((p) => p.socket(AF.INET, SOCK.STREAM, 0)) },
  socketpair: { ENFILE: simply((p) => p.socketpair(AF.UNIX, SOCK.STREAM, 0)) },
  timerfd_create: { ENFILE: simply((p) => p.timerfd_create(1, 0)) },
};

/** Memory that is not there any more when a call comes back to it: an array that was given away meanwhile, as munmap(2) would. */
const giveAway = (bytes: Uint8Array): void => {
  structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] });
};
const receivingInto = (call: (p: Process, fd: number, into: Uint8Array) => Promise<unknown>): Prepare => async (p) => {
  const [one, other] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  const into = new Uint8Array(10);
  return () => {
    const received = call(p, other, into);
    giveAway(into);
    return Promise.all([received, p.send(one, page, 0)]);
  };
};
const sendingFrom = (call: (p: Process, fd: number, from: Uint8Array) => Promise<unknown>): Prepare => async (p) => {
  const [one, other] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  for (let sent = 0; sent >= 0;) sent = await p.send(one, page, Msg.DONTWAIT).catch(() => -1);
  const from = new Uint8Array(10);
  return () => {
    const sent = call(p, one, from);
    giveAway(from);
    return Promise.all([sent, p.recv(other, new Uint8Array(1_000_000), 0)]);
  };
};

const NOTHING: Readonly<Record<string, Readonly<Record<string, Prepare>>>> = {
  read: { EFAULT: receivingInto((p, fd, into) => p.read(fd, into)) },
  readv: { EFAULT: receivingInto((p, fd, into) => p.readv(fd, [into, new Uint8Array(1)])) },
  recv: { EFAULT: receivingInto((p, fd, into) => p.recv(fd, into, 0)) },
  recvfrom: { EFAULT: receivingInto((p, fd, into) => p.recvfrom(fd, into, 0)) },
  recvmsg: { EFAULT: receivingInto((p, fd, into) => p.recvmsg(fd, [into], 0)) },
  recvmmsg: { EFAULT: receivingInto((p, fd, into) => p.recvmmsg(fd, [{ iov: [into] }], 0)) },
  send: { EFAULT: sendingFrom((p, fd, from) => p.send(fd, from, 0)) },
  sendto: { EFAULT: sendingFrom((p, fd, from) => p.sendto(fd, from, 0, new Uint8Array(0))) },
  sendmsg: { EFAULT: sendingFrom((p, fd, from) => p.sendmsg(fd, { iov: [from] }, 0)) },
  sendmmsg: { EFAULT: sendingFrom((p, fd, from) => p.sendmmsg(fd, [{ iov: [from] }], 0)) },
  mq_receive: { EINVAL: async (p) => {
    const fd = await p.mq_open('/queue', O.RDWR | O.CREAT, 0o600);
    return () => p.mq_receive(fd, 8192, -1);
  } },
  futimens: { EINVAL: async (p) => {
    const fd = await file(p);
    return () => p.futimens(fd, { atimeUs: Number.NaN, mtimeUs: 1 });
  } },
  msgctl: { EFAULT: async (p) => {
    const id = await p.msgget(IPC.PRIVATE, IPC.CREAT | 0o600);
    return () => p.msgctl(id, IPC.SET);
  } },
  semctl: { EFAULT: async (p) => {
    const id = await p.semget(IPC.PRIVATE, 2, IPC.CREAT | 0o600);
    return () => p.semctl(id, 0, SEMCTL.SETALL, [1]);
  } },
  shmctl: { EFAULT: async (p) => {
    const id = await p.shmget(IPC.PRIVATE, 100, IPC.CREAT | 0o600);
    return () => p.shmctl(id, IPC.SET);
  } },
  epoll_ctl: { ENOSPC: async (p) => {
    const fds: number[] = [];
    for (let i = 0; i < 600; i++) fds.push(await p.eventfd(0, 0));
    // fs.epoll.max_user_watches of a machine with some gigabytes.
    for (let left = 262_144; left > 0; ) {
      const epfd = await p.epoll_create1(0);
      for (const fd of fds.slice(0, Math.min(left, fds.length))) await p.epoll_ctl(epfd, EPOLL_CTL.ADD, fd, 1, 0);
      left -= fds.length;
    }
    const epfd = await p.epoll_create1(0);
    return () => p.epoll_ctl(epfd, EPOLL_CTL.ADD, fds[0] as number, 1, 0);
  } },
  write: { EFAULT: sendingFrom((p, fd, from) => p.write(fd, from)), EFBIG: async (p) => {
    const fd = await file(p);
    await p.lseek(fd, MAX_OFFSET, SEEK.SET);
    return () => p.write(fd, page);
  } },
  writev: { EFAULT: sendingFrom((p, fd, from) => p.writev(fd, [from])), EFBIG: async (p) => {
    const fd = await file(p);
    await p.lseek(fd, MAX_OFFSET, SEEK.SET);
    return () => p.writev(fd, [page]);
  } },
  pwrite: { EFBIG: async (p) => {
    const fd = await file(p);
    return () => p.pwrite(fd, page, MAX_OFFSET);
  } },
  pwritev: { EFBIG: async (p) => {
    const fd = await file(p);
    return () => p.pwritev(fd, [page], MAX_OFFSET);
  } },
};

export interface OccurringCell {
  readonly call: string;
  readonly errno: string;
  readonly scarce: Scarce;
  readonly prepare: Prepare;
}

/** Every cell of docs/errors.md that occurs here and is not compared. */
export const OCCURRING: readonly OccurringCell[] = ([['memory', MEMORY], ['descriptions', DESCRIPTIONS], ['nothing', NOTHING]] as const).flatMap(
  ([scarce, of]) => Object.entries(of).flatMap(([call, cells]) => (
    Object.entries(cells).map(([errno, prepare]) => ({ call, errno, scarce, prepare }))
  )),
);

/** The errnos that occur from a call, by this table. */
export function occurringFrom(call: string): string[] {
  return OCCURRING.filter((cell) => cell.call === call).map(({ errno }) => errno);
}
