/**
 * Bytes that can be read by offset, wherever they lie: what a filter machine needs of a packet.
 *
 * Called by bpf/machine.ts. Packets implement it over their head and ranges, `ByteArraySource` over plain bytes.
 */

/** Reads are in network order. Callers hold `at + size` against `length` first; beyond it the result means nothing. */
export interface ByteSource {
  readonly length: number;
  /** 0 to 255. */
  byteAt(at: number): number;
  /** 0 to 65535. */
  uint16At(at: number): number;
  /** Signed: arithmetic on packets is int32 here. */
  int32At(at: number): number;
}

/** A plain array as a source. One is kept and `bytes` is set anew for each packet. */
export class ByteArraySource implements ByteSource {
  bytes: Uint8Array;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes;
  }

  get length(): number {
    return this.bytes.length;
  }

  byteAt(at: number): number {
    return this.bytes[at] as number;
  }

  uint16At(at: number): number {
    const { bytes } = this;
    return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  }

  // By shifts: a DataView would have to be made for every packet, and that costs more than a whole filter.
  int32At(at: number): number {
    const { bytes } = this;
    return (
      ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
    );
  }
}
