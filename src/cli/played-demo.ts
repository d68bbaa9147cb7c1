/**
 * What the demos that play by themselves share: a capture of which some lines are shown, `ss` on a host, the time in front of a
 * line, the words at the end.
 *
 * Called by half-open/, partition/ and slow-loris/, which demo.ts calls.
 */
import { type CapturedPacket, type CaptureInterface, LinkType } from '../capture/capture-record.ts';
import { PacketFilter } from '../capture/packet-filter.ts';
import { TcpdumpPrinter } from '../capture/tcpdump-printer.ts';
import type { Host } from '../host.ts';
import { CaptureTee } from '../link/capture-tee.ts';
import type { Device } from '../link/device.ts';
import type { World } from '../sim/world.ts';
import { CaptureOutput } from './capture-output.ts';
import { complain, print, STDOUT } from './output.ts';
import { paint } from './terminal.ts';

const ETHERNET: CaptureInterface = { linkType: LinkType.Ethernet, snapLen: 0, name: '', description: '', littleEndian: true };

/** The file has everything that passes at the cards; the terminal what `show` has asked for. */
export class ShownCapture extends CaptureOutput {
  private readonly hosts: Map<Device, string> = new Map();
  /** Of the cards whose lines may be shown. */
  private readonly words: Map<Device, TcpdumpPrinter> = new Map();
  private device: Device | null = null;
  private filter: PacketFilter | null = null;

  constructor(file: string) {
    super(file, null, () => {});
  }

  /** Records what passes at a card, which may be shown (`show`), or only stands in the file. */
  watch(world: World, host: Host, device: Device, mayBeShown = true): void {
    this.hosts.set(device, host.name);
    if (mayBeShown) this.words.set(device, new TcpdumpPrinter());
    new CaptureTee(device, world.loop, this);
  }

  /**
   * From now on the lines of this card are shown that pass a filter; with null none are. Lines are made whether they are shown or
   * not, so that sequence numbers count from a connection's first.
   */
  show(device: Device, filter: string | null): void {
    this.device = device;
    this.filter = filter === null ? null : new PacketFilter(filter);
  }

  protected override hostOf(device: Device): string | null {
    return this.hosts.get(device) ?? null;
  }

  protected override write(device: Device, timeUs: number, bytes: Uint8Array, outgoing: boolean): void {
    super.write(device, timeUs, bytes, outgoing);
    const line = this.words.get(device)?.format(LinkType.Ethernet, timeUs, bytes);
    if (line === undefined || device !== this.device) return;
    const packet: CapturedPacket = {
      interface: ETHERNET, interfaceId: 0, timeUs, nanoseconds: 0, bytes, originalLength: bytes.length, comments: [], direction: outgoing ? 'out' : 'in',
    };
    if (this.filter?.passes(packet) === true) print(`${paint(STDOUT, 'dim', line)}\n`);
  }
}

/** Plays with a capture; what cannot be written ends it. `name` is the demo's. */
export async function playWithCapture(name: string, seed: string, file: string, play: (capture: ShownCapture) => Promise<void>): Promise<number> {
  const capture = new ShownCapture(file);
  try {
    await Promise.race([play(capture), capture.failed]);
    // The worlds are over: this is the machine's clock again.
    complain(`\nin all: ${process.uptime().toFixed(2)} s of the machine's time\n`);
    complain(`capture of the first: ${file}\nreplay: npx sockscape demo ${name} --once --seed ${seed} -w ${file}\n`);
    return 0;
  } finally {
    capture.close();
  }
}

/** A line with the world's time, in seconds, before it. */
export function tellAt(world: World, text: string): void {
  print(`${inSeconds(world.now)} ${text}\n`);
}

/** `  12.345 s`. */
export function inSeconds(us: number): string {
  return `${(us / 1e6).toFixed(3).padStart(8)} s`;
}

export function bold(text: string): string {
  return paint(STDOUT, 'bold', text);
}

/** `ss` on a host, with its command line. */
export async function showSockets(world: World, host: Host, words: string): Promise<void> {
  print(`${paint(STDOUT, 'cyan', `$ ss ${words}`)}\n${(await world.ss(host, words)).map((line) => `${line}\n`).join('')}`);
}
