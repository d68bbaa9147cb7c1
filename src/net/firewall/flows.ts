/**
 * The flows that a firewall remembers (Linux's nf_conntrack): who spoke to whom, whether the other side has answered, and
 * what its addresses were translated to. Timeouts are Linux's.
 *
 * Called by firewall.ts. A flow whose time is over is looked up in vain; it is taken away when its place is needed.
 *
 * Deviation: no window is kept, so that segments outside of it count as the flow's own (nf_conntrack_tcp_be_liberal 1).
 */
import type { IpAddress } from '../../base/inet-address.ts';
import { Cost, type KernelMemory } from '../../base/kernel-memory.ts';
import { IpProto } from '../../wire/protocols.ts';
import { TcpFlag } from '../../wire/tcp.ts';
import { Ends, keyOf, type PacketFacts } from './packet-facts.ts';

/** nf_conntrack_max of a small machine: new flows beyond are dropped. */
const MOST_FLOWS = 65536;

/** Where a connection stands, in the words of `conntrack -L`. */
const TcpFlow = { SynSent: 0, SynReceived: 1, Established: 2, FinWait: 3, CloseWait: 4, LastAck: 5, TimeWait: 6, Close: 7 } as const;
type TcpFlow = (typeof TcpFlow)[keyof typeof TcpFlow];
const TCP_WORDS = ['SYN_SENT', 'SYN_RECV', 'ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK', 'TIME_WAIT', 'CLOSE'] as const;
const S = 1e6;
/** tcp_timeouts: by TcpFlow. Five days for a connection that lives. */
const TCP_TIMEOUTS = [120 * S, 60 * S, 432_000 * S, 120 * S, 60 * S, 30 * S, 120 * S, 10 * S] as const;
/** TCP_CONNTRACK_UNACK: a connection that was found in its middle, until the other side has answered. */
const UNACKNOWLEDGED = 300 * S;
const UDP_TIMEOUT = 30 * S, UDP_STREAM_TIMEOUT = 120 * S, ICMP_TIMEOUT = 30 * S, OTHER_TIMEOUT = 600 * S;

export class Flow {
  readonly protocol: number;
  readonly from: IpAddress;
  readonly fromPort: number;
  readonly to: IpAddress;
  readonly toPort: number;
  /** What the other side takes for the sender; the same as `from` unless it is translated. */
  outside: IpAddress;
  outsidePort: number;
  isTranslated = false;
  hasReply = false;
  isConfirmed = false;
  tcp: TcpFlow = TcpFlow.SynSent;
  /** A connection that was found in its middle. */
  pickedUp = false;
  deadline = 0.5;

  constructor(facts: PacketFacts) {
    this.protocol = facts.protocol;
    this.from = this.outside = facts.source;
    this.to = facts.destination;
    this.fromPort = this.outsidePort = facts.srcPort;
    this.toPort = facts.dstPort;
  }

  get key(): string {
    return keyOf(this.protocol, this.from, this.fromPort, this.to, this.toPort);
  }

  get replyKey(): string {
    return keyOf(this.protocol, this.to, this.toPort, this.outside, this.outsidePort);
  }

  /** The original direction's ends, for patterns. */
  get ends(): Ends {
    const { from, to } = this;
    return Object.assign(new Ends(), {
      protocol: this.protocol, isV4: from.isV4, srcA: from.a, srcB: from.b, srcC: from.c, srcD: from.d, srcPort: this.fromPort,
      dstA: to.a, dstB: to.b, dstC: to.c, dstD: to.d, dstPort: this.toPort,
    });
  }

  /** In the manner of `conntrack -L`. */
  toString(): string {
    const word = this.protocol === IpProto.Tcp ? `tcp ${TCP_WORDS[this.tcp]}` : this.protocol === IpProto.Udp ? 'udp' : String(this.protocol);
    const there = `src=${this.from} dst=${this.to} sport=${this.fromPort} dport=${this.toPort}`;
    const back = `src=${this.to} dst=${this.outside} sport=${this.toPort} dport=${this.outsidePort}`;
    return `${word} ${there}${this.hasReply ? '' : ' [UNREPLIED]'} ${back}`;
  }
}

/** A full table is searched for flows whose time is over this often: as conntrack's collector runs, not for every packet. */
const SWEEP_EVERY = 1 * S;

export class FlowTable {
  /** By the keys of both directions. */
  private readonly byKey: Map<string, Flow> = new Map();
  /** Flows that found no place. */
  overflows = 0;
  private sweptAt = -Infinity;
  private readonly memory: KernelMemory;

  /** `memory`: of the host that is charged. */
  constructor(memory: KernelMemory) {
    this.memory = memory;
  }

  get size(): number {
    return this.byKey.size >> 1;
  }

  find(key: string, now: number): Flow | null {
    const flow = this.byKey.get(key);
    if (flow === undefined) return null;
    if (flow.deadline > now) return flow;
    this.remove(flow);
    return null;
  }

  isTaken(key: string, now: number): boolean {
    return this.find(key, now) !== null;
  }

  /** False when there is no room. */
  add(flow: Flow, now: number): boolean {
    if (this.isFull) this.sweep(now);
    if (this.isFull) {
      this.overflows++;
      return false;
    }
    this.memory.hold(Cost.FLOW);
    flow.isConfirmed = true;
    this.byKey.set(flow.key, flow);
    this.byKey.set(flow.replyKey, flow);
    return true;
  }

  /** Strangers make flows: they leave what is set aside for the host's own objects. */
  private get isFull(): boolean {
    return this.size >= MOST_FLOWS || this.memory.isShort;
  }

  private sweep(now: number): void {
    if (now - this.sweptAt < SWEEP_EVERY) return;
    this.sweptAt = now;
    for (const flow of [...this]) if (flow.deadline <= now) this.remove(flow);
  }

  remove(flow: Flow): void {
    if (flow.isConfirmed) this.memory.letGo(Cost.FLOW);
    flow.isConfirmed = false;
    if (this.byKey.get(flow.key) === flow) this.byKey.delete(flow.key);
    if (this.byKey.get(flow.replyKey) === flow) this.byKey.delete(flow.replyKey);
  }

  clear(): void {
    for (const flow of [...this]) this.remove(flow);
  }

  *[Symbol.iterator](): IterableIterator<Flow> {
    yield* new Set(this.byKey.values());
  }
}

/** What may begin a flow (tcp_new): a SYN, or, when connections may be picked up in their middle, an ACK. */
export function mayBegin(facts: PacketFacts, isLoose: boolean): boolean {
  if (facts.protocol !== IpProto.Tcp) return true;
  if (facts.isSyn) return true;
  return isLoose && (facts.flags & (TcpFlag.Syn | TcpFlag.Fin | TcpFlag.Rst)) === 0 && (facts.flags & TcpFlag.Ack) !== 0;
}

/** A segment that begins anew what was over (tcp_packet's "reopen"). */
export function reopens(flow: Flow, facts: PacketFacts): boolean {
  return flow.protocol === IpProto.Tcp && facts.isSyn && flow.tcp >= TcpFlow.LastAck;
}

/** A packet of the flow was seen. */
export function advance(flow: Flow, facts: PacketFacts, isReply: boolean, now: number): void {
  if (isReply) flow.hasReply = true;
  switch (flow.protocol) {
    case IpProto.Tcp: {
      flow.tcp = nextState(flow, facts, isReply);
      const unanswered = flow.pickedUp && !flow.hasReply && flow.tcp === TcpFlow.Established;
      flow.deadline = now + (unanswered ? UNACKNOWLEDGED : (TCP_TIMEOUTS[flow.tcp] as number));
      return;
    }
    case IpProto.Udp:
      flow.deadline = now + (flow.hasReply ? UDP_STREAM_TIMEOUT : UDP_TIMEOUT);
      return;
    case IpProto.Icmp:
    case IpProto.Icmp6:
      flow.deadline = now + ICMP_TIMEOUT;
      return;
    default:
      flow.deadline = now + OTHER_TIMEOUT;
  }
}

/** tcp_conntracks, without what only attackers send. */
function nextState(flow: Flow, { flags }: PacketFacts, isReply: boolean): TcpFlow {
  const { tcp } = flow;
  if ((flags & TcpFlag.Rst) !== 0) return TcpFlow.Close;
  if ((flags & TcpFlag.Syn) !== 0) {
    if ((flags & TcpFlag.Ack) === 0) return isReply ? tcp : tcp >= TcpFlow.LastAck ? TcpFlow.SynSent : tcp;
    return isReply && tcp === TcpFlow.SynSent ? TcpFlow.SynReceived : tcp;
  }
  if ((flags & TcpFlag.Fin) !== 0) {
    if (tcp === TcpFlow.FinWait || tcp === TcpFlow.CloseWait) return TcpFlow.LastAck;
    return tcp < TcpFlow.FinWait ? TcpFlow.FinWait : tcp;
  }
  switch (tcp) {
    case TcpFlow.SynSent:
      if (!flow.pickedUp) return tcp;
      return TcpFlow.Established;
    case TcpFlow.SynReceived: return isReply ? tcp : TcpFlow.Established;
    case TcpFlow.FinWait: return TcpFlow.CloseWait;
    case TcpFlow.LastAck: return TcpFlow.TimeWait;
    default: return tcp;
  }
}
