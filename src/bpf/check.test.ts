/** The checker, rule by rule. test/interop/filter-kernel.test.ts holds it against Linux's. */
import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { checkProgram } from './check.ts';
import { Code, instruction } from './instruction.ts';

type Line = readonly [code: number, k?: number, jt?: number, jf?: number];

function check(...lines: Line[]): string | null {
  return checkProgram(lines.map(([code, k, jt, jf]) => instruction(code, k, jt, jf)));
}

const RETURN: Line = [Code.Return, 1];

test('1 to 4096 instructions', () => {
  match(checkProgram([]) ?? '', /^0 instructions/);
  const long = (n: number): Line[] => [...Array.from({ length: n - 1 }, (): Line => [Code.LoadConstant]), RETURN];
  equal(check(...long(4096)), null);
  match(check(...long(4097)) ?? '', /^4097 instructions/);
});

test('every code of the table, and no other', () => {
  const known = new Set<number>(Object.values(Code));
  equal(known.size, Object.keys(Code).length);
  for (let code = 0; code < 0x200; code++) {
    const complaint = check([code, 1], RETURN, RETURN, RETURN);
    equal(complaint === null || !complaint.includes('unknown code'), known.has(code), `0x${code.toString(16)}`);
  }
  match(check([0x8020], RETURN) ?? '', /unknown code/);
});

test('the last instruction returns', () => {
  equal(check([Code.ReturnA]), null);
  match(check(RETURN, [Code.LoadConstant]) ?? '', /does not return/);
});

test('jumps stay inside the program', () => {
  equal(check([Code.JumpEqual, 0, 0, 1], RETURN, RETURN), null);
  match(check([Code.JumpEqual, 0, 0, 2], RETURN, RETURN) ?? '', /jump/);
  match(check([Code.JumpSetX, 0, 255, 0], RETURN, RETURN) ?? '', /jump/);
  equal(check([Code.Jump, 1], RETURN, RETURN), null);
  match(check([Code.Jump, 2], RETURN, RETURN) ?? '', /jump/);
  match(check([Code.Jump, 0xffffffff], RETURN, RETURN) ?? '', /jump/);
});

test('no constant division by zero, no constant shift by 32 or more', () => {
  for (const code of [Code.Div, Code.Mod]) {
    match(check([code, 0], RETURN) ?? '', /zero/);
    equal(check([code, 1], RETURN), null);
    equal(check([code | 0x08, 0], RETURN), null);
  }
  for (const code of [Code.ShiftLeft, Code.ShiftRight]) {
    match(check([code, 32], RETURN) ?? '', /shift/);
    equal(check([code, 31], RETURN), null);
    equal(check([code | 0x08, 99], RETURN), null);
  }
});

test('ancillary offsets: those of SKF_AD, four apart', () => {
  for (const code of [Code.LoadWord, Code.LoadHalf, Code.LoadByte]) {
    equal(check([code, -0x1000], RETURN), null);
    equal(check([code, -0x1000 + 60], RETURN), null);
    for (const offset of [1, 2, 63, 64, 0xfff]) match(check([code, -0x1000 + offset], RETURN) ?? '', /ancillary/);
    equal(check([code, -0x1001], RETURN), null, 'below is a place like any other');
  }
  equal(check([Code.LoadWordIndexed, -1], RETURN), null);
});

test('scratch memory: 16 words, written before they are read', () => {
  match(check([Code.Store, 16], RETURN) ?? '', /no scratch word 16/);
  match(check([Code.LoadScratch, 0], RETURN) ?? '', /read before/);
  match(check([Code.LoadXScratch, 0], RETURN) ?? '', /read before/);
  equal(check([Code.Store, 3], [Code.LoadScratch, 3], RETURN), null);
  equal(check([Code.StoreX, 3], [Code.LoadXScratch, 3], RETURN), null);
});

test('check_load_and_stores: written on every way there is', () => {
  const read: Line = [Code.LoadScratch, 0];
  match(check([Code.JumpEqual, 0, 0, 1], [Code.Store, 0], read, RETURN) ?? '', /read before/);
  equal(check([Code.JumpEqual, 0, 0, 2], [Code.Store, 0], [Code.Jump, 1], [Code.Store, 0], read, RETURN), null);
  match(check([Code.Jump, 1], [Code.Store, 0], read, RETURN) ?? '', /read before/);
  // Nothing jumps to the read, but Linux thinks the return before leads on to it.
  match(check(RETURN, read, RETURN) ?? '', /read before/);
  equal(check([Code.Jump, 1], read, RETURN), null, 'what nothing reaches may read');
});
