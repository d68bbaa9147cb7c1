/**
 * The older pcap format: a reader for both byte orders and both time resolutions, and a writer.
 *
 * Called by capture-file.ts (reading) and by whoever needs the format that every tool reads. As in pcapng-reader.ts,
 * lengths are held against what is there, and packets are views into the file.
 *
 *     file:    magic 4 | major 2, minor 2 | zone 4, accuracy 4 | snap length 4 | link type 4 (upper bits: FCS)
 *     record:  seconds 4 | fraction 4 | kept length 4 | original length 4 | data
 */
import { CaptureError } from './capture-error.ts';
import type { CaptureInterface, CapturedPacket } from './capture-record.ts';

const MAGIC_US = 0xa1b2c3d4;
const MAGIC_NS = 0xa1b23c4d;
const FILE_HEADER_LEN = 24;
const RECORD_HEADER_LEN = 16;
const LINK_TYPE_MASK = 0x03ffffff;

/** Whether a file's first four bytes are those of a pcap file, in either byte order. */
export function isPcapMagic(view: DataView): boolean {
  if (view.byteLength < 4) return false;
  return [view.getUint32(0, true), view.getUint32(0, false)].some((magic) => magic === MAGIC_US || magic === MAGIC_NS);
}

interface FileHeader {
  readonly interface: CaptureInterface;
  readonly isInNanoseconds: boolean;
}

/** Throws CaptureError when the file header is not one. */
function readFileHeader(view: DataView): FileHeader {
  if (!isPcapMagic(view)) throw new CaptureError(0, 'not a pcap file');
  if (view.byteLength < FILE_HEADER_LEN) throw new CaptureError(0, `cut inside the file header: ${view.byteLength} bytes`);
  const first = view.getUint32(0, true);
  const little = first === MAGIC_US || first === MAGIC_NS;
  const major = view.getUint16(4, little);
  if (major !== 2) throw new CaptureError(4, `pcap version ${major} is not known`);
  const linkType = view.getUint32(20, little) & LINK_TYPE_MASK;
  const snapLen = view.getUint32(16, little);
  return {
    interface: { linkType, snapLen, name: '', description: '', littleEndian: little },
    isInNanoseconds: view.getUint32(0, little) === MAGIC_NS,
  };
}

/** What a pcap file says of its interface. Throws CaptureError when the file header is not one. */
export function readPcapInterface(bytes: Uint8Array): CaptureInterface {
  return readFileHeader(new DataView(bytes.buffer, bytes.byteOffset, bytes.length)).interface;
}

/** The packets of a pcap file. Throws CaptureError at once when the file header is not one. */
export function* readPcap(bytes: Uint8Array): Generator<CapturedPacket, void, undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { interface: description, isInNanoseconds: nanoseconds } = readFileHeader(view);
  const little = description.littleEndian;
  let at = FILE_HEADER_LEN;
  while (at < bytes.length) {
    const left = bytes.length - at;
    if (left < RECORD_HEADER_LEN) throw new CaptureError(at, `cut inside a record header: ${left} bytes left`);
    const seconds = view.getUint32(at, little);
    const fraction = view.getUint32(at + 4, little);
    const kept = view.getUint32(at + 8, little);
    if (kept > left - RECORD_HEADER_LEN) {
      throw new CaptureError(at + 8, `packet of ${kept} bytes, but ${left - RECORD_HEADER_LEN} are left`);
    }
    const start = at + RECORD_HEADER_LEN;
    yield {
      interface: description,
      interfaceId: 0,
      timeUs: seconds * 1_000_000 + (nanoseconds ? Math.floor(fraction / 1000) : fraction),
      nanoseconds: nanoseconds ? fraction % 1000 : 0,
      bytes: bytes.subarray(start, start + kept),
      originalLength: view.getUint32(at + 12, little),
      comments: [],
      direction: null,
    };
    at = start + kept;
  }
}

export interface PcapOptions {
  readonly linkType: number;
  readonly snapLen?: number;
  readonly resolution?: 'us' | 'ns';
  /** Byte order of the file; little-endian unless a test wants the other. */
  readonly bigEndian?: boolean;
}

export class PcapWriter {
  private readonly sink: (bytes: Uint8Array) => void;
  private readonly little: boolean;
  private readonly nanoseconds: boolean;

  /** Writes the file header at once. `sink` receives whole records and may keep them. */
  constructor(sink: (bytes: Uint8Array) => void, options: PcapOptions) {
    this.sink = sink;
    this.little = options.bigEndian !== true;
    this.nanoseconds = options.resolution === 'ns';
    const header = new Uint8Array(FILE_HEADER_LEN);
    const view = new DataView(header.buffer);
    view.setUint32(0, this.nanoseconds ? MAGIC_NS : MAGIC_US, this.little);
    view.setUint16(4, 2, this.little);
    view.setUint16(6, 4, this.little);
    view.setUint32(16, options.snapLen ?? 262144, this.little);
    view.setUint32(20, options.linkType, this.little);
    sink(header);
  }

  /** Writes a packet. Borrows `bytes` for the call. A time before 1970 becomes 0: seconds are unsigned. */
  packet(timeUs: number, bytes: Uint8Array, originalLength: number = bytes.length, nanoseconds = 0): void {
    const record = new Uint8Array(RECORD_HEADER_LEN + bytes.length);
    const view = new DataView(record.buffer);
    const isBefore = !(timeUs >= 0);
    const us = isBefore ? 0 : Math.floor(timeUs);
    const seconds = Math.floor(us / 1_000_000);
    const fraction = us - seconds * 1_000_000;
    view.setUint32(0, seconds, this.little);
    view.setUint32(4, this.nanoseconds ? fraction * 1000 + (isBefore ? 0 : nanoseconds) : fraction, this.little);
    view.setUint32(8, bytes.length, this.little);
    view.setUint32(12, originalLength, this.little);
    record.set(bytes, RECORD_HEADER_LEN);
    this.sink(record);
  }
}
