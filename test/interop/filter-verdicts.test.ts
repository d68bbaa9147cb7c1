/**
 * Filters mean what they mean in libpcap: over generated packets of every link type, three verdicts on each expression
 * agree: our program on our machine, libpcap's program on our machine, and tcpdump's own. What one refuses, all do.
 *
 * In the long tier 10,000 packets per link type; SOCKSCAPE_SEED sets which ones.
 *
 * What of this differs for a reason that has a name is told in filter-tally.ts, counted and kept rare.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { SeededRandom } from '../../src/base/random.ts';
import { compileFilter } from '../../src/bpf/compile.ts';
import { initialiserListing, readableListing } from '../../src/bpf/listing.ts';
import { machineNames } from '../../src/cli/name-tables.ts';
import { LinkType } from '../../src/wire/link-type.ts';
import { needs } from '../needs.ts';
import { isFull, recordResult, seed } from '../results.ts';
import { FilterComparison } from './filter-compare.ts';
import { EXPRESSIONS, NAMED_EXPRESSIONS, randomExpression, WRONG_EXPRESSIONS } from './filter-expressions.ts';
import { FILTER_LINK_TYPES, filterFile, filterPackets } from './filter-packets.ts';
import { addTally, compare, conclude, newTally, tell } from './filter-tally.ts';
import { Draw } from '../tools/packet-bytes.ts';

const PACKETS = isFull ? 10_000 : 1_000;
/** Outside the long tier, every eighth expression on other link types than Ethernet: which ones, the seed decides. */
const STRIDE = isFull ? 1 : 8;
/**
 * Verdicts in a million that may differ: for the list; and for what is put together of it, where a third of the packets is
 * cut, and one expression that is true of everything (`1 = 1 or ...`) already makes thousands in a million of a short run.
 */
const MOST = { short: 10, misoptimized: 10 };
const MOST_AT_RANDOM = { short: isFull ? 2_000 : 10_000, misoptimized: 100 };

const all = newTally();

for (const linkType of FILTER_LINK_TYPES) {
  const isEthernet = linkType === LinkType.Ethernet;
  test(`filters on ${PACKETS} packets of link type ${linkType}, seed ${seed}`, { ...needs('tcpdump'), timeout: 3_600_000 }, (t) => {
    const tally = newTally();
    const packets = filterPackets(`filters ${seed}`, linkType, PACKETS);
    // The byte order of the file counts for BSD's loopback packets.
    const isLittleEndian = seed % 2 === 0;
    const comparison = new FilterComparison(linkType, packets, isLittleEndian);
    const stride = isEthernet ? 1 : STRIDE;
    EXPRESSIONS.forEach((expression, i) => {
      if ((i + seed) % stride === 0) compare(comparison, expression, tally);
    });
    equal(tally.empty, 0, 'refused by one alone');
    tell(t, tally);
    addTally(all, tally);
    if (linkType === FILTER_LINK_TYPES.at(-1)) {
      conclude(t, all, MOST);
      recordResult('filter-verdicts', { linkTypes: FILTER_LINK_TYPES.length, packetsEach: PACKETS, ...all, differences: 0 });
    }
  });
}

test('expressions put together at random', { ...needs('tcpdump'), timeout: 3_600_000 }, (t) => {
  const draw = new Draw(new SeededRandom(`expressions ${seed}`));
  const tally = newTally();
  const comparisons = [LinkType.Ethernet, LinkType.Raw, LinkType.LinuxSll].map(
    (linkType) => new FilterComparison(linkType, filterPackets(`random filters ${seed}`, linkType, isFull ? 2_000 : 500)),
  );
  for (let i = 0; i < (isFull ? 2_000 : 120); i++) compare(draw.pick(comparisons), randomExpression(draw, 3), tally);
  ok(tally.empty * 20 <= tally.expressions, `${tally.empty} refused by one alone`);
  conclude(t, tally, MOST_AT_RANDOM);
  recordResult('filter-random-expressions', { ...tally, differences: 0 });
});

test('what libpcap refuses on Ethernet, we refuse', needs('tcpdump'), (t) => {
  const comparison = new FilterComparison(LinkType.Ethernet, []);
  for (const expression of WRONG_EXPRESSIONS) {
    const { ours, libpcap } = comparison.compile(expression);
    ok(libpcap === null, `libpcap takes '${expression}'`);
    ok(ours === null, `we take '${expression}'`);
  }
  t.diagnostic(`${WRONG_EXPRESSIONS.length} expressions`);
});

const tables = existsSync('/etc/services') ? {} : { skip: 'needs /etc/services' };

test('names of services and protocols', { ...needs('tcpdump'), ...tables }, () => {
  const comparison = new FilterComparison(LinkType.Ethernet, filterPackets(`names ${seed}`, LinkType.Ethernet, 500));
  for (const expression of NAMED_EXPRESSIONS) {
    const { program } = comparison.libpcapProgram(expression);
    ok(program !== null, expression);
    equal(comparison.run(compileFilter(expression, { names: machineNames() })), comparison.run(program), expression);
  }
});

test('programs are listed as tcpdump -d and -dd list them', needs('tcpdump'), () => {
  const comparison = new FilterComparison(LinkType.Ethernet, []);
  const header = filterFile(LinkType.Ethernet, []);
  const listing = (flag: string, expression: string): string =>
    spawnSync('tcpdump', ['-r', '-', flag, '--', expression], { input: header, encoding: 'utf8' }).stdout;
  EXPRESSIONS.forEach((expression, i) => {
    if ((i + seed) % (isFull ? 1 : 8) !== 0) return;
    const { program } = comparison.libpcapProgram(expression);
    if (program === null) return;
    equal(readableListing(program), listing('-d', expression), expression);
    deepEqual(initialiserListing(program), listing('-dd', expression), expression);
  });
});
