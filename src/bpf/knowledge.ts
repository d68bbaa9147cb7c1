/**
 * What is known of a packet at a place in the graph of tests: the outcomes of the tests on the way there.
 *
 * Used by flow.ts to pass by tests that have been decided. Knowledge is a list that branches as the ways do; where ways
 * meet, what they have in common stays: the tests before they parted, and of values that were compared with numbers on
 * every way, which numbers they can be.
 */
import { holds, type Test } from './decision.ts';
import type { Value } from './value.ts';

export interface Knowledge {
  readonly value: Value;
  /** A test of the value, and how it went; or null: the value is one of `numbers`. */
  readonly test: Test | null;
  readonly outcome: boolean;
  readonly numbers: readonly number[];
  readonly before: Knowledge | null;
  readonly depth: number;
}

/** How far back is looked: beyond any filter of a person, and it keeps long lists of ports from taking minutes. */
const MOST_STEPS_BACK = 500;
/** More possibilities than this are forgotten. */
const MOST_NUMBERS = 16;

export function learn(before: Knowledge | null, test: Test, outcome: boolean): Knowledge {
  return { value: test.value, test, outcome, numbers: [], before, depth: (before?.depth ?? 0) + 1 };
}

/** How a test that has been made before went; null when it has not been. */
export function outcomeOf(test: Test, knowledge: Knowledge): boolean | null {
  let steps = 0;
  for (let at: Knowledge | null = knowledge; at !== null && steps < MOST_STEPS_BACK; at = at.before, steps++) {
    if (at.test?.value === test.value && at.test.comparison === test.comparison && at.test.against === test.against) return at.outcome;
  }
  return null;
}

/** The numbers that a value can be; null when they are not known to be few. */
export function numbersOf(value: Value, knowledge: Knowledge | null): readonly number[] | null {
  const later: Knowledge[] = [];
  let steps = 0;
  for (let at = knowledge; at !== null && steps < MOST_STEPS_BACK; at = at.before, steps++) {
    if (at.value !== value) continue;
    const numbers = pinned(at);
    if (numbers !== null) return numbers.filter((number) => later.every((entry) => allows(entry, number)));
    later.push(at);
  }
  return null;
}

function pinned({ test, outcome, numbers }: Knowledge): readonly number[] | null {
  if (test === null) return numbers;
  return outcome && test.comparison === 'equal' && test.against.kind === 'constant' ? [test.against.k] : null;
}

function allows({ test, outcome }: Knowledge, number: number): boolean {
  return test === null || test.against.kind !== 'constant' || holds(test.comparison, number, test.against.k) === outcome;
}

/** What two ways have in common. */
export function meet(one: Knowledge | null, other: Knowledge | null): Knowledge | null {
  const parted = lastCommon(one, other);
  let met = parted;
  let steps = 0;
  const seen = new Set<Value>();
  for (let at = one; at !== parted && at !== null && steps < MOST_STEPS_BACK; at = at.before, steps++) {
    if (seen.has(at.value) || pinned(at) === null) continue;
    seen.add(at.value);
    const here = numbersOf(at.value, one);
    const there = numbersOf(at.value, other);
    if (here === null || there === null) continue;
    const numbers = [...new Set([...here, ...there])];
    if (numbers.length > MOST_NUMBERS) continue;
    met = { value: at.value, test: null, outcome: true, numbers, before: met, depth: (met?.depth ?? 0) + 1 };
  }
  return met;
}

function lastCommon(one: Knowledge | null, other: Knowledge | null): Knowledge | null {
  let a = one;
  let b = other;
  while (a !== b) {
    if ((a?.depth ?? 0) > (b?.depth ?? 0)) a = (a as Knowledge).before;
    else b = (b as Knowledge).before;
  }
  return a;
}
