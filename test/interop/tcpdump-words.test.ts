/**
 * tcpdump's own words over generated packets: our lines equal Debian tcpdump's, character for character, for every
 * class of packet the generator knows and for every option. SOCKSCAPE_SAMPLE sets how many packets (10,000 unless
 * set), SOCKSCAPE_SEED which ones.
 */
import { equal, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PcapWriter } from '../../src/capture/pcap.ts';
import { PcapngWriter, joinBlocks } from '../../src/capture/pcapng-writer.ts';
import { needs } from '../needs.ts';
import { isFull, recordResult, root, seed } from '../results.ts';
import { FLAG_SETS, compareWords } from './tcpdump-compare.ts';
import { PACKET_CLASSES, generatePackets } from '../tools/packet-generator.ts';
import type { GeneratedPacket } from '../tools/packet-generator.ts';
import { APPLETALK_PORTS, UNDECODED_ETHER_TYPES, UNDECODED_IP_PROTOCOLS, UNDECODED_TCP_PORTS, UNDECODED_UDP_PORTS } from './undecoded.ts';

const SAMPLE = Number(process.env.SOCKSCAPE_SAMPLE ?? 10_000);
const LEAST_PER_CLASS = 50;

/** Of the packets with wrong bytes, the share that may be left out and drawn again. */
const MOST_LEFT_OUT = 0.2;

/** Counts of classes in words, a line for each protocol: `tcp: 68 cut, 68 syn`. */
function countLines(counts: Readonly<Record<string, number>>): string[] {
  const lines = new Map<string, string[]>();
  for (const [name, count] of Object.entries(counts)) {
    const [protocol, ...kind] = name.split(' ') as [string, ...string[]];
    const words = lines.get(protocol) ?? [];
    lines.set(protocol, [...words, `${count} ${kind.join(' ') || 'plain'}`]);
  }
  return [...lines].map(([protocol, words]) => `${protocol}: ${words.join('; ')}`);
}

/** How many packets were left out, which is a small share, so that what is left out cannot swallow what is compared. */
function leftOutOf(packets: readonly GeneratedPacket[]): number {
  const leftOut = packets.reduce((sum, packet) => sum + (packet.leftOut ?? 0), 0);
  const drawn = packets.filter((packet) => packet.leftOut !== undefined).length + leftOut;
  ok(leftOut <= drawn * MOST_LEFT_OUT, `${leftOut} of ${drawn} packets with wrong bytes were left out`);
  return leftOut;
}

/** Both of our writers take part, and both byte orders. */
function captureFile(linkType: number, packets: readonly GeneratedPacket[]): Uint8Array {
  const blocks: Uint8Array[] = [];
  const sink = (bytes: Uint8Array): void => void blocks.push(bytes);
  if (linkType === 1 || linkType === 276) {
    const writer = new PcapngWriter(sink);
    const id = writer.addInterface({ linkType });
    for (const packet of packets) writer.packet(id, packet.timeUs, Uint8Array.from(packet.bytes), packet.length);
  } else {
    const writer = new PcapWriter(sink, { linkType, bigEndian: linkType === 113 });
    for (const packet of packets) writer.packet(packet.timeUs, Uint8Array.from(packet.bytes), packet.length);
  }
  return joinBlocks(blocks);
}

test(`tcpdump's words for ${SAMPLE} generated packets, seed ${seed}`, { ...needs('tcpdump'), timeout: 300_000 }, (t) => {
  const packets = generatePackets(`words ${seed}`, SAMPLE);
  const counts = Object.fromEntries(PACKET_CLASSES.map(({ name }) => [name, 0]));
  for (const { className } of packets) counts[className]++;
  for (const line of countLines(counts)) t.diagnostic(line);
  if (SAMPLE >= 10_000) {
    equal(packets.length, SAMPLE);
    for (const [name, count] of Object.entries(counts)) ok(count >= LEAST_PER_CLASS, `${name}: ${count} packets`);
  }
  const leftOut = leftOutOf(packets);
  t.diagnostic(`${leftOut} more were drawn and left out: tcpdump decodes what is behind their ports and protocols`);
  for (const linkType of new Set(packets.map((packet) => packet.linkType))) {
    const mine = packets.filter((packet) => packet.linkType === linkType);
    const file = captureFile(linkType, mine);
    const describe = (index: number): string =>
      `link type ${linkType}, ${mine[index]?.className}, ${Buffer.from(mine[index]?.bytes ?? []).toString('hex')}`;
    for (const flags of FLAG_SETS) compareWords(file, flags, { describe });
  }
  recordResult('tcpdump-words', {
    packets: packets.length, leftOut, classes: Object.keys(counts).length, packetsOfClass: counts, options: FLAG_SETS, differences: 0,
  });
});

test('the same over twenty more seeds (long tier)', { ...needs('tcpdump'), timeout: 1_200_000 }, (t) => {
  const rounds = isFull ? 20 : 1;
  const size = isFull ? 10_000 : 1_000;
  const options = ['-n', '-nevX', '-nvv'];
  let compared = 0;
  let leftOut = 0;
  for (let round = 1; round <= rounds; round++) {
    const generated = generatePackets(`words ${seed}/${round}`, size);
    leftOut += leftOutOf(generated);
    const packets = generated.filter((packet) => packet.linkType === 1);
    const describe = (index: number): string =>
      `round ${round}, ${packets[index]?.className}, ${Buffer.from(packets[index]?.bytes ?? []).toString('hex')}`;
    const file = captureFile(1, packets);
    compared += packets.length;
    for (const flags of options) compareWords(file, flags, { describe });
  }
  t.diagnostic(`${compared} packets in ${rounds} rounds; ${leftOut} more were drawn and left out`);
  recordResult('tcpdump-words-more-seeds', { rounds, packets: compared, leftOut, options, differences: 0 });
});

test('docs/tcpdump.md lists every port, protocol and type that is left out', () => {
  const text = readFileSync(join(root, 'docs/tcpdump.md'), 'utf8');
  const cells = (title: string): string => {
    const row = text.split('\n').find((line) => line.startsWith(`| ${title} |`));
    ok(row !== undefined, `docs/tcpdump.md has no row "${title}"`);
    return row;
  };
  const numbers = (row: string, pattern: RegExp): number[] =>
    [...row.matchAll(pattern)].map(([, number]) => Number(number)).sort((a, b) => a - b);
  const sorted = (list: readonly number[]): string => [...list].sort((a, b) => a - b).join();
  // The rows name each port with what speaks there: `53 (DNS)`.
  equal(numbers(cells('TCP ports'), /(?<![\w.])(\d+) \(/g).join(), sorted(UNDECODED_TCP_PORTS));
  equal(numbers(cells('UDP ports'), /(?<![\w.])(\d+) \(/g).join(), sorted(UNDECODED_UDP_PORTS));
  equal(numbers(cells('IP protocols'), /(?<![\w.])(\d+) \(/g).join(), sorted(UNDECODED_IP_PROTOCOLS));
  equal(numbers(cells('Ethernet types'), /(0x[0-9a-f]{4}) \(/g).join(), sorted(UNDECODED_ETHER_TYPES));
  for (const [first, last] of APPLETALK_PORTS) ok(text.includes(`${first} to ${last}`));
});
