/**
 * The checker of classic BPF programs: refuses exactly what Linux refuses when a filter is attached to a socket
 * (bpf_check_classic, check_load_and_stores and bpf_check_basics_ok in net/core/filter.c).
 *
 * Called by the machine's constructor, and by setsockopt(SO_ATTACH_FILTER), which answers EINVAL.
 */
import { ANCILLARY_AREA, isAncillary } from './ancillary.ts';
import { Code, type Instruction, MAX_INSTRUCTIONS, SCRATCH_WORDS } from './instruction.ts';

const KNOWN = new Set<number>(Object.values(Code));

/** Why a program is refused, in a few words, or null when it may run. */
export function checkProgram(program: readonly Instruction[]): string | null {
  const { length } = program;
  if (length === 0 || length > MAX_INSTRUCTIONS) return `${length} instructions; there may be 1 to ${MAX_INSTRUCTIONS}`;
  for (let pc = 0; pc < length; pc++) {
    const complaint = checkInstruction(program[pc] as Instruction, pc, length);
    if (complaint !== null) return `instruction ${pc}: ${complaint}`;
  }
  const last = (program[length - 1] as Instruction).code;
  if (last !== Code.Return && last !== Code.ReturnA) return 'the last instruction does not return';
  return checkScratch(program);
}

function checkInstruction({ code, jt, jf, k }: Instruction, pc: number, length: number): string | null {
  if (!KNOWN.has(code)) return `unknown code 0x${code.toString(16)}`;
  switch (code) {
    case Code.Div:
    case Code.Mod:
      return k === 0 ? 'division by zero' : null;
    case Code.ShiftLeft:
    case Code.ShiftRight:
      return k >= 32 ? `shift by ${k}` : null;
    case Code.LoadScratch:
    case Code.LoadXScratch:
    case Code.Store:
    case Code.StoreX:
      return k >= SCRATCH_WORDS ? `no scratch word ${k}` : null;
    case Code.LoadWord:
    case Code.LoadHalf:
    case Code.LoadByte:
      return (k | 0) < 0 && (k | 0) >= ANCILLARY_AREA && !isAncillary(k | 0) ? `no ancillary offset ${k | 0}` : null;
    case Code.Jump:
      return k >= length - pc - 1 ? 'jump out of the program' : null;
    default:
      return isConditional(code) && (pc + jt + 1 >= length || pc + jf + 1 >= length) ? 'jump out of the program' : null;
  }
}

function isConditional(code: number): boolean {
  return (code & 0x07) === 0x05 && code !== Code.Jump;
}

const ALL_WORDS = (1 << SCRATCH_WORDS) - 1;

/**
 * Every scratch word must be written before it is read, on every way through the program. `reached[pc]` holds the words
 * (as bits) that all jumps to `pc` come with; jumps go forward only, so one pass is enough.
 *
 * As in Linux, what follows a return is thought to be reached from it, too.
 */
function checkScratch(program: readonly Instruction[]): string | null {
  const reached = new Uint16Array(program.length).fill(ALL_WORDS);
  let written = 0;
  for (let pc = 0; pc < program.length; pc++) {
    const { code, jt, jf, k } = program[pc] as Instruction;
    written &= reached[pc] as number;
    if (code === Code.Store || code === Code.StoreX) {
      written |= 1 << k;
    } else if (code === Code.LoadScratch || code === Code.LoadXScratch) {
      if ((written & (1 << k)) === 0) return `instruction ${pc}: scratch word ${k} is read before it is written`;
    } else if (code === Code.Jump) {
      reached[pc + 1 + k] = (reached[pc + 1 + k] as number) & written;
      written = ALL_WORDS;
    } else if (isConditional(code)) {
      reached[pc + 1 + jt] = (reached[pc + 1 + jt] as number) & written;
      reached[pc + 1 + jf] = (reached[pc + 1 + jf] as number) & written;
      written = ALL_WORDS;
    }
  }
  return null;
}
