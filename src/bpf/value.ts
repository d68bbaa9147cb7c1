/**
 * Numbers that a filter computes: places in the packet, its length, and arithmetic over them.
 *
 * Made by generate.ts and its kin, put into instructions by evaluate.ts. Equal values are one object, so that the
 * compiler sees by identity that a number is already in a register or has already been tested.
 */
import type { Operator } from './syntax-tree.ts';

export type Size = 1 | 2 | 4;

interface Common {
  readonly id: number;
  /**
   * Scratch words that are needed to compute it (Ershov's number, less one): the operand that needs more is computed
   * first, so that not even the largest expression runs out of them.
   */
  readonly scratch: number;
}

export type Value =
  | (Common & { readonly kind: 'constant'; readonly k: number })
  | (Common & { readonly kind: 'length' })
  /** The bytes at `at`, plus `index` when there is one. */
  | (Common & { readonly kind: 'load'; readonly size: Size; readonly at: number; readonly index: Value | null })
  /** The length of the IPv4 header that begins at `at`. */
  | (Common & { readonly kind: 'header-length'; readonly at: number })
  | (Common & { readonly kind: 'negate'; readonly of: Value })
  | (Common & { readonly kind: 'binary'; readonly operator: Operator; readonly left: Value; readonly right: Value });

type Shape = Value extends infer V ? (V extends Value ? Omit<V, keyof Common> : never) : never;

/** Values that fit into X without touching A. */
export function isLeaf(value: Value): boolean {
  return value.kind === 'constant' || value.kind === 'length' || value.kind === 'header-length';
}

/** Makes values, and simplifies what is known at compile time. One per compilation. */
export class ValueTable {
  private readonly known = new Map<string, Value>();

  constant(k: number): Value {
    return this.make(`k${k >>> 0}`, { kind: 'constant', k: k >>> 0 }, 0);
  }

  length(): Value {
    return this.make('len', { kind: 'length' }, 0);
  }

  headerLength(at: number): Value {
    return this.make(`h${at}`, { kind: 'header-length', at }, 0);
  }

  /** A constant part of the index becomes part of the offset. Offsets wrap at 32 bits, as the machine's do. */
  load(size: Size, at: number, index: Value | null = null): Value {
    if (index?.kind === 'constant') return this.load(size, (at + index.k) >>> 0);
    if (index?.kind === 'binary' && index.operator === '+' && index.right.kind === 'constant') {
      const { left, right } = index;
      const moved = (at + right.k) | 0;
      // An index that may be negative stays apart: the machine that reads files drops such a packet. Headers have a length.
      if (moved >= 0 && ((right.k | 0) >= 0 || left.kind === 'header-length')) return this.load(size, moved, left);
    }
    return this.make(`l${size},${at >>> 0},${index?.id ?? ''}`, { kind: 'load', size, at: at >>> 0, index }, index?.scratch ?? 0);
  }

  negate(of: Value): Value {
    if (of.kind === 'constant') return this.constant(-of.k);
    return this.make(`n${of.id}`, { kind: 'negate', of }, of.scratch);
  }

  /** Constant divisors are not 0 and constant shifts below 32: generate.ts has seen to that. */
  binary(operator: Operator, left: Value, right: Value): Value {
    if (left.kind === 'constant' && right.kind === 'constant') return this.constant(calculate(operator, left.k, right.k));
    if (left.kind === 'constant' && COMMUTES.has(operator)) return this.binary(operator, right, left);
    if (right.kind === 'constant') {
      // What does not depend on the packet is not loaded either: a packet too short for it is not dropped. libpcap's too.
      if (right.k === 0 && (operator === '*' || operator === '&')) return this.constant(0);
      if (right.k === 0 && IDENTITY_AT_ZERO.has(operator)) return left;
      // Sums with constants are gathered, so that `load` finds them: (x + 1) + 2.
      if (operator === '-') return this.binary('+', left, this.constant(-right.k));
      if (operator === '+' && left.kind === 'binary' && left.operator === '+' && left.right.kind === 'constant') {
        return this.binary('+', left.left, this.constant(left.right.k + right.k));
      }
    }
    const most = Math.max(left.scratch, right.scratch);
    const scratch = isLeaf(right) ? left.scratch : left.scratch === right.scratch ? most + 1 : most;
    return this.make(`${left.id}${operator}${right.id}`, { kind: 'binary', operator, left, right }, scratch);
  }

  private make(key: string, shape: Shape, scratch: number): Value {
    let value = this.known.get(key);
    if (value === undefined) {
      value = { id: this.known.size, scratch, ...shape };
      this.known.set(key, value);
    }
    return value;
  }
}

const COMMUTES: ReadonlySet<Operator> = new Set<Operator>(['+', '*', '&', '|', '^']);
const IDENTITY_AT_ZERO: ReadonlySet<Operator> = new Set<Operator>(['+', '-', '|', '^', '<<', '>>']);

/** As the machine computes: modulo 2^32, unsigned. */
function calculate(operator: Operator, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return Math.imul(left, right);
    case '/':
      return Math.floor(left / right);
    case '%':
      return left % right;
    case '&':
      return left & right;
    case '|':
      return left | right;
    case '^':
      return left ^ right;
    case '<<':
      return left << right;
    default:
      return left >>> right;
  }
}
