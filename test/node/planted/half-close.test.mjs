/**
 * A server that answers when the client has said all it has to say. Planted bug: it destroys the connection soon after the
 * client's FIN, and with it what of the answer is still under way.
 */
import assert from 'node:assert/strict';
import net from 'node:net';
import { simTest } from 'sockscape/test';
import { below, isFixed, silence } from './chance.mjs';

const ANSWER = Buffer.alloc(200_000, 'answer ');

simTest('an answer arrives whole, though the client has closed its half', { seeds: 50 }, async (world) => {
  const [server, client] = [world.host('server'), world.host('client')];
  const cable = world.cable(client, server, { delayUs: 10_000, rateBitsPerSecond: 10e6 });
  await server.run(() => {
    net.createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      socket.resume();
      socket.on('end', () => {
        socket.end(ANSWER);
        if (!isFixed) setTimeout(() => socket.destroy(), 500);
      });
    }).listen(4000);
  });
  silence(world, cable, below(world, 1_500_000), 300_000 + below(world, 500_000));
  for (let i = 0; i < 5; i++) {
    await world.sleep(below(world, 300_000));
    const bytes = await client.run(() => new Promise((resolve) => {
      let n = 0;
      const socket = net.connect(4000, '10.0.1.2', () => socket.end('a question'));
      socket.on('data', (chunk) => {
        n += chunk.length;
      });
      socket.on('error', (error) => resolve(error.code));
      socket.on('close', () => resolve(n));
    }));
    assert.equal(bytes, ANSWER.length);
  }
});
