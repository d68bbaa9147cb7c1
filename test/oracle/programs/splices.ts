/** sendfile, splice, tee: what goes where, what stays, and what is refused. */
import { SPLICE_F } from '../../../src/kernel/splice.ts';
import { AF, IOCTL, O, POLL, SEEK, SOCK } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import { INET, pair, pattern, room, state, text, wait } from '../toolkit.ts';

const sending = program('sendfile', async (env) => {
  const p = await env.process();
  const file = await p.open('f', O.RDWR | O.CREAT, 0o600);
  await p.write(file, text('0123456789'));
  const { client, server } = await pair(p, INET);
  await p.sendfile(client, file, 0, 4);
  await p.lseek(file, 0, SEEK.CUR);
  await p.sendfile(client, file, null, 4);
  await p.lseek(file, 2, SEEK.SET);
  await p.sendfile(client, file, null, 4);
  await p.lseek(file, 0, SEEK.CUR);
  await p.sendfile(client, file, 8, 100);
  await p.sendfile(client, file, 100, 5);
  await env.settle();
  await p.read(server, room(100));
  await env.attempt(p.sendfile(client, file, -1, 5));
  const copy = await p.open('g', O.RDWR | O.CREAT, 0o600);
  await p.sendfile(copy, file, 1, 5);
  await p.lseek(copy, 0, SEEK.CUR);
  await p.pread(copy, room(20), 0);
  const appending = await p.open('g', O.WRONLY | O.APPEND);
  await env.attempt(p.sendfile(appending, file, 0, 5));
  const reading = await p.open('g', O.RDONLY);
  await env.attempt(p.sendfile(reading, file, 0, 5));
  await env.attempt(p.sendfile(copy, appending, 0, 5));
  await env.attempt(p.sendfile(99, file, 0, 5));
  await env.attempt(p.sendfile(copy, 99, 0, 5));
  const [end, into] = await p.pipe(O.NONBLOCK);
  await p.sendfile(into, file, 0, 6);
  await p.read(end, room(20));
  await env.attempt(p.sendfile(copy, client, null, 5));
  await p.write(file, pattern(100_000));
  await p.sendfile(into, file, 0, 100_000);
  await env.attempt(p.sendfile(into, file, 0, 10));
  await p.ioctl(end, IOCTL.FIONREAD);
});

/** One description is source and target: its position moves once. */
const ontoItself = program('sendfile from a description to itself', async (env) => {
  const p = await env.process();
  const file = await p.open('f', O.RDWR | O.CREAT, 0o600);
  await p.write(file, pattern(150_000));
  const other = await p.dup(file);
  await p.lseek(file, 0, SEEK.SET);
  await p.sendfile(file, other, null, 10);
  await p.lseek(file, 0, SEEK.CUR);
  await p.read(other, room(10));
  await p.sendfile(file, file, null, 140_000);
  await p.lseek(file, 0, SEEK.CUR);
  await p.read(file, room(20));
  await p.sendfile(file, other, 100, 7);
  await p.lseek(file, 0, SEEK.CUR);
  await p.sendfile(file, file, null, 200_000);
  await p.lseek(file, 0, SEEK.CUR);
  await p.lseek(file, 0, SEEK.SET);
  await p.read(file, room(150_000));
});

const splicing = program('splice', async (env) => {
  const p = await env.process();
  const file = await p.open('f', O.RDWR | O.CREAT, 0o600);
  await p.write(file, text('0123456789'));
  const [reading, writing] = await p.pipe();
  await env.attempt(p.splice(file, null, file, null, 5, 0));
  await env.attempt(p.splice(reading, null, writing, null, 5, 0));
  await env.attempt(p.splice(file, 0, writing, 0, 5, 0));
  await env.attempt(p.splice(reading, 0, file, 0, 5, 0));
  await env.attempt(p.splice(file, 0, writing, null, 5, 64));
  await env.attempt(p.splice(99, null, writing, null, 5, 0));
  await env.attempt(p.splice(writing, null, reading, null, 5, 0));
  await p.splice(file, 2, writing, null, 5, 0);
  await p.lseek(file, 0, SEEK.CUR);
  await p.lseek(file, 0, SEEK.SET);
  await p.splice(file, null, writing, null, 3, 0);
  await p.lseek(file, 0, SEEK.CUR);
  await p.ioctl(reading, IOCTL.FIONREAD);
  const out = await p.open('g', O.RDWR | O.CREAT, 0o600);
  await p.splice(reading, null, out, null, 4, 0);
  await p.splice(reading, null, out, 10, 100, 0);
  await p.pread(out, room(30), 0);
  await env.attempt(p.splice(reading, null, out, null, 5, SPLICE_F.NONBLOCK));
  const { client, server } = await pair(p, INET);
  await p.write(writing, text('to the socket'));
  await p.splice(reading, null, client, null, 100, 0);
  await wait(p, server, POLL.IN);
  await p.splice(server, null, writing, null, 6, 0);
  await p.splice(server, null, writing, null, 100, 0);
  await p.read(reading, room(50));
  await env.attempt(p.splice(server, 0, writing, null, 100, 0));
  const waits = env.begin(p.splice(server, null, writing, null, 100, 0));
  await env.settle();
  await p.write(client, text('late'));
  await waits;
  await p.read(reading, room(50));
  await p.close(writing);
  await p.splice(reading, null, out, null, 5, 0);
  const broken = await p.pipe();
  await p.close(broken[0]);
  await env.attempt(p.splice(file, 0, broken[1], null, 5, 0));
  // At the file's end too: whether somebody reads is looked at first.
  await env.attempt(p.splice(file, 1000, broken[1], null, 5, 0));
  // O_NONBLOCK of either pipe is enough, and what has no splice of its own takes nothing.
  const [empty, filled] = await p.pipe(O.NONBLOCK);
  await env.attempt(p.splice(empty, null, out, null, 5, 0));
  const full = await p.open('/dev/full', O.WRONLY);
  await env.attempt(p.sendfile(full, file, 0, 5));
  await p.write(filled, text('some bytes'));
  await env.attempt(p.splice(empty, null, full, null, 5, 0));
  await p.lseek(out, 0, SEEK.CUR);
  await p.splice(empty, null, out, 20, 5, 0);
  await p.lseek(out, 0, SEEK.CUR);
  const [other] = await p.pipe();
  await env.attempt(p.splice(empty, null, broken[1], null, 5, 0));
  await env.attempt(p.read(empty, room(20)));
  await p.close(other);
});

const teeing = program('tee', async (env) => {
  const p = await env.process();
  const first = await p.pipe();
  const second = await p.pipe();
  const file = await p.open('f', O.RDWR | O.CREAT, 0o600);
  await p.write(first[1], text('twice'));
  await p.tee(first[0], second[1], 3, 0);
  await p.tee(first[0], second[1], 100, 0);
  await p.ioctl(first[0], IOCTL.FIONREAD);
  await p.read(second[0], room(20));
  await p.read(first[0], room(20));
  await env.attempt(p.tee(first[0], second[1], 5, SPLICE_F.NONBLOCK));
  await env.attempt(p.tee(first[0], first[1], 5, 0));
  await env.attempt(p.tee(file, second[1], 5, 0));
  await env.attempt(p.tee(first[0], file, 5, 0));
  await env.attempt(p.tee(99, second[1], 5, 0));
  const waits = env.begin(p.tee(first[0], second[1], 5, 0));
  await env.settle();
  await p.write(first[1], text('now'));
  await waits;
  await p.close(first[1]);
  await p.read(first[0], room(9));
  await p.tee(first[0], second[1], 5, 0);
  await state(p, second[0]);
});

/** What each kind of source and target answers: the source is read before the target is asked whether it takes anything. */
const refused = program('sendfile-kinds', async (env) => {
  const p = await env.process();
  await p.mkdir('folder', 0o700);
  const sources = async (): Promise<readonly number[]> => {
    const [full] = [await p.open('full', O.RDWR | O.CREAT, 0o600)];
    await p.write(full, text('0123456789'));
    await p.lseek(full, 0, SEEK.SET);
    const devices = [await p.open('/dev/null', O.RDWR), await p.open('/dev/zero', O.RDWR), await p.open('/dev/full', O.RDWR)];
    const [reading, writing] = await p.pipe(O.NONBLOCK);
    await p.write(writing, text('abc'));
    const [one, other] = await p.socketpair(AF.UNIX, SOCK.STREAM | SOCK.NONBLOCK, 0);
    await p.write(other, text('abc'));
    return [
      await p.open('empty', O.RDWR | O.CREAT, 0o600), full, ...devices, await p.open('folder', O.RDONLY | O.DIRECTORY), reading, one,
      await p.epoll_create1(0), await p.eventfd(1, O.NONBLOCK), await p.timerfd_create(1, O.NONBLOCK),
    ];
  };
  const targets = async (): Promise<readonly number[]> => {
    const [, writing] = await p.pipe(O.NONBLOCK);
    const [gone, broken] = await p.pipe(O.NONBLOCK);
    await p.close(gone);
    const [, filled] = await p.pipe(O.NONBLOCK);
    await p.write(filled, pattern(65536));
    const [left] = await p.socketpair(AF.UNIX, SOCK.STREAM | SOCK.NONBLOCK, 0);
    return [
      await p.epoll_create1(0), await p.eventfd(0, O.NONBLOCK), await p.timerfd_create(1, O.NONBLOCK),
      await p.open('target', O.RDWR | O.CREAT, 0o600), await p.open('/dev/null', O.RDWR), await p.open('/dev/zero', O.RDWR),
      await p.open('/dev/full', O.RDWR), writing, broken, filled, left, await p.socket(AF.INET, SOCK.STREAM | SOCK.NONBLOCK, 0),
      await p.socket(AF.NETLINK, SOCK.RAW | SOCK.NONBLOCK, 0),
    ];
  };
  for (const target of await targets()) {
    for (const source of await sources()) {
      for (const offset of [null, 0]) {
        for (const count of [0, 3]) await env.attempt(p.sendfile(target, source, offset, count));
      }
      await p.close(source);
    }
  }
  // A pipe that may wait takes what it has room for, and the rest stays.
  const [, waiting] = await p.pipe();
  const long = await p.open('long', O.RDWR | O.CREAT, 0o600);
  await p.write(long, pattern(100_000));
  await p.sendfile(waiting, long, 0, 100_000);
  for (const source of await sources()) {
    for (const target of await targets()) await env.attempt(p.splice(source, null, target, null, 3, SPLICE_F.NONBLOCK));
  }
});

/** What the buffers of AF_UNIX are charged for bytes that came from pages; a program cannot ask for it (MSG_SPLICE_PAGES). */
const charged = program('splice-charged', async (env) => {
  const p = await env.process();
  const file = await p.open('f', O.RDWR | O.CREAT, 0o600);
  await p.write(file, pattern(10_000));
  for (const type of [SOCK.STREAM, SOCK.SEQPACKET, SOCK.DGRAM]) {
    for (const count of [1, 10, 500, 3000, 5000]) {
      const [a, b] = await p.socketpair(AF.UNIX, type, 0);
      const [reading, writing] = await p.pipe(O.NONBLOCK);
      await p.write(writing, pattern(count));
      await p.splice(reading, null, a, null, count, 0);
      await p.ioctl(a, IOCTL.SIOCOUTQ);
      await p.sendfile(a, file, 0, count);
      await p.ioctl(a, IOCTL.SIOCOUTQ);
      await p.write(writing, pattern(count));
      await p.splice(reading, null, a, null, count >> 1, 0);
      await p.ioctl(a, IOCTL.SIOCOUTQ);
      await p.send(a, pattern(count), 0x8000000);
      await p.ioctl(a, IOCTL.SIOCOUTQ);
      await p.read(b, room(count + 1));
      await p.ioctl(a, IOCTL.SIOCOUTQ);
      for (const fd of [a, b, reading, writing]) await p.close(fd);
    }
  }
});

export const programs: readonly Program[] = [sending, ontoItself, splicing, charged, teeing, refused];
