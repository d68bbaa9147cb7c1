/**
 * `sockscape tcpdump -r FILE [FILTER]`: a capture file as lines, or as another capture file; with -d, the filter itself.
 */
import { readFileSync, readSync } from 'node:fs';
import { CaptureError } from '../capture/capture-error.ts';
import { FilterError } from '../bpf/filter-error.ts';
import { decimalListing, initialiserListing, readableListing } from '../bpf/listing.ts';
import { firstInterface, readCapture } from '../capture/capture-file.ts';
import { compileForInterface, PacketFilter } from '../capture/packet-filter.ts';
import { LinkType } from '../capture/capture-record.ts';
import type { CapturedPacket, CaptureInterface } from '../capture/capture-record.ts';
import { PcapngWriter } from '../capture/pcapng-writer.ts';
import { type TcpdumpOptions, TcpdumpPrinter, tcpdumpOptionsFromFlags } from '../capture/tcpdump-printer.ts';
import { PlatformError } from '../platform/node/libc.ts';
import { machineNames } from './name-tables.ts';
import { numberOption, UsageError } from './options.ts';
import { complain, openForWriting, type Output, print, retried, writeAll } from './output.ts';

export const TCPDUMP_HELP = `usage: sockscape tcpdump -r FILE [-n] [-v ...] [-e] [-S] [-q] [-x|-X|-A] [-t ...] [-#] [-c N] [-w FILE]
                         [FILTER]
       sockscape tcpdump -d|-dd|-ddd [-r FILE] [FILTER]

Prints a pcap or pcapng file in the words of tcpdump 4.99. Addresses and ports are always numeric, times are UTC. Only
packets that pass the filter count; its language is that of pcap-filter(7).

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
  -d        print the filter's program instead; -dd as C, -ddd as numbers. Without -r: for Ethernet
  -w FILE   write the packets to FILE (pcapng; '-' is standard output) instead of printing them

examples:
  sockscape tcpdump -n -r session.pcapng
  sockscape tcpdump -nevX -c 3 -r session.pcapng
  sockscape tcpdump -r session.pcapng tcp port 80 and host 192.0.2.1
  sockscape tcpdump -r session.pcapng 'tcp[tcpflags] & (tcp-syn|tcp-fin) != 0'
  sockscape tcpdump -d icmp
`;

const READ_LEN = 1 << 16;

interface Arguments {
  readonly flags: readonly string[];
  /** Null only with -d. */
  readonly read: string | null;
  readonly write: string | null;
  readonly count: number;
  /** How many times -d was given. */
  readonly listing: number;
  readonly filter: string;
}

/** The command; returns its exit status. */
export async function tcpdump(args: readonly string[]): Promise<number> {
  const wanted = parseArguments(args);
  const options = tcpdumpOptionsFromFlags(wanted.flags);
  if (options === null) throw new UsageError('these options do not go together');
  const bytes = wanted.read === null ? null : readFile(wanted.read);
  const name = wanted.read === '-' ? 'standard input' : wanted.read;
  try {
    if (wanted.listing > 0) list(wanted.listing, wanted.filter, bytes);
    else if (bytes !== null) show(bytes, wanted, options);
  } catch (error) {
    if (!(error instanceof CaptureError) && !(error instanceof FilterError)) throw error;
    flushLines();
    complain(error instanceof CaptureError ? `sockscape tcpdump: ${name}: ${error.message}\n` : filterComplaint(wanted.filter, error));
    return 1;
  }
  flushLines();
  return 0;
}

function show(bytes: Uint8Array, wanted: Arguments, options: TcpdumpOptions): void {
  const packets = readCapture(bytes);
  const names = machineNames();
  const filter = new PacketFilter(wanted.filter, names);
  // Both asked for before the output is opened: an input that is no capture, or a filter that is none, must not cost the
  // user an older output.
  let next = packets.next();
  const first = next.done ? firstInterface(bytes) : next.value.interface;
  if (first !== null) compileForInterface(wanted.filter, first, names);
  const each = wanted.write === null ? printing(new TcpdumpPrinter(options)) : writing(openForWriting(wanted.write));
  for (let seen = 0; !next.done && seen < wanted.count; ) {
    if (filter.passes(next.value)) {
      each(next.value);
      seen++;
    }
    if (seen < wanted.count) next = packets.next();
  }
}

const UNLIMITED_ETHERNET: CaptureInterface = { linkType: LinkType.Ethernet, snapLen: 0, name: '', description: '', littleEndian: true };

/** The program of a filter, in the form that -d, -dd or -ddd asks for. */
function list(form: number, filter: string, bytes: Uint8Array | null): void {
  const of = bytes === null ? null : firstInterface(bytes);
  const program = compileForInterface(filter, of ?? UNLIMITED_ETHERNET, machineNames());
  print(form === 1 ? readableListing(program) : form === 2 ? initialiserListing(program) : decimalListing(program));
}

/** The expression, a mark under the word at fault, and what is wrong with it. */
function filterComplaint(filter: string, { at, message }: FilterError): string {
  return `sockscape tcpdump: filter: ${message}\n  ${filter.replace(/\s/g, ' ')}\n  ${' '.repeat(at)}^\n`;
}

/** As getopt reads them: letters may share a dash, and `-c3` is `-c 3`. */
function parseArguments(args: readonly string[]): Arguments {
  const flags: string[] = [];
  const values = new Map<string, string>();
  let listing = 0;
  let filter = '';
  for (let i = 0; i < args.length; i++) {
    const word = args[i] as string;
    // As in tcpdump, options come first: what begins with a dash behind a word is the filter's.
    if (!word.startsWith('-') || word === '-' || word === '--') {
      filter = args.slice(word === '--' ? i + 1 : i).join(' ');
      break;
    }
    if (word.startsWith('--')) throw new UsageError(`unknown option ${word}`);
    for (let at = 1; at < word.length; at++) {
      const letter = word[at] as string;
      if ('nveSqxXAt#'.includes(letter)) {
        flags.push(`-${letter}`);
        continue;
      }
      if (letter === 'd') {
        listing++;
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
  const read = values.get('r') ?? null;
  if (read === null && listing === 0) throw new UsageError('-r FILE is missing');
  if (listing > 3) throw new UsageError('-d is given more than three times');
  const count = values.get('c');
  return {
    flags,
    read,
    write: values.get('w') ?? null,
    count: count === undefined ? Infinity : numberOption('-c', count, 1, 1e9),
    listing,
    filter,
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
