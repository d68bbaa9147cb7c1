/**
 * A client whose attempts are to come ever more rarely while the server is away. Planted bug: the waiting time is reset by
 * each attempt, not by one that succeeds.
 */
import assert from 'node:assert/strict';
import net from 'node:net';
import { simTest } from 'sockscape/test';
import { below, isFixed } from './chance.mjs';

function keepConnected(port, host, counts) {
  let waitMs = 10;
  const connect = () => {
    counts.attempts++;
    if (!isFixed) waitMs = 10;
    const socket = net.connect(port, host, () => {
      waitMs = 10;
    });
    socket.on('error', () => {});
    socket.resume();
    socket.on('close', () => {
      setTimeout(connect, waitMs);
      waitMs = Math.min(waitMs * 2, 10_000);
    });
  };
  connect();
}

simTest('attempts come more rarely while nobody answers', { seeds: 50 }, async (world) => {
  const [server, client] = [world.host('server'), world.host('client')];
  world.cable(client, server, { delayUs: 2000 });
  const open = new Set();
  let listener;
  const listen = () => server.run(() => {
    listener = net.createServer((socket) => {
      open.add(socket);
      socket.on('error', () => {}).on('close', () => open.delete(socket));
    }).listen(4000);
  });
  await listen();
  const counts = { attempts: 0 };
  await client.run(() => keepConnected(4000, '10.0.1.2', counts));
  const outage = 10e6 + below(world, 50_000_000);
  world.at(1e6 + below(world, 20_000_000), async () => {
    listener.close();
    for (const socket of open) socket.destroy();
    await world.sleep(outage);
    await listen();
  }, `server: away for ${(outage / 1e6).toFixed(1)} s`);
  await world.sleep(120e6);
  assert.ok(counts.attempts < 40, `${counts.attempts} attempts in two minutes`);
});
