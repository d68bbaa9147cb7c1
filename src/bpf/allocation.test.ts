/** Running a filter leaves no garbage: heap growth over many packets. */
import { ok } from 'node:assert/strict';
import { test } from 'node:test';
import { ByteArraySource } from '../base/byte-source.ts';
import { PacketFacts } from './ancillary.ts';
import { compileFilter } from './compile.ts';
import { Filter } from './machine.ts';

const PACKETS = 2_000;
const SECTIONS = 101;

test('filters over TCP segments that differ: below 1 byte a packet', () => {
  const filters = [
    'port 9502', 'host 10.0.0.77', 'tcp[tcpflags] & (tcp-syn|tcp-fin) != 0', 'ip[2:2] - ((ip[0] & 15) << 2) > (tcp[12] >> 2)',
  ].map((expression) => new Filter(compileFilter(expression)));
  const bytes = new Uint8Array(100);
  bytes.set([8, 0, 0x45, 0, 0, 86], 12);
  bytes.set([64, 6], 22);
  const source = new ByteArraySource(bytes);
  const facts = new PacketFacts();
  facts.length = bytes.length;
  let passed = 0;
  const run = (): void => {
    for (let i = 0; i < PACKETS; i++) {
      // Addresses and flags with their high bits set: a word that is no small integer must not be boxed either.
      bytes[26] = i;
      bytes[47] = i;
      for (const filter of filters) if (filter.run(source, facts) > 0) passed++;
    }
  };
  for (let i = 0; i < 50; i++) run();
  const growths: number[] = [];
  for (let section = 0; section < SECTIONS; section++) {
    const before = process.memoryUsage().heapUsed;
    run();
    growths.push((process.memoryUsage().heapUsed - before) / PACKETS);
  }
  const median = growths.sort((a, b) => a - b)[SECTIONS >> 1] as number;
  ok(passed > 0);
  ok(median < 1, `${median.toFixed(2)} bytes a packet`);
});
