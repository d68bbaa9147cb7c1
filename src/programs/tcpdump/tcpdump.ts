/**
 * tcpdump(1) on a host: prints what passes at its interfaces, or a capture file, or writes a capture file.
 *
 * options.ts has the options, packet-capture.ts the packet socket, host-names.ts the names; the words are those of
 * capture/tcpdump-printer.ts. Every line is written at once, as with -l.
 */
import { O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY, SIGHUP, SIGINT, SIGTERM } from '../../api/posix/constants.ts';
import { isErrno } from '../../api/posix/errors.ts';
import type { NameProcess } from '../../api/posix/name-process.ts';
import { readText } from '../../api/posix/text-file.ts';
import { FilterError } from '../../bpf/filter-error.ts';
import type { FilterNames } from '../../bpf/names.ts';
import { CaptureError } from '../../capture/capture-error.ts';
import { LinkType } from '../../capture/capture-record.ts';
import { PcapWriter } from '../../capture/pcap.ts';
import { TcpdumpPrinter } from '../../capture/tcpdump-printer.ts';
import { reasonOf } from '../endpoint-names.ts';
import { guarded, say, UsageFault, warn } from '../getopt.ts';
import { HostNames } from './host-names.ts';
import { filterListing, matchingPackets } from './matching.ts';
import { NAME_FILES, namesFromFiles, portNames } from './name-files.ts';
import { parseTcpdump, TCPDUMP_USAGE, type TcpdumpWords } from './options.ts';
import { ANY, CaptureRefused, PacketCapture } from './packet-capture.ts';

/** Where -r and -w find their files: those of the host, unless the command that runs the program says otherwise. */
export interface TcpdumpFiles {
  /** All of a file. */
  read(process: NameProcess, path: string): Promise<Uint8Array>;
  /** Makes a file anew; what it returns writes pieces to it. */
  create(process: NameProcess, path: string): Promise<(piece: Uint8Array) => Promise<void>>;
}

const STDIN = 0;
const STDOUT = 1;
const PIECE = 65536;
const IFF_UP = 1, IFF_LOOPBACK = 8, IFF_RUNNING = 0x40;

const LINK_WORDS: ReadonlyMap<number, string> = new Map([
  [LinkType.Ethernet, 'EN10MB (Ethernet)'], [LinkType.LinuxSll2, 'LINUX_SLL2 (Linux cooked v2)'],
]);

export const HOST_FILES: TcpdumpFiles = {
  async read(process, path) {
    const fd = path === '-' ? STDIN : await process.open(path, O_RDONLY);
    const pieces: Uint8Array[] = [];
    for (;;) {
      const piece = new Uint8Array(PIECE);
      const n = await process.read(fd, piece);
      if (n === 0) break;
      pieces.push(piece.subarray(0, n));
    }
    if (path !== '-') await process.close(fd);
    const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
    pieces.reduce((at, piece) => {
      all.set(piece, at);
      return at + piece.length;
    }, 0);
    return all;
  },
  async create(process, path) {
    const fd = path === '-' ? STDOUT : await process.open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644);
    return async (piece) => {
      for (let done = 0; done < piece.length;) done += await process.write(fd, piece.subarray(done));
    };
  },
};

/** `tcpdump [OPTION...] [FILTER]`: 0, 1 when something is wrong. */
export function tcpdump(process: NameProcess, args: readonly string[], files: TcpdumpFiles = HOST_FILES): Promise<number> {
  return guarded(process, 'tcpdump', 1, () => new Tcpdump(process, files).run(args));
}

class Tcpdump {
  private readonly process: NameProcess;
  private readonly files: TcpdumpFiles;
  private isStopped = false;

  constructor(process: NameProcess, files: TcpdumpFiles) {
    this.process = process;
    this.files = files;
  }

  async run(args: readonly string[]): Promise<number> {
    const { process } = this;
    let filter = '';
    try {
      const words = parseTcpdump(args);
      filter = words.filter;
      if (words.listsInterfaces) return await this.listInterfaces();
      const texts = new Map<string, string>();
      for (const path of NAME_FILES) texts.set(path, await readText(process, path));
      const names = namesFromFiles((path) => texts.get(path) ?? '');
      if (words.listing > 0) {
        const bytes = words.read === null ? null : await this.read(words.read);
        await say(process, filterListing(words, bytes, names));
      } else if (words.read !== null) await this.showFile(words, words.read, names);
      else await this.capture(words, names, portNames(texts.get('/etc/services') ?? ''));
      return 0;
    } catch (error) {
      await warn(process, `tcpdump: ${sentenceOf(error, filter)}\n${error instanceof UsageFault && error.showsUsage ? TCPDUMP_USAGE : ''}`);
      return 1;
    }
  }

  private read(path: string): Promise<Uint8Array> {
    return told(path, this.files.read(this.process, path));
  }

  private async create(path: string): Promise<(piece: Uint8Array) => Promise<void>> {
    const write = await told(path, this.files.create(this.process, path));
    return (piece) => told(`Can't write to ${path === '-' ? 'standard output' : path}`, write(piece));
  }

  private async showFile(words: TcpdumpWords, path: string, names: FilterNames): Promise<void> {
    const { process } = this;
    const packets = matchingPackets(await this.read(path), words.filter, names, words.count);
    const printer = new TcpdumpPrinter(words.printing);
    let writer: FileWriter | null = null;
    for (const { interface: card, timeUs, nanoseconds, bytes, originalLength } of packets) {
      if (words.write === null) await say(process, `${printer.format(card.linkType, timeUs, bytes, originalLength, nanoseconds)}\n`);
      else {
        writer ??= await FileWriter.create(await this.create(words.write), card.linkType, words.snapLen);
        await writer.write(timeUs, bytes, originalLength);
      }
    }
  }

  private async capture(words: TcpdumpWords, names: FilterNames, ports: ReadonlyMap<string, string>): Promise<void> {
    const { process } = this;
    const device = words.device !== '' ? words.device : await this.firstDevice();
    const live = await PacketCapture.open(process, device, words);
    await live.setFilter(words.filter, names);
    const writer = words.write === null ? null : await FileWriter.create(await this.create(words.write), live.linkType, words.snapLen);
    const options = { ...words.printing, interfaceName: (index: number) => live.interfaceNames.get(index) ?? null };
    const hosts = words.numeric ? null : new HostNames(process, ports, options);
    const printer = new TcpdumpPrinter({ ...options, names: hosts });
    for (const signo of [SIGINT, SIGTERM, SIGHUP]) await process.sigaction(signo, { handler: () => void (this.isStopped = true) });
    await this.sayListening(words, device, live.linkType);
    let captured = 0;
    while (!this.isStopped && captured < words.count) {
      try {
        const { timeUs, bytes, originalLength } = await live.next();
        captured++;
        if (writer !== null) {
          await writer.write(timeUs, bytes, originalLength);
          continue;
        }
        await hosts?.prepare(live.linkType, timeUs, bytes, originalLength);
        await say(process, `${printer.format(live.linkType, timeUs, bytes, originalLength)}\n`);
      } catch (error) {
        if (!isErrno(error, 'EINTR')) throw error;
      }
    }
    // A line that was cut short by the signal ends, as in the original.
    if (this.isStopped && writer === null) await say(process, '\n');
    const { received, dropped } = await live.statistics();
    await live.close();
    await warn(process, `${count(captured, 'captured')}${count(received, 'received by filter')}${count(dropped, 'dropped by kernel')}`);
  }

  private async sayListening(words: TcpdumpWords, device: string, linkType: number): Promise<void> {
    let text = linkType === LinkType.LinuxSll2 ? 'tcpdump: data link type LINUX_SLL2\n' : '';
    if (words.verbose || words.write !== null) text += 'tcpdump: ';
    else text += 'tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n';
    text += `listening on ${device}, link-type ${LINK_WORDS.get(linkType)}, snapshot length ${words.snapLen} bytes\n`;
    await warn(this.process, text);
  }

  /** The first that is up and leads somewhere. */
  private async firstDevice(): Promise<string> {
    const links = await this.links();
    const found = links.find(({ flags }) => (flags & IFF_UP) !== 0 && (flags & IFF_LOOPBACK) === 0);
    return found?.name ?? ANY;
  }

  /** Each interface once, in the order of their numbers. */
  private async links(): Promise<{ name: string; flags: number }[]> {
    const links = new Map<string, number>();
    for (const { name, flags } of await this.process.getifaddrs()) if (!links.has(name)) links.set(name, flags);
    return [...links].map(([name, flags]) => ({ name, flags }));
  }

  private async listInterfaces(): Promise<number> {
    const links = await this.links();
    const rank = (flags: number): number => ((flags & IFF_UP) === 0 ? 3 : (flags & IFF_LOOPBACK) !== 0 ? 2 : 0);
    const all = [
      ...links.map(({ name, flags }) => ({ name, flags, rank: rank(flags) })),
      { name: `${ANY} (Pseudo-device that captures on all interfaces)`, flags: IFF_UP | IFF_RUNNING, rank: 1 },
    ].sort((a, b) => a.rank - b.rank);
    const lines = all.map(({ name, flags, rank: place }, i) => {
      const words = [
        (flags & IFF_UP) !== 0 ? 'Up' : '', (flags & IFF_RUNNING) !== 0 ? 'Running' : '', (flags & IFF_LOOPBACK) !== 0 ? 'Loopback' : '',
      ].filter((word) => word !== '');
      // What is neither loopback nor a pseudo-device has a state of its own.
      if (place !== 1 && place !== 2) words.push((flags & IFF_RUNNING) !== 0 ? 'Connected' : 'Disconnected');
      return `${i + 1}.${name} [${words.join(', ')}]\n`;
    });
    await say(this.process, lines.join(''));
    return 0;
  }
}

/** What becomes of a call on a file; where it fails, `what` stands before the reason. */
async function told<T>(what: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (isErrno(error, 'EINTR')) throw error;
    throw new FileFault(`${what}: ${reasonOf(error)}`);
  }
}

/** A file that cannot be opened, read or written: the sentence behind the program's name. */
class FileFault extends Error {}

function count(n: number, what: string): string {
  return `${n} packet${n === 1 ? '' : 's'} ${what}\n`;
}

/** The sentence behind the program's name. Throws what is no fault of the call or the machine. */
function sentenceOf(error: unknown, filter: string): string {
  if (error instanceof UsageFault || error instanceof CaptureRefused || error instanceof CaptureError || error instanceof FileFault) return error.message;
  if (error instanceof FilterError) {
    return `can't parse filter expression: ${error.message}\n  ${filter.replace(/\s/g, ' ')}\n  ${' '.repeat(error.at)}^`;
  }
  return reasonOf(error);
}

/** A pcap file, a piece at a time. */
class FileWriter {
  private readonly pieces: Uint8Array[] = [];
  private readonly writer: PcapWriter;
  private readonly write_: (piece: Uint8Array) => Promise<void>;

  private constructor(write: (piece: Uint8Array) => Promise<void>, linkType: number, snapLen: number) {
    this.write_ = write;
    this.writer = new PcapWriter((piece) => this.pieces.push(piece), { linkType, snapLen });
  }

  /** Writes the file's header at once. */
  static async create(write: (piece: Uint8Array) => Promise<void>, linkType: number, snapLen: number): Promise<FileWriter> {
    const writer = new FileWriter(write, linkType, snapLen);
    await writer.flush();
    return writer;
  }

  async write(timeUs: number, bytes: Uint8Array, originalLength: number): Promise<void> {
    this.writer.packet(timeUs, bytes, originalLength);
    await this.flush();
  }

  private async flush(): Promise<void> {
    for (const piece of this.pieces.splice(0)) await this.write_(piece);
  }
}
