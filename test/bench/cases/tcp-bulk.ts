/**
 * tcp-bulk, tcp-bulk-mtu1500, tcp-streams-100: one direction, 64 KiB writes, one reused 64 KiB read buffer, one write
 * outstanding per stream on both sides. Gbit/s of payload that arrived in the reader's buffer. unix-bulk is the same over
 * an AF_UNIX path, pipe-bulk over a pipe.
 */
import { connect, createServer, type Server, Socket, type SocketConstructorOpts } from 'node:net';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type Figure, interleave, type Side } from '../rounds.ts';
import { connectPair, kernelPath, kernelPipe, listenOn, makePipeBed, makeTestbed, makeUnixBed, type Bed, type Testbed } from '../testbed.ts';

const BLOCK = 65536;
const ROUND_MS = 400;
/** Both sides look at the clock once for so many blocks: a look costs a hundredth of our block. */
const BLOCKS_PER_LOOK = 8;

function pattern(): Uint8Array {
  const block = new Uint8Array(BLOCK);
  for (let i = 0; i < BLOCK; i++) block[i] = (i * 31 + (i >> 8)) & 0xff;
  return block;
}

class OursBulk implements Side {
  private readonly bed: Bed;
  private readonly pairs: [number, number][];
  private readonly block = pattern();
  /** Frames on the cable; null where there is none. */
  private readonly frames: Testbed['cable']['a']['statistics'] | null;

  private constructor(bed: Bed, pairs: [number, number][], frames: Testbed['cable']['a']['statistics'] | null) {
    this.bed = bed;
    this.pairs = pairs;
    this.frames = frames;
  }

  static async over(made: Promise<Bed & { pair: [number, number] }>): Promise<OursBulk> {
    const bed = await made;
    const side = new OursBulk(bed, [bed.pair], null);
    await side.verify();
    return side;
  }

  static async make(streams: number, offload: boolean): Promise<OursBulk> {
    const bed = makeTestbed({ offload });
    const listener = await listenOn(bed);
    const pairs: [number, number][] = [];
    for (let i = 0; i < streams; i++) pairs.push(await connectPair(bed, listener));
    const side = new OursBulk(bed, pairs, bed.cable.a.statistics);
    await side.verify();
    return side;
  }

  /** Untimed: what arrives is what was sent, on every stream. */
  private async verify(): Promise<void> {
    for (const pair of this.pairs) await this.verifyStream(pair, Math.ceil(64 / this.pairs.length));
  }

  private async verifyStream([clientFd, serverFd]: [number, number], blocks: number): Promise<void> {
    const into = new Uint8Array(BLOCK);
    const writing = (async () => {
      for (let i = 0; i < blocks; i++) await this.bed.server.write(serverFd, this.block);
    })();
    let got = 0;
    while (got < blocks * BLOCK) {
      const n = await this.bed.client.read(clientFd, into);
      if (n === 0) throw new Error('tcp-bulk: the stream ended early');
      for (let i = 0; i < n; i++) {
        if (into[i] !== this.block[(got + i) % BLOCK]) throw new Error(`tcp-bulk: wrong byte at ${got + i}`);
      }
      got += n;
    }
    await writing;
  }

  async round(): Promise<number> {
    const { client, server } = this.bed;
    const { frames } = this;
    const framesBefore = frames?.rxPackets ?? 0;
    const bytesBefore = frames?.rxBytes ?? 0;
    let received = 0;
    const start = performance.now();
    const end = start + ROUND_MS;
    const work: Promise<void>[] = [];
    for (const [clientFd, serverFd] of this.pairs) {
      let sent = 0;
      let ended = false;
      work.push(
        (async () => {
          // Known to be the last before it goes, so that the reader, which wakes with its data, knows it too.
          for (let i = 1; !ended; i++) {
            ended = i % BLOCKS_PER_LOOK === 0 && performance.now() >= end;
            sent += BLOCK;
            await server.write(serverFd, this.block);
          }
        })(),
        (async () => {
          const into = new Uint8Array(BLOCK);
          let got = 0;
          while (!ended || got < sent) {
            const n = await client.read(clientFd, into);
            got += n;
            received += n;
          }
        })(),
      );
    }
    await Promise.all(work);
    const seconds = (performance.now() - start) / 1000;
    this.lastFrames = (frames?.rxPackets ?? 0) - framesBefore;
    this.lastFrameBytes = (frames?.rxBytes ?? 0) - bytesBefore;
    this.lastPayload = received;
    return (received * 8) / seconds / 1e9;
  }

  lastFrames = 0;
  lastFrameBytes = 0;
  lastPayload = 0;

  async close(): Promise<void> {
    this.bed.close();
  }
}

class KernelBulk implements Side {
  private readonly server: Server;
  private readonly senders: Socket[];
  private readonly receivers: Socket[];
  private readonly block = pattern();
  private received = 0;
  private sink: (() => void) | null = null;

  private constructor(server: Server, senders: Socket[], receivers: Socket[]) {
    this.server = server;
    this.senders = senders;
    this.receivers = receivers;
  }

  /** Over the kernel's loopback, or over an AF_UNIX path. */
  static async make(streams: number, path: string | null = null): Promise<KernelBulk> {
    const server = createServer();
    await new Promise<void>((resolve) => (path === null ? server.listen(0, '127.0.0.1', resolve) : server.listen(path, resolve)));
    const where = path === null ? { port: (server.address() as AddressInfo).port, host: '127.0.0.1' } : { path };
    const side = new KernelBulk(server, [], []);
    for (let i = 0; i < streams; i++) {
      const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
      const buffer = Buffer.alloc(BLOCK);
      const receiver = connect({
        ...where,
        onread: { buffer, callback: (n: number): boolean => { side.received += n; side.sink?.(); return true; } },
      });
      await new Promise<void>((resolve) => receiver.once('connect', resolve));
      side.receivers.push(receiver);
      side.senders.push(await accepted);
    }
    return side;
  }

  /** Over a pipe of the kernel's, both ends in this process. */
  static async overPipe(): Promise<KernelBulk> {
    const [reading, writing] = kernelPipe();
    const side = new KernelBulk(createServer(), [], []);
    const buffer = Buffer.alloc(BLOCK);
    const onread = { buffer, callback: (n: number): boolean => { side.received += n; side.sink?.(); return true; } };
    // @types/node has onread for sockets that connect alone.
    side.receivers.push(new Socket({ fd: reading, readable: true, writable: false, onread } as SocketConstructorOpts));
    side.senders.push(new Socket({ fd: writing, readable: false, writable: true }));
    side.receivers[0]?.resume();
    return side;
  }

  async round(): Promise<number> {
    this.received = 0;
    let sent = 0;
    const start = performance.now();
    const end = start + ROUND_MS;
    await Promise.all(
      this.senders.map(
        (sender) =>
          new Promise<void>((resolve) => {
            let i = 0;
            const next = (): void => {
              if (i++ % BLOCKS_PER_LOOK === 0 && performance.now() >= end) return resolve();
              sent += BLOCK;
              sender.write(this.block, next);
            };
            next();
          }),
      ),
    );
    if (this.received < sent) {
      await new Promise<void>((resolve) => {
        this.sink = () => {
          if (this.received >= sent) resolve();
        };
      });
      this.sink = null;
    }
    const seconds = (performance.now() - start) / 1000;
    return (this.received * 8) / seconds / 1e9;
  }

  async close(): Promise<void> {
    for (const socket of [...this.senders, ...this.receivers]) socket.destroy();
    if (this.server.listening) await new Promise((resolve) => this.server.close(resolve));
  }
}

export async function tcpBulk(streams: number, offload: boolean, rounds: number): Promise<Figure> {
  const ours = await OursBulk.make(streams, offload);
  const kernel = await KernelBulk.make(streams);
  try {
    const figure = await interleave(ours, kernel, rounds, 'Gbit/s');
    if (!offload) {
      // No frame over 1,514 bytes: so many bytes must have taken at least so many frames.
      const least = Math.ceil(ours.lastPayload / 1448);
      if (ours.lastFrames < least) throw new Error(`tcp-bulk-mtu1500: ${ours.lastFrames} frames carried ${ours.lastPayload} bytes, at least ${least} are needed`);
      if (ours.lastFrameBytes / ours.lastFrames > 1514) throw new Error('tcp-bulk-mtu1500: frames longer than 1,514 bytes');
    }
    return figure;
  } finally {
    await ours.close();
    await kernel.close();
  }
}

export async function unixBulk(rounds: number): Promise<Figure> {
  const ours = await OursBulk.over(makeUnixBed());
  const kernel = await KernelBulk.make(1, kernelPath());
  try {
    return await interleave(ours, kernel, rounds, 'Gbit/s');
  } finally {
    await ours.close();
    await kernel.close();
  }
}

export async function pipeBulk(rounds: number): Promise<Figure> {
  const ours = await OursBulk.over(makePipeBed());
  const kernel = await KernelBulk.overPipe();
  try {
    return await interleave(ours, kernel, rounds, 'Gbit/s');
  } finally {
    await ours.close();
    await kernel.close();
  }
}
