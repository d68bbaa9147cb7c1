/**
 * What the sockets of one protocol hold together: net.ipv4.tcp_mem and udp_mem (tcp(7), udp(7); Linux's
 * __sk_mem_raise_allocated). Part of HostContext; /proc/net/sockstat shows the pages.
 *
 * Linux takes pages for a socket as it needs them, and each has a little whatever the others hold. So here: limits are looked
 * at before something is queued, and a socket with little or nothing of its own goes on all the same.
 */
import { Mib } from './counters.ts';
import { type KernelMemory, PAGE_BYTES } from './kernel-memory.ts';
import type { Settings } from './settings.ts';

/** SOCK_MIN_SNDBUF, about: what a stream may always have in its send queue. */
const LEAST_SEND_BYTES = 4608;

/** TCP's: send queues, receive queues and what came out of order, of all connections. */
export class TcpMemory {
  usedBytes = 0;
  /** Between the second limit of tcp_mem and the first: windows grow no more. */
  isPressed = false;
  private readonly memory: KernelMemory;
  private readonly settings: Settings;
  private readonly counters: Float64Array;

  /** `counters`: the host's values (counters.ts). */
  constructor(memory: KernelMemory, settings: Settings, counters: Float64Array) {
    this.memory = memory;
    this.settings = settings;
    this.counters = counters;
  }

  /** A connection holds so many bytes more, or fewer. */
  change(bytes: number): void {
    this.usedBytes += bytes;
    const { settings, usedBytes } = this;
    if (this.isPressed) {
      if (usedBytes <= settings.tcpMemLow * PAGE_BYTES) this.isPressed = false;
    } else if (usedBytes > settings.tcpMemPressure * PAGE_BYTES) {
      this.isPressed = true;
      (this.counters[Mib.TcpExtTCPMemoryPressures] as number)++;
    }
  }

  /** Beyond the third limit: what a connection has not begun with waits or is lost. */
  get isShort(): boolean {
    return this.usedBytes > this.settings.tcpMemHigh * PAGE_BYTES || this.memory.isShort;
  }

  /** What a connection may have in its send queue meanwhile. */
  get leastSendBytes(): number {
    const { tcpWmemMin } = this.settings;
    return tcpWmemMin > LEAST_SEND_BYTES ? tcpWmemMin : LEAST_SEND_BYTES;
  }
}

/** That of received datagrams, of all UDP, raw and ping sockets. What is on its way out is the host's memory alone. */
export class DatagramMemory {
  usedBytes = 0;
  private readonly memory: KernelMemory;
  private readonly settings: Settings;

  constructor(memory: KernelMemory, settings: Settings) {
    this.memory = memory;
    this.settings = settings;
  }

  /** May a socket that holds `queued` bytes have no more? UDP knows no pressure: beyond the first limit each keeps its least. */
  refuses(queued: number): boolean {
    const { settings } = this;
    if (this.usedBytes <= settings.udpMemLow * PAGE_BYTES && !this.memory.isShort) return false;
    return queued >= settings.udpRmemMin;
  }

  /** May a socket with `queued` bytes on their way out not send `length` more? */
  refusesToSend(queued: number, length: number): boolean {
    return this.memory.refuses(queued, length);
  }

  /** So much more is on its way out. */
  sent(truesize: number): void {
    this.memory.hold(truesize);
  }

  /** And has left. */
  released(truesize: number): void {
    this.memory.letGo(truesize);
  }
}
