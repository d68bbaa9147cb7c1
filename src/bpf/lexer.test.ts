import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { FilterError } from './filter-error.ts';
import { tokenize } from './lexer.ts';

function kinds(text: string): string {
  return tokenize(text).slice(0, -1).map(({ kind, text: word }) => `${kind}:${word}`).join(' ');
}

test('words: keywords, protocols, named numbers, names', () => {
  equal(kinds('tcp and host foo'), 'protocol:tcp keyword:and keyword:host name:foo');
  equal(kinds('tcp[tcpflags] & tcp-syn'), 'protocol:tcp symbol:[ number:tcpflags symbol:] symbol:& number:tcp-syn');
  equal(kinds('TCP toString constructor'), 'name:TCP name:toString name:constructor');
});

test('numbers: decimal, octal, hexadecimal, up to 32 bits', () => {
  const numbers = tokenize('80 0120 0x50 0X50 0 4294967295').slice(0, -1).map((token) => token.kind === 'number' && token.value);
  deepEqual(numbers, [80, 80, 80, 80, 0, 0xffffffff]);
  throws(() => tokenize('09'), /octal/);
  throws(() => tokenize('4294967296'), /32 bits/);
});

test('the longest reading wins: a hyphen makes one word, and so does a dot', () => {
  equal(kinds('80-90'), 'name:80-90');
  equal(kinds('80 - 90'), 'number:80 symbol:- number:90');
  equal(kinds('ip[2:2]-5'), 'protocol:ip symbol:[ number:2 symbol:: number:2 symbol:] symbol:- number:5');
  equal(kinds('ftp-data'), 'name:ftp-data');
  equal(kinds('tcp-foo tcp-'), 'name:tcp-foo protocol:tcp symbol:-');
  equal(kinds('1.2.3.4.5 1..2 www.example.com'), 'name:1.2.3.4.5 name:1..2 name:www.example.com');
});

test('addresses of IPv4, whole and in part', () => {
  equal(kinds('10.0.0.1 10.0 10.0.0/8'), 'ipv4:10.0.0.1 ipv4:10.0 ipv4:10.0.0 symbol:/ number:8');
});

test('addresses with colons: IPv6 and Ethernet', () => {
  equal(
    kinds(':: ::1 2001:db8::1 fe80::/10 ::ffff:1.2.3.4'),
    'ipv6::: ipv6:::1 ipv6:2001:db8::1 ipv6:fe80:: symbol:/ number:10 ipv6:::ffff:1.2.3.4',
  );
  equal(kinds('1:2:3:4:5:6:7:8'), 'ipv6:1:2:3:4:5:6:7:8');
  equal(kinds('1:2:3:4:5:6 0a:1b:2c:3d:4e:5f'), 'ethernet:1:2:3:4:5:6 ethernet:0a:1b:2c:3d:4e:5f');
  for (const wrong of ['1:2:3', '::1::2', '1:2:3:4:5', '12345::1']) throws(() => tokenize(wrong), /neither an IPv6 nor an Ethernet/, wrong);
});

test('every form of an Ethernet address', () => {
  for (const form of ['02:00:0a:ff:00:01', '2:0:a:ff:0:1', '02-00-0a-ff-00-01', '02.00.0a.ff.00.01', '0200.0aff.0001', '02000aff0001']) {
    const [token] = tokenize(form);
    deepEqual(token?.kind === 'ethernet' && [...token.bytes], [2, 0, 10, 255, 0, 1], form);
  }
  equal(kinds('02000aff00010'), 'name:02000aff00010');
});

test('a backslash takes the meaning away', () => {
  equal(kinds(String.raw`ip proto \tcp`), 'protocol:ip keyword:proto name:tcp');
});

test('symbols, two characters before one', () => {
  equal(kinds('!&&||<=>=!===<<>><>=&|').replaceAll('symbol:', ''), '! && || <= >= != == << >> < >= & |');
});

test('errors say where: unknown characters, words that are not supported', () => {
  const at = (text: string): number => {
    try {
      tokenize(text);
    } catch (error) {
      if (error instanceof FilterError) return error.at;
    }
    return -1;
  };
  equal(at('tcp @ udp'), 4);
  equal(at('tcp and mpls 5'), 8);
  equal(at('tcp  "udp"'), 5);
  equal(at('port 099'), 5);
});

test('space of any kind separates, and an expression may be nothing else', () => {
  equal(kinds(' \t\r\n '), '');
  equal(kinds('tcp\n\tand\r\nudp'), 'protocol:tcp keyword:and protocol:udp');
});

test('there is an end to the number of words', () => {
  throws(() => tokenize('( '.repeat(20_000)), /16384 words/);
});
