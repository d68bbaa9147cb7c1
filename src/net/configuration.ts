/**
 * Interfaces and addresses as they are configured: `ip link`, `ip addr`, group memberships. Routes: route-configuration.ts.
 *
 * Called through Network. Every change raises the network's generation, so that cached Destinations are looked up anew.
 */
import { Errno } from '../base/errno.ts';
import { ALL_HOSTS4, ALL_NODES, ALL_ROUTERS, IpAddress, solicitedNode } from '../base/inet-address.ts';
import { Cost } from '../base/kernel-memory.ts';
import type { Device } from '../link/device.ts';
import type { LoopbackDevice } from '../link/loopback.ts';
import { interfaceIdHigh, interfaceIdLow } from '../wire/ethernet.ts';
import { IFAPROT } from '../wire/netlink-route.ts';
import { AddressScope, Interface, InterfaceAddress, LocalAddresses } from './interface.ts';
import type { Network } from './network.ts';
import { isPrefixLength } from './route-configuration.ts';
import { Route, RouteOrigin, RouteScope, RouteType } from './routes.ts';

/** Linux's metric of IPv6 routes that come with an address; IPv4's is 0. */
const METRIC6_KERNEL = 256;
const FE80 = 0xfe800000 | 0;
/** ff01::1, the nodes of the interface: as `ip maddress` shows it. */
const INTERFACE_NODES = new IpAddress(0xff010000, 0, 0, 1);
/** What an IPv6 router listens to: all routers of the interface, the link and the site (RFC 4291 2.7.1). */
const ROUTER_GROUPS = [new IpAddress(0xff010000, 0, 0, 2), ALL_ROUTERS, new IpAddress(0xff050000, 0, 0, 2)];

/** What may be said about an address beside its prefix. */
export interface AddressOptions {
  /** IPv6: without duplicate address detection. */
  readonly nodad?: boolean;
  readonly scope?: AddressScope;
  /** IPv4: what `ip addr` calls it, and its broadcast address. */
  readonly label?: string;
  readonly broadcast?: IpAddress | null;
  /** Who made it (IFAPROT_). */
  readonly maker?: number;
}

/** Addresses of one interface; Linux's limit is its memory. */
const MOST_ADDRESSES = 4096;

export class Configuration {
  readonly interfaces: Interface[] = [];
  readonly local = new LocalAddresses();
  private readonly network: Network;
  private nextIndex = 1;

  constructor(network: Network) {
    this.network = network;
  }

  // Devices.

  attachLoopback(device: LoopbackDevice): void {
    this.plugIn(device);
    for (const group of [INTERFACE_NODES, ALL_NODES, ALL_HOSTS4]) this.joinGroup(device, group);
    this.addAddress(device, IpAddress.fromV4(0x7f000001), 8);
    this.addOwnAddress6(device);
  }

  /** The IPv6 address that is there by itself: `::1`, or the link-local one made of the hardware address. */
  private addOwnAddress6(device: Device): void {
    if (device.isLoopback) {
      this.addAddress(device, new IpAddress(0, 0, 0, 1), 128, { maker: IFAPROT.KERNEL_LO });
      return;
    }
    const linkLocal = new IpAddress(FE80, 0, interfaceIdHigh(device.macHi, device.macLo), interfaceIdLow(device.macLo));
    this.addAddress(device, linkLocal, 64, { maker: IFAPROT.KERNEL_LL });
  }

  attach(device: Device): number {
    const known = this.interfaceOf(device);
    if (known !== null) return known.index;
    const added = this.plugIn(device);
    for (const group of [INTERFACE_NODES, ALL_NODES, ALL_HOSTS4]) this.joinGroup(device, group);
    if (added.ipv6.forwarding !== 0) this.joinRouterGroups(added);
    this.addOwnAddress6(device);
    return added.index;
  }

  detach(device: Device): void {
    const gone = this.interfaceOf(device);
    if (gone === null) return;
    const { network } = this;
    for (const entry of [...gone.addresses]) this.removeEntry(entry);
    network.routing.table.removeWhere((route) => route.device === device);
    network.neighbours4.flush(device);
    network.neighbours6.flush(device);
    network.discovery.forget(gone);
    network.groups.forget(gone);
    network.redirects.forget(device);
    network.settings.interfaces.ipv4.detach(device.name);
    network.settings.interfaces.ipv6.detach(device.name);
    for (const observer of network.observers) observer.deviceGone(device);
    this.interfaces.splice(this.interfaces.indexOf(gone), 1);
    device.input = null;
    device.listeners = null;
    device.promiscuity = 0;
    device.index = 0;
    network.changed();
  }

  deviceChanged(device: Device): void {
    const { network } = this;
    if (!device.up || !device.carrier) {
      network.neighbours4.flush(device);
      network.neighbours6.flush(device);
    }
    const owner = this.interfaceOf(device);
    if (owner !== null) network.groups.deviceChanged(owner);
    const turned = owner !== null && owner.wasUp !== device.up;
    if (owner !== null) owner.wasUp = device.up;
    network.changed();
    for (const observer of network.observers) observer.deviceChanged(device, turned);
    if (owner === null || !turned) return;
    if (device.up) this.wentUp(owner);
    else this.wentDown(owner);
    network.changed();
  }

  /** Its routes are gone, and IPv6's addresses, those of programs included (fib_disable_ip, addrconf_ifdown). */
  private wentDown(owner: Interface): void {
    const { table } = this.network.routing;
    const { device } = owner;
    for (const entry of owner.addresses.filter(({ address }) => !address.isV4)) this.removeEntry(entry);
    table.removeWhere((route) => !route.isV4 && route.device === device && route.type === RouteType.Unicast);
    // Linux does not tell of IPv4's, and keeps those to this host.
    table.removeWhere((route) => (
      route.isV4 && route.device === device && route.type === RouteType.Unicast && route.scope < RouteScope.Host
    ), true);
  }

  /** The networks of its addresses are reached again; whatever else there was has to be made again. */
  private wentUp(owner: Interface): void {
    for (const entry of owner.addresses) if (!owner.device.isLoopback && !entry.isSecondary) this.addConnectedRoute(entry);
    this.addOwnAddress6(owner.device);
  }

  interfaceOf(device: Device): Interface | null {
    const list = this.interfaces;
    for (let i = 0; i < list.length; i++) if (list[i].device === device) return list[i];
    return null;
  }

  deviceAt(index: number): Device | null {
    for (const entry of this.interfaces) if (entry.index === index) return entry.device;
    return null;
  }

  private plugIn(device: Device): Interface {
    const added = new Interface(device, this.network.settings.interfaces);
    device.index = this.nextIndex++;
    device.input = this.network;
    device.listeners = this.network.frameTap;
    this.interfaces.push(added);
    this.network.changed();
    for (const observer of this.network.observers) observer.deviceAdded(device);
    return added;
  }

  // Addresses.

  addAddress(device: Device, address: IpAddress, prefixLength: number, options: AddressOptions = {}): number {
    const owner = this.interfaceOf(device);
    if (owner === null) return -Errno.ENODEV;
    const longest = address.isV4 ? 32 : 128;
    if (!isPrefixLength(prefixLength, longest) || address.isMulticast || address.isUnspecified || address.isBroadcast) {
      return -Errno.EINVAL;
    }
    // Nobody could talk to it from the wire: packets from and to these are martians there.
    if (address.isLoopback && !device.isLoopback) return -Errno.EINVAL;
    if (owner.find(address) !== null) return -Errno.EEXIST;
    const { memory } = this.network.context;
    if (owner.addresses.length >= MOST_ADDRESSES || memory.lacks(Cost.ADDRESS)) return -Errno.ENOBUFS;
    memory.hold(Cost.ADDRESS);
    const scope = options.scope !== undefined && address.isV4 ? options.scope
      : address.isLoopback ? AddressScope.Host
      : address.isLinkLocal && !address.isV4 ? AddressScope.Link
      : AddressScope.Global;
    const entry = new InterfaceAddress(owner, address, prefixLength, scope);
    entry.label = options.label ?? owner.name;
    entry.givenBroadcast = options.broadcast ?? null;
    entry.maker = options.maker ?? 0;
    entry.isUntested = !address.isV4 && options.nodad === true;
    entry.createdAt = this.network.context.loop.now;
    owner.add(entry);
    this.local.add(entry);
    // Whether it has to be tested first says addressAdded, below.
    if (address.isV4 || device.isLoopback) this.addressChanged(entry, true);
    if (!device.isLoopback && device.up) this.addConnectedRoute(entry);
    this.network.changed();
    if (!address.isV4 && !device.isLoopback) {
      this.joinGroup(device, solicitedNode(address));
      this.network.discovery.addressAdded(entry, options.nodad === true);
      this.addressChanged(entry, true);
    }
    return 0;
  }

  removeAddress(device: Device, address: IpAddress): number {
    const owner = this.interfaceOf(device);
    const entry = owner === null ? null : owner.find(address);
    if (entry === null) return -Errno.EADDRNOTAVAIL;
    this.removeEntry(entry);
    return 0;
  }

  private removeEntry(entry: InterfaceAddress): void {
    const { network } = this;
    const owner = entry.interface;
    const { address, prefixLength } = entry;
    owner.remove(entry);
    network.context.memory.letGo(Cost.ADDRESS);
    this.local.remove(entry);
    this.addressChanged(entry, false);
    if (address.isV4 && !owner.hasIpv4) {
      // Nobody here could be answered any more (fib_disable_ip).
      network.routing.table.removeWhere((route) => route.isV4 && route.device === owner.device && route.type === RouteType.Unicast);
      network.neighbours4.flush(owner.device);
    }
    network.routing.table.removeWhere((route) => route.source !== null && route.source.equals(address));
    // As with promote_secondaries, which distributions set: another address of the network takes over its route.
    for (const other of owner.addresses) if (other.address.isV4 && !owner.device.isLoopback) this.addConnectedRoute(other);
    if (!address.isV4 && !owner.device.isLoopback) {
      network.discovery.addressRemoved(entry);
      this.leaveGroup(owner.device, solicitedNode(address));
      const isShared = owner.addresses.some((other) => !other.address.isV4 && other.prefixLength === prefixLength &&
        other.address.isIn(address, prefixLength));
      if (!isShared) {
        network.routing.table.removeWhere((route) => route.device === owner.device && route.origin === RouteOrigin.Kernel &&
          route.prefixLength === prefixLength && address.isIn(route.prefix, prefixLength));
      }
    }
    network.changed();
  }

  /** Tells who watches. */
  addressChanged(entry: InterfaceAddress, isThere: boolean): void {
    for (const observer of this.network.observers) observer.addressChanged(entry, isThere);
  }

  private addConnectedRoute(entry: InterfaceAddress): void {
    const { address, prefixLength } = entry;
    const { device } = entry.interface;
    if (address.isV4 && prefixLength === 32) return;
    const source = address.isV4 ? address : null;
    const metric = address.isV4 ? 0 : METRIC6_KERNEL;
    this.network.routing.table.add(new Route({
      prefix: address, prefixLength, device, gateway: null, source, metric, origin: RouteOrigin.Kernel, type: RouteType.Unicast,
      scope: RouteScope.Link,
    }));
  }

  /** Is this the broadcast address of a network we are on (255.255.255.255 not counted)? */
  isBroadcast4(word: number): boolean {
    for (const entry of this.interfaces) {
      for (const own of entry.addresses) if (own.broadcast !== 0 && own.broadcast === word) return true;
    }
    return false;
  }

  // Groups.

  joinGroup(device: Device, group: IpAddress): number {
    const owner = this.interfaceOf(device);
    if (owner === null) return -Errno.ENODEV;
    return this.network.groups.join(owner, group);
  }

  /** Settings have changed: an interface that forwards IPv6 now, or does no more (dev_forward_change). */
  routersChanged(): void {
    for (const owner of this.interfaces) {
      if (owner.device.isLoopback) continue;
      const isRouter = owner.isMember(ALL_ROUTERS.a, ALL_ROUTERS.b, ALL_ROUTERS.c, ALL_ROUTERS.d);
      if (owner.ipv6.forwarding !== 0 && !isRouter) this.joinRouterGroups(owner);
      else if (owner.ipv6.forwarding === 0 && isRouter) for (const group of ROUTER_GROUPS) this.leaveGroup(owner.device, group);
    }
  }

  private joinRouterGroups(owner: Interface): void {
    for (const group of ROUTER_GROUPS) this.joinGroup(owner.device, group);
  }

  leaveGroup(device: Device, group: IpAddress): number {
    const owner = this.interfaceOf(device);
    if (owner === null) return -Errno.EADDRNOTAVAIL;
    return this.network.groups.leave(owner, group);
  }
}
