/**
 * Records every frame that a host of ours sends, as pcapng, for the judgement of `scripts/frames.mjs`: complete copies,
 * taken before any wire's fault, checksums completed and super-segments cut, as a capture shows them.
 *
 * Bundled into every test (and into the command that tests start) by scripts/bundle.mjs when SOCKSCAPE_FRAMES_DIR names
 * a folder; nothing imports it. Frames that a test injects arrive at a device, and so are not recorded; neither is what
 * a bare device sends that belongs to no host.
 */
import { chmodSync, closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { V4_MAPPED } from '../../src/base/inet-address.ts';
import { PcapngWriter } from '../../src/capture/pcapng-writer.ts';
import { Device } from '../../src/link/device.ts';
import type { Packet } from '../../src/link/packet.ts';
import { completeChecksum, cutSegments } from '../../src/link/segment.ts';
import type { Network } from '../../src/net/network.ts';
import { PacketSocket } from '../../src/socket/family/packet.ts';
import { RawEndpoint } from '../../src/transport/raw/endpoint.ts';
import { PingEndpoint } from '../../src/transport/raw/ping-endpoint.ts';
import { UdpEndpoint } from '../../src/transport/udp/endpoint.ts';

/**
 * Up to here every frame of a process is kept; beyond it one in STRIDE, up to twice as many bytes. In `npm test` no process
 * comes that far, or the judgement fails; what the long tier does not keep is counted in docs/results/frames.json.
 */
const KEEP_BYTES = 1280 * 1024 * 1024;
const STRIDE = 64;

/** The comment on frames that a host has sent on for somebody else; frames.mjs knows it. */
export const FORWARDED = 'forwarded';

/** The comment on frames whose headers a program wrote itself, or whose checksum it did not want: it answers for them. */
export const OF_PROGRAM = 'of a program';

/** Tests may put false clocks in place of the real one. */
const now = Date.now.bind(Date);

class RecordedFile {
  private readonly fd: number;
  private readonly writer: PcapngWriter;
  private readonly interfaces = new Map<string, number>();

  constructor(path: string, origin: string) {
    this.fd = openSync(path, 'w');
    // Each frame is written at once: a process that is killed leaves a sound file.
    this.writer = new PcapngWriter((block) => writeSync(this.fd, block), { application: 'sockscape tests', comment: origin });
  }

  packet(device: Device, bytes: Uint8Array, comment: string): void {
    let id = this.interfaces.get(device.name);
    if (id === undefined) {
      id = this.writer.addInterface({ linkType: 1, name: device.name });
      this.interfaces.set(device.name, id);
    }
    this.writer.packet(id, now() * 1000, bytes, bytes.length, { direction: 'out', comment });
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** Whether the frame is one piece of a larger packet. */
export function isFragment(frame: Uint8Array): boolean {
  const type = ((frame[12] as number) << 8) | (frame[13] as number);
  if (type === 0x0800) return ((((frame[20] as number) << 8) | (frame[21] as number)) & 0x3fff) !== 0;
  if (type !== 0x86dd) return false;
  let next = frame[20] as number;
  let at = 54;
  while ((next === 0 || next === 43 || next === 60) && at + 8 <= frame.length) {
    next = frame[at] as number;
    at += ((frame[at + 1] as number) + 1) * 8;
  }
  return next === 44;
}

/**
 * Whether the host sends the frame on for somebody else, whose checksum of the payload it is then. Linux that completes a
 * checksum itself writes 0xffff for 0, for TCP too (skb_checksum_help, CSUM_MANGLED_0); tshark calls that bad.
 */
export function isForwarded(device: Device, frame: Uint8Array): boolean {
  const network = device.input as Network;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const type = frame.length < 14 + 40 ? 0 : view.getUint16(12);
  if (type === 0x0800) return !network.localWords(0, 0, V4_MAPPED, view.getInt32(26));
  return type === 0x86dd && !network.localWords(view.getInt32(22), view.getInt32(26), view.getInt32(30), view.getInt32(34));
}

/** Who wrote the headers over IP, or all of them: a raw or packet socket, or UDP that was told to leave out a checksum. */
function isOfProgram({ owner }: Packet): boolean {
  if (owner instanceof PacketSocket) return true;
  if (owner instanceof RawEndpoint) return !(owner instanceof PingEndpoint);
  return owner instanceof UdpEndpoint && owner.options.rare.noChecksum6Out;
}

export class FrameRecorder {
  seen = 0;
  recorded = 0;
  private bytes = 0;
  private readonly folder: string;
  private readonly name: string;
  private main: RecordedFile | null = null;
  /**
   * Worlds of one process may use the same addresses and identifications, so the fragments of each device get a file:
   * whoever puts them together must not mix them.
   */
  private readonly fragments = new Map<Device, RecordedFile>();

  constructor(folder: string, name: string) {
    this.folder = folder;
    this.name = name;
  }

  /** A host's device is about to send `p`. Borrows it. */
  sent(device: Device, p: Packet): void {
    const ofProgram = isOfProgram(p);
    const copy = p.clone();
    if (copy.gsoSize === 0) this.piece(device, copy, ofProgram);
    else cutSegments(copy, (piece) => this.piece(device, piece, ofProgram));
  }

  private piece(device: Device, p: Packet, ofProgram: boolean): void {
    completeChecksum(p);
    const bytes = p.toBytes();
    p.release();
    this.seen++;
    if (this.bytes >= KEEP_BYTES && (this.seen % STRIDE !== 0 || this.bytes >= 2 * KEEP_BYTES)) return;
    this.recorded++;
    this.bytes += bytes.length;
    this.fileFor(device, bytes).packet(device, bytes, ofProgram ? OF_PROGRAM : isForwarded(device, bytes) ? FORWARDED : '');
  }

  private fileFor(device: Device, bytes: Uint8Array): RecordedFile {
    if (!isFragment(bytes)) {
      this.main ??= new RecordedFile(join(this.folder, `${this.name}.pcapng`), this.name);
      return this.main;
    }
    let file = this.fragments.get(device);
    if (file === undefined) {
      file = new RecordedFile(join(this.folder, `${this.name}-fragments-${this.fragments.size}.pcapng`), this.name);
      this.fragments.set(device, file);
    }
    return file;
  }

  /** Says how many frames there were and how many are kept. */
  end(): void {
    this.main?.close();
    for (const file of this.fragments.values()) file.close();
    if (this.seen === 0) return;
    writeFileSync(join(this.folder, `${this.name}.json`), JSON.stringify({ seen: this.seen, recorded: this.recorded }));
  }
}

/** Whether a whole host stands above the device: tests of lower rooms put bytes of their own making under IP. */
function isOfHost(device: Device): boolean {
  const transport = (device.input as { transport?: object | null } | null)?.transport ?? null;
  return transport !== null && 'tcp' in transport && 'udp' in transport;
}

interface Sends {
  sending(p: Packet): boolean;
}

/** From now on, what hosts' devices send goes to `recorder`. Returns how to stop. */
export function recordHosts(recorder: FrameRecorder): () => void {
  const devices = Device.prototype as unknown as Sends;
  const sending = devices.sending;
  devices.sending = function (this: Device, p: Packet): boolean {
    // A device that is down drops the frame: it is not sent.
    if (this.up && this.carrier && isOfHost(this)) recorder.sent(this, p);
    return sending.call(this, p);
  };
  return () => {
    devices.sending = sending;
  };
}

const folder = process.env.SOCKSCAPE_FRAMES_DIR ?? '';
if (folder !== '') {
  // Commands that tests start as another user record, too.
  if (mkdirSync(folder, { recursive: true }) !== undefined) chmodSync(folder, 0o777);
  const path = process.argv[1] ?? 'node';
  const program = basename(path).replace(/\.[cm]?js$/, '');
  const recorder = new FrameRecorder(folder, `${program}-${process.pid}`);
  // Tests of the network and link layers hand made-up payloads down as if a transport had written them; a router that is fed
  // damaged packets sends their payloads on, and its test looks at what it makes of their headers; a program with random calls
  // sends what it likes by raw and packet sockets.
  if (!/[\\/]src[\\/](net|link)[\\/]|[\\/]fuzz[\\/](router|calls)\.test/.test(path)) recordHosts(recorder);
  process.on('exit', () => recorder.end());
}
