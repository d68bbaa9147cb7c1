/**
 * RFC 6298, the retransmission timeout, with Linux's constants: 1 s at first, never below 200 ms, at most 120 s.
 */
import { equal, ok } from 'node:assert/strict';
import { PEER_TS, type Trace, traceTest } from '../tools/tcp-trace.ts';

function near(actual: number, wanted: number, tolerance: number, what: string): void {
  ok(Math.abs(actual - wanted) <= tolerance, `${what} ${actual} instead of ${wanted}`);
}
/** A real wire adds its own time. */
const GRAIN = 25_000;

traceTest('2.1: 1 s before there is a measurement', (t) => {
  t.reach('SYN-SENT');
  near(t.info().rtoUs, 1_000_000, 4000, 'RTO');
  t.after(1_000_000, 'S');
});

for (const [rtt, rto] of [[20_000, 220_000], [100_000, 300_000], [300_000, 900_000]] as const) {
  traceTest(`2.2: first measurement ${rtt / 1000} ms: SRTT <- R, RTTVAR <- R/2, at least 200 ms, RTO ${rto / 1000} ms`, (t) => {
    t.establish({ side: 'client', round: rtt });
    near(t.info().rttUs, rtt, GRAIN, 'SRTT');
    near(t.info().rtoUs, rto, 3 * GRAIN, 'RTO');
    t.write('x');
    t.expect('P.');
    t.after(t.info().rtoUs, 'P.', { seq: 1 }, 5000);
  });
}

traceTest('2.3: SRTT <- 7/8 SRTT + 1/8 R', (t) => {
  t.establish({ side: 'client', round: 100_000 });
  const before = t.info().rttUs;
  t.write('x');
  t.expect('P.');
  t.advance(180_000);
  t.peer('.');
  near(t.info().rttUs, before + (180_000 - before) / 8, GRAIN / 4, 'SRTT');
});

traceTest('2.4: never below 200 ms above SRTT', (t) => {
  t.establish({ side: 'client', round: 1000 });
  for (let i = 0; i < 10; i++) {
    t.write('x');
    t.expect('P.');
    t.advance(1000);
    t.peer('.');
  }
  const { rtoUs, rttUs } = t.info();
  ok(rtoUs >= 200_000 && rtoUs <= 260_000, `RTO ${rtoUs}, SRTT ${rttUs}`);
});

traceTest('3, Karn: without timestamps a retransmitted segment is not measured, and the timeout stays doubled', (t) => {
  t.establish({ side: 'client', round: 100_000 });
  const { rttUs, rtoUs } = t.info();
  t.write('x');
  t.expect('P.');
  t.after(rtoUs, 'P.', {}, 5000);
  t.advance(50_000);
  t.peer('.');
  equal(t.info().rttUs, rttUs);
  near(t.info().rtoUs, 2 * rtoUs, 4000, 'RTO');
  // The next measurement ends that.
  t.write('y');
  t.expect('P.');
  t.advance(100_000);
  t.peer('.');
  ok(t.info().rtoUs < 1.3 * rtoUs);
});

traceTest('3: with timestamps it is, by the echo', (t) => {
  t.establish({ side: 'client', round: 100_000, ts: [PEER_TS, 0] });
  const { rttUs, rtoUs } = t.info();
  t.write('x');
  t.expect('P.');
  t.after(rtoUs, 'P.', {}, 5000);
  t.advance(20_000);
  t.peer('.');
  ok(t.info().rttUs < rttUs, `SRTT ${t.info().rttUs} went down from ${rttUs}`);
  ok(t.info().rtoUs < 1.2 * rtoUs, `RTO ${t.info().rtoUs}`);
});

traceTest('5.1, 5.3: the timer starts with the first segment in flight and anew with every acknowledgement of new data', (t: Trace) => {
  t.establish({ mss: 1000 });
  t.write(1000);
  t.expect('P.', { seq: 1 });
  t.advance(100_000);
  t.write(1000);
  t.expect('P.', { seq: 1001 });
  t.advance(50_000);
  t.peer('.', { ack: 1001 });
  // 200 ms from here, not from the first segment; the second was sent 50 ms ago.
  const rto = t.info().rtoUs;
  t.after(rto, 'P.', { seq: 1001 }, 10_000);
});

traceTest('5.2: nothing in flight, no timer', (t) => {
  t.establish();
  t.write('x');
  t.expect('P.');
  t.peer('.');
  t.quiet(10_000_000);
});

traceTest('5.4 to 5.6: the earliest segment goes again, and the timeout doubles up to 120 s', (t) => {
  t.establish({ mss: 1000 });
  t.write(3000);
  t.drop();
  let rto = t.info().rtoUs;
  for (let i = 0; i < 11; i++) {
    t.after(rto, '.', { seq: 1, len: 1000 }, 10_000);
    rto = Math.min(2 * rto, 120_000_000);
    near(t.info().rtoUs, rto, 5000, 'RTO');
  }
});

traceTest('5.7: after a lost SYN data begins with 3 s', (t) => {
  t.reach('SYN-SENT');
  t.after(1_000_000, 'S', {}, 20_000);
  t.advance(10_000);
  t.peer('S.', { mss: 1460 });
  t.expect('.');
  near(t.info().rtoUs, 3_000_000, 5000, 'RTO');
  t.write('x');
  t.expect('P.');
  t.after(3_000_000, 'P.', { seq: 1 }, 20_000);
});
