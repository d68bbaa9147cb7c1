/**
 * Which sockets a host has: what /proc/net and sock_diag tell of. Endpoints know no owner; here each is told with the
 * socket on top of it, if there is one: a connection that nobody has accepted, and one whose socket is closed, have none.
 */
import type { Stack } from '../stack/stack.ts';
import type { RawEndpoint } from '../transport/raw/raw.ts';
import { type DemuxNode, NodeKind } from '../transport/tcp/demux.ts';
import type { Request } from '../transport/tcp/request.ts';
import { type TcpEndpoint, TcpState } from '../transport/tcp/tcp.ts';
import { linuxState } from '../transport/tcp/state.ts';
import { RexmtKind, SlowKind } from '../transport/tcp/tcb.ts';
import type { TimeWaitRecord } from '../transport/tcp/time-wait.ts';
import type { UdpEndpoint } from '../transport/udp/udp.ts';
import { Socket } from './socket.ts';

/** What Linux's tables know of the owner of an endpoint. */
export interface Owner {
  readonly socket: Socket | null;
  /** 0 without a socket. */
  readonly inode: number;
  readonly uid: number;
}

const NOBODY: Owner = { socket: null, inode: 0, uid: 0 };

export function ownerOf(endpoint: { readonly upcalls: unknown }): Owner {
  const { upcalls } = endpoint;
  return upcalls instanceof Socket ? { socket: upcalls, inode: upcalls.inodeNumber, uid: upcalls.uid } : NOBODY;
}

/** Kinds of timers in /proc/net/tcp and `idiag_timer`. */
export const TcpTimer = { None: 0, Retransmission: 1, Keepalive: 2, TimeWait: 3, Probe: 4 } as const;

export interface TimerState {
  readonly kind: number;
  /** Microseconds until it expires. */
  readonly leftUs: number;
  readonly retransmits: number;
}

const NO_TIMER: TimerState = { kind: TcpTimer.None, leftUs: 0, retransmits: 0 };

/** The timer that tables show of an endpoint (inet_sk_diag_fill, get_tcp4_sock): one, the retransmission's first. */
export function timerOf(t: TcpEndpoint): TimerState {
  const { now } = t.tcp.context.loop;
  if (t.rexmtKind !== RexmtKind.None) {
    const isProbe = t.rexmtKind === RexmtKind.Probe;
    return {
      kind: isProbe ? TcpTimer.Probe : TcpTimer.Retransmission, leftUs: Math.max(0, t.rexmtAt - now),
      retransmits: isProbe ? t.probesOut : t.retransmits,
    };
  }
  if (t.slowKind === SlowKind.None) return NO_TIMER;
  return { kind: TcpTimer.Keepalive, leftUs: Math.max(0, t.slowAt - now), retransmits: t.probesOut };
}

export function timeWaitLeftUs(record: TimeWaitRecord): number {
  const until = record.timer === null ? record.endsAt : record.timer.deadline;
  return Math.max(0, until - record.tcp.context.loop.now);
}

/** What a line of a table is about: it says what the entry's `node` is. */
export const EntryKind = { Tcp: 0, Request: 1, TimeWait: 2, Udp: 3, Raw: 4 } as const;

interface EntryOf<Kind extends number, Node> {
  readonly kind: Kind;
  readonly node: Node;
  readonly owner: Owner;
  /** Of the socket's family, not of its addresses. */
  readonly isV4: boolean;
  /** As Linux numbers it. */
  readonly state: number;
}

/** What there is of TCP: listeners, connections, half-open requests and TIME_WAIT records; bound sockets alone are not shown. */
export type TcpEntry =
  | EntryOf<typeof EntryKind.Tcp, TcpEndpoint>
  | EntryOf<typeof EntryKind.Request, Request>
  | EntryOf<typeof EntryKind.TimeWait, TimeWaitRecord>;
export type DatagramEntry = EntryOf<typeof EntryKind.Udp, UdpEndpoint> | EntryOf<typeof EntryKind.Raw, RawEndpoint>;
export type InetEntry = TcpEntry | DatagramEntry;

/** The states that are no endpoint's (tcp_states.h). */
const SYN_RECEIVED = 3;

export function* tcpEntries({ tcp }: Stack): IterableIterator<TcpEntry> {
  // A connection that waits for accept(2) has its listener's owner (sk_clone).
  const waiting = new Map<TcpEndpoint, number>();
  for (const t of tcp.listeners) {
    const owner = ownerOf(t);
    yield { kind: EntryKind.Tcp, node: t, owner, isV4: t.isV4, state: linuxState(t.state) };
    for (let child = t.listener?.first ?? null; child !== null; child = child.nextAccept) waiting.set(child, owner.uid);
  }
  for (const node of tcp.connections) yield entryOf(node, waiting);
}

function entryOf(node: DemuxNode, waiting: ReadonlyMap<TcpEndpoint, number>): TcpEntry {
  if (node.kind === NodeKind.Endpoint) {
    const t = node as TcpEndpoint;
    const uid = waiting.get(t);
    return { kind: EntryKind.Tcp, node: t, owner: uid === undefined ? ownerOf(t) : { socket: null, inode: 0, uid }, isV4: t.isV4, state: linuxState(t.state) };
  }
  if (node.kind === NodeKind.Request) {
    const request = node as Request;
    const { uid } = ownerOf(request.listener);
    return { kind: EntryKind.Request, node: request, owner: { socket: null, inode: 0, uid }, isV4: request.listener.isV4, state: SYN_RECEIVED };
  }
  const record = node as TimeWaitRecord;
  return { kind: EntryKind.TimeWait, node: record, owner: NOBODY, isV4: record.isV4, state: linuxState(record.state) };
}

/** UDP's and raw sockets' state: ESTABLISHED when connected, else CLOSE. */
function datagramState({ remoteAddress }: UdpEndpoint | RawEndpoint): number {
  return remoteAddress === null ? 7 : 1;
}

export function* udpEntries({ udp }: Stack): IterableIterator<EntryOf<typeof EntryKind.Udp, UdpEndpoint>> {
  for (const node of udp.endpoints()) yield { kind: EntryKind.Udp, node, owner: ownerOf(node), isV4: node.isV4, state: datagramState(node) };
}

export function* rawEntries({ raw }: Stack): IterableIterator<EntryOf<typeof EntryKind.Raw, RawEndpoint>> {
  for (const node of raw.endpoints()) yield { kind: EntryKind.Raw, node, owner: ownerOf(node), isV4: node.isV4, state: datagramState(node) };
}

export function* pingEntries({ ping }: Stack): IterableIterator<EntryOf<typeof EntryKind.Raw, RawEndpoint>> {
  for (const node of ping.endpoints()) yield { kind: EntryKind.Raw, node, owner: ownerOf(node), isV4: node.isV4, state: datagramState(node) };
}

/** Microseconds until a half-open request answers its SYN once more. */
export function requestLeftUs({ deadline, listener }: Request): number {
  return Math.max(0, deadline - listener.tcp.context.loop.now);
}

/** Bytes that wait to be read, and that are not acknowledged: connections that wait for accept(2), for a listener. */
export function queuesOf(entry: InetEntry): { receive: number; send: number } {
  switch (entry.kind) {
    case EntryKind.Tcp: {
      const t = entry.node;
      if (t.state === TcpState.Listen) return { receive: t.listener?.accepted ?? 0, send: 0 };
      return { receive: Math.max(0, (t.rcvNxt - t.copiedSeq) | 0), send: (t.writeSeq - t.sndUna) | 0 };
    }
    case EntryKind.Request: case EntryKind.TimeWait: return { receive: 0, send: 0 };
    default: return { receive: entry.node.receiveQueued, send: entry.node.sendQueued };
  }
}
