/**
 * Each call that takes a path x each errno that a path can have: no such name, no directory on the way, a loop of links, a name
 * and a path that are too long, a directory that the caller may not search or write; and what is left of the calls on files.
 */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { un } from '../address.ts';
import { AF, O, SEEK, SOCK } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { pattern, room, silently, text } from '../toolkit.ts';

const USER = 1000;

type PathCall = readonly [name: string, call: (p: Syscalls, path: string) => Promise<unknown>];

const CALLS: readonly PathCall[] = [
  ['open', (p, path) => p.open(path, O.RDONLY)],
  ['open-to-make', (p, path) => p.open(path, O.WRONLY | O.CREAT, 0o644)],
  ['stat', (p, path) => p.stat(path)],
  ['lstat', (p, path) => p.lstat(path)],
  ['access', (p, path) => p.access(path, 4)],
  ['readlink', (p, path) => p.readlink(path)],
  ['truncate', (p, path) => p.truncate(path, 0)],
  ['mkdir', (p, path) => p.mkdir(path, 0o755)],
  ['mkfifo', (p, path) => p.mkfifo(path, 0o644)],
  ['symlink', (p, path) => p.symlink('target', path)],
  ['link', (p, path) => p.link(path, 'another')],
  ['link-to', (p, path) => p.link('file', path)],
  ['unlink', (p, path) => p.unlink(path)],
  ['rmdir', (p, path) => p.rmdir(path)],
  ['rename', (p, path) => p.rename(path, 'another')],
  ['rename-to', (p, path) => p.rename('file', path)],
  ['chmod', (p, path) => p.chmod(path, 0o644)],
  ['chown', (p, path) => p.chown(path, USER, -1)],
  ['chdir', (p, path) => p.chdir(path)],
  ['bind', async (p, path) => p.bind(await silently(p).socket(AF.UNIX, SOCK.DGRAM, 0), un(path))],
  ['connect', async (p, path) => p.connect(await silently(p).socket(AF.UNIX, SOCK.DGRAM, 0), un(path))],
  ['sendto', async (p, path) => p.sendto(await silently(p).socket(AF.UNIX, SOCK.DGRAM, 0), text('x'), 0, un(path))],
];

/** A path of 108 bytes at most for a socket's address. */
const PATHS = [
  'nothing/below', '', 'file/below', 'loop/below', 'loop', `${'n'.repeat(256)}`, `${'./'.repeat(2100)}file`, 'closed/secret',
  'closed/new', 'readable/new', 'readable/file', 'file/',
];

/** Root's files, of which the user that the result has become may not touch all. */
async function user(env: ProgramEnvironment): Promise<{ root: Syscalls; p: Syscalls }> {
  const root = await env.signalProcess();
  const silent = silently(root);
  await silent.mkdir('closed', 0o700);
  await silent.close(await silent.open('closed/secret', O.WRONLY | O.CREAT, 0o600));
  await silent.mkdir('readable', 0o755);
  await silent.close(await silent.open('readable/file', O.WRONLY | O.CREAT, 0o644));
  // Writable by all: fs.protected_hardlinks does not matter.
  await silent.chmod('readable/file', 0o666);
  await silent.mkdir('readable/directory', 0o755);
  await silent.symlink('file', 'readable/link');
  const p = await env.fork(root);
  await silently(p).setresgid(USER, USER, USER);
  await silently(p).setresuid(USER, USER, USER);
  await silently(p).close(await silently(p).open('file', O.WRONLY | O.CREAT, 0o644));
  await silently(p).symlink('loop', 'loop');
  return { root, p };
}

const paths: Program[] = CALLS.map(([name, call]) => program(`errors-of-path-${name}`, async (env) => {
  const { p } = await user(env);
  for (const path of PATHS) {
    if (['bind', 'connect', 'sendto'].includes(name) && path.length > 107) continue;
    // What the call before it may have moved or removed.
    if (name === 'rename-to') await silently(p).close(await silently(p).open('file', O.WRONLY | O.CREAT, 0o644));
    await env.attempt(call(p, path));
  }
}));

const owned = program('errors-of-owners', async (env) => {
  const { root, p } = await user(env);
  await root.chown('file', 0, 0);
  await env.attempt(p.chmod('file', 0o666));
  await env.attempt(p.chown('file', USER, -1));
  await env.attempt(p.open('file', O.WRONLY));
  await env.attempt(p.access('file', 2));
  await env.attempt(p.truncate('file', 0));
  const fd = await p.open('file', O.RDONLY);
  await env.attempt(p.fchmod(fd, 0o666));
  await env.attempt(p.ftruncate(fd, 0));
  // In /tmp, which is sticky, only owners remove names.
  await root.mkdir('directory', 0o777);
  await env.attempt(p.unlink('file'));
  await env.attempt(p.rmdir('directory'));
  await env.attempt(p.rename('file', 'mine'));
  await p.mkdir('own', 0o755);
  await env.attempt(p.rename('own', 'directory'));
  await root.chmod('/tmp', 0o777);
  await p.rmdir('directory');
  await root.mkdir('locked', 0o755);
  await env.attempt(p.unlink('readable/file'));
  await env.attempt(p.unlink('readable/directory'));
  await env.attempt(p.unlink('readable/link'));
  await env.attempt(p.rmdir('readable/directory'));
  await env.attempt(p.rename('readable/file', 'x'));
  await env.attempt(p.link('readable/directory', 'x'));
  await env.attempt(p.getcwd());
  await env.attempt(p.setgroups([1]));
  await env.attempt(p.chdir('closed'));
});

const rest = program('errors-of-files', async (env) => {
  const p = await env.process();
  const fd = await p.open('f', O.RDWR | O.CREAT, 0o644);
  await env.attempt(p.rmdir('/'));
  await env.attempt(p.unlink('/'));
  await env.attempt(p.truncate('/tmp', 0));
  await env.attempt(p.truncate('f', -1));
  await p.mkfifo('fifo', 0o644);
  await env.attempt(p.truncate('fifo', 0));
  await env.attempt(p.open('new', O.RDONLY | O.CREAT | O.DIRECTORY, 0o644));
  await env.attempt(p.lseek(99, 0, SEEK.SET));
  for (const call of [() => p.fstat(99), () => p.ftruncate(99, 0), () => p.fchmod(99, 0), () => p.getdents(99), () => p.pread(99, room(1), 0), () => p.pwrite(99, text('x'), 0)]) {
    await env.attempt(call());
  }
  const [reading, writing] = await p.pipe();
  await env.attempt(p.pread(reading, room(1), 0));
  await env.attempt(p.pwrite(writing, text('x'), 0));
  await env.attempt(p.pread(fd, room(1), -1));
  await env.attempt(p.pwrite(fd, text('x'), -1));
  const onlyWrites = await p.open('f', O.WRONLY);
  const onlyReads = await p.open('f', O.RDONLY);
  for (const call of [
    () => p.read(onlyWrites, room(1)), () => p.readv(onlyWrites, [room(1)]), () => p.pread(onlyWrites, room(1), 0),
    () => p.write(onlyReads, text('x')), () => p.writev(onlyReads, [text('x')]), () => p.pwrite(onlyReads, text('x'), 0),
    () => p.ftruncate(onlyReads, 0), () => p.ftruncate(reading, 0),
  ]) await env.attempt(call());
  const directory = await p.open('.', O.RDONLY);
  await env.attempt(p.read(directory, room(1)));
  await env.attempt(p.readv(directory, [room(1)]));
  await env.attempt(p.pread(directory, room(1), 0));
  await p.mkdir('gone', 0o755);
  const gone = await p.open('gone', O.RDONLY);
  await p.rmdir('gone');
  await env.attempt(p.getdents(gone));
  const full = await p.open('/dev/full', O.WRONLY);
  await env.attempt(p.pwrite(full, text('x'), 0));
  await env.attempt(p.writev(full, [text('x')]));
  await env.attempt(p.sendfile(full, fd, null, 1));
  await p.write(fd, text('something'));
  await env.attempt(p.sendfile(full, fd, 0, 4));
  await env.attempt(p.sendfile(fd, reading, 0, 1));
  await env.attempt(p.sendfile(writing, directory, null, 1));
  await env.attempt(p.sendfile(writing, fd, -1, 1));
  await env.attempt(p.splice(reading, null, writing, null, 0, 0));
  await env.attempt(p.chmod('f', 0o7777));
  await env.attempt(p.rmdir('f'));
  await p.mkdir('full', 0o755);
  await p.mkdir('full/one', 0o755);
  await env.attempt(p.rmdir('full'));
  await p.mkdir('empty', 0o755);
  await env.attempt(p.rename('empty', 'full'));
});

/** SEEK_DATA and SEEK_HOLE: a page that was never written to is a hole. */
const holes = program('errors-of-holes', async (env) => {
  const p = await env.process();
  const fd = await p.open('f', O.RDWR | O.CREAT, 0o644);
  const ask = async (): Promise<void> => {
    for (const offset of [-1, 0, 100, 4096, 8191, 8192, 12287, 12288, 16384, 20000]) {
      await env.attempt(p.lseek(fd, offset, SEEK.DATA));
      await env.attempt(p.lseek(fd, offset, SEEK.HOLE));
    }
    await p.lseek(fd, 0, SEEK.CUR);
  };
  await ask();
  await p.pwrite(fd, text('x'), 8192);
  await ask();
  await p.ftruncate(fd, 16384);
  await ask();
  const directory = await p.open('.', O.RDONLY);
  await env.attempt(p.lseek(directory, 0, SEEK.DATA));
  const device = await p.open('/dev/zero', O.RDONLY);
  await env.attempt(p.lseek(device, 0, SEEK.DATA));
  const [reading] = await p.pipe();
  await env.attempt(p.lseek(reading, 0, SEEK.HOLE));
});

const tooMany = Array.from({ length: 1025 }, () => room(1));

const vectors = program('errors-of-vectors', async (env) => {
  const p = await env.process();
  const [reading, writing] = await p.pipe(O.NONBLOCK);
  await env.attempt(p.readv(reading, [room(1)]));
  await env.attempt(p.readv(reading, tooMany));
  await env.attempt(p.writev(writing, tooMany));
  await p.writev(writing, tooMany.slice(1));
  await p.readv(reading, tooMany.slice(1));
  await silently(p).write(writing, room(65536));
  await env.attempt(p.writev(writing, [text('x')]));
  await p.close(reading);
  await env.attempt(p.writev(writing, [text('x')]));
  await env.attempt(p.readv(writing, [room(1)]));
  const socket = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
  await env.attempt(p.recvmsg(socket, tooMany, 0));
  await env.attempt(p.sendmsg(socket, { iov: tooMany }, 0));
});

/** Both file systems have room for as many bytes and inodes (agent.c, our-side.ts). How many were left is not compared. */
const fullInodes = program('errors-of-no-inodes', async (env) => {
  const p = await env.process();
  const fd = await p.open('f', O.RDWR | O.CREAT, 0o644);
  let made = 0;
  while ((await env.attempt(silently(p).link('f', `name${made}`))) === null) made++;
  env.note('names', made);
  for (const call of [
    () => p.open('new', O.WRONLY | O.CREAT, 0o644), () => p.mkdir('new', 0o755), () => p.mkfifo('new', 0o644), () => p.mknod('new', 0o100644),
    () => p.symlink('f', 'new'), () => p.link('f', 'new'), () => p.rename('f', 'new'),
  ]) await env.attempt(call());
  const socket = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
  await env.attempt(p.bind(socket, un('socket')));
  await p.write(fd, text('still'));
  await p.unlink('name0');
  await p.mkdir('newer', 0o755);
  await env.attempt(p.mkdir('newest', 0o755));
  await env.attempt(p.rmdir('newer'));
  await p.link('new', 'again');
});

const fullBytes = program('errors-of-no-bytes', async (env) => {
  const p = await env.process();
  const fd = await p.open('f', O.RDWR | O.CREAT, 0o644);
  const silent = silently(p);
  const block = pattern(1 << 20);
  for (let i = 0; i < 16; i++) await env.attempt(silent.write(fd, block));
  await p.lseek(fd, 0, SEEK.CUR);
  await env.attempt(p.write(fd, text('more')));
  await env.attempt(p.pwrite(fd, text('more'), 1 << 24));
  await env.attempt(p.writev(fd, [text('more')]));
  await p.pwrite(fd, text('instead'), 100);
  const [reading, writing] = await p.pipe();
  await p.write(writing, text('to the file'));
  await env.attempt(p.splice(reading, null, fd, null, 5, 0));
  const other = await p.open('g', O.WRONLY | O.CREAT, 0o644);
  await env.attempt(p.sendfile(other, fd, 0, 100));
  await p.truncate('f', 4096);
  await p.write(other, text('now'));
});

export const programs: Program[] = [...paths, owned, rest, holes, vectors, fullInodes, fullBytes];
