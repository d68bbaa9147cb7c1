/**
 * NETLINK_ROUTE (rtnetlink(7); Linux's net/core/rtnetlink.c is the reference): what programs ask and change of links, addresses,
 * routes and neighbours, and what groups hear of changes. Each kind has its own file: netlink-links.ts, netlink-addresses.ts,
 * netlink-routes.ts, route-get in netlink-lookup.ts, netlink-neighbours.ts; their messages are written in netlink-messages.ts.
 */
import { Capability } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { type Device, InterfaceFlag } from '../../link/device.ts';
import type { InterfaceAddress } from '../../net/interface.ts';
import { localRoutesOf } from '../../net/local-table.ts';
import type { Neighbour } from '../../net/neighbour.ts';
import type { Network } from '../../net/network.ts';
import { NetworkObserver } from '../../net/network-observer.ts';
import { type Route, RouteConflict } from '../../net/routes.ts';
import { NLM_F } from '../../wire/netlink.ts';
import { IFADDRMSG_LEN, RTM, RTM_MAX, RTNLGRP, RTNLGRP_COUNT, RTPROT } from '../../wire/netlink-route.ts';
import { AF, NETLINK_PROTOCOL } from '../constants.ts';
import type { Put, Reply } from './netlink-dump.ts';
import type { NetlinkHost } from './netlink-host.ts';
import type { NetlinkProtocol, NetlinkRequest } from './netlink-protocol.ts';
import { addAddress4, addAddress6, deleteAddress4, deleteAddress6, dumpAddresses, getAddress6 } from './netlink-addresses.ts';
import { deleteLink, dumpLinks, getLink, newLink, setLink } from './netlink-links.ts';
import { lookUpRoute4, lookUpRoute6 } from './netlink-lookup.ts';
import { putAddress, putLink, putLocalRoute, putNeighbour, putRoute } from './netlink-messages.ts';
import { addNeighbour, deleteNeighbour, dumpNeighbours, getNeighbour } from './netlink-neighbours.ts';
import { addRouteRequest, deleteRouteRequest, dumpRoutes } from './netlink-routes.ts';

/** The lowest two bits of a type say what is asked: new, delete, get, set. */
const KIND_MASK = 3, KIND_DELETE = 1, KIND_GET = 2;
/** AF_BRIDGE: its links and forwarding entries; there are no bridges. */
const BRIDGE = 7;
/** What is said of a link that comes or goes. */
const ALL_FLAGS = 0xffffffff;
/** Changes that nobody asked for by a message. */
const NOBODY: Reply = { port: 0, sequence: 0 };

export class RouteProtocol extends NetworkObserver implements NetlinkProtocol {
  readonly number = NETLINK_PROTOCOL.ROUTE;
  readonly groupCount = RTNLGRP_COUNT;
  readonly isForEverybody = true;
  readonly isFromEverybody = false;
  readonly hasKernel = true;
  private readonly host: NetlinkHost;
  /** Whose request makes the changes that are told now: notifications carry its port and number. */
  private requester: Reply = NOBODY;

  constructor(host: NetlinkHost) {
    super();
    this.host = host;
  }

  private get network(): Network {
    return this.host.stack.network;
  }

  // Requests (rtnetlink_rcv_msg).

  request(request: NetlinkRequest): number {
    const { message: { type, flags, body }, caller, socket } = request;
    if (type > RTM_MAX) return -Errno.EOPNOTSUPP;
    if (body.length < 1) return 0;
    const isGet = (type & KIND_MASK) === KIND_GET;
    if (!isGet && !caller.credentials.has(Capability.NET_ADMIN)) return -Errno.EPERM;
    if (isGet && (flags & NLM_F.DUMP) !== 0) return socket.isDumping ? -Errno.EBUSY : this.dump(request);
    this.requester = request.to;
    const result = this.single(request);
    this.requester = NOBODY;
    return result;
  }

  private dump(request: NetlinkRequest): number {
    const { network } = this;
    const { type, body } = request.message;
    const family = body[0] as number;
    switch (type) {
      case RTM.GETLINK: return request.dump(family === BRIDGE ? [] : dumpLinks(network, request));
      case RTM.GETADDR: {
        const isStrict = request.isStrict;
        const name = family === AF.INET6 ? 'ipv6' : 'ipv4';
        if (isStrict && body.length < IFADDRMSG_LEN) {
          return request.failedDump(request.refuse(Errno.EINVAL, `${name}: Invalid header for address dump request`));
        }
        const index = isStrict ? new DataView(body.buffer, body.byteOffset, body.length).getInt32(4, true) : 0;
        const flags = index === 0 ? 0 : NLM_F.DUMP_FILTERED;
        if (index !== 0 && network.deviceAt(index) === null) return request.failedDump(-Errno.ENODEV, flags);
        return request.dump(dumpAddresses(network, family, index, request), { endsTogether: family === AF.INET6, flags });
      }
      case RTM.GETROUTE: {
        const families = family === AF.INET ? [true] : family === AF.INET6 ? [false] : [true, false];
        return dumpRoutes(network, families, request);
      }
      case RTM.GETNEIGH: return request.dump(dumpNeighbours(network, family, request), { endsTogether: true });
      default: return -Errno.EOPNOTSUPP;
    }
  }

  private single(request: NetlinkRequest): number {
    const { network } = this;
    const { type, flags, body } = request.message;
    const isV4 = body[0] === AF.INET;
    const isV6 = body[0] === AF.INET6;
    // Only forwarding entries of bridges can be deleted all at once.
    if ((type & KIND_MASK) === KIND_DELETE && (flags & NLM_F.BULK) !== 0 && isDeletion(type, isV4 || isV6)) {
      return request.refuse(Errno.EOPNOTSUPP, 'Bulk delete is not supported');
    }
    switch (type) {
      case RTM.GETLINK: return getLink(network, request);
      case RTM.NEWLINK: return newLink(network, request);
      case RTM.SETLINK: return setLink(network, request);
      case RTM.DELLINK: return deleteLink(network, request);
      case RTM.GETNEIGH: return getNeighbour(network, request);
      case RTM.NEWNEIGH: return addNeighbour(network, request);
      case RTM.DELNEIGH: return deleteNeighbour(network, request);
      default: return isV4 || isV6 ? this.ofFamily(request, isV4) : -Errno.EOPNOTSUPP;
    }
  }

  /** Addresses and routes are each family's own. */
  private ofFamily(request: NetlinkRequest, isV4: boolean): number {
    const { network } = this;
    switch (request.message.type) {
      case RTM.GETADDR: return isV4 ? -Errno.EOPNOTSUPP : getAddress6(network, request);
      case RTM.NEWADDR: return isV4 ? addAddress4(network, request) : addAddress6(network, request);
      case RTM.DELADDR: return isV4 ? deleteAddress4(network, request) : deleteAddress6(network, request);
      case RTM.GETROUTE: return isV4 ? lookUpRoute4(network, request) : lookUpRoute6(network, request);
      case RTM.NEWROUTE: return addRouteRequest(network, request, isV4);
      case RTM.DELROUTE: return deleteRouteRequest(network, request, isV4);
      default: return -Errno.EOPNOTSUPP;
    }
  }

  // Groups (rtnl_notify).

  listen(somebody: boolean): void {
    const { observers } = this.network;
    if (somebody) observers.push(this);
    else observers.splice(observers.indexOf(this), 1);
  }

  private tell(group: number, put: Put): void {
    const { host } = this;
    if (!host.hasListener(this.number, group)) return;
    put(host.writer);
    host.notify(this.number, group, host.writer.take());
  }

  override deviceAdded(device: Device): void {
    this.linkChanged(device, RTM.NEWLINK, ALL_FLAGS);
  }

  override deviceChanged(device: Device, turned: boolean): void {
    this.linkChanged(device, RTM.NEWLINK, turned ? InterfaceFlag.UP : 0);
  }

  override deviceGone(device: Device): void {
    this.linkChanged(device, RTM.DELLINK, ALL_FLAGS);
  }

  /** `changed`: which of its flags are others now. */
  private linkChanged(device: Device, type: number, changed: number): void {
    const owner = this.network.interfaceOf(device);
    // Linux tells of links from a place that does not know who asked.
    if (owner !== null) this.tell(RTNLGRP.LINK, (to) => putLink(to, type, 0, NOBODY, owner, changed));
  }

  override addressChanged(entry: InterfaceAddress, isThere: boolean): void {
    const { isV4 } = entry.address;
    // IPv6 tells of addresses without saying who asked.
    const by = isV4 ? this.requester : NOBODY;
    this.tell(isV4 ? RTNLGRP.IPV4_IFADDR : RTNLGRP.IPV6_IFADDR, (to) => {
      putAddress(to, isThere ? RTM.NEWADDR : RTM.DELADDR, 0, by, entry);
    });
    const type = isThere ? RTM.NEWROUTE : RTM.DELROUTE;
    for (const route of localRoutesOf(entry)) {
      this.tell(isV4 ? RTNLGRP.IPV4_ROUTE : RTNLGRP.IPV6_ROUTE, (to) => putLocalRoute(to, type, isThere && isV4 ? NLM_F.CREATE | NLM_F.EXCL : 0, NOBODY, route));
    }
  }

  override routeChanged(route: Route, isThere: boolean, how: RouteConflict): void {
    const { isV4 } = route;
    const flags = !isThere || (!isV4 && route.origin === RTPROT.KERNEL) ? 0 : FLAGS[how];
    this.tell(isV4 ? RTNLGRP.IPV4_ROUTE : RTNLGRP.IPV6_ROUTE, (to) => {
      putRoute(to, isThere ? RTM.NEWROUTE : RTM.DELROUTE, flags, this.requester, route);
    });
  }

  override neighbourChanged(neighbour: Neighbour, isThere: boolean): void {
    this.tell(RTNLGRP.NEIGH, (to) => putNeighbour(to, isThere ? RTM.NEWNEIGH : RTM.DELNEIGH, 0, { port: this.requester.port, sequence: 0 }, neighbour));
  }
}

/** What notifications say of how a route came (fib_table_insert). */
const FLAGS: Readonly<Record<RouteConflict, number>> = {
  [RouteConflict.Refuse]: NLM_F.CREATE | NLM_F.EXCL, [RouteConflict.Replace]: NLM_F.REPLACE,
  [RouteConflict.Append]: NLM_F.CREATE | NLM_F.APPEND, [RouteConflict.Prepend]: NLM_F.CREATE,
};

/** Of links and neighbours whatever family is named, of addresses and routes by family. */
function isDeletion(type: number, hasFamily: boolean): boolean {
  return type === RTM.DELLINK || type === RTM.DELNEIGH || (hasFamily && (type === RTM.DELADDR || type === RTM.DELROUTE));
}
