/**
 * Where a command's captured frames go: a pcapng file, lines as tcpdump prints them, or both.
 *
 * Called by demo.ts and tap.ts through one CaptureTee for each device they look at.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { LinkType } from '../capture/capture-record.ts';
import { PcapngWriter } from '../capture/pcapng-writer.ts';
import type { TcpdumpPrinter } from '../capture/tcpdump-printer.ts';
import type { FrameSink } from '../link/capture-tee.ts';
import type { Device } from '../link/device.ts';
import { PlatformError } from '../platform/node/libc.ts';

export class CaptureOutput implements FrameSink {
  /** Frames seen. */
  frames = 0;
  /** Those of them that were printed. */
  printed = 0;
  private readonly file: number;
  private readonly writer: PcapngWriter | null;
  private readonly interfaces: Map<Device, number> = new Map();
  private readonly printer: TcpdumpPrinter | null;
  private readonly print: (line: string) => void;

  /** `path`: the pcapng file, or null; `printer`: makes the lines that `print` gets, or null. */
  constructor(path: string | null, printer: TcpdumpPrinter | null, print: (line: string) => void) {
    this.file = path === null ? -1 : openForWriting(path);
    this.writer =
      path === null
        ? null
        : new PcapngWriter((block) => writeAll(this.file, block), { application: 'sockscape' });
    this.printer = printer;
    this.print = print;
  }

  captured(device: Device, timeUs: number, bytes: Uint8Array, outgoing: boolean): void {
    this.frames++;
    if (this.writer !== null) {
      let id = this.interfaces.get(device);
      if (id === undefined) {
        id = this.writer.addInterface({ linkType: LinkType.Ethernet, name: device.name });
        this.interfaces.set(device, id);
      }
      this.writer.packet(id, timeUs, bytes, bytes.length, { direction: outgoing ? 'out' : 'in' });
    }
    if (this.printer === null || !this.prints(bytes)) return;
    this.printed++;
    this.print(this.printer.format(LinkType.Ethernet, timeUs, bytes));
  }

  /** Whether a frame is printed, too. */
  protected prints(_bytes: Uint8Array): boolean {
    return true;
  }

  close(): void {
    if (this.file >= 0) closeSync(this.file);
  }
}

/** Opens a file that is made anew; '-' is standard output. */
export function openForWriting(path: string): number {
  try {
    return path === '-' ? 1 : openSync(path, 'w');
  } catch (error) {
    throw new PlatformError(`cannot write ${path}: ${(error as Error).message}`);
  }
}

/** Written at once, block by block: what a command has seen is in the file even if it is killed. */
export function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
