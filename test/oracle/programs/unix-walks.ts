/**
 * Random walks over AF_UNIX sockets: calls that nobody would write in this order, the same ones on both kernels. What is
 * tried next depends on nothing but the seed and on which descriptors are open.
 */
import { familyOnly, un } from '../address.ts';
import { AF, F, IOCTL, MSG, O, SO, SOCK, SOL } from '../numbers.ts';
import { program } from '../program.ts';
import type { Program, ProgramEnvironment } from '../program.ts';
import { ints, pattern, room, state, text } from '../toolkit.ts';
import { fdsIn, rightsMessage } from './unix-control.ts';
import type { Syscalls } from '../../../src/api/posix/syscalls.ts';

const STEPS = 260;
const TYPES = [SOCK.STREAM, SOCK.DGRAM, SOCK.SEQPACKET];
const NAMES = ['\0a', '\0b', 'c', 'd'];
const LENGTHS = [0, 1, 10, 200, 1000, 5000, 30000, 90000];
const FLAGS = [0, 0, 0, MSG.PEEK, MSG.TRUNC, MSG.OOB, MSG.PEEK | MSG.TRUNC, MSG.WAITALL];

class Walk {
  private readonly env: ProgramEnvironment;
  private readonly p: Syscalls;
  private x: number;
  private readonly fds: number[] = [];

  constructor(env: ProgramEnvironment, p: Syscalls, seed: number) {
    this.env = env;
    this.p = p;
    this.x = seed;
  }

  private below(n: number): number {
    this.x = (Math.imul(this.x, 1103515245) + 12345) & 0x7fffffff;
    return (this.x >> 8) % n;
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  private async opened(made: Promise<number[]>): Promise<void> {
    await this.env.attempt(made.then((fds) => {
      this.fds.push(...fds);
    }));
  }

  async step(): Promise<void> {
    const { env, p } = this;
    const kind = this.below(32);
    if (this.fds.length < 3 || kind === 0) {
      const type = this.pick(TYPES) | SOCK.NONBLOCK;
      if (this.below(2) === 0) return this.opened(p.socketpair(AF.UNIX, type, 0));
      return this.opened(p.socket(AF.UNIX, type, 0).then((fd) => [fd]));
    }
    const fd = this.pick(this.fds);
    const flags = this.pick(FLAGS);
    const name = un(this.pick(NAMES));
    const size = this.pick(LENGTHS);
    if (kind < 3) await env.attempt(p.bind(fd, name));
    else if (kind < 4) await env.attempt(p.listen(fd, this.below(3)));
    else if (kind < 6) await env.attempt(p.connect(fd, this.below(8) === 0 ? familyOnly(0) : name));
    else if (kind < 8) await this.opened(p.accept4(fd, SOCK.NONBLOCK).then((accepted) => [accepted.fd]));
    else if (kind < 13) await env.attempt(p.send(fd, pattern(size, fd + 1), flags & MSG.OOB));
    else if (kind < 14) await env.attempt(p.sendto(fd, text('to'), 0, name));
    else if (kind < 18) await env.attempt(p.recvfrom(fd, room(size), flags));
    else if (kind < 19) await this.take(fd, size, flags);
    else if (kind < 22) await state(p, fd);
    else if (kind < 23) await env.attempt(p.ioctl(fd, this.pick([IOCTL.SIOCOUTQ, IOCTL.SIOCATMARK])));
    else if (kind < 24) await env.attempt(p.shutdown(fd, this.below(3)));
    else if (kind < 25) await env.attempt(this.pick([p.getsockname, p.getpeername]).call(p, fd));
    else if (kind < 26) await this.option(fd);
    else if (kind < 27) await env.attempt(p.unlink(this.pick(['c', 'd'])));
    else if (kind < 28) this.fds.push(await p.dup(fd));
    else if (kind < 30) await env.attempt(p.sendmsg(fd, { iov: [pattern(size, fd)], control: rights(this.below(3)) }, flags & MSG.OOB));
    else {
      this.fds.splice(this.fds.indexOf(fd), 1);
      await p.close(fd);
    }
  }

  private async take(fd: number, size: number, flags: number): Promise<void> {
    const taking = this.p.recvmsg(fd, [room(3), room(size)], flags, 128, this.pick([0, 20, 24, 28, 64]));
    await this.env.attempt(taking.then(async ({ control }) => {
      for (const each of fdsIn(control)) await this.p.close(each);
    }));
  }

  private async option(fd: number): Promise<void> {
    const { env, p } = this;
    const option = this.pick([SO.ERROR, SO.PEERCRED, SO.ACCEPTCONN, SO.SNDBUF, SO.PASSCRED, SO.OOBINLINE, SO.PEEK_OFF]);
    const value = this.pick([0, 1, 5000, 20000]);
    const isSet = option !== SO.ERROR && option !== SO.PEERCRED && option !== SO.ACCEPTCONN && this.below(2) === 0;
    if (isSet) await env.attempt(p.setsockopt(fd, SOL.SOCKET, option, ints(value)));
    else await env.attempt(p.getsockopt(fd, SOL.SOCKET, option, option === SO.PEERCRED ? 12 : 4));
  }

  /** What is left, as far as it can be had without waiting. */
  async end(): Promise<void> {
    for (const fd of this.fds) {
      await state(this.p, fd);
      await this.p.fcntl(fd, F.SETFL, O.NONBLOCK);
      for (let i = 0; i < 3; i++) await this.take(fd, 50_000, 0);
    }
  }
}

/** SCM_RIGHTS with `count` times a descriptor that is no socket: those that are may be collected at another moment. */
function rights(count: number): Uint8Array {
  return rightsMessage(...Array.from({ length: count + 1 }, () => 0));
}

/** The first ones, and some that found something once. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 23, 41, 136, 186, 354, 1023, 1085, 1164, 5274, 30239];

export const programs: readonly Program[] = SEEDS.map((seed) => program(`unix-walk-${seed}`, async (env) => {
  const walk = new Walk(env, await env.process(), seed);
  for (let i = 0; i < STEPS; i++) await walk.step();
  await walk.end();
}));
