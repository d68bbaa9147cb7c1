/**
 * Short traces for conformance tests: one host of ours, a peer that the test writes segment by segment, and a clock
 * that the test moves.
 *
 *   traceTest('RFC 9293 3.10.7.2: a SYN is answered', (t) => {
 *     t.listen();
 *     t.peer('S', { mss: 1460 });
 *     t.expect('S.', { seq: 0, ack: 1 });
 *     t.advance(10_000);
 *     t.peer('.');
 *     equal(t.state, 'ESTABLISHED');
 *   });
 *
 * Sequence numbers are relative to both sides' first ones; the peer's segments take theirs from what went before unless
 * the test says otherwise. Every segment the host sends must be expected: one that is left over at the end fails the
 * test, as does a wrong checksum. A failing test shows the whole trace in tcpdump's words.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errnoName } from '../../src/base/errno.ts';
import type { IpAddress } from '../../src/base/inet-address.ts';
import { LinkType } from '../../src/capture/capture-record.ts';
import { TcpdumpPrinter } from '../../src/capture/tcpdump-printer.ts';
import { IPPROTO, SO, SOL, TCP } from '../../src/socket/constants.ts';
import { sockaddrIn, sockaddrIn6 } from '../../src/socket/sockaddr.ts';
import { flagBits, readTcpFrame, type SegmentOptions, type SentSegment, tcpFrame } from './tcp-frame.ts';
import type { OurSide } from './our-side.ts';
import { NotForKernel, type TraceOptions, type TraceSide } from './trace-side.ts';

export type { TraceOptions } from './trace-side.ts';

/** A segment of the peer. What is left out follows from what went before. */
export interface PeerSegment extends SegmentOptions {
  seq?: number;
  ack?: number;
  win?: number;
  urg?: number;
  /** Text, bytes, or how many bytes of a running pattern. */
  data?: string | Uint8Array | number;
  badChecksum?: boolean;
}

/** What a segment of the host must look like; what is left out is not looked at. */
export interface Expected {
  seq?: number;
  ack?: number;
  win?: number;
  urg?: number;
  len?: number;
  data?: string;
  mss?: number;
  /** -1: no window scale option. */
  wscale?: number;
  sackOk?: boolean;
  /** Null: no timestamps. Values relative to the first that the host sent; echoes as they are. */
  ts?: null | { val?: number; ecr?: number };
  sack?: readonly (readonly [number, number])[];
  /** When it was sent, microseconds since the last `mark`. */
  at?: number;
}

/** A segment the host sent, with relative numbers. */
export interface Seen extends SentSegment {
  at: number;
  len: number;
  /** tsVal relative to the first one. */
  tsVal: number;
}

class Connection {
  readonly key: string;
  readonly hostPort: number;
  readonly peerPort: number;
  hostIsn = 0;
  hostIsnKnown = false;
  peerIsn: number;
  /** Relative numbers of what comes next. */
  hostNext = 0;
  peerNext = 0;
  /** The largest acknowledgement the host sent. */
  peerAcked = 0;
  window = 65535;
  timestamps = false;
  hostTsBase: number | null = null;
  lastHostTs = 0;
  /** What the peer's timestamp clock showed when the trace began. */
  tsBase = PEER_TS;
  readonly queue: Seen[] = [];

  constructor(key: string, hostPort: number, peerPort: number, peerIsn: number) {
    this.key = key;
    this.hostPort = hostPort;
    this.peerPort = peerPort;
    this.peerIsn = peerIsn;
  }
}

const PATTERN = Uint8Array.from({ length: 65536 }, (_, i) => 97 + (i % 26));
/** Where the peer's timestamp clock stands when a trace begins, unless its SYN says otherwise; it counts milliseconds. */
export const PEER_TS = 1000;

export class Trace {
  readonly side: TraceSide;
  readonly hostAddress: IpAddress;
  readonly peerAddress: IpAddress;
  readonly isV4: boolean;
  /** The descriptor that calls without one use: the last that was made or accepted. */
  fd = -1;
  listenFd = -1;
  /** Bytes of the last read, as text. */
  lastRead = '';
  private readonly peerIsn: number;
  private readonly connections = new Map<string, Connection>();
  private current: Connection | null = null;
  private readonly captured: { at: number; bytes: Uint8Array }[] = [];
  private readonly startedAt: number;
  private zero = 0;
  private frameError: Error | null = null;

  constructor(side: TraceSide, options: TraceOptions = {}) {
    this.side = side;
    this.isV4 = (options.ipVersion ?? 4) === 4;
    this.peerIsn = options.peerIsn ?? 1_000_000;
    this.hostAddress = side.hostAddress;
    this.peerAddress = side.peerAddress;
    side.onSent = (bytes) => this.sent(bytes);
    this.startedAt = side.now();
    this.mark();
  }

  // Time.

  get now(): number {
    return this.side.now() - this.zero;
  }

  /** From here on times count from now. */
  mark(): void {
    this.zero = this.side.now();
  }

  /** Moves time by `us`, from event to event. */
  advance(us: number): void {
    const until = this.side.now() + us;
    this.settle();
    while (this.side.stepTowards(until)) this.settle();
    this.settle();
  }

  private settle(): void {
    this.side.settle();
    if (this.frameError !== null) {
      const error = this.frameError;
      this.frameError = null;
      throw error;
    }
  }

  /** Our host, for what looks inside it; a trace that does cannot be judged by the kernel. */
  get ours(): OurSide {
    if (this.side.grainUs > 0) throw new NotForKernel('looks inside our host');
    return this.side as OurSide;
  }

  // Segments.

  private connection(hostPort: number, peerPort: number): Connection {
    const key = `${hostPort}-${peerPort}`;
    let c = this.connections.get(key);
    if (c === undefined) {
      c = new Connection(key, hostPort, peerPort, this.peerIsn);
      this.connections.set(key, c);
    }
    return c;
  }

  /** Segments from now on belong to this pair of ports; made new when it is unknown. */
  use(peerPort: number, hostPort = this.current?.hostPort ?? 80): this {
    this.current = this.connection(hostPort, peerPort);
    return this;
  }

  /** Forgets what was learnt of the current pair of ports: a new connection follows on it. */
  renew(peerIsn = this.peerIsn): void {
    const old = this.conn;
    const c = new Connection(old.key, old.hostPort, old.peerPort, peerIsn);
    this.connections.set(old.key, c);
    this.current = c;
  }

  get conn(): Connection {
    if (this.current === null) this.use(40000, 80);
    return this.current as Connection;
  }

  private sent(bytes: Uint8Array): void {
    this.captured.push({ at: this.side.now() - this.startedAt, bytes });
    let segment: SentSegment | null;
    try {
      segment = readTcpFrame(bytes);
    } catch (error) {
      this.frameError = error as Error;
      return;
    }
    if (segment === null) return;
    const c = this.connection(segment.fromPort, segment.toPort);
    const isSyn = segment.flags.includes('S');
    if (isSyn && !c.hostIsnKnown) {
      c.hostIsn = segment.seq;
      c.hostIsnKnown = true;
    }
    if (this.current === null || (isSyn && !segment.flags.includes('.'))) this.current = c;
    const len = segment.data.length;
    const seq = (segment.seq - c.hostIsn) | 0;
    const end = seq + len + (isSyn ? 1 : 0) + (segment.flags.includes('F') ? 1 : 0);
    if (end > c.hostNext && !segment.flags.includes('R')) c.hostNext = end;
    if (segment.ts !== null) {
      c.hostTsBase ??= segment.ts[0];
      c.lastHostTs = segment.ts[0];
    }
    c.queue.push({
      ...segment,
      at: this.side.now(),
      seq,
      ack: segment.flags.includes('.') ? (segment.ack - c.peerIsn) | 0 : segment.ack,
      len,
      sack: segment.sack.map(([left, right]) => [(left - c.peerIsn) | 0, (right - c.peerIsn) | 0]),
      tsVal: segment.ts === null ? 0 : (segment.ts[0] - (c.hostTsBase as number)) | 0,
    });
  }

  /** The peer's timestamp clock now: milliseconds. */
  get peerTs(): number {
    return (this.conn.tsBase + this.elapsedMs) | 0;
  }

  private get elapsedMs(): number {
    return Math.floor((this.side.now() - this.startedAt) / 1000);
  }

  /** A segment of the peer arrives. */
  peer(flags: string, segment: PeerSegment = {}): void {
    const c = this.conn;
    const bits = flagBits(flags);
    const data = payload(segment.data, segment.seq ?? c.peerNext);
    const seq = segment.seq ?? c.peerNext;
    const isSyn = flags.includes('S');
    if (isSyn && segment.ts) {
      c.timestamps = true;
      c.tsBase = segment.ts[0] - this.elapsedMs;
    }
    const options: SegmentOptions = { ...segment };
    if (options.ts === undefined && c.timestamps && !flags.includes('R') && segment.raw === undefined) {
      options.ts = [this.peerTs, c.lastHostTs];
    }
    if (options.sack !== undefined) {
      options.sack = options.sack.map(([left, right]) => [(left + c.hostIsn) | 0, (right + c.hostIsn) | 0]);
    }
    if (segment.win !== undefined) c.window = segment.win;
    const acks = (bits & flagBits('.')) !== 0;
    const frame = tcpFrame({
      from: this.peerAddress,
      to: this.hostAddress,
      fromPort: c.peerPort,
      toPort: c.hostPort,
      toMacHi: this.side.macHi,
      toMacLo: this.side.macLo,
      seq: (c.peerIsn + seq) | 0,
      ack: acks || segment.ack !== undefined ? (c.hostIsn + (segment.ack ?? c.hostNext)) | 0 : 0,
      flags: bits,
      window: segment.win ?? c.window,
      urgent: segment.urg ?? 0,
      options,
      data,
      badChecksum: segment.badChecksum ?? false,
    });
    const end = seq + data.length + (isSyn ? 1 : 0) + (flags.includes('F') ? 1 : 0);
    if (end > c.peerNext && !flags.includes('R')) c.peerNext = end;
    this.inject(frame);
  }

  /** Any frame arrives. */
  inject(frame: Uint8Array): void {
    this.captured.push({ at: this.side.now() - this.startedAt, bytes: frame });
    this.side.inject(frame);
    this.settle();
  }

  /** The next segment of the current connection must be there already and look like this. */
  expect(flags: string, expected: Expected = {}): Seen {
    this.settle();
    const seen = this.conn.queue.shift();
    if (seen === undefined) assert.fail(`expected ${describe(flags, expected)}, but nothing was sent`);
    const wrong: string[] = [];
    const check = (name: string, actual: unknown, wanted: unknown): void => {
      if (wanted !== undefined && !isSame(actual, wanted)) wrong.push(`${name} ${show(actual)} instead of ${show(wanted)}`);
    };
    check('flags', sorted(seen.flags), sorted(flags));
    check('seq', seen.seq, expected.seq);
    check('ack', seen.ack, expected.ack);
    check('len', seen.len, expected.len);
    check('win', seen.window, expected.win);
    check('urg', seen.urgent, expected.urg);
    check('data', text(seen.data), expected.data);
    check('mss', seen.mss, expected.mss);
    check('wscale', seen.wscale, expected.wscale);
    check('sackOk', seen.sackOk, expected.sackOk);
    check('sack', seen.sack, expected.sack);
    if (expected.at !== undefined && Math.abs(seen.at - this.zero - expected.at) > this.side.grainUs) {
      wrong.push(`time ${seen.at - this.zero} instead of ${expected.at}`);
    }
    if (expected.ts === null) check('timestamps', seen.ts, null);
    else if (expected.ts !== undefined) {
      check('timestamps', seen.ts !== null, true);
      check('tsVal', seen.tsVal, expected.ts.val);
      check('tsEcr', seen.ts?.[1], expected.ts.ecr);
    }
    if (wrong.length > 0) assert.fail(`expected ${describe(flags, expected)}: ${wrong.join('; ')}`);
    return seen;
  }

  /** Nothing that was not expected has been sent on the current connection, or on any. */
  expectNothing(): void {
    this.settle();
    for (const c of this.connections.values()) {
      const seen = c.queue[0];
      if (seen !== undefined) assert.fail(`nothing should be sent, but ${describeSeen(seen)} was`);
    }
  }

  /**
   * The next segment is sent in `us` microseconds from now, give or take `tolerance`, and nothing before; time stands
   * at that segment afterwards.
   */
  after(us: number, flags: string, expected: Expected = {}, tolerance = 1000): Seen {
    this.expectNothing();
    const from = this.side.now();
    // A real wire has a round-trip time, which the timeouts count in.
    const slack = tolerance + this.side.grainUs + (this.side.grainUs > 0 ? us / 6 : 0);
    const until = from + us + slack;
    const c = this.conn;
    while (c.queue.length === 0 && this.side.stepTowards(until)) this.settle();
    const seen = c.queue[0];
    if (seen === undefined) assert.fail(`expected ${describe(flags, expected)} after ${us} us, but nothing was sent in ${us + slack}`);
    const took = seen.at - from;
    if (Math.abs(took - us) > slack) assert.fail(`${describeSeen(seen)} came after ${took} us instead of ${us}`);
    return this.expect(flags, expected);
  }

  /** Nothing is sent for `us` microseconds. */
  quiet(us: number): void {
    this.expectNothing();
    this.advance(us);
    this.expectNothing();
  }

  /** Throws away what the host has sent so far; returns it. */
  drop(): Seen[] {
    this.settle();
    const { queue } = this.conn;
    return queue.splice(0, queue.length);
  }

  // Calls. Each returns a count or the negative errno; `errno` names it.

  /** socket(2), non-blocking unless said. */
  socket(blocking = false): number {
    this.fd = this.side.socket(blocking);
    return this.fd;
  }

  sockaddr(address: IpAddress, port: number): Uint8Array {
    return this.isV4 ? sockaddrIn(address, port) : sockaddrIn6(address, port);
  }

  bind(port: number, fd = this.fd): number {
    return this.done(this.side.bind(fd, this.sockaddr(this.hostAddress, port)));
  }

  /** socket, bind and listen in one; or listen(2) alone on `fd`. */
  listen(port = 80, backlog = 128, fd?: number): number {
    if (fd === undefined) {
      this.listenFd = this.socket();
      const bound = this.bind(port);
      if (bound < 0) return bound;
      if (this.current === null) this.use(40000, port);
    }
    return this.done(this.side.listen(fd ?? this.listenFd, backlog));
  }

  /** connect(2) to the peer; on a socket of its own unless `fd` says which. */
  connect(port = 80, fd?: number): number {
    return this.done(this.side.connect(fd ?? this.socket(), this.sockaddr(this.peerAddress, port)));
  }

  /** accept(2): the new descriptor, which becomes `fd`. */
  accept(listenFd = this.listenFd): number {
    const fd = this.side.accept(listenFd);
    if (fd >= 0) this.fd = fd;
    return this.done(fd);
  }

  /** send(2) with text, or that many bytes of a running pattern. */
  write(data: string | number | Uint8Array, flags = 0, fd = this.fd): number {
    return this.done(this.side.send(fd, payload(data, 0), flags));
  }

  /** recv(2); the bytes are in `lastRead`. */
  read(length = 65536, flags = 0, fd = this.fd): number {
    const into = new Uint8Array(length);
    const n = this.side.receive(fd, into, flags);
    this.lastRead = n > 0 ? text(into.subarray(0, n)) : '';
    return this.done(n);
  }

  shutdown(how: number, fd = this.fd): number {
    return this.done(this.side.shutdown(fd, how));
  }

  close(fd = this.fd): number {
    return this.done(this.side.close(fd));
  }

  setOption(level: number, option: number, value: number, fd = this.fd): number {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, value, true);
    return this.done(this.side.setOption(fd, level, option, bytes));
  }

  setTcp(option: number, value: number, fd = this.fd): number {
    return this.setOption(IPPROTO.TCP, option, value, fd);
  }

  linger(on: boolean, seconds: number, fd = this.fd): number {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setInt32(0, on ? 1 : 0, true);
    view.setInt32(4, seconds, true);
    return this.done(this.side.setOption(fd, SOL.SOCKET, SO.LINGER, bytes));
  }

  getOption(level: number, option: number, fd = this.fd): number {
    const bytes = this.side.getOption(fd, level, option, 4);
    if (typeof bytes === 'number') return bytes;
    return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
  }

  /** What TCP_INFO says; times in microseconds. */
  info(fd = this.fd): Info {
    const bytes = this.side.getOption(fd, IPPROTO.TCP, TCP.INFO, 104);
    if (typeof bytes === 'number') assert.fail(`TCP_INFO: ${errno(bytes)}`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const word = (at: number): number => view.getUint32(at, true);
    return {
      state: view.getUint8(0), caState: view.getUint8(1), retransmits: view.getUint8(2), probes: view.getUint8(3),
      backoff: view.getUint8(4), rtoUs: word(8), atoUs: word(12), sndMss: word(16), rcvMss: word(20), unacked: word(24),
      sacked: word(28), lost: word(32), retrans: word(36), rttUs: word(68), rttvarUs: word(72), ssthresh: word(76),
      cwnd: word(80), advMss: word(84), reordering: word(88), totalRetrans: word(100),
    };
  }

  /** SO_ERROR's name, '' when there is none. */
  socketError(fd = this.fd): string {
    const errno = this.getOption(SOL.SOCKET, SO.ERROR, fd);
    return errno === 0 ? '' : errnoName(errno);
  }

  /** poll(2)'s bits that hold. */
  readiness(fd = this.fd): number {
    return this.side.readiness(fd);
  }

  private done(result: number): number {
    this.settle();
    return result;
  }

  sysctl(name: string, value: string | number): void {
    this.side.sysctl(name, value);
  }

  /** The state of the current connection by the host's table: CLOSED when it is not there. */
  get state(): string {
    return this.side.state(this.conn.hostPort, this.conn.peerPort);
  }

  /** A counter under its nstat name, since the trace began. */
  counter(name: string): number {
    return this.side.counter(name);
  }

  // States to begin in.

  /**
   * A connection that is open on the host's side, made by the peer ('server') or by connect(2) ('client'). `round` is
   * the time between the SYN-ACK and what answers it; options are those of the peer's SYN.
   */
  establish(options: PeerSegment & { side?: 'server' | 'client'; port?: number; round?: number } = {}): void {
    const { side = 'server', port = 80, round = 0, win = 65535, ...segment } = options;
    const syn: PeerSegment = { mss: 1460, ...segment };
    if (side === 'server') {
      if (this.listenFd < 0) {
        this.listen(port);
      }
      this.peer('S', { ...syn, win });
      this.expect('S.', { seq: 0, ack: 1 });
      this.advance(round);
      this.peer('.', { win });
      assert.ok(this.accept() >= 0, 'the connection can be accepted');
    } else {
      this.current = null;
      assert.equal(errno(this.connect(port)), 'EINPROGRESS');
      this.expect('S', { seq: 0 });
      this.advance(round);
      if (syn.ts) syn.ts = [syn.ts[0], this.conn.lastHostTs];
      this.peer('S.', { ...syn, win });
      this.expect('.', { seq: 1, ack: 1 });
    }
    assert.equal(this.state, 'ESTABLISHED');
  }

  /**
   * Brings the current connection into a state, by the shortest way and as a server (SYN-SENT: by connect). The host's
   * user has closed with shutdown(2) where the way leads through FIN-WAIT; `fd` stays open.
   */
  reach(state: StateName, options: PeerSegment = {}): void {
    switch (state) {
      case 'CLOSED':
        this.use(40000, 80);
        return;
      case 'LISTEN':
        this.listen();
        break;
      case 'SYN-SENT':
        this.connect();
        this.expect('S', { seq: 0 });
        break;
      case 'SYN-RECEIVED':
        this.listen();
        this.peer('S', { mss: 1460, ...options });
        this.expect('S.', { seq: 0, ack: 1 });
        break;
      case 'ESTABLISHED':
        this.establish(options);
        break;
      case 'CLOSE-WAIT':
        this.establish(options);
        this.peer('F.');
        this.advance(50_000);
        this.expect('.', { seq: 1, ack: 2 });
        break;
      case 'FIN-WAIT-1':
        this.establish(options);
        this.shutdown(1);
        this.expect('F.', { seq: 1, ack: 1 });
        break;
      case 'FIN-WAIT-2':
        this.reach('FIN-WAIT-1', options);
        this.peer('.');
        break;
      case 'CLOSING':
        this.reach('FIN-WAIT-1', options);
        this.peer('F.', { ack: 1 });
        this.expect('.', { seq: 2, ack: 2 });
        break;
      case 'LAST-ACK':
        this.reach('CLOSE-WAIT', options);
        this.close();
        this.expect('F.', { seq: 1, ack: 2 });
        break;
      case 'TIME-WAIT':
        this.reach('FIN-WAIT-2', options);
        this.peer('F.');
        this.expect('.', { seq: 2, ack: 2 });
        break;
    }
    assert.equal(this.state, state);
  }

  // Reports.

  /** The trace so far, in tcpdump's words; times in seconds since the trace began, and its notes. */
  text(): string {
    const printer = new TcpdumpPrinter({ time: 'seconds' });
    return this.captured
      .map(({ at, bytes }) => `    ${printer.format(LinkType.Ethernet, at, bytes)}`)
      .join('\n');
  }

  /** The end: nothing may be left over. */
  finish(): void {
    this.expectNothing();
  }
}

/** TCP_INFO's fields. */
export interface Info {
  state: number;
  caState: number;
  retransmits: number;
  probes: number;
  backoff: number;
  rtoUs: number;
  atoUs: number;
  sndMss: number;
  rcvMss: number;
  unacked: number;
  sacked: number;
  lost: number;
  retrans: number;
  rttUs: number;
  rttvarUs: number;
  ssthresh: number;
  cwnd: number;
  advMss: number;
  reordering: number;
  totalRetrans: number;
}

export const STATES = [
  'CLOSED', 'LISTEN', 'SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'CLOSING',
  'LAST-ACK', 'TIME-WAIT',
] as const;
export type StateName = (typeof STATES)[number];

/** A test that is one trace. `body` gets it fresh; a failure shows it. */
export function traceTest(name: string, body: (t: Trace) => void | Promise<void>): void;
export function traceTest(name: string, options: TraceOptions, body: (t: Trace) => void | Promise<void>): void;
export function traceTest(
  name: string, second: TraceOptions | ((t: Trace) => void | Promise<void>), third?: (t: Trace) => void | Promise<void>,
): void {
  const options = typeof second === 'function' ? {} : second;
  const body = (typeof second === 'function' ? second : third) as (t: Trace) => void | Promise<void>;
  test(name, async (context) => {
    const side = await makeSide(options);
    const t = new Trace(side, options);
    try {
      await body(t);
      t.finish();
    } catch (error) {
      if (error instanceof NotForKernel) return context.diagnostic(`not judged by the kernel: ${error.message}`);
      if (!(error instanceof Error)) throw error;
      const message = `${error.message}\n  at ${t.now} us since the mark, state ${stateOf(t)}; the trace:\n${t.text()}`;
      error.stack = `${error.name}: ${message}\n${(error.stack ?? '').split('\n').filter((line) => /^ +at /.test(line)).join('\n')}`;
      error.message = message;
      throw error;
    } finally {
      side.end();
    }
  });
}

/** Our host; the real kernel when the traces themselves are to be judged (kernel-side.ts). */
async function makeSide(options: TraceOptions): Promise<TraceSide> {
  if (process.env['SOCKSCAPE_TRACE_KERNEL']) {
    const { KernelSide } = await import('./kernel-side.ts');
    return new KernelSide(options);
  }
  const { OurSide } = await import('./our-side.ts');
  return new OurSide(options);
}

function stateOf(t: Trace): string {
  try {
    return t.state;
  } catch {
    return 'unknown';
  }
}

/** The name of a negative result, or the count as text. */
export function errno(result: number): string {
  return result < 0 ? errnoName(result) : String(result);
}

function payload(data: string | Uint8Array | number | undefined, at: number): Uint8Array {
  if (data === undefined) return new Uint8Array(0);
  if (typeof data === 'string') return new TextEncoder().encode(data);
  if (typeof data !== 'number') return data;
  if (data <= PATTERN.length) return PATTERN.subarray(0, data);
  return Uint8Array.from({ length: data }, (_, i) => 97 + ((at + i) % 26));
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function sorted(flags: string): string {
  return [...flags].sort().join('');
}

function isSame(actual: unknown, wanted: unknown): boolean {
  return typeof wanted === 'object' ? JSON.stringify(actual) === JSON.stringify(wanted) : actual === wanted;
}

function show(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 80 ? `${json.slice(0, 80)}...` : json;
}

function describe(flags: string, expected: Expected): string {
  const parts = Object.entries(expected).map(([name, value]) => `${name} ${show(value)}`);
  return `[${flags}]${parts.length > 0 ? ` ${parts.join(', ')}` : ''}`;
}

function describeSeen(seen: Seen): string {
  return `[${seen.flags}] seq ${seen.seq}, ack ${seen.ack}, len ${seen.len}, win ${seen.window}`;
}
