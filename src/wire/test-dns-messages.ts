/**
 * Generated DNS messages for tests, and the same in the words of dns-packet, the judge of the codec.
 */
import type { Answer, DecodedPacket, Packet } from 'dns-packet';
import fc from 'fast-check';
import { IpAddress } from '../base/inet-address.ts';
import type { DnsMessage, DnsQuestion } from './dns.ts';
import { DnsClass, type DnsData, type DnsRecord, DnsType } from './dns-record.ts';

const PLAIN = { noNullPrototype: true } as const;
// Few labels, so that names have ends in common and get compressed; two spellings of one, so that case is kept.
const label = fc.oneof(fc.constantFrom('www', 'example', 'Example', 'org', 'a', '_dns', 'x-1'), fc.stringMatching(/^[a-z0-9]{1,63}$/));
export const names = fc.array(label, { maxLength: 5 }).map((labels) => labels.join('.') || '.').filter((name) => name.length <= 253);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const octets = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });

const address = (length: number): fc.Arbitrary<DnsData> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => ({ kind: 'address', address: IpAddress.fromBytes(bytes) }));
const target: fc.Arbitrary<DnsData> = names.map((name) => ({ kind: 'name', target: name }));
const typed: fc.Arbitrary<readonly [number, DnsData]> = fc.oneof(
  fc.tuple(fc.constant(DnsType.A), address(4)),
  fc.tuple(fc.constant(DnsType.AAAA), address(16)),
  fc.tuple(fc.constantFrom(DnsType.NS, DnsType.CNAME, DnsType.PTR), target),
  fc.tuple(fc.constant(DnsType.SOA), fc.tuple(names, names, u32, u32, u32, u32, u32).map(
    ([primary, mailbox, serial, refresh, retry, expire, minimum]): DnsData =>
      ({ kind: 'soa', primary, mailbox, serial, refresh, retry, expire, minimum }),
  )),
  fc.tuple(fc.constant(DnsType.MX), fc.tuple(u16, names).map(
    ([preference, exchange]): DnsData => ({ kind: 'mx', preference, exchange }),
  )),
  fc.tuple(fc.constant(DnsType.SRV), fc.tuple(u16, u16, u16, names).map(
    ([priority, weight, port, name]): DnsData => ({ kind: 'srv', priority, weight, port, target: name }),
  )),
  fc.tuple(fc.constant(DnsType.TXT), fc.array(octets(255), { minLength: 1, maxLength: 3 }).map(
    (strings): DnsData => ({ kind: 'txt', strings }),
  )),
  fc.tuple(fc.constantFrom(65280, 65281), octets(40).map((bytes): DnsData => ({ kind: 'opaque', bytes }))),
);
export const records: fc.Arbitrary<DnsRecord> = fc.tuple(names, typed, fc.nat(0x7fffffff)).map(
  ([name, [type, data], ttl]) => ({ name, type, class: DnsClass.IN, ttl, data }),
);
const opt: fc.Arbitrary<DnsRecord> = fc.tuple(fc.integer({ min: 1, max: 0xffff }), u32, fc.array(octets(20), { maxLength: 2 })).map(
  // dns-packet takes a size of 0 for none given; these options are for experiments (RFC 6891 section 9).
  ([udpBytes, ttl, list]) => ({
    name: '.', type: DnsType.OPT, class: udpBytes, ttl,
    data: { kind: 'opt', options: list.map((bytes, i) => ({ code: 65001 + i, bytes })) },
  }),
);
const questions: fc.Arbitrary<DnsQuestion> = fc.record({
  name: names, type: fc.constantFrom(DnsType.A, DnsType.AAAA, DnsType.TXT, DnsType.ANY), class: fc.constant(DnsClass.IN),
}, PLAIN);
const flag = fc.boolean();

export const messages: fc.Arbitrary<DnsMessage> = fc.record({
  id: u16, isResponse: flag, opcode: fc.nat(15), isAuthoritative: flag, isTruncated: flag, recursionDesired: flag,
  recursionAvailable: flag, authenticData: flag, checkingDisabled: flag, rcode: fc.nat(15),
  questions: fc.array(questions, { maxLength: 2 }),
  answers: fc.array(records, { maxLength: 6 }),
  authorities: fc.array(records, { maxLength: 3 }),
  additionals: fc.tuple(fc.array(records, { maxLength: 3 }), fc.option(opt)).map(
    ([list, last]) => (last === null ? list : [...list, last]),
  ),
}, PLAIN);

const TYPE_NAMES = new Map<number, string>(Object.entries(DnsType).map(([name, number]) => [number, name]));

function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `UNKNOWN_${type}`;
}

function judgedData(data: DnsData): unknown {
  switch (data.kind) {
    case 'address': return data.address.toString();
    case 'name': return data.target;
    case 'soa': {
      const { primary, mailbox, kind: _, ...numbers } = data;
      return { mname: primary, rname: mailbox, ...numbers };
    }
    case 'mx': return { preference: data.preference, exchange: data.exchange };
    case 'srv': return { priority: data.priority, weight: data.weight, port: data.port, target: data.target };
    case 'txt': return data.strings.map((string) => Buffer.from(string));
    case 'opaque': return Buffer.from(data.bytes);
    default: return null;
  }
}

function judgedRecord({ name, type, class: dnsClass, ttl, data }: DnsRecord): Answer {
  if (data.kind === 'opt') {
    return {
      type: 'OPT', name, udpPayloadSize: dnsClass, extendedRcode: ttl >>> 24, ednsVersion: (ttl >>> 16) & 255, flags: ttl & 0xffff,
      options: data.options.map(({ code, bytes }) => ({ code, data: Buffer.from(bytes) })),
    } as unknown as Answer;
  }
  return { type: typeName(type), class: 'IN', name, ttl, data: judgedData(data) } as unknown as Answer;
}

/** The message as dns-packet's `encode` takes it. */
export function judged(message: DnsMessage): Packet {
  const bits: readonly (readonly [boolean, number])[] = [
    [message.isAuthoritative, 0x400], [message.isTruncated, 0x200], [message.recursionDesired, 0x100],
    [message.recursionAvailable, 0x80], [message.authenticData, 0x20], [message.checkingDisabled, 0x10],
  ];
  return {
    type: message.isResponse ? 'response' : 'query',
    id: message.id,
    flags: bits.reduce((flags, [isSet, bit]) => flags | (isSet ? bit : 0), (message.opcode << 11) | message.rcode),
    questions: message.questions.map(
      ({ name, type }) => ({ name, type: typeName(type), class: 'IN' }),
    ) as unknown as NonNullable<Packet['questions']>,
    answers: message.answers.map(judgedRecord),
    authorities: message.authorities.map(judgedRecord),
    additionals: message.additionals.map(judgedRecord),
  };
}

/** What dns-packet's `decode` gave, without the fields that say the same twice. */
export function plain(decoded: DecodedPacket): unknown {
  const record = (answer: Answer): unknown => {
    const { flush: _, flag_do: _do, ...rest } = answer as unknown as Record<string, unknown>;
    if (rest['type'] === 'OPT') {
      const options = (rest['options'] as { code: number; data: Buffer }[]).map(({ code, data }) => ({ code, data }));
      return { ...rest, options };
    }
    if (rest['type'] === 'AAAA') return { ...rest, data: IpAddress.from(rest['data'] as string).toString() };
    return rest;
  };
  return {
    type: decoded.type, id: decoded.id, flags: decoded.flags, questions: decoded.questions,
    answers: decoded.answers?.map(record), authorities: decoded.authorities?.map(record), additionals: decoded.additionals?.map(record),
  };
}
