import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { HostContext } from '../../base/host-context.ts';
import { Loop } from '../../base/loop.ts';
import { SeededRandom } from '../../base/random.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { Network } from '../../net/network.ts';
import { rttSample, setRto } from './rtt.ts';
import { Tcp, type TcpEndpoint } from './tcp.ts';

function endpoint(): TcpEndpoint {
  const loop = new Loop(new VirtualClock(new SeededRandom('rtt'), () => {}));
  const context = new HostContext(loop, new SeededRandom('rtt'));
  return new Tcp(context, new Network(context)).create(true);
}

test('RFC 6298 2.2: the first sample is SRTT; the variance is half of it, but at least 200 ms (Linux)', () => {
  for (const [rtt, rto] of [[10_000, 210_000], [100_000, 300_000], [1_000_000, 3_000_000]] as const) {
    const t = endpoint();
    rttSample(t, rtt);
    setRto(t);
    equal(t.srttUs >> 3, rtt);
    equal(t.rtoUs, rto);
  }
});

test('RFC 6298 2.4, Linux: a steady RTT brings the timeout to RTT + 200 ms and no lower', () => {
  const t = endpoint();
  rttSample(t, 1_000_000);
  for (let i = 0; i < 500; i++) {
    t.sndUna = (t.sndUna + 10) | 0;
    t.sndNxt = t.sndUna;
    rttSample(t, 50_000);
  }
  setRto(t);
  ok(Math.abs((t.srttUs >> 3) - 50_000) < 100, String(t.srttUs >> 3));
  ok(t.rtoUs >= 250_000 - 100 && t.rtoUs < 252_000, String(t.rtoUs));
});

test('RFC 6298 2.5: the timeout has a maximum, tcp_rto_max_ms', () => {
  const t = endpoint();
  rttSample(t, 100_000_000);
  setRto(t);
  equal(t.rtoUs, 120_000_000);
});

test('a sample of zero leaves an estimate that is not zero', () => {
  const t = endpoint();
  rttSample(t, 0);
  equal(t.srttUs, 1);
});
