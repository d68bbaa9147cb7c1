/** tcp-connect: connect + accept + close, one after another, the server closes first, both closes complete. Per second. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { AF, SOCK } from '../../../src/socket/constants.ts';
import { type Figure, interleave, type Side } from '../rounds.ts';
import { listenOn, makeTestbed, type Testbed } from '../testbed.ts';

const ROUND_MS = 400;

class OursConnect implements Side {
  private readonly bed: Testbed;
  private readonly listener: { fd: number; address: Uint8Array };
  private readonly byte = new Uint8Array(1);

  private constructor(bed: Testbed, listener: { fd: number; address: Uint8Array }) {
    this.bed = bed;
    this.listener = listener;
  }

  static async make(): Promise<OursConnect> {
    const bed = makeTestbed({ offload: true });
    return new OursConnect(bed, await listenOn(bed));
  }

  async round(): Promise<number> {
    const { client, server } = this.bed;
    let count = 0;
    const start = performance.now();
    const end = start + ROUND_MS;
    while (performance.now() < end) {
      const fd = await client.socket(AF.INET, SOCK.STREAM, 0);
      const accepting = server.accept(this.listener.fd);
      await client.connect(fd, this.listener.address);
      const accepted = await accepting;
      await server.close(accepted.fd);
      if ((await client.read(fd, this.byte)) !== 0) throw new Error('tcp-connect: data where the end was due');
      await client.close(fd);
      count++;
    }
    return (count * 1000) / (performance.now() - start);
  }

  async close(): Promise<void> {
    this.bed.close();
  }
}

class KernelConnect implements Side {
  private readonly server: Server;
  private readonly port: number;

  private constructor(server: Server) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async make(): Promise<KernelConnect> {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new KernelConnect(server);
  }

  async round(): Promise<number> {
    let count = 0;
    const start = performance.now();
    const end = start + ROUND_MS;
    while (performance.now() < end) {
      await new Promise<void>((resolve, reject) => {
        let open = 2;
        const closed = (): void => {
          if (--open === 0) resolve();
        };
        this.server.once('connection', (socket: Socket) => socket.once('close', closed));
        const socket = connect({ port: this.port, host: '127.0.0.1' });
        socket.once('error', reject);
        socket.once('close', closed);
        socket.resume();
      });
      count++;
    }
    return (count * 1000) / (performance.now() - start);
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export async function tcpConnect(rounds: number): Promise<Figure> {
  const ours = await OursConnect.make();
  const kernel = await KernelConnect.make();
  try {
    return await interleave(ours, kernel, rounds, 'connections/s');
  } finally {
    await ours.close();
    await kernel.close();
  }
}
