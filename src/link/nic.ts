/**
 * A network card: one end of a cable. Hosts attach it as an interface, a switch takes it as a port.
 */
import { Device } from './device.ts';
import type { Packet } from './packet.ts';
import { ReceiveOffload } from './receive-offload.ts';
import type { Wire, WireEnd } from './wire.ts';

/** Linux's GSO_MAX_SIZE: the largest segment that goes down uncut. */
export const GSO_MAX_BYTES = 65536;

export class Nic extends Device implements WireEnd {
  /** The direction that leaves from here; set by the cable. */
  wire: Wire | null = null;

  private readonly merging: ReceiveOffload = new ReceiveOffload(this);

  constructor(name: string, mtuBytes: number) {
    super(name);
    this.mtuBytes = mtuBytes;
    this.gsoMaxBytes = GSO_MAX_BYTES;
  }

  override transmit(p: Packet): void {
    if (this.sending(p)) (this.wire as Wire).accept(p);
  }

  override dropQueued(): void {
    if (this.wire !== null) this.wire.dropQueued();
  }

  arrived(p: Packet): void {
    this.received(p);
  }

  burst(first: Packet): void {
    const { merging } = this;
    for (let p: Packet | null = first; p !== null; ) {
      const next: Packet | null = p.next;
      p.next = null;
      if (!this.receiveOffload) this.received(p);
      else if (this.seen(p)) merging.take(p);
      p = next;
    }
    merging.flush();
  }
}
