/**
 * ss(8)'s filters: `state NAME`, `exclude NAME`, and expressions over both ends, `sport = :80 and not dst 10.0.0.0/8`.
 * iproute2 has the kernel work expressions off; here they are tried on what it answers.
 */
import { IpAddress } from '../base/inet-address.ts';
import { getservbyname } from '../api/posix/name-tables.ts';
import type { Process } from '../api/posix/process.ts';
import type { SsSocket } from './ss-dump.ts';

export const STATE_NAMES = [
  'UNKNOWN', 'ESTAB', 'SYN-SENT', 'SYN-RECV', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT', 'UNCONN', 'CLOSE-WAIT', 'LAST-ACK', 'LISTEN', 'CLOSING',
];
const STATES = { ESTABLISHED: 1, SYN_RECV: 3, TIME_WAIT: 6, CLOSE: 7, LISTEN: 10 } as const;
const bit = (state: number): number => 1 << state;
export const ALL_STATES = (1 << STATE_NAMES.length) - 1;
/** Connections: all but those that wait for a start or an end (SS_CONN). */
export const CONNECTED_STATES = ALL_STATES & ~(bit(STATES.LISTEN) | bit(STATES.CLOSE) | bit(STATES.TIME_WAIT) | bit(STATES.SYN_RECV));
export const LISTENING_STATES = bit(STATES.LISTEN) | bit(STATES.CLOSE);

/** What is wrong with a filter, in iproute2's words, and the status that it ends with. */
export class FilterFault extends Error {
  readonly status: number;
  readonly showsUsage: boolean;

  constructor(message: string, status: number, showsUsage = false) {
    super(message);
    this.status = status;
    this.showsUsage = showsUsage;
  }
}

const BAD_WORDS = 255, BAD_ADDRESS = 1;

function syntaxError(): FilterFault {
  return new FilterFault('ss: bison bellows (while parsing filter): "syntax error!" Sorry.', BAD_WORDS, true);
}

function addressError(why: string): FilterFault {
  return new FilterFault(`${why}Cannot parse dst/src address.`, BAD_ADDRESS);
}

/** Names of states, small letters; others are refused. */
const WORDS: Readonly<Record<string, number>> = {
  unknown: bit(0), established: bit(1), 'syn-sent': bit(2), 'syn-recv': bit(3), 'syn-rcv': bit(3), 'fin-wait-1': bit(4), 'fin-wait-2': bit(5), 'time-wait': bit(6), unconnected: bit(7),
  close: bit(7), closed: bit(7), 'close-wait': bit(8), 'last-ack': bit(9), listening: bit(10), closing: bit(11),
  all: ALL_STATES, connected: ALL_STATES & ~(bit(STATES.CLOSE) | bit(STATES.LISTEN)),
  synchronized: ALL_STATES & ~(bit(STATES.CLOSE) | bit(STATES.LISTEN) | bit(2)), bucket: bit(STATES.SYN_RECV) | bit(STATES.TIME_WAIT),
  big: ALL_STATES & ~(bit(STATES.SYN_RECV) | bit(STATES.TIME_WAIT)),
};

function statesOf(word: string | undefined): number {
  if (word === undefined) throw new FilterFault('Command line is not complete. Try option "help"', BAD_WORDS);
  const name = word.toLowerCase();
  if (!Object.hasOwn(WORDS, name)) throw new FilterFault(`ss: wrong state name: ${word}`, BAD_WORDS);
  return WORDS[name] as number;
}

type Test = (socket: SsSocket) => boolean;

export interface SsFilter {
  /** Null when no state was named. */
  readonly states: number | null;
  readonly matches: Test;
}

export async function readFilter(process: Process, operands: readonly string[]): Promise<SsFilter> {
  // Parentheses and operators are words like others: blanks are between them.
  const words = operands.join(' ').split(/\s+/).filter((word) => word !== '');
  let states: number | null = null;
  for (;;) {
    if (words[0] === 'state') {
      states = (states ?? 0) | statesOf(words[1]);
    } else if (words[0] === 'exclude' || words[0] === 'excl') {
      states = (states ?? ALL_STATES) & ~statesOf(words[1]);
    } else {
      break;
    }
    words.splice(0, 2);
  }
  if (words.length === 0) return { states, matches: () => true };
  const parser = new FilterParser(process, words);
  const matches = await parser.whole();
  if (parser.next !== undefined) throw syntaxError();
  return { states, matches };
}

const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b, '==': (a, b) => a === b, eq: (a, b) => a === b, '!=': (a, b) => a !== b, ne: (a, b) => a !== b, neq: (a, b) => a !== b,
  '>=': (a, b) => a >= b, ge: (a, b) => a >= b, geq: (a, b) => a >= b, '<=': (a, b) => a <= b, le: (a, b) => a <= b, leq: (a, b) => a <= b,
  '>': (a, b) => a > b, gt: (a, b) => a > b, '<': (a, b) => a < b, lt: (a, b) => a < b,
};

const EQUAL: ReadonlySet<string> = new Set(['=', '==', 'eq']), UNEQUAL: ReadonlySet<string> = new Set(['!=', 'ne', 'neq']);

/** What joins, negates and compares: never an address. */
const WORDS_BETWEEN: ReadonlySet<string> = new Set(['and', '&', '&&', 'or', '|', '||', 'not', '!', '(', ')', 'sport', 'dport', 'src', 'dst', ...Object.keys(COMPARISONS)]);

/** Each may open a level, and levels are kept on the stack. */
const MOST_WORDS = 1000;

class FilterParser {
  private readonly process: Process;
  private readonly words: string[];
  private wantsPort = false;

  constructor(process: Process, words: readonly string[]) {
    this.process = process;
    this.words = [...words];
    if (words.length > MOST_WORDS) throw syntaxError();
  }

  get next(): string | undefined {
    return this.words[0];
  }

  private take(): string {
    const word = this.words.shift();
    if (word === undefined) throw syntaxError();
    return word;
  }

  private isNext(...words: string[]): boolean {
    return this.next !== undefined && words.includes(this.next);
  }

  /** From left to right: `or` and `and`, which may be left out, bind alike. */
  async whole(): Promise<Test> {
    let test = await this.single();
    while (this.next !== undefined && this.next !== ')') {
      const first = test;
      if (this.isNext('or', '|', '||')) {
        this.take();
        const second = await this.single();
        test = (socket) => first(socket) || second(socket);
      } else {
        if (this.isNext('and', '&', '&&')) this.take();
        const second = await this.single();
        test = (socket) => first(socket) && second(socket);
      }
    }
    return test;
  }

  private async single(): Promise<Test> {
    const word = this.take();
    if (word === 'not' || word === '!') {
      const test = await this.single();
      return (socket) => !test(socket);
    }
    if (word === '(') {
      const test = await this.whole();
      if (this.take() !== ')') throw syntaxError();
      return test;
    }
    if (word === 'sport' || word === 'dport') {
      this.wantsPort = true;
      return this.port(word === 'sport');
    }
    if (word === 'src' || word === 'dst') {
      this.wantsPort = false;
      return this.host(word === 'src');
    }
    if (WORDS_BETWEEN.has(word)) throw syntaxError();
    // Anything else is an address or a port, as the word before it wanted, and not where these stand.
    await this.endpoint(word, this.wantsPort);
    throw syntaxError();
  }

  private async port(isLocal: boolean): Promise<Test> {
    const operator = this.next !== undefined && Object.hasOwn(COMPARISONS, this.next) ? this.take() : '=';
    const compare = COMPARISONS[operator] as (a: number, b: number) => boolean;
    const { port } = await this.endpoint(this.operand(), true);
    // No port: every one is equal to it, and larger.
    if (port === null && EQUAL.has(operator)) return () => true;
    if (port === null && UNEQUAL.has(operator)) return () => false;
    return (socket) => compare(isLocal ? socket.localPort : socket.remotePort, port ?? -1);
  }

  /** What stands behind a word that wants something. */
  private operand(): string {
    const word = this.take();
    if (WORDS_BETWEEN.has(word)) throw syntaxError();
    return word;
  }

  private async portNumber(text: string): Promise<number> {
    const number = /^[+-]?(?:0[xX][0-9a-fA-F]+|\d+)$/.test(text) ? integerOf(text) : null;
    if (number !== null) return number;
    const entry = await getservbyname(this.process, text, null);
    if (entry === null) throw addressError(`Error: "${text}" does not look like a port.\n`);
    return entry.port;
  }

  /**
   * parse_hostcond: HOST, HOST/LENGTH, HOST:PORT, [HOST]:PORT, *:PORT, :PORT; the last colon is the port's. Behind `sport` and
   * `dport` all is the port, but for a colon or an asterisk before it.
   */
  private async endpoint(text: string, isPort: boolean): Promise<{ prefix: Prefix | null; port: number | null }> {
    let host = text.replace(/^inet6?:/, '');
    let rest = '';
    if (host.startsWith('[')) {
      const end = host.indexOf(']');
      if (end < 0) throw addressError('');
      [host, rest] = [host.slice(1, end), host.slice(end + 1)];
    } else if (host.startsWith('*')) {
      [host, rest] = ['*', host.slice(1)];
    } else if (isPort) {
      [host, rest] = ['', host];
    } else {
      const slash = host.indexOf('/');
      const colon = host.lastIndexOf(':');
      if (colon >= 0 && colon > slash) [host, rest] = [host.slice(0, colon), host.slice(colon)];
    }
    const name = rest.startsWith(':') ? rest.slice(1) : rest;
    const number = name === '' || name === '*' ? -1 : await this.portNumber(name);
    const port = number === -1 ? null : number;
    if (isPort || host === '' || host === '*') return { prefix: null, port };
    return { prefix: prefixOf(host), port };
  }

  private async host(isLocal: boolean): Promise<Test> {
    if (this.isNext('=', '==', 'eq')) this.take();
    const { prefix, port } = await this.endpoint(this.operand(), false);
    return (socket) => {
      if (port !== null && (isLocal ? socket.localPort : socket.remotePort) !== port) return false;
      if (prefix === null) return true;
      const other = IpAddress.parse(isLocal ? socket.localHost : socket.remoteHost);
      return other !== null && other.isIn(prefix.address, prefix.length);
    };
  }
}

interface Prefix {
  readonly address: IpAddress;
  readonly length: number;
}

/** get_prefix: ADDRESS or ADDRESS/LENGTH; of IPv4 the last bytes may be missing. */
function prefixOf(text: string): Prefix {
  const [host = '', lengthText] = text.split('/', 2);
  const whole = /^\d+(\.\d+){0,3}$/.test(host) ? [...host.split('.'), '0', '0', '0'].slice(0, 4).join('.') : host;
  const address = IpAddress.parse(whole);
  const most = address?.isV4 ? 32 : 128;
  const length = lengthText === undefined ? most : /^\d+$/.test(lengthText) ? Number(lengthText) : -1;
  if (address === null || length < 0 || length > most) throw addressError(`Error: an inet prefix is expected rather than "${text}".\n`);
  return { address, length };
}

/** strtol with base 0, as far as an int goes. */
function integerOf(text: string): number | null {
  const sign = text.startsWith('-') ? -1 : 1;
  const digits = text.replace(/^[+-]/, '');
  const value = sign * (/^0\d/.test(digits) ? Number.parseInt(digits, 8) : Number(digits));
  return Number.isInteger(value) && Math.abs(value) <= 0x7fffffff ? value : null;
}
