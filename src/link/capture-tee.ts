/**
 * Looks at a device's frames and hands complete copies to a sink: the link side of a capture.
 *
 * A frame is seen as the device sends it, before any wire's fault, and as the device receives it. Partial checksums are
 * completed in the copy; the frame itself goes on as it was. Worlds and the tap command attach one tee per device.
 */
import type { Loop } from '../base/loop.ts';
import type { Device, FrameTap } from './device.ts';
import type { Packet } from './packet.ts';
import { completeChecksum } from './segment.ts';

/** Where captured frames go. */
export interface FrameSink {
  /** `timeUs` counts from 1970; `bytes` begins at the Ethernet header and belongs to the sink. */
  captured(device: Device, timeUs: number, bytes: Uint8Array, outgoing: boolean): void;
}

/** Which way a captured frame goes. */
export type CaptureDirection = 'in' | 'out' | 'both';

export class CaptureTee implements FrameTap {
  readonly device: Device;
  private readonly loop: Loop;
  private readonly sink: FrameSink;
  private readonly direction: CaptureDirection;
  /** Who looked at this device before us, and still does. */
  private readonly next: FrameTap | null;
  private looking = true;

  /** Begins to look at `device`. */
  constructor(device: Device, loop: Loop, sink: FrameSink, direction: CaptureDirection = 'both') {
    this.device = device;
    this.loop = loop;
    this.sink = sink;
    this.direction = direction;
    this.next = device.tap;
    device.tap = this;
  }

  frame(device: Device, p: Packet, outgoing: boolean): void {
    if (this.next !== null) this.next.frame(device, p, outgoing);
    if (!this.looking || this.direction === (outgoing ? 'in' : 'out')) return;
    // Loopback sees each frame twice; libpcap, too, shows only the arrival.
    if (this.direction === 'both' && outgoing && device.isLoopback) return;
    const copy = p.clone();
    completeChecksum(copy);
    const bytes = copy.toBytes();
    copy.release();
    this.sink.captured(device, this.loop.environment.epochUs + this.loop.now, bytes, outgoing);
  }

  /** Stops looking. */
  detach(): void {
    this.looking = false;
    // One that has others in front of it only passes frames on, until those are gone too.
    const { device } = this;
    while (device.tap instanceof CaptureTee && !device.tap.looking) device.tap = device.tap.next;
  }
}
