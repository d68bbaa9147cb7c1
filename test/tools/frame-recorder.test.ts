/**
 * The recorder keeps what hosts' devices send, complete and cut, and the judge finds what is wrong with a frame: a planted
 * bad checksum of every kind, a header that lies, and nothing in sound frames.
 */
import { equal, match, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PcapngWriter, joinBlocks } from '../../src/capture/pcapng-writer.ts';
import { readPcapng } from '../../src/capture/pcapng-reader.ts';
import { Device, type NetInput } from '../../src/link/device.ts';
import type { Packet } from '../../src/link/packet.ts';
import { tcpChecksumHolds, tcpSegment } from '../../src/link/test-frames.ts';
import { ENDS4, ENDS6, ethernet, icmp, ipv4, ipv6, tcp, udp } from '../interop/packet-bytes.ts';
import { needs } from '../needs.ts';
import { root } from '../results.ts';
import { FrameRecorder, isFragment, recordHosts } from './frame-recorder.ts';

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
}

function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'ss-frames-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeFrames(file: string, frames: readonly (readonly number[])[]): void {
  const blocks: Uint8Array[] = [];
  const writer = new PcapngWriter((block) => blocks.push(block));
  const id = writer.addInterface({ linkType: 1, name: 'planted' });
  for (const [i, frame] of frames.entries()) writer.packet(id, i, Uint8Array.from(frame));
  writeFileSync(file, joinBlocks(blocks));
}

/** Runs the judge as npm test does. */
function judged(folder: string): { status: number | null; text: string } {
  const env = { ...process.env, SOCKSCAPE_TOTALS: '' };
  const run = spawnSync(process.execPath, [join(root, 'scripts/frames.mjs'), folder], { encoding: 'utf8', env });
  return { status: run.status, text: run.stdout + run.stderr };
}

const SEGMENT = { sourcePort: 40000, destinationPort: 50000, seq: 1, ack: 1, flags: 0x18 };
const PORTS = { sourcePort: 40000, destinationPort: 50000 };
const DATA = [1, 2, 3, 4, 5];
const ECHO = [0, 1, 0, 2, ...DATA];
const QUOTED = ipv4(17, udp(ENDS4, { ...PORTS, length: 3 }, DATA), { badChecksum: true });

const SOUND = [
  ethernet(0x0800, ipv4(6, tcp(ENDS4, { ...SEGMENT, options: [2, 4, 5, 0xb4, 1, 3, 3, 7] }, DATA))),
  ethernet(0x0800, ipv4(17, udp(ENDS4, PORTS, DATA))),
  ethernet(0x0800, ipv4(17, udp(ENDS4, { ...PORTS, checksum: 'none' }, DATA))),
  ethernet(0x0800, ipv4(1, icmp(null, 8, 0, ECHO))),
  // An error that quotes a damaged packet is sound itself.
  ethernet(0x0800, ipv4(1, icmp(null, 3, 3, [0, 0, 0, 0, ...QUOTED]))),
  ethernet(0x86dd, ipv6(6, tcp(ENDS6, SEGMENT, DATA))),
  ethernet(0x86dd, ipv6(17, udp(ENDS6, PORTS, DATA))),
  ethernet(0x86dd, ipv6(58, icmp(ENDS6, 128, 0, ECHO))),
];

const UNSOUND: Record<string, readonly number[]> = {
  'IPv4 checksum': ethernet(0x0800, ipv4(6, tcp(ENDS4, SEGMENT, DATA), { badChecksum: true })),
  'TCP checksum': ethernet(0x0800, ipv4(6, tcp(ENDS4, { ...SEGMENT, badChecksum: true }, DATA))),
  'TCP checksum over IPv6': ethernet(0x86dd, ipv6(6, tcp(ENDS6, { ...SEGMENT, badChecksum: true }, DATA))),
  'UDP checksum': ethernet(0x0800, ipv4(17, udp(ENDS4, { ...PORTS, checksum: 'wrong' }, DATA))),
  'UDP checksum over IPv6': ethernet(0x86dd, ipv6(17, udp(ENDS6, { ...PORTS, checksum: 'wrong' }, DATA))),
  'no UDP checksum over IPv6': ethernet(0x86dd, ipv6(17, udp(ENDS6, { ...PORTS, checksum: 'none' }, DATA))),
  'ICMP checksum': ethernet(0x0800, ipv4(1, icmp(null, 8, 0, ECHO, true))),
  'ICMP checksum of an error': ethernet(0x0800, ipv4(1, icmp(null, 3, 3, [0, 0, 0, 0, ...QUOTED], true))),
  'IPv4 checksum of an error': ethernet(0x0800, ipv4(1, icmp(null, 3, 3, [0, 0, 0, 0, ...QUOTED]), { badChecksum: true })),
  'ICMPv6 checksum': ethernet(0x86dd, ipv6(58, icmp(ENDS6, 128, 0, ECHO, true))),
  'TCP data offset': ethernet(0x0800, ipv4(6, tcp(ENDS4, { ...SEGMENT, dataOffset: 3 }, DATA))),
  'TCP header cut off': ethernet(0x0800, ipv4(6, tcp(ENDS4, SEGMENT).slice(0, 14))),
  'IPv4 header length': ethernet(0x0800, ipv4(6, tcp(ENDS4, SEGMENT, DATA), { headerWords: 3 })),
  'IPv4 total length': ethernet(0x0800, ipv4(17, udp(ENDS4, PORTS, DATA), { totalLength: 500 })),
  'UDP length': ethernet(0x0800, ipv4(17, udp(ENDS4, { ...PORTS, length: 4 }, DATA))),
  'IPv6 payload length': ethernet(0x86dd, ipv6(6, tcp(ENDS6, SEGMENT, DATA), { payloadLength: 900 })),
  'neighbour discovery option of length zero': ethernet(0x86dd, ipv6(58, icmp(ENDS6, 135, 0, [0, 0, 0, 0, ...ENDS6.source, 1, 0, 2, 0, 0, 0, 0, 1]), { hopLimit: 255 })),
};

test('the judge finds nothing in sound frames', { ...needs('tshark') }, () => {
  inFolder((folder) => {
    writeFrames(join(folder, 'a.pcapng'), SOUND);
    const { status, text } = judged(folder);
    equal(status, 0, text);
    match(text, new RegExp(`${SOUND.length} frames, 6 ip, 3 ipv6, 0 arp, 2 tcp, 4 udp`));
    match(text, / 0 unsound/);
  });
});

test('the judge finds every planted fault', { ...needs('tshark') }, () => {
  inFolder((folder) => {
    for (const [what, frame] of Object.entries(UNSOUND)) writeFrames(join(folder, `${what}.pcapng`), [SOUND[0], frame]);
    const { status, text } = judged(folder);
    equal(status, 1, text);
    for (const what of Object.keys(UNSOUND)) ok(text.includes(`\n${what}.pcapng: 2 planted: `) || text.startsWith(`${what}.pcapng: 2 planted: `), `${what}\n${text}`);
    match(text, new RegExp(` ${Object.keys(UNSOUND).length} unsound`));
  });
});

test('no frames, no verdict', { ...needs('tshark') }, () => {
  inFolder((folder) => {
    equal(judged(folder).status, 1);
    writeFrames(join(folder, 'a.pcapng'), []);
    equal(judged(folder).status, 1);
    match(judged(folder).text, /nothing to judge/);
    equal(judged(join(folder, 'missing')).status, 1);
  });
});

test('what a host sends is kept: checksums completed, super-segments cut, the frame itself left alone', () => {
  inFolder((folder) => {
    const recorder = new FrameRecorder(folder, 'unit');
    const stop = recordHosts(recorder);
    const device = new Drain('eth9');
    const bare = new Drain('eth8');
    device.input = new StackedInput();
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
      device.up = false;
      device.transmit(tcpSegment(payload));
    } finally {
      stop();
      recorder.end();
    }
    device.up = true;
    device.transmit(tcpSegment(new Uint8Array(10)));
    equal(recorder.seen, 3);
    const packets = [...readPcapng(new Uint8Array(readFileSync(join(folder, 'unit.pcapng'))))];
    equal(packets.length, 3);
    ok(packets.every((packet) => packet.direction === 'out' && packet.interface.name === 'eth9'));
    ok(packets.every((packet) => packet.bytes.length <= 1514 && tcpChecksumHolds(packet.bytes)));
    equal(readFileSync(join(folder, 'unit.json'), 'utf8'), '{"seen":3,"recorded":3}');
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
