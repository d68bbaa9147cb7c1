/**
 * RFC 7323: window scale, timestamps, protection against wrapped sequence numbers.
 */
import { equal, ok } from 'node:assert/strict';
import { errno, PEER_TS, traceTest } from '../tools/tcp-trace.ts';

const DAY = 86_400_000_000;

// 2 Window scale

traceTest('2.2: the window of a SYN-ACK is not scaled, that of what follows is', (t) => {
  t.sysctl('net.ipv4.tcp_rmem', '4096 131072 6291456');
  t.listen();
  t.peer('S', { mss: 1460, wscale: 7 });
  const synAck = t.expect('S.', { wscale: 7 });
  equal(synAck.window, 64240);
  t.peer('.');
  t.accept();
  t.peer('P.', { data: 'x' });
  t.advance(50_000);
  const ack = t.expect('.');
  ok(ack.window >= 495 && ack.window <= 510, `window ${ack.window}, times 128`);
});

traceTest('2.2: our data keeps to the scaled window', (t) => {
  t.establish({ mss: 200, wscale: 2, win: 1000 });
  // The handshake's last segment said 1000 << 2.
  t.write(6000);
  const sent = t.drop();
  equal(sent.reduce((sum, s) => sum + s.len, 0), 2000, 'ten segments: the congestion window');
  t.peer('.', { ack: 2001, win: 250 });
  equal(t.drop().reduce((sum, s) => sum + s.len, 0), 1000);
});

traceTest('2.2: the window of the SYN itself is not scaled', (t) => {
  t.listen();
  t.peer('S', { mss: 100, wscale: 7, win: 300 });
  t.expect('S.');
  t.peer('.', { win: 2 });
  t.accept();
  t.write(1000);
  // 2 << 7.
  equal(t.drop().reduce((sum, s) => sum + s.len, 0), 200);
});

traceTest('2.3: without the option in both SYNs nothing is scaled', (t) => {
  t.listen();
  t.peer('S', { mss: 1460 });
  t.expect('S.', { wscale: -1 });
  t.peer('.');
  t.accept();
  t.peer('P.', { data: 'x' });
  t.advance(50_000);
  ok(t.expect('.').window > 60_000);
});

traceTest('2.3: a shift above 14 counts as 14', (t) => {
  t.establish({ mss: 1000, raw: Uint8Array.of(2, 4, 3, 232, 1, 3, 3, 15), win: 1 });
  t.write(20_000);
  // 1 << 14 is 16384; ten segments are the congestion window.
  equal(t.drop().reduce((sum, s) => sum + s.len, 0), 10_000);
});

// 3 Timestamps

traceTest('3.2: negotiated, every segment has them, and the echo is the peer\'s last', (t) => {
  t.establish({ ts: [PEER_TS, 0] });
  t.peer('P.', { data: 'x', ts: [5_000, 0] });
  t.advance(50_000);
  t.expect('.', { ts: { ecr: 5000 } });
  t.write('y');
  t.expect('P.', { ts: { ecr: 5000 } });
});

traceTest('3.2: not negotiated, no segment has them', (t) => {
  t.establish();
  t.write('y');
  t.expect('P.', { ts: null });
});

traceTest('3.2: the clock counts milliseconds', (t) => {
  t.establish({ ts: [PEER_TS, 0] });
  t.write('a');
  const first = t.expect('P.');
  t.peer('.');
  t.advance(1_000_000);
  t.write('b');
  const second = t.expect('P.');
  const passed = second.tsVal - first.tsVal;
  ok(passed >= 1000 && passed <= 1050, `${passed} ticks in a second`);
});

traceTest('3.2: a segment without them on a connection with them is taken (Linux)', (t) => {
  t.establish({ ts: [PEER_TS, 0] });
  t.peer('P.', { data: 'x', ts: null });
  t.advance(50_000);
  t.expect('.', { ack: 2 });
});

traceTest('4.3: a delayed acknowledgement echoes the first segment it is for', (t) => {
  t.establish({ ts: [PEER_TS, 0] });
  t.peer('P.', { data: 'question', ts: [5_000, 0] });
  t.advance(50_000);
  t.drop();
  t.read();
  t.write('answer');
  t.expect('P.');
  t.peer('P.', { data: 'a', ts: [6_000, t.conn.lastHostTs] });
  t.peer('P.', { data: 'b', ts: [6_001, t.conn.lastHostTs] });
  t.advance(50_000);
  const acks = t.drop();
  equal(acks[0]?.ts?.[1], 6_000);
});

traceTest('4.3: a segment ahead of a gap does not change the echo, the one that fills it does', (t) => {
  t.establish({ ts: [PEER_TS, 0], sackOk: true });
  t.peer('P.', { data: 'a', ts: [5_000, 0] });
  t.advance(50_000);
  t.expect('.', { ts: { ecr: 5_000 } });
  t.peer('P.', { seq: 3, data: 'c', ts: [5_010, 0] });
  t.expect('.', { ack: 2, ts: { ecr: 5_000 } });
  t.peer('P.', { seq: 2, data: 'b', ts: [5_005, 0] });
  t.expect('.', { ack: 4, ts: { ecr: 5_005 } });
});

// 5 PAWS

traceTest('5.3 R1: an older timestamp is answered with an ACK and dropped', (t) => {
  t.establish({ ts: [50_000, 0] });
  t.peer('P.', { data: 'fresh', ts: [50_500, 0] });
  t.advance(50_000);
  t.expect('.', { ack: 6 });
  t.peer('P.', { data: 'stale', ts: [40_000, 0] });
  t.expect('.', { ack: 6, ts: { ecr: 50_500 } });
  equal(t.read(), 5);
  equal(t.counter('TcpExtPAWSEstab'), 1);
});

traceTest('5.3 R1: a RST is taken whatever its timestamp', (t) => {
  t.establish({ ts: [50_000, 0] });
  t.peer('R', { ts: [40_000, 0] });
  equal(t.socketError(), 'ECONNRESET');
});

traceTest('5.3: timestamps compare modulo 2^32', (t) => {
  t.establish({ ts: [50_000, 0] });
  t.peer('P.', { data: 'x', ts: [0x7fff_0000, 0] });
  t.advance(50_000);
  t.expect('.', { ack: 2 });
  t.peer('P.', { data: 'y', ts: [0x8fff_0000, 0] });
  t.advance(50_000);
  t.expect('.', { ack: 3 });
});

traceTest('5.5: after 24 idle days an old timestamp is taken', (t) => {
  t.establish({ ts: [50_000, 0] });
  t.quiet(23 * DAY);
  t.peer('P.', { data: 'x', ts: [40_000, 0] });
  t.expect('.', { ack: 1 });
  equal(errno(t.read()), 'EAGAIN');
  t.quiet(1.01 * DAY);
  t.peer('P.', { seq: 1, data: 'x', ts: [40_000, 0] });
  t.advance(50_000);
  t.expect('.', { ack: 2 });
  equal(t.read(), 1);
});

traceTest('SYN-SENT: an echo of something we did not send is answered with RST', (t) => {
  t.reach('SYN-SENT');
  t.peer('S.', { mss: 1460, ts: [PEER_TS, t.conn.lastHostTs + 100_000] });
  t.expect('R', { seq: 1 });
  equal(t.state, 'SYN-SENT');
  equal(t.counter('TcpExtPAWSActive'), 1);
  t.advance(10_000);
  t.drop();
});
