/**
 * Bad weather (weather-world.ts): every byte arrives, the hosts notice every kind of fault, nothing is left,
 * and a seed is a run.
 *
 * Every seed is one world. `npm test` takes a few, the long tier 200; SOCKSCAPE_SEEDS says how many, SOCKSCAPE_SEED
 * which is the first. Whether other Nodes see the same bytes is the step `nodes` of scripts/test.mjs.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { isFull, recordResult, seed as baseSeed } from '../results.ts';
import { addNotices, type Notice, runSeed } from './weather-world.ts';

const SEEDS = Number(process.env.SOCKSCAPE_SEEDS ?? (isFull ? 200 : 6));

test(`bad weather: ${SEEDS} seeds from ${baseSeed} on: every byte arrives and nothing is left`, { timeout: 3_600_000 }, async (t) => {
  const failures: string[] = [];
  let frames = 0;
  let faults = 0;
  let corrupted = 0;
  let slowest = 0;
  let noticed: Notice = { refused: 0, tcpChecksums: 0, cameTwice: 0, waited: 0, overtaken: 0 };
  for (let i = 0; i < SEEDS; i++) {
    try {
      const outcome = await runSeed(baseSeed + i);
      frames += outcome.frames;
      faults += outcome.faults;
      corrupted += outcome.corrupted;
      noticed = addNotices(noticed, outcome.notice);
      slowest = Math.max(slowest, outcome.seconds);
    } catch (error) {
      failures.push(String((error as Error).message).split('\n')[0] as string);
    }
  }
  deepEqual(failures, []);
  ok(noticed.tcpChecksums >= corrupted / 2, `TCP's checksum gave away ${noticed.tcpChecksums} of ${corrupted} frames with a wrong bit`);
  t.diagnostic(`${frames} frames, ${faults} faults, of which ${corrupted} wrong bits; noticed by the hosts: ${JSON.stringify(noticed)}`);
  recordResult('weather', {
    seeds: SEEDS, firstSeed: baseSeed, frames, faults, corrupted, noticed, slowestSeedVirtualSeconds: Math.round(slowest),
  });
});

test('bad weather: the same seed twice gives the same capture, byte for byte; another seed another', { timeout: 600_000 }, async () => {
  const hash = async (seed: number): Promise<string> =>
    createHash('sha256').update((await runSeed(seed)).capture.bytes()).digest('hex');
  const first = await hash(baseSeed);
  equal(await hash(baseSeed), first);
  ok((await hash(baseSeed + 1)) !== first);
});
