/**
 * The last step out: the Ethernet header, from loopback's zeros, a group's mapped address, or the neighbour's.
 *
 * Called by ipv4-output.ts, ipv6-output.ts, ipv4-forward.ts, ipv6-forward.ts and nd.ts with packets whose head is at the IP header. Multicasts that this host
 * listens to itself, and broadcasts, also come back to it as packets of their own.
 */
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import { V4_MAPPED } from '../base/inet-address.ts';
import { EventSource, type Loop } from '../base/loop.ts';
import { FrameFor, type Packet } from '../link/packet.ts';
import {
  BROADCAST_MAC_HI, BROADCAST_MAC_LO, ETHERNET_HEADER_LEN, EtherType, MULTICAST4_MAC_HI, MULTICAST6_MAC_HI, multicast4MacLo,
  multicast6MacLo, writeEthernetHeader,
} from '../wire/ethernet.ts';
import { Ipv4Header, IpProto } from '../wire/ipv4.ts';
import { Ipv6Header } from '../wire/ipv6.ts';
import { type Destination, DestinationKind } from './destination.ts';
import type { GroupMembership } from './group-membership.ts';
import type { Network } from './network.ts';

export class LinkOutput {
  private readonly network: Network;
  private readonly looped: LoopedPackets;
  private readonly header4 = new Ipv4Header();
  private readonly header6 = new Ipv6Header();

  constructor(network: Network) {
    this.network = network;
    this.looped = new LoopedPackets(network);
  }

  /** Takes over `p`. Returns 0 or, when there is no room for another neighbour, -ENOBUFS, over IPv6 -EINVAL (ip6_finish_output2). */
  output(p: Packet, d: Destination): number {
    if (d.kind === DestinationKind.Unicast && !d.device.isLoopback) {
      let neighbour = d.neighbour;
      if (neighbour === null || neighbour.dead) {
        const table = d.isV4 ? this.network.neighbours4 : this.network.neighbours6;
        neighbour = table.get(d.device, d.nextHop);
        d.neighbour = neighbour;
        if (neighbour === null) {
          p.release();
          if (d.isV4) return -Errno.ENOBUFS;
          this.network.counters.values[Mib.Ip6OutNoRoutes]++;
          return -Errno.EINVAL;
        }
      }
      neighbour.output(p);
      return 0;
    }
    const etherType = d.isV4 ? EtherType.Ipv4 : EtherType.Ipv6;
    if (d.device.isLoopback) this.frame(p, d, 0, 0, etherType);
    else if (d.kind === DestinationKind.Broadcast) this.frame(p, d, BROADCAST_MAC_HI, BROADCAST_MAC_LO, etherType);
    else if (d.isV4) this.frame(p, d, MULTICAST4_MAC_HI, multicast4MacLo(d.to.d), etherType);
    else this.frame(p, d, MULTICAST6_MAC_HI, multicast6MacLo(d.to.d), etherType);
    return 0;
  }

  /** A broadcast or multicast packet before it goes out: this host may be among the receivers. Borrows `p`. */
  loopBack(p: Packet, d: Destination): void {
    if (d.device.isLoopback || p.staysOut) return;
    const { to } = d;
    if (d.kind === DestinationKind.Multicast) {
      const member = this.network.interfaceOf(d.device)?.findGroup(to.a, to.b, to.c, to.d) ?? null;
      if (member === null) return;
      if (!this.isAccepted(p, d.isV4, member)) return;
    }
    const copy = p.clone();
    copy.device = d.device;
    copy.frameFor = d.kind === DestinationKind.Broadcast ? FrameFor.Broadcast : FrameFor.Multicast;
    this.looped.add(copy, d.isV4);
  }

  /** As it will be on its way in: filters may refuse what comes from here, but nothing of IGMP's. */
  private isAccepted(p: Packet, isV4: boolean, member: GroupMembership): boolean {
    const { header4, header6 } = this;
    if (isV4) {
      header4.parseQuoted(p.view, p.head, p.headEnd);
      return header4.protocol === IpProto.Igmp || member.accepts(0, 0, V4_MAPPED, header4.src);
    }
    header6.parseQuoted(p.view, p.head, p.headEnd);
    return member.accepts(header6.srcA, header6.srcB, header6.srcC, header6.srcD);
  }

  /** Copies on their way back up are gone. */
  powerOff(): void {
    this.looped.clear();
  }

  private frame(p: Packet, d: Destination, macHi: number, macLo: number, etherType: number): void {
    const { device } = d;
    const at = p.push(ETHERNET_HEADER_LEN);
    p.l2 = at;
    writeEthernetHeader(p.view, at, macHi, macLo, device.macHi, device.macLo, etherType);
    device.transmit(p);
  }
}

/** Copies on their way back up: an event of their own, since nothing of a receiver runs inside the sender's call. */
class LoopedPackets extends EventSource {
  private readonly loop: Loop;
  private readonly network: Network;
  private first: Packet | null = null;
  private last: Packet | null = null;

  constructor(network: Network) {
    super();
    this.network = network;
    this.loop = network.context.loop;
  }

  /** Takes over `p`, whose head is at its IP header. */
  add(p: Packet, isV4: boolean): void {
    p.isV4 = isV4;
    p.next = null;
    if (this.last === null) this.first = p;
    else this.last.next = p;
    this.last = p;
    if (this.at === Infinity) this.show();
  }

  override run(): void {
    const p = this.takeFirst();
    this.show();
    if (p.isV4) this.network.ipv4In.inputLooped(p);
    else this.network.ipv6In.inputLooped(p);
  }

  clear(): void {
    while (this.first !== null) this.takeFirst().release();
    this.show();
  }

  private takeFirst(): Packet {
    const p = this.first as Packet;
    this.first = p.next;
    if (this.first === null) this.last = null;
    p.next = null;
    return p;
  }

  private show(): void {
    this.at = this.first === null ? Infinity : this.loop.now;
    this.order = ++this.loop.sequence;
    this.loop.update(this);
  }
}
