/**
 * `sockscape tcpdump -r FILE [FILTER]`: a capture file as lines, or as another capture file; with -d, the filter itself.
 */
import { FilterError } from '../bpf/filter-error.ts';
import { CaptureError } from '../capture/capture-error.ts';
import type { CapturedPacket, CaptureInterface } from '../capture/capture-record.ts';
import { PcapngWriter } from '../capture/pcapng-writer.ts';
import { TcpdumpPrinter } from '../capture/tcpdump-printer.ts';
import { UsageFault } from '../programs/getopt.ts';
import { filterListing, matchingPackets } from '../programs/tcpdump/matching.ts';
import { parseTcpdump, TCPDUMP_OPTIONS, type TcpdumpWords } from '../programs/tcpdump/options.ts';
import { readFile } from './input.ts';
import { machineNames } from './name-tables.ts';
import { UsageError } from './options.ts';
import { complain, openForWriting, type Output, print, writeAll } from './output.ts';
import { runInDemoWorld } from './run.ts';

export const TCPDUMP_HELP = `usage: sockscape tcpdump -r FILE [OPTION ...] [-w FILE] [FILTER]
       sockscape tcpdump [-i IF] [OPTION ...] [FILTER]
       sockscape tcpdump -d|-dd|-ddd [-r FILE] [FILTER]

Prints a pcap or pcapng file of this machine in the words of tcpdump 4.99, or what passes on a host of ours (see sockscape
run). Times are UTC; in a file addresses and ports are always numeric. Only packets that pass the filter count; its language
is that of pcap-filter(7).

${TCPDUMP_OPTIONS}
From a file to a file (-r and -w) the format is pcapng, from an interface it is pcap.

examples:
  sockscape tcpdump -n -r session.pcapng
  sockscape tcpdump -nevX -c 3 -r session.pcapng
  sockscape tcpdump -r session.pcapng tcp port 80 and host 192.0.2.1
  sockscape tcpdump -r session.pcapng 'tcp[tcpflags] & (tcp-syn|tcp-fin) != 0'
  sockscape tcpdump -d icmp
  sockscape demo --run 'server: tcpdump -i any tcp port 9502' --run 'telnet server 9502'
`;

/** The command; returns its exit status. */
export async function tcpdump(args: readonly string[]): Promise<number> {
  const wanted = parsed(args);
  if (wanted.read === null && wanted.listing === 0) return runInDemoWorld('client', 'tcpdump', args);
  const bytes = wanted.read === null ? null : readFile(wanted.read);
  const name = wanted.read === '-' ? 'standard input' : wanted.read;
  try {
    if (wanted.listing > 0) print(filterListing(wanted, bytes, machineNames()));
    else if (bytes !== null) show(bytes, wanted);
  } catch (error) {
    if (!(error instanceof CaptureError) && !(error instanceof FilterError)) throw error;
    flushLines();
    complain(error instanceof CaptureError ? `sockscape tcpdump: ${name}: ${error.message}\n` : filterComplaint(wanted.filter, error));
    return 1;
  }
  flushLines();
  return 0;
}

function parsed(args: readonly string[]): TcpdumpWords {
  try {
    return parseTcpdump(args);
  } catch (error) {
    throw error instanceof UsageFault ? new UsageError(error.message) : error;
  }
}

function show(bytes: Uint8Array, wanted: TcpdumpWords): void {
  const packets = matchingPackets(bytes, wanted.filter, machineNames(), wanted.count);
  // An input that is no capture, or a filter that is none, has been found by now: it must not cost the user an older output.
  const each = wanted.write === null ? printing(new TcpdumpPrinter(wanted.printing)) : writing(openForWriting(wanted.write));
  for (const packet of packets) each(packet);
}

/** The expression, a mark under the word at fault, and what is wrong with it. */
function filterComplaint(filter: string, { at, message }: FilterError): string {
  return `sockscape tcpdump: filter: ${message}\n  ${filter.replace(/\s/g, ' ')}\n  ${' '.repeat(at)}^\n`;
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
