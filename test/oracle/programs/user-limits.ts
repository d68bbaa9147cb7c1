/**
 * What one user may have of a machine (pipe(7), /proc/sys/fs/pipe-user-pages-soft with its usual 16384): beyond it his new pipes
 * are small, and none becomes larger. A user that nobody else is, so that nobody's pipes count with his.
 */
import { F, O } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import { pattern, room, silently, state } from '../toolkit.ts';

const USER = 41_234;
const MEGABYTE = 1_048_576;
/** So many pipes of a megabyte are 16384 pages. */
const LARGE = 64;

const pipes = program('pipes-of-a-user', async (env) => {
  const p = await env.signalProcess();
  for (const name of ['pipe-max-size', 'pipe-user-pages-soft', 'pipe-user-pages-hard']) {
    const fd = await p.open(`/proc/sys/fs/${name}`, O.RDONLY);
    await p.read(fd, room(20));
    await p.close(fd);
  }
  await p.mkfifo('fifo', 0o666);
  await p.chmod('fifo', 0o666);
  await p.setresuid(USER, USER, USER);
  const large: number[] = [];
  for (let i = 0; i < LARGE - 1; i++) {
    const [, writing] = await silently(p).pipe();
    await silently(p).fcntl(writing, F.SETPIPE_SZ, MEGABYTE);
    large.push(writing);
  }
  for (const i of [0, 1, LARGE - 2]) await p.fcntl(large[i] as number, F.GETPIPE_SZ);
  const [, last] = await p.pipe(O.NONBLOCK);
  await env.attempt(p.fcntl(last, F.SETPIPE_SZ, 2 * MEGABYTE));
  await env.attempt(p.fcntl(last, F.SETPIPE_SZ, MEGABYTE));
  const [reading, small] = await p.pipe(O.NONBLOCK);
  await p.fcntl(small, F.GETPIPE_SZ);
  for (const bytes of [4096, 8192, 65_536, MEGABYTE, 2 * MEGABYTE, 0]) {
    await env.attempt(p.fcntl(small, F.SETPIPE_SZ, bytes));
    await p.fcntl(small, F.GETPIPE_SZ);
  }
  // One that is small holds little, and goes on.
  for (const bytes of [1, 4096, 4096, 1, 9000]) {
    await env.attempt(p.write(small, pattern(bytes)));
    await state(p, small);
  }
  await p.read(reading, room(20_000));
  await env.attempt(p.write(small, pattern(20_000)));
  await env.attempt(p.fcntl(small, F.SETPIPE_SZ, 65_536));
  const fifo = await p.open('fifo', O.RDWR | O.NONBLOCK);
  await p.fcntl(fifo, F.GETPIPE_SZ);
  await env.attempt(p.write(fifo, pattern(20_000)));
  // Another user's are his own.
  const q = await env.signalProcess();
  const [, others] = await q.pipe();
  await q.fcntl(others, F.GETPIPE_SZ);
  await env.attempt(q.fcntl(others, F.SETPIPE_SZ, 2 * MEGABYTE));
  await q.setresuid(USER + 1, USER + 1, USER + 1);
  const [, more] = await q.pipe();
  await q.fcntl(more, F.GETPIPE_SZ);
  // One that belongs to root, in the hands of a user, is root's in the count, and his in the question.
  await env.attempt(q.fcntl(others, F.SETPIPE_SZ, 2 * MEGABYTE));
  await env.attempt(q.fcntl(others, F.SETPIPE_SZ, MEGABYTE));
  // A pipe that becomes smaller leaves room, and so does one that is closed.
  await p.fcntl(large[0] as number, F.SETPIPE_SZ, 65_536);
  await env.attempt(p.fcntl(small, F.SETPIPE_SZ, 65_536));
  await p.fcntl(fifo, F.GETPIPE_SZ);
  await env.attempt(p.fcntl(fifo, F.SETPIPE_SZ, MEGABYTE));
  const [, usual] = await p.pipe();
  await p.fcntl(usual, F.GETPIPE_SZ);
  await p.close(fifo);
  const again = await p.open('fifo', O.RDWR | O.NONBLOCK);
  await p.fcntl(again, F.GETPIPE_SZ);
});

export const programs: readonly Program[] = [pipes];
