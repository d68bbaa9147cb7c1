/**
 * One run of web programs in bad weather, recorded: what web-replay.test.ts and scripts/compare-nodes.mjs compare. Servers of http (with
 * Date headers) and http2, clients with agents that queue and keep connections, undici, Node's own fetch, names from a name server,
 * chance in what is sent, timers/promises and streams.
 */
import { createHash, randomBytes, randomFillSync, randomInt, randomUUID } from 'node:crypto';
import dns from 'node:dns/promises';
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { scheduler, setInterval as every, setTimeout as delay } from 'node:timers/promises';
import { type NodeHost, simulate, WorldLog } from '../../src/entry/sim.node.ts';
import { Process } from '../../src/api/posix/process.ts';
import { nameServer } from '../../src/programs/name-server.ts';
import { load } from './libraries/libraries.ts';
import type { Recorded } from './replay-world.ts';

const ZONE = `$ORIGIN example.
@ 60 IN SOA ns.example. root.example. 1 60 60 60 60
@ 60 IN NS ns.example.
ns 60 IN A 10.0.1.2
www 60 IN A 10.0.1.2
mail 60 IN A 10.0.1.2
@ 60 IN MX 10 mail.example.
`;

/** A name that every Node gives it: the numbers that DOMException has are none. */
function codeOf(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : name;
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const data of stream) text += Buffer.from(data).toString();
  return text;
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);

/** Requests through an agent of two connections, which are kept; ten wait for them. */
async function agents(): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 2, maxFreeSockets: 2, scheduling: 'lifo' });
  const ask = (path: string): Promise<string> => new Promise((resolve) => {
    const request = http.get({ host: 'www.example', path, agent, headers: { 'x-id': randomUUID() } }, async (response) => {
      const body = await textOf(response).catch(codeOf);
      resolve(`${response.statusCode} ${request.reusedSocket ? 'kept' : 'new'} ${response.headers.date} ${response.headers['x-id'] as string} ${digest(body)}`);
    });
    request.setTimeout(2500, () => request.destroy(Object.assign(new Error('slow'), { code: 'SLOW' })));
    request.on('error', (error) => resolve(codeOf(error)));
  });
  for (let round = 0; round < 4; round++) {
    const answers = await Promise.all(Array.from({ length: 6 }, (_, i) => ask(`/agents/${round}/${i}`)));
    for (const answer of answers) console.log('agents', answer);
    await delay(300 + randomInt(1000));
  }
  agent.destroy();
}

/** Streams of http2 on one connection, and its ping. */
async function sessions(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const session = http2.connect('http://www.example:8080');
    session.on('error', (error) => console.log('http2', codeOf(error)));
    session.setTimeout(6000, () => session.destroy(Object.assign(new Error('slow'), { code: 'SLOW' })));
    const ask = (i: number): Promise<string> => new Promise((resolve) => {
      const stream = session.request({ ':path': `/h2/${round}/${i}`, ':method': 'POST', 'x-id': randomBytes(8).toString('hex') });
      let [date, body] = ['', ''];
      stream.on('response', (headers) => {
        date = `${headers[':status']} ${headers.date}`;
      });
      stream.on('data', (data) => (body += data));
      stream.on('error', (error) => resolve(codeOf(error)));
      stream.on('close', () => resolve(`${date} ${digest(body)}`));
      stream.end(randomBytes(3000).toString('base64'));
    });
    for (const answer of await Promise.all([0, 1, 2].map(ask))) console.log('http2', answer);
    if (!session.destroyed) session.ping((error, ms) => console.log('http2 ping', error ? codeOf(error) : ms));
    await delay(200);
    if (!session.destroyed) session.close();
    if (!session.destroyed) await once(session, 'close');
  }
}

/** The library undici, the same on every Node. */
async function undici(): Promise<void> {
  const { Pool } = await load('undici');
  const pool = new Pool('http://www.example', { connections: 2, headersTimeout: 3000, bodyTimeout: 3000, pipelining: 1, keepAliveTimeout: 3000 });
  for (let round = 0; round < 3; round++) {
    await Promise.all([0, 1, 2, 3].map(async (i) => {
      try {
        const { statusCode, headers, body } = await pool.request({ path: `/undici/${round}/${i}`, method: 'GET', headers: { 'x-id': randomUUID() } });
        console.log('undici', round, i, statusCode, headers.date, digest(await body.text()));
      } catch (error) {
        console.log('undici', round, i, codeOf(error));
      }
    }));
    await scheduler.wait(500);
  }
  await pool.destroy();
}

/** Node's own fetch. */
async function fetching(): Promise<void> {
  for (let i = 0; i < 6; i++) {
    try {
      const form = new FormData();
      form.append('name', randomUUID());
      form.append('file', new Blob([randomBytes(500).toString('hex')]), 'random.txt');
      const body = i % 2 === 0 ? form : randomUUID();
      const response = await fetch(`http://www.example/fetch/${i}`, { method: 'POST', body, signal: AbortSignal.timeout(3000) });
      console.log('fetch', new Date().toISOString(), response.status, response.headers.get('date'), digest(await response.text()));
    } catch (error) {
      console.log('fetch', new Date().toISOString(), codeOf((error as Error).cause ?? error));
    }
    await delay(400);
  }
}

/** What chance gives, sent through a pipeline of streams, and names. */
async function chance(): Promise<void> {
  let i = 0;
  for await (const _ of every(600)) {
    if (++i > 6) break;
    try {
      const { address } = await dns.lookup('www.example');
      const found = [(await dns.resolve4('mail.example')).join(), (await dns.resolveMx('example'))[0]?.exchange];
      const socket = net.connect({ port: 4000, host: address, signal: AbortSignal.timeout(4000) });
      const pieces = [
        randomBytes(200).toString('hex'), randomUUID(), String(Math.random()), String(randomInt(1e6)), String(globalThis.crypto.getRandomValues(new Uint32Array(4))),
        globalThis.crypto.randomUUID(), randomFillSync(Buffer.alloc(40)).toString('base64'), new Date().toString(), performance.now().toFixed(3),
      ];
      const upper = new Transform({ transform: (data: Buffer, _encoding, done) => done(null, `${data.toString().toUpperCase()}\n`) });
      const heard = textOf(socket);
      await pipeline(Readable.from(pieces), upper, socket, { end: true });
      console.log('chance', found.join(' '), pieces[2], digest(await heard));
    } catch (error) {
      console.log('chance', codeOf(error));
    }
  }
}

function serve(): void {
  const server = http.createServer(async (request: IncomingMessage, response) => {
    const body = await textOf(request).catch(codeOf);
    await delay(20 + Math.floor(Math.random() * 60));
    response.setHeader('x-id', String(request.headers['x-id'] ?? randomUUID()));
    Readable.from([`${request.method} ${request.url} `, digest(body), 'x'.repeat(randomInt(4000))]).pipe(response);
    response.on('error', (error) => console.log('server', codeOf(error)));
  });
  server.keepAliveTimeout = 20_000;
  server.listen(80);
  const second = http2.createServer();
  second.on('stream', async (stream, headers) => {
    stream.on('error', (error) => console.log('server', codeOf(error)));
    const body = await textOf(stream).catch(codeOf);
    if (stream.destroyed) return;
    stream.respond({ ':status': 200, 'x-id': headers['x-id'] as string });
    stream.end(`${headers[':path'] as string} ${digest(body)} ${randomBytes(1500).toString('hex')}`);
  });
  second.on('session', (session) => session.on('error', (error) => console.log('server', codeOf(error))));
  second.listen(8080);
  net.createServer({ allowHalfOpen: true }, (socket) => {
    pipeline(socket, socket).catch((error: unknown) => console.log('server', codeOf(error)));
  }).listen(4000);
}

export const WEB_PROGRAMS = { agents, sessions, undici, chance, fetching } as const;
export type WebProgramName = keyof typeof WEB_PROGRAMS;

/**
 * Those whose bytes are the same on Node 20, 22 and 24 in any weather. undici's are in most runs, but one seed behind three others in
 * the same process was not (2026-11): what its modules keep from world to world differs.
 */
export const ALIKE: readonly WebProgramName[] = ['agents', 'sessions', 'chance'];
/** And this one where nothing is lost: Node 24's fetch closes a connection whose answer has not come at another time. */
export const ALIKE_WHEN_CALM: readonly WebProgramName[] = ['fetching'];

export async function recordWeb(seed: string | number, names: readonly WebProgramName[], isCalm = false): Promise<Recorded> {
  // Loaded before: what else a library loads is work in real time, and not the world's.
  if (names.includes('undici')) await load('undici');
  const log = new WorldLog();
  return await simulate({ seed, log, record: true }, async (world) => {
    const [client, server] = [world.host('client'), world.host('server')] as [NodeHost, NodeHost];
    world.cable(client, server, { delayUs: 15_000, jitterUs: 4000, loss: isCalm ? 0 : 0.01, reorder: { probability: 0.02, extraUs: 9000 } });
    client.writeFile('/etc/resolv.conf', 'nameserver 10.0.1.2\n');
    if (!isCalm) world.faults.random({ count: 2, kinds: ['cut', 'block', 'one-way', 'slow', 'lossy'], untilUs: 8e6, lastsUs: [100_000, 3e6] });
    void nameServer(new Process(server, 'name-server') as never, [ZONE]);
    await server.run(serve, { name: 'server' });
    await Promise.all(names.map((name) => client.run(WEB_PROGRAMS[name], { name })));
    return { log: log.text(), pcapng: world.recording?.bytes() ?? new Uint8Array(), frames: world.recording?.frames ?? 0 };
  });
}
