/**
 * Writes pcapng files (draft-ietf-opsawg-pcapng), one block at a time into a sink.
 *
 * Called by the capture tee's owners: worlds, the tap program, tests that keep a failing run. What it writes follows
 * from its arguments alone: no clock, no host name, one byte order (little-endian, as most files have), so that the
 * same seed gives the same file everywhere.
 *
 *     block:  type 4 | total length 4 | body, padded to 4 | total length 4
 */
import { encodeUtf8 } from './utf8.ts';
import type { PacketDirection } from './capture-record.ts';

export const BLOCK_SECTION = 0x0a0d0d0a;
export const BLOCK_INTERFACE = 1;
export const BLOCK_OLD_PACKET = 2;
export const BLOCK_SIMPLE_PACKET = 3;
export const BLOCK_NAMES = 4;
export const BLOCK_ENHANCED_PACKET = 6;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

export const OPTION_END = 0;
export const OPTION_COMMENT = 1;
const SECTION_HARDWARE = 2;
const SECTION_OS = 3;
const SECTION_APPLICATION = 4;
export const INTERFACE_NAME = 2;
export const INTERFACE_DESCRIPTION = 3;
export const INTERFACE_RESOLUTION = 9;
export const INTERFACE_OFFSET = 14;
export const PACKET_FLAGS = 2;

export interface SectionOptions {
  readonly hardware?: string;
  readonly os?: string;
  readonly application?: string;
  readonly comment?: string;
}

export interface InterfaceOptions {
  readonly linkType: number;
  readonly name?: string;
  readonly description?: string;
  /** 0 (the default) means no limit. */
  readonly snapLen?: number;
  /** Unit of the packets' times: microseconds (the default) or nanoseconds. */
  readonly resolution?: 'us' | 'ns';
}

export interface PacketOptions {
  readonly direction?: PacketDirection;
  readonly comment?: string;
  /** Nanoseconds beyond the time's microseconds; kept only by an interface that counts nanoseconds. */
  readonly nanoseconds?: number;
}

/** A name for an address, for the name resolution block. */
export interface AddressName {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly names: readonly string[];
}

const NO_OPTIONS: PacketOptions = {};

function padded(length: number): number {
  return (length + 3) & ~3;
}

/** A block under construction: grows as needed, is handed on as a copy of its exact length. */
class BlockBuilder {
  private bytes = new Uint8Array(2048);
  private view = new DataView(this.bytes.buffer);
  private length = 0;

  begin(type: number): void {
    this.length = 0;
    this.u32(type);
    this.u32(0);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }

  u16(value: number): void {
    this.reserve(2);
    this.view.setUint16(this.length, value, true);
    this.length += 2;
  }

  u32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }

  data(bytes: Uint8Array): void {
    const room = padded(bytes.length);
    this.reserve(room);
    this.bytes.set(bytes, this.length);
    this.bytes.fill(0, this.length + bytes.length, this.length + room);
    this.length += room;
  }

  option(code: number, value: Uint8Array): void {
    // The length field has 16 bits; a longer comment is cut rather than making the file unreadable.
    const kept = value.length > 0xffff ? value.subarray(0, 0xffff) : value;
    this.u16(code);
    this.u16(kept.length);
    this.data(kept);
  }

  text(code: number, value: string | undefined): void {
    if (value !== undefined && value !== '') this.option(code, encodeUtf8(value));
  }

  /** Ends the block and returns a copy that the sink may keep. */
  end(): Uint8Array {
    const total = this.length + 4;
    this.u32(total);
    this.view.setUint32(4, total, true);
    return this.bytes.slice(0, this.length);
  }
}

export class PcapngWriter {
  private readonly sink: (bytes: Uint8Array) => void;
  private readonly block = new BlockBuilder();
  /** Per interface: units of its time stamps in a microsecond. */
  private readonly unitsPerUs: number[] = [];

  /** Writes the section header at once. `sink` receives whole blocks in order and may keep them. */
  constructor(sink: (bytes: Uint8Array) => void, options: SectionOptions = {}) {
    this.sink = sink;
    const block = this.block;
    block.begin(BLOCK_SECTION);
    block.u32(BYTE_ORDER_MAGIC);
    block.u16(1);
    block.u16(0);
    // Section length: minus one, "not given", since blocks leave as they are made.
    block.u32(0xffffffff);
    block.u32(0xffffffff);
    block.text(OPTION_COMMENT, options.comment);
    block.text(SECTION_HARDWARE, options.hardware);
    block.text(SECTION_OS, options.os);
    block.text(SECTION_APPLICATION, options.application);
    block.option(OPTION_END, new Uint8Array(0));
    sink(block.end());
  }

  /** Describes an interface and returns its number, counted from 0. */
  addInterface(options: InterfaceOptions): number {
    const nanoseconds = options.resolution === 'ns';
    const block = this.block;
    block.begin(BLOCK_INTERFACE);
    block.u16(options.linkType);
    block.u16(0);
    block.u32(options.snapLen ?? 0);
    block.text(INTERFACE_NAME, options.name);
    block.text(INTERFACE_DESCRIPTION, options.description);
    block.option(INTERFACE_RESOLUTION, Uint8Array.of(nanoseconds ? 9 : 6));
    block.option(OPTION_END, new Uint8Array(0));
    this.sink(block.end());
    this.unitsPerUs.push(nanoseconds ? 1000 : 1);
    return this.unitsPerUs.length - 1;
  }

  /**
   * Writes a packet. Borrows `bytes` for the call; `originalLength` is its length on the wire when that is more
   * than what was kept. A time before 1970, which the format cannot say, becomes 0.
   */
  packet(
    interfaceId: number,
    timeUs: number,
    bytes: Uint8Array,
    originalLength: number = bytes.length,
    options: PacketOptions = NO_OPTIONS,
  ): void {
    const units = this.unitsPerUs[interfaceId];
    if (units === undefined) throw new RangeError(`pcapng: no interface ${interfaceId}`);
    // Time stamps are unsigned; a reader takes what is before 1970 for far in the future, and ours refuses it.
    const isBefore = !(timeUs >= 0);
    const us = isBefore ? 0 : Math.floor(timeUs);
    // 64-bit arithmetic in two halves: microseconds times 1000 do not fit a double exactly.
    let high = Math.floor(us / 4294967296);
    let low = us - high * 4294967296;
    if (units === 1000) {
      const product = low * 1000 + (isBefore ? 0 : options.nanoseconds ?? 0);
      const carry = Math.floor(product / 4294967296);
      low = product - carry * 4294967296;
      high = high * 1000 + carry;
    }
    const block = this.block;
    block.begin(BLOCK_ENHANCED_PACKET);
    block.u32(interfaceId);
    block.u32(high);
    block.u32(low);
    block.u32(bytes.length);
    block.u32(originalLength);
    block.data(bytes);
    const direction = options.direction ?? null;
    const comment = options.comment ?? '';
    if (direction !== null || comment !== '') {
      block.text(OPTION_COMMENT, comment);
      if (direction !== null) block.option(PACKET_FLAGS, Uint8Array.of(direction === 'in' ? 1 : 2, 0, 0, 0));
      block.option(OPTION_END, new Uint8Array(0));
    }
    this.sink(block.end());
  }

  /** Writes names for addresses, which Wireshark then shows. */
  names(entries: readonly AddressName[]): void {
    const block = this.block;
    block.begin(BLOCK_NAMES);
    for (const entry of entries) {
      const texts = entry.names.map((name) => encodeUtf8(`${name}\0`));
      const value = new Uint8Array(entry.address.length + texts.reduce((sum, text) => sum + text.length, 0));
      value.set(entry.address);
      let at = entry.address.length;
      for (const text of texts) {
        value.set(text, at);
        at += text.length;
      }
      block.option(entry.address.length === 4 ? 1 : 2, value);
    }
    block.option(0, new Uint8Array(0));
    block.option(OPTION_END, new Uint8Array(0));
    this.sink(block.end());
  }
}

/** Joins the blocks that a sink collected. */
export function joinBlocks(blocks: readonly Uint8Array[]): Uint8Array {
  const file = new Uint8Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    file.set(block, at);
    at += block.length;
  }
  return file;
}
