/**
 * The same filter in three hands: our compiler's program on our machine, libpcap's program on our machine, and Debian's
 * tcpdump itself.
 *
 * Used by filter-tally.ts.
 */
import { spawnSync } from 'node:child_process';
import { ByteArraySource } from '../../src/base/byte-source.ts';
import { PacketFacts } from '../../src/bpf/ancillary.ts';
import { compileFilter } from '../../src/bpf/compile.ts';
import { FilterError } from '../../src/bpf/filter-error.ts';
import { Code, type Instruction } from '../../src/bpf/instruction.ts';
import { parseDecimalListing } from '../../src/bpf/listing.ts';
import { Filter, MachineRules } from '../../src/bpf/machine.ts';
import { readPcap } from '../../src/capture/pcap.ts';
import { filterFile, type FilteredPacket } from './filter-packets.ts';

/** `null` in place of a program or of verdicts: the expression was refused. */
export interface Hands {
  readonly ours: readonly Instruction[] | null;
  readonly libpcap: readonly Instruction[] | null;
  /** What each says about a refusal. */
  readonly ourComplaint: string;
  readonly libpcapComplaint: string;
}

export class FilterComparison {
  readonly linkType: number;
  readonly packets: readonly FilteredPacket[];
  private readonly file: Uint8Array;
  private readonly isLittleEndian: boolean;

  constructor(linkType: number, packets: readonly FilteredPacket[], isLittleEndian = true) {
    this.linkType = linkType;
    this.packets = packets;
    this.isLittleEndian = isLittleEndian;
    this.file = filterFile(linkType, packets, !isLittleEndian);
  }

  compile(expression: string): Hands {
    let ours: readonly Instruction[] | null = null;
    let ourComplaint = '';
    try {
      ours = compileFilter(expression, { linkType: this.linkType, isLittleEndian: this.isLittleEndian });
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      ourComplaint = error.message;
    }
    const { program, complaint } = this.libpcapProgram(expression);
    return { ours, libpcap: program, ourComplaint, libpcapComplaint: complaint };
  }

  /** libpcap's program; `-O` gives the one that its optimizer has not touched. */
  libpcapProgram(expression: string, ...flags: string[]): { program: readonly Instruction[] | null; complaint: string } {
    const header = this.file.subarray(0, 24);
    const run = spawnSync('tcpdump', ['-r', '-', '-ddd', ...flags, '--', expression], { input: header, encoding: 'utf8' });
    if (run.error !== undefined) throw run.error;
    const program = run.status === 0 ? parseDecimalListing(run.stdout) : null;
    return { program, complaint: run.stderr.split('\n').filter((line) => line.startsWith('tcpdump: ')).join(' ') };
  }

  /** Our machine's verdicts, one character per packet. */
  run(program: readonly Instruction[]): string {
    const passes = runner(program);
    return this.packets.map(({ bytes, length }) => (passes(bytes, length) ? '1' : '0')).join('');
  }

  /** Whether a program drops a packet because a load fails: it does so even when whatever it could decide is to pass. */
  failsToLoad(program: readonly Instruction[], index: number): boolean {
    const { bytes, length } = this.packets[index] as FilteredPacket;
    const passing = program.map((one) => (one.code === Code.Return ? { ...one, k: 1 } : one));
    return !runner(passing)(bytes, length);
  }

  /** Whether two programs agree on a packet once it is so long that no load fails. */
  agreeWhenFilled(one: readonly Instruction[], other: readonly Instruction[], index: number): boolean {
    const { bytes, length } = this.packets[index] as FilteredPacket;
    const filled = new Uint8Array(1 << 16);
    filled.set(bytes);
    return runner(one)(filled, length) === runner(other)(filled, length);
  }

  /** tcpdump's verdicts: which packets it writes; their times are their numbers. */
  tcpdumpVerdicts(expression: string): string {
    const run = spawnSync('tcpdump', ['-r', '-', '-w', '-', '--', expression], { input: this.file, maxBuffer: 2 ** 30 });
    if (run.status !== 0) throw new Error(`tcpdump ${expression}: ${run.error ?? run.stderr.toString()}`);
    const verdicts = new Array<string>(this.packets.length).fill('0');
    for (const { timeUs } of readPcap(new Uint8Array(run.stdout))) verdicts[timeUs] = '1';
    return verdicts.join('');
  }

  describe(index: number): string {
    const { bytes, length } = this.packets[index] as FilteredPacket;
    return `link type ${this.linkType}, packet ${index} (${bytes.length} of ${length} bytes) ${Buffer.from(bytes).toString('hex')}`;
  }
}

function runner(program: readonly Instruction[]): (bytes: Uint8Array, length: number) => boolean {
  const filter = new Filter(program, MachineRules.Library);
  const source = new ByteArraySource();
  const facts = new PacketFacts();
  return (bytes, length) => {
    source.bytes = bytes;
    facts.length = length;
    return filter.run(source, facts) > 0;
  };
}
