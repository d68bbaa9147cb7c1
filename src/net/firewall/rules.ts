/**
 * Rules of a firewall: what packets they are for, and what becomes of those. In the words of iptables(8) where it has one.
 *
 * Called by firewall.ts. What cannot be read throws a sentence, as wherever a program configures a machine.
 */
import { type Cidr, parseCidr } from '../../base/inet-address.ts';
import { Device } from '../../link/device.ts';
import { IpProto } from '../../wire/protocols.ts';
import type { PacketFacts } from './packet-facts.ts';

/** Where a rule stands: packets for this host, through it, and from it. */
export type Chain = 'input' | 'forward' | 'output';
export const CHAINS: readonly Chain[] = ['input', 'forward', 'output'];

/**
 * What becomes of a packet: `drop` says nothing, `reset` answers a TCP segment with a RST, the others answer with the ICMP
 * error of that name (`reject` is `port-unreachable`, as with iptables; `prohibited` is its `icmp-admin-prohibited`).
 */
export type Action =
  | 'accept' | 'drop' | 'reset' | 'reject' | 'port-unreachable' | 'host-unreachable' | 'net-unreachable' | 'protocol-unreachable'
  | 'prohibited';
const ACTIONS: Readonly<Record<Action, string>> = {
  accept: 'ACCEPT', drop: 'DROP', reset: 'REJECT --reject-with tcp-reset', reject: 'REJECT',
  'port-unreachable': 'REJECT --reject-with icmp-port-unreachable', 'host-unreachable': 'REJECT --reject-with icmp-host-unreachable',
  'net-unreachable': 'REJECT --reject-with icmp-net-unreachable', 'protocol-unreachable': 'REJECT --reject-with icmp-proto-unreachable',
  prohibited: 'REJECT --reject-with icmp-admin-prohibited',
};

/** What the firewall knows of the flow that a packet belongs to (iptables' `--ctstate`). */
export type FlowState = 'new' | 'established' | 'related' | 'invalid' | 'untracked';
const STATES: readonly FlowState[] = ['new', 'established', 'related', 'invalid', 'untracked'];

export interface FlowMatch {
  readonly protocol?: 'tcp' | 'udp' | 'icmp' | number;
  /** Where it comes from and goes to: addresses, or prefixes such as 10.0.1.0/24; any of a list. */
  readonly from?: string | readonly string[];
  readonly to?: string | readonly string[];
  /** Ports of TCP and UDP, or the lowest and the highest: where it goes to, and where it comes from. */
  readonly port?: number | readonly [number, number];
  readonly sourcePort?: number | readonly [number, number];
}

export interface FirewallRule extends FlowMatch {
  /** The device on which it came, and on which it is about to leave. */
  readonly in?: Device;
  readonly out?: Device;
  readonly state?: FlowState | readonly FlowState[];
  /** Only segments that ask for a connection (true), or only others. */
  readonly syn?: boolean;
  readonly action: Action;
}

const FLOW_WORDS = ['protocol', 'from', 'to', 'port', 'sourcePort'] as const satisfies readonly (keyof FlowMatch)[];
const RULE_WORDS = [...FLOW_WORDS, 'in', 'out', 'state', 'syn', 'action'] as const satisfies readonly (keyof FirewallRule)[];
const PROTOCOLS: Readonly<Record<string, number>> = { tcp: IpProto.Tcp, udp: IpProto.Udp, icmp: IpProto.Icmp };

function onlyKnown(what: string, given: object, known: readonly string[]): void {
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) throw new TypeError(`${what}: unknown word ${name}; there are ${known.join(', ')}`);
  }
}

function prefixes(word: string, given: string | readonly string[] | undefined): Cidr[] | null {
  if (given === undefined) return null;
  return (typeof given === 'string' ? [given] : given).map((text) => {
    const parsed = typeof text === 'string' ? parseCidr(text) : null;
    if (parsed === null) throw new TypeError(`firewall: ${word} takes an address or a prefix such as 10.0.1.0/24, not '${String(text)}'`);
    return parsed;
  });
}

function ports(word: string, given: number | readonly [number, number] | undefined): readonly [number, number] | null {
  if (given === undefined) return null;
  const [low, high] = typeof given === 'number' ? [given, given] : given;
  const isPort = (n: unknown): boolean => Number.isInteger(n) && (n as number) >= 0 && (n as number) <= 65535;
  if (!isPort(low) || !isPort(high) || low > high) throw new TypeError(`firewall: ${word} takes a port, or the lowest and the highest, not ${String(given)}`);
  return [low, high];
}

/** What a rule, or `forget`, says of a flow. */
export class FlowPattern {
  private readonly protocol: number | null;
  private readonly from: Cidr[] | null;
  private readonly to: Cidr[] | null;
  private readonly port: readonly [number, number] | null;
  private readonly sourcePort: readonly [number, number] | null;
  readonly words: string;

  constructor(match: FlowMatch) {
    const { protocol } = match;
    const number = typeof protocol === 'string' ? PROTOCOLS[protocol] : protocol;
    if (protocol !== undefined && (number === undefined || !(Number.isInteger(number) && number >= 0 && number <= 255))) {
      throw new TypeError(`firewall: protocol is tcp, udp, icmp or a number from 0 to 255, not '${String(protocol)}'`);
    }
    this.protocol = number ?? null;
    this.from = prefixes('from', match.from);
    this.to = prefixes('to', match.to);
    this.port = ports('port', match.port);
    this.sourcePort = ports('sourcePort', match.sourcePort);
    if ((this.port !== null || this.sourcePort !== null) && number !== IpProto.Tcp && number !== IpProto.Udp) {
      throw new TypeError('firewall: ports are for the protocols tcp and udp');
    }
    const words: string[] = [];
    if (protocol !== undefined) words.push(`-p ${protocol}`);
    if (this.from !== null) words.push(`-s ${this.from.join(',')}`);
    if (this.to !== null) words.push(`-d ${this.to.join(',')}`);
    if (this.sourcePort !== null) words.push(`--sport ${rangeWords(this.sourcePort)}`);
    if (this.port !== null) words.push(`--dport ${rangeWords(this.port)}`);
    this.words = words.join(' ');
  }

  static forFlows(match: FlowMatch): FlowPattern {
    onlyKnown('firewall.forget', match, FLOW_WORDS);
    return new FlowPattern(match);
  }

  matches(facts: PacketEnds): boolean {
    const { protocol, from, to, port, sourcePort } = this;
    if (protocol !== null && protocol !== facts.protocol && !(protocol === IpProto.Icmp && facts.protocol === IpProto.Icmp6)) return false;
    if (from !== null && !isIn(from, facts.srcA, facts.srcB, facts.srcC, facts.srcD)) return false;
    if (to !== null && !isIn(to, facts.dstA, facts.dstB, facts.dstC, facts.dstD)) return false;
    if (sourcePort !== null && (facts.srcPort < sourcePort[0] || facts.srcPort > sourcePort[1])) return false;
    return port === null || (facts.dstPort >= port[0] && facts.dstPort <= port[1]);
  }
}

type PacketEnds = Pick<PacketFacts,
  'protocol' | 'srcA' | 'srcB' | 'srcC' | 'srcD' | 'srcPort' | 'dstA' | 'dstB' | 'dstC' | 'dstD' | 'dstPort'>;

function rangeWords([low, high]: readonly [number, number]): string {
  return low === high ? String(low) : `${low}:${high}`;
}

function isIn(list: readonly Cidr[], a: number, b: number, c: number, d: number): boolean {
  return list.some(({ address, prefixLength }) => wordsMatch(address, prefixLength, a, b, c, d));
}

function wordsMatch(address: Cidr['address'], prefixLength: number, a: number, b: number, c: number, d: number): boolean {
  let bits = address.isV4 ? prefixLength + 96 : prefixLength;
  const mine = [address.a, address.b, address.c, address.d];
  const theirs = [a, b, c, d];
  for (let i = 0; i < 4 && bits > 0; i++, bits -= 32) {
    const mask = bits >= 32 ? -1 : ~(-1 >>> bits);
    if ((((mine[i] as number) ^ (theirs[i] as number)) & mask) !== 0) return false;
  }
  return true;
}

/** One rule in its chain, and how many packets it was for. */
export class FirewallEntry {
  readonly chain: Chain;
  readonly action: Action;
  packets = 0;
  readonly usesState: boolean;
  private readonly pattern: FlowPattern;
  private readonly inDevice: Device | null;
  private readonly outDevice: Device | null;
  private readonly states: readonly FlowState[] | null;
  private readonly syn: boolean | null;
  private readonly gone: (entry: FirewallEntry) => void;

  constructor(chain: Chain, rule: FirewallRule, gone: (entry: FirewallEntry) => void) {
    if (!CHAINS.includes(chain)) throw new TypeError(`firewall: the chains are ${CHAINS.join(', ')}, not '${String(chain)}'`);
    onlyKnown('firewall', rule, RULE_WORDS);
    if (!Object.hasOwn(ACTIONS, rule.action)) {
      throw new TypeError(`firewall: action is one of ${Object.keys(ACTIONS).join(', ')}, not '${String(rule.action)}'`);
    }
    for (const word of ['in', 'out'] as const) {
      if (rule[word] !== undefined && !(rule[word] instanceof Device)) throw new TypeError(`firewall: ${word} takes a device (cable.a), not '${String(rule[word])}'`);
    }
    if (rule.in !== undefined && chain === 'output') throw new TypeError('firewall: what this host sends came in by no device');
    if (rule.out !== undefined && chain === 'input') throw new TypeError('firewall: what is for this host leaves by no device');
    if (rule.action === 'reset' && rule.protocol !== 'tcp' && rule.protocol !== IpProto.Tcp) throw new TypeError('firewall: reset is for the protocol tcp');
    if (rule.syn !== undefined && rule.protocol !== 'tcp' && rule.protocol !== IpProto.Tcp) throw new TypeError('firewall: syn is for the protocol tcp');
    this.chain = chain;
    this.action = rule.action;
    this.pattern = new FlowPattern(rule);
    this.inDevice = rule.in ?? null;
    this.outDevice = rule.out ?? null;
    this.states = rule.state === undefined ? null : typeof rule.state === 'string' ? [rule.state] : rule.state;
    for (const state of this.states ?? []) {
      if (!STATES.includes(state)) throw new TypeError(`firewall: a state is one of ${STATES.join(', ')}, not '${String(state)}'`);
    }
    this.syn = rule.syn ?? null;
    this.usesState = this.states !== null;
    this.gone = gone;
  }

  /** Takes the rule away again. */
  remove(): void {
    this.gone(this);
  }

  matches(facts: PacketFacts, from: Device | null, to: Device | null, state: FlowState): boolean {
    if (this.inDevice !== null && this.inDevice !== from) return false;
    if (this.outDevice !== null && this.outDevice !== to) return false;
    if (this.states !== null && !this.states.includes(state)) return false;
    if (this.syn !== null && this.syn !== facts.isSyn) return false;
    return this.pattern.matches(facts);
  }

  /** As `iptables -S` has it. */
  toString(): string {
    const words = [`-A ${this.chain.toUpperCase()}`];
    if (this.pattern.words !== '') words.push(this.pattern.words);
    if (this.inDevice !== null) words.push(`-i ${this.inDevice.name}`);
    if (this.outDevice !== null) words.push(`-o ${this.outDevice.name}`);
    if (this.syn !== null) words.push(this.syn ? '--syn' : '! --syn');
    if (this.states !== null) words.push(`--ctstate ${this.states.join(',').toUpperCase()}`);
    words.push(`-j ${ACTIONS[this.action]}`);
    return words.join(' ');
  }
}
