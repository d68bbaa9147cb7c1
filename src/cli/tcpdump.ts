/**
 * `sockscape tcpdump -r FILE`: a capture file as lines, or as another capture file.
 */
import { closeSync, readFileSync } from 'node:fs';
import { CaptureError } from '../capture/capture-error.ts';
import { readCapture } from '../capture/capture-file.ts';
import type { CapturedPacket, CaptureInterface } from '../capture/capture-record.ts';
import { PcapngWriter } from '../capture/pcapng-writer.ts';
import { TcpdumpPrinter, tcpdumpOptionsFromFlags } from '../capture/tcpdump-printer.ts';
import { PlatformError } from '../platform/node/libc.ts';
import { openForWriting, writeAll } from './capture-output.ts';
import { numberOption, UsageError } from './options.ts';

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
  const file = wanted.write === null ? -1 : openForWriting(wanted.write);
  const each = file < 0 ? printing(new TcpdumpPrinter(options)) : writing(file);
  let seen = 0;
  try {
    for (const packet of readCapture(bytes)) {
      each(packet);
      if (++seen === wanted.count) break;
    }
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    flushLines();
    process.stderr.write(`sockscape tcpdump: ${name}: ${error.message}\n`);
    return 1;
  } finally {
    flushLines();
    if (file > 2) closeSync(file);
  }
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
    const buffer = readFileSync(path === '-' ? 0 : path);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
  } catch (error) {
    throw new PlatformError(`cannot read ${path}: ${(error as Error).message}`);
  }
}

let lines: string[] = [];

function flushLines(): void {
  if (lines.length > 0) writeAll(1, new TextEncoder().encode(`${lines.join('\n')}\n`));
  lines = [];
}

function printing(printer: TcpdumpPrinter): (packet: CapturedPacket) => void {
  return (packet) => {
    const { linkType } = packet.interface;
    lines.push(printer.format(linkType, packet.timeUs, packet.bytes, packet.originalLength, packet.nanoseconds));
    if (lines.length >= 500) flushLines();
  };
}

/** Copies packets into a pcapng file, with the interfaces that they name. */
function writing(file: number): (packet: CapturedPacket) => void {
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
