/**
 * A host's network layer: devices below, transports above. Everything of net/ hangs on this object.
 *
 *   in:   device -> frameInput -> Ipv4Input / Ipv6Input -> transport.tcpInput / udpInput
 *                                            `-> Ipv4Forward / Ipv6Forward -> LinkOutput
 *   out:  output -> Ipv4Output / Ipv6Output -> LinkOutput (neighbour) -> device.transmit
 *
 * Configuration is in configuration.ts, route lookup in lookup.ts; this file is the joints.
 */
import type { Counters } from '../base/counters.ts';
import { Mib } from '../base/counters.ts';
import { Errno } from '../base/errno.ts';
import type { HostContext } from '../base/host-context.ts';
import { type IpAddress, isLoopback, V4_MAPPED } from '../base/inet-address.ts';
import type { Settings } from '../base/settings.ts';
import type { Device, FrameTap, NetInput } from '../link/device.ts';
import { LoopbackDevice } from '../link/loopback.ts';
import { FrameFor, type Packet } from '../link/packet.ts';
import {
  BROADCAST_MAC_HI, BROADCAST_MAC_LO, ETHERNET_HEADER_LEN, EtherType, EthernetHeader, isMulticastMac, VLAN_TAG_LEN,
} from '../wire/ethernet.ts';
import { ArpProtocol } from './arp.ts';
import { type AddressOptions, Configuration } from './configuration.ts';
import type { Destination } from './destination.ts';
import type { HeaderExtras } from './header-extras.ts';
import { IcmpErrorKind } from './icmp-error.ts';
import { Icmp } from './icmp.ts';
import { Icmp6 } from './icmp6.ts';
import { Groups } from './groups.ts';
import type { Interface } from './interface.ts';
import { Ipv4Forward } from './ipv4-forward.ts';
import { Ipv4Input } from './ipv4-input.ts';
import { Ipv4Output } from './ipv4-output.ts';
import { Ipv6Forward } from './ipv6-forward.ts';
import { Ipv6Input } from './ipv6-input.ts';
import { Ipv6Output } from './ipv6-output.ts';
import { LinkOutput } from './link-output.ts';
import { RouteLookup } from './lookup.ts';
import { NeighbourDiscovery } from './nd.ts';
import { type Neighbour, NeighbourTable } from './neighbour.ts';
import type { NetworkObserver } from './network-observer.ts';
import { OnwardRoutes } from './onward.ts';
import type { PacketHooks } from './packet-hooks.ts';
import { PathMtuTable } from './path-mtu.ts';
import { RateLimit } from './rate-limit.ts';
import { Redirects } from './redirects.ts';
import { addRoute, deleteRoute, type RouteTarget } from './route-configuration.ts';
import type { Route } from './routes.ts';
import { IcmpErrorReport, type TransportInput } from './transport-input.ts';

const TAGGED_HEADER_LEN = ETHERNET_HEADER_LEN + VLAN_TAG_LEN;

export class Network implements NetInput {
  readonly context: HostContext;
  readonly settings: Settings;
  readonly counters: Counters;
  /** Set once by stack/. */
  transport: TransportInput | null = null;
  /** Raised when addresses, routes or devices change: Destinations of an older generation are stale. */
  generation = 1;
  /** Positive errno of the last lookup that found nothing. */
  lookupErrno = 0;
  readonly loopback: LoopbackDevice;
  /** Who sees the frames of all devices (packet sockets); null when nobody does. */
  frameTap: FrameTap | null = null;
  /** Who stands in the way of packets (a firewall); null when nobody does. */
  hooks: PacketHooks | null = null;
  /** Who hears of changes. */
  readonly observers: NetworkObserver[] = [];

  // The parts of this room.
  readonly configuration: Configuration;
  readonly routing: RouteLookup;
  readonly pathMtus: PathMtuTable;
  readonly rateLimit: RateLimit;
  readonly neighbours4: NeighbourTable;
  readonly neighbours6: NeighbourTable;
  readonly link: LinkOutput;
  readonly arp: ArpProtocol;
  readonly discovery: NeighbourDiscovery;
  readonly groups: Groups;
  readonly icmp: Icmp;
  readonly icmp6: Icmp6;
  readonly ipv4In: Ipv4Input;
  readonly ipv4Out: Ipv4Output;
  readonly ipv6In: Ipv6Input;
  readonly ipv6Out: Ipv6Output;
  readonly onward: OnwardRoutes;
  readonly redirects: Redirects;
  readonly ipv4Forward: Ipv4Forward;
  readonly ipv6Forward: Ipv6Forward;
  /** Re-filled for every ICMP error that goes up. */
  readonly errorReport = new IcmpErrorReport();
  private readonly frame = new EthernetHeader();

  constructor(context: HostContext) {
    this.context = context;
    this.settings = context.settings;
    this.counters = context.counters;
    this.loopback = new LoopbackDevice(context.loop, context.random);
    this.pathMtus = new PathMtuTable(context.settings);
    this.rateLimit = new RateLimit(context);
    this.routing = new RouteLookup(this);
    this.routing.table.observers = this.observers;
    this.link = new LinkOutput(this);
    this.arp = new ArpProtocol(this);
    this.discovery = new NeighbourDiscovery(this);
    this.groups = new Groups(this);
    this.neighbours4 = new NeighbourTable(context, this.arp, this.observers);
    this.neighbours6 = new NeighbourTable(context, this.discovery, this.observers);
    this.icmp = new Icmp(this);
    this.icmp6 = new Icmp6(this);
    this.ipv4In = new Ipv4Input(this);
    this.ipv4Out = new Ipv4Output(this);
    this.ipv6In = new Ipv6Input(this);
    this.ipv6Out = new Ipv6Output(this);
    this.onward = new OnwardRoutes(this);
    this.redirects = new Redirects(this);
    this.ipv4Forward = new Ipv4Forward(this);
    this.ipv6Forward = new Ipv6Forward(this);
    this.configuration = new Configuration(this);
    this.configuration.attachLoopback(this.loopback);
    this.settings.onChange = () => this.settingChanged();
  }

  // Configuration.

  /** `ip link add`, up: gives the device its index and an IPv6 link-local address. Returns the index. */
  attach(device: Device): number {
    return this.configuration.attach(device);
  }

  /** Takes the device away with its addresses, routes and neighbours. */
  detach(device: Device): void {
    this.configuration.detach(device);
  }

  /** From now on `tap` sees the frames of every device, and of those to come; null ends that. */
  watchFrames(tap: FrameTap | null): void {
    this.frameTap = tap;
    for (const { device } of this.interfaces()) device.listeners = tap;
  }

  interfaces(): readonly Interface[] {
    return this.configuration.interfaces;
  }

  /** The interface of an attached device. */
  interfaceOf(device: Device): Interface | null {
    return this.configuration.interfaceOf(device);
  }

  /** The device with an interface index; null when there is none. */
  deviceAt(index: number): Device | null {
    return this.configuration.deviceAt(index);
  }

  /** The device that has this address of ours; null when it is nobody's. All of 127.0.0.0/8 is loopback's. */
  deviceOf(address: IpAddress): Device | null {
    const entry = this.configuration.local.find(address.a, address.b, address.c, address.d);
    if (entry !== null) return entry.interface.device;
    return address.isV4 && address.isLoopback ? this.loopback : null;
  }

  /** Where a group is joined by who names no interface: where the route to it leads; null when there is none. */
  deviceForGroup(group: IpAddress): Device | null {
    return group.isV4 ? (this.routing.lookup(group, null, null, false)?.device ?? null) : this.routing.deviceForGroup6(group);
  }

  /**
   * `ip addr add`: 0, -EEXIST, -EINVAL (a group's, a loopback's or nobody's address) or -ENODEV.
   * The connected route comes with it; `nodad` skips IPv6's test.
   */
  addAddress(device: Device, address: IpAddress, prefixLength: number, options?: AddressOptions): number {
    return this.configuration.addAddress(device, address, prefixLength, options);
  }

  /** `ip addr del`: 0 or -EADDRNOTAVAIL. */
  removeAddress(device: Device, address: IpAddress): number {
    return this.configuration.removeAddress(device, address);
  }

  /**
   * `ip route add`: 0, -EEXIST, -ENETUNREACH and -EHOSTUNREACH (the gateway is on no link, IPv4 and IPv6), -ENODEV,
   * -ENETDOWN, -EINVAL. For a default route `to` is 0.0.0.0 or :: with prefix length 0.
   */
  addRoute(to: IpAddress, prefixLength: number, target: RouteTarget): number {
    return addRoute(this, to, prefixLength, target);
  }

  /** `ip route del`: 0, -ESRCH, -ENODEV or -EINVAL. What `target` leaves out may be anything. */
  deleteRoute(to: IpAddress, prefixLength: number, target: RouteTarget = {}): number {
    return deleteRoute(this, to, prefixLength, target);
  }

  routes(): readonly Route[] {
    return this.routing.table.routes;
  }

  /** Every neighbour entry, as `ip neigh` lists them. */
  *neighbours(): IterableIterator<Neighbour> {
    yield* this.neighbours4;
    yield* this.neighbours6;
  }

  /** Joins a multicast group on a device; counted, so every join needs its leave. 0, -EINVAL or -ENODEV. */
  joinGroup(device: Device, group: IpAddress): number {
    return this.configuration.joinGroup(device, group);
  }

  /** 0 or -EADDRNOTAVAIL. */
  leaveGroup(device: Device, group: IpAddress): number {
    return this.configuration.leaveGroup(device, group);
  }

  /** The machine loses its power: its devices are taken from it, and what waits for an answer or a fragment is gone. */
  powerOff(): void {
    for (const { device } of [...this.interfaces()]) {
      device.dropQueued();
      if (device.isLoopback) device.up = false;
      else this.detach(device);
    }
    this.groups.powerOff();
    this.link.powerOff();
    this.redirects.powerOff();
    this.ipv4In.reassembly.clear();
    this.ipv6In.reassembly.clear();
  }

  /** What was found may have followed from the old value. */
  private settingChanged(): void {
    this.changed();
    this.configuration.routersChanged();
  }

  /** Addresses, routes or devices have changed. */
  changed(): void {
    this.generation++;
  }

  // Routing.

  /**
   * The way to `to`; null sets `lookupErrno`. `from` is the source that is bound (null: choose one), `bound` the device
   * (null: any). `onLink` (SO_DONTROUTE) does without gateways, over IPv4: IPv6 takes no notice of it, as on Linux.
   * Results are shared: do not change them.
   */
  lookup(to: IpAddress, from: IpAddress | null, bound: Device | null, onLink = false): Destination | null {
    return this.routing.lookup(to, from, bound, onLink);
  }

  /** The same for what a socket wants to send: that there is no way is counted. */
  lookupToSend(to: IpAddress, from: IpAddress | null, bound: Device | null, onLink: boolean): Destination | null {
    const way = this.routing.lookup(to, from, bound, onLink);
    if (way === null && this.lookupErrno === Errno.ENETUNREACH) this.counters.values[to.isV4 ? Mib.IpOutNoRoutes : Mib.Ip6OutNoRoutes]++;
    return way;
  }

  /** The way back to where a received packet came from, from where it was sent to (RouteLookup.lookupBack). */
  lookupBack(p: Packet, bound: Device | null, onLink = false): Destination | null {
    return this.routing.lookupBack(p, bound, onLink);
  }

  /** Is this an address that a socket of ours may bind? Addresses under duplicate detection are not. */
  isLocalAddress(address: IpAddress): boolean {
    return this.localWords(address.a, address.b, address.c, address.d);
  }

  localWords(a: number, b: number, c: number, d: number): boolean {
    const entry = this.configuration.local.find(a, b, c, d);
    if (entry !== null) return entry.usable;
    return c === V4_MAPPED && isLoopback(a, b, c, d);
  }

  /** The same of an IPv4 address as one word, for who hands the question on. */
  readonly isLocal4 = (address: number): boolean => this.localWords(0, 0, V4_MAPPED, address);

  /** A path's MTU was learnt from an ICMP error that the transport has checked. */
  setPathMtu(to: IpAddress, mtuBytes: number): void {
    this.routing.setPathMtu(to, mtuBytes);
  }

  /** Before `mtuBytes` of a Destination that was kept is used without `output`: brings it up to date. */
  refreshPathMtu(d: Destination): void {
    if (!d.isCached) this.routing.refreshPathMtu(d);
  }

  /** A transport made progress with this peer: its neighbour entry is confirmed (RFC 4861 7.3.1). */
  confirmNeighbour(d: Destination): void {
    const neighbour = d.neighbour;
    if (neighbour !== null) neighbour.confirmedAt = this.context.loop.now;
  }

  // Output.

  /**
   * Sends a packet whose `head` is at its transport header; takes over `p`. `ttl` -1 is the default. Returns 0 or a
   * negative errno: -EMSGSIZE (longer than the path MTU and not to be fragmented, or than IP allows), -ENOBUFS, -EPERM
   * (a firewall).
   */
  output(
    p: Packet, d: Destination, from: IpAddress, to: IpAddress, protocol: number, ttl: number, tos: number,
    dontFragment: boolean,
  ): number {
    if (this.hooks !== null) {
      const verdict = this.hooks.output(p, d, from, to, protocol);
      if (verdict !== 0) return verdict < 0 ? verdict : 0;
    }
    // What was learnt of the way's MTU since `d` was looked up, and what has been forgotten.
    if (!d.isCached) this.routing.refreshPathMtu(d);
    if (d.mtuExpiresAt <= this.context.loop.now) this.routing.expirePathMtu(d);
    return d.isV4
      ? this.ipv4Out.output(p, d, from.d, to.d, protocol, ttl, tos, dontFragment)
      : this.ipv6Out.output(p, d, from, to, protocol, ttl, tos, dontFragment);
  }

  /** The same for a packet whose header has more to it; null for one that is as all others. */
  outputWith(
    p: Packet, d: Destination, from: IpAddress, to: IpAddress, protocol: number, ttl: number, tos: number,
    dontFragment: boolean, extras: HeaderExtras | null,
  ): number {
    if (extras === null) return this.output(p, d, from, to, protocol, ttl, tos, dontFragment);
    if (this.hooks !== null) {
      const verdict = this.hooks.output(p, d, from, to, protocol);
      if (verdict !== 0) return verdict < 0 ? verdict : 0;
    }
    if (!d.isCached) this.routing.refreshPathMtu(d);
    if (d.mtuExpiresAt <= this.context.loop.now) this.routing.expirePathMtu(d);
    return d.isV4
      ? this.ipv4Out.outputWith(p, d, from.d, to.d, protocol, ttl, tos, dontFragment, extras.ipOptions)
      : this.ipv6Out.outputWith(p, d, from, to, protocol, ttl, tos, dontFragment, extras);
  }

  /**
   * Sends an ICMP error about a packet that arrived, if the rules and the rate limits allow. Borrows `inReplyTo`, whose
   * `l3` must be known. `info` is the MTU or the parameter problem's pointer.
   */
  sendIcmpError(inReplyTo: Packet, kind: IcmpErrorKind, info = 0): void {
    if (inReplyTo.isV4) this.icmp.sendError(inReplyTo, kind, info);
    else this.icmp6.sendError(inReplyTo, kind, info);
  }

  /** Nobody listens on the UDP port. Borrows `p`. */
  sendPortUnreachable(p: Packet): void {
    this.sendIcmpError(p, IcmpErrorKind.PortUnreachable);
  }

  // Input.

  frameInput(device: Device, p: Packet): void {
    const { frame } = this;
    const values = this.counters.values;
    p.l2 = p.head;
    if (!(p.pull(TAGGED_HEADER_LEN) || p.pull(ETHERNET_HEADER_LEN)) || !frame.parse(p.view, p.head, p.headEnd, p.length)) {
      values[Mib.LinkInTruncated]++;
      p.release();
      return;
    }
    if (frame.dstLo !== device.macLo || frame.dstHi !== device.macHi) {
      if (!isMulticastMac(frame.dstHi)) {
        values[Mib.LinkInOtherHost]++;
        p.release();
        return;
      }
      const isBroadcast = frame.dstLo === BROADCAST_MAC_LO && frame.dstHi === BROADCAST_MAC_HI;
      p.frameFor = isBroadcast ? FrameFor.Broadcast : FrameFor.Multicast;
    } else {
      p.frameFor = FrameFor.Host;
    }
    // Marks and priorities do not leave their host.
    if (!device.isLoopback) p.mark = p.priority = 0;
    // A priority tag (VLAN 0) means nothing to a host; other VLANs have no interface here.
    const etherType = frame.vlan > 0 ? 0 : frame.etherType;
    p.head += frame.headerLen;
    switch (etherType) {
      case EtherType.Ipv4:
        return this.ipv4In.input(p);
      case EtherType.Ipv6:
        return this.ipv6In.input(p);
      case EtherType.Arp:
        return this.arp.input(p, device, frame.srcHi, frame.srcLo);
      default:
        values[Mib.LinkInUnknownProtocol]++;
        p.release();
    }
  }

  deviceChanged(device: Device): void {
    this.configuration.deviceChanged(device);
  }
}
