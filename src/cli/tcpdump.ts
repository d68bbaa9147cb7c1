/**
 * `sockscape tcpdump -r FILE`: a capture file as lines, or as another capture file.
 */
import { readFileSync, readSync } from 'node:fs';
import { CaptureError } from '../capture/capture-error.ts';
import { readCapture } from '../capture/capture-file.ts';
import type { CapturedPacket, CaptureInterface } from '../capture/capture-record.ts';
import { PcapngWriter } from '../capture/pcapng-writer.ts';
import { TcpdumpPrinter, tcpdumpOptionsFromFlags } from '../capture/tcpdump-printer.ts';
import { PlatformError } from '../platform/node/libc.ts';
import { numberOption, UsageError } from './options.ts';
import { complain, openForWriting, type Output, print, retried, writeAll } from './output.ts';

export const TCPDUMP_HELP = `usage: sockscape tcpdump -r FILE [-n] [-v ...] [-e] [-S] [-q] [-x|-X|-A] [-t ...] [-#] [-c N] [-w FILE]

Prints a pcap or pcapng file in the words of tcpdump 4.99. Addresses and ports are always numeric, times are UTC.

  -r FILE   read FILE ('-' is standard input)
  -n        numeric addresses and ports (they always are)
  -v        more of IP, TCP, UDP and ICMP; -vv and -vvv still more
  -e        the link header, too
  -S        absolute TCP sequence numbers
  -q        less
  -x -X     the packet in hex, in hex and characters (-xx, -XX: with its link header); -A in characters
  -t        no time; -tt seconds since 1970, -ttt since the packet before, -tttt with the date, -ttttt since the first
  -#        number the packets
  -c N      end after N packets
  -w FILE   write the packets to FILE (pcapng; '-' is standard output) instead of printing them

examples:
  sockscape tcpdump -n -r session.pcapng
  sockscape tcpdump -nevX -c 3 -r session.pcapng
`;

const READ_LEN = 1 << 16;

interface Arguments {
  readonly flags: readonly string[];
  readonly read: string;
  readonly write: string | null;
  readonly count: number;
}

/** The command; returns its exit status. */
export async function tcpdump(args: readonly string[]): Promise<number> {
  const wanted = parseArguments(args);
  const options = tcpdumpOptionsFromFlags(wanted.flags);
  if (options === null) throw new UsageError('these options do not go together');
  const bytes = readFile(wanted.read);
  const name = wanted.read === '-' ? 'standard input' : wanted.read;
  try {
    const packets = readCapture(bytes);
    // Asked for before the output is opened: an input that is no capture must not cost the user an older output.
    let next = packets.next();
    const each = wanted.write === null ? printing(new TcpdumpPrinter(options)) : writing(openForWriting(wanted.write));
    for (let seen = 0; !next.done && seen < wanted.count; seen++) {
      each(next.value);
      if (seen + 1 < wanted.count) next = packets.next();
    }
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    flushLines();
    complain(`sockscape tcpdump: ${name}: ${error.message}\n`);
    return 1;
  }
  flushLines();
  return 0;
}

/** As getopt reads them: letters may share a dash, and `-c3` is `-c 3`. */
function parseArguments(args: readonly string[]): Arguments {
  const flags: string[] = [];
  const values = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const word = args[i] as string;
    if (!word.startsWith('-') || word === '-') {
      throw new UsageError(`a filter ('${args.slice(i).join(' ')}') is not understood yet`);
    }
    if (word.startsWith('--')) throw new UsageError(`unknown option ${word}`);
    for (let at = 1; at < word.length; at++) {
      const letter = word[at] as string;
      if ('nveSqxXAt#'.includes(letter)) {
        flags.push(`-${letter}`);
        continue;
      }
      if (letter === 'i') throw new UsageError('-i is not there yet: this tcpdump reads files (-r)');
      if (!'rwc'.includes(letter)) throw new UsageError(`unknown option -${letter}`);
      const value = at + 1 < word.length ? word.slice(at + 1) : args[++i];
      if (value === undefined || value === '') throw new UsageError(`-${letter} needs a value`);
      if (values.has(letter)) throw new UsageError(`-${letter} is given twice`);
      values.set(letter, value);
      break;
    }
  }
  const read = values.get('r');
  if (read === undefined) throw new UsageError('-r FILE is missing');
  const count = values.get('c');
  return {
    flags,
    read,
    write: values.get('w') ?? null,
    count: count === undefined ? Infinity : numberOption('-c', count, 1, 1e9),
  };
}

function readFile(path: string): Uint8Array {
  try {
    const buffer = path === '-' ? readStandardInput() : readFileSync(path);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
  } catch (error) {
    throw new PlatformError(`cannot read ${path}: ${(error as Error).message}`);
  }
}

/** To its end. readFileSync(0) gives up when the descriptor is non-blocking and the other side takes its time. */
function readStandardInput(): Buffer {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = Buffer.allocUnsafe(READ_LEN);
    const n = retried('EAGAIN', () => readSync(0, piece));
    if (n === 0) return Buffer.concat(pieces);
    pieces.push(piece.subarray(0, n));
  }
}

let lines: string[] = [];

function flushLines(): void {
  const text = lines.length > 0 ? `${lines.join('\n')}\n` : '';
  lines = [];
  print(text);
}

function printing(printer: TcpdumpPrinter): (packet: CapturedPacket) => void {
  return (packet) => {
    const { linkType } = packet.interface;
    lines.push(printer.format(linkType, packet.timeUs, packet.bytes, packet.originalLength, packet.nanoseconds));
    if (lines.length >= 500) flushLines();
  };
}

/** Copies packets into a pcapng file, with the interfaces that they name. */
function writing(file: Output): (packet: CapturedPacket) => void {
  const writer = new PcapngWriter((block) => writeAll(file, block), { application: 'sockscape' });
  const ids = new Map<CaptureInterface, number>();
  return (packet) => {
    const from = packet.interface;
    let id = ids.get(from);
    if (id === undefined) {
      const { linkType, name, description, snapLen } = from;
      id = writer.addInterface({ linkType, name, description, snapLen, resolution: 'ns' });
      ids.set(from, id);
    }
    const comment = packet.comments[0];
    writer.packet(id, packet.timeUs, packet.bytes, packet.originalLength, {
      nanoseconds: packet.nanoseconds,
      direction: packet.direction,
      ...(comment === undefined ? {} : { comment }),
    });
  };
}
