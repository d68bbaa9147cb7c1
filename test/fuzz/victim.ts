/**
 * The host under attack, with processes of its own: connections with an honest peer that must survive (the *kept* ones),
 * connections with the ghost that hang in every state, listeners, UDP sockets.
 *
 * Used by live-host.test.ts.
 */
import { ok } from 'node:assert/strict';
import { Process } from '../../src/api/posix/process.ts';
import type { Host } from '../../src/host.ts';
import type { World } from '../../src/sim/world.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { sockaddrIn, sockaddrIn6 } from '../../src/socket/sockaddr.ts';
import { PLANS, type Plan, portOf } from './ghost.ts';

export const PEER_V4 = '10.0.1.1', PEER_V6 = 'fd00:1::1';
export const VICTIM_V4 = '10.0.1.2', VICTIM_V6 = 'fd00:1::2';
/** Where kept connections end, by who opens them; and the UDP sockets: one that echoes, one that nobody reads. */
export const KEPT_PORT = 9502, ECHO_PORT = 9503, SINK_PORT = 9;
/** More descriptors than this are never held for one plan. */
const MOST_HELD = 24;
const O_NONBLOCK = 0o4000, F_SETFL = 4, MSG_DONTWAIT = 0x40, SHUT_WR = 1, SHUT_RDWR = 2, SOL_SOCKET = 1, SO_REUSEADDR = 2;

/** One end of a kept connection. */
interface KeptEnd {
  readonly process: Process;
  readonly fd: number;
}

export interface KeptConnection {
  readonly name: string;
  readonly victim: KeptEnd;
  readonly peer: KeptEnd;
}

function quiet(work: Promise<unknown>): void {
  // What an attack does to a connection with the ghost is nobody's concern.
  work.catch(() => {});
}

export class Victim {
  readonly host: Host;
  readonly process: Process;
  readonly kept: KeptConnection[] = [];
  private readonly world: World;
  private readonly peer: Process;
  private readonly held = new Map<Plan, number[]>();
  private readonly sinks: number[] = [];

  constructor(world: World, host: Host, peer: Host) {
    this.world = world;
    this.host = host;
    this.process = new Process(host, 'victim');
    this.peer = new Process(peer, 'peer');
  }

  private async listenOn(process: Process, port: number): Promise<number> {
    const fd = await process.socket(AF.INET6, SOCK.STREAM, 0);
    // Connections of an earlier listener may still be ending.
    await process.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, Uint8Array.of(1, 0, 0, 0));
    await process.bind(fd, sockaddrIn6('::', port));
    await process.listen(fd, 1000);
    return fd;
  }

  /** Opens everything that an attack shall find. */
  async open(): Promise<void> {
    for (const plan of PLANS) {
      if (plan === 'syn-sent') continue;
      const listener = await this.listenOn(this.process, portOf(plan));
      quiet(this.acceptFor(plan, listener));
    }
    const bindUdp = async (port: number): Promise<number> => {
      const fd = await this.process.socket(AF.INET6, SOCK.DGRAM, 0);
      await this.process.bind(fd, sockaddrIn6('::', port));
      return fd;
    };
    this.sinks.push(await bindUdp(SINK_PORT));
    quiet(this.echo(await bindUdp(ECHO_PORT)));
    await this.openKept();
  }

  private async openKept(): Promise<void> {
    const atVictim = await this.listenOn(this.process, KEPT_PORT);
    const atPeer = await this.listenOn(this.peer, KEPT_PORT);
    for (const [family, peerAddress, victimAddress] of [
      [AF.INET, sockaddrIn(PEER_V4, KEPT_PORT), sockaddrIn(VICTIM_V4, KEPT_PORT)],
      [AF.INET6, sockaddrIn6(PEER_V6, KEPT_PORT), sockaddrIn6(VICTIM_V6, KEPT_PORT)],
    ] as const) {
      const name = family === AF.INET ? 'IPv4' : 'IPv6';
      const fromVictim = await this.process.socket(family, SOCK.STREAM, 0);
      await this.process.connect(fromVictim, peerAddress);
      const { fd: peerEnd } = await this.peer.accept(atPeer);
      this.kept.push({ name: `${name} opened by the victim`, victim: { process: this.process, fd: fromVictim }, peer: { process: this.peer, fd: peerEnd } });
      const fromPeer = await this.peer.socket(family, SOCK.STREAM, 0);
      await this.peer.connect(fromPeer, victimAddress);
      const { fd: victimEnd } = await this.process.accept(atVictim);
      this.kept.push({ name: `${name} opened by the peer`, victim: { process: this.process, fd: victimEnd }, peer: { process: this.peer, fd: fromPeer } });
    }
    // Strangers may get in here too.
    quiet(this.acceptFor('established', atVictim));
  }

  private async acceptFor(plan: Plan, listener: number): Promise<void> {
    for (;;) {
      const { fd } = await this.process.accept(listener);
      quiet(this.hold(plan, fd));
    }
  }

  /** The host's part of a plan. */
  private async hold(plan: Plan, fd: number): Promise<void> {
    if (plan === 'time-wait') return this.process.close(fd);
    this.keep(plan, fd);
    if (plan === 'fin-wait-1' || plan === 'fin-wait-2' || plan === 'closing') await this.process.shutdown(fd, SHUT_WR);
    if (plan !== 'last-ack') return;
    const buffer = new Uint8Array(2000);
    while ((await this.process.read(fd, buffer)) > 0);
    await this.process.shutdown(fd, SHUT_WR);
  }

  private keep(plan: Plan, fd: number): void {
    const fds = this.held.get(plan) ?? [];
    this.held.set(plan, fds);
    fds.push(fd);
    if (fds.length > MOST_HELD) quiet(this.drop(fds.shift() as number));
  }

  private async drop(fd: number): Promise<void> {
    // A read in flight would hold what is closed: it ends with this.
    await this.process.shutdown(fd, SHUT_RDWR).catch(() => {});
    await this.process.close(fd).catch(() => {});
  }

  /** Begins to connect to the ghost, which never answers. */
  async connectToGhost(address: Uint8Array, family: number): Promise<void> {
    const fd = await this.process.socket(family, SOCK.STREAM, 0);
    await this.process.fcntl(fd, F_SETFL, O_NONBLOCK);
    this.keep('syn-sent', fd);
    await this.process.connect(fd, address).catch(() => {});
  }

  private async echo(fd: number): Promise<void> {
    const buffer = new Uint8Array(65536);
    for (;;) {
      const { count, address } = await this.process.recvfrom(fd, buffer, 0);
      // To port 0, or to who is not reachable: an error that is the sender's business.
      await this.process.sendto(fd, buffer.subarray(0, count), 0, address).catch(() => {});
    }
  }

  /** Closes every connection with the ghost, and empties the socket that nobody reads. */
  async letGo(): Promise<void> {
    for (const fds of this.held.values()) {
      for (const fd of fds.splice(0)) await this.drop(fd);
    }
    const buffer = new Uint8Array(65536);
    for (const fd of this.sinks) {
      for (;;) {
        const count = await this.process.recv(fd, buffer, MSG_DONTWAIT).catch(() => -1);
        if (count < 0) break;
      }
    }
  }

  /** Sends `length` bytes each way over every kept connection at once, and checks what arrives. */
  async exchange(length: number, label: string): Promise<void> {
    await Promise.all(this.kept.flatMap(({ name, victim, peer }, n) => [
      carry(victim, peer, length, n, `${label}: ${name}, towards the peer`),
      carry(peer, victim, length, n + 100, `${label}: ${name}, towards the victim`),
    ]));
  }

  /** Datagrams that go in fragments and come back, some to nobody, and back again: for the corpus, and as a last test. */
  async datagrams(lengths: readonly number[]): Promise<void> {
    for (const [family, to, back] of [
      [AF.INET, sockaddrIn(VICTIM_V4, ECHO_PORT), sockaddrIn(PEER_V4, 4)],
      [AF.INET6, sockaddrIn6(VICTIM_V6, ECHO_PORT), sockaddrIn6(PEER_V6, 4)],
    ] as const) {
      const fd = await this.peer.socket(family, SOCK.DGRAM, 0);
      const buffer = new Uint8Array(65536);
      for (const length of lengths) {
        const sent = Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 0xff);
        await this.peer.sendto(fd, sent, 0, to);
        const { count } = await this.peer.recvfrom(fd, buffer, 0);
        ok(count === length && Buffer.compare(buffer.subarray(0, count), sent) === 0, `a datagram of ${length} bytes comes back`);
      }
      await this.peer.close(fd);
      // Nobody listens at the peer's port 4: an ICMP error comes back to us.
      const from = await this.process.socket(family, SOCK.DGRAM, 0);
      await this.process.sendto(from, Uint8Array.of(1, 2, 3), 0, back);
      await this.world.sleep(10_000);
      await this.process.close(from);
    }
  }

  /** A connection that is opened, used and closed: for the corpus, and as a last test. */
  async visit(): Promise<void> {
    for (const [family, address] of [
      [AF.INET, sockaddrIn(VICTIM_V4, KEPT_PORT + 100)], [AF.INET6, sockaddrIn6(VICTIM_V6, KEPT_PORT + 100)],
    ] as const) {
      const listener = await this.listenOn(this.process, KEPT_PORT + 100);
      const fd = await this.peer.socket(family, SOCK.STREAM, 0);
      await this.peer.connect(fd, address);
      const accepted = await this.process.accept(listener);
      await carry({ process: this.peer, fd }, { process: this.process, fd: accepted.fd }, 5000, 7, 'a fresh connection');
      await this.peer.close(fd);
      await this.process.close(accepted.fd);
      await this.process.close(listener);
      await this.world.sleep(100_000);
    }
  }
}

function patternByte(salt: number, i: number): number {
  return (Math.imul(i, 31) + (i >> 8) + salt * 17) & 0xff;
}

async function carry(from: KeptEnd, to: KeptEnd, length: number, salt: number, label: string): Promise<void> {
  const bytes = Uint8Array.from({ length }, (_, i) => patternByte(salt, i));
  const send = async (): Promise<void> => {
    for (let at = 0; at < length; ) at += await from.process.write(from.fd, bytes.subarray(at));
  };
  const receive = async (): Promise<void> => {
    const buffer = new Uint8Array(65536);
    for (let at = 0; at < length; ) {
      const n = await to.process.read(to.fd, buffer.subarray(0, Math.min(buffer.length, length - at)));
      ok(n > 0, `${label}: ended after ${at} bytes`);
      for (let i = 0; i < n; i++) if (buffer[i] !== patternByte(salt, at + i)) throw new Error(`${label}: byte ${at + i} is wrong`);
      at += n;
    }
  };
  const failed = (error: Error): never => {
    throw new Error(`${label}: ${error.message}`, { cause: error });
  };
  await Promise.all([send().catch(failed), receive().catch(failed)]);
}
