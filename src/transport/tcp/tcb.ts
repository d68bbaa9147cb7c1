/**
 * The transmission control block: every field of a connection, in one shape for life.
 *
 * Names are the RFC's where it has one. Sequence numbers are int32 (base/seq.ts). Clock fields that end in Us or Ms
 * without being deadlines are int32 and wrap: compare them with `(a - b) | 0`. What most connections never need is in
 * an object that is made when it is (`user`, `ofo`, `urgent`, `cubic`, `listener`, `tuning`).
 */
import type { IpAddress } from '../../base/inet-address.ts';
import type { Seq } from '../../base/seq.ts';
import { EMPTY_STREAM, type StreamBuffer } from '../../base/stream-buffer.ts';
import { Timer } from '../../base/timer-queue.ts';
import type { Destination } from '../../net/destination.ts';
import type { EndpointOptions, EndpointUpcalls } from '../endpoint.ts';
import type { PortHolder } from '../ports.ts';
import type { CubicState } from './congestion/cubic.ts';
import { type DemuxNode, NodeKind } from './demux.ts';
import type { TcpEndpoint } from './endpoint.ts';
import type { Listener } from './listener.ts';
import type { OutOfOrderQueue } from './out-of-order.ts';
import type { SendRecord } from './send-record.ts';
import { TcpState } from './state.ts';
import type { Tcp } from './tcp.ts';

/** Bits of `Tcb.bits`: facts that are asked one at a time. */
export const Bit = {
  NoDelay: 1 << 0,
  Cork: 1 << 1,
  /** Negotiated options. */
  SackOk: 1 << 2,
  TimestampsOk: 1 << 3,
  WindowScaleOk: 1 << 4,
  /** The socket is gone (Linux's SOCK_DEAD). */
  Orphan: 1 << 5,
  ShutRead: 1 << 6,
  ShutWrite: 1 << 7,
  /** bind(2) gave the address; otherwise connect(2) chose it, and disconnect forgets it. */
  AddressBound: 1 << 8,
  PortBound: 1 << 9,
  /** The port was chosen by connect(2). */
  PortByConnect: 1 << 10,
  /** Writers found no room: tell them when there is some (SOCK_NOSPACE). */
  NoSpace: 1 << 11,
  /** The congestion window, not the application, limited the last burst. */
  CwndLimited: 1 << 12,
  RackAdvanced: 1 << 13,
  /** A loss probe is in flight, and it retransmitted old data. */
  TlpRetransmitted: 1 << 14,
  Frto: 1 << 15,
  DsackSeen: 1 << 16,
  ReorderingSeen: 1 << 17,
  /** Reno, not CUBIC. */
  Reno: 1 << 18,
  /** An acknowledgement is owed: at once, or by timer. */
  AckScheduled: 1 << 19,
  AckNow: 1 << 20,
  AckPushed: 1 << 21,
  AckPushed2: 1 << 22,
  /** `options` is this endpoint's own copy. */
  OwnOptions: 1 << 23,
  /** The user's FIN is in the queue. */
  FinQueued: 1 << 24,
  /** In the table of ports. */
  InPorts: 1 << 25,
  /** In the table of connections. */
  Hashed: 1 << 26,
  /** The peer's FIN is in order (Linux's SOCK_DONE). */
  Done: 1 << 27,
  /** One of the host's orphans (tcp_max_orphans). */
  Counted: 1 << 28,
  /** The host's memory is charged for it. */
  Charged: 1 << 29,
} as const;

/** Congestion-avoidance state, as in TCP_INFO. */
export const CaState = { Open: 0, Disorder: 1, Cwr: 2, Recovery: 3, Loss: 4 } as const;
export type CaState = (typeof CaState)[keyof typeof CaState];

/** What `rexmtAt` is for. */
export const RexmtKind = { None: 0, Rto: 1, LossProbe: 2, Reorder: 3, Probe: 4 } as const;
export type RexmtKind = (typeof RexmtKind)[keyof typeof RexmtKind];

/** What `slowAt` is for. */
export const SlowKind = { None: 0, Keepalive: 1, FinWait2: 2 } as const;
export type SlowKind = (typeof SlowKind)[keyof typeof SlowKind];

/** IPPROTO_TCP options that few sockets set; 0 means the host's setting. Times in microseconds. */
export class UserOptions {
  maxSegment = 0;
  keepIdleUs = 0;
  keepIntervalUs = 0;
  keepCount = 0;
  synCount = 0;
  /** TCP_LINGER2: -1 means "do not stay in FIN_WAIT2". */
  linger2Us = 0;
  /** TCP_DEFER_ACCEPT, as Linux keeps it: for how many timeouts of a request. */
  deferAccept = 0;
  windowClamp = 0;
  userTimeoutMs = 0;
  notSentLowWater = 0;
  /** TCP_THIN_LINEAR_TIMEOUTS: a stream with little under way does not double its first timeouts. */
  thinLinear = false;
  /** TCP_INQ. */
  tellsRest = false;
}

/** Urgent data, made when the first arrives (RFC 9293 section 3.8.5 as Linux does it: one byte). */
export class UrgentState {
  /** The urgent byte's sequence number. */
  seq: Seq = 0;
  /** Linux's urg_data: 0 none, else one of the two and the byte. */
  data = 0;
}
export const URGENT_NOT_YET = 0x200;
export const URGENT_READ = 0x400;
export const URGENT_VALID = 0x100;

/** Receive-buffer auto-tuning (Linux's rcvq_space and rcv_rtt_est), made with the first data. */
export class ReceiveTuning {
  rttUs = 0;
  rttSeq: Seq = 0;
  rttStartUs = 0;
  spaceSeq: Seq = 0;
  spaceStartUs = 0;
  space = 0;
  lastTsEcr = 0;
}

/**
 * What only a connection needs that meets loss, duplicates or a shut window. Until then all share one that is never
 * written (`NO_RECOVERY`): read it as `t.recovery`, write through `ownRecovery(t)`.
 */
export class Recovery {
  /** Congestion window and threshold before the reduction (Linux's prior_cwnd, prior_ssthresh), for PRR and undo. */
  priorCwnd = 0;
  priorSsthresh = 0;
  /** SND.UNA when the reduction began, 0 for none; and retransmissions that would have to prove needless. */
  undoMarker: Seq = 0;
  undoRetrans = 0;
  /** RFC 6937. */
  prrDelivered = 0;
  prrOut = 0;
  /** When the first retransmission of this episode went. */
  retransStampMs = 0;
  /** RFC 8985's reo_wnd_mult, reo_wnd_persist, and `delivered` when it last grew. */
  rackSteps = 1;
  rackPersist = 0;
  rackLastDelivered = 0;
  /** The right edge of the highest SACK block. */
  highestSack: Seq = 0;
  /** The next acknowledgement's DSACK block (RFC 2883); none when both are equal. */
  dsackStart: Seq = 0;
  dsackEnd: Seq = 0;
  /** When a window probe first went without answer. */
  probesStampMs = 0;
  /** Since the connection began: retransmission timeouts, and what was sent again, in segments and bytes. */
  totalRto = 0;
  totalRetrans = 0;
  bytesRetrans = 0.5 - 0.5;
  /** When a segment from outside of the window was answered last (challenge.ts). */
  outOfWindowMs = 0;
}
const NO_RECOVERY: Readonly<Recovery> = new Recovery();

/** The connection's own `recovery`, made when it is first written. */
export function ownRecovery(t: Tcb): Recovery {
  if (t.recovery === NO_RECOVERY) t.recovery = new Recovery();
  return t.recovery as Recovery;
}

/** The options of IPPROTO_TCP that are the socket's own, made when the first is set. */
export function ownUser(t: Tcb): UserOptions {
  if (t.user === null) t.user = new UserOptions();
  return t.user;
}

/** No retransmission of this connection is in flight any more. */
export function forgetRetransmissionTime(t: Tcb): void {
  if (t.recovery.retransStampMs !== 0) ownRecovery(t).retransStampMs = 0;
}

/** Neither does the next timeout of the user count from a window probe. */
export function forgetProbeTime(t: Tcb): void {
  if (t.recovery.probesStampMs !== 0) ownRecovery(t).probesStampMs = 0;
}

export abstract class Tcb extends Timer implements DemuxNode {
  readonly tcp: Tcp;
  readonly isV4: boolean;
  readonly kind = NodeKind.Endpoint;
  state: TcpState = TcpState.Closed;
  bits = 0;
  localAddress: IpAddress;
  localPort = 0;
  remoteAddress: IpAddress | null = null;
  remotePort = 0;
  scopeId = 0;
  upcalls: EndpointUpcalls | null = null;
  /** Read-only here: shared with others until `options` is asked for. */
  settledOptions: EndpointOptions;
  destination: Destination | null = null;
  /** The path's MTU that `mss` was made for. */
  pathMtu = 0;
  nextNode: DemuxNode | null = null;
  nextHolder: PortHolder | null = null;
  previousHolder: PortHolder | null = null;
  listener: Listener | null = null;
  /** The next in an accept queue. */
  nextAccept: TcpEndpoint | null = null;
  user: UserOptions | null = null;
  errno = 0;
  softErrno = 0;

  // Sending. SND.UNA, SND.NXT, SND.WND, SND.WL1, SND.UP, ISS.
  iss: Seq = 0;
  sndUna: Seq = 0;
  sndNxt: Seq = 0;
  sndWnd = 0;
  sndWl1: Seq = 0;
  sndUp: Seq = 0;
  /** The largest window the peer ever offered. */
  maxWindow = 0;
  /** One past the last byte (and FIN) that the user queued. */
  writeSeq: Seq = 0;
  pushedSeq: Seq = 0;
  /** End of the last segment below the MSS that was sent (Minshall's Nagle). */
  smallSeq: Seq = 0;
  /** Until the first data the two buffers are one that is always empty. */
  sndBuf: StreamBuffer = EMPTY_STREAM;
  /** Sequence number of the send buffer's first byte. */
  sndBufSeq: Seq = 0;
  firstRecord: SendRecord | null = null;
  lastRecord: SendRecord | null = null;
  sendHead: SendRecord | null = null;
  firstSent: SendRecord | null = null;
  lastSent: SendRecord | null = null;
  /** Bytes of payload that one segment carries now, options taken off. */
  mss = 536;
  /** The peer's MSS option, our TCP_MAXSEG applied; without options taken off. */
  mssClamp = 536;
  advMss = 536;
  /** 20, or 32 with timestamps. */
  headerLen = 20;
  sndScale = 0;
  rcvScale = 0;
  sndBufBytes = 0;
  /** Memory that the send queue is charged with. */
  queuedBytes = 0;

  // Congestion control and loss recovery, in segments.
  caState: CaState = CaState.Open;
  cwnd = 10;
  cwndCount = 0;
  ssthresh = 0x7fffffff;
  cwndUsed = 0;
  cwndStampMs = 0;
  cwndUsageSeq: Seq = 0;
  maxPacketsOut = 0;
  packetsOut = 0;
  sackedOut = 0;
  lostOut = 0;
  retransOut = 0;
  delivered = 0;
  reordering = 3;
  /** SND.NXT when recovery began (RFC 6582's recover). */
  highSeq: Seq = 0;
  rackSentUs = 0;
  rackEnd: Seq = 0;
  rackRttUs = 0;
  tlpHighSeq: Seq = 0;
  recovery: Readonly<Recovery> = NO_RECOVERY;
  cubic: CubicState | null = null;

  // Round-trip time (RFC 6298), microseconds. srtt is kept times 8, mdev and rttvar times 4.
  srttUs = 0;
  mdevUs = 0;
  mdevMaxUs = 0;
  rttvarUs = 0;
  rttSeq: Seq = 0;
  rtoUs = 1000000;
  minRttUs = 0x7fffffff;
  minRttStampMs = 0;
  backoff = 0;
  retransmits = 0;
  probesOut = 0;
  /** When our SYN went out (milliseconds): an echo of before is not ours. */
  synStampMs = 0;
  lastSendMs = 0;
  /** When the peer last acknowledged anything (rcv_tstamp), and when a window probe first went without answer. */
  lastAckMs = 0;

  // Receiving. RCV.NXT, RCV.WND, IRS.
  irs: Seq = 0;
  rcvNxt: Seq = 0;
  /** RCV.NXT of the last segment that was sent. */
  rcvWup: Seq = 0;
  rcvWnd = 0;
  /** The next byte the user reads. */
  copiedSeq: Seq = 0;
  rcvBuf: StreamBuffer = EMPTY_STREAM;
  rcvBufBytes = 0;
  /** Memory that received data is charged with, out-of-order data included. */
  receivedBytes = 0;
  /** Of `queuedBytes` and `receivedBytes`, what tcp_mem counts (memory.ts). */
  countedBytes = 0;
  windowClamp = 0;
  rcvSsthresh = 0;
  /** The peer's segment size, estimated. */
  rcvMss = 536;
  lastSegmentLen = 0;
  /** Delayed-ACK timeout, quick ACKs left, and whether the connection looks interactive. */
  atoUs = 0;
  quick = 0;
  pingPong = 0;
  lastReceiveMs = 0;
  tsRecent = 0;
  tsRecentSeconds = 0;
  tsOffset = 0;
  ofo: OutOfOrderQueue | null = null;
  urgent: UrgentState | null = null;
  tuning: ReceiveTuning | null = null;

  // Timers: `Timer.deadline` is the earliest of these.
  rexmtKind: RexmtKind = RexmtKind.None;
  slowKind: SlowKind = SlowKind.None;
  rexmtAt = Infinity;
  delackAt = Infinity;
  slowAt = Infinity;

  // Figures for TCP_INFO.
  segsOut = 0;
  segsIn = 0;
  dataSegsOut = 0;
  dataSegsIn = 0;
  bytesSent = 0.5 - 0.5;
  bytesAcked = 0.5 - 0.5;
  bytesReceived = 0.5 - 0.5;

  constructor(tcp: Tcp, isV4: boolean, any: IpAddress, options: EndpointOptions) {
    super();
    this.tcp = tcp;
    this.isV4 = isV4;
    this.localAddress = any;
    this.settledOptions = options;
  }
}
