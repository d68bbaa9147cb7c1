/**
 * Instructions that compute a value into A or X.
 *
 * Called by emit.ts for each test. The order in which operands are loaded does not show: any load that fails, and any
 * division by zero, drops the packet.
 */
import { Code, type Instruction, instruction, SOURCE_X } from './instruction.ts';
import type { Operator } from './syntax-tree.ts';
import { isLeaf, type Size, type Value } from './value.ts';

const LOADS: Readonly<Record<Size, readonly [absolute: number, indexed: number]>> = {
  1: [Code.LoadByte, Code.LoadByteIndexed],
  2: [Code.LoadHalf, Code.LoadHalfIndexed],
  4: [Code.LoadWord, Code.LoadWordIndexed],
};
const OPERATIONS: Readonly<Record<Operator, number>> = {
  '+': Code.Add,
  '-': Code.Sub,
  '*': Code.Mul,
  '/': Code.Div,
  '%': Code.Mod,
  '&': Code.And,
  '|': Code.Or,
  '^': Code.Xor,
  '<<': Code.ShiftLeft,
  '>>': Code.ShiftRight,
};

/** Collects the instructions of one test, and knows which values the registers hold (by id; -1: nobody knows). */
export class Evaluation {
  readonly instructions: Instruction[] = [];
  inA: number;
  inX: number;
  private scratchInUse = 0;

  constructor(inA: number, inX: number) {
    this.inA = inA;
    this.inX = inX;
  }

  toA(value: Value): void {
    if (this.inA === value.id) return;
    switch (value.kind) {
      case 'constant':
        this.put(Code.LoadConstant, value.k);
        break;
      case 'length':
        this.put(Code.LoadLength);
        break;
      case 'header-length':
        this.toX(value);
        this.put(Code.XToA);
        break;
      case 'load':
        if (value.index !== null) this.toX(value.index);
        this.put(LOADS[value.size][value.index === null ? 0 : 1], value.at);
        break;
      case 'negate':
        this.toA(value.of);
        this.put(Code.Negate);
        break;
      case 'binary': {
        const operation = OPERATIONS[value.operator];
        if (value.right.kind === 'constant') {
          this.toA(value.left);
          // The table of values knows differences as sums; a person reads `sub #5` more easily than `add #4294967291`.
          const isDifference = value.operator === '+' && (value.right.k | 0) < 0;
          this.put(isDifference ? Code.Sub : operation, isDifference ? -value.right.k : value.right.k);
        } else {
          this.toAAndX(value.left, value.right);
          this.put(operation | SOURCE_X);
        }
        break;
      }
    }
    this.inA = value.id;
  }

  /** Computes two values at once: what an operation or a comparison with X needs. */
  toAAndX(left: Value, right: Value): void {
    if (isLeaf(right)) {
      this.toA(left);
      this.toX(right);
    } else if (right.scratch >= left.scratch) {
      this.toA(right);
      const word = this.save();
      this.toA(left);
      this.put(Code.LoadXScratch, word);
      this.scratchInUse--;
      this.inX = right.id;
    } else {
      this.toA(left);
      const word = this.save();
      this.toX(right);
      this.put(Code.LoadScratch, word);
      this.scratchInUse--;
      this.inA = left.id;
    }
  }

  private save(): number {
    const word = this.scratchInUse++;
    this.put(Code.Store, word);
    return word;
  }

  private toX(value: Value): void {
    if (this.inX === value.id) return;
    switch (value.kind) {
      case 'constant':
        this.put(Code.LoadXConstant, value.k);
        break;
      case 'length':
        this.put(Code.LoadXLength);
        break;
      case 'header-length':
        this.put(Code.LoadXHeaderLength, value.at);
        break;
      default:
        this.toA(value);
        this.put(Code.AToX);
    }
    this.inX = value.id;
  }

  private put(code: number, k = 0): void {
    this.instructions.push(instruction(code, k));
  }
}
