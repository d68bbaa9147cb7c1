/**
 * /proc/net/tcp, udp, raw and their kin for AF_INET6; unix, packet: a line for each socket in Linux's formats
 * (net/ipv4/tcp_ipv4.c, udp.c, raw.c, net/ipv6/transp_v6 ..., af_unix.c, af_packet.c).
 */
import { ANY4, ANY6, type IpAddress } from '../../base/inet-address.ts';
import { PAGE_BYTES } from '../../base/kernel-memory.ts';
import { type UnixSocket, UnixState } from '../../socket/family/unix.ts';
import { isAbstract, SUN_PATH } from '../../socket/family/unix-address.ts';
import {
  type DatagramEntry, EntryKind, type InetEntry, pingEntries, queuesOf, rawEntries, requestLeftUs, tcpEntries, type TcpEntry, TcpTimer, timerOf, timeWaitLeftUs,
  udpEntries,
} from '../../socket/inventory.ts';
import { type TcpEndpoint, TcpState } from '../../transport/tcp/tcp.ts';
import type { Kernel } from '../kernel.ts';
import type { Pointers } from './pointers.ts';

/** seq_setwidth: IPv4's lines are padded with blanks. */
const TCP_WIDTH = 149, UDP_WIDTH = 127;
const INFINITE_SSTHRESH = 0x7fffffff;
/** From so many exchanges on a connection is interactive (tcp_pingpong_thresh). */
const PING_PONG = 1;
const UDP_BUCKETS = 8192, RAW_BUCKETS = 256, PING_BUCKETS = 64;

const HEADER4 = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const HEADER6 = '  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';

function hex(value: number, width: number): string {
  return (value >>> 0).toString(16).toUpperCase().padStart(width, '0');
}

/** A word of an address as a little-endian machine prints the number. */
export function wordHex(word: number): string {
  return hex(((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24), 8);
}

function endHex(isV4: boolean, address: IpAddress | null, port: number): string {
  const { a, b, c, d } = address ?? (isV4 ? ANY4 : ANY6);
  const words = isV4 ? wordHex(d) : [a, b, c, d].map(wordHex).join('');
  return `${words}:${hex(port, 4)}`;
}

interface InetLine {
  readonly isV4: boolean;
  readonly local: IpAddress | null;
  readonly localPort: number;
  readonly remote: IpAddress | null;
  readonly remotePort: number;
  readonly state: number;
  readonly send: number;
  readonly receive: number;
  readonly timer: number;
  readonly leftUs: number;
  readonly retransmits: number;
  readonly uid: number;
  readonly timeouts: number;
  readonly inode: number;
  readonly refs: number;
  readonly object: object;
}

/** What all tables begin with; times in hundredths of a second. */
function inetText(line: InetLine, pointers: Pointers): string {
  const { isV4 } = line;
  return `${endHex(isV4, line.local, line.localPort)} ${endHex(isV4, line.remote, line.remotePort)} ${hex(line.state, 2)} ` +
    `${hex(line.send, 8)}:${hex(line.receive, 8)} ${hex(line.timer, 2)}:${hex(Math.floor(line.leftUs / 1e4), 8)} ` +
    `${hex(line.retransmits, 8)} ${String(line.uid).padStart(5)} ${String(line.timeouts).padStart(8)} ${line.inode} ${line.refs} ` +
    pointers.of(line.object);
}

function ends({ localAddress, localPort, remoteAddress, remotePort }: InetEntry['node']): Pick<InetLine, 'local' | 'localPort' | 'remote' | 'remotePort'> {
  return { local: localAddress, localPort, remote: remoteAddress, remotePort };
}

function tcpLine(entry: TcpEntry, pointers: Pointers): string {
  const { kind, node, owner, isV4, state } = entry;
  const common = { isV4, ...ends(node), state, object: node };
  if (kind === EntryKind.Tcp) {
    const { receive, send } = queuesOf(entry);
    const { kind: timer, leftUs } = timerOf(node);
    // A timer refers to its socket.
    const refs = 1 + (timer === TcpTimer.None ? 0 : 1) + (node.delackAt === Infinity ? 0 : 1);
    const isListening = node.state === TcpState.Listen;
    const ssthresh = isListening ? 0 : node.ssthresh >= INFINITE_SSTHRESH ? -1 : node.ssthresh;
    const pingPong = node.pingPong >= PING_PONG ? 1 : 0;
    return `${inetText({
      ...common, send, receive, timer, leftUs, retransmits: node.retransmits, uid: owner.uid, timeouts: node.probesOut,
      inode: owner.inode, refs,
    }, pointers)} ${Math.floor(node.rtoUs / 1e4)} ${Math.floor(node.atoUs / 1e4)} ${(node.quick << 1) | pingPong} ${node.cwnd} ${ssthresh}`;
  }
  const nothing = { send: 0, receive: 0, timeouts: 0, inode: 0 };
  if (kind === EntryKind.Request) {
    return inetText({
      ...common, ...nothing, timer: TcpTimer.Retransmission, leftUs: requestLeftUs(node), retransmits: node.timeouts,
      uid: owner.uid, refs: 0,
    }, pointers);
  }
  return inetText({ ...common, ...nothing, timer: TcpTimer.TimeWait, leftUs: timeWaitLeftUs(node), retransmits: 0, uid: 0, refs: 3 }, pointers);
}

export function tcpText({ stack, proc: { pointers } }: Kernel, isV4: boolean): string {
  let text = `${(isV4 ? HEADER4.padEnd(TCP_WIDTH) : HEADER6)}\n`;
  let slot = 0;
  for (const entry of tcpEntries(stack)) {
    if (entry.isV4 !== isV4) continue;
    const line = `${String(slot++).padStart(4)}: ${tcpLine(entry, pointers)}`;
    text += `${isV4 ? line.padEnd(TCP_WIDTH) : line}\n`;
  }
  return text;
}

function datagramLine(entry: DatagramEntry, bucket: string, pointers: Pointers): string {
  const { node, owner: { inode, uid }, isV4, state } = entry;
  const line = inetText({
    isV4, ...ends(node), state, ...queuesOf(entry), timer: 0, leftUs: 0, retransmits: 0, uid, timeouts: 0, inode, refs: 2, object: node,
  }, pointers);
  return `${bucket}: ${line} ${node.drops}`;
}

/** In the table's order: by bucket. */
export function udpText({ stack, proc: { pointers } }: Kernel, isV4: boolean): string {
  const entries = [...udpEntries(stack)].filter((entry) => entry.isV4 === isV4);
  const bucketOf = ({ node }: DatagramEntry): number => node.localPort & (UDP_BUCKETS - 1);
  const header = `${isV4 ? ' ' : ''}${isV4 ? HEADER4 : HEADER6} ref pointer drops`;
  const lines = entries.sort((a, b) => bucketOf(a) - bucketOf(b)).map((entry) => datagramLine(entry, String(bucketOf(entry)).padStart(5), pointers));
  return [header, ...lines].map((line) => `${isV4 ? line.padEnd(UDP_WIDTH) : line}\n`).join('');
}

export function rawText({ stack, proc: { pointers } }: Kernel, isV4: boolean): string {
  const entries = [...rawEntries(stack)].filter((entry) => entry.isV4 === isV4);
  const lines = entries.map((entry) => datagramLine(entry, String(entry.node.protocol & (RAW_BUCKETS - 1)).padStart(isV4 ? 4 : 5), pointers));
  return [`${isV4 ? HEADER4 : HEADER6} ref pointer drops`, ...lines].map((line) => `${line}\n`).join('');
}

/** Ping sockets, with their identifiers for ports (ping_v4_format_sock). */
export function icmpText({ stack, proc: { pointers } }: Kernel, isV4: boolean): string {
  const entries = [...pingEntries(stack)].filter((entry) => entry.isV4 === isV4);
  const header = `${isV4 ? HEADER4 : HEADER6} ref pointer drops`;
  const lines = entries.map((entry) => datagramLine(entry, String(entry.node.localPort & (PING_BUCKETS - 1)).padStart(5), pointers));
  return [header, ...lines].map((line) => `${isV4 ? line.padEnd(UDP_WIDTH) : line}\n`).join('');
}

// AF_UNIX.

/** SS_ of <linux/net.h>, and SO_ACCEPTCON. */
const SocketState = { Unconnected: 1, Connecting: 2, Connected: 3, Disconnecting: 4 } as const;
const ACCEPTS = 0x10000;

/** How often others refer to a socket: whoever has it for a peer, and the table. */
function unixRefs(sockets: Iterable<UnixSocket>): Map<UnixSocket, number> {
  const refs = new Map<UnixSocket, number>();
  for (const { peer } of sockets) if (peer !== null) refs.set(peer, (refs.get(peer) ?? 0) + 1);
  return refs;
}

function unixName(socket: UnixSocket): string {
  if (socket.address === null) return '';
  const { bytes } = socket.address;
  const name = isAbstract(bytes) ? bytes.subarray(SUN_PATH) : bytes.subarray(SUN_PATH, bytes.length - 1);
  const filled = name.map((byte) => (byte === 0 ? 0x40 : byte));
  return ` ${new TextDecoder().decode(filled)}`;
}

export function unixText({ unix, proc: { pointers } }: Kernel): string {
  const refs = unixRefs(unix.sockets);
  let text = 'Num       RefCount Protocol Flags    Type St Inode Path\n';
  for (const socket of unix.sockets) {
    const isConnected = socket.state === UnixState.Established;
    const state = socket.listener === null
      ? (isConnected ? SocketState.Connected : SocketState.Unconnected)
      : (isConnected ? SocketState.Connecting : SocketState.Disconnecting);
    text += `${pointers.of(socket)}: ${hex(2 + (refs.get(socket) ?? 0), 8)} 00000000 ${hex(socket.isListening ? ACCEPTS : 0, 8)} ` +
      `${hex(socket.type, 4)} ${hex(state, 2)} ${String(socket.listener === null ? socket.inodeNumber : 0).padStart(5)}${unixName(socket)}\n`;
  }
  return text;
}

// AF_PACKET.

export function packetText({ packet, proc: { pointers } }: Kernel): string {
  let text = `${'sk'.padEnd(16)} RefCnt Type Proto  Iface R Rmem   User   Inode\n`;
  for (const socket of packet.sockets) {
    const { type, listensTo, interfaceIndex, isRunning, receiveCharged, uid, inodeNumber } = socket;
    text += `${pointers.of(socket)} ${String(isRunning ? 3 : 2).padEnd(6)} ${String(type).padEnd(4)} ${hex(listensTo, 4).toLowerCase()}   ` +
      `${String(interfaceIndex).padEnd(5)} ${isRunning ? 1 : 0} ${String(receiveCharged).padEnd(6)} ${String(uid).padEnd(6)} ${String(inodeNumber).padEnd(6)}\n`;
  }
  return text;
}

// AF_NETLINK.

/** Whoever has a port id; port 0 is the kernel's (netlink_seq_show). */
export function netlinkText({ netlink, proc: { pointers } }: Kernel): string {
  const line = (object: object, protocol: number, port: number, groups: number, charged: number, isDumping: boolean, drops: number, inode: number): string =>
    `${pointers.of(object)} ${String(protocol).padEnd(3)} ${String(port).padEnd(10)} ${hex(groups, 8).toLowerCase()} ${String(charged).padEnd(8)} 0        ` +
    `${String(isDumping ? 1 : 0).padEnd(5)} 2        ${String(drops).padEnd(8)} ${String(inode).padEnd(8)}\n`;
  let text = `${'sk'.padEnd(16)} Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n`;
  for (const { kind, sockets } of netlink.tables()) {
    if (kind.hasKernel) text += line(kind, kind.number, 0, 0, 0, false, 0, 0);
    for (const socket of sockets) {
      text += line(socket, kind.number, socket.port >>> 0, socket.groupWord(1), socket.receiveCharged, socket.isDumping, socket.drops, socket.inodeNumber);
    }
  }
  return text;
}

// How many there are.

function tcpCount(kernel: Kernel, isV4: boolean): number {
  let count = 0;
  for (const { kind, isV4: family } of tcpEntries(kernel.stack)) if (kind === EntryKind.Tcp && family === isV4) count++;
  return count;
}

function count<T extends { isV4: boolean }>(endpoints: Iterable<T>, isV4: boolean): number {
  return [...endpoints].filter((endpoint) => endpoint.isV4 === isV4).length;
}

/** Sockets of all families that somebody has a descriptor of. */
function usedSockets(kernel: Kernel): number {
  const seen = new Set<object>();
  for (const process of kernel.everyProcess()) {
    for (const [, { socket }] of process.descriptors.entries()) if (socket !== null) seen.add(socket);
  }
  return seen.size;
}

export function sockstatText(kernel: Kernel): string {
  const { tcp, udp, raw, context, network: { ipv4In: { reassembly: fragments } } } = kernel.stack;
  const pages = (bytes: number): number => Math.ceil(bytes / PAGE_BYTES);
  const allocated = new Set([...tcp.endpoints(), ...tcpEndpoints(kernel)]).size;
  return `sockets: used ${usedSockets(kernel)}\n` +
    `TCP: inuse ${tcpCount(kernel, true)} orphan ${tcp.orphans} tw ${tcp.timeWaits.count} alloc ${allocated} ` +
    `mem ${pages(context.tcpMemory.usedBytes)}\n` +
    `UDP: inuse ${count(udp.endpoints(), true)} mem ${pages(context.datagramMemory.usedBytes)}\nUDPLITE: inuse 0\n` +
    `RAW: inuse ${count(raw.endpoints(), true)}\nFRAG: inuse ${fragments.size} memory ${fragments.memoryBytes}\n`;
}

function* tcpEndpoints({ stack }: Kernel): IterableIterator<TcpEndpoint> {
  for (const { kind, node } of tcpEntries(stack)) if (kind === EntryKind.Tcp) yield node;
}

export function sockstat6Text(kernel: Kernel): string {
  const { udp, raw, network: { ipv6In: { reassembly: fragments } } } = kernel.stack;
  return `TCP6: inuse ${tcpCount(kernel, false)}\nUDP6: inuse ${count(udp.endpoints(), false)}\nUDPLITE6: inuse 0\n` +
    `RAW6: inuse ${count(raw.endpoints(), false)}\nFRAG6: inuse ${fragments.size} memory ${fragments.memoryBytes}\n`;
}
