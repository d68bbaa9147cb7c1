import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { LinkType } from './capture-record.ts';
import { TcpdumpPrinter, tcpdumpOptionsFromFlags } from './tcpdump-printer.ts';
import type { TcpdumpOptions, TimeStyle } from './tcpdump-printer.ts';

/** A segment between 127.0.0.1:39870 and 127.0.0.1:9502; checksums as given. */
function segment(fromClient: boolean, seq: number, ack: number, flags: number, data = ''): Uint8Array {
  const ports = fromClient ? [0x9b, 0xbe, 0x25, 0x1e] : [0x25, 0x1e, 0x9b, 0xbe];
  const u32 = (value: number): number[] => [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255];
  const payload = [...data].map((character) => character.charCodeAt(0));
  const tcp = [...ports, ...u32(seq), ...u32(ack), 0x50, flags, 0xff, 0xff, 0, 0, 0, 0, ...payload];
  const length = 20 + tcp.length;
  return Uint8Array.from([0x45, 0x10, 0, length, 0, 1, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, ...tcp]);
}

const NOON = 1_700_000_000_000_000;

function lines(options: TcpdumpOptions, packets: readonly Uint8Array[], times?: readonly number[]): string[] {
  const printer = new TcpdumpPrinter(options);
  return packets.map((packet, i) => printer.format(LinkType.Raw, times?.[i] ?? NOON, packet));
}

const CONVERSATION = [
  segment(true, 1000, 0, 0x02),
  segment(false, 5000, 1001, 0x12),
  segment(true, 1001, 5001, 0x10),
  segment(true, 1001, 5001, 0x18, 'hello\r\n'),
  segment(false, 5001, 1008, 0x18, 'You wrote: hello\r\n'),
];

test('sequence numbers are relative to the handshake, in both directions', () => {
  deepEqual(lines({ time: 'none', quiet: false }, CONVERSATION), [
    'IP 127.0.0.1.39870 > 127.0.0.1.9502: Flags [S], seq 1000, win 65535, length 0',
    'IP 127.0.0.1.9502 > 127.0.0.1.39870: Flags [S.], seq 5000, ack 1001, win 65535, length 0',
    'IP 127.0.0.1.39870 > 127.0.0.1.9502: Flags [.], ack 1, win 65535, length 0',
    'IP 127.0.0.1.39870 > 127.0.0.1.9502: Flags [P.], seq 1:8, ack 1, win 65535, length 7',
    'IP 127.0.0.1.9502 > 127.0.0.1.39870: Flags [P.], seq 1:19, ack 8, win 65535, length 18',
  ]);
});

test('-S leaves them as they are, and each printer has conversations of its own', () => {
  equal(lines({ time: 'none', absoluteSeq: true }, CONVERSATION)[3].includes('seq 1001:1008, ack 5001'), true);
  equal(lines({ time: 'none' }, CONVERSATION.slice(3, 4))[0].includes('seq 1001:1008, ack 5001'), true);
});

test('names stand in for hosts and ports where the caller knows some', () => {
  const names = {
    host: (address: string): string => (address === '127.0.0.1' ? 'localhost' : address),
    port: (_protocol: 'tcp' | 'udp', port: number): string => (port === 9502 ? 'echo' : String(port)),
  };
  equal(
    lines({ time: 'none', names }, CONVERSATION)[0],
    'IP localhost.39870 > localhost.echo: Flags [S], seq 1000, win 65535, length 0',
  );
});

test('time stamps of every style', () => {
  const packets = CONVERSATION.slice(0, 3);
  const times = [NOON + 1, NOON + 61_500_000, NOON + 61_000_000];
  const stamps = (time: TimeStyle): string[] =>
    lines({ time }, packets, times).map((line) => line.slice(0, line.indexOf('IP ')));
  deepEqual(stamps('clock'), ['22:13:20.000001 ', '22:14:21.500000 ', '22:14:21.000000 ']);
  deepEqual(stamps('none'), ['', '', '']);
  deepEqual(stamps('seconds'), ['1700000000.000001 ', '1700000061.500000 ', '1700000061.000000 ']);
  deepEqual(stamps('since-previous'), [' 00:00:00.000000 ', ' 00:01:01.499999 ', '-00:00:00.500000 ']);
  deepEqual(stamps('date'), ['2023-11-14 22:13:20.000001 ', '2023-11-14 22:14:21.500000 ', '2023-11-14 22:14:21.000000 ']);
  deepEqual(stamps('since-first'), [' 00:00:00.000000 ', ' 00:01:01.499999 ', ' 00:01:00.999999 ']);
});

test('a capture that begins at time zero counts from the first time after', () => {
  const packets = CONVERSATION.slice(0, 4);
  for (const time of ['since-previous', 'since-first'] as const) {
    const stamps = lines({ time }, packets, [0, 0, 5, 7]).map((line) => line.slice(1, 16));
    deepEqual(stamps, ['00:00:00.000000', '00:00:00.000000', '00:00:00.000000', '00:00:00.000002']);
  }
});

test('nanoseconds show where they are asked for', () => {
  const printer = new TcpdumpPrinter({ nanoseconds: true, time: 'since-first' });
  const stamp = (timeUs: number, nanoseconds: number): string =>
    printer.format(LinkType.Raw, timeUs, CONVERSATION[0], undefined, nanoseconds).slice(0, 20);
  equal(stamp(NOON, 900), ' 00:00:00.000000000 ');
  equal(stamp(NOON + 2, 100), ' 00:00:00.000001200 ');
});

test('-X dumps from the network header on, and from the link header on when the packet was cut off', () => {
  const frame = Uint8Array.from([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, ...CONVERSATION[0]]);
  const printer = new TcpdumpPrinter({ time: 'none', dump: 'X' });
  equal(printer.format(LinkType.Ethernet, NOON, frame).split('\n')[1], '\t0x0000:  4510 0028 0001 4000 4006 0000 7f00 0001  E..(..@.@.......');
  const cutOff = printer.format(LinkType.Ethernet, NOON, frame.subarray(0, 14), 54).split('\n');
  equal(cutOff[0], ' [|ip]');
  equal(cutOff[1], '\t0x0000:  0200 0000 0002 0200 0000 0001 0800       ..............');
});

test('impossible lengths are said instead of the packet', () => {
  const printer = new TcpdumpPrinter({ number: true });
  equal(printer.format(1, 0, new Uint8Array(0), 0), '    1  [Invalid header: caplen==0, len==0]');
  equal(printer.format(1, 0, new Uint8Array(3), 2), '    2  [Invalid header: len(2) < caplen(3)]');
});

test('flags of a command line become options; unknown letters do not', () => {
  deepEqual(tcpdumpOptionsFromFlags(['-nevX']), {
    verbose: 1,
    quiet: false,
    linkHeader: true,
    absoluteSeq: false,
    number: false,
    dump: 'X',
    time: 'clock',
  });
  equal(tcpdumpOptionsFromFlags(['-n', '-tt', '-vv', '-xx'])?.time, 'seconds');
  equal(tcpdumpOptionsFromFlags(['-w']), null);
  equal(tcpdumpOptionsFromFlags(['-tttttt']), null);
});
