/**
 * Reads the parts of a DNS message one after the other (RFC 1035 section 4): numbers, names, octets.
 *
 * Called by dns.ts and dns-record.ts. The first thing that is wrong is kept in `fault`; whatever is read after it is zero
 * or empty, so a parser reads a whole record and looks at `fault` once.
 */
import { labelText, MAX_NAME_LEN } from './dns-name.ts';

/** Why a message was refused. */
export const DnsFault = { None: 0, Truncated: 1, BadLabel: 2, BadPointer: 3, NameTooLong: 4, TooManyRecords: 5, BadData: 6 } as const;
export type DnsFault = (typeof DnsFault)[keyof typeof DnsFault];

const DNS_HEADER_LEN = 12;
/** A name has at most 127 labels; a pointer that does not lead to a label of its own is of no use to anybody. */
const MAX_POINTERS = 127;
const NO_BYTES = new Uint8Array(0);

export class DnsReader {
  fault: DnsFault = DnsFault.None;
  /** Where the next part begins. */
  at = 0;
  /** Where parts must end: of the message, or of the record whose data is being read. */
  end: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.end = bytes.length;
  }

  u8(): number {
    return this.take(1) ? this.bytes[this.at - 1] : 0;
  }

  u16(): number {
    return this.take(2) ? this.view.getUint16(this.at - 2) : 0;
  }

  u32(): number {
    return this.take(4) ? this.view.getUint32(this.at - 4) : 0;
  }

  /** A copy of the next `length` octets. */
  octets(length: number): Uint8Array {
    return this.take(length) ? this.bytes.slice(this.at - length, this.at) : NO_BYTES;
  }

  /**
   * A name, with the labels that its pointers lead to (RFC 1035 section 4.1.4). A pointer must lead to before where the
   * labels that end in it began: each jump goes further back, so no message makes this go round in circles.
   */
  name(): string {
    if (this.fault !== DnsFault.None) return '';
    const { bytes } = this;
    let text = '';
    let nameLen = 1;
    let pointers = 0;
    let at = this.at;
    let runStart = at;
    let { end } = this;
    for (;;) {
      if (at >= end) return this.fail(DnsFault.Truncated);
      const octet = bytes[at];
      if (octet === 0) break;
      if (octet < 0x40) {
        const next = at + 1 + octet;
        if (next > end) return this.fail(DnsFault.Truncated);
        nameLen += 1 + octet;
        if (nameLen > MAX_NAME_LEN) return this.fail(DnsFault.NameTooLong);
        text += (text === '' ? '' : '.') + labelText(bytes, at + 1, next);
        at = next;
        continue;
      }
      // 01 and 10 in the upper bits are reserved (RFC 6891 section 5 gave up extended labels).
      if (octet < 0xc0) return this.fail(DnsFault.BadLabel);
      if (at + 2 > end) return this.fail(DnsFault.Truncated);
      const target = this.view.getUint16(at) & 0x3fff;
      if (target >= runStart || target < DNS_HEADER_LEN || ++pointers > MAX_POINTERS) return this.fail(DnsFault.BadPointer);
      if (pointers === 1) this.at = at + 2;
      at = runStart = target;
      end = bytes.length;
    }
    if (pointers === 0) this.at = at + 1;
    return text === '' ? '.' : text;
  }

  fail(fault: DnsFault): '' {
    if (this.fault === DnsFault.None) this.fault = fault;
    return '';
  }

  private take(length: number): boolean {
    if (this.fault !== DnsFault.None) return false;
    if (this.end - this.at < length) {
      this.fault = DnsFault.Truncated;
      return false;
    }
    this.at += length;
    return true;
  }
}
