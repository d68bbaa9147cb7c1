/** stdio(3) between several callers at once: a stream has one at a time, in the order they came (flockfile(3)). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as later } from 'node:timers/promises';
import { O_RDONLY } from '../../src/api/posix/constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { _IOFBF, fclose, fdopen, fflush, fgets, fopen, fputs, setvbuf } from '../../src/api/posix/stdio.ts';
import { Loop } from '../../src/base/loop.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { VirtualClock } from '../../src/base/virtual-clock.ts';
import { Host } from '../../src/host.ts';

const LINES = 300;

function process(): Process {
  const random = new SeededRandom('stdio');
  return new Process(new Host({ name: 'host', loop: new Loop(new VirtualClock(random, (fn) => setImmediate(fn))), random }), 'writer');
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function line(i: number): string {
  return `${String(i).padStart(5, '0')} ${'.'.repeat(i % 97)}\n`;
}

test('lines that many callers put at once all arrive, whole and in order', async () => {
  const p = process();
  const all = Array.from({ length: LINES }, (_, i) => line(i));
  const out = await fopen(p, '/tmp/lines', 'w');
  setvbuf(out, new Uint8Array(64), _IOFBF);
  const puts = all.map((text) => fputs(text, out));
  const closed = Promise.all([fflush(out), fflush(out), fclose(out)]);
  assert.deepEqual(await Promise.all(puts), new Array(LINES).fill(1));
  assert.deepEqual(await closed, [0, 0, 0]);

  const fd = await p.open('/tmp/lines', O_RDONLY);
  const bytes = new Uint8Array(LINES * 128);
  assert.equal(text(bytes.subarray(0, await p.read(fd, bytes))), all.join(''));

  const input = await fopen(p, '/tmp/lines', 'r');
  setvbuf(input, new Uint8Array(64), _IOFBF);
  const got = await Promise.all(Array.from({ length: LINES + 1 }, () => fgets(256, input)));
  assert.deepEqual(got.map((bytes) => (bytes === null ? null : text(bytes))), [...all, null]);
});

test('a stream, a text or a mode that is none is named', async () => {
  const p = process();
  const out = await fopen(p, '/tmp/x', 'w');
  await assert.rejects(fputs('x', p as never), { name: 'TypeError', message: /a stream must be a FILE .* not a Process/ });
  await assert.rejects(fputs(5 as never, out), { name: 'TypeError', message: /text must be a string or a Uint8Array, not a number/ });
  await assert.rejects(fopen(p, '/tmp/x', undefined as never), { name: 'TypeError', message: /mode must be a string, not undefined/ });
});

test('the buffer of a stream whose reader waits is not exchanged', async () => {
  const p = process();
  const [reading, writing] = await p.pipe();
  const input = fdopen(p, reading, 'r');
  const got = fgets(64, input);
  await later();
  assert.equal(setvbuf(input, new Uint8Array(8), _IOFBF), -1);
  await p.write(writing, new TextEncoder().encode('late\n'));
  assert.equal(text((await got) as Uint8Array), 'late\n');
  assert.equal(setvbuf(input, new Uint8Array(8), _IOFBF), 0);
});
