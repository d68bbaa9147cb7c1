/**
 * UTF-8 for the text options of pcapng files. Written out here because the core compiles without the
 * TextEncoder of Node and the page, and options are short.
 *
 * Called by pcapng-writer.ts and pcapng-reader.ts.
 */

const REPLACEMENT = 0xfffd;

export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    let code = character.codePointAt(0) as number;
    // A lone surrogate has no encoding.
    if (code >= 0xd800 && code <= 0xdfff) code = REPLACEMENT;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    else {
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    }
  }
  return Uint8Array.from(bytes);
}

/** Malformed sequences become U+FFFD: a bad comment must not make a capture unreadable. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  let at = start;
  while (at < end) {
    const first = bytes[at++];
    if (first < 0x80) {
      text += String.fromCharCode(first);
      continue;
    }
    const more = first >= 0xf0 && first < 0xf5 ? 3 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xc2 && first < 0xe0 ? 1 : 0;
    let code = first & (0x3f >> more);
    let taken = 0;
    while (taken < more && at < end && (bytes[at] & 0xc0) === 0x80) {
      code = (code << 6) | (bytes[at++] & 0x3f);
      taken++;
    }
    const tooShort = more === 2 ? 0x800 : more === 3 ? 0x10000 : 0x80;
    const bad = more === 0 || taken < more || code < tooShort || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff);
    text += String.fromCodePoint(bad ? REPLACEMENT : code);
  }
  return text;
}
