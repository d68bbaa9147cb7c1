/**
 * One connection of which one end is a socket of the real machine's and the other one a descriptor in a world. What one side
 * says passes to the other as it was said:
 *
 *   FIN from outside (half-close) -> shutdown(SHUT_WR)      FIN from inside   -> end(), the way in stays open
 *   RST from outside -> SO_LINGER 0 and close: RST          RST from inside   -> resetAndDestroy()
 *   a reader that does not read stops the writer behind it, on both sides
 *
 * Used by forward.ts (into a world) and gateway.ts (out of one). What node:net cannot carry stands in docs/deviations.md.
 */
import type { Socket } from 'node:net';
import { MSG_NOSIGNAL, SHUT_WR, SO_LINGER, SOL_SOCKET } from '../../api/posix/constants.ts';
import { linger } from '../../api/posix/option-values.ts';
import type { Process } from '../../api/posix/process.ts';

const READ_BYTES = 65536;
/** SO_LINGER: close sends a reset. */
export const RESET_ON_CLOSE: Uint8Array = linger(true, 0);

/** A socket of Node's outside, and inside a process of its own with one descriptor: ending it ends whatever it waits for. */
export class Relay {
  private readonly outside: Socket;
  private readonly process: Process;
  private fd = -1;
  /** No more news of the outside: it was reset, or both directions have ended. */
  private gone = false;
  private drained: (() => void) | null = null;

  constructor(outside: Socket, process: Process) {
    this.outside = outside;
    this.process = process;
    this.heard('error', () => {
      // 'close' follows; what happened is only known to be an abrupt end.
      this.gone = true;
      this.reset();
    });
    this.heard('close', () => {
      this.gone = true;
      this.wakeWriter();
    });
    this.heard('drain', () => this.wakeWriter());
  }

  /** An event of the outside: where the world's clock follows the machine's, it is as late there. */
  private heard<T>(event: string, listener: (value: T) => void): void {
    this.outside.on(event, (value: T) => {
      this.process.host.loop.catchUp();
      listener(value);
    });
  }

  /** Carries what both say until both have ended. `open` gives the descriptor inside, once it is connected. */
  async run(open: () => Promise<number>): Promise<void> {
    const { process, outside } = this;
    try {
      this.fd = await open();
      await Promise.all([this.inward(), this.outward()]);
      await process.close(this.fd);
    } catch {
      // Reset or unreachable inside: to the real peer that is a reset, too.
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
    let hasEnded = false;
    return new Promise((resolve, reject) => {
      this.heard('data', (bytes: Buffer) => {
        outside.pause();
        sent = this.send(bytes);
        sent.then(() => outside.resume(), reject);
      });
      this.heard('end', () => {
        hasEnded = true;
        sent.then(() => process.shutdown(this.fd, SHUT_WR)).then(resolve, reject);
      });
      this.heard('close', () => {
        // Both directions of the outside can be over while the world still takes the last that it said.
        if (!hasEnded) resolve();
      });
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
