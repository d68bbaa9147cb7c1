/**
 * One run of Node programs in bad weather, recorded: what replay.test.ts and scripts/compare-nodes.mjs compare. Its programs use net,
 * http, dgram, dns, timers, dates and chance.
 */
import { createHash } from 'node:crypto';
import dgram from 'node:dgram';
import dns from 'node:dns';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { simulate, WorldLog } from '../../src/entry/sim.node.ts';

export interface Recorded {
  readonly log: string;
  readonly pcapng: Uint8Array;
  readonly frames: number;
}

/** The SHA-256 of both files. */
export function digestOf({ log, pcapng }: Recorded): string {
  return createHash('sha256').update(pcapng).update(log).digest('hex');
}

export async function recordSeed(seed: string | number): Promise<Recorded> {
  const log = new WorldLog();
  return await simulate({ seed, log, record: true }, async (world) => {
    const [client, server] = [world.host('client'), world.host('server')];
    const cable = world.cable(client, server, { delayUs: 15_000, jitterUs: 4000, loss: 0.02, reorder: { probability: 0.02, extraUs: 9000 } });
    // One that every seed has: the others may come after the end.
    world.at(1_500_000, () => cable.set({ loss: 0.03 }));
    world.faults.random({ count: 3, kinds: ['cut', 'block', 'one-way', 'slow', 'lossy'], untilUs: 20e6, lastsUs: [100_000, 6e6] });
    await server.run(() => {
      net.createServer((socket) => {
        socket.on('error', (error: NodeJS.ErrnoException) => console.log('server', error.code));
        socket.on('data', (data) => socket.write(data.toString().toUpperCase()));
        socket.on('end', () => socket.end());
      }).listen(4000);
      http.createServer((request, response) => {
        // The Date header is the machine's where http was loaded before the world's clocks were in place.
        response.sendDate = false;
        response.setHeader('x-at', Date.now());
        response.end(`${request.url} ${'x'.repeat(5000)}`);
      }).listen(80);
      const echo = dgram.createSocket('udp4');
      echo.on('message', (data, { port, address }) => echo.send(data, port, address)).bind(5000);
    }, { name: 'server' });

    /** Connects, talks, gives up by its own deadline, and tries again. */
    const talk = async (): Promise<void> => {
      for (let i = 0; i < 12; i++) {
        await delay(500 + Math.floor(Math.random() * 1500));
        const words = await new Promise<string>((resolve) => {
          let heard = '';
          const socket = net.connect(4000, 'server', () => socket.end(`question ${i} ${Math.random()}`));
          socket.setTimeout(3000, () => socket.destroy(Object.assign(new Error('silence'), { code: 'SILENCE' })));
          socket.on('data', (data) => {
            heard += data;
          });
          socket.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
          socket.on('close', () => resolve(heard));
        });
        console.log(new Date().toISOString(), words);
      }
    };
    const fetchPages = async (): Promise<void> => {
      for (let i = 0; i < 8; i++) {
        await delay(1000);
        const words = await new Promise<string>((resolve) => {
          // Without an agent: how long one keeps a connection is another matter in each version of Node.
          const request = http.get({ host: 'server', path: `/${i}`, timeout: 4000, agent: false }, (response) => {
            let bytes = 0;
            response.on('data', (data: Buffer) => {
              bytes += data.length;
            });
            response.on('close', () => resolve(`${response.statusCode} ${String(response.headers['x-at'])} ${bytes}`));
            response.on('error', () => {});
          });
          request.on('timeout', () => request.destroy());
          request.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)));
        });
        console.log(`${performance.now().toFixed(3)} ms`, words);
      }
    };
    const ping = async (): Promise<void> => {
      const address = await new Promise<string>((resolve, reject) => dns.lookup('server', (error, found) => (error ? reject(error) : resolve(found))));
      const socket = dgram.createSocket('udp4');
      socket.on('message', (data) => console.log('pong', data.toString(), process.hrtime()[0]));
      const timer = setInterval(() => socket.send(String(Date.now()), 5000, address), 700);
      await delay(15_000);
      clearInterval(timer);
      await new Promise<void>((resolve) => socket.close(resolve));
    };
    await Promise.all([client.run(talk, { name: 'talk' }), client.run(fetchPages, { name: 'pages' }), client.run(ping, { name: 'ping' })]);
    return { log: log.text(), pcapng: world.recording?.bytes() ?? new Uint8Array(), frames: world.recording?.frames ?? 0 };
  });
}
