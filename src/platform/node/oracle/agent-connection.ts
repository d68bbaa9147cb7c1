/**
 * The wire between the oracle and one agent (test/oracle/agent.c): frames of little-endian 32-bit numbers and buffers.
 *
 * Called by linux-process.ts, one connection per simulated process. Several requests may be under way: a call that
 * blocks in the kernel is answered when it returns.
 */
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';

/** What the agent answered to one request. */
export interface AgentAnswer {
  /** A count, a descriptor, or a negative errno. */
  result: number;
  /** msg_flags of recvmsg, the int of ioctl. */
  extra: number;
  buffers: Uint8Array[];
}

interface Waiting {
  resolve: (answer: AgentAnswer) => void;
  reject: (error: Error) => void;
}

const REQUEST_HEAD_INTS = 8;

export class AgentConnection {
  readonly pid: number;
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 1;
  private pendingInput: Buffer = Buffer.alloc(0);
  private complaint = '';
  private readonly gone: Promise<void>;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.child = child;
    this.pid = child.pid ?? 0;
    child.stdout.on('data', (bytes: Buffer) => this.input(bytes));
    child.stderr.on('data', (bytes: Buffer) => {
      this.complaint += bytes.toString();
    });
    child.stdin.on('error', () => {
      // The agent died; its exit below rejects whatever was waiting.
    });
    this.gone = new Promise((resolve) => {
      child.on('error', (error) => this.ended(error.message, resolve));
      child.on('close', (code, signal) => this.ended(`ended (${signal ?? code})`, resolve));
    });
  }

  /** Starts the agent's program; resolves when its network is up. */
  static async open(program: string, args: string[]): Promise<AgentConnection> {
    const connection = new AgentConnection(spawn(program, args, { stdio: 'pipe' }));
    await new Promise<AgentAnswer>((resolve, reject) => connection.waiting.set(0, { resolve, reject }));
    return connection;
  }

  request(
    operation: number, a: number, b: number, c: number, d: number, buffers: readonly Uint8Array[],
  ): Promise<AgentAnswer> {
    const id = this.nextId++;
    let length = (REQUEST_HEAD_INTS - 1) * 4;
    for (const buffer of buffers) length += 4 + buffer.length;
    const frame = Buffer.alloc(4 + length);
    [length, id, operation, a, b, c, d, buffers.length].forEach((value, i) => frame.writeInt32LE(value | 0, i * 4));
    let at = REQUEST_HEAD_INTS * 4;
    for (const buffer of buffers) {
      frame.writeInt32LE(buffer.length, at);
      frame.set(buffer, at + 4);
      at += 4 + buffer.length;
    }
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.child.stdin.write(frame);
    });
  }

  /** Ends the agent as exit(2) would: its descriptors are closed by the kernel, whatever is blocked never returns. */
  async end(): Promise<void> {
    this.child.stdin.end();
    await this.gone;
  }

  private ended(why: string, resolve: () => void): void {
    const error = new Error(`agent: ${this.complaint.trim() || why}`);
    const left = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of left) reject(error);
    resolve();
  }

  private input(bytes: Buffer): void {
    let data = this.pendingInput.length === 0 ? bytes : Buffer.concat([this.pendingInput, bytes]);
    while (data.length >= 4) {
      const length = data.readInt32LE(0);
      if (data.length < 4 + length) break;
      this.answer(data.subarray(4, 4 + length));
      data = data.subarray(4 + length);
    }
    this.pendingInput = data;
  }

  private answer(frame: Buffer): void {
    const id = frame.readInt32LE(0);
    const buffers: Uint8Array[] = [];
    let at = 16;
    for (let left = frame.readInt32LE(12); left > 0; left--) {
      const length = frame.readInt32LE(at);
      buffers.push(Uint8Array.from(frame.subarray(at + 4, at + 4 + length)));
      at += 4 + length;
    }
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    waiting?.resolve({ result: frame.readInt32LE(4), extra: frame.readInt32LE(8), buffers });
  }
}
