/**
 * ss(8): sockets as iproute2 lists them. It asks the kernel by NETLINK_SOCK_DIAG (ss-dump.ts), as that does.
 */
import { AF_INET, AF_INET6, AF_PACKET, AF_UNIX, IPPROTO_RAW, IPPROTO_TCP, IPPROTO_UDP } from '../api/posix/constants.ts';
import { getprotobynumber, getservbyport } from '../api/posix/name-tables.ts';
import type { Process } from '../api/posix/process.ts';
import { readSockaddrLl } from '../api/posix/sockaddr.ts';
import { INET_DIAG, PACKET_DIAG, UNIX_DIAG } from '../api/posix/sock-diag.ts';
import { readText } from '../api/posix/text-file.ts';
import { getopt, guarded, say, UsageFault, warn } from './getopt.ts';
import { inetDetails, memoryText, packetDetails, tcpText, timerText, unixDetails } from './ss-details.ts';
import { type InetKind, inetSockets, packetSockets, type SsSocket, unixSockets } from './ss-dump.ts';
import {
  ALL_STATES, CONNECTED_STATES, FilterFault, LISTENING_STATES, readFilter, type SsFilter, STATE_NAMES,
} from './ss-filter.ts';
import { usersByInode } from './ss-users.ts';

const TCP: InetKind = { netid: 'tcp', protocol: IPPROTO_TCP };
const UDP: InetKind = { netid: 'udp', protocol: IPPROTO_UDP };
const RAW: InetKind = { netid: 'raw', protocol: IPPROTO_RAW };
const ESTABLISHED = 1 << 1, CLOSED = 1 << 7;
const EVERY_PACKET = 3;
const ETHER_TYPES: Readonly<Record<number, string>> = { 2048: 'ip', 2054: 'arp', 34525: 'ipv6', 33024: '802.1Q', 1: '802_3', 4: '802_2' };

/** What is listed without -a or -l: connections. AF_PACKET knows none. */
const USUAL_STATES: Readonly<Record<string, number>> = {
  t: CONNECTED_STATES, u: ESTABLISHED, w: ESTABLISHED, x: CONNECTED_STATES, 0: CLOSED,
};

interface SsChoice {
  /** Which kinds: letters of the options. */
  readonly kinds: ReadonlySet<string>;
  readonly states: number;
  readonly family: number;
  readonly filter: SsFilter;
  readonly isNumeric: boolean;
  readonly hasHeader: boolean;
  readonly oneLine: boolean;
  readonly processes: boolean;
  readonly options: boolean;
  readonly details: boolean;
  readonly memory: boolean;
  readonly info: boolean;
}

export const SS_USAGE = `Usage: ss [ OPTIONS ]
       ss [ OPTIONS ] [ FILTER ]
   -n  don't resolve service names
   -a  display all sockets
   -l  display listening sockets
   -o  show timer information
   -e  show detailed socket information
   -m  show socket memory usage
   -p  show process using socket
   -i  show internal TCP information
   -s  show socket usage summary
   -4, -6  display only sockets of IP version 4, 6
   -0  display PACKET sockets
   -t, -u, -w, -x  display only TCP, UDP, RAW, Unix domain sockets
   -f FAMILY  inet, inet6, link, unix
   -H  suppress the header line
   -O  one line a socket
   FILTER := [ state STATE ] [ exclude STATE ] [ EXPRESSION ]
`;

const LONG: Readonly<Record<string, string>> = {
  numeric: 'n', all: 'a', listening: 'l', options: 'o', extended: 'e', memory: 'm', processes: 'p', info: 'i', summary: 's', ipv4: '4', ipv6: '6',
  packet: '0', tcp: 't', udp: 'u', raw: 'w', unix: 'x', family: 'f', 'no-header': 'H', oneline: 'O', help: 'h',
};

function shortened(args: readonly string[]): string[] {
  return args.flatMap((word) => {
    const match = /^--([a-z0-9-]+)(?:=(.*))?$/.exec(word);
    if (match === null) return [word];
    const letter = LONG[match[1] ?? ''];
    if (letter === undefined) throw new UsageFault(`unrecognized option '--${match[1]}'`, true);
    return match[2] === undefined ? [`-${letter}`] : [`-${letter}`, match[2]];
  });
}

const FAMILIES: Readonly<Record<string, number>> = { inet: AF_INET, inet6: AF_INET6, link: AF_PACKET, unix: AF_UNIX };

export function ss(process: Process, args: readonly string[]): Promise<number> {
  return guarded(process, 'ss', 255, () => run(process, args));
}

async function run(process: Process, args: readonly string[]): Promise<number> {
  try {
    const { options, operands } = getopt(shortened(args), 'hnaletumpiswx460f:oHO');
    const letters = new Set(options.map(([letter]) => letter));
    if (letters.has('h')) {
      await say(process, SS_USAGE);
      return 0;
    }
    if (letters.has('s')) {
      await say(process, await summary(process));
      return 0;
    }
    const choice = choose(letters, options, await readFilter(process, operands));
    await say(process, await list(process, choice));
    return 0;
  } catch (error) {
    if (error instanceof FilterFault) {
      await warn(process, `${error.message}\n${error.showsUsage ? SS_USAGE : ''}`);
      return error.status;
    }
    if (!(error instanceof UsageFault)) throw error;
    await warn(process, `ss: ${error.message}\n${error.showsUsage ? SS_USAGE : ''}`);
    return 255;
  }
}

function choose(letters: ReadonlySet<string>, options: readonly (readonly [string, string])[], filter: SsFilter): SsChoice {
  let family = letters.has('4') ? AF_INET : letters.has('6') ? AF_INET6 : 0;
  const kinds = new Set([...'tuwx0'].filter((letter) => letters.has(letter)));
  for (const [letter, value] of options) {
    if (letter !== 'f') continue;
    const known = FAMILIES[value];
    if (known === undefined) throw new UsageFault(`"${value}" is invalid family`);
    if (known === AF_UNIX) kinds.add('x');
    else if (known === AF_PACKET) kinds.add('0');
    else family = known;
  }
  if (kinds.size === 0) for (const letter of family === 0 ? '0xwut' : 'wut') kinds.add(letter);
  const usual = [...kinds].reduce((states, letter) => states | (USUAL_STATES[letter] ?? 0), 0);
  const asked = letters.has('a') ? ALL_STATES : letters.has('l') ? LISTENING_STATES : usual;
  return {
    kinds, family, filter, states: filter.states ?? asked, isNumeric: letters.has('n'), hasHeader: !letters.has('H'), oneLine: letters.has('O'),
    processes: letters.has('p'), options: letters.has('o') || letters.has('e'), details: letters.has('e'), memory: letters.has('m'), info: letters.has('i'),
  };
}

async function collect(process: Process, choice: SsChoice): Promise<SsSocket[]> {
  const { kinds, states, family, details, memory, info } = choice;
  const sockets: SsSocket[] = [];
  if (kinds.has('0') && (states & CLOSED) !== 0) sockets.push(...await packetSockets(process));
  if (kinds.has('x')) sockets.push(...await unixSockets(process, states, details, memory));
  const extensions = (memory ? 1 << (INET_DIAG.SKMEMINFO - 1) : 0) | (info ? (1 << (INET_DIAG.INFO - 1)) | (1 << (INET_DIAG.CONG - 1)) : 0);
  for (const [letter, kind] of [['w', RAW], ['u', UDP], ['t', TCP]] as const) {
    if (!kinds.has(letter)) continue;
    for (const each of family === 0 ? [AF_INET, AF_INET6] : [family]) sockets.push(...await inetSockets(process, kind, each, states, extensions));
  }
  return sockets.filter((socket) => isInet(socket) ? choice.filter.matches(socket) : true);
}

function isInet({ family }: SsSocket): boolean {
  return family === AF_INET || family === AF_INET6;
}

class SsPrinter {
  private readonly process: Process;
  private readonly choice: SsChoice;
  private readonly users: ReadonlyMap<number, readonly string[]>;
  private readonly devices: ReadonlyMap<number, string>;

  constructor(process: Process, choice: SsChoice, users: ReadonlyMap<number, readonly string[]>, devices: ReadonlyMap<number, string>) {
    this.process = process;
    this.choice = choice;
    this.users = users;
    this.devices = devices;
  }

  /** Columns: kind, state, two queues, two ends; and what comes behind. */
  async row(socket: SsSocket): Promise<string[]> {
    const [local, remote] = await this.ends(socket);
    const queues = [String(socket.receive), String(socket.send)];
    return [socket.netid, STATE_NAMES[socket.state] ?? 'UNKNOWN', ...queues, local, remote, this.behind(socket)];
  }

  private async ends(socket: SsSocket): Promise<[string, string]> {
    const { localHost, localPort, remoteHost, remotePort, interfaceIndex, family } = socket;
    if (family === AF_UNIX) return [`${localHost} ${localPort}`, `${remoteHost} ${remotePort}`];
    if (family === AF_PACKET) {
      const protocol = localPort === EVERY_PACKET ? '*' : (ETHER_TYPES[localPort] ?? `[${localPort}]`);
      return [`${protocol}:${interfaceIndex === 0 ? '*' : this.deviceName(interfaceIndex)}`, '*'];
    }
    const scope = interfaceIndex === 0 ? '' : `%${this.deviceName(interfaceIndex)}`;
    return [
      `${this.host(socket, localHost)}${scope}:${await this.port(socket, localPort)}`, `${this.host(socket, remoteHost)}:${await this.port(socket, remotePort)}`,
    ];
  }

  private deviceName(index: number): string {
    return this.devices.get(index) ?? `if${index}`;
  }

  /** An AF_INET6 socket that takes IPv4 too has neither's wildcard. */
  private host({ family, attributes }: SsSocket, host: string): string {
    if (family === AF_INET) return host;
    const isV6Only = attributes.get(INET_DIAG.SKV6ONLY)?.[0] === 1;
    return host === '::' && !isV6Only ? '*' : `[${host}]`;
  }

  private async port({ netid }: SsSocket, port: number): Promise<string> {
    if (port === 0) return '*';
    if (this.choice.isNumeric) return String(port);
    if (netid === 'raw') return (await getprotobynumber(this.process, port))?.name ?? String(port);
    return (await getservbyport(this.process, port, netid))?.name ?? String(port);
  }

  private behind(socket: SsSocket): string {
    const { processes, options, details, memory, info, oneLine } = this.choice;
    const { family, attributes, netid } = socket;
    const users = processes ? this.users.get(socket.inode) : undefined;
    let text = users === undefined ? '' : `users:(${users.join(',')})`;
    if (family === AF_UNIX) {
      if (memory) text += memoryText(attributes.get(UNIX_DIAG.MEMINFO));
      return details ? text + unixDetails(socket) : text;
    }
    if (family === AF_PACKET) {
      if (details) text += packetDetails(socket);
      return memory ? text + memoryText(attributes.get(PACKET_DIAG.MEMINFO)) : text;
    }
    if (options) text += timerText(socket);
    if (details) text += inetDetails(socket);
    if (!memory && !(info && netid !== 'udp')) return text;
    return `${text}${oneLine ? '' : '\n\t'}${memoryText(attributes.get(INET_DIAG.SKMEMINFO))}${info ? tcpText(socket, options) : ''}`;
  }
}

async function list(process: Process, choice: SsChoice): Promise<string> {
  const sockets = await collect(process, choice);
  const users = choice.processes ? await usersByInode(process) : new Map<number, string[]>();
  const devices = new Map<number, string>();
  for (const { name, addr } of await process.getifaddrs()) {
    const link = readSockaddrLl(addr);
    if (link !== null) devices.set(link.index, name);
  }
  const printer = new SsPrinter(process, choice, users, devices);
  const rows: string[][] = choice.hasHeader ? [['Netid', 'State', 'Recv-Q', 'Send-Q', 'Local Address:Port', 'Peer Address:Port', 'Process']] : [];
  for (const socket of sockets) rows.push(await printer.row(socket));
  // A column that has the same in every line is left out: one kind, one state.
  // AF_UNIX and AF_PACKET have several kinds each.
  const hasKinds = choice.kinds.size > 1 || choice.kinds.has('x') || choice.kinds.has('0');
  const hidden = [!hasKinds, isOne(choice.states)];
  const shown = rows.map((row) => row.filter((_, i) => i > 1 || !hidden[i]));
  const last = (shown[0]?.length ?? 0) - 1;
  const widths = (shown[0] ?? []).map((_, i) => Math.max(...shown.map((row) => (row[i] ?? '').length)));
  const ends = [last - 2, last - 1];
  return shown.map((row) => `${row.map((word, i) => {
    if (i === last) return word;
    return ends.includes(i) ? word.padStart(widths[i] ?? 0) : word.padEnd(widths[i] ?? 0);
  }).join(' ')}\n`).join('');
}

/** A power of two: one bit alone. */
function isOne(bits: number): boolean {
  return (bits & (bits - 1)) === 0;
}

/** -s: from /proc/net/sockstat and snmp. */
async function summary(process: Process): Promise<string> {
  const words = async (path: string): Promise<Map<string, number>> => {
    const values = new Map<string, number>();
    for (const line of (await readText(process, path)).split('\n')) {
      const [title = '', ...rest] = line.split(/\s+/);
      for (let i = 0; i + 1 < rest.length; i += 2) values.set(`${title}${rest[i]}`, Number(rest[i + 1]));
    }
    return values;
  };
  const four = await words('/proc/net/sockstat');
  const six = await words('/proc/net/sockstat6');
  const [names = '', values = ''] = (await readText(process, '/proc/net/snmp')).split('\n').filter((line) => line.startsWith('Tcp:'));
  const established = Number(values.split(' ')[names.split(' ').indexOf('CurrEstab')] ?? 0);
  const of = (name: string): [number, number] => [four.get(`${name}:inuse`) ?? 0, six.get(`${name}6:inuse`) ?? 0];
  const [tcp4, tcp6] = of('TCP');
  const waiting = four.get('TCP:tw') ?? 0;
  const all = four.get('TCP:alloc') ?? 0;
  const lines = (['RAW', 'UDP', 'TCP'] as const).map((name) => [name, ...of(name)] as const);
  const inet = lines.reduce(([a, b], [, x, y]) => [a + x, b + y] as [number, number], [0, 0] as [number, number]);
  const line = (name: string, a: number, b: number): string => `${name}\t  ${String(a + b).padEnd(9)} ${String(a).padEnd(9)} ${String(b).padEnd(9)}\n`;
  return `Total: ${four.get('sockets:used') ?? 0}\n` +
    `TCP:   ${all + waiting} (estab ${established}, closed ${all - (tcp4 + tcp6 - waiting)}, orphaned ${four.get('TCP:orphan') ?? 0}, timewait ${waiting})\n\n` +
    `Transport Total     IP        IPv6\n${lines.map(([name, a, b]) => line(name, a, b)).join('')}${line('INET', ...inet)}` +
    `${line('FRAG', four.get('FRAG:inuse') ?? 0, six.get('FRAG6:inuse') ?? 0)}\n`;
}
