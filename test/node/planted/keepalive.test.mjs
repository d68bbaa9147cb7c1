/**
 * A client that asks its peer every second for a sign of life, and gives the connection up when there has been none for ten.
 * Planted bug: its own questions count as signs.
 */
import assert from 'node:assert/strict';
import net from 'node:net';
import { simTest } from 'sockscape/test';
import { below, isFixed } from './chance.mjs';

function watch(socket, onDead) {
  let deadline;
  const alive = () => {
    clearTimeout(deadline);
    deadline = setTimeout(() => {
      clearInterval(questions);
      socket.destroy();
      onDead();
    }, 10_000);
  };
  const questions = setInterval(() => {
    socket.write('?');
    if (!isFixed) alive();
  }, 1000);
  socket.on('data', alive);
  alive();
}

simTest('a peer that is gone is noticed', { seeds: 50 }, async (world) => {
  const [server, client] = [world.host('server'), world.host('client')];
  const cable = world.cable(client, server, { delayUs: 1000 });
  await server.run(() => void net.createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(4000));
  let noticedAt = Infinity;
  await client.run(() => new Promise((resolve) => {
    const socket = net.connect(4000, '10.0.1.2', () => {
      watch(socket, () => {
        noticedAt = world.now;
      });
      resolve();
    });
    socket.on('error', () => {});
  }));
  const goneAt = 1e6 + below(world, 60_000_000);
  world.at(goneAt, () => cable.block(), 'client--server: silent for good');
  await world.sleep(goneAt + 60e6);
  if (world.timeline.length > 0) assert.ok(noticedAt - goneAt < 15e6, 'nobody has noticed within a minute');
});
