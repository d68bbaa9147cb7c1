/** Credentials: who may become whom, and what needs a capability. */
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';
import { AF, SO, SOCK, SOL } from '../numbers.ts';
import { type Program, program, type ProgramEnvironment } from '../program.ts';
import { in4 } from '../address.ts';
import { FAMILIES, INET, INET6, ints, text } from '../toolkit.ts';

const UNPRIVILEGED = 54323;

async function users(p: Syscalls): Promise<void> {
  await p.getresuid();
  await p.getresgid();
}

/** Each way of changing ids, to each of some values; what is allowed changes nothing for the next one. */
async function tryAll(env: ProgramEnvironment, make: () => Promise<Syscalls>): Promise<void> {
  const values = [0, 10, 20, 30, 40];
  for (const value of values) {
    for (const call of ['setuid', 'seteuid', 'setgid', 'setegid'] as const) {
      const p = await make();
      await env.attempt(p[call](value));
      await users(p);
      await env.exit(p);
    }
  }
}

const changing: Program[] = [
  program('ids', async (env) => {
    const p = await env.signalProcess();
    await p.getuid();
    await p.geteuid();
    await p.getgid();
    await p.getegid();
    await users(p);
    await p.setgroups([30, 10, 20, 10]);
    await p.getgroups();
    for (const bad of [-1, 0xffffffff]) {
      await env.attempt(p.setuid(bad));
      await env.attempt(p.setgid(bad));
    }
    await p.setresgid(10, 20, 30);
    await p.setresuid(10, 20, 30);
    await users(p);
    await env.attempt(p.setgroups([1]));
    await p.getgroups();
    await env.attempt(p.setgid(40));
    await p.setgid(30);
    await p.getresgid();
    await p.setgid(10);
    await p.getresgid();
  }),
  program('ids-of-a-user', async (env) => {
    const parent = await env.signalProcess();
    await tryAll(env, async () => {
      const p = await env.fork(parent);
      await p.setresgid(10, 20, 30);
      await p.setresuid(10, 20, 30);
      return p;
    });
  }),
  program('ids-of-root', async (env) => {
    const parent = await env.signalProcess();
    await tryAll(env, () => env.fork(parent));
  }),
  program('setreuid', async (env) => {
    const parent = await env.signalProcess();
    for (const [real, effective] of [[-1, -1], [20, -1], [-1, 10], [-1, 30], [20, 10], [30, -1], [10, 40], [-1, 20], [40, -1]] as const) {
      const p = await env.fork(parent);
      await p.setresgid(10, 20, 30);
      await p.setresuid(10, 20, 30);
      await env.attempt(p.setreuid(real, effective));
      await env.attempt(p.setregid(real, effective));
      await users(p);
      await env.exit(p);
    }
    const root = await env.fork(parent);
    await root.setregid(5, 6);
    await root.setreuid(-1, 7);
    await users(root);
    await root.setreuid(7, 0);
    await users(root);
  }),
  program('setresuid', async (env) => {
    const p = await env.signalProcess();
    await p.setresgid(10, 20, 30);
    await p.setresuid(10, 20, 30);
    for (const [real, effective, saved] of [[20, 10, -1], [40, -1, -1], [-1, 40, -1], [-1, -1, 40], [30, 30, 30], [10, -1, -1]] as const) {
      await env.attempt(p.setresuid(real, effective, saved));
      await env.attempt(p.setresgid(real, effective, saved));
      await users(p);
    }
  }),
  program('root-comes-back', async (env) => {
    const p = await env.signalProcess();
    await p.seteuid(10);
    await env.attempt(p.setgid(5));
    await env.attempt(p.setgroups([5]));
    await env.attempt(p.setuid(20));
    await p.seteuid(0);
    await p.setgid(5);
    await p.setgroups([5]);
    await p.setresuid(-1, 10, 10);
    await users(p);
    // The real id is still root's.
    await p.setreuid(-1, 0);
    await p.setresuid(10, 10, 10);
    for (const back of ['setuid', 'seteuid'] as const) await env.attempt(p[back](0));
    await env.attempt(p.setreuid(0, 0));
    await users(p);
  }),
  program('ids-of-a-child', async (env) => {
    const p = await env.signalProcess();
    await p.setgroups([7, 8]);
    await p.setresgid(10, 20, 30);
    await p.setresuid(0, 20, 30);
    const child = await env.fork(p);
    await users(child);
    await child.getgroups();
    await env.attempt(child.setgid(99));
    // A real id of 0 gives a new program its permitted capabilities, not its effective ones.
    await env.attempt(child.setuid(0));
    await child.setgid(99);
    await users(child);
  }),
];

const asking: Program[] = [
  ...FAMILIES.map((family) => program(`low-port-${family.name}`, async (env) => {
    const p = await env.signalProcess();
    const tcp = [await p.socket(family.domain, SOCK.STREAM, 0), await p.socket(family.domain, SOCK.STREAM, 0)] as const;
    const udp = [await p.socket(family.domain, SOCK.DGRAM, 0), await p.socket(family.domain, SOCK.DGRAM, 0)] as const;
    await p.bind(tcp[0], family.loopback(80));
    await p.bind(udp[0], family.loopback(53));
    await p.setuid(UNPRIVILEGED);
    for (const fd of [tcp[1], udp[1]]) {
      await env.attempt(p.bind(fd, family.loopback(80)));
      await env.attempt(p.bind(fd, family.loopback(1)));
      await env.attempt(p.bind(fd, family.loopback(1023)));
      await env.attempt(p.bind(fd, family.any(1023)));
      // Which is looked at first, the address or the port?
      await env.attempt(p.bind(fd, family.elsewhere(1023)));
      await env.attempt(p.bind(fd, family.elsewhere(1024)));
      await env.attempt(p.bind(fd, family.loopback(1023).subarray(0, 10)));
      await p.bind(fd, family.loopback(1024));
      await env.attempt(p.bind(fd, family.loopback(1023)));
    }
    await env.attempt(p.bind(tcp[0], family.loopback(81)));
    const later = await p.socket(family.domain, SOCK.STREAM, 0);
    await env.attempt(p.bind(later, family.loopback(80)));
    await p.bind(later, family.loopback(0));
  })),
  program('low-port-other-family', async (env) => {
    const p = await env.signalProcess();
    await p.setuid(UNPRIVILEGED);
    const v4 = await p.socket(AF.INET, SOCK.STREAM, 0);
    const v6 = await p.socket(AF.INET6, SOCK.STREAM, 0);
    await env.attempt(p.bind(v4, INET6.loopback(80)));
    await env.attempt(p.bind(v6, INET.loopback(80)));
    await env.attempt(p.bind(v4, in4('0.0.0.0', 80, AF.UNSPEC)));
    await env.attempt(p.bind(v4, in4('127.0.0.2', 80)));
    await env.attempt(p.bind(v4, in4('224.0.0.1', 80)));
    await env.attempt(p.bind(v4, in4('255.255.255.255', 80)));
  }),
  program('options-of-root', async (env) => {
    const p = await env.signalProcess();
    const fd = await p.socket(AF.INET, SOCK.STREAM, 0);
    const other = await p.socket(AF.INET, SOCK.STREAM, 0);
    const device = text('lo');
    const asked = async (): Promise<void> => {
      for (const value of [0, 6, 7, -1, 100]) await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.PRIORITY, ints(value)));
      await p.getsockopt(fd, SOL.SOCKET, SO.PRIORITY, 4);
      for (const value of [0, 5]) await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.MARK, ints(value)));
      await p.getsockopt(fd, SOL.SOCKET, SO.MARK, 4);
      for (const option of [SO.SNDBUFFORCE, SO.RCVBUFFORCE]) await env.attempt(p.setsockopt(fd, SOL.SOCKET, option, ints(100_000)));
      for (const value of [0, 1]) await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.DEBUG, ints(value)));
      await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, text('nodevice')));
      await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, text('')));
      await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, device));
      await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, device));
      await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.BINDTODEVICE, text('')));
    };
    await asked();
    await p.setuid(UNPRIVILEGED);
    await p.setsockopt(other, SOL.SOCKET, SO.BINDTODEVICE, device);
    await asked();
    await env.attempt(p.setsockopt(other, SOL.SOCKET, SO.BINDTODEVICE, text('nodevice')));
    await env.attempt(p.setsockopt(fd, SOL.SOCKET, SO.PRIORITY, ints(1).subarray(0, 2)));
  }),
  program('who-made-the-socket-does-not-matter', async (env) => {
    const p = await env.signalProcess();
    const fd = await p.socket(AF.INET, SOCK.STREAM, 0);
    await p.seteuid(UNPRIVILEGED);
    await env.attempt(p.bind(fd, INET.loopback(80)));
    await p.seteuid(0);
    await p.bind(fd, INET.loopback(80));
  }),
];

export const programs: readonly Program[] = [...changing, ...asking];
