/**
 * ICMP redirects (RFC 792, RFC 1122 3.2.2.2, RFC 4861 section 8): a router tells a host on its link of a better next hop.
 *
 * Sent for packets that leave by the interface they came in at (ip_rt_send_redirect, ndisc_send_redirect); what is heard
 * changes the next hop of one destination for five minutes (__ip_do_redirect, rt6_do_redirect). Called by the forwarding
 * files, by icmp.ts and nd.ts with what came in, and by lookup.ts.
 */
import { IpAddress, V4_MAPPED } from '../base/inet-address.ts';
import { Mib } from '../base/counters.ts';
import { Timer } from '../base/timer-queue.ts';
import type { Device } from '../link/device.ts';
import { type Packet, takePacket } from '../link/packet.ts';
import { IPV6_HEADER_LEN, IPV6_MIN_MTU } from '../wire/ipv6.ts';
import {
  ND_MAC_OPTION_LEN, ND_REDIRECT_LEN, NdOptionKind, writeNdMacOption, writeNdRedirect, writeNdRedirectedHeader,
} from '../wire/nd.ts';
import type { Destination } from './destination.ts';
import { IcmpErrorKind } from './icmp-error.ts';
import type { InterfaceAddress } from './interface.ts';
import { hasKnownMac } from './neighbour.ts';
import type { Network } from './network.ts';
import type { Route } from './routes.ts';

/** Linux's ip_rt_redirect_load, _number and _silence: 20 ms, doubled for each that is ignored, nine in all. */
const LOAD_US = 20_000;
const MOST_IGNORED = 9;
const SILENCE_US = LOAD_US * 1024;
/** Linux's ip_rt_gc_timeout: how long a redirect counts. */
const LIFETIME_US = 300e6;
/** Hosts that are told, and destinations that we were told of; of more the oldest is forgotten. */
const MOST_KEPT = 1024;
/** IPv6: one redirect a second for a host and for a destination (inet_peer_xrlim_allow). */
const INTERVAL6_US = 1e6;
const REDIRECTED_HEADER_LEN = 8;

/** A host that was sent redirects. */
class Told {
  count = 0;
  lastAt = 0.5;
}

/** The next hop that a router told us of. */
class Learnt {
  readonly gateway: IpAddress;
  readonly device: Device;
  readonly expiresAt: number;

  constructor(gateway: IpAddress, device: Device, expiresAt: number) {
    this.gateway = gateway;
    this.device = device;
    this.expiresAt = expiresAt;
  }
}

export class Redirects extends Timer {
  private readonly network: Network;
  private readonly told: Map<number, Told> = new Map();
  /** In the order in which they expire. */
  private readonly learnt: Map<string, Learnt> = new Map();

  constructor(network: Network) {
    super();
    this.network = network;
  }

  // Sending.

  /** The packet goes back by the interface it came from. Borrows `p`. */
  send4(p: Packet, way: Destination): void {
    const { now } = this.network.context.loop;
    let told = this.told.get(p.srcD);
    if (told === undefined) {
      if (this.told.size >= MOST_KEPT) this.told.delete(this.told.keys().next().value as number);
      told = new Told();
      this.told.set(p.srcD, told);
    }
    if (now > told.lastAt + SILENCE_US) told.count = 0;
    if (told.count >= MOST_IGNORED) {
      told.lastAt = now;
      return;
    }
    if (told.count > 0 && now <= told.lastAt + LOAD_US * (1 << told.count)) return;
    this.network.sendIcmpError(p, IcmpErrorKind.Redirect, way.nextHop.d);
    told.lastAt = now;
    told.count++;
  }

  /** Likewise; `head` is at the IPv6 header. Borrows `p`. */
  send6(p: Packet, way: Destination): void {
    const { network } = this;
    const { device, nextHop } = way;
    const to = new IpAddress(p.srcA, p.srcB, p.srcC, p.srcD);
    const owner = network.interfaceOf(device);
    const from = owner === null ? null : owner.linkLocal();
    if (from === null || to.isV4 || !network.rateLimit.allowPeer(way.to, INTERVAL6_US)) return;
    // RFC 4861 8.2: routers are known by their link-local addresses.
    if (!nextHop.equals(way.to) && !nextHop.isLinkLocal) return;
    const back = network.lookup(to, null, device);
    if (back === null || !back.nextHop.equals(to) || !network.rateLimit.allowPeer(to, INTERVAL6_US)) return;
    const message = takePacket();
    const at = message.put(ND_REDIRECT_LEN);
    writeNdRedirect(message.view, at, nextHop.a, nextHop.b, nextHop.c, nextHop.d, way.to.a, way.to.b, way.to.c, way.to.d);
    const neighbour = network.neighbours6.find(device, nextHop.a, nextHop.b, nextHop.c, nextHop.d);
    if (neighbour !== null && hasKnownMac(neighbour)) {
      writeNdMacOption(message.view, message.put(ND_MAC_OPTION_LEN), NdOptionKind.TargetLinkLayerAddress, neighbour.macHi, neighbour.macLo);
    }
    const room = IPV6_MIN_MTU - IPV6_HEADER_LEN - (message.headEnd - at);
    const length = Math.min(room, REDIRECTED_HEADER_LEN + p.length) & ~7;
    const optionAt = message.put(length);
    writeNdRedirectedHeader(message.view, optionAt, length);
    p.copyOut(0, message.bytes, optionAt + REDIRECTED_HEADER_LEN, length - REDIRECTED_HEADER_LEN);
    network.counters.values[Mib.Icmp6OutRedirects]++;
    network.discovery.sendTo(message, at, from.address, back);
  }

  // Receiving.

  /** A router told of another next hop for `to`. Borrows `p`, the message. */
  heard4(p: Packet, gateway: IpAddress, to: IpAddress): void {
    const { network } = this;
    const device = p.device as Device;
    const owner = network.interfaceOf(device);
    const way = network.lookup(to, null, null);
    if (owner === null || way === null || !owner.acceptsRedirects4 || way.device !== device) return;
    // Only the router that we use may say so.
    if (way.nextHop.equals(to) || !way.nextHop.is(0, 0, V4_MAPPED, p.srcD) || way.nextHop.equals(gateway)) return;
    const { configuration } = network;
    if (gateway.isMulticast || gateway.isBroadcast || gateway.d >>> 24 === 0 || gateway.isLoopback) return;
    if (network.isLocalAddress(gateway) || configuration.isBroadcast4(gateway.d)) return;
    const isNear = ({ address, prefixLength }: InterfaceAddress): boolean => address.isV4 && gateway.isIn(address, prefixLength);
    if (!owner.sharesMedia && !owner.addresses.some(isNear)) return;
    this.learn(to, gateway, device);
  }

  /** RFC 4861 8.1; the message itself has been checked. Borrows `p`. */
  heard6(p: Packet, target: IpAddress, to: IpAddress): void {
    const device = p.device as Device;
    const way = this.network.lookup(to, null, null);
    if (way === null || way.device !== device || way.nextHop.equals(to) || way.nextHop.equals(target)) return;
    if (way.nextHop.is(p.srcA, p.srcB, p.srcC, p.srcD)) this.learn(to, target, device);
  }

  /** Where packets to `to` go next by this route. */
  nextHop(to: IpAddress, route: Route): IpAddress {
    const configured = route.nextHop ?? to;
    if (this.learnt.size === 0 || route.nextHop === null) return configured;
    const learnt = this.learnt.get(to.toString6());
    return learnt !== undefined && learnt.device === route.device ? learnt.gateway : configured;
  }

  /** A device is gone, and with it what was learnt there. */
  forget(device: Device): void {
    for (const [key, learnt] of this.learnt) if (learnt.device === device) this.learnt.delete(key);
  }

  override expired(): void {
    const { now } = this.network.context.loop;
    for (const [key, learnt] of this.learnt) if (learnt.expiresAt <= now) this.learnt.delete(key);
    this.network.changed();
    this.wait();
  }

  powerOff(): void {
    this.learnt.clear();
    this.network.context.timers.disarm(this);
  }

  private learn(to: IpAddress, gateway: IpAddress, device: Device): void {
    const { network, learnt } = this;
    const key = to.toString6();
    learnt.delete(key);
    if (learnt.size >= MOST_KEPT) learnt.delete(learnt.keys().next().value as string);
    learnt.set(key, new Learnt(gateway, device, network.context.loop.now + LIFETIME_US));
    network.changed();
    this.wait();
  }

  private wait(): void {
    const { timers } = this.network.context;
    const [first] = this.learnt.values();
    if (first === undefined) return timers.disarm(this);
    this.deadline = first.expiresAt;
    timers.arm(this);
  }
}
