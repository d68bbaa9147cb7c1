/**
 * Programs for packet sockets that see packets without a link header (AF_PACKET, SOCK_DGRAM): libpcap's device `any`.
 *
 * A filter for cooked captures reads a header that the socket's program does not see: the fields are facts of the kernel
 * there (ancillary.ts), and what follows the header begins at 0. Called by programs that capture. See libpcap's
 * pcap-linux.c, fix_offset.
 */
import { ANCILLARY_AREA, Ancillary } from './ancillary.ts';
import { Code, type Instruction } from './instruction.ts';

/** struct sll2_header: protocol 2, reserved 2, interface 4, hardware 2, packet type 1, address length 1, address 8. */
export const COOKED2_LEN = 20;
/** A whole field is a fact; a part of one is not. */
const FACTS: readonly { readonly at: number; readonly code: Code; readonly fact: number }[] = [
  { at: 0, code: Code.LoadHalf, fact: Ancillary.Protocol }, { at: 4, code: Code.LoadWord, fact: Ancillary.InterfaceIndex },
  { at: 8, code: Code.LoadHalf, fact: Ancillary.HardwareType }, { at: 10, code: Code.LoadByte, fact: Ancillary.PacketType },
];
const LOADS: ReadonlySet<number> = new Set([
  Code.LoadWord, Code.LoadHalf, Code.LoadByte, Code.LoadWordIndexed, Code.LoadHalfIndexed, Code.LoadByteIndexed,
  Code.LoadXHeaderLength,
]);

/**
 * A program for LinkType.LinuxSll2 as a packet socket of SOCK_DGRAM runs it; null when it asks for what only the header
 * has (its link-layer address), or for the packet's length: whoever captures has to filter by himself then.
 */
export function forCookedSocket(program: readonly Instruction[]): Instruction[] | null {
  const fixed: Instruction[] = [];
  for (const instruction of program) {
    const { code, k } = instruction;
    if (code === Code.LoadLength || code === Code.LoadXLength) return null;
    if (!LOADS.has(code)) {
      fixed.push(instruction);
      continue;
    }
    if (k >= COOKED2_LEN) {
      fixed.push({ ...instruction, k: k - COOKED2_LEN });
      continue;
    }
    const field = FACTS.find((one) => one.at === k && one.code === code);
    if (field === undefined) return null;
    fixed.push({ ...instruction, code: Code.LoadWord, k: (ANCILLARY_AREA + field.fact) >>> 0 });
  }
  return fixed;
}
