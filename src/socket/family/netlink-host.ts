/**
 * What the netlink sockets of one host share: its protocols, port ids, and who hears of which group.
 */
import type { Stack } from '../../stack/stack.ts';
import { NetlinkWriter } from '../../wire/netlink.ts';
import type { Sender } from '../received.ts';
import type { NetlinkSocket } from './netlink.ts';
import { type NetlinkProtocol, USER_PROTOCOL } from './netlink-protocol.ts';
import { DiagProtocol } from './netlink-diag.ts';
import { RouteProtocol } from './netlink-route.ts';
import type { PacketHost } from './packet-host.ts';
import type { UnixHost } from './unix-host.ts';

/** Where Linux looks for a free port id once a process's own number is taken: downwards from here (netlink_autobind). */
const FIRST_ROVER = -4097;

/** Whose message goes to a group: a socket's, which does not hear it itself. */
export interface GroupSender {
  readonly from: NetlinkSocket;
  readonly sender: Sender;
  /** A port that gets it anyway. */
  readonly except: number;
}

export class NetlinkHost {
  readonly stack: Stack;
  readonly writer = new NetlinkWriter();
  private readonly protocols: ReadonlyMap<number, NetlinkProtocol>;
  /** By protocol and port. */
  private readonly ports: Map<number, Map<number, NetlinkSocket>> = new Map();
  private readonly listeners: NetlinkSocket[] = [];
  private rover = FIRST_ROVER;

  constructor(stack: Stack, unix: UnixHost, packet: PacketHost) {
    this.stack = stack;
    // Here a protocol is plugged in.
    const protocols: readonly NetlinkProtocol[] = [new RouteProtocol(this), new DiagProtocol(stack, unix, packet), USER_PROTOCOL];
    this.protocols = new Map(protocols.map((protocol) => [protocol.number, protocol]));
  }

  protocol(number: number): NetlinkProtocol {
    return this.protocols.get(number) as NetlinkProtocol;
  }

  /** Those that have a port id or hear of groups: for leak tests. */
  get socketCount(): number {
    const bound = [...this.ports.values()].flatMap((ports) => [...ports.values()]);
    return new Set([...bound, ...this.listeners]).size;
  }

  find(protocol: number, port: number): NetlinkSocket | null {
    return this.ports.get(protocol)?.get(port) ?? null;
  }

  /** False when another socket has the port. */
  insert(port: number, socket: NetlinkSocket): boolean {
    const { protocol } = socket;
    if (this.find(protocol, port) !== null) return false;
    let ports = this.ports.get(protocol);
    if (ports === undefined) this.ports.set(protocol, ports = new Map());
    ports.set(port, socket);
    return true;
  }

  autobind(pid: number, socket: NetlinkSocket): number {
    let port = pid;
    while (!this.insert(port, socket)) port = this.rover-- >>> 0;
    return port;
  }

  remove(socket: NetlinkSocket): void {
    if (this.find(socket.protocol, socket.port) === socket) this.ports.get(socket.protocol)?.delete(socket.port);
    this.ignore(socket);
  }

  /** The protocols with the sockets that have a port id, for /proc/net/netlink. */
  *tables(): IterableIterator<{ kind: NetlinkProtocol; sockets: Iterable<NetlinkSocket> }> {
    for (const kind of this.protocols.values()) yield { kind, sockets: this.ports.get(kind.number)?.values() ?? [] };
  }

  // Groups.

  listen(socket: NetlinkSocket): void {
    if (this.listeners.includes(socket)) return;
    this.listeners.push(socket);
    if (this.listenersOf(socket.protocol).length === 1) socket.kind.listen(true);
  }

  ignore(socket: NetlinkSocket): void {
    const at = this.listeners.indexOf(socket);
    if (at < 0) return;
    this.listeners.splice(at, 1);
    if (this.listenersOf(socket.protocol).length === 0) socket.kind.listen(false);
  }

  private listenersOf(protocol: number): NetlinkSocket[] {
    return this.listeners.filter((socket) => socket.protocol === protocol);
  }

  hasListener(protocol: number, group: number): boolean {
    return this.listeners.some((socket) => socket.protocol === protocol && socket.isMember(group));
  }

  /** Tells a group: the kernel does, or a socket. */
  notify(protocol: number, group: number, bytes: Uint8Array, by: GroupSender | null = null): void {
    for (const socket of [...this.listeners]) {
      if (socket.protocol !== protocol || !socket.isMember(group)) continue;
      if (by === null) socket.deliver(bytes, group);
      else if (socket !== by.from && socket.port !== by.except) socket.deliver(bytes, group, by.from.port, by.sender);
    }
  }
}
