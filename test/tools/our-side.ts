/**
 * Our host as the one that a trace examines: on a clock that the test moves, behind a card whose other end is the test.
 */
import { Process } from '../../src/api/posix/process.ts';
import { IpAddress } from '../../src/base/inet-address.ts';
import { Loop } from '../../src/base/loop.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Host } from '../../src/host.ts';
import * as descriptors from '../../src/kernel/calls/descriptors.ts';
import * as sockets from '../../src/kernel/calls/sockets.ts';
import { PENDING } from '../../src/kernel/operation.ts';
import { AcceptOperation, ConnectOperation, LingerOperation } from '../../src/kernel/transfer.ts';
import { AF, SOCK } from '../../src/socket/constants.ts';
import { InetStream } from '../../src/socket/family/inet-stream.ts';
import { Received } from '../../src/socket/received.ts';
import { Msg } from '../../src/transport/endpoint.ts';
import { NodeKind } from '../../src/transport/tcp/demux.ts';
import type { TcpEndpoint } from '../../src/transport/tcp/endpoint.ts';
import { stateName } from '../../src/transport/tcp/state.ts';
import { HandClock } from './hand-clock.ts';
import { ScriptedDevice } from './scripted-device.ts';
import type { TraceOptions, TraceSide } from './trace-side.ts';

export class OurSide implements TraceSide {
  readonly clock: HandClock;
  readonly loop: Loop;
  readonly host: Host;
  readonly process: Process;
  readonly device: ScriptedDevice;
  readonly hostAddress: IpAddress;
  readonly peerAddress: IpAddress;
  readonly macHi: number;
  readonly macLo: number;
  readonly grainUs = 0;
  onSent: (frame: Uint8Array) => void = () => {};
  private readonly isV4: boolean;
  private readonly result = new Received();
  private readonly endpoints = new Map<number, TcpEndpoint>();

  constructor(options: TraceOptions) {
    this.isV4 = (options.ipVersion ?? 4) === 4;
    const seed = options.seed ?? process.env['SOCKSCAPE_SEED'] ?? '1';
    this.clock = new HandClock(seed);
    this.loop = new Loop(this.clock);
    this.host = new Host({ name: 'host', loop: this.loop, random: new SeededRandom(seed) });
    this.device = new ScriptedDevice('eth0', options.mtu ?? 1500, options.gso ?? 0);
    this.device.onSent = (bytes) => this.onSent(bytes);
    this.macHi = this.device.macHi;
    this.macLo = this.device.macLo;
    this.hostAddress = IpAddress.from(this.isV4 ? '192.0.2.1' : '2001:db8::1');
    this.peerAddress = IpAddress.from(this.isV4 ? '192.0.2.2' : '2001:db8::2');
    this.host.attach(this.device);
    this.host.network.addAddress(this.device, this.hostAddress, this.isV4 ? 24 : 64, { nodad: true });
    for (const [name, value] of Object.entries(options.sysctl ?? {})) this.host.sysctl(name, value);
    this.process = new Process(this.host, 'test');
    // Duplicate address detection of the link-local address and its announcements pass before the trace begins.
    const until = this.now() + 5_000_000;
    while (this.stepTowards(until)) this.settle();
  }

  private get core(): Process['core'] {
    return this.process.core;
  }

  now(): number {
    return this.clock.now();
  }

  stepTowards(until: number): boolean {
    return this.clock.stepTowards(until);
  }

  settle(): void {
    do {
      this.loop.drain();
      this.clock.settle();
    } while (this.device.answerNeighbours());
  }

  inject(frame: Uint8Array): void {
    this.loop.enter();
    this.device.inject(frame);
  }

  end(): void {
    this.loop.stop();
    this.device.close();
  }

  socket(blocking: boolean): number {
    const type = SOCK.STREAM | (blocking ? 0 : SOCK.NONBLOCK);
    return this.keep(sockets.socket(this.core, this.isV4 ? AF.INET : AF.INET6, type, 0));
  }

  private keep(fd: number): number {
    const socket = this.core.descriptors.file(fd)?.socket;
    if (socket instanceof InetStream) this.endpoints.set(fd, socket.tcp);
    return fd;
  }

  /** The endpoint behind a descriptor, also after its close. */
  endpoint(fd: number): TcpEndpoint {
    const endpoint = this.endpoints.get(fd);
    if (endpoint === undefined) throw new Error(`no endpoint was behind descriptor ${fd}`);
    return endpoint;
  }

  bind(fd: number, address: Uint8Array): number {
    return sockets.bind(this.core, fd, address);
  }

  listen(fd: number, backlog: number): number {
    return sockets.listen(this.core, fd, backlog);
  }

  connect(fd: number, address: Uint8Array): number {
    const operation = new ConnectOperation(this.core);
    const bad = sockets.prepareConnect(this.core, operation, fd, address);
    return bad < 0 ? bad : operation.start();
  }

  accept(fd: number): number {
    const operation = new AcceptOperation(this.core);
    const bad = sockets.prepareAccept(this.core, operation, fd, SOCK.NONBLOCK);
    const result = bad < 0 ? bad : operation.start();
    return result < 0 ? result : this.keep(result);
  }

  send(fd: number, bytes: Uint8Array, flags: number): number {
    return sockets.trySend(this.core, fd, bytes, 0, bytes.length, flags | Msg.NOSIGNAL);
  }

  receive(fd: number, into: Uint8Array, flags: number): number {
    return sockets.tryReceive(this.core, fd, into, 0, into.length, flags, this.result);
  }

  shutdown(fd: number, how: number): number {
    return sockets.shutdown(this.core, fd, how);
  }

  close(fd: number): number {
    const result = descriptors.close(this.core, fd, new LingerOperation(this.core));
    return result === PENDING ? 0 : result;
  }

  setOption(fd: number, level: number, option: number, value: Uint8Array): number {
    return sockets.setOption(this.core, fd, level, option, value);
  }

  getOption(fd: number, level: number, option: number, length: number): Uint8Array | number {
    return sockets.getOption(this.core, fd, level, option, length);
  }

  readiness(fd: number): number {
    return this.core.descriptors.file(fd)?.operations.readiness() ?? 0;
  }

  state(hostPort: number, peerPort: number): string {
    const { tcp } = this.host.stack;
    const node = tcp.connections.findTuple(this.hostAddress, hostPort, this.peerAddress, peerPort);
    if (node !== null) {
      if (node.kind === NodeKind.Request) return 'SYN-RECEIVED';
      // TIME_WAIT records stand for FIN_WAIT2 as well.
      return stateName((node as unknown as { readonly state: TcpEndpoint['state'] }).state);
    }
    for (const listener of tcp.listeners) if (listener.localPort === hostPort) return 'LISTEN';
    return 'CLOSED';
  }

  sysctl(name: string, value: string | number): void {
    this.host.sysctl(name, value);
  }

  counter(name: string): number {
    return this.host.nstat()[name] ?? 0;
  }
}
