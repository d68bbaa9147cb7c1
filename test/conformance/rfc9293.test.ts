/**
 * RFC 9293 beside section 3.10.7: options, opening, closing, sending rules, windows, urgent data, the user's calls.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { SO, SOL, TCP } from '../../src/socket/constants.ts';
import { Msg, Shut } from '../../src/transport/endpoint.ts';
import { errno, type StateName, type Trace, traceTest } from '../tools/tcp-trace.ts';

// 3.5 Establishing

traceTest('3.5: simultaneous open, with the SYN-ACK of the other side as its end', (t) => {
  t.reach('SYN-SENT');
  t.peer('S', { mss: 1460 });
  t.expect('S.', { seq: 0, ack: 1 });
  equal(t.state, 'SYN-RECEIVED');
  t.peer('S.', { seq: 0, ack: 1, mss: 1460 });
  t.expect('.', { seq: 1, ack: 1 });
  equal(t.state, 'ESTABLISHED');
  t.peer('P.', { data: 'hi' });
  t.advance(50_000);
  t.expect('.', { seq: 1, ack: 3 });
  equal(t.read(), 2);
});

traceTest('3.5.1: a half-open connection: our SYN meets an old one, and the reset clears it', (t) => {
  t.establish();
  t.peer('S', { seq: 5000, mss: 1460 });
  t.expect('.', { seq: 1, ack: 1 });
  t.peer('R', { seq: 1 });
  equal(t.socketError(), 'ECONNRESET');
});

// 3.6 Closing

traceTest('3.6: normal close, our side first', (t) => {
  t.establish();
  t.close();
  t.expect('F.', { seq: 1, ack: 1 });
  equal(t.state, 'FIN-WAIT-1');
  t.peer('.');
  equal(t.state, 'FIN-WAIT-2');
  t.peer('F.');
  t.expect('.', { seq: 2, ack: 2 });
  equal(t.state, 'TIME-WAIT');
});

traceTest('3.6: normal close, the peer first', (t) => {
  t.establish();
  t.peer('F.');
  t.advance(50_000);
  t.expect('.', { seq: 1, ack: 2 });
  equal(t.state, 'CLOSE-WAIT');
  t.close();
  t.expect('F.', { seq: 1, ack: 2 });
  equal(t.state, 'LAST-ACK');
  t.peer('.');
  equal(t.state, 'LISTEN');
});

traceTest('3.6: simultaneous close', (t) => {
  t.establish();
  t.close();
  t.expect('F.', { seq: 1, ack: 1 });
  t.peer('F.', { ack: 1 });
  t.expect('.', { seq: 2, ack: 2 });
  equal(t.state, 'CLOSING');
  t.peer('.', { ack: 2 });
  equal(t.state, 'TIME-WAIT');
});

traceTest('3.6: half-close: we go on reading', (t) => {
  t.establish();
  equal(t.shutdown(Shut.WR), 0);
  t.expect('F.', { seq: 1 });
  t.peer('.');
  t.peer('P.', { data: 'still here' });
  t.advance(50_000);
  t.expect('.', { seq: 2, ack: 11 });
  equal(t.read(), 10);
  equal(errno(t.write('x')), 'EPIPE');
  t.peer('F.');
  t.expect('.', { seq: 2, ack: 12 });
  equal(t.read(), 0);
  equal(t.state, 'TIME-WAIT');
});

traceTest('3.6: half-close by the peer: we go on writing', (t) => {
  t.reach('CLOSE-WAIT');
  equal(t.write('answer'), 6);
  t.expect('P.', { seq: 1, ack: 2, data: 'answer' });
  t.peer('.');
  equal(t.read(), 0);
});

traceTest('3.6: close sends what is queued before the FIN', (t) => {
  t.establish({ win: 2000, mss: 1000 });
  equal(t.write(2500), 2500);
  t.expect('.', { seq: 1, len: 1000 });
  t.drop();
  t.close();
  t.expectNothing();
  t.peer('.', { ack: 2001, win: 10_000 });
  t.expect('FP.', { seq: 2001, len: 500 });
  equal(t.state, 'FIN-WAIT-1');
  t.peer('.', { ack: 2502 });
  equal(t.state, 'FIN-WAIT-2');
});

// 3.7.1 Maximum segment size

for (const [ipVersion, mss] of [[4, 1460], [6, 1440]] as const) {
  traceTest(`3.7.1: IPv${ipVersion} announces the MTU less the headers, as client and as server`, { ipVersion }, (t) => {
    t.listen(81);
    t.use(40001, 81).peer('S', { mss: 1000 });
    t.expect('S.', { mss });
    t.connect(80);
    t.expect('S', { mss });
  });
}

for (const [ipVersion, most] of [[4, 536], [6, 1220]] as const) {
  traceTest(`3.7.1: without the option the peer takes ${most} bytes (IPv${ipVersion})`, { ipVersion }, (t) => {
    t.listen();
    t.peer('S');
    t.expect('S.');
    t.peer('.');
    t.accept();
    t.write(1300);
    t.expect('.', { len: most });
    t.drop();
  });
}

traceTest('3.7.1: segments are no longer than the peer takes', (t) => {
  t.establish({ mss: 700 });
  t.write(1400);
  t.expect('.', { seq: 1, len: 700 });
  t.expect('P.', { seq: 701, len: 700 });
});

traceTest('3.7.1: nor longer than the MTU, whatever the peer takes', { mtu: 1000 }, (t) => {
  t.establish({ mss: 1460 });
  t.write(1000);
  t.expect('.', { len: 960 });
  t.expect('P.', { len: 40 });
});

traceTest('3.7.1: the timestamps take their 12 bytes of it', (t) => {
  t.establish({ mss: 1460, ts: [1, 0] });
  t.write(1460);
  t.expect('.', { len: 1448 });
  t.expect('P.', { len: 12 });
});

// 3.7.4 Nagle

traceTest('3.7.4 Nagle: small data waits while small data is in flight', (t) => {
  t.establish();
  t.write('a');
  t.expect('P.', { data: 'a' });
  t.write('b');
  t.write('c');
  t.expectNothing();
  t.peer('.', { ack: 2 });
  t.expect('P.', { seq: 2, data: 'bc' });
});

traceTest('3.7.4 Nagle: a full segment goes at once, its rest waits', (t) => {
  t.establish({ mss: 1000 });
  t.write('a');
  t.expect('P.', { len: 1 });
  t.write(1500);
  t.expect('.', { seq: 2, len: 1000 });
  t.expectNothing();
  t.peer('.');
  t.expect('P.', { seq: 1002, len: 500 });
});

traceTest('3.7.4 Nagle: TCP_NODELAY sends at once', (t) => {
  t.establish();
  equal(t.setTcp(TCP.NODELAY, 1), 0);
  t.write('a');
  t.write('b');
  t.expect('P.', { data: 'a' });
  t.expect('P.', { data: 'b' });
});

traceTest('3.7.4 Nagle: setting TCP_NODELAY sends what waited', (t) => {
  t.establish();
  t.write('a');
  t.expect('P.', { data: 'a' });
  t.write('b');
  t.expectNothing();
  t.setTcp(TCP.NODELAY, 1);
  t.expect('P.', { data: 'b' });
});

traceTest('3.7.4: TCP_CORK holds even the first small segment, for 200 ms', (t) => {
  t.establish();
  t.setTcp(TCP.CORK, 1);
  t.write('a');
  t.expectNothing();
  t.after(200_000, 'P.', { data: 'a' }, 10_000);
  t.write('b');
  t.peer('.');
  t.expectNothing();
  t.setTcp(TCP.CORK, 0);
  t.expect('P.', { data: 'b' });
});

traceTest('3.7.4: MSG_MORE waits for the next write', (t) => {
  t.establish();
  t.write('a', Msg.MORE);
  t.expectNothing();
  t.write('b');
  t.expect('P.', { data: 'ab' });
});

// 3.8.1, 3.8.3 Retransmission

traceTest('3.8.1: what is not acknowledged is sent again, backing off', (t) => {
  t.establish();
  t.write('abc');
  t.expect('P.', { seq: 1, data: 'abc' });
  t.after(200_000, 'P.', { seq: 1, data: 'abc' }, 5000);
  t.after(400_000, 'P.', { seq: 1, data: 'abc' }, 5000);
  t.after(800_000, 'P.', { seq: 1, data: 'abc' }, 5000);
  t.peer('.');
  t.quiet(5_000_000);
});

traceTest('3.8.1: a FIN is sent again', (t) => {
  t.reach('FIN-WAIT-1');
  t.after(200_000, 'F.', { seq: 1 }, 5000);
  t.peer('.');
  t.quiet(5_000_000);
});

traceTest('3.8.3: after R2 the connection is given up with ETIMEDOUT', { sysctl: { 'net.ipv4.tcp_retries2': 3 } }, (t) => {
  t.establish();
  t.write('abc');
  t.expect('P.', { seq: 1 });
  for (const us of [200_000, 400_000, 800_000]) t.after(us, 'P.', { seq: 1 }, 5000);
  t.advance(2_000_000);
  const again = t.drop().length;
  ok(again <= 1, `${again} more`);
  t.advance(4_000_000);
  equal(t.state, 'LISTEN');
  equal(t.socketError(), 'ETIMEDOUT');
  equal(t.read(), 0);
});

// 3.8.6.1 Zero window

traceTest('3.8.6.1: a zero window is probed, backing off, and opening sends the data', (t) => {
  t.establish();
  t.peer('.', { win: 0 });
  equal(t.write('hello'), 5);
  t.expectNothing();
  t.after(200_000, '.', { seq: 0, len: 0 }, 5000);
  t.peer('.', { win: 0 });
  t.after(400_000, '.', { seq: 0, len: 0 }, 5000);
  t.peer('.', { win: 0 });
  t.after(800_000, '.', { seq: 0, len: 0 }, 5000);
  t.peer('.', { win: 1000 });
  t.expect('P.', { seq: 1, data: 'hello' });
});

traceTest('3.8.6.1: a probe that is answered goes on for ever', { sysctl: { 'net.ipv4.tcp_retries2': 3 } }, (t) => {
  t.establish();
  t.peer('.', { win: 0 });
  t.write('hello');
  for (const us of [200_000, 400_000, 800_000, 1_600_000, 1_600_000, 1_600_000]) {
    t.after(us, '.', { seq: 0, len: 0 }, 10_000);
    t.peer('.', { win: 0 });
  }
  equal(t.state, 'ESTABLISHED');
});

traceTest('3.8.6.1: a probe that is never answered ends the connection', { sysctl: { 'net.ipv4.tcp_retries2': 3 } }, (t) => {
  t.establish();
  t.peer('.', { win: 0 });
  t.write('hello');
  for (const us of [200_000, 400_000, 800_000]) t.after(us, '.', { seq: 0, len: 0 }, 10_000);
  t.advance(3_000_000);
  t.drop();
  equal(t.state, 'LISTEN');
  equal(t.socketError(), 'ETIMEDOUT');
});

/** Sends data until the host's window is shut; returns how much it took. */
function fill(t: Trace): number {
  let sent = 0;
  let window = 1;
  while (window > 0) {
    for (const seen of t.drop()) window = seen.window - (t.conn.peerNext - seen.ack);
    if (window <= 0) break;
    const n = Math.min(500, window);
    t.peer('P.', { data: n });
    sent += n;
    window -= n;
    t.advance(50_000);
    for (const seen of t.drop()) window = seen.window - (t.conn.peerNext - seen.ack);
  }
  return sent;
}

function smallBuffer(t: Trace): void {
  t.listen();
  t.setOption(SOL.SOCKET, SO.RCVBUF, 4096, t.listenFd);
  t.establish();
}

traceTest('3.8.6.2: a window that was shut is announced when the user has read', (t) => {
  smallBuffer(t);
  const sent = fill(t);
  ok(sent > 1000, `${sent} bytes were taken`);
  equal(t.read(), sent);
  const update = t.expect('.', { seq: 1, ack: sent + 1, len: 0 });
  ok(update.window > 1000, `window ${update.window}`);
});

traceTest('3.10.7.4 first: with a zero window data is answered and not taken', (t) => {
  smallBuffer(t);
  const sent = fill(t);
  t.peer('P.', { seq: sent + 1, data: 'x' });
  t.expect('.', { seq: 1, ack: sent + 1, win: 0 });
  equal(t.read(), sent);
  t.drop();
  equal(errno(t.read()), 'EAGAIN');
});

traceTest('3.10.7.4 first: with a zero window acknowledgements count', (t) => {
  smallBuffer(t);
  const sent = fill(t);
  t.write('abc');
  t.expect('P.', { seq: 1, data: 'abc' });
  t.peer('.', { seq: sent + 1, ack: 4 });
  t.quiet(2_000_000);
});

traceTest('3.10.7.4 first: with a zero window a RST at RCV.NXT counts', (t) => {
  smallBuffer(t);
  const sent = fill(t);
  t.peer('R', { seq: sent + 1 });
  equal(t.socketError(), 'ECONNRESET');
});

// 3.8.6.3 Delayed acknowledgements

traceTest('3.8.6.3: an acknowledgement waits 40 ms for company once the connection talks both ways', (t) => {
  t.establish();
  t.peer('P.', { data: 'question' });
  t.expect('.', { ack: 9 });
  t.read();
  t.write('answer');
  t.expect('P.', { ack: 9 });
  t.peer('P.', { data: 'question' });
  t.after(40_000, '.', { ack: 17, len: 0 }, 5000);
});

traceTest('3.8.6.3: data of ours takes the acknowledgement along', (t) => {
  t.establish();
  t.peer('P.', { data: 'question' });
  t.expect('.', { ack: 9 });
  t.read();
  t.write('answer');
  t.expect('P.', { ack: 9 });
  t.peer('P.', { data: 'question' });
  t.read();
  t.write('answer');
  t.expect('P.', { seq: 7, ack: 17, data: 'answer' });
  t.peer('.');
  t.quiet(1_000_000);
});

traceTest('3.8.6.3: the first segments of a connection are acknowledged at once (quick acknowledgements)', (t) => {
  t.establish();
  for (let i = 0; i < 4; i++) {
    t.peer('P.', { data: 1000 });
    t.expect('.', { ack: 1001 + 1000 * i });
  }
});

// 3.8.5 Urgent

traceTest('3.8.5: MSG_OOB sends URG with the pointer behind the last byte', (t) => {
  t.establish();
  equal(t.write('abc', Msg.OOB), 3);
  t.expect('P.U', { seq: 1, data: 'abc', urg: 3 });
  t.peer('.');
  t.write('d');
  t.expect('P.', { seq: 4, data: 'd', urg: 0 });
});

traceTest('3.8.5: SO_OOBINLINE leaves the byte in the stream', (t) => {
  t.establish();
  equal(t.setOption(SOL.SOCKET, SO.OOBINLINE, 1), 0);
  t.peer('P.U', { data: 'a!b', urg: 2 });
  t.advance(50_000);
  t.expect('.', { ack: 4 });
  equal(errno(t.read(1, Msg.OOB)), 'EINVAL');
  equal(t.read(), 1);
  equal(t.read(), 2);
  equal(t.lastRead, '!b');
});

traceTest('3.8.5: a second urgent byte takes the place of the first', (t) => {
  t.establish();
  t.peer('P.U', { data: 'a1', urg: 2 });
  t.peer('P.U', { data: 'b2', urg: 2 });
  t.advance(50_000);
  t.drop();
  equal(t.read(1, Msg.OOB), 1);
  equal(t.lastRead, '2');
});

// 3.10.1 OPEN

traceTest('3.10.1 OPEN: connect sends <SEQ=ISS><CTL=SYN>; again is EALREADY, then EISCONN', (t) => {
  equal(errno(t.connect(80)), 'EINPROGRESS');
  t.expect('S', { seq: 0, len: 0 });
  equal(t.state, 'SYN-SENT');
  equal(errno(t.connect(80, t.fd)), 'EALREADY');
  t.peer('S.', { mss: 1460 });
  t.expect('.', { seq: 1, ack: 1 });
  equal(t.connect(80, t.fd), 0);
  equal(errno(t.connect(80, t.fd)), 'EISCONN');
});

traceTest('3.10.1 OPEN: listen again changes the backlog; a listener does not connect', (t) => {
  equal(t.listen(), 0);
  equal(t.listen(80, 5, t.listenFd), 0);
  equal(errno(t.connect(80, t.listenFd)), 'EISCONN');
});

// 3.10.2 SEND

const SEND: Record<StateName, string> = {
  CLOSED: 'EPIPE', LISTEN: 'EPIPE', 'SYN-SENT': 'EAGAIN', 'SYN-RECEIVED': '', ESTABLISHED: '1', 'FIN-WAIT-1': 'EPIPE',
  'FIN-WAIT-2': 'EPIPE', 'CLOSE-WAIT': '1', CLOSING: 'EPIPE', 'LAST-ACK': '', 'TIME-WAIT': 'EPIPE',
};
for (const [state, result] of Object.entries(SEND) as [StateName, string][]) {
  // No descriptor stands for these two.
  if (result === '') continue;
  traceTest(`3.10.2 SEND in ${state}: ${result}`, (t) => {
    if (state === 'CLOSED') t.socket();
    t.reach(state);
    equal(errno(t.write('x', 0, state === 'LISTEN' ? t.listenFd : t.fd)), result);
    t.drop();
  });
}

// 3.10.3 RECEIVE

const RECEIVE: Record<StateName, string> = {
  CLOSED: 'ENOTCONN', LISTEN: 'ENOTCONN', 'SYN-SENT': 'EAGAIN', 'SYN-RECEIVED': '', ESTABLISHED: 'EAGAIN',
  'FIN-WAIT-1': 'EAGAIN', 'FIN-WAIT-2': 'EAGAIN', 'CLOSE-WAIT': '0', CLOSING: '0', 'LAST-ACK': '', 'TIME-WAIT': '0',
};
for (const [state, result] of Object.entries(RECEIVE) as [StateName, string][]) {
  if (result === '') continue;
  traceTest(`3.10.3 RECEIVE in ${state}: ${result}`, (t) => {
    if (state === 'CLOSED') t.socket();
    t.reach(state);
    equal(errno(t.read(10, 0, state === 'LISTEN' ? t.listenFd : t.fd)), result);
    t.drop();
  });
}

traceTest('3.10.3 RECEIVE: data is there after the FIN, then the end, again and again', (t) => {
  t.establish();
  t.peer('FP.', { data: 'bye' });
  t.advance(50_000);
  t.expect('.', { ack: 5 });
  equal(t.read(2), 2);
  equal(t.read(2), 1);
  equal(t.read(2), 0);
  equal(t.read(2), 0);
});

// 3.10.4 CLOSE

traceTest('3.10.4 CLOSE in LISTEN: half-open and waiting connections are reset', (t) => {
  t.listen();
  t.use(40001).peer('S', { mss: 1460 });
  t.expect('S.');
  t.peer('.');
  t.use(40002).peer('S', { mss: 1460 });
  t.expect('S.');
  t.close(t.listenFd);
  t.use(40001).expect('R.', { seq: 1, ack: 1 });
  equal(t.state, 'CLOSED');
  // What was half open just ends: Linux sends nothing for it.
  t.use(40002);
  t.expectNothing();
  t.peer('.');
  t.expect('R', { seq: 1 });
});

traceTest('3.10.4 CLOSE in SYN-SENT: silently gone', (t) => {
  t.reach('SYN-SENT');
  t.close();
  equal(t.state, 'CLOSED');
  t.quiet(4_000_000);
});

traceTest('3.10.4 CLOSE in SYN-RECEIVED (simultaneous): a FIN', (t) => {
  t.reach('SYN-SENT');
  t.peer('S', { mss: 1460 });
  t.expect('S.');
  t.close();
  t.expect('F.', { seq: 1, ack: 1 });
  equal(t.state, 'FIN-WAIT-1');
});

for (const [state, result] of [
  ['CLOSED', 'ENOTCONN'], ['SYN-SENT', '0'], ['ESTABLISHED', '0'], ['FIN-WAIT-1', '0'], ['FIN-WAIT-2', '0'], ['CLOSE-WAIT', '0'],
  ['CLOSING', '0'], ['TIME-WAIT', 'ENOTCONN'],
] as [StateName, string][]) {
  traceTest(`3.10.4 CLOSE by shutdown(SHUT_WR) in ${state}: ${result}`, (t) => {
    if (state === 'CLOSED') t.socket();
    t.reach(state);
    equal(errno(t.shutdown(Shut.WR)), result);
    const fins = t.drop().filter((segment) => segment.flags.includes('F'));
    equal(fins.length, state === 'ESTABLISHED' || state === 'CLOSE-WAIT' ? 1 : 0);
  });
}

// 3.10.5 ABORT

for (const [state, flags, seq] of [
  ['SYN-SENT', '', 0], ['ESTABLISHED', 'R.', 1], ['FIN-WAIT-1', 'R.', 2], ['FIN-WAIT-2', 'R.', 2], ['CLOSE-WAIT', 'R.', 1],
  ['CLOSING', '', 0],
] as [StateName, string, number][]) {
  traceTest(`3.10.5 ABORT (SO_LINGER 0) in ${state}: ${flags === '' ? 'no RST' : `<SEQ=SND.NXT><CTL=RST>`}`, (t) => {
    t.reach(state);
    equal(t.linger(true, 0), 0);
    t.close();
    if (flags !== '') t.expect(flags, { seq });
    t.expectNothing();
    equal(t.state, state === 'SYN-SENT' ? 'CLOSED' : 'LISTEN');
  });
}

// 3.10.6 STATUS

traceTest('3.10.6 STATUS: TCP_INFO names the state as Linux numbers it', (t) => {
  t.establish();
  equal(t.info().state, 1);
  t.peer('F.');
  t.advance(50_000);
  t.drop();
  equal(t.info().state, 8);
});

// 3.1 Options

traceTest('3.1: unknown options are skipped, and one with a bad length ends the reading of them', (t) => {
  t.listen();
  // Kind 200 of 4 bytes, then MSS 700.
  t.peer('S', { raw: Uint8Array.of(200, 4, 0, 0, 2, 4, 700 >> 8, 700 & 0xff) });
  t.expect('S.');
  t.peer('.');
  t.accept();
  t.write(800);
  t.expect('.', { len: 700 });
  t.expect('P.', { len: 100 });
  // Kind 200 of length 1: what follows is not seen.
  t.use(40001).peer('S', { raw: Uint8Array.of(200, 1, 0, 0, 2, 4, 700 >> 8, 700 & 0xff) });
  t.expect('S.');
  t.peer('.');
  t.accept();
  t.write(800);
  t.expect('.', { len: 536 });
  t.expect('P.', { len: 264 });
});

traceTest('3.1: what a segment carries in options is zero outside of SYNs when nothing was negotiated', (t) => {
  t.establish();
  t.write('x');
  deepEqual([...t.expect('P.').optionBytes], []);
});
