/** `struct sockaddr_un`: what programs make, what they read, what the kernel takes. */
import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { Errno } from '../../base/errno.ts';
import { formatSockaddr, readSockaddr, readSockaddrUn, sockaddrIn, sockaddrUn } from '../sockaddr.ts';
import { autobindAddress, checkUnixAddress, pathAddress, pathOf } from './unix-address.ts';

test('a path has its NUL where there is room for one, an abstract name has none, no name is the family alone', () => {
  deepEqual([...sockaddrUn('/a')], [1, 0, 0x2f, 0x61, 0]);
  deepEqual([...sockaddrUn('\0a')], [1, 0, 0, 0x61]);
  deepEqual([...sockaddrUn('')], [1, 0]);
  equal(sockaddrUn('x'.repeat(107)).length, 110);
  equal(sockaddrUn('x'.repeat(108)).length, 110);
  equal(sockaddrUn('ä').length, 5);
  throws(() => sockaddrUn('x'.repeat(109)), /at most 108 bytes/);
  throws(() => sockaddrUn('a\0b'), /NUL inside/);
});

test('reading takes a path with and without its NUL', () => {
  equal(readSockaddrUn(sockaddrUn('/tmp/ä')), '/tmp/ä');
  equal(readSockaddrUn(Uint8Array.of(1, 0, 0x61)), 'a');
  equal(readSockaddrUn(Uint8Array.of(1, 0, 0x61, 0, 0x62)), 'a');
  equal(readSockaddrUn(sockaddrUn('\0a\0b')), '\0a\0b');
  equal(readSockaddrUn(Uint8Array.of(1, 0)), '');
  equal(readSockaddrUn(sockaddrIn('127.0.0.1', 1)), null);
  equal(readSockaddr(sockaddrUn('/a')), null);
  deepEqual(['/a', '\0a', ''].map((path) => formatSockaddr(sockaddrUn(path))), ['/a', '@a', '*']);
});

test('unix_validate_addr: 3 to 110 bytes of this family', () => {
  const long = Uint8Array.of(1, 0, ...new Uint8Array(126));
  for (const length of [0, 1, 2, 111, 128]) equal(checkUnixAddress(long.subarray(0, length)), -Errno.EINVAL);
  equal(checkUnixAddress(Uint8Array.of(2, 0, 1)), -Errno.EINVAL);
  equal(checkUnixAddress(Uint8Array.of(1, 1, 1)), -Errno.EINVAL);
  equal(checkUnixAddress(Uint8Array.of(1, 0, 1)), 0);
});

test('the kernel\'s form of a path of 108 bytes is one byte longer than the structure', () => {
  const path = pathOf(sockaddrUn('x'.repeat(108)));
  equal(path.length, 108);
  equal(pathAddress(path).bytes.length, 111);
});

test('autobind: a NUL and five hexadecimal digits', () => {
  deepEqual([...autobindAddress(0xab).bytes], [1, 0, 0, 0x30, 0x30, 0x30, 0x61, 0x62]);
});
