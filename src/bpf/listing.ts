/**
 * Programs as text, in the three forms of tcpdump(8): -d to be read, -dd as C initialisers, -ddd as decimal numbers.
 *
 * Called by `sockscape tcpdump -d` and by tests, which also read the decimal form back.
 */
import { ANCILLARY_AREA, isAncillary } from './ancillary.ts';
import { Code, type Instruction } from './instruction.ts';

/** tcpdump -ddd: the number of instructions, then one per line. */
export function decimalListing(program: readonly Instruction[]): string {
  return [program.length, ...program.map(({ code, jt, jf, k }) => `${code} ${jt} ${jf} ${k}`)].join('\n') + '\n';
}

/** Reads what `decimalListing` writes; null when it is something else. */
export function parseDecimalListing(text: string): Instruction[] | null {
  const lines = text.trim().split('\n');
  const program: Instruction[] = [];
  for (const line of lines.slice(1)) {
    const fields = /^(\d+) (\d+) (\d+) (\d+)$/.exec(line);
    if (fields === null) return null;
    const [code, jt, jf, k] = fields.slice(1).map(Number) as [number, number, number, number];
    program.push({ code, jt, jf, k });
  }
  return lines[0] === String(program.length) ? program : null;
}

/** tcpdump -dd. */
export function initialiserListing(program: readonly Instruction[]): string {
  return program.map(({ code, jt, jf, k }) => `{ 0x${code.toString(16)}, ${jt}, ${jf}, 0x${k.toString(16).padStart(8, '0')} },\n`).join('');
}

/** tcpdump -d. */
export function readableListing(program: readonly Instruction[]): string {
  return program.map((instruction, at) => `(${String(at).padStart(3, '0')}) ${line(instruction, at)}\n`).join('');
}

function line({ code, jt, jf, k }: Instruction, at: number): string {
  const [name, operand] = words(code, k, at);
  const text = `${name.padEnd(8)} ${operand}`;
  const isConditional = (code & 0x07) === 0x05 && code !== Code.Jump;
  return isConditional ? `${name.padEnd(8)} ${operand.padEnd(16)} jt ${at + 1 + jt}\tjf ${at + 1 + jf}` : text;
}

/** What the kernel knows beside a packet's bytes, by the names of `tcpdump -d`. */
const FACTS: readonly string[] = [
  'proto', 'type', 'ifidx', 'nla', 'nlan', 'mark', 'queue', 'hatype', 'rxhash', 'cpu', 'xor_x', 'vlan_tci', 'vlanp', 'pay_offset',
  'random', 'vlan_tpid',
];

function place(k: number): string {
  const fact = isAncillary(k | 0) ? FACTS[((k | 0) - ANCILLARY_AREA) >> 2] : undefined;
  return `[${fact ?? String(k | 0)}]`;
}

function words(code: number, k: number, at: number): readonly [name: string, operand: string] {
  const decimal = `#${k | 0}`;
  const hexadecimal = `#0x${k.toString(16)}`;
  switch (code) {
    case Code.Return:
      return ['ret', decimal];
    case Code.ReturnA:
      return ['ret', ''];
    case Code.LoadWord:
      return ['ld', place(k)];
    case Code.LoadHalf:
      return ['ldh', place(k)];
    case Code.LoadByte:
      return ['ldb', place(k)];
    case Code.LoadLength:
      return ['ld', '#pktlen'];
    case Code.LoadWordIndexed:
      return ['ld', `[x + ${k | 0}]`];
    case Code.LoadHalfIndexed:
      return ['ldh', `[x + ${k | 0}]`];
    case Code.LoadByteIndexed:
      return ['ldb', `[x + ${k | 0}]`];
    case Code.LoadConstant:
      return ['ld', hexadecimal];
    case Code.LoadXConstant:
      return ['ldx', hexadecimal];
    case Code.LoadXLength:
      return ['ldx', '#pktlen'];
    case Code.LoadXHeaderLength:
      return ['ldxb', `4*([${k | 0}]&0xf)`];
    case Code.LoadScratch:
      return ['ld', `M[${k}]`];
    case Code.LoadXScratch:
      return ['ldx', `M[${k}]`];
    case Code.Store:
      return ['st', `M[${k}]`];
    case Code.StoreX:
      return ['stx', `M[${k}]`];
    case Code.Jump:
      return ['ja', String(at + 1 + k)];
    case Code.JumpGreater:
      return ['jgt', hexadecimal];
    case Code.JumpGreaterEqual:
      return ['jge', hexadecimal];
    case Code.JumpEqual:
      return ['jeq', hexadecimal];
    case Code.JumpSet:
      return ['jset', hexadecimal];
    case Code.JumpGreaterX:
      return ['jgt', 'x'];
    case Code.JumpGreaterEqualX:
      return ['jge', 'x'];
    case Code.JumpEqualX:
      return ['jeq', 'x'];
    case Code.JumpSetX:
      return ['jset', 'x'];
    case Code.Add:
      return ['add', decimal];
    case Code.Sub:
      return ['sub', decimal];
    case Code.Mul:
      return ['mul', decimal];
    case Code.Div:
      return ['div', decimal];
    case Code.Mod:
      return ['mod', decimal];
    case Code.And:
      return ['and', hexadecimal];
    case Code.Or:
      return ['or', hexadecimal];
    case Code.Xor:
      return ['xor', hexadecimal];
    case Code.ShiftLeft:
      return ['lsh', decimal];
    case Code.ShiftRight:
      return ['rsh', decimal];
    case Code.AddX:
      return ['add', 'x'];
    case Code.SubX:
      return ['sub', 'x'];
    case Code.MulX:
      return ['mul', 'x'];
    case Code.DivX:
      return ['div', 'x'];
    case Code.ModX:
      return ['mod', 'x'];
    case Code.AndX:
      return ['and', 'x'];
    case Code.OrX:
      return ['or', 'x'];
    case Code.XorX:
      return ['xor', 'x'];
    case Code.ShiftLeftX:
      return ['lsh', 'x'];
    case Code.ShiftRightX:
      return ['rsh', 'x'];
    case Code.Negate:
      return ['neg', ''];
    case Code.AToX:
      return ['tax', ''];
    case Code.XToA:
      return ['txa', ''];
    default:
      return ['unimp', `0x${code.toString(16)}`];
  }
}
