/**
 * The wire between the oracle and one agent (test/oracle/agent.c): frames of little-endian 32-bit numbers and buffers.
 *
 * Called by linux-process.ts, one connection per simulated process. Several requests may be under way: a call that
 * blocks in the kernel is answered when it returns.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

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
/** The id of a frame that tells what handlers caught. */
const CAUGHT = -1;
const MEMORY = '/dev/shm';
/** How long an agent has to end by itself. */
const PATIENCE_MS = 300;

/** The first process of a pid namespace. */
const INIT = 1;

/** The number here of the process that has the number `pid` where `kin` lives; 0 when there is none any more. */
function hostPidOf(pid: number, kin: AgentConnection): number {
  // What the namespace's first agent was started by is in ours, and its children are in the one that it made.
  const namespace = readlinkSync(`/proc/${kin.hostPid}/ns/pid_for_children`);
  // Later processes have higher numbers, mostly.
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each)).reverse()) {
    try {
      const own = /^NSpid:.*\t(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'latin1'))?.[1];
      if (Number(own) === pid && readlinkSync(`/proc/${name}/ns/pid`) === namespace) return Number(name);
    } catch {
      // It has ended meanwhile.
    }
  }
  return 0;
}

export class AgentConnection {
  /** The agent's number in its pid namespace. */
  readonly pid: number;
  /** And in that of this process. */
  readonly hostPid: number;
  /** Called with the record of each signal that a handler of the agent's caught. */
  onCaught: (record: Uint8Array) => void = () => {};
  /** The agent has ended. */
  readonly gone: Promise<void>;
  private readonly output: Writable;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 1;
  private pendingInput: Buffer = Buffer.alloc(0);
  private complaint = '';
  private settleGone: () => void = () => {};

  private constructor(pid: number, hostPid: number, input: Readable, output: Writable) {
    this.pid = pid;
    this.hostPid = hostPid;
    this.output = output;
    input.on('data', (bytes: Buffer) => this.input(bytes));
    output.on('error', () => {
      // The agent died; its end rejects whatever was waiting.
    });
    this.gone = new Promise((resolve) => {
      this.settleGone = resolve;
    });
  }

  /** Starts a machine's first agent; resolves when its network is up. */
  static async open(program: string): Promise<AgentConnection> {
    const child = spawn(program, ['--machine'], { stdio: 'pipe' });
    const connection = new AgentConnection(INIT, child.pid ?? 0, child.stdout, child.stdin);
    child.stderr.on('data', (bytes: Buffer) => {
      connection.complaint += bytes.toString();
    });
    child.on('error', (error) => connection.ended(error.message));
    child.on('close', (code, signal) => connection.ended(`ended (${signal ?? code})`));
    await connection.ready();
    return connection;
  }

  /**
   * A place where an agent that another one starts can be met: it connects to the socket of that path. `pid`: its number in
   * the namespace that the agent `kin` is in.
   */
  static async meet(): Promise<{ path: string; connection(pid: number, kin: AgentConnection): Promise<AgentConnection> }> {
    // Not /tmp: agents have one of their own.
    const folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : '/var/tmp', 'sockscape-oracle-'));
    const path = join(folder, 'agent');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    // The agent may be anybody by now (setuid).
    chmodSync(folder, 0o711);
    chmodSync(path, 0o777);
    const arrival = new Promise<Socket>((resolve) => server.once('connection', resolve));
    return {
      path,
      async connection(pid: number, kin: AgentConnection): Promise<AgentConnection> {
        const socket = await arrival;
        server.close();
        rmSync(folder, { recursive: true });
        const connection = new AgentConnection(pid, hostPidOf(pid, kin), socket, socket);
        socket.on('close', () => connection.ended('ended'));
        await connection.ready();
        return connection;
      },
    };
  }

  /** The agent's first answer, to no request. */
  private async ready(): Promise<void> {
    await new Promise<AgentAnswer>((resolve, reject) => this.waiting.set(0, { resolve, reject }));
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
      this.output.write(frame);
    });
  }

  /** Ends the agent as exit(2) would: its descriptors are closed by the kernel, whatever is blocked never returns. */
  async end(): Promise<void> {
    this.output.end();
    // One that is stopped does not see that there is nothing more to read.
    const patience = setTimeout(() => {
      try {
        process.kill(this.hostPid, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    }, PATIENCE_MS);
    await this.gone;
    clearTimeout(patience);
  }

  private ended(why: string): void {
    const error = new Error(`agent: ${this.complaint.trim() || why}`);
    const left = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of left) reject(error);
    this.settleGone();
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
    if (id === CAUGHT) {
      for (const record of buffers) this.onCaught(record);
      return;
    }
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    waiting?.resolve({ result: frame.readInt32LE(4), extra: frame.readInt32LE(8), buffers });
  }
}
