/**
 * Links, addresses, routes and neighbours as rtnetlink(7) has them: what dumps, answers and notifications consist of
 * (rtnl_fill_ifinfo, inet_fill_ifaddr, inet6_fill_ifaddr, fib_dump_info, rt6_fill_node, neigh_fill_info). Of Linux's attributes
 * those whose values are known here, in Linux's order.
 */
import type { IpAddress } from '../../base/inet-address.ts';
import type { DeviceStatistics } from '../../link/device.ts';
import { AddressScope, type Interface, type InterfaceAddress } from '../../net/interface.ts';
import type { LocalRoute } from '../../net/local-table.ts';
import { hasKnownMac, type Neighbour } from '../../net/neighbour.ts';
import { type Route, RouteType } from '../../net/routes.ts';
import { MacAddress } from '../../wire/ethernet.ts';
import type { NetlinkWriter } from '../../wire/netlink.ts';
import {
  IFA, IFA_F, IFF_LOWER_UP, IFLA, NDA, NTF, OPERSTATE, RT_TABLE, RTA, RTN, RTNH_F, RTPROT,
} from '../../wire/netlink-route.ts';
import { AF } from '../constants.ts';
import type { Reply } from './netlink-dump.ts';
import { hardwareType, macBytes } from './packet-address.ts';

/** An address that never expires (INFINITY_LIFE_TIME). */
const FOR_EVER = 0xffffffff;
const TX_QUEUE_LENGTH = 1000;
const BROADCAST = Uint8Array.of(255, 255, 255, 255, 255, 255);
/** Ethernet's limits (ETH_MIN_MTU, ETH_MAX_MTU); loopback has none. */
export const MIN_MTU = 68, MAX_MTU = 65535;
/** Times in messages count hundredths of a second. */
const US_PER_TICK = 10000;

/** RTM_NEWLINK or RTM_DELLINK; `changed` are the flags that are others now. */
export function putLink(
  to: NetlinkWriter, type: number, flags: number, { port, sequence }: Reply, owner: Interface, changed = 0,
): void {
  const { device } = owner;
  const isCard = !device.isLoopback;
  to.begin(type, flags, sequence, port).uint8(AF.UNSPEC).uint8(0).uint16(hardwareType(device));
  to.uint32(device.index).uint32(linkFlags(owner)).uint32(changed);
  to.attributeText(IFLA.IFNAME, device.name).attributeUint32(IFLA.TXQLEN, TX_QUEUE_LENGTH);
  to.attributeUint8(IFLA.OPERSTATE, operationalState(owner)).attributeUint8(IFLA.LINKMODE, 0);
  to.attributeUint32(IFLA.MTU, device.mtuBytes).attributeUint32(IFLA.MIN_MTU, isCard ? MIN_MTU : 0);
  to.attributeUint32(IFLA.MAX_MTU, isCard ? MAX_MTU : 0).attributeUint32(IFLA.GROUP, 0);
  to.attributeUint32(IFLA.PROMISCUITY, device.promiscuity).attributeUint32(IFLA.NUM_TX_QUEUES, 1);
  to.attributeUint32(IFLA.NUM_RX_QUEUES, 1).attributeUint8(IFLA.CARRIER, device.carrier ? 1 : 0);
  to.attribute(IFLA.ADDRESS, macBytes(device)).attribute(IFLA.BROADCAST, isCard ? BROADCAST : new Uint8Array(6));
  to.attribute(IFLA.STATS64, statistics64(device.statistics)).attribute(IFLA.STATS, statistics32(device.statistics));
  to.attributeText(IFLA.QDISC, 'noqueue').end();
}

function operationalState({ device }: Interface): number {
  if (!device.up) return OPERSTATE.DOWN;
  if (device.isLoopback) return OPERSTATE.UNKNOWN;
  return device.carrier ? OPERSTATE.UP : OPERSTATE.DOWN;
}

function linkFlags(owner: Interface): number {
  return owner.flags | (owner.device.up && owner.device.carrier ? IFF_LOWER_UP : 0);
}

/** In the order of `struct rtnl_link_stats`; what a device does not count is 0. */
function counts(statistics: DeviceStatistics): number[] {
  const { rxPackets, txPackets, rxBytes, txBytes, rxErrors, txErrors, rxDropped, txDropped } = statistics;
  return [rxPackets, txPackets, rxBytes, txBytes, rxErrors, txErrors, rxDropped, txDropped];
}

function statistics64(statistics: DeviceStatistics): Uint8Array {
  const bytes = new Uint8Array(25 * 8);
  const view = new DataView(bytes.buffer);
  counts(statistics).forEach((count, i) => {
    view.setUint32(i * 8, count >>> 0, true);
    view.setUint32(i * 8 + 4, count / 4294967296, true);
  });
  return bytes;
}

function statistics32(statistics: DeviceStatistics): Uint8Array {
  const bytes = new Uint8Array(24 * 4);
  const view = new DataView(bytes.buffer);
  counts(statistics).forEach((count, i) => view.setUint32(i * 4, count >>> 0, true));
  return bytes;
}

/** RTM_NEWADDR or RTM_DELADDR. */
export function putAddress(to: NetlinkWriter, type: number, flags: number, { port, sequence }: Reply, entry: InterfaceAddress): void {
  const { address, prefixLength, scope, interface: owner, givenBroadcast, maker } = entry;
  const { isV4 } = address;
  const state = IFA_F.PERMANENT | (entry.isSecondary ? IFA_F.SECONDARY : 0) | (entry.tentative ? IFA_F.TENTATIVE : 0) |
    (entry.dadFailed ? IFA_F.DADFAILED : 0) | (entry.isUntested ? IFA_F.NODAD : 0);
  to.begin(type, flags, sequence, port).uint8(isV4 ? AF.INET : AF.INET6).uint8(prefixLength).uint8(state).uint8(scope).uint32(owner.index);
  to.attribute(IFA.ADDRESS, address.toBytes());
  if (isV4) {
    to.attribute(IFA.LOCAL, address.toBytes());
    if (givenBroadcast !== null) to.attribute(IFA.BROADCAST, givenBroadcast.toBytes());
    to.attributeText(IFA.LABEL, entry.label).attributeUint32(IFA.FLAGS, state);
  }
  const made = Math.max(entry.createdAt, 0) / US_PER_TICK;
  to.attribute(IFA.CACHEINFO, words(FOR_EVER, FOR_EVER, made, made));
  if (!isV4) to.attributeUint32(IFA.FLAGS, state);
  if (maker !== 0) to.attributeUint8(IFA.PROTO, maker);
  to.end();
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setUint32(i * 4, value, true));
  return bytes;
}

/** `struct rta_cacheinfo` of a route that nobody uses at the moment. */
const UNUSED = new Uint8Array(32);

/** RTM_NEWROUTE or RTM_DELROUTE. */
export function putRoute(to: NetlinkWriter, type: number, flags: number, { port, sequence }: Reply, route: Route): void {
  const { prefix, prefixLength, gateway, source, metric, device, isV4 } = route;
  to.begin(type, flags, sequence, port).uint8(isV4 ? AF.INET : AF.INET6).uint8(prefixLength).uint8(0).uint8(0);
  // IPv6 knows no scopes.
  const hop = (route.onLink ? RTNH_F.ONLINK : 0) | (device.carrier || device.isLoopback ? 0 : RTNH_F.LINKDOWN);
  to.uint8(RT_TABLE.MAIN).uint8(route.origin).uint8(isV4 ? route.scope : 0).uint8(route.type).uint32(hop);
  to.attributeUint32(RTA.TABLE, RT_TABLE.MAIN);
  if (prefixLength > 0) to.attribute(RTA.DST, prefix.toBytes());
  if (isV4) {
    if (metric !== 0) to.attributeUint32(RTA.PRIORITY, metric);
    if (source !== null) to.attribute(RTA.PREFSRC, source.toBytes());
    if (gateway !== null) to.attribute(RTA.GATEWAY, gateway.toBytes());
    // An IPv4 route that refuses has no device; IPv6's has the loopback.
    if (route.type === RouteType.Unicast) to.attributeUint32(RTA.OIF, device.index);
  } else {
    if (source !== null) to.attribute(RTA.PREFSRC, source.toBytes());
    to.attributeUint32(RTA.PRIORITY, metric);
    if (gateway !== null) to.attribute(RTA.GATEWAY, gateway.toBytes());
    to.attributeUint32(RTA.OIF, device.index);
    putUse6(to);
  }
  to.end();
}

/** How a route of IPv6 is used (not at all), and its preference among routers (medium). */
export function putUse6(to: NetlinkWriter): void {
  to.attribute(RTA.CACHEINFO, UNUSED).attributeUint8(RTA.PREF, 0);
}

/** One of the table `local`. */
export function putLocalRoute(
  to: NetlinkWriter, type: number, flags: number, { port, sequence }: Reply, route: LocalRoute, table: number = RT_TABLE.LOCAL,
): void {
  const { prefix, prefixLength, source, device, metric } = route;
  const { isV4 } = prefix;
  to.begin(type, flags, sequence, port).uint8(isV4 ? AF.INET : AF.INET6).uint8(prefixLength).uint8(0).uint8(0);
  to.uint8(table).uint8(RTPROT.KERNEL).uint8(route.scope).uint8(route.type).uint32(0);
  to.attributeUint32(RTA.TABLE, table).attribute(RTA.DST, prefix.toBytes());
  if (source !== null) to.attribute(RTA.PREFSRC, source.toBytes());
  if (!isV4) to.attributeUint32(RTA.PRIORITY, metric);
  to.attributeUint32(RTA.OIF, device.index);
  if (!isV4) putUse6(to);
  to.end();
}

/** RTM_NEWNEIGH or RTM_DELNEIGH. */
export function putNeighbour(to: NetlinkWriter, type: number, flags: number, { port, sequence }: Reply, neighbour: Neighbour): void {
  const { address, device, isRouter, macHi, macLo, stateNow } = neighbour;
  const { now } = neighbour.table.loop;
  to.begin(type, flags, sequence, port).uint8(address.isV4 ? AF.INET : AF.INET6).uint8(0).uint16(0).uint32(device.index);
  to.uint16(stateNow).uint8(isRouter ? NTF.ROUTER : 0).uint8(neighbourType(neighbour));
  to.attribute(NDA.DST, address.toBytes());
  if (hasKnownMac(neighbour)) to.attribute(NDA.LLADDR, new MacAddress(macHi, macLo).toBytes());
  const ticksSince = (at: number): number => Math.min(Math.max((now - at) / US_PER_TICK, 0), FOR_EVER);
  to.attributeUint32(NDA.PROBES, neighbour.probesSent);
  to.attribute(NDA.CACHEINFO, words(ticksSince(neighbour.confirmedAt), ticksSince(neighbour.usedAt), ticksSince(neighbour.updatedAt), 0));
  to.end();
}

/** What is on loopback is nobody else (arp_constructor, ndisc_constructor). */
function neighbourType({ address, device }: Neighbour): number {
  if (!device.isLoopback) return RTN.UNICAST;
  return address.isV4 ? RTN.BROADCAST : RTN.LOCAL;
}

/** How IPv4's addresses stand behind each other: by scope, nearer ones first, and those that came second last. */
export function addressOrder(addresses: readonly InterfaceAddress[]): InterfaceAddress[] {
  const own4 = addresses.filter(({ address }) => address.isV4);
  const primary = own4.filter(({ isSecondary }) => !isSecondary).sort((a, b) => b.scope - a.scope);
  const secondary = own4.filter(({ isSecondary }) => isSecondary);
  // IPv6: wider ones first, and of one scope the latest.
  const own6 = addresses.filter(({ address }) => !address.isV4).reverse().sort((a, b) => width(a) - width(b));
  return [...primary, ...secondary, ...own6];
}

function width({ scope }: InterfaceAddress): number {
  return scope === AddressScope.Global ? 0 : scope === AddressScope.Link ? 1 : 2;
}

/** How a dump orders routes: IPv4's by prefix, of one the longest first; IPv6's likewise, but the wider behind what is in them. */
export function routeOrder(a: OrderedRoute, b: OrderedRoute): number {
  const [p, q] = [a.prefix, b.prefix];
  if (p.isV4) return (p.d >>> 0) - (q.d >>> 0) || b.prefixLength - a.prefixLength || a.metric - b.metric;
  if (a.prefixLength < b.prefixLength && isInside(q, a)) return 1;
  if (b.prefixLength < a.prefixLength && isInside(p, b)) return -1;
  return (p.a >>> 0) - (q.a >>> 0) || (p.b >>> 0) - (q.b >>> 0) || (p.c >>> 0) - (q.c >>> 0) || (p.d >>> 0) - (q.d >>> 0) || a.metric - b.metric;
}

interface OrderedRoute {
  readonly prefix: IpAddress;
  readonly prefixLength: number;
  readonly metric: number;
}

function isInside(address: IpAddress, { prefix, prefixLength }: OrderedRoute): boolean {
  return address.isIn(prefix, prefixLength);
}
