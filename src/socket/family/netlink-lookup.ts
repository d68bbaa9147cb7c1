/** RTM_GETROUTE without NLM_F_DUMP: `ip route get`, which way a packet would take (inet_rtm_getroute, inet6_rtm_getroute). */
import { Errno } from '../../base/errno.ts';
import { ANY4, ANY6, type IpAddress, LOOPBACK4 } from '../../base/inet-address.ts';
import type { Device } from '../../link/device.ts';
import { type Destination, DestinationKind } from '../../net/destination.ts';
import { localRoutes, type LocalRoute } from '../../net/local-table.ts';
import type { Network } from '../../net/network.ts';
import type { Route } from '../../net/routes.ts';
import { RT_TABLE, RTA, RTCF, RTM, RTM_F, RTMSG_LEN, RTN, RTPROT } from '../../wire/netlink-route.ts';
import { AF } from '../constants.ts';
import type { NetlinkRequest } from './netlink-protocol.ts';
import { putLocalRoute, putRoute, putUse6 } from './netlink-messages.ts';
import type { OpenRequest } from './netlink-request.ts';
import { openRoute, RtMsg } from './netlink-routes.ts';

interface Question {
  readonly opened: OpenRequest;
  readonly to: IpAddress | null;
  readonly from: IpAddress | null;
  readonly device: Device | null;
  readonly flags: number;
}

function readQuestion(network: Network, request: NetlinkRequest, isV4: boolean): Question | number {
  const opened = request.message.body.length < RTMSG_LEN
    ? request.refuse(Errno.EINVAL, `${isV4 ? 'ipv4' : 'ipv6'}: Invalid header for ${isV4 ? 'route get' : 'get route'} request`)
    : openRoute(request, isV4);
  if (typeof opened === 'number') return opened;
  for (const type of [RTA.DST, RTA.SRC]) if (opened.has(type) && opened.address(type, isV4) === null) return -Errno.EINVAL;
  // How a packet that came in would be sent on is not told.
  if (opened.has(RTA.IIF)) return -Errno.EOPNOTSUPP;
  const index = opened.uint32(RTA.OIF) ?? 0;
  const device = index === 0 ? null : network.deviceAt(index);
  if (index !== 0 && device === null) return isV4 ? -Errno.ENODEV : -Errno.ENETUNREACH;
  return {
    opened, device, to: opened.address(RTA.DST, isV4), from: opened.address(RTA.SRC, isV4), flags: opened.view.getUint32(RtMsg.FLAGS, true),
  };
}

/** The route itself, as a dump has it. */
function replyWithRoute(request: NetlinkRequest, route: Route | LocalRoute, table: number): number {
  request.reply((writer) => {
    if ('gateway' in route) putRoute(writer, RTM.NEWROUTE, 0, request.to, route);
    else putLocalRoute(writer, RTM.NEWROUTE, 0, request.to, route, table);
  });
  return 0;
}

function localRouteTo(network: Network, to: IpAddress): LocalRoute | null {
  const fits = localRoutes(network.interfaces()).filter(({ prefix, prefixLength }) => prefix.isV4 === to.isV4 && to.isIn(prefix, prefixLength));
  return fits.sort((a, b) => b.prefixLength - a.prefixLength)[0] ?? null;
}

export function lookUpRoute4(network: Network, request: NetlinkRequest): number {
  const question = readQuestion(network, request, true);
  if (typeof question === 'number') return question;
  const { to: asked, from, device, flags } = question;
  const to = asked ?? LOOPBACK4;
  const found = network.lookup(to, from, device);
  // Linux says ENETUNREACH where a source is not ours, and does not check its form.
  if (found === null) return -(from !== null && network.lookupErrno === Errno.EINVAL ? Errno.ENETUNREACH : network.lookupErrno);
  const local = localRouteTo(network, to);
  // As long as there are no rules, Linux keeps both tables in one.
  const table = RT_TABLE.MAIN;
  if ((flags & RTM_F.FIB_MATCH) !== 0) {
    const route = local ?? network.routing.table.lookup(to, device);
    return route === null ? -Errno.EHOSTUNREACH : replyWithRoute(request, route, table);
  }
  request.reply((writer) => {
    const { port, sequence } = request.to;
    writer.begin(RTM.NEWROUTE, 0, sequence, port).uint8(AF.INET).uint8(32).uint8(from === null ? 0 : 32).uint8(0);
    writer.uint8(table).uint8(0).uint8(0).uint8(typeOf(found)).uint32(RTM_F.CLONED | cacheFlags(network, found));
    writer.attributeUint32(RTA.TABLE, table).attribute(RTA.DST, (asked ?? ANY4).toBytes());
    if (from !== null) writer.attribute(RTA.SRC, from.toBytes());
    writer.attributeUint32(RTA.OIF, found.device.index);
    if (from === null) writer.attribute(RTA.PREFSRC, found.source.toBytes());
    if (!found.nextHop.equals(found.to)) writer.attribute(RTA.GATEWAY, found.nextHop.toBytes());
    writer.attributeUint32(RTA.UID, request.caller.credentials.fsuid).attribute(RTA.CACHEINFO, new Uint8Array(32)).end();
  });
  return 0;
}

function typeOf({ kind }: Destination): number {
  switch (kind) {
    case DestinationKind.Local: return RTN.LOCAL;
    case DestinationKind.Broadcast: return RTN.BROADCAST;
    case DestinationKind.Multicast: return RTN.MULTICAST;
    default: return RTN.UNICAST;
  }
}

function cacheFlags(network: Network, { kind, device, to }: Destination): number {
  if (device.isLoopback && kind === DestinationKind.Unicast) return RTCF.LOCAL;
  switch (kind) {
    case DestinationKind.Local: return RTCF.LOCAL;
    case DestinationKind.Broadcast: return RTCF.LOCAL | RTCF.BROADCAST;
    case DestinationKind.Multicast: {
      const isMember = network.interfaceOf(device)?.isMember(to.a, to.b, to.c, to.d) === true;
      return RTCF.MULTICAST | (isMember ? RTCF.LOCAL : 0);
    }
    default: return 0;
  }
}

export function lookUpRoute6(network: Network, request: NetlinkRequest): number {
  const question = readQuestion(network, request, false);
  if (typeof question === 'number') return question;
  const { from, device, flags } = question;
  const to = question.to ?? ANY6;
  const found = network.lookup(to, from, device);
  if (found === null) return -network.lookupErrno;
  const local = localRouteTo(network, to);
  const route = local ?? network.routing.table.lookup(to, device);
  if ((flags & RTM_F.FIB_MATCH) !== 0 && route !== null) return replyWithRoute(request, route, RT_TABLE.LOCAL);
  const kernelMade = local !== null || route === null;
  request.reply((writer) => {
    const { port, sequence } = request.to;
    writer.begin(RTM.NEWROUTE, 0, sequence, port).uint8(AF.INET6).uint8(128).uint8(128).uint8(0);
    const table = local === null ? RT_TABLE.MAIN : RT_TABLE.LOCAL;
    writer.uint8(table).uint8(kernelMade ? RTPROT.KERNEL : (route as Route).origin).uint8(0).uint8(local?.type ?? typeOf(found)).uint32(0);
    writer.attributeUint32(RTA.TABLE, table).attribute(RTA.DST, to.toBytes()).attribute(RTA.SRC, (from ?? ANY6).toBytes());
    if (from === null) writer.attribute(RTA.PREFSRC, found.source.toBytes());
    writer.attributeUint32(RTA.PRIORITY, route === null ? 0 : route.metric);
    if (!found.nextHop.equals(found.to)) writer.attribute(RTA.GATEWAY, found.nextHop.toBytes());
    writer.attributeUint32(RTA.OIF, found.device.index);
    putUse6(writer);
    writer.end();
  });
  return 0;
}
