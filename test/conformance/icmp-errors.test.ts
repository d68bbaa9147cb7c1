/** ICMP errors about TCP segments: which of them end a half-open request, which take a doubling of the timeout back. */
import { deepEqual, equal } from 'node:assert/strict';
import { completeIcmp6, icmpMessage, ipv4Frame, ipv6Frame } from '../../src/net/testing.ts';
import { type Trace, traceTest } from '../tools/tcp-trace.ts';

const TCP = 6, ICMP = 1, ICMP6 = 58;

/** The error arrives, about the host's segment with this relative sequence number. */
function icmpError(t: Trace, type: number, code: number, seq: number, rest = 0): void {
  const { hostPort, peerPort, hostIsn } = t.conn;
  const quoted = new Uint8Array(8);
  const view = new DataView(quoted.buffer);
  view.setUint16(0, hostPort);
  view.setUint16(2, peerPort);
  view.setInt32(4, (hostIsn + seq) | 0);
  const { macHi, macLo } = t.side;
  const host = String(t.hostAddress);
  const peer = String(t.peerAddress);
  if (t.isV4) {
    const about = ipv4Frame(quoted, { src: host, dst: peer, protocol: TCP }).subarray(14);
    t.inject(ipv4Frame(icmpMessage(type, code, rest, about), { src: peer, dst: host, protocol: ICMP, macHi, macLo }));
  } else {
    const about = ipv6Frame(quoted, { src: host, dst: peer, nextHeader: TCP }).subarray(14);
    const message = icmpMessage(type, code, rest, about);
    t.inject(completeIcmp6(ipv6Frame(message, { src: peer, dst: host, nextHeader: ICMP6, macHi, macLo })));
  }
}

/** Of these errors (type, code), those that end a half-open request. */
function fatalOnes(t: Trace, errors: readonly (readonly [number, number])[]): string[] {
  t.listen();
  const fatal: string[] = [];
  errors.forEach(([type, code], i) => {
    t.use(40000 + i, 80).peer('S', { mss: 1460 });
    t.expect('S.');
    icmpError(t, type, code, 0, 0);
    if (t.state !== 'SYN-RECEIVED') fatal.push(`${type}/${code}`);
    else t.peer('R', { seq: 1 });
  });
  return fatal;
}

const ERRORS_4 = Array.from({ length: 16 }, (_, code) => [3, code] as const);

traceTest('tcp_v4_err: net and host unreachable, time exceeded and parameter problem end a request, no other', (t) => {
  deepEqual(fatalOnes(t, [...ERRORS_4, [11, 0], [12, 0], [12, 2]]), ['3/0', '3/1', '11/0', '12/0', '12/2']);
  equal(t.counter('TcpExtListenDrops'), 5);
});

const ERRORS_6 = Array.from({ length: 7 }, (_, code) => [1, code] as const);

traceTest('tcp_v6_err: what icmpv6_err_convert calls fatal ends a request', { ipVersion: 6 }, (t) => {
  deepEqual(fatalOnes(t, [...ERRORS_6, [3, 0], [4, 0], [4, 1]]), ['1/1', '1/4', '1/5', '1/6', '4/0', '4/1']);
});

traceTest('RFC 5927 4.1: an error that does not quote the SYN-ACK\'s number is counted, no more', (t) => {
  t.reach('SYN-RECEIVED');
  for (const seq of [-1, 1, 1000]) icmpError(t, 3, 1, seq);
  equal(t.state, 'SYN-RECEIVED');
  equal(t.counter('TcpExtOutOfWindowIcmps'), 3);
  icmpError(t, 3, 1, 0);
  equal(t.state, 'LISTEN');
});

for (const [ipVersion, type, code, halves] of [
  [4, 3, 0, true], [4, 3, 1, true], [4, 3, 2, false], [4, 3, 13, false], [4, 11, 0, false],
  [6, 1, 0, true], [6, 1, 3, false], [6, 3, 0, false],
] as const) {
  const what = halves ? 'takes a doubling of the timeout back' : 'says nothing about the way';
  traceTest(`RFC 6069, IPv${ipVersion}: error ${type}/${code} ${what}`, { ipVersion }, (t) => {
    t.establish();
    t.write('x');
    t.expect('P.');
    t.after(200_000, 'P.', {}, 20_000);
    t.after(400_000, 'P.', {}, 20_000);
    const before = t.info().rtoUs;
    icmpError(t, type, code, 1);
    equal(Math.round(before / t.info().rtoUs), halves ? 2 : 1);
  });
}
