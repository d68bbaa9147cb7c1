/**
 * Filter expressions as trees: what parser.ts makes and generate.ts reads. `at` is the offset in the text, for errors.
 */
import type { Token } from './lexer.ts';
import type { Protocol } from './vocabulary.ts';

export type Direction = 'src' | 'dst' | 'either' | 'both';
/** What a name or number is the name or number of; `default` is a host as far as it can be one. */
export type Type = 'default' | 'host' | 'net' | 'port' | 'portrange' | 'proto';

/** What stands before a name or number, or is taken over from the one before. */
export interface Qualifiers {
  readonly protocol: Protocol | null;
  /** Null when none was written: then it is `either`. */
  readonly direction: Direction | null;
  readonly type: Type;
}

/** A name, number or address, with the mask that may follow an address. */
export interface Identifier {
  readonly token: Extract<Token, { kind: 'number' | 'name' | 'ipv4' | 'ipv6' | 'ethernet' }>;
  /** From `/24`; -1 without. */
  readonly prefixLen: number;
  /** From `mask 255.255.0.0`; null without. */
  readonly mask: string | null;
}

export type Relation = '=' | '!=' | '<' | '<=' | '>' | '>=';
export type Operator = '+' | '-' | '*' | '/' | '%' | '&' | '|' | '^' | '<<' | '>>';

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'relation'; readonly relation: Relation; readonly left: Arithmetic; readonly right: Arithmetic }
  /** `host 10.0.0.1`, `tcp src port 80`, `ip proto 17`. */
  | { readonly kind: 'match'; readonly at: number; readonly qualifiers: Qualifiers; readonly identifier: Identifier }
  /** A protocol's word alone. */
  | { readonly kind: 'protocol'; readonly at: number; readonly protocol: Protocol }
  | { readonly kind: 'broadcast' | 'multicast'; readonly at: number; readonly protocol: Protocol | null }
  | { readonly kind: 'inbound' | 'outbound' | 'pppoed'; readonly at: number }
  | { readonly kind: 'ifindex'; readonly at: number; readonly index: number }
  /** `vlan` has changed what stands behind it: the order of the tree's leaves matters. */
  | { readonly kind: 'vlan'; readonly at: number; readonly id: number | null };

export type Arithmetic =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'length' }
  | { readonly kind: 'negate'; readonly of: Arithmetic }
  | { readonly kind: 'binary'; readonly at: number; readonly operator: Operator; readonly left: Arithmetic; readonly right: Arithmetic }
  /** `tcp[13]`, `ip[2:2]`. */
  | { readonly kind: 'packet'; readonly at: number; readonly protocol: Protocol; readonly index: Arithmetic; readonly size: number };
