/** tcp-pingpong-64, unix-pingpong-64: 64 bytes there and back, one at a time. Round trips per second. */
import { connect, createServer, type Server, Socket, type SocketConstructorOpts } from 'node:net';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type Figure, interleave, type Side } from '../rounds.ts';
import { type Bed, connectPair, kernelPath, listenOn, makeTestbed, makeUnixBed } from '../testbed.ts';

const SIZE = 64;
const ROUND_MS = 400;
/** A look at the clock costs as much as a tenth of a round trip: one for this many. */
const BATCH = 32;

export class OursPingPong implements Side {
  private readonly bed: Bed;
  private readonly clientFd: number;

  private constructor(bed: Bed, clientFd: number, serverFd: number) {
    this.bed = bed;
    this.clientFd = clientFd;
    void this.answer(serverFd);
  }

  static async make(): Promise<OursPingPong> {
    const bed = makeTestbed({ offload: true });
    const [clientFd, serverFd] = await connectPair(bed, await listenOn(bed));
    return new OursPingPong(bed, clientFd, serverFd);
  }

  static async overUnix(): Promise<OursPingPong> {
    const bed = await makeUnixBed();
    return new OursPingPong(bed, ...bed.pair);
  }

  private async answer(fd: number): Promise<void> {
    const { server } = this.bed;
    const buffer = new Uint8Array(SIZE);
    for (;;) {
      const n = await server.read(fd, buffer);
      if (n === 0) return;
      if (n !== SIZE) throw new Error(`tcp-pingpong: ${n} bytes`);
      await server.write(fd, buffer);
    }
  }

  round(): Promise<number> {
    return this.run(ROUND_MS);
  }

  async run(ms: number): Promise<number> {
    const { client } = this.bed;
    const ping = new Uint8Array(SIZE);
    const pong = new Uint8Array(SIZE);
    let count = 0;
    const start = performance.now();
    const end = start + ms;
    while (performance.now() < end) {
      for (let i = 0; i < BATCH; i++) {
        ping[0] = count & 0xff;
        ping[SIZE - 1] = i;
        await client.write(this.clientFd, ping);
        const n = await client.read(this.clientFd, pong);
        if (n !== SIZE || pong[0] !== (count & 0xff) || pong[SIZE - 1] !== i) throw new Error('tcp-pingpong: wrong answer');
        count++;
      }
    }
    return (count * 1000) / (performance.now() - start);
  }

  async close(): Promise<void> {
    this.bed.close();
  }
}

class KernelPingPong implements Side {
  private readonly server: Server;
  private readonly client: Socket;
  private readonly accepted: Socket;
  private readonly onPong: { call: () => void };

  private constructor(server: Server, client: Socket, accepted: Socket, onPong: { call: () => void }) {
    this.server = server;
    this.client = client;
    this.accepted = accepted;
    this.onPong = onPong;
  }

  /** Over the kernel's loopback, or over an AF_UNIX path. */
  static async make(path: string | null = null): Promise<KernelPingPong> {
    const server = createServer({ noDelay: path === null, pauseOnConnect: true });
    await new Promise<void>((resolve) => (path === null ? server.listen(0, '127.0.0.1', resolve) : server.listen(path, resolve)));
    const where = path === null ? { port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true } : { path };
    const onPong = { call: (): void => {} };
    const connection = new Promise<Socket>((resolve) => server.once('connection', resolve));
    const client = connect({
      ...where,
      onread: { buffer: Buffer.alloc(SIZE), callback: (n: number): boolean => { if (n === SIZE) onPong.call(); return true; } },
    });
    await new Promise<void>((resolve) => client.once('connect', resolve));
    // createServer has no `onread`, so the accepted handle, which has not read yet, moves to a socket that has.
    const { _handle: handle } = (await connection) as unknown as { _handle: object };
    const buffer = Buffer.alloc(SIZE);
    const accepted: Socket = new Socket({
      handle, onread: { buffer, callback: (n: number): boolean => { accepted.write(n === SIZE ? buffer : buffer.subarray(0, n)); return true; } },
    } as SocketConstructorOpts);
    accepted.resume();
    return new KernelPingPong(server, client, accepted, onPong);
  }

  async round(): Promise<number> {
    const ping = Buffer.alloc(SIZE);
    let count = 0;
    const start = performance.now();
    const end = start + ROUND_MS;
    await new Promise<void>((resolve) => {
      this.onPong.call = (): void => {
        if (++count % BATCH === 0 && performance.now() >= end) return resolve();
        this.client.write(ping);
      };
      this.client.write(ping);
    });
    return (count * 1000) / (performance.now() - start);
  }

  async close(): Promise<void> {
    this.client.destroy();
    this.accepted.destroy();
    // Not waited for: the server still counts the connection whose handle has moved.
    this.server.close();
  }
}

export async function tcpPingPong(rounds: number): Promise<Figure> {
  const ours = await OursPingPong.make();
  const kernel = await KernelPingPong.make();
  try {
    return await interleave(ours, kernel, rounds, 'round trips/s');
  } finally {
    await ours.close();
    await kernel.close();
  }
}

export async function unixPingPong(rounds: number): Promise<Figure> {
  const ours = await OursPingPong.overUnix();
  const kernel = await KernelPingPong.make(kernelPath());
  try {
    return await interleave(ours, kernel, rounds, 'round trips/s');
  } finally {
    await ours.close();
    await kernel.close();
  }
}

/**
 * fairness: how often a 1 ms interval of Node's fires while two processes of ours ping-pong without a pause, against an
 * idle round beside it. At least 0.8.
 */
export async function fairness(rounds: number): Promise<Figure> {
  const ours = await OursPingPong.make();
  const ticksDuring = async (work: () => Promise<unknown>): Promise<number> => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const start = performance.now();
    await work();
    const elapsed = performance.now() - start;
    clearInterval(timer);
    return (ticks * 1000) / elapsed;
  };
  const busy: Side = {
    round: () => ticksDuring(() => ours.run(ROUND_MS)),
    close: async () => {},
  };
  const idle: Side = {
    round: () => ticksDuring(() => new Promise((resolve) => setTimeout(resolve, ROUND_MS))),
    close: async () => {},
  };
  try {
    return await interleave(busy, idle, rounds, 'ticks/s');
  } finally {
    await ours.close();
  }
}
