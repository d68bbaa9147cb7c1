/**
 * Filters mean what they mean in libpcap: over generated packets of every link type, three verdicts on each expression
 * agree: our program on our machine, libpcap's program on our machine, and tcpdump's own. What one refuses, all do.
 *
 * In the long tier 10,000 packets per link type; SOCKSCAPE_SEED sets which ones.
 *
 * Two kinds of difference are excused, counted and kept rare. A packet that ends inside what the filter looks at is dropped
 * when a load fails, and which loads are made at all is the optimizers' choice: it must get the same verdict from both
 * once it is filled up with zeros. And libpcap's optimizer (1.10.3) makes mistakes in large expressions, such as
 * `(not (host 10.0.0.1 and port 80)) and host (10.0.0.1 or 10.0.0.2)` on raw IP: there its own program without
 * optimization (`-O`) must agree with ours.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { SeededRandom } from '../../src/base/random.ts';
import { compileFilter } from '../../src/bpf/compile.ts';
import { initialiserListing, readableListing } from '../../src/bpf/listing.ts';
import { machineNames } from '../../src/cli/name-tables.ts';
import { LinkType } from '../../src/wire/link-type.ts';
import { needs } from '../needs.ts';
import { isFull, recordResult, seed } from '../results.ts';
import { FilterComparison } from './filter-compare.ts';
import { EXPRESSIONS, NAMED_EXPRESSIONS, WRONG_EXPRESSIONS } from './filter-expressions.ts';
import { FILTER_LINK_TYPES, filterFile, filterPackets } from './filter-packets.ts';
import { Draw } from '../tools/packet-bytes.ts';

const PACKETS = isFull ? 10_000 : 1_000;
/** Outside the long tier, every eighth expression on other link types than Ethernet: which ones, the seed decides. */
const STRIDE = isFull ? 1 : 8;
const MOST_EXCUSED_IN_A_MILLION = 100;
/** A third of the packets is cut, and expressions at random look at a dozen places each. */
const MOST_EXCUSED_AT_RANDOM = 30_000;

const NEVER_PASSES = 'no packet can pass this filter';

interface Tally {
  expressions: number;
  refused: number;
  /** Refused by one alone, since no packet can pass: the other takes it, and passes none. */
  empty: number;
  verdicts: number;
  passed: number;
  /** Packets too short for the loads of one of the two. */
  excused: number;
  /** Packets that libpcap's optimized program judges otherwise than its own unoptimized one. */
  misoptimized: number;
}

function newTally(): Tally {
  return { expressions: 0, refused: 0, empty: 0, verdicts: 0, passed: 0, excused: 0, misoptimized: 0 };
}

/** Compares all three on one expression. */
function compare(comparison: FilterComparison, expression: string, tally: Tally): void {
  const { linkType } = comparison;
  const { ours, libpcap, ourComplaint, libpcapComplaint } = comparison.compile(expression);
  tally.expressions++;
  if (ours === null && libpcap !== null && ourComplaint === NEVER_PASSES) {
    // What contradicts itself in a roundabout way, one compiler sees and the other does not.
    ok(!comparison.run(libpcap).includes('1'), `link type ${linkType}, '${expression}': we say that nothing passes`);
    tally.empty++;
    return;
  }
  if (ours !== null && libpcap === null && libpcapComplaint?.endsWith('expression rejects all packets') === true) {
    ok(!comparison.run(ours).includes('1'), `link type ${linkType}, '${expression}': libpcap says that nothing passes`);
    tally.empty++;
    return;
  }
  if (ours === null || libpcap === null) {
    tally.refused++;
    ok(ours === null, `link type ${linkType}, '${expression}': libpcap alone refuses it: ${libpcapComplaint}`);
    ok(libpcap === null, `link type ${linkType}, '${expression}': we alone refuse it: ${ourComplaint}`);
    return;
  }
  const mine = comparison.run(ours);
  const theirs = comparison.run(libpcap);
  const tcpdumps = comparison.tcpdumpVerdicts(expression);
  let unoptimized: string | null = null;
  const passes = (verdicts: string, i: number): string => (verdicts[i] === '1' ? 'passes' : 'is dropped');
  for (let i = 0; i < mine.length; i++) {
    tally.verdicts++;
    if (mine[i] === '1') tally.passed++;
    if (theirs[i] !== tcpdumps[i]) {
      const both = `libpcap's program on our machine ${passes(theirs, i)}, tcpdump's ${passes(tcpdumps, i)}`;
      ok(false, `'${expression}': ${both}; ${comparison.describe(i)}`);
    }
    if (mine[i] === theirs[i]) continue;
    if (comparison.agreeWhenFilled(ours, libpcap, i)) {
      tally.excused++;
      continue;
    }
    unoptimized ??= comparison.run(comparison.libpcapProgram(expression, '-O').program ?? []);
    ok(mine[i] === unoptimized[i], `'${expression}': ours ${passes(mine, i)}, tcpdump's ${passes(theirs, i)}; ${comparison.describe(i)}`);
    tally.misoptimized++;
  }
}

function conclude(t: TestContext, tally: Tally, most = MOST_EXCUSED_IN_A_MILLION): void {
  const { expressions, refused, empty, verdicts, passed, excused, misoptimized } = tally;
  t.diagnostic(
    `${expressions} expressions (${refused} refused by both, ${empty} by one alone), ${verdicts} verdicts, ${passed} passed, ` +
      `${excused} + ${misoptimized} excused`,
  );
  ok((excused + misoptimized) * 1e6 <= most * verdicts, `${excused} + ${misoptimized} of ${verdicts} verdicts excused`);
}

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
    conclude(t, tally);
    for (const key of Object.keys(all) as (keyof Tally)[]) all[key] += tally[key];
    if (linkType === FILTER_LINK_TYPES.at(-1)) {
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
  conclude(t, tally, MOST_EXCUSED_AT_RANDOM);
  recordResult('filter-random-expressions', { ...tally, differences: 0 });
});

/** A division by zero drops a packet as a failed load does: whether it is made at all, is the optimizers' choice. */
const PARTS = EXPRESSIONS.filter((expression) => !/[/%] ip\[/.test(expression));

/** Parts of the list, joined. */
function randomExpression(draw: Draw, depth: number): string {
  if (depth === 0 || draw.chance(0.3)) return `(${draw.pick(PARTS)})`;
  const left = randomExpression(draw, depth - 1);
  if (draw.chance(0.2)) return `not ${left}`;
  return `(${left} ${draw.pick(['and', 'or', '&&', '||'])} ${randomExpression(draw, depth - 1)})`;
}

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
