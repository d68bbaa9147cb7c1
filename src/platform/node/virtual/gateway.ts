/**
 * A host of a world that stands for a real server: a port of it leads out of the world, to a TCP server of the machine's or of
 * any other that the machine reaches.
 *
 *   SYN -> SynGate -> net.connect to the server -> connected: the SYN is let in, and accept(2) gives what relay.ts carries
 *                                               -> refused: RST; no way there: an ICMP error; no answer: silence
 *
 * So a client in the world sees what it would see of the server itself, faults of the world in between included. The world is
 * in real time from then on (real-time.ts), and no seed replays it. The server cannot crash with the host that stands for it:
 * its connections are reset instead.
 */
import { connect, type Socket } from 'node:net';
import { systemError } from '../../../api/posix/errors.ts';
import { int32 } from '../../../api/posix/option-values.ts';
import { Process } from '../../../api/posix/process.ts';
import { sockaddrIn6 } from '../../../api/posix/sockaddr.ts';
import { machineTimeout, stopMachineTimeout } from '../../../api/node/machine-timers.ts';
import { NodeProgram } from '../../../api/node/node-program.ts';
import type { Host } from '../../../host.ts';
import * as sockets from '../../../kernel/calls/sockets.ts';
import type { OpenFile } from '../../../kernel/open-file.ts';
import type { IpAddress } from '../../../base/inet-address.ts';
import { AF, SO, SOCK, SOL } from '../../../socket/constants.ts';
import type { InetStream } from '../../../socket/family/inet-stream.ts';
import type { TcpEndpoint } from '../../../transport/tcp/endpoint.ts';
import type { Listener } from '../../../transport/tcp/listener.ts';
import { type HeldSyn, SynGate, synKey } from '../../../transport/tcp/syn-gate.ts';
import { Relay, RESET_ON_CLOSE } from '../relay.ts';

export interface GatewayOptions {
  /** The host's port that leads out; that of the server, when it is not given. */
  readonly port?: number;
}

const BACKLOG = 4096;
/** A client that was let in and never comes: longer than a SYN-ACK is sent again. */
const NEVER_CAME_MS = 130_000;

interface Admitted {
  readonly outside: Socket;
  readonly timer: NodeJS.Timeout;
}

interface Target {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:6379`, `[::1]:5432`, `database.local:3306`. */
export function readTarget(text: unknown): Target {
  const found = typeof text === 'string' ? /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text) : null;
  const port = Number(found?.[3]);
  if (found === null || port < 1 || port > 65535) {
    throw new TypeError(`host.gateway: takes the address and port of a server ('127.0.0.1:6379', '[::1]:5432'), not ${JSON.stringify(text)}`);
  }
  return { host: (found[1] ?? found[2]) as string, port };
}

/** The listener and what goes through it, between two failures of the host's power. */
class Door {
  private readonly process: Process;
  private readonly gate: SynGate;
  private readonly relays: Set<Relay> = new Set();
  /** Connections to the server, by the client's ends, that wait for the client's side to be accepted. */
  private readonly admitted: Map<string, Admitted> = new Map();
  private readonly gateway: Gateway;
  private readonly fd: number;

  constructor(gateway: Gateway) {
    this.gateway = gateway;
    const { host, port } = gateway;
    this.process = new Process(host, 'gateway');
    const { core } = this.process;
    this.fd = this.check(sockets.socket(core, AF.INET6, SOCK.STREAM, 0), 'socket');
    sockets.setOption(core, this.fd, SOL.SOCKET, SO.REUSEADDR, int32(true));
    this.check(sockets.bind(core, this.fd, sockaddrIn6('::', port)), 'bind');
    this.check(sockets.listen(core, this.fd, BACKLOG), 'listen');
    const endpoint = endpointOf(this.process, this.fd);
    this.gate = new SynGate(endpoint, (syn) => this.asked(syn));
    (endpoint.listener as Listener).gate = this.gate;
    NodeProgram.runOutside(() => void this.acceptAll());
  }

  private check(result: number, call: string): number {
    if (result >= 0) return result;
    this.process.exit();
    throw systemError(result, call);
  }

  /** A client wants in: does the server let it? */
  private asked(syn: HeldSyn): void {
    const waiting = this.admitted.get(syn.key);
    // It was let in once already, and our answers were lost.
    if (waiting !== undefined && !waiting.outside.destroyed) return syn.admit();
    const { gateway } = this;
    const { loop } = gateway.host;
    const outside = NodeProgram.runOutside(() => connect({ ...gateway.server, allowHalfOpen: true, noDelay: true }));
    gateway.opened(outside);
    let isConnected = false;
    outside.on('error', (error: NodeJS.ErrnoException) => {
      if (isConnected) return;
      loop.catchUp();
      gateway.note(`${gateway.target}: ${error.message || error.code}`);
      if (error.code === 'ECONNREFUSED') syn.refuse();
      else if (error.code === 'ETIMEDOUT') syn.drop();
      else syn.unreachable();
    });
    outside.once('connect', () => {
      isConnected = true;
      loop.catchUp();
      const timer = machineTimeout(() => {
        if (this.admitted.get(syn.key)?.outside === outside) this.admitted.delete(syn.key);
        outside.resetAndDestroy();
      }, NEVER_CAME_MS);
      timer.unref();
      this.admitted.set(syn.key, { outside, timer });
      syn.admit();
    });
  }

  private async acceptAll(): Promise<void> {
    const { process, gateway } = this;
    try {
      for (;;) {
        const { fd } = await process.accept(this.fd);
        const child = new Process(gateway.host, 'gateway', { inherit: process });
        void this.carry(child, fd);
        await Promise.all([child.close(this.fd), process.close(fd)]);
      }
    } catch {
      // The gateway is closed, or its host has no power.
    }
  }

  private async carry(child: Process, fd: number): Promise<void> {
    const { localAddress, remoteAddress, remotePort } = endpointOf(child, fd);
    const key = synKey(remoteAddress as IpAddress, remotePort, localAddress);
    const waiting = this.admitted.get(key);
    this.admitted.delete(key);
    if (waiting === undefined || waiting.outside.destroyed) {
      // The server has let it in and reset it before it came.
      sockets.setOption(child.core, fd, SOL.SOCKET, SO.LINGER, RESET_ON_CLOSE);
      return child.exit();
    }
    stopMachineTimeout(waiting.timer);
    const relay = new Relay(waiting.outside, child);
    this.relays.add(relay);
    await relay.run(async () => fd);
    this.relays.delete(relay);
  }

  /** `isOff`: the host has no power any more, and nothing of this leaves it. */
  close(isOff: boolean): void {
    this.gate.close(isOff);
    for (const { outside, timer } of this.admitted.values()) {
      stopMachineTimeout(timer);
      outside.resetAndDestroy();
    }
    this.admitted.clear();
    for (const relay of this.relays) relay.abort();
    this.process.exit();
  }
}

function endpointOf(process: Process, fd: number): TcpEndpoint {
  const { operations } = process.core.descriptors.file(fd) as OpenFile;
  return (operations as InetStream).tcp;
}

export class Gateway {
  readonly host: Host;
  /** The host's port that leads out. */
  readonly port: number;
  /** The server's address and port, as they were given. */
  readonly target: string;
  /** For node:net. */
  readonly server: Target;
  /** Hears in words of what happens. */
  readonly note: (text: string) => void;
  private readonly sockets: Set<Socket> = new Set();
  private door: Door | null;
  private isClosed = false;

  /** Opens the port. Throws what bind(2) and listen(2) fail with: EADDRINUSE. */
  constructor(host: Host, target: string, options: GatewayOptions, note: (text: string) => void) {
    this.host = host;
    this.target = target;
    this.server = readTarget(target);
    this.port = options.port ?? this.server.port;
    if (!Number.isInteger(this.port) || this.port < 1 || this.port > 65535) throw new RangeError(`host.gateway: ${this.port} is no port`);
    this.note = note;
    this.door = new Door(this);
  }

  /** Connections to the server, those that are being made included. */
  get connections(): number {
    return this.sockets.size;
  }

  /** Closes the port, and resets what is open on both sides. */
  close(): void {
    this.isClosed = true;
    this.shut(false);
    this.host.loop.drain();
  }

  /** The host's power has failed: the server learns of it by resets. */
  powerFailed(): void {
    this.shut(true);
  }

  /** The host is there again. */
  powerIsBack(): void {
    if (!this.isClosed && this.door === null) this.door = new Door(this);
  }

  /** A connection to the server begins. */
  opened(socket: Socket): void {
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
  }

  private shut(isOff: boolean): void {
    this.door?.close(isOff);
    this.door = null;
    // Those that the server has not answered yet.
    for (const socket of this.sockets) socket.destroy();
  }
}
