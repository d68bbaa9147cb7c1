/**
 * How one replica talks to another: a connection that is made anew when it closes. Messages for a replica that is not connected are
 * lost, as the algorithm allows. Called by replica.ts.
 */
import { connect, type Socket } from 'node:net';
import { sendMessage } from './lines.ts';

const RECONNECT_MS = 100;

export class Link {
  private readonly host: string;
  private readonly port: number;
  /** How long an answer may take until the connection is given up; 0 for ever. */
  private readonly timeoutMs: number;
  private socket: Socket | null = null;
  private patience: NodeJS.Timeout | null = null;

  constructor(host: string, port: number, timeoutMs: number) {
    this.host = host;
    this.port = port;
    this.timeoutMs = timeoutMs;
    this.open();
  }

  send(message: object): void {
    if (this.socket === null) return;
    sendMessage(this.socket, message);
    this.expectAnswer(this.socket);
  }

  /** The other replica has said something, on whichever connection. */
  heard(): void {
    if (this.socket === null || this.patience === null) return;
    clearTimeout(this.patience);
    this.patience = null;
  }

  private open(): void {
    const socket = connect(this.port, this.host);
    this.expectAnswer(socket);
    socket.on('connect', () => {
      this.socket = socket;
      this.heard();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.socket = null;
      if (this.patience !== null) clearTimeout(this.patience);
      this.patience = null;
      setTimeout(() => this.open(), RECONNECT_MS);
    });
  }

  private expectAnswer(socket: Socket): void {
    if (this.timeoutMs > 0) this.patience ??= setTimeout(() => socket.destroy(), this.timeoutMs);
  }
}
