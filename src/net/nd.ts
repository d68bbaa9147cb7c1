/**
 * Neighbour discovery for IPv6 (RFC 4861) and duplicate address detection (RFC 4862), as Linux does them.
 *
 * Called by icmp6.ts with messages, by neighbour entries that need an answer, and by configuration.ts for new addresses.
 * Deviation: router advertisements are taken notice of only as signs of life; addresses and routes are configured.
 */
import { pseudoHeaderSum6 } from '../base/checksum.ts';
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import { ALL_NODES, ANY6, IpAddress, solicitedNode } from '../base/inet-address.ts';
import { below } from '../base/random.ts';
import { Timer } from '../base/timer-queue.ts';
import type { Device } from '../link/device.ts';
import { type Packet, takePacket } from '../link/packet.ts';
import {
  ETHERNET_HEADER_LEN, EtherType, MULTICAST6_MAC_HI, multicast6MacLo, writeEthernetHeader,
} from '../wire/ethernet.ts';
import { Icmp6Code, Icmp6Type } from '../wire/icmp6.ts';
import { IPV6_HEADER_LEN, IpProto, writeIpv6Header } from '../wire/ipv6.ts';
import {
  completeNdMessage, ND_MAC_OPTION_LEN, ND_SOLICITATION_LEN, NdFlag, NdMessage, NdOptionKind, writeNdMacOption,
  writeNeighbourAdvertisement, writeNeighbourSolicitation,
} from '../wire/nd.ts';
import { reportUnreachable } from './error-report.ts';
import type { Interface, InterfaceAddress } from './interface.ts';
import { Mld } from './mld.ts';
import { type Neighbour, type NeighbourProtocol, NeighbourState, Override } from './neighbour.ts';
import type { Network } from './network.ts';

/** RFC 4861 6.1, 7.1: whatever was forwarded is not from the link. */
const ND_HOP_LIMIT = 255;
/** Linux waits up to this long before the first probe (rtr_solicit_delay). */
const DAD_DELAY_US = 1_000_000;

/** The test of one address: solicitations from "::" for it, and then it is ours. */
class AddressTest extends Timer {
  readonly entry: InterfaceAddress;
  probesLeft: number;
  private readonly discovery: NeighbourDiscovery;

  constructor(discovery: NeighbourDiscovery, entry: InterfaceAddress, probes: number) {
    super();
    this.discovery = discovery;
    this.entry = entry;
    this.probesLeft = probes;
  }

  override expired(): void {
    this.discovery.testContinues(this);
  }
}

export class NeighbourDiscovery implements NeighbourProtocol {
  readonly etherType = EtherType.Ipv6;
  readonly mld: Mld;
  private readonly network: Network;
  private readonly message = new NdMessage();
  private readonly tests: AddressTest[] = [];

  constructor(network: Network) {
    this.network = network;
    this.mld = new Mld(network);
  }

  // Duplicate address detection.

  /** A new address: tentative until it has been asked for without an answer (RFC 4862 5.4). */
  addressAdded(entry: InterfaceAddress, nodad: boolean): void {
    const { context, settings } = this.network;
    if (nodad || settings.ipv6AcceptDad === 0 || settings.ipv6DadTransmits === 0) return;
    entry.tentative = true;
    const test = new AddressTest(this, entry, settings.ipv6DadTransmits);
    this.tests.push(test);
    test.deadline = context.loop.now + below(context.random, DAD_DELAY_US);
    context.timers.arm(test);
  }

  addressRemoved(entry: InterfaceAddress): void {
    const test = this.tests.find((known) => known.entry === entry);
    if (test !== undefined) this.endTest(test);
  }

  /** The interface is gone. */
  forget(owner: Interface): void {
    for (const test of this.tests.filter((known) => known.entry.interface === owner)) this.endTest(test);
    this.mld.forget(owner);
  }

  testContinues(test: AddressTest): void {
    const { network } = this;
    const { entry } = test;
    if (test.probesLeft === 0) {
      this.endTest(test);
      entry.tentative = false;
      network.changed();
      // Linux tells the link at once (ndisc_notify is off, but MLD reports follow from the new source).
      return;
    }
    test.probesLeft--;
    const { address } = entry;
    const group = solicitedNode(address);
    this.sendSolicitation(entry.interface.device, ANY6, group, MULTICAST6_MAC_HI, multicast6MacLo(group.d), address);
    test.deadline = network.context.loop.now + network.settings.neighRetransTimeMs * 1000;
    network.context.timers.arm(test);
  }

  private endTest(test: AddressTest): void {
    this.network.context.timers.disarm(test);
    this.tests.splice(this.tests.indexOf(test), 1);
  }

  /** Somebody else has, or wants, an address that we are testing. */
  private duplicate(entry: InterfaceAddress): void {
    const test = this.tests.find((known) => known.entry === entry);
    if (test !== undefined) this.endTest(test);
    entry.tentative = false;
    entry.dadFailed = true;
    this.network.changed();
  }

  // Messages.

  /** Takes over `p`: a neighbour discovery message, `head` at its ICMPv6 header, checksum verified. */
  input(p: Packet): void {
    const { message, network } = this;
    const { device } = p;
    const owner = device === null ? null : network.interfaceOf(device);
    const isSound = p.ttl === ND_HOP_LIMIT && p.pull(p.length) && message.parse(p.view, p.head, p.headEnd, p.length);
    if (!isSound || owner === null) network.counters.values[Mib.NdInMalformed]++;
    else if (message.type === Icmp6Type.NeighbourSolicitation) this.solicitation(p, owner);
    else if (message.type === Icmp6Type.NeighbourAdvertisement) this.advertisement(p, owner);
    else if (message.type === Icmp6Type.RouterAdvertisement) this.routerAdvertisement(p, owner);
    p.release();
  }

  /** RFC 4861 7.2.3, RFC 4862 5.4.3. */
  private solicitation(p: Packet, owner: Interface): void {
    const { message, network } = this;
    const { targetA, targetB, targetC, targetD } = message;
    const entry = owner.findWords(targetA, targetB, targetC, targetD);
    if (targetA >>> 24 === 0xff) {
      network.counters.values[Mib.NdInMalformed]++;
      return;
    }
    if (entry === null || entry.dadFailed) return;
    const fromNobody = (p.srcA | p.srcB | p.srcC | p.srcD) === 0;
    if (entry.tentative) {
      if (fromNobody) this.duplicate(entry);
      return;
    }
    if (fromNobody) {
      // 7.2.4: the answer to a test goes to everybody.
      this.sendAdvertisement(owner.device, entry.address, ALL_NODES, MULTICAST6_MAC_HI, multicast6MacLo(ALL_NODES.d), false);
      return;
    }
    const from = new IpAddress(p.srcA, p.srcB, p.srcC, p.srcD);
    const neighbour = network.neighbours6.get(owner.device, from);
    if (neighbour === null) return;
    const { hasSourceMac, sourceMacHi, sourceMacLo } = message;
    neighbour.update(hasSourceMac, sourceMacHi, sourceMacLo, NeighbourState.Stale, Override.Yes);
    if (!hasSourceMac && (neighbour.macHi | neighbour.macLo) === 0) {
      const way = network.lookup(from, entry.address, owner.device);
      if (way !== null) this.sendThrough(neighbour, entry.address, from);
      return;
    }
    const hi = hasSourceMac ? sourceMacHi : neighbour.macHi;
    const lo = hasSourceMac ? sourceMacLo : neighbour.macLo;
    this.sendAdvertisement(owner.device, entry.address, from, hi, lo, true);
  }

  /** RFC 4861 7.2.5. */
  private advertisement(p: Packet, owner: Interface): void {
    const { message, network } = this;
    const { targetA, targetB, targetC, targetD } = message;
    if (targetA >>> 24 === 0xff || (p.dstA >>> 24 === 0xff && message.solicited)) {
      network.counters.values[Mib.NdInMalformed]++;
      return;
    }
    const entry = owner.findWords(targetA, targetB, targetC, targetD);
    if (entry !== null) {
      if (entry.tentative) this.duplicate(entry);
      return;
    }
    const neighbour = network.neighbours6.find(owner.device, targetA, targetB, targetC, targetD);
    if (neighbour === null || neighbour.state === NeighbourState.Failed) return;
    const state = message.solicited ? NeighbourState.Reachable : NeighbourState.Stale;
    neighbour.update(
      message.hasTargetMac, message.targetMacHi, message.targetMacLo, state, message.override ? Override.Yes : Override.Weak,
    );
    neighbour.isRouter = message.router;
  }

  private routerAdvertisement(p: Packet, owner: Interface): void {
    const { message, network } = this;
    if (!message.hasSourceMac || p.srcA >>> 16 !== 0xfe80) return;
    const neighbour = network.neighbours6.get(owner.device, new IpAddress(p.srcA, p.srcB, p.srcC, p.srcD));
    if (neighbour === null) return;
    neighbour.update(true, message.sourceMacHi, message.sourceMacLo, NeighbourState.Stale, Override.Yes);
    neighbour.isRouter = true;
  }

  // NeighbourProtocol.

  solicit(neighbour: Neighbour, unicast: boolean): void {
    const { address, device } = neighbour;
    const from = this.sourceFor(neighbour);
    if (from === null) return;
    if (unicast) {
      this.sendSolicitation(device, from, address, neighbour.macHi, neighbour.macLo, address);
      return;
    }
    const group = solicitedNode(address);
    this.sendSolicitation(device, from, group, MULTICAST6_MAC_HI, multicast6MacLo(group.d), address);
  }

  unreachable(_neighbour: Neighbour, p: Packet): void {
    reportUnreachable(
      this.network, p, false, Icmp6Type.DestinationUnreachable, Icmp6Code.UnreachableAddress, Errno.EHOSTUNREACH,
    );
  }

  /** RFC 4861 7.2.2: the source of the packet that waits when it is ours, else the interface's own. */
  private sourceFor(neighbour: Neighbour): IpAddress | null {
    const { network } = this;
    const p = neighbour.waiting;
    if (p !== null) {
      const from = IpAddress.readV6(p.view, p.l3 + 8);
      if (network.isLocalAddress(from)) return from;
    }
    return network.interfaceOf(neighbour.device)?.linkLocal()?.address ?? null;
  }

  // Sending.

  private sendSolicitation(device: Device, from: IpAddress, to: IpAddress, macHi: number, macLo: number, target: IpAddress): void {
    // RFC 4861 4.3: no source address, no source link-layer address.
    const withMac = !from.isUnspecified;
    const p = takePacket();
    const at = p.put(ND_SOLICITATION_LEN + (withMac ? ND_MAC_OPTION_LEN : 0));
    writeNeighbourSolicitation(p.view, at, target.a, target.b, target.c, target.d);
    if (withMac) {
      writeNdMacOption(p.view, at + ND_SOLICITATION_LEN, NdOptionKind.SourceLinkLayerAddress, device.macHi, device.macLo);
    }
    this.network.counters.values[Mib.Icmp6OutNeighborSolicits]++;
    this.finish(p, at, from, to);
    this.transmit(p, device, macHi, macLo);
  }

  private advertisementFor(device: Device, target: IpAddress, to: IpAddress, solicited: boolean): Packet {
    const p = takePacket();
    const at = p.put(ND_SOLICITATION_LEN + ND_MAC_OPTION_LEN);
    const flags = NdFlag.Override | (solicited ? NdFlag.Solicited : 0) | (this.network.settings.ipv6Forwarding !== 0 ? NdFlag.Router : 0);
    writeNeighbourAdvertisement(p.view, at, flags, target.a, target.b, target.c, target.d);
    writeNdMacOption(p.view, at + ND_SOLICITATION_LEN, NdOptionKind.TargetLinkLayerAddress, device.macHi, device.macLo);
    this.network.counters.values[Mib.Icmp6OutNeighborAdvertisements]++;
    this.finish(p, at, target, to);
    return p;
  }

  private sendAdvertisement(
    device: Device, target: IpAddress, to: IpAddress, macHi: number, macLo: number, solicited: boolean,
  ): void {
    this.transmit(this.advertisementFor(device, target, to, solicited), device, macHi, macLo);
  }

  /** The asker did not tell its address: ours has to find it out first. */
  private sendThrough(neighbour: Neighbour, target: IpAddress, to: IpAddress): void {
    neighbour.output(this.advertisementFor(neighbour.device, target, to, true));
  }

  /** Checksum and IPv6 header; `at` is where the message begins. */
  private finish(p: Packet, at: number, from: IpAddress, to: IpAddress): void {
    const length = p.headEnd - at;
    const pseudo = pseudoHeaderSum6(from.a, from.b, from.c, from.d, to.a, to.b, to.c, to.d, IpProto.Icmp6, length);
    completeNdMessage(p.view, at, p.headEnd, pseudo);
    p.l4 = at;
    p.protocol = IpProto.Icmp6;
    p.l3 = p.push(IPV6_HEADER_LEN);
    writeIpv6Header(
      p.view, p.l3, length, 0, 0, IpProto.Icmp6, ND_HOP_LIMIT, from.a, from.b, from.c, from.d, to.a, to.b, to.c, to.d,
    );
    this.network.counters.values[Mib.Icmp6OutMsgs]++;
  }

  private transmit(p: Packet, device: Device, macHi: number, macLo: number): void {
    p.l2 = p.push(ETHERNET_HEADER_LEN);
    writeEthernetHeader(p.view, p.l2, macHi, macLo, device.macHi, device.macLo, EtherType.Ipv6);
    device.transmit(p);
  }
}
