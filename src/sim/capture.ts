/**
 * A world's capture: frames of chosen devices as one pcapng file, the same bytes for the same seed.
 */
import { interfaceWords, LinkType } from '../capture/capture-record.ts';
import { joinBlocks, PcapngWriter } from '../capture/pcapng-writer.ts';
import type { Loop } from '../base/loop.ts';
import { CaptureTee, type FrameSink } from '../link/capture-tee.ts';
import type { Device } from '../link/device.ts';

export class WorldCapture implements FrameSink {
  /** Frames recorded. */
  frames = 0;
  private readonly blocks: Uint8Array[] = [];
  private readonly writer: PcapngWriter;
  private readonly interfaces: Map<Device, number> = new Map();
  private readonly tees: CaptureTee[] = [];
  private readonly loop: Loop;
  private readonly hostOf: (device: Device) => string | null;

  /** `hostOf`: whose device it is, if anybody's. */
  constructor(loop: Loop, devices: readonly Device[], hostOf: (device: Device) => string | null) {
    this.loop = loop;
    this.hostOf = hostOf;
    this.writer = new PcapngWriter((block) => this.blocks.push(block), { application: 'sockscape' });
    for (const device of devices) this.add(device);
  }

  /** Records another device, too. */
  add(device: Device): void {
    if (this.interfaces.has(device)) return;
    const words = interfaceWords(this.hostOf(device), device.name);
    this.interfaces.set(device, this.writer.addInterface({ linkType: LinkType.Ethernet, ...words }));
    this.tees.push(new CaptureTee(device, this.loop, this));
  }

  captured(device: Device, timeUs: number, bytes: Uint8Array, outgoing: boolean): void {
    this.frames++;
    const id = this.interfaces.get(device) as number;
    this.writer.packet(id, timeUs, bytes, bytes.length, { direction: outgoing ? 'out' : 'in' });
  }

  /** The file so far. */
  bytes(): Uint8Array {
    return joinBlocks(this.blocks);
  }

  /** Stops recording. */
  stop(): void {
    for (const tee of this.tees) tee.detach();
  }
}
