/** `sockscape tcpdump` with a filter: its lines are tcpdump's, and so are its files, listings and statuses. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readCapture } from '../../src/capture/capture-file.ts';
import { PcapngWriter, joinBlocks } from '../../src/capture/pcapng-writer.ts';
import { LinkType } from '../../src/wire/link-type.ts';
import { needs } from '../needs.ts';
import { seed } from '../results.ts';
import { commandLine, run } from './command.ts';
import { filterFile, filterPackets } from './filter-packets.ts';
import { generatePackets } from '../tools/packet-generator.ts';

const folder = mkdtempSync(join(tmpdir(), 'sockscape-filter-'));
after(() => rmSync(folder, { recursive: true }));

/** The generator's packets as they are: our printer knows all of them. */
const packets = generatePackets(`filter command ${seed}`, 1000)
  .filter(({ linkType }) => linkType === LinkType.Ethernet)
  .map(({ bytes, length }) => ({ bytes: Uint8Array.from(bytes), length }));
const file = join(folder, 'frames.pcap');
writeFileSync(file, filterFile(LinkType.Ethernet, packets));

/** Debian's, in UTC. */
function debians(...args: string[]): string {
  const ended = spawnSync('tcpdump', ['-n', '-r', '-', ...args], {
    input: readFileSync(file), encoding: 'latin1', env: { ...process.env, TZ: 'UTC' },
  });
  equal(ended.status, 0, ended.stderr);
  return ended.stdout;
}

function ours(...args: string[]): string {
  const ended = run(commandLine('tcpdump', ...args));
  equal(ended.status, 0, ended.stderr);
  return ended.stdout;
}

const FILTERS = [
  ['tcp', 'port', '9502'], ['arp or icmp6'], ['not ip and not ip6'], ['host', '10.0.0.1', 'and', '(udp or tcp[13] & 2 != 0)'], ['vlan'],
];
for (const filter of FILTERS) {
  test(`the packets of '${filter.join(' ')}', printed`, needs('tcpdump'), () => {
    equal(ours('-n', '-r', file, ...filter), debians(...filter));
  });
}

test('-c and -# count what passes', needs('tcpdump'), () => {
  equal(ours('-n', '-#', '-c', '3', '-r', file, 'udp'), debians('-#', '-c', '3', 'udp'));
});

test('-w writes what passes', () => {
  const written = join(folder, 'written.pcapng');
  ours('-r', file, '-w', written, 'tcp');
  const lines = ours('-n', '-r', file, 'tcp').split(/\n(?=\d\d:)/);
  equal([...readCapture(readFileSync(written))].length, lines.length);
});

test('-d, -dd and -ddd, for Ethernet or for the link type of a file', needs('tcpdump'), () => {
  for (const form of ['-d', '-dd', '-ddd']) {
    equal(ours(form, '-r', file, 'ip6 host ::1'), debians(form, 'ip6 host ::1'), form);
    equal(ours(form, 'ip6 host ::1'), debians(form, 'ip6 host ::1'), form);
  }
  const raw = join(folder, 'raw.pcap');
  writeFileSync(raw, filterFile(LinkType.Raw, []));
  match(ours('-d', '-r', raw, 'ip'), /^\(000\) ldb {6}\[0\]/);
});

test('a filter that is wrong: status 1, one sentence, a mark under the place, and an older output is kept', () => {
  const older = join(folder, 'older.pcapng');
  writeFileSync(older, 'older');
  const ended = run(commandLine('tcpdump', '-r', file, '-w', older, 'tcp', 'and', '80'));
  equal(ended.status, 1);
  equal(ended.stdout, '');
  const sentence = "sockscape tcpdump: filter: '80' alone says nothing: is it a host, a net, a port or a proto?";
  equal(ended.stderr, `${sentence}\n  tcp and 80\n          ^\n`);
  equal(readFileSync(older, 'utf8'), 'older');
  const empty = join(folder, 'empty.pcap');
  writeFileSync(empty, filterFile(LinkType.Raw, []));
  const onEmpty = run(commandLine('tcpdump', '-r', empty, 'vlan'));
  deepEqual([onEmpty.status, onEmpty.stdout], [1, '']);
  match(onEmpty.stderr, /no VLAN tags in captures of raw IP/);
});

test('a pcapng file with several link types: the filter is compiled for each', () => {
  const blocks: Uint8Array[] = [];
  const writer = new PcapngWriter((bytes) => void blocks.push(bytes));
  for (const linkType of [LinkType.Ethernet, LinkType.Raw, LinkType.LinuxSll]) {
    const id = writer.addInterface({ linkType });
    filterPackets('several', linkType, 200).forEach(({ bytes, length }, i) => writer.packet(id, i, bytes, length));
  }
  const mixed = join(folder, 'mixed.pcapng');
  writeFileSync(mixed, joinBlocks(blocks));
  const count = (...filter: string[]): number => {
    const written = join(folder, 'passed.pcapng');
    ours('-r', mixed, '-w', written, ...filter);
    return [...readCapture(readFileSync(written))].length;
  };
  equal(count('tcp') + count('not', 'tcp') <= count(), true);
  equal(count('tcp') > 50, true);
});

const services = existsSync('/etc/services') ? {} : { skip: 'needs /etc/services' };

test('names of the machine: services', { ...needs('tcpdump'), ...services }, () => {
  equal(ours('-n', '-r', file, 'port', 'domain'), debians('port', 'domain'));
});
