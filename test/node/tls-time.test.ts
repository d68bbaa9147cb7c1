/** TLS and http2 in a world: their timeouts are the world's, and a seed gives the same events at the same times with a key of RSA. */
import { deepEqual, equal } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { needs } from '../needs.ts';
import { SimFolder } from './sim-process.ts';

const folder = new SimFolder();
const BEFORE = `
  import fs from 'node:fs'; import http2 from 'node:http2'; import net from 'node:net'; import tls from 'node:tls'; import { once } from 'node:events';
  const { simulate } = await import('./sim.mjs');`;

test('the timeout of an http2 stream and of a TLS handshake are the world\'s', () => {
  const told = folder.result<number[]>(`${BEFORE}
    console.log(JSON.stringify(await simulate({ seed: 1 }, (world) => world.host('a').run(async () => {
      const silent = http2.createServer(() => {}).listen(80);
      const session = http2.connect('http://127.0.0.1');
      const stream = session.request({ ':path': '/' });
      let began = world.now;
      stream.setTimeout(3_600_000);
      await once(stream, 'timeout');
      const waited = [world.now - began];
      session.destroy();
      silent.close();
      const server = tls.createServer({ handshakeTimeout: 50_000 }).listen(443);
      const mute = net.connect(443).on('error', () => {}).resume();
      await once(mute, 'connect');
      began = world.now;
      const [error] = await once(server, 'tlsClientError');
      server.close();
      mute.destroy();
      return [...waited, world.now - began, error.code];
    }))));`, ['--no-warnings']);
  deepEqual(told.map((value) => (typeof value === 'number' ? Math.round(value / 1e6) : value)), [3600, 50, 'ERR_TLS_HANDSHAKE_TIMEOUT']);
});

test('TLS with a key of RSA: the same events at the same times, on a cable with a rate too', needs('openssl'), () => {
  const [key, cert] = [join(folder.path, 'rsa.key'), join(folder.path, 'rsa.crt')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=server', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const runs = folder.result<string[]>(`${BEFORE}
    const key = fs.readFileSync('rsa.key'), cert = fs.readFileSync('rsa.crt');
    const run = (rateBitsPerSecond) => simulate({ seed: 1 }, async (world) => {
      const [client, server] = [world.host('client'), world.host('server')];
      world.cable(client, server, { delayUs: 5000, ...(rateBitsPerSecond ? { rateBitsPerSecond } : {}) });
      await server.run(() => { tls.createServer({ key, cert }, (socket) => socket.pipe(socket)).listen(443); });
      return await client.run(async () => {
        const log = [];
        const socket = tls.connect({ port: 443, host: 'server', rejectUnauthorized: false });
        await once(socket, 'secureConnect');
        log.push(world.now);
        socket.write('x'.repeat(5000));
        for (let bytes = 0; bytes < 5000;) {
          const [data] = await once(socket, 'data');
          bytes += data.length;
          log.push(world.now + ':' + data.length);
        }
        socket.end();
        return log.join(' ');
      });
    });
    const runs = [];
    for (let i = 0; i < 16; i++) runs.push(await run(i % 2 === 0 ? 0 : 1e6));
    console.log(JSON.stringify(runs));`, ['--no-warnings']);
  equal(new Set(runs.filter((_, i) => i % 2 === 0)).size, 1, runs.join('\n'));
  equal(new Set(runs.filter((_, i) => i % 2 === 1)).size, 1, runs.join('\n'));
});
