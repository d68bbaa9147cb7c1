/** One seed is one run of web programs, too, byte for byte: agents, http2, undici, fetch, names, chance and streams. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from '../../src/entry/sim.node.ts';
import { seed } from '../results.ts';
import type { WebProgramName } from './replay-web.ts';

// Behind sockscape, which comes first when a world has been run: see escape-doors.ts about fetch.
await simulate({ seed: 0 }, async () => {});
const { ALIKE, recordWeb } = await import('./replay-web.ts');
const { digestOf } = await import('./replay-world.ts');

for (const names of [ALIKE, ['undici'], ['fetching']] as readonly (readonly WebProgramName[])[]) {
  test(`the same seed gives the same capture and log, and another one others: ${names.join(', ')}`, { timeout: 60_000 }, async () => {
    // Warnings of the process come once in its life, with its number in them.
    await recordWeb(`${seed} before`, names);
    const first = await recordWeb(seed, names);
    const again = await recordWeb(seed, names);
    assert.equal(again.log, first.log, `seed ${seed}`);
    assert.ok(Buffer.from(again.pcapng).equals(Buffer.from(first.pcapng)), `seed ${seed}: the same capture`);
    assert.ok(first.frames > 100, `${first.frames} frames`);
    for (const name of names) assert.match(first.log, new RegExp(`client {3}stdout {2}${{ sessions: 'http2', fetching: 'fetch' }[name as string] ?? name} .*\\w{12}\n`));
    assert.notEqual(digestOf(await recordWeb(`${seed} and another`, names)), digestOf(first));
  });
}
