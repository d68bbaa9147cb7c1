/**
 * The routing table: longest prefix first, then lowest metric, then oldest (Linux's fib_table_lookup). Both families in one
 * table, since an IPv4 prefix of length n is the v4-mapped prefix of length 96 + n.
 *
 * Called by Network.lookup and by configuration. Most hosts have a handful of routes: lookups walk a sorted list
 * (beyond FEW_ROUTES they ask a RouteIndex); their results are cached as Destinations.
 */
import { Errno } from '../base/errno.ts';
import { type IpAddress, networkOf, prefixMatches } from '../base/inet-address.ts';
import { Cost, type KernelMemory } from '../base/kernel-memory.ts';
import type { Device } from '../link/device.ts';
import { RouteIndex } from './route-index.ts';
import type { NetworkObserver } from './network-observer.ts';

/** Who made a route, as `ip route` shows it. */
export const RouteOrigin = { Kernel: 2, Boot: 3, Static: 4, RouterAdvertisement: 9 } as const;
export type RouteOrigin = (typeof RouteOrigin)[keyof typeof RouteOrigin];

/** What becomes of a new route where there is one of its prefix and metric (NLM_F_EXCL, REPLACE, APPEND and none of them). */
export const RouteConflict = { Refuse: 0, Replace: 1, Append: 2, Prepend: 3 } as const;
export type RouteConflict = (typeof RouteConflict)[keyof typeof RouteConflict];

/** What becomes of packets that a route matches (RTN_ of <linux/rtnetlink.h>): all but the first refuse them. */
export const RouteType = { Unicast: 1, Blackhole: 6, Unreachable: 7, Prohibit: 8 } as const;
export type RouteType = (typeof RouteType)[keyof typeof RouteType];

/** How far the destinations are (RT_SCOPE_): behind a gateway, on the link, on this host. Smaller is farther. */
export const RouteScope = { Universe: 0, Link: 253, Host: 254 } as const;
export type RouteScope = (typeof RouteScope)[keyof typeof RouteScope];

export interface RouteFields {
  readonly prefix: IpAddress;
  /** In the prefix's own family. */
  readonly prefixLength: number;
  readonly device: Device;
  readonly gateway: IpAddress | null;
  readonly source: IpAddress | null;
  readonly metric: number;
  /** One of RouteOrigin, or another number that a program gave. */
  readonly origin: number;
  readonly type: RouteType;
  readonly scope: RouteScope;
  /** The gateway was said to be on the link. */
  readonly onLink?: boolean;
}

export class Route implements RouteFields {
  readonly prefix: IpAddress;
  readonly prefixLength: number;
  /** The loopback, when the route refuses. */
  readonly device: Device;
  /** As it was configured; null when the destinations are on the link. */
  readonly gateway: IpAddress | null;
  /** Where packets go next; null when that is their destination itself: there is no gateway, or it is this host. */
  readonly nextHop: IpAddress | null;
  /** Preferred source; null lets the lookup choose. */
  readonly source: IpAddress | null;
  readonly metric: number;
  readonly origin: number;
  readonly type: RouteType;
  readonly scope: RouteScope;
  readonly onLink: boolean;
  /** Bits of the v4-mapped form, 0..128; what the table is sorted by. */
  readonly bits: number;
  readonly isV4: boolean;

  constructor(fields: RouteFields, gatewayIsOurs = false) {
    const { prefix, prefixLength, gateway } = fields;
    this.isV4 = prefix.isV4;
    this.prefix = networkOf(prefix, prefixLength);
    this.prefixLength = prefixLength;
    this.device = fields.device;
    this.gateway = gateway;
    this.nextHop = gatewayIsOurs ? null : gateway;
    this.source = fields.source;
    this.metric = fields.metric;
    this.origin = fields.origin;
    this.type = fields.type;
    this.scope = fields.scope;
    this.onLink = fields.onLink === true;
    this.bits = this.isV4 ? prefixLength + 96 : prefixLength;
  }

  /** Errno of a packet that this route refuses (Linux's fib_props); 0 when it does not. */
  get refusal(): number {
    switch (this.type) {
      case RouteType.Unicast: return 0;
      case RouteType.Blackhole: return Errno.EINVAL;
      case RouteType.Unreachable: return Errno.EHOSTUNREACH;
      default: return Errno.EACCES;
    }
  }

  /** In the words of `ip route`. */
  toString(): string {
    const type = this.type === RouteType.Unicast ? '' : `${TYPE_WORDS[this.type]} `;
    const length = this.prefixLength === (this.isV4 ? 32 : 128) ? '' : `/${this.prefixLength}`;
    const prefix = this.prefixLength === 0 ? 'default' : `${this.prefix}${length}`;
    const via = this.gateway === null ? '' : ` via ${this.gateway}`;
    const device = this.type !== RouteType.Unicast && this.isV4 ? '' : ` dev ${this.device.name}`;
    const origin = this.origin === RouteOrigin.Boot ? '' : ` proto ${ORIGIN_WORDS[this.origin] ?? this.origin}`;
    const scope = this.scope === RouteScope.Universe || !this.isV4 ? '' : ` scope ${this.scope === RouteScope.Link ? 'link' : 'host'}`;
    const source = this.source === null ? '' : ` src ${this.source}`;
    return `${type}${prefix}${via}${device}${origin}${scope}${source}${this.metric === 0 ? '' : ` metric ${this.metric}`}`;
  }
}

const TYPE_WORDS: Readonly<Record<RouteType, string>> = {
  [RouteType.Unicast]: 'unicast', [RouteType.Blackhole]: 'blackhole', [RouteType.Unreachable]: 'unreachable',
  [RouteType.Prohibit]: 'prohibit',
};
const ORIGIN_WORDS: Readonly<Record<number, string>> = {
  [RouteOrigin.Kernel]: 'kernel', [RouteOrigin.Boot]: 'boot', [RouteOrigin.Static]: 'static',
  [RouteOrigin.RouterAdvertisement]: 'ra',
};

/** Which routes `find` looks for; null members match everything. */
export interface RouteWanted {
  readonly gateway: IpAddress | null;
  readonly device: Device | null;
  readonly source: IpAddress | null;
  /** -1 matches everything. */
  readonly metric: number;
  readonly type: RouteType | null;
  readonly scope: RouteScope | null;
  /** 0 matches everything. */
  readonly origin: number;
}

/** Routes of one host; Linux has no such limit, but what is told of them is a list here. */
export const MOST_ROUTES = 65536;
/** Up to so many a lookup walks the list. */
const FEW_ROUTES = 32;

export class RouteTable {
  readonly routes: Route[] = [];
  /** How many routes were looked at while others were added or looked up, for tests. */
  looked = 0;
  private readonly index = new RouteIndex();
  private readonly memory: KernelMemory;
  /** Who hears of every change: Network's list. */
  observers: readonly NetworkObserver[] = [];

  constructor(memory: KernelMemory) {
    this.memory = memory;
  }

  /** False when an equal route is there (EEXIST), or one of its prefix and metric that it may not stand beside. */
  add(route: Route, conflict: RouteConflict = RouteConflict.Refuse): boolean {
    const list = this.routes;
    const others = this.index.of(route).filter((other) => same(route, other));
    this.looked += others.length;
    if (others.length > 0 && conflict === RouteConflict.Refuse) return false;
    const how = others.length > 0 ? conflict : RouteConflict.Refuse;
    const isThere = others.some((other) => equal(route, other));
    const first = others.length > 0 ? list.indexOf(others[0] as Route) : -1;
    let at = this.placeOf(route);
    if (conflict === RouteConflict.Replace && first >= 0) return this.replace(first, route, isThere);
    if (isThere) return false;
    if (conflict === RouteConflict.Prepend && first >= 0) at = first;
    list.splice(at, 0, route);
    this.memory.hold(Cost.ROUTE);
    this.index.add(route, conflict === RouteConflict.Prepend);
    for (const observer of this.observers) observer.routeChanged(route, true, how);
    return true;
  }

  /** The first of a prefix and metric gives way, unless the route is there already: then it is that one, or there are two. */
  private replace(at: number, route: Route, isThere: boolean): boolean {
    const old = this.routes[at] as Route;
    if (isThere) return equal(route, old);
    this.routes[at] = route;
    this.index.replace(old, route);
    for (const observer of this.observers) observer.routeChanged(route, true, RouteConflict.Replace);
    return true;
  }

  /** Is there one of this prefix and metric? */
  has(route: Route): boolean {
    return this.index.of(route).some((other) => same(route, other));
  }

  /** Where a route belongs: behind all that go before it or are as good. */
  private placeOf(route: Route): number {
    const list = this.routes;
    let from = 0;
    let to = list.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      this.looked++;
      if (goesBefore(route, list[middle] as Route)) to = middle;
      else from = middle + 1;
    }
    return from;
  }

  remove(route: Route, isSilent = false): void {
    const at = this.routes.indexOf(route);
    if (at < 0) return;
    this.routes.splice(at, 1);
    this.memory.letGo(Cost.ROUTE);
    this.index.remove(route);
    if (isSilent) return;
    for (const observer of this.observers) observer.routeChanged(route, false, RouteConflict.Refuse);
  }

  /** The first route to this prefix that matches a description. */
  find(prefix: IpAddress, prefixLength: number, wanted: RouteWanted): Route | null {
    const network = networkOf(prefix, prefixLength);
    for (const route of this.routes) {
      if (route.prefixLength === prefixLength && route.prefix.equals(network) && isWanted(route, wanted)) return route;
    }
    return null;
  }

  /** Removes every route that `gone` names; true when there was one. */
  removeWhere(gone: (route: Route) => boolean, isSilent = false): boolean {
    const before = this.routes.length;
    for (const route of this.routes.filter(gone)) this.remove(route, isSilent);
    return this.routes.length !== before;
  }

  /**
   * The best route to `to`, through `bound` when it is given; devices that are down do not count, and with `onLink`
   * neither do gateways. It may be one that refuses.
   */
  lookup(to: IpAddress, bound: Device | null, onLink = false): Route | null {
    return this.lookupWords(to.isV4, to.a, to.b, to.c, to.d, bound, onLink);
  }

  /** The same for the words of a packet. */
  lookupWords(isV4: boolean, a: number, b: number, c: number, d: number, bound: Device | null, onLink: boolean): Route | null {
    const list = this.routes;
    if (list.length > FEW_ROUTES) return this.lookupAmongMany(isV4, a, b, c, d, bound, onLink);
    for (let i = 0; i < list.length; i++) {
      const route = list[i];
      if (route.isV4 !== isV4 || !takes(route, bound, onLink)) continue;
      const { prefix } = route;
      if (prefixMatches(a, b, c, d, prefix.a, prefix.b, prefix.c, prefix.d, route.bits)) return route;
    }
    return null;
  }

  /** Length after length: of each there is at most one prefix that matches. */
  private lookupAmongMany(isV4: boolean, a: number, b: number, c: number, d: number, bound: Device | null, onLink: boolean): Route | null {
    for (const bits of this.index.lengths) {
      for (const route of this.index.at(isV4, bits, a, b, c, d)) {
        this.looked++;
        if (takes(route, bound, onLink)) return route;
      }
    }
    return null;
  }
}

/** Devices that are down do not count. Whoever named a device is refused by routes that refuse all the same (fib_table_lookup). */
function takes(route: Route, bound: Device | null, onLink: boolean): boolean {
  if (route.type === RouteType.Unicast && (!route.device.up || (bound !== null && route.device !== bound))) return false;
  return !onLink || route.scope >= RouteScope.Link;
}

function isWanted(route: Route, wanted: RouteWanted): boolean {
  const { gateway, device, source, metric, type, scope, origin } = wanted;
  if (gateway !== null && (route.gateway === null || !route.gateway.equals(gateway))) return false;
  if (source !== null && (route.source === null || !route.source.equals(source))) return false;
  return (
    (device === null || route.device === device) && (metric < 0 || route.metric === metric) &&
    (type === null || route.type === type) && (scope === null || route.scope === scope) &&
    (origin === 0 || route.origin === origin)
  );
}

function goesBefore(a: Route, b: Route): boolean {
  return a.bits > b.bits || (a.bits === b.bits && a.metric < b.metric);
}

/** Of one prefix and metric there is one configured route; two devices on one subnet both have a connected one. */
function same(a: Route, b: Route): boolean {
  if (a.bits !== b.bits || a.metric !== b.metric || a.isV4 !== b.isV4 || !a.prefix.equals(b.prefix)) return false;
  return a.origin !== RouteOrigin.Kernel || b.origin !== RouteOrigin.Kernel || a.device === b.device;
}

/** Nothing of them is different (fib_find_info). */
function equal(a: Route, b: Route): boolean {
  return (
    a.type === b.type && a.scope === b.scope && a.origin === b.origin && a.device === b.device && a.onLink === b.onLink &&
    sameAddress(a.gateway, b.gateway) && sameAddress(a.source, b.source)
  );
}

function sameAddress(a: IpAddress | null, b: IpAddress | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}
