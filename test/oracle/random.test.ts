/**
 * Random programs on our kernel and on Linux: the same results. In `npm test` some hundreds, another seed each commit; in the
 * long tier 2,000. A difference is printed as the shortest program that shows it.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { SIGNATURES } from '../../src/api/posix/signatures.ts';
import { OracleUnavailable } from '../../src/platform/node/oracle/linux-host.ts';
import { isFull, recordResult, root, seed } from '../results.ts';
import { generate, MOST_STEPS } from './random/generator.ts';
import { falseCellsAmong } from './errors/table.ts';
import { LEFT_OUT } from './random/left-out.ts';
import { distribution, mostUnsteady, ownOutcomes, RandomPrograms, reportText } from './random/run-random.ts';
import { shrink } from './random/shrink.ts';
import { p1, type Sequence, sourceOf } from './random/steps.ts';

const PROGRAMS = isFull ? 2000 : 200;
/** How often calls succeed, per thousand programs: what the model knows must not be in vain. */
const LEAST_SUCCESSES: Readonly<Record<string, number>> = {
  socket: 2000, socketpair: 1000, bind: 900, listen: 400, connect: 480, accept4: 340, send: 400, sendmsg: 110, recvmsg: 100, recv: 70,
  read: 170, write: 700, poll: 850, epoll_ctl: 370, epoll_wait: 140, pipe: 1000, dup: 80, close: 1300, setsockopt: 420, getsockopt: 400,
  fcntl: 330, sendmmsg: 90, recvmmsg: 20, ppoll: 80, pselect: 80, shmget: 150, signalfd: 40,
};

/** Both kernels; null, and the test is left out, where there is no Linux to compare with. */
async function opened(t: TestContext): Promise<RandomPrograms | null> {
  try {
    return await RandomPrograms.open(root);
  } catch (error) {
    if (!(error instanceof OracleUnavailable) || process.env['CI'] === 'true') throw error;
    t.skip(error.message);
    return null;
  }
}

test(`${PROGRAMS} random programs end alike on both kernels, seed ${seed}`, { timeout: 3_600_000 }, async (t) => {
  const programs = await opened(t);
  if (programs === null) return;
  const report = await programs.run(seed, 0, PROGRAMS);
  const { comparison, outcomes } = report;
  t.diagnostic(`${report.programs} programs of ${report.steps} calls\n${distribution(outcomes)}`);
  assert.equal(report.differences.length, 0, reportText(report));
  assert.deepEqual(report.left, []);
  assert.deepEqual(falseCellsAmong(comparison.returned), []);
  assert.ok(report.unsteady.length <= mostUnsteady(PROGRAMS), reportText(report));
  assert.ok(comparison.compared >= PROGRAMS * 18, `${comparison.compared} results`);
  for (const [call, least] of Object.entries(LEAST_SUCCESSES)) {
    const found = outcomes.get(call)?.get('ok') ?? 0;
    // Half of it: a sample is not the whole.
    assert.ok(found >= (least * PROGRAMS) / 1000 / 2, `${call} succeeded ${found} times`);
  }
  const errors = new Set([...outcomes.values()].flatMap((kinds) => [...kinds.keys()].filter((kind) => kind.startsWith('E'))));
  assert.ok(errors.size >= (isFull ? 35 : 25), `${errors.size} kinds of errors`);
  const table = Object.keys(SIGNATURES).filter((call) => LEFT_OUT[call] === undefined);
  const unseen = table.filter((call) => !outcomes.has(call));
  // All of them in two thousand programs; a few of the rare ones need not be among two hundred.
  assert.ok(unseen.length <= (isFull ? 0 : 12), `not drawn: ${unseen.join(' ')}`);
  recordResult('random-programs', {
    programs: report.programs, calls: report.steps, results: comparison.compared, differences: 0, unsteady: report.unsteady.length,
    kindsOfCalls: outcomes.size, kindsOfErrors: errors.size,
    outcomes: Object.fromEntries([...outcomes].sort().map(([call, kinds]) => [call, Object.fromEntries(kinds)])),
  });
});

/** How often each call is drawn in 2,000 programs, and succeeds. */
const LEAST_DRAWN = 20, LEAST_OK = 8;
/** Calls that have no other end than a signal. */
const ENDS: Readonly<Record<string, string>> = { pause: 'EINTR', sigsuspend: 'EINTR' };
/** Successes in 2,000 programs of what the rarer families are for. */
const LEAST_TALK: Readonly<Record<string, number>> = {
  'netlink route send': 150, 'netlink route sendmsg': 80, 'netlink route sendto': 70, 'netlink route recvmsg': 100, 'netlink route recv': 50,
  'netlink user sendto': 60, 'netlink user recvmsg': 15, 'netlink diag send': 40, 'netlink diag recvmsg': 30,
  NEWLINK: 30, NEWADDR: 20, NEWROUTE: 30, DONE: 90, ERROR: 80, 'inet 2': 5, 'inet 10': 5, unix: 8, packet: 5,
  'packet sendto': 150, 'packet sendmsg': 40, 'packet recvmsg': 50, 'packet recvfrom': 30, 'packet recv': 20, 'packet bind': 20,
  'ping bind': 150, 'ping connect': 20, 'ping send': 15, 'ping sendto': 80, 'ping recvmsg': 20, 'ping6 sendto': 60, 'ping6 recvmsg': 15,
};

test('two thousand programs draw every call, with success, and talk with every family', async (t) => {
  const { outcomes, talk } = await ownOutcomes('every call', 2000);
  t.diagnostic(`${distribution(outcomes)}\n${[...talk].sort().map(([what, count]) => `${what}: ${count}`).join('\n')}`);
  for (const [call, kinds] of outcomes) {
    const drawn = [...kinds.values()].reduce((sum, count) => sum + count, 0);
    assert.ok(drawn >= LEAST_DRAWN || call === 'note', `${call} was drawn ${drawn} times`);
    const succeeded = kinds.get(ENDS[call] ?? 'ok') ?? 0;
    assert.ok(succeeded >= LEAST_OK || call === 'note', `${call} succeeded ${succeeded} times`);
  }
  const table = Object.keys(SIGNATURES);
  assert.deepEqual(table.filter((call) => !outcomes.has(call)).sort(), Object.keys(LEFT_OUT).sort());
  for (const [what, least] of Object.entries(LEAST_TALK)) assert.ok((talk.get(what) ?? 0) >= least, `${what}: ${talk.get(what) ?? 0} times`);
});

/** So many programs of a seed draw every call there is to draw. */
const DRAWN = 2000;

test(`the calls that ${DRAWN} programs of seed ${seed} draw are those of the table, but for the ones left out with a reason`, () => {
  const drawn = new Set<string>();
  for (let i = 0; i < DRAWN; i++) for (const { call } of generate(`${seed}-${i}`).steps) drawn.add(call);
  // Steps that are no calls of the table: spawn, as the kernel has it, and the end of a process.
  for (const other of ['fork', 'exit']) assert.ok(drawn.delete(other), other);
  const table = Object.keys(SIGNATURES);
  assert.deepEqual(Object.keys(LEFT_OUT).filter((call) => !table.includes(call)), []);
  assert.deepEqual(table.filter((call) => !drawn.has(call)).sort(), Object.keys(LEFT_OUT).sort());
  assert.deepEqual([...drawn].filter((call) => !table.includes(call)), []);
});

test('one seed is one program, of at most forty calls', () => {
  for (let i = 0; i < 200; i++) {
    const sequence = generate(`fixed-${i}`);
    assert.ok(sequence.steps.length >= 1 && sequence.steps.length <= MOST_STEPS, `${sequence.steps.length}`);
    assert.equal(sourceOf(sequence), sourceOf(generate(`fixed-${i}`)));
  }
});

test('a program that fails is shortened to what makes it fail', async () => {
  const steps = Array.from({ length: 40 }, (_, i) => p1('close', [i]));
  const sequence: Sequence = { name: 'made up', forks: false, steps };
  const fails = async (shorter: Sequence): Promise<boolean> => (
    [7, 31].every((wanted) => shorter.steps.some(({ args }) => args[0] === wanted))
  );
  const short = await shrink(sequence, fails, 1000);
  assert.deepEqual(short.steps.map(({ args }) => args[0]), [7, 31]);
});

test('the comparison sees a kernel that lies', async (t) => {
  const programs = await opened(t);
  if (programs === null) return;
  programs.spoil((call, outcome) => (call === 'listen' && outcome === 'ok' ? 'EINVAL' : outcome));
  const report = await programs.run('lies', 0, 40);
  assert.equal(report.differences.length, 1, reportText(report));
  // A socket that is bound, or not even that, and the call.
  assert.match(report.differences[0]?.source ?? '', /^sequence\('random-lies-\d+', (true|false), \[\n(.*\n){1,3} {4}p[12]\('listen'.*\n\]\),$/);
});

test('what shows once and not again is unsteady, named, and more of it than the bound is noticed', async (t) => {
  const programs = await opened(t);
  if (programs === null) return;
  let lies = 4;
  programs.spoil((call, outcome) => (call === 'listen' && outcome === 'ok' && lies-- > 0 ? 'EINVAL' : outcome));
  const report = await programs.run('unsteady', 0, 40);
  assert.deepEqual(report.differences, []);
  assert.ok(report.unsteady.length > mostUnsteady(40), reportText(report));
  assert.match(report.unsteady.join('; '), /^unsteady-\d+ \(p[12]\.listen\(.*\): ok; ours EINVAL\)/);
  assert.deepEqual([1, 199, 200, 399, 400, 2000].map(mostUnsteady), [1, 1, 1, 1, 2, 10]);
});
