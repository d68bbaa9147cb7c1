/**
 * ARP (RFC 826, RFC 5227) as Linux does it with arp_ignore, arp_announce and arp_accept at 0.
 *
 * Called by Network.frameInput, and by neighbour entries that need an answer. Read RFC 1122 section 2.3.2 first.
 */
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import { IpAddress, V4_MAPPED } from '../base/inet-address.ts';
import type { Device } from '../link/device.ts';
import { FrameFor, type Packet, takePacket } from '../link/packet.ts';
import { ARP_LEN, ArpOperation, ArpPacket, writeArp } from '../wire/arp.ts';
import {
  BROADCAST_MAC_HI, BROADCAST_MAC_LO, ETHERNET_HEADER_LEN, EtherType, writeEthernetHeader,
} from '../wire/ethernet.ts';
import { IcmpCode, IcmpType } from '../wire/icmp.ts';
import { reportUnreachable } from './error-report.ts';
import { type Neighbour, type NeighbourProtocol, NeighbourState, Override } from './neighbour.ts';
import type { Network } from './network.ts';

/** Of several answers in a row the first counts (Linux's LOCKTIME). */
const LOCK_TIME_US = 1e6;

export class ArpProtocol implements NeighbourProtocol {
  readonly etherType = EtherType.Ipv4;
  private readonly network: Network;
  private readonly packet = new ArpPacket();

  constructor(network: Network) {
    this.network = network;
  }

  /** An ARP packet arrived. Takes over `p`. */
  input(p: Packet, device: Device, _srcHi: number, _srcLo: number): void {
    const { packet, network } = this;
    const values = network.counters.values;
    const toUs = p.frameFor === FrameFor.Host;
    const isSound = p.pull(ARP_LEN) && packet.parse(p.view, p.head, p.headEnd, p.length);
    p.release();
    if (!isSound || device.isLoopback) {
      values[Mib.ArpInMalformed]++;
      return;
    }
    const { operation, senderIp, targetIp } = packet;
    const isRequest = operation === ArpOperation.Request;
    if (!isRequest && operation !== ArpOperation.Reply) {
      values[Mib.ArpInMalformed]++;
      return;
    }
    values[isRequest ? Mib.ArpInRequests : Mib.ArpInReplies]++;
    if (targetIp >>> 28 === 0xe || targetIp >>> 24 === 127) return;
    const isTargetOurs = network.localWords(0, 0, V4_MAPPED, targetIp);
    // RFC 5227 2.1.1: a probe, from a host that wants to know whether the address is free. It must leave no entry.
    if (senderIp === 0) {
      if (isRequest && isTargetOurs) this.reply(device, packet);
      return;
    }
    if (isRequest && isTargetOurs && isProperSource(network, senderIp)) {
      const entry = network.neighbours4.get(device, IpAddress.fromV4(senderIp));
      if (entry === null) return;
      entry.update(true, packet.senderMacHi, packet.senderMacLo, NeighbourState.Stale, Override.Yes);
      this.reply(device, packet);
      return;
    }
    // Gratuitous announcements and answers change entries that exist, and make none.
    const entry = network.neighbours4.find(device, 0, 0, V4_MAPPED, senderIp);
    if (entry === null) return;
    const isGratuitous = senderIp === targetIp;
    const override = isGratuitous || network.context.loop.now > entry.updatedAt + LOCK_TIME_US ? Override.Yes : Override.None;
    const state = isRequest || !toUs ? NeighbourState.Stale : NeighbourState.Reachable;
    entry.update(true, packet.senderMacHi, packet.senderMacLo, state, override);
  }

  solicit(neighbour: Neighbour, unicast: boolean): void {
    const { network } = this;
    const { device } = neighbour;
    const hi = unicast ? neighbour.macHi : BROADCAST_MAC_HI;
    const lo = unicast ? neighbour.macLo : BROADCAST_MAC_LO;
    network.counters.values[Mib.ArpOutRequests]++;
    const source = this.sourceFor(neighbour);
    this.send(device, hi, lo, ArpOperation.Request, source, unicast ? hi : 0, unicast ? lo : 0, neighbour.address.d);
  }

  unreachable(_neighbour: Neighbour, p: Packet): void {
    reportUnreachable(this.network, p, true, IcmpType.DestinationUnreachable, IcmpCode.UnreachableHost, Errno.EHOSTUNREACH);
  }

  /** arp_announce 0: the waiting packet's source when it is ours, else the address nearest to the neighbour. */
  private sourceFor(neighbour: Neighbour): number {
    const p = neighbour.waiting;
    if (p !== null) {
      const source = p.view.getInt32(p.l3 + 12);
      if (this.network.localWords(0, 0, V4_MAPPED, source)) return source;
    }
    const way = this.network.lookup(neighbour.address, null, neighbour.device);
    return way === null ? 0 : way.source.d;
  }

  private reply(device: Device, request: ArpPacket): void {
    this.network.counters.values[Mib.ArpOutReplies]++;
    const { senderMacHi, senderMacLo } = request;
    this.send(
      device, senderMacHi, senderMacLo, ArpOperation.Reply, request.targetIp, senderMacHi, senderMacLo, request.senderIp,
    );
  }

  private send(
    device: Device, macHi: number, macLo: number, operation: number, senderIp: number,
    targetMacHi: number, targetMacLo: number, targetIp: number,
  ): void {
    const p = takePacket();
    const at = p.put(ARP_LEN);
    writeArp(p.view, at, operation, device.macHi, device.macLo, senderIp, targetMacHi, targetMacLo, targetIp);
    p.l3 = at;
    p.l2 = p.push(ETHERNET_HEADER_LEN);
    writeEthernetHeader(p.view, p.l2, macHi, macLo, device.macHi, device.macLo, EtherType.Arp);
    device.transmit(p);
  }
}

/** Would a packet from this address be taken (no martian)? */
function isProperSource(network: Network, word: number): boolean {
  const top = word >>> 24;
  if (top === 127 || top === 0 || word === -1 || word >>> 28 === 0xe) return false;
  return !network.localWords(0, 0, V4_MAPPED, word);
}
