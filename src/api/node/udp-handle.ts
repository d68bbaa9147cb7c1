/**
 * UDP below Node's dgram: libuv's uv_udp_t (what `udp_wrap.UDP` wraps) over our sockets. No C++ stands on it, so it is no
 * StreamBase.
 */
import { AsyncResource } from 'node:async_hooks';
import { Errno } from '../../base/errno.ts';
import { IpAddress } from '../../base/inet-address.ts';
import { Poll } from '../../base/wait-queue.ts';
import { AF, IP, IPPROTO, IPV6, MCAST, SO, SOCK, SOL } from '../../socket/constants.ts';
import { intBytes } from '../../socket/option-bytes.ts';
import { sockaddrIn, sockaddrIn6 } from '../../socket/sockaddr.ts';
import { binding } from './bindings.ts';
import { runWhenClosing } from './closing.ts';
import { DescriptorNumber, descriptorOf } from './descriptor-numbers.ts';
import { HandleWaiter } from './handle-events.ts';
import { HandleLife } from './handle-life.ts';
import type { HandleEvent, NodeProgram, ProgramPart } from './node-program.ts';
import type { Watched } from './program-kernel.ts';
import { interfaceIndex, ip4, ip6, type NodeAddress, tellAddress } from './socket-address.ts';

const { constants } = binding('udp_wrap');
const IPV6ONLY = constants['UV_UDP_IPV6ONLY'] ?? 1;
const REUSEADDR = constants['UV_UDP_REUSEADDR'] ?? 4;
const REUSEPORT = constants['UV_UDP_REUSEPORT'] ?? 8;

const DATAGRAM_BYTES = 65536;
const incoming = Buffer.allocUnsafeSlow(DATAGRAM_BYTES);
const AF_UNSPEC_NAME = new Uint8Array(16);

interface SendRequest {
  /** Not there when nobody waits for it. */
  oncomplete?(status: number, sent: number): void;
}

/** Node's own option: every datagram takes the way of those that find no room. */
const alwaysQueues = process.execArgv.includes('--test-udp-no-try-send');

/** The bytes of any view: dgram hands on what it was given. */
function bytesOf(view: ArrayBufferView): Uint8Array {
  return view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

class PendingSend {
  readonly request: SendRequest;
  readonly bytes: Uint8Array;
  readonly to: Uint8Array | null;
  status = 0;

  constructor(request: SendRequest, bytes: Uint8Array, to: Uint8Array | null) {
    this.request = request;
    this.bytes = bytes;
    this.to = to;
  }
}

export class UdpHandle implements HandleEvent, ProgramPart {
  readonly program: NodeProgram;
  onmessage: ((count: number, handle: object, bytes: Buffer | undefined, from: NodeAddress | undefined) => void) | undefined;
  /** The object that dgram.js has in its hand: this one, or Node's own handle that it stands for (in-place.ts). */
  face: Pick<UdpHandle, 'onmessage'> = this;
  private readonly scope: AsyncResource;
  private readonly waiter: HandleWaiter = new HandleWaiter(this);
  private readonly sends: PendingSend[] = [];
  private descriptor = -1;
  private fdNumber: DescriptorNumber | null = null;
  private family: number = AF.UNSPEC;
  private isReceiving = false;
  private isOver = false;
  private isQueued = false;
  private readonly life: HandleLife;

  constructor(program: NodeProgram) {
    this.program = program;
    this.life = new HandleLife(program);
    this.scope = program.run(() => new AsyncResource('UDPWRAP', { requireManualDestroy: true }));
    program.adopt(this);
  }

  getAsyncId(): number {
    return this.scope.asyncId();
  }

  getProviderType(): string {
    return 'UDPWRAP';
  }

  /** A number by which `open` and Node know this socket; -EBADF while there is none. */
  get fd(): number {
    if (this.descriptor < 0) return -Errno.EBADF;
    this.fdNumber ??= DescriptorNumber.of(this.program, this.descriptor, 'UDP');
    return this.fdNumber.number;
  }

  /** The descriptor among those of the program; -1 while there is none. */
  get kernelDescriptor(): number {
    return this.descriptor;
  }

  open(number: number): number {
    const descriptor = descriptorOf(this.program, number);
    const name = this.program.kernel.localName(descriptor);
    if (typeof name === 'number') return name;
    this.plug(descriptor, (name[0] as number) === AF.INET6 ? AF.INET6 : AF.INET);
    return 0;
  }

  bind(address: string, port: number, flags = 0): number {
    return this.bindTo(AF.INET, ip4(address, port >>> 0), flags);
  }

  bind6(address: string, port: number, flags = 0): number {
    return this.bindTo(AF.INET6, ip6(this.program, address, port >>> 0), flags);
  }

  private bindTo(family: number, name: Uint8Array | number, flags: number): number {
    if (typeof name === 'number') return name;
    if ((flags & ~(IPV6ONLY | REUSEADDR | REUSEPORT)) !== 0) return -Errno.EINVAL;
    if ((flags & IPV6ONLY) !== 0 && family !== AF.INET6) return -Errno.EINVAL;
    const bad = this.ensureSocket(family);
    if (bad < 0) return bad;
    if ((flags & REUSEADDR) !== 0) this.set(SOL.SOCKET, SO.REUSEADDR, 1);
    if ((flags & REUSEPORT) !== 0) this.set(SOL.SOCKET, SO.REUSEPORT, 1);
    if ((flags & IPV6ONLY) !== 0) this.set(IPPROTO.IPV6, IPV6.V6ONLY, 1);
    const result = this.program.kernel.bind(this.descriptor, name);
    return result === -Errno.EAFNOSUPPORT ? -Errno.EINVAL : result;
  }

  connect(address: string, port: number): number {
    return this.connectTo(AF.INET, ip4(address, port));
  }

  connect6(address: string, port: number): number {
    return this.connectTo(AF.INET6, ip6(this.program, address, port));
  }

  private connectTo(family: number, name: Uint8Array | number): number {
    if (typeof name === 'number') return name;
    const bad = this.ensureBound(family);
    return bad < 0 ? bad : this.program.kernel.connect(this.descriptor, name);
  }

  disconnect(): number {
    return this.descriptor < 0 ? -Errno.ENOTCONN : this.program.kernel.connect(this.descriptor, AF_UNSPEC_NAME);
  }

  // Sending: a positive count of bytes plus one when all is sent already, 0 when the request's end comes later, or a negative errno.

  send(request: SendRequest, list: readonly ArrayBufferView[], count: number, ...rest: unknown[]): number {
    return this.sendList(AF.INET, request, list, count, rest);
  }

  send6(request: SendRequest, list: readonly ArrayBufferView[], count: number, ...rest: unknown[]): number {
    return this.sendList(AF.INET6, request, list, count, rest);
  }

  /** `rest` is port, address and whether there is a callback; of a connected socket the last alone. */
  private sendList(family: number, request: SendRequest, list: readonly ArrayBufferView[], count: number, rest: unknown[]): number {
    let to: Uint8Array | null = null;
    if (rest.length >= 3) {
      const [port, address] = rest as [number, string];
      const name = family === AF.INET ? ip4(address, port) : ip6(this.program, address, port);
      if (typeof name === 'number') return name;
      to = name;
    }
    const bad = this.ensureBound(family);
    if (bad < 0) return bad;
    const parts = list.slice(0, count).map(bytesOf);
    const bytes = count === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
    const hasCallback = rest[rest.length - 1] === true;
    const n = this.sends.length > 0 || alwaysQueues ? -Errno.EAGAIN : this.trySend(bytes, to);
    if (n >= 0) return n + 1;
    // uv_udp_try_send says why it failed; only for want of room does the request wait.
    if (n !== -Errno.EAGAIN && n !== -Errno.ENOBUFS) return n;
    const pending = new PendingSend(request, hasCallback ? bytes : Buffer.from(bytes), to);
    this.sends.push(pending);
    this.live();
    if (alwaysQueues) this.look();
    return 0;
  }

  private trySend(bytes: Uint8Array, to: Uint8Array | null): number {
    const { kernel } = this.program;
    if (to === null) return kernel.send(this.descriptor, bytes, 0, bytes.length);
    return kernel.sendTo(this.descriptor, bytes, 0, bytes.length, to);
  }

  getSendQueueSize(): number {
    return this.sends.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  getSendQueueCount(): number {
    return this.sends.length;
  }

  // Receiving.

  recvStart(): number {
    if (this.isOver) return -Errno.EINVAL;
    if (this.isReceiving) return -Errno.EALREADY;
    const bad = this.ensureBound(AF.INET);
    if (bad < 0) return bad;
    this.isReceiving = true;
    this.live();
    this.look();
    return 0;
  }

  recvStop(): number {
    this.isReceiving = false;
    this.live();
    return 0;
  }

  look(): void {
    if (this.isOver || this.isQueued || this.descriptor < 0 || !this.hasWork()) return;
    this.isQueued = true;
    this.program.later(this);
  }

  private hasWork(): boolean {
    const { watched } = this;
    // Another handle of the same descriptor has closed it.
    if (watched === null) return false;
    const ready = watched.readiness();
    if (this.isReceiving && (ready & (Poll.IN | Poll.ERR)) !== 0) return true;
    return this.sends.length > 0 && (ready & (Poll.OUT | Poll.ERR)) !== 0;
  }

  private get watched(): Watched | null {
    return this.program.kernel.watched(this.descriptor);
  }

  runEvent(): void {
    this.isQueued = false;
    if (this.isOver || this.descriptor < 0) return;
    try {
      if (!this.sendOne()) this.receiveOne();
    } finally {
      this.look();
    }
  }

  private sendOne(): boolean {
    const first = this.sends[0];
    if (first === undefined) return false;
    const n = this.trySend(first.bytes, first.to);
    if (n === -Errno.EAGAIN || n === -Errno.ENOBUFS) return false;
    this.sends.shift();
    this.live();
    this.scope.runInAsyncScope(() => first.request.oncomplete?.(Math.min(n, 0), first.bytes.length));
    return true;
  }

  private receiveOne(): void {
    if (!this.isReceiving) return;
    const { kernel } = this.program;
    const n = kernel.receive(this.descriptor, incoming, 0, DATAGRAM_BYTES);
    if (n === -Errno.EAGAIN) return;
    const from: NodeAddress & { size?: number } = {};
    if (n >= 0) {
      tellAddress(this.program, kernel.source(this.descriptor), from);
      from.size = n;
    }
    const bytes = n >= 0 ? Buffer.from(incoming.subarray(0, n)) : undefined;
    this.scope.runInAsyncScope(() => this.face.onmessage?.(n, this.face, bytes, n >= 0 ? from : undefined));
  }

  // Options.

  setBroadcast(on: number): number {
    return this.set(SOL.SOCKET, SO.BROADCAST, on);
  }

  setTTL(ttl: number): number {
    if (ttl < 1 || ttl > 255) return -Errno.EINVAL;
    return this.family === AF.INET6 ? this.set(IPPROTO.IPV6, IPV6.UNICAST_HOPS, ttl) : this.set(IPPROTO.IP, IP.TTL, ttl);
  }

  setMulticastTTL(ttl: number): number {
    return this.family === AF.INET6 ? this.set(IPPROTO.IPV6, IPV6.MULTICAST_HOPS, ttl) : this.set(IPPROTO.IP, IP.MULTICAST_TTL, ttl);
  }

  setMulticastLoopback(on: number): number {
    return this.family === AF.INET6 ? this.set(IPPROTO.IPV6, IPV6.MULTICAST_LOOP, on) : this.set(IPPROTO.IP, IP.MULTICAST_LOOP, on);
  }

  setMulticastInterface(address: string): number {
    if (this.descriptor < 0) return -Errno.EBADF;
    if (this.family === AF.INET6) {
      const name = ip6(this.program, address, 0);
      if (typeof name === 'number') return name;
      return this.setBytes(IPPROTO.IPV6, IPV6.MULTICAST_IF, name.subarray(24, 28));
    }
    const name = ip4(address, 0);
    return typeof name === 'number' ? name : this.setBytes(IPPROTO.IP, IP.MULTICAST_IF, name.subarray(4, 8));
  }

  addMembership(group: string, device: string | undefined): number {
    return this.member(group, device, true);
  }

  dropMembership(group: string, device: string | undefined): number {
    return this.member(group, device, false);
  }

  private member(group: string, device: string | undefined, joins: boolean): number {
    const ip = IpAddress.parse(group);
    if (ip === null) return -Errno.EINVAL;
    const bad = this.ensureBound(ip.isV4 ? AF.INET : AF.INET6);
    if (bad < 0) return bad;
    if (ip.isV4) {
      const local = ip4(device ?? '0.0.0.0', 0);
      if (typeof local === 'number') return local;
      const request = Buffer.concat([sockaddrIn(ip, 0).subarray(4, 8), local.subarray(4, 8)]);
      return this.setBytes(IPPROTO.IP, joins ? IP.ADD_MEMBERSHIP : IP.DROP_MEMBERSHIP, request);
    }
    const index = this.indexOf(device);
    if (index < 0) return index;
    const request = Buffer.concat([sockaddrIn6(ip, 0).subarray(8, 24), intBytes(index, 4)]);
    return this.setBytes(IPPROTO.IPV6, joins ? IPV6.ADD_MEMBERSHIP : IPV6.DROP_MEMBERSHIP, request);
  }

  /** The interface of an IPv6 membership: named by its zone (`::%eth0`), 0 for the kernel's choice. */
  private indexOf(device: string | undefined): number {
    if (device === undefined) return 0;
    const zone = device.split('%')[1];
    if (zone !== undefined) return interfaceIndex(this.program, zone) ?? (/^\d+$/.test(zone) ? Number(zone) : -Errno.ENODEV);
    const name = ip6(this.program, device, 0);
    return typeof name === 'number' ? name : 0;
  }

  addSourceSpecificMembership(source: string, group: string, device: string | undefined): number {
    return this.sourceMember(source, group, device, true);
  }

  dropSourceSpecificMembership(source: string, group: string, device: string | undefined): number {
    return this.sourceMember(source, group, device, false);
  }

  private sourceMember(source: string, group: string, device: string | undefined, joins: boolean): number {
    const from = IpAddress.parse(source);
    const to = IpAddress.parse(group);
    if (from === null || to === null || from.isV4 !== to.isV4) return -Errno.EINVAL;
    const bad = this.ensureBound(to.isV4 ? AF.INET : AF.INET6);
    if (bad < 0) return bad;
    if (to.isV4) {
      const local = ip4(device ?? '0.0.0.0', 0);
      if (typeof local === 'number') return local;
      const words = [sockaddrIn(to, 0), local, sockaddrIn(from, 0)].map((name) => name.subarray(4, 8));
      return this.setBytes(IPPROTO.IP, joins ? IP.ADD_SOURCE_MEMBERSHIP : IP.DROP_SOURCE_MEMBERSHIP, Buffer.concat(words));
    }
    const index = this.indexOf(device);
    if (index < 0) return index;
    // struct group_source_req: index, 4 of padding, two sockaddr_storage of 128.
    const request = new Uint8Array(264);
    request.set(intBytes(index, 4), 0);
    request.set(sockaddrIn6(to, 0), 8);
    request.set(sockaddrIn6(from, 0), 136);
    return this.setBytes(IPPROTO.IPV6, joins ? MCAST.JOIN_SOURCE_GROUP : MCAST.LEAVE_SOURCE_GROUP, request);
  }

  /** Reads (`size` 0) or sets SO_SNDBUF or SO_RCVBUF; an error goes into `context`, as C++ does it. */
  bufferSize(size: number, ofReceive: boolean | number, context: { errno?: number; code?: string; syscall?: string }): number | undefined {
    const option = ofReceive === true || ofReceive === 0 ? SO.RCVBUF : SO.SNDBUF;
    const fail = (errno: number): undefined => {
      context.errno = errno;
      context.code = errno === -Errno.EBADF ? 'EBADF' : 'EINVAL';
      context.syscall = option === SO.RCVBUF ? 'uv_recv_buffer_size' : 'uv_send_buffer_size';
      return undefined;
    };
    if (this.descriptor < 0) return fail(-Errno.EBADF);
    if (size !== 0) {
      const bad = this.set(SOL.SOCKET, option, size);
      return bad < 0 ? fail(bad) : size;
    }
    const value = this.program.kernel.getOption(this.descriptor, SOL.SOCKET, option, 4);
    if (typeof value === 'number') return fail(value);
    return new DataView(value.buffer, value.byteOffset).getInt32(0, true);
  }

  getsockname(into: NodeAddress): number {
    return tellAddress(this.program, this.program.kernel.localName(this.descriptor), into);
  }

  getpeername(into: NodeAddress): number {
    return tellAddress(this.program, this.program.kernel.peerName(this.descriptor), into);
  }

  ref(): void {
    this.life.setReferenced(true);
  }

  unref(): void {
    this.life.setReferenced(false);
  }

  hasRef(): boolean {
    return this.life.isReferenced && !this.isOver;
  }

  close(done?: () => void): void {
    if (this.isOver) return;
    this.isOver = true;
    this.isReceiving = false;
    if (this.descriptor >= 0) {
      this.unplug();
      this.program.kernel.close(this.descriptor);
      this.descriptor = -1;
    }
    this.live();
    const ends: (() => void)[] = [];
    for (const { request } of this.sends.splice(0)) {
      ends.push(() => this.scope.runInAsyncScope(() => request.oncomplete?.(-Errno.ECANCELED, 0)));
    }
    ends.push(() => {
      this.program.drop(this);
      try {
        if (done !== undefined) this.scope.runInAsyncScope(() => done.call(this.face));
      } finally {
        this.scope.emitDestroy();
      }
    });
    runWhenClosing(this.program, ends.map((end) => this.life.told(end)));
  }

  abandon(): void {
    this.isOver = true;
    this.unplug();
    this.life.abandon();
    this.scope.emitDestroy();
  }

  private ensureBound(family: number): number {
    if (this.isOver) return -Errno.EBADF;
    if (this.descriptor >= 0) return 0;
    return family === AF.INET6 ? this.bind6('::', 0) : this.bind('0.0.0.0', 0);
  }

  private ensureSocket(family: number): number {
    if (this.isOver) return -Errno.EBADF;
    if (this.descriptor >= 0) return 0;
    const fd = this.program.kernel.socket(family, SOCK.DGRAM);
    if (fd >= 0) this.plug(fd, family);
    return Math.min(fd, 0);
  }

  private plug(descriptor: number, family: number): void {
    this.descriptor = descriptor;
    this.family = family;
    (this.watched as Watched).waiters.add(this.waiter);
  }

  private unplug(): void {
    this.fdNumber?.release();
    this.fdNumber = null;
    if (this.waiter.queue !== null) this.waiter.queue.remove(this.waiter);
  }

  private set(level: number, option: number, value: number): number {
    return this.setBytes(level, option, intBytes(value, 4));
  }

  private setBytes(level: number, option: number, value: Uint8Array): number {
    return this.descriptor < 0 ? -Errno.EBADF : this.program.kernel.setOption(this.descriptor, level, option, value);
  }

  private live(): void {
    const isActive = this.isReceiving || this.sends.length > 0;
    this.life.setActive(!this.isOver && isActive);
  }
}
