/**
 * getsockopt(2) and setsockopt(2): options as bytes, as C lays them out on a little-endian 64-bit machine.
 *
 * Values, limits and errors are Linux's (net/core/sock.c, net/ipv4/ip_sockglue.c, net/ipv6/ipv6_sockglue.c); an option
 * that is not here answers -ENOPROTOOPT, as a kernel built without it would.
 */
import { Errno } from '../base/errno.ts';
import { TcpState } from '../transport/tcp/tcp.ts';
import { AF, IP, IPPROTO, IPV6, SO, SOCK, SOL, TCP, UDP } from './constants.ts';
import type { Socket } from './socket.ts';

/** SO_RCVBUF and SO_SNDBUF below this are raised to it (SOCK_MIN_RCVBUF, SOCK_MIN_SNDBUF on x86-64). */
const MIN_RECEIVE_BUFFER = 2304;
const MIN_SEND_BUFFER = 4608;

function readInt(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset, value.length).getInt32(0, true);
}

function intBytes(value: number, length: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes.subarray(0, Math.min(4, length));
}

/** IP-level options take one byte as well as four, both ways. */
function readIntOrByte(value: Uint8Array): number {
  return value.length >= 4 ? readInt(value) : (value[0] as number);
}

function intOrByteBytes(value: number, length: number): Uint8Array {
  if (length < 4 && length > 0 && value >= 0 && value <= 255) return Uint8Array.of(value);
  return intBytes(value, length);
}

function timevalBytes(us: number, length: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  if (us !== Infinity) {
    const seconds = Math.floor(us / 1000000);
    view.setUint32(0, seconds, true);
    view.setUint32(4, seconds / 4294967296, true);
    view.setUint32(8, us % 1000000, true);
  }
  return bytes.subarray(0, Math.min(16, length));
}

/** The option's bytes, or a negative errno. `length` is what the caller has room for. */
export function getOption(socket: Socket, level: number, option: number, length: number): Uint8Array | number {
  if (length < 0) {
    // ipv6_getsockopt compares lengths as unsigned numbers, so that -1 is plenty of room.
    if (level !== IPPROTO.IPV6 || socket.family !== AF.INET6) return -Errno.EINVAL;
    return getIpv6Option(socket, option, 4);
  }
  if (level === SOL.SOCKET) return getSocketOption(socket, option, length);
  if (level === IPPROTO.TCP && socket.tcp !== null) return getTcpOption(socket, option, length);
  if (level === IPPROTO.UDP && socket.udp !== null) {
    return option === UDP.CORK ? intBytes(socket.udp.corked ? 1 : 0, length) : -Errno.ENOPROTOOPT;
  }
  if (level === IPPROTO.IP && socket.family === AF.INET) return getIpOption(socket, option, length);
  if (level === IPPROTO.IPV6 && socket.family === AF.INET6) return getIpv6Option(socket, option, length);
  if (level === IPPROTO.IP) return getIpOption(socket, option, length);
  return socket.family === AF.INET6 ? -Errno.ENOPROTOOPT : -Errno.EOPNOTSUPP;
}

function getSocketOption(socket: Socket, option: number, length: number): Uint8Array | number {
  const options = socket.endpoint.settledOptions;
  const flag = (value: boolean): Uint8Array => intBytes(value ? 1 : 0, length);
  switch (option) {
    case SO.TYPE: return intBytes(socket.type, length);
    case SO.DOMAIN: return intBytes(socket.family, length);
    case SO.PROTOCOL: return intBytes(socket.protocol, length);
    case SO.ERROR: return intBytes(socket.endpoint.takeError(), length);
    case SO.REUSEADDR: return flag(options.reuseAddress);
    case SO.REUSEPORT: return flag(options.reusePort);
    case SO.KEEPALIVE: return flag(options.keepAlive);
    case SO.BROADCAST: return flag(options.broadcast);
    case SO.OOBINLINE: return flag(options.oobInline);
    case SO.DONTROUTE: return flag(options.dontRoute);
    case SO.NO_CHECK: return flag(options.noCheck);
    case SO.DEBUG: return intBytes(0, length);
    case SO.PRIORITY: return intBytes(options.priority, length);
    case SO.MARK: return intBytes(options.mark, length);
    case SO.SNDBUF: return intBytes((socket.tcp ?? options).sendBufferBytes, length);
    case SO.RCVBUF: return intBytes((socket.tcp ?? options).receiveBufferBytes, length);
    case SO.RCVLOWAT: return intBytes(options.receiveLowWater, length);
    case SO.SNDLOWAT: return intBytes(1, length);
    case SO.ACCEPTCONN: return flag(socket.tcp !== null && socket.tcp.state === TcpState.Listen);
    case SO.RCVTIMEO: return timevalBytes(options.receiveTimeoutUs, length);
    case SO.SNDTIMEO: return timevalBytes(options.sendTimeoutUs, length);
    case SO.LINGER: {
      const bytes = new Uint8Array(8);
      const view = new DataView(bytes.buffer);
      view.setInt32(0, options.lingerSeconds >= 0 ? 1 : 0, true);
      view.setInt32(4, options.lingerSeconds >= 0 ? options.lingerSeconds : options.lastLingerSeconds, true);
      return bytes.subarray(0, Math.min(8, length));
    }
    case SO.BINDTODEVICE: {
      const device = options.boundDevice;
      if (device === null) return new Uint8Array(0);
      if (length < 16) return -Errno.EINVAL;
      const bytes = new Uint8Array(device.name.length + 1);
      for (let i = 0; i < device.name.length; i++) bytes[i] = device.name.charCodeAt(i);
      return bytes;
    }
    default: return -Errno.ENOPROTOOPT;
  }
}

function getIpOption(socket: Socket, option: number, length: number): Uint8Array | number {
  const options = socket.endpoint.settledOptions;
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

function getIpv6Option(socket: Socket, option: number, length: number): Uint8Array | number {
  const options = socket.endpoint.settledOptions;
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

function getTcpOption(socket: Socket, option: number, length: number): Uint8Array | number {
  const tcp = socket.tcp;
  if (tcp === null) return -Errno.ENOPROTOOPT;
  if (option === TCP.CONGESTION) {
    const name = tcp.congestionName;
    const bytes = new Uint8Array(16);
    for (let i = 0; i < name.length; i++) bytes[i] = name.charCodeAt(i);
    return bytes.subarray(0, Math.min(16, length));
  }
  if (option === TCP.INFO) {
    const info = tcp.infoBytes();
    return info.subarray(0, Math.min(info.length, length));
  }
  const value = tcp.getOption(option);
  return value === -Errno.ENOPROTOOPT ? value : intBytes(value, length);
}

/** 0 or a negative errno. */
export function setOption(socket: Socket, level: number, option: number, value: Uint8Array): number {
  if (level === SOL.SOCKET) return setSocketOption(socket, option, value);
  if (level === IPPROTO.TCP && socket.tcp !== null) return setTcpOption(socket, option, value);
  if (level === IPPROTO.UDP && socket.udp !== null) {
    if (value.length < 4) return -Errno.EINVAL;
    if (option !== UDP.CORK) return -Errno.ENOPROTOOPT;
    socket.udp.setCork(readInt(value) !== 0);
    return 0;
  }
  if (level === IPPROTO.IP && socket.family === AF.INET) return setIpOption(socket, option, value);
  if (level === IPPROTO.IPV6 && socket.family === AF.INET6) return setIpv6Option(socket, option, value);
  return level === IPPROTO.IP && socket.family === AF.INET6 ? setIpOption(socket, option, value) : -Errno.ENOPROTOOPT;
}

function setSocketOption(socket: Socket, option: number, value: Uint8Array): number {
  const options = socket.endpoint.options;
  const settings = socket.stack.settings;
  if (option === SO.BINDTODEVICE) return bindToDevice(socket, value);
  if (value.length < 4) return -Errno.EINVAL;
  const n = readInt(value);
  const on = n !== 0;
  switch (option) {
    case SO.TYPE: case SO.PROTOCOL: case SO.DOMAIN: case SO.ERROR: case SO.ACCEPTCONN: case SO.SNDLOWAT:
      return -Errno.ENOPROTOOPT;
    case SO.DEBUG: return 0;
    case SO.REUSEADDR: options.reuseAddress = on; return 0;
    case SO.REUSEPORT: options.reusePort = on; return 0;
    case SO.KEEPALIVE:
      options.keepAlive = on;
      if (socket.tcp !== null) socket.tcp.keepAliveChanged();
      return 0;
    case SO.BROADCAST: options.broadcast = on; return 0;
    case SO.OOBINLINE: options.oobInline = on; return 0;
    case SO.DONTROUTE: options.dontRoute = on; return 0;
    case SO.NO_CHECK: options.noCheck = on; return 0;
    case SO.PRIORITY: options.priority = n; return 0;
    case SO.MARK: options.mark = n; return 0;
    case SO.SNDBUF: case SO.SNDBUFFORCE: {
      const wanted = option === SO.SNDBUF ? Math.min(n >>> 0, settings.wmemMax) : Math.max(n, 0);
      options.sendBufferBytes = Math.max(wanted * 2, MIN_SEND_BUFFER);
      options.sendBufferLocked = true;
      socket.endpoint.upcalls?.writable();
      return 0;
    }
    case SO.RCVBUF: case SO.RCVBUFFORCE: {
      const wanted = option === SO.RCVBUF ? Math.min(n >>> 0, settings.rmemMax) : Math.max(n, 0);
      options.receiveBufferBytes = Math.max(wanted * 2, MIN_RECEIVE_BUFFER);
      options.receiveBufferLocked = true;
      return 0;
    }
    case SO.RCVLOWAT:
      options.receiveLowWater = lowWater(socket, n < 0 ? 0x7fffffff : n);
      if (socket.tcp !== null) socket.tcp.lowWaterChanged();
      return 0;
    case SO.LINGER:
      if (value.length < 8) return -Errno.EINVAL;
      // Turning it off keeps the time (sk_lingertime), and getsockopt shows it.
      if (on) options.lastLingerSeconds = readInt(value.subarray(4)) >>> 0;
      options.lingerSeconds = on ? options.lastLingerSeconds : -1;
      return 0;
    case SO.RCVTIMEO: case SO.SNDTIMEO: {
      if (value.length < 16) return -Errno.EINVAL;
      const view = new DataView(value.buffer, value.byteOffset, value.length);
      const seconds = view.getUint32(0, true) + view.getInt32(4, true) * 4294967296;
      const micros = view.getUint32(8, true) + view.getInt32(12, true) * 4294967296;
      if (micros < 0 || micros >= 1000000) return -Errno.EDOM;
      // A negative time means "do not wait"; zero means for ever (sock_set_timeout).
      const us = seconds < 0 ? 0 : seconds === 0 && micros === 0 ? Infinity : seconds * 1000000 + micros;
      if (option === SO.RCVTIMEO) socket.endpoint.options.receiveTimeoutUs = us;
      else socket.endpoint.options.sendTimeoutUs = us;
      return 0;
    }
    default: return -Errno.ENOPROTOOPT;
  }
}

/** A stream's mark is at most half of what its buffer may become, or nobody would ever be woken (tcp_set_rcvlowat). */
function lowWater(socket: Socket, wanted: number): number {
  const options = socket.endpoint.options;
  let value = wanted;
  if (socket.tcp !== null) {
    const most = options.receiveBufferLocked ? options.receiveBufferBytes : socket.stack.settings.tcpRmemMax;
    value = Math.min(value, most >> 1);
  }
  return value === 0 ? 1 : value;
}

function bindToDevice(socket: Socket, value: Uint8Array): number {
  let name = '';
  for (let i = 0; i < value.length && i < 15 && value[i] !== 0; i++) name += String.fromCharCode(value[i] as number);
  if (name === '') {
    socket.endpoint.options.boundDevice = null;
    return 0;
  }
  const found = socket.stack.network.interfaces().find((entry) => entry.device.name === name);
  if (found === undefined) return -Errno.ENODEV;
  socket.endpoint.options.boundDevice = found.device;
  return 0;
}

function setIpOption(socket: Socket, option: number, value: Uint8Array): number {
  const options = socket.endpoint.options;
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

function setIpv6Option(socket: Socket, option: number, value: Uint8Array): number {
  const options = socket.endpoint.options;
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

function setTcpOption(socket: Socket, option: number, value: Uint8Array): number {
  const tcp = socket.tcp;
  if (tcp === null) return -Errno.ENOPROTOOPT;
  if (option === TCP.CONGESTION) {
    if (value.length < 1) return -Errno.EINVAL;
    let name = '';
    for (let i = 0; i < value.length && i < 15 && value[i] !== 0; i++) name += String.fromCharCode(value[i] as number);
    return tcp.setCongestion(name);
  }
  if (value.length < 4) return -Errno.EINVAL;
  return tcp.setOption(option, readInt(value));
}
