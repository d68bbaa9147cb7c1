/**
 * Control data of sendmsg(2) on AF_INET and AF_INET6: what one datagram chooses for itself (ip(7), ipv6(7), RFC 3542). Which
 * rules hold follows from the destination: an AF_INET6 socket that sends to ::ffff:a.b.c.d follows IPv4's.
 */
import { Capability } from '../../base/credentials.ts';
import { Errno } from '../../base/errno.ts';
import { IpAddress, V4_MAPPED } from '../../base/inet-address.ts';
import { bindsAnything, NO_OPTION } from '../../transport/rare-options.ts';
import { ChosenHeaders, SendChoices } from '../../transport/send-choices.ts';
import type { Caller } from '../caller.ts';
import { IP, IPPROTO, IPV6, SOL, UDP } from '../constants.ts';
import { type ControlMessage, readInts, walkControl } from '../control.ts';
import type { Ancillary } from '../socket.ts';
import { readSocketControl } from '../socket-control.ts';
import type { InetSocket } from './inet.ts';
import { priorityOfTos } from './tos-priority.ts';

const IN_PKTINFO_LEN = 12;
const IN6_PKTINFO_LEN = 20;
const MAX_OPTIONS_LEN = 40;
const FLOW_LABEL = 0xfffff;

/** Read when the destination is known, and once for all tries of the call. */
export class InetAncillary implements Ancillary {
  private readonly control: Uint8Array;
  private choices: SendChoices | null = null;

  constructor(control: Uint8Array) {
    this.control = control;
  }

  /** `scopeId` is the interface that the destination names, or 0. */
  read(socket: InetSocket, isV4: boolean, scopeId: number, caller: Caller): SendChoices {
    if (this.choices !== null) return this.choices;
    const choices = new SendChoices();
    // UDP reads its own before IP reads anything (udp_cmsg_send).
    choices.error = socket.protocol === IPPROTO.UDP ? walkControl(this.control, (message) => readUdp(message, choices)) : 0;
    if (choices.error === 0) choices.error = walkControl(this.control, (message) => {
      if (message.level === SOL.SOCKET) return readSocketControl(message, socket.settledOptions, caller, choices);
      if (isV4) return readIpv4(message, socket, choices);
      return message.level === SOL.IPV6 ? readIpv6(message, socket, scopeId, choices, caller) : 0;
    });
    this.choices = choices;
    return choices;
  }

  letGo(): void {}
}

/** __udp_cmsg_send. */
function readUdp({ level, type, data }: ControlMessage, choices: SendChoices): number {
  if (level !== SOL.UDP) return 0;
  if (type !== UDP.SEGMENT || data.length !== 2) return -Errno.EINVAL;
  choices.segmentBytes = viewOf(data).getUint16(0, true);
  return 0;
}

/** ip_cmsg_send. */
function readIpv4({ level, type, data }: ControlMessage, socket: InetSocket, choices: SendChoices): number {
  if (!socket.isV4 && level === SOL.IPV6 && type === IPV6.PKTINFO) {
    if (data.length < IN6_PKTINFO_LEN) return -Errno.EINVAL;
    const source = addressAt(data, 0);
    return source.isV4 ? chooseIpv4(socket, choices, source, indexAt(data, 16)) : -Errno.EINVAL;
  }
  if (level !== SOL.IP) return 0;
  switch (type) {
    case IP.PKTINFO: {
      if (data.length !== IN_PKTINFO_LEN) return -Errno.EINVAL;
      // ipi_spec_dst is the source; ipi_addr means nothing here.
      return chooseIpv4(socket, choices, new IpAddress(0, 0, V4_MAPPED, viewOf(data).getInt32(4)), indexAt(data, 0));
    }
    case IP.TTL: {
      const ttl = onlyInt(data);
      if (ttl === null || ttl < 1 || ttl > 255) return -Errno.EINVAL;
      choices.ttl = ttl;
      return 0;
    }
    case IP.TOS: {
      const tos = data.length === 1 ? (data[0] as number) : onlyInt(data);
      if (tos === null || tos < 0 || tos > 255) return -Errno.EINVAL;
      choices.tos = tos;
      choices.priority = priorityOfTos(tos);
      return 0;
    }
    case IP.RETOPTS: {
      const options = socket.stack.readIpOptions(data.slice(0, MAX_OPTIONS_LEN));
      if (options === null) return -Errno.EINVAL;
      headersOf(socket, choices).ipOptions = options;
      return 0;
    }
    case IP.PROTOCOL: {
      // Of raw sockets only; others take it and do nothing.
      const protocol = onlyInt(data);
      return protocol === null || protocol < 1 || protocol > 255 ? -Errno.EINVAL : 0;
    }
    default: return -Errno.EINVAL;
  }
}

/** The route finds a wrong interface or source (ip_route_output_key_hash_rcu), here as soon as they are read. */
function chooseIpv4({ stack, settledOptions }: InetSocket, choices: SendChoices, source: IpAddress, index: number): number {
  if (!source.isUnspecified) {
    if (source.isMulticast || source.isBroadcast || source.d >>> 24 === 0) return -Errno.EINVAL;
    // Only who is transparent sends from where it is not (FLOWI_FLAG_ANYSRC).
    if (!settledOptions.rare.transparent && !stack.isLocalAddress(source)) return -Errno.ENETUNREACH;
    choices.source = source;
  }
  if (index === 0) return 0;
  choices.device = stack.deviceAt(index);
  return choices.device === null ? -Errno.ENODEV : 0;
}

/** ip6_datagram_send_ctl. */
function readIpv6(
  { type, data }: ControlMessage, socket: InetSocket, scopeId: number, choices: SendChoices, caller: Caller,
): number {
  switch (type) {
    case IPV6.FLOWINFO: {
      if (data.length < 4) return -Errno.EINVAL;
      const headers = headersOf(socket, choices);
      headers.flowLabel = viewOf(data).getInt32(0) & FLOW_LABEL;
      return 0;
    }
    case IPV6.HOPOPTS: case IPV6['2292HOPOPTS']: {
      if (choices.headers !== null && choices.headers.hopOptions !== socket.settledOptions.rare.hopOptions
        && choices.headers.hopOptions.length > 0) return -Errno.EINVAL;
      const header = extensionOf(data, caller);
      if (typeof header === 'number') return header;
      onlyOwn(socket, choices).hopOptions = header;
      return 0;
    }
    case IPV6.DSTOPTS: case IPV6['2292DSTOPTS']: {
      const header = extensionOf(data, caller);
      if (typeof header === 'number') return header;
      onlyOwn(socket, choices).destinationOptions = header;
      return 0;
    }
    // They are for a message with headers of its own, but stand in front of a routing header, and are not sent without one (RFC 3542 section 9).
    case IPV6.RTHDRDSTOPTS: {
      const header = extensionOf(data, caller);
      if (typeof header === 'number') return header;
      onlyOwn(socket, choices);
      return 0;
    }
    case IPV6.PKTINFO: case IPV6['2292PKTINFO']: return readPacketInfo6(data, socket, scopeId, choices);
    case IPV6.HOPLIMIT: case IPV6['2292HOPLIMIT']: {
      const hops = onlyInt(data);
      if (hops === null || hops < -1 || hops > 255) return -Errno.EINVAL;
      choices.ttl = hops;
      return 0;
    }
    case IPV6.TCLASS: {
      const trafficClass = onlyInt(data);
      if (trafficClass === null || trafficClass < -1 || trafficClass > 255) return -Errno.EINVAL;
      // -1, the default elsewhere, is sent as it is (ip6_datagram_send_ctl).
      choices.tos = trafficClass & 0xff;
      return 0;
    }
    case IPV6.DONTFRAG: {
      const flag = onlyInt(data);
      if (flag === null || flag < 0 || flag > 1) return -Errno.EINVAL;
      choices.dontFragment = flag === 1;
      return 0;
    }
    default: return -Errno.EINVAL;
  }
}

function readPacketInfo6(data: Uint8Array, socket: InetSocket, scopeId: number, choices: SendChoices): number {
  if (data.length < IN6_PKTINFO_LEN) return -Errno.EINVAL;
  const { stack } = socket;
  const { boundDevice } = socket.settledOptions;
  const source = addressAt(data, 0);
  const given = indexAt(data, 16);
  const bound = boundDevice === null ? scopeId : boundDevice.index;
  if (given !== 0 && bound !== 0 && given !== bound) return -Errno.EINVAL;
  const index = given !== 0 ? given : bound;
  if (index !== 0) {
    choices.device = stack.deviceAt(index);
    if (choices.device === null) return -Errno.ENODEV;
  } else if (source.needsScope && !source.isMulticast) {
    return -Errno.EINVAL;
  }
  if (source.isUnspecified && !source.isV4) return 0;
  if (source.isV4 || (!bindsAnything(socket.settledOptions) && !stack.isLocalAddress(source))) return -Errno.EINVAL;
  choices.source = source;
  return 0;
}

/** What the message's header has besides, to be written to. */
function headersOf({ settledOptions }: InetSocket, choices: SendChoices): ChosenHeaders {
  choices.headers ??= new ChosenHeaders(settledOptions.rare);
  return choices.headers;
}

/** A message with extension headers of its own has none of the socket's (udpv6_sendmsg). */
function onlyOwn(socket: InetSocket, choices: SendChoices): ChosenHeaders {
  const headers = headersOf(socket, choices);
  const { rare } = socket.settledOptions;
  if (headers.hopOptions === rare.hopOptions) headers.hopOptions = NO_OPTION;
  if (headers.destinationOptions === rare.destinationOptions) headers.destinationOptions = NO_OPTION;
  return headers;
}

/** An extension header that the data begins with: -EINVAL when it is longer, -EPERM for who may send none. */
function extensionOf(data: Uint8Array, { credentials }: Caller): Uint8Array | number {
  if (data.length < 2) return -Errno.EINVAL;
  const length = ((data[1] as number) + 1) << 3;
  if (data.length < length) return -Errno.EINVAL;
  return credentials.has(Capability.NET_RAW) ? data.slice(0, length) : -Errno.EPERM;
}

/** The one C int that the data is, or null. */
function onlyInt(data: Uint8Array): number | null {
  return data.length === 4 ? (readInts(data)[0] as number) : null;
}

function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.length);
}

function indexAt(data: Uint8Array, at: number): number {
  return viewOf(data).getInt32(at, true);
}

function addressAt(data: Uint8Array, at: number): IpAddress {
  const view = viewOf(data);
  return new IpAddress(view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12));
}
