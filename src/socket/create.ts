/** socket(2): which family makes what. */
import { Capability, type Credentials } from '../base/credentials.ts';
import { Errno } from '../base/errno.ts';
import type { Settings } from '../base/settings.ts';
import type { Caller } from './caller.ts';
import { AF, IPPROTO, NETLINK_PROTOCOL, SOCK } from './constants.ts';
import { InetDatagram } from './family/inet-datagram.ts';
import { InetPing } from './family/inet-ping.ts';
import { InetRaw } from './family/inet-raw.ts';
import { InetStream } from './family/inet-stream.ts';
import { NetlinkSocket } from './family/netlink.ts';
import type { NetlinkHost } from './family/netlink-host.ts';
import { PacketSocket } from './family/packet.ts';
import { OldPacketSocket } from './family/packet-old.ts';
import type { PacketHost } from './family/packet-host.ts';
import { UnixDatagram } from './family/unix-datagram.ts';
import type { UnixHost } from './family/unix-host.ts';
import { UnixSeqpacket } from './family/unix-seqpacket.ts';
import { UnixStream } from './family/unix-stream.ts';
import type { Socket } from './socket.ts';

/** What socket(2) checks before anything is made: the protocol to use, or a negative errno, as Linux's order has it. */
export function resolveProtocol(
  family: number, type: number, protocol: number, { credentials }: Caller, settings: Settings,
): number {
  if (family < 0 || family >= AF.MAX) return -Errno.EAFNOSUPPORT;
  if (type < 0 || type > 10) return -Errno.EINVAL;
  if (family === AF.UNIX) return resolveUnix(type, protocol);
  // AF_INET with SOCK_PACKET is how it was before there was AF_PACKET (__sock_create).
  if (family === AF.PACKET || (family === AF.INET && type === SOCK.PACKET)) return resolvePacket(type, protocol, credentials);
  if (family === AF.NETLINK) return resolveNetlink(type, protocol);
  if (family !== AF.INET && family !== AF.INET6) return -Errno.EAFNOSUPPORT;
  if (protocol < 0 || protocol >= 263) return -Errno.EINVAL;
  if (type === SOCK.STREAM) {
    if (protocol === 0 || protocol === IPPROTO.TCP) return IPPROTO.TCP;
    return -Errno.EPROTONOSUPPORT;
  }
  if (type === SOCK.DGRAM) {
    if (protocol === 0 || protocol === IPPROTO.UDP) return IPPROTO.UDP;
    if (protocol === (family === AF.INET ? IPPROTO.ICMP : IPPROTO.ICMPV6)) return mayPing(credentials, settings) ? protocol : -Errno.EACCES;
    return -Errno.EPROTONOSUPPORT;
  }
  if (type === SOCK.RAW) {
    // Raw is the protocol that 0 does not choose (inet_create).
    if (protocol === 0) return -Errno.EPROTONOSUPPORT;
    return credentials.has(Capability.NET_RAW) ? protocol : -Errno.EPERM;
  }
  return -Errno.ESOCKTNOSUPPORT;
}

/** Ping sockets are for the groups of `net.ipv4.ping_group_range`, which by default are none (ping_init_sock). */
function mayPing({ egid, groups }: Credentials, { pingGroupRangeLow: low, pingGroupRangeHigh: high }: Settings): boolean {
  return (egid >= low && egid <= high) || groups.some((group) => group >= low && group <= high);
}

/** unix_create: the family's own number is a protocol too, and SOCK_RAW another name for SOCK_DGRAM. */
function resolveUnix(type: number, protocol: number): number {
  if (protocol !== 0 && protocol !== AF.UNIX) return -Errno.EPROTONOSUPPORT;
  const isKnown = type === SOCK.STREAM || type === SOCK.DGRAM || type === SOCK.RAW || type === SOCK.SEQPACKET;
  return isKnown ? 0 : -Errno.ESOCKTNOSUPPORT;
}

/** packet_create: the protocol is an EtherType in network order, of which two bytes count. */
function resolvePacket(type: number, protocol: number, credentials: Credentials): number {
  if (!credentials.has(Capability.NET_RAW)) return -Errno.EPERM;
  if (type !== SOCK.RAW && type !== SOCK.DGRAM && type !== SOCK.PACKET) return -Errno.ESOCKTNOSUPPORT;
  return ((protocol & 0xff) << 8) | ((protocol >> 8) & 0xff);
}

/** netlink_create; Linux loads modules for protocols that it does not have, and then has none all the same. */
function resolveNetlink(type: number, protocol: number): number {
  if (type !== SOCK.RAW && type !== SOCK.DGRAM) return -Errno.ESOCKTNOSUPPORT;
  return NETLINK_PROTOCOLS.has(protocol) ? protocol : -Errno.EPROTONOSUPPORT;
}
const NETLINK_PROTOCOLS: ReadonlySet<number> = new Set(Object.values(NETLINK_PROTOCOL));

/** What the sockets of one host share, by family. Implemented by Kernel. */
export interface FamilyHosts {
  readonly unix: UnixHost;
  readonly packet: PacketHost;
  readonly netlink: NetlinkHost;
}

/** A fresh socket of a host; the protocol has been resolved. */
export function createSocket({ unix, packet, netlink }: FamilyHosts, family: number, type: number, protocol: number): Socket {
  if (family === AF.NETLINK) return new NetlinkSocket(netlink, type, netlink.protocol(protocol));
  if (type === SOCK.PACKET) return new OldPacketSocket(packet, protocol);
  if (family === AF.PACKET) return new PacketSocket(packet, type, protocol);
  if (family === AF.UNIX) {
    if (type === SOCK.STREAM) return new UnixStream(unix);
    return type === SOCK.SEQPACKET ? new UnixSeqpacket(unix) : new UnixDatagram(unix);
  }
  const { stack } = unix;
  const isV4 = family === AF.INET;
  if (type === SOCK.RAW) return new InetRaw(stack, family, type, protocol, stack.raw.create(isV4, protocol));
  if (protocol === IPPROTO.ICMP || protocol === IPPROTO.ICMPV6) return new InetPing(stack, family, type, protocol, stack.ping.create(isV4));
  if (protocol === IPPROTO.TCP) return new InetStream(stack, family, type, protocol, stack.tcp.create(isV4));
  return new InetDatagram(stack, family, type, protocol, stack.udp.create(isV4));
}
