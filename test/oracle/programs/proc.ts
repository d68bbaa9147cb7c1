/** /proc: what its files say of sockets and descriptors, who may look, and what cannot be done there. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { Access } from '../../../src/kernel/fs/inode.ts';
import { in4, un } from '../address.ts';
import { AF, ETH_P, F, IPPROTO, O, SEEK, SHUT, SO, SOCK, SOL, TCP } from '../numbers.ts';
import { contents, DATAGRAM_COLUMNS, Tables, TCP_COLUMNS } from '../proc-tables.ts';
import { type Program, program } from '../program.ts';
import { dgram, FAMILIES, INET, INET6, ints, MAPPED, PORT, room, silently, text } from '../toolkit.ts';

const ANOTHER_USER = 1000;

async function cubic(p: Syscalls, fd: number): Promise<void> {
  await p.setsockopt(fd, IPPROTO.TCP, TCP.CONGESTION, text('cubic'));
}

const tcp = [...FAMILIES, MAPPED].map((family) => program(`proc-net-tcp-${family.name}`, async (env) => {
  const p = await env.process();
  const tables = new Tables(env, p);
  const show = async (): Promise<void> => {
    // Longer than an acknowledgement is delayed.
    await env.settle(100);
    await tables.show('tcp', { ...TCP_COLUMNS, isPadded: true });
    await tables.show('tcp6', TCP_COLUMNS);
  };
  const listener = await p.socket(family.domain, SOCK.STREAM, 0);
  await cubic(p, listener);
  await p.bind(listener, family.loopback(PORT));
  // What is only bound is not shown.
  await show();
  await p.listen(listener, 3);
  const clients: number[] = [];
  for (let i = 0; i < 3; i++) {
    const client = await p.socket(family.domain, SOCK.STREAM, 0);
    await cubic(p, client);
    await p.connect(client, family.loopback(PORT));
    clients.push(client);
  }
  await show();
  const { fd: server } = await p.accept(listener);
  await p.send(clients[0] as number, text('not read yet'), 0);
  await show();
  await p.recv(server, room(4), 0);
  await p.shutdown(clients[0] as number, SHUT.WR);
  await show();
  await p.close(server);
  await p.close(clients[0] as number);
  await show();
  const keeping = clients[1] as number;
  await p.setsockopt(keeping, SOL.SOCKET, SO.KEEPALIVE, ints(1));
  await p.close(clients[2] as number);
  await show();
}));

const udp = program('proc-net-udp', async (env) => {
  const p = await env.process();
  const tables = new Tables(env, p);
  const show = async (): Promise<void> => {
    await tables.show('udp', { ...DATAGRAM_COLUMNS, isPadded: true });
    await tables.show('udp6', DATAGRAM_COLUMNS);
  };
  const fresh = await dgram(p, INET);
  const bound = await dgram(p, INET);
  await p.bind(bound, INET.any(PORT));
  const six = await dgram(p, INET6);
  await p.bind(six, INET6.loopback(PORT));
  const connected = await dgram(p, INET);
  await p.connect(connected, INET.loopback(PORT));
  const mapped = await dgram(p, MAPPED);
  await p.connect(mapped, MAPPED.loopback(PORT));
  await show();
  await p.bind(fresh, INET.loopback(PORT + 1));
  await p.close(six);
  await show();
});

const raw = program('proc-net-raw', async (env) => {
  const p = await env.process();
  const one = await p.socket(AF.INET, SOCK.RAW, 1);
  await p.socket(AF.INET6, SOCK.RAW, 58);
  const tables = new Tables(env, p);
  await tables.show('raw', { ...DATAGRAM_COLUMNS, ends: [] });
  await p.bind(one, INET.loopback(0));
  await p.connect(one, INET.loopback(0));
  for (const name of ['raw', 'raw6', 'icmp', 'icmp6']) await tables.show(name, { ...DATAGRAM_COLUMNS, ends: [] });
});

const unix = program('proc-net-unix', async (env) => {
  const p = await env.process();
  const tables = new Tables(env, p);
  const show = (): Promise<void> => tables.show('unix', { inode: 6, masked: [0] });
  const listener = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  await show();
  await p.bind(listener, un('u'));
  await p.listen(listener, 2);
  const client = await p.socket(AF.UNIX, SOCK.STREAM, 0);
  await p.connect(client, un('u'));
  await show();
  await p.accept(listener);
  await show();
  await p.socketpair(AF.UNIX, SOCK.SEQPACKET, 0);
  const named = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
  await p.bind(named, Uint8Array.of(AF.UNIX, 0, 0, 65, 0, 66));
  for (let i = 0; i < 2; i++) {
    const other = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
    await p.connect(other, Uint8Array.of(AF.UNIX, 0, 0, 65, 0, 66));
  }
  await show();
  await p.close(client);
  await p.close(named);
  await show();
});

const packet = program('proc-net-packet', async (env) => {
  const p = await env.process();
  const htons = (n: number): number => ((n & 0xff) << 8) | (n >> 8);
  await p.socket(AF.PACKET, SOCK.RAW, htons(ETH_P.ALL));
  await p.socket(AF.PACKET, SOCK.DGRAM, 0);
  const bound = await p.socket(AF.PACKET, SOCK.RAW, 0);
  await p.bind(bound, Uint8Array.of(AF.PACKET, 0, 8, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  await new Tables(env, p).show('packet', { inode: 8, masked: [0] });
});

/** What loopback alone has; counters of a new host. */
const others = program('proc-net-others', async (env) => {
  const p = await env.process();
  const quiet = silently(p);
  const server = await dgram(p, INET);
  await p.bind(server, INET.loopback(PORT));
  for (let i = 0; i < 3; i++) await p.sendto(server, room(100), 0, INET.loopback(PORT));
  await env.settle();
  // Linux counts what is read, not what has come.
  for (let i = 0; i < 3; i++) await p.recv(server, room(100), 0);
  for (const name of ['arp', 'route', 'if_inet6', 'sockstat6']) env.note(name, await contents(quiet, `/proc/net/${name}`));
  const dev = (await contents(quiet, '/proc/net/dev')).split('\n');
  env.note('dev', [dev[0], dev[1], dev.find((line) => line.includes('lo:'))].join('\n'));
  env.note('udp in snmp', (await contents(quiet, '/proc/net/snmp')).split('\n').filter((line) => line.startsWith('Udp:')).join('\n'));
  for (const name of ['snmp', 'netstat']) {
    const names = (await contents(quiet, `/proc/net/${name}`)).split('\n').filter((line, i) => i % 2 === 0 && !/^(IcmpMsg|MPTcpExt)/.test(line));
    env.note(`${name} names`, names.join('\n'));
  }
  const six = (await contents(quiet, '/proc/net/snmp6')).split('\n').map((line) => line.split(/\s+/)[0]);
  env.note('snmp6 names', six.filter((name) => !/^Icmp6(In|Out)Type/.test(name ?? '')).join(' '));
});

const descriptors = program('proc-fd', async (env) => {
  const p = await env.process();
  const quiet = silently(p);
  const fds = [await p.socket(AF.INET, SOCK.STREAM, 0), ...(await p.socketpair(AF.UNIX, SOCK.DGRAM, 0)), ...(await p.pipe())];
  fds.push(await p.eventfd(3, 0), await p.epoll_create1(O.CLOEXEC), await p.timerfd_create(1, 0), await p.open('f', O.RDWR | O.CREAT, 0o644));
  await p.mkdir('d', 0o755);
  fds.push(await p.open('d', O.RDONLY), await p.open('/dev/null', O.WRONLY | O.APPEND), await p.open('f', O.RDONLY | O.NONBLOCK));
  await p.write(fds[8] as number, text('hello'));
  const here = await quiet.getcwd();
  for (const fd of fds) {
    const { ino, mode } = await quiet.fstat(fd);
    const link = await quiet.readlink(`/proc/self/fd/${fd}`);
    env.note(`link ${fd}`, link.replace(String(ino), 'INODE').replace(here, 'HERE'));
    const own = await quiet.lstat(`/proc/self/fd/${fd}`);
    env.note(`its mode ${fd}`, own.mode.toString(8));
    const behind = await quiet.stat(`/proc/self/fd/${fd}`);
    env.note(`behind it ${fd}`, `${behind.ino === ino} ${behind.mode === mode} ${mode.toString(8)}`);
    const info = (await contents(quiet, `/proc/self/fdinfo/${fd}`)).split('\n');
    env.note(`info ${fd}`, info.slice(0, 4).map((line) => line.replace(/^mnt_id:.*/, 'mnt_id').replace(`ino:\t${ino}`, 'INODE')).join());
  }
  await p.unlink('f');
  env.note('deleted', (await quiet.readlink(`/proc/self/fd/${fds[8]}`)).replace(here, 'HERE'));
  const names = await quiet.open('/proc/self/fd', O.RDONLY);
  const seen = new Set<string>();
  for (let some = await quiet.getdents(names); some.length > 0; some = await quiet.getdents(names)) for (const { name } of some) seen.add(name);
  env.note('all of them are listed', fds.every((fd) => seen.has(String(fd))));
  await quiet.close(names);
  // Opening what a link leads to.
  for (const fd of fds) {
    await env.attempt(p.open(`/proc/self/fd/${fd}`, O.RDONLY | O.NONBLOCK));
    await env.attempt(p.open(`/proc/self/fd/${fd}`, O.WRONLY | O.NONBLOCK));
  }
  await p.access('/proc/self/fd/3', Access.R);
  for (const name of ['99', 'x', '03', '-1']) {
    await env.attempt(p.open(`/proc/self/fd/${name}`, O.RDONLY));
    await env.attempt(p.readlink(`/proc/self/fd/${name}`));
  }
});

const reading = program('proc-reading', async (env) => {
  const p = await env.process();
  const fd = await p.open('/proc/net/udp', O.RDONLY);
  await p.fcntl(fd, F.GETFL);
  await p.read(fd, room(20));
  await p.read(fd, room(10));
  await p.lseek(fd, 5, SEEK.SET);
  await p.read(fd, room(10));
  await p.lseek(fd, 2, SEEK.CUR);
  await env.attempt(p.lseek(fd, 0, SEEK.END));
  await env.attempt(p.lseek(fd, -1, SEEK.SET));
  await p.pread(fd, room(8), 2);
  await env.attempt(p.write(fd, text('x')));
  await p.lseek(fd, 200, SEEK.SET);
  await p.read(fd, room(10));
  // What is read again is made again.
  const socket = await dgram(p, INET);
  await p.bind(socket, in4('127.0.0.1', PORT));
  await p.lseek(fd, 0, SEEK.SET);
  env.note('it has come', (await contents(silently(p), `/proc/self/fd/${fd}`)).split('\n').length);
  const { size, mode, nlink } = await silently(p).fstat(fd);
  env.note('what it is', [size, mode.toString(8), nlink].join());
  for (const path of ['/proc/net/udp', '/proc/net/snmp', '/proc/self/stat', '/proc/sysvipc/msg']) await env.attempt(p.open(path, O.RDWR));
  const writing = await p.open('/proc/uptime', O.RDWR);
  await env.attempt(p.write(writing, text('x')));
  await env.attempt(p.writev(writing, [text('x')]));
  for (const fd of [writing, await p.open('/proc/uptime', O.RDONLY)]) {
    await env.attempt(p.pwrite(fd, text('x'), 0));
    await env.attempt(p.pwritev(fd, [text('x')], 0));
  }
  await env.attempt(p.ftruncate(writing, 0));
  await env.attempt(p.ioctl(writing, 0x541b));
  const status = await p.open('/proc/self/stat', O.RDONLY);
  env.note('stat', String.fromCharCode(...(await silently(p).read(status, room(10)).then(() => []))));
  for (const path of ['/proc/net', '/proc/self', '/proc/sys/net/ipv4', '/proc/self/net']) {
    await env.attempt(p.open(path, O.RDONLY | O.DIRECTORY));
    await env.attempt(p.open(path, O.WRONLY));
  }
  for (const path of ['/proc/nothing', '/proc/0', '/proc/01', '/proc/net/nothing', '/proc/net/udp/x', '/proc/self/nothing']) {
    await env.attempt(p.open(path, O.RDONLY));
    await env.attempt(p.stat(path));
  }
});

const changing = program('proc-changes', async (env) => {
  const p = await env.process();
  for (const path of ['/proc/new', '/proc/net/new', '/proc/self/new', '/proc/sys/net/new']) {
    await env.attempt(p.open(path, O.WRONLY | O.CREAT, 0o644));
    await env.attempt(p.mkdir(path, 0o755));
    await env.attempt(p.mkfifo(path, 0o644));
    await env.attempt(p.symlink('x', path));
    await env.attempt(p.unlink(path));
    await env.attempt(p.rmdir(path));
    await env.attempt(p.rename(path, '/tmp/x'));
  }
  await env.attempt(p.unlink('/proc/net/udp'));
  await env.attempt(p.unlink('/proc/net'));
  await env.attempt(p.rmdir('/proc/sys'));
  await env.attempt(p.mkdir('/proc/net', 0o755));
  await env.attempt(p.mkdir('/proc/sys', 0o755));
  await env.attempt(p.link('/proc/net/udp', '/tmp/x'));
  await env.attempt(p.rename('/proc/net/udp', '/tmp/x'));
  await env.attempt(p.rename('/tmp', '/proc/x'));
  await env.attempt(p.rename('/proc/net/udp', '/proc/net/tcp'));
  await p.open('f', O.WRONLY | O.CREAT, 0o644);
  await env.attempt(p.link('f', '/proc/x'));
  const socket = await p.socket(AF.UNIX, SOCK.DGRAM, 0);
  await env.attempt(p.bind(socket, un('/proc/x')));
  await env.attempt(p.bind(socket, un('/proc/net/udp')));
  await env.attempt(p.truncate('/proc/net/udp', 0));
});

const settings = program('proc-sys', async (env) => {
  const p = await env.process();
  const path = '/proc/sys/net/ipv4/tcp_retries2';
  const fd = await p.open(path, O.RDWR);
  await p.read(fd, room(10));
  await p.read(fd, room(10));
  await p.lseek(fd, 0, SEEK.SET);
  await p.write(fd, text('12\n'));
  await p.pread(fd, room(10), 0);
  await p.lseek(fd, 0, SEEK.SET);
  for (const value of ['abc', '', '999', '-1', '7', ' 9 ', '8\0x']) {
    await p.lseek(fd, 0, SEEK.SET);
    await env.attempt(p.write(fd, text(value)));
    await p.pread(fd, room(10), 0);
  }
  await p.lseek(fd, 0, SEEK.END);
  const three = await p.open('/proc/sys/net/ipv4/ip_local_port_range', O.RDWR);
  await p.read(three, room(20));
  await p.lseek(three, 0, SEEK.SET);
  await p.write(three, text('40000 50000'));
  await p.pread(three, room(20), 0);
  await p.lseek(three, 0, SEEK.SET);
  await env.attempt(p.write(three, text('50000 40000')));
  const { mode, size } = await silently(p).stat(path);
  env.note('what it is', [mode.toString(8), size].join());
  const child = await env.fork(await env.signalProcess());
  await child.setresuid(ANOTHER_USER, ANOTHER_USER, ANOTHER_USER);
  await env.attempt(child.open(path, O.WRONLY));
  await env.attempt(child.open(path, O.RDONLY));
});

const permissions = program('proc-permissions', async (env) => {
  const target = await env.signalProcess();
  await target.socket(AF.UNIX, SOCK.STREAM, 0);
  const users: [string, Syscalls][] = [['root', await env.fork(target)]];
  for (const name of ['user', 'same user']) {
    const user = await env.fork(target);
    await user.setresgid(ANOTHER_USER, ANOTHER_USER, ANOTHER_USER);
    await user.setresuid(ANOTHER_USER, ANOTHER_USER, ANOTHER_USER);
    users.push([name, user]);
  }
  const pids = [env.pidOf(target), env.pidOf(users[1]?.[1] as Syscalls)];
  for (const [name, user] of users) {
    const quiet = silently(user);
    for (const [i, pid] of [...pids, 'self'].entries()) {
      const look = async (what: string, call: Promise<unknown>): Promise<void> =>
        env.note(`${name} ${what} ${['of root', 'of a user', 'his own'][i]}`, (await env.attempt(call)) ?? 'may');
      for (const file of ['fd', 'fdinfo', 'environ', 'stat', 'status', 'cmdline', 'comm', 'limits']) {
        await look(`opens ${file}`, quiet.open(`/proc/${pid}/${file}`, O.RDONLY));
      }
      for (const link of ['cwd', 'root', 'fd/3']) await look(`reads ${link}`, quiet.readlink(`/proc/${pid}/${link}`));
      await look('goes to cwd', quiet.stat(`/proc/${pid}/cwd/.`));
      await look('opens fdinfo/0', quiet.open(`/proc/${pid}/fdinfo/0`, O.RDONLY));
      await look('writes comm', quiet.open(`/proc/${pid}/stat`, O.WRONLY));
    }
  }
});

/** How often a route is referred to is each kernel's own affair. */
const routes6 = program('proc-net-ipv6-route', async (env) => {
  const p = await env.process();
  const lines = (await contents(silently(p), '/proc/net/ipv6_route')).split('\n').filter((line) => line !== '');
  for (const line of lines) env.note(`route ${line.length}`, line.replace(/ [0-9a-f]{8}(?= [0-9a-f]{8} [0-9a-f]{8} +\S+$)/, ' *'));
});

/** With a descriptor nothing is looked up: whose rights count is who calls, whoever else looked at something last. */
const byDescriptor = program('proc-permissions-by-descriptor', async (env) => {
  const root = await env.signalProcess();
  const [target, user] = [await env.fork(root), await env.fork(root)];
  await target.setresuid(ANOTHER_USER + 1, ANOTHER_USER + 1, ANOTHER_USER + 1);
  const quiet = silently(user);
  const fds: [string, number][] = [];
  for (const name of ['fd', 'fdinfo', 'cwd']) fds.push([name, await quiet.open(`/proc/${env.pidOf(target)}/${name}`, O.RDONLY | O.DIRECTORY)]);
  const ask = async (who: string): Promise<void> => {
    for (const looker of [user, target, root]) {
      for (const [name, fd] of fds) {
        for (const [call, tried] of [['fchdir', () => quiet.fchdir(fd)], ['futimens', () => quiet.futimens(fd, null)]] as const) {
          await silently(looker).stat('/');
          env.note(`${who} ${call} ${name}`, (await env.attempt(tried())) ?? 'may');
        }
      }
    }
  };
  await ask('root');
  await user.setresuid(ANOTHER_USER, ANOTHER_USER, ANOTHER_USER);
  await ask('user');
});

export const programs: readonly Program[] = [
  ...tcp, udp, raw, unix, packet, others, descriptors, reading, changing, settings, permissions, byDescriptor, routes6,
];
