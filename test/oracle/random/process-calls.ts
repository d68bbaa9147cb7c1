/**
 * The generator's calls about processes themselves: who they are, groups and sessions, limits, children, timers, and signals
 * with what waits for them.
 *
 * What a machine chooses (limits, groups of whoever started it) is set before it is asked for. Ids and signal masks belong to
 * threads in the kernel, so that only processes with one of them (Model.mayWait is false) change these.
 */
import { SIGEV } from '../../../src/kernel/posix-timers.ts';
import { WaitKind } from '../../../src/kernel/wait-child.ts';
import { MaskHow, Signal } from '../../../src/kernel/signal-numbers.ts';
import { O, RLIMIT, W } from '../numbers.ts';
import type { Choose, Chosen } from './generator.ts';
import type { Model } from './model.ts';
import { type Argument, p1, p2, type Step } from './steps.ts';

type Who = 'p1' | 'p2';

const IDS = [0, 1000, 1000, 1001, -1];
/** Nobody's. */
const NOBODY: Argument = { pid: 'nobody' };
/** None of them ends a process: the first steps of a program see to that. */
export const CAUGHT = [Signal.SIGUSR1, Signal.SIGUSR2, 34];

const fd = (name: string): Argument => ({ fd: name });

function someone(m: Model): Argument {
  return m.pick([0, 0, { pid: 'p1' }, { pid: m.hasChild ? 'p2' : 'p1' }, NOBODY]);
}

/** Questions that change nothing. */
export const asking: Choose = (m, process) => {
  if (m.known.has(`${process} groups`) && m.chance(20)) return { call: 'getgroups', args: [] };
  const call = m.pick(['getpid', 'getppid', 'getuid', 'geteuid', 'getgid', 'getegid', 'getresuid', 'getresgid', 'getpgid', 'getsid']);
  // Which groups there are without a program's doing is told where each process began a session.
  if (call === 'getpgid' || call === 'getsid') return m.mayWait ? null : { call, args: [someone(m)] };
  return { call, args: [] };
};

/** Other ids, some of them for a moment, some for ever. */
export const identity: Choose = (m, process) => {
  if (m.mayWait) return null;
  const id = (): number => m.pick(IDS);
  if (m.chance(25)) {
    // The groups of whoever runs this are his own.
    if (!m.known.has(`${process} groups`) && m.others.has(process)) return null;
    m.known.add(`${process} groups`);
    return { call: 'setgroups', args: [{ list: Array.from({ length: m.below(4) }, () => m.pick([5, 10, 1000])) }] };
  }
  const call = m.pick(['setgid', 'setegid', 'setregid', 'setresgid', 'setuid', 'seteuid', 'setreuid', 'setresuid']);
  if (!call.includes('gid')) m.others.add(process);
  const count = call.includes('res') ? 3 : call.includes('re') ? 2 : 1;
  return { call, args: Array.from({ length: count }, id) };
};

export const group: Choose = (m, process) => {
  if (m.mayWait) return null;
  // A session of one's own is made once, and by who leads no group.
  if (m.chance(process === 'p2' ? 50 : 20)) return { call: 'setsid', args: [] };
  return { call: 'setpgid', args: [m.pick([0, 0, { pid: process }, someone(m), -1]), m.pick([0, 0, { pid: process }, someone(m), -1])] };
};

/**
 * Values that no program here comes to, in the units of each: where every machine has as much or no limit at all, since who has not CAP_SYS_RESOURCE
 * can only come down.
 */
const LIMITS: readonly [resource: number, values: readonly number[]][] = [
  [RLIMIT.CPU, [1e6, 2e6]], [RLIMIT.FSIZE, [2 ** 40, 2 ** 41]], [RLIMIT.STACK, [2 ** 23, 2 ** 24]], [RLIMIT.RSS, [2 ** 40, 2 ** 41]],
  [RLIMIT.MEMLOCK, [2 ** 15, 2 ** 16]], [RLIMIT.AS, [2 ** 45, 2 ** 46]], [RLIMIT.LOCKS, [100, 200]], [RLIMIT.SIGPENDING, [1000, 2000]],
];
const FEW_DESCRIPTORS = [9, 13, 64];

export const limit: Choose = (m, process) => {
  if (m.chance(8)) return { call: 'getrlimit', args: [m.pick([16, -1, 99])] };
  const own = LIMITS.filter(([resource]) => m.known.has(`${process} limit ${resource}`));
  const [resource, values] = m.pick(own.length > 0 && m.chance(75) ? own : LIMITS);
  const name = `${process} limit ${resource}`;
  // What it is before, and whether it may be raised, the machine says.
  if (!m.known.has(name)) {
    if (m.others.has(process)) return null;
    m.known.add(name);
    return { call: 'setrlimit', args: [resource, { record: { soft: values[0] as number, hard: values[1] as number } }] };
  }
  if (m.chance(55)) return { call: 'getrlimit', args: [resource] };
  return { call: 'setrlimit', args: [m.chance(95) ? resource : 99, { record: { soft: m.pick(values), hard: m.pick(values) } }] };
};

/** Few descriptors. A child's agent needs some of its own to begin with, so nobody is forked any more. */
export const fewDescriptors: Choose = (m, process) => {
  if (m.chance(70) || m.others.has(process)) return null;
  if (!m.mayWait) m.forksNoMore = true;
  m.known.add(`${process} limit ${RLIMIT.NOFILE}`);
  return { call: 'setrlimit', args: [RLIMIT.NOFILE, { record: { soft: m.pick(FEW_DESCRIPTORS), hard: 1024 } }] };
};

/** Waits that do not wait; and the end of the child. */
export const child: Choose = (m, process) => {
  // Who never had one has little to wait for.
  if (!m.hasChild && !m.known.has('p1 child') && m.chance(70)) return null;
  if (process === 'p2' && !m.mayWait && m.chance(8)) return { call: 'exit', args: [m.pick([0, 3, 255])] };
  if (m.chance(60)) {
    return { call: 'waitpid', args: [m.pick([-1, -1, 0, { pid: 'p2' }, NOBODY]), m.pick([W.NOHANG, W.NOHANG, W.NOHANG | W.UNTRACED | W.CONTINUED, W.NOHANG | 0x100])] };
  }
  const kind = m.pick([WaitKind.ALL, WaitKind.ALL, WaitKind.PID, WaitKind.PGID, 9]);
  const id = kind === WaitKind.ALL ? 0 : m.pick([{ pid: 'p2' }, { pid: 'p1' }, NOBODY, -1]);
  return { call: 'waitid', args: [kind, id, m.pick([W.EXITED | W.NOHANG, W.EXITED | W.NOHANG, W.EXITED | W.NOHANG | W.NOWAIT, W.NOHANG])] };
};

const REAL = 0;
/** Long enough never to end while a program runs, be it by a time from now or by one of the year 2096. */
const FAR = 1e10, LATE = 4e15;
const ABSOLUTE = 1;

/** Timers that run, and never run out. */
export const timers: Choose = (m, process) => {
  const setting = (far: number): Argument => ({ record: { valueUs: m.pick([0, far, far, -1]), intervalUs: m.pick([0, 1e9]) } });
  switch (m.below(9)) {
    case 0: return { call: 'alarm', args: [m.pick([0, 10_000, 100_000])] };
    case 1: return { call: 'setitimer', args: [m.pick([REAL, REAL, REAL, 3, -1]), setting(FAR)] };
    case 2: return { call: 'getitimer', args: [m.pick([REAL, REAL, 3])] };
    default:
  }
  const own = m.identifiers.filter(({ call }) => call === `timer of ${process}`);
  if (own.length === 0 || m.chance(15)) {
    const name = m.fresh();
    m.identifiers.push({ name, call: `timer of ${process}` });
    const event: Argument = m.chance(20) ? null : { record: { notify: m.pick([SIGEV.SIGNAL, SIGEV.NONE, SIGEV.NONE, 3]), signo: m.pick([Signal.SIGUSR1, 34, 65]), value: m.below(100) } };
    return { call: 'timer_create', args: [m.pick([0, 1, 1, 1, 7, 99]), event], makes: [name] };
  }
  const timer = m.chance(95) ? fd(m.pick(own).name) : 55;
  const flags = m.pick([0, 0, 0, ABSOLUTE]);
  switch (m.below(6)) {
    case 0: return { call: 'timer_delete', args: [timer] };
    case 1: return { call: 'timer_getoverrun', args: [timer] };
    case 2: case 3: return { call: 'timer_settime', args: [timer, flags, setting(flags === ABSOLUTE ? LATE : FAR)] };
    default: return { call: 'timer_gettime', args: [timer] };
  }
};

/** A moment of doing nothing. */
export const moment: Choose = (m) => ({ call: 'sleep', args: [m.pick([0, 1, 1000, -1])] });

/** Signals with a value, from one to the other, and who takes them without a handler. */
export const message: Choose = (m, process) => {
  if (m.mayWait) return null;
  const signo = m.pick(CAUGHT);
  const whom: Argument = { pid: m.hasChild ? m.pick(['p1', 'p2']) : 'p1' };
  switch (m.below(6)) {
    case 0: return { call: 'sigtimedwait', args: [{ list: m.pick([CAUGHT, [signo], []]) }, m.pick([0, 0, 0, -1])] };
    case 1: return { call: 'sigprocmask', args: [MaskHow.BLOCK, { list: [signo] }] };
    case 2: case 3: return { call: 'sigqueue', args: [m.chance(90) ? whom : NOBODY, m.chance(95) ? signo : 65, m.below(1000)] };
    case 4: return { call: 'kill', args: [whom, signo] };
    default: return { call: 'sigpending', args: [] };
  }
};

/** Being told of a message. Where each task has its thread, a signal could end the process: nothing but the registration. */
export const notice: Choose = (m, process) => {
  const found = m.find(process, ({ kind }) => kind === 'queue', 10);
  if (found === null) return null;
  const notify = m.mayWait ? SIGEV.NONE : m.pick([SIGEV.SIGNAL, SIGEV.SIGNAL, SIGEV.NONE]);
  const event: Argument = m.chance(30) ? null : { record: { notify, signo: m.pick([...CAUGHT, 65]), value: m.below(100) } };
  return { call: 'mq_notify', args: [fd(found.name), event] };
};

function steps(process: Who, ...chosen: readonly Chosen[]): Step[] {
  return chosen.map(({ call, args, makes = [], waits = false }) => (process === 'p1' ? p1 : p2)(call, args, makes, waits));
}

/** A wait of the child that a signal of its parent ends; of processes that take signals, before anything else happens. */
export function interrupted(m: Model): Step[] {
  const signo = m.pick(CAUGHT);
  const handler: Argument = { record: { handler: 'note', flags: 0, mask: { list: [] } } };
  const wait: Chosen = m.chance(50) ? { call: 'pause', args: [] } : { call: 'sigsuspend', args: [{ list: CAUGHT.filter((each) => each !== signo) }] };
  return [
    ...steps('p2', { call: 'sigaction', args: [signo, handler] }, { ...wait, waits: true }), ...steps('p1', { call: 'kill', args: [{ pid: 'p2' }, signo] }),
  ];
}

/** One that waits for a signal which is there: what is blocked is kept, though it be ignored. */
export function taken(m: Model, process: Who): Step[] {
  const signo = m.pick(CAUGHT);
  return steps(
    process, { call: 'sigprocmask', args: [MaskHow.BLOCK, { list: [signo] }] },
    m.chance(50) ? { call: 'kill', args: [{ pid: process }, signo] } : { call: 'sigqueue', args: [{ pid: process }, signo, 7] },
    m.chance(50) ? { call: 'sigwaitinfo', args: [{ list: CAUGHT }] } : { call: 'sigtimedwait', args: [{ list: [signo] }, 1000] },
  );
}

/** Somebody else from the beginning, of some groups; now and then for a moment alone. */
export function disguised(m: Model): Step[] {
  m.known.add('p1 groups');
  const groups: Argument = { list: Array.from({ length: m.below(4) }, () => m.pick([5, 10, 1000])) };
  const begin: Chosen[] = [{ call: 'setgroups', args: [groups] }, { call: 'getgroups', args: [] }];
  if (m.chance(40)) return steps('p1', ...begin);
  m.others.add('p1');
  const ids: Chosen = m.chance(50) ? { call: 'seteuid', args: [1000] } : { call: 'setresuid', args: [m.pick([0, 1000]), 1000, m.pick([0, 1000, 1001])] };
  return steps('p1', ...begin, { call: 'setresgid', args: [m.pick([0, 1000]), 1000, 1001] }, ids);
}

/** Timers that run from the beginning. */
export function armed(m: Model, process: Who): Step[] {
  const name = m.fresh();
  m.identifiers.push({ name, call: `timer of ${process}` });
  const setting: Argument = { record: { valueUs: FAR, intervalUs: m.pick([0, 1e9]) } };
  return steps(
    process, { call: 'timer_create', args: [1, { record: { notify: m.pick([SIGEV.SIGNAL, SIGEV.NONE]), signo: 34, value: 1 } }], makes: [name] },
    { call: 'timer_settime', args: [fd(name), 0, setting] },
    m.chance(50) ? { call: 'alarm', args: [100_000] } : { call: 'setitimer', args: [REAL, setting] },
    ...(m.chance(50) ? [{ call: m.pick(['timer_getoverrun', 'timer_gettime', 'timer_delete']), args: [fd(name)] }] : []),
  );
}

/** A queue that somebody wants to be told of, and the message. */
export function noticed(m: Model, process: Who, made: string): Step[] {
  const notify = m.mayWait ? SIGEV.NONE : SIGEV.SIGNAL;
  return steps(
    process,
    { call: 'mq_open', args: ['/q3', O.RDWR | O.CREAT | O.NONBLOCK, 0o600, { record: { maxMessages: 2, messageSize: 20 } }], makes: [made] },
    { call: 'mq_notify', args: [fd(made), { record: { notify, signo: m.pick(CAUGHT), value: 3 } }] },
    ...(m.chance(50) ? [{ call: 'mq_send', args: [fd(made), { pattern: 5 }, 1] }] : []),
  );
}
