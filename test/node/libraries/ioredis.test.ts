/** ioredis: a command's own timeout, and connecting again after a server's crash, with what was asked meanwhile. */
import { equal } from 'node:assert/strict';
import { REDIS_PORT, serveRedis } from './redis-server.ts';
import { libraryTest, near } from './stage.ts';

libraryTest('ioredis', ['ioredis'], async (stage, { Redis }) => {
  await stage.server.run(serveRedis);
  await stage.client.run(async () => {
    const redis = new Redis({ host: 'server', port: REDIS_PORT, commandTimeout: 5000, maxRetriesPerRequest: null });
    const heard: string[] = [];
    for (const name of ['close', 'reconnecting', 'ready']) redis.on(name, () => heard.push(name));
    redis.on('error', (error: NodeJS.ErrnoException) => heard.push(String(error.code)));
    equal(await redis.set('colour', 'green'), 'OK');
    equal(await redis.get('colour'), 'green');

    const mend = stage.drop(REDIS_PORT);
    const lost = await stage.outcome(redis.get('colour'));
    equal(lost.error?.message, 'Command timed out');
    near(lost.seconds, 5);
    mend();
    // TCP has what the firewall dropped delivered later: the same connection goes on.
    equal(await redis.get('colour'), 'green');
    equal(heard.join(), 'ready');

    stage.server.crash();
    await stage.sleep(1);
    stage.server.restart();
    // The server's new kernel knows nothing of the connection: RST.
    const again = await stage.outcome(redis.incr('count'));
    equal(again.value, 1);
    near(again.seconds, 0.34);
    equal(heard.join(), 'ready,ECONNRESET,close,reconnecting,ready');
    redis.disconnect();
  });
});
