/** The texts of /proc/PID: stat, status, limits. What is not counted here, such as processor time and memory, is 0. */
import type { KernelProcess } from '../process.ts';
import { Resource, type ResourceLimit } from '../resource-limits.ts';
import { Signal } from '../signal-numbers.ts';
import { SIG_DFL, SIG_IGN } from '../signals.ts';

const SIGNALS = 64;
/** Ids below this are supplementary groups as they stand. */
const STATE_WORDS = { R: 'running', S: 'sleeping', T: 'stopped', Z: 'zombie' } as const;

function stateOf(process: KernelProcess): keyof typeof STATE_WORDS {
  if (process.exited) return 'Z';
  if (process.isStopped) return 'T';
  return process.waitingFor().length > 0 || process.isInit ? 'S' : 'R';
}

/** A set of signals as 64 bits in hexadecimal. */
function mask(has: (signo: number) => boolean): string {
  let text = '';
  for (let digit = SIGNALS / 4 - 1; digit >= 0; digit--) {
    let value = 0;
    for (let bit = 0; bit < 4; bit++) if (has(digit * 4 + bit + 1)) value |= 1 << bit;
    text += value.toString(16);
  }
  return text;
}

/** The 32 lower capabilities that there are here. */
function capabilities(set: number): string {
  return (set >>> 0).toString(16).padStart(16, '0');
}

export function statText(process: KernelProcess, name: string): string {
  const { pid, parent, pgid, sid, startedUs, signals } = process;
  const decimal = (has: (signo: number) => boolean): string => String(Number.parseInt(mask((signo) => signo <= 31 && has(signo)), 16));
  const before = [pid, `(${name})`, stateOf(process), parent?.pid ?? 0, pgid, sid, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 1, 0];
  const behind = [
    Math.floor(startedUs / 1e4), 0, 0, '18446744073709551615', 0, 0, 0, 0, 0,
    decimal((signo) => signals.pending.has(signo)), decimal((signo) => signals.blocked.has(signo)),
    decimal((signo) => signals.action(signo).handler === SIG_IGN), decimal((signo) => isCaught(process, signo)),
    0, 0, 0, Signal.SIGCHLD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, process.exited ? process.status : 0,
  ];
  return `${[...before, ...behind].join(' ')}\n`;
}

function isCaught({ signals }: KernelProcess, signo: number): boolean {
  const { handler } = signals.action(signo);
  return handler !== SIG_DFL && handler !== SIG_IGN;
}

/** The name as comm, stat and status tell it: 15 bytes (TASK_COMM_LEN). */
export function shortName({ name }: KernelProcess): string {
  const bytes = new TextEncoder().encode(name);
  return bytes.length <= 15 ? name : new TextDecoder().decode(bytes.subarray(0, 15));
}

export function statusText(process: KernelProcess): string {
  const { pid, files, parent, credentials, descriptors, signals, pgid, sid } = process;
  const state = stateOf(process);
  const { uid, euid, suid, fsuid, gid, egid, sgid, fsgid, groups, permitted, effective } = credentials;
  // FDSize: the table grows by doubling from 64 on.
  let slots = 64;
  while (slots <= descriptors.highest) slots *= 2;
  const lines: [string, string | number][] = [
    ['Name', shortName(process)], ...(process.exited ? [] : [['Umask', files.umask.toString(8).padStart(4, '0')] as [string, string]]),
    ['State', `${state} (${STATE_WORDS[state]})`], ['Tgid', pid], ['Ngid', 0], ['Pid', pid], ['PPid', parent?.pid ?? 0], ['TracerPid', 0],
    ['Uid', [uid, euid, suid, fsuid].join('\t')], ['Gid', [gid, egid, sgid, fsgid].join('\t')],
    ['FDSize', process.exited ? 0 : slots], ['Groups', groups.map((group) => `${group} `).join('') || ' '],
    ['NStgid', pid], ['NSpid', pid], ['NSpgid', pgid], ['NSsid', sid], ['Kthread', 0], ['Threads', 1],
    ['SigQ', `${process.kernel.pendingSignals.of(uid)}/${limitWord(process.limits.get(Resource.SIGPENDING).soft)}`],
    ['SigPnd', mask(() => false)], ['ShdPnd', mask((signo) => signals.pending.has(signo))],
    ['SigBlk', mask((signo) => signals.blocked.has(signo))],
    ['SigIgn', mask((signo) => signals.action(signo).handler === SIG_IGN)], ['SigCgt', mask((signo) => isCaught(process, signo))],
    ['CapInh', capabilities(0)], ['CapPrm', capabilities(permitted)], ['CapEff', capabilities(effective)],
    ['CapBnd', capabilities(-1)], ['CapAmb', capabilities(0)], ['NoNewPrivs', 0], ['Seccomp', 0],
  ];
  return lines.map(([word, value]) => `${word}:\t${value}\n`).join('');
}

function limitWord(value: number): string {
  return value === Infinity ? 'unlimited' : String(value);
}

const LIMIT_WORDS: readonly (readonly [string, number, string])[] = [
  ['Max cpu time', Resource.CPU, 'seconds'], ['Max file size', Resource.FSIZE, 'bytes'], ['Max data size', Resource.DATA, 'bytes'],
  ['Max stack size', Resource.STACK, 'bytes'], ['Max core file size', Resource.CORE, 'bytes'],
  ['Max resident set', Resource.RSS, 'bytes'], ['Max processes', Resource.NPROC, 'processes'],
  ['Max open files', Resource.NOFILE, 'files'], ['Max locked memory', Resource.MEMLOCK, 'bytes'],
  ['Max address space', Resource.AS, 'bytes'], ['Max file locks', Resource.LOCKS, 'locks'],
  ['Max pending signals', Resource.SIGPENDING, 'signals'], ['Max msgqueue size', Resource.MSGQUEUE, 'bytes'],
  ['Max nice priority', Resource.NICE, ''], ['Max realtime priority', Resource.RTPRIO, ''], ['Max realtime timeout', Resource.RTTIME, 'us'],
];

export function limitsText({ limits }: KernelProcess): string {
  const line = (name: string, soft: string, hard: string, units: string): string =>
    `${name.padEnd(25)} ${soft.padEnd(20)} ${hard.padEnd(20)} ${units === '' ? '' : units.padEnd(10)}\n`;
  return line('Limit', 'Soft Limit', 'Hard Limit', 'Units') + LIMIT_WORDS.map(([name, resource, units]) => {
    const { soft, hard }: ResourceLimit = limits.get(resource);
    return line(name, limitWord(soft), limitWord(hard), units);
  }).join('');
}
