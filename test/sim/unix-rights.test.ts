/**
 * SCM_RIGHTS with cycles, against a model: after every step whatever can be reached from a descriptor is open, and nothing
 * else is.
 *
 * The model knows sockets by number: who has a descriptor, what lies in whose queue. Reachable is a socket with a
 * descriptor, and what lies in the queue of one that is reachable; a connection that nobody has accepted yet is reached
 * through its listener.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { receivedDescriptors, rightsMessage } from '../../src/socket/control.ts';
import { Process } from '../../src/api/posix/process.ts';
import { below, SeededRandom } from '../../src/base/random.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import type { UnixConnection } from '../../src/socket/family/unix-connection.ts';
import type { UnixSocket } from '../../src/socket/family/unix.ts';
import { sockaddrUn } from '../../src/socket/sockaddr.ts';
import { Msg } from '../../src/transport/endpoint.ts';
import { isFull, recordResult, seed as baseSeed } from '../results.ts';

const PASSINGS = isFull ? 10_000 : 500;
const PASSINGS_PER_WORLD = 100;
/** Sockets with a descriptor at once. */
const MOST = 24;

class Modelled {
  readonly socket: UnixSocket;
  peer: Modelled | null = null;
  fds: number[] = [];
  queue: Modelled[][] = [];
  /** Of a listener. */
  pending: Modelled[] = [];
  name = '';

  constructor(socket: UnixSocket) {
    this.socket = socket;
  }
}

function reachable(all: readonly Modelled[]): Set<Modelled> {
  const found = new Set(all.filter(({ fds }) => fds.length > 0));
  for (const each of found) {
    for (const message of each.queue) for (const one of message) found.add(one);
    for (const one of each.pending) found.add(one);
  }
  return found;
}

class Walk {
  readonly process: Process;
  readonly random: SeededRandom;
  all: Modelled[] = [];
  passings = 0;
  closedInFlight = 0;
  private names = 0;

  constructor(process: Process, random: SeededRandom) {
    this.process = process;
    this.random = random;
  }

  private pick<T>(from: readonly T[]): T | undefined {
    return from[below(this.random, from.length)];
  }

  private add(fd: number): Modelled {
    const made = new Modelled(this.process.core.descriptors.file(fd)?.socket as UnixSocket);
    made.fds.push(fd);
    this.all.push(made);
    return made;
  }

  private get open(): Modelled[] {
    return this.all.filter(({ fds }) => fds.length > 0);
  }

  async step(): Promise<void> {
    const { open } = this;
    const dice = below(this.random, 20);
    if (open.length < 4 || (dice < 3 && open.length < MOST)) await (below(this.random, 4) === 0 ? this.connection() : this.pair());
    else if (dice < 9) await this.send();
    else if (dice < 11) await this.receive();
    else if (dice < 12) await this.accept();
    else await this.close(this.pick(open) as Modelled);
    this.check();
  }

  private async pair(): Promise<void> {
    const [a, b] = (await this.process.socketpair(AF.UNIX, SOCK.SEQPACKET, 0)).map((fd) => this.add(fd)) as [Modelled, Modelled];
    a.peer = b;
    b.peer = a;
  }

  /** A listener, and now and then a connection to one that is there. */
  private async connection(): Promise<void> {
    let listener = this.pick(this.open.filter(({ name }) => name !== ''));
    if (listener === undefined) {
      listener = this.add(await this.process.socket(AF.UNIX, SOCK.SEQPACKET, 0));
      listener.name = `\0n${this.names++}`;
      await this.process.bind(listener.fds[0] as number, sockaddrUn(listener.name));
      await this.process.listen(listener.fds[0] as number, 100);
    }
    const client = this.add(await this.process.socket(AF.UNIX, SOCK.SEQPACKET, 0));
    await this.process.connect(client.fds[0] as number, sockaddrUn(listener.name));
    const end = new Modelled((client.socket as UnixConnection).peer as UnixSocket);
    this.all.push(end);
    client.peer = end;
    end.peer = client;
    listener.pending.push(end);
  }

  private async send(): Promise<void> {
    const from = this.pick(this.open.filter(({ name }) => name === '')) as Modelled | undefined;
    if (from === undefined) return;
    const cargo = Array.from({ length: 1 + below(this.random, 3) }, () => this.pick(this.open) as Modelled);
    const control = rightsMessage(...cargo.map(({ fds }) => this.pick(fds) as number));
    const peer = from.peer as Modelled;
    const isGone = peer.socket.isReleased;
    const failure = await this.process.sendmsg(from.fds[0] as number, { iov: [Uint8Array.of(1)], control }, Msg.DONTWAIT).then(
      () => null, (error: Error & { code: string }) => error.code,
    );
    if (failure === 'EAGAIN') return;
    equal(failure !== null, isGone, String(failure));
    if (failure !== null) return;
    peer.queue.push(cargo);
    this.passings++;
  }

  private async receive(): Promise<void> {
    const at = this.pick(this.open.filter(({ queue }) => queue.length > 0));
    if (at === undefined) return;
    const isPeek = below(this.random, 3) === 0;
    // Sometimes there is not enough room for all of them, and the rest is let go.
    const room = below(this.random, 2) === 0 ? 24 : 64;
    const message = await this.process.recvmsg(at.fds[0] as number, [new Uint8Array(1)], isPeek ? Msg.PEEK : 0, 0, room).catch(
      (error: Error & { code: string }) => error.code,
    );
    // A peer that closed with something unread is heard of first.
    if (message === 'ECONNRESET') return;
    ok(typeof message !== 'string', String(message));
    const cargo = at.queue[0] as Modelled[];
    if (!isPeek) at.queue.shift();
    const fds = receivedDescriptors(message.control);
    equal(fds.length, Math.min(cargo.length, room === 24 ? 2 : 12));
    for (const [i, fd] of fds.entries()) {
      equal(this.process.core.descriptors.file(fd)?.socket, (cargo[i] as Modelled).socket);
      (cargo[i] as Modelled).fds.push(fd);
    }
  }

  private async accept(): Promise<void> {
    const listener = this.pick(this.open.filter(({ pending }) => pending.length > 0));
    if (listener === undefined) return;
    const { fd } = await this.process.accept(listener.fds[0] as number);
    const end = listener.pending.shift() as Modelled;
    equal(this.process.core.descriptors.file(fd)?.socket, end.socket);
    end.fds.push(fd);
  }

  private async close(one: Modelled): Promise<void> {
    const fd = one.fds.splice(below(this.random, one.fds.length), 1)[0] as number;
    await this.process.close(fd);
  }

  check(): void {
    const expected = reachable(this.all);
    for (const [i, { socket }] of this.all.entries()) {
      equal(socket.isReleased, !expected.has(this.all[i] as Modelled), `socket ${i} of ${this.all.length} after ${this.passings} passings`);
    }
    this.all = this.all.filter((one) => expected.has(one));
  }
}

for (const length of [1, 2, 3, 4, 7, 20]) {
  test(`SCM_RIGHTS: a ring of ${length} queues, each with the next one's socket in it, is kept by one descriptor and goes with the last`, () =>
    simulate({ seed: baseSeed }, async (world) => {
      const host = world.host('a');
      const process = new Process(host, 'ring');
      for (const kept of [-1, 0, length - 1]) {
        const pairs: [number, number][] = [];
        for (let i = 0; i < length; i++) pairs.push(await process.socketpair(AF.UNIX, SOCK.STREAM, 0));
        const sockets = pairs.map(([, fd]) => process.core.descriptors.file(fd)?.socket as UnixSocket);
        for (const [i, [sender]] of pairs.entries()) {
          const [, next] = pairs[(i + 1) % length] as [number, number];
          await process.sendmsg(sender, { iov: [Uint8Array.of(i)], control: rightsMessage(next) }, 0);
        }
        for (const [i, [sender, receiver]] of pairs.entries()) {
          await process.close(sender);
          if (i !== kept) await process.close(receiver);
        }
        if (kept >= 0) {
          deepEqual(sockets.map(({ isReleased }) => isReleased), sockets.map(() => false), 'somebody can read them all');
          const [, fd] = pairs[kept] as [number, number];
          if (length > 1) {
            // What was in the queue is the reader's now, and the ring is open.
            const { control } = await process.recvmsg(fd, [new Uint8Array(1)], 0, 0, 64);
            const [next] = receivedDescriptors(control);
            equal(process.core.descriptors.file(next as number)?.socket, sockets[(kept + 1) % length]);
            await process.close(fd);
            equal(host.kernel.unix.flights.total, length - 1);
            await process.close(next as number);
          } else await process.close(fd);
        }
        deepEqual(sockets.map(({ isReleased }) => isReleased), sockets.map(() => true));
        equal(host.kernel.unix.flights.total, 0);
      }
      process.exit();
      deepEqual(world.leftovers(), []);
    }));
}

const NAME = `SCM_RIGHTS: ${PASSINGS} random passings: all that is unreachable is closed, nothing that is reachable`;

test(NAME, { timeout: 3_600_000 }, async () => {
  let passings = 0;
  let collected = 0;
  for (let i = 0; passings < PASSINGS; i++) {
    const seed = baseSeed + i;
    await simulate({ seed }, async (world) => {
      const host = world.host('a');
      const walk = new Walk(new Process(host, 'walker'), new SeededRandom(`rights/${seed}`));
      try {
        while (walk.passings < PASSINGS_PER_WORLD) await walk.step();
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
      // Half of them end by closing one by one, the others by the process's end.
      if (i % 2 === 0) for (const one of walk.all) for (const fd of one.fds) await walk.process.close(fd);
      walk.process.exit();
      passings += walk.passings;
      collected += host.kernel.unix.flights.collected;
      deepEqual(world.leftovers(), [], `seed ${seed}`);
    });
  }
  ok(collected > PASSINGS / 20, `${collected} sockets were collected`);
  recordResult('unix-rights', { passings, collected, firstSeed: baseSeed });
});
