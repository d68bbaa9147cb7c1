/**
 * An ordinary Node program: one net socket writes 64 KiB at a time and heeds backpressure, another reads. It knows nothing of
 * sockscape; each line on standard input is one round, answered by Gbit/s of payload that arrived.
 */
import net from 'node:net';
import { createInterface } from 'node:readline';

const ROUND_MS = 400;
const block = Buffer.alloc(65536, 7);
let arrived = 0;

const server = net.createServer((socket) => {
  socket.on('data', (bytes) => {
    if (bytes[0] !== 7 || bytes[bytes.length - 1] !== 7) throw new Error('other bytes arrived');
    arrived += bytes.length;
  });
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const client = net.connect(server.address().port, '127.0.0.1');
await new Promise((connected) => client.on('connect', connected));
let stopAt = 0;

function write() {
  while (performance.now() < stopAt) {
    if (!client.write(block)) {
      client.once('drain', write);
      return;
    }
  }
}

async function round() {
  const before = arrived;
  const begun = performance.now();
  stopAt = begun + ROUND_MS;
  write();
  await new Promise((over) => setTimeout(over, ROUND_MS));
  const gigabits = ((arrived - before) * 8) / (performance.now() - begun) / 1e6;
  // What is on its way belongs to no round.
  while (arrived < client.bytesWritten) await new Promise(setImmediate);
  return gigabits;
}

for await (const _line of createInterface({ input: process.stdin })) process.stdout.write(`${await round()}\n`);
client.destroy();
server.close();
