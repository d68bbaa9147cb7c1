import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fold, pseudoHeaderSum4, sumBytes, sumView } from '../base/checksum.ts';
import { hex, mutations, refusesTruncations, shown, viewOf } from './test-bytes.ts';
import { rewriteTcpSegment, TcpFlag, TcpHeader, TcpOptions, writeTcpHeader, writeTcpSack, writeTcpTimestamps } from './tcp.ts';

const header = new TcpHeader();
const parse = header.parse.bind(header);
const SYN = TcpFlag.Syn;
const ACK = TcpFlag.Ack;

/** A header with these options (padded with End to a multiple of four) and `dataLen` bytes of data behind. */
function segment(options: string, flags: number = ACK, dataLen = 0): Uint8Array {
  const list = hex(options);
  const headerLen = 20 + ((list.length + 3) & ~3);
  const bytes = new Uint8Array(headerLen + dataLen);
  bytes.set(hex('1f90 0050 fffffff0 80000001'));
  bytes.set(list, 20);
  viewOf(bytes).setUint16(12, (headerLen << 10) | flags);
  viewOf(bytes).setUint16(14, 0xfaf0);
  return bytes;
}

function parsed(options: string, flags: number = ACK): TcpHeader {
  const bytes = segment(options, flags);
  equal(parse(viewOf(bytes), 0, bytes.length, bytes.length), true, options);
  return header;
}

function sackBlocks(): string[] {
  const blocks = [];
  for (let i = 0; i < header.sackCount; i++) {
    blocks.push(`${header.sackEdges[2 * i] >>> 0}-${header.sackEdges[2 * i + 1] >>> 0}`);
  }
  return blocks;
}

test('RFC 9293 3.1: every field', () => {
  const bytes = hex('1f90 0050 fffffff0 80000001 5012 faf0 1234 0007 68656c6c6f');
  equal(parse(viewOf(bytes), 0, 25, 25), true);
  deepEqual([header.srcPort, header.dstPort, header.seq >>> 0, header.ack >>> 0], [8080, 80, 0xfffffff0, 0x80000001]);
  equal(header.seq, -16, 'sequence numbers are int32 inside');
  deepEqual([header.headerLen, header.flags, header.window], [20, SYN | ACK, 0xfaf0]);
  deepEqual([header.checksum, header.urgent, header.dataLen, header.segLen], [0x1234, 7, 5, 6]);
});

test('flags: all nine, and the reserved bits are ignored', () => {
  const bytes = segment('');
  for (const flag of Object.values(TcpFlag)) {
    viewOf(bytes).setUint16(12, 0x5000 | 0x0e00 | flag);
    equal(parse(viewOf(bytes), 0, 20, 20), true);
    equal(header.flags, flag);
    equal(header.segLen, flag === TcpFlag.Syn || flag === TcpFlag.Fin ? 1 : 0);
  }
});

test('a data offset below 5 or beyond the segment is malformed', () => {
  const bytes = segment('01010101', ACK, 4);
  for (const [offset, expected] of [[0, false], [4, false], [5, true], [7, true], [8, false], [15, false]] as const) {
    viewOf(bytes).setUint16(12, (offset << 12) | ACK);
    equal(parse(viewOf(bytes), 0, 28, 28), expected, `offset ${offset}`);
  }
  viewOf(bytes).setUint16(12, 0x8010);
  equal(parse(viewOf(bytes), 0, 28, 40), false, 'the header must lie in the head');
});

test('every truncation is refused, never thrown at', () => {
  refusesTruncations(parse, segment('020405b4 0402080a0000000100000002 01030307', SYN));
  refusesTruncations(parse, segment('0101080a0000000100000002', ACK, 9), 32);
});

test('data beyond the head counts', () => {
  const bytes = segment('0101080a0000000100000002');
  equal(parse(viewOf(bytes), 0, 32, 65000), true);
  equal(header.dataLen, 64968);
});

test('RFC 7323 appendix A: the aligned layout is read by the short way, any other by the long one', () => {
  parsed('0101080a ffffffff 80000000');
  deepEqual([header.hasTimestamps, header.tsVal, header.tsEcr >>> 0], [true, -1, 0x80000000]);
  parsed('080a ffffffff 80000000 0101');
  deepEqual([header.hasTimestamps, header.tsVal, header.tsEcr >>> 0], [true, -1, 0x80000000]);
  parsed('0101080a 00000001 00000002 0101050a 00000003 00000004');
  deepEqual([header.hasTimestamps, header.tsVal, header.tsEcr], [true, 1, 2]);
  deepEqual(sackBlocks(), ['3-4']);
  parsed('0101080a 00000001 00000002 00');
  equal(header.hasTimestamps, true);
});

test('a SYN of Linux: MSS, SACK permitted, timestamps, window scale', () => {
  parsed('020405b4 0402080a 00000001 00000000 01030307', SYN);
  deepEqual([header.mss, header.windowScale, header.sackPermitted], [1460, 7, true]);
  deepEqual([header.hasTimestamps, header.tsVal, header.tsEcr], [true, 1, 0]);
});

test('nothing of one segment stays for the next', () => {
  const empty = new TcpHeader();
  empty.parse(viewOf(segment('')), 0, 20, 20);
  for (const options of [
    '020405b4 0402080a0000000100000002 01030307 050a0000000100000002', '2204aabb 0000', '220aaabbccddeeff0011', 'fe06f989 0102',
    '1312 00112233445566778899aabbccddeeff', '1d04 0101', 'fd04 abcd',
  ]) {
    parsed(options, SYN);
    for (const [next, flags] of [['', ACK], ['0101080a0000000000000000', ACK]] as const) {
      parsed(next, flags);
      const seen = { ...header, unknownAt: 0, unknownLen: 0, sackEdges: 0, hasTimestamps: false, headerLen: 20 };
      deepEqual(seen, { ...empty, unknownAt: 0, unknownLen: 0, sackEdges: 0 }, options);
      parsed(options, SYN);
    }
  }
});

test('RFC 9293 3.7.1, RFC 7323 2.2: MSS, window scale and SACK permitted count on a SYN only', () => {
  parsed('020405b4 01030307 01010402');
  deepEqual([header.mss, header.windowScale, header.sackPermitted, header.unknownCount], [0, -1, false, 0]);
});

test('RFC 7323 2.3: a shift above 14 counts as 14; an MSS of zero is ignored', () => {
  parsed('02040000 0103030f', SYN);
  deepEqual([header.mss, header.windowScale], [0, 14]);
  parsed('020405b4 02040000 01030300', SYN);
  deepEqual([header.mss, header.windowScale], [1460, 0]);
});

test('options with the wrong length for their kind are stepped over, as in Linux', () => {
  parsed('0203ff 020405b4 0304ffff 040300 0809000000000000 00', SYN);
  deepEqual([header.mss, header.windowScale, header.sackPermitted, header.hasTimestamps], [1460, -1, false, false]);
  parsed('0509 00000001000000 0101');
  equal(header.sackCount, 0);
  parsed('050e 000000010000000200000003 0101080a0000000100000002');
  deepEqual([header.sackCount, header.hasTimestamps], [0, true]);
  parsed('1311 00112233445566778899aabbccddee 0101');
  equal(header.md5At, -1);
});

test('a bad length ends the options and keeps what came before, as in Linux', () => {
  for (const bad of ['fd00', 'fd01', 'fd20', '02', '0800', '0101 08']) {
    parsed(`0204 05b4 ${bad}`, SYN);
    equal(header.mss, 1460, bad);
  }
  parsed('fd00 020405b4 0101', SYN);
  equal(header.mss, 0, 'zero length: all that follow are ignored');
  parsed('00 020405b4 010101', SYN);
  equal(header.mss, 0, 'behind End nothing counts');
  parsed('0204', SYN);
  equal(header.mss, 0, 'an option that reaches beyond the header is not read');
});

test('of repeated options the last one counts', () => {
  parsed('020405b4 02040200 080a0000000100000002 080a0000000300000004', SYN);
  deepEqual([header.mss, header.tsVal, header.tsEcr], [512, 3, 4]);
});

test('RFC 2018 3: one to four SACK blocks', () => {
  parsed('0101 0522 ffffff00 00000010 00000020 00000030 00000040 00000050 00000060 00000070');
  deepEqual(sackBlocks(), ['4294967040-16', '32-48', '64-80', '96-112']);
  parsed('0101 0512 00000001 00000002 00000003 00000004');
  deepEqual(sackBlocks(), ['1-2', '3-4']);
});

test('RFC 7413 4.1.1: a Fast Open cookie, a request for one, wrong lengths; option 254 too', () => {
  const cookie = (options: string, flags: number = SYN): string => {
    parsed(options, flags);
    return header.fastOpenAt < 0 ? 'none' : `${header.fastOpenLen}@${header.fastOpenAt}${header.fastOpenExperimental ? ' exp' : ''}`;
  };
  equal(cookie('220a 0011223344556677 0101'), '8@22');
  equal(cookie('2202 0101'), '0@22');
  equal(cookie('2206 00112233 0101'), '4@22');
  equal(cookie('2204 0011'), '-1@22', 'too short');
  equal(cookie('2214 000102030405060708090a0b0c0d0e0f1011'), '-1@22', 'too long');
  equal(cookie('2205 001122 010101'), 'none', 'an odd length is not seen at all');
  equal(cookie('fe0c f989 0011223344556677'), '8@24 exp');
  equal(cookie('fe04 f989'), '0@24 exp');
  equal(cookie('220a 0011223344556677 0101', ACK), 'none', 'on a SYN only');
  equal(cookie('fe0c e2d4 0011223344556677'), 'none', 'another experiment');
  equal(header.unknownCount, 1);
});

test('RFC 2385, RFC 5925: where the signatures are', () => {
  parsed('0101 1312 00112233445566778899aabbccddeeff');
  equal(header.md5At, 24);
  parsed('1d10 0102 000102030405060708090a0b');
  deepEqual([header.authenticationAt, header.authenticationLen], [20, 16]);
});

test('unknown kinds are kept', () => {
  parsed('1e08 001122334455 01 fd04abcd 1c040102 ee02 00');
  const kept = Array.from({ length: header.unknownCount }, (_, i) => [header.unknownAt[i], header.unknownLen[i]]);
  deepEqual(kept, [[20, 8], [29, 4], [33, 4], [37, 2]]);
  parsed('ee02'.repeat(20));
  deepEqual([header.unknownCount, header.unknownAt[19]], [20, 58]);
});

test('options are written in the order and padding of Linux', () => {
  const options = new TcpOptions();
  const view = new DataView(new ArrayBuffer(80));
  const written = (): string => {
    const end = options.write(view, 20);
    equal(end - 20, options.length, 'length tells what write fills');
    equal(end % 4, 0);
    return shown(view, 20, end);
  };
  equal(written(), '');
  options.mss = 1460;
  equal(written(), '020405b4');
  options.windowScale = 7;
  options.sackPermitted = true;
  equal(written(), '020405b4' + '01010402' + '01030307');
  options.timestamps = true;
  options.tsVal = -2;
  options.tsEcr = 5;
  equal(written(), '020405b4' + '0402080afffffffe00000005' + '01030307');
  options.sackPermitted = false;
  equal(written(), '020405b4' + '0101080afffffffe00000005' + '01030307');
  options.fastOpenCookie = hex('0011223344556677');
  equal(written(), '020405b4' + '0101080afffffffe00000005' + '01030307' + '220a00112233445566770101');
  options.clear();
  equal(written(), '', 'cleared');
  options.timestamps = true;
  options.tsVal = 1;
  options.tsEcr = 2;
  options.sackCount = 2;
  options.sackEdges.set([-1, 2, 3, 4]);
  equal(written(), '0101080a0000000100000002' + '01010512' + 'ffffffff000000020000000300000004');
  options.clear();
  options.fastOpenCookie = new Uint8Array(0);
  equal(written(), '22020101');
  options.fastOpenExperimental = true;
  equal(written(), 'fe04f989');
  options.fastOpenCookie = hex('001122334455');
  equal(written(), 'fe0af9890011223344550101');
  options.clear();
  options.md5 = true;
  options.mss = 1460;
  equal(written(), '01011312' + '00'.repeat(16) + '020405b4');
  equal(options.md5At, 24);
});

test('options are read back as they were written', () => {
  const options = new TcpOptions();
  fc.assert(
    fc.property(
      fc.nat(65535), fc.integer({ min: -1, max: 14 }), fc.boolean(), fc.boolean(), fc.integer(), fc.integer(), fc.nat(4),
      fc.option(fc.integer({ min: 2, max: 8 })), fc.boolean(),
      (mss, scale, sackPermitted, timestamps, tsVal, tsEcr, sackCount, cookie, experimental) => {
        Object.assign(options, { mss, windowScale: scale, sackPermitted, timestamps, tsVal, tsEcr, sackCount, md5: false });
        options.fastOpenCookie = cookie === null ? null : new Uint8Array(2 * cookie).fill(7);
        options.fastOpenExperimental = experimental && cookie !== null;
        for (let i = 0; i < 8; i++) options.sackEdges[i] = tsVal + i;
        fc.pre(options.length <= 40);
        const headerLen = 20 + options.length;
        const view = new DataView(new ArrayBuffer(headerLen));
        options.write(view, 20);
        writeTcpHeader(view, 0, 1, 2, tsVal, tsEcr, headerLen, SYN, 3, 4, 0, 0);
        equal(parse(view, 0, headerLen, headerLen), true);
        deepEqual([header.mss, header.windowScale, header.sackPermitted], [mss, scale, sackPermitted]);
        equal(header.hasTimestamps, timestamps);
        if (timestamps) deepEqual([header.tsVal, header.tsEcr], [tsVal, tsEcr]);
        equal(header.sackCount, sackCount);
        for (let i = 0; i < 2 * sackCount; i++) equal(header.sackEdges[i], options.sackEdges[i]);
        equal(header.fastOpenAt >= 0, cookie !== null);
        equal(header.fastOpenLen, cookie === null ? 0 : 2 * cookie);
        equal(header.fastOpenExperimental, options.fastOpenExperimental);
        equal(header.unknownCount, 0);
      },
    ),
    { numRuns: 1000 },
  );
});

test('what is written is read back, and its checksum verifies', () => {
  const port = fc.nat(65535);
  fc.assert(
    fc.property(port, port, fc.integer(), fc.integer(), fc.nat(0x1ff), port, port, fc.uint8Array({ maxLength: 99 }), (src, dst, seq, ack, flags, window, urgent, data) => {
      const view = new DataView(new ArrayBuffer(32));
      writeTcpTimestamps(view, 20, seq, ack);
      const pseudo = pseudoHeaderSum4(seq, ack, 6, 32 + data.length);
      const sum = sumBytes(data, 0, data.length, 0);
      writeTcpHeader(view, 0, src, dst, seq, ack, 32, flags, window, urgent, pseudo, sum);
      equal(fold(sumView(view, 0, 32, pseudo + sum)), 0xffff);
      equal(parse(view, 0, 32, 32 + data.length), true);
      deepEqual([header.srcPort, header.dstPort, header.seq, header.ack], [src, dst, seq, ack]);
      deepEqual([header.flags, header.window, header.urgent, header.dataLen], [flags, window, urgent, data.length]);
      writeTcpHeader(view, 0, src, dst, seq, ack, 32, flags, window, urgent, pseudo, -1);
      equal(view.getUint16(16), fold(pseudo), 'partial: the folded pseudo-header, not inverted');
      rewriteTcpSegment(view, 0, ~seq, flags ^ TcpFlag.Psh);
      equal(parse(view, 0, 32, 32), true);
      deepEqual([header.seq, header.flags, header.headerLen], [~seq, flags ^ TcpFlag.Psh, 32]);
    }),
  );
});

test('writeTcpSack returns where it ends', () => {
  const view = new DataView(new ArrayBuffer(40));
  equal(writeTcpSack(view, 4, Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8), 3), 32);
  equal(shown(view, 4, 8), '0101051a');
});

test('mutations: options and data stay inside the segment', () => {
  const check = (_view: DataView, at: number, headEnd: number, len: number): void => {
    const end = at + header.headerLen;
    equal(end <= headEnd && header.dataLen === len - header.headerLen && header.dataLen >= 0, true);
    equal(header.sackCount >= 0 && header.sackCount <= 4, true);
    equal(header.fastOpenAt < 0 || header.fastOpenAt + Math.max(0, header.fastOpenLen) <= end, true);
    equal(header.md5At < 0 || header.md5At + 16 <= end, true);
    equal(header.authenticationAt < 0 || header.authenticationAt + header.authenticationLen <= end, true);
    for (let i = 0; i < header.unknownCount; i++) equal(header.unknownAt[i] + header.unknownLen[i] <= end, true);
  };
  for (const options of [
    '020405b4 0402080a0000000100000002 01030307', '0101080a0000000100000002 0101051200000001000000020000000300000004',
    '220a0011223344556677 fe0af98900112233445566 1e08001122334455', '0101 131200112233445566778899aabbccddeeff 1d0401020000',
  ]) {
    const { refused } = mutations(`tcp ${options}`, segment(options, SYN | ACK, 10), 10000, parse, check);
    equal(refused > 1000, true);
  }
});
