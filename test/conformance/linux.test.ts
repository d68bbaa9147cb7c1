/**
 * What no RFC says but every peer of a Linux host knows: bytes of the options, windows, queues, ends of life.
 */
import { equal, notEqual, ok } from 'node:assert/strict';
import { IPPROTO, IPV6, SO, SOL, TCP } from '../../src/socket/constants.ts';
import { errno, PEER_TS, type Trace, traceTest } from '../tools/tcp-trace.ts';

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

traceTest('net.ipv6.bindv6only: counts for sockets that are made later', { ipVersion: 6 }, (t) => {
  const older = t.socket();
  t.sysctl('net.ipv6.bindv6only', 1);
  const younger = t.socket();
  t.sysctl('net.ipv6.bindv6only', 0);
  equal(t.getOption(IPPROTO.IPV6, IPV6.V6ONLY, older), 0);
  equal(t.getOption(IPPROTO.IPV6, IPV6.V6ONLY, younger), 1);
  equal(t.getOption(IPPROTO.IPV6, IPV6.V6ONLY, t.socket()), 0);
});

// Options, byte by byte.

traceTest('SYN: MSS, SACK permitted, timestamps, NOP, window scale; window 64240', (t) => {
  t.sysctl('net.ipv4.tcp_rmem', '4096 131072 6291456');
  t.connect();
  const syn = t.expect('S', { win: 64240, mss: 1460, wscale: 7, sackOk: true, ts: { ecr: 0 } });
  equal(hex(syn.optionBytes).replace(/^(.{16}).{8}/, '$1tttttttt'), '020405b40402080atttttttt0000000001030307');
});

traceTest('SYN, IPv6: MSS 1440, window 64800', { ipVersion: 6 }, (t) => {
  t.connect();
  t.expect('S', { win: 64800, mss: 1440 });
});

traceTest('SYN without timestamps, scaling and SACK: MSS alone', {
  sysctl: { 'net.ipv4.tcp_timestamps': 0, 'net.ipv4.tcp_sack': 0, 'net.ipv4.tcp_window_scaling': 0 },
}, (t) => {
  t.connect();
  equal(hex(t.expect('S').optionBytes), '020405b4');
});

traceTest('SYN without timestamps: NOP NOP SACK permitted, NOP window scale', { sysctl: { 'net.ipv4.tcp_timestamps': 0 } }, (t) => {
  t.sysctl('net.ipv4.tcp_rmem', '4096 131072 6291456');
  t.connect();
  equal(hex(t.expect('S').optionBytes), '020405b40101040201030307');
});

traceTest('SYN-ACK: what the SYN had, in the same order; window 65160 with timestamps', (t) => {
  t.sysctl('net.ipv4.tcp_rmem', '4096 131072 6291456');
  t.listen();
  t.peer('S', { mss: 1460, sackOk: true, ts: [7777, 0], wscale: 7 });
  const synAck = t.expect('S.', { win: 65160, ts: { ecr: 7777 } });
  equal(hex(synAck.optionBytes).replace(/^(.{16}).{8}/, '$1tttttttt'), '020405b40402080atttttttt00001e6101030307');
});

for (const [what, options, bytes] of [
  ['nothing', {}, '020405b4'],
  ['MSS', { mss: 1000 }, '020405b4'],
  ['SACK', { mss: 1000, sackOk: true }, '020405b401010402'],
  ['window scale', { mss: 1000, wscale: 2 }, '020405b401030307'],
  ['SACK and window scale', { mss: 1000, sackOk: true, wscale: 2 }, '020405b40101040201030307'],
] as const) {
  traceTest(`SYN-ACK to a SYN with ${what}`, (t) => {
    t.sysctl('net.ipv4.tcp_rmem', '4096 131072 6291456');
    t.listen();
    t.peer('S', options);
    equal(hex(t.expect('S.', { win: 64240 }).optionBytes), bytes);
  });
}

traceTest('data: NOP NOP timestamps', (t) => {
  t.establish({ sackOk: true, ts: [1, 0], wscale: 7 });
  t.write('x');
  const data = t.expect('P.', { ts: {} });
  equal(hex(data.optionBytes).slice(0, 8), '0101080a');
  equal(data.optionBytes.length, 12);
});

traceTest('SACK blocks follow the timestamps: NOP NOP timestamps, NOP NOP SACK', (t) => {
  t.establish({ sackOk: true, ts: [1, 0] });
  t.peer('P.', { seq: 11, data: 'later' });
  const ack = t.expect('.', { sack: [[11, 16]] });
  equal(ack.optionBytes.length, 24);
  equal(hex(ack.optionBytes.subarray(12, 16)), '0101050a');
});

traceTest('IP: TTL 64, do not fragment', (t) => {
  t.connect();
  const syn = t.expect('S');
  equal(syn.ttl, 64);
  equal(syn.dontFragment, true);
});

// PSH

traceTest('PSH: at the end of each write', (t) => {
  t.establish({ mss: 1000 });
  t.setTcp(TCP.NODELAY, 1);
  t.write(2000);
  t.expect('.', { len: 1000 });
  t.expect('P.', { len: 1000 });
  t.write(5);
  t.expect('P.', { len: 5 });
});

traceTest('PSH: and at the end of each super-segment', { gso: 65536 }, (t) => {
  t.establish({ mss: 1000 });
  t.write(2000);
  t.expect('.', { len: 1000 });
  t.expect('P.', { len: 1000 });
});

// Queues

/** Shakes hands from `port`; the SYN-ACK must come. */
function handshake(t: Trace, port: number): void {
  t.use(port, 80).peer('S', { mss: 1460 });
  t.expect('S.', { ack: 1 });
  t.peer('.');
}

traceTest('accept queue: it holds one more than the backlog; then SYNs are dropped', (t) => {
  t.listen(80, 1);
  handshake(t, 40000);
  handshake(t, 40001);
  equal(t.use(40000).state, 'ESTABLISHED');
  equal(t.use(40001).state, 'ESTABLISHED');
  t.use(40002, 80).peer('S', { mss: 1460 });
  t.expectNothing();
  equal(t.counter('TcpExtListenOverflows'), 1);
  equal(t.counter('TcpExtListenDrops'), 1);
  ok(t.accept() >= 0);
  t.peer('S', { seq: 0, mss: 1460 });
  t.expect('S.');
});

/** A queue for three with two in it, and two half-open connections: the last one's ACK finds it full. */
function overflow(t: Trace): void {
  t.listen(80, 2);
  handshake(t, 40000);
  handshake(t, 40001);
  for (const port of [40002, 40003]) {
    t.use(port, 80).peer('S', { mss: 1460 });
    t.expect('S.', { ack: 1 });
  }
  for (const port of [40002, 40003]) t.use(port).peer('.');
}

traceTest('SYN queue full: with tcp_syncookies 0 SYNs are dropped', { sysctl: { 'net.ipv4.tcp_syncookies': 0 } }, (t) => {
  t.listen(80, 2);
  for (const port of [40000, 40001, 40002]) {
    t.use(port, 80).peer('S', { mss: 1460 });
    t.expect('S.', { ack: 1 });
  }
  t.use(40003, 80).peer('S', { mss: 1460 });
  t.expectNothing();
  equal(t.counter('TcpExtTCPReqQFullDrop'), 1);
  equal(t.state, 'LISTEN');
});

traceTest('accept queue full: the last ACK is ignored and the SYN-ACK sent again', (t) => {
  overflow(t);
  t.expectNothing();
  equal(t.state, 'SYN-RECEIVED');
  t.after(1_000_000, 'S.', { seq: 0, ack: 1 }, 100_000);
  ok(t.accept() >= 0);
  t.use(40003).peer('.');
  equal(t.state, 'ESTABLISHED');
});

traceTest('accept queue full, tcp_abort_on_overflow: RST', { sysctl: { 'net.ipv4.tcp_abort_on_overflow': 1 } }, (t) => {
  overflow(t);
  t.expect('R', { seq: 1 });
  equal(t.state, 'LISTEN');
});

traceTest('SO_REUSEPORT: connections are spread over the listeners', (t) => {
  const shared = [t.socket(), t.socket()];
  for (const fd of shared) {
    equal(t.setOption(SOL.SOCKET, SO.REUSEPORT, 1, fd), 0);
    equal(t.bind(80, fd), 0);
    equal(t.listen(80, 128, fd), 0);
  }
  for (let port = 40000; port < 40020; port++) {
    handshake(t, port);
    equal(t.state, 'ESTABLISHED');
  }
  const counts = shared.map((fd) => {
    let count = 0;
    while (t.accept(fd) >= 0) count++;
    return count;
  });
  equal((counts[0] as number) + (counts[1] as number), 20);
  ok(Math.min(...counts) > 0, `accepted: ${counts.join(' and ')}`);
});

traceTest('SYN queue: the SYN-ACK is sent again after 1, 2, 4 s ... tcp_synack_retries times', {
  sysctl: { 'net.ipv4.tcp_synack_retries': 2 },
}, (t) => {
  t.reach('SYN-RECEIVED');
  t.after(1_000_000, 'S.', { seq: 0 }, 20_000);
  t.after(2_000_000, 'S.', { seq: 0 }, 20_000);
  t.quiet(3_500_000);
  t.advance(1_000_000);
  equal(t.state, 'LISTEN');
});

traceTest('TCP_DEFER_ACCEPT: accept waits for data', (t) => {
  t.listen();
  equal(t.setTcp(TCP.DEFER_ACCEPT, 10, t.listenFd), 0);
  t.peer('S', { mss: 1460 });
  t.expect('S.');
  t.peer('.');
  equal(errno(t.accept()), 'EAGAIN');
  equal(t.state, 'SYN-RECEIVED');
  t.peer('P.', { data: 'hello' });
  ok(t.accept() >= 0);
  t.advance(50_000);
  t.expect('.', { ack: 6 });
  equal(t.read(), 5);
});

/** A request to a listener with TCP_DEFER_ACCEPT, which the peer has acknowledged. */
function deferred(t: Trace, seconds: number): void {
  t.listen();
  equal(t.setTcp(TCP.DEFER_ACCEPT, seconds, t.listenFd), 0);
  t.peer('S', { mss: 1460, ts: [PEER_TS, 0] });
  t.expect('S.');
  t.advance(100_000);
  t.peer('.');
  equal(t.counter('TcpExtTCPDeferAcceptDrop'), 1);
}

traceTest('TCP_DEFER_ACCEPT 5: after three timeouts (7 s) one SYN-ACK asks for an ACK, and that is enough', (t) => {
  deferred(t, 5);
  t.after(6_900_000, 'S.', { seq: 0, ack: 1, ts: { ecr: PEER_TS } }, 50_000);
  equal(errno(t.accept()), 'EAGAIN');
  equal(t.state, 'SYN-RECEIVED');
  t.peer('.');
  ok(t.accept() >= 0);
  equal(t.counter('TcpExtTCPDeferAcceptDrop'), 1);
  equal(t.counter('TcpExtTCPSynRetrans'), 1);
  equal(t.counter('TcpExtTCPTimeouts'), 3);
});

traceTest('TCP_DEFER_ACCEPT: before an ACK the SYN-ACK is sent again as ever', (t) => {
  t.listen();
  t.setTcp(TCP.DEFER_ACCEPT, 5, t.listenFd);
  t.peer('S', { mss: 1460 });
  t.expect('S.');
  t.after(1_000_000, 'S.', { seq: 0 }, 20_000);
  t.after(2_000_000, 'S.', { seq: 0 }, 20_000);
  t.peer('.');
  equal(errno(t.accept()), 'EAGAIN');
});

traceTest('a FIN before any data: its acknowledgement waits for a tick of the timers, and goes with our own FIN', (t) => {
  t.establish();
  t.peer('F.');
  t.quiet(900);
  t.close();
  t.expect('F.', { ack: 2 });
});

traceTest('a FIN before any data: nothing of ours follows, and the acknowledgement goes after that tick', (t) => {
  t.establish();
  t.peer('F.');
  t.after(1000, '.', { ack: 2 }, 100);
});

traceTest('TCP_DEFER_ACCEPT: a FIN is as good as data', (t) => {
  deferred(t, 5);
  t.peer('F.');
  ok(t.accept() >= 0);
  equal(t.read(), 0);
  t.advance(50_000);
  t.expect('.', { ack: 2 });
});

traceTest('TCP_DEFER_ACCEPT: who has acknowledged is waited for longer than tcp_synack_retries says', {
  sysctl: { 'net.ipv4.tcp_synack_retries': 1 },
}, (t) => {
  deferred(t, 2);
  t.after(2_900_000, 'S.', { seq: 0 }, 50_000);
  equal(t.state, 'SYN-RECEIVED');
  t.quiet(3_800_000);
  equal(t.state, 'SYN-RECEIVED');
  t.quiet(1_000_000);
  equal(t.state, 'LISTEN');
});

traceTest('SYN again: it is answered like a retransmission, and the next one is a second away', (t) => {
  t.reach('SYN-RECEIVED');
  t.advance(800_000);
  t.peer('S', { seq: 0, mss: 1460 });
  t.expect('S.', { seq: 0, ack: 1 });
  equal(t.counter('TcpExtTCPSynRetrans'), 1);
  equal(t.counter('TcpRetransSegs'), 1);
  t.after(1_000_000, 'S.', { seq: 0 }, 20_000);
});

// Connecting

traceTest('SYN: sent again after 1 s five times, then backing off (tcp_syn_linear_timeouts 4)', (t) => {
  t.connect();
  t.expect('S', { seq: 0 });
  for (let i = 0; i < 5; i++) t.after(1_000_000, 'S', { seq: 0 }, 20_000);
  t.after(2_000_000, 'S', { seq: 0 }, 20_000);
});

traceTest('connect: ETIMEDOUT after the time that tcp_syn_retries doubling timeouts take', { sysctl: { 'net.ipv4.tcp_syn_retries': 2 } }, (t) => {
  t.connect();
  t.expect('S');
  for (let i = 0; i < 5; i++) t.after(1_000_000, 'S', {}, 20_000);
  t.quiet(1_500_000);
  equal(t.state, 'SYN-SENT');
  // 1 + 2 + 4 s.
  t.quiet(800_000);
  equal(t.state, 'CLOSED');
  equal(t.socketError(), 'ETIMEDOUT');
});

traceTest('TCP_SYNCNT: in the place of tcp_syn_retries', (t) => {
  t.socket();
  equal(t.setTcp(TCP.SYNCNT, 1), 0);
  t.connect(80, t.fd);
  t.expect('S');
  t.after(1_000_000, 'S', {}, 20_000);
  t.after(1_000_000, 'S', {}, 20_000);
  t.quiet(700_000);
  equal(t.state, 'SYN-SENT');
  t.quiet(800_000);
  equal(t.state, 'CLOSED');
  equal(t.socketError(), 'ETIMEDOUT');
});

// Ends

traceTest('close with unread data sends RST', (t) => {
  t.establish();
  t.peer('P.', { data: 'unread' });
  t.advance(50_000);
  t.expect('.', { ack: 7 });
  t.close();
  t.expect('R.', { seq: 1, ack: 7 });
  equal(t.state, 'LISTEN');
  equal(t.counter('TcpExtTCPAbortOnClose'), 1);
});

traceTest('data for a closed socket is answered with RST', (t) => {
  t.establish();
  t.close();
  t.expect('F.', { seq: 1 });
  t.peer('P.', { ack: 1, data: 'too late' });
  t.expect('R', { seq: 1 });
  equal(t.state, 'LISTEN');
  equal(t.counter('TcpExtTCPAbortOnData'), 1);
});

traceTest('shutdown(SHUT_RD): data is still taken and acknowledged', (t) => {
  t.establish();
  equal(t.shutdown(0), 0);
  equal(t.read(), 0);
  t.peer('P.', { data: 'more' });
  t.advance(50_000);
  t.expect('.', { ack: 5 });
  equal(t.read(), 4);
  equal(t.read(), 0);
});

traceTest('orphan in FIN_WAIT2: gone after tcp_fin_timeout', (t) => {
  t.establish();
  t.close();
  t.expect('F.');
  t.peer('.');
  equal(t.state, 'FIN-WAIT-2');
  t.quiet(59_000_000);
  equal(t.state, 'FIN-WAIT-2');
  t.quiet(2_000_000);
  equal(t.state, 'LISTEN');
});

traceTest('FIN_WAIT2 with an open socket stays', (t) => {
  t.reach('FIN-WAIT-2');
  t.quiet(600_000_000);
  equal(t.state, 'FIN-WAIT-2');
});

traceTest('TCP_LINGER2: the orphan goes sooner', (t) => {
  t.establish();
  equal(t.setTcp(TCP.LINGER2, 2), 0);
  t.close();
  t.expect('F.');
  t.peer('.');
  equal(t.state, 'FIN-WAIT-2');
  t.quiet(1_500_000);
  equal(t.state, 'FIN-WAIT-2');
  t.quiet(1_000_000);
  equal(t.state, 'LISTEN');
});

traceTest('TCP_LINGER2 below zero: FIN_WAIT2 is not entered, RST', (t) => {
  t.establish();
  t.setTcp(TCP.LINGER2, -1);
  t.close();
  t.expect('F.');
  t.peer('.');
  t.expect('R', { seq: 2 });
  equal(t.state, 'LISTEN');
});

for (const open of [false, true]) {
  traceTest(`a FIN beyond a gap is data that nobody will read: RST (${open ? 'shut, FIN_WAIT2' : 'closed, FIN_WAIT1'})`, (t) => {
    t.establish();
    if (open) equal(t.shutdown(2), 0);
    else t.close();
    t.expect('F.');
    if (open) t.peer('.', { ack: 2 });
    t.peer('F.', { seq: 101, ack: 2 });
    t.expect('R', { seq: 2 });
    equal(t.state, 'LISTEN');
    equal(t.counter('TcpExtTCPAbortOnData'), 1);
  });
}

traceTest('orphan that enters FIN_WAIT2 by a FIN out of place: a RST after the time it may stay', (t) => {
  t.establish();
  equal(t.setTcp(TCP.LINGER2, 2), 0);
  t.close();
  t.expect('F.');
  // An old segment's FIN ends nothing: what is before it has been received.
  t.peer('F.', { seq: 0, ack: 2 });
  t.expect('.', { ack: 1 });
  equal(t.state, 'FIN-WAIT-2');
  t.advance(1_500_000);
  t.expectNothing();
  equal(t.state, 'FIN-WAIT-2');
  t.advance(1_000_000);
  t.expect('R.', { seq: 2 });
  equal(t.state, 'LISTEN');
});

traceTest('TIME_WAIT lasts 60 s', (t) => {
  t.reach('TIME-WAIT');
  t.quiet(59_500_000);
  equal(t.state, 'TIME-WAIT');
  t.quiet(1_000_000);
  equal(t.state, 'LISTEN');
});

traceTest('TIME_WAIT: a FIN again begins the 60 s anew', (t) => {
  t.reach('TIME-WAIT');
  t.advance(50_000_000);
  t.peer('F.', { seq: 1 });
  t.expect('.', { seq: 2, ack: 2 });
  t.quiet(59_000_000);
  equal(t.state, 'TIME-WAIT');
});

traceTest('TIME_WAIT: data is acknowledged, nothing more', (t) => {
  t.reach('TIME-WAIT');
  t.peer('P.', { seq: 2, data: 'x' });
  t.expect('.', { seq: 2, ack: 2 });
  equal(t.state, 'TIME-WAIT');
});

traceTest('TIME_WAIT: a SYN behind RCV.NXT opens a new connection', (t) => {
  t.reach('TIME-WAIT');
  const old = t.conn;
  t.renew(5_000_000);
  t.peer('S', { mss: 1460 });
  t.expect('S.', { seq: 0, ack: 1 });
  equal((t.conn.hostIsn - old.hostIsn) | 0, 2 + 65537, 'its numbers begin beyond all that the old one can have used');
  t.peer('.');
  equal(t.state, 'ESTABLISHED');
});

traceTest('TIME_WAIT: a SYN with FIN leaves nothing behind that the next SYN takes over', (t) => {
  t.reach('TIME-WAIT');
  const old = t.conn;
  t.peer('SF', { seq: 5000 });
  t.expectNothing();
  t.use(50001, 80).peer('S', { mss: 1460 });
  t.expect('S.', { seq: 0, ack: 1 });
  notEqual((t.conn.hostIsn - old.hostIsn) | 0, 2 + 65537);
});

traceTest('TIME_WAIT: where nobody listens any more, a SYN behind RCV.NXT gets the last ACK again', (t) => {
  t.reach('TIME-WAIT');
  t.close(t.listenFd);
  t.peer('S', { seq: 5000, mss: 1460 });
  t.expect('.', { seq: 2, ack: 2 });
  equal(t.state, 'TIME-WAIT');
});

traceTest('TIME_WAIT: an old SYN is answered with the last ACK', (t) => {
  t.reach('TIME-WAIT');
  t.peer('S', { seq: -5000, mss: 1460 });
  t.expect('.', { seq: 2, ack: 2 });
  equal(t.state, 'TIME-WAIT');
});

traceTest('TIME_WAIT: with timestamps an old SYN with a newer stamp opens a new connection', (t) => {
  t.reach('TIME-WAIT', { ts: [PEER_TS, 0] });
  const old = t.conn;
  t.renew(old.peerIsn - 50_000);
  t.advance(20_000);
  t.peer('S', { mss: 1460, ts: [PEER_TS + 5000, 0] });
  t.expect('S.', { seq: 0, ack: 1 });
});

traceTest('TIME_WAIT, tcp_rfc1337: a RST does not end it', { sysctl: { 'net.ipv4.tcp_rfc1337': 1 } }, (t) => {
  t.reach('TIME-WAIT');
  t.peer('R', { seq: 2 });
  t.expectNothing();
  equal(t.state, 'TIME-WAIT');
});

traceTest('SO_LINGER 0: RST, and the peer\'s data is forgotten', (t) => {
  t.establish();
  t.write('abc');
  t.expect('P.');
  t.linger(true, 0);
  t.close();
  t.expect('R.', { seq: 4, ack: 1 });
  equal(t.state, 'LISTEN');
  t.quiet(2_000_000);
});

traceTest('an orphan gives up after tcp_orphan_retries', { sysctl: { 'net.ipv4.tcp_orphan_retries': 2 } }, (t) => {
  t.establish();
  t.close();
  t.expect('F.');
  t.after(200_000, 'F.', {}, 10_000);
  t.after(400_000, 'F.', {}, 10_000);
  t.advance(8_000_000);
  t.drop();
  equal(t.state, 'LISTEN');
});

traceTest('TCP_USER_TIMEOUT: the connection ends when data was not acknowledged for that long', (t) => {
  t.establish();
  equal(t.setTcp(TCP.USER_TIMEOUT, 1000), 0);
  t.write('abc');
  t.expect('P.');
  t.advance(900_000);
  t.drop();
  equal(t.state, 'ESTABLISHED');
  t.advance(600_000);
  t.drop();
  equal(t.state, 'LISTEN');
  equal(t.socketError(), 'ETIMEDOUT');
});

// Keepalive (RFC 1122 4.2.3.6)

traceTest('keepalive: idle, then probes at SND.NXT-1, then ETIMEDOUT and RST', (t) => {
  t.establish();
  t.setTcp(TCP.KEEPIDLE, 2);
  t.setTcp(TCP.KEEPINTVL, 1);
  t.setTcp(TCP.KEEPCNT, 2);
  equal(t.setOption(SOL.SOCKET, SO.KEEPALIVE, 1), 0);
  t.after(2_000_000, '.', { seq: 0, ack: 1, len: 0 }, 20_000);
  t.after(1_000_000, '.', { seq: 0, ack: 1, len: 0 }, 20_000);
  t.after(1_000_000, 'R.', { seq: 1 }, 20_000);
  equal(t.state, 'LISTEN');
  equal(t.socketError(), 'ETIMEDOUT');
});

traceTest('keepalive: an answer starts the idle time again', (t) => {
  t.establish();
  t.setTcp(TCP.KEEPIDLE, 2);
  t.setTcp(TCP.KEEPINTVL, 1);
  t.setOption(SOL.SOCKET, SO.KEEPALIVE, 1);
  t.after(2_000_000, '.', { seq: 0 }, 20_000);
  t.peer('.');
  t.after(2_000_000, '.', { seq: 0 }, 20_000);
  equal(t.state, 'ESTABLISHED');
});

traceTest('keepalive: our own probe of the peer is answered', (t) => {
  t.establish();
  t.peer('.', { seq: 0 });
  t.expect('.', { seq: 1, ack: 1 });
});

traceTest('keepalive: the default is two hours, 9 probes, 75 s apart', (t) => {
  t.establish();
  t.setOption(SOL.SOCKET, SO.KEEPALIVE, 1);
  t.quiet(7_199_000_000);
  t.after(1_000_000, '.', { seq: 0 }, 50_000);
  for (let i = 0; i < 8; i++) t.after(75_000_000, '.', { seq: 0 }, 50_000);
  t.after(75_000_000, 'R.', { seq: 1 }, 50_000);
  equal(t.socketError(), 'ETIMEDOUT');
});

traceTest('tcp_retries2 15: ETIMEDOUT after a quarter of an hour (924.6 s from the first retransmission)', (t) => {
  t.establish();
  t.write('abc');
  t.expect('P.');
  t.advance(900_000_000);
  const sent = t.drop().length;
  ok(sent >= 14 && sent <= 16, `${sent} retransmissions`);
  equal(t.state, 'ESTABLISHED');
  t.advance(150_000_000);
  t.drop();
  equal(t.state, 'LISTEN');
  equal(t.socketError(), 'ETIMEDOUT');
});
