/**
 * The routing table: longest prefix first, then lowest metric, then oldest. Both families in one table, since an IPv4
 * prefix of length n is the v4-mapped prefix of length 96 + n.
 *
 * Called by Network.lookup and by configuration. A host has a handful of routes, so lookups walk a sorted list; their
 * results are cached as Destinations.
 */
import { type IpAddress, networkOf, prefixMatches } from '../base/inet-address.ts';
import type { Device } from '../link/device.ts';

/** Who made a route, as `ip route` shows it. */
export const RouteOrigin = { Kernel: 2, Boot: 3, Static: 4, RouterAdvertisement: 9 } as const;
export type RouteOrigin = (typeof RouteOrigin)[keyof typeof RouteOrigin];

export class Route {
  readonly prefix: IpAddress;
  /** In the prefix's own family. */
  readonly prefixLength: number;
  /** Null when the destinations are on the link. */
  readonly gateway: IpAddress | null;
  readonly device: Device;
  /** Preferred source; null lets the lookup choose. */
  readonly source: IpAddress | null;
  readonly metric: number;
  readonly origin: RouteOrigin;
  /** Bits of the v4-mapped form, 0..128; what the table is sorted by. */
  readonly bits: number;
  readonly isV4: boolean;

  constructor(
    prefix: IpAddress, prefixLength: number, gateway: IpAddress | null, device: Device, source: IpAddress | null,
    metric: number, origin: RouteOrigin,
  ) {
    this.isV4 = prefix.isV4;
    this.prefix = networkOf(prefix, prefixLength);
    this.prefixLength = prefixLength;
    this.gateway = gateway;
    this.device = device;
    this.source = source;
    this.metric = metric;
    this.origin = origin;
    this.bits = this.isV4 ? prefixLength + 96 : prefixLength;
  }
}

export class RouteTable {
  readonly routes: Route[] = [];

  /** False when an equal route is there (EEXIST). */
  add(route: Route): boolean {
    const list = this.routes;
    let at = 0;
    while (at < list.length && !goesBefore(route, list[at])) {
      if (same(route, list[at])) return false;
      at++;
    }
    list.splice(at, 0, route);
    return true;
  }

  remove(route: Route): void {
    const at = this.routes.indexOf(route);
    if (at >= 0) this.routes.splice(at, 1);
  }

  /** The first route that matches a description; null members match everything. */
  find(
    prefix: IpAddress, prefixLength: number, gateway: IpAddress | null, device: Device | null,
  ): Route | null {
    const network = networkOf(prefix, prefixLength);
    for (const route of this.routes) {
      if (route.prefixLength !== prefixLength || !route.prefix.equals(network)) continue;
      if (device !== null && route.device !== device) continue;
      if (gateway !== null && (route.gateway === null || !route.gateway.equals(gateway))) continue;
      return route;
    }
    return null;
  }

  /** Removes every route that `gone` names; true when there was one. */
  removeWhere(gone: (route: Route) => boolean): boolean {
    const before = this.routes.length;
    for (let i = before - 1; i >= 0; i--) if (gone(this.routes[i])) this.routes.splice(i, 1);
    return this.routes.length !== before;
  }

  /**
   * The best route to `to`, through `bound` when it is given; devices that are down do not count, and with `onLink`
   * neither do gateways.
   */
  lookup(to: IpAddress, bound: Device | null, onLink = false): Route | null {
    const isV4 = to.isV4;
    for (const route of this.routes) {
      if (route.isV4 !== isV4 || !route.device.up || (bound !== null && route.device !== bound)) continue;
      if (onLink && route.gateway !== null) continue;
      const { prefix } = route;
      if (prefixMatches(to.a, to.b, to.c, to.d, prefix.a, prefix.b, prefix.c, prefix.d, route.bits)) return route;
    }
    return null;
  }
}

function goesBefore(a: Route, b: Route): boolean {
  return a.bits > b.bits || (a.bits === b.bits && a.metric < b.metric);
}

function same(a: Route, b: Route): boolean {
  if (a.bits !== b.bits || a.metric !== b.metric || a.isV4 !== b.isV4 || !a.prefix.equals(b.prefix)) return false;
  // One IPv4 prefix has one configured route; two devices on one subnet both have a connected one.
  if (a.isV4 && (a.origin !== RouteOrigin.Kernel || b.origin !== RouteOrigin.Kernel)) return true;
  if (a.device !== b.device) return false;
  return a.gateway === null ? b.gateway === null : b.gateway !== null && a.gateway.equals(b.gateway);
}
