/** Times, owners by descriptor, room, nodes, and vectors at a position. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { UTIME_NOW, UTIME_OMIT } from '../../../src/kernel/calls/file-state.ts';
import { S } from '../../../src/kernel/fs/inode.ts';
import { AF, O, SOCK } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { room, silently, text } from '../toolkit.ts';

/** Which of a file's times have changed since, and what they are when they were set. */
async function times(env: ProgramEnvironment, p: Syscalls, path: string, before: { atimeUs: number; mtimeUs: number; ctimeUs: number } | null) {
  const now = await silently(p).lstat(path);
  if (before !== null) {
    env.note(`${path} changed`, (['atimeUs', 'mtimeUs', 'ctimeUs'] as const).filter((name) => now[name] !== before[name]).join(' '));
  }
  return now;
}

const programs_: Program[] = [
  program('file-vectors', async (env) => {
    const p = await env.process();
    const fd = await p.open('f', O.RDWR | O.CREAT, 0o644);
    await p.pwritev(fd, [text('abc'), text('defg'), room(0)], 2);
    await p.preadv(fd, [room(3), room(0), room(10)], 0);
    await p.preadv(fd, [], 0);
    await p.pwritev(fd, [], 0);
    await p.preadv(fd, [room(4)], 100);
    await p.lseek(fd, 0, 1);
    for (const offset of [-1, -1000]) {
      await env.attempt(p.preadv(fd, [room(1)], offset));
      await env.attempt(p.pwritev(fd, [text('x')], offset));
    }
    const reading = await p.open('f', O.RDONLY);
    const writing = await p.open('f', O.WRONLY | O.APPEND);
    await env.attempt(p.pwritev(reading, [text('x')], 0));
    await env.attempt(p.preadv(writing, [room(1)], 0));
    await p.pwritev(writing, [text('end')], 0);
    await p.preadv(fd, [room(20)], 0);
    const [one] = await p.pipe();
    const socket = await p.socket(AF.INET, SOCK.STREAM, 0);
    for (const bad of [-1, 99, one, socket]) {
      await env.attempt(p.preadv(bad, [room(1)], 0));
      await env.attempt(p.pwritev(bad, [text('x')], 0));
    }
    const directory = await p.open('/tmp', O.RDONLY | O.DIRECTORY);
    await env.attempt(p.preadv(directory, [room(1)], 0));
    await env.attempt(p.pread(directory, room(1), 0));
    await env.attempt(p.pwrite(directory, room(1), 0));
  }),
  program('file-sync', async (env) => {
    const p = await env.process();
    const fd = await p.open('f', O.RDWR | O.CREAT, 0o644);
    const directory = await p.open('/tmp', O.RDONLY | O.DIRECTORY);
    const null_ = await p.open('/dev/null', O.RDWR);
    const [one, other] = await p.pipe();
    const socket = await p.socket(AF.INET, SOCK.STREAM, 0);
    const counter = await p.eventfd(0, 0);
    const epoll = await p.epoll_create1(0);
    for (const each of [fd, directory, null_, one, other, socket, counter, epoll, -1, 99]) {
      await env.attempt(p.fsync(each));
      await env.attempt(p.fdatasync(each));
      if (each !== null_) await env.attempt(p.fstatfs(each));
    }
    await p.statfs('/tmp');
    await p.mkfifo('fifo', 0o600);
    await p.fstatfs(await p.open('fifo', O.RDWR));
    await p.statfs('/proc/self');
    const signals = await p.signalfd(-1, [10], 0);
    await env.attempt(p.fstat(signals));
    await env.attempt(p.fchown(signals, 0, 0));
    await env.attempt(p.fchown(one, 0, 0));
    await env.attempt(p.fchown(socket, 0, 0));
    await env.attempt(p.futimens(signals, null));
    await env.attempt(p.futimens(socket, null));
    await p.statfs('f');
    await env.attempt(p.statfs('none'));
    await env.attempt(p.statfs('f/x'));
    await env.attempt(p.statfs(''));
  }),
  program('file-names-of-others', async (env) => {
    // fs.protected_hardlinks, as the machine has it.
    const p = await env.signalProcess();
    await p.mkdir('d', 0o777);
    await p.chmod('d', 0o777);
    const modes = [0o666, 0o644, 0o600, 0o606, 0o4666, 0o2676, 0o2666, 0o444];
    for (const [i, mode] of modes.entries()) {
      await p.close(await p.open(`f${i}`, O.RDWR | O.CREAT, 0o600));
      await p.chmod(`f${i}`, mode);
    }
    await p.mkfifo('fifo', 0o666);
    await p.chmod('fifo', 0o666);
    await p.symlink('f0', 'link');
    await p.setresuid(1000, 1000, 1000);
    await p.close(await p.open('own', O.RDWR | O.CREAT, 0o600));
    for (const name of [...modes.map((_mode, i) => `f${i}`), 'fifo', 'link', 'own', 'd', '/proc/self/status', 'none']) {
      await env.attempt(p.link(name, `d/${name.replaceAll('/', '')}`));
      await env.attempt(p.link(name, '/proc/x'));
      await env.attempt(p.link(name, 'own'));
    }
  }),
  program('file-owners-unchanged', async (env) => {
    const p = await env.signalProcess();
    const modes = [0o644, 0o4755, 0o2755, 0o2745, 0o6711, 0o1777];
    for (const [i, mode] of modes.entries()) {
      const fd = await p.open(`f${i}`, O.RDWR | O.CREAT, 0o600);
      await p.fchown(fd, i % 2 === 0 ? 1000 : 0, 5);
      await p.fchmod(fd, mode);
    }
    const queue = await p.mq_open('/owned', O.RDWR | O.CREAT, 0o666, { maxMessages: 1, messageSize: 1 });
    const [reading] = await p.pipe();
    const socket = await p.socket(AF.INET, SOCK.STREAM, 0);
    await p.fchown(socket, 1000, 1001);
    await p.fchown(queue, 7, 8);
    await p.setresgid(1000, 1000, 1000);
    await p.setresuid(1000, 1000, 1000);
    for (const [uid, gid] of [[-1, -1], [1000, -1], [-1, 5], [-1, 1000], [1001, -1], [-1, 6], [1000, 1000]] as const) {
      for (const i of modes.keys()) {
        await env.attempt(p.chown(`f${i}`, uid, gid));
        await p.stat(`f${i}`);
      }
      for (const fd of [queue, reading, socket]) {
        await env.attempt(p.fchown(fd, uid, gid));
        await p.fstat(fd);
      }
    }
  }),
  program('file-owners', async (env) => {
    const p = await env.signalProcess();
    const fd = await p.open('f', O.RDWR | O.CREAT, 0o6755);
    await p.symlink('f', 'l');
    await p.fchown(fd, 5, 6);
    await p.stat('f');
    await p.lchown('l', 7, 8);
    await p.lstat('l');
    await p.stat('f');
    await p.fchown(fd, -1, 9);
    await p.stat('f');
    for (const bad of [-1, 99]) {
      await env.attempt(p.fchown(bad, 1, 1));
      await env.attempt(p.fchdir(bad));
    }
    await env.attempt(p.lchown('none', 1, 1));
    await p.mkdir('d', 0o755);
    await p.mkdir('closed', 0o600);
    const d = await p.open('d', O.RDONLY | O.DIRECTORY);
    const closed = await p.open('closed', O.RDONLY | O.DIRECTORY);
    await p.fchdir(d);
    await p.getcwd();
    await env.attempt(p.fchdir(fd));
    const [one] = await p.pipe();
    await env.attempt(p.fchdir(one));
    await p.setresuid(1000, 1000, 1000);
    await env.attempt(p.fchown(fd, 1000, -1));
    await env.attempt(p.lchown('/tmp/l', 1000, -1));
    await env.attempt(p.fchdir(closed));
  }),
  program('file-nodes', async (env) => {
    const p = await env.signalProcess();
    await p.umask(0o027);
    await p.mknod('r', S.IFREG | 0o666);
    await p.mknod('z', 0o666);
    await p.mknod('p', S.IFIFO | 0o666);
    for (const path of ['r', 'z', 'p']) await p.stat(path);
    for (const type of [S.IFREG, S.IFIFO]) {
      await env.attempt(p.mknod('r', type | 0o644));
      await env.attempt(p.mknod('none/x', type | 0o644));
      await env.attempt(p.mknod('r/x', type | 0o644));
      await env.attempt(p.mknod('', type | 0o644));
      await env.attempt(p.mknod('x/', type | 0o644));
    }
    await env.attempt(p.mknod('x', S.IFDIR | 0o755));
    await env.attempt(p.mknod('x', S.IFLNK | 0o755));
    await env.attempt(p.mknod('x', S.IFMT | 0o755));
    await p.setresuid(1000, 1000, 1000);
    await env.attempt(p.mknod('x', S.IFCHR | 0o644, 0x103));
    await env.attempt(p.mknod('x', S.IFBLK | 0o644, 0x700));
    await p.mkdir('mine', 0o500);
    await env.attempt(p.mknod('mine/x', S.IFIFO | 0o644));
  }),
  program('file-times', async (env) => {
    const p = await env.process();
    const fd = await p.open('f', O.RDWR | O.CREAT, 0o644);
    await p.symlink('f', 'l');
    let before = await times(env, p, 'f', null);
    const step = async (what: () => Promise<unknown>, path = 'f'): Promise<void> => {
      await env.settle(20);
      await what();
      before = await times(env, p, path, path === 'f' ? before : null);
    };
    await step(() => p.write(fd, text('abc')));
    await step(() => p.read(fd, room(4)));
    // Read again: it tells nothing new.
    await step(() => p.pread(fd, room(4), 0));
    await step(() => p.pwrite(fd, text('x'), 0));
    await step(() => p.preadv(fd, [room(2)], 0));
    await step(() => p.chmod('f', 0o600));
    await step(() => p.read(fd, room(4)));
    await step(() => p.utimensat('f', { atimeUs: 1_000_000, mtimeUs: 2_500_000 }));
    env.note('times', `${before.atimeUs} ${before.mtimeUs}`);
    await step(() => p.utimensat('f', { atimeUs: UTIME_OMIT, mtimeUs: 3_000_000 }));
    await step(() => p.utimensat('f', { atimeUs: 4_000_000, mtimeUs: UTIME_OMIT }));
    await step(() => p.utimensat('f', { atimeUs: UTIME_OMIT, mtimeUs: UTIME_OMIT }));
    env.note('times', `${before.atimeUs} ${before.mtimeUs}`);
    await step(() => p.futimens(fd, { atimeUs: UTIME_NOW, mtimeUs: 5_000_000 }));
    env.note('time', before.mtimeUs);
    await step(() => p.futimens(fd, null));
    env.note('both the same', before.atimeUs === before.mtimeUs);
    await step(() => p.utimensat('l', { atimeUs: 6_000_000, mtimeUs: 7_000_000 }));
    env.note('through the link', `${before.atimeUs} ${before.mtimeUs}`);
    await p.utimensat('l', { atimeUs: 8_000_000, mtimeUs: 9_000_000 }, 0x100);
    const link = await silently(p).lstat('l');
    env.note('the link itself', `${link.atimeUs} ${link.mtimeUs}`);
    await p.utimensat('f', { atimeUs: -1_500_000, mtimeUs: 0 });
    const old = await silently(p).stat('f');
    env.note('before the epoch', `${old.atimeUs} ${old.mtimeUs}`);
    // A file that was read longer than a day ago.
    await p.utimensat('f', { atimeUs: 200_000_000, mtimeUs: 100_000_000 });
    await env.settle(20);
    await p.pread(fd, room(2), 0);
    env.note('read long ago', (await silently(p).stat('f')).atimeUs > 200_000_000);
  }),
  program('file-times-others', async (env) => {
    const p = await env.signalProcess();
    await p.mkdir('d', 0o755);
    await p.open('d/x', O.RDWR | O.CREAT, 0o644);
    await p.symlink('x', 'd/l');
    for (const path of ['d', 'd/l']) await p.utimensat(path, { atimeUs: 1_000_000, mtimeUs: 2_000_000 }, 0x100);
    const directory = await p.open('d', O.RDONLY | O.DIRECTORY);
    await p.getdents(directory);
    env.note('a directory that was read', (await silently(p).stat('d')).atimeUs > 2_000_000);
    await p.readlink('d/l');
    env.note('a link that was read', (await silently(p).lstat('d/l')).atimeUs > 2_000_000);
    await p.utimensat('d/l', { atimeUs: 1_000_000, mtimeUs: 2_000_000 }, 0x100);
    await p.stat('d/l');
    env.note('a link that was followed', (await silently(p).lstat('d/l')).atimeUs > 2_000_000);
    await env.attempt(p.utimensat('none', null));
    await env.attempt(p.utimensat('none', { atimeUs: UTIME_OMIT, mtimeUs: UTIME_OMIT }));
    await env.attempt(p.utimensat('d/x', null, 1));
    await env.attempt(p.utimensat('', null));
    await env.attempt(p.futimens(99, null));
    const [one] = await p.pipe();
    await p.futimens(one, null);
    await p.chmod('d/x', 0o666);
    const closed = await p.open('closed', O.RDWR | O.CREAT, 0o644);
    await p.setresuid(1000, 1000, 1000);
    await env.attempt(p.utimensat('d/x', null));
    await env.attempt(p.utimensat('d/x', { atimeUs: UTIME_NOW, mtimeUs: UTIME_NOW }));
    await env.attempt(p.utimensat('d/x', { atimeUs: UTIME_NOW, mtimeUs: UTIME_OMIT }));
    await env.attempt(p.utimensat('d/x', { atimeUs: 1, mtimeUs: 1 }));
    await env.attempt(p.utimensat('closed', null));
    await env.attempt(p.futimens(closed, null));
    await env.attempt(p.futimens(closed, { atimeUs: 1, mtimeUs: 1 }));
  }),
];

const long = 'n'.repeat(256);

const errors: Program[] = [
  program('file-state-errors', async (env) => {
    const p = await env.signalProcess();
    await p.symlink('loop', 'loop');
    await p.open('f', O.RDWR | O.CREAT, 0o644);
    await p.mkdir('closed', 0o700);
    const full = await p.open('/dev/full', O.RDWR);
    await env.attempt(p.pwritev(full, [text('x')], 0));
    const each = async (path: string): Promise<void> => {
      await env.attempt(p.lchown(path, -1, -1));
      await env.attempt(p.statfs(path));
      await env.attempt(p.utimensat(path, null));
      await env.attempt(p.mknod(path, S.IFREG | 0o644));
    };
    for (const path of ['loop/x', long, 'none/x', 'f/x']) await each(path);
    await env.attempt(p.mknod('loop', S.IFREG | 0o644));
    await p.setresuid(1000, 1000, 1000);
    await each('closed/x');
    await env.attempt(p.lchown('f', 1000, -1));
  }),
];

/** A sticky directory's owner removes what others have in it; strangers do not. And how long a link's target may be. */
const stickiness = program('file-sticky', async (env) => {
  const root = await env.signalProcess();
  const [owner, maker, stranger] = [await env.fork(root), await env.fork(root), await env.fork(root)];
  await root.mkdir('sticky', 0o777);
  await root.chmod('sticky', 0o1777);
  await root.chown('sticky', 1001, 1001);
  await owner.setresuid(1001, 1001, 1001);
  await maker.setresuid(1002, 1002, 1002);
  await stranger.setresuid(1003, 1003, 1003);
  for (const name of ['a', 'b', 'c']) await maker.close(await maker.open(`sticky/${name}`, O.WRONLY | O.CREAT, 0o644));
  for (const p of [stranger, owner]) await env.attempt(p.unlink('sticky/a'));
  for (const p of [stranger, owner]) await env.attempt(p.rename('sticky/b', 'sticky/d'));
  for (const p of [stranger, maker]) await env.attempt(p.unlink('sticky/c'));
  // A directory that moved has another one above it.
  for (const name of ['from', 'to', 'from/inner']) await root.mkdir(name, 0o755);
  await root.rename('from/inner', 'to/inner');
  const above = (await silently(root).stat('to/inner/..')).ino;
  env.note('above it', above === (await silently(root).stat('to')).ino);
  for (const length of [4094, 4095, 4096]) await env.attempt(root.symlink('x'.repeat(length), `link${length}`));
});

export const programs: readonly Program[] = [...programs_, ...errors, stickiness];
