/** Addresses as libuv reads and Node tells them: `uv_ip4_addr`, `uv_ip6_addr`, and `{ address, family, port }`. */
import { Errno } from '../../base/errno.ts';
import { IpAddress } from '../../base/inet-address.ts';
import { AF } from '../../socket/constants.ts';
import { ParsedSockaddr, parseSockaddr, sockaddrIn, sockaddrIn6 } from '../../socket/sockaddr.ts';
import type { NodeProgram } from './node-program.ts';

/** What `getsockname`, `getpeername` and datagrams fill in. */
export interface NodeAddress {
  address?: string;
  family?: string;
  port?: number;
}

/** uv_ip4_addr(3): the bytes, or -EINVAL. */
export function ip4(address: string, port: number): Uint8Array | number {
  const ip = IpAddress.parse(address);
  return ip === null || !ip.isV4 || !(port >= 0 && port <= 65535) ? -Errno.EINVAL : sockaddrIn(ip, port);
}

/** uv_ip6_addr(3), with `%eth0`: the bytes, or -EINVAL. */
export function ip6(program: NodeProgram, address: string, port: number): Uint8Array | number {
  const [text, zone] = address.split('%') as [string, string | undefined];
  const ip = text.includes(':') ? IpAddress.parse(text) : null;
  if (ip === null || !(port >= 0 && port <= 65535)) return -Errno.EINVAL;
  return sockaddrIn6(ip, port, zone === undefined ? 0 : scopeOf(program, zone));
}

/** if_nametoindex(3) of libuv's: a number is one already; 0 when there is none. */
function scopeOf(program: NodeProgram, zone: string): number {
  const entry = program.kernel.interfaces().find(({ name }) => name === zone);
  return entry?.index ?? (/^\d+$/.test(zone) ? Number(zone) : 0);
}

/** The number of the interface with that name or address; null when there is none. */
export function interfaceIndex(program: NodeProgram, nameOrAddress: string): number | null {
  for (const entry of program.kernel.interfaces()) {
    if (entry.name === nameOrAddress) return entry.index;
    for (const { address } of entry.addresses) if (address === nameOrAddress) return entry.index;
  }
  return null;
}

/** Fills in what the bytes say: 0, or the negative errno that stands in their place. */
export function tellAddress(program: NodeProgram, bytes: Uint8Array | number, into: NodeAddress): number {
  if (typeof bytes === 'number') return bytes;
  const parsed = new ParsedSockaddr();
  const bad = parseSockaddr(bytes, parsed);
  if (bad < 0) return bad;
  const isV4 = parsed.family === AF.INET;
  let text = isV4 || !parsed.address.isV4 ? parsed.address.toString() : `::ffff:${parsed.address}`;
  if (parsed.scopeId !== 0) {
    const entry = program.kernel.interfaces().find(({ index }) => index === parsed.scopeId);
    text += `%${entry?.name ?? parsed.scopeId}`;
  }
  into.address = text;
  into.family = isV4 ? 'IPv4' : 'IPv6';
  into.port = parsed.port;
  return 0;
}
