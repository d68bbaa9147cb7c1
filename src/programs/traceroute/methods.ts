/**
 * How probes are sent and answers heard: datagrams, whose errors come from the socket's error queue (IP_RECVERR), or echo
 * requests over a raw socket. Called by traceroute.ts.
 */
import {
  AF_INET, CLOCK_MONOTONIC, IP_MTU_DISCOVER, IP_RECVERR, IP_TOS, IP_TTL, IPPROTO_IP, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_RECVERR, IPV6_TCLASS,
  IPV6_UNICAST_HOPS, IPPROTO_ICMP, IPPROTO_ICMPV6, MSG_DONTWAIT, MSG_ERRQUEUE, POLLERR, POLLIN, SO_BINDTODEVICE, SOCK_DGRAM, SOCK_RAW, SOL_SOCKET,
} from '../../api/posix/constants.ts';
import { readControl } from '../../api/posix/control.ts';
import { isErrno } from '../../api/posix/errors.ts';
import type { NameProcess } from '../../api/posix/name-process.ts';
import { int32 } from '../../api/posix/option-values.ts';
import { readSockaddr, sockaddrIn, sockaddrIn6 } from '../../api/posix/sockaddr.ts';
import { finish, sumBytes } from '../../base/checksum.ts';
import {
  ICMP6_ECHO, ICMP6_ECHOREPLY, ICMP_ECHO, ICMP_ECHOREPLY, ICMP_HEADER_LEN, isIcmp6Error, isIcmpError, quotedHeader4, quotedHeader6,
} from '../icmp-words.ts';
import type { TracerouteOptions } from './options.ts';
import type { Probe } from './probe.ts';

export interface Method {
  /** Sends a probe and notes the time. */
  send(probe: Probe): Promise<void>;
  /** What poll has to watch. */
  descriptors(): number[];
  /** Something may have come for this descriptor. */
  receive(fd: number): Promise<void>;
  /** Nobody waits for the probe any more. */
  forget(probe: Probe): Promise<void>;
  close(): Promise<void>;
}

const FIRST_PORT = 33434;
const CONSTANT_PORT = 53;
const EXTENDED_ERROR_LEN = 16;
const LONGEST = 66_000;
const DONT_FRAGMENT = 2;

/** Where probes go, and their payload. */
export interface Target {
  readonly address: Uint8Array;
  readonly isV4: boolean;
  /** Bytes behind the UDP or ICMP header. */
  readonly dataLength: number;
}

async function tune(process: NameProcess, fd: number, options: TracerouteOptions, target: Target): Promise<void> {
  const { isV4 } = target;
  const level = isV4 ? IPPROTO_IP : IPPROTO_IPV6;
  if (options.device !== '') {
    await process.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${options.device}\0`));
  }
  if (options.source !== '') await process.bind(fd, isV4 ? sockaddrIn(options.source, 0) : sockaddrIn6(options.source, 0));
  if (options.tos !== 0) await process.setsockopt(fd, level, isV4 ? IP_TOS : IPV6_TCLASS, int32(options.tos));
  await process.setsockopt(fd, level, isV4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, int32(options.dontFragment ? DONT_FRAGMENT : 0));
}

function setTtl(process: NameProcess, fd: number, isV4: boolean, ttl: number): Promise<void> {
  return isV4
    ? process.setsockopt(fd, IPPROTO_IP, IP_TTL, int32(ttl))
    : process.setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, int32(ttl));
}

/** A socket for each probe: the error queue tells whose error it is by being the socket's own. */
export class UdpMethod implements Method {
  private readonly process: NameProcess;
  private readonly options: TracerouteOptions;
  private readonly target: Target;
  private readonly flying = new Map<number, Probe>();
  private readonly buffer = new Uint8Array(LONGEST);
  private readonly data: Uint8Array;
  private port: number;

  constructor(process: NameProcess, options: TracerouteOptions, target: Target) {
    this.process = process;
    this.options = options;
    this.target = target;
    this.port = options.port >= 0 ? options.port : options.method === 'udp' ? FIRST_PORT : CONSTANT_PORT;
    // As in the original: bytes that are easily told in a capture.
    this.data = Uint8Array.from({ length: target.dataLength }, (_, i) => 0x40 + (i & 0x3f));
  }

  async send(probe: Probe): Promise<void> {
    const { process, options, target } = this;
    const { isV4 } = target;
    const fd = await process.socket(isV4 ? AF_INET : readFamily(target.address), SOCK_DGRAM, 0);
    try {
      await tune(process, fd, options, target);
      await process.setsockopt(fd, isV4 ? IPPROTO_IP : IPPROTO_IPV6, isV4 ? IP_RECVERR : IPV6_RECVERR, int32(1));
      await setTtl(process, fd, isV4, probe.ttl);
      const { address, scopeId } = readSockaddr(target.address) as { address: string; scopeId: number };
      await process.connect(fd, isV4 ? sockaddrIn(address, this.port) : sockaddrIn6(address, this.port, scopeId));
      if (options.method === 'udp') this.port = this.port >= 65535 ? 1 : this.port + 1;
      probe.sentUs = await process.clock_gettime(CLOCK_MONOTONIC);
      await process.send(fd, this.data, 0);
    } catch (error) {
      await process.close(fd);
      throw error;
    }
    this.flying.set(fd, probe);
  }

  descriptors(): number[] {
    return [...this.flying.keys()];
  }

  async receive(fd: number): Promise<void> {
    const { process, buffer, target } = this;
    const probe = this.flying.get(fd);
    if (probe === undefined) return;
    try {
      const { control } = await process.recvmsg(fd, [buffer], MSG_ERRQUEUE | MSG_DONTWAIT, 128, 512);
      const type = target.isV4 ? IP_RECVERR : IPV6_RECVERR;
      const error = readControl(control).find((message) => message.type === type && message.data.length >= EXTENDED_ERROR_LEN)?.data;
      if (error === undefined) return;
      const view = new DataView(error.buffer, error.byteOffset, error.length);
      const from = error.slice(EXTENDED_ERROR_LEN);
      // A port that nobody listens on is the end of the way.
      probe.reported(from, await process.clock_gettime(CLOCK_MONOTONIC), target.isV4, error[5], error[6], view.getUint32(8, true));
      return await this.forget(probe);
    } catch (error) {
      if (!isErrno(error, 'EAGAIN') && !isErrno(error, 'EINTR')) throw error;
    }
    try {
      const { address } = await process.recvfrom(fd, buffer, MSG_DONTWAIT);
      probe.answered(address, await process.clock_gettime(CLOCK_MONOTONIC));
      await this.forget(probe);
    } catch (error) {
      // The error that stands in the queue comes once more, as the result of a call.
      if (typeof (error as { errno?: unknown }).errno !== 'number') throw error;
    }
  }

  async forget(probe: Probe): Promise<void> {
    for (const [fd, flying] of this.flying) {
      if (flying !== probe) continue;
      this.flying.delete(fd);
      await this.process.close(fd);
    }
  }

  async close(): Promise<void> {
    for (const fd of this.flying.keys()) await this.process.close(fd);
    this.flying.clear();
  }
}

/** One raw socket; a probe is told by its sequence number. */
export class IcmpMethod implements Method {
  private readonly process: NameProcess;
  private readonly options: TracerouteOptions;
  private readonly target: Target;
  private readonly flying = new Map<number, Probe>();
  private readonly buffer = new Uint8Array(LONGEST);
  private fd = -1;
  private id = 0;
  private sequence: number;

  constructor(process: NameProcess, options: TracerouteOptions, target: Target) {
    this.process = process;
    this.options = options;
    this.target = target;
    this.sequence = options.port > 0 ? options.port : 1;
  }

  private async open(): Promise<void> {
    const { process, target } = this;
    const protocol = target.isV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    this.fd = await process.socket(target.isV4 ? AF_INET : readFamily(target.address), SOCK_RAW, protocol);
    await tune(process, this.fd, this.options, target);
    const random = new Uint8Array(2);
    await process.getrandom(random, 0);
    this.id = (random[0] << 8) | random[1];
  }

  async send(probe: Probe): Promise<void> {
    if (this.fd < 0) await this.open();
    const { process, fd, target } = this;
    const packet = new Uint8Array(ICMP_HEADER_LEN + target.dataLength);
    const view = new DataView(packet.buffer);
    packet[0] = target.isV4 ? ICMP_ECHO : ICMP6_ECHO;
    view.setUint16(4, this.id);
    view.setUint16(6, this.sequence);
    for (let i = 0; i < target.dataLength; i++) packet[ICMP_HEADER_LEN + i] = 0x40 + (i & 0x3f);
    if (target.isV4) view.setUint16(2, finish(sumBytes(packet, 0, packet.length, 0)));
    await setTtl(process, fd, target.isV4, probe.ttl);
    this.flying.set(this.sequence, probe);
    this.sequence = (this.sequence + 1) & 0xffff;
    probe.sentUs = await process.clock_gettime(CLOCK_MONOTONIC);
    await process.sendto(fd, packet, 0, target.address);
  }

  descriptors(): number[] {
    return this.fd < 0 ? [] : [this.fd];
  }

  async receive(fd: number): Promise<void> {
    const { process, buffer } = this;
    for (;;) {
      try {
        const { count, name } = await process.recvmsg(fd, [buffer], MSG_DONTWAIT, 128);
        this.read(buffer.subarray(0, count), name, await process.clock_gettime(CLOCK_MONOTONIC));
      } catch (error) {
        if (isErrno(error, 'EAGAIN')) return;
        if (!isErrno(error, 'EINTR')) throw error;
      }
    }
  }

  private read(bytes: Uint8Array, from: Uint8Array, nowUs: number): void {
    const { isV4 } = this.target;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const at = isV4 ? (bytes[0] & 15) * 4 : 0;
    if (bytes.length - at < ICMP_HEADER_LEN) return;
    const type = bytes[at];
    if (type === (isV4 ? ICMP_ECHOREPLY : ICMP6_ECHOREPLY)) {
      const probe = view.getUint16(at + 4) === this.id ? this.take(view.getUint16(at + 6)) : null;
      probe?.answered(from, nowUs);
      return;
    }
    if (!(isV4 ? isIcmpError(type) : isIcmp6Error(type))) return;
    const inside = at + ICMP_HEADER_LEN;
    const quoted = isV4 ? quotedHeader4(view, inside, bytes.length, IPPROTO_ICMP) : quotedHeader6(view, inside, bytes.length, IPPROTO_ICMPV6);
    if (quoted < 0 || bytes[quoted] !== (isV4 ? ICMP_ECHO : ICMP6_ECHO) || view.getUint16(quoted + 4) !== this.id) return;
    this.take(view.getUint16(quoted + 6))?.reported(from, nowUs, isV4, type, bytes[at + 1], view.getUint32(at + 4));
  }

  private take(sequence: number): Probe | null {
    const probe = this.flying.get(sequence) ?? null;
    this.flying.delete(sequence);
    return probe;
  }

  async forget(probe: Probe): Promise<void> {
    for (const [sequence, flying] of this.flying) if (flying === probe) this.flying.delete(sequence);
  }

  async close(): Promise<void> {
    if (this.fd >= 0) await this.process.close(this.fd);
  }
}

function readFamily(address: Uint8Array): number {
  return (readSockaddr(address) as { family: number }).family;
}

/** What poll waits for. */
export const PROBE_EVENTS = POLLIN | POLLERR;
