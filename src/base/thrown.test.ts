import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { errorOf, fieldOf, isKind, wordsOf } from './thrown.ts';

const mine = (): never => {
  throw new Error('mine');
};
const traps = { get: mine, has: mine, ownKeys: mine, getPrototypeOf: mine, getOwnPropertyDescriptor: mine };

test('whatever was thrown has words', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const words: readonly (readonly [unknown, string])[] = [
    [new Error('as it is'), 'as it is'], ['text', 'text'], [Symbol('s'), 'Symbol(s)'], [null, 'null'], [undefined, 'undefined'], [5n, '5'],
    [Object.create(null), 'an object that cannot be made a string'], [proxy, 'an object that cannot be made a string'],
    [new Proxy({}, traps), 'an object that cannot be made a string'], [new Proxy(() => {}, traps), 'a function that cannot be made a string'],
    [{ toString: mine }, 'an object that cannot be made a string'],
    [Object.defineProperty(new Error('z'), 'message', { get: mine }), 'an Error whose message cannot be read'],
    [Object.defineProperty(new Error('z'), 'message', { value: Symbol('z') }), 'an Error whose message cannot be read'],
  ];
  for (const [thrown, expected] of words) equal(wordsOf(thrown), expected);
});

test('an Error stays what it is, all else is put into one', () => {
  const error = new RangeError('itself');
  equal(errorOf(error, (words) => new Error(words)), error);
  equal(errorOf(new Proxy({}, traps), (words) => new Error(`thrown: ${words}`)).message, 'thrown: an object that cannot be made a string');
});

test('classes and fields are asked for without being thrown at', () => {
  equal(isKind(new Proxy({}, traps), Error), false);
  equal(isKind(new TypeError('x'), Error), true);
  equal(fieldOf(new Proxy({}, traps), 'code'), undefined);
  equal(fieldOf(null, 'code'), undefined);
  equal(fieldOf({ code: 'E' }, 'code'), 'E');
});
