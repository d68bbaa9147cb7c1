/**
 * DNS messages (RFC 1035 section 4): header, questions and three lists of records.
 *
 * Called by the resolver of api/posix and by the name server. Names are in dns-name.ts, records in dns-record.ts. Read RFC
 * 1035 section 4, RFC 2181 and RFC 6891 before changing this file.
 */
import { type DnsClass, DnsType, type DnsRecord, type EdnsOption, readDnsData, writeDnsRecord } from './dns-record.ts';
import { DnsFault, DnsReader } from './dns-reader.ts';
import { DnsWriter } from './dns-writer.ts';

export const DNS_PORT = 53;
export const DNS_HEADER_LEN = 12;
/** What a datagram may have when nobody said more (RFC 1035 section 4.2.1). */
export const DNS_UDP_LEN = 512;
/** What the length before a message over TCP can say (RFC 1035 section 4.2.2). */
export const DNS_MAX_LEN = 65535;

export const Opcode = { Query: 0, InverseQuery: 1, Status: 2, Notify: 4, Update: 5 } as const;

export const Rcode = {
  NoError: 0, FormErr: 1, ServFail: 2, NxDomain: 3, NotImp: 4, Refused: 5,
  /** Extended: its upper bits stand in the OPT record (RFC 6891 section 6.1.3). */
  BadVers: 16,
} as const;

/** Questions that a message may have. RFC 9619 allows a query one; nobody asks more. */
const MAX_QUESTIONS = 16;
/** Records of all three lists: 65,535 octets have room for 4,095 of the smallest addresses. */
const MAX_RECORDS = 4096;

const QR = 0x8000, AA = 0x0400, TC = 0x0200, RD = 0x0100, RA = 0x0080, AD = 0x0020, CD = 0x0010;
const FLAGS = 2;
const COUNTS = 4;

export interface DnsQuestion {
  readonly name: string;
  readonly type: DnsType;
  readonly class: DnsClass;
}

export interface DnsMessage {
  readonly id: number;
  readonly isResponse: boolean;
  readonly opcode: number;
  readonly isAuthoritative: boolean;
  /** Something did not fit: ask again over TCP. */
  readonly isTruncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  /** The four bits of the header. */
  readonly rcode: number;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

/** A query of one question, to be changed with a spread. */
export function dnsQuery(id: number, question: DnsQuestion): DnsMessage {
  return {
    id, isResponse: false, opcode: Opcode.Query, isAuthoritative: false, isTruncated: false, recursionDesired: true,
    recursionAvailable: false, authenticData: false, checkingDisabled: false, rcode: Rcode.NoError,
    questions: [question], answers: [], authorities: [], additionals: [],
  };
}

/** The message, or the DnsFault that refuses it. What follows its last record is not looked at. */
export function parseDnsMessage(bytes: Uint8Array): DnsMessage | DnsFault {
  const reader = new DnsReader(bytes);
  const id = reader.u16();
  const flags = reader.u16();
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()];
  if (reader.fault !== DnsFault.None) return reader.fault;
  const [questionCount, ...recordCounts] = counts;
  if (questionCount > MAX_QUESTIONS || recordCounts.reduce((sum, count) => sum + count, 0) > MAX_RECORDS) return DnsFault.TooManyRecords;
  const questions: DnsQuestion[] = [];
  for (let i = 0; i < questionCount && reader.fault === DnsFault.None; i++) {
    questions.push({ name: reader.name(), type: reader.u16(), class: reader.u16() });
  }
  if (reader.fault !== DnsFault.None) return reader.fault;
  const [answers, authorities, additionals] = recordCounts.map((count) => readRecords(reader, count));
  // Some servers cut a message where the datagram is full, inside of a record: it says so, and what is whole counts.
  const fault = faultOf(reader);
  if (fault !== DnsFault.None && !(fault === DnsFault.Truncated && (flags & TC) !== 0)) return fault;
  return {
    id,
    isResponse: (flags & QR) !== 0,
    opcode: (flags >> 11) & 15,
    isAuthoritative: (flags & AA) !== 0,
    isTruncated: (flags & TC) !== 0,
    recursionDesired: (flags & RD) !== 0,
    recursionAvailable: (flags & RA) !== 0,
    authenticData: (flags & AD) !== 0,
    checkingDisabled: (flags & CD) !== 0,
    rcode: flags & 15,
    questions, answers, authorities, additionals,
  };
}

/** Read by a function: the compiler would take the fault for what it was before the last reads. */
function faultOf(reader: DnsReader): DnsFault {
  return reader.fault;
}

function readRecords(reader: DnsReader, count: number): DnsRecord[] {
  const records: DnsRecord[] = [];
  for (let i = 0; i < count && reader.fault === DnsFault.None; i++) {
    const name = reader.name();
    const type = reader.u16();
    const dnsClass = reader.u16();
    const ttl = reader.u32();
    const data = readDnsData(reader, type, dnsClass, reader.u16());
    if (reader.fault === DnsFault.None) records.push({ name, type, class: dnsClass, ttl, data });
  }
  return records;
}

/**
 * The octets of a message, at most `maxBytes`. What does not fit is left out record by record: a missing answer or authority
 * sets the TC bit, a missing additional does not (RFC 2181 section 9). The OPT record always stays: RFC 6891 section 7.
 * Throws for a name that is none, or a number of questions or a string that no message can have.
 */
export function encodeDnsMessage(message: DnsMessage, maxBytes: number = DNS_MAX_LEN): Uint8Array {
  const writer = new DnsWriter(maxBytes);
  writer.u16(message.id);
  writer.u16(0);
  for (let i = 0; i < COUNTS; i++) writer.u16(0);
  for (const { name, type, class: dnsClass } of message.questions) {
    writer.name(name);
    writer.u16(type);
    writer.u16(dnsClass);
  }
  if (writer.overflowed) throw new RangeError(`the questions of a message do not fit in ${maxBytes} octets`);
  const counts = [message.questions.length, 0, 0, 0];
  const reserved = message.additionals.filter(({ type }) => type === DnsType.OPT).reduce((sum, record) => sum + lengthOf(record), 0);
  writer.limit = maxBytes - reserved;
  let isTruncated = message.isTruncated;
  [message.answers, message.authorities, message.additionals].forEach((records, list) => {
    for (const record of records) {
      const mark = writer.at;
      if (record.type === DnsType.OPT && list === 2) writer.limit += lengthOf(record);
      // Once something is missing that was asked for, the rest is of no use either.
      else if (isTruncated && !message.isTruncated) continue;
      writeDnsRecord(writer, record);
      if (writer.overflowed) {
        writer.rewind(mark);
        if (list < 2) isTruncated = true;
        continue;
      }
      counts[list + 1]++;
    }
  });
  writer.patch16(FLAGS, flagsOf(message, isTruncated));
  counts.forEach((count, i) => writer.patch16(COUNTS + 2 * i, count));
  return writer.finish();
}

/** Octets of a record on its own. */
function lengthOf(record: DnsRecord): number {
  const writer = new DnsWriter(DNS_MAX_LEN);
  writeDnsRecord(writer, record);
  return writer.at;
}

function flagsOf(message: DnsMessage, isTruncated: boolean): number {
  return (
    (message.isResponse ? QR : 0) | ((message.opcode & 15) << 11) | (message.isAuthoritative ? AA : 0) | (isTruncated ? TC : 0) |
    (message.recursionDesired ? RD : 0) | (message.recursionAvailable ? RA : 0) | (message.authenticData ? AD : 0) |
    (message.checkingDisabled ? CD : 0) | (message.rcode & 15)
  );
}

/** What the OPT record of a message says (RFC 6891 section 6.1). */
export interface Edns {
  /** The largest datagram that its sender takes. */
  readonly udpBytes: number;
  /** The upper eight bits of a result code of twelve. */
  readonly extendedRcode: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  readonly options: readonly EdnsOption[];
}

const DNSSEC_OK = 0x8000;

export function ednsRecord({ udpBytes, extendedRcode, version, dnssecOk, options }: Edns): DnsRecord {
  const ttl = ((extendedRcode << 24) | (version << 16) | (dnssecOk ? DNSSEC_OK : 0)) >>> 0;
  return { name: '.', type: DnsType.OPT, class: udpBytes, ttl, data: { kind: 'opt', options } };
}

/** The OPT record of a message, read; null when it has none. */
export function ednsOf(message: DnsMessage): Edns | null {
  for (const { type, class: udpBytes, ttl, data } of message.additionals) {
    if (type !== DnsType.OPT || data.kind !== 'opt') continue;
    return {
      udpBytes, extendedRcode: ttl >>> 24, version: (ttl >>> 16) & 255, dnssecOk: (ttl & DNSSEC_OK) !== 0, options: data.options,
    };
  }
  return null;
}
