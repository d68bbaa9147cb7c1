/**
 * RFC 9293 section 3.10.7, "SEGMENT ARRIVES": every state, every kind of segment, as Linux does it.
 *
 * Judged by the real kernel too (test/tools/kernel-side.ts).
 */
import { equal, ok } from 'node:assert/strict';
import { Msg } from '../../src/transport/endpoint.ts';
import { errno, type PeerSegment, type StateName, type Trace, traceTest } from '../tools/tcp-trace.ts';

// 3.10.7.1 CLOSED

for (const ipVersion of [4, 6] as const) {
  traceTest(`3.10.7.1 CLOSED, IPv${ipVersion}: a SYN is answered <SEQ=0><ACK=SEG.SEQ+1><CTL=RST,ACK>`, { ipVersion }, (t) => {
    t.reach('CLOSED');
    t.peer('S', { mss: 1460 });
    t.expect('R.', { seq: 0, ack: 1, win: 0, len: 0 });
  });
}

for (const [flags, segment, ack] of [
  ['', {}, 0],
  ['P', { data: 'hello' }, 5],
  ['F', { data: 'hello' }, 6],
  ['FS', {}, 2],
  ['U', { urg: 1, data: 'x' }, 1],
] as [string, PeerSegment, number][]) {
  traceTest(`3.10.7.1 CLOSED: [${flags}] without ACK is answered <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>`, (t) => {
    t.reach('CLOSED');
    t.peer(flags, segment);
    t.expect('R.', { seq: 0, ack, win: 0 });
  });
}

for (const [flags, segment] of [
  ['.', {}], ['S.', {}], ['F.', {}], ['P.', { data: 'hello' }], ['.U', { urg: 1, data: 'x' }], ['FSP.U', { data: 'x' }],
] as [string, PeerSegment][]) {
  traceTest(`3.10.7.1 CLOSED: [${flags}] is answered <SEQ=SEG.ACK><CTL=RST>`, (t) => {
    t.reach('CLOSED');
    t.peer(flags, { ...segment, ack: 777 });
    t.expect('R', { seq: 777, ack: 0, win: 0 });
  });
}

for (const flags of ['R', 'R.', 'SR', 'FR.']) {
  traceTest(`3.10.7.1 CLOSED: [${flags}] is discarded`, (t) => {
    t.reach('CLOSED');
    t.peer(flags, { ack: 777 });
    t.expectNothing();
  });
}

traceTest('3.10.7.1 CLOSED: a segment with a wrong checksum is discarded', (t) => {
  t.reach('CLOSED');
  t.peer('S', { badChecksum: true });
  t.expectNothing();
});

// 3.10.7.2 LISTEN

for (const flags of ['R', 'R.', 'SR', 'SR.', 'FR']) {
  traceTest(`3.10.7.2 LISTEN first, RST: [${flags}] is ignored`, (t) => {
    t.reach('LISTEN');
    t.peer(flags, { ack: 5 });
    t.expectNothing();
    equal(t.state, 'LISTEN');
  });
}

for (const flags of ['.', 'S.', 'F.', 'P.', 'FS.']) {
  traceTest(`3.10.7.2 LISTEN second, ACK: [${flags}] is answered <SEQ=SEG.ACK><CTL=RST>`, (t) => {
    t.reach('LISTEN');
    t.peer(flags, { ack: 777 });
    t.expect('R', { seq: 777, ack: 0, win: 0 });
    equal(t.state, 'LISTEN');
  });
}

for (const ipVersion of [4, 6] as const) {
  traceTest(`3.10.7.2 LISTEN third, SYN, IPv${ipVersion}: SYN-RECEIVED and <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>`, { ipVersion }, (t) => {
    t.reach('LISTEN');
    t.peer('S', { mss: 1000 });
    t.expect('S.', { seq: 0, ack: 1, len: 0 });
    equal(t.state, 'SYN-RECEIVED');
    t.peer('.');
    equal(t.state, 'ESTABLISHED');
    ok(t.accept() >= 0);
  });
}

traceTest('3.10.7.2 LISTEN third, SYN: data on a SYN is not taken, and not acknowledged (Linux without Fast Open)', (t) => {
  t.reach('LISTEN');
  t.peer('S', { mss: 1000, data: 'early' });
  t.expect('S.', { seq: 0, ack: 1 });
  t.peer('.', { seq: 1 });
  ok(t.accept() >= 0);
  equal(errno(t.read()), 'EAGAIN');
});

for (const [flags, segment] of [
  ['', {}], ['F', {}], ['P', { data: 'x' }], ['U', { urg: 1, data: 'x' }], ['FS', { mss: 1000 }],
] as [string, PeerSegment][]) {
  traceTest(`3.10.7.2 LISTEN fourth, other: [${flags}] is dropped`, (t) => {
    t.reach('LISTEN');
    t.peer(flags, segment);
    t.expectNothing();
    equal(t.state, 'LISTEN');
  });
}

// 3.10.7.3 SYN-SENT

for (const [name, ack] of [['old', 0], ['future', 2]] as const) {
  traceTest(`3.10.7.3 SYN-SENT first, ACK: an ${name} acknowledgement is answered <SEQ=SEG.ACK><CTL=RST>`, (t) => {
    t.reach('SYN-SENT');
    t.peer('.', { ack });
    t.expect('R', { seq: ack, ack: 0 });
    equal(t.state, 'SYN-SENT');
    // Linux takes it for the rest of an older connection, which our RST ends: the SYN goes out again at once.
    t.advance(10_000);
    t.expect('S', { seq: 0 });
    t.quiet(900_000);
  });

  traceTest(`3.10.7.3 SYN-SENT first, ACK: a SYN with an ${name} acknowledgement is no answer of ours`, (t) => {
    t.reach('SYN-SENT');
    t.peer('S.', { ack, mss: 1460 });
    t.expect('R', { seq: ack });
    equal(t.state, 'SYN-SENT');
    t.advance(10_000);
    t.expect('S', { seq: 0 });
  });

  traceTest(`3.10.7.3 SYN-SENT first, ACK: a RST with an ${name} acknowledgement is dropped`, (t) => {
    t.reach('SYN-SENT');
    t.peer('R.', { ack });
    equal(t.state, 'SYN-SENT');
    t.advance(10_000);
    t.expect('S', { seq: 0 });
  });
}

traceTest('3.10.7.3 SYN-SENT second, RST: with an acceptable acknowledgement the connection is refused', (t) => {
  t.reach('SYN-SENT');
  t.peer('R.', { ack: 1 });
  t.expectNothing();
  equal(t.state, 'CLOSED');
  equal(t.socketError(), 'ECONNREFUSED');
  equal(t.socketError(), '');
});

traceTest('3.10.7.3 SYN-SENT second, RST: without ACK it is dropped', (t) => {
  t.reach('SYN-SENT');
  t.peer('R');
  t.expectNothing();
  equal(t.state, 'SYN-SENT');
});

for (const ipVersion of [4, 6] as const) {
  traceTest(`3.10.7.3 SYN-SENT fourth, SYN, IPv${ipVersion}: with our SYN acknowledged ESTABLISHED and <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`, { ipVersion }, (t) => {
    t.reach('SYN-SENT');
    t.peer('S.', { mss: 1460 });
    t.expect('.', { seq: 1, ack: 1, len: 0 });
    equal(t.state, 'ESTABLISHED');
    equal(t.socketError(), '');
  });
}

traceTest('3.10.7.3 SYN-SENT fourth, SYN: without ACK SYN-RECEIVED and <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>', (t) => {
  t.reach('SYN-SENT');
  t.peer('S', { mss: 1460 });
  t.expect('S.', { seq: 0, ack: 1 });
  equal(t.state, 'SYN-RECEIVED');
  t.peer('.');
  equal(t.state, 'ESTABLISHED');
});

for (const [flags, segment] of [
  ['.', { ack: 1 }], ['', {}], ['F.', { ack: 1 }], ['P.', { ack: 1, data: 'x' }], ['F', {}], ['FS', {}], ['FS.', { ack: 1 }],
] as [string, PeerSegment][]) {
  if (flags.startsWith('FS')) continue;
  traceTest(`3.10.7.3 SYN-SENT fifth: [${flags}], neither SYN nor RST, is dropped`, (t) => {
    t.reach('SYN-SENT');
    t.peer(flags, segment);
    t.expectNothing();
    equal(t.state, 'SYN-SENT');
  });
}

// 3.10.7.4 SYN-RECEIVED of a passive open: a half-open request, as Linux keeps it (tcp_check_req).

traceTest('3.10.7.4 SYN-RECEIVED: the same SYN again gets the same SYN-ACK again', (t) => {
  t.reach('SYN-RECEIVED');
  t.advance(100_000);
  t.peer('S', { seq: 0, mss: 1460 });
  t.expect('S.', { seq: 0, ack: 1 });
  equal(t.state, 'SYN-RECEIVED');
});

traceTest('3.10.7.4 SYN-RECEIVED first: a segment beyond the window is answered with an ACK', (t) => {
  t.reach('SYN-RECEIVED');
  t.peer('.', { seq: 1 + 200_000, data: 'x', ack: 1 });
  t.expect('.', { seq: 1, ack: 1 });
  equal(t.state, 'SYN-RECEIVED');
});

traceTest('3.10.7.4 SYN-RECEIVED second: a RST ends a passive open silently', (t) => {
  t.reach('SYN-RECEIVED');
  t.peer('R', { seq: 1 });
  t.expectNothing();
  equal(t.state, 'LISTEN');
  equal(errno(t.accept()), 'EAGAIN');
});

traceTest('3.10.7.4 SYN-RECEIVED second: a RST outside the window is dropped', (t) => {
  t.reach('SYN-RECEIVED');
  t.peer('R', { seq: 0 });
  t.peer('R', { seq: 200_001 });
  t.expectNothing();
  equal(t.state, 'SYN-RECEIVED');
});

traceTest('3.10.7.4 SYN-RECEIVED fourth: another SYN in the window resets', (t) => {
  t.reach('SYN-RECEIVED');
  t.peer('S', { seq: 1, mss: 1460 });
  t.expect('R.', { ack: 2 });
  equal(t.state, 'LISTEN');
});

for (const ack of [0, 2]) {
  traceTest(`3.10.7.4 SYN-RECEIVED fifth: an acknowledgement of ${ack} is answered <SEQ=SEG.ACK><CTL=RST>`, (t) => {
    t.reach('SYN-RECEIVED');
    t.peer('.', { seq: 1, ack });
    t.expect('R', { seq: ack, ack: 0 });
    equal(t.state, 'SYN-RECEIVED');
  });
}

traceTest('3.10.7.4 SYN-RECEIVED fifth: a segment without ACK is dropped', (t) => {
  t.reach('SYN-RECEIVED');
  t.peer('P', { seq: 1, data: 'x' });
  t.peer('F', { seq: 1 });
  t.expectNothing();
  equal(t.state, 'SYN-RECEIVED');
});

traceTest('3.10.7.4 SYN-RECEIVED seventh: data may come with the acknowledgement', (t) => {
  t.reach('SYN-RECEIVED');
  t.peer('P.', { data: 'hello' });
  equal(t.state, 'ESTABLISHED');
  t.expect('.', { seq: 1, ack: 6 });
  ok(t.accept() >= 0);
  equal(t.read(), 5);
  equal(t.lastRead, 'hello');
});

traceTest('3.10.7.4 SYN-RECEIVED eighth: a FIN may come with the acknowledgement', (t) => {
  t.reach('SYN-RECEIVED');
  t.peer('F.');
  equal(t.state, 'CLOSE-WAIT');
  t.advance(40_000);
  t.expect('.', { seq: 1, ack: 2 });
  ok(t.accept() >= 0);
  equal(t.read(), 0);
});

// 3.10.7.4 SYN-RECEIVED of a simultaneous open: a socket of its own.

function simultaneous(t: Trace): void {
  t.reach('SYN-SENT');
  t.peer('S', { mss: 1460 });
  t.expect('S.', { seq: 0, ack: 1 });
  equal(t.state, 'SYN-RECEIVED');
}

traceTest('3.10.7.4 SYN-RECEIVED, simultaneous: RST in order refuses the connection', (t) => {
  simultaneous(t);
  t.peer('R.', { seq: 1, ack: 1 });
  equal(t.state, 'CLOSED');
  equal(t.socketError(), 'ECONNRESET');
});

traceTest('3.10.7.4 SYN-RECEIVED, simultaneous: an acknowledgement of what was not sent is answered <SEQ=SEG.ACK><CTL=RST>', (t) => {
  simultaneous(t);
  t.peer('.', { seq: 1, ack: 2 });
  t.expect('R', { seq: 2 });
  equal(t.state, 'SYN-RECEIVED');
});

traceTest('3.10.7.4 SYN-RECEIVED, simultaneous: FIN with the acknowledgement leads to CLOSE-WAIT', (t) => {
  simultaneous(t);
  t.peer('F.', { seq: 1, ack: 1 });
  equal(t.state, 'CLOSE-WAIT');
  t.advance(40_000);
  t.expect('.', { seq: 1, ack: 2 });
});

// 3.10.7.4, synchronized states.

const SYNCHRONIZED: readonly StateName[] = [
  'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT',
];
/** RCV.NXT and SND.NXT in a state that `reach` made. */
const AFTER_FIN: readonly StateName[] = ['CLOSE-WAIT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'];
const SENT_FIN: readonly StateName[] = ['FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'];

for (const state of SYNCHRONIZED) {
  const rcvNxt = AFTER_FIN.includes(state) ? 2 : 1;
  const sndNxt = SENT_FIN.includes(state) ? 2 : 1;
  /** What the last segment acknowledged there: a repeated one changes nothing. */
  const sndUna = state === 'FIN-WAIT-2' || state === 'TIME-WAIT' ? 2 : 1;

  traceTest(`3.10.7.4 first, ${state}: an old segment is answered <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`, (t) => {
    t.reach(state);
    t.advance(1_000_000);
    t.drop();
    t.peer('.', { seq: rcvNxt - 1, ack: sndUna });
    t.expect('.', { seq: sndNxt, ack: rcvNxt, len: 0 });
    equal(t.state, state);
  });

  traceTest(`3.10.7.4 first, ${state}: a segment beyond the window is answered <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`, (t) => {
    t.reach(state);
    t.advance(1_000_000);
    t.drop();
    t.peer('.', { seq: rcvNxt + 300_000, ack: sndUna, data: 'far' });
    t.expect('.', { seq: sndNxt, ack: rcvNxt, len: 0 });
    equal(t.state, state);
  });

  traceTest(`3.10.7.4 second, ${state}: a RST at RCV.NXT ends the connection`, (t) => {
    t.reach(state);
    t.peer('R', { seq: rcvNxt });
    t.expectNothing();
    equal(t.state, 'CLOSED' === t.state ? 'CLOSED' : 'LISTEN');
    // A TIME_WAIT record has no socket any more; LAST-ACK's was closed.
    if (state === 'LAST-ACK' || state === 'TIME-WAIT') return;
    equal(t.socketError(), state === 'CLOSE-WAIT' ? 'EPIPE' : 'ECONNRESET');
    equal(t.socketError(), '');
    equal(t.read(), 0);
  });

  traceTest(`3.10.7.4 second, ${state}: a RST beyond the window is dropped`, (t) => {
    t.reach(state);
    t.peer('R', { seq: rcvNxt + 300_000 });
    t.expectNothing();
    equal(t.state, state);
  });

  traceTest(`3.10.7.4 fifth, ${state}: a segment without ACK is dropped`, (t) => {
    t.reach(state);
    t.peer('P', { seq: rcvNxt, data: 'x' });
    // TIME-WAIT looks at the sequence number alone and repeats its ACK for data.
    if (state === 'TIME-WAIT') t.expect('.', { seq: 2, ack: 2 });
    t.expectNothing();
    equal(t.state, state);
  });
}

// fifth, ACK

traceTest('3.10.7.4 fifth, ESTABLISHED: an acknowledgement of nothing new is ignored, its data taken', (t) => {
  t.establish();
  t.write('abc');
  t.expect('P.', { seq: 1, data: 'abc' });
  t.peer('.', { ack: 4 });
  t.peer('P.', { ack: 1, data: 'old ack' });
  t.advance(50_000);
  t.expect('.', { ack: 8 });
  equal(t.read(), 7);
});

for (const state of ['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'CLOSING', 'LAST-ACK'] as const) {
  traceTest(`3.10.7.4 fifth, ${state}: an acknowledgement of what was not sent yet is answered with an ACK`, (t) => {
    t.reach(state);
    t.advance(1000);
    const rcvNxt = AFTER_FIN.includes(state) ? 2 : 1;
    const sndNxt = SENT_FIN.includes(state) ? 2 : 1;
    t.peer('P.', { seq: rcvNxt, ack: 1000, data: 'x' });
    t.expect('.', { seq: sndNxt, ack: rcvNxt });
    if (state === 'ESTABLISHED') equal(errno(t.read()), 'EAGAIN');
    equal(t.state, state);
  });
}

for (const [from, to] of [
  ['FIN-WAIT-1', 'FIN-WAIT-2'], ['CLOSING', 'TIME-WAIT'], ['LAST-ACK', 'LISTEN'],
] as const) {
  traceTest(`3.10.7.4 fifth, ${from}: the acknowledgement of our FIN leads to ${to}`, (t) => {
    t.reach(from);
    t.peer('.', { ack: 2 });
    t.expectNothing();
    equal(t.state, to);
  });
}

traceTest('3.10.7.4 fifth, TIME-WAIT: a retransmitted FIN is acknowledged again', (t) => {
  t.reach('TIME-WAIT');
  t.advance(1_000_000);
  t.peer('F.', { seq: 1 });
  t.expect('.', { seq: 2, ack: 2 });
  equal(t.state, 'TIME-WAIT');
});

traceTest('3.10.7.4 fifth: acknowledged data leaves the queue, what is left stays', (t) => {
  t.establish();
  t.write('abcdef');
  t.expect('P.', { seq: 1, len: 6 });
  t.peer('.', { ack: 4 });
  t.after(200_000, 'P.', { seq: 4, data: 'def' }, 5000);
  t.peer('.', { ack: 7 });
  t.quiet(3_000_000);
});

traceTest('3.10.7.4 fifth: the window is taken from the newest segment only (SND.WL1, SND.WL2)', (t) => {
  t.establish({ win: 100 });
  t.peer('P.', { data: 'one' });
  t.peer('P.', { data: 'two', win: 10 });
  t.peer('.', { seq: 1, win: 5000 });
  t.advance(50_000);
  t.drop();
  t.write(100);
  t.advance(300_000);
  // The window of the newer segment holds: 10 bytes.
  for (const segment of t.drop()) ok(segment.seq + segment.len <= 11, `bytes up to ${segment.seq + segment.len}`);
});

// sixth, URG

traceTest('3.10.7.4 sixth, URG: the urgent byte is read apart, and reading stops at the mark', (t) => {
  t.establish();
  t.peer('P.U', { data: 'abc!def', urg: 4 });
  t.advance(50_000);
  t.expect('.', { ack: 8 });
  equal(t.readiness() & 2, 2, 'POLLPRI');
  equal(t.read(), 3);
  equal(t.lastRead, 'abc');
  equal(t.read(1, Msg.OOB), 1);
  equal(t.lastRead, '!');
  equal(t.read(), 3);
  equal(t.lastRead, 'def');
  equal(errno(t.read(1, Msg.OOB)), 'EINVAL');
});

traceTest('3.10.7.4 sixth, URG: a pointer ahead of the data says that there will be some', (t) => {
  t.establish();
  t.peer('P.U', { data: 'ab', urg: 4 });
  t.advance(50_000);
  t.expect('.', { ack: 3 });
  equal(errno(t.read(1, Msg.OOB)), 'EAGAIN');
  t.peer('P.', { data: 'c!' });
  t.advance(50_000);
  t.expect('.', { ack: 5 });
  equal(t.read(1, Msg.OOB), 1);
  equal(t.lastRead, '!');
});

traceTest('3.10.7.4 sixth, URG: after the FIN it is ignored', (t) => {
  t.reach('CLOSE-WAIT');
  t.peer('.U', { seq: 2, urg: 1 });
  t.expectNothing();
  equal(t.readiness() & 2, 0);
});

// seventh, segment text

for (const state of ['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2'] as const) {
  traceTest(`3.10.7.4 seventh, ${state}: data in order is delivered and acknowledged`, (t) => {
    t.reach(state);
    t.advance(1000);
    t.peer('P.', { data: 'hello', ack: state === 'FIN-WAIT-2' ? 2 : 1 });
    t.advance(50_000);
    t.expect('.', { ack: 6 });
    equal(t.read(), 5);
    equal(t.lastRead, 'hello');
    equal(t.state, state);
    t.drop();
  });
}

traceTest('3.10.7.4 seventh: data ahead of a gap is answered at once and kept', (t) => {
  t.establish();
  t.peer('P.', { seq: 6, data: 'world' });
  t.expect('.', { ack: 1 });
  equal(errno(t.read()), 'EAGAIN');
  t.peer('P.', { seq: 1, data: 'hello' });
  t.expect('.', { ack: 11 });
  equal(t.read(), 10);
  equal(t.lastRead, 'helloworld');
});

traceTest('3.10.7.4 seventh: a segment that overlaps what is there is trimmed at its front', (t) => {
  t.establish();
  t.peer('P.', { data: 'hello' });
  t.advance(50_000);
  t.expect('.', { ack: 6 });
  t.peer('P.', { seq: 3, data: 'llo world' });
  t.advance(50_000);
  t.expect('.', { ack: 12 });
  equal(t.read(), 11);
  equal(t.lastRead, 'hello world');
});

traceTest('3.10.7.4 seventh: old data again is answered at once and not delivered twice', (t) => {
  t.establish();
  t.peer('P.', { data: 'hello' });
  t.advance(50_000);
  t.expect('.', { ack: 6 });
  t.peer('P.', { seq: 1, data: 'hello' });
  t.expect('.', { ack: 6 });
  equal(t.read(), 5);
});

for (const state of ['CLOSE-WAIT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT'] as const) {
  traceTest(`3.10.7.4 seventh, ${state}: data behind the FIN is not taken`, (t) => {
    t.reach(state);
    t.advance(600_000);
    t.drop();
    t.peer('P.', { seq: 2, data: 'late', ack: state === 'TIME-WAIT' ? 2 : 1 });
    t.advance(100_000);
    for (const segment of t.drop()) equal(segment.ack, 2);
    if (state === 'CLOSE-WAIT') equal(t.read(), 0);
    equal(t.state, state);
  });
}

// eighth, FIN

for (const [from, to] of [
  ['ESTABLISHED', 'CLOSE-WAIT'], ['FIN-WAIT-1', 'CLOSING'], ['FIN-WAIT-2', 'TIME-WAIT'],
] as const) {
  traceTest(`3.10.7.4 eighth, ${from}: a FIN leads to ${to} and is acknowledged`, (t) => {
    t.reach(from);
    t.peer('F.', { ack: from === 'FIN-WAIT-2' ? 2 : 1 });
    equal(t.state, to);
    t.advance(50_000);
    t.expect('.', { seq: from === 'ESTABLISHED' ? 1 : 2, ack: 2 });
    equal(t.read(), 0);
  });
}

traceTest('3.10.7.4 eighth, FIN-WAIT-1: a FIN that acknowledges ours leads to TIME-WAIT', (t) => {
  t.reach('FIN-WAIT-1');
  t.peer('F.', { ack: 2 });
  t.expect('.', { seq: 2, ack: 2 });
  equal(t.state, 'TIME-WAIT');
});

for (const state of ['CLOSE-WAIT', 'CLOSING', 'LAST-ACK'] as const) {
  traceTest(`3.10.7.4 eighth, ${state}: the FIN again is acknowledged again, nothing else changes`, (t) => {
    t.reach(state);
    t.advance(1_000_000);
    t.drop();
    t.peer('F.', { seq: 1, ack: 1 });
    t.expect('.', { ack: 2 });
    equal(t.state, state);
  });
}

traceTest('3.10.7.4 eighth: a FIN behind a gap waits for what is missing', (t) => {
  t.establish();
  t.peer('F.', { seq: 6 });
  t.expect('.', { ack: 1 });
  equal(t.state, 'ESTABLISHED');
  t.peer('P.', { seq: 1, data: 'hello' });
  t.expect('.', { ack: 7 });
  equal(t.state, 'CLOSE-WAIT');
  equal(t.read(), 5);
  equal(t.read(), 0);
});

traceTest('3.10.7.4 eighth: a FIN with data delivers the data first', (t) => {
  t.establish();
  t.peer('FP.', { data: 'bye' });
  equal(t.state, 'CLOSE-WAIT');
  t.advance(50_000);
  t.expect('.', { ack: 5 });
  equal(t.read(), 3);
  equal(t.lastRead, 'bye');
  equal(t.read(), 0);
});
