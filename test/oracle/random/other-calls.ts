/** The generator's calls on descriptors of every kind, pipes, files, events and queues, and those about signals. */
import { MaskHow, Signal } from '../../../src/kernel/signal-numbers.ts';
import { EPOLL, EPOLL_CTL } from '../../../src/kernel/epoll.ts';
import { F, FD_CLOEXEC, IOCTL, O, POLL, SEEK } from '../numbers.ts';
import type { Choose } from './generator.ts';
import { type Kind, type Model, type Name, Thing } from './model.ts';
import type { Argument } from './steps.ts';

const PATHS = ['f1', 'f2', 'dir', 'dir/a', 'dir/b', 'fifo', 'link', 's1', 'dir/nowhere/x', ''];
/** What can be opened and looked at besides: it is another file system on Linux's side, so nothing is changed there. */
const FOLDERS = ['/tmp', '/tmp/.'];
const SIZES = [0, 1, 3, 10, 100, 1000, 3000];
const EVENTS = [POLL.IN, POLL.OUT, POLL.IN | POLL.OUT, POLL.IN | POLL.PRI | POLL.RDHUP, 0x3fff & ~POLL.NVAL & ~0x1c00];
const MODES = [0o644, 0o600, 0o755, 0o700, 0o666];

const fd = (name: string): Argument => ({ fd: name });
const isAny = (): boolean => true;
const isOf = (...kinds: readonly Kind[]) => (thing: Thing): boolean => kinds.includes(thing.kind);

export const close: Choose = (m, process) => {
  const found = m.find(process, isAny);
  if (found === null) return null;
  m.drop(found.name);
  return { call: 'close', args: [fd(found.name)] };
};

export const duplicate: Choose = (m, process) => {
  const found = m.find(process, isAny);
  if (found === null) return null;
  const { thing } = found;
  const dice = m.below(6);
  if (dice < 2) return { call: 'dup', args: [fd(found.name)], makes: [m.add(process, thing).name] };
  if (dice === 2) return { call: 'fcntl', args: [fd(found.name), m.pick([F.DUPFD, F.DUPFD_CLOEXEC]), m.pick([0, 10, 20, -1])], makes: [m.add(process, thing).name] };
  const onto = m.pick(m.of(process));
  if (dice === 3 || onto === found) {
    return { call: 'dup3', args: [fd(found.name), 20 + m.below(10), m.pick([0, O.CLOEXEC])], makes: [m.add(process, thing).name] };
  }
  m.drop(onto.name);
  return { call: 'dup2', args: [fd(found.name), fd(onto.name)], makes: [m.add(process, thing).name] };
};

export const control: Choose = (m, process) => {
  const found = m.find(process, isAny);
  if (found === null) return null;
  const { name, thing } = found;
  switch (m.below(7)) {
    case 0: return { call: 'fcntl', args: [fd(name), F.GETFD] };
    case 1: return { call: 'fcntl', args: [fd(name), F.SETFD, m.below(2) * FD_CLOEXEC] };
    case 2:
      if (!m.mayWait) return { call: 'fcntl', args: [fd(name), F.SETFL, O.NONBLOCK | m.pick([0, O.APPEND])] };
      thing.waits = m.chance(30);
      return { call: 'fcntl', args: [fd(name), F.SETFL, (thing.waits ? 0 : O.NONBLOCK) | m.pick([0, 0, O.APPEND])] };
    case 3: return { call: 'fcntl', args: [fd(name), m.pick([F.GETPIPE_SZ, F.GETOWN, F.GETSIG, 99])] };
    case 4: return { call: 'fstat', args: [fd(name)] };
    case 5: return { call: 'ioctl', args: [fd(name), ['file', 'queue'].includes(thing.kind) ? IOCTL.TCGETS : thing.kind === 'tcp' ? IOCTL.FIONREAD : m.pick([IOCTL.FIONREAD, IOCTL.TCGETS])] };
    default: return { call: 'fcntl', args: [fd(name), F.GETFL] };
  }
};

export const closeRange: Choose = (m, process) => {
  if (m.chance(85)) return null;
  const first = 3 + m.below(8);
  if (m.chance(50)) return { call: 'close_range', args: [first, first + m.below(6), 4] };
  return { call: 'close_range', args: [first, first + 1, 0] };
};

export const pipe: Choose = (m, process) => {
  const waits = m.mayWait && m.chance(8);
  const [reading, writing] = [new Thing('read-end', 0, waits), new Thing('write-end', 0, waits)];
  writing.peer = reading;
  const flags = (waits ? 0 : O.NONBLOCK) | m.pick([0, 0, 0, O.CLOEXEC, O.DIRECT]);
  return { call: 'pipe', args: [flags], makes: [reading, writing].map((thing) => m.add(process, thing).name) };
};

export const open: Choose = (m, process) => {
  const path = pathFor(m, m.chance(90) ? PATHS : FOLDERS);
  // Most times it makes what is not there.
  const missing = !m.paths.includes(path) && path.startsWith('f') && m.chance(70) ? O.CREAT : 0;
  const flags = missing | m.pick([O.RDONLY, O.RDWR, O.RDWR | O.CREAT, O.RDWR | O.CREAT, O.WRONLY | O.CREAT | O.TRUNC, O.RDWR | O.CREAT | O.EXCL, O.RDWR | O.APPEND, O.RDONLY | O.DIRECTORY, O.RDONLY | O.NOFOLLOW]);
  const kind = path === 'dir' || FOLDERS.includes(path) ? 'folder' : path === 'fifo' ? 'fifo' : 'file';
  const made = m.add(process, new Thing(kind, 0, false));
  if ((flags & O.CREAT) !== 0 && PATHS.includes(path)) m.paths.push(path);
  return { call: 'open', args: [path, flags | O.NONBLOCK, m.pick(MODES)], makes: [made.name] };
};

/** Most times one that may be there. */
function pathFor(m: Model, all: readonly string[] = PATHS): string {
  return m.paths.length > 0 && m.chance(75) ? m.pick(m.paths) : m.pick(all);
}

export const path: Choose = (m) => {
  // Where nothing is known to be there, most of it would only tell so.
  const making = m.paths.length === 0 && m.chance(80);
  const one = pathFor(m);
  const other = pathFor(m);
  const name = m.pick(['dir', 'fifo', 'link']);
  if (making) {
    m.paths.push(name);
    const args = name === 'link' ? ['f1', 'link'] : [name, m.pick(MODES)];
    return { call: name === 'dir' ? 'mkdir' : name === 'fifo' ? 'mkfifo' : 'symlink', args };
  }
  switch (m.below(16)) {
    case 0: return { call: 'mkdir', args: [m.pick(['dir', one]), m.pick(MODES)] };
    case 1: return { call: 'mkfifo', args: [m.pick(['fifo', one]), m.pick(MODES)] };
    case 2: return { call: 'symlink', args: [m.pick(['f1', 'dir', 'link', other]), m.pick(['link', one])] };
    case 3: return { call: 'link', args: [one, m.chance(70) ? `hard${m.below(5)}` : other] };
    case 4: case 5: return { call: 'unlink', args: [one] };
    case 6: return { call: 'rmdir', args: [m.pick(['dir', 'dir', one])] };
    case 7: return { call: 'rename', args: [one, other] };
    case 8: return { call: 'chmod', args: [one, m.pick(MODES)] };
    case 9: return { call: 'truncate', args: [one, m.pick([0, 5, 100, 5000, -1])] };
    case 10: return { call: 'access', args: [one, m.below(9)] };
    case 11: return { call: 'readlink', args: [m.pick(['link', one])] };
    case 12: return { call: 'lstat', args: [one] };
    case 13: return { call: 'umask', args: [m.pick([0o022, 0o077, 0])] };
    default: return { call: 'stat', args: [one] };
  }
};

export const file: Choose = (m, process) => {
  const found = m.find(process, isOf('file', 'file', 'folder'));
  if (found === null) return null;
  const name = fd(found.name);
  if (found.thing.kind === 'folder' && m.chance(40)) return { call: 'getdents', args: [name] };
  switch (m.below(10)) {
    case 0: case 1: return { call: 'read', args: [name, { room: m.pick(SIZES) }], waits: found.thing.waits };
    case 2: case 3: return { call: 'write', args: [name, { pattern: m.pick(SIZES) }], waits: found.thing.waits };
    case 4: {
      // Where the entries of a directory lie is each file system's own business.
      if (found.thing.kind === 'folder') return { call: 'lseek', args: [name, m.pick([0, -1]), m.pick([SEEK.SET, SEEK.END, 9])] };
      return { call: 'lseek', args: [name, m.pick([0, 1, 50, 2000, -1, -10]), m.pick([SEEK.SET, SEEK.CUR, SEEK.END, 9])] };
    }
    case 5: return { call: 'pread', args: [name, { room: m.pick(SIZES) }, m.pick([0, 2, 1000, -1])] };
    case 6: return { call: 'pwrite', args: [name, { pattern: m.pick(SIZES) }, m.pick([0, 2, 1000, -1])] };
    case 7: return { call: 'ftruncate', args: [name, m.pick([0, 5, 100, 5000, -1])] };
    case 8: return { call: 'fchmod', args: [name, m.pick(MODES)] };
    default: return found.thing.kind === 'folder' ? { call: 'getdents', args: [name] } : { call: 'fstat', args: [name] };
  }
};

export const pipeTransfer: Choose = (m, process) => {
  const isWrite = m.chance(50);
  const found = m.find(process, isWrite ? isOf('write-end', 'fifo') : (thing) => isOf('read-end', 'fifo')(thing) && (thing.pending > 0 || m.chance(20)));
  if (found === null) return null;
  const { thing, name } = found;
  if (isWrite) {
    if (thing.peer !== null) thing.peer.pending++;
    return { call: 'write', args: [fd(name), { pattern: m.pick(SIZES) }], waits: thing.waits };
  }
  if (thing.pending > 0) thing.pending--;
  return { call: 'read', args: [fd(name), { room: m.pick(SIZES) }], waits: thing.waits };
};

export const splice: Choose = (m, process) => {
  const from = m.find(process, (thing) => isOf('read-end', 'file', 'fifo')(thing) && (thing.kind === 'file' || thing.pending > 0 || m.chance(20)));
  const to = m.find(process, (thing) => thing.kind === 'write-end' || thing.kind === 'file' || thing.isConnected);
  // What netlink answers is compared in words (netlink-talk.ts), and a pipe would show its bytes.
  if (from === null || to === null || ['netlink', 'diag'].includes(from.thing.kind)) return null;
  const waits = from.thing.waits || to.thing.waits;
  const count = m.pick([1, 10, 500, 3000]);
  const nonblocking = 2;
  if (m.chance(30)) return { call: 'sendfile', args: [fd(to.name), fd(from.name), m.pick([null, 0, 5]), count], waits };
  if (m.chance(30)) return { call: 'tee', args: [fd(from.name), fd(to.name), count, nonblocking], waits };
  return { call: 'splice', args: [fd(from.name), null, fd(to.name), null, count, nonblocking], waits };
};

export const event: Choose = (m, process) => {
  const found = m.find(process, isOf('event'));
  if (found === null || m.chance(30)) {
    const made = m.add(process, new Thing('event', 0, false));
    return { call: 'eventfd', args: [m.pick([0, 1, 5]), O.NONBLOCK | m.below(2)], makes: [made.name] };
  }
  if (m.chance(50)) return { call: 'read', args: [fd(found.name), { room: m.pick([8, 8, 8, 4, 20]) }], waits: found.thing.waits };
  const value = new Uint8Array(8);
  value[0] = m.below(4);
  if (m.chance(10)) value.fill(255);
  return { call: 'write', args: [fd(found.name), { bytes: m.chance(90) ? value : value.subarray(0, 5) }], waits: found.thing.waits };
};

export const timer: Choose = (m, process) => {
  const found = m.find(process, isOf('timer'));
  if (found === null || m.chance(20)) {
    const made = m.add(process, new Thing('timer', 0, false));
    return { call: 'timerfd_create', args: [m.pick([0, 1, 1, 1, 1, 99]), O.NONBLOCK], makes: [made.name] };
  }
  if (m.chance(30)) return { call: 'timerfd_gettime', args: [fd(found.name)] };
  if (m.chance(30)) return { call: 'read', args: [fd(found.name), { room: 8 }], waits: found.thing.waits };
  // Long enough never to end while a program runs.
  const setting = { record: { valueUs: m.pick([0, 1e9]), intervalUs: m.pick([0, 1e9]) } };
  return { call: 'timerfd_settime', args: [fd(found.name), m.pick([0, 0, 8]), setting] };
};

function someOf(m: Model, process: 'p1' | 'p2'): Name[] {
  const own = m.of(process);
  return Array.from({ length: 1 + m.below(4) }, () => m.pick(own));
}

export const poll: Choose = (m, process) => {
  if (m.of(process).length === 0) return null;
  const asked = someOf(m, process).map(({ name }) => [m.chance(98) ? name : 'nothing', m.pick(EVENTS)] as const);
  return { call: 'poll', args: [{ poll: asked }, 0] };
};

export const select: Choose = (m, process) => {
  if (m.of(process).length === 0) return null;
  const set = (): Argument => (m.chance(80) ? { set: someOf(m, process).map(({ name }) => name) } : null);
  return { call: 'select', args: [m.pick([128, 100, 6, 0]), set(), set(), set(), 0] };
};

export const epoll: Choose = (m, process) => {
  const found = m.find(process, isOf('epoll'));
  if (found === null || m.chance(10)) {
    const made = m.add(process, new Thing('epoll', 0, false));
    return { call: 'epoll_create1', args: [m.pick([0, O.CLOEXEC])], makes: [made.name] };
  }
  if (m.chance(45)) return { call: 'epoll_wait', args: [fd(found.name), m.pick([10, 10, 10, 1, 0]), 0] };
  const own = m.of(process);
  const operation = m.pick([EPOLL_CTL.ADD, EPOLL_CTL.ADD, EPOLL_CTL.ADD, EPOLL_CTL.MOD, EPOLL_CTL.DEL]);
  const events = m.pick(EVENTS) | m.pick([0, 0, 0, EPOLL.ET, EPOLL.ONESHOT, m.chance(10) ? EPOLL.EXCLUSIVE : 0]);
  return { call: 'epoll_ctl', args: [fd(found.name), operation, fd(m.pick(own).name), events, m.below(1000)] };
};

export const queue: Choose = (m, process) => {
  const found = m.find(process, isOf('queue'));
  if (found === null || m.chance(15)) {
    const made = m.add(process, new Thing('queue', 0, false));
    // RLIMIT_MSGQUEUE counts those of all programs that root runs: small ones.
    const attributes = m.chance(5) ? null : { record: { maxMessages: m.pick([1, 3, 8, 8, 8, 0]), messageSize: m.pick([10, 100, 100, 100, 0]) } };
    return { call: 'mq_open', args: [m.pick(['/q1', '/q2']), m.pick([O.RDWR, O.RDONLY, O.WRONLY, O.RDWR]) | O.NONBLOCK | m.pick([O.CREAT, O.CREAT, O.CREAT, O.CREAT, O.CREAT | O.EXCL, 0]), 0o600, attributes], makes: [made.name] };
  }
  const name = fd(found.name);
  switch (m.below(6)) {
    case 0: case 1: return { call: 'mq_send', args: [name, { pattern: m.pick([0, 1, 5, 50]) }, m.pick([0, 1, 2, 9, 40_000])], waits: found.thing.waits };
    case 2: case 3: return { call: 'mq_receive', args: [name, m.pick([8192, 8192, 100, 3])], waits: found.thing.waits };
    case 4: return { call: 'mq_unlink', args: [m.pick(['/q1', '/q2'])] };
    default: return { call: 'mq_getattr', args: [name] };
  }
};

const IPC_CREAT = 0o1000;
const IPC_EXCL = 0o2000;
const IPC_NOWAIT = 0o4000;

export const ipc: Choose = (m) => {
  const make = m.pick(['msgget', 'semget']);
  const found = m.identifiers.filter(({ call }) => call === make);
  if (found.length === 0 || m.chance(15)) {
    const name = m.fresh();
    m.identifiers.push({ name, call: make });
    const flags = 0o600 | m.pick([IPC_CREAT, IPC_CREAT, IPC_CREAT | IPC_EXCL, 0]);
    const key = m.pick([0, 7, 8]);
    return { call: make, args: make === 'msgget' ? [key, flags] : [key, m.pick([2, 2, 1, 0]), flags], makes: [name] };
  }
  const full = found.filter(({ sent = 0 }) => sent > 0);
  const one = m.pick(full.length > 0 && m.chance(80) ? full : found);
  const id = fd(one.name);
  if (make === 'msgget') {
    if (full.length > 0 ? m.chance(25) : m.chance(75)) {
      one.sent = (one.sent ?? 0) + 1;
      return { call: 'msgsnd', args: [id, m.pick([1, 1, 2, 3, 0]), { pattern: m.pick([0, 3, 50]) }, IPC_NOWAIT] };
    }
    if (m.chance(35)) return { call: 'msgctl', args: [id, 0] };
    one.sent = Math.max(0, (one.sent ?? 0) - 1);
    return { call: 'msgrcv', args: [id, m.pick([100, 100, 2]), m.pick([0, 0, 0, 1, 2, -2]), IPC_NOWAIT | m.pick([0, 0o10000, 0o20000])] };
  }
  const operation = (): Argument => ({ record: { num: m.pick([0, 1, 1, 5]), op: m.pick([1, 2, -1, 0]), flg: IPC_NOWAIT } });
  if (m.chance(60)) return { call: 'semop', args: [id, { list: [operation(), ...(m.chance(30) ? [operation()] : [])] }] };
  if (m.chance(10)) return { call: 'semctl', args: [id, 0, 0] };
  return m.chance(50) ? { call: 'semctl', args: [id, m.below(2), 12] } : { call: 'semctl', args: [id, m.below(2), 16, m.pick([0, 1, 5, -1])] };
};

/** Of processes that take signals; none of them ends one. */
const CAUGHT = [Signal.SIGUSR1, Signal.SIGUSR2, 34];

export const signal: Choose = (m, process) => {
  if (m.mayWait) return null;
  const signo = m.pick(CAUGHT);
  const other = m.hasChild ? m.pick(['p1', 'p2']) : 'p1';
  switch (m.below(6)) {
    case 0: {
      const notes = process === 'p1' && !m.hasChild ? m.chance(20) : m.chance(50);
      // A program that is begun anew has the default in the place of a handler, and would end by the signal.
      if (notes && process === 'p1') m.forksNoMore = true;
      return { call: 'sigaction', args: [signo, { record: { handler: notes ? 'note' : 1, flags: m.pick([0, 0x10000000]), mask: { list: [] } } }] };
    }
    case 1: return { call: 'sigprocmask', args: [m.pick([MaskHow.BLOCK, MaskHow.UNBLOCK, MaskHow.SETMASK]), { list: m.chance(70) ? [signo] : [] }] };
    case 2: return { call: 'sigpending', args: [] };
    case 3: return { call: 'sigaction', args: [m.pick([...CAUGHT, 9, 65]), null] };
    // Nobody is ended by a signal that both of them catch or ignore from the start.
    case 4: return other === process ? { call: 'kill', args: [{ pid: other }, signo] } : null;
    default: return { call: 'kill', args: [{ pid: other }, 0] };
  }
};
