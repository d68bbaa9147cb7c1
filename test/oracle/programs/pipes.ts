/** Pipes and FIFOs: what is written in one piece, what waits, who hears of an end. */
import { F, IOCTL, O, POLL } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import { pattern, room, state, text, wait, silently } from '../toolkit.ts';

const basics = program('pipe-basics', async (env) => {
  const p = await env.process();
  for (const flags of [0, O.NONBLOCK, O.CLOEXEC, O.DIRECT, O.APPEND, 1]) await env.attempt(p.pipe(flags));
  const [reading, writing] = await p.pipe();
  await p.fstat(reading);
  for (const end of await p.pipe(O.DIRECT | O.NONBLOCK)) await p.fcntl(end, F.GETFL);
  for (const fd of [reading, writing]) {
    await p.fcntl(fd, F.GETFL);
    await p.fcntl(fd, F.GETFD);
    await p.fcntl(fd, F.GETPIPE_SZ);
    await state(p, fd);
    await env.attempt(p.lseek(fd, 0, 0));
    await env.attempt(p.pread(fd, room(1), 0));
    await env.attempt(p.recv(fd, room(1), 0));
    await env.attempt(p.ftruncate(fd, 0));
  }
  await env.attempt(p.read(writing, room(1)));
  await env.attempt(p.write(reading, text('x')));
  await p.write(writing, text('hello'));
  await p.ioctl(reading, IOCTL.FIONREAD);
  await p.ioctl(writing, IOCTL.FIONREAD);
  await state(p, reading);
  await p.read(reading, room(0));
  await p.read(reading, room(2));
  await p.readv(reading, [room(2), room(9)]);
  await p.write(writing, text(''));
  await p.writev(writing, [text('a'), text('bc')]);
  await p.read(reading, room(10));
  await p.write(writing, text('last'));
  await p.close(writing);
  await state(p, reading);
  await p.read(reading, room(10));
  await p.read(reading, room(10));
  await state(p, reading);
  await env.limitDescriptors(p, reading + 2);
  await env.attempt(p.pipe());
});

const full = program('pipe-full', async (env) => {
  const p = await env.process();
  for (const size of [100, 3000, 4095, 4096, 4097, 10_000, 65_536, 100_000]) {
    const [reading, writing] = await p.pipe(O.NONBLOCK);
    let writes = 0;
    while ((await env.attempt(silently(p).write(writing, pattern(size)))) === null && writes < 100_000) writes++;
    env.note(`writes of ${size}`, writes);
    await p.ioctl(reading, IOCTL.FIONREAD);
    await state(p, writing);
    await p.read(reading, room(1));
    await state(p, writing);
    await env.attempt(p.write(writing, text('x')));
    await p.read(reading, room(4095));
    await state(p, writing);
    await env.attempt(p.write(writing, pattern(4096)));
    await env.attempt(p.write(writing, pattern(5000)));
    await p.ioctl(reading, IOCTL.FIONREAD);
    await p.close(reading);
    await p.close(writing);
  }
});

const capacity = program('pipe-capacity', async (env) => {
  const p = await env.process();
  const [reading, writing] = await p.pipe(O.NONBLOCK);
  for (const size of [0, 1, 4096, 4097, 10_000, 65_536, 1_000_000, 1_048_576, -1]) {
    await env.attempt(p.fcntl(writing, F.SETPIPE_SZ, size));
    await p.fcntl(reading, F.GETPIPE_SZ);
  }
  await p.fcntl(writing, F.SETPIPE_SZ, 16_384);
  await env.attempt(p.write(writing, pattern(20_000)));
  await env.attempt(p.fcntl(writing, F.SETPIPE_SZ, 8192));
  await p.read(reading, room(8192));
  await p.fcntl(writing, F.SETPIPE_SZ, 8192);
  await state(p, writing);
  await p.fcntl(writing, F.SETPIPE_SZ, 32_768);
  await state(p, writing);
  await p.read(reading, room(32_768));
  const file = await p.open('f', O.RDWR | O.CREAT, 0o600);
  await env.attempt(p.fcntl(file, F.GETPIPE_SZ));
  await env.attempt(p.fcntl(file, F.SETPIPE_SZ, 4096));
});

const packets = program('pipe-packets', async (env) => {
  const p = await env.process();
  const [reading, writing] = await p.pipe(O.DIRECT | O.NONBLOCK);
  await p.write(writing, text('one'));
  await p.write(writing, text('second'));
  await p.write(writing, text('third one'));
  await p.ioctl(reading, IOCTL.FIONREAD);
  await p.read(reading, room(10));
  await p.read(reading, room(3));
  await p.read(reading, room(20));
  await env.attempt(p.read(reading, room(20)));
  await p.write(writing, pattern(6000));
  await p.read(reading, room(10_000));
  await p.read(reading, room(10_000));
});

const blocking = program('pipe-blocking', async (env) => {
  const p = await env.process();
  const [reading, writing] = await p.pipe();
  const waiting = env.begin(p.read(reading, room(10)));
  await env.settle();
  await p.write(writing, text('now'));
  await waiting;
  const long = env.begin(p.write(writing, pattern(150_000)));
  await env.settle();
  await p.ioctl(reading, IOCTL.FIONREAD);
  let have = 0;
  while (have < 150_000) have += await silently(p).read(reading, room(20_000));
  await long;
  const last = env.begin(p.read(reading, room(10)));
  await env.settle();
  await p.close(writing);
  await last;
});

const broken = program('pipe-broken', async (env) => {
  const p = await env.process();
  const [reading, writing] = await p.pipe();
  const twin = await p.dup(reading);
  await p.close(reading);
  await p.write(writing, text('still'));
  await p.close(twin);
  await state(p, writing);
  await env.attempt(p.write(writing, text('x')));
  await env.attempt(p.write(writing, text('')));
  await env.attempt(p.writev(writing, [text('a'), text('b')]));
  const second = await p.pipe();
  const blocked = env.begin(p.write(second[1], pattern(100_000)));
  await env.settle();
  await p.close(second[0]);
  await env.attempt(blocked);
});

const fifos = program('fifos', async (env) => {
  const p = await env.process();
  const q = await env.process();
  await p.mkfifo('p', 0o644);
  await p.stat('p');
  await env.attempt(p.mkfifo('p', 0o644));
  await env.attempt(p.open('p', O.WRONLY | O.NONBLOCK));
  const early = await p.open('p', O.RDONLY | O.NONBLOCK);
  await state(p, early);
  await p.read(early, room(4));
  const late = await q.open('p', O.WRONLY | O.NONBLOCK);
  await env.attempt(p.read(early, room(4)));
  await state(p, early);
  await q.write(late, text('hi'));
  await p.read(early, room(4));
  await q.close(late);
  await state(p, early);
  await p.read(early, room(4));
  // Who comes after the writer has gone has seen none hang up.
  const another = await p.open('p', O.RDONLY | O.NONBLOCK);
  await state(p, another);
  await state(p, early);
  const second = await q.open('p', O.WRONLY | O.NONBLOCK);
  await q.close(second);
  await state(p, another);
  await p.close(another);
  await p.close(early);
  // Each of the two waits for the other.
  const reading = env.begin(p.open('p', O.RDONLY));
  await env.settle();
  const writing = await q.open('p', O.WRONLY);
  const reader = await reading;
  await q.write(writing, text('hello'));
  await p.read(reader, room(10));
  const again = env.begin(p.open('p', O.WRONLY));
  await again;
  await p.close(reader);
  await env.attempt(q.write(writing, text('x')));
  await q.close(writing);
  await p.close(await again);
  const writes = env.begin(q.open('p', O.WRONLY));
  await env.settle();
  const other = await p.open('p', O.RDONLY);
  await q.close(await writes);
  await p.read(other, room(4));
  await state(p, other);
  await p.close(other);
  const both = await p.open('p', O.RDWR);
  await p.write(both, text('self'));
  await p.read(both, room(10));
  await state(p, both);
  await p.fcntl(both, F.GETFL);
  await p.unlink('p');
  await p.write(both, text('more'));
  await p.read(both, room(10));
});

const polling = program('pipe-polling', async (env) => {
  const p = await env.process();
  const [reading, writing] = await p.pipe(O.NONBLOCK);
  const waits = env.begin(p.poll([{ fd: reading, events: POLL.IN, revents: 0 }], 5000));
  await env.settle();
  await p.write(writing, text('x'));
  await waits;
  await p.read(reading, room(1));
  await env.attempt(p.write(writing, pattern(65_536)));
  const room_ = env.begin(p.poll([{ fd: writing, events: POLL.OUT, revents: 0 }], 5000));
  await env.settle();
  await p.read(reading, room(4096));
  await room_;
  const hangs = env.begin(p.poll([{ fd: writing, events: 0, revents: 0 }], 5000));
  await env.settle();
  await p.close(reading);
  await hangs;
  const [second, end] = await p.pipe();
  const ends = env.begin(p.poll([{ fd: second, events: 0, revents: 0 }], 5000));
  await env.settle();
  await p.close(end);
  await ends;
  await wait(p, second, POLL.IN | POLL.OUT, 0);
});

export const programs: readonly Program[] = [basics, full, capacity, packets, blocking, broken, fifos, polling];
