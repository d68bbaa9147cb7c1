/**
 * TCP below Node's net: libuv's uv_tcp_t (what `tcp_wrap.TCP` wraps) over our sockets. Errors are negative errnos, as
 * libuv's are on Linux.
 */
import { Errno } from '../../base/errno.ts';
import { AF, IP, IPPROTO, IPV6, SO, SOCK, SOL, TCP as Option } from '../../socket/constants.ts';
import { intBytes } from '../../socket/option-bytes.ts';
import { type Request, binding } from './bindings.ts';
import { descriptorOf } from './descriptor-numbers.ts';
import type { NodeProgram } from './node-program.ts';
import { ip4, ip6, type NodeAddress, tellAddress } from './socket-address.ts';
import { giveFace, StreamHandle } from './stream-handle.ts';

const { UV_TCP_IPV6ONLY } = binding('tcp_wrap').constants;

/** What libuv sets beside the idle time: a probe each second, ten of them. */
const KEEP_ALIVE_INTERVAL_S = 1;
const KEEP_ALIVE_PROBES = 10;

export class TcpHandle extends StreamHandle {
  private noDelay = false;
  private keepAliveS = 0;

  constructor(program: NodeProgram, isServer: boolean) {
    super(program, 'TCP', isServer);
  }

  /** Takes over a descriptor of the program. */
  open(number: number): number {
    const descriptor = descriptorOf(this.program, number);
    const name = this.program.kernel.localName(descriptor);
    if (typeof name === 'number') return name;
    this.plug(descriptor);
    this.isConnected = typeof this.program.kernel.peerName(descriptor) !== 'number';
    return 0;
  }

  /** Node leaves the port out when a client names its address alone. */
  bind(address: string, port?: number): number {
    return this.bindTo(AF.INET, ip4(address, (port as number) | 0), 0);
  }

  bind6(address: string, port?: number, flags = 0): number {
    return this.bindTo(AF.INET6, ip6(this.program, address, (port as number) | 0), flags);
  }

  private bindTo(family: number, name: Uint8Array | number, flags: number): number {
    if (typeof name === 'number') return name;
    if ((flags & UV_TCP_IPV6ONLY) !== 0 && family !== AF.INET6) return -Errno.EINVAL;
    const bad = this.ensureSocket(family);
    if (bad < 0) return bad;
    this.set(SOL.SOCKET, SO.REUSEADDR, 1);
    if (family === AF.INET6) this.set(IPPROTO.IPV6, IPV6.V6ONLY, (flags & UV_TCP_IPV6ONLY) !== 0 ? 1 : 0);
    const result = this.program.kernel.bind(this.descriptor, name);
    // libuv tells of it when the socket is used.
    if (result === -Errno.EADDRINUSE) {
      this.delayedError = result;
      return 0;
    }
    return result === -Errno.EAFNOSUPPORT ? -Errno.EINVAL : result;
  }

  connect(request: Request, address: string, port: number): number {
    return this.connectTo(request, AF.INET, ip4(address, port));
  }

  connect6(request: Request, address: string, port: number): number {
    return this.connectTo(request, AF.INET6, ip6(this.program, address, port));
  }

  private connectTo(request: Request, family: number, name: Uint8Array | number): number {
    if (typeof name === 'number') return name;
    if (this.isOver) return -Errno.EINVAL;
    if (this.connecting !== null) return -Errno.EALREADY;
    let result = this.delayedError;
    if (result === 0) {
      const bad = this.ensureSocket(family);
      if (bad < 0) return bad;
      result = this.program.kernel.connect(this.descriptor, name);
    }
    // Refused at once: told as a refusal that came by the wire is.
    const isLate = result === -Errno.ECONNREFUSED || this.delayedError !== 0;
    if (result < 0 && result !== -Errno.EINPROGRESS && !isLate) return result;
    this.connecting = request;
    this.live();
    if (isLate) this.tellConnect(request, result);
    else this.lookAtConnect();
    return 0;
  }

  private tellConnect(request: Request, status: number): void {
    this.program.later({ runEvent: () => {
      if (this.connecting === request) this.endConnect(request, status);
    } });
  }

  protected ensureListenable(): number {
    return this.ensureSocket(AF.INET);
  }

  private ensureSocket(family: number): number {
    if (this.descriptor >= 0) return 0;
    const fd = this.program.kernel.socket(family, SOCK.STREAM);
    if (fd < 0) return fd;
    this.plug(fd);
    if (this.noDelay) this.setNoDelay(true);
    if (this.keepAliveS > 0) this.setKeepAlive(true, this.keepAliveS);
    return 0;
  }

  protected accepted(descriptor: number): TcpHandle {
    const handle = new TcpHandle(this.program, false);
    handle.plug(descriptor);
    handle.isConnected = true;
    giveFace(handle);
    return handle;
  }

  setNoDelay(on: boolean): number {
    this.noDelay = on;
    return this.descriptor < 0 ? 0 : this.set(IPPROTO.TCP, Option.NODELAY, on ? 1 : 0);
  }

  /** `delay` in seconds. */
  setKeepAlive(on: boolean, delay: number): number {
    this.keepAliveS = on ? delay : 0;
    if (this.descriptor < 0) return 0;
    const bad = this.set(SOL.SOCKET, SO.KEEPALIVE, on ? 1 : 0);
    if (bad < 0 || !on) return bad;
    if (delay < 1) return -Errno.EINVAL;
    return this.set(IPPROTO.TCP, Option.KEEPIDLE, delay)
      || this.set(IPPROTO.TCP, Option.KEEPINTVL, KEEP_ALIVE_INTERVAL_S)
      || this.set(IPPROTO.TCP, Option.KEEPCNT, KEEP_ALIVE_PROBES);
  }

  /** Node 24: the byte of IP_TOS, or of IPV6_TCLASS. */
  setTypeOfService(tos: number): number {
    if (this.descriptor < 0) return -Errno.EBADF;
    const bad = this.set(IPPROTO.IP, IP.TOS, tos);
    const also = this.set(IPPROTO.IPV6, IPV6.TCLASS, tos);
    return bad === 0 || also === 0 ? 0 : bad;
  }

  getTypeOfService(): number {
    if (this.descriptor < 0) return -Errno.EBADF;
    const value = this.program.kernel.getOption(this.descriptor, IPPROTO.IP, IP.TOS, 4);
    return typeof value === 'number' ? value : (value[0] as number);
  }

  /** Windows' only; Node calls it there alone. */
  setSimultaneousAccepts(): number {
    return 0;
  }

  reset(done?: () => void): number {
    if (this.isShuttingDown) return -Errno.EINVAL;
    this.closeDescriptor(true, done);
    return 0;
  }

  getsockname(into: NodeAddress): number {
    if (this.delayedError !== 0) return this.delayedError;
    return tellAddress(this.program, this.program.kernel.localName(this.descriptor), into);
  }

  getpeername(into: NodeAddress): number {
    if (this.delayedError !== 0) return this.delayedError;
    return tellAddress(this.program, this.program.kernel.peerName(this.descriptor), into);
  }

  waitsFor(): string | null {
    if (this.descriptor < 0) return null;
    const { kernel } = this.program;
    const local: NodeAddress = {};
    const peer: NodeAddress = {};
    tellAddress(this.program, kernel.localName(this.descriptor), local);
    const end = ({ address, port }: NodeAddress): string => (address?.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);
    if (this.isListening) return `a connection to ${end(local)}`;
    if (this.connecting !== null) return `its connection from ${end(local)}`;
    if (tellAddress(this.program, kernel.peerName(this.descriptor), peer) !== 0) return null;
    return `the connection ${end(local)} -> ${end(peer)}`;
  }

  private set(level: number, option: number, value: number): number {
    return this.program.kernel.setOption(this.descriptor, level, option, intBytes(value, 4));
  }
}
