/** What the transports of datagrams share: what one costs a buffer, whether it may be cut, who sent it. */
import { LARGEST_HEAD, LEAST_TRUESIZE, linearTruesize, SHARED_INFO } from '../base/buffer-size.ts';
import { IpAddress } from '../base/inet-address.ts';
import type { Device } from '../link/device.ts';
import type { Packet } from '../link/packet.ts';
import type { Destination } from '../net/destination.ts';
import type { Network } from '../net/network.ts';
import type { EndpointOptions } from './endpoint.ts';
import { NO_RARE } from './rare-options.ts';

/** IP and UDP headers with room for a link's header, rounded up: what Linux allocates in front of the payload. */
const HEADROOM_V4 = 59, HEADROOM_V6 = 79;

/**
 * What a datagram costs a buffer: Linux's sk_buff and the memory block that its headers, payload and shared info take,
 * measured as skmem of `ss -m` on 6.18 for every length. Beyond the largest block the payload lies in pages.
 */
export function datagramTruesize(length: number, isV4: boolean): number {
  const linear = length + (isV4 ? HEADROOM_V4 : HEADROOM_V6);
  return linear + SHARED_INFO <= LARGEST_HEAD ? linearTruesize(linear) : LEAST_TRUESIZE + length;
}

/** IP_MTU_DISCOVER DO, PROBE and INTERFACE forbid fragments, WANT and OMIT allow them (ip_sk_ignore_df). */
export function mustNotFragment(options: EndpointOptions, isV4: boolean): boolean {
  const discover = isV4 ? options.mtuDiscover : options.mtuDiscover6;
  return (discover >= 2 && discover <= 4) || (!isV4 && options.dontFragment6);
}

/**
 * Does a packet of IPv4 that is `total` bytes long go with DF (__ip_make_skb)? WANT, the default, forbids fragments of what
 * fits; DO and PROBE always; INTERFACE refuses what does not fit, and leaves DF out.
 */
export function carriesDf({ mtuDiscover }: EndpointOptions, route: Destination, total: number): boolean {
  if (mtuDiscover === 1) return total <= route.mtuBytes;
  return mtuDiscover === 4 ? total > route.mtuBytes : mtuDiscover === 2 || mtuDiscover === 3;
}

/**
 * The source of a socket's packets to `to`: the bound one, or the one that IP_MULTICAST_IF chose for groups; null: the route's.
 * IPv4 through a socket of AF_INET6 that has an IPv6 address from its connect knows nothing of that (inet_saddr is not set).
 */
export function ownSource({ multicast }: EndpointOptions, local: IpAddress, to: IpAddress): IpAddress | null {
  if (!local.isUnspecified && !local.isMulticast && (local.isV4 || !to.isV4)) return local;
  return to.isV4 && to.isMulticast ? multicast.source : null;
}

/**
 * The source that the way must be right for; null for none. Who is transparent sends from an address that is no one's here,
 * by whatever way there is (FLOWI_FLAG_ANYSRC).
 */
export function boundSource(network: Network, { rare }: EndpointOptions, own: IpAddress | null): IpAddress | null {
  return own !== null && rare !== NO_RARE && rare.transparent && own.isV4 && !network.isLocalAddress(own) ? null : own;
}

/** The interface that a socket's options name for an address; null for any. */
export function chosenDevice(network: Network, options: EndpointOptions, to: IpAddress, scopeId: number): Device | null {
  const { boundDevice, multicast, rare } = options;
  if (boundDevice !== null) return boundDevice;
  if (scopeId !== 0) return network.deviceAt(scopeId);
  if (rare !== NO_RARE && !to.isV4 && rare.stickyIndex !== 0) return network.deviceAt(rare.stickyIndex);
  if (to.isMulticast) return to.isV4 ? multicast.device : multicast.device6;
  return rare === NO_RARE ? null : to.isV4 ? rare.unicastDevice : rare.unicastDevice6;
}

/** The source as an address object; the one of the last datagram again when it is the same. */
export function sourceAddress(p: Packet, known: IpAddress | null): IpAddress {
  if (known !== null && known.d === p.srcD && known.c === p.srcC && known.b === p.srcB && known.a === p.srcA) return known;
  return new IpAddress(p.srcA, p.srcB, p.srcC, p.srcD);
}
