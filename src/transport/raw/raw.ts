/**
 * Raw sockets of one host (raw(7)): every packet of a protocol is copied to every endpoint that asked for the protocol,
 * before the protocol itself sees it. The endpoint is in endpoint.ts.
 *
 * Called by stack/ (`input`, `icmpError`) and by socket/ (`create`).
 */
import type { HostContext } from '../../base/host-context.ts';
import type { Packet } from '../../link/packet.ts';
import type { Network } from '../../net/network.ts';
import type { IcmpErrorReport } from '../../net/transport-input.ts';
import { RawEndpoint } from './endpoint.ts';

export { RawEndpoint } from './endpoint.ts';

export class Raw {
  readonly context: HostContext;
  readonly network: Network;
  /** Endpoints by protocol, linked by `next`. Null for hosts without any: others pay one comparison a packet. */
  private byProtocol: (RawEndpoint | null)[] | null = null;

  constructor(context: HostContext, network: Network) {
    this.context = context;
    this.network = network;
  }

  create(isV4: boolean, protocol: number): RawEndpoint {
    const endpoint = new RawEndpoint(this, isV4, protocol);
    this.byProtocol ??= new Array<RawEndpoint | null>(256).fill(null);
    // Linux's order: who came last is served first (raw_hash_sk).
    endpoint.next = this.byProtocol[protocol & 0xff] as RawEndpoint | null;
    this.byProtocol[protocol & 0xff] = endpoint;
    return endpoint;
  }

  /** Every endpoint, for ss and leak tests. */
  *endpoints(): IterableIterator<RawEndpoint> {
    for (const first of this.byProtocol ?? []) for (let at = first; at !== null; at = at.next) yield at;
  }

  /** The endpoint hears nothing any more. */
  remove(endpoint: RawEndpoint): void {
    const { byProtocol } = this;
    if (byProtocol === null) return;
    const slot = endpoint.protocol & 0xff;
    let previous: RawEndpoint | null = null;
    let at = byProtocol[slot] as RawEndpoint | null;
    while (at !== null && at !== endpoint) {
      previous = at;
      at = at.next;
    }
    if (at === null) return;
    if (previous === null) byProtocol[slot] = at.next;
    else previous.next = at.next;
    at.next = null;
  }

  /** The machine loses its power. */
  powerOff(): void {
    for (const endpoint of [...this.endpoints()]) endpoint.close();
  }

  /** A packet for this host, `head` at the header of its protocol. Borrows `p`; true when somebody listens to the protocol. */
  input(p: Packet): boolean {
    const { byProtocol } = this;
    if (byProtocol === null) return false;
    let isWanted = false;
    for (let at = byProtocol[p.protocol] as RawEndpoint | null; at !== null; at = at.next) {
      if (!at.matches(p)) continue;
      isWanted = true;
      if (at.passes(p) && at.hears(p)) at.deliver(p);
    }
    return isWanted;
  }

  icmpError(report: IcmpErrorReport): void {
    if (this.byProtocol === null) return;
    for (let at = this.byProtocol[report.protocol] as RawEndpoint | null; at !== null; at = at.next) at.icmpError(report);
  }
}
