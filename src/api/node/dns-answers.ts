/**
 * What an answer of DNS is in the words of Node's dns module: one reader for each kind of question (cares_wrap's queryA and
 * so on). Called by channel-handle.ts. Types whose data the wire room keeps as it came are read here: NAPTR (RFC 3403), CAA
 * (RFC 8659) and TLSA (RFC 6698).
 */
import { type DnsMessage, Rcode } from '../../wire/dns.ts';
import { type DnsRecord, DnsType } from '../../wire/dns-record.ts';
import { DnsFault, DnsReader } from '../../wire/dns-reader.ts';

export const QueryType = { NAPTR: 35, TLSA: 52, CAA: 257 } as const;

/** c-ares's names of what went wrong, as Node tells them. */
export type QueryError =
  | 'ENODATA' | 'EFORMERR' | 'ESERVFAIL' | 'ENOTFOUND' | 'ENOTIMP' | 'EREFUSED' | 'EBADNAME' | 'EBADRESP' | 'ECONNREFUSED' | 'ETIMEOUT'
  | 'ECANCELLED' | 'UNKNOWN_ARES_ERROR';

export interface QueryResult {
  readonly values: unknown;
  /** Of addresses, in their order. */
  readonly ttls?: readonly number[];
}

interface Kind {
  readonly type: number;
  readonly read: (message: DnsMessage) => QueryResult | QueryError;
}

/** ares_query's word on the head of an answer; null when there is something to read. */
export function errorOf(message: DnsMessage): QueryError | null {
  switch (message.rcode) {
    case Rcode.NoError:
      return message.answers.length === 0 ? 'ENODATA' : null;
    case Rcode.FormErr:
      return 'EFORMERR';
    case Rcode.ServFail:
      return 'ESERVFAIL';
    case Rcode.NxDomain:
      return 'ENOTFOUND';
    case Rcode.NotImp:
      return 'ENOTIMP';
    case Rcode.Refused:
      return 'EREFUSED';
    default:
      return 'UNKNOWN_ARES_ERROR';
  }
}

const texts = new TextDecoder();

/** The values of the records of one type; ENODATA when there is none. */
function all(type: number, value: (record: DnsRecord) => unknown): Kind {
  return {
    type,
    read: ({ answers }) => {
      const values = answers.filter((record) => record.type === type).map(value);
      return values.length === 0 ? 'ENODATA' : values.includes(null) ? 'EBADRESP' : { values };
    },
  };
}

function addresses(type: number): Kind {
  return {
    type,
    read: ({ answers }) => {
      const found = answers.filter((record) => record.type === type);
      if (found.length === 0) return 'ENODATA';
      return { values: found.map(addressOf), ttls: found.map((record) => ttlOf(record, answers)) };
    },
  };
}

/** An address holds no longer than the aliases that led to it. */
function ttlOf({ ttl }: DnsRecord, answers: readonly DnsRecord[]): number {
  return Math.min(ttl, ...answers.filter(({ type }) => type === DnsType.CNAME).map((alias) => alias.ttl));
}

function addressOf({ data }: DnsRecord): string | null {
  return data.kind === 'address' ? data.address.toString() : null;
}

function nameOf({ data }: DnsRecord): string | null {
  return data.kind === 'name' ? spelled(data.target) : null;
}

/** c-ares writes the root as nothing. */
function spelled(name: string): string {
  return name === '.' ? '' : name;
}

/** Node 24 says so in MX, SRV and CAA everywhere, and has an empty place for it in others; before, in the answers to ANY alone. */
const tellsType = Number(process.versions.node.split('.')[0]) >= 24;

function typed(type: string | undefined): object {
  return tellsType ? { type } : {};
}

function mxOf({ data }: DnsRecord): object | null {
  return data.kind === 'mx' ? { exchange: spelled(data.exchange), priority: data.preference, ...typed('MX') } : null;
}

function txtOf({ data }: DnsRecord): string[] | null {
  return data.kind === 'txt' ? data.strings.map((bytes) => texts.decode(bytes)) : null;
}

function srvOf({ data }: DnsRecord): object | null {
  if (data.kind !== 'srv') return null;
  return { name: spelled(data.target), port: data.port, priority: data.priority, weight: data.weight, ...typed('SRV') };
}

function soaOf({ data }: DnsRecord): object | null {
  if (data.kind !== 'soa') return null;
  return {
    nsname: data.primary, hostmaster: data.mailbox, serial: data.serial, refresh: data.refresh, retry: data.retry,
    expire: data.expire, minttl: data.minimum, ...typed(undefined),
  };
}

/** Reads data that came as bytes; null when they are not what the type says. */
function opaque(record: DnsRecord, read: (reader: DnsReader) => object): object | null {
  if (record.data.kind !== 'opaque') return null;
  const reader = new DnsReader(record.data.bytes);
  const value = read(reader);
  return reader.fault === DnsFault.None ? value : null;
}

function naptrOf(record: DnsRecord): object | null {
  return opaque(record, (reader) => {
    const order = reader.u16();
    const preference = reader.u16();
    const [flags, service, regexp] = [0, 1, 2].map(() => texts.decode(reader.octets(reader.u8())));
    return { flags, service, regexp, replacement: spelled(reader.name()), order, preference, ...typed(undefined) };
  });
}

function caaOf(record: DnsRecord): object | null {
  return opaque(record, (reader) => {
    const critical = reader.u8();
    const tag = texts.decode(reader.octets(reader.u8()));
    return { critical, ...typed('CAA'), [tag]: texts.decode(reader.octets(reader.end - reader.at)) };
  });
}

function tlsaOf(record: DnsRecord): object | null {
  return opaque(record, (reader) => {
    const [certUsage, selector, match] = [reader.u8(), reader.u8(), reader.u8()];
    return { certUsage, selector, match, data: reader.octets(reader.end - reader.at).buffer };
  });
}

/** ANY: each record with its type, in the order in which Node's C++ looks for them. */
const OF_ANY: readonly (readonly [type: number, name: string, value: (record: DnsRecord, answers: readonly DnsRecord[]) => unknown])[] = [
  [DnsType.A, 'A', (record, answers) => ({ address: addressOf(record), ttl: ttlOf(record, answers) })],
  [DnsType.CNAME, 'CNAME', (record) => ({ value: nameOf(record) })],
  [DnsType.AAAA, 'AAAA', (record, answers) => ({ address: addressOf(record), ttl: ttlOf(record, answers) })],
  [DnsType.MX, 'MX', mxOf],
  [DnsType.NS, 'NS', (record) => ({ value: nameOf(record) })],
  [DnsType.TXT, 'TXT', (record) => ({ entries: txtOf(record) })],
  [DnsType.SRV, 'SRV', srvOf],
  [DnsType.PTR, 'PTR', (record) => ({ value: nameOf(record) })],
  [QueryType.NAPTR, 'NAPTR', naptrOf],
  [DnsType.SOA, 'SOA', soaOf],
  [QueryType.CAA, 'CAA', caaOf],
  [QueryType.TLSA, 'TLSA', tlsaOf],
];

function readAny({ answers }: DnsMessage): QueryResult | QueryError {
  const values: object[] = [];
  const hasAlias = answers.some(({ type }) => type === DnsType.CNAME);
  for (const [type, name, value] of OF_ANY) {
    // Node's C++ takes addresses and the alias from one look at the answer, and the alias wins.
    if (hasAlias && type === DnsType.A) continue;
    for (const record of answers) {
      if (record.type !== type) continue;
      const told = value(record, answers);
      if (told === null) return 'EBADRESP';
      values.push({ ...(told as object), type: name });
    }
  }
  return { values };
}

/** By the names that cares_wrap's channel has for them. */
export const QUERIES: Readonly<Record<string, Kind>> = {
  queryAny: { type: DnsType.ANY, read: readAny },
  queryA: addresses(DnsType.A),
  queryAaaa: addresses(DnsType.AAAA),
  queryCaa: all(QueryType.CAA, caaOf),
  queryCname: all(DnsType.CNAME, nameOf),
  queryMx: all(DnsType.MX, mxOf),
  queryNs: all(DnsType.NS, nameOf),
  queryTxt: all(DnsType.TXT, txtOf),
  queryTlsa: all(QueryType.TLSA, tlsaOf),
  querySrv: all(DnsType.SRV, srvOf),
  queryPtr: all(DnsType.PTR, nameOf),
  queryNaptr: all(QueryType.NAPTR, naptrOf),
  querySoa: {
    type: DnsType.SOA,
    read: ({ answers }) => {
      const record = answers.find(({ type }) => type === DnsType.SOA);
      const value = record === undefined ? null : soaOf(record);
      return value === null ? 'EBADRESP' : { values: value };
    },
  },
};
