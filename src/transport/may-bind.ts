/** Which addresses bind(2) gives: those of the host, and for whoever asks for them, or where the host says so, any other. */
import type { IpAddress } from '../base/inet-address.ts';
import type { Settings } from '../base/settings.ts';
import { bindsAnything, type RareOptions } from './rare-options.ts';

interface HostAddresses {
  isLocalAddress(address: IpAddress): boolean;
}

/**
 * An address of this host, the unspecified one, or any at all with IP_FREEBIND, IP_TRANSPARENT and, of IPv4's, with
 * net.ipv4.ip_nonlocal_bind (inet_addr_valid_or_nonlocal). Groups and the broadcast address are the caller's to allow.
 */
export function mayBindHere(
  addresses: HostAddresses, settings: Settings, options: { freeBind: boolean; rare: RareOptions }, address: IpAddress,
): boolean {
  return address.isUnspecified || bindsAnything(options) || (address.isV4 && settings.ipNonlocalBind !== 0) || addresses.isLocalAddress(address);
}
