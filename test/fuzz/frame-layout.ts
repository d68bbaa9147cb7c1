/**
 * Where the headers of a frame begin, and repair of its checksums: what a fuzzer must know to damage a frame in one
 * place and leave it believable in all others. Tolerant of every lie in the frame, and independent of src/wire, which
 * it helps to judge.
 *
 * Used by mutations.ts, parsers.test.ts and live-host.test.ts.
 */

/** Offsets into a frame; -1 where the frame has no such header. */
export interface FrameLayout {
  /** EtherType behind any tag. */
  readonly etherType: number;
  readonly l3: number;
  /** 4, 6, or 0 when this is neither. */
  readonly version: number;
  /** Where the IPv6 fragment header stands. */
  readonly fragmentHeader: number;
  /** Part of a larger packet; later parts have no transport header. */
  readonly isFragment: boolean;
  /** Upper-layer protocol, where it begins, and where its bytes end by the IP header and the frame. */
  readonly protocol: number;
  readonly l4: number;
  readonly end: number;
}

const NO_LAYOUT: FrameLayout = {
  etherType: -1, l3: -1, version: 0, fragmentHeader: -1, isFragment: false, protocol: -1, l4: -1, end: 0,
};

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function get32(bytes: Uint8Array, at: number): number {
  return (u16(bytes, at) << 16) | u16(bytes, at + 2);
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, (value >>> 16) & 0xffff);
  put16(bytes, at + 2, value & 0xffff);
}

export function layoutOf(frame: Uint8Array): FrameLayout {
  if (frame.length < 14) return NO_LAYOUT;
  let l3 = 14;
  let etherType = u16(frame, 12);
  if (etherType === 0x8100 && frame.length >= 18) {
    l3 = 18;
    etherType = u16(frame, 16);
  }
  const none: FrameLayout = { ...NO_LAYOUT, etherType, l3, end: frame.length };
  if (etherType === 0x0800 && frame.length >= l3 + 20) return layoutOf4(frame, none);
  if (etherType === 0x86dd && frame.length >= l3 + 40) return layoutOf6(frame, none);
  return none;
}

function layoutOf4(frame: Uint8Array, base: FrameLayout): FrameLayout {
  const { l3 } = base;
  const headerLen = Math.max(20, (frame[l3] & 0xf) * 4);
  const fragment = u16(frame, l3 + 6) & 0x3fff;
  const later = (fragment & 0x1fff) !== 0;
  const end = Math.min(frame.length, l3 + Math.max(headerLen, u16(frame, l3 + 2)));
  const l4 = !later && l3 + headerLen < end ? l3 + headerLen : -1;
  return { ...base, version: 4, isFragment: fragment !== 0, protocol: frame[l3 + 9], l4, end };
}

function layoutOf6(frame: Uint8Array, base: FrameLayout): FrameLayout {
  const { l3 } = base;
  const end = Math.min(frame.length, l3 + 40 + u16(frame, l3 + 4));
  let next = frame[l3 + 6];
  let at = l3 + 40;
  let fragmentHeader = -1;
  let isFragment = false;
  let later = false;
  while ([0, 43, 44, 60].includes(next) && at + 8 <= end && !later) {
    if (next === 44) {
      fragmentHeader = at;
      isFragment = (u16(frame, at + 2) & 0xfff9) !== 0;
      later = (u16(frame, at + 2) & 0xfff8) !== 0;
    }
    const length = next === 44 ? 8 : (frame[at + 1] + 1) * 8;
    next = frame[at];
    at += length;
  }
  return { ...base, version: 6, fragmentHeader, isFragment, protocol: next, l4: !later && at < end ? at : -1, end };
}

function sumOf(bytes: Uint8Array, from: number, end: number, start: number): number {
  let sum = start;
  for (let i = from; i + 1 < end; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  if (((end - from) & 1) !== 0) sum += bytes[end - 1] << 8;
  return sum;
}

function folded(sum: number): number {
  let rest = sum;
  while (rest > 0xffff) rest = (rest & 0xffff) + Math.floor(rest / 65536);
  return rest;
}

/** Offset of a protocol's checksum field behind its header's start, or -1. */
function checksumOffset(layout: FrameLayout): number {
  switch (layout.protocol) {
    case 6:
      return 16;
    case 17:
      return 6;
    case 1:
    case 2:
      return layout.version === 4 ? 2 : -1;
    case 58:
      return layout.version === 6 ? 2 : -1;
    default:
      return -1;
  }
}

function pseudoSum(frame: Uint8Array, layout: FrameLayout): number {
  const { l3, version, protocol, l4, end } = layout;
  if (protocol === 1 || protocol === 2) return 0;
  const addresses = version === 4 ? sumOf(frame, l3 + 12, l3 + 20, 0) : sumOf(frame, l3 + 8, l3 + 40, 0);
  return addresses + protocol + (end - l4);
}

/** The transport checksum over what the frame holds: right or not; null where there is none to check. */
export function transportChecksumRight(frame: Uint8Array): boolean | null {
  const layout = layoutOf(frame);
  const offset = checksumOffset(layout);
  if (layout.isFragment || layout.l4 < 0 || offset < 0 || layout.l4 + offset + 2 > layout.end) return null;
  return folded(sumOf(frame, layout.l4, layout.end, pseudoSum(frame, layout))) === 0xffff;
}

/** Makes the IPv4 header checksum and the transport checksum right, as far as the frame still has such fields. */
export function repairChecksums(frame: Uint8Array): void {
  const layout = layoutOf(frame);
  const { l3, version, l4, end } = layout;
  if (version === 4) {
    const headerEnd = Math.min(frame.length, l3 + Math.max(20, (frame[l3] & 0xf) * 4));
    put16(frame, l3 + 10, 0);
    put16(frame, l3 + 10, ~folded(sumOf(frame, l3, headerEnd, 0)) & 0xffff);
  }
  const offset = checksumOffset(layout);
  if (layout.isFragment || l4 < 0 || offset < 0 || l4 + offset + 2 > end) return;
  put16(frame, l4 + offset, 0);
  const sum = ~folded(sumOf(frame, l4, end, pseudoSum(frame, layout))) & 0xffff;
  put16(frame, l4 + offset, sum === 0 && layout.protocol === 17 ? 0xffff : sum);
}
