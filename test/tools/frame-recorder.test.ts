/**
 * The recorder keeps what hosts' devices send, complete and cut, and the judge finds what is wrong with a frame: a planted
 * bad checksum of every kind, a header that lies, and nothing in sound frames. It also finds that frames are missing.
 */
import { deepEqual, doesNotMatch, equal, match, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PcapngWriter, joinBlocks } from '../../src/capture/pcapng-writer.ts';
import { readPcapng } from '../../src/capture/pcapng-reader.ts';
import { Device, type NetInput } from '../../src/link/device.ts';
import type { Packet } from '../../src/link/packet.ts';
import { tcpChecksumHolds, tcpSegment } from '../../src/link/test-frames.ts';
import { type Bytes, checksum, ENDS4, ENDS6, ethernet, icmp, ipv4, ipv6, MAC_A, pseudoHeader, tcp, udp } from './packet-bytes.ts';
import { needs } from '../needs.ts';
import { root } from '../results.ts';
import { FORWARDED, FrameRecorder, isFragment, OF_PROGRAM, recordHosts } from './frame-recorder.ts';

/** A device that lets everything go. */
class Drain extends Device {
  override transmit(p: Packet): void {
    if (this.sending(p)) p.release();
  }
}

/** What a device of a host, and a device of a bare network layer, have above them. */
class NetworkAlone implements NetInput {
  transport: object | null = {};
  frameInput(_device: Device, p: Packet): void {
    p.release();
  }
  deviceChanged(): void {}
}
class StackedInput extends NetworkAlone {
  override transport = { tcp: null, udp: null };
  /** Whether the addresses that frames come from are the host's own. */
  own = true;
  localWords(): boolean {
    return this.own;
  }
}

function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'ss-frames-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file of a step, as its hosts would have left it. */
function writeFrames(folder: string, step: string, name: string, frames: readonly Bytes[], comment = ''): void {
  const blocks: Uint8Array[] = [];
  const writer = new PcapngWriter((block) => blocks.push(block));
  const id = writer.addInterface({ linkType: 1, name: 'planted' });
  for (const [i, frame] of frames.entries()) writer.packet(id, i, Uint8Array.from(frame), frame.length, { comment });
  mkdirSync(join(folder, step), { recursive: true });
  writeFileSync(join(folder, step, `${name}.pcapng`), joinBlocks(blocks));
}

/** Runs the judge as npm test does; of the steps `demanded` enough frames must be there. */
function judged(folder: string, ...demanded: string[]): { status: number | null; text: string } {
  const env = { ...process.env, SOCKSCAPE_TOTALS: '', SOCKSCAPE_FULL: '' };
  const run = spawnSync(process.execPath, [join(root, 'scripts/frames.mjs'), folder, ...demanded], { encoding: 'utf8', env });
  return { status: run.status, text: run.stdout + run.stderr };
}

const SEGMENT = { sourcePort: 40000, destinationPort: 50000, seq: 1, ack: 1, flags: 0x18 };
const PORTS = { sourcePort: 40000, destinationPort: 50000 };
const DATA = [1, 2, 3, 4, 5];
const ECHO = [0, 1, 0, 2, ...DATA];
const QUOTED = ipv4(17, udp(ENDS4, { ...PORTS, length: 3 }, DATA), { badChecksum: true, options: [148, 3, 0, 1] });
const QUOTED6 = ipv6(4, QUOTED, { payloadLength: 500 });
const ERROR4 = icmp(null, 3, 3, [0, 0, 0, 0, ...QUOTED]);
const ERROR6 = icmp(ENDS6, 1, 4, [0, 0, 0, 0, ...QUOTED6]);
const TRAILER = new Array<number>(20).fill(0);

function ipv4Frame(protocol: number, payload: Bytes, fields = {}): Bytes {
  return ethernet(0x0800, ipv4(protocol, payload, fields));
}

function ipv6Frame(next: number, payload: Bytes, fields = {}): Bytes {
  return ethernet(0x86dd, ipv6(next, payload, fields));
}

function optionsFrame(options: Bytes): Bytes {
  return ipv4Frame(6, tcp(ENDS4, { ...SEGMENT, options }, DATA));
}

/** A datagram whose length field leaves out the last byte of IP's payload, with the checksum that goes with it. */
function shortDatagram(): Bytes {
  const whole = udp(ENDS4, { ...PORTS, checksum: 'none' }, DATA.slice(0, -1));
  const sum = checksum([...pseudoHeader(ENDS4, 17, whole.length), ...whole]);
  return [...whole.slice(0, 6), sum >> 8, sum & 0xff, ...whole.slice(8), DATA[DATA.length - 1]];
}

const SOUND = [
  optionsFrame([2, 4, 5, 0xb4, 1, 3, 3, 7]),
  ipv4Frame(17, udp(ENDS4, PORTS, DATA)),
  ipv4Frame(17, udp(ENDS4, { ...PORTS, checksum: 'none' }, DATA)),
  ipv4Frame(1, icmp(null, 8, 0, ECHO)),
  // An error that quotes a damaged packet is sound itself.
  ipv4Frame(1, ERROR4),
  ipv6Frame(58, ERROR6),
  ipv6Frame(6, tcp(ENDS6, SEGMENT, DATA)),
  ipv6Frame(17, udp(ENDS6, PORTS, DATA)),
  ipv6Frame(58, icmp(ENDS6, 128, 0, ECHO)),
  ethernet(0x0806, [0, 1, 8, 0, 6, 4, 0, 1, ...MAC_A, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]),
  // Filled up to the 60 bytes that Ethernet wants.
  [...ipv4Frame(17, udp(ENDS4, PORTS, DATA)), ...new Array<number>(13).fill(0)],
];

/** Frames with one fault each, and how the judge calls it. */
const UNSOUND: Record<string, readonly [Bytes, string]> = {
  'IPv4 checksum': [ipv4Frame(6, tcp(ENDS4, SEGMENT, DATA), { badChecksum: true }), 'bad ip checksum'],
  'TCP checksum': [ipv4Frame(6, tcp(ENDS4, { ...SEGMENT, badChecksum: true }, DATA)), 'bad tcp checksum'],
  'TCP checksum over IPv6': [ipv6Frame(6, tcp(ENDS6, { ...SEGMENT, badChecksum: true }, DATA)), 'bad tcp checksum'],
  'UDP checksum': [ipv4Frame(17, udp(ENDS4, { ...PORTS, checksum: 'wrong' }, DATA)), 'bad udp checksum'],
  'UDP checksum over IPv6': [ipv6Frame(17, udp(ENDS6, { ...PORTS, checksum: 'wrong' }, DATA)), 'bad udp checksum'],
  'no UDP checksum over IPv6': [ipv6Frame(17, udp(ENDS6, { ...PORTS, checksum: 'none' }, DATA)), 'an error'],
  'ICMP checksum': [ipv4Frame(1, icmp(null, 8, 0, ECHO, true)), 'bad icmp checksum'],
  'ICMP checksum of an error': [ipv4Frame(1, icmp(null, 3, 3, [0, 0, 0, 0, ...QUOTED], true)), 'bad icmp checksum'],
  'IPv4 checksum of an error': [ipv4Frame(1, ERROR4, { badChecksum: true }), 'bad ip checksum'],
  'ICMPv6 checksum': [ipv6Frame(58, icmp(ENDS6, 128, 0, ECHO, true)), 'bad icmpv6 checksum'],
  'ICMPv6 checksum of an error': [ipv6Frame(58, icmp(ENDS6, 1, 4, [0, 0, 0, 0, ...QUOTED6], true)), 'bad icmpv6 checksum'],
  'TCP data offset': [ipv4Frame(6, tcp(ENDS4, { ...SEGMENT, dataOffset: 3 }, DATA)), 'an error'],
  'TCP header cut off': [ipv4Frame(6, tcp(ENDS4, SEGMENT).slice(0, 14)), 'malformed'],
  'TCP option of a wrong length': [optionsFrame([2, 3, 5, 1]), 'tcp.option.len.invalid'],
  'TCP option of length zero': [optionsFrame([2, 0, 5, 1]), 'tcp.option.len.invalid'],
  'TCP option beyond the end': [optionsFrame([1, 1, 8, 10]), 'tcp.option.len.invalid'],
  'TCP option SACK of a broken length': [optionsFrame([5, 9, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1]), 'malformed'],
  'IPv4 option beyond the end': [ipv4Frame(17, udp(ENDS4, PORTS, DATA), { options: [148, 8, 0, 1] }), 'ip.opt.len.invalid'],
  'IPv4 option of length zero': [ipv4Frame(17, udp(ENDS4, PORTS, DATA), { options: [148, 0, 0, 1] }), 'ip.opt.len.invalid'],
  'IPv4 option of an error': [ipv4Frame(1, ERROR4, { options: [148, 8, 0, 1] }), 'ip.opt.len.invalid'],
  'IPv6 option of a wrong length': [ipv6Frame(0, [58, 0, 5, 3, 0, 0, 0, 0, ...icmp(ENDS6, 128, 0, ECHO)]), 'ipv6.opt.invalid_len'],
  'IPv6 option of an error': [ipv6Frame(60, [58, 0, 5, 3, 0, 0, 0, 0, ...ERROR6]), 'ipv6.opt.invalid_len'],
  'IPv4 header length': [ipv4Frame(6, tcp(ENDS4, SEGMENT, DATA), { headerWords: 3 }), 'an error'],
  'IPv4 total length too large': [ipv4Frame(17, udp(ENDS4, PORTS, DATA), { totalLength: 500 }), 'ip length of 500 bytes'],
  'IPv4 total length too small': [[...ipv4Frame(17, udp(ENDS4, PORTS, DATA)), ...TRAILER], 'ip length of 33 bytes in a frame with 53'],
  'IPv4 total length of an error too large': [ipv4Frame(1, ERROR4, { totalLength: 500 }), 'ip length of 500 bytes'],
  'IPv4 total length of an error too small': [[...ipv4Frame(1, ERROR4), ...TRAILER], 'ip length of 65 bytes'],
  'IPv6 payload length too large': [ipv6Frame(6, tcp(ENDS6, SEGMENT, DATA), { payloadLength: 900 }), 'ipv6 length of 940 bytes'],
  'IPv6 payload length too small': [[...ipv6Frame(6, tcp(ENDS6, SEGMENT, DATA)), ...TRAILER], 'ipv6 length of 65 bytes'],
  'IPv6 payload length of an error too large': [ipv6Frame(58, ERROR6, { payloadLength: 900 }), 'ipv6 length of 940 bytes'],
  'IPv6 payload length of an error too small': [[...ipv6Frame(58, ERROR6), ...TRAILER], 'ipv6 length of 125 bytes'],
  'UDP length of less than a header': [ipv4Frame(17, udp(ENDS4, { ...PORTS, length: 4 }, DATA)), 'udp length of 4 bytes'],
  'UDP length too large': [ipv4Frame(17, udp(ENDS4, { ...PORTS, length: 100 }, DATA)), 'udp length of 100 bytes'],
  'UDP length too small': [ipv4Frame(17, shortDatagram()), 'udp length of 12 bytes in an ip payload of 13'],
  'neighbour discovery option of length zero': [
    ipv6Frame(58, icmp(ENDS6, 135, 0, [0, 0, 0, 0, ...ENDS6.source, 1, 0, 2, 0, 0, 0, 0, 1]), { hopLimit: 255 }),
    'malformed',
  ],
};

test('the judge finds nothing in sound frames', { ...needs('tshark') }, () => {
  inFolder((folder) => {
    writeFrames(folder, 'unit', 'a', SOUND);
    const { status, text } = judged(folder);
    equal(status, 0, text);
    // Those with checksums right: one datagram has none, and what errors quote does not count.
    match(text, new RegExp(`unit: 1 files, ${SOUND.length} frames: 1 arp, 4 ipv6, 6 ip, 2 tcp, 3 udp, 2 icmp, 2 icmpv6, 0 igmp`));
    match(text, / 0 unsound/);
  });
});

test('the judge finds every planted fault', { ...needs('tshark') }, () => {
  inFolder((folder) => {
    for (const [what, [frame]] of Object.entries(UNSOUND)) writeFrames(folder, 'unit', what, [SOUND[0], frame]);
    const { status, text } = judged(folder);
    equal(status, 1, text);
    for (const [what, [, fault]] of Object.entries(UNSOUND)) {
      ok(`\n${text}`.includes(`\n${what}.pcapng: 2 planted: ${fault}`), `${what}\n${text}`);
    }
    match(text, new RegExp(` ${Object.keys(UNSOUND).length} unsound`));
  });
});

/** A segment whose checksum is 0, written as 0xffff. */
function zeroAsOnes(): Bytes {
  for (let last = 0; last < 0x10000; last++) {
    const frame = ipv4Frame(6, tcp(ENDS4, SEGMENT, [last >> 8, last & 0xff]));
    if (frame[50] === 0 && frame[51] === 0) return [...frame.slice(0, 50), 0xff, 0xff, ...frame.slice(52)];
  }
  throw new Error('no payload gives the checksum 0');
}

test('0xffff for 0 in TCP is a fault of ours, and a way of writing in what Linux made and we sent on', { ...needs('tshark') }, () => {
  const zero = zeroAsOnes();
  const wrong = [...zero.slice(0, 54), (zero[54] as number) ^ 1, ...zero.slice(55)];
  inFolder((folder) => {
    writeFrames(folder, 'unit', 'ours', [zero]);
    writeFrames(folder, 'unit', 'forwarded', [zero, wrong, SOUND[0]], FORWARDED);
    writeFrames(folder, 'unit', 'program', [zero, wrong], OF_PROGRAM);
    const { status, text } = judged(folder);
    equal(status, 1, text);
    match(text, /^ours\.pcapng: 1 planted: bad tcp checksum/m);
    match(text, /^forwarded\.pcapng: 2 planted: bad tcp checksum/m);
    match(text, / 2 unsound/);
  });
});

test('no frames, no verdict', { ...needs('tshark') }, () => {
  inFolder((folder) => {
    equal(judged(folder).status, 1);
    writeFrames(folder, 'unit', 'a', []);
    equal(judged(folder).status, 1);
    match(judged(folder).text, /nothing to judge/);
    equal(judged(join(folder, 'missing')).status, 1);
  });
});

test('too few frames of a step, and of each protocol', { ...needs('tshark') }, () => {
  /** Two programs of the step `oracle`, which send all sound frames often, except those of one protocol. */
  const sendWithout = (folder: string, left: number): void => {
    const frames = SOUND.filter((frame) => (frame[12] === 0x08 ? frame[23] : frame[20]) !== left);
    for (const name of ['a', 'b']) writeFrames(folder, 'oracle', name, new Array<Bytes[]>(250).fill(frames).flat());
  };
  inFolder((folder) => {
    sendWithout(folder, 0);
    equal(judged(folder, 'oracle').status, 0);
    const others = judged(folder, 'oracle', 'sim', 'lint');
    equal(others.status, 1);
    match(others.text, /^frames: of the step sim there is no frame$/m);
    match(others.text, /^frames: of the step lint nobody has said how many frames it sends/m);
    doesNotMatch(others.text, /^frames: of the step oracle/m);
    writeFileSync(join(folder, 'oracle', 'a.json'), JSON.stringify({ seen: 7, recorded: 4 }));
    const sample = judged(folder);
    equal(sample.status, 1);
    match(sample.text, /^frames: of the step oracle 3 frames were sent and not kept/m);
  });
  for (const [name, number] of [['tcp', 6], ['udp', 17], ['icmp', 1], ['icmpv6', 58]] as const) {
    inFolder((folder) => {
      sendWithout(folder, number);
      const { status, text } = judged(folder, 'oracle');
      equal(status, 1, text);
      const complaints = text.split('\n').filter((line) => line.startsWith('frames: of the step'));
      equal(complaints.length, 1, text);
      match(complaints[0] as string, new RegExp(`oracle there are 0 ${name}, at least \\d+ should be there$`));
    });
  }
});

test('what a host sends is kept: checksums completed, super-segments cut, the frame itself left alone', () => {
  inFolder((folder) => {
    const recorder = new FrameRecorder(folder, 'unit');
    const stop = recordHosts(recorder);
    const device = new Drain('eth9');
    const bare = new Drain('eth8');
    const host = new StackedInput();
    device.input = host;
    bare.input = new NetworkAlone();
    try {
      const payload = new Uint8Array(4000).fill(7);
      bare.transmit(tcpSegment(payload));
      const p = tcpSegment(payload, 1460);
      const before = p.toBytes();
      let after: Uint8Array | null = null;
      device.tap = { frame: (_device, frame) => void (after = frame.toBytes()) };
      device.transmit(p);
      ok(after !== null && Buffer.compare(before, after) === 0);
      device.tap = null;
      host.own = false;
      device.transmit(tcpSegment(new Uint8Array(10)));
      device.up = false;
      device.transmit(tcpSegment(payload));
    } finally {
      stop();
      recorder.end();
    }
    device.up = true;
    device.transmit(tcpSegment(new Uint8Array(10)));
    equal(recorder.seen, 4);
    const packets = [...readPcapng(new Uint8Array(readFileSync(join(folder, 'unit.pcapng'))))];
    deepEqual(packets.map((packet) => packet.comments.join()), ['', '', '', FORWARDED]);
    ok(packets.every((packet) => packet.direction === 'out' && packet.interface.name === 'eth9'));
    ok(packets.every((packet) => packet.bytes.length <= 1514 && tcpChecksumHolds(packet.bytes)));
    equal(readFileSync(join(folder, 'unit.json'), 'utf8'), '{"seen":4,"recorded":4}');
  });
});

test('fragments are told from whole packets', () => {
  const whole4 = Uint8Array.from(SOUND[1]);
  equal(isFragment(whole4), false);
  equal(isFragment(Uint8Array.from(ethernet(0x0800, ipv4(17, DATA, { fragment: 0x2000 })))), true);
  equal(isFragment(Uint8Array.from(ethernet(0x0800, ipv4(17, DATA, { fragment: 3 })))), true);
  equal(isFragment(Uint8Array.from(SOUND[6])), false);
  equal(isFragment(Uint8Array.from(ethernet(0x86dd, ipv6(44, [17, 0, 0, 1, 0, 0, 0, 1, ...DATA])))), true);
  equal(isFragment(Uint8Array.from(ethernet(0x86dd, ipv6(60, [44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 1, 0, 0, 0, 1, ...DATA])))), true);
});
