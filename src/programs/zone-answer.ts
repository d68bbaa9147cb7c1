/**
 * What an authoritative server says to a query (RFC 1034 section 4.3.2, RFC 2308).
 *
 * Called by name-server.ts for each message; knows messages and zones, no sockets. **Not** there: delegations (a zone has
 * all names below its top), wildcards, zone transfers.
 */
import {
  DNS_UDP_LEN, DnsClass, type DnsMessage, type DnsQuestion, type DnsRecord, DnsType, ednsOf, ednsRecord, encodeDnsMessage, nameKey, Opcode,
  parseDnsMessage, Rcode,
} from '../api/posix/dns.ts';
import { parentOf, type Zone } from './zone-text.ts';

/** Aliases that are followed for one answer. */
const MAX_ALIASES = 16;
/** What our datagrams may have when the client takes that much: more is fragmented somewhere (DNS flag day 2020). */
const OUR_UDP_LEN = 1232;
const HEADER_LEN = 12;

/** An answer in the making. */
interface Draft {
  rcode: number;
  isAuthoritative: boolean;
  readonly answers: DnsRecord[];
  readonly authorities: DnsRecord[];
  readonly additionals: DnsRecord[];
}

/**
 * The octets to send back; null for what must not be answered: what is too short to have an id, and responses, or two
 * servers could go on for ever. `limit`: what the transport can carry, or null for what UDP and the client's EDNS allow.
 */
export function answerTo(zones: readonly Zone[], bytes: Uint8Array, limit: number | null): Uint8Array | null {
  const query = parseDnsMessage(bytes);
  if (typeof query === 'number') return formatError(bytes);
  if (query.isResponse) return null;
  const edns = ednsOf(query);
  const optCount = query.additionals.filter(({ type }) => type === DnsType.OPT).length;
  const draft: Draft = { rcode: Rcode.NoError, isAuthoritative: false, answers: [], authorities: [], additionals: [] };
  const [question] = query.questions;
  if (edns !== null && edns.version > 0) draft.rcode = Rcode.BadVers;
  else if (query.opcode !== Opcode.Query) draft.rcode = Rcode.NotImp;
  // RFC 9619: a query has one question; RFC 6891 section 6.1.1: and at most one OPT record.
  else if (query.questions.length !== 1 || optCount > 1) draft.rcode = Rcode.FormErr;
  else answerQuestion(zones, question, draft);
  if (edns !== null) {
    const extendedRcode = draft.rcode >> 4;
    draft.additionals.push(ednsRecord({ udpBytes: OUR_UDP_LEN, extendedRcode, version: 0, dnssecOk: edns.dnssecOk, options: [] }));
  }
  const response: DnsMessage = {
    ...query, ...draft, isResponse: true, isTruncated: false, recursionAvailable: false, authenticData: false, rcode: draft.rcode & 15,
  };
  const room = edns === null ? DNS_UDP_LEN : Math.min(OUR_UDP_LEN, Math.max(DNS_UDP_LEN, edns.udpBytes));
  // Sixteen questions of the longest names are more than a datagram has.
  if (query.questions.length > 1) return encodeDnsMessage({ ...response, questions: [] }, limit ?? room);
  return encodeDnsMessage(response, limit ?? room);
}

/** FORMERR with the id of a message that cannot be read. */
function formatError(bytes: Uint8Array): Uint8Array | null {
  const isResponse = bytes.length >= HEADER_LEN && bytes[2] >= 0x80;
  if (bytes.length < HEADER_LEN || isResponse) return null;
  const header = new Uint8Array(HEADER_LEN);
  // The id, the opcode and RD as they came; QR set.
  header.set([bytes[0], bytes[1], 0x80 | (bytes[2] & 0x79), Rcode.FormErr]);
  return header;
}

function answerQuestion(zones: readonly Zone[], question: DnsQuestion, draft: Draft): void {
  let key = nameKey(question.name) as string;
  let zone = zoneOf(zones, key);
  if (zone === null || (question.class !== DnsClass.IN && question.class !== DnsClass.ANY)) {
    draft.rcode = Rcode.Refused;
    return;
  }
  if (question.type >= 251 && question.type !== DnsType.ANY) {
    // Transfers of zones, and the mail types that nothing replaced.
    draft.rcode = Rcode.NotImp;
    return;
  }
  draft.isAuthoritative = true;
  for (let aliases = 0; aliases <= MAX_ALIASES; aliases++) {
    const records = zone.names.get(key);
    if (records === undefined) {
      draft.rcode = Rcode.NxDomain;
      draft.authorities.push(negative(zone));
      return;
    }
    const matching = records.filter(({ type }) => type === question.type || question.type === DnsType.ANY);
    const alias = records.find(({ type }) => type === DnsType.CNAME);
    if (matching.length > 0 || alias === undefined) {
      draft.answers.push(...matching);
      if (matching.length === 0) draft.authorities.push(negative(zone));
      addAddresses(zones, matching, draft);
      return;
    }
    draft.answers.push(alias);
    key = alias.data.kind === 'name' ? (nameKey(alias.data.target) as string) : '.';
    // An alias in a circle, or to a name that others have to say: the client goes on from here.
    const isSeen = draft.answers.some(({ name }) => nameKey(name) === key);
    const next = zoneOf(zones, key);
    if (isSeen || next === null) return;
    zone = next;
  }
}

/** The zone that has a name: the one with the longest top. */
function zoneOf(zones: readonly Zone[], name: string): Zone | null {
  for (let key = name; ; key = parentOf(key)) {
    const zone = zones.find(({ origin }) => origin === key);
    if (zone !== undefined) return zone;
    if (key === '.') return null;
  }
}

/** RFC 2308 section 3: the SOA record tells how long "there is none" holds. */
function negative({ soa }: Zone): DnsRecord {
  const minimum = soa.data.kind === 'soa' ? soa.data.minimum : soa.ttl;
  return { ...soa, ttl: Math.min(soa.ttl, minimum) };
}

/** The addresses of hosts that answers name, so that the client need not ask for them next (RFC 1035 section 3.3). */
function addAddresses(zones: readonly Zone[], records: readonly DnsRecord[], draft: Draft): void {
  const named = new Set<string>();
  for (const { type, data } of records) {
    if (data.kind === 'mx') named.add(nameKey(data.exchange) as string);
    else if (data.kind === 'srv' || (data.kind === 'name' && type === DnsType.NS)) named.add(nameKey(data.target) as string);
  }
  for (const key of named) {
    for (const record of zoneOf(zones, key)?.names.get(key) ?? []) if (record.data.kind === 'address') draft.additionals.push(record);
  }
}
