import { deepEqual, equal, notEqual, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode } from 'dns-packet';
import fc from 'fast-check';
import { below, SeededRandom } from '../base/random.ts';
import { type DnsMessage, dnsQuery, ednsOf, ednsRecord, encodeDnsMessage, parseDnsMessage, Rcode } from './dns.ts';
import { labelsOf, nameKey, reverseName, sameName } from './dns-name.ts';
import { DnsFault } from './dns-reader.ts';
import { DnsClass, type DnsRecord, DnsType } from './dns-record.ts';
import { hex, shown, viewOf } from './test-bytes.ts';
import { judged, messages, plain } from './test-dns-messages.ts';

const seed = Number(process.env['SOCKSCAPE_SEED'] ?? 1) | 0;
const HEADER = '1234 8180 0001 0001 0000 0000';
const QUESTION = '03777777 076578616d706c65 03636f6d 00 0001 0001';

function parsed(bytes: Uint8Array): DnsMessage {
  const message = parseDnsMessage(bytes);
  if (typeof message === 'number') throw new Error(`fault ${message}: ${shown(viewOf(bytes), 0, bytes.length)}`);
  return message;
}

test('RFC 1035 4.1: header, question and an answer whose name is a pointer', () => {
  const message = parsed(hex(`${HEADER} ${QUESTION} c00c 0001 0001 0000003c 0004 c0000201`));
  equal(message.id, 0x1234);
  deepEqual([message.isResponse, message.recursionDesired, message.recursionAvailable, message.rcode], [true, true, true, 0]);
  deepEqual(message.questions, [{ name: 'www.example.com', type: DnsType.A, class: DnsClass.IN }]);
  const [answer] = message.answers;
  deepEqual([answer.name, answer.ttl], ['www.example.com', 60]);
  equal(answer.data.kind === 'address' && answer.data.address.toString(), '192.0.2.1');
});

test('what we write is what dns-packet reads', () => {
  fc.assert(fc.property(messages, (message) => {
    const read = plain(decode(Buffer.from(encodeDnsMessage(message))));
    // The one difference is wanted: dns-packet's own encoder and decoder are the reference for how it words things.
    deepEqual(read, plain(decode(encode(judged(message)))));
  }), { seed, numRuns: 1000 });
});

test('what dns-packet writes is what we read', () => {
  fc.assert(fc.property(messages, (message) => {
    deepEqual(parsed(new Uint8Array(encode(judged(message)))), message);
  }), { seed, numRuns: 1000 });
});

test('what we write is what we read', () => {
  fc.assert(fc.property(messages, (message) => {
    deepEqual(parsed(encodeDnsMessage(message)), message);
  }), { seed, numRuns: 1000 });
});

test('mutated and cut messages are read or refused, never thrown at', () => {
  const random = new SeededRandom(`dns ${seed}`);
  const faults = new Map<number, number>();
  for (const message of fc.sample(messages, { seed, numRuns: 400 })) {
    const bytes = encodeDnsMessage(message);
    for (let round = 0; round < 25; round++) {
      const copy = bytes.slice(0, below(random, 4) === 0 ? below(random, bytes.length + 1) : bytes.length);
      for (let strokes = 1 + below(random, 4); strokes > 0 && copy.length > 0; strokes--) copy[below(random, copy.length)] = random.int32();
      const result = parseDnsMessage(copy);
      const fault = typeof result === 'number' ? result : DnsFault.None;
      faults.set(fault, (faults.get(fault) ?? 0) + 1);
      // What was read can be written, too.
      if (typeof result !== 'number') ok(encodeDnsMessage(result).length >= 12);
    }
  }
  for (const fault of Object.values(DnsFault)) {
    if (fault !== DnsFault.NameTooLong) ok((faults.get(fault) ?? 0) > 0, `no message with fault ${fault}`);
  }
});

test('every truncation is refused', () => {
  const bytes = hex(`${HEADER} ${QUESTION} c00c 000f 0001 0000003c 0009 000a 046d61696c c010`);
  ok(typeof parseDnsMessage(bytes) !== 'number');
  for (let cut = 0; cut < bytes.length; cut++) equal(parseDnsMessage(bytes.slice(0, cut)), DnsFault.Truncated, `${cut} octets`);
});

test('a message that says it is cut may end inside of a record', () => {
  const bytes = hex(`1234 8380 0001 0002 0000 0000 ${QUESTION} c00c 0001 0001 0000003c 0004 c0000201 c00c 0001 0001 0000003c 0004 c0`);
  const message = parsed(bytes);
  deepEqual([message.isTruncated, message.answers.length], [true, 1]);
  equal(parseDnsMessage(bytes.subarray(0, 20)), DnsFault.Truncated, 'but not inside of a question');
});

test('RFC 1035 4.1.4: a pointer leads back; to itself, forward, into the header or in circles is refused', () => {
  for (const [name, fault] of [
    ['c00c', DnsFault.BadPointer], // to itself
    ['c00e', DnsFault.BadPointer], // forward
    ['c000', DnsFault.BadPointer], // into the header
    ['0161 c00c', DnsFault.BadPointer], // to the label in front of it
    ['4161', DnsFault.BadLabel],
    ['8000', DnsFault.BadLabel],
    ['0361', DnsFault.Truncated],
    ['c0', DnsFault.Truncated],
  ] as const) {
    equal(parseDnsMessage(hex(`1234 0000 0001 0000 0000 0000 ${name}`)), fault, name);
  }
});

test('a long chain of pointers is refused before it costs anything', () => {
  // Record after record without data whose name is a pointer to the one before.
  let text = '00 0001 0001';
  for (let i = 0; i < 200; i++) {
    const target = i === 0 ? 12 : 17 + 12 * (i - 1);
    text += `${(0xc000 | target).toString(16)} ff00 0001 00000000 0000`;
  }
  equal(parseDnsMessage(hex(`1234 8000 0001 00c8 0000 0000 ${text}`)), DnsFault.BadPointer);
});

test('RFC 1035 2.3.4: 255 octets of name are taken, 256 are not, through pointers neither', () => {
  const label = `3f${'61'.repeat(63)}`;
  const name = (last: number): string => `${label.repeat(3)} ${last.toString(16)} ${'62'.repeat(last)} 00`;
  const query = (wire: string): string => `1234 0000 0001 0000 0000 0000 ${wire} 0001 0001`;
  equal(parsed(hex(query(name(61)))).questions[0].name.length, 253);
  equal(parseDnsMessage(hex(query(name(62)))), DnsFault.NameTooLong);
  const pointed = `1234 8000 0001 0001 0000 0000 ${name(61)} 0001 0001 0163 c00c 0001 0001 00000000 0004 c0000201`;
  equal(parseDnsMessage(hex(pointed)), DnsFault.NameTooLong);
});

test('counts that no message can hold are refused by the header alone', () => {
  equal(parseDnsMessage(hex('1234 0000 0011 0000 0000 0000')), DnsFault.TooManyRecords);
  equal(parseDnsMessage(hex('1234 8000 0000 0800 0800 0001')), DnsFault.TooManyRecords);
  equal(parseDnsMessage(hex('1234 8000 0000 0001 0000 0000')), DnsFault.Truncated);
});

test('data that its type does not use up, or that goes beyond its length, is refused', () => {
  for (const [type, data, fault] of [
    ['0001', '0005 c000020100', DnsFault.BadData],
    ['0001', '0003 c00002', DnsFault.Truncated],
    ['001c', '0004 c0000201', DnsFault.Truncated],
    ['0005', '0003 c00c 00', DnsFault.BadData],
    ['0010', '0002 0361', DnsFault.Truncated],
    ['000f', '0002 000a', DnsFault.Truncated],
    ['0029', '0003 000a00', DnsFault.Truncated],
    // The name of a CNAME must end inside of its data, though octets follow.
    ['0005', '0002 0361 626300', DnsFault.Truncated],
  ] as const) {
    equal(parseDnsMessage(hex(`${HEADER} ${QUESTION} c00c ${type} 0001 0000003c ${data}`)), fault, `${type} ${data}`);
  }
});

test('RFC 3597: unknown types and the addresses of other classes are kept as they came', () => {
  for (const typeAndClass of ['ff00 0001', '0001 0003', '0021 0003']) {
    const message = parsed(hex(`${HEADER} ${QUESTION} c00c ${typeAndClass} 0000003c 0003 c00c05`));
    deepEqual(message.answers[0].data, { kind: 'opaque', bytes: hex('c00c05') });
    deepEqual(parsed(encodeDnsMessage(message)), message);
  }
});

test('RFC 4343: names compare without case, are written with it; odd octets have one text', () => {
  const message = parsed(hex('1234 0000 0001 0000 0000 0000 05 61 2e 5c 00 e4 01 42 00 0001 0001'));
  equal(message.questions[0].name, 'a\\.\\\\\\000\\228.B');
  deepEqual(parsed(encodeDnsMessage(message)), message);
  ok(sameName('WWW.Example.com.', 'www.example.COM'));
  ok(sameName('\\097.b', 'A.b'));
  equal(sameName('a.b', 'a\\.b'), false);
  equal(sameName('..', '..a'), false);
  const tooLong = ['x'.repeat(64), `${'abc.'.repeat(63)}abcd`];
  for (const bad of ['', '..', 'a..b', '.a', 'a\\', '\\25', '\\256.a', ...tooLong]) equal(labelsOf(bad), null, bad);
  equal(nameKey('.'), '.');
  equal(labelsOf('ä')?.[0].length, 2);
});

test('compression: ends of names are shared where the case is the same, and never in the target of SRV', () => {
  const record = (name: string, target: string): DnsRecord =>
    ({ name, type: DnsType.CNAME, class: DnsClass.IN, ttl: 0, data: { kind: 'name', target } });
  const query = dnsQuery(1, { name: 'www.example.org', type: DnsType.A, class: DnsClass.IN });
  const base = encodeDnsMessage(query).length;
  equal(encodeDnsMessage({ ...query, answers: [record('www.example.org', 'a.example.org')] }).length, base + 2 + 10 + 4);
  equal(encodeDnsMessage({ ...query, answers: [record('WWW.example.org', 'a.Example.org')] }).length, base + 6 + 10 + 2 + 10);
  const srv: DnsRecord = {
    name: 'www.example.org', type: DnsType.SRV, class: DnsClass.IN, ttl: 0,
    data: { kind: 'srv', priority: 1, weight: 2, port: 3, target: 'www.example.org' },
  };
  equal(encodeDnsMessage({ ...query, answers: [srv] }).length, base + 2 + 10 + 6 + 17);
});

test('a name beyond the reach of pointers is written out', () => {
  const strings = [new Uint8Array(255), new Uint8Array(255)];
  const filler: DnsRecord = { name: '.', type: DnsType.TXT, class: DnsClass.IN, ttl: 0, data: { kind: 'txt', strings } };
  const far: DnsRecord = { name: 'far.away', type: DnsType.NS, class: DnsClass.IN, ttl: 0, data: { kind: 'name', target: 'x.far.away' } };
  const message = { ...dnsQuery(1, { name: 'a', type: 1, class: 1 }), answers: [...new Array(33).fill(filler), far, far] };
  deepEqual(parsed(encodeDnsMessage(message)), message);
});

test('RFC 2181 9: what does not fit sets TC when it was asked for; OPT stays (RFC 6891 7)', () => {
  const text = (octets: number): DnsRecord =>
    ({ name: 'a', type: DnsType.TXT, class: DnsClass.IN, ttl: 0, data: { kind: 'txt', strings: [new Uint8Array(octets)] } });
  const opt = ednsRecord({ udpBytes: 1232, extendedRcode: 0, version: 0, dnssecOk: true, options: [] });
  const query = { ...dnsQuery(1, { name: 'a', type: DnsType.TXT, class: 1 }), isResponse: true };
  const long = parsed(encodeDnsMessage({ ...query, answers: [text(200), text(200), text(200)], additionals: [text(1), opt] }, 512));
  deepEqual([long.isTruncated, long.answers.length, long.additionals.length], [true, 2, 1]);
  equal(ednsOf(long)?.udpBytes, 1232);
  const more = parsed(encodeDnsMessage({ ...query, answers: [text(200)], additionals: [text(255), text(10), opt] }, 300));
  deepEqual([more.isTruncated, more.answers.length, more.additionals.length], [false, 1, 2]);
  for (let limit = 60; limit < 700; limit++) {
    const bytes = encodeDnsMessage({ ...query, answers: [text(200), text(100), text(200)], additionals: [opt, text(1)] }, limit);
    ok(bytes.length <= limit);
    notEqual(ednsOf(parsed(bytes)), null);
  }
  throws(() => encodeDnsMessage(query, 15), RangeError);
  throws(() => encodeDnsMessage(dnsQuery(1, { name: 'a..b', type: 1, class: 1 })), TypeError);
});

test('RFC 6891 6.1: every field of OPT', () => {
  const options = [{ code: 65001, bytes: hex('0102') }];
  const edns = { udpBytes: 4096, extendedRcode: Rcode.BadVers >> 4, version: 1, dnssecOk: true, options };
  const message = { ...dnsQuery(1, { name: '.', type: DnsType.NS, class: 1 }), additionals: [ednsRecord(edns)] };
  deepEqual(ednsOf(parsed(encodeDnsMessage(message))), edns);
  equal(ednsOf(dnsQuery(1, { name: '.', type: 2, class: 1 })), null);
});

test('RFC 1035 3.5, RFC 3596 2.5: names for reverse lookup', () => {
  equal(reverseName(Uint8Array.of(192, 0, 2, 1)), '1.2.0.192.in-addr.arpa');
  const six = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe);
  equal(reverseName(six), 'e.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa');
});
