/** Lingering close(2): what ends the wait. */
import { deepEqual, equal } from 'node:assert/strict';
import { type Trace, traceTest } from '../tools/tcp-trace.ts';

/** Closes with SO_LINGER of `seconds`; the list has the time at which the call returned, once it has. */
function lingeringClose(t: Trace, seconds: number): number[] {
  t.linger(true, seconds);
  t.mark();
  const returned: number[] = [];
  void t.ours.process.close(t.fd).then(() => returned.push(t.now));
  return returned;
}

/** Lets the promises that are settled be heard. */
function heard(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

traceTest('SO_LINGER: close(2) of a non-blocking socket waits too', async (t) => {
  t.establish();
  const returned = lingeringClose(t, 5);
  t.expect('F.', { seq: 1, ack: 1 });
  t.advance(4_900_000);
  await heard();
  deepEqual(returned, []);
  t.advance(200_000);
  t.drop();
  await heard();
  // The time when it was looked at.
  deepEqual(returned, [5_100_000]);
});

traceTest('SO_LINGER: CLOSING becoming TIME-WAIT ends the wait', async (t) => {
  t.establish();
  const returned = lingeringClose(t, 30);
  t.expect('F.', { seq: 1, ack: 1 });
  t.peer('F.', { ack: 1 });
  t.expect('.', { seq: 2, ack: 2 });
  equal(t.state, 'CLOSING');
  t.advance(20_000);
  await heard();
  deepEqual(returned, []);
  t.peer('.', { ack: 2 });
  equal(t.state, 'TIME-WAIT');
  await heard();
  deepEqual(returned, [20_000]);
});
