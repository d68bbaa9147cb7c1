/** What the transports of datagrams share: what one costs a buffer, whether it may be cut, who sent it. */
import { IpAddress } from '../base/inet-address.ts';
import type { Packet } from '../link/packet.ts';
import type { EndpointOptions } from './endpoint.ts';

/** IP and UDP headers with room for a link's header, rounded up: what Linux allocates in front of the payload. */
const HEADROOM_V4 = 59, HEADROOM_V6 = 79;

/**
 * What a datagram costs a buffer: Linux's sk_buff and the memory block that its headers, payload and shared info take,
 * measured as skmem of `ss -m` on 6.18 for every length. Beyond the largest block the payload lies in pages.
 */
export function datagramTruesize(length: number, isV4: boolean): number {
  const linear = length + (isV4 ? HEADROOM_V4 : HEADROOM_V6);
  if (linear <= 256) return 832;
  if (linear <= 704) return 1280;
  if (linear <= 1728) return 2304;
  if (linear <= 3776) return 4352;
  if (linear <= 7872) return 8448;
  return linear <= 16064 ? 16640 : 832 + length;
}

/** IP_MTU_DISCOVER DO, PROBE and INTERFACE forbid fragments, WANT and OMIT allow them (ip_sk_ignore_df). */
export function mustNotFragment(options: EndpointOptions, isV4: boolean): boolean {
  const discover = isV4 ? options.mtuDiscover : options.mtuDiscover6;
  return (discover >= 2 && discover <= 4) || (!isV4 && options.dontFragment6);
}

/** The source as an address object; the one of the last datagram again when it is the same. */
export function sourceAddress(p: Packet, known: IpAddress | null): IpAddress {
  if (known !== null && known.d === p.srcD && known.c === p.srcC && known.b === p.srcB && known.a === p.srcA) return known;
  return new IpAddress(p.srcA, p.srcB, p.srcC, p.srcD);
}
