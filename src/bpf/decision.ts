/**
 * A filter as tests of values, joined by and, or, not: what a link type has made of the syntax tree.
 *
 * Made by generate.ts and its kin, turned into a graph by flow.ts. Parts that are always true or never true are folded
 * away as the tree is made.
 */
import type { Value, ValueTable } from './value.ts';

/** How A is compared; these are the jumps that the machine has. */
export type Comparison = 'equal' | 'greater' | 'greater-equal' | 'any-bit';

export interface Test {
  readonly kind: 'test';
  readonly value: Value;
  readonly comparison: Comparison;
  readonly against: Value;
}

export type Decision =
  | Test
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  | { readonly kind: 'not'; readonly of: Decision }
  | { readonly kind: 'and' | 'or'; readonly first: Decision; readonly second: Decision; readonly hasShift: boolean }
  /** From `of` on, and in it, headers lie behind a tag in the frame: what is staged is asked in its second form. */
  | { readonly kind: 'shift'; readonly of: Decision }
  | { readonly kind: 'staged'; readonly plain: Decision; readonly shifted: Decision };

export const ALWAYS: Decision = { kind: 'always' };
export const NEVER: Decision = { kind: 'never' };

export function not(of: Decision): Decision {
  if (of === ALWAYS) return NEVER;
  if (of === NEVER) return ALWAYS;
  return of.kind === 'not' ? of.of : { kind: 'not', of };
}

/** A question that reads other places once a `shift` has been passed on the way to it. */
export function staged(plain: Decision, shifted: Decision): Decision {
  return plain === shifted ? plain : { kind: 'staged', plain, shifted };
}

/** Whether there is a `shift` in it. */
export function hasShift(decision: Decision): boolean {
  let at = decision;
  while (at.kind === 'not') at = at.of;
  return at.kind === 'shift' || ((at.kind === 'and' || at.kind === 'or') && at.hasShift);
}

/** In order: a later test is only made when the earlier ones held, and a load that fails drops the packet. */
export function and(...parts: readonly Decision[]): Decision {
  let all = ALWAYS;
  for (const part of parts) {
    // What comes behind a shift depends on it even when nothing passes here.
    if (all === NEVER || (part === NEVER && !hasShift(all))) return NEVER;
    all = all === ALWAYS ? part : part === ALWAYS ? all : join('and', all, part);
  }
  return all;
}

/** In order, as `and`. */
export function or(...parts: readonly Decision[]): Decision {
  let all = NEVER;
  for (const part of parts) {
    if (all === ALWAYS || (part === ALWAYS && !hasShift(all))) return ALWAYS;
    all = all === NEVER ? part : part === NEVER ? all : join('or', all, part);
  }
  return all;
}

function join(kind: 'and' | 'or', first: Decision, second: Decision): Decision {
  return { kind, first, second, hasShift: hasShift(first) || hasShift(second) };
}

/** A test, or its outcome when that is known. */
export function compare(values: ValueTable, value: Value, comparison: Comparison, against: Value): Decision {
  if (value.kind === 'constant') {
    if (against.kind === 'constant') return holds(comparison, value.k, against.k) ? ALWAYS : NEVER;
    // The jumps compare with a constant on the right: 5 > x is not (x >= 5).
    if (comparison === 'greater') return not(compare(values, against, 'greater-equal', value));
    if (comparison === 'greater-equal') return not(compare(values, against, 'greater', value));
    return compare(values, against, comparison, value);
  }
  if (comparison === 'equal' && against.kind === 'constant' && against.k === 0) {
    const { operator, left, right } = value.kind === 'binary' ? value : { operator: '', left: value, right: value };
    if (operator === '&' && right.kind === 'constant') return not({ kind: 'test', value: left, comparison: 'any-bit', against: right });
  }
  return { kind: 'test', value, comparison, against };
}

/** Whether the comparison of two numbers holds; they are unsigned. */
export function holds(comparison: Comparison, value: number, against: number): boolean {
  switch (comparison) {
    case 'equal':
      return value === against;
    case 'greater':
      return value > against;
    case 'greater-equal':
      return value >= against;
    case 'any-bit':
      return (value & against) !== 0;
  }
}
