/**
 * Damage to frames: blind (bits, bytes, cuts, splices) and aware of what stands where (flags, sequence numbers, option
 * lists, fragment offsets, neighbour discovery options, group records ...), so that frames get past the first check and
 * reach the code behind it.
 *
 * Used by parsers.test.ts and live-host.test.ts. Everything follows from the random source that is handed in.
 */
import type { Draw } from '../tools/packet-bytes.ts';
import { type FrameLayout, get32, layoutOf, put16, put32, repairChecksums } from './frame-layout.ts';

/** A sequence or acknowledgement number moves by one of these: to windows' edges and beyond them. */
const SEQ_STEPS = [
  0, 1, -1, 2, -2, 4, 536, 1448, -1448, 65535, -65536, 0x7fffffff, -0x7fffffff, -0x80000000, 29200, 64240, 1 << 20,
];
const EDGE_BYTES = [0, 1, 2, 3, 7, 8, 0x0f, 0x10, 0x3f, 0x40, 0x7f, 0x80, 0xfe, 0xff];
const EDGE_WORDS = [0, 1, 7, 8, 0x14, 0x28, 0x40, 0x5b4, 0x7fff, 0x8000, 0xfff8, 0xfffe, 0xffff];
const TCP_OPTION_KINDS = [0, 1, 2, 3, 4, 5, 8, 19, 28, 29, 30, 34, 253, 254, 77];
const TCP_OPTION_LENGTHS: Record<number, number> = { 2: 4, 3: 3, 4: 2, 5: 10, 8: 10, 19: 18, 28: 4, 29: 16, 34: 10, 254: 8 };
const ND_OPTION_KINDS = [1, 1, 2, 2, 3, 4, 5, 14, 24, 25, 31, 99];
const ICMP6_TYPES = [1, 2, 3, 4, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 143];
const ICMP_TYPES = [0, 3, 3, 4, 5, 8, 11, 12, 13, 14, 17, 42];
const IP_PROTOCOLS = [0, 1, 2, 4, 6, 17, 41, 43, 44, 50, 51, 58, 59, 60, 253, 255];

/** Replaces `removed` bytes at `at` by `inserted`. */
function spliced(frame: Uint8Array, at: number, removed: number, inserted: ArrayLike<number>): Uint8Array {
  const result = new Uint8Array(frame.length - removed + inserted.length);
  result.set(frame.subarray(0, at));
  result.set(inserted, at);
  result.set(frame.subarray(at + removed), at + inserted.length);
  return result;
}

/** Makes IP's length fields agree with the frame again, after something was put in or taken out. */
function fixLengths(frame: Uint8Array): void {
  const { version, l3 } = layoutOf(frame);
  if (version === 4) put16(frame, l3 + 2, Math.min(0xffff, frame.length - l3));
  else if (version === 6) put16(frame, l3 + 4, Math.min(0xffff, frame.length - l3 - 40));
}

/** Damage without knowledge. */
function mutateBlindly(frame: Uint8Array, other: Uint8Array, draw: Draw): Uint8Array {
  const at = draw.int(0, frame.length - 1);
  switch (draw.int(0, 8)) {
    case 0:
      frame[at] ^= 1 << draw.int(0, 7);
      return frame;
    case 1:
      frame[at] = draw.int(0, 255);
      return frame;
    case 2:
      frame[at] = draw.pick(EDGE_BYTES);
      return frame;
    case 3:
      if (at + 2 <= frame.length) put16(frame, at, draw.pick(EDGE_WORDS));
      return frame;
    case 4:
      if (at + 4 <= frame.length) put32(frame, at, draw.pick([0, -1, 0x7fffffff, -0x80000000, draw.u32()]));
      return frame;
    case 5:
      return frame.slice(0, draw.int(1, frame.length));
    case 6:
      return spliced(frame, at, 0, draw.bytes(draw.int(1, 40)));
    case 7:
      return spliced(frame, at, Math.min(frame.length - at, draw.int(1, 24)), []);
    default:
      // One frame's head with another's tail.
      return spliced(frame, at, frame.length - at, other.subarray(draw.int(0, other.length - 1)));
  }
}

function mutateEthernet(frame: Uint8Array, layout: FrameLayout, draw: Draw): Uint8Array {
  switch (draw.int(0, 3)) {
    case 0:
      frame.set(draw.pick([[255, 255, 255, 255, 255, 255], [1, 0, 0x5e, 0, 0, 1], [0x33, 0x33, 0, 0, 0, 1], draw.bytes(6)]), 0);
      return frame;
    case 1:
      put16(frame, layout.l3 - 2, draw.pick([0x0800, 0x0806, 0x86dd, 0x8100, 0x88cc, 0x0600, 46, draw.int(0, 0xffff)]));
      return frame;
    case 2:
      return spliced(frame, 12, 0, [0x81, 0, draw.int(0, 255), draw.int(0, 255)]);
    default:
      // Padding behind the packet, as real links add it.
      return spliced(frame, frame.length, 0, draw.bytes(draw.int(1, 46)));
  }
}

function mutateArp(frame: Uint8Array, layout: FrameLayout, draw: Draw): Uint8Array {
  const at = layout.l3;
  if (frame.length < at + 28) return frame;
  switch (draw.int(0, 4)) {
    case 0:
      put16(frame, at + 6, draw.pick([0, 1, 2, 3, 4, 8, 9, 0xffff]));
      return frame;
    case 1:
      frame.set(draw.bytes(6), at + draw.pick([8, 18]));
      return frame;
    case 2:
      // The sender asks for itself, or the target is the sender.
      frame.copyWithin(at + draw.pick([14, 24]), at + draw.pick([14, 24]), at + 28);
      return frame;
    case 3:
      frame[at + draw.int(0, 7)] = draw.pick(EDGE_BYTES);
      return frame;
    default:
      put32(frame, at + draw.pick([14, 24]), draw.pick([0, -1, 0x7f000001, 0xe0000001 | 0, draw.u32()]));
      return frame;
  }
}

function mutateIpv4(frame: Uint8Array, layout: FrameLayout, draw: Draw): Uint8Array {
  const { l3 } = layout;
  switch (draw.int(0, 8)) {
    case 0:
      frame[l3] = draw.chance(0.5) ? 0x40 | draw.int(0, 15) : draw.int(0, 255);
      return frame;
    case 1:
      put16(frame, l3 + 2, Math.max(0, (frame.length - l3 + draw.pick([-41, -20, -8, -1, 0, 1, 8, 1480, 60000])) & 0xffff));
      return frame;
    case 2:
      return fragmented4(frame, l3, draw);
    case 3:
      frame[l3 + 8] = draw.pick([0, 1, 255]);
      return frame;
    case 4:
      frame[l3 + 9] = draw.pick(IP_PROTOCOLS);
      return frame;
    case 5:
      put32(frame, l3 + draw.pick([12, 16]), draw.pick([0, -1, 0x7f000001, 0xe0000001 | 0, get32(frame, l3 + 16), draw.u32()]));
      return frame;
    case 6: {
      // Options, right ones and wrong ones.
      const options = draw.pick([
        [1, 1, 1, 1], [7, 7, 4, 0, 0, 0, 0, 0], [7, 3, 4, 1], [68, 8, 5, 0, 0, 0, 0, 0], [68, 4, 5, 0xf0], [131, 7, 4, 10, 0, 0, 1, 0],
        [137, 3, 4, 0], [148, 4, 0, 0], [130, 11, ...draw.bytes(10)], [7, 0, 0, 0], [7, 1, 0, 0], [7, 255, 4, 0], draw.bytes(4 * draw.int(1, 4)),
      ]);
      const header = Math.max(20, (frame[l3] & 0xf) * 4);
      if (header + options.length > 60 || options.length % 4 !== 0) return frame;
      const longer = spliced(frame, Math.min(l3 + 20, frame.length), 0, options);
      longer[l3] = 0x40 | ((header + options.length) >> 2);
      fixLengths(longer);
      return longer;
    }
    case 7:
      put16(frame, l3 + 4, draw.pick([0, 1, 0xffff, draw.int(0, 7)]));
      return frame;
    default:
      frame[l3 + 1] = draw.int(0, 255);
      return frame;
  }
}

/** Sets or moves a fragment's place: small identifications, so that pieces of different packets meet and overlap. */
function fragmented4(frame: Uint8Array, l3: number, draw: Draw): Uint8Array {
  if (draw.chance(0.7)) put16(frame, l3 + 4, draw.int(1, 40));
  const offset = draw.pick([0, 0, 1, 2, 3, 6, 100, 185, 186, 370, 0x1fff, draw.int(0, 0x1fff)]);
  put16(frame, l3 + 6, (draw.chance(0.7) ? 0x2000 : 0) | (draw.chance(0.1) ? 0xc000 : 0) | offset);
  return frame;
}

function mutateIpv6(frame: Uint8Array, layout: FrameLayout, draw: Draw): Uint8Array {
  const { l3 } = layout;
  switch (draw.int(0, 7)) {
    case 0:
      put16(frame, l3 + 4, Math.max(0, (frame.length - l3 - 40 + draw.pick([-40, -20, -8, -1, 0, 1, 8, 1480, 60000])) & 0xffff));
      return frame;
    case 1:
      frame[l3 + 6] = draw.pick(IP_PROTOCOLS);
      return frame;
    case 2:
      frame[l3 + 7] = draw.pick([0, 1, 64, 254, 255]);
      return frame;
    case 3:
    case 4:
      return withExtension(frame, l3, draw);
    case 5: {
      const at = l3 + draw.pick([8, 24]);
      if (draw.chance(0.3)) frame.copyWithin(at, l3 + 8, l3 + 24);
      else frame.set(draw.pick([new Array<number>(16).fill(0), [0xff, 2, ...new Array<number>(13).fill(0), 1], [0xfe, 0x80, ...draw.bytes(14)], draw.bytes(16)]), at);
      return frame;
    }
    case 6:
      if (layout.fragmentHeader < 0 || layout.fragmentHeader + 8 > frame.length) return withExtension(frame, l3, draw);
      put16(frame, layout.fragmentHeader + 2, draw.pick([0, 1, 8, 9, 0x10, 0x5a8, 0x5a9, 0xfff8, 0xfff9, draw.int(0, 0xffff)]));
      if (draw.chance(0.5)) put32(frame, layout.fragmentHeader + 4, draw.int(1, 40));
      return frame;
    default:
      put32(frame, l3, draw.chance(0.7) ? 0x60000000 | draw.int(0, 0xfffffff) : draw.u32());
      return frame;
  }
}

/** Puts an extension header behind the fixed header. */
function withExtension(frame: Uint8Array, l3: number, draw: Draw): Uint8Array {
  const next = frame[l3 + 6];
  const kind = draw.pick([0, 0, 43, 44, 44, 44, 60, 51]);
  let body: number[];
  if (kind === 44) {
    const word = draw.pick([0, 1, 1, 1, 8, 9, 16, 0x10, 0x5a9, 0xfff9, draw.int(0, 0xffff)]);
    body = [next, 0, word >> 8, word & 0xff, 0, 0, 0, draw.int(1, 40)];
  } else {
    const units = draw.int(0, 2);
    const filling = draw.pick([
      [1, 8 * units + 4, ...new Array<number>(8 * units + 4).fill(0)],
      [5, 2, 0, 0, 1, 8 * units, ...new Array<number>(8 * units).fill(0)],
      [0xc2, 4, 0, 1, 0, 0], [0xc9, 16], [0x1e, 2, 1, 2, 0, 0], [0x5e, 2, 1, 2, 0, 0], [0x9e, 1, 2, 0, 0, 0], [0xde, 3, 1, 2, 3, 0],
      [draw.int(0, 4), draw.int(0, 2), 0, 0, 0, 0], draw.bytes(8 * units + 6),
    ]);
    body = [next, draw.chance(0.9) ? units : draw.int(0, 255), ...filling, ...new Array<number>(8 * units + 6).fill(0)].slice(0, 8 * units + 8);
  }
  const longer = spliced(frame, l3 + 40, 0, body);
  longer[l3 + 6] = kind;
  fixLengths(longer);
  return longer;
}

function mutateTcp(frame: Uint8Array, layout: FrameLayout, draw: Draw): Uint8Array {
  const { l4 } = layout;
  if (l4 + 20 > frame.length) return frame;
  switch (draw.int(0, 9)) {
    case 0:
    case 1:
      frame[l4 + 13] = draw.pick([0, 1, 2, 4, 0x10, 0x11, 0x12, 0x14, 0x18, 0x19, 0x30, 0x31, 0x38, 0x29, 0x3f, 0xc2, 0xff, draw.int(0, 255)]);
      return frame;
    case 2:
      put32(frame, l4 + 4, get32(frame, l4 + 4) + draw.pick(SEQ_STEPS));
      return frame;
    case 3:
      put32(frame, l4 + 8, get32(frame, l4 + 8) + draw.pick(SEQ_STEPS));
      return frame;
    case 4:
      frame[l4 + 12] = draw.chance(0.5) ? draw.int(0, 15) << 4 : (frame[l4 + 12] & 0xf0) | draw.int(0, 15);
      return frame;
    case 5:
      put16(frame, l4 + 14, draw.pick([0, 1, 2, 0xffff, draw.int(0, 0xffff)]));
      return frame;
    case 6:
      put16(frame, l4 + 18, draw.pick([0, 1, 2, 0xffff, draw.int(0, 2000)]));
      frame[l4 + 13] |= 0x20;
      return frame;
    case 7:
    case 8:
      return withTcpOptions(frame, layout, draw);
    default:
      return spliced(frame, layout.end, 0, draw.bytes(draw.int(1, 200)));
  }
}

/** Replaces the segment's options by a random list: kinds known and not, lengths right and wrong. */
function withTcpOptions(frame: Uint8Array, layout: FrameLayout, draw: Draw): Uint8Array {
  const { l4 } = layout;
  const old = Math.min((frame[l4 + 12] >> 4) * 4, layout.end - l4);
  const options: number[] = [];
  for (let n = draw.int(1, 5); n > 0; n--) {
    const kind = draw.pick(TCP_OPTION_KINDS);
    options.push(kind);
    if (kind < 2) continue;
    const right = kind === 5 ? 2 + 8 * draw.int(1, 4) : (TCP_OPTION_LENGTHS[kind] ?? draw.int(2, 8));
    const length = draw.chance(0.8) ? right : draw.pick([0, 1, 2, 3, 9, 11, 40, 255]);
    options.push(length);
    for (let i = 2; i < Math.min(right, 34); i++) options.push(kind === 5 || kind === 8 ? frame[l4 + 4 + (i & 7)] ^ (draw.chance(0.2) ? draw.int(0, 255) : 0) : draw.int(0, 255));
  }
  options.length = Math.min(options.length, 40);
  while (options.length % 4 !== 0) options.push(draw.pick([0, 1]));
  const from = Math.min(l4 + 20, frame.length);
  const changed = spliced(frame, from, Math.max(0, Math.min(old - 20, frame.length - from)), options);
  changed[l4 + 12] = (((20 + options.length) >> 2) << 4) | (changed[l4 + 12] & 0xf);
  fixLengths(changed);
  return changed;
}

function mutateUdp(frame: Uint8Array, layout: FrameLayout, draw: Draw): Uint8Array {
  const { l4 } = layout;
  if (l4 + 8 > frame.length) return frame;
  switch (draw.int(0, 3)) {
    case 0:
      put16(frame, l4 + 4, draw.pick([0, 1, 7, 8, 9, layout.end - l4 - 1, layout.end - l4 + 1, 0xffff]) & 0xffff);
      return frame;
    case 1:
      put16(frame, l4 + draw.pick([0, 2]), draw.pick([0, 1, 9, 9502, 0xffff, draw.int(0, 0xffff)]));
      return frame;
    case 2:
      put16(frame, l4 + 6, draw.pick([0, 0xffff, draw.int(0, 0xffff)]));
      return frame;
    default:
      return spliced(frame, layout.end, 0, draw.bytes(draw.int(1, 300)));
  }
}

function mutateIcmp(frame: Uint8Array, layout: FrameLayout, draw: Draw): Uint8Array {
  const { l4 } = layout;
  if (l4 + 8 > frame.length) return frame;
  switch (draw.int(0, 4)) {
    case 0:
      frame[l4] = draw.pick(layout.version === 4 ? ICMP_TYPES : ICMP6_TYPES);
      return frame;
    case 1:
      frame[l4 + 1] = draw.pick([0, 1, 2, 3, 4, 5, 9, 13, 15, 255]);
      return frame;
    case 2:
      put32(frame, l4 + 4, draw.pick([0, 68, 552, 576, 1280, 1279, 1499, 65536, -1, draw.u32()]));
      return frame;
    case 3: {
      // Inside the quoted packet.
      const at = l4 + 8 + draw.int(0, 59);
      if (at < frame.length) frame[at] = draw.chance(0.5) ? draw.pick(EDGE_BYTES) : draw.int(0, 255);
      return frame;
    }
    default: {
      const shorter = frame.slice(0, Math.min(frame.length, l4 + draw.int(0, 80)));
      fixLengths(shorter);
      return shorter;
    }
  }
}

/** Fixed parts of neighbour discovery messages. */
const ND_FIXED: Record<number, number> = { 133: 8, 134: 16, 135: 24, 136: 24, 137: 40 };

function mutateNd(frame: Uint8Array, layout: FrameLayout, draw: Draw): Uint8Array {
  const { l4, l3 } = layout;
  const fixed = ND_FIXED[frame[l4]] ?? 8;
  if (l4 + fixed > frame.length) return frame;
  switch (draw.int(0, 7)) {
    case 0:
      frame[l4 + 1] = draw.pick([0, 1, 255]);
      return frame;
    case 1:
      frame[l3 + 7] = draw.pick([254, 255, 64]);
      return frame;
    case 2:
      if (l4 + 24 <= frame.length) frame.set(draw.chance(0.5) ? frame.slice(l3 + 24, l3 + 40) : draw.bytes(16), l4 + 8);
      return frame;
    case 3:
      frame[l4 + 4] = draw.int(0, 255);
      return frame;
    case 4:
      frame[l4] = draw.pick([133, 134, 135, 136, 137]);
      return frame;
    case 5: {
      const shorter = frame.slice(0, Math.min(frame.length, l4 + draw.int(4, 48)));
      fixLengths(shorter);
      return shorter;
    }
    default: {
      const options: number[] = [];
      for (let n = draw.int(1, 3); n > 0; n--) {
        const kind = draw.pick(ND_OPTION_KINDS);
        const units = kind === 3 ? 4 : draw.chance(0.8) ? 1 : draw.int(1, 4);
        options.push(kind, draw.chance(0.8) ? units : draw.pick([0, 0, 2, 9, 255]), ...draw.bytes(units * 8 - 2));
      }
      const at = draw.chance(0.5) ? Math.min(l4 + fixed, layout.end) : layout.end;
      const longer = spliced(frame, at, draw.chance(0.5) ? layout.end - at : 0, options);
      fixLengths(longer);
      return longer;
    }
  }
}

function mutateGroups(frame: Uint8Array, layout: FrameLayout, draw: Draw): Uint8Array {
  const { l4 } = layout;
  const at = l4 + draw.pick([0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 24, 25, 26, 27]);
  if (at < frame.length) frame[at] = draw.chance(0.6) ? draw.pick(EDGE_BYTES) : draw.int(0, 255);
  if (draw.chance(0.7)) return frame;
  const longer = spliced(frame, layout.end, 0, [draw.int(0, 7), draw.int(0, 1), 0, draw.int(0, 2), ...draw.bytes(draw.pick([4, 16, 20, 32]))]);
  fixLengths(longer);
  return longer;
}

/** Damage to the layer that is drawn. */
function mutateKnowingly(frame: Uint8Array, draw: Draw): Uint8Array {
  const layout = layoutOf(frame);
  if (layout.l3 < 0 || draw.chance(0.06)) return frame.length < 14 ? frame : mutateEthernet(frame, { ...layout, l3: Math.max(14, layout.l3) }, draw);
  if (layout.etherType === 0x0806) return mutateArp(frame, layout, draw);
  const inTransport = layout.l4 >= 0 && draw.chance(0.7);
  if (!inTransport) return layout.version === 4 ? mutateIpv4(frame, layout, draw) : layout.version === 6 ? mutateIpv6(frame, layout, draw) : frame;
  switch (layout.protocol) {
    case 6:
      return mutateTcp(frame, layout, draw);
    case 17:
      return mutateUdp(frame, layout, draw);
    case 1:
      return mutateIcmp(frame, layout, draw);
    case 2:
      return mutateGroups(frame, layout, draw);
    case 58: {
      const type = frame[layout.l4];
      if (type >= 133 && type <= 137) return mutateNd(frame, layout, draw);
      return (type >= 130 && type <= 132) || type === 143 ? mutateGroups(frame, layout, draw) : mutateIcmp(frame, layout, draw);
    }
    default:
      return frame;
  }
}

/** Longest frame that comes out: what a wire with an MTU of 1500 carries, with a tag and some more. */
const LONGEST = 1600;

/**
 * A damaged copy of `frame`; `other` lends its tail to splices. With `repair` its checksums are right again, so that the
 * damage gets past them.
 */
export function mutated(frame: Uint8Array, other: Uint8Array, draw: Draw, repair: boolean): Uint8Array {
  let result: Uint8Array = frame.slice();
  for (let n = draw.pick([1, 1, 1, 2, 2, 3, 4]); n > 0 && result.length > 0; n--) {
    result = draw.chance(0.25) ? mutateBlindly(result, other, draw) : mutateKnowingly(result, draw);
  }
  if (result.length > LONGEST) result = result.slice(0, LONGEST);
  if (repair) repairChecksums(result);
  return result;
}
