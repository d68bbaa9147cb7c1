/** RTM_GETROUTE, RTM_NEWROUTE and RTM_DELROUTE: `ip route` (inet_rtm_newroute, ip6_route_add, inet_dump_fib and their kin). */
import { Errno } from '../../base/errno.ts';
import { ANY4, ANY6, type IpAddress, networkOf } from '../../base/inet-address.ts';
import { type LocalRoute, localRoutes } from '../../net/local-table.ts';
import type { Network } from '../../net/network.ts';
import type { RouteTarget } from '../../net/route-configuration.ts';
import { type Route, RouteConflict, RouteScope, RouteType } from '../../net/routes.ts';
import { NLM_F } from '../../wire/netlink.ts';
import { RT_SCOPE, RT_TABLE, RTA, RTM, RTM_F, RTMSG_LEN, RTN, RTNH_F, RTPROT } from '../../wire/netlink-route.ts';
import type { Put } from './netlink-dump.ts';
import type { NetlinkRequest } from './netlink-protocol.ts';
import { putLocalRoute, putRoute, routeOrder } from './netlink-messages.ts';
import { type OpenRequest, openRequest, type Policy } from './netlink-request.ts';

const POLICY4: Policy = new Map([
  [RTA.DST, 4], [RTA.SRC, 4], [RTA.IIF, 4], [RTA.OIF, 4], [RTA.GATEWAY, 4], [RTA.PRIORITY, 4], [RTA.PREFSRC, 4], [RTA.TABLE, 4],
]);
const POLICY6: Policy = new Map([[RTA.GATEWAY, 16], [RTA.IIF, 4], [RTA.OIF, 4], [RTA.PRIORITY, 4], [RTA.TABLE, 4]]);
/** Where the fields of `struct rtmsg` are. */
export const RtMsg = { DST_LEN: 1, SRC_LEN: 2, TOS: 3, TABLE: 4, PROTOCOL: 5, SCOPE: 6, TYPE: 7, FLAGS: 8 } as const;

export function openRoute(request: NetlinkRequest, isV4: boolean): OpenRequest | number {
  return isV4 ? openRequest(request, RTMSG_LEN, POLICY4, '') : openRequest(request, RTMSG_LEN, POLICY6);
}

function tableOf({ view, uint32 }: { view: DataView; uint32: number | null }): number {
  return uint32 ?? view.getUint8(RtMsg.TABLE);
}

// Dumps.

/** What a strict request for a dump limits it to; 0 and null limit nothing. */
interface RouteFilter {
  readonly table: number;
  readonly protocol: number;
  readonly type: number;
  readonly index: number;
}

const EVERYTHING: RouteFilter = { table: 0, protocol: 0, type: 0, index: 0 };

/** The main table before `local`, by the order of their numbers in Linux's hash. */
export function dumpRoutes(network: Network, families: readonly boolean[], request: NetlinkRequest): number {
  const { body } = request.message;
  const { isStrict, to } = request;
  let filter = EVERYTHING;
  if (isStrict) {
    const strict = strictFilter(network, request);
    if (typeof strict === 'number') return request.failedDump(strict);
    filter = strict;
  }
  // Prefixes that routers announced are not kept, and of IPv6 nothing is cached that could be shown.
  const head = body.length < RTMSG_LEN ? 0 : new DataView(body.buffer, body.byteOffset, body.length).getUint32(RtMsg.FLAGS, true);
  const filtered = isStrict ? NLM_F.DUMP_FILTERED : 0;
  const { table } = filter;
  if (table !== 0 && table !== RT_TABLE.MAIN && table !== RT_TABLE.LOCAL && families.length === 1) {
    return request.failedDump(request.refuse(Errno.ENOENT, `${families[0] ? 'ipv4' : 'ipv6'}: FIB table does not exist`), filtered);
  }
  const flags = NLM_F.MULTI | filtered;
  const limits = Object.values(filter).some((value) => value !== 0) ? filtered : 0;
  const puts: Put[] = [];
  for (const isV4 of (head & RTM_F.PREFIX) === 0 ? families : []) {
    for (const route of mainRoutes(network, isV4)) {
      if (isWanted(filter, RT_TABLE.MAIN, route, route.origin)) puts.push((writer) => putRoute(writer, RTM.NEWROUTE, flags, to, route));
    }
    for (const route of localRoutes(network.interfaces()).filter(({ prefix }) => prefix.isV4 === isV4).sort(routeOrder)) {
      if (isWanted(filter, RT_TABLE.LOCAL, route, RTPROT.KERNEL)) puts.push((writer) => putLocalRoute(writer, RTM.NEWROUTE, flags, to, route));
    }
  }
  return request.dump(puts, { flags: limits });
}

function mainRoutes(network: Network, isV4: boolean): Route[] {
  return network.routes().filter((route) => route.isV4 === isV4).sort(routeOrder);
}

function isWanted({ table, protocol, type, index }: RouteFilter, inTable: number, route: Route | LocalRoute, origin: number): boolean {
  return (table === 0 || table === inTable) && (protocol === 0 || protocol === origin) && (type === 0 || type === route.type) &&
    (index === 0 || index === route.device.index);
}

/** ip_valid_fib_dump_req: a header that says nothing else, and attributes that limit. */
function strictFilter(network: Network, request: NetlinkRequest): RouteFilter | number {
  const opened = openRequest(request, RTMSG_LEN, new Map());
  if (typeof opened === 'number') return request.refuse(Errno.EINVAL, 'Invalid header for FIB dump request');
  const { view } = opened;
  if (view.getUint8(RtMsg.DST_LEN) !== 0 || view.getUint8(RtMsg.SRC_LEN) !== 0 || view.getUint8(RtMsg.TOS) !== 0 || view.getUint8(RtMsg.SCOPE) !== 0) {
    return request.refuse(Errno.EINVAL, 'Invalid values in header for FIB dump request');
  }
  const index = opened.uint32(RTA.OIF) ?? 0;
  if (opened.has(RTA.OIF) && network.deviceAt(index) === null) return -Errno.ENODEV;
  const table = opened.uint32(RTA.TABLE) ?? view.getUint8(RtMsg.TABLE);
  return { table, protocol: view.getUint8(RtMsg.PROTOCOL), type: view.getUint8(RtMsg.TYPE), index };
}

// Changes.

const TYPES: ReadonlyMap<number, RouteType> = new Map([
  [RTN.UNICAST, RouteType.Unicast], [RTN.BLACKHOLE, RouteType.Blackhole], [RTN.UNREACHABLE, RouteType.Unreachable],
  [RTN.PROHIBIT, RouteType.Prohibit],
]);
const SCOPES: ReadonlySet<number> = new Set(Object.values(RouteScope));

/** What both kinds of changes say; a negative errno. */
interface RouteChange {
  readonly to: IpAddress;
  readonly prefixLength: number;
  readonly opened: OpenRequest;
  readonly target: RouteTarget;
}

function readChange(network: Network, request: NetlinkRequest, isV4: boolean): RouteChange | number {
  const opened = openRoute(request, isV4);
  if (typeof opened === 'number') return opened;
  const { view } = opened;
  const longest = isV4 ? 32 : 128;
  const prefixLength = view.getUint8(RtMsg.DST_LEN);
  if (isV4 && (view.getUint8(RtMsg.TOS) & 3) !== 0) return request.refuse(Errno.EINVAL, 'Invalid dsfield (tos): ECN bits must be 0');
  if (view.getUint8(RtMsg.TYPE) > RTN.MAX) return request.refuse(Errno.EINVAL, 'Invalid route type');
  // Several next hops, metrics of its own, a type of service, a source prefix: lost if they were taken.
  if (opened.has(RTA.MULTIPATH) || view.getUint8(RtMsg.TOS) !== 0 || view.getUint8(RtMsg.SRC_LEN) !== 0) return -Errno.EOPNOTSUPP;
  if (prefixLength > longest) return isV4 ? request.refuse(Errno.EINVAL, 'Invalid prefix length') : -Errno.EINVAL;
  const addresses: (IpAddress | null)[] = [];
  for (const type of [RTA.DST, RTA.GATEWAY, RTA.PREFSRC]) {
    const address = opened.address(type, isV4);
    if (address === null && opened.has(type)) return -Errno.EINVAL;
    addresses.push(address);
  }
  const [to, gateway, source] = addresses as [IpAddress | null, IpAddress | null, IpAddress | null];
  const index = opened.uint32(RTA.OIF) ?? 0;
  const device = index === 0 ? null : network.deviceAt(index);
  // There is none on such a device, and none can be.
  if (index !== 0 && device === null) return request.message.type === RTM.DELROUTE ? -Errno.ESRCH : -Errno.ENODEV;
  const metric = opened.uint32(RTA.PRIORITY) ?? (isV4 ? -1 : 0);
  const onLink = (view.getUint32(RtMsg.FLAGS, true) & RTNH_F.ONLINK) !== 0;
  const target = { gateway, source, device, onLink, ...(metric < 0 || (!isV4 && metric === 0) ? {} : { metric }) };
  return { to: to ?? (isV4 ? ANY4 : ANY6), prefixLength, opened, target };
}

export function addRouteRequest(network: Network, request: NetlinkRequest, isV4: boolean): number {
  const change = readChange(network, request, isV4);
  if (typeof change === 'number') return change;
  const { to, prefixLength, opened: { view }, opened, target } = change;
  const table = tableOf({ view, uint32: opened.uint32(RTA.TABLE) });
  if (table !== RT_TABLE.MAIN && table !== RT_TABLE.UNSPEC) return request.refuse(Errno.EOPNOTSUPP, 'Only the main table can be changed');
  const kind = view.getUint8(RtMsg.TYPE);
  const scope = view.getUint8(RtMsg.SCOPE);
  const type = TYPES.get(kind);
  if (isV4) {
    // A route of no type reaches everything, which no scope of an interface's own goes with (fib_create_info).
    if (scope > RT_SCOPE.HOST || kind === RTN.UNSPEC) return request.refuse(Errno.EINVAL, 'Invalid scope');
    if (!networkOf(to, Math.min(prefixLength, 32)).equals(to)) return request.refuse(Errno.EINVAL, 'Invalid prefix for given prefix length');
  }
  if (type === undefined && (isV4 || kind !== RTN.UNSPEC)) return -Errno.EOPNOTSUPP;
  if (isV4 && !SCOPES.has(scope)) return -Errno.EOPNOTSUPP;
  const refuses = type !== undefined && type !== RouteType.Unicast;
  if (isV4 && refuses && (target.gateway != null || target.device != null)) {
    return request.refuse(Errno.EINVAL, 'Gateway, device and multipath can not be specified for this route type');
  }
  const result = network.addRoute(to, prefixLength, {
    ...target, type: type ?? RouteType.Unicast, origin: view.getUint8(RtMsg.PROTOCOL) || (isV4 ? 0 : 3),
    ...(isV4 ? { scope: scope as RouteScope } : {}), ...conflictOf(request.message.flags, isV4),
  });
  if (result < 0) request.reason = reasonOf(network, -result, isV4, target);
  return result;
}

/** What NLM_F_EXCL, REPLACE, APPEND and CREATE say about a route of the same prefix and metric. */
function conflictOf(flags: number, isV4: boolean): { conflict: RouteConflict; mustExist: boolean } {
  // IPv6 takes routes without NLM_F_CREATE as well, but for those that are to replace one.
  const mustExist = (flags & NLM_F.CREATE) === 0 && (isV4 || (flags & NLM_F.REPLACE) !== 0);
  const conflict = (flags & NLM_F.EXCL) !== 0 ? RouteConflict.Refuse : (flags & NLM_F.REPLACE) !== 0 ? RouteConflict.Replace
    : (flags & NLM_F.APPEND) !== 0 || !isV4 ? RouteConflict.Append : RouteConflict.Prepend;
  return { conflict, mustExist };
}

/** What Linux says beside the number, where it does. */
function reasonOf(network: Network, errno: number, isV4: boolean, { gateway, source, device }: RouteTarget): string {
  if (errno === Errno.ENETUNREACH && gateway != null) return 'Nexthop has invalid gateway';
  if (errno === Errno.ENETDOWN) return !isV4 ? '' : gateway == null ? 'Device for nexthop is not up' : 'Nexthop device is not up';
  if (errno === Errno.ENOENT && !isV4) return 'Can not replace route - no match found';
  if (errno !== Errno.EINVAL) return '';
  if (gateway != null && !isV4) {
    if (gateway.isMulticast) return 'Invalid gateway address';
    if (network.isLocalAddress(gateway)) return 'Gateway can not be a local address';
    if (device == null && gateway.isLinkLocal) return 'Egress device not specified';
  }
  if (source != null && !network.isLocalAddress(source)) return isV4 ? 'Invalid prefsrc address' : 'Invalid source address';
  return '';
}

export function deleteRouteRequest(network: Network, request: NetlinkRequest, isV4: boolean): number {
  const change = readChange(network, request, isV4);
  if (typeof change === 'number') return change;
  const { to, prefixLength, opened: { view }, opened, target } = change;
  const table = tableOf({ view, uint32: opened.uint32(RTA.TABLE) });
  if (table === RT_TABLE.LOCAL) return -Errno.EOPNOTSUPP;
  if (table !== RT_TABLE.MAIN && table !== RT_TABLE.UNSPEC) return request.refuse(Errno.ESRCH, 'FIB table does not exist');
  if (isV4 && !networkOf(to, prefixLength).equals(to)) return request.refuse(Errno.EINVAL, 'Invalid prefix for given prefix length');
  const kind = view.getUint8(RtMsg.TYPE);
  const type = TYPES.get(kind);
  if (kind !== RTN.UNSPEC && type === undefined) return -Errno.ESRCH;
  const scope = view.getUint8(RtMsg.SCOPE);
  const origin = view.getUint8(RtMsg.PROTOCOL);
  return network.deleteRoute(to, prefixLength, {
    ...target, ...(type === undefined ? {} : { type }), ...(origin === 0 ? {} : { origin }),
    ...(isV4 && scope !== RT_SCOPE.NOWHERE && SCOPES.has(scope) ? { scope: scope as RouteScope } : {}),
  });
}

