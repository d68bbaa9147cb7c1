/**
 * Neighbour discovery for IPv6 (RFC 4861) and duplicate address detection (RFC 4862), as Linux does them.
 *
 * Called by icmp6.ts with messages, by neighbour entries that need an answer, and by configuration.ts for new addresses.
 * Deviation: routers are not solicited, and their advertisements taken notice of only as signs of life; addresses and
 * routes are configured.
 */
import { pseudoHeaderSum6 } from '../base/checksum.ts';
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import { ALL_NODES, ANY6, IpAddress, solicitedNode } from '../base/inet-address.ts';
import { below, type RandomSource } from '../base/random.ts';
import { Timer } from '../base/timer-queue.ts';
import type { Device } from '../link/device.ts';
import { type Packet, takePacket } from '../link/packet.ts';
import {
  ETHERNET_HEADER_LEN, EtherType, MULTICAST6_MAC_HI, multicast6MacLo, writeEthernetHeader,
} from '../wire/ethernet.ts';
import { Icmp6Code, Icmp6Type } from '../wire/icmp6.ts';
import { IPV6_HEADER_LEN, IpProto, writeIpv6Header } from '../wire/ipv6.ts';
import {
  completeNdMessage, ND_MAC_OPTION_LEN, ND_NONCE_OPTION_LEN, ND_SOLICITATION_LEN, NdFlag, NdMessage, NdOptionKind, writeNdMacOption, writeNdNonceOption,
  writeNeighbourAdvertisement, writeNeighbourSolicitation,
} from '../wire/nd.ts';
import type { Destination } from './destination.ts';
import { reportUnreachable } from './error-report.ts';
import { AddressScope, type Interface, type InterfaceAddress } from './interface.ts';
import { type Neighbour, type NeighbourProtocol, NeighbourState, Override } from './neighbour.ts';
import type { Network } from './network.ts';

/** RFC 4861 6.1, 7.1: whatever was forwarded is not from the link. */
const ND_HOP_LIMIT = 255;
/** Linux waits up to this long before the first probe (rtr_solicit_delay). */
const DAD_DELAY_US = 1_000_000;

/** The test of one address: solicitations from "::" for it, and then it is ours. */
export class AddressTest extends Timer {
  readonly entry: InterfaceAddress;
  probesLeft: number;
  /** RFC 7527: by this we know our own solicitations when a link sends them back. */
  readonly nonceHi: number;
  readonly nonceLo: number;
  private readonly discovery: NeighbourDiscovery;

  constructor(discovery: NeighbourDiscovery, entry: InterfaceAddress, probes: number, random: RandomSource) {
    super();
    this.discovery = discovery;
    this.entry = entry;
    this.probesLeft = probes;
    this.nonceHi = random.int32() & 0xffff;
    this.nonceLo = random.int32();
  }

  override expired(): void {
    this.discovery.testContinues(this);
  }
}

export class NeighbourDiscovery implements NeighbourProtocol {
  readonly etherType = EtherType.Ipv6;
  private readonly network: Network;
  private readonly message = new NdMessage();
  private readonly tests: AddressTest[] = [];

  constructor(network: Network) {
    this.network = network;
  }

  // Duplicate address detection.

  /** A new address: tentative until it has been asked for without an answer (RFC 4862 5.4). */
  addressAdded(entry: InterfaceAddress, nodad: boolean): void {
    const { context, settings } = this.network;
    if (nodad || settings.ipv6AcceptDad === 0 || settings.ipv6DadTransmits === 0) return;
    entry.tentative = true;
    const test = new AddressTest(this, entry, settings.ipv6DadTransmits, context.random);
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
  }

  testContinues(test: AddressTest): void {
    const { network } = this;
    const { entry } = test;
    if (test.probesLeft === 0) {
      this.endTest(test);
      entry.tentative = false;
      network.changed();
      network.configuration.addressChanged(entry, true);
      // RFC 3810 5.2.13: reports that went out without a source are repeated with it.
      if (entry.scope === AddressScope.Link) network.groups.sourceReady(entry.interface);
      return;
    }
    test.probesLeft--;
    const { address } = entry;
    const group = solicitedNode(address);
    this.sendSolicitation(entry.interface.device, ANY6, group, MULTICAST6_MAC_HI, multicast6MacLo(group.d), address, test);
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
    // Linux keeps both flags: "tentative dadfailed".
    entry.dadFailed = true;
    this.network.changed();
    this.network.configuration.addressChanged(entry, true);
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
    else if (message.type === Icmp6Type.Redirect) this.redirect(p, owner);
    p.release();
  }

  /** RFC 4861 7.2.3, RFC 4862 5.4.3. */
  private solicitation(p: Packet, owner: Interface): void {
    const { message, network } = this;
    const { targetA, targetB, targetC, targetD } = message;
    const entry = owner.findWords(targetA, targetB, targetC, targetD);
    const fromNobody = (p.srcA | p.srcB | p.srcC | p.srcD) === 0;
    const toGroup = p.dstA >>> 24 === 0xff;
    // RFC 4861 7.1.1: a test goes to the solicited-node group and tells no address of its sender.
    if (targetA >>> 24 === 0xff || (fromNobody && (message.hasSourceMac || !isSolicitedNode(p)))) {
      network.counters.values[Mib.NdInMalformed]++;
      return;
    }
    if (entry === null || entry.dadFailed) return;
    if (entry.tentative) {
      if (fromNobody && !this.isOwnTest(entry, p)) this.duplicate(entry);
      return;
    }
    if (fromNobody) {
      // 7.2.4: the answer to a test goes to everybody.
      const answer = this.advertisementFor(owner.device, entry.address, ALL_NODES, NdFlag.Override, true);
      this.transmit(answer, owner.device, MULTICAST6_MAC_HI, multicast6MacLo(ALL_NODES.d));
      return;
    }
    const from = new IpAddress(p.srcA, p.srcB, p.srcC, p.srcD);
    // Our own address as a sender from outside is a forgery or a duplicate.
    if (network.isLocalAddress(from)) return;
    const neighbour = network.neighbours6.get(owner.device, from);
    if (neighbour === null) return;
    const { hasSourceMac, sourceMacHi, sourceMacLo } = message;
    neighbour.update(hasSourceMac, sourceMacHi, sourceMacLo, NeighbourState.Stale, Override.Yes);
    // The entry knows the way back, or finds it out. Linux's override flag: only who asked everybody needs it.
    const flags = NdFlag.Solicited | (toGroup ? NdFlag.Override : 0);
    neighbour.output(this.advertisementFor(owner.device, entry.address, from, flags, toGroup || hasSourceMac));
  }

  /** Is this the solicitation that we sent for the address ourselves? */
  private isOwnTest(entry: InterfaceAddress, p: Packet): boolean {
    const { nonceAt, nonceLen } = this.message;
    const test = this.tests.find((known) => known.entry === entry);
    if (test === undefined || nonceAt < 0 || nonceLen !== 6) return false;
    return p.view.getUint16(nonceAt) === test.nonceHi && p.view.getInt32(nonceAt + 2) === test.nonceLo;
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
      if (entry.tentative && !entry.dadFailed) this.duplicate(entry);
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

  /** RFC 4861 8.1, 8.3: the router that we use knows a better next hop, or that the destination is on the link. */
  private redirect(p: Packet, owner: Interface): void {
    const { message, network } = this;
    const { targetA, targetB, targetC, targetD } = message;
    const target = new IpAddress(targetA, targetB, targetC, targetD);
    const to = new IpAddress(message.destinationA, message.destinationB, message.destinationC, message.destinationD);
    const isOnLink = target.equals(to);
    if (p.srcA >>> 22 !== 0x3fa || to.isMulticast || target.isMulticast || (!isOnLink && !target.isLinkLocal)) {
      network.counters.values[Mib.NdInMalformed]++;
      return;
    }
    if (!owner.acceptsRedirects6) return;
    const neighbour = network.neighbours6.get(owner.device, target);
    if (neighbour === null) return;
    if (message.hasTargetMac) neighbour.update(true, message.targetMacHi, message.targetMacLo, NeighbourState.Stale, Override.Yes);
    if (!isOnLink) neighbour.isRouter = true;
    network.redirects.heard6(p, target, to);
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

  private sendSolicitation(
    device: Device, from: IpAddress, to: IpAddress, macHi: number, macLo: number, target: IpAddress,
    test: AddressTest | null = null,
  ): void {
    const p = takePacket();
    const at = p.put(ND_SOLICITATION_LEN);
    writeNeighbourSolicitation(p.view, at, target.a, target.b, target.c, target.d);
    if (test !== null) {
      writeNdNonceOption(p.view, p.put(ND_NONCE_OPTION_LEN), test.nonceHi, test.nonceLo);
    } else {
      // RFC 4861 4.3: a test has no source address and so no link-layer address to tell; this has.
      writeNdMacOption(p.view, p.put(ND_MAC_OPTION_LEN), NdOptionKind.SourceLinkLayerAddress, device.macHi, device.macLo);
    }
    this.network.counters.values[Mib.Icmp6OutNeighborSolicits]++;
    this.finish(p, at, from, to);
    this.transmit(p, device, macHi, macLo);
  }

  private advertisementFor(device: Device, target: IpAddress, to: IpAddress, flags: number, withMac: boolean): Packet {
    const p = takePacket();
    const at = p.put(ND_SOLICITATION_LEN);
    const owner = this.network.interfaceOf(device);
    const router = owner !== null && owner.ipv6.forwarding !== 0 ? NdFlag.Router : 0;
    writeNeighbourAdvertisement(p.view, at, flags | router, target.a, target.b, target.c, target.d);
    if (withMac) {
      writeNdMacOption(p.view, p.put(ND_MAC_OPTION_LEN), NdOptionKind.TargetLinkLayerAddress, device.macHi, device.macLo);
    }
    this.network.counters.values[Mib.Icmp6OutNeighborAdvertisements]++;
    this.finish(p, at, target, to);
    return p;
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

  /** Sends a message of another kind to a neighbour; takes over `p`, whose message begins at `at`. */
  sendTo(p: Packet, at: number, from: IpAddress, way: Destination): void {
    this.finish(p, at, from, way.to);
    this.network.link.output(p, way);
  }

  private transmit(p: Packet, device: Device, macHi: number, macLo: number): void {
    p.l2 = p.push(ETHERNET_HEADER_LEN);
    writeEthernetHeader(p.view, p.l2, macHi, macLo, device.macHi, device.macLo, EtherType.Ipv6);
    device.transmit(p);
  }
}

/** Was the packet sent to a solicited-node group, ff02::1:ff00:0/104? */
function isSolicitedNode(p: Packet): boolean {
  return p.dstA === (0xff020000 | 0) && p.dstB === 0 && p.dstC === 1 && p.dstD >>> 24 === 0xff;
}
