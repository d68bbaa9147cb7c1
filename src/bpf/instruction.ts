/**
 * Instructions of classic BPF, as `struct sock_filter` of <linux/filter.h> has them, and their codes by name.
 *
 * The machine (machine.ts) runs them, the checker (check.ts) refuses wrong ones, the compiler (compile.ts) makes them.
 * Read McCanne and Jacobson, "The BSD Packet Filter" (1993), and the kernel's Documentation/networking/filter.rst first.
 *
 * A code is built of three parts:
 *
 *     load, store   | mode 3 bits | size 2 bits | class 3 bits |
 *     alu, jump     | operation 4 bits | source 1 bit (0 k, 1 X) | class 3 bits |
 */

/** One instruction. A program is an array of them. */
export interface Instruction {
  /** 16 bits. */
  readonly code: number;
  /** How many instructions a conditional jump skips when it holds, and when it does not: 8 bits each. */
  readonly jt: number;
  readonly jf: number;
  /** The operand, 0 to 0xffffffff. */
  readonly k: number;
}

/** Most instructions of a program: Linux's BPF_MAXINSNS. */
export const MAX_INSTRUCTIONS = 4096;
/** Words of scratch memory: BPF_MEMWORDS. */
export const SCRATCH_WORDS = 16;

/** Every code that Linux knows; no other is valid. */
export const Code = {
  LoadWord: 0x20,
  LoadHalf: 0x28,
  LoadByte: 0x30,
  LoadWordIndexed: 0x40,
  LoadHalfIndexed: 0x48,
  LoadByteIndexed: 0x50,
  LoadConstant: 0x00,
  LoadScratch: 0x60,
  LoadLength: 0x80,

  LoadXConstant: 0x01,
  LoadXScratch: 0x61,
  LoadXLength: 0x81,
  /** X = 4 * (low nibble of the byte at k): the length of an IPv4 header (BPF_MSH). */
  LoadXHeaderLength: 0xb1,

  Store: 0x02,
  StoreX: 0x03,

  Add: 0x04,
  AddX: 0x0c,
  Sub: 0x14,
  SubX: 0x1c,
  Mul: 0x24,
  MulX: 0x2c,
  Div: 0x34,
  DivX: 0x3c,
  Or: 0x44,
  OrX: 0x4c,
  And: 0x54,
  AndX: 0x5c,
  ShiftLeft: 0x64,
  ShiftLeftX: 0x6c,
  ShiftRight: 0x74,
  ShiftRightX: 0x7c,
  Negate: 0x84,
  Mod: 0x94,
  ModX: 0x9c,
  Xor: 0xa4,
  XorX: 0xac,

  Jump: 0x05,
  JumpEqual: 0x15,
  JumpEqualX: 0x1d,
  JumpGreater: 0x25,
  JumpGreaterX: 0x2d,
  JumpGreaterEqual: 0x35,
  JumpGreaterEqualX: 0x3d,
  JumpSet: 0x45,
  JumpSetX: 0x4d,

  Return: 0x06,
  ReturnA: 0x16,

  AToX: 0x07,
  XToA: 0x87,
} as const;
export type Code = (typeof Code)[keyof typeof Code];

/** The bit of ALU and jump codes that says: the second operand is X. */
export const SOURCE_X = 0x08;

export function instruction(code: number, k = 0, jt = 0, jf = 0): Instruction {
  return { code, jt, jf, k: k >>> 0 };
}
