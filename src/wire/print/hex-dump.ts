/**
 * Hex dumps: after a packet's words (-x, -X, -A), and in place of them for what nobody can put into words.
 *
 * Called by the printers for unknown payload and by capture/tcpdump-printer.ts for the whole packet.
 */
import { hex, hex2 } from './addresses.ts';
import type { Dissection } from './dissection.ts';
import { PAST_THE_END } from './dissection.ts';

const BYTES_PER_LINE = 16;
/** Eight groups of a space and four digits. */
const HEX_WIDTH = 40;

function isGraphic(byte: number): boolean {
  return byte > 0x20 && byte < 0x7f;
}

/** How much of the range was captured. */
function captured(d: Dissection, at: number, length: number): number {
  return Math.max(0, Math.min(length, d.snapEnd - at));
}

/** Hex digits in pairs of bytes and the printable characters beside them; each line begins with `lead`. */
export function dumpHexAndAscii(d: Dissection, lead: string, at: number, length: number): void {
  const shown = captured(d, at, length);
  for (let start = 0; start < shown; start += BYTES_PER_LINE) {
    let digits = '';
    let characters = '';
    for (let i = start; i < start + BYTES_PER_LINE && i < shown; i++) {
      const byte = d.bytes[at + i];
      digits += (i & 1) === 0 ? ` ${hex2(byte)}` : hex2(byte);
      characters += isGraphic(byte) ? String.fromCharCode(byte) : '.';
    }
    d.put(`${lead}0x${hex(start, 4)}: ${digits.padEnd(HEX_WIDTH)}  ${characters}`);
  }
  if (shown < length) throw PAST_THE_END;
}

/** Hex digits only. */
export function dumpHex(d: Dissection, lead: string, at: number, length: number): void {
  const shown = captured(d, at, length);
  for (let i = 0; i < shown; i++) {
    if (i % BYTES_PER_LINE === 0) d.put(`${lead}0x${hex(i, 4)}: `);
    d.put((i & 1) === 0 ? ` ${hex2(d.bytes[at + i])}` : hex2(d.bytes[at + i]));
  }
  if (shown < length) throw PAST_THE_END;
}

/** Characters only, line ends kept. */
export function dumpAscii(d: Dissection, at: number, length: number): void {
  const shown = captured(d, at, length);
  d.put('\n');
  for (let i = 0; i < shown; i++) {
    const byte = d.bytes[at + i];
    if (byte === 0x0d) {
      // A carriage return shows as a dot unless it ends a line or stands among the last two bytes.
      if (shown - i - 1 > 1 && d.bytes[at + i + 1] !== 0x0a) d.put('.');
    } else if (isGraphic(byte) || byte === 0x09 || byte === 0x20 || byte === 0x0a) {
      d.put(String.fromCharCode(byte));
    } else {
      d.put('.');
    }
  }
  if (shown < length) throw PAST_THE_END;
}

/** A payload in no known format, where its printer would otherwise say nothing; unless -q or a dump was asked for. */
export function dumpUnknown(d: Dissection, at: number, length: number): void {
  if (d.options.dumpUnknown) dumpHexAndAscii(d, '\n\t', at, length);
}

/** The part of an unknown range that was captured, hex digits only. */
export function dumpWhatIsThere(d: Dissection, lead: string, at: number, length: number): void {
  if (!d.has(at, 0)) {
    d.put(`${lead}Dissector error: print_unknown_data called with pointer past end of packet`);
    return;
  }
  dumpHex(d, lead, at, Math.min(length, d.left(at)));
}
