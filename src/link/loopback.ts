/**
 * The loopback interface, `lo`: what is transmitted arrives at the same device, by way of the loop.
 *
 * Frames carry an Ethernet header with zero addresses, as on Linux. Its wire is an ordinary perfect one, so there is
 * one kind of event source for all frames.
 */
import type { Loop } from '../base/loop.ts';
import type { RandomSource } from '../base/random.ts';
import { Device } from './device.ts';
import { GSO_MAX_BYTES } from './nic.ts';
import type { Packet } from './packet.ts';
import { ETHERNET_HEADER_LEN } from '../wire/ethernet.ts';
import { Wire, type WireEnd } from './wire.ts';

export const LOOPBACK_MTU = 65536;

export class LoopbackDevice extends Device implements WireEnd {
  readonly wire: Wire;

  /** `random` is only drawn from when somebody sets conditions on `wire`. */
  constructor(loop: Loop, random: RandomSource, name = 'lo') {
    super(name);
    this.mtuBytes = LOOPBACK_MTU;
    this.gsoMaxBytes = GSO_MAX_BYTES;
    this.isLoopback = true;
    this.wire = new Wire(loop, random, this, LOOPBACK_MTU, true);
  }

  override transmit(p: Packet): void {
    if (!this.sending(p)) return;
    // Its counters tell of IP packets, without the header that nobody needs (loopback_xmit).
    this.statistics.txBytes -= ETHERNET_HEADER_LEN;
    this.wire.accept(p);
  }

  override dropQueued(): void {
    this.wire.sever();
  }

  arrived(p: Packet): void {
    this.statistics.rxBytes -= ETHERNET_HEADER_LEN;
    this.received(p);
  }

  burst(first: Packet): void {
    for (let p: Packet | null = first; p !== null; ) {
      const next: Packet | null = p.next;
      p.next = null;
      this.arrived(p);
      p = next;
    }
  }
}
