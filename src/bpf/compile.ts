/**
 * The compiler of filter expressions: pcap-filter(7) to classic BPF.
 *
 * Called by `sockscape tcpdump`, by programs that capture, and through `sockscape/capture`. The stages, a file each:
 *
 *     text  lexer  parser -> syntax tree  generate -> decision  flow -> graph  emit -> program
 *
 * Its verdicts are libpcap's (test/interop/filter-verdicts.test.ts holds them against it); its programs are its own.
 * docs/tcpdump.md lists what is not supported. Read pcap-filter(7) first.
 */
import { LinkType } from '../wire/link-type.ts';
import { Context } from './context.ts';
import { emit } from './emit.ts';
import { FilterError } from './filter-error.ts';
import { makeFlow } from './flow.ts';
import { generate } from './generate.ts';
import { type Instruction, instruction, Code, MAX_INSTRUCTIONS } from './instruction.ts';
import { LinkLayer } from './link-layer.ts';
import type { FilterNames } from './names.ts';
import { parseFilter } from './parser.ts';
import { ValueTable } from './value.ts';

export interface CompileOptions {
  /** The link type of what is filtered (LinkType); Ethernet unless given. */
  readonly linkType?: number;
  /** How many bytes of a packet that passes are kept; 262,144 unless given, which is everything. */
  readonly snapLen?: number;
  /** For names of hosts, networks and services. Without it only protocols have names. */
  readonly names?: FilterNames;
  /** The netmask where packets are captured, for `ip broadcast`; 0 (unknown) leaves 0.0.0.0 and 255.255.255.255. */
  readonly netmask?: number;
  /** Whether the program is for a packet socket: there it can ask for tags taken out of frames, directions, interfaces. */
  readonly isLive?: boolean;
  /** Whether a file of LinkType.Null is little-endian: its packets begin with a number in the writer's order. */
  readonly isLittleEndian?: boolean;
}

const LARGEST_PACKET = 262_144;

/** The program of a filter expression; an empty one passes everything. Throws FilterError. */
export function compileFilter(expression: string, options: CompileOptions = {}): Instruction[] {
  const { linkType = LinkType.Ethernet, snapLen = LARGEST_PACKET, names = {}, netmask = 0, isLive = false, isLittleEndian = true } = options;
  const condition = parseFilter(expression);
  if (condition === null) return [instruction(Code.Return, snapLen)];
  const values = new ValueTable();
  const link = LinkLayer.of(linkType, isLittleEndian, isLive, values);
  if (link === null) throw new FilterError(0, `there are no filters for link type ${linkType}`);
  const flow = makeFlow(generate(new Context(values, link, names, netmask), condition));
  if (flow.start === flow.reject) throw new FilterError(0, 'no packet can pass this filter');
  const program = emit(flow, snapLen);
  if (program.length > MAX_INSTRUCTIONS) {
    throw new FilterError(0, `the filter takes ${program.length} instructions; ${MAX_INSTRUCTIONS} is the most`);
  }
  return program;
}
