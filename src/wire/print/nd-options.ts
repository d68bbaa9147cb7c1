/**
 * Options of neighbour discovery in words (RFC 4861, RFC 4191, RFC 6275, RFC 8106).
 *
 * Called by icmp6.ts when -v asks for them.
 */
import { bitNames, hex2, ipv6Text, visibleByte } from './addresses.ts';
import type { Dissection } from './dissection.ts';
import { dumpWhatIsThere } from './hex-dump.ts';

const SOURCE_ADDRESS = 1;
const TARGET_ADDRESS = 2;
const PREFIX = 3;
const REDIRECTED = 4;
const MTU = 5;
const ADVERTISEMENT_INTERVAL = 7;
const HOME_AGENT = 8;
const ROUTE = 24;
const NAME_SERVERS = 25;
const SEARCH_LIST = 31;

const NAMES: ReadonlyMap<number, string> = new Map([
  [SOURCE_ADDRESS, 'source link-address'],
  [TARGET_ADDRESS, 'destination link-address'],
  [PREFIX, 'prefix info'],
  [REDIRECTED, 'redirected header'],
  [MTU, 'mtu'],
  [ADVERTISEMENT_INTERVAL, 'advertisement interval'],
  [HOME_AGENT, 'homeagent information'],
  [ROUTE, 'route info'],
  [NAME_SERVERS, 'rdnss'],
  [SEARCH_LIST, 'dnssl'],
]);
const PREFIX_FLAGS: readonly (readonly [number, string])[] = [
  [0x80, 'onlink'],
  [0x40, 'auto'],
  [0x20, 'router'],
];
const PREFERENCES = ['medium', 'high', 'rsv', 'low'];
/** RFC 1035: a domain name's longest spelling. */
const LONGEST_NAME = 255;

/** RFC 4191's two bits in a flags field. */
export function preferenceName(flags: number): string {
  return PREFERENCES[(flags >> 3) & 3];
}

function lifetimeText(seconds: number): string {
  return seconds === 0xffffffff ? 'infinity' : `${seconds}s`;
}

/** Prints the options that fill `length` bytes from `start` on; false when one is cut off or has no length. */
export function printNdOptions(d: Dissection, start: number, length: number): boolean {
  let left = length;
  let at = start;
  while (at < d.snapEnd) {
    if (!d.has(at + 1, 1)) return false;
    if (left <= 0) return true;
    const type = d.u8(at);
    const units = d.u8(at + 1);
    const size = units << 3;
    if (units === 0 || at + size > d.snapEnd) return false;
    d.put(`\n\t  ${NAMES.get(type) ?? 'unknown'} option (${type}), length ${size} (${units}): `);
    if (NAMES.has(type)) {
      if (!printOption(d, type, at, units, start)) return false;
    } else if (d.options.verbose <= 1) {
      dumpWhatIsThere(d, '\n\t  ', at + 2, size - 2);
      return true;
    }
    if (d.options.verbose > 1) dumpWhatIsThere(d, '\n\t    ', at + 2, size - 2);
    at += size;
    left -= size;
  }
  return true;
}

function printOption(d: Dissection, type: number, at: number, units: number, start: number): boolean {
  const size = units << 3;
  switch (type) {
    case SOURCE_ADDRESS:
    case TARGET_ADDRESS:
      for (let i = 2; i < size; i++) d.put((i > 2 ? ':' : '') + hex2(d.u8(at + i)));
      return true;
    case PREFIX:
      d.put(`${d.host6(at + 16)}/${d.u8(at + 2)}${units !== 4 ? 'badlen' : ''}`);
      d.put(`, Flags [${bitNames(PREFIX_FLAGS, d.u8(at + 3), 'none', ', ')}]`);
      d.put(`, valid time ${lifetimeText(d.u32(at + 4))}, pref. time ${lifetimeText(d.u32(at + 8))}`);
      return true;
    case REDIRECTED:
      // From the first option on, wherever this one stands: so does tcpdump.
      dumpWhatIsThere(d, '\n\t    ', start, size);
      return true;
    case MTU:
      d.put(` ${d.u32(at + 4)}${units !== 1 ? 'bad option length' : ''}`);
      return true;
    case NAME_SERVERS:
      d.put(` lifetime ${d.u32(at + 4)}s,`);
      for (let i = 0; i < (units - 1) >> 1; i++) d.put(` addr: ${d.host6(at + 8 + 16 * i)}`);
      return true;
    case SEARCH_LIST: {
      d.put(` lifetime ${d.u32(at + 4)}s, domain(s):`);
      let name = at + 8;
      while (name < at + size && d.u8(name) !== 0) {
        d.put(' ');
        name = printDomainName(d, name, start);
        if (name < 0) return false;
      }
      return true;
    }
    case ADVERTISEMENT_INTERVAL:
      d.put(` ${d.u32(at + 4)}ms`);
      return true;
    case HOME_AGENT:
      d.put(` preference ${d.u16(at + 4)}, lifetime ${d.u16(at + 6)}`);
      return true;
    default: {
      // A route: as many bytes of the prefix as its length needs, the rest zero.
      if (!d.has(at + 4, 4) || units > 3) return false;
      const prefix = new Uint8Array(16);
      const given = (units - 1) * 8;
      d.need(at + 8, given);
      prefix.set(d.bytes.subarray(at + 8, at + 8 + given));
      const text = ipv6Text(prefix, 0);
      d.put(` ${d.options.names === null ? text : d.options.names.host(text)}/${d.u8(at + 2)}`);
      d.put(`, pref=${preferenceName(d.u8(at + 3))}, lifetime=${lifetimeText(d.u32(at + 4))}`);
      return true;
    }
  }
}

/** How far a label reaches beyond its first byte, or -1 after saying what is wrong with it. */
function labelLength(d: Dissection, at: number): number {
  if (!d.has(at, 1)) return -1;
  const first = d.u8(at);
  const kind = first >> 6;
  if (kind === 0 || kind === 3) return first;
  if (kind === 2) {
    d.put('<BAD LABEL TYPE>');
    return -1;
  }
  if ((first & 0x3f) !== 1) {
    d.put(`<ELT ${first & 0x3f}>`);
    return -1;
  }
  if (!d.has(at + 1, 1)) return -1;
  const bits = d.u8(at + 1) || 256;
  return ((bits + 7) >> 3) + 1;
}

/**
 * Prints a domain name (RFC 1035 3.1; pointers count from `base`, and only backwards) and returns where the next one
 * begins, or -1 when the name is broken or cut off.
 */
function printDomainName(d: Dissection, start: number, base: number): number {
  let length = labelLength(d, start);
  if (length < 0) return -1;
  let furthest = start - base;
  let first = d.u8(start);
  let at = start + 1;
  let compressed = false;
  let after = first >> 6 !== 3 ? at + length : -1;
  if (first === 0) {
    d.put('.');
    return after;
  }
  let characters = 0;
  while (first !== 0 && at < d.snapEnd) {
    const kind = first >> 6;
    if (kind === 3) {
      if (!compressed) {
        after = at + 1;
        compressed = true;
      }
      if (!d.has(at, 1)) return -1;
      const target = ((first << 8) | d.u8(at)) & 0x3fff;
      if (target >= furthest) {
        d.put('<BAD PTR>');
        return -1;
      }
      furthest = target;
      at = base + target;
      first = d.u8(at);
      length = labelLength(d, at);
      if (length < 0) return -1;
      at++;
      continue;
    }
    if (kind === 1) printBitLabel(d, at);
    else {
      const shown = Math.min(length, LONGEST_NAME - characters);
      for (let i = 0; i < shown; i++) {
        if (at + i >= d.snapEnd) return -1;
        d.put(visibleByte(d.u8(at + i)));
      }
      characters += length;
    }
    at += length;
    if (characters <= LONGEST_NAME) d.put('.');
    characters++;
    if (!d.has(at, 1)) return -1;
    first = d.u8(at);
    length = labelLength(d, at);
    if (length < 0) return -1;
    at++;
    if (!compressed) after += length + 1;
  }
  if (characters > LONGEST_NAME) d.put('<DOMAIN NAME TOO LONG>');
  return after;
}

/** RFC 2673, long withdrawn. */
function printBitLabel(d: Dissection, at: number): void {
  const bits = d.u8(at) || 256;
  d.put('\\[x');
  let next = at + 1;
  let left = bits;
  for (; left > 7; left -= 8) d.put(hex2(d.u8(next++)));
  if (left > 4) d.put(hex2(d.u8(next) & (0xff << (8 - left))));
  else if (left > 0) d.put(((d.u8(next) >> 4) & 0x0f & (0x0f << (4 - left))).toString(16));
  d.put(`/${bits}]`);
}
