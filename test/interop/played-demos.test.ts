/**
 * `sockscape demo partition` and `sockscape demo slow-loris`: what happens, at which time of the world, and what stands in the capture.
 * half-open has its own file.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readCapture } from '../../src/capture/capture-file.ts';
import { needs } from '../needs.ts';
import { commandLine, runBeside } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'played-demos-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Played {
  /** Lines that are no segments'. */
  readonly events: readonly string[];
  readonly segments: readonly string[];
  readonly capture: Buffer;
  readonly file: string;
}

async function play(name: string, ...options: string[]): Promise<Played> {
  const file = join(folder, `${name}.pcapng`);
  const { status, stdout, stderr } = await runBeside(commandLine('demo', name, '--once', ...options, '-w', file), '', 120);
  equal(status, 0, stderr);
  const seed = options[1] ?? name;
  const told = stderr.replace(/^in all: [\d.]+ s of the machine's time$/m, 'in all');
  equal(told, `\nin all\ncapture of the first: ${file}\nreplay: npx sockscape demo ${name} --once --seed ${seed} -w ${file}\n`);
  const lines = stdout.trimEnd().split('\n');
  const isSegment = (line: string): boolean => / IP 10\./.test(line);
  return { events: lines.filter((line) => !isSegment(line)), segments: lines.filter(isSegment), capture: readFileSync(file), file };
}

/** The time of a segment in seconds. */
function secondsOf(line: string): number {
  const [hours, minutes, seconds] = (line.split(' ')[0] as string).split(':').map(Number) as [number, number, number];
  return hours * 3600 + minutes * 60 + seconds;
}

const SPLIT = [
  '   0.170 s r3 leads term 1',
  '   1.000 s alice: x = 1',
  '   1.016 s   to alice: promised, after 0.016 s',
  '   2.000 s r3 and alice | r1, r2 and bob: nothing passes between them, without a word',
  '   2.100 s alice: x = 2',
  '   2.100 s bob: x = 3',
  '   2.136 s r2 leads term 2',
  // A second at r3, which he knew as the leader, and which he cannot reach.
  '   3.128 s   to bob: promised, after 1.028 s',
];
const WHOLE = [
  '   7.100 s   to alice: no leader has answered in 5 s, after 5.000 s',
  '  10.000 s alice: x?',
  '  10.008 s   to alice: x is 1, after 0.008 s',
  '  10.008 s bob: x?',
  '  11.024 s   to bob: x is 3, after 1.016 s',
  '  22.000 s the network is whole again',
  '  22.008 s   to alice, who looks again and again: x is 1',
];

test('partition: only the majority promises, the old leader tells what is old, and TCP takes its time after the network is whole', async () => {
  const { events, segments, capture } = await play('partition');
  const ssLines = events.filter((line) => /^(\$ ss|State|ESTAB)/.test(line));
  deepEqual(events.filter((line) => line !== '' && !ssLines.includes(line)), [
    'r1, r2, r3, alice, bob: three replicas and two clients written with net, on one switch',
    ...SPLIT, ...WHOLE,
    '  28.137 s r3 hears of term 2, and leads no more',
    '  28.280 s   to alice, who looks again and again: x is 3',
    '  28.280 s all logs are the same: x = 1 of term 1, x = 3 of term 2',
    'the same, and a replica gives up a connection on which nothing comes back for 1 s',
    ...SPLIT, ...WHOLE,
    '  22.888 s r3 hears of term 2, and leads no more',
    '  22.988 s   to alice, who looks again and again: x is 3',
    '  22.988 s all logs are the same: x = 1 of term 1, x = 3 of term 2',
    'alice sees it 6.280 s after the network is whole, 25.152 s after bob was promised: left to TCP',
    'alice sees it 0.988 s after the network is whole, 19.860 s after bob was promised: a limit of 1 s',
  ]);
  match(ssLines[2] as string, /^ESTAB 0 +4429 +10\.0\.1\.3:\d+ +10\.0\.1\.1:7000 +timer:\(on,1\.285ms,3\)$/);
  // A heartbeat, its tail loss probe with what came meanwhile, and retransmissions, twice as long after each other.
  const times = segments.map(secondsOf);
  const until = times.findIndex((time) => time > 22) + 1;
  equal(until, 9);
  match(segments[0] as string, /: Flags \[P\.\], seq 3462:3551, ack 1, /);
  const gaps = times.slice(1, until).map((time, i) => time - (times[i] as number));
  for (const [i, gap] of gaps.entries()) ok(Math.abs(gap - 0.204 * (i === 0 ? 1 : 2 ** (i - 1))) < 0.001 * 2 ** i, `${gap} s at ${i}`);
  // The rest was waiting: what the peer's first answer lets out.
  ok(times.slice(until).every((time) => time > 28.137 && time < 28.138), times.slice(until).join());
  equal(new Set([...readCapture(new Uint8Array(capture))].map((packet) => packet.interface.name)).size, 5);
  ok((await play('partition')).capture.equals(capture), 'the same bytes again');
});

test('partition: other seeds have other leaders; nothing that was promised is lost', async () => {
  for (const seed of ['1', '2']) {
    const { events } = await play('partition', '--seed', seed);
    const leader = /^ +\d\.\d{3} s (r\d) leads term 1$/.exec(events[2] as string)?.[1];
    ok(events.some((line) => line.startsWith(`   2.000 s ${leader} and alice | `)), leader);
    equal(events.filter((line) => / all logs are the same: x = 1 of term 1, x = 3 of term \d+$/.test(line)).length, 2);
  }
});

const SLOW_COME = [
  '   0.060 s the customer who has a connection: is served',
  '   0.060 s the customer who makes a new one: is served',
  '   5.500 s 10 clients come who never end their headers, 9 who never end their orders',
  '   6.300 s the customer who makes a new one: ECONNRESET',
];

test('slow-loris: who is sent away when, and who is served, by three choices of limits', async () => {
  const { events, segments } = await play('slow-loris');
  deepEqual(events.filter((line) => line !== ''), [
    'shop: room for 20 connections; loris: 19 clients that say a word every 10 s; two customers, who come every second',
    "Node's own limits: 60 s for the headers, 300 s for all of a request, looked at every 30 s",
    ...SLOW_COME,
    '  20.000 s connections at the shop, as ss lists them: 20',
    // They are looked at at 60 s, when they are 54.5 s old, and at 90 s.
    '  90.010 s 10 of those who never end their headers are sent away, after 84.510 s: HTTP/1.1 408 Request Timeout',
    '  90.540 s the customer who makes a new one: is served',
    ' 330.010 s 9 of those who never end their orders are sent away, after 324.510 s: HTTP/1.1 408 Request Timeout',
    'the customer who has a connection: served in 344 visits of 344',
    'the customer who makes a new one: served in 256 visits of 337',
    'no limits',
    ...SLOW_COME,
    '  20.000 s connections at the shop, as ss lists them: 20',
    ' 350.000 s 10 of those who never end their headers still stand there',
    ' 350.000 s 9 of those who never end their orders still stand there',
    'the customer who has a connection: served in 344 visits of 344',
    'the customer who makes a new one: served in 6 visits of 337',
    'limits of 5 s and 10 s, looked at every second',
    ...SLOW_COME,
    '  11.010 s 10 of those who never end their headers are sent away, after 5.510 s: HTTP/1.1 408 Request Timeout',
    '  11.500 s the customer who makes a new one: is served',
    '  16.010 s 9 of those who never end their orders are sent away, after 10.510 s: HTTP/1.1 408 Request Timeout',
    '  20.000 s connections at the shop, as ss lists them: 1',
    'the customer who has a connection: served in 344 visits of 344',
    'the customer who makes a new one: served in 332 visits of 337',
  ]);
  // A word every ten seconds, eight of them, then the server's 51 octets and its FIN.
  const words = segments.filter((line) => /10\.0\.1\.2\.4000 > .* length 11$/.test(line)).map((line) => secondsOf(line).toFixed(3));
  deepEqual(words, Array.from({ length: 8 }, (_, i) => (15.54 + 10 * i).toFixed(3)));
  const [told, , end] = segments.slice(-5) as [string, string, string];
  match(told, /^00:01:30\.010000 IP 10\.0\.1\.1\.80 > 10\.0\.1\.2\.4000: Flags \[P\.\], seq 1:52, .* length 51$/);
  match(end, /^00:01:30\.010000 IP 10\.0\.1\.1\.80 > 10\.0\.1\.2\.4000: Flags \[F\.\], seq 52, ack 148, .* length 0$/);
});

test('slow-loris: the capture has the 408, for Debian\'s tcpdump', needs('tcpdump'), async () => {
  const { file, segments } = await play('slow-loris');
  const shown = execFileSync('tcpdump', ['-n', '-r', file, 'src host 10.0.1.2 and tcp port 4000'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  // Each at both cards: the one that sends and the one that receives, 10 ms later.
  equal(shown.trim().split('\n').length, 2 * segments.filter((line) => / IP 10\.0\.1\.2\.4000 > /.test(line)).length);
});
