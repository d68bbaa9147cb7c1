/**
 * Zones as text: a subset of master files (RFC 1035 section 5).
 *
 *   $ORIGIN example.org.
 *   $TTL 3600
 *   @     SOA  ns admin ( 1 7200 900 1209600 300 )    ; the first record is the zone's own
 *         NS   ns
 *   ns    A    192.0.2.53
 *   www   300 IN CNAME web
 *   note  TXT  "two strings" "of text"
 *
 * Called by name-server.ts. Types: A AAAA CNAME MX NS PTR SOA SRV TXT; class IN. **Not** there: $INCLUDE, $GENERATE, times
 * with units (1h), records of unknown types, wildcards.
 */
import { IpAddress } from '../base/inet-address.ts';
import { type DnsData, type DnsRecord, DnsType, isName, nameKey } from '../api/posix/dns.ts';

export interface Zone {
  /** The name at the top, where the SOA record is. */
  readonly origin: string;
  readonly soa: DnsRecord;
  /** The records of each name, by `nameKey`; names between a record and the top are there too, with none. */
  readonly names: ReadonlyMap<string, readonly DnsRecord[]>;
}

const TYPES: ReadonlyMap<string, number> = new Map(
  ['A', 'AAAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SRV', 'TXT'].map((name) => [name, DnsType[name as keyof typeof DnsType]]),
);
const IN = 1;
const MAX_TTL = 0x7fffffff;

/** A line that is wrong. */
class ZoneFault extends Error {}

/** One record, or one line that begins with `$`. */
interface Entry {
  readonly line: number;
  /** The entry begins with a blank: it is of the same owner as the one before. */
  readonly isContinued: boolean;
  readonly words: readonly string[];
}

/** The zone of a text, or a sentence that says which line is wrong. */
export function parseZone(text: string): Zone | string {
  let line = 0;
  try {
    const reader = new ZoneReader();
    for (const entry of entriesOf(text)) {
      line = entry.line;
      reader.entry(entry);
    }
    return reader.zone();
  } catch (error) {
    if (error instanceof ZoneFault) return line === 0 ? error.message : `line ${line}: ${error.message}`;
    throw error;
  }
}

class ZoneReader {
  private origin: string | null = null;
  private ttl = 3600;
  private owner: string | null = null;
  private readonly records: DnsRecord[] = [];

  entry({ isContinued, words }: Entry): void {
    const [first, value] = words;
    if (first === '$ORIGIN') {
      this.origin = this.name(value);
      return;
    }
    if (first === '$TTL') {
      this.ttl = numberOf(value, MAX_TTL);
      return;
    }
    if (first.startsWith('$')) throw new ZoneFault(`there is no ${first} here`);
    let at = 0;
    if (!isContinued) this.owner = this.name(words[at++]);
    if (this.owner === null) throw new ZoneFault('the first record has no owner');
    // TTL and class may stand in either order (RFC 1035 section 5.1).
    let ttl = this.ttl;
    for (let field = words[at] ?? ''; /^(\d+|IN)$/i.test(field); field = words[++at] ?? '') {
      if (/^\d/.test(field)) ttl = numberOf(field, MAX_TTL);
    }
    const type = TYPES.get((words[at] ?? '').toUpperCase());
    if (type === undefined) throw new ZoneFault(`unknown type '${words[at] ?? ''}'`);
    const data = this.data(type, words.slice(at + 1));
    this.records.push({ name: this.owner, type, class: IN, ttl, data });
  }

  zone(): Zone {
    const [soa] = this.records;
    if (soa === undefined || soa.data.kind !== 'soa') throw new ZoneFault('a zone begins with its SOA record');
    const names = new Map<string, DnsRecord[]>();
    const top = nameKey(soa.name) as string;
    for (const record of this.records) {
      let key = nameKey(record.name) as string;
      if (key !== top && top !== '.' && !key.endsWith(`.${top}`)) throw new ZoneFault(`${record.name} is not in ${soa.name}`);
      const others = names.get(key);
      if (others === undefined) names.set(key, [record]);
      else others.push(record);
      // RFC 8020: a name exists when one below it does.
      while (key !== top) {
        key = parentOf(key);
        if (!names.has(key)) names.set(key, []);
      }
    }
    for (const [key, records] of names) {
      const aliases = records.filter(({ type }) => type === DnsType.CNAME).length;
      // RFC 1034 section 3.6.2.
      if (aliases > 0 && records.length > 1) throw new ZoneFault(`${key} is an alias and has other records`);
    }
    if (this.records.filter(({ type }) => type === DnsType.SOA).length > 1) throw new ZoneFault('a zone has one SOA record');
    return { origin: top, soa, names };
  }

  /** A name in full: one without a dot at its end is below the origin. */
  private name(text: string | undefined): string {
    if (text === undefined) throw new ZoneFault('a name is missing');
    let name = text;
    if (text === '@' || !text.endsWith('.') || text.endsWith('\\.')) {
      if (this.origin === null) throw new ZoneFault(`'${text}' needs an $ORIGIN, or a dot at its end`);
      name = text === '@' ? this.origin : this.origin === '.' ? text : `${text}.${this.origin}`;
    }
    if (!isName(name)) throw new ZoneFault(`'${text}' is no name`);
    return name === '.' || !name.endsWith('.') ? name : name.slice(0, -1);
  }

  private data(type: number, texts: readonly string[]): DnsData {
    const counted = (count: number): void => {
      if (texts.length !== count) throw new ZoneFault(`${count} words of data are needed here, not ${texts.length}`);
    };
    switch (type) {
      case DnsType.A:
      case DnsType.AAAA: {
        counted(1);
        const address = IpAddress.parse(texts[0]);
        const isV6 = texts[0].includes(':');
        if (address === null || isV6 !== (type === DnsType.AAAA)) throw new ZoneFault(`'${texts[0]}' is no address of this type`);
        return { kind: 'address', address };
      }
      case DnsType.MX:
        counted(2);
        return { kind: 'mx', preference: numberOf(texts[0], 0xffff), exchange: this.name(texts[1]) };
      case DnsType.SRV: {
        counted(4);
        const [priority, weight, port] = texts.slice(0, 3).map((text) => numberOf(text, 0xffff));
        return { kind: 'srv', priority, weight, port, target: this.name(texts[3]) };
      }
      case DnsType.SOA: {
        counted(7);
        const [serial, refresh, retry, expire, minimum] = texts.slice(2).map((text) => numberOf(text, 0xffffffff));
        return { kind: 'soa', primary: this.name(texts[0]), mailbox: this.name(texts[1]), serial, refresh, retry, expire, minimum };
      }
      case DnsType.TXT: {
        if (texts.length === 0) throw new ZoneFault('TXT has no text');
        const strings = texts.map((text) => new TextEncoder().encode(text));
        if (strings.some((string) => string.length > 255)) throw new ZoneFault('a string of TXT has at most 255 octets');
        return { kind: 'txt', strings };
      }
      default:
        counted(1);
        return { kind: 'name', target: this.name(texts[0]) };
    }
  }
}

/** The name above; of `a\.b.c` that is `c`. */
export function parentOf(key: string): string {
  const dot = /(?<!\\)(?:\\\\)*\./.exec(key);
  return dot === null ? '.' : key.slice(dot.index + dot[0].length) || '.';
}

function numberOf(text: string | undefined, most: number): number {
  const number = /^\d{1,10}$/.test(text ?? '') ? Number(text) : Number.NaN;
  if (!(number <= most)) throw new ZoneFault(`'${text ?? ''}' is no number from 0 to ${most}`);
  return number;
}

/** Lines, put together where parentheses say so, without comments. */
function* entriesOf(text: string): IterableIterator<Entry> {
  let words: string[] = [];
  let isContinued = false;
  let depth = 0;
  let first = 0;
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (depth === 0) {
      words = [];
      isContinued = /^[ \t]/.test(line);
      first = i + 1;
    }
    for (const [token, quoted] of line.matchAll(/"((?:[^"\\]|\\.)*)"|;.*|[()]|(?:[^\s;()"\\]|\\.)+|"/g)) {
      if (token.startsWith(';')) break;
      if (quoted !== undefined) words.push(quoted.replace(/\\(.)/g, '$1'));
      else if (token === '(') depth++;
      else if (token === ')') depth--;
      else if (token === '"' || depth < 0) throw new ZoneFault(`line ${i + 1}: a quotation mark or parenthesis too many`);
      else words.push(token);
    }
    if (depth === 0 && words.length > 0) yield { line: first, isContinued, words };
  }
  if (depth !== 0) throw new ZoneFault('a parenthesis is not closed');
}
