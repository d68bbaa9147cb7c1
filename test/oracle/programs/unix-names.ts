/** AF_UNIX: socket(2), socketpair(2), bind(2), names and their lengths. */
import { un } from '../address.ts';
import { AF, IOCTL, IPPROTO, SHUT, SO, SOCK, SOL } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program } from '../program.ts';
import { ints, room, state, text } from '../toolkit.ts';

const TYPES = [SOCK.STREAM, SOCK.DGRAM, SOCK.SEQPACKET] as const;

const kinds = program('unix-kinds', async (env) => {
  const p = await env.process();
  for (let type = 0; type <= 11; type++) await env.attempt(p.socket(AF.UNIX, type, 0));
  for (const type of TYPES) {
    for (const protocol of [1, 2, IPPROTO.TCP, 255, 300, -1]) await env.attempt(p.socket(AF.UNIX, type, protocol));
    await p.socket(AF.UNIX, type | SOCK.NONBLOCK | SOCK.CLOEXEC, 0);
    await env.attempt(p.socket(AF.UNIX, type | 0x10, 0));
  }
});

const pairs = program('unix-socketpair', async (env) => {
  const p = await env.process();
  for (const type of [...TYPES, SOCK.RAW, SOCK.RDM, 99]) {
    await env.attempt(p.socketpair(AF.UNIX, type, 0));
    await env.attempt(p.socketpair(AF.UNIX, type | SOCK.CLOEXEC | SOCK.NONBLOCK, 1));
  }
  await env.attempt(p.socketpair(AF.INET, SOCK.STREAM, 0));
  await env.attempt(p.socketpair(AF.INET6, SOCK.DGRAM, 0));
  await env.attempt(p.socketpair(AF.INET, SOCK.SEQPACKET, 0));
  await env.attempt(p.socketpair(AF.UNSPEC, SOCK.STREAM, 0));
  await env.attempt(p.socketpair(AF.UNIX, SOCK.STREAM, 6));
  await env.attempt(p.socketpair(AF.UNIX, SOCK.STREAM | 0x10, 0));
  const [a, b] = await p.socketpair(AF.UNIX, SOCK.STREAM, 0);
  await env.limitDescriptors(p, b + 2);
  await env.attempt(p.socketpair(AF.UNIX, SOCK.STREAM, 0));
  await p.dup(a);
  await env.attempt(p.socketpair(AF.UNIX, SOCK.STREAM, 0));
  await env.attempt(p.socketpair(AF.INET, SOCK.STREAM, 0));
});

const identity = program('unix-identity', async (env) => {
  const p = await env.process();
  for (const type of TYPES) {
    const fd = await p.socket(AF.UNIX, type, 0);
    const [paired, other] = await p.socketpair(AF.UNIX, type, 0);
    for (const each of [fd, paired]) {
      for (const option of [
        SO.TYPE, SO.DOMAIN, SO.PROTOCOL, SO.ERROR, SO.ACCEPTCONN, SO.PEERCRED, SO.PASSCRED, SO.SNDBUF, SO.RCVBUF, SO.RCVLOWAT,
        SO.SNDLOWAT, SO.KEEPALIVE, SO.REUSEADDR, SO.REUSEPORT, SO.OOBINLINE, SO.PEEK_OFF, SO.BROADCAST, SO.PRIORITY,
      ]) {
        // Part of a pid is another one on each side.
        for (const length of option === SO.PEERCRED ? [0, 12, 20] : [0, 2, 4, 12, 20]) {
          await env.attempt(p.getsockopt(each, SOL.SOCKET, option, length));
        }
        await env.attempt(p.setsockopt(each, SOL.SOCKET, option, ints(1)));
        await env.attempt(p.setsockopt(each, SOL.SOCKET, option, room(2)));
        await env.attempt(p.getsockopt(each, SOL.SOCKET, option, option === SO.PEERCRED ? 12 : 4));
      }
      await env.attempt(p.getsockopt(each, SOL.TCP, 1, 4));
      await env.attempt(p.setsockopt(each, SOL.TCP, 1, ints(1)));
      await env.attempt(p.getsockopt(each, SOL.IP, 1, 4));
      await env.attempt(p.getsockname(each));
      await env.attempt(p.getpeername(each));
      await state(p, each);
      for (const request of [IOCTL.FIONREAD, IOCTL.SIOCOUTQ, IOCTL.SIOCATMARK, IOCTL.TCGETS]) {
        await env.attempt(p.ioctl(each, request));
      }
    }
    await p.close(other);
  }
  const inet = await p.socket(AF.INET, SOCK.DGRAM, 0);
  await env.attempt(p.setsockopt(inet, SOL.SOCKET, SO.PASSCRED, ints(1)));
  await env.attempt(p.getsockopt(inet, SOL.SOCKET, SO.PASSCRED, 4));
});

const badAddresses = program('unix-bad-addresses', async (env) => {
  const p = await env.process();
  const address = [
    room(0), room(1), un(''), un('', 2), un('x', 2), un('', 0), un('x', 0), un('\0'), un('x'.repeat(107)), un('x'.repeat(108)),
    un('x'.repeat(109)), room(128), room(129),
  ];
  for (const type of TYPES) {
    for (const each of address) {
      const fd = await p.socket(AF.UNIX, type, 0);
      await env.attempt(p.bind(fd, each));
      await p.getsockname(fd);
      const other = await p.socket(AF.UNIX, type, 0);
      await env.attempt(p.connect(other, each));
      await env.attempt(p.sendto(other, text('x'), 0, each));
      await env.attempt(p.bind(fd, each));
      await p.close(fd);
      await p.close(other);
      if (each.length >= 107) await env.attempt(p.unlink(String.fromCharCode(...each.subarray(2)).split('\0')[0] as string));
    }
  }
});

const paths = program('unix-paths', async (env) => {
  const p = await env.process();
  const names = [
    'a', 'a\0', 'a\0b', './a', '/tmp/b', '//tmp//c', 'x'.repeat(100), 'none/a', 'a/b', '/none/a', 'a/', '.', '..', '/', '/tmp', 'd/', 'a',
  ];
  const fds: number[] = [];
  for (const name of names) {
    const fd = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
    await env.attempt(p.bind(fd, un(name)));
    await p.getsockname(fd);
    fds.push(fd);
  }
  for (const name of names) {
    const fd = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
    await env.attempt(p.connect(fd, un(name)));
    await env.attempt(p.getpeername(fd));
    await env.attempt(p.sendto(fd, text('x'), 0, un(name)));
    await p.close(fd);
  }
  for (const type of [SOCK.STREAM, SOCK.SEQPACKET]) {
    const fd = await p.socket(AF.UNIX, type, 0);
    for (const name of ['a', '/tmp', 'none', 'a/b', '']) await env.attempt(p.connect(fd, un(name)));
  }
  // A second name: the path is looked at first.
  await env.attempt(p.bind(fds[0] as number, un('new')));
  await env.attempt(p.bind(fds[0] as number, un('a')));
  await env.attempt(p.bind(fds[0] as number, un('\0abstract')));
  await env.attempt(p.bind(fds[0] as number, un('')));
  await env.attempt(p.unlink('new'));
  await p.close(fds[0] as number);
  // The node outlives its socket, and keeps others away.
  const again = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
  await env.attempt(p.connect(again, un('a')));
  await env.attempt(p.bind(again, un('a')));
  await p.unlink('a');
  await env.attempt(p.connect(again, un('a')));
  await p.bind(again, un('a'));
  await p.connect(again, un('a'));
  for (const name of ['a', 'a', 'none', '/tmp', 'none/a', '/tmp/b/c', '/tmp/b']) await env.attempt(p.unlink(name));
  await env.attempt(p.getsockname(again));
  await p.send(again, text('to myself'), 0);
  await p.recvfrom(again, room(20), 0);
});

const abstract = program('unix-abstract', async (env) => {
  const p = await env.process();
  const names = ['\0', '\0a', '\0a\0', '\0a\0b', `\0${'y'.repeat(107)}`, '\0a'];
  for (const type of TYPES) {
    for (const name of names) {
      const fd = await p.socket(AF.UNIX, type, 0);
      await env.attempt(p.bind(fd, un(name)));
      await p.getsockname(fd);
      await env.attempt(p.bind(fd, un('\0second')));
      await env.attempt(p.bind(fd, un('')));
      if (type !== SOCK.DGRAM) await env.attempt(p.listen(fd, 3));
    }
    for (const name of [...names, '\0b', '\0a\0c']) {
      const fd = await p.socket(AF.UNIX, type, 0);
      await env.attempt(p.connect(fd, un(name)));
      await env.attempt(p.getpeername(fd));
      await env.attempt(p.getsockname(fd));
    }
  }
});

const autobind = program('unix-autobind', async (env) => {
  const p = await env.process();
  for (const type of TYPES) {
    const fd = await p.socket(AF.UNIX, type, 0);
    await p.bind(fd, un(''));
    const name = await p.getsockname(fd);
    await env.attempt(p.bind(fd, un('')));
    await p.getsockname(fd);
    await env.attempt(p.bind(fd, un('z')));
    await env.attempt(p.unlink('z'));
    await env.attempt(p.bind(fd, un('\0z')));
    const other = await p.socket(AF.UNIX, type, 0);
    await env.attempt(p.bind(other, name));
    if (type !== SOCK.DGRAM) await p.listen(fd, 1);
    await p.setsockopt(other, SOL.SOCKET, SO.PASSCRED, ints(1));
    await p.getsockname(other);
    await p.connect(other, name);
    await p.getsockname(other);
    await p.getpeername(other);
    if (type !== SOCK.DGRAM) {
      const { fd: accepted } = await p.accept(fd);
      await p.getsockname(accepted);
      await p.getpeername(accepted);
      await p.getsockopt(accepted, SOL.SOCKET, SO.PASSCRED, 4);
    } else {
      const third = await p.socket(AF.UNIX, type, 0);
      await p.setsockopt(third, SOL.SOCKET, SO.PASSCRED, ints(1));
      await p.sendto(third, text('x'), 0, name);
      await p.getsockname(third);
      await p.recvfrom(fd, room(4), 0);
    }
  }
});

const shutUnconnected = program('unix-unconnected', async (env) => {
  const p = await env.process();
  for (const type of TYPES) {
    const fd = await p.socket(AF.UNIX, type, 0);
    await env.attempt(p.send(fd, text('x'), 0));
    await env.attempt(p.send(fd, text(''), 0));
    await env.attempt(p.write(fd, text('')));
    await env.attempt(p.sendto(fd, text('x'), 0, un('none')));
    await env.attempt(p.recv(fd, room(4), SOCK.STREAM === type ? 0 : 0x40));
    await env.attempt(p.accept(fd));
    await env.attempt(p.listen(fd, 1));
    for (const how of [-1, 3, SHUT.RD, SHUT.WR]) {
      await env.attempt(p.shutdown(fd, how));
      await state(p, fd);
    }
    await env.attempt(p.send(fd, text('x'), 0));
    await env.attempt(p.recv(fd, room(4), 0x40));
    if (type === SOCK.DGRAM) await env.attempt(p.recv(fd, room(4), 0));
  }
});

export const programs: readonly Program[] = [kinds, pairs, identity, badAddresses, paths, abstract, autobind, shutUnconnected];
