/** The command line of nc, as netcat-openbsd reads it. Called by nc.ts. */
import { AF_INET, AF_INET6, AF_UNSPEC } from '../../api/posix/constants.ts';
import { getservbyname } from '../../api/posix/name-tables.ts';
import type { NameProcess } from '../../api/posix/name-process.ts';
import { getopt, UsageFault } from '../getopt.ts';

export const NC_USAGE = `usage: nc [-46CdDhklnNruUvz] [-I length] [-O length] [-p source_port] [-q seconds]
	  [-s sourceaddr] [-w timeout] [destination] [port]
`;

export interface NcOptions {
  family: number;
  /** Lines from standard input end in CR LF on the connection. */
  crlf: boolean;
  noInput: boolean;
  keepListening: boolean;
  listen: boolean;
  numeric: boolean;
  /** The end of standard input is the connection's, too. */
  shutdown: boolean;
  sourcePort: string;
  sourceAddress: string;
  /** Seconds after the end of standard input; -1 for ever. */
  quitAfter: number;
  random: boolean;
  udp: boolean;
  unix: boolean;
  verbose: boolean;
  /** Seconds for connecting, and of silence; -1 for ever. */
  timeout: number;
  scan: boolean;
  receiveBuffer: number;
  sendBuffer: number;
  /** '' for any. A path with -U. */
  host: string;
  /** Port words: numbers, names, ranges. */
  ports: readonly string[];
}

/** Reads the words; null when help is asked for. Throws UsageFault. */
export function parseNc(args: readonly string[]): NcOptions | null {
  const o: NcOptions = {
    family: AF_UNSPEC, crlf: false, noInput: false, keepListening: false, listen: false, numeric: false, shutdown: false, sourcePort: '',
    sourceAddress: '', quitAfter: -1, random: false, udp: false, unix: false, verbose: false, timeout: -1, scan: false, receiveBuffer: 0,
    sendBuffer: 0, host: '', ports: [],
  };
  const { options, operands } = getopt(args, '46CdDhI:klnNO:p:q:rs:uUvw:z');
  for (const [letter, value] of options) {
    switch (letter) {
      case '4': o.family = AF_INET; break;
      case '6': o.family = AF_INET6; break;
      case 'C': o.crlf = true; break;
      case 'd': o.noInput = true; break;
      case 'h': return null;
      case 'I': o.receiveBuffer = number(value, 'receive window', 1); break;
      case 'k': o.keepListening = true; break;
      case 'l': o.listen = true; break;
      case 'n': o.numeric = true; break;
      case 'N': o.shutdown = true; break;
      case 'O': o.sendBuffer = number(value, 'send window', 1); break;
      case 'p': o.sourcePort = value; break;
      case 'q':
        o.quitAfter = /^-\d+$/.test(value) ? -1 : number(value, 'quit timer', 0);
        o.shutdown = o.quitAfter >= 0;
        break;
      case 'r': o.random = true; break;
      case 's': o.sourceAddress = value; break;
      case 'u': o.udp = true; break;
      case 'U': o.unix = true; break;
      case 'v': o.verbose = true; break;
      case 'w': o.timeout = number(value, 'timeout', 0); break;
      case 'z': o.scan = true; break;
    }
  }
  if (o.listen && o.sourceAddress !== '') throw new UsageFault('cannot use -s and -l');
  if (o.listen && o.scan) throw new UsageFault('cannot use -z and -l');
  if (!o.listen && o.keepListening) throw new UsageFault('must use -l with -k');
  placeOperands(o, operands);
  return o;
}

function placeOperands(o: NcOptions, operands: readonly string[]): void {
  if (o.unix) {
    if (operands.length !== 1) throw new UsageFault('', true);
    o.host = operands[0];
    return;
  }
  if (o.listen) {
    // -l PORT, -l HOST PORT, -l -p PORT, -l HOST -p PORT.
    if (operands.length === 2) [o.host, o.ports] = [operands[0], [operands[1]]];
    else if (operands.length === 1 && o.sourcePort === '') o.ports = [operands[0]];
    else if (operands.length === 1) [o.host, o.ports] = [operands[0], [o.sourcePort]];
    else if (operands.length === 0 && o.sourcePort !== '') o.ports = [o.sourcePort];
    else if (operands.length === 0) throw new UsageFault('missing port number');
    else throw new UsageFault('', true);
    return;
  }
  if (operands.length < 2) throw new UsageFault(operands.length === 1 ? 'missing port number' : '', operands.length === 0);
  [o.host] = operands;
  o.ports = operands.slice(1);
}

function number(text: string, what: string, least: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (value < least) throw new UsageFault(`${what} invalid: ${text}`);
  return value;
}

/** The ports that the words name, in order; a range begins with its least. Throws UsageFault. */
export async function portsOf(process: NameProcess, options: NcOptions): Promise<number[]> {
  const ports: number[] = [];
  for (const word of options.ports) {
    const [, low, high] = /^(\d+)-(\d+)$/.exec(word) ?? [];
    if (low === undefined) {
      ports.push(await portOf(process, word, options.udp));
      continue;
    }
    const ends = [onePort(low), onePort(high)].sort((a, b) => a - b);
    for (let port = ends[0]; port <= ends[1]; port++) ports.push(port);
  }
  if (options.random) {
    const bytes = new Uint8Array(2);
    for (let i = ports.length - 1; i > 0; i--) {
      await process.getrandom(bytes, 0);
      const j = ((bytes[0] << 8) | bytes[1]) % (i + 1);
      [ports[i], ports[j]] = [ports[j], ports[i]];
    }
  }
  return ports;
}

/** The number of one word. */
export async function portOf(process: NameProcess, word: string, udp: boolean): Promise<number> {
  if (/^\d+$/.test(word)) return onePort(word);
  const service = await getservbyname(process, word, udp ? 'udp' : 'tcp');
  if (service === null) throw new UsageFault(`port number invalid: ${word}`);
  return service.port;
}

function onePort(text: string): number {
  const port = Number(text);
  if (port < 1 || port > 65535) throw new UsageFault(`port number ${port < 1 ? 'too small' : 'too large'}: ${text}`);
  return port;
}
