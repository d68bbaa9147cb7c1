import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { Icmp6Type } from './icmp6.ts';
import {
  GroupRecordType, MldMessage, MldRecordWalker, writeMld, writeMld2Query, writeMld2Record, writeMld2Report,
} from './mld.ts';
import { decodeCode16, decodeCode8, encodeCode16, encodeCode8 } from './group-record.ts';
import { hex, mutations, refusesTruncations, shown, viewOf } from './test-bytes.ts';

const message = new MldMessage();
const parse = message.parse.bind(message);
const records = new MldRecordWalker();
const take = (bytes: Uint8Array): boolean => parse(viewOf(bytes), 0, bytes.length, bytes.length);
const GROUP = 'ff0200000000000000000001ff000001';
const SOURCE = '20010db8000000000000000000000001';
const group = (): number[] => [message.groupA >>> 0, message.groupB, message.groupC, message.groupD >>> 0];
const EXPECTED = [0xff020000, 0, 1, 0xff000001];

test('RFC 2710 3: query, report and done of version 1', () => {
  const view = new DataView(new ArrayBuffer(24));
  for (const type of [Icmp6Type.MldQuery, Icmp6Type.MldReport, Icmp6Type.MldDone]) {
    writeMld(view, 0, type, type === Icmp6Type.MldQuery ? 10000 : 0, 0xff020000 | 0, 0, 1, 0xff000001 | 0);
    equal(parse(view, 0, 24, 24), true);
    deepEqual([message.type, message.version, group()], [type, 1, EXPECTED]);
    equal(message.maxResponseMs, type === Icmp6Type.MldQuery ? 10000 : 0);
  }
  equal(shown(view, 0, 24), `8400000000000000${GROUP}`);
});

test('RFC 3810 5.1: a query of version 2', () => {
  equal(take(hex(`8200 0000 8000 0000 ${GROUP} 0a 90 0001 ${SOURCE}`)), true);
  deepEqual([message.version, message.maxResponseMs, message.suppress, message.robustness], [2, 32768, true, 2]);
  deepEqual([message.intervalSeconds, message.sourceCount, message.sourcesAt, group()], [256, 1, 28, EXPECTED]);
  const view = new DataView(new ArrayBuffer(28));
  writeMld2Query(view, 0, 10000, false, 2, 125, 0, 0, 0, 0);
  equal(parse(view, 0, 28, 28), true);
  deepEqual([message.version, message.maxResponseMs, message.suppress, message.robustness], [2, 10000, false, 2]);
  deepEqual([message.intervalSeconds, message.sourceCount, group()], [125, 0, [0, 0, 0, 0]]);
});

test('RFC 3810 8.1: a query of 25 to 27 bytes is of no version, and sources must be there', () => {
  const bytes = hex(`8200 0000 2710 0000 ${GROUP} 02 7d 0000`);
  for (const [length, expected] of [[23, false], [24, true], [25, false], [27, false], [28, true]] as const) {
    equal(parse(viewOf(bytes), 0, length, length), expected, `${length} bytes`);
  }
  equal(take(hex(`8200 0000 2710 0000 ${GROUP} 02 7d 0001 ${SOURCE.slice(2)}`)), false);
  equal(take(hex(`8000 0000 2710 0000 ${GROUP}`)), false, 'another type');
});

test('RFC 3810 5.2: a report of version 2, records with sources and auxiliary data', () => {
  const view = new DataView(new ArrayBuffer(8 + 20 + 20 + 16));
  writeMld2Report(view, 0, 2);
  let at = writeMld2Record(view, 8, GroupRecordType.ChangeToExclude, 0, 0xff020000 | 0, 0, 1, 0xff000001 | 0);
  at = writeMld2Record(view, at, GroupRecordType.AllowNewSources, 1, 0xff050000 | 0, 0, 0, 9);
  equal(at, 48);
  equal(parse(view, 0, 64, 64), true);
  deepEqual([message.version, message.recordCount, group()], [2, 2, [0, 0, 0, 0]]);
  records.begin(message);
  equal(records.next(view), true);
  deepEqual([records.type, records.sourceCount, records.groupD >>> 0], [GroupRecordType.ChangeToExclude, 0, 0xff000001]);
  equal(records.next(view), true);
  deepEqual([records.type, records.sourceCount, records.sourcesAt], [GroupRecordType.AllowNewSources, 1, 48]);
  equal(records.next(view), false);
  equal(records.malformed, false);
  const auxiliary = hex(`8f00 0000 0000 0002 01010000 ${GROUP} deadbeef 02000000 ${GROUP}`);
  equal(take(auxiliary), true);
  records.begin(message);
  equal(records.next(viewOf(auxiliary)) && records.next(viewOf(auxiliary)), true);
  equal(records.type, 2);
});

test('a record that reaches beyond the report stops the walk', () => {
  const bytes = hex(`8f00 0000 0000 0002 04000001 ${GROUP} ${SOURCE} 04010000 ${GROUP} 00000000`);
  for (let length = 8; length < bytes.length; length++) {
    equal(parse(viewOf(bytes), 0, length, length), true);
    records.begin(message);
    let count = 0;
    while (records.next(viewOf(bytes.subarray(0, length)))) count++;
    deepEqual([count, records.malformed], [length < 44 ? 0 : 1, true], `${length} bytes`);
  }
});

test('every truncation is refused, never thrown at', () => {
  refusesTruncations(parse, hex(`8300 0000 0000 0000 ${GROUP}`));
  refusesTruncations(parse, hex('8f00 0000 0000 0000'));
});

test('mutations: records and sources stay inside the message', () => {
  let walked = 0;
  for (const bytes of [
    hex(`8f00 0000 0000 0003 04000001 ${GROUP} ${SOURCE} 04010000 ${GROUP} 00000000 01000000 ${GROUP}`),
    hex(`8200 0000 8000 0000 ${GROUP} 0a 90 0001 ${SOURCE}`),
  ]) {
    mutations('mld', bytes, 10000, parse, (view, at, _headEnd, len) => {
      equal(message.sourceCount === 0 || message.sourcesAt + 16 * message.sourceCount <= at + len, true);
      records.begin(message);
      while (records.next(view)) {
        walked++;
        equal(records.sourcesAt + 16 * records.sourceCount <= at + len, true);
      }
    });
  }
  equal(walked > 1000, true);
});

test('RFC 3376 4.1.1, RFC 3810 5.1.3: codes of times', () => {
  deepEqual([decodeCode8(127), decodeCode8(0x80), decodeCode8(0xff)], [127, 128, 31744]);
  deepEqual([decodeCode16(32767), decodeCode16(0x8000), decodeCode16(0xffff)], [32767, 32768, 8387584]);
  for (let code = 0; code < 256; code++) equal(encodeCode8(decodeCode8(code)), code);
  for (let code = 0; code < 65536; code += 7) equal(encodeCode16(decodeCode16(code)), code);
  for (const value of [128, 135, 136, 1000, 31744, 31745, 1000000]) {
    const code = encodeCode8(value);
    equal(decodeCode8(code) <= value && (code === 255 || decodeCode8(code + 1) > value), true, `${value}`);
  }
  equal(encodeCode16(9000000), 0xffff);
});
