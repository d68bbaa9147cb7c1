import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import {
  completeIgmpChecksum, GroupRecordType, IgmpMessage, IgmpRecordWalker, IgmpType, igmpChecksumOk, writeIgmp, writeIgmp3Query,
  writeIgmp3Record, writeIgmp3Report,
} from './igmp.ts';
import { hex, mutations, refusesTruncations, shown, viewOf } from './test-bytes.ts';

const message = new IgmpMessage();
const parse = message.parse.bind(message);
const records = new IgmpRecordWalker();
const GROUP = 0xe00000fb | 0;

test('RFC 2236 2: report, leave and query of version 2', () => {
  const view = new DataView(new ArrayBuffer(8));
  writeIgmp(view, 0, IgmpType.Report2, 0, GROUP);
  equal(shown(view, 0, 8), '16000904e00000fb');
  equal(parse(view, 0, 8, 46), false, 'Ethernet padding must be cut off before: the length tells the version');
  equal(parse(view, 0, 8, 8), true);
  deepEqual([message.type, message.version, message.group], [IgmpType.Report2, 2, GROUP]);
  writeIgmp(view, 0, IgmpType.Leave, 0, GROUP);
  equal(parse(view, 0, 8, 8) && igmpChecksumOk(view, 0, 8), true);
  deepEqual([message.type, message.version], [IgmpType.Leave, 2]);
  writeIgmp(view, 0, IgmpType.Query, 100, 0);
  equal(parse(view, 0, 8, 8), true);
  deepEqual([message.version, message.maxResponseTenths, message.group], [2, 100, 0]);
});

test('RFC 2236 4: a query with a zero code is of version 1 and gives ten seconds', () => {
  const view = new DataView(new ArrayBuffer(8));
  writeIgmp(view, 0, IgmpType.Query, 0, 0);
  equal(parse(view, 0, 8, 8), true);
  deepEqual([message.version, message.maxResponseTenths], [1, 100]);
  writeIgmp(view, 0, IgmpType.Report1, 0, GROUP);
  equal(parse(view, 0, 8, 8), true);
  equal(message.version, 1);
});

test('RFC 3376 4.1: a query of version 3', () => {
  const view = new DataView(new ArrayBuffer(12));
  writeIgmp3Query(view, 0, 144, true, 2, 125, GROUP);
  equal(igmpChecksumOk(view, 0, 12), true);
  equal(parse(view, 0, 12, 12), true);
  deepEqual([message.version, message.maxResponseTenths, message.suppress, message.robustness], [3, 144, true, 2]);
  deepEqual([message.intervalSeconds, message.group, message.sourceCount], [125, GROUP, 0]);
  for (const length of [9, 11]) equal(parse(view, 0, length, length), false, `${length} bytes`);
  view.setUint16(10, 1);
  equal(parse(view, 0, 12, 12), false, 'a source that is not there');
});

test('RFC 3376 4.2: a report of version 3', () => {
  const view = new DataView(new ArrayBuffer(8 + 8 + 8 + 4));
  writeIgmp3Report(view, 0, 2);
  let at = writeIgmp3Record(view, 8, GroupRecordType.ChangeToExclude, 0, GROUP);
  at = writeIgmp3Record(view, at, GroupRecordType.BlockOldSources, 1, GROUP + 1);
  view.setInt32(at, 0x0a000001);
  completeIgmpChecksum(view, 0, at + 4);
  equal(igmpChecksumOk(view, 0, 28), true);
  equal(parse(view, 0, 28, 28), true);
  deepEqual([message.version, message.recordCount, message.group], [3, 2, 0]);
  records.begin(message);
  equal(records.next(view), true);
  deepEqual([records.type, records.group, records.sourceCount], [GroupRecordType.ChangeToExclude, GROUP, 0]);
  equal(records.next(view), true);
  deepEqual([records.type, records.group, records.sourceCount, records.sourcesAt], [GroupRecordType.BlockOldSources, GROUP + 1, 1, 24]);
  equal(records.next(view) || records.malformed, false);
  for (let length = 8; length < 28; length++) {
    equal(parse(view, 0, length, length), true);
    records.begin(message);
    let count = 0;
    while (records.next(new DataView(view.buffer, 0, length))) count++;
    deepEqual([count, records.malformed], [length < 16 ? 0 : 1, true], `${length} bytes`);
  }
});

test('unknown types are refused; every truncation is, and none thrown at', () => {
  equal(parse(viewOf(hex('1300 0000 e00000fb')), 0, 8, 8), false);
  refusesTruncations(parse, hex('1600 0904 e00000fb'));
  refusesTruncations(parse, hex('1700 0904 e00000fb'));
});

test('mutations: records and sources stay inside the message', () => {
  let walked = 0;
  for (const bytes of [
    hex('2200 0000 0000 0003 04000001 e00000fb 0a000001 04010000 e00000fc deadbeef 01000000 e00000fd'),
    hex('1190 0000 e00000fb 0a 90 0001 0a000001'),
  ]) {
    mutations('igmp', bytes, 10000, parse, (view, at, _headEnd, len) => {
      equal(message.sourceCount === 0 || message.sourcesAt + 4 * message.sourceCount <= at + len, true);
      records.begin(message);
      while (records.next(view)) {
        walked++;
        equal(records.sourcesAt + 4 * records.sourceCount <= at + len, true);
      }
    });
  }
  equal(walked > 1000, true);
});
