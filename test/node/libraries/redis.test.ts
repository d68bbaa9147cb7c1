/** redis: a command that waits for TCP to give up, and its own reconnecting. */
import { equal } from 'node:assert/strict';
import { REDIS_PORT, serveRedis } from './redis-server.ts';
import { libraryTest, near, once } from './stage.ts';

libraryTest('redis', ['redis'], async (stage, { createClient }) => {
  await stage.server.run(serveRedis);
  await stage.client.run(async () => {
    const client = createClient({ RESP: 2, socket: { host: 'server', port: REDIS_PORT, connectTimeout: 2000, reconnectStrategy: 500 } });
    const errors: string[] = [];
    client.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? error.message));
    await client.connect();
    equal(await client.set('colour', 'green'), 'OK');
    equal(await client.get('colour'), 'green');

    // Without a timeout of its own a command waits for TCP: the kernel gives up.
    const mend = stage.drop(REDIS_PORT);
    const lost = await stage.outcome(client.get('colour'));
    equal(lost.error?.code, 'ETIMEDOUT');
    near(lost.seconds, 957.3, 0.5);
    const ready = once(client, 'ready');
    await stage.sleep(10);
    // Meanwhile it tries to connect for 2 s, and again half a second later.
    equal(errors.join(), ['ETIMEDOUT', ...Array(4).fill('Connection timeout')].join());
    mend();
    const back = await stage.outcome(ready);
    near(back.seconds, 0, 2.6);
    equal(await client.get('colour'), 'green');
    client.destroy();
  });
});
