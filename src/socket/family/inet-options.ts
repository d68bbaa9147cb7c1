/**
 * Options of IPPROTO_IP and IPPROTO_IPV6, and the way to the transport's own. Values, limits and errors are Linux's
 * (net/ipv4/ip_sockglue.c, net/ipv6/ipv6_sockglue.c).
 */
import { Errno } from '../../base/errno.ts';
import { AF, IP, IPPROTO, IPV6, SOCK } from '../constants.ts';
import { intBytes, intOrByteBytes, readInt, readIntOrByte } from '../option-bytes.ts';
import type { InetSocket } from './inet.ts';

/** The option's bytes, or a negative errno. */
export function getInetOption(socket: InetSocket, level: number, option: number, length: number): Uint8Array | number {
  if (length < 0) {
    // ipv6_getsockopt compares lengths as unsigned numbers, so that -1 is plenty of room.
    if (level !== IPPROTO.IPV6 || socket.family !== AF.INET6) return -Errno.EINVAL;
    return getIpv6Option(socket, option, 4);
  }
  const ofTransport = socket.getTransportOption(level, option, length);
  if (ofTransport !== null) return ofTransport;
  if (level === IPPROTO.IP) return getIpOption(socket, option, length);
  if (socket.family !== AF.INET6) return -Errno.EOPNOTSUPP;
  return level === IPPROTO.IPV6 ? getIpv6Option(socket, option, length) : -Errno.ENOPROTOOPT;
}

/** 0 or a negative errno. */
export function setInetOption(socket: InetSocket, level: number, option: number, value: Uint8Array): number {
  const ofTransport = socket.setTransportOption(level, option, value);
  if (ofTransport !== null) return ofTransport;
  if (level === IPPROTO.IP) return setIpOption(socket, option, value);
  return level === IPPROTO.IPV6 && socket.family === AF.INET6 ? setIpv6Option(socket, option, value) : -Errno.ENOPROTOOPT;
}

function getIpOption(socket: InetSocket, option: number, length: number): Uint8Array | number {
  const options = socket.settledOptions;
  switch (option) {
    case IP.TOS: return intOrByteBytes(options.tos, length);
    case IP.TTL: return intOrByteBytes(options.ttl < 0 ? socket.stack.settings.ipDefaultTtl : options.ttl, length);
    case IP.MULTICAST_TTL: return intOrByteBytes(options.multicastTtl, length);
    case IP.MULTICAST_LOOP: return intOrByteBytes(options.multicastLoop ? 1 : 0, length);
    case IP.MTU_DISCOVER: return intOrByteBytes(options.mtuDiscover, length);
    case IP.FREEBIND: return intOrByteBytes(options.freeBind ? 1 : 0, length);
    case IP.RECVERR: return intOrByteBytes(options.receiveErrors ? 1 : 0, length);
    case IP.MTU: {
      const remote = socket.endpoint.remoteAddress;
      const route = remote === null ? null : socket.stack.network.lookup(remote, null, options.boundDevice);
      return route === null ? -Errno.ENOTCONN : intOrByteBytes(route.mtuBytes, length);
    }
    default: return -Errno.ENOPROTOOPT;
  }
}

function getIpv6Option(socket: InetSocket, option: number, length: number): Uint8Array | number {
  const options = socket.settledOptions;
  switch (option) {
    case IPV6.V6ONLY: return intBytes(options.v6Only ? 1 : 0, length);
    case IPV6.UNICAST_HOPS: return intBytes(options.ttl < 0 ? socket.stack.settings.ipv6HopLimit : options.ttl, length);
    case IPV6.MULTICAST_HOPS: return intBytes(options.multicastTtl, length);
    case IPV6.MULTICAST_LOOP: return intBytes(options.multicastLoop ? 1 : 0, length);
    case IPV6.TCLASS: return intBytes(options.trafficClass, length);
    case IPV6.MTU_DISCOVER: return intBytes(options.mtuDiscover, length);
    case IPV6.RECVERR: return intBytes(options.receiveErrors ? 1 : 0, length);
    case IPV6.FREEBIND: return intBytes(options.freeBind ? 1 : 0, length);
    case IPV6.MTU: {
      const remote = socket.endpoint.remoteAddress;
      const route = remote === null ? null : socket.stack.network.lookup(remote, null, options.boundDevice);
      return route === null ? -Errno.ENOTCONN : intBytes(route.mtuBytes, length);
    }
    default: return -Errno.ENOPROTOOPT;
  }
}

function setIpOption(socket: InetSocket, option: number, value: Uint8Array): number {
  const options = socket.options;
  // No byte at all counts as zero for some of them (do_ip_setsockopt).
  const lenient = option === IP.TOS || option === IP.MTU_DISCOVER || option === IP.RECVERR;
  if (value.length < 1 && !lenient) return -Errno.EINVAL;
  const n = value.length < 1 ? 0 : readIntOrByte(value);
  switch (option) {
    case IP.TOS:
      // Linux keeps the ECN bits of a stream for TCP itself (do_ip_setsockopt).
      options.tos = socket.type === SOCK.STREAM ? (n & 0xfc) | (options.tos & 3) : n & 0xff;
      return 0;
    case IP.TTL:
      if (n !== -1 && (n < 1 || n > 255)) return -Errno.EINVAL;
      options.ttl = n;
      return 0;
    case IP.MULTICAST_TTL:
      if (socket.type === SOCK.STREAM) return -Errno.EINVAL;
      if (n < -1 || n > 255) return -Errno.EINVAL;
      options.multicastTtl = n === -1 ? 1 : n;
      return 0;
    case IP.MULTICAST_LOOP: options.multicastLoop = n !== 0; return 0;
    case IP.MTU_DISCOVER:
      if (n < 0 || n > 5) return -Errno.EINVAL;
      options.mtuDiscover = n;
      return 0;
    case IP.FREEBIND: options.freeBind = n !== 0; return 0;
    case IP.RECVERR: options.receiveErrors = n !== 0; return 0;
    case IP.MTU: return -Errno.ENOPROTOOPT;
    default: return -Errno.ENOPROTOOPT;
  }
}

function setIpv6Option(socket: InetSocket, option: number, value: Uint8Array): number {
  const options = socket.options;
  if (value.length < 4) return -Errno.EINVAL;
  const n = readInt(value);
  switch (option) {
    case IPV6.V6ONLY:
      // Only before the socket has a port (do_ipv6_setsockopt).
      if (socket.endpoint.localPort !== 0) return -Errno.EINVAL;
      options.v6Only = n !== 0;
      return 0;
    case IPV6.UNICAST_HOPS:
      if (n > 255 || n < -1) return -Errno.EINVAL;
      options.ttl = n;
      return 0;
    case IPV6.MULTICAST_HOPS:
      if (socket.type === SOCK.STREAM) return -Errno.ENOPROTOOPT;
      if (n > 255 || n < -1) return -Errno.EINVAL;
      options.multicastTtl = n === -1 ? 1 : n;
      return 0;
    case IPV6.MULTICAST_LOOP:
      if (n !== 0 && n !== 1) return -Errno.EINVAL;
      options.multicastLoop = n !== 0;
      return 0;
    case IPV6.TCLASS:
      if (n < -1 || n > 255) return -Errno.EINVAL;
      // The ECN bits of a stream are TCP's own, as with IP_TOS.
      options.trafficClass = socket.type === SOCK.STREAM
        ? (Math.max(n, 0) & 0xfc) | (options.trafficClass & 3)
        : Math.max(n, 0);
      return 0;
    case IPV6.MTU_DISCOVER:
      if (n < 0 || n > 5) return -Errno.EINVAL;
      options.mtuDiscover = n;
      return 0;
    case IPV6.RECVERR: options.receiveErrors = n !== 0; return 0;
    case IPV6.FREEBIND: options.freeBind = n !== 0; return 0;
    default: return -Errno.ENOPROTOOPT;
  }
}
