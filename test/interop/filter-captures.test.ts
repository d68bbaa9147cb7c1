/**
 * Filters on what Linux really sends: every expression of the list over packets that Debian's tcpdump has captured between
 * two namespaces (real-captures.ts), and over as many made of them by changing what filters look at, 10,000 per link type in
 * the long tier. Three verdicts on each: our program on our machine, libpcap's on our machine, and tcpdump's own.
 *
 * Link types that Linux gives no device are in filter-verdicts.test.ts alone.
 */
import { equal, ok } from 'node:assert/strict';
import { before, test } from 'node:test';
import { SeededRandom } from '../../src/base/random.ts';
import { compileFilter } from '../../src/bpf/compile.ts';
import { LinkType } from '../../src/wire/link-type.ts';
import { needs } from '../needs.ts';
import { isFull, recordResult, seed } from '../results.ts';
import { Draw } from '../tools/packet-bytes.ts';
import { FilterComparison } from './filter-compare.ts';
import { EXPRESSIONS, randomExpression } from './filter-expressions.ts';
import { type FilteredPacket, mutatedPackets } from './filter-packets.ts';
import { addTally, compare, conclude, newTally } from './filter-tally.ts';
import { CAPTURE_NEEDS, realCaptures } from './real-captures.ts';

const MUTATED = isFull ? 10_000 : 500;
/** Outside the long tier every eighth expression: which ones, the seed decides. */
const STRIDE = isFull ? 1 : 8;
const RANDOM_EXPRESSIONS = isFull ? 1_000 : 60;

/** What must be among the packets of a link type: otherwise the traffic is not what it is said to be. */
const EVERYWHERE = [
  'icmp', 'icmp6', 'tcp port 80', 'udp port 53', 'ip[6:2] & 0x1fff != 0', 'ip6[6] = 44', 'tcp[tcpflags] & tcp-syn != 0',
  'icmp[icmptype] = icmp-unreach', 'ip6 and tcp', 'greater 1000',
];
const PRESENT = new Map<number, readonly string[]>([
  [LinkType.Ethernet, [
    ...EVERYWHERE, 'arp', 'vlan 5 and ip', 'vlan and vlan', 'broadcast', 'multicast', 'igmp', 'stp', 'ether[12:2] < 1501', 'sctp', 'rarp', 'pppoed',
  ]],
  [LinkType.LinuxSll, [...EVERYWHERE, 'arp', 'inbound', 'outbound', 'host 127.0.0.1', 'igmp']],
  [LinkType.LinuxSll2, [...EVERYWHERE, 'arp', 'inbound', 'outbound', 'host ::1', 'igmp']],
  [LinkType.Raw, EVERYWHERE],
]);

/** Verdicts in a million that may differ (filter-tally.ts): none on whole packets; of the changed ones a third is cut. */
const OF_REAL = { short: 0, misoptimized: 0 };
const OF_MUTATED = { short: 10, misoptimized: 10 };
const AT_RANDOM = { short: isFull ? 1_000 : 5_000, misoptimized: 100 };

const options = { ...needs(...CAPTURE_NEEDS), timeout: 3_600_000 };
let captures = new Map<number, FilteredPacket[]>();
const sum = newTally();
let packets = 0;

before(async () => {
  if (options.skip === false) captures = await realCaptures();
}, { timeout: 120_000 });

for (const [linkType, present] of PRESENT) {
  test(`filters on captured packets of link type ${linkType}, and ${MUTATED} made of them, seed ${seed}`, options, (t) => {
    const captured = captures.get(linkType) ?? [];
    packets += captured.length;
    ok(captured.length >= 40, `${captured.length} packets were captured`);
    const real = new FilterComparison(linkType, captured);
    for (const expression of present) ok(real.run(compileFilter(expression, { linkType })).includes('1'), `there is no '${expression}' among them`);
    const mutated = new FilterComparison(linkType, mutatedPackets(`captured ${seed}`, linkType, captured, MUTATED));
    const [ofReal, ofMutated] = [newTally(), newTally()];
    EXPRESSIONS.forEach((expression, i) => {
      if ((i + seed) % STRIDE !== 0) return;
      compare(real, expression, ofReal);
      compare(mutated, expression, ofMutated);
    });
    equal(ofReal.empty, 0, 'refused by one alone');
    conclude(t, ofReal, OF_REAL);
    conclude(t, ofMutated, OF_MUTATED);
    addTally(sum, ofReal);
    addTally(sum, ofMutated);
  });
}

test('expressions put together at random, on captured packets', options, (t) => {
  const draw = new Draw(new SeededRandom(`captured expressions ${seed}`));
  const comparisons = [...captures].map(([linkType, captured]) => new FilterComparison(linkType, captured));
  const tally = newTally();
  for (let i = 0; i < RANDOM_EXPRESSIONS; i++) compare(draw.pick(comparisons), randomExpression(draw, 3), tally);
  ok(tally.empty * 20 <= tally.expressions, `${tally.empty} refused by one alone`);
  conclude(t, tally, AT_RANDOM);
  recordResult('filter-captures', {
    linkTypes: PRESENT.size, captured: packets, mutatedEach: MUTATED, ofTheList: sum, atRandom: tally, differences: 0,
  });
});
