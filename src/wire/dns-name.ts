/**
 * Domain names as text (RFC 1035 section 5.1, RFC 4343 section 2.1): labels joined by dots, the root is `.`.
 *
 * Called by dns-reader.ts and dns-writer.ts for each name of a message, and by whoever compares names. A dot or backslash
 * inside a label is written `\.`, `\\`; an octet that is no printable ASCII character is `\DDD`. So every name of a message
 * has exactly one text, and the text has the case that the message has.
 */

/** Octets of a name on the wire, the root's included (RFC 1035 section 2.3.4). */
export const MAX_NAME_LEN = 255;
export const MAX_LABEL_LEN = 63;

const DOT = 0x2e;
const BACKSLASH = 0x5c;
const encoder = new TextEncoder();

/** Text of the label in [from, to). */
export function labelText(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) {
    const octet = bytes[i];
    if (octet === DOT || octet === BACKSLASH) text += '\\' + String.fromCharCode(octet);
    else if (octet > 0x20 && octet < 0x7f) text += String.fromCharCode(octet);
    else text += '\\' + String(octet).padStart(3, '0');
  }
  return text;
}

/**
 * The labels of a name as octets; null when the text is no name (an empty or long label, a long name, a broken escape).
 * A final dot is no label. A character beyond ASCII stands for its octets in UTF-8.
 */
export function labelsOf(text: string): Uint8Array[] | null {
  if (text === '.') return [];
  const labels: Uint8Array[] = [];
  const octets = encoder.encode(text);
  const label = new Uint8Array(MAX_LABEL_LEN);
  let filled = 0;
  let nameLen = 1;
  const end = (): boolean => {
    if (filled === 0) return false;
    labels.push(label.slice(0, filled));
    nameLen += 1 + filled;
    filled = 0;
    return nameLen <= MAX_NAME_LEN;
  };
  for (let i = 0; i < octets.length; i++) {
    let octet = octets[i];
    if (octet === DOT) {
      if (!end()) return null;
      continue;
    }
    if (octet === BACKSLASH) {
      if (i + 1 === octets.length) return null;
      octet = octets[++i];
      if (octet >= 0x30 && octet <= 0x39) {
        const digits = String.fromCharCode(octet, octets[i + 1], octets[i + 2]);
        if (!/^\d{3}$/.test(digits) || Number(digits) > 255) return null;
        octet = Number(digits);
        i += 2;
      }
    }
    if (filled === MAX_LABEL_LEN) return null;
    label[filled++] = octet;
  }
  if (filled > 0 && !end()) return null;
  return labels.length > 0 ? labels : null;
}

/** The one text of a name that this text stands for, in lower case, for comparing and looking up; null when it is no name. */
export function nameKey(text: string): string | null {
  const labels = labelsOf(text);
  if (labels === null) return null;
  // The text of a label is ASCII, so this is RFC 4343's folding and no other.
  return labels.length === 0 ? '.' : labels.map((label) => labelText(label, 0, label.length).toLowerCase()).join('.');
}

/** Whether two texts are one name: case does not count (RFC 4343). */
export function sameName(one: string, other: string): boolean {
  if (one === other) return true;
  const key = nameKey(one);
  return key !== null && key === nameKey(other);
}

/** The name under which an address is looked up in reverse (RFC 1035 section 3.5, RFC 3596 section 2.5): 4 or 16 bytes. */
export function reverseName(address: Uint8Array): string {
  if (address.length === 4) return `${[...address].reverse().join('.')}.in-addr.arpa`;
  return `${[...address].reverse().map((byte) => `${(byte & 15).toString(16)}.${(byte >> 4).toString(16)}`).join('.')}.ip6.arpa`;
}
