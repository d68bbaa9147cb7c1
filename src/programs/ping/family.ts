/** What differs between ping over IPv4 and over IPv6: the socket, the request, what a received message says. Called by ping.ts. */
import {
  AF_INET, AF_INET6, ICMP6_FILTER, ICMP_FILTER, IP_MTU_DISCOVER, IP_TOS, IP_TTL, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_IP, IPPROTO_IPV6,
  IPV6_MTU_DISCOVER, IPV6_RECVHOPLIMIT, IPV6_TCLASS, IPV6_UNICAST_HOPS, SOCK_RAW, SOL_ICMPV6, SOL_RAW,
} from '../../api/posix/constants.ts';
import { int32 } from '../../api/posix/option-values.ts';
import type { Syscalls } from '../../api/posix/syscalls.ts';
import { finish, sumBytes } from '../../base/checksum.ts';
import {
  ICMP6_ECHO, ICMP6_ECHOREPLY, ICMP_ECHO, ICMP_ECHOREPLY, ICMP_HEADER_LEN, icmp6ErrorWords, icmpErrorWords, isIcmp6Error, isIcmpError,
  quotedHeader4, quotedHeader6,
} from '../icmp-words.ts';
import type { PingOptions } from './options.ts';

/** A message for us: a reply, or an error about a request of ours. */
export interface PingMessage {
  readonly sequence: number;
  /** Words of the error; null for a reply. */
  readonly error: string | null;
  readonly ttl: number;
  /** From the ICMP header on. */
  readonly icmp: Uint8Array;
}

export interface PingFamily {
  readonly family: typeof AF_INET | typeof AF_INET6;
  /** Bytes of the headers that the first line counts. */
  readonly headerLen: number;
  open(process: Syscalls, options: PingOptions): Promise<number>;
  /** Fills in the header of a request. */
  finishRequest(request: Uint8Array): void;
  /** Reads what came; null when it is not for us. */
  read(bytes: Uint8Array, hopLimit: number, id: number): PingMessage | null;
}

const FILTER_WORDS = 8;

export const PING4: PingFamily = {
  family: AF_INET,
  headerLen: 28,

  async open(process, options) {
    const fd = await process.socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    // Everything but replies and errors.
    let blocked = -1;
    for (let type = 0; type < 32; type++) if (type === ICMP_ECHOREPLY || isIcmpError(type)) blocked &= ~(1 << type);
    await process.setsockopt(fd, SOL_RAW, ICMP_FILTER, int32(blocked));
    if (options.discovery >= 0) await process.setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, int32(options.discovery));
    if (options.tos !== 0) await process.setsockopt(fd, IPPROTO_IP, IP_TOS, int32(options.tos));
    if (options.ttl >= 0) await process.setsockopt(fd, IPPROTO_IP, IP_TTL, int32(options.ttl));
    return fd;
  },

  finishRequest(request) {
    const view = new DataView(request.buffer);
    view.setUint8(0, ICMP_ECHO);
    view.setUint16(2, 0);
    view.setUint16(2, finish(sumBytes(request, 0, request.length, 0)));
  },

  read(bytes, _hopLimit, id) {
    if (bytes.length < 20) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const ttl = bytes[8];
    const at = (bytes[0] & 15) * 4;
    if (bytes.length - at < ICMP_HEADER_LEN) return null;
    const type = bytes[at];
    const icmp = bytes.subarray(at);
    if (type === ICMP_ECHOREPLY) {
      return view.getUint16(at + 4) === id ? { sequence: view.getUint16(at + 6), error: null, ttl, icmp } : null;
    }
    if (!isIcmpError(type)) return null;
    const quoted = quotedHeader4(view, at + ICMP_HEADER_LEN, bytes.length, IPPROTO_ICMP);
    if (quoted < 0 || bytes[quoted] !== ICMP_ECHO || view.getUint16(quoted + 4) !== id) return null;
    return { sequence: view.getUint16(quoted + 6), error: icmpErrorWords(type, bytes[at + 1], view.getUint32(at + 4)), ttl, icmp };
  },
};

export const PING6: PingFamily = {
  family: AF_INET6,
  headerLen: 48,

  async open(process, options) {
    const fd = await process.socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
    // RFC 3542 3.2: a bit for each type; those that are set are blocked.
    const blocked = new Int32Array(FILTER_WORDS).fill(-1);
    for (let type = 0; type < 256; type++) if (type === ICMP6_ECHOREPLY || isIcmp6Error(type)) blocked[type >> 5] &= ~(1 << (type & 31));
    await process.setsockopt(fd, SOL_ICMPV6, ICMP6_FILTER, blocked);
    await process.setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, int32(1));
    if (options.discovery >= 0) await process.setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, int32(options.discovery));
    if (options.tos !== 0) await process.setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, int32(options.tos));
    if (options.ttl >= 0) await process.setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, int32(options.ttl));
    return fd;
  },

  /** RFC 3542 3.1: the kernel has the checksum to itself. */
  finishRequest(request) {
    request[0] = ICMP6_ECHO;
  },

  read(bytes, hopLimit, id) {
    if (bytes.length < ICMP_HEADER_LEN) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const type = bytes[0];
    if (type === ICMP6_ECHOREPLY) {
      return view.getUint16(4) === id ? { sequence: view.getUint16(6), error: null, ttl: hopLimit, icmp: bytes } : null;
    }
    if (!isIcmp6Error(type)) return null;
    const quoted = quotedHeader6(view, ICMP_HEADER_LEN, bytes.length, IPPROTO_ICMPV6);
    if (quoted < 0 || bytes[quoted] !== ICMP6_ECHO || view.getUint16(quoted + 4) !== id) return null;
    const error = icmp6ErrorWords(type, bytes[1], view.getUint32(4));
    return { sequence: view.getUint16(quoted + 6), error, ttl: hopLimit, icmp: bytes };
  },
};
