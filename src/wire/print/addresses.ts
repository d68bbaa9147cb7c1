/**
 * Addresses and numbers as text, the way tcpdump spells them.
 *
 * Called by dissection.ts and by printers for addresses that are not in the packet itself.
 */

const HEX: readonly string[] = Array.from({ length: 256 }, (_, value) => (value < 16 ? '0' : '') + value.toString(16));

/** Two lower-case hex digits. */
export function hex2(value: number): string {
  return HEX[value & 0xff];
}

/** At least `digits` lower-case hex digits, zeros in front. */
export function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

export function ipv4Text(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/**
 * RFC 5952, except that any address beginning with 96 zero bits (or 80 and ffff) ends in dotted form,
 * as long as that run of zeros is the longest: ::1 has seven zero groups, and so is spelled plainly.
 */
export function ipv6Text(bytes: Uint8Array, at: number): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((bytes[at + i] << 8) | bytes[at + i + 1]);
  let bestStart = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > bestLength) {
      bestStart = i;
      bestLength = length;
    }
    i += length;
  }
  const dotted = bestStart === 0 && (bestLength === 6 || (bestLength === 5 && groups[5] === 0xffff));
  let text = '';
  for (let i = 0; i < 8; i++) {
    if (bestStart >= 0 && i >= bestStart && i < bestStart + bestLength) {
      if (i === bestStart) text += ':';
      continue;
    }
    if (i !== 0) text += ':';
    if (i === 6 && dotted) return text + ipv4Text(bytes, at + 12);
    text += groups[i].toString(16);
  }
  return bestStart >= 0 && bestStart + bestLength === 8 ? `${text}:` : text;
}

export function macText(bytes: Uint8Array, at: number, length: number): string {
  let text = hex2(bytes[at]);
  for (let i = 1; i < length; i++) text += `:${hex2(bytes[at + i])}`;
  return text;
}

/** A byte of a text protocol: control characters as ^X, the upper half as M-x. */
export function visibleByte(byte: number): string {
  let text = '';
  let low = byte;
  if (low >= 0x80) {
    low &= 0x7f;
    text = 'M-';
  }
  if (low < 0x20 || low > 0x7e) {
    low ^= 0x40;
    text += '^';
  }
  return text + String.fromCharCode(low);
}

/** The names of the bits set in `value`, joined; `none` when no known bit is set. */
export function bitNames(names: readonly (readonly [number, string])[], value: number, none: string, separator: string): string {
  let text = '';
  for (const [bit, name] of names) {
    if ((value & bit) === bit) text += (text === '' ? '' : separator) + name;
  }
  return text === '' ? none : text;
}
