/** socket(2): which family makes what. */
import { Errno } from '../base/errno.ts';
import type { Stack } from '../stack/stack.ts';
import { AF, IPPROTO, SOCK } from './constants.ts';
import { InetDatagram } from './family/inet-datagram.ts';
import { InetStream } from './family/inet-stream.ts';
import type { Socket } from './socket.ts';

/** What socket(2) checks before anything is made: the protocol to use, or a negative errno, as Linux's order has it. */
export function resolveProtocol(family: number, type: number, protocol: number): number {
  if (family < 0 || family >= AF.MAX) return -Errno.EAFNOSUPPORT;
  if (type < 0 || type > 10) return -Errno.EINVAL;
  if (family !== AF.INET && family !== AF.INET6) return -Errno.EAFNOSUPPORT;
  if (protocol < 0 || protocol >= 263) return -Errno.EINVAL;
  if (type === SOCK.STREAM) {
    if (protocol === 0 || protocol === IPPROTO.TCP) return IPPROTO.TCP;
    return -Errno.EPROTONOSUPPORT;
  }
  if (type === SOCK.DGRAM) {
    if (protocol === 0 || protocol === IPPROTO.UDP) return IPPROTO.UDP;
    // Ping sockets: `net.ipv4.ping_group_range` admits nobody by default.
    if (protocol === (family === AF.INET ? IPPROTO.ICMP : IPPROTO.ICMPV6)) return -Errno.EACCES;
    return -Errno.EPROTONOSUPPORT;
  }
  if (type === SOCK.RAW) return -Errno.EPROTONOSUPPORT;
  return -Errno.ESOCKTNOSUPPORT;
}

/** A fresh socket; the protocol has been resolved. */
export function createSocket(stack: Stack, family: number, type: number, protocol: number): Socket {
  const isV4 = family === AF.INET;
  if (protocol === IPPROTO.TCP) return new InetStream(stack, family, type, protocol, stack.tcp.create(isV4));
  return new InetDatagram(stack, family, type, protocol, stack.udp.create(isV4));
}
