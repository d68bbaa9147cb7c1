/**
 * Options that raw sockets alone have: IP_HDRINCL, IPV6_HDRINCL, ICMP_FILTER, ICMP6_FILTER, IPV6_CHECKSUM (raw_setsockopt,
 * rawv6_setsockopt). Null is "not here": IPPROTO_IP's and IPPROTO_IPV6's own follow.
 */
import { Errno } from '../../base/errno.ts';
import { ICMP6_FILTER, ICMP_FILTER, IP, IPPROTO, IPV6, SOL } from '../constants.ts';
import { intBytes, intOrByteBytes, readInt, readIntOrByte } from '../option-bytes.ts';
import type { InetRaw } from './inet-raw.ts';

export function getRawOption({ raw, protocol, isV4 }: InetRaw, level: number, option: number, length: number): Uint8Array | number | null {
  if (isV4) {
    if (level === IPPROTO.IP && option === IP.HDRINCL) {
      return length < 0 ? -Errno.EINVAL : intOrByteBytes(raw.headerIncluded ? 1 : 0, length);
    }
    if (level !== SOL.RAW) return null;
    if (option !== ICMP_FILTER) return -Errno.ENOPROTOOPT;
    if (protocol !== IPPROTO.ICMP) return -Errno.EOPNOTSUPP;
    return length < 0 ? -Errno.EINVAL : filterBytes(raw.blockedTypes, length);
  }
  if (level === SOL.ICMPV6) {
    if (protocol !== IPPROTO.ICMPV6) return -Errno.EOPNOTSUPP;
    if (option !== ICMP6_FILTER) return -Errno.ENOPROTOOPT;
    return length < 0 ? -Errno.EINVAL : filterBytes(raw.blockedTypes, length);
  }
  if (level === SOL.RAW || level === IPPROTO.IPV6) {
    // Lengths are compared as unsigned numbers: -1 is plenty.
    const room = length < 0 ? 4 : length;
    if (option === IPV6.CHECKSUM) return intBytes(raw.checksumAt, room);
    if (option === IPV6.HDRINCL) return intBytes(raw.headerIncluded ? 1 : 0, room);
  }
  return level === SOL.RAW ? -Errno.ENOPROTOOPT : null;
}

export function setRawOption({ raw, protocol, isV4 }: InetRaw, level: number, option: number, value: Uint8Array): number | null {
  if (isV4) {
    if (level === IPPROTO.IP && option === IP.HDRINCL) {
      raw.headerIncluded = value.length > 0 && readIntOrByte(value) !== 0;
      return 0;
    }
    if (level !== SOL.RAW) return null;
    if (option !== ICMP_FILTER) return -Errno.ENOPROTOOPT;
    return protocol === IPPROTO.ICMP ? setFilter(raw.blockedTypes, value) : -Errno.EOPNOTSUPP;
  }
  if (level === SOL.ICMPV6) {
    if (protocol !== IPPROTO.ICMPV6) return -Errno.EOPNOTSUPP;
    return option === ICMP6_FILTER ? setFilter(raw.blockedTypes, value) : -Errno.ENOPROTOOPT;
  }
  const isOwn = level === SOL.RAW || (level === IPPROTO.IPV6 && (option === IPV6.CHECKSUM || option === IPV6.HDRINCL));
  if (!isOwn) return null;
  if (value.length < 4) return -Errno.EINVAL;
  if (option === IPV6.HDRINCL) {
    raw.headerIncluded = readInt(value) !== 0;
    return 0;
  }
  if (option !== IPV6.CHECKSUM) return -Errno.ENOPROTOOPT;
  // RFC 3542 3.1: ICMPv6's is the kernel's own affair. Linux refuses it at one level, and takes it at the other.
  if (protocol === IPPROTO.ICMPV6 && level === IPPROTO.IPV6) return -Errno.EINVAL;
  const at = readInt(value);
  if (at > 0 && (at & 1) !== 0) return -Errno.EINVAL;
  raw.checksumAt = at < 0 ? -1 : at;
  return 0;
}

function filterBytes(blockedTypes: Int32Array, length: number): Uint8Array {
  const bytes = new Uint8Array(blockedTypes.length * 4);
  const view = new DataView(bytes.buffer);
  blockedTypes.forEach((word, i) => view.setInt32(i * 4, word, true));
  return bytes.subarray(0, Math.min(length, bytes.length));
}

/** As many bytes as there are; the rest stays as it was. */
function setFilter(blockedTypes: Int32Array, value: Uint8Array): number {
  const bytes = filterBytes(blockedTypes, blockedTypes.length * 4);
  bytes.set(value.subarray(0, bytes.length));
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < blockedTypes.length; i++) blockedTypes[i] = view.getInt32(i * 4, true);
  return 0;
}
