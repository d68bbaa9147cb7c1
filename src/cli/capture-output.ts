/**
 * Where a command's captured frames go: a pcapng file, lines as tcpdump prints them, or both.
 *
 * Called by demo.ts, played-demo.ts and tap.ts through one CaptureTee for each device they look at.
 */
import { closeSync } from 'node:fs';
import { interfaceWords, LinkType } from '../capture/capture-record.ts';
import { PcapngWriter } from '../capture/pcapng-writer.ts';
import type { TcpdumpPrinter } from '../capture/tcpdump-printer.ts';
import type { FrameSink } from '../link/capture-tee.ts';
import type { Device } from '../link/device.ts';
import { PlatformError } from '../platform/node/libc.ts';
import { openForWriting, type Output, STDERR, writeAll } from './output.ts';

export class CaptureOutput implements FrameSink {
  /** Frames seen. */
  frames = 0;
  /** Whose devices they pass, where there are several hosts and only one's are looked at. */
  host: string | null = null;
  /** Those of them that were printed. */
  printed = 0;
  /** Rejects with a PlatformError when the file or standard output takes no more. Nothing is written after that. */
  readonly failed: Promise<never>;
  private fail: ((error: PlatformError) => void) | null = null;
  private readonly file: Output | null;
  private readonly writer: PcapngWriter | null;
  private readonly interfaces: Map<Device, number> = new Map();
  private readonly printer: TcpdumpPrinter | null;
  private readonly print: (line: string) => void;

  /** `path`: the pcapng file, or null; `printer`: makes the lines that `print` gets, or null. */
  constructor(path: string | null, printer: TcpdumpPrinter | null, print: (line: string) => void) {
    const file = path === null ? null : openForWriting(path);
    this.file = file;
    this.writer = file === null ? null : new PcapngWriter((block) => writeAll(file, block), { application: 'sockscape' });
    this.printer = printer;
    this.print = print;
    this.failed = new Promise((_, reject) => (this.fail = reject));
    // Whoever does not wait for it is not to be ended by it.
    this.failed.catch(() => {});
  }

  captured(device: Device, timeUs: number, bytes: Uint8Array, outgoing: boolean): void {
    this.frames++;
    const { fail } = this;
    if (fail === null) return;
    try {
      this.write(device, timeUs, bytes, outgoing);
    } catch (error) {
      // We are called from the middle of a host that sends or receives: a full disk must not come up through it.
      if (!(error instanceof PlatformError)) throw error;
      this.fail = null;
      fail(error);
    }
  }

  /** Whose device it is; null where nobody asks. */
  protected hostOf(_device: Device): string | null {
    return this.host;
  }

  protected write(device: Device, timeUs: number, bytes: Uint8Array, outgoing: boolean): void {
    if (this.writer !== null) {
      let id = this.interfaces.get(device);
      if (id === undefined) {
        id = this.writer.addInterface({ linkType: LinkType.Ethernet, ...interfaceWords(this.hostOf(device), device.name) });
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
    if (this.file !== null && this.file.fd > STDERR) closeSync(this.file.fd);
  }
}
