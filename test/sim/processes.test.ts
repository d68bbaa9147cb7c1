/**
 * Processes that start others: what a child's program is given, how it ends, and what is left of it.
 */
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import * as C from '../../src/api/posix/constants.ts';
import { Process } from '../../src/api/posix/process.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import { echo } from '../../src/programs/echo.ts';
import type { World } from '../../src/sim/world.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn } from '../../src/socket/sockaddr.ts';

function run(body: (world: World, host: Host, parent: Process) => Promise<void>): Promise<void> {
  return simulate({ seed: 1 }, async (world) => {
    const host = world.host('a');
    await body(world, host, new Process(host, 'parent'));
    deepEqual([...host.stack.context.timers.queue], []);
  });
}

test('spawn: the program gets its arguments, environment and descriptors; its code is the exit status', () => run(async (_world, host) => {
  const said: string[] = [];
  const parent = new Process(host, 'shell', { output: (bytes) => void said.push(new TextDecoder().decode(bytes)) });
  const fd = await parent.socket(AF.INET, SOCK.DGRAM | SOCK.CLOEXEC, 0);
  await parent.umask(0o77);
  const pid = await parent.spawn(async (child, args) => {
    await child.write(1, new TextEncoder().encode(`${args.join(' ')} ${child.getenv('HOME')} ${child.getenv('toString')}`));
    await rejects(child.fcntl(fd, C.F_GETFD), { code: 'EBADF' });
    equal(await child.fcntl(5, C.F_GETFD), 0);
    equal(await child.umask(0), 0o77);
    equal(child.core.name, 'child');
    equal(await child.getppid(), parent.pid);
    return 7;
  }, ['-v', 'x'], { name: 'child', env: { HOME: '/root' }, duplicate: [[fd, 5]] });
  const ended = await parent.wait();
  deepEqual(ended, { pid, status: 0x700 });
  equal(C.WIFEXITED(ended.status) && C.WEXITSTATUS(ended.status), 7);
  deepEqual(said, ['-v x /root undefined']);
  deepEqual(host.kernel.everyProcess().map(({ name }) => name), ['init', 'parent', 'shell']);
  equal(parent.core.children.size, 0);
}));

test('spawn: a program of this package, ended by a signal, lets its port go', () => run(async (world, host, parent) => {
  const pid = await parent.spawn(echo, ['7'], { name: 'echo' });
  await world.sleep(1000);
  const fd = await parent.socket(AF.INET, SOCK.STREAM, 0);
  await parent.connect(fd, sockaddrIn('127.0.0.1', 7));
  await parent.write(fd, new Uint8Array(3));
  equal(await parent.read(fd, new Uint8Array(8)), 3);
  await parent.kill(pid, C.SIGTERM);
  const { status } = await parent.waitpid(pid);
  equal(C.WIFSIGNALED(status) && C.WTERMSIG(status), C.SIGTERM);
  equal(await parent.read(fd, new Uint8Array(8)), 0);
  await parent.close(fd);
  await world.sleep(200e6);
  deepEqual([...host.stack.tcp.endpoints()], []);
}));

test('spawn: file actions and groups are done in the child; one that fails leaves no child', () => run(async (_world, host, parent) => {
  const seen: number[] = [];
  const program = async (child: Process): Promise<number> => {
    seen.push(await child.getpgid(0), await child.getsid(0));
    return 0;
  };
  const own = await parent.spawn(program, [], { processGroup: 0 });
  await parent.waitpid(own);
  const session = await parent.spawn(program, [], { newSession: true });
  await parent.waitpid(session);
  const plain = await parent.spawn(program);
  await parent.waitpid(plain);
  deepEqual(seen, [own, parent.pid, session, session, parent.pid, parent.pid]);
  await rejects(parent.spawn(program, [], { duplicate: [[99, 0]] }), { code: 'EBADF' });
  await rejects(parent.spawn(program, [], { processGroup: 4000 }), { code: 'EPERM' });
  await rejects(parent.wait(), { code: 'ECHILD' });
  deepEqual(host.kernel.processes().map(({ name }) => name), ['parent']);
}));

test('a program that throws ends with status 1, and the error is not lost', async () => {
  let status = -1;
  // The runner listens as well, and would take what is meant to be unhandled for a failure.
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  try {
    await rejects(run(async (world, _host, parent) => {
      await parent.spawn(async () => {
        throw new Error('a bug');
      });
      ({ status } = await parent.wait());
      await world.sleep(1000);
    }), /a bug/);
  } finally {
    for (const other of others) process.on('unhandledRejection', other);
  }
  equal(status, 0x100);
});

test('RLIMIT_NPROC: a user has so many processes, root has as many as it likes', () => run(async (_world, _host, parent) => {
  const program = (child: Process): Promise<number> => child.sleep(1000).then(() => 0);
  await parent.setrlimit(C.RLIMIT_NPROC, { soft: 2, hard: 2 });
  for (let i = 0; i < 3; i++) await parent.spawn(program);
  for (let i = 0; i < 3; i++) await parent.wait();
  await parent.setuid(1000);
  await parent.spawn(program);
  await rejects(parent.spawn(program), { code: 'EAGAIN' });
  await parent.wait();
  await parent.spawn(program);
  await parent.wait();
}));

test('setrlimit(2): CAP_SYS_RESOURCE raises the hard limit, no further than fs.nr_open', () => run(async (_world, _host, parent) => {
  await parent.setrlimit(C.RLIMIT_NOFILE, { soft: 10, hard: 20 });
  await parent.setrlimit(C.RLIMIT_NOFILE, { soft: 10, hard: 30 });
  await rejects(parent.setrlimit(C.RLIMIT_NOFILE, { soft: 10, hard: C.RLIM_INFINITY }), { code: 'EPERM' });
  await parent.setuid(1000);
  await rejects(parent.setrlimit(C.RLIMIT_NOFILE, { soft: 10, hard: 31 }), { code: 'EPERM' });
  await rejects(parent.setrlimit(C.RLIMIT_NOFILE, { soft: Number.NaN, hard: 30 }), { code: 'EINVAL' });
}));

test('init: takes over orphans, and waits for nobody', () => run(async (world, host, parent) => {
  const pids: number[] = [];
  const pid = await parent.spawn(async (child) => {
    pids.push(await child.spawn(async (grandchild) => {
      await grandchild.sleep(2000);
      pids.push(await grandchild.getppid());
      return 3;
    }));
    // A zombie of a parent that ends is waited for by init.
    await child.spawn(async () => 4);
    await child.sleep(1000);
    return 0;
  });
  await parent.waitpid(pid);
  await world.sleep(5000);
  equal(pids[1], 1);
  deepEqual(host.kernel.everyProcess().map(({ name }) => name), ['init', 'parent']);
  deepEqual([...host.kernel.init.children].map(({ name }) => name), ['parent']);
}));

test('a process that ends while it waits for its child; power off with children and zombies', () => simulate({ seed: 1 }, async (world) => {
  const host = world.host('a');
  const parent = new Process(host, 'parent');
  await parent.spawn((child) => child.sleep(1e9).then(() => 0));
  await parent.spawn(async () => 0);
  await world.sleep(1000);
  const waiting = rejects(parent.waitpid(-1, 0).then(() => parent.waitpid(-1, 0)), { code: 'EINTR' });
  await world.sleep(1000);
  const other = new Process(host, 'other');
  await other.spawn(async () => 0);
  await world.sleep(1000);
  equal(host.kernel.everyProcess().length, 5);
  parent.exit();
  await waiting;
  equal(parent.core.childWaiters.empty, true);
  host.powerOff();
  deepEqual(host.kernel.everyProcess(), []);
  deepEqual([...host.stack.context.timers.queue], []);
  await rejects(other.spawn(async () => 0), { code: 'ESRCH' });
}));

test('of a long name little is left when the process has ended: nobody is charged for it any more', () => simulate({ seed: 1 }, async (world) => {
  const host = world.host('a');
  const parent = new Process(host, 'parent');
  const name = 'long '.repeat(20_000);
  let seen = '';
  const pid = await parent.spawn(async (child) => {
    seen = child.core.name;
    return 0;
  }, [], { name });
  await world.sleep(1000);
  equal(seen, name);
  equal(host.kernel.everyProcess().find((one) => one.pid === pid)?.name, name.slice(0, 64));
  equal((await parent.waitpid(pid)).status, 0);
}));
