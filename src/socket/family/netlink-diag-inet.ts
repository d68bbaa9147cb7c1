/** sock_diag of AF_INET and AF_INET6 (Linux's net/ipv4/inet_diag.c, tcp_diag.c, udp_diag.c, raw_diag.c). */
import { Errno } from '../../base/errno.ts';
import { ANY4, ANY6, IpAddress } from '../../base/inet-address.ts';
import type { Device } from '../../link/device.ts';
import type { Stack } from '../../stack/stack.ts';
import { TcpInfo } from '../../transport/tcp/info.ts';
import { Bit } from '../../transport/tcp/tcb.ts';
import { TcpState } from '../../transport/tcp/tcp.ts';
import { attributeUint32, NLM_F, type NetlinkWriter, readAttributes } from '../../wire/netlink.ts';
import {
  INET_DIAG, INET_DIAG_REQ, INET_DIAG_REQ_LEN, type InetDiagRequest, readInetDiagRequest, SOCK_DIAG_BY_FAMILY,
} from '../../wire/sock-diag.ts';
import { AF, IPPROTO } from '../constants.ts';
import { ints } from '../control.ts';
import {
  EntryKind, type InetEntry, queuesOf, rawEntries, requestLeftUs, tcpEntries, TcpTimer, timerOf, type TimerState, timeWaitLeftUs, udpEntries,
} from '../inventory.ts';
import { checkCookie } from './netlink-diag.ts';
import type { Put, Reply } from './netlink-dump.ts';
import type { NetlinkRequest } from './netlink-protocol.ts';

/** What has a socket, or had one: neither a request nor a TIME_WAIT record. */
type WholeEntry = Exclude<InetEntry, { readonly kind: typeof EntryKind.Request | typeof EntryKind.TimeWait }>;

/** TCPF_LISTEN, TCPF_CLOSE: the states in which AF_INET6 tells of IPV6_V6ONLY. */
const V6ONLY_STATES = (1 << 10) | (1 << 7);

export function diagnoseInet(stack: Stack, request: NetlinkRequest): number {
  const { body, flags } = request.message;
  if (body.length < INET_DIAG_REQ_LEN) return -Errno.EINVAL;
  const asked = readInetDiagRequest(body);
  const attributes = readAttributes(body.subarray(INET_DIAG_REQ_LEN));
  const wide = attributes.get(INET_DIAG_REQ.PROTOCOL);
  const protocol = wide === undefined ? asked.protocol : attributeUint32(wide);
  // Its conditions run in the kernel; here programs choose for themselves.
  if (attributes.has(INET_DIAG_REQ.BYTECODE)) return -Errno.EOPNOTSUPP;
  const isKnown = protocol === IPPROTO.TCP || protocol === IPPROTO.UDP || protocol === IPPROTO.RAW;
  const isDump = (flags & NLM_F.DUMP) !== 0;
  if (!isKnown) return isDump ? request.failedDump(-Errno.ENOENT) : -Errno.ENOENT;
  const lines = new InetDiag(stack, asked);
  if (!isDump) return lines.one(request, protocol);
  return request.socket.isDumping ? -Errno.EBUSY : request.dump(lines.dump(request.to, protocol));
}

class InetDiag {
  private readonly stack: Stack;
  private readonly asked: InetDiagRequest;
  constructor(stack: Stack, asked: InetDiagRequest) {
    this.stack = stack;
    this.asked = asked;
  }

  private entries(protocol: number): Iterable<InetEntry> {
    if (protocol === IPPROTO.TCP) return tcpEntries(this.stack);
    return protocol === IPPROTO.UDP ? udpEntries(this.stack) : rawEntries(this.stack);
  }

  *dump(to: Reply, protocol: number): IterableIterator<Put> {
    const { family, states, sourcePort, peerPort } = this.asked;
    // What is there now; what has gone when its turn comes is told as it was.
    for (const entry of [...this.entries(protocol)]) {
      const { node, isV4, state } = entry;
      if (((states >>> state) & 1) === 0) continue;
      if (family !== AF.UNSPEC && (family === AF.INET) !== isV4) continue;
      if (sourcePort !== 0 && sourcePort !== node.localPort) continue;
      if (peerPort !== 0 && peerPort !== node.remotePort) continue;
      yield (writer) => this.put(writer, entry, to, NLM_F.MULTI);
    }
  }

  /** One socket, by its ends (inet_diag_dump_one_icsk, udp_dump_one, raw_diag_dump_one). */
  one(request: NetlinkRequest, protocol: number): number {
    const entry = this.find(protocol);
    if (entry === null) return -Errno.ENOENT;
    const stale = checkCookie(this.stack, identityOf(entry), this.asked.cookie);
    if (stale < 0) return stale;
    request.reply((writer) => this.put(writer, entry, request.to, 0));
    return 0;
  }

  /** The connection of these ends, else who would get what comes for them. */
  private find(protocol: number): InetEntry | null {
    const { family, source, peer, sourcePort, peerPort } = this.asked;
    if (family !== AF.INET && family !== AF.INET6) return null;
    const isV4 = family === AF.INET;
    const local = addressOf(source, isV4);
    const remote = addressOf(peer, isV4);
    let best: InetEntry | null = null;
    for (const entry of this.entries(protocol)) {
      const { node } = entry;
      if (node.localPort !== sourcePort && protocol !== IPPROTO.RAW) continue;
      if (node.remoteAddress !== null && node.remoteAddress.equals(remote) && node.remotePort === peerPort && node.localAddress.equals(local)) return entry;
      if (node.remoteAddress !== null) continue;
      const fits = node.localAddress.equals(local) || node.localAddress.isUnspecified || isAnyOf(node.localAddress);
      if (fits && (entry.isV4 === isV4 || (isV4 && !entry.isV4))) best ??= entry;
    }
    return best;
  }

  private put(writer: NetlinkWriter, entry: InetEntry, { port, sequence }: Reply, flags: number): void {
    const { node, owner, isV4, state } = entry;
    const timer = timerOfEntry(entry);
    const { receive, send } = shownQueues(entry);
    writer.begin(SOCK_DIAG_BY_FAMILY, flags, sequence, port);
    writer.uint8(isV4 ? AF.INET : AF.INET6).uint8(state).uint8(timer.kind).uint8(timer.retransmits);
    writer.uint16be(node.localPort).uint16be(node.remotePort);
    putAddress(writer, node.localAddress, isV4);
    putAddress(writer, node.remoteAddress ?? (isV4 ? ANY4 : ANY6), isV4);
    const bound = boundDeviceOf(entry);
    writer.uint32(bound === null ? 0 : bound.index).uint32(this.stack.cookieOf(identityOf(entry))).uint32(0);
    writer.uint32(Math.ceil(timer.leftUs / 1000)).uint32(receive).uint32(send).uint32(owner.uid).uint32(owner.inode);
    if (entry.kind !== EntryKind.Request && entry.kind !== EntryKind.TimeWait) this.attributes(writer, entry);
    writer.end();
  }

  private wants(extension: number): boolean {
    return ((this.asked.extensions >> (extension - 1)) & 1) !== 0;
  }

  /** inet_diag_msg_attrs_fill and what inet_sk_diag_fill adds. */
  private attributes(writer: NetlinkWriter, entry: WholeEntry): void {
    const { node, isV4, state } = entry;
    const options = node.settledOptions;
    writer.attributeUint8(INET_DIAG.SHUTDOWN, shutOf(entry));
    if (this.wants(INET_DIAG.TOS)) writer.attributeUint8(INET_DIAG.TOS, options.tos);
    if (!isV4) {
      if (this.wants(INET_DIAG.TCLASS)) writer.attributeUint8(INET_DIAG.TCLASS, options.trafficClass);
      if (((V6ONLY_STATES >> state) & 1) !== 0) writer.attributeUint8(INET_DIAG.SKV6ONLY, options.v6Only ? 1 : 0);
    }
    if (this.wants(INET_DIAG.TCLASS)) writer.attributeUint32(INET_DIAG.CLASS_ID, options.priority);
    writer.attribute(INET_DIAG.SOCKOPT, sockoptBytes(entry));
    const memory = node.memoryUse();
    const [received = 0, , sent = 0, , , queued = 0] = memory;
    if (this.wants(INET_DIAG.MEMINFO)) writer.attribute(INET_DIAG.MEMINFO, ints([received, queued, 0, sent]));
    if (this.wants(INET_DIAG.SKMEMINFO)) writer.attribute(INET_DIAG.SKMEMINFO, ints(memory));
    if (entry.kind === EntryKind.Raw) writer.attributeUint8(INET_DIAG.PROTOCOL, entry.node.protocol);
    if (entry.kind !== EntryKind.Tcp) return;
    if (this.wants(INET_DIAG.INFO)) writer.attribute(INET_DIAG.INFO, new TcpInfo(entry.node).wholeBytes());
    if (this.wants(INET_DIAG.CONG)) writer.attributeText(INET_DIAG.CONG, entry.node.congestionName);
  }
}

function timerOfEntry(entry: InetEntry): TimerState {
  switch (entry.kind) {
    case EntryKind.Tcp: return timerOf(entry.node);
    case EntryKind.Request: return { kind: TcpTimer.Retransmission, leftUs: requestLeftUs(entry.node), retransmits: entry.node.retransmits };
    case EntryKind.TimeWait: return { kind: TcpTimer.TimeWait, leftUs: timeWaitLeftUs(entry.node), retransmits: 0 };
    default: return { kind: TcpTimer.None, leftUs: 0, retransmits: 0 };
  }
}

/** What a cookie is kept for: the socket, or what there is before and after it. */
function identityOf({ node, owner }: InetEntry): object {
  return owner.socket ?? node;
}

function addressOf(bytes: Uint8Array, isV4: boolean): IpAddress {
  return IpAddress.fromBytes(bytes.subarray(0, isV4 ? 4 : 16));
}

/** 0.0.0.0 as a v4-mapped address. */
function isAnyOf({ isV4, d }: IpAddress): boolean {
  return isV4 && d === 0;
}

function boundDeviceOf(entry: InetEntry): Device | null {
  switch (entry.kind) {
    case EntryKind.Request: return entry.node.listener.settledOptions.boundDevice;
    case EntryKind.TimeWait: return entry.node.boundDevice;
    default: return entry.node.settledOptions.boundDevice;
  }
}

function putAddress(writer: NetlinkWriter, { a, b, c, d }: IpAddress, isV4: boolean): void {
  for (const word of isV4 ? [d, 0, 0, 0] : [a, b, c, d]) writer.uint32be(word);
}

/** A listener shows how many may wait where others show what is to be sent. */
function shownQueues(entry: InetEntry): { receive: number; send: number } {
  const queues = queuesOf(entry);
  const isListening = entry.kind === EntryKind.Tcp && entry.node.state === TcpState.Listen;
  return isListening ? { receive: queues.receive, send: entry.node.listener?.backlog ?? 0 } : queues;
}

/** sk_shutdown: 1 no more receiving, 2 no more sending. */
function shutOf({ kind, node }: WholeEntry): number {
  if (kind !== EntryKind.Tcp) return node.shutBits;
  // tcp_close: nobody reads or writes any more.
  if ((node.bits & Bit.Orphan) !== 0) return 3;
  return ((node.bits & Bit.ShutRead) !== 0 ? 1 : 0) | ((node.bits & Bit.ShutWrite) !== 0 ? 2 : 0);
}

/** struct inet_diag_sockopt: a bit an option. */
function sockoptBytes({ kind, node }: WholeEntry): Uint8Array {
  const options = node.settledOptions;
  const isHeaderIncluded = kind === EntryKind.Raw && node.headerIncluded;
  const { loops, hearsAll } = options.multicast;
  const isConnection = kind === EntryKind.Tcp;
  const bits = [options.receiveErrors, isConnection, options.freeBind, isHeaderIncluded, loops, false, node.isV4 && hearsAll, false];
  return Uint8Array.of(bits.reduce((byte, isOn, i) => byte | (isOn ? 1 << i : 0), 0), 0);
}
