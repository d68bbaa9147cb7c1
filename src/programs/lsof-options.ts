/** lsof(8)'s options, and which files they choose: each option alone, or all of them together with -a. */
import { getaddrinfo } from '../api/posix/getaddrinfo.ts';
import { getservbyname } from '../api/posix/name-tables.ts';
import type { Process } from '../api/posix/process.ts';
import { readSockaddr } from '../api/posix/sockaddr.ts';
import type { Accounts } from './accounts.ts';
import { UsageFault } from './getopt.ts';
import type { LsofLine } from './lsof.ts';

export interface LsofChoice {
  readonly all: boolean;
  readonly numericHosts: boolean;
  readonly numericPorts: boolean;
  readonly numericUsers: boolean;
  readonly showsParent: boolean;
  readonly terse: boolean;
  /** -F's letters; '' for all of them, null without -F. */
  readonly fields: string | null;
  /** +c; 0 for no limit. */
  readonly commandWidth: number;
  /** -i's addresses, '' for all. */
  readonly inet: readonly string[];
  readonly unix: boolean;
  readonly pids: readonly string[];
  readonly users: readonly string[];
  readonly commands: readonly string[];
  readonly descriptors: readonly string[];
  /** -s: PROTOCOL:STATE. */
  readonly states: readonly string[];
  readonly names: readonly string[];
}

const USAGE = `usage: [-alnPRtU] [+c w] [-c c] [-d s] [-F [f]] [-i [i]] [-p s] [-s p:s] [-u s] [--] [names]`;
const COMMAND_WIDTH = 9;
/** Options whose value may be missing; `i` and `F` take the next word only when it is no option. */
const TAKES_VALUE = 'cdpsu';

export function readLsofOptions(args: readonly string[]): LsofChoice {
  const choice = {
    all: false, numericHosts: false, numericPorts: false, numericUsers: false, showsParent: false, terse: false, fields: null as string | null,
    commandWidth: COMMAND_WIDTH, inet: [] as string[], unix: false, pids: [] as string[], users: [] as string[], commands: [] as string[],
    descriptors: [] as string[], states: [] as string[], names: [] as string[],
  };
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? '';
    if (word === '--') {
      choice.names.push(...args.slice(i + 1));
      break;
    }
    if (!/^[-+]./.test(word)) {
      choice.names.push(word);
      continue;
    }
    if (word.startsWith('+')) {
      const match = /^\+c(\d*)$/.exec(word);
      const value = match === null ? '' : match[1] === '' ? (args[++i] ?? '') : match[1];
      if (match === null || !/^\d+$/.test(value ?? '')) throw new UsageFault(`illegal option: ${word}\n${USAGE}`);
      choice.commandWidth = Number(value);
      continue;
    }
    for (let at = 1; at < word.length; at++) {
      const letter = word[at] ?? '';
      const rest = word.slice(at + 1);
      if (letter === 'i' || letter === 'F') {
        // -i and -F end the word: what follows is theirs, or nothing.
        let value = rest;
        const next = args[i + 1];
        if (rest === '' && letter === 'i' && next !== undefined && !/^[-+]/.test(next)) value = args[++i] ?? '';
        if (letter === 'i') choice.inet.push(value);
        else choice.fields = rest === '' && next !== undefined && !/^[-+]/.test(next) ? (args[++i] ?? '') : value;
        break;
      }
      if (TAKES_VALUE.includes(letter)) {
        const value = rest === '' ? args[++i] : rest;
        if (value === undefined) throw new UsageFault(`no value for -${letter}\n${USAGE}`);
        const lists = { c: choice.commands, d: choice.descriptors, p: choice.pids, s: choice.states, u: choice.users } as const;
        const list = lists[letter as keyof typeof lists];
        if (letter === 'c' || letter === 's') list.push(value);
        else list.push(...value.split(','));
        break;
      }
      switch (letter) {
        case 'a': choice.all = true; break;
        case 'n': choice.numericHosts = true; break;
        case 'P': choice.numericPorts = true; break;
        case 'l': choice.numericUsers = true; break;
        case 'R': choice.showsParent = true; break;
        case 't': choice.terse = true; break;
        case 'U': choice.unix = true; break;
        case 'b': case 'w': break;
        default: throw new UsageFault(`illegal option character: ${letter}\n${USAGE}`);
      }
    }
  }
  return choice;
}

type Test = (line: LsofLine) => boolean;

export interface Selection {
  /** Each a reason to choose a file. */
  readonly tests: readonly Test[];
  readonly all: boolean;
  /** What a file that was chosen must be besides: -s, and everything that `^` excludes. */
  readonly conditions: readonly Test[];
}

export function isSelected(line: LsofLine, { tests, all, conditions }: Selection): boolean {
  if (!conditions.every((test) => test(line))) return false;
  if (tests.length === 0) return true;
  return all ? tests.every((test) => test(line)) : tests.some((test) => test(line));
}

/** A list whose members may be excluded by `^`: what chooses, and what must not be. */
function split(list: readonly string[]): { wanted: string[]; excluded: string[] } {
  return { wanted: list.filter((word) => !word.startsWith('^')), excluded: list.filter((word) => word.startsWith('^')).map((word) => word.slice(1)) };
}

export async function chosenBy(process: Process, choice: LsofChoice, accounts: Accounts): Promise<Selection> {
  const tests: Test[] = [];
  const conditions: Test[] = [];
  const add = (list: readonly string[], match: (line: LsofLine, word: string) => boolean): void => {
    const { wanted, excluded } = split(list);
    if (wanted.length > 0) tests.push((line) => wanted.some((word) => match(line, word)));
    if (excluded.length > 0) conditions.push((line) => !excluded.some((word) => match(line, word)));
  };
  for (const pid of choice.pids) if (!/^\^?\d+$/.test(pid)) throw new UsageFault(`illegal process ID: ${pid}`);
  add(choice.pids, ({ pid }, word) => pid === Number(word));
  for (const user of choice.users) {
    if (accounts.uidOf(user.replace('^', '')) === null) throw new UsageFault(`can't get UID for ${user.replace('^', '')}`);
  }
  add(choice.users, ({ uid }, word) => uid === accounts.uidOf(word));
  add(choice.commands, ({ command }, word) => command.startsWith(word));
  add(choice.descriptors, ({ fd }, word) => {
    const [first = '', last = first] = word.split('-');
    return /^\d+$/.test(first) && /^\d+$/.test(fd) ? Number(fd) >= Number(first) && Number(fd) <= Number(last) : fd === word;
  });
  if (choice.unix) tests.push(({ type }) => type === 'unix');
  if (choice.inet.length > 0) {
    const addresses: Test[] = [];
    for (const text of choice.inet) addresses.push(await addressTest(process, text));
    tests.push((line) => addresses.some((test) => test(line)));
  }
  for (const state of choice.states) conditions.push(stateTest(state));
  if (choice.names.length > 0) {
    const { names } = choice;
    tests.push(({ name }) => names.some((wanted) => name === wanted || name.startsWith(`${wanted} type=`)));
  }
  if (choice.all && tests.length === 0) throw new UsageFault(`no select options to AND via -a\n${USAGE}`);
  return { tests, all: choice.all, conditions };
}

/** TCP:LISTEN,SYN_SENT: files of other protocols are not looked at. */
function stateTest(text: string): Test {
  const match = /^(tcp|udp):(.+)$/i.exec(text);
  if (match === null) throw new UsageFault(`no protocol for state: ${text}`);
  const { wanted, excluded } = split((match[2] ?? '').toUpperCase().split(','));
  return ({ inet }) => {
    if (inet === null || inet.protocol !== match[1]?.toUpperCase()) return true;
    return (wanted.length === 0 || wanted.includes(inet.state)) && !excluded.includes(inet.state);
  };
}

/** [46][PROTOCOL][@HOST][:PORTS]. */
async function addressTest(process: Process, text: string): Promise<Test> {
  const match = /^([46])?([a-zA-Z]+)?(?:@(\[[^\]]*\]|[^:]*))?(?::(.*))?$/.exec(text);
  if (match === null) throw new UsageFault(`unacceptable Internet address: -i ${text}`);
  const [, family, protocol = '', host, ports] = match;
  const name = protocol.toUpperCase();
  if (name !== '' && name !== 'TCP' && name !== 'UDP') throw new UsageFault(`unknown protocol name (${protocol}) in: -i ${text}`);
  const hosts = host === undefined || host === '' ? null : await addressesOf(process, host.replace(/^\[|\]$/g, ''), text);
  const ranges = ports === undefined || ports === '' ? null : await rangesOf(process, ports, name, text);
  return ({ inet }) => {
    if (inet === null) return false;
    if (family !== undefined && (family === '4') !== inet.isV4) return false;
    if (name !== '' && name !== inet.protocol) return false;
    if (hosts !== null && !hosts.includes(inet.localHost) && !hosts.includes(inet.remoteHost)) return false;
    if (ranges === null) return true;
    return [inet.localPort, inet.remotePort].some((port) => port !== 0 && ranges.some(([low, high]) => port >= low && port <= high));
  };
}

async function addressesOf(process: Process, host: string, text: string): Promise<string[]> {
  try {
    const found = await getaddrinfo(process, host, null, {});
    return found.map(({ addr }) => readSockaddr(addr)?.address ?? '');
  } catch {
    throw new UsageFault(`unknown host name (${host}) in: -i ${text}`);
  }
}

async function rangesOf(process: Process, ports: string, protocol: string, text: string): Promise<[number, number][]> {
  const ranges: [number, number][] = [];
  for (const word of ports.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(word);
    if (match !== null) {
      ranges.push([Number(match[1]), Number(match[2] ?? match[1])]);
      continue;
    }
    for (const proto of protocol === '' ? ['tcp', 'udp'] : [protocol.toLowerCase()]) {
      const entry = await getservbyname(process, word, proto);
      if (entry !== null) ranges.push([entry.port, entry.port]);
    }
    if (ranges.length === 0) throw new UsageFault(`unknown service ${word} in: -i ${text}`);
  }
  return ranges;
}
