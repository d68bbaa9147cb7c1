/** What net promises of connections, each as a short program: run by handles.test.ts over our sockets and over the kernel's. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, Socket, type SocketConstructorOpts } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';

/** An error's code, message aside. */
export type Coded = Error & { code?: string; syscall?: string; address?: string; port?: number };

export async function listening(serve: (socket: Socket) => void, options: { allowHalfOpen?: boolean; pauseOnConnect?: boolean } = {}): Promise<Server> {
  const server = createServer(options, serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

export function portOf(server: Server): number {
  return (server.address() as { port: number }).port;
}

async function connected(server: Server, options: SocketConstructorOpts = {}): Promise<Socket> {
  const socket = new Socket(options);
  socket.connect(portOf(server), '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** A connection, both of its ends. */
async function pair(options: { allowHalfOpen?: boolean } = {}): Promise<{ server: Server; near: Socket; far: Socket }> {
  let accept: (socket: Socket) => void = () => {};
  const accepted = new Promise<Socket>((resolve) => {
    accept = resolve;
  });
  const server = await listening((socket) => accept(socket), options);
  const near = await connected(server, options);
  const far = await accepted;
  return { server, near, far };
}

/** All that comes until the end; the socket stays as it is. */
async function textOf(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (bytes) => (text += String(bytes)));
  await once(socket, 'end');
  return text;
}

async function ended({ server, near, far }: { server: Server; near: Socket; far: Socket }): Promise<void> {
  near.destroy();
  far.destroy();
  server.close();
  await once(server, 'close');
}

export const streamBehaviours: Record<string, () => Promise<void>> = {
  'echo: bytes come back as they were, and both sides count them': async () => {
    const server = await listening((socket) => socket.pipe(socket));
    const client = await connected(server);
    const sent = Buffer.alloc(300_000, 'sockets');
    client.end(sent);
    deepEqual(await buffer(client), sent);
    equal(client.bytesRead, sent.length);
    equal(client.bytesWritten, sent.length);
    server.close();
    await once(server, 'close');
  },

  'what is read has memory of its own, which begins with it and ends with it': async () => {
    const ends = await pair();
    const pieces: Buffer[] = [];
    ends.far.on('data', (bytes) => pieces.push(bytes));
    for (const bytes of [4, 3000, 40_000, 65_536, 200_000]) {
      ends.near.write(Buffer.alloc(bytes, 1));
      while (ends.far.bytesRead < ends.near.bytesWritten) await wait(1);
    }
    for (const piece of pieces) deepEqual([piece.byteOffset, piece.buffer.byteLength], [0, piece.length]);
    await ended(ends);
  },

  'half close: the reader of an end may still write, when it asked for it': async () => {
    const ends = await pair({ allowHalfOpen: true });
    ends.near.end('question');
    equal(await textOf(ends.far), 'question');
    equal(ends.far.writable, true);
    ends.far.end('answer');
    equal(await textOf(ends.near), 'answer');
    await ended(ends);
  },

  'without allowHalfOpen an end is answered by an end': async () => {
    const ends = await pair();
    ends.far.resume();
    ends.near.resume();
    ends.near.end();
    const [hadError] = await once(ends.far, 'close');
    equal(hadError, false);
    await ended(ends);
  },

  'resetAndDestroy: the peer hears ECONNRESET': async () => {
    const ends = await pair();
    ends.near.resetAndDestroy();
    ends.far.resume();
    const [error] = (await once(ends.far, 'error')) as [Coded];
    equal(error.code, 'ECONNRESET');
    equal(error.syscall, 'read');
    await ended(ends);
  },

  'write after end: refused, and nothing of it is sent': async () => {
    const ends = await pair();
    ends.near.end('all');
    const failed = new Promise<Coded>((resolve) => {
      ends.near.on('error', resolve);
    });
    const written = new Promise<Coded | null | undefined>((resolve) => {
      ends.near.write('more', (error) => resolve(error as Coded));
    });
    equal((await written)?.code, 'ERR_STREAM_WRITE_AFTER_END');
    equal((await failed).code, 'ERR_STREAM_WRITE_AFTER_END');
    equal(String(await buffer(ends.far)), 'all');
    await ended(ends);
  },

  'backpressure: what the peer does not read waits, is counted, and drains when it reads': async () => {
    const ends = await pair();
    ends.far.pause();
    const piece = Buffer.alloc(1 << 20);
    let sent = 0;
    while (ends.near.write(piece) && sent < 64) sent++;
    for (let i = 0; i < 16; i++) ends.near.write(piece);
    const total = (sent + 17) * piece.length;
    await wait(20);
    equal(ends.near.bytesWritten, total);
    ok(ends.near.writableLength > 0);
    equal(ends.near.bufferSize, ends.near.writableLength);
    let got = 0;
    const drained = once(ends.near, 'drain');
    ends.far.on('data', (bytes) => {
      got += bytes.length;
      if (got === total) ends.far.emit('all');
    });
    const all = once(ends.far, 'all');
    ends.far.resume();
    await all;
    await drained;
    equal(ends.near.writableLength, 0);
    await ended(ends);
  },

  'pause and resume: nothing is read in between': async () => {
    const ends = await pair();
    const seen: string[] = [];
    ends.far.on('data', (bytes) => seen.push(String(bytes)));
    ends.near.write('one');
    await once(ends.far, 'data');
    ends.far.pause();
    ends.near.write('two');
    await wait(20);
    deepEqual(seen, ['one']);
    ends.far.resume();
    await once(ends.far, 'data');
    deepEqual(seen, ['one', 'two']);
    await ended(ends);
  },

  'pauseOnConnect: a connection is not read before it is resumed': async () => {
    let accept: (socket: Socket) => void = () => {};
    const accepted = new Promise<Socket>((resolve) => {
      accept = resolve;
    });
    const server = await listening((socket) => accept(socket), { pauseOnConnect: true });
    const near = await connected(server);
    near.write('early');
    const far = await accepted;
    await wait(20);
    equal(far.bytesRead, 0);
    far.resume();
    const [bytes] = await once(far, 'data');
    equal(String(bytes), 'early');
    await ended({ server, near, far });
  },

  'onread: bytes come into the buffer of the program': async () => {
    const server = await listening((socket) => socket.end('0123456789'));
    const mine = Buffer.alloc(4);
    const parts: string[] = [];
    const socket = connect({
      port: portOf(server), host: '127.0.0.1',
      onread: { buffer: mine, callback: (count, bytes) => parts.push(Buffer.from(bytes.buffer, bytes.byteOffset, count).toString()) > 0 },
    });
    await once(socket, 'close');
    equal(parts.join(''), '0123456789');
    ok(parts.every((part) => part.length <= 4));
    server.close();
    await once(server, 'close');
  },

  'a signal ends a connection, and a listener': async () => {
    const ends = await pair();
    const controller = new AbortController();
    const socket = connect({ port: portOf(ends.server), host: '127.0.0.1', signal: controller.signal } as never);
    const failed = once(socket, 'error');
    controller.abort();
    equal(((await failed)[0] as Coded).name, 'AbortError');
    const stop = new AbortController();
    const server = createServer().listen({ port: 0, host: '127.0.0.1', signal: stop.signal });
    await once(server, 'listening');
    stop.abort();
    await once(server, 'close');
    await ended(ends);
  },

  'destroy: close comes before a timer of one millisecond': async () => {
    const ends = await pair();
    const order: string[] = [];
    ends.near.on('close', () => order.push('close'));
    await new Promise<void>((resolve) => {
      ends.far.end();
      ends.near.resume().on('end', () => {
        ends.near.destroy();
        setTimeout(() => {
          order.push('timer');
          resolve();
        }, 1);
      });
    });
    deepEqual(order, ['close', 'timer']);
    await ended(ends);
  },

  'connection comes before connect': async () => {
    const order: string[] = [];
    const server = await listening(() => order.push('connection'));
    const client = await connected(server);
    order.push('connect');
    await wait(5);
    deepEqual(order, ['connection', 'connect']);
    client.destroy();
    server.close();
    await once(server, 'close');
  },

  'errors of connect and listen have the codes of the machine': async () => {
    const server = await listening(() => {});
    const port = portOf(server);
    await rejects(once(createServer().listen(port, '127.0.0.1'), 'listening'), { code: 'EADDRINUSE', syscall: 'listen', port });
    server.close();
    await once(server, 'close');
    await rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1', port });
    await rejects(once(createServer().listen(0, '192.0.2.77'), 'listening'), { code: 'EADDRNOTAVAIL', syscall: 'listen' });
    await rejects(once(connect(1, '192.0.2.77'), 'connect'), { code: 'ENETUNREACH', syscall: 'connect' });
    await rejects(once(connect('/nowhere/at/all.sock'), 'connect'), { code: 'ENOENT', syscall: 'connect', address: '/nowhere/at/all.sock' });
  },

  'addresses of both ends agree, and family is told': async () => {
    const ends = await pair();
    equal(ends.near.remoteAddress, '127.0.0.1');
    equal(ends.near.remotePort, portOf(ends.server));
    equal(ends.near.localPort, ends.far.remotePort);
    equal(ends.far.remoteFamily, 'IPv4');
    deepEqual(ends.near.address(), { address: '127.0.0.1', family: 'IPv4', port: ends.near.localPort });
    await ended(ends);
  },

  'localAddress and localPort: the peer sees them': async () => {
    let seen = '';
    const server = await listening((socket) => {
      seen = `${socket.remoteAddress}:${socket.remotePort}`;
      socket.end();
    });
    const socket = connect({ port: portOf(server), host: '127.0.0.1', localAddress: '127.0.0.9', localPort: 23_456 });
    await once(socket.resume(), 'close');
    equal(seen, '127.0.0.9:23456');
    server.close();
    await once(server, 'close');
  },

  'local sockets: a path is bound, used, and gone after close': async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sockets-'));
    const path = join(folder, 'app.sock');
    const server = createServer((socket) => socket.end('hello'));
    server.listen(path);
    await once(server, 'listening');
    equal(server.address(), path);
    equal(String(await buffer(connect(path))), 'hello');
    await rejects(once(createServer().listen(path), 'listening'), { code: 'EADDRINUSE', syscall: 'listen', address: path });
    server.close();
    await once(server, 'close');
    await rejects(once(connect(path), 'connect'), { code: 'ENOENT' });
    equal(statSync(path, { throwIfNoEntry: false }), undefined);
    rmSync(folder, { recursive: true });
  },

  'abstract names': async () => {
    const path = '\0sockscape-behaviours';
    const server = createServer((socket) => socket.end('hidden'));
    server.listen(path);
    await once(server, 'listening');
    equal(String(await buffer(connect(path))), 'hidden');
    server.close();
    await once(server, 'close');
  },

  'unref: a listener alone keeps no program alive; ref does': async () => {
    const server = await listening(() => {});
    server.unref();
    equal((server as unknown as { _handle: { hasRef(): boolean } })._handle.hasRef(), false);
    server.ref();
    equal((server as unknown as { _handle: { hasRef(): boolean } })._handle.hasRef(), true);
    server.close();
    await once(server, 'close');
  },

  'setTimeout: an idle connection hears of it and goes on': async () => {
    const ends = await pair();
    ends.near.setTimeout(20);
    await once(ends.near, 'timeout');
    ends.near.write('still here');
    const [bytes] = await once(ends.far, 'data');
    equal(String(bytes), 'still here');
    await ended(ends);
  },

  'maxConnections: what is too much is dropped, and told': async () => {
    const server = await listening(() => {});
    server.maxConnections = 1;
    const first = await connected(server);
    const dropped = once(server, 'drop');
    const second = await connected(server);
    const [facts] = await dropped;
    equal(facts.localPort, portOf(server));
    await once(second.resume(), 'close');
    first.destroy();
    server.close();
    await once(server, 'close');
  },
};
