/**
 * Route lookup: which device, which next hop, which source address (Linux's ip_route_output_key and
 * ip6_route_output, RFC 6724 for IPv6 sources).
 *
 * Called by Network.lookup; results are cached by what was asked for until the network's generation changes.
 */
import { Errno } from '../base/errno.ts';
import {
  ANY4, commonPrefixLength, IpAddress, LOOPBACK4, LOOPBACK6, multicastScope,
} from '../base/inet-address.ts';
import type { Device } from '../link/device.ts';
import type { Packet } from '../link/packet.ts';
import { DestinationCache } from './destination-cache.ts';
import { Destination, DestinationKind } from './destination.ts';
import { type Interface, type InterfaceAddress, AddressScope } from './interface.ts';
import type { Network } from './network.ts';
import { linkMtu } from './path-mtu.ts';
import { type Route, RouteTable } from './routes.ts';

/** 127.255.255.255, the broadcast address of 127.0.0.1/8. */
const LOOPBACK_BROADCAST = 0x7fffffff;

export class RouteLookup {
  readonly table: RouteTable;
  private readonly cache = new DestinationCache();
  private readonly network: Network;

  constructor(network: Network) {
    this.network = network;
    this.table = new RouteTable(network.context.memory);
  }

  lookup(to: IpAddress, from: IpAddress | null, bound: Device | null, onLink: boolean): Destination | null {
    const { cache, network } = this;
    cache.refresh(network.generation);
    const cached = cache.find(to, from, bound, onLink);
    if (cached !== null) return cached;
    const found = to.isV4 ? this.lookup4(to, from, bound, onLink) : this.lookup6(to, from, bound);
    if (found === null) return null;
    network.pathMtus.apply(found, network.context.loop.now);
    cache.add(found, from, bound, onLink, network.pathMtus.epoch);
    return found;
  }

  /** A Destination that answers a packet of these words, without an IpAddress when one is cached. Null as `lookup`. */
  cachedWords(a: number, b: number, c: number, d: number): Destination | null {
    this.cache.refresh(this.network.generation);
    return this.cache.findAny(a, b, c, d);
  }

  /**
   * The way back to where a received packet came from, from where it was sent to; null as `lookup`. Allocates nothing
   * once it is cached, and `askedFrom` and `to` of the result are the two addresses, to be kept instead of copies.
   */
  lookupBack(p: Packet, bound: Device | null, onLink: boolean): Destination | null {
    this.cache.refresh(this.network.generation);
    const cached = this.cache.findBack(p, bound, onLink);
    if (cached !== null) return cached;
    const to = new IpAddress(p.srcA, p.srcB, p.srcC, p.srcD);
    // There is no way back to nobody; for `lookup` it would mean this host.
    if (to.isUnspecified) return this.fail(Errno.ENETUNREACH);
    return this.lookup(to, new IpAddress(p.dstA, p.dstB, p.dstC, p.dstD), bound, onLink);
  }

  setPathMtu(to: IpAddress, mtuBytes: number): void {
    const { network } = this;
    const now = network.context.loop.now;
    const d = this.lookup(to, null, null, false) ?? this.cache.first(to);
    if (d === null || d.kind !== DestinationKind.Unicast) return;
    if (d.mtuExpiresAt <= now) this.expirePathMtu(d);
    if (!network.pathMtus.learn(to, mtuBytes, d.mtuBytes, now)) return;
    for (let here = this.cache.first(to); here !== null; here = here.nextCached) {
      if (here.to.equals(to)) network.pathMtus.apply(here, now);
    }
  }

  /** For a Destination that the cache has let go: takes notice of what was learnt since. Rare, and cheap when nothing was. */
  refreshPathMtu(d: Destination): void {
    const { pathMtus, context } = this.network;
    if (d.pathEpoch === pathMtus.epoch) return;
    d.pathEpoch = pathMtus.epoch;
    pathMtus.apply(d, context.loop.now);
  }

  /** What was learnt about the path is too old: the device's MTU counts again. */
  expirePathMtu(d: Destination): void {
    d.mtuBytes = linkMtu(d.isV4, d.device.mtuBytes);
    d.mtuExpiresAt = Infinity;
    d.mtuLocked = false;
    this.network.pathMtus.apply(d, this.network.context.loop.now);
  }

  // IPv4.

  private lookup4(asked: IpAddress, from: IpAddress | null, bound: Device | null, onLink: boolean): Destination | null {
    const { network } = this;
    const { configuration } = network;
    const to = asked.isUnspecified ? (from ?? LOOPBACK4) : asked;
    let device = bound;
    if (from !== null) {
      if (!from.isV4 || from.isMulticast || from.isBroadcast || from.isUnspecified) return this.fail(Errno.EINVAL);
      const owner = configuration.local.find(from.a, from.b, from.c, from.d);
      if (owner === null && !from.isLoopback && network.settings.ipNonlocalBind === 0) return this.fail(Errno.ENETUNREACH);
      // Whoever sends to a group from one of our addresses means that address's network.
      if (device === null && (to.isMulticast || to.isBroadcast)) device = network.deviceOf(from);
    }
    if (device !== null && (!device.up || network.interfaceOf(device) === null)) return this.fail(Errno.ENETUNREACH);
    if (to.d === LOOPBACK_BROADCAST && (device === null || device.isLoopback)) {
      return this.make(DestinationKind.Broadcast, network.loopback, to, to, from ?? LOOPBACK4, 32);
    }
    if (this.isLocal4(to, device)) {
      const source = from ?? (to.isLoopback && configuration.local.find(to.a, to.b, to.c, to.d) === null ? LOOPBACK4 : to);
      return this.make(DestinationKind.Local, network.loopback, to, to, source, 32);
    }
    if (to.isMulticast || to.isBroadcast) {
      const kind = to.isMulticast ? DestinationKind.Multicast : DestinationKind.Broadcast;
      const route = device === null ? this.table.lookup(to, null, onLink) : null;
      if (route !== null && route.refusal !== 0) return this.fail(route.refusal);
      const out = device ?? (route === null ? null : route.device);
      if (out === null) return this.fail(Errno.ENETUNREACH);
      return this.make(kind, out, to, to, from ?? this.sourceForGroup4(out, route), 32);
    }
    const broadcastOn = this.broadcastDevice(to, device);
    if (broadcastOn !== null) {
      return this.make(DestinationKind.Broadcast, broadcastOn, to, to, from ?? this.source4(broadcastOn, to, null), 32);
    }
    const route = this.table.lookup(to, device, onLink);
    if (route === null) {
      if (device === null) return this.fail(Errno.ENETUNREACH);
      // Linux: the user named the device, so the destination is taken to be on its link.
      return this.make(DestinationKind.Unicast, device, to, to, from ?? this.source4(device, to, null), 0);
    }
    if (route.refusal !== 0) return this.fail(route.refusal);
    const nextHop = this.network.redirects.nextHop(to, route);
    const source = from ?? this.source4(route.device, nextHop, route);
    return this.make(DestinationKind.Unicast, route.device, to, nextHop, source, route.prefixLength);
  }

  private isLocal4(to: IpAddress, device: Device | null): boolean {
    const onLoopback = device === null || device.isLoopback;
    if (to.isLoopback) return onLoopback;
    const entry = this.network.configuration.local.find(to.a, to.b, to.c, to.d);
    return entry !== null && (onLoopback || entry.interface.device === device);
  }

  /** The device on whose subnet `to` is the broadcast address. */
  private broadcastDevice(to: IpAddress, device: Device | null): Device | null {
    for (const entry of this.network.configuration.interfaces) {
      if (!entry.device.up || entry.device.isLoopback || (device !== null && entry.device !== device)) continue;
      for (const own of entry.addresses) if (own.broadcast !== 0 && own.broadcast === to.d) return entry.device;
    }
    return null;
  }

  /** inet_select_addr: the address whose subnet holds the next hop, else the device's first, else any global one. */
  private source4(device: Device, nextHop: IpAddress, route: Route | null): IpAddress {
    if (route !== null && route.source !== null) return route.source;
    const { configuration } = this.network;
    let first: IpAddress | null = null;
    const owner = configuration.interfaceOf(device);
    if (owner !== null) {
      for (const own of owner.addresses) {
        if (!own.address.isV4) continue;
        if (nextHop.isIn(own.address, own.prefixLength)) return own.address;
        first ??= own.address;
      }
    }
    if (first !== null) return first;
    for (const other of configuration.interfaces) {
      for (const own of other.addresses) if (own.address.isV4 && own.scope === AddressScope.Global) return own.address;
    }
    return ANY4;
  }

  /** Addresses of loopback go no farther than this host: with no others there is no source (inet_select_addr). */
  private sourceForGroup4(device: Device, route: Route | null): IpAddress {
    if (route !== null && route.source !== null) return route.source;
    const { configuration } = this.network;
    const owner = configuration.interfaceOf(device);
    for (const each of owner === null ? configuration.interfaces : [owner, ...configuration.interfaces]) {
      for (const own of each.addresses) if (own.address.isV4 && own.scope !== AddressScope.Host) return own.address;
    }
    return ANY4;
  }

  // IPv6.

  private lookup6(asked: IpAddress, from: IpAddress | null, bound: Device | null): Destination | null {
    // A source of IPv4 is a mistake that shows when there is a way (ip6_dst_lookup_tail).
    if (from?.isV4 === true) return this.lookup6(asked, null, bound) === null ? null : this.fail(Errno.EAFNOSUPPORT);
    const { network } = this;
    const { configuration } = network;
    const to = asked.isUnspecified ? LOOPBACK6 : asked;
    let device = bound;
    if (from !== null) {
      if (from.isMulticast) return this.fail(Errno.EINVAL);
      if (device === null && from.isLinkLocal && (to.isLinkLocal || to.isMulticast)) {
        const owner = configuration.local.find(from.a, from.b, from.c, from.d);
        if (owner !== null) device = owner.interface.device;
      }
    }
    if (device !== null && (!device.up || network.interfaceOf(device) === null)) return this.fail(Errno.ENETUNREACH);
    if (this.isLocal6(to, device)) {
      return this.make(DestinationKind.Local, network.loopback, to, to, from ?? to, 128);
    }
    if (to.isMulticast) {
      const out = device ?? this.multicastDevice(to);
      // Linux gives `lo` no multicast route.
      if (out === null || out.isLoopback) return this.fail(Errno.ENETUNREACH);
      return this.finish6(DestinationKind.Multicast, out, to, to, from, null, 8);
    }
    const route = this.table.lookup(to, device);
    if (route === null) return this.fail(Errno.ENETUNREACH);
    if (route.refusal !== 0) return this.fail(route.refusal);
    const nextHop = this.network.redirects.nextHop(to, route);
    return this.finish6(DestinationKind.Unicast, route.device, to, nextHop, from, route, route.prefixLength);
  }

  private isLocal6(to: IpAddress, device: Device | null): boolean {
    const { configuration } = this.network;
    if (device === null || device.isLoopback) {
      const entry = configuration.local.find(to.a, to.b, to.c, to.d);
      return entry !== null && entry.usable;
    }
    const owner = configuration.interfaceOf(device);
    const entry = owner === null ? null : owner.find(to);
    return entry !== null && entry.usable;
  }

  private multicastDevice(to: IpAddress): Device | null {
    return multicastScope(to.a) === 1 ? this.network.loopback : this.deviceForGroup6(to);
  }

  /** A route to the group, or any interface's own for all groups, as each but loopback has one (addrconf_add_mroute). */
  deviceForGroup6(to: IpAddress): Device | null {
    const route = this.table.lookup(to, null);
    if (route !== null && route.prefix.isMulticast && route.refusal === 0) return route.device;
    for (const entry of this.network.configuration.interfaces) {
      if (entry.device.up && !entry.device.isLoopback) return entry.device;
    }
    return null;
  }

  private finish6(
    kind: DestinationKind, device: Device, to: IpAddress, nextHop: IpAddress, from: IpAddress | null,
    route: Route | null, prefixLength: number,
  ): Destination | null {
    const source = from ?? (route === null ? null : route.source) ?? this.source6(device, to);
    if (source === null) return this.fail(Errno.EADDRNOTAVAIL);
    return this.make(kind, device, to, nextHop, source, prefixLength);
  }

  /** RFC 6724 section 5. Candidates for destinations on the link are the device's own addresses. */
  private source6(device: Device, to: IpAddress): IpAddress | null {
    const strict = to.isLinkLocal || to.isMulticast;
    let best: InterfaceAddress | null = null;
    for (const owner of this.network.configuration.interfaces) {
      if (strict && owner.device !== device) continue;
      for (const own of owner.addresses) {
        if (own.address.isV4 || !own.usable) continue;
        if (own.scope === AddressScope.Host && !device.isLoopback) continue;
        // A link-local address of another link is of no use.
        if (own.scope === AddressScope.Link && owner.device !== device) continue;
        if (best === null || betterSource(own, best, to, device)) best = own;
      }
    }
    return best === null ? null : best.address;
  }

  // Both.

  private make(
    kind: DestinationKind, device: Device, to: IpAddress, nextHop: IpAddress, source: IpAddress, prefixLength: number,
  ): Destination {
    const isV4 = to.isV4;
    const mtu = linkMtu(isV4, device.mtuBytes);
    const d = new Destination(kind, isV4, device, to, nextHop, source, mtu, this.network.generation);
    d.prefixLength = prefixLength;
    return d;
  }

  private fail(errno: number): null {
    this.network.lookupErrno = errno;
    return null;
  }
}

/** Is `x` a better source than `y`? Rules 1, 2, 5, 6 and 8 of RFC 6724 section 5; the others need what we lack. */
function betterSource(x: InterfaceAddress, y: InterfaceAddress, to: IpAddress, device: Device): boolean {
  if (x.address.equals(to) !== y.address.equals(to)) return x.address.equals(to);
  const xScope = scopeOf(x.address);
  const yScope = scopeOf(y.address);
  const toScope = scopeOf(to);
  if (xScope !== yScope) return xScope < yScope ? xScope >= toScope : yScope < toScope;
  const xOut = outgoing(x.interface, device);
  if (xOut !== outgoing(y.interface, device)) return xOut;
  const label = labelOf(to);
  const xLabel = labelOf(x.address) === label;
  if (xLabel !== (labelOf(y.address) === label)) return xLabel;
  const xCommon = Math.min(commonPrefixLength(x.address, to), x.prefixLength);
  return xCommon > Math.min(commonPrefixLength(y.address, to), y.prefixLength);
}

function outgoing(owner: Interface, device: Device): boolean {
  return owner.device === device;
}

/** RFC 4007 scopes: interface 1, link 2, global 14. */
function scopeOf(address: IpAddress): number {
  if (address.isMulticast) return multicastScope(address.a);
  if (address.isLoopback) return 1;
  return address.isLinkLocal ? 2 : 14;
}

/** The policy table's labels as in Linux (RFC 6724 section 2.1), for the prefixes that are in use. */
function labelOf(address: IpAddress): number {
  if (address.isLoopback) return 0;
  const top = address.a >>> 16;
  if (top === 0x2002) return 2;
  if (address.a === 0x20010000) return 6;
  return top >>> 9 === 0x7e ? 5 : 1;
}
