/** Traces of what Linux does beside RFC 9293's letter: MSG_PEEK at the urgent mark, data after SHUT_RDWR, RFC 6069. */
import { equal, ok } from 'node:assert/strict';
import { finish, sumView } from '../../src/base/checksum.ts';
import { Msg, Shut } from '../../src/transport/endpoint.ts';
import { ipv4Frame } from '../../src/net/testing.ts';
import { errno, type Seen, type Trace, traceTest } from '../tools/tcp-trace.ts';

traceTest('recv(2): MSG_PEEK at the urgent mark steps over the byte and leaves it there', (t) => {
  t.establish();
  t.peer('P.U', { data: 'a!b', urg: 2 });
  t.advance(50_000);
  t.drop();
  equal(t.read(), 1);
  for (let i = 0; i < 2; i++) {
    equal(t.read(16, Msg.PEEK), 1);
    equal(t.lastRead, 'b');
    equal(atMark(t), true);
  }
  equal(t.read(1, Msg.OOB), 1);
  equal(t.lastRead, '!');
  equal(t.read(), 1);
  equal(t.lastRead, 'b');
  equal(errno(t.read()), 'EAGAIN');
});

for (const [how, state] of [[Shut.RDWR, 'LISTEN'], [Shut.WR, 'FIN-WAIT-2']] as const) {
  traceTest(`RFC 1122 4.2.2.13: data after shutdown ${how} is ${how === Shut.RDWR ? 'reset' : 'taken'}`, (t) => {
    t.establish();
    equal(t.shutdown(how), 0);
    t.expect('F.', { seq: 1 });
    t.peer('.', { ack: 2 });
    t.peer('P.', { data: 'late', ack: 2 });
    if (how === Shut.RDWR) t.expect('R', { seq: 2 });
    t.advance(50_000);
    t.drop();
    // Without a connection the port's listener is what is left.
    equal(t.state, state);
  });
}

/** SIOCATMARK of the one connection. */
function atMark(t: Trace): boolean {
  for (const endpoint of t.ours.host.stack.tcp.endpoints()) if (endpoint.urgent !== null) return endpoint.atUrgentMark();
  return false;
}

/** "Host unreachable" from a router, quoting the segment. */
function unreachable(t: Trace, segment: Seen): void {
  const view = new DataView(new ArrayBuffer(8 + 20 + 8));
  const bytes = new Uint8Array(view.buffer);
  bytes[0] = 3;
  bytes[1] = 1;
  view.setUint8(8, 0x45);
  view.setUint16(10, 40 + segment.data.length);
  view.setUint8(16, 64);
  view.setUint8(17, 6);
  bytes.set([192, 0, 2, 1, 192, 0, 2, 2], 20);
  view.setUint16(18, finish(sumView(view, 8, 28, 0)));
  view.setUint16(28, segment.fromPort);
  view.setUint16(30, segment.toPort);
  view.setInt32(32, rawSeq(t, segment));
  view.setUint16(2, finish(sumView(view, 0, bytes.length, 0)));
  t.inject(ipv4Frame(bytes, { src: '192.0.2.2', dst: '192.0.2.1', protocol: 1 }));
}

function rawSeq(t: Trace, segment: Seen): number {
  for (const endpoint of t.ours.host.stack.tcp.endpoints()) {
    if (endpoint.remotePort === segment.toPort) return (endpoint.iss + segment.seq) | 0;
  }
  throw new Error('no such connection');
}

traceTest('RFC 6069: "unreachable" for a retransmission takes one doubling of the timeout back', (t) => {
  t.establish();
  const times: number[] = [];
  t.write('x');
  t.expect('P.');
  for (let i = 0; i < 4; i++) {
    let segment: Seen | undefined;
    for (let us = 0; us < 20_000_000 && segment === undefined; us += 10_000) {
      t.advance(10_000);
      [segment] = t.drop();
    }
    ok(segment !== undefined, 'a retransmission');
    times.push(segment.at);
    unreachable(t, segment);
  }
  // Without the errors each wait would be twice the one before.
  const waits = times.slice(1).map((time, i) => time - (times[i] as number));
  for (const wait of waits) ok(wait < 300_000, `waits ${waits.join(' ')}`);
});
