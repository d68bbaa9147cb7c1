/** The three listings. test/interop/filter-verdicts.test.ts compares them with tcpdump's own. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { compileFilter } from './compile.ts';
import { Code, instruction } from './instruction.ts';
import { decimalListing, initialiserListing, parseDecimalListing, readableListing } from './listing.ts';

const PROGRAM = compileFilter('ip');

test('tcpdump -d, -dd, -ddd', () => {
  equal(
    readableListing(PROGRAM),
    '(000) ldh      [12]\n(001) jeq      #0x800           jt 2\tjf 3\n(002) ret      #262144\n(003) ret      #0\n',
  );
  equal(
    initialiserListing(PROGRAM),
    '{ 0x28, 0, 0, 0x0000000c },\n{ 0x15, 0, 1, 0x00000800 },\n{ 0x6, 0, 0, 0x00040000 },\n{ 0x6, 0, 0, 0x00000000 },\n',
  );
  equal(decimalListing(PROGRAM), '4\n40 0 0 12\n21 0 1 2048\n6 0 0 262144\n6 0 0 0\n');
});

test('the decimal form is read back', () => {
  deepEqual(parseDecimalListing(decimalListing(PROGRAM)), PROGRAM);
  for (const wrong of ['', '2\n6 0 0 0\n', '1\n6 0 0\n', '1\n6 0 0 x\n']) equal(parseDecimalListing(wrong), null);
});

test('every code has words of its own', () => {
  const lines = Object.values(Code).map((code) => readableListing([instruction(code, 1)]));
  equal(new Set(lines).size, lines.length);
  for (const line of lines) equal(line.includes('unimp'), false, line);
  equal(readableListing([instruction(0xffff)]), '(000) unimp    0xffff\n');
});
