/**
 * A client that sends what a bus tells it, over a connection that it makes anew when it breaks. Planted bug: the listener of
 * the connection before stays on the bus.
 */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import net from 'node:net';
import { simTest } from 'sockscape/test';
import { below, isFixed, silence } from './chance.mjs';

function forward(bus, port, host) {
  const connect = () => {
    const socket = net.connect(port, host);
    const send = (text) => socket.write(text);
    socket.on('connect', () => bus.on('message', send));
    const silent = setTimeout(() => socket.destroy(), 5000);
    socket.on('data', () => silent.refresh());
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(silent);
      if (isFixed) bus.off('message', send);
      setTimeout(connect, 1000);
    });
  };
  connect();
}

simTest('a connection leaves no listener behind', { seeds: 50 }, async (world) => {
  const [server, client] = [world.host('server'), world.host('client')];
  const cable = world.cable(client, server, { delayUs: 5000 });
  await server.run(() => void net.createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(4000));
  const bus = new EventEmitter();
  await client.run(() => {
    forward(bus, 4000, '10.0.1.2');
    setInterval(() => bus.emit('message', 'x'), 1000);
  });
  for (let i = 0; i < 3; i++) silence(world, cable, 1e6 + below(world, 60_000_000), below(world, 12_000_000));
  await world.sleep(120e6);
  const count = bus.listenerCount('message');
  assert.ok(count <= 1, `${count} listeners on the bus`);
});
