/**
 * getsockopt(2) and setsockopt(2): options as bytes, as C lays them out on a little-endian 64-bit machine. SOL_SOCKET's are
 * here, those of other levels with the family that has them.
 *
 * Values, limits and errors are Linux's (net/core/sock.c); an option that is not here answers -ENOPROTOOPT, as a kernel
 * built without it would.
 */
import { Capability, type Credentials } from '../base/credentials.ts';
import { Errno } from '../base/errno.ts';
import { Poll } from '../base/wait-queue.ts';
import type { Caller } from './caller.ts';
import { SO, SOL } from './constants.ts';
import { mayMark } from './mark.ts';
import { intBytes, readInt, readName, timevalBytes } from './option-bytes.ts';
import { getRareOption, setRareOption } from './rare-options.ts';
import type { Socket } from './socket.ts';

/** SO_RCVBUF and SO_SNDBUF below this are raised to it (SOCK_MIN_RCVBUF, SOCK_MIN_SNDBUF on x86-64). */
const MIN_RECEIVE_BUFFER = 2304;
const MIN_SEND_BUFFER = 4608;

/** The option's bytes, or a negative errno. `length` is what the caller has room for, `given` what that room holds. */
export function getOption(
  socket: Socket, level: number, option: number, length: number, given: Uint8Array,
): Uint8Array | number {
  if (level !== SOL.SOCKET) return socket.getLevelOption(level, option, length, given);
  return length < 0 ? -Errno.EINVAL : getSocketOption(socket, option, length);
}

function getSocketOption(socket: Socket, option: number, length: number): Uint8Array | number {
  const own = socket.getSocketOption(option, length);
  if (own !== null) return own;
  const options = socket.settledOptions;
  const flag = (value: boolean): Uint8Array => intBytes(value ? 1 : 0, length);
  switch (option) {
    case SO.TYPE: return intBytes(socket.type, length);
    case SO.DOMAIN: return intBytes(socket.family, length);
    case SO.PROTOCOL: return intBytes(socket.protocol, length);
    case SO.ERROR: return intBytes(socket.takeError() || socket.takeSoftError(), length);
    case SO.REUSEADDR: return flag(options.reuseAddress);
    case SO.REUSEPORT: return flag(options.reusePort);
    case SO.KEEPALIVE: return flag(options.keepAlive);
    case SO.BROADCAST: return flag(options.broadcast);
    case SO.OOBINLINE: return flag(options.oobInline);
    case SO.DONTROUTE: return flag(options.dontRoute);
    case SO.NO_CHECK: return flag(options.noCheck);
    case SO.BSDCOMPAT: return intBytes(0, length);
    case SO.PRIORITY: return intBytes(options.priority, length);
    case SO.MARK: return intBytes(options.mark, length);
    case SO.SNDBUF: return intBytes(socket.sendBufferBytes, length);
    case SO.RCVBUF: return intBytes(socket.receiveBufferBytes, length);
    case SO.RCVLOWAT: return intBytes(options.receiveLowWater, length);
    case SO.SNDLOWAT: return intBytes(1, length);
    case SO.ACCEPTCONN: return flag(socket.isListening);
    case SO.RCVTIMEO: case SO.RCVTIMEO_NEW: return timevalBytes(options.receiveTimeoutUs, length);
    case SO.SNDTIMEO: case SO.SNDTIMEO_NEW: return timevalBytes(options.sendTimeoutUs, length);
    case SO.LINGER: {
      const bytes = new Uint8Array(8);
      const view = new DataView(bytes.buffer);
      view.setInt32(0, options.lingerSeconds >= 0 ? 1 : 0, true);
      view.setInt32(4, options.lingerSeconds >= 0 ? options.lingerSeconds : options.lastLingerSeconds, true);
      return bytes.subarray(0, Math.min(8, length));
    }
    case SO.BINDTOIFINDEX: return intBytes(options.boundDevice === null ? 0 : options.boundDevice.index, length);
    case SO.BUF_LOCK: return intBytes((options.sendBufferLocked ? 1 : 0) | (options.receiveBufferLocked ? 2 : 0), length);
    case SO.PEERNAME: {
      const name = socket.peerName();
      if (typeof name === 'number') return -Errno.ENOTCONN;
      return length > name.length ? -Errno.EINVAL : name.subarray(0, length);
    }
    case SO.BINDTODEVICE: {
      const device = options.boundDevice;
      if (device === null) return new Uint8Array(0);
      if (length < 16) return -Errno.EINVAL;
      const bytes = new Uint8Array(device.name.length + 1);
      for (let i = 0; i < device.name.length; i++) bytes[i] = device.name.charCodeAt(i);
      return bytes;
    }
    default: return getRareOption(socket, option, length) ?? -Errno.ENOPROTOOPT;
  }
}

/** 0 or a negative errno. */
export function setOption(socket: Socket, level: number, option: number, value: Uint8Array, caller: Caller): number {
  return level === SOL.SOCKET ? setSocketOption(socket, option, value, caller) : socket.setLevelOption(level, option, value, caller);
}

function setSocketOption(socket: Socket, option: number, value: Uint8Array, caller: Caller): number {
  const { credentials } = caller;
  const options = socket.options;
  const settings = socket.stack.settings;
  if (option === SO.BINDTODEVICE) return bindToDevice(socket, value, credentials);
  if (option === SO.ATTACH_FILTER) return socket.attachFilter(value);
  if (value.length < 4) return -Errno.EINVAL;
  const n = readInt(value);
  const on = n !== 0;
  const own = socket.setSocketOption(option, n, value.length);
  if (own !== null) return own;
  switch (option) {
    case SO.TYPE: case SO.PROTOCOL: case SO.DOMAIN: case SO.ERROR: case SO.ACCEPTCONN: case SO.SNDLOWAT:
      return -Errno.ENOPROTOOPT;
    // SO_BSDCOMPAT has had no effect since Linux 2.6.
    case SO.BSDCOMPAT: return 0;
    case SO.REUSEADDR: options.reuseAddress = on; return 0;
    case SO.REUSEPORT: options.reusePort = on; return 0;
    case SO.KEEPALIVE:
      options.keepAlive = on;
      socket.optionChanged(option);
      return 0;
    case SO.BROADCAST: options.broadcast = on; return 0;
    case SO.OOBINLINE: options.oobInline = on; return 0;
    case SO.DONTROUTE: options.dontRoute = on; return 0;
    case SO.NO_CHECK: options.noCheck = on; return 0;
    case SO.PRIORITY:
      // 0 to 6 are everybody's.
      if ((n < 0 || n > 6) && !mayMark(credentials)) return -Errno.EPERM;
      options.priority = n;
      return 0;
    case SO.MARK:
      if (!mayMark(credentials)) return -Errno.EPERM;
      options.mark = n;
      return 0;
    case SO.SNDBUF: case SO.SNDBUFFORCE: {
      if (option === SO.SNDBUFFORCE && !credentials.has(Capability.NET_ADMIN)) return -Errno.EPERM;
      const wanted = option === SO.SNDBUF ? Math.min(n >>> 0, settings.wmemMax) : Math.max(n, 0);
      options.sendBufferBytes = Math.max(wanted * 2, MIN_SEND_BUFFER);
      options.sendBufferLocked = true;
      socket.wake(Poll.OUT | Poll.WRNORM);
      return 0;
    }
    case SO.RCVBUF: case SO.RCVBUFFORCE: {
      if (option === SO.RCVBUFFORCE && !credentials.has(Capability.NET_ADMIN)) return -Errno.EPERM;
      const wanted = option === SO.RCVBUF ? Math.min(n >>> 0, settings.rmemMax) : Math.max(n, 0);
      options.receiveBufferBytes = Math.max(wanted * 2, MIN_RECEIVE_BUFFER);
      options.receiveBufferLocked = true;
      return 0;
    }
    case SO.RCVLOWAT:
      options.receiveLowWater = Math.max(Math.min(n < 0 ? 0x7fffffff : n, socket.mostLowWater), 1);
      socket.optionChanged(option);
      return 0;
    case SO.LINGER:
      if (value.length < 8) return -Errno.EINVAL;
      // Turning it off keeps the time (sk_lingertime), and getsockopt shows it.
      if (on) options.lastLingerSeconds = readInt(value.subarray(4)) >>> 0;
      options.lingerSeconds = on ? options.lastLingerSeconds : -1;
      return 0;
    case SO.RCVTIMEO: case SO.SNDTIMEO: case SO.RCVTIMEO_NEW: case SO.SNDTIMEO_NEW: {
      if (value.length < 16) return -Errno.EINVAL;
      const view = new DataView(value.buffer, value.byteOffset, value.length);
      const seconds = view.getUint32(0, true) + view.getInt32(4, true) * 4294967296;
      const micros = view.getUint32(8, true) + view.getInt32(12, true) * 4294967296;
      if (micros < 0 || micros >= 1000000) return -Errno.EDOM;
      // A negative time means "do not wait"; zero means for ever (sock_set_timeout).
      const us = seconds < 0 ? 0 : seconds === 0 && micros === 0 ? Infinity : seconds * 1000000 + micros;
      if (option === SO.RCVTIMEO || option === SO.RCVTIMEO_NEW) socket.options.receiveTimeoutUs = us;
      else socket.options.sendTimeoutUs = us;
      return 0;
    }
    case SO.BUF_LOCK:
      if ((n & ~3) !== 0) return -Errno.EINVAL;
      socket.lockBuffers((n & 1) !== 0, (n & 2) !== 0);
      return 0;
    case SO.BINDTOIFINDEX: {
      if (n < 0) return -Errno.EINVAL;
      const device = n === 0 ? null : socket.stack.deviceAt(n);
      if (n !== 0 && device === null) return -Errno.ENODEV;
      options.boundDevice = device;
      return 0;
    }
    default: return setRareOption(socket, option, value, caller) ?? -Errno.ENOPROTOOPT;
  }
}

function bindToDevice(socket: Socket, value: Uint8Array, credentials: Credentials): number {
  const name = readName(value);
  // Everybody may bind a socket, but not take it from its device again (sock_bindtoindex_locked).
  const isHeld = socket.settledOptions.boundDevice !== null && !credentials.has(Capability.NET_RAW);
  if (name === '') {
    if (isHeld) return -Errno.EPERM;
    socket.options.boundDevice = null;
    return 0;
  }
  const device = socket.stack.deviceNamed(name);
  if (device === null) return -Errno.ENODEV;
  if (isHeld) return -Errno.EPERM;
  socket.options.boundDevice = device;
  return 0;
}
