/**
 * Options of IPPROTO_IP, and the way to IPPROTO_IPV6's (inet6-options.ts) and the transport's own. Values, limits and errors
 * are Linux's (net/ipv4/ip_sockglue.c).
 */
import { Errno } from '../../base/errno.ts';
import type { Caller } from '../caller.ts';
import { AF, IP, IPPROTO, MCAST, SOCK } from '../constants.ts';
import { intOrByteBytes, readIntOrByte } from '../option-bytes.ts';
import type { InetSocket } from './inet.ts';
import { getRareIpOption, setRareIpOption } from './inet-rare-options.ts';
import { setTell, tellOfIp } from './inet-tell-options.ts';
import { getIpv6Option, setIpv6Option } from './inet6-options.ts';
import { getMulticast4, setMulticast4 } from './multicast-options.ts';
import { priorityOfTos } from './tos-priority.ts';

/** The length -1 as an unsigned number, or as much of it as matters. */
const PLENTY = 0x7fffffff;
const NEEDS_A_BYTE: readonly number[] = [IP.TTL, IP.FREEBIND];

/** The option's bytes, or a negative errno. `given` is what the caller's memory holds: some options read it. */
export function getInetOption(
  socket: InetSocket, level: number, option: number, length: number, given: Uint8Array,
): Uint8Array | number {
  const ofTransport = socket.getTransportOption(level, option, length);
  if (ofTransport !== null) return ofTransport;
  const isV6 = socket.family === AF.INET6;
  if (level === IPPROTO.IP && isIpv6Raw(socket)) return -Errno.ENOPROTOOPT;
  if (level === IPPROTO.IP) return length < 0 ? -Errno.EINVAL : getIpOption(socket, option, length, given);
  if (!isV6) return -Errno.EOPNOTSUPP;
  if (level !== IPPROTO.IPV6) return -Errno.ENOPROTOOPT;
  // ipv6_getsockopt compares lengths as unsigned numbers, so that -1 is plenty of room; but ipv6_get_msfilter does not.
  return getIpv6Option(socket, option, length < 0 && option !== MCAST.MSFILTER ? PLENTY : length, given);
}

/** 0 or a negative errno. */
export function setInetOption(socket: InetSocket, level: number, option: number, value: Uint8Array, caller: Caller): number {
  const ofTransport = socket.setTransportOption(level, option, value);
  if (ofTransport !== null) return ofTransport;
  const isV6 = socket.family === AF.INET6;
  if (level === IPPROTO.IP && !isIpv6Raw(socket)) return setIpOption(socket, option, value, caller);
  return level === IPPROTO.IPV6 && isV6 ? setIpv6Option(socket, option, value, caller) : -Errno.ENOPROTOOPT;
}

/** Raw sockets of AF_INET6 never speak IPv4 (ipv6_setsockopt). */
function isIpv6Raw(socket: InetSocket): boolean {
  return socket.family === AF.INET6 && socket.type === SOCK.RAW;
}

function getIpOption(socket: InetSocket, option: number, length: number, given: Uint8Array): Uint8Array | number {
  const ofMulticast = getMulticast4(socket, option, length, given);
  if (ofMulticast !== null) return ofMulticast;
  const options = socket.settledOptions;
  switch (option) {
    case IP.TOS: return intOrByteBytes(options.tos, length);
    case IP.TTL: return intOrByteBytes(options.ttl < 0 ? socket.stack.settings.ipDefaultTtl : options.ttl, length);
    case IP.MTU_DISCOVER: return intOrByteBytes(options.mtuDiscover, length);
    case IP.FREEBIND: return intOrByteBytes(options.freeBind ? 1 : 0, length);
    case IP.RECVERR: return intOrByteBytes(options.receiveErrors ? 1 : 0, length);
    case IP.MTU: {
      const remote = socket.endpoint.remoteAddress;
      const mtuBytes = remote === null ? 0 : socket.stack.pathMtu(remote, options.boundDevice);
      return mtuBytes === 0 ? -Errno.ENOTCONN : intOrByteBytes(mtuBytes, length);
    }
    // Raw sockets' own, which others can ask for but not set.
    case IP.HDRINCL: return intOrByteBytes(0, length);
    default: {
      const tell = tellOfIp(option);
      if (tell === 0) return getRareIpOption(socket, option, length) ?? -Errno.ENOPROTOOPT;
      return intOrByteBytes((options.tell & tell) !== 0 ? 1 : 0, length);
    }
  }
}

function setIpOption(socket: InetSocket, option: number, value: Uint8Array, caller: Caller): number {
  const ofMulticast = setMulticast4(socket, option, value);
  if (ofMulticast !== null) return ofMulticast;
  const options = socket.options;
  // No byte at all counts as zero for most of them (do_ip_setsockopt).
  if (value.length < 1 && NEEDS_A_BYTE.includes(option)) return -Errno.EINVAL;
  const n = value.length < 1 ? 0 : readIntOrByte(value);
  switch (option) {
    case IP.TOS: {
      // Linux keeps the ECN bits of a stream for TCP itself, and gives another type of service its priority (ip_sock_set_tos).
      const tos = socket.type === SOCK.STREAM ? (n & 0xfc) | (options.tos & 3) : n & 0xff;
      if (tos !== options.tos) options.priority = priorityOfTos(tos);
      options.tos = tos;
      return 0;
    }
    case IP.TTL:
      if (n !== -1 && (n < 1 || n > 255)) return -Errno.EINVAL;
      options.ttl = n;
      return 0;
    case IP.MTU_DISCOVER:
      if (n < 0 || n > 5) return -Errno.EINVAL;
      options.mtuDiscover = n;
      return 0;
    case IP.FREEBIND: options.freeBind = n !== 0; return 0;
    case IP.RECVERR:
      options.receiveErrors = n !== 0;
      if (n === 0) socket.forgetErrors();
      return 0;
    case IP.MTU: case IP.HDRINCL: return -Errno.ENOPROTOOPT;
    default: {
      const tell = tellOfIp(option);
      if (tell === 0) return setRareIpOption(socket, option, value, n, caller) ?? -Errno.ENOPROTOOPT;
      // A stream has no fragments to tell of.
      if (option === IP.RECVFRAGSIZE && socket.type === SOCK.STREAM) return -Errno.EINVAL;
      return setTell(options, tell, n !== 0);
    }
  }
}
