/**
 * `ip route add` and `ip route del`: what makes a route acceptable, with Linux's errors (fib_create_info, fib_check_nh,
 * ip6_route_info_create; checked against Linux 6.18 by test/interop/routes.test.ts).
 *
 * Called through Network and Host.
 */
import { Errno } from '../base/errno.ts';
import { type IpAddress, networkOf } from '../base/inet-address.ts';
import { Cost } from '../base/kernel-memory.ts';
import type { Device } from '../link/device.ts';
import type { Network } from './network.ts';
import { MOST_ROUTES, Route, RouteConflict, RouteOrigin, RouteScope, RouteType, type RouteWanted } from './routes.ts';

/** Linux's metric of IPv6 routes that somebody adds; IPv4's is 0. */
const METRIC6 = 1024;

/** What may be said about a route beside its prefix; left out is left to choose. */
export interface RouteTarget {
  /** The next hop; without one the destinations are on the link. */
  readonly gateway?: IpAddress | null;
  readonly device?: Device | null;
  /** Preferred source address of what is sent from here. */
  readonly source?: IpAddress | null;
  readonly metric?: number;
  readonly type?: RouteType;
  /** IPv4: how far the destinations are. */
  readonly scope?: RouteScope;
  /** The gateway is on the device's link, whatever the addresses say (`onlink`). */
  readonly onLink?: boolean;
  /** Who made it, as a number of its own or one of RouteOrigin; `boot` when nobody says. */
  readonly origin?: number;
  /** When there is one of its prefix and metric; it is refused when nobody says. */
  readonly conflict?: RouteConflict;
  /** ENOENT when there is none. */
  readonly mustExist?: boolean;
}

export function isPrefixLength(length: number, longest: number): boolean {
  return Number.isInteger(length) && length >= 0 && length <= longest;
}

export function addRoute(network: Network, to: IpAddress, prefixLength: number, target: RouteTarget): number {
  const { isV4 } = to;
  const { source = null, type = RouteType.Unicast, onLink = false } = target;
  const refuses = type !== RouteType.Unicast;
  const metric = target.metric ?? -1;
  let gateway = target.gateway ?? null;
  let device = target.device ?? null;
  if (!isPrefixLength(prefixLength, isV4 ? 32 : 128)) return -Errno.EINVAL;
  // IPv4 wants no bits behind the prefix; IPv6 clears them.
  if (isV4 && !networkOf(to, prefixLength).equals(to)) return -Errno.EINVAL;
  if ((gateway !== null && gateway.isV4 !== isV4) || (source !== null && source.isV4 !== isV4)) return -Errno.EINVAL;
  if (refuses) {
    if (isV4 && (gateway !== null || device !== null)) return -Errno.EINVAL;
    gateway = null;
    device = network.loopback;
  }
  // 0.0.0.0 and :: are no gateways.
  if (gateway !== null && gateway.isUnspecified) gateway = null;
  if (gateway === null && device === null) return -Errno.ENODEV;
  if (device !== null && network.interfaceOf(device) === null) return -Errno.ENODEV;
  if (device !== null && !device.up) return -Errno.ENETDOWN;
  const scope = target.scope ?? (gateway !== null || refuses || !isV4 ? RouteScope.Universe : RouteScope.Link);
  let gatewayIsOurs = false;
  if (gateway !== null) {
    const reached = isV4 ? gatewayDevice4(network, gateway, device, scope, onLink) : gatewayDevice6(network, gateway, device, onLink);
    if (typeof reached === 'number') return reached;
    device = reached;
    gatewayIsOurs = network.isLocalAddress(gateway);
    if (!device.up) return -Errno.ENETDOWN;
  }
  if (source !== null && !network.isLocalAddress(source)) return -Errno.EINVAL;
  const route = new Route({
    prefix: to, prefixLength, device: device as Device, gateway, source, type, onLink,
    origin: target.origin ?? RouteOrigin.Boot,
    metric: metric >= 0 ? metric : isV4 ? 0 : METRIC6,
    // IPv6 knows no scopes; here they say which routes lead over no gateway.
    scope: isV4 || refuses || gateway !== null ? scope : RouteScope.Link,
  }, gatewayIsOurs);
  const { conflict = RouteConflict.Refuse, mustExist = false } = target;
  if (mustExist && !network.routing.table.has(route)) return -Errno.ENOENT;
  if (network.routing.table.routes.length >= MOST_ROUTES) return -Errno.ENOBUFS;
  // fib_create_info, fib6_info_alloc.
  if (network.context.memory.lacks(Cost.ROUTE)) return isV4 ? -Errno.ENOBUFS : -Errno.ENOMEM;
  if (!network.routing.table.add(route, conflict)) return -Errno.EEXIST;
  network.changed();
  return 0;
}

export function deleteRoute(network: Network, to: IpAddress, prefixLength: number, target: RouteTarget): number {
  const { table } = network.routing;
  const { gateway = null, device = null, source = null, metric = -1, type = null, scope = null, origin = 0 } = target;
  const wanted: RouteWanted = { gateway, device, source, metric, type, scope, origin };
  if (!isPrefixLength(prefixLength, to.isV4 ? 32 : 128)) return -Errno.EINVAL;
  if (device !== null && network.interfaceOf(device) === null) return -Errno.ENODEV;
  const route = table.find(to, prefixLength, wanted);
  if (route === null) return -Errno.ESRCH;
  table.remove(route);
  network.changed();
  return 0;
}

/** fib_check_nh_v4_gw: the device on whose link the gateway is, or a negative errno. */
function gatewayDevice4(
  network: Network, gateway: IpAddress, device: Device | null, scope: RouteScope, onLink: boolean,
): Device | number {
  if (onLink) {
    if (device === null) return -Errno.ENODEV;
    if (scope >= RouteScope.Link) return -Errno.EINVAL;
    return isHost4(network, gateway) && !network.isLocalAddress(gateway) ? device : -Errno.EINVAL;
  }
  if (scope >= RouteScope.Host) return -Errno.EINVAL;
  const own = network.configuration.local.find(gateway.a, gateway.b, gateway.c, gateway.d);
  // A host's own address leads to where it is configured: the destinations are on that link.
  if (own !== null && scope < RouteScope.Link) {
    const there = own.interface.device;
    return device === null || device === there ? there : -Errno.ENETUNREACH;
  }
  if (network.configuration.isBroadcast4(gateway.d)) return -Errno.EINVAL;
  // A gateway behind another gateway is none, and one that is nearer than its route only on the link.
  const route = scope >= RouteScope.Link ? null : network.routing.table.lookup(gateway, device, true);
  return route === null ? -Errno.ENETUNREACH : route.device;
}

function isHost4(network: Network, address: IpAddress): boolean {
  return !address.isMulticast && !address.isBroadcast && !network.configuration.isBroadcast4(address.d);
}

/** ip6_validate_gw. */
function gatewayDevice6(network: Network, gateway: IpAddress, device: Device | null, onLink: boolean): Device | number {
  if (network.isLocalAddress(gateway) || gateway.isMulticast) return -Errno.EINVAL;
  if (gateway.isLinkLocal) return device === null ? -Errno.EINVAL : device;
  if (onLink) return device === null ? -Errno.EINVAL : device;
  const route = network.routing.table.lookup(gateway, device);
  return route === null || route.refusal !== 0 || route.gateway !== null ? -Errno.EHOSTUNREACH : route.device;
}
