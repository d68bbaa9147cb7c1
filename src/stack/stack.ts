/**
 * One host's wiring: which input is called by which layer. Made by Host; the socket layer finds its transports here.
 *
 *   devices -> Network --TransportInput--> Stack -> Tcp.input / Udp.input / Raw.input / Ping.input
 */
import type { Counters } from '../base/counters.ts';
import { HostContext } from '../base/host-context.ts';
import type { IpAddress } from '../base/inet-address.ts';
import { KernelMemory } from '../base/kernel-memory.ts';
import type { Loop } from '../base/loop.ts';
import type { RandomSource } from '../base/random.ts';
import type { Settings } from '../base/settings.ts';
import type { WallClock } from '../base/wall-clock.ts';
import type { Device } from '../link/device.ts';
import type { Packet } from '../link/packet.ts';
import { readOwnOptions } from '../net/ipv4-options.ts';
import { Network } from '../net/network.ts';
import type { IcmpErrorReport, TransportInput } from '../net/transport-input.ts';
import { Memberships } from '../transport/memberships.ts';
import { Ping } from '../transport/raw/ping.ts';
import { Raw } from '../transport/raw/raw.ts';
import { Tcp } from '../transport/tcp/tcp.ts';
import { Udp } from '../transport/udp/udp.ts';
import { IpProto } from '../wire/ipv4.ts';

export class Stack implements TransportInput {
  readonly context: HostContext;
  readonly network: Network;
  readonly tcp: Tcp;
  readonly udp: Udp;
  readonly raw: Raw;
  readonly ping: Ping;
  /** SO_COOKIE: sockets that were asked for theirs, and how many those are. */
  private readonly cookies: WeakMap<object, number> = new WeakMap<object, number>();
  private cookieCount = 0;
  private ownCookie = 0;

  constructor(loop: Loop, random: RandomSource, memory: KernelMemory = new KernelMemory(), clock?: WallClock) {
    this.context = new HostContext(loop, random, memory, clock);
    this.network = new Network(this.context);
    this.tcp = new Tcp(this.context, this.network);
    this.udp = new Udp(this.context, this.network);
    this.raw = new Raw(this.context, this.network);
    this.ping = new Ping(this.context, this.network);
    this.network.transport = this;
  }

  get settings(): Settings {
    return this.context.settings;
  }

  get counters(): Counters {
    return this.context.counters;
  }

  /** SO_COOKIE: a number that no other socket of the host has had or will have; counted from 1 by when it was first asked for. */
  cookieOf(socket: object): number {
    let cookie = this.cookies.get(socket);
    if (cookie === undefined) {
      cookie = ++this.cookieCount;
      this.cookies.set(socket, cookie);
    }
    return cookie;
  }

  /** SO_NETNS_COOKIE: tells hosts apart. */
  get cookie(): number {
    if (this.ownCookie === 0) this.ownCookie = (this.context.random.int32() & 0x7fffffff) | 1;
    return this.ownCookie;
  }

  // What sockets ask of the network. Those of AF_PACKET and AF_NETLINK are about the network itself, and ask it.

  deviceAt(index: number): Device | null {
    return this.network.deviceAt(index);
  }

  deviceNamed(name: string): Device | null {
    return this.network.interfaces().find(({ device }) => device.name === name)?.device ?? null;
  }

  /** Which has this address of ours? */
  deviceOf(address: IpAddress): Device | null {
    return this.network.deviceOf(address);
  }

  isLocalAddress(address: IpAddress): boolean {
    return this.network.isLocalAddress(address);
  }

  /** Bytes that a packet to `remote` may have, out of `device` when there is one; 0 without a route. */
  pathMtu(remote: IpAddress, device: Device | null): number {
    return this.network.lookup(remote, null, device)?.mtuBytes ?? 0;
  }

  /** For a socket that joins its first group. */
  newMemberships(): Memberships {
    return new Memberships(this.network);
  }

  /** IP_OPTIONS as a program gives them: as packets carry them, or null when they will not do. */
  readIpOptions(value: Uint8Array): Uint8Array | null {
    return readOwnOptions(value);
  }

  /** The machine loses its power. Devices first: nothing of what follows must find a way out. */
  powerOff(): void {
    this.network.powerOff();
    this.tcp.powerOff();
    this.udp.powerOff();
    this.raw.powerOff();
    this.ping.powerOff();
  }

  tcpInput(p: Packet): void {
    this.tcp.input(p);
  }

  udpInput(p: Packet): void {
    this.udp.input(p);
  }

  rawInput(p: Packet): boolean {
    return this.raw.input(p);
  }

  echoReply(p: Packet): boolean {
    return this.ping.input(p);
  }

  icmpAdvice(report: IcmpErrorReport): void {
    if (report.protocol === IpProto.Icmp) this.ping.icmpError(report);
  }

  icmpError(report: IcmpErrorReport): void {
    this.raw.icmpError(report);
    if (report.protocol === (report.isV4 ? IpProto.Icmp : IpProto.Icmp6)) this.ping.icmpError(report);
    if (report.protocol === IpProto.Tcp) this.tcp.icmpError(report);
    else if (report.protocol === IpProto.Udp) this.udp.icmpError(report);
  }
}
