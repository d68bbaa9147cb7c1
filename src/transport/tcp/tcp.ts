/**
 * TCP for one host: its tables, its clock, and the way of every segment to whom it is for.
 *
 * Called by stack/ (`input`, `icmpError`) and socket/ (`create`).
 *
 *   input -> ConnectionTable -> segmentArrives | requestInput | timeWaitInput
 *        `-> ListenerTable  -> listenInput
 */
import { Mib } from '../../base/counters.ts';
import { ANY4, ANY6, IpAddress, isLinkLocal } from '../../base/inet-address.ts';
import type { HostContext } from '../../base/host-context.ts';
import { below } from '../../base/random.ts';
import { seqGt, seqLt } from '../../base/seq.ts';
import { transportChecksumOk } from '../../link/packet-checksum.ts';
import { FrameFor, type Packet } from '../../link/packet.ts';
import type { Network } from '../../net/network.ts';
import type { IcmpErrorReport } from '../../net/transport-input.ts';
import { TCP_HEADER_LEN, TcpFlag, TcpHeader } from '../../wire/tcp.ts';
import { EndpointOptions } from '../endpoint.ts';
import { KeyedHash } from '../keyed-hash.ts';
import { PortTable } from '../ports.ts';
import { ChallengeBudget } from './challenge.ts';
import { endWithError, vanish } from './close.ts';
import { ConnectionTable, type DemuxNode, ListenerTable, NodeKind } from './demux.ts';
import { chooseCongestion } from './congestion/congestion.ts';
import { TcpEndpoint } from './endpoint.ts';
import { segmentArrives } from './input.ts';
import { listenInput } from './listener.ts';
import { chargeEndpoint, countQueues } from './memory.ts';
import { dropRequest, Request, requestInput } from './request.ts';
import { markTooLong, syncMss } from './mss.ts';
import { requestError, saysNoWay } from './request-error.ts';
import { bare, sendBare } from './segment-out.ts';
import { TcpState } from './state.ts';
import { Bit } from './tcb.ts';
import { removeTimeWait, sendLastAck, TimeWaitQueue, type TimeWaitRecord, timeWaitInput } from './time-wait.ts';
import { revertBackoff } from './recovery/timeout.ts';
import { xmitRetransmitQueue } from './recovery/retransmit.ts';

export { TcpEndpoint } from './endpoint.ts';
export { stateName, TcpState } from './state.ts';

/** Hears of every change of state: traces, the page. */
export interface TcpTrace {
  stateChanged(t: TcpEndpoint, from: TcpState, to: TcpState): void;
}

export class Tcp {
  readonly context: HostContext;
  readonly network: Network;
  readonly counters: Float64Array;
  readonly connections: ConnectionTable;
  readonly listeners: ListenerTable;
  readonly ports: PortTable;
  readonly isnHash: KeyedHash;
  readonly timestampHash: KeyedHash;
  trace: TcpTrace | null = null;
  readonly timeWaits: TimeWaitQueue = new TimeWaitQueue(this);
  /** Connections that no socket refers to any more, those in TIME_WAIT not counted. */
  orphans = 0;
  /** The time as int32: microseconds and milliseconds, both wrap. */
  nowUs = 0;
  nowMs = 0;
  /** The loop's time that the two stand for. A double from birth. */
  private clockAt = -0.5;
  private readonly segment = new TcpHeader();
  private readonly budget = new ChallengeBudget();
  /** Fresh endpoints share these; nobody writes into them. */
  private readonly defaults4: EndpointOptions = new EndpointOptions(true);
  private defaults6: EndpointOptions = new EndpointOptions(false);
  /** Has any socket of the host ever asked for a least TTL? Others need not look. */
  limitsTtl = false;

  constructor(context: HostContext, network: Network) {
    this.context = context;
    this.network = network;
    this.counters = context.counters.values;
    this.connections = new ConnectionTable(context.random.int32());
    this.ports = new PortTable(context, false);
    this.isnHash = new KeyedHash(context.random);
    this.timestampHash = new KeyedHash(context.random);
    this.listeners = new ListenerTable(context.random);
    this.refreshClock();
  }

  /** Reads the loop's clock into the int32 fields; called when anything begins: a segment, a timer, a call. */
  refreshClock(): void {
    const { now } = this.context.loop;
    if (now === this.clockAt) return;
    this.clockAt = now;
    // ToInt32 is the value modulo 2^32; the operator % on doubles costs 20 ns.
    this.nowUs = now | 0;
    this.nowMs = Math.floor(now / 1000) | 0;
  }

  anyFor(isV4: boolean): IpAddress {
    return isV4 ? ANY4 : ANY6;
  }

  belowRandom(n: number): number {
    return below(this.context.random, n);
  }

  takeChallenge(): boolean {
    return this.budget.take(this);
  }

  create(isV4: boolean): TcpEndpoint {
    const { settings } = this.context;
    const v6Only = settings.ipv6Bindv6only !== 0;
    if (this.defaults6.v6Only !== v6Only) {
      // Older endpoints keep what they began with.
      this.defaults6 = new EndpointOptions(false);
      this.defaults6.v6Only = v6Only;
    }
    const options = isV4 ? this.defaults4 : this.defaults6;
    const t = new TcpEndpoint(this, isV4, this.anyFor(isV4), options);
    t.sndBufBytes = settings.tcpWmemDefault;
    t.rcvBufBytes = settings.tcpRmemDefault;
    t.reordering = settings.tcpReordering;
    chooseCongestion(t, settings.tcpCongestionControl);
    chargeEndpoint(t);
    return t;
  }

  /** The endpoint of a connection that `listener` accepted: shares its options until one of them changes. */
  createChild(listener: TcpEndpoint): TcpEndpoint {
    const t = new TcpEndpoint(this, listener.isV4, listener.localAddress, listener.settledOptions);
    // From now on neither may write into what both read.
    listener.bits &= ~Bit.OwnOptions;
    t.sndBufBytes = listener.sndBufBytes;
    t.rcvBufBytes = listener.rcvBufBytes;
    t.reordering = listener.reordering;
    if (listener.user !== null) t.user = Object.assign(Object.create(Object.getPrototypeOf(listener.user)), listener.user);
    chargeEndpoint(t);
    return t;
  }

  /** Endpoints that are bound, listening or connected, for ss and leak tests. */
  *endpoints(): IterableIterator<TcpEndpoint> {
    const seen = new Set<TcpEndpoint>();
    for (const holder of this.ports) {
      if (holder instanceof TcpEndpoint && !seen.has(holder)) {
        seen.add(holder);
        yield holder;
      }
    }
  }

  /** The machine loses its power: connections, requests and queues are gone, and nobody is told. */
  powerOff(): void {
    // Listeners first: their queues hold connections that are in no table.
    for (const t of [...this.listeners]) vanish(t);
    for (const node of [...this.connections]) {
      if (node instanceof Request) dropRequest(node);
      else if (node instanceof TcpEndpoint) vanish(node);
      else removeTimeWait(node as TimeWaitRecord);
    }
    for (const t of [...this.endpoints()]) vanish(t);
  }

  /**
   * The end of a segment that changes nothing: for nobody, outside of the window, or not what the state asks for.
   * TcpInSegs is the sum of these, of TcpInErrs, and of the segments that were taken. Takes over `p`.
   */
  discard(p: Packet): void {
    this.counters[Mib.TcpInDiscards]++;
    p.release();
  }

  /** A segment for this host. Takes over `p`. */
  input(p: Packet): void {
    const { segment, counters } = this;
    this.refreshClock();
    counters[Mib.TcpInSegs]++;
    if (!p.pull(TCP_HEADER_LEN) || !p.pull(((p.bytes[p.head + 12] as number) >> 4) << 2) || !segment.parse(p.view, p.head, p.headEnd, p.l4Len)) {
      counters[Mib.TcpInErrs]++;
      return p.release();
    }
    if (!transportChecksumOk(p)) {
      counters[Mib.TcpInCsumErrors]++;
      counters[Mib.TcpInErrs]++;
      return p.release();
    }
    p.l4 = p.head;
    const node = this.connections.find(p, segment.dstPort, segment.srcPort);
    if (node !== null) {
      if (this.limitsTtl && this.isTooFar(node, p)) return;
      // By a field: `instanceof` walks the chain of prototypes.
      if (node.kind === NodeKind.Endpoint) {
        segmentArrives(node as TcpEndpoint, segment, p);
        return countQueues(node as TcpEndpoint);
      }
      if (node.kind === NodeKind.Request) return requestInput(node as Request, segment, p);
      return this.timeWaitSegment(node as TimeWaitRecord, segment, p);
    }
    const listener = this.listeners.find(p, segment.dstPort, segment.srcPort);
    if (listener !== null) {
      if (this.limitsTtl && this.isTooFar(listener, p)) return;
      return listenInput(listener, segment, p, 0);
    }
    this.sendReset(segment, p);
    this.discard(p);
  }

  /** IP_MINTTL, IPV6_MINHOPCOUNT (RFC 5082): what has come too far is dropped. TIME_WAIT does not look. */
  private isTooFar(node: DemuxNode, p: Packet): boolean {
    if (node.kind === NodeKind.TimeWait) return false;
    const { rare } = (node.kind === NodeKind.Endpoint ? (node as TcpEndpoint) : (node as Request).listener).settledOptions;
    if (p.ttl >= (p.isV4 ? rare.minTtl : rare.minHops)) return false;
    this.counters[Mib.TcpExtTCPMinTTLDrop]++;
    this.discard(p);
    return true;
  }

  private timeWaitSegment(record: TimeWaitRecord, segment: TcpHeader, p: Packet): void {
    const iss = timeWaitInput(record, segment, p);
    if (iss === 0) return this.discard(p);
    const listener = this.listeners.find(p, segment.dstPort, segment.srcPort);
    if (listener === null) {
      sendLastAck(record);
      return this.discard(p);
    }
    removeTimeWait(record);
    listenInput(listener, segment, p, iss);
  }

  /** RFC 9293 3.10.7.1: a segment for nobody is answered with a reset. Borrows `p`. */
  sendReset(segment: TcpHeader, p: Packet): void {
    const { flags } = segment;
    if ((flags & TcpFlag.Rst) !== 0 || p.frameFor !== FrameFor.Host) return;
    if (p.isV4 ? p.dstD >>> 28 === 0xe : p.dstA >>> 24 === 0xff) return;
    const onLink = !p.isV4 && isLinkLocal(p.srcA, p.srcB, p.srcC, p.srcD);
    const way = this.network.lookupBack(p, onLink ? p.device : null);
    if (way === null) return;
    if ((flags & TcpFlag.Ack) !== 0) {
      bare.seq = segment.ack;
      bare.ack = 0;
      bare.flags = TcpFlag.Rst;
    } else {
      bare.seq = 0;
      bare.ack = (segment.seq + segment.segLen) | 0;
      bare.flags = TcpFlag.Rst | TcpFlag.Ack;
    }
    bare.window = 0;
    bare.tos = 0;
    bare.ttl = -1;
    this.counters[Mib.TcpOutRsts]++;
    sendBare(this, way, way.askedFrom as IpAddress, segment.dstPort, way.to, segment.srcPort, null);
  }

  /** An ICMP error about a segment of ours (tcp_v4_err, RFC 5927: its sequence number must be in flight). */
  icmpError(report: IcmpErrorReport): void {
    this.refreshClock();
    const localPort = report.view.getUint16(report.at);
    const remotePort = report.view.getUint16(report.at + 2);
    const seq = report.view.getInt32(report.at + 4);
    const local = new IpAddress(report.localA, report.localB, report.localC, report.localD);
    const remote = new IpAddress(report.remoteA, report.remoteB, report.remoteC, report.remoteD);
    const node = this.connections.findTuple(local, localPort, remote, remotePort);
    if (node instanceof Request) return requestError(node, report, seq);
    if (!(node instanceof TcpEndpoint)) return;
    const t = node;
    if (t.state !== TcpState.Listen && (seqLt(seq, t.sndUna) || seqGt(seq, t.sndNxt))) {
      this.counters[Mib.TcpExtOutOfWindowIcmps]++;
      return;
    }
    if (report.mtuBytes > 0) {
      if (t.settledOptions.mtuDiscover === 0) return;
      this.network.setPathMtu(remote, report.mtuBytes);
      const before = t.mss;
      t.route();
      syncMss(t);
      if (t.mss < before && markTooLong(t)) xmitRetransmitQueue(t);
      return;
    }
    if (t.state === TcpState.SynSent || t.state === TcpState.SynReceived) {
      endWithError(t, report.errno);
      return;
    }
    if (saysNoWay(report)) {
      revertBackoff(t, seq);
      // It may have been the last of the retries.
      if (t.state === TcpState.Closed) return;
    }
    // RFC 1122 4.2.3.9: soft; it becomes the reason when the retries are spent.
    if (report.isV4 ? t.settledOptions.receiveErrors : t.settledOptions.receiveErrors6) {
      t.errno = report.errno;
      t.upcalls?.failed(report.errno);
    } else {
      t.softErrno = report.errno;
    }
  }
}
