/**
 * What the readers of capture files throw: where the file stopped making sense, and why.
 *
 * Thrown by pcapng-reader.ts and pcap.ts only; programs catch it to print one clear sentence.
 */
export class CaptureError extends Error {
  /** Byte offset in the file of the block, record or field at fault. */
  readonly offset: number;

  constructor(offset: number, what: string) {
    super(`capture file: ${what} (at byte ${offset})`);
    this.name = 'CaptureError';
    this.offset = offset;
  }
}
