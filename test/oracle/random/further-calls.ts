/** The generator's calls that move several messages or buffers at once, wait under a mask, or are about shared memory and signals as files. */
import { F, MSG, O, POLL } from '../numbers.ts';
import type { Choose } from './generator.ts';
import { type Model, Thing } from './model.ts';
import type { Argument } from './steps.ts';

const SIZES = [0, 1, 10, 100, 1000];
const fd = (name: string): Argument => ({ fd: name });

/** sendmmsg, recvmmsg: never waiting, so that a batch ends where the queue does. */
export const batch: Choose = (m, process) => {
  if (m.chance(50)) {
    const found = m.find(process, (thing) => thing.isConnected && thing.isSocket);
    if (found === null) return null;
    const messages = Array.from({ length: m.below(4) }, (): Argument => {
      if (found.thing.peer !== null) found.thing.peer.pending++;
      return { record: { name: null, iov: { list: [{ pattern: m.pick(SIZES) }] }, control: null } };
    });
    return { call: 'sendmmsg', args: [fd(found.name), { list: messages }, m.pick([MSG.DONTWAIT, MSG.DONTWAIT | MSG.NOSIGNAL])] };
  }
  const found = m.find(process, (thing) => thing.isSocket && thing.pending > 0 && !thing.isListening && thing.cargo.length === 0);
  if (found === null) return null;
  const count = m.below(4);
  found.thing.pending = Math.max(0, found.thing.pending - count);
  const rooms = Array.from({ length: count }, (): Argument => (
    { record: { iov: { list: [{ room: m.pick([1, 10, 100, 4000]) }] }, nameLength: m.pick([0, 16, 128]), controlLength: m.pick([0, 64]) } }
  ));
  return { call: 'recvmmsg', args: [fd(found.name), { list: rooms }, MSG.DONTWAIT | m.pick([0, 0, MSG.PEEK, MSG.TRUNC])] };
};

/** preadv, pwritev, fsync and fdatasync: of files, and refused by the rest. */
export const vector: Choose = (m, process) => {
  const found = m.find(process, ({ kind }) => kind === 'file', 15);
  if (found === null) return null;
  const name = fd(found.name);
  const offset = m.pick([0, 2, 1000, -1]);
  switch (m.below(4)) {
    case 0: return { call: 'preadv', args: [name, { list: [{ room: m.pick(SIZES) }, { room: m.pick(SIZES) }] }, offset] };
    case 1: return { call: 'pwritev', args: [name, { list: [{ pattern: m.pick(SIZES) }, { pattern: m.pick(SIZES) }] }, offset] };
    case 2: return { call: 'fsync', args: [name] };
    default: return { call: 'fdatasync', args: [name] };
  }
};

function someOf(m: Model, process: 'p1' | 'p2'): string[] {
  const own = m.of(process);
  return Array.from({ length: 1 + m.below(4) }, () => m.pick(own).name);
}

/** poll, select and epoll_wait with a mask; only processes that take signals set one. */
export const maskedWait: Choose = (m, process) => {
  if (m.of(process).length === 0) return null;
  const mask: Argument = m.mayWait ? null : m.pick([null, { list: [] }, { list: [10] }]);
  const dice = m.below(4);
  if (dice === 0) {
    const asked = someOf(m, process).map((name) => [name, m.pick([POLL.IN, POLL.OUT, POLL.IN | POLL.OUT | POLL.RDHUP])] as const);
    return { call: 'ppoll', args: [{ poll: asked }, 0, mask] };
  }
  if (dice === 1) {
    const set = (): Argument => (m.chance(80) ? { set: someOf(m, process) } : null);
    return { call: 'pselect', args: [m.pick([128, 100, 6, 0]), set(), set(), set(), 0, mask] };
  }
  const found = m.find(process, ({ kind }) => kind === 'epoll');
  if (found === null) return null;
  return { call: dice === 2 ? 'epoll_pwait' : 'epoll_pwait2', args: [fd(found.name), m.pick([10, 10, 1, 0]), 0, mask] };
};

const IPC_CREAT = 0o1000, IPC_EXCL = 0o2000, SHM_RDONLY = 0o10000, IPC_RMID = 0, IPC_STAT = 2;

/** Shared memory. Attached where nobody forks: a child has its parent's places, which have no names here. */
export const memory: Choose = (m, process) => {
  const found = m.identifiers.filter(({ call }) => call === 'shmget');
  if (found.length === 0 || m.chance(20)) {
    const name = m.fresh();
    m.identifiers.push({ name, call: 'shmget' });
    const flags = 0o600 | m.pick([IPC_CREAT, IPC_CREAT, IPC_CREAT | IPC_EXCL, 0]);
    return { call: 'shmget', args: [m.pick([0, 7, 8]), m.pick([100, 100, 50, 5000, 0]), flags], makes: [name] };
  }
  const id = fd(m.pick(found).name);
  if (m.chance(25)) return { call: 'shmctl', args: [id, m.chance(40) ? IPC_RMID : IPC_STAT] };
  if (!m.mayWait) return null;
  const places = m.identifiers.filter(({ call }) => call === `place of ${process}`);
  if (places.length > 0 && m.chance(75)) return { call: 'shmdt', args: [{ place: m.pick(places).name }] };
  const name = m.fresh();
  m.identifiers.push({ name, call: `place of ${process}` });
  return { call: 'shmat', args: [id, m.pick([0, 0, SHM_RDONLY])], makes: [name] };
};

/** signalfd over a signal that nobody sends: what waits in one names its sender. */
export const signalFile: Choose = (m, process) => {
  if (m.mayWait) return null;
  const found = m.find(process, ({ kind }) => kind === 'signals', 0);
  if (found === null) {
    const made = m.add(process, new Thing('signals', 0, false));
    return { call: 'signalfd', args: [-1, { list: [1] }, O.NONBLOCK], makes: [made.name] };
  }
  switch (m.below(4)) {
    case 0: return { call: 'read', args: [fd(found.name), { room: m.pick([128, 127, 0]) }] };
    case 1: return { call: 'signalfd', args: [fd(m.chance(70) ? found.name : m.pick(m.of(process)).name), { list: [1, 2] }, O.NONBLOCK] };
    case 2: return { call: 'signalfd', args: [fd(found.name), { list: [] }, 1] };
    default: return { call: 'fcntl', args: [fd(found.name), F.GETFL] };
  }
};

export const queueFlags: Choose = (m, process) => {
  const found = m.find(process, ({ kind }) => kind === 'queue', 10);
  return found && { call: 'mq_setattr', args: [fd(found.name), m.pick([O.NONBLOCK, O.NONBLOCK, O.NONBLOCK | O.APPEND])] };
};
