/** fastify: requests answered, and a handler that outlives its client's patience. */
import { deepEqual, equal } from 'node:assert/strict';
import type { Library } from './libraries.ts';
import { libraryTest, near } from './stage.ts';

const PORT = 3000;

libraryTest('fastify', ['fastify'], async (stage, { default: fastify }) => {
  const seen: string[] = [];
  await stage.server.run(async () => {
    const app = fastify();
    app.addHook('onRequest', async (request: { url: string }) => {
      seen.push(request.url);
    });
    app.get('/hello/:name', async (request: { params: { name: string } }) => ({ hello: request.params.name }));
    app.get('/slow', () => new Promise((resolve) => setTimeout(() => resolve({ late: true }), 20_000)));
    await app.listen({ port: PORT, host: '0.0.0.0' });
  });
  await stage.client.run(async () => {
    const get = async (path: string, seconds: number): Promise<Library> => (await fetch(`http://server:${PORT}${path}`, { signal: AbortSignal.timeout(seconds * 1000) })).json();
    deepEqual(await get('/hello/world', 5), { hello: 'world' });
    equal((await get('/nothing', 5)).statusCode, 404);
    const slow = await stage.outcome(get('/slow', 30));
    deepEqual(slow.value, { late: true });
    near(slow.seconds, 20);

    stage.far.cut();
    const lost = await stage.outcome(get('/hello/lost', 7));
    equal(lost.error?.name, 'TimeoutError');
    near(lost.seconds, 7);
    stage.far.mend();
    deepEqual(await get('/hello/again', 10), { hello: 'again' });
    deepEqual(seen.filter((url) => url !== '/hello/lost'), ['/hello/world', '/nothing', '/slow', '/hello/again']);
  });
});
