/**
 * RFC 6528: initial sequence numbers are a clock plus a secret function of the connection.
 */
import { equal, notEqual, ok } from 'node:assert/strict';
import { traceTest } from '../tools/tcp-trace.ts';

traceTest('3: connections differ, in either port', (t) => {
  t.listen();
  const seen = new Set<number>();
  for (let port = 40000; port < 40016; port++) {
    t.use(port, 80).peer('S', { mss: 1460 });
    t.expect('S.');
    seen.add(t.conn.hostIsn >> 16);
  }
  ok(seen.size >= 14, `${seen.size} of 16 differ in their upper half`);
});

traceTest('3: the same connection goes up with the clock: 15.625 a microsecond (64 ns, Linux)', (t) => {
  t.reach('SYN-RECEIVED');
  const first = t.conn.hostIsn;
  const from = t.now;
  t.peer('R', { seq: 1 });
  equal(t.state, 'LISTEN');
  t.advance(1_000_000);
  t.renew();
  t.peer('S', { mss: 1460 });
  const took = t.now - from;
  t.expect('S.');
  const grown = (t.conn.hostIsn - first) >>> 0;
  ok(Math.abs(grown / took / 15.625 - 1) < 0.1, `${grown} in ${took} us`);
});

traceTest('3: active opens too: two connections of one host do not begin alike', (t) => {
  t.connect();
  t.expect('S');
  const first = t.conn.hostIsn;
  t.connect(81);
  t.expect('S');
  notEqual(t.conn.hostIsn, first);
});
