/**
 * The grammar of pcap-filter(7): expressions to trees.
 *
 * Called by compile.ts. The grammar has three layers that look alike until one knows what stands in them: conditions
 * (`tcp or udp`), lists of names and numbers behind one set of qualifiers (`port (80 or 443)`), and arithmetic
 * (`(tcp[12] & 0xf0) >> 2 > 5`). A number or a parenthesis may begin any of them, so `operand` reads what is there and
 * says which of them it was.
 *
 *     condition   operand { (and | or) operand }            both bind alike, from the left
 *     operand     { not } (arithmetic [relation arithmetic] | primitive | qualifiers identifier)
 *
 * A name or number without qualifiers takes those of the primitive before it: `port 80 or 443`.
 */
import { FilterError } from './filter-error.ts';
import { type Token, tokenize } from './lexer.ts';
import type { Arithmetic, Condition, Direction, Identifier, Operator, Qualifiers, Relation, Type } from './syntax-tree.ts';
import type { Keyword, Protocol } from './vocabulary.ts';

/** Parentheses, brackets and signs inside each other: deeper would not fit the call stack of every environment. */
const MAX_DEPTH = 200;
/** Operations that wait for each other's results, as in 1 + len + len + ...: whoever goes through the tree calls himself. */
const MAX_HEIGHT = 1000;

/** What an operand turned out to be. `qualifiers` is what it hands on to names and numbers behind it. */
type Operand =
  | { readonly kind: 'number'; readonly token: Token & { kind: 'number' } }
  | { readonly kind: 'arithmetic'; readonly value: Arithmetic; readonly token: Token }
  /** Names and numbers only; the qualifiers were those from before. */
  | { readonly kind: 'names'; readonly condition: Condition; readonly qualifiers: Qualifiers }
  | { readonly kind: 'condition'; readonly condition: Condition; readonly qualifiers: Qualifiers | null };

/** How tightly operators bind. */
const PRECEDENCE: Readonly<Record<string, number>> = { '|': 1, '&': 2, '<<': 3, '>>': 3, '+': 4, '-': 4, '*': 5, '/': 5, '^': 6, '%': 6 };
const TIGHTEST = 5;
/**
 * `^` and `%` have no rank of their own in libpcap's grammar: whatever is to their left, they take only the nearest operand,
 * and all that stands to their right. `7 % 4 + 1` is 7 % 5. We read them the same, odd as it is.
 */
const TAKES_ALL = new Set(['^', '%']);
const RELATIONS: Readonly<Record<string, Relation>> = { '=': '=', '==': '=', '!=': '!=', '<': '<', '<=': '<=', '>': '>', '>=': '>=' };

/** The tree of `text`, or null when there is nothing but space. Throws FilterError. */
export function parseFilter(text: string): Condition | null {
  return new Parser(tokenize(text)).parse();
}

class Parser {
  private readonly tokens: readonly Token[];
  private position = 0;
  private depth = 0;
  /** Of each operation, how many stand above each other in it. */
  private readonly heights = new Map<Arithmetic, number>();

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  parse(): Condition | null {
    if (this.token.kind === 'end') return null;
    const all = this.sequence(null);
    this.expectEnd();
    return this.joinable(all, null).condition;
  }

  private get token(): Token {
    return this.tokens[this.position] as Token;
  }

  private isKeyword(keyword: Keyword): boolean {
    return this.token.kind === 'keyword' && this.token.keyword === keyword;
  }

  private isSymbol(symbol: string): boolean {
    return this.token.kind === 'symbol' && this.token.text === symbol;
  }

  private takeKeyword(keyword: Keyword): boolean {
    if (!this.isKeyword(keyword)) return false;
    this.position++;
    return true;
  }

  private takeSymbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false;
    this.position++;
    return true;
  }

  private expectSymbol(symbol: string, why: string): void {
    if (!this.takeSymbol(symbol)) throw this.unexpected(`'${symbol}' ${why}`);
  }

  private expectEnd(): void {
    if (this.token.kind !== 'end') throw this.unexpected(`'and', 'or' or the end of the filter`);
  }

  private expectNumber(what: string): number {
    const { token } = this;
    if (token.kind !== 'number') throw this.unexpected(what);
    this.position++;
    return token.value;
  }

  private unexpected(wanted: string): FilterError {
    const { token } = this;
    const found = token.kind === 'end' ? 'the filter ends' : `there is '${token.text}'`;
    return new FilterError(token.at, `${found} where ${wanted} should be`);
  }

  private deeper<T>(at: number, read: () => T): T {
    if (this.depth >= MAX_DEPTH) throw new FilterError(at, `more than ${MAX_DEPTH} parentheses, brackets and signs inside each other`);
    this.depth++;
    const result = read();
    this.depth--;
    return result;
  }

  /* ---- Conditions ---- */

  /** Operands joined by and / or. `inherited`: the qualifiers of what stands before. */
  private sequence(inherited: Qualifiers | null): Operand {
    let all = this.operand(inherited);
    for (;;) {
      const isAnd = this.takeKeyword('and') || this.takeSymbol('&&');
      if (!isAnd && !this.takeKeyword('or') && !this.takeSymbol('||')) return all;
      const left = this.joinable(all, inherited);
      const token = this.token;
      const right = this.joinable(this.operand(left.qualifiers), left.qualifiers);
      // Once a parenthesis holds names, it is a list of names to its end: libpcap refuses `port (80 or tcp)`.
      if (left.kind === 'names' && right.kind !== 'names') {
        throw new FilterError(token.at, `there is '${token.text}' in a list of names and numbers`);
      }
      const condition: Condition = { kind: isAnd ? 'and' : 'or', left: left.condition, right: right.condition };
      all =
        left.kind === 'names'
          ? { kind: 'names', condition, qualifiers: left.qualifiers }
          : { kind: 'condition', condition, qualifiers: right.qualifiers };
    }
  }

  /** An operand as something that has a truth: a bare number gets the qualifiers that it inherits. */
  private joinable(operand: Operand, inherited: Qualifiers | null): Exclude<Operand, { kind: 'number' | 'arithmetic' }> {
    switch (operand.kind) {
      case 'number':
        return this.named({ token: operand.token, prefixLen: -1, mask: null }, inherited);
      case 'arithmetic':
        throw new FilterError(operand.token.at, 'a value is compared with nothing');
      default:
        return operand;
    }
  }

  private named(identifier: Identifier, qualifiers: Qualifiers | null): Operand & { kind: 'names' } {
    const { token } = identifier;
    if (qualifiers === null) throw unqualified(token);
    return { kind: 'names', condition: { kind: 'match', at: token.at, qualifiers, identifier }, qualifiers };
  }

  private operand(inherited: Qualifiers | null): Operand {
    let negations = 0;
    while (this.takeKeyword('not') || this.takeSymbol('!')) negations++;
    const operand = this.relationOrPrimitive(inherited);
    if (negations === 0) return operand;
    const { kind, condition, qualifiers } = this.joinable(operand, inherited);
    const negated: Condition = negations % 2 === 0 ? condition : { kind: 'not', of: condition };
    return kind === 'names' ? { kind, condition: negated, qualifiers } : { kind, condition: negated, qualifiers };
  }

  private relationOrPrimitive(inherited: Qualifiers | null): Operand {
    const token = this.token;
    const first = this.firstOperand(inherited);
    if (first.kind !== 'number' && first.kind !== 'arithmetic') return first;
    const left = this.arithmeticFrom(asArithmetic(first), 0);
    const relation = this.token.kind === 'symbol' ? RELATIONS[this.token.text] : undefined;
    // A number that no operator followed is still a port, a host or what else its qualifiers make it.
    if (relation === undefined) {
      return left.kind === 'number' && first.kind === 'number' ? first : { kind: 'arithmetic', value: left, token };
    }
    this.position++;
    const right = this.arithmetic(0);
    return { kind: 'condition', condition: { kind: 'relation', relation, left, right }, qualifiers: null };
  }

  /** Whatever can stand at the beginning of an operand, up to the first operator. */
  private firstOperand(inherited: Qualifiers | null): Operand {
    const { token } = this;
    switch (token.kind) {
      case 'number':
        this.position++;
        return { kind: 'number', token };
      case 'name':
      case 'ipv4':
      case 'ipv6':
      case 'ethernet':
        return this.named(this.identifier(), inherited);
      case 'symbol':
        if (token.text === '(') return this.parenthesis(inherited);
        if (token.text === '-') return { kind: 'arithmetic', value: this.unary(), token };
        throw this.unexpected('a condition');
      case 'protocol':
        return this.protocolFirst(token.protocol);
      case 'keyword':
        return this.keywordFirst(token.keyword);
      default:
        throw this.unexpected('a condition');
    }
  }

  private parenthesis(inherited: Qualifiers | null): Operand {
    const open = this.token;
    this.position++;
    const inside = this.deeper(open.at, () => this.sequence(inherited));
    this.expectSymbol(')', `for the '(' at ${open.at + 1}`);
    return inside;
  }

  private protocolFirst(protocol: Protocol): Operand {
    const { token } = this;
    const following = this.tokens[this.position + 1] as Token;
    if (following.kind === 'symbol' && following.text === '[') return { kind: 'arithmetic', value: this.packetValue(), token };
    this.position++;
    if (this.isKeyword('broadcast') || this.isKeyword('multicast')) return this.cast(protocol);
    const qualifiers = this.qualifiersBehind(protocol);
    if (qualifiers !== null) return this.qualified(qualifiers);
    return { kind: 'condition', condition: { kind: 'protocol', at: token.at, protocol }, qualifiers: null };
  }

  private cast(protocol: Protocol | null): Operand {
    const { at } = this.token;
    const kind = this.isKeyword('broadcast') ? 'broadcast' : 'multicast';
    this.position++;
    return { kind: 'condition', condition: { kind, at, protocol }, qualifiers: null };
  }

  private keywordFirst(keyword: Keyword): Operand {
    const { token } = this;
    const { at } = token;
    const primitive = (condition: Condition): Operand => ({ kind: 'condition', condition, qualifiers: null });
    switch (keyword) {
      case 'len':
        this.position++;
        return { kind: 'arithmetic', value: { kind: 'length' }, token };
      case 'broadcast':
      case 'multicast':
        return this.cast(null);
      case 'less':
      case 'greater': {
        this.position++;
        const value = this.expectNumber('a length');
        const relation = keyword === 'less' ? '<=' : '>=';
        return primitive({ kind: 'relation', relation, left: { kind: 'length' }, right: { kind: 'number', value } });
      }
      case 'inbound':
      case 'outbound':
      case 'pppoed':
        this.position++;
        return primitive({ kind: keyword, at });
      case 'ifindex':
        this.position++;
        return primitive({ kind: 'ifindex', at, index: this.expectNumber('the index of an interface') });
      case 'vlan':
        this.position++;
        return primitive({ kind: 'vlan', at, id: this.optionalNumber() });
      default: {
        const qualifiers = this.qualifiersBehind(null);
        if (qualifiers === null) throw this.unexpected('a condition');
        return this.qualified(qualifiers);
      }
    }
  }

  /** A number, perhaps in parentheses; null when there is none. */
  private optionalNumber(): number | null {
    const start = this.position;
    while (this.takeSymbol('('));
    const opened = this.position - start;
    if (opened === 0 && this.token.kind !== 'number') return null;
    const value = this.expectNumber('a number');
    for (let i = 0; i < opened; i++) this.expectSymbol(')', 'behind the number');
    return value;
  }

  /* ---- Names, numbers and their qualifiers ---- */

  /** Direction and type, as far as they are here; null when neither is. */
  private qualifiersBehind(protocol: Protocol | null): Qualifiers | null {
    if (this.takeKeyword('proto')) return { protocol, direction: null, type: 'proto' };
    const direction = this.direction();
    const type = this.type();
    if (direction === null && type === null) return null;
    return { protocol, direction, type: type ?? 'default' };
  }

  private direction(): Direction | null {
    const first = this.takeKeyword('src') ? 'src' : this.takeKeyword('dst') ? 'dst' : null;
    if (first === null) return null;
    const other = first === 'src' ? 'dst' : 'src';
    const following = this.tokens[this.position + 1] as Token | undefined;
    if (following?.kind !== 'keyword' || following.keyword !== other) return first;
    const isBoth = this.isKeyword('and') || this.isSymbol('&&');
    if (!isBoth && !this.isKeyword('or') && !this.isSymbol('||')) return first;
    this.position += 2;
    return isBoth ? 'both' : 'either';
  }

  private type(): Type | null {
    for (const type of ['host', 'net', 'port', 'portrange'] as const) {
      if (this.takeKeyword(type)) return type;
    }
    return null;
  }

  /** What follows qualifiers: one name or number, or a list of them in parentheses. */
  private qualified(qualifiers: Qualifiers): Operand {
    return { kind: 'condition', condition: this.names(qualifiers), qualifiers };
  }

  private names(qualifiers: Qualifiers): Condition {
    let negations = 0;
    while (this.takeKeyword('not') || this.takeSymbol('!')) negations++;
    const { token } = this;
    let condition: Condition;
    if (this.isSymbol('(')) {
      const list = this.joinable(this.parenthesis(qualifiers), qualifiers);
      if (list.kind !== 'names') throw new FilterError(token.at, `there is a condition where ${wantedBy(qualifiers)} should be`);
      condition = list.condition;
    } else {
      condition = this.named(this.identifier(wantedBy(qualifiers)), qualifiers).condition;
    }
    return negations % 2 === 0 ? condition : { kind: 'not', of: condition };
  }

  private identifier(wanted = 'a name or number'): Identifier {
    const { token } = this;
    switch (token.kind) {
      case 'number':
      case 'name':
      case 'ethernet':
        this.position++;
        return { token, prefixLen: -1, mask: null };
      case 'ipv6':
        this.position++;
        return { token, prefixLen: this.prefixLen(), mask: null };
      case 'ipv4': {
        this.position++;
        if (!this.takeKeyword('mask')) return { token, prefixLen: this.prefixLen(), mask: null };
        const mask = this.token;
        if (mask.kind !== 'ipv4') throw this.unexpected('a mask such as 255.255.0.0');
        this.position++;
        return { token, prefixLen: -1, mask: mask.text };
      }
      default:
        throw this.unexpected(wanted);
    }
  }

  private prefixLen(): number {
    return this.takeSymbol('/') ? this.expectNumber('the length of a prefix') : -1;
  }

  /* ---- Arithmetic ---- */

  private arithmetic(least: number): Arithmetic {
    return this.arithmeticFrom(this.unary(), least);
  }

  /** Goes on behind `left` with operators that bind more tightly than `least`. */
  private arithmeticFrom(left: Arithmetic, least: number): Arithmetic {
    let value = left;
    for (;;) {
      const { token } = this;
      const precedence = token.kind === 'symbol' ? (PRECEDENCE[token.text] ?? 0) : 0;
      if (precedence <= least) return value;
      this.position++;
      const right = TAKES_ALL.has(token.text) ? this.deeper(token.at, () => this.arithmetic(0)) : this.arithmetic(precedence);
      value = this.above([value, right], { kind: 'binary', at: token.at, operator: token.text as Operator, left: value, right }, token.at);
    }
  }

  private unary(): Arithmetic {
    const { token } = this;
    if (token.kind === 'number') {
      this.position++;
      return { kind: 'number', value: token.value };
    }
    if (this.takeSymbol('-')) {
      const of = this.deeper(token.at, () => this.arithmetic(TIGHTEST));
      return this.above([of], { kind: 'negate', of }, token.at);
    }
    if (this.takeKeyword('len')) return { kind: 'length' };
    if (token.kind === 'protocol') return this.packetValue();
    if (this.takeSymbol('(')) {
      const inside = this.deeper(token.at, () => this.arithmetic(0));
      this.expectSymbol(')', `for the '(' at ${token.at + 1}`);
      return inside;
    }
    throw this.unexpected('a number, len or a place in the packet');
  }

  private packetValue(): Arithmetic {
    const { token } = this;
    if (token.kind !== 'protocol') throw this.unexpected('a protocol');
    this.position++;
    this.expectSymbol('[', 'behind the protocol');
    const index = this.deeper(token.at, () => this.arithmetic(0));
    let size = 1;
    if (this.takeSymbol(':')) {
      const { at } = this.token;
      size = this.expectNumber('a size of 1, 2 or 4');
      if (size !== 1 && size !== 2 && size !== 4) throw new FilterError(at, `a size is 1, 2 or 4, not ${size}`);
    }
    this.expectSymbol(']', `for the '[' of ${token.text}`);
    return this.above([index], { kind: 'packet', at: token.at, protocol: token.protocol, index, size }, token.at);
  }

  private above(operands: readonly Arithmetic[], value: Arithmetic, at: number): Arithmetic {
    const height = 1 + Math.max(...operands.map((operand) => this.heights.get(operand) ?? 0));
    if (height > MAX_HEIGHT) throw new FilterError(at, `more than ${MAX_HEIGHT} operations above each other`);
    this.heights.set(value, height);
    return value;
  }
}

function asArithmetic(operand: Operand & { kind: 'number' | 'arithmetic' }): Arithmetic {
  return operand.kind === 'number' ? { kind: 'number', value: operand.token.value } : operand.value;
}

function wantedBy({ type, protocol }: Qualifiers): string {
  switch (type) {
    case 'port':
      return 'a port';
    case 'portrange':
      return 'a range of ports';
    case 'net':
      return 'a network';
    case 'proto':
      return 'a protocol (its word behind a backslash, as in \\tcp)';
    default:
      return protocol === 'link' ? 'an Ethernet address' : 'a host';
  }
}

function unqualified(token: Token): FilterError {
  return new FilterError(token.at, `'${token.text}' alone says nothing: is it a host, a net, a port or a proto?`);
}
