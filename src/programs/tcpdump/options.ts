/**
 * The options of tcpdump, one table for the program on a host (tcpdump.ts) and for the command that reads this machine's
 * files (src/cli/tcpdump.ts).
 */
import { type TcpdumpOptions, tcpdumpOptionsFromFlags } from '../../capture/tcpdump-printer.ts';
import { getopt, UsageFault } from '../getopt.ts';

export interface TcpdumpWords {
  /** How packets are printed; names have to be added. */
  readonly printing: TcpdumpOptions;
  readonly verbose: boolean;
  readonly numeric: boolean;
  readonly listsInterfaces: boolean;
  /** '' for the first that is up. */
  readonly device: string;
  readonly promiscuous: boolean;
  /** Only frames that come in, or only those that go out; 'inout' for both. */
  readonly direction: 'in' | 'out' | 'inout';
  /** A file to read instead of a device; null for none. */
  readonly read: string | null;
  readonly write: string | null;
  readonly count: number;
  /** How many bytes of a packet are kept. */
  readonly snapLen: number;
  /** How many times -d was given. */
  readonly listing: number;
  readonly filter: string;
}

const LARGEST_SNAPSHOT = 262_144;
const PRINTING = 'neSqvxXAt#';
const LETTERS = `${PRINTING}c:dDi:lpQ:r:s:Uw:`;

/** What the options mean, for help texts. */
export const TCPDUMP_OPTIONS = `  -i IF     capture on IF, 'any' for all interfaces; -D lists them
  -r FILE   read FILE instead of an interface ('-' is standard input)
  -w FILE   write the packets to FILE ('-' is standard output) instead of printing them
  -c N      end after N packets
  -s N      keep N bytes of each packet
  -p        leave the interface as it is: no frames for others
  -Q in|out only what comes in, or goes out
  -n        numeric addresses and ports
  -v        more of IP, TCP, UDP and ICMP; -vv and -vvv still more
  -e        the link header, too
  -S        absolute TCP sequence numbers
  -q        less
  -x -X     the packet in hex, in hex and characters (-xx, -XX: with its link header); -A in characters
  -t        no time; -tt seconds since 1970, -ttt since the packet before, -tttt with the date, -ttttt since the first
  -#        number the packets
  -l -U     each line, each packet at once (it is always so)
  -d        print the filter's program instead; -dd as C, -ddd as numbers
`;

export const TCPDUMP_USAGE = `usage: tcpdump [-AdDelnpqStUvxX#] [-c N] [-i IF] [-Q in|out] [-r FILE] [-s N] [-w FILE] [FILTER]

${TCPDUMP_OPTIONS}`;

/** Reads the words; throws UsageFault. */
export function parseTcpdump(args: readonly string[]): TcpdumpWords {
  const { options, operands } = getopt(args, LETTERS);
  const values = new Map<string, string>();
  const counts = new Map<string, number>();
  const flags: string[] = [];
  for (const [letter, value] of options) {
    counts.set(letter, (counts.get(letter) ?? 0) + 1);
    if (PRINTING.includes(letter)) flags.push(`-${letter}`);
    if (value === '') {
      if (LETTERS[LETTERS.indexOf(letter) + 1] === ':') throw new UsageFault(`option requires an argument -- '${letter}'`);
      continue;
    }
    if (values.has(letter)) throw new UsageFault(`-${letter} is given twice`);
    values.set(letter, value);
  }
  const printing = tcpdumpOptionsFromFlags(flags);
  if (printing === null) throw new UsageFault('these options do not go together');
  const has = (letter: string): boolean => counts.has(letter);
  if (has('r') && has('i')) throw new UsageFault('packets come from a file (-r) or an interface (-i), not from both');
  const listing = counts.get('d') ?? 0;
  if (listing > 3) throw new UsageFault('-d is given more than three times');
  const direction = values.get('Q') ?? 'inout';
  if (direction !== 'in' && direction !== 'out' && direction !== 'inout') throw new UsageFault(`unknown capture direction '${direction}'`);
  const count = values.get('c');
  const snapLen = values.get('s');
  return {
    printing,
    verbose: has('v'),
    numeric: has('n'),
    listsInterfaces: has('D'),
    device: values.get('i') ?? '',
    promiscuous: !has('p'),
    direction,
    read: values.get('r') ?? null,
    write: values.get('w') ?? null,
    count: count === undefined ? Infinity : number(count, 1, 0x7fffffff, `invalid packet count ${count}`),
    // 0 is the default, as it has long been.
    snapLen: snapLen === undefined ? LARGEST_SNAPSHOT : number(snapLen, 0, LARGEST_SNAPSHOT, `invalid snaplen ${snapLen}`) || LARGEST_SNAPSHOT,
    listing,
    filter: operands.join(' '),
  };
}

function number(text: string, least: number, most: number, complaint: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (value < least || value > most) throw new UsageFault(complaint);
  return value;
}
