/** `sockscape demo half-open`: what is printed is what happens, and when; Linux's own times stand in the comments. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { recordResult } from '../results.ts';
import { commandLine, runBeside } from './command.ts';

const LINE = /^00:(\d\d):(\d\d\.\d+) IP 10\.0\.1\.1\.\d+ > 10\.0\.2\.2\.5432: Flags \[P\.\], seq 70:86,/;

test('a firewall that drops silently: the probe, fifteen retransmissions, and the errors of four clients', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'half-open-'));
  try {
    const file = join(folder, 'half-open.pcapng');
    const { status, stdout, stderr } = await runBeside(commandLine('demo', 'half-open', '--once', '-w', file));
    equal(status, 0, stderr);
    const times = stdout.split('\n').map((line) => LINE.exec(line)).filter((found) => found !== null)
      .map(([, minutes, seconds]) => Number(minutes) * 60 + Number(seconds));
    // The query, a tail loss probe, tcp_retries2's fifteen.
    equal(times.length, 17);
    const gaps = times.slice(1).map((time, i) => time - (times[i] as number));
    ok(Math.abs((gaps[0] as number) - 0.22) < 0.01 && Math.abs((gaps[1] as number) - 0.22) < 0.01, String(gaps));
    const expected = gaps.slice(2).map((_, i) => Math.min(0.44 * 2 ** i, 120));
    for (const [i, gap] of gaps.slice(2).entries()) ok(Math.abs(gap - (expected[i] as number)) < 0.05 + 0.01 * gap, `${gap} s, not ${expected[i]}`);
    ok((times.at(-1) as number) - (times[2] as number) + 120 >= 924.6, 'tcp_retries2: 924.6 s at least');
    const ends = [...stdout.matchAll(/^(E\w+) after ([\d.]+) s: /gm)].map(([, code, seconds]) => [code, Number(seconds)] as const);
    deepEqual(ends.map(([code]) => code), ['ETIMEDOUT', 'ETIMEDOUT', 'ETIMEDOUT', 'ETIMEDOUT']);
    const [first, idle, both, user] = ends.map(([, seconds]) => seconds) as [number, number, number, number];
    ok(Math.abs(first - 945.3) <= 0.5, String(first));
    equal(idle, 15);
    equal(both, first);
    // Linux counts TCP_USER_TIMEOUT from the first retransmission on: 6.07 s on loopback, where the first one comes later.
    ok(user >= 5.5 && user < 6.1, String(user));
    match(stdout, /Send-Q[\s\S]*ESTAB 0 {6}16 .*timer:\(on,\d+ms,0\)[\s\S]*timer:\(on,[\w]+,12\)/);
    match(stderr, /^replay: npx sockscape demo half-open --once --seed half-open -w /m);
    const [, realSeconds] = /^in all: ([\d.]+) s of the machine's time$/m.exec(stderr) ?? [];
    ok(Number(realSeconds) > 0, stderr);
    recordResult('half-open', { demo: 'npx sockscape demo half-open --once', realSeconds: Number(realSeconds), virtualSeconds: ends.map(([, seconds]) => seconds) });
    const shown = execFileSync('tcpdump', ['-n', '-r', file, 'tcp'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    equal(shown.trim().split('\n').length, stdout.split('\n').filter((line) => line.includes(' IP ')).length);
    const again = join(folder, 'again.pcapng');
    await runBeside(commandLine('demo', 'half-open', '--once', '-w', again));
    ok(readFileSync(file).equals(readFileSync(again)), 'the same bytes again');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
