/**
 * Writes the parts of a DNS message one after the other (RFC 1035 section 4), with compressed names.
 *
 * Called by dns.ts and dns-record.ts. `limit` may be met: then `overflowed` is set, nothing more is written, and the
 * caller goes back to where the record began.
 */
import { labelsOf, labelText } from './dns-name.ts';

const MAX_POINTER = 0x3fff;
const FIRST_ROOM = 512;

export class DnsWriter {
  /** Octets that the message may have. */
  limit: number;
  overflowed = false;
  at = 0;
  private bytes: Uint8Array = new Uint8Array(FIRST_ROOM);
  /** Where the ends of names stand, by their text: `example.org` after `www.example.org` was written. */
  private readonly places: Map<string, number> = new Map();

  constructor(limit: number) {
    this.limit = limit;
  }

  u8(value: number): void {
    const at = this.room(1);
    if (at >= 0) this.bytes[at] = value;
  }

  u16(value: number): void {
    this.u8(value >>> 8);
    this.u8(value);
  }

  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value);
  }

  octets(value: Uint8Array): void {
    const at = this.room(value.length);
    if (at >= 0) this.bytes.set(value, at);
  }

  /**
   * A name. `compress`: a pointer may stand for its end; RFC 3597 section 4 allows that in the data of the types of RFC
   * 1035 alone. Letters keep their case: a pointer never leads to a name that is spelled otherwise. Throws for a text that
   * is no name, which nobody may hand in.
   */
  name(text: string, compress = true): void {
    const labels = labelsOf(text);
    if (labels === null) throw new TypeError(`not a domain name: ${text}`);
    const texts = labels.map((label) => labelText(label, 0, label.length));
    for (let i = 0; i < labels.length; i++) {
      const rest = texts.slice(i).join('.');
      const place = compress ? this.places.get(rest) : undefined;
      if (place !== undefined) {
        this.u16(0xc000 | place);
        return;
      }
      if (this.at <= MAX_POINTER && !this.places.has(rest)) this.places.set(rest, this.at);
      this.u8(labels[i].length);
      this.octets(labels[i]);
    }
    this.u8(0);
  }

  /** Sets the 16 bits at `at`, which were written before. */
  patch16(at: number, value: number): void {
    this.bytes[at] = value >>> 8;
    this.bytes[at + 1] = value;
  }

  /** Takes back everything from `at` on. */
  rewind(at: number): void {
    this.at = at;
    this.overflowed = false;
    for (const [text, place] of this.places) if (place >= at) this.places.delete(text);
  }

  /** The message so far. */
  finish(): Uint8Array {
    return this.bytes.slice(0, this.at);
  }

  private room(length: number): number {
    if (this.overflowed || this.at + length > this.limit) {
      this.overflowed = true;
      return -1;
    }
    if (this.at + length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.bytes.length, this.at + length));
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.at += length;
    return this.at - length;
  }
}
