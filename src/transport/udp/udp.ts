/**
 * UDP (RFC 768) for one host: demultiplexing, ports, input and ICMP errors. The endpoint itself is in endpoint.ts.
 *
 * Called by stack/ (`input`, `icmpError`) and by socket/ (`create`).
 */
import type { HostContext } from '../../base/host-context.ts';
import { Mib } from '../../base/counters.ts';
import { transportChecksumOk } from '../../link/packet-checksum.ts';
import { FrameFor, Packet } from '../../link/packet.ts';
import type { Network } from '../../net/network.ts';
import type { IcmpErrorReport } from '../../net/transport-input.ts';
import { UDP_HEADER_LEN, UdpHeader } from '../../wire/udp.ts';
import { KeyedHash } from '../keyed-hash.ts';
import { PortTable } from '../ports.ts';
import { chooseSharer } from '../reuse-port.ts';
import { UdpEndpoint } from './endpoint.ts';

export { UdpEndpoint } from './endpoint.ts';

export class Udp {
  readonly context: HostContext;
  readonly network: Network;
  readonly ports: PortTable;
  private readonly header = new UdpHeader();
  /** Addresses alone: of the answer that did not come. */
  private readonly answer: Packet = new Packet(new ArrayBuffer(0), 0, 0);
  private readonly hash: KeyedHash;

  constructor(context: HostContext, network: Network) {
    this.context = context;
    this.network = network;
    this.ports = new PortTable(context, true);
    this.hash = new KeyedHash(context.random);
  }

  create(isV4: boolean): UdpEndpoint {
    return new UdpEndpoint(this, isV4);
  }

  /** The machine loses its power: datagrams that nobody has read are gone. */
  powerOff(): void {
    for (const endpoint of [...this.endpoints()]) endpoint.close();
  }

  /** Bound endpoints, for ss and leak tests. */
  *endpoints(): IterableIterator<UdpEndpoint> {
    for (const holder of this.ports) yield holder as UdpEndpoint;
  }

  /** UDP_NO_CHECK6_RX (RFC 6935): does whoever it is for take datagrams without a checksum? */
  private takesNoChecksum(p: Packet): boolean {
    const endpoint = this.find(p, this.header.dstPort, this.header.srcPort);
    return endpoint !== null && endpoint.options.rare.noChecksum6In;
  }

  /** The first endpoint on a port; `nextHolder` leads to the others. Only UDP's endpoints are in this table. */
  private onPort(port: number): UdpEndpoint | null {
    return this.ports.holders(port) as UdpEndpoint | null;
  }

  /** A datagram for this host. Takes over `p`. */
  input(p: Packet): void {
    const header = this.header;
    if (!p.pull(UDP_HEADER_LEN) || !header.parse(p.view, p.head, p.headEnd, p.l4Len)) {
      this.count(p.isV4, Mib.UdpInErrors, Mib.Udp6InErrors);
      p.release();
      return;
    }
    p.l4Len = UDP_HEADER_LEN + header.dataLen;
    p.trimTo(p.l4Len);
    const checksum = p.view.getUint16(p.head + 6);
    // RFC 768: zero is "no checksum" over IPv4; RFC 8200 8.1: over IPv6 it is an error.
    if (checksum === 0 ? !p.isV4 && !this.takesNoChecksum(p) : !transportChecksumOk(p)) {
      this.count(p.isV4, Mib.UdpInCsumErrors, Mib.Udp6InCsumErrors);
      this.count(p.isV4, Mib.UdpInErrors, Mib.Udp6InErrors);
      p.release();
      return;
    }
    if (isGroup(p)) return this.groupInput(p);
    const endpoint = this.find(p, header.dstPort, header.srcPort);
    if (endpoint === null) {
      this.count(p.isV4, Mib.UdpNoPorts, Mib.Udp6NoPorts);
      if (p.frameFor === FrameFor.Host) this.network.sendPortUnreachable(p);
      p.release();
      return;
    }
    endpoint.deliver(p, header.srcPort);
  }

  /** Broadcasts and multicasts go to every endpoint that matches (RFC 1122 4.1.3.5). */
  private groupInput(p: Packet): void {
    const srcPort = this.header.srcPort;
    let endpoint = this.onPort(this.header.dstPort);
    let delivered = false;
    while (endpoint !== null) {
      const count = endpoint.score(p, srcPort) >= 0 && endpoint.hears(p) ? endpoint.deliver(p.clone(), srcPort) : 0;
      if (count > 0) delivered = true;
      endpoint = endpoint.nextHolder as UdpEndpoint | null;
    }
    if (!delivered) this.count(p.isV4, Mib.UdpIgnoredMulti, Mib.Udp6IgnoredMulti);
    p.release();
  }

  /**
   * The endpoint that fits best: connected before bound to an address before any (udp4_lib_lookup's score). Among equals
   * with SO_REUSEPORT that are not connected the hash of the two ends decides.
   */
  private find(p: Packet, dstPort: number, srcPort: number): UdpEndpoint | null {
    let best: UdpEndpoint | null = null;
    let bestScore = -1;
    let equals = 0;
    let endpoint = this.onPort(dstPort);
    while (endpoint !== null) {
      const score = endpoint.score(p, srcPort);
      if (score > bestScore) {
        best = endpoint;
        bestScore = score;
        equals = 1;
      } else if (score === bestScore) {
        equals++;
      }
      endpoint = endpoint.nextHolder as UdpEndpoint | null;
    }
    if (best === null || equals === 1 || !best.options.reusePort || best.remoteAddress !== null) return best;
    return this.sharer(p, dstPort, srcPort, bestScore);
  }

  /** One of the endpoints with SO_REUSEPORT and this score; there is one. */
  private sharer(p: Packet, dstPort: number, srcPort: number, score: number): UdpEndpoint {
    let count = 0;
    for (let e = this.onPort(dstPort); e !== null; e = e.nextHolder as UdpEndpoint | null) {
      if (e.options.reusePort && e.score(p, srcPort) === score) count++;
    }
    let left = chooseSharer(this.hash, p, dstPort, srcPort, count);
    let e = this.onPort(dstPort) as UdpEndpoint;
    while (!(e.options.reusePort && e.score(p, srcPort) === score && left-- === 0)) e = e.nextHolder as UdpEndpoint;
    return e;
  }

  /** Whoever an answer to the quoted datagram would have been for hears of the error, nobody else (__udp4_lib_err). */
  icmpError(report: IcmpErrorReport): void {
    const localPort = report.view.getUint16(report.at);
    const remotePort = report.view.getUint16(report.at + 2);
    const { answer } = this;
    answer.isV4 = report.isV4;
    answer.dstA = report.localA;
    answer.dstB = report.localB;
    answer.dstC = report.localC;
    answer.dstD = report.localD;
    answer.srcA = report.remoteA;
    answer.srcB = report.remoteB;
    answer.srcC = report.remoteC;
    answer.srcD = report.remoteD;
    answer.device = report.packet.device;
    const endpoint = this.find(answer, localPort, remotePort);
    if (endpoint !== null) endpoint.icmpError(report, remotePort);
  }

  /** Counts under the IPv4 or the IPv6 name. */
  count(isV4: boolean, v4: number, v6: number): void {
    (this.context.counters.values[isV4 ? v4 : v6] as number)++;
  }
}

function isGroup(p: Packet): boolean {
  if (p.isV4) return p.dstD >>> 28 === 14 || p.frameFor === FrameFor.Broadcast;
  return p.dstA >>> 24 === 0xff;
}
