/**
 * One packet being put into words: the bytes, how far they may be read, and the text so far.
 *
 * Made by capture/tcpdump-printer.ts and handed through every printer of this folder. The printers read packets that
 * are cut short, lie about their lengths or are not what they claim, so every read is held against `snapEnd`. A read
 * beyond it ends the whole packet's text at once, from any depth: that is the one use of an exception here, and it is
 * what makes the words agree with tcpdump's, which leaves its printers the same way.
 *
 * Two ways to stop are therefore distinct: `need` and the readers leave for good (the hex dump then starts at the
 * link header again), `truncated` only writes the mark and lets the caller go on.
 */
import { ipv4Text, ipv6Text, macText } from './addresses.ts';
import type { ConnectionTable } from './connections.ts';

/** Thrown by reads past the captured bytes and caught in capture/tcpdump-printer.ts; carries nothing. */
export const PAST_THE_END: unique symbol = Symbol('past the captured bytes');

/** Names instead of numbers, where whoever prints knows some. Without it everything is numeric (tcpdump's -n). */
export interface Names {
  host(address: string): string;
  port(protocol: 'tcp' | 'udp', port: number): string;
}

export interface PrintOptions {
  /** How many times -v was given. */
  readonly verbose: number;
  /** -q: less about protocols. */
  readonly quiet: boolean;
  /** -e: the link-level header too. */
  readonly linkHeader: boolean;
  /** -S: absolute TCP sequence numbers. */
  readonly absoluteSeq: boolean;
  /** Dump payload that is in no known format. */
  readonly dumpUnknown: boolean;
  readonly names: Names | null;
  /** Name of an interface by its index, for captures of all interfaces. */
  readonly interfaceName: ((index: number) => string | null) | null;
}

const NO_BYTES = new Uint8Array(0);

export class Dissection {
  readonly options: PrintOptions;
  readonly connections: ConnectionTable;
  bytes: Uint8Array = NO_BYTES;
  /** First offset that may not be read; lengths in headers move it forward, never beyond the captured bytes. */
  snapEnd = 0;
  text = '';
  /** Name of the protocol being printed: it stands in the truncation mark. */
  protocol = '';
  /** How much of the packet a hex dump without link header leaves out. */
  linkHeaderLen = 0;

  constructor(options: PrintOptions, connections: ConnectionTable) {
    this.options = options;
    this.connections = connections;
  }

  begin(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.snapEnd = bytes.length;
    this.text = '';
    this.protocol = '';
    this.linkHeaderLen = 0;
  }

  put(text: string): void {
    this.text += text;
  }

  /** The mark of a packet that ends inside the protocol at hand. */
  truncated(): void {
    this.text += ` [|${this.protocol}]`;
  }

  invalid(): void {
    this.text += ' (invalid)';
  }

  /** Whether `length` bytes at `at` were captured. */
  has(at: number, length: number): boolean {
    return at + length <= this.snapEnd;
  }

  /** Leaves the packet when they were not. */
  need(at: number, length: number): void {
    if (at + length > this.snapEnd) throw PAST_THE_END;
  }

  /** Bytes left from `at`, as an unsigned 32-bit count. */
  left(at: number): number {
    return (this.snapEnd - at) >>> 0;
  }

  /** Ends the readable bytes `length` after `at` if that is sooner; returns the old end, for the caller to restore. */
  narrow(at: number, length: number): number {
    const old = this.snapEnd;
    if (length <= old - at) this.snapEnd = at + length;
    return old;
  }

  u8(at: number): number {
    if (at + 1 > this.snapEnd) throw PAST_THE_END;
    return this.bytes[at];
  }

  u16(at: number): number {
    if (at + 2 > this.snapEnd) throw PAST_THE_END;
    return (this.bytes[at] << 8) | this.bytes[at + 1];
  }

  /** Little-endian. */
  u16le(at: number): number {
    if (at + 2 > this.snapEnd) throw PAST_THE_END;
    return (this.bytes[at + 1] << 8) | this.bytes[at];
  }

  u24(at: number): number {
    if (at + 3 > this.snapEnd) throw PAST_THE_END;
    return (this.bytes[at] << 16) | (this.bytes[at + 1] << 8) | this.bytes[at + 2];
  }

  u32(at: number): number {
    if (at + 4 > this.snapEnd) throw PAST_THE_END;
    const bytes = this.bytes;
    return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
  }

  u64(at: number): bigint {
    return (BigInt(this.u32(at)) << 32n) | BigInt(this.u32(at + 4));
  }

  mac(at: number): string {
    this.need(at, 6);
    return macText(this.bytes, at, 6);
  }

  /** The IPv4 address at `at`, or its name. */
  host4(at: number): string {
    this.need(at, 4);
    const address = ipv4Text(this.bytes, at);
    return this.options.names === null ? address : this.options.names.host(address);
  }

  /** The IPv6 address at `at`, or its name. */
  host6(at: number): string {
    this.need(at, 16);
    const address = ipv6Text(this.bytes, at);
    return this.options.names === null ? address : this.options.names.host(address);
  }

  port(protocol: 'tcp' | 'udp', port: number): string {
    return this.options.names === null ? String(port) : this.options.names.port(protocol, port);
  }
}
