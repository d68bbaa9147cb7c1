/** What programs read from the network may be anything: cut off, changed, random. None of it is an exception. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../base/random.ts';
import { PING4, PING6 } from './ping/family.ts';
import { Probe } from './traceroute/probe.ts';
import { TelnetParser } from './telnet.ts';

const ID = 0x1234;

/** An echo reply, and an error that quotes a request, as raw sockets hand them over. */
function messages(isV4: boolean): Uint8Array[] {
  const outer = isV4 ? [0x45, ...new Array<number>(7).fill(0), 64, 1, ...new Array<number>(10).fill(0)] : [];
  const inner = isV4 ? outer : [0x60, 0, 0, 0, 0, 8, 58, 64, ...new Array<number>(32).fill(0)];
  const echo = (type: number): number[] => [type, 0, 0, 0, ID >> 8, ID & 255, 0, 7];
  const fragment = [44, 0, 0, 0, 0, 0, 0, 1];
  const all = [
    [...outer, ...echo(isV4 ? 0 : 129), 1, 2, 3],
    [...outer, isV4 ? 11 : 3, 0, 0, 0, 0, 0, 0, 0, ...inner, ...echo(isV4 ? 8 : 128)],
  ];
  if (!isV4) {
    const quoted = [...inner];
    quoted[6] = 44;
    all.push([3, 0, 0, 0, 0, 0, 0, 0, ...quoted, 58, ...fragment.slice(1), ...echo(128)]);
  }
  return all.map((bytes) => Uint8Array.from(bytes));
}

test('ping: its messages are read, every cut-off one is none of its or says the same, changed and random ones do no harm', () => {
  const random = new SeededRandom('hostile');
  for (const family of [PING4, PING6]) {
    for (const whole of messages(family === PING4)) {
      equal(family.read(whole, 64, ID)?.sequence, 7);
      equal(family.read(whole, 64, ID + 1), null, "another one's");
      for (let cut = 0; cut < whole.length; cut++) {
        const read = family.read(whole.subarray(0, cut), 64, ID);
        ok(read === null || read.sequence === 7, `cut at ${cut}`);
      }
      for (let i = 0; i < 20_000; i++) {
        const changed = whole.slice();
        for (let n = 0; n < 3; n++) changed[(random.int32() >>> 0) % changed.length] = random.int32();
        family.read(changed.subarray(0, (random.int32() >>> 0) % (changed.length + 1)), 64, ID);
      }
    }
  }
});

test('telnet: what comes in pieces is what comes at once, whatever it is', () => {
  const random = new SeededRandom('telnet');
  const likely = [255, 251, 252, 253, 254, 250, 240, 13, 10, 0, 3, 24, 65];
  for (let round = 0; round < 3000; round++) {
    const bytes = Uint8Array.from({ length: 1 + ((random.int32() >>> 0) % 30) }, () => likely[(random.int32() >>> 0) % likely.length] as number);
    const whole = new TelnetParser().take(bytes);
    const parser = new TelnetParser();
    const text: number[] = [];
    const answer: number[] = [];
    for (const byte of bytes) {
      const piece = parser.take(Uint8Array.of(byte));
      text.push(...piece.text);
      answer.push(...piece.answer);
    }
    deepEqual(text, [...whole.text], String(bytes));
    deepEqual(answer, [...whole.answer]);
  }
});

test('traceroute: each ICMP error ends the way, but for time that is exceeded; codes nobody knows are shown by number', () => {
  const remark = (isV4: boolean, type: number, code: number, info = 0): string => {
    const probe = new Probe(1);
    probe.reported(new Uint8Array(16), 1, isV4, type, code, info);
    return probe.isFinal ? `final ${probe.remark}` : 'on';
  };
  equal(remark(true, 11, 0), 'on');
  equal(remark(false, 3, 0), 'on');
  deepEqual([0, 1, 2, 3, 4, 5, 9, 10, 13, 14, 15, 99].map((code) => remark(true, 3, code, 1400)), [
    '!N', '!H', '!P', '', '!F-1400', '!S', '!X', '!X', '!X', '!V', '!C', '!<99>',
  ].map((word) => `final ${word}`));
  deepEqual([0, 1, 2, 3, 4, 99].map((code) => remark(false, 1, code)), ['!N', '!X', '!S', '!H', '', '!<99>'].map((word) => `final ${word}`));
  equal(remark(false, 2, 0, 1400), 'final !F-1400');
});
