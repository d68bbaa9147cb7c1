/**
 * A port of the real machine that leads into a world: what connects to 127.0.0.1:PORT talks to an address inside.
 *
 * Called by cli/demo.ts. Each connection is a process of its own on the host that stands for the real machine; what is
 * carried, and how, stands in relay.ts.
 */
import { createServer, type Server } from 'node:net';
import { AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY } from '../../api/posix/constants.ts';
import { Process } from '../../api/posix/process.ts';
import type { Host } from '../../host.ts';
import { PlatformError } from './libc.ts';
import { Relay } from './relay.ts';

export interface ForwardOptions {
  /** The host of the world that connects: it stands for the real machine. */
  readonly from: Host;
  /** Where to, as a socket address (sockaddrIn, sockaddrIn6). */
  readonly to: Uint8Array;
  /** Port on the real machine; 0 for any. */
  readonly port: number;
  /** Address on the real machine; 127.0.0.1. */
  readonly address?: string;
}

const AF_INET6_ADDRESS_LEN = 28;
const ON = new Uint8Array([1, 0, 0, 0]);

export class PortForward {
  readonly port: number;
  private readonly server: Server;
  private readonly connections: Set<Relay>;

  private constructor(server: Server, port: number, connections: Set<Relay>) {
    this.server = server;
    this.port = port;
    this.connections = connections;
  }

  /** Opens the port; throws a PlatformError when it is taken or not allowed. */
  static open(options: ForwardOptions): Promise<PortForward> {
    const { from, to, port } = options;
    const address = options.address ?? '127.0.0.1';
    const connections = new Set<Relay>();
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (outside) => {
      const process = new Process(from, 'forward');
      const relay = new Relay(outside, process);
      connections.add(relay);
      void relay.run(() => connectTo(process, to)).finally(() => connections.delete(relay));
    });
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const reason = { EADDRINUSE: 'is in use', EACCES: 'needs more rights', EADDRNOTAVAIL: 'is not on this machine' };
        const known = reason[error.code as keyof typeof reason];
        reject(known === undefined ? error : new PlatformError(`port ${port} of ${address} ${known}`));
      });
      server.listen(port, address, () => {
        const bound = server.address();
        resolve(new PortForward(server, typeof bound === 'object' && bound !== null ? bound.port : port, connections));
      });
    });
  }

  /** Closes the port and resets what is open. */
  close(): void {
    this.server.close();
    for (const relay of this.connections) relay.abort();
  }
}

async function connectTo(process: Process, to: Uint8Array): Promise<number> {
  const fd = await process.socket(to.length === AF_INET6_ADDRESS_LEN ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
  // The sender outside has decided already what goes into one segment; waiting here would only add delay.
  await process.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ON);
  await process.connect(fd, to);
  return fd;
}
