/**
 * Arguments that nobody would give: socket addresses, control data, option values and BPF programs, mutated and invented, on
 * sockets of every kind. Each call ends with a result or an errno, never with another exception; nothing stays behind; and
 * the host works afterwards as before.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { Process } from '../../src/api/posix/process.ts';
import type { SystemError } from '../../src/api/posix/syscalls.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Code } from '../../src/bpf/instruction.ts';
import { SIG_IGN } from '../../src/api/posix/constants.ts';
import { simulate } from '../../src/entry/sim.node.ts';
import type { Host } from '../../src/host.ts';
import { Signal } from '../../src/kernel/signal-numbers.ts';
import { controlMessage } from '../../src/socket/control.ts';
import { AF, F, IOCTL, IP, IPPROTO, IPV6, O, PACKET, SO, SOCK, SOL, TCP } from '../../src/socket/constants.ts';
import { sockaddrIn, sockaddrIn6, sockaddrUn } from '../../src/socket/sockaddr.ts';
import { Msg } from '../../src/transport/endpoint.ts';
import { isFull, recordResult, seed } from '../results.ts';
import { Draw } from '../tools/packet-bytes.ts';

const CALLS = isFull ? 1_000_000 : 40_000;
/** Calls of one process; then it ends, and another one begins. */
const CALLS_PER_PROCESS = 1000;

const KINDS: readonly (readonly [domain: number, type: number, protocol: number])[] = [
  [AF.INET, SOCK.STREAM, 0], [AF.INET6, SOCK.STREAM, 0], [AF.INET, SOCK.DGRAM, 0], [AF.INET6, SOCK.DGRAM, 0], [AF.UNIX, SOCK.STREAM, 0],
  [AF.UNIX, SOCK.DGRAM, 0], [AF.UNIX, SOCK.SEQPACKET, 0], [AF.INET, SOCK.RAW, IPPROTO.UDP], [AF.INET, SOCK.RAW, IPPROTO.RAW],
  [AF.INET6, SOCK.RAW, IPPROTO.ICMPV6], [AF.PACKET, SOCK.RAW, 0x0300], [AF.PACKET, SOCK.DGRAM, 0x0008],
];
const ADDRESSES: readonly Uint8Array[] = [
  sockaddrIn('127.0.0.1', 5000), sockaddrIn('0.0.0.0', 5001), sockaddrIn('224.0.0.1', 5000), sockaddrIn('255.255.255.255', 1),
  sockaddrIn('10.0.1.2', 53), sockaddrIn6('::1', 5000), sockaddrIn6('::', 5001), sockaddrIn6('ff02::1', 5000),
  sockaddrIn6('::ffff:127.0.0.1', 5000), sockaddrIn6('fe80::1', 5000), sockaddrUn('\0a'), sockaddrUn('/tmp/s'), sockaddrUn(''),
  sockaddrUn(`/tmp/${'x'.repeat(100)}`), Uint8Array.of(17, 0, 8, 0, 1, 0, 0, 0, 1, 0, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0),
];
const LEVELS: readonly (readonly [level: number, options: readonly number[]])[] = [
  [SOL.SOCKET, Object.values(SO)], [IPPROTO.IP, Object.values(IP)], [IPPROTO.IPV6, Object.values(IPV6)], [IPPROTO.TCP, Object.values(TCP)],
  [SOL.PACKET, Object.values(PACKET)], [IPPROTO.UDP, [1, 100, 101, 102, 103, 104]], [SOL.RAW, [1, 2]], [IPPROTO.ICMPV6, [1, 7]],
];
const CODES: readonly number[] = Object.values(Code);
const INTS = [0, 1, -1, 2, 4, 7, 8, 16, 40, 255, 256, 1500, 65535, 65536, 0x7fffffff, -0x80000000];
const MESSAGES: readonly (readonly [level: number, type: number, length: number])[] = [
  [SOL.SOCKET, 1, 4], [SOL.SOCKET, 1, 40], [SOL.SOCKET, 2, 12], [IPPROTO.IP, IP.PKTINFO, 12], [IPPROTO.IP, IP.TTL, 4], [IPPROTO.IP, IP.TOS, 4],
  [IPPROTO.IPV6, IPV6.PKTINFO, 20], [IPPROTO.IPV6, IPV6.HOPLIMIT, 4], [IPPROTO.IPV6, IPV6.TCLASS, 4], [IPPROTO.UDP, 103, 2], [SOL.SOCKET, 36, 4],
];

class Fuzz {
  readonly counts = new Map<string, number>();
  private readonly draw: Draw;
  private readonly process: Process;
  private readonly fds: number[] = [];
  private readonly packets: number[] = [];
  private last = '';

  constructor(process: Process, draw: Draw) {
    this.process = process;
    this.draw = draw;
  }

  async open(): Promise<void> {
    const { process } = this;
    await process.sigaction(Signal.SIGPIPE, { handler: SIG_IGN });
    for (const [domain, type, protocol] of KINDS) {
      this.fds.push(await process.socket(domain, type | SOCK.NONBLOCK, protocol), await process.socket(domain, type | SOCK.NONBLOCK, protocol));
    }
    this.packets.push(...this.fds.slice(-4));
    for (const type of [SOCK.STREAM, SOCK.DGRAM, SOCK.SEQPACKET]) this.fds.push(...(await process.socketpair(AF.UNIX, type | SOCK.NONBLOCK, 0)));
  }

  private int(): number {
    const { draw } = this;
    return draw.chance(0.6) ? draw.pick(INTS) : draw.int(0, 0xffffffff) | 0;
  }

  private mutated(from: Uint8Array): Uint8Array {
    const { draw } = this;
    if (draw.chance(0.3)) return from;
    if (draw.chance(0.1)) return Uint8Array.from(draw.bytes(draw.int(0, 140)));
    const longer = new Uint8Array(Math.max(0, from.length + draw.pick([0, 0, 0, -1, -4, -12, 1, 4, 100])));
    longer.set(from.subarray(0, longer.length));
    for (let i = draw.int(0, 3); i > 0 && longer.length > 0; i--) longer[draw.int(0, longer.length - 1)] = draw.pick([0, 1, 2, 10, 17, 127, 224, 255]);
    return longer;
  }

  private address(): Uint8Array {
    return this.mutated(this.draw.pick(ADDRESSES));
  }

  private control(): Uint8Array {
    const { draw } = this;
    const parts = Array.from({ length: draw.int(1, 3) }, () => {
      const [level, type, length] = draw.pick(MESSAGES);
      const data = new Uint8Array(Math.max(0, length + draw.pick([0, 0, 0, 0, -1, -4, 1, 4, 1020])));
      const view = new DataView(data.buffer);
      for (let at = 0; at + 4 <= data.length; at += 4) view.setInt32(at, draw.chance(0.5) ? draw.pick(this.fds) : this.int(), true);
      const message = controlMessage(level, type, data);
      // What it says of its own length.
      if (draw.chance(0.2)) new DataView(message.buffer, message.byteOffset).setInt32(0, this.int(), true);
      return message;
    });
    const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return this.mutated(all);
  }

  private bpf(): Uint8Array {
    const { draw } = this;
    const length = draw.pick([0, 1, 2, 3, 5, 10, 30, 4096, 4097].slice(0, draw.chance(0.98) ? 7 : 9));
    const bytes = new Uint8Array(length * 8 + draw.pick([0, 0, 0, 0, 1, 7]));
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < length; i++) {
      view.setUint16(i * 8, draw.chance(0.9) ? draw.pick(CODES) : draw.int(0, 0xffff), true);
      bytes[i * 8 + 2] = draw.chance(0.9) ? draw.int(0, 3) : draw.int(0, 255);
      bytes[i * 8 + 3] = draw.chance(0.9) ? draw.int(0, 3) : draw.int(0, 255);
      view.setInt32(i * 8 + 4, draw.chance(0.6) ? draw.int(0, 16) : this.int(), true);
    }
    if (length > 0 && draw.chance(0.7)) view.setUint16((length - 1) * 8, 0x06, true);
    return bytes;
  }

  private value(): Uint8Array {
    const { draw } = this;
    const bytes = new Uint8Array(draw.pick([4, 4, 4, 4, 0, 1, 2, 3, 8, 12, 16, 20, 32, 136]));
    const view = new DataView(bytes.buffer);
    for (let at = 0; at + 4 <= bytes.length; at += 4) view.setInt32(at, this.int(), true);
    if (bytes.length < 4) bytes.fill(draw.int(0, 255));
    return bytes;
  }

  private option(): readonly [level: number, option: number] {
    const { draw } = this;
    const [level, options] = draw.pick(LEVELS);
    return draw.chance(0.95) ? [level, draw.pick(options)] : [this.int(), this.int()];
  }

  /** One call, and what kind of data it was about. */
  private make(): [what: string, call: Promise<unknown>] {
    const { draw, process } = this;
    const fd = draw.chance(0.98) ? draw.pick(this.fds) : this.int();
    const data = new Uint8Array(draw.pick([0, 1, 8, 20, 40, 100, 1500]));
    const flags = draw.chance(0.7) ? Msg.DONTWAIT : (this.int() & 0x7ffffff) | Msg.DONTWAIT;
    const remember = (text: string): void => {
      this.last = `${text} on ${fd}`;
    };
    switch (draw.int(0, 15)) {
      case 0: case 1: {
        const address = this.address();
        remember(`bind ${address}`);
        return ['sockaddr', process.bind(fd, address)];
      }
      case 2: {
        const address = this.address();
        remember(`connect ${address}`);
        return ['sockaddr', process.connect(fd, address)];
      }
      case 3: {
        const address = this.address();
        remember(`sendto ${address} ${data.length} bytes flags ${flags}`);
        return ['sockaddr', process.sendto(fd, data, flags, address)];
      }
      case 4: case 5: case 6: {
        const control = this.control();
        const name = draw.chance(0.5) ? this.address() : null;
        remember(`sendmsg ${name} control ${control} flags ${flags}`);
        return ['control data', process.sendmsg(fd, { iov: [data], control, name }, flags)];
      }
      case 7: {
        const room = draw.chance(0.9) ? draw.int(0, 200) : Math.abs(this.int() % 100_000);
        remember(`recvmsg ${room} flags ${flags}`);
        return ['control data', process.recvmsg(fd, [data], flags, draw.int(0, 140), room).then(({ control }) => this.closeReceived(control))];
      }
      case 8: case 9: case 10: {
        const [level, option] = this.option();
        const value = this.value();
        remember(`setsockopt ${level} ${option} ${value}`);
        return ['option values', process.setsockopt(fd, level, option, value)];
      }
      case 11: case 12: {
        const [level, option] = this.option();
        const length = draw.chance(0.9) ? draw.int(0, 40) : Math.min(this.int(), 100_000);
        remember(`getsockopt ${level} ${option} ${length}`);
        return ['option values', process.getsockopt(fd, level, option, length)];
      }
      case 13: {
        const program = this.bpf();
        const packet = draw.chance(0.8) ? draw.pick(this.packets) : fd;
        remember(`SO_ATTACH_FILTER ${program.subarray(0, 400)}`);
        return ['BPF programs', process.setsockopt(packet, SOL.SOCKET, SO.ATTACH_FILTER, program)];
      }
      case 14: {
        const request = draw.chance(0.7) ? draw.pick(Object.values(IOCTL)) : this.int();
        remember(`ioctl ${request}`);
        // FIONBIO would make it wait.
        return ['others', process.ioctl(fd, request).then(() => process.fcntl(fd, F.SETFL, O.NONBLOCK))];
      }
      default: {
        remember('listen, accept');
        if (draw.chance(0.5)) return ['others', process.listen(fd, this.int())];
        return ['others', process.accept4(fd, SOCK.NONBLOCK).then(({ fd: accepted }) => process.close(accepted))];
      }
    }
  }

  private async closeReceived(control: Uint8Array): Promise<void> {
    const view = new DataView(control.buffer, control.byteOffset, control.length);
    if (control.length < 20 || view.getInt32(8, true) !== SOL.SOCKET || view.getInt32(12, true) !== 1) return;
    const end = Math.min(control.length, view.getUint32(0, true));
    for (let at = 16; at + 4 <= end; at += 4) await this.process.close(view.getInt32(at, true));
  }

  async step(): Promise<void> {
    const [what, call] = this.make();
    let outcome = 'ok';
    try {
      // Nothing waits here: every socket is O_NONBLOCK, or the flags say so.
      await call;
    } catch (error) {
      const { code, errno } = error as SystemError;
      if (typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code) || !(errno < 0)) throw new Error(`${this.last}: ${(error as Error).stack}`);
      outcome = code;
    }
    const key = `${what} ${outcome}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }
}

/** Does the host still do what hosts do? */
async function works(host: Host, round: number): Promise<void> {
  const process = new Process(host, 'sound');
  const listener = await process.socket(AF.INET, SOCK.STREAM, 0);
  await process.setsockopt(listener, SOL.SOCKET, SO.REUSEADDR, Uint8Array.of(1, 0, 0, 0));
  await process.bind(listener, sockaddrIn('127.0.0.1', 20_000 + (round % 10_000)));
  await process.listen(listener, 5);
  const client = await process.socket(AF.INET, SOCK.STREAM, 0);
  await process.connect(client, await process.getsockname(listener));
  const { fd } = await process.accept(listener);
  await process.send(client, Uint8Array.of(1, 2, 3), 0);
  const buffer = new Uint8Array(8);
  equal(await process.recv(fd, buffer, 0), 3);
  const [one, other] = await process.socketpair(AF.UNIX, SOCK.DGRAM, 0);
  await process.send(one, Uint8Array.of(9), 0);
  equal(await process.recv(other, buffer, 0), 1);
  process.exit();
}

test(`${CALLS} calls with fuzzed addresses, control data, options and programs, seed ${seed}`, { timeout: 3_600_000 }, async (t) => {
  const counts = new Map<string, number>();
  await simulate({ seed }, async (world) => {
    const host = world.host('a');
    world.cable(host, world.host('b'));
    const draw = new Draw(new SeededRandom(`calls ${seed}`));
    for (let round = 0; round * CALLS_PER_PROCESS < CALLS; round++) {
      const process = new Process(host, 'fuzz');
      const fuzz = new Fuzz(process, draw);
      await fuzz.open();
      try {
        for (let i = 0; i < CALLS_PER_PROCESS; i++) await fuzz.step();
      } catch (error) {
        throw new Error(`round ${round}: ${(error as Error).message}`, { cause: error });
      }
      process.exit();
      for (const [key, count] of fuzz.counts) counts.set(key, (counts.get(key) ?? 0) + count);
      if (round % 10 === 9) await works(host, round);
    }
    // Whatever connections there were have come to their end after this.
    await world.sleep(3600e6);
    await works(host, 0);
    await world.sleep(3600e6);
    deepEqual(world.leftovers(), []);
  });
  const kinds = new Map<string, { ok: number; errors: Set<string> }>();
  for (const [key, count] of counts) {
    const [, what, outcome] = /^(.*) (\S+)$/.exec(key) as unknown as [string, string, string];
    const kind = kinds.get(what) ?? { ok: 0, errors: new Set<string>() };
    kinds.set(what, kind);
    if (outcome === 'ok') kind.ok += count;
    else kind.errors.add(outcome);
  }
  t.diagnostic([...counts].sort().map(([key, count]) => `${key} ${count}`).join(', '));
  for (const [what, { ok: successes, errors }] of kinds) {
    ok(successes > CALLS / 1000, `${what}: ${successes} successes`);
    ok(errors.size >= (what === 'BPF programs' ? 2 : 5), `${what}: ${[...errors]}`);
  }
  recordResult('fuzzed-calls', { calls: CALLS, outcomes: Object.fromEntries([...counts].sort()) });
});
