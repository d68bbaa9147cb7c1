/**
 * The sender's answer to loss: RFC 8985 (RACK, TLP), RFC 6937 (PRR), RFC 5681 and RFC 9438 (windows).
 */
import { equal, ok } from 'node:assert/strict';
import { SO, SOL } from '../../src/socket/constants.ts';
import { type PeerSegment, type Seen, type Trace, traceTest } from '../tools/tcp-trace.ts';

const MSS = 1000;

/** A connection with a round-trip time of 100 ms and `segments` segments of data written. */
function bulk(t: Trace, segments: number, options: PeerSegment = { sackOk: true }): Seen[] {
  t.establish({ side: 'client', round: 100_000, mss: MSS, ...options });
  t.setOption(SOL.SOCKET, SO.SNDBUF, 200_000);
  equal(t.write(segments * MSS), segments * MSS);
  return t.drop();
}
const seq = (n: number): number => 1 + n * MSS;
const blocks = (from: number, to: number): { sack: [number, number][] } => ({ sack: [[seq(from), seq(to)]] });

// RFC 5681, RFC 6928

traceTest('RFC 6928: the first window is ten segments', (t) => {
  equal(bulk(t, 20).length, 10);
  equal(t.info().cwnd, 10);
});

traceTest('RFC 5681 3.1: slow start: one more for every segment acknowledged', (t) => {
  bulk(t, 40);
  t.advance(100_000);
  for (let n = 1; n <= 10; n++) t.peer('.', { ack: seq(n) });
  equal(t.info().cwnd, 20);
  equal(t.drop().length, 20);
});

traceTest('RFC 5681 3.1: an application that does not use its window does not grow it', (t) => {
  bulk(t, 1);
  t.advance(100_000);
  t.peer('.');
  for (let i = 0; i < 5; i++) {
    t.write(MSS);
    t.expect('P.');
    t.advance(100_000);
    t.peer('.');
  }
  equal(t.info().cwnd, 10);
});

traceTest('RFC 5681 3.2: three duplicate acknowledgements without SACK: the first segment goes again', (t) => {
  bulk(t, 10, {});
  t.advance(100_000);
  // The first one after the handshake is no duplicate to Linux: its window is newer than the SYN-ACK's.
  for (let i = 0; i < 3; i++) t.peer('.', { ack: 1 });
  t.expectNothing();
  t.peer('.', { ack: 1 });
  t.expect('.', { seq: 1, len: MSS });
  equal(t.info().ssthresh, 7);
  t.peer('.', { ack: seq(10) });
  // Linux stays in recovery until something newer is acknowledged, lest the same duplicates count again.
  equal(t.info().caState, 3);
  t.write(MSS);
  t.expect('P.');
  t.peer('.');
  equal(t.info().caState, 0);
  ok(t.info().cwnd >= 7 && t.info().cwnd <= 8, `cwnd ${t.info().cwnd}`);
});

traceTest('RFC 9438 4.6: after a loss ssthresh is 717/1024 of the window', (t) => {
  bulk(t, 10);
  t.advance(100_000);
  t.peer('.', { ack: 1, ...blocks(1, 5) });
  t.expect('.', { seq: 1, len: MSS });
  equal(t.info().ssthresh, 7);
});

traceTest('RFC 5681 with Reno: half of it', { sysctl: { 'net.ipv4.tcp_congestion_control': 'reno' } }, (t) => {
  bulk(t, 10);
  t.advance(100_000);
  t.peer('.', { ack: 1, ...blocks(1, 5) });
  t.expect('.', { seq: 1, len: MSS });
  equal(t.info().ssthresh, 5);
});

traceTest('RFC 5681 3.1: after a timeout the window is one segment', (t) => {
  t.sysctl('net.ipv4.tcp_early_retrans', 0);
  bulk(t, 10);
  t.after(t.info().rtoUs, '.', { seq: 1, len: MSS }, 10_000);
  equal(t.info().cwnd, 1);
  equal(t.info().ssthresh, 7);
  equal(t.info().lost, 10);
  t.expectNothing();
  // Slow start again, over what is counted as lost.
  t.peer('.', { ack: seq(1) });
  equal(t.drop().length, 2);
});

traceTest('RFC 5681 4.1 in Linux: after an idle RTO the window restarts, at most ten segments', (t) => {
  bulk(t, 40);
  t.advance(100_000);
  for (let n = 1; n <= 10; n++) t.peer('.', { ack: seq(n) });
  t.drop();
  t.advance(100_000);
  for (let n = 11; n <= 40; n++) t.peer('.', { ack: Math.min(seq(n), t.conn.hostNext) });
  t.drop();
  t.peer('.');
  const before = t.info().cwnd;
  ok(before > 20, `${before}`);
  t.advance(5_000_000);
  t.write(MSS);
  t.expect('P.');
  ok(t.info().cwnd <= 10, `${t.info().cwnd} after the pause`);
});

// RFC 8985 RACK

traceTest('RFC 8985 6.2: with three segments SACKed behind it the first is lost at once', (t) => {
  bulk(t, 10);
  t.advance(100_000);
  t.peer('.', { ack: 1, ...blocks(1, 2) });
  t.peer('.', { ack: 1, ...blocks(1, 3) });
  t.expectNothing();
  t.peer('.', { ack: 1, ...blocks(1, 4) });
  t.expect('.', { seq: 1, len: MSS });
  equal(t.info().caState, 3);
  equal(t.counter('TcpExtTCPSackRecovery'), 1);
});

traceTest('RFC 8985 6.2: with fewer it is lost a quarter of the least RTT later', (t) => {
  bulk(t, 10);
  t.advance(100_000);
  t.peer('.', { ack: 1, ...blocks(1, 2) });
  t.after(25_000, '.', { seq: 1, len: MSS }, 10_000);
  equal(t.info().caState, 3);
});

traceTest('RFC 8985 6.2: reordering within that time is no loss', (t) => {
  bulk(t, 10);
  t.advance(100_000);
  t.peer('.', { ack: 1, ...blocks(1, 2) });
  t.advance(5_000);
  t.peer('.', { ack: seq(2) });
  t.advance(60_000);
  t.drop();
  equal(t.info().totalRetrans, 0);
  equal(t.info().ssthresh, 0x7fffffff);
});

traceTest('RFC 8985: a lost retransmission is found by what was sent after it', (t) => {
  bulk(t, 30);
  t.advance(100_000);
  t.peer('.', { ack: 1, ...blocks(1, 5) });
  const sent = t.drop();
  equal(sent[0]?.seq, 1);
  for (let n = 6; n <= 10; n++) t.peer('.', { ack: 1, ...blocks(1, n) });
  const later = t.drop();
  ok(later.length > 0, 'new data went out during recovery');
  t.advance(100_000);
  // The newest data arrives, the retransmission does not.
  const newest = t.conn.hostNext;
  t.peer('.', { ack: 1, sack: [[seq(1), newest]] });
  t.advance(60_000);
  const again = t.drop().filter((segment) => segment.seq === 1);
  equal(again.length, 1);
  equal(t.counter('TcpExtTCPLostRetransmit'), 1);
});

// RFC 8985 7 TLP

traceTest('RFC 8985 7.2: a probe after two RTTs: the last segment again', (t) => {
  equal(bulk(t, 4).length, 4);
  const { rttUs } = t.info();
  t.after(2 * rttUs + 2000, 'P.', { seq: seq(3), len: MSS }, 10_000);
  equal(t.counter('TcpExtTCPLossProbes'), 1);
  equal(t.info().cwnd, 10);
});

traceTest('RFC 8985 7.3: or new data, when there is some', (t) => {
  equal(bulk(t, 12).length, 10);
  const { rttUs } = t.info();
  t.after(2 * rttUs + 2000, '.', { seq: seq(10), len: MSS }, 10_000);
});

traceTest('RFC 8985 7.2: one segment alone waits for a delayed acknowledgement, at most an RTO', (t) => {
  bulk(t, 1);
  t.after(t.info().rtoUs, 'P.', { seq: 1 }, 10_000);
  equal(t.counter('TcpExtTCPLossProbes'), 1);
});

traceTest('RFC 8985 7.3: one probe only, then the timeout', (t) => {
  bulk(t, 4);
  const { rttUs, rtoUs } = t.info();
  t.after(2 * rttUs + 2000, 'P.', { seq: seq(3) }, 10_000);
  t.after(rtoUs, '.', { seq: 1 }, 110_000);
  equal(t.counter('TcpExtTCPLossProbes'), 1);
  ok(t.counter('TcpExtTCPTimeouts') >= 1);
});

traceTest('RFC 8985 7.4: the probe alone arrived: the last segment was lost, and the window shrinks', (t) => {
  bulk(t, 4);
  const { rttUs } = t.info();
  t.advance(50_000);
  t.peer('.', { ack: seq(3) });
  t.after(2 * rttUs, 'P.', { seq: seq(3) }, 220_000);
  t.advance(100_000);
  t.peer('.', { ack: seq(4) });
  // Known when something newer is acknowledged and no DSACK has come.
  t.write(MSS);
  t.expect('P.');
  t.advance(100_000);
  t.peer('.', { ack: seq(5) });
  equal(t.counter('TcpExtTCPLossProbeRecovery'), 1);
  ok(t.info().ssthresh < 20, `ssthresh ${t.info().ssthresh}`);
});

traceTest('RFC 8985 7.4: with a DSACK nothing was lost', (t) => {
  bulk(t, 4);
  const { rttUs } = t.info();
  t.after(2 * rttUs + 2000, 'P.', { seq: seq(3) }, 10_000);
  t.peer('.', { ack: seq(4) });
  t.peer('.', { ack: seq(4), ...blocks(3, 4) });
  equal(t.counter('TcpExtTCPLossProbeRecovery'), 0);
  ok(t.info().ssthresh > 1_000_000);
});

traceTest('RFC 8985 7.1: without SACK there is no probe', (t) => {
  bulk(t, 4, {});
  t.after(t.info().rtoUs, '.', { seq: 1 }, 10_000);
  equal(t.counter('TcpExtTCPLossProbes'), 0);
});

// RFC 6937

traceTest('RFC 6937: one of ten is lost: in one round 7 go out for 10 that arrived', (t) => {
  bulk(t, 40);
  t.advance(100_000);
  let sent = 0;
  for (let n = 2; n <= 10; n++) {
    t.peer('.', { ack: 1, ...blocks(1, n) });
    sent += t.drop().length;
  }
  t.peer('.', { ack: 1, ...blocks(1, 10) });
  sent += t.drop().length;
  ok(sent >= 6 && sent <= 8, `${sent} segments`);
  equal(t.info().ssthresh, 7);
});

traceTest('RFC 6937: at the end of recovery the window is ssthresh, and grows on from there', (t) => {
  bulk(t, 40);
  t.advance(100_000);
  for (let n = 2; n <= 10; n++) t.peer('.', { ack: 1, ...blocks(1, n) });
  t.drop();
  t.advance(100_000);
  t.peer('.', { ack: t.conn.hostNext });
  t.drop();
  equal(t.info().caState, 0);
  // Linux's cubic adds one at once for the round that ended.
  equal(t.info().cwnd, 8);
});

// Undo

traceTest('RFC 3708 in Linux: a DSACK for every retransmission undoes the reduction', (t) => {
  bulk(t, 10);
  t.advance(100_000);
  t.peer('.', { ack: 1, ...blocks(1, 4) });
  t.expect('.', { seq: 1 });
  equal(t.info().ssthresh, 7);
  t.peer('.', { ack: seq(4) });
  t.drop();
  t.peer('.', { ack: seq(4), ...blocks(0, 1) });
  t.drop();
  t.peer('.', { ack: seq(10) });
  ok(t.info().cwnd >= 10, `cwnd ${t.info().cwnd}`);
  equal(t.info().caState, 0);
});
