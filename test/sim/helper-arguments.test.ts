/**
 * Helpers of the package (sockaddrIn, CMSG_LEN, WIFEXITED, getaddrinfo, fread ...) with arguments of every kind that a program
 * without types can hand in: each gives a result, an error of a call, or a TypeError or RangeError that names helper and argument.
 */
import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict';
import { test } from 'node:test';
import * as sockscape from '../../src/entry/index.ts';
import { simulate } from '../../src/entry/sim.node.ts';

type Helper = (...args: unknown[]) => unknown;

const mine = (): never => {
  throw new Error('mine');
};
const TRAPS = { get: mine, has: mine, ownKeys: mine, getPrototypeOf: mine };
const ODD: readonly unknown[] = [
  undefined, null, 5n, Symbol('x'), Number.NaN, -1, 1e300, '', new Proxy({}, TRAPS), {}, [], new Uint8Array(0), 'a'.repeat(70_000), '\ud800',
  () => {}, new Proxy(new Uint8Array(4), {}), Object.create(null), new Uint8Array(3), true,
];
const SECOND = ODD.slice(0, 12);

/** All functions of the entry but classes. */
const HELPERS = Object.entries(sockscape).filter(([name, value]) => typeof value === 'function' && !/^[A-Z][a-z]/.test(name) && !/^(FILE)$/.test(name)) as [string, Helper][];

/** What is wrong with an error; null for one that says it all. */
function complaint(name: string, error: unknown): string | null {
  const { code, message, name: kind } = error as NodeJS.ErrnoException;
  if (code !== undefined || ((kind === 'TypeError' || kind === 'RangeError') && message.startsWith(`${name}: `))) return null;
  return `${name}: ${kind}: ${message.slice(0, 150)}`;
}

test('every helper with every kind of argument: a result, or an error that names the helper', () => simulate({ seed: 1 }, async (world) => {
  const a = world.host('a');
  world.cable(a, world.host('b'));
  const process = new sockscape.Process(a, 'p');
  const wrong: Set<string> = new Set();
  let calls = 0;
  ok(HELPERS.length > 70);
  for (const [name, helper] of HELPERS) {
    for (const x of ODD) for (const y of SECOND) for (const args of [[x, y, y], [process, x, y], [process, y, x, y]]) {
      calls++;
      try {
        const result = helper(...args);
        if (result instanceof Promise) await Promise.race([result, process.sleep(60e6)]);
      } catch (error) {
        const words = complaint(name, error);
        if (words !== null) wrong.add(words);
      }
    }
  }
  deepEqual([...wrong], []);
  ok(calls > 40_000, String(calls));
}));

test('the words name the helper, the argument, what it got and what it wants', () => simulate({ seed: 1 }, async (world) => {
  const process = new sockscape.Process(world.host('a'), 'p');
  const any = <T>(value: unknown): T => value as T;
  const told = (fn: () => unknown): string => {
    try {
      fn();
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
    return 'nothing';
  };
  const { stdout } = sockscape.stdio(process);
  const synchronous: readonly (readonly [() => unknown, string])[] = [
    [() => sockscape.CMSG_LEN(any('4')), 'TypeError: CMSG_LEN: length must be a number, not a string'],
    [() => sockscape.CMSG_SPACE(-1), 'RangeError: CMSG_SPACE: length must be a whole number from 0 to 2147483623, not -1'],
    [() => sockscape.WIFEXITED(any(5n)), 'TypeError: WIFEXITED: status must be a number, not a bigint'],
    [() => sockscape.WEXITSTATUS(any({})), 'TypeError: WEXITSTATUS: status must be a number, not an object'],
    [() => sockscape.errnoName(any(Symbol('x'))), 'TypeError: errnoName: errno must be a number, not a symbol'],
    [() => sockscape.strerror(any('2')), 'TypeError: strerror: errno must be a number, not a string'],
    [() => sockscape.systemError(-2, any(null)), 'TypeError: systemError: syscall must be a string, not null'],
    [() => sockscape.ip_mreqn(any(5)), 'TypeError: ip_mreqn: group must be a string, not a number'],
    [() => sockscape.ip_mreqn('239.1.2.3', 'here'), 'TypeError: ip_mreqn: address is not an IP address: "here"'],
    [() => sockscape.ip_mreq_source('239.1.2.3', 'ff02::1'), 'TypeError: ip_mreq_source: source is not an IPv4 address: ff02::1'],
    [() => sockscape.ipv6_mreq('ff02::1', 0.5), 'RangeError: ipv6_mreq: index must be a whole number from -2147483648 to 2147483647, not 0.5'],
    [() => sockscape.group_source_req(1, 'ff02::1', any([])), 'TypeError: group_source_req: source must be a string, not an Array'],
    [() => sockscape.group_filter(1, 'ff02::1', 0, ['x']), 'TypeError: group_filter: every source is not an IP address: "x"'],
    [() => sockscape.linger(true, any('1')), 'TypeError: linger: seconds must be a number, not a string'],
    [() => sockscape.credentialsMessage(1, any('root'), 0), 'TypeError: credentialsMessage: uid must be a number, not a string'],
    [() => sockscape.receivedDescriptors(any('x')), 'TypeError: receivedDescriptors: control must be a Uint8Array, not a string'],
    [() => sockscape.sockaddrIn('localhost', 80), 'TypeError: sockaddrIn: address is not an IPv4 address: "localhost"'],
    [() => sockscape.sockaddrIn6('::1', 80, -1), 'RangeError: sockaddrIn6: scopeId must be a whole number from 0 to 4294967295, not -1'],
    [() => sockscape.sprintf(any(5)), 'TypeError: sprintf: format must be a string, not a number'],
    [() => sockscape.sprintf('%s', any(Object.create(null))), "TypeError: sprintf: the argument of '%s' must be a number, a bigint, a string or a Uint8Array, not an object"],
    [() => sockscape.sprintf('%*d', '5', 1), "TypeError: sprintf: the * of '%*d' must be a number, not a string"],
    [() => sockscape.stdio(any({})), 'TypeError: stdio: process must be a Process, not an object'],
    [() => sockscape.setvbuf(stdout, any('x'), 0), 'TypeError: setvbuf: buffer must be a Uint8Array or null, not a string'],
    [() => sockscape.ungetc(1, any(process)), 'TypeError: ungetc: a stream must be a FILE (fopen, stdio), not a Process'],
  ];
  for (const [fn, words] of synchronous) equal(told(fn), words);
  const asynchronous: readonly (readonly [() => Promise<unknown>, string])[] = [
    [() => sockscape.fread(any('x'), 1, 1, stdout), 'fread: into must be a Uint8Array, not a string'],
    [() => sockscape.fwrite(new Uint8Array(1), any('1'), 1, stdout), 'fwrite: size must be a number, not a string'],
    [() => sockscape.fseek(stdout, any(5n), 0), 'fseek: offset must be a number, not a bigint'],
    [() => sockscape.fopen(any({}), '/x', 'r'), 'fopen: process must be a Process, not an object'],
    [() => sockscape.fopen(process, any(5), 'r'), 'fopen: path must be a string, not a number'],
    [() => sockscape.getaddrinfo(any({}), 'a', null), 'getaddrinfo: process must be a Process, not an object'],
    [() => sockscape.getaddrinfo(process, any(undefined), 'http'), 'getaddrinfo: node must be a string or null, not undefined'],
    [() => sockscape.getaddrinfo(process, 'a', any(80)), 'getaddrinfo: service must be a string or null, not a number'],
    [() => sockscape.getaddrinfo(process, 'a', null, { family: any('AF_INET') }), 'getaddrinfo: hints.family must be a number, not a string'],
    [() => sockscape.getnameinfo(process, any('x'), 0), 'getnameinfo: addr must be bytes of a sockaddr (sockaddrIn(...)), not a string'],
    [() => sockscape.getnameinfo(process, sockscape.sockaddrIn('127.0.0.1', 1), any('n')), 'getnameinfo: flags must be a number, not a string'],
    [() => sockscape.getservbyname(any(null), 'http', null), 'getservbyname: process must be a Process, not null'],
    [() => sockscape.getservbyport(process, any('80'), null), 'getservbyport: port must be a number, not a string'],
    [() => sockscape.if_nametoindex(process, any(1)), 'if_nametoindex: name must be a string, not a number'],
    [() => sockscape.if_indextoname(any(new Proxy({}, TRAPS)), 1), 'if_indextoname: process must be a Process, not an object'],
  ];
  for (const [fn, message] of asynchronous) await rejects(fn, { name: 'TypeError', message });
}));

test('numbers are cast as by C: fractions are cut off, NaN is 0', () => simulate({ seed: 1 }, async (world) => {
  const process = new sockscape.Process(world.host('a'), 'p');
  equal(sockscape.WIFEXITED(Number.NaN) && sockscape.WEXITSTATUS(0x700 + 2 ** 32), 7);
  const file = await sockscape.fopen(process, '/f', 'w+');
  equal(await sockscape.fwrite(new TextEncoder().encode('hello'), 2.9, 2.9, file), 2);
  equal(await sockscape.fwrite(new Uint8Array(3), Number.NaN, 3, file), 0);
  await sockscape.rewind(file);
  const room = new Uint8Array(8);
  equal(await sockscape.fread(room, 1.9, 3.9, file), 3);
  equal(new TextDecoder().decode(room.subarray(0, 4)), 'hel\0');
  equal(await sockscape.fread(room, Infinity, 1, file), 0);
  throws(() => sockscape.sprintf('%*d', Number.NaN, 1), RangeError);
}));
