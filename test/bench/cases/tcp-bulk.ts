/**
 * tcp-bulk, tcp-bulk-mtu1500, tcp-streams-100: one direction, 64 KiB writes, one reused 64 KiB read buffer, one write
 * outstanding per stream on both sides. Gbit/s of payload that arrived in the reader's buffer.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type Figure, interleave, type Side } from '../rounds.ts';
import { connectPair, listenOn, makeTestbed, type Testbed } from '../testbed.ts';

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
  private readonly bed: Testbed;
  private readonly pairs: [number, number][];
  private readonly block = pattern();

  private constructor(bed: Testbed, pairs: [number, number][]) {
    this.bed = bed;
    this.pairs = pairs;
  }

  static async make(streams: number, offload: boolean): Promise<OursBulk> {
    const bed = makeTestbed({ offload });
    const listener = await listenOn(bed);
    const pairs: [number, number][] = [];
    for (let i = 0; i < streams; i++) pairs.push(await connectPair(bed, listener));
    const side = new OursBulk(bed, pairs);
    await side.verify();
    return side;
  }

  /** Untimed: what arrives is what was sent. */
  private async verify(): Promise<void> {
    const [clientFd, serverFd] = this.pairs[0] as [number, number];
    const blocks = 64;
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
    const frames = this.bed.cable.a.statistics;
    const framesBefore = frames.rxPackets;
    const bytesBefore = frames.rxBytes;
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
    this.lastFrames = frames.rxPackets - framesBefore;
    this.lastFrameBytes = frames.rxBytes - bytesBefore;
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

  static async make(streams: number): Promise<KernelBulk> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const side = new KernelBulk(server, [], []);
    for (let i = 0; i < streams; i++) {
      const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
      const buffer = Buffer.alloc(BLOCK);
      const receiver = connect({
        port, host: '127.0.0.1',
        onread: { buffer, callback: (n: number): boolean => { side.received += n; side.sink?.(); return true; } },
      });
      await new Promise<void>((resolve) => receiver.once('connect', resolve));
      side.receivers.push(receiver);
      side.senders.push(await accepted);
    }
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
    await new Promise((resolve) => this.server.close(resolve));
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
