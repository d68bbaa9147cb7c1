/** sock_diag of AF_INET and AF_INET6 (Linux's net/ipv4/inet_diag.c, tcp_diag.c, udp_diag.c, raw_diag.c). */
import { Errno } from '../../base/errno.ts';
import { ANY4, ANY6, IpAddress } from '../../base/inet-address.ts';
import type { Device } from '../../link/device.ts';
import type { Stack } from '../../stack/stack.ts';
import type { EndpointOptions } from '../../transport/endpoint.ts';
import type { RawEndpoint } from '../../transport/raw/raw.ts';
import { TcpInfo } from '../../transport/tcp/info.ts';
import { Request } from '../../transport/tcp/request.ts';
import { Bit } from '../../transport/tcp/tcb.ts';
import { TcpEndpoint, TcpState } from '../../transport/tcp/tcp.ts';
import type { TimeWaitRecord } from '../../transport/tcp/time-wait.ts';
import type { UdpEndpoint } from '../../transport/udp/udp.ts';
import { attributeUint32, NLM_F, type NetlinkWriter, readAttributes } from '../../wire/netlink.ts';
import {
  INET_DIAG, INET_DIAG_REQ, INET_DIAG_REQ_LEN, type InetDiagRequest, readInetDiagRequest, SOCK_DIAG_BY_FAMILY,
} from '../../wire/sock-diag.ts';
import { AF, IPPROTO } from '../constants.ts';
import { datagramState, type Owner, ownerOf, tcpEntries, tcpQueues, TcpTimer, timerOf, timeWaitLeftUs } from '../inventory.ts';
import { checkCookie, memoryBytes } from './netlink-diag.ts';
import type { Put, Reply } from './netlink-dump.ts';
import type { NetlinkRequest } from './netlink-protocol.ts';

type Datagram = UdpEndpoint | RawEndpoint;
type Node = TcpEndpoint | Request | TimeWaitRecord | Datagram;

/** What a line is made of, whatever protocol it is. */
interface Entry {
  readonly node: Node;
  readonly owner: Owner;
  readonly isV4: boolean;
  readonly state: number;
}

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

  private *entries(protocol: number): IterableIterator<Entry> {
    const { udp, raw } = this.stack;
    if (protocol === IPPROTO.TCP) yield* tcpEntries(this.stack);
    else {
      const endpoints: Iterable<Datagram> = protocol === IPPROTO.UDP ? udp.endpoints() : raw.endpoints();
      for (const node of endpoints) yield { node, owner: ownerOf(node), isV4: node.isV4, state: datagramState(node) };
    }
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
  private find(protocol: number): Entry | null {
    const { family, source, peer, sourcePort, peerPort } = this.asked;
    if (family !== AF.INET && family !== AF.INET6) return null;
    const isV4 = family === AF.INET;
    const local = addressOf(source, isV4);
    const remote = addressOf(peer, isV4);
    let best: Entry | null = null;
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

  private put(writer: NetlinkWriter, entry: Entry, { port, sequence }: Reply, flags: number): void {
    const { node, owner, isV4, state } = entry;
    const timer = this.timer(node);
    const { receive, send } = queuesOf(node);
    writer.begin(SOCK_DIAG_BY_FAMILY, flags, sequence, port);
    writer.uint8(isV4 ? AF.INET : AF.INET6).uint8(state).uint8(timer.kind).uint8(timer.retransmits);
    writer.uint16be(node.localPort).uint16be(node.remotePort);
    putAddress(writer, node.localAddress, isV4);
    putAddress(writer, node.remoteAddress ?? (isV4 ? ANY4 : ANY6), isV4);
    const bound = boundDeviceOf(node);
    writer.uint32(bound === null ? 0 : bound.index).uint32(this.stack.cookieOf(identityOf(entry))).uint32(0);
    writer.uint32(Math.ceil(timer.leftUs / 1000)).uint32(receive).uint32(send).uint32(owner.uid).uint32(owner.inode);
    if (!(node instanceof Request) && 'settledOptions' in node) this.attributes(writer, node, isV4, state);
    writer.end();
  }

  private wants(extension: number): boolean {
    return ((this.asked.extensions >> (extension - 1)) & 1) !== 0;
  }

  private timer(node: Node): { kind: number; leftUs: number; retransmits: number } {
    if (node instanceof TcpEndpoint) return timerOf(node);
    if (node instanceof Request) {
      const { now } = this.stack.context.loop;
      return { kind: TcpTimer.Retransmission, leftUs: Math.max(0, node.deadline - now), retransmits: node.retransmits };
    }
    if (isTimeWait(node)) return { kind: TcpTimer.TimeWait, leftUs: timeWaitLeftUs(node), retransmits: 0 };
    return { kind: TcpTimer.None, leftUs: 0, retransmits: 0 };
  }

  /** inet_diag_msg_attrs_fill and what inet_sk_diag_fill adds. */
  private attributes(writer: NetlinkWriter, node: TcpEndpoint | Datagram, isV4: boolean, state: number): void {
    const options = node.settledOptions;
    writer.attributeUint8(INET_DIAG.SHUTDOWN, shutOf(node));
    if (this.wants(INET_DIAG.TOS)) writer.attributeUint8(INET_DIAG.TOS, options.tos);
    if (!isV4) {
      if (this.wants(INET_DIAG.TCLASS)) writer.attributeUint8(INET_DIAG.TCLASS, options.trafficClass);
      if (((V6ONLY_STATES >> state) & 1) !== 0) writer.attributeUint8(INET_DIAG.SKV6ONLY, options.v6Only ? 1 : 0);
    }
    if (this.wants(INET_DIAG.TCLASS)) writer.attributeUint32(INET_DIAG.CLASS_ID, options.priority);
    writer.attribute(INET_DIAG.SOCKOPT, sockoptBytes(node, options, node instanceof TcpEndpoint));
    const isRaw = !(node instanceof TcpEndpoint) && 'protocol' in node;
    const memory = memoryOf(node);
    if (this.wants(INET_DIAG.MEMINFO)) {
      writer.attribute(INET_DIAG.MEMINFO, new Uint8Array(Uint32Array.from([memory.received, memory.queued, 0, memory.sent]).buffer));
    }
    if (this.wants(INET_DIAG.SKMEMINFO)) writer.attribute(INET_DIAG.SKMEMINFO, memoryBytes(memory));
    if (isRaw) writer.attributeUint8(INET_DIAG.PROTOCOL, (node as RawEndpoint).protocol);
    if (!(node instanceof TcpEndpoint)) return;
    if (this.wants(INET_DIAG.INFO)) writer.attribute(INET_DIAG.INFO, new TcpInfo(node).wholeBytes());
    if (this.wants(INET_DIAG.CONG)) writer.attributeText(INET_DIAG.CONG, node.congestionName);
  }
}

function isTimeWait(node: Node): node is TimeWaitRecord {
  return 'endsAt' in node;
}

/** What a cookie is kept for: the socket, or what there is before and after it. */
function identityOf({ node, owner }: Entry): object {
  return owner.socket ?? node;
}

function addressOf(bytes: Uint8Array, isV4: boolean): IpAddress {
  return IpAddress.fromBytes(bytes.subarray(0, isV4 ? 4 : 16));
}

/** 0.0.0.0 as a v4-mapped address. */
function isAnyOf({ isV4, d }: IpAddress): boolean {
  return isV4 && d === 0;
}

function boundDeviceOf(node: Node): Device | null {
  if (node instanceof Request) return node.listener.settledOptions.boundDevice;
  return isTimeWait(node) ? node.boundDevice : node.settledOptions.boundDevice;
}

function putAddress(writer: NetlinkWriter, { a, b, c, d }: IpAddress, isV4: boolean): void {
  for (const word of isV4 ? [d, 0, 0, 0] : [a, b, c, d]) writer.uint32be(word);
}

function queuesOf(node: Node): { receive: number; send: number } {
  if (node instanceof TcpEndpoint) {
    const queues = tcpQueues(node);
    return node.state === TcpState.Listen ? { receive: queues.receive, send: node.listener?.backlog ?? 0 } : queues;
  }
  if (node instanceof Request || isTimeWait(node)) return { receive: 0, send: 0 };
  return { receive: node.receiveQueued, send: node.sendQueued };
}

/** sk_shutdown: 1 no more receiving, 2 no more sending. */
function shutOf(node: TcpEndpoint | Datagram): number {
  if (!(node instanceof TcpEndpoint)) return node.shutBits;
  return ((node.bits & Bit.ShutRead) !== 0 ? 1 : 0) | ((node.bits & Bit.ShutWrite) !== 0 ? 2 : 0);
}

function memoryOf(node: TcpEndpoint | Datagram): Parameters<typeof memoryBytes>[0] {
  if (node instanceof TcpEndpoint) {
    return {
      received: node.receivedBytes, receiveBuffer: node.receiveBufferBytes, sent: 0, sendBuffer: node.sendBufferBytes, queued: node.queuedBytes,
      drops: 0,
    };
  }
  const { receiveQueued, sendQueued, drops, options } = node;
  return { received: receiveQueued, receiveBuffer: options.receiveBufferBytes, sent: sendQueued, sendBuffer: options.sendBufferBytes, queued: 0, drops };
}

/** struct inet_diag_sockopt: a bit an option. */
function sockoptBytes(node: TcpEndpoint | Datagram, options: EndpointOptions, isConnection: boolean): Uint8Array {
  const isHeaderIncluded = 'headerIncluded' in node && node.headerIncluded;
  const { loops, hearsAll } = options.multicast;
  const bits = [options.receiveErrors, isConnection, options.freeBind, isHeaderIncluded, loops, false, node.isV4 && hearsAll, false];
  return Uint8Array.of(bits.reduce((byte, isOn, i) => byte | (isOn ? 1 << i : 0), 0), 0);
}
