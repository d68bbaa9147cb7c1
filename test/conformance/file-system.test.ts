/** What the oracle cannot show: limits of the file system, and what is left when nobody has a file any more. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import { O_CREAT, O_RDWR, O_WRONLY } from '../../src/api/posix/constants.ts';
import { Loop } from '../../src/base/loop.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { slabStatistics } from '../../src/base/slab.ts';
import { VirtualClock } from '../../src/base/virtual-clock.ts';
import { Host } from '../../src/host.ts';

function machine(): { host: Host; process: Process } {
  const random = new SeededRandom('files');
  const loop = new Loop(new VirtualClock(random, (fn) => setImmediate(fn)));
  const host = new Host({ name: 'files', loop, random });
  return { host, process: new Process(host, 'test') };
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(() => 'ok', (error: { code: string }) => error.code);
}

test('a full file system: ENOSPC, the count of what fitted, and room again after the last close', async () => {
  const { host, process } = machine();
  const { fileSystem } = host.kernel;
  fileSystem.roomBytes = 4 * 65536;
  const fd = await process.open('/tmp/f', O_RDWR | O_CREAT, 0o600);
  equal(await process.write(fd, new Uint8Array(5 * 65536)), 4 * 65536);
  equal(await codeOf(process.write(fd, new Uint8Array(1))), 'ENOSPC');
  const other = await process.open('/tmp/g', O_WRONLY | O_CREAT, 0o600);
  equal(await codeOf(process.write(other, new Uint8Array(1))), 'ENOSPC');
  await process.unlink('/tmp/f');
  equal(fileSystem.roomBytes, 0);
  await process.close(fd);
  equal(fileSystem.roomBytes, 4 * 65536);
  equal(await process.write(other, new Uint8Array(1)), 1);
  await process.ftruncate(other, 0);
  equal(fileSystem.roomBytes, 4 * 65536);
});

test('a hole takes no room and reads as zeros', async () => {
  const { host, process } = machine();
  const before = host.kernel.fileSystem.roomBytes;
  const fd = await process.open('/tmp/f', O_RDWR | O_CREAT, 0o600);
  await process.pwrite(fd, Uint8Array.of(7), 1e12);
  equal(host.kernel.fileSystem.roomBytes, before - 4096);
  const read = new Uint8Array(3).fill(9);
  equal(await process.pread(fd, read, 1e12 - 2), 3);
  deepEqual([...read], [0, 0, 7]);
  equal(await codeOf(process.pwrite(fd, Uint8Array.of(7), Number.MAX_SAFE_INTEGER)), 'EFBIG');
});

test('names run out (ENOSPC) before memory does, and come back', async () => {
  const { process, host } = machine();
  const { fileSystem } = host.kernel;
  const had = fileSystem.mostInodes - fileSystem.roomInodes;
  let made = 0;
  while ((await codeOf(process.symlink('x', `/tmp/${made}`))) === 'ok') made++;
  equal(made, 65_536 - had);
  equal(await codeOf(process.mkdir('/tmp/d', 0o700)), 'ENOSPC');
  await process.unlink('/tmp/0');
  equal(await codeOf(process.mkdir('/tmp/d', 0o700)), 'ok');
});

test('nothing of a pipe is left when its ends are closed, read or not', async () => {
  const { process } = machine();
  const before = slabStatistics.chunksInUse;
  for (const closeFirst of [0, 1] as const) {
    const ends = await process.pipe();
    await process.write(ends[1], new Uint8Array(30_000));
    await process.read(ends[0], new Uint8Array(10));
    await process.close(ends[closeFirst]);
    await process.close(ends[1 - closeFirst] as number);
  }
  equal(slabStatistics.chunksInUse, before);
});

test('what nobody asked for is refused: paths with NUL, and numbers that are none', async () => {
  const { process } = machine();
  equal(await codeOf(process.open('/tmp/a\0b', O_RDWR | O_CREAT, 0o600)), 'EINVAL');
  const fd = await process.open('/tmp/f', O_RDWR | O_CREAT, 0o600);
  for (const offset of [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]) {
    equal(await codeOf(process.pread(fd, new Uint8Array(1), offset)), 'EINVAL', String(offset));
    equal(await codeOf(process.pwrite(fd, new Uint8Array(1), offset)), 'EINVAL', String(offset));
    equal(await codeOf(process.ftruncate(fd, offset)), 'EINVAL', String(offset));
    equal(await codeOf(process.lseek(fd, offset, 0)), 'EINVAL', String(offset));
  }
});
