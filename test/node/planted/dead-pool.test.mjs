/**
 * A pool of connections, as clients of databases have one. Planted bug: a connection that ends while nobody uses it stays in
 * the pool, and the next one who asks gets it.
 */
import assert from 'node:assert/strict';
import net from 'node:net';
import { simTest } from 'sockscape/test';
import { below, isFixed } from './chance.mjs';

class Pool {
  idle = [];

  async ask(question) {
    const socket = this.idle.pop() ?? (await this.connect());
    const answer = await new Promise((resolve, reject) => {
      socket.once('data', (chunk) => resolve(String(chunk)));
      socket.once('close', () => reject(new Error('the connection was closed')));
      socket.write(question, (error) => error && reject(error));
    });
    socket.removeAllListeners('data').removeAllListeners('close');
    if (isFixed) {
      socket.once('close', () => {
        this.idle = this.idle.filter((other) => other !== socket);
      });
      // An end is read only where somebody reads.
      socket.resume();
    }
    this.idle.push(socket);
    return answer;
  }

  connect() {
    return new Promise((resolve, reject) => {
      const socket = net.connect(5432, '10.0.1.2', () => resolve(socket)).on('error', reject);
    });
  }
}

simTest('whoever asks the pool gets an answer', { seeds: 50 }, async (world) => {
  const [server, client] = [world.host('server'), world.host('client')];
  world.cable(client, server, { delayUs: 1000 });
  const open = new Set();
  await server.run(() => {
    net.createServer((socket) => {
      open.add(socket);
      socket.on('error', () => {}).on('close', () => open.delete(socket));
      socket.on('data', (question) => socket.write(`answer to ${question}`));
    }).listen(5432);
  });
  const pool = await client.run(() => new Pool());
  // Halfway between two questions.
  for (let i = 0; i < 4; i++) {
    world.at(2.5e6 + 5e6 * below(world, 30), () => {
      for (const socket of open) socket.end();
    }, 'server: closes what is idle');
  }
  for (let i = 0; i < 20; i++) {
    await world.sleep(5e6);
    assert.equal(await client.run(() => pool.ask(`${i}`)), `answer to ${i}`);
  }
});
