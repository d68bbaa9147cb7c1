/**
 * TIME_WAIT, and orphans in FIN_WAIT2, as compact records (RFC 9293 3.10.7.4, RFC 1337, RFC 6191; Linux's
 * tcp_minisocks.c).
 */
import { Mib } from '../../base/counters.ts';
import { ANY4, type IpAddress } from '../../base/inet-address.ts';
import { Cost } from '../../base/kernel-memory.ts';
import { seqGt, seqLt, type Seq } from '../../base/seq.ts';
import { Timer } from '../../base/timer-queue.ts';
import type { Device } from '../../link/device.ts';
import type { Packet } from '../../link/packet.ts';
import { TcpFlag, type TcpHeader, TcpOptions } from '../../wire/tcp.ts';
import type { PortHolder } from '../ports.ts';
import { PAWS_DAYS_24, TIME_WAIT_US } from './constants.ts';
import { type DemuxNode, NodeKind } from './demux.ts';
import type { TcpEndpoint } from './endpoint.ts';
import { bare, sendBare } from './segment-out.ts';
import { setState, TcpState } from './state.ts';
import { Bit } from './tcb.ts';
import { stopTimers } from './timers.ts';
import type { Tcp } from './tcp.ts';
import { purgeOutOfOrder } from './out-of-order.ts';
import { purgeSendQueue } from './send-queue.ts';
import { receiveWindow } from './window.ts';

const options = new TcpOptions();

/** Records that a host keeps for the next connections instead of giving them to the collector. */
const POOL_LIMIT = 256;

export class TimeWaitRecord implements DemuxNode, PortHolder {
  readonly kind = NodeKind.TimeWait;
  readonly tcp: Tcp;
  isV4 = true;
  localAddress: IpAddress = ANY4;
  localPort = 0;
  remoteAddress: IpAddress | null = null;
  remotePort = 0;
  nextNode: DemuxNode | null = null;
  nextHolder: PortHolder | null = null;
  previousHolder: PortHolder | null = null;
  readonly portRange = 0;
  portFlags = 0;
  boundDevice: Device | null = null;
  /** FinWait2 until the peer's FIN has come. */
  state: TcpState = TcpState.TimeWait;
  sndNxt: Seq = 0;
  rcvNxt: Seq = 0;
  /** As it goes into a header. */
  rcvWnd = 0;
  rcvWndBytes = 0;
  timestamps = false;
  tsRecent = 0;
  tsRecentSeconds = 0;
  tsOffset = 0;
  outOfWindowMs = 0;
  stayUs = 0;
  /** When the stay is over. A double from birth. */
  endsAt = 0.5;
  /** Links of the queue; `next` also of the pool. */
  next: TimeWaitRecord | null = null;
  previous: TimeWaitRecord | null = null;
  /** A stay of another length than TIME_WAIT's has a timer of its own. */
  timer: ShortStay | null = null;

  constructor(tcp: Tcp) {
    this.tcp = tcp;
  }

  /** Takes over what the connection leaves behind. */
  fill(t: TcpEndpoint, state: TcpState, stayUs: number): void {
    this.isV4 = t.isV4;
    this.localAddress = t.localAddress;
    this.localPort = t.localPort;
    this.remoteAddress = t.remoteAddress;
    this.remotePort = t.remotePort;
    this.portFlags = t.portFlags;
    this.boundDevice = t.boundDevice;
    this.state = state;
    this.sndNxt = t.sndNxt;
    this.rcvNxt = t.rcvNxt;
    this.rcvWndBytes = receiveWindow(t);
    this.rcvWnd = Math.min(this.rcvWndBytes >> t.rcvScale, 65535);
    this.timestamps = (t.bits & Bit.TimestampsOk) !== 0;
    this.tsRecent = t.tsRecent;
    this.tsRecentSeconds = t.tsRecentSeconds;
    this.tsOffset = t.tsOffset;
    this.outOfWindowMs = 0;
    this.stayUs = stayUs;
  }

  /** Begins the stay anew: another FIN came, or the first. */
  restart(): void {
    const { timeWaits } = this.tcp;
    timeWaits.leave(this);
    timeWaits.enter(this);
  }
}

export class ShortStay extends Timer {
  private readonly record: TimeWaitRecord;

  constructor(record: TimeWaitRecord) {
    super();
    this.record = record;
  }

  override expired(): void {
    removeTimeWait(this.record);
  }
}

/**
 * A host's records in the order in which their stays end, under one timer: nearly all stay equally long, so whoever
 * enters last leaves last, and with tens of thousands of them none costs a place in the heap of timers.
 */
export class TimeWaitQueue extends Timer {
  private readonly tcp: Tcp;
  private first: TimeWaitRecord | null = null;
  private last: TimeWaitRecord | null = null;
  private free: TimeWaitRecord | null = null;
  private freeCount = 0;
  /** Records that stay. */
  count = 0;

  constructor(tcp: Tcp) {
    super();
    this.tcp = tcp;
  }

  /** An empty record. */
  take(): TimeWaitRecord {
    const record = this.free;
    if (record === null) return new TimeWaitRecord(this.tcp);
    this.free = record.next;
    this.freeCount--;
    record.next = null;
    return record;
  }

  /** Nobody refers to the record any more. */
  recycle(record: TimeWaitRecord): void {
    record.remoteAddress = null;
    record.boundDevice = null;
    if (this.freeCount >= POOL_LIMIT) return;
    record.next = this.free;
    this.free = record;
    this.freeCount++;
  }

  enter(record: TimeWaitRecord): void {
    const { timers, loop, memory } = this.tcp.context;
    memory.hold(Cost.TIME_WAIT);
    const us = record.state === TcpState.TimeWait ? TIME_WAIT_US : record.stayUs;
    this.count++;
    if (us !== TIME_WAIT_US) {
      record.timer ??= new ShortStay(record);
      record.timer.deadline = loop.now + us;
      timers.arm(record.timer);
      return;
    }
    record.endsAt = loop.now + us;
    record.previous = this.last;
    record.next = null;
    if (this.last === null) this.first = record;
    else this.last.next = record;
    this.last = record;
    if (this.first !== record || this.deadline !== Infinity) return;
    this.deadline = record.endsAt;
    timers.arm(this);
  }

  leave(record: TimeWaitRecord): void {
    const { timers, memory } = this.tcp.context;
    memory.letGo(Cost.TIME_WAIT);
    this.count--;
    if (record.timer !== null) {
      timers.disarm(record.timer);
      record.timer = null;
      return;
    }
    const { next, previous } = record;
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next === null) this.last = previous;
    else next.previous = previous;
    record.next = null;
    record.previous = null;
    // With others behind it the timer comes too early and looks again: cheaper than moving it each time.
    if (this.first === null) timers.disarm(this);
  }

  override expired(): void {
    const record = this.first;
    if (record === null) return;
    if (record.endsAt <= this.tcp.context.loop.now) removeTimeWait(record);
    const first = this.first as TimeWaitRecord | null;
    if (first === null) return;
    this.deadline = first.endsAt;
    this.tcp.context.timers.arm(this);
  }
}

/** The connection becomes a record; the endpoint is closed. Above tcp_max_tw_buckets, and without memory, it just ends. */
export function enterTimeWait(t: TcpEndpoint, state: TcpState = TcpState.TimeWait, stayUs = TIME_WAIT_US): void {
  const { tcp } = t;
  const { timeWaits } = tcp;
  const hashed = (t.bits & Bit.Hashed) !== 0;
  const { memory, settings } = tcp.context;
  if (hashed && timeWaits.count < settings.tcpMaxTwBuckets && !memory.lacks(Cost.TIME_WAIT)) {
    const record = timeWaits.take();
    record.fill(t, state, stayUs);
    t.leaveTable();
    tcp.connections.add(record);
    if ((t.bits & Bit.Orphan) === 0 && (t.bits & Bit.PortBound) !== 0) {
      // The socket is still there, and the port that bind(2) gave it stays its own.
      tcp.ports.join(record, t.localPort);
    } else {
      tcp.ports.replace(t, record);
      t.bits &= ~Bit.InPorts;
    }
    if (state === TcpState.TimeWait) tcp.counters[Mib.TcpExtTW]++;
    timeWaits.enter(record);
  } else {
    tcp.counters[Mib.TcpExtTCPTimeWaitOverflow]++;
    t.leaveTable();
  }
  stopTimers(t);
  purgeSendQueue(t);
  purgeOutOfOrder(t);
  setState(t, TcpState.Closed);
  t.bits |= Bit.ShutWrite;
  // Whoever lingers in close(2) waits for this too, and freeing forgets who it was.
  t.upcalls?.writable();
  if ((t.bits & Bit.Orphan) !== 0) t.free();
}

/** An orphan that has waited in FIN_WAIT2 spends its last minute as a record. */
export function enterFinWait2Record(t: TcpEndpoint): void {
  enterTimeWait(t, TcpState.FinWait2, TIME_WAIT_US);
}

export function removeTimeWait(record: TimeWaitRecord): void {
  const { tcp } = record;
  tcp.timeWaits.leave(record);
  tcp.connections.remove(record);
  tcp.ports.release(record);
  tcp.timeWaits.recycle(record);
}

/**
 * A segment for a record (tcp_timewait_state_process). 0, or, when it is a SYN that may open a new connection in its
 * place, that connection's ISS: then the caller removes the record if somebody listens, and else gives the last ACK
 * again. Borrows `p`.
 */
export function timeWaitInput(record: TimeWaitRecord, segment: TcpHeader, p: Packet): Seq {
  const { tcp } = record;
  const { flags, seq } = segment;
  const end = (seq + segment.segLen) | 0;
  let pawsReject = false;
  const hasStamp = segment.hasTimestamps && record.timestamps;
  if (hasStamp) {
    const seconds = Math.floor(tcp.context.loop.now / 1e6);
    pawsReject = ((segment.tsVal - record.tsRecent) | 0) < 0 && seconds - record.tsRecentSeconds < PAWS_DAYS_24;
  }
  if (record.state === TcpState.FinWait2) {
    if (pawsReject || seqLt(end, record.rcvNxt) || seqGt(seq, (record.rcvNxt + record.rcvWndBytes) | 0)) {
      answer(record);
      return 0;
    }
    if ((flags & TcpFlag.Rst) !== 0) {
      removeTimeWait(record);
      return 0;
    }
    if ((flags & TcpFlag.Syn) !== 0 && seqLt(seq, record.rcvNxt)) return reset(record, segment, p);
    const data = segment.dataLen > 0;
    if ((flags & TcpFlag.Ack) === 0 || !seqGt(end, record.rcvNxt) || end === seq) return 0;
    // New data for a socket that is gone: a reset. A FIN that is due: TIME_WAIT proper.
    if ((flags & TcpFlag.Fin) === 0 || data || end !== ((record.rcvNxt + 1) | 0)) return reset(record, segment, p);
    record.state = TcpState.TimeWait;
    record.rcvNxt = end;
    if (hasStamp) {
      record.tsRecent = segment.tsVal;
      record.tsRecentSeconds = Math.floor(tcp.context.loop.now / 1e6);
    }
    tcp.counters[Mib.TcpExtTW]++;
    record.restart();
    answer(record);
    return 0;
  }
  if (!pawsReject && seq === record.rcvNxt && (seq === end || (flags & TcpFlag.Rst) !== 0)) {
    if ((flags & TcpFlag.Rst) !== 0) {
      // RFC 1337: hazards are prevented only when asked for.
      if (tcp.context.settings.tcpRfc1337 === 0) removeTimeWait(record);
      return 0;
    }
    if (hasStamp) {
      record.tsRecent = segment.tsVal;
      record.tsRecentSeconds = Math.floor(tcp.context.loop.now / 1e6);
    }
    record.restart();
    return 0;
  }
  // RFC 6191, RFC 1122 4.2.2.13: a SYN that is certainly newer may open the connection again.
  const isSyn = (flags & (TcpFlag.Syn | TcpFlag.Rst | TcpFlag.Ack)) === TcpFlag.Syn;
  if (isSyn && !pawsReject && (seqGt(seq, record.rcvNxt) || (hasStamp && ((record.tsRecent - segment.tsVal) | 0) < 0))) {
    const iss = (record.sndNxt + 65535 + 2) | 0;
    return iss === 0 ? 1 : iss;
  }
  if (pawsReject) tcp.counters[Mib.TcpExtPAWSTimewait]++;
  if ((flags & TcpFlag.Rst) === 0) {
    // The peer did not hear our last ACK: it gets it again, and we stay for another minute.
    if (pawsReject || (flags & TcpFlag.Ack) !== 0) record.restart();
    answer(record);
  }
  return 0;
}

function reset(record: TimeWaitRecord, segment: TcpHeader, p: Packet): Seq {
  const { tcp } = record;
  removeTimeWait(record);
  tcp.sendReset(segment, p);
  return 0;
}

/** Our last ACK again, at most one per tcp_invalid_ratelimit. */
function answer(record: TimeWaitRecord): void {
  const { tcp } = record;
  const { nowMs } = tcp;
  if (record.outOfWindowMs !== 0) {
    const elapsed = (nowMs - record.outOfWindowMs) | 0;
    if (elapsed >= 0 && elapsed < tcp.context.settings.tcpInvalidRatelimit) {
      const isFinWait2 = record.state === TcpState.FinWait2;
      tcp.counters[isFinWait2 ? Mib.TcpExtTCPACKSkippedFinWait2 : Mib.TcpExtTCPACKSkippedTimeWait]++;
      return;
    }
  }
  record.outOfWindowMs = nowMs === 0 ? 1 : nowMs;
  sendLastAck(record);
}

/** tcp_v4_timewait_ack. */
export function sendLastAck(record: TimeWaitRecord): void {
  const { tcp } = record;
  const remote = record.remoteAddress as IpAddress;
  const way = tcp.network.lookup(remote, record.localAddress, record.boundDevice);
  if (way === null) return;
  options.clear();
  if (record.timestamps) {
    options.timestamps = true;
    options.tsVal = (tcp.nowMs + record.tsOffset) | 0;
    options.tsEcr = record.tsRecent;
  }
  bare.seq = record.sndNxt;
  bare.ack = record.rcvNxt;
  bare.flags = TcpFlag.Ack;
  bare.window = record.rcvWnd;
  bare.tos = 0;
  bare.ttl = -1;
  sendBare(tcp, way, record.localAddress, record.localPort, remote, record.remotePort, record.timestamps ? options : null);
}
