/**
 * Netlink messages (netlink(7), RFC 3549): headers and attributes, read and written. All numbers are the host's, so little
 * endian here; addresses inside attributes are in network order.
 *
 *   message    | length 4 | type 2 | flags 2 | sequence 4 | port 4 | body ... | padding to 4 |
 *   attribute  | length 2 | type 2 | value ... | padding to 4 |
 *
 * Used by socket/family/netlink*.ts and by programs that speak rtnetlink. Bytes only.
 */

export const NLMSG_HDRLEN = 16;
const NLA_HDRLEN = 4;
/** Two bits of an attribute's type are flags: it holds others, or is in network order. */
const NLA_TYPE_MASK = 0x3fff;

export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3, OVERRUN: 4, MIN_TYPE: 0x10 } as const;
/** ROOT and MATCH belong to requests, REPLACE to APPEND to new things, BULK to deletions: all share bits. */
export const NLM_F = {
  REQUEST: 0x1, MULTI: 0x2, ACK: 0x4, ECHO: 0x8, DUMP_INTR: 0x10, ROOT: 0x100, MATCH: 0x200, DUMP: 0x300, REPLACE: 0x100, EXCL: 0x200,
  CREATE: 0x400, APPEND: 0x800, BULK: 0x200, CAPPED: 0x100, ACK_TLVS: 0x200, DUMP_FILTERED: 0x20,
} as const;

/** What an error says beside its number (NETLINK_EXT_ACK). */
export const NLMSGERR_ATTR_MSG = 1;

function align(length: number): number {
  return (length + 3) & ~3;
}

/** One message of a datagram; `body` and all that is read from it are views of the datagram. */
export class NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  /** The whole message, header included. */
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.bytes = bytes;
    this.type = view.getUint16(4, true);
    this.flags = view.getUint16(6, true);
    this.sequence = view.getUint32(8, true);
    this.port = view.getUint32(12, true);
  }

  get body(): Uint8Array {
    return this.bytes.subarray(NLMSG_HDRLEN);
  }
}

/** The messages of a datagram; what is left when a length is wrong is not read (netlink_rcv_skb). */
export function* readNetlink(datagram: Uint8Array): IterableIterator<NetlinkMessage> {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  for (let at = 0; at + NLMSG_HDRLEN <= datagram.length;) {
    const length = view.getUint32(at, true);
    if (length < NLMSG_HDRLEN || length > datagram.length - at) return;
    yield new NetlinkMessage(datagram.subarray(at, at + length));
    at += align(length);
  }
}

/** The attributes in `bytes` by type, the last of each; from a wrong length on nothing is read (nla_parse_deprecated). */
export function readAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  // Fewer bytes than a header are left over without harm (nla_parse).
  for (let at = 0; at + NLA_HDRLEN <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < NLA_HDRLEN || length > bytes.length - at) break;
    attributes.set(view.getUint16(at + 2, true) & NLA_TYPE_MASK, bytes.subarray(at + NLA_HDRLEN, at + length));
    at += align(length);
  }
  return attributes;
}

/** A number of 4 bytes; 0 of fewer. */
export function attributeUint32(value: Uint8Array): number {
  if (value.length < 4) return 0;
  return new DataView(value.buffer, value.byteOffset, value.length).getUint32(0, true);
}

/** A text up to its NUL. */
export function attributeText(value: Uint8Array): string {
  const end = value.indexOf(0);
  return new TextDecoder().decode(end < 0 ? value : value.subarray(0, end));
}

const FIRST_SIZE = 512;

/** Builds one message after the other: `begin`, a body, attributes, `end`; `take` gives the bytes. */
export class NetlinkWriter {
  private bytes = new Uint8Array(FIRST_SIZE);
  private view = new DataView(this.bytes.buffer);
  private used = 0;
  private start = 0;

  get length(): number {
    return this.used;
  }

  begin(type: number, flags: number, sequence: number, port: number): this {
    this.start = this.used;
    const at = this.room(NLMSG_HDRLEN);
    this.view.setUint16(at + 4, type, true);
    this.view.setUint16(at + 6, flags, true);
    this.view.setUint32(at + 8, sequence, true);
    this.view.setUint32(at + 12, port, true);
    return this;
  }

  uint8(value: number): this {
    const at = this.room(1);
    this.view.setUint8(at, value);
    return this;
  }

  uint16(value: number): this {
    const at = this.room(2);
    this.view.setUint16(at, value, true);
    return this;
  }

  uint32(value: number): this {
    const at = this.room(4);
    this.view.setUint32(at, value, true);
    return this;
  }

  /** What follows begins on a multiple of four. */
  align(): this {
    this.room(align(this.used) - this.used);
    return this;
  }

  raw(value: Uint8Array): this {
    const at = this.room(value.length);
    this.bytes.set(value, at);
    return this;
  }

  attribute(type: number, value: Uint8Array): this {
    const length = NLA_HDRLEN + value.length;
    const at = this.room(align(length));
    this.view.setUint16(at, length, true);
    this.view.setUint16(at + 2, type, true);
    this.bytes.set(value, at + NLA_HDRLEN);
    return this;
  }

  attributeUint8(type: number, value: number): this {
    return this.attribute(type, Uint8Array.of(value));
  }

  attributeUint32(type: number, value: number): this {
    return this.attribute(type, Uint8Array.of(value, value >> 8, value >> 16, value >> 24));
  }

  /** Network order, as ports have it. */
  uint16be(value: number): this {
    const at = this.room(2);
    this.view.setUint16(at, value);
    return this;
  }

  uint32be(value: number): this {
    const at = this.room(4);
    this.view.setUint32(at, value);
    return this;
  }

  /** A text with its NUL. */
  attributeText(type: number, text: string): this {
    return this.attribute(type, new TextEncoder().encode(`${text}\0`));
  }

  /** From here to `endNest` attributes lie in an attribute: what `endNest` wants to know. */
  beginNest(type: number): number {
    const at = this.room(NLA_HDRLEN);
    this.view.setUint16(at + 2, type, true);
    return at;
  }

  endNest(at: number): this {
    this.view.setUint16(at, this.used - at, true);
    return this;
  }

  /** The message is complete: its length is written, and the next one begins on a multiple of four. */
  end(): this {
    this.view.setUint32(this.start, this.used - this.start, true);
    this.room(align(this.used) - this.used);
    return this;
  }

  /** What was written; the writer begins anew. */
  take(): Uint8Array {
    const taken = this.bytes.slice(0, this.used);
    this.bytes.fill(0, 0, this.used);
    this.used = 0;
    return taken;
  }

  private room(length: number): number {
    const at = this.used;
    if (at + length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.bytes.length * 2, at + length));
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    this.used += length;
    return at;
  }
}
