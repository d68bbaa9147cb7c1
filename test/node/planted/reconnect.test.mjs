/**
 * A client that keeps a connection to a server, and connects again when it has lost it. Planted bug: an attempt that fails
 * leaves `connecting` set, and none is made after it.
 */
import assert from 'node:assert/strict';
import net from 'node:net';
import { simTest } from 'sockscape/test';
import { below, isFixed, silence } from './chance.mjs';

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
    socket.on('close', () => {
      if (isFixed) connecting = false;
      setTimeout(connect, 500);
    });
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
  // Half a minute of bad times, then a minute to come back in.
  for (let i = 0; i < 6; i++) silence(world, cable, below(world, 30_000_000), 200_000 + below(world, 8_000_000));
  await world.sleep(100e6);
  assert.ok(Date.now() - last < 10_000, `nothing was heard for ${Date.now() - last} ms`);
});
