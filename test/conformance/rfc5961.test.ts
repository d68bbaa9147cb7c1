/**
 * RFC 5961: blind attacks on a connection, as Linux defends it.
 */
import { equal } from 'node:assert/strict';
import { errno, type StateName, traceTest } from '../tools/tcp-trace.ts';

const STATES: readonly StateName[] = ['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'CLOSING', 'LAST-ACK'];
const AFTER_FIN: readonly StateName[] = ['CLOSE-WAIT', 'CLOSING', 'LAST-ACK'];
const SENT_FIN: readonly StateName[] = ['FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSING', 'LAST-ACK'];

for (const state of STATES) {
  const rcvNxt = AFTER_FIN.includes(state) ? 2 : 1;
  const sndNxt = SENT_FIN.includes(state) ? 2 : 1;

  for (const [where, seq] of [['just behind RCV.NXT', rcvNxt + 1], ['deep in the window', rcvNxt + 30_000]] as const) {
    traceTest(`3.2, ${state}: a RST ${where} gets a challenge ACK`, (t) => {
      t.reach(state);
      t.peer('R', { seq });
      t.expect('.', { seq: sndNxt, ack: rcvNxt, len: 0 });
      equal(t.state, state);
      equal(t.counter('TcpExtTCPChallengeACK'), 1);
    });
  }

  traceTest(`3.2, ${state}: a RST before RCV.NXT is dropped`, (t) => {
    t.reach(state);
    t.peer('R', { seq: rcvNxt - 2 });
    t.expectNothing();
    equal(t.state, state);
  });

  for (const [where, seq] of [
    ['at RCV.NXT', rcvNxt], ['in the window', rcvNxt + 100], ['far behind the window', rcvNxt + 1_000_000], ['long past', -1_000_000],
  ] as const) {
    traceTest(`4.2, ${state}: a SYN ${where} gets a challenge ACK`, (t) => {
      t.reach(state);
      t.peer('S', { seq, mss: 1460 });
      t.expect('.', { seq: sndNxt, ack: rcvNxt, len: 0 });
      equal(t.state, state);
      equal(t.counter('TcpExtTCPSYNChallenge'), 1);
    });
  }
}

for (const state of AFTER_FIN) {
  traceTest(`3.2 in Linux, ${state}: a RST that forgot to count the FIN is taken`, (t) => {
    t.reach(state);
    t.peer('R', { seq: 1 });
    t.expectNothing();
    equal(t.state, 'LISTEN');
  });
}

traceTest('3.2: the honest peer answers the challenge with a RST at RCV.NXT', (t) => {
  t.establish();
  t.peer('R', { seq: 500 });
  const challenge = t.expect('.', { ack: 1 });
  t.peer('R', { seq: challenge.ack });
  t.expectNothing();
  equal(t.socketError(), 'ECONNRESET');
});

traceTest('3.2: a RST with data or ACK is a RST all the same', (t) => {
  t.establish();
  t.peer('R.', { seq: 1, data: 'go away' });
  t.expectNothing();
  equal(t.socketError(), 'ECONNRESET');
});

traceTest('3.2 in Linux: a RST at the right edge of the last SACK block is taken', (t) => {
  t.establish({ sackOk: true });
  t.peer('P.', { seq: 11, data: 'later' });
  t.expect('.', { ack: 1, sack: [[11, 16]] });
  t.peer('R', { seq: 16 });
  t.expectNothing();
  equal(t.socketError(), 'ECONNRESET');
});

traceTest('4.2: a SYN with an acknowledgement gets a challenge ACK too', (t) => {
  t.establish();
  t.peer('S.', { seq: 0, ack: 1, mss: 1460 });
  t.expect('.', { seq: 1, ack: 1 });
});

traceTest('5.2: an acknowledgement older than the largest window ever gets a challenge ACK, and its data is dropped', (t) => {
  t.establish({ win: 1000 });
  t.write(500);
  t.expect('P.', { seq: 1, len: 500 });
  t.peer('.', { win: 1000 });
  t.write(900);
  t.expect('.', { seq: 501, len: 500 });
  t.expect('P.', { seq: 1001, len: 400 });
  t.peer('.');
  t.write(400);
  t.expect('P.', { seq: 1401, len: 400 });
  t.peer('.');
  t.write(300);
  t.expect('P.', { seq: 1801, len: 300 });
  t.peer('.');
  // SND.UNA 2101, MAX.SND.WND 1000: below 1101 is too old.
  t.peer('P.', { ack: 1100, data: 'forged' });
  t.expect('.', { seq: 2101, ack: 1 });
  equal(errno(t.read()), 'EAGAIN');
});

traceTest('5.2: an old acknowledgement within the window is an old one, its data is taken', (t) => {
  t.establish({ win: 1000 });
  t.write(500);
  t.expect('P.', { seq: 1, len: 500 });
  t.peer('.');
  t.peer('P.', { ack: 100, data: 'late' });
  t.advance(50_000);
  t.expect('.', { ack: 5 });
  equal(t.read(), 4);
});

traceTest('7: one challenge ACK per connection and 500 ms', (t) => {
  t.establish();
  t.peer('S', { seq: 100, mss: 1460 });
  t.expect('.', { ack: 1 });
  t.advance(200_000);
  t.peer('S', { seq: 100, mss: 1460 });
  t.peer('R', { seq: 100 });
  t.expectNothing();
  equal(t.counter('TcpExtTCPACKSkippedChallenge'), 2);
  t.advance(350_000);
  t.peer('S', { seq: 100, mss: 1460 });
  t.expect('.', { ack: 1 });
});

traceTest('7: one answer to segments without data outside the window per connection and 500 ms', (t) => {
  t.establish();
  t.peer('.', { seq: 0 });
  t.expect('.', { ack: 1 });
  t.peer('.', { seq: 0 });
  t.expectNothing();
  equal(t.counter('TcpExtTCPACKSkippedSeq'), 1);
  t.advance(550_000);
  t.peer('.', { seq: 0 });
  t.expect('.', { ack: 1 });
});

traceTest('7: segments with data outside the window are answered each time', (t) => {
  t.establish();
  for (let i = 0; i < 3; i++) {
    t.peer('P.', { seq: 500_000, data: 'x' });
    t.expect('.', { ack: 1 });
  }
});

traceTest('7: tcp_invalid_ratelimit is the interval', { sysctl: { 'net.ipv4.tcp_invalid_ratelimit': 100 } }, (t) => {
  t.establish();
  t.peer('S', { seq: 100, mss: 1460 });
  t.expect('.');
  t.advance(120_000);
  t.peer('S', { seq: 100, mss: 1460 });
  t.expect('.');
});

traceTest('7: tcp_challenge_ack_limit 1: at most one for the host in a second', { sysctl: { 'net.ipv4.tcp_challenge_ack_limit': 1 } }, (t) => {
  t.listen();
  let answered = 0;
  for (let port = 40000; port < 40008; port++) {
    t.use(port, 80).peer('S', { mss: 1460 });
    t.expect('S.');
    t.peer('.');
  }
  for (let port = 40000; port < 40008; port++) {
    t.use(port, 80).peer('R', { seq: 100 });
    answered += t.drop().length;
  }
  // Half the limit and a random share of it: 0 or 1 (a second may end in between on a real kernel).
  equal(answered <= 2, true, `${answered} challenges`);
});
