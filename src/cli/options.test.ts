import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { hostCidr } from './cidr.ts';
import { numberOption, parseOptions, UsageError } from './options.ts';

const KNOWN = { '--once': 'flag', '--port': 'value', '--address': 'list', '-w': 'value' } as const;

test('flags, values, lists and operands in any order', () => {
  const parsed = parseOptions(['x', '--address', 'a', 'b', '--once', '--port=5', '--address=c', '-w', '-', '--', '--once'], KNOWN);
  deepEqual([...parsed.flags], ['--once']);
  deepEqual([...parsed.values], [['--port', '5'], ['-w', '-']]);
  deepEqual(parsed.list('--address'), ['a', 'b', 'c']);
  deepEqual(parsed.list('--port'), []);
  deepEqual(parsed.operands, ['x', '--once']);
});

test('each mistake has its sentence', () => {
  for (const [args, sentence] of [
    [['--bogus'], 'unknown option --bogus'],
    [['--bogus=1'], 'unknown option --bogus'],
    [['--toString'], 'unknown option --toString'],
    [['--once=1'], '--once takes no value'],
    [['--port'], '--port needs a value'],
    [['--port='], '--port needs a value'],
    [['--port', '--once'], '--port needs a value'],
    [['--port', '1', '--port', '2'], '--port is given twice'],
    [['--address'], '--address needs a value'],
  ] as const) {
    throws(() => parseOptions(args, KNOWN), new UsageError(sentence), args.join(' '));
  }
});

test('numbers within their bounds', () => {
  equal(numberOption('--port', '0', 0, 10), 0);
  for (const bad of ['11', '-1', '1.5', '', '0x1', ' 1', '99999999999999999999']) {
    throws(() => numberOption('--port', bad, 0, 10), UsageError, bad);
  }
});

test('addresses with their prefix length', () => {
  for (const good of ['192.0.2.1/24', '2001:db8::1/64', '10.0.0.1/32', 'fe80::1/128']) {
    equal(String(hostCidr('--address', good)), good);
  }
  for (const bad of ['192.0.2.1', '192.0.2.1/33', '192.0.2.1/0', '2001:db8::1/129', 'x/1', '127.0.0.1/8', '::/64', '255.255.255.255/8', 'ff02::1/64', '192.0.2.1/24/1']) {
    throws(() => hostCidr('--address', bad), UsageError, bad);
  }
});
