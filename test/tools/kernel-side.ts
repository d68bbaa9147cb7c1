/**
 * The real Linux kernel in the place of our host: the same traces, over a TAP device, in real time. It answers what
 * Linux does, and whether a test is right:
 *
 *   ip netns add ss-judge
 *   SOCKSCAPE_TRACE_KERNEL=1 ip netns exec ss-judge node scripts/unit.mjs test/conformance -- --test-concurrency=1
 *
 * Runs only in a network namespace made for it (it changes sysctls), as root, with koffi. Traces that take long or look
 * inside our host are left out there; tcp-trace.ts says so.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import koffi from 'koffi';
import { IpAddress } from '../../src/base/inet-address.ts';
import { AF, IPPROTO, SOCK, TCP } from '../../src/socket/constants.ts';
import { answerForNeighbour } from './scripted-device.ts';
import { NotForKernel, type TraceOptions, type TraceSide } from './trace-side.ts';

const libc = koffi.load(null);
const calls = {
  ioctl: libc.func('int ioctl(int fd, unsigned long request, void *argument)'),
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  bind: libc.func('int bind(int fd, const void *address, uint length)'),
  listen: libc.func('int listen(int fd, int backlog)'),
  connect: libc.func('int connect(int fd, const void *address, uint length)'),
  accept4: libc.func('int accept4(int fd, void *address, void *length, int flags)'),
  send: libc.func('long send(int fd, const void *bytes, size_t length, int flags)'),
  recv: libc.func('long recv(int fd, void *bytes, size_t length, int flags)'),
  shutdown: libc.func('int shutdown(int fd, int how)'),
  close: libc.func('int close(int fd)'),
  setsockopt: libc.func('int setsockopt(int fd, int level, int option, const void *value, uint length)'),
  getsockopt: libc.func('int getsockopt(int fd, int level, int option, void *value, void *length)'),
  poll: libc.func('int poll(void *fds, unsigned long count, int timeoutMs)'),
  read: libc.func('long read(int fd, void *bytes, size_t length)'),
  write: libc.func('long write(int fd, const void *bytes, size_t length)'),
};

const TUNSETIFF = 0x400454ca;
const IFF_TAP_NO_PI = 0x1002;
const CONGESTION = 'net.ipv4.tcp_congestion_control';
const MSG_NOSIGNAL = 0x4000;
const POLLIN = 1;
/** How long nothing must happen before the kernel is taken to be at rest. */
const REST_MS = 3;
/** Longest wait in one trace. */
const PATIENCE_US = Number(process.env['SOCKSCAPE_TRACE_PATIENCE'] ?? 12) * 1e6;

/** Index: the numbers of include/net/tcp_states.h. */
const STATE_NAMES = [
  '', 'ESTABLISHED', 'SYN-SENT', 'SYN-RECEIVED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT', 'CLOSED', 'CLOSE-WAIT',
  'LAST-ACK', 'LISTEN', 'CLOSING', 'SYN-RECEIVED',
];

let count = 0;

function run(...words: string[]): void {
  const ended = spawnSync(words[0] as string, words.slice(1), { encoding: 'utf8' });
  if (ended.status !== 0) throw new Error(`${words.join(' ')}: ${ended.stderr}`);
}

export class KernelSide implements TraceSide {
  readonly hostAddress: IpAddress;
  readonly peerAddress: IpAddress;
  readonly macHi: number;
  readonly macLo: number;
  /** HZ of the usual kernel is 250; reading late adds a little. */
  readonly grainUs = 15_000;
  onSent: (frame: Uint8Array) => void = () => {};
  private readonly isV4: boolean;
  private readonly tap: number;
  private readonly frame = new Uint8Array(65536);
  private readonly fds = new Set<number>();
  private readonly base: Map<string, number>;
  private readonly restore: [string, string][] = [];
  /** Given to each socket: a namespace may not choose every algorithm. */
  private congestion = 'cubic';
  private waited = 0;

  constructor(options: TraceOptions) {
    this.isV4 = (options.ipVersion ?? 4) === 4;
    const n = ++count;
    const name = `tap${process.pid % 10000}-${n}`;
    this.tap = openSync('/dev/net/tun', 'r+');
    const request = new Uint8Array(40);
    request.set(new TextEncoder().encode(name));
    new DataView(request.buffer).setUint16(16, IFF_TAP_NO_PI, true);
    if ((calls.ioctl(this.tap, TUNSETIFF, request) as number) < 0) throw new Error('TUNSETIFF failed');
    const net = (process.pid * 7 + n) % 60000;
    const prefix4 = `10.${100 + (net >> 8) % 150}.${net & 0xff}`;
    const prefix6 = `fd00:${(process.pid % 65536).toString(16)}:${n.toString(16)}::`;
    this.hostAddress = IpAddress.from(this.isV4 ? `${prefix4}.1` : `${prefix6}1`);
    this.peerAddress = IpAddress.from(this.isV4 ? `${prefix4}.2` : `${prefix6}2`);
    run('ip', 'address', 'add', `${this.hostAddress}/${this.isV4 ? 24 : 64}`, 'dev', name, ...(this.isV4 ? [] : ['nodad']));
    run('ip', 'link', 'set', 'dev', name, 'mtu', String(options.mtu ?? 1500), 'up');
    const mac = readFileSync(`/sys/class/net/${name}/address`, 'utf8').trim().split(':').map((byte) => Number.parseInt(byte, 16));
    this.macHi = ((mac[0] as number) << 8) | (mac[1] as number);
    this.macLo = ((mac[2] as number) << 24) | ((mac[3] as number) << 16) | ((mac[4] as number) << 8) | (mac[5] as number);
    this.set('net.ipv4.tcp_no_metrics_save', 1);
    for (const [key, value] of Object.entries(options.sysctl ?? {})) {
      if (key === CONGESTION) this.congestion = String(value);
      else this.set(key, value);
    }
    this.base = readCounters();
  }

  private set(name: string, value: string | number): void {
    const path = name.replaceAll('.', '/');
    const old = spawnSync('sysctl', ['-n', name], { encoding: 'utf8' }).stdout.trim();
    this.restore.push([name, old]);
    run('sysctl', '-q', '-w', `${path}=${value}`);
  }

  now(): number {
    return Number(process.hrtime.bigint() / 1000n);
  }

  private readable(timeoutMs: number): boolean {
    const entry = new Uint8Array(8);
    const view = new DataView(entry.buffer);
    view.setInt32(0, this.tap, true);
    view.setInt16(4, POLLIN, true);
    return (calls.poll(entry, 1, timeoutMs) as number) > 0;
  }

  /** Reads one frame and hands it on; a question for a neighbour is answered. */
  private take(): void {
    const n = calls.read(this.tap, this.frame, this.frame.length) as number;
    if (n <= 0) return;
    const bytes = this.frame.slice(0, n);
    const answer = answerForNeighbour(bytes, this.macHi, this.macLo);
    if (answer === 'none') this.onSent(bytes);
    else if (answer !== null) calls.write(this.tap, answer, answer.length);
  }

  stepTowards(until: number): boolean {
    for (;;) {
      const left = until - this.now();
      if (left <= 0) return false;
      if (left + this.waited > PATIENCE_US) throw new NotForKernel(`waits ${Math.round(left / 1e6)} s`);
      const from = this.now();
      const readable = this.readable(Math.max(1, Math.floor(left / 1000)));
      this.waited += this.now() - from;
      if (readable) {
        this.take();
        return true;
      }
    }
  }

  settle(): void {
    while (this.readable(REST_MS)) this.take();
  }

  inject(frame: Uint8Array): void {
    calls.write(this.tap, frame, frame.length);
  }

  end(): void {
    for (const fd of this.fds) calls.close(fd);
    this.fds.clear();
    closeSync(this.tap);
    for (const [name, value] of this.restore.reverse()) run('sysctl', '-q', '-w', `${name}=${value}`);
    this.restore.length = 0;
  }

  private result(value: number): number {
    return value < 0 ? -koffi.errno() : value;
  }

  socket(blocking: boolean): number {
    if (blocking) throw new NotForKernel('blocks');
    const fd = this.result(calls.socket(this.isV4 ? AF.INET : AF.INET6, SOCK.STREAM | SOCK.NONBLOCK, 0) as number);
    if (fd >= 0) {
      this.fds.add(fd);
      this.setOption(fd, IPPROTO.TCP, TCP.CONGESTION, new TextEncoder().encode(this.congestion));
    }
    return fd;
  }

  bind(fd: number, address: Uint8Array): number {
    return this.result(calls.bind(fd, address, address.length) as number);
  }

  listen(fd: number, backlog: number): number {
    return this.result(calls.listen(fd, backlog) as number);
  }

  connect(fd: number, address: Uint8Array): number {
    return this.result(calls.connect(fd, address, address.length) as number);
  }

  accept(fd: number): number {
    const accepted = this.result(calls.accept4(fd, null, null, SOCK.NONBLOCK) as number);
    if (accepted >= 0) this.fds.add(accepted);
    return accepted;
  }

  send(fd: number, bytes: Uint8Array, flags: number): number {
    return this.result(calls.send(fd, bytes, bytes.length, flags | MSG_NOSIGNAL) as number);
  }

  receive(fd: number, into: Uint8Array, flags: number): number {
    return this.result(calls.recv(fd, into, into.length, flags) as number);
  }

  shutdown(fd: number, how: number): number {
    return this.result(calls.shutdown(fd, how) as number);
  }

  close(fd: number): number {
    this.fds.delete(fd);
    return this.result(calls.close(fd) as number);
  }

  setOption(fd: number, level: number, option: number, value: Uint8Array): number {
    return this.result(calls.setsockopt(fd, level, option, value, value.length) as number);
  }

  getOption(fd: number, level: number, option: number, length: number): Uint8Array | number {
    const value = new Uint8Array(length);
    const size = Uint32Array.of(length);
    const result = this.result(calls.getsockopt(fd, level, option, value, new Uint8Array(size.buffer)) as number);
    return result < 0 ? result : value.subarray(0, size[0]);
  }

  readiness(fd: number): number {
    const entry = new Uint8Array(8);
    const view = new DataView(entry.buffer);
    view.setInt32(0, fd, true);
    view.setInt16(4, 0x207f, true);
    calls.poll(entry, 1, 0);
    return view.getUint16(6, true);
  }

  state(hostPort: number, peerPort: number): string {
    const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
    const lines = readFileSync(this.isV4 ? '/proc/self/net/tcp' : '/proc/self/net/tcp6', 'utf8').split('\n').slice(1);
    const mine = procAddress(this.hostAddress);
    let listening = false;
    for (const line of lines) {
      const [, local, remote, state] = line.trim().split(/\s+/);
      if (local !== `${mine}:${hex(hostPort)}`) continue;
      const name = STATE_NAMES[Number.parseInt(state as string, 16)] as string;
      if (name === 'LISTEN') listening = true;
      else if ((remote as string).endsWith(`:${hex(peerPort)}`)) return name;
    }
    return listening ? 'LISTEN' : 'CLOSED';
  }

  sysctl(name: string, value: string | number): void {
    this.set(name, value);
  }

  counter(name: string): number {
    return (readCounters().get(name) ?? 0) - (this.base.get(name) ?? 0);
  }
}

/** An address as /proc/net/tcp prints it: words in host order. */
function procAddress(address: IpAddress): string {
  const bytes = address.toBytes();
  let text = '';
  for (let i = 0; i < bytes.length; i += 4) {
    for (let j = 3; j >= 0; j--) text += (bytes[i + j] as number).toString(16).padStart(2, '0').toUpperCase();
  }
  return text;
}

/** Counters under nstat's names. */
function readCounters(): Map<string, number> {
  const found = new Map<string, number>();
  for (const file of ['/proc/self/net/snmp', '/proc/self/net/netstat']) {
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const names = (lines[i] as string).split(' ');
      const values = (lines[i + 1] as string).split(' ');
      const prefix = (names[0] as string).slice(0, -1);
      names.slice(1).forEach((name, at) => found.set(prefix + name, Number(values[at + 1])));
    }
  }
  return found;
}
