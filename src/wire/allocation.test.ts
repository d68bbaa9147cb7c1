/**
 * Reading and writing headers leaves no garbage: heap growth over many rounds.
 */
import { ok } from 'node:assert/strict';
import { test } from 'node:test';
import { pseudoHeaderSum4, sumBytes } from '../base/checksum.ts';
import { EthernetHeader, EtherType, writeEthernetHeader } from './ethernet.ts';
import { ipv4ChecksumOk, Ipv4Header, IpProto, writeIpv4Header } from './ipv4.ts';
import { Ipv6Header, writeIpv6Header } from './ipv6.ts';
import { TcpFlag, TcpHeader, TcpOptions, writeTcpHeader } from './tcp.ts';
import { UdpHeader, writeUdpHeader } from './udp.ts';

const ROUNDS = 2_000;
const SECTIONS = 151;
const WARM_UP = 100_000;

/** Heap bytes per round, after warming up. The median of short sections, since a collection hides what it took. */
function bytesPerRound(run: (round: number) => void): number {
  for (let round = 0; round < WARM_UP; round++) run(round);
  const growths = [];
  for (let section = 0; section < SECTIONS; section++) {
    const before = process.memoryUsage().heapUsed;
    for (let round = 0; round < ROUNDS; round++) run(round);
    growths.push((process.memoryUsage().heapUsed - before) / ROUNDS);
  }
  return growths.sort((a, b) => a - b)[SECTIONS >> 1];
}

test('a TCP segment with timestamps and SACK blocks over IPv4 and IPv6, and a datagram: below 1 byte a round', () => {
  const view = new DataView(new ArrayBuffer(256));
  const payload = new Uint8Array(1460).fill(7);
  const options = new TcpOptions();
  const ethernet = new EthernetHeader();
  const ipv4 = new Ipv4Header();
  const ipv6 = new Ipv6Header();
  const tcp = new TcpHeader();
  const udp = new UdpHeader();
  let good = 0;
  const growth = bytesPerRound((round) => {
    // Sequence numbers are int32, as callers keep them: a double here, or -0, would be boxed by V8.
    const seq = -1 - round;
    options.clear();
    options.timestamps = true;
    options.tsVal = seq;
    options.sackCount = round & 3;
    const headerLen = options.write(view, 54) - 34;
    const l4Len = headerLen + payload.length;
    const src = 0xc0000201 | 0;
    const dst = seq;
    const data = sumBytes(payload, 0, payload.length, 0);
    writeTcpHeader(view, 34, 80, 8080, seq, round, headerLen, TcpFlag.Ack, 500, 0, pseudoHeaderSum4(src, dst, 6, l4Len), data);
    writeIpv4Header(view, 14, 20 + l4Len, 0, round & 0xffff, 0x4000, 64, IpProto.Tcp, src, dst);
    writeEthernetHeader(view, 0, 0x0200, seq, 0x0200, round, EtherType.Ipv4);
    writeUdpHeader(view, 200, 53, 9, 10, 1000, 2000);
    writeIpv6Header(view, 140, 20, 0, round & 0xfffff, IpProto.Udp, 64, src, dst, src, dst, dst, src, dst, src);
    const headEnd = 34 + headerLen;
    if (ethernet.parse(view, 0, headEnd, headEnd + payload.length)) good++;
    if (ipv4.parse(view, 14, headEnd, 20 + l4Len) && ipv4ChecksumOk(view, 14, ipv4.headerLen)) good++;
    if (tcp.parse(view, 34, headEnd, l4Len) && tcp.seq === seq) good++;
    if (ipv6.parse(view, 140, 180, 60)) good++;
    if (udp.parse(view, 200, 208, 18)) good++;
  });
  ok(growth < 1, `${growth.toFixed(2)} bytes a round`);
  ok(good === 5 * (ROUNDS * SECTIONS + WARM_UP), 'and every header was good');
});
