/**
 * A machine's firewall: rules in three chains, the flows that it remembers, and masquerading. It stands where Linux has
 * netfilter (packet-hooks.ts), and only as long as it has something to do.
 *
 *   router.firewall.append('forward', { protocol: 'tcp', port: 5432, action: 'drop' });
 *   router.firewall.masquerade({ out: outer.a });
 *   router.firewall.forget({ protocol: 'tcp' });
 *
 * Made by Host. It outlives the machine's kernel: after a restart the rules are there again, and the flows are not.
 */
import { Errno } from '../../base/errno.ts';
import type { IpAddress } from '../../base/inet-address.ts';
import { Device } from '../../link/device.ts';
import { completeChecksum } from '../../link/segment.ts';
import { ChecksumState, FrameFor, type Packet } from '../../link/packet.ts';
import { IPV4_HEADER_LEN, IpProto, writeIpv4Header } from '../../wire/ipv4.ts';
import { IPV6_HEADER_LEN, writeIpv6Header } from '../../wire/ipv6.ts';
import type { Destination } from '../destination.ts';
import type { Network } from '../network.ts';
import type { PacketHooks } from '../packet-hooks.ts';
import { advance, Flow, FlowTable, mayBegin, reopens } from './flows.ts';
import { keyOf, PacketFacts } from './packet-facts.ts';
import { answer } from './reject.ts';
import { type Action, type Chain, CHAINS, FirewallEntry, type FirewallRule, type FlowMatch, FlowPattern, type FlowState } from './rules.ts';
import { translateBack, translateError, translateFlow, translateQuoted, translateSource } from './translate.ts';

export interface Masquerade {
  /** What leaves by this device gets the device's first IPv4 address for its source. */
  readonly out: Device;
  /** Only what comes from here. */
  readonly from?: string | readonly string[];
}

class MasqueradeRule {
  readonly out: Device;
  readonly pattern: FlowPattern;

  constructor({ out, from }: Masquerade) {
    this.out = out;
    this.pattern = new FlowPattern(from === undefined ? {} : { from });
  }
}

/** What became of packets that no rule was for. */
export class FirewallStatistics {
  /** Dropped by a rule or a policy, whatever was said about it. */
  dropped = 0;
  /** They should have been translated and could not be: fragments, protocols without ports, no port left. */
  untranslatable = 0;
  /** New flows that found the table full. */
  overflows = 0;
}

export class Firewall implements PacketHooks {
  /**
   * net.netfilter.nf_conntrack_tcp_loose: a connection that nobody remembers is taken up where it stands, as a `new` one. False:
   * its segments are `invalid`.
   */
  loose = true;
  readonly statistics: FirewallStatistics = new FirewallStatistics();
  /** Hears in words of what is changed. */
  onChange: ((what: string) => void) | null = null;
  private network: Network;
  private readonly chains: Record<Chain, FirewallEntry[]> = { input: [], forward: [], output: [] };
  private readonly policies: Record<Chain, 'accept' | 'drop'> = { input: 'accept', forward: 'accept', output: 'accept' };
  private readonly masquerades: MasqueradeRule[] = [];
  private table: FlowTable;
  private readonly facts: PacketFacts = new PacketFacts();
  // The packet at hand, and what is known of it: from `arrived` to `input` or `forward`.
  private current: Packet | null = null;
  private flow: Flow | null = null;
  private state: FlowState = 'untracked';
  private isReply = false;
  /** The flow of a packet that is being refused: what is said about it is related to that (nf_ct_attach). */
  private refused: Flow | null = null;
  /** Packets on their way over loopback that are related to what was refused: they arrive as what they left as (nf_conntrack_in). */
  private readonly attached: WeakSet<Packet> = new WeakSet();

  constructor(network: Network) {
    this.network = network;
    this.table = new FlowTable(network.context.memory);
  }

  /** The machine has a new kernel: nothing of the flows is known any more. */
  plugIn(network: Network): void {
    this.network = network;
    this.table.clear();
    this.table = new FlowTable(network.context.memory);
    this.current = null;
    this.flow = null;
    this.update();
  }

  // Configuration.

  /** `iptables -A CHAIN ...`: behind the chain's other rules. The first rule that a packet matches decides. */
  append(chain: Chain, rule: FirewallRule): FirewallEntry {
    const entry = this.make(chain, rule);
    this.chains[chain].push(entry);
    return this.added(entry);
  }

  /** `iptables -I CHAIN ...`: in front of them. */
  insert(chain: Chain, rule: FirewallRule): FirewallEntry {
    const entry = this.make(chain, rule);
    this.chains[chain].unshift(entry);
    return this.added(entry);
  }

  /** `iptables -P CHAIN ...`: what becomes of packets that match no rule. */
  policy(chain: Chain, action: 'accept' | 'drop'): void {
    if (!CHAINS.includes(chain)) throw new TypeError(`firewall: the chains are ${CHAINS.join(', ')}, not '${String(chain)}'`);
    if (action !== 'accept' && action !== 'drop') throw new TypeError(`firewall: a policy is accept or drop, not '${String(action)}'`);
    this.policies[chain] = action;
    this.update();
    this.tell(`-P ${chain.toUpperCase()} ${action.toUpperCase()}`);
  }

  /** `iptables -t nat -A POSTROUTING -o DEVICE -j MASQUERADE`. */
  masquerade(options: Masquerade): void {
    if (!(options.out instanceof Device)) throw new TypeError(`firewall.masquerade: out takes a device (cable.a), not '${String(options.out)}'`);
    this.masquerades.push(new MasqueradeRule(options));
    this.update();
    this.tell(`-t nat -A POSTROUTING -o ${options.out.name} -j MASQUERADE`);
  }

  /** All rules, policies and masquerading are gone, and the flows with them. */
  flush(): void {
    for (const chain of CHAINS) {
      this.chains[chain].length = 0;
      this.policies[chain] = 'accept';
    }
    this.masquerades.length = 0;
    this.table.clear();
    this.update();
    this.tell('--flush');
  }

  /** `conntrack -D`: flows whose first packet was as described are not remembered any more. Returns how many. */
  forget(match: FlowMatch = {}): number {
    const pattern = FlowPattern.forFlows(match);
    let count = 0;
    for (const flow of [...this.table]) {
      if (!pattern.matches(flow.ends)) continue;
      this.table.remove(flow);
      count++;
    }
    this.tell(`forgets ${count} ${count === 1 ? 'flow' : 'flows'}${pattern.words === '' ? '' : ` ${pattern.words}`}`);
    return count;
  }

  /** The rules as `iptables -S` lists them. */
  rules(): string[] {
    return CHAINS.flatMap((chain) => [`-P ${chain.toUpperCase()} ${this.policies[chain].toUpperCase()}`, ...this.chains[chain].map(String)]);
  }

  /** The flows that are remembered, in the manner of `conntrack -L`. */
  flows(): string[] {
    const { now } = this;
    return [...this.table].filter(({ deadline }) => deadline > now).map(String);
  }

  private make(chain: Chain, rule: FirewallRule): FirewallEntry {
    return new FirewallEntry(chain, rule, (entry) => this.remove(entry));
  }

  private added(entry: FirewallEntry): FirewallEntry {
    this.update();
    this.tell(String(entry));
    return entry;
  }

  private remove(entry: FirewallEntry): void {
    const chain = this.chains[entry.chain];
    const at = chain.indexOf(entry);
    if (at < 0) return;
    chain.splice(at, 1);
    this.update();
    this.tell(String(entry).replace('-A', '-D'));
  }

  private tell(what: string): void {
    if (this.onChange !== null) this.onChange(what);
  }

  /** Stands in the way of packets as long as there is a reason. */
  private update(): void {
    const isNeeded = this.masquerades.length > 0 || CHAINS.some((chain) => this.chains[chain].length > 0 || this.policies[chain] === 'drop');
    this.network.hooks = isNeeded ? this : null;
    if (!isNeeded) this.table.clear();
  }

  private get now(): number {
    return this.network.context.loop.now;
  }

  // Packets.

  arrived(p: Packet): boolean {
    const { facts } = this;
    facts.readReceived(p);
    this.track(p);
    if (p.device?.isLoopback === true && this.attached.delete(p)) {
      this.flow = null;
      this.state = 'related';
    }
    const { flow } = this;
    if (flow === null || !flow.isTranslated) return true;
    // The answer to a flow that went out translated; what is about one is an error.
    if (this.state === 'related') {
      if (!this.isReply) translateError(p, facts, flow, false);
    } else if (this.isReply) {
      translateBack(p, facts, flow);
    }
    return true;
  }

  input(p: Packet): boolean {
    if (this.current !== p) {
      // Put together from fragments.
      this.facts.readTransport(p, p.protocol);
      this.track(p);
    }
    if (!this.passes('input', p, p.device, null)) return false;
    return this.confirm(p);
  }

  forward(p: Packet, { device }: Destination): boolean {
    if (this.current !== p) {
      this.facts.readReceived(p);
      this.track(p);
    }
    if (!this.passes('forward', p, p.device, device)) return false;
    const { facts, flow } = this;
    if (p.isV4 && this.masquerades.length > 0 && !this.isMasqueraded(p, device)) {
      this.statistics.untranslatable++;
      return this.drop(p);
    }
    if (flow !== null && flow.isTranslated) {
      if (this.state === 'related') {
        if (this.isReply) translateError(p, facts, flow, true);
      } else if (!this.isReply) {
        translateSource(p, facts, flow);
      }
    }
    return this.confirm(p);
  }

  output(p: Packet, way: Destination, from: IpAddress, to: IpAddress, protocol: number): number {
    p.isV4 = way.isV4;
    p.srcA = from.a;
    p.srcB = from.b;
    p.srcC = from.c;
    p.srcD = from.d;
    p.dstA = to.a;
    p.dstB = to.b;
    p.dstC = to.c;
    p.dstD = to.d;
    p.l4 = p.head;
    const atHand = this.flow;
    this.facts.readTransport(p, protocol);
    this.track(p);
    const isAttached = this.refused !== null || this.isAbout(atHand);
    if (isAttached) {
      this.flow = null;
      this.state = 'related';
    }
    const entry = this.decide('output', null, way.device);
    const action = entry === null ? this.policies.output : entry.action;
    if (action !== 'accept') {
      if (entry !== null && action !== 'drop') this.answerOwn(p, way, from, to, protocol, entry.action);
      this.drop(p);
      return -Errno.EPERM;
    }
    const { flow, facts } = this;
    if (!this.confirm(p)) return -Errno.EPERM;
    if (isAttached && way.device.isLoopback) this.attached.add(p);
    else this.attached.delete(p);
    if (facts.quotedAt < 0 || flow === null || !flow.isTranslated || !to.equals(flow.outside)) return 0;
    return this.tellInside(p, flow);
  }

  /**
   * This host's own error about what it has translated already (a neighbour that does not answer): it is for who began the
   * flow, and not for this host. 1: it went another way.
   */
  private tellInside(p: Packet, flow: Flow): number {
    const { network } = this;
    const back = network.lookup(flow.from, null, null);
    if (back === null) return 0;
    translateQuoted(p, this.facts, flow, false);
    network.output(p, back, back.source, flow.from, IpProto.Icmp, -1, 0, false);
    return 1;
  }

  /** An own packet that is refused: its header is written, for the error quotes it, and comes back to this host. */
  private answerOwn(p: Packet, way: Destination, from: IpAddress, to: IpAddress, protocol: number, action: Action): void {
    const l4Len = p.length;
    if (p.gsoSize === 0 && p.checksumState === ChecksumState.Partial) completeChecksum(p);
    if (way.isV4) {
      p.l3 = p.push(IPV4_HEADER_LEN);
      writeIpv4Header(p.view, p.l3, IPV4_HEADER_LEN + l4Len, 0, 0, 0, 64, protocol, from.d, to.d);
    } else {
      p.l3 = p.push(IPV6_HEADER_LEN);
      writeIpv6Header(p.view, p.l3, l4Len, 0, 0, protocol, 64, from.a, from.b, from.c, from.d, to.a, to.b, to.c, to.d);
    }
    p.frameFor = FrameFor.Host;
    p.device = way.device;
    this.refuse(p, action);
  }

  /** Which rule is for the packet at hand; null for the policy. */
  private decide(chain: Chain, from: Device | null, to: Device | null): FirewallEntry | null {
    for (const entry of this.chains[chain]) {
      if (!entry.matches(this.facts, from, to, this.state)) continue;
      entry.packets++;
      return entry;
    }
    return null;
  }

  private passes(chain: Chain, p: Packet, from: Device | null, to: Device | null): boolean {
    const entry = this.decide(chain, from, to);
    const action = entry === null ? this.policies[chain] : entry.action;
    if (action === 'accept') return true;
    if (action !== 'drop') this.refuse(p, action);
    return this.drop(p);
  }

  /** Borrows `p`. What is sent passes `output`: it is read for itself there. */
  private refuse(p: Packet, action: Action): void {
    if (this.refused !== null) return;
    this.refused = this.flow;
    answer(this.network, p, this.facts, action);
    this.refused = null;
  }

  /** Is this an error about the first packet of a flow that is not remembered yet? */
  private isAbout(flow: Flow | null): boolean {
    const { facts: { quoted, quotedAt } } = this;
    if (flow === null || flow.isConfirmed || quotedAt < 0) return false;
    return keyOf(quoted.protocol, quoted.source, quoted.srcPort, quoted.destination, quoted.dstPort) === flow.key;
  }

  private drop(p: Packet): false {
    this.statistics.dropped++;
    this.current = null;
    this.flow = null;
    p.release();
    return false;
  }

  /** Looks up the flow of the packet at hand, and what it is to it (nf_conntrack_in). */
  private track(p: Packet): void {
    const { facts, table, now } = this;
    this.current = p;
    this.flow = null;
    this.isReply = false;
    this.state = 'untracked';
    if (facts.isFragment) return;
    if (!facts.isWhole) {
      this.state = 'invalid';
      return;
    }
    if (facts.quotedAt >= 0) return this.trackError();
    // Neighbour discovery and group reports are nobody's flow.
    if (facts.isIcmp && !facts.isEcho && !facts.isEchoReply) return;
    const { key } = facts;
    let flow = table.find(key, now);
    if (flow !== null && reopens(flow, facts) && flow.key === key) {
      table.remove(flow);
      flow = null;
    }
    if (flow !== null) {
      this.flow = flow;
      this.isReply = flow.key !== key;
      advance(flow, facts, this.isReply, now);
      this.state = this.isReply || flow.hasReply ? 'established' : 'new';
      return;
    }
    if (facts.isEchoReply || !mayBegin(facts, this.loose)) {
      this.state = 'invalid';
      return;
    }
    flow = new Flow(facts);
    flow.pickedUp = facts.protocol === IpProto.Tcp && !facts.isSyn;
    advance(flow, facts, false, now);
    this.flow = flow;
    this.state = 'new';
  }

  /** An error is related to the flow of the packet that it quotes. */
  private trackError(): void {
    const { quoted } = this.facts;
    const key = keyOf(quoted.protocol, quoted.destination, quoted.dstPort, quoted.source, quoted.srcPort);
    const flow = this.table.find(key, this.now);
    this.state = flow === null ? 'invalid' : 'related';
    this.flow = flow;
    // About an answer: it goes the way of the flow's own packets.
    this.isReply = flow !== null && flow.replyKey !== key;
  }

  /** The packet passes: a flow that it began is remembered (nf_conntrack_confirm). */
  private confirm(p: Packet): boolean {
    const { flow, state } = this;
    this.current = null;
    this.flow = null;
    if (flow === null || flow.isConfirmed || state !== 'new') return true;
    if (this.table.add(flow, this.now)) return true;
    this.statistics.overflows++;
    return this.drop(p);
  }

  /** Is everything well with masquerading? False when the packet should be translated and cannot be. */
  private isMasqueraded(p: Packet, device: Device): boolean {
    const { facts, flow } = this;
    if (flow !== null && (flow.isConfirmed || this.state === 'related')) return true;
    const rule = this.masquerades.find(({ out, pattern }) => out === device && pattern.matches(facts));
    if (rule === undefined) return true;
    const hasPorts = facts.protocol === IpProto.Tcp || facts.protocol === IpProto.Udp || facts.protocol === IpProto.Icmp;
    // What belongs to no flow leaves as it is, as on Linux: rules drop it.
    if (flow === null) return !facts.isFragment && this.state === 'invalid';
    if (!hasPorts) return false;
    const outside = this.network.interfaceOf(device)?.addresses.find(({ address }) => address.isV4)?.address;
    if (outside === undefined) return false;
    return p.isV4 && translateFlow(flow, outside, this.table, this.network.context.random, this.now);
  }
}
