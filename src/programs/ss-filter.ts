/**
 * ss(8)'s filters: `state NAME`, `exclude NAME`, and expressions over both ends, `sport = :80 and not dst 10.0.0.0/8`.
 * iproute2 has the kernel work expressions off; here they are tried on what it answers.
 */
import { IpAddress } from '../base/inet-address.ts';
import { getservbyname } from '../api/posix/name-tables.ts';
import type { Process } from '../api/posix/process.ts';
import { UsageFault } from './getopt.ts';
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

const WORDS: Readonly<Record<string, number>> = {
  established: bit(1), 'syn-sent': bit(2), 'syn-recv': bit(3), 'fin-wait-1': bit(4), 'fin-wait-2': bit(5), 'time-wait': bit(6), unconnected: bit(7),
  close: bit(7), 'close-wait': bit(8), 'last-ack': bit(9), listening: bit(10), listen: bit(10), closing: bit(11),
  all: ALL_STATES, connected: ALL_STATES & ~(bit(STATES.CLOSE) | bit(STATES.LISTEN)),
  synchronized: ALL_STATES & ~(bit(STATES.CLOSE) | bit(STATES.LISTEN) | bit(2)), bucket: bit(STATES.SYN_RECV) | bit(STATES.TIME_WAIT),
  big: ALL_STATES & ~(bit(STATES.SYN_RECV) | bit(STATES.TIME_WAIT)),
};

function statesOf(word: string | undefined): number {
  const states = word === undefined ? undefined : WORDS[word];
  if (states === undefined) throw new UsageFault(`wrong state name: ${word ?? ''}`);
  return states;
}

type Test = (socket: SsSocket) => boolean;

export interface SsFilter {
  /** Null when no state was named. */
  readonly states: number | null;
  readonly matches: Test;
}

export async function readFilter(process: Process, operands: readonly string[]): Promise<SsFilter> {
  // Parentheses and operators need no blanks around them.
  const words = operands.join(' ').split(/\s+|(?<=[()!])|(?=[()])/).filter((word) => word !== '');
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
  const matches = await parser.either();
  if (parser.next !== undefined) throw new UsageFault(`syntax error near "${parser.next}"`);
  return { states, matches };
}

const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b, '==': (a, b) => a === b, eq: (a, b) => a === b, '!=': (a, b) => a !== b, ne: (a, b) => a !== b, neq: (a, b) => a !== b,
  '>=': (a, b) => a >= b, ge: (a, b) => a >= b, geq: (a, b) => a >= b, '<=': (a, b) => a <= b, le: (a, b) => a <= b, leq: (a, b) => a <= b,
  '>': (a, b) => a > b, gt: (a, b) => a > b, '<': (a, b) => a < b, lt: (a, b) => a < b,
};

/** Each may open a level, and levels are kept on the stack. */
const MOST_WORDS = 1000;

/** or binds less than and, which may be left out. */
class FilterParser {
  private readonly process: Process;
  private readonly words: string[];

  constructor(process: Process, words: readonly string[]) {
    this.process = process;
    this.words = [...words];
    if (words.length > MOST_WORDS) throw new UsageFault(`a filter has ${MOST_WORDS} words at most`);
  }

  get next(): string | undefined {
    return this.words[0];
  }

  private take(): string {
    const word = this.words.shift();
    if (word === undefined) throw new UsageFault('syntax error: the filter is not complete');
    return word;
  }

  private isNext(...words: string[]): boolean {
    return this.next !== undefined && words.includes(this.next);
  }

  async either(): Promise<Test> {
    const first = await this.both();
    if (!this.isNext('or', '|', '||')) return first;
    this.take();
    const second = await this.either();
    return (socket) => first(socket) || second(socket);
  }

  private async both(): Promise<Test> {
    const first = await this.single();
    if (this.next === undefined || this.isNext('or', '|', '||', ')')) return first;
    if (this.isNext('and', '&', '&&')) this.take();
    const second = await this.both();
    return (socket) => first(socket) && second(socket);
  }

  private async single(): Promise<Test> {
    const word = this.take();
    if (word === 'not' || word === '!') {
      const test = await this.single();
      return (socket) => !test(socket);
    }
    if (word === '(') {
      const test = await this.either();
      if (this.take() !== ')') throw new UsageFault('syntax error: a parenthesis is missing');
      return test;
    }
    if (word === 'sport' || word === 'dport') return this.port(word === 'sport');
    if (word === 'src' || word === 'dst') return this.host(word === 'src');
    throw new UsageFault(`syntax error near "${word}"`);
  }

  private async port(isLocal: boolean): Promise<Test> {
    let compare = COMPARISONS['='] as (a: number, b: number) => boolean;
    const known = this.next === undefined ? undefined : COMPARISONS[this.next];
    if (known !== undefined) {
      compare = known;
      this.take();
    }
    const text = this.take();
    const port = await this.portNumber(text.slice(text.lastIndexOf(':') + 1));
    return (socket) => compare(isLocal ? socket.localPort : socket.remotePort, port);
  }

  private async portNumber(text: string): Promise<number> {
    if (/^\d+$/.test(text)) return Number(text);
    const entry = await getservbyname(this.process, text, null);
    if (entry === null) throw new UsageFault(`"${text}" does not look like a port.`);
    return entry.port;
  }

  /** HOST, HOST/LENGTH, HOST:PORT, [HOST]:PORT, *:PORT. */
  private async host(isLocal: boolean): Promise<Test> {
    if (this.isNext('=', '==', 'eq')) this.take();
    const text = this.take();
    const match = /^(?:\[([^\]]*)\]|([^:[/]*)|([^[]*:[^[]*:[^[]*?))(?:\/(\d+))?(?::(.+))?$/.exec(text);
    if (match === null) throw new UsageFault(`Cannot parse dst/src address: ${text}`);
    const host = match[1] ?? match[2] ?? match[3] ?? '';
    const port = match[5] === undefined || match[5] === '*' ? null : await this.portNumber(match[5]);
    if (host === '' || host === '*') return (socket) => port === null || (isLocal ? socket.localPort : socket.remotePort) === port;
    const address = IpAddress.parse(host);
    if (address === null) throw new UsageFault(`Cannot parse dst/src address: ${text}`);
    const length = match[4] === undefined ? (address.isV4 ? 32 : 128) : Number(match[4]);
    return (socket) => {
      const other = IpAddress.parse(isLocal ? socket.localHost : socket.remoteHost);
      if (other === null || !other.isIn(address, length)) return false;
      return port === null || (isLocal ? socket.localPort : socket.remotePort) === port;
    };
  }
}
