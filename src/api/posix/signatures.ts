/**
 * What each call of `Process` takes: one reader an argument, and the guard that has them read before the call begins.
 *
 * The rule for all calls: an argument of another kind than its type says (a BigInt, a Symbol, a string for a number, an object
 * whose getters throw, a Proxy of a buffer) rejects with a TypeError that names the call and the argument, a list without end with
 * a RangeError; nothing has changed then. Numbers are no such case: C casts them, so NaN is 0 in an int and no descriptor, and
 * what is too large is the errno that it is on Linux. Structures and lists are copied, each field read once.
 *
 * read, write, recv, send, recvfrom and sendto are not guarded, since every segment passes there: they look themselves
 * (DescriptorCalls.receive, transmit) and come here only with what is not plain.
 */
import { fault, isPlainBytes, present, readBytes, readList, readNumber, readRecord, readText, readView, reading, wrongKind } from '../../base/arguments.ts';
import { MOST_WORDS } from '../../kernel/program-words.ts';
import { SIG_DFL, SIG_IGN } from '../../kernel/signals.ts';
import type { Process } from './process.ts';

/** Gives the plain value of an argument, or throws what its call rejects with. */
export type Reader = (call: string, value: unknown) => unknown;

/** How many buffers a call may have (UIO_MAXIOV). */
export const IOV_MAX = 1024;
/** Bytes of all buffers of a call together, whose memory is taken at once. */
const MOST_BYTES = 0x7fffffff;
/** Elements of lists that C's callers bound by memory: descriptors of poll, arguments of a program. */
const MOST_ELEMENTS = 0x100000;
/** Signals in a set: each of the 64, given several times. */
const MOST_SIGNALS = 1024;
/** One more than NGROUPS_MAX and SEMMSL allow: what is too much is theirs to say. */
const MOST_GROUPS = 65537;

const int = (name: string): Reader => (call, value) => (typeof value === 'number' ? value : readNumber(`${call}: ${name}`, value));
const nullOr = (reader: Reader): Reader => (call, value) => (value === null ? null : reader(call, value));
const optional = (reader: Reader): Reader => (call, value) => (value === undefined ? undefined : reader(call, value));
const bytes = (name: string): Reader => (call, value) => (isPlainBytes(value) ? present(value) : readBytes(`${call}: ${name}`, value));
const path: Reader = (call, value) => readText(`${call}: a path`, value);
const numbers = (name: string, most: number): Reader => (call, value) =>
  readList(`${call}: ${name}`, value, 'an array of numbers', most, true, (each) => readNumber(`${call}: every number of ${name}`, each) ?? 0);
const record = (name: string, shape: string, ...fields: readonly string[]): Reader => (call, value) =>
  readRecord(`${call}: ${name}`, value, shape, (of) => Object.fromEntries(fields.map((field) => [field, readNumber(`${call}: ${name}.${field}`, of[field])])));

const fd = int('fd'), flags = int('flags'), mode = int('mode'), signo = int('signo'), timeoutUs = int('timeoutUs'), signals = numbers('a set of signals', MOST_SIGNALS);
const address: Reader = (call, value) => (isPlainBytes(value) ? present(value) : readBytes(`${call}: address`, value, 'bytes of a sockaddr (sockaddrIn(...))'));
const descriptorSet = nullOr(bytes('a set'));
const timerSetting = (name: string): Reader => record(name, '{ valueUs, intervalUs }', 'valueUs', 'intervalUs');
const times = nullOr(record('times', '{ atimeUs, mtimeUs } or null', 'atimeUs', 'mtimeUs'));
const event = nullOr(record('event', '{ notify, signo, value } or null', 'notify', 'signo', 'value'));
const change = record('change', '{ uid, gid, mode }', 'uid', 'gid', 'mode', 'mostBytes');

/** Buffers: at most one more than there may be, which the call answers as Linux does. */
const iov: Reader = (call, value) => reading(`${call}: iov`, () => {
  if (!Array.isArray(value)) throw fault(wrongKind(`${call}: iov`, 'an array of Uint8Arrays', value));
  const parts: Uint8Array[] = [];
  let sum = 0;
  const count = Math.min(value.length, IOV_MAX + 1);
  for (let i = 0; i < count; i++) {
    const part = readBytes(`${call}: every buffer`, value[i]);
    parts.push(part);
    sum += part.length;
  }
  if (sum > MOST_BYTES) throw fault(new RangeError(`${call}: iov must have at most ${MOST_BYTES} bytes together`));
  return parts;
});

const messageHeader: Reader = (call, value) => {
  if (typeof value !== 'object' || value === null) return iov(call, undefined);
  return readRecord(`${call}: message`, value, '{ iov }', (of) => {
    const { iov: parts, name, control } = of;
    return {
      iov: iov(call, parts),
      name: name === undefined || name === null ? null : address(call, name),
      control: control === undefined || control === null ? null : bytes('control')(call, control),
    };
  });
};

const messageRoom: Reader = (call, value) => readRecord(`${call}: every message`, value, '{ iov }', (of) => ({
  iov: iov(call, of['iov']),
  nameLength: readNumber(`${call}: nameLength`, of['nameLength']),
  controlLength: readNumber(`${call}: controlLength`, of['controlLength']),
}));

/** Messages beyond UIO_MAXIOV are not looked at by Linux either. */
const messages = (each: Reader): Reader => (call, value) =>
  readList(`${call}: messages`, value, 'an array of { iov }', MOST_ELEMENTS, false, (message) => {
    if (typeof message !== 'object' || message === null) throw fault(wrongKind(`${call}: every message`, '{ iov }', message));
    return each(call, message);
  });

/** An entry of poll's list, and the caller's record, which is told what there is. */
export interface PollTarget {
  readonly fd: number;
  readonly events: number;
  readonly target: object;
}

const entries: Reader = (call, value) => readList(`${call}: fds`, value, 'an array of { fd, events }', MOST_ELEMENTS, false, (each) =>
  readRecord(`${call}: every entry`, each, '{ fd, events }', (of) => ({
    fd: readNumber(`${call}: fd`, of['fd']), events: readNumber(`${call}: events`, of['events']), target: of,
  })));

const operations: Reader = (call, value) => readList(`${call}: operations`, value, 'an array of { num, op, flg }', MOST_ELEMENTS, false, (each) =>
  record('every operation', '{ num, op, flg }', 'num', 'op', 'flg')(call, each));

/** What semctl's commands take: nothing, an int, values, or a change. */
const semctlArgument: Reader = (call, value) => {
  if (typeof value !== 'object' || value === null) return readNumber(`${call}: argument`, value);
  const what = `${call}: argument`;
  const isList = reading(what, () => Symbol.iterator in value);
  return isList ? numbers('argument', MOST_GROUPS)(call, value) : record('argument', '{ uid, gid, mode }', 'uid', 'gid', 'mode')(call, value);
};

const action = nullOr((call, value) => readRecord(`${call}: action`, value, '{ handler, flags, mask } or null', ({ handler, flags: bits, mask }) => ({
  handler: disposition(call, handler),
  flags: readNumber(`${call}: flags`, bits) ?? 0,
  mask: mask === undefined ? [] : numbers('mask', MOST_SIGNALS)(call, mask),
})));

const disposition: Reader = (call, value) => {
  if (value === SIG_DFL || value === SIG_IGN || typeof value === 'function') return value;
  throw fault(wrongKind(`${call}: handler`, 'SIG_DFL, SIG_IGN or a function', value));
};

/** getsockopt's room, or the bytes that the option reads. */
const optionRoom: Reader = (call, value) => {
  if (typeof value === 'number') return value;
  return readView(`${call}: length`, value, 'a number, or the bytes that the option reads');
};

const optionValue: Reader = (call, value) => 
  readView(`${call}: value`, value, 'a Uint8Array (int32(...), timeval(...), linger(...))');

const program: Reader = (call, value) => {
  if (typeof value === 'function') return value;
  throw fault(wrongKind(`${call}: program`, 'a function', value));
};

/** At most as many as there may be and one more, which spawn answers as Linux does. */
const args: Reader = (call, value) => reading(`${call}: args`, () => {
  if (!Array.isArray(value)) throw fault(wrongKind(`${call}: args`, 'an array of strings', value));
  const words: string[] = [];
  const count = Math.min(value.length, MOST_WORDS);
  for (let i = 0; i < count; i++) words.push(readText(`${call}: every argument`, value[i]));
  return words;
});

const childOptions: Reader = (call, value) => readRecord(`${call}: options`, value, 'an object', (of) => {
  const { name, env, duplicate, processGroup, newSession } = of;
  return {
    ...(name === undefined ? {} : { name: readText(`${call}: name`, name) }),
    ...(env === undefined ? {} : { env: environment(call, env) }),
    ...(duplicate === undefined ? {} : { duplicate: readList(`${call}: duplicate`, duplicate, 'an array of [from, to]', MOST_ELEMENTS, false, (pair) =>
      readList(`${call}: every duplicate`, pair, '[from, to]', 2, false, (each) => readNumber(`${call}: every descriptor`, each))) }),
    ...(processGroup === undefined ? {} : { processGroup: readNumber(`${call}: processGroup`, processGroup) }),
    newSession: newSession === true,
  };
});

function environment(call: string, env: unknown): Record<string, string> {
  return readRecord(`${call}: env`, env, 'an object', (of) => {
    const plain: Record<string, string> = {};
    let left = MOST_WORDS;
    for (const name of Object.keys(of)) {
      if (left-- === 0) break;
      // As defineProperty sets it: the name may be __proto__.
      if (of[name] !== undefined) Object.defineProperty(plain, name, { value: readText(`${call}: every value of env`, of[name]), enumerable: true, writable: true, configurable: true });
    }
    return plain;
  });
}

type Unguarded = 'host' | 'core' | 'env' | 'getenv' | 'pid' | 'feedInput' | 'exit';

export const SIGNATURES: Readonly<Record<Exclude<keyof Process, Unguarded>, readonly Reader[]>> = {
  read: [fd, bytes('buffer')], readv: [fd, iov], write: [fd, bytes('buffer')], writev: [fd, iov],
  dup: [fd], dup2: [fd, int('to')], dup3: [fd, int('to'), flags], close: [fd], close_range: [int('first'), int('last'), flags],
  fcntl: [fd, int('command'), int('argument')], ioctl: [fd, int('request'), int('argument')],
  socket: [int('domain'), int('type'), int('protocol')], socketpair: [int('domain'), int('type'), int('protocol')],
  bind: [fd, address], listen: [fd, int('backlog')], shutdown: [fd, int('how')], connect: [fd, address],
  accept: [fd], accept4: [fd, flags], recv: [fd, bytes('buffer'), flags], recvfrom: [fd, bytes('buffer'), flags],
  recvmsg: [fd, iov, flags, int('nameLength'), int('controlLength')], send: [fd, bytes('buffer'), flags],
  sendto: [fd, bytes('buffer'), flags, nullOr(address)], sendmsg: [fd, messageHeader, flags],
  getsockname: [fd], getpeername: [fd], getsockopt: [fd, int('level'), int('option'), optionRoom], setsockopt: [fd, int('level'), int('option'), optionValue],
  recvmmsg: [fd, messages(messageRoom), flags, timeoutUs], sendmmsg: [fd, messages(messageHeader), flags],
  poll: [entries, int('timeoutMs')], ppoll: [entries, timeoutUs, nullOr(signals)], sleep: [int('us')],
  open: [path, flags, mode], pipe: [flags], stat: [path], lstat: [path], fstat: [fd], access: [path, mode], readlink: [path],
  lseek: [fd, int('offset'), int('whence')], pread: [fd, bytes('buffer'), int('offset')], pwrite: [fd, bytes('buffer'), int('offset')],
  truncate: [path, int('length')], ftruncate: [fd, int('length')], mkdir: [path, mode], mkfifo: [path, mode], symlink: [path, path],
  link: [path, path], unlink: [path], rmdir: [path], rename: [path, path], chmod: [path, mode], fchmod: [fd, mode],
  chown: [path, int('uid'), int('gid')], umask: [int('mask')], chdir: [path], getcwd: [], getdents: [fd],
  preadv: [fd, iov, int('offset')], pwritev: [fd, iov, int('offset')], fsync: [fd], fdatasync: [fd],
  fchown: [fd, int('uid'), int('gid')], lchown: [path, int('uid'), int('gid')], fchdir: [fd], mknod: [path, mode, int('device')],
  utimensat: [path, times, flags], futimens: [fd, times], statfs: [path], fstatfs: [fd],
  select: [int('count'), descriptorSet, descriptorSet, descriptorSet, timeoutUs],
  pselect: [int('count'), descriptorSet, descriptorSet, descriptorSet, timeoutUs, nullOr(signals)],
  epoll_create1: [flags], epoll_ctl: [int('epfd'), int('operation'), fd, int('wanted'), int('data')],
  epoll_wait: [int('epfd'), int('most'), int('timeoutMs')], epoll_pwait: [int('epfd'), int('most'), int('timeoutMs'), nullOr(signals)],
  epoll_pwait2: [int('epfd'), int('most'), timeoutUs, nullOr(signals)], signalfd: [fd, signals, flags],
  eventfd: [int('initial'), flags], timerfd_create: [int('clock'), flags], timerfd_settime: [fd, flags, timerSetting('setting')], timerfd_gettime: [fd],
  msgget: [int('key'), flags], msgsnd: [int('id'), int('type'), bytes('text'), flags], msgrcv: [int('id'), int('size'), int('type'), flags],
  msgctl: [int('id'), int('command'), optional(change)], semget: [int('key'), int('count'), flags], semop: [int('id'), operations, timeoutUs],
  semctl: [int('id'), int('num'), int('command'), semctlArgument], shmget: [int('key'), int('size'), flags], shmat: [int('id'), flags],
  shmdt: [bytes('view')], shmctl: [int('id'), int('command'), optional(change)],
  mq_open: [path, flags, mode, optional(nullOr(record('attributes', '{ maxMessages, messageSize } or null', 'maxMessages', 'messageSize')))],
  mq_send: [fd, bytes('text'), int('priority'), timeoutUs], mq_receive: [fd, int('size'), timeoutUs], mq_notify: [fd, event],
  mq_getattr: [fd], mq_setattr: [fd, flags], mq_unlink: [path],
  sendfile: [int('out'), int('from'), nullOr(int('offset')), int('count')],
  splice: [int('from'), nullOr(int('fromOffset')), int('to'), nullOr(int('toOffset')), int('count'), flags], tee: [int('from'), int('to'), int('count'), flags],
  getrandom: [bytes('buffer'), flags], clock_gettime: [int('clock')], gethostname: [], getifaddrs: [],
  sigaction: [signo, action], signal: [signo, disposition], sigprocmask: [int('how'), nullOr(signals)], sigpending: [], sigsuspend: [signals], pause: [],
  sigtimedwait: [signals, timeoutUs], sigwaitinfo: [signals], sigwait: [signals], kill: [int('pid'), signo], killpg: [int('pgid'), signo], raise: [signo],
  sigqueue: [int('pid'), signo, int('value')], alarm: [int('seconds')], setitimer: [int('which'), timerSetting('value')], getitimer: [int('which')],
  timer_create: [int('clock'), event], timer_settime: [int('timer'), flags, timerSetting('setting')], timer_gettime: [int('timer')],
  timer_getoverrun: [int('timer')], timer_delete: [int('timer')],
  spawn: [program, optional(args), optional(childOptions)], waitpid: [int('pid'), int('options')], waitid: [int('kind'), int('id'), int('options')], wait: [],
  getpid: [], getppid: [], getpgid: [int('pid')], getpgrp: [], setpgid: [int('pid'), int('pgid')], getsid: [int('pid')], setsid: [],
  getrlimit: [int('resource')], setrlimit: [int('resource'), record('limit', '{ soft, hard }', 'soft', 'hard')],
  getuid: [], geteuid: [], getgid: [], getegid: [], getresuid: [], getresgid: [], setuid: [int('uid')], setgid: [int('gid')],
  seteuid: [int('euid')], setegid: [int('egid')], setreuid: [int('ruid'), int('euid')], setregid: [int('rgid'), int('egid')],
  setresuid: [int('ruid'), int('euid'), int('suid')], setresgid: [int('rgid'), int('egid'), int('sgid')],
  getgroups: [], setgroups: [numbers('groups', MOST_GROUPS)],
};

/** Calls that look at their arguments themselves. */
const OWN: readonly string[] = ['read', 'write', 'recv', 'send', 'recvfrom', 'sendto'];

type Call = (this: unknown, ...args: unknown[]) => Promise<unknown>;
const AS_IT_IS: Reader = (_call, value) => value;

/** Lays the readers before the calls of `prototype`: once, when the class is made. */
export function guard(prototype: object): void {
  for (const [name, readers] of Object.entries(SIGNATURES)) {
    if (readers.length === 0 || OWN.includes(name)) continue;
    const call = (prototype as Record<string, Call>)[name] as Call;
    Object.defineProperty(prototype, name, { value: guarded(name, readers, call), writable: true, configurable: true });
  }
}

/** Without rest parameters, which would make an array a call. */
function guarded(name: string, readers: readonly Reader[], call: Call): Call {
  const [first, second = AS_IT_IS, third = AS_IT_IS, fourth = AS_IT_IS, fifth = AS_IT_IS, sixth = AS_IT_IS] = readers as [Reader, ...Reader[]];
  return function (a, b, c, d, e, f) {
    try {
      a = first(name, a);
      b = second(name, b);
      c = third(name, c);
      d = fourth(name, d);
      e = fifth(name, e);
      f = sixth(name, f);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    return call.call(this, a, b, c, d, e, f);
  };
}

/** For the calls that look themselves: a number; `absent` is what it is when it was left out. */
export function readInt(call: string, name: string, value: unknown, absent: number): number {
  return readNumber(`${call}: ${name}`, value) ?? absent;
}

export function readBuffer(call: string, value: unknown): Uint8Array {
  return readBytes(`${call}: buffer`, value);
}

/** An address, or null for none. */
export function readTarget(call: string, value: unknown): Uint8Array | null {
  return value === null ? null : (address(call, value) as Uint8Array);
}
