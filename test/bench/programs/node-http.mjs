/**
 * An ordinary Node program: an http server and sixteen clients that keep their connections, in one process. It knows nothing
 * of sockscape; each line on standard input is one round, answered by requests per second.
 */
import http from 'node:http';
import { createInterface } from 'node:readline';

const ROUND_MS = 400;
const CLIENTS = 16;

const server = http.createServer((_request, response) => response.end('hello'));
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const { port } = server.address();
const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });

function request() {
  return new Promise((resolve, reject) => {
    const sent = http.get({ port, host: '127.0.0.1', agent, path: '/' }, (response) => {
      let body = '';
      response.on('data', (bytes) => {
        body += bytes;
      });
      response.on('end', () => (body === 'hello' ? resolve() : reject(new Error(`the answer was ${body}`))));
    });
    sent.on('error', reject);
  });
}

async function round() {
  const begun = performance.now();
  let count = 0;
  const client = async () => {
    while (performance.now() < begun + ROUND_MS) {
      await request();
      count++;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return (count / (performance.now() - begun)) * 1000;
}

for await (const _line of createInterface({ input: process.stdin })) process.stdout.write(`${await round()}\n`);
agent.destroy();
server.close();
