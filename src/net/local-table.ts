/**
 * The table `local`: which addresses are received here, in the words of routes (`ip route show table local`). It is not kept:
 * it follows from the addresses, as Linux makes it from them (fib_add_ifaddr, addrconf).
 *
 * Called by who shows routes; lookups look at the addresses themselves.
 */
import { IpAddress, networkOf } from '../base/inet-address.ts';
import type { Device } from '../link/device.ts';
import { AddressScope, type Interface, type InterfaceAddress } from './interface.ts';

/** RTN_ of <linux/rtnetlink.h>. */
export const LocalType = { Local: 2, Broadcast: 3, Multicast: 5 } as const;
export type LocalType = (typeof LocalType)[keyof typeof LocalType];

export interface LocalRoute {
  readonly type: LocalType;
  readonly prefix: IpAddress;
  readonly prefixLength: number;
  readonly device: Device;
  /** IPv4: the source of answers. */
  readonly source: IpAddress | null;
  readonly scope: number;
  /** IPv6 has one. */
  readonly metric: number;
}

const MULTICAST6 = new IpAddress(0xff000000, 0, 0, 0);
const METRIC6 = 256;
const LINK = AddressScope.Link, HOST = AddressScope.Host;

/** What one address brings with it. */
export function localRoutesOf(entry: InterfaceAddress): LocalRoute[] {
  const { address, prefixLength, broadcast, givenBroadcast, isSecondary, primary } = entry;
  const { device } = entry.interface;
  const routes: LocalRoute[] = [];
  if (!address.isV4) {
    if (entry.usable) routes.push({ type: LocalType.Local, prefix: address, prefixLength: 128, device, source: null, scope: 0, metric: 0 });
    return routes;
  }
  const add = (type: LocalType, prefix: IpAddress, length: number, scope: number): void => {
    routes.push({ type, prefix, prefixLength: length, device, source: primary.address, scope, metric: 0 });
  };
  // The first one's is there already.
  const isNew = !isSecondary || (givenBroadcast?.d !== primary.broadcast && givenBroadcast?.d !== primary.givenBroadcast?.d);
  add(LocalType.Local, address, 32, HOST);
  // All of 127.0.0.0/8 is this host; that stays when the device goes down.
  const isNetwork = address.isLoopback && device.isLoopback && prefixLength < 32;
  if (isNetwork && !isSecondary) add(LocalType.Local, networkOf(address, prefixLength), prefixLength, HOST);
  if (!device.up) return routes;
  if (givenBroadcast !== null && givenBroadcast.d !== -1 && isNew) add(LocalType.Broadcast, givenBroadcast, 32, LINK);
  if (isSecondary) return routes;
  if (broadcast !== 0 && givenBroadcast?.d !== broadcast) add(LocalType.Broadcast, IpAddress.fromV4(broadcast), 32, LINK);
  return routes;
}

/** All of a host's. */
export function localRoutes(interfaces: readonly Interface[]): LocalRoute[] {
  return interfaces.flatMap(({ addresses, device }) => {
    const routes = addresses.flatMap(localRoutesOf);
    if (device.isLoopback || !device.up) return routes;
    const groups: LocalRoute = {
      type: LocalType.Multicast, prefix: MULTICAST6, prefixLength: 8, device, source: null, scope: 0, metric: METRIC6,
    };
    return [...routes, groups];
  });
}
