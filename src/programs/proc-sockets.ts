/** The tables of /proc/net by inode number, as lsof(8) reads them. */
import { AF_INET, AF_INET6 } from '../api/posix/constants.ts';
import { inet_ntop } from '../base/inet-address.ts';
import { readText } from '../api/posix/text-file.ts';
import type { Syscalls } from '../api/posix/syscalls.ts';

export interface InetEntry {
  readonly isV4: boolean;
  readonly protocol: 'TCP' | 'UDP';
  readonly localHost: string;
  readonly localPort: number;
  readonly remoteHost: string;
  readonly remotePort: number;
  /** TCP's, in lsof's words. */
  readonly state: string;
}

interface UnixEntry {
  readonly pointer: string;
  /** Name, type and state. */
  readonly text: string;
}

interface RawEntry {
  readonly isV4: boolean;
  readonly text: string;
}

interface PacketEntry {
  readonly protocol: string;
  readonly type: string;
}

export interface SocketTables {
  readonly inet: ReadonlyMap<number, InetEntry>;
  readonly unix: ReadonlyMap<number, UnixEntry>;
  readonly packet: ReadonlyMap<number, PacketEntry>;
  readonly raw: ReadonlyMap<number, RawEntry>;
}

/** By Linux's numbers, from 1 on. */
const TCP_STATES = [
  '', 'ESTABLISHED', 'SYN_SENT', 'SYN_RECV', 'FIN_WAIT1', 'FIN_WAIT2', 'TIME_WAIT', 'CLOSE', 'CLOSE_WAIT', 'LAST_ACK', 'LISTEN', 'CLOSING',
];
const UNIX_TYPES: Readonly<Record<number, string>> = { 1: 'STREAM', 2: 'DGRAM', 5: 'SEQPACKET' };
const UNIX_STATES = ['', 'UNCONNECTED', 'CONNECTING', 'CONNECTED', 'DISCONNECTING'];
const ACCEPTS = 0x10000;
const PACKET_TYPES: Readonly<Record<number, string>> = { 2: 'SOCK_DGRAM', 3: 'SOCK_RAW', 10: 'SOCK_PACKET' };
const ETHER_TYPES: Readonly<Record<number, string>> = { 3: 'ALL', 2048: 'IP', 2054: 'ARP', 34525: 'IPV6', 4: '802.2', 1: '802.3' };

async function lines(process: Syscalls, name: string): Promise<string[]> {
  const [, ...rest] = (await readText(process, `/proc/net/${name}`)).split('\n');
  return rest.filter((line) => line.trim() !== '');
}

/** Words of 32 bits as a little-endian machine prints them, and a port: `0100007F:251E`. */
function endOf(text: string, isV4: boolean): { host: string; port: number } {
  const [words = '', port = '0'] = text.split(':');
  const bytes = new Uint8Array(isV4 ? 4 : 16);
  for (let word = 0; word * 8 < words.length; word++) {
    for (let i = 0; i < 4; i++) bytes[word * 4 + i] = Number.parseInt(words.slice(word * 8 + 6 - 2 * i, word * 8 + 8 - 2 * i), 16);
  }
  return { host: inet_ntop(isV4 ? AF_INET : AF_INET6, bytes) ?? '', port: Number.parseInt(port, 16) };
}

const INODE_AT = 9;

export async function readSocketTables(process: Syscalls): Promise<SocketTables> {
  const inet = new Map<number, InetEntry>();
  const raw = new Map<number, RawEntry>();
  for (const name of ['tcp', 'udp', 'tcp6', 'udp6']) {
    const isV4 = !name.endsWith('6');
    for (const line of await lines(process, name)) {
      const words = line.trim().split(/\s+/);
      const local = endOf(words[1] ?? '', isV4);
      const remote = endOf(words[2] ?? '', isV4);
      inet.set(Number(words[INODE_AT]), {
        isV4, protocol: name.startsWith('tcp') ? 'TCP' : 'UDP', localHost: local.host, localPort: local.port, remoteHost: remote.host,
        remotePort: remote.port, state: TCP_STATES[Number.parseInt(words[3] ?? '0', 16)] ?? '',
      });
    }
  }
  for (const name of ['raw', 'raw6']) {
    for (const line of await lines(process, name)) {
      const words = line.trim().split(/\s+/);
      raw.set(Number(words[INODE_AT]), { isV4: name === 'raw', text: `${words[1]}->${words[2]} st=${words[3]}` });
    }
  }
  return { inet, raw, unix: await readUnix(process), packet: await readPackets(process) };
}

async function readUnix(process: Syscalls): Promise<Map<number, UnixEntry>> {
  const unix = new Map<number, UnixEntry>();
  for (const line of await lines(process, 'unix')) {
    const match = /^(\w+): \w+ \w+ (\w+) (\w+) (\w+) +(\d+)(?: (.*))?$/.exec(line);
    if (match === null) continue;
    const [, pointer = '', flags = '', type = '', state = '', inode = '', path] = match;
    const isListening = (Number.parseInt(flags, 16) & ACCEPTS) !== 0;
    const stateWord = isListening ? 'LISTEN' : (UNIX_STATES[Number.parseInt(state, 16)] ?? '');
    const name = path === undefined ? '' : `${path} `;
    unix.set(Number(inode), { pointer, text: `${name}type=${UNIX_TYPES[Number.parseInt(type, 16)] ?? type} (${stateWord})` });
  }
  return unix;
}

async function readPackets(process: Syscalls): Promise<Map<number, PacketEntry>> {
  const packet = new Map<number, PacketEntry>();
  for (const line of await lines(process, 'packet')) {
    const [, , type = '', protocol = '', , , , , inode = ''] = line.trim().split(/\s+/);
    const number = Number.parseInt(protocol, 16);
    packet.set(Number(inode), { protocol: ETHER_TYPES[number] ?? String(number), type: PACKET_TYPES[Number(type)] ?? type });
  }
  return packet;
}
