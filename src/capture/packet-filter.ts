/**
 * A filter over captured packets: one expression, compiled for each link type that it meets.
 *
 * Used by `sockscape tcpdump` and by whoever reads capture files. Verdicts are those of tcpdump over the same file.
 */
import { ByteArraySource } from '../base/byte-source.ts';
import { PacketFacts } from '../bpf/ancillary.ts';
import { compileFilter } from '../bpf/compile.ts';
import type { Instruction } from '../bpf/instruction.ts';
import { Filter, MachineRules } from '../bpf/machine.ts';
import type { FilterNames } from '../bpf/names.ts';
import type { CapturedPacket, CaptureInterface } from './capture-record.ts';

/** Files say 0, or something beyond what any tool accepts, when they set no limit. */
const LARGEST_PACKET = 262_144;

/** The program of an expression for packets of an interface. Throws FilterError. */
export function compileForInterface(expression: string, of: CaptureInterface, names: FilterNames = {}): Instruction[] {
  const { linkType, snapLen, littleEndian: isLittleEndian } = of;
  return compileFilter(expression, {
    linkType, isLittleEndian, names, snapLen: snapLen === 0 || snapLen > LARGEST_PACKET ? LARGEST_PACKET : snapLen,
  });
}

export class PacketFilter {
  private readonly expression: string;
  private readonly names: FilterNames;
  private readonly filters = new Map<CaptureInterface, Filter>();
  private readonly source = new ByteArraySource();
  private readonly facts = new PacketFacts();

  /** The expression is looked at when the first packet comes (or by `compileForInterface`). */
  constructor(expression: string, names: FilterNames = {}) {
    this.expression = expression;
    this.names = names;
  }

  /** Whether the packet passes. Throws FilterError when the expression is wrong for the packet's link type. */
  passes(packet: CapturedPacket): boolean {
    let filter = this.filters.get(packet.interface);
    if (filter === undefined) {
      filter = new Filter(compileForInterface(this.expression, packet.interface, this.names), MachineRules.Library);
      this.filters.set(packet.interface, filter);
    }
    this.source.bytes = packet.bytes;
    this.facts.length = packet.originalLength;
    return filter.run(this.source, this.facts) !== 0;
  }
}
