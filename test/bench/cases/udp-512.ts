/**
 * udp-512: datagrams of 512 bytes in bursts of 32; the next burst goes out when the last has arrived, so that neither
 * side loses any. Datagrams per second that arrived in the receiver's buffer.
 */
import { createSocket, type Socket } from 'node:dgram';
import { performance } from 'node:perf_hooks';
import { AF, SOCK } from '../../../src/socket/constants.ts';
import { sockaddrIn } from '../../../src/socket/sockaddr.ts';
import { type Figure, interleave, type Side } from '../rounds.ts';
import { makeTestbed, type Testbed } from '../testbed.ts';

const SIZE = 512;
const BURST = 32;
const ROUND_MS = 400;

class OursUdp implements Side {
  private readonly bed: Testbed;
  private readonly from: number;
  private readonly to: number;

  private constructor(bed: Testbed, from: number, to: number) {
    this.bed = bed;
    this.from = from;
    this.to = to;
  }

  static async make(): Promise<OursUdp> {
    const bed = makeTestbed({ offload: true });
    const to = await bed.server.socket(AF.INET, SOCK.DGRAM, 0);
    await bed.server.bind(to, sockaddrIn(bed.serverAddress, 9999));
    const from = await bed.client.socket(AF.INET, SOCK.DGRAM, 0);
    await bed.client.connect(from, sockaddrIn(bed.serverAddress, 9999));
    return new OursUdp(bed, from, to);
  }

  async round(): Promise<number> {
    const { client, server } = this.bed;
    const out = new Uint8Array(SIZE).fill(0x5a);
    const into = new Uint8Array(SIZE);
    let count = 0;
    const start = performance.now();
    const end = start + ROUND_MS;
    while (performance.now() < end) {
      for (let i = 0; i < BURST; i++) {
        out[0] = i;
        await client.send(this.from, out, 0);
      }
      for (let i = 0; i < BURST; i++) {
        const n = await server.recv(this.to, into, 0);
        if (n !== SIZE || into[0] !== i || into[SIZE - 1] !== 0x5a) throw new Error('udp-512: wrong datagram');
        count++;
      }
    }
    return (count * 1000) / (performance.now() - start);
  }

  async close(): Promise<void> {
    this.bed.close();
  }
}

class KernelUdp implements Side {
  private readonly from: Socket;
  private readonly to: Socket;
  private arrived = 0;
  private burstDone: () => void = () => {};

  private constructor(from: Socket, to: Socket) {
    this.from = from;
    this.to = to;
    to.on('message', (message) => {
      if (message.length !== SIZE) throw new Error('udp-512: wrong datagram');
      if (++this.arrived % BURST === 0) this.burstDone();
    });
  }

  static async make(): Promise<KernelUdp> {
    const to = createSocket('udp4');
    await new Promise<void>((resolve) => to.bind(0, '127.0.0.1', resolve));
    const from = createSocket('udp4');
    await new Promise<void>((resolve) => from.connect(to.address().port, '127.0.0.1', resolve));
    return new KernelUdp(from, to);
  }

  async round(): Promise<number> {
    const out = Buffer.alloc(SIZE, 0x5a);
    let count = 0;
    const start = performance.now();
    const end = start + ROUND_MS;
    await new Promise<void>((resolve) => {
      const burst = (): void => {
        if (performance.now() >= end) return resolve();
        for (let i = 0; i < BURST; i++) this.from.send(out);
      };
      this.burstDone = () => {
        count += BURST;
        burst();
      };
      burst();
    });
    return (count * 1000) / (performance.now() - start);
  }

  async close(): Promise<void> {
    this.from.close();
    this.to.close();
  }
}

export async function udp512(rounds: number): Promise<Figure> {
  const ours = await OursUdp.make();
  const kernel = await KernelUdp.make();
  try {
    return await interleave(ours, kernel, rounds, 'datagrams/s');
  } finally {
    await ours.close();
    await kernel.close();
  }
}
