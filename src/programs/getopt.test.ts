import { deepEqual, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { getopt } from './getopt.ts';

test('getopt(3): letters share a dash, values stand behind or in the next word, options behind operands count', () => {
  for (const [words, letters, options, operands] of [
    ['-nc 3 host', 'c:n', [['n', ''], ['c', '3']], ['host']],
    ['-c3 host', 'c:n', [['c', '3']], ['host']],
    ['host -n port', 'c:n', [['n', '']], ['host', 'port']],
    ['host -n port', '+c:n', [], ['host', '-n', 'port']],
    ['-n -- -c 3', 'c:n', [['n', '']], ['-c', '3']],
    ['- -n', 'n', [['n', '']], ['-']],
    ['-c -n', 'c:n', [['c', '-n']], []],
  ] as const) {
    deepEqual(getopt(words.split(' '), letters), { options, operands }, words);
  }
});

test('getopt(3): what is no option, and what lacks its value', () => {
  throws(() => getopt(['-nz'], 'c:n'), { message: "invalid option -- 'z'", showsUsage: true });
  throws(() => getopt(['-n:'], 'c:n'), { message: "invalid option -- ':'" });
  throws(() => getopt(['-nc'], 'c:n'), { message: "option requires an argument -- 'c'" });
});
