/**
 * RFC 2018 and RFC 2883, the receiver's side: which blocks are sent, in which order.
 */
import { equal, ok } from 'node:assert/strict';
import { type Trace, traceTest } from '../tools/tcp-trace.ts';

function segment(t: Trace, n: number): void {
  t.peer('P.', { seq: 1 + 100 * n, data: 100 });
}
const block = (from: number, to = from + 1): [number, number] => [1 + 100 * from, 1 + 100 * to];

traceTest('RFC 2018 2: SACK permitted is answered with it, and not offered to who did not ask', (t) => {
  t.listen();
  t.peer('S', { mss: 1460, sackOk: true });
  t.expect('S.', { sackOk: true });
  t.use(40001).peer('S', { mss: 1460 });
  t.expect('S.', { sackOk: false });
});

traceTest('RFC 2018 3: without the permission no blocks are sent', (t) => {
  t.establish();
  segment(t, 1);
  t.expect('.', { ack: 1, sack: [] });
});

traceTest('RFC 2018 4: the first block is the one that the newest segment belongs to', (t) => {
  t.establish({ sackOk: true });
  segment(t, 1);
  t.expect('.', { ack: 1, sack: [block(1)] });
  segment(t, 3);
  t.expect('.', { ack: 1, sack: [block(3), block(1)] });
  segment(t, 5);
  t.expect('.', { ack: 1, sack: [block(5), block(3), block(1)] });
  segment(t, 4);
  t.expect('.', { ack: 1, sack: [block(3, 6), block(1)] });
  segment(t, 2);
  t.expect('.', { ack: 1, sack: [block(1, 6)] });
});

traceTest('RFC 2018 4: four blocks at most, the oldest are forgotten', (t) => {
  t.establish({ sackOk: true });
  for (const n of [1, 3, 5, 7]) segment(t, n);
  t.drop();
  segment(t, 9);
  t.expect('.', { ack: 1, sack: [block(9), block(7), block(5), block(3)] });
});

traceTest('RFC 2018 3: three blocks beside timestamps', (t) => {
  t.establish({ sackOk: true, ts: [1, 0] });
  for (const n of [1, 3, 5]) segment(t, n);
  t.drop();
  segment(t, 7);
  t.expect('.', { ack: 1, sack: [block(7), block(5), block(3)] });
});

traceTest('RFC 2018 4: blocks end when the gap in front of them is filled', (t) => {
  t.establish({ sackOk: true });
  segment(t, 1);
  segment(t, 3);
  t.drop();
  segment(t, 0);
  t.expect('.', { ack: 201, sack: [block(3)] });
  segment(t, 2);
  t.expect('.', { ack: 401, sack: [] });
  equal(t.read(), 400);
});

traceTest('RFC 2018: data segments carry blocks as well, and leave room for them', (t) => {
  t.establish({ sackOk: true, mss: 1000 });
  segment(t, 1);
  t.expect('.', { sack: [block(1)] });
  t.write(1000);
  const data = t.expect('.', { seq: 1, sack: [block(1)] });
  ok(data.len <= 1000 - 12, `${data.len} bytes beside 12 of options`);
  t.drop();
});

traceTest('RFC 2883 4.1: a duplicate segment is reported in the first block, below the acknowledgement', (t) => {
  t.establish({ sackOk: true });
  segment(t, 0);
  t.advance(50_000);
  t.expect('.', { ack: 101, sack: [] });
  segment(t, 0);
  t.expect('.', { ack: 101, sack: [block(0)] });
  // Once only.
  segment(t, 1);
  t.advance(50_000);
  t.expect('.', { ack: 201, sack: [] });
});

traceTest('RFC 2883 4.1: a duplicate of data ahead of a gap stands before the block it is in', (t) => {
  t.establish({ sackOk: true });
  segment(t, 2);
  segment(t, 3);
  t.drop();
  segment(t, 3);
  t.expect('.', { ack: 1, sack: [block(3), block(2, 4)] });
});

traceTest('RFC 2883 4.2: only the duplicate part of a segment is reported', (t) => {
  t.establish({ sackOk: true });
  segment(t, 0);
  t.advance(50_000);
  t.drop();
  t.peer('P.', { seq: 51, data: 100 });
  t.expect('.', { ack: 151, sack: [[51, 101]] });
});

traceTest('RFC 2883: tcp_dsack 0 reports none', { sysctl: { 'net.ipv4.tcp_dsack': 0 } }, (t) => {
  t.establish({ sackOk: true });
  segment(t, 0);
  t.advance(50_000);
  t.drop();
  segment(t, 0);
  t.expect('.', { ack: 101, sack: [] });
});
