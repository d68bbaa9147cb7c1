/**
 * IPPROTO_IPV6's options that hardly any program sets (net/ipv6/ipv6_sockglue.c; RFC 3542, RFC 5014): null for one that is
 * not here.
 *
 * Called by inet6-options.ts, which has the others.
 */
import { Capability } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { NO_OPTION, rareOf } from '../../transport/rare-options.ts';
import { IPV6_MIN_MTU } from '../../wire/ipv6.ts';
import type { Caller } from '../caller.ts';
import { AF, IPPROTO, IPV6, SOCK } from '../constants.ts';
import { intBytes, readInt } from '../option-bytes.ts';
import { mayMark } from '../mark.ts';
import type { InetSocket } from './inet.ts';
import { networkOrder, unicastDevice } from './inet-rare-options.ts';

/** sizeof(struct ip6_mtuinfo), and of its address. */
const MTU_INFO_LEN = 32;
const SOCKADDR_LEN = 28;
const PKTINFO_LEN = 20;
/** The longest extension header, and the shortest piece of one. */
const MOST_EXTENSION = 8 * 255;
/** RFC 5014's bits: which of each pair is preferred, and what is shown when nothing was asked for. */
const Prefer = { Temporary: 1, Public: 2, CareOf: 4, Cga: 8, NoChoice: 0x100, Home: 0x400, NotCga: 0x800 } as const;

/** The option's bytes, a negative errno, or null. */
export function getRareIpv6Option(socket: InetSocket, option: number, length: number): Uint8Array | number | null {
  const { rare, boundDevice } = socket.settledOptions;
  const flag = (value: boolean): Uint8Array => intBytes(value ? 1 : 0, length);
  switch (option) {
    case IPV6.ADDRFORM:
      if (!hasPeers(socket)) return -Errno.ENOPROTOOPT;
      return isConnected(socket) ? intBytes(socket.family, length) : -Errno.ENOTCONN;
    case IPV6['2292PKTOPTIONS']: return socket.type === SOCK.STREAM ? NO_OPTION : -Errno.ENOPROTOOPT;
    case IPV6.ROUTER_ALERT: return flag(rare.routerAlert);
    case IPV6.ROUTER_ALERT_ISOLATE: return flag(rare.routerAlertIsolate);
    case IPV6.RECVERR_RFC4884: return flag(rare.errorExtensions6);
    case IPV6.FLOWINFO_SEND: return flag(rare.flowInfoSend);
    case IPV6.HOPOPTS: return rare.hopOptions.slice(0, length);
    case IPV6.RTHDRDSTOPTS: return rare.routingDestinationOptions.slice(0, length);
    // There are no routing headers to send (SRv6 and Mobile IPv6 are not built in).
    case IPV6.RTHDR: return NO_OPTION;
    case IPV6.DSTOPTS: return rare.destinationOptions.slice(0, length);
    case IPV6.PATHMTU: {
      if (length < MTU_INFO_LEN) return -Errno.EINVAL;
      const remote = socket.endpoint.remoteAddress;
      const mtuBytes = remote === null || !isConnected(socket) ? 0 : socket.stack.pathMtu(remote, boundDevice);
      if (mtuBytes === 0) return -Errno.ENOTCONN;
      const bytes = new Uint8Array(MTU_INFO_LEN);
      new DataView(bytes.buffer).setUint32(SOCKADDR_LEN, mtuBytes, true);
      return bytes;
    }
    case IPV6.AUTOFLOWLABEL: return flag(rare.autoFlowLabel);
    case IPV6.ADDR_PREFERENCES: return intBytes(shownPreferences(rare.addressPreferences), length);
    case IPV6.MINHOPCOUNT: return intBytes(rare.minHops, length);
    case IPV6.TRANSPARENT: return flag(rare.transparent);
    case IPV6.UNICAST_IF: return intBytes(networkOrder(rare.unicastDevice6 === null ? 0 : rare.unicastDevice6.index), length);
    default: return null;
  }
}

/** 0, a negative errno, or null. `n` is the value as a number; fewer bytes than an int's are zero. */
export function setRareIpv6Option(socket: InetSocket, option: number, value: Uint8Array, n: number, caller: Caller): number | null {
  const { options } = socket;
  const { credentials } = caller;
  const on = n !== 0;
  const isShort = value.length < 4;
  switch (option) {
    case IPV6.ADDRFORM: return isShort ? -Errno.EINVAL : changeForm(socket, n);
    case IPV6.ROUTER_ALERT_ISOLATE:
      if (isShort) return -Errno.EINVAL;
      rareOf(options).routerAlertIsolate = on;
      return 0;
    case IPV6.RECVERR_RFC4884:
      if (isShort || n < 0 || n > 1) return -Errno.EINVAL;
      rareOf(options).errorExtensions6 = on;
      return 0;
    case IPV6.MTU:
      if (isShort || (on && n < IPV6_MIN_MTU)) return -Errno.EINVAL;
      rareOf(options).fragmentMtu = n;
      return 0;
    case IPV6.FLOWINFO_SEND:
      if (isShort) return -Errno.EINVAL;
      rareOf(options).flowInfoSend = on;
      return 0;
    case IPV6.PKTINFO: return setStickyInfo(socket, value);
    case IPV6.HOPOPTS: case IPV6.RTHDRDSTOPTS: case IPV6.RTHDR: case IPV6.DSTOPTS: return setExtension(socket, option, value, caller);
    case IPV6.AUTOFLOWLABEL: rareOf(options).autoFlowLabel = on; return 0;
    case IPV6.ADDR_PREFERENCES: return isShort ? -Errno.EINVAL : setPreferences(socket, n);
    case IPV6.MINHOPCOUNT:
      if (isShort || n < 0 || n > 255) return -Errno.EINVAL;
      rareOf(options).minHops = n;
      socket.stack.tcp.limitsTtl ||= on;
      return 0;
    case IPV6.TRANSPARENT:
      if (on && !mayMark(credentials)) return -Errno.EPERM;
      if (isShort) return -Errno.EINVAL;
      rareOf(options).transparent = on;
      return 0;
    case IPV6.UNICAST_IF: {
      const device = unicastDevice(socket, value);
      if (typeof device === 'number') return device;
      rareOf(options).unicastDevice6 = device;
      return 0;
    }
    case IPV6.IPSEC_POLICY: case IPV6.XFRM_POLICY:
      return credentials.has(Capability.NET_ADMIN) ? -Errno.ENOPROTOOPT : -Errno.EPERM;
    default: return null;
  }
}

function hasPeers({ protocol }: InetSocket): boolean {
  return protocol === IPPROTO.TCP || protocol === IPPROTO.UDP;
}

/** Has it a peer now? Streams also while they connect no more (TCP_ESTABLISHED is asked for; UDP's is the same state). */
function isConnected(socket: InetSocket): boolean {
  return typeof socket.peerName() !== 'number';
}

/** IPV6_ADDRFORM: a socket whose peer speaks IPv4 could become one of AF_INET; ours stays what it was made. */
function changeForm(socket: InetSocket, family: number): number {
  if (family !== AF.INET) return -Errno.EINVAL;
  if (!hasPeers(socket)) return -Errno.ENOPROTOOPT;
  if (!isConnected(socket)) return -Errno.ENOTCONN;
  const { remoteAddress } = socket.endpoint;
  if (socket.settledOptions.v6Only || remoteAddress === null || !remoteAddress.isV4) return -Errno.EADDRNOTAVAIL;
  return -Errno.ENOPROTOOPT;
}

/** Of the address and the interface only the second has an effect on Linux. */
function setStickyInfo(socket: InetSocket, value: Uint8Array): number {
  if (value.length < PKTINFO_LEN) return -Errno.EINVAL;
  const index = readInt(value.subarray(16));
  const { boundDevice } = socket.options;
  if (boundDevice !== null && index !== 0 && index !== boundDevice.index) return -Errno.EINVAL;
  rareOf(socket.options).stickyIndex = index;
  return 0;
}

/** ipv6_set_opt_hdr. No bytes take the header away (RFC 3542 section 4). */
function setExtension(socket: InetSocket, option: number, value: Uint8Array, { credentials }: Caller): number {
  if (option !== IPV6.RTHDR && !credentials.has(Capability.NET_RAW)) return -Errno.EPERM;
  const { length } = value;
  if (length > 0 && (length < 2 || (length & 7) !== 0 || length > MOST_EXTENSION)) return -Errno.EINVAL;
  const own = length === 0 ? 0 : ((value[1] as number) + 1) << 3;
  if (own > length) return -Errno.EINVAL;
  if (option === IPV6.RTHDR) return length === 0 ? 0 : -Errno.EINVAL;
  const rare = rareOf(socket.options);
  const header = value.slice(0, own);
  if (option === IPV6.HOPOPTS) rare.hopOptions = header;
  else if (option === IPV6.DSTOPTS) rare.destinationOptions = header;
  else rare.routingDestinationOptions = header;
  return 0;
}

function shownPreferences(asked: number): number {
  const kind = (asked & Prefer.Temporary) !== 0 ? Prefer.Temporary : (asked & Prefer.Public) !== 0 ? Prefer.Public : Prefer.NoChoice;
  return kind | ((asked & Prefer.CareOf) !== 0 ? Prefer.CareOf : Prefer.Home);
}

/** Of each pair one may be asked for (RFC 5014 section 5). There are no temporary addresses to choose from. */
function setPreferences(socket: InetSocket, n: number): number {
  if (!isOne(n & (Prefer.Temporary | Prefer.Public | Prefer.NoChoice))) return -Errno.EINVAL;
  if (!isOne(n & (Prefer.CareOf | Prefer.Home)) || !isOne(n & (Prefer.Cga | Prefer.NotCga))) return -Errno.EINVAL;
  rareOf(socket.options).addressPreferences = n & (Prefer.Temporary | Prefer.Public | Prefer.CareOf);
  return 0;
}

function isOne(bits: number): boolean {
  return (bits & (bits - 1)) === 0;
}
