/**
 * Hostile packets through a router: nothing throws, nothing leaks, and what is sent on is a sound packet that fits the link.
 */
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../src/base/random.ts';
import { packetStatistics } from '../../src/link/packet.ts';
import { slabStatistics } from '../../src/base/slab.ts';
import { icmpMessage, ipv4Frame, ipv6Frame, pattern, routerProbe, superSegment } from '../../src/net/testing.ts';
import { Ipv4Header, ipv4ChecksumOk } from '../../src/wire/ipv4.ts';
import { Ipv6Header } from '../../src/wire/ipv6.ts';
import { isFull, seed } from '../results.ts';
import { Draw } from '../tools/packet-bytes.ts';
import { mutated } from './mutations.ts';

const FRAMES = isFull ? 300_000 : 20_000;
const OUT4 = { dst: '198.51.100.9' };
const OUT6 = { dst: '2001:db8:2::9' };

/** Sound frames to begin with: all that a router has to look at. */
function models(): Uint8Array[] {
  const options = [
    [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0], [68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0], [68, 12, 5, 3, 192, 0, 2, 1, 0, 0, 0, 0],
    [131, 7, 4, 1, 2, 3, 4, 0],
  ];
  const quoted = ipv4Frame(pattern(20), { src: '192.0.2.1', dst: '203.0.113.9' }).subarray(14);
  return [
    ipv4Frame(pattern(100), OUT4), ipv4Frame(pattern(1400), OUT4), ipv4Frame(pattern(1400), { ...OUT4, fragment: 0x4000 }),
    ipv4Frame(pattern(800), { ...OUT4, fragment: 0x2000 }), ipv4Frame(pattern(801), { ...OUT4, fragment: 100 }),
    ipv4Frame(pattern(20), { ...OUT4, ttl: 1 }), ipv4Frame(pattern(20), { dst: '203.0.113.9' }),
    ipv4Frame(pattern(20), { dst: '192.0.2.77' }),
    ...options.map((each) => ipv4Frame(pattern(700), { ...OUT4, options: each })),
    ipv4Frame(icmpMessage(5, 1, 0xc00002fd | 0, quoted), { src: '192.0.2.254', protocol: 1 }),
    ipv6Frame(pattern(100), OUT6), ipv6Frame(pattern(1400), OUT6), ipv6Frame(pattern(20), { ...OUT6, hopLimit: 1 }),
    ipv6Frame(pattern(20), { dst: '2001:db8:77::9' }),
    ipv6Frame(Uint8Array.from([17, 0, 0x1e, 2, 0, 0, 1, 0, ...pattern(40)]), { ...OUT6, nextHeader: 0 }),
    ipv6Frame(pattern(20), { ...OUT6, src: 'fe80::9' }), superSegment(true, 1200), superSegment(false, 1200),
  ];
}

test('mutated packets through a router', () => {
  const chunks = slabStatistics.chunksInUse;
  const packets = packetStatistics.packetsInUse;
  const draw = new Draw(new SeededRandom(`router ${seed}`));
  const t = routerProbe(`router ${seed}`);
  const { network, second } = t;
  const originals = models();
  const four = new Ipv4Header();
  const six = new Ipv6Header();
  let forwarded = 0;
  for (let i = 0; i < FRAMES; i++) {
    if (i % 500 === 0) {
      second.mtuBytes = draw.pick([68, 576, 1280, 1500]);
      second.checksumOffload = draw.chance(0.5);
      second.gsoMaxBytes = draw.pick([0, 65536]);
      network.settings.set('net.ipv4.conf.all.rp_filter', draw.pick([0, 1, 2]));
      t.run(1e6);
    }
    const frame = mutated(draw.pick(originals), draw.pick(originals), draw, draw.chance(0.8));
    // A device with offload says where the transport header is; what it says is sound, what is behind it is not.
    const isTcp = frame.length > 120 && (frame[23] === 6 || frame[20] === 6);
    const l4 = frame[12] === 8 ? 34 : 54;
    if (isTcp && draw.chance(0.5)) {
      t.device.injectSegment(frame, l4 + draw.pick([12, 20, 32]), l4, draw.pick([1, 100, 500, 1400]), network.context.writer);
    } else {
      t.device.inject(frame);
    }
    for (const sent of t.takeSecond()) {
      const view = new DataView(sent.buffer, sent.byteOffset, sent.length);
      const etherType = view.getUint16(12);
      if (etherType === 0x0806) continue;
      forwarded++;
      const what = `frame ${i} (seed ${seed})`;
      if (etherType === 0x0800) {
        ok(four.parse(view, 14, sent.length, sent.length - 14) && ipv4ChecksumOk(view, 14, four.headerLen), what);
        equal(four.totalLen, sent.length - 14, what);
      } else {
        ok(six.parseQuoted(view, 14, sent.length), what);
        equal(six.payloadLen, sent.length - 54, what);
      }
      const most = Math.max(second.mtuBytes, etherType === 0x0800 ? 0 : 1280);
      if (second.gsoMaxBytes === 0) ok(sent.length - 14 <= most, `${what}: ${sent.length} bytes`);
    }
    t.take();
  }
  ok(forwarded > FRAMES / 10, `${forwarded} of ${FRAMES} frames were sent on`);
  // Fragments for us and packets for neighbours that do not answer wait for a while.
  t.run(200e6);
  network.context.release();
  equal(packetStatistics.packetsInUse - packets, 0);
  equal(slabStatistics.chunksInUse - chunks, 0);
});
