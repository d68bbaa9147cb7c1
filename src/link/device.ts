/**
 * The contract of network devices, and what a device calls upward.
 *
 * A device carries Ethernet frames (loopback too, with zero addresses, as on Linux). `transmit` only enqueues: nothing
 * of the receiver runs inside the sender's call. A device hands received frames to `input` with `head` at the first
 * byte of the Ethernet header.
 */
import type { Packet } from './packet.ts';

/** What the network layer gives a device when it is attached. */
export interface NetInput {
  /** A frame arrived. Takes over `p`. */
  frameInput(device: Device, p: Packet): void;
  /** Carrier or administrative state changed. */
  deviceChanged(device: Device): void;
}

/** Sees frames as a device sends and receives them (captures, AF_PACKET). Borrows `p`. */
export interface FrameTap {
  frame(device: Device, p: Packet, outgoing: boolean): void;
}

/** Interface counters, as in `ip -s link`. */
export class DeviceStatistics {
  rxPackets = 0;
  rxBytes = 0;
  rxDropped = 0;
  rxErrors = 0;
  txPackets = 0;
  txBytes = 0;
  txDropped = 0;
  txErrors = 0;
}

/** IFF_ flags of <net/if.h>. */
export const InterfaceFlag = {
  UP: 0x1, BROADCAST: 0x2, LOOPBACK: 0x8, RUNNING: 0x40, NOARP: 0x80, PROMISC: 0x100, MULTICAST: 0x1000,
} as const;

export abstract class Device {
  readonly name: string;
  /** Interface index (1 is loopback); given when a host attaches the device. */
  index = 0;
  /** Hardware address: the first two bytes, and the last four as int32. */
  macHi = 0;
  macLo = 0;
  mtuBytes = 1500;
  /** Largest segment `transmit` takes for cutting later; 0 when it takes none. */
  gsoMaxBytes = 0;
  /** The device (or a wire behind it) completes partial checksums. */
  checksumOffload = true;
  /** Segments that arrive together go up as one (`ethtool -K DEV gro on`), where the device can; a switch's ports do not. */
  receiveOffload = true;
  isLoopback = false;
  /** Administratively up (`ip link set up`). */
  up = true;
  /** The wire is plugged in. */
  carrier = true;
  input: NetInput | null = null;
  tap: FrameTap | null = null;
  /** The host's packet sockets. Unlike `tap` they see what the host sees: segments that arrived together as one (GRO). */
  listeners: FrameTap | null = null;
  /** How many want to see frames for others too (IFF_PROMISC). */
  promiscuity = 0;
  readonly statistics = new DeviceStatistics();

  constructor(name: string) {
    this.name = name;
  }

  /** Enqueues a frame (`head` at its Ethernet header). Takes over `p`. */
  abstract transmit(p: Packet): void;

  /** The machine has lost its power: frames that still wait to be sent are gone. For devices with a queue. */
  dropQueued(): void {}

  /** Called by implementations for every frame that arrives. Takes over `p`. */
  protected received(p: Packet): void {
    if (this.seen(p)) this.passUp(p);
  }

  /** First half of `received`: counts and shows the frame; false when it must be dropped (it is released). */
  protected seen(p: Packet): boolean {
    this.statistics.rxPackets++;
    this.statistics.rxBytes += p.length;
    if (this.input === null || !this.up) {
      this.statistics.rxDropped++;
      p.release();
      return false;
    }
    p.device = this;
    if (this.tap !== null) this.tap.frame(this, p, false);
    return true;
  }

  /** Second half: hands it to the layer above. Takes over `p`. */
  passUp(p: Packet): void {
    if (this.listeners !== null) this.listeners.frame(this, p, false);
    (this.input as NetInput).frameInput(this, p);
  }

  /** Called by implementations at the top of `transmit`; false when the frame must be dropped (it is released). */
  protected sending(p: Packet): boolean {
    if (!this.up || !this.carrier) {
      this.statistics.txDropped++;
      p.release();
      return false;
    }
    this.statistics.txPackets++;
    this.statistics.txBytes += p.length;
    if (this.tap !== null) this.tap.frame(this, p, true);
    if (this.listeners !== null) this.listeners.frame(this, p, true);
    return true;
  }
}
