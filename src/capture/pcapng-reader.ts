/**
 * Reads pcapng files: both byte orders, every time resolution, enhanced, simple and obsolete packet blocks, several
 * sections; unknown blocks are skipped by their length.
 *
 * Called by capture-file.ts. A file may be cut or spliced, so every length is held against what is there before it is
 * believed; a violation is a CaptureError that names the place. Packets are views into the file: nothing is allocated
 * by a length the file claims.
 */
import { CaptureError } from './capture-error.ts';
import type { CaptureInterface, CapturedPacket, PacketDirection } from './capture-record.ts';
import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE,
  BLOCK_OLD_PACKET,
  BLOCK_SECTION,
  BLOCK_SIMPLE_PACKET,
  BYTE_ORDER_MAGIC,
  INTERFACE_DESCRIPTION,
  INTERFACE_NAME,
  INTERFACE_OFFSET,
  INTERFACE_RESOLUTION,
  OPTION_COMMENT,
  OPTION_END,
  PACKET_FLAGS,
} from './pcapng-writer.ts';
import { decodeUtf8 } from './utf8.ts';

const BLOCK_OVERHEAD = 12;
const NS_PER_SECOND = 1_000_000_000n;
/** Beyond this a time stamp is nonsense, and a double no longer counts single microseconds. */
const LATEST_NS = 9_007_199_254_740_991_000n;

interface Section {
  readonly littleEndian: boolean;
  readonly interfaces: InterfaceClock[];
}

/** An interface and how its time stamps count. */
interface InterfaceClock {
  readonly description: CaptureInterface;
  /** Units in a second: 10^n or 2^n, n up to 127. */
  readonly unitsPerSecond: bigint;
  readonly offsetSeconds: bigint;
}

/** The packets of a pcapng file, in file order. Throws CaptureError where the file stops making sense. */
export function* readPcapng(bytes: Uint8Array): Generator<CapturedPacket, void, undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let section: Section | null = null;
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < BLOCK_OVERHEAD) throw new CaptureError(at, `cut inside a block header: ${bytes.length - at} bytes left`);
    // The section header's type reads the same in both byte orders, so it may change the order.
    if (view.getUint32(at, false) === BLOCK_SECTION) section = readSectionHeader(view, at);
    if (section === null) throw new CaptureError(at, 'does not begin with a section header');
    const little = section.littleEndian;
    const type = view.getUint32(at, little);
    const total = view.getUint32(at + 4, little);
    if (total < BLOCK_OVERHEAD || total % 4 !== 0) throw new CaptureError(at + 4, `block length ${total} is not possible`);
    if (total > bytes.length - at) {
      throw new CaptureError(at, `cut inside a block of ${total} bytes: ${bytes.length - at} left`);
    }
    const repeated = view.getUint32(at + total - 4, little);
    if (repeated !== total) {
      throw new CaptureError(at + total - 4, `block length ${total} is repeated as ${repeated}`);
    }
    const end = at + total - 4;
    switch (type) {
      case BLOCK_INTERFACE:
        section.interfaces.push(readInterface(bytes, view, at, end, little));
        break;
      case BLOCK_ENHANCED_PACKET:
        yield readEnhancedPacket(bytes, view, at, end, section);
        break;
      case BLOCK_OLD_PACKET:
        yield readOldPacket(bytes, view, at, end, section);
        break;
      case BLOCK_SIMPLE_PACKET:
        yield readSimplePacket(bytes, view, at, end, section);
        break;
      default:
        break;
    }
    at += total;
  }
  if (section === null) throw new CaptureError(0, 'empty file');
}

function readSectionHeader(view: DataView, at: number): Section {
  if (view.byteLength - at < 28) throw new CaptureError(at, 'cut inside a section header');
  const little = view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC;
  if (!little && view.getUint32(at + 8, false) !== BYTE_ORDER_MAGIC) {
    throw new CaptureError(at + 8, 'section header without a byte-order mark');
  }
  if (view.getUint32(at + 4, little) < 28) throw new CaptureError(at + 4, 'section header too short');
  const major = view.getUint16(at + 12, little);
  if (major !== 1) throw new CaptureError(at + 12, `pcapng version ${major} is not known`);
  return { littleEndian: little, interfaces: [] };
}

/** Calls `take` for each option of a block's body; `at` must lie within the block. */
function readOptions(
  view: DataView,
  at: number,
  end: number,
  little: boolean,
  take: (code: number, start: number, length: number) => void,
): void {
  while (at < end) {
    if (end - at < 4) throw new CaptureError(at, 'option header runs over the end of its block');
    const code = view.getUint16(at, little);
    const length = view.getUint16(at + 2, little);
    if (code === OPTION_END) return;
    at += 4;
    if (length > end - at) throw new CaptureError(at - 4, `option ${code} of ${length} bytes runs over the end of its block`);
    take(code, at, length);
    at += (length + 3) & ~3;
  }
}

function readInterface(bytes: Uint8Array, view: DataView, at: number, end: number, little: boolean): InterfaceClock {
  if (end - at < 16) throw new CaptureError(at, 'interface block too short');
  let name = '';
  let description = '';
  let unitsPerSecond = 1_000_000n;
  let offsetSeconds = 0n;
  readOptions(view, at + 16, end, little, (code, start, length) => {
    if (code === INTERFACE_NAME) name = decodeUtf8(bytes, start, start + length);
    else if (code === INTERFACE_DESCRIPTION) description = decodeUtf8(bytes, start, start + length);
    else if (code === INTERFACE_RESOLUTION) {
      if (length !== 1) throw new CaptureError(start, `time resolution of ${length} bytes`);
      const exponent = bytes[start] & 0x7f;
      unitsPerSecond = (bytes[start] & 0x80) !== 0 ? 1n << BigInt(exponent) : BigInt(`1${'0'.repeat(exponent)}`);
    } else if (code === INTERFACE_OFFSET) {
      if (length !== 8) throw new CaptureError(start, `time offset of ${length} bytes`);
      offsetSeconds = view.getBigInt64(start, little);
    }
  });
  return {
    description: {
      linkType: view.getUint16(at + 8, little), snapLen: view.getUint32(at + 12, little), name, description, littleEndian: little,
    },
    unitsPerSecond,
    offsetSeconds,
  };
}

function interfaceOf(section: Section, id: number, at: number): InterfaceClock {
  const found = section.interfaces[id];
  if (found === undefined) {
    throw new CaptureError(at, `packet of interface ${id}, but the section describes ${section.interfaces.length}`);
  }
  return found;
}

function packetAt(
  bytes: Uint8Array,
  at: number,
  end: number,
  kept: number,
  originalLength: number,
  clock: InterfaceClock,
  interfaceId: number,
  stamp: bigint,
  comments: readonly string[],
  direction: PacketDirection,
): CapturedPacket {
  if (kept > end - at) throw new CaptureError(at, `packet of ${kept} bytes in a block with room for ${end - at}`);
  const ns = (stamp * NS_PER_SECOND) / clock.unitsPerSecond + clock.offsetSeconds * NS_PER_SECOND;
  if (ns > LATEST_NS || ns < -LATEST_NS) throw new CaptureError(at, 'time stamp out of range');
  const nanoseconds = ((ns % 1000n) + 1000n) % 1000n;
  return {
    interface: clock.description,
    interfaceId,
    timeUs: Number((ns - nanoseconds) / 1000n),
    nanoseconds: Number(nanoseconds),
    bytes: bytes.subarray(at, at + kept),
    originalLength,
    comments,
    direction,
  };
}

function timeStamp(view: DataView, at: number, little: boolean): bigint {
  return (BigInt(view.getUint32(at, little)) << 32n) | BigInt(view.getUint32(at + 4, little));
}

function readPacketOptions(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  little: boolean,
): { comments: string[]; direction: PacketDirection } {
  const found: { comments: string[]; direction: PacketDirection } = { comments: [], direction: null };
  readOptions(view, at, end, little, (code, start, length) => {
    if (code === OPTION_COMMENT) found.comments.push(decodeUtf8(bytes, start, start + length));
    else if (code === PACKET_FLAGS) {
      if (length !== 4) throw new CaptureError(start, `packet flags of ${length} bytes`);
      const way = view.getUint32(start, little) & 3;
      found.direction = way === 1 ? 'in' : way === 2 ? 'out' : null;
    }
  });
  return found;
}

function readEnhancedPacket(bytes: Uint8Array, view: DataView, at: number, end: number, section: Section): CapturedPacket {
  const little = section.littleEndian;
  if (end - at < 28) throw new CaptureError(at, 'packet block too short');
  const id = view.getUint32(at + 8, little);
  return framedPacket(bytes, view, at, end, section, id);
}

function readOldPacket(bytes: Uint8Array, view: DataView, at: number, end: number, section: Section): CapturedPacket {
  if (end - at < 28) throw new CaptureError(at, 'packet block too short');
  // The obsolete block has a 16-bit interface number and a drop count where the new one has 32 bits.
  const id = view.getUint16(at + 8, section.littleEndian);
  return framedPacket(bytes, view, at, end, section, id);
}

function framedPacket(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  section: Section,
  id: number,
): CapturedPacket {
  const little = section.littleEndian;
  const clock = interfaceOf(section, id, at + 8);
  const kept = view.getUint32(at + 20, little);
  const original = view.getUint32(at + 24, little);
  const data = at + 28;
  if (kept > end - data) throw new CaptureError(at + 20, `packet of ${kept} bytes in a block with room for ${end - data}`);
  const options = readPacketOptions(bytes, view, data + ((kept + 3) & ~3), end, little);
  const stamp = timeStamp(view, at + 12, little);
  return packetAt(bytes, data, end, kept, original, clock, id, stamp, options.comments, options.direction);
}

function readSimplePacket(bytes: Uint8Array, view: DataView, at: number, end: number, section: Section): CapturedPacket {
  if (end - at < 12) throw new CaptureError(at, 'packet block too short');
  const clock = interfaceOf(section, 0, at);
  const original = view.getUint32(at + 8, section.littleEndian);
  const limit = clock.description.snapLen;
  const kept = limit !== 0 && limit < original ? limit : original;
  // A simple packet has no time; zero is what other readers make of that.
  const untimed: InterfaceClock = { ...clock, offsetSeconds: 0n };
  return packetAt(bytes, at + 12, end, kept, original, untimed, 0, 0n, [], null);
}
