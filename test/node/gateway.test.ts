/**
 * host.gateway: a host of a world that stands for a TCP server of the machine's. The servers here are the test's own, on
 * 127.0.0.1 of the machine; test/node/gateway-servers.test.ts has Debian's.
 */
import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { test as nodeTest } from 'node:test';
import { type NodeHost, type NodeWorld, simulate, WorldLog } from '../../src/entry/sim.node.ts';
import type { WorldCableOptions } from '../../src/sim/world.ts';

/** In real time: a world that waits for ever would do so until somebody ends it. */
function test(title: string, run: () => Promise<void>): void {
  nodeTest(title, { timeout: 30_000 }, run);
}

const PORT = 7000;
const MIB = 1 << 20;

interface Stage {
  readonly world: NodeWorld;
  readonly client: NodeHost;
  readonly door: NodeHost;
}

/** A server of the machine's for as long as `play` runs, and a world whose `door` stands for it at port 7000. */
async function withServer(
  serve: (socket: Socket) => void, play: (stage: Stage) => Promise<void>, cable: WorldCableOptions = { delayUs: 10_000 }, log?: WorldLog,
): Promise<void> {
  const sockets: Socket[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  const port = await listen(server);
  try {
    await simulate({ seed: 'gateway', ...(log === undefined ? {} : { log }) }, async (world) => {
      const client = world.host('client');
      const door = world.host('door');
      world.cable(client, door, cable);
      door.gateway(`127.0.0.1:${port}`, { port: PORT });
      await play({ world, client, door });
    });
  } finally {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function connected(options: { port?: number; allowHalfOpen?: boolean } = {}): Promise<Socket> {
  const socket = net.connect({ host: 'door', port: PORT, ...options });
  await once(socket, 'connect');
  return socket;
}

/** What it says until it ends; its own direction stays open. */
function all(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  return new Promise((resolve, reject) => {
    socket.once('end', () => resolve(Buffer.concat(parts)));
    socket.once('error', reject);
  });
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes that repeat late. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let word = 1;
  for (let i = 0; i < length; i++) {
    word = (Math.imul(word, 1103515245) + 12345) | 0;
    bytes[i] = word >>> 16;
  }
  return bytes;
}

const echo = (socket: Socket): void => void socket.pipe(socket);

test('gateway: bytes go to the real server and come back, in real time, and the world says that no seed replays it', async () => {
  const log = new WorldLog();
  const began = performance.now();
  let seconds = 0;
  await withServer(echo, async ({ world, client, door }) => {
    equal(world.notReplayable?.startsWith('port 7000 of door is 127.0.0.1:'), true);
    deepEqual(world.escapes().map(({ name }) => name), ['gateway']);
    await client.run(async () => {
      const socket = await connected();
      // A handshake over 10 ms of cable.
      ok(world.now >= 20_000 && world.now < 500_000, `connected at ${world.now}`);
      socket.write('hello');
      equal(String((await once(socket, 'data'))[0]), 'hello');
      equal(door.connectionsOutside, 1);
      // The machine has time for others, and timers are as long as they say.
      await new Promise((resolve) => setTimeout(resolve, 300));
      socket.end();
      await once(socket, 'close');
    });
    seconds = world.now / 1e6;
    await world.until(() => door.connectionsOutside === 0);
  }, undefined, log);
  const real = (performance.now() - began) / 1000;
  ok(seconds >= 0.34 && seconds <= real, `${seconds} s of the world, ${real} s of the machine`);
  match(log.text(), /door +gateway +port 7000 of door is 127\.0\.0\.1:\d+, in real time: no seed replays this/);
});

test('gateway: a half-close goes through both ways', async () => {
  const heard: string[] = [];
  await withServer((socket) => {
    // Answers when it has heard all, and after that ends.
    void all(socket).then((bytes) => socket.end(`heard ${bytes}`));
  }, async ({ client }) => {
    await client.run(async () => {
      const socket = await connected({ allowHalfOpen: true });
      socket.write('all of');
      socket.end(' it');
      equal(String(await all(socket)), 'heard all of it');
    });
  });
  await withServer((socket) => {
    socket.end('no more');
    void all(socket).then((bytes) => heard.push(String(bytes)));
  }, async ({ world, client }) => {
    await client.run(async () => {
      const socket = await connected({ allowHalfOpen: true });
      equal(String(await all(socket)), 'no more');
      socket.end('but I have more');
      await once(socket, 'close');
    });
    await world.until(() => heard.length > 0);
  });
  deepEqual(heard, ['but I have more']);
});

test('gateway: a reset goes through both ways', async () => {
  const errors: string[] = [];
  await withServer((socket) => {
    socket.on('error', (error: NodeJS.ErrnoException) => errors.push(String(error.code)));
    socket.on('data', (bytes) => {
      if (String(bytes) === 'reset me') socket.resetAndDestroy();
    });
  }, async ({ world, client }) => {
    await client.run(async () => {
      const first = await connected();
      first.write('reset me');
      const [error] = (await once(first, 'error')) as [NodeJS.ErrnoException];
      equal(error.code, 'ECONNRESET');
      const second = await connected();
      second.write('a word');
      await new Promise((resolve) => setTimeout(resolve, 50));
      second.resetAndDestroy();
      await world.until(() => errors.length > 0);
    });
  });
  deepEqual(errors, ['ECONNRESET']);
});

test('gateway: a server that is not there refuses the client, and is there for the next one', async () => {
  const server = net.createServer(echo);
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  const log = new WorldLog();
  let isUp = false;
  let isWanted = false;
  // The machine's own sockets are opened outside of the world.
  const control = setInterval(() => {
    if (!isWanted) return;
    clearInterval(control);
    server.listen(port, '127.0.0.1', () => (isUp = true));
  }, 20);
  try {
    await simulate({ seed: 1, log }, async (world) => {
      const client = world.host('client');
      const door = world.host('door');
      world.cable(client, door, { delayUs: 10_000 });
      door.gateway(`127.0.0.1:${port}`);
      await client.run(async () => {
        const began = performance.now();
        await rejects(connected({ port }), { code: 'ECONNREFUSED' });
        // A round trip, and not the second after which a SYN is sent again.
        ok(performance.now() - began < 900);
        isWanted = true;
        await world.until(() => isUp);
        const socket = await connected({ port });
        socket.end('there');
        equal(String(await all(socket)), 'there');
      });
    });
  } finally {
    clearInterval(control);
    server.close();
  }
  match(log.text(), new RegExp(`door +gateway +127.0.0.1:${port}: connect ECONNREFUSED`));
});

test('gateway: no way to the server is EHOSTUNREACH for the client', async () => {
  await simulate({ seed: 1 }, async (world) => {
    const client = world.host('client');
    const door = world.host('door');
    world.cable(client, door, { delayUs: 1000 });
    // TCP to a broadcast address: ENETUNREACH on the machine.
    door.gateway('255.255.255.255:7000');
    await client.run(() => rejects(connected(), { code: 'EHOSTUNREACH' }));
  });
});

test('gateway: four megabytes there and back over a cable that loses, reorders and corrupts', async () => {
  const sent = pattern(4 * MIB);
  await withServer(echo, async ({ client }) => {
    await client.run(async () => {
      const socket = await connected({ allowHalfOpen: true });
      socket.end(sent);
      const back = await all(socket);
      equal(back.length, sent.length);
      equal(digest(back), digest(sent));
    });
  }, { delayUs: 2000, jitterUs: 500, loss: 0.01, corrupt: 0.002, reorder: { probability: 0.01, extraUs: 3000 } });
});

test('gateway: what the server said last arrives although both directions of its connection are over', async () => {
  const said = pattern(125_000);
  await withServer((socket) => {
    socket.resume();
    socket.on('end', () => socket.end(said));
  }, async ({ client, door }) => {
    // The second chunk waits for room until the first one is on the cable, and the end is there long before.
    door.sysctl('net.ipv4.tcp_wmem', '4096 16384 16384');
    await client.run(async () => {
      const socket = await connected({ allowHalfOpen: true });
      socket.end();
      equal((await all(socket)).length, said.length);
    });
  }, { delayUs: 1000, rateBitsPerSecond: 2e6 });
});

test('gateway: a server that does not read stops the client, and nothing piles up in between', async () => {
  const total = 64 * MIB;
  let socketOfServer: Socket | null = null;
  let received = 0;
  let reads = false;
  const control = setInterval(() => {
    if (!reads || socketOfServer === null) return;
    clearInterval(control);
    socketOfServer.on('data', (bytes) => (received += bytes.length));
    socketOfServer.on('end', () => socketOfServer?.end());
    socketOfServer.resume();
  }, 10);
  await withServer((socket) => {
    socketOfServer = socket;
    socket.pause();
  }, async ({ world, client }) => {
    await client.run(async () => {
      const socket = await connected({ allowHalfOpen: true });
      const block = pattern(MIB);
      let written = 0;
      const more = (): void => {
        while (written < total) {
          written += block.length;
          if (!socket.write(block)) return;
        }
        socket.end();
      };
      socket.on('drain', more);
      more();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const stoppedAt = written;
      // What the buffers of two kernels and of two relays hold, and the rest stays with the client.
      ok(stoppedAt < total / 2, `${stoppedAt} bytes were written although nobody reads`);
      await new Promise((resolve) => setTimeout(resolve, 300));
      equal(written, stoppedAt);
      reads = true;
      socket.resume();
      await once(socket, 'end');
    });
    await world.until(() => received === total);
  }, { delayUs: 500 });
  equal(received, total);
});

test('gateway: a cable that is cut and mended loses nothing', async () => {
  await withServer(echo, async ({ world, client }) => {
    const [cable] = world.cables;
    await client.run(async () => {
      const socket = await connected();
      cable?.cut();
      socket.write('under');
      const answer = once(socket, 'data');
      const began = world.now;
      await world.sleep(500_000);
      cable?.mend();
      equal(String((await answer)[0]), 'under');
      ok(world.now - began >= 500_000);
      socket.destroy();
    });
  });
});

test('gateway: a crash of its host resets the connections to the server, and after a restart it is there again', async () => {
  const errors: string[] = [];
  await withServer((socket) => {
    socket.on('error', (error: NodeJS.ErrnoException) => errors.push(String(error.code)));
    echo(socket);
  }, async ({ world, client, door }) => {
    await client.run(async () => {
      const socket = await connected();
      socket.write('one');
      await once(socket, 'data');
      door.crash();
      await world.sleep(100_000);
      deepEqual(errors, ['ECONNRESET']);
      door.restart();
      socket.write('two');
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
      equal(error.code, 'ECONNRESET');
      const again = await connected();
      again.end('three');
      equal(String(await all(again)), 'three');
    });
  });
});

test('gateway: a hundred clients at once have a connection each', async () => {
  await withServer(echo, async ({ client, door }) => {
    await client.run(async () => {
      const answers = await Promise.all(Array.from({ length: 100 }, async (_, i) => {
        const socket = await connected();
        socket.end(`client ${i}`);
        return String(await all(socket));
      }));
      deepEqual(answers, answers.map((_, i) => `client ${i}`));
    });
    equal(door.nstat()['TcpPassiveOpens'], 100);
  }, { delayUs: 3000, loss: 0.02 });
});

test('gateway: a world with no connection to the server can be stuck, and its error says that no seed replays it', async () => {
  await rejects(
    withServer(echo, () => new Promise(() => {})),
    /the world is stuck .*\(seed gateway, which does not replay it: port 7000 of door is 127\.0\.0\.1:\d+, in real time\)/,
  );
});

test('gateway: timeLimitUs counts while the world waits for the server', async () => {
  const server = net.createServer((socket) => socket.on('error', () => {}));
  const port = await listen(server);
  try {
    await rejects(simulate({ seed: 1, timeLimitUs: 400_000 }, async (world) => {
      const client = world.host('client');
      const door = world.host('door');
      world.cable(client, door);
      door.gateway(`127.0.0.1:${port}`, { port: PORT });
      await client.run(async () => await once(await connected(), 'data'));
    }), /the world ran \d+ events and 0\.[34]\d* s of its time without an end/);
  } finally {
    server.close();
  }
});

test('gateway: what makes no sense is refused', async () => {
  await simulate({ seed: 1 }, async (world) => {
    const door = world.host('door');
    for (const bad of ['127.0.0.1', '127.0.0.1:0', '127.0.0.1:65536', '::1:80', '/run/server.sock', 'a b:1']) {
      throws(() => door.gateway(bad), /host\.gateway: takes the address and port of a server/);
    }
    throws(() => door.gateway('127.0.0.1:80', { ports: 1 } as never), TypeError);
    throws(() => door.gateway('127.0.0.1:80', { port: 0 }), RangeError);
    equal(world.notReplayable, null);
    const gateway = door.gateway('[::1]:80', { port: PORT });
    throws(() => door.gateway('127.0.0.1:80', { port: PORT }), { code: 'EADDRINUSE' });
    gateway.close();
    door.gateway('127.0.0.1:80', { port: PORT }).close();
  });
});
