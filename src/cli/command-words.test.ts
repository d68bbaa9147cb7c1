import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../base/random.ts';
import { Loop } from '../base/loop.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { Host } from '../host.ts';
import { splitWords, taskOf } from './command-words.ts';
import { PrefixedOutput } from './prefixed-output.ts';

test('--run: words as a shell splits them', () => {
  for (const [text, words] of [
    ['ping -c 3  host', ['ping', '-c', '3', 'host']],
    [`tcpdump 'tcp[13] & 2 != 0'`, ['tcpdump', 'tcp[13] & 2 != 0']],
    [`a"b c"d 'e"f' "g'h" ''`, ['ab cd', 'e"f', "g'h", '']],
    ['a\\ b "c\\"d" \'e\\f\'', ['a b', 'c"d', 'e\\f']],
    ['', []],
  ] as const) {
    deepEqual(splitWords(text), words, text);
  }
  throws(() => splitWords("a 'b"), /the quote ' has no end/);
});

test('--run: the host that a command names, and the first without one', () => {
  const random = new SeededRandom('hosts');
  const loop = new Loop(new VirtualClock(random, (fn) => setImmediate(fn)));
  const hosts = new Map(['client', 'server'].map((name) => [name, new Host({ name, loop, random })]));
  const meant = (text: string): string => {
    const { host, name, args } = taskOf(text, hosts);
    return [host.name, name, ...args].join(' ');
  };
  equal(meant('ping host'), 'client ping host');
  equal(meant('server: nc -l 80'), 'server nc -l 80');
  equal(meant('server:nc -l 80'), 'server nc -l 80');
  // An address behind an option is no host's name.
  equal(meant('ping 2001:db8::1'), 'client ping 2001:db8::1');
  throws(() => meant('moon: ping'), /there is no host 'moon', only client and server/);
  throws(() => meant('dance'), /there is no program 'dance', only .*ping/);
  loop.stop();
});

test('several programs: whole lines with the name before them, pieces put together, the last one ended', () => {
  let text = '';
  const output = new PrefixedOutput('ping | ', (bytes) => void (text += new TextDecoder().decode(bytes)));
  const write = (piece: string): void => output.write(new TextEncoder().encode(piece));
  write('one\ntw');
  write('o');
  equal(text, 'ping | one\n');
  write('\n\nthree');
  equal(text, 'ping | one\nping | two\nping | \n');
  output.flush();
  output.flush();
  equal(text, 'ping | one\nping | two\nping | \nping | three\n');
});
