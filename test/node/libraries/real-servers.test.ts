/**
 * Debian's servers behind a gateway, in real time, and unchanged libraries that talk to them over a cable that loses, delays
 * and reorders; in the middle it is cut for a while. Each test says by what library's means it sees that nothing was lost.
 */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { type NodeHost, type NodeWorld, simulate } from '../../../src/entry/sim.node.ts';
import { needs } from '../../needs.ts';
import { type Library, leftOut, load } from './libraries.ts';
import {
  PASSWORD, type RealServer, startMariadb, startMosquitto, startNats, startPostgres, startRabbit, startRedis,
} from './real-servers.ts';

/** Two hosts: the client's, and one that stands for the server. */
interface Stage {
  readonly world: NodeWorld;
  readonly client: NodeHost;
  readonly server: NodeHost;
  readonly port: number;
  /** The cable is cut for so long. */
  outage(ms: number): Promise<void>;
}

const CABLE = { delayUs: 4000, jitterUs: 1000, loss: 0.05, reorder: { probability: 0.02, extraUs: 3000 } };
const TIMEOUT_MS = 120_000;

function serverTest(
  title: string, need: readonly string[], library: string, start: () => Promise<RealServer>, play: (stage: Stage, library: Library) => Promise<void>,
): void {
  const { skip } = needs(...need);
  test(`${title} behind a gateway, by ${library}, over a lossy cable`, { skip: skip || leftOut(library), timeout: TIMEOUT_MS }, async () => {
    const loaded = await load(library);
    const real = await start();
    try {
      await simulate({ seed: title, timeLimitUs: TIMEOUT_MS * 1000 }, async (world) => {
        const client = world.host('client');
        const server = world.host('server');
        const cable = world.cable(client, server, CABLE);
        const { port } = server.gateway(`127.0.0.1:${real.port}`);
        const outage = async (ms: number): Promise<void> => {
          cable.cut();
          await world.sleep(ms * 1000);
          cable.mend();
        };
        await client.run(() => play({ world, client, server, port, outage }, loaded));
        // The cable did lose something, and the stack brought it again.
        ok((client.nstat()['TcpRetransSegs'] ?? 0) + (server.nstat()['TcpRetransSegs'] ?? 0) > 0, 'nothing was retransmitted');
        deepEqual(world.escapes().map(({ name }) => name).filter((name) => name !== 'crypto' && name !== 'thread pool'), ['gateway']);
      });
    } finally {
      await real.stop();
    }
  });
}

/** Numbers from 0 on. */
function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

const BLOB = 'x'.repeat(300_000);

serverTest('redis', ['redis-server'], 'ioredis', startRedis, async ({ port, outage }, { Redis }) => {
  const redis = new Redis({ host: 'server', port, password: PASSWORD, maxRetriesPerRequest: null });
  redis.on('error', () => {});
  equal(await redis.set('colour', 'green'), 'OK');
  deepEqual(await Promise.all(numbers(200).map(() => redis.incr('count'))), numbers(200).map((i) => i + 1));
  await redis.set('blob', BLOB);
  equal(await redis.get('blob'), BLOB);
  const [sum] = await Promise.all([redis.incrby('count', 50), outage(700)]);
  equal(sum, 250);
  // It listens to another client of its own.
  const other = redis.duplicate();
  const heard: string[] = [];
  other.on('message', (_: string, text: string) => heard.push(text));
  await other.subscribe('news');
  for (const i of numbers(20)) equal(await redis.publish('news', String(i)), 1);
  await other.unsubscribe('news');
  deepEqual(heard, numbers(20).map(String));
  match(await redis.info('server'), /redis_version:\d/);
  await Promise.all([redis.quit(), other.quit()]);
});

serverTest('redis', ['redis-server'], 'redis', startRedis, async ({ port, server, world, outage }, { createClient }) => {
  const client = createClient({ url: `redis://server:${port}`, password: PASSWORD });
  let reconnects = 0;
  client.on('error', () => {});
  client.on('reconnecting', () => reconnects++);
  await client.connect();
  equal(await client.set('a', 'b'), 'OK');
  const [value] = await Promise.all([client.get('a'), outage(400)]);
  equal(value, 'b');
  // The host that stands for it crashes: the server goes on, the library connects again.
  server.crash();
  await world.sleep(200_000);
  server.restart();
  // What was asked on the connection that is gone is the caller's business; what comes after it is answered.
  await rejects(client.get('a'), /ECONNRESET|Socket closed/);
  equal(await client.get('a'), 'b');
  ok(reconnects > 0);
  await client.close();
});

serverTest('MariaDB', ['mariadbd', 'mariadb-install-db'], 'mysql2/promise', startMariadb, async ({ port, outage }, { createConnection }) => {
  const connection = await createConnection({ host: 'server', port, user: 'app', password: PASSWORD, database: 'shop' });
  await connection.query('CREATE TABLE goods (id INT PRIMARY KEY, name TEXT)');
  await connection.beginTransaction();
  for (const i of numbers(40)) await connection.execute('INSERT INTO goods VALUES (?, ?)', [i, `thing ${i}`]);
  const [done] = await Promise.all([connection.commit().then(() => 'committed'), outage(700)]);
  equal(done, 'committed');
  const [rows] = await connection.query('SELECT id, name FROM goods ORDER BY id');
  deepEqual(rows.map(({ id, name }: { id: number; name: string }) => [id, name]), numbers(40).map((i) => [i, `thing ${i}`]));
  const [[{ length }]] = await connection.query('SELECT LENGTH(?) AS length', [BLOB]);
  equal(length, BLOB.length);
  const [[{ version }]] = await connection.query('SELECT VERSION() AS version');
  match(version, /MariaDB/);
  await connection.end();
});

serverTest('PostgreSQL', ['postgresql'], 'pg', startPostgres, async ({ port, outage }, { default: pg }) => {
  const pool = new pg.Pool({ host: 'server', port, user: 'app', password: PASSWORD, database: 'postgres', max: 4 });
  match((await pool.query('SELECT version()')).rows[0].version, /^PostgreSQL \d/);
  await pool.query('CREATE TABLE goods (id int PRIMARY KEY, name text)');
  await Promise.all(numbers(40).map((i) => pool.query('INSERT INTO goods VALUES ($1, $2)', [i, `thing ${i}`])));
  const [{ rows }] = await Promise.all([pool.query('SELECT id, name FROM goods ORDER BY id'), outage(700)]);
  deepEqual(rows, numbers(40).map((id) => ({ id, name: `thing ${id}` })));
  const many = await pool.query('SELECT i, repeat($1, 100) AS text FROM generate_series(1, 5000) AS i', ['y']);
  deepEqual([many.rowCount, many.rows.at(-1)], [5000, { i: 5000, text: 'y'.repeat(100) }]);
  // What one of them says, another one hears of.
  const listener = await pool.connect();
  const heard = new Promise((resolve) => listener.once('notification', ({ payload }: { payload: string }) => resolve(payload)));
  await listener.query('LISTEN news');
  await pool.query("NOTIFY news, 'closed on Monday'");
  equal(await heard, 'closed on Monday');
  listener.release();
  await pool.end();
});

serverTest('PostgreSQL', ['postgresql'], 'postgres', startPostgres, async ({ port, outage }, { default: postgres }) => {
  const sql = postgres({ host: 'server', port, user: 'app', password: PASSWORD, database: 'postgres', max: 3 });
  const [answers] = await Promise.all([Promise.all(numbers(30).map((i) => sql`SELECT ${i}::int * 2 AS twice`)), outage(700)]);
  deepEqual(answers.map(([row]: { twice: number }[]) => row?.twice), numbers(30).map((i) => 2 * i));
  const sum = await sql.begin(async (inside: Library) => {
    await inside`CREATE TEMP TABLE n (i int)`;
    await inside`INSERT INTO n SELECT generate_series(1, 100)`;
    return (await inside`SELECT sum(i)::int AS sum FROM n`)[0].sum;
  });
  equal(sum, 5050);
  await sql.end();
});

serverTest('RabbitMQ', ['rabbitmq-server', 'epmd'], 'amqplib', startRabbit, async ({ port, outage }, { connect }) => {
  const connection = await connect({ protocol: 'amqp', hostname: 'server', port, username: 'guest', password: 'guest' });
  match(connection.connection.serverProperties.product, /RabbitMQ/);
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const heard: string[] = [];
  const all = new Promise<void>((resolve) => {
    void channel.consume(queue, (message: Library) => {
      heard.push(String(message.content).slice(0, 20));
      channel.ack(message);
      if (heard.length === 60) resolve();
    });
  });
  for (const i of numbers(30)) channel.sendToQueue(queue, Buffer.from(`letter ${i}`));
  await Promise.all([channel.waitForConfirms(), outage(700)]);
  for (const i of numbers(30)) channel.sendToQueue(queue, Buffer.from(`letter ${30 + i}`.padEnd(20_000)));
  await channel.waitForConfirms();
  await all;
  deepEqual(heard.map((text) => text.trim()), numbers(60).map((i) => `letter ${i}`));
  await connection.close();
});

serverTest('nats-server', ['nats-server'], '@nats-io/transport-node', startNats, async ({ port, outage }, { connect }) => {
  const connection = await connect({ servers: `server:${port}`, user: 'app', pass: PASSWORD });
  ok(connection.info.version.length > 0);
  connection.subscribe('twice', { callback: (_: unknown, message: Library) => message.respond(String(2 * Number(message.string()))) });
  const answers = Promise.all(numbers(50).map((i) => connection.request('twice', String(i), { timeout: 20_000 })));
  await outage(700);
  deepEqual((await answers).map((message: Library) => Number(message.string())), numbers(50).map((i) => 2 * i));
  const heard: number[] = [];
  const subscription = connection.subscribe('large', { max: 20 });
  for (const i of numbers(20)) connection.publish('large', String(i).padEnd(30_000));
  for await (const message of subscription) heard.push(Number(message.string()));
  deepEqual(heard, numbers(20));
  await connection.drain();
});

serverTest('mosquitto', ['mosquitto'], 'mqtt', startMosquitto, async ({ port, outage }, { default: mqtt }) => {
  const client = await mqtt.connectAsync(`mqtt://server:${port}`, { keepalive: 30 });
  const heard: string[] = [];
  client.on('message', (_: string, text: Buffer) => heard.push(String(text).trim()));
  await client.subscribeAsync('lamp', { qos: 2 });
  const told = async (count: number): Promise<void> => {
    while (heard.length < count) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  // Mosquitto loses what comes faster than it gets rid of it, on any network: ten at a time.
  await Promise.all([...numbers(10).map((i) => client.publishAsync('lamp', `state ${i}`, { qos: 2 })), outage(700)]);
  await told(10);
  for (const ten of [10, 20]) {
    await Promise.all(numbers(10).map((i) => client.publishAsync('lamp', `state ${ten + i}`.padEnd(10_000), { qos: 1 })));
    await told(ten + 10);
  }
  deepEqual(heard, numbers(30).map((i) => `state ${i}`));
  await client.endAsync();
});
