/**
 * Values for setsockopt about multicast groups, as <netinet/in.h> lays them out (ip(7), ipv6(7), RFC 3678). For programs; the
 * stack reads them in socket/family/multicast-options.ts.
 */
import { fault, quoted, readList, readText, readWhole } from '../../base/arguments.ts';
import { IpAddress } from '../../base/inet-address.ts';
import { sockaddrIn, sockaddrIn6 } from '../../socket/sockaddr.ts';

const STORAGE_LEN = 128;
const GROUP_AT = 8;
/** More than any igmp_max_msf or mld_max_msf lets in. */
const MOST_SOURCES = 65536;

/**
 * A `struct ip_mreqn` for IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP and IP_MULTICAST_IF: a group, and the interface by one of its
 * addresses or by its index; without either the route to the group chooses.
 *
 *   await process.setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, ip_mreqn('239.1.2.3'));
 */
export function ip_mreqn(group: string, address = '0.0.0.0', index = 0): Uint8Array {
  const bytes = new Uint8Array(12);
  bytes.set(v4('ip_mreqn: group', group));
  bytes.set(v4('ip_mreqn: address', address), 4);
  putInt(bytes, 8, 'ip_mreqn: index', index);
  return bytes;
}

/** A `struct ip_mreq_source` for IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP, IP_BLOCK_SOURCE and IP_UNBLOCK_SOURCE. */
export function ip_mreq_source(group: string, source: string, address = '0.0.0.0'): Uint8Array {
  const bytes = new Uint8Array(12);
  bytes.set(v4('ip_mreq_source: group', group));
  bytes.set(v4('ip_mreq_source: address', address), 4);
  bytes.set(v4('ip_mreq_source: source', source), 8);
  return bytes;
}

/** A `struct ipv6_mreq` for IPV6_JOIN_GROUP and IPV6_LEAVE_GROUP: a group, and the index of an interface (0: any). */
export function ipv6_mreq(group: string, index = 0): Uint8Array {
  const bytes = new Uint8Array(20);
  bytes.set(parse('ipv6_mreq: group', group).toBytes6());
  putInt(bytes, 16, 'ipv6_mreq: index', index);
  return bytes;
}

/** A `struct group_req` for MCAST_JOIN_GROUP and MCAST_LEAVE_GROUP, of either family. */
export function group_req(index: number, group: string): Uint8Array {
  return indexAndGroup('group_req', index, group);
}

/** What all three structures begin with. */
function indexAndGroup(helper: string, index: number, group: string): Uint8Array {
  const bytes = new Uint8Array(GROUP_AT + STORAGE_LEN);
  putInt(bytes, 0, `${helper}: index`, index);
  bytes.set(storage(`${helper}: group`, group), GROUP_AT);
  return bytes;
}

/**
 * A `struct group_source_req` for MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP, MCAST_BLOCK_SOURCE and
 * MCAST_UNBLOCK_SOURCE, of either family.
 */
export function group_source_req(index: number, group: string, source: string): Uint8Array {
  const bytes = new Uint8Array(GROUP_AT + 2 * STORAGE_LEN);
  bytes.set(indexAndGroup('group_source_req', index, group));
  bytes.set(storage('group_source_req: source', source), GROUP_AT + STORAGE_LEN);
  return bytes;
}

/**
 * A `struct group_filter` for MCAST_MSFILTER: hears `sources` alone (MCAST_INCLUDE), or all but them (MCAST_EXCLUDE). With
 * getsockopt it says which group is meant, and the length of `sources` how many there is room for.
 */
export function group_filter(index: number, group: string, mode: number, sources: readonly string[] = []): Uint8Array {
  const filterAt = GROUP_AT + STORAGE_LEN;
  const all = readList('group_filter: sources', sources, 'an array of addresses', MOST_SOURCES, true, (each) => storage('group_filter: every source', each));
  const bytes = new Uint8Array(filterAt + 8 + STORAGE_LEN * all.length);
  bytes.set(indexAndGroup('group_filter', index, group));
  putInt(bytes, filterAt, 'group_filter: mode', mode);
  putInt(bytes, filterAt + 4, 'group_filter: sources', all.length);
  all.forEach((source, i) => bytes.set(source, filterAt + 8 + STORAGE_LEN * i));
  return bytes;
}

function parse(what: string, text: unknown): IpAddress {
  const address = IpAddress.parse(readText(what, text));
  if (address === null) throw fault(new TypeError(`${what} is not an IP address: ${quoted(text as string)}`));
  return address;
}

function v4(what: string, text: unknown): Uint8Array {
  const address = parse(what, text);
  if (!address.isV4) throw fault(new TypeError(`${what} is not an IPv4 address: ${address}`));
  return address.toBytes();
}

function storage(what: string, text: unknown): Uint8Array {
  const address = parse(what, text);
  return address.isV4 ? sockaddrIn(address, 0) : sockaddrIn6(address, 0);
}

function putInt(bytes: Uint8Array, at: number, what: string, value: number): void {
  new DataView(bytes.buffer).setInt32(at, readWhole(what, value, -0x80000000, 0x7fffffff), true);
}
