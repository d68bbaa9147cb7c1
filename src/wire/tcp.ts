/**
 * TCP headers (RFC 9293 section 3.1) and options: one pass that reads them into flat fields, and the writers.
 *
 * Called by transport/tcp/ input and output, by the segment cutter of link/, and by capture. Bytes only: what an option
 * means in a state is decided above. Options are read and written as Linux does (order, padding, what is ignored).
 */
import { finish, fold, sumView } from '../base/checksum.ts';

export const TCP_HEADER_LEN = 20;
export const TCP_MAX_OPTIONS_LEN = 40;
/** Offset of the checksum field, for packets whose checksum a device completes. */
export const TCP_CHECKSUM = 16;
const SRC_PORT = 0, DST_PORT = 2, SEQ = 4, ACK = 8, OFFSET_FLAGS = 12, WINDOW = 14, CHECKSUM = TCP_CHECKSUM, URGENT = 18;

/** Header flags. Ae is the accurate-ECN bit next to the data offset (once NS). */
export const TcpFlag = {
  Fin: 0x01,
  Syn: 0x02,
  Rst: 0x04,
  Psh: 0x08,
  Ack: 0x10,
  Urg: 0x20,
  Ece: 0x40,
  Cwr: 0x80,
  Ae: 0x100,
} as const;
export type TcpFlag = (typeof TcpFlag)[keyof typeof TcpFlag];

export const TcpOptionKind = {
  End: 0,
  NoOperation: 1,
  MaximumSegmentSize: 2,
  WindowScale: 3,
  SackPermitted: 4,
  Sack: 5,
  Timestamps: 8,
  Md5: 19,
  UserTimeout: 28,
  Authentication: 29,
  Multipath: 30,
  FastOpen: 34,
  Experimental1: 253,
  Experimental2: 254,
} as const;
export type TcpOptionKind = (typeof TcpOptionKind)[keyof typeof TcpOptionKind];

/** Marks Fast Open inside the experimental option 254 (RFC 7413 appendix A; what Linux sent before 3.13). */
export const FAST_OPEN_MAGIC = 0xf989;
/** RFC 7323 section 2.3: a larger shift counts as 14. */
export const MAX_WINDOW_SCALE = 14;
/** The first word of the layout that nearly every segment has: NOP, NOP, timestamps of 10 bytes. */
const ALIGNED_TIMESTAMPS = 0x0101080a;
const MIN_COOKIE_LEN = 4;
const MAX_COOKIE_LEN = 16;
const MAX_OPTIONS = TCP_MAX_OPTIONS_LEN / 2;

/** A parsed segment header with its options. One per stack, re-filled per segment; whoever keeps it copies it. */
export class TcpHeader {
  srcPort = 0;
  dstPort = 0;
  /** Sequence and acknowledgement number, int32. */
  seq = 0;
  ack = 0;
  /** Header length in bytes, 20..60. */
  headerLen = 0;
  /** TcpFlag bits. */
  flags = 0;
  /** Window field, not scaled. */
  window = 0;
  checksum = 0;
  urgent = 0;
  /** Bytes of data behind the header; they may lie beyond the head. */
  dataLen = 0;

  /** Maximum segment size of a SYN; 0 when absent (or zero, which Linux ignores). */
  mss = 0;
  /** Window scale of a SYN, 0..14; -1 when absent. */
  windowScale = -1;
  /** SYN only. */
  sackPermitted = false;
  hasTimestamps = false;
  tsVal = 0;
  tsEcr = 0;
  /** SACK blocks, 0..4: left edge at 2 i, right edge at 2 i + 1 of `sackEdges`. */
  sackCount = 0;
  readonly sackEdges: Int32Array = new Int32Array(8);
  /** Fast Open cookie of a SYN: where it is, or -1; its length, 0 for a request, -1 for a length no cookie has. */
  fastOpenAt = -1;
  fastOpenLen = 0;
  /** The cookie came in option 254, and the answer should too. */
  fastOpenExperimental = false;
  /** Where the 16 bytes of an MD5 signature (RFC 2385) are, or -1. */
  md5At = -1;
  /** Where an authentication option (RFC 5925) begins, with kind and length, or -1. */
  authenticationAt = -1;
  authenticationLen = 0;
  /** Options of other kinds: where each begins, and its length with kind and length octet. */
  unknownCount = 0;
  readonly unknownAt: Int32Array = new Int32Array(MAX_OPTIONS);
  readonly unknownLen: Int32Array = new Int32Array(MAX_OPTIONS);

  /**
   * Fills this from the segment at `at`; false when the header is cut off or its data offset impossible. A malformed
   * option does not fail: Linux ignores it and all that follow, and so do we.
   * `headEnd` is where the head's bytes end; `l4Len` the length of the whole segment, ranges included.
   */
  parse(view: DataView, at: number, headEnd: number, l4Len: number): boolean {
    if (headEnd - at < TCP_HEADER_LEN) return false;
    const offsetAndFlags = view.getUint16(at + OFFSET_FLAGS);
    const headerLen = (offsetAndFlags >>> 12) << 2;
    if (headerLen < TCP_HEADER_LEN || headerLen > l4Len || headerLen > headEnd - at) return false;
    this.srcPort = view.getUint16(at + SRC_PORT);
    this.dstPort = view.getUint16(at + DST_PORT);
    this.seq = view.getInt32(at + SEQ);
    this.ack = view.getInt32(at + ACK);
    this.headerLen = headerLen;
    this.flags = offsetAndFlags & 0x1ff;
    this.window = view.getUint16(at + WINDOW);
    this.checksum = view.getUint16(at + CHECKSUM);
    this.urgent = view.getUint16(at + URGENT);
    this.dataLen = l4Len - headerLen;
    this.mss = 0;
    this.windowScale = -1;
    this.sackPermitted = false;
    this.sackCount = 0;
    this.fastOpenAt = -1;
    this.fastOpenLen = 0;
    this.fastOpenExperimental = false;
    this.md5At = -1;
    this.authenticationAt = -1;
    this.authenticationLen = 0;
    this.unknownCount = 0;
    if (headerLen === 32 && view.getInt32(at + TCP_HEADER_LEN) === ALIGNED_TIMESTAMPS) {
      this.hasTimestamps = true;
      this.tsVal = view.getInt32(at + 24);
      this.tsEcr = view.getInt32(at + 28);
      return true;
    }
    this.hasTimestamps = false;
    this.tsVal = 0;
    this.tsEcr = 0;
    if (headerLen > TCP_HEADER_LEN) this.parseOptions(view, at + TCP_HEADER_LEN, at + headerLen);
    return true;
  }

  /** The segment's length in sequence space: data, SYN and FIN (RFC 9293's SEG.LEN). */
  get segLen(): number {
    return this.dataLen + ((this.flags >>> 1) & 1) + (this.flags & 1);
  }

  private parseOptions(view: DataView, from: number, end: number): void {
    const syn = (this.flags & TcpFlag.Syn) !== 0;
    let at = from;
    while (at < end) {
      const kind = view.getUint8(at);
      if (kind === TcpOptionKind.End) return;
      if (kind === TcpOptionKind.NoOperation) {
        at++;
        continue;
      }
      if (end - at < 2) return;
      const length = view.getUint8(at + 1);
      if (length < 2 || length > end - at) return;
      // An option with the wrong length for its kind is stepped over. Repeated options: the last one counts.
      switch (kind) {
        case TcpOptionKind.MaximumSegmentSize:
          if (length === 4 && syn) this.mss = view.getUint16(at + 2) || this.mss;
          break;
        case TcpOptionKind.WindowScale:
          if (length === 3 && syn) this.windowScale = Math.min(view.getUint8(at + 2), MAX_WINDOW_SCALE);
          break;
        case TcpOptionKind.SackPermitted:
          if (length === 2 && syn) this.sackPermitted = true;
          break;
        case TcpOptionKind.Timestamps:
          if (length === 10) {
            this.hasTimestamps = true;
            this.tsVal = view.getInt32(at + 2);
            this.tsEcr = view.getInt32(at + 6);
          }
          break;
        case TcpOptionKind.Sack:
          if (length >= 10 && ((length - 2) & 7) === 0) {
            this.sackCount = (length - 2) >> 3;
            for (let i = 0; i < this.sackCount * 2; i++) this.sackEdges[i] = view.getInt32(at + 2 + 4 * i);
          }
          break;
        case TcpOptionKind.Md5:
          if (length === 18) this.md5At = at + 2;
          break;
        case TcpOptionKind.Authentication:
          this.authenticationAt = at;
          this.authenticationLen = length;
          break;
        case TcpOptionKind.FastOpen:
          if (syn) this.takeCookie(at + 2, length - 2, false);
          break;
        case TcpOptionKind.Experimental2:
          if (length >= 4 && view.getUint16(at + 2) === FAST_OPEN_MAGIC) {
            if (syn) this.takeCookie(at + 4, length - 4, true);
            break;
          }
          this.keepUnknown(at, length);
          break;
        default:
          this.keepUnknown(at, length);
          break;
      }
      at += length;
    }
  }

  private takeCookie(at: number, length: number, experimental: boolean): void {
    // Cookies have an even length; Linux does not see others at all, while one of a bad even length is "invalid".
    if ((length & 1) !== 0) return;
    this.fastOpenAt = at;
    this.fastOpenLen = length === 0 || (length >= MIN_COOKIE_LEN && length <= MAX_COOKIE_LEN) ? length : -1;
    this.fastOpenExperimental = experimental;
  }

  private keepUnknown(at: number, length: number): void {
    this.unknownAt[this.unknownCount] = at;
    this.unknownLen[this.unknownCount] = length;
    this.unknownCount++;
  }
}

/**
 * Writes the 20 fixed bytes at `at`; the options must already stand behind them, since the checksum covers them.
 * `pseudo` is the un-folded sum of the pseudo-header, `data` that of the data, or -1 when the device will complete the
 * checksum (packet's checksumState: partial).
 */
export function writeTcpHeader(
  view: DataView, at: number, srcPort: number, dstPort: number, seq: number, ack: number, headerLen: number,
  flags: number, window: number, urgent: number, pseudo: number, data: number,
): void {
  view.setUint16(at + SRC_PORT, srcPort);
  view.setUint16(at + DST_PORT, dstPort);
  view.setInt32(at + SEQ, seq);
  view.setInt32(at + ACK, ack);
  view.setUint16(at + OFFSET_FLAGS, (headerLen << 10) | flags);
  view.setUint16(at + WINDOW, window);
  view.setUint16(at + URGENT, urgent);
  if (data < 0) return view.setUint16(at + CHECKSUM, fold(pseudo));
  view.setUint16(at + CHECKSUM, 0);
  view.setUint16(at + CHECKSUM, finish(sumView(view, at, at + headerLen, pseudo + data)));
}

/** Rewrites sequence number and flags of a header, for segments cut from a larger one. The checksum is not touched. */
export function rewriteTcpSegment(view: DataView, at: number, seq: number, flags: number): void {
  view.setInt32(at + SEQ, seq);
  view.setUint16(at + OFFSET_FLAGS, (view.getUint16(at + OFFSET_FLAGS) & ~0x1ff) | flags);
}

/** Which options to write, re-filled per segment: `clear`, set fields, `length`, `write`. */
export class TcpOptions {
  /** 0: none. */
  mss = 0;
  /** -1: none. */
  windowScale = -1;
  sackPermitted = false;
  timestamps = false;
  tsVal = 0;
  tsEcr = 0;
  sackCount = 0;
  readonly sackEdges: Int32Array = new Int32Array(8);
  /** Cookie bytes; empty for a request; null for no Fast Open option. */
  fastOpenCookie: Uint8Array | null = null;
  fastOpenExperimental = false;
  /** Room for an MD5 signature, filled in afterwards at `md5At`: it covers the header. */
  md5 = false;
  md5At = -1;

  clear(): void {
    this.mss = 0;
    this.windowScale = -1;
    this.sackPermitted = false;
    this.timestamps = false;
    this.sackCount = 0;
    this.fastOpenCookie = null;
    this.fastOpenExperimental = false;
    this.md5 = false;
    this.md5At = -1;
  }

  /** Bytes that `write` fills, a multiple of four. More than 40 do not fit: the caller leaves something out. */
  get length(): number {
    let length = 0;
    if (this.md5) length += TCP_MD5_LEN;
    if (this.mss !== 0) length += 4;
    if (this.timestamps) length += TCP_TIMESTAMPS_LEN;
    else if (this.sackPermitted) length += 4;
    if (this.windowScale >= 0) length += 4;
    if (this.sackCount > 0) length += 4 + 8 * this.sackCount;
    if (this.fastOpenCookie !== null) {
      length += (this.fastOpenCookie.length + (this.fastOpenExperimental ? 4 : 2) + 3) & ~3;
    }
    return length;
  }

  /**
   * Writes the options at `at` in Linux's order and padding, and returns where they end:
   * MD5; MSS; timestamps, with SACK-permitted in the place of their two NOPs on a SYN; SACK-permitted alone behind two
   * NOPs; NOP and window scale; SACK blocks behind two NOPs; Fast Open last.
   */
  write(view: DataView, at: number): number {
    let to = at;
    if (this.md5) {
      view.setInt32(to, 0x01010012 | (TcpOptionKind.Md5 << 8));
      this.md5At = to + 4;
      for (let i = 4; i < TCP_MD5_LEN; i += 4) view.setInt32(to + i, 0);
      to += TCP_MD5_LEN;
    }
    if (this.mss !== 0) {
      view.setInt32(to, 0x02040000 | this.mss);
      to += 4;
    }
    if (this.timestamps) {
      writeTcpTimestamps(view, to, this.tsVal, this.tsEcr);
      if (this.sackPermitted) view.setUint16(to, 0x0402);
      to += TCP_TIMESTAMPS_LEN;
    } else if (this.sackPermitted) {
      view.setInt32(to, 0x01010402);
      to += 4;
    }
    if (this.windowScale >= 0) {
      view.setInt32(to, 0x01030300 | this.windowScale);
      to += 4;
    }
    if (this.sackCount > 0) to = writeTcpSack(view, to, this.sackEdges, this.sackCount);
    if (this.fastOpenCookie !== null) to = writeFastOpen(view, to, this.fastOpenCookie, this.fastOpenExperimental);
    return to;
  }
}

/** Two NOPs and the timestamps option. */
export const TCP_TIMESTAMPS_LEN = 12;
/** Two NOPs and the MD5 option. */
export const TCP_MD5_LEN = 20;

/** Writes NOP, NOP, timestamps at `at`: the options of most segments. */
export function writeTcpTimestamps(view: DataView, at: number, tsVal: number, tsEcr: number): void {
  view.setInt32(at, ALIGNED_TIMESTAMPS);
  view.setInt32(at + 4, tsVal);
  view.setInt32(at + 8, tsEcr);
}

/** Writes NOP, NOP and `count` SACK blocks from `edges` (left, right, left ...) at `at`; returns where they end. */
export function writeTcpSack(view: DataView, at: number, edges: Int32Array, count: number): number {
  view.setInt32(at, 0x01010502 + 8 * count);
  for (let i = 0; i < 2 * count; i++) view.setInt32(at + 4 + 4 * i, edges[i]);
  return at + 4 + 8 * count;
}

function writeFastOpen(view: DataView, at: number, cookie: Uint8Array, experimental: boolean): number {
  let to = at;
  view.setUint8(to++, experimental ? TcpOptionKind.Experimental2 : TcpOptionKind.FastOpen);
  view.setUint8(to++, cookie.length + (experimental ? 4 : 2));
  if (experimental) {
    view.setUint16(to, FAST_OPEN_MAGIC);
    to += 2;
  }
  for (let i = 0; i < cookie.length; i++) view.setUint8(to++, cookie[i]);
  while (((to - at) & 3) !== 0) view.setUint8(to++, TcpOptionKind.NoOperation);
  return to;
}
