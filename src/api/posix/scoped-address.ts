/**
 * IPv6 addresses with a scope as text: `fe80::1%eth0`, `fe80::1%2` (RFC 4007 section 11), as glibc reads and writes them.
 */
import { IpAddress, inet_ntop, inet_pton } from '../../base/inet-address.ts';
import { AF_INET6 } from './constants.ts';
import { if_indextoname, if_nametoindex } from './ifaddrs.ts';
import type { NameProcess } from './name-process.ts';

export interface ScopedAddress {
  readonly address: IpAddress;
  /** 0 without a scope. */
  readonly scopeId: number;
}

/** The IPv6 address of a text; null when it is none, or when what follows the % means nothing. */
export async function parseScopedAddress(process: NameProcess, text: string): Promise<ScopedAddress | null> {
  const percent = text.indexOf('%');
  const bytes = inet_pton(AF_INET6, percent < 0 ? text : text.slice(0, percent));
  if (bytes === null) return null;
  const address = IpAddress.fromBytes(bytes);
  if (percent < 0) return { address, scopeId: 0 };
  const scopeId = await scopeOf(process, address, text.slice(percent + 1));
  return scopeId === null ? null : { address, scopeId };
}

/** The number of a scope: an interface, where the address is of one link; otherwise only a number means anything. */
async function scopeOf(process: NameProcess, address: IpAddress, text: string): Promise<number | null> {
  if (isOfOneLink(address)) {
    const index = await if_nametoindex(process, text);
    if (index !== 0) return index;
  }
  return /^\d+$/.test(text) && Number(text) <= 0xffffffff ? Number(text) : null;
}

/** The text of an address with its scope, which is an interface's name where the address is of one link. */
export async function formatScopedAddress(process: NameProcess, address: IpAddress, scopeId: number): Promise<string> {
  const text = inet_ntop(AF_INET6, address.toBytes6());
  if (scopeId === 0) return text;
  const name = isOfOneLink(address) ? await if_indextoname(process, scopeId) : null;
  return `${text}%${name ?? scopeId}`;
}

/** fe80::/10 and ff02::/16 (with whatever flags). */
function isOfOneLink(address: IpAddress): boolean {
  return !address.isV4 && (address.isMulticast ? ((address.a >>> 16) & 0xf) === 2 : address.isLinkLocal);
}
