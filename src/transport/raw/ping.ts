/**
 * Ping sockets of one host (icmp(7), net/ipv4/ping.c): they send echo requests and hear the answers to them, and need no
 * privilege but a group of `net.ipv4.ping_group_range`. The identifier of the messages stands where others have their port;
 * who bound it hears the answers. The endpoint is in ping-endpoint.ts.
 *
 * Called by stack/ (`input`, `icmpError`) and by socket/ (`create`).
 */
import { Errno } from '../../base/errno.ts';
import type { HostContext } from '../../base/host-context.ts';
import type { Packet } from '../../link/packet.ts';
import type { Network } from '../../net/network.ts';
import type { IcmpErrorReport } from '../../net/transport-input.ts';
import { PingEndpoint } from './ping-endpoint.ts';

export { PingEndpoint } from './ping-endpoint.ts';

const IDS = 65536;
/** Where the identifier stands in an echo message. */
const ID_AT = 4;

export class Ping {
  readonly context: HostContext;
  readonly network: Network;
  /** Endpoints by identifier, linked by `next`: both families, who came last first (ping_table). */
  private readonly byId: Map<number, PingEndpoint> = new Map<number, PingEndpoint>();
  /** The identifier that was given out last (ping_port_rover). */
  private rover = 0;

  constructor(context: HostContext, network: Network) {
    this.context = context;
    this.network = network;
  }

  create(isV4: boolean): PingEndpoint {
    return new PingEndpoint(this, isV4);
  }

  /** Those that have an identifier. */
  *endpoints(): IterableIterator<PingEndpoint> {
    for (const first of this.byId.values()) for (let at: PingEndpoint | undefined = first; at !== undefined; at = following(at)) yield at;
  }

  /** Number of identifiers that somebody holds: for leak tests. */
  get idsInUse(): number {
    return this.byId.size;
  }

  /** Gives the endpoint an identifier, 0 for any that nobody has: 0 or -EADDRINUSE (ping_get_port). */
  bind(endpoint: PingEndpoint, wanted: number): number {
    const id = wanted === 0 ? this.freeId() : wanted;
    if (id === 0) return -Errno.EADDRINUSE;
    for (let other = this.byId.get(id); other !== undefined; other = following(other)) {
      if (!other.options.reuseAddress || !endpoint.options.reuseAddress) return -Errno.EADDRINUSE;
    }
    endpoint.localPort = id;
    endpoint.next = this.byId.get(id) ?? null;
    this.byId.set(id, endpoint);
    return 0;
  }

  private freeId(): number {
    for (let tries = 0; tries < IDS; tries++) {
      this.rover = (this.rover + 1) & (IDS - 1);
      if (this.rover !== 0 && !this.byId.has(this.rover)) return this.rover;
    }
    return 0;
  }

  /** The endpoint lets its identifier go. */
  remove(endpoint: PingEndpoint): void {
    const id = endpoint.localPort;
    let previous: PingEndpoint | undefined;
    let at = this.byId.get(id);
    while (at !== undefined && at !== endpoint) {
      previous = at;
      at = following(at);
    }
    if (at === undefined) return;
    if (previous !== undefined) previous.next = at.next;
    else if (at.next === null) this.byId.delete(id);
    else this.byId.set(id, at.next as PingEndpoint);
    at.next = null;
  }

  /** An answer to an echo request, checked, `head` at its ICMP header. Borrows `p`; true when somebody has its identifier. */
  input(p: Packet): boolean {
    if (this.byId.size === 0) return false;
    for (let at = this.byId.get(p.view.getUint16(p.head + ID_AT)); at !== undefined; at = following(at)) {
      if (!at.isFor(p.isV4, p.dstA, p.dstB, p.dstC, p.dstD, p.device)) continue;
      at.deliver(p);
      return true;
    }
    return false;
  }

  /** What is wrong with an echo request of ours goes to who has its identifier (ping_err). */
  icmpError(report: IcmpErrorReport): void {
    if (this.byId.size === 0) return;
    const { isV4, localA, localB, localC, localD, packet } = report;
    for (let at = this.byId.get(report.view.getUint16(report.at + ID_AT)); at !== undefined; at = following(at)) {
      if (at.isFor(isV4, localA, localB, localC, localD, packet.device)) return at.icmpError(report);
    }
  }

  /** The machine loses its power. */
  powerOff(): void {
    for (const first of [...this.byId.values()]) {
      for (let at: PingEndpoint | undefined = first; at !== undefined;) {
        const next: PingEndpoint | undefined = following(at);
        at.close();
        at = next;
      }
    }
  }
}

function following(endpoint: PingEndpoint): PingEndpoint | undefined {
  return endpoint.next === null ? undefined : (endpoint.next as PingEndpoint);
}
