/**
 * Options of IPPROTO_IP and IPPROTO_IPV6 about multicast: where groups' datagrams leave, and which groups are heard (ip(7),
 * ipv6(7), RFC 3678). The structures of <linux/in.h> are read and written here, the memberships themselves are in
 * transport/memberships.ts.
 *
 *   ip_mreq            | group 4 | interface address 4 |
 *   ip_mreqn           | group 4 | interface address 4 | index 4 LE |
 *   ip_mreq_source     | group 4 | interface address 4 | source 4 |
 *   ip_msfilter        | group 4 | interface address 4 | mode 4 LE | count 4 LE | sources 4 each |
 *   ipv6_mreq          | group 16 | index 4 LE |
 *   group_req          | index 4 LE | 0 4 | group 128 |
 *   group_source_req   | index 4 LE | 0 4 | group 128 | source 128 |
 *   group_filter       | index 4 LE | 0 4 | group 128 | mode 4 LE | count 4 LE | sources 128 each |
 *
 * Null is "not here": other options of the level follow.
 */
import { Errno } from '../../base/errno.ts';
import { ANY4, IpAddress } from '../../base/inet-address.ts';
import type { MulticastOptions } from '../../transport/endpoint.ts';
import { FilterMode, type Memberships, type Place, placeAt } from '../../transport/memberships.ts';
import { AF, IP, IPV6, MCAST, SOCK } from '../constants.ts';
import { intBytes, intOrByteBytes, readInt, readIntOrByte } from '../option-bytes.ts';
import { sockaddrFamily } from '../sockaddr.ts';
import type { InetSocket } from './inet.ts';

const ADDRESS_LEN = 4, MREQ_LEN = 8, MREQN_LEN = 12, MREQ_SOURCE_LEN = 12, MSFILTER_LEN = 16;
const MREQ6_LEN = 20;
const STORAGE_LEN = 128;
const GROUP_AT = 8, SOURCE_AT = GROUP_AT + STORAGE_LEN;
const GROUP_REQ_LEN = SOURCE_AT, GROUP_SOURCE_REQ_LEN = SOURCE_AT + STORAGE_LEN;
const GROUP_FILTER_LEN = SOURCE_AT + 8;

// IPPROTO_IP.

/** `given` is what the caller's memory holds, where an option reads it. */
export function getMulticast4(socket: InetSocket, option: number, length: number, given: Uint8Array): Uint8Array | number | null {
  const { ttl, loops, hearsAll, source } = socket.settledOptions.multicast;
  switch (option) {
    case IP.MULTICAST_TTL: return intOrByteBytes(ttl, length);
    case IP.MULTICAST_LOOP: return intOrByteBytes(loops ? 1 : 0, length);
    case IP.MULTICAST_ALL: return intOrByteBytes(hearsAll ? 1 : 0, length);
    case IP.MULTICAST_IF: return (source ?? ANY4).toBytes().subarray(0, length);
    case IP.MSFILTER: return getFilter4(socket, length, given);
    case MCAST.MSFILTER: return getGroupFilter(socket, true, length, given);
    default: return null;
  }
}

export function setMulticast4(socket: InetSocket, option: number, value: Uint8Array): number | null {
  const isStream = socket.type === SOCK.STREAM;
  switch (option) {
    case IP.MULTICAST_TTL: {
      if (isStream || value.length < 1) return -Errno.EINVAL;
      const ttl = readIntOrByte(value);
      if (ttl < -1 || ttl > 255) return -Errno.EINVAL;
      return set(socket, { ttl: ttl === -1 ? 1 : ttl });
    }
    case IP.MULTICAST_LOOP:
      if (value.length < 1) return -Errno.EINVAL;
      return set(socket, { loops: readIntOrByte(value) !== 0 });
    case IP.MULTICAST_ALL: {
      const on = value.length < 1 ? -1 : readIntOrByte(value);
      if (on !== 0 && on !== 1) return -Errno.EINVAL;
      return set(socket, { hearsAll: on === 1 });
    }
    case IP.MULTICAST_IF: return isStream ? -Errno.EINVAL : setInterface4(socket, value);
    case IP.ADD_MEMBERSHIP: case IP.DROP_MEMBERSHIP: {
      // Streams may join, by MCAST_JOIN_GROUP; there is nothing that they would hear.
      if (isStream) return -Errno.EPROTO;
      if (value.length < MREQ_LEN) return -Errno.EINVAL;
      const place = { group: address4(value, 0), address: address4(value, 4), index: value.length >= MREQN_LEN ? intAt(value, 8) : 0 };
      return option === IP.ADD_MEMBERSHIP ? socket.groups.join(place) : socket.groups.leave(place);
    }
    case IP.ADD_SOURCE_MEMBERSHIP: case IP.DROP_SOURCE_MEMBERSHIP: case IP.BLOCK_SOURCE: case IP.UNBLOCK_SOURCE: {
      if (value.length !== MREQ_SOURCE_LEN) return -Errno.EINVAL;
      const place = { group: address4(value, 0), address: address4(value, 4), index: 0 };
      return changeSource(socket.groups, SOURCE_CHANGES4[option] as SourceChange, place, address4(value, 8));
    }
    case IP.MSFILTER: return setFilter4(socket, value);
    default: return setGroup(socket, true, option, value);
  }
}

/** IP_MULTICAST_IF takes an address, an ip_mreq or an ip_mreqn; the address is the source of what is sent to groups. */
function setInterface4(socket: InetSocket, value: Uint8Array): number {
  if (value.length < ADDRESS_LEN) return -Errno.EINVAL;
  const { stack, options } = socket;
  const address = address4(value, value.length >= MREQ_LEN ? 4 : 0);
  const index = value.length >= MREQN_LEN ? intAt(value, 8) : 0;
  if (index === 0 && address.isUnspecified) return set(socket, { device: null, source: null });
  const device = index === 0 ? stack.deviceOf(address) : stack.deviceAt(index);
  if (device === null) return -Errno.EADDRNOTAVAIL;
  if (options.boundDevice !== null && options.boundDevice !== device) return -Errno.EINVAL;
  return set(socket, { device, source: address.isUnspecified ? null : address });
}

function setFilter4(socket: InetSocket, value: Uint8Array): number {
  const { optmemMax, igmpMaxMsf } = socket.stack.settings;
  if (value.length < MSFILTER_LEN) return -Errno.EINVAL;
  if (value.length > optmemMax) return -Errno.ENOBUFS;
  const count = intAt(value, 12) >>> 0;
  if (count > igmpMaxMsf) return -Errno.ENOBUFS;
  if (MSFILTER_LEN + ADDRESS_LEN * count > value.length) return -Errno.EINVAL;
  const sources = Array.from({ length: count }, (_, i) => address4(value, MSFILTER_LEN + ADDRESS_LEN * i));
  return socket.groups.setFilter({ group: address4(value, 0), address: address4(value, 4), index: 0 }, intAt(value, 8), sources);
}

function getFilter4(socket: InetSocket, length: number, given: Uint8Array): Uint8Array | number {
  if (length < MSFILTER_LEN) return -Errno.EINVAL;
  const asked = prefix(given, MSFILTER_LEN);
  const place = { group: address4(asked, 0), address: address4(asked, 4), index: 0 };
  const found = socket.groups.filterOf(place, true);
  if (typeof found === 'number') return found;
  const sources = found.sources ?? [];
  const told = Math.min(sources.length, intAt(asked, 12) >>> 0, Math.floor((length - MSFILTER_LEN) / ADDRESS_LEN));
  const bytes = new Uint8Array(MSFILTER_LEN + ADDRESS_LEN * told);
  bytes.set(asked);
  putInt(bytes, 8, found.mode);
  putInt(bytes, 12, sources.length);
  for (let i = 0; i < told; i++) bytes.set((sources[i] as IpAddress).toBytes(), MSFILTER_LEN + ADDRESS_LEN * i);
  return bytes;
}

// IPPROTO_IPV6.

export function getMulticast6(socket: InetSocket, option: number, length: number, given: Uint8Array): Uint8Array | number | null {
  const { hops, loops6, hearsAll6, device6 } = socket.settledOptions.multicast;
  switch (option) {
    case IPV6.MULTICAST_HOPS: return intBytes(hops, length);
    case IPV6.MULTICAST_LOOP: return intBytes(loops6 ? 1 : 0, length);
    case IPV6.MULTICAST_ALL: return intBytes(hearsAll6 ? 1 : 0, length);
    case IPV6.MULTICAST_IF: return intBytes(device6 === null ? 0 : device6.index, length);
    case MCAST.MSFILTER: return getGroupFilter(socket, false, length, given);
    default: return null;
  }
}

export function setMulticast6(socket: InetSocket, option: number, value: Uint8Array): number | null {
  const isStream = socket.type === SOCK.STREAM;
  switch (option) {
    case IPV6.MULTICAST_HOPS: {
      if (isStream) return -Errno.ENOPROTOOPT;
      const hops = value.length < 4 ? 256 : readInt(value);
      if (hops < -1 || hops > 255) return -Errno.EINVAL;
      return set(socket, { hops: hops === -1 ? 1 : hops });
    }
    case IPV6.MULTICAST_LOOP: {
      const on = value.length < 4 ? -1 : readInt(value);
      return on !== 0 && on !== 1 ? -Errno.EINVAL : set(socket, { loops6: on === 1 });
    }
    case IPV6.MULTICAST_ALL: return value.length < 4 ? -Errno.EINVAL : set(socket, { hearsAll6: readInt(value) !== 0 });
    case IPV6.MULTICAST_IF: return isStream ? -Errno.ENOPROTOOPT : setInterface6(socket, value);
    case IPV6.ADD_MEMBERSHIP: case IPV6.DROP_MEMBERSHIP: {
      if (value.length < MREQ6_LEN) return -Errno.EINVAL;
      if (isStream) return -Errno.EPROTO;
      const place = placeAt(address6(value, 0), intAt(value, 16));
      if (place.group.isV4) return -Errno.EINVAL;
      return option === IPV6.ADD_MEMBERSHIP ? socket.groups.join(place) : socket.groups.leave(place);
    }
    default: return setGroup(socket, false, option, value);
  }
}

function setInterface6(socket: InetSocket, value: Uint8Array): number {
  const { stack, options } = socket;
  if (value.length < 4) return -Errno.EINVAL;
  const index = readInt(value);
  const device = index === 0 ? null : stack.deviceAt(index);
  if (index !== 0 && device === null) return -Errno.ENODEV;
  if (device !== null && options.boundDevice !== null && options.boundDevice !== device) return -Errno.EINVAL;
  return set(socket, { device6: device });
}

// Both: RFC 3678's options with struct sockaddr_storage.

interface SourceChange {
  readonly mode: FilterMode;
  readonly isAdded: boolean;
  readonly joins: boolean;
}

const BLOCK = { mode: FilterMode.Exclude, isAdded: true, joins: false };
const UNBLOCK = { mode: FilterMode.Exclude, isAdded: false, joins: false };
const JOIN_SOURCE = { mode: FilterMode.Include, isAdded: true, joins: true };
const LEAVE_SOURCE = { mode: FilterMode.Include, isAdded: false, joins: false };

const SOURCE_CHANGES4: Readonly<Record<number, SourceChange>> = {
  [IP.BLOCK_SOURCE]: BLOCK, [IP.UNBLOCK_SOURCE]: UNBLOCK, [IP.ADD_SOURCE_MEMBERSHIP]: JOIN_SOURCE,
  [IP.DROP_SOURCE_MEMBERSHIP]: LEAVE_SOURCE,
};
const SOURCE_CHANGES: Readonly<Record<number, SourceChange>> = {
  [MCAST.BLOCK_SOURCE]: BLOCK, [MCAST.UNBLOCK_SOURCE]: UNBLOCK, [MCAST.JOIN_SOURCE_GROUP]: JOIN_SOURCE,
  [MCAST.LEAVE_SOURCE_GROUP]: LEAVE_SOURCE,
};

function changeSource(groups: Memberships, { mode, isAdded, joins }: SourceChange, place: Place, source: IpAddress): number {
  if (joins) {
    const joined = groups.join(place, mode);
    // The next source of the same group.
    if (joined < 0 && joined !== -Errno.EADDRINUSE) return joined;
  }
  return groups.changeSource(isAdded, mode, place, source);
}

function setGroup(socket: InetSocket, isV4: boolean, option: number, value: Uint8Array): number | null {
  switch (option) {
    case MCAST.JOIN_GROUP: case MCAST.LEAVE_GROUP: {
      if (value.length < GROUP_REQ_LEN) return -Errno.EINVAL;
      const group = storage(value, GROUP_AT, isV4);
      if (group === null) return isV4 ? -Errno.EINVAL : -Errno.EADDRNOTAVAIL;
      const place = placeAt(group, intAt(value, 0));
      return option === MCAST.JOIN_GROUP ? socket.groups.join(place) : socket.groups.leave(place);
    }
    case MCAST.JOIN_SOURCE_GROUP: case MCAST.LEAVE_SOURCE_GROUP: case MCAST.BLOCK_SOURCE: case MCAST.UNBLOCK_SOURCE: {
      if (value.length < GROUP_SOURCE_REQ_LEN || (isV4 && value.length > GROUP_SOURCE_REQ_LEN)) return -Errno.EINVAL;
      const group = storage(value, GROUP_AT, isV4);
      const source = storage(value, SOURCE_AT, isV4);
      if (group === null || source === null) return -Errno.EADDRNOTAVAIL;
      return changeSource(socket.groups, SOURCE_CHANGES[option] as SourceChange, placeAt(group, intAt(value, 0)), source);
    }
    case MCAST.MSFILTER: return setGroupFilter(socket, isV4, value);
    default: return null;
  }
}

function setGroupFilter(socket: InetSocket, isV4: boolean, value: Uint8Array): number {
  const { optmemMax, igmpMaxMsf, mldMaxMsf } = socket.stack.settings;
  if (value.length < GROUP_FILTER_LEN) return -Errno.EINVAL;
  if (value.length > optmemMax) return -Errno.ENOBUFS;
  const count = intAt(value, SOURCE_AT + 4) >>> 0;
  if (count > (isV4 ? igmpMaxMsf : mldMaxMsf)) return -Errno.ENOBUFS;
  if (GROUP_FILTER_LEN + STORAGE_LEN * count > value.length) return -Errno.EINVAL;
  // IPv6 does not look at the families.
  const group = isV4 ? storage(value, GROUP_AT, true) : address6(value, GROUP_AT + 8);
  if (group === null) return -Errno.EADDRNOTAVAIL;
  const sources: IpAddress[] = [];
  for (let i = 0, at = GROUP_FILTER_LEN; i < count; i++, at += STORAGE_LEN) {
    const source = isV4 ? storage(value, at, true) : address6(value, at + 8);
    if (source === null) return -Errno.EADDRNOTAVAIL;
    sources.push(source);
  }
  return socket.groups.setFilter(placeAt(group, intAt(value, 0)), intAt(value, SOURCE_AT), sources);
}

function getGroupFilter(socket: InetSocket, isV4: boolean, length: number, given: Uint8Array): Uint8Array | number {
  if (length < GROUP_FILTER_LEN) return -Errno.EINVAL;
  const asked = prefix(given, GROUP_FILTER_LEN);
  const group = storage(asked, GROUP_AT, isV4);
  if (group === null) return isV4 ? -Errno.EINVAL : -Errno.EADDRNOTAVAIL;
  const found = socket.groups.filterOf(placeAt(group, intAt(asked, 0)), false);
  if (typeof found === 'number') return found;
  const sources = found.sources ?? [];
  const told = Math.min(sources.length, intAt(asked, SOURCE_AT + 4) >>> 0, Math.floor((length - GROUP_FILTER_LEN) / STORAGE_LEN));
  const bytes = new Uint8Array(GROUP_FILTER_LEN + STORAGE_LEN * told);
  bytes.set(asked);
  putInt(bytes, SOURCE_AT, found.mode);
  putInt(bytes, SOURCE_AT + 4, sources.length);
  for (let i = 0; i < told; i++) {
    const at = GROUP_FILTER_LEN + STORAGE_LEN * i;
    const source = sources[i] as IpAddress;
    bytes[at] = isV4 ? AF.INET : AF.INET6;
    bytes.set(isV4 ? source.toBytes() : source.toBytes6(), at + (isV4 ? 4 : 8));
  }
  return bytes;
}

function set({ options }: InetSocket, change: Partial<MulticastOptions>): number {
  options.multicast = options.multicast.with(change);
  return 0;
}

// Bytes.

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function intAt(bytes: Uint8Array, at: number): number {
  return viewOf(bytes).getInt32(at, true);
}

function putInt(bytes: Uint8Array, at: number, value: number): void {
  viewOf(bytes).setInt32(at, value, true);
}

function address4(bytes: Uint8Array, at: number): IpAddress {
  return IpAddress.fromV4(viewOf(bytes).getInt32(at));
}

function address6(bytes: Uint8Array, at: number): IpAddress {
  return IpAddress.readV6(viewOf(bytes), at);
}

/** The address in a sockaddr_storage; null when it is of the other family. */
function storage(bytes: Uint8Array, at: number, isV4: boolean): IpAddress | null {
  if (sockaddrFamily(bytes.subarray(at)) !== (isV4 ? AF.INET : AF.INET6)) return null;
  return isV4 ? address4(bytes, at + 4) : address6(bytes, at + 8);
}

/** The first bytes, with zeros where there are none. */
function prefix(bytes: Uint8Array, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(0, length));
  return copy;
}
