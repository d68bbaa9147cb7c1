/**
 * A client that keeps a connection to a server, and connects again when it has lost it. Planted bug: when the connection is
 * lost while a new one is being made, it forgets to try again.
 */
import assert from 'node:assert/strict';
import net from 'node:net';
import { simTest } from 'sockscape/test';

const below = (random, n) => (random.int32() >>> 0) % n;

function keepConnected(port, host, onMessage) {
  let connecting = false;
  const connect = () => {
    if (connecting) return;
    connecting = true;
    const socket = net.connect(port, host, () => {
      connecting = false;
      console.log('connected');
    });
    socket.setTimeout(5000, () => socket.destroy(new Error('silence')));
    socket.on('data', onMessage);
    socket.on('error', (error) => console.log('lost:', error.code ?? error.message));
    // The bug: `connecting` stays true when the attempt itself fails.
    socket.on('close', () => setTimeout(connect, 500));
  };
  connect();
}

simTest('a client that lost its server comes back', { seeds: 200 }, async (world) => {
  const server = world.host('server');
  const client = world.host('client');
  const cable = world.cable(client, server, { delayUs: 20_000 });
  await server.run(() => {
    net.createServer((socket) => {
      const timer = setInterval(() => socket.write('tick\n'), 1000);
      socket.on('error', () => {});
      socket.on('close', () => clearInterval(timer));
    }).listen(4000);
  });
  let last = 0;
  await client.run(() => keepConnected(4000, '10.0.1.2', () => {
    last = Date.now();
  }));
  // Bad times for half a minute, then a minute to come back in.
  for (let i = 0; i < 6; i++) {
    const atUs = below(world.random, 30_000_000);
    const lastsUs = 200_000 + below(world.random, 8_000_000);
    world.at(atUs, () => cable.set({ loss: 1 }), `client--server: silent for ${(lastsUs / 1e6).toFixed(1)} s`);
    world.at(atUs + lastsUs, () => cable.set({ loss: 0 }), 'client--server: heard again');
  }
  await world.sleep(100e6);
  assert.ok(Date.now() - last < 10_000, `nothing was heard for ${Date.now() - last} ms`);
});
