/**
 * A port of the real machine that leads into a world: what connects to 127.0.0.1:PORT talks to an address inside.
 *
 * Called by cli/demo.ts. Each connection is a process of its own on the host that stands for the real machine, so that
 * ending it ends whatever it waits for. What one side says passes to the other as it was said:
 *
 *   FIN from outside (half-close) -> shutdown(SHUT_WR)      FIN from inside   -> end(), the way in stays open
 *   RST from outside -> SO_LINGER 0 and close: RST          RST from inside   -> resetAndDestroy()
 *   a reader that does not read stops the writer behind it, on both sides
 *
 * What node:net cannot carry stands in docs/deviations.md.
 */
import { createServer, type Server, type Socket } from 'node:net';
import {
  AF_INET, AF_INET6, IPPROTO_TCP, MSG_NOSIGNAL, SHUT_WR, SO_LINGER, SOCK_STREAM, SOL_SOCKET, TCP_NODELAY,
} from '../../api/posix/constants.ts';
import { Process } from '../../api/posix/process.ts';
import type { Host } from '../../host.ts';
import { PlatformError } from './libc.ts';

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

const READ_BYTES = 65536;
const AF_INET6_ADDRESS_LEN = 28;
const ON = new Uint8Array([1, 0, 0, 0]);
/** struct linger { l_onoff: 1, l_linger: 0 }: close sends a reset. */
const RESET_ON_CLOSE = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]);

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
      const relay = new Relay(outside, from);
      connections.add(relay);
      void relay.run(to).finally(() => connections.delete(relay));
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

/** One connection: a socket of Node's outside, a process with one descriptor inside. */
class Relay {
  private readonly outside: Socket;
  private readonly process: Process;
  private fd = -1;
  /** No more news of the outside: it was reset, or both directions have ended. */
  private gone = false;
  private drained: (() => void) | null = null;

  constructor(outside: Socket, from: Host) {
    this.outside = outside;
    this.process = new Process(from, 'forward');
    outside.on('error', () => {
      // 'close' follows; what happened is only known to be an abrupt end.
      this.gone = true;
      this.reset();
    });
    outside.on('close', () => {
      this.gone = true;
      this.wakeWriter();
    });
    outside.on('drain', () => this.wakeWriter());
  }

  async run(to: Uint8Array): Promise<void> {
    const { process, outside } = this;
    try {
      const family = to.length === AF_INET6_ADDRESS_LEN ? AF_INET6 : AF_INET;
      this.fd = await process.socket(family, SOCK_STREAM, 0);
      // The sender outside has decided already what goes into one segment; waiting here would only add delay.
      await process.setsockopt(this.fd, IPPROTO_TCP, TCP_NODELAY, ON);
      await process.connect(this.fd, to);
      await Promise.all([this.inward(), this.outward()]);
      await process.close(this.fd);
    } catch {
      // Reset or unreachable inside: to the real client that is a reset, too.
      if (!this.gone) outside.resetAndDestroy();
    } finally {
      process.exit();
    }
  }

  /** Ends the connection at once, with a reset on both sides. */
  abort(): void {
    this.outside.resetAndDestroy();
    this.gone = true;
    this.reset();
  }

  /** From the real machine into the world, until its half-close. */
  private inward(): Promise<void> {
    const { outside, process } = this;
    let sent: Promise<void> = Promise.resolve();
    return new Promise((resolve, reject) => {
      outside.on('data', (bytes: Buffer) => {
        outside.pause();
        sent = this.send(bytes);
        sent.then(() => outside.resume(), reject);
      });
      outside.on('end', () => {
        sent.then(() => process.shutdown(this.fd, SHUT_WR)).then(resolve, reject);
      });
      outside.on('close', () => resolve());
      outside.resume();
    });
  }

  private async send(bytes: Uint8Array): Promise<void> {
    let sent = 0;
    while (sent < bytes.length) {
      sent += await this.process.send(this.fd, sent === 0 ? bytes : bytes.subarray(sent), MSG_NOSIGNAL);
    }
  }

  /** From the world to the real machine, until its FIN. */
  private async outward(): Promise<void> {
    const { outside } = this;
    const buffer = new Uint8Array(READ_BYTES);
    for (;;) {
      const n = await this.process.recv(this.fd, buffer, 0);
      if (this.gone) return;
      if (n === 0) {
        outside.end();
        return;
      }
      // Node keeps what it cannot write at once, so it gets bytes of its own.
      if (!outside.write(buffer.slice(0, n))) await new Promise<void>((resolve) => (this.drained = resolve));
    }
  }

  private wakeWriter(): void {
    const { drained } = this;
    this.drained = null;
    drained?.();
  }

  /** The end of the process closes its socket whatever waits on it, and that close is a reset. */
  private reset(): void {
    this.wakeWriter();
    if (this.process.core.exited) return;
    if (this.fd >= 0) this.process.setsockopt(this.fd, SOL_SOCKET, SO_LINGER, RESET_ON_CLOSE).catch(() => {});
    this.process.exit();
  }
}
