import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  AF_INET, AF_INET6, inet_addr, inet_aton, inet_lnaof, inet_makeaddr, inet_netof, inet_network, inet_ntoa, inet_ntop,
  inet_pton,
} from './inet-text.ts';
import { CLASSFUL, PARSED, PRINTED } from './test-inet-facts.ts';

function hexOf(bytes: Uint8Array | null): string {
  return bytes === null ? '-' : Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function hexWord(word: number | null): string {
  return word === null ? '-' : word.toString(16).padStart(8, '0');
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

test('inet_pton, inet_aton, inet_addr and inet_network answer as glibc did', () => {
  for (const [text, four, six, aton, network] of PARSED) {
    const shown = JSON.stringify(text);
    equal(hexOf(inet_pton(AF_INET, text)), four, `inet_pton AF_INET ${shown}`);
    equal(hexOf(inet_pton(AF_INET6, text)), six, `inet_pton AF_INET6 ${shown}`);
    equal(hexWord(inet_aton(text)), aton, `inet_aton ${shown}`);
    equal(hexWord(inet_addr(text)), aton === '-' ? 'ffffffff' : aton, `inet_addr ${shown}`);
    equal(hexWord(inet_network(text)), network, `inet_network ${shown}`);
  }
});

test('inet_ntop prints as glibc did, and the classful functions count as glibc did', () => {
  for (const [bytes, text] of PRINTED) equal(inet_ntop(AF_INET6, bytesOf(bytes)), text, bytes);
  for (const [address, host, made, local, network] of CLASSFUL) {
    equal(inet_makeaddr(host, address), made, `inet_makeaddr ${hexWord(host)} ${hexWord(address)}`);
    equal(inet_lnaof(address), local, `inet_lnaof ${hexWord(address)}`);
    equal(inet_netof(address), network, `inet_netof ${hexWord(address)}`);
  }
});

test('what inet_ntop prints, inet_pton reads back', () => {
  const zeroRich = fc.array(fc.oneof(fc.constant(0), fc.constant(0xff), fc.nat(255)), { minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(zeroRich, (numbers) => {
      const bytes = Uint8Array.from(numbers);
      equal(hexOf(inet_pton(AF_INET6, inet_ntop(AF_INET6, bytes))), hexOf(bytes));
      const four = bytes.subarray(0, 4);
      const text = inet_ntop(AF_INET, four);
      equal(hexOf(inet_pton(AF_INET, text)), hexOf(four));
      equal(inet_ntoa(inet_aton(text) as number), text);
    }),
  );
});

test('any text is answered, never thrown at', () => {
  const unit = fc.constantFrom(...'0123456789abcdefABCDEFxX:.:.% \t\0\u00e9\u{1f600}/');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 50 }), (text) => {
      for (const family of [AF_INET, AF_INET6]) {
        const bytes = inet_pton(family, text);
        if (bytes !== null) equal(bytes.length, family === AF_INET ? 4 : 16);
      }
      const value = inet_aton(text);
      equal(value === null || (Number.isInteger(value) && value >= 0 && value <= 0xffffffff), true);
      const network = inet_network(text);
      equal(Number.isInteger(network) && network >= 0 && network <= 0xffffffff, true);
    }),
    { numRuns: 3000 },
  );
});

test('an unknown family is EAFNOSUPPORT', () => {
  const expected = { code: 'EAFNOSUPPORT', errno: 97 };
  throws(() => inet_pton(1, '1.2.3.4'), { ...expected, syscall: 'inet_pton' });
  throws(() => inet_ntop(0, new Uint8Array(16)), { ...expected, syscall: 'inet_ntop' });
});
