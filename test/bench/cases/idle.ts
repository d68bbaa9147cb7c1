/**
 * idle-10k: memory of an established pair that does nothing, heap and buffers after a collection. The kernel's figure
 * is what Node itself keeps for a pair of net.Sockets (the kernel's own memory comes on top).
 */
import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Figure } from '../rounds.ts';
import { connectPair, listenOn, makeTestbed } from '../testbed.ts';

function memory(): number {
  const gc = (globalThis as { gc?: () => void }).gc;
  if (gc === undefined) throw new Error('idle-10k needs node --expose-gc');
  for (let i = 0; i < 4; i++) gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

async function ours(pairs: number): Promise<number> {
  const bed = makeTestbed({ offload: true });
  const listener = await listenOn(bed);
  const kept: [number, number][] = [];
  // A first connection warms pools and code, so that they do not count.
  for (let i = 0; i < 100; i++) kept.push(await connectPair(bed, listener));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const before = memory();
  for (let i = 0; i < pairs; i++) kept.push(await connectPair(bed, listener));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const bytes = (memory() - before) / pairs;
  if (kept.length !== pairs + 100) throw new Error('idle-10k: a pair is missing');
  bed.close();
  return bytes;
}

async function kernel(pairs: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const kept: Socket[] = [];
  const pair = async (): Promise<void> => {
    const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
    const client = connect(port, '127.0.0.1');
    await new Promise<void>((resolve) => client.once('connect', resolve));
    kept.push(client, await accepted);
  };
  for (let i = 0; i < 20; i++) await pair();
  const before = memory();
  for (let i = 0; i < pairs; i++) await pair();
  const bytes = (memory() - before) / pairs;
  for (const socket of kept) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  return bytes;
}

export async function idle10k(): Promise<Figure> {
  const value = await ours(10000);
  const theirs = await kernel(300);
  const ratio = theirs / value;
  return { value, unit: 'bytes/pair', kernel: theirs, ratio, ratioMin: ratio, ratioMax: ratio, rounds: 1 };
}
