/**
 * From the syntax tree to a decision, for one link type.
 *
 * Called by compile.ts. Goes through the tree in the order of the text: a `vlan` moves the offsets of all that is written
 * behind it, whatever stands between them.
 */
import { isEthernetDestination } from './address-tests.ts';
import { evaluate } from './arithmetic.ts';
import type { Context } from './context.ts';
import { FilterError } from './filter-error.ts';
import { matches } from './identifier.ts';
import { isIpv4, isIpv6, isProtocol } from './protocol-tests.ts';
import type { Condition, Relation } from './syntax-tree.ts';
import { and, type Comparison, compare, not, or, type Decision, staged } from './decision.ts';
import type { Protocol } from './vocabulary.ts';

const BROADCAST = new Uint8Array(6).fill(0xff);
const IPV4_DESTINATION_AT = 16;
const IPV4_FIRST_GROUP = 224;
const IPV6_DESTINATION_AT = 24;
const LARGEST_VLAN = 0xfff;

/** The six relations by the three comparisons there are. */
const RELATIONS: Readonly<Record<Relation, readonly [comparison: Comparison, isNegated: boolean]>> = {
  '=': ['equal', false],
  '!=': ['equal', true],
  '>': ['greater', false],
  '<=': ['greater', true],
  '>=': ['greater-equal', false],
  '<': ['greater-equal', true],
};

type Chained = Extract<Condition, { kind: 'and' | 'or' }>;

/** Loops along left operands, as chains of `or` may be long. */
export function generate(context: Context, condition: Condition): Decision {
  const chain: Chained[] = [];
  let first = condition;
  while (first.kind === 'and' || first.kind === 'or') {
    chain.push(first);
    first = first.left;
  }
  let tree = primitive(context, first as Exclude<Condition, Chained>);
  for (const { kind, right } of chain.reverse()) {
    const second = generate(context, right);
    tree = kind === 'and' ? and(tree, second) : or(tree, second);
  }
  return tree;
}

function primitive(context: Context, condition: Exclude<Condition, Chained>): Decision {
  const { link } = context;
  if (condition.kind === 'not') return not(generate(context, condition.of));
  if (condition.kind === 'vlan') {
    const { at, id } = condition;
    if (!link.isEthernet) throw new FilterError(at, `there are no VLAN tags in captures of ${link.name}`);
    if (id !== null && id > LARGEST_VLAN) throw new FilterError(at, `there is no VLAN ${id}: they end at ${LARGEST_VLAN}`);
    return link.enterVlan(id);
  }
  if (!link.isStaged) return leaf(context, condition);
  const plain = leaf(context, condition);
  return staged(plain, link.behindTag(() => leaf(context, condition)));
}

function leaf(context: Context, condition: Exclude<Condition, Chained | { kind: 'not' | 'vlan' }>): Decision {
  const { link } = context;
  switch (condition.kind) {
    case 'relation': {
      const left = evaluate(context, condition.left);
      const right = evaluate(context, condition.right);
      const [comparison, isNegated] = RELATIONS[condition.relation];
      const test = compare(context.values, left.value, comparison, right.value);
      return and(left.guard, right.guard, isNegated ? not(test) : test);
    }
    case 'match':
      return matches(context, condition.identifier, condition.qualifiers);
    case 'protocol':
      return isProtocol(context, condition.protocol, condition.at);
    case 'broadcast':
      return isBroadcast(context, condition.protocol, condition.at);
    case 'multicast':
      return isMulticast(context, condition.protocol, condition.at);
    case 'inbound':
    case 'outbound': {
      const isOutgoing = known(link.isOutgoing(), context, condition.at, 'which way a packet went');
      return condition.kind === 'outbound' ? isOutgoing : not(isOutgoing);
    }
    case 'ifindex':
      return known(link.isInterface(condition.index), context, condition.at, 'which interface a packet was captured at');
    case 'pppoed':
      return link.isPppoeDiscovery();
  }
}

function known(test: Decision | null, { link }: Context, at: number, what: string): Decision {
  if (test === null) throw new FilterError(at, `captures of ${link.name} do not say ${what}`);
  return test;
}

function isBroadcast(context: Context, protocol: Protocol | null, at: number): Decision {
  if (protocol === 'ip') {
    const hostBits = ~context.netmask >>> 0;
    const destination = context.network(4, IPV4_DESTINATION_AT);
    return and(isIpv4(context), or(context.equalsUnder(destination, hostBits, 0), context.equalsUnder(destination, hostBits, hostBits)));
  }
  if (protocol !== null && protocol !== 'link') throw new FilterError(at, `'${protocol}' has no broadcasts: ether and ip have`);
  if (!context.link.isEthernet) throw new FilterError(at, `there are no broadcast addresses in captures of ${context.link.name}`);
  return isEthernetDestination(context, BROADCAST);
}

function isMulticast(context: Context, protocol: Protocol | null, at: number): Decision {
  const { values } = context;
  switch (protocol) {
    case 'ip':
      return and(
        isIpv4(context),
        compare(values, context.network(1, IPV4_DESTINATION_AT), 'greater-equal', values.constant(IPV4_FIRST_GROUP)),
      );
    case 'ip6':
      return and(isIpv6(context), context.equals(context.network(1, IPV6_DESTINATION_AT), 0xff));
    case null:
    case 'link':
      if (!context.link.isEthernet) throw new FilterError(at, `there are no multicast addresses in captures of ${context.link.name}`);
      // The first bit on the wire is the lowest one of the first byte.
      return compare(values, values.load(1, 0), 'any-bit', values.constant(1));
    default:
      throw new FilterError(at, `'${protocol}' has no multicasts: ether, ip and ip6 have`);
  }
}
