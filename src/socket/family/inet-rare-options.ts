/**
 * IPPROTO_IP's options that hardly any program sets (net/ipv4/ip_sockglue.c; ip(7)): null for one that is not here.
 *
 * Called by inet-options.ts, which has the others.
 */
import { Capability } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { NO_OPTION, type RareOptions, rareOf } from '../../transport/rare-options.ts';
import type { Caller } from '../caller.ts';
import { IP, IPPROTO, SOCK } from '../constants.ts';
import { intOrByteBytes, readInt } from '../option-bytes.ts';
import { mayMark } from '../mark.ts';
import type { InetSocket } from './inet.ts';

/** The option's bytes, a negative errno, or null. */
export function getRareIpOption(socket: InetSocket, option: number, length: number): Uint8Array | number | null {
  const { rare } = socket.settledOptions;
  const flag = (value: boolean): Uint8Array => intOrByteBytes(value ? 1 : 0, length);
  switch (option) {
    case IP.OPTIONS: return rare.ipOptions.slice(0, length);
    case IP.ROUTER_ALERT: return flag(rare.routerAlert);
    // What a stream would be told of its latest segment, if it asked; ours asks nobody.
    case IP.PKTOPTIONS: return socket.type === SOCK.STREAM ? NO_OPTION : -Errno.ENOPROTOOPT;
    case IP.PASSSEC: return flag(rare.passSecurity4);
    case IP.TRANSPARENT: return flag(rare.transparent);
    case IP.MINTTL: return intOrByteBytes(rare.minTtl, length);
    case IP.NODEFRAG: return flag(rare.noDefragment);
    case IP.BIND_ADDRESS_NO_PORT: return flag(rare.bindAddressNoPort);
    case IP.RECVERR_RFC4884: return flag(rare.errorExtensions);
    case IP.UNICAST_IF: return intOrByteBytes(networkOrder(rare.unicastDevice === null ? 0 : rare.unicastDevice.index), length);
    case IP.LOCAL_PORT_RANGE: return intOrByteBytes((rare.portHigh << 16) | rare.portLow, length);
    // inet_num: the port, or a raw socket's protocol.
    case IP.PROTOCOL: return intOrByteBytes(socket.endpoint.localPort, length);
    default: return null;
  }
}

/** 0, a negative errno, or null. `n` is the value as a number; no byte at all is zero. */
export function setRareIpOption(socket: InetSocket, option: number, value: Uint8Array, n: number, caller: Caller): number | null {
  const { options } = socket;
  const on = n !== 0;
  switch (option) {
    case IP.OPTIONS: return setIpOptions(socket, value);
    case IP.ROUTER_ALERT: return setRouterAlert(socket, on);
    case IP.PASSSEC: rareOf(options).passSecurity4 = on; return 0;
    case IP.TRANSPARENT:
      if (on && !mayMark(caller.credentials)) return -Errno.EPERM;
      if (value.length < 1) return -Errno.EINVAL;
      rareOf(options).transparent = on;
      return 0;
    case IP.MINTTL:
      if (value.length < 1 || n < 0 || n > 255) return -Errno.EINVAL;
      rareOf(options).minTtl = n;
      socket.stack.tcp.limitsTtl ||= on;
      return 0;
    case IP.NODEFRAG:
      if (socket.type !== SOCK.RAW) return -Errno.ENOPROTOOPT;
      rareOf(options).noDefragment = on;
      return 0;
    case IP.BIND_ADDRESS_NO_PORT: rareOf(options).bindAddressNoPort = on; return 0;
    case IP.RECVERR_RFC4884:
      if (n < 0 || n > 1) return -Errno.EINVAL;
      rareOf(options).errorExtensions = on;
      return 0;
    case IP.UNICAST_IF: {
      const device = unicastDevice(socket, value);
      if (typeof device === 'number') return device;
      rareOf(options).unicastDevice = device;
      return 0;
    }
    case IP.LOCAL_PORT_RANGE: {
      if (value.length !== 4) return -Errno.EINVAL;
      const low = n & 0xffff;
      const high = n >>> 16;
      if (low !== 0 && high !== 0 && low > high) return -Errno.EINVAL;
      const rare = rareOf(options);
      rare.portLow = low;
      rare.portHigh = high;
      return 0;
    }
    // Policies need a kernel that encrypts; only who may set them is told so.
    case IP.IPSEC_POLICY: case IP.XFRM_POLICY:
      return caller.credentials.has(Capability.NET_ADMIN) ? -Errno.ENOPROTOOPT : -Errno.EPERM;
    default: return null;
  }
}

function setIpOptions(socket: InetSocket, value: Uint8Array): number {
  const bytes = socket.stack.readIpOptions(value);
  if (bytes === null) return -Errno.EINVAL;
  rareOf(socket.options).ipOptions = bytes;
  return 0;
}

/** ip_ra_control: raw sockets of a protocol alone, once on and once off. */
function setRouterAlert(socket: InetSocket, on: boolean): number {
  if (socket.type !== SOCK.RAW || socket.protocol === IPPROTO.RAW) return -Errno.EINVAL;
  if (on === socket.options.rare.routerAlert) return on ? -Errno.EADDRINUSE : -Errno.ENOBUFS;
  rareOf(socket.options).routerAlert = on;
  return 0;
}

/** What IP_UNICAST_IF and IPV6_UNICAST_IF name, null for none; or a negative errno. The index comes, and goes, in network order. */
export function unicastDevice(socket: InetSocket, value: Uint8Array): RareOptions['unicastDevice'] | number {
  if (value.length !== 4) return -Errno.EINVAL;
  const index = networkOrder(readInt(value));
  const device = index === 0 ? null : socket.stack.deviceAt(index);
  if (index !== 0 && device === null) return -Errno.EADDRNOTAVAIL;
  const { boundDevice } = socket.options;
  return boundDevice !== null && device !== null && device !== boundDevice ? -Errno.EINVAL : device;
}

export function networkOrder(n: number): number {
  return ((n & 0xff) << 24) | ((n & 0xff00) << 8) | ((n >>> 8) & 0xff00) | (n >>> 24);
}
