/**
 * Hostile bytes into every parser of src/wire and into the printer: none throws, none reads beyond what it was given,
 * every walk ends, and what a parser accepted keeps its promises.
 *
 * Each view ends exactly where the parser's bytes end, so that a read beyond them throws.
 */
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../src/base/random.ts';
import { TcpdumpPrinter } from '../../src/capture/tcpdump-printer.ts';
import { ArpPacket } from '../../src/wire/arp.ts';
import { EthernetHeader } from '../../src/wire/ethernet.ts';
import { IcmpHeader, IcmpQuote, icmpChecksumOk, isIcmpError } from '../../src/wire/icmp.ts';
import { Icmp6Header, Icmp6Quote, icmp6ChecksumOk, isIcmp6Error } from '../../src/wire/icmp6.ts';
import { IgmpMessage, IgmpRecordWalker, igmpChecksumOk } from '../../src/wire/igmp.ts';
import { Ipv4Header, Ipv4OptionWalker, ipv4ChecksumOk } from '../../src/wire/ipv4.ts';
import { Ipv6ExtensionWalker, Ipv6FragmentHeader, Ipv6Header, Ipv6OptionWalker } from '../../src/wire/ipv6.ts';
import { MldMessage, MldRecordWalker } from '../../src/wire/mld.ts';
import { NdMessage, NdOptionKind, NdOptionWalker, NdPrefixInformation } from '../../src/wire/nd.ts';
import { TcpHeader } from '../../src/wire/tcp.ts';
import { UdpHeader } from '../../src/wire/udp.ts';
import { Draw } from '../tools/packet-bytes.ts';
import { generatePackets } from '../tools/packet-generator.ts';
import { recordResult, seed } from '../results.ts';
import { frameCount, RecentFrames } from './failing-frames.ts';
import { transportChecksumRight } from './frame-layout.ts';
import { mutated } from './mutations.ts';

const FRAMES = frameCount(100_000, 1_000_000);

/** How often a parser was called, and how often it said yes. */
class Tally {
  calls = 0;
  accepted = 0;

  count(yes: boolean): boolean {
    this.calls++;
    if (yes) this.accepted++;
    return yes;
  }
}

const TALLIES = {
  ethernet: new Tally(),
  arp: new Tally(),
  ipv4: new Tally(),
  'ipv4 quoted': new Tally(),
  'ipv4 options': new Tally(),
  ipv6: new Tally(),
  'ipv6 extensions': new Tally(),
  'ipv6 options': new Tally(),
  'ipv6 fragment': new Tally(),
  udp: new Tally(),
  tcp: new Tally(),
  'tcp options': new Tally(),
  icmp: new Tally(),
  'icmp quote': new Tally(),
  icmp6: new Tally(),
  'icmp6 quote': new Tally(),
  nd: new Tally(),
  'nd options': new Tally(),
  'nd prefix': new Tally(),
  mld: new Tally(),
  'mld records': new Tally(),
  igmp: new Tally(),
  'igmp records': new Tally(),
};

const ethernetHeader = new EthernetHeader();
const arp = new ArpPacket();
const ip4 = new Ipv4Header();
const options4 = new Ipv4OptionWalker();
const ip6 = new Ipv6Header();
const extensions = new Ipv6ExtensionWalker();
const options6 = new Ipv6OptionWalker();
const fragment = new Ipv6FragmentHeader();
const udpHeader = new UdpHeader();
const tcpHeader = new TcpHeader();
const icmpHeader = new IcmpHeader();
const quote4 = new IcmpQuote();
const icmp6Header = new Icmp6Header();
const quote6 = new Icmp6Quote();
const nd = new NdMessage();
const ndOptions = new NdOptionWalker();
const prefix = new NdPrefixInformation();
const mld = new MldMessage();
const mldRecords = new MldRecordWalker();
const igmp = new IgmpMessage();
const igmpRecords = new IgmpRecordWalker();

/** Throws plainly: assert's functions would cost more than the parsers. */
function insist(holds: boolean, what: string): void {
  if (!holds) throw new Error(`a parser's promise is broken: ${what}`);
}

/** A view of the first `length` bytes and no more. */
function viewOf(bytes: Uint8Array, length: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, length);
}

/** The way a frame takes in a stack. `view` ends at `headEnd`; `len` is the whole frame, which may be longer. */
function parseFrame(view: DataView, headEnd: number, len: number): void {
  if (!TALLIES.ethernet.count(ethernetHeader.parse(view, 0, headEnd, len))) return;
  const at = ethernetHeader.headerLen;
  insist(at <= headEnd, 'ethernet header within the head');
  switch (ethernetHeader.etherType) {
    case 0x0806:
      TALLIES.arp.count(arp.parse(view, at, headEnd, len - at));
      return;
    case 0x0800:
      return parseIpv4(view, at, headEnd, len - at);
    case 0x86dd:
      return parseIpv6(view, at, headEnd, len - at);
    default:
      return;
  }
}

function parseIpv4(view: DataView, at: number, headEnd: number, len: number): void {
  TALLIES['ipv4 quoted'].count(quote4.parse(view, at, headEnd));
  if (!TALLIES.ipv4.count(ip4.parse(view, at, headEnd, len))) return;
  insist(ip4.headerLen >= 20 && at + ip4.headerLen <= headEnd, 'ipv4 header within the head');
  insist(ip4.totalLen <= len && ip4.payloadLen >= 0, 'ipv4 lengths');
  insist(ip4.fragmentOffset % 8 === 0, 'fragment offset');
  ipv4ChecksumOk(view, at, ip4.headerLen);
  walkOptions4(view, at, ip4.headerLen);
  const l4 = at + ip4.headerLen;
  if (ip4.fragmentOffset === 0) parseUpper(view, l4, Math.min(headEnd, at + ip4.totalLen), ip4.payloadLen, ip4.protocol, false);
}

function walkOptions4(view: DataView, at: number, headerLen: number): void {
  options4.begin(at, headerLen);
  let steps = 0;
  while (options4.next(view)) {
    insist(options4.at + options4.length <= at + headerLen, 'ipv4 option within the header');
    insist(++steps <= 40, 'ipv4 options end');
  }
  if (steps > 0 || options4.malformedAt !== 0) TALLIES['ipv4 options'].count(options4.malformedAt === 0);
}

function parseIpv6(view: DataView, at: number, headEnd: number, len: number): void {
  if (!TALLIES.ipv6.count(ip6.parse(view, at, headEnd, len))) return;
  insist(40 + ip6.payloadLen <= len, 'ipv6 length');
  const packetEnd = at + 40 + ip6.payloadLen;
  const end = Math.min(headEnd, packetEnd);
  extensions.begin(view, at, end);
  let steps = 0;
  let later = false;
  while (extensions.next(view)) {
    insist(extensions.length >= 8 && extensions.at + extensions.length <= end, 'extension header within the head');
    insist(++steps <= len / 8, 'extension headers end');
    if (extensions.kind === 44) {
      TALLIES['ipv6 fragment'].count(fragment.parse(view, extensions.at, end, extensions.length));
      later ||= fragment.offset !== 0;
    } else if (extensions.kind === 0 || extensions.kind === 60) {
      walkOptions6(view, extensions.at, extensions.length);
    }
  }
  if (steps > 0 || extensions.malformed) TALLIES['ipv6 extensions'].count(!extensions.malformed);
  if (extensions.malformed || later) return;
  insist(extensions.payloadAt <= end, 'ipv6 payload within the head');
  parseUpper(view, extensions.payloadAt, end, packetEnd - extensions.payloadAt, extensions.protocol, true);
}

function walkOptions6(view: DataView, at: number, length: number): void {
  options6.begin(at, length);
  let steps = 0;
  while (options6.next(view)) {
    insist(options6.at + 2 + options6.dataLen <= at + length, 'ipv6 option within its header');
    insist(++steps <= length, 'ipv6 options end');
  }
  TALLIES['ipv6 options'].count(!options6.malformed);
}

function parseUpper(view: DataView, at: number, headEnd: number, len: number, protocol: number, isV6: boolean): void {
  if (protocol === 6) parseTcp(view, at, headEnd, len);
  else if (protocol === 17) parseUdp(view, at, headEnd, len);
  else if (protocol === 1 && !isV6) parseIcmp(view, at, headEnd, len);
  else if (protocol === 2 && !isV6) parseIgmp(view, at, headEnd, len);
  else if (protocol === 58 && isV6) parseIcmp6(view, at, headEnd, len);
}

function parseTcp(view: DataView, at: number, headEnd: number, len: number): void {
  const yes = TALLIES.tcp.count(tcpHeader.parse(view, at, headEnd, len));
  if (!yes) return;
  insist(at + tcpHeader.headerLen <= headEnd && tcpHeader.dataLen >= 0, 'tcp lengths');
  insist(tcpHeader.sackCount <= 4 && tcpHeader.windowScale <= 14, 'tcp option values');
  const end = at + tcpHeader.headerLen;
  for (let i = 0; i < tcpHeader.unknownCount; i++)
    insist(tcpHeader.unknownAt[i] + tcpHeader.unknownLen[i] <= end, 'unknown tcp option within the header');
  if (tcpHeader.md5At >= 0) insist(tcpHeader.md5At + 16 <= end, 'signature within the header');
  if (tcpHeader.authenticationAt >= 0) insist(tcpHeader.authenticationAt + tcpHeader.authenticationLen <= end, 'authentication within the header');
  if (tcpHeader.fastOpenAt >= 0) insist(tcpHeader.fastOpenAt + Math.max(0, tcpHeader.fastOpenLen) <= end, 'cookie within the header');
  if (tcpHeader.headerLen > 20) TALLIES['tcp options'].count(tcpHeader.hasTimestamps || tcpHeader.mss !== 0 || tcpHeader.sackCount > 0 || tcpHeader.unknownCount > 0);
}

function parseUdp(view: DataView, at: number, headEnd: number, len: number): void {
  if (!TALLIES.udp.count(udpHeader.parse(view, at, headEnd, len))) return;
  insist(udpHeader.dataLen >= 0 && udpHeader.dataLen + 8 <= len, 'udp length');
}

function parseIcmp(view: DataView, at: number, headEnd: number, len: number): void {
  if (!TALLIES.icmp.count(icmpHeader.parse(view, at, headEnd, len))) return;
  insist(icmpHeader.dataLen >= 0 && icmpHeader.dataAt <= headEnd, 'icmp data');
  icmpChecksumOk(view, at, headEnd);
  if (!isIcmpError(icmpHeader.type)) return;
  const yes = TALLIES['icmp quote'].count(quote4.parse(view, icmpHeader.dataAt, headEnd));
  if (yes) insist(quote4.available >= 8 && quote4.transportAt + quote4.available === headEnd, 'quoted header');
}

function parseIgmp(view: DataView, at: number, headEnd: number, len: number): void {
  if (!TALLIES.igmp.count(igmp.parse(view, at, headEnd, len))) return;
  igmpChecksumOk(view, at, at + len);
  insist(igmp.sourcesAt + 4 * igmp.sourceCount <= at + len, 'igmp sources');
  if (igmp.version !== 3 || igmp.recordsAt === 0) return;
  igmpRecords.begin(igmp);
  while (igmpRecords.next(view)) insist(igmpRecords.sourcesAt + 4 * igmpRecords.sourceCount <= at + len, 'igmp record');
  TALLIES['igmp records'].count(!igmpRecords.malformed);
}

function parseIcmp6(view: DataView, at: number, headEnd: number, len: number): void {
  if (TALLIES.icmp6.count(icmp6Header.parse(view, at, headEnd, len))) {
    icmp6ChecksumOk(view, at, headEnd, 0);
    if (isIcmp6Error(icmp6Header.type)) {
      const yes = TALLIES['icmp6 quote'].count(quote6.parse(view, icmp6Header.dataAt, headEnd));
      if (yes) insist(quote6.available >= 0 && quote6.transportAt + quote6.available === headEnd, 'quoted ipv6 header');
    }
  }
  parseNd(view, at, headEnd, len);
  if (!TALLIES.mld.count(mld.parse(view, at, headEnd, len))) return;
  insist(mld.sourcesAt + 16 * mld.sourceCount <= at + len, 'mld sources');
  if (mld.recordsAt === 0) return;
  mldRecords.begin(mld);
  while (mldRecords.next(view)) insist(mldRecords.sourcesAt + 16 * mldRecords.sourceCount <= at + len, 'mld record');
  TALLIES['mld records'].count(!mldRecords.malformed);
}

function parseNd(view: DataView, at: number, headEnd: number, len: number): void {
  if (!TALLIES.nd.count(nd.parse(view, at, headEnd, len))) return;
  const end = at + len;
  insist(nd.optionsAt <= nd.optionsEnd && nd.optionsEnd === end, 'nd options');
  if (nd.nonceAt >= 0) insist(nd.nonceAt + nd.nonceLen <= end, 'nonce');
  if (nd.redirectedAt >= 0) insist(nd.redirectedLen >= 0 && nd.redirectedAt + nd.redirectedLen <= end, 'redirected packet');
  ndOptions.begin(nd.optionsAt, nd.optionsEnd);
  let steps = 0;
  while (ndOptions.next(view)) {
    insist(++steps <= len / 8 && ndOptions.at + ndOptions.length <= end, 'nd option within the message');
    if (ndOptions.kind === NdOptionKind.PrefixInformation) TALLIES['nd prefix'].count(prefix.parse(view, ndOptions.at, ndOptions.length));
  }
  insist(!ndOptions.malformed, 'accepted nd options are sound');
  TALLIES['nd options'].count(steps > 0);
}

/** Every parser at the same place, whatever stands there. */
function parseEverything(view: DataView, at: number, headEnd: number, len: number): void {
  TALLIES.ethernet.count(ethernetHeader.parse(view, at, headEnd, len));
  TALLIES.arp.count(arp.parse(view, at, headEnd, len));
  parseIpv4(view, at, headEnd, len);
  parseIpv6(view, at, headEnd, len);
  parseTcp(view, at, headEnd, len);
  parseUdp(view, at, headEnd, len);
  parseIcmp(view, at, headEnd, len);
  parseIgmp(view, at, headEnd, len);
  parseIcmp6(view, at, headEnd, len);
  TALLIES['icmp6 quote'].count(quote6.parse(view, at, headEnd));
  TALLIES['ipv6 fragment'].count(fragment.parse(view, at, headEnd, len));
}

function soundFrames(): Uint8Array[] {
  return generatePackets(`parsers ${seed}`, 6000)
    .filter((packet) => packet.linkType === 1)
    .map((packet) => Uint8Array.from(packet.bytes));
}

test('mutated frames into every parser', { timeout: 3_600_000 }, (t) => {
  const draw = new Draw(new SeededRandom(`parsers ${seed}`));
  const corpus = soundFrames();
  const recent = new RecentFrames();
  let repaired = 0;
  let right = 0;
  for (let i = 0; i < FRAMES; i++) {
    const repair = (i & 1) === 0;
    const frame = mutated(draw.pick(corpus), draw.pick(corpus), draw, repair);
    recent.add(frame);
    if (repair && transportChecksumRight(frame) !== null) repaired++;
    if (repair && transportChecksumRight(frame) === true) right++;
    // The head may end before the packet does: what lies behind it is in ranges, where parsers must not look.
    const headEnd = draw.chance(0.3) ? draw.int(0, frame.length) : frame.length;
    try {
      parseFrame(viewOf(frame, headEnd), headEnd, frame.length);
      if ((i & 3) === 0) {
        const at = draw.int(0, headEnd);
        parseEverything(viewOf(frame, headEnd), at, headEnd, frame.length - at);
      }
    } catch (error) {
      throw new Error(`${(error as Error).message}: ${recent.save('parsers')}`, { cause: error });
    }
  }
  equal(right, repaired, 'a repaired checksum is right');
  const counts: Record<string, string> = {};
  for (const [name, tally] of Object.entries(TALLIES)) {
    counts[name] = `${tally.accepted} of ${tally.calls}`;
    // In the long tier at least 1,000 get through each parser, and as many are refused; in a sample its share.
    const least = Math.min(1000, FRAMES / 1000);
    ok(tally.accepted >= least, `${name}: ${counts[name]} accepted`);
    ok(tally.calls - tally.accepted >= Math.min(least, 20), `${name}: ${counts[name]} accepted`);
  }
  for (const [name, count] of Object.entries(counts)) t.diagnostic(`${name}: ${count} accepted`);
  recordResult('fuzz-parsers', { frames: FRAMES, repaired, accepted: counts });
});

test('mutated frames into the printer', { timeout: 3_600_000 }, () => {
  const draw = new Draw(new SeededRandom(`printer ${seed}`));
  const corpus = soundFrames();
  const recent = new RecentFrames();
  const printers = [
    new TcpdumpPrinter({}),
    new TcpdumpPrinter({ verbose: 3, linkHeader: true, dump: 'X' }),
    new TcpdumpPrinter({ verbose: 1, quiet: true, dump: 'A' }),
    new TcpdumpPrinter({ verbose: 2, absoluteSeq: true, dump: 'xx', time: 'since-previous', number: true }),
  ];
  let lines = 0;
  for (let i = 0; i < FRAMES; i++) {
    const frame = mutated(draw.pick(corpus), draw.pick(corpus), draw, (i & 1) === 0);
    recent.add(frame);
    try {
      const text = printers[i & 3].format(1, i, frame, frame.length + (draw.chance(0.1) ? draw.int(0, 2000) : 0));
      if (text.length > 0) lines++;
    } catch (error) {
      throw new Error(`${(error as Error).message}: ${recent.save('printer')}`, { cause: error });
    }
  }
  equal(lines, FRAMES, 'every frame got words');
});

test('the fuzzer notices a parser that reads too far', () => {
  const bytes = new Uint8Array(64);
  const careless = (view: DataView, at: number): number => view.getUint16(at + 20);
  let thrown = 0;
  for (let length = 0; length < 64; length++) {
    try {
      careless(viewOf(bytes, length), 0);
    } catch {
      thrown++;
    }
  }
  equal(thrown, 22);
});
