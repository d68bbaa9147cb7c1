/** What the example programs do: both ends of net and of http over loopback, and what they saw, line by line. */
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

type Say = (line: string) => void;

interface Answer {
  readonly status: number | undefined;
  readonly reused: boolean;
  readonly body: string;
}

async function listening<T extends Server>(server: T): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const data of stream) text += data.toString();
  return text;
}

async function overNet(say: Say): Promise<void> {
  const server = net.createServer({ allowHalfOpen: true }, async (socket: Socket) => {
    const hash: Hash = createHash('sha256');
    let bytes = 0;
    // The iterator of a stream destroys it at its end, unless it is asked not to.
    for await (const data of socket.iterator({ destroyOnReturn: false })) {
      bytes += (data as Buffer).length;
      hash.update(data as Buffer);
    }
    socket.end(`${bytes} bytes from ${socket.remoteAddress}, ${hash.digest('hex').slice(0, 16)}`);
  });
  const port = await listening(server);
  const small = net.connect(port, '127.0.0.1');
  small.write('one ');
  small.end('two');
  say(`net: the server says: ${await textOf(small)}`);
  say(`net: ${small.bytesWritten} written, ${small.bytesRead} read, ${small.remoteFamily ?? 'closed'}`);
  const large = net.connect({ port, host: '127.0.0.1', noDelay: true });
  const pieces = Array.from({ length: 64 }, (_, i) => Buffer.alloc(50_000, i));
  const [answer] = await Promise.all([textOf(large), pipeline(Readable.from(pieces), large, { end: true })]);
  say(`net: the server says: ${answer}`);
  server.close();
  await once(server, 'close');
  const [error] = (await once(net.connect(port, '127.0.0.1'), 'error').catch((thrown: unknown) => [thrown])) as [NodeJS.ErrnoException];
  say(`net: afterwards ${error.code} of ${error.syscall}`);
}

function ask(port: number, agent: http.Agent, path: string, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, agent, path, method: body === '' ? 'GET' : 'POST' }, async (response) => {
      resolve({ status: response.statusCode, reused: request.reusedSocket, body: await textOf(response) });
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function overHttp(say: Say): Promise<void> {
  const server = http.createServer(async (request: IncomingMessage, response) => {
    if (request.url === '/missing') response.writeHead(404).end();
    else if (request.method === 'POST') response.end((await textOf(request)).toUpperCase());
    else if (request.url === '/chunks') {
      for (const chunk of ['in ', 'three ', 'chunks']) {
        response.write(chunk);
        await new Promise(setImmediate);
      }
      response.end();
    } else response.setHeader('content-type', 'application/json').end(JSON.stringify({ path: request.url, from: request.socket.remoteAddress }));
  });
  const port = await listening(server);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (const [path, body] of [['/first'], ['/chunks'], ['/post', 'a body '.repeat(3)], ['/missing']] as const) {
    const { status, reused, body: text } = await ask(port, agent, path, body);
    say(`http: ${path} ${status} ${reused ? 'on the same' : 'on a new'} connection: ${text}`);
  }
  const together = await Promise.all(['/a', '/b', '/c'].map((path) => ask(port, agent, path)));
  say(`http: one after the other: ${together.map(({ body }) => JSON.parse(body).path).join(' ')}`);
  const response = await fetch(`http://127.0.0.1:${port}/fetched`);
  say(`fetch: ${response.status} ${JSON.stringify(await response.json())}`);
  agent.destroy();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  say('http: closed');
}

export async function twoEnds(say: Say): Promise<void> {
  await overNet(say);
  await overHttp(say);
}
