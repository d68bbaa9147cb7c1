/**
 * Packets as the lines that Debian's tcpdump 4.99.3 prints (time zone UTC), options included.
 *
 * Called by `sockscape tcpdump`, by worlds that show their traffic and by tests. The words themselves come from
 * wire/print/; here are what surrounds them: the time stamp, the choice by link type, the hex dump after the packet,
 * and what one packet leaves behind for the next (first sequence numbers, times). docs/tcpdump.md lists the
 * protocols that tcpdump decodes and this does not.
 */
import { ConnectionTable } from '../wire/print/connections.ts';
import { printCooked, printCooked2 } from '../wire/print/cooked.ts';
import { Dissection, PAST_THE_END } from '../wire/print/dissection.ts';
import type { Names } from '../wire/print/dissection.ts';
import { printEthernet } from '../wire/print/ethernet.ts';
import { dumpAscii, dumpHex, dumpHexAndAscii } from '../wire/print/hex-dump.ts';
import { printNull, printRaw } from '../wire/print/raw.ts';
import { LinkType } from './capture-record.ts';

export type { Names } from '../wire/print/dissection.ts';

/** What stands before a packet: -t gives none, -tt seconds, -ttt and -ttttt differences, -tttt the date too. */
export type TimeStyle = 'clock' | 'none' | 'seconds' | 'since-previous' | 'date' | 'since-first';

/** The dump after a packet: hex (-x), hex and characters (-X), characters (-A); doubled, with the link header. */
export type DumpStyle = 'none' | 'x' | 'xx' | 'X' | 'XX' | 'A' | 'AA';

export interface TcpdumpOptions {
  /** How many times -v was given; 0 by default. */
  readonly verbose?: number;
  readonly quiet?: boolean;
  readonly linkHeader?: boolean;
  readonly absoluteSeq?: boolean;
  readonly dump?: DumpStyle;
  readonly time?: TimeStyle;
  /** Number each packet (-#). */
  readonly number?: boolean;
  /** Print nanoseconds (--nano). */
  readonly nanoseconds?: boolean;
  /** Names for hosts and ports; without, everything is numeric, as with -n. */
  readonly names?: Names | null;
  /** Name of an interface by its index, for cooked captures; '?' stands in for an unknown one. */
  readonly interfaceName?: ((index: number) => string | null) | null;
}

/** tcpdump refuses packets beyond this. */
const LARGEST_PACKET = 262_144;
const TIME_STYLES: readonly TimeStyle[] = ['clock', 'none', 'seconds', 'since-previous', 'date', 'since-first'];

/**
 * The options of a tcpdump command line's flags, such as `['-nevX']` or `['-n', '-tttt']`. Null when a letter is not
 * one of `n e v S X x A q t #`. Without -n it is up to the caller to hand in names.
 */
export function tcpdumpOptionsFromFlags(flags: readonly string[]): TcpdumpOptions | null {
  const count = new Map<string, number>();
  for (const flag of flags) {
    if (!/^-[nevSXxAqt#]+$/.test(flag)) return null;
    for (const letter of flag.slice(1)) count.set(letter, (count.get(letter) ?? 0) + 1);
  }
  const times = (letter: string): number => count.get(letter) ?? 0;
  const doubled = <T extends DumpStyle>(letter: string, once: T, twice: T): T | null =>
    times(letter) === 0 ? null : times(letter) === 1 ? once : twice;
  const time = TIME_STYLES[times('t')];
  if (time === undefined) return null;
  return {
    verbose: times('v'),
    quiet: times('q') > 0,
    linkHeader: times('e') > 0,
    absoluteSeq: times('S') > 0,
    number: times('#') > 0,
    dump:
      doubled<DumpStyle>('X', 'X', 'XX') ?? doubled<DumpStyle>('x', 'x', 'xx') ?? doubled<DumpStyle>('A', 'A', 'AA') ?? 'none',
    time,
  };
}

/** Prints one capture. A printer remembers conversations and times, so each capture gets its own. */
export class TcpdumpPrinter {
  private readonly dissection: Dissection;
  private readonly dump: DumpStyle;
  private readonly time: TimeStyle;
  private readonly numbered: boolean;
  private readonly nanoseconds: boolean;
  private packets = 0;
  /** Time of the packet that differences count from: the first or the previous one, in nanoseconds split in two. */
  private referenceUs = 0;
  private referenceNs = 0;

  constructor(options: TcpdumpOptions = {}) {
    this.dissection = new Dissection(
      {
        verbose: options.verbose ?? 0,
        quiet: options.quiet ?? false,
        linkHeader: options.linkHeader ?? false,
        absoluteSeq: options.absoluteSeq ?? false,
        // A dump of the whole packet follows anyway, or the user wants less (-q); only -A does not count.
        dumpUnknown: !(options.quiet ?? false) && !/^x/i.test(options.dump ?? 'none'),
        names: options.names ?? null,
        interfaceName: options.interfaceName ?? null,
      },
      new ConnectionTable(),
    );
    this.dump = options.dump ?? 'none';
    this.time = options.time ?? 'clock';
    this.numbered = options.number ?? false;
    this.nanoseconds = options.nanoseconds ?? false;
  }

  /**
   * The packet's text: one line, or several for -v and dumps, without a line end after the last. `bytes` is what was
   * captured (borrowed for the call), `originalLength` how long the packet was.
   */
  format(
    linkType: number,
    timeUs: number,
    bytes: Uint8Array,
    originalLength: number = bytes.length,
    nanoseconds = 0,
  ): string {
    this.packets++;
    const lead = this.numbered ? `${String(this.packets).padStart(5)}  ` : '';
    const fault = headerFault(bytes.length, originalLength);
    if (fault !== '') return lead + fault;
    const d = this.dissection;
    d.begin(bytes);
    d.put(lead);
    this.putTime(Math.floor(timeUs), nanoseconds);
    try {
      d.linkHeaderLen = printByLinkType(d, linkType, originalLength, bytes.length);
    } catch (thrown) {
      if (thrown !== PAST_THE_END) throw thrown;
      // A packet that ended inside a protocol is dumped whole.
      d.truncated();
      d.linkHeaderLen = 0;
    }
    d.snapEnd = bytes.length;
    this.putDump();
    return d.text;
  }

  private putDump(): void {
    const d = this.dissection;
    const from = this.dump.length === 2 ? 0 : d.linkHeaderLen;
    const length = d.bytes.length - from;
    if (length <= 0) return;
    switch (this.dump) {
      case 'X':
      case 'XX':
        return dumpHexAndAscii(d, '\n\t', from, length);
      case 'x':
      case 'xx':
        return dumpHex(d, '\n\t', from, length);
      case 'A':
      case 'AA':
        return dumpAscii(d, from, length);
      default:
        return;
    }
  }

  private putTime(timeUs: number, nanoseconds: number): void {
    const d = this.dissection;
    const seconds = Math.floor(timeUs / 1_000_000);
    const us = timeUs - seconds * 1_000_000;
    const ns = this.nanoseconds ? nanoseconds : 0;
    switch (this.time) {
      case 'none':
        return;
      case 'clock':
        return d.put(`${this.clockText(seconds, us, ns, false)} `);
      case 'date':
        return d.put(`${this.clockText(seconds, us, ns, true)} `);
      case 'seconds':
        return d.put(isPastSignedSeconds(seconds) ? '[Error converting time] ' : `${seconds >>> 0}${this.fraction(us, ns)} `);
      default: {
        // Zero stands for "none yet", as in tcpdump: a capture that begins at zero counts from the first time after.
        if (this.referenceUs === 0 && this.referenceNs === 0) {
          this.referenceUs = timeUs;
          this.referenceNs = ns;
        }
        let differenceUs = timeUs - this.referenceUs;
        let differenceNs = ns - this.referenceNs;
        const negative = differenceUs < 0 || (differenceUs === 0 && differenceNs < 0);
        if (negative) {
          differenceUs = -differenceUs;
          differenceNs = -differenceNs;
        }
        if (differenceNs < 0) {
          differenceNs += 1000;
          differenceUs -= 1;
        }
        const wholeSeconds = Math.floor(differenceUs / 1_000_000);
        const rest = differenceUs - wholeSeconds * 1_000_000;
        d.put(`${negative ? '-' : ' '}${this.clockText(wholeSeconds, rest, differenceNs, false)} `);
        if (this.time === 'since-previous') {
          this.referenceUs = timeUs;
          this.referenceNs = ns;
        }
      }
    }
  }

  private fraction(us: number, ns: number): string {
    return this.nanoseconds ? `.${String(us * 1000 + ns).padStart(9, '0')}` : `.${String(us).padStart(6, '0')}`;
  }

  private clockText(seconds: number, us: number, ns: number, withDate: boolean): string {
    if (isPastSignedSeconds(seconds)) return '[Error converting time]';
    const iso = new Date(seconds * 1000).toISOString();
    const clock = iso.slice(11, 19) + this.fraction(us, ns);
    return withDate ? `${iso.slice(0, 10)} ${clock}` : clock;
  }
}

/** tcpdump looks at the low 32 bits of the seconds and gives up from 2038 on. */
function isPastSignedSeconds(seconds: number): boolean {
  return (seconds & 0x80000000) !== 0;
}

/** What is impossible about a packet's lengths, or nothing. */
function headerFault(captured: number, original: number): string {
  const faults: string[] = [];
  if (captured === 0) faults.push('caplen==0');
  if (original === 0) faults.push('len==0');
  else if (original < captured) faults.push(`len(${original}) < caplen(${captured})`);
  if (captured > LARGEST_PACKET) faults.push(`caplen(${captured}) > ${LARGEST_PACKET}`);
  if (original > LARGEST_PACKET) faults.push(`len(${original}) > ${LARGEST_PACKET}`);
  return faults.length === 0 ? '' : `[Invalid header: ${faults.join(', ')}]`;
}

/** Returns the length of the link header. A link type nobody knows here gets a dump and no words. */
function printByLinkType(d: Dissection, linkType: number, length: number, captured: number): number {
  switch (linkType) {
    case LinkType.Ethernet:
      return printEthernet(d, 0, length, captured);
    case LinkType.Raw:
    case LinkType.RawBsd:
    case LinkType.RawOpenBsd:
    case LinkType.Ipv4:
    case LinkType.Ipv6:
      return printRaw(d, length);
    case LinkType.Null:
    case LinkType.Loop:
      return printNull(d, length, captured);
    case LinkType.LinuxSll:
      return printCooked(d, length, captured);
    case LinkType.LinuxSll2:
      return printCooked2(d, length, captured);
    default:
      dumpHexAndAscii(d, '\n\t', 0, captured);
      return captured;
  }
}
