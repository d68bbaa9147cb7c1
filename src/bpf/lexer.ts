/**
 * Filter expressions cut into tokens.
 *
 * Called by parser.ts. As in libpcap the longest reading at a place wins, and that has odd consequences which users
 * rely on or run into: `80-90` is one word (a port range), so `5-3` is no subtraction; `12:34:56:78:9a:bc` is an Ethernet
 * address, `1.2.3` a piece of an IPv4 address, and in `tcp[0:2]` the colon stands alone.
 */
import { parseV6 } from '../base/inet-text.ts';
import { FilterError } from './filter-error.ts';
import { KEYWORDS, NAMED_NUMBERS, NOT_SUPPORTED, PROTOCOLS, type Keyword, type Protocol } from './vocabulary.ts';

export type Token =
  | { readonly kind: 'number'; readonly at: number; readonly text: string; readonly value: number }
  /** A name, which may be a host's, a port's or a protocol's; also what no other form fits, such as `80-90`. */
  | { readonly kind: 'name'; readonly at: number; readonly text: string }
  /** One to four decimal parts; fewer than four are the beginning of an address. */
  | { readonly kind: 'ipv4'; readonly at: number; readonly text: string }
  | { readonly kind: 'ipv6'; readonly at: number; readonly text: string; readonly bytes: Uint8Array }
  | { readonly kind: 'ethernet'; readonly at: number; readonly text: string; readonly bytes: Uint8Array }
  | { readonly kind: 'protocol'; readonly at: number; readonly text: string; readonly protocol: Protocol }
  | { readonly kind: 'keyword'; readonly at: number; readonly text: string; readonly keyword: Keyword }
  | { readonly kind: 'symbol'; readonly at: number; readonly text: string }
  | { readonly kind: 'end'; readonly at: number; readonly text: string };

/** More is no filter that a person wrote, and programs have 4096 instructions at most. */
const MAX_TOKENS = 16_384;

const SPACE = /[ \t\r\n]*/y;
const SYMBOL = /&&|\|\||[<>=!]=|<<|>>|[-+*/%&|^!<>=()[\]:]/y;
const NUMBER = /0[xX][0-9a-fA-F]+|[0-9]+/y;
const WORD = /[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?/y;
const QUOTED = /\\([^ !()\n\t]+)/y;
const DOTTED = /[0-9]+(?:\.[0-9]+){1,3}/y;
/** An address of either kind with colons has at least two of them; one colon separates offset and size. */
const COLONS = /[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:]*(?:[0-9]*(?:\.[0-9]+){3})?/y;
const ETHERNET_FORMS = [
  /[0-9a-fA-F]{1,2}(?:([:.-])[0-9a-fA-F]{1,2})(?:\1[0-9a-fA-F]{1,2}){4}/y,
  /[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}/y,
  /[0-9a-fA-F]{12}/y,
];

/** The tokens of `text`; the last one is always an `end`. Throws FilterError. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; ; ) {
    at += match(SPACE, text, at).length;
    if (at >= text.length) {
      tokens.push({ kind: 'end', at, text: '' });
      return tokens;
    }
    if (tokens.length >= MAX_TOKENS) throw new FilterError(at, `more than ${MAX_TOKENS} words`);
    const { token, length } = next(text, at);
    tokens.push(token);
    at += length;
  }
}

interface Read {
  readonly token: Token;
  /** How much text it took. */
  readonly length: number;
}

function next(text: string, at: number): Read {
  const word = match(WORD, text, at);
  const read =
    addressWithColons(text, at) ??
    ethernetAddress(text, at, word) ??
    dottedAddress(text, at, word) ??
    number(text, at, word) ??
    quoted(text, at);
  if (read !== null) return read;
  if (word !== '') return { token: wordToken(word, at), length: word.length };
  const symbol = match(SYMBOL, text, at);
  if (symbol !== '') return { token: { kind: 'symbol', at, text: symbol }, length: symbol.length };
  throw new FilterError(at, `'${String.fromCodePoint(text.codePointAt(at) as number)}' has no meaning in a filter`);
}

function wordToken(text: string, at: number): Token {
  const protocol = Object.hasOwn(PROTOCOLS, text) ? PROTOCOLS[text as keyof typeof PROTOCOLS] : null;
  if (protocol !== null) return { kind: 'protocol', at, text, protocol };
  const keyword = Object.hasOwn(KEYWORDS, text) ? KEYWORDS[text as keyof typeof KEYWORDS] : null;
  if (keyword !== null) return { kind: 'keyword', at, text, keyword };
  const value = NAMED_NUMBERS.get(text);
  if (value !== undefined) return { kind: 'number', at, text, value };
  if (NOT_SUPPORTED.has(text)) throw new FilterError(at, `'${text}' is not supported`);
  return { kind: 'name', at, text };
}

function addressWithColons(text: string, at: number): Read | null {
  const form = match(COLONS, text, at);
  if (form === '') return null;
  const ethernet = match(ETHERNET_FORMS[0] as RegExp, text, at);
  if (ethernet.includes(':') && ethernet.length >= form.length) {
    return { token: { kind: 'ethernet', at, text: ethernet, bytes: ethernetBytes(ethernet) }, length: ethernet.length };
  }
  const bytes = parseV6(form);
  if (bytes === null) throw new FilterError(at, `'${form}' is neither an IPv6 nor an Ethernet address`);
  return { token: { kind: 'ipv6', at, text: form, bytes }, length: form.length };
}

function ethernetAddress(text: string, at: number, word: string): Read | null {
  for (const form of ETHERNET_FORMS) {
    const address = match(form, text, at);
    // A longer word is a name that begins like an address.
    if (address === '' || address.length < word.length) continue;
    return { token: { kind: 'ethernet', at, text: address, bytes: ethernetBytes(address) }, length: address.length };
  }
  return null;
}

function ethernetBytes(address: string): Uint8Array {
  const parts = address.split(/[:.-]/);
  const digits = parts.length === 6 ? parts.map((part) => part.padStart(2, '0')).join('') : parts.join('');
  return Uint8Array.from({ length: 6 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

function dottedAddress(text: string, at: number, word: string): Read | null {
  const dotted = match(DOTTED, text, at);
  if (dotted === '' || dotted.length < word.length) return null;
  return { token: { kind: 'ipv4', at, text: dotted }, length: dotted.length };
}

function number(text: string, at: number, word: string): Read | null {
  const digits = match(NUMBER, text, at);
  if (digits === '' || digits.length < word.length) return null;
  // As in C, a leading zero makes it octal.
  const isOctal = /^0[0-9]/.test(digits);
  if (isOctal && /[89]/.test(digits)) throw new FilterError(at, `${digits} begins as an octal number, but has an 8 or a 9`);
  const value = isOctal ? Number.parseInt(digits, 8) : Number(digits);
  if (value > 0xffffffff) throw new FilterError(at, `${digits} is larger than 32 bits hold`);
  return { token: { kind: 'number', at, text: digits, value }, length: digits.length };
}

/** A backslash takes the meaning of a word away: `ip proto \tcp`. */
function quoted(text: string, at: number): Read | null {
  const form = match(QUOTED, text, at);
  return form === '' ? null : { token: { kind: 'name', at, text: form.slice(1) }, length: form.length };
}

/** What `form` (a sticky expression) finds at `at`; empty when nothing. */
function match(form: RegExp, text: string, at: number): string {
  form.lastIndex = at;
  return form.exec(text)?.[0] ?? '';
}
