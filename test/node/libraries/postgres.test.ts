/** postgres: TCP's time for a query, its own for connecting, and a query that it loses, in a world as on the machine's sockets. */
import { deepEqual, equal } from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { DATABASE_PORT, serveDatabase } from '../../../src/cli/half-open/database.ts';
import { simulate } from '../../../src/entry/sim.node.ts';
import { type Library, leftOut, load } from './libraries.ts';
import { libraryTest, near } from './stage.ts';

libraryTest('postgres', ['postgres'], async (stage, { default: postgres }) => {
  await stage.server.run(serveDatabase);
  await stage.client.run(async () => {
    const options = { max: 1, connect_timeout: 3, backoff: 2, keep_alive: 0, fetch_types: false };
    const sql = postgres({ host: 'server', user: 'app', database: 'shop', ...options });
    const ask = async (what: string) => (await sql.unsafe(`select ${what}`).simple())[0].answer;
    equal(await ask('one'), 'select one');

    // Without a timeout for queries, a query waits for TCP: fifteen retransmissions.
    const mend = stage.drop(DATABASE_PORT);
    const hung = await stage.outcome(ask('two'));
    equal(hung.error?.code, 'ETIMEDOUT');
    near(hung.seconds, 960.5, 0.5);
    // It waits until two seconds have gone by since its connection ended, then three for an answer.
    await stage.sleep(1);
    const refused = await stage.outcome(ask('three'));
    equal(refused.error?.code, 'CONNECT_TIMEOUT');
    near(refused.seconds, 4);
    mend();
    await stage.sleep(1);
    const back = await stage.outcome(ask('four'));
    equal(back.value, 'select four');
    near(back.seconds, 1.06);
    await sql.end({ timeout: 1 });
  });
});

/** Version 3 of the protocol, for queries without rows; a connection is reset by its second query. */
const server = () => createServer((socket) => {
  const ready = Buffer.from('Z\0\0\0\x05I');
  let messages = 0;
  socket.on('error', () => {});
  socket.on('data', () => {
    messages++;
    if (messages === 1) socket.write(Buffer.concat([Buffer.from('R\0\0\0\x08\0\0\0\0'), ready]));
    else if (messages === 2) socket.write(Buffer.concat([Buffer.from('C\0\0\0\x0dSELECT 0\0'), ready]));
    else socket.resetAndDestroy();
  });
});

/** What became of a third query, begun `pauseMs` after the second has failed. */
async function third(postgres: Library, pauseMs: number): Promise<string[]> {
  const listening = server().listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  const sql = postgres({ host: '127.0.0.1', port, user: 'app', database: 'shop', max: 1, backoff: 0, fetch_types: false });
  const ask = async (): Promise<string> => {
    const timer = new Promise<string>((resolve) => setTimeout(resolve, 500, 'no answer'));
    return Promise.race([timer, sql.unsafe('select').simple().then(() => 'answer', ({ code }: NodeJS.ErrnoException) => code)]);
  };
  const told = [await ask(), await ask()];
  if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  told.push(await ask());
  listening.close();
  await sql.end({ timeout: 0 });
  return told;
}

test('postgres writes a query that is begun between error and close into the dead connection', { skip: leftOut('postgres') }, async () => {
  const { default: postgres } = await load('postgres');
  for (const [pauseMs, last] of [[0, 'no answer'], [20, 'answer']] as const) {
    const machine = await third(postgres, pauseMs);
    deepEqual(machine, ['answer', 'ECONNRESET', last]);
    deepEqual(await simulate({ seed: pauseMs }, (world) => world.host('a').run(() => third(postgres, pauseMs))), machine);
  }
});
