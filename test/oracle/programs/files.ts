/** Files and their names: open, contents, links, directories, permissions as root has them. */
import { Access } from '../../../src/kernel/fs/inode.ts';
import { F, O, POLL, SEEK } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import { room, state, text } from '../toolkit.ts';
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';

/** A file with something in it. */
async function file(p: Syscalls, path: string, contents: string, mode = 0o644): Promise<void> {
  const fd = await p.open(path, O.WRONLY | O.CREAT | O.TRUNC, mode);
  await p.write(fd, text(contents));
  await p.close(fd);
}

const opening = program('file-open', async (env) => {
  const p = await env.process();
  await env.attempt(p.open('f', O.RDONLY));
  await env.attempt(p.open('', O.RDONLY));
  await env.attempt(p.open('no/f', O.WRONLY | O.CREAT, 0o600));
  const fd = await p.open('f', O.RDWR | O.CREAT | O.EXCL, 0o666);
  await p.fstat(fd);
  await env.attempt(p.open('f', O.RDWR | O.CREAT | O.EXCL, 0o666));
  await env.attempt(p.open('f/', O.RDONLY));
  await env.attempt(p.open('f/g', O.RDONLY));
  await env.attempt(p.open('f', O.RDONLY | O.DIRECTORY));
  await p.mkdir('d', 0o755);
  for (const flags of [O.RDONLY, O.WRONLY, O.RDWR, O.RDONLY | O.TRUNC, O.RDONLY | O.CREAT, O.RDONLY | O.DIRECTORY]) {
    await env.attempt(p.open('d', flags));
  }
  await env.attempt(p.open('d/', O.RDONLY));
  await env.attempt(p.open('d/.', O.RDONLY));
  await env.attempt(p.open('d/..', O.RDONLY));
  await env.attempt(p.open('new/', O.WRONLY | O.CREAT, 0o600));
  await env.attempt(p.open('d/.', O.WRONLY | O.CREAT, 0o600));
  await env.attempt(p.open(`${'n'.repeat(256)}`, O.RDONLY));
  await env.attempt(p.open(`${'n'.repeat(255)}`, O.WRONLY | O.CREAT, 0o600));
  await env.attempt(p.open(`${'./'.repeat(2100)}f`, O.RDONLY));
  await env.attempt(p.open(`${'./'.repeat(2000)}f`, O.RDONLY));
  await p.fcntl(fd, F.GETFL);
  for (const flags of [O.RDONLY | O.APPEND, O.WRONLY | O.NONBLOCK, O.RDWR | O.CLOEXEC]) {
    const other = await p.open('f', flags);
    await p.fcntl(other, F.GETFL);
    await p.fcntl(other, F.GETFD);
  }
  await env.limitDescriptors(p, 4);
  await env.attempt(p.open('f', O.RDONLY));
  await env.attempt(p.open('nothing', O.RDONLY));
  await env.attempt(p.open('', O.RDONLY));
});

const contents = program('file-contents', async (env) => {
  const p = await env.process();
  const fd = await p.open('f', O.RDWR | O.CREAT, 0o644);
  const buffer = room(32);
  await p.read(fd, buffer);
  await p.write(fd, text('hello world'));
  await p.read(fd, buffer);
  await p.lseek(fd, 0, SEEK.SET);
  await p.read(fd, buffer);
  await p.lseek(fd, -5, SEEK.END);
  await p.read(fd, room(3));
  await p.lseek(fd, 0, SEEK.CUR);
  await env.attempt(p.lseek(fd, -20, SEEK.CUR));
  await env.attempt(p.lseek(fd, 0, 7));
  await p.lseek(fd, 20, SEEK.SET);
  await p.read(fd, room(3));
  await p.write(fd, text('!'));
  await p.fstat(fd);
  await p.pread(fd, room(32), 9);
  await p.pread(fd, room(32), 100);
  await env.attempt(p.pread(fd, room(32), -1));
  await p.pwrite(fd, text('HE'), 0);
  await env.attempt(p.pwrite(fd, text('HE'), -1));
  await p.lseek(fd, 0, SEEK.CUR);
  await p.ftruncate(fd, 5);
  await p.fstat(fd);
  await p.pread(fd, room(32), 0);
  await p.ftruncate(fd, 8);
  await p.pread(fd, room(32), 0);
  await env.attempt(p.ftruncate(fd, -1));
  await env.attempt(p.truncate('f', -1));
  await p.truncate('f', 2);
  await p.pread(fd, room(32), 0);
  await env.attempt(p.truncate('nothing', 2));
  await p.readv(fd, [room(2), room(2)]);
  await p.lseek(fd, 0, SEEK.SET);
  await p.writev(fd, [text('ab'), text(''), text('cd')]);
  await p.pread(fd, room(32), 0);
  await state(p, fd);
  await p.poll([{ fd, events: POLL.IN | POLL.OUT, revents: 0 }], 0);
  const reading = await p.open('f', O.RDONLY);
  const writing = await p.open('f', O.WRONLY);
  await env.attempt(p.write(reading, text('x')));
  await env.attempt(p.write(reading, text('')));
  await env.attempt(p.read(writing, room(1)));
  await env.attempt(p.pread(writing, room(1), 0));
  await env.attempt(p.pwrite(reading, text('x'), 0));
  await env.attempt(p.ftruncate(reading, 0));
  await env.attempt(p.recv(fd, room(1), 0));
  await env.attempt(p.send(fd, text('x'), 0));
  await env.attempt(p.accept(fd));
  await env.attempt(p.getsockname(fd));
});

const sharing = program('file-sharing', async (env) => {
  const p = await env.process();
  const fd = await p.open('f', O.RDWR | O.CREAT, 0o644);
  const twin = await p.dup(fd);
  const other = await p.open('f', O.RDWR);
  await p.write(fd, text('one '));
  await p.write(twin, text('two '));
  await p.write(other, text('X'));
  await p.lseek(twin, 0, SEEK.SET);
  await p.read(fd, room(32));
  await p.read(other, room(32));
  const appending = await p.open('f', O.WRONLY | O.APPEND);
  await p.write(appending, text('three'));
  await p.lseek(appending, 0, SEEK.CUR);
  await p.lseek(appending, 0, SEEK.SET);
  await p.write(appending, text('!'));
  await p.pwrite(appending, text('?'), 0);
  await p.pread(other, room(32), 0);
  await p.fcntl(other, F.SETFL, O.APPEND);
  await p.write(other, text('.'));
  await p.fcntl(other, F.SETFL, 0);
  await p.lseek(other, 0, SEEK.SET);
  await p.write(other, text('Y'));
  await p.pread(other, room(32), 0);
  // A file without a name lives as long as somebody has it open.
  await p.unlink('f');
  await env.attempt(p.stat('f'));
  await p.fstat(fd);
  await p.pread(fd, room(32), 0);
  await env.attempt(p.link('f', 'g'));
});

const links = program('file-links', async (env) => {
  const p = await env.process();
  await file(p, 'f', 'contents');
  await p.link('f', 'g');
  await p.stat('g');
  await env.attempt(p.link('f', 'g'));
  await env.attempt(p.link('no', 'h'));
  await env.attempt(p.link('f', 'no/h'));
  await env.attempt(p.link('f', 'h/'));
  await p.mkdir('d', 0o755);
  await env.attempt(p.link('d', 'e'));
  await p.symlink('f', 's');
  await p.lstat('s');
  await p.stat('s');
  await p.readlink('s');
  await env.attempt(p.readlink('f'));
  await env.attempt(p.readlink('no'));
  await env.attempt(p.symlink('f', 's'));
  await env.attempt(p.symlink('', 't'));
  await env.attempt(p.open('s', O.RDONLY | O.NOFOLLOW));
  await env.attempt(p.open('s', O.WRONLY | O.CREAT | O.EXCL, 0o600));
  await env.attempt(p.open('s/', O.RDONLY));
  await p.symlink('loop', 'loop');
  await env.attempt(p.open('loop', O.RDONLY));
  await env.attempt(p.stat('loop/x'));
  await p.symlink('missing', 'dangling');
  await env.attempt(p.stat('dangling'));
  const fd = await p.open('dangling', O.WRONLY | O.CREAT, 0o600);
  await p.close(fd);
  await p.stat('missing');
  await p.symlink('d', 'sd');
  await p.stat('sd');
  await p.lstat('sd/');
  await env.attempt(p.mkdir('sd', 0o755));
  await env.attempt(p.rmdir('sd'));
  await file(p, 'sd/x', 'x');
  await p.stat('d/x');
  await p.symlink('../f', 'd/up');
  const up = await p.open('d/up', O.RDONLY);
  await p.read(up, room(16));
  await p.unlink('sd');
  await p.link('s', 'hard');
  await p.lstat('hard');
  let path = 'chain0';
  await p.symlink('f', path);
  for (let i = 1; i <= 41; i++) {
    await p.symlink(path, `chain${i}`);
    path = `chain${i}`;
  }
  await env.attempt(p.stat('chain39'));
  await env.attempt(p.stat('chain40'));
});

const directories = program('file-directories', async (env) => {
  const p = await env.process();
  await p.mkdir('d', 0o777);
  await p.stat('d');
  await p.mkdir('d/e/', 0o700);
  await p.stat('d');
  await env.attempt(p.mkdir('d', 0o777));
  await env.attempt(p.mkdir('no/x', 0o777));
  await env.attempt(p.mkdir('', 0o777));
  await file(p, 'f', 'x');
  await env.attempt(p.mkdir('f/x', 0o777));
  await env.attempt(p.mkdir('f/', 0o777));
  await env.attempt(p.mkfifo('f/', 0o600));
  await env.attempt(p.symlink('x', 'f/'));
  await env.attempt(p.link('f', 'f/'));
  await env.attempt(p.rmdir('d'));
  await env.attempt(p.rmdir('f'));
  await env.attempt(p.rmdir('no'));
  await env.attempt(p.rmdir('d/.'));
  await env.attempt(p.rmdir('d/e/..'));
  await env.attempt(p.unlink('d'));
  await env.attempt(p.unlink('no'));
  await env.attempt(p.unlink('f/'));
  await file(p, 'd/b', 'b');
  await file(p, 'd/a', 'a');
  await p.symlink('a', 'd/s');
  await p.mkfifo('d/p', 0o600);
  const fd = await p.open('d', O.RDONLY);
  await p.getdents(fd);
  await p.getdents(fd);
  await p.lseek(fd, 0, SEEK.SET);
  await p.getdents(fd);
  await env.attempt(p.read(fd, room(8)));
  await env.attempt(p.write(fd, text('x')));
  const plain = await p.open('f', O.RDONLY);
  await env.attempt(p.getdents(plain));
  await p.chdir('d');
  await p.getcwd();
  await p.stat('a');
  await p.chdir('e');
  await p.getcwd();
  await p.chdir('..');
  await p.getcwd();
  await env.attempt(p.chdir('a'));
  await env.attempt(p.chdir('no'));
  await p.chdir('e');
  await p.rmdir('../e');
  await env.attempt(p.getcwd());
  await env.attempt(p.open('x', O.WRONLY | O.CREAT, 0o600));
  await env.attempt(p.mkdir('x', 0o700));
  await env.attempt(p.stat('.'));
});

const renames = program('file-renames', async (env) => {
  const p = await env.process();
  await file(p, 'f', 'ffff');
  await file(p, 'g', 'gg');
  await p.mkdir('d', 0o755);
  await p.mkdir('e', 0o755);
  await p.rename('f', 'f2');
  await env.attempt(p.stat('f'));
  await p.stat('f2');
  await p.rename('f2', 'g');
  await p.stat('g');
  await env.attempt(p.rename('no', 'x'));
  await env.attempt(p.rename('g', 'd'));
  await env.attempt(p.rename('d', 'g'));
  await env.attempt(p.rename('d', 'd/inside'));
  await env.attempt(p.rename('g', 'no/x'));
  await env.attempt(p.rename('g', 'x/'));
  await env.attempt(p.rename('.', 'x'));
  await env.attempt(p.rename('d/..', 'x'));
  await p.rename('g', 'd/g');
  await env.attempt(p.rename('e', 'd'));
  await p.rename('d', 'e');
  await p.stat('e');
  await p.stat('e/g');
  await p.mkdir('deep', 0o755);
  await p.rename('e', 'deep/e');
  await p.stat('deep');
  await p.stat('deep/e/../e/g');
  await env.attempt(p.rename('deep/e', 'deep'));
  await p.link('deep/e/g', 'same');
  await p.rename('same', 'deep/e/g');
  await p.stat('same');
});

const modes = program('file-modes', async (env) => {
  const p = await env.process();
  await p.umask(0o077);
  await p.umask(0o027);
  await file(p, 'f', 'x', 0o7777);
  await p.stat('f');
  await p.mkdir('d', 0o7777);
  await p.stat('d');
  await p.mkfifo('p', 0o666);
  await p.stat('p');
  await p.chmod('f', 0o4755);
  await p.stat('f');
  await p.chmod('d', 0o2775);
  await p.mkdir('d/e', 0o755);
  await p.stat('d/e');
  await env.attempt(p.chmod('no', 0o644));
  const fd = await p.open('f', O.RDONLY);
  await p.fchmod(fd, 0o600);
  await p.fstat(fd);
  await env.attempt(p.fchmod(77, 0o600));
  await p.chmod('f', 0o6755);
  await p.chown('f', 1000, 1001);
  await p.stat('f');
  await p.chown('f', -1, 5);
  await p.stat('f');
  await p.chown('f', 7, -1);
  await p.stat('f');
  for (const mode of [0o000, 0o111, 0o444, 0o644]) {
    await p.chmod('f', mode);
    for (const wanted of [Access.F, Access.R, Access.W, Access.X, Access.R | Access.W | Access.X]) await env.attempt(p.access('f', wanted));
  }
  await env.attempt(p.access('f', 8));
  await env.attempt(p.access('no', Access.F));
  await env.attempt(p.access('d', Access.X));
});

const devices = program('file-devices', async (env) => {
  const p = await env.process();
  for (const name of ['null', 'zero', 'full']) {
    const path = `/dev/${name}`;
    await p.stat(path);
    const fd = await p.open(path, O.RDWR);
    await p.read(fd, room(4));
    await env.attempt(p.write(fd, text('gone')));
    await p.lseek(fd, 5, SEEK.SET);
    await state(p, fd);
    await env.attempt(p.ftruncate(fd, 0));
    await env.attempt(p.pread(fd, room(2), 10));
  }
  for (const name of ['random', 'urandom']) {
    const fd = await p.open(`/dev/${name}`, O.RDONLY);
    env.note(`${name} gives`, await p.read(fd, room(0)));
  }
});

/** Where another file system begins nothing is moved, replaced or removed. */
const mounted = program('files-mount-point', async (env) => {
  const p = await env.process();
  await env.attempt(p.rmdir('/proc'));
  await env.attempt(p.rename('/proc', '/elsewhere'));
  await env.attempt(p.rename('/proc', '/proc'));
  await env.attempt(p.rename('/proc', '/proc/within'));
  await env.attempt(p.unlink('/proc'));
  await p.access('/proc/self', 0);
});

export const programs: readonly Program[] = [mounted, opening, contents, sharing, links, directories, renames, modes, devices];
