import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { htonl, htons, ntohl, ntohs } from './byte-order.ts';

test('htons and htonl put a number into memory the way the network wants it', () => {
  // What a C program does: store the converted value in host order, and look at the bytes.
  const memory = new DataView(new ArrayBuffer(4));
  memory.setUint16(0, htons(9502), true);
  equal(memory.getUint16(0), 9502);
  memory.setUint32(0, htonl(0x7f000001), true);
  equal(memory.getUint32(0), 0x7f000001);
});

test('a little-endian host swaps; results are unsigned and input is cut to its width', () => {
  equal(htons(0x1234), 0x3412);
  equal(ntohs(0x3412), 0x1234);
  equal(htons(0x51234), 0x3412);
  equal(htons(-1), 0xffff);
  equal(htonl(0x12345678), 0x78563412);
  equal(ntohl(0x000000ff), 0xff000000);
  equal(ntohl(htonl(0xfedcba98)), 0xfedcba98);
  equal(htonl(-2), 0xfeffffff);
});
