/**
 * Our pcapng files in other people's hands and theirs in ours: tshark reads every option that we write, tcpdump reads
 * nanoseconds, and files that tshark writes give us the packets that went in.
 */
import { deepEqual, equal } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readCapture } from '../../src/capture/capture-file.ts';
import { LinkType } from '../../src/capture/capture-record.ts';
import { PcapWriter } from '../../src/capture/pcap.ts';
import { PcapngWriter, joinBlocks } from '../../src/capture/pcapng-writer.ts';
import { TcpdumpPrinter } from '../../src/capture/tcpdump-printer.ts';
import { needs } from '../needs.ts';
import { generatePackets } from '../tools/packet-generator.ts';

function tshark(args: readonly string[]): string {
  const run = spawnSync('tshark', args, { encoding: 'utf8', timeout: 60_000 });
  equal(run.status, 0, `tshark ${args.join(' ')}: ${run.error ?? run.stderr}`);
  return run.stdout;
}

function inFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'sockscape-pcapng-'));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const ARP = Uint8Array.from(
  Buffer.from('ffffffffffff02000000000108060001080006040001' + '0200000000010a000001' + '0000000000000a000002', 'hex'),
);

function richFile(): Uint8Array {
  const blocks: Uint8Array[] = [];
  const writer = new PcapngWriter((block) => blocks.push(block), { application: 'a test', comment: 'of one run' });
  writer.addInterface({ linkType: LinkType.Ethernet, name: 'host-a:eth0', description: 'the near end' });
  writer.addInterface({ linkType: LinkType.Ethernet, name: 'host-b:eth0', resolution: 'ns' });
  writer.names([{ address: Uint8Array.of(10, 0, 0, 1), names: ['near'] }]);
  writer.packet(0, 1_700_000_000_000_001, ARP, 60, { direction: 'out', comment: 'lost on the way' });
  writer.packet(1, 1_700_000_000_000_002, ARP, ARP.length, { direction: 'in', nanoseconds: 345 });
  return joinBlocks(blocks);
}

test('tshark reads interfaces, times, lengths, directions and comments', { ...needs('tshark'), timeout: 90_000 }, () => {
  inFolder((folder) => {
    const path = join(folder, 'rich.pcapng');
    writeFileSync(path, richFile());
    const fields = ['interface_name', 'interface_description', 'time_epoch', 'cap_len', 'len', 'packet_flags_direction', 'comment'];
    const text = tshark(['-n', '-r', path, '-T', 'fields', ...fields.flatMap((field) => ['-e', `frame.${field}`])]);
    deepEqual(
      text.trimEnd().split('\n').map((line) => line.split('\t')),
      [
        ['host-a:eth0', 'the near end', '1700000000.000001000', '42', '60', '0x00000002', 'lost on the way'],
        ['host-b:eth0', '', '1700000000.000002345', '42', '42', '0x00000001'],
      ],
    );
  });
});

test('tcpdump --nano prints our nanoseconds as we do', { ...needs('tcpdump'), timeout: 30_000 }, () => {
  const file = richFile();
  const run = spawnSync('tcpdump', ['-n', '--nano', '-tttt', '-r', '-'], {
    input: file,
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC' },
  });
  equal(run.status, 0, run.stderr);
  const printer = new TcpdumpPrinter({ nanoseconds: true, time: 'date' });
  let ours = '';
  for (const { interface: { linkType }, timeUs, nanoseconds, bytes, originalLength } of readCapture(file)) {
    ours += `${printer.format(linkType, timeUs, bytes, originalLength, nanoseconds)}\n`;
  }
  equal(ours, run.stdout);
});

test('what tshark writes, in three formats, holds the packets that went in', { ...needs('tshark'), timeout: 90_000 }, () => {
  const packets = generatePackets('others', 300).filter((packet) => packet.linkType === LinkType.Ethernet);
  const blocks: Uint8Array[] = [];
  const writer = new PcapWriter((block) => blocks.push(block), { linkType: LinkType.Ethernet });
  for (const packet of packets) writer.packet(packet.timeUs, Uint8Array.from(packet.bytes), packet.length);
  const expected = packets.map((packet) => [packet.timeUs, packet.length, Buffer.from(packet.bytes).toString('hex')]);
  inFolder((folder) => {
    const source = join(folder, 'source.pcap');
    writeFileSync(source, joinBlocks(blocks));
    for (const format of ['pcapng', 'pcap', 'nsecpcap']) {
      const path = join(folder, format);
      tshark(['-n', '-r', source, '-F', format, '-w', path]);
      const found = Array.from(readCapture(new Uint8Array(readFileSync(path))), (packet) => [
        packet.timeUs,
        packet.originalLength,
        Buffer.from(packet.bytes).toString('hex'),
      ]);
      deepEqual(found, expected, format);
    }
  });
});
